"""Weights in an HDF5 file in Keras 3's layout: `layers/dense/vars/0`, read without trusting the file.

HDF5 files can point to other files, load plug-ins and claim sizes that they do not hold. Nothing of that is followed:
only plain links, plain numbers and plain filters are read, and a link is looked at before it is taken.
"""

import io
import math
import os
from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np

from kerata.base.checks import message

# A data set that claims more than this must have stored a thousandth of it: no compression does better.
LARGE_BYTES = 64 * 2**20
EXPANSION = 1000
# gzip, shuffle, fletcher32, szip, nbit, scaleoffset, lzf: every other number is a plug-in looked for on the disk.
PLAIN_FILTERS = frozenset({1, 2, 3, 4, 5, 6, 32000})


class Entry:
    """The variables of one object, by name: what `save_own_variables` and `load_own_variables` are given."""

    def keys(self) -> list[str]:
        raise NotImplementedError

    def __getitem__(self, key: str) -> np.ndarray:
        raise NotImplementedError

    def __setitem__(self, key: str, value: Any) -> None:
        raise NotImplementedError

    def __contains__(self, key: Any) -> bool:
        return key in self.keys()

    def __len__(self) -> int:
        return len(self.keys())

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def items(self) -> list[tuple[str, np.ndarray]]:
        """(name, array) of all variables."""
        return [(key, self[key]) for key in self.keys()]


