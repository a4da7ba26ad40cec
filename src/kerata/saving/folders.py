"""Models as folders: what a `.keras` file holds, as files of their own."""

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from kerata.base.archives import check_member_name
from kerata.base.limits import take_bytes
from kerata.base.replacing import replace_file
from kerata.saving.members import CONFIG, WEIGHTS


@dataclass(frozen=True)
class FolderMember:
    """A file in a folder, in the form of a zip's member."""

    filename: str
    path: Path
    file_size: int

    def is_dir(self) -> bool:
        return False


class Folder:
    """The files of a folder, in the form of a zip. Links are no part of it.

    Args:
        path: of the folder.
        owner: how it is called in messages.
    """

    def __init__(self, path: Path, owner: str):
        self.members: dict[str, FolderMember] = {}
        for place, _, names in os.walk(path):
            for name in names:
                file = Path(place, name)
                if file.is_symlink() or not file.is_file():
                    continue
                take_bytes(200)
                inner = check_member_name(owner, file.relative_to(path).as_posix())
                self.members[inner] = FolderMember(inner, file, file.stat().st_size)

    def open(self, member: FolderMember) -> IO[bytes]:
        """A file, to be read."""
        return open(member.path, "rb")

    def read(self, member: FolderMember) -> bytes:
        """All bytes of a file."""
        return member.path.read_bytes()


def is_model_folder(names: list[str]) -> bool:
    """Whether a folder with files of these names is a model."""
    return CONFIG in names and WEIGHTS in names


def size_of_folder(path: Path) -> int:
    """How many bytes the files of a folder have."""
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file() and not file.is_symlink())


def unpack(archive: zipfile.ZipFile, folder: Path) -> None:
    """Writes the members of a zip that this process has made into a folder, each file whole or not at all."""
    folder.mkdir(exist_ok=True)
    # The description comes last: what is there before is what it describes.
    for info in sorted(archive.infolist(), key=lambda info: info.filename == CONFIG):
        path = folder / info.filename
        path.parent.mkdir(parents=True, exist_ok=True)
        with replace_file(path) as part, open(part, "wb") as stream, archive.open(info) as member:
            while block := member.read(2**24):
                stream.write(block)
