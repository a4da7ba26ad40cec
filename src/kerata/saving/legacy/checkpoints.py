"""Checkpoints of TensorFlow: `x.index`, a sorted table of names, and `x.data-00000-of-00001`, the bytes of the arrays.

The names of the files follow from what the user gives and from numbers; nothing that the index names is opened. What an array
claims is held against the file, and later against the model, before it is read, and its checksum after.
"""

import math
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import ml_dtypes
import numpy as np

from kerata.base.archives import size_of_stream
from kerata.base.checks import message
from kerata.base.crc32c import crc32c, mask
from kerata.base.limits import check_bytes, take_bytes, take_work
from kerata.base.refusals import FileError, MissingFile, NotReadYet
from kerata.base.types import ByteStream
from kerata.saving.legacy.form import Source
from kerata.saving.legacy.object_graph import Node, read_graph
from kerata.saving.legacy.sorted_tables import read_table
from kerata.saving.legacy.wire import bytes_of, damaged, number_of, read_fields, read_varint, signed

INDEX, DATA = ".index", ".data-"
GRAPH = b"_CHECKPOINTABLE_OBJECT_GRAPH"
STRING = 7
# TensorFlow's numbers of types.
_TYPES = {1: np.float32, 2: np.float64, 3: np.int32, 4: np.uint8, 5: np.int16, 6: np.int8, 8: np.complex64}
_TYPES |= {9: np.int64, 10: np.bool_, 14: ml_dtypes.bfloat16, 17: np.uint16, 18: np.complex128, 19: np.float16}
_TYPES |= {22: np.uint32, 23: np.uint64}
TYPES = {number: np.dtype(kind) for number, kind in _TYPES.items()}
# More files than that nobody has written one checkpoint to, and more axes no array has.
MOST_SHARDS, MOST_AXES = 100_000, 32


class Entry(NamedTuple):
    """Where an array is.

    Args:
        dtype: TensorFlow's number of its type.
        shape: its shape.
        shard, start, size: the number of the file, and the bytes in it.
        checksum: of the bytes, masked.
    """

    dtype: int
    shape: tuple[int, ...]
    shard: int
    start: int
    size: int
    checksum: int


def is_checkpoint(prefix: Path) -> bool:
    """Whether there is a checkpoint of that name."""
    return Path(f"{prefix}{INDEX}").is_file()


def prefix_of(path: Path) -> Path | None:
    """The name of the checkpoint that a path means: `ckpt`, or one of its files; `None` where there is none."""
    for ending in (INDEX, DATA):
        name, found, _ = str(path).rpartition(ending)
        if found and is_checkpoint(Path(name)):
            return Path(name)
    return path if is_checkpoint(path) else None


def open_plain(path: Path, owner: str) -> ByteStream:
    """An ordinary file, open for reading; links and devices are refused."""
    try:
        before = os.lstat(path)
    except FileNotFoundError:
        raise MissingFile(message(owner, "a file of the checkpoint or the folder is missing", {"file": path.name})) from None
    if not stat.S_ISREG(before.st_mode):
        text = "a link, which may lead anywhere" if stat.S_ISLNK(before.st_mode) else "no ordinary file"
        raise FileError(message(owner, f"{path.name} is {text}", None, "Copy what it stands for: cp -rL OLD NEW"))
    return open(path, "rb")


def size_of_files(paths: list[Path]) -> int:
    """The bytes of some files that are really there: those that exist, without holes."""
    found = [os.lstat(path) for path in paths if os.path.lexists(path)]
    return sum(min(one.st_size, 512 * getattr(one, "st_blocks", one.st_size)) for one in found)


def files_of(prefix: Path) -> list[Path]:
    """The files of a checkpoint: those that its name leads to."""
    start = f"{prefix.name}{DATA}"
    names = sorted(name for name in os.listdir(prefix.parent) if name.startswith(start))
    return [Path(f"{prefix}{INDEX}"), *(prefix.parent / name for name in names)]


