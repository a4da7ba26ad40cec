"""Layers as plain data."""

from typing import Any

from kerata.base import registry
from kerata.base.serialization import resolve, serialize_keras_object
from kerata.layers.layer import Layer


def serialize(layer: Layer) -> dict[str, Any]:
    """Plain data for a layer.

    >>> import kerata
    >>> serialize(kerata.layers.Dense(3))["config"]["units"]
    3
    """
    return serialize_keras_object(layer)


def deserialize(config: object, custom_objects: dict[str, Any] | None = None) -> Layer:
    """The layer that plain data describes; nothing is imported to find its class.

    >>> import kerata
    >>> deserialize({"class_name": "Dense", "config": {"units": 3}}).units
    3
    """
    with registry.CustomObjectScope(custom_objects or {}):
        return resolve("layers", config, "layers.deserialize", "config")
