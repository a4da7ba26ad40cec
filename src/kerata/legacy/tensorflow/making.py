"""Functions whose arguments are no table's: `tf.constant`, `tf.zeros`, `tf.shape`, `tf.einsum`."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from kerata.base.types import DTypeLike, Shape
from kerata.engine.symbolic import SymbolicTensor
from kerata.legacy.tensorflow import ordering
from kerata.legacy.tensorflow.by_place import TableGradient, for_norm, scaled, within
from kerata.legacy.tensorflow.calls import Function, convert, ints
from kerata.legacy.tensorflow.functions import TABLE, meshgrid
from kerata.legacy.tensorflow.sizes import ShapeTensor, SymbolicShape, taking_sizes
from kerata.legacy.tensorflow.tensor import AnyTensor, Tensor, dtype_of, is_concrete
from kerata.legacy.tensorflow.types import Ints, as_dtype, boolean, float32, int32


def constant(value: object, dtype: DTypeLike | None = None, shape: Ints = None, name: str | None = None) -> AnyTensor:
    """A tensor of numbers or texts."""
    if isinstance(value, Tensor):
        tensor = value if dtype is None or value.dtype == as_dtype(dtype) else TABLE["cast"](value, dtype)
    elif isinstance(value, np.ndarray) and dtype is not None:
        tensor = convert(value.astype(as_dtype(dtype).dtype), dtype)
    else:
        tensor = convert(value, dtype, "tf.constant")
    if shape is None:
        return tensor
    return TABLE["broadcast_to"](tensor, shape) if int(np.prod(tensor.shape)) == 1 else TABLE["reshape"](tensor, shape)


def convert_to_tensor(
    value: object, dtype: DTypeLike | None = None, dtype_hint: object = None, name: str | None = None, **kwargs: object
) -> AnyTensor:
    """A tensor of numbers, texts, lists, arrays and variables."""
    if isinstance(value, np.ndarray) and dtype is not None and value.dtype.kind != "O":
        value = value.astype(as_dtype(dtype).dtype) if as_dtype(dtype).dtype.kind != "O" else value
    return convert(value, dtype)


def make_filled(value: float, name: str) -> Callable[..., Tensor]:
    def call(shape: Ints, dtype: DTypeLike = float32, name: str | None = None, **kwargs: object) -> Tensor:
        kind = as_dtype(dtype)
        sizes = ints(shape)
        sizes = (sizes,) if isinstance(sizes, int) else sizes
        if kind.name == "string":
            found = np.empty(sizes, object)
            found.fill(b"")
            return Tensor(found, kind)
        return Tensor(np.full(sizes, value, kind.dtype), kind)

    call.__name__ = name
    return call


def einsum(equation: str, *inputs: object, **kwargs: object) -> AnyTensor:
    """A sum of products, as the equation says."""
    return _einsum(equation, list(inputs))


_einsum = Function("einsum", "equation, inputs", lambda equation, inputs: jnp.einsum(equation, *inputs))


def call_meshgrid(*args: object, **kwargs: object) -> list[AnyTensor]:
    return _meshgrid(list(args), kwargs.get("indexing", "xy"))


_meshgrid = Function("meshgrid", "arrays, indexing='xy'", meshgrid)


def shape(input: Any, out_type: DTypeLike = int32, name: str | None = None) -> AnyTensor:
    """The sizes of the axes as a tensor."""
    if getattr(input, "is_symbolic", False):
        return ShapeTensor(input)
    input = input if hasattr(input, "shape") else convert(input)
    return Tensor(np.array(tuple(input.shape), as_dtype(out_type).dtype))


def strided_slice(
    input_: object,
    begin: Ints,
    end: Ints,
    strides: Ints = None,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
    var: object = None,
    name: str | None = None,
) -> AnyTensor:
    """x[begin:end:strides]; the bits of the masks say for which axes an end is open, an axis is new, or is left out."""
    starts, ends = ints(begin), ints(end)
    parts: list[Any] = []
    for place, (start, stop) in enumerate(zip(starts, ends, strict=True)):
        bit, step = 1 << place, 1 if strides is None else ints(strides)[place]
        if ellipsis_mask & bit:
            parts.append(Ellipsis)
        elif new_axis_mask & bit:
            parts.append(None)
        elif shrink_axis_mask & bit:
            parts.append(start)
        else:
            parts.append(slice(None if begin_mask & bit else start, None if end_mask & bit else stop, step))
    return convert(input_)[tuple(parts)]


def rank(input: object, name: str | None = None) -> Tensor:
    return Tensor(np.array(len(shape_of(input)), np.int32))


def size(input: object, out_type: DTypeLike = int32, name: str | None = None) -> AnyTensor:
    if isinstance(input, SymbolicTensor) and None in input.shape:
        return math.prod(SymbolicShape(input))  # type: ignore[return-value]
    return Tensor(np.array(int(np.prod(shape_of(input))), as_dtype(out_type).dtype))


def shape_of(value: object) -> Shape:
    found = getattr(value, "shape", None)
    return convert(value).shape if found is None else found


def clip_by_global_norm(
    t_list: Sequence[Tensor | None], clip_norm: float | Tensor, use_norm: Tensor | None = None, name: str | None = None
) -> tuple[list[Tensor | None], Tensor]:
    """(tensors scaled down together to a norm, the norm that they had)."""
    whole = global_norm(t_list) if use_norm is None else use_norm
    scale = clip_norm / TABLE["maximum"](whole, convert(clip_norm, dtype_of(whole)))
    return [None if one is None else scaled(one, scale) for one in t_list], whole


def global_norm(t_list: Sequence[Tensor | None], name: str | None = None) -> Tensor:
    """The norm of all tensors together; of the gradient of a table, that of all places that read a row."""
    return TABLE["linalg.global_norm"]([for_norm(one) for one in t_list if one is not None])


def clip_by_value(t: Tensor, clip_value_min: float | Tensor, clip_value_max: float | Tensor, name: str | None = None) -> object:
    """A tensor's numbers within two others; of a table's gradient those of each place, for bounds of one size."""
    if not isinstance(t, TableGradient):
        return TABLE["clip_by_value"](t, clip_value_min, clip_value_max)
    low, high = convert(clip_value_min, t.dtype), convert(clip_value_max, t.dtype)
    if is_concrete(low) and is_concrete(high) and low.shape == high.shape == () and float(low) == -float(high):
        return within(t, high)
    return TABLE["clip_by_value"](t, low, high)


def clip_by_norm(t: Tensor, clip_norm: float | Tensor, axes: Ints | None = None, name: str | None = None) -> Tensor:
    """A tensor scaled down to a norm."""
    if axes is not None or not isinstance(t, TableGradient):
        return TABLE["clip_by_norm"](t, clip_norm, axes)
    limit = convert(clip_norm, t.dtype)
    return scaled(t, limit / TABLE["maximum"](for_norm(t), limit))


def unique(x: object, out_idx: DTypeLike = int32, name: str | None = None) -> "Unique":
    """(values in the order in which they first come, the place of each element among them)."""
    array = convert(x).numpy()
    values, first, places = np.unique(array, return_index=True, return_inverse=True)
    order = np.argsort(first)
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order))
    return Unique(Tensor(values[order]), Tensor(ranks[places].astype(as_dtype(out_idx).dtype)))


def unique_with_counts(x: object, out_idx: DTypeLike = int32, name: str | None = None) -> "Counted":
    """(values in the order in which they first come, the place of each element among them, how often each comes)."""
    y, idx = unique(x, out_idx)
    return Counted((y, idx, Tensor(np.bincount(idx.numpy(), minlength=y.shape[0]).astype(as_dtype(out_idx).dtype))))


class Counted(tuple):
    """What `tf.unique_with_counts` gives."""

    y = property(lambda self: self[0])
    idx = property(lambda self: self[1])
    count = property(lambda self: self[2])  # type: ignore[assignment]


class Unique(tuple):
    """What `tf.unique` gives."""

    def __new__(cls, y: Tensor, idx: Tensor) -> "Unique":
        return super().__new__(cls, (y, idx))

    y = property(lambda self: self[0])
    idx = property(lambda self: self[1])


OTHERS: dict[str, Any] = {
    **{name: TABLE[name] for name in ordering.ROWS if "." not in name},
    "constant": constant,
    "convert_to_tensor": convert_to_tensor,
    "zeros": taking_sizes(make_filled(0, "zeros")),
    "ones": taking_sizes(make_filled(1, "ones")),
    "einsum": einsum,
    "meshgrid": call_meshgrid,
    "shape": shape,
    "rank": rank,
    "strided_slice": strided_slice,
    "size": size,
    "clip_by_global_norm": clip_by_global_norm,
    "clip_by_norm": clip_by_norm,
    "clip_by_value": clip_by_value,
    "unique": unique,
    "unique_with_counts": unique_with_counts,
    "bool": boolean,
}
