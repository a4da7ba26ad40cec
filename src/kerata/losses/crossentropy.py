"""Cross-entropies.

Where predictions came out of a softmax or sigmoid, they are computed from what went into it: exact where the
probabilities themselves would have been rounded to 0 or 1.
"""

import warnings
from typing import Any

import jax
import jax.numpy as jnp

from kerata.base.checks import check_number, message
from kerata.base.config import epsilon
from kerata.base.registry import builtin
from kerata.engine.hyper import Hyperparameter
from kerata.engine.scope import note, noted
from kerata.engine.symbolic import traceable
from kerata.engine.types import Array, Scalar, TensorLike
from kerata.kernels.maxima import larger, within
from kerata.losses.loss import LossFunctionWrapper, as_array, convert, fit_ranks

MEAN = "sum_over_batch_size"


def _find_logits(owner: str, kind: str, y_pred: Array, from_logits: bool, axis: int = -1) -> Array | None:
    """The logits of predictions: themselves, those that the activation noted, or `None` where there are none."""
    found = noted(y_pred, "logits")
    if from_logits:
        if found is not None:
            warnings.warn(
                message(
                    owner,
                    "`from_logits=True`, but the predictions come out of an activation",
                    {"activation": found[0]},
                    "Drop the activation or from_logits=True",
                ),
                stacklevel=3,
            )
        return y_pred
    if found is None or found[0] != kind or found[1].shape != y_pred.shape:
        return None
    if kind == "softmax" and axis not in (-1, y_pred.ndim - 1):
        return None
    return found[1].astype(y_pred.dtype)


def _log_probabilities(owner: str, y_pred: Array, from_logits: bool, axis: int) -> Array:
    logits = _find_logits(owner, "softmax", y_pred, from_logits, axis)
    if logits is not None:
        return jax.nn.log_softmax(logits, axis=axis)
    y_pred = y_pred / jnp.sum(y_pred, axis=axis, keepdims=True)
    return jnp.log(within(y_pred, epsilon(), 1.0 - epsilon()))


def _smooth(y_true: Array, label_smoothing: Scalar, rest: Scalar) -> Array:
    """y_true (1 - s) + s rest; a traced s counts even where it is 0."""
    if isinstance(label_smoothing, (int, float)) and label_smoothing == 0:
        return y_true
    return y_true * (1.0 - label_smoothing) + label_smoothing * rest


def _check_categorical(owner: str, y_true: Array, y_pred: Array, axis: int) -> None:
    if isinstance(axis, bool):
        raise ValueError(message(owner, "`axis` must be an integer", {"axis": axis}))
    if y_true.shape != y_pred.shape:
        raise ValueError(
            message(
                owner,
                "labels must be one-hot vectors: `y_true` and `y_pred` must have the same shape",
                {"y_true.shape": y_true.shape, "y_pred.shape": y_pred.shape},
                "For integer labels use sparse_categorical_crossentropy",
            )
        )
    if y_pred.ndim and y_pred.shape[axis] == 1:
        warnings.warn(
            message(
                owner,
                "predictions must have more than one class",
                {"y_pred.shape": y_pred.shape},
                "For two classes use binary_crossentropy",
            ),
            SyntaxWarning,
            stacklevel=3,
        )


@builtin("losses", target_form="one-hot")
@traceable
def categorical_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """-sum(y_true log(y_pred)), for labels as one-hot vectors or distributions.

    Args:
        from_logits: whether `y_pred` is what a softmax would take.
        label_smoothing: s in y_true (1 - s) + s / classes.
        axis: the axis of the classes.

    >>> round(float(categorical_crossentropy([0.0, 1.0], [0.5, 0.5])), 4)
    0.6931
    """
    y_pred = as_array(y_pred)
    y_true = jnp.asarray(y_true, y_pred.dtype)
    _check_categorical("categorical_crossentropy", y_true, y_pred, axis)
    y_true = _smooth(y_true, label_smoothing, 1.0 / y_true.shape[axis])
    return -jnp.sum(y_true * _log_probabilities("categorical_crossentropy", y_pred, from_logits, axis), axis=axis)


