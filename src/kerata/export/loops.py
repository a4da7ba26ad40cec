"""Rows of loops, branches and running sums."""

from collections.abc import Callable, Sequence

import numpy as np
from jax.extend.core import ClosedJaxpr, JaxprEqn

from kerata.export.onnx_graph import Graph, Port
from kerata.export.shapes import count
from kerata.export.translator import Translator, aval_of, row
from kerata.export.values import Value, known, plain_dtype
from kerata.kernels.typed import parts_of_scan


def give(t: Translator, graph: Graph, values: Sequence[Value]) -> None:
    """Makes values the outputs of a graph: each a tensor that one of its own nodes makes."""
    for value in values:
        graph.outputs.append(Port(t.node("Identity", t.name(value)), value.dtype))


def take(graph: Graph, like: Sequence[Value], prefix: str) -> list[Value]:
    """Inputs of a graph, of the types and shapes of values."""
    made: list[Value] = []
    for value in like:
        name = graph.fresh(prefix)
        graph.inputs.append(Port(name, value.dtype))
        made.append(Value(value.shape, value.dtype, tensor=name))
    return made


@row("scan")
def scan(t: Translator, eqn: JaxprEqn, *values: Value) -> list[Value]:
    """ONNX's `Scan`, whose body sees what is outside, so that constants of the loop are no part of it."""
    p = eqn.params
    body: ClosedJaxpr = p["jaxpr"]
    fixed, states, rows = parts_of_scan(p, values)
    if not rows:
        return run_scan(
            t, eqn, body, fixed, states, [Value((p["length"],), np.dtype("int64"), tensor=count(t, p["length"]))], 0
        )
    return run_scan(t, eqn, body, fixed, states, rows, len(rows))


def run_scan(
    t: Translator,
    eqn: JaxprEqn,
    body: ClosedJaxpr,
    fixed: Sequence[Value],
    states: Sequence[Value],
    rows: Sequence[Value],
    used: int,
) -> list[Value]:
    """A `Scan` over rows, of which the body takes the first `used`."""
    carry, backwards = len(states), int(bool(eqn.params["reverse"]))
    begins = [t.name(value) for value in (*states, *rows)]
    scope, t.scope = t.scope, t.scope
    with t.within() as graph:
        inner_states = take(graph, states, "state")
        inner_rows = take(graph, [Value(value.shape[1:], value.dtype) for value in rows], "row")
        give(t, graph, t.run_closed(body, [*fixed, *inner_states, *inner_rows[:used]]))
    t.scope = scope
    outputs = len(eqn.outvars)
    made = t.nodes(
        "Scan",
        outputs,
        *begins,
        body=graph,
        num_scan_inputs=len(rows),
        scan_input_directions=[backwards] * len(rows),
        scan_output_directions=[backwards] * (outputs - carry),
    )
    return [t.made(eqn, tensor, place=place) for place, tensor in enumerate(made)]


@row("while")
def while_(t: Translator, eqn: JaxprEqn, *values: Value) -> list[Value]:
    p = eqn.params
    first, second = int(p["cond_nconsts"]), int(p["body_nconsts"])
    of_test, of_body, states = values[:first], values[first : first + second], values[first + second :]
    going = t.name(t.run_closed(p["cond_jaxpr"], [*of_test, *states])[0])
    begins = [t.name(value) for value in states]
    with t.within() as graph:
        graph.inputs += [Port(graph.fresh("round"), np.dtype("int64"), ()), Port(graph.fresh("going"), np.dtype(bool), ())]
        after = t.run_closed(p["body_jaxpr"], [*of_body, *take(graph, states, "state")])
        give(t, graph, [*t.run_closed(p["cond_jaxpr"], [*of_test, *after]), *after])
    made = t.nodes("Loop", len(states), "", going, *begins, body=graph)
    return [t.made(eqn, tensor, place=place) for place, tensor in enumerate(made)]


