"""`tf.io`: files, pictures in files, records."""

import contextlib
import glob as globbing
import gzip
import io
import os
import shutil
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING, Any, SupportsInt, TypeAlias, cast

import numpy as np

from kerata.base.checks import message
from kerata.base.crc32c import crc32c, mask
from kerata.base.types import DTypeLike, PathLike
from kerata.engine.types import TensorLike
from kerata.legacy.tensorflow.calls import convert
from kerata.legacy.tensorflow.errors import DataLossError, InvalidArgumentError, NotFoundError
from kerata.legacy.tensorflow.image import PICTURES
from kerata.legacy.tensorflow.strings import Texts
from kerata.legacy.tensorflow.tensor import Tensor
from kerata.legacy.tensorflow.types import as_dtype, string

if TYPE_CHECKING:
    from PIL import Image

# A path of a file, or a tensor of one.
PathText: TypeAlias = PathLike | bytes | Tensor


def path_of(value: PathText) -> str:
    """A path of a text, a tensor or a path object."""
    path: PathLike | bytes = value.numpy() if isinstance(value, Tensor) else value
    return path.decode() if isinstance(path, bytes) else os.fspath(path)


@contextlib.contextmanager
def opened(path: str, compression: object = None) -> Iterator[IO[bytes]]:
    """A file to read from, whose bytes are unpacked.

    Args:
        path: of the file.
        compression: `"GZIP"`, `"ZLIB"`, or none.
    """
    kind = kind_of_compression(compression)
    if not os.path.exists(path):
        raise NotFoundError(f"{path}; No such file or directory")
    try:
        with gzip.open(path, "rb") if kind == "GZIP" else open(path, "rb") as file:
            yield cast(IO[bytes], io.BytesIO(zlib.decompress(file.read())) if kind == "ZLIB" else file)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise DataLossError(f"{path}: cut off, or not compressed by {kind}: {error}") from error


def kind_of_compression(compression: object) -> str:
    kind = "" if compression is None else convert(compression).numpy().decode()
    if kind not in ("", "GZIP", "ZLIB"):
        expected = "`compression_type` is 'GZIP', 'ZLIB' or None"
        raise InvalidArgumentError(message("tf.data", expected, {"compression_type": compression}))
    return kind


def text(value: bytes) -> Tensor:
    made = np.empty((), object)
    made[()] = value
    return Tensor(made, string)


def read_file(filename: PathText, name: str | None = None) -> Tensor:
    """The bytes of a file."""
    path = path_of(filename)
    if not os.path.exists(path):
        raise NotFoundError(f"{path}; No such file or directory")
    with open(path, "rb") as file:
        return text(file.read())


def write_file(filename: PathText, contents: Texts, name: str | None = None) -> None:
    """Writes bytes into a file."""
    path = path_of(filename)
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb") as file:
        file.write(convert(contents).numpy())


# Pictures

MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def opened_picture(data: bytes, draft: tuple[str | None, int] = (None, 1)) -> "Image.Image":
    """The picture in a file's bytes, read.

    Args:
        data: of a file that Pillow reads.
        draft: what a JPEG is read as: a mode, or None for the file's own, and the number that its sides are divided by.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        picture = Image.open(io.BytesIO(data))
        if picture.format == "JPEG" and draft != (None, 1):
            mode, ratio = draft
            picture.draft(mode or picture.mode, (-(-picture.size[0] // ratio), -(-picture.size[1] // ratio)))
        picture.load()
    except (UnidentifiedImageError, OSError) as error:
        raise InvalidArgumentError(f"the bytes are no picture that can be read: {error}") from None
    return picture


def decode(
    contents: Texts,
    channels: SupportsInt | None = 0,
    dtype: DTypeLike = "uint8",
    name: str | None = None,
    ratio: int = 1,
    expand_animations: bool = True,
    **kwargs: object,
) -> Tensor:
    """A picture in a file's bytes: uint8 (height, width, channels); of a GIF (frames, height, width, 3).

    Args:
        contents: the bytes of a file.
        channels: 1, 3 or 4; 0 for those of the file.
        dtype: of what comes out.
        name: not used.
        ratio: what the sides of a JPEG are divided by: 1, 2, 4 or 8.
        expand_animations: whether a GIF gives all of its frames, and not the first one.
        **kwargs: of how decoding is done; not used.
    """
    channels = int(channels or 0)
    if channels not in (0, 1, 3, 4):
        raise ValueError(message("tf.io.decode_image", "`channels` must be 0, 1, 3 or 4", {"channels": channels}))
    if ratio not in (1, 2, 4, 8):
        raise InvalidArgumentError(message("tf.io.decode_jpeg", "`ratio` must be 1, 2, 4 or 8", {"ratio": ratio}))
    picture = opened_picture(convert(contents).numpy(), ("L" if channels == 1 else None, ratio))
    if picture.mode == "I;16" and as_dtype(dtype).name != "uint8":
        tensor = Tensor(np.array(picture)[..., None].astype(np.uint16))
    elif picture.format == "GIF":
        frames = [np.array(picture.convert("RGB")) for _ in frames_of(picture)]
        tensor = Tensor(np.stack(frames) if expand_animations else frames[0])
    else:
        array = np.array(in_mode(picture, MODES.get(channels)))
        tensor = Tensor(array[..., None] if array.ndim == 2 else array)
    return tensor if as_dtype(dtype) == tensor.dtype else PICTURES["convert_image_dtype"](tensor, dtype)


def in_mode(picture: "Image.Image", mode: str | None) -> "Image.Image":
    """A picture of bytes in some mode, or in the one that is nearest to its own."""
    from PIL import Image

    if picture.mode.startswith("I;16"):  # of numbers of 16 bits, the upper eight
        picture = Image.fromarray((np.array(picture) >> 8).astype(np.uint8))
    if mode is None:
        mode = {"1": "L"}.get(picture.mode, picture.mode if picture.mode in ("L", "LA", "RGB", "RGBA") else "RGB")
    return picture.convert(mode)


def frames_of(picture: "Image.Image") -> Iterator[int]:
    for number in range(getattr(picture, "n_frames", 1)):
        picture.seek(number)
        yield number


def shape_of_jpeg(contents: Texts, output_type: DTypeLike = "int32", name: str | None = None) -> Tensor:
    """(height, width, channels) of a JPEG, without decoding it."""
    from PIL import Image

    picture = Image.open(io.BytesIO(convert(contents).numpy()))
    return Tensor(np.array([*picture.size[::-1], len(picture.getbands())], as_dtype(output_type).dtype))


def encode(kind: str) -> Callable[..., Tensor]:
    def call(image: TensorLike, *args: object, quality: int = 95, chroma_downsampling: bool = True, **kwargs: object) -> Tensor:
        from PIL import Image

        array = convert(image).numpy()
        buffer = io.BytesIO()
        if array.dtype != np.uint8 and not (kind == "PNG" and array.dtype == np.uint16 and array.shape[-1] == 1):
            expected = "a picture must be of uint8 (PNG: of uint16 where it is gray)"
            raise InvalidArgumentError(message(f"tf.io.encode_{kind.lower()}", expected, {"dtype": array.dtype.name}))
        options = {"quality": quality} if kind == "JPEG" else {}
        if kind == "JPEG" and not chroma_downsampling:
            options["subsampling"] = 0
        Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array).save(buffer, kind, **options)
        return text(buffer.getvalue())

    return call


def decode_raw(input_bytes: Texts, out_type: DTypeLike, little_endian: bool = True, name: str | None = None) -> Tensor:
    """The numbers whose bytes a text is."""
    kind = as_dtype(out_type).dtype
    return Tensor(np.frombuffer(convert(input_bytes).numpy(), kind.newbyteorder("<" if little_endian else ">")).astype(kind))


# Files and folders


class GFile:
    """A file, as Python's `open` gives one.

    Args:
        name: its path.
        mode: as of `open`.
    """

    def __init__(self, name: PathText, mode: str = "r"):
        path = path_of(name)
        if "r" in mode and not os.path.exists(path):
            raise NotFoundError(f"{path}; No such file or directory")
        self._file = open(path, mode)  # noqa: SIM115

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)

    def __enter__(self) -> IO[Any]:
        return self._file

    def __exit__(self, *exc: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[str | bytes]:
        return iter(self._file)

    def size(self) -> int:
        return os.path.getsize(self._file.name)


def remove(path: PathText) -> None:
    os.remove(path_of(path))


def rename(src: PathText, dst: PathText, overwrite: bool = False) -> None:
    if os.path.exists(path_of(dst)) and not overwrite:
        raise InvalidArgumentError(f"{path_of(dst)}: file already exists")
    os.replace(path_of(src), path_of(dst))


FILES: dict[str, Any] = {
    "GFile": GFile,
    "Open": GFile,
    "FastGFile": GFile,
    "exists": lambda path: os.path.exists(path_of(path)),
    "isdir": lambda path: os.path.isdir(path_of(path)),
    "listdir": lambda path: os.listdir(path_of(path)),
    "glob": lambda pattern: sorted(globbing.glob(path_of(pattern))),
    "mkdir": lambda path: os.mkdir(path_of(path)),
    "makedirs": lambda path: os.makedirs(path_of(path), exist_ok=True),
    "remove": remove,
    "rmtree": lambda path: shutil.rmtree(path_of(path)),
    "copy": lambda src, dst, overwrite=False: shutil.copyfile(path_of(src), path_of(dst)),
    "rename": rename,
    "join": lambda path, *paths: os.path.join(path_of(path), *map(path_of, paths)),
    "walk": lambda path: os.walk(path_of(path)),
}
FILES |= {"Exists": FILES["exists"], "IsDirectory": FILES["isdir"], "ListDirectory": FILES["listdir"], "Glob": FILES["glob"]}
FILES |= {"MakeDirs": FILES["makedirs"], "Remove": remove, "DeleteRecursively": FILES["rmtree"]}


# Records


def fits(data: bytes, check: bytes) -> bool:
    """Whether four bytes are the check of others."""
    return len(check) == 4 and mask(crc32c(data)) == struct.unpack("<I", check)[0]


def records_of(path: str, compression: object = None) -> Iterator[bytes]:
    """The records of a TFRecord file: the length in eight bytes, four for its check, the record, four for its check."""
    with opened(path, compression) as file:
        while head := file.read(12):
            if len(head) < 12 or not fits(head[:8], head[8:]):
                raise DataLossError(f"{path}: truncated, or no TFRecord file")
            length = struct.unpack("<Q", head[:8])[0]
            record = file.read(length)
            if len(record) < length or not fits(record, file.read(4)):
                raise DataLossError(f"{path}: truncated, or a record in it is not as it was written")
            yield record


PARTS: dict[str, Any] = {
    "read_file": read_file,
    "write_file": write_file,
    "decode_image": decode,
    "decode_jpeg": decode,
    "decode_png": decode,
    "decode_bmp": decode,
    "decode_gif": lambda contents, name=None: decode(contents),
    "extract_jpeg_shape": shape_of_jpeg,
    "decode_and_crop_jpeg": lambda contents, crop_window, channels=0, **kwargs: PICTURES["crop_to_bounding_box"](
        decode(contents, channels), *convert(crop_window).numpy().tolist()
    ),
    "is_jpeg": lambda contents, name=None: Tensor(np.asarray(convert(contents).numpy()[:3] == b"\xff\xd8\xff")),
    "encode_jpeg": encode("JPEG"),
    "encode_png": encode("PNG"),
    "decode_raw": decode_raw,
    "matching_files": lambda pattern, name=None: convert(sorted(globbing.glob(path_of(pattern)))),
}
