"""Cross-entropies as they were.

Keras 1 to 2.2 computed them of probabilities from epsilon to 1 - epsilon: 16.118 at most, and no slope beyond. Keras 2.3 and
`tf.keras` took what went into a softmax or sigmoid, with the slope that TensorFlow gives it, and added epsilon once more to
what no sigmoid gave.
"""

import functools
import inspect
import types
import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from kerata import backend, losses
from kerata.base.checks import message
from kerata.base.registry import builtin
from kerata.engine.scope import noted
from kerata.engine.symbolic import traceable
from kerata.engine.types import Array, TensorLike
from kerata.kernels.maxima import first_within, larger
from kerata.legacy.spelling import Spelled
from kerata.legacy.tensorflow.nn import sigmoid_loss, slope_of_rest
from kerata.legacy.tensorflow.tape import is_graph
from kerata.losses.loss import as_array, fit_ranks
from kerata.metrics import MeanMetricWrapper


def of_probabilities(y_true: Array, p: Array) -> Array:
    """-(y log(p + e) + (1 - y) log(1 - p + e)), with p from e to 1 - e."""
    small = backend.epsilon()
    p = first_within(p, small, 1.0 - small)
    # 1 + e is another number in 32 bits. A graph of TensorFlow, as in `fit`, adds these two constants first. So would XLA
    # outside of programs, without the bound, which is never met.
    rest = (1.0 + small) - p if is_graph() else larger(1.0 - p, 0.0) + small
    return -(y_true * jnp.log(p + small) + (1.0 - y_true) * jnp.log(rest))


def bounded(p: Array) -> Array:
    """Probabilities from epsilon to 1 - epsilon."""
    return first_within(p, backend.epsilon(), 1.0 - backend.epsilon())


def binary_of_1(y_true: Array, p: Array) -> Array:
    """The cross-entropy of the logits log(p / (1 - p)): 16.118 at most for 1, 15.942 for 0."""
    p = bounded(p)
    return sigmoid_loss(y_true, jnp.log(p / larger(1.0 - p, 0.0)))