class Checkpoint:
    """A checkpoint that is open for reading.

    Args:
        prefix: what its files' names begin with.
        owner: how it is called in messages.
    """

    def __init__(self, prefix: Path, owner: str):
        self.prefix, self.owner = prefix, owner
        self.streams: dict[int, ByteStream] = {}
        self.sizes: dict[int, int] = {}
        with open_plain(Path(f"{prefix}{INDEX}"), owner) as stream:
            size = size_of_stream(stream)
            take_bytes(size)
            # What the index says of each array, read when it is asked for.
            self.table = read_table(stream.read(size), owner)
        self.shards = self.read_header(self.table.pop(b"", b""))

    def __enter__(self) -> "Checkpoint":
        return self

    def __exit__(self, *exc_info: object) -> None:
        for stream in self.streams.values():
            stream.close()

    def read_header(self, data: bytes) -> int:
        """How many files hold the arrays."""
        shards = 0
        for field in read_fields(data, self.owner):
            if field.number == 1:
                shards = number_of(field, self.owner)
            elif field.number == 2 and number_of(field, self.owner) != 0:
                raise NotReadYet(message(self.owner, "numbers with their first byte at the end are not read"))
        if not 1 <= shards <= MOST_SHARDS:
            raise FileError(message(self.owner, "a number of files was expected", {"shards": shards}))
        return shards

    def read_entry(self, data: bytes) -> Entry:
        """Where an array is, by its message."""
        take_work(1)
        numbers = {1: 0, 3: 0, 4: 0, 5: 0, 6: 0}
        shape: tuple[int, ...] = ()
        for field in read_fields(data, self.owner):
            if field.number == 2:
                shape = self.read_shape(bytes_of(field, self.owner))
            elif field.number == 7:
                raise NotReadYet(message(self.owner, "arrays in slices are not read"))
            elif field.number in numbers:
                numbers[field.number] = number_of(field, self.owner)
        return Entry(numbers[1], shape, numbers[3], numbers[4], numbers[5], numbers[6])

    def read_shape(self, data: memoryview) -> tuple[int, ...]:
        sizes: list[int] = []
        for field in read_fields(data, self.owner):
            if field.number != 2:
                raise damaged(self.owner, "an array in it has no shape")
            inner = {f.number: f for f in read_fields(bytes_of(field, self.owner), self.owner)}
            size = signed(number_of(inner[1], self.owner)) if 1 in inner else 0
            if size < 0 or len(sizes) == MOST_AXES:
                raise damaged(self.owner, "an array in it has an impossible shape")
            sizes.append(size)
        return tuple(sizes)

    def graph(self) -> list[Node]:
        """The objects that were kept, and which of them hold which; none where the checkpoint knows names alone."""
        if GRAPH not in self.table:
            return []
        data = self.read_text(GRAPH)
        return read_graph(data, self.owner)

    def has(self, key: str) -> bool:
        return key.encode() in self.table

    def source(self, key: str, name: str) -> Source:
        """An array of numbers, of which nothing is read yet.

        Args:
            key: its name in the index.
            name: how it is called in messages.
        """
        if not self.has(key):
            raise FileError(message(self.owner, "the file is damaged: an array that it names is not there", {"array": key}))
        entry = self.read_entry(self.table[key.encode()])
        kind = TYPES.get(entry.dtype)
        if kind is None:
            raise FileError(message(self.owner, "an array of numbers was expected", {"array": name, "type": entry.dtype}))
        if math.prod(entry.shape) * kind.itemsize != entry.size:
            raise FileError(
                message(
                    self.owner,
                    "the file is damaged: an array claims a size that it does not have",
                    {"array": name, "shape": entry.shape, "bytes": entry.size},
                )
            )
        return Source(name, entry.shape, lambda: self.read_array(entry, kind, name))

    def read_array(self, entry: Entry, kind: np.dtype, name: str) -> np.ndarray:
        array = np.frombuffer(self.read_bytes(entry, name), kind.newbyteorder("<"))
        return array.astype(kind, copy=False).reshape(entry.shape)

    def read_bytes(self, entry: Entry, name: str) -> bytearray:
        """The bytes of an array, held against its checksum."""
        stream = self.open_shard(entry.shard)
        if entry.start + entry.size > self.sizes[entry.shard]:
            raise FileError(
                message(self.owner, "the file is damaged: an array ends behind its file", {"array": name, "bytes": entry.size})
            )
        check_bytes(entry.size, array=name)
        data = bytearray(entry.size)
        stream.seek(entry.start)
        count = stream.readinto(data)  # type: ignore[attr-defined]
        if count != entry.size or (entry.dtype != STRING and mask(crc32c(data)) != entry.checksum):
            raise FileError(message(self.owner, "the file is damaged: an array is not what was written", {"array": name}))
        return data

    def open_shard(self, number: int) -> ByteStream:
        """One of the files with arrays."""
        if number >= self.shards:
            raise FileError(message(self.owner, "the file is damaged: it names a file too many", {"shard": number}))
        if number not in self.streams:
            path = Path(f"{self.prefix}{DATA}{number:05d}-of-{self.shards:05d}")
            self.streams[number] = stream = open_plain(path, self.owner)
            self.sizes[number] = size_of_stream(stream)
        return self.streams[number]

    def read_text(self, key: bytes) -> memoryview:
        """A single text: its length, a checksum of that, and its bytes."""
        entry = self.read_entry(self.table[key])
        if entry.dtype != STRING or entry.shape != ():
            raise FileError(message(self.owner, "a single text was expected", {"array": key.decode(errors="replace")}))
        take_bytes(entry.size)
        data = memoryview(self.read_bytes(entry, key.decode(errors="replace")))
        length, place = read_varint(data, 0, self.owner)
        # The checksum of the whole counts the length as four bytes (eight, where it needs them).
        lengths = length.to_bytes(4 if length < 2**32 else 8, "little")
        whole = crc32c(lengths + bytes(data[place : place + 4]) + bytes(data[place + 4 :]))
        if length != len(data) - place - 4 or mask(whole) != entry.checksum:
            raise damaged(self.owner, "a text in it is not what was written")
        return data[place + 4 :]

    def describe(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """(name, shape) of the arrays of numbers."""
        for key, value in self.table.items():
            entry = self.read_entry(value)
            if entry.dtype in TYPES:
                yield key.decode(errors="replace"), entry.shape
