"""Sums over pixels and over rows, where XLA for CPU adds number by number."""

# JAX leaves some arguments of `reshape` without a type.
# pyright: reportUnknownMemberType=false

import functools
import math

import jax
import jax.numpy as jnp

from kerata.kernels.compiler import apart, prefers_fast_form
from kerata.kernels.typed import own_gradient

# How many numbers of an axis XLA adds up at once: above 32 it takes windows, which cost ten times as much.
ADDED_AT_ONCE = 32


def sum_of_features(x: jax.Array, shares: jax.Array | None = None) -> jax.Array:
    """The sum of x (rows, ..., features) over all axes but the last: (features,).

    Neighbours along an axis are added first, in long rows that fill vectors; what is left is a product with ones. XLA's
    own sum over pixels takes ten times as long, and is as exact.

    Args:
        x: (rows, ..., features).
        shares: (rows,), by which each row is multiplied; 1 by default.

    >>> sum_of_features(jnp.ones((2, 3, 4, 5)), jnp.array([1.0, 0.5]))
    Array([18., 18., 18., 18., 18.], dtype=float32)
    """
    rows, *middle, features = x.shape
    if not middle:
        return jnp.sum(x, 0) if shares is None else shares.astype(x.dtype) @ x
    for axis, size in enumerate(middle, 1):
        part = next((part for part in range(min(size, ADDED_AT_ONCE), 1, -1) if size % part == 0), 1)
        if part > 1:
            x = jnp.sum(jnp.reshape(x, (*x.shape[:axis], size // part, part, *x.shape[axis + 1 :])), axis + 1)
            break
    each = math.prod(x.shape[1:-1])
    factors = jnp.ones(rows * each, x.dtype) if shares is None else jnp.repeat(shares.astype(x.dtype), each)
    return factors @ jnp.reshape(x, (rows * each, features))


def mean_of_pixels(x: jax.Array, axes: tuple[int, ...], keepdims: bool = False) -> jax.Array:
    """The mean over some axes of pictures: `jnp.mean`.

    Args:
        x: (rows, *picture, features), or the features first.
        axes: of the picture.
        keepdims: whether they stay, with size 1.

    >>> mean_of_pixels(jnp.ones((2, 3, 4, 5)), (1, 2)).shape
    (2, 5)
    """
    if not prefers_fast_form() or x.dtype != jnp.float32 or axes != tuple(range(1, x.ndim - 1)) or len(axes) < 2:
        return jnp.mean(x, axes, keepdims=keepdims)
    # One axis after the other, and not fused into one sum, whose inner loop would go across the features.
    total = jnp.sum(x, 1, keepdims=True)
    for axis in axes[1:]:
        total = apart(functools.partial(jnp.sum, axis=axis, keepdims=True))(total)
    return (total if keepdims else jnp.reshape(total, (x.shape[0], x.shape[-1]))) / math.prod(x.shape[1:-1])


def sum_of_rows(x: jax.Array) -> jax.Array:
    """The sum over the last axis, which stays with size 1, as a product with ones."""
    if x.dtype != jnp.float32:
        return jnp.sum(x, -1, keepdims=True)
    return jnp.matmul(x, jnp.ones((x.shape[-1], 1), x.dtype))


def with_bias(x: jax.Array, bias: jax.Array) -> jax.Array:
    """x (rows, *picture, features) + bias (features,)."""
    if not prefers_fast_form() or x.ndim < 3 or not x.dtype == bias.dtype == jnp.float32:
        return x + bias
    return _with_bias(x, bias)


@own_gradient()
def _with_bias(x: jax.Array, bias: jax.Array) -> jax.Array:
    return x + bias


def _forward(x: jax.Array, bias: jax.Array) -> tuple[jax.Array, None]:
    return _with_bias(x, bias), None


def _backward(kept: None, g: jax.Array) -> tuple[jax.Array, jax.Array]:
    # What makes `g` is computed once, and not within the sum, where it is slow.
    return g, apart(sum_of_features)(g)


_with_bias.defvjp(_forward, _backward)
