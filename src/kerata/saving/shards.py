"""Weights in several HDF5 files, and a JSON file that says which object's are where, as Keras 3 keeps them."""

import contextlib
import json
import os
import warnings
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import numpy as np

from kerata.base.checks import check_number, message
from kerata.base.limits import check_levels, size_of_json, take_bytes
from kerata.base.refusals import FileError, MissingFile
from kerata.base.replacing import replace_file
from kerata.base.types import Plain
from kerata.engine.types import TensorLike
from kerata.saving.legacy.kinds import kind_of_file
from kerata.saving.store import Entry, FileEntry, FileStore, GroupEntry, path_of_variables

ENDING = ".weights.json"
GIGABYTE = 1024**3


def path_of_map(path: Path) -> Path:
    """The path of the JSON file for a path that a user gave."""
    if path.suffix == ".json":
        return path
    right = path.with_suffix(".json")
    fix = f"The map of the files is written to {right.name}"
    warnings.warn(message("save_weights", f"with `max_shard_size` the name ends in {ENDING!r}", None, fix), stacklevel=4)
    return right


class ShardWriter:
    """Weights that go into a file until it is full, and then into the next.

    Args:
        path: of the JSON file; the others lie beside it, `name_00000.weights.h5`, `name_00001.weights.h5`, ...
        most: how many gigabytes a file holds at most.
    """

    def __init__(self, path: Path, most: float):
        self.path, self.most = path, float(check_number("save_weights", "max_shard_size", most, 0)) * GIGABYTE
        self.base = path.stem.replace(".weights", "")
        self.files: dict[str, list[str]] = {}
        self.total = self.filled = 0
        self.stack = contextlib.ExitStack()
        self.names: list[str] = []

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as opening:
            # Entered first, it takes its place last: until then the old map stands.
            self.stack = opening
            self.map = opening.enter_context(replace_file(self.path))
            self._open()
            self.stack = opening.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            files: dict[str, str | list[str]] = {
                path: names[0] if len(names) == 1 else names for path, names in self.files.items()
            }
            self.map.write_text(json.dumps({"metadata": {"total_size": self.total}, "weight_map": files}, indent=4))
        self.stack.__exit__(kind, error, trace)

    def _open(self) -> None:
        self.names.append(f"{self.base}_{len(self.names):05}.weights.h5")
        part = self.stack.enter_context(replace_file(self.path.with_name(self.names[-1])))
        self.store = self.stack.enter_context(FileStore(part, "w", "save_weights"))
        self.filled = 0

    def make(self, path: str, name: str | None = None) -> "ShardEntry":
        """The entry to write an object's variables to."""
        return ShardEntry(self, path, name)

    def place(self, path: str, key: str, array: np.ndarray) -> None:
        """Makes room for a variable, in the next file if this one is full."""
        size = array.nbytes
        if size > self.most:
            received = {"variable": f"{path}/{key}", "bytes": size, "max_shard_size": self.most / GIGABYTE}
            raise ValueError(message("save_weights", "each variable must fit into one file", received, "Give a larger size"))
        if self.filled + size > self.most:
            self._open()
        self.filled += size
        self.total += size
        names = self.files.setdefault(f"/{path_of_variables(path)}", [])
        if self.names[-1] not in names:
            names.append(self.names[-1])


class ShardEntry(Entry):
    """The variables of one object, which may go into several files."""

    def __init__(self, writer: ShardWriter, path: str, name: str | None):
        self.writer, self.path, self.name = writer, path, name
        self.entries: dict[int, FileEntry] = {}
        self.written: dict[str, int] = {}

    def keys(self) -> list[str]:
        return list(self.written)

    def __getitem__(self, key: str) -> np.ndarray:
        return self.entries[self.written[key]][key]

    def __setitem__(self, key: str, value: TensorLike) -> None:
        array = np.asarray(value)
        self.writer.place(self.path, str(key), array)
        number = len(self.writer.names)
        if number not in self.entries:
            self.entries[number] = self.writer.store.make(self.path, self.name)
        self.entries[number][str(key)] = array
        self.written[str(key)] = number


class ShardReader:
    """Weights of several files.

    Args:
        path: of the JSON file.
        owner: how the file is called in messages.
    """

    def __init__(self, path: Path, owner: str):
        self.owner = owner
        self.files = read_map(path, owner)
        self.stack = contextlib.ExitStack()
        self.stores: dict[str, FileStore] = {}
        for name in sorted({name for names in self.files.values() for name in names}):
            file = path.with_name(name)
            if not file.is_file():
                raise MissingFile(message(owner, "a file that the map names is not there", {"file": name}))
            if kind_of_file(file)[0] != "hdf5":
                raise FileError(message(owner, "a file that the map names is no HDF5, or is damaged", {"file": name}))
            self.stores[name] = self.stack.enter_context(FileStore(file, "r", owner))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stack.__exit__(kind, error, trace)

    def get(self, path: str) -> "MergedEntry":
        """The entry to read an object's variables from; empty if there is none."""
        names = self.files.get(f"/{path_of_variables(path)}", [])
        return MergedEntry([self.stores[name].get(path) for name in names])


class MergedEntry(Entry):
    """The variables of one object, from several files."""

    def __init__(self, entries: list[GroupEntry]):
        self.homes = {key: entry for entry in entries for key in entry}

    def keys(self) -> list[str]:
        return list(self.homes)

    def shape_of(self, key: str) -> tuple[int, ...]:
        return self._home(key).shape_of(key)

    def __getitem__(self, key: str) -> np.ndarray:
        return self._home(key)[key]

    def _home(self, key: str) -> GroupEntry:
        if key not in self.homes:
            raise KeyError(key)
        return self.homes[key]


def read_map(path: Path, owner: str) -> dict[str, list[str]]:
    """Which files hold the variables of each object, by the names of files beside the map."""
    with open(path, encoding="utf-8") as stream:
        text = stream.read()
    take_bytes(size_of_json(text))
    try:
        plain: Plain = json.loads(text)
    except ValueError as error:
        raise FileError(message(owner, "a map of weights must be JSON", {"error": str(error)})) from None
    check_levels(plain, owner)
    found = plain.get("weight_map") if isinstance(plain, dict) else None
    if not isinstance(found, dict):
        raise FileError(message(owner, "a map of weights must hold a dict `weight_map`"))
    files: dict[str, list[str]] = {}
    for place, given in cast(dict[str, Plain], found).items():
        names = given if isinstance(given, list) else [given]
        for name in names:
            if not isinstance(name, str) or os.path.basename(name) != name or name in ("", ".", ".."):
                raise FileError(message(owner, "a map of weights must name files beside it", {"file": name}))
        files[place] = cast(list[str], names)
    return files


def size_of_shards(path: Path) -> int:
    """About how many bytes there are: of the map, and of what could be its files."""
    return path.stat().st_size + sum(file.stat().st_size for file in path.parent.glob("*.weights.h5"))


def is_map(path: Path) -> bool:
    """Whether a JSON file can be the map of weights in several files: by its name, since a description has another."""
    return path.name.endswith("weights.json")
