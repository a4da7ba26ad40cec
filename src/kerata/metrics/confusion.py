"""Measures of two classes over thresholds: counts, precision, recall, and one of them at a given other."""

from collections.abc import Sequence
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from kerata.base import config
from kerata.base.checks import KindError, check_positive_int, message
from kerata.base.limits import NUMBER_BYTES, take_bytes
from kerata.base.types import DTypeLike, Owner
from kerata.engine.types import Array, TensorLike
from kerata.engine.variable import Variable
from kerata.losses.loss import divide_no_nan, fit_ranks, fit_weight
from kerata.metrics.metric import Metric, entered
from kerata.metrics.reduction import times_weight

# What predictions that are not among the k largest become: below every threshold.
FAR_BELOW = -1e10

T = TypeVar("T")


def standardize_thresholds(owner: Owner, thresholds: float | Sequence[float] | None, default: float) -> list[float]:
    """Thresholds as a list of numbers between 0 and 1."""
    if thresholds is None:
        return [default]
    values: list[Any] = list(thresholds) if isinstance(thresholds, (list, tuple, np.ndarray)) else [thresholds]
    if wrong := [value for value in values if not isinstance(value, (int, float, np.number)) or not 0 <= value <= 1]:
        raise KindError(message(owner, f"Threshold values must be in [0, 1]. Received: {wrong}"))
    return values


def check_share(owner: Owner, name: str, value: T) -> T:
    """A number between 0 and 1."""
    if not isinstance(value, (int, float, np.number)) or not 0 <= value <= 1:
        raise KindError(message(owner, f"`{name}` must be in the range [0, 1]", {name: value}))
    return value


def check_count(owner: Owner, value: object, above: int = 0) -> int:
    """A number of thresholds."""
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value <= above:
        raise KindError(message(owner, f"Argument `num_thresholds` must be an integer > {above}", {"num_thresholds": value}))
    return int(value)


def are_even(thresholds: Sequence[float]) -> bool:
    """Whether thresholds are 0, 1/n, 2/n, ..., 1."""
    count = len(thresholds)
    return count >= 3 and np.allclose(thresholds, np.arange(count) / (count - 1), atol=config.epsilon())


def count_confusion(
    y_true: TensorLike,
    y_pred: TensorLike,
    thresholds: Sequence[float],
    sample_weight: TensorLike | None = None,
    top_k: int | None = None,
    class_id: int | None = None,
    multi_label: bool = False,
    label_weights: TensorLike | None = None,
    dtype: DTypeLike = "float32",
    owner: Owner = "metric",
) -> dict[str, Any]:
    """Weights of true and false positives and negatives, each of shape (thresholds,) or (thresholds, labels).

    Args:
        y_true, y_pred: arrays of one shape, (batch, ...); a prediction above a threshold is positive.
        thresholds: numbers.
        sample_weight: weights of shape (batch,) or of the predictions' shape.
        top_k: only the k largest predictions of a sample may be positive.
        class_id: the only class to look at.
        multi_label: whether each label is counted on its own.
        label_weights: a weight for each label, where they are counted together.
    """
    y_pred, y_true = fit_ranks(jnp.asarray(y_pred, dtype), jnp.asarray(y_true, dtype))
    if y_true.shape != y_pred.shape:
        raise ValueError(
            message(
                owner,
                "`y_true` and `y_pred` must have the same shape",
                {"y_true.shape": y_true.shape, "y_pred.shape": y_pred.shape},
                "Integer labels of several classes must be one-hot: kerata.utils.to_categorical",
            )
        )
    if top_k is not None:
        y_pred = _keep_top_k(y_pred, top_k)
    if class_id is not None:
        if y_pred.ndim == 1:
            raise ValueError(
                message(
                    owner,
                    "When class_id is provided, y_pred must be a 2D array with shape "
                    f"(num_samples, num_classes), found shape: {y_pred.shape}",
                )
            )
        y_true, y_pred = y_true[..., class_id, None], y_pred[..., class_id, None]
    weight = jnp.ones((), y_pred.dtype)
    if sample_weight is not None:
        weight = fit_weight(jnp.asarray(sample_weight, dtype), y_pred, owner)
    if label_weights is not None:
        weight = weight * jnp.asarray(label_weights, dtype)
    positive = y_true.astype(bool)
    true = times_weight(positive.astype(dtype), weight)
    false = times_weight((~positive).astype(dtype), weight)
    if not multi_label:
        y_pred, true, false = (jnp.reshape(x, (-1,)) for x in (y_pred, true, false))
    above = _above_even if are_even(thresholds) else _above_each
    tp, fp = above(y_pred, jnp.stack([true, false], axis=-1), thresholds)
    return {"tp": tp, "fp": fp, "fn": jnp.sum(true, axis=0) - tp, "tn": jnp.sum(false, axis=0) - fp}


