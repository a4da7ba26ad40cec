"""The proof itself: a function is traced for two sizes of the batch, and both traces are walked in step."""

# JAX leaves the types of some functions out.
# pyright: reportUnknownMemberType=false

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import jax
import numpy as np

from kerata.base.interrupts import hand_on
from kerata.base.types import is_list_or_tuple
from kerata.engine.outside import Given, following, warn_of_kept
from kerata.engine.rows.calls import CALLS
from kerata.engine.rows.elementwise import ELEMENTWISE, KEEP_FILL, MIXING, fill_after
from kerata.engine.rows.kinds import UNSOUND, Kind, Place, Sizes, Unsound, alike, same, single
from kerata.engine.rows.rules import RULES
from kerata.engine.traces import Operation, Term, Traced
from kerata.engine.types import AnyArray, Tree
from kerata.engine.variable import noting_reads
from kerata.kernels.typed import Literal

# What each argument is: "fixed", "rows" or "valid", in the form of the arguments.
Roles: TypeAlias = "str | Sequence[Roles] | Mapping[str, Roles]"

# Constants beyond this size are not compared.
MOST_NUMBERS = 2**22


def may_be_samples(axes: object) -> bool:
    """Whether one of some axes that a built-in object works along may be that of the samples, for arrays of any rank.

    >>> may_be_samples(-1), may_be_samples((1, 2)), may_be_samples(-2), may_be_samples(None)
    (False, False, True, False)
    """
    several = axes if is_list_or_tuple(axes) else [axes]
    return any(isinstance(axis, int) and (axis == 0 or axis < -1) for axis in several)


def why_rows_matter(
    function: Callable[..., dict[str, Tree]],
    arguments: Callable[[int], tuple[Tree, ...]],
    roles: Roles,
    batch_size: int,
    there: int,
) -> str | None:
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
        hand_on(error)
        # A function that does not trace at another size needs its own.
        return f"{type(error).__name__}: {error}".splitlines()[0]


def _prove(
    function: Callable[..., dict[str, Tree]], arguments: Callable[[int], tuple[Tree, ...]], roles: Roles, sizes: Sizes
) -> str | None:
    with noting_reads() as reads:
        traces = [_trace(function, arguments(size)) for size in sizes]
    if variables := reads.variables:
        # What they hold may change: it is an argument as well.
        held = [jax.ShapeDtypeStruct(v.shape, v.dtype) for v in variables]
        given, values = arguments, Given()
        follows = following(lambda: function, variables, values)()
        arguments, roles = lambda size: (*given(size), held), (*roles, ["fixed"] * len(held))
        traces = [_trace(follows, arguments(size)) for size in sizes]
        warn_of_kept(variables, reads, values)
    (first, shapes), (second, _) = traces
    places = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(arguments(sizes.first))]  # pyright: ignore
    names = jax.tree.leaves(roles)
    proof = Proof(sizes)
    kinds: list[Kind] = []
    for name, m, n, path in zip(names, first.jaxpr.invars, second.jaxpr.invars, places, strict=True):
        found = sizes.axis(m.aval.shape, n.aval.shape)
        if found is None or (found[0] is None) != (name == "fixed") or (name != "fixed" and found != (0, 1)):
            return f"argument {path} has no batch axis where one was expected"
        kinds.append(Kind(True, found[0], found[1], 0.0 if name == "valid" else None))
    results = proof.run(first.jaxpr, second.jaxpr, first.consts, second.consts, kinds)
    wanted = {"rows": (True, 0, 1, 1), "fixed": (True, None, 1, 1)}
    ends = [wanted[role] for role, part in sorted(shapes.items()) for _ in jax.tree.leaves(part)]
    if all((*kind[:3], kind.outer or 1) == end for kind, end in zip(results, ends, strict=True)):
        return None
    return proof.reason or "a result has no row for each sample"


def _trace(function: Callable[..., dict[str, Tree]], arguments: tuple[Tree, ...]) -> tuple[Any, dict[str, Tree]]:
    """(what was traced, the shapes of the results)."""
    return jax.make_jaxpr(function, return_shape=True)(*arguments)  # type: ignore[return-value]


