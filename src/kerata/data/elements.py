"""Elements of data sets: structures of arrays, and how they are stacked."""

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar, cast

import numpy as np

from kerata.base.checks import message
from kerata.base.types import DTypeLike

T = TypeVar("T")


class HasRows(Protocol):
    """An array, or what holds one for each row."""

    dtype: np.dtype[Any]

    def __getitem__(self, row: int, /) -> object: ...


@dataclasses.dataclass(frozen=True)
class ArraySpec:
    """The shape and type of an array; `None` for sizes that are not known."""

    shape: tuple[int | None, ...]
    dtype: DTypeLike

    def batched(self, count: int | None) -> "ArraySpec":
        """What a batch of such arrays is."""
        return ArraySpec((count, *self.shape), self.dtype)


class Text(str):
    """A text that a data set gives, with the method `numpy()` that programs for `tf.data` call."""

    __slots__ = ()
    shape = ()

    def numpy(self) -> str:
        """The text."""
        return str(self)


class Given(np.ndarray):
    """An array that a data set gives: NumPy's, with the method `numpy()` that programs for `tf.data` call."""

    def numpy(self) -> object:
        """The array as NumPy's own; a number or a text alone as such."""
        array = self.view(np.ndarray)
        return array if array.ndim else array[()]

    def __getitem__(self, key: object, /) -> object:  # type: ignore[override]
        found: object = super().__getitem__(key)  # type: ignore[call-overload]
        if isinstance(found, str):
            return Text(found)
        return found if isinstance(found, np.ndarray) else alone(found, self.dtype).view(Given)

    def __iter__(self) -> Iterator[Any]:
        return (self[row] for row in range(len(self)))

    def __repr__(self) -> str:
        return repr(self.view(np.ndarray))

    def __str__(self) -> str:
        return str(self.view(np.ndarray))


def alone(value: object, dtype: np.dtype[Any] | type) -> np.ndarray:
    """An array of no axes."""
    made = np.empty((), dtype)
    made[()] = value  # type: ignore[call-overload]
    return made


def rebuild(like: Sequence[Any], values: Iterable[Any]) -> object:
    """A list, tuple or named tuple of other values."""
    kind = cast(Callable[..., object], type(like))
    return kind(*values) if hasattr(like, "_fields") else kind(values)


def leaves(tree: object) -> list[Any]:
    if isinstance(tree, dict):
        return [leaf for key in tree for leaf in leaves(tree[key])]
    if isinstance(tree, tuple):
        return [leaf for one in tree for leaf in leaves(one)]
    return [tree]


def map_leaves(function: Callable[..., Any], tree: object, *rest: object) -> object:
    """A function of the leaves of structures of dicts and tuples."""
    if isinstance(tree, dict):
        dicts = cast(tuple[dict[Any, Any], ...], rest)
        return {key: map_leaves(function, value, *[one[key] for one in dicts]) for key, value in tree.items()}
    if isinstance(tree, tuple):
        tuples = cast(tuple[tuple[Any, ...], ...], rest)
        return rebuild(tree, [map_leaves(function, value, *[one[n] for one in tuples]) for n, value in enumerate(tree)])
    return function(tree, *rest)


# Sizes that are not known


def unknown_axes(spec: object) -> list[int]:
    """The axes of an array whose sizes its description leaves open."""
    shape = getattr(spec, "shape", ())
    return [axis for axis, size in enumerate(shape) if size is None] if getattr(shape, "rank", 0) is not None else []


def twice_as_long(element: object, spec: object) -> object:
    """An element with twice the size along the axes that are open: what comes of it shows which axes stay so."""

    def longer(one: np.ndarray, described: object) -> np.ndarray:
        for axis in unknown_axes(described):
            one = np.concatenate([one, one], axis)
        return one

    return map_leaves(longer, element, spec)


