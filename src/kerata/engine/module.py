"""Modules: objects whose parts (variables, other modules) are found by looking at their attributes.

Nothing is registered and no container is wrapped: an attribute, a list, a tuple or a dict that holds a part is enough.
"""

import enum
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

from kerata.base import registry
from kerata.base.arguments import binding
from kerata.base.checks import UnableError, did_you_mean, message
from kerata.base.serialization import describing, deserialize_keras_object, serialize_keras_object
from kerata.base.types import Plain, is_dict, is_list_or_tuple
from kerata.dialects import hint
from kerata.engine.policy import DTypePolicy
from kerata.engine.variable import Variable

# What holds no parts; most attributes are of these types.
PLAIN = frozenset({type(None), bool, int, float, str, bytes})


class shown:
    """A property that gives way to an attribute of its name, where a user's class sets one.

    >>> class Box:
    ...     size = shown(lambda self: 3)
    >>> box = Box()
    >>> box.size
    3
    >>> box.size = 4
    >>> box.size
    4
    """

    def __init__(self, get: Callable[[Any], Any]):
        self.get, self.__doc__ = get, get.__doc__

    def __get__(self, obj: object | None, cls: type | None = None) -> Any:
        return self if obj is None else self.get(obj)


def _remember_arguments(init: Callable[..., None]) -> Callable[..., None]:
    """Wraps a constructor so that the outermost call's arguments are kept for `get_config`."""
    signature = inspect.signature(init)
    bind = binding(signature)

    @functools.wraps(init)
    def wrapped(self: object, *args: object, **kwargs: object) -> None:
        if "_arguments" not in self.__dict__:
            try:
                arguments = bind(self, args, kwargs)
            except TypeError as error:
                raise _explain_arguments(self, signature, kwargs, error) from None
            self.__dict__["_arguments"] = (signature, arguments)
        try:
            init(self, *args, **kwargs)
        except registry.BadIdentifier as error:
            bound = signature.bind(self, *args, **kwargs)
            given = {**bound.arguments, **bound.kwargs}
            # Some look names up before they have taken their own.
            name = given.get("name")
            owner = f"{type(self).__name__} ({name})" if name else getattr(self.__class__, "_spoken_as", self)
            raise error.again(owner, given) from None

    return wrapped


def _explain_arguments(obj: object, signature: inspect.Signature, kwargs: Mapping[str, object], error: TypeError) -> TypeError:
    name = type(obj).__name__
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in signature.parameters.values())
    unknown = [] if takes_any else [k for k in kwargs if k not in signature.parameters]
    if not unknown:
        old = next((said for k in kwargs if k not in signature.parameters and (said := hint(name, k))), "")
        return TypeError(message(name, str(error), None, old))
    known = [p for p in signature.parameters if p not in ("self", "kwargs", "args")]
    advice = hint(name, unknown[0]) or did_you_mean(unknown[0], known)
    return TypeError(message(name, f"unknown argument `{unknown[0]}`", {unknown[0]: kwargs[unknown[0]]}, advice))


class Look(enum.Flag):
    """Who looks through all attributes of a module: for its parts, for what its program depends on, for what files hold."""

    NOBODY = 0
    PARTS = enum.auto()
    PROGRAM = enum.auto()
    FILES = enum.auto()


