"""Boxes and masks laid over pictures, as arrays."""

from collections.abc import Mapping, Sequence

import numpy as np

from kerata.base.checks import KindError, check_choice, message
from kerata.base.config import image_data_format
from kerata.base.types import Owner, is_dict
from kerata.data.pictures import pillow
from kerata.engine.types import HostArray, TensorLike
from kerata.ops.boxes import convert_format

Color = Sequence[int]


def read_pictures(owner: Owner, images: TensorLike, data_format: str | None) -> tuple[HostArray, bool]:
    """Pictures of shape (samples, height, width, channels), and whether the channels came first."""
    kind = check_choice(owner, "data_format", data_format or image_data_format(), ["channels_last", "channels_first"])
    array = np.asarray(images)
    if array.ndim != 4:
        raise ValueError(message(owner, "`images` must be batched: an array of 4 axes", {"images.shape": array.shape}))
    first = kind == "channels_first"
    return (array.transpose(0, 2, 3, 1) if first else array), first


def draw_bounding_boxes(
    images: TensorLike,
    bounding_boxes: Mapping[str, TensorLike],
    bounding_box_format: str,
    class_mapping: Mapping[int, str] | None = None,
    color: Color = (128, 128, 128),
    line_thickness: int = 2,
    text_thickness: int | None = 1,
    font_scale: float = 1.0,
    data_format: str | None = None,
) -> HostArray:
    """Pictures with boxes, and with the names of what is in them.

    Args:
        images: numbers from 0 to 1 or from 0 to 255, of shape (samples, height, width, channels).
        bounding_boxes: dict of `"boxes"`, of shape (samples, boxes, 4), `"labels"`, of shape (samples, boxes), where -1 stands
            for no box, and, if one likes, `"confidences"` of the same shape.
        bounding_box_format: what the four numbers are, e.g. `"xyxy"`, `"rel_xywh"`.
        class_mapping: dict of labels to the names that are written beside boxes; none is written for others.
        color: a number for each channel, from 0 to 255.
        line_thickness, text_thickness: in pixels.
        font_scale: size of the letters, about 24 pixels times this number.
        data_format: `"channels_last"` or `"channels_first"`.

    Returns:
        Bytes in the shape of `images`.

    Differs from Keras, which draws by OpenCV: lines of more than a pixel have square corners, and letters are Pillow's.

    >>> boxes = {"boxes": np.array([[[1, 1, 4, 3]]]), "labels": np.array([[0]])}
    >>> draw_bounding_boxes(np.zeros((1, 5, 6, 1)), boxes, "xyxy", color=(9,), line_thickness=1)[0, :, :, 0]
    array([[0, 0, 0, 0, 0, 0],
           [0, 9, 9, 9, 9, 0],
           [0, 9, 0, 0, 9, 0],
           [0, 9, 9, 9, 9, 0],
           [0, 0, 0, 0, 0, 0]], dtype=uint8)
    """
    owner = "draw_bounding_boxes"
    pictures, first = read_pictures(owner, images, data_format)
    if not is_dict(bounding_boxes):
        raise KindError(message(owner, "`bounding_boxes` should be a dict", {"bounding_boxes": bounding_boxes}))
    if "boxes" not in bounding_boxes or "labels" not in bounding_boxes:
        known = {"keys": sorted(bounding_boxes)}
        raise ValueError(message(owner, "`bounding_boxes` should be a dict containing 'boxes' and 'labels'", known))
    height, width = pictures.shape[1:3]
    given = dict(bounding_boxes)
    corners = np.asarray(convert_format(given["boxes"], bounding_box_format, "xyxy", height, width)).astype("int32")
    labels = np.asarray(given["labels"]).astype("int32")
    confidences = np.asarray(given["confidences"]) if given.get("confidences") is not None else None
    drawn = np.array(as_bytes(pictures))
    for sample, picture in enumerate(drawn):
        for place, label in enumerate(labels[sample]):
            if label == -1:
                continue
            x1, y1, x2, y2 = map(int, corners[sample, place])
            draw_rectangle(picture, (x1, y1, x2, y2), color, line_thickness)
            if class_mapping and int(label) in class_mapping:
                text = class_mapping[int(label)]
                if confidences is not None:
                    text = f"{text} | {confidences[sample, place]:.2f}"
                thickness = text_thickness or line_thickness
                write_text(picture, text, place_of_text(x1, y1, font_scale, thickness), color, font_scale, thickness)
    return drawn.transpose(0, 3, 1, 2) if first else drawn


def as_bytes(pictures: HostArray) -> HostArray:
    """Numbers from 0 to 255; floats that are all at most 1 are taken for parts of 1."""
    if pictures.dtype.kind == "f" and pictures.size:
        pictures = np.clip(pictures, 0, 1) * 255 if pictures.max() <= 1.0 else np.clip(pictures, 0, 255)
    return pictures.astype("uint8")


