"""Texts among data: layers on the host take them, and no program does."""

from typing import Any

import jax
import numpy as np

from kerata.base.types import like_sequence
from kerata.data.samples import Wide, standardize_arrays
from kerata.engine.types import HostArray


def is_texts(x: object) -> bool:
    """Whether nested lists hold texts, so that they stand for one array."""
    while isinstance(x, (list, tuple)) and x:
        x = x[0]
    return isinstance(x, (str, bytes))


def read_texts(value: object) -> HostArray | None:
    """An array of texts; `None` for anything else.

    Args:
        value: an array, a column of a frame, nested lists.
    """
    if is_column(value):
        value = value.to_numpy()  # type: ignore[attr-defined]
    found = np.asarray(value) if is_texts(value) or isinstance(value, np.ndarray) else None
    return found if found is not None and holds_texts(found) else None


def holds_texts(array: HostArray) -> bool:
    """Whether an array holds texts."""
    if array.dtype.kind != "O":
        return array.dtype.kind in "US"
    return array.size > 0 and all(isinstance(item, (str, bytes)) for item in array.flat)


def standardize_inputs(tree: object, name: str, wide: Wide | None = None) -> Any:
    """As `standardize_arrays`, with texts as they are.

    >>> standardize_inputs({"a": ["yes", "no"], "b": [1.0, 2.0]}, "x")["a"].tolist()
    ['yes', 'no']
    """
    if (texts := read_texts(tree)) is not None:
        return texts
    if isinstance(tree, dict):
        return {key: standardize_inputs(value, f"{name}[{key!r}]", wide) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)) and any(read_texts(value) is not None for value in tree):
        return like_sequence(tree, [standardize_inputs(value, f"{name}[{i}]", wide) for i, value in enumerate(tree)])
    return standardize_arrays(tree, name, wide)


def as_columns(tree: object) -> object:
    """Columns of frames, alone or by name, as what they were in the frame: an axis of their own."""
    if isinstance(tree, dict):
        return {key: as_columns(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)) and any(map(is_column, tree)):
        return like_sequence(tree, [as_columns(value) for value in tree])
    if not is_column(tree):
        return tree
    texts = read_texts(tree)
    return tree.to_frame() if texts is None else texts[:, None]  # type: ignore[attr-defined]


def is_column(value: object) -> bool:
    """Whether this is a series of pandas."""
    return hasattr(value, "iloc") and not hasattr(value, "columns")


def any_texts(tree: object) -> bool:
    """Whether there are texts among arrays."""
    return any(isinstance(leaf, np.ndarray) and holds_texts(leaf) for leaf in jax.tree.leaves(tree))
