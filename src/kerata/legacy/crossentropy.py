"""`binary_crossentropy` as Keras 2.3 and `tf.keras` had it: what no sigmoid gave is clipped, and epsilon added once more."""

import types
from typing import Any

import jax.numpy as jnp

from kerata import backend, losses
from kerata.base.registry import builtin
from kerata.engine.scope import noted
from kerata.engine.symbolic import traceable
from kerata.engine.types import Array
from kerata.kernels.maxima import first_within, larger
from kerata.legacy.spelling import Spelled
from kerata.losses.loss import as_array, fit_ranks
from kerata.metrics import MeanMetricWrapper


def of_probabilities(y_true: Array, p: Array) -> Array:
    """-(y log(p + e) + (1 - y) log(1 - p + e)), with p from e to 1 - e."""
    small = backend.epsilon()
    p = first_within(p, small, 1.0 - small)
    # Without the bound, which is never met, XLA adds the two constants first: 1 + e is another number in 32 bits.
    rest = larger(1.0 - p, 0.0)
    return -(y_true * jnp.log(p + small) + (1.0 - y_true) * jnp.log(rest + small))


# Files call them by their names, which in another Keras are that one's. Labels may be any numbers: programs that made them soft
# drew from 0.7 to 1.2.
@builtin("losses of 1", name="binary_crossentropy", target_form="numbers")
@traceable
def binary_crossentropy_of_1(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """`binary_crossentropy` of Keras 1 to 2.2, which has the values of today's."""
    return losses.binary_crossentropy(y_true, y_pred, from_logits, label_smoothing, axis)


@builtin("losses of then", target_form="numbers")
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


@builtin("losses of then", target_form="numbers")
@traceable
def binary_focal_crossentropy(
    y_true, y_pred, apply_class_balancing=False, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0, axis=-1
):
    """(1 - p)^gamma times these cross-entropies, where p is the probability given to the true label; the mean over an axis."""
    y_pred = as_array(y_pred)
    if from_logits or noted(y_pred, "logits") is not None:
        arguments = (apply_class_balancing, alpha, gamma, from_logits, label_smoothing, axis)
        return losses.binary_focal_crossentropy(y_true, y_pred, *arguments)
    y_true, y_pred = fit_ranks(jnp.asarray(y_true, y_pred.dtype), y_pred)
    y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    missed = 1.0 - (y_true * y_pred + (1.0 - y_true) * (1.0 - y_pred))
    values = jnp.power(first_within(missed, 0.0, 1.0), gamma) * of_probabilities(y_true, y_pred)
    if apply_class_balancing:
        values = (y_true * alpha + (1.0 - y_true) * (1.0 - alpha)) * values
    return jnp.mean(values, axis=axis)


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


# Eras that had them.
ERAS = ("keras2", "tfkeras2")
# What they were called in `compile`.
FUNCTIONS = {
    "binary_crossentropy": binary_crossentropy,
    "bce": binary_crossentropy,
    "BCE": binary_crossentropy,
    "binary_focal_crossentropy": binary_focal_crossentropy,
}
CLASSES = ("BinaryCrossentropy", "BinaryFocalCrossentropy")
_OF_TODAY = {losses.binary_crossentropy: binary_crossentropy, losses.binary_focal_crossentropy: binary_focal_crossentropy}
_OF_THEN = (*_OF_TODAY.values(), binary_crossentropy_of_1)


def of_then(era: str, loss: object) -> object:
    """The function of an era for what `compile` is given; anything else as it is."""
    if era not in ERAS:
        return binary_crossentropy_of_1 if loss in ("binary_crossentropy", losses.binary_crossentropy) else loss
    if isinstance(loss, str):
        return FUNCTIONS.get(loss, loss)
    return _OF_TODAY.get(loss, loss) if isinstance(loss, types.FunctionType) else loss


def measure_of_then(era: str, measure: object) -> object:
    """The same for a measure, which keeps the name that it was given."""
    found = of_then(era, measure)
    return MeanMetricWrapper(found, name=measure) if found is not measure and isinstance(measure, str) else found


def called(loss: object) -> object:
    """The name of such a function, which is what programs and files are shown; anything else as it is."""
    return loss.__name__.removesuffix("_of_1") if isinstance(loss, types.FunctionType) and loss in _OF_THEN else loss


class LossOfThen(Spelled):
    """`BinaryCrossentropy` and its kin as losses, with these functions."""

    mixes_samples = False
    target_form = "numbers"

    def _finish_spelled(self, arguments: dict[str, Any]) -> None:
        super()._finish_spelled(arguments)
        self.fn = _OF_TODAY[self.fn]


class MetricOfThen(Spelled):
    """`BinaryCrossentropy` as a metric, with this function."""

    mixes_samples = False

    def _finish_spelled(self, arguments: dict[str, Any]) -> None:
        super()._finish_spelled(arguments)
        self._fn = binary_crossentropy
