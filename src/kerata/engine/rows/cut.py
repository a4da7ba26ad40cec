"""Where a traced function can be cut in two: what follows from each sample alone, always the same, and the rest.

A frozen network gives the same for a sample in every epoch. Which of a step's results are of that kind is read off the trace:
an operation belongs to the first part if all that goes into it is samples and values that stay, and if it treats rows
alike (see `kerata.engine.rows`). A draw, a weight that is trained, a statistic of the batch, and all that follows from them,
belong to the second. The border between the two are the arrays that the second part takes from the first.
"""

# JAX leaves the types of some functions out, and calls the parts of a trace by types of its own.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportUnknownLambdaType=false, reportMissingTypeArgument=false
# Terms are literals too, which the protocol of a term does not say.
# pyright: reportUnnecessaryIsInstance=false

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import jax
import numpy as np

from kerata.base.interrupts import hand_on
from kerata.engine.rows.elementwise import ELEMENTWISE
from kerata.engine.rows.kinds import Kind, Sizes
from kerata.engine.rows.proof import Proof
from kerata.engine.traces import Operation, Term, Traced, flops_of_product, inner_of, needed
from kerata.engine.types import Array
from kerata.kernels.typed import ClosedJaxpr, Literal, jaxpr_as_fun

STAYS, SAMPLES, CHANGES, KEPT = "stays", "samples", "changes", "kept"
# An array of the trace: (number of the operation, of its result), or (-1, number of the argument).
Site: TypeAlias = tuple[int, int]


@dataclass(frozen=True)
class Cut:
    """A function that is cut in two, for one batch size.

    Attributes:
        border: where the arrays that go from the first part to the second come from; the same for all batch sizes.
        shapes: theirs, the samples first.
        used: numbers of the arguments, flat, that the first part takes.
        left: likewise the second part.
        flops: multiplications and additions in the first part, for a whole batch.
        first: (arguments that are used) -> arrays of the border.
        second: (arguments, of which those not in `left` may be anything, and the arrays of the border) -> results, flat.
        form: the form of the results.
    """

    border: tuple[Site, ...]
    shapes: tuple[jax.ShapeDtypeStruct, ...]
    used: tuple[int, ...]
    left: tuple[int, ...]
    flops: float
    first: Callable[..., Sequence[Array]]
    second: Callable[[Sequence[Any], Sequence[Array]], tuple[list[Array], dict[str, Any]]]


def cut(
    function: Callable[..., tuple[list[Any], Any]],
    arguments: Callable[[int], tuple[Any, ...]],
    roles: Sequence[Any],
    batch_size: int,
) -> Cut | None:
    """A function cut in two, or `None` where nothing is to be gained or not all is known.

    Args:
        function: a function of arrays, which returns (the values of its first argument after it, all else). The first
            argument is a list.
        arguments: gives its arguments' shapes for a batch size.
        roles: like the arguments, of `STAYS`, `SAMPLES` (the batch comes first), `CHANGES` and, in the first argument, `KEPT`
            for what stays if it is returned as it came.
        batch_size: samples a batch.

    >>> import jax.numpy as jnp
    >>> def function(frozen, trained, x):
    ...     return frozen, jnp.tanh(x @ frozen[0]) @ trained
    >>> shape = lambda *shape: jax.ShapeDtypeStruct(shape, "float32")
    >>> arguments = lambda size: ([shape(3, 5)], shape(5, 2), shape(size, 3))
    >>> found = cut(function, arguments, ([KEPT], CHANGES, SAMPLES), 8)
    >>> found.shapes[0].shape, found.used, found.left
    ((8, 5), (0, 2), (1,))
    """
    try:
        return _cut(function, arguments, roles, Sizes(batch_size, batch_size + 1))
    except Exception as error:
        hand_on(error)
        # What does not trace at another size, or not without the rest of a step.
        return None


def _cut(
    function: Callable[..., tuple[list[Any], Any]],
    arguments: Callable[[int], tuple[Any, ...]],
    roles: Sequence[Any],
    sizes: Sizes,
) -> Cut | None:
    trace = jax.make_jaxpr(function, return_shape=True)
    (closed, shapes), (other, _) = (trace(*arguments(size)) for size in sizes)
    jaxpr = closed.jaxpr
    names = jax.tree.leaves(roles)
    staying = {place for place in range(len(roles[0])) if names[place] == KEPT and jaxpr.outvars[place] is jaxpr.invars[place]}
    names = [STAYS if place in staying else name for place, name in enumerate(names)]
    first = First(cast(Traced, jaxpr), cast(Traced, other.jaxpr), (closed.consts, other.consts), names, sizes)
    while (border := first.border()) and (bad := [site for site in border if not first.has_rows(site)]):
        first.leave_out(bad)
    sites = tuple(site for site in border if site[0] >= 0)
    if not sites:
        return None
    terms = [first.term(site) for site in border]
    outs = [out for number, out in enumerate(jaxpr.outvars) if number not in staying]
    operations = needed([eqn for eqn in jaxpr.eqns if not getattr(eqn, "effects", None)], terms)
    rest = needed([eqn for number, eqn in enumerate(jaxpr.eqns) if number not in first.inside], outs)
    used, left = _arguments_of(operations, jaxpr, terms), _arguments_of(rest, jaxpr, outs)
    if set(used) & set(left) & staying:
        # A weight in both parts would have to be the same in both, whatever is done to it between two steps.
        return None
    before = jaxpr.replace(invars=[jaxpr.invars[place] for place in used], outvars=terms, eqns=operations)
    samples = [place for place, name in enumerate(names) if name == SAMPLES]
    after = jaxpr.replace(invars=[*(v for place, v in enumerate(jaxpr.invars) if place not in samples), *terms], eqns=rest)
    return Cut(
        border=tuple(border),
        shapes=tuple(jax.ShapeDtypeStruct(term.aval.shape, term.aval.dtype) for term in terms),
        used=used,
        left=tuple(place for place in left if place not in samples),
        flops=sum(map(flops_of, operations)),
        first=jaxpr_as_fun(ClosedJaxpr(before, closed.consts)),
        second=_second(ClosedJaxpr(after, closed.consts), samples, jax.tree.structure(shapes)),
    )


