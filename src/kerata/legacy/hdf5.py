"""`H5Dict` of `keras.utils`, and HDF5 files in streams of bytes."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

import numpy as np

from kerata.base.checks import message

if TYPE_CHECKING:
    import h5py

T = TypeVar("T")
# HDF5 keeps no larger attributes; lists are cut into pieces, which are numbered.
LARGEST = 64512


class Reader(Protocol):
    """What gives bytes."""

    def read(self) -> bytes: ...


class Writer(Protocol):
    """What takes bytes."""

    def write(self, data: bytes, /) -> object: ...


class H5Dict:
    """A group of an HDF5 file, or a dict, as a dict: arrays are data sets, what else there is are attributes, groups are made.

    Args:
        path: a file, an HDF5 group, or a dict.
        mode: `"a"`, `"r"` or `"w"`.

    >>> made = H5Dict({}, mode="w")
    >>> made["layer"]["names"] = [b"kernel", b"bias"]
    >>> made["layer"]["names"]
    [b'kernel', b'bias']
    """

    def __init__(self, path: "str | Path | dict[str, Any] | h5py.Group | h5py.File", mode: str = "a"):
        import h5py

        self.read_only, self._is_file = mode == "r", isinstance(path, (str, Path))
        if not self.is_supported_type(path):
            raise TypeError(message(self, "a file, an HDF5 group or a dict is needed", {"path": path}))
        self.data = cast("Any", h5py.File(path, mode) if isinstance(path, (str, Path)) else path)
        if isinstance(path, dict) and mode == "w":
            path.clear()

    @staticmethod
    def is_supported_type(path: object) -> bool:
        """Whether something can be read and written so."""
        import h5py

        return isinstance(path, (h5py.Group, dict, str, Path))

    def __setitem__(self, attr: str | bytes, val) -> None:
        if self.read_only:
            raise ValueError(message(self, "it was opened for reading", {"attr": attr}))
        name = text(attr)
        if isinstance(self.data, dict):
            self.data[name] = val
        elif name in self.data:
            raise KeyError(message(self, "there is such a group or array already", {"attr": name}))
        elif isinstance(val, (np.ndarray, np.generic)):
            self.data.create_dataset(name, data=val)
        elif isinstance(val, (list, tuple)):
            self._write_list(name, np.asarray([one.encode() if isinstance(one, str) else one for one in val]))
        else:
            self.data.attrs[name] = val

    def _write_list(self, name: str, values: np.ndarray) -> None:
        pieces = -(-values.nbytes // LARGEST)
        if pieces < 2:
            self.data.attrs[name] = values
            return
        if values.itemsize > LARGEST:
            raise RuntimeError(message(self, f"an HDF5 file takes texts of at most {LARGEST} bytes here", {"attr": name}))
        rows = LARGEST // values.itemsize
        for number, begin in enumerate(range(0, len(values), rows)):
            self.data.attrs[f"{name}{number}"] = values[begin : begin + rows]

    def __getitem__(self, attr: str | bytes):
        name = text(attr)
        if isinstance(self.data, dict):
            if name not in self.data:
                self._check_may_make(name)
                self.data[name] = {}
            found = self.data[name]
            return H5Dict(found, "r" if self.read_only else "a") if isinstance(found, dict) else found
        if name in self.data.attrs:
            found = self.data.attrs[name]
            return found.tolist() if getattr(found, "dtype", np.dtype(float)).kind == "S" else found
        if name in self.data:
            found = self.data[name]
            return np.asarray(found) if hasattr(found, "dtype") else H5Dict(found, "r" if self.read_only else "a")
        if f"{name}0" in self.data.attrs:
            return self._read_pieces(name)
        self._check_may_make(name)
        return H5Dict(self.data.create_group(name))

    def _read_pieces(self, name: str) -> list[Any]:
        found: list[Any] = []
        number = 0
        while f"{name}{number}" in self.data.attrs:
            found += [text(one) if isinstance(one, bytes) else one for one in self.data.attrs[f"{name}{number}"].tolist()]
            number += 1
        return found

    def _check_may_make(self, name: str) -> None:
        if self.read_only:
            raise ValueError(message(self, "there is no such group, and none is made in what is read alone", {"attr": name}))

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[str]:
        return iter(self.data)

    def __contains__(self, key: str) -> bool:
        return key in self.data or (not isinstance(self.data, dict) and key in self.data.attrs)

    def get(self, key: str, default: object = None):
        """What stands under a name, or a default."""
        if key not in self:
            return default
        return self[key]

    def keys(self) -> list[str]:
        """The names of groups and arrays."""
        return list(self.data)

    def close(self) -> None:
        """Writes what is there; a file that was opened here is closed."""
        if not isinstance(self.data, dict):
            self.data.file.flush()
            if self._is_file:
                self.data.close()

    def __enter__(self) -> "H5Dict":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


h5dict = H5Dict


def text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name


def save_to_binary_h5py(save_function: "Callable[[h5py.File], T]", stream: Writer) -> T:
    """What a function writes to an HDF5 file, into a stream of bytes; what it gives is given back."""
    import h5py

    with h5py.File("in memory", "w", driver="core", backing_store=False) as file:
        found = save_function(file)
        file.flush()
        stream.write(file.id.get_file_image())
    return found


def load_from_binary_h5py(load_function: "Callable[[h5py.File], T]", stream: Reader) -> T:
    """What a function makes of the HDF5 file in a stream of bytes."""
    import h5py

    with h5py.File(io.BytesIO(stream.read()), "r") as file:
        return load_function(file)
