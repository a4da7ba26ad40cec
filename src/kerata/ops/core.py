"""Conversion, control flow, scattering and slicing."""

# JAX leaves some arguments and results of its functions without a type.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kerata.base.checks import check_choice, message
from kerata.base.types import DTypeLike, PartialShape, ShapeLike
from kerata.engine.placement import HERE
from kerata.engine.symbolic import is_symbolic, traceable
from kerata.engine.types import Array, HostArray, TensorLike
from kerata.engine.variable import Variable, standardize_dtype
from kerata.kernels import typed
from kerata.kernels.typed import finfo
from kerata.ops.forms import as_array, op, tell, with_axis
from kerata.ops.sizes import keeps_sizes

C = TypeVar("C")
R = TypeVar("R")

# Conversion.


def convert_to_tensor(
    x: TensorLike, dtype: DTypeLike | None = None, sparse: bool | None = None, ragged: bool | None = None
) -> Array:
    """x as a JAX array, of a type if one is given. A symbolic tensor stays symbolic.

    >>> import kerata
    >>> kerata.ops.convert_to_tensor([1, 2]).dtype
    dtype('int32')
    """
    for name, value in (("sparse", sparse), ("ragged", ragged)):
        if value:
            raise ValueError(message("convert_to_tensor", f"{name} tensors are not supported", {name: value}))
    if is_symbolic(x):
        symbolic: Any = x
        return symbolic if dtype is None or x.dtype == standardize_dtype(dtype) else cast(symbolic, dtype)
    return _converted(x, None if dtype is None else standardize_dtype(dtype))


# Files of Keras have it as a part of a graph.
tell(convert_to_tensor)


@keeps_sizes
def _converted(x: TensorLike, dtype: DTypeLike | None) -> Array:
    """x as a JAX array."""
    if isinstance(x, np.ndarray) and dtype in (None, x.dtype):
        # A copy of its own, as in `as_array`, and known in programs too.
        with jax.ensure_compile_time_eval():
            return HERE.put_whole(x.copy())  # pyright: ignore[reportReturnType]
    return jnp.asarray(x, dtype=dtype)


def convert_to_numpy(x: TensorLike) -> HostArray:
    """x as a NumPy array, copied."""
    return np.array(x.value if isinstance(x, Variable) else x)


@op()
@keeps_sizes
def cast(x: TensorLike, dtype: DTypeLike) -> Array:
    """x as another type."""
    return as_array(x).astype(standardize_dtype(dtype))


@op()
def saturate_cast(x: TensorLike, dtype: DTypeLike) -> Array:
    """x as another type; what does not fit becomes the nearest number that does."""
    x, dtype = as_array(x), standardize_dtype(dtype)
    low, high = _range(dtype)
    # Compared in the type of x, whose bounds may be narrower, and whose rounding must not leave those of `dtype`.
    own_low, own_high = _range(x.dtype.name)
    low, high = np.array([max(low, own_low), min(high, own_high)], x.dtype)
    if float(low) < _range(dtype)[0]:
        low = np.nextafter(low, np.array(0, x.dtype))
    if float(high) > _range(dtype)[1]:
        high = np.nextafter(high, np.array(0, x.dtype))
    return jnp.clip(x, low, high).astype(dtype)


def _range(dtype: str) -> tuple[Any, Any]:
    if dtype == "bool":
        return 0, 1
    if jnp.issubdtype(dtype, jnp.integer):
        return int(jnp.iinfo(dtype).min), int(jnp.iinfo(dtype).max)
    return float(finfo(dtype).min), float(finfo(dtype).max)


def is_tensor(x: object) -> bool:
    """Whether x is a JAX array or a symbolic tensor."""
    return isinstance(x, jax.Array) or is_symbolic(x)


def shape(x: TensorLike) -> PartialShape:
    """The sizes of the axes; `None` for those that a symbolic tensor leaves open."""
    known: PartialShape | None = getattr(x, "shape", None)
    return jnp.shape(as_array(x)) if known is None else tuple(known)


def dtype(x: TensorLike) -> str:
    """The name of the type."""
    known: DTypeLike | None = getattr(x, "dtype", None)
    return standardize_dtype(as_array(x).dtype if known is None else known)


@op()
def stop_gradient(variable: TensorLike) -> Array:
    """x, as a constant for derivatives."""
    return lax.stop_gradient(as_array(variable))


# Control flow.


@traceable
def cond(pred: TensorLike, true_fn: Callable[[], R], false_fn: Callable[[], R]) -> R:
    """true_fn() if the predicate holds, else false_fn()."""
    return typed.cond(as_array(pred), true_fn, false_fn)


@op("index branches *operands")
def switch(index: TensorLike, branches: Sequence[Callable[..., R]], *operands: object) -> R:
    """branches[index](*operands)."""
    return lax.switch(as_array(index), branches, *operands)


