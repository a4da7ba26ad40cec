"""Correlations of predictions with the truth."""

import jax.numpy as jnp

from kerata.base.config import epsilon
from kerata.base.registry import builtin
from kerata.metrics.metric import entered
from kerata.metrics.reduction import MeanMetricWrapper, prepare


@builtin("metrics")
def pearson_correlation(y_true, y_pred, axis=-1):
    """mean(z(y_true) z(y_pred)) along an axis, where z(x) = (x - mean(x)) / std(x).

    >>> round(float(pearson_correlation([0.0, 1.0, 2.0], [1.0, 3.0, 5.0])), 4)
    1.0
    """
    y_true, y_pred = prepare(y_true, y_pred)
    scores = [y - jnp.mean(y, axis=axis, keepdims=True) for y in (y_true, y_pred)]
    first, second = (y / jnp.std(y, axis=axis, keepdims=True) for y in scores)
    return jnp.mean(first * second, axis=axis)


@builtin("metrics")
def concordance_correlation(y_true, y_pred, axis=-1):
    """2 covariance / (var(y_true) + var(y_pred) + (mean(y_true) - mean(y_pred))²) along an axis.

    As in Keras 3.15, the covariance takes the predictions' mean from both.
    """
    y_true, y_pred = prepare(y_true, y_pred)
    mean_true, mean_pred = (jnp.mean(y, axis=axis, keepdims=True) for y in (y_true, y_pred))
    spread = jnp.var(y_true, axis=axis, keepdims=True) + jnp.var(y_pred, axis=axis, keepdims=True)
    spread = spread + jnp.square(mean_true - mean_pred)
    return jnp.mean(2 * (y_true - mean_pred) * (y_pred - mean_pred) / (spread + epsilon()), axis=axis)


class _Correlation(MeanMetricWrapper):
    """A mean of correlations, within samples unless the axis is that of samples."""

    _direction = "up"
    _passed = ("axis",)
    axis: int

    @property
    def mixes_samples(self) -> bool:  # type: ignore[override]
        return self.axis == 0


@entered()
class PearsonCorrelation(_Correlation):
    """The mean Pearson correlation.

    Args:
        axis: the axis along which values are correlated.
    """

    def __init__(self, name="pearson_correlation", dtype=None, axis=-1):
        super().__init__(pearson_correlation, name, dtype)
        self.axis = axis


@entered()
class ConcordanceCorrelation(_Correlation):
    """The mean concordance correlation: 1 only where predictions equal the truth.

    Args:
        axis: the axis along which values are correlated.
    """

    def __init__(self, name="concordance_correlation", dtype=None, axis=-1):
        super().__init__(concordance_correlation, name, dtype)
        self.axis = axis
