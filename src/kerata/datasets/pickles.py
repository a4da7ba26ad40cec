"""Pickled data files of strangers, read without running anything in them.

CIFAR's batches and the object arrays of IMDB and Reuters are pickles, and a pickle may call any function that it names.
Here the three names that an array's pickle needs stand for plain records of our own; every other name is refused.
"""

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from kerata.base.checks import message

# Besides objects, arrays of these types occur in the files: text and pointers do not.
PLAIN_KINDS = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8")
MOST_DIMENSIONS = 8


class ArrayClass:
    """Stands for `numpy.ndarray`, which a pickle only hands on to `_reconstruct`."""


class StoredType:
    """Stands for `numpy.dtype`: its letters and its byte order."""

    def __init__(self, code: Any = "", *flags: Any):
        self.code = code.decode("ascii") if isinstance(code, bytes) else code
        self.order = "|"

    def __setstate__(self, state: Any) -> None:
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

    def __init__(self, *ignored: Any):
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def read(self) -> np.ndarray:
        """The array: (samples,) of lists of integers, or of numbers in any shape."""
        version, shape, kind, fortran, data = self.state
        sizes = [type(size) is int and size >= 0 for size in shape]
        if version != 1 or not isinstance(kind, StoredType) or not all(sizes) or len(shape) > MOST_DIMENSIONS:
            raise pickle.UnpicklingError(f"an array of shape {shape!r}")
        if not kind.is_object():
            return np.frombuffer(bytes(data), kind.read()).reshape(shape, order="F" if fortran else "C").copy()
        rows = list(data)
        if shape != (len(rows),):
            raise pickle.UnpicklingError(f"{len(rows)} elements for shape {shape!r}")
        array = np.empty(len(rows), dtype=object)
        for place, row in enumerate(rows):
            # A sum is an integer only where every word is a number without a fraction, and is the fastest such check.
            if type(row) is not list or type(sum(row)) is not int:
                raise pickle.UnpicklingError("elements that are not lists of integers")
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

    def find_class(self, module_name: str, global_name: str) -> Any:
        try:
            return STAND_INS[module_name, global_name]
        except KeyError:
            raise pickle.UnpicklingError(f"the name {module_name}.{global_name}") from None


def read_pickle(stream: BinaryIO, name: str) -> Any:
    """What the pickle holds; a `StoredArray` at its top or in a dict as the array that it describes.

    Args:
        stream: opened at the pickle's first byte.
        name: the file, for the message.
    """
    # A damaged or hostile pickle may end in nearly any exception; each means that the file is not what it should be.
    try:
        content = DataUnpickler(stream, encoding="bytes").load()
        if isinstance(content, dict):
            return {standardize_key(k): v.read() if isinstance(v, StoredArray) else v for k, v in content.items()}
        return content.read() if isinstance(content, StoredArray) else content
    except Exception as error:
        expected = "the pickled data must only hold numbers, text, lists and arrays of them; nothing in it was run"
        fix = "Do not trust this file; delete it and fetch it again"
        raise ValueError(message(f"load_data ({name})", expected, {"found": str(error)}, fix)) from error


def standardize_key(key: Any) -> str:
    """Python 2 wrote the keys as bytes."""
    return key.decode("utf-8") if isinstance(key, bytes) else str(key)


def load_npz(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of an `.npz` file, object arrays included: `np.load(allow_pickle=True)` without its danger."""
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            stream = io.BytesIO(archive.read(member))
            arrays[member.removesuffix(".npy")] = load_npy(stream, f"{Path(path).name}, {member}")
    return arrays


def load_npy(stream: BinaryIO, name: str) -> np.ndarray:
    """One `.npy` member."""
    version = np.lib.format.read_magic(stream)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, kind = read_header(stream)
    if not kind.hasobject:
        stream.seek(0)
        return np.lib.format.read_array(stream, allow_pickle=False)
    array = read_pickle(stream, name)
    if not isinstance(array, np.ndarray) or array.shape != shape:
        expected = f"the member must hold an array of shape {shape}, as its header says"
        raise ValueError(message(f"load_data ({name})", expected, {"found": array}))
    return array