@builtin("losses", target_form="classes")
@traceable
def sparse_categorical_crossentropy(y_true, y_pred, from_logits=False, ignore_class=None, axis=-1):
    """-log(y_pred[y_true]), for integer labels.

    Args:
        from_logits: whether `y_pred` is what a softmax would take.
        ignore_class: a label that does not count, such as -1.
        axis: the axis of the classes.
    """
    y_pred = as_array(y_pred)
    axis = axis % y_pred.ndim
    labels = as_array(y_true)
    if labels.ndim == y_pred.ndim and labels.shape[axis] == 1:
        labels = jnp.squeeze(labels, axis)
    if labels.shape != (*y_pred.shape[:axis], *y_pred.shape[axis + 1 :]):
        fix = "For one-hot labels use categorical_crossentropy" if labels.shape == y_pred.shape else ""
        raise ValueError(
            message(
                "sparse_categorical_crossentropy",
                "labels must have the predictions' shape without the classes",
                {"y_true.shape": labels.shape, "y_pred.shape": y_pred.shape},
                fix,
            )
        )
    labels = labels.astype(jnp.int32)
    logp = _log_probabilities("sparse_categorical_crossentropy", y_pred, from_logits, axis)
    # A comparison instead of a gather: its gradient is no scatter, and a label without a class counts for nothing.
    classes = jax.lax.broadcasted_iota(jnp.int32, y_pred.shape, axis)
    values = -jnp.sum(jnp.where(classes == jnp.expand_dims(labels, axis), logp, 0.0), axis=axis)
    if ignore_class is not None:
        kept = labels != ignore_class
        values = jnp.where(kept, values, 0.0)
        note(values, "mask", kept)
    return values


def _binary(owner: str, y_true: Array, y_pred: Array, from_logits: bool) -> tuple[Any, Any]:
    """(cross-entropy, probability) of each number."""
    y_true, y_pred = fit_ranks(y_true, y_pred)
    if y_true.shape != y_pred.shape:
        raise ValueError(
            message(
                owner,
                "`y_true` and `y_pred` must have the same shape",
                {"y_true.shape": y_true.shape, "y_pred.shape": y_pred.shape},
            )
        )
    logits = _find_logits(owner, "sigmoid", y_pred, from_logits)
    if logits is not None:
        return jax.nn.softplus(logits) - y_true * logits, jax.nn.sigmoid(logits) if from_logits else y_pred
    p = within(y_pred, epsilon(), 1.0 - epsilon())
    return -(y_true * jnp.log(p) + (1.0 - y_true) * jnp.log(1.0 - p)), y_pred


@builtin("losses", "bce", "BCE", target_form="binary")
@traceable
def binary_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """mean(-y_true log(y_pred) - (1 - y_true) log(1 - y_pred)), for labels 0 and 1.

    Args:
        from_logits: whether `y_pred` is what a sigmoid would take.
        label_smoothing: s in y_true (1 - s) + s / 2.
        axis: the axis that the mean goes over.
    """
    y_pred = as_array(y_pred)
    y_true = _smooth(jnp.asarray(y_true, y_pred.dtype), label_smoothing, 0.5)
    return jnp.mean(_binary("binary_crossentropy", y_true, y_pred, from_logits)[0], axis=axis)


@builtin("losses", target_form="binary")
@traceable
def binary_focal_crossentropy(
    y_true, y_pred, apply_class_balancing=False, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0, axis=-1
):
    """mean((1 - p)^gamma CE), where p is the probability given to the true label: what is easy counts less.

    Args:
        apply_class_balancing: whether label 1 is weighted by `alpha` and label 0 by 1 - `alpha`.
        gamma: how much easy samples are played down.
        from_logits, label_smoothing, axis: as in `binary_crossentropy`.
    """
    y_pred = as_array(y_pred)
    y_true = _smooth(jnp.asarray(y_true, y_pred.dtype), label_smoothing, 0.5)
    values, p = _binary("binary_focal_crossentropy", y_true, y_pred, from_logits)
    y_true = fit_ranks(y_true, y_pred)[0]
    values = _power(1.0 - (y_true * p + (1 - y_true) * (1 - p)), gamma) * values
    if apply_class_balancing:
        values = (y_true * alpha + (1 - y_true) * (1 - alpha)) * values
    return jnp.mean(values, axis=axis)


