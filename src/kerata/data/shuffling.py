"""The orders in which TensorFlow's `Dataset.shuffle(buffer, seed)` gives elements."""

import bisect
import contextlib
import contextvars
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar, cast

import numpy as np

from kerata.engine.random import host_stream
from kerata.engine.seeds import OF_OPERATIONS, law

T = TypeVar("T")
Quadruple = tuple[int, int, int, int]

# What TensorFlow's seeds are taken modulo.
LIMIT = 2**31 - 1
LOW = np.uint64(0xFFFFFFFF)
# So many numbers are drawn at once.
DRAWN = 1024


def philox(key: int, counter: int, count: int, first: int = 0) -> np.ndarray:
    """Numbers of 32 bits of Philox 4x32 in ten rounds.

    Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (2011).

    Args:
        key: 64 bits.
        counter: the upper 64 of its 128 bits.
        count: how many numbers.
        first: the number to begin with; a multiple of 4.
    """
    blocks = np.arange(first // 4, first // 4 - (-count // 4), dtype=np.uint64)
    a, b = blocks & LOW, blocks >> np.uint64(32)
    c, d = (np.full_like(blocks, part) for part in (counter & 0xFFFFFFFF, counter >> 32 & 0xFFFFFFFF))
    one, two = key & 0xFFFFFFFF, key >> 32 & 0xFFFFFFFF
    for _ in range(10):
        left, right = np.uint64(0xD2511F53) * a, np.uint64(0xCD9E8D57) * c
        a, b, c, d = (
            (right >> np.uint64(32)) ^ b ^ np.uint64(one),
            right & LOW,
            (left >> np.uint64(32)) ^ d ^ np.uint64(two),
            left & LOW,
        )
        one, two = (one + 0x9E3779B9) & 0xFFFFFFFF, (two + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack([a, b, c, d], 1).ravel()[:count]


# The seeds of a data set: of all, and its own.
Pair = tuple[int, int]


def pair_of(seed: object) -> Pair:
    """The seeds of a data set that is given one of its own, or `None`."""
    pair = law().pair(None if seed is None else int(cast(int, seed)))
    return (OF_OPERATIONS, int(host_stream().integers(2**31))) if pair is None else pair


def draws_of(seed: Pair, epoch: int | None) -> Iterator[int]:
    """Numbers of 32 bits: those of an epoch, or without one those of a data set that gives the same order in each."""
    key, counter = (word % LIMIT for word in seed)
    if epoch is not None:
        key, counter = (int(one) for one in philox(key, counter, 4, (2 * epoch) // 4 * 4)[2 * epoch % 4 :][:2])
    for first in itertools.count(0, DRAWN):
        yield from philox(key, counter, DRAWN, first).tolist()


def block(key: Quadruple, counter: Quadruple) -> Quadruple:
    """One block of the same generator, of a key and a counter in parts of 32 bits; the last two of the key mean nothing.

    >>> block((87654321, 0, 0, 0), (0, 0, 7, 0)) == tuple(philox(87654321, 7, 4).tolist())
    True
    """
    one, two, _, _ = key
    a, b, c, d = counter
    for _ in range(10):
        left, right = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = (right >> 32) ^ b ^ one, right & 0xFFFFFFFF, (left >> 32) ^ d ^ two, left & 0xFFFFFFFF
        one, two = (one + 0x9E3779B9) & 0xFFFFFFFF, (two + 0xBB67AE85) & 0xFFFFFFFF
    return a, b, c, d


def choices(seed: Pair, shares: Sequence[float]) -> Iterator[int]:
    """Numbers at random with some shares, as TensorFlow's `sample_from_datasets` draws them: each from a seed of its own.

    Source: `GenerateKey` and `MultinomialFunctor` of TensorFlow 2.21.

    >>> list(itertools.islice(choices((OF_OPERATIONS, 1), [0.5, 0.5]), 8))
    [1, 0, 0, 0, 0, 0, 1, 1]
    """
    logits = np.log(np.asarray(shares, np.float32)).astype(float)
    bounds = np.cumsum(np.exp(logits - logits.max())).tolist()
    draws = draws_of(seed, None)
    for first, second in zip(draws, draws, strict=False):
        mixed = block((0x3EC8F720, 0x02461E29, 0, 0), (first, 0, second, 0))
        high, low, _, _ = block(mixed, (0, 0, mixed[2], mixed[3]))
        part = ((high & 0xFFFFF) << 32 | low) / 2**52
        yield bisect.bisect_right(bounds, part * bounds[-1])


class Turns:
    """Counts the passes through a data set."""

    are_looked_at = contextvars.ContextVar("are_looked_at", default=False)

    def __init__(self) -> None:
        self.number = 0

    @staticmethod
    @contextlib.contextmanager
    def looking() -> Iterator[None]:
        """Passes that begin within are not counted."""
        token = Turns.are_looked_at.set(True)
        try:
            yield
        finally:
            Turns.are_looked_at.reset(token)

    def __iter__(self) -> "Turns":
        return self

    def __next__(self) -> int:
        if Turns.are_looked_at.get():
            return self.number
        self.number += 1
        return self.number - 1

    def reach(self, number: int) -> None:
        """The next pass is this one, unless more have been: a training that was resumed has the orders of its epochs."""
        self.number = max(self.number, number)


def shuffled(elements: Iterable[T], buffer: int, seed: Pair, epoch: int | None) -> Iterator[T]:
    """Elements as they leave a buffer that is filled in order and emptied at random.

    Args:
        elements: in their order.
        buffer: how many are in the buffer at once.
        seed: those of the data set.
        epoch: which, from 0; `None` for an order that does not change.

    >>> list(shuffled(range(10), 4, (OF_OPERATIONS, 7), 0))
    [0, 4, 2, 3, 5, 6, 1, 8, 7, 9]
    """
    source, draws = iter(elements), draws_of(seed, epoch)
    waiting = list(itertools.islice(source, buffer))
    first, filled, room = 0, len(waiting), len(waiting)
    while filled > first:
        chosen, start = (first + next(draws) % (filled - first)) % room, first % room
        yield waiting[chosen]
        waiting[chosen] = waiting[start]
        first += 1
        for element in itertools.islice(source, 1):
            waiting[filled % room] = element
            filled += 1
