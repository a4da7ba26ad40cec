"""Functions of windows over pictures: convolutions, pooling, and pictures cut into blocks.

`data_format` is `"channels_last"` (batch, *picture, channels) or `"channels_first"`; `None` is the configured one.
"""

# JAX leaves some arguments of its functions without a type.
# pyright: reportUnknownMemberType=false

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from kerata.base.checks import check_choice, check_positive_int, message, standardize_tuple
from kerata.base.config import standardize_data_format
from kerata.base.limits import NUMBER_BYTES, take_bytes
from kerata.base.types import ShapeLike
from kerata.engine.types import Array, TensorLike
from kerata.kernels import pooling
from kerata.kernels.convolution import convolution, transposed_convolution
from kerata.kernels.maxima import largest
from kerata.ops.forms import as_array, op

Pooling = Callable[[Array, Sequence[int], Sequence[int], str], Array]


@op("inputs kernel")
def conv(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: ShapeLike = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: ShapeLike = 1,
) -> Array:
    """A convolution; a kernel with fewer channels than the input makes groups.

    Shapes: kernel (*window, channels / groups, filters).

    >>> import kerata
    >>> kerata.ops.conv(kerata.ops.ones((1, 4, 4, 2)), kerata.ops.ones((3, 3, 2, 5)), padding="same").shape
    (1, 4, 4, 5)
    """
    x, kernel = channels_last(inputs, data_format), as_array(kernel)
    rank = x.ndim - 2
    per_group = kernel.shape[-2]
    if kernel.ndim != x.ndim or x.shape[-1] % per_group or kernel.shape[-1] % (x.shape[-1] // per_group):
        raise ValueError(
            message(
                "conv",
                f"the kernel must have shape (*window, {x.shape[-1]} / groups, filters), with {rank} window sizes",
                {"kernel": kernel.shape, "inputs": x.shape},
            )
        )
    strides = standardize_tuple("conv", "strides", strides, rank)
    dilation = standardize_tuple("conv", "dilation_rate", dilation_rate, rank)
    y = convolution(x, kernel, strides, check_padding("conv", padding), dilation, groups=x.shape[-1] // per_group)
    return channels_back(y, data_format)


@op("inputs kernel")
def depthwise_conv(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: ShapeLike = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: ShapeLike = 1,
) -> Array:
    """A convolution of each channel with kernels of its own.

    Shapes: kernel (*window, channels, multiplier); the output has channels * multiplier channels.
    """
    kernel = as_array(kernel)
    *window, channels, multiplier = kernel.shape
    kernel = kernel.reshape(*window, 1, channels * multiplier)
    return conv(inputs, kernel, strides, padding, data_format, dilation_rate)


@op("inputs depthwise_kernel pointwise_kernel")
def separable_conv(
    inputs: TensorLike,
    depthwise_kernel: TensorLike,
    pointwise_kernel: TensorLike,
    strides: ShapeLike = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: ShapeLike = 1,
) -> Array:
    """A depthwise convolution, and then one with a window of one pixel that mixes the channels."""
    x = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(x, pointwise_kernel, 1, "valid", data_format)


@op("inputs kernel")
def conv_transpose(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: ShapeLike = 1,
    padding: str = "valid",
    output_padding: ShapeLike | None = None,
    data_format: str | None = None,
    dilation_rate: ShapeLike = 1,
) -> Array:
    """The gradient of a convolution with respect to its input, as a function that enlarges a picture.

    Shapes: kernel (*window, filters, channels).
    """
    x, kernel = channels_last(inputs, data_format), as_array(kernel)
    rank = x.ndim - 2
    strides = standardize_tuple("conv_transpose", "strides", strides, rank)
    dilation = standardize_tuple("conv_transpose", "dilation_rate", dilation_rate, rank)
    extra = output_padding if isinstance(output_padding, Sequence) else (output_padding,) * rank
    same = check_padding("conv_transpose", padding) == "SAME"
    extents = [(k - 1) * d + 1 for k, d in zip(kernel.shape, dilation, strict=False)]
    pads = [_pads_around_stretched(*of_axis, same) for of_axis in zip(extents, strides, extra, strict=True)]
    return channels_back(transposed_convolution(x, kernel, strides, pads, dilation), data_format)


def _pads_around_stretched(extent: int, stride: int, extra: int | None, same: bool) -> tuple[int, int]:
    """Zeros before and after the input, whose pixels are `stride` apart, under a plain convolution."""
    if not same:
        extra = max(stride - extent, 0) if extra is None else extra
        return extent - 1, extent - 1 + extra
    total = stride + extent - 2 if extra is None else extent + extent % 2 - 2 + extra
    before = min(total - total // 2, extent - 1)
    return before, total - before


@op()
def max_pool(
    inputs: TensorLike,
    pool_size: ShapeLike,
    strides: ShapeLike | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Array:
    """The largest number under each window."""
    return _pool("max_pool", pooling.max_pool, inputs, pool_size, strides, padding, data_format)


@op()
def average_pool(
    inputs: TensorLike,
    pool_size: ShapeLike,
    strides: ShapeLike | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Array:
    """The mean under each window, without the padding."""
    return _pool("average_pool", pooling.average_pool, inputs, pool_size, strides, padding, data_format)


def _pool(
    owner: str,
    function: Pooling,
    inputs: TensorLike,
    pool_size: ShapeLike,
    strides: ShapeLike | None,
    padding: str,
    data_format: str | None,
) -> Array:
    x = channels_last(inputs, data_format)
    window = standardize_tuple(owner, "pool_size", pool_size, x.ndim - 2)
    strides = window if strides is None else standardize_tuple(owner, "strides", strides, x.ndim - 2)
    return channels_back(function(x, window, strides, check_padding(owner, padding)), data_format)


@op()
def adaptive_average_pool(inputs: TensorLike, output_size: ShapeLike, data_format: str | None = None) -> Array:
    """The mean under windows that divide the picture into `output_size` parts."""
    x = channels_last(inputs, data_format)
    for axis, size in enumerate(standardize_tuple("adaptive_average_pool", "output_size", output_size, x.ndim - 2), 1):
        index, inside = _parts(x.shape[axis], size)
        weights = jnp.sum(jnp.where(inside[..., None], index[..., None] == jnp.arange(x.shape[axis]), 0), axis=1)
        weights = (weights / jnp.sum(inside, axis=1, keepdims=True)).astype(x.dtype)  # (parts, pixels)
        x = jnp.moveaxis(jnp.tensordot(x, weights, ((axis,), (1,))), -1, axis)
    return channels_back(x, data_format)


@op()
def adaptive_max_pool(inputs: TensorLike, output_size: ShapeLike, data_format: str | None = None) -> Array:
    """The largest number under windows that divide the picture into `output_size` parts."""
    x = channels_last(inputs, data_format)
    for axis, size in enumerate(standardize_tuple("adaptive_max_pool", "output_size", output_size, x.ndim - 2), 1):
        index, inside = _parts(x.shape[axis], size)
        # Outside of its window each part looks at the window's first pixel again.
        x = largest(jnp.take(x, jnp.where(inside, index, index[:, :1]), axis=axis), axis + 1)
    return channels_back(x, data_format)


def _parts(length: int, parts: int) -> tuple[Any, Any]:
    """(pixels of each part, which of them count): both (parts, length of the longest part)."""
    take_bytes(NUMBER_BYTES * parts, output_size=parts)
    starts = np.arange(parts) * length // parts
    ends = -(-(np.arange(parts) + 1) * length // parts)
    index = as_array(starts)[:, None] + jnp.arange((ends - starts).max())
    return index, index < as_array(ends)[:, None]


@op()
def unfold(
    x: TensorLike, kernel_size: ShapeLike, dilation: ShapeLike = 1, padding: ShapeLike = 0, stride: ShapeLike = 1
) -> Array:
    """The blocks under a sliding window as columns.

    Shapes: (batch, channels, height, width) to (batch, channels * window, places).
    """
    x = as_array(x)
    window, dilation, padding, stride = _standardize_block("unfold", kernel_size, dilation, padding, stride)
    x = jnp.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    rows, columns = (_places(n, k, d, s) for n, k, d, s in zip(x.shape[2:], window, dilation, stride, strict=True))
    blocks = x[:, :, rows[:, None, :, None], columns[None, :, None, :]]  # (batch, channels, kh, kw, rows, columns)
    return blocks.reshape(x.shape[0], x.shape[1] * math.prod(window), -1)


@op()
def fold(
    x: TensorLike,
    output_size: ShapeLike,
    kernel_size: ShapeLike,
    dilation: ShapeLike = 1,
    padding: ShapeLike = 0,
    stride: ShapeLike = 1,
) -> Array:
    """The picture to which the columns of `unfold` are added back.

    Shapes: (batch, channels * window, places) to (batch, channels, height, width).
    """
    x = as_array(x)
    if x.ndim != 3:
        raise ValueError(message("fold", "the input must have the axes (batch, channels * window, places)", {"shape": x.shape}))
    window, dilation, padding, stride = _standardize_block("fold", kernel_size, dilation, padding, stride)
    size = standardize_tuple("fold", "output_size", output_size, 2)
    padded = [n + 2 * p for n, p in zip(size, padding, strict=True)]
    rows, columns = (_places(n, k, d, s) for n, k, d, s in zip(padded, window, dilation, stride, strict=True))
    channels = x.shape[1] // math.prod(window)
    blocks = x.reshape(x.shape[0], channels, *window, rows.shape[1], columns.shape[1])
    picture = jnp.zeros((x.shape[0], channels, *padded), x.dtype)
    picture = picture.at[:, :, rows[:, None, :, None], columns[None, :, None, :]].add(blocks)
    return picture[:, :, padding[0] : padding[0] + size[0], padding[1] : padding[1] + size[1]]


def _standardize_block(owner: str, *arguments: ShapeLike) -> list[tuple[int, ...]]:
    names = ("kernel_size", "dilation", "padding", "stride")
    return [standardize_tuple(owner, name, value, 2, minimum=0) for name, value in zip(names, arguments, strict=True)]


def _places(length: int, window: int, dilation: int, stride: int) -> Array:
    """The index of each tap at each place of the window: (taps, places)."""
    places = (length - (window - 1) * dilation - 1) // stride + 1
    return jnp.arange(window)[:, None] * dilation + jnp.arange(places) * stride


@op()
def depth_to_space(x: TensorLike, block_size: int, data_format: str = "channels_last") -> Array:
    """Each pixel's channels spread over a block of pixels."""
    check_positive_int("depth_to_space", "block_size", block_size, minimum=2)
    x = channels_last(x, data_format)
    batch, height, width, channels = x.shape
    inner = channels // block_size**2
    if data_format == "channels_last":
        x = x.reshape(batch, height, width, block_size, block_size, inner)
    else:
        # With the channels first, a block's pixels are the fast index.
        x = jnp.moveaxis(x.reshape(batch, height, width, inner, block_size, block_size), 3, 5)
    x = jnp.swapaxes(x, 2, 3).reshape(batch, height * block_size, width * block_size, inner)
    return channels_back(x, data_format)


@op()
def space_to_depth(x: TensorLike, block_size: int, data_format: str = "channels_last") -> Array:
    """Each block of pixels as the channels of one pixel."""
    check_positive_int("space_to_depth", "block_size", block_size, minimum=2)
    x = channels_last(x, data_format)
    batch, height, width, channels = x.shape
    x = x.reshape(batch, height // block_size, block_size, width // block_size, block_size, channels)
    x = jnp.swapaxes(x, 2, 3)  # (batch, height, width, block, block, channels)
    if data_format != "channels_last":
        x = jnp.moveaxis(x, 5, 3)
    x = x.reshape(batch, height // block_size, width // block_size, channels * block_size**2)
    return channels_back(x, data_format)


def channels_last(x: TensorLike, data_format: str | None) -> Array:
    """x with its channels last, whatever the layout."""
    x = as_array(x)
    return x if standardize_data_format(data_format) == "channels_last" else jnp.moveaxis(x, 1, -1)


def channels_back(x: Array, data_format: str | None) -> Array:
    """The reverse of `channels_last`."""
    return x if standardize_data_format(data_format) == "channels_last" else jnp.moveaxis(x, -1, 1)


def check_padding(owner: str, padding: str) -> str:
    """The kernels' spelling of a padding."""
    return check_choice(owner, "padding", str(padding).lower(), ("valid", "same")).upper()
