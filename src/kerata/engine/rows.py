"""A proof that padded rows of a batch have no influence: read off what was traced, never guessed.

The last batch of an epoch has fewer samples than the others. It can run the same program, filled up with rows that are
not there, if nothing that is kept depends on them. Whether that is so is followed through the program's own operations:

- A function is traced for two sizes of the batch. What differs between the two shapes of an array is its batch axis.
- An array is *sound* if it is what the unpadded program would have: an array without a batch axis as a whole, one with a
  batch axis in the rows that are there. Operations that treat rows alike keep arrays sound; a sum, a sort, a slice over the
  batch axis does not, and neither does a number that was computed from the batch's size: it differs between the two traces.
- An array may also be known to hold one number in all its padded rows (its *filling*). A sum over the batch axis is sound
  where the filling is 0, a maximum where it is minus infinity: so a loss that leaves padded rows out is proved to do so.

An operation that no rule here knows proves nothing. That costs a program of the last batch's own size, and no wrong number.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.extend.core import Literal

HOMES = tuple(os.path.dirname(os.path.abspath(str(module.__file__))) + os.sep for module in (jax, np))
OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
# Constants beyond this size are not compared.
MOST_NUMBERS = 2**22
# Rounds after which the state of a loop must have settled.
ROUNDS = 12


class Kind(NamedTuple):
    """What is known of an array.

    `axis` is its batch axis, or `None`. `times` entries on it belong to each sample: `outer` times all samples after each
    other, with `times / outer` neighbours each; an `outer` of `None` is for what is the same all along the axis. `fill` is
    the number that stands in all padded rows, or everywhere in an array without a batch axis; `None` if not known.
    """

    sound: bool
    axis: int | None = None
    times: int = 1
    fill: Any = None
    outer: int | None = 1
    # Whether it holds numbers of samples, which padded rows have of their own.
    numbered: bool = False

    @property
    def place(self) -> tuple[int | None, int]:
        return self.axis, self.times


UNSOUND = Kind(False)


class Unsound(Exception):
    """A place at which soundness ends, for a message."""


class Sizes(NamedTuple):
    """The two batch sizes of a proof."""

    first: int
    second: int

    def axis(self, first: Sequence[int], second: Sequence[int]) -> tuple[int | None, int] | None:
        """(batch axis, entries for each sample) of a shape as both traces have it; `None` for what is neither."""
        if len(first) != len(second):
            return None
        found = [axis for axis, (m, n) in enumerate(zip(first, second, strict=True)) if m != n]
        if not found:
            return None, 1
        axis = found[0]
        times = first[axis] // self.first
        if len(found) > 1 or times * self.first != first[axis] or times * self.second != second[axis]:
            return None
        return axis, times


def may_be_samples(axes: Any) -> bool:
    """Whether one of some axes that a built-in object works along may be that of the samples, for arrays of any rank.

    >>> may_be_samples(-1), may_be_samples((1, 2)), may_be_samples(-2), may_be_samples(None)
    (False, False, True, False)
    """
    axes = axes if isinstance(axes, (list, tuple)) else [axes]
    return any(isinstance(axis, int) and (axis == 0 or axis < -1) for axis in axes)


def why_rows_matter(function: Callable[..., dict[str, Any]], arguments: Callable[[int], tuple], roles: Any,
                    batch_size: int, there: int) -> str | None:  # fmt: skip
    """`None` where it is proved that padded rows have no influence on a function's results, else what stands against it.

    Args:
        function: a function of arrays. It returns a dict: under `"rows"` what has the batch first, of which padded rows are cut
            off, under `"fixed"` what must not depend on padded rows at all.
        arguments: gives its arguments, or their shapes, for a batch size.
        roles: like the arguments, of `"fixed"` (no batch axis), `"rows"` (the batch comes first) and `"valid"` (float of
            shape (batch,), 0 in padded rows).
        batch_size: the size of the padded batch.
        there: how many of its rows are there. Padded ones are copies of one of them. The proof is for this number alone: code
            that asks for the size of a batch may do anything at another.

    >>> import jax.numpy as jnp
    >>> shapes = lambda size: (jax.ShapeDtypeStruct((size, 3), "float32"),)
    >>> why_rows_matter(lambda x: {"rows": jnp.tanh(x) / x.sum(1, keepdims=True)}, shapes, ("rows",), 32, 5)
    >>> why_rows_matter(lambda x: {"rows": x - x.mean(0)}, shapes, ("rows",), 32, 5)
    'reduce_sum over samples'
    """
    try:
        return _prove(function, arguments, roles, Sizes(batch_size, there))
    except Exception as error:
        # A function that does not trace at another size needs its own.
        return f"{type(error).__name__}: {error}".splitlines()[0]


def _prove(function: Callable[..., dict[str, Any]], arguments: Callable[[int], tuple], roles: Any,
           sizes: Sizes) -> str | None:  # fmt: skip
    trace = jax.make_jaxpr(function, return_shape=True)
    (first, shapes), (second, _) = (trace(*arguments(size)) for size in sizes)
    places = [path for path, _ in jax.tree_util.tree_leaves_with_path(arguments(sizes.first))]
    names = jax.tree.leaves(roles)
    proof = Proof(sizes)
    kinds = []
    for name, m, n, path in zip(names, first.jaxpr.invars, second.jaxpr.invars, places, strict=True):
        found = sizes.axis(m.aval.shape, n.aval.shape)
        if found is None or (found[0] is None) != (name == "fixed") or (name != "fixed" and found != (0, 1)):
            return f"argument {jax.tree_util.keystr(path)} has no batch axis where one was expected"
        kinds.append(Kind(True, found[0], found[1], 0.0 if name == "valid" else None))
    results = proof.run(first.jaxpr, second.jaxpr, first.consts, second.consts, kinds)
    wanted = {"rows": (True, 0, 1, 1), "fixed": (True, None, 1, 1)}
    ends = [wanted[role] for role, part in sorted(shapes.items()) for _ in jax.tree.leaves(part)]
    if all((*kind[:3], kind.outer or 1) == end for kind, end in zip(results, ends, strict=True)):
        return None
    return proof.reason or "a result has no row for each sample"


class Proof:
    """Follows the kinds of arrays through two traces of one function, in step.

    Args:
        sizes: the batch sizes of the traces.
    """

    def __init__(self, sizes: Sizes):
        self.sizes = sizes
        self.reason: str | None = None

    def run(self, first: Any, second: Any, first_consts: Sequence[Any], second_consts: Sequence[Any],
            inputs: Sequence[Kind]) -> list[Kind]:  # fmt: skip
        """The kinds of the results of a traced function, from those of its arguments."""
        if len(first.eqns) != len(second.eqns):
            raise Unsound("other operations at another size of the batch")
        known: dict[Any, Kind] = {}
        constants = [self._constant(a, b) for a, b in zip(first_consts, second_consts, strict=True)]
        for var, kind in zip((*first.constvars, *first.invars), (*constants, *inputs), strict=True):
            known[var] = kind
        for m, n in zip(first.eqns, second.eqns, strict=True):
            if m.primitive is not n.primitive:
                raise Unsound("other operations at another size of the batch")
            kinds = [self._read(a, b, known) for a, b in zip(m.invars, n.invars, strict=True)]
            for var, kind in zip(m.outvars, self._apply(m, n, kinds), strict=True):
                known[var] = kind
        return [self._read(a, b, known) for a, b in zip(first.outvars, second.outvars, strict=True)]

    def _read(self, first: Any, second: Any, known: dict[Any, Kind]) -> Kind:
        if not isinstance(first, Literal):
            return known[first]
        return self._constant(first.val, second.val) if isinstance(second, Literal) else UNSOUND

    def _constant(self, first: Any, second: Any) -> Kind:
        """A constant is sound where both traces have it, or where the smaller batch has the larger one's first rows."""
        shapes = self.sizes.axis(np.shape(first), np.shape(second))
        if shapes is None:
            return UNSOUND
        axis, times = shapes
        if first is second:
            return Kind(True, axis, times, _single(first))
        if np.size(first) > MOST_NUMBERS or jax.numpy.issubdtype(getattr(first, "dtype", np.float32), jax.dtypes.extended):
            return UNSOUND
        a, b = np.asarray(first), np.asarray(second)
        if axis is not None:
            rows = min(a.shape[axis], b.shape[axis])
            a, b = (np.take(array, np.arange(rows), axis) for array in (a, b))
        same = a.dtype == b.dtype and a.tobytes() == b.tobytes()
        if not same:
            self.reason = self.reason or "a number depends on the size of the batch"
        return Kind(same, axis, times, _single(a) if same else None)

    def _apply(self, first: Any, second: Any, kinds: list[Kind]) -> list[Kind]:
        name = first.primitive.name
        outs = [self.sizes.axis(m.aval.shape, n.aval.shape) for m, n in zip(first.outvars, second.outvars, strict=True)]
        call = CALLS.get(name)
        if call is not None:
            found = call(self, first, second, kinds)
        elif not all(kind.sound for kind in kinds):
            found = [UNSOUND] * len(outs)
        else:
            found = self._apply_rule(name, first, second, kinds, outs)
        result = []
        for kind, shape in zip(found, outs, strict=True):
            sound = kind.sound and shape is not None
            numbered = kind.numbered or (call is None and name not in MIXING and any(k.numbered for k in kinds))
            if numbered and sound and name == "convert_element_type" and not _is_whole(first.outvars[0]):
                # In a padded row it may be a number for which something else is not finite.
                sound, self.reason = False, self.reason or "the number of a sample is computed with"
            if not sound and all(k.sound for k in kinds):
                self.reason = self.reason or f"{name} over samples"
            if sound and shape is not None:
                result.append(Kind(True, shape[0], shape[1], kind.fill, kind.outer, numbered))
            else:
                result.append(UNSOUND)
        return result

    def _apply_rule(self, name: str, first: Any, second: Any, kinds: list[Kind], outs: list[Any]) -> list[Kind]:
        if not any(kind.axis is not None for kind in kinds) and all(out is not None and out[0] is None for out in outs):
            # Nothing of the batch is in it.
            fill = _fill(name, first.params, kinds) if name in ELEMENTWISE or name in KEEP_FILL else None
            return [Kind(_same(first.params, second.params), fill=fill)] * len(outs)
        if name in ELEMENTWISE:
            return self._elementwise(name, first, second, kinds)
        rule = RULES.get(name)
        if rule is None:
            self.reason = self.reason or f"{name}, of which nothing is known"
            return [UNSOUND] * len(outs)
        found = rule(first, second, kinds, outs)
        return found if isinstance(found, list) else [found] * len(outs)

    def _elementwise(self, name: str, first: Any, second: Any, kinds: list[Kind]) -> list[Kind]:
        if not _same(first.params, second.params):
            return [UNSOUND] * len(first.outvars)
        if name in ("optimization_barrier", "device_put"):
            return kinds
        return [_alike(kinds)._replace(fill=_fill(name, first.params, kinds))] * len(first.outvars)


