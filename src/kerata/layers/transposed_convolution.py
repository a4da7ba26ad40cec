"""Transposed convolutions: over sequences, pictures and volumes."""

from kerata.base.arguments import with_defaults
from kerata.base.checks import message, standardize_tuple
from kerata.base.registry import builtin
from kerata.engine.types import Array
from kerata.kernels.convolution import transposed_convolution
from kerata.layers.convolution import Convolution


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

    def convolve(self, x: Array) -> Array:
        pads = [self.pads(axis) for axis in range(self.rank)]
        return transposed_convolution(x, self.kernel.value, self.strides, pads, self.dilation_rate)

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
