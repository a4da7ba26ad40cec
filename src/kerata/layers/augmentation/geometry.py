"""Flips and crops, and what one affine map does: rotations, zooms, shifts, shears."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kerata.base.checks import check_choice, check_positive_int, message
from kerata.base.registry import builtin
from kerata.engine.seeds import law, make_default_key
from kerata.kernels.sampling import affine
from kerata.layers.augmentation.base import FILL_MODES, INTERPOLATIONS, Augmentation, as_tuple, check_mode, check_range
from kerata.ops.boxes import affine_transform, pad
from kerata.ops.image import resize

FLIPS = ("horizontal", "vertical", "horizontal_and_vertical")


@builtin("layers")
class RandomFlip(Augmentation):
    """Mirrors each picture with probability 1/2.

    Args:
        mode: `"horizontal"`, left for right; `"vertical"`, top for bottom; `"horizontal_and_vertical"`, both at once.
        seed: an integer for a stream of its own.
        data_format: `"channels_last"` or `"channels_first"`.

    Shapes: (batch, height, width, channels), or one picture, unchanged; likewise channels first.

    >>> import kerata, numpy as np
    >>> layer = kerata.layers.RandomFlip("horizontal")
    >>> x = np.array([[[1.0], [2.0]]], "float32")[None]
    >>> layer.transform_images(x, {"flips": np.array([True])[:, None, None, None]}).ravel().tolist()
    [2.0, 1.0]
    """

    keeps_places = False

    def __init__(self, mode="horizontal_and_vertical", seed=None, data_format=None, **kwargs):
        super().__init__(seed, data_format, **kwargs)
        self.mode = check_choice(self, "mode", mode, FLIPS)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        shape = self.a_picture(data)
        return {"flips": self.draw(shape, seed=seed) <= 0.5, "input_shape": tuple(self.images_of(data).shape)}

    def change(self, images, transformation):
        return self.move(images, transformation, "nearest")

    def move(self, images, transformation, interpolation):
        axes = [axis for axis, word in ((self.width_axis, "horizontal"), (self.height_axis, "vertical")) if word in self.mode]
        return jnp.where(transformation["flips"], jnp.flip(images, axes), images)

    def move_boxes(self, bounding_boxes, transformation):
        shape = transformation["input_shape"]
        size = shape[self.height_axis], shape[self.width_axis]
        boxes = self.as_corners(bounding_boxes, *size, form="rel_xyxy")
        x1, y1, x2, y2 = (boxes["boxes"][..., number] for number in range(4))
        if "horizontal" in self.mode:
            x1, x2 = 1 - x2, 1 - x1
        if "vertical" in self.mode:
            y1, y2 = 1 - y2, 1 - y1
        flips = jnp.reshape(jnp.asarray(transformation["flips"]), (-1, 1, 1))
        boxes["boxes"] = jnp.where(flips, jnp.stack([x1, y1, x2, y2], -1), boxes["boxes"])
        return self.as_given(boxes, *size, form="rel_xyxy")


class AffineAugmentation(Augmentation):
    """What one affine map does to each picture: a class says `numbers`. The base of four public classes."""

    keeps_places = False

    def set_filling(self, fill_mode, fill_value, interpolation):
        """Checks and keeps how pictures are read between and outside of their pixels."""
        self.fill_mode = check_mode(self, "fill_mode", fill_mode, FILL_MODES)
        self.interpolation = check_mode(self, "interpolation", interpolation, INTERPOLATIONS)
        self.fill_value = fill_value

    def numbers(self, transformation, height, width) -> Sequence[jax.Array | float]:
        """a0, a1, a2, b0, b1, b2, each a number or an array of shape (batch,): pixel (x, y) is (a0 x + a1 y + a2, ...)."""
        raise NotImplementedError

    def change(self, images, transformation):
        return self.move(images, transformation, self.interpolation)

    def move(self, images, transformation, interpolation):
        if self.data_format == "channels_first":
            images = jnp.moveaxis(images, 1, -1)
        numbers = self.numbers(transformation, *images.shape[1:3])
        moved = affine(images, numbers, INTERPOLATIONS.index(interpolation), self.fill_mode, self.fill_value)
        return jnp.moveaxis(moved, -1, 1) if self.data_format == "channels_first" else moved


@builtin("layers")
class RandomRotation(AffineAugmentation):
    """Turns each picture around its middle by an angle of 2 pi * u, u uniform in [lower, upper].

    Args:
        factor: [lower, upper] in whole turns, or one number for [-factor, factor].
        fill_mode: what is seen outside: `"reflect"`, `"wrap"`, `"constant"` or `"nearest"`.
        interpolation: `"bilinear"` or `"nearest"`.
        seed: an integer for a stream of its own.
        fill_value: of `"constant"`.
        data_format: `"channels_last"` or `"channels_first"`.

    Shapes: (batch, height, width, channels), or one picture, unchanged; likewise channels first.

    >>> import kerata, numpy as np
    >>> kerata.layers.RandomRotation(0.25)(np.ones((2, 4, 4, 1), "float32"), training=True).shape
    (2, 4, 4, 1)
    """

    def __init__(
        self, factor, fill_mode="reflect", interpolation="bilinear", seed=None, fill_value=0.0, data_format=None, **kwargs
    ):
        super().__init__(seed, data_format, **kwargs)
        self.factor = check_range(self, "factor", 0.0 if factor is None else factor, -1, 1)
        self.set_filling(fill_mode, fill_value, interpolation)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        count, (height, width) = self.count(data), self.size_of(data)
        angle = self.draw((count,), self.factor[0] * 360.0, self.factor[1] * 360.0, seed)
        cos, sin = jnp.cos(angle * (np.pi / 180)), jnp.sin(angle * (np.pi / 180))
        x, y = (width - 1) / 2, (height - 1) / 2
        columns = (cos, -sin, x - x * cos + y * sin, sin, cos, y - x * sin - y * cos)
        matrix = jnp.pad(jnp.concatenate([column[:, None] for column in columns], 1), ((0, 0), (0, 2)))
        return {
            "angle": angle,
            "rotation_matrix": matrix if self.is_batch(self.images_of(data)) else matrix[0],
            "image_height": height,
            "image_width": width,
            "batch_size": count,
        }

    def numbers(self, transformation, height, width):
        matrix = jnp.atleast_2d(jnp.asarray(transformation["rotation_matrix"]))
        return [matrix[:, number] for number in range(6)]

    def move_boxes(self, bounding_boxes, transformation):
        size, angle = (transformation["image_height"], transformation["image_width"]), jnp.asarray(transformation["angle"])
        boxes = self.as_corners(bounding_boxes, *size)
        none = jnp.zeros_like(angle)
        boxes["boxes"] = affine_transform(boxes["boxes"], angle, none, none, none + 1, none, none, *size)
        return self.as_given(boxes, *size)


@builtin("layers")
class RandomZoom(AffineAugmentation):
    """Each pixel is the one 1 + u times as far from the middle; u is uniform in [lower, upper].

    Positive numbers show the picture smaller, negative ones larger.

    Args:
        height_factor: [lower, upper], or one number for [-height_factor, height_factor]; above -1, at most 1.
        width_factor: likewise; `None` keeps the proportions.
        fill_mode: what is seen outside: `"reflect"`, `"wrap"`, `"constant"` or `"nearest"`.
        interpolation: `"bilinear"` or `"nearest"`.
        seed: an integer for a stream of its own.
        fill_value: of `"constant"`.
        data_format: `"channels_last"` or `"channels_first"`.

    Shapes: (batch, height, width, channels), or one picture, unchanged; likewise channels first.

    >>> import kerata, numpy as np
    >>> kerata.layers.RandomZoom((-0.3, -0.1))(np.ones((2, 4, 4, 1), "float32"), training=True).shape
    (2, 4, 4, 1)
    """

    def __init__(
        self,
        height_factor,
        width_factor=None,
        fill_mode="reflect",
        interpolation="bilinear",
        seed=None,
        fill_value=0.0,
        data_format=None,
        **kwargs,
    ):
        super().__init__(seed, data_format, **kwargs)
        self.height_factor, self.width_factor = as_tuple(height_factor), as_tuple(width_factor)
        self._heights = self._check("height_factor", height_factor)
        self._widths = None if width_factor is None else self._check("width_factor", width_factor)
        self.set_filling(fill_mode, fill_value, interpolation)

    def _check(self, name, value):
        ends = check_range(self, name, value, -1.0, 1.0, strict=True)
        if (value if isinstance(value, (int, float)) else ends[0]) <= -1.0:
            raise ValueError(message(self, f"`{name}` must be in the range (-1.0, 1.0]", {name: value}))
        return ends

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        shape = (self.count(data), 1)
        height = self.draw(shape, 1 + self._heights[0], 1 + self._heights[1], seed)
        width = height if self._widths is None else self.draw(shape, 1 + self._widths[0], 1 + self._widths[1], seed)
        return {"height_zoom": height, "width_zoom": width, "input_shape": tuple(self.images_of(data).shape)}

    def numbers(self, transformation, height, width):
        x, y = transformation["width_zoom"][:, 0], transformation["height_zoom"][:, 0]
        return x, 0, (width - 1) / 2 * (1 - x), 0, y, (height - 1) / 2 * (1 - y)

    def get_transformed_x_y(self, x, y, transform):
        """Where pixel (x, y) of the result is read, by the eight numbers of a projective map."""
        return transformed_x_y(x, y, transform)

    def get_clipped_bbox(self, bounding_boxes, h_end, h_start, w_end, w_start):
        """Boxes within a part of the picture, counted from its corner."""
        boxes = jnp.asarray(bounding_boxes["boxes"])
        ends = [jnp.asarray(end) for end in (h_end, h_start, w_end, w_start)]
        # One number a picture, for all of its boxes.
        bottom, top, right, left = ends if boxes.ndim < 3 else (jnp.reshape(end, (-1, 1)) for end in ends)
        x1, y1, x2, y2 = (boxes[..., number] for number in range(4))
        xs, ys = ([jnp.clip(x, left, right) - left for x in (x1, x2)], [jnp.clip(y, top, bottom) - top for y in (y1, y2)])
        return {**bounding_boxes, "boxes": jnp.stack([xs[0], ys[0], xs[1], ys[1]], -1)}

    def move_boxes(self, bounding_boxes, transformation):
        shape = transformation["input_shape"]
        height, width = shape[self.height_axis], shape[self.width_axis]
        columns, rows = transformation["width_zoom"], transformation["height_zoom"]  # (batch, 1)
        boxes = self.as_corners(bounding_boxes, height, width)
        left, top = (width - 1) / 2 * (1 - columns), (height - 1) / 2 * (1 - rows)
        right, bottom = width * columns + left, height * rows + top
        boxes = self.get_clipped_bbox(boxes, bottom, top, right, left)
        sizes = (right - left, bottom - top, right - left, bottom - top)
        boxes["boxes"] = boxes["boxes"] / jnp.stack(jnp.broadcast_arrays(*sizes), -1)
        return self.as_given(boxes, height, width, form="rel_xyxy")


@builtin("layers")
class RandomTranslation(AffineAugmentation):
    """Shifts each picture by u times its size, u uniform in [lower, upper].

    Positive numbers shift down and to the right.

    Args:
        height_factor, width_factor: [lower, upper], or one number for [-factor, factor]; between -1 and 1.
        fill_mode: what is seen outside: `"reflect"`, `"wrap"`, `"constant"` or `"nearest"`.
        interpolation: `"bilinear"` or `"nearest"`.
        seed: an integer for a stream of its own.
        fill_value: of `"constant"`.
        data_format: `"channels_last"` or `"channels_first"`.

    Shapes: (batch, height, width, channels), or one picture, unchanged; likewise channels first.

    >>> import kerata, numpy as np
    >>> layer = kerata.layers.RandomTranslation(0.0, 0.5, fill_mode="constant")
    >>> x = np.array([[[1.0], [2.0]]], "float32")[None]
    >>> layer.transform_images(x, {"translations": np.array([[1.0, 0.0]], "float32")}).ravel().tolist()
    [0.0, 1.0]
    """

    def __init__(
        self,
        height_factor,
        width_factor,
        fill_mode="reflect",
        interpolation="bilinear",
        seed=None,
        fill_value=0.0,
        data_format=None,
        **kwargs,
    ):
        super().__init__(seed, data_format, **kwargs)
        self.height_factor, self.width_factor = as_tuple(height_factor), as_tuple(width_factor)
        self._heights = check_range(self, "height_factor", height_factor, -1.0, 1.0, strict=True)
        self._widths = check_range(self, "width_factor", width_factor, -1.0, 1.0, strict=True)
        self.set_filling(fill_mode, fill_value, interpolation)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        shape, (height, width) = (self.count(data), 1), self.size_of(data)
        down = self.draw(shape, *self._heights, seed, "float32") * height
        right = self.draw(shape, *self._widths, seed, "float32") * width
        return {"translations": jnp.concatenate([right, down], 1), "input_shape": tuple(self.images_of(data).shape)}

    def numbers(self, transformation, height, width):
        shifts = transformation["translations"]
        return 1, 0, -shifts[:, 0], 0, 1, -shifts[:, 1]

    def get_transformed_x_y(self, x, y, transform):
        """Where pixel (x, y) of the result is read, by the eight numbers of a projective map."""
        return transformed_x_y(x, y, transform)

    def get_shifted_bbox(self, bounding_boxes, w_shift_factor, h_shift_factor):
        """Boxes, moved to the left and up."""
        return shifted_boxes(bounding_boxes, w_shift_factor, h_shift_factor)

    def move_boxes(self, bounding_boxes, transformation):
        shape, shifts = transformation["input_shape"], jnp.asarray(transformation["translations"])
        size = shape[self.height_axis], shape[self.width_axis]
        boxes = self.as_corners(bounding_boxes, *size)
        return self.as_given(self.get_shifted_bbox(boxes, -shifts[:, :1], -shifts[:, 1:]), *size)


@builtin("layers")
class RandomShear(AffineAugmentation):
    """Each pixel (x, y) is the picture's at (x + a y, y + b x), a and b uniform in their intervals, with one sign for both.

    Args:
        x_factor, y_factor: [lower, upper] for a and b between 0 and 1, or one number for [-factor, factor].
        interpolation: `"bilinear"` or `"nearest"`.
        fill_mode: what is seen outside: `"reflect"`, `"wrap"`, `"constant"` or `"nearest"`.
        fill_value: of `"constant"`.
        data_format: `"channels_last"` or `"channels_first"`.
        seed: an integer for a stream of its own.

    Shapes: (batch, height, width, channels), or one picture, unchanged; likewise channels first.

    >>> import kerata, numpy as np
    >>> kerata.layers.RandomShear(0.3)(np.ones((2, 4, 4, 1), "float32"), training=True).shape
    (2, 4, 4, 1)
    """

    def __init__(
        self,
        x_factor: float | Sequence[float] = 0.0,
        y_factor: float | Sequence[float] = 0.0,
        interpolation="bilinear",
        fill_mode="reflect",
        fill_value=0.0,
        data_format=None,
        seed=None,
        **kwargs,
    ):
        super().__init__(seed, data_format, **kwargs)
        self.x_factor, self.y_factor = (
            self._check(name, value) for name, value in (("x_factor", x_factor), ("y_factor", y_factor))
        )
        self.set_filling(fill_mode, fill_value, interpolation)

    def _check(self, name, value):
        # One number stands for an interval with a negative end, and so it is in configs.
        if isinstance(value, (tuple, list)) and len(value) == 2 and value[0] == -value[1]:
            value = value[1]
        lowest = -abs(value) if isinstance(value, (int, float)) else None
        return check_range(self, name, value, 0, 1.0, lowest, strict=True)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        shape = (self.count(data), 1)
        sign = jnp.where(self.draw(shape, seed=seed, dtype=self.compute_dtype) > 0.5, -1, 1)
        down = self.draw(shape, *self.y_factor, seed, self.compute_dtype)
        right = self.draw(shape, *self.x_factor, seed, self.compute_dtype)
        factor = jnp.concatenate([right, down], 1) * sign.astype(right.dtype)
        return {"shear_factor": factor, "input_shape": tuple(self.images_of(data).shape)}

    def numbers(self, transformation, height, width):
        factor = transformation["shear_factor"]
        return 1, factor[:, 0], 0, factor[:, 1], 1, 0

    def get_transformed_x_y(self, x, y, transform):
        """Where pixel (x, y) of the result is read, by the eight numbers of a projective map."""
        return transformed_x_y(x, y, transform)

    def get_shifted_bbox(self, bounding_boxes, w_shift_factor, h_shift_factor):
        """Boxes, moved to the left and up."""
        return shifted_boxes(bounding_boxes, w_shift_factor, h_shift_factor)

    def move_boxes(self, bounding_boxes, transformation):
        shape, factor = transformation["input_shape"], self.cast(transformation["shear_factor"])
        size = shape[self.height_axis], shape[self.width_axis]
        boxes = self.as_corners(bounding_boxes, *size, form="rel_xyxy")
        x1, y1, x2, y2 = (boxes["boxes"][..., number] for number in range(4))
        across, down = factor[:, :1], factor[:, 1:]
        left, right = across < 0, down > 0
        x1, x2 = x1 - across * jnp.where(left, y1, y2), x2 - across * jnp.where(left, y2, y1)
        # From the sides that have moved already, as in Keras.
        y1, y2 = y1 - down * jnp.where(right, x2, x1), y2 - down * jnp.where(right, x1, x2)
        boxes["boxes"] = jnp.stack([x1, y1, x2, y2], -1)
        return self.as_given(boxes, *size, form="rel_xyxy")


def transformed_x_y(x, y, transform) -> tuple[jax.Array, jax.Array]:
    """Where a projective map, eight numbers in a last axis, takes (x, y)."""
    a0, a1, a2, b0, b1, b2, c0, c1 = jnp.split(jnp.asarray(transform), 8, axis=-1)
    scale = c0 * x + c1 * y + 1
    return (a0 * x + a1 * y + a2) / scale, (b0 * x + b1 * y + b2) / scale


def shifted_boxes(bounding_boxes, left, up):
    """Boxes, moved to the left and up: one number a picture, for all of its boxes."""
    boxes = jnp.asarray(bounding_boxes["boxes"])
    left, up = (jnp.asarray(number, boxes.dtype) for number in (left, up))
    if boxes.ndim == 3:
        left, up = left[..., None], up[..., None]
    by = jnp.concatenate([left, up, left, up], axis=-1) if left.ndim else jnp.stack([left, up, left, up])
    return {**bounding_boxes, "boxes": boxes - by}


@builtin("layers")
class RandomCrop(Augmentation):
    """A part of the pictures, at a random place in training, the same for all of a batch.

    In inference it is the largest middle part with the proportions of the output, resized to it.

    Args:
        height, width: of the output, in pixels. Smaller pictures are cut at the lower right, and resized.
        seed: an integer for a stream of its own.
        data_format: `"channels_last"` or `"channels_first"`.

    Shapes: (batch, rows, columns, channels), or one picture, to (batch, height, width, channels); likewise channels first.

    >>> import kerata, numpy as np
    >>> kerata.layers.RandomCrop(2, 3)(np.ones((2, 8, 8, 3), "float32"), training=True).shape
    (2, 2, 3, 3)
    """

    keeps_places = False

    def __init__(self, height, width, seed=None, data_format=None, name=None, **kwargs):
        if seed is None and not law().is_late:
            # Keras draws one seed to show, and another.
            make_default_key()
        super().__init__(seed, data_format, name=name, **kwargs)
        self.height, self.width = check_positive_int(self, "height", height), check_positive_int(self, "width", width)

    def get_random_transformation(self, data, training=True, seed=None):
        shape = self.images_of(data).shape
        rows, columns = shape[self.height_axis], shape[self.width_axis]
        if training and rows > self.height and columns > self.width:
            top = self.draw((), 0, float(rows - self.height + 1), seed)
            left = self.draw((), 0, float(columns - self.width + 1), seed)
            return Place((top.astype(jnp.int32), left.astype(jnp.int32)), (self.height, self.width), (rows, columns))
        height = max(min(rows, int(columns * self.height / self.width)), 1)
        width = max(min(columns, int(rows * self.width / self.height)), 1)
        return Place(((rows - height) // 2, (columns - width) // 2), (height, width), (rows, columns))

    def transform_images(self, images, transformation, training=True):
        return self._cut(self.cast(images), transformation, training, "bilinear")

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        return self._cut(jnp.asarray(segmentation_masks), transformation, training, "nearest")

    def _cut(self, images, transformation, training, interpolation):
        size = (self.height, self.width)
        if not training or transformation is None:
            return resize(images, size, interpolation, crop_to_aspect_ratio=True, data_format=self.data_format)
        cut = self.move(images, transformation, interpolation)
        if (cut.shape[self.height_axis], cut.shape[self.width_axis]) == size:
            return cut
        return resize(cut, size, interpolation, data_format=self.data_format)

    def move(self, images, transformation, interpolation):
        for axis, start, size in zip(
            (self.height_axis, self.width_axis), transformation, (self.height, self.width), strict=True
        ):
            there = images.shape[axis]
            # A place that was drawn leaves room for the whole part; one that was computed may not.
            size = min(size, there if isinstance(start, jax.Array) else there - start)
            images = lax.dynamic_slice_in_dim(images, start, size, images.ndim + axis)
        return images

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        if not isinstance(transformation, Place):
            received = {"transformation": transformation}
            raise ValueError(message(self, "boxes need what `get_random_transformation` gives", received))
        (top, left), (height, width) = transformation, transformation.part
        boxes = self.as_corners(bounding_boxes, *transformation.whole)
        # What is cut out is resized.
        by = jnp.asarray([self.width / width, self.height / height] * 2, boxes["boxes"].dtype)
        boxes["boxes"] = pad(boxes["boxes"], -top, -left) * by
        return self.as_given(boxes, self.height, self.width)


class Place(tuple):
    """Where a part is cut out: (top, left), with its size and that of the picture."""

    part: tuple[int, int]
    whole: tuple[int, int]

    def __new__(cls, corner, part, whole):
        place = super().__new__(cls, corner)
        place.part, place.whole = part, whole
        return place
