"""Signals wait while a model's arrays are under way.

Between a program's call and the taking over of its results the old arrays are gone and the new ones are not there yet. A
handler that raises there (Ctrl-C's does, and so does one that turns SIGTERM into an exit) would leave a model without
weights. So every handler of Python's, whichever signal it is for, waits until the results are in place, and is then
called as it is. Signals that are ignored, or that end the process at once, are left alone.

What a handler raises is lost where Python cannot hand it on: JAX has a callback for the collection of garbage, and Ctrl-C
within it would let a long training go on. There a handler is called a little later (`heard`), and once more where its
exception was lost all the same. It waits too while Python takes or gives back a lock of its own (that of imports, or that of
a condition): an exception between the taking and the block that gives it back would leave it taken, and all other threads
wait for ever. And it waits while JAX itself is at work: its compiled parts call Python (to compare, to hash, to take apart),
and an exception that they do not expect there ends the process (docs/findings.md). In a user's own code within a trace, which
may never end, a handler is called as ever.
"""

# Python says no types of `_signal`.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

import _signal  # type: ignore[import-not-found] # the functions below without an enumeration for each number: 30 times faster
import _weakrefset
import contextlib
import gc
import signal
import sys
import threading
import weakref
from collections.abc import Callable
from functools import wraps
from types import FrameType
from typing import Any, ParamSpec, TypeVar

from kerata.base.blocks import Restoring
from kerata.base.interrupts import note

# Seconds after which a handler that could not raise is called again.
AGAIN_SECONDS = 0.02
# Files with callbacks of weak references.
LOST = frozenset(str(module.__file__) for module in (weakref, _weakrefset))
# The first parts of names of modules in which JAX is at work.
AT_WORK = frozenset({"jax", "jaxlib"})
# Modules of which the caller says at what they work; a named tuple's constructor stands in one of its own.
BETWEEN = sys.stdlib_module_names
NAMED_TUPLE = "namedtuple_"
IMPORTING = "<frozen importlib._bootstrap"
# Functions of `threading` between which a lock is held and nobody has promised to give it back; to wait for one may take long.
LOCKING = frozenset(
    {"__enter__", "__exit__", "acquire", "release", "notify", "notify_all", "_acquire_restore", "_release_save"}
)
NUMBERS = tuple(sorted(int(number) for number in signal.valid_signals()))

P = ParamSpec("P")
R = TypeVar("R")


def handlers_of_python() -> list[tuple[int, Any]]:
    """(number, handler) of each signal whose handler is Python's.

    Asked before each program that is run: what was found last is compared at once, and not one by one.
    """
    global _last
    found = list(map(_signal.getsignal, NUMBERS))
    if _last[0] != found:
        _last = found, [(number, handler) for number, handler in zip(NUMBERS, found, strict=True) if callable(handler)]
    return _last[1]


_last: tuple[list[Any], list[tuple[int, Any]]] = ([], [])


class Waiting:
    """The handlers of some signals, which wait until they are released.

    A handler may raise while the others are being put back; one that is not back yet then hands on what it gets.
    """

    def __init__(self) -> None:
        self.handlers: dict[int, Callable[[int, FrameType | None], Any]] = {}
        self.asked: list[int] = []
        self.released = False

    def hold(self) -> None:
        for number, handler in handlers_of_python():
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

    def __exit__(self, *exc_info: object) -> None:
        if self.waiting is not None:
            self.waiting.release()


class _Heard:
    """The handlers of Ctrl-C and SIGTERM for the time of a call, outermost of such calls."""

    numbers = (int(signal.SIGINT), int(signal.SIGTERM))
    inside = False

    def __init__(self) -> None:
        self.handlers: dict[int, Callable[[int, FrameType | None], Any]] = {}
        # What a handler raised last, by which signal.
        self.raised: tuple[BaseException, int] | None = None
        self.hook = sys.unraisablehook
        # What is to be called again.
        self.waiting: list[int] = []

    def hold(self) -> None:
        _Heard.inside = True
        sys.unraisablehook = self.lose
        for number in self.numbers:
            handler = _signal.getsignal(number)
            if callable(handler):
                self.handlers[number] = handler
                _signal.signal(number, self.receive)

    def receive(self, number: int, frame: FrameType | None) -> None:
        if cannot_raise(frame):
            self.again(number)
            return
        try:
            self.handlers[number](number, frame)
        except BaseException as error:
            self.raised = error, number
            note(error)
            raise

    def again(self, number: int) -> None:
        self.waiting.append(number)
        timer = threading.Timer(AGAIN_SECONDS, self.send)
        timer.daemon = True
        timer.start()

    def send(self) -> None:
        with contextlib.suppress(IndexError):
            send(self.waiting.pop())

    def lose(self, unraisable: "sys.UnraisableHookArgs") -> None:
        """What Python calls with an exception that it cannot hand on: that of a handler was raised where nobody sees it."""
        if self.raised is not None and unraisable.exc_value is self.raised[0]:
            self.again(self.raised[1])
        else:
            self.hook(unraisable)

    def release(self) -> None:
        """Puts the handlers back, and calls those that have waited."""
        _Heard.inside = False
        self.raised = None
        note(None)
        if sys.unraisablehook == self.lose:
            sys.unraisablehook = self.hook
        for number, handler in self.handlers.items():
            if _signal.getsignal(number) == self.receive:
                _signal.signal(number, handler)
        while self.waiting:
            with contextlib.suppress(IndexError):
                signal.raise_signal(self.waiting.pop())


def cannot_raise(frame: FrameType | None) -> bool:
    """Whether an exception would be lost, or do harm.

    It is lost in a callback of the garbage collector or a weak reference, and in a `__del__`.
    """
    if takes_lock(frame) or in_jax(frame):
        return True
    callbacks = {code for each in gc.callbacks if (code := getattr(each, "__code__", None)) is not None}
    while frame is not None:
        if frame.f_code in callbacks or frame.f_code.co_name == "__del__" or frame.f_code.co_filename in LOST:
            return True
        frame = frame.f_back
    return False


def takes_lock(frame: FrameType | None) -> bool:
    """Whether Python itself is taking or giving back a lock: the import system's, or one of a condition."""
    if frame is None:
        return False
    code = frame.f_code
    return code.co_filename.startswith(IMPORTING) or (code.co_filename == threading.__file__ and code.co_name in LOCKING)


def in_jax(frame: FrameType | None) -> bool:
    """Whether JAX is at work, rather than somebody's code that it calls."""
    while frame is not None:
        name = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if name in AT_WORK:
            return True
        if name not in BETWEEN and not name.startswith(NAMED_TUPLE):
            return False
        frame = frame.f_back
    return False


def send(number: int) -> None:
    """Sends a signal to the main thread, which may be waiting."""
    if hasattr(signal, "pthread_kill"):
        with contextlib.suppress(ProcessLookupError):
            signal.pthread_kill(threading.main_thread().ident or 0, number)
    else:
        signal.raise_signal(number)


def heard(method: Callable[P, R]) -> Callable[P, R]:
    """A function within which Ctrl-C and SIGTERM reach their handlers whatever is going on when they come."""

    @wraps(method)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        if _Heard.inside or threading.current_thread() is not threading.main_thread():
            return method(*args, **kwargs)
        signals = _Heard()
        try:
            signals.hold()
            with Restoring():
                return method(*args, **kwargs)
        finally:
            signals.release()

    return wrapped
