"""Functions of pictures: (height, width, channels) or (batch, height, width, channels), or with the channels first."""

# JAX leaves some arguments and results of its functions without a type.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from kerata.base.checks import check_choice, check_positive_int, message, standardize_tuple
from kerata.base.config import standardize_data_format
from kerata.base.types import ShapeLike
from kerata.engine.random import Seed, draw_key
from kerata.engine.symbolic import traceable
from kerata.engine.types import Array, TensorLike
from kerata.kernels.convolution import convolution
from kerata.kernels.random import normal
from kerata.kernels.sampling import affine, homography, sample
from kerata.kernels.typed import finfo
from kerata.ops.forms import Call, as_array, as_float, op, tell_translation

INTERPOLATIONS = ("bilinear", "nearest", "lanczos3", "lanczos5", "bicubic")
FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")
ORDERS = {"nearest": 0, "bilinear": 1}


@op(written="RGBToGrayscale")
def rgb_to_grayscale(images: TensorLike, data_format: str | None = None) -> Array:
    """0.2989 red + 0.587 green + 0.114 blue, as one channel."""
    x = _last("rgb_to_grayscale", images, data_format)
    if x.shape[-1] != 1:
        _check_channels("rgb_to_grayscale", x)
        weights = jnp.asarray([[0.2989], [0.5870], [0.1140]], as_float(x).dtype)
        x = (as_float(x) @ weights).astype(x.dtype)
    return _back(x, data_format)


@op(written="RGBToHSV")
def rgb_to_hsv(images: TensorLike, data_format: str | None = None) -> Array:
    """Hue, saturation and value, all between 0 and 1, of red, green and blue."""
    x = _last("rgb_to_hsv", images, data_format)
    _check_float("rgb_to_hsv", x)
    x = jnp.where(jnp.abs(x) < finfo(x.dtype).eps, 0, x)
    red, green, blue = x[..., 0], x[..., 1], x[..., 2]
    value, spread = jnp.max(x, -1), jnp.ptp(x, -1)
    saturation = jnp.where(value > 0, spread / jnp.where(value > 0, value, 1), 0)
    turn = 1 / (6 * jnp.where(spread > 0, spread, 1))
    hue = jnp.where(value == green, turn * (blue - red) + 2 / 6, turn * (red - green) + 4 / 6)
    hue = jnp.where(value == red, turn * (green - blue), hue)
    hue = jnp.where(spread > 0, hue, 0)
    return _back(_beside([hue + (hue < 0), saturation, value]).astype(x.dtype), data_format)


@op(written="HSVToRGB")
def hsv_to_rgb(images: TensorLike, data_format: str | None = None) -> Array:
    """The reverse of `rgb_to_hsv`."""
    x = _last("hsv_to_rgb", images, data_format)
    _check_float("hsv_to_rgb", x)
    hue, saturation, value = x[..., 0] % 1 * 6, x[..., 1], x[..., 2]
    shares = (jnp.abs(hue - 3) - 1, 2 - jnp.abs(hue - 2), 2 - jnp.abs(hue - 4))
    colours = [value * (1 - saturation + saturation * jnp.clip(share, 0, 1)) for share in shares]
    return _back(_beside(colours), data_format)


def _beside(parts: list[Array]) -> Array:
    """Arrays as the channels of one."""
    return jnp.concatenate([part[..., None] for part in parts], -1)


