"""Rows of shapes: what moves, joins, cuts, repeats and sums numbers."""

from collections.abc import Sequence
from typing import cast

import numpy as np
from jax.extend.core import JaxprEqn

from kerata.export.elementwise import COMPUTED
from kerata.export.translator import Translator, aval_of, row
from kerata.export.values import Size, Sizes, Value, is_number, same

# The lowest whole number: where a list that is read backwards ends.
BEFORE_ALL = np.iinfo("int64").min + 1


@row("reshape")
def reshape(t: Translator, eqn: JaxprEqn, a: Value, *sizes: Value) -> Value:
    return t.made(eqn, t.reshape(t.name(a), aval_of(eqn.outvars[0]).shape))


@row("squeeze")
def squeeze(t: Translator, eqn: JaxprEqn, a: Value) -> Value:
    axes = [int(axis) for axis in eqn.params["dimensions"]]
    return t.made(eqn, t.node("Squeeze", t.name(a), t.ints(*axes)))


@row("expand_dims")
def expand_dims(t: Translator, eqn: JaxprEqn, a: Value) -> Value:
    return t.made(eqn, t.node("Unsqueeze", t.name(a), t.ints(*map(int, eqn.params["dimensions"]))))


@row("broadcast_in_dim")
def broadcast_in_dim(t: Translator, eqn: JaxprEqn, a: Value, *sizes: Value) -> Value:
    shape, places = aval_of(eqn.outvars[0]).shape, [int(axis) for axis in eqn.params["broadcast_dimensions"]]
    there: Sizes = a.there
    if len(there) < len(a.shape):
        there = (*[1] * (len(a.shape) - len(there)), *there)
    loose: list[Size] = [1] * len(shape)
    for axis, size in zip(places, there, strict=True):
        loose[axis] = size
    is_whole = all(same(one, other) for one, other in zip(loose, shape, strict=True))
    left = None if is_whole else tuple(loose)
    if a.array is not None:
        array = np.reshape(a.array, cast("tuple[int, ...]", tuple(loose)))
        return Value(shape, a.dtype, array, loose=left, name=a.name)
    tensor = t.name(a, whole=False)
    if len(a.there) < len(a.shape):
        tensor = t.reshape(tensor, there)
    new = [axis for axis in range(len(shape)) if axis not in places]
    return t.made(eqn, t.node("Unsqueeze", tensor, t.ints(*new)) if new else tensor, loose=left)


@row("transpose")
def transpose(t: Translator, eqn: JaxprEqn, a: Value) -> Value:
    order = [int(axis) for axis in eqn.params["permutation"]]
    return t.made(eqn, t.transposed(a, order))


@row("concatenate")
def concatenate(t: Translator, eqn: JaxprEqn, *values: Value) -> Value:
    axis = int(eqn.params["dimension"])
    # What is empty is left out: runtimes do not agree how it is broadcast.
    names = [t.name(value) for value in values if not same(value.shape[axis], 0)]
    return t.made(eqn, names[0] if len(names) == 1 else t.node("Concat", *names, axis=axis))


@row("split")
def split(t: Translator, eqn: JaxprEqn, a: Value) -> list[Value]:
    parts = eqn.params["sizes"]
    sizes = t.shape_vector(tuple(parts))
    made = t.nodes("Split", len(parts), t.name(a), sizes, axis=int(eqn.params["axis"]))
    return [t.made(eqn, tensor, place=place) for place, tensor in enumerate(made)]


@row("unstack")
def unstack(t: Translator, eqn: JaxprEqn, a: Value) -> list[Value]:
    axis = int(eqn.params["axis"])
    made = t.nodes("Split", len(eqn.outvars), t.name(a), t.ints(*[1] * len(eqn.outvars)), axis=axis)
    return [t.made(eqn, t.node("Squeeze", part, t.ints(axis)), place=place) for place, part in enumerate(made)]


def cut(
    t: Translator, tensor: str, starts: Sequence[Size], ends: Sequence[Size], steps: Sequence[int], axes: Sequence[int]
) -> str:
    """A part of a tensor along some axes."""
    if not axes:
        return tensor
    bounds = [t.shape_vector(tuple(starts)), t.shape_vector(tuple(ends))]
    return t.node("Slice", tensor, *bounds, t.ints(*axes), t.ints(*steps))


@row("slice")
def slice_(t: Translator, eqn: JaxprEqn, a: Value) -> Value:
    starts, ends = eqn.params["start_indices"], eqn.params["limit_indices"]
    steps = eqn.params["strides"] or (1,) * len(a.shape)
    axes = [
        axis
        for axis, size in enumerate(a.shape)
        if not (same(starts[axis], 0) and same(ends[axis], size) and same(steps[axis], 1))
    ]
    chosen = [[given[axis] for axis in axes] for given in (starts, ends, steps)]
    return t.made(eqn, cut(t, t.name(a), chosen[0], chosen[1], [int(step) for step in chosen[2]], axes))


@row("rev")
def reverse(t: Translator, eqn: JaxprEqn, a: Value) -> Value:
    axes = [int(axis) for axis in eqn.params["dimensions"]]
    return t.made(eqn, cut(t, t.name(a), [-1] * len(axes), [BEFORE_ALL] * len(axes), [-1] * len(axes), axes))


