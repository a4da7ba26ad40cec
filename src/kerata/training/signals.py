"""Signals wait while a model's arrays are under way.

Between a program's call and the taking over of its results the old arrays are gone and the new ones are not there yet. A
handler that raises there (Ctrl-C's does, and so does one that turns SIGTERM into an exit) would leave a model without
weights. So every handler of Python's, whichever signal it is for, waits until the results are in place, and is then
called as it is. Signals that are ignored, or that end the process at once, are left alone.
"""

import _signal  # type: ignore[import-not-found] # the functions below without making an enumeration of each number, in a thirtieth of the time
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

NUMBERS = tuple(sorted(int(number) for number in signal.valid_signals()))


class Waiting:
    """The handlers of some signals, which wait until they are released.

    A handler may raise while the others are being put back; one that is not back yet then hands on what it gets.
    """

    def __init__(self) -> None:
        self.handlers: dict[int, Callable[[int, FrameType | None], Any]] = {}
        self.asked: list[int] = []
        self.released = False

    def hold(self) -> None:
        for number in NUMBERS:
            handler = _signal.getsignal(number)
            if callable(handler):
                self.handlers[number] = handler
                _signal.signal(number, self._receive)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.released:
            self.handlers[number](number, frame)
        else:
            self.asked.append(number)

    def release(self) -> None:
        """Puts the handlers back, and calls those that were asked for meanwhile."""
        self.released = True
        try:
            for number, handler in self.handlers.items():
                # Not one that the block itself has set.
                if _signal.getsignal(number) == self._receive:
                    _signal.signal(number, handler)
            while self.asked:
                signal.raise_signal(self.asked.pop(0))
        except BaseException:
            self.release()
            raise


class uninterrupted:
    """`with uninterrupted(): ...`: Python's handlers of signals wait until the block is done.

    Handlers run in the main thread only, so other threads have nothing to wait for.
    """

    __slots__ = ("waiting",)

    def __enter__(self) -> None:
        self.waiting = None
        if threading.current_thread() is threading.main_thread():
            self.waiting = Waiting()
            try:
                self.waiting.hold()
            except BaseException:
                self.waiting.release()
                raise

    def __exit__(self, *exc_info: Any) -> None:
        if self.waiting is not None:
            self.waiting.release()
