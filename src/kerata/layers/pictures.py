"""What layers of pictures have in common: one picture or a batch, alone or in a dict with what belongs to it."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from kerata.base.checks import KindError, check_choice, message
from kerata.base.config import standardize_data_format
from kerata.layers.layer import Layer
from kerata.ops.boxes import FORMS, clip_to_image_size, convert_format

KINDS = {"images": "image", "labels": "label", "segmentation_masks": "segmentation_mask", "bounding_boxes": "bounding_box"}


class DataLayer(Layer):
    """What layers that bring data into a network's form have in common with Keras's."""

    def convert_weight(self, weight):
        """A weight as what computes takes it: as it is, since there is one backend."""
        return weight


class PictureLayer(DataLayer):
    """Changes pictures, and the labels, masks of segments and boxes that belong to them.

    The input is an array of pictures, one picture, or a dict with `"images"` and some of `"labels"`, `"segmentation_masks"`,
    `"bounding_boxes"`. These are a dict of `"boxes"`, (batch, boxes, 4), and `"labels"`, (batch, boxes), in the form that
    `bounding_box_format` says (`ops/boxes.py`); the label of a box of which nothing is left is -1.
    """

    mixes_samples = False

    def __init__(self, data_format=None, bounding_box_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        if bounding_box_format is not None:
            check_choice(self, "bounding_box_format", str(bounding_box_format).lower(), FORMS)
        self.bounding_box_format = bounding_box_format

    # What a class defines

    def get_random_transformation(self, data, training=True, seed=None):
        """What is to be done with some pictures, e.g. arrays by name; `None` where nothing is to change."""
        return None

    def transform_images(self, images, transformation, training=True):
        """A batch of pictures, changed."""
        raise NotImplementedError(message(self, "a layer of pictures must define `transform_images`"))

    def transform_labels(self, labels, transformation, training=True):
        """The labels that go with changed pictures."""
        return labels

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        """The masks that go with changed pictures."""
        return segmentation_masks

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        """The boxes that go with changed pictures."""
        return bounding_boxes

    # How it is called

    def call(self, data, training=True):
        if isinstance(data, dict) and "images" not in data:
            raise KindError(message(self, "a dict must hold pictures as 'images'", {"keys": sorted(map(str, data))}))
        transformation = self.get_random_transformation(data, training=training)
        batch = self.is_batch(self.images_of(data))
        if not isinstance(data, dict):
            return (self.transform_images if batch else self.transform_single_image)(data, transformation, training=training)
        changed = dict(data)
        for key in [key for key in KINDS if key in data]:
            change = getattr(self, f"transform_{key}" if batch else f"transform_single_{KINDS[key]}")
            given = self._check_boxes(data[key], data["images"].shape[:-3]) if key == "bounding_boxes" else data[key]
            # Masks may come without an axis of channels, and go without one.
            flat = key == "segmentation_masks" and jnp.ndim(data[key]) == (3 if batch else 2)
            if flat:
                given = jnp.expand_dims(jnp.asarray(data[key]), self.channel_axis)
            found = change(given, transformation, training=training)
            changed[key] = jnp.squeeze(found, self.channel_axis) if flat else found
        return changed

    def _check_boxes(self, boxes, batch: tuple[int, ...]) -> dict[str, Any]:
        if self.bounding_box_format is None:
            fix = f"Say {type(self).__name__}(..., bounding_box_format='xyxy')"
            raise ValueError(message(self, "boxes need a `bounding_box_format`", {"bounding_box_format": None}, fix))
        if not isinstance(boxes, Mapping) or not {"boxes", "labels"} <= set(boxes):
            raise KindError(message(self, "boxes must be a dict with 'boxes' and 'labels'", {"bounding_boxes": boxes}))
        try:
            found = {**boxes, "boxes": jnp.asarray(boxes["boxes"], "float32"), "labels": jnp.asarray(boxes["labels"])}
        except ValueError as error:
            expected, fix = "each picture must have as many boxes", "Fill up with boxes and labels of -1"
            raise ValueError(message(self, expected, {"error": str(error)}, fix)) from None
        shape = found["boxes"].shape
        if len(shape) != len(batch) + 2 or shape[:-2] != batch or shape[-1] != 4:
            expected = f"boxes must have shape ({', '.join(map(str, [*batch, 'boxes', 4]))}), beside such pictures"
            raise ValueError(message(self, expected, {"boxes.shape": shape}))
        return found

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

    def transform_single_bounding_box(self, bounding_box, transformation, training=True):
        """The boxes of one picture."""
        one = {key: jnp.asarray(value)[None] if key in ("boxes", "labels") else value for key, value in bounding_box.items()}
        found = self.transform_bounding_boxes(one, transformation, training=training)
        return {key: value[0] if key in ("boxes", "labels") else value for key, value in found.items()}

    # What classes use

    def as_corners(self, bounding_boxes, height, width, form: str = "xyxy") -> dict[str, Any]:
        """Boxes of the layer's form in another one."""
        return convert_format(bounding_boxes, self.bounding_box_format or "xyxy", form, height, width)

    def as_given(self, bounding_boxes, height, width, form: str = "xyxy") -> dict[str, Any]:
        """Boxes cut off at the edges of a picture, in the layer's form."""
        kept = clip_to_image_size(bounding_boxes, height, width, form)
        return convert_format(kept, form, self.bounding_box_format or "xyxy", height, width)

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

    def size_of(self, data) -> tuple[int, int]:
        """The height and width of the pictures."""
        shape = self.images_of(data).shape
        return shape[self.height_axis], shape[self.width_axis]

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
        boxes = {} if self.bounding_box_format is None else {"bounding_box_format": self.bounding_box_format}
        return {**super().get_config(), "data_format": self.data_format, **boxes}
