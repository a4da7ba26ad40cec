"""What callbacks count and know, kept in a file beside a backup of the weights."""

import json
import os
import zipfile
from pathlib import Path
from typing import Any, cast

import numpy as np

from kerata.base.archives import list_zip_members, open_zip, read_member
from kerata.base.checks import message
from kerata.base.limits import budget
from kerata.base.refusals import refusing
from kerata.base.replacing import replace_file

NOTES = "callbacks.json"
# What a callback knows, by the names of its attributes.
Memory = dict[str, Any]


def remembering(callbacks: list[Any]) -> list[Any]:
    """Those that have something to remember."""
    return [callback for callback in callbacks if getattr(callback, "remembered", ())]


def write_memories(callbacks: list[Any], path: Path) -> None:
    """Writes what callbacks know: their numbers as JSON, arrays as bytes beside it."""
    blobs: list[bytes] = []

    def plain(value: object) -> object:
        if isinstance(value, (list, tuple)):
            return [plain(item) for item in cast(list[object], value)]
        if not isinstance(value, np.ndarray):
            return value.item() if isinstance(value, np.generic) else value
        blobs.append(value.tobytes())
        return {"bytes": len(blobs) - 1, "dtype": value.dtype.name, "shape": value.shape}

    notes = [
        {"class": type(callback).__name__, "knows": {name: plain(getattr(callback, name)) for name in callback.remembered}}
        for callback in callbacks
    ]
    try:
        text = json.dumps(notes)
    except (TypeError, ValueError):
        expected = "what a backup keeps of a callback (`remembered`) must be numbers, texts, lists, arrays or None"
        received = {f"{type(c).__name__}.{name}": getattr(c, name) for c in callbacks for name in c.remembered}
        raise TypeError(message("BackupAndRestore", expected, received)) from None
    with replace_file(path) as part, zipfile.ZipFile(part, "w") as archive:
        archive.writestr(NOTES, text)
        for number, blob in enumerate(blobs):
            archive.writestr(str(number), blob)


def read_memories(path: Path) -> list[tuple[str, Memory]]:
    """The class of each callback, and what it knew; raises a `FileError` where the file is damaged."""
    owner = str(path)
    with refusing(owner), budget(owner, os.path.getsize(path)), open(path, "rb") as stream, open_zip(stream, owner) as archive:
        members = list_zip_members(owner, archive)[1]

        def full(value: object) -> object:
            if isinstance(value, list):
                return [full(item) for item in cast(list[object], value)]
            if not isinstance(value, dict):
                return value
            made = cast(dict[str, Any], value)
            held = read_member(archive, members[str(made["bytes"])], owner)
            return np.frombuffer(held, np.dtype(made["dtype"])).reshape(made["shape"])

        notes = json.loads(read_member(archive, members[NOTES], owner))
        return [(note["class"], {name: full(value) for name, value in note["knows"].items()}) for note in notes]


def remind(callbacks: list[Any], memories: list[tuple[str, Memory]]) -> None:
    """Gives callbacks what those of their class knew, in their order."""
    left: dict[str, list[Memory]] = {}
    for name, memory in memories:
        left.setdefault(name, []).append(memory)
    for callback in callbacks:
        if of_its_class := left.get(type(callback).__name__):
            memory = of_its_class.pop(0)
            for name in set(callback.remembered) & set(memory):
                setattr(callback, name, memory[name])
