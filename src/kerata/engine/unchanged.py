"""Whether objects are what they were, told quickly: by what their attributes, lists and dicts hold, one identity each.

Who prepared something for a model and is asked for the same again reads its structure anew, and finds its variables and the
hyperparameters. Where nothing that all of these are read from has changed, neither have they.
"""

from collections.abc import Callable, Hashable, Iterable
from functools import partial
from operator import is_, itemgetter
from typing import Any, cast

import jax
import numpy as np

from kerata.base import config
from kerata.base.types import is_dict, is_list_or_tuple
from kerata.engine.hyper import holds_number
from kerata.engine.module import Look, Module
from kerata.engine.random import SeedGenerator
from kerata.engine.structure import HIDDEN, PLAIN, count_changes, is_ours
from kerata.engine.symbolic import Node
from kerata.engine.types import HostArray
from kerata.engine.variable import Variable

# The contents of arrays up to this size are compared; objects with larger ones are never said to stand.
SMALL = 1000

# What tells, beside `trainable` and by the way it was said, which variables are trained.
TRAINED = frozenset({"_thawed"})


class Unchanged:
    """What some objects, and all that they hold, are now.

    Args:
        things: modules, or other objects of Kerata's.

    >>> import kerata
    >>> layer = kerata.layers.Dense(3)
    >>> unchanged = Unchanged(layer)
    >>> unchanged.holds
    True
    >>> layer.units = 4
    >>> unchanged.holds
    False
    """

    def __init__(self, *things: object):
        self.common = _common()
        # (what to look at, how to get its parts, how many it has, its parts).
        self.rows: list[tuple[object, Callable[..., tuple[object, ...]], int, tuple[object, ...]]] = []
        self.numbers: list[tuple[object, str]] = []
        self.arrays: list[tuple[HostArray, HostArray]] = []
        self.can_tell = True
        self._seen: dict[int, object] = {}
        for thing in things:
            self._look_at(thing)
        self._seen.clear()

    @property
    def holds(self) -> bool:
        """Whether nothing has changed."""
        if not self.can_tell or self.common != _common():
            return False
        try:
            for thing, get, count, parts in self.rows:
                if len(cast("list[object]", thing)) != count or not all(map(is_, get(thing), parts)):
                    return False
        except (KeyError, IndexError):
            return False
        return all(holds_number(*number) for number in self.numbers) and all(
            np.array_equal(array, before) for array, before in self.arrays
        )

    def _look_at(self, value: object) -> None:
        if type(value) in PLAIN or id(value) in self._seen:
            return
        self._seen[id(value)] = value
        if is_list_or_tuple(value):
            self._keep_sequence(value)
        elif is_dict(value):
            self._keep(value, tuple(value))
        elif isinstance(value, (set, frozenset)):
            self.can_tell = False
        elif isinstance(value, np.ndarray):
            self.can_tell = self.can_tell and value.size <= SMALL
            array = cast(HostArray, value)
            self.arrays.append((array, array.copy()))
        elif isinstance(value, Variable):
            self._keep(vars(value), tuple(name for name in VARIABLE if name in vars(value)))
        elif isinstance(value, SeedGenerator):
            self._keep(vars(value), ("seed", "state"))
        elif isinstance(value, Node):
            for part in (value.operation, value.args, value.kwargs):
                self._look_at(part)
        elif isinstance(value, Module) or (not callable(value) and is_ours(type(value))):
            self._keep_object(value)

    def _keep_object(self, value: object) -> None:
        held = getattr(value, "__dict__", None)
        if held is None:
            return
        hidden, hypers = HIDDEN, ()
        if isinstance(value, Module):
            looks = type(value)._hidden  # pyright: ignore[reportPrivateUsage], of this room
            hidden, hypers = looks[Look.PROGRAM] & looks[Look.PARTS] - TRAINED, type(value)._hyperparameters  # pyright: ignore[reportPrivateUsage]
        numbers = [name for name in hypers if name in held and holds_number(value, name)]
        self.numbers += [(value, name) for name in numbers]
        self._keep(held, tuple(name for name in held if name not in hidden and name not in numbers))

    def _keep(self, held: dict[str, object], names: tuple[Hashable, ...]) -> None:
        """Notes some entries of a dict, and how many there are in all."""
        get: Callable[..., Any] = itemgetter(*names) if names else _nothing
        # One name alone is no tuple.
        self._note(held, get if len(names) != 1 else partial(_alone, get))

    def _keep_sequence(self, value: Iterable[object]) -> None:
        if isinstance(value, tuple):
            # It holds what it holds.
            for part in value:
                self._look_at(part)
        else:
            self._note(value, tuple)

    def _note(self, thing: object, get: Callable[..., tuple[object, ...]]) -> None:
        parts = get(thing)
        self.rows.append((thing, get, len(cast("list[object]", thing)), parts))
        for part in parts:
            self._look_at(part)


# What a variable is beside its numbers.
VARIABLE = ("_shape", "_dtype", "_trainable", "autocast", "_overwrite_with_gradient", "_regularizer", "_constraint")


def _nothing(_: object) -> tuple[object, ...]:
    return ()


def _alone(get: Callable[..., object], thing: object) -> tuple[object, ...]:
    return (get(thing),)


def _common() -> tuple[object, ...]:
    """What is the whole process's."""
    return (config.floatx(), config.epsilon(), config.image_data_format(), jax.default_backend(), count_changes())
