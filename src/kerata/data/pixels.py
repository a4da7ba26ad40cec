"""The numbers of pictures in files, as TensorFlow decodes and resizes them."""

import functools
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kerata.base.refusals import refusing
from kerata.data.jpegs import decode_jpeg, linear, linear_bytes
from kerata.data.pictures import pillow
from kerata.data.reading import read_bytes
from kerata.data.resizing import fitted, places_of
from kerata.engine.placement import processor
from kerata.kernels.mapping import between

if TYPE_CHECKING:
    from PIL.Image import Image

MODES = {1: "L", 3: "RGB", 4: "RGBA"}
# What is added to places before they are rounded down, so that a whole number is not missed by rounding.
NUDGE = 1e-6
# The weights of red, green and blue in the gray of libpng, of 2 ** 15.
GRAY = np.array([9797, 19234, 3737], np.int32)


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
    first = np.floor((np.arange(wanted) + 0.5) * (size / wanted) - 0.5 + NUDGE)
    exact = places_of(size, wanted) - np.float32(0.5)
    return np.repeat(np.clip(exact - first, 0, 1).astype(np.float32), channels)


class Corners(np.ndarray):
    """The four pixels around each pixel of a picture in a smaller size, (4, height, width * channels), bytes.

    Attributes:
        right, down: how far from the first to the second, (width * channels,) and (height,).
    """

    right: np.ndarray
    down: np.ndarray


def corners_of(picture: "Image", height: int, width: int) -> Corners:
    """What a smaller picture is computed of. Pillow takes the pixels, so that the whole picture never is an array."""
    library = pillow("image_dataset_from_directory")
    x, y = picture.width / width, picture.height / height
    taken = []
    for down in (0, 1):
        for right in (0, 1):
            places = (x, 0, right - 0.5 + NUDGE, 0, y, down - 0.5 + NUDGE)
            one = picture.transform((width, height), library.Transform.AFFINE, places, library.Resampling.NEAREST)
            taken.append(np.frombuffer(one.tobytes(), np.uint8).reshape(height, -1))
    made = np.stack(taken).view(Corners)
    made.right = shares(picture.width, width, made.shape[2] // width)
    made.down = shares(picture.height, height, 1)
    return made


def finished(found: Sequence[Corners], count: int, whole: bool = False) -> np.ndarray:
    """Smaller pictures, linearly interpolated: (count, height, width * channels), of which the first are there.

    Args:
        found: what they are computed of.
        count: how many there are room for, so that one program does for all.
        whole: whether to round to bytes; else float32.
    """
    filled = [*found, *[found[-1]] * (count - len(found))]
    parts = (np.stack(filled), np.stack([one.right for one in filled]), np.stack([one.down for one in filled]))
    with processor().compiling():
        return np.asarray(between(*parts, whole=whole))


def pixels(
    picture: "Image | np.ndarray", size: tuple[int, int], method: str = "bilinear", crop: bool = False, pad: bool = False
) -> np.ndarray:
    """The numbers of a picture in another size, (height, width, channels): bytes where nothing is computed, else float32.

    Most smaller pictures of Pillow come as `Corners`, which `finished` computes many at once of.
    """
    height, width = size
    is_plain = method == "bilinear" and not (crop or pad)
    if isinstance(picture, np.ndarray):
        array = picture
    else:
        if is_plain and picture.size != (width, height) and picture.height >= height and picture.width >= width:
            return corners_of(picture, height, width)
        array = np.asarray(picture)
        array = array[..., None] if array.ndim == 2 else array
    return array if array.shape[:2] == size else fitted(array, height, width, method, crop, pad)


def read_pixels(
    path: str,
    channels: int,
    size: tuple[int, int],
    method: str,
    crop: bool = False,
    pad: bool = False,
    fast: bool = False,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """The numbers of the picture of a file, as `pixels` gives them.

    Args:
        path: of the file.
        channels: 1, 3 or 4.
        size, method, crop, pad: as of `pixels`.
        fast: whether a JPEG may be decoded at a part of its size, if that is not below `size`; all is rounded to bytes then.
        out: where the numbers are wanted, float32. They may be there afterwards, and this array is given; else they are in
            another one, and last until this thread reads the next picture.
    """
    with refusing(f"picture ({path})"):
        data, least = read_bytes(path), size if fast else None
        is_plain = method == "bilinear" and not (crop or pad)
        jpeg = decode_jpeg(data.getvalue(), least, is_plain) if channels == 3 else None
        if jpeg is not None and is_plain:
            if fast or jpeg.shape[:2] == size:
                return linear_bytes(jpeg, size, out is not None)
            return linear(jpeg, size, out)
        found = pixels(decoded(data, channels, least) if jpeg is None else jpeg, size, method, crop, pad)
    if not isinstance(found, Corners) and (fast or method == "nearest"):
        return found if found.dtype == np.uint8 else np.rint(found).clip(0, 255).astype(np.uint8)
    return found
