"""Whose numbers are known while a function is traced, and the error of what asks for numbers that are not.

In a program arrays have shapes and types alone. Where a step runs as Python, all numbers are known; JAX wraps those that a
derivative is taken to all the same, and `known` looks into the wrapping.
"""

from types import TracebackType
from typing import TypeVar, cast

import jax
import numpy as np
from jax.core import Tracer

from kerata.engine.types import HostArray

T = TypeVar("T")
# What JAX raises where it is asked for numbers that are not there.
ASKING = (
    jax.errors.ConcretizationTypeError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
    jax.errors.NonConcreteBooleanIndexError,
)


class NumbersNeeded(TypeError):
    """What is computed hangs on numbers that a program does not have: how many entries there are, which branch is taken.

    Args:
        text: what is wrong.
        what: what asks, such as `"tf.boolean_mask"`.
    """

    def __init__(self, text: str, what: str):
        super().__init__(text)
        self.what = what


def known(array: T) -> T | None:
    """An array that holds its numbers; `None` where they are not known.

    >>> import jax.numpy as jnp
    >>> jax.grad(lambda x: x * float(known(x) is not None))(2.0).tolist()
    1.0
    >>> jax.jit(lambda x: x * float(known(x) is not None))(2.0).tolist()
    0.0
    """
    return cast(T, array.to_concrete_value()) if isinstance(array, Tracer) else array


def numbers_of(array: object) -> HostArray:
    """An array as one of NumPy's, where its numbers are known; elsewhere JAX's own error."""
    found = known(array)
    return np.asarray(array if found is None else found)


class asked_by:
    """Within the block, what JAX says of numbers that are not there is said of a function.

    Args:
        what: its name.
    """

    def __init__(self, what: str):
        self.what = what

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, ASKING):
            text = f"{self.what}: what comes out hangs on numbers that a program does not have"
            raise NumbersNeeded(text, self.what) from error


def need_of(error: BaseException) -> NumbersNeeded | None:
    """What needed numbers, where an error comes of that."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, NumbersNeeded):
        found = found.__cause__
    return found
