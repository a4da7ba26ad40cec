"""Targets as a program's own losses and measures got them from `fit`: a column where there is one number a sample."""

import functools
from collections.abc import Callable
from typing import Protocol, cast

from kerata.engine.scope import in_scope, note
from kerata.engine.structure import is_ours
from kerata.legacy.tensorflow.tensor import is_wide


class HasItems(Protocol):
    """An array or a tensor."""

    def __getitem__(self, index: object) -> object: ...


def column(value: object, y_pred: object) -> object:
    """Numbers of shape (batch,) beside predictions of shape (batch, features) as (batch, 1); all else as it is."""
    if len(getattr(value, "shape", ())) != 1 or len(getattr(y_pred, "shape", ())) != 2:
        return value
    found = cast(HasItems, value)[..., None]
    if is_wide(value):
        note(found, "wide", True)
    return found


def of_columns(method: Callable[..., object]) -> Callable[..., object]:
    """A method of (y_true, y_pred, sample_weight) which programs give columns; called by hand it gets what it is given."""

    @functools.wraps(method)
    def call(self: object, y_true: object, y_pred: object, *args: object, **kwargs: object) -> object:
        if in_scope():
            y_true, args = column(y_true, y_pred), tuple(column(one, y_pred) for one in args)
            kwargs = {name: column(value, y_pred) for name, value in kwargs.items()}
        return method(self, y_true, y_pred, *args, **kwargs)

    return call


def take_columns(cls: type, name: str) -> None:
    """Lets a method that a program's own class defines get columns."""
    if name in cls.__dict__ and not is_ours(cls):
        setattr(cls, name, of_columns(cls.__dict__[name]))
