"""Layers that give pictures another scale or size."""

import jax.numpy as jnp
import numpy as np

from kerata.base.checks import KindError, check_choice, check_positive_int, message
from kerata.base.config import image_data_format
from kerata.base.registry import builtin
from kerata.base.serialization import deserialize_keras_object
from kerata.engine.symbolic import infer
from kerata.layers.pictures import DataLayer, PictureLayer
from kerata.ops.boxes import clip_to_image_size, convert_format, crop
from kerata.ops.image import INTERPOLATIONS, resize


@builtin("layers")
class Rescaling(DataLayer):
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

    @classmethod
    def from_config(cls, config, custom_objects=None):
        given = ("scale", "offset")
        plain = {**config, **{name: deserialize_keras_object(config[name], custom_objects) for name in given if name in config}}
        return super().from_config(plain)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)


class Sized(PictureLayer):
    """What layers that give pictures a height and a width have in common."""

    def __init__(self, height, width, data_format=None, **kwargs):
        super().__init__(data_format, **kwargs)
        self.height, self.width = check_positive_int(self, "height", height), check_positive_int(self, "width", width)

    def get_random_transformation(self, data, training=True, seed=None):
        return {"input_shape": tuple(self.images_of(data).shape)}

    def compute_output_spec(self, data, *args, **kwargs):
        if isinstance(data, dict):
            return infer(self._call_concrete_of, data, *args, **kwargs)
        return super().compute_output_spec(data, *args, **kwargs)

    def build(self, input_shape):
        if not isinstance(input_shape, dict):
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

    def get_random_transformation(self, data, training=True, seed=None):
        return self.size_of(data)

    def transform_images(self, images, transformation=None, training=True):
        return self._resize(images, self.interpolation)

    def transform_segmentation_masks(self, segmentation_masks, transformation=None, training=True):
        return self._resize(segmentation_masks, "nearest")

    def _resize(self, images, interpolation):
        return resize(
            images,
            (self.height, self.width),
            interpolation=interpolation,
            antialias=self.antialias,
            crop_to_aspect_ratio=self.crop_to_aspect_ratio,
            pad_to_aspect_ratio=self.pad_to_aspect_ratio,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        height, width = transformation
        given = jnp.asarray(bounding_boxes["boxes"])
        # Boxes that are not there, and only fill up.
        missing = jnp.all(given == -1, axis=-1) | jnp.all(given == 0, axis=-1)
        boxes = self.as_corners(bounding_boxes, height, width)
        (down, up), (right, left) = self._scales(height, width)
        scale, shift = jnp.array([right, down] * 2), jnp.array([left, up] * 2)
        kept = clip_to_image_size({**boxes, "boxes": boxes["boxes"] * scale + shift}, self.height, self.width)
        kept["boxes"] = jnp.where(missing[..., None], 0, kept["boxes"])
        return convert_format(kept, "xyxy", self.bounding_box_format or "xyxy", self.height, self.width)

    def _scales(self, height: int, width: int) -> tuple[tuple[float, float], tuple[float, float]]:
        """(scale, shift) of rows and of columns."""
        rows, columns = self.height / height, self.width / width
        if self.pad_to_aspect_ratio:
            rows = columns = min(rows, columns)
            return (rows, (self.height - height * rows) // 2), (columns, (self.width - width * columns) // 2)
        if self.crop_to_aspect_ratio:
            rows = columns = max(rows, columns)
            return (rows, -((height * rows - self.height) // 2)), (columns, -((width * columns - self.width) // 2))
        return (rows, 0.0), (columns, 0.0)


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

    def transform_images(self, images, transformation=None, training=True):
        return self._cut(self.cast(images), "bilinear")

    def transform_segmentation_masks(self, segmentation_masks, transformation=None, training=True):
        return self._cut(jnp.asarray(segmentation_masks), "nearest")

    def _cut(self, x, interpolation):
        rows = x.ndim - (3 if self.data_format == "channels_last" else 2)
        top, left = x.shape[rows] - self.height, x.shape[rows + 1] - self.width
        if min(top, left) < 0:
            return resize(x, (self.height, self.width), interpolation, crop_to_aspect_ratio=True, data_format=self.data_format)
        cut = [slice(None)] * x.ndim
        cut[rows], cut[rows + 1] = slice(top // 2, top // 2 + self.height), slice(left // 2, left // 2 + self.width)
        return x[tuple(cut)]

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        shape = transformation["input_shape"]
        height, width = shape[self.height_axis], shape[self.width_axis]
        rows, columns = self.height, self.width
        if height < rows or width < columns:
            # The largest part with the proportions of the output.
            rows = max(min(height, int(width * self.height / self.width)), 1)
            columns = max(min(width, int(height * self.width / self.height)), 1)
        boxes = self.as_corners(bounding_boxes, height, width)
        inside = crop(boxes["boxes"], (height - rows) // 2, (width - columns) // 2, rows, columns)
        boxes["boxes"] = inside * jnp.array([self.width / columns, self.height / rows] * 2)
        return self.as_given(boxes, self.height, self.width)
