"""`tf.random`: numbers drawn by Kerata's generators. They are others than TensorFlow's."""

import random as python_random
from collections.abc import Callable
from typing import Any, SupportsFloat, SupportsInt

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from kerata import random
from kerata.base.types import DTypeLike
from kerata.engine.random import draw_key, set_random_seed
from kerata.engine.types import AnyArray, Array, TensorLike
from kerata.legacy.tensorflow.calls import Function, convert, ints
from kerata.legacy.tensorflow.nn import drop
from kerata.legacy.tensorflow.sizes import taking_sizes
from kerata.legacy.tensorflow.tensor import AnyTensor, Tensor
from kerata.legacy.tensorflow.types import Ints, as_dtype, float32


def key_of(seed: object) -> Array:
    """The next key of the process's generator; in a program, of the step."""
    return draw_key()


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


def gamma(
    shape: Ints,
    alpha: SupportsFloat,
    beta: float | Tensor | None = None,
    dtype: DTypeLike = float32,
    seed: object = None,
    name: str | None = None,
) -> Tensor:
    found = typed(random.gamma(sizes(shape), float(alpha), seed=key_of(seed)), dtype)
    return found if beta is None else found / beta


def poisson(shape: Ints, lam: TensorLike, dtype: DTypeLike = float32, seed: object = None, name: str | None = None) -> Tensor:
    return typed(
        jnp.asarray(np.random.default_rng(np.asarray(key_of(seed)).tolist()).poisson(np.asarray(lam), sizes(shape))), dtype
    )


def dropout(
    x: TensorLike, rate: float | Tensor, noise_shape: Ints = None, seed: object = None, name: str | None = None
) -> AnyTensor:
    """x with a share of its numbers 0, and the others larger in turn."""
    return drop(x, rate, noise_shape, key_of(seed))


def stateless(function: str) -> Callable[..., Tensor]:
    """A function whose draws follow from a seed of two numbers."""

    def call(shape: Ints, seed: TensorLike, *args: object, **kwargs: object) -> Tensor:
        words = np.asarray(convert(seed)._array).astype(np.uint32)
        with_key = {"normal": random.normal, "uniform": random.uniform, "truncated_normal": random.truncated_normal}[function]
        return Tensor(with_key(sizes(shape), *args, seed=jnp.asarray(words), **kwargs))

    return call


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


NAMES: dict[str, Any] = {
    "normal": taking_sizes(normal),
    "uniform": taking_sizes(uniform),
    "truncated_normal": taking_sizes(truncated_normal),
    "shuffle": shuffle,
    "categorical": categorical,
    "gamma": gamma,
    "poisson": poisson,
    "set_seed": set_seed,
    "stateless_normal": stateless("normal"),
    "stateless_uniform": stateless("uniform"),
    "stateless_truncated_normal": stateless("truncated_normal"),
    "Generator": Generator,
}
