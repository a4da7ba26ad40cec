"""Layers of the boxes that belong to pictures."""

import jax.numpy as jnp

from kerata.base.checks import check_positive_int
from kerata.base.registry import builtin
from kerata.layers.pictures import PictureLayer


@builtin("layers")
class MaxNumBoundingBoxes(PictureLayer):
    """As many boxes for each picture: further ones are left out, missing ones filled up.

    Args:
        max_number: how many.
        fill_value: the numbers and the label of boxes that are not there.
        bounding_box_format: of the boxes.

    Shapes: a dict with `"bounding_boxes"`, whose boxes become (batch, max_number, 4) and labels (batch,
    max_number). Pictures stay.

    >>> import kerata, numpy as np
    >>> layer = kerata.layers.MaxNumBoundingBoxes(3, bounding_box_format="xyxy")
    >>> boxes = {"boxes": np.ones((1, 2, 4)), "labels": np.array([[5, 6]])}
    >>> layer({"images": np.ones((1, 4, 4, 3)), "bounding_boxes": boxes})["bounding_boxes"]["labels"].tolist()
    [[5, 6, -1]]
    """

    def __init__(self, max_number, fill_value=-1, **kwargs):
        super().__init__(**kwargs)
        self.max_number = check_positive_int(self, "max_number", max_number, minimum=0)
        self.fill_value = int(fill_value)

    def transform_images(self, images, transformation=None, training=True):
        return self.cast(images)

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        kept = {}
        for key in ("boxes", "labels"):
            some = jnp.asarray(bounding_boxes[key])[:, : self.max_number]
            widths = [(0, 0), (0, self.max_number - some.shape[1])] + [(0, 0)] * (some.ndim - 2)
            kept[key] = jnp.pad(some, widths, constant_values=self.fill_value)
        return {**bounding_boxes, **kept}
