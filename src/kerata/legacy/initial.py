"""`keras.initializations` of Keras 1: functions of a shape that gave a variable."""

import math
from collections.abc import Callable

import numpy as np

from kerata import backend
from kerata.base.checks import check_choice
from kerata.base.registry import snake
from kerata.engine.seeds import law, numpy_numbers
from kerata.engine.types import TensorLike
from kerata.engine.variable import Variable

FLOAT = np.dtype("float32")


def get_fans(shape: tuple[int, ...], dim_ordering: str = "th") -> tuple[float, float]:
    """(numbers that come in, numbers that go out) of a kernel."""
    if len(shape) == 2:
        return shape[0], shape[1]
    if len(shape) in (4, 5):
        if dim_ordering == "th":
            field = math.prod(shape[2:])
            return shape[1] * field, shape[0] * field
        field = math.prod(shape[:2])
        return shape[-2] * field, shape[-1] * field
    root = math.sqrt(math.prod(shape))
    return root, root


def uniform(shape: tuple[int, ...], scale: float = 0.05, name: str | None = None, dim_ordering: str = "th") -> Variable:
    return backend.variable(law().numbers.uniform(law().default_key(), tuple(shape), -scale, scale, FLOAT), name=name)


def normal(shape: tuple[int, ...], scale: float = 0.05, name: str | None = None, dim_ordering: str = "th") -> Variable:
    return backend.variable(law().numbers.normal(law().default_key(), tuple(shape), 0.0, scale, FLOAT), name=name)


def lecun_uniform(shape: tuple[int, ...], name: str | None = None, dim_ordering: str = "th") -> Variable:
    return uniform(shape, math.sqrt(3.0 / get_fans(shape, dim_ordering)[0]), name)


def glorot_normal(shape: tuple[int, ...], name: str | None = None, dim_ordering: str = "th") -> Variable:
    return normal(shape, math.sqrt(2.0 / sum(get_fans(shape, dim_ordering))), name)


def glorot_uniform(shape: tuple[int, ...], name: str | None = None, dim_ordering: str = "th") -> Variable:
    return uniform(shape, math.sqrt(6.0 / sum(get_fans(shape, dim_ordering))), name)


def he_normal(shape: tuple[int, ...], name: str | None = None, dim_ordering: str = "th") -> Variable:
    return normal(shape, math.sqrt(2.0 / get_fans(shape, dim_ordering)[0]), name)


def he_uniform(shape: tuple[int, ...], name: str | None = None, dim_ordering: str = "th") -> Variable:
    return uniform(shape, math.sqrt(6.0 / get_fans(shape, dim_ordering)[0]), name)


def orthogonal(shape: tuple[int, ...], scale: float = 1.1, name: str | None = None, dim_ordering: str = "th") -> Variable:
    flat = (shape[0], math.prod(shape[1:]))
    u, _, v = np.linalg.svd(numpy_numbers().normal(0.0, 1.0, flat), full_matrices=False)
    matrix = u if u.shape == flat else v
    return backend.variable(scale * matrix.reshape(shape), name=name)


def identity(shape: tuple[int, ...], scale: float = 1, name: str | None = None, dim_ordering: str = "th") -> Variable:
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ValueError("identity: only a square matrix can be an identity. Received: shape=" + str(tuple(shape)) + ".")
    return backend.variable(scale * np.identity(shape[0]), name=name)


def zero(shape: tuple[int, ...], name: str | None = None, dim_ordering: str = "th") -> Variable:
    return backend.zeros(shape, name=name)


def one(shape: tuple[int, ...], name: str | None = None, dim_ordering: str = "th") -> Variable:
    return backend.ones(shape, name=name)


NAMES = {
    function.__name__: function
    for function in (
        uniform,
        normal,
        lecun_uniform,
        glorot_normal,
        glorot_uniform,
        he_normal,
        he_uniform,
        orthogonal,
        identity,
        zero,
        one,
    )
}


def function_of(initializer: Callable[..., TensorLike]) -> Callable[..., Variable]:
    """What a layer of Keras 1 held as its `init`: a function of a shape that gives a variable."""

    def draw(shape: tuple[int, ...], scale: float = 1.0, name: str | None = None, dim_ordering: str = "th") -> Variable:
        return backend.variable(initializer(tuple(shape)), name=name)

    own = snake(type(initializer).__name__)
    draw.__name__ = {"random_uniform": "uniform", "random_normal": "normal", "zeros": "zero", "ones": "one"}.get(own, own)
    return draw


def get(identifier: str | Callable[..., Variable], **kwargs: object) -> Callable[..., Variable]:
    """The function that a name stands for."""
    return identifier if callable(identifier) else NAMES[check_choice("initializations.get", "identifier", identifier, NAMES)]
