"""Convolutions, pooling, padding and resizing."""

from typing import cast

from kerata import ops
from kerata.base.checks import check_choice
from kerata.base.config import standardize_data_format
from kerata.base.types import Shape
from kerata.ops.core import shape


def conv1d(x, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    """A convolution of sequences; `"causal"` padding looks back only."""
    if padding == "causal":
        sizes = cast(Shape, shape(kernel))
        before = (sizes[0] - 1) * dilation_rate
        last = standardize_data_format(data_format) == "channels_last"
        x, padding = ops.pad(x, ((0, 0), (before, 0), (0, 0)) if last else ((0, 0), (0, 0), (before, 0))), "valid"
    return ops.conv(x, kernel, strides, padding, data_format, dilation_rate)


def conv2d(x, kernel, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1)):
    """A convolution of pictures."""
    return ops.conv(x, kernel, strides, padding, data_format, dilation_rate)


def conv3d(x, kernel, strides=(1, 1, 1), padding="valid", data_format=None, dilation_rate=(1, 1, 1)):
    """A convolution of volumes."""
    return ops.conv(x, kernel, strides, padding, data_format, dilation_rate)


def depthwise_conv2d(x, depthwise_kernel, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1)):
    """A convolution of each channel by itself."""
    return ops.depthwise_conv(x, depthwise_kernel, strides, padding, data_format, dilation_rate)


def separable_conv2d(
    x, depthwise_kernel, pointwise_kernel, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1)
):
    """A depthwise convolution and one of single pixels."""
    return ops.separable_conv(x, depthwise_kernel, pointwise_kernel, strides, padding, data_format, dilation_rate)


def pool2d(x, pool_size, strides=(1, 1), padding="valid", data_format=None, pool_mode="max"):
    """The largest number (`"max"`) or the mean (`"avg"`) under each window."""
    pool = {"max": ops.max_pool, "avg": ops.average_pool}[check_choice("pool", "pool_mode", pool_mode, ("max", "avg"))]
    return pool(x, pool_size, strides, padding, data_format)


def pool3d(x, pool_size, strides=(1, 1, 1), padding="valid", data_format=None, pool_mode="max"):
    """`pool2d` for volumes."""
    return pool2d(x, pool_size, strides, padding, data_format, pool_mode)


def temporal_padding(x, padding=(1, 1)):
    """Zeros before and after each sequence."""
    return ops.pad(x, ((0, 0), tuple(padding), (0, 0)))


def spatial_2d_padding(x, padding=((1, 1), (1, 1)), data_format=None):
    """Zeros around each picture."""
    last = standardize_data_format(data_format) == "channels_last"
    return ops.pad(x, ((0, 0), *padding, (0, 0)) if last else ((0, 0), (0, 0), *padding))


def spatial_3d_padding(x, padding=((1, 1), (1, 1), (1, 1)), data_format=None):
    """Zeros around each volume."""
    return spatial_2d_padding(x, padding, data_format)


def resize_images(x, height_factor, width_factor, data_format, interpolation="nearest"):
    """Pictures enlarged by whole factors."""
    rows, columns = (1, 2) if data_format == "channels_last" else (2, 3)
    if interpolation == "nearest":
        return ops.repeat(ops.repeat(x, height_factor, axis=rows), width_factor, axis=columns)
    size = (shape(x)[rows] * height_factor, shape(x)[columns] * width_factor)
    return ops.image.resize(x, size, interpolation, data_format=data_format)


def resize_volumes(x, depth_factor, height_factor, width_factor, data_format):
    """Volumes enlarged by whole factors."""
    first = 1 if data_format == "channels_last" else 2
    for axis, factor in enumerate((depth_factor, height_factor, width_factor), first):
        x = ops.repeat(x, factor, axis=axis)
    return x
