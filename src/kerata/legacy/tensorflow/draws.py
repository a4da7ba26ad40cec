"""`tf.random`: TensorFlow's numbers where an operation is done at once (`seeds`), those of Kerata's generators in programs.

Draws of gammas, Poisson's and classes are Kerata's everywhere.
"""

import math
from collections.abc import Callable
from typing import Any, SupportsInt

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from kerata import random
from kerata.base.types import DTypeLike
from kerata.engine.random import draw_words, seed_streams
from kerata.engine.scope import in_scope
from kerata.engine.types import AnyArray, Array, TensorLike
from kerata.kernels import philox
from kerata.legacy.tensorflow import seeds
from kerata.legacy.tensorflow.calls import Function, convert, ints
from kerata.legacy.tensorflow.nn import drop
from kerata.legacy.tensorflow.sizes import taking_sizes
from kerata.legacy.tensorflow.tensor import AnyTensor, Tensor
from kerata.legacy.tensorflow.types import Ints, as_dtype, float32


def own(seed: object) -> int | None:
    """An operation's own seed."""
    return None if seed is None else int(np.asarray(seed))


def name_of(dtype: DTypeLike) -> str:
    return as_dtype(dtype).name


def key_of(seed: object) -> Array:
    """The next key of the process's generator; in a program, of the step."""
    return draw_words()


def sizes(shape: Ints) -> tuple:
    found = ints(shape)
    return (found,) if isinstance(found, int) else tuple(found)


def typed(array: AnyArray, dtype: DTypeLike) -> Tensor:
    kind = as_dtype(dtype)
    return Tensor(array.astype(jax.dtypes.canonicalize_dtype(kind.dtype)), kind)


def normal(
    shape: Ints,
    mean: float | Tensor = 0.0,
    stddev: float | Tensor = 1.0,
    dtype: DTypeLike = float32,
    seed: object = None,
    name: str | None = None,
) -> Tensor:
    """Normal numbers."""
    extent = sizes(shape)
    found = seeds.normals(extent, own(seed), name_of(dtype)) if seeds.at_once() else random.normal(extent, seed=key_of(seed))
    unit = typed(found, dtype)
    return unit if is_number(mean, 0.0) and is_number(stddev, 1.0) else unit * stddev + mean


def whole(bound: float | Tensor | None) -> int:
    """A bound of whole numbers."""
    return int(np.asarray(bound))


def is_number(value: object, number: float) -> bool:
    return isinstance(value, (int, float)) and value == number


def truncated_normal(
    shape: Ints,
    mean: float | Tensor = 0.0,
    stddev: float | Tensor = 1.0,
    dtype: DTypeLike = float32,
    seed: object = None,
    name: str | None = None,
) -> Tensor:
    """Normal numbers, none further than two standard deviations from the mean."""
    extent = sizes(shape)
    if seeds.at_once():
        found = seeds.nears(extent, own(seed), name_of(dtype))
    else:
        found = random.truncated_normal(extent, seed=key_of(seed))
    return typed(found, dtype) * stddev + mean


def uniform(
    shape: Ints,
    minval: float | Tensor = 0,
    maxval: float | Tensor | None = None,
    dtype: DTypeLike = float32,
    seed: object = None,
    name: str | None = None,
) -> Tensor:
    """Even numbers of [minval, maxval)."""
    kind = as_dtype(dtype)
    if kind.is_integer:
        if maxval is None:
            raise ValueError("Must specify maxval for integer dtype")
        low, high = whole(minval), whole(maxval)
        if seeds.at_once():
            return Tensor(seeds.whole(sizes(shape), low, high, own(seed), kind.name), kind)
        return typed(random.randint(sizes(shape), low, high, seed=key_of(seed)), kind)
    extent = sizes(shape)
    found = seeds.units(extent, own(seed), kind.name) if seeds.at_once() else random.uniform(extent, seed=key_of(seed))
    unit = typed(found, kind)
    high = 1.0 if maxval is None else maxval
    return unit if is_number(minval, 0) and is_number(high, 1) else unit * (high - minval) + minval


