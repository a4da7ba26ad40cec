"""Conversion, control flow, scattering and slicing."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kerata.base.checks import check_choice, message
from kerata.engine.symbolic import is_symbolic, traceable
from kerata.engine.variable import Variable, standardize_dtype
from kerata.ops.forms import op

# Conversion.


def convert_to_tensor(x, dtype=None, sparse=None, ragged=None):
    """x as a JAX array, of a type if one is given. A symbolic tensor stays symbolic.

    >>> import kerata
    >>> kerata.ops.convert_to_tensor([1, 2]).dtype
    dtype('int32')
    """
    for name, value in (("sparse", sparse), ("ragged", ragged)):
        if value:
            raise ValueError(message("convert_to_tensor", f"{name} tensors are not supported", {name: value}))
    if is_symbolic(x):
        return x if dtype is None or x.dtype == standardize_dtype(dtype) else cast(x, dtype)
    return jnp.asarray(x, dtype=None if dtype is None else standardize_dtype(dtype))


def convert_to_numpy(x):
    """x as a NumPy array, copied."""
    return np.array(x.value if isinstance(x, Variable) else x)


@op()
def cast(x, dtype):
    """x as another type."""
    return jnp.asarray(x).astype(standardize_dtype(dtype))


@op()
def saturate_cast(x, dtype):
    """x as another type; what does not fit becomes the nearest number that does."""
    x, dtype = jnp.asarray(x), standardize_dtype(dtype)
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
    return float(jnp.finfo(dtype).min), float(jnp.finfo(dtype).max)


def is_tensor(x):
    """Whether x is a JAX array or a symbolic tensor."""
    return isinstance(x, jax.Array) or is_symbolic(x)


def shape(x):
    """The sizes of the axes; `None` for those that a symbolic tensor leaves open."""
    return tuple(x.shape) if hasattr(x, "shape") else jnp.shape(jnp.asarray(x))


def dtype(x):
    """The name of the type."""
    return standardize_dtype(x.dtype if hasattr(x, "dtype") else jnp.asarray(x).dtype)


@op()
def stop_gradient(variable):
    """x, as a constant for derivatives."""
    return lax.stop_gradient(jnp.asarray(variable))


# Control flow.


@traceable
def cond(pred, true_fn, false_fn):
    """true_fn() if the predicate holds, else false_fn()."""
    return lax.cond(jnp.asarray(pred), true_fn, false_fn)


@traceable
def switch(index, branches, *operands):
    """branches[index](*operands)."""
    return lax.switch(jnp.asarray(index), branches, *operands)


@traceable
def fori_loop(lower, upper, body_fun, init_val):
    """body_fun(i, value) for i from lower to upper - 1."""
    return lax.fori_loop(lower, upper, body_fun, init_val)


@traceable
def while_loop(cond, body, loop_vars, maximum_iterations=None):
    """body(*loop_vars) while cond(*loop_vars) holds, at most so many times.

    >>> import kerata
    >>> int(kerata.ops.while_loop(lambda i: i < 5, lambda i: i + 2, 0))
    6
    """
    several = isinstance(loop_vars, (tuple, list))
    start = tuple(loop_vars) if several else (loop_vars,)

    def goes_on(state: tuple) -> Any:
        count, values = state
        return cond(*values) if maximum_iterations is None else cond(*values) & (count < maximum_iterations)

    def step(state: tuple) -> tuple:
        count, values = state
        found = body(*values)
        return count + 1, tuple(found) if several else (found,)

    values = lax.while_loop(goes_on, step, (0, start))[1]
    return values if several else values[0]


@traceable
def scan(f, init, xs=None, length=None, reverse=False, unroll=1):
    """(carry, ys) of f(carry, x) -> (carry, y) run along the first axis of xs."""
    if not isinstance(unroll, bool) and (not isinstance(unroll, int) or unroll < 1):
        raise ValueError(message("scan", "`unroll` must be a positive integer or a bool", {"unroll": unroll}))
    return lax.scan(f, init, xs=xs, length=length, reverse=reverse, unroll=unroll)


@traceable
def associative_scan(f, elems, reverse=False, axis=0):
    """f(f(x0, x1), x2), ... along an axis for an associative function, in a logarithmic number of steps."""
    return lax.associative_scan(f, elems, reverse=reverse, axis=axis)


@traceable
def map(f, xs):
    """f of each slice along the first axis, one after the other."""
    return lax.map(f, xs)


@traceable
def vectorized_map(function, elements):
    """f of each slice along the first axis, all at once."""
    return jax.vmap(function)(elements)


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function with its own derivative: `f` gives (output, function of the upstream gradient)."""
    inner = jax.custom_gradient(f)

    def with_gradient(*args: Any) -> Any:
        return inner(*[x.value if isinstance(x, Variable) else x for x in args])

    return traceable(with_gradient)


# Scattering and slicing.


@traceable
def scatter(indices, values, shape):
    """Zeros of a shape, to which the values are added at indices."""
    values = jnp.asarray(values)
    return jnp.zeros(shape, values.dtype).at[_index(indices)].add(values)


@traceable
def scatter_update(inputs, indices, updates, reduction=None):
    """A copy with the values at indices replaced, or combined by `"add"`, `"mul"`, `"min"` or `"max"`."""
    methods = {None: "set", "add": "add", "mul": "multiply", "min": "min", "max": "max"}
    check_choice("scatter_update", "reduction", reduction, methods)
    place = jnp.asarray(inputs).at[_index(indices)]
    return getattr(place, methods[reduction])(jnp.asarray(updates))


def _index(indices: Any) -> tuple:
    """(n, axes) indices as one row of indices for each axis."""
    return tuple(jnp.moveaxis(jnp.asarray(indices), -1, 0))


@op("inputs start_indices")
def slice(inputs, start_indices, shape):
    """A block of a shape (-1 for all the rest of an axis) that starts at indices, which may be computed."""
    inputs = jnp.asarray(inputs)
    sizes = [inputs.shape[i] - start_indices[i] if size == -1 else size for i, size in enumerate(shape)]
    return lax.dynamic_slice(inputs, tuple(start_indices), sizes)


@op("inputs start_indices updates")
def slice_update(inputs, start_indices, updates):
    """A copy with a block replaced that starts at indices, which may be computed."""
    return lax.dynamic_update_slice(jnp.asarray(inputs), jnp.asarray(updates), tuple(start_indices))


@op()
def unstack(x, num=None, axis=0):
    """The slices along an axis as a list."""
    x = jnp.asarray(x)
    return [lax.index_in_dim(x, i, axis, keepdims=False) for i in range(x.shape[axis])]
