"""Convolutions: over sequences, pictures and volumes."""

import jax.numpy as jnp

from kerata import activations, constraints, initializers, regularizers
from kerata.base.arguments import with_defaults
from kerata.base.checks import check_positive_int, message
from kerata.base.registry import builtin
from kerata.engine.module import shown
from kerata.engine.types import Array, InitializerLike, TensorLike
from kerata.kernels.convolution import convolution
from kerata.kernels.sums import with_bias
from kerata.layers.adapters import Adaptable, weight_in_use
from kerata.layers.core import mixes_samples
from kerata.layers.spatial import PADDINGS, Spatial


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
        kernel_initializer: InitializerLike = "glorot_uniform",
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

    def convolve(self, x: Array) -> Array:
        """x convolved with the kernel, channels last."""
        return self.convolve_with(x, self.kernel.value)

    def convolve_with(self, x: Array, kernel: Array) -> Array:
        """x convolved with any kernel, channels last."""
        padding: str | tuple[tuple[int, int], ...] = self.padding.upper()
        if self.padding == "causal":
            padding = (((self.kernel_size[0] - 1) * self.dilation_rate[0], 0),)
        return convolution(x, kernel, self.strides, padding, self.dilation_rate, self.groups)

    def call(self, inputs):
        self.compute_output_shape(inputs.shape)  # raises where no window fits
        y = self.convolve(self.to_last(inputs))
        if self.bias is not None:
            y = with_bias(y, self.bias.value)
        y = self.from_last(y)
        return y if self.activation is None else self.activation(y)

    def compute_output_shape(self, input_shape):
        picture = self.window_lengths(self.spatial_of(input_shape), self.kernel_size)
        return self.shape_of(input_shape[0], picture, self.filters)


class PlainConvolution(Convolution, Adaptable):
    """A convolution whose kernel a subclass may change for each call. The base of three public classes."""

    kernel = shown(weight_in_use)

    def build(self, input_shape):
        super().build(input_shape)
        self.make_adapters()

    def convolution_op(self, inputs: TensorLike, kernel: TensorLike) -> Array:
        """The convolution of inputs with a kernel. A subclass that overrides it changes what the layer computes."""
        return self.from_last(self.convolve_with(self.to_last(jnp.asarray(inputs)), jnp.asarray(kernel)))

    def apply_weight(self, inputs, weight):
        if type(self).convolution_op is PlainConvolution.convolution_op:
            return self.convolve_with(inputs, weight)
        return self.to_last(self.convolution_op(self.from_last(inputs), weight))

    @property
    def adds_on_last_axis(self) -> bool:
        return self.groups == 1 and type(self).convolution_op is PlainConvolution.convolution_op

    def convolve(self, x: Array) -> Array:
        return self.weigh(x)


@builtin("layers", "Convolution1D")
class Conv1D(PlainConvolution):
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
class Conv2D(PlainConvolution):
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
class Conv3D(PlainConvolution):
    """y[p] = activation(sum over taps s of x[p + s] @ kernel[s] + bias): a window that slides over a volume.

    Args: as in `Conv2D`, with three spatial axes.

    Shapes: (batch, depth, height, width, channels) to (batch, new depth, new height, new width, filters).

    >>> import kerata, numpy as np
    >>> kerata.layers.Conv3D(2, 2)(np.ones((1, 4, 4, 4, 3), "float32")).shape
    (1, 3, 3, 3, 2)
    """

    rank = 3
    __init__ = with_defaults(Convolution.__init__, strides=(1, 1, 1), dilation_rate=(1, 1, 1))