# Files call them by their names, which in another Keras are that one's. Labels may be any numbers: programs that made them soft
# drew from 0.7 to 1.2.
@builtin("losses of 1", name="binary_crossentropy", target_form="numbers")
@traceable
def binary_crossentropy_of_1(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """`binary_crossentropy` of Keras 1 to 2.2.

    >>> round(float(binary_crossentropy_of_1(jnp.array([0.0, 1.0]), jnp.array([1.0, 1.0]))), 3)
    7.971
    """
    if from_logits:
        return losses.binary_crossentropy(y_true, y_pred, from_logits, label_smoothing, axis)
    y_true, y_pred = fit_ranks(jnp.asarray(y_true, as_array(y_pred).dtype), as_array(y_pred))
    y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    return jnp.mean(binary_of_1(y_true, y_pred), axis=axis)


@builtin("losses of 1", name="categorical_crossentropy", target_form="one-hot")
@traceable
def categorical_crossentropy_of_1(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """`categorical_crossentropy` of Keras 1 to 2.2.

    >>> round(float(categorical_crossentropy_of_1(jnp.array([0.0, 1.0]), jnp.array([1.0, 0.0]))), 3)
    16.118
    """
    if from_logits:
        return categorical_crossentropy(y_true, y_pred, from_logits, label_smoothing, axis)
    y_pred = as_array(y_pred)
    y_pred = y_pred / jnp.sum(y_pred, axis=axis, keepdims=True)
    return losses.categorical_crossentropy(y_true, bounded(y_pred), False, label_smoothing, axis)


@builtin("losses of 1", name="sparse_categorical_crossentropy", target_form="classes")
@traceable
def sparse_categorical_crossentropy_of_1(y_true, y_pred, from_logits=False, ignore_class=None, axis=-1):
    """`sparse_categorical_crossentropy` of Keras 1 to 2.2."""
    logits = y_pred if from_logits else jnp.log(bounded(as_array(y_pred)))
    return losses.sparse_categorical_crossentropy(y_true, logits, True, ignore_class, axis)


@builtin("losses of then", target_form="one-hot")
@traceable
def categorical_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """-sum(y_true log(y_pred)). Of logits, the slope is softmax - y_true, also where labels do not sum to 1."""
    y_pred = as_array(y_pred)
    values = losses.categorical_crossentropy(y_true, y_pred, from_logits, label_smoothing, axis)
    logits = y_pred if from_logits else logits_of(y_pred, "softmax")
    if logits is None or not (from_logits or axis in (-1, y_pred.ndim - 1)):
        return values
    total = jnp.sum(jnp.asarray(y_true, y_pred.dtype), axis) * (1.0 - label_smoothing) + label_smoothing
    return values + slope_of_rest(total, logits, axis)


@builtin("losses of then", target_form="classes")
@traceable
def sparse_categorical_crossentropy(y_true, y_pred, from_logits=False, ignore_class=None, axis=-1):
    """-log(y_pred) at the class; what no softmax gave is taken from epsilon to 1 - epsilon, and divided by its sum after that.

    >>> round(float(sparse_categorical_crossentropy(jnp.array(0), jnp.array([-1.0, 2.0]))), 3)
    16.118
    """
    y_pred = as_array(y_pred)
    if from_logits or logits_of(y_pred, "softmax") is not None:
        return losses.sparse_categorical_crossentropy(y_true, y_pred, from_logits, ignore_class, axis)
    return losses.sparse_categorical_crossentropy(y_true, jnp.log(bounded(y_pred)), True, ignore_class, axis)


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


def logits_of(y_pred: Array, kind: str) -> Array | None:
    """What went into the softmax or sigmoid that gave these."""
    found = noted(y_pred, "logits")
    return found[1].astype(y_pred.dtype) if found is not None and found[0] == kind and found[1].shape == y_pred.shape else None


# `K.binary_crossentropy` and its kin: one number for each output, or for each row


@traceable
def binary_of_backend(target, output, from_logits=False):
    output = as_array(output)
    logits = output if from_logits else logits_of(output, "sigmoid")
    if logits is not None:
        return backend.binary_crossentropy(target, logits, True)
    return of_probabilities(jnp.asarray(target, output.dtype), output)


@traceable
def binary_of_backend_1(target, output, from_logits=False):
    if from_logits:
        return backend.binary_crossentropy(target, output, True)
    return binary_of_1(jnp.asarray(target, as_array(output).dtype), as_array(output))


@traceable
def categorical_of_backend(target, output, from_logits=False, axis=-1):
    return categorical_crossentropy(target, output, from_logits, axis=axis)


@traceable
def categorical_of_backend_1(target, output, from_logits=False, axis=-1):
    return categorical_crossentropy_of_1(target, output, from_logits, axis=axis)


@traceable
def sparse_of_backend(target, output, from_logits=False, axis=-1, ignore_class=None):
    """Where labels have as many axes as the predictions, the one of the classes has size 1."""
    if target.ndim == output.ndim and target.shape[axis] == 1:
        target = jnp.squeeze(target, axis)
    return sparse_categorical_crossentropy(target, output, from_logits, ignore_class, axis)


@traceable
def sparse_of_backend_1(target, output, from_logits=False, axis=-1):
    return sparse_of_backend(target, output if from_logits else jnp.log(bounded(as_array(output))), True, axis)


@traceable
def categorical_focal_of_backend(target, output, alpha=0.25, gamma=2.0, from_logits=False, axis=-1):
    return losses.categorical_focal_crossentropy(target, output, alpha, gamma, from_logits, axis=axis)


def prediction_first(function: Callable[..., Any]) -> Callable[..., Any]:
    """Keras 1 took the prediction first."""

    @functools.wraps(function)
    def call(output: TensorLike, target: TensorLike, from_logits: bool = False) -> object:
        return function(target, output, from_logits)

    return call


def taking_logits(function: Callable[..., Any], kind: str) -> Callable[..., Any]:
    """A cross-entropy of `tf.keras`: of what came out of an activation it took the logits, even if told that it had them.

    Those of a sigmoid were taken for a softmax's as well, and the other way round.

    Args:
        function: the cross-entropy, of labels and predictions.
        kind: `"softmax"` or `"sigmoid"`: the one that the cross-entropy is for.
    """
    other = "sigmoid" if kind == "softmax" else "softmax"
    signature = inspect.signature(function)
    predictions = list(signature.parameters)[1]

    @functools.wraps(function)
    def call(*args: object, **kwargs: object) -> object:
        given = signature.bind(*args, **kwargs).arguments
        y_pred = as_array(given[predictions])
        logits = logits_of(y_pred, other)
        own = kind if logits is None else other
        if given.get("from_logits") and (logits is not None or logits_of(y_pred, kind) is not None):
            expected = f"`from_logits=True`, but the predictions come out of a {own}: the loss is that of what went into it"
            warnings.warn(message(function.__name__, expected, None, "Leave from_logits=True out"), stacklevel=2)
            given["from_logits"] = False
        return function(**(given if logits is None else {**given, predictions: logits, "from_logits": True}))

    return traceable(call)


binary_of_tf = taking_logits(binary_of_backend, "sigmoid")


@traceable
def binary_focal_of_backend(target, output, apply_class_balancing=False, alpha=0.25, gamma=2.0, from_logits=False):
    """The cross-entropy of each output, times (1 - p)^gamma, where p is the probability given to the true label."""
    output = as_array(output)
    target = jnp.asarray(target, output.dtype)
    p = jax.nn.sigmoid(output) if from_logits else output
    values = jnp.power(1.0 - (target * p + (1.0 - target) * (1.0 - p)), gamma) * binary_of_tf(target, output, from_logits)
    return (target * alpha + (1.0 - target) * (1.0 - alpha)) * values if apply_class_balancing else values


def focal_of_tf(
    y_true, y_pred, apply_class_balancing=False, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0, axis=-1
):
    """What is no probability was one in the factor, as were those that it was told were logits."""
    y_pred = as_array(y_pred)
    y_true, y_pred = fit_ranks(jnp.asarray(y_true, y_pred.dtype), y_pred)
    y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    return jnp.mean(binary_focal_of_backend(y_true, y_pred, apply_class_balancing, alpha, gamma, from_logits), axis=axis)


_OF_BACKEND = {
    "binary_crossentropy": binary_of_backend,
    "categorical_crossentropy": categorical_of_backend,
    "sparse_categorical_crossentropy": sparse_of_backend,
}
_OF_BACKEND_1 = {
    "binary_crossentropy": binary_of_backend_1,
    "categorical_crossentropy": categorical_of_backend_1,
    "sparse_categorical_crossentropy": sparse_of_backend_1,
}
OF_BACKEND: dict[str, dict[str, Callable[..., Any]]] = {
    "keras1": {name: prediction_first(function) for name, function in _OF_BACKEND_1.items()},
    "keras22": _OF_BACKEND_1,
    "keras2": _OF_BACKEND,
    "tfkeras2": {
        "binary_crossentropy": binary_of_tf,
        "categorical_crossentropy": taking_logits(categorical_of_backend, "softmax"),
        "sparse_categorical_crossentropy": taking_logits(sparse_of_backend, "softmax"),
        "binary_focal_crossentropy": binary_focal_of_backend,
        "categorical_focal_crossentropy": taking_logits(categorical_focal_of_backend, "softmax"),
    },
}

# What they were called in `compile`: since 2.3, and before.
_FUNCTIONS = {
    "binary_crossentropy": binary_crossentropy,
    "bce": binary_crossentropy,
    "BCE": binary_crossentropy,
    "binary_focal_crossentropy": binary_focal_crossentropy,
    "categorical_crossentropy": categorical_crossentropy,
    "sparse_categorical_crossentropy": sparse_categorical_crossentropy,
}
_FOCAL = "categorical_focal_crossentropy"
# The same functions in `tf.keras`.
_OF_TF: dict[Any, Any] = {
    function: builtin("losses of tf", target_form=form)(taking_logits(function, kind))
    for function, kind, form in (
        (binary_crossentropy, "sigmoid", "numbers"),
        (categorical_crossentropy, "softmax", "one-hot"),
        (sparse_categorical_crossentropy, "softmax", "classes"),
        (losses.categorical_focal_crossentropy, "softmax", "one-hot"),
    )
}
_OF_TF[binary_focal_crossentropy] = builtin("losses of tf", name="binary_focal_crossentropy", target_form="numbers")(
    traceable(functools.wraps(binary_focal_crossentropy)(focal_of_tf))
)
_FUNCTIONS_1 = {
    "binary_crossentropy": binary_crossentropy_of_1,
    "categorical_crossentropy": categorical_crossentropy_of_1,
    "sparse_categorical_crossentropy": sparse_categorical_crossentropy_of_1,
}
ERAS = ("keras2", "tfkeras2")
FUNCTIONS: dict[str, dict[str, Any]] = {
    "keras1": _FUNCTIONS_1,
    "keras22": _FUNCTIONS_1,
    "keras2": _FUNCTIONS,
    "tfkeras2": {
        **{name: _OF_TF[function] for name, function in _FUNCTIONS.items()},
        _FOCAL: _OF_TF[losses.categorical_focal_crossentropy],
    },
}
CLASSES = (
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "SparseCategoricalCrossentropy",
)
MEASURES = ("BinaryCrossentropy", "CategoricalCrossentropy", "SparseCategoricalCrossentropy")
_OF_TODAY = {
    era: {getattr(losses, one.__name__.removesuffix("_of_1")): one for one in some.values()} for era, some in FUNCTIONS.items()
}
_OF_THEN = {one for some in FUNCTIONS.values() for one in some.values()}


def of_then(era: str, loss: object) -> object:
    """The function of an era for what `compile` is given; anything else as it is."""
    if era not in FUNCTIONS:
        return loss
    if isinstance(loss, str):
        return FUNCTIONS[era].get(loss, loss)
    return _OF_TODAY[era].get(loss, loss) if isinstance(loss, types.FunctionType) else loss


def measure_of_then(era: str, measure: object) -> object:
    """The same for a measure, which keeps the name that it was given."""
    found = of_then(era, measure)
    return MeanMetricWrapper(found, name=measure) if found is not measure and isinstance(measure, str) else found


class LossOfThen(Spelled):
    """`BinaryCrossentropy` and its kin as losses, with these functions."""

    mixes_samples = False

    def _finish_spelled(self, arguments: dict[str, Any]) -> None:
        super()._finish_spelled(arguments)
        self.fn = _OF_TODAY[self._era].get(self.fn, self.fn)


class MetricOfThen(Spelled):
    """`BinaryCrossentropy` and its kin as metrics, with these functions."""

    mixes_samples = False

    def _finish_spelled(self, arguments: dict[str, Any]) -> None:
        super()._finish_spelled(arguments)
        self._fn = _OF_TODAY[self._era][self._fn]