@op()
def resize(
    images: TensorLike,
    size: ShapeLike,
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Array:
    """Pictures in another size (height, width).

    Args:
        interpolation: `"nearest"`, `"bilinear"`, `"bicubic"`, `"lanczos3"` or `"lanczos5"`.
        antialias: whether to smooth before making smaller.
        crop_to_aspect_ratio, pad_to_aspect_ratio: whether to keep the proportions, by cutting or by filling the sides.

    The result has the dtype of the pictures; whole numbers are rounded, and stay within what their dtype holds.

    >>> import kerata
    >>> kerata.ops.image.resize(kerata.ops.ones((2, 8, 8, 3)), (4, 6)).shape
    (2, 4, 6, 3)
    """
    check_choice("resize", "interpolation", interpolation, INTERPOLATIONS)
    check_choice("resize", "fill_mode", fill_mode, ("constant",))
    height, width = standardize_tuple("resize", "size", size, 2)
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError(message("resize", "only one of `crop_to_aspect_ratio` and `pad_to_aspect_ratio` can be True"))
    x = _last("resize", images, data_format)
    rows, columns, dtype = x.shape[-3], x.shape[-2], x.dtype
    # The size with the target's proportions that touches the picture's own in one dimension.
    fit_rows, fit_columns = int(columns * height / width), int(rows * width / height)
    if crop_to_aspect_ratio:
        top, kept_rows = (rows - max(min(rows, fit_rows), 1)) // 2, max(min(rows, fit_rows), 1)
        left, kept_columns = (columns - max(min(columns, fit_columns), 1)) // 2, max(min(columns, fit_columns), 1)
        x = x[..., top : top + kept_rows, left : left + kept_columns, :]
    elif pad_to_aspect_ratio:
        top, left = (max(rows, fit_rows) - rows) // 2, (max(columns, fit_columns) - columns) // 2
        pads = [(0, 0)] * (x.ndim - 3) + [(top, top), (left if not top else 0,) * 2, (0, 0)]
        if jnp.issubdtype(dtype, jnp.integer) and not float(fill_value).is_integer():
            # A filling such as 127.5 would be cut to a whole number.
            x = as_float(x)
        x = jnp.pad(x, pads, constant_values=fill_value)
    shape = (*x.shape[:-3], height, width, x.shape[-1])
    resized = jax.image.resize(x, shape, method=interpolation, antialias=antialias)
    if jnp.issubdtype(dtype, jnp.integer) and resized.dtype != dtype:
        bounds = jnp.iinfo(dtype)
        resized = jnp.clip(jnp.round(resized), bounds.min, bounds.max)
    # Truth values: whether something is seen, as in Keras.
    return _back(resized > 0 if dtype == jnp.bool_ else resized.astype(dtype), data_format)


@op()
def crop_images(
    images: TensorLike,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Array:
    """A part of each picture; in each direction two of (before, after, size) say which."""
    x = _last("crop_images", images, data_format)
    top, height = _frame("crop_images", x.shape[-3], top_cropping, bottom_cropping, target_height, -1)
    left, width = _frame("crop_images", x.shape[-2], left_cropping, right_cropping, target_width, -1)
    return _back(x[..., top : top + height, left : left + width, :], data_format)


@op()
def pad_images(
    images: TensorLike,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Array:
    """Zeros around each picture; in each direction two of (before, after, size) say how many."""
    x = _last("pad_images", images, data_format)
    top, height = _frame("pad_images", x.shape[-3], top_padding, bottom_padding, target_height, 1)
    left, width = _frame("pad_images", x.shape[-2], left_padding, right_padding, target_width, 1)
    pads = [(top, height - x.shape[-3] - top), (left, width - x.shape[-2] - left), (0, 0)]
    return _back(jnp.pad(x, [(0, 0)] * (x.ndim - 3) + pads), data_format)


def _frame(owner: str, size: int, before: int | None, after: int | None, target: int | None, sign: int) -> tuple[int, int]:
    """(how much before, size of the result): two of three numbers give the third; `sign` is -1 for cutting off."""
    given = {"before": before, "after": after, "target size": target}
    if sum(value is not None for value in given.values()) != 2:
        raise ValueError(message(owner, "exactly two of (before, after, target size) must be given in each direction", given))
    if target is None:
        target = size + sign * ((before or 0) + (after or 0))
    if before is None:
        before = sign * (target - size) - (after or 0)
    if before < 0 or sign * (target - size) - before < 0 or target < 0:
        raise ValueError(
            message(
                owner,
                "the result must lie inside the picture" if sign < 0 else "the picture must lie inside the result",
                {"size": size, **given},
            )
        )
    return before, target


@op()
def extract_patches(
    images: TensorLike,
    size: ShapeLike,
    strides: ShapeLike | None = None,
    dilation_rate: ShapeLike = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Array:
    """The blocks of each picture, one after the other: a block's pixels become channels.

    Shapes: (batch, height, width, channels) to (batch, rows, columns, block height * block width * channels).
    """
    if isinstance(size, (tuple, list)) and len(size) == 3:
        return extract_patches_3d(images, size, strides, dilation_rate, padding, data_format)
    return _patches("extract_patches", images, size, strides, dilation_rate, padding, data_format, 2)


@traceable
def extract_patches_3d(
    volumes: TensorLike,
    size: ShapeLike,
    strides: ShapeLike | None = None,
    dilation_rate: ShapeLike = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Array:
    """The blocks of each volume, one after the other: a block's voxels become channels."""
    return _patches("extract_patches_3d", volumes, size, strides, dilation_rate, padding, data_format, 3)


def _of_volumes(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    """`extract_patches`, which files have for both, with three sizes."""
    given = dict(zip(("volumes", "size", "strides", "dilation_rate", "padding", "data_format"), args, strict=False)) | kwargs
    return (
        extract_patches,
        (given.pop("volumes"),),
        {**given, "size": standardize_tuple("extract_patches_3d", "size", given["size"], 3)},
    )


tell_translation(extract_patches_3d, _of_volumes)


def _patches(
    owner: str,
    images: TensorLike,
    size: ShapeLike,
    strides: ShapeLike | None,
    dilation_rate: ShapeLike,
    padding: str,
    data_format: str | None,
    rank: int,
) -> Array:
    x = as_array(images)
    single = x.ndim == rank + 1
    x = x[None] if single else x
    if standardize_data_format(data_format) == "channels_first":
        x = jnp.moveaxis(x, 1, -1)
    window = standardize_tuple(owner, "size", size, rank)
    steps = window if not strides else standardize_tuple(owner, "strides", strides, rank)
    dilation = standardize_tuple(owner, "dilation_rate", dilation_rate, rank)
    check_choice(owner, "padding", str(padding).lower(), ("valid", "same"))
    width = x.shape[-1]
    for taps in window:
        width *= taps
    # A convolution whose filters each pick one number of the block.
    kernel = jnp.eye(width, dtype=x.dtype).reshape(*window, x.shape[-1], width)
    y = convolution(x, kernel, steps, str(padding).upper(), dilation)
    if standardize_data_format(data_format) == "channels_first":
        y = jnp.moveaxis(y, -1, 1)
    return y[0] if single else y


@op("inputs coordinates")
def map_coordinates(
    inputs: TensorLike, coordinates: TensorLike, order: int, fill_mode: str = "constant", fill_value: float = 0
) -> Array:
    """The input at given places: `coordinates` holds an array of places for each axis of it.

    Args:
        order: 0 for the nearest element, 1 for linear interpolation.
        fill_mode: what lies outside: `"constant"`, `"nearest"`, `"wrap"`, `"mirror"` or `"reflect"`.
    """
    x, places = as_array(inputs), as_array(coordinates)
    if places.ndim < 2 or places.shape[0] != x.ndim:
        raise ValueError(
            message("map_coordinates", f"`coordinates` must have shape ({x.ndim}, ...)", {"coordinates": places.shape})
        )
    check_choice("map_coordinates", "order", order, (0, 1))
    check_choice("map_coordinates", "fill_mode", fill_mode, FILL_MODES)
    return jax.scipy.ndimage.map_coordinates(x, tuple(places), order, fill_mode, fill_value)


@op("images transform")
def affine_transform(
    images: TensorLike,
    transform: TensorLike,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Array:
    """Each pixel (x, y) of the result is the picture's at (a0 x + a1 y + a2, b0 x + b1 y + b2).

    Args:
        transform: (8,) or (batch, 8): a0, a1, a2, b0, b1, b2, and two numbers that must be 0.
        interpolation: `"bilinear"` or `"nearest"`.
        fill_mode: what lies outside: `"constant"`, `"nearest"`, `"wrap"`, `"mirror"` or `"reflect"`.
    """
    order = ORDERS[check_choice("affine_transform", "interpolation", interpolation, ORDERS)]
    check_choice("affine_transform", "fill_mode", fill_mode, FILL_MODES)
    x, t = _last("affine_transform", images, data_format), jnp.atleast_2d(as_array(transform))
    single = x.ndim == 3
    x = x[None] if single else x
    if t.ndim != 2 or t.shape[-1] != 8:
        raise ValueError(message("affine_transform", "`transform` must have shape (8,) or (batch, 8)", {"transform": t.shape}))
    t = jnp.broadcast_to(t, (x.shape[0], 8))
    y = affine(x, [t[:, number] for number in range(6)], order, fill_mode, fill_value)
    return _back(y[0] if single else y, data_format)


@op("images output_shape scale translation")
def scale_and_translate(
    images: TensorLike,
    output_shape: Sequence[int | None],
    scale: TensorLike,
    translation: TensorLike,
    spatial_dims: Sequence[int],
    method: str,
    antialias: bool = True,
) -> Array:
    """Pictures scaled and then moved, in a frame of `output_shape`, where `None` is the size that they have."""
    methods = ("linear", "bilinear", "trilinear", "cubic", "bicubic", "tricubic", "lanczos3", "lanczos5")
    check_choice("scale_and_translate", "method", method, methods)
    x, scale, translation = as_array(images), as_array(scale), as_array(translation)
    shape = [x.shape[axis] if size is None else size for axis, size in enumerate(output_shape)]
    return jax.image.scale_and_translate(x, shape, spatial_dims, scale, translation, method, antialias)


@op()
def gaussian_blur(
    images: TensorLike, kernel_size: ShapeLike = (3, 3), sigma: TensorLike = (1.0, 1.0), data_format: str | None = None
) -> Array:
    """Each pixel as a mean of its neighbourhood, weighted by exp(-distance^2 / (2 sigma^2))."""
    x = _last("gaussian_blur", images, data_format)
    size = standardize_tuple("gaussian_blur", "kernel_size", kernel_size, 2)
    sigma = jnp.broadcast_to(jnp.asarray(sigma, x.dtype), (2,))
    distances = [jnp.arange(n) - (n - 1) / 2 for n in size]
    across, down = (jax.nn.softmax(-0.5 * jnp.square(d / s)) for d, s in zip(distances, sigma, strict=True))
    # Keras takes `sigma` and `kernel_size` as (across, down), a window is (down, across).
    kernel = jnp.outer(down, across).astype(x.dtype)
    return _back(_filter(x, kernel), data_format)


@op()
def sobel_edges(images: TensorLike, data_format: str | None = None) -> Array:
    """How much the picture changes (downwards, to the right), on a new last axis.

    Shapes: (batch, height, width, channels) to (batch, height, width, channels, 2).
    """
    x = _last("sobel_edges", images, data_format)
    across = jnp.asarray([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], x.dtype)
    return jnp.stack([_back(_filter(x, kernel), data_format) for kernel in (across.T, across)], -1)


@op("images start_points end_points")
def perspective_transform(
    images: TensorLike,
    start_points: TensorLike,
    end_points: TensorLike,
    interpolation: str = "bilinear",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Array:
    """Pictures seen from elsewhere: what lies at four points comes to lie at four others.

    Each pixel (x, y) of the result is the picture's at (h0 x + h1 y + h2, h3 x + h4 y + h5) / (h6 x + h7 y + 1).

    Args:
        images: (height, width, channels), or a batch of such; with the channels first as `data_format` says.
        start_points, end_points: (4, 2) or (batch, 4, 2), the corners as (x, y).
        interpolation: `"bilinear"` or `"nearest"`.
        fill_value: what lies outside.
    """
    order = ORDERS[check_choice("perspective_transform", "interpolation", interpolation, ORDERS)]
    x, single = _batch("perspective_transform", images, data_format)
    start, end = (jnp.asarray(points, "float32") for points in (start_points, end_points))
    if start.shape != end.shape or start.shape[-2:] != (4, 2) or start.ndim not in (2, 3):
        text = "`start_points` and `end_points` must both have the shape (4, 2) or (batch, 4, 2)"
        raise ValueError(message("perspective_transform", text, {"start_points": start.shape, "end_points": end.shape}))
    h = jnp.broadcast_to(jnp.atleast_2d(homography(start, end)), (x.shape[0], 8))[:, :, None, None]
    down, across = jnp.meshgrid(jnp.arange(x.shape[1]), jnp.arange(x.shape[2]), indexing="ij")
    depth = h[:, 6] * across + h[:, 7] * down + 1.0
    columns = (h[:, 0] * across + h[:, 1] * down + h[:, 2]) / depth
    rows = (h[:, 3] * across + h[:, 4] * down + h[:, 5]) / depth
    return _unbatch(sample(x, rows, columns, order, "constant", fill_value), single, data_format)


@op()
def elastic_transform(
    images: TensorLike,
    alpha: float = 20.0,
    sigma: float = 5.0,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
    seed: Seed = None,
    data_format: str | None = None,
) -> Array:
    """Pictures whose pixels are moved by smooth random fields, as a rubber sheet would be.

    Args:
        images: (height, width, channels), or a batch of such; with the channels first as `data_format` says.
        alpha: how far pixels are moved.
        sigma: the deviation of the draws, and of the window that smooths them, in pixels.
        interpolation: `"bilinear"` or `"nearest"`.
        fill_mode, fill_value: what lies outside: `"constant"`, `"nearest"`, `"wrap"`, `"mirror"` or `"reflect"`.
        seed: an integer, a `SeedGenerator`, or `None`.

    Source: Simard et al., "Best practices for convolutional neural networks applied to visual document analysis", 2003.
    """
    order = ORDERS[check_choice("elastic_transform", "interpolation", interpolation, ORDERS)]
    check_choice("elastic_transform", "fill_mode", fill_mode, FILL_MODES)
    x, single = _batch("elastic_transform", images, data_format)
    size = int(6 * float(sigma)) | 1
    y = stretch(x, alpha, jnp.asarray(sigma, jnp.float32), size, order, fill_mode, fill_value, draw_key(seed))
    return _unbatch(y, single, data_format)


def stretch(
    x: Array, alpha: float | Array, sigma: Array, size: int, order: int, fill_mode: str, fill_value: float, key: Array
) -> Array:
    """Pictures (batch, height, width, channels) moved by fields of deviation `sigma`, smoothed by a window of `size`."""
    batch, height, width, _ = x.shape
    fields = sigma * normal(key, (batch, height, width, 2), jnp.float32)
    moved = alpha * gaussian_blur(fields, (size, size), jnp.stack([sigma, sigma]), "channels_last")
    rows = jnp.arange(height)[:, None] + moved[..., 1]
    columns = jnp.arange(width) + moved[..., 0]
    return sample(x, rows, columns, order, fill_mode, fill_value)


@op("image1 image2", written="SSIM")
def ssim(
    image1: TensorLike,
    image2: TensorLike,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> Array:
    """How alike two pictures are in structure, between -1 and 1: for each window (2 m1 m2 + c1) (2 s12 + c2) /
    ((m1^2 + m2^2 + c1) (s1^2 + s2^2 + c2)), and the mean of all, with c1 = (k1 max_val)^2 and c2 = (k2 max_val)^2.

    Args:
        image1, image2: (height, width, channels), or batches of such; with the channels first as `data_format` says.
        max_val: the largest value that a pixel may have.
        filter_size, filter_sigma: width and deviation of the window, in pixels.
        k1, k2: keep the quotient finite.

    Shapes: one number, or (batch,).

    Source: Wang et al., "Image quality assessment: from error visibility to structural similarity", 2004.
    """
    x, single = _batch("ssim", image1, data_format)
    y, _ = _batch("ssim", image2, data_format)
    if x.shape != y.shape:
        raise ValueError(message("ssim", "both pictures must have the same shape", {"image1": x.shape, "image2": y.shape}))
    size = check_positive_int("ssim", "filter_size", filter_size)
    if min(x.shape[1:3]) < size:
        text = f"a picture must be at least as wide and high as the window, {size}"
        raise ValueError(message("ssim", text, {"image1": x.shape}, "Give a smaller filter_size"))
    kind = x.dtype
    x, y = as_float(x), as_float(y)
    weights = jax.nn.softmax(-jnp.square(jnp.arange(size) - (size - 1) / 2.0) / (2.0 * filter_sigma**2)).astype(x.dtype)
    kernel = jnp.tile(jnp.outer(weights, weights)[..., None, None], (1, 1, 1, x.shape[-1]))

    def mean(z: Array) -> Array:
        return convolution(z, kernel, (1, 1), "VALID", groups=z.shape[-1])

    m1, m2 = mean(x), mean(y)
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    alike = (2.0 * m1 * m2 + c1) * (2.0 * (mean(x * y) - m1 * m2) + c2)
    apart = (m1 * m1 + m2 * m2 + c1) * (mean(x * x) - m1 * m1 + mean(y * y) - m2 * m2 + c2)
    found = jnp.mean(alike / apart, axis=(1, 2, 3)).astype(kind)
    return found[0] if single else found


def _batch(owner: str, images: TensorLike, data_format: str | None) -> tuple[Array, bool]:
    """Pictures (batch, height, width, channels), and whether there is just one, without a batch."""
    x = as_array(images)
    if x.ndim not in (3, 4):
        raise ValueError(message(owner, "a picture must have three axes, a batch of them four", {"images": x.shape}))
    x = x if standardize_data_format(data_format) == "channels_last" else jnp.moveaxis(x, -3, -1)
    return (x[None], True) if x.ndim == 3 else (x, False)


def _unbatch(x: Array, single: bool, data_format: str | None) -> Array:
    x = x if standardize_data_format(data_format) == "channels_last" else jnp.moveaxis(x, -1, -3)
    return x[0] if single else x


def _filter(x: Array, kernel: Array) -> Array:
    """The same small window over every channel."""
    single = x.ndim == 3
    y = convolution(
        x[None] if single else x, jnp.tile(kernel[..., None, None], (1, 1, 1, x.shape[-1])), (1, 1), "SAME", groups=x.shape[-1]
    )
    return y[0] if single else y


def _last(owner: str, images: TensorLike, data_format: str | None) -> Array:
    x = as_array(images)
    if x.ndim not in (3, 4):
        raise ValueError(message(owner, "a picture must have three axes, a batch of them four", {"images": x.shape}))
    return x if standardize_data_format(data_format) == "channels_last" else jnp.moveaxis(x, -3, -1)


def _back(x: Array, data_format: str | None) -> Array:
    return x if standardize_data_format(data_format) == "channels_last" else jnp.moveaxis(x, -1, -3)


def _check_channels(owner: str, x: Array) -> None:
    if x.shape[-1] != 3:
        raise ValueError(message(owner, "a picture must have three channels (or one)", {"images": x.shape}))


def _check_float(owner: str, x: Array) -> None:
    _check_channels(owner, x)
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise ValueError(message(owner, "the pixels must be floats", {"images": x}, "Divide bytes by 255"))