def _alike(kinds: Sequence[Kind]) -> Kind:
    """The kind of what is computed from entries that stand in the same place."""
    batched = [kind for kind in kinds if kind.axis is not None]
    outers = {kind.outer for kind in batched if kind.outer is not None}
    if len({kind.place for kind in batched}) != 1 or len(outers) > 1:
        return UNSOUND
    return Kind(True, *batched[0].place, outer=outers.pop() if outers else None)


def _single(value: Any) -> Any:
    """The one number that an array holds, or `None`."""
    if isinstance(value, (bool, int, float)):
        return value
    if not isinstance(value, (np.ndarray, np.generic, jax.Array)) or not 0 < value.size <= 1:
        return None
    if jax.numpy.issubdtype(value.dtype, jax.dtypes.extended):
        return None
    return np.asarray(value).ravel()[0].item()


def _same(first: dict[str, Any], second: dict[str, Any]) -> bool:
    """Whether an operation is asked for the same in both traces, beside shapes."""
    for name, value in first.items():
        if name in SHAPES:
            continue
        other = second[name]
        if value is other:
            continue
        if hasattr(value, "eqns") or hasattr(value, "jaxpr"):
            if str(value) != str(other):
                return False
            continue
        try:
            if not bool(value == other) and str(value) != str(other):
                return False
        except Exception:
            return False
    return True


