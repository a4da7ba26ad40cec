"""Files that are refused: whatever is wrong with one, its reader raises one kind of error, and that names the file."""

import contextlib
import errno
import traceback
from collections.abc import Generator
from pathlib import Path

from kerata.base.checks import message
from kerata.base.interrupts import hand_on

# What is the matter with the disk or the path, and not with the file's content.
NOT_OF_CONTENT = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
# What wrong offsets in a file make of the system's calls.
OF_CONTENT = (None, errno.EINVAL, errno.EOVERFLOW, errno.ESPIPE)
MOST_LETTERS = 2000


class FileError(ValueError):
    """A file, or a description, that is damaged, hostile, or not what it should be."""


class MissingFile(FileNotFoundError, ValueError):
    """A file that is not there. Keras raises `ValueError` for it, so programs may catch either."""


def nothing_there(path: Path) -> str:
    """What is not there of a path: the file, or its folder already."""
    here = path.parent
    return "there is no such file" if here.is_dir() else f"there is no such file, nor its folder {str(here)!r}"


class UnknownInFile(FileError, TypeError):
    """A file that names or holds something of a wrong kind, e.g. a class that is not registered."""


class NotReadYet(FileError, NotImplementedError):
    """A file of a kind that is known and not read."""


@contextlib.contextmanager
def refusing(owner: str) -> Generator[None]:
    """Within the block every error that a file's content can cause becomes a `FileError` that names the file.

    Errors of the disk and of the path pass as they are, and so do warnings that a user has turned into errors.
    """
    try:
        yield
    except NOT_OF_CONTENT:
        raise
    except Exception as error:
        hand_on(error)
        if isinstance(error, Warning) or (isinstance(error, OSError) and error.errno not in OF_CONTENT):
            raise
        if isinstance(error, FileError):
            # Whoever keeps the error must not keep what had been read before it.
            traceback.clear_frames(error.__traceback__)
            if names(error, owner):
                raise
        raise refusal(owner, error) from error


def names(error: Exception, owner: str) -> bool:
    """Whether an error says already which file it is about, or which part of it: `load_data (x.npz, y.npy)`."""
    return str(error).startswith(owner.rstrip(")"))


def refusal(owner: str, error: Exception, expected: str = "the file is damaged, or not what its name says") -> FileError:
    """The error that names the file, for one that may not. `expected` is said where the error is a stray one of Python."""
    text = str(error)
    if len(text) > MOST_LETTERS:
        text = text[:MOST_LETTERS] + "..."
    spoken = isinstance(error, (ValueError, TypeError, NotImplementedError)) and not isinstance(error, UnicodeError)
    if not spoken:
        received = {"error": f"{type(error).__name__}: {text}"}
        text = message(owner, expected, received)
    elif not names(error, owner):
        text = f"{owner}: {text}"
    kind = next(
        (own for own, base in ((UnknownInFile, TypeError), (NotReadYet, NotImplementedError)) if isinstance(error, base)),
        FileError,
    )
    refused = kind(text)
    for note in getattr(error, "__notes__", ()):
        refused.add_note(note)
    return refused
