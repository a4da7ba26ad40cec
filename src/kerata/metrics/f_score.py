"""F-scores: one number from precision and recall."""

import warnings
from numbers import Real
from typing import TypeVar

import jax.numpy as jnp

from kerata.base.checks import KindError, message
from kerata.base.config import epsilon
from kerata.base.types import Shape
from kerata.engine.types import Array, TensorLike
from kerata.losses.loss import fit_weight
from kerata.metrics.metric import Metric, entered
from kerata.metrics.reduction import times_weight

T = TypeVar("T")


def _check_float(owner: Metric, name: str, value: T) -> T:
    if isinstance(value, bool) or not isinstance(value, (int, float, Real)):
        raise KindError(message(owner, f"Invalid `{name}` argument value. It should be a Python float", {name: value}))
    return value


@entered("fbeta_score")
class FBetaScore(Metric):
    """(1 + beta²) precision recall / (beta² precision + recall), over all samples.

    Args:
        average: `None` for one score a class, `"micro"` for one over all, `"macro"` for their mean, `"weighted"` for
            their mean by the number of cases.
        beta: how much more recall matters than precision, above 0.
        threshold: above which a prediction counts as 1; by default the largest of a sample does, so that a network
            with one output needs a threshold.

    Shapes: `y_true` and `y_pred` of shape (batch, classes).
    """

    _direction = "up"

    def __init__(self, average=None, beta=1.0, threshold=None, name="fbeta_score", dtype=None):
        super().__init__(name=name, dtype=dtype)
        if average not in (None, "micro", "macro", "weighted"):
            raise ValueError(
                message(
                    self,
                    "Invalid `average` argument value. Expected one of: {None, 'micro', 'macro', "
                    f"'weighted'}}. Received: average={average}",
                )
            )
        self.average = average
        self.beta = float(_check_float(self, "beta", beta))
        if self.beta <= 0:
            raise ValueError(message(self, "Invalid `beta` argument value. It should be > 0", {"beta": beta}))
        self.threshold = None if threshold is None else _check_float(self, "threshold", threshold)
        if self.threshold is not None and not 0 < self.threshold <= 1:
            raise ValueError(
                message(
                    self, "Invalid `threshold` argument value. It should verify 0 < threshold <= 1", {"threshold": threshold}
                )
            )
        self.built = False

    def build(self, y_true_shape: Shape, y_pred_shape: Shape) -> None:
        """Makes the counts for a number of classes."""
        if len(y_pred_shape) != 2 or tuple(y_pred_shape[1:]) != tuple(y_true_shape[1:]):
            fix = "Integer labels must be one-hot: kerata.utils.to_categorical"
            if len(y_pred_shape) != 2:
                fix = "Predictions must have two axes: y_pred.reshape(-1, 1) for one output"
            elif y_pred_shape[1] == 1:
                fix = "For one output give the labels as a column: y.reshape(-1, 1)"
            raise ValueError(
                message(
                    self,
                    "expected labels and predictions of shape (batch, classes)",
                    {"y_true.shape": y_true_shape, "y_pred.shape": y_pred_shape},
                    fix,
                )
            )
        if y_pred_shape[1] == 1 and self.threshold is None:
            warnings.warn(
                message(
                    self, "with one output and no threshold every sample is predicted as positive", fix="Pass threshold=0.5"
                ),
                stacklevel=3,
            )
        shape = () if self.average == "micro" else y_pred_shape[1:]
        self.true_positives, self.false_positives, self.false_negatives, self.intermediate_weights = (
            self._add_zeros(name, shape)
            for name in ("true_positives", "false_positives", "false_negatives", "intermediate_weights")
        )
        self.built = True

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        y_true, y_pred = jnp.asarray(y_true, self.dtype), jnp.asarray(y_pred, self.dtype)
        if not self.built:
            self.build(y_true.shape, y_pred.shape)
        if self.threshold is None:
            largest = jnp.max(y_pred, axis=-1, keepdims=True)
            positive = (y_pred >= largest) & (jnp.abs(y_pred) > 1e-9)
        else:
            positive = y_pred > self.threshold
        positive = positive.astype(self.dtype)
        weight = jnp.ones((), self.dtype)
        if sample_weight is not None:
            weight = fit_weight(jnp.asarray(sample_weight, self.dtype), y_pred, self)
        axis = None if self.average == "micro" else 0
        for variable, count in (
            (self.true_positives, positive * y_true),
            (self.false_positives, positive * (1 - y_true)),
            (self.false_negatives, (1 - positive) * y_true),
            (self.intermediate_weights, y_true),
        ):
            variable.assign_add(jnp.sum(times_weight(count, weight), axis=axis))

    def result(self) -> Array:
        if not self.built:
            return jnp.zeros((), self.dtype)
        tp = self.true_positives.value
        precision = tp / (tp + self.false_positives + epsilon())
        recall = tp / (tp + self.false_negatives + epsilon())
        square = self.beta**2
        score = precision * recall / (square * precision + recall + epsilon()) * (1 + square)
        if self.average == "weighted":
            cases = self.intermediate_weights.value
            return jnp.sum(score * cases / (jnp.sum(cases) + epsilon()))
        return score if self.average is None else jnp.mean(score)


@entered()
class F1Score(FBetaScore):
    """2 precision recall / (precision + recall), over all samples: the measure of unbalanced classes.

    Args:
        average: `None` for one score a class, `"micro"`, `"macro"` or `"weighted"`; see `FBetaScore`.
        threshold: above which a prediction counts as 1; by default the largest of a sample does.

    >>> import numpy as np
    >>> score = F1Score(average="macro", threshold=0.5)
    >>> round(float(score(np.array([[0.0], [1.0], [1.0]]), np.array([[0.9], [0.8], [0.1]]))), 4)
    0.5
    """

    def __init__(self, average=None, threshold=None, name="f1_score", dtype=None):
        super().__init__(average=average, threshold=threshold, name=name, dtype=dtype)
