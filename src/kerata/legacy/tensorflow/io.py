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
from typing import IO, Any, SupportsInt, TypeAlias, cast

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


def decode(
    contents: Texts, channels: SupportsInt | None = 0, dtype: DTypeLike = "uint8", name: str | None = None, **kwargs: object
) -> Tensor:
    """A picture in a file's bytes: uint8 (height, width, channels)."""
    from PIL import Image, UnidentifiedImageError

    data = convert(contents).numpy()
    try:
        picture = Image.open(io.BytesIO(data))
        picture.load()
    except (UnidentifiedImageError, OSError) as error:
        raise InvalidArgumentError(f"the bytes are no picture that can be read: {error}") from None
    channels = int(channels or 0)
    if channels not in (0, 1, 3, 4):
        raise ValueError(message("tf.io.decode_image", "`channels` must be 0, 1, 3 or 4", {"channels": channels}))
    if channels:
        picture = picture.convert(MODES[channels])
    elif picture.mode not in ("L", "RGB", "RGBA"):
        picture = picture.convert("L" if picture.mode == "1" else "RGB")
    array = np.array(picture)
    tensor = Tensor(array[..., None] if array.ndim == 2 else array)
    return tensor if as_dtype(dtype).name == "uint8" else PICTURES["convert_image_dtype"](tensor, dtype)


def encode(kind: str) -> Callable[..., Tensor]:
    def call(image: TensorLike, *args: object, quality: int = 95, **kwargs: object) -> Tensor:
        from PIL import Image

        array = convert(image).numpy()
        buffer = io.BytesIO()
        options = {"quality": quality} if kind == "JPEG" else {}
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
    "decode_and_crop_jpeg": lambda contents, crop_window, channels=0, **kwargs: PICTURES["crop_to_bounding_box"](
        decode(contents, channels), *convert(crop_window).numpy().tolist()
    ),
    "is_jpeg": lambda contents, name=None: Tensor(np.asarray(convert(contents).numpy()[:3] == b"\xff\xd8\xff")),
    "encode_jpeg": encode("JPEG"),
    "encode_png": encode("PNG"),
    "decode_raw": decode_raw,
    "matching_files": lambda pattern, name=None: convert(sorted(globbing.glob(path_of(pattern)))),
}
