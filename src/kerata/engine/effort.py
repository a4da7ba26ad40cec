"""How thoroughly XLA compiles a program: one that is large and has little to do is compiled briefly.

A model of many small operations takes seconds to compile, and a fit of a few steps on little data then runs for
milliseconds. Compiled briefly it is there in half the time, and a step takes up to a third longer
(`kerata.kernels.compiler.BRIEF_OPTIONS`).

A run of a minute and more has its convolutions from oneDNN (`kerata.kernels.library`), those of 3x3 in Winograd's way
(`kerata.kernels.winograd`): its steps are 5 to 30% shorter, and the program is compiled again in the next process, since XLA
cannot write it to disk.
"""

# Terms are literals too, which the protocol of a term does not say.
# pyright: reportUnnecessaryIsInstance=false

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from kerata.engine.traces import Operation, Term, Traced, flops_of_product, inner_of, needed
from kerata.kernels.library import is_there
from kerata.kernels.typed import Literal

# Steps that a program makes, at most.
FEW = 256
# Lines of its text, at least: their compiling takes half a second and more.
LARGE = 600
# Operations on numbers, and numbers written, in each step, at most: some milliseconds.
LITTLE = 2e7
# Multiplications and additions of convolutions in a whole run, at least: a minute of two cores.
LONG = 1.2e13
# The ways in which a program is compiled.
WAYS = PLAIN, BRIEF, BY_LIBRARY = "plain", "brief", "by library"
# The operations of `kerata.kernels.convolution`.
CONVOLUTIONS = frozenset({"convolve", "spread", "correlate"})
# Operations whose results are whole numbers, and those that only place or widen what they take.
WHOLE = frozenset({"round", "floor", "ceil", "sign", "iota"})
COPYING = frozenset(
    {"broadcast_in_dim", "reshape", "squeeze", "transpose", "convert_element_type", "copy", "slice", "dynamic_slice", "gather"}
)


class Weight(NamedTuple):
    """What a program's steps cost, by which it is compiled in one of three ways.

    Args:
        can_be_brief: whether it gains by being compiled briefly where it makes few steps.
        convolved: multiplications and additions of a step that oneDNN takes over where it makes many.
    """

    can_be_brief: bool = False
    convolved: float = 0.0

    def way(self, steps: int | None) -> str:
        """How a program is compiled that makes so many steps, `None` where that is not known.

        >>> Weight(can_be_brief=True).way(10), Weight(convolved=1e10).way(10_000), Weight().way(10)
        ('brief', 'by library', 'plain')
        """
        if steps is None:
            return PLAIN
        if self.convolved * steps >= LONG:
            return BY_LIBRARY
        return BRIEF if self.can_be_brief and steps <= FEW else PLAIN


def convolved(jaxpr: Traced, platform: str) -> float:
    """Multiplications and additions in convolutions, of a step that has some work, where oneDNN is there to do them."""
    if not is_there(platform) or work_of(jaxpr) <= LITTLE:
        return 0.0
    return _convolved(jaxpr)


def _convolved(jaxpr: Traced) -> float:
    total = 0.0
    for operation in jaxpr.eqns:
        if operation.primitive.name in CONVOLUTIONS:
            total += flops_of_product(operation) or 0.0
        total += operation.params.get("length", 1) * sum(map(_convolved, inner_of(operation)))
    return total


def gains(jaxpr: Traced, text: str) -> bool:
    """Whether a program that makes few steps may be compiled briefly, and gains by it.

    What compares two arrays for equality may not: without XLA's fusion emitters, one operand may be computed anew with another
    rounding, and the gradient of a maximum is then lost. Our own maxima compare what stands in memory.

    Args:
        jaxpr: what was traced.
        text: what it was lowered to.

    >>> import jax
    >>> gains(jax.make_jaxpr(lambda x: x + 1)(1.0).jaxpr, "one line")
    False
    """
    return text.count("\n") >= LARGE and not compares(jaxpr) and work_of(jaxpr) <= LITTLE


def compares(jaxpr: Traced) -> bool:
    """Whether two arrays of numbers with a point are compared for equality, other than in a call that is kept apart.

    What is whole by the way it was made, such as a label that a threshold gave, has no rounding.
    """
    operations = needed(jaxpr.eqns, jaxpr.outvars)
    makers = {term: operation for operation in operations for term in operation.outvars}
    for operation in operations:
        if _is_apart(operation):
            continue
        if operation.primitive.name in ("eq", "ne"):
            x, y = operation.invars
            if x is not y and not any(_is_exact(term, makers) for term in (x, y)):
                return True
        elif any(map(compares, inner_of(operation))):
            return True
    return False


def _is_exact(term: Term, makers: Mapping[Term, Operation]) -> bool:
    """Whether a number has no rounding, whoever computes it."""
    while not isinstance(term, Literal) and _is_float(term.aval.dtype):
        maker = makers.get(term)
        if maker is None or maker.primitive.name not in COPYING:
            return maker is not None and maker.primitive.name in WHOLE
        term = maker.invars[0]
    return True


def work_of(jaxpr: Traced) -> float:
    """Operations on numbers, and numbers written; of a loop whose number of turns is not known, those of one turn."""
    total = 0.0
    for operation in jaxpr.eqns:
        inner = list(inner_of(operation))
        if inner:
            total += operation.params.get("length", 1) * sum(map(work_of, inner))
        else:
            total += flops_of_product(operation) or 0.0
            total += sum(float(np.prod(term.aval.shape)) for term in operation.outvars)
    return total


def _is_apart(operation: Operation) -> bool:
    told: Mapping[str, object] | None = getattr(getattr(operation, "ctx", None), "xla_metadata", None)
    return told is not None and told.get("inlineable") == "false"


def _is_float(dtype: np.dtype[Any]) -> bool:
    return dtype.kind not in "biu"
