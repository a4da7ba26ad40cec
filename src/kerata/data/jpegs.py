"""JPEGs decoded by simplejpeg and made smaller by OpenCV, where both are installed: Pillow's numbers, sooner.

Pillow and simplejpeg decode with libjpeg-turbo. What is read otherwise than by Pillow (gray, CMYK, more than eight bits, files
that end too early, pictures of a size that Pillow warns of) is left to Pillow. OpenCV's own decoding takes new memory for each
picture, and finding it page by page costs as much as decoding does.
"""

import functools
import math
import struct
import threading
from types import ModuleType

import numpy as np

from kerata.data.pictures import pillow

BEGINNING, END = b"\xff\xd8\xff", b"\xff\xd9"
# Markers of frames in Huffman's code (baseline, extended, progressive), and those after which no frame comes.
FRAMES, LAST = (0xC0, 0xC1, 0xC2), (0xD8, 0xD9, 0xDA)
# Bytes of memory that a thread keeps for its next picture, at most.
ROOM = 2**26


@functools.cache
def libraries() -> tuple[ModuleType, ModuleType] | None:
    """simplejpeg and OpenCV, if both are there."""
    try:
        import cv2
        import simplejpeg
    except ImportError:
        return None
    return simplejpeg, cv2


class Room(threading.local):
    """Memory that a thread uses for one picture after another."""

    def __init__(self):
        self.kept: dict[tuple[str, str], np.ndarray] = {}

    def take(self, shape: tuple[int, ...], kind: str, use: str) -> np.ndarray:
        """An array of a type, which the next call in this thread for the same use gives again."""
        size = math.prod(shape)
        if size * np.dtype(kind).itemsize > ROOM:
            return np.empty(shape, kind)
        if (use, kind) not in self.kept or self.kept[use, kind].size < size:
            self.kept[use, kind] = np.empty(size, kind)
        return self.kept[use, kind][:size].reshape(shape)


room = Room()


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


def decode_jpeg(data: bytes, at_least: tuple[int, int] | None = None, is_passing: bool = False) -> np.ndarray | None:
    """The numbers of a JPEG, red, green, blue; `None` for what is left to Pillow.

    Args:
        data: what the file holds.
        at_least: (height, width): the picture may come at a half, a quarter or an eighth of its size, but not smaller than
            this.
        is_passing: whether the array is only read before this thread decodes another one, so that it need not last.

    Shapes: (height, width, 3), bytes.
    """
    if not data.startswith(BEGINNING) or (found := libraries()) is None or (frame := frame_of(data)) is None:
        return None
    limit = pillow("pictures").MAX_IMAGE_PIXELS
    if limit is not None and frame[0] * frame[1] > limit:
        return None
    parts = 1 if at_least is None else min(size // wanted for size, wanted in zip(frame, at_least, strict=True))
    part = next(one for one in (8, 4, 2, 1) if parts >= one or one == 1)
    height, width = (-(-size // part) for size in frame)
    buffer = room.take((height, width, 3), "uint8", "decoded") if is_passing else None
    try:
        return found[0].decode_jpeg(data, min_height=height, min_width=width, min_factor=part, buffer=buffer)
    except ValueError:
        return None


def linear(x: np.ndarray, size: tuple[int, int], out: np.ndarray | None = None) -> np.ndarray:
    """A picture (rows, columns, channels) in another size (height, width), linearly interpolated: float32.

    `libraries` must be there, as for `linear_bytes`.

    Args:
        out: an array that is written to and given, where it is one of floats in that size, each right behind the last.
    """
    exact = room.take(x.shape, "float32", "exact")
    np.copyto(exact, x)
    return _resized(exact, size, out)


def linear_bytes(x: np.ndarray, size: tuple[int, int], is_passing: bool = False) -> np.ndarray:
    """The same of bytes, rounded to bytes on the way, so that the result may be beside the rounded one by one.

    Args:
        is_passing: as of `decode_jpeg`.
    """
    if x.shape[:2] == size:
        return x if is_passing else x.copy()
    return _resized(x, size, room.take((*size, x.shape[2]), "uint8", "smaller") if is_passing else None)


def _resized(x: np.ndarray, size: tuple[int, int], out: np.ndarray | None) -> np.ndarray:
    found = libraries()
    assert found is not None
    if out is not None and (out.shape != (*size, x.shape[2]) or out.dtype != x.dtype or not out.flags.c_contiguous):
        out = None
    return found[1].resize(x, size[::-1], out, interpolation=found[1].INTER_LINEAR)


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
