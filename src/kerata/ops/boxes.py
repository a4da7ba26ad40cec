"""Boxes in pictures: their forms, what moves them, and how much two of them share.

A form says what the four numbers of a box are: `"xyxy"` left, top, right, bottom; `"yxyx"` top, left, bottom, right; `"xywh"`
left, top, width, height; `"center_xywh"`, `"center_yxhw"` with the middle in place of the corner; with `"rel_"` before it (not
before `center_yxhw`), as parts of the picture's size.
"""

# JAX leaves the types of some functions out.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import jax.numpy as jnp

from kerata.base.checks import check_choice, message
from kerata.base.config import epsilon
from kerata.base.types import DTypeLike
from kerata.engine.types import Array, TensorLike
from kerata.kernels.maxima import larger, smaller
from kerata.ops.forms import as_array

Corners = tuple[Array, Array, Array, Array]
Change = Callable[[Array, Array, Array, Array], Corners]
FORMS = ("xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw", "rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh")

# (to left, top, right, bottom; from them), of the forms without `rel_`.
TO_CORNERS: dict[str, Change] = {
    "xyxy": lambda a, b, c, d: (a, b, c, d),
    "yxyx": lambda a, b, c, d: (b, a, d, c),
    "xywh": lambda x, y, w, h: (x, y, x + w, y + h),
    "center_xywh": lambda x, y, w, h: (x - w / 2, y - h / 2, x + w / 2, y + h / 2),
    "center_yxhw": lambda y, x, h, w: (x - w / 2, y - h / 2, x + w / 2, y + h / 2),
}
FROM_CORNERS: dict[str, Change] = {
    "xyxy": lambda a, b, c, d: (a, b, c, d),
    "yxyx": lambda a, b, c, d: (b, a, d, c),
    "xywh": lambda a, b, c, d: (a, b, c - a, d - b),
    "center_xywh": lambda a, b, c, d: (a + (c - a) / 2, b + (d - b) / 2, c - a, d - b),
    "center_yxhw": lambda a, b, c, d: (b + (d - b) / 2, a + (c - a) / 2, d - b, c - a),
}


def _split(boxes: Array) -> Corners:
    return boxes[..., 0], boxes[..., 1], boxes[..., 2], boxes[..., 3]


def _columns(boxes: Array) -> Corners:
    """The four numbers of boxes, with the last axis: they go with one size for all, or one a picture, (batch, 1, 1)."""
    return boxes[..., 0:1], boxes[..., 1:2], boxes[..., 2:3], boxes[..., 3:4]


def _beside(owner: str, columns: Corners, **sizes: object) -> Array:
    """Four columns as boxes again. `sizes` are what they were computed with."""
    if any(column.shape[-1] != 1 for column in columns):
        expected = "sizes must be numbers, or arrays with a last axis of 1, such as (batch, 1, 1)"
        raise ValueError(message(owner, expected, {f"{name}.shape": as_array(size).shape for name, size in sizes.items()}))  # type: ignore[arg-type]
    return jnp.concatenate(jnp.broadcast_arrays(*columns), axis=-1)


def convert_format(
    boxes: object,
    source: str,
    target: str,
    height: TensorLike | None = None,
    width: TensorLike | None = None,
    dtype: DTypeLike = "float32",
) -> Any:
    """Boxes in another form.

    Args:
        boxes: of shape (..., 4), or a dict with them as `"boxes"`.
        source, target: two forms.
        height, width: of the picture, where one form is relative: numbers, or of shape (batch, 1, 1) for pictures of
            several sizes.
        dtype: of the result.

    >>> convert_format(jnp.array([[10.0, 20.0, 30.0, 50.0]]), "xyxy", "center_xywh").tolist()
    [[20.0, 35.0, 20.0, 30.0]]
    """
    if isinstance(boxes, Mapping):
        return {**boxes, "boxes": convert_format(boxes["boxes"], source, target, height, width, dtype)}
    found = as_array(cast(TensorLike, boxes))
    if found.ndim == 0 or found.shape[-1] != 4:
        raise ValueError(message("convert_format", "boxes must have a last axis of 4", {"boxes.shape": found.shape}))
    source = check_choice("convert_format", "source", source.lower(), FORMS)
    target = check_choice("convert_format", "target", target.lower(), FORMS)
    relative = source.startswith("rel_"), target.startswith("rel_")
    if any(relative) and (height is None or width is None):
        received = {"source": source, "target": target, "height": height, "width": width}
        raise ValueError(message("convert_format", "relative forms need `height` and `width`", received))
    found = found.astype(dtype)
    if source == target:
        return found
    corners = TO_CORNERS[source.removeprefix("rel_")](*_columns(found))
    if relative[0] != relative[1]:
        assert height is not None and width is not None
        by = (width, height, width, height)
        sizes = [jnp.asarray(size, dtype) for size in by]
        corners = tuple(c * s if relative[0] else c / s for c, s in zip(corners, sizes, strict=True))  # type: ignore[assignment]
    return _beside("convert_format", FROM_CORNERS[target.removeprefix("rel_")](*corners), height=height, width=width)


