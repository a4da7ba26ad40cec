"""`tf.image`: how alike two pictures are, edges, other spaces of colours, boxes, changes by a seed."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from kerata.base.checks import message
from kerata.engine.types import Array, HostArray, TensorLike
from kerata.kernels.maxima import first_larger
from kerata.legacy.tensorflow.calls import Function, convert, ints
from kerata.legacy.tensorflow.draws import stateless_uniform, uniform
from kerata.legacy.tensorflow.errors import InvalidArgumentError
from kerata.legacy.tensorflow.functions import TABLE
from kerata.legacy.tensorflow.image import PICTURES, as_type, floats
from kerata.legacy.tensorflow.io import PARTS
from kerata.legacy.tensorflow.tensor import AnyTensor, Tensor, dtype_of
from kerata.legacy.tensorflow.types import Ints, float32

# Matrices from red, green and blue, and back.
COLOURS = {
    "rgb_to_yuv": [[0.299, -0.14714119, 0.61497538], [0.587, -0.28886916, -0.51496512], [0.114, 0.43601035, -0.10001026]],
    "yuv_to_rgb": [[1, 1, 1], [0, -0.394642334, 2.03206185], [1.13988303, -0.58062185, 0]],
    "rgb_to_yiq": [[0.299, 0.59590059, 0.2115], [0.587, -0.27455667, -0.52273617], [0.114, -0.32134392, 0.31119955]],
    "yiq_to_rgb": [[1, 1, 1], [0.95598634, -0.27201283, -1.10674021], [0.6208248, -0.64720424, 1.70423049]],
}
SOBEL = np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]], np.float32)


def by_channel(images: Array, kernels: HostArray | Array) -> Array:
    """Each channel of pictures (n, h, w, channels) under kernels (h, w, count): (n, h, w, channels, count)."""
    count, channels = kernels.shape[-1], images.shape[-1]
    kernel = jnp.tile(jnp.asarray(kernels, images.dtype)[:, :, None, :], (1, 1, 1, channels))
    dimensions = ("NHWC", "HWIO", "NHWC")
    found = lax.conv_general_dilated(
        images, kernel, (1, 1), "VALID", dimension_numbers=dimensions, feature_group_count=channels
    )
    return found.reshape(*found.shape[:-1], channels, count)


def edges(images: ArrayLike) -> Array:
    """The slopes of pictures downwards and to the right, behind the channels."""
    images = floats(images)
    padded = jnp.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="reflect")
    return by_channel(padded, np.stack([SOBEL, SOBEL.T], -1))


def bell(size: int, sigma: float) -> Array:
    """A round window of weights that sum to 1: (size, size, 1)."""
    steps = np.arange(size, dtype=np.float32) - (size - 1.0) / 2.0
    heights = -0.5 * np.square(steps) / np.square(np.float32(sigma))
    return jax.nn.softmax(jnp.asarray(heights[:, None] + heights[None]).reshape(-1)).reshape(size, size, 1)


def alike(x: Array, y: Array, largest: Array, size: int, sigma: float, k1: float, k2: float) -> tuple[Array, Array]:
    """(likeness, likeness of contrast and structure) at each place, (n, height, width, channels)."""
    if min(x.shape[-3:-1]) < size:
        raise InvalidArgumentError(f"tf.image.ssim: pictures of {x.shape[-3:-1]} are smaller than filter_size={size}")
    shape, window = x.shape, bell(size, sigma)

    def mean(z: Array) -> Array:
        found = by_channel(z.reshape(-1, *shape[-3:]), window)[..., 0]
        return found.reshape(*shape[:-3], *found.shape[1:])

    first, second = (k1 * largest) ** 2, (k2 * largest) ** 2
    mean_x, mean_y = mean(x), mean(y)
    product, squares = mean_x * mean_y * 2.0, jnp.square(mean_x) + jnp.square(mean_y)
    luminance = (product + first) / (squares + first)
    both, each = mean(x * y) * 2.0, mean(jnp.square(x) + jnp.square(y))
    structure = (both - product + second) / (each - squares + second)
    return luminance * structure, structure


def prepared(img1: ArrayLike, img2: ArrayLike, max_val: ArrayLike) -> tuple[Array, Array, Array]:
    """Both pictures as floats, and the largest number that one may have."""
    x, y = jnp.asarray(img1), jnp.asarray(img2)
    if x.shape[-3:] != y.shape[-3:]:
        raise ValueError(message("tf.image.ssim", "both pictures must have one size", {"img1": x.shape, "img2": y.shape}))
    limit = as_type(jnp.asarray(max_val).astype(x.dtype), float32, False)
    return as_type(x, float32, False), as_type(y, float32, False), limit


def ssim(
    img1: ArrayLike, img2: ArrayLike, max_val: ArrayLike, size: int, sigma: float, k1: float, k2: float, is_map: bool
) -> Array:
    """How alike two pictures are, 1 for the same one."""
    x, y, largest = prepared(img1, img2, max_val)
    found = alike(x, y, largest, int(size), sigma, k1, k2)[0]
    return jnp.mean(found, -1) if is_map else jnp.mean(jnp.mean(found, (-3, -2)), -1)


def halved(x: Array) -> Array:
    """Pictures of half the size, by means of four pixels; an odd row or column stands twice at the end."""
    extra = [(0, 0)] * (x.ndim - 3) + [(0, x.shape[-3] % 2), (0, x.shape[-2] % 2), (0, 0)]
    x = jnp.pad(x, extra, mode="symmetric")
    height, width = x.shape[-3] // 2, x.shape[-2] // 2
    return jnp.mean(x.reshape(*x.shape[:-3], height, 2, width, 2, x.shape[-1]), (-4, -2))


def ssim_of_scales(
    img1: ArrayLike, img2: ArrayLike, max_val: ArrayLike, powers: Sequence[float], size: int, sigma: float, k1: float, k2: float
) -> Array:
    """The product of likenesses at several scales, each with a power."""
    x, y, largest = prepared(img1, img2, max_val)
    powers = [float(one) for one in np.asarray(powers)]
    found = jnp.ones(())
    for number, power in enumerate(powers):
        if number:
            x, y = halved(x), halved(y)
        whole, structure = (jnp.mean(one, (-3, -2)) for one in alike(x, y, largest, int(size), sigma, k1, k2))
        found = found * first_larger(whole if number == len(powers) - 1 else structure, 0.0) ** power
    return jnp.mean(found, -1)


def recoloured(name: str) -> Callable[..., Array]:
    def compute(images: ArrayLike) -> Array:
        x = floats(images)
        return jnp.tensordot(x, jnp.asarray(COLOURS[name], x.dtype), axes=(-1, 0))

    return compute


# The colours of boxes where none are given.
PALETTE = np.array(
    [
        [1, 1, 0, 1],
        [0, 0, 1, 1],
        [1, 0, 0, 1],
        [0, 1, 0, 1],
        [0.5, 0, 0.5, 1],
        [0.5, 0.5, 0, 1],
        [0.5, 0, 0, 1],
        [0, 0, 0.5, 1],
        [0, 1, 1, 1],
        [1, 0, 1, 1],
    ],
    np.float32,
)


def draw_bounding_boxes(
    images: TensorLike, boxes: TensorLike, colors: TensorLike | None = None, name: str | None = None
) -> Tensor:
    """Pictures with boxes on them: of each (top, left, bottom, right), as parts of the height and the width."""
    given = convert(images)
    pictures, places = np.array(given.numpy()), np.asarray(convert(boxes).numpy())
    colours = PALETTE if colors is None or not np.size(colors) else np.asarray(convert(colors).numpy())
    height, width, channels = pictures.shape[-3:]
    for picture, some in zip(pictures, places, strict=True):
        for number, box in enumerate(some):
            colour = colours[number % len(colours)][:channels] if channels > 1 else colours[number % len(colours)][:1]
            paint(picture, np.trunc(box * np.array([height - 1, width - 1] * 2, np.float32)).astype(int).tolist(), colour)
    return Tensor(pictures, given.dtype)


def paint(picture: HostArray, box: list[int], colour: HostArray) -> None:
    """Draws the four sides of a box, as far as they lie in the picture."""
    top, left, bottom, right = box
    height, width = picture.shape[:2]
    if top > bottom or left > right or bottom < 0 or right < 0 or top >= height or left >= width:
        return
    rows = slice(max(top, 0), min(bottom, height - 1) + 1)
    columns = slice(max(left, 0), min(right, width - 1) + 1)
    for row in (top, bottom):
        if 0 <= row < height:
            picture[row, columns] = colour
    for column in (left, right):
        if 0 <= column < width:
            picture[rows, column] = colour


def adjust_jpeg_quality(
    image: TensorLike, jpeg_quality: TensorLike, dct_method: str = "", name: str | None = None
) -> AnyTensor:
    """A picture as a JPEG file of some quality has it."""
    given = convert(image)
    small = PICTURES["convert_image_dtype"](given, "uint8", saturate=True)
    channels = small.shape[-1]
    found = PARTS["decode_jpeg"](PARTS["encode_jpeg"](small, quality=int(convert(jpeg_quality).numpy())), channels=channels)
    return PICTURES["convert_image_dtype"](found, dtype_of(given))


def random_jpeg_quality(image: TensorLike, min_jpeg_quality: int, max_jpeg_quality: int, seed: object = None) -> AnyTensor:
    """`adjust_jpeg_quality` with a quality that is drawn."""
    drawn = uniform((), int(min_jpeg_quality), int(max_jpeg_quality), "int32", seed)
    return adjust_jpeg_quality(image, drawn)


# Changes by a seed of two numbers


def of_seed(seed: TensorLike, low: float = 0.0, high: float = 1.0) -> AnyTensor:
    return stateless_uniform((), seed, low, high)


def stateless_by_delta(name: str) -> Callable[..., AnyTensor]:
    return lambda image, max_delta, seed: PICTURES[name](image, of_seed(seed, -float(max_delta), float(max_delta)))


def stateless_between(name: str) -> Callable[..., AnyTensor]:
    def call(image: TensorLike, lower: float, upper: float, seed: TensorLike | None = None) -> AnyTensor:
        if seed is None:
            raise ValueError(message(f"tf.image.stateless_{name}", "a seed of two numbers is needed", {"seed": seed}))
        return PICTURES[name](image, of_seed(seed, float(lower), float(upper)))

    return call


def stateless_flip(name: str) -> Callable[..., AnyTensor]:
    def call(image: TensorLike, seed: TensorLike) -> AnyTensor:
        image = convert(image)
        return TABLE["where"](TABLE["less"](of_seed(seed), 0.5), PICTURES[name](image), image)

    return call


def stateless_random_crop(value: TensorLike, size: Ints, seed: TensorLike, name: str | None = None) -> AnyTensor:
    """A part of some size, at the place that a seed says."""
    given, sizes = convert(value), ints(size)
    room = np.array([int(n) - int(part) + 1 for n, part in zip(given.shape, sizes, strict=True)], np.int32)
    drawn = stateless_uniform(room.shape, seed, maxval=2**31 - 1, dtype="int32")
    return TABLE["slice"](given, drawn % Tensor(room), list(sizes))


_ROWS = {
    "sobel_edges": ("image", edges),
    "ssim": ("img1, img2, max_val, filter_size=11, filter_sigma=1.5, k1=0.01, k2=0.03, return_index_map=False", ssim),
    "ssim_multiscale": (
        "img1, img2, max_val, power_factors=(0.0448, 0.2856, 0.3001, 0.2363, 0.1333), filter_size=11, filter_sigma=1.5, "
        "k1=0.01, k2=0.03",
        ssim_of_scales,
    ),
    **{name: ("images", recoloured(name)) for name in COLOURS},
}
PICTURES |= {name: Function(f"image.{name}", signature, compute) for name, (signature, compute) in _ROWS.items()}
PICTURES |= {
    "draw_bounding_boxes": draw_bounding_boxes,
    "adjust_jpeg_quality": adjust_jpeg_quality,
    "random_jpeg_quality": random_jpeg_quality,
    "stateless_random_brightness": stateless_by_delta("adjust_brightness"),
    "stateless_random_hue": stateless_by_delta("adjust_hue"),
    "stateless_random_contrast": stateless_between("adjust_contrast"),
    "stateless_random_saturation": stateless_between("adjust_saturation"),
    "stateless_random_flip_left_right": stateless_flip("flip_left_right"),
    "stateless_random_flip_up_down": stateless_flip("flip_up_down"),
    "stateless_random_crop": stateless_random_crop,
}
