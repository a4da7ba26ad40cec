"""Functions of tensors: `tf.reduce_mean`, `tf.math`, `tf.linalg`, one line each over `kerata.ops` and `jax.numpy`."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, SupportsInt, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from kerata import ops
from kerata.base.types import DTypeLike
from kerata.engine.numbers import known, numbers_of
from kerata.engine.scope import unknown_size
from kerata.engine.types import Array, HasArray, HostArray, TensorLike
from kerata.kernels.maxima import first_larger, first_smaller, first_within, largest, magnitude
from kerata.legacy.tensorflow.calls import Function, convert, ints, on_host
from kerata.legacy.tensorflow.errors import InvalidArgumentError, UnimplementedError
from kerata.legacy.tensorflow.looking_up import OfRows
from kerata.legacy.tensorflow.on_host import node_of
from kerata.legacy.tensorflow.operators import FUNCTIONS, absolute, invert, negative
from kerata.legacy.tensorflow.reductions import REDUCTIONS
from kerata.legacy.tensorflow.sizes import taking_sizes
from kerata.legacy.tensorflow.tensor import Tensor, dtype_of
from kerata.legacy.tensorflow.texts import ON_TEXTS, places_of_parts
from kerata.legacy.tensorflow.types import DType, Ints, as_dtype, float32, float64, int32, int64

# Of a norm: `"euclidean"`, `"fro"`, 1, 2, `np.inf`.
NormKind: TypeAlias = str | float
# Of one tensor, by names of `ops`: TensorFlow's name, or that and the other.
UNARY = """
exp expm1 log log1p sqrt rsqrt square sign sin cos tan asin:arcsin acos:arccos atan:arctan sinh cosh tanh asinh:arcsinh
acosh:arccosh atanh:arctanh floor ceil erf erfc reciprocal sigmoid relu relu6 silu
is_nan:isnan is_inf:isinf is_finite:isfinite conj erfinv logical_not
"""
# Of two tensors of one type.
BINARY = """
divide_no_nan logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor
left_shift right_shift
"""


def names_of(text: str) -> list[tuple[str, str]]:
    """(TensorFlow's name, that of `ops`)."""
    return [(one.partition(":")[0], one.partition(":")[2] or one) for one in text.split()]


TABLE: dict[str, Function] = {
    **{ours: Function(ours, "x", getattr(ops, theirs)) for ours, theirs in names_of(UNARY)},
    **{ours: Function(ours, "x, y", getattr(ops, theirs), like="numbers") for ours, theirs in names_of(BINARY)},
    **{name: FUNCTIONS[name] for name in ("add", "subtract", "multiply", "less", "less_equal", "greater", "greater_equal")},
    **{name: FUNCTIONS[name] for name in ("equal", "not_equal", "pow")},
    "truediv": FUNCTIONS["truediv"],
    "divide": FUNCTIONS["truediv"],
    "floordiv": FUNCTIONS["floordiv"],
    "math.mod": FUNCTIONS["floormod"],
    "floormod": FUNCTIONS["floormod"],
    "atan2": Function("atan2", "y, x", ops.arctan2, like="numbers"),
    **{name: Function(name, "input", getattr(ops, name)) for name in ("real", "imag", "angle")},
    **{name: Function(name, "features", getattr(ops, name)) for name in ("softplus", "softsign")},
    "maximum": Function("maximum", "x, y", first_larger, like="numbers"),
    "minimum": Function("minimum", "x, y", first_smaller, like="numbers"),
    "abs": absolute,
    "negative": negative,
    "bitwise.invert": invert,
}


def enter(name: str, signature: str, compute: Callable[..., object], **facts: Any) -> None:
    TABLE[name] = Function(name, signature, compute, **facts)


for _name, _compute in REDUCTIONS.items():
    enter(_name, "input_tensor, axis=None, keepdims=False", _compute)


def cast(x: ArrayLike, dtype: DTypeLike) -> Array:
    """x as another type; texts stay what they are, and numbers do not become texts."""
    if dtype_name(dtype) == "string":
        raise UnimplementedError(f"tf.cast: numbers do not become texts. x = {x}. Use tf.strings.as_string(x)")
    kind = jax.dtypes.canonicalize_dtype(as_dtype(dtype).dtype)
    x = jnp.asarray(x)
    if jnp.issubdtype(x.dtype, jnp.floating) and jnp.issubdtype(kind, jnp.integer):
        x = jnp.trunc(x)
        if kind.itemsize < 4:
            # Too large numbers go round, as in C, and do not stop at the largest one.
            x = x.astype(jnp.int32)
    return x.astype(kind)


def dtype_name(dtype: DTypeLike) -> str:
    return as_dtype(dtype).name


def reshape(x: ArrayLike, shape: Ints) -> Array:
    x, wanted = jnp.asarray(x), ints(shape)
    wanted = (wanted,) if isinstance(wanted, int) else wanted
    sizes = [size for size in wanted if size != -1]
    if np.prod(sizes) != x.size and -1 not in wanted:
        raise InvalidArgumentError(
            f"Input to reshape is a tensor with {x.size} values, but the requested shape has {int(np.prod(sizes))}"
        )
    return jnp.reshape(x, wanted)


def transpose(x: ArrayLike, perm: Ints) -> Array:
    return jnp.transpose(x, ints(perm))


def split(value: ArrayLike, parts: Ints, axis: int, num: int | None = None) -> list[Array]:
    """As many equal parts, or parts of some sizes, of which one may be -1."""
    value, axis = jnp.asarray(value), ints(axis)
    return jnp.split(value, places_of_parts(value.shape[axis], parts), axis)


def slice_of(x: ArrayLike, begin: Sequence[HasArray], size: Ints) -> Array:
    x = jnp.asarray(x)
    sizes = [
        x.shape[axis] - ints(start) if n == -1 else n for axis, (start, n) in enumerate(zip(begin, ints(size), strict=True))
    ]
    return lax.dynamic_slice(x, [jnp.asarray(one, jnp.int32) for one in begin], sizes)


def gather(params: ArrayLike, indices: ArrayLike, axis: int | None, batch_dims: int) -> Array:
    params, indices = jnp.asarray(params), jnp.asarray(indices)
    if batch_dims:
        axis = batch_dims if axis is None or axis < batch_dims else axis
        function = lambda p, i: jnp.take(p, i, axis=axis - batch_dims, mode="clip")  # noqa: E731
        for _ in range(batch_dims):
            function = jax.vmap(function)
        return function(params, indices)
    check_indices(indices, params.shape[axis or 0])
    return jnp.take(params, indices, axis=axis or 0, mode="clip")


def check_indices(indices: Array, size: int) -> None:
    """Raises for places that are not there, where the numbers are known."""
    if not indices.size or (numbers := known(indices)) is None:
        return
    # By NumPy, which computes at once while a graph is made, too.
    numbers = np.asarray(numbers)
    low, high = int(numbers.min()), int(numbers.max())
    if low < 0 or high >= size:
        raise InvalidArgumentError(f"indices = {low if low < 0 else high} is not in [0, {size})")


def gather_nd(params: ArrayLike, indices: ArrayLike, batch_dims: int | None) -> Array:
    params, indices = jnp.asarray(params), jnp.asarray(indices)
    function = lambda p, i: p[tuple(jnp.moveaxis(i, -1, 0))]  # noqa: E731
    for _ in range(batch_dims or 0):
        function = jax.vmap(function)
    return function(params, indices)


def where(condition: ArrayLike, x: ArrayLike | None, y: ArrayLike | None) -> Array:
    if x is None and y is None:
        return jnp.argwhere(jnp.asarray(condition), size=unknown_size(condition))
    both: tuple[Any, Any] = (x, y)
    return jnp.where(jnp.asarray(condition, bool), *both)


def where_values(values: list[Any]) -> DType | None:
    return int64 if values[1] is None else None


def clip(value: ArrayLike, low: ArrayLike, high: ArrayLike) -> Array:
    value = jnp.asarray(value)
    return first_within(value, jnp.asarray(low, value.dtype), jnp.asarray(high, value.dtype))


def pad(tensor: ArrayLike, paddings: TensorLike, mode: str, constant: ArrayLike) -> Array:
    widths = np.asarray(paddings).tolist()
    mode = str(mode).lower()
    if mode == "constant":
        return jnp.pad(jnp.asarray(tensor), widths, constant_values=constant)
    return jnp.pad(jnp.asarray(tensor), widths, mode=mode)


def one_hot(
    indices: ArrayLike,
    depth: SupportsInt,
    on: ArrayLike | None,
    off: ArrayLike | None,
    axis: int | None,
    dtype: DTypeLike | None,
) -> Array:
    kind = jax.dtypes.canonicalize_dtype(one_hot_type([0, 0, on, off, axis, dtype]).dtype)
    found = jax.nn.one_hot(jnp.asarray(indices), int(depth), axis=-1 if axis is None else axis)
    on, off = (1 if on is None else on), (0 if off is None else off)
    return jnp.where(found > 0, jnp.asarray(on, kind), jnp.asarray(off, kind))


def one_hot_type(values: list[Any]) -> DType:
    """The type that is said, else that of the values, else float32."""
    given = values[5] if values[5] is not None else next((one for one in values[2:4] if one is not None), None)
    if given is None:
        return float32
    return as_dtype(given) if values[5] is not None else convert(given).dtype


def fill_range(start: ArrayLike, limit: ArrayLike | None, delta: ArrayLike, dtype: DTypeLike | None) -> HostArray:
    if limit is None:
        start, limit = 0, start
    kind = max(map(range_type, (start, limit, delta)), key=HIERARCHY.index) if dtype is None else as_dtype(dtype).name
    numbers: list[Any] = [np.asarray(one)[()] for one in (start, limit, delta)]
    return np.arange(*numbers).astype(as_dtype(kind).dtype)


# Of several types of numbers, the last one is that of the result.
HIERARCHY = ("int32", "int64", "float16", "bfloat16", "float32", "float64")


def range_type(value: object) -> str:
    """The type that a bound of a range has: its own, or that of TensorFlow for a number of Python's."""
    name = str(getattr(value, "dtype", "int32" if isinstance(value, int) else "float32"))
    return name if name in HIERARCHY else "int32"


def matmul(a: ArrayLike, b: ArrayLike, transpose_a: bool, transpose_b: bool, adjoint_a: bool, adjoint_b: bool) -> Array:
    a, b = jnp.asarray(a), jnp.asarray(b)
    for name, one in (("a", a), ("b", b)):
        if one.ndim < 2:
            raise InvalidArgumentError(f"In[{'ab'.index(name)}] of tf.matmul must have at least 2 axes, and has {one.ndim}")
    a = jnp.swapaxes(a, -1, -2) if transpose_a or adjoint_a else a
    b = jnp.swapaxes(b, -1, -2) if transpose_b or adjoint_b else b
    a, b = jnp.conj(a) if adjoint_a else a, jnp.conj(b) if adjoint_b else b
    if a.shape[-1] != b.shape[-2]:
        raise InvalidArgumentError(f"Matrix size-incompatible: In[0]: {list(a.shape)}, In[1]: {list(b.shape)}")
    return ops.matmul(a, b)


class TopK(NamedTuple):
    """The largest numbers of a row, and where they stand."""

    values: Array
    indices: Array


def top_k(x: ArrayLike, k: SupportsInt, ordered: bool) -> TopK:
    return TopK(*ops.top_k(x, int(k)))


def norm(tensor: ArrayLike, kind: NormKind, axis: Ints, keepdims: bool) -> Array:
    x, axes = jnp.asarray(tensor), ints(axis)
    if kind not in (1, np.inf):
        if axis is None:
            found = jnp.linalg.norm(jnp.ravel(x), ord=norm_kind(kind))
            return jnp.reshape(found, (1,) * x.ndim) if keepdims else found
        return jnp.linalg.norm(x, ord=norm_kind(kind, axis), axis=axes, keepdims=bool(keepdims))
    # Of numbers and maxima, with the slopes of these.
    first, last = axes if isinstance(axes, tuple) else (axes, None)
    found = magnitude(x)
    if kind == 1:
        found = jnp.sum(found, first, keepdims=True)
        found = found if last is None else largest(found, axis=last, keepdims=True)
    else:
        found = found if last is None else jnp.sum(found, last, keepdims=True)
        found = largest(found, axis=first, keepdims=True)
    return found if keepdims else jnp.squeeze(found, axes)


def norm_kind(kind: NormKind, axis: Ints = None) -> NormKind | None:
    if kind == "euclidean":
        return None if axis is None or isinstance(axis, int) else "fro"
    return kind


def cumulative(function: Callable[..., Array], unit: int) -> Callable[..., Array]:
    def compute(x: ArrayLike, axis: int, exclusive: bool, reverse: bool) -> Array:
        x = jnp.asarray(x)
        x = jnp.flip(x, axis) if reverse else x
        found = function(x, axis=axis, dtype=x.dtype)
        if exclusive:
            first = jnp.full_like(lax.slice_in_dim(x, 0, 1, axis=axis), unit)
            found = jnp.concatenate([first, lax.slice_in_dim(found, 0, x.shape[axis] - 1, axis=axis)], axis)
        return jnp.flip(found, axis) if reverse else found

    return compute


def boolean_mask(tensor: ArrayLike, mask: ArrayLike, axis: int | None) -> Array:
    tensor, axis = jnp.asarray(tensor), axis or 0
    if (count := unknown_size(mask)) is None:
        places = np.nonzero(numbers_of(mask))
    else:
        places = (np.zeros(count, int),) * np.ndim(mask)
    ndim = len(places)
    return jnp.moveaxis(jnp.moveaxis(tensor, range(axis, axis + ndim), range(ndim))[places], 0, axis)


def scatter(reduction: str) -> Callable[..., Array]:
    def compute(tensor: ArrayLike, indices: ArrayLike, updates: ArrayLike) -> Array:
        place = jnp.asarray(tensor).at[tuple(jnp.moveaxis(jnp.asarray(indices), -1, 0))]
        return getattr(place, reduction)(jnp.asarray(updates))

    return compute


def segment(function: Callable[..., Array]) -> Callable[..., Array]:
    def compute(data: ArrayLike, ids: ArrayLike, count: SupportsInt | None) -> Array:
        number = int(np.max(numbers_of(ids))) + 1 if count is None else int(count)
        return function(jnp.asarray(data), jnp.asarray(ids), number)

    return compute


def segment_mean(data: Array, ids: Array, number: int) -> Array:
    sums = jax.ops.segment_sum(data, ids, number)
    counts = jax.ops.segment_sum(jnp.ones(ids.shape, data.dtype), ids, number)
    return sums / jnp.maximum(counts, 1).reshape((-1,) + (1,) * (data.ndim - 1))


def band_part(x: ArrayLike, lower: int, upper: int) -> Array:
    x = jnp.asarray(x)
    rows, columns = jnp.arange(x.shape[-2])[:, None], jnp.arange(x.shape[-1])
    keep = jnp.ones((x.shape[-2], x.shape[-1]), bool)
    keep = keep & (rows - columns <= lower) if lower >= 0 else keep
    keep = keep & (columns - rows <= upper) if upper >= 0 else keep
    return jnp.where(keep, x, 0)


def squeeze(x: ArrayLike, axis: Ints) -> Array:
    return jnp.squeeze(jnp.asarray(x), ints(axis if axis != [] else None))


def broadcast(x: ArrayLike, shape: Ints) -> Array:
    return jnp.broadcast_to(jnp.asarray(x), ints(shape))


def filled(value: float) -> Callable[..., Array]:
    def compute(shape: Ints, dtype: DTypeLike | None) -> Array:
        return jnp.full(ints(shape), value, jax.dtypes.canonicalize_dtype(as_dtype(dtype or "float32").dtype))

    return compute


def filled_like(value: float) -> Callable[..., Array]:
    return lambda x, dtype: jnp.full_like(x, value, dtype=None if dtype is None else as_dtype(dtype).dtype)


def type_given(place: int, default: DType | None = None) -> Callable[[list[Any]], DType | None]:
    """The type of a result, as an argument says."""
    return lambda values: default if values[place] is None else as_dtype(values[place])


def unstack(value: ArrayLike, num: int | None, axis: int) -> list[Array]:
    value = jnp.asarray(value)
    return [jnp.squeeze(one, axis) for one in jnp.split(value, value.shape[axis], axis)]


def meshgrid(arrays: Sequence[ArrayLike], indexing: str) -> list[Array]:
    return list(jnp.meshgrid(*[jnp.asarray(one) for one in arrays], indexing=indexing))


def accumulate(inputs: Sequence[ArrayLike]) -> Array:
    found = jnp.asarray(inputs[0])
    for one in inputs[1:]:
        found = jnp.add(found, jnp.asarray(one))
    return found


def confusion(
    labels: ArrayLike, predictions: ArrayLike, classes: SupportsInt | None, weights: ArrayLike | None, dtype: DTypeLike
) -> Array:
    labels, predictions = numbers_of(labels), numbers_of(predictions)
    size = int(max(labels.max(), predictions.max()) + 1) if classes is None else int(classes)
    found = jnp.zeros((size, size), as_dtype(dtype).dtype)
    return found.at[labels, predictions].add(1 if weights is None else jnp.asarray(weights, found.dtype))


def evenly(start: ArrayLike, stop: ArrayLike, num: SupportsInt, axis: int) -> Array:
    """Numbers from one to another with equal steps, along a new axis."""
    kind = jnp.asarray(start).dtype
    kind = kind if jnp.issubdtype(kind, jnp.floating) else jax.dtypes.canonicalize_dtype(jnp.float64)
    return jnp.linspace(start, stop, int(num), axis=axis, dtype=kind)


def float_type(values: list[Any]) -> DType | None:
    """Of whole numbers, floats of 64 bits."""
    return None if dtype_of(values[0]).is_floating else float64


def square_of_length(x: ArrayLike) -> Array:
    """|x|^2, of complex numbers too."""
    x = jnp.asarray(x)
    return x * jnp.conj(x) if jnp.iscomplexobj(x) else jnp.square(x)


_ROWS: dict[str, tuple] = {
    "cast": ("x, dtype", cast, {"gives": type_given(1)}),
    "saturate_cast": ("value, dtype", lambda x, d: ops.saturate_cast(x, as_dtype(d).name), {"gives": type_given(1)}),
    "identity": ("input", lambda x: jnp.asarray(x), {}),
    "stop_gradient": ("input", lambda x: lax.stop_gradient(jnp.asarray(x)), {}),
    "reshape": ("tensor, shape", reshape, {}),
    "transpose": (
        "a, perm=None, conjugate=False",
        lambda x, perm, conjugate: transpose(jnp.conj(jnp.asarray(x)) if conjugate else x, perm),
        {},
    ),
    "expand_dims": ("input, axis=None", lambda x, axis: jnp.expand_dims(x, axis), {}),
    "squeeze": ("input, axis=None", squeeze, {}),
    "concat": ("values, axis", lambda values, axis: jnp.concatenate([jnp.asarray(one) for one in values], ints(axis)), {}),
    "stack": ("values, axis=0", lambda values, axis: jnp.stack([jnp.asarray(one) for one in values], axis), {}),
    "unstack": ("value, num=None, axis=0", unstack, {}),
    "split": ("value, num_or_size_splits, axis=0, num=None", split, {}),
    "tile": ("input, multiples", lambda x, n: jnp.tile(jnp.asarray(x), ints(n)), {}),
    "repeat": ("input, repeats, axis=None", lambda x, n, axis: jnp.repeat(jnp.asarray(x), np.asarray(ints(n)), axis), {}),
    "reverse": ("tensor, axis", lambda x, axis: jnp.flip(jnp.asarray(x), ints(axis)), {}),
    "roll": ("input, shift, axis", lambda x, shift, axis: jnp.roll(jnp.asarray(x), ints(shift), ints(axis)), {}),
    "slice": ("input_, begin, size", slice_of, {}),
    "gather": (
        "params, indices, validate_indices=None, axis=None, batch_dims=0",
        lambda p, i, _, axis, batch: gather(p, i, axis, batch),
        {},
    ),
    "gather_nd": ("params, indices, batch_dims=0", gather_nd, {}),
    "boolean_mask": ("tensor, mask, axis=None", boolean_mask, {}),
    "where": ("condition, x=None, y=None", where, {"gives": where_values}),
    "clip_by_value": ("t, clip_value_min, clip_value_max", clip, {}),
    "pad": ("tensor, paddings, mode='CONSTANT', constant_values=0", pad, {}),
    "one_hot": ("indices, depth, on_value=None, off_value=None, axis=None, dtype=None", one_hot, {"gives": one_hot_type}),
    "range": ("start, limit=None, delta=1, dtype=None", fill_range, {"host": True}),
    "linspace": ("start, stop, num, axis=0", evenly, {"like": "2", "gives": float_type}),
    "matmul": ("a, b, transpose_a=False, transpose_b=False, adjoint_a=False, adjoint_b=False", matmul, {"like": "2"}),
    "tensordot": ("a, b, axes", lambda a, b, axes: jnp.tensordot(a, b, axes if not hasattr(axes, "shape") else ints(axes)), {}),
    "argmax": (
        "input, axis=None, output_type='int64'",
        lambda x, axis, _: jnp.argmax(jnp.asarray(x), axis or 0),
        {"gives": type_given(2)},
    ),
    "argmin": (
        "input, axis=None, output_type='int64'",
        lambda x, axis, _: jnp.argmin(jnp.asarray(x), axis or 0),
        {"gives": type_given(2)},
    ),
    "argsort": (
        "values, axis=-1, direction='ASCENDING', stable=False",
        lambda x, axis, way, _: jnp.argsort(jnp.asarray(x), axis=axis, descending=way == "DESCENDING"),
        {"gives": int32},
    ),
    "sort": (
        "values, axis=-1, direction='ASCENDING'",
        lambda x, axis, way: jnp.sort(jnp.asarray(x), axis=axis, descending=way == "DESCENDING"),
        {},
    ),
    "math.top_k": ("input, k=1, sorted=True", top_k, {"gives": lambda values: (None, int32)}),
    "math.in_top_k": ("targets, predictions, k", ops.in_top_k, {}),
    "cumsum": ("x, axis=0, exclusive=False, reverse=False", cumulative(jnp.cumsum, 0), {}),
    "math.cumprod": ("x, axis=0, exclusive=False, reverse=False", cumulative(jnp.cumprod, 1), {}),
    "fill": ("dims, value", lambda dims, value: jnp.full(ints(dims), value), {}),
    "zeros_like": ("input, dtype=None", filled_like(0), {"gives": type_given(1)}),
    "ones_like": ("input, dtype=None", filled_like(1), {"gives": type_given(1)}),
    "broadcast_to": ("input, shape", broadcast, {}),
    "squared_difference": ("x, y", lambda x, y: square_of_length(jnp.subtract(x, y)), {"like": "numbers"}),
    "add_n": ("inputs", accumulate, {}),
    "round": ("x", lambda x: jnp.round(jnp.asarray(x)), {}),
    "math.rint": ("x", lambda x: jnp.round(jnp.asarray(x)), {}),
    "math.multiply_no_nan": ("x, y", lambda x, y: jnp.where(jnp.asarray(y) == 0, 0, jnp.multiply(x, y)), {"like": "numbers"}),
    "math.lgamma": ("x", jax.scipy.special.gammaln, {}),
    "math.digamma": ("x", jax.scipy.special.digamma, {}),
    "math.log_sigmoid": ("x", jax.nn.log_sigmoid, {}),
    "math.count_nonzero": (
        "input, axis=None, keepdims=False, dtype='int64'",
        lambda x, axis, keepdims, _: jnp.sum(jnp.asarray(x) != 0, axis=ints(axis), keepdims=bool(keepdims)),
        {"gives": type_given(3)},
    ),
    "math.confusion_matrix": (
        "labels, predictions, num_classes=None, weights=None, dtype='int32'",
        confusion,
        {"gives": type_given(4)},
    ),
    "math.l2_normalize": (
        "x, axis=None, epsilon=1e-12",
        lambda x, axis, eps: (
            x * lax.rsqrt(first_larger(jnp.real(jnp.sum(square_of_length(x), axis=ints(axis), keepdims=True)), eps))
        ),
        {},
    ),
    "math.segment_sum": ("data, segment_ids", lambda d, i: segment(jax.ops.segment_sum)(d, i, None), {}),
    "math.segment_mean": ("data, segment_ids", lambda d, i: segment(segment_mean)(d, i, None), {}),
    "math.unsorted_segment_sum": ("data, segment_ids, num_segments", segment(jax.ops.segment_sum), {}),
    "math.unsorted_segment_mean": ("data, segment_ids, num_segments", segment(segment_mean), {}),
    "math.polyval": ("coeffs, x", lambda coeffs, x: jnp.polyval(jnp.stack([jnp.asarray(c) for c in coeffs]), x), {}),
    "tensor_scatter_nd_update": ("tensor, indices, updates", scatter("set"), {}),
    "tensor_scatter_nd_add": ("tensor, indices, updates", scatter("add"), {}),
    "tensor_scatter_nd_sub": ("tensor, indices, updates", scatter("subtract"), {}),
    "tensor_scatter_nd_max": ("tensor, indices, updates", scatter("max"), {}),
    "tensor_scatter_nd_min": ("tensor, indices, updates", scatter("min"), {}),
    "scatter_nd": (
        "indices, updates, shape",
        lambda i, u, shape: scatter("add")(jnp.zeros(ints(shape), jnp.asarray(u).dtype), i, u),
        {},
    ),
    "sequence_mask": (
        "lengths, maxlen=None, dtype='bool'",
        lambda n, top, d: (
            jnp.arange(int(np.max(numbers_of(n))) if top is None else int(top)) < jnp.asarray(n)[..., None]
        ).astype(jax.dtypes.canonicalize_dtype(as_dtype(d).dtype)),
        {"gives": type_given(2)},
    ),
    "eye": (
        "num_rows, num_columns=None, batch_shape=None, dtype='float32'",
        lambda n, m, batch, d: jnp.broadcast_to(
            jnp.eye(int(n), None if m is None else int(m), dtype=as_dtype(d).dtype),
            (*(ints(batch) or ()), int(n), int(n if m is None else m)),
        ),
        {},
    ),
    "norm": ("tensor, ord='euclidean', axis=None, keepdims=False", norm, {}),
    "linalg.band_part": ("input, num_lower, num_upper", band_part, {}),
    "linalg.trace": ("x", lambda x: jnp.trace(jnp.asarray(x), axis1=-2, axis2=-1), {}),
    "linalg.det": ("input", lambda x: jnp.linalg.det(x), {}),
    "linalg.cholesky": ("input", lambda x: jnp.linalg.cholesky(x), {}),
    "linalg.qr": ("input, full_matrices=False", lambda x, full: tuple(jnp.linalg.qr(x, "complete" if full else "reduced")), {}),
    "linalg.cross": ("a, b", lambda a, b: jnp.cross(a, b), {}),
    "clip_by_norm": ("t, clip_norm, axes=None", lambda t, n, axes: clip_norm(t, n, axes), {}),
    "math.is_non_decreasing": ("x", lambda x: jnp.all(jnp.ravel(x)[1:] >= jnp.ravel(x)[:-1]), {}),
}
for _name, (_signature, _compute, _facts) in _ROWS.items():
    enter(_name, _signature, _compute, **_facts, on_texts=ON_TEXTS.get(_name))
TABLE["gather"] = OfRows("gather", *_ROWS["gather"][:2], on_texts=ON_TEXTS["gather"])
TABLE["range"].compute = taking_sizes(
    lambda *values: Tensor(fill_range(*[one.numpy() if isinstance(one, Tensor) else one for one in values]))
)


def svd(x: ArrayLike, full: bool, vectors: bool) -> Array | tuple[Array, ...]:
    """(singular values, left vectors, right vectors as columns), as TensorFlow gives them."""
    if not vectors:
        return jnp.linalg.svd(x, compute_uv=False)
    u, s, v = jnp.linalg.svd(x, full_matrices=bool(full))
    return s, u, jnp.swapaxes(v, -1, -2)


enter("linalg.svd", "tensor, full_matrices=False, compute_uv=True", svd)


def clip_norm(t: ArrayLike, limit: ArrayLike, axes: Ints) -> Array:
    t = jnp.asarray(t)
    size = jnp.sqrt(jnp.sum(jnp.square(t), axis=ints(axes), keepdims=True))
    return t * jnp.asarray(limit, t.dtype) / first_larger(size, jnp.asarray(limit, t.dtype))


enter("linalg.global_norm", "t_list", lambda parts: jnp.sqrt(sum(jnp.sum(jnp.square(one)) for one in parts if one is not None)))

on_host.append(node_of)
