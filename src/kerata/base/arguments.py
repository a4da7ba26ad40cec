"""Argument lists that several constructors have in common, written once; each keeps the signature that people read and call."""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])
Binding = Callable[[Any, tuple[Any, ...], dict[str, Any]], dict[str, Any]]
PLACED = inspect.Parameter.POSITIONAL_OR_KEYWORD


def binding(signature: inspect.Signature) -> Binding:
    """A function that gives the arguments of a method's call by name, without `self`; what `signature.bind` finds, sooner.

    >>> bind = binding(inspect.signature(lambda self, units, name=None, **kwargs: None))
    >>> bind(None, (3,), {"dtype": "int8", "name": "n"})
    {'units': 3, 'name': 'n', 'kwargs': {'dtype': 'int8'}}
    """
    parameters = list(signature.parameters.values())[1:]
    placed = [p.name for p in parameters if p.kind is PLACED]
    named = dict.fromkeys(p.name for p in parameters if p.kind in (PLACED, inspect.Parameter.KEYWORD_ONLY))
    needed = [p.name for p in parameters if p.name in named and p.default is inspect.Parameter.empty]
    rest = next((p.name for p in parameters if p.kind is inspect.Parameter.VAR_KEYWORD), None)
    unusual = len(parameters) - len(named) - (rest is not None)

    def bind(self: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        by_place = dict(zip(placed, args, strict=False))
        found = by_place | {name: kwargs[name] for name in named if name in kwargs}
        others = {name: value for name, value in kwargs.items() if name not in named}
        once = len(found) + len(others) == len(args) + len(kwargs)
        if unusual or not once or (others and rest is None) or not all(name in found for name in needed):
            # Or it is a mistake, of which the signature can say more.
            return dict(list(signature.bind(self, *args, **kwargs).arguments.items())[1:])
        if others and rest is not None:
            found[rest] = others
        return found

    return bind


def with_defaults(init: F, **defaults: object) -> F:
    """The same constructor with other defaults.

    >>> def window(self, size=2, strides=None): return size, strides
    >>> wide = with_defaults(window, size=(2, 2))
    >>> inspect.signature(wide), wide(None), wide(None, 3), wide(None, strides=1)
    (<Signature (self, size=(2, 2), strides=None)>, ((2, 2), None), (3, None), ((2, 2), 1))
    """
    parameters = [p.replace(default=defaults.get(p.name, p.default)) for p in inspect.signature(init).parameters.values()]
    return _called_by_name(init, parameters, defaults)


def sharing(shared: Sequence[inspect.Parameter]) -> Callable[[F], F]:
    """Puts arguments that several constructors share, which this one takes as `**kwargs`, behind its own ones.

    What it names behind `*` stands behind the shared ones. All can be given by place.

    >>> shared = list(inspect.signature(lambda clip=None, name=None: None).parameters.values())
    >>> @sharing(shared)
    ... def rule(self, rate=0.1, *, steps=5, **kwargs): return rate, steps, kwargs
    >>> inspect.signature(rule), rule(None, 0.2, 1.0, "n", 6)
    (<Signature (self, rate=0.1, clip=None, name=None, steps=5, **kwargs)>, (0.2, 6, {'clip': 1.0, 'name': 'n'}))
    """

    def wrap(init: F) -> F:
        own = list(inspect.signature(init).parameters.values())
        first = [p for p in own if p.kind is PLACED]
        behind = [p.replace(kind=PLACED) for p in own if p.kind is inspect.Parameter.KEYWORD_ONLY]
        rest = [p for p in own if p.kind is inspect.Parameter.VAR_KEYWORD]
        return _called_by_name(init, [*first, *shared, *behind, *rest], {})

    return wrap


def _called_by_name(init: F, parameters: list[inspect.Parameter], defaults: dict[str, Any]) -> F:
    names = [p.name for p in parameters if p.kind is PLACED][1:]

    @functools.wraps(init)
    def called(self: object, *args: object, **kwargs: object) -> None:
        given = dict(zip(names, args, strict=False)) | kwargs
        if len(given) < len(args) + len(kwargs):
            raise TypeError(f"{type(self).__name__}() takes at most {len(names)} arguments, each once")
        return init(self, **(defaults | given if defaults else given))

    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return cast(F, called)