def clip_to_image_size(
    bounding_boxes: Mapping[str, Any],
    height: TensorLike | None = None,
    width: TensorLike | None = None,
    bounding_box_format: str = "xyxy",
) -> dict[str, Any]:
    """Boxes cut off at the edges of the picture; the label of one of which nothing is left is -1.

    Args:
        bounding_boxes: a dict of `"boxes"` and `"labels"`.
        height, width: of the picture.
        bounding_box_format: `"xyxy"` or `"rel_xyxy"`.
    """
    check_choice("clip_to_image_size", "bounding_box_format", bounding_box_format, ("xyxy", "rel_xyxy"))
    boxes = jnp.asarray(bounding_boxes["boxes"])
    if bounding_box_format == "rel_xyxy":
        right, bottom = jnp.ones((), boxes.dtype), jnp.ones((), boxes.dtype)
    elif height is None or width is None:
        received = {"height": height, "width": width}
        raise ValueError(message("clip_to_image_size", "with 'xyxy' it needs `height` and `width`", received))
    else:
        right, bottom = jnp.asarray(width, boxes.dtype), jnp.asarray(height, boxes.dtype)
    result = {**bounding_boxes, "boxes": _clipped(boxes, right, bottom)}
    if (labels := bounding_boxes.get("labels")) is not None:
        x1, y1, x2, y2 = _split(result["boxes"])
        result["labels"] = jnp.where((x2 - x1) * (y2 - y1) > 0, as_array(labels), -1)
    return result


def _clipped(boxes: Array, right: TensorLike, bottom: TensorLike) -> Array:
    x1, y1, x2, y2 = _columns(boxes)
    right, bottom = as_array(right), as_array(bottom)
    left, top = jnp.clip(x1, 0, right), jnp.clip(y1, 0, bottom)
    return _beside("boxes", (left, top, jnp.clip(x2, 0, right), jnp.clip(y2, 0, bottom)), width=right, height=bottom)


def crop(
    boxes: TensorLike,
    top: TensorLike,
    left: TensorLike,
    height: TensorLike,
    width: TensorLike,
    bounding_box_format: str = "xyxy",
) -> Array:
    """Boxes in a part of the picture, cut off at its edges.

    Args:
        boxes: of shape (..., 4), in the form `"xyxy"`.
        top, left, height, width: of the part.

    >>> crop(jnp.array([[10.0, 20.0, 50.0, 60.0]]), 10, 20, 40, 30).tolist()
    [[0.0, 10.0, 30.0, 40.0]]
    """
    check_choice("crop", "bounding_box_format", bounding_box_format, ("xyxy",))
    return _clipped(pad(boxes, -as_array(top), -as_array(left)), width, height)


def pad(
    boxes: TensorLike,
    top: TensorLike,
    left: TensorLike,
    height: TensorLike | None = None,
    width: TensorLike | None = None,
    bounding_box_format: str = "xyxy",
) -> Array:
    """Boxes in a picture that has got more rows at the top and more columns at the left.

    Args:
        boxes: of shape (..., 4), in the form `"xyxy"`.
        top, left: rows and columns.
        height, width: of no influence, as in Keras.
    """
    check_choice("pad", "bounding_box_format", bounding_box_format, ("xyxy",))
    x1, y1, x2, y2 = _columns(as_array(boxes))
    left, top = as_array(left), as_array(top)
    return _beside("pad", (x1 + left, y1 + top, x2 + left, y2 + top), top=top, left=left)


