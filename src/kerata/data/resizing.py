"""Pictures of any size in another one, as TensorFlow resizes them, along one axis after the other."""

import functools
import math

import numpy as np

METHODS = ("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic")
BETWEEN = 1024
# What TensorFlow resizes with by one function, which works out for itself where pixels lie.
ONE_FUNCTION = ("lanczos3", "lanczos5", "gaussian", "mitchellcubic")
RADII = {"bilinear": 1.0, "bicubic": 2.0, "lanczos3": 3.0, "lanczos5": 5.0, "gaussian": 1.5, "mitchellcubic": 2.0}


def kernel(method: str, x: np.ndarray) -> np.ndarray:
    """How much a pixel counts at a distance."""
    x = np.abs(x)
    if method == "bilinear":
        return np.maximum(0, 1 - x)
    if method == "gaussian":
        return np.where(x < 1.5, np.exp(-2 * x * x), 0)
    if method.startswith("lanczos"):
        radius = RADII[method]
        return np.where(x < radius, np.sinc(x) * np.sinc(x / radius), 0)
    if method == "bicubic":
        near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    else:
        near = (7 / 6 * x - 2) * x * x + 8 / 9
        far = ((-7 / 18 * x + 2) * x - 10 / 3) * x + 16 / 9
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def places_of(size: int, wanted: int, is_turned: bool = False) -> np.ndarray:
    """Where the middles of the pixels of a result lie in a picture, along an axis: (wanted,), float32 as in TensorFlow.

    Its precision decides which of two pixels is the nearest, and whether one lies at the end of a kernel, which may not be 0
    there, or just before it.

    Args:
        size, wanted: of the picture and of the result.
        is_turned: whether the size of a pixel is had the other way round, as in one function of TensorFlow's.
    """
    middles = (np.arange(wanted) + 0.5).astype(np.float32)
    whole, part = np.float32(size), np.float32(wanted)
    return middles * (np.float32(1 / (part / whole)) if is_turned else whole / part)


@functools.lru_cache(1024)
def taps(size: int, wanted: int, method: str) -> tuple[np.ndarray, np.ndarray]:
    """(numbers of pixels, weights) of each pixel of the result along an axis: (wanted, taps)."""
    scale = size / wanted
    if method == "area":
        starts, ends = np.arange(wanted) * scale, np.arange(1, wanted + 1) * scale
        numbers = np.floor(starts)[:, None] + np.arange(math.ceil(scale) + 1)
        weights = np.clip(np.minimum(ends[:, None], numbers + 1) - np.maximum(starts[:, None], numbers), 0, None)
    else:
        places = places_of(size, wanted, method in ONE_FUNCTION)
        if method == "bicubic":
            # The weights are looked up in a table of so many places between two pixels.
            exact = places - np.float32(0.5)
            first = np.floor(exact)
            places = first + np.rint((exact - first) * np.float32(BETWEEN)).astype(np.float64) / BETWEEN + 0.5
        if method == "nearest":
            numbers, weights = np.floor(places)[:, None], np.ones((wanted, 1))
        else:
            radius = RADII[method]
            numbers = np.ceil(places - radius - 0.5)[:, None] + np.arange(int(2 * radius + 1))
            weights = kernel(method, numbers + 0.5 - places[:, None])
    # What lies outside does not count.
    weights = np.where((numbers >= 0) & (numbers < size), weights, 0)
    weights = weights / weights.sum(1, keepdims=True)
    used = np.abs(weights).max(0) > 0
    return np.clip(numbers, 0, size - 1).astype(np.intp)[:, used], weights.astype(np.float32)[:, used]


def resized(x: np.ndarray, height: int, width: int, method: str = "bilinear") -> np.ndarray:
    """A picture (rows, columns, channels) in another size, float32, without smoothing before it gets smaller.

    >>> resized(np.array([[[0], [4]]], "uint8"), 1, 4).ravel().tolist()
    [0.0, 1.0, 3.0, 4.0]
    """
    for axis, wanted in ((0, height), (1, width)):
        if x.shape[axis] == wanted:
            continue
        numbers, weights = taps(x.shape[axis], wanted, method)
        shape = (-1, 1, 1) if axis == 0 else (1, -1, 1)
        parts = (x.take(numbers[:, k], axis) * weights[:, k].reshape(shape) for k in range(numbers.shape[1]))
        x = functools.reduce(np.add, parts)
    return np.asarray(x, np.float32)


def fitted(x: np.ndarray, height: int, width: int, method: str, crop: bool = False, pad: bool = False) -> np.ndarray:
    """A picture in another size, its sides cut off or filled up with zeros so that nothing is distorted.

    Sizes are those of TensorFlow, in its precision.
    """
    rows, columns = x.shape[:2]
    if crop:
        high = max(1, min(rows, int(np.float32(columns * height) / np.float32(width))))
        wide = max(1, min(columns, int(np.float32(rows * width) / np.float32(height))))
        top, left = (rows - high) // 2, (columns - wide) // 2
        return resized(x[top : top + high, left : left + wide], height, width, method)
    if not pad:
        return resized(x, height, width, method)
    size, wanted = np.array([rows, columns], np.float32), np.array([height, width], np.float32)
    exact = size / (size / wanted).max()
    high, wide = (max(1, math.floor(length)) for length in exact)
    top, left = (max(0, math.floor(gap)) for gap in (wanted - exact) / 2)
    made = np.zeros((height, width, x.shape[2]), np.float32)
    made[top : top + high, left : left + wide] = resized(x, high, wide, method)
    return made