def shuffle(value: TensorLike, seed: object = None, name: str | None = None) -> AnyTensor:
    """The rows in a random order."""
    given = convert(value)
    if isinstance(given, Tensor) and seeds.at_once():
        places = seeds.order(given.shape[0], own(seed), given.dtype.name)
        return _take(given, np.array(places, np.int32))
    return _shuffle(given, key_of(seed))


_take = Function(
    "random_shuffle",
    "value, places",
    lambda value, places: jnp.take(value, places, axis=0),
    on_texts=lambda value, places: value[np.asarray(places)],
)
_shuffle = Function(
    "random_shuffle",
    "value, key",
    lambda value, key: jnp.take(value, jnp.argsort(random.uniform((np.shape(value)[0],), seed=key)), axis=0),
    on_texts=lambda value, key: value[np.argsort(np.asarray(random.uniform((len(value),), seed=key)))],
)


def categorical(
    logits: TensorLike, num_samples: SupportsInt, dtype: DTypeLike | None = None, seed: object = None, name: str | None = None
) -> AnyTensor:
    """Numbers of classes drawn by their logits, (rows, num_samples)."""
    return _categorical(logits, int(num_samples), key_of(seed))


def draw_classes(logits: ArrayLike, count: int, key: Array) -> Array:
    logits = jnp.asarray(logits)
    noise = random.uniform((logits.shape[0], count, logits.shape[1]), 1e-20, 1.0, seed=key)
    return jnp.argmax(logits[:, None, :] - jnp.log(-jnp.log(noise)), -1)


_categorical = Function("categorical", "logits, count, key", draw_classes, gives=as_dtype("int64"))


def draw_gamma(alpha: Array, beta: Array, extent: tuple[int, ...], key: Array) -> Array:
    """Draws of a whole block for each alpha and beta, (*extent, *alpha), none of which is 0, with their slopes."""
    alpha, beta = jnp.broadcast_arrays(alpha, beta)
    found = random.gamma((*extent, *alpha.shape), alpha, alpha.dtype, key) / beta
    return jnp.maximum(found, jnp.finfo(alpha.dtype).tiny)


_gamma = Function("random_gamma", "alpha, beta, extent, key", draw_gamma)


def gamma(
    shape: Ints,
    alpha: TensorLike,
    beta: TensorLike | None = None,
    dtype: DTypeLike = float32,
    seed: object = None,
    name: str | None = None,
) -> AnyTensor:
    """Numbers of gamma distributions: `shape` of them for each alpha and beta."""
    return _gamma(convert(alpha, dtype), convert(1.0 if beta is None else beta, dtype), sizes(shape), key_of(seed))


def draw_poisson(lam: Array, extent: tuple[int, ...], key: Array) -> Array:
    """Counts of a whole block for each rate, (*extent, *lam)."""
    key = jax.random.wrap_key_data(key, impl="threefry2x32")
    return jax.random.poisson(key, lam, (*extent, *jnp.shape(lam)))


_poisson = Function("random_poisson", "lam, extent, key", draw_poisson, gives=as_dtype("int32"))


def poisson(
    shape: Ints, lam: TensorLike, dtype: DTypeLike = float32, seed: object = None, name: str | None = None
) -> AnyTensor:
    """Counts: `shape` of them for each rate."""
    counts = _poisson(convert(lam), sizes(shape), key_of(seed))
    return typed(counts._array, dtype) if isinstance(counts, Tensor) else counts


def poisson_of_then(
    lam: TensorLike, shape: Ints, dtype: DTypeLike = float32, seed: object = None, name: str | None = None
) -> AnyTensor:
    """The same with the arguments as TensorFlow 1 had them."""
    return poisson(shape, lam, dtype, seed)


def multinomial(
    logits: TensorLike,
    num_samples: SupportsInt,
    seed: object = None,
    name: str | None = None,
    output_dtype: DTypeLike | None = None,
) -> AnyTensor:
    """What TensorFlow 1 called `categorical`."""
    return categorical(logits, num_samples, output_dtype, seed)


