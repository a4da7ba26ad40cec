"""One step at once: the compiled program of an update, for training loops written by hand."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from kerata.base.blocks import Within, ambient
from kerata.engine.hyper import hyperparameters_of
from kerata.engine.module import Module, modules_of
from kerata.engine.program import obtain
from kerata.engine.scope import Probe, Scope, in_scope
from kerata.engine.structure import structure_of
from kerata.engine.types import Array
from kerata.engine.variable import Variable

_local = ambient()


def asking(asked: dict[int, tuple[Array | None, Array | None]]) -> Within:
    """Within the block updates know more of the gradients of tables, by the id of the variable.

    Args:
        asked: the sum of squares of the gradients of all places that read a row, and how often each row was read.
    """
    return Within(_local, asked=asked)


class Updating(Protocol):
    """An optimizer: what `update` makes of the values of variables, of their gradients and of its state."""

    def update(
        self, variables: Sequence[Variable], params: Sequence[Array], grads: Sequence[Array | None], state: Sequence[Array]
    ) -> tuple[list[Array], list[Array]]: ...


def is_applied(optimizer: object) -> bool:
    """Whether `apply` of an optimizer asks for the update."""
    return getattr(_local, "applied", None) is optimizer


def run_update(
    optimizer: Updating, variables: Sequence[Variable], grads: Sequence[Any], slots: Sequence[Variable]
) -> tuple[list[Array], list[Array]]:
    """`optimizer.update` on the present values, as `apply` asks for it: traced in a program, compiled outside.

    Optimizers with a person's own code run as they are, operation by operation, because their code may depend on
    anything.
    """
    params, state = [v.value for v in variables], [s.value for s in slots]
    structure = None if in_scope() else structure_of(list(variables), optimizer)
    known: dict[int, tuple[Array | None, Array | None]] = getattr(_local, "asked", None) or {}
    asked = {n: known[id(v)] for n, v in enumerate(variables) if id(v) in known}
    if structure is None:
        scope = Scope()
        scope.probes = {id(variables[n]): Probe(*one) for n, one in asked.items()}
        with Within(_local, applied=optimizer), scope if asked else contextlib.nullcontext():
            return optimizer.update(variables, params, grads, state)
    owners = find_hyperparameters(optimizer, variables)
    hypers = np.array([module.__dict__[name] for module, name in owners], np.float32)

    def make() -> Callable[..., Any]:
        def program(
            params: list[Array], grads: list[Array | None], state: list[Array], hypers: Array, asked: dict[int, Any]
        ) -> tuple[list[Array], list[Array]]:
            with Scope((), (), {(id(module), name): hypers[i] for i, (module, name) in enumerate(owners)}) as scope:
                scope.probes = {id(variables[n]): Probe(*one) for n, one in asked.items()}
                return optimizer.update(variables, params, grads, state)

        return program

    args = (params, list(grads), state, hypers, asked)
    return obtain("apply", structure, make, args, weak=(3,))(*args)


def find_hyperparameters(optimizer: Updating, variables: Sequence[Variable]) -> list[tuple[Module, str]]:
    """(module, name) of the numbers that an update reads: the optimizer's, its schedule's and the constraints'."""
    modules: list[Module] = []
    seen: set[int] = set()
    for root in (optimizer, *[v.constraint for v in variables]):
        if isinstance(root, Module):
            modules += [module for _, module in modules_of(root, seen=seen)]
    return [(module, name) for module in modules for name in hyperparameters_of(module)]
