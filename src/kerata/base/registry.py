"""The registry of names: which object a name in a program, a config or a file stands for.

Built-in objects are entered by `@builtin(kind, *aliases)` where they are defined. A user's own classes and functions are
entered by `@register_keras_serializable()`, a `custom_object_scope` or a `custom_objects` argument. A file can only
name what is entered: nothing is ever imported because a file says so.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from kerata.base.blocks import ambient
from kerata.base.checks import KindError, describe_owner, did_you_mean, message
from kerata.base.types import Owner

T = TypeVar("T")

_builtins: dict[str, dict[str, Any]] = {}
_homes: dict[Any, tuple[str, str]] = {}
_facts: dict[Any, dict[str, Any]] = {}
_registered: dict[str, Any] = {}
_registered_names: dict[Any, str] = {}
_local = ambient()


def snake(name: str) -> str:
    """`GlorotUniform` to `glorot_uniform`, `Conv2DTranspose` to `conv2d_transpose`, as Keras names layers.

    >>> snake("GlorotUniform"), snake("MaxPooling2D"), snake("LSTM")
    ('glorot_uniform', 'max_pooling2d', 'lstm')
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def builtin(kind: str, *aliases: str, name: str | None = None, **facts: object) -> Callable[[T], T]:
    """Enters a class or function under its own name and `aliases` in the table of `kind`, e.g. `"layers"`.

    Args:
        kind, aliases, name: where it is found.
        facts: what else is known of a function; see `fact`. A class says it by attributes.
    """

    def enter(obj: T) -> T:
        own: str = name or getattr(obj, "__name__")  # noqa: B009, no type has it
        table = _builtins.setdefault(kind, {})
        for spelling in (own, *aliases):
            table[spelling] = obj
        _homes.setdefault(obj, (kind, own))
        if facts:
            _facts[obj] = facts
        return obj

    return enter


def enter_alias(obj: object, builtin: object) -> None:
    """Lets a class or function count as a built-in one that it stands for: in files, and in the structure of programs."""
    if (home := home_of(builtin)) is not None:
        _homes[obj] = home


def home_of(obj: object) -> tuple[str, str] | None:
    """(kind, name) of a built-in class or function, `None` for everything else."""
    try:
        return _homes.get(obj)
    except TypeError:  # unhashable callables
        return None


def fact(function: object, name: str, default: object = None) -> Any:
    """What a built-in function was entered with. It holds for that very function: what wraps it may do something else.

    >>> from kerata import losses
    >>> fact(losses.dice, "mixes_samples"), fact(lambda y_true, y_pred: 0.0, "mixes_samples")
    (True, None)
    """
    return _facts.get(function, {}).get(name, default) if home_of(function) is not None else default


def find_builtin(kind: str, name: str) -> Callable[..., Any] | None:
    """The built-in of that kind and name, or `None`."""
    return _builtins.get(kind, {}).get(name)


def find_registered(name: str) -> Callable[..., Any] | None:
    """A registered object by its name without the package, as files of Keras 3.6 and older name functions.

    `None` where two packages have one of that name: which is meant, nobody knows.
    """
    found = [obj for full, obj in _registered.items() if full.split(">")[-1] == name]
    return found[0] if len(found) == 1 else None


def names(kind: str) -> list[str]:
    """All spellings known for a kind."""
    return sorted(_builtins.get(kind, {}))


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[T], T]:
    """Enters a user's class or function under `package>name`, so that files that name it can be read."""

    def enter(obj: T) -> T:
        own = f"{package}>{name or getattr(obj, '__name__')}"  # noqa: B009, no type has it
        if isinstance(obj, type) and not hasattr(obj, "get_config"):
            raise ValueError(
                message(
                    "register_keras_serializable",
                    "Cannot register a class that does not have a get_config() method",
                    {"class": obj.__name__},
                )
            )
        _registered[own] = obj
        _registered_names[obj] = own
        return obj

    return enter


def get_registered_name(obj: object) -> str:
    """`package>name` of a registered object, else its own name."""
    return _registered_names.get(obj, getattr(obj, "__name__", str(obj)))


def is_registered(obj: object) -> bool:
    """Whether a user's class or function is entered."""
    try:
        return obj in _registered_names
    except TypeError:  # unhashable callables
        return False


def get_registered_object(
    name: str, custom_objects: dict[str, Any] | None = None, module_objects: dict[str, Any] | None = None
) -> Any:
    """The object entered under a name by a scope, by `custom_objects` or by registration; `None` if there is none."""
    for table in (*reversed(_scopes()), custom_objects or {}, get_custom_objects(), _registered, module_objects or {}):
        if name in table:
            return table[name]
    return None


_custom_objects: dict[str, Any] = {}


def get_custom_objects() -> dict[str, Any]:
    """The global table of custom objects; entries made here hold for the whole process."""
    return _custom_objects


def _scopes() -> list[dict[str, Any]]:
    return _local.__dict__.setdefault("scopes", [])


class CustomObjectScope:
    """Names known while a block runs: `with custom_object_scope({"MyLayer": MyLayer}): ...`"""

    def __init__(self, custom_objects: dict[str, Any] | None = None, *more: dict[str, Any] | None):
        self.custom_objects = {k: v for table in (custom_objects, *more) for k, v in (table or {}).items()}

    def __enter__(self) -> "CustomObjectScope":
        _scopes().append(self.custom_objects)
        return self

    def __exit__(self, *exc_info: object) -> None:
        _scopes().pop()


custom_object_scope = CustomObjectScope


def find(kind: str, name: str, owner: Owner = None, argument: str = "identifier") -> Callable[..., Any]:
    """The object that a name stands for: a user's own first, then the built-ins of `kind`.

    Raises `ValueError` with the nearest known spellings if there is none.
    """
    found = get_registered_object(name)
    if found is None and "Custom>" + name in _registered:
        found = _registered["Custom>" + name]
    if found is None:
        found = find_builtin(kind, name)
    if found is None:
        raise UnknownName(kind, name, owner or kind, argument)
    return found


class BadIdentifier(ValueError):
    """What stands for nothing where a name or an object was wanted.

    Args:
        kind, name: what was looked for.
        owner, argument: who was asked for it. A constructor that passes a name on says the error again as its own.
    """

    def __init__(self, kind: str, name: object, owner: Owner, argument: str):
        super().__init__(kind, name, describe_owner(owner), argument)
        self.kind, self.name = kind, name

    def again(self, owner: Owner, given: Mapping[str, object]) -> "BadIdentifier":
        """The error as that of an owner, and of its argument that was given the name; unchanged if none was."""
        same = [
            argument
            for argument, value in given.items()
            if value is self.name or (isinstance(value, str) and value == self.name)
        ]
        if not same:
            return self
        # Of several arguments with this value, e.g. the number 2, the one that is called by its kind.
        called = [argument for argument in same if self.kind[:4] in argument]
        return type(self)(self.kind, self.name, owner, (called or same)[0])


class WrongKind(BadIdentifier, KindError):
    """What is neither a name nor an object that could stand for one."""

    def __str__(self) -> str:
        _, value, owner, argument = self.args
        return message(owner, f"`{argument}` must be a name, a config, a function or an object", {argument: value})


class UnknownName(BadIdentifier):
    """A name that stands for nothing."""

    def __str__(self) -> str:
        kind, name, owner, argument = self.args
        return message(owner, f"unknown name for `{argument}` in {kind}", {argument: name}, did_you_mean(name, names(kind)))
