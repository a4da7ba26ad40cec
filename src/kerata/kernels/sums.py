"""Sums over pixels, one for each feature."""

# JAX leaves some arguments of `reshape` without a type.
# pyright: reportUnknownMemberType=false

import math

import jax
import jax.numpy as jnp

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
