"""Files that are written whole or not at all, and what killed writers left of them."""

import contextlib
import errno
import functools
import os
import secrets
import socket
import stat
import time
import zlib
from collections.abc import Generator
from pathlib import Path

from kerata.base.checks import message

PREFIX = ".part-"
# What a process of another machine, or of an earlier version, has not touched for so long is taken for left over.
STALE_SECONDS = 24 * 3600


@contextlib.contextmanager
def replace_file(target: str | os.PathLike[str], sync: bool = True, tidy: bool = True) -> Generator[Path]:
    """Gives a temporary path beside `target`; on leaving, what was written there takes the target's place at once.

    After an exception, a kill or a power cut `target` is the old file or the new one, never a part of either. An existing
    target's mode and owner are kept.

    Args:
        target: the file to make or replace. A link is followed, and what is no file, such as `/dev/null`, written to.
        sync: wait until the disk has the bytes before renaming.
        tidy: remove what killed processes left in the folder.

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "notes.txt"
    >>> with replace_file(path) as part:
    ...     _ = part.write_text("all of it")
    >>> path.read_text(), len(list(path.parent.iterdir()))
    ('all of it', 1)
    """
    named, target = target, Path(os.path.realpath(target))
    before = look_at_target(named, target)
    if before is not None and not stat.S_ISREG(before.st_mode):
        # A device or a pipe is written to, and stays.
        yield target
        return
    if tidy:
        remove_leftovers(target.parent)
    # The suffix stays, because some writers choose the format by it.
    part = target.with_name(f"{PREFIX}{mark_of_process(os.getpid())}-{secrets.token_hex(6)}{target.suffix}")
    with explain_folder(named):
        # Nobody may read what is being written who may not read the target.
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if before is None else 0o600))
    try:
        yield part
        if before is not None:
            keep_owner(part, before)
        if sync:
            with open(part, "rb+") as stream:
                os.fsync(stream.fileno())
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    if sync and os.name == "posix":
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def look_at_target(named: str | os.PathLike[str], target: Path) -> os.stat_result | None:
    """The state of the file that will be replaced, `None` if there is none; a folder in its place is refused."""
    try:
        before = target.stat()
    except OSError:
        return None
    if stat.S_ISDIR(before.st_mode):
        raise IsADirectoryError(errno.EISDIR, message(str(named), "a file cannot take the place of a folder"))
    return before


@contextlib.contextmanager
def explain_folder(named: str | os.PathLike[str]) -> Generator[None]:
    """Says of a folder that is missing, or that cannot be written to, what the user calls it."""
    folder: str = os.path.dirname(os.fspath(named)) or "."
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        text = message(str(named), "the folder must be there", {"folder": folder}, "Make it first")
        raise type(error)(error.errno, text) from None
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        text = message(str(named), "the folder must be one that can be written to", {"folder": folder})
        raise PermissionError(error.errno, text) from None


def keep_owner(part: Path, before: os.stat_result) -> None:
    """Gives a file the owner, the group and the mode that another had, as far as the system lets one."""
    if os.name == "posix":
        now = part.stat()
        for owner, group in ((before.st_uid, -1), (-1, before.st_gid)):
            if (owner if group == -1 else group) != (now.st_uid if group == -1 else now.st_gid):
                with contextlib.suppress(PermissionError):
                    os.chown(part, owner, group)
    # After the owner, since a change of owner takes some bits away.
    os.chmod(part, stat.S_IMODE(before.st_mode))


# What is left over


def remove_leftovers(folder: str | os.PathLike[str]) -> None:
    """Removes what killed processes left of files in a folder; what living ones are writing stays."""
    try:
        with os.scandir(folder or ".") as entries:
            found = [entry for entry in entries if entry.name.startswith(PREFIX)]
    except OSError:
        return
    for entry in found:
        with contextlib.suppress(OSError):
            if is_left_over(entry.name, entry.stat(follow_symlinks=False).st_mtime):
                os.unlink(entry.path)


def is_left_over(name: str, changed: float) -> bool:
    """Whether the process that a name tells of is no more.

    Args:
        name: of a temporary file.
        changed: when it was last written to, in seconds.
    """
    space, _, rest = name.removeprefix(PREFIX).partition("-")
    number = rest.partition("-")[0]
    if space != process_space() or not number.isdigit():
        # A process that cannot be seen from here, on another machine or in another container.
        return time.time() - changed > STALE_SECONDS
    return mark_of_process(int(number)) != "-".join(name.removeprefix(PREFIX).split("-")[:3])


def mark_of_process(number: int) -> str:
    """A process by the space of its number, its number, and when it began, since numbers are used again."""
    return f"{process_space()}-{number}-{began(number)}"


def began(number: int) -> str:
    """When a process began, in the system's ticks, or "0" where the system does not tell; empty for one that is no more."""
    if os.path.exists("/proc/self/stat"):
        try:
            with open(f"/proc/{number}/stat", "rb") as stream:
                # The name in brackets may hold anything; a process that has ended and waits for its parent is in state Z.
                fields = stream.read().rpartition(b")")[2].split()
        except OSError:
            return ""
        return "" if fields[0] in (b"Z", b"X") else fields[19].decode()
    if os.name == "posix":
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            return ""
        except PermissionError:
            pass
    return "0"


@functools.cache
def process_space() -> str:
    """Eight letters for where the numbers of processes mean the same: a machine, or a container on it."""
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    return f"{zlib.crc32(f'{socket.gethostname()} {space}'.encode()):08x}"
