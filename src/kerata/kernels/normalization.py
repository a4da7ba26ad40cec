"""Batch normalization in training, with a backward pass of two sums and one sweep."""

# JAX leaves some arguments of `einsum`, `reshape` and others without a type.
# pyright: reportUnknownMemberType=false

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from kerata.kernels.compiler import apart, prefers_fast_form
from kerata.kernels.gradients import own_gradient
from kerata.kernels.sums import moments_of_features, sums_of_features

# y, mean, variance, or what flows back to them; what flows back to x, gamma, beta and epsilon.
Triple = tuple[jax.Array, jax.Array, jax.Array]
Gradients = tuple[jax.Array, jax.Array, jax.Array, jax.Array]


class Residuals(NamedTuple):
    """What the gradient needs."""

    x: jax.Array
    gamma: jax.Array
    beta: jax.Array
    mean: jax.Array
    variance: jax.Array
    epsilon: jax.Array


def batch_normalization(
    x: jax.Array, gamma: jax.Array, beta: jax.Array, epsilon: float | jax.Array = 1e-3, valid: jax.Array | None = None
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, the moments taken over all axes but the last.

    Differentiating the formula step by step keeps several arrays of the size of x and sweeps over each.
    Written out, dx is a combination of the output's gradient and x whose factors are one number a feature.

    Args:
        x: (..., features).
        gamma, beta: (features,).
        epsilon: added to the variance.
        valid: (rows,), 1 or 0: rows of x with a 0 do not count in the moments. All count by default.

    Shapes: returns y (..., features), mean (features,), variance (features,). The moments, and all that is
        computed on the way, are at least float32.

    >>> import jax.numpy as jnp
    >>> y, mean, variance = batch_normalization(jnp.array([[1.0], [3.0]]), jnp.ones(1), jnp.zeros(1), 0.0)
    >>> y.ravel(), mean, variance
    (Array([-1., 1.], dtype=float32), Array([2.], dtype=float32), Array([1.], dtype=float32))
    """
    epsilon = jnp.asarray(epsilon, jnp.promote_types(x.dtype, jnp.float32))
    if valid is not None:
        normalize = normalize_by_rows if prefers_fast_form() else plain_normalization_by_rows
        return normalize(x, gamma, beta, epsilon, valid.astype(epsilon.dtype))
    normalize = normalize_by_batch if prefers_fast_form() else plain_batch_normalization
    return normalize(x, gamma, beta, epsilon)


def plain_batch_normalization(
    x: jax.Array, gamma: jax.Array, beta: jax.Array, epsilon: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The formula, differentiated by JAX."""
    axes = tuple(range(x.ndim - 1))
    wide = x.astype(epsilon.dtype)
    mean, variance = jnp.mean(wide, axes), jnp.var(wide, axes)
    scale = gamma * lax.rsqrt(variance + epsilon)
    return (wide * scale + (beta - mean * scale)).astype(x.dtype), mean, variance


@own_gradient()
def normalize_by_batch(
    x: jax.Array, gamma: jax.Array, beta: jax.Array, epsilon: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The formula, its sums in their fast form."""
    wide, count = x.astype(epsilon.dtype), x.size // x.shape[-1]
    mean, variance = moments_of_features(wide, count)
    scale = gamma * lax.rsqrt(variance + epsilon)
    return (wide * scale + (beta - mean * scale)).astype(x.dtype), mean, variance


def normalize_forward(x: jax.Array, gamma: jax.Array, beta: jax.Array, epsilon: jax.Array) -> tuple[Triple, Residuals]:
    y, mean, variance = normalize_by_batch(x, gamma, beta, epsilon)
    return (y, mean, variance), Residuals(x, gamma, beta, mean, variance, epsilon)


def normalize_backward(kept: Residuals, gradients: Triple) -> Gradients:
    x = kept.x
    return backward(kept, gradients, x.size // x.shape[-1])


def backward(kept: Residuals, gradients: Triple, count: int | jax.Array, rows: jax.Array | None = None) -> Gradients:
    """The gradients of x, gamma, beta and epsilon, where `count` numbers a feature had a part in the moments.

    `rows`, (rows, 1, ..., 1), is 1 in the rows of x that had a part, and 0 elsewhere; all had by default.
    """
    x, gamma, beta, mean, variance, epsilon = kept
    dy, dmean, dvariance = gradients
    rate = lax.rsqrt(variance + epsilon)  # (features,)
    dy = dy.astype(mean.dtype)
    centred = x.astype(mean.dtype) - mean
    # What makes `dy` is computed once, and not for each sum and within it.
    sum_dy, sum_dy_centred = (apart(sums_backward) if x.ndim > 2 else sums_backward)(dy, x, mean)
    # d loss / d variance, by way of y and by way of the variance itself as an output.
    by_variance = dvariance - 0.5 * gamma * rate**3 * sum_dy_centred
    by_mean = dmean - gamma * rate * sum_dy
    # What each row of x has as a share: (rows, 1, ..., features), and no sweep of x's size more.
    of_variance, of_mean = 2.0 / count * by_variance, by_mean / count
    if rows is not None:
        of_variance, of_mean = rows * of_variance, rows * of_mean
    dx = (gamma * rate) * dy + of_variance * centred + of_mean
    depsilon = jnp.sum(-0.5 * gamma * rate**3 * sum_dy_centred)
    return (
        dx.astype(x.dtype),
        (rate * sum_dy_centred).astype(gamma.dtype),
        sum_dy.astype(beta.dtype),
        depsilon.astype(epsilon.dtype),
    )


def sums_backward(dy: jax.Array, x: jax.Array, mean: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The sums of dy, and of dy times the distance of x from its mean: (features,) each."""
    sum_dy, sum_dy_centred = sums_of_features([dy, dy * (x.astype(mean.dtype) - mean)])
    return sum_dy, sum_dy_centred


normalize_by_batch.defvjp(normalize_forward, normalize_backward)


def plain_normalization_by_rows(
    x: jax.Array, gamma: jax.Array, beta: jax.Array, epsilon: jax.Array, valid: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The formula with moments of the valid rows alone, differentiated by JAX."""
    count = count_of_rows(x, valid)
    wide = x.astype(epsilon.dtype)
    mean = sum_of_rows(wide, valid) / count
    variance = sum_of_rows(jnp.square(wide - mean), valid) / count
    scale = gamma * lax.rsqrt(variance + epsilon)
    return (wide * scale + (beta - mean * scale)).astype(x.dtype), mean, variance


def count_of_rows(x: jax.Array, valid: jax.Array) -> jax.Array:
    """How many numbers a feature there are in the valid rows of x (rows, ..., features), at least those of one row."""
    return jnp.maximum(jnp.sum(valid), 1) * (x.size // (x.shape[0] * x.shape[-1]))


def sum_of_rows(x: jax.Array, valid: jax.Array) -> jax.Array:
    """(features,): the sum of x (rows, ..., features) over valid rows and the axes between."""
    # The factor of a row is applied last, when there is one number for each row and feature.
    return valid @ jnp.sum(x, tuple(range(1, x.ndim - 1)))


@own_gradient()
def normalize_by_rows(
    x: jax.Array, gamma: jax.Array, beta: jax.Array, epsilon: jax.Array, valid: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The formula with moments of the valid rows alone, its sums in their fast form."""
    wide, count = x.astype(epsilon.dtype), count_of_rows(x, valid)
    mean, variance = moments_of_features(wide, count, valid)
    scale = gamma * lax.rsqrt(variance + epsilon)
    return (wide * scale + (beta - mean * scale)).astype(x.dtype), mean, variance


def by_rows_forward(
    x: jax.Array, gamma: jax.Array, beta: jax.Array, epsilon: jax.Array, valid: jax.Array
) -> tuple[Triple, tuple[Residuals, jax.Array]]:
    y, mean, variance = normalize_by_rows(x, gamma, beta, epsilon, valid)
    return (y, mean, variance), (Residuals(x, gamma, beta, mean, variance, epsilon), valid)


def by_rows_backward(kept: tuple[Residuals, jax.Array], gradients: Triple) -> tuple[jax.Array, ...]:
    residuals, valid = kept
    x = residuals.x
    rows = jnp.reshape(valid, (-1, *[1] * (x.ndim - 1)))
    return *backward(residuals, gradients, count_of_rows(x, valid), rows), jnp.zeros_like(valid)


normalize_by_rows.defvjp(by_rows_forward, by_rows_backward)
