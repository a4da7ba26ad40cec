"""Pictures of another size, axis by axis: windows of `tf.image.resize`, and where pixels lay in TensorFlow 1.

TensorFlow 1 put pixel i of the result at i / factor; `align_corners` puts the first and the last upon those of the picture,
`half_pixel_centers` puts pixel i at (i + 1/2) / factor - 1/2, as TensorFlow 2 does.
"""

from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from kerata.base.checks import check_choice
from kerata.engine.types import Array, HostArray
from kerata.legacy.tensorflow.calls import ints
from kerata.legacy.tensorflow.types import Ints


def weighed(images: Array, weights: Sequence[HostArray]) -> Array:
    """Pictures (..., height, width, channels) whose rows and columns are sums of those under weights (old, new)."""
    for axis, one in zip((-3, -2), weights, strict=True):
        images = jnp.moveaxis(jnp.tensordot(images, jnp.asarray(one, images.dtype), axes=(axis, 0)), -1, axis)
    return images


# Weights (old, new)


def gaussian(x: HostArray) -> HostArray:
    return np.where(np.abs(x) < 1.5, np.exp(-2.0 * x**2), 0)


def mitchell(x: HostArray) -> HostArray:
    """The cubic of Mitchell and Netravali, B = C = 1/3."""
    x = np.abs(x)
    near, far = ((7 / 6 * x - 2) * x) * x + 8 / 9, ((-7 / 18 * x + 2) * x - 10 / 3) * x + 16 / 9
    return np.where(x < 1, near, np.where(x < 2, far, 0))


WINDOWS: dict[str, Callable[[HostArray], HostArray]] = {"gaussian": gaussian, "mitchellcubic": mitchell}


def windowed(old: int, new: int, kind: str, antialias: bool) -> HostArray:
    """By a window around the place of each new pixel; it is as wide as a new pixel under `antialias`."""
    step = old / new
    places = (np.arange(new) + 0.5) * step - 0.5
    found = WINDOWS[kind]((np.arange(old)[:, None] - places) / (max(step, 1.0) if antialias else 1.0))
    return found / found.sum(0)


def shares(old: int, new: int, step: float | None = None) -> HostArray:
    """How much of each old pixel is under each new one. What is beyond the last one is the last one."""
    step = old / new if step is None else step
    edges = np.arange(new + 1) * step
    count = max(old, int(np.ceil(edges[-1])))
    low = np.maximum(np.arange(count)[:, None], edges[None, :-1])
    high = np.minimum(np.arange(count)[:, None] + 1, edges[None, 1:])
    found = np.maximum(high - low, 0) / step
    found[old - 1] = found[old - 1 :].sum(0)
    return found[:old]


def step_of(old: int, new: int, corners: bool) -> float:
    return (old - 1) / (new - 1) if corners and new > 1 else old / new


def places_of(old: int, new: int, corners: bool, centers: bool) -> HostArray:
    """Where new pixels lie."""
    step = step_of(old, new, corners)
    return (np.arange(new) + 0.5) * step - 0.5 if centers else np.arange(new) * step


def between(old: int, new: int, corners: bool, centers: bool) -> HostArray:
    """Of the two pixels beside, the nearer the more."""
    places = places_of(old, new, corners, centers)
    low = np.floor(places)
    first, second = (np.clip(one, 0, old - 1).astype(int) for one in (low, np.ceil(places)))
    found, share = np.zeros((old, new)), places - low
    np.add.at(found, (first, np.arange(new)), 1 - share)
    np.add.at(found, (second, np.arange(new)), share)
    return found


def cubic(old: int, new: int, corners: bool, centers: bool) -> HostArray:
    """Of four pixels by Keys's cubic, of a = -1/2 around half pixels and -3/4 otherwise, at 1024 places between two."""
    places, a = places_of(old, new, corners, centers), -0.5 if centers else -0.75
    low = np.floor(places)
    share = np.rint((places - low) * 1024) / 1024
    found = np.zeros((old, new))
    for shift in (-1, 0, 1, 2):
        x, at = np.abs(share - shift), low + shift
        weight = np.where(x <= 1, ((a + 2) * x - (a + 3)) * x * x + 1, ((a * x - 5 * a) * x + 8 * a) * x - 4 * a)
        weight = np.where((at >= 0) & (at < old), weight, 0) if centers else weight
        np.add.at(found, (np.clip(at, 0, old - 1).astype(int), np.arange(new)), weight)
    return found / found.sum(0)


def nearest(old: int, new: int, corners: bool, centers: bool) -> HostArray:
    """The old pixel of each new one: (new,)."""
    places = np.arange(new) * step_of(old, new, corners) if not centers else (np.arange(new) + 0.5) * step_of(old, new, corners)
    return np.minimum(np.floor(places + 0.5) if corners else np.floor(places), old - 1).astype(int)


# Functions of TensorFlow 1


def resized(weights: Callable[[int, int, bool, bool], HostArray]) -> Callable[..., Array]:
    """A function that resizes pictures by weights."""

    def compute(images: ArrayLike, size: Ints, corners: object = False, centers: object = False) -> Array:
        images = jnp.asarray(images)
        images = images if jnp.issubdtype(images.dtype, jnp.floating) else images.astype(jnp.float32)
        pairs = zip(images.shape[-3:-1], ints(size), strict=True)
        return weighed(images, [weights(old, new, bool(corners), bool(centers)) for old, new in pairs])

    return compute


def resized_to_nearest(images: ArrayLike, size: Ints, corners: object = False, centers: object = False) -> Array:
    images = jnp.asarray(images)
    rows, columns = (
        nearest(old, new, bool(corners), bool(centers)) for old, new in zip(images.shape[-3:-1], ints(size), strict=True)
    )
    return images[..., rows, :, :][..., columns, :]


def of_steps(old: int, new: int, corners: bool, centers: bool) -> HostArray:
    return shares(old, new, step_of(old, new, corners))


KINDS = {"bilinear": resized(between), "nearest": resized_to_nearest, "bicubic": resized(cubic), "area": resized(of_steps)}
KINDS |= {str(number): compute for number, compute in enumerate(list(KINDS.values()))}


def resize_images(images: ArrayLike, size: Ints, method: object, corners: object, keeps_ratio: object) -> Array:
    """`tf.image.resize_images`: pictures that have the size already are given back as they are."""
    images, wanted, kind = jnp.asarray(images), ints(size), str(method).lower()
    check_choice("tf.image.resize_images", "method", kind, list(KINDS))
    own = images.shape[-3:-1]
    if keeps_ratio:
        scale = min(new / old for old, new in zip(own, wanted, strict=True))
        wanted = tuple(round(old * scale) for old in own)
    return images if tuple(wanted) == own else KINDS[kind](images, wanted, corners)


_SIGNATURE = "images, size, align_corners=False, half_pixel_centers=False"
FORMER: dict[str, tuple[str, Callable[..., Array]]] = {
    "resize_images": ("images, size, method=0, align_corners=False, preserve_aspect_ratio=False", resize_images),
    "resize_bilinear": (_SIGNATURE, KINDS["bilinear"]),
    "resize_nearest_neighbor": (_SIGNATURE, KINDS["nearest"]),
    "resize_bicubic": (_SIGNATURE, KINDS["bicubic"]),
    "resize_area": ("images, size, align_corners=False", KINDS["area"]),
}
