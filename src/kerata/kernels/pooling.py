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
from kerata.kernels.convolution import pad_pixels, standardize_padding, window_slices
from kerata.kernels.typed import own_gradient

Sizes = tuple[int, ...]
Pads = tuple[tuple[int, int], ...]

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
    return largest(window, strides, pads, tuple(x.shape[1:-1]), x)


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
    if prefers_fast_form() and math.prod(window) <= WRITTEN_OUT:
        padded = pad_pixels(x, pads, (1,) * len(window))
        total = functools.reduce(jnp.add, window_slices(padded, window, strides, (1,) * len(window)))
    else:
        total = lax.reduce_window(x, np.zeros((), x.dtype), lax.add, *window_arguments(window, strides, pads))
    if not any(low or high for low, high in pads):
        return total / math.prod(window)
    ones = jnp.ones((1, *x.shape[1:-1], 1), x.dtype)
    count = lax.reduce_window(ones, np.zeros((), x.dtype), lax.add, *window_arguments(window, strides, pads))
    return total / count


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


@own_gradient(0, 1, 2, 3)
def largest(window: Sizes, strides: Sizes, pads: Pads, picture: Sizes, x: jax.Array) -> jax.Array:
    return functools.reduce(jnp.maximum, pooled_slices(window, strides, pads, x))


def pooled_slices(window: Sizes, strides: Sizes, pads: Pads, x: jax.Array) -> list[jax.Array]:
    if any(low or high for low, high in pads):
        x = lax.pad(x, lowest(x.dtype), [(0, 0, 0), *((low, high, 0) for low, high in pads), (0, 0, 0)])
    return window_slices(x, window, strides, (1,) * len(window))


def largest_forward(window: Sizes, strides: Sizes, pads: Pads, picture: Sizes, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The maximum, and the tap it came from: one byte, which the backward pass reads instead of x and y."""
    y, *others = pooled_slices(window, strides, pads, x)
    winner = jnp.zeros(y.shape, jnp.uint8)
    for tap, pixels in enumerate(others, start=1):
        winner = jnp.where(pixels > y, jnp.uint8(tap), winner)
        y = jnp.maximum(y, pixels)
    return y, winner


def largest_backward(
    window: Sizes, strides: Sizes, pads: Pads, picture: Sizes, winner: jax.Array, g: jax.Array
) -> tuple[jax.Array]:
    nothing = jnp.zeros((), g.dtype)
    if window == strides:
        # Every pixel belongs to one window, and takes its gradient if it won.
        taps = np.arange(math.prod(window), dtype=np.uint8).reshape(window)
        taps = taps.reshape(1, *(n for k in window for n in (1, k)), 1)
        apart = (g.shape[0], *(n for out in g.shape[1:-1] for n in (out, 1)), g.shape[-1])
        dx = jnp.where(winner.reshape(apart) == taps, g.reshape(apart), nothing)
        dx = dx.reshape(g.shape[0], *(out * k for out, k in zip(g.shape[1:-1], window)), g.shape[-1])
    else:
        dx = gather_windows(window, strides, winner, g)
    edges = [(-low, size + low - have, 0) for size, (low, _), have in zip(picture, pads, dx.shape[1:-1])]
    return (lax.pad(dx, nothing, [(0, 0, 0), *edges, (0, 0, 0)]),)


def gather_windows(window: Sizes, strides: Sizes, winner: jax.Array, g: jax.Array) -> jax.Array:
    """The gradient where windows overlap or leave gaps, for the pixels from the first window's first on.

    A pixel's place modulo the stride says which taps can meet it. So there are as many small pictures as such
    places, each a sum over its taps, and they are woven together in the end.
    """
    nothing = jnp.zeros((), g.dtype)
    reach = [(k - 1) // s for k, s in zip(window, strides)]
    size = [out + r for out, r in zip(g.shape[1:-1], reach)]
    woven = {place: jnp.zeros((g.shape[0], *size, g.shape[-1]), g.dtype) for place in np.ndindex(*strides)}
    for tap, offset in enumerate(np.ndindex(*window)):
        place = tuple(t % s for t, s in zip(offset, strides))
        edges = [(t // s, r - t // s, 0) for t, s, r in zip(offset, strides, reach)]
        part = jnp.where(winner == tap, g, nothing)
        woven[place] += lax.pad(part, nothing, [(0, 0, 0), *edges, (0, 0, 0)])
    dx = jnp.stack(list(woven.values())).reshape(*strides, *g.shape[:1], *size, g.shape[-1])
    rank = len(window)  # (*strides, batch, *size, channels)
    dx = dx.transpose(rank, *(axis for i in range(rank) for axis in (rank + 1 + i, i)), 2 * rank + 1)
    return dx.reshape(g.shape[0], *(n * s for n, s in zip(size, strides)), g.shape[-1])


largest.defvjp(largest_forward, largest_backward)
