"""Functions of `tf.math` that programs rarely need: quotients without infinities, special functions, segments, histograms."""

from collections.abc import Callable, Sequence
from typing import SupportsInt

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy import special
from jax.typing import ArrayLike

from kerata.base.types import DTypeLike
from kerata.engine.numbers import numbers_of
from kerata.engine.types import Array, TensorLike
from kerata.legacy.tensorflow.calls import Function, convert
from kerata.legacy.tensorflow.errors import InvalidArgumentError
from kerata.legacy.tensorflow.functions import TABLE, segment, type_given
from kerata.legacy.tensorflow.tensor import AnyTensor
from kerata.legacy.tensorflow.types import DType, Ints, as_dtype, boolean, int32


def reciprocal(x: ArrayLike) -> Array:
    """1 / x, and 0 for 0."""
    x = jnp.asarray(x)
    return jnp.where(x == 0, 0, 1 / jnp.where(x == 0, 1, x))


def quotient(x: ArrayLike, y: ArrayLike) -> Array:
    """x / y, and 0 where x is 0."""
    x, y = jnp.asarray(x), jnp.asarray(y)
    return jnp.where(x == 0, 0, x / jnp.where(x == 0, 1, y))


def times_log(function: Callable[[Array], Array], start: float) -> Callable[..., Array]:
    """x log(y), and 0 where x is 0, with no slope there.

    Args:
        function: the logarithm.
        start: a number of which it is finite.
    """

    def compute(x: ArrayLike, y: ArrayLike) -> Array:
        x, y = jnp.asarray(x), jnp.asarray(y)
        return jnp.where(x == 0, 0, x * function(jnp.where(x == 0, start, y)))

    return compute


def product(data: Array, ids: Array, number: int) -> Array:
    """The product of each segment."""
    mine = (ids == jnp.arange(number)[:, None]).reshape(number, -1, *[1] * (data.ndim - 1))
    return jnp.prod(jnp.where(mine, data, jnp.ones((), data.dtype)), axis=1)


def remainder_of_truncation(x: ArrayLike, y: ArrayLike) -> Array:
    """What is left of a division towards 0: it has the sign of x."""
    return lax.rem(*jnp.broadcast_arrays(jnp.asarray(x), jnp.asarray(y)))


def truncated_quotient(x: ArrayLike, y: ArrayLike) -> Array:
    """x / y towards 0."""
    x, y = jnp.broadcast_arrays(jnp.asarray(x), jnp.asarray(y))
    return lax.div(x, y) if jnp.issubdtype(x.dtype, jnp.integer) else jnp.trunc(x / y)


def log_beta(x: ArrayLike) -> Array:
    """The logarithm of the beta function of the numbers of the last axis."""
    x = jnp.asarray(x)
    return jnp.sum(special.gammaln(x), -1) - special.gammaln(jnp.sum(x, -1))


def inverse_order(x: ArrayLike) -> Array:
    """Where each of 0, 1, 2, ... stands."""
    order = numbers_of(x)
    if sorted(order.tolist()) != list(range(len(order))):
        raise InvalidArgumentError(f"tf.math.invert_permutation: it takes the numbers from 0 on, each once. x = {order}")
    return jnp.argsort(jnp.asarray(x))


def over_root(data: Array, ids: Array, number: int) -> Array:
    """The sum of each segment over the root of its size."""
    counts = jax.ops.segment_sum(jnp.ones(ids.shape, data.dtype), ids, number)
    sums = jax.ops.segment_sum(data, ids, number)
    return sums / jnp.sqrt(jnp.maximum(counts, 1)).reshape((-1,) + (1,) * (data.ndim - 1))


def filled_segments(function: Callable[..., Array], empty: float | None) -> Callable[..., Array]:
    """Segments of which those without an element have a number, or the smallest or largest that there is.

    Args:
        function: `segment_max` or `segment_min`.
        empty: that number; `None` for the one that the function begins with.
    """

    def compute(data: Array, ids: Array, number: int) -> Array:
        found = function(data, ids, number)
        limits = jnp.finfo(data.dtype) if jnp.issubdtype(data.dtype, jnp.floating) else jnp.iinfo(data.dtype)
        other = empty if empty is not None else limits.min if function is jax.ops.segment_max else limits.max
        counts = jax.ops.segment_sum(jnp.ones(ids.shape, jnp.int32), ids, number)
        return jnp.where(counts.reshape((-1,) + (1,) * (data.ndim - 1)) > 0, found, jnp.asarray(other, data.dtype))

    return compute


