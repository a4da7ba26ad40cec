"""Types and shapes as TensorFlow has them: `tf.float32`, `tf.TensorShape`."""

from collections.abc import Sequence
from typing import Any, NoReturn, Protocol, SupportsIndex, TypeAlias

import jax.numpy as jnp
import numpy as np

from kerata.base.checks import message
from kerata.base.types import DTypeLike
from kerata.engine.types import HasArray

# Whole numbers as programs give them, of axes, sizes and shapes: one, several (`None` for a size that is not known), a tensor
# of them, or none.
Ints: TypeAlias = SupportsIndex | Sequence[SupportsIndex | None] | HasArray | None


class DType:
    """A type of the elements of a tensor; equal to its name and to NumPy's type.

    Args:
        name: as TensorFlow calls it.
        numpy: NumPy's type.

    >>> float32 == "float32", float32 == np.float32, float32.is_floating
    (True, True, True)
    """

    def __init__(self, name: str, numpy: DTypeLike):
        self.name, self.dtype = name, np.dtype(numpy)

    @property
    def as_numpy_dtype(self) -> type[np.generic]:
        return self.dtype.type

    @property
    def base_dtype(self) -> "DType":
        return self

    @property
    def is_floating(self) -> bool:
        return self.name in ("float16", "bfloat16", "float32", "float64")

    @property
    def is_integer(self) -> bool:
        return self.dtype.kind in "iu"

    @property
    def is_bool(self) -> bool:
        return self.name == "bool"

    @property
    def is_complex(self) -> bool:
        return self.dtype.kind == "c"

    @property
    def is_unsigned(self) -> bool:
        return self.dtype.kind == "u"

    @property
    def is_numpy_compatible(self) -> bool:
        return True

    @property
    def size(self) -> int:
        return self.dtype.itemsize

    @property
    def real_dtype(self) -> "DType":
        return {"complex64": float32, "complex128": float64}.get(self.name, self)

    @property
    def min(self) -> float:
        return _limits(self).min

    @property
    def max(self) -> float:
        return _limits(self).max

    @property
    def limits(self) -> tuple[Any, Any]:
        return (0, 1) if self.is_bool else (self.min, self.max)

    @property
    def is_wide(self) -> bool:
        """Whether programs of JAX hold it in fewer bits."""
        return self.name in ("float64", "int64", "uint64", "complex128")

    def __eq__(self, other: object) -> bool:
        if other is None:
            return False
        if isinstance(other, DType):
            return self.name == other.name
        try:
            return self.name == as_dtype(other).name
        except TypeError:
            return False

    def __hash__(self) -> int:
        return hash(self.name)

    def __str__(self) -> str:
        return f"<dtype: {self.name!r}>"

    def __repr__(self) -> str:
        return f"tf.{self.name}"

    def __reduce__(self) -> tuple[object, ...]:
        return as_dtype, (self.name,)


class Limits(Protocol):
    """What `finfo` and `iinfo` say of a type."""

    min: Any
    max: Any


def _limits(dtype: DType) -> Limits:
    return jnp.finfo(dtype.dtype) if dtype.is_floating else jnp.iinfo(dtype.dtype)


NUMBERS = ["float16", "float32", "float64", "complex64", "complex128"]
NUMBERS += [f"{sign}int{bits}" for bits in (8, 16, 32, 64) for sign in ("", "u")]
DTYPES = {name: DType(name, name) for name in NUMBERS}
DTYPES |= {"bfloat16": DType("bfloat16", jnp.bfloat16), "bool": DType("bool", bool), "string": DType("string", object)}
DTYPES["double"], DTYPES["half"] = DTYPES["float64"], DTYPES["float16"]
float32, float64, int32, int64 = (DTYPES[name] for name in ("float32", "float64", "int32", "int64"))
boolean, string = DTYPES["bool"], DTYPES["string"]
PYTHON = {float: float32, int: int32, bool: boolean, str: string, bytes: string, complex: DTYPES["complex128"]}


class TypeOfVariable(str):
    """The name of a variable's type in programs, which answers as a type of TensorFlow does.

    >>> TypeOfVariable("int32", int64).base_dtype, TypeOfVariable("float32", float32) == "float32"
    (tf.int64, True)
    """

    shown: DType

    def __new__(cls, held: str, shown: DType) -> "TypeOfVariable":
        found = super().__new__(cls, held)
        found.shown = shown
        return found

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.shown, name)

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        # A copy, or what a file holds, is the name alone.
        return str, (str(self),)


