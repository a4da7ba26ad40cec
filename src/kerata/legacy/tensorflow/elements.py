"""Elements of data sets among tensors: what they are, and how they come to be."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from kerata.data.elements import is_dataset, map_leaves, rebuild
from kerata.legacy.tensorflow.calls import convert
from kerata.legacy.tensorflow.sparse import SparseTensor
from kerata.legacy.tensorflow.tensor import Tensor
from kerata.legacy.tensorflow.types import Ints, TensorShape, as_dtype, string


class TensorSpec:
    """The shape and type of a tensor.

    Args:
        shape: sizes, `None` where they are not known.
        dtype: the type.
        name: a name.
    """

    def __init__(self, shape: Ints, dtype: object = "float32", name: str | None = None):
        self.shape, self.dtype, self.name = TensorShape(shape), as_dtype(dtype), name

    @classmethod
    def from_tensor(cls, tensor: Tensor, name: str | None = None) -> "TensorSpec":
        return cls(tensor.shape, tensor.dtype, name)

    def batched(self, count: int | None) -> "TensorSpec":
        """What a batch of such tensors is."""
        return TensorSpec(self.shape if self.shape.rank is None else (count, *self.shape), self.dtype)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TensorSpec) and (self.shape, self.dtype) == (other.shape, other.dtype)

    def __hash__(self) -> int:
        return hash((tuple(self.shape), self.dtype))

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self.shape}, dtype={self.dtype!r}, name={self.name!r})"


class SparseTensorSpec(TensorSpec):
    """The shape and type of a sparse tensor."""

    def batched(self, count: int | None) -> "SparseTensorSpec":
        return SparseTensorSpec((count, *self.shape), self.dtype)

    def __repr__(self) -> str:
        return f"SparseTensorSpec({self.shape!r}, {self.dtype!r})"


class RaggedTensorSpec(TensorSpec):
    """The shape and type of rows of different lengths.

    Args:
        shape: sizes, `None` where rows differ.
        dtype: the type.
        ragged_rank, row_splits_dtype: taken as they are.
    """

    def __init__(
        self, shape: Ints, dtype: object = "float32", ragged_rank: int | None = None, row_splits_dtype: object = "int64"
    ):
        super().__init__(shape, dtype)
        self.ragged_rank = self.shape.rank - 1 if ragged_rank is None and self.shape.rank else ragged_rank
        self.row_splits_dtype = as_dtype(row_splits_dtype)

    def batched(self, count: int | None) -> "RaggedTensorSpec":
        return RaggedTensorSpec((count, *self.shape), self.dtype, (self.ragged_rank or 0) + 1)

    def __repr__(self) -> str:
        return f"RaggedTensorSpec({self.shape!r}, {self.dtype!r}, {self.ragged_rank}, {self.row_splits_dtype!r})"


class DatasetSpec:
    """What the elements of a data set within a data set are."""

    def __init__(self, element_spec: object):
        self.element_spec = element_spec

    def __repr__(self) -> str:
        return f"DatasetSpec({self.element_spec!r}, TensorShape([]))"


def as_element(value: object) -> object:
    """A structure of arrays for what a program gives as an element: lists are tensors, tuples and dicts are structures."""
    if is_dataset(value) or isinstance(value, (str, bytes)) or value is None:
        return value if is_dataset(value) or value is None else convert(value)._array
    if isinstance(value, dict):
        return {key: as_element(one) for key, one in value.items()}
    if isinstance(value, tuple):
        return rebuild(value, [as_element(one) for one in value])
    if hasattr(value, "is_ragged") or isinstance(value, SparseTensor):
        return value
    return typed_array(convert(value))


def typed_array(tensor: Tensor) -> np.ndarray:
    """The numbers of a tensor in its own type."""
    array = np.asarray(tensor._array)
    return array if tensor.dtype == string else array.astype(tensor.dtype.dtype, copy=False)


def as_columns(value: Any) -> object:
    """A structure of arrays whose first axis counts the elements."""
    if isinstance(value, dict):
        return {key: as_columns(one) for key, one in value.items()}
    if isinstance(value, tuple):
        return rebuild(value, [as_columns(one) for one in value])
    if hasattr(value, "columns") and hasattr(value, "iloc"):
        return value.to_numpy()
    if hasattr(value, "is_ragged"):
        return value
    return as_element(value)


def as_tensors(element: object) -> object:
    """What a program gets of an element."""
    return map_leaves(lambda one: Tensor(one) if isinstance(one, np.ndarray) else one, element)


def spec_of(element: object) -> object:
    def spec(one: Any) -> object:
        if is_dataset(one):
            return DatasetSpec(one.element_spec)
        if hasattr(one, "is_ragged"):
            return RaggedTensorSpec((None, *one.shape[1:]), one.dtype)
        if isinstance(one, SparseTensor):
            return SparseTensorSpec(one.shape, one.dtype)
        return TensorSpec(one.shape, getattr(one, "dtype", None))

    return map_leaves(spec, element)


def listed(tree: Any, shapes: bool = False) -> object:
    """Lists as tuples; of shapes, those that hold numbers stay shapes."""
    if isinstance(tree, dict):
        return {key: listed(value, shapes) for key, value in tree.items()}
    if shapes and (isinstance(tree, TensorShape) or tree is None or all(one is None or isinstance(one, int) for one in tree)):
        return Leaf(tree)
    if isinstance(tree, (list, tuple)):
        return tuple(listed(one, shapes) for one in tree)
    return tree


class Leaf(list):
    """A shape, as a leaf of a structure."""

    def __init__(self, shape: Iterable[int | None] | None):
        super().__init__(() if shape is None else shape)
        self.known = shape is not None


def fit_to_spec(spec: TensorSpec, value: object) -> np.ndarray:
    """A value of a generator as an array of the type that was said."""
    array = typed_array(value) if isinstance(value, Tensor) else np.asarray(value)
    array = array.astype(object) if spec.dtype == string and not array.size else array
    array = convert(array)._array if spec.dtype == string else array.astype(spec.dtype.dtype)
    if spec.shape.rank is not None and not isinstance(spec.shape, Leaf) and not spec.shape.is_compatible_with(array.shape):
        raise TypeError(
            f"`generator` yielded an element of shape {array.shape} where an element of shape {spec.shape} was expected."
        )
    return array
