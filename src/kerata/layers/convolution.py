"""Convolutions: over sequences, pictures and volumes; plain, transposed, depthwise and separable."""

from typing import Any

import jax.numpy as jnp
from jax import lax

from kerata import activations, constraints, initializers, regularizers
from kerata.base.arguments import with_defaults
from kerata.base.checks import check_choice, check_positive_int, message, standardize_tuple
from kerata.base.config import standardize_data_format
from kerata.base.registry import builtin
from kerata.kernels.convolution import canonical, convolution
from kerata.layers.core import mixes_samples
from kerata.layers.layer import InputSpec, Layer

PADDINGS = ("valid", "same")


class Spatial(Layer):
    """What layers with a window have in common: its size, its steps, the padding and the place of the channels.

    `rank` is the number of spatial axes. Computation is channels last; channels first is transposed on the way in and out.
    """

    rank = 2
    mixes_samples = False
    kernel_size: tuple[int, ...]
    pool_size: tuple[int, ...]

    def take_window(
        self,
        size: Any,
        strides: Any,
        padding: Any,
        data_format: Any,
        dilation_rate: Any = 1,
        size_name: str = "kernel_size",
        paddings: tuple[str, ...] = PADDINGS,
    ) -> None:
        """Checks and keeps the arguments that describe the window."""
        setattr(self, size_name, standardize_tuple(self, size_name, size, self.rank))
        self.strides = standardize_tuple(self, "strides", strides, self.rank)
        self.dilation_rate = standardize_tuple(self, "dilation_rate", dilation_rate, self.rank)
        self.padding = check_choice(self, "padding", str(padding).lower(), paddings)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                message(
                    self,
                    "`strides` and `dilation_rate` cannot both be larger than 1",
                    {"strides": self.strides, "dilation_rate": self.dilation_rate},
                )
            )

    @property
    def channel_axis(self) -> int:
        return -1 if self.data_format == "channels_last" else 1

    def check_channels(self, input_shape: Any) -> int:
        """The number of channels, which the weights depend on, so it must be known."""
        channels = input_shape[self.channel_axis]
        if channels is None:
            raise ValueError(
                message(
                    self,
                    "the number of channels must be known",
                    {"input_shape": input_shape},
                    f"The channels are axis {self.channel_axis} for data_format={self.data_format!r}",
                )
            )
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={self.channel_axis: channels})
        return int(channels)

    def to_last(self, x: Any) -> Any:
        """(batch, *picture, channels)."""
        return x if self.data_format == "channels_last" else jnp.moveaxis(x, 1, -1)

    def from_last(self, x: Any) -> Any:
        return x if self.data_format == "channels_last" else jnp.moveaxis(x, -1, 1)

    def spatial_of(self, shape: Any) -> tuple[int | None, ...]:
        return tuple(shape[1:-1] if self.data_format == "channels_last" else shape[2:])

    def shape_of(self, batch: int | None, picture: Any, channels: int) -> tuple[int | None, ...]:
        if self.data_format == "channels_last":
            return (batch, *picture, channels)
        return (batch, channels, *picture)

    def window_lengths(self, picture: Any, size: Any) -> tuple[int | None, ...]:
        """The output's size along each spatial axis, or an error where the window is larger than the picture."""
        lengths: list[int | None] = []
        for length, window, stride, dilation in zip(picture, size, self.strides, self.dilation_rate, strict=True):
            extent = (window - 1) * dilation + 1
            if length is None:
                lengths.append(None)
            elif self.padding == "valid":
                if length < extent:
                    raise ValueError(
                        message(
                            self,
                            "Computed output size would be zero or negative. The window must not be larger than the input",
                            {"window": tuple(size), "input": tuple(picture)},
                            "Use padding='same', or a smaller window",
                        )
                    )
                lengths.append((length - extent) // stride + 1)
            else:
                lengths.append(-(-length // stride))
        return tuple(lengths)


class Convolution(Spatial):
    """What convolutions with one kernel have in common."""

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        groups=1,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = check_positive_int(self, "filters", filters)
        paddings = (*PADDINGS, "causal") if self.rank == 1 else PADDINGS
        self.take_window(kernel_size, strides, padding, data_format, dilation_rate, paddings=paddings)
        self.groups = check_positive_int(self, "groups", groups)
        if self.filters % self.groups:
            raise ValueError(message(self, "`filters` must be a multiple of `groups`", {"filters": filters, "groups": groups}))
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.mixes_samples = mixes_samples(self.activation)

    def kernel_shape(self, channels: int) -> tuple[int, ...]:
        if channels % self.groups:
            raise ValueError(
                message(
                    self,
                    "the number of input channels must be a multiple of `groups`",
                    {"channels": channels, "groups": self.groups},
                )
            )
        return (*self.kernel_size, channels // self.groups, self.filters)

    def build(self, input_shape):
        self.kernel = self.add_weight(
            self.kernel_shape(self.check_channels(input_shape)),
            self.kernel_initializer,
            name="kernel",
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
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

    def convolve(self, x: Any) -> Any:
        """x convolved with the kernel, channels last."""
        padding: Any = self.padding.upper()
        if self.padding == "causal":
            padding = (((self.kernel_size[0] - 1) * self.dilation_rate[0], 0),)
        return convolution(x, self.kernel.value, self.strides, padding, self.dilation_rate, self.groups)

    def call(self, inputs):
        self.compute_output_shape(inputs.shape)  # raises where no window fits
        y = self.convolve(self.to_last(inputs))
        if self.bias is not None:
            y = y + self.bias.value
        y = self.from_last(y)
        return y if self.activation is None else self.activation(y)

    def compute_output_shape(self, input_shape):
        picture = self.window_lengths(self.spatial_of(input_shape), self.kernel_size)
        return self.shape_of(input_shape[0], picture, self.filters)


@builtin("layers", "Convolution1D")
class Conv1D(Convolution):
    """y[t] = activation(sum over taps s of x[t + s] @ kernel[s] + bias): a window that slides over a sequence.

    Args:
        filters: number of output channels.
        kernel_size: steps in the window.
        strides: steps between windows.
        padding: "valid" (whole windows only), "same" (as many outputs as inputs) or "causal" (no output sees a later input).
        data_format: "channels_last" or "channels_first".
        dilation_rate: distance between the taps.
        groups: parts of the channels that do not see each other.
        activation, use_bias, kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
        activity_regularizer, kernel_constraint, bias_constraint: as in `Dense`.

    Shapes: (batch, steps, channels) to (batch, new steps, filters).

    >>> import kerata, numpy as np
    >>> kerata.layers.Conv1D(8, 3, padding="causal")(np.ones((2, 10, 4), "float32")).shape
    (2, 10, 8)
    """

    rank = 1


@builtin("layers", "Convolution2D")
class Conv2D(Convolution):
    """y[p] = activation(sum over taps s of x[p + s] @ kernel[s] + bias): a window that slides over a picture.

    Args:
        filters: number of output channels.
        kernel_size: height and width of the window, or one number for both.
        strides: pixels between windows.
        padding: "valid" (whole windows only) or "same" (as many outputs as inputs, for strides of 1).
        data_format: "channels_last" or "channels_first".
        dilation_rate: distance between the taps.
        groups: parts of the channels that do not see each other.
        activation, use_bias, kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
        activity_regularizer, kernel_constraint, bias_constraint: as in `Dense`.

    Shapes: (batch, height, width, channels) to (batch, new height, new width, filters).

    >>> import kerata, numpy as np
    >>> kerata.layers.Conv2D(8, 3, activation="relu")(np.ones((2, 10, 10, 3), "float32")).shape
    (2, 8, 8, 8)
    """

    rank = 2
    __init__ = with_defaults(Convolution.__init__, strides=(1, 1), dilation_rate=(1, 1))


@builtin("layers", "Convolution3D")
class Conv3D(Convolution):
    """y[p] = activation(sum over taps s of x[p + s] @ kernel[s] + bias): a window that slides over a volume.

    Args: as in `Conv2D`, with three spatial axes.

    Shapes: (batch, depth, height, width, channels) to (batch, new depth, new height, new width, filters).

    >>> import kerata, numpy as np
    >>> kerata.layers.Conv3D(2, 2)(np.ones((1, 4, 4, 4, 3), "float32")).shape
    (1, 3, 3, 3, 2)
    """

    rank = 3
    __init__ = with_defaults(Convolution.__init__, strides=(1, 1, 1), dilation_rate=(1, 1, 1))


class Transposed(Convolution):
    """What transposed convolutions have in common: the gradient of a convolution as a layer, which enlarges its input."""

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        output_padding=None,
        data_format=None,
        dilation_rate=1,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(
            filters,
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            1,
            activation,
            use_bias,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
            **kwargs,
        )
        self.output_padding = None
        if output_padding is not None:
            self.output_padding = standardize_tuple(self, "output_padding", output_padding, self.rank, minimum=0)
            if any(o >= s for o, s in zip(self.output_padding, self.strides, strict=True)):
                raise ValueError(
                    message(
                        self,
                        "`output_padding` must be smaller than `strides`",
                        {"output_padding": output_padding, "strides": self.strides},
                    )
                )

    def kernel_shape(self, channels: int) -> tuple[int, ...]:
        return (*self.kernel_size, self.filters, channels)

    def transposed_length(self, axis: int, length: int | None) -> int | None:
        if length is None:
            return None
        extent = (self.kernel_size[axis] - 1) * self.dilation_rate[axis] + 1
        stride = self.strides[axis]
        extra = None if self.output_padding is None else self.output_padding[axis]
        if self.padding == "valid":
            return (length - 1) * stride + extent + (max(extent, stride) - extent if extra is None else extra)
        return length * stride if extra is None else (length - 1) * stride + extent % 2 + extra

    def pads(self, axis: int) -> tuple[int, int]:
        """Zeros around the stretched input, so that the output gets the size that `transposed_length` says."""
        extent = (self.kernel_size[axis] - 1) * self.dilation_rate[axis] + 1
        stride = self.strides[axis]
        extra = None if self.output_padding is None else self.output_padding[axis]
        if self.padding == "valid":
            return extent - 1, extent - 1 + (max(extent, stride) - extent if extra is None else extra)
        total = stride + extent - 2 if extra is None else extent + extent % 2 - 2 + extra
        before = min(total // 2 + total % 2, extent - 1)
        return before, total - before

    def convolve(self, x: Any) -> Any:
        # Stretched by zeros between the pixels, then an ordinary convolution with the kernel turned around.
        kernel = jnp.flip(self.kernel.value, tuple(range(self.rank)))
        kernel = jnp.swapaxes(kernel, -1, -2)  # (*window, channels, filters)
        return lax.conv_general_dilated(
            x,
            kernel,
            (1,) * self.rank,
            [self.pads(axis) for axis in range(self.rank)],
            lhs_dilation=self.strides,
            rhs_dilation=self.dilation_rate,
            dimension_numbers=canonical(self.rank),
        )

    def compute_output_shape(self, input_shape):
        picture = [self.transposed_length(axis, n) for axis, n in enumerate(self.spatial_of(input_shape))]
        return self.shape_of(input_shape[0], picture, self.filters)

    def get_config(self):
        config = super().get_config()
        config.pop("groups", None)
        return config


@builtin("layers", "Convolution1DTranspose")
class Conv1DTranspose(Transposed):
    """The gradient of `Conv1D` with respect to its input, as a layer: it enlarges a sequence `strides`-fold.

    Args: as in `Conv1D`; `output_padding` adds steps at the end.

    Shapes: (batch, steps, channels) to (batch, new steps, filters).

    >>> import kerata, numpy as np
    >>> kerata.layers.Conv1DTranspose(2, 3, strides=2, padding="same")(np.ones((1, 4, 3), "float32")).shape
    (1, 8, 2)
    """

    rank = 1


@builtin("layers", "Convolution2DTranspose", "Deconvolution2D")
class Conv2DTranspose(Transposed):
    """The gradient of `Conv2D` with respect to its input, as a layer: it enlarges a picture `strides`-fold.

    Args: as in `Conv2D`; `output_padding` adds rows and columns at the end.

    Shapes: (batch, height, width, channels) to (batch, new height, new width, filters).

    >>> import kerata, numpy as np
    >>> kerata.layers.Conv2DTranspose(2, 3, strides=2, padding="same")(np.ones((1, 4, 4, 3), "float32")).shape
    (1, 8, 8, 2)
    """

    rank = 2
    __init__ = with_defaults(Transposed.__init__, strides=(1, 1), dilation_rate=(1, 1))


@builtin("layers", "Convolution3DTranspose")
class Conv3DTranspose(Transposed):
    """The gradient of `Conv3D` with respect to its input, as a layer: it enlarges a volume `strides`-fold.

    Args: as in `Conv3D`; `output_padding` adds planes at the end.

    Shapes: (batch, depth, height, width, channels) to (batch, new depth, new height, new width, filters).

    >>> import kerata, numpy as np
    >>> kerata.layers.Conv3DTranspose(2, 2, strides=2)(np.ones((1, 2, 2, 2, 3), "float32")).shape
    (1, 4, 4, 4, 2)
    """

    rank = 3

    # Keras has `data_format` before `output_padding` here, and behind it in two dimensions.
    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1, 1),
        padding="valid",
        data_format=None,
        output_padding=None,
        dilation_rate=(1, 1, 1),
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(
            filters,
            kernel_size,
            strides,
            padding,
            output_padding,
            data_format,
            dilation_rate,
            activation,
            use_bias,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
            **kwargs,
        )


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
        depthwise_initializer="glorot_uniform",
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
            y = y + self.bias.value
        y = self.from_last(y)
        return y if self.activation is None else self.activation(y)

    def compute_output_shape(self, input_shape):
        picture = self.window_lengths(self.spatial_of(input_shape), self.kernel_size)
        channels = input_shape[self.channel_axis]
        return self.shape_of(input_shape[0], picture, channels * self.depth_multiplier)


def depthwise(x: Any, kernel: Any, layer: Spatial) -> Any:
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
        depthwise_initializer="glorot_uniform",
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
            y = y + self.bias.value
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
