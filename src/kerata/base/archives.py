"""Archives from elsewhere, read within a budget: names, sizes and lists of members are looked at before they are used.

A zip of a few kilobytes can unpack to terabytes, and so can the headers of a tar. So a compressed stream is read through a
counter, and a member of a zip that claims much more than it stores is refused.
"""

import bz2
import functools
import gzip
import io
import lzma
import os
import posixpath
import re
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kerata.base.checks import message
from kerata.base.limits import budget, take_bytes
from kerata.base.refusals import refusing
from kerata.base.replacing import remove_leftovers, replace_file
from kerata.base.types import ByteStream

CHUNK_BYTES = 1 << 18
# What a compressed stream may unpack to, beside so many times its own bytes: text shrinks to a tenth, rarely to a fiftieth.
LEAST_UNPACKED = 256 * 2**20
EXPANSION = 100
# What the list of members takes in memory: of a tar for each member, of a zip for each byte of its directory.
TAR_ENTRY_BYTES, ZIP_ENTRY_FACTOR = 2048, 16
# Names of members and attributes in a tar are read as a whole.
MOST_AT_ONCE = 16 * 2**20
XZ_MEMORY = 128 * 2**20


def size_of_stream(stream: ByteStream) -> int:
    """The bytes of a file object that can be read in any order; it is left at its beginning."""
    stream.seek(0, os.SEEK_END)
    size = stream.tell()
    stream.seek(0)
    return size


# -- zip


def open_zip(stream: ByteStream, owner: str) -> zipfile.ZipFile:
    """The zip in a file object, once the list of its members is known to be no larger than the budget."""
    size, count = measure_directory(stream)
    take_bytes(ZIP_ENTRY_FACTOR * size, owner=owner)
    archive = zipfile.ZipFile(stream)
    # Old programs count to 65,535 and begin anew.
    if len(archive.infolist()) % 2**16 != count % 2**16:
        raise zipfile.BadZipFile(f"the list of members has {len(archive.infolist())} entries instead of {count}")
    return archive


def measure_directory(stream: ByteStream) -> tuple[int, int]:
    """The bytes and the entries of a zip's list of members, as its last record says."""
    size = size_of_stream(stream)
    stream.seek(max(0, size - 2**16 - 98))
    tail = stream.read()
    stream.seek(0)
    place = tail.rfind(b"PK\5\6")
    if place < 0:
        raise zipfile.BadZipFile("the list of members is missing")
    claimed, count = (int.from_bytes(tail[place + start : place + end], "little") for start, end in ((12, 16), (10, 12)))
    long = tail.rfind(b"PK\6\6", 0, place)
    if long >= 0 and (claimed == 2**32 - 1 or count == 2**16 - 1):
        claimed, count = (int.from_bytes(tail[long + start : long + end], "little") for start, end in ((40, 48), (32, 40)))
    # The true list ends before this record, whatever it claims.
    return min(claimed, size), count


def check_sizes(owner: str, info: zipfile.ZipInfo, expansion: int = EXPANSION) -> None:
    """Raises where a member claims to hold much more than it stores."""
    if info.file_size > expansion * max(info.compress_size, 2**20):
        raise ValueError(
            message(
                owner,
                "a member claims a size that the file does not hold",
                {"member": info.filename, "bytes": info.file_size, "bytes stored": info.compress_size},
                "Do not trust this file",
            )
        )


def list_zip_members(owner: str, zipped: zipfile.ZipFile) -> tuple[list[str], dict[str, zipfile.ZipInfo]]:
    """The names of folders, and the member of each file."""
    folders: list[str] = []
    files: dict[str, zipfile.ZipInfo] = {}
    for info in zipped.infolist():
        name = check_member_name(owner, info.filename)
        if stat.S_ISLNK(info.external_attr >> 16):
            raise ValueError(message(owner, "the zip archive must hold no links", {"member": info.filename}))
        if info.is_dir():
            if info.file_size:
                raise ValueError(message(owner, "a folder in an archive must hold no bytes", {"member": info.filename}))
            folders.append(name)
        else:
            check_sizes(owner, info)
            files[name] = info
    return folders, files


def check_member_name(owner: str, name: str) -> str:
    """The member's path, normalized; one that leads out of the folder is refused."""
    parts = re.split(r"[/\\]", name)
    if name[:1] in ("/", "\\") or os.path.splitdrive(name)[0] or ".." in parts or "\0" in name:
        expected = "the archive must only hold paths inside its own folder; nothing was unpacked"
        raise ValueError(message(owner, expected, {"member": name}, "Do not trust this archive"))
    return posixpath.normpath(name)


