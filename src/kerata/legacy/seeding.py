"""What seeds give in Keras 1 and Keras 2.3, where `numpy.random.seed` was all there was.

Source: `keras/initializers.py`, `keras/engine/training_arrays.py` and `keras/backend` of Keras 2.3.1; those of Keras 1.2.2, on
Theano.
"""

import numpy as np

from kerata.base.types import Shape
from kerata.engine.seeds import OF_OPERATIONS, Law, Numbers, law, numpy_numbers
from kerata.engine.symbolic import has_symbolic
from kerata.kernels import philox
from kerata.legacy.tensorflow.seeds import LIMIT, SEEDS

# Seeds of operations were drawn below this number.
MOST = 10_000_000


class OfOperations:
    """The numbers of TensorFlow 1's operations, by a seed for each."""

    def uniform(self, key: tuple[int, ...], shape: Shape, low: float, high: float, dtype: np.dtype, /) -> np.ndarray:
        return philox.uniform(state_of(key), shape, low, high, dtype)

    def normal(self, key: tuple[int, ...], shape: Shape, mean: float, stddev: float, dtype: np.dtype, /) -> np.ndarray:
        return philox.normal(state_of(key), shape, mean, stddev, dtype)

    def truncated(self, key: tuple[int, ...], shape: Shape, mean: float, stddev: float, dtype: np.dtype, /) -> np.ndarray:
        return philox.truncated(state_of(key), shape, mean, stddev, dtype)


def state_of(key: tuple[int, ...]) -> philox.State:
    """Where an operation with a seed of its own begins."""
    whole = OF_OPERATIONS if SEEDS.begun is None else SEEDS.begun.seed
    return philox.from_seeds(whole % LIMIT, key[0] % LIMIT)


class OfNumpy:
    """The numbers of NumPy's global state; with a seed those of a state of its own."""

    def uniform(self, key: tuple[int, ...], shape: Shape, low: float, high: float, dtype: np.dtype, /) -> np.ndarray:
        return source(key).uniform(low, high, shape).astype(dtype)

    def normal(self, key: tuple[int, ...], shape: Shape, mean: float, stddev: float, dtype: np.dtype, /) -> np.ndarray:
        return source(key).normal(mean, stddev, shape).astype(dtype)

    def truncated(self, key: tuple[int, ...], shape: Shape, mean: float, stddev: float, dtype: np.dtype, /) -> np.ndarray:
        values = source(key).normal(0.0, 1.0, shape)
        while (far := np.abs(values) > 2).any():
            values[far] = numpy_numbers().normal(0.0, 1.0, int(far.sum()))
        return (values * stddev + mean).astype(dtype)


def source(key: tuple[int, ...]) -> np.random.RandomState:
    """Where numbers come from: no key is NumPy's global state."""
    return np.random.RandomState(key[0]) if key else numpy_numbers()


class OfKeras23(Law):
    """What seeds give in Keras 2 before `tf.keras`, on TensorFlow 1."""

    numbers: Numbers = OfOperations()
    is_late = True
    counts_by_equation = False
    looks = False
    goes_on = True
    # The least seed of a dropout.
    least = 0

    def default_key(self) -> tuple[int, ...]:
        return int(np.random.randint(MOST)), 0

    def orthogonal(self, key: tuple[int, ...] | None, shape: tuple[int, int]) -> np.ndarray:
        drawn = (numpy_numbers() if key is None else np.random.RandomState(key[0])).normal(0.0, 1.0, shape)
        left, _, right = np.linalg.svd(drawn, full_matrices=False)
        return left if left.shape == shape else right

    def state(self) -> object:
        return np.random.get_state(legacy=False)

    def set_state(self, state: object) -> None:
        np.random.set_state(state)  # type: ignore[arg-type]


class OfKeras1(OfKeras23):
    """What seeds give in Keras 1, on Theano."""

    numbers: Numbers = OfNumpy()
    least = 1

    def default_key(self) -> tuple[int, ...]:
        return ()


class Dropping:
    """A layer that took a number of NumPy's for its seed where it was called in a graph, if it dropped anything."""

    seed: int | None

    def __call__(self, inputs: object, *args: object, **kwargs: object) -> object:
        rate = next((held for name in ("rate", "stddev") if (held := getattr(self, name, None)) is not None), 0)
        present = law()
        if isinstance(present, OfKeras23) and self.seed is None and has_symbolic(inputs) and rate > 0:
            numpy_numbers().randint(present.least, MOST)
        return super().__call__(inputs, *args, **kwargs)  # type: ignore[misc]
