"""StableHLO: a model's prediction as a program of XLA, for every platform, that `jax.export` reads."""

from pathlib import Path

import jax
import numpy as np
from jax import export

from kerata.base.checks import check_path, message
from kerata.base.replacing import replace_file
from kerata.base.types import PathLike
from kerata.engine.types import Tree
from kerata.export.tracing import Traced
from kerata.kernels.compiler import kernel_form

PLATFORMS = ("cpu", "cuda", "rocm", "tpu")


def flatbuffers(owner: str) -> None:
    """Raises where the library that JAX writes such files with is not there."""
    try:
        import flatbuffers  # noqa: F401
    except ImportError as error:
        fix = 'Install it: pip install "kerata[export]"'
        raise ImportError(message(owner, "the package flatbuffers is needed", fix=fix)) from error


def write_program(traced: Traced, path: Path) -> None:
    """Writes the program, its weights within it."""
    flatbuffers("export")
    function = traced.function()
    values = [variable.value for variable in traced.variables]

    def serve(*arguments: Tree) -> Tree:
        return function(values, *arguments)

    with kernel_form("plain"):
        exported = export.export(jax.jit(serve), platforms=PLATFORMS)(*traced.shapes)
    with replace_file(path) as part:
        part.write_bytes(exported.serialize())


class Program:
    """A model's prediction, read from a file; call it on what the model took."""

    def __init__(self, exported: export.Exported):
        self.exported = exported
        self._call = jax.jit(exported.call)

    @property
    def input_shapes(self) -> Tree:
        """The shapes of the arguments, in the form in which they are given; a text where a size is open."""
        shapes = [tuple(size if isinstance(size, int) else str(size) for size in aval.shape) for aval in self.exported.in_avals]
        arguments, _ = jax.tree.unflatten(self.exported.in_tree, shapes)
        return arguments[0] if len(arguments) == 1 else arguments

    def __call__(self, *arguments: Tree) -> Tree:
        """The outputs, in the form that the model gave them."""
        leaves, form = jax.tree.flatten((arguments, {}))
        if form != self.exported.in_tree:
            expected = f"the program takes arguments of the shapes {self.input_shapes}"
            raise ValueError(message("Program", expected, {"arguments": arguments}))
        kinds = [aval.dtype for aval in self.exported.in_avals]
        given = [np.asarray(leaf, kind) for leaf, kind in zip(leaves, kinds, strict=True)]
        arguments, _ = jax.tree.unflatten(form, given)
        return self._call(*arguments)


def load(filepath: PathLike) -> Program:
    """Reads a program that `model.export(path, format="stablehlo")` has written.

    Neither the model's code nor Kerata's layers are needed for it. `jax.export.deserialize` reads the same file.

    Args:
        filepath: the file.

    >>> import kerata, numpy as np, tempfile
    >>> model = kerata.Sequential([kerata.Input((3,)), kerata.layers.Dense(2)])
    >>> path = tempfile.mkdtemp() + "/model.stablehlo"
    >>> model.export(path, format="stablehlo", verbose=False)
    >>> program = kerata.export.load(path)
    >>> program.input_shapes, program(np.ones((5, 3))).shape
    (('batch', 3), (5, 2))
    """
    path = check_path("export.load", filepath)
    flatbuffers("export.load")
    data = path.read_bytes()
    try:
        return Program(export.deserialize(bytearray(data)))
    except Exception as error:
        expected = "the file must be one that export(format='stablehlo') has written, whole"
        raise ValueError(message("export.load", expected, {"filepath": str(path)})) from error
