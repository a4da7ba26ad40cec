"""`get`, `serialize` and `deserialize` of the eras: what they give is of the era's classes."""

from collections.abc import Callable
from typing import Any

from kerata import optimizers
from kerata.base import registry
from kerata.base.serialization import serialize_keras_object
from kerata.dialects import find_row, names
from kerata.dialects.values import regularizer_of
from kerata.engine.seeds import law
from kerata.legacy.spelling import Spelled

LOOKUPS = ("get", "deserialize")
Maker = Callable[[str, str], Any]


def looking(era: str, kind: str, room, name: str, make: Maker) -> Callable[..., Any]:
    """`get` or `deserialize` of a room, which gives objects of the era's classes."""
    modern = getattr(room, name)

    def look(*args, **kwargs):
        if kind == "regularizers" and args:
            args = (regularizer_of(args[0]), *args[1:])
        return adopted(era, kind, modern(*args, **kwargs), make)

    look.__name__ = name
    return look


def adopted(era: str, kind: str, found, make: Maker):
    """An object of a class of today as one of the era's thin class, where the era has one."""
    home = registry.home_of(type(found))
    if home is None or home[0] != kind or isinstance(found, Spelled):
        return found
    own = type(found).__name__
    rows = [row for name in names(era, kind) if (row := find_row(era, kind, name)) is not None]
    known = [row.name for row in rows if row.today == own and not row.name.islower()]
    thin = make(era, own if own in known or not known else known[0])
    if isinstance(thin, type) and issubclass(thin, Spelled):
        found.__class__ = thin
    return found


# Optimizers


def serialize_optimizer(optimizer):
    """An optimizer as plain data, under its name in the era."""
    if not isinstance(optimizer, Spelled):
        return serialize_keras_object(optimizer)
    config = optimizer.get_config()  # type: ignore[attr-defined]
    return {"class_name": type(optimizer).__name__, "config": config}


def deserializing_optimizer(era: str, make: Maker) -> Callable[..., Any]:
    """`keras.optimizers.deserialize`, which took names in any case."""
    known = {name.lower(): name for name in names(era, "optimizers") if not name.islower()}

    def deserialize(config, custom_objects=None):
        name = str(config.get("class_name", "")) if isinstance(config, dict) else ""
        if name.lower() not in known or config.get("module") is not None:
            return optimizers.deserialize(config, custom_objects)
        # It wrote the name back as it had understood it.
        config["class_name"] = name.lower()
        return make(era, known[name.lower()]).from_config(dict(config["config"]))

    return deserialize


class Reseeded(Spelled):
    """An initializer with a seed that goes up by one with each draw, or is another one: layers that share it begin with other
    numbers."""

    def __call__(self, shape, dtype=None):
        value = super().__call__(shape, dtype)  # type: ignore[misc]
        if isinstance(self.seed, int):  # type: ignore[has-type]
            self.seed = self.seed + 1
        elif self.seed is None and law().is_late:  # type: ignore[has-type]
            self.forget_seed()  # type: ignore[attr-defined]
        elif self.seed is None:  # type: ignore[has-type]
            self.take_seed()  # type: ignore[attr-defined]
        return value