def draw_rectangle(picture: HostArray, corners: tuple[int, int, int, int], color: Color, thickness: int) -> None:
    """The outline of a rectangle, its lines in the middle over its edges; a negative thickness fills it."""
    x1, y1, x2, y2 = corners
    x1, x2, y1, y2 = min(x1, x2), max(x1, x2), min(y1, y2), max(y1, y2)
    before, behind = (0, 0) if thickness < 0 else ((thickness - 1) // 2, thickness // 2)
    height, width = picture.shape[:2]

    def paint(top: int, bottom: int, left: int, right: int) -> None:
        picture[max(top, 0) : max(min(bottom, height), 0), max(left, 0) : max(min(right, width), 0)] = color[: picture.shape[2]]

    if thickness < 0:
        paint(y1, y2 + 1, x1, x2 + 1)
        return
    for y in (y1, y2):
        paint(y - before, y + behind + 1, x1 - before, x2 + behind + 1)
    for x in (x1, x2):
        paint(y1 - before, y2 + behind + 1, x - before, x + behind + 1)


def place_of_text(x: int, y: int, scale: float, thickness: int) -> tuple[int, int]:
    """Where a line of text begins: above the corner, or within the box where there is no room."""
    height = int(scale * 12)
    if y - 8 - 2 * height > 0:
        return x, y - 8
    return x + 3, y + 2 * height + thickness + 3


def write_text(picture: HostArray, text: str, start: tuple[int, int], color: Color, scale: float, thickness: int) -> None:
    """Writes a line of text whose base begins at a place."""
    pillow("draw_bounding_boxes")
    from PIL import Image, ImageDraw, ImageFont

    mask = Image.new("L", (picture.shape[1], picture.shape[0]))
    font = ImageFont.load_default(size=max(1.0, 30 * scale))
    ImageDraw.Draw(mask).text(start, text, fill=255, font=font, anchor="ls", stroke_width=(thickness - 1) / 2)
    part = np.asarray(mask, "float32")[..., None] / 255
    picture[:] = (picture * (1 - part) + np.asarray(color[: picture.shape[2]], "float32") * part).round().astype("uint8")


def draw_segmentation_masks(
    images: TensorLike,
    segmentation_masks: TensorLike,
    num_classes: int | None = None,
    color_mapping: Mapping[int, Color] | None = None,
    alpha: float = 0.8,
    blend: bool = True,
    ignore_index: int = -1,
    data_format: str | None = None,
) -> HostArray:
    """Pictures with each class of a mask in a color: (1 - alpha) image + alpha color.

    Args:
        images: numbers of shape (samples, height, width, channels).
        segmentation_masks: whole numbers below `num_classes`, of shape (samples, height, width), or with a last axis of 1.
        num_classes: the number of classes; as many as there are in the masks if `None`.
        color_mapping: dict of classes to colors.
        alpha: how much of the color is seen, between 0 and 1.
        blend: whether the picture is seen through.
        ignore_index: a class that is not drawn.
        data_format: `"channels_last"` or `"channels_first"`.

    Returns:
        Bytes of shape (samples, height, width, channels); without `blend` in float32.

    >>> masks = np.array([[[0, 1], [-1, 1]]])
    >>> draw_segmentation_masks(np.full((1, 2, 2, 3), 100), masks, 2, {0: (0, 0, 0), 1: (200, 0, 0)}, alpha=0.5)[0, :, :, 0]
    array([[ 50, 150],
           [100, 150]], dtype=uint8)
    """
    owner = "draw_segmentation_masks"
    pictures, first = read_pictures(owner, images, data_format)
    masks = np.asarray(segmentation_masks)
    if masks.dtype.kind not in "iu":
        expected = "`segmentation_masks` must be in integer dtype"
        raise KindError(message(owner, expected, {"segmentation_masks": masks}))
    if masks.ndim == 4:
        masks = masks[:, 0] if first else masks[..., 0]
    if masks.shape != pictures.shape[:3]:
        shapes = {"images.shape": pictures.shape, "masks.shape": masks.shape}
        raise ValueError(message(owner, "masks must have the height and width of the pictures", shapes))
    count = int(masks.max(initial=0)) + 1 if num_classes is None else num_classes
    colors = palette(count) if color_mapping is None else [color_mapping.get(place) for place in range(count)]
    pictures = pictures.astype("float32")
    drawn = pictures.copy()
    for place, color in enumerate(colors):
        if color is not None:
            drawn[masks == place] = np.asarray(color, "float32")
    if not blend:
        return drawn
    mixed = pictures * (1 - alpha) + drawn * alpha
    return np.where((masks != ignore_index)[..., None], mixed, pictures).astype("uint8")


def palette(count: int) -> list[Color]:
    """Colors that differ from each other; the first is black."""
    steps = np.array([2**25 - 1, 2**15 - 1, 2**21 - 1])
    return [((place * steps) % 255).tolist() for place in range(count)]
