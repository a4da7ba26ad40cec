"""Sizes that follow from sizes: within a program they stay numbers that are known, so that a shape may be made of them.

`ops.shape` gives Python's numbers. What JAX makes of them while it traces a program is a traced array, even where nothing in it
is traced, and no shape can be made of such. So the functions that sizes are computed with compute them at once.
"""

# JAX leaves some results of its functions without a type.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import jax
import numpy as np
from jax.core import Tracer

from kerata.engine.types import HostArray

P = ParamSpec("P")
R = TypeVar("R")
# An array of more numbers is data.
MOST_SIZES = 16


def keeps_sizes(function: Callable[P, R]) -> Callable[P, R]:
    """Computes at once, also within a program, what is asked of sizes alone.

    >>> import jax
    >>> from kerata import ops
    >>> rows = lambda x: ops.tile(x[:1], ops.concatenate([ops.expand_dims(ops.shape(x)[0], 0), [1]]))
    >>> jax.eval_shape(rows, jax.ShapeDtypeStruct((3, 2), "float32")).shape
    (3, 2)
    """

    @functools.wraps(function)
    def apply(*args: P.args, **kwargs: P.kwargs) -> R:
        if not are_sizes(args, kwargs):
            return function(*args, **kwargs)
        with jax.ensure_compile_time_eval():
            return function(*args, **kwargs)

    return apply


def at_once(function: Callable[P, R]) -> Callable[P, R]:
    """Computes at once, also within a program, what is asked of known numbers: the size of what comes out depends on them.

    >>> import jax
    >>> from kerata import ops
    >>> jax.eval_shape(lambda x: ops.take(x, ops.nonzero(np.array([3, 0, 1]))[0]), jax.ShapeDtypeStruct((3,), "float32")).shape
    (2,)
    """

    @functools.wraps(function)
    def apply(*args: P.args, **kwargs: P.kwargs) -> R:
        if not all(is_known(one) for one in (*args, *kwargs.values())):
            return function(*args, **kwargs)
        with jax.ensure_compile_time_eval():
            return function(*args, **kwargs)

    return apply


def is_known(value: object) -> bool:
    """Whether a value is a setting, or holds numbers that no program computes."""
    if isinstance(value, (list, tuple)):
        return all(is_known(one) for one in value)
    if isinstance(value, jax.Array):
        return not isinstance(value, Tracer)
    return value is None or isinstance(value, (bool, int, float, str, np.ndarray, np.generic))


def are_sizes(args: tuple[object, ...], kwargs: dict[str, object]) -> bool:
    """Whether the first argument holds sizes, and no argument anything else than sizes, axes or names of types."""
    given = (*args, *kwargs.values())
    return (
        bool(given) and is_size(given[0]) and all(one is None or isinstance(one, (str, bool)) or is_size(one) for one in given)
    )


def is_size(value: object) -> bool:
    """Whether a value is a whole number, or a few of them in a list or an array, that is known already."""
    if isinstance(value, (list, tuple)):
        return 0 < len(value) <= MOST_SIZES and all(is_size(one) for one in value)
    if isinstance(value, (np.ndarray, np.generic)) or (isinstance(value, jax.Array) and not isinstance(value, Tracer)):
        return value.size <= MOST_SIZES and value.dtype.kind in "iu"
    return isinstance(value, int) and not isinstance(value, bool)


def plain_sizes(value: R) -> R | HostArray:
    """A shape that is an array as NumPy's: to iterate over one of JAX's would trace what comes out. Anything else as it is."""
    return np.asarray(value) if isinstance(value, jax.Array) and is_size(value) else value
