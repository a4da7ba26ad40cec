"""Pictures seen from elsewhere, and pictures on a rubber sheet."""

import jax.numpy as jnp

from kerata.base.checks import check_number
from kerata.base.registry import builtin
from kerata.engine.random import draw_key
from kerata.kernels.sampling import homography
from kerata.layers.augmentation.base import FILL_MODES, INTERPOLATIONS, Augmentation, check_ends, check_mode, check_range
from kerata.ops.image import perspective_transform, stretch


@builtin("layers")
class RandomPerspective(Augmentation):
    """Shows each picture from another place: its corners are moved by up to `scale / 2` of their distance from the first.

    Args:
        factor: the probability of a change: [lower, upper] between 0 and 1, or one number for [0, factor].
        scale: how far, between 0 and 1.
        interpolation: `"bilinear"` or `"nearest"`.
        fill_value: what is seen outside.
        seed: an integer for a stream of its own.
        data_format: `"channels_last"` or `"channels_first"`.

    Shapes: (batch, height, width, channels), or one picture, unchanged; likewise channels first.

    >>> import kerata, numpy as np
    >>> kerata.layers.RandomPerspective(scale=0.3)(np.ones((2, 4, 4, 1), "float32"), training=True).shape
    (2, 4, 4, 1)
    """

    # Each picture is by itself, but systems of equations prove nothing of it.
    mixes_samples = True
    keeps_places = False

    def __init__(self, factor=1.0, scale=1.0, interpolation="bilinear", fill_value=0.0, seed=None, data_format=None, **kwargs):
        super().__init__(seed, data_format, **kwargs)
        self.factor = check_range(self, "factor", factor, 0, 1)
        self.scale = check_number(self, "scale", scale, low=0.0, high=1.0)
        self.interpolation = check_mode(self, "interpolation", interpolation, INTERPOLATIONS)
        self.fill_value = fill_value

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        count, (height, width) = self.count(data), self.size_of(data)
        chosen = self.choose(count, seed)
        corners = [[0.0, 0.0], [width - 1, 0.0], [0.0, height - 1], [width - 1, height - 1]]
        start = jnp.broadcast_to(jnp.asarray(corners, self.compute_dtype), (count, 4, 2))
        shares = self.draw((count, 4, 2), -0.5 * self.scale, 0.5 * self.scale, seed, self.compute_dtype)
        return {
            "apply_perspective": chosen,
            "start_points": start,
            "end_points": start + start * shares,
            "input_shape": tuple(self.images_of(data).shape),
        }

    def change(self, images, transformation):
        return self.move(images, transformation, self.interpolation)

    def move(self, images, transformation, interpolation):
        if images.ndim == 3:
            return self.move(images[None], transformation, interpolation)[0]
        points = transformation["start_points"], transformation["end_points"]
        moved = perspective_transform(images, *points, interpolation, self.fill_value, self.data_format)
        return jnp.where(transformation["apply_perspective"][:, None, None, None], moved, images)

    def move_boxes(self, bounding_boxes, transformation):
        shape = transformation["input_shape"]
        size = shape[self.height_axis], shape[self.width_axis]
        boxes = self.as_corners(bounding_boxes, *size)
        # From where a point was to where it is.
        h = homography(transformation["end_points"], transformation["start_points"])[:, None, :]
        x0, y0, x1, y1 = (boxes["boxes"][..., number] for number in range(4))
        x, y = jnp.stack([x0, x1, x0, x1], -1), jnp.stack([y0, y1, y1, y0], -1)  # (batch, boxes, 4)
        a, b, c, d, e, f, g, i = (h[..., number, None] for number in range(8))
        depth = g * x + i * y + 1.0
        x, y = (a * x + b * y + c) / depth, (d * x + e * y + f) / depth
        moved = jnp.stack([x.min(-1), y.min(-1), x.max(-1), y.max(-1)], -1)
        boxes["boxes"] = jnp.where(transformation["apply_perspective"][:, None, None], moved, boxes["boxes"])
        return self.as_given(boxes, *size)


@builtin("layers")
class RandomElasticTransform(Augmentation):
    """Moves the pixels of each picture by a smooth random field, as if it were drawn on a rubber sheet that is pulled about.

    Pixels are moved by numbers of deviation 0.05 s times the smaller side, smoothed by a window of this deviation, times 0.1 s
    times the larger side; s is drawn from `scale` for a batch.

    Args:
        factor: the probability of a change: [lower, upper] between 0 and 1, or one number for [0, factor].
        scale: how strong: likewise.
        interpolation: `"bilinear"` or `"nearest"`.
        fill_mode: what is seen outside: `"reflect"`, `"wrap"`, `"constant"` or `"nearest"`.
        fill_value: of `"constant"`.
        value_range: what the results are clipped to.
        seed: an integer for a stream of its own.
        data_format: `"channels_last"` or `"channels_first"`.

    Shapes: (batch, height, width, channels), or one picture, unchanged; likewise channels first.

    >>> import kerata, numpy as np
    >>> kerata.layers.RandomElasticTransform(scale=0.5)(np.ones((2, 4, 4, 1), "float32"), training=True).shape
    (2, 4, 4, 1)
    """

    keeps_places = False

    def __init__(
        self,
        factor=1.0,
        scale=1.0,
        interpolation="bilinear",
        fill_mode="reflect",
        fill_value=0.0,
        value_range=(0, 255),
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(seed, data_format, **kwargs)
        self.factor = check_range(self, "factor", factor, 0, 1)
        self.scale = check_range(self, "scale", scale, 0, 1)
        self.interpolation = check_mode(self, "interpolation", interpolation, INTERPOLATIONS)
        self.fill_mode = check_mode(self, "fill_mode", fill_mode, FILL_MODES)
        self.fill_value = fill_value
        self.value_range = check_ends(self, value_range)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training or self.scale[1] == 0 or self.factor[1] == 0:
            return None
        chosen = self.choose(self.count(data), seed)
        strength = self.draw((), *self.scale, seed, self.compute_dtype)
        key = draw_key(self.generator if seed is None else seed)
        return {"apply_transform": chosen, "distortion_factor": strength, "seed": key}

    def get_elastic_transform_params(self, height, width, factor):
        """How far pixels are moved, and the deviation of the field, for pictures of a size."""
        return 0.1 * factor * max(height, width), 0.05 * factor * min(height, width)

    def change(self, images, transformation):
        return jnp.clip(self.move(images, transformation, self.interpolation), *self.value_range)

    def move(self, images, transformation, interpolation):
        x = jnp.moveaxis(images, -3, -1) if self.data_format == "channels_first" else images
        size = x.shape[1], x.shape[2]
        alpha, sigma = self.get_elastic_transform_params(*size, transformation["distortion_factor"])
        # A window for the strongest change, so that its size is known before the draw.
        window = int(6 * self.get_elastic_transform_params(*size, self.scale[1])[1]) | 1
        order = INTERPOLATIONS.index(interpolation)
        seed = transformation["seed"]
        key = draw_key(seed) if isinstance(seed, int) else seed
        # Not 0, by which the window's distances are divided.
        sigma = jnp.maximum(jnp.asarray(sigma, jnp.float32), 1e-3)
        moved = stretch(x, alpha, sigma, window, order, self.fill_mode, self.fill_value, key)
        y = jnp.where(jnp.asarray(transformation["apply_transform"])[:, None, None, None], moved, x)
        return jnp.moveaxis(y, -1, -3) if self.data_format == "channels_first" else y

    def move_boxes(self, bounding_boxes, transformation):
        # As in Keras: a field that is smooth moves no box far.
        return bounding_boxes
