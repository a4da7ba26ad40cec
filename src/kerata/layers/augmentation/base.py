"""What layers that augment pictures have in common: their arguments, and how a drawn change comes to pictures and masks."""

from typing import Any

import jax
import jax.numpy as jnp

from kerata import random
from kerata.base.checks import KindError, check_choice, message
from kerata.base.config import standardize_data_format
from kerata.engine.random import SeedGenerator
from kerata.layers.layer import Layer

FILL_MODES = ("reflect", "wrap", "constant", "nearest")
INTERPOLATIONS = ("nearest", "bilinear")


class ModeError(ValueError, NotImplementedError):
    """A mode that there is not. Keras raises `NotImplementedError`."""


class Augmentation(Layer):
    """Changes pictures at random in training, and hands them on in the compute type otherwise. The base of the public classes.

    A class says how a change is drawn, `get_random_transformation`, and what it does to pictures, `transform_images`. Both may
    be overridden, and called by themselves: with one transformation, several arrays are changed alike.

    The input is an array of pictures, one picture, or a dict with `"images"` and what belongs to them: `"labels"`,
    `"segmentation_masks"`.
    """

    mixes_samples = False
    # Whether masks of segments keep their place: true of what changes colours.
    keeps_places = True
    # Whether it draws at random.
    draws = True
    # The interval that a class draws from.
    factor = (0.0, 1.0)

    def __init__(self, seed=None, data_format=None, bounding_box_format=None, **kwargs):
        if bounding_box_format is not None:
            raise _no_boxes(type(self), {"bounding_box_format": bounding_box_format})
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        if self.draws:
            self.seed = seed
            self.generator = SeedGenerator(seed)

    # What a class defines

    def get_random_transformation(self, data, training=True, seed=None):
        """What is drawn for some pictures: arrays by name, `None` where nothing is to change."""
        return None

    def transform_images(self, images, transformation, training=True):
        """A batch of pictures, changed."""
        images = self.cast(images)
        return self.change(images, transformation) if training and transformation is not None else images

    def change(self, images: jax.Array, transformation) -> jax.Array:
        """A batch of pictures in the compute type, changed."""
        raise NotImplementedError

    def transform_labels(self, labels, transformation, training=True):
        """The labels that go with changed pictures."""
        return labels

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        """The masks that go with changed pictures."""
        if self.keeps_places or not training or transformation is None:
            return segmentation_masks
        return self.move(jnp.asarray(segmentation_masks), transformation, "nearest")

    def move(self, images: jax.Array, transformation, interpolation: str) -> jax.Array:
        """A batch of pictures or masks, moved: what a class that moves pixels defines."""
        raise NotImplementedError

    # How it is called

    def call(self, data, training=True):
        transformation = self.get_random_transformation(data, training=training)
        batch = self.is_batch(self.images_of(data))
        if not isinstance(data, dict):
            return (self.transform_images if batch else self.transform_single_image)(data, transformation, training=training)
        if "bounding_boxes" in data:
            raise _no_boxes(self, {"data": sorted(data)})
        kinds = {"images": "image", "labels": "label", "segmentation_masks": "segmentation_mask"}
        changed = dict(data)
        for key in [key for key in kinds if key in data]:
            change = getattr(self, f"transform_{key}" if batch else f"transform_single_{kinds[key]}")
            changed[key] = change(data[key], transformation, training=training)
        return changed

    def transform_single_image(self, image, transformation, training=True):
        """One picture, changed."""
        return self.transform_images(jnp.asarray(image)[None], transformation, training=training)[0]

    def transform_single_label(self, label, transformation, training=True):
        """The label of one picture."""
        return self.transform_labels(jnp.asarray(label)[None], transformation, training=training)[0]

    def transform_single_segmentation_mask(self, segmentation_mask, transformation, training=True):
        """The mask of one picture."""
        mask = jnp.asarray(segmentation_mask)[None]
        return self.transform_segmentation_masks(mask, transformation, training=training)[0]

    # What classes draw with

    def cast(self, images) -> jax.Array:
        return jnp.asarray(images, self.compute_dtype)

    def is_batch(self, images) -> bool:
        if len(images.shape) not in (3, 4):
            raise ValueError(
                message(self, "a picture must have three axes, a batch of them four", {"images.shape": tuple(images.shape)})
            )
        return len(images.shape) == 4

    def images_of(self, data):
        return data["images"] if isinstance(data, dict) else data

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

    @property
    def height_axis(self) -> int:
        return -3 if self.data_format == "channels_last" else -2

    @property
    def width_axis(self) -> int:
        return self.height_axis + 1

    @property
    def channel_axis(self) -> int:
        return -1 if self.data_format == "channels_last" else -3

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}


def _no_boxes(owner, received: dict[str, Any]) -> ValueError:
    return ValueError(
        message(owner, "bounding boxes are not augmented so far, only images, labels and segmentation masks", received)
    )


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