def bins(values: ArrayLike, limits: ArrayLike, count: SupportsInt, _: DTypeLike | None = None) -> Array:
    """Which of some equal bins each number is in; what lies outside is in the first or the last one."""
    values = jnp.asarray(values)
    low, high = jnp.asarray(limits, values.dtype)
    places = jnp.floor(int(count) * (values - low) / (high - low))
    return jnp.clip(places, 0, int(count) - 1).astype(jnp.int32)


def histogram(values: ArrayLike, limits: ArrayLike, count: SupportsInt, _: DTypeLike) -> Array:
    """How many numbers are in each of some equal bins."""
    return jnp.bincount(jnp.ravel(bins(values, limits, count)), length=int(count))


def bincount(
    x: ArrayLike,
    weights: ArrayLike | None,
    minlength: SupportsInt | None,
    maxlength: SupportsInt | None,
    dtype: DTypeLike,
    axis: int | None,
    binary: bool,
) -> Array:
    """How often each whole number comes, or the sum of its weights: of all numbers, or of each row (`axis=-1`)."""
    given = numbers_of(x)
    size = max(int(given.max()) + 1 if given.size else 0, int(minlength or 0))
    size = size if maxlength is None else min(size, int(maxlength))
    kind = jax.dtypes.canonicalize_dtype(as_dtype(dtype).dtype) if weights is None else jnp.asarray(weights).dtype
    rows = jnp.asarray(x).reshape(1, -1) if axis in (None, 0) else jnp.asarray(x).reshape(-1, np.shape(x)[-1])
    amounts = jnp.ones(rows.shape, kind) if weights is None else jnp.asarray(weights).reshape(rows.shape)
    found = jax.vmap(lambda row, amount: jnp.zeros(size, kind).at[row].add(amount, mode="drop"))(rows, amounts)
    found = (found > 0).astype(kind) if binary else found
    return found[0] if axis in (None, 0) or np.ndim(x) == 1 else found


def bincount_type(values: Sequence[object]) -> DType | None:
    return as_dtype(values[4]) if values[1] is None else None


def stitched(indices: Sequence[ArrayLike], data: Sequence[ArrayLike]) -> Array:
    """Rows of several arrays at the places that are said; of two for one place, the later one."""
    places = [numbers_of(one) for one in indices]
    size = max((int(one.max()) + 1 for one in places if one.size), default=0)
    shape = np.shape(data[0])[np.ndim(indices[0]) :]
    found = jnp.zeros((size, *shape), jnp.asarray(data[0]).dtype)
    for place, part in zip(places, data, strict=True):
        found = found.at[jnp.ravel(place)].set(jnp.reshape(jnp.asarray(part), (-1, *shape)))
    return found


def bitcast(x: ArrayLike, kind: DTypeLike) -> Array:
    """The same bits as numbers of another type."""
    return lax.bitcast_convert_type(jnp.asarray(x), jax.dtypes.canonicalize_dtype(as_dtype(kind).dtype))


def coordinates(indices: ArrayLike, dims: Ints) -> Array:
    """Of each flat place its places along all axes: (axes, places)."""
    return jnp.stack(jnp.unravel_index(jnp.asarray(indices), tuple(int(one) for one in numbers_of(dims))))


