"""Layers that give pictures another scale or size."""

import jax.numpy as jnp
import numpy as np

from kerata.base.checks import KindError, check_choice, check_positive_int, message
from kerata.base.config import image_data_format, standardize_data_format
from kerata.base.registry import builtin
from kerata.layers.layer import Layer
from kerata.ops.image import INTERPOLATIONS, resize


@builtin("layers")
class Rescaling(Layer):
    """outputs = x * scale + offset.

    The first layer of a network that takes bytes: `Rescaling(1 / 255)` brings pixels between 0 and 1,
    `Rescaling(1 / 127.5, -1)` between -1 and 1.

    Args:
        scale: a number, or one for each channel.
        offset: a number, or one for each channel.

    Shapes: the output has the shape of the input. Channels are the last axis; numbers for each channel follow
    `image_data_format()`.

    >>> import kerata, numpy as np
    >>> kerata.layers.Rescaling(1 / 4)(np.array([[0, 2, 4]], "uint8")).tolist()
    [[0.0, 0.5, 1.0]]
    """

    mixes_samples = False

    def __init__(self, scale, offset=0.0, **kwargs):
        super().__init__(**kwargs)
        self.scale, self.offset = (self._take(name, value) for name, value in (("scale", scale), ("offset", offset)))
        self.supports_masking = True

    def _take(self, name, value):
        if isinstance(value, (str, bytes, bool)) or not np.issubdtype(np.asarray(value).dtype, np.number):
            raise KindError(message(self, f"`{name}` must be a number, or one for each channel", {name: value}))
        return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value

    def call(self, inputs):
        scale, offset = jnp.asarray(self.scale, self.compute_dtype), jnp.asarray(self.offset, self.compute_dtype)
        if scale.ndim and image_data_format() == "channels_first":
            scale = scale.reshape(scale.shape + (1,) * (3 - scale.ndim))
        return inputs.astype(self.compute_dtype) * scale + offset

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)


class Sized(Layer):
    """What layers that give pictures a height and a width have in common."""

    mixes_samples = False

    def __init__(self, height, width, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.height, self.width = check_positive_int(self, "height", height), check_positive_int(self, "width", width)
        self.data_format = standardize_data_format(data_format)

    def build(self, input_shape):
        self.compute_output_shape(input_shape)

    def compute_output_shape(self, input_shape):
        shape = list(input_shape)
        if len(shape) not in (3, 4):
            raise ValueError(
                message(self, "a picture must have three axes, a batch of them four", {"input_shape": tuple(input_shape)})
            )
        first = len(shape) - (3 if self.data_format == "channels_last" else 2)
        shape[first : first + 2] = self.height, self.width
        return tuple(shape)


@builtin("layers")
class Resizing(Sized):
    """Pictures in another size.

    So that pictures of any size come to a network that knows one.

    Args:
        height, width: of the output, in pixels.
        interpolation: `"nearest"`, `"bilinear"`, `"bicubic"`, `"lanczos3"` or `"lanczos5"`.
        crop_to_aspect_ratio, pad_to_aspect_ratio: whether to keep the proportions, by cutting or by filling the sides.
        fill_mode: `"constant"`.
        fill_value: of the filled sides.
        antialias: whether to smooth before making smaller.
        data_format: `"channels_last"` or `"channels_first"`.

    Shapes: (batch, rows, columns, channels), or one picture, to (batch, height, width, channels); likewise channels first. The
    output has the dtype of the input; bytes are rounded.

    >>> import kerata, numpy as np
    >>> kerata.layers.Resizing(4, 6)(np.ones((2, 8, 8, 3), "float32")).shape
    (2, 4, 6, 3)
    """

    def __init__(
        self,
        height,
        width,
        interpolation="bilinear",
        crop_to_aspect_ratio=False,
        pad_to_aspect_ratio=False,
        fill_mode="constant",
        fill_value=0.0,
        antialias=False,
        data_format=None,
        **kwargs,
    ):
        super().__init__(height, width, data_format, **kwargs)
        self.interpolation = check_choice(self, "interpolation", interpolation, INTERPOLATIONS)
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise ValueError(message(self, "only one of `crop_to_aspect_ratio` and `pad_to_aspect_ratio` can be True"))
        self.crop_to_aspect_ratio, self.pad_to_aspect_ratio = bool(crop_to_aspect_ratio), bool(pad_to_aspect_ratio)
        self.fill_mode = check_choice(self, "fill_mode", fill_mode, ("constant",))
        self.fill_value, self.antialias = fill_value, bool(antialias)

    def call(self, inputs):
        return resize(
            inputs,
            (self.height, self.width),
            interpolation=self.interpolation,
            antialias=self.antialias,
            crop_to_aspect_ratio=self.crop_to_aspect_ratio,
            pad_to_aspect_ratio=self.pad_to_aspect_ratio,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )


@builtin("layers")
class CenterCrop(Sized):
    """The middle of pictures.

    A picture that is smaller than that in one direction is cut to the proportions, and resized.

    Args:
        height, width: of the output, in pixels.
        data_format: `"channels_last"` or `"channels_first"`.

    Shapes: (batch, rows, columns, channels), or one picture, to (batch, height, width, channels); likewise channels first.

    >>> import kerata, numpy as np
    >>> kerata.layers.CenterCrop(1, 2)(np.arange(12.0, dtype="float32").reshape(1, 3, 4, 1)).tolist()
    [[[[5.0], [6.0]]]]
    """

    def call(self, inputs):
        x = inputs.astype(self.compute_dtype)
        rows = x.ndim - (3 if self.data_format == "channels_last" else 2)
        top, left = x.shape[rows] - self.height, x.shape[rows + 1] - self.width
        if min(top, left) < 0:
            return resize(x, (self.height, self.width), crop_to_aspect_ratio=True, data_format=self.data_format)
        cut = [slice(None)] * x.ndim
        cut[rows], cut[rows + 1] = slice(top // 2, top // 2 + self.height), slice(left // 2, left // 2 + self.width)
        return x[tuple(cut)]
