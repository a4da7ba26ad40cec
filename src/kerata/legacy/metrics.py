"""Metrics and losses of Keras 2 that a program calls by hand: what they keep, and the shapes that they gave then."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from kerata import losses, metrics
from kerata.base import registry
from kerata.base.config import floatx
from kerata.base.serialization import serialize_keras_object
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.variable import Variable
from kerata.legacy.spelling import Spelled
from kerata.legacy.tensorflow.columns import take_columns
from kerata.losses.loss import as_array

# Eras whose means are those of all elements.
COUNTING_ELEMENTS = ("keras2", "tfkeras2")


class Measured:
    """A metric that a model is to take of a symbolic tensor."""

    def __init__(self, metric, tensor: SymbolicTensor):
        self.metric, self.tensor = metric, tensor


class MetricOfKeras2(Spelled):
    """A metric that was a layer: it has weights, and says that it is stateful."""

    stateful = True
    counts_elements = True

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        take_columns(cls, "update_state")

    def get_config(self) -> dict[str, Any]:
        """Without what is not given and the class did not take then."""
        config = super().get_config()  # type: ignore[misc]
        if self._row is None or self._row.arguments is None:
            return config
        known = {argument.old for argument in self._row.arguments}
        return {key: value for key, value in config.items() if value is not None or key in known}

    @property
    def weights(self) -> list[Variable]:
        """What is kept from batch to batch."""
        return self.variables  # type: ignore[attr-defined]

    non_trainable_weights = weights

    @property
    def trainable_weights(self) -> list[Variable]:
        return []

    def __call__(self, *args, **kwargs):
        """Takes in one batch, and gives the measure; of a symbolic tensor, what `model.add_metric` takes."""
        if args and isinstance(args[0], SymbolicTensor):
            return Measured(self, args[0])
        return super().__call__(*args, **kwargs)  # type: ignore[misc]

    def add_weight(self, name=None, shape=(), initializer=None, dtype=None, **kwargs: object) -> Variable:
        """A new variable, 0 by default: the name first, or the shape."""
        if name is not None and not isinstance(name, str):
            name, shape = (shape if isinstance(shape, str) else None), name
        return super().add_weight(shape=shape, initializer=initializer, dtype=dtype, name=name)  # type: ignore[misc]


class CountingFractions:
    """What was counted in fractions, as weights of samples make them."""

    counts_in = "float32"


class FirstNearest(MetricOfKeras2):
    """A rate at the first of the thresholds at which another one is nearest to what is wanted."""

    value: float

    def _best(self, of, where):
        return of[jnp.argmin(jnp.abs(where - self.value))]


def binary_accuracy(y_true, y_pred, threshold: float = 0.5):
    """The share of the outputs of each sample that say, rounded, what the labels say."""
    return jnp.mean(metrics.binary_accuracy(y_true, y_pred, threshold), axis=-1)


def sparse_categorical_accuracy(y_true, y_pred):
    """1 where the largest prediction is at the label; labels of the rank of the predictions end in an axis of size 1."""
    labels, y_pred = as_array(y_true), as_array(y_pred)
    labels = jnp.squeeze(labels, -1) if labels.ndim == y_pred.ndim else labels
    return (labels.astype(jnp.int32) == jnp.argmax(y_pred, axis=-1)).astype(floatx())


def accuracy(y_true, y_pred):
    """1 where a prediction is the label."""
    labels, y_pred = as_array(y_true), as_array(y_pred)
    labels = jnp.squeeze(labels, -1) if labels.ndim == y_pred.ndim + 1 else labels
    return (labels == y_pred).astype(floatx())


def cosine_proximity(y_true, y_pred, axis: int = -1):
    """The cosine of the angle between both: the loss of this name has the other sign."""
    return -losses.cosine_similarity(y_true, y_pred, axis)


# What the measures of these names were: before 2.3 the loss itself, -1 where both point the same way.
COSINES = {"keras2": cosine_proximity, "keras22": losses.cosine_similarity}
NAMES_OF_COSINES = ("cosine_proximity", "cosine_similarity", "cosine")

# In `compile` they are those of today, which count the same.
for _function in (binary_accuracy, sparse_categorical_accuracy):
    _function.__kerata__ = getattr(metrics, _function.__name__)  # type: ignore[attr-defined]
FUNCTIONS = {function.__name__: function for function in (accuracy, binary_accuracy, sparse_categorical_accuracy)}


def serialize(obj):
    """A metric or a loss as plain data: a function by its name alone."""
    if obj is None or hasattr(obj, "get_config"):
        if registry.home_of(type(obj)) is not None or obj is None:
            return serialize_keras_object(obj)
        return {"class_name": type(obj).__name__, "config": obj.get_config()}
    return obj.__name__


def deserializing(room) -> Callable[..., Any]:
    """`deserialize` of losses or metrics: a user's class needs no `from_config`, and a name may stand for anything."""

    def deserialize(config, custom_objects: dict[str, Any] | None = None):
        name = config.get("class_name") if isinstance(config, dict) else config
        own = registry.get_registered_object(name, custom_objects) if isinstance(name, str) else None
        if own is not None and isinstance(config, str):
            return own() if isinstance(own, type) else own
        if isinstance(own, type) and not hasattr(own, "from_config"):
            return own(**config["config"])
        return room.deserialize(config, custom_objects)

    return deserialize