def dropout(
    x: TensorLike, rate: float | Tensor, noise_shape: Ints = None, seed: object = None, name: str | None = None
) -> AnyTensor:
    """x with a share of its numbers 0, and the others larger in turn."""
    given = convert(x)
    if isinstance(rate, Tensor) or not isinstance(given, Tensor) or not seeds.at_once():
        return drop(x, rate, noise_shape, key_of(seed))
    extent = tuple(given.shape) if noise_shape is None else sizes(noise_shape)
    return drop(given, rate, noise_shape, seeds.units(extent, own(seed), given.dtype.name))


def state_of(seed: TensorLike) -> philox.State:
    """Where an operation without state begins, by its seed of two numbers."""
    first, second = (int(word) for word in np.asarray(convert(seed)._array).ravel())
    return philox.from_pair(first, second)


def are_known(*seed: TensorLike) -> bool:
    """Whether a seed's numbers are there, and no program's."""
    return not any(isinstance(getattr(convert(one), "_array", None), jax.core.Tracer) for one in seed) and not in_scope()


def words_of(seed: TensorLike) -> Array:
    """A seed of two numbers as a key."""
    return jnp.asarray(np.asarray(convert(seed)._array).astype(np.uint32))


def stateless(function: str) -> Callable[..., AnyTensor]:
    """A function whose draws follow from a seed of two numbers."""
    draw = {"normal": random.normal, "truncated_normal": random.truncated_normal}[function]
    at_once = {"normal": philox.normals, "truncated_normal": philox.nears}[function]
    at_once_64 = philox.normals_of_64 if function == "normal" else at_once

    def call(
        shape: Ints,
        seed: TensorLike,
        mean: float | Tensor = 0.0,
        stddev: float | Tensor = 1.0,
        dtype: DTypeLike = float32,
        name: str | None = None,
        alg: object = None,
    ) -> AnyTensor:
        extent = sizes(shape)
        if are_known(seed):
            drawn = (at_once_64 if name_of(dtype) == "float64" else at_once)(state_of(seed), math.prod(extent))
            unit = typed(drawn.reshape(extent), dtype)
        else:
            unit = typed(draw(extent, seed=words_of(seed)), dtype)
        return unit if is_number(mean, 0.0) and is_number(stddev, 1.0) else unit * stddev + mean

    return call


def stateless_uniform(
    shape: Ints,
    seed: TensorLike,
    minval: float | Tensor = 0,
    maxval: float | Tensor | None = None,
    dtype: DTypeLike = float32,
    name: str | None = None,
    alg: object = None,
) -> AnyTensor:
    """Even numbers of [minval, maxval), which follow from a seed of two numbers."""
    kind, extent, known = as_dtype(dtype), sizes(shape), are_known(seed)
    if kind.is_integer:
        if maxval is None:
            raise ValueError("Must specify maxval for integer dtype")
        if known:
            return Tensor(seeds.wholes_of(state_of(seed), extent, whole(minval), whole(maxval), kind.name), kind)
        return typed(random.randint(extent, whole(minval), whole(maxval), seed=words_of(seed)), kind)
    if known:
        draw = philox.units_of_64 if kind.name == "float64" else philox.units
        unit = typed(draw(state_of(seed), math.prod(extent)).reshape(extent), kind)
    else:
        unit = typed(random.uniform(extent, seed=words_of(seed)), kind)
    high = 1.0 if maxval is None else maxval
    return unit if is_number(minval, 0) and is_number(high, 1) else unit * (high - minval) + minval


def stateless_categorical(
    logits: TensorLike, num_samples: SupportsInt, seed: TensorLike, dtype: DTypeLike = "int64", name: str | None = None
) -> AnyTensor:
    """Numbers of classes drawn by their logits, which follow from a seed of two numbers."""
    return _categorical(logits, int(num_samples), words_of(seed))


