"""What lies under the windows that slide over pictures, and what windows give back to their pixels."""

# JAX leaves some arguments of `reshape` and others without a type.
# pyright: reportUnknownMemberType=false

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kerata.kernels.compiler import apart

Sizes = tuple[int, ...]
Pads = tuple[tuple[int, int], ...]

# Stands where no window has won, and where a pixel lies in none.
NO_TAP = -1


class Windows(NamedTuple):
    """How windows lie over pictures."""

    window: Sizes
    strides: Sizes
    pads: Pads
    picture: Sizes

    @property
    def output(self) -> Sizes:
        return tuple(
            (size + low + high - k) // s + 1
            for size, (low, high), k, s in zip(self.picture, self.pads, self.window, self.strides)
        )


def window_slices(x: jax.Array, window: Sequence[int], strides: Sequence[int], dilation: Sequence[int]) -> list[jax.Array]:
    """For every tap of the window, row by row, the pixels that it meets: (batch, *output, channels) each."""
    output = [(size - (k - 1) * d - 1) // s + 1 for size, k, s, d in zip(x.shape[1:-1], window, strides, dilation)]
    slices: list[jax.Array] = []
    for tap in itertools.product(*(range(k) for k in window)):
        first = [t * d for t, d in zip(tap, dilation)]
        last = [f + (out - 1) * s + 1 for f, out, s in zip(first, output, strides)]
        slices.append(lax.slice(x, (0, *first, 0), (x.shape[0], *last, x.shape[-1]), (1, *strides, 1)))
    return slices


def to_pixels(windows: Windows, g: jax.Array, winner: jax.Array | None = None, kernel: jax.Array | None = None) -> jax.Array:
    """What the windows give to their pixels.

    A pixel lies in the window that begins less than a stride before it, and in as many before that as the window reaches:
    a sum of as many terms, in each of which the pixels between two strides ask for a tap of their own.

    Args:
        windows: how they lie over the pictures.
        g: (batch, *output, channels).
        winner: of each window the tap that all goes to, int8, of the shape of `g`; else all of them get it.
        kernel: (*window, channels), what each tap gets of it; else the whole.

    Returns: (batch, *picture, channels).
    """
    window, strides, pads, picture = windows
    nothing = jnp.zeros((), g.dtype)
    reach = [(k - 1) // s for k, s in zip(window, strides)]
    size = [out + r for out, r in zip(g.shape[1:-1], reach)]
    apart = (g.shape[0], *(n for total in size for n in (total, 1)), g.shape[-1])
    edges = [(0, 0, 0), *((r, r, 0) for r in reach), (0, 0, 0)]
    padded = [lax.pad(g, nothing, edges)] + ([] if winner is None else [lax.pad(winner, np.int8(NO_TAP), edges)])
    dx = nothing
    backs = list(np.ndindex(*(r + 1 for r in reach)))
    taps = np.stack([taps_at(window, strides, back) for back in backs])
    shares = None if kernel is None else rows_at(kernel, taps)
    for number, back in enumerate(backs):
        first = (0, *(r - b for r, b in zip(reach, back)), 0)
        last = (g.shape[0], *(f + n for f, n in zip(first[1:], size)), g.shape[-1])
        given, *won = (lax.slice(one, first, last).reshape(apart) for one in padded)
        if shares is not None:
            dx = dx + given * shares[number]
        else:
            tap = taps[number]
            dx = dx + jnp.where(won[0] == tap.astype(np.int8) if won else tap != NO_TAP, given, nothing)
    have = [n * s for n, s in zip(size, strides)]
    edges = [(-low, whole + low - n, 0) for whole, (low, _), n in zip(picture, pads, have)]
    return lax.pad(dx.reshape(g.shape[0], *have, g.shape[-1]), jnp.zeros((), dx.dtype), [(0, 0, 0), *edges, (0, 0, 0)])


def taps_at(window: Sizes, strides: Sizes, back: Sizes) -> np.ndarray:
    """The tap under which each pixel of a stride lies in the window so many strides before: (1, 1, stride, 1, stride, 1)."""
    places = np.indices(strides)
    offsets = [place + b * s for place, b, s in zip(places, back, strides)]
    inside = np.all([offset < k for offset, k in zip(offsets, window)], axis=0)
    clipped = tuple(np.minimum(offset, k - 1) for offset, k in zip(offsets, window))
    taps = np.where(inside, np.ravel_multi_index(clipped, window), NO_TAP)
    return taps.reshape(1, *(n for s in strides for n in (1, s)), 1)


@functools.lru_cache(maxsize=256)
def choosing(taps: tuple[int, ...]) -> Callable[[jax.Array], jax.Array]:
    """Rows by number, 0 where there is none; apart, for what reads them would ask at each number which it is."""

    def choose(rows: jax.Array) -> jax.Array:
        return jnp.stack([jnp.zeros_like(rows[0]) if tap == NO_TAP else rows[tap] for tap in taps])

    return apart(choose)


def rows_at(kernel: jax.Array, taps: np.ndarray) -> jax.Array:
    """The kernel's numbers of each tap, 0 where there is none: (terms, 1, 1, stride, 1, stride, channels)."""
    channels = kernel.shape[-1]
    chosen = choosing(tuple(taps.ravel().tolist()))(kernel.reshape(-1, channels))
    return chosen.reshape(*taps.shape[:-1], channels)
