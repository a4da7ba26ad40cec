"""Rows of what takes numbers from places that are computed, and puts them there."""

from collections.abc import Sequence
from typing import cast

import jax
import numpy as np
from jax.extend.core import JaxprEqn

from kerata.export.elementwise import COMPUTED
from kerata.export.shapes import count, cut
from kerata.export.translator import Translator, aval_of, row
from kerata.export.values import Size, Sizes, Value, is_number, product, same

LONG = np.dtype("int64")


def scalar(t: Translator, size: Size) -> str:
    """A size as one number of int64."""
    if is_number(size):
        return t.constant(np.int64(cast(int, size)))
    return t.node("Squeeze", t.size(size), t.ints(0))


def starts_of(t: Translator, indices: Value, places: int) -> list[str]:
    """The starts along each axis that indices name: tensors of the indices' shape without their last axis, in int64."""
    tensor = t.cast(t.name(indices), indices.dtype, LONG)
    return [t.node("Gather", tensor, t.constant(np.int64(place)), axis=len(indices.shape) - 1) for place in range(places)]


def limits(operand: Sizes, sizes: Sequence[Size]) -> list[Size]:
    """The last place along each axis at which a part of the given sizes begins."""
    return [size - part for size, part in zip(operand, sizes, strict=True)]  # pyright: ignore[reportOperatorIssue]


def all_within(t: Translator, starts: Sequence[str], last: Sequence[Size]) -> str | None:
    """Whether starts lie between 0 and the last place along every axis."""
    inside: str | None = None
    zero = t.constant(np.int64(0))
    for start, end in zip(starts, last, strict=True):
        one = t.node("And", t.node("GreaterOrEqual", start, zero), t.node("LessOrEqual", start, scalar(t, end)))
        inside = one if inside is None else t.node("And", inside, one)
    return inside


def clipped(t: Translator, start: str, last: Size) -> str:
    return t.node("Max", t.node("Min", start, scalar(t, last)), t.constant(np.int64(0)))


@row("gather")
def gather(t: Translator, eqn: JaxprEqn, a: Value, indices: Value) -> Value:
    """Parts of an array, one for each index.

    Where whole rows along one axis are taken it is ONNX's `Gather`; else places in the flat array are computed.
    """
    p = eqn.params
    numbers, sizes = p["dimension_numbers"], tuple(p["slice_sizes"])
    axes = [int(axis) for axis in numbers.start_index_map]
    starts, last = starts_of(t, indices, len(axes)), limits(a.shape, sizes)
    inside = (
        all_within(t, starts, [last[axis] for axis in axes]) if p["mode"] == jax.lax.GatherScatterMode.FILL_OR_DROP else None
    )
    starts = [clipped(t, start, last[axis]) for axis, start in zip(axes, starts, strict=True)]
    out = aval_of(eqn.outvars[0]).shape
    offsets = [int(axis) for axis in numbers.offset_dims]
    batch = [axis for axis in range(len(out)) if axis not in offsets]
    collapsed = [int(axis) for axis in (*numbers.collapsed_slice_dims, *numbers.operand_batching_dims)]
    kept = [axis for axis in range(len(a.shape)) if axis not in collapsed]
    order = list(np.argsort([*batch, *offsets]))
    rows = len(axes) == 1 and not numbers.operand_batching_dims and collapsed == axes
    rows = rows and all(same(sizes[axis], a.shape[axis]) for axis in kept)
    if rows:
        made = t.node("Gather", t.transposed(a, [*axes, *kept]), starts[0], axis=0)
    else:
        made = flat_gather(t, a, starts, axes, sizes, kept, numbers, indices)
    if inside is not None:
        made = filled(t, eqn, made, a.dtype, inside, len(kept))
    return t.made(eqn, t.transpose(made, order))


def filled(t: Translator, eqn: JaxprEqn, tensor: str, kind: np.dtype, inside: str, inner: int) -> str:
    """The numbers, and where an index was outside what stands for none."""
    value = eqn.params["fill_value"]
    if value is None:
        value = (
            np.nan
            if kind.kind == "f"
            else (np.iinfo(kind).min if kind.kind == "i" else np.iinfo(kind).max if kind.kind == "u" else True)
        )
    wide = np.dtype(COMPUTED.get(kind.name, kind.name))
    if inner:
        rank = len(aval_of(eqn.outvars[0]).shape)
        inside = t.node("Unsqueeze", inside, t.ints(*range(rank - inner, rank)))
    made = t.node("Where", inside, t.cast(tensor, kind, wide), t.constant(np.asarray(value, wide)))
    return t.cast(made, wide, kind)