def as_dtype(value: Any) -> DType:
    """The type for a type of TensorFlow, NumPy or Python, or its name."""
    if isinstance(value, DType):
        return value
    if isinstance(value, TypeOfVariable):
        return value.shown
    if isinstance(value, type) and value in PYTHON:
        return PYTHON[value]
    if isinstance(value, str) and value in DTYPES:
        return DTYPES[value]
    try:
        found = np.dtype(value)
    except TypeError:
        found = None
    if found is None or value is None or (found.kind not in "OSU" and found.name not in DTYPES):
        raise TypeError(
            message("tf.as_dtype", "Cannot convert the argument `type_value` to a TensorFlow DType", {"value": value})
        )
    return string if found.kind in "OSU" else DTYPES[found.name]


class TensorShape(tuple):
    """The sizes of the axes, `None` where they are not known.

    >>> TensorShape([None, 3]).as_list()
    [None, 3]
    """

    def __new__(cls, dims: Any = ()) -> "TensorShape":
        if dims is None:
            return Unknown()
        dims = (dims,) if isinstance(dims, (int, np.integer)) else dims
        return super().__new__(cls, (None if dim is None or dim == -1 else int(dim) for dim in dims))

    def as_list(self) -> list[int | None]:
        return list(self)

    @property
    def rank(self) -> int | None:
        return len(self)

    ndims = rank

    @property
    def dims(self) -> list[int | None]:
        return list(self)

    def num_elements(self) -> int | None:
        return int(np.prod(self)) if self.is_fully_defined() else None

    def is_fully_defined(self) -> bool:
        return None not in self

    def is_compatible_with(self, other: Ints) -> bool:
        other = TensorShape(other)
        if self.rank is None or other.rank is None:
            return True
        pairs = zip(self, other, strict=False)
        return len(self) == len(other) and all(a is None or b is None or a == b for a, b in pairs)

    def assert_is_compatible_with(self, other: Ints) -> None:
        if not self.is_compatible_with(other):
            raise ValueError(f"Shapes {self} and {TensorShape(other)} are incompatible")

    def concatenate(self, other: Ints) -> "TensorShape":
        return TensorShape((*self, *TensorShape(other)))

    def assert_has_rank(self, rank: int) -> None:
        self.with_rank(rank)

    def assert_same_rank(self, other: Ints) -> None:
        other = TensorShape(other)
        if None not in (self.rank, other.rank) and self.rank != other.rank:
            raise ValueError(f"Shapes {self} and {other} must have the same rank")

    def assert_is_fully_defined(self) -> None:
        if not self.is_fully_defined():
            raise ValueError(f"Shape {self} is not fully defined")

    def merge_with(self, other: Ints) -> "TensorShape":
        """What both say."""
        other = TensorShape(other)
        self.assert_is_compatible_with(other)
        if self.rank is None or other.rank is None:
            return other if self.rank is None else self
        return TensorShape(a if b is None else b for a, b in zip(self, other, strict=True))

    def with_rank_at_least(self, rank: int) -> "TensorShape":
        if self.rank is not None and self.rank < rank:
            raise ValueError(f"Shape {self} must have rank at least {rank}")
        return self

    def with_rank_at_most(self, rank: int) -> "TensorShape":
        if self.rank is not None and self.rank > rank:
            raise ValueError(f"Shape {self} must have rank at most {rank}")
        return self

    def with_rank(self, rank: int) -> "TensorShape":
        if self.rank != rank:
            raise ValueError(f"Shape {self} must have rank {rank}")
        return self

    def __getitem__(self, index: SupportsIndex | slice) -> Any:
        found = super().__getitem__(index)
        return TensorShape(found) if isinstance(index, slice) else found

    def __add__(self, other: Sequence[int | None]) -> "TensorShape":
        return TensorShape((*self, *other))

    def __radd__(self, other: Sequence[int | None]) -> "TensorShape":
        return TensorShape((*other, *self))

    def __eq__(self, other: object) -> bool:
        return tuple.__eq__(self, tuple(other)) if isinstance(other, (list, tuple)) else False

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = tuple.__hash__

    def __str__(self) -> str:
        return f"({self[0]},)" if len(self) == 1 else f"({', '.join(map(str, self))})"

    def __repr__(self) -> str:
        return f"TensorShape({list(self)})"


class Unknown(TensorShape):
    """A shape of which not even the number of axes is known."""

    def __new__(cls, dims: Ints = None) -> "Unknown":
        return tuple.__new__(cls)

    rank = ndims = dims = None  # type: ignore[assignment]

    def as_list(self) -> NoReturn:
        raise ValueError("as_list() is not defined on an unknown TensorShape.")

    def is_fully_defined(self) -> bool:
        return False

    def __str__(self) -> str:
        return "<unknown>"

    def __repr__(self) -> str:
        return "TensorShape(None)"
