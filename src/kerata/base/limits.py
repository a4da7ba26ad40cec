"""How much memory the weights of a model may take while a file describes it.

A description of a few bytes can ask for a layer of any size. A file of weights cannot hold more than it has bytes, so a
description that asks for much more is refused before anything is allocated.
"""

import contextlib
import math
import threading
from collections.abc import Iterator, Sequence

from kerata.base.checks import message

_local = threading.local()


@contextlib.contextmanager
def budget(room: int, owner: str) -> Iterator[None]:
    """Within the block, weights of at most `room` bytes can be made; `owner` names the file in the message."""
    before = getattr(_local, "budget", None)
    _local.budget = [room, owner]
    try:
        yield
    finally:
        _local.budget = before


def take_room(shape: Sequence[int], item_bytes: int, path: str) -> None:
    """Counts a new weight, and raises `ValueError` where it is more than the file can hold."""
    current = getattr(_local, "budget", None)
    if current is None:
        return
    current[0] -= math.prod(shape) * item_bytes
    if current[0] < 0:
        raise ValueError(message(current[1], "the description asks for weights that the file does not hold",
                                 {"weight": path, "shape": tuple(shape)}, "Do not trust this file"))
