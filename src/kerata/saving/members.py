"""The members of a `.keras` file, a zip: read one by one, and never unpacked into a folder."""

import io
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from kerata.base.checks import message
from kerata.base.files import check_member_name

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
# Above this, weights go through a nameless file instead of through memory.
MEMORY_BYTES = 256 * 2**20
CONFIG_BYTES = 256 * 2**20
# A member of a zip can expand a thousandfold; Keras and Kerata write them as they are.
EXPANSION = 100


def open_scratch(size: int, folder: Path | None) -> Any:
    """A place for `size` bytes that is gone when it is closed: in memory, or a nameless file in `folder`."""
    return io.BytesIO() if size < MEMORY_BYTES else tempfile.TemporaryFile(dir=folder)


def list_members(archive: zipfile.ZipFile, owner: str) -> dict[str, zipfile.ZipInfo]:
    """The members by name, after looking at their names and sizes."""
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = check_member_name(owner, info.filename)
        if name in members:
            raise ValueError(message(owner, "a '.keras' file must hold each member once", {"member": name}))
        room = EXPANSION * max(info.compress_size, 2**20)
        if info.file_size > (min(room, CONFIG_BYTES) if name == CONFIG else room):
            raise ValueError(message(owner, "a member claims a size that the file does not hold",
                                     {"member": name, "bytes": info.file_size, "bytes stored": info.compress_size},
                                     "Do not trust this file"))
        members[name] = info
    return members


def copy_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Any:
    """A member as a file that can be read in any order."""
    scratch = open_scratch(info.file_size, None)
    with archive.open(info) as member:
        while block := member.read(2**24):
            scratch.write(block)
    scratch.seek(0)
    return scratch
