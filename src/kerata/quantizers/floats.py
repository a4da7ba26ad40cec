"""Numbers that are rounded as a smaller type would round them, and come back as what they were."""

import functools

import jax
import jax.numpy as jnp
import ml_dtypes

from kerata.base.checks import check_positive_int
from kerata.engine.symbolic import traceable
from kerata.engine.types import Array, TensorLike


def compute_float8_scale(amax: TensorLike, scale: TensorLike, dtype_max: TensorLike, margin: int = 0) -> Array:
    """amax * 2^margin / dtype_max, the scale that maps the largest number onto the largest of a type; the old one for an
    `amax` that is 0 or not finite.

    Args:
        amax: the largest number that was seen.
        scale: the scale so far.
        dtype_max: the largest number of the type.
        margin: powers of two to leave free.

    >>> float(compute_float8_scale(448.0, 1.0, 448.0))
    1.0
    """
    most, before = jnp.asarray(amax), jnp.asarray(scale)
    usable = (most > 0) & jnp.isfinite(most)
    inverse = jnp.where(usable, jnp.asarray(dtype_max) / jnp.where(usable, most, 1) / 2**margin, 1 / before)
    return 1 / inverse


def compute_float8_amax_history(x: TensorLike, amax_history: TensorLike) -> Array:
    """The largest numbers of the last steps, with those of `x` in the first place; the others move towards the front.

    >>> compute_float8_amax_history([-3.0, 2.0], [1.0, 5.0, 6.0]).tolist()
    [3.0, 6.0, 1.0]
    """
    history = jnp.asarray(amax_history)
    return jnp.roll(history, -1).at[0].set(jnp.max(jnp.abs(jnp.asarray(x))).astype(history.dtype))


def quantize_and_dequantize(inputs: TensorLike, scale: TensorLike, quantized_dtype: str, compute_dtype: str) -> Array:
    """x as a type of 8 bits holds x / scale.

    Args:
        inputs: numbers.
        scale: what they are divided by.
        quantized_dtype: `"float8_e4m3fn"` or `"float8_e5m2"`.
        compute_dtype: the type of the result.

    >>> quantize_and_dequantize([1.0, 1.06, 500.0], 1.0, "float8_e4m3fn", "float32").tolist()
    [1.0, 1.0, 448.0]
    """
    most = jnp.asarray(float(ml_dtypes.finfo(quantized_dtype).max), compute_dtype)
    factor = jnp.asarray(scale).astype(compute_dtype)
    small = jnp.clip(jnp.asarray(inputs) / factor, -most, most).astype(quantized_dtype)
    return small.astype(compute_dtype) * factor


def fake_quant_with_min_max_vars(
    inputs: TensorLike,
    min_vals: TensorLike,
    max_vals: TensorLike,
    num_bits: int = 8,
    narrow_range: bool = False,
    axis: int | None = None,
) -> Array:
    """x rounded to one of 2^num_bits numbers from `min_vals` to `max_vals`, for training with the rounding to come.

    The slope is that of clipping: 1 within the range; outside, it goes to the end that was reached.

    Args:
        inputs: numbers.
        min_vals, max_vals: the range, or one for each place along `axis`; moved a little, so that 0 is one of the numbers.
        num_bits: bits of a level.
        narrow_range: whether levels begin with 1.
        axis: the axis of channels with ranges of their own.

    >>> import numpy as np
    >>> fake_quant_with_min_max_vars(np.array([-1.0, 0.4, 9.0], "float32"), 0.0, 3.0, num_bits=2).tolist()
    [0.0, 0.0, 3.0]
    """
    check_positive_int("fake_quant_with_min_max_vars", "num_bits", num_bits)
    return _fake_quant(inputs, min_vals, max_vals, int(num_bits), bool(narrow_range), axis)


@traceable
def _fake_quant(
    inputs: TensorLike, low: TensorLike, high: TensorLike, num_bits: int, narrow_range: bool, axis: int | None
) -> Array:
    x = jnp.asarray(inputs)
    least, most = jnp.asarray(low, jnp.result_type(float)), jnp.asarray(high, jnp.result_type(float))
    return _rounded(num_bits, narrow_range, None if axis is None else axis % x.ndim, x, least, most)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1, 2))
def _rounded(bits: int, narrow: bool, axis: int | None, x: Array, low: Array, high: Array) -> Array:
    return _round_forward(bits, narrow, axis, x, low, high)[0]


def _round_forward(
    bits: int, narrow: bool, axis: int | None, x: Array, low: Array, high: Array
) -> tuple[Array, tuple[Array, Array, Array, Array]]:
    spread = [x.shape[axis] if i == axis else 1 for i in range(x.ndim)] if axis is not None and low.ndim else None
    least, most = (low, high) if spread is None else (low.reshape(spread), high.reshape(spread))
    first, last = int(narrow), 2**bits - 1
    step, steps = (most - least) / (last - first), (last - first) / (most - least)
    zero = jnp.round(jnp.clip(first - least / step, first, last))
    begin, end = (first - zero) * step, (last - zero) * step
    level_of_zero = jnp.floor(-begin * steps + 0.5)
    level = jnp.floor((jnp.clip(x.astype(begin.dtype), begin, end) - begin) * steps - level_of_zero + 0.5)
    return (level * step).astype(x.dtype), (x, begin, end, jnp.zeros_like(low))


def _round_backward(
    bits: int, narrow: bool, axis: int | None, kept: tuple[Array, Array, Array, Array], slope: Array
) -> tuple[Array, Array, Array]:
    x, begin, end, of_range = kept
    axes = tuple(i for i in range(x.ndim) if i != axis) if axis is not None else None

    def total(where: Array) -> Array:
        return jnp.sum(jnp.where(where, slope, 0), axis=axes).reshape(of_range.shape).astype(of_range.dtype)

    return jnp.where((x >= begin) & (x <= end), slope, 0), total(x <= begin), total(x >= end)


_rounded.defvjp(_round_forward, _round_backward)
