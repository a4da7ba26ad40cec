"""Pooling: the largest or mean value under a window, or of everything."""

import jax.numpy as jnp

from kerata.base.arguments import with_defaults
from kerata.base.config import standardize_data_format
from kerata.base.registry import builtin
from kerata.engine.types import Array
from kerata.kernels.maxima import largest
from kerata.kernels.pooling import average_pool, max_pool
from kerata.kernels.sums import mean_along
from kerata.layers.layer import InputSpec
from kerata.layers.spatial import Spatial


class Pooling(Spatial):
    """What pooling layers with a window have in common."""

    def __init__(self, pool_size, strides=None, padding="valid", data_format=None, name=None, **kwargs):
        super().__init__(name=name, **kwargs)
        self.take_window(pool_size, pool_size if strides is None else strides, padding, data_format, size_name="pool_size")

    def compute_output_shape(self, input_shape):
        picture = self.window_lengths(self.spatial_of(input_shape), self.pool_size)
        return self.shape_of(input_shape[0], picture, input_shape[self.channel_axis])


class MaxPooling(Pooling):
    """y[p] = the largest number under the window at p, channel by channel."""

    def call(self, inputs):
        self.compute_output_shape(inputs.shape)  # raises where no window fits
        return self.from_last(max_pool(self.to_last(inputs), self.pool_size, self.strides, self.padding.upper()))


class AveragePooling(Pooling):
    """y[p] = the mean of the numbers under the window at p, channel by channel; padding is not counted."""

    def call(self, inputs):
        self.compute_output_shape(inputs.shape)
        return self.from_last(average_pool(self.to_last(inputs), self.pool_size, self.strides, self.padding.upper()))


@builtin("layers", "MaxPool1D")
class MaxPooling1D(MaxPooling):
    """The largest of `pool_size` steps, channel by channel.

    Args:
        pool_size: steps in the window.
        strides: steps between windows, `pool_size` by default.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first".

    Shapes: (batch, steps, channels) to (batch, new steps, channels).

    >>> import kerata, numpy as np
    >>> kerata.layers.MaxPooling1D(2)(np.ones((1, 6, 3), "float32")).shape
    (1, 3, 3)
    """

    rank = 1
    __init__ = with_defaults(MaxPooling.__init__, pool_size=2)


@builtin("layers", "MaxPool2D")
class MaxPooling2D(MaxPooling):
    """The largest number of each window of a picture, channel by channel.

    Args:
        pool_size: height and width of the window.
        strides: pixels between windows, `pool_size` by default.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first".

    Shapes: (batch, height, width, channels) to (batch, new height, new width, channels).

    >>> import kerata, numpy as np
    >>> kerata.layers.MaxPooling2D()(np.ones((1, 6, 6, 3), "float32")).shape
    (1, 3, 3, 3)
    """

    rank = 2
    __init__ = with_defaults(MaxPooling.__init__, pool_size=(2, 2))


@builtin("layers", "MaxPool3D")
class MaxPooling3D(MaxPooling):
    """The largest number of each window of a volume, channel by channel.

    Args: as in `MaxPooling2D`, with three spatial axes.

    Shapes: (batch, depth, height, width, channels) to (batch, new depth, new height, new width, channels).

    >>> import kerata, numpy as np
    >>> kerata.layers.MaxPooling3D()(np.ones((1, 4, 4, 4, 3), "float32")).shape
    (1, 2, 2, 2, 3)
    """

    rank = 3
    __init__ = with_defaults(MaxPooling.__init__, pool_size=(2, 2, 2))


@builtin("layers", "AvgPool1D")
class AveragePooling1D(AveragePooling):
    """The mean of `pool_size` steps, channel by channel.

    Args and shapes: as in `MaxPooling1D`.

    >>> import kerata, numpy as np
    >>> kerata.layers.AveragePooling1D(2)(np.ones((1, 6, 3), "float32")).shape
    (1, 3, 3)
    """

    rank = 1


@builtin("layers", "AvgPool2D")
class AveragePooling2D(AveragePooling):
    """The mean of each window of a picture, channel by channel.

    Args and shapes: as in `MaxPooling2D`.

    >>> import kerata, numpy as np
    >>> kerata.layers.AveragePooling2D(3, padding="same")(np.ones((1, 6, 6, 3), "float32")).shape
    (1, 2, 2, 3)
    """

    rank = 2


@builtin("layers", "AvgPool3D")
class AveragePooling3D(AveragePooling):
    """The mean of each window of a volume, channel by channel.

    Args and shapes: as in `MaxPooling3D`.

    >>> import kerata, numpy as np
    >>> kerata.layers.AveragePooling3D(2)(np.ones((1, 4, 4, 4, 3), "float32")).shape
    (1, 2, 2, 2, 3)
    """

    rank = 3


