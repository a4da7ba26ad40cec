"""Functions of today with the names, and in the order, that an era had for their arguments."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from kerata.base.checks import did_you_mean, message
from kerata.dialects import Row, find_function
from kerata.dialects.values import today_of

Maker = Callable[[str, str], Any]


def respelling(room: str, make: Maker) -> Maker:
    """A maker whose functions take the arguments of their era.

    Args:
        room: the name of the table that says which they were.
        make: gives the functions of today.
    """

    def made(era: str, name: str) -> object:
        found, row = make(era, name), find_function(era, room, name)
        return found if row is None or isinstance(found, type) else respelled(row, found)

    return made


def respelled(row: Row, function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that takes the arguments of a row, by place and by name, and those of today by name.

    >>> row = find_function("keras2", "backend", "dot")
    >>> respelled(row, lambda x1, x2: x1 - x2)(3, y=1)
    2
    """
    today = [argument.new for argument in row.arguments or ()]
    in_place = today == list(inspect.signature(function).parameters)[: len(today)]

    @functools.wraps(function)
    def call(*args: object, **kwargs: object) -> object:
        given = bound(row, args, kwargs)
        if not in_place:
            return function(**given)
        # By place as far as that goes, since graphs and files name arguments by their places.
        first = []
        for name in today:
            if name not in given:
                break
            first.append(given.pop(name))
        return function(*first, **given)

    return call


def bound(row: Row, args: tuple[object, ...], kwargs: dict[str, object]) -> dict[str, object]:
    """What a function was given, by the names of today."""
    arguments = row.arguments or ()
    if len(args) > len(arguments):
        names = [argument.old for argument in arguments]
        expected = f"it takes at most {len(names)} arguments without names"
        raise TypeError(message(row.name, expected, {"args": args}, f"They are: {names}"))
    given = {argument.old: value for argument, value in zip(arguments, args, strict=False)}
    known = {argument.old: argument for argument in arguments} | {one.new: one for one in arguments if one.new}
    for name, value in kwargs.items():
        argument = known.get(name)
        if argument is None:
            raise TypeError(message(row.name, f"unknown argument `{name}`", {name: value}, did_you_mean(name, list(known))))
        if argument.old in given:
            raise TypeError(message(row.name, f"`{name}` is given twice", {name: value}))
        given[argument.old] = value
    new = {argument.old: argument.new for argument in arguments}
    return {new[old]: today_of(row.era, old, new[old], value) for old, value in given.items() if new[old]}


class OfEra:
    """A function of an era that is equal to the one of today that it stands for, which layers keep.

    So programs find the layers with `layer.activation == keras.activations.relu`.
    """

    def __init__(self, function: Callable[..., Any], today: Callable[..., Any]):
        functools.update_wrapper(self, function)
        self._call = function
        self.__kerata__ = today

    def __call__(self, *args: object, **kwargs: object) -> object:
        return self._call(*args, **kwargs)

    def __eq__(self, other: object) -> bool:
        return getattr(other, "__kerata__", other) is self.__kerata__

    def __hash__(self) -> int:
        return hash(self.__kerata__)

    def __repr__(self) -> str:
        return repr(self.__kerata__)