def stateless_by_numpy(method: str) -> Callable[..., Tensor]:
    """Draws of NumPy's generator, which follow from a seed of two numbers."""

    def call(shape: Ints, seed: TensorLike, *args: TensorLike, dtype: DTypeLike = float32, **kwargs: TensorLike) -> Tensor:
        generator = np.random.default_rng(np.asarray(words_of(seed)).tolist())
        numbers = [np.asarray(convert(one).numpy()) for one in (*args, *kwargs.values())]
        if method == "binomial":
            numbers[0] = numbers[0].astype(np.int64)
        return typed(jnp.asarray(getattr(generator, method)(*numbers, size=sizes(shape))), dtype)

    return call


def stateless_shuffle(value: TensorLike, seed: TensorLike, alg: object = None, name: str | None = None) -> AnyTensor:
    return _shuffle(convert(value), words_of(seed))


def split(seed: TensorLike, num: SupportsInt = 2, alg: object = None) -> Tensor:
    """Seeds that follow from one: (num, 2)."""
    if are_known(seed):
        return Tensor(philox.words(state_of(seed), 2 * int(num)).view(np.int32).reshape(-1, 2))
    drawn = random.randint((int(num), 2), 0, 2**31 - 1, seed=words_of(seed))
    return Tensor(np.asarray(drawn).astype(np.int32))


def fold_in(seed: TensorLike, data: TensorLike, alg: object = None) -> Tensor:
    """A seed that follows from one and a number."""
    if are_known(seed, data):
        return Tensor(
            np.array([philox.words(state_of(seed), 1).view(np.int32)[0], int(np.asarray(convert(data).numpy()))], np.int32)
        )
    first, second = np.asarray(words_of(seed)).tolist()
    number = int(np.asarray(convert(data).numpy()))
    return Tensor(np.asarray(split([first, (second + 2654435761 * (number + 1)) % 2**31], 1)._array)[0])


def set_seed(seed: SupportsInt) -> None:
    """What is drawn from now on follows from the seed; NumPy's and Python's draws stay as they are."""
    seed_streams(int(seed))
    seeds.SEEDS.set(int(seed))