def common_spec(first: object, second: object) -> object:
    """A description of two elements: the sizes in which they differ are open."""

    def common(one: ArraySpec, other: ArraySpec) -> ArraySpec:
        sizes, others = getattr(one, "shape", None), getattr(other, "shape", None)
        if sizes is None or others is None or None in (getattr(sizes, "rank", 0), getattr(others, "rank", 0)):
            return one
        if len(sizes) != len(others) or list(sizes) == list(others):
            return one
        return type(one)(tuple(a if a == b else None for a, b in zip(sizes, others, strict=True)), one.dtype)

    return map_leaves(common, first, second)


def padded_spec(spec: object, shapes: object, count: int | None) -> object:
    """What batches of elements are that are filled up to some shapes; `None` for the longest of each."""
    given = None if shapes is None else iter(shape_leaves(shapes))

    def described(one: ArraySpec) -> ArraySpec:
        wanted = None if given is None else next(given)
        if wanted is None:
            return one.batched(count)
        return type(one)((count, *(None if n is None or n == -1 else int(n) for n in wanted)), one.dtype)

    return map_leaves(described, spec)


def made_up(spec: object) -> object:
    """An element of a description, of nothing but zeros; sizes that are open are 1."""

    def zeros(one: ArraySpec) -> np.ndarray:
        kind = np.dtype(getattr(one.dtype, "dtype", one.dtype))
        shape = [1 if size is None else size for size in one.shape] if getattr(one.shape, "rank", 0) is not None else []
        return np.full(shape, b"", object) if kind.kind == "O" else np.zeros(shape, kind)

    return map_leaves(zeros, spec)


def arrange(tree: object, row: Iterable[Any]) -> object:
    """Values in the structure of a tree."""
    values = iter(row)
    return map_leaves(lambda _: next(values), tree)


def as_given(value: object) -> object:
    """What a program gets of an element."""

    def given(one: object) -> object:
        if not isinstance(one, np.ndarray):
            return one
        return Text(one[()]) if not one.ndim and isinstance(one[()], str) else one.view(Given)

    return map_leaves(given, value)


def as_arrays(value: object) -> object:
    """A structure of arrays for what a program gives as an element: lists are arrays, tuples and dicts are structures."""
    if isinstance(value, dict):
        return {key: as_arrays(one) for key, one in value.items()}
    if isinstance(value, tuple):
        return rebuild(value, [as_arrays(one) for one in value])
    if value is None or is_dataset(value):
        return value
    if isinstance(value, Text):
        return alone(str(value), object)
    array = np.asarray(value)
    if array.dtype.kind == "U":
        texts = np.empty(array.shape, object)
        texts[...] = np.char.encode(array, "utf-8").astype(object)
        return texts
    # Numbers of Python are of 32 bits, as in TensorFlow.
    if not hasattr(value, "dtype") and array.dtype in (np.float64, np.int64):
        return array.astype(np.float32 if array.dtype == np.float64 else np.int32)
    return array


def as_row(column: HasRows, row: int) -> object:
    found = column[row]
    return found if isinstance(found, np.ndarray) or hasattr(found, "is_ragged") else alone(found, column.dtype)


def common_length(element: object) -> int:
    """How many rows each array of an element has."""
    shapes = [np.shape(one) if not hasattr(one, "is_ragged") else (len(one),) for one in leaves(element)]
    lengths = {shape[0] if shape else None for shape in shapes}
    if None in lengths or len(lengths) != 1:
        raise ValueError(message("unbatch", "all arrays of an element must have the same number of rows", {"shapes": shapes}))
    return lengths.pop() or 0


def groups(source: Iterable[T], count: int, drop_remainder: bool = False) -> Iterator[list[T]]:
    source = iter(source)
    while group := list(itertools.islice(source, count)):
        if len(group) == count or not drop_remainder:
            yield group


def batches(size: int, count: int, drop_remainder: bool) -> int:
    return size if size < 0 else size // count if drop_remainder else -(-size // count)


