"""Policies of types, under Keras's names."""

from typing import Any

from kerata.base import config
from kerata.base.checks import KindError, message
from kerata.base.serialization import deserialize_keras_object, serialize_keras_object
from kerata.engine.policy import AWQDTypePolicy as AWQDTypePolicy
from kerata.engine.policy import DTypePolicy as DTypePolicy
from kerata.engine.policy import DTypePolicyMap as DTypePolicyMap
from kerata.engine.policy import FloatDTypePolicy as FloatDTypePolicy
from kerata.engine.policy import GPTQDTypePolicy as GPTQDTypePolicy
from kerata.engine.policy import Int4DTypePolicy as Int4DTypePolicy
from kerata.engine.policy import QuantizedDTypePolicy as QuantizedDTypePolicy
from kerata.engine.policy import QuantizedFloat8DTypePolicy as QuantizedFloat8DTypePolicy
from kerata.engine.policy import standardize_policy


def serialize(dtype_policy: DTypePolicy):
    """A policy as a config.

    >>> serialize(DTypePolicy("mixed_bfloat16"))["config"]
    {'name': 'mixed_bfloat16'}
    """
    return serialize_keras_object(dtype_policy)


def deserialize(config, custom_objects: dict[str, Any] | None = None):
    """The policy of a config."""
    return deserialize_keras_object(config, custom_objects)


def get(identifier) -> DTypePolicy:
    """A policy of its name, its config, a type or a policy; the one that is set, of `None`.

    >>> get("mixed_float16").compute_dtype
    'float16'
    """
    if identifier is None:
        return standardize_policy(config.dtype_policy())
    if isinstance(identifier, dict):
        return deserialize(identifier)
    try:
        return standardize_policy(identifier)
    except TypeError:
        raise KindError(message("dtype_policies", "it takes a name, a type or a policy", {"identifier": identifier})) from None