@row("pad")
def pad(t: Translator, eqn: JaxprEqn, a: Value, value: Value) -> Value:
    config = eqn.params["padding_config"]
    tensor, shape = t.name(a), list(a.shape)
    wide = COMPUTED.get(a.dtype.name, a.dtype.name)
    tensor = t.cast(tensor, a.dtype, wide)
    filler = t.cast(t.name(value), value.dtype, wide)
    for axis, (_, _, between) in enumerate(config):
        if between:
            tensor, shape[axis] = spread(t, tensor, shape, axis, int(between), filler)
    tensor = pad_ends(t, tensor, shape, [(low, high) for low, high, _ in config], filler)
    return t.made(eqn, t.cast(tensor, np.dtype(wide), a.dtype))


def pad_ends(t: Translator, tensor: str, shape: Sequence[Size], ends: Sequence[tuple[Size, Size]], filler: str) -> str:
    """Adds numbers at the ends of axes; fewer than none takes numbers away."""
    added = [[end if not (is_number(end) and cast(int, end) < 0) else 0 for end in pair] for pair in ends]
    if any(not same(end, 0) for pair in added for end in pair):
        sizes = t.shape_vector(tuple([pair[0] for pair in added] + [pair[1] for pair in added]))
        tensor = t.node("Pad", tensor, sizes, filler)
    axes = [axis for axis, pair in enumerate(ends) if any(is_number(end) and cast(int, end) < 0 for end in pair)]
    starts = [max(0, -cast(int, ends[axis][0])) if is_number(ends[axis][0]) else 0 for axis in axes]
    stops: list[Size] = []
    for axis in axes:
        taken = -cast(int, ends[axis][1]) if is_number(ends[axis][1]) and cast(int, ends[axis][1]) < 0 else 0
        stops.append(-taken if taken else np.iinfo("int64").max)
    return cut(t, tensor, starts, stops, [1] * len(axes), axes)


def spread(t: Translator, tensor: str, shape: Sequence[Size], axis: int, between: int, filler: str) -> tuple[str, Size]:
    """Puts numbers between those along an axis: each gets an axis of its own, which is filled up and laid flat again."""
    size = cast(int, shape[axis])
    rank = len(shape)
    made = t.node("Unsqueeze", tensor, t.ints(axis + 1))
    made = t.node(
        "Pad", made, t.ints(*[0] * (rank + 1), *[between if place == axis + 1 else 0 for place in range(rank + 1)]), filler
    )
    flat = [*shape[:axis], size * (between + 1), *shape[axis + 1 :]]
    made = t.reshape(made, tuple(flat))
    # Nothing stands behind the last.
    return cut(t, made, [0], [-between], [1], [axis]), size * (between + 1) - between


@row("iota")
def iota(t: Translator, eqn: JaxprEqn, *sizes: Value) -> Value:
    """Counts along an axis; only where a size is open, since what is known is computed beforehand."""
    shape, axis = aval_of(eqn.outvars[0]).shape, int(eqn.params["dimension"])
    made = count(t, shape[axis])
    kind = t.made(eqn, made).dtype
    made = t.cast(made, np.dtype("int64"), kind)
    loose = tuple(size if place == axis else 1 for place, size in enumerate(shape))
    if len(shape) > 1:
        others = [place for place in range(len(shape)) if place != axis]
        made = t.node("Unsqueeze", made, t.ints(*others))
    is_whole = all(same(one, other) for one, other in zip(loose, shape, strict=True))
    return t.made(eqn, made, loose=None if is_whole else loose)


def count(t: Translator, size: Size) -> str:
    """0, 1, 2, ... in int64."""
    if is_number(size):
        return t.constant(np.arange(cast(int, size), dtype="int64"))
    end = t.node("Squeeze", t.size(size), t.ints(0))
    return t.node("Range", t.constant(np.int64(0)), end, t.constant(np.int64(1)))


@row("dim_as_value", "dimension_size")
def size_as_value(t: Translator, eqn: JaxprEqn, *values: Value) -> Value:
    size = t.node("Squeeze", t.size(eqn.params["dim"]), t.ints(0))
    return t.made(eqn, t.node("Cast", size, to=t.made(eqn, size).dtype))


# Sums and their kin

REDUCING = {"reduce_sum": "ReduceSum", "reduce_prod": "ReduceProd", "reduce_max": "ReduceMax", "reduce_min": "ReduceMin"}
REDUCING |= {"reduce_and": "ReduceMin", "reduce_or": "ReduceMax"}


@row(*REDUCING)
def reduce(t: Translator, eqn: JaxprEqn, a: Value) -> Value:
    kind, axes = REDUCING[eqn.primitive.name], [int(axis) for axis in eqn.params["axes"]]
    if not axes:
        return Value(a.shape, a.dtype, a.array, a.tensor, a.loose, a.name)
    wide = np.dtype(COMPUTED.get(a.dtype.name, a.dtype.name))
    tensor = t.cast(t.name(a), a.dtype, wide)
    if kind == "ReduceSum" or t.opset >= 18:
        made = t.node(kind, tensor, t.ints(*axes), keepdims=0)
    else:
        made = t.node(kind, tensor, axes=axes, keepdims=0)
    return t.made(eqn, t.cast(made, wide, a.dtype))


@row("argmax", "argmin")
def argmax(t: Translator, eqn: JaxprEqn, a: Value) -> Value:
    kind = {"argmax": "ArgMax", "argmin": "ArgMin"}[eqn.primitive.name]
    tensor = t.cast(t.name(a), a.dtype, "int32" if a.dtype.name in COMPUTED else a.dtype)
    made = t.node(kind, tensor, axis=int(eqn.params["axes"][0]), keepdims=0)
    return t.made(eqn, t.cast(made, np.dtype("int64"), aval_of(eqn.outvars[0]).dtype))
