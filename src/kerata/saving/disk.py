"""What a full disk is called."""

import contextlib
import errno
import os
from collections.abc import Generator

from kerata.base.checks import message

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def explain_full_disk(owner: str, path: str | os.PathLike) -> Generator[None]:
    """Turns "no space left on device" into a message that says which file, and that the old one is whole."""
    try:
        yield
    except OSError as error:
        # HDF5 reports the failure of the system's call in its text only.
        number = error.errno or next((n for n in NO_SPACE if f"errno = {n}" in str(error)), None)
        if number not in NO_SPACE:
            raise
        text = message(
            owner,
            "the disk must have room for the file",
            {"path": str(path), "error": os.strerror(number)},
            "Free some space; a file that was there before is unchanged",
        )
        raise OSError(number, text) from error
