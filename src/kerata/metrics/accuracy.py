"""Accuracies: how many predictions are right."""

from typing import Any

import jax.numpy as jnp

from kerata.base.config import floatx
from kerata.base.registry import builtin
from kerata.engine.types import Array, TensorLike
from kerata.losses.loss import as_array, fit_ranks
from kerata.metrics.metric import entered
from kerata.metrics.reduction import MeanMetricWrapper, prepare


@builtin("metrics")
def accuracy(y_true, y_pred):
    """1 where y_true equals y_pred, else 0."""
    y_true, y_pred = prepare(y_true, y_pred)
    return (y_true == y_pred).astype(floatx())


@builtin("metrics")
def binary_accuracy(y_true, y_pred, threshold=0.5):
    """1 where y_pred > threshold says what y_true says, else 0.

    >>> binary_accuracy([1, 0, 1], [0.9, 0.2, 0.3]).tolist()
    [1.0, 1.0, 0.0]
    """
    y_true, y_pred = fit_ranks(as_array(y_true), as_array(y_pred))
    return (y_true == (y_pred > threshold).astype(y_true.dtype)).astype(floatx())


def _labels(y_true: Array, y_pred: Array) -> Array:
    """Integer labels without the axis of size 1 at the end that predictions do not have."""
    labels = as_array(y_true)
    return labels[..., 0] if labels.ndim == y_pred.ndim and labels.shape[-1] == 1 else labels


@builtin("metrics")
def categorical_accuracy(y_true, y_pred):
    """1 where the largest prediction is at the largest label, else 0."""
    right = jnp.argmax(as_array(y_true), axis=-1) == jnp.argmax(as_array(y_pred), axis=-1)
    return right.astype(floatx())


@builtin("metrics")
def sparse_categorical_accuracy(y_true, y_pred):
    """1 where the largest prediction is at the label, an integer, else 0."""
    y_pred = as_array(y_pred)
    right = _labels(y_true, y_pred).astype(jnp.int32) == jnp.argmax(y_pred, axis=-1)
    right = right[..., 0] if right.ndim > 1 and right.shape[-1] == 1 else right
    return right.astype(floatx())


def _in_top_k(labels: Array, y_pred: TensorLike, k: int) -> Array:
    """Whether fewer than k predictions exceed that of the label; NaN is no large prediction."""
    y_pred = as_array(y_pred)
    chosen = jnp.take_along_axis(y_pred, jnp.expand_dims(labels, -1), axis=-1)
    chosen = jnp.where(jnp.isnan(chosen), -jnp.inf, chosen)
    return jnp.sum(y_pred > chosen, axis=-1) < k


@builtin("metrics")
def top_k_categorical_accuracy(y_true, y_pred, k=5):
    """1 where the largest label is among the k largest predictions, else 0."""
    return _in_top_k(jnp.argmax(as_array(y_true), axis=-1), y_pred, k).astype(floatx())


@builtin("metrics")
def sparse_top_k_categorical_accuracy(y_true, y_pred, k=5, from_sorted_ids=False):
    """1 where the label, an integer, is among the k largest predictions, else 0.

    Args:
        from_sorted_ids: whether `y_pred` holds class numbers, the likeliest first, and no scores.
    """
    y_pred = as_array(y_pred)
    labels = _labels(y_true, y_pred).astype(jnp.int32)
    if from_sorted_ids:
        right = jnp.any(labels[..., None] == y_pred[..., :k].astype(jnp.int32), axis=-1)
    else:
        right = _in_top_k(labels, y_pred, k)
    return right.astype(floatx())


@entered()
class Accuracy(MeanMetricWrapper):
    """How often predictions equal labels.

    >>> float(Accuracy()([1, 2, 3, 4], [0, 2, 3, 4]))
    0.75
    """

    _direction = "up"

    def __init__(self, name="accuracy", dtype=None):
        super().__init__(accuracy, name, dtype)


@entered()
class BinaryAccuracy(MeanMetricWrapper):
    """How often y_pred > threshold says what the label, 0 or 1, says.

    Args:
        threshold: a number between 0 and 1.
    """

    _direction = "up"
    _passed = ("threshold",)

    def __init__(self, name="binary_accuracy", dtype=None, threshold=0.5):
        super().__init__(binary_accuracy, name, dtype)
        self.threshold = threshold


@entered()
class CategoricalAccuracy(MeanMetricWrapper):
    """How often the largest prediction is at the largest label, for one-hot labels."""

    _direction = "up"

    def __init__(self, name="categorical_accuracy", dtype=None):
        super().__init__(categorical_accuracy, name, dtype)


@entered()
class SparseCategoricalAccuracy(MeanMetricWrapper):
    """How often the largest prediction is at the label, for integer labels."""

    _direction = "up"

    def __init__(self, name="sparse_categorical_accuracy", dtype=None):
        super().__init__(sparse_categorical_accuracy, name, dtype)


@entered()
class TopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the label is among the k largest predictions, for one-hot labels."""

    _direction = "up"
    _passed = ("k",)

    def __init__(self, k=5, name="top_k_categorical_accuracy", dtype=None):
        super().__init__(top_k_categorical_accuracy, name, dtype)
        self.k = k


@entered()
class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the label is among the k largest predictions, for integer labels."""

    _direction = "up"
    _passed = ("k", "from_sorted_ids")

    def __init__(self, k=5, name="sparse_top_k_categorical_accuracy", dtype=None, from_sorted_ids=False):
        super().__init__(sparse_top_k_categorical_accuracy, name, dtype)
        self.k, self.from_sorted_ids = k, from_sorted_ids

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return config if self.from_sorted_ids else {k: v for k, v in config.items() if k != "from_sorted_ids"}
