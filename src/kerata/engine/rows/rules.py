"""Rules for operations that know axes. Each gives the kind of the result; its axis follows from its shapes.

A rule takes an operation as both traces have it, the kinds of its arguments, all sound, and the batch axes of its results.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from kerata.engine.rows.elementwise import is_zero
from kerata.engine.rows.kinds import UNSOUND, Fill, Kind, Place, alike, same
from kerata.engine.traces import Operation

Rule = Callable[[Operation, Operation, list[Kind], list[Place]], Kind]
# ((summed axes of the left, of the right), (batch axes of the left, of the right)) of a product.
DimensionNumbers = tuple[tuple[Sequence[int], Sequence[int]], tuple[Sequence[int], Sequence[int]]]
PRODUCT: DimensionNumbers = (((1,), (0,)), ((), ()))
OVER_ROWS: DimensionNumbers = (((0,), (0,)), ((), ()))


def _broadcast(m: Operation, n: Operation, kinds: list[Kind], outs: list[Any]) -> Kind:
    axis = kinds[0].axis
    place, times = outs[0] or (None, 1)
    sound = axis is None or m.params["broadcast_dimensions"][axis] == place
    sound = sound and m.params["broadcast_dimensions"] == n.params["broadcast_dimensions"]
    return Kind(sound, fill=kinds[0].fill, outer=kinds[0].outer if axis is not None else None if times > 1 else 1)


def _empty(m: Operation, n: Operation, kinds: list[Kind], outs: list[Any]) -> Kind:
    """Memory that nothing was written to yet: what stands there is the same for no row, and is said of none."""
    _, times = outs[0] or (None, 1)
    return Kind(True, outer=None if times > 1 else 1)


def _reshape(m: Operation, n: Operation, kinds: list[Kind], outs: list[Any]) -> Kind:
    kind = kinds[0]
    if kind.axis is None or outs[0] is None or outs[0][0] is None or m.params.get("dimensions") is not None:
        return UNSOUND
    place, times = outs[0]
    if kind.outer is None and kind.fill is not None:
        return kind._replace(outer=None if times > 1 else 1)
    # In row-major order: how many times all samples come after each other, in the axes before the batch's and in its own.
    before = int(np.prod(m.invars[0].aval.shape[: kind.axis])) * (kind.outer or 1)
    left = int(np.prod(m.outvars[0].aval.shape[:place]))
    sound = before % left == 0 and times % (before // left) == 0
    return kind._replace(sound=sound, outer=before // left if sound else 1)


def _squeeze(m: Operation, n: Operation, kinds: list[Kind], outs: list[Any]) -> Kind:
    return kinds[0]._replace(sound=outs[0] is not None and outs[0][0] is not None)


def _transpose(m: Operation, n: Operation, kinds: list[Kind], outs: list[Any]) -> Kind:
    return kinds[0]._replace(sound=m.params["permutation"] == n.params["permutation"])


def _slice(m: Operation, n: Operation, kinds: list[Kind], outs: list[Any]) -> Kind:
    axis = kinds[0].axis
    if axis is None:
        return UNSOUND
    starts, stops, strides = m.params["start_indices"], m.params["limit_indices"], m.params["strides"]
    pairs = zip([*zip(starts, stops, strict=True)], zip(n.params["start_indices"], n.params["limit_indices"], strict=True))
    equal = [first == second for first, second in pairs]
    if strides != n.params["strides"] or not all(equal[:axis] + equal[axis + 1 :]):
        return UNSOUND
    if kinds[0].outer == 1 and equal[axis] and stops[axis] <= kinds[0].times:
        # Of the first sample, which every batch has and which fills none up.
        return Kind(True)
    plain = starts[axis] == 0 and (strides is None or strides[axis] == 1)
    return kinds[0]._replace(sound=plain and stops[axis] == m.invars[0].aval.shape[axis])


def _along(parameter: str, keeps_fill: bool = False) -> Rule:
    """For operations along one axis, which must not be the batch's."""

    def rule(m: Operation, n: Operation, kinds: list[Kind], outs: list[Any]) -> Kind:
        kind, along = alike(kinds), m.params[parameter]
        fills = {kind.fill for kind in kinds}
        return kind._replace(
            sound=kind.sound and along not in (kind.axis,) and along == n.params[parameter],
            fill=fills.pop() if keeps_fill and len(fills) == 1 else None,
        )

    return rule


