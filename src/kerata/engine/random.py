"""Random keys: seeds and states for what happens outside of programs, and one key a step inside.

Outside of programs seeds give the numbers that they give in Keras on JAX: what has no seed takes one from Python's `random`
where it is made. Initial weights are drawn on the host: they need no compiled program. Inside a program every draw's key
comes from the step's key and the number of the draw, so a run does not depend on how the steps were cut into chunks.
"""

import contextlib
import random as python_random
import secrets
import threading
from collections.abc import Generator, Sequence
from typing import Any, TypeAlias, cast

import jax
import numpy as np

from kerata.base.blocks import Within
from kerata.base.checks import KindError, message
from kerata.base.types import Shape, is_integer
from kerata.engine.noting import noting_draws
from kerata.engine.scope import stack
from kerata.engine.seeds import Seedable, law, make_default_key, own_streams, seeded_by
from kerata.engine.types import AnyArray, Array, HostArray
from kerata.engine.variable import Variable, note_drawn
from kerata.kernels.random import ROUNDS, fold, is_plain, plain_key
from kerata.kernels.typed import is_traced

# Up to so many samples are shuffled by sorting, in a twentieth to a half of the time of a shuffle. What is sorted has 22 random
# bits or more beside the sample's number.
SORTED = 1024

_stream: list[np.random.Generator] = []
# What `set_random_seed` was given last.
_seed_of_all: list[int] = []
# What makes another state of a state whose keys are not counted.
FACTOR, DIVISOR = np.uint32(5387), np.uint32(933199)
# Holds a number where the generator without an owner has given no key outside of programs since a seed was set.
_new_generators = {0}
# The numbers of the whole process are one thread's at a time.
_whole = threading.RLock()


def host_stream() -> np.random.Generator:
    """The process's stream of random numbers on the host, seeded from the system until a seed is set."""
    own = getattr(own_streams, "stream", None)
    if own is not None:
        return own
    if not _stream:
        _stream.append(np.random.Generator(np.random.Philox()))
    return _stream[0]


def set_random_seed(seed: int) -> None:
    """Seeds Python, NumPy and Kerata: two runs of a program on one machine give the same bits.

    >>> import kerata
    >>> kerata.utils.set_random_seed(1)
    >>> a = kerata.initializers.GlorotUniform()((2, 2))
    >>> kerata.utils.set_random_seed(1)
    >>> b = kerata.initializers.GlorotUniform()((2, 2))
    >>> bool((a == b).all())
    True
    """
    if not is_integer(seed) or isinstance(seed, bool):
        raise ValueError(message("set_random_seed", "`seed` must be an integer", {"seed": seed}))
    python_random.seed(int(seed))
    np.random.seed(int(seed) % 2**32)
    seed_streams(int(seed))
    law().set_seed(int(seed))


def seed_streams(seed: int) -> None:
    """Seeds Kerata alone."""
    _stream[:] = [stream_of(seed)]
    _seed_of_all[:] = [seed]
    for generator in _global_generator:
        generator.state.store(np.array([seed % 2**32, 0], np.uint32))
    _new_generators.add(0)


def seeded(seed: int) -> Within:
    """What this thread draws outside of programs within the block comes from a seed; the process's stream stays as it is."""
    return Within(own_streams, stream=stream_of(int(seed)), **streams_of(int(seed)))


def streams_of(seed: int) -> dict[str, object]:
    """Python's and NumPy's numbers after a seed."""
    return {"python": python_random.Random(seed), "numpy": np.random.RandomState(seed % 2**32)}


@contextlib.contextmanager
def seeded_wholly(seed: int) -> Generator[None]:
    """`set_random_seed(seed)` for the length of the block: a user's own code may draw from Python, NumPy and Kerata alike.

    What the process had is there again afterwards.
    """
    with _whole, seeded(seed):
        generator = global_seed_generator().state
        before = python_random.getstate(), np.random.get_state(), generator.numpy()
        python_random.seed(int(seed))
        np.random.seed(int(seed) % 2**32)
        generator.store(np.array([int(seed) % 2**32, 0], np.uint32))
        try:
            yield
        finally:
            python_random.setstate(before[0])
            np.random.set_state(before[1])
            generator.store(before[2])