def flat_places(
    t: Translator,
    shape: Sizes,
    starts: Sequence[str],
    axes: Sequence[int],
    sizes: Sequence[Size],
    kept: Sequence[int],
    batching: Sequence[tuple[int, int]],
    indices: Value,
) -> str:
    """Places in a flat array of parts that begin at `starts`: of shape (indices..., kept axes)."""
    rank = len(indices.shape) - 1 + len(kept)
    places: str | None = None

    def add(one: str, size: Size, axes_of_one: Sequence[int]) -> None:
        nonlocal places
        step = t.node("Mul", one, size if isinstance(size, str) else scalar(t, size)) if not same(size, 1) else one
        missing = [axis for axis in range(rank) if axis not in axes_of_one]
        step = t.node("Unsqueeze", step, t.ints(*missing)) if missing else step
        places = step if places is None else t.node("Add", places, step)

    strides = [product(shape[axis + 1 :]) for axis in range(len(shape))]
    outer = list(range(len(indices.shape) - 1))
    for axis, start in zip(axes, starts, strict=True):
        add(start, strides[axis], outer)
    for axis, of_indices in batching:
        add(count(t, shape[axis]), strides[axis], [of_indices])
    for place, axis in enumerate(kept):
        add(count(t, sizes[axis]), strides[axis], [len(outer) + place])
    assert places is not None
    whole = [*indices.shape[:-1], *[sizes[axis] for axis in kept]]
    return t.node("Expand", places, t.shape_vector(tuple(whole)))


def batching_of(operand: Sequence[int], indices: Sequence[int]) -> list[tuple[int, int]]:
    return [(int(one), int(other)) for one, other in zip(operand, indices, strict=True)]


def flat_gather(
    t: Translator, a: Value, starts: Sequence[str], axes: Sequence[int], sizes: Sequence[Size], kept: Sequence[int],
    numbers: "GatherNumbers", indices: Value,
) -> str:  # fmt: skip
    pairs = batching_of(numbers.operand_batching_dims, numbers.start_indices_batching_dims)
    places = flat_places(t, a.shape, starts, axes, sizes, kept, pairs, indices)
    return t.node("Gather", t.node("Reshape", t.name(a), t.ints(-1)), places, axis=0)


class GatherNumbers:
    operand_batching_dims: Sequence[int]
    start_indices_batching_dims: Sequence[int]


SCATTERING = {"scatter": "none", "scatter-add": "add", "scatter_add": "add", "scatter-mul": "mul", "scatter_mul": "mul"}
SCATTERING |= {"scatter-min": "min", "scatter_min": "min", "scatter-max": "max", "scatter_max": "max"}


@row(*SCATTERING)
def scatter(t: Translator, eqn: JaxprEqn, a: Value, indices: Value, updates: Value) -> Value:
    """Puts parts at computed places of the flat array; what falls outside goes to a place behind it, which is cut off."""
    p = eqn.params
    numbers, how = p["dimension_numbers"], SCATTERING[eqn.primitive.name]
    if how in ("min", "max") and t.opset < 18:
        raise t.refusal(f"`{eqn.primitive.name}` needs ONNX's operators of version 18", "Give opset_version=18")
    axes = [int(axis) for axis in numbers.scatter_dims_to_operand_dims]
    absent = [int(axis) for axis in (*numbers.inserted_window_dims, *numbers.operand_batching_dims)]
    kept = [axis for axis in range(len(a.shape)) if axis not in absent]
    inner = [int(axis) for axis in numbers.update_window_dims]
    batch = [axis for axis in range(len(updates.shape)) if axis not in inner]
    sizes: list[Size] = [1] * len(a.shape)
    for axis, of_updates in zip(kept, inner, strict=True):
        sizes[axis] = updates.shape[of_updates]
    starts, last = starts_of(t, indices, len(axes)), limits(a.shape, sizes)
    inside = all_within(t, starts, [last[axis] for axis in axes])
    pairs = batching_of(numbers.operand_batching_dims, numbers.scatter_indices_batching_dims)
    places = flat_places(t, a.shape, starts, axes, sizes, kept, pairs, indices)
    if inside is not None:
        spread = t.node("Unsqueeze", inside, t.ints(*range(len(batch), len(batch) + len(kept)))) if kept else inside
        places = t.node("Where", spread, places, scalar(t, product(a.shape)))
    wide = np.dtype(COMPUTED.get(a.dtype.name, a.dtype.name))
    flat = t.node("Reshape", t.cast(t.name(a), a.dtype, wide), t.ints(-1))
    flat = t.node("Concat", flat, t.constant(np.zeros(1, wide)), axis=0)
    given = t.node("Reshape", t.transpose(t.cast(t.name(updates), updates.dtype, wide), [*batch, *inner]), t.ints(-1))
    made = t.node("ScatterElements", flat, t.node("Reshape", places, t.ints(-1)), given, axis=0, reduction=how)
    made = t.reshape(cut(t, made, [0], [-1], [1], [0]), a.shape)
    return t.made(eqn, t.cast(made, wide, a.dtype))


