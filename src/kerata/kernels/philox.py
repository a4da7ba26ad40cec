"""The numbers of TensorFlow's random operations on a CPU, computed on the host.

The generator is Philox 4x32 of ten rounds: block n is four words that it makes of a key and of a counter plus n. Source:
Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011; `random_distributions.h` and
`stateless_random_ops_v2_util.h` of TensorFlow 2.21 for what is made of the words.
"""

import math
from typing import NamedTuple

import numpy as np

LOW, WIDE = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF
# What the keys of stateless operations are mixed with.
MIXING = 0x02461E293EC8F720
# TensorFlow leaves room for so many words of each number: the next operation begins after them.
WORDS_OF_NUMBER = 256
# Blocks for each four numbers that are looked at first, of a distribution that is cut off.
TRIES = 2
# Blocks are made so many at a time, while they are in the processor's cache.
BLOCK = 2**13


# A seed of two numbers, or a state.
Key = tuple[int, ...]


class State(NamedTuple):
    """Where a generator stands: a key of 64 bits, and the lower and the upper half of a counter of 128."""

    key: int
    low: int = 0
    high: int = 0

    def after(self, blocks: int) -> "State":
        """The state so many blocks further on."""
        low = self.low + blocks
        return State(self.key, low & WIDE, (self.high + (low >> 64)) & WIDE)


def from_seeds(one: int, two: int) -> State:
    """The state of an operation with state, from the seed of all and its own."""
    return State(one & WIDE, 0, two & WIDE)


def from_pair(one: int, two: int) -> State:
    """The state of an operation without state, from its seed of two numbers.

    >>> hex(from_pair(1, 2).key)
    '0x908502c96d2f7fba'
    """
    a, b, c, d = blocks(State(MIXING, one & WIDE, two & WIDE), np.zeros(1, np.uint64))[0].tolist()
    return State(a | b << 32, 0, c | d << 32)


def state_of(key: Key) -> State:
    """The state that a key stands for."""
    return key if isinstance(key, State) else from_pair(key[0], key[1])


def blocks(state: State, places: np.ndarray) -> np.ndarray:
    """The blocks of some numbers, uint64 of shape (count,): uint32 of shape (count, 4)."""
    places = places + np.uint64(state.low)
    carried = (places < np.uint64(state.low)).astype(np.uint64) + np.uint64(state.high)
    low = np.uint64(LOW)
    a, b, c, d = places & low, places >> np.uint64(32), carried & low, carried >> np.uint64(32)
    one, two = state.key & LOW, state.key >> 32
    for _ in range(10):
        left, right = np.uint64(0xD2511F53) * a, np.uint64(0xCD9E8D57) * c
        a = (right >> np.uint64(32)) ^ b ^ np.uint64(one)
        c = (left >> np.uint64(32)) ^ d ^ np.uint64(two)
        b, d = right & low, left & low
        one, two = (one + 0x9E3779B9) & LOW, (two + 0xBB67AE85) & LOW
    return np.stack([a, b, c, d], 1).astype(np.uint32)


