"""Losses of numbers: squared, absolute and relative differences, angles, counts and distributions."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from kerata.base.checks import message
from kerata.base.config import epsilon, floatx
from kerata.base.registry import builtin
from kerata.engine.hyper import Hyperparameter
from kerata.engine.symbolic import traceable
from kerata.engine.types import Array
from kerata.kernels.maxima import larger, within
from kerata.losses.loss import LossFunctionWrapper, as_array, fit_ranks

MEAN = "sum_over_batch_size"


def _prepare(y_true: Array, y_pred: Array) -> tuple[Any, Any]:
    """Arrays of one dtype and rank."""
    y_pred = as_array(y_pred)
    return fit_ranks(jnp.asarray(y_true, y_pred.dtype), y_pred)


@builtin("losses", "mse", "MSE", target_form="numbers")
@traceable
def mean_squared_error(y_true, y_pred):
    """mean((y_true - y_pred)²) over the last axis.

    >>> float(mean_squared_error([0.0, 2.0], [1.0, 2.0]))
    0.5
    """
    y_true, y_pred = _prepare(y_true, y_pred)
    return jnp.mean(jnp.square(y_true - y_pred), axis=-1)


@builtin("losses", "mae", "MAE", target_form="numbers")
@traceable
def mean_absolute_error(y_true, y_pred):
    """mean(|y_true - y_pred|) over the last axis."""
    y_true, y_pred = _prepare(y_true, y_pred)
    return jnp.mean(jnp.abs(y_true - y_pred), axis=-1)


@builtin("losses", "mape", "MAPE", target_form="numbers")
@traceable
def mean_absolute_percentage_error(y_true, y_pred):
    """100 mean(|y_true - y_pred| / |y_true|) over the last axis; the denominator is at least epsilon."""
    y_true, y_pred = _prepare(y_true, y_pred)
    return 100.0 * jnp.mean(jnp.abs((y_true - y_pred) / larger(jnp.abs(y_true), epsilon())), axis=-1)


@builtin("losses", "msle", "MSLE", target_form="numbers")
@traceable
def mean_squared_logarithmic_error(y_true, y_pred):
    """mean((log(1 + y_true) - log(1 + y_pred))²) over the last axis; values below epsilon count as epsilon."""
    y_true, y_pred = _prepare(y_true, y_pred)
    difference = jnp.log(larger(y_pred, epsilon()) + 1.0) - jnp.log(larger(y_true, epsilon()) + 1.0)
    return jnp.mean(jnp.square(difference), axis=-1)


def unit_vectors(x: Array, axis: int | Sequence[int] = -1) -> Array:
    """x / |x| along an axis; 0 stays 0, with a gradient."""
    return x * jax.lax.rsqrt(larger(jnp.sum(jnp.square(x), axis=axis, keepdims=True), epsilon() ** 2))


@builtin("losses", "cosine_proximity", "cosine", target_form="numbers")
@traceable
def cosine_similarity(y_true, y_pred, axis=-1):
    """-cos of the angle between y_true and y_pred: -1 where they point the same way.

    >>> float(cosine_similarity([0.0, 2.0], [0.0, 1.0]))
    -1.0
    """
    y_true, y_pred = _prepare(y_true, y_pred)
    return -jnp.sum(unit_vectors(y_true, axis) * unit_vectors(y_pred, axis), axis=axis)


@builtin("losses", target_form="numbers")
@traceable
def huber(y_true, y_pred, delta=1.0):
    """mean of e²/2 where |e| <= delta, else delta |e| - delta²/2, for e = y_pred - y_true."""
    y_true, y_pred = _prepare(y_true, y_pred)
    error = jnp.abs(y_pred - y_true)
    return jnp.mean(jnp.where(error <= delta, 0.5 * jnp.square(error), delta * error - 0.5 * delta * delta), axis=-1)


@builtin("losses", "logcosh", target_form="numbers")
@traceable
def log_cosh(y_true, y_pred):
    """mean(log(cosh(y_pred - y_true))) over the last axis: squared near 0, absolute far away."""
    y_true, y_pred = _prepare(y_true, y_pred)
    error = y_pred - y_true
    if not jnp.issubdtype(error.dtype, jnp.floating):
        error = error.astype(floatx())
    return jnp.mean(error + jax.nn.softplus(-2.0 * error) - jnp.log(2.0).astype(error.dtype), axis=-1)


@builtin("losses", "kld", "KLD", "kullback_leibler_divergence", target_form="one-hot")
@traceable
def kl_divergence(y_true, y_pred):
    """sum(y_true log(y_true / y_pred)) over the last axis, for distributions; both clipped to [epsilon, 1]."""
    y_pred = as_array(y_pred)
    y_true = within(jnp.asarray(y_true, y_pred.dtype), epsilon(), 1)
    return jnp.sum(y_true * jnp.log(y_true / within(y_pred, epsilon(), 1)), axis=-1)


@builtin("losses", target_form="numbers")
@traceable
def poisson(y_true, y_pred):
    """mean(y_pred - y_true log(y_pred + epsilon)) over the last axis, for counts."""
    y_true, y_pred = _prepare(y_true, y_pred)
    return jnp.mean(y_pred - y_true * jnp.log(y_pred + epsilon()), axis=-1)


@builtin("losses")
class MeanSquaredError(LossFunctionWrapper):
    """mean((y_true - y_pred)²).

    >>> float(MeanSquaredError()([[0.0, 2.0]], [[1.0, 2.0]]))
    0.5
    """

    def __init__(self, reduction=MEAN, name="mean_squared_error", dtype=None):
        super().__init__(mean_squared_error, reduction, name, dtype)


@builtin("losses")
class MeanAbsoluteError(LossFunctionWrapper):
    """mean(|y_true - y_pred|): outliers count less than in the squared error."""

    def __init__(self, reduction=MEAN, name="mean_absolute_error", dtype=None):
        super().__init__(mean_absolute_error, reduction, name, dtype)


@builtin("losses")
class MeanAbsolutePercentageError(LossFunctionWrapper):
    """100 mean(|y_true - y_pred| / |y_true|)."""

    def __init__(self, reduction=MEAN, name="mean_absolute_percentage_error", dtype=None):
        super().__init__(mean_absolute_percentage_error, reduction, name, dtype)


@builtin("losses")
class MeanSquaredLogarithmicError(LossFunctionWrapper):
    """mean((log(1 + y_true) - log(1 + y_pred))²), for targets that span orders of magnitude."""

    def __init__(self, reduction=MEAN, name="mean_squared_logarithmic_error", dtype=None):
        super().__init__(mean_squared_logarithmic_error, reduction, name, dtype)


@builtin("losses")
class CosineSimilarity(LossFunctionWrapper):
    """-cos of the angle between y_true and y_pred.

    Args:
        axis: the axis that holds the vectors.
    """

    _passed = ("axis",)

    def __init__(self, axis=-1, reduction=MEAN, name="cosine_similarity", dtype=None):
        super().__init__(cosine_similarity, reduction, name, dtype)
        self.axis = axis


@builtin("losses")
class Huber(LossFunctionWrapper):
    """e²/2 where |e| <= delta, else delta |e| - delta²/2: squared near 0, absolute far away.

    Args:
        delta: where the square becomes a line, above 0.

    Source: Huber, Robust Estimation of a Location Parameter, 1964.
    """

    _passed = ("delta",)
    delta = Hyperparameter(low=0.0)

    def __init__(self, delta=1.0, reduction=MEAN, name="huber_loss", dtype=None):
        super().__init__(huber, reduction, name, dtype)
        if isinstance(delta, (int, float)) and delta == 0:
            raise ValueError(message(self, "`delta` must be above 0", {"delta": delta}))
        self.delta = delta


@builtin("losses")
class LogCosh(LossFunctionWrapper):
    """mean(log(cosh(y_pred - y_true)))."""

    def __init__(self, reduction=MEAN, name="log_cosh", dtype=None):
        super().__init__(log_cosh, reduction, name, dtype)


@builtin("losses")
class KLDivergence(LossFunctionWrapper):
    """sum(y_true log(y_true / y_pred)), for distributions."""

    def __init__(self, reduction=MEAN, name="kl_divergence", dtype=None):
        super().__init__(kl_divergence, reduction, name, dtype)


@builtin("losses")
class Poisson(LossFunctionWrapper):
    """mean(y_pred - y_true log(y_pred)), for counts."""

    def __init__(self, reduction=MEAN, name="poisson", dtype=None):
        super().__init__(poisson, reduction, name, dtype)
