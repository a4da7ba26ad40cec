"""Arrays of numbers in an HDF5 file, read without trusting the file.

HDF5 files can point to other files, load plug-ins, claim sizes that they do not hold, and unpack to any size. Nothing of
that is followed: a link is looked at before it is taken, only plain numbers and plain filters are read, what a data set
claims must be there, and compressed pieces are unpacked here, within their own size.
"""

# h5py says no types.
# pyright: basic

import itertools
import math
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol, Self, cast

import ml_dtypes
import numpy as np

from kerata.base.checks import message
from kerata.base.heaps import longest_heap
from kerata.base.limits import check_bytes, take_bytes
from kerata.base.refusals import FileError
from kerata.base.types import ByteStream, PathLike

GZIP, SHUFFLE, FLETCHER32, LZF = 1, 2, 3, 32000
# Every other filter is a plug-in looked for on the disk, or one that allocates what a file says.
PLAIN_FILTERS = frozenset({GZIP, SHUFFLE, FLETCHER32, LZF})
# How much LZF, which is left to HDF5, can make of a piece at most.
LZF_EXPANSION = 100
MOST_PIECES = 200_000
# The longest mark of a type.
MARK_BYTES = 16


# h5py says no types. What is used of it:


class AttributeId(Protocol):
    """An attribute as the HDF5 library has it."""

    @property
    def shape(self) -> tuple[int, ...] | None: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    def get_type(self) -> object: ...
    def get_storage_size(self) -> int: ...


class Piece(Protocol):
    """Where a piece of an array begins, and how many bytes of the file it takes."""

    chunk_offset: tuple[int, ...]
    size: int


class Filters(Protocol):
    """What an array was packed with."""

    def get_nfilters(self) -> int: ...
    def get_filter(self, index: int, /) -> tuple[Any, ...]: ...


class DatasetId(Protocol):
    """An array as the HDF5 library has it."""

    def get_create_plist(self) -> Filters: ...
    def get_storage_size(self) -> int: ...
    def get_num_chunks(self) -> int: ...
    def chunk_iter(self, look: Callable[[Piece], None], /) -> object: ...
    def read_direct_chunk(self, place: tuple[int, ...], /) -> tuple[int, bytes]: ...


class Attributes(Protocol):
    """The attributes of a group or of an array."""

    def __contains__(self, name: str, /) -> bool: ...
    def __iter__(self) -> Iterator[str]: ...
    def __getitem__(self, name: str, /) -> Any: ...
    def __setitem__(self, name: str, value: object, /) -> None: ...
    def get_id(self, name: str, /) -> AttributeId: ...
    def create(self, name: str, data: object, *, dtype: object = None) -> None: ...


class Dataset(Protocol):
    """An array in a file, whose numbers are not read yet."""

    @property
    def name(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def chunks(self) -> tuple[int, ...] | None: ...
    @property
    def attrs(self) -> Attributes: ...
    @property
    def id(self) -> DatasetId: ...
    def __getitem__(self, index: object, /) -> Any: ...


class Group(Protocol):
    """A folder in a file, or the file itself."""

    @property
    def name(self) -> str: ...
    @property
    def attrs(self) -> Attributes: ...
    def __contains__(self, name: str, /) -> bool: ...
    def __iter__(self) -> Iterator[str]: ...
    def __getitem__(self, name: str, /) -> Any: ...
    def __setitem__(self, name: str, value: object, /) -> None: ...
    def get(self, name: str, *, getlink: bool = False) -> object: ...
    def create_group(self, name: str, /) -> "Group": ...
    def create_dataset(self, name: str, *, data: object) -> Dataset: ...


class File(Group, Protocol):
    """An open file."""

    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exc_info: object) -> None: ...


def open_file(source: PathLike | ByteStream, mode: str, owner: str) -> File:
    """An HDF5 file, open for reading ("r") or writing ("w"). Where HDF5 would read texts without an end, it is not opened."""
    import h5py

    if mode == "r":
        longest_heap(source, owner)
    return cast(Callable[..., File], h5py.File)(source, mode)