@row("dynamic_slice")
def dynamic_slice(t: Translator, eqn: JaxprEqn, a: Value, *starts: Value) -> Value:
    sizes = eqn.params["slice_sizes"]
    axes = [axis for axis, size in enumerate(sizes) if not same(size, a.shape[axis])]
    if not axes:
        return Value(a.shape, a.dtype, a.array, a.tensor, a.loose, a.name)
    last = limits(a.shape, sizes)
    begin = [
        t.node("Unsqueeze", clipped(t, t.cast(t.name(starts[axis]), starts[axis].dtype, LONG), last[axis]), t.ints(0))
        for axis in axes
    ]
    first = begin[0] if len(begin) == 1 else t.node("Concat", *begin, axis=0)
    end = t.node("Add", first, t.shape_vector(tuple(sizes[axis] for axis in axes)))
    return t.made(eqn, t.node("Slice", t.name(a), first, end, t.ints(*axes)))


@row("dynamic_update_slice")
def dynamic_update_slice(t: Translator, eqn: JaxprEqn, a: Value, update: Value, *starts: Value) -> Value:
    """What is put in is laid between what stands before and behind it, axis by axis from the last."""
    last = limits(a.shape, update.shape)
    axes = [axis for axis in range(len(a.shape)) if not same(update.shape[axis], a.shape[axis])]
    begins = {
        axis: t.node("Unsqueeze", clipped(t, t.cast(t.name(starts[axis]), starts[axis].dtype, LONG), last[axis]), t.ints(0))
        for axis in axes
    }
    ends = {axis: t.node("Add", begins[axis], t.size(update.shape[axis])) for axis in axes}
    made = t.name(update)
    for place in range(len(axes) - 1, -1, -1):
        axis, around = axes[place], t.name(a)
        for outer in axes[:place]:
            around = t.node("Slice", around, begins[outer], ends[outer], t.ints(outer))
        before = t.node("Slice", around, t.ints(0), begins[axis], t.ints(axis))
        behind = t.node("Slice", around, ends[axis], t.ints(np.iinfo("int64").max), t.ints(axis))
        made = t.node("Concat", before, made, behind, axis=axis)
    return t.made(eqn, made)


# Orders


@row("top_k")
def top_k(t: Translator, eqn: JaxprEqn, a: Value) -> list[Value]:
    axis = int(eqn.params.get("axis", len(a.shape) - 1))
    values, places = ordered(t, a, axis, eqn.params["k"], largest=True)
    kinds = [aval_of(variable).dtype for variable in eqn.outvars]
    return [t.made(eqn, values), t.made(eqn, t.cast(places, LONG, kinds[1]), place=1)]


def ordered(t: Translator, a: Value, axis: int, size: Size, largest: bool) -> tuple[str, str]:
    """The first numbers in order, and their places; of equal ones the first comes first."""
    wide = np.dtype(COMPUTED.get(a.dtype.name, a.dtype.name))
    tensor = t.cast(t.name(a), a.dtype, wide)
    values, places = t.nodes("TopK", 2, tensor, t.size(size), axis=axis, largest=int(largest), sorted=1)
    return t.cast(values, wide, a.dtype), places


@row("sort")
def sort(t: Translator, eqn: JaxprEqn, *values: Value) -> list[Value]:
    """Sorts by the last key first, and by those before it then: an order in which equal ones stay as they are."""
    axis, keys = int(eqn.params["dimension"]), int(eqn.params["num_keys"])
    names = [t.name(value) for value in values]
    for key in range(keys - 1, -1, -1):
        value = values[key]
        moved = Value(value.shape, value.dtype, tensor=names[key])
        _, places = ordered(t, moved, axis, value.shape[axis], largest=False)
        names = [t.node("GatherElements", name, places, axis=axis) for name in names]
    return [t.made(eqn, name, place=place) for place, name in enumerate(names)]
