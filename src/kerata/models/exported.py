"""`Model.export`, whose work is done in `kerata.export`, which stands above the models."""

import importlib

from kerata.base.registry import find_builtin
from kerata.base.types import PathLike


class Exported:
    """The method of a model that writes its prediction as a file."""

    def export(
        self,
        filepath: PathLike,
        format: str = "tf_saved_model",
        verbose: bool | None = None,
        input_signature: object = None,
        **kwargs: object,
    ) -> None:
        """Writes the model's prediction as a file that needs neither its code nor Kerata.

        The number of samples is open unless the model fixes it, and so is every other size that its inputs leave open. Half
        precision is computed in float32 in an ONNX file.

        Args:
            filepath: the file.
            format: `"onnx"`, for ONNX Runtime and its kin, which needs `pip install "kerata[export]"`; or `"stablehlo"`, which
                `kerata.export.load` and `jax.export` read, on every platform. Keras's other formats are refused.
            verbose: whether to say where the file is; it does unless this is False.
            input_signature: what the model takes, where that is not to be its own inputs: for each argument an `InputSpec`, a
                symbolic tensor or an array, or lists, tuples or dicts of such.
            **kwargs: `opset_version` of `"onnx"`, 17 to 23: the version of ONNX's operators.

        Raises:
            NotImplementedError: for an operation that ONNX has not; the message names it and its layer.

        >>> import kerata, tempfile
        >>> model = kerata.Sequential([kerata.Input((3,)), kerata.layers.Dense(2, activation="softmax")])
        >>> model.export(tempfile.mkdtemp() + "/model.onnx", format="onnx", verbose=False)
        """
        importlib.import_module("kerata.export")
        service = find_builtin("services", "export")
        assert service is not None
        service(self, filepath, format, verbose, input_signature, **kwargs)
