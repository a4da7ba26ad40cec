"""Sorted tables of keys and values, as LevelDB and TensorFlow write them: the index of a checkpoint.

A table ends in a footer that says where its index is; the index says where the blocks are; a block holds keys, each without
what it shares with the one before. Every block has a checksum.
"""

from kerata.base.checks import message
from kerata.base.crc32c import crc32c, mask
from kerata.base.limits import take_bytes
from kerata.base.refusals import FileError, NotReadYet
from kerata.saving.legacy.wire import damaged, read_varint, varint

MAGIC = (0xDB4775248B80FB57).to_bytes(8, "little")
FOOTER_BYTES, HANDLES_BYTES, TRAILER_BYTES = 48, 40, 5
PLAIN, SNAPPY = 0, 1
# Beside its bytes, what a key and its value take.
ENTRY_BYTES = 200


def is_table(tail: bytes) -> bool:
    """Whether the last bytes of a file are those of a table."""
    return tail.endswith(MAGIC)


def read_table(data: bytes, owner: str) -> dict[bytes, bytes]:
    """The keys and values of a table, in order."""
    if len(data) < FOOTER_BYTES or not is_table(data):
        raise FileError(message(owner, "the file is damaged, or no index of a checkpoint", {"last bytes": data[-8:]}))
    footer = data[-FOOTER_BYTES:]
    _, place = read_handle(footer[:HANDLES_BYTES], 0, owner)
    index, _ = read_handle(footer[:HANDLES_BYTES], place, owner)
    found: dict[bytes, bytes] = {}
    last = b""
    for _, handle in read_block(data, index, owner):
        block, _ = read_handle(handle, 0, owner)
        for key, value in read_block(data, block, owner):
            if found and key <= last:
                raise damaged(owner, "its keys are not in order")
            found[key] = value
            last = key
    return found


def read_handle(data: bytes, place: int, owner: str) -> tuple[tuple[int, int], int]:
    """Where a block begins and how long it is; and the place behind that."""
    start, place = read_varint(data, place, owner)
    size, place = read_varint(data, place, owner)
    return (start, size), place


def read_block(data: bytes, handle: tuple[int, int], owner: str) -> list[tuple[bytes, bytes]]:
    """The keys and values of a block."""
    start, size = handle
    end = start + size
    if end + TRAILER_BYTES > len(data) - FOOTER_BYTES or size < 4:
        raise damaged(owner, "a block of it is not there")
    kind, checksum = data[end], int.from_bytes(data[end + 1 : end + TRAILER_BYTES], "little")
    if mask(crc32c(memoryview(data)[start : end + 1])) != checksum:
        raise damaged(owner, "a block of it is not what was written")
    if kind != PLAIN:
        known = "packed with Snappy" if kind == SNAPPY else "packed"
        raise NotReadYet(message(owner, f"an index that is {known} is not read", {"kind": kind}))
    return read_entries(data[start:end], owner)


def read_entries(block: bytes, owner: str) -> list[tuple[bytes, bytes]]:
    """The keys and values in the bytes of a block."""
    restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 - 4 * restarts
    if end < 0:
        raise damaged(owner, "a block of it is too short")
    found: list[tuple[bytes, bytes]] = []
    place, key = 0, b""
    while place < end:
        shared, place = read_varint(block, place, owner)
        own, place = read_varint(block, place, owner)
        size, place = read_varint(block, place, owner)
        if shared > len(key) or own + size > end - place:
            raise damaged(owner, "a key of it is longer than what is there")
        # A long key may be shared by many short entries.
        take_bytes(shared + own + size + ENTRY_BYTES)
        key = key[:shared] + block[place : place + own]
        place += own
        found.append((key, block[place : place + size]))
        place += size
    return found


# Writing

BLOCK_BYTES, RESTART = 4096, 16


def write_table(entries: dict[bytes, bytes]) -> bytes:
    """A table of keys and values.

    >>> read_table(write_table({b"b": b"1", b"a": b"2"}), "x")
    {b'a': b'2', b'b': b'1'}
    """
    data, handles = bytearray(), {}
    group: dict[bytes, bytes] = {}
    ordered = sorted(entries.items())
    for place, (key, value) in enumerate(ordered):
        group[key] = value
        if sum(len(k) + len(v) for k, v in group.items()) >= BLOCK_BYTES or place == len(ordered) - 1:
            handles[key] = append_block(data, group)
            group = {}
    beside = append_block(data, {})
    index = append_block(data, handles)
    return bytes(data) + (beside + index).ljust(HANDLES_BYTES, b"\0") + MAGIC


def append_block(data: bytearray, entries: dict[bytes, bytes]) -> bytes:
    """Writes a block behind what is there, and gives where it is."""
    block, restarts = bytearray(), []
    for place, (key, value) in enumerate(entries.items()):
        if place % RESTART == 0:
            restarts.append(len(block))
        # Keys are written whole, which readers take as sharing nothing.
        block += varint(0) + varint(len(key)) + varint(len(value)) + key + value
    for restart in restarts or [0]:
        block += restart.to_bytes(4, "little")
    block += len(restarts or [0]).to_bytes(4, "little")
    start, size = len(data), len(block)
    block.append(PLAIN)
    data += block + mask(crc32c(block)).to_bytes(4, "little")
    return varint(start) + varint(size)
