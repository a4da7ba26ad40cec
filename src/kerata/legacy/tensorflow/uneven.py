"""Layers of `tf.keras` that take ragged tensors by hand: those that turn each element into something, row by row."""

from typing import TYPE_CHECKING

from kerata.base.checks import message
from kerata.base.importing import Late

if TYPE_CHECKING:
    from kerata.legacy.tensorflow import strings
    from kerata.legacy.tensorflow.strings import Ragged
else:
    # Functions of texts stand above layers.
    strings = Late("kerata.legacy.tensorflow.strings")

ELEMENTWISE = frozenset({"StringLookup", "IntegerLookup", "Hashing", "Embedding", "Rescaling", "Activation", "ReLU"})


def is_ragged(args: tuple) -> bool:
    """Whether a layer is given a ragged tensor."""
    return bool(args) and hasattr(args[0], "is_ragged")


def of_rows(layer: object, ragged: "Ragged", args: tuple, kwargs: dict[str, object]) -> "Ragged":
    """What a layer gives for a ragged tensor: rows of the same lengths."""
    kind = next((cls.__name__ for cls in type(layer).__mro__ if cls.__name__ in ELEMENTWISE), "")
    if not kind or getattr(layer, "output_mode", "int") != "int" or not len(ragged):
        fix = "Fill the rows up: x.to_tensor()"
        raise TypeError(message(layer, "it takes no ragged tensor", {"inputs": f"shape={ragged.shape}"}, fix))
    return strings.Ragged([layer(row, *args, **kwargs) for row in ragged], ragged.dtype)  # type: ignore[operator]
