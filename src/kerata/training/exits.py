"""Daemon threads that train while the process ends.

Python stops such a thread at the moment at which it comes back from compiled code, and the way out through C++ that it then
takes aborts the process. So the end of the process waits until each of them is between two programs, where it stays.
"""

import atexit
import contextlib
import threading
from collections.abc import Callable, Generator, Iterator
from functools import wraps
from typing import Any, ParamSpec, TypeVar

# What hangs in a program or in a user's generator must not keep the process for ever.
LONGEST_SECONDS = 10.0

_condition = threading.Condition()
_busy = [0]
_ending = threading.Event()
_never = threading.Event()
_inside = threading.local()

P = ParamSpec("P")
R = TypeVar("R")


@contextlib.contextmanager
def busy() -> Generator[None]:
    """Around what a daemon thread computes; at the end of the process it does not begin any more."""
    if not threading.current_thread().daemon or getattr(_inside, "busy", False):
        yield
        return
    _enter()
    try:
        yield
    finally:
        _leave()


@contextlib.contextmanager
def idle() -> Generator[None]:
    """Around a daemon thread's waiting for another one, within `busy`."""
    waits = getattr(_inside, "busy", False)
    if waits:
        _leave()
    try:
        yield
    finally:
        if waits:
            _enter()


def each(items: Iterator[Any]) -> Iterator[Any]:
    """The items, each made within `busy` and handed on outside of it."""
    while True:
        with busy():
            item = next(items, _never)
        if item is _never:
            return
        yield item


def busily(method: Callable[P, R]) -> Callable[P, R]:
    """A method that is `busy` from its beginning to its end."""

    @wraps(method)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        if not threading.current_thread().daemon:
            return method(*args, **kwargs)
        with busy():
            return method(*args, **kwargs)

    return wrapped


def pause() -> None:
    """Between two programs: where the process is ending, a daemon thread goes no further."""
    if _ending.is_set():
        with idle():
            pass


def _enter() -> None:
    with _condition:
        if not _ending.is_set():
            _busy[0] += 1
            _inside.busy = True
            return
    _never.wait()


def _leave() -> None:
    _inside.busy = False
    with _condition:
        _busy[0] -= 1
        _condition.notify_all()


def _end() -> None:
    with _condition:
        _ending.set()
        _condition.wait_for(lambda: _busy[0] == 0, LONGEST_SECONDS)


atexit.register(_end)
