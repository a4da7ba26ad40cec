"""Scales and zero points that groups of a matrix's rows share."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from kerata.base.checks import check_positive_int, message
from kerata.base.config import epsilon as smallest
from kerata.engine.types import Array, TensorLike


class Parameters(NamedTuple):
    """What turns numbers into levels: level = round(x / scale) + zero, at most `largest`; scales are (rows, groups)."""

    scale: Array
    zero: Array
    largest: Array


def abs_max_quantize_grouped_with_zero_point(
    inputs: TensorLike,
    block_size: int,
    value_range: tuple[int, int] = (-8, 7),
    dtype: str = "int8",
    epsilon: float | None = None,
    to_numpy: bool = False,
) -> tuple[Array, Array, Array]:
    """(q, scale, zero): q = round(x / scale) + zero, where each `block_size` rows of a column share scale and zero point.

    Args:
        inputs: a matrix (inputs, outputs).
        block_size: rows that share a scale.
        value_range: the smallest and the largest level.
        dtype: the type of the levels.
        epsilon: added to the range of a group, so that it is not 0.
        to_numpy: whether it is computed on the host.

    Returns: (inputs, outputs), (groups, outputs), (groups, outputs).

    >>> q, scale, zero = abs_max_quantize_grouped_with_zero_point(np.array([[0.0], [1.5], [3.0], [-1.0]], "float32"), 2)
    >>> q.shape, scale.shape, zero.dtype.name
    ((4, 1), (2, 1), 'int8')
    """
    check_positive_int("abs_max_quantize_grouped_with_zero_point", "block_size", block_size)
    added = smallest() if epsilon is None else epsilon
    low, high = value_range
    matrix = np.asarray(inputs) if to_numpy else jnp.asarray(inputs)
    library = np if to_numpy else jnp
    rows, columns = matrix.shape
    groups = -(-rows // block_size)
    blocks = library.pad(matrix, ((0, groups * block_size - rows), (0, 0))).reshape(groups, block_size, columns)
    if to_numpy:
        least, most = blocks.min(axis=1), blocks.max(axis=1)
        scale = (most - least + added) / (high - low)
        zero = np.clip(np.round(-least / scale) + low, low, high)
    else:
        bits = (high - low + 1).bit_length() - 1
        found = compute_quantization_parameters(
            matrix.T, bits=bits, per_channel=True, group_size=block_size, epsilon=added, signed=True
        )
        scale, zero = found.scale.T, found.zero.T
    levels = library.clip(library.round(blocks / scale[:, None]) + zero[:, None], low, high).astype(dtype)
    return jnp.asarray(levels.reshape(-1, columns)[:rows]), jnp.asarray(scale, matrix.dtype), jnp.asarray(zero, "int8")


def compute_quantization_parameters(
    x: TensorLike,
    *,
    bits: int,
    symmetric: bool = False,
    per_channel: bool = False,
    group_size: int = -1,
    compute_dtype: str = "float32",
    epsilon: float = 0.0,
    signed: bool = False,
) -> Parameters:
    """Scales and zero points of a matrix (outputs, inputs), for each row, or for groups of its columns, or for all of it.

    Args:
        x: the matrix.
        bits: of a level.
        symmetric: whether the range is as wide on both sides of 0.
        per_channel: whether each row has a scale of its own.
        group_size: columns that share a scale; -1 for all.
        compute_dtype: the type of the largest level.
        epsilon: added to the range.
        signed: whether levels go from -2^(bits - 1) on, else from 0.

    >>> found = compute_quantization_parameters(np.array([[0.0, 15.0], [-1.0, 2.75]]), bits=4, per_channel=True)
    >>> found.scale.ravel().tolist(), found.zero.ravel().tolist()
    ([1.0, 0.25], [0, 4])
    """
    matrix = jnp.asarray(x)
    if matrix.ndim < 2 or not matrix.size:
        raise ValueError(message("compute_quantization_parameters", "it takes a matrix that is not empty", {"x": x}))
    rows, columns = matrix.shape
    grouped = per_channel and 0 < group_size < columns
    if grouped:
        filled = jnp.pad(matrix, ((0, 0), (0, -columns % group_size)))
        ranges = filled.reshape(rows, -1, group_size)  # (rows, groups, columns of a group)
    else:
        ranges = matrix.reshape(rows if per_channel else 1, 1, -1)
    least, most = ranges.min(axis=2), ranges.max(axis=2)
    if symmetric:
        most = jnp.maximum(jnp.abs(least), most)
        least = jnp.where(least < 0, -most, least)
    flat = least == most
    least, most = jnp.where(flat, least - 1, least), jnp.where(flat, most + 1, most)
    largest = jnp.asarray(2**bits - 1, compute_dtype)
    scale = (most - least + epsilon if epsilon > 0 else most - least) / largest
    scale = jnp.where(scale <= 0, 1e-8, scale)
    first = -(2 ** (bits - 1)) if signed else 0
    zero = jnp.full_like(scale, 2 ** (bits - 1)) if symmetric else jnp.round(-least / scale)
    if signed:
        zero = jnp.clip(zero + first, first, 2 ** (bits - 1) - 1)
    if not per_channel:
        scale, zero = jnp.tile(scale, (rows, 1)), jnp.tile(zero, (rows, 1))
    return Parameters(scale, zero.astype("int8" if signed else "uint8"), largest)


def quantize_with_zero_point(x: Array, scale: Array, zero: Array, largest: Array) -> Array:
    """The levels of numbers: round(x / scale + zero), from 0 to `largest`."""
    return jnp.clip(jnp.round(x / jnp.where(scale == 0, 1e-8, scale) + zero.astype(scale.dtype)), 0, largest)


def dequantize_with_zero_point(levels: Array, scale: Array, zero: Array) -> Array:
    """The numbers of levels: scale * (level - zero)."""
    return scale * (levels - zero.astype(scale.dtype))


def quantize_with_sz_map(
    weights_matrix: TensorLike, scale: TensorLike, zero: TensorLike, g_idx: TensorLike, maxq: TensorLike, group_axis: int = -1
) -> Array:
    """The levels of a matrix, whose places along an axis take the scale and zero point of their group.

    Args:
        weights_matrix: numbers.
        scale, zero: of the groups, which stand along `group_axis`.
        g_idx: the group of each place.
        maxq: the largest level.
        group_axis: the axis of the groups.
    """
    spread, zeros = _of_groups(scale, zero, g_idx, group_axis)
    return quantize_with_zero_point(jnp.asarray(weights_matrix), spread, zeros, jnp.asarray(maxq))


def dequantize_with_sz_map(
    weights_matrix: TensorLike, scale: TensorLike, zero: TensorLike, g_idx: TensorLike, group_axis: int = -1
) -> Array:
    """The numbers of a matrix of levels, the arguments as of `quantize_with_sz_map`.

    >>> levels, scale, zero = np.array([[3, 5]], "int8"), np.array([[0.5, 2.0]], "float32"), np.array([[1, 0]], "int8")
    >>> dequantize_with_sz_map(levels, scale, zero, np.array([0.0, 1.0])).tolist()
    [[1.0, 10.0]]
    """
    return dequantize_with_zero_point(jnp.asarray(weights_matrix), *_of_groups(scale, zero, g_idx, group_axis))


def _of_groups(scale: TensorLike, zero: TensorLike, g_idx: TensorLike, axis: int) -> tuple[Array, Array]:
    groups = jnp.asarray(g_idx).astype("int32")
    return jnp.take(jnp.asarray(scale), groups, axis=axis), jnp.take(jnp.asarray(zero), groups, axis=axis)