def stream_of(*words: int) -> np.random.Generator:
    """A stream of its own for each sequence of integers."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([w % 2**64 for w in words])))


def epoch_orders(seeds: int | Sequence[int] | HostArray, epochs: Sequence[int] | HostArray, size: int) -> HostArray:
    """0, 1, ..., size - 1 in the orders of some epochs: int32 of shape (n, size).

    Args:
        seeds: of the runs: an integer, or one for each epoch.
        epochs: numbers of epochs.
        size: the number of samples.

    >>> sorted(epoch_orders(7, [0], 5)[0].tolist())
    [0, 1, 2, 3, 4]
    """
    epochs = np.asarray(epochs, np.uint64)
    if isinstance(seeds, int):
        seeds = [seeds % 2**64]
    seeds = np.broadcast_to(np.asarray(seeds, np.uint64), epochs.shape)
    keys = _mix_words(_mix_words(seeds) + epochs)
    if size > SORTED:
        # Setting the state of one generator costs a third of making a new one.
        bits = np.random.Philox(key=0)
        generator, state = np.random.Generator(bits), bits.state
        orders = np.empty((len(keys), size), np.int32)
        for row, key in zip(orders, keys, strict=True):
            state["state"]["key"][:] = (key, 0)  # type: ignore[index]
            bits.state = state
            row[:] = generator.permutation(size)
        return orders
    # Each sample gets a random number, whose last bits are the sample's own number; sorted, they are the order.
    low = np.uint32((1 << (size - 1).bit_length()) - 1)
    place = np.arange(size, dtype=np.uint32)
    first, second = (keys & np.uint64(2**32 - 1)).astype(np.uint32), (keys >> np.uint64(32)).astype(np.uint32)
    x = place * np.uint32(0x9E3779B9) + first[:, None]
    for number, (shift, factor) in enumerate(ROUNDS):
        x ^= x >> np.uint32(shift)
        x *= np.uint32(factor)
        if number == 0:
            x += second[:, None]
    x &= ~low
    x |= place
    x.sort(axis=1)
    x &= low
    return x.view(np.int32)


def _mix_words(words: HostArray) -> HostArray:
    """Steele's, Lea's and Flood's finalizer of 64-bit words (SplitMix64): near words become far ones."""
    x = words + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def make_seed() -> int:
    """A fresh seed from the global stream."""
    return int(host_stream().integers(2**31))


def make_key(seed: int | None = None) -> HostArray:
    """A key of two words, uint32 of shape (2,), on the host: from a seed or from the global stream."""
    stream = host_stream() if seed is None else stream_of(seed)
    return stream.integers(2**32, size=2, dtype=np.uint32)


