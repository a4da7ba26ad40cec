"""Elements of data sets: structures of NumPy's arrays, what they are, and how they are stacked."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from kerata.legacy.tensorflow.calls import convert
from kerata.legacy.tensorflow.errors import InvalidArgumentError
from kerata.legacy.tensorflow.tensor import Tensor, plain, rebuild
from kerata.legacy.tensorflow.types import TensorShape, as_dtype, string


class TensorSpec:
    """The shape and type of a tensor.

    Args:
        shape: sizes, `None` where they are not known.
        dtype: the type.
        name: a name.
    """

    def __init__(self, shape: Any, dtype: Any = "float32", name: Any = None):
        self.shape, self.dtype, self.name = TensorShape(shape), as_dtype(dtype), name

    @classmethod
    def from_tensor(cls, tensor: Any, name: Any = None) -> "TensorSpec":
        return cls(tensor.shape, tensor.dtype, name)

    def batched(self, count: Any) -> "TensorSpec":
        """What a batch of such tensors is."""
        return TensorSpec(self.shape if self.shape.rank is None else (count, *self.shape), self.dtype)

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, TensorSpec) and (self.shape, self.dtype) == (other.shape, other.dtype)

    def __hash__(self) -> int:
        return hash((tuple(self.shape), self.dtype))

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self.shape}, dtype={self.dtype!r}, name={self.name!r})"


class DatasetSpec:
    """What the elements of a data set within a data set are."""

    def __init__(self, element_spec: Any):
        self.element_spec = element_spec

    def __repr__(self) -> str:
        return f"DatasetSpec({self.element_spec!r}, TensorShape([]))"


def as_element(value: Any) -> Any:
    """A structure of arrays for what a program gives as an element: lists are tensors, tuples and dicts are structures."""
    if is_dataset(value) or isinstance(value, (str, bytes)) or value is None:
        return value if is_dataset(value) or value is None else convert(value)._array
    if isinstance(value, dict):
        return {key: as_element(one) for key, one in value.items()}
    if isinstance(value, tuple):
        return rebuild(value, [as_element(one) for one in value])
    if hasattr(value, "is_ragged"):
        return value
    return typed_array(convert(value))


def typed_array(tensor: Tensor) -> np.ndarray:
    """The numbers of a tensor in its own type."""
    array = np.asarray(tensor._array)
    return array if tensor.dtype == string else array.astype(tensor.dtype.dtype, copy=False)


def as_columns(value: Any) -> Any:
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


def leaves(tree: Any) -> list[Any]:
    if isinstance(tree, dict):
        return [leaf for key in tree for leaf in leaves(tree[key])]
    if isinstance(tree, tuple):
        return [leaf for one in tree for leaf in leaves(one)]
    return [tree]


def map_leaves(function: Callable[..., Any], tree: Any, *rest: Any) -> Any:
    """A function of the leaves of structures of dicts and tuples."""
    if isinstance(tree, dict):
        return {key: map_leaves(function, value, *[one[key] for one in rest]) for key, value in tree.items()}
    if isinstance(tree, tuple):
        return rebuild(tree, [map_leaves(function, value, *[one[n] for one in rest]) for n, value in enumerate(tree)])
    return function(tree, *rest)


def arrange(tree: Any, row: Iterable[Any]) -> Any:
    """Values in the structure of a tree."""
    values = iter(row)
    return map_leaves(lambda _: next(values), tree)


def as_tensors(element: Any) -> Any:
    """What a program gets of an element."""
    return map_leaves(lambda one: Tensor(one) if isinstance(one, np.ndarray) else one, element)


def spec_of(element: Any) -> Any:
    def spec(one: Any) -> Any:
        if is_dataset(one):
            return DatasetSpec(one.element_spec)
        return TensorSpec(one.shape, getattr(one, "dtype", None))

    return map_leaves(spec, element)


def as_row(column: Any, row: int) -> Any:
    found = column[row]
    return found if hasattr(found, "is_ragged") else row_array(column, found)


def row_array(column: Any, found: Any) -> np.ndarray:
    if isinstance(found, np.ndarray):
        return found
    made = np.empty((), column.dtype)
    made[()] = found
    return made


def listed(tree: Any, shapes: bool = False) -> Any:
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

    def __init__(self, shape: Any):
        super().__init__(() if shape is None else shape)
        self.known = shape is not None


def fit_to_spec(spec: TensorSpec, value: Any) -> np.ndarray:
    """A value of a generator as an array of the type that was said."""
    array = typed_array(value) if isinstance(value, Tensor) else np.asarray(value)
    array = convert(array)._array if spec.dtype == string else array.astype(spec.dtype.dtype)
    if spec.shape.rank is not None and not isinstance(spec.shape, Leaf) and not spec.shape.is_compatible_with(array.shape):
        raise TypeError(
            f"`generator` yielded an element of shape {array.shape} where an element of shape {spec.shape} was expected."
        )
    return array


def spread(element: Any) -> tuple:
    """The arguments of a function of an element: a tuple's parts, else the element."""
    found = as_tensors(element)
    return found if isinstance(found, tuple) else (found,)


def groups(source: Iterable[Any], count: int, drop_remainder: bool) -> Iterator[list[Any]]:
    source = iter(source)
    while group := list(itertools.islice(source, count)):
        if len(group) == count or not drop_remainder:
            yield group


def batches(size: int, count: int, drop_remainder: bool) -> int:
    return size if size < 0 else size // count if drop_remainder else -(-size // count)


def stack(group: list[Any]) -> Any:
    def join(*parts: Any) -> Any:
        shapes = {part.shape for part in parts}
        if len(shapes) > 1:
            first, second = sorted(shapes, key=str)[:2]
            raise InvalidArgumentError(
                f"Cannot batch tensors with different shapes in component 0. First element had shape {list(first)} and another "
                f"{list(second)}. Use padded_batch"
            )
        return np.stack(parts)

    return map_leaves(join, *group)


def pad(group: list[Any], shapes: Any, values: Any) -> Any:
    """A group stacked, filled up at the ends."""
    given = iter(shape_leaves(shapes)) if shapes is not None else None
    fill = None if values is None else iter(leaves(values) if isinstance(values, (tuple, dict)) else itertools.repeat(values))

    def join(*parts: Any) -> Any:
        wanted = [None] * parts[0].ndim if given is None else next(given)
        value = None if fill is None else next(fill)
        sizes = [max(p.shape[axis] for p in parts) if n is None or n == -1 else int(n) for axis, n in enumerate(wanted)]
        texts = parts[0].dtype == object
        default = b"" if texts else 0
        value = default if value is None else plain(convert(value)) if texts else np.asarray(plain(value))
        made = np.full((len(parts), *sizes), value, parts[0].dtype)
        for row, part in enumerate(parts):
            if any(n > size for n, size in zip(part.shape, sizes, strict=True)):
                raise InvalidArgumentError(
                    f"Attempted to pad to a smaller size than the input element: {part.shape} to {sizes}"
                )
            made[(row, *(slice(n) for n in part.shape))] = part
        return made

    return map_leaves(join, *group)


def shape_leaves(tree: Any) -> Iterator[Any]:
    if isinstance(tree, dict):
        for value in tree.values():
            yield from shape_leaves(value)
    elif isinstance(tree, (list, tuple)) and any(isinstance(one, (list, tuple, dict, Tensor)) for one in tree):
        for value in tree:
            yield from shape_leaves(value)
    elif tree is None:
        yield None
    else:
        yield list(tree)


def is_dataset(value: Any) -> bool:
    return hasattr(value, "as_numpy_iterator")
