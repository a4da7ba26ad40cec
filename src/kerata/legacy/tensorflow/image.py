"""`tf.image`: pictures (height, width, channels), or batches of them."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from kerata.base.checks import check_choice
from kerata.base.types import DTypeLike
from kerata.engine.types import Array, TensorLike
from kerata.kernels.maxima import first_larger, first_within
from kerata.legacy.tensorflow.calls import Function, convert, ints
from kerata.legacy.tensorflow.draws import uniform
from kerata.legacy.tensorflow.functions import TABLE
from kerata.legacy.tensorflow.pixels import FORMER, WINDOWS, shares, weighed, windowed
from kerata.legacy.tensorflow.tensor import AnyTensor, Tensor
from kerata.legacy.tensorflow.types import Ints, as_dtype, float32

METHODS = {name: name for name in ("nearest", "lanczos3", "lanczos5", "area", *WINDOWS)}
METHODS |= {"bilinear": "linear", "bicubic": "cubic"}
METHODS |= {"0": "linear", "1": "nearest", "2": "cubic", "3": "area"}


class ResizeMethod:
    """`tf.image.ResizeMethod`."""

    BILINEAR, NEAREST_NEIGHBOR, BICUBIC = "bilinear", "nearest", "bicubic"
    AREA, LANCZOS3, LANCZOS5, GAUSSIAN, MITCHELLCUBIC = "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic"


def resize(images: ArrayLike, size: Ints, method: str, keeps_ratio: bool, antialias: bool) -> Array:
    """Pictures of another size; floats, but for the nearest neighbour."""
    images, (height, width) = jnp.asarray(images), ints(size)
    method = str(method).lower()
    check_choice("tf.image.resize", "method", method, list(METHODS))
    kind = METHODS[method]
    own = images.shape[-3:-1]
    if keeps_ratio:
        scale = min(height / own[0], width / own[1])
        height, width = round(own[0] * scale), round(own[1] * scale)
    if kind == "nearest":
        rows = np.minimum((np.arange(height) + 0.5) * own[0] / height, own[0] - 1).astype(int)
        columns = np.minimum((np.arange(width) + 0.5) * own[1] / width, own[1] - 1).astype(int)
        return images[..., rows, :, :][..., columns, :]
    images = images.astype(jnp.float32)
    if kind == "area" or kind in WINDOWS:
        weights = [
            windowed(n, new, kind, bool(antialias)) if kind in WINDOWS else shares(n, new)
            for n, new in zip(own, (height, width), strict=True)
        ]
        return weighed(images, weights)
    shape = (*images.shape[:-3], height, width, images.shape[-1])
    return jax.image.resize(images, shape, kind, antialias=bool(antialias))


def fit_with_pad(images: ArrayLike, height: int, width: int, method: str, antialias: bool) -> Array:
    """As large as fits without another shape, in the middle of zeros."""
    images = jnp.asarray(images)
    scale = max(images.shape[-3] / height, images.shape[-2] / width)
    exact = [size / scale for size in images.shape[-3:-1]]
    found = resize(images, [max(int(np.floor(size)), 1) for size in exact], method, False, antialias)
    # The margins are those of a picture of the exact size, rounded down.
    top, left = (max(0, int(np.floor((whole - size) / 2))) for whole, size in zip((height, width), exact, strict=True))
    return pad_box(found, top, left, height, width)


def pad_box(images: ArrayLike, top: int, left: int, height: int, width: int) -> Array:
    images = jnp.asarray(images)
    top, left, height, width = (int(one) for one in (top, left, height, width))
    below, right = height - top - images.shape[-3], width - left - images.shape[-2]
    if min(top, left, below, right) < 0:
        raise ValueError(f"the picture {images.shape} does not fit into {(height, width)} at {(top, left)}")
    return jnp.pad(images, [(0, 0)] * (images.ndim - 3) + [(top, below), (left, right), (0, 0)])


def crop_box(images: ArrayLike, top: int, left: int, height: int, width: int) -> Array:
    images = jnp.asarray(images)
    top, left, height, width = (int(one) for one in (top, left, height, width))
    if top < 0 or left < 0 or top + height > images.shape[-3] or left + width > images.shape[-2]:
        raise ValueError(f"the box {(top, left, height, width)} does not lie in the picture {images.shape}")
    return images[..., top : top + height, left : left + width, :]


def crop_or_pad(images: ArrayLike, height: int, width: int) -> Array:
    """The middle, or the picture in the middle of zeros."""
    images = jnp.asarray(images)
    own = images.shape[-3:-1]
    cut = crop_box(images, max(own[0] - height, 0) // 2, max(own[1] - width, 0) // 2, min(height, own[0]), min(width, own[1]))
    return pad_box(cut, max(height - own[0], 0) // 2, max(width - own[1], 0) // 2, height, width)


def central(images: ArrayLike, fraction: float) -> Array:
    images = jnp.asarray(images)
    top, left = (int((size - size * fraction) / 2) for size in images.shape[-3:-1])
    return images[..., top : images.shape[-3] - top, left : images.shape[-2] - left, :]


def as_type(image: ArrayLike, dtype: DTypeLike, saturate: bool) -> Array:
    """Whole numbers of all their range as floats of [0, 1], and the other way round."""
    image, kind = jnp.asarray(image), as_dtype(dtype)
    if image.dtype == kind.dtype:
        return image
    floating = jnp.issubdtype(image.dtype, jnp.floating)
    if floating and kind.is_floating:
        return image.astype(kind.dtype)
    if floating:
        scaled = image * (float(kind.max) + 0.5)
        return (jnp.clip(scaled, float(kind.min), float(kind.max)) if saturate else scaled).astype(kind.dtype)
    if kind.is_floating:
        return image.astype(kind.dtype) * (1.0 / float(jnp.iinfo(image.dtype).max))
    own, wanted = (int(jnp.iinfo(one).max) + 1 for one in (image.dtype, kind.dtype))
    return (image // (own // wanted)).astype(kind.dtype) if own > wanted else image.astype(kind.dtype) * (wanted // own)


def in_floats(compute: Callable[..., Array]) -> Callable[..., Array]:
    """A function of floats for pictures of whole numbers too, which come out as such."""

    def call(image: ArrayLike, *args: object) -> Array:
        image = jnp.asarray(image)
        if jnp.issubdtype(image.dtype, jnp.floating):
            return compute(image, *args)
        return as_type(compute(as_type(image, float32, False), *args), image.dtype.name, True)

    return call


def brightness(image: Array, delta: float | Array) -> Array:
    return image + delta


def contrast(image: Array, factor: float | Array) -> Array:
    mean = jnp.mean(image, axis=(-3, -2), keepdims=True)
    return (image - mean) * factor + mean


def floats(image: ArrayLike) -> Array:
    """Whole numbers as floats."""
    image = jnp.asarray(image)
    return image if jnp.issubdtype(image.dtype, jnp.floating) else image.astype(jnp.float32)


def to_hsv(image: ArrayLike) -> Array:
    """Red, green, blue of [0, 1] as hue, saturation, value."""
    image = floats(image)
    red, green, blue = (image[..., n] for n in range(3))
    value, low = jnp.max(image, -1), jnp.min(image, -1)
    span = value - low
    safe = jnp.where(span > 0, span, 1)
    hue = jnp.where(
        value == red, (green - blue) / safe, jnp.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe)
    )
    hue = jnp.where(span > 0, (hue / 6) % 1.0, 0)
    return jnp.stack([hue, jnp.where(value > 0, span / jnp.where(value > 0, value, 1), 0), value], -1)


def to_rgb(image: ArrayLike) -> Array:
    image = floats(image)
    hue, saturation, value = (image[..., n] for n in range(3))
    turns = [first_within(jnp.abs((hue * 6 + shift) % 6 - 3) - 1, 0.0, 1.0) for shift in (0, 4, 2)]
    return jnp.stack([value * (1 - saturation + saturation * turn) for turn in turns], -1)


def saturation(image: ArrayLike, factor: float | Array) -> Array:
    hsv = to_hsv(image)
    return to_rgb(jnp.stack([hsv[..., 0], first_within(hsv[..., 1] * factor, 0.0, 1.0), hsv[..., 2]], -1))


def hue(image: ArrayLike, delta: float | Array) -> Array:
    hsv = to_hsv(image)
    return to_rgb(jnp.stack([(hsv[..., 0] + delta) % 1.0, hsv[..., 1], hsv[..., 2]], -1))


def grayscale(image: Array) -> Array:
    return jnp.tensordot(image, jnp.asarray([0.2989, 0.587, 0.114], image.dtype), axes=(-1, 0))[..., None]


def standardize(image: ArrayLike) -> Array:
    """(x - mean) / max(standard deviation, 1 / sqrt(pixels)) of each picture."""
    image = jnp.asarray(image, jnp.float32)
    axes, count = (-3, -2, -1), float(np.prod(image.shape[-3:]))
    spread = first_larger(jnp.std(image, axes, keepdims=True), 1 / np.sqrt(count))
    return (image - jnp.mean(image, axes, keepdims=True)) / spread


def variation(images: ArrayLike) -> Array:
    images = floats(images)
    down, right = jnp.diff(images, axis=-3), jnp.diff(images, axis=-2)
    return jnp.sum(jnp.abs(down), (-3, -2, -1)) + jnp.sum(jnp.abs(right), (-3, -2, -1))


def gradients(image: ArrayLike) -> tuple[Array, Array]:
    down = jnp.pad(jnp.diff(image, axis=1), [(0, 0), (0, 1), (0, 0), (0, 0)])
    right = jnp.pad(jnp.diff(image, axis=2), [(0, 0), (0, 0), (0, 1), (0, 0)])
    return down, right


def psnr(a: ArrayLike, b: ArrayLike, max_val: ArrayLike) -> Array:
    limit = as_type(jnp.asarray(max_val).astype(jnp.asarray(a).dtype), float32, False)
    a, b = (as_type(one, float32, False) for one in (a, b))
    return 20 * jnp.log10(limit) - 10 * jnp.log10(jnp.mean(jnp.square(a - b), (-3, -2, -1)))


def patches(images: ArrayLike, sizes: Ints, strides: Ints, rates: Ints, padding: str) -> Array:
    _, height, width, _ = ints(sizes)
    found = jax.lax.conv_general_dilated_patches(
        jnp.moveaxis(jnp.asarray(images), -1, 1), (height, width), ints(strides)[1:3], padding, rhs_dilation=ints(rates)[1:3]
    )
    batch, _, rows, columns = found.shape
    channels = np.shape(images)[-1]
    found = found.reshape(batch, channels, height * width, rows, columns)
    return jnp.transpose(found, (0, 3, 4, 2, 1)).reshape(batch, rows, columns, -1)


_ROWS: dict[str, tuple] = {
    "resize": ("images, size, method='bilinear', preserve_aspect_ratio=False, antialias=False", resize),
    "resize_with_pad": ("image, target_height, target_width, method='bilinear', antialias=False", fit_with_pad),
    "resize_with_crop_or_pad": ("image, target_height, target_width", crop_or_pad),
    "pad_to_bounding_box": ("image, offset_height, offset_width, target_height, target_width", pad_box),
    "crop_to_bounding_box": ("image, offset_height, offset_width, target_height, target_width", crop_box),
    "central_crop": ("image, central_fraction", central),
    "flip_left_right": ("image", lambda x: jnp.flip(x, -2)),
    "flip_up_down": ("image", lambda x: jnp.flip(x, -3)),
    "transpose": ("image", lambda x: jnp.swapaxes(x, -3, -2)),
    "rot90": ("image, k=1", lambda x, k: jnp.rot90(x, int(k), (-3, -2))),
    "adjust_brightness": ("image, delta", in_floats(brightness)),
    "adjust_contrast": ("images, contrast_factor", in_floats(contrast)),
    "adjust_saturation": ("image, saturation_factor", in_floats(saturation)),
    "adjust_hue": ("image, delta", in_floats(hue)),
    "adjust_gamma": ("image, gamma=1, gain=1", in_floats(lambda x, gamma, gain: gain * x**gamma)),
    "rgb_to_hsv": ("images", to_hsv),
    "hsv_to_rgb": ("images", to_rgb),
    "rgb_to_grayscale": ("images", in_floats(grayscale)),
    "grayscale_to_rgb": ("images", lambda x: jnp.repeat(jnp.asarray(x), 3, -1)),
    "per_image_standardization": ("image", standardize),
    "total_variation": ("images", variation),
    "image_gradients": ("image", gradients),
    "psnr": ("a, b, max_val", psnr),
    "extract_patches": ("images, sizes, strides, rates, padding", patches),
}
PICTURES: dict[str, Any] = {name: Function(f"image.{name}", signature, compute) for name, (signature, compute) in _ROWS.items()}
PICTURES["convert_image_dtype"] = Function(
    "image.convert_image_dtype", "image, dtype, saturate=False", as_type, gives=lambda values: as_dtype(values[1])
)
PICTURES |= {
    **{name: Function(f"image.{name}", signature, compute) for name, (signature, compute) in FORMER.items()},
    "resize_image_with_pad": PICTURES["resize_with_pad"],
    "resize_image_with_crop_or_pad": PICTURES["resize_with_crop_or_pad"],
    "ResizeMethod": ResizeMethod,
}


def draw(low: float, high: float, seed: object) -> Tensor:
    return uniform((), low, high, seed=seed)


def maybe(name: str) -> Callable[..., AnyTensor]:
    """A change of every other picture, at random."""

    def call(image: TensorLike, seed: object = None) -> AnyTensor:
        image = convert(image)
        return TABLE["where"](TABLE["less"](draw(0, 1, seed), 0.5), PICTURES[name](image), image)

    call.__name__ = f"random_{name}"
    return call


def within(name: str) -> Callable[..., AnyTensor]:
    """A change by a number drawn from a range around 0."""

    def call(image: TensorLike, max_delta: float, seed: object = None) -> AnyTensor:
        return PICTURES[name](image, draw(-max_delta, max_delta, seed))

    call.__name__ = name.replace("adjust", "random")
    return call


def between(name: str) -> Callable[..., AnyTensor]:
    """A change by a number drawn from a range."""

    def call(image: TensorLike, lower: float, upper: float, seed: object = None) -> AnyTensor:
        return PICTURES[name](image, draw(lower, upper, seed))

    call.__name__ = name.replace("adjust", "random")
    return call


def random_crop(value: TensorLike, size: Ints, seed: object = None, name: str | None = None) -> AnyTensor:
    """A part of some size, at a random place."""
    given, sizes = convert(value), ints(size)
    room = np.array([int(n) - int(part) + 1 for n, part in zip(given.shape, sizes, strict=True)], np.int32)
    drawn = uniform(room.shape, maxval=2**31 - 1, dtype="int32", seed=seed)
    return TABLE["slice"](given, drawn % Tensor(room), list(sizes))


PICTURES |= {
    "random_flip_left_right": maybe("flip_left_right"),
    "random_flip_up_down": maybe("flip_up_down"),
    "random_brightness": within("adjust_brightness"),
    "random_contrast": between("adjust_contrast"),
    "random_saturation": between("adjust_saturation"),
    "random_hue": within("adjust_hue"),
    "random_crop": random_crop,
}
