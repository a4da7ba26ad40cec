"""Makers that make each thing of an era once."""

from collections.abc import Callable
from typing import Any

# Things that are made once for an era: classes above all, so that `isinstance` holds.
_made: dict[tuple[str, str, str], Any] = {}


def once(make: Callable[[str, str], Any]) -> Callable[[str, str], Any]:
    """A maker that makes each thing of an era once."""

    def get(era: str, name: str) -> object:
        key = (era, make.__name__, name)
        if key not in _made:
            _made[key] = make(era, name)
        return _made[key]

    return get
