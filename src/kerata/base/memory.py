"""Memory of the process."""

import ctypes
import functools
from collections.abc import Callable


@functools.cache
def _trim() -> Callable[[int], int] | None:
    """`malloc_trim` of glibc; elsewhere there is none."""
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None


def give_back() -> None:
    """Gives what the allocator keeps of freed memory back to the system, where it can be told to.

    >>> give_back()
    """
    trim = _trim()
    if trim is not None:
        trim(0)
