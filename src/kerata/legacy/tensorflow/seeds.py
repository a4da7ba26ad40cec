"""What seeds give in TensorFlow: `tf.random.set_seed`, and the draws of operations that are done at once.

An operation has two seeds: that of all, and its own, which is drawn where none is given. Those with the same two go on where
the last one ended. What a program draws (a step of `fit`, a `tf.function`) is Kerata's.
"""

import math
import random as python_random
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from kerata.engine.scope import in_scope
from kerata.engine.seeds import MOST_SEED, OF_OPERATIONS, Law
from kerata.engine.types import HostArray
from kerata.kernels import philox
from kerata.kernels.typed import is_traced
from kerata.legacy.tensorflow.tape import inside_call, is_graph

# What all seeds are taken modulo.
LIMIT = 2**31 - 1


class Begun(NamedTuple):
    """A seed of all, what draws the seeds of operations, and where those that have drawn stand."""

    seed: int
    operations: python_random.Random
    states: dict[tuple[object, ...], philox.State]


class Seeds:
    """The seeds of a process."""

    def __init__(self) -> None:
        self.begun: Begun | None = None
        # Where an operation alone has a seed.
        self.alone: dict[tuple[object, ...], philox.State] = {}
        # Seeds that `keras.utils.set_random_seed` has begun, of weights and layers.
        self.of_keras: python_random.Random | None = None

    def set(self, seed: int) -> None:
        """The seed of all."""
        self.begun = Begun(seed, python_random.Random(seed), {})
        self.alone.clear()

    def draw_seed(self) -> int:
        """The seed of one more operation."""
        return (python_random.SystemRandom() if self.begun is None else self.begun.operations).randint(0, LIMIT)

    def pair(self, seed: int | None) -> tuple[int, int] | None:
        """The seeds of an operation, which may have one of its own; `None` where nothing says."""
        begun = self.begun
        if begun is None and seed is None:
            return None
        one, two = OF_OPERATIONS if begun is None else begun.seed, self.draw_seed() if seed is None else seed
        one, two = one % LIMIT, two % LIMIT
        return (one, two) if one or two else (0, LIMIT)

    def take(self, name: str, kind: str, seed: int | None, blocks: int) -> philox.State:
        """The state that an operation begins with.

        Args:
            name, kind: of the operation and its numbers.
            seed: its own.
            blocks: how far it moves the state on.
        """
        pair = self.pair(seed)
        if pair is None:
            return philox.from_seeds(self.draw_seed(), self.draw_seed())
        states = self.alone if self.begun is None else self.begun.states
        key = (name, kind, *pair)
        state = states.get(key) or philox.from_seeds(*pair)
        states[key] = state.after(blocks)
        return state


SEEDS = Seeds()


def at_once() -> bool:
    """Whether an operation is done now, and in no program."""
    return not (in_scope() or inside_call() or is_graph() or is_traced())


def units(shape: tuple[int, ...], seed: int | None, kind: str) -> HostArray:
    """Even numbers of [0, 1) as `tf.random.uniform` gives them."""
    size = math.prod(shape)
    state = SEEDS.take("RandomUniform", kind, seed, size * philox.WORDS_OF_NUMBER)
    return (philox.units_of_64 if kind == "float64" else philox.units)(state, size).reshape(shape)


def normals(shape: tuple[int, ...], seed: int | None, kind: str) -> HostArray:
    """Normal numbers as `tf.random.normal` gives them."""
    size = math.prod(shape)
    state = SEEDS.take("RandomStandardNormal", kind, seed, size * philox.WORDS_OF_NUMBER)
    return (philox.normals_of_64 if kind == "float64" else philox.normals)(state, size).reshape(shape)


def nears(shape: tuple[int, ...], seed: int | None, kind: str) -> HostArray:
    """As `tf.random.truncated_normal` gives them."""
    size = math.prod(shape)
    return philox.nears(SEEDS.take("TruncatedNormal", kind, seed, size * philox.WORDS_OF_NUMBER), size).reshape(shape)


