"""Room for programs: a process has a limited number of maps of memory, and dies where one more is needed.

Linux allows 65,530 (`vm.max_map_count`). A compiled program takes three for each of its functions: 40 to 100 in all for a small
network, some 4,500 for the training of EfficientNetB0. So before they run out, programs that were not used for longest are
dropped, and compiled again, or read from disk, if they are wanted again.
"""

import gc
import weakref
from collections.abc import Callable
from typing import Any

import jax

from kerata.base.memory import share_of_maps

# Seconds of compiling after which is looked again. A look takes up to 30 ms.
LOOK_SECONDS = 0.5
# Of the maps that a process may have.
MOST = 0.5
GROWTH = 0.1


class Programs(dict[Any, Any]):
    """Programs that somebody holds on to, so as to find them at once; whoever wants room for others empties it."""

    def __init__(self) -> None:
        super().__init__()
        _held[id(self)] = self


_held: weakref.WeakValueDictionary[int, Programs] = weakref.WeakValueDictionary()


def drop_held() -> None:
    """Empties all that hold programs."""
    for programs in list(_held.values()):
        programs.clear()


class Room:
    """Looks now and then at what programs take.

    Args:
        forget: drops those that were not used for longest, or with `True` all.
    """

    def __init__(self, forget: Callable[[bool], None]):
        self.forget = forget
        self.seconds, self.most = 0.0, MOST

    def after(self, seconds: float) -> None:
        """To be called after some seconds of compiling; makes room where there is little left."""
        self.seconds += seconds
        if self.seconds < LOOK_SECONDS:
            return
        self.seconds = 0.0
        if share_of_maps() < self.most:
            return
        for whole in (False, True):
            self.forget(whole)
            drop_held()
            if whole:
                # Of operations that were called one by one.
                jax.clear_caches()
            gc.collect()
            if share_of_maps() < MOST:
                break
        # What others hold cannot be dropped, and need not be tried each time.
        self.most = max(MOST, share_of_maps() + GROWTH)
