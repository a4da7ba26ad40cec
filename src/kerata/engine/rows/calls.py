"""Operations that hold functions: calls, branches and loops."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from kerata.engine.homes import is_users
from kerata.engine.rows.kinds import UNSOUND, Kind, Unsound, alike
from kerata.engine.traces import Closed, Operation, Traced
from kerata.kernels.typed import parts_of_scan

# Rounds after which the state of a loop must have settled.
ROUNDS = 12


class Walk(Protocol):
    """What follows kinds through a traced function, with the first thing that was found to stand against soundness."""

    reason: str | None

    def run(
        self, first: Traced, second: Traced, first_consts: Sequence[Any], second_consts: Sequence[Any], inputs: Sequence[Kind]
    ) -> list[Kind]: ...


def _inner(params: dict[str, Any]) -> Traced | Closed:
    for name in ("jaxpr", "call_jaxpr", "fun_jaxpr", "call"):
        if name in params:
            return params[name]
    raise Unsound("a call of which nothing is known")


def _run(proof: Walk, first: Traced | Closed, second: Traced | Closed, kinds: Sequence[Kind]) -> list[Kind]:
    """An inner function, closed over its constants or not."""
    (m, m_consts), (n, n_consts) = _opened(first), _opened(second)
    return proof.run(m, n, m_consts, n_consts, kinds)


def _opened(function: Any) -> tuple[Traced, Sequence[Any]]:
    return (function.jaxpr, function.consts) if hasattr(function, "consts") else (function, ())


def _call(proof: Walk, m: Operation, n: Operation, kinds: list[Kind]) -> list[Kind]:
    return _run(proof, _inner(m.params), _inner(n.params), kinds)


def _own_gradient(proof: Walk, m: Operation, n: Operation, kinds: list[Kind]) -> list[Kind]:
    """A function that brings its own gradient: only of ours and JAX's it is known that it is the function's."""
    for name in ("bwd", "jvp_jaxpr_fun", "jvp"):
        if name in m.params:
            source = getattr(getattr(m.params[name], "debug_info", None), "func_src_info", None) or ""
            if is_users(source.rpartition(" at ")[2]):
                proof.reason = proof.reason or "a gradient of the user's own"
                return [UNSOUND] * len(m.outvars)
            break
    return _call(proof, m, n, kinds)


def _cond(proof: Walk, m: Operation, n: Operation, kinds: list[Kind]) -> list[Kind]:
    branches = [_run(proof, a, b, kinds[1:]) for a, b in zip(m.params["branches"], n.params["branches"], strict=True)]
    if not kinds[0].sound or kinds[0].axis is not None:
        return [UNSOUND] * len(m.outvars)
    return [_join(parts) for parts in zip(*branches, strict=True)]


def _join(kinds: Sequence[Kind]) -> Kind:
    first = kinds[0]
    if not all(kind.sound and kind.place == first.place for kind in kinds):
        return UNSOUND
    joined = Kind(True) if first.axis is None else alike(kinds)
    return joined._replace(fill=first.fill if all(kind.fill == first.fill for kind in kinds) else None)


def _settle(step: Callable[[list[Kind]], list[Kind]], state: list[Kind]) -> list[Kind]:
    """The kinds of a loop's state that hold in every round."""
    for _ in range(ROUNDS):
        after = [_join(pair) for pair in zip(state, step(state), strict=True)]
        if after == state:
            return state
        state = after
    return [UNSOUND] * len(state)


def _scan(proof: Walk, m: Operation, n: Operation, kinds: list[Kind]) -> list[Kind]:
    constants, state, items = parts_of_scan(m.params, kinds)
    if m.params["length"] != n.params["length"]:
        proof.reason = proof.reason or "a loop over samples"
        return [UNSOUND] * len(m.outvars)
    carried = len(state)
    # An item is a slice along the first axis, which is not the batch's, for it has one length in both traces.
    items = [kind._replace(axis=None if kind.axis is None else kind.axis - 1) for kind in items]
    bodies = m.params["jaxpr"], n.params["jaxpr"]

    def step(state: list[Kind]) -> list[Kind]:
        return _run(proof, *bodies, [*constants, *state, *items])

    state = _settle(lambda state: step(state)[:carried], state)
    results = step(state)[carried:]
    return [*state, *[kind._replace(axis=None if kind.axis is None else kind.axis + 1) for kind in results]]


def _while(proof: Walk, m: Operation, n: Operation, kinds: list[Kind]) -> list[Kind]:
    tests, bodies = m.params["cond_nconsts"], m.params["body_nconsts"]
    of_test, of_body, state = kinds[:tests], kinds[tests : tests + bodies], kinds[tests + bodies :]
    step = m.params["body_jaxpr"], n.params["body_jaxpr"]
    state = _settle(lambda state: _run(proof, *step, [*of_body, *state]), state)
    (going,) = _run(proof, m.params["cond_jaxpr"], n.params["cond_jaxpr"], [*of_test, *state])
    if not going.sound or going.axis is not None:
        proof.reason = proof.reason or "a loop whose end depends on the samples"
        return [UNSOUND] * len(state)
    return state


CALLS: dict[str, Callable[[Walk, Operation, Operation, list[Kind]], list[Kind]]] = {
    "jit": _call,
    "pjit": _call,
    "closed_call": _call,
    "core_call": _call,
    "call": _call,
    "checkpoint": _call,
    "remat": _call,
    "remat2": _call,
    "custom_lin": _call,
    "custom_vmap_call": _call,
    "custom_jvp_call": _own_gradient,
    "custom_vjp_call": _own_gradient,
    "custom_vjp_call_jaxpr": _own_gradient,
    "cond": _cond,
    "scan": _scan,
    "while": _while,
}
