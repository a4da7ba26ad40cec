"""Pictures in files, as PIL has them, and as arrays."""

import io
import os
import warnings
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from kerata.base.checks import KindError, check_choice, message
from kerata.base.config import floatx, standardize_data_format
from kerata.base.refusals import MissingFile, refusing
from kerata.base.replacing import replace_file
from kerata.ops.image import resize

if TYPE_CHECKING:
    from PIL.Image import Image

MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}
METHODS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")
# Gray in 16 or 32 bits stays what it is.
GRAYS = ("L", "I;16", "I")


def pillow(owner: str) -> ModuleType:
    """The library that reads pictures."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(message(owner, "Pillow is needed", fix='Install it: pip install "kerata[data]"')) from error
    return Image


def load_img(path, color_mode="rgb", target_size=None, interpolation="nearest", keep_aspect_ratio=False) -> "Image":
    """A picture from a file.

    Args:
        path: where it is, or an `io.BytesIO` with its bytes.
        color_mode: `"rgb"`, `"rgba"` or `"grayscale"`; gray in more than 8 bits stays so.
        target_size: (height, width) in pixels; as in the file by default.
        interpolation: `"nearest"`, `"bilinear"`, `"bicubic"`, `"hamming"`, `"box"` or `"lanczos"`.
        keep_aspect_ratio: whether to cut the middle with the proportions of `target_size` out, so that nothing is distorted.

    The orientation that a camera has noted in the file is not applied, as in Keras.

    >>> import io, kerata, numpy as np
    >>> file = io.BytesIO()
    >>> kerata.utils.save_img(file, np.zeros((4, 6, 3)), file_format="png")
    >>> kerata.utils.load_img(file, target_size=(2, 3)).size
    (3, 2)
    """
    check_choice("load_img", "color_mode", color_mode, tuple(MODES))
    check_choice("load_img", "interpolation", interpolation, METHODS)
    if isinstance(path, io.BytesIO):
        data, name = path, "the given bytes"
    elif isinstance(path, (str, bytes, os.PathLike)):
        name = os.fsdecode(path)
        if not os.path.exists(name):
            raise MissingFile(message("load_img", "there is no such file", {"path": name}))
        data = io.BytesIO(Path(name).read_bytes())
    else:
        raise KindError(message("load_img", "`path` must be a path or io.BytesIO", {"path": path}))
    with refusing(f"load_img ({name})"):
        picture = opened(data, color_mode)
        return picture if target_size is None else _resized(picture, target_size, interpolation, keep_aspect_ratio)


def opened(data: io.BytesIO, color_mode: str, at_least: tuple[int, int] | None = None) -> "Image":
    """A picture of some bytes.

    Args:
        data: what the file holds.
        color_mode: as in `load_img`.
        at_least: (height, width): a JPEG may come at half, a quarter or an eighth of its size, which is decoded sooner, but
            not smaller than this.
    """
    picture = pillow("load_img").open(data)
    wanted = MODES[color_mode]
    if at_least is not None:
        picture.draft("L" if wanted == "L" else "RGB", (at_least[1], at_least[0]))
    if picture.mode != wanted and not (wanted == "L" and picture.mode in GRAYS):
        picture = picture.convert(wanted)
    picture.load()
    return picture


def _resized(picture: "Image", target_size: tuple[int, int], interpolation: str, keep_aspect_ratio: bool) -> "Image":
    height, width = target_size
    if picture.size == (width, height):
        return picture
    box = box_of((picture.height, picture.width), target_size, keep_aspect_ratio)
    return picture.resize((width, height), getattr(pillow("load_img").Resampling, interpolation.upper()), box=box)


def box_of(size: tuple[int, int], target_size: tuple[int, int], keep_aspect_ratio: bool) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of what becomes a picture of another size: all of it, or its middle."""
    (rows, columns), (height, width) = size, target_size
    if not keep_aspect_ratio:
        return 0, 0, columns, rows
    high, wide = min(rows, columns * height // width), min(columns, rows * width // height)
    top, left = (rows - high) // 2, (columns - wide) // 2
    return left, top, left + wide, top + high


def img_to_array(img, data_format=None, dtype=None) -> np.ndarray:
    """A picture as an array of numbers from 0 to 255.

    Args:
        img: as `load_img` gives it, or an array with two or three axes.
        data_format: `"channels_last"` or `"channels_first"`.
        dtype: `floatx()` by default.

    Shapes: (height, width, channels), or (channels, height, width).

    >>> import kerata, numpy as np
    >>> kerata.utils.img_to_array(np.zeros((4, 6), "uint8")).shape
    (4, 6, 1)
    """
    form = standardize_data_format(data_format)
    x = np.asarray(img, dtype=dtype or floatx())
    if x.ndim not in (2, 3):
        raise ValueError(message("img_to_array", "a picture must have two or three axes", {"img": x.shape}))
    x = x[..., None] if x.ndim == 2 else x
    return x.transpose(2, 0, 1) if form == "channels_first" else x


def array_to_img(x, data_format=None, scale=True, dtype=None) -> "Image":
    """An array as a picture.

    Args:
        x: (height, width, channels), or channels first; one channel is gray, three are colours, four colours and opacity.
        data_format: `"channels_last"` or `"channels_first"`.
        scale: whether the lowest number becomes 0 and the highest 255; else numbers from 0 to 255 are expected.
        dtype: what to compute in; `floatx()` by default.

    >>> import kerata, numpy as np
    >>> kerata.utils.array_to_img(np.zeros((4, 6, 3))).size
    (6, 4)
    """
    library, form = pillow("array_to_img"), standardize_data_format(data_format)
    x = np.array(x, dtype=dtype or floatx())
    if x.ndim != 3:
        raise ValueError(message("array_to_img", "a picture must have three axes", {"x": x.shape}))
    x = x.transpose(1, 2, 0) if form == "channels_first" else x
    if x.shape[2] not in (1, 3, 4):
        raise ValueError(message("array_to_img", "a picture must have one, three or four channels", {"x": x.shape}))
    if scale:
        x = x - x.min()
        x = 255 * (x / (x.max() or 1))
    if x.shape[2] == 1:
        return library.fromarray(x[..., 0].astype("int32" if x.max() > 255 else "uint8"))
    return library.fromarray(x.astype("uint8"))


def save_img(path, x, data_format=None, file_format=None, scale=True, **kwargs) -> None:
    """Writes an array as a picture.

    Args:
        path: where to, or a file object.
        x, data_format, scale: as in `array_to_img`.
        file_format: "png", "jpeg", ...; by the ending of `path` by default, and needed for a file object.
        kwargs: what `PIL.Image.Image.save` takes, e.g. `quality=90`.

    >>> import io, kerata, numpy as np
    >>> kerata.utils.save_img(io.BytesIO(), np.zeros((4, 6, 3)), file_format="jpeg", quality=90)
    """
    if file_format is None and isinstance(path, (str, os.PathLike)):
        file_format = Path(path).suffix[1:].lower()
    if file_format and file_format.lower() == "jpg":
        file_format = "jpeg"
    picture = array_to_img(x, data_format, scale)
    if picture.mode == "RGBA" and file_format == "jpeg":
        warnings.warn(message("save_img", "JPEG knows no opacity: the picture is written without it"), stacklevel=2)
        picture = picture.convert("RGB")
    if not isinstance(path, (str, os.PathLike)):
        picture.save(path, format=file_format, **kwargs)
        return
    with replace_file(path, sync=False, tidy=False) as part:
        picture.save(part, format=file_format, **kwargs)


def smart_resize(x, size, interpolation="bilinear", data_format="channels_last"):
    """Pictures in another size, the sides cut so that nothing is distorted.

    Args:
        x: one picture or a batch of them.
        size: (height, width) in pixels.
        interpolation: `"nearest"`, `"bilinear"`, `"bicubic"`, `"lanczos3"` or `"lanczos5"`.
        data_format: `"channels_last"` or `"channels_first"`.

    Shapes: (..., rows, columns, channels) to (..., height, width, channels). NumPy's arrays come back as NumPy's, in float32.

    >>> import kerata, numpy as np
    >>> kerata.preprocessing.image.smart_resize(np.ones((8, 6, 3)), (4, 4)).shape
    (4, 4, 3)
    """
    is_numpy = isinstance(x, np.ndarray)
    x = np.asarray(x, "float32") if is_numpy else x
    resized = resize(x, size, interpolation, crop_to_aspect_ratio=True, data_format=data_format)
    return np.asarray(resized) if is_numpy else resized