class Proof:
    """Follows the kinds of arrays through two traces of one function, in step.

    Args:
        sizes: the batch sizes of the traces.
    """

    def __init__(self, sizes: Sizes):
        self.sizes = sizes
        self.reason: str | None = None

    def run(
        self, first: Traced, second: Traced, first_consts: Sequence[Any], second_consts: Sequence[Any], inputs: Sequence[Kind]
    ) -> list[Kind]:
        """The kinds of the results of a traced function, from those of its arguments."""
        if len(first.eqns) != len(second.eqns):
            raise Unsound("other operations at another size of the batch")
        known: dict[Term, Kind] = {}
        constants = [self.constant(a, b) for a, b in zip(first_consts, second_consts, strict=True)]
        for var, kind in zip((*first.constvars, *first.invars), (*constants, *inputs), strict=True):
            known[var] = kind
        for m, n in zip(first.eqns, second.eqns, strict=True):
            if m.primitive is not n.primitive:
                raise Unsound("other operations at another size of the batch")
            kinds = [self._read(a, b, known) for a, b in zip(m.invars, n.invars, strict=True)]
            for var, kind in zip(m.outvars, self.apply(m, n, kinds), strict=True):
                known[var] = kind
        return [self._read(a, b, known) for a, b in zip(first.outvars, second.outvars, strict=True)]

    def _read(self, first: Term | Literal, second: Term | Literal, known: dict[Term, Kind]) -> Kind:
        if not isinstance(first, Literal):
            return known[first]
        return self.constant(first.val, second.val) if isinstance(second, Literal) else UNSOUND

    def constant(self, first: AnyArray | float, second: AnyArray | float) -> Kind:
        """A constant is sound where both traces have it, or where the smaller batch has the larger one's first rows."""
        shapes = self.sizes.axis(np.shape(first), np.shape(second))
        if shapes is None:
            return UNSOUND
        axis, times = shapes
        if first is second:
            return Kind(True, axis, times, single(first))
        if np.size(first) > MOST_NUMBERS or jax.numpy.issubdtype(getattr(first, "dtype", np.float32), jax.dtypes.extended):
            return UNSOUND
        a, b = np.asarray(first), np.asarray(second)
        if axis is not None:
            there = np.arange(min(a.shape[axis], b.shape[axis]), dtype=np.int64)
            a, b = (np.take(array, there, axis) for array in (a, b))
        same = a.dtype == b.dtype and a.tobytes() == b.tobytes()
        if not same:
            self.reason = self.reason or "a number depends on the size of the batch"
        return Kind(same, axis, times, single(a) if same else None)

    def apply(self, first: Operation, second: Operation, kinds: list[Kind]) -> list[Kind]:
        name = first.primitive.name
        outs = [self.sizes.axis(m.aval.shape, n.aval.shape) for m, n in zip(first.outvars, second.outvars, strict=True)]
        call = CALLS.get(name)
        if call is not None:
            found = call(self, first, second, kinds)
        elif not all(kind.sound for kind in kinds):
            found = [UNSOUND] * len(outs)
        else:
            found = self._apply_rule(name, first, second, kinds, outs)
        result: list[Kind] = []
        for kind, shape in zip(found, outs, strict=True):
            sound = kind.sound and shape is not None
            numbered = kind.numbered or (call is None and name not in MIXING and any(k.numbered for k in kinds))
            if numbered and sound and name == "convert_element_type" and not _is_whole(first.outvars[0]):
                # In a padded row it may be a number for which something else is not finite.
                sound, self.reason = False, self.reason or "the number of a sample is computed with"
            if not sound and all(k.sound for k in kinds):
                self.reason = self.reason or f"{name} over samples"
            if sound and shape is not None:
                # What stood in padded rows says nothing of an array without any.
                is_left = call is not None or shape[0] is not None or all(k.axis is None for k in kinds)
                result.append(Kind(True, shape[0], shape[1], kind.fill if is_left else None, kind.outer, numbered))
            else:
                result.append(UNSOUND)
        return result

    def _apply_rule(self, name: str, first: Operation, second: Operation, kinds: list[Kind], outs: list[Place]) -> list[Kind]:
        if not any(kind.axis is not None for kind in kinds) and all(out is not None and out[0] is None for out in outs):
            # Nothing of the batch is in it.
            fill = fill_after(name, first.params, kinds) if name in ELEMENTWISE or name in KEEP_FILL else None
            return [Kind(same(first.params, second.params), fill=fill)] * len(outs)
        if name in ELEMENTWISE:
            return self._elementwise(name, first, second, kinds)
        rule = RULES.get(name)
        if rule is None:
            self.reason = self.reason or f"{name}, of which nothing is known"
            return [UNSOUND] * len(outs)
        return [rule(first, second, kinds, outs)] * len(outs)

    def _elementwise(self, name: str, first: Operation, second: Operation, kinds: list[Kind]) -> list[Kind]:
        if not same(first.params, second.params):
            return [UNSOUND] * len(first.outvars)
        if name in ("optimization_barrier", "device_put"):
            return kinds
        return [alike(kinds)._replace(fill=fill_after(name, first.params, kinds))] * len(first.outvars)


def _is_whole(var: Term) -> bool:
    return not jax.numpy.issubdtype(var.aval.dtype, np.floating)
