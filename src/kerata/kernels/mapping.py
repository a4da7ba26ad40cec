"""Pictures under an affine map each, read between and outside of their pixels as SciPy reads them.

`sampling.py` has the rules of Keras's layers; those of `scipy.ndimage.affine_transform`, which Keras's generators of pictures
use, differ outside: what lies beyond the last pixel's middle is outside altogether.
"""

# JAX leaves the types of some functions out.
# pyright: reportUnknownMemberType=false

import functools
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from kerata.kernels.sampling import inner, read_pixels

# Floats as whole numbers (int32) and what is left (float32, from 0 to 1): sums of two are as exact as with 64 bits.
Split: TypeAlias = tuple[NDArray[np.int32], NDArray[np.float32]]
Places: TypeAlias = tuple[jax.Array, jax.Array, jax.Array, jax.Array]

FILL_MODES = ("nearest", "constant", "reflect", "wrap", "mirror")


def split(places: NDArray[np.float64]) -> Split:
    """Floats as whole numbers and what is left.

    >>> [part.tolist() for part in split(np.array([2.5, -0.25]))]
    [[2, -1], [0.5, 0.75]]
    """
    whole = np.floor(places)
    # Far outside is outside: no number may leave the range of its type.
    return np.clip(whole, -(2**20), 2**20).astype(np.int32), (places - whole).astype(np.float32)


def places_of(maps: NDArray[np.float64], height: int, width: int) -> tuple[tuple[Split, Split], tuple[Split, Split]]:
    """What `move` needs of maps that give the place of pixel (i, j) as (a i + b j + c, d i + e j + f).

    Args:
        maps: of shape (batch, 2, 3).
    """
    i, j = np.arange(height, dtype=np.float64), np.arange(width, dtype=np.float64)
    rows, columns = ((split(line[:, :1] * i + line[:, 2:]), split(line[:, 1:2] * j)) for line in (maps[:, 0], maps[:, 1]))
    return rows, columns


@functools.partial(jax.jit, static_argnames=("order", "fill_mode"))
def move(
    images: jax.Array,
    rows: tuple[Split, Split],
    columns: tuple[Split, Split],
    scale: float,
    fill_value: float,
    order: int = 1,
    fill_mode: str = "nearest",
) -> jax.Array:
    """Pictures of which each pixel is the given one's at another place, times a factor.

    Args:
        images: of shape (batch, height, width, channels), bytes or floats.
        rows, columns: the places, as `places_of` gives them.
        scale: the factor.
        fill_value: what stands outside where `fill_mode` is `"constant"`.
        order: 0 for the nearest pixel, 1 for linear interpolation.
        fill_mode: `"nearest"`, `"constant"`, `"reflect"`, `"wrap"` or `"mirror"`, as SciPy understands them.

    Shapes: as `images`, float32.

    >>> half = places_of(np.array([[[1, 0, 0], [0, 1, 0.5]]]), 1, 3)
    >>> move(np.array([[[[0], [4], [8]]]], "uint8"), *half, 1.0, 0.0).ravel().tolist()
    [2.0, 6.0, 8.0]
    """
    batch, height, width, channels = images.shape
    upper, lower, down, row_outside = _neighbours(rows, height, order, fill_mode)
    left, right, across, column_outside = _neighbours(columns, width, order, fill_mode)
    pixels = jnp.reshape(images, (batch, height * width, channels))

    def read(row: jax.Array, column: jax.Array) -> jax.Array:
        return jax.vmap(read_pixels)(pixels, row * width + column).astype(jnp.float32)

    if order == 0:
        found = read(upper, left)
    else:
        across, down = across[..., None], down[..., None]
        top, bottom = read(upper, left), read(lower, left)
        top, bottom = top + (read(upper, right) - top) * across, bottom + (read(lower, right) - bottom) * across
        found = top + (bottom - top) * down
    if fill_mode == "constant":
        found = jnp.where((row_outside | column_outside)[..., None], fill_value, found)
    return found * scale


def _neighbours(parts: tuple[Split, Split], size: int, order: int, fill_mode: str) -> Places:
    """(pixel before, pixel after, how far from the first to the second, whether it is outside) along one axis."""
    (whole, rest), (more, further) = parts
    number = jnp.asarray(whole)[:, :, None] + jnp.asarray(more)[:, None, :]
    share = jnp.asarray(rest)[:, :, None] + jnp.asarray(further)[:, None, :]
    over = share >= 1
    number, share = number + over, jnp.where(over, share - 1, share)
    last = size - 1
    outside = (number < 0) | (number > last) | ((number == last) & (share > 0))
    if fill_mode in ("reflect", "mirror"):
        before, after = inner(number, size, fill_mode), inner(number + 1, size, fill_mode)
    else:
        if fill_mode == "wrap":
            # SciPy takes the first pixel and the last one for the same.
            number = jnp.where(outside, number % max(last, 1), number)
        else:
            share = jnp.where(outside, 0, share)
        before = jnp.clip(number, 0, last)
        after = jnp.minimum(before + 1, last)
    if order == 0:
        before = jnp.where(share >= 0.5, after, before)
    return before, after, share, outside


@functools.partial(jax.jit, static_argnames="whole")
def between(corners: jax.Array, right: jax.Array, down: jax.Array, whole: bool = False) -> jax.Array:
    """What lies between four pixels each, linearly interpolated.

    Args:
        corners: the upper left, upper right, lower left and lower right pixels, (batch, 4, rows, columns), bytes.
        right, down: how far from the first to the second, (batch, columns) and (batch, rows).
        whole: whether to round to bytes.

    >>> between(np.array([[[[0]], [[4]], [[8]], [[12]]]], "uint8"), np.array([[0.5]], "f"), np.array([[0.25]], "f")).tolist()
    [[[4.0]]]
    """
    a, b, c, d = (corners[:, place].astype(jnp.float32) for place in range(4))
    right, down = right[:, None, :], down[:, :, None]
    above, below = a + (b - a) * right, c + (d - c) * right
    found = above + (below - above) * down
    return jnp.rint(found).astype(jnp.uint8) if whole else found