_UNARY = {
    "math.reciprocal_no_nan": reciprocal,
    "math.lbeta": log_beta,
    "math.ndtri": special.ndtri,
    "math.erfcinv": lambda x: special.erfinv(1 - jnp.asarray(x)),
    "math.bessel_i0": special.i0,
    "math.bessel_i0e": special.i0e,
    "math.bessel_i1": special.i1,
    "math.bessel_i1e": special.i1e,
    "math.special.expint": special.expi,
}
_BINARY = {
    "math.xdivy": ("x, y", quotient),
    "math.xlog1py": ("x, y", times_log(jnp.log1p, 0.0)),
    "math.xlogy": ("x, y", times_log(jnp.log, 1.0)),
    "math.polygamma": ("a, x", lambda a, x: special.polygamma(jnp.asarray(a, jnp.int32), jnp.asarray(x))),
    "math.igamma": ("a, x", special.gammainc),
    "math.igammac": ("a, x", special.gammaincc),
    "math.zeta": ("x, q", special.zeta),
    "math.nextafter": ("x1, x2", jnp.nextafter),
    "truncatediv": ("x, y", truncated_quotient),
    "truncatemod": ("x, y", remainder_of_truncation),
    "realdiv": ("x, y", lambda x, y: jnp.divide(x, y)),
}
_SEGMENTS = {
    "segment_min": filled_segments(jax.ops.segment_min, 0),
    "segment_max": filled_segments(jax.ops.segment_max, 0),
    "segment_prod": product,
}
_UNSORTED = {
    "unsorted_segment_min": filled_segments(jax.ops.segment_min, None),
    "unsorted_segment_max": filled_segments(jax.ops.segment_max, None),
    "unsorted_segment_prod": product,
    "unsorted_segment_sqrt_n": over_root,
}
_ROWS: dict[str, tuple] = {
    "math.betainc": ("a, b, x", special.betainc, {"like": "numbers"}),
    "math.invert_permutation": ("x", inverse_order, {"gives": int32}),
    "math.is_strictly_increasing": ("x", lambda x: jnp.all(jnp.ravel(x)[1:] > jnp.ravel(x)[:-1]), {"gives": boolean}),
    "math.bincount": (
        "arr, weights=None, minlength=None, maxlength=None, dtype='int32', axis=None, binary_output=False",
        bincount,
        {"gives": bincount_type},
    ),
    "histogram_fixed_width": ("values, value_range, nbins=100, dtype='int32'", histogram, {"gives": type_given(3)}),
    "histogram_fixed_width_bins": ("values, value_range, nbins=100, dtype='int32'", bins, {"gives": type_given(3)}),
    "bitcast": ("input, type", bitcast, {"gives": type_given(1)}),
    "unravel_index": ("indices, dims", coordinates, {}),
    "math.accumulate_n": (
        "inputs, shape=None, tensor_dtype=None",
        lambda inputs, *_: sum(jnp.asarray(one) for one in inputs),
        {},
    ),
    "scalar_mul": ("scalar, x", lambda scalar, x: jnp.multiply(scalar, x), {"like": "numbers"}),
}


_stitch = Function("dynamic_stitch", "places, parts", stitched)


def dynamic_stitch(indices: Sequence[TensorLike], data: Sequence[TensorLike], name: str | None = None) -> AnyTensor:
    """Rows of several tensors at the places that are said."""
    return _stitch([convert(one) for one in indices], [convert(one) for one in data])


def _both(function: Callable[..., Array], sorted_ids: bool) -> Callable[..., Array]:
    compute = segment(function)
    return (lambda data, ids: compute(data, ids, None)) if sorted_ids else compute


_ROWS |= {name: ("x", compute, {}) for name, compute in _UNARY.items()}
_ROWS |= {name: (signature, compute, {"like": "numbers"}) for name, (signature, compute) in _BINARY.items()}
_ROWS |= {f"math.{name}": ("data, segment_ids", _both(function, True), {}) for name, function in _SEGMENTS.items()}
_ROWS |= {
    f"math.{name}": ("data, segment_ids, num_segments", _both(function, False), {}) for name, function in _UNSORTED.items()
}
for _name, (_signature, _compute, _facts) in _ROWS.items():
    TABLE[_name] = Function(_name, _signature, _compute, **_facts)
for _name in ("bessel_i0", "bessel_i0e", "bessel_i1", "bessel_i1e"):
    TABLE[f"math.special.{_name}"] = TABLE[f"math.{_name}"]
TABLE["math.scalar_mul"], TABLE["math.truncatediv"] = TABLE["scalar_mul"], TABLE["truncatediv"]
