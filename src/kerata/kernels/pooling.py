"""Pooling whose gradient is one fused pass on the CPU.

XLA's `reduce_window` and the `select_and_scatter` that its gradient needs are scalar loops on the CPU. A maximum
or a sum over a small window is also the maximum or the sum of a few strided slices, which are vector code.
"""

# JAX leaves some arguments of `einsum`, `reshape` and others without a type.
# pyright: reportUnknownMemberType=false

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kerata.kernels.compiler import prefers_fast_form
from kerata.kernels.convolution import standardize_padding
from kerata.kernels.primitives import linear, transposed
from kerata.kernels.typed import bind, own_derivative
from kerata.kernels.windows import Pads, Sizes, Windows, to_pixels, window_slices

# A window of more pixels than this would make a program too long to be worth its compilation.
WRITTEN_OUT = 64


def max_pool(
    x: jax.Array,
    window: Sequence[int],
    strides: Sequence[int] | None = None,
    padding: str | Sequence[tuple[int, int]] = "VALID",
) -> jax.Array:
    """y[n, p, c] = maximum over the window's taps t of x[n, p * stride + t - pad, c].

    The gradient goes to the first of equal maxima, row by row, as in Keras on JAX.

    Args:
        x: (batch, *picture, channels).
        window: pixels in each spatial dimension.
        strides: steps of the window; the window itself where missing.
        padding: "VALID", "SAME", or a pair (before, after) for every spatial dimension.

    Shapes: returns (batch, *output, channels).

    >>> import jax.numpy as jnp
    >>> max_pool(jnp.arange(16.0).reshape(1, 4, 4, 1), (2, 2)).ravel()
    Array([ 5.,  7., 13., 15.], dtype=float32)
    """
    window, strides, pads = standardize_window(x, window, strides, padding)
    if not prefers_fast_form() or math.prod(window) > WRITTEN_OUT:
        return plain_max_pool(x, window, strides, pads)
    return largest(Windows(window, strides, pads, tuple(x.shape[1:-1])), x)


def average_pool(
    x: jax.Array,
    window: Sequence[int],
    strides: Sequence[int] | None = None,
    padding: str | Sequence[tuple[int, int]] = "VALID",
) -> jax.Array:
    """y[n, p, c] = mean of the pixels of x under the window at p; padding is not counted.

    Args and shapes as for `max_pool`.

    >>> import jax.numpy as jnp
    >>> average_pool(jnp.arange(16.0).reshape(1, 4, 4, 1), (2, 2)).ravel()
    Array([ 2.5,  4.5, 10.5, 12.5], dtype=float32)
    """
    window, strides, pads = standardize_window(x, window, strides, padding)
    if prefers_fast_form() and math.prod((k - 1) // s + 1 for k, s in zip(window, strides)) <= WRITTEN_OUT:
        total = bind(_sums, x, fixed=Windows(window, strides, pads, tuple(x.shape[1:-1])))
    else:
        total = plain_sum_pool(x, window, strides, pads)
    if not any(low or high for low, high in pads):
        return total / math.prod(window)
    ones = jnp.ones((1, *x.shape[1:-1], 1), x.dtype)
    return total / plain_sum_pool(ones, window, strides, pads)


def standardize_window(
    x: jax.Array, window: Sequence[int], strides: Sequence[int] | None, padding: str | Sequence[tuple[int, int]]
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[tuple[int, int], ...]]:
    window = tuple(window)
    strides = tuple(strides) if strides is not None else window
    return window, strides, standardize_padding(padding, x.shape[1:-1], window, strides, (1,) * len(window))


def window_arguments(
    window: Sequence[int], strides: Sequence[int], pads: Sequence[tuple[int, int]]
) -> tuple[Sizes, Sizes, Pads]:
    return (1, *window, 1), (1, *strides, 1), ((0, 0), *pads, (0, 0))


def lowest(dtype: np.dtype[Any]) -> np.ndarray:
    """What no number is below. Not traced: `reduce_window` has a gradient only where it can read it."""
    return np.array(-np.inf if jnp.issubdtype(dtype, jnp.floating) else jnp.iinfo(dtype).min, dtype)


def plain_max_pool(x: jax.Array, window: Sequence[int], strides: Sequence[int], pads: Sequence[tuple[int, int]]) -> jax.Array:
    return lax.reduce_window(x, lowest(x.dtype), lax.max, *window_arguments(window, strides, pads))


def plain_sum_pool(x: jax.Array, window: Sequence[int], strides: Sequence[int], pads: Sequence[tuple[int, int]]) -> jax.Array:
    return lax.reduce_window(x, np.zeros((), x.dtype), lax.add, *window_arguments(window, strides, pads))


@own_derivative(0)
def largest(windows: Windows, x: jax.Array) -> jax.Array:
    return functools.reduce(jnp.maximum, slices_of(windows, x, lowest(x.dtype)))


@largest.defjvp
def _largest_along(windows: Windows, primals: tuple[jax.Array], tangents: tuple[jax.Array]) -> tuple[jax.Array, jax.Array]:
    y, winner = largest_and_winner(windows, *primals)
    return y, bind(_picked, winner, *tangents, fixed=windows)


def slices_of(windows: Windows, x: jax.Array, filling: np.ndarray) -> list[jax.Array]:
    """For every tap the pixels under it, of pictures with something around them."""
    if any(low or high for low, high in windows.pads):
        x = lax.pad(x, filling, [(0, 0, 0), *((low, high, 0) for low, high in windows.pads), (0, 0, 0)])
    return window_slices(x, windows.window, windows.strides, (1,) * len(windows.window))


def largest_and_winner(windows: Windows, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The maximum, and the tap it came from: one byte, which the backward pass reads instead of x and y."""
    y, *others = slices_of(windows, x, lowest(x.dtype))
    winner = jnp.zeros(y.shape, jnp.int8)
    for tap, pixels in enumerate(others, start=1):
        winner = jnp.where(pixels > y, jnp.int8(tap), winner)
        y = jnp.maximum(y, pixels)
    return y, winner


def pick(windows: Windows, winner: jax.Array, x: jax.Array) -> jax.Array:
    """Of the pixels under each window the one under its winner."""
    nothing = np.zeros((), x.dtype)
    parts = [jnp.where(winner == tap, part, nothing) for tap, part in enumerate(slices_of(windows, x, nothing))]
    return functools.reduce(jnp.add, parts)


def sum_windows(windows: Windows, x: jax.Array) -> jax.Array:
    """The sum of the pixels under each window."""
    if math.prod(windows.window) > WRITTEN_OUT:
        return plain_sum_pool(x, *windows[:3])
    return functools.reduce(jnp.add, slices_of(windows, x, np.zeros((), x.dtype)))


def spread(windows: Windows, *winner_and_g: jax.Array) -> jax.Array:
    """What the windows give to their pixels: to all of them, or each to the pixel under its winner."""
    *winner, g = winner_and_g
    return to_pixels(windows, g, *winner)


def of_output(windows: Windows, *shapes: Sizes) -> Sizes:
    return (shapes[-1][0], *windows.output, shapes[-1][-1])


def of_picture(windows: Windows, *shapes: Sizes) -> Sizes:
    return (shapes[-1][0], *windows.picture, shapes[-1][-1])


_sums = linear("window_sums", sum_windows, of_output)
_spread_sums = linear("spread_sums", spread, of_picture)
_picked = linear("window_winners", pick, of_output)
_spread_winners = linear("spread_winners", spread, of_picture)
transposed(_sums, _spread_sums, sum_windows, spread)
transposed(_picked, _spread_winners, pick, spread)
