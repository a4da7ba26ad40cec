"""Files of their own that layers keep beside their numbers in a `.keras` file: `assets/<path of the layer>/vocabulary.txt`."""

import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from kerata.base.checks import message
from kerata.base.limits import take_bytes
from kerata.saving.legacy.types import SavedModel
from kerata.saving.walk import Place, walk

FOLDER = "assets"
# What a line may take in memory once it is read: a text, its place in a list and in a dict.
LINE_BYTES = 200


def places_of(model: SavedModel, method: str) -> Iterator[Place]:
    """The places of objects with a method, each object once."""
    seen: set[int] = set()
    for place in walk(model, lambda thing: id(thing) in seen):
        seen.add(id(place.thing))
        if hasattr(place.thing, method):
            yield place


def write_assets(model: SavedModel, archive: zipfile.ZipFile) -> None:
    """Writes what `save_assets(folder)` of the parts of a model leaves in a folder."""
    for place in places_of(model, "save_assets"):
        with tempfile.TemporaryDirectory() as folder:
            place.thing.save_assets(folder)
            for file in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
                archive.write(file, f"{FOLDER}/{place.path}/{file.relative_to(folder).as_posix()}")


def read_assets(model: SavedModel, archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], owner: str) -> None:
    """Gives each part of a model, by `load_assets(folder)`, the files that are kept for it."""
    if not any(name.startswith(f"{FOLDER}/") for name in members):
        return
    for place in places_of(model, "load_assets"):
        begin = f"{FOLDER}/{place.path}/"
        found = {name.removeprefix(begin): info for name, info in members.items() if name.startswith(begin)}
        if not found:
            continue
        with tempfile.TemporaryDirectory() as folder:
            for name, info in found.items():
                copy(archive, info, Path(folder, name), owner)
            place.thing.load_assets(folder)


def copy(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, owner: str) -> None:
    """Copies a member into a folder, counted with what its lines will take."""
    if info.is_dir():
        return
    take_bytes(2 * info.file_size, member=info.filename)
    path.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(info) as member, open(path, "wb") as file:
        while block := member.read(2**20):
            take_bytes(LINE_BYTES * (1 + block.count(b"\n")), member=info.filename)
            file.write(block)
    if path.stat().st_size != info.file_size:
        raise ValueError(message(owner, "a member of the file is damaged", {"member": info.filename}))