def whole(shape: tuple[int, ...], low: int, high: int, seed: int | None, kind: str) -> HostArray:
    """Whole numbers of [low, high)."""
    size = math.prod(shape)
    return wholes_of(SEEDS.take("RandomUniformInt", kind, seed, size * philox.WORDS_OF_NUMBER), shape, low, high, kind)


def wholes_of(state: philox.State, shape: tuple[int, ...], low: int, high: int, kind: str) -> HostArray:
    """Whole numbers of [low, high) from a state: one word for each, two where they have 64 bits."""
    size = math.prod(shape)
    drawn = philox.words(state, size).astype(np.uint64) if np.dtype(kind).itemsize < 8 else philox.words_of_64(state, size)
    return ((drawn % np.uint64(high - low)).astype(np.int64) + low).astype(kind).reshape(shape)


def order(size: int, seed: int | None, kind: str) -> list[int]:
    """0, 1, ..., size - 1 as `tf.random.shuffle` orders rows."""
    return exchange(philox.words(SEEDS.take("RandomShuffle", kind, seed, -(-size // 4)), size), size)


def exchange(words: HostArray, size: int) -> list[int]:
    """Each place but the last exchanged with itself or a later one, in turn."""
    places = list(range(size))
    steps = (words[: size - 1] % (size - np.arange(size - 1, dtype=np.uint32))).tolist() if size > 1 else []
    for place, step in enumerate(steps):
        other = place + step
        places[place], places[other] = places[other], places[place]
    return places


def orders_of_fit(first: int, count: int, size: int) -> HostArray:
    """The orders of some epochs of a `fit`, in which one operation with the seed 0 shuffles: (count, size)."""
    assert SEEDS.begun is not None
    state = philox.from_seeds(SEEDS.begun.seed % LIMIT, 0)
    each = -(-size // 4)
    found = [exchange(philox.words(state.after(number * each), size), size) for number in range(first, first + count)]
    return np.array(found, np.int32).reshape(count, size)


def same_orders_of_fit(first: int, count: int, size: int) -> HostArray:
    """The orders of some epochs where each begins anew, as in Keras 3: all are the first."""
    return np.repeat(orders_of_fit(0, 1, size), count, 0)


class OfKeras3(Law):
    """What seeds give in Keras 3 on TensorFlow."""

    numbers = philox

    def leads_draws(self) -> bool:
        return at_once()

    def pair(self, seed: int | None) -> tuple[int, int] | None:
        return SEEDS.pair(seed)

    def set_seed(self, seed: int) -> None:
        SEEDS.set(seed)

    def orders(self) -> Callable[[int, int, int], HostArray] | None:
        return None if SEEDS.begun is None else same_orders_of_fit


class OfKeras2(OfKeras3):
    """What seeds give in `tf.keras`.

    Weights follow `keras.utils.set_random_seed`; where that was never called `tf.random.set_seed`, as they did before there was
    the former.
    """

    is_late = True
    counts_by_equation = False
    looks = False

    def leads_draws(self) -> bool:
        return False

    def set_seed(self, seed: int) -> None:
        SEEDS.set(seed)
        SEEDS.of_keras = python_random.Random(seed)

    def orders(self) -> Callable[[int, int, int], HostArray] | None:
        return None if SEEDS.begun is None else orders_of_fit

    def default_key(self) -> tuple[int, ...]:
        if SEEDS.of_keras is None and SEEDS.begun is not None:
            return philox.from_seeds(SEEDS.begun.seed % LIMIT, SEEDS.draw_seed() % LIMIT)
        return (SEEDS.of_keras or python_random).randint(1, MOST_SEED), 0

    def state(self) -> object:
        operations = None if SEEDS.begun is None else SEEDS.begun.operations.getstate()
        return python_random.getstate(), SEEDS.of_keras and SEEDS.of_keras.getstate(), operations

    def set_state(self, state: object) -> None:
        of_python, of_keras, of_operations = state  # type: ignore[misc]
        python_random.setstate(of_python)
        if SEEDS.of_keras is not None and of_keras is not None:
            SEEDS.of_keras.setstate(of_keras)
        if SEEDS.begun is not None and of_operations is not None:
            SEEDS.begun.operations.setstate(of_operations)
