"""Depthwise and separable convolutions: over sequences and pictures."""

import jax.numpy as jnp

from kerata import activations, constraints, initializers, regularizers
from kerata.base.arguments import with_defaults
from kerata.base.checks import check_positive_int
from kerata.base.registry import builtin
from kerata.engine.types import Array, InitializerLike
from kerata.kernels.convolution import convolution
from kerata.kernels.sums import with_bias
from kerata.layers.core import mixes_samples
from kerata.layers.spatial import Spatial


class Depthwise(Spatial):
    """What depthwise convolutions have in common: a kernel of its own for each channel."""

    def __init__(
        self,
        kernel_size,
        strides=1,
        padding="valid",
        depth_multiplier=1,
        data_format=None,
        dilation_rate=1,
        activation=None,
        use_bias=True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.take_window(kernel_size, strides, padding, data_format, dilation_rate)
        self.depth_multiplier = check_positive_int(self, "depth_multiplier", depth_multiplier)
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.mixes_samples = mixes_samples(self.activation)

    def build(self, input_shape):
        channels = self.check_channels(input_shape)
        self.kernel = self.add_weight(
            (*self.kernel_size, channels, self.depth_multiplier),
            self.depthwise_initializer,
            name="kernel",
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (channels * self.depth_multiplier,),
                self.bias_initializer,
                name="bias",
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def call(self, inputs):
        self.compute_output_shape(inputs.shape)
        y = depthwise(self.to_last(inputs), self.kernel.value, self)
        if self.bias is not None:
            y = with_bias(y, self.bias.value)
        y = self.from_last(y)
        return y if self.activation is None else self.activation(y)

    def compute_output_shape(self, input_shape):
        picture = self.window_lengths(self.spatial_of(input_shape), self.kernel_size)
        channels = input_shape[self.channel_axis]
        return self.shape_of(input_shape[0], picture, channels * self.depth_multiplier)


def depthwise(x: Array, kernel: Array, layer: Spatial) -> Array:
    """Each channel by its own kernel: (batch, *picture, channels) to (batch, *picture, channels * multiplier)."""
    channels, multiplier = kernel.shape[-2:]
    kernel = jnp.reshape(kernel, (*kernel.shape[:-2], 1, channels * multiplier))
    return convolution(x, kernel, layer.strides, layer.padding.upper(), layer.dilation_rate, channels)


@builtin("layers")
class DepthwiseConv1D(Depthwise):
    """`Conv1D` with a kernel of its own for each channel, and no sum over the channels.

    Args: as in `Conv1D`; `depth_multiplier` kernels a channel.

    Shapes: (batch, steps, channels) to (batch, new steps, channels * depth_multiplier).

    >>> import kerata, numpy as np
    >>> kerata.layers.DepthwiseConv1D(3, depth_multiplier=2)(np.ones((1, 6, 4), "float32")).shape
    (1, 4, 8)
    """

    rank = 1


@builtin("layers", "DepthwiseConvolution2D")
class DepthwiseConv2D(Depthwise):
    """`Conv2D` with a kernel of its own for each channel, and no sum over the channels.

    Args: as in `Conv2D`; `depth_multiplier` kernels a channel.

    Shapes: (batch, height, width, channels) to (batch, new height, new width, channels * depth_multiplier).

    >>> import kerata, numpy as np
    >>> kerata.layers.DepthwiseConv2D(3)(np.ones((1, 6, 6, 4), "float32")).shape
    (1, 4, 4, 4)
    """

    rank = 2
    __init__ = with_defaults(Depthwise.__init__, strides=(1, 1), dilation_rate=(1, 1))


class Separable(Spatial):
    """What separable convolutions have in common: first each channel alone, then all channels at each place."""

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        depth_multiplier=1,
        activation=None,
        use_bias=True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        pointwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        pointwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        pointwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = check_positive_int(self, "filters", filters)
        self.take_window(kernel_size, strides, padding, data_format, dilation_rate)
        self.depth_multiplier = check_positive_int(self, "depth_multiplier", depth_multiplier)
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.pointwise_initializer = initializers.get(pointwise_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)
        self.pointwise_constraint = constraints.get(pointwise_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.mixes_samples = mixes_samples(self.activation)

    def build(self, input_shape):
        channels = self.check_channels(input_shape)
        self.depthwise_kernel = self.add_weight(
            (*self.kernel_size, channels, self.depth_multiplier),
            self.depthwise_initializer,
            name="depthwise_kernel",
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
        )
        self.pointwise_kernel = self.add_weight(
            (*(1,) * self.rank, channels * self.depth_multiplier, self.filters),
            self.pointwise_initializer,
            name="pointwise_kernel",
            regularizer=self.pointwise_regularizer,
            constraint=self.pointwise_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (self.filters,),
                self.bias_initializer,
                name="bias",
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def call(self, inputs):
        self.compute_output_shape(inputs.shape)
        x = depthwise(self.to_last(inputs), self.depthwise_kernel.value, self)
        pointwise = self.pointwise_kernel.value
        y = jnp.matmul(x, jnp.reshape(pointwise, pointwise.shape[-2:]))  # (batch, *picture, filters)
        if self.bias is not None:
            y = with_bias(y, self.bias.value)
        y = self.from_last(y)
        return y if self.activation is None else self.activation(y)

    def compute_output_shape(self, input_shape):
        picture = self.window_lengths(self.spatial_of(input_shape), self.kernel_size)
        return self.shape_of(input_shape[0], picture, self.filters)


@builtin("layers", "SeparableConvolution1D")
class SeparableConv1D(Separable):
    """`DepthwiseConv1D`, then a dense layer at each step: far fewer weights than `Conv1D`.

    Args: as in `Conv1D`; `depth_multiplier` kernels a channel in the first part.

    Shapes: (batch, steps, channels) to (batch, new steps, filters).

    >>> import kerata, numpy as np
    >>> kerata.layers.SeparableConv1D(8, 3)(np.ones((1, 6, 4), "float32")).shape
    (1, 4, 8)
    """

    rank = 1


@builtin("layers", "SeparableConvolution2D")
class SeparableConv2D(Separable):
    """`DepthwiseConv2D`, then a dense layer at each pixel: far fewer weights than `Conv2D`.

    Args: as in `Conv2D`; `depth_multiplier` kernels a channel in the first part.

    Shapes: (batch, height, width, channels) to (batch, new height, new width, filters).

    >>> import kerata, numpy as np
    >>> kerata.layers.SeparableConv2D(8, 3)(np.ones((1, 6, 6, 4), "float32")).shape
    (1, 4, 4, 8)
    """

    rank = 2
    __init__ = with_defaults(Separable.__init__, strides=(1, 1), dilation_rate=(1, 1))
