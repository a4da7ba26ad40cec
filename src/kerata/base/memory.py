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


def share_of_maps() -> float:
    """How many of the maps of memory that a process may have are taken, from 0 to 1; 0 where the system does not say.

    >>> 0 <= share_of_maps() < 1
    True
    """
    try:
        with open("/proc/sys/vm/max_map_count", "rb") as file:
            most = int(file.read())
        with open("/proc/self/maps", "rb") as file:
            return sum(1 for _ in file) / most
    except (OSError, ValueError):
        return 0.0


def give_back() -> None:
    """Gives what the allocator keeps of freed memory back to the system, where it can be told to.

    >>> give_back()
    """
    trim = _trim()
    if trim is not None:
        trim(0)
