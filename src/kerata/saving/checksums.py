"""Checksums of variables in a file of weights, which HDF5 does not have: a flipped bit must not become a wrong weight.

They stand in a data set of the file's root that Keras does not look at, as JSON, and a checksum of that stands in an
attribute. Files without either, such as Keras's own, are read as they are.
"""

import json
import zlib

import ml_dtypes
import numpy as np

from kerata.base.checks import message
from kerata.base.hdf5 import Group, open_dataset, read_dataset
from kerata.base.refusals import FileError

NAME = "kerata_checksums"


def is_plain(array: np.ndarray) -> bool:
    """Whether an array is one of numbers, of a type that is read again."""
    return array.dtype.kind in "biufc" or array.dtype == ml_dtypes.bfloat16


def checksum_of(array: np.ndarray) -> int:
    """32 bits of an array's type, shape and numbers, the same on every machine."""
    kind = np.dtype("<u2") if array.dtype == ml_dtypes.bfloat16 else array.dtype.newbyteorder("<")
    start = zlib.crc32(f"{array.dtype.name} {array.shape}".encode())
    if not array.size:
        return start
    array = np.ascontiguousarray(array)
    array = array.view(kind) if array.dtype == ml_dtypes.bfloat16 else array.astype(kind, copy=False)
    return zlib.crc32(array.reshape(-1).view(np.uint8).data, start)


def write_checksums(file: Group, checksums: dict[str, int]) -> None:
    """Writes the checksums of a file's variables by path."""
    text = np.frombuffer(json.dumps(checksums, separators=(",", ":")).encode(), np.uint8)
    file.create_dataset(NAME, data=text)
    file.attrs[NAME] = checksum_of(text)


def read_checksums(file: Group, owner: str) -> dict[str, int] | None:
    """The checksums of a file's variables by path; `None` for a file that has none."""
    marked, kept = NAME in file.attrs, NAME in file
    if not marked and not kept:
        return None
    if marked and kept:
        text = read_dataset(open_dataset(file, NAME, owner), owner)
        sum_of_text = file.attrs.get_id(NAME)
        if sum_of_text.shape != () or sum_of_text.dtype.kind not in "iu":
            raise FileError(message(owner, "a whole number was expected", {"attribute": NAME, "dtype": sum_of_text.dtype}))
        if text.dtype == np.uint8 and text.ndim == 1 and int(file.attrs[NAME]) == checksum_of(text):
            found = json.loads(text.tobytes())
            # What stood under a name that has changed must not pass for something that was never there.
            if lost := [path for path in found if path not in file]:
                raise FileError(
                    message(
                        owner,
                        "the file is damaged: variables that were written are not in it",
                        {"variables": lost[:4], "of": len(found)},
                        "If you took them out on purpose, delete `kerata_checksums` from the file",
                    )
                )
            return found
    raise FileError(message(owner, "the file is damaged: its checksums are not what was written"))
