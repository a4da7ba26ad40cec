"""Weights by path, in Keras 3's layout: `layers/dense/vars/0`, in an HDF5 file or in memory."""

from collections.abc import Iterator

import ml_dtypes
import numpy as np

from kerata.base.checks import message
from kerata.base.hdf5 import Dataset, Group, find_group, open_dataset, open_file, read_dataset
from kerata.base.refusals import FileError
from kerata.base.types import ByteStream, PathLike
from kerata.engine.types import TensorLike
from kerata.saving.checksums import checksum_of, is_plain, read_checksums, write_checksums


class Entry:
    """The variables of one object, by name: what `save_own_variables` and `load_own_variables` are given."""

    def keys(self) -> list[str]:
        raise NotImplementedError

    def __getitem__(self, key: str) -> np.ndarray:
        raise NotImplementedError

    def __setitem__(self, key: str, value: TensorLike) -> None:
        raise NotImplementedError

    def shape_of(self, key: str) -> tuple[int, ...]:
        """The shape of a variable, which is known before its numbers are read."""
        return np.shape(self[key])

    def __contains__(self, key: object) -> bool:
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

    def __setitem__(self, key: str, value: TensorLike) -> None:
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

    def __init__(self, store: "FileStore", path: str, name: str | None):
        self.store, self.path = store, path_of_variables(path)
        self.group: Group | None = None
        if name is not None:
            self._open().attrs["name"] = str(name)

    def _open(self) -> Group:
        # Objects without a name and without variables leave no group behind.
        if self.group is None:
            self.group = self.store.file.create_group(self.path)
        return self.group

    def keys(self) -> list[str]:
        return [] if self.group is None else list(self.group)

    def __getitem__(self, key: str) -> np.ndarray:
        return np.array(self._open()[key])

    def __setitem__(self, key: str, value: TensorLike) -> None:
        array = np.asarray(value)
        dataset = self._open().create_dataset(str(key), data=array)
        if array.dtype == ml_dtypes.bfloat16:
            # HDF5 has no such type: it keeps the bytes, and the reader is told what they are.
            dataset.attrs["dtype"] = "bfloat16"
        if self.store.checksums is not None and is_plain(array):
            self.store.checksums[f"{self.path}/{key}"] = checksum_of(array)


class GroupEntry(Entry):
    """Variables in a group of a file that is being read."""

    def __init__(self, store: "FileStore", path: str):
        self.store, self.path = store, path_of_variables(path)
        self.group: Group | None = find_group(store.file, self.path, store.owner)
        self.names = [] if self.group is None else list(self.group)
        self.opened: dict[str, Dataset] = {}

    def keys(self) -> list[str]:
        return list(self.names)

    def _open(self, key: str) -> Dataset:
        if key not in self.names:
            raise KeyError(key)
        if key not in self.opened:
            assert self.group is not None
            self.opened[key] = open_dataset(self.group, key, self.store.owner)
        return self.opened[key]

    def shape_of(self, key: str) -> tuple[int, ...]:
        return self._open(key).shape

    def __getitem__(self, key: str) -> np.ndarray:
        array = read_dataset(self._open(key), self.store.owner)
        self.store.verify(f"{self.path}/{key}", array)
        return array


class FileStore:
    """Weights in an HDF5 file.

    Args:
        file: a path or a binary file object.
        mode: "r" or "w".
        owner: how the file is called in messages.
        checksums: whether to write a checksum of each variable. A file that has them is always held against them.
    """

    def __init__(self, file: PathLike | ByteStream, mode: str = "r", owner: str | None = None, checksums: bool = True):
        self.owner = owner or str(file)
        self.mode = mode
        try:
            self.file = open_file(file, mode, self.owner)
        except (OSError, RuntimeError, KeyError) as error:
            if mode == "w" or isinstance(error, (FileNotFoundError, PermissionError)):
                raise
            raise FileError(
                message(self.owner, "this is not a file of weights (HDF5), or it is damaged", {"error": str(error)})
            ) from None
        self.checksums: dict[str, int] | None = {} if mode == "w" and checksums else None
        if mode == "r":
            self.checksums = read_checksums(self.file, self.owner)

    def __enter__(self) -> "FileStore":
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc_info: object) -> None:
        try:
            if kind is None and self.mode == "w" and self.checksums is not None:
                write_checksums(self.file, self.checksums)
            self.file.close()
        except RuntimeError as error:
            # HDF5's form of a write that failed; where one was reported already, that one counts.
            if kind is None:
                raise OSError(str(error)) from error

    def make(self, path: str, name: str | None = None) -> FileEntry:
        """The entry to write an object's variables to."""
        return FileEntry(self, path, name)

    def get(self, path: str) -> GroupEntry:
        """The entry to read an object's variables from; empty if there is none."""
        return GroupEntry(self, path)

    def verify(self, path: str, array: np.ndarray) -> None:
        """Raises where a variable is not what was written."""
        if self.checksums is not None and self.checksums.get(path) != checksum_of(array):
            raise FileError(
                message(
                    self.owner,
                    "the file is damaged: a variable is not what was written",
                    {"path": path},
                    "If you changed it on purpose, delete `kerata_checksums` from the file",
                )
            )


def path_of_variables(path: str) -> str:
    """Where an object's variables are."""
    return f"{path}/vars" if path else "vars"