@traceable
def fori_loop(lower: int | Array, upper: int | Array, body_fun: Callable[[Array, R], R], init_val: R) -> R:
    """body_fun(i, value) for i from lower to upper - 1."""
    return typed.fori_loop(lower, upper, body_fun, init_val)


@traceable
def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: object, maximum_iterations: int | None = None
) -> Any:
    """body(*loop_vars) while cond(*loop_vars) holds, at most so many times.

    >>> import kerata
    >>> int(kerata.ops.while_loop(lambda i: i < 5, lambda i: i + 2, 0))
    6
    """
    several = isinstance(loop_vars, (tuple, list))
    start: tuple[Any, ...] = tuple(loop_vars) if several else (loop_vars,)

    def goes_on(state: tuple[Any, tuple[Any, ...]]) -> Array | bool:
        count, values = state
        return cond(*values) if maximum_iterations is None else cond(*values) & (count < maximum_iterations)

    def step(state: tuple[Any, tuple[Any, ...]]) -> tuple[Any, tuple[Any, ...]]:
        count, values = state
        found = body(*values)
        return count + 1, tuple(found) if several else (found,)

    values = lax.while_loop(goes_on, step, (0, start))[1]
    return values if several else values[0]


@op("f init xs")
def scan(
    f: Callable[[C, Any], tuple[C, R]],
    init: C,
    xs: object = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[C, R]:
    """(carry, ys) of f(carry, x) -> (carry, y) run along the first axis of xs."""
    given: Any = unroll
    if not isinstance(given, bool) and (not isinstance(given, int) or given < 1):
        raise ValueError(message("scan", "`unroll` must be a positive integer or a bool", {"unroll": unroll}))
    return lax.scan(f, init, xs=xs, length=length, reverse=reverse, unroll=unroll)


@op("f elems")
def associative_scan(f: Callable[[R, R], R], elems: R, reverse: bool = False, axis: int = 0) -> R:
    """f(f(x0, x1), x2), ... along an axis for an associative function, in a logarithmic number of steps."""
    return lax.associative_scan(f, elems, reverse=reverse, axis=axis)


@op("f xs")
def map(f: Callable[[Any], R], xs: object) -> R:
    """f of each slice along the first axis, one after the other."""
    return lax.map(f, xs)


@op("elements")
def vectorized_map(function: Callable[[Any], R], elements: object) -> R:
    """f of each slice along the first axis, all at once."""
    return jax.vmap(function)(elements)


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function with its own derivative: `f` gives (output, function of the upstream gradient)."""
    inner: Callable[..., Any] = jax.custom_gradient(f)

    def with_gradient(*args: object) -> object:
        return inner(*[x.value if isinstance(x, Variable) else x for x in args])

    return traceable(with_gradient)


# Scattering and slicing.


@op("indices values")
def scatter(indices: TensorLike, values: TensorLike, shape: ShapeLike) -> Array:
    """Zeros of a shape, to which the values are added at indices."""
    values = as_array(values)
    return jnp.zeros(shape, values.dtype).at[_index(indices)].add(values)


@op("inputs indices updates")
def scatter_update(inputs: TensorLike, indices: TensorLike, updates: TensorLike, reduction: str | None = None) -> Array:
    """A copy with the values at indices replaced, or combined by `"add"`, `"mul"`, `"min"` or `"max"`."""
    methods = {None: "set", "add": "add", "mul": "multiply", "min": "min", "max": "max"}
    check_choice("scatter_update", "reduction", reduction, methods)
    place = as_array(inputs).at[_index(indices)]
    return getattr(place, methods[reduction])(as_array(updates))


def _index(indices: TensorLike) -> tuple[Array, ...]:
    """(n, axes) indices as one row of indices for each axis."""
    return tuple(jnp.moveaxis(as_array(indices), -1, 0))


@op("inputs start_indices")
def slice(inputs: TensorLike, start_indices: Sequence[int | Array], shape: Sequence[int]) -> Array:
    """A block of a shape (-1 for all the rest of an axis) that starts at indices, which may be computed."""
    inputs = as_array(inputs)
    sizes = [inputs.shape[i] - start_indices[i] if size == -1 else size for i, size in enumerate(shape)]
    return lax.dynamic_slice(inputs, tuple(start_indices), sizes)


@op("inputs start_indices updates")
def slice_update(inputs: TensorLike, start_indices: Sequence[int | Array], updates: TensorLike) -> Array:
    """A copy with a block replaced that starts at indices, which may be computed."""
    return lax.dynamic_update_slice(as_array(inputs), as_array(updates), tuple(start_indices))


@op()
def unstack(x: TensorLike, num: int | None = None, axis: int = 0) -> list[Array]:
    """The slices along an axis as a list; `num` says how many there are where the axis has no known size."""
    x = with_axis("unstack", x, axis)
    return [lax.index_in_dim(x, i, axis, keepdims=False) for i in range(x.shape[axis] if num is None else num)]
