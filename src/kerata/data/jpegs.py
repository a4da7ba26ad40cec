"""JPEGs decoded by OpenCV, where it is installed: Pillow's numbers, sooner, and as an array at once.

Both decode with libjpeg-turbo. What OpenCV reads otherwise than Pillow (gray, CMYK, more than eight bits, files that end too
early, pictures of a size that Pillow warns of) is left to Pillow.
"""

import functools
import struct
from types import ModuleType

import numpy as np

from kerata.data.pictures import pillow

BEGINNING, END = b"\xff\xd8\xff", b"\xff\xd9"
# Markers of frames in Huffman's code (baseline, extended, progressive), and those after which no frame comes.
FRAMES, LAST = (0xC0, 0xC1, 0xC2), (0xD8, 0xD9, 0xDA)
NEEDED = ("IMREAD_COLOR_RGB", "IMREAD_IGNORE_ORIENTATION")


@functools.cache
def opencv() -> ModuleType | None:
    """The library, if it is there and new enough."""
    try:
        import cv2
    except ImportError:
        return None
    return cv2 if all(hasattr(cv2, name) for name in NEEDED) else None


def frame_of(data: bytes) -> tuple[int, int] | None:
    """(height, width) of a JPEG of three components in eight bits that has an end; `None` for anything else.

    >>> frame_of(b"GIF89a") is None
    True
    """
    if not data.startswith(BEGINNING) or not data.endswith(END):
        return None
    place = 2
    while place + 10 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker in FRAMES:
            bits, height, width, components = struct.unpack_from(">BHHB", data, place + 4)
            return (height, width) if bits == 8 and components == 3 and height and width else None
        if marker in LAST:
            return None
        # A byte of filling has no length.
        place += 1 if marker == 0xFF else 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return None


def decode_jpeg(data: bytes, at_least: tuple[int, int] | None = None) -> np.ndarray | None:
    """The numbers of a JPEG, red, green, blue; `None` for what is left to Pillow.

    Args:
        data: what the file holds.
        at_least: (height, width): the picture may come at a half, a quarter or an eighth of its size, but not smaller than
            this.

    Shapes: (height, width, 3), bytes.
    """
    if not data.startswith(BEGINNING) or (library := opencv()) is None or (frame := frame_of(data)) is None:
        return None
    limit = pillow("pictures").MAX_IMAGE_PIXELS
    if limit is not None and frame[0] * frame[1] > limit:
        return None
    parts = 1 if at_least is None else min(size // wanted for size, wanted in zip(frame, at_least, strict=True))
    if parts >= 2:
        part = next(one for one in (8, 4, 2) if parts >= one)
        how = getattr(library, f"IMREAD_REDUCED_COLOR_{part}")
    else:
        how = library.IMREAD_COLOR_RGB
    try:
        found = library.imdecode(np.frombuffer(data, np.uint8), how | library.IMREAD_IGNORE_ORIENTATION)
    except library.error:
        return None
    return found if parts < 2 or found is None else library.cvtColor(found, library.COLOR_BGR2RGB)


def linear(x: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture (rows, columns, channels) in another size (height, width), linearly interpolated: float32.

    `opencv` must be there, as for `linear_bytes`.
    """
    x = x.astype(np.float32)
    return x if x.shape[:2] == size else _resized(x, size)


def linear_bytes(x: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The same of bytes, rounded to bytes on the way, so that the result may be beside the rounded one by one."""
    return x if x.shape[:2] == size else _resized(x, size)


def _resized(x: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    library = opencv()
    assert library is not None
    return library.resize(x, size[::-1], interpolation=library.INTER_LINEAR)


@functools.lru_cache(1024)
def nearest(first: int, length: int, wanted: int) -> np.ndarray:
    """The numbers of the pixels that Pillow takes along an axis for the nearest ones: it adds steps up.

    >>> nearest(0, 6, 3).tolist()
    [1, 3, 5]
    """
    step = length / wanted
    return np.cumsum([first + step * 0.5, *[step] * (wanted - 1)]).astype(np.intp)


def nearest_pixels(x: np.ndarray, size: tuple[int, int], box: tuple[int, int, int, int]) -> np.ndarray:
    """A part of a picture in another size, as Pillow takes the nearest pixels.

    Args:
        x: (rows, columns, channels).
        size: (height, width).
        box: (left, top, right, bottom) of the part.
    """
    left, top, right, bottom = box
    return x.take(nearest(top, bottom - top, size[0]), 0).take(nearest(left, right - left, size[1]), 1)