def _keep_top_k(x: Array, k: int) -> Array:
    _, places = jax.lax.top_k(x, k)
    kept = jnp.any(places[..., None] == jnp.arange(x.shape[-1]), axis=-2)
    return jnp.where(kept, x, FAR_BELOW)


def _above_even(y_pred: Array, amounts: Array, thresholds: Sequence[float]) -> tuple[Any, Any]:
    """Sums of the two amounts where predictions exceed each threshold: a histogram, added up from above."""
    count = len(thresholds)
    place = jnp.ceil(jnp.clip(y_pred, 0.0, 1.0) * (count - 1)).astype(jnp.int32)  # thresholds below the prediction
    if thresholds[0] < 0.0:
        place = jnp.maximum(place, 1)
    bins = jnp.zeros((count + 1, *amounts.shape[1:]), amounts.dtype)
    if y_pred.ndim == 1:
        bins = bins.at[place].add(amounts)
    else:
        bins = bins.at[place, jnp.arange(y_pred.shape[1])].add(amounts)
    sums = jnp.flip(jnp.cumsum(jnp.flip(bins, 0), axis=0), 0)[1:]
    return sums[..., 0], sums[..., 1]


def _above_each(y_pred: Array, amounts: Array, thresholds: Sequence[float]) -> tuple[Any, Any]:
    """Sums of the two amounts where predictions exceed each threshold: one comparison each."""
    limits = jnp.reshape(jnp.asarray(thresholds, y_pred.dtype), (-1, *[1] * y_pred.ndim))
    sums = jnp.sum(jnp.where((y_pred > limits)[..., None], amounts, 0), axis=1)
    return sums[..., 0], sums[..., 1]


NAMES = {"tp": "true_positives", "tn": "true_negatives", "fp": "false_positives", "fn": "false_negatives"}


class _Confusion(Metric):
    """A metric made of counts over thresholds.

    `_counts` are those that it needs, in the order in which it keeps them.
    """

    _counts: tuple[str, ...] = ()
    true_positives: Variable
    true_negatives: Variable
    false_positives: Variable
    false_negatives: Variable
    thresholds: list[float]
    top_k: int | None = None
    class_id: int | None = None

    def _count(self, key: str) -> Variable:
        return getattr(self, NAMES[key])

    def _make_counts(self) -> None:
        for key in self._counts:
            setattr(self, NAMES[key], self._add_zeros(NAMES[key], (len(self.thresholds),), config.floatx()))

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        found = count_confusion(
            y_true, y_pred, self.thresholds, sample_weight, self.top_k, self.class_id, owner=self, dtype=config.floatx()
        )
        for key in self._counts:
            self._count(key).assign_add(found[key])

    @staticmethod
    def _share(first: Variable, second: Variable) -> Array:
        return divide_no_nan(first.value, first.value + second.value)

    def _one_or_all(self, result: Array) -> Array:
        return result[0] if len(self.thresholds) == 1 else result


class _Count(_Confusion):
    def __init__(self, thresholds=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.thresholds = standardize_thresholds(self, thresholds, 0.5)
        self.accumulator = self._add_zeros("accumulator", (len(self.thresholds),), config.floatx())

    def _count(self, key: str) -> Variable:
        return self.accumulator

    def result(self) -> Array:
        return self._one_or_all(self.accumulator.value)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "thresholds": self.init_thresholds}


@entered()
class FalsePositives(_Count):
    """The weight of samples of class 0 that are predicted as 1.

    Args:
        thresholds: above which a prediction counts as 1; 0.5 by default; several give several counts.
    """

    _counts = ("fp",)

    def __init__(self, thresholds=None, name=None, dtype=None):
        super().__init__(thresholds, name, dtype)


@entered()
class FalseNegatives(_Count):
    """The weight of samples of class 1 that are predicted as 0."""

    _counts = ("fn",)

    def __init__(self, thresholds=None, name=None, dtype=None):
        super().__init__(thresholds, name, dtype)


@entered()
class TrueNegatives(_Count):
    """The weight of samples of class 0 that are predicted as 0."""

    _counts = ("tn",)

    def __init__(self, thresholds=None, name=None, dtype=None):
        super().__init__(thresholds, name, dtype)


@entered()
class TruePositives(_Count):
    """The weight of samples of class 1 that are predicted as 1.

    >>> float(TruePositives()([0, 1, 1, 1], [1.0, 0.0, 1.0, 0.9]))
    2.0
    """

    _counts = ("tp",)

    def __init__(self, thresholds=None, name=None, dtype=None):
        super().__init__(thresholds, name, dtype)


