"""Attributes of HDF5 files: names and descriptions, read within bounds.

HDF5 keeps texts of any length apart from the attribute that names them, and a thousand attributes may name one text of a
megabyte. So what reading may cost is known before it is done: no text is longer than the longest heap of texts in the file.
"""

from typing import Any

import numpy as np

from kerata.base.checks import message, shorten
from kerata.base.hdf5 import Group
from kerata.base.heaps import longest_heap
from kerata.base.limits import check_bytes, take_bytes
from kerata.base.refusals import FileError
from kerata.base.types import ByteStream, PathLike

POINTER_BYTES = 16


class Texts:
    """The attributes of one open file.

    Args:
        source: the file's path, or a binary file object.
        owner: how the file is called in messages.
    """

    def __init__(self, source: PathLike | ByteStream, owner: str):
        self.source, self.owner = source, owner
        self._longest: int | None = None

    def longest(self) -> int:
        """The size of the largest collection of texts in the file."""
        if self._longest is None:
            self._longest = longest_heap(self.source, self.owner)
        return self._longest

    def read(self, group: Group, name: str) -> str | list[Any] | None:
        """An attribute as a text or a list of texts; `None` if there is none."""
        import h5py

        if name not in group.attrs:
            return None
        attribute = group.attrs.get_id(name)
        shape, kind = attribute.shape, h5py.check_string_dtype(attribute.dtype)
        count = int(np.prod(shape)) if shape else 1
        if shape is not None and count == 0:
            # A list without texts has no type of its own.
            return []
        if shape is None or len(shape) > 1 or (kind is None and attribute.dtype.kind not in "SU"):
            raise FileError(
                message(self.owner, "a text, or a list of texts, was expected", {"attribute": name, "dtype": attribute.dtype})
            )
        stored = attribute.get_storage_size()
        if kind is not None and kind.length is None:
            check_bytes(count * (self.longest() + POINTER_BYTES), attribute=name, texts=count)
        take_bytes(2 * stored, attribute=name)
        return self._decode(group.attrs[name], name)

    def _decode(self, value: object, name: str) -> str | list[Any]:
        if isinstance(value, np.ndarray):
            return [self._decode(item, name) for item in value.tolist()]
        if isinstance(value, bytes):
            take_bytes(len(value), attribute=name)
            return value.decode("utf-8")
        if isinstance(value, str):
            take_bytes(len(value), attribute=name)
            return str(value)
        raise FileError(message(self.owner, "a text was expected", {"attribute": name, "value": shorten(value)}))

    def read_text(self, group: Group, name: str) -> str | None:
        """An attribute that is one text; `None` if there is none."""
        value = self.read(group, name)
        if isinstance(value, list):
            raise FileError(message(self.owner, "one text was expected", {"attribute": name, "texts": len(value)}))
        return value

    def read_list(self, group: Group, name: str) -> list[str] | None:
        """An attribute that is a list of texts, which Keras splits where it is too long for one; `None` if there is none."""
        if name in group.attrs:
            value = self.read(group, name)
            return value if isinstance(value, list) else [str(value)]
        if f"{name}0" not in group.attrs:
            return None
        found: list[str] = []
        number = 0
        while f"{name}{number}" in group.attrs:
            part = self.read(group, f"{name}{number}")
            found.extend(part if isinstance(part, list) else [str(part)])
            number += 1
        return found
