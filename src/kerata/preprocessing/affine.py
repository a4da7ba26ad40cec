"""Rotations, shifts, shears, zooms and flips of pictures as one map each, and functions that draw them from NumPy."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerata.base.checks import check_choice, message
from kerata.base.types import Owner
from kerata.data.pictures import array_to_img, img_to_array
from kerata.engine.placement import processor
from kerata.kernels.mapping import FILL_MODES, move, places_of

NUMBERS = ("theta", "tx", "ty", "shear", "zx", "zy")
NOTHING = {"theta": 0.0, "tx": 0.0, "ty": 0.0, "shear": 0.0, "zx": 1.0, "zy": 1.0}


@dataclasses.dataclass(frozen=True)
class Convention:
    """How an era of Keras reads the numbers of a map.

    Args:
        middle: what is added to half of a size for the middle of a picture.
        exchanged: whether the numbers are those of columns and rows, where rows come first in the picture.
    """

    middle: float = -0.5
    exchanged: bool = True


# Since TensorFlow 2.8; before, and in `keras_preprocessing`, pictures were turned around a point beside their middle, and
# what was said of columns was done to rows.
TODAY, BEFORE = Convention(), Convention(0.5, False)


def maps_of(
    changes: Sequence[dict[str, Any]], height: int, width: int, convention: Convention = TODAY, mirrored: bool = True
) -> np.ndarray:
    """The maps of some changes: where the pixel (i, j) of the result is read in the picture.

    Args:
        changes: of each picture; the angles in degrees.
        height, width: of the pictures, in the order of their axes.
        convention: of an era.
        mirrored: whether flips are part of the maps.

    Shapes: (changes, 2, 3).

    >>> maps_of([{"tx": 2, "flip_horizontal": True}], 4, 6)[0, :, 2].tolist()
    [0.0, 7.0]
    """
    numbers = np.array([[change.get(name, NOTHING[name]) for name in NUMBERS] for change in changes], np.float64)
    theta, tx, ty, shear, zx, zy = numbers.T
    turn, slant = np.deg2rad(theta), np.deg2rad(shear)
    a, b = np.cos(turn), -np.sin(turn)
    c, d = -b, a
    # Turned, then moved; then sheared and scaled, which moves nothing.
    dx, dy = a * tx + b * ty, c * tx + d * ty
    s, t = -np.sin(slant), np.cos(slant)
    matrix = np.stack([np.stack([a * zx, (a * s + b * t) * zy, dx], -1), np.stack([c * zx, (c * s + d * t) * zy, dy], -1)], 1)
    middle = np.array([height, width]) / 2 + convention.middle
    matrix[:, :, 2] += middle - matrix[:, :, :2] @ middle
    if convention.exchanged:
        matrix = np.stack([matrix[:, 1][:, [1, 0, 2]], matrix[:, 0][:, [1, 0, 2]]], 1)
    if mirrored:
        for axis, name in ((1, "flip_horizontal"), (0, "flip_vertical")):
            turned = np.array([bool(change.get(name)) for change in changes])
            last = (height, width)[axis] - 1
            matrix[turned, :, 2] += matrix[turned, :, axis] * last
            matrix[turned, :, axis] *= -1
    return matrix


def move_pictures(
    pictures: np.ndarray, maps: np.ndarray, order: int = 1, fill_mode: str = "nearest", cval: float = 0.0, scale: float = 1.0
) -> np.ndarray:
    """Pictures, channels last, under a map each: float32.

    >>> move_pictures(np.array([[[[1.0], [3.0]]]]), maps_of([{"flip_horizontal": True}], 1, 2)).ravel().tolist()
    [3.0, 1.0]
    """
    check_choice("ImageDataGenerator", "fill_mode", fill_mode, FILL_MODES)
    if order not in (0, 1):
        return np.stack([move_by_splines(one, m, order, fill_mode, cval) for one, m in zip(pictures, maps)]) * np.float32(scale)
    pictures = pictures if pictures.dtype == np.uint8 else pictures.astype(np.float32)
    with processor().compiling():
        places = places_of(maps, *pictures.shape[1:3])
        return np.asarray(move(pictures, *places, np.float32(scale), np.float32(cval), order=order, fill_mode=fill_mode))


def move_by_splines(picture: np.ndarray, matrix: np.ndarray, order: int, fill_mode: str, cval: float) -> np.ndarray:
    """A picture under a map, by splines of a higher order."""
    from scipy import ndimage

    planes = np.moveaxis(np.asarray(picture, np.float32), -1, 0)
    arguments: dict[str, Any] = {"offset": matrix[:, 2], "order": order, "mode": fill_mode, "cval": cval}
    return np.stack([ndimage.affine_transform(plane, matrix[:, :2], **arguments) for plane in planes], -1)


def apply_affine_transform(
    x,
    theta=0,
    tx=0,
    ty=0,
    shear=0,
    zx=1,
    zy=1,
    row_axis=1,
    col_axis=2,
    channel_axis=0,
    fill_mode="nearest",
    cval=0.0,
    order=1,
    convention=TODAY,
) -> np.ndarray:
    """A picture turned by `theta` degrees, moved by (tx, ty) pixels, sheared by `shear` degrees and scaled, in one step.

    Args:
        x: an array of three axes.
        row_axis, col_axis, channel_axis: which they are.
        fill_mode: what stands where the picture does not reach: `"nearest"`, `"constant"`, `"reflect"` or `"wrap"`.
        cval: the number of `"constant"`.
        order: 0 for the nearest pixel, 1 for linear interpolation, up to 5 for splines.
        convention: how the numbers are read.

    >>> apply_affine_transform(np.arange(4.0).reshape(1, 1, 4), tx=1).ravel().tolist()
    [1.0, 2.0, 3.0, 3.0]
    """
    x = check_picture("apply_affine_transform", x)
    if sorted((row_axis, col_axis, channel_axis)) != [0, 1, 2]:
        axes = {"row_axis": row_axis, "col_axis": col_axis, "channel_axis": channel_axis}
        raise ValueError(message("apply_affine_transform", "the axes must be 0, 1 and 2, each once", axes))
    change = {"theta": theta, "tx": tx, "ty": ty, "shear": shear, "zx": zx, "zy": zy}
    if all(value == NOTHING[name] for name, value in change.items()):
        return x
    height, width = x.shape[row_axis], x.shape[col_axis]
    first, second = sorted((row_axis, col_axis))
    exchanged = convention.exchanged and col_axis > row_axis
    maps = maps_of([change], height, width, dataclasses.replace(convention, exchanged=exchanged))
    order_of_axes = (first, second, channel_axis)
    moved = move_pictures(np.transpose(x, order_of_axes)[None], maps, order, fill_mode, cval)[0]
    back = np.transpose(moved, np.argsort(order_of_axes))
    return back.astype(x.dtype) if np.issubdtype(x.dtype, np.floating) else np.floor(back + 0.5).astype(x.dtype)


def check_picture(owner: Owner, x: object) -> np.ndarray:
    x = np.asarray(x)
    if x.ndim != 3:
        raise ValueError(message(owner, "a picture must have three axes", {"x": x.shape}))
    return x


def check_span(owner: Owner, name: str, span: object) -> tuple[float, float]:
    """The two numbers of a range."""
    if not isinstance(span, (tuple, list)) or len(span) != 2:
        raise ValueError(message(owner, f"`{name}` must be two numbers", {name: span}))
    return span[0], span[1]


def random_rotation(
    x, rg, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0, interpolation_order=1, convention=TODAY
) -> np.ndarray:
    """A picture turned by up to `rg` degrees."""
    axes = (row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order, convention)
    return apply_affine_transform(x, np.random.uniform(-rg, rg), 0, 0, 0, 1, 1, *axes)


def random_shift(
    x, wrg, hrg, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0, interpolation_order=1, convention=TODAY
) -> np.ndarray:
    """A picture moved by up to a share `wrg` of its width and `hrg` of its height."""
    tx, ty = np.random.uniform(-hrg, hrg) * x.shape[row_axis], np.random.uniform(-wrg, wrg) * x.shape[col_axis]
    axes = (row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order, convention)
    return apply_affine_transform(x, 0, tx, ty, 0, 1, 1, *axes)


def random_shear(
    x, intensity, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0, interpolation_order=1, convention=TODAY
) -> np.ndarray:
    """A picture sheared by up to `intensity` degrees."""
    axes = (row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order, convention)
    return apply_affine_transform(x, 0, 0, 0, np.random.uniform(-intensity, intensity), 1, 1, *axes)


def random_zoom(
    x,
    zoom_range,
    row_axis=1,
    col_axis=2,
    channel_axis=0,
    fill_mode="nearest",
    cval=0.0,
    interpolation_order=1,
    convention=TODAY,
) -> np.ndarray:
    """A picture scaled by factors between the two of `zoom_range`, one for each direction."""
    low, high = check_span("random_zoom", "zoom_range", zoom_range)
    zx, zy = (1, 1) if low == high == 1 else np.random.uniform(low, high, 2)
    axes = (row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order, convention)
    return apply_affine_transform(x, 0, 0, 0, 0, zx, zy, *axes)


def apply_channel_shift(x, intensity, channel_axis=0) -> np.ndarray:
    """A picture with a number added to all channels, within its own range.

    >>> apply_channel_shift(np.array([[[1.0, 2.0, 3.0]]]), 1.5).ravel().tolist()
    [2.5, 3.0, 3.0]
    """
    return np.clip(x + intensity, np.min(x), np.max(x))


def random_channel_shift(x, intensity_range, channel_axis=0) -> np.ndarray:
    """A picture with a number of up to `intensity_range` added to all channels, within its own range."""
    return apply_channel_shift(x, np.random.uniform(-intensity_range, intensity_range), channel_axis)


def apply_brightness_shift(x, brightness, scale=True, data_format=None) -> np.ndarray:
    """A picture times a factor, as Pillow does it with bytes.

    Args:
        x: an array of three axes.
        brightness: the factor.
        scale: whether the lowest number becomes 0 and the highest 255 before; else they are kept, whatever their range.
        data_format: `"channels_last"` or `"channels_first"`.
    """
    from PIL import ImageEnhance

    low, high = np.min(x), np.max(x)
    beyond = bool(low < 0 or high > 255)
    picture = ImageEnhance.Brightness(array_to_img(x, data_format, beyond or scale)).enhance(brightness)
    bright = img_to_array(picture, data_format)
    return bright / 255 * (high - low) + low if beyond and not scale else bright


def random_brightness(x, brightness_range, scale=True) -> np.ndarray:
    """A picture times a factor between the two of `brightness_range`."""
    low, high = check_span("random_brightness", "brightness_range", brightness_range)
    return apply_brightness_shift(x, np.random.uniform(low, high), scale)


def flip_axis(x, axis) -> np.ndarray:
    """A picture turned over along an axis."""
    return np.flip(np.asarray(x), axis)


def transform_matrix_offset_center(matrix, x, y, convention=TODAY) -> np.ndarray:
    """The same map around the middle of a picture of x rows and y columns."""
    middle = np.array([[1, 0, x / 2 + convention.middle], [0, 1, y / 2 + convention.middle], [0, 0, 1]])
    return middle @ matrix @ np.linalg.inv(middle)
