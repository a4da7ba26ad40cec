"""Optimizers by name, config or object."""

from typing import Any, cast

from kerata.base import registry
from kerata.base.checks import did_you_mean, message
from kerata.base.serialization import deserialize_keras_object, serialize_keras_object
from kerata.optimizers.optax_optimizer import OptaxOptimizer, is_transformation
from kerata.optimizers.optimizer import Optimizer
from kerata.optimizers.parts import Transformation


def get(identifier: object) -> Any:
    """An optimizer from a name in any case, a config, a class, an optimizer or an optax transformation.

    >>> get("rmsprop").learning_rate
    0.001
    """
    if identifier is None or isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str):
        return deserialize({"class_name": identifier, "config": {}})
    if isinstance(identifier, type) and issubclass(identifier, Optimizer):
        return identifier()
    if is_transformation(identifier):
        return OptaxOptimizer(cast(Transformation, identifier))
    say = getattr(identifier, "get_config", None)
    if type(identifier).__module__.split(".")[0] == "keras" and say is not None:
        return deserialize({"class_name": type(identifier).__name__, "config": say()})
    raise TypeError(
        message(
            "optimizers.get",
            "an optimizer must be a name, a config, an Optimizer or an optax transformation",
            {"optimizer": identifier},
        )
    )


def serialize(optimizer: object) -> dict[str, Any]:
    """An optimizer as plain data."""
    return serialize_keras_object(optimizer)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Optimizer:
    """An optimizer from plain data, as Keras 1, 2 or 3 wrote it."""
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str):
        raise ValueError(
            message("optimizers.get", "an optimizer as a dict must have `class_name` and `config`", {"optimizer": config})
        )
    name = config["class_name"]
    with registry.CustomObjectScope(custom_objects or {}):
        if registry.get_registered_object(config.get("registered_name") or name) is None:
            known = {spelling.lower(): spelling for spelling in registry.names("optimizers")}
            if name.lower() not in known:
                swapped = name.lower() in {loss.lower() for loss in registry.names("losses")}
                raise ValueError(
                    message(
                        "optimizers.get",
                        "unknown optimizer",
                        {"optimizer": name},
                        "That is a loss: write compile(optimizer=..., loss=...)"
                        if swapped
                        else did_you_mean(name, known.values()),
                    )
                )
            name = known[name.lower()]
            config = {**config, "class_name": name, "module": "keras.optimizers", "registered_name": None}
        return deserialize_keras_object({"config": {}, **config})
