"""What is taken along axes: `tf.reduce_sum` and its kin, of which each also has a value of nothing at all."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from kerata import ops
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.types import Array, TensorLike
from kerata.kernels.maxima import largest, smallest
from kerata.legacy.tensorflow.calls import ints
from kerata.legacy.tensorflow.types import Ints


def mean(x: ArrayLike, axis: Ints, keepdims: bool) -> Array:
    """The mean; of whole numbers a whole number."""
    x = jnp.asarray(x)
    found = ops.mean(x, axis=ints(axis), keepdims=bool(keepdims))
    return jnp.trunc(found).astype(x.dtype) if jnp.issubdtype(x.dtype, jnp.integer) else found


def total(x: ArrayLike, axis: Ints, keepdims: bool) -> Array:
    x = jnp.asarray(x)
    return jnp.sum(x, axis=ints(axis), keepdims=bool(keepdims), dtype=x.dtype)


def product(x: ArrayLike, axis: Ints, keepdims: bool) -> Array:
    x = jnp.asarray(x)
    return jnp.prod(x, axis=ints(axis), keepdims=bool(keepdims), dtype=x.dtype)


def along(function: Callable[..., Array]) -> Callable[..., Array]:
    """A function of an array, axes and `keepdims` whose axes may be tensors."""
    return lambda x, axis, keepdims: function(jnp.asarray(x), axis=ints(axis), keepdims=bool(keepdims))


def end_of(dtype: np.dtype, sign: int) -> float:
    """The lowest number of a type, or with a sign of 1 the highest.

    >>> end_of(np.dtype("float32"), -1), end_of(np.dtype("int32"), 1)
    (-inf, 2147483647)
    """
    if jnp.issubdtype(dtype, jnp.floating):
        return sign * float("inf")
    return int(jnp.iinfo(dtype).min if sign < 0 else jnp.iinfo(dtype).max)


def of_nothing(function: Callable[..., Any], sign: int) -> Callable[..., Any]:
    """`K.max` or `K.min`, which of nothing give the end of all numbers, as TensorFlow had it."""

    @functools.wraps(function)
    def call(x: TensorLike, axis: Ints = None, keepdims: bool = False) -> object:
        if isinstance(x, SymbolicTensor) or np.size(x):
            return function(x, axis, keepdims)
        return function(x, axis, keepdims, end_of(jnp.asarray(x).dtype, sign))

    return call


def extreme(function: Callable[..., Array], of_nothing: Callable[..., Array], sign: int) -> Callable[..., Array]:
    """`largest` or `smallest`; of nothing, the end of all numbers: -infinity for the largest.

    >>> extreme(largest, ops.max, -1)(jnp.zeros((2, 0)), 1, False).tolist()
    [-inf, -inf]
    """

    def compute(x: ArrayLike, axis: Ints, keepdims: bool) -> Array:
        x = jnp.asarray(x)
        if x.size:
            return function(x, axis=ints(axis), keepdims=bool(keepdims))
        return of_nothing(x, ints(axis), bool(keepdims), end_of(x.dtype, sign))

    return compute


REDUCTIONS: dict[str, Callable[..., Array]] = {
    "reduce_sum": total,
    "reduce_prod": product,
    "reduce_mean": mean,
    "reduce_max": extreme(largest, ops.max, -1),
    "reduce_min": extreme(smallest, ops.min, 1),
    "reduce_any": along(jnp.any),
    "reduce_all": along(jnp.all),
    "reduce_std": along(jnp.std),
    "reduce_variance": along(jnp.var),
    "reduce_logsumexp": along(jax.nn.logsumexp),
    "reduce_euclidean_norm": along(lambda x, axis, keepdims: jnp.sqrt(jnp.sum(jnp.square(x), axis=axis, keepdims=keepdims))),
}
