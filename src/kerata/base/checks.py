"""Argument checks, and the one form of an error message.

Every message reads: *owner (path): what was expected. Received: name=value. How to fix.*
"""

import difflib
import itertools
import os
import reprlib
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal, SupportsInt, TypeVar, cast, overload

from kerata.base.interrupts import hand_on
from kerata.base.types import Owner, ShapeLike, is_dict, is_list_or_tuple

T = TypeVar("T")


def message(owner: Owner, expected: str, received: Mapping[str, object] | None = None, fix: str = "") -> str:
    """The one form of an error message.

    >>> message("Dense (encoder)", "`units` must be a positive integer", {"units": -3})
    'Dense (encoder): `units` must be a positive integer. Received: units=-3.'
    """
    text = f"{describe_owner(owner)}: {expected.rstrip('.')}."
    if received:
        text += " Received: " + ", ".join(f"{name}={shorten(value)}" for name, value in received.items()) + "."
    if fix:
        text += f" {fix}" if fix.endswith(("?", ".")) else f" {fix}."
    return text


def describe_owner(owner: Owner) -> str:
    """`Dense (encoder/dense_1)` for a layer; a string stays as it is."""
    if isinstance(owner, str):
        return owner
    kind = owner.__name__ if isinstance(owner, type) else vars(type(owner)).get("_called", type(owner).__name__)
    name = None if isinstance(owner, type) else _name_of(owner)
    return f"{kind} ({name})" if name else kind


def _name_of(owner: Owner) -> object:
    """The path of a variable, the name of a layer."""
    path = None if hasattr(type(owner), "add_weight") else getattr(owner, "path", None)
    return path or getattr(owner, "name", None)


def shorten(value: Any, limit: int = 120) -> str:
    """The value as a person would want to see it in one line: an array by shape and dtype, long text cut."""
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        try:
            value = value.item()
        except Exception as error:  # inside a program there is no number to be seen
            hand_on(error)
            return f"a traced number of type {value.dtype}"
    if _has_shape(value):
        return f"array of shape {tuple(value.shape)} and dtype {value.dtype}"
    text = _repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."


# Of what is so large or so deep, only the beginning is looked at.
LARGE = 2000
_shortened = reprlib.Repr()
_shortened.maxstring = _shortened.maxother = _shortened.maxlong = 200
_shortened.maxlist = _shortened.maxtuple = _shortened.maxdict = 60


def _repr(value: object) -> str:
    pending: list[object] = [value]
    size = 0
    while pending and size < LARGE:
        item = pending.pop()
        size += 1
        if is_dict(item):
            size += len(item)
            pending.extend(itertools.islice(item.values(), LARGE))
        elif is_list_or_tuple(item):
            size += len(item)
            pending.extend(item[:LARGE])
        elif isinstance(item, (str, bytes)):
            size += len(item)
    return repr(_without_arrays(value)) if size < LARGE else _shortened.repr(value)


class Said(str):
    """Text that is shown as it stands, without quotes."""

    __slots__ = ()
    __repr__ = str.__str__


def _without_arrays(value: object, depth: int = 0) -> object:
    """The same lists, tuples and dicts with each array as `shorten` says it: its numbers would hide the rest."""
    if depth > 9:
        return value
    kind = type(value)
    # Of their own classes, some show themselves in another way.
    if is_dict(value) and kind.__repr__ is dict.__repr__:  # pyright: ignore[reportUnknownMemberType], of no one dict
        return {key: _without_arrays(item, depth + 1) for key, item in value.items()}
    if is_list_or_tuple(value) and kind in (list, tuple):
        return type(value)([_without_arrays(item, depth + 1) for item in value])
    return Said(shorten(value)) if _has_shape(value) else value


def _has_shape(value: object) -> bool:
    """Whether it is shown by shape and type; what says what an input must be may have none."""
    return getattr(value, "shape", None) is not None and hasattr(value, "dtype")


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """A sentence that names the nearest known spellings, or lists what there is.

    >>> did_you_mean("rlu", ["relu", "tanh"])
    "Did you mean 'relu'?"
    """
    known, name = sorted({str(k) for k in known}), str(name)[:100]
    near = difflib.get_close_matches(name, known, n=2, cutoff=0.6)
    if not near:
        lower = {k.lower().replace("_", ""): k for k in known}
        near = [lower[k] for k in difflib.get_close_matches(name.lower().replace("_", ""), lower, n=2, cutoff=0.6)]
    if near:
        return "Did you mean " + " or ".join(repr(n) for n in near) + "?"
    return "Known: " + ", ".join(known) if len(known) <= 40 else ""


