"""`ExportArchive`: several functions of layers and models in one folder."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from kerata.base.checks import KindError, check_choice, check_path, message
from kerata.base.display import say
from kerata.base.replacing import replace_file
from kerata.base.types import PathLike
from kerata.engine.types import Tree
from kerata.engine.variable import Variable
from kerata.export.exporting import export_model
from kerata.export.signature import is_spec
from kerata.layers.layer import Layer
from kerata.models.model import Model

FORMATS = ("stablehlo", "onnx")


class Served(Model):
    """A function as a model.

    Args:
        fn: of arrays.
        resources: the layers that it calls, as far as they are known.
    """

    def __init__(self, fn: Callable[..., Tree], resources: Iterable[Layer], name: str):
        super().__init__(name=name)
        self.fn, self.resources = fn, list(resources)

    def call(self, *inputs: Tree) -> Tree:
        return self.fn(*inputs)


class ExportArchive:
    """Functions of layers and models, each as a file that programs without Kerata run, in one folder.

    Keras writes TensorFlow's SavedModel, which is refused here: say the format.

    Args:
        format: `"stablehlo"`, files for `kerata.export.load`, or `"onnx"`.

    >>> import kerata, tempfile
    >>> model = kerata.Sequential([kerata.Input((3,)), kerata.layers.Dropout(0.5), kerata.layers.Dense(2)])
    >>> archive = ExportArchive("stablehlo")
    >>> _ = archive.track_and_add_endpoint("serve", model)
    >>> signature = [kerata.InputSpec(shape=(None, 3), dtype="float32")]
    >>> _ = archive.add_endpoint("sums", lambda x: kerata.ops.sum(model(x), 1), signature)
    >>> folder = tempfile.mkdtemp()
    >>> archive.write_out(folder, verbose=False)
    >>> kerata.export.load(f"{folder}/sums.stablehlo")(np.ones((5, 3))).shape
    (5,)
    """

    def __init__(self, format: str = "saved_model", **kwargs: object):
        if kwargs:
            raise TypeError(message("ExportArchive", "unknown arguments", kwargs))
        if format == "saved_model":
            fix = 'Say ExportArchive("stablehlo"), whose files kerata.export.load and jax.export read, or ExportArchive("onnx")'
            raise ValueError(message("ExportArchive", "a SavedModel is TensorFlow's own format", {"format": format}, fix))
        self.format = check_choice("ExportArchive", "format", format, FORMATS)
        self._resources: list[Layer] = []
        self._endpoints: dict[str, tuple[Callable[..., Tree], object]] = {}
        self._collections: dict[str, list[Variable]] = {}

    def track(self, resource: Layer) -> None:
        """Names a layer or model that functions call: its weights are listed in `variables`."""
        if not isinstance(resource, Layer):
            raise KindError(message("ExportArchive.track", "`resource` must be a layer or a model", {"resource": resource}))
        if all(resource is not one for one in self._resources):
            self._resources.append(resource)

    def add_endpoint(
        self, name: str, fn: Callable[..., Tree], input_signature: object = None, **kwargs: object
    ) -> Callable[..., Tree]:
        """Adds a function, and returns it.

        Args:
            name: of its file.
            fn: a function of arrays, a layer or a model.
            input_signature: for each argument an `InputSpec`, a symbolic tensor or an array, or a list or dict of such; a model
                that has been called needs none.
        """
        owner = "ExportArchive.add_endpoint"
        if kwargs:
            raise TypeError(message(owner, f"the format {self.format!r} takes no such arguments", kwargs))
        self._check_name(owner, name)
        if not callable(fn):
            raise KindError(message(owner, "`fn` must be a function", {"fn": fn}))
        if input_signature is None and not isinstance(fn, Model):
            fix = "Give an InputSpec for each argument: input_signature=[kerata.InputSpec(shape=(None, 3), dtype='float32')]"
            raise ValueError(message(owner, "what the function takes is not known", {"input_signature": None}, fix))
        if is_spec(input_signature):
            input_signature = [input_signature]
        self._endpoints[name] = (fn, input_signature)
        return fn

    def track_and_add_endpoint(
        self, name: str, resource: Layer, input_signature: object = None, **kwargs: object
    ) -> Callable[..., Tree]:
        """`track(resource)` and `add_endpoint(name, resource, input_signature)`."""
        self.track(resource)
        return self.add_endpoint(name, resource, input_signature, **kwargs)

    def add_variable_collection(self, name: str, variables: Iterable[Variable]) -> None:
        """Adds variables: their values are written into `NAME.npz`, by their paths."""
        self._check_name("ExportArchive.add_variable_collection", name)
        self._collections[name] = list(variables)

    def write_out(self, filepath: PathLike, options: object = None, verbose: bool = True) -> None:
        """Writes a folder: `NAME.stablehlo` or `NAME.onnx` for each function, `NAME.npz` for each collection of variables."""
        owner = "ExportArchive.write_out"
        folder = check_path(owner, filepath)
        if options is not None:
            raise ValueError(message(owner, "`options` are TensorFlow's", {"options": options}))
        if not self._endpoints:
            raise ValueError(message(owner, "there is nothing to write", fix="Call add_endpoint first"))
        folder.mkdir(parents=True, exist_ok=True)
        for name, (fn, signature) in self._endpoints.items():
            served = fn if isinstance(fn, Model) else Served(fn, self._called_by(fn), name)
            export_model(served, folder / f"{name}.{self.format}", self.format, False, signature)
        for name, variables in self._collections.items():
            write_arrays(folder / f"{name}.npz", variables)
        if verbose:
            say(f"Saved artifact at '{os.fspath(filepath)}': {', '.join(self._endpoints)}.")

    @property
    def variables(self) -> list[Variable]:
        """The weights and states of what is tracked."""
        return self._listed("variables")

    @property
    def trainable_variables(self) -> list[Variable]:
        """Those of them that are trained."""
        return self._listed("trainable_variables")

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """Those of them that are not."""
        return self._listed("non_trainable_variables")

    def _listed(self, name: str) -> list[Variable]:
        found = [variable for resource in self._resources for variable in getattr(resource, name)]
        return list({id(variable): variable for variable in found}.values())

    def _called_by(self, fn: Callable[..., Tree]) -> list[Layer]:
        """The layers that a function may call; a method's own one first."""
        own = fn if isinstance(fn, Layer) else getattr(fn, "__self__", None)
        return [*([own] if isinstance(own, Layer) else []), *(one for one in self._resources if one is not own)]

    def _check_name(self, owner: str, name: str) -> None:
        if not isinstance(name, str) or not name.isidentifier():
            raise KindError(message(owner, "`name` must be a name as Python has them", {"name": name}))
        if name in self._endpoints or name in self._collections:
            raise ValueError(message(owner, "the name is taken", {"name": name}))


def write_arrays(path: Path, variables: Iterable[Variable]) -> None:
    """Writes the values of variables, by their paths."""
    arrays: dict[str, Any] = {variable.path: variable.numpy() for variable in variables}
    with replace_file(path) as part, part.open("wb") as file:
        np.savez(file, **arrays)