def stack(group: Sequence[Any], refusal: type[Exception] = ValueError) -> object:
    """Elements of one shape as one, with an axis that counts them.

    Args:
        group: the elements.
        refusal: the kind of error for others.
    """

    def join(*parts: np.ndarray) -> object:
        if stacked := getattr(parts[0], "stacked", None):
            # No array: it says itself what many are.
            return stacked(parts)
        shapes = {part.shape for part in parts}
        if len(shapes) > 1:
            first, second = sorted(shapes, key=str)[:2]
            raise refusal(
                f"Cannot batch tensors with different shapes in component 0. First element had shape {list(first)} and another "
                f"{list(second)}. Use padded_batch"
            )
        return np.stack(parts)

    return map_leaves(join, *group)


def pad(group: Sequence[Any], shapes: object = None, values: object = None, refusal: type[Exception] = ValueError) -> object:
    """A group stacked, filled up at the ends.

    Args:
        group: the elements.
        shapes: what they are filled up to; `None` for the longest.
        values: what they are filled up with; 0, or nothing in texts.
        refusal: the kind of error for elements that are too long.
    """
    given = iter(shape_leaves(shapes)) if shapes is not None else None
    fill = None if values is None else iter(leaves(values) if isinstance(values, (tuple, dict)) else itertools.repeat(values))

    def join(*parts: np.ndarray) -> np.ndarray:
        wanted = [None] * parts[0].ndim if given is None else next(given)
        value = None if fill is None else next(fill)
        sizes = [max(p.shape[axis] for p in parts) if n is None or n == -1 else int(n) for axis, n in enumerate(wanted)]
        texts = parts[0].dtype == object
        default = b"" if texts else 0
        value = (
            default
            if value is None
            else alone(value.encode() if isinstance(value, str) else value, object)[()]
            if texts
            else np.asarray(value)
        )
        made = np.full((len(parts), *sizes), value, parts[0].dtype)
        for row, part in enumerate(parts):
            if not part.ndim:
                made[row] = part[()]
                continue
            if any(n > size for n, size in zip(part.shape, sizes, strict=True)):
                raise refusal(f"Attempted to pad to a smaller size than the input element: {part.shape} to {sizes}")
            made[(row, *(slice(n) for n in part.shape))] = part
        return made

    return map_leaves(join, *group)


def shapes_up_to(
    boundaries: Sequence[int], place: int, group: Sequence[Any], lengths: Sequence[int], shapes: object
) -> list[list[int | None]]:
    """What a group of a bucket is filled up to, where that is one less than the bucket's boundary.

    Args:
        boundaries: of the buckets.
        place: the bucket's number.
        group, lengths: its elements, and how long they are.
        shapes: as of `pad`; the sizes that they leave open are filled up, without them first axes as long as their elements.
    """
    if place >= len(boundaries):
        expected = "where elements are filled up to the boundaries of buckets, they must be shorter than the last one"
        raise ValueError(message("bucket_by_sequence_length", expected, {"length": max(lengths), "boundary": boundaries[-1]}))
    wanted = int(boundaries[place]) - 1
    if shapes is not None:
        return [[wanted if n is None or n == -1 else int(n) for n in shape or ()] for shape in shape_leaves(shapes)]
    columns = zip(*(leaves(element) for element in group), strict=True)
    return [
        [wanted if axis == 0 and [len(one) for one in column] == list(lengths) else None for axis in range(column[0].ndim)]
        for column in columns
    ]


def shape_leaves(tree: object) -> Iterator[Any]:
    if isinstance(tree, dict):
        for value in tree.values():
            yield from shape_leaves(value)
    elif isinstance(tree, (list, tuple)) and any(isinstance(one, (list, tuple, dict)) or np.ndim(one) for one in tree):
        for value in tree:
            yield from shape_leaves(value)
    elif tree is None:
        yield None
    else:
        yield list(cast(Iterable[int | None], tree))


def is_dataset(value: object) -> bool:
    return hasattr(value, "as_numpy_iterator")