# -- tar


class CountedStream(io.RawIOBase):
    """A decompressed stream of which no more can be read than a size allows, and not much at once.

    Args:
        stream: the decompressed bytes.
        room: how many of them may be read.
        owner: how the file is called in messages.
    """

    def __init__(self, stream: ByteStream, room: int, owner: str):
        self.stream, self.room, self.owner, self.place = stream, room, owner, 0
        self.latest = b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.place

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > MOST_AT_ONCE or self.place + size > self.room:
            self._refuse(size)
        self.latest = data = self.stream.read(size)
        self.place += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        goal = self.place + offset if whence == os.SEEK_CUR else offset
        if goal > self.room:
            self._refuse(goal)
        if goal != self.place:
            self.place = self.stream.seek(goal)
        return self.place

    def _refuse(self, size: int) -> None:
        raise ValueError(
            message(
                self.owner,
                "the archive unpacks to much more than it holds",
                {"bytes": size, "bytes allowed": self.room},
                "Do not trust this archive",
            )
        )

    def close(self) -> None:
        self.stream.close()
        super().close()


class XzStream(io.RawIOBase):
    """What an xz or lzma file holds, read in order; one whose dictionary takes too much memory is refused."""

    def __init__(self, path: Path):
        self.file = open(path, "rb")  # noqa: SIM115
        self._begin(b"")
        self.place = 0

    def read(self, size: int = -1) -> bytes:
        parts: list[bytes] = []
        missing = size
        while missing > 0:
            if self.decoder.eof:
                # Another stream may follow, or a filling of zeros.
                following = (self.decoder.unused_data or self.file.read(CHUNK_BYTES)).lstrip(b"\0")
                if not following:
                    break
                self._begin(following)
            packed, self.waiting = self.waiting, b""
            if self.decoder.needs_input and not packed and not (packed := self.file.read(CHUNK_BYTES)):
                raise EOFError("the compressed file ends too early")
            part = self.decoder.decompress(packed, missing)
            parts.append(part)
            missing -= len(part)
        data = b"".join(parts)
        self.place += len(data)
        return data

    def _begin(self, packed: bytes) -> None:
        """Begins a stream, of which some bytes have been read already."""
        self.decoder, self.waiting = lzma.LZMADecompressor(memlimit=XZ_MEMORY), packed

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if offset < self.place:
            self.file.seek(0)
            self._begin(b"")
            self.place = 0
        while self.place < offset and self.read(min(CHUNK_BYTES, offset - self.place)):
            pass
        return self.place

    def close(self) -> None:
        self.file.close()
        super().close()


def open_unpacked(path: Path, owner: str) -> ByteStream:
    """The bytes of a file, decompressed if it is compressed, and no more than its size allows."""
    with open(path, "rb") as stream:
        start = stream.read(6)
    for magic, opener in ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\0", XzStream), (b"\x5d\0\0", XzStream)):
        if start.startswith(magic):
            return CountedStream(opener(path), room_of(path), owner)
    return open(path, "rb")


def open_gzip(path: Path, owner: str) -> CountedStream:
    """The bytes that a gzip file holds, and no more than its size allows."""
    return CountedStream(gzip.open(path), room_of(path), owner)


def room_of(path: Path) -> int:
    """How many bytes a compressed file may unpack to."""
    return LEAST_UNPACKED + EXPANSION * path.stat().st_size


def is_tar(path: Path, owner: str) -> bool:
    """Whether a file, compressed or not, begins as a tar does."""
    try:
        with open_unpacked(path, owner) as stream, tarfile.open(fileobj=stream, mode="r:"):
            return True
    except (tarfile.TarError, OSError, EOFError, lzma.LZMAError):
        return False