SHAPES = frozenset({"shape", "new_sizes", "dimensions", "sharding", "out_sharding", "limit_indices", "slice_sizes"})

# After these, numbers of samples are as good as random, or no numbers any more.
MIXING = frozenset({"xor", "shift_left", "shift_right_logical", "shift_right_arithmetic", "eq", "ne", "lt", "le", "gt", "ge"})


def _is_whole(var: Any) -> bool:
    return not jax.numpy.issubdtype(var.aval.dtype, np.floating)


# Filling: what an elementwise operation makes of the numbers that stand in padded rows.

_NUMBERS: dict[str, Callable[..., Any]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.true_divide, "max": np.maximum, "min": np.minimum,
    "neg": np.negative, "abs": np.abs, "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal,
    "gt": np.greater, "ge": np.greater_equal, "sign": np.sign, "sqrt": np.sqrt, "square": np.square, "exp": np.exp,
    "log": np.log, "floor": np.floor, "ceil": np.ceil, "tanh": np.tanh, "add_any": np.add, "log1p": np.log1p,
    "expm1": np.expm1, "is_finite": np.isfinite,
}  # fmt: skip
KEEP_FILL = frozenset({"copy", "copy_p", "stop_gradient", "reduce_precision", "name", "broadcast_in_dim", "reshape", "squeeze",
                       "transpose", "slice", "rev", "expand_dims", "split", "sharding_constraint"})  # fmt: skip