def affine_transform(
    boxes: TensorLike,
    angle: TensorLike,
    translate_x: TensorLike,
    translate_y: TensorLike,
    scale: TensorLike,
    shear_x: TensorLike,
    shear_y: TensorLike,
    height: TensorLike,
    width: TensorLike,
    center_x: TensorLike | None = None,
    center_y: TensorLike | None = None,
    bounding_box_format: str = "xyxy",
) -> Array:
    """The smallest upright boxes around boxes that are turned, sheared, scaled and shifted.

    Args:
        boxes: of shape (batch, boxes, 4), in the form `"xyxy"`.
        angle, shear_x, shear_y: in degrees, (batch,).
        translate_x, translate_y: parts of the picture's size.
        scale: how much larger what is seen becomes.
        height, width: of the picture.
        center_x, center_y: what stays in place, as parts of the picture's size; its middle by default.
    """
    check_choice("affine_transform", "bounding_box_format", bounding_box_format, ("xyxy",))
    angle = as_array(angle)
    dtype = angle.dtype
    matrix = _inverse_matrix(
        angle,
        (as_array(translate_x), as_array(translate_y)),
        as_array(scale),
        (as_array(shear_x), as_array(shear_y)),
        (jnp.asarray(height, dtype), jnp.asarray(width, dtype)),
        (0.5 if center_x is None else center_x, 0.5 if center_y is None else center_y),
    )  # (batch, 2, 3)
    x1, y1, x2, y2 = _split(as_array(boxes).astype(matrix.dtype))
    points = jnp.stack([jnp.stack([x, y], -1) for x, y in ((x1, y1), (x2, y1), (x2, y2), (x1, y2))], axis=2)
    moved = jnp.einsum("bnxy,bzy->bnxz", points, matrix[:, :, :2]) + matrix[:, None, None, :, 2]
    return jnp.concatenate([jnp.min(moved, axis=2), jnp.max(moved, axis=2)], axis=-1)


def _inverse_matrix(
    angle: Array,
    shift: tuple[Array, Array],
    scale: Array,
    shear: tuple[Array, Array],
    size: tuple[Array, Array],
    centre: tuple[TensorLike, TensorLike],
) -> Array:
    """Where a point of the old picture is seen in the new one: (batch, 2, 3)."""
    height, width = size
    turn, by_x, by_y = -angle * (math.pi / 180), -shear[0] * (math.pi / 180), -shear[1] * (math.pi / 180)
    x, y = jnp.asarray(centre[0]) * (width - 1), jnp.asarray(centre[1]) * (height - 1)
    right, down = x - shift[0] * (width - 1), y - shift[1] * (height - 1)
    a = jnp.cos(turn - by_y) / jnp.cos(by_y)
    b = a * jnp.tan(by_x) + jnp.sin(turn)
    c = -jnp.sin(turn - by_y) / jnp.cos(by_y)
    d = jnp.cos(turn) - c * jnp.tan(by_x)
    a0, a1, b0, b1 = d * scale, -b * scale, -c * scale, a * scale
    rows = ((a0, a1, x - a0 * right - a1 * down), (b0, b1, y - b0 * right - b1 * down))
    return jnp.stack([jnp.stack(jnp.broadcast_arrays(*row, angle)[:3], -1) for row in rows], axis=-2)


def encode_box_to_deltas(
    anchors: TensorLike,
    boxes: TensorLike,
    anchor_format: str,
    box_format: str,
    encoding_format: str = "center_yxhw",
    variance: TensorLike | None = None,
    image_shape: Sequence[int] | None = None,
) -> Array:
    """How boxes differ from anchors: the shift of the middle in sizes of the anchor, and the logarithm of the ratio of sizes.

    Args:
        anchors: of shape (n, 4).
        boxes: of shape (n, 4) or (batch, n, 4).
        anchor_format, box_format: their forms.
        encoding_format: `"center_yxhw"` or `"center_xywh"`.
        variance: four numbers that the result is divided by.
        image_shape: (height, width, channels), where a form is relative.
    """
    check_choice("encode_box_to_deltas", "encoding_format", encoding_format, ("center_xywh", "center_yxhw"))
    size = _size_of(image_shape)
    anchor = convert_format(anchors, anchor_format, encoding_format, *size)
    box = convert_format(boxes, box_format, encoding_format, *size)
    of_anchor, of_box = (larger(x[..., 2:], epsilon()) for x in (anchor, box))
    deltas = [(box[..., :2] - anchor[..., :2]) / of_anchor, jnp.log(of_box / of_anchor)]
    return jnp.concatenate(deltas, axis=-1) / _variance(variance)


