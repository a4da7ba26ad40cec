"""Maxima along axes, whose slope is shared by all that are equal, whatever XLA makes of the comparison.

JAX gives the slope of a maximum to what is equal to it. XLA for CPU computes a cheap operand anew for every reader, with
another rounding at times: then what is compared with the maximum is not what the maximum was taken of, and the slope is lost
or lands elsewhere. Here both stand in memory when they are compared.
"""

# JAX leaves some arguments of functions without a type.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import functools
from typing import TypeAlias

import jax
import jax.numpy as jnp
from jax import lax

from kerata.kernels.compiler import apart

# An axis, several, or `None` for all.
Along: TypeAlias = int | tuple[int, ...] | None


def largest(x: jax.Array, axis: Along = None, keepdims: bool = False) -> jax.Array:
    """`jnp.max`.

    >>> jax.grad(largest)(jnp.array([1.0, 3.0, 3.0])).tolist()
    [0.0, 0.5, 0.5]
    """
    return _largest(x, axis, keepdims) if jnp.issubdtype(x.dtype, jnp.floating) else jnp.max(x, axis, keepdims=keepdims)


def smallest(x: jax.Array, axis: Along = None, keepdims: bool = False) -> jax.Array:
    """`jnp.min`.

    >>> jax.grad(smallest)(jnp.array([1.0, 3.0, 1.0])).tolist()
    [0.5, 0.0, 0.5]
    """
    return -_largest(-x, axis, keepdims) if jnp.issubdtype(x.dtype, jnp.floating) else jnp.min(x, axis, keepdims=keepdims)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def _largest(x: jax.Array, axis: Along, keepdims: bool) -> jax.Array:
    return jnp.max(x, axis, keepdims=keepdims)


@_largest.defjvp
def _slope(axis: Along, keepdims: bool, at: tuple[jax.Array], along: tuple[jax.Array]) -> tuple[jax.Array, jax.Array]:
    (x,), (change,) = at, along
    shares = apart(functools.partial(_shares, axis=axis))(lax.stop_gradient(x))
    return _largest(x, axis, keepdims), jnp.sum(shares * change, axis, keepdims=keepdims)


def _shares(x: jax.Array, axis: Along) -> jax.Array:
    """What each number has of the slope of the maximum."""
    equal = (x == jnp.max(x, axis, keepdims=True)).astype(x.dtype)
    return equal / jnp.sum(equal, axis, keepdims=True)