class _Share(_Confusion):
    """tp / (tp + another count)."""

    _direction = "up"

    def __init__(self, thresholds=None, top_k=None, class_id=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.top_k = check_positive_int(self, "top_k", top_k, optional=True)
        self.class_id = class_id
        self.thresholds = standardize_thresholds(self, thresholds, 0.5 if top_k is None else FAR_BELOW)
        self._make_counts()

    def result(self) -> Array:
        first, second = (self._count(key) for key in self._counts)
        return self._one_or_all(self._share(first, second))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "thresholds": self.init_thresholds}


@entered()
class Precision(_Share):
    """true positives / predicted positives: how many of the alarms are right.

    Args:
        thresholds: above which a prediction counts as 1; 0.5 by default; several give several results.
        top_k: count as 1 only the k largest predictions of a sample.
        class_id: the only class to look at.

    >>> round(float(Precision()([0, 1, 1, 1], [1.0, 0.0, 1.0, 0.9])), 4)
    0.6667
    """

    _counts = ("tp", "fp")

    def __init__(self, thresholds=None, top_k=None, class_id=None, name=None, dtype=None):
        super().__init__(thresholds, top_k, class_id, name, dtype)


@entered()
class Recall(_Share):
    """true positives / positives: how many of the cases are found.

    Args:
        thresholds, top_k, class_id: as in `Precision`.
    """

    _counts = ("tp", "fn")

    def __init__(self, thresholds=None, top_k=None, class_id=None, name=None, dtype=None):
        super().__init__(thresholds, top_k, class_id, name, dtype)


class _BestAt(_Confusion):
    """The best of one rate among the thresholds at which another is at least `value`."""

    _direction = "up"
    _counts = ("tp", "fp", "tn", "fn")
    num_thresholds: int

    def __init__(self, argument, value, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.value = check_share(self, argument, value)
        self.num_thresholds = check_count(self, num_thresholds)
        self.class_id = class_id
        take_bytes(NUMBER_BYTES * self.num_thresholds, num_thresholds=num_thresholds)
        self.thresholds = [0.5] if num_thresholds == 1 else [i / (num_thresholds - 1) for i in range(num_thresholds)]
        self._make_counts()

    def _best(self, of: Array, where: Array) -> Array:
        return jnp.maximum(jnp.max(jnp.where(where >= self.value, of, 0)), 0)

    @property
    def _sensitivity(self) -> Array:
        return self._share(self.true_positives, self.false_negatives)

    @property
    def _specificity(self) -> Array:
        return self._share(self.true_negatives, self.false_positives)

    @property
    def _precision(self) -> Array:
        return self._share(self.true_positives, self.false_positives)


@entered()
class SensitivityAtSpecificity(_BestAt):
    """The best sensitivity (tp / (tp + fn)) where the specificity (tn / (tn + fp)) is at least a given one.

    Args:
        specificity: a number between 0 and 1.
        num_thresholds: how many thresholds are tried.
        class_id: the only class to look at.
    """

    def __init__(self, specificity, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__("specificity", specificity, num_thresholds, class_id, name, dtype)
        self.specificity = specificity

    def result(self) -> Array:
        return self._best(self._sensitivity, self._specificity)


@entered()
class SpecificityAtSensitivity(_BestAt):
    """The best specificity (tn / (tn + fp)) where the sensitivity (tp / (tp + fn)) is at least a given one.

    Args:
        sensitivity: a number between 0 and 1.
        num_thresholds: how many thresholds are tried.
        class_id: the only class to look at.
    """

    def __init__(self, sensitivity, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__("sensitivity", sensitivity, num_thresholds, class_id, name, dtype)
        self.sensitivity = sensitivity

    def result(self) -> Array:
        return self._best(self._specificity, self._sensitivity)


@entered()
class PrecisionAtRecall(_BestAt):
    """The best precision where the recall is at least a given one.

    Args:
        recall: a number between 0 and 1.
        num_thresholds: how many thresholds are tried.
        class_id: the only class to look at.
    """

    def __init__(self, recall, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__("recall", recall, num_thresholds, class_id, name, dtype)
        self.recall = recall

    def result(self) -> Array:
        return self._best(self._precision, self._sensitivity)


@entered()
class RecallAtPrecision(_BestAt):
    """The best recall where the precision is at least a given one.

    Args:
        precision: a number between 0 and 1.
        num_thresholds: how many thresholds are tried.
        class_id: the only class to look at.
    """

    def __init__(self, precision, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__("precision", precision, num_thresholds, class_id, name, dtype)
        self.precision = precision

    def result(self) -> Array:
        return self._best(self._sensitivity, self._precision)
