"""`tf.SparseTensor`: the entries of a tensor that are there, and where they stand."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerata.base.checks import message
from kerata.base.types import DTypeLike
from kerata.engine.types import HostArray
from kerata.legacy.tensorflow.calls import convert
from kerata.legacy.tensorflow.errors import InvalidArgumentError
from kerata.legacy.tensorflow.functions import TABLE
from kerata.legacy.tensorflow.tensor import Tensor, dtype_of
from kerata.legacy.tensorflow.types import DType, TensorShape, as_dtype, int64, string


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

    def with_values(self, values: object) -> "SparseTensor":
        """The same places with other entries."""
        return SparseTensor(self.indices, values, self.dense_shape)

    @staticmethod
    def stacked(parts: Sequence["SparseTensor"]) -> "SparseTensor":
        """Sparse tensors as one with an axis that counts them: what data sets make of a batch."""
        sizes = np.max([part.dense_shape.numpy() for part in parts], 0)
        return concat(0, [expand_dims(SparseTensor(part.indices, part.values, sizes), 0) for part in parts])

    def _beside(self, other: object) -> Tensor:
        """The entries of a dense tensor, or of one that is stretched to this shape, in these places."""
        dense = convert(other, self.dtype)
        if not dense.ndim:
            return dense
        return TABLE["gather_nd"](TABLE["broadcast_to"](dense, self.dense_shape), self.indices)

    def __mul__(self, other: object) -> "SparseTensor":
        return self.with_values(self.values * self._beside(other))

    def __truediv__(self, other: object) -> "SparseTensor":
        return self.with_values(self.values / self._beside(other))

    def __repr__(self) -> str:
        return f"SparseTensor(indices={self.indices!s}, values={self.values!s}, dense_shape={self.dense_shape!s})"


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
    if default_value is None and kind != string and len(np.unique(places, axis=0)) == len(places):
        # So that a tape follows it.
        return TABLE["scatter_nd"](sp_input.indices, sp_input.values, sizes)
    found = np.full(tuple(sizes), default.numpy(), kind.dtype)
    found[tuple(places.T)] = sp_input.values.numpy()
    return Tensor(found, kind)


def from_dense(tensor: object, name: str | None = None) -> SparseTensor:
    """The entries of a tensor that are not 0, or no empty text."""
    dense = convert(tensor)
    array = np.asarray(dense.numpy())
    there = array != (b"" if dense.dtype == string else 0)
    return SparseTensor(np.argwhere(there), Tensor(array[there], dense.dtype), array.shape)


def sparse_dense_matmul(
    sp_a: object, b: object, adjoint_a: bool = False, adjoint_b: bool = False, name: str | None = None
) -> Tensor:
    """The product of a sparse and a dense matrix, either of them first."""
    if isinstance(b, SparseTensor):
        # (a b)' = b' a'
        return TABLE["transpose"](sparse_dense_matmul(b, sp_a, not adjoint_b, not adjoint_a))
    sparse = of_sparse("sparse_dense_matmul", sp_a)
    rows, columns = (1, 0) if adjoint_a else (0, 1)
    entries = TABLE["gather"](TABLE["transpose"](b) if adjoint_b else b, sparse.indices[:, columns])
    count = int(sparse.dense_shape.numpy()[rows])
    return TABLE["math.unsorted_segment_sum"](entries * sparse.values[:, None], sparse.indices[:, rows], count)


def of_sparse(name: str, value: object) -> SparseTensor:
    """A sparse tensor; a `TypeError` for anything else."""
    if not isinstance(value, SparseTensor):
        raise TypeError(message(f"tf.sparse.{name}", "it takes a sparse tensor", {"sp_input": type(value).__name__}))
    return value


def in_order(indices: HostArray, values: object, sizes: object) -> SparseTensor:
    """Entries in the order of their places."""
    order = np.lexsort(indices.T[::-1])
    return SparseTensor(indices[order], TABLE["gather"](values, order), sizes)


def reorder(sp_input: object, name: str | None = None) -> SparseTensor:
    """The entries in the order of their places."""
    sparse = of_sparse("reorder", sp_input)
    return in_order(sparse.indices.numpy(), sparse.values, sparse.dense_shape)


def transpose(sp_input: object, perm: Sequence[int] | None = None, name: str | None = None) -> SparseTensor:
    """The axes in another order, that from behind where none is said."""
    sparse = of_sparse("transpose", sp_input)
    axes = list(range(len(sparse.shape)))[::-1] if perm is None else list(whole(perm))
    return in_order(sparse.indices.numpy()[:, axes], sparse.values, sparse.dense_shape.numpy()[axes])


def reshape(sp_input: object, shape: object, name: str | None = None) -> SparseTensor:
    """The same entries in another shape, of which one size may be -1."""
    sparse = of_sparse("reshape", sp_input)
    old, new = sparse.dense_shape.numpy(), whole(shape)
    sizes = [int(old.prod() // -new.prod()) if size == -1 else int(size) for size in new]
    flat = np.ravel_multi_index(tuple(sparse.indices.numpy().T), tuple(old))
    return SparseTensor(np.stack(np.unravel_index(flat, sizes), 1), sparse.values, sizes)


def expand_dims(sp_input: object, axis: int = -1, name: str | None = None) -> SparseTensor:
    """A further axis of one place."""
    sparse = of_sparse("expand_dims", sp_input)
    place = axis if axis >= 0 else len(sparse.shape) + 1 + axis
    indices, sizes = np.insert(sparse.indices.numpy(), place, 0, axis=1), np.insert(sparse.dense_shape.numpy(), place, 1)
    return SparseTensor(indices, sparse.values, sizes)


def concat(axis: int, sp_inputs: Sequence[SparseTensor], name: str | None = None) -> SparseTensor:
    """Sparse tensors one behind the other along an axis."""
    parts = [of_sparse("concat", one) for one in sp_inputs]
    sizes, indices, start = parts[0].dense_shape.numpy().copy(), [], 0
    for part in parts:
        shift = np.zeros_like(sizes)
        shift[axis] = start
        indices.append(part.indices.numpy() + shift)
        start += int(part.dense_shape.numpy()[axis])
    sizes[axis] = start
    return in_order(np.concatenate(indices), TABLE["concat"]([part.values for part in parts], 0), sizes)


def add(a: object, b: object) -> Tensor | SparseTensor:
    """The sum: sparse of two sparse tensors, else dense."""
    if not isinstance(a, SparseTensor) or not isinstance(b, SparseTensor):
        first, second = (to_dense(one, validate_indices=False) if isinstance(one, SparseTensor) else one for one in (a, b))
        return TABLE["add"](first, second)
    if list(a.shape) != list(b.shape):
        raise InvalidArgumentError(f"tf.sparse.add: operands should have the same shape; got {a.shape} and {b.shape}")
    places, where = np.unique(np.concatenate([a.indices.numpy(), b.indices.numpy()]), axis=0, return_inverse=True)
    values = TABLE["concat"]([a.values, b.values], 0)
    return SparseTensor(places, TABLE["math.unsorted_segment_sum"](values, where.reshape(-1), len(places)), a.dense_shape)


def reduce_sum(
    sp_input: object, axis: int | Sequence[int] | None = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """The sum along axes, as a dense tensor."""
    sparse = of_sparse("reduce_sum", sp_input)
    return TABLE["reduce_sum"](to_dense(sparse, validate_indices=False), axis, keepdims)


def map_values(op: Callable[..., object], *args: object, **kwargs: object) -> SparseTensor:
    """What a function makes of the entries of sparse tensors that have them in the same places."""
    given = [one for one in (*args, *kwargs.values()) if isinstance(one, SparseTensor)]
    if not given:
        raise ValueError(message("tf.sparse.map_values", "no sparse tensor was given", {"args": len(args)}))
    plain = [one.values if isinstance(one, SparseTensor) else one for one in args]
    named = {key: one.values if isinstance(one, SparseTensor) else one for key, one in kwargs.items()}
    return given[0].with_values(op(*plain, **named))


def softmax(sp_input: object, name: str | None = None) -> SparseTensor:
    """The softmax of each row of a matrix over the entries that are there."""
    sparse = of_sparse("softmax", sp_input)
    if len(sparse.shape) != 2:
        raise ValueError(message("tf.sparse.softmax", "it takes a matrix", {"shape": list(sparse.shape)}))
    rows, count = sparse.indices[:, 0], int(sparse.dense_shape.numpy()[0])
    highest = TABLE["stop_gradient"](TABLE["math.unsorted_segment_max"](sparse.values, rows, count))
    powers = TABLE["exp"](sparse.values - TABLE["gather"](highest, rows))
    sums = TABLE["math.unsorted_segment_sum"](powers, rows, count)
    return sparse.with_values(powers / TABLE["gather"](sums, rows))


def eye(num_rows: int, num_columns: int | None = None, dtype: DTypeLike = "float32", name: str | None = None) -> SparseTensor:
    """Ones along the diagonal."""
    sizes = [int(num_rows), int(num_rows if num_columns is None else num_columns)]
    places = np.arange(min(sizes))
    return SparseTensor(np.stack([places, places], 1), Tensor(np.ones(len(places), as_dtype(dtype).dtype)), sizes)


FUNCTIONS = (to_dense, from_dense, sparse_dense_matmul, reorder, transpose, reshape, expand_dims, concat, add, reduce_sum)
NAMES: dict[str, Any] = {
    "SparseTensor": SparseTensor,
    **{function.__name__: function for function in (*FUNCTIONS, map_values, softmax, eye)},
}
