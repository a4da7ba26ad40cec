"""Sums over pixels and over rows, where XLA for CPU adds number by number."""

# JAX leaves some arguments of `reshape` without a type.
# pyright: reportUnknownMemberType=false

import functools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.interpreters import ad

from kerata.kernels.compiler import apart, prefers_fast_form
from kerata.kernels.primitives import Shape, define, members_first
from kerata.kernels.typed import (
    Direction,
    as_array,
    bilinear_gradients,
    bind,
    is_asked_for,
    is_nothing,
    nothing_for,
    own_derivative,
    shape_of,
)

# How many numbers of an axis XLA adds up at once: above 32 it takes windows, which cost ten times as much.
ADDED_AT_ONCE = 32
# How many sums one loop makes at most, and how many additions for a number of each: beyond, what is added up no longer
# stays in registers, and a loop takes three times as long.
SUMS_AT_ONCE, UNROLLED = 9, 96


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
    if x.ndim == 2:
        return jnp.sum(x, 0) if shares is None else shares.astype(x.dtype) @ x
    terms = _neighbours_added(x)
    if shares is None:
        return jnp.ones(len(terms), x.dtype) @ terms
    return _for_terms(shares.astype(x.dtype), terms) @ terms


def sums_of_features(arrays: Sequence[jax.Array]) -> jax.Array:
    """The sums of arrays of one shape (rows, ..., features), in one sweep over what they are made of: (arrays, features).

    >>> sums_of_features([jnp.ones((2, 3, 4)), jnp.zeros((2, 3, 4))])
    Array([[6., 6., 6., 6.],
           [0., 0., 0., 0.]], dtype=float32)
    """
    axis, part = _neighbours(arrays[0].shape, UNROLLED // min(len(arrays), SUMS_AT_ONCE))
    if arrays[0].ndim == 2 or part == 1:
        return jnp.stack([sum_of_features(x) for x in arrays])
    terms: list[jax.Array] = []
    for first in range(0, len(arrays), SUMS_AT_ONCE):
        group = arrays[first : first + SUMS_AT_ONCE]
        terms += add_along(tuple(_in_blocks(x, axis, part) for x in group), axis + 1)
    ones = jnp.ones(terms[0].size // terms[0].shape[-1], arrays[0].dtype)
    return jnp.stack([ones @ _flat(x) for x in terms])


def moments_of_features(x: jax.Array, count: int | jax.Array, shares: jax.Array | None = None) -> tuple[jax.Array, jax.Array]:
    """Mean and variance of x (rows, ..., features) over all axes but the last: (features,) each.

    One sweep gives both for blocks of neighbours, by the distances from the first of a block; the blocks' moments are then
    put together by the distances of their means from the very first pixel. It takes half the time of two sweeps, and does
    not lose the variance of numbers that are far from 0: Chan, Golub and LeVeque (1983).

    Args:
        x: (rows, ..., features).
        count: numbers a feature that have a part.
        shares: (rows,), by which each row is multiplied; 1 by default.

    >>> moments_of_features(jnp.array([[[1.0], [3.0]]]), 2)
    (Array([2.], dtype=float32), Array([1.], dtype=float32))
    """
    axis, part = _neighbours(x.shape)
    if x.ndim == 2 or part == 1:
        mean = sum_of_features(x, shares) / count
        return mean, sum_of_features(jnp.square(x - mean), shares) / count
    blocks = _in_blocks(x, axis, part)
    first = lax.slice_in_dim(blocks, 0, 1, axis=axis + 1)
    distances = blocks - first
    linear, square = add_along((distances, jnp.square(distances)), axis + 1)
    firsts = _flat(jnp.squeeze(first, axis + 1))
    means = firsts - firsts[:1] + _flat(linear) / part
    within = _flat(square - jnp.square(linear) / part)
    weights = jnp.ones(len(means), x.dtype) if shares is None else _for_terms(shares.astype(x.dtype), means)
    mean = weights @ means * (part / count)
    variance = weights @ (within + part * jnp.square(means - mean)) / count
    # All rows may be left out.
    return mean + firsts[0] * (1 if shares is None else jnp.sum(weights) * part / count), variance


@own_derivative(1)
def add_along(arrays: tuple[jax.Array, ...], axis: int) -> tuple[jax.Array, ...]:
    """The sums of arrays of one shape and dtype along an axis, by one loop."""
    return tuple(lax.reduce(arrays, tuple(np.zeros((), x.dtype) for x in arrays), _add_each, (axis,)))


def _add_each(some: Sequence[jax.Array], others: Sequence[jax.Array]) -> tuple[jax.Array, ...]:
    return tuple(a + b for a, b in zip(some, others, strict=True))


@add_along.defjvp
def _add_directions(
    axis: int, primals: tuple[tuple[jax.Array, ...]], tangents: tuple[tuple[jax.Array, ...]]
) -> tuple[tuple[jax.Array, ...], tuple[jax.Array, ...]]:
    return add_along(*primals, axis), tuple(jnp.sum(x, axis) for x in tangents[0])


def _neighbours_added(x: jax.Array) -> jax.Array:
    """Terms of the sum of x (rows, ..., features): (terms, features), as many of each row, in the order of rows."""
    axis, part = _neighbours(x.shape)
    return _flat(x if part == 1 else jnp.sum(_in_blocks(x, axis, part), axis + 1))


def _neighbours(shape: Sequence[int], most: int = ADDED_AT_ONCE) -> tuple[int, int]:
    """The axis of x (rows, ..., features) along which neighbours are added first, and how many; one where there is none."""
    for axis, size in enumerate(shape[1:-1], 1):
        part = next((part for part in range(min(size, most, ADDED_AT_ONCE), 1, -1) if size % part == 0), 1)
        if part > 1:
            return axis, part
    return 1, 1


def _in_blocks(x: jax.Array, axis: int, part: int) -> jax.Array:
    """An axis cut into blocks of so many: (..., blocks, part, ...)."""
    return jnp.reshape(x, (*x.shape[:axis], x.shape[axis] // part, part, *x.shape[axis + 1 :]))


def _flat(x: jax.Array) -> jax.Array:
    """(terms, features), in the order of rows."""
    return jnp.reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))


def _for_terms(shares: jax.Array, terms: jax.Array) -> jax.Array:
    """The share of each row, for each of its terms."""
    return jnp.repeat(shares, len(terms) // len(shares))


def sum_along(x: jax.Array, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> jax.Array:
    """`jnp.sum`. Over the pixels of pictures (rows, *picture, features) one axis is added after the other.

    >>> sum_along(jnp.ones((2, 3, 4, 5)), (1, 2)).shape
    (2, 5)
    """
    if not _is_over_pixels(x, axis):
        return jnp.sum(x, axis, keepdims=keepdims)
    total = jnp.sum(x, 1, keepdims=True)
    # Not fused into one sum, whose inner loop would go across the features.
    for place in range(2, x.ndim - 1):
        total = apart(functools.partial(jnp.sum, axis=place, keepdims=True))(total)
    return total if keepdims else jnp.reshape(total, (x.shape[0], x.shape[-1]))


def mean_along(x: jax.Array, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> jax.Array:
    """`jnp.mean`, by `sum_along`.

    >>> mean_along(jnp.ones((2, 3, 4, 5)), (1, 2), keepdims=True).shape
    (2, 1, 1, 5)
    """
    if not _is_over_pixels(x, axis):
        return jnp.mean(x, axis, keepdims=keepdims)
    return sum_along(x, axis, keepdims) / math.prod(x.shape[1:-1])


def _is_over_pixels(x: jax.Array, axis: int | Sequence[int] | None) -> bool:
    """Whether an axis is summed in float32 for each row and feature, and there are at least two such."""
    if not prefers_fast_form() or not isinstance(axis, Sequence) or x.dtype != jnp.float32:
        return False
    is_there = all(-x.ndim <= place < x.ndim for place in axis)
    return is_there and x.ndim > 3 and x.size > 0 and sorted(place % x.ndim for place in axis) == list(range(1, x.ndim - 1))


def sum_of_rows(x: jax.Array) -> jax.Array:
    """The sum over the last axis, which stays with size 1, as a product with ones."""
    if x.dtype != jnp.float32:
        return jnp.sum(x, -1, keepdims=True)
    return jnp.matmul(x, jnp.ones((x.shape[-1], 1), x.dtype))


def with_bias(x: jax.Array, bias: jax.Array) -> jax.Array:
    """x (rows, ..., *features) + bias (*features,)."""
    return bind(_biased, x, bias, fixed=None) if _has_fast_sum(x, bias) else x + bias


def with_scale(x: jax.Array, scale: jax.Array) -> jax.Array:
    """x (rows, ..., *features) * scale (*features,)."""
    return bind(_scaled, x, scale, fixed=None) if _has_fast_sum(x, scale) else x * scale


def _has_fast_sum(x: jax.Array, weight: jax.Array) -> bool:
    """Whether the weight's gradient is a sum over at least two axes in float32."""
    is_last = 0 < weight.ndim <= x.ndim - 2 and weight.shape == x.shape[x.ndim - weight.ndim :]
    return is_last and x.size > 0 and x.dtype == weight.dtype == jnp.float32 and prefers_fast_form()


def _sum_to(shape: Shape, g: jax.Array) -> jax.Array:
    """The sum over all axes but the last ones, which have this shape. What makes `g` is computed once, and not within it."""
    leading = g.shape[: g.ndim - len(shape)]
    return jnp.reshape(apart(sum_of_features)(jnp.reshape(g, (*leading, math.prod(shape)))), shape)


def _add(_: None, x: jax.Array, bias: jax.Array) -> jax.Array:
    return x + bias


def _multiply(_: None, x: jax.Array, scale: jax.Array) -> jax.Array:
    return x * scale


def _as_first(_: None, x: Shape, weight: Shape) -> Shape:
    return x


def _beside(arrays: Sequence[jax.Array], axes: Sequence[int | None]) -> tuple[jax.Array, jax.Array]:
    """Of many, x and its weight, which fit each other."""
    x, weight = members_first(arrays, axes)
    if axes[1] is None:
        return x, weight
    between = x.ndim - (axes[0] is not None) - (weight.ndim - 1)
    return x, weight.reshape(len(weight), *[1] * between, *weight.shape[1:])


def _add_many(arrays: Sequence[jax.Array], axes: Sequence[int | None], _: None) -> tuple[jax.Array, int]:
    return jnp.add(*_beside(arrays, axes)), 0


def _multiply_many(arrays: Sequence[jax.Array], axes: Sequence[int | None], _: None) -> tuple[jax.Array, int]:
    return jnp.multiply(*_beside(arrays, axes)), 0


_biased = define("with_bias", _add, _as_first, _add_many)
_scaled = define("with_scale", _multiply, _as_first, _multiply_many)


def _along(primals: Sequence[jax.Array], tangents: Sequence[Direction], *, fixed: None) -> tuple[jax.Array, Direction]:
    value, (of_x, of_bias) = bind(_biased, *primals, fixed=None), tangents
    if is_nothing(of_bias):
        return value, of_x
    return value, bind(_biased, as_array(of_x), of_bias, fixed=None)


def _back(g: Direction, x: Direction, bias: Direction, *, fixed: None) -> list[Direction | None]:
    asked = [is_asked_for(operand) for operand in (x, bias)]
    if is_nothing(g):
        return [nothing_for(operand) if wanted else None for operand, wanted in zip((x, bias), asked, strict=True)]
    return [g if asked[0] else None, _sum_to(shape_of(bias), g) if asked[1] else None]


def _by_x(_: None, g: jax.Array, x: Direction, scale: jax.Array) -> jax.Array:
    return with_scale(g, scale)


def _by_scale(_: None, g: jax.Array, x: jax.Array, scale: Direction) -> jax.Array:
    return _sum_to(shape_of(scale), g * x)


ad.primitive_jvps[_biased] = _along
ad.primitive_transposes[_biased] = _back
bilinear_gradients(_scaled, _by_x, _by_scale)