def _fill(name: str, params: dict[str, Any], kinds: list[Kind]) -> Any:
    fills = [kind.fill for kind in kinds]
    if name in KEEP_FILL:
        return fills[0]
    if name == "convert_element_type":
        return None if fills[0] is None else np.asarray(fills[0]).astype(params["new_dtype"]).item()
    if name == "mul" and any(_is_zero(fill) for fill in fills):
        return 0.0
    if name == "div" and _is_zero(fills[0]) and not _is_zero(fills[1]):
        # Padded rows are copies of real ones: their divisor is 0 only where a real one's is.
        return 0.0
    if name == "and" and any(fill is False or _is_zero(fill) for fill in fills):
        return False
    if name == "or" and any(fill is True for fill in fills):
        return True
    if name == "select_n":
        if fills[0] is not None:
            return fills[1 + int(fills[0])]
        return fills[1] if all(fill is not None and fill == fills[1] for fill in fills[1:]) else None
    if any(fill is None for fill in fills):
        return None
    if name == "not":
        return not fills[0] if isinstance(fills[0], bool) else None
    if name in ("and", "or"):
        return (all if name == "and" else any)(fills) if all(isinstance(fill, bool) for fill in fills) else None
    if name == "integer_pow":
        return float(fills[0]) ** params["y"] if fills[0] or params["y"] > 0 else None
    if name == "pow":
        return None if not fills[0] and fills[1] <= 0 else float(fills[0]) ** float(fills[1])
    function = _NUMBERS.get(name)
    if function is None:
        return None
    with np.errstate(all="ignore"):
        value = function(*fills).item()
    return None if isinstance(value, float) and np.isnan(value) else value


def _is_zero(fill: Any) -> bool:
    return fill is not None and fill == 0


ELEMENTWISE = frozenset({
    *_NUMBERS, "select_n", "convert_element_type", "and", "or", "not", "xor", "integer_pow", "pow", "rem", "clamp", "nextafter",
    "exp2", "log2", "logistic", "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "asinh", "acosh", "atanh",
    "rsqrt", "cbrt", "round", "erf", "erfc", "erf_inv", "lgamma", "digamma", "polygamma", "igamma", "igammac", "igamma_grad_a",
    "zeta", "regularized_incomplete_beta", "bessel_i0e", "bessel_i1e", "population_count", "clz", "shift_left",
    "shift_right_logical", "shift_right_arithmetic", "real", "imag", "complex", "conj", "copy", "copy_p", "stop_gradient",
    "reduce_precision", "name", "optimization_barrier", "device_put", "square", "threefry2x32", "sharding_constraint", "pvary",
})  # fmt: skip


# Rules for operations that know axes. Each gives the kind of the result; its axis follows from its shapes.


def _broadcast(m: Any, n: Any, kinds: list[Kind], outs: list[Any]) -> Kind:
    axis = kinds[0].axis
    place, times = outs[0] or (None, 1)
    sound = axis is None or m.params["broadcast_dimensions"][axis] == place
    sound = sound and m.params["broadcast_dimensions"] == n.params["broadcast_dimensions"]
    return Kind(sound, fill=kinds[0].fill, outer=kinds[0].outer if axis is not None else None if times > 1 else 1)


def _reshape(m: Any, n: Any, kinds: list[Kind], outs: list[Any]) -> Kind:
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


def _squeeze(m: Any, n: Any, kinds: list[Kind], outs: list[Any]) -> Kind:
    return kinds[0]._replace(sound=outs[0] is not None and outs[0][0] is not None)


