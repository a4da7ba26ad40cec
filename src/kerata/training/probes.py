"""What a step finds of the gradients of tables beside the sums over all places that read a row, for optimizers that ask."""

# JAX leaves the types of some functions out.
# pyright: reportUnknownMemberType=false

import contextlib
from collections.abc import Callable, Generator
from typing import Any, Protocol

import jax

from kerata.engine.scope import Probe, Scope, current_scope
from kerata.engine.types import Array
from kerata.engine.variable import Variable

# By the id of the variable: the sum of squares of the gradients of all places, and how often each row was read.
Found = dict[int, tuple[Array | None, Array | None]]


class Asking(Protocol):
    """An optimizer that asks something of the gradient of a table."""

    def probe(self, variable: Variable) -> tuple[Array, Array | None]: ...


def derive(
    optimizer: Asking,
    tables: list[Variable],
    objective: Callable[[list[Any]], tuple[Array, Any]],
    trainable: list[Any],
    with_slots: Callable[[], Scope],
) -> tuple[Any, list[Array], Found]:
    """What comes with an objective, its gradients, and what was asked of those of tables.

    Args:
        optimizer: that asks.
        tables: of which. What is read as a whole as well has one gradient, the sum, and is left out.
        objective: gives (the loss, what comes with it) for values of the trainable variables.
        trainable: these.
        with_slots: gives a scope in which the optimizer's variables have their values.
    """
    if not tables:
        (_, aux), grads = jax.value_and_grad(objective, has_aux=True)(trainable)
        return aux, grads, {}
    while True:
        probes: dict[int, Probe] = {}

        def probing(trainable: list[Any], asked: Found, probes: dict[int, Probe] = probes) -> tuple[Array, Any]:
            with knowing(asked) as made:
                probes.update(made)
                return objective(trainable)

        with with_slots():
            asked = {id(table): optimizer.probe(table) for table in tables}
        (_, aux), (grads, found) = jax.value_and_grad(probing, (0, 1), has_aux=True)(trainable, asked)
        rows_alone = [table for table in tables if not probes[id(table)].whole]
        if len(rows_alone) == len(tables):
            return aux, grads, found
        tables = rows_alone


@contextlib.contextmanager
def knowing(found: Found) -> Generator[dict[int, Probe]]:
    """Within the block scopes know what is asked, or was found, of the gradients of tables."""
    scope = current_scope()
    if not found:
        yield {}
        return
    with contextlib.nullcontext(scope) if scope is not None else Scope() as scope:
        before, scope.probes = scope.probes, {table: Probe(*one) for table, one in found.items()}
        try:
            yield scope.probes
        finally:
            scope.probes = before
