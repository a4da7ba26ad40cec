"""What seeds give, and who takes one where it is made without: initializers and generators of draws."""

import copy
import random as python_random
from collections.abc import Callable, Iterable
from typing import Any, Protocol, Self, cast

import numpy as np

from kerata.base.blocks import ambient
from kerata.base.types import Shape
from kerata.engine.module import Look, Module
from kerata.engine.noting import next_number, note_draw
from kerata.engine.types import HostArray, Initializer
from kerata.engine.variable import Variable
from kerata.kernels import threefry

# A thread's own streams, while it works under a seed.
own_streams = ambient()
# Seeds of what has none are from 1 to this number.
MOST_SEED = 10**9
# The seed of all of TensorFlow's operations, where one has a seed alone.
OF_OPERATIONS = 87654321
# So many seeds may have been taken for nothing between two of a model.
MOST_BETWEEN = 64


def make_default_key() -> tuple[int, ...]:
    """The key of what is made without a seed: of the process, or within `seeded` from a stream of the thread's own."""
    own: python_random.Random | None = getattr(own_streams, "python", None)
    own_streams.taken = seeds_taken() + 1
    return law().default_key() if own is None else (own.randint(1, MOST_SEED), 0)


def seeds_taken() -> int:
    """How many such seeds this thread has taken."""
    return getattr(own_streams, "taken", 0)


def state_of_keys() -> object:
    """What `make_default_key` goes on from."""
    own: python_random.Random | None = getattr(own_streams, "python", None)
    return law().state() if own is None else own.getstate()


def set_state_of_keys(state: object) -> None:
    """Lets `make_default_key` go on from a state."""
    own: python_random.Random | None = getattr(own_streams, "python", None)
    if own is None:
        law().set_state(state)
    else:
        own.setstate(cast(tuple[Any, ...], state))


class Numbers(Protocol):
    """The distributions of initial weights, of a key of two words."""

    def uniform(self, key: tuple[int, ...], shape: Shape, low: float, high: float, dtype: np.dtype, /) -> np.ndarray: ...
    def normal(self, key: tuple[int, ...], shape: Shape, mean: float, stddev: float, dtype: np.dtype, /) -> np.ndarray: ...
    def truncated(self, key: tuple[int, ...], shape: Shape, mean: float, stddev: float, dtype: np.dtype, /) -> np.ndarray: ...


class Law:
    """What seeds give: by default what they give in Keras on JAX."""

    # Where seeds lead.
    numbers: Numbers = threefry
    # Whether what has no seed takes one where it first draws, and not where it is made.
    is_late = False
    # Whether a weight of several axes counts its inputs by the equation that it stands in, where there is one.
    counts_by_equation = True
    # Whether an epoch orders samples anew as the epoch before has ordered them, and not as they are numbered.
    goes_on = False
    # Whether an order of samples is drawn where Keras looks at a batch to build a model.
    looks = True

    def leads_draws(self) -> bool:
        """Whether a draw that is done now follows `numbers`, and not the kernels of `jax.random`."""
        return False

    def set_seed(self, seed: int) -> None:
        """Told what `set_random_seed` was given."""

    def default_key(self) -> tuple[int, ...]:
        """The key of what is made without a seed: a seed from Python's `random`, and 0."""
        return python_random.randint(1, MOST_SEED), 0

    def orthogonal(self, key: tuple[int, ...] | None, shape: tuple[int, int]) -> np.ndarray | None:
        """A matrix with orthonormal rows or columns; `None` where it is made of normal numbers. Without a key, of no seed."""
        return None

    def pair(self, seed: int | None) -> tuple[int, int] | None:
        """The seeds of an operation of TensorFlow's, of all and its own; `None` where nothing says."""
        return None if seed is None else (OF_OPERATIONS, seed)

    def state(self) -> object:
        """What `default_key` goes on from."""
        return python_random.getstate()

    def set_state(self, state: object) -> None:
        """Lets `default_key` go on from a state."""
        python_random.setstate(cast("tuple[object, ...]", state))

    def orders(self) -> "Callable[[int, int, int], HostArray] | None":
        """Gives the orders of samples of a run, (first, count, size) to (count, size); `None` where NumPy's state does."""
        return None


_law = [Law()]


def law() -> Law:
    """What seeds give at present."""
    return _law[0]


def obey(new: Law) -> None:
    """From here on seeds give something else."""
    _law[0] = new


class Seedable(Module):
    """What takes a seed where it is made without one. What was copied from another has the seed of that."""

    _bookkeeping = dict.fromkeys(("_default_key", "_number", "_place", "_origin"), Look.NOBODY)

    @property
    def number(self) -> int:
        """When it was taken, among all weights and other seeds."""
        return self._number

    @property
    def place(self) -> int:
        """How many seeds the thread had taken then."""
        return self._place

    @property
    def default_key(self) -> tuple[int, ...]:
        """The key that was taken; where that comes late, this takes it."""
        owner: Seedable = self.__dict__.get("_origin", self)
        if "_default_key" not in owner.__dict__:
            owner.take_seed()
        return owner.__dict__["_default_key"]

    def forget_seed(self) -> None:
        """Lets the next use take a seed."""
        self.__dict__.get("_origin", self).__dict__.pop("_default_key", None)

    def take_seed(self) -> None:
        """Takes a seed, as where the object was made."""
        self._default_key = make_default_key()
        self._number, self._place = next_number(), seeds_taken()
        note_draw(None, cast(Initializer, self))

    def copy(self) -> Self:
        """Another that has the same seed, also where this one takes a new one."""
        made = copy.copy(self)
        made.__dict__["_origin"] = self.__dict__.get("_origin", self)
        return made


def seeded_by(made: object) -> Seedable | None:
    """What has taken the seed that something draws from, if anything has."""
    owner = getattr(made, "__self__", made)
    if not isinstance(owner, Seedable):
        return None
    owner = owner.__dict__.get("_origin", owner)
    return owner if "_default_key" in owner.__dict__ else None


def take_seeds_again(made: Iterable[tuple[Seedable | Variable, int]]) -> None:
    """Lets things take seeds, and variables their first values, in this order.

    Args:
        made: each, and for what takes a seed how many seeds were taken before it where it was made. So seeds that nobody has
            kept, as those of a layer that was copied and let go of, are taken in between as they were.
    """
    before: int | None = None
    made = list(made)
    if law().is_late:
        for owner, _ in made:
            if isinstance(owner, Seedable):
                owner.forget_seed()
    for owner, place in made:
        if isinstance(owner, Variable):
            owner.draw()
            continue
        if law().is_late:
            continue
        between = 0 if before is None else place - before - 1
        for _ in range(between if 0 < between <= MOST_BETWEEN else 0):
            make_default_key()
        before = place
        owner.take_seed()


def numpy_numbers() -> np.random.RandomState:
    """NumPy's global state, or within `seeded` one of the thread's own."""
    own: np.random.RandomState | None = getattr(own_streams, "numpy", None)
    return cast(np.random.RandomState, own or np.random)


def permute(count: int, size: int) -> HostArray:
    """0, 1, ..., size - 1 in the next orders of NumPy's global state, int32 of shape (count, size)."""
    orders = np.empty((count, size), np.int32)
    for row in orders:
        row[:] = numpy_numbers().permutation(size)
    return orders


def state_of_orders() -> dict[str, Any]:
    """What `permute` goes on from."""
    return numpy_numbers().get_state(legacy=False)


def set_state_of_orders(state: dict[str, Any]) -> None:
    """Lets `permute` go on from a state."""
    numpy_numbers().set_state(state)
