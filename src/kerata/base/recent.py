"""Tables of what was used lately, and of what is there."""

import functools
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K")
T = TypeVar("T")


def while_there(function: Callable[[K], T]) -> Callable[[K], T]:
    """Like `functools.cache`, for classes and functions of a user's: neither they nor what they close over are kept alive.

    Args:
        function: of one class or function, which its results do not hold.

    >>> @while_there
    ... def name_of(cls):
    ...     print("looked")
    ...     return cls.__name__
    >>> name_of(Recent), name_of(Recent)
    looked
    ('Recent', 'Recent')
    """
    found: weakref.WeakKeyDictionary[K, T] = weakref.WeakKeyDictionary()

    @functools.wraps(function)
    def find(key: K) -> T:
        try:
            return found[key]
        except KeyError:
            pass
        found[key] = value = function(key)
        return value

    return find


class Recent(Generic[T]):
    """A table that forgets what was not used for longest.

    Args:
        capacity: how many entries there are at most.

    >>> table = Recent(2)
    >>> for key in "aba":
    ...     table.keep(key, key * 2)
    >>> table.keep("c", "cc")
    >>> table.find("a"), table.find("b")
    ('aa', None)
    """

    def __init__(self, capacity: int):
        self._capacity = capacity
        self._entries: OrderedDict[Hashable, T] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._entries

    def values(self) -> list[T]:
        """All entries, the one that was used last at the end."""
        return list(self._entries.values())

    def find(self, key: Hashable) -> T | None:
        """The entry of a key, `None` where there is none."""
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
        return found

    def keep(self, key: Hashable, value: T) -> None:
        """Enters a value, as the one that was used last."""
        self._entries[key] = value
        self._entries.move_to_end(key)
        while len(self._entries) > self._capacity:
            self._entries.popitem(last=False)

    def drop(self, count: int) -> None:
        """Forgets some entries, those that were not used for longest."""
        for _ in range(min(count, len(self._entries))):
            self._entries.popitem(last=False)

    def clear(self) -> None:
        """Forgets everything."""
        self._entries.clear()
