"""Pictures read at places between their pixels: the one loop behind rotations, shifts, shears, zooms and warps."""

# JAX leaves the types of some functions out.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import itertools
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import jax
import jax.numpy as jnp
from jax import lax

# The number of a pixel, whether it is there, and its weight; `None` where all are, and where one alone counts.
Neighbour: TypeAlias = tuple[jax.Array, jax.Array | None, jax.Array | None]


def sample(
    images: jax.Array, rows: jax.Array, columns: jax.Array, order: int, fill_mode: str, fill_value: float = 0.0
) -> jax.Array:
    """The pictures at the given places.

    All channels of a pixel are read at once, and what lies outside is settled for each place, not for each channel.

    Args:
        images: of shape (batch, height, width, channels).
        rows, columns: the places, floats of shape (batch, ...).
        order: 0 for the nearest pixel, 1 for linear interpolation.
        fill_mode: what lies outside: `"constant"`, `"nearest"`, `"wrap"`, `"mirror"` or `"reflect"`.
        fill_value: of `"constant"`.

    Shapes: (batch, ..., channels), in the type of the pictures.

    >>> x = jnp.arange(4.0).reshape(1, 2, 2, 1)
    >>> sample(x, jnp.array([[0.5]]), jnp.array([[0.5]]), 1, "constant").tolist()
    [[[1.5]]]
    """
    batch, height, width, channels = images.shape
    pixels = jnp.reshape(images, (batch, height * width, channels))
    # One picture at a time, so that it can be seen that none has a part in another.
    read = jax.vmap(read_pixels)
    total: jax.Array | float = 0.0
    along_rows = list(neighbours(rows, order, height, fill_mode))
    along_columns = list(neighbours(columns, order, width, fill_mode))
    for (row, inside_row, row_weight), (column, inside_column, column_weight) in itertools.product(along_rows, along_columns):
        value = read(pixels, row * width + column)
        if inside_row is not None and inside_column is not None:
            value = jnp.where((inside_row & inside_column)[..., None], value, jnp.asarray(fill_value, value.dtype))
        if row_weight is None or column_weight is None:
            return value
        total = total + value * (row_weight * column_weight)[..., None]
    found = jnp.asarray(total)
    return (lax.round(found) if jnp.issubdtype(images.dtype, jnp.integer) else found).astype(images.dtype)


def read_pixels(picture: jax.Array, numbers: jax.Array) -> jax.Array:
    """The pixels of some numbers, (pixels, channels) to (..., channels)."""
    return picture.at[numbers].get(mode="promise_in_bounds")


def neighbours(places: jax.Array, order: int, size: int, fill_mode: str) -> Iterator[Neighbour]:
    """(number of a pixel, whether it is there, its weight) of each pixel along one axis that has a part in a place."""
    lower = jnp.floor(places)
    share = places - lower
    found: list[tuple[jax.Array, jax.Array | None]] = [(lower, 1 - share), (lower + 1, share)]
    if order == 0:
        found = [(lax.round(places), None)]
    for place, weight in found:
        number = place.astype(jnp.int32)
        if fill_mode == "constant":
            yield jnp.clip(number, 0, size - 1), (number >= 0) & (number < size), weight
        else:
            yield inner(number, size, fill_mode), None, weight


def inner(number: jax.Array, size: int, fill_mode: str) -> jax.Array:
    """The pixel of the picture that stands for one outside."""
    if fill_mode == "nearest":
        return jnp.clip(number, 0, size - 1)
    if fill_mode == "wrap":
        return number % size
    if fill_mode == "mirror":
        return mirrored(number, size)
    return mirrored(2 * number + 1, 2 * size + 1) // 2


def mirrored(number: jax.Array, size: int) -> jax.Array:
    """0, 1, ..., size - 1 and back again, without the ends twice."""
    last = size - 1
    return jnp.abs((number + last) % (2 * last) - last) if last else jnp.zeros_like(number)


def affine(
    images: jax.Array, numbers: Sequence[jax.Array | float], order: int, fill_mode: str, fill_value: float = 0.0
) -> jax.Array:
    """Each pixel (x, y) of the result is the picture's at (a0 x + a1 y + a2, b0 x + b1 y + b2).

    Args:
        images: of shape (batch, height, width, channels).
        numbers: a0, a1, a2, b0, b1, b2, each a number or an array of shape (batch,).
    """
    a0, a1, a2, b0, b1, b2 = (
        number if isinstance(number, (int, float)) else jnp.reshape(number, (-1, 1, 1)).astype(jnp.float32)
        for number in numbers
    )
    y = jnp.arange(images.shape[1], dtype=jnp.float32)[:, None]
    x = jnp.arange(images.shape[2], dtype=jnp.float32)
    rows, columns = (jnp.broadcast_to(place, images.shape[:3]) for place in (b0 * x + b1 * y + b2, a0 * x + a1 * y + a2))
    return sample(images, rows, columns, order, fill_mode, fill_value)


def homography(start: jax.Array, end: jax.Array) -> jax.Array:
    """The eight numbers of the map from the end points to the start points. Shapes: (..., 4, 2) to (..., 8)."""
    (a, b), (x, y) = ((points[..., 0], points[..., 1]) for points in (start, end))
    one, none = jnp.ones_like(x), jnp.zeros_like(x)
    across = jnp.stack([x, y, one, none, none, none, -a * x, -a * y], -1)
    down = jnp.stack([none, none, none, x, y, one, -b * x, -b * y], -1)
    wanted = jnp.concatenate([a, b], -1)[..., None]
    found: jax.Array = jnp.linalg.solve(jnp.concatenate([across, down], -2), wanted)
    return found[..., 0]
