"""`tf.random`: numbers drawn by Kerata's generators. They are others than TensorFlow's."""

import random as python_random
from collections.abc import Callable
from typing import Any, SupportsInt

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from kerata import random
from kerata.base.types import DTypeLike
from kerata.engine.random import draw_words, set_random_seed
from kerata.engine.types import AnyArray, Array, TensorLike
from kerata.legacy.tensorflow.calls import Function, convert, ints
from kerata.legacy.tensorflow.nn import drop
from kerata.legacy.tensorflow.sizes import taking_sizes
from kerata.legacy.tensorflow.tensor import AnyTensor, Tensor
from kerata.legacy.tensorflow.types import Ints, as_dtype, float32


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
    unit = typed(random.normal(sizes(shape), seed=key_of(seed)), dtype)
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
    return typed(random.truncated_normal(sizes(shape), seed=key_of(seed)), dtype) * stddev + mean


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
        return typed(random.randint(sizes(shape), whole(minval), whole(maxval), seed=key_of(seed)), kind)
    unit = typed(random.uniform(sizes(shape), seed=key_of(seed)), kind)
    high = 1.0 if maxval is None else maxval
    return unit if is_number(minval, 0) and is_number(high, 1) else unit * (high - minval) + minval


def shuffle(value: TensorLike, seed: object = None, name: str | None = None) -> AnyTensor:
    """The rows in a random order."""
    value = convert(value)
    return _shuffle(value, key_of(seed))


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
    return drop(x, rate, noise_shape, key_of(seed))


def words_of(seed: TensorLike) -> Array:
    """A seed of two numbers as a key."""
    return jnp.asarray(np.asarray(convert(seed)._array).astype(np.uint32))


def stateless(function: str) -> Callable[..., AnyTensor]:
    """A function whose draws follow from a seed of two numbers."""
    draw = {"normal": random.normal, "truncated_normal": random.truncated_normal}[function]

    def call(
        shape: Ints,
        seed: TensorLike,
        mean: float | Tensor = 0.0,
        stddev: float | Tensor = 1.0,
        dtype: DTypeLike = float32,
        name: str | None = None,
        alg: object = None,
    ) -> AnyTensor:
        unit = typed(draw(sizes(shape), seed=words_of(seed)), dtype)
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
    kind, key = as_dtype(dtype), words_of(seed)
    if kind.is_integer:
        if maxval is None:
            raise ValueError("Must specify maxval for integer dtype")
        return typed(random.randint(sizes(shape), whole(minval), whole(maxval), seed=key), kind)
    unit = typed(random.uniform(sizes(shape), seed=key), kind)
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
    drawn = random.randint((int(num), 2), 0, 2**31 - 1, seed=words_of(seed))
    return Tensor(np.asarray(drawn).astype(np.int32))


def fold_in(seed: TensorLike, data: TensorLike, alg: object = None) -> Tensor:
    """A seed that follows from one and a number."""
    first, second = np.asarray(words_of(seed)).tolist()
    number = int(np.asarray(convert(data).numpy()))
    return Tensor(np.asarray(split([first, (second + 2654435761 * (number + 1)) % 2**31], 1)._array)[0])


def set_seed(seed: SupportsInt) -> None:
    """What is drawn from now on follows from the seed; NumPy's and Python's draws stay as they are."""
    before = np.random.get_state(), python_random.getstate()
    set_random_seed(int(seed))
    np.random.set_state(before[0])
    python_random.setstate(before[1])


class Generator:
    """A generator of its own.

    Args:
        seed: where it begins.
    """

    def __init__(self, seed: int | None = None):
        self._generator = random.SeedGenerator(seed)

    @classmethod
    def from_seed(cls, seed: SupportsInt, alg: object = None) -> "Generator":
        return cls(int(seed))

    @classmethod
    def from_non_deterministic_state(cls, alg: object = None) -> "Generator":
        return cls()

    def reset_from_seed(self, seed: SupportsInt) -> None:
        """Begins where a new generator of the seed begins."""
        self._generator.state.store(random.SeedGenerator(int(seed)).state)

    def skip(self, delta: SupportsInt) -> None:
        """Leaves out what so many draws would have given."""
        self._generator.state.store(self._generator.state.value + jnp.asarray([0, int(delta)], "uint32"))

    def truncated_normal(
        self,
        shape: Ints,
        mean: float | Tensor = 0.0,
        stddev: float | Tensor = 1.0,
        dtype: DTypeLike = float32,
        name: str | None = None,
    ) -> Tensor:
        return typed(random.truncated_normal(sizes(shape), seed=self._generator), dtype) * stddev + mean

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
        return typed(random.normal(sizes(shape), seed=self._generator), dtype) * stddev + mean

    def uniform(
        self,
        shape: Ints,
        minval: float | Tensor = 0,
        maxval: float | Tensor | None = None,
        dtype: DTypeLike = float32,
        name: str | None = None,
    ) -> Tensor:
        kind = as_dtype(dtype)
        if kind.is_integer:
            return typed(random.randint(sizes(shape), whole(minval), whole(maxval), seed=self._generator), kind)
        return (
            typed(random.uniform(sizes(shape), seed=self._generator), kind) * ((1 if maxval is None else maxval) - minval)
            + minval
        )


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
