"""Names for types that many rooms take and give: what a shape, a config or the owner of a message is.

Arrays have their names in `engine/types.py`, where JAX is known.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, Protocol, TypeAlias, TypeGuard, TypeVar, cast

import numpy as np

# Who a message is about: a text that stands as it is, or any object or class, called by its type and its name.
Owner: TypeAlias = object
# What JSON can say, and tuples, which configs hold as well.
Plain: TypeAlias = "bool | int | float | str | list[Plain] | tuple[Plain, ...] | dict[str, Plain] | None"
# A path as Python's own functions take it.
PathLike: TypeAlias = str | os.PathLike[str]
# Of an array that is there, and of one that a model will get: `None` where a size is not known.
Shape: TypeAlias = tuple[int, ...]
PartialShape: TypeAlias = tuple[int | None, ...]
# What a person may give for a shape.
ShapeLike: TypeAlias = int | Sequence[int]
PartialShapeLike: TypeAlias = int | Sequence[int | None]

S = TypeVar("S")


class ByteStream(Protocol):
    """A file that is open for bytes and can be read in any order: of the disk, in memory, or unpacked while it is read."""

    def read(self, size: int = -1, /) -> bytes: ...
    def write(self, data: bytes, /) -> int | None: ...
    def seek(self, offset: int, whence: int = 0, /) -> int: ...
    def tell(self) -> int: ...
    def close(self) -> None: ...
    def __enter__(self) -> "ByteStream": ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> bool | None: ...


class HasDType(Protocol):
    """An array, or one of `jax.numpy`'s types: `jnp.float32` is no class."""

    @property
    def dtype(self) -> np.dtype[Any]: ...


# What stands for the type of numbers, without `None`: `"float32"`, `float`, `np.float32`, `jnp.float32`, `np.dtype("float32")`.
DTypeLike: TypeAlias = str | type[Any] | np.dtype[Any] | HasDType


# `isinstance` alone does not say what a container of anything holds.


def is_dict(value: object) -> TypeGuard[dict[Any, Any]]:
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def is_list_or_tuple(value: object) -> TypeGuard[list[Any] | tuple[Any, ...]]:
    return isinstance(value, (list, tuple))


def like_sequence(sequence: S, items: Iterable[object]) -> S:
    """Items in a list or tuple of another's class, which may be a named tuple.

    >>> like_sequence((1, 2), [3, 4])
    (3, 4)
    """
    kind = cast("Callable[..., S]", type(sequence))
    return kind(*items) if hasattr(sequence, "_fields") else kind(items)


def is_integer(value: object) -> TypeGuard[int]:
    """Whether it is a whole number of Python's or NumPy's; True and False are."""
    return isinstance(value, (int, np.integer))


class Slashed(str):
    """A name with slashes in it, as layers of earlier Keras may have."""
