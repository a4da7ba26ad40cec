"""Contrast, brightness, hue, saturation, and pictures without colours."""

import jax
import jax.numpy as jnp

from kerata.base.checks import check_number
from kerata.base.registry import builtin
from kerata.layers.augmentation.base import Augmentation, check_ends, check_range, check_value_range, rescale
from kerata.ops.image import hsv_to_rgb, rgb_to_grayscale, rgb_to_hsv


@builtin("layers")
class RandomContrast(Augmentation):
    """outputs = (x - mean) * u + mean, u uniform in [1 - lower, 1 + upper], the mean one picture's and channel's.

    Args:
        factor: [lower, upper] between 0 and 1, or one number for [0, factor] around it.
        value_range: what the results are clipped to.
        seed: an integer for a stream of its own.

    Shapes: (batch, height, width, channels), or one picture, unchanged.

    >>> import kerata, numpy as np
    >>> x = np.array([[[0.0], [4.0]]], "float32")[None]
    >>> layer = kerata.layers.RandomContrast(0.5)
    >>> layer.transform_images(x, {"contrast_factor": np.full((1, 1, 1, 1), 0.5, "float32")}).ravel().tolist()
    [1.0, 3.0]
    """

    def __init__(self, factor, value_range=(0, 255), seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        self.factor = check_range(self, "factor", factor, 0, 1)
        self.value_range = check_ends(self, value_range)

    def get_random_transformation(self, data, training=True, seed=None):
        shape = self.a_picture(data)
        if not training:
            return {"contrast_factor": jnp.zeros(shape)}
        low, high = 1.0 - self.factor[0], 1.0 + self.factor[1]
        return {"contrast_factor": self.draw(shape, low, high, seed, self.compute_dtype)}

    def change(self, images, transformation):
        mean = jnp.mean(images, (self.height_axis, self.width_axis), keepdims=True)
        return jnp.clip((images - mean) * self.cast(transformation["contrast_factor"]) + mean, *self.value_range)


@builtin("layers")
class RandomBrightness(Augmentation):
    """outputs = x + u * (high - low of `value_range`), u uniform in [lower, upper], one for each picture.

    Args:
        factor: [lower, upper] between -1 and 1, or one number for [-factor, factor].
        value_range: what the pixels lie between, and the results are clipped to.
        seed: an integer for a stream of its own.

    Shapes: (batch, height, width, channels), or one picture, unchanged.

    >>> import kerata, numpy as np
    >>> x = np.array([[[0.0], [4.0]]], "float32")[None]
    >>> layer = kerata.layers.RandomBrightness(0.5)
    >>> layer.transform_images(x, {"rgb_delta": np.full((1, 1, 1, 1), 2.0, "float32")}).ravel().tolist()
    [2.0, 6.0]
    """

    def __init__(self, factor, value_range=(0, 255), seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        self.factor = check_range(self, "factor", 0.0 if factor is None else factor, -1, 1)
        self.value_range = check_value_range(self, value_range)

    def get_random_transformation(self, data, training=True, seed=None):
        shape = self.a_picture(data)
        if not training:
            return {"rgb_delta": jnp.zeros(shape)}
        return {"rgb_delta": self.draw(shape, *self.factor, seed) * (self.value_range[1] - self.value_range[0])}

    def change(self, images, transformation):
        return jnp.clip(images + self.cast(transformation["rgb_delta"]), *self.value_range)


class HueAndSaturation(Augmentation):
    """Changes pictures as hue, saturation and value. The base of two public classes."""

    def split(self, images) -> list:
        """Hue, saturation and value, each (batch, height, width)."""
        return list(jnp.moveaxis(rgb_to_hsv(images.astype(jnp.float32), self.data_format), self.channel_axis, 0))

    def join(self, parts) -> jax.Array:
        return hsv_to_rgb(
            jnp.concatenate([jnp.expand_dims(p, self.channel_axis) for p in parts], self.channel_axis), self.data_format
        )


@builtin("layers")
class RandomHue(HueAndSaturation):
    """Turns the hue of each picture by s u / 2 of the circle, u uniform in [lower, upper], s = 1 or -1.

    Args:
        factor: [lower, upper] between 0 and 1, or one number for [0, factor].
        value_range: what the pixels lie between.
        data_format: `"channels_last"` or `"channels_first"`.
        seed: an integer for a stream of its own.

    Shapes: (batch, height, width, 3), or one picture, unchanged; likewise channels first.

    >>> import kerata, numpy as np
    >>> x = np.array([255.0, 0.0, 0.0], "float32").reshape(1, 1, 1, 3)
    >>> np.asarray(kerata.layers.RandomHue(0.5).transform_images(x, {"factor": np.array([0.5])})).round().ravel().tolist()
    [0.0, 255.0, 255.0]
    """

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(seed, data_format, **kwargs)
        self.factor = check_range(self, "factor", factor, 0, 1)
        self.value_range = check_ends(self, value_range)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        count = self.count(data)
        sign = jnp.where(self.draw((count,), seed=seed) > 0.5, -1.0, 1.0)
        return {"factor": sign * self.draw((count,), *self.factor, seed) * 0.5}

    def change(self, images, transformation):
        hue, saturation, value = self.split(rescale(images, self.value_range, (0, 1)))
        hue = hue + jnp.asarray(transformation["factor"], hue.dtype)[:, None, None]
        hue = jnp.where(hue > 1, hue - 1, jnp.where(hue < 0, hue + 1, hue))
        turned = jnp.clip(self.join([hue, saturation, value]), 0, 1)
        return self.cast(rescale(turned, (0, 1), self.value_range))


@builtin("layers")
class RandomSaturation(HueAndSaturation):
    """Multiplies the saturation of each picture by u / (1 - u), u uniform in [lower, upper]; 1/2 changes nothing.

    Args:
        factor: [lower, upper] between 0 and 1, or one number for [-factor, factor], as Keras has it.
        value_range: what saturations are clipped to, as Keras does.
        data_format: `"channels_last"` or `"channels_first"`.
        seed: an integer for a stream of its own.

    Shapes: (batch, height, width, 3), or one picture, unchanged; likewise channels first.

    >>> import kerata, numpy as np
    >>> x = np.array([200.0, 100.0, 100.0], "float32").reshape(1, 1, 1, 3)
    >>> layer = kerata.layers.RandomSaturation((0.3, 0.7))
    >>> layer.transform_images(x, {"factor": np.array([0.0])}).ravel().tolist()
    [200.0, 200.0, 200.0]
    """

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(seed, data_format, **kwargs)
        self.factor = check_range(self, "factor", factor, -1, 1)
        self.value_range = check_value_range(self, value_range)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        share = self.draw((self.count(data),), *self.factor, seed)
        return {"factor": share / (1 - share + 1e-7)}

    def change(self, images, transformation):
        hue, saturation, value = self.split(images)
        saturation = saturation * jnp.asarray(transformation["factor"], hue.dtype)[:, None, None]
        return self.cast(self.join([hue, jnp.clip(saturation, *self.value_range), value]))


@builtin("layers")
class RandomGrayscale(Augmentation):
    """Some pictures without their colours: 0.2989 red + 0.587 green + 0.114 blue in each channel.

    Args:
        factor: the share of the pictures, between 0 and 1.
        data_format: `"channels_last"` or `"channels_first"`.
        seed: an integer for a stream of its own.

    Shapes: (batch, height, width, 3), or one picture, unchanged; likewise channels first.

    >>> import kerata, numpy as np
    >>> x = np.array([100.0, 0.0, 0.0], "float32").reshape(1, 1, 1, 3)
    >>> np.asarray(kerata.layers.RandomGrayscale(1.0)(x, training=True)).round().ravel().tolist()
    [30.0, 30.0, 30.0]
    """

    # As in Keras.
    _unsaved = frozenset({"seed"})

    def __init__(self, factor=0.5, data_format=None, seed=None, **kwargs):
        super().__init__(seed, data_format, **kwargs)
        self.factor = check_number(self, "factor", factor, 0, 1)

    def get_random_transformation(self, images, training=True, seed=None):
        if not training:
            return None
        return self.draw((self.count(images), 1, 1, 1), seed=seed) < self.factor

    # Under the names that Keras's class has for what it takes.

    def transform_labels(self, labels, transformations=None, training=True):
        return labels

    def transform_segmentation_masks(self, segmentation_masks, transformations=None, training=True):
        return segmentation_masks

    def compute_output_spec(self, inputs, **kwargs):
        return super().compute_output_spec(inputs, **kwargs)

    def change(self, images, transformation):
        return jnp.where(transformation, rgb_to_grayscale(images, self.data_format), images)


@builtin("layers")
class RandomColorDegeneration(Augmentation):
    """outputs = x + u * (gray - x), u uniform in [lower, upper]: 1 is without colours, negative numbers have more of them.

    Args:
        factor: [lower, upper] between -1 and 1, or one number for [-factor, factor].
        value_range: what the results are clipped to.
        data_format: `"channels_last"` or `"channels_first"`.
        seed: an integer for a stream of its own.

    Shapes: (batch, height, width, 3), or one picture, unchanged; likewise channels first.

    >>> import kerata, numpy as np
    >>> x = np.array([100.0, 0.0, 0.0], "float32").reshape(1, 1, 1, 3)
    >>> drawn = {"factor": np.ones((1, 1, 1, 1), "float32")}
    >>> np.asarray(kerata.layers.RandomColorDegeneration(0.5).transform_images(x, drawn)).round().ravel().tolist()
    [30.0, 30.0, 30.0]
    """

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(seed, data_format, **kwargs)
        self.factor = check_range(self, "factor", factor, -1, 1)
        self.value_range = check_value_range(self, value_range)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        return {"factor": self.draw((self.count(data), 1, 1, 1), *self.factor, seed)}

    def change(self, images, transformation):
        gray = rgb_to_grayscale(images, self.data_format)
        return jnp.clip(images + self.cast(transformation["factor"]) * (gray - images), *self.value_range)
