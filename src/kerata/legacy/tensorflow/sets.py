"""`tf.sets`: what rows of whole numbers have in common, as rows that are filled up with 0."""

from collections.abc import Callable

import numpy as np

from kerata.base.checks import message
from kerata.legacy.tensorflow.calls import convert
from kerata.legacy.tensorflow.tensor import Tensor
from kerata.legacy.tensorflow.types import DType


class Rows:
    """Sets of whole numbers, one a row, which TensorFlow holds as a sparse tensor.

    Args:
        rows: the numbers of each, in order.
        dtype: their type.
    """

    def __init__(self, rows: list[np.ndarray], dtype: DType):
        self.rows, self.dtype = rows, dtype

    @property
    def values(self) -> Tensor:
        """All numbers, row by row."""
        return Tensor(np.concatenate(self.rows).astype(self.dtype.dtype), self.dtype)

    @property
    def dense_shape(self) -> Tensor:
        return Tensor(np.array([len(self.rows), max(map(len, self.rows), default=0)]))


def of_rows(combine: Callable[[np.ndarray, np.ndarray], np.ndarray], name: str) -> Callable[..., Rows]:
    """A function of two tensors of rows."""

    def call(a: object, b: object, validate_indices: bool = True, **kwargs: object) -> Rows:
        first, second = convert(a), convert(b)
        if first.ndim != 2 or second.ndim != 2 or first.shape[0] != second.shape[0]:
            shapes = {"a": first.shape, "b": second.shape}
            raise ValueError(message(f"tf.sets.{name}", "it takes two tensors of as many rows", shapes))
        pairs = zip(first.numpy(), second.numpy(), strict=True)
        return Rows([combine(np.unique(one), np.unique(other)) for one, other in pairs], first.dtype)

    call.__name__ = name
    return call


def to_dense(sp_input: object, default_value: float = 0, validate_indices: bool = True, name: str | None = None) -> Tensor:
    """What `tf.sets` gives, as a tensor: shorter rows are filled up."""
    if not isinstance(sp_input, Rows):
        expected = "it takes what tf.sets gives; other sparse tensors are not there"
        raise NotImplementedError(message("tf.sparse.to_dense", expected, {"sp_input": type(sp_input).__name__}))
    longest = max(map(len, sp_input.rows), default=0)
    found = np.full((len(sp_input.rows), longest), default_value, sp_input.dtype.dtype)
    for place, row in enumerate(sp_input.rows):
        found[place, : len(row)] = row
    return Tensor(found, sp_input.dtype)


SETS = {
    "intersection": of_rows(np.intersect1d, "intersection"),
    "union": of_rows(np.union1d, "union"),
    "difference": of_rows(lambda one, other: np.setdiff1d(one, other, assume_unique=True), "difference"),
}
# As they were called in TensorFlow 1.
SETS |= {f"set_{name}": function for name, function in SETS.items()}
