"""What a traced function is made of, as JAX has it, and what each of its operations takes."""

# JAX leaves the types of literals out. Terms are literals too, which the protocol of a term does not say.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnnecessaryIsInstance=false

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, cast

import numpy as np

from kerata.kernels.typed import Literal


class Described(Protocol):
    """Shape and dtype of an array that is traced."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...


class Term(Protocol):
    """An argument or a result of an operation."""

    @property
    def aval(self) -> Described: ...


class Named(Protocol):
    """What an operation does."""

    @property
    def name(self) -> str: ...


class Operation(Protocol):
    """One operation of a traced function, as JAX has it (`JaxprEqn`)."""

    @property
    def primitive(self) -> Named: ...
    @property
    def params(self) -> dict[str, Any]: ...
    @property
    def invars(self) -> Sequence[Term]: ...
    @property
    def outvars(self) -> Sequence[Term]: ...


class Traced(Protocol):
    """A traced function, as JAX has it (`Jaxpr`)."""

    @property
    def eqns(self) -> Sequence[Operation]: ...
    @property
    def constvars(self) -> Sequence[Term]: ...
    @property
    def invars(self) -> Sequence[Term]: ...
    @property
    def outvars(self) -> Sequence[Term]: ...


class Closed(Protocol):
    """A traced function with its constants, as JAX has it (`ClosedJaxpr`)."""

    @property
    def jaxpr(self) -> Traced: ...
    @property
    def consts(self) -> Sequence[Any]: ...


def inner_of(operation: Operation) -> Iterator[Traced]:
    """The functions that an operation holds."""
    for value in operation.params.values():
        parts = cast("Sequence[object]", value) if isinstance(value, (tuple, list)) else (value,)
        for part in parts:
            part = getattr(part, "jaxpr", part)
            if hasattr(part, "eqns"):
                yield cast(Traced, part)


def needed(operations: Sequence[Any], results: Sequence[Any]) -> list[Any]:
    """Those of some operations that make some arrays, or do more than that, in order."""
    wanted = {term for term in results if not isinstance(term, Literal)}
    found: list[Any] = []
    for eqn in reversed(operations):
        if getattr(eqn, "effects", None) or any(var in wanted for var in eqn.outvars):
            found.append(eqn)
            wanted |= {term for term in eqn.invars if not isinstance(term, Literal)}
    return found[::-1]


def can_differ(traced: Traced, key: Term) -> bool:
    """Whether a function may give something else with another key: it takes the key, or asks the host."""
    return any(key in eqn.invars for eqn in traced.eqns) or asks_host(traced)


def asks_host(traced: Traced) -> bool:
    """Whether a function calls back to Python while it runs."""
    return any(
        eqn.primitive.name.endswith("callback") or any(asks_host(inner) for inner in inner_of(eqn)) for eqn in traced.eqns
    )


def flops_of_product(operation: Operation) -> float | None:
    """Multiplications and additions in a product or a convolution; nothing for other operations."""
    name, params = operation.primitive.name, operation.params
    if name == "dot_general":
        (contracted, _), _ = params["dimension_numbers"]
        shape = operation.invars[0].aval.shape
        return 2.0 * float(np.prod(operation.outvars[0].aval.shape)) * float(np.prod([shape[axis] for axis in contracted]))
    if name == "product":
        rows, columns = (term.aval.shape for term in operation.invars)
        return 2.0 * float(np.prod(rows)) * columns[1]
    if name == "product_with_transposed":
        rows, columns = (term.aval.shape for term in operation.invars)
        return 2.0 * float(np.prod(rows)) * columns[0]
    if name == "conv_general_dilated":
        kernel = operation.invars[1].aval.shape
        filters = kernel[params["dimension_numbers"].rhs_spec[0]]
        return 2.0 * float(np.prod(operation.outvars[0].aval.shape)) * float(np.prod(kernel)) / max(filters, 1)
    if name in ("convolve", "spread", "correlate"):
        # Of `kerata.kernels.convolution`: one convolution, whichever of its three arrays is the result.
        kernel = operation.outvars[0] if name == "correlate" else operation.invars[1]
        output = (operation.invars[0].aval.shape[0], *params["fixed"].output)
        return 2.0 * float(np.prod(output)) * float(np.prod(kernel.aval.shape))
    return None