def _transpose(m: Any, n: Any, kinds: list[Kind], outs: list[Any]) -> Kind:
    return kinds[0]._replace(sound=m.params["permutation"] == n.params["permutation"])


def _slice(m: Any, n: Any, kinds: list[Kind], outs: list[Any]) -> Kind:
    axis = kinds[0].axis
    if axis is None:
        return UNSOUND
    starts, stops, strides = m.params["start_indices"], m.params["limit_indices"], m.params["strides"]
    plain = starts[axis] == 0 and (strides is None or strides[axis] == 1)
    whole = stops[axis] == m.invars[0].aval.shape[axis]
    # Every batch has a first sample.
    first = kinds[0].outer == 1 and stops[axis] == kinds[0].times == n.params["limit_indices"][axis]
    others = [i for i in range(len(starts)) if i != axis]
    alike = all(starts[i] == n.params["start_indices"][i] and stops[i] == n.params["limit_indices"][i] for i in others)
    return kinds[0]._replace(sound=plain and (whole or first) and alike and strides == n.params["strides"])


def _along(parameter: str, keeps_fill: bool = False) -> Callable[..., Any]:
    """For operations along one axis, which must not be the batch's."""

    def rule(m: Any, n: Any, kinds: list[Kind], outs: list[Any]) -> Kind:
        kind, along = _alike(kinds), m.params[parameter]
        fills = {kind.fill for kind in kinds}
        return kind._replace(sound=kind.sound and along not in (kind.axis,) and along == n.params[parameter],
                             fill=fills.pop() if keeps_fill and len(fills) == 1 else None)  # fmt: skip

    return rule


def _last(m: Any, n: Any, kinds: list[Kind], outs: list[Any]) -> Kind:
    sound = kinds[0].axis != len(m.invars[0].aval.shape) - 1 and m.params.get("k") == n.params.get("k")
    return Kind(sound, outer=kinds[0].outer)


def _reduce(neutral: Callable[[Any], Any] | None, keeps: bool = False) -> Callable[..., Any]:
    """For sums and their like: over the batch axis only where its filling changes nothing."""

    def rule(m: Any, n: Any, kinds: list[Kind], outs: list[Any]) -> Kind:
        axes = m.params["axes"] if "axes" in m.params else m.params["dimensions"]
        if axes != (n.params["axes"] if "axes" in n.params else n.params["dimensions"]) or len(kinds) != 1:
            return UNSOUND
        fill = kinds[0].fill
        if kinds[0].axis in axes:
            needed = None if neutral is None else neutral(m.invars[0].aval.dtype)
            return Kind(fill is not None and needed is not None and fill == needed)
        return Kind(True, fill=fill if keeps or _is_zero(fill) else None, outer=kinds[0].outer)

    return rule


def _least(dtype: Any) -> Any:
    return -np.inf if jax.numpy.issubdtype(dtype, np.floating) else False if dtype == np.bool_ else np.iinfo(dtype).min


def _largest(dtype: Any) -> Any:
    return np.inf if jax.numpy.issubdtype(dtype, np.floating) else True if dtype == np.bool_ else np.iinfo(dtype).max


def _reverse(m: Any, n: Any, kinds: list[Kind], outs: list[Any]) -> Kind:
    return kinds[0]._replace(sound=kinds[0].axis not in m.params["dimensions"])


def _arg_reduce(m: Any, n: Any, kinds: list[Kind], outs: list[Any]) -> Kind:
    return Kind(kinds[0].axis not in m.params["axes"] and m.params["axes"] == n.params["axes"], outer=kinds[0].outer)


def _dot(m: Any, n: Any, kinds: list[Kind], outs: list[Any]) -> Kind:
    numbers = m.params.get("dimension_numbers", PRODUCT)
    return _contract(numbers, kinds) if numbers == n.params.get("dimension_numbers", PRODUCT) else UNSOUND


PRODUCT = (((1,), (0,)), ((), ()))


def _contract(numbers: Any, kinds: list[Kind]) -> Kind:
    (left_sums, right_sums), (left_batch, right_batch) = numbers
    left, right = kinds
    zero = 0.0 if _is_zero(left.fill) or _is_zero(right.fill) else None
    if left.axis in left_sums or right.axis in right_sums:
        return Kind(_paired(left, right, left_sums, right_sums) and zero is not None)
    if left.axis is not None and right.axis is not None:
        return Kind(_paired(left, right, left_batch, right_batch), fill=zero, outer=left.outer or right.outer)
    alone = left if left.axis is not None else right
    return Kind(True, fill=0.0 if _is_zero(alone.fill) else None, outer=alone.outer)