def list_tar_members(owner: str, tar: tarfile.TarFile) -> tuple[list[str], dict[str, tarfile.TarInfo]]:
    """The names of folders, and the members that hold each file's bytes."""
    members: list[tuple[str, tarfile.TarInfo]] = []
    for member in tar:
        take_bytes(TAR_ENTRY_BYTES, member=member.name)
        members.append((check_member_name(owner, member.name), member))
    folders = [name for name, member in members if member.isdir()]
    regular = {name: member for name, member in members if member.isfile()}
    files = dict(regular)
    for name, member in members:
        if member.issym() or member.islnk():
            base = posixpath.dirname(name) if member.issym() else ""
            goal = posixpath.normpath(posixpath.join(base, member.linkname))
            if goal not in regular:
                expected = "the archive must only hold links to files of its own"
                raise ValueError(message(owner, expected, {"member": member.name, "link": member.linkname}))
            files[name] = regular[goal]
        elif not (member.isdir() or member.isfile()):
            raise ValueError(message(owner, "the archive must hold files and folders only", {"member": member.name}))
    return folders, files


def check_end(stream: ByteStream, tar: tarfile.TarFile, owner: str) -> None:
    """Raises where the list of members broke off at something that is none, or where a compressed file's checksum is wrong.

    `tarfile` takes a damaged header for the end, and looks at nothing behind the end.
    """
    if isinstance(stream, CountedStream):
        block = stream.latest  # going back would mean to decompress from the beginning
    else:
        stream.seek(tar.offset)
        block = stream.read(tarfile.BLOCKSIZE)
    if block.strip(b"\0"):
        raise ValueError(message(owner, "the archive is damaged: a member's header is wrong", {"place": tar.offset}))
    while stream.read(CHUNK_BYTES):
        pass


# -- unpacking


def extract_once(archive: Path, folder: Path, formats: tuple[str, ...]) -> None:
    """Unpacks the archive unless the same one has been unpacked in full; a note beside it says so."""
    note = archive.with_name(archive.name + ".extracted")
    state = archive.stat()
    stamp = f"{state.st_size} {state.st_mtime_ns}"
    if folder.is_dir() and note.is_file() and note.read_text() == stamp:
        return
    extract_archive(archive, folder, formats)
    if hasattr(os, "sync"):
        os.sync()  # once for all files, so that the note never outlives what it vouches for
    with replace_file(note) as part:
        part.write_text(stamp)


def extract_archive(path: Path, folder: Path, formats: tuple[str, ...] = ("tar", "zip")) -> None:
    """Unpacks a tar or zip archive. Every name and size is checked before anything is written.

    Each file appears whole or not at all. Links are never made: a link to a file of the archive becomes a copy.
    """
    owner = f"get_file ({path.name})"
    with refusing(owner), budget(owner, path.stat().st_size):
        if "tar" in formats and is_tar(path, owner):
            with open_unpacked(path, owner) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
                folders, members = list_tar_members(owner, tar)
                check_end(stream, tar, owner)
                openers = {name: functools.partial(tar.extractfile, member) for name, member in members.items()}
                sizes = [member.size for member in members.values()]
                unpack(path, folder, folders, openers, sizes)
        elif "zip" in formats and zipfile.is_zipfile(path):
            with open(path, "rb") as stream, open_zip(stream, owner) as zipped:
                folders, infos = list_zip_members(owner, zipped)
                openers = {name: functools.partial(zipped.open, info) for name, info in infos.items()}
                unpack(path, folder, folders, openers, [info.file_size for info in infos.values()])
        else:
            kinds = " or ".join(formats) or "nothing"
            expected = f"the file must be an archive of the kinds that `archive_format` names ({kinds})"
            fix = f"Fetch it without `extract`, or delete {path} if it is damaged"
            raise ValueError(message(owner, expected, {"path": str(path)}, fix))


def unpack(path: Path, folder: Path, folders: list[str], files: Mapping[str, Callable[[], Any]], sizes: list[int]) -> None:
    """Makes the folders and writes the files, once their sizes are known to be what the archive can hold."""
    room = room_of(path)
    if sum(sizes) > room:
        raise ValueError(
            message(
                f"get_file ({path.name})",
                "the archive unpacks to much more than it holds",
                {"bytes": sum(sizes), "bytes allowed": room},
                "Do not trust this archive",
            )
        )
    for name in ["", *folders]:
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name, open_member in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_symlink():
            target.unlink()  # left by another program: what it points to is not ours to overwrite
        with open_member() as source, replace_file(target, sync=False, tidy=False) as part, open(part, "wb") as stream:
            shutil.copyfileobj(source, stream, CHUNK_BYTES)
    for name in {posixpath.dirname(name) for name in files}:
        remove_leftovers(folder / name)


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, owner: str) -> bytes:
    """The bytes of a member, counted before they are unpacked."""
    check_sizes(owner, info)
    take_bytes(info.file_size, member=info.filename)
    return archive.read(info)
