"""Pooling to a size: windows that divide the input into as many parts as the output has places."""

from kerata.base.checks import KindError, message, standardize_tuple
from kerata.base.config import standardize_data_format
from kerata.base.registry import builtin
from kerata.layers.spatial import Spatial
from kerata.ops.windows import adaptive_average_pool, adaptive_max_pool


class AdaptivePooling(Spatial):
    """What pooling to a size has in common."""

    def __init__(self, output_size, data_format=None, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(output_size, (int, tuple, list)):
            expected = f"`output_size` must be a whole number, or {self.rank} of them"
            raise KindError(message(self, expected, {"output_size": output_size}))
        self.output_size = standardize_tuple(self, "output_size", output_size, self.rank)
        self.data_format = standardize_data_format(data_format)

    def compute_output_shape(self, input_shape):
        return self.shape_of(input_shape[0], self.output_size, input_shape[self.channel_axis])


class AdaptiveAveragePooling(AdaptivePooling):
    """y[i] = the mean over part i, from floor(i n / m) to ceil((i + 1) n / m), of n places for m parts."""

    def call(self, inputs):
        return adaptive_average_pool(inputs, self.output_size, self.data_format)


class AdaptiveMaxPooling(AdaptivePooling):
    """y[i] = the largest number of part i, from floor(i n / m) to ceil((i + 1) n / m), of n places for m parts."""

    def call(self, inputs):
        return adaptive_max_pool(inputs, self.output_size, self.data_format)


@builtin("layers")
class AdaptiveAveragePooling1D(AdaptiveAveragePooling):
    """The mean of each of `output_size` parts of a sequence, channel by channel.

    So that what comes behind sees one length, whatever the input's. Parts may share a step at their ends.

    Args:
        output_size: how many parts.
        data_format: "channels_last" or "channels_first".

    Shapes: (batch, steps, channels) to (batch, output_size, channels).

    >>> import kerata, numpy as np
    >>> kerata.layers.AdaptiveAveragePooling1D(2)(np.array([[[0.0], [2.0], [4.0]]], "float32")).ravel().tolist()
    [1.0, 3.0]
    """

    rank = 1


@builtin("layers")
class AdaptiveAveragePooling2D(AdaptiveAveragePooling):
    """The mean of each part of a picture, channel by channel.

    Args:
        output_size: rows and columns of parts, or one number for both.
        data_format: "channels_last" or "channels_first".

    Shapes: (batch, height, width, channels) to (batch, rows, columns, channels).

    >>> import kerata, numpy as np
    >>> kerata.layers.AdaptiveAveragePooling2D((2, 3))(np.ones((1, 5, 7, 4), "float32")).shape
    (1, 2, 3, 4)
    """

    rank = 2


@builtin("layers")
class AdaptiveAveragePooling3D(AdaptiveAveragePooling):
    """The mean of each part of a volume, channel by channel.

    Args: as in `AdaptiveAveragePooling2D`, with three spatial axes.

    Shapes: (batch, depth, height, width, channels) to (batch, *output_size, channels).

    >>> import kerata, numpy as np
    >>> kerata.layers.AdaptiveAveragePooling3D(2)(np.ones((1, 5, 4, 3, 2), "float32")).shape
    (1, 2, 2, 2, 2)
    """

    rank = 3


@builtin("layers")
class AdaptiveMaxPooling1D(AdaptiveMaxPooling):
    """The largest number of each of `output_size` parts of a sequence, channel by channel.

    Args and shapes: as in `AdaptiveAveragePooling1D`.

    >>> import kerata, numpy as np
    >>> kerata.layers.AdaptiveMaxPooling1D(2)(np.array([[[0.0], [2.0], [4.0]]], "float32")).ravel().tolist()
    [2.0, 4.0]
    """

    rank = 1


@builtin("layers")
class AdaptiveMaxPooling2D(AdaptiveMaxPooling):
    """The largest number of each part of a picture, channel by channel.

    Args and shapes: as in `AdaptiveAveragePooling2D`.

    >>> import kerata, numpy as np
    >>> kerata.layers.AdaptiveMaxPooling2D(2)(np.ones((1, 5, 7, 4), "float32")).shape
    (1, 2, 2, 4)
    """

    rank = 2


@builtin("layers")
class AdaptiveMaxPooling3D(AdaptiveMaxPooling):
    """The largest number of each part of a volume, channel by channel.

    Args and shapes: as in `AdaptiveAveragePooling3D`.

    >>> import kerata, numpy as np
    >>> kerata.layers.AdaptiveMaxPooling3D(2)(np.ones((1, 5, 4, 3, 2), "float32")).shape
    (1, 2, 2, 2, 2)
    """

    rank = 3
