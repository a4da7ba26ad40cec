"""What holds for one thread inside a `with` block."""

import threading
from typing import Any

from kerata.base.types import is_list

_ambient: list[threading.local] = []


def ambient() -> threading.local:
    """A `threading.local` for what holds within blocks: lists that grow and shrink with them, and values."""
    local = threading.local()
    _ambient.append(local)
    return local


class Within:
    """Sets attributes of a `threading.local` for the length of a block; then they are as before it.

    >>> local = threading.local()
    >>> with Within(local, depth=1):
    ...     with Within(local, depth=2):
    ...         local.depth
    ...     local.depth
    2
    1
    >>> hasattr(local, "depth")
    False
    """

    def __init__(self, local: threading.local, **values: object):
        self.local = local
        self.values = values
        self.before: dict[str, Any] = {}

    def __enter__(self) -> None:
        held = self.local.__dict__
        self.before = {name: held[name] for name in self.values if name in held}
        held.update(self.values)

    def __exit__(self, *_: object) -> None:
        held = self.local.__dict__
        for name in self.values:
            held.pop(name, None)
        held.update(self.before)


class Restoring:
    """Where an exception leaves the block, all that is ambient is as it was before it.

    A handler of a signal may raise at any place, also where another block has just begun or is about to end.

    >>> local = ambient()
    >>> local.names = []
    >>> try:
    ...     with Restoring():
    ...         local.names.append("block")
    ...         raise KeyboardInterrupt
    ... except KeyboardInterrupt:
    ...     local.names
    []
    """

    def __enter__(self) -> None:
        self.before: list[dict[str, tuple[Any, list[Any] | None]]] = [
            {name: (value, list(value) if is_list(value) else None) for name, value in local.__dict__.items()}
            for local in _ambient
        ]

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            return
        for local, before in zip(_ambient, self.before, strict=False):
            held = local.__dict__
            for name, value in list(held.items()):
                if name not in before and not isinstance(value, list):
                    del held[name]
                elif name not in before:
                    value.clear()
            for name, (value, items) in before.items():
                held[name] = value
                if items is not None:
                    value[:] = items