def decode_deltas_to_boxes(
    anchors: object,
    boxes_delta: object,
    anchor_format: str,
    box_format: str,
    encoded_format: str = "center_yxhw",
    variance: TensorLike | None = None,
    image_shape: Sequence[int] | None = None,
) -> Any:
    """The boxes of which `encode_box_to_deltas` gives some deltas. Both may be dicts, of several levels.

    Args: as there.
    """
    check_choice("decode_deltas_to_boxes", "encoded_format", encoded_format, ("center_xywh", "center_yxhw"))
    if isinstance(anchors, Mapping) and isinstance(boxes_delta, Mapping):
        arguments = (anchor_format, box_format, encoded_format, variance, image_shape)
        return {level: decode_deltas_to_boxes(anchor, boxes_delta[level], *arguments) for level, anchor in anchors.items()}
    size = _size_of(image_shape)
    anchor = convert_format(anchors, anchor_format, encoded_format, *size)
    delta = as_array(cast(TensorLike, boxes_delta)) * _variance(variance)
    parts = [delta[..., :2] * anchor[..., 2:] + anchor[..., :2], jnp.exp(delta[..., 2:]) * anchor[..., 2:]]
    return convert_format(jnp.concatenate(parts, axis=-1), encoded_format, box_format, *size)


def _size_of(image_shape: Sequence[int] | None) -> tuple[int | None, int | None]:
    return (None, None) if image_shape is None else (image_shape[0], image_shape[1])


def _variance(variance: TensorLike | None) -> Array:
    found = jnp.ones(4) if variance is None else jnp.asarray(variance, "float32")
    if found.shape[-1] != 4:
        raise ValueError(message("variance", "it must hold four numbers", {"variance": variance}))
    return found


def compute_iou(
    boxes1: TensorLike,
    boxes2: TensorLike,
    bounding_box_format: str,
    use_masking: bool = False,
    mask_val: float = -1,
    image_shape: Sequence[int] | None = None,
) -> Array:
    """What each of n boxes shares with each of m, as a part of what they cover together.

    Shapes: (n, 4) and (m, 4) to (n, m); or with a batch before both.

    Args:
        boxes1, boxes2: boxes.
        bounding_box_format: their form.
        use_masking: whether pairs with a box of negative numbers get `mask_val`.
        image_shape: (height, width, channels), where the form is relative.

    >>> compute_iou(jnp.array([[0.0, 0.0, 2.0, 2.0]]), jnp.array([[0.0, 0.0, 2.0, 1.0]]), "xyxy").tolist()
    [[0.5]]
    """
    size = _size_of(image_shape)
    first, second = (convert_format(boxes, bounding_box_format, "xyxy", *size) for boxes in (boxes1, boxes2))
    for boxes in (first, second):
        if boxes.ndim not in (2, 3):
            raise ValueError(message("compute_iou", "boxes must have two axes, or three with a batch", {"shape": boxes.shape}))
    a, b = _split(first[..., :, None, :]), _split(second[..., None, :, :])
    shared = _positive(smaller(a[2], b[2]) - larger(a[0], b[0])) * _positive(smaller(a[3], b[3]) - larger(a[1], b[1]))
    areas = [(x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in (a, b)]
    found = shared / (areas[0] + areas[1] - shared + epsilon())
    if not use_masking:
        return found
    missing = (jnp.max(first, -1) < 0)[..., :, None] | (jnp.max(second, -1) < 0)[..., None, :]
    return jnp.where(missing, jnp.asarray(mask_val, found.dtype), found)


def compute_ciou(
    boxes1: TensorLike, boxes2: TensorLike, bounding_box_format: str, image_shape: Sequence[int] | None = None
) -> Array:
    """The complete intersection over union of pairs of boxes: less for middles that are apart and for other proportions.

    Shapes: (..., 4) and (..., 4) to (...).

    Source: Zheng et al., Distance-IoU Loss, 2019 (arXiv 1911.08287).
    """
    size = _size_of(image_shape)
    a, b = (_split(convert_format(boxes, bounding_box_format, "xyxy", *size)) for boxes in (boxes1, boxes2))
    small = epsilon()
    (w1, h1), (w2, h2) = ((x2 - x1, y2 - y1 + small) for x1, y1, x2, y2 in (a, b))
    shared = _positive(smaller(a[2], b[2]) - larger(a[0], b[0])) * _positive(smaller(a[3], b[3]) - larger(a[1], b[1]))
    iou = shared / (w1 * h1 + w2 * h2 - shared + 2 * small)
    across = larger(a[2], b[2]) - smaller(a[0], b[0])
    down = larger(a[3], b[3]) - smaller(a[1], b[1])
    apart = ((a[0] + a[2]) / 2 - (b[0] + b[2]) / 2) ** 2 + ((a[1] + a[3]) / 2 - (b[1] + b[3]) / 2) ** 2
    other = 4 / math.pi**2 * (jnp.arctan(w2 / h2) - jnp.arctan(w1 / h1)) ** 2
    weight = other / (other - iou + (1 + small))
    return iou - (apart / (across**2 + down**2 + small) + other * weight)


def _positive(x: Array) -> Array:
    return larger(x, 0)