class Generator:
    """A generator of its own.

    Args:
        seed: where it begins.
    """

    def __init__(self, seed: int | None = None):
        # Of draws that are done at once, and of those in programs.
        self._state = philox.State(0, seeds.SEEDS.draw_seed() if seed is None else seed % 2**64)
        self._generator = random.SeedGenerator(None if seed is None else seed % 2**32)

    def _take(self, size: int) -> philox.State:
        """The state before some numbers, which goes on after them."""
        state, self._state = self._state, self._state.after(size * philox.WORDS_OF_NUMBER)
        return state

    @classmethod
    def from_seed(cls, seed: SupportsInt, alg: object = None) -> "Generator":
        return cls(int(seed))

    @classmethod
    def from_non_deterministic_state(cls, alg: object = None) -> "Generator":
        return cls()

    def reset_from_seed(self, seed: SupportsInt) -> None:
        """Begins where a new generator of the seed begins."""
        self._state = philox.State(0, int(seed) % 2**64)
        self._generator.state.store(random.SeedGenerator(int(seed)).state)

    def skip(self, delta: SupportsInt) -> None:
        """Leaves out what so many draws would have given."""
        self._take(int(delta))
        self._generator.state.store(self._generator.state.value + jnp.asarray([0, int(delta)], "uint32"))

    def truncated_normal(
        self,
        shape: Ints,
        mean: float | Tensor = 0.0,
        stddev: float | Tensor = 1.0,
        dtype: DTypeLike = float32,
        name: str | None = None,
    ) -> Tensor:
        return self._normal(philox.nears, random.truncated_normal, shape, dtype) * stddev + mean

    def _normal(
        self, at_once: Callable[[philox.State, int], np.ndarray], within: Callable[..., Array], shape: Ints, dtype: DTypeLike
    ) -> Tensor:
        extent = sizes(shape)
        if not seeds.at_once():
            return typed(within(extent, seed=self._generator), dtype)
        size = math.prod(extent)
        return typed(at_once(self._take(size), size).reshape(extent), dtype)

    def uniform_full_int(self, shape: Ints, dtype: DTypeLike = "uint64", name: str | None = None) -> Tensor:
        """Whole numbers of all that a type can hold."""
        kind = as_dtype(dtype)
        words = np.asarray(random.randint((*sizes(shape), 8), 0, 256, seed=self._generator)).astype(np.uint8)
        return Tensor(np.ascontiguousarray(words[..., : kind.size]).view(kind.dtype)[..., 0], kind)

    def binomial(
        self, shape: Ints, counts: TensorLike, probs: TensorLike, dtype: DTypeLike = "int32", name: str | None = None
    ) -> Tensor:
        return stateless_by_numpy("binomial")(shape, self.make_seeds(1)._array[:, 0], counts, probs, dtype=dtype)

    def make_seeds(self, count: SupportsInt = 1) -> Tensor:
        """Seeds of two numbers: (2, count)."""
        drawn = random.randint((2, int(count)), 0, 2**31 - 1, seed=self._generator)
        return Tensor(np.asarray(drawn).astype(np.int64))

    def split(self, count: SupportsInt = 1) -> list["Generator"]:
        """Other generators, which begin elsewhere."""
        first = np.asarray(self.make_seeds(count)._array)[0]
        return [Generator(int(seed)) for seed in first]

    def normal(
        self,
        shape: Ints,
        mean: float | Tensor = 0.0,
        stddev: float | Tensor = 1.0,
        dtype: DTypeLike = float32,
        name: str | None = None,
    ) -> Tensor:
        return self._normal(philox.normals, random.normal, shape, dtype) * stddev + mean

    def uniform(
        self,
        shape: Ints,
        minval: float | Tensor = 0,
        maxval: float | Tensor | None = None,
        dtype: DTypeLike = float32,
        name: str | None = None,
    ) -> Tensor:
        kind, extent = as_dtype(dtype), sizes(shape)
        if kind.is_integer and seeds.at_once():
            low, high = whole(minval), whole(maxval)
            return Tensor(seeds.wholes_of(self._take(math.prod(extent)), extent, low, high, kind.name), kind)
        if kind.is_integer:
            return typed(random.randint(extent, whole(minval), whole(maxval), seed=self._generator), kind)
        return self._normal(philox.units, random.uniform, shape, kind) * ((1 if maxval is None else maxval) - minval) + minval


_of_process: list[Generator] = []


def get_global_generator() -> Generator:
    """The generator that programs share; it begins where the process's seed says."""
    if not _of_process:
        _of_process.append(Generator())
    return _of_process[0]


def set_global_generator(generator: Generator) -> None:
    _of_process[:] = [generator]


NAMES: dict[str, Any] = {
    "normal": taking_sizes(normal),
    "uniform": taking_sizes(uniform),
    "truncated_normal": taking_sizes(truncated_normal),
    "shuffle": shuffle,
    "categorical": categorical,
    "gamma": taking_sizes(gamma),
    "poisson": taking_sizes(poisson),
    "set_seed": set_seed,
    "stateless_normal": stateless("normal"),
    "stateless_uniform": stateless_uniform,
    "stateless_categorical": stateless_categorical,
    "stateless_binomial": lambda shape, seed, counts, probs, output_dtype="int32", name=None: stateless_by_numpy("binomial")(
        shape, seed, counts, probs, dtype=output_dtype
    ),
    "stateless_poisson": lambda shape, seed, lam, dtype="int32", name=None: stateless_by_numpy("poisson")(
        shape, seed, lam, dtype=dtype
    ),
    "stateless_gamma": lambda shape, seed, alpha, beta=1.0, dtype=float32, name=None: (
        stateless_by_numpy("gamma")(shape, seed, alpha, dtype=dtype) / beta
    ),
    "split": split,
    "fold_in": fold_in,
    "get_global_generator": get_global_generator,
    "set_global_generator": set_global_generator,
    "stateless_truncated_normal": stateless("truncated_normal"),
    "Generator": Generator,
}