def _paired(left: Kind, right: Kind, of_left: Sequence[int], of_right: Sequence[int]) -> bool:
    """Whether the batch axes of two arrays go side by side, in lists of axes that do."""
    if left.axis not in of_left or right.axis not in of_right or of_left.index(left.axis) != of_right.index(right.axis):
        return False
    return _alike([left._replace(axis=0), right._replace(axis=0)]).sound


def _convolution(m: Any, n: Any, kinds: list[Kind], outs: list[Any]) -> Kind:
    left, right = kinds
    sound = (
        right.axis is None and m.params["batch_group_count"] == 1 and left.axis == m.params["dimension_numbers"].lhs_spec[0]
        and m.params["padding"] == n.params["padding"] and m.params["window_strides"] == n.params["window_strides"]
    )  # fmt: skip
    return Kind(sound, fill=0.0 if _is_zero(left.fill) else None, outer=left.outer)


def _window(m: Any, n: Any, kinds: list[Kind], outs: list[Any]) -> Kind:
    kind = _alike(kinds)
    if not kind.sound or not _same(m.params, n.params):
        return UNSOUND
    plain = {"window_dimensions": 1, "window_strides": 1, "base_dilation": 1, "window_dilation": 1, "padding": (0, 0)}
    asked = {name: tuple(m.params[name])[kind.axis or 0] for name in plain if m.params.get(name) is not None}
    return kind._replace(sound=all(value == plain[name] for name, value in asked.items()))


def _concatenate(m: Any, n: Any, kinds: list[Kind], outs: list[Any]) -> Kind:
    kind, fills = _alike(kinds), {kind.fill for kind in kinds}
    sound = kind.sound and all(k.axis is not None for k in kinds)
    return kind._replace(sound=sound and m.params["dimension"] == n.params["dimension"] != kind.axis,
                         fill=fills.pop() if len(fills) == 1 else None)  # fmt: skip


def _pad(m: Any, n: Any, kinds: list[Kind], outs: list[Any]) -> Kind:
    kind, config = kinds[0], m.params["padding_config"]
    sound = kind.axis is not None and tuple(config[kind.axis]) == (0, 0, 0) and config == n.params["padding_config"]
    return kind._replace(sound=sound and kinds[1].axis is None, fill=kind.fill if kind.fill == kinds[1].fill else None)


def _dynamic_slice(m: Any, n: Any, kinds: list[Kind], outs: list[Any]) -> Kind:
    axis = kinds[0].axis
    if axis is None or any(kind.axis is not None for kind in kinds[1:]):
        return UNSOUND
    return kinds[0]._replace(sound=m.params["slice_sizes"][axis] == m.invars[0].aval.shape[axis])


def _dynamic_update_slice(m: Any, n: Any, kinds: list[Kind], outs: list[Any]) -> Kind:
    kind = _alike(kinds[:2])
    return kind._replace(sound=kind.sound and kinds[1].axis is not None and all(k.axis is None for k in kinds[2:]))


def _gather(m: Any, n: Any, kinds: list[Kind], outs: list[Any]) -> Kind:
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
    return Kind(sizes[source.axis] == m.invars[0].aval.shape[source.axis]
                and place == numbers.offset_dims[kept.index(source.axis)], outer=source.outer)  # fmt: skip


def _scatter(m: Any, n: Any, kinds: list[Kind], outs: list[Any]) -> Kind:
    target, indices, updates = kinds
    numbers = m.params["dimension_numbers"]
    if numbers != n.params["dimension_numbers"] or target.axis is None or updates.axis is None:
        return UNSOUND
    if indices.axis is None:
        removed = {*numbers.inserted_window_dims, *numbers.operand_batching_dims}
        if target.axis in removed or target.axis in numbers.scatter_dims_to_operand_dims:
            return UNSOUND
        kept = [i for i in range(len(m.invars[0].aval.shape)) if i not in removed]
        return Kind(_paired(updates, target, [numbers.update_window_dims[kept.index(target.axis)]], [target.axis]),
                    outer=target.outer or updates.outer)  # fmt: skip
    paired = _paired(target, indices, numbers.operand_batching_dims, numbers.scatter_indices_batching_dims)
    return Kind(paired and updates.times == target.times and updates.outer in (target.outer, None), outer=target.outer)


