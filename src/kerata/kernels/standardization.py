"""Each row of numbers made to have a mean of 0 and a variance of 1, with row sums as products."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from kerata.kernels.compiler import prefers_fast_form
from kerata.kernels.primitives import Shape, define, members_first, transposed
from kerata.kernels.sums import sum_of_rows
from kerata.kernels.typed import bind, own_derivative


class Moments(NamedTuple):
    """What is fixed: a number that is added to the variance, and whether the mean is subtracted."""

    epsilon: float
    is_centred: bool


def standardize(x: jax.Array, epsilon: float, is_centred: bool = True) -> jax.Array:
    """y = (x - mean) / sqrt(variance + epsilon) along the last axis; without the mean, x / sqrt(mean of squares + epsilon).

    Args:
        x: (..., features), float32 or wider.

    Shapes: returns (..., features).

    >>> import jax.numpy as jnp
    >>> standardize(jnp.array([[1.0, 3.0]]), 0.0), standardize(jnp.array([[3.0, 3.0]]), 0.0, is_centred=False)
    (Array([[-1.,  1.]], dtype=float32), Array([[1., 1.]], dtype=float32))
    """
    moments = Moments(epsilon, is_centred)
    if x.dtype == jnp.float32 and x.ndim > 1 and x.size > 0 and prefers_fast_form():
        return _standardized(moments, x)
    centred = x - jnp.mean(x, -1, keepdims=True) if is_centred else x
    return centred * lax.rsqrt(jnp.mean(jnp.square(centred), -1, keepdims=True) + epsilon)


def _y_and_rate(moments: Moments, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The result (..., features), and by what rows are multiplied for it (..., 1)."""
    features = x.shape[-1]
    centred = x - sum_of_rows(x) / features if moments.is_centred else x
    rate = lax.rsqrt(sum_of_rows(jnp.square(centred)) / features + moments.epsilon)
    return centred * rate, rate


@own_derivative(0)
def _standardized(moments: Moments, x: jax.Array) -> jax.Array:
    return _y_and_rate(moments, x)[0]


@_standardized.defjvp
def _along_x(moments: Moments, primals: tuple[jax.Array], tangents: tuple[jax.Array]) -> tuple[jax.Array, jax.Array]:
    y, rate = _y_and_rate(moments, *primals)
    return y, bind(_change, y, rate, *tangents, fixed=moments.is_centred)


def change_of_rows(is_centred: bool, y: jax.Array, rate: jax.Array, along: jax.Array) -> jax.Array:
    """How the result changes with x along a direction; as a matrix this is symmetric, so it is its own gradient."""
    features = y.shape[-1]
    by_variance = y * (sum_of_rows(y * along) / features)
    return rate * ((along - sum_of_rows(along) / features if is_centred else along) - by_variance)


def _as_last(_: bool, y: Shape, rate: Shape, along: Shape) -> Shape:
    return along


def _many(arrays: Sequence[jax.Array], axes: Sequence[int | None], is_centred: bool) -> tuple[jax.Array, int]:
    return bind(_change, *members_first(arrays, axes, everywhere=True), fixed=is_centred), 0


_change = define("change_of_rows", change_of_rows, _as_last, _many)
transposed(_change, _change, change_of_rows, change_of_rows)
