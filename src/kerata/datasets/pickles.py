"""Arrays and pickles in data files of strangers, read within a budget and without running anything in them.

CIFAR's batches and the object arrays of IMDB and Reuters are pickles, and a pickle may call any function that it names.
Here the three names that an array's pickle needs stand for plain records of our own; every other name is refused.
"""

import io
import math
import os
import pickle
import pickletools
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from kerata.base.archives import open_zip, read_member
from kerata.base.checks import message
from kerata.base.limits import budget, take_bytes
from kerata.base.refusals import FileError, refusing

# Besides objects, arrays of these types occur in the files: text and pointers do not.
PLAIN_KINDS = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8")
MOST_DIMENSIONS = 8
# What an object of a pickle takes: a number, and its place in a list.
OBJECT_BYTES = 16


class ArrayClass:
    """Stands for `numpy.ndarray`, which a pickle only hands on to `_reconstruct`."""


class StoredType:
    """Stands for `numpy.dtype`: its letters and its byte order."""

    def __init__(self, code: str = "", *flags: object):
        self.code = code.decode("ascii") if isinstance(code, bytes) else code
        self.order = "|"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order = state[1]
        self.order = order.decode("ascii") if isinstance(order, bytes) else order

    def is_object(self) -> bool:
        return self.code in ("O", "O4", "O8")

    def read(self) -> np.dtype:
        if self.code not in PLAIN_KINDS or self.order not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError(f"an array of type {self.order!r} {self.code!r}")
        return np.dtype(self.order + self.code)


class StoredArray:
    """Stands for what `numpy`'s `_reconstruct` returns: shape, type and elements, put together by `read`."""

    def __init__(self, *ignored: object):
        self.state: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.state = state

    def read(self) -> np.ndarray:
        """The array: (samples,) of lists of integers, or of numbers in any shape."""
        version, shape, kind, fortran, data = self.state
        sizes = [type(size) is int and size >= 0 for size in shape]
        if version != 1 or not isinstance(kind, StoredType) or not all(sizes) or len(shape) > MOST_DIMENSIONS:
            raise pickle.UnpicklingError(f"an array of shape {shape!r}")
        if not kind.is_object():
            take_bytes(len(data))
            return np.frombuffer(bytes(data), kind.read()).reshape(shape, order="F" if fortran else "C").copy()
        rows = list(data)
        if shape != (len(rows),):
            raise pickle.UnpicklingError(f"{len(rows)} elements for shape {shape!r}")
        array = np.empty(len(rows), dtype=object)
        seen: set[int] = set()
        for place, row in enumerate(rows):
            if type(row) is not list:
                raise pickle.UnpicklingError("elements that are not lists of integers")
            if id(row) in seen:
                # A few bytes could stand for any number of words.
                raise pickle.UnpicklingError("a list that occurs more than once")
            # A sum is an integer only where every word is a number without a fraction, and is the fastest such check.
            if type(sum(row)) is not int:
                raise pickle.UnpicklingError("elements that are not lists of integers")
            seen.add(id(row))
            array[place] = row
        return array


STAND_INS = {
    ("numpy", "ndarray"): ArrayClass,
    ("numpy", "dtype"): StoredType,
    ("numpy.core.multiarray", "_reconstruct"): StoredArray,
    ("numpy._core.multiarray", "_reconstruct"): StoredArray,
}


class DataUnpickler(pickle.Unpickler):
    """Builds numbers, text, lists, dicts and the stand-ins; refuses every other name before it is looked up."""

    def find_class(self, module_name: str, global_name: str) -> type[Any]:
        try:
            return STAND_INS[module_name, global_name]
        except KeyError:
            raise pickle.UnpicklingError(f"the name {module_name}.{global_name}") from None


def read_pickle(data: bytes, name: str, known: bool = False) -> object:
    """What the pickle holds; a `StoredArray` at its top or in a dict as the array that it describes.

    Args:
        data: the pickle.
        name: the file, for the message.
        known: whether the bytes were held against a checksum, so that they are what the world uses.
    """
    # A damaged or hostile pickle may end in nearly any exception; each means that the file is not what it should be.
    try:
        if not known:
            check_places(data)
        content = DataUnpickler(io.BytesIO(data), encoding="bytes").load()
        if isinstance(content, dict):
            return {standardize_key(k): v.read() if isinstance(v, StoredArray) else v for k, v in content.items()}
        return content.read() if isinstance(content, StoredArray) else content
    except FileError:
        raise
    except Exception as error:
        expected = "the pickled data must only hold numbers, text, lists and arrays of them; nothing in it was run"
        fix = "Do not trust this file; delete it and fetch it again"
        raise ValueError(message(f"load_data ({name})", expected, {"found": str(error)}, fix)) from error


def check_places(data: bytes) -> None:
    """Refuses a pickle that numbers its objects beyond what it can hold: the table of them would have any size."""
    for count, (operation, argument, _) in enumerate(pickletools.genops(data)):
        take_bytes(OBJECT_BYTES)
        if operation.name in ("PUT", "BINPUT", "LONG_BINPUT") and not 0 <= int(argument or 0) <= count:
            raise pickle.UnpicklingError(f"an object of number {argument}")


def standardize_key(key: object) -> str:
    """Python 2 wrote the keys as bytes."""
    return key.decode("utf-8") if isinstance(key, bytes) else str(key)


def load_npz(path: str | os.PathLike, known: bool = False) -> dict[str, np.ndarray]:
    """The arrays of an `.npz` file, object arrays included: `np.load(allow_pickle=True)` without its danger.

    Args:
        path: the file.
        known: whether it was held against a checksum.
    """
    arrays, owner = {}, f"load_data ({Path(path).name})"
    with open(path, "rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        with refusing(owner), budget(owner, size), open_zip(stream, owner) as archive:
            for info in archive.infolist():
                data = read_member(archive, info, owner)
                arrays[info.filename.removesuffix(".npy")] = load_npy(data, f"{Path(path).name}, {info.filename}", known)
    return arrays


def load_npy(data: bytes, name: str, known: bool = False) -> np.ndarray:
    """One `.npy` member."""
    stream: BinaryIO = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, kind = read_header(stream)
    rest = memoryview(data)[stream.tell() :]
    owner = f"load_data ({name})"
    if not kind.hasobject:
        if kind.kind not in "biufc" or math.prod(shape) * kind.itemsize != len(rest):
            raise ValueError(
                message(
                    owner,
                    "the member must hold the numbers that its header says",
                    {"shape": shape, "dtype": kind, "bytes": len(rest)},
                )
            )
        return np.ndarray(shape, kind, rest, order="F" if fortran else "C").copy(order="K")
    array = read_pickle(bytes(rest), name, known)
    if not isinstance(array, np.ndarray) or array.shape != shape:
        expected = f"the member must hold an array of shape {shape}, as its header says"
        raise ValueError(message(owner, expected, {"found": array}))
    return array
