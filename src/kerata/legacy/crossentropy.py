"""`binary_crossentropy` as Keras 2.3 had it: what no sigmoid gave is clipped, and epsilon added once more."""

from typing import Any

import jax.numpy as jnp

from kerata import backend, losses
from kerata.engine.scope import noted
from kerata.engine.symbolic import traceable
from kerata.engine.types import Array
from kerata.kernels.maxima import first_within
from kerata.legacy.metrics import MetricOfKeras2
from kerata.legacy.spelling import Spelled
from kerata.losses.loss import as_array, fit_ranks


def of_probabilities(y_true: Array, p: Array) -> Array:
    """-(y log(p + e) + (1 - y) log(1 - p + e)), with p from e to 1 - e."""
    small = backend.epsilon()
    p = first_within(p, small, 1.0 - small)
    return -(y_true * jnp.log(p + small) + (1.0 - y_true) * jnp.log(1.0 - p + small))


@traceable
def binary_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """The mean over an axis of the cross-entropies of labels 0 and 1.

    >>> round(float(binary_crossentropy(jnp.array([1.0, 0.0, 1.0, 0.0]), jnp.array([1.0, 1.0, 1.0, 0.0]))), 3)
    3.833
    """
    y_pred = as_array(y_pred)
    if from_logits or noted(y_pred, "logits") is not None:
        return losses.binary_crossentropy(y_true, y_pred, from_logits, label_smoothing, axis)
    y_true, y_pred = fit_ranks(jnp.asarray(y_true, y_pred.dtype), y_pred)
    y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    return jnp.mean(of_probabilities(y_true, y_pred), axis=axis)


# In `compile` it is that of today.
binary_crossentropy.__kerata__ = losses.binary_crossentropy  # type: ignore[attr-defined]


@traceable
def of_backend(target, output, from_logits=False):
    """`K.binary_crossentropy`: one number for each output."""
    output = as_array(output)
    logits = noted(output, "logits")
    if not from_logits and logits is not None and logits[0] == "sigmoid" and logits[1].shape == output.shape:
        output, from_logits = logits[1].astype(output.dtype), True
    if from_logits:
        return backend.binary_crossentropy(target, output, True)
    return of_probabilities(jnp.asarray(target, output.dtype), output)


class LossOfThen(Spelled):
    """`BinaryCrossentropy` as a loss, with this function."""

    mixes_samples = False
    target_form = "binary"

    def _finish_spelled(self, arguments: dict[str, Any]) -> None:
        self.fn = binary_crossentropy


class MetricOfThen(MetricOfKeras2):
    """`BinaryCrossentropy` as a metric, with this function."""

    mixes_samples = False

    def _finish_spelled(self, arguments: dict[str, Any]) -> None:
        self._fn = binary_crossentropy