def find_group(file: Group, path: str, owner: str) -> Group | None:
    """The group at a path, or `None`. Each step is checked: HDF5 itself would follow links into other files."""
    import h5py

    kind: type[Any] = h5py.Group
    group = file
    for part in path.split("/"):
        link = group.get(part, getlink=True)
        if link is None:
            return None
        check_link(group, part, link, owner)
        group = group[part]
        if not isinstance(group, kind):
            return None
    return group


def check_link(group: Group, name: str, link: object, owner: str) -> None:
    """Refuses a link that leads to another place or another file."""
    import h5py

    if type(link) is not h5py.HardLink:
        raise FileError(
            message(
                owner,
                "a file of weights must hold its numbers itself, without links to other places",
                {"path": f"{group.name}/{name}", "link": type(link).__name__},
                "Do not trust this file",
            )
        )


def open_dataset(group: Group, name: str, owner: str) -> Dataset:
    """A data set of numbers, after looking at how it is kept; nothing of it is read."""
    import h5py

    check_link(group, name, group.get(name, getlink=True), owner)
    kind: type[Any] = h5py.Dataset
    dataset = group[name]
    path = f"{group.name}/{name}"
    if not isinstance(dataset, kind) or dataset.shape is None:
        raise ValueError(message(owner, "an array was expected here", {"path": path, "kind": type(dataset).__name__}))
    if dataset.is_virtual or dataset.external:
        raise FileError(
            message(
                owner,
                "a file of weights must hold its numbers itself, and not point to other files",
                {"path": path},
                "Do not trust this file",
            )
        )
    filters = list_filters(dataset)
    if unknown := set(filters) - PLAIN_FILTERS:
        raise FileError(
            message(owner, "compressed by a plug-in, which Kerata does not load", {"path": path, "filters": sorted(unknown)})
        )
    if len(set(filters)) < len(filters):
        raise FileError(
            message(owner, "compressed more than once", {"path": path, "filters": filters}, "Do not trust this file")
        )
    if dataset.dtype.kind not in "biufc" and not is_bfloat16(dataset):
        raise FileError(message(owner, "an array of numbers was expected", {"path": path, "dtype": dataset.dtype}))
    return dataset


def list_filters(dataset: Dataset) -> list[int]:
    """The numbers of the filters that were applied, in order."""
    plist = dataset.id.get_create_plist()
    return [plist.get_filter(index)[0] for index in range(plist.get_nfilters())]


def is_bfloat16(dataset: Dataset) -> bool:
    """Whether a data set holds the bytes of bfloat16 numbers."""
    if dataset.dtype.kind != "V" or dataset.dtype.itemsize != 2 or dataset.dtype.fields or "dtype" not in dataset.attrs:
        return False
    attribute = dataset.attrs.get_id("dtype")
    return (
        attribute.shape == ()
        and attribute.get_storage_size() <= MARK_BYTES
        and dataset.attrs["dtype"] in ("bfloat16", b"bfloat16")
    )


def read_dataset(dataset: Dataset, owner: str) -> np.ndarray:
    """The array of an opened data set, once its size has been counted and all of it is known to be there."""
    path, size = dataset.name, math.prod(dataset.shape) * dataset.dtype.itemsize
    take_bytes(size, path=path, shape=dataset.shape)
    if dataset.chunks is None:
        if size and dataset.id.get_storage_size() != size:
            refuse_size(dataset, path, owner)
        array = np.array(dataset)
    elif LZF in list_filters(dataset):
        check_bytes(piece_bytes(dataset), path=path, chunks=dataset.chunks)
        for _, stored in list_pieces(dataset, path, owner):
            check_bytes(LZF_EXPANSION * stored, path=path)
        array = np.array(dataset)
    else:
        array = read_pieces(dataset, path, owner)
    return np.frombuffer(array.tobytes(), ml_dtypes.bfloat16).reshape(dataset.shape) if array.dtype.kind == "V" else array


def refuse_size(dataset: Dataset, path: str, owner: str) -> None:
    raise FileError(
        message(
            owner,
            "an array claims a size that the file does not hold",
            {"path": path, "shape": dataset.shape, "bytes stored": dataset.id.get_storage_size()},
            "Do not trust this file",
        )
    )


def shape_of_pieces(dataset: Dataset) -> tuple[int, ...]:
    """The shape of one piece of an array that is kept in such."""
    return dataset.chunks or ()