class GlobalPooling(Spatial):
    """What pooling over all places has in common."""

    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.keepdims = bool(keepdims)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    @property
    def axes(self) -> tuple[int, ...]:
        first = 1 if self.data_format == "channels_last" else 2
        return tuple(range(first, first + self.rank))

    def compute_output_shape(self, input_shape):
        channels = input_shape[self.channel_axis]
        return self.shape_of(input_shape[0], (1,) * self.rank, channels) if self.keepdims else (input_shape[0], channels)


class GlobalMaxPooling(GlobalPooling):
    """y = the largest number of each channel."""

    def call(self, inputs):
        return largest(inputs, self.axes, self.keepdims)


class GlobalAveragePooling(GlobalPooling):
    """y = the mean of each channel."""

    def call(self, inputs):
        return mean_along(inputs, tuple(self.axes), self.keepdims)


@builtin("layers", "GlobalMaxPool1D")
class GlobalMaxPooling1D(GlobalMaxPooling):
    """The largest number of each channel over all steps.

    Args:
        data_format: "channels_last" or "channels_first".
        keepdims: whether the axis of the steps stays, with size 1.

    Shapes: (batch, steps, channels) to (batch, channels).

    >>> import kerata, numpy as np
    >>> kerata.layers.GlobalMaxPooling1D()(np.ones((2, 6, 3), "float32")).shape
    (2, 3)
    """

    rank = 1


@builtin("layers", "GlobalMaxPool2D")
class GlobalMaxPooling2D(GlobalMaxPooling):
    """The largest number of each channel over the whole picture.

    Args: as in `GlobalMaxPooling1D`.

    Shapes: (batch, height, width, channels) to (batch, channels).

    >>> import kerata, numpy as np
    >>> kerata.layers.GlobalMaxPooling2D(keepdims=True)(np.ones((2, 6, 6, 3), "float32")).shape
    (2, 1, 1, 3)
    """

    rank = 2


@builtin("layers", "GlobalMaxPool3D")
class GlobalMaxPooling3D(GlobalMaxPooling):
    """The largest number of each channel over the whole volume.

    Args: as in `GlobalMaxPooling1D`.

    Shapes: (batch, depth, height, width, channels) to (batch, channels).

    >>> import kerata, numpy as np
    >>> kerata.layers.GlobalMaxPooling3D()(np.ones((2, 4, 4, 4, 3), "float32")).shape
    (2, 3)
    """

    rank = 3


@builtin("layers", "GlobalAvgPool1D")
class GlobalAveragePooling1D(GlobalAveragePooling):
    """The mean of each channel over all steps; masked steps are not counted.

    Args: as in `GlobalMaxPooling1D`.

    Shapes: (batch, steps, channels) to (batch, channels).

    >>> import kerata, numpy as np
    >>> kerata.layers.GlobalAveragePooling1D()(np.ones((2, 6, 3), "float32")).shape
    (2, 3)
    """

    rank = 1

    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(data_format, keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs, mask=None):
        if mask is None:
            return super().call(inputs)
        steps = self.axes[0]
        weights = jnp.expand_dims(mask, self.channel_axis).astype(inputs.dtype)  # (batch, steps, 1)
        total = jnp.sum(jnp.where(weights > 0, inputs, 0), steps, keepdims=self.keepdims)
        return total / jnp.sum(weights, steps, keepdims=self.keepdims)

    def compute_mask(self, inputs: object, mask: Array | None = None) -> None:
        return None


@builtin("layers", "GlobalAvgPool2D")
class GlobalAveragePooling2D(GlobalAveragePooling):
    """The mean of each channel over the whole picture.

    Args: as in `GlobalMaxPooling1D`.

    Shapes: (batch, height, width, channels) to (batch, channels).

    >>> import kerata, numpy as np
    >>> kerata.layers.GlobalAveragePooling2D()(np.ones((2, 6, 6, 3), "float32")).shape
    (2, 3)
    """

    rank = 2


@builtin("layers", "GlobalAvgPool3D")
class GlobalAveragePooling3D(GlobalAveragePooling):
    """The mean of each channel over the whole volume.

    Args: as in `GlobalMaxPooling1D`.

    Shapes: (batch, depth, height, width, channels) to (batch, channels).

    >>> import kerata, numpy as np
    >>> kerata.layers.GlobalAveragePooling3D()(np.ones((2, 4, 4, 4, 3), "float32")).shape
    (2, 3)
    """

    rank = 3
