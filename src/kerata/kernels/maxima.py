"""Maxima whose slope is shared by all that are equal, whatever XLA makes of the comparison.

JAX gives the slope of a maximum to what is equal to it. XLA for CPU computes a cheap operand anew for every reader, with
another rounding at times: then what is compared with the maximum is not what the maximum was taken of, and the slope is lost
or lands elsewhere. Here, along axes, both stand in memory when they are compared; of two arrays, those are compared with
each other and not with their maximum.
"""

# JAX leaves some arguments of functions without a type.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import functools
from collections.abc import Callable
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import DTypeLike

from kerata.kernels.compiler import apart

# An axis, several, or `None` for all.
Along: TypeAlias = int | tuple[int, ...] | None
Number: TypeAlias = jax.Array | np.ndarray | float


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
    shares = _shares_along(axis)(lax.stop_gradient(x))
    return _largest(x, axis, keepdims), jnp.sum(shares * change, axis, keepdims=keepdims)


@functools.lru_cache(maxsize=64)
def _shares_along(axis: Along) -> Callable[[jax.Array], jax.Array]:
    """`_shares`, the same function each time: outside of programs another one would be compiled anew."""
    return apart(functools.partial(_shares, axis=axis))


def _shares(x: jax.Array, axis: Along) -> jax.Array:
    """What each number has of the slope of the maximum."""
    equal = (x == jnp.max(x, axis, keepdims=True)).astype(x.dtype)
    return equal / jnp.sum(equal, axis, keepdims=True)


# Of two arrays


def larger(x: Number, y: Number) -> jax.Array:
    """`jnp.maximum`.

    >>> jax.grad(larger)(3.0, 3.0).tolist(), jax.grad(larger)(3.0, 2.0).tolist()
    (0.5, 1.0)
    """
    dtype, weak = jax.dtypes.result_type(x, y, return_weak_type_flag=True)
    return _larger(*_alike(x, y, dtype, weak)) if jnp.issubdtype(dtype, jnp.floating) else jnp.maximum(x, y)


def smaller(x: Number, y: Number) -> jax.Array:
    """`jnp.minimum`.

    >>> jax.grad(smaller)(3.0, 3.0).tolist(), jax.grad(smaller)(3.0, 2.0).tolist()
    (0.5, 0.0)
    """
    dtype, weak = jax.dtypes.result_type(x, y, return_weak_type_flag=True)
    return _smaller(*_alike(x, y, dtype, weak)) if jnp.issubdtype(dtype, jnp.floating) else jnp.minimum(x, y)


def within(x: Number, low: Number | None, high: Number | None) -> jax.Array:
    """`jnp.clip`.

    >>> jax.grad(within)(3.0, 0.0, 2.0).tolist(), jax.grad(within)(1.0, 0.0, 2.0).tolist()
    (0.0, 1.0)
    """
    above = jnp.asarray(x) if low is None else larger(x, low)
    return above if high is None else smaller(above, high)


# As TensorFlow has them: of what is equal, the first has the whole slope


def first_larger(x: Number, y: Number) -> jax.Array:
    """`tf.maximum`.

    >>> jax.grad(first_larger)(3.0, 3.0).tolist(), jax.grad(first_larger, 1)(3.0, 3.0).tolist()
    (1.0, 0.0)
    """
    dtype, weak = jax.dtypes.result_type(x, y, return_weak_type_flag=True)
    return _first_larger(*_alike(x, y, dtype, weak)) if jnp.issubdtype(dtype, jnp.floating) else jnp.maximum(x, y)


def first_smaller(x: Number, y: Number) -> jax.Array:
    """`tf.minimum`.

    >>> jax.grad(first_smaller)(3.0, 3.0).tolist(), jax.grad(first_smaller)(4.0, 3.0).tolist()
    (1.0, 0.0)
    """
    dtype, weak = jax.dtypes.result_type(x, y, return_weak_type_flag=True)
    return _first_smaller(*_alike(x, y, dtype, weak)) if jnp.issubdtype(dtype, jnp.floating) else jnp.minimum(x, y)


def first_within(x: Number, low: Number | None, high: Number | None) -> jax.Array:
    """`tf.clip_by_value`: the bounds themselves are within.

    >>> [jax.grad(first_within)(x, 0.0, 2.0).tolist() for x in (-1.0, 0.0, 2.0, 3.0)]
    [0.0, 1.0, 1.0, 0.0]
    """
    below = jnp.asarray(x) if high is None else first_smaller(x, high)
    return below if low is None else first_larger(below, low)


def magnitude(x: Number) -> jax.Array:
    """`tf.abs`: its slope at 0 is 0.

    >>> [jax.grad(magnitude)(x).tolist() for x in (-1.0, 0.0, 2.0)]
    [-1.0, 0.0, 1.0]
    """
    x = jnp.asarray(x)
    return _magnitude(x) if jnp.issubdtype(x.dtype, jnp.floating) else jnp.abs(x)


@jax.custom_jvp
def _magnitude(x: jax.Array) -> jax.Array:
    return jnp.abs(x)


@_magnitude.defjvp
def _slope_of_magnitude(at: tuple[jax.Array], along: tuple[jax.Array]) -> tuple[jax.Array, jax.Array]:
    return _magnitude(at[0]), jnp.sign(at[0]) * along[0]


@jax.custom_jvp
def _first_larger(x: jax.Array, y: jax.Array) -> jax.Array:
    return jnp.maximum(x, y)


@_first_larger.defjvp
def _slope_of_first_larger(at: tuple[jax.Array, jax.Array], along: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
    (x, y), (dx, dy) = at, along
    return _first_larger(x, y), jnp.where(x >= y, dx, dy)


@jax.custom_jvp
def _first_smaller(x: jax.Array, y: jax.Array) -> jax.Array:
    return jnp.minimum(x, y)


@_first_smaller.defjvp
def _slope_of_first_smaller(at: tuple[jax.Array, jax.Array], along: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
    (x, y), (dx, dy) = at, along
    return _first_smaller(x, y), jnp.where(x <= y, dx, dy)


def _alike(x: Number, y: Number, dtype: DTypeLike, weak: bool) -> tuple[jax.Array, jax.Array]:
    """Both with the type of their maximum; `weak` is one that gives way to that of other arrays, as Python's numbers do."""
    if weak:
        # A cast would settle the type.
        return jnp.asarray(x) * 1.0, jnp.asarray(y) * 1.0
    return jnp.asarray(x, dtype), jnp.asarray(y, dtype)


@jax.custom_jvp
def _larger(x: jax.Array, y: jax.Array) -> jax.Array:
    return jnp.maximum(x, y)


@_larger.defjvp
def _slope_of_larger(at: tuple[jax.Array, jax.Array], along: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
    (x, y), (dx, dy) = at, along
    return _larger(x, y), _part(x, y) * dx + _part(y, x) * dy


@jax.custom_jvp
def _smaller(x: jax.Array, y: jax.Array) -> jax.Array:
    return jnp.minimum(x, y)


@_smaller.defjvp
def _slope_of_smaller(at: tuple[jax.Array, jax.Array], along: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
    (x, y), (dx, dy) = at, along
    return _smaller(x, y), _part(y, x) * dx + _part(x, y) * dy


def _part(x: jax.Array, y: jax.Array) -> jax.Array:
    """1 where x > y, 0.5 where they are equal, else 0."""
    return 0.5 * ((x > y).astype(x.dtype) + (x >= y).astype(x.dtype))