def _power(x: Array, exponent: Scalar) -> Array:
    """x^exponent for x in [0, 1]; rounding may have put x a little below 0."""
    return jnp.power(larger(x, 0.0), exponent)


@builtin("losses", target_form="one-hot")
@traceable
def categorical_focal_crossentropy(y_true, y_pred, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0, axis=-1):
    """sum(-alpha (1 - y_pred)^gamma y_true log(y_pred)), for one-hot labels: what is easy counts less.

    Args:
        alpha: a weight, or one for each class.
        gamma: how much easy samples are played down.
        from_logits, label_smoothing, axis: as in `categorical_crossentropy`.
    """
    y_pred = as_array(y_pred)
    y_true = jnp.asarray(y_true, y_pred.dtype)
    _check_categorical("categorical_focal_crossentropy", y_true, y_pred, axis)
    y_true = _smooth(y_true, label_smoothing, 1.0 / y_true.shape[axis])
    logp = _log_probabilities("categorical_focal_crossentropy", y_pred, from_logits, axis)
    weight = _power(1.0 - jnp.exp(logp), gamma) * jnp.asarray(alpha, logp.dtype)
    return -jnp.sum(weight * y_true * logp, axis=axis)


@builtin("losses", target_form="classes")
@traceable
def categorical_generalized_cross_entropy(y_true, y_pred, q):
    """(1 - p^q) / q, where p is the probability of the true class: between cross-entropy and absolute error.

    Args:
        y_true: integer labels.
        q: between 0 and 1; the higher, the less a wrong label matters.
    """
    y_pred = as_array(y_pred)
    one_hot = jax.nn.one_hot(jnp.asarray(y_true, jnp.int32), y_pred.shape[-1], dtype=y_pred.dtype)
    p = jnp.sum(y_pred * one_hot, axis=-1)
    # A class that a softmax gives no probability at all would have an infinite gradient, and the softmax none: NaN.
    return (1.0 - jnp.power(larger(p, float(jnp.finfo(p.dtype).tiny)), q)) / q


@builtin("losses")
class BinaryCrossentropy(LossFunctionWrapper):
    """-y_true log(y_pred) - (1 - y_true) log(1 - y_pred), for labels 0 and 1.

    Args:
        from_logits: whether predictions are what a sigmoid would take.
        label_smoothing: s in y_true (1 - s) + s / 2.
        axis: the axis that the mean goes over.

    >>> round(float(BinaryCrossentropy()([[0.0], [1.0]], [[0.5], [0.5]])), 4)
    0.6931
    """

    _passed = ("from_logits", "label_smoothing", "axis")
    label_smoothing = Hyperparameter(low=0.0, high=1.0)

    def __init__(self, from_logits=False, label_smoothing=0.0, axis=-1, reduction=MEAN, name="binary_crossentropy", dtype=None):
        super().__init__(binary_crossentropy, reduction, name, dtype)
        self.from_logits, self.label_smoothing, self.axis = from_logits, label_smoothing, axis


@builtin("losses")
class BinaryFocalCrossentropy(LossFunctionWrapper):
    """(1 - p)^gamma times the binary cross-entropy, where p is the probability given to the true label.

    Args:
        apply_class_balancing: whether label 1 is weighted by `alpha` and label 0 by 1 - `alpha`.
        alpha: the weight of label 1.
        gamma: how much easy samples are played down.
        from_logits, label_smoothing, axis: as in `BinaryCrossentropy`.

    Source: Lin et al., Focal Loss for Dense Object Detection, 2017.
    """

    _passed = ("apply_class_balancing", "alpha", "gamma", "from_logits", "label_smoothing", "axis")
    alpha = Hyperparameter(low=0.0)
    gamma = Hyperparameter(low=0.0)
    label_smoothing = Hyperparameter(low=0.0, high=1.0)

    def __init__(
        self,
        apply_class_balancing=False,
        alpha=0.25,
        gamma=2.0,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction=MEAN,
        name="binary_focal_crossentropy",
        dtype=None,
    ):
        super().__init__(binary_focal_crossentropy, reduction, name, dtype)
        self.apply_class_balancing, self.alpha, self.gamma = apply_class_balancing, alpha, gamma
        self.from_logits, self.label_smoothing, self.axis = from_logits, label_smoothing, axis