class SeedGenerator(Seedable):
    """Hands out keys, a new one each time.

    In training they come from the step's key. Everywhere else they come from `state`, the seed and a counter, which
    programs carry and give back; a layer lists it among its `variables`.

    Args:
        seed: an integer for a stream of its own, `None` to follow the program's.

    >>> import kerata
    >>> generator = kerata.random.SeedGenerator(1)
    >>> a, b = kerata.random.normal((2,), seed=generator), kerata.random.normal((2,), seed=generator)
    >>> bool((a != b).all()), generator.state.numpy().tolist()
    (True, [1, 2])
    """

    def __init__(self, seed: int | None = None, name: str | None = None, **kwargs: object):
        if kwargs:
            raise KindError(message("SeedGenerator", "Unrecognized keyword arguments", kwargs))
        if seed is not None and not is_integer(seed):
            raise ValueError(message("SeedGenerator", "`seed` must be an integer or None", {"seed": seed}))
        self.seed = None if seed is None else int(seed)
        self.name = name or "seed_generator"
        if self.seed is None and not getattr(own_streams, "spare", False) and not law().is_late:
            self.take_seed()
        self.state = Variable(self._first, (2,), dtype="uint32", trainable=False, name="seed_generator_state")

    def _first(self, shape: Shape, dtype: object = None) -> HostArray:
        """The state before the first key, uint32 of shape (2,)."""
        start = self.seed
        if start is None:
            start = make_seed() if seeded_by(self) is None else self.default_key[0]
        return np.array([start % 2**32, 0], np.uint32)

    def next(self, ordered: bool = True) -> Array:
        """The next key, uint32 of shape (2,): in training of the step, else the state, which goes on to the next.

        Args:
            ordered: whether the state's second word counts the keys; else both words become other ones.
        """
        key = self.key(ordered)
        return jax.random.key_data(key) if is_plain(key) else key

    def key(self, ordered: bool = True) -> Array:
        """As `next`; outside of training a key of `jax.random`."""
        for scope in reversed(stack()):
            if scope.key is not None:
                scope.draws += 1
                key = fold(scope.key, scope.draws)
                return key if self.seed is None else fold(key, self.seed)
        name = id(self.state)
        for scope in reversed(stack()):
            if (state := scope.values.get(name)) is not None:
                if not ordered:
                    scope.values[name] = (state + np.uint32(1)) * FACTOR % DIVISOR
                    return plain_key(state)
                taken = scope.taken.get(name, 0)
                scope.taken[name] = taken + 1
                return plain_key(state + np.array([0, taken], np.uint32))
        state = self.state.peek()
        if stack():
            note_drawn(self.state)
        else:
            words = np.asarray(state)
            self.state.store(words + np.array([0, 1], np.uint32) if ordered else (words + np.uint32(1)) * FACTOR % DIVISOR)
        with jax.ensure_compile_time_eval():
            return plain_key(jax.numpy.asarray(state))

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed}


def generator_for(rate: object, seed: int | None) -> SeedGenerator:
    """The generator of what a rate of 0 leaves out: it is there for other rates to come, and takes no seed from Python then."""
    with Within(own_streams, spare=isinstance(rate, (int, float)) and rate == 0):
        return SeedGenerator(seed)


# What a person may pass as `seed`: a generator, an integer, a key, or nothing.
Seed: TypeAlias = SeedGenerator | int | AnyArray | None

_global_generator: list[SeedGenerator] = []


def global_seed_generator() -> SeedGenerator:
    """The generator that draws without one of their own use."""
    if not _global_generator:
        # It is made when it is first needed, which must not shift what the streams of initial weights give.
        with noting_draws():
            generator = SeedGenerator(_seed_of_all[0] if _seed_of_all else secrets.randbits(31))
        generator.seed = None
        _global_generator.append(generator)
    return _global_generator[0]


@contextlib.contextmanager
def global_generator_at(state: HostArray) -> Generator[Any]:
    """A block in which the generator without an owner goes on from a state; gives its variable. Afterwards it is as before."""
    variable = global_seed_generator().state
    with _whole:
        before = variable.numpy()
        variable.store(state)
        try:
            yield variable
        finally:
            variable.store(before)


def draw_key(seed: Seed = None) -> Array:
    """A key from what a person may pass as `seed`: a generator, an integer, a key, or nothing.

    It is one of `jax.random`, but for those of a training step, which are two words.
    """
    if seed is None:
        if not stack() and is_traced():
            expected = (
                "in a function that JAX traces by itself (jax.jit), a draw without a seed would be the same in every call"
            )
            raise ValueError(message("random", expected, fix="Give a key or a SeedGenerator: normal(shape, seed=key)"))
        generator = global_seed_generator()
        if _new_generators and not stack() and not law().is_late:
            generator.state.store(np.array(make_default_key(), np.uint32))
            _new_generators.clear()
        return generator.key(ordered=False)
    if isinstance(seed, SeedGenerator):
        return seed.key()
    if isinstance(seed, int) or is_integer(seed):
        with jax.ensure_compile_time_eval():
            return plain_key(jax.numpy.asarray([int(seed) % 2**32, 0], "uint32"))
    given = cast(Array, seed)
    return given if is_plain(given) or any(scope.key is not None for scope in stack()) else plain_key(given)


def draw_words(seed: Seed = None) -> Array:
    """The same as two words, uint32 of shape (2,)."""
    key = draw_key(seed)
    return jax.random.key_data(key) if is_plain(key) else key
