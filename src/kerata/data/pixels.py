"""The numbers of pictures in files, as TensorFlow decodes and resizes them."""

import functools
import io
import threading
from typing import TYPE_CHECKING

import numpy as np

from kerata.base.refusals import refusing
from kerata.data.pictures import pillow
from kerata.data.reading import read_bytes
from kerata.data.resizing import fitted

if TYPE_CHECKING:
    from PIL.Image import Image

MODES = {1: "L", 3: "RGB", 4: "RGBA"}
# What is added to places before they are rounded down, so that a whole number is not missed by rounding.
NUDGE = 1e-6
# The weights of red, green and blue in the gray of libpng, of 2 ** 15.
GRAY = np.array([9797, 19234, 3737], np.int32)
ROOM = threading.local()


def decoded(data: io.BytesIO, channels: int, at_least: tuple[int, int] | None = None) -> "Image":
    """A picture of the bytes of a file, in eight bits a channel; the first one of several.

    Args:
        data: what the file holds.
        channels: 1, 3 or 4.
        at_least: (height, width): a JPEG may come at a half, a quarter or an eighth of its size, but not smaller than this.
    """
    library, mode = pillow("image_dataset_from_directory"), MODES[channels]
    picture = library.open(data)
    if picture.mode.startswith(("I", "F")):
        picture.load()
        # The upper half of 16 bits.
        array = np.asarray(picture).astype(np.uint32)
        return library.fromarray((array >> 8).clip(0, 255).astype(np.uint8)).convert(mode)
    if picture.format == "JPEG" and channels == 1 and picture.mode == "RGB":
        picture.draft("L", None if at_least is None else (at_least[1], at_least[0]))
        at_least = None
    elif channels == 1 and picture.format == "PNG" and picture.mode != "L":
        rgb = np.asarray(picture.convert("RGB")).astype(np.int32)
        return library.fromarray(((rgb @ GRAY) >> 15).astype(np.uint8))
    elif picture.format == "JPEG" and at_least is not None:
        picture.draft("RGB", (at_least[1], at_least[0]))
    picture.load()
    return picture if picture.mode == mode else picture.convert(mode)


@functools.lru_cache(256)
def shares(size: int, wanted: int, channels: int) -> np.ndarray:
    """How far each pixel of the result lies behind the one that it begins with, along an axis: (wanted * channels,)."""
    exact = (np.arange(wanted) + 0.5) * (size / wanted) - 0.5
    return np.repeat(np.clip(exact - np.floor(exact + NUDGE), 0, 1).astype(np.float32), channels)


def room(shape: tuple[int, ...]) -> list[np.ndarray]:
    """Three arrays to compute in, of this thread."""
    kept: dict[tuple[int, ...], list[np.ndarray]] = vars(ROOM).setdefault("arrays", {})
    if shape not in kept:
        kept.clear()
        kept[shape] = [np.empty(shape, np.float32) for _ in range(3)]
    return kept[shape]


def smaller(picture: "Image", height: int, width: int) -> np.ndarray:
    """A picture in a smaller size, linearly interpolated, float32 of (height, width, channels), until the next one.

    The four neighbours of each pixel are taken by Pillow, which never makes the whole picture an array.
    """
    library = pillow("image_dataset_from_directory")
    x, y = picture.width / width, picture.height / height
    corners = []
    for down in (0, 1):
        for right in (0, 1):
            taken = (x, 0, right - 0.5 + NUDGE, 0, y, down - 0.5 + NUDGE)
            one = picture.transform((width, height), library.Transform.AFFINE, taken, library.Resampling.NEAREST)
            corners.append(np.frombuffer(one.tobytes(), np.uint8).reshape(height, -1))
    channels = corners[0].shape[1] // width
    right, down = shares(picture.width, width, channels), shares(picture.height, height, 1)[:, None]
    above, below, part = room(corners[0].shape)
    for row, (one, other) in ((above, corners[:2]), (below, corners[2:])):
        row[...], part[...] = one, other
        part -= row
        part *= right
        row += part
    below -= above
    below *= down
    above += below
    return above.reshape(height, width, channels)


def pixels(picture: "Image", size: tuple[int, int], method: str = "bilinear", crop: bool = False, pad: bool = False):
    """The numbers of a picture in another size, (height, width, channels): bytes where nothing is computed, else float32."""
    height, width = size
    is_shrunk = picture.height >= height and picture.width >= width
    if picture.size != (width, height) and method == "bilinear" and is_shrunk and not (crop or pad):
        return smaller(picture, height, width)
    array = np.asarray(picture)
    array = array[..., None] if array.ndim == 2 else array
    return array if array.shape[:2] == size else fitted(array, height, width, method, crop, pad)


def read_pixels(
    path: str, channels: int, size: tuple[int, int], method: str, crop: bool = False, pad: bool = False, fast: bool = False
) -> np.ndarray:
    """The numbers of the picture of a file, as `pixels` gives them.

    Args:
        path: of the file.
        channels: 1, 3 or 4.
        size, method, crop, pad: as of `pixels`.
        fast: whether a JPEG may be decoded at a part of its size, if that is not below `size`; all is rounded to bytes then.
    """
    with refusing(f"picture ({path})"):
        found = pixels(decoded(read_bytes(path), channels, size if fast else None), size, method, crop, pad)
    if fast or method == "nearest":
        return found if found.dtype == np.uint8 else np.rint(found).clip(0, 255).astype(np.uint8)
    return found
