"""The members of a `.keras` file, a zip: read one by one, and never unpacked into a folder."""

import io
import tempfile
import zipfile
from pathlib import Path

from kerata.base.archives import check_member_name, check_sizes, open_zip
from kerata.base.checks import message
from kerata.base.limits import check_bytes, size_of_json, take_bytes
from kerata.base.types import ByteStream

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
# Above this, weights go through a nameless file instead of through memory.
MEMORY_BYTES = 64 * 2**20
# A description is text that repeats itself; Keras and Kerata write it as it is.
CONFIG_EXPANSION = 20


def open_scratch(size: int, folder: Path | None) -> ByteStream:
    """A place for `size` bytes that is gone when it is closed: in memory, or a nameless file in `folder`."""
    return io.BytesIO() if size < MEMORY_BYTES else tempfile.TemporaryFile(dir=folder)


def open_model_file(stream: ByteStream, owner: str) -> tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo]]:
    """The zip in a file object and its members by name, after looking at their names and sizes."""
    try:
        archive = open_zip(stream, owner)
    except zipfile.BadZipFile as error:
        raise ValueError(message(owner, "the file is damaged, or no '.keras' file", {"error": str(error)})) from None
    return archive, list_members(archive, owner)


def list_members(archive: zipfile.ZipFile, owner: str) -> dict[str, zipfile.ZipInfo]:
    """The members by name, after looking at their names and sizes."""
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = check_member_name(owner, info.filename)
        if name in members:
            raise ValueError(message(owner, "a '.keras' file must hold each member once", {"member": name}))
        check_sizes(owner, info, *((CONFIG_EXPANSION,) if name == CONFIG else ()))
        members[name] = info
    return members


def need_members(members: dict[str, zipfile.ZipInfo], names: tuple[str, ...], owner: str) -> None:
    """Raises where a member is missing."""
    for name in names:
        if name not in members:
            raise ValueError(message(owner, f"a '.keras' file must hold {name}", {"members": sorted(members)}))


def read_text(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> str:
    """A member as text, counted with what its objects will take."""
    take_bytes(info.file_size, member=info.filename)
    text = archive.read(info).decode("utf-8")
    take_bytes(size_of_json(text), member=info.filename)
    return text


def copy_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> ByteStream:
    """A member as a file that can be read in any order."""
    if info.file_size < MEMORY_BYTES:
        check_bytes(info.file_size, member=info.filename)
    scratch = open_scratch(info.file_size, None)
    with archive.open(info) as member:
        while block := member.read(2**24):
            scratch.write(block)
    scratch.seek(0)
    return scratch