class MemoryEntry(Entry):
    """Variables kept as arrays in a dict."""

    def __init__(self, arrays: dict[str, np.ndarray]):
        self.arrays = arrays

    def keys(self) -> list[str]:
        return list(self.arrays)

    def __getitem__(self, key: str) -> np.ndarray:
        return self.arrays[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.arrays[str(key)] = np.array(value)


class MemoryStore:
    """Weights in memory, by the same paths as in a file: for copies and pickles."""

    def __init__(self, arrays: dict[str, dict[str, np.ndarray]] | None = None):
        self.arrays = {} if arrays is None else arrays

    def make(self, path: str, name: str | None = None) -> MemoryEntry:
        """The entry to write an object's variables to."""
        return MemoryEntry(self.arrays.setdefault(path, {}))

    def get(self, path: str) -> MemoryEntry:
        """The entry to read an object's variables from; empty if there is none."""
        return MemoryEntry(self.arrays.get(path, {}))


class FileEntry(Entry):
    """Variables in the group `path/vars` of a file that is being written."""

    def __init__(self, file: Any, path: str, name: str | None):
        self.file, self.path = file, f"{path}/vars" if path else "vars"
        self.group: Any = None
        if name is not None:
            self._open().attrs["name"] = name

    def _open(self) -> Any:
        # Objects without a name and without variables leave no group behind.
        if self.group is None:
            self.group = self.file.create_group(self.path)
        return self.group

    def keys(self) -> list[str]:
        return [] if self.group is None else list(self.group)

    def __getitem__(self, key: str) -> np.ndarray:
        return np.array(self._open()[key])

    def __setitem__(self, key: str, value: Any) -> None:
        array = np.asarray(value)
        dataset = self._open().create_dataset(str(key), data=array)
        if array.dtype == ml_dtypes.bfloat16:
            # HDF5 has no such type: it keeps the bytes, and the reader is told what they are.
            dataset.attrs["dtype"] = "bfloat16"


class GroupEntry(Entry):
    """Variables in a group of a file that is being read."""

    def __init__(self, group: Any, owner: str):
        self.group, self.owner = group, owner

    def keys(self) -> list[str]:
        return [] if self.group is None else list(self.group)

    def __getitem__(self, key: str) -> np.ndarray:
        if self.group is None or key not in self.keys():
            raise KeyError(key)
        return read_dataset(self.group, key, self.owner)


class FileStore:
    """Weights in an HDF5 file.

    Args:
        file: a path or a binary file object.
        mode: "r" or "w".
        owner: how the file is called in messages.
    """

    def __init__(self, file: str | os.PathLike | io.IOBase, mode: str = "r", owner: str | None = None):
        import h5py

        self.owner = owner or str(file)
        try:
            self.file = h5py.File(file, mode)
        except OSError as error:
            if mode == "w" or isinstance(error, (FileNotFoundError, PermissionError)):
                raise
            raise ValueError(message(self.owner, "this is not a file of weights (HDF5), or it is damaged",
                                     {"error": str(error)})) from None

    def __enter__(self) -> "FileStore":
        return self

    def __exit__(self, kind: Any, *exc_info: Any) -> None:
        try:
            self.file.close()
        except RuntimeError as error:
            # HDF5's form of a write that failed; where one was reported already, that one counts.
            if kind is None:
                raise OSError(str(error)) from error

    def make(self, path: str, name: str | None = None) -> FileEntry:
        """The entry to write an object's variables to."""
        return FileEntry(self.file, path, name)

    def get(self, path: str) -> GroupEntry:
        """The entry to read an object's variables from; empty if there is none."""
        return GroupEntry(find_group(self.file, f"{path}/vars" if path else "vars", self.owner), self.owner)


def find_group(file: Any, path: str, owner: str) -> Any:
    """The group at a path, or `None`. Each step is checked: HDF5 itself would follow links into other files."""
    import h5py

    group = file
    for part in path.split("/"):
        link = group.get(part, getlink=True)
        if link is None:
            return None
        check_link(group, part, link, owner)
        group = group[part]
        if not isinstance(group, h5py.Group):
            return None
    return group


def check_link(group: Any, name: str, link: Any, owner: str) -> None:
    """Refuses a link that leads to another place or another file."""
    import h5py

    if type(link) is not h5py.HardLink:
        raise ValueError(message(owner, "a file of weights must hold its numbers itself, without links to other places",
                                 {"path": f"{group.name}/{name}", "link": type(link).__name__},
                                 "Do not trust this file"))


def read_dataset(group: Any, name: str, owner: str) -> np.ndarray:
    """The array of a data set, after looking at how it is kept and how large it claims to be."""
    import h5py

    check_link(group, name, group.get(name, getlink=True), owner)
    dataset = group[name]
    path = f"{group.name}/{name}"
    if not isinstance(dataset, h5py.Dataset) or dataset.shape is None:
        raise ValueError(message(owner, "an array was expected here", {"path": path, "kind": type(dataset).__name__}))
    if dataset.is_virtual or dataset.external:
        raise ValueError(message(owner, "a file of weights must hold its numbers itself, and not point to other files",
                                 {"path": path}, "Do not trust this file"))
    plist = dataset.id.get_create_plist()
    filters = {plist.get_filter(index)[0] for index in range(plist.get_nfilters())}
    if not filters <= PLAIN_FILTERS:
        raise ValueError(message(owner, "compressed by a plug-in, which Kerata does not load",
                                 {"path": path, "filters": sorted(filters - PLAIN_FILTERS)}))
    size, stored = math.prod(dataset.shape) * dataset.dtype.itemsize, dataset.id.get_storage_size()
    if size > LARGE_BYTES and size > EXPANSION * stored:
        raise ValueError(message(owner, "an array claims a size that the file does not hold",
                                 {"path": path, "shape": dataset.shape, "bytes stored": stored},
                                 "Do not trust this file"))
    if is_bfloat16(dataset):
        return np.frombuffer(np.array(dataset).tobytes(), ml_dtypes.bfloat16).reshape(dataset.shape)
    if dataset.dtype.kind not in "biufcSV" or dataset.dtype.hasobject:
        raise ValueError(message(owner, "an array of numbers was expected", {"path": path, "dtype": dataset.dtype}))
    return np.array(dataset)


def is_bfloat16(dataset: Any) -> bool:
    """Whether a data set holds the bytes of bfloat16 numbers."""
    marked = "dtype" in dataset.attrs and dataset.attrs["dtype"] in ("bfloat16", b"bfloat16")
    return bool(marked) and dataset.dtype.itemsize == 2
