"""Inputs of functional and sequential models."""

from collections.abc import Sequence
from typing import Any

from kerata.base.checks import KindError, message
from kerata.base.registry import builtin
from kerata.base.types import DTypeLike, Owner, PartialShapeLike
from kerata.engine.module import Look
from kerata.engine.naming import auto_name
from kerata.engine.symbolic import Node, SymbolicTensor
from kerata.engine.variable import standardize_dtype
from kerata.layers.layer import Layer


@builtin("layers")
class InputLayer(Layer):
    """The place of an input in a graph; `Input()` makes one and returns its tensor.

    Args:
        shape: a sample's shape, without the batch; `None` for a dimension of any size.
        batch_size: the batch's size where it is fixed, as stateful recurrent layers need.
        dtype: the type that inputs are converted to.
        batch_shape: the shape with the batch, in place of `shape` and `batch_size`.
        input_tensor: a symbolic tensor that is to be the input.
        optional: whether `None` may be given for it.
        name: the input's name, by which a dict of inputs is matched.
    """

    mixes_samples = False

    def __init__(
        self,
        shape=None,
        batch_size=None,
        dtype=None,
        sparse=None,
        ragged=None,
        batch_shape=None,
        input_tensor=None,
        optional=False,
        name=None,
        **kwargs,
    ):
        super().__init__(name=name or auto_name("input_layer"))
        if kwargs.get("input_shape") is not None:
            shape = kwargs.pop("input_shape")
        if kwargs.get("batch_input_shape") is not None:
            batch_shape = kwargs.pop("batch_input_shape")
        for argument, value in (("sparse", sparse), ("ragged", ragged)):
            if value:
                raise ValueError(message(self, f"`{argument}=True` is not supported: inputs are dense"))
        for argument, value in (("shape", shape), ("batch_size", batch_size)):
            if value is not None and batch_shape is not None:
                raise ValueError(
                    message(
                        self,
                        f"you cannot pass both `{argument}` and `batch_shape`",
                        {argument: value, "batch_shape": batch_shape},
                    )
                )
        if input_tensor is not None:
            check_input_tensor(self, input_tensor, shape, batch_size, batch_shape, dtype)
            batch_shape, dtype = input_tensor.shape, input_tensor.dtype
        if batch_shape is None:
            if shape is None:
                raise ValueError(
                    message(self, "pass a `shape` argument", fix="Input(shape=(784,)) takes samples of 784 numbers")
                )
            batch_shape = (batch_size, *check_sample_shape(self, shape))
        self._batch_shape = check_sample_shape(self, batch_shape)
        self.optional = optional
        given = SymbolicTensor((), dtype).dtype
        self.input_dtype = given  # type: ignore[assignment]
        self.built = True
        if input_tensor is None:
            input_tensor = SymbolicTensor(self._batch_shape, given, name=self.name)
        self.tensor: SymbolicTensor = input_tensor
        Node(self, (), {}, self.tensor)

    _bookkeeping = {"tensor": Look.PROGRAM}
    sparse = ragged = False

    @property
    def batch_shape(self) -> tuple[int | None, ...]:
        return self._batch_shape

    @property
    def dtype(self) -> str:
        return self.input_dtype

    def call(self) -> None:
        """Nothing: what stands at an input is given, and not computed."""

    def get_config(self) -> dict[str, Any]:
        return {
            "batch_shape": self._batch_shape,
            "dtype": self.input_dtype,
            "sparse": False,
            "ragged": False,
            "name": self.name,
            **({"optional": True} if self.optional else {}),
        }


def check_input_tensor(
    owner: Owner,
    tensor: object,
    shape: PartialShapeLike | None,
    batch_size: int | None,
    batch_shape: Sequence[int | None] | None,
    dtype: DTypeLike | None,
) -> None:
    """Raises where `input_tensor` is none, or does not fit what was said beside it."""
    if not isinstance(tensor, SymbolicTensor):
        raise ValueError(
            message(
                owner, "Argument `input_tensor` must be a KerasTensor, made by Input() or by a layer", {"input_tensor": tensor}
            )
        )
    given = {
        "shape": (None if shape is None else check_sample_shape(owner, shape), tensor.shape[1:]),
        "batch_size": (batch_size, tensor.shape[0] if tensor.shape else None),
        "batch_shape": (None if batch_shape is None else tuple(batch_shape), tensor.shape),
        "dtype": (None if dtype is None else standardize_dtype(dtype), tensor.dtype),
    }
    for name, (value, found) in given.items():
        if value is not None and value != found:
            raise ValueError(
                message(
                    owner,
                    f"you cannot provide an incompatible `{name}` beside `input_tensor`",
                    {name: value, "input_tensor": tensor},
                )
            )


def check_sample_shape(owner: Owner, shape: Any) -> tuple[int | None, ...]:
    """A sample's shape as a tuple of whole numbers and `None`; a single number is a shape of one dimension."""
    if isinstance(shape, int):
        shape = (shape,)
    if hasattr(shape, "dtype") and len(shape.shape) != 1:
        raise KindError(
            message(
                owner,
                "`shape` must be the shape of one sample, and it is an array",
                {"shape": shape},
                "Write Input(shape=x.shape[1:])",
            )
        )
    if not isinstance(shape, Sequence) or isinstance(shape, str):
        try:
            shape = tuple(shape)
        except TypeError:
            raise KindError(message(owner, "`shape` must be a tuple of numbers", {"shape": shape})) from None
    for dim in shape:
        if dim is not None and (not hasattr(dim, "__index__") or dim < 0):
            raise ValueError(message(owner, "`shape` must hold whole numbers of at least 0, or None", {"shape": shape}))
    return tuple(shape)


def Input(
    shape=None,
    batch_size=None,
    dtype=None,
    sparse=None,
    ragged=None,
    batch_shape=None,
    name=None,
    tensor=None,
    optional=False,
    **kwargs,
) -> SymbolicTensor:
    """A symbolic input of a model.

    Args:
        shape: a sample's shape, without the batch.
        batch_size: the batch's size where it is fixed.
        dtype: the type that inputs are converted to.
        batch_shape: the shape with the batch, in place of `shape` and `batch_size`.
        name: by which a dict of inputs is matched.
        tensor: a symbolic tensor that is to be the input.
        optional: whether `None` may be given for it.

    >>> import kerata
    >>> kerata.Input(shape=(784,), name="pixels").shape
    (None, 784)
    """
    return InputLayer(
        shape=shape,
        batch_size=batch_size,
        dtype=dtype,
        sparse=sparse,
        ragged=ragged,
        batch_shape=batch_shape,
        input_tensor=tensor,
        name=name,
        optional=optional,
        **kwargs,
    ).tensor
