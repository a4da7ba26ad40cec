"""Objects as Keras 2 wrote them into configs: `{"class_name": ..., "config": {...}}`, or a bare name."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

from kerata.base.checks import did_you_mean, message
from kerata.base.registry import get_registered_name, get_registered_object


class HasConfig(Protocol):
    """What says how it is made."""

    def get_config(self) -> dict[str, Any]: ...


def serialize_keras_object(instance: object) -> object:
    """An object as a dict of its class's name and its config; a function as its name.

    >>> import kerata
    >>> serialize_keras_object(kerata.regularizers.L2(0.5))
    {'class_name': 'L2', 'config': {'l2': 0.5}}
    """
    if instance is None:
        return None
    if hasattr(instance, "get_config"):
        described = cast(HasConfig, instance)
        config = {name: _plain(value) for name, value in described.get_config().items()}
        return {"class_name": get_registered_name(type(described)), "config": config}
    if hasattr(instance, "__name__"):
        return get_registered_name(instance)
    raise ValueError(
        message("serialize_keras_object", "it takes an object with get_config(), or a function", {"instance": instance})
    )


def _plain(value: object) -> object:
    return serialize_keras_object(value) if hasattr(value, "get_config") or inspect.isfunction(value) else value


def deserialize_keras_object(
    identifier: object,
    module_objects: Mapping[str, Any] | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    printable_module_name: str = "object",
) -> Any:
    """The object of a name, or of a dict of a class's name and its config.

    Args:
        identifier: the name or dict; an object or function comes back as it is.
        module_objects: the classes and functions that there are, by name.
        custom_objects: a person's own ones, which are looked at first.
        printable_module_name: what such objects are called, in messages.

    >>> import kerata
    >>> float(deserialize_keras_object({"class_name": "L2", "config": {"l2": 0.5}}, vars(kerata.regularizers)).l2)
    0.5
    """
    if identifier is None or not isinstance(identifier, (str, dict)):
        return identifier
    if isinstance(identifier, str):
        found = _find(identifier, module_objects, custom_objects, printable_module_name)
        return found() if inspect.isclass(found) else found
    if "class_name" not in identifier or "config" not in identifier:
        text = f"a {printable_module_name} is described by `class_name` and `config`"
        raise ValueError(message("deserialize_keras_object", text, {"identifier": identifier}))
    cls = _find(identifier["class_name"], module_objects, custom_objects, printable_module_name)
    config = dict(identifier["config"])
    if not hasattr(cls, "from_config"):
        return cls(**config)
    takes = "custom_objects" in inspect.signature(cls.from_config).parameters
    return cls.from_config(config, custom_objects=dict(custom_objects or {})) if takes else cls.from_config(config)


def _find(name: str, objects: Mapping[str, Any] | None, own: Mapping[str, Any] | None, what: str) -> Callable[..., Any]:
    """A class or function by its name: a person's own first."""
    for table in (own or {}, objects or {}):
        if name in table:
            return table[name]
    found = get_registered_object(name)
    if found is None:
        known = [*(own or {}), *(objects or {})]
        text = f"there is no {what} of that name"
        raise ValueError(message("deserialize_keras_object", text, {"name": name}, did_you_mean(name, known)))
    return found
