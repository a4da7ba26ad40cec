"""The checksum of TensorFlow's files: CRC-32C (Castagnoli), of many pieces side by side.

The remainder of a division is linear, so that of a long text is put together from those of its pieces: `crc(a + b)` is `crc(a)`
moved on by the length of `b`, xor `crc(b)`. Moving on is a matrix of bits, kept as four tables of a byte each.
"""

import functools

import numpy as np

POLYNOMIAL = 0x82F63B78
# TensorFlow turns and moves checksums, because those of what holds a checksum are weak.
MASK_DELTA = 0xA282EAD8
ONES = 0xFFFFFFFF
# Bytes of a piece; below so many, one piece is as fast.
PIECE_BYTES, LEAST_BYTES = 512, 4096


def _make_table() -> np.ndarray:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(POLYNOMIAL), table >> 1).astype(np.uint32)
    return table


TABLE = _make_table()
PLAIN_TABLE = TABLE.tolist()


def crc32c(data: bytes | bytearray | memoryview) -> int:
    """The checksum of some bytes.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    view = memoryview(data)
    pieces = len(view) // PIECE_BYTES if len(view) >= LEAST_BYTES else 0
    state = ONES
    if pieces:
        state = _whole_pieces(np.frombuffer(view[: pieces * PIECE_BYTES], np.uint8).reshape(pieces, PIECE_BYTES))
    for byte in view[pieces * PIECE_BYTES :]:
        state = (state >> 8) ^ PLAIN_TABLE[(state ^ byte) & 255]
    return state ^ ONES


def mask(checksum: int) -> int:
    """A checksum as files hold it."""
    return ((checksum >> 15 | checksum << 17) + MASK_DELTA) & ONES


def _whole_pieces(pieces: np.ndarray) -> int:
    """The state after some pieces of one length."""
    states = np.zeros(len(pieces), np.uint32)
    states[0] = ONES
    for column in np.ascontiguousarray(pieces.T):
        states = (states >> np.uint32(8)) ^ TABLE[(states ^ column) & np.uint32(255)]
    level = 0
    while len(states) > 1:
        # A piece of nothing before the first changes no remainder.
        if len(states) % 2:
            states = np.concatenate([np.zeros(1, np.uint32), states])
        states = _move(_mover(level), states[0::2]) ^ states[1::2]
        level += 1
    return int(states[0])


def _move(mover: np.ndarray, states: np.ndarray) -> np.ndarray:
    """States moved on by the length that a mover stands for: a table for each of their bytes."""
    found = mover[0][states & np.uint32(255)]
    for byte in (1, 2, 3):
        found = found ^ mover[byte][(states >> np.uint32(8 * byte)) & np.uint32(255)]
    return found


@functools.cache
def _mover(level: int) -> np.ndarray:
    """The tables that move a state on by 2^level pieces of zeros. Shape (4, 256)."""
    values = np.arange(256, dtype=np.uint32)
    found = np.stack([values << np.uint32(8 * byte) for byte in range(4)])
    if level:
        return _move(_mover(level - 1), _move(_mover(level - 1), found))
    for _ in range(PIECE_BYTES):
        found = (found >> np.uint32(8)) ^ TABLE[found & np.uint32(255)]
    return found
