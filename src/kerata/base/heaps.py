"""Collections of texts in HDF5 files, walked before HDF5 does.

Texts of any length stand apart from what names them, in collections. HDF5 goes from text to text by the sizes that the file
gives, without an end where one is zero: a part of a file that was overwritten, or a file made so, would stop the program that
opens it. So these sizes are looked at first, in the bytes alone.
"""

import mmap
from collections.abc import Callable
from typing import cast

from kerata.base.checks import message
from kerata.base.refusals import FileError
from kerata.base.types import ByteStream, PathLike

# A collection begins so: a mark, the version, three bytes, the size in eight bytes.
HEAP, VERSION, MARKED = b"GCOL", 1, 16
# Each text has a head: its number, how often it is named, four bytes, its size. Number 0 is what is free, its head included.
TEXT_HEAD, ALIGNED = 16, 8
# How much of a stream is looked at in one piece.
PART = 2**22


def longest_heap(source: PathLike | ByteStream, owner: str) -> int:
    """The size in bytes of the largest collection of texts in a file.

    Args:
        source: a path, or a binary file object, whose place is left as it was.
        owner: how the file is called in messages.

    Raises:
        FileError: free room in a collection is smaller than its own head, or collections lie one in the other.
    """
    if hasattr(source, "read"):
        stream = cast(ByteStream, source)
        place = stream.tell()
        try:
            return Heaps(stream.seek(0, 2), lambda start, size: read_at(stream, start, size), owner).walk()
        finally:
            stream.seek(place)
    with open(cast(PathLike, source), "rb") as file:
        total = file.seek(0, 2)
        if not total:
            return 0
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return Heaps(total, lambda start, size: content[start : start + size], owner).walk()


def read_at(stream: ByteStream, start: int, size: int) -> bytes:
    stream.seek(start)
    return stream.read(size)


class Heaps:
    """The collections of texts in the bytes of a file.

    Args:
        total: bytes of the file.
        read: the bytes from a place on, as many as asked for or as there are.
        owner: how the file is called in messages.
    """

    def __init__(self, total: int, read: Callable[[int, int], bytes], owner: str):
        self.total, self.read, self.owner = total, read, owner
        self.longest = self.steps = 0

    def walk(self) -> int:
        """The size of the largest, once each was walked from text to text."""
        for start in range(0, self.total, PART):
            # A mark may lie across the border of two pieces.
            part = self.read(start, PART + len(HEAP) - 1)
            place = part.find(HEAP)
            while place >= 0:
                self._look(start + place)
                place = part.find(HEAP, place + 1)
        return self.longest

    def _look(self, start: int) -> None:
        head = self.read(start, MARKED)
        size = int.from_bytes(head[8:], "little") if len(head) == MARKED and head[4] == VERSION else 0
        if MARKED < size <= self.total - start:
            self.longest = max(self.longest, size)
            self._check(self.read(start, size), start)

    def _check(self, heap: bytes, start: int) -> None:
        place = MARKED
        while place + TEXT_HEAD <= len(heap):
            number, length = (
                int.from_bytes(heap[place : place + 2], "little"),
                int.from_bytes(heap[place + 8 : place + 16], "little"),
            )
            if number == 0 and length < TEXT_HEAD:
                self._refuse("a collection of texts holds what has no size", start + place, length)
            place += length if number == 0 else TEXT_HEAD + -(-length // ALIGNED) * ALIGNED
            self.steps += 1
            # Collections side by side have no more texts than this.
            if self.steps > self.total // TEXT_HEAD:
                self._refuse("collections of texts lie one in the other", start, len(heap))

    def _refuse(self, what: str, place: int, size: int) -> None:
        raise FileError(message(self.owner, f"the file is damaged: {what}", {"place": place, "size": size}))
