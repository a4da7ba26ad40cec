"""The structure of a model: a value that is equal for models whose compiled programs are equal.

Numbers that are values of the program (hyperparameters, weights) and names are left out; everything else that a built-in
object holds is in. A user's own code may depend on anything, so a model that holds some has no structure here.
"""

# JAX leaves the types of some functions out.
# pyright: reportUnknownMemberType=false

import hashlib
import sys
from collections.abc import Hashable
from typing import Any, cast

import jax
import numpy as np

from kerata.base import config, registry
from kerata.base.types import is_dict, is_list_or_tuple
from kerata.engine.hyper import holds_number
from kerata.engine.module import Look, Module
from kerata.engine.policy import DTypePolicy
from kerata.engine.random import SeedGenerator
from kerata.engine.symbolic import Node, SymbolicTensor
from kerata.engine.types import AnyArray
from kerata.engine.variable import Variable

# Of objects that are no modules.
HIDDEN = frozenset({"name"})
# What `jax.jit` gives: the function inside, compiled.
JITTED: type[object] = type(jax.jit(len))
SIMPLE: tuple[type[Any], ...] = (int, float, complex, str, bytes, np.dtype, np.generic)
AS_TEXT: tuple[type[Any], ...] = (DTypePolicy, slice)
PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes})


# How often a layer of the process was changed within.
_changes = 0


def note_change() -> None:
    """Says that a layer computes something else from now on, with other variables: who holds programs looks anew."""
    global _changes
    _changes += 1


def count_changes() -> int:
    """How often that was said. Who holds programs of a model compares it with what it was when they were made."""
    return _changes


class Opaque(Exception):
    """The structure holds a user's own code."""


class Structure:
    """Nested tuples that are hashed once: every table of programs and plans is asked by them."""

    __slots__ = ("hash", "parts")

    def __init__(self, parts: tuple[Hashable, ...]):
        self.parts, self.hash = parts, hash(parts)

    def __hash__(self) -> int:
        return self.hash

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Structure) and self.hash == other.hash and self.parts == other.parts)


def structure_of(*things: object) -> Structure | None:
    """A hashable value for the structure of some objects, or `None` where a user's own code is part of it."""
    try:
        seen: dict[int, int] = {}
        globals_ = (config.floatx(), config.epsilon(), config.image_data_format(), jax.default_backend())
        return Structure((globals_, *[_read(thing, seen) for thing in things]))
    except Opaque:
        return None


def _read(value: object, seen: dict[int, int]) -> Hashable:
    kind = type(value)
    if kind in PLAIN or isinstance(value, SIMPLE):
        return (kind.__name__, value)
    if is_list_or_tuple(value):
        return (kind.__name__, *[_read(item, seen) for item in value])
    if is_dict(value):
        return ("dict", *[(str(key), _read(item, seen)) for key, item in value.items()])
    if isinstance(value, (set, frozenset)):
        return ("set", *sorted(map(str, cast("frozenset[object]", value))))
    if isinstance(value, AS_TEXT) or value is Ellipsis:
        return (kind.__name__, str(value))
    if id(value) in seen:
        return ("seen", seen[id(value)])
    seen[id(value)] = len(seen)
    if isinstance(value, Variable):
        return (
            "variable",
            value.shape,
            value.dtype,
            value.trainable,
            value.autocast,
            value.overwrite_with_gradient,
            _read(value.regularizer, seen),
            _read(value.constraint, seen),
        )
    if isinstance(value, SeedGenerator):
        return ("seed", value.seed)
    if isinstance(value, SymbolicTensor):
        return ("tensor", value.shape, value.dtype)
    if isinstance(value, Node):
        return ("node", *[_read(part, seen) for part in (value.operation, value.args, value.kwargs, value.outputs)])
    if isinstance(value, (np.ndarray, jax.Array)):
        return _read_array(cast(AnyArray, value))
    if isinstance(value, Module) or (not callable(value) and is_ours(type(value))):
        return _read_object(value, seen)
    return _read_function(value, seen)


def _read_array(value: AnyArray) -> Hashable:
    if value.size > 1_000_000:
        raise Opaque
    return ("array", value.shape, str(value.dtype), hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest())


def is_ours(thing: object) -> bool:
    """Whether a class or function is Kerata's own."""
    return (getattr(thing, "__module__", "") or "").partition(".")[0] == "kerata"


def _read_object(value: object, seen: dict[int, int]) -> Hashable:
    cls = type(value)
    if not is_ours(cls):
        raise Opaque
    hypers, hidden = _looked_over(type(value)) if isinstance(value, Module) else ((), HIDDEN)
    # A class that stands for a built-in one makes the same program.
    found: list[Hashable] = [registry.home_of(cls) or f"{cls.__module__}.{cls.__qualname__}"]
    if isinstance(value, Module):
        found += [(name, bool(getattr(value, name))) for name in value._facts_of_program]  # pyright: ignore[reportPrivateUsage], of this room
    for name, item in value.__dict__.items():
        if name in hidden:
            continue
        if name in hypers and holds_number(value, name):
            found.append((name, "number"))
        else:
            found.append((name, _read(item, seen)))
    return tuple(found)


def _looked_over(cls: type[Module]) -> tuple[tuple[str, ...], frozenset[str]]:
    """The names of a module's hyperparameters, and of what keeps its books."""
    return cls._hyperparameters, cls._hidden[Look.PROGRAM]  # pyright: ignore[reportPrivateUsage], of this room


def _read_function(value: Any, seen: dict[int, int]) -> Hashable:
    home = registry.home_of(value)
    if home is not None:
        return ("built-in", *home)
    if isinstance(value, type):
        if is_ours(value) or value.__module__ in ("builtins", "numpy", "jax.numpy"):
            return ("class", value.__module__, value.__qualname__)
        raise Opaque
    if type(value) is JITTED:
        return ("jitted", _read_function(getattr(value, "__wrapped__"), seen))  # noqa: B009, JAX declares it nowhere
    module = (getattr(value, "__module__", "") or "").partition(".")[0]
    # A decorator gives its function the names of the one inside, so names count only where they lead to the function itself.
    if module in ("kerata", "jax", "numpy") and _is_named(value):
        return ("function", value.__module__, value.__qualname__)
    raise Opaque


def _is_named(value: object) -> bool:
    """Whether a function is what stands under its own name in its own module."""
    found = sys.modules.get(value.__module__)
    for part in (getattr(value, "__qualname__", None) or "?").split("."):
        found = getattr(found, part, None)
    return found is value
