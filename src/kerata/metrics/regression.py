"""Measures of numbers: errors, angles, explained variance."""

import jax.numpy as jnp

from kerata import losses
from kerata.base.checks import check_positive_int, message
from kerata.base.types import Shape
from kerata.engine.types import Array, TensorLike
from kerata.losses.loss import divide_no_nan, fit_weight
from kerata.metrics.metric import Metric, entered
from kerata.metrics.reduction import Mean, MeanMetricWrapper, prepare, times_weight


@entered("mse", "MSE")
class MeanSquaredError(MeanMetricWrapper):
    """mean((y_true - y_pred)²).

    >>> float(MeanSquaredError()([[0.0], [1.0]], [[1.0], [1.0]]))
    0.5
    """

    _direction = "down"

    def __init__(self, name="mean_squared_error", dtype=None):
        super().__init__(losses.mean_squared_error, name, dtype)


@entered("mae", "MAE")
class MeanAbsoluteError(MeanMetricWrapper):
    """mean(|y_true - y_pred|)."""

    _direction = "down"

    def __init__(self, name="mean_absolute_error", dtype=None):
        super().__init__(losses.mean_absolute_error, name, dtype)


@entered("mape", "MAPE")
class MeanAbsolutePercentageError(MeanMetricWrapper):
    """100 mean(|y_true - y_pred| / |y_true|)."""

    _direction = "down"

    def __init__(self, name="mean_absolute_percentage_error", dtype=None):
        super().__init__(losses.mean_absolute_percentage_error, name, dtype)


@entered("msle", "MSLE")
class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """mean((log(1 + y_true) - log(1 + y_pred))²)."""

    _direction = "down"

    def __init__(self, name="mean_squared_logarithmic_error", dtype=None):
        super().__init__(losses.mean_squared_logarithmic_error, name, dtype)


@entered()
class RootMeanSquaredError(Mean):
    """sqrt(mean((y_true - y_pred)²)), the root taken over everything seen."""

    _direction = "down"

    def __init__(self, name="root_mean_squared_error", dtype=None):
        super().__init__(name, dtype)

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:  # type: ignore[override]
        true, predicted = prepare(y_true, y_pred, self.dtype)
        super().update_state(jnp.square(predicted - true), sample_weight)

    def result(self) -> Array:
        return jnp.sqrt(super().result())


def cosine_similarity(y_true, y_pred, axis=-1):
    """The cosine of the angle between y_true and y_pred."""
    return -losses.cosine_similarity(y_true, y_pred, axis)


@entered("cosine_proximity", "cosine")
class CosineSimilarity(MeanMetricWrapper):
    """The mean cosine of the angle between y_true and y_pred: 1 where they point the same way.

    Args:
        axis: the axis that holds the vectors.
    """

    _direction = "up"
    _passed = ("axis",)

    def __init__(self, name="cosine_similarity", dtype=None, axis=-1):
        super().__init__(cosine_similarity, name, dtype)
        self.axis = axis


@entered("logcosh", "log_cosh")
class LogCoshError(MeanMetricWrapper):
    """mean(log(cosh(y_pred - y_true)))."""

    _direction = "down"

    def __init__(self, name="logcosh", dtype=None):
        super().__init__(losses.log_cosh, name, dtype)


@entered()
class R2Score(Metric):
    """1 - sum((y_true - y_pred)²) / sum((y_true - mean(y_true))²): the share of the variance that is explained.

    Args:
        class_aggregation: `"uniform_average"` or `"variance_weighted_average"` of the outputs, or `None`.
        num_regressors: the number of inputs, for the adjusted score.

    Shapes: `y_true` and `y_pred` of shape (batch, outputs); for one output `y_true` may be of shape (batch,).
    """

    _direction = "up"

    def __init__(self, class_aggregation="uniform_average", num_regressors=0, name="r2_score", dtype=None):
        super().__init__(name=name, dtype=dtype)
        choices = (None, "uniform_average", "variance_weighted_average")
        if class_aggregation not in choices:
            raise ValueError(
                message(
                    self,
                    f"Invalid value for argument `class_aggregation`: expected one of {choices}",
                    {"class_aggregation": class_aggregation},
                )
            )
        self.class_aggregation = class_aggregation
        self.num_regressors = check_positive_int(self, "num_regressors", num_regressors, minimum=0)
        self.num_samples = self._add_zeros("num_samples")
        self.built = False

    def build(self, y_true_shape: Shape, y_pred_shape: Shape) -> None:
        """Makes the variables for a number of outputs."""
        # Labels without the axis of one output get it in `update_state`.
        alone = len(y_true_shape) == 1 and tuple(y_pred_shape[1:]) == (1,)
        if len(y_pred_shape) != 2 or (len(y_true_shape) != 2 and not alone):
            raise ValueError(
                message(
                    self,
                    "expected arrays of shape (batch, outputs)",
                    {"y_true.shape": y_true_shape, "y_pred.shape": y_pred_shape},
                    "For one output give a column: y.reshape(-1, 1)",
                )
            )
        self.squared_sum, self.sum, self.total_mse, self.count = (
            self._add_zeros(name, y_pred_shape[1:]) for name in ("squared_sum", "sum", "residual", "count")
        )
        self.built = True

    def update_state(self, y_true: Array, y_pred: Array, sample_weight: TensorLike | None = None) -> None:
        y_true, y_pred = prepare(y_true, y_pred, self.dtype)
        if not self.built:
            self.build(y_true.shape, y_pred.shape)
        weight = jnp.asarray(1 if sample_weight is None else sample_weight, self.dtype)
        weight = jnp.broadcast_to(fit_weight(weight, y_true, self), y_true.shape)
        self.sum.assign_add(jnp.sum(times_weight(y_true, weight), axis=0))
        self.squared_sum.assign_add(jnp.sum(times_weight(jnp.square(y_true), weight), axis=0))
        self.total_mse.assign_add(jnp.sum(times_weight(jnp.square(y_true - y_pred), weight), axis=0))
        self.count.assign_add(jnp.sum(weight, axis=0))
        self.num_samples.assign_add(jnp.sum(weight != 0, dtype=self.dtype))

    def result(self) -> Array:
        if not self.built:
            return jnp.zeros((), self.dtype)
        total = self.squared_sum.value - jnp.square(self.sum.value) / self.count.value
        scores = 1 - self.total_mse.value / total
        scores = jnp.where(jnp.isinf(scores), 0.0, scores)
        if self.class_aggregation == "uniform_average":
            score = jnp.mean(scores)
        elif self.class_aggregation == "variance_weighted_average":
            score = jnp.sum(total * scores) / jnp.sum(total)
        else:
            score = scores
        if self.num_regressors == 0:
            return score
        # With no more samples than inputs the adjusted score does not exist: the plain one then.
        samples = self.num_samples.value
        left = samples - self.num_regressors - 1
        return jnp.where(left > 0, 1 - (1 - score) * divide_no_nan(samples - 1, left), score)
