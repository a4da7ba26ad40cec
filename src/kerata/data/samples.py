"""Data in memory: samples in arrays, alone or in lists and dicts."""

from typing import Any

import jax
import numpy as np

from kerata.base import config
from kerata.base.checks import message


class Samples:
    """Inputs, targets and weights of n samples, each a tree of NumPy or JAX arrays with n rows.

    Args:
        x, y, sample_weight: trees of arrays; `None` where there is none.
    """

    def __init__(self, x: Any, y: Any = None, sample_weight: Any = None):
        self.x, self.y, self.sample_weight = x, y, sample_weight
        self.size = check_lengths(x=x, y=y, sample_weight=sample_weight)

    @property
    def tree(self) -> tuple[Any, Any, Any]:
        return self.x, self.y, self.sample_weight

    def slice(self, start: int, stop: int) -> "Samples":
        """Rows from `start` to `stop`."""
        return Samples(*jax.tree.map(lambda a: a[start:stop], self.tree))

    @property
    def nbytes(self) -> int:
        return sum(leaf.nbytes for leaf in jax.tree.leaves(self.tree))


def check_lengths(**trees: Any) -> int:
    """The common number of rows of all arrays, or a `ValueError` that lists them."""
    sizes = {}
    for name, tree in trees.items():
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
            if np.ndim(leaf) == 0:
                raise ValueError(message("data", f"`{name}` must hold one row a sample", {name: leaf}))
            sizes[name + jax.tree_util.keystr(path)] = leaf.shape[0]
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{name} has {size}" for name, size in sizes.items())
        raise ValueError(message("data", "all arrays must have the same number of samples", {"samples": listed}))
    if not sizes or next(iter(sizes.values())) == 0:
        raise ValueError(message("data", "there must be at least one sample", sizes or {"x": None}))
    return next(iter(sizes.values()))


def standardize_arrays(tree: Any, name: str) -> Any:
    """A tree of arrays: frames and lists of numbers as arrays, floats as `floatx()`, 64-bit integers as 32-bit.

    Raises `TypeError` for objects, text where numbers are needed, and ragged lists.
    """
    if tree is None:
        return None
    if isinstance(tree, dict):
        return {key: standardize_arrays(value, f"{name}[{key!r}]") for key, value in tree.items()}
    if isinstance(tree, (list, tuple)) and tree and not _is_plain(tree):
        return type(tree)(standardize_arrays(value, f"{name}[{index}]") for index, value in enumerate(tree))
    return standardize_array(tree, name)


def _is_plain(value: Any) -> bool:
    """Whether nested lists hold numbers only, so that they stand for one array."""
    while isinstance(value, (list, tuple)):
        if not value:
            return True
        value = value[0]
    return not hasattr(value, "shape")


def standardize_array(value: Any, name: str) -> Any:
    if hasattr(value, "iloc") or hasattr(value, "to_numpy"):
        value = value.to_numpy()
    elif hasattr(value, "detach"):  # torch tensors
        value = value.detach().cpu().numpy()
    elif hasattr(value, "numpy") and not isinstance(value, (np.ndarray, jax.Array)):
        value = value.numpy()
    if not isinstance(value, jax.Array):
        try:
            value = np.asarray(value)
        except ValueError as error:
            raise ValueError(message("data", f"`{name}` must be an array, and rows of different lengths are not one",
                                     {"error": str(error)}, "Pad sequences to one length first")) from None
    kind = value.dtype.kind
    if kind == "O":
        value = _from_objects(value, name)
        kind = value.dtype.kind
    if kind in "US":
        raise TypeError(message("data", f"`{name}` must hold numbers", {name: value},
                                "Turn text into numbers first, e.g. with a StringLookup or pandas.get_dummies"))
    if kind == "f" and value.dtype != config.floatx():
        return value.astype(config.floatx())
    if kind in "iu" and value.dtype.itemsize == 8:
        return value.astype(np.int32 if kind == "i" else np.uint32)
    if kind == "M" or kind == "m":
        raise TypeError(message("data", f"`{name}` must hold numbers, not dates", {name: value}))
    return value


def _from_objects(value: np.ndarray, name: str) -> np.ndarray:
    """Frames with mixed columns give arrays of Python numbers; everything else is not numeric."""
    try:
        return value.astype(config.floatx())
    except (TypeError, ValueError):
        example = next((item for item in value.ravel() if not isinstance(item, (int, float))), None)
        raise TypeError(message("data", f"`{name}` must hold numbers, but it holds Python objects",
                                {"dtype": value.dtype, "for example": example},
                                "Turn columns of text into numbers first; pad lists to one length")) from None
