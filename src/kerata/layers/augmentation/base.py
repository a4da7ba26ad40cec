"""What layers that augment pictures have in common: their arguments, and how a drawn change comes to pictures and masks."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kerata import random
from kerata.base.checks import KindError, check_choice, message
from kerata.engine.random import SeedGenerator
from kerata.engine.seeds import law, make_default_key
from kerata.layers.pictures import PictureLayer

FILL_MODES = ("reflect", "wrap", "constant", "nearest")
INTERPOLATIONS = ("nearest", "bilinear")


class ModeError(ValueError, NotImplementedError):
    """A mode that there is not. Keras raises `NotImplementedError`."""


class Augmentation(PictureLayer):
    """Changes pictures at random in training, and hands them on in the compute type otherwise. The base of the public classes.

    A class says how a change is drawn, `get_random_transformation`, and what it does to pictures, `transform_images`. Both may
    be overridden, and called by themselves: with one transformation, several arrays are changed alike.

    The input is one of `PictureLayer`.
    """

    # Whether masks of segments and boxes keep their place: true of what changes colours.
    keeps_places = True
    # Whether it draws at random.
    draws = True
    # The interval that a class draws from.
    factor = (0.0, 1.0)

    def __init__(self, seed=None, data_format=None, bounding_box_format=None, **kwargs):
        super().__init__(data_format, bounding_box_format, **kwargs)
        if self.draws:
            self.seed = seed
            self.generator = SeedGenerator(seed)
            if seed is None and law().is_late:
                # Those of `tf.keras` take one all the same, and draw otherwise.
                make_default_key()

    # What a class defines

    def transform_images(self, images, transformation, training=True):
        """A batch of pictures, or one, changed."""
        images = self.cast(images)
        if not training or transformation is None:
            return images
        if images.ndim == 3 and not self.mixes_samples:
            return self.change(images[None], transformation)[0]
        return self.change(images, transformation)

    def change(self, images: jax.Array, transformation) -> jax.Array:
        """A batch of pictures in the compute type, changed."""
        raise NotImplementedError

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        """The masks that go with changed pictures."""
        if self.keeps_places or not training or transformation is None:
            return segmentation_masks
        return self.move(jnp.asarray(segmentation_masks), transformation, "nearest")

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        """The boxes that go with changed pictures."""
        if self.keeps_places or not training or transformation is None:
            return bounding_boxes
        boxes, labels = (jnp.asarray(bounding_boxes[key]) for key in ("boxes", "labels"))
        if boxes.ndim == 2 and not self.mixes_samples:
            one = {**bounding_boxes, "boxes": boxes[None], "labels": labels.reshape(1, -1)}
            moved = self.move_boxes(one, transformation)
            return {**moved, "boxes": moved["boxes"][0], "labels": moved["labels"].reshape(labels.shape)}
        return self.move_boxes(bounding_boxes, transformation)

    def move(self, images: jax.Array, transformation, interpolation: str) -> jax.Array:
        """A batch of pictures or masks, moved: what a class that moves pixels defines."""
        raise NotImplementedError

    def move_boxes(self, bounding_boxes: dict[str, Any], transformation) -> dict[str, Any]:
        """The boxes of a batch, moved: what a class that moves pixels defines."""
        raise ValueError(message(self, "what becomes of boxes cannot be told", {"bounding_boxes": sorted(bounding_boxes)}))

    # What classes draw with

    def count(self, data) -> int:
        """The number of pictures."""
        images = self.images_of(data)
        return images.shape[0] if self.is_batch(images) else 1

    def a_picture(self, data) -> tuple[int, ...]:
        """The shape of one number for each picture, as it stands beside the pictures as the user gave them."""
        images = self.images_of(data)
        return (images.shape[0], 1, 1, 1) if self.is_batch(images) else (1, 1, 1)

    def draw(self, shape, low=0.0, high=1.0, seed=None, dtype=None) -> jax.Array:
        """Uniform numbers of [low, high)."""
        return random.uniform(shape, low, high, dtype=dtype, seed=self.generator if seed is None else seed)

    def choose(self, count: int, seed=None) -> jax.Array:
        """Which pictures are changed, each with a probability drawn from `factor`: bool of shape (count,)."""
        probability = self.draw((count,), *self.factor, seed)
        return self.draw((count,), seed=seed) < probability


def check_range(
    owner, name: str, value, low: float, high: float, lowest: float | None = None, strict: bool = False
) -> tuple[float, float]:
    """The two ends of an interval from two numbers, or from one, whose negative is the lower end if it lies within [low, high].

    Args:
        lowest: the lower end where one number is given.
        strict: whether both of two numbers must lie within [low, high]; else the interval must meet it, as in Keras.

    >>> check_range("RandomZoom", "height_factor", 0.2, -1.0, 1.0)
    (-0.2, 0.2)
    """
    what = f"`{name}` must be a number (or a list of two numbers) in the range [{low}, {high}]"
    value = value.tolist() if isinstance(value, (np.generic, np.ndarray)) else value
    if isinstance(value, (tuple, list)):
        ends = tuple(value)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        if not low <= value <= high:
            raise ValueError(message(owner, what, {name: value}))
        return (max(-abs(value), low) if lowest is None else lowest), abs(value)
    else:
        raise KindError(message(owner, what, {name: value}))
    if len(ends) != 2 or not all(isinstance(end, (int, float)) for end in ends):
        raise ValueError(message(owner, what, {name: value}))
    lower, upper = sorted(ends)
    if (lower < low or upper > high) if strict else (lower > high or upper < low):
        raise ValueError(message(owner, what, {name: value}))
    return lower, upper


def check_value_range(owner, value) -> list[float]:
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ValueError(message(owner, "`value_range` must be a list of two numbers", {"value_range": value}))
    return sorted(value)


def check_ends(owner, value) -> tuple[float, float]:
    """The two ends of `value_range` in the order in which they are given."""
    check_value_range(owner, value)
    return tuple(value)


def as_tuple(value):
    """A list of a config as the tuple that it was."""
    return tuple(value) if isinstance(value, list) else value


def check_mode(owner, name: str, value, choices: tuple[str, ...]):
    try:
        return check_choice(owner, name, value, choices)
    except ValueError as error:
        raise ModeError(str(error)) from None


def rescale(images: jax.Array, source, target) -> jax.Array:
    """Numbers of one range as numbers of another."""
    if tuple(source) == tuple(target):
        return images
    share = (images - source[0]) / (source[1] - source[0])
    return share * (target[1] - target[0]) + target[0]