class Module:
    """Anything with variables or hyperparameters: layers, models, losses, metrics, optimizers, regularizers.

    A class whose constructor takes plain arguments needs no `get_config`: the signature gives it.
    """

    # Attributes that keep the books, and who looks at them all the same; everybody looks at the others. A class names its own,
    # those of the classes that it is derived from hold as well.
    _bookkeeping: dict[str, Look] = {"name": Look.NOBODY, "_arguments": Look.NOBODY}
    _hidden: dict[Look, frozenset[str]] = {}
    _hyperparameters: tuple[str, ...] = ()
    # What a class that stands for a built-in one may say otherwise, so that it makes another program.
    _facts_of_program: tuple[str, ...] = ()
    # Arguments of the constructor that a config leaves out.
    _unsaved: frozenset[str] = frozenset()

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if "_bookkeeping" in cls.__dict__ or len(cls.__bases__) > 1:
            _collect_bookkeeping(cls)
        if "__init__" in cls.__dict__:
            cls.__init__ = _remember_arguments(cls.__dict__["__init__"])  # type: ignore[method-assign]

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data."""
        signature, _ = self.__dict__.get("_arguments", (inspect.Signature(), {}))
        if registry.home_of(type(self)) is None:
            if not self._has_own_config():
                return self._config_from_call()
            # A class with a `get_config` of its own adds its arguments itself, as in Keras.
            base = next((cls for cls in type(self).__mro__ if registry.home_of(cls) is not None), None)
            signature = inspect.Signature() if base is None else inspect.signature(base.__init__)
        names = [name for name in _own_parameters(signature) if name not in self._unsaved]
        return {name: _plain_argument(getattr(self, name)) for name in names}

    def _has_own_config(self) -> bool:
        """Whether a user's class defines `get_config` itself."""
        owner = next(cls for cls in type(self).__mro__ if "get_config" in cls.__dict__)
        return owner.__module__.partition(".")[0] != "kerata"

    def _config_from_call(self) -> dict[str, Any]:
        """For a user's own class: what its constructor was given, and the defaults that held, which may be others one day."""
        signature, arguments = self.__dict__.get("_arguments", (None, {}))
        if signature is None:
            return {}
        defaults = {name: p.default for name, p in signature.parameters.items() if _is_plain(p.default)}
        plain: dict[str, Any] = {}
        for name, value in (defaults | arguments).items():
            kind = signature.parameters[name].kind
            if kind is inspect.Parameter.VAR_POSITIONAL:
                if value:
                    raise NotImplementedError(message(self, "a constructor that takes *args needs its own `get_config()`"))
            elif kind is inspect.Parameter.VAR_KEYWORD:
                plain.update(value)
            else:
                plain[name] = value
        try:
            return {name: serialize_keras_object(value) for name, value in plain.items()}
        except TypeError as error:
            raise UnableError(str(error)) from error

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """An object of this class from what `get_config` gave."""
        with describing(f"{cls.__name__}.from_config", config):
            given = {name: deserialize_keras_object(value) for name, value in config.items()}
            # As in Keras, a constructor gets a plain policy by its name.
            if type(policy := given.get("dtype")) is DTypePolicy and policy.quantization_mode is None:
                given["dtype"] = policy.name
            return cls(**given)


def _is_plain(value: object) -> bool:
    """Whether a value is a number, a text, `None`, or a list, tuple or dict of such."""
    if is_list_or_tuple(value):
        return all(_is_plain(item) for item in value)
    if is_dict(value):
        return all(_is_plain(item) for item in value.values())
    return value is None or isinstance(value, (bool, int, float, str))


def _collect_bookkeeping(cls: type[Module]) -> None:
    """Enters which attributes each of those who look must leave out."""
    named: dict[str, Look] = {}
    for base in reversed(cls.__mro__):
        named |= base.__dict__.get("_bookkeeping", {})
    hidden = {look: frozenset(name for name, looks in named.items() if look not in looks) for look in Look}
    cls._hidden = hidden  # pyright: ignore[reportPrivateUsage]


_collect_bookkeeping(Module)


def _plain_argument(value: object) -> Plain:
    # Keras writes an activation by its bare name, and every other function in full.
    home = registry.home_of(value)
    return home[1] if home is not None and home[0] == "activations" else serialize_keras_object(value)


def _own_parameters(signature: inspect.Signature) -> list[str]:
    skipped = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [n for n, p in list(signature.parameters.items())[1:] if p.kind not in skipped]


def held(module: Module) -> Iterator[tuple[str, object]]:
    """The attributes of a module that may hold variables and modules, in the order in which they were set first."""
    hidden = type(module)._hidden[Look.PARTS]  # pyright: ignore[reportPrivateUsage]
    for name, value in module.__dict__.items():
        if type(value) not in PLAIN and name not in hidden:
            yield name, value


def parts(module: Module) -> Iterator[tuple[str, Variable | Module]]:
    """(attribute path, part) of the variables and modules that a module holds itself, each once."""
    seen: set[int] = set()
    for name, value in held(module):
        yield from _parts_of(name, value, seen)


def _parts_of(path: str, value: object, seen: set[int]) -> Iterator[tuple[str, Variable | Module]]:
    if isinstance(value, (Variable, Module)):
        if id(value) not in seen:
            seen.add(id(value))
            yield path, value
    elif is_list_or_tuple(value):
        if id(value) in seen:
            # A list may hold itself.
            return
        seen.add(id(value))
        for index, item in enumerate(value):
            if type(item) not in PLAIN:
                yield from _parts_of(f"{path}/{index}", item, seen)
    elif is_dict(value):
        if id(value) in seen:
            return
        seen.add(id(value))
        for key, item in value.items():
            if type(item) not in PLAIN:
                yield from _parts_of(f"{path}/{key}", item, seen)


def modules_of(module: Module, path: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, Module]]:
    """(path, module) of a module and everything below it, each once, in order of attributes.

    Regularizers and constraints are reached through the variables that they belong to.
    """
    seen = set() if seen is None else seen
    if id(module) in seen:
        return
    seen.add(id(module))
    yield path, module
    for name, part in parts(module):
        below = f"{path}/{name}" if path else name
        if isinstance(part, Module):
            yield from modules_of(part, below, seen)
        else:
            for kind in ("regularizer", "constraint"):
                if isinstance(owner := getattr(part, kind), Module):
                    yield from modules_of(owner, f"{below}/{kind}", seen)
