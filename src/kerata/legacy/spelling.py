"""Thin classes: a class of today under an era's name, with the era's arguments and defaults, made from a row of its table.

Programs and files take a thin class for the class of today that it stands for: a model of thin layers has the structure, the
program and the config of one of today's layers.
"""

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from kerata.base import registry
from kerata.base.types import Slashed
from kerata.dialects import Row, translate_arguments
from kerata.dialects.special import FINISHES
from kerata.engine.naming import count_name


class Spelling(type):
    """The type of thin classes: an object of the class that one stands for is one of its own."""

    def __call__(cls, *args: object, **kwargs: object) -> Any:
        # A row may lead to another class, as `BatchNormalization(mode=1)` does.
        row = cls.__dict__.get("_row")
        if row is not None and (row.era, row.kind, row.name) in FINISHES:
            name = translate_arguments(row, args, kwargs)[0].partition(".")[2]
            if name != row.today:
                other = registry.find_builtin(row.kind, name)
                assert isinstance(other, type), "a row leads to a class of today"
                return variant(cls, other)(*args, **kwargs)
        return super().__call__(*args, **kwargs)

    def __instancecheck__(cls, instance: object) -> bool:
        return type.__instancecheck__(cls, instance) or isinstance(instance, cls.__dict__.get("_stands_for", ()))

    def __subclasscheck__(cls, subclass: type) -> bool:
        return type.__subclasscheck__(cls, subclass) or issubclass(subclass, cls.__dict__.get("_stands_for", ()))


def spell(era: str, name: str, modern: type, row: Row | None, *mixins: type) -> type:
    """The thin class of an era.

    Args:
        era, name: which one.
        modern: the class of today that it stands for.
        row: what the era's arguments are; `None` where they are those of today.
        mixins: what the era's classes of this kind can do beside.
    """
    namespace = {
        "__module__": f"kerata.legacy.{era}",
        "__qualname__": name,
        "__doc__": modern.__doc__,
        "_row": row,
        "_era": era,
        "_stands_for": modern,
    }
    # What a class says of itself only, and not of what is derived from it.
    if "is_passive" in vars(modern):
        namespace["is_passive"] = vars(modern)["is_passive"]
    thin: type = Spelling(name, (*mixins, modern), namespace)
    # Behind the back of `__init_subclass__`: what is remembered for the config are the arguments of today.
    thin.__init__ = make_constructor(row, modern)
    registry.enter_alias(thin, modern)
    return thin


def variant(cls: type, modern: type) -> type:
    """The thin class that a thin class is where some of its arguments lead to another class of today."""
    row: Row | None = vars(cls)["_row"]
    if row is None or modern is vars(cls)["_stands_for"]:
        return cls
    return spell(row.era, row.name, modern, replace(row, today=modern.__name__), *cls.__bases__[:-1])


# What all layers of the eras took, those too that take nothing but their own arguments today.
COMMON = ("batch_input_shape", "input_shape", "trainable")


def make_constructor(row: Row | None, modern: type) -> Callable[..., None]:
    takes_any = any(p.kind is p.VAR_KEYWORD for p in inspect.signature(modern.__init__).parameters.values())

    def __init__(self: Any, *args: object, **kwargs: object) -> None:
        arguments = kwargs if row is None else translate_arguments(row, args, kwargs)[1]
        first = self._take_positional(args, arguments) if row is None else ()
        self._begin_spelled(arguments, kwargs)
        rest = {} if takes_any or row is None else {name: arguments.pop(name) for name in COMMON if name in arguments}
        modern.__init__(self, *first, **arguments)
        if rest:
            self._end_spelled(rest)
        self._finish_spelled(arguments if row is not None or not args else {})

    __init__.__signature__ = inspect.signature(modern.__init__)  # type: ignore[attr-defined]
    # For those who ask whether a class has the constructor of a class of today.
    __init__.__wrapped__ = modern.__init__  # type: ignore[attr-defined]
    return __init__


class Spelled:
    """What all thin classes have: names counted as their era counted them."""

    _row: Row | None = None
    _era: str = ""

    def _begin_spelled(self, arguments: dict[str, Any], given: dict[str, Any]) -> None:
        """Completes and changes what the class of today is about to be given."""

    def _take_positional(self, args: tuple, arguments: dict[str, Any]) -> tuple:
        """What the class of today is given without names, where no row says it; the rest goes into the arguments."""
        return args

    def _finish_spelled(self, arguments: dict[str, Any]) -> None:
        """Changes what the class of today has made of its arguments."""

    def _end_spelled(self, rest: dict[str, Any]) -> None:
        """Takes what the class of today is not given."""


def name_of_era(era: str, cls: type) -> str:
    """The next name for an object of a class: `convolution2d_1` in Keras 1, `conv2d_1` in Keras 2, `conv2d` in tf.keras.

    >>> name_of_era("keras1", type("MaxPooling2D", (), {}))
    'maxpooling2d_1'
    """
    return numbered(era, cls.__name__.lower() if era == "keras1" else registry.snake(cls.__name__))


def name_in_era(era: str, cls: type, given: object) -> object:
    """The name that was given, in which there may be slashes, or the next one of the class.

    >>> name_in_era("tfkeras2", object, "encoder/dense")
    'encoder/dense'
    """
    if given is None:
        return name_of_era(era, cls)
    return Slashed(given) if isinstance(given, str) and "/" in given else given


def numbered(era: str, base: str) -> str:
    """The next name that begins so: `dense_1`, or `dense` in tf.keras.

    >>> numbered("keras2", "global_max_pooling2d")
    'global_max_pooling2d_1'
    """
    count = count_name(f"{era}/{base}") + (era != "tfkeras2")
    return f"{base}_{count}" if count else base