def words(state: State, count: int) -> np.ndarray:
    """The first words, uint32 of shape (count,)."""
    number = -(-count // 4)
    ends = [(first, min(first + BLOCK, number)) for first in range(0, number, BLOCK)]
    parts = [blocks(state, np.arange(first, end, dtype=np.uint64)).ravel() for first, end in ends]
    return np.concatenate(parts)[:count] if parts else np.empty(0, np.uint32)


def uniform(key: Key, shape: tuple[int, ...], low: float, high: float, dtype: np.dtype) -> np.ndarray:
    """Even numbers of [low, high), as an initializer with the key as its seed of two numbers draws them.

    >>> (1000 * uniform((42, 0), (3,), 0.0, 1.0, np.dtype("float32"))).astype(int).tolist()
    [282, 498, 715]
    """
    kind = np.float64 if dtype == np.float64 else np.float32
    values = units(state_of(key), math.prod(shape)).astype(kind) * (kind(high) - kind(low)) + kind(low)
    return values.reshape(shape).astype(dtype, copy=False)


def normal(key: Key, shape: tuple[int, ...], mean: float, stddev: float, dtype: np.dtype) -> np.ndarray:
    """Normal numbers, likewise."""
    return _scaled(normals(state_of(key), math.prod(shape)), shape, mean, stddev, dtype)


def truncated(key: Key, shape: tuple[int, ...], mean: float, stddev: float, dtype: np.dtype) -> np.ndarray:
    """Normal numbers, none two standard deviations or more from the mean, likewise."""
    return _scaled(nears(state_of(key), math.prod(shape)), shape, mean, stddev, dtype)


def _scaled(values: np.ndarray, shape: tuple[int, ...], mean: float, stddev: float, dtype: np.dtype) -> np.ndarray:
    kind = np.float64 if dtype == np.float64 else np.float32
    values = values.astype(kind, copy=False)
    values *= kind(stddev)
    if mean:
        values += kind(mean)
    return values.reshape(shape).astype(dtype, copy=False)


def words_of_64(state: State, count: int) -> np.ndarray:
    """The first pairs of words, uint64 of shape (count,)."""
    pairs = words(state, 2 * count).astype(np.uint64)
    return pairs[0::2] | pairs[1::2] << np.uint64(32)


def units_of_64(state: State, count: int) -> np.ndarray:
    """Even numbers of [0, 1), float64 of shape (count,)."""
    pairs = words(state, 2 * count).astype(np.uint64)
    part = (pairs[0::2] & np.uint64(0xFFFFF)) << np.uint64(32) | pairs[1::2]
    return (part | np.uint64(0x3FF << 52)).view(np.float64) - 1.0


def normals_of_64(state: State, count: int) -> np.ndarray:
    """Normal numbers, float64 of shape (count,)."""
    return _pairs(units_of_64(state, count + count % 2))[:count]


def units(state: State, count: int) -> np.ndarray:
    """Even numbers of [0, 1), float32 of shape (count,)."""
    return _unit(words(state, count))


def normals(state: State, count: int) -> np.ndarray:
    """Normal numbers, float32 of shape (count,)."""
    return _normal(words(state, count + count % 2))[:count]


def nears(state: State, count: int) -> np.ndarray:
    """Normal numbers none of which is two or further from 0, float32 of shape (count,).

    Each four of them have words of their own, from which pairs are taken until four numbers are near enough.
    """
    groups: np.ndarray = np.arange(-(-count // 4), dtype=np.uint64)
    found = np.empty((groups.size, 4), np.float32)
    each = TRIES
    while groups.size:
        late: list[np.ndarray] = []
        for first in range(0, groups.size, BLOCK):
            some = groups[first : first + BLOCK]
            places = some[:, None] * np.uint64(WORDS_OF_NUMBER) + np.arange(each, dtype=np.uint64)
            drawn = _normal(blocks(state, places.ravel()).ravel()).reshape(some.size, 4 * each)
            near = np.abs(drawn) < 2
            nearest = np.argsort(~near, axis=1, kind="stable")[:, :4]
            enough = near.sum(1) >= 4
            found[some[enough]] = np.take_along_axis(drawn, nearest, 1)[enough]
            late.append(some[~enough])
        groups, each = np.concatenate(late), 4 * each
    return found.ravel()[:count]


def _unit(drawn: np.ndarray) -> np.ndarray:
    numbers = ((drawn & np.uint32(0x7FFFFF)) | np.uint32(0x3F800000)).view(np.float32)
    return numbers - np.float32(1)


def _normal(drawn: np.ndarray) -> np.ndarray:
    """Normal numbers, two of each pair of words."""
    return _pairs(_unit(drawn))


def _pairs(numbers: np.ndarray) -> np.ndarray:
    """Normal numbers, two of each pair of even ones: by Box and Muller."""
    kind = numbers.dtype.type
    length = np.sqrt(kind(-2) * np.log(np.maximum(numbers[0::2], kind(1e-7))))
    angle = kind(2 * math.pi) * numbers[1::2]
    made = np.empty_like(numbers)
    np.multiply(np.sin(angle), length, out=made[0::2])
    np.multiply(np.cos(angle), length, out=made[1::2])
    return made
