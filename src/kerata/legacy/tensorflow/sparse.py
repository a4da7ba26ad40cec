"""`tf.SparseTensor`: the entries of a tensor that are there, and where they stand."""

import itertools

import numpy as np

from kerata.base.checks import message
from kerata.engine.types import HostArray
from kerata.legacy.tensorflow.calls import convert
from kerata.legacy.tensorflow.errors import InvalidArgumentError
from kerata.legacy.tensorflow.tensor import Tensor, dtype_of
from kerata.legacy.tensorflow.types import DType, TensorShape, int64, string


class SparseTensor:
    """Entries of a tensor, to be made a dense one by `tf.sparse.to_dense`.

    Args:
        indices: of each entry its places along all axes.
        values: the entries.
        dense_shape: the sizes of the axes.

    >>> sparse = SparseTensor([[0, 1], [1, 0]], [3, 4], (2, 2))
    >>> to_dense(sparse).numpy().tolist()
    [[0, 3], [4, 0]]
    """

    def __init__(self, indices: object, values: object, dense_shape: object):
        self.indices, self.dense_shape = convert(whole(indices)), convert(whole(dense_shape))
        self.values = convert(values)
        if self.indices.ndim != 2 or self.indices.shape != (len(self.values), len(self.dense_shape)):
            received = {"indices": self.indices.shape, "values": self.values.shape, "dense_shape": self.dense_shape.shape}
            expected = "for each value as many places as there are axes were expected"
            raise ValueError(message("tf.SparseTensor", expected, received))

    @property
    def shape(self) -> TensorShape:
        return TensorShape(self.dense_shape.numpy().tolist())

    def get_shape(self) -> TensorShape:
        return self.shape

    @property
    def dtype(self) -> DType:
        return dtype_of(self.values)

    def __repr__(self) -> str:
        return f"SparseTensor(indices={self.indices}, values={self.values}, dense_shape={self.dense_shape})"


def whole(value: object) -> HostArray:
    """Whole numbers of 64 bits; of none, no rows of them."""
    array = np.asarray(value.numpy() if isinstance(value, Tensor) else value)
    return array.astype(int64.dtype)


def of_rows(rows: list[HostArray], dtype: DType) -> SparseTensor:
    """Rows of different lengths as a sparse tensor of two axes."""
    places = [(row, column) for row, values in enumerate(rows) for column in range(len(values))]
    values = np.concatenate([np.zeros(0, dtype.dtype), *rows]).astype(dtype.dtype)
    longest = max(map(len, rows), default=0)
    return SparseTensor(np.array(places).reshape(-1, 2), Tensor(values, dtype), [len(rows), longest])


def to_dense(sp_input: object, default_value: object = None, validate_indices: bool = True, name: str | None = None) -> Tensor:
    """A sparse tensor as a dense one: 0, no text, or the default value stands where nothing is."""
    if not isinstance(sp_input, SparseTensor):
        raise TypeError(message("tf.sparse.to_dense", "it takes a sparse tensor", {"sp_input": type(sp_input).__name__}))
    kind, places = sp_input.dtype, sp_input.indices.numpy()
    default = convert(b"" if kind == string else 0) if default_value is None else convert(default_value)
    sizes = sp_input.dense_shape.numpy()
    if places.size and ((places < 0) | (places >= sizes)).any():
        raise InvalidArgumentError(f"tf.sparse.to_dense: an index is out of bounds, for the shape is {sizes.tolist()}")
    if validate_indices and any(tuple(one) >= tuple(other) for one, other in itertools.pairwise(places)):
        raise InvalidArgumentError("tf.sparse.to_dense: indices are out of order, or repeated. Use validate_indices=False")
    found = np.full(tuple(sizes), default.numpy(), kind.dtype)
    found[tuple(places.T)] = sp_input.values.numpy()
    return Tensor(found, kind)


def from_dense(tensor: object, name: str | None = None) -> SparseTensor:
    """The entries of a tensor that are not 0, or no empty text."""
    dense = convert(tensor)
    array = np.asarray(dense.numpy())
    there = array != (b"" if dense.dtype == string else 0)
    return SparseTensor(np.argwhere(there), Tensor(array[there], dense.dtype), array.shape)


NAMES = {"SparseTensor": SparseTensor, "to_dense": to_dense, "from_dense": from_dense}
