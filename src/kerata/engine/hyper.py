"""Hyperparameters: numbers that a person would try, which are values of the compiled program and not constants in it.

`rate = Hyperparameter(low=0.0, high=1.0)` in a class makes `layer.rate` a number outside of programs, and a traced value
inside. Setting it never compiles anything again, and a search may replace it by an axis.
"""

import contextlib
from collections.abc import Generator, Iterator
from numbers import Real
from typing import Any, cast

import numpy as np

from kerata.base.blocks import Within, ambient
from kerata.base.checks import check_number
from kerata.engine.module import Module, modules_of
from kerata.engine.scope import current_scope
from kerata.engine.types import Array, HostArray, HyperTable, TensorLike

_local = ambient()


@contextlib.contextmanager
def noting_numbers() -> Generator[dict[tuple[int, str], tuple[object, str]]]:
    """The hyperparameters that are read within programs that are traced inside the block, and that these do not carry."""
    numbers: dict[tuple[int, str], tuple[object, str]] = {}
    with Within(_local, numbers=numbers):
        yield numbers


class Number(float):
    """A float that knows where it is kept, so that `optimizer.learning_rate.assign(0.1)` sets it."""

    owner: object = None
    attribute: str = ""

    def assign(self, value: TensorLike) -> None:
        """Sets the hyperparameter to a new number."""
        setattr(self.owner, self.attribute, float(np.asarray(value)))

    def numpy(self) -> np.float32:
        """The number as NumPy has it."""
        return np.float32(self)

    @property
    def value(self) -> float:
        """The number as a plain float."""
        return float(self)

    def __reduce__(self) -> tuple[type[float], tuple[float]]:
        return (float, (float(self),))

    def __deepcopy__(self, memo: dict[int, object]) -> float:
        return float(self)


class Hyperparameter:
    """A number of a layer, regularizer, loss or optimizer that the program takes as a value.

    What is not a number (`None`, or a schedule) stays as it is and is part of the program's structure.

    Args:
        low, high: the range that is checked when the number is set.
        zero_is_absent: whether 0 means that there is no such thing, e.g. no dropout: then it is structure as well, the
            program does without, and only going from 0 to another number compiles again.
    """

    def __init__(self, low: float | None = None, high: float | None = None, zero_is_absent: bool = False):
        self.low, self.high, self.zero_is_absent = low, high, zero_is_absent

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        owner._hyperparameters = (*getattr(owner, "_hyperparameters", ()), name)  # type: ignore[attr-defined]

    def __get__(self, obj: object | None, owner: type | None = None) -> Any:
        if obj is None:
            return self
        scope = current_scope()
        if scope is not None:
            value = scope.hypers.get((id(obj), self.name))
            if value is not None:
                return value
            if (numbers := getattr(_local, "numbers", None)) is not None and holds_number(obj, self.name):
                numbers[id(obj), self.name] = (obj, self.name)
        try:
            value = obj.__dict__[self.name]
        except KeyError:
            raise AttributeError(f"{type(obj).__name__} has no attribute {self.name!r} yet") from None
        if type(value) is float:
            value = Number(value)
            value.owner, value.attribute = obj, self.name
        return value

    def __set__(self, obj: object, value: object) -> None:
        is_number = isinstance(value, (int, float, Real)) and not isinstance(value, bool)
        if is_number or (getattr(value, "shape", None) == () and not callable(value)):
            value = self.check(obj, cast(float, value))
        obj.__dict__[self.name] = value

    def check(self, obj: object, value: TensorLike) -> float:
        """The number as a float, or an error where it is out of range."""
        number = value if isinstance(value, int) else float(np.asarray(value))
        return float(check_number(obj, self.name, number, self.low, self.high))


def holds_number(obj: object, name: str) -> bool:
    """Whether a hyperparameter is a value of the program now, and not absent or a schedule."""
    value = obj.__dict__.get(name)
    return type(value) is float and not (value == 0.0 and getattr(type(obj), name).zero_is_absent)


def declared_hyperparameters(obj: object) -> tuple[str, ...]:
    """The names of an object's hyperparameters, whatever they hold."""
    return getattr(obj.__class__, "_hyperparameters", ())


def hyperparameters_of(obj: object) -> Iterator[str]:
    """The names of an object's hyperparameters that hold a number now."""
    return (name for name in declared_hyperparameters(obj) if holds_number(obj, name))


def is_absent(value: object) -> bool:
    """Whether a hyperparameter that was just read is `None`, or a 0 that means absence; traced values are not."""
    return value is None or (isinstance(value, (int, float)) and value == 0)


class Hypers:
    """The hyperparameters of a model, its losses and its optimizer, as one vector.

    Args:
        roots: (path, module) pairs to look through.
    """

    def __init__(self, *roots: tuple[str, object]):
        self.owners: list[tuple[Module, str]] = []
        self.paths: list[str] = []
        seen: set[int] = set()
        for path, root in roots:
            if not isinstance(root, Module):
                continue
            for below, module in modules_of(root, path, seen):
                for name in hyperparameters_of(module):
                    self.owners.append((module, name))
                    self.paths.append(f"{below}/{name}")

    def vector(self) -> HostArray:
        """The numbers as they are now, float32 of shape (hyperparameters,)."""
        return np.array([module.__dict__[name] for module, name in self.owners], np.float32)

    def table(self, vector: Array) -> HyperTable:
        """What a scope needs to give each hyperparameter its traced value."""
        return {(id(module), name): vector[index] for index, (module, name) in enumerate(self.owners)}