def _matrices(m: Any, n: Any, kinds: list[Kind], outs: list[Any]) -> Kind:
    """Decompositions and solutions of the matrices on the last two axes."""
    fits = (kind.axis is not None and kind.axis < len(v.aval.shape) - 2 for kind, v in zip(kinds, m.invars, strict=True))
    kind = _alike(kinds)
    return kind._replace(sound=kind.sound and all(fits) and _same(m.params, n.params))


def _fft(m: Any, n: Any, kinds: list[Kind], outs: list[Any]) -> Kind:
    lengths = m.params["fft_lengths"]
    axis = kinds[0].axis
    sound = axis is not None and axis < len(m.invars[0].aval.shape) - len(lengths) and lengths == n.params["fft_lengths"]
    return Kind(sound, outer=kinds[0].outer)


def _draw(m: Any, n: Any, kinds: list[Kind], outs: list[Any]) -> Kind:
    """Random numbers are as good in one row as in another; keys, where there is one a sample, stay with their rows."""
    return _alike(kinds) if any(kind.axis is not None for kind in kinds) else Kind(True)


def _count(m: Any, n: Any, kinds: list[Kind], outs: list[Any]) -> Kind:
    """Numbers of samples are the same with padded rows as without; numbers along another axis are the same for all samples."""
    place, times = outs[0] or (None, 1)
    along = m.params["dimension"] == place
    return Kind(True, outer=1 if times == 1 or along else None, numbered=along)


RULES: dict[str, Callable[..., Any]] = {
    "broadcast_in_dim": _broadcast, "reshape": _reshape, "squeeze": _squeeze, "expand_dims": _squeeze, "transpose": _transpose,
    "slice": _slice, "rev": _reverse,
    "cumsum": _along("axis"), "cumprod": _along("axis"), "cummax": _along("axis"), "cummin": _along("axis"),
    "cumlogsumexp": _along("axis"), "sort": _along("dimension"), "split": _along("axis", keeps_fill=True),
    "approx_top_k": _along("reduction_dimension"), "top_k": _last,
    "reduce_sum": _reduce(lambda dtype: 0), "reduce_prod": _reduce(lambda dtype: 1, keeps=False),
    "reduce_max": _reduce(_least, keeps=True), "reduce_min": _reduce(_largest, keeps=True),
    "reduce_or": _reduce(lambda dtype: False, keeps=True), "reduce_and": _reduce(lambda dtype: True, keeps=True),
    "reduce_xor": _reduce(None), "reduce": _reduce(None), "argmax": _arg_reduce, "argmin": _arg_reduce,
    "dot_general": _dot, "product": _dot, "conv_general_dilated": _convolution,
    "reduce_window": _window, "reduce_window_sum": _window, "reduce_window_max": _window, "reduce_window_min": _window,
    "select_and_gather_add": _window, "select_and_scatter_add": _window,
    "concatenate": _concatenate, "pad": _pad, "dynamic_slice": _dynamic_slice, "dynamic_update_slice": _dynamic_update_slice,
    "gather": _gather, "scatter": _scatter, "scatter-add": _scatter, "scatter_add": _scatter, "scatter_mul": _scatter,
    "scatter_max": _scatter, "scatter_min": _scatter, "iota": _count,
    "random_bits": _draw, "random_wrap": _draw, "random_unwrap": _draw, "random_fold_in": _draw, "random_seed": _draw,
    "random_split": _draw, "random_gamma": _draw, "rng_bit_generator": _draw, "bitcast_convert_type": _squeeze,
    "cholesky": _matrices, "lu": _matrices, "qr": _matrices, "geqrf": _matrices, "householder_product": _matrices,
    "eigh": _matrices, "eig": _matrices, "svd": _matrices, "triangular_solve": _matrices, "fft": _fft,
}  # fmt: skip


# Operations that hold functions.


def _inner(params: dict[str, Any]) -> Any:
    for name in ("jaxpr", "call_jaxpr", "fun_jaxpr", "call"):
        if name in params:
            return params[name]
    raise Unsound("a call of which nothing is known")


def _run(proof: Proof, first: Any, second: Any, kinds: Sequence[Kind]) -> list[Kind]:
    """An inner function, closed over its constants or not."""
    if hasattr(first, "consts"):
        return proof.run(first.jaxpr, second.jaxpr, first.consts, second.consts, kinds)
    return proof.run(first, second, (), (), kinds)


