"""`merge` and `Merge` of Keras 1, and `add`, `concatenate` and the others of Keras 2."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from kerata import layers
from kerata.base.checks import check_choice
from kerata.engine.symbolic import SymbolicTensor
from kerata.layers.layer import Layer
from kerata.legacy.spelling import name_of_era

MODES = {
    "sum": "Add",
    "mul": "Multiply",
    "ave": "Average",
    "max": "Maximum",
    "concat": "Concatenate",
    "dot": "Dot",
    "cos": "Cosine",
}
# Of what a function gives: its shape without the batch, or a function of the shapes that go in.
OutputShape: TypeAlias = Sequence[int | None] | Callable[..., object] | None


class MaskedInOne:
    """A layer that merges: what is masked in one input is masked in the output, and inputs without a mask count for nothing."""

    masks_all = True
    _facts_of_program = ("masks_all",)


def merging_layer(
    mode: str | Callable[..., Any],
    concat_axis: int,
    dot_axes: int | Sequence[int],
    output_shape: OutputShape,
    arguments: dict[str, Any] | None,
    name: str | None,
) -> Layer:
    """The layer of today for a mode of `merge`."""
    name = name or name_of_era("keras1", type("Merge", (), {}))
    if callable(mode):
        shape = None if output_shape is None or callable(output_shape) else tuple(output_shape)
        return layers.Lambda(mode, output_shape=shape, arguments=arguments or {}, name=name)
    kind = getattr(layers, MODES[check_choice("merge", "mode", mode, MODES)])
    if mode in ("dot", "cos"):
        return kind(axes=[int(a) for a in dot_axes] if isinstance(dot_axes, (list, tuple)) else dot_axes, name=name)
    made: Layer = kind(axis=concat_axis, name=name) if mode == "concat" else kind(name=name)
    vars(made)["masks_all"] = True
    return made


def merge(
    inputs: Iterable[SymbolicTensor],
    mode: str | Callable[..., Any] = "sum",
    concat_axis: int = -1,
    dot_axes: int | Sequence[int] = -1,
    output_shape: OutputShape = None,
    output_mask: object = None,
    arguments: dict[str, Any] | None = None,
    name: str | None = None,
) -> SymbolicTensor:
    """One tensor of several: their sum, product, average, maximum, concatenation, dot product, cosine, or a function of them.

    >>> import kerata
    >>> a, b = kerata.Input((2,)), kerata.Input((3,))
    >>> merge([a, b], mode="concat").shape
    (None, 5)
    """
    return merging_layer(mode, concat_axis, dot_axes, output_shape, arguments, name)(list(inputs))


def Merge(
    layers: Iterable[Any] | None = None,
    mode: str | Callable[..., Any] = "sum",
    concat_axis: int = -1,
    dot_axes: int | Sequence[int] = -1,
    output_shape: OutputShape = None,
    output_mask: object = None,
    arguments: dict[str, Any] | None = None,
    node_indices: object = None,
    tensor_indices: object = None,
    name: str | None = None,
) -> Layer:
    """A layer that merges the outputs of models or layers; the first of a Sequential model, or called on tensors."""
    layer = merging_layer(mode, concat_axis, dot_axes, output_shape, arguments, name)
    if layers is not None:
        layer.__dict__["_branches"] = list(layers)
        layer([branch.output for branch in layers])
    return layer


# The functions of Keras 2 and the classes that they call.
FUNCTIONS = {name: name.capitalize() for name in ("add", "subtract", "multiply", "average", "maximum", "minimum")}
FUNCTIONS |= {"concatenate": "Concatenate", "dot": "Dot"}


def merging_function(name: str, layer: type[Layer]) -> Callable[..., SymbolicTensor]:
    """`add(inputs)`, `concatenate(inputs, axis)`, ...: a layer of an era, made and called."""

    def merge(inputs: Iterable[SymbolicTensor], *args: object, **kwargs: object) -> SymbolicTensor:
        return layer(*args, **kwargs)(inputs)

    merge.__name__ = merge.__qualname__ = name
    merge.__doc__ = f"{layer.__name__} of a list of tensors."
    return merge