def _second(
    closed: ClosedJaxpr, samples: Sequence[int], form: jax.tree_util.PyTreeDef
) -> Callable[[Sequence[Any], Sequence[Array]], tuple[list[Array], dict[str, Any]]]:
    function = jaxpr_as_fun(closed)

    def second(arguments: Sequence[Any], border: Sequence[Array]) -> tuple[list[Array], dict[str, Any]]:
        rest = [value for place, value in enumerate(arguments) if place not in samples]
        return jax.tree.unflatten(form, function(*rest, *border))

    return second


class First:
    """What belongs to the first part.

    Args:
        jaxpr, other: the function for two sizes of the batch.
        consts: their constants.
        names: the role of each argument.
        sizes: those sizes.
    """

    def __init__(
        self, jaxpr: Traced, other: Traced, consts: tuple[Sequence[Any], Sequence[Any]], names: Sequence[str], sizes: Sizes
    ):
        self.jaxpr, self.other, self.consts, self.names, self.sizes = jaxpr, other, consts, names, sizes
        self.without: set[int] = set()
        self._walk()

    def leave_out(self, sites: Sequence[Site]) -> None:
        """Lets some operations belong to the second part."""
        self.without |= {number for number, _ in sites}
        self._walk()

    def _walk(self) -> None:
        proof = Proof(self.sizes)
        # What is known of arrays of the first part and of what stays; and which of them follow from samples.
        self.kinds: dict[Any, Kind] = {}
        self.follows: set[Any] = set()
        self.sites: dict[Any, Site] = {}
        self.inside: set[int] = set()
        for var, a, b in zip(self.jaxpr.constvars, *self.consts, strict=True):
            self._note(var, proof.constant(a, b))
        for place, (var, name) in enumerate(zip(self.jaxpr.invars, self.names, strict=True)):
            if name == STAYS:
                self._note(var, Kind(True))
            elif name == SAMPLES:
                self._note(var, Kind(True, 0), (-1, place))
        for number, (m, n) in enumerate(zip(self.jaxpr.eqns, self.other.eqns, strict=True)):
            if m.primitive is not n.primitive or number in self.without or getattr(m, "effects", None):
                continue
            if not all(isinstance(term, Literal) or term in self.kinds for term in m.invars):
                continue
            kinds = [self._read(proof, a, b) for a, b in zip(m.invars, n.invars, strict=True)]
            found = proof.apply(m, n, kinds)
            if not all(kind.sound for kind in found):
                continue
            follows = any(not isinstance(term, Literal) and term in self.follows for term in m.invars)
            for place, (var, kind) in enumerate(zip(m.outvars, found, strict=True)):
                self._note(var, kind, (number, place) if follows else None)
            if follows:
                self.inside.add(number)

    def _note(self, var: Term, kind: Kind, site: Site | None = None) -> None:
        if kind.sound:
            self.kinds[var] = kind
            if site is not None:
                self.follows.add(var)
                self.sites[var] = site

    def _read(self, proof: Proof, first: Term | Literal, second: Term | Literal) -> Kind:
        if isinstance(first, Literal):
            return proof.constant(first.val, cast(Literal, second).val)
        return self.kinds[first]

    def has_rows(self, site: Site) -> bool:
        """Whether an array has one row for each sample, the samples first."""
        kind = self.kinds[self.term(site)]
        return site[0] < 0 or (kind.axis == 0 and kind.times == 1)

    def term(self, site: Site) -> Term:
        number, place = site
        return self.jaxpr.invars[place] if number < 0 else self.jaxpr.eqns[number].outvars[place]

    def border(self) -> list[Site]:
        """The arrays that the second part takes."""
        taken: dict[Site, None] = {}
        for number, eqn in enumerate(self.jaxpr.eqns):
            if number not in self.inside:
                taken |= {self.sites[term]: None for term in eqn.invars if not isinstance(term, Literal) and term in self.sites}
        taken |= {self.sites[term]: None for term in self.jaxpr.outvars if not isinstance(term, Literal) and term in self.sites}
        return sorted(taken)


def _arguments_of(operations: Sequence[Any], jaxpr: Traced, more: Sequence[Any]) -> tuple[int, ...]:
    """Numbers of the arguments that some operations take, or that are among some more arrays."""
    taken = {term for eqn in operations for term in eqn.invars if not isinstance(term, Literal)}
    taken |= {term for term in more if not isinstance(term, Literal)}
    return tuple(place for place, var in enumerate(jaxpr.invars) if var in taken)


def flops_of(operation: Operation) -> float:
    """Multiplications and additions, or what costs about as much, in an operation; of loops, those of one turn."""
    products = flops_of_product(operation)
    if products is not None:
        return products
    outs = operation.outvars if operation.primitive.name in ELEMENTWISE else ()
    total = sum(float(np.prod(var.aval.shape)) for var in outs)
    return total + sum(sum(map(flops_of, inner.eqns)) for inner in inner_of(operation))