def _call(proof: Proof, m: Any, n: Any, kinds: list[Kind]) -> list[Kind]:
    return _run(proof, _inner(m.params), _inner(n.params), kinds)


def _own_gradient(proof: Proof, m: Any, n: Any, kinds: list[Kind]) -> list[Kind]:
    """A function that brings its own gradient: only of ours and JAX's it is known that it is the function's."""
    for name in ("bwd", "jvp_jaxpr_fun", "jvp"):
        if name in m.params:
            source = getattr(getattr(m.params[name], "debug_info", None), "func_src_info", None) or ""
            file = source.rpartition(" at ")[2]
            if not file.startswith((*HOMES, OURS)):
                proof.reason = proof.reason or "a gradient of the user's own"
                return [UNSOUND] * len(m.outvars)
            break
    return _call(proof, m, n, kinds)


def _cond(proof: Proof, m: Any, n: Any, kinds: list[Kind]) -> list[Kind]:
    branches = [_run(proof, a, b, kinds[1:]) for a, b in zip(m.params["branches"], n.params["branches"], strict=True)]
    if not kinds[0].sound or kinds[0].axis is not None:
        return [UNSOUND] * len(m.outvars)
    return [_join(parts) for parts in zip(*branches, strict=True)]


def _join(kinds: Sequence[Kind]) -> Kind:
    first = kinds[0]
    if not all(kind.sound and kind.place == first.place for kind in kinds):
        return UNSOUND
    joined = Kind(True) if first.axis is None else _alike(kinds)
    return joined._replace(fill=first.fill if all(kind.fill == first.fill for kind in kinds) else None)


def _settle(step: Callable[[list[Kind]], list[Kind]], state: list[Kind]) -> list[Kind]:
    """The kinds of a loop's state that hold in every round."""
    for _ in range(ROUNDS):
        after = [_join(pair) for pair in zip(state, step(state), strict=True)]
        if after == state:
            return state
        state = after
    return [UNSOUND] * len(state)


def _scan(proof: Proof, m: Any, n: Any, kinds: list[Kind]) -> list[Kind]:
    fixed, carried = m.params["num_consts"], m.params["num_carry"]
    if m.params["length"] != n.params["length"]:
        proof.reason = proof.reason or "a loop over samples"
        return [UNSOUND] * len(m.outvars)
    constants, state, items = kinds[:fixed], kinds[fixed : fixed + carried], kinds[fixed + carried :]
    # An item is a slice along the first axis, which is not the batch's, for it has one length in both traces.
    items = [kind._replace(axis=None if kind.axis is None else kind.axis - 1) for kind in items]
    bodies = m.params["jaxpr"], n.params["jaxpr"]

    def step(state: list[Kind]) -> list[Kind]:
        return _run(proof, *bodies, [*constants, *state, *items])

    state = _settle(lambda state: step(state)[:carried], state)
    results = step(state)[carried:]
    return [*state, *[kind._replace(axis=None if kind.axis is None else kind.axis + 1) for kind in results]]


def _while(proof: Proof, m: Any, n: Any, kinds: list[Kind]) -> list[Kind]:
    tests, bodies = m.params["cond_nconsts"], m.params["body_nconsts"]
    of_test, of_body, state = kinds[:tests], kinds[tests : tests + bodies], kinds[tests + bodies :]
    step = m.params["body_jaxpr"], n.params["body_jaxpr"]
    state = _settle(lambda state: _run(proof, *step, [*of_body, *state]), state)
    (going,) = _run(proof, m.params["cond_jaxpr"], n.params["cond_jaxpr"], [*of_test, *state])
    if not going.sound or going.axis is not None:
        proof.reason = proof.reason or "a loop whose end depends on the samples"
        return [UNSOUND] * len(state)
    return state


CALLS: dict[str, Callable[..., list[Kind]]] = {
    "jit": _call, "pjit": _call, "closed_call": _call, "core_call": _call, "call": _call, "checkpoint": _call, "remat": _call,
    "remat2": _call, "custom_lin": _call, "custom_vmap_call": _call, "custom_jvp_call": _own_gradient,
    "custom_vjp_call": _own_gradient, "custom_vjp_call_jaxpr": _own_gradient, "cond": _cond, "scan": _scan, "while": _while,
}  # fmt: skip