@builtin("losses")
class CategoricalCrossentropy(LossFunctionWrapper):
    """-sum(y_true log(y_pred)), for labels as one-hot vectors or distributions.

    Args:
        from_logits: whether predictions are what a softmax would take.
        label_smoothing: s in y_true (1 - s) + s / classes.
        axis: the axis of the classes.
    """

    _passed = ("from_logits", "label_smoothing", "axis")
    label_smoothing = Hyperparameter(low=0.0, high=1.0)

    def __init__(
        self, from_logits=False, label_smoothing=0.0, axis=-1, reduction=MEAN, name="categorical_crossentropy", dtype=None
    ):
        super().__init__(categorical_crossentropy, reduction, name, dtype)
        self.from_logits, self.label_smoothing, self.axis = from_logits, label_smoothing, axis


@builtin("losses")
class CategoricalFocalCrossentropy(LossFunctionWrapper):
    """-sum(alpha (1 - y_pred)^gamma y_true log(y_pred)), for one-hot labels.

    Args:
        alpha: a weight, or one for each class.
        gamma: how much easy samples are played down.
        from_logits, label_smoothing, axis: as in `CategoricalCrossentropy`.

    Source: Lin et al., Focal Loss for Dense Object Detection, 2017.
    """

    _passed = ("alpha", "gamma", "from_logits", "label_smoothing", "axis")
    alpha = Hyperparameter(low=0.0)
    gamma = Hyperparameter(low=0.0)
    label_smoothing = Hyperparameter(low=0.0, high=1.0)

    def __init__(
        self,
        alpha=0.25,
        gamma=2.0,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction=MEAN,
        name="categorical_focal_crossentropy",
        dtype=None,
    ):
        super().__init__(categorical_focal_crossentropy, reduction, name, dtype)
        self.alpha, self.gamma = alpha, gamma
        self.from_logits, self.label_smoothing, self.axis = from_logits, label_smoothing, axis


@builtin("losses")
class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """-log(y_pred[y_true]), for integer labels.

    Args:
        from_logits: whether predictions are what a softmax would take.
        ignore_class: a label that does not count, such as -1.
        axis: the axis of the classes.
    """

    _passed = ("from_logits", "ignore_class", "axis")

    def __init__(
        self, from_logits=False, ignore_class=None, reduction=MEAN, axis=-1, name="sparse_categorical_crossentropy", dtype=None
    ):
        super().__init__(sparse_categorical_crossentropy, reduction, name, dtype)
        self.from_logits, self.ignore_class, self.axis = from_logits, ignore_class, axis

    @property
    def counts_all(self) -> bool:  # type: ignore[override]
        return self.ignore_class is None

    def _convert(self, y_true: TensorLike) -> Array:
        # Integers stay as they are: a small float type does not hold every label.
        array = as_array(y_true)
        return array if jnp.issubdtype(array.dtype, jnp.integer) else convert(array, self._dtype)


@builtin("losses")
class CategoricalGeneralizedCrossEntropy(LossFunctionWrapper):
    """(1 - p^q) / q, where p is the probability of the true class, for integer labels that may be wrong.

    Args:
        q: between 0 (cross-entropy) and 1 (absolute error), both excluded.

    Source: Zhang and Sabuncu, Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels, 2018.
    """

    _passed = ("q",)
    q = Hyperparameter(low=0.0, high=1.0)

    def __init__(self, q=0.5, reduction=MEAN, name="categorical_generalized_cross_entropy", dtype=None):
        check_number(type(self), "q", q, 0.0, 1.0)
        if q in (0, 1):
            raise ValueError(message(type(self), "`q` must be above 0 and below 1", {"q": q}))
        super().__init__(categorical_generalized_cross_entropy, reduction, name, dtype)
        self.q = q