def _last(m: Operation, n: Operation, kinds: list[Kind], outs: list[Any]) -> Kind:
    sound = kinds[0].axis != len(m.invars[0].aval.shape) - 1 and m.params.get("k") == n.params.get("k")
    return Kind(sound, outer=kinds[0].outer)


def _reduce(neutral: Callable[[np.dtype[Any]], Fill] | None, keeps: bool = False) -> Rule:
    """For sums and their like: over the batch axis only where its filling changes nothing."""

    def rule(m: Operation, n: Operation, kinds: list[Kind], outs: list[Any]) -> Kind:
        axes = m.params["axes"] if "axes" in m.params else m.params["dimensions"]
        if axes != (n.params["axes"] if "axes" in n.params else n.params["dimensions"]) or len(kinds) != 1:
            return UNSOUND
        fill = kinds[0].fill
        if kinds[0].axis in axes:
            needed = None if neutral is None else neutral(m.invars[0].aval.dtype)
            return Kind(fill is not None and needed is not None and fill == needed)
        return Kind(True, fill=fill if keeps or is_zero(fill) else None, outer=kinds[0].outer)

    return rule


def _reduce_together(m: Operation, n: Operation, kinds: list[Kind], outs: list[Any]) -> Kind:
    """For what takes several arrays along axes at once, by a function of a number of each: over other axes than the batch's."""
    axes, arrays = m.params["dimensions"], kinds[: len(kinds) // 2]
    found = alike(arrays)
    starts = kinds[len(arrays) :]
    if axes != n.params["dimensions"] or not found.sound or found.axis in axes or any(one.axis is not None for one in starts):
        return UNSOUND
    return Kind(True, outer=found.outer)


def _least(dtype: np.dtype[Any]) -> Fill:
    return -np.inf if jax.numpy.issubdtype(dtype, np.floating) else False if dtype == np.bool_ else np.iinfo(dtype).min


def _largest(dtype: np.dtype[Any]) -> Fill:
    return np.inf if jax.numpy.issubdtype(dtype, np.floating) else True if dtype == np.bool_ else np.iinfo(dtype).max


def _reverse(m: Operation, n: Operation, kinds: list[Kind], outs: list[Any]) -> Kind:
    return kinds[0]._replace(sound=kinds[0].axis not in m.params["dimensions"])


def _arg_reduce(m: Operation, n: Operation, kinds: list[Kind], outs: list[Any]) -> Kind:
    return Kind(kinds[0].axis not in m.params["axes"] and m.params["axes"] == n.params["axes"], outer=kinds[0].outer)


def _dot(m: Operation, n: Operation, kinds: list[Kind], outs: list[Any]) -> Kind:
    numbers = m.params.get("dimension_numbers", PRODUCT)
    return _contract(numbers, kinds) if numbers == n.params.get("dimension_numbers", PRODUCT) else UNSOUND


def _contract(numbers: DimensionNumbers, kinds: list[Kind]) -> Kind:
    (left_sums, right_sums), (left_batch, right_batch) = numbers
    left, right = kinds
    zero = 0.0 if is_zero(left.fill) or is_zero(right.fill) else None
    if left.axis in left_sums or right.axis in right_sums:
        return Kind(_paired(left, right, left_sums, right_sums) and zero is not None)
    if left.axis is not None and right.axis is not None:
        return Kind(_paired(left, right, left_batch, right_batch), fill=zero, outer=left.outer or right.outer)
    alone = left if left.axis is not None else right
    return Kind(True, fill=0.0 if is_zero(alone.fill) else None, outer=alone.outer)


def _paired(left: Kind, right: Kind, of_left: Sequence[int], of_right: Sequence[int]) -> bool:
    """Whether the batch axes of two arrays go side by side, in lists of axes that do."""
    if left.axis not in of_left or right.axis not in of_right or of_left.index(left.axis) != of_right.index(right.axis):
        return False
    return alike([left._replace(axis=0), right._replace(axis=0)]).sound


def _convolution(m: Operation, n: Operation, kinds: list[Kind], outs: list[Any]) -> Kind:
    left, right = kinds
    sound = (
        right.axis is None
        and m.params["batch_group_count"] == 1
        and left.axis == m.params["dimension_numbers"].lhs_spec[0]
        and m.params["padding"] == n.params["padding"]
        and m.params["window_strides"] == n.params["window_strides"]
    )
    return Kind(sound, fill=0.0 if is_zero(left.fill) else None, outer=left.outer)


def _own_convolution(m: Operation, n: Operation, kinds: list[Kind], outs: list[Any]) -> Kind:
    """Of `kerata.kernels.convolution`: samples first, and a kernel."""
    left, right = kinds
    sound = left.axis == 0 and right.axis is None and m.params["fixed"] == n.params["fixed"]
    return Kind(sound, fill=0.0 if is_zero(left.fill) else None, outer=left.outer)


def _own_correlation(m: Operation, n: Operation, kinds: list[Kind], outs: list[Any]) -> Kind:
    """The gradient of its kernel: a sum over the samples of both."""
    are_first = {kind.axis for kind in kinds} == {0}
    return _contract(OVER_ROWS, kinds) if are_first and m.params["fixed"] == n.params["fixed"] else UNSOUND


def _own_windows(m: Operation, n: Operation, kinds: list[Kind], outs: list[Any]) -> Kind:
    """Of `kerata.kernels.pooling`: linear in the last operand, samples first."""
    kind = alike(kinds)
    sound = kind.sound and kind.axis == 0 and m.params["fixed"] == n.params["fixed"]
    return kind._replace(sound=sound, fill=0.0 if is_zero(kinds[-1].fill) else None)


def _with_weight(keeps_zeros: bool) -> Rule:
    """Of `kerata.kernels.sums`: a weight beside the last axes."""

    def rule(m: Operation, n: Operation, kinds: list[Kind], outs: list[Any]) -> Kind:
        x, weight = kinds
        beside = len(m.invars[1].aval.shape)
        sound = x.axis is not None and x.axis < len(m.invars[0].aval.shape) - beside and weight.axis is None
        return Kind(sound, fill=0.0 if keeps_zeros and is_zero(x.fill) else None, outer=x.outer)

    return rule


def _of_rows(m: Operation, n: Operation, kinds: list[Kind], outs: list[Any]) -> Kind:
    """Of `kerata.kernels.standardization`: along the last axis."""
    kind = alike(kinds)
    sound = kind.sound and kind.axis != len(m.invars[-1].aval.shape) - 1 and m.params["fixed"] == n.params["fixed"]
    return kind._replace(sound=sound, fill=0.0 if is_zero(kinds[-1].fill) else None)


def _window(m: Operation, n: Operation, kinds: list[Kind], outs: list[Any]) -> Kind:
    kind = alike(kinds)
    if not kind.sound or not same(m.params, n.params):
        return UNSOUND
    plain = {"window_dimensions": 1, "window_strides": 1, "base_dilation": 1, "window_dilation": 1, "padding": (0, 0)}
    asked = {name: tuple(m.params[name])[kind.axis or 0] for name in plain if m.params.get(name) is not None}
    return kind._replace(sound=all(value == plain[name] for name, value in asked.items()))


def _concatenate(m: Operation, n: Operation, kinds: list[Kind], outs: list[Any]) -> Kind:
    kind, fills = alike(kinds), {kind.fill for kind in kinds}
    sound = kind.sound and all(k.axis is not None for k in kinds)
    return kind._replace(
        sound=sound and m.params["dimension"] == n.params["dimension"] != kind.axis,
        fill=fills.pop() if len(fills) == 1 else None,
    )


def _stack(m: Operation, n: Operation, kinds: list[Kind], outs: list[Any]) -> Kind:
    kind, fills = alike(kinds), {kind.fill for kind in kinds}
    sound = kind.sound and all(k.axis is not None for k in kinds) and len(m.invars) == len(n.invars)
    return kind._replace(sound=sound and same(m.params, n.params), fill=fills.pop() if len(fills) == 1 else None)


def _pad(m: Operation, n: Operation, kinds: list[Kind], outs: list[Any]) -> Kind:
    kind, config = kinds[0], m.params["padding_config"]
    sound = kind.axis is not None and tuple(config[kind.axis]) == (0, 0, 0) and config == n.params["padding_config"]
    return kind._replace(sound=sound and kinds[1].axis is None, fill=kind.fill if kind.fill == kinds[1].fill else None)


def _dynamic_slice(m: Operation, n: Operation, kinds: list[Kind], outs: list[Any]) -> Kind:
    axis = kinds[0].axis
    if axis is None or any(kind.axis is not None for kind in kinds[1:]):
        return UNSOUND
    return kinds[0]._replace(sound=m.params["slice_sizes"][axis] == m.invars[0].aval.shape[axis])


def _dynamic_update_slice(m: Operation, n: Operation, kinds: list[Kind], outs: list[Any]) -> Kind:
    kind = alike(kinds[:2])
    return kind._replace(sound=kind.sound and kinds[1].axis is not None and all(k.axis is None for k in kinds[2:]))


def _gather(m: Operation, n: Operation, kinds: list[Kind], outs: list[Any]) -> Kind:
    source, indices = kinds
    numbers, sizes = m.params["dimension_numbers"], m.params["slice_sizes"]
    if numbers != n.params["dimension_numbers"] or m.params["mode"] != n.params["mode"] or outs[0] is None:
        return UNSOUND
    last = len(m.invars[1].aval.shape) - 1
    place = outs[0][0]
    # Axes of the result that count indices, in the order of the axes of the indices.
    counted = [i for i in range(len(m.outvars[0].aval.shape)) if i not in numbers.offset_dims]
    if indices.axis is not None and indices.axis != last:
        fits = place is not None and counted.index(place) == indices.axis if place in counted else False
        if source.axis is None:
            return Kind(fits, outer=indices.outer)
        paired = _paired(source, indices, numbers.operand_batching_dims, numbers.start_indices_batching_dims)
        return Kind(fits and paired, outer=source.outer or indices.outer)
    if indices.axis is not None or source.axis is None:
        return UNSOUND
    # A whole batch axis goes through.
    removed = {*numbers.collapsed_slice_dims, *numbers.operand_batching_dims}
    if source.axis in removed or source.axis in numbers.start_index_map:
        return UNSOUND
    kept = [i for i in range(len(sizes)) if i not in removed]
    return Kind(
        sizes[source.axis] == m.invars[0].aval.shape[source.axis] and place == numbers.offset_dims[kept.index(source.axis)],
        outer=source.outer,
    )


def _scatter(m: Operation, n: Operation, kinds: list[Kind], outs: list[Any]) -> Kind:
    target, indices, updates = kinds
    numbers = m.params["dimension_numbers"]
    if numbers != n.params["dimension_numbers"] or target.axis is None or updates.axis is None:
        return UNSOUND
    if indices.axis is None:
        removed = {*numbers.inserted_window_dims, *numbers.operand_batching_dims}
        if target.axis in removed or target.axis in numbers.scatter_dims_to_operand_dims:
            return UNSOUND
        kept = [i for i in range(len(m.invars[0].aval.shape)) if i not in removed]
        return Kind(
            _paired(updates, target, [numbers.update_window_dims[kept.index(target.axis)]], [target.axis]),
            outer=target.outer or updates.outer,
        )
    paired = _paired(target, indices, numbers.operand_batching_dims, numbers.scatter_indices_batching_dims)
    return Kind(paired and updates.times == target.times and updates.outer in (target.outer, None), outer=target.outer)


def _matrices(m: Operation, n: Operation, kinds: list[Kind], outs: list[Any]) -> Kind:
    """Decompositions and solutions of the matrices on the last two axes."""
    fits = (kind.axis is not None and kind.axis < len(v.aval.shape) - 2 for kind, v in zip(kinds, m.invars, strict=True))
    kind = alike(kinds)
    return kind._replace(sound=kind.sound and all(fits) and same(m.params, n.params))


def _fft(m: Operation, n: Operation, kinds: list[Kind], outs: list[Any]) -> Kind:
    lengths = m.params["fft_lengths"]
    axis = kinds[0].axis
    sound = axis is not None and axis < len(m.invars[0].aval.shape) - len(lengths) and lengths == n.params["fft_lengths"]
    return Kind(sound, outer=kinds[0].outer)


def _draw(m: Operation, n: Operation, kinds: list[Kind], outs: list[Any]) -> Kind:
    """Random numbers are as good in one row as in another; keys, where there is one a sample, stay with their rows."""
    return alike(kinds) if any(kind.axis is not None for kind in kinds) else Kind(True)


def _count(m: Operation, n: Operation, kinds: list[Kind], outs: list[Any]) -> Kind:
    """Numbers of samples are the same with padded rows as without; numbers along another axis are the same for all samples."""
    place, times = outs[0] or (None, 1)
    along = m.params["dimension"] == place
    return Kind(True, outer=1 if times == 1 or along else None, numbered=along)


RULES: dict[str, Rule] = {
    "broadcast_in_dim": _broadcast,
    "empty": _empty,
    "empty2": _empty,
    "reshape": _reshape,
    "squeeze": _squeeze,
    "expand_dims": _squeeze,
    "transpose": _transpose,
    "slice": _slice,
    "rev": _reverse,
    "cumsum": _along("axis"),
    "cumprod": _along("axis"),
    "cummax": _along("axis"),
    "cummin": _along("axis"),
    "cumlogsumexp": _along("axis"),
    "sort": _along("dimension"),
    "split": _along("axis", keeps_fill=True),
    "unstack": _along("axis", keeps_fill=True),
    "stack": _stack,
    "approx_top_k": _along("reduction_dimension"),
    "top_k": _last,
    "reduce_sum": _reduce(lambda dtype: 0),
    "reduce_prod": _reduce(lambda dtype: 1, keeps=False),
    "reduce_max": _reduce(_least, keeps=True),
    "reduce_min": _reduce(_largest, keeps=True),
    "reduce_or": _reduce(lambda dtype: False, keeps=True),
    "reduce_and": _reduce(lambda dtype: True, keeps=True),
    "reduce_xor": _reduce(None),
    "reduce": _reduce_together,
    "argmax": _arg_reduce,
    "argmin": _arg_reduce,
    "dot_general": _dot,
    "product": _dot,
    "conv_general_dilated": _convolution,
    "convolve": _own_convolution,
    "spread": _own_convolution,
    "correlate": _own_correlation,
    "window_sums": _own_windows,
    "spread_sums": _own_windows,
    "window_winners": _own_windows,
    "spread_winners": _own_windows,
    "with_bias": _with_weight(keeps_zeros=False),
    "with_scale": _with_weight(keeps_zeros=True),
    "change_of_rows": _of_rows,
    "reduce_window": _window,
    "reduce_window_sum": _window,
    "reduce_window_max": _window,
    "reduce_window_min": _window,
    "select_and_gather_add": _window,
    "select_and_scatter_add": _window,
    "concatenate": _concatenate,
    "pad": _pad,
    "dynamic_slice": _dynamic_slice,
    "dynamic_update_slice": _dynamic_update_slice,
    "gather": _gather,
    "scatter": _scatter,
    "scatter-add": _scatter,
    "scatter_add": _scatter,
    "scatter_mul": _scatter,
    "scatter_max": _scatter,
    "scatter_min": _scatter,
    "iota": _count,
    "random_bits": _draw,
    "random_wrap": _draw,
    "random_unwrap": _draw,
    "random_fold_in": _draw,
    "random_seed": _draw,
    "random_split": _draw,
    "random_gamma": _draw,
    "rng_bit_generator": _draw,
    "bitcast_convert_type": _squeeze,
    "cholesky": _matrices,
    "lu": _matrices,
    "qr": _matrices,
    "geqrf": _matrices,
    "householder_product": _matrices,
    "eigh": _matrices,
    "eig": _matrices,
    "svd": _matrices,
    "triangular_solve": _matrices,
    "fft": _fft,
}