class KindError(TypeError, ValueError):
    """A value of the wrong kind. Keras raises `ValueError` for most of them, so programs may catch either."""


class UnableError(NotImplementedError, TypeError):
    """What an object cannot do. Keras raises `NotImplementedError` where Python has `TypeError`; programs may catch either."""


@overload
def check_positive_int(owner: Owner, name: str, value: object, optional: Literal[False] = False, minimum: int = 1) -> int: ...
@overload
def check_positive_int(owner: Owner, name: str, value: object, optional: bool, minimum: int = 1) -> int | None: ...
def check_positive_int(owner: Owner, name: str, value: object, optional: bool = False, minimum: int = 1) -> int | None:
    """An integer of at least `minimum`, returned as `int`; `None` passes if optional."""
    if value is None and optional:
        return None
    expected = f"`{name}` must be {'a positive integer' if minimum == 1 else f'an integer of at least {minimum}'}"
    # Floats that hold a whole number come out of config files and of computations such as `n / 2`.
    is_whole = isinstance(value, Integral) or (isinstance(value, Real) and float(value).is_integer())
    if not is_whole or isinstance(value, bool):
        raise KindError(message(owner, expected, {name: value}))
    number = int(cast(SupportsInt, value))
    if number < minimum:
        raise ValueError(message(owner, expected, {name: value}))
    return number


def check_number(
    owner: Owner, name: str, value: T, low: float | None = None, high: float | None = None, optional: bool = False
) -> T:
    """A real number in [low, high]; `None` passes if optional. Values under tracing pass unread."""
    if value is None and optional:
        return value
    if isinstance(value, (int, float, Real)) and not isinstance(value, bool):
        number = cast(float, value)
        if (low is not None and number < low) or (high is not None and number > high) or number != number:
            raise ValueError(message(owner, f"`{name}` must be {describe_range(low, high)}", {name: value}))
        try:
            float(number)
        except OverflowError:
            raise ValueError(message(owner, f"`{name}` must be a number that a float holds", {name: value})) from None
        return value
    if getattr(value, "shape", None) == ():
        return value
    raise KindError(message(owner, f"`{name}` must be {describe_range(low, high)}", {name: value}))


def describe_range(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"a number between {low} and {high}"
    if low is not None:
        return f"a number of at least {low}"
    if high is not None:
        return f"a number of at most {high}"
    return "a number"


def check_path(owner: Owner, value: object, name: str = "filepath") -> Path:
    """The path that a text or a path object names."""
    named = cast("str | bytes | os.PathLike[str]", value)
    if not isinstance(value, (str, bytes, os.PathLike)) or not value:
        raise KindError(message(owner, f"`{name}` must be a path", {name: named}, "Give a text or a pathlib.Path"))
    return Path(os.fsdecode(named))


def check_choice(owner: Owner, name: str, value: object, choices: Iterable[T]) -> T:
    """One of a few values."""
    choices = list(choices)
    if value not in choices:
        listed = ", ".join(repr(c) for c in choices)
        fix = did_you_mean(value, [c for c in choices if isinstance(c, str)]) if isinstance(value, str) else ""
        raise ValueError(message(owner, f"`{name}` must be one of {listed}", {name: value}, fix))
    return cast(T, value)  # it equals a choice


def standardize_tuple(owner: Owner, name: str, value: ShapeLike, length: int, minimum: int = 1) -> tuple[int, ...]:
    """An integer, or `length` integers, as a tuple of `length` integers.

    >>> standardize_tuple("Conv2D", "strides", 2, 2)
    (2, 2)
    """
    given = (value,) * length if isinstance(value, (int, Integral)) else value
    what = f"`{name}` must be an integer or a tuple of {length} integers, each at least {minimum}"
    try:
        values: tuple[int, ...] = tuple(given)
    except TypeError:
        raise KindError(message(owner, what, {name: value})) from None
    if len(values) != length or not all(isinstance(v, Integral) for v in values):
        raise KindError(message(owner, what, {name: value}))
    if min(values, default=minimum) < minimum:
        raise ValueError(message(owner, what, {name: value}))
    return tuple(int(v) for v in values)
