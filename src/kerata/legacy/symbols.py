"""What programs asked of symbolic tensors: `x.shape.as_list()`, `x.get_shape()[1].value`, `x.dtype.is_floating`."""

from collections.abc import Iterable, Iterator
from typing import SupportsIndex

from kerata.engine.symbolic import SymbolicTensor
from kerata.legacy.tensorflow.tensor import Tensor
from kerata.legacy.tensorflow.types import DTYPES, TensorShape, TypeOfVariable


class ShownShape(TensorShape):
    """The shape of a symbolic tensor: a tuple in all that it gives to who takes it for one.

    >>> ShownShape((None, 3)), ShownShape((None, 3)).as_list(), ShownShape((None, 3))[1:].num_elements()
    ((None, 3), [None, 3], 3)
    """

    __repr__ = tuple.__repr__

    def __new__(cls, dims: Iterable[int | None] = ()) -> "ShownShape":
        return tuple.__new__(cls, dims)

    def __getitem__(self, index: SupportsIndex | slice) -> "ShownShape | int | None":
        sizes = tuple(tuple.__iter__(self))
        return ShownShape(sizes[index]) if isinstance(index, slice) else sizes[index]

    def __add__(self, other: Iterable[int | None]) -> tuple[int | None, ...]:  # type: ignore[override]
        return ShownShape((*self, *other))

    def __radd__(self, other: Iterable[int | None]) -> tuple[int | None, ...]:  # type: ignore[override]
        return ShownShape((*other, *self))


class Dimension:
    """A size as TensorFlow 1 gave it, which has its number in `value`.

    >>> Dimension(3).value, Dimension(3) * 2 == 6, Dimension(None).value
    (3, True, None)
    """

    def __init__(self, value: int | None):
        self.value = None if value is None else int(value)

    def __int__(self) -> int:
        if self.value is None:
            raise TypeError("__int__ returned non-int (type NoneType)")
        return self.value

    __index__ = __int__

    def __eq__(self, other: object) -> bool:
        return self.value == (other.value if isinstance(other, Dimension) else other)

    def __hash__(self) -> int:
        return hash(self.value)

    def __str__(self) -> str:
        return "?" if self.value is None else str(self.value)

    def __repr__(self) -> str:
        return f"Dimension({self.value})"

    def _with(self, other: "Dimension | int | None", method: str) -> "Dimension":
        number = other.value if isinstance(other, Dimension) else other
        return Dimension(None if self.value is None or number is None else getattr(self.value, method)(number))

    def __add__(self, other: "Dimension | int | None") -> "Dimension":
        return self._with(other, "__add__")

    def __sub__(self, other: "Dimension | int | None") -> "Dimension":
        return self._with(other, "__sub__")

    def __mul__(self, other: "Dimension | int | None") -> "Dimension":
        return self._with(other, "__mul__")

    def __floordiv__(self, other: "Dimension | int | None") -> "Dimension":
        return self._with(other, "__floordiv__")

    __radd__, __rmul__ = __add__, __mul__


class ShapeOfThen(TensorShape):
    """A shape as TensorFlow 1 gave it: of sizes that have a `value`."""

    def __new__(cls, dims: Iterable[int | None] = ()) -> "ShapeOfThen":
        return tuple.__new__(cls, dims)

    def __getitem__(self, index: SupportsIndex | slice) -> "ShapeOfThen | Dimension":
        sizes = tuple(tuple.__iter__(self))
        return ShapeOfThen(sizes[index]) if isinstance(index, slice) else Dimension(sizes[index])

    def __iter__(self) -> Iterator[Dimension]:
        return (Dimension(size) for size in tuple.__iter__(self))

    def as_list(self) -> list[int | None]:
        return list(tuple.__iter__(self))


class KnownSize(int):
    """A size that is known, which has its number in `value` as well."""

    @property
    def value(self) -> int:
        return int(self)


def shape_of_then(sizes: Iterable[int | None]) -> ShownShape:
    return ShownShape(None if size is None else KnownSize(size) for size in sizes)


def shown_type(name: str) -> str:
    return TypeOfVariable(name, DTYPES[name]) if name in DTYPES else name


# For each era, what stands for functions of NumPy, for `if`, and for a loop over parts; those of Keras 1 are those of Keras 2.
ADVICE = {
    "keras3": SymbolicTensor.advice,
    "tfkeras2": (
        "Use tf.math, such as tf.math.log(x), or the same of K; or wrap it: layers.Lambda(...)",
        "Use tf.where(condition, a, b), or K.switch; or do it in a layer's call()",
        "tf.split(x, n, axis=1)",
    ),
    "keras1": (
        "Use functions of K, such as K.log(x), in a layer: Lambda(lambda x: K.log(x))",
        "Use K.switch(condition, a, b) in a layer, such as a Lambda",
        "a Lambda of each: Lambda(lambda x: x[:, 0])",
    ),
}


def get_shape(self: SymbolicTensor | Tensor) -> TensorShape:
    """The shape, whose sizes are whole numbers, or `None`."""
    return TensorShape(self.shape)


def get_shape_of_then(self: SymbolicTensor | Tensor) -> TensorShape:
    """The shape, whose sizes have a `value`."""
    return ShapeOfThen(self.shape)


def answer_as(era: str) -> None:
    """Symbolic tensors that are made from now on answer as those of an era did; those of Keras 3 have tuples and texts."""
    is_then = era not in ("tfkeras2", "keras3")
    Tensor.get_shape = get_shape_of_then if is_then else get_shape  # type: ignore[method-assign]
    SymbolicTensor.advice = ADVICE.get(era, ADVICE["keras1"])
    if era == "keras3":
        SymbolicTensor.shown_as = (tuple, str)
        if "get_shape" in vars(SymbolicTensor):
            del SymbolicTensor.get_shape  # type: ignore[attr-defined]
        return
    SymbolicTensor.shown_as = (shape_of_then if is_then else ShownShape, shown_type)
    SymbolicTensor.get_shape = Tensor.get_shape  # type: ignore[attr-defined]
