"""What layers of `tf.keras` do with ragged tensors by hand, and what those of texts give."""

from typing import TYPE_CHECKING

import jax
import numpy as np

from kerata.base.checks import message
from kerata.base.importing import Late
from kerata.legacy.tensorflow.tensor import Tensor, tensors
from kerata.legacy.tensorflow.types import int64

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


def of_host(layer: object, found: object, shape: tuple[int, ...] | None) -> object:
    """What a layer of texts gives, as `tf.keras` gave it: whole numbers of 64 bits, and of one word alone no batch of ones."""
    if getattr(layer, "_era", "") != "tfkeras2" or not isinstance(found, (jax.Array, np.ndarray)):
        return tensors(found)
    array = np.asarray(found)
    if array.dtype.kind == "O" and getattr(layer, "ragged", False):
        return strings.Ragged([Tensor(row.astype(np.int64)) for row in array], int64)
    if shape in ((), (1,)) and getattr(layer, "output_mode", None) == "one_hot" and array.shape[:-1] == (1,):
        array = array[0]
    return tensors(array.astype(np.int64) if array.dtype.kind in "iu" else array)