@row("cond")
def cond(t: Translator, eqn: JaxprEqn, which: Value, *values: Value) -> list[Value]:
    """`If`s within each other, one for each branch but the last; an index outside counts as the nearest."""
    branches: Sequence[ClosedJaxpr] = eqn.params["branches"]
    chosen = t.name(which)

    def choose(place: int) -> list[str]:
        if place == len(branches) - 1:
            return [t.node("Identity", t.name(value)) for value in t.run_closed(branches[place], values)]
        is_here = t.node("LessOrEqual", chosen, t.constant(np.asarray(place, which.dtype)))
        kinds = [plain_dtype(aval_of(variable).dtype) for variable in eqn.outvars]
        with t.within() as here:
            give(t, here, t.run_closed(branches[place], values))
        with t.within() as there:
            there.outputs += [Port(name, kind) for name, kind in zip(choose(place + 1), kinds, strict=True)]
        return t.nodes("If", len(kinds), is_here, then_branch=here, else_branch=there)

    if which.dtype == np.bool_:
        chosen = t.cast(chosen, which.dtype, "int32")
        which = Value(which.shape, np.dtype("int32"), tensor=chosen)
    return [t.made(eqn, tensor, place=place) for place, tensor in enumerate(choose(0))]


# Running sums and their kin


@row("cumsum")
def cumsum(t: Translator, eqn: JaxprEqn, a: Value) -> Value:
    wide = a.dtype if a.dtype.name in ("float32", "float64", "int32", "int64") else np.dtype("int32")
    axis = t.constant(np.int64(eqn.params["axis"]))
    made = t.node("CumSum", t.cast(t.name(a), a.dtype, wide), axis, reverse=int(eqn.params["reverse"]))
    return t.made(eqn, t.cast(made, wide, a.dtype))


def running(kind: str) -> Callable[[Translator, JaxprEqn, Value], Value]:
    def translate(t: Translator, eqn: JaxprEqn, a: Value) -> Value:
        axis, backwards = int(eqn.params["axis"]), int(eqn.params["reverse"])
        order = [axis, *[place for place in range(len(a.shape)) if place != axis]]
        rows = t.transpose(t.name(a), order)
        end = t.size(a.shape[axis])
        begin = t.node("Sub", end, t.ints(1)) if backwards else t.ints(0)
        first = t.node("Squeeze", t.node("Gather", rows, begin, axis=0), t.ints(0))
        like = Value(tuple(a.shape[place] for place in order[1:]), a.dtype)
        with t.within() as graph:
            state, one = take(graph, [like], "state")[0], take(graph, [like], "row")[0]
            # Of the first row, which is where the state begins, either is the same; a product begins with ones.
            after = t.node(kind, t.name(state), t.name(one))
            graph.outputs += [Port(t.node("Identity", after), a.dtype), Port(t.node("Identity", after), a.dtype)]
        if kind == "Mul":
            first = t.node("Expand", t.constant(np.ones((), a.dtype)), t.node("Shape", first))
        how = {"scan_input_directions": [backwards], "scan_output_directions": [backwards]}
        made = t.nodes("Scan", 2, first, rows, body=graph, num_scan_inputs=1, **how)[1]
        return t.made(eqn, t.transpose(made, list(np.argsort(order))))

    return translate


row("cummax")(running("Max"))
row("cummin")(running("Min"))
row("cumprod")(running("Mul"))


@row("random_bits", "random_seed", "random_wrap", "random_fold_in", "threefry2x32", "rng_bit_generator", "random_unwrap")
def random(t: Translator, eqn: JaxprEqn, *values: Value) -> Value:
    raise t.refusal("the model draws random numbers when it predicts, which a file cannot repeat", "Draw none: training=False")


@row("platform_index")
def platform(t: Translator, eqn: JaxprEqn) -> Value:
    """Which of several forms a platform gets: the last, which is for all."""
    return known(np.int32(len(eqn.params["platforms"]) - 1))