def piece_bytes(dataset: Dataset) -> int:
    """The bytes of one piece, unpacked."""
    return math.prod(shape_of_pieces(dataset)) * dataset.dtype.itemsize


def list_pieces(dataset: Dataset, path: str, owner: str) -> list[tuple[tuple[int, ...], int]]:
    """Where each piece of a data set begins, and how many bytes are stored of it. All must be there."""
    starts = [range(0, dim, step) for dim, step in zip(dataset.shape, shape_of_pieces(dataset), strict=True)]
    count = math.prod(map(len, starts))
    if count > min(MOST_PIECES, dataset.id.get_num_chunks()):
        refuse_size(dataset, path, owner)
    stored: dict[tuple[int, ...], int] = {}
    dataset.id.chunk_iter(lambda piece: stored.__setitem__(piece.chunk_offset, piece.size))
    places = list(itertools.product(*starts))
    if any(place not in stored for place in places):
        refuse_size(dataset, path, owner)
    return [(place, stored[place]) for place in places]


def read_pieces(dataset: Dataset, path: str, owner: str) -> np.ndarray:
    """The array of a data set that is kept in pieces, each of which is unpacked within its own size."""
    pieces, filters, size = list_pieces(dataset, path, owner), list_filters(dataset), piece_bytes(dataset)
    # An array of few numbers may claim to be kept in pieces of many.
    check_bytes(3 * size, path=path, chunks=dataset.chunks)
    array, shape = np.empty(dataset.shape, dataset.dtype), shape_of_pieces(dataset)
    for place, stored in pieces:
        if stored > 2 * size + 2**10:
            refuse_size(dataset, path, owner)
        mask, packed = dataset.id.read_direct_chunk(place)
        used = [one for index, one in enumerate(filters) if not mask >> index & 1]
        block = np.frombuffer(unpack(packed, used, size, dataset.dtype.itemsize, path, owner), dataset.dtype)
        target = array[tuple(slice(start, start + step) for start, step in zip(place, shape, strict=True))]
        target[...] = block.reshape(shape)[tuple(map(slice, target.shape))]
    return array


def unpack(packed: bytes, filters: list[int], size: int, item_bytes: int, path: str, owner: str) -> bytes:
    """The bytes of a piece before the filters were applied, in the order in which that was done."""
    data = packed
    for one in reversed(filters):
        if one == FLETCHER32:
            data, mark = data[:-4], data[-4:]
            if not is_fletcher32(data, mark):
                raise FileError(message(owner, "the file is damaged: a checksum is wrong", {"path": path}))
        elif one == GZIP:
            decoder = zlib.decompressobj()
            # The four bytes of a checksum may come with it.
            data = decoder.decompress(data, size + 5)
            if not decoder.eof:
                expected = (
                    "a piece unpacks to more than it should"
                    if len(data) > size + 4
                    else "the file is damaged: a compressed piece ends too early"
                )
                raise FileError(message(owner, expected, {"path": path}, "Do not trust this file"))
        elif one == SHUFFLE and item_bytes > 1:
            whole = len(data) // item_bytes * item_bytes
            data = np.frombuffer(data, np.uint8, whole).reshape(item_bytes, -1).T.tobytes() + data[whole:]
    if len(data) != size:
        raise FileError(
            message(
                owner, "the file is damaged: a piece has not the size that it should have", {"path": path, "bytes": len(data)}
            )
        )
    return data


def is_fletcher32(data: bytes, mark: bytes) -> bool:
    """Whether HDF5's form of Fletcher's checksum is right: sums of words of 16 bits, and of those sums, modulo 65535."""
    words = np.frombuffer(data + b"\0" * (len(data) % 2), ">u2").astype(np.int64)
    first = second = 0
    for start in range(0, len(words), 2**20):
        part = words[start : start + 2**20]
        first += int(part.sum())
        second += int((part * ((len(words) - np.arange(start, start + len(part))) % 65535)).sum())
    sums = [first % 65535, second % 65535]
    # HDF5 before 1.6.3 wrote the bytes of each half the other way round.
    return any([int(half) % 65535 for half in np.frombuffer(mark, order)] == sums for order in ("<u2", ">u2"))
