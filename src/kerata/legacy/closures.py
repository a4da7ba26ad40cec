"""Losses and layers that look at tensors within the model: `def loss(y_true, y_pred): return ... + K.square(z_mean)`."""

import dis
import functools
import types
from collections.abc import Callable, Iterator, Sequence
from typing import TypeGuard, cast

import jax

from kerata import layers
from kerata.base.checks import message
from kerata.base.interrupts import hand_on
from kerata.engine.module import Look
from kerata.engine.random import global_seed_generator
from kerata.engine.scope import stack
from kerata.engine.standing import Standing
from kerata.engine.symbolic import SymbolicTensor, infer, run_nodes, sort_nodes, symbolic_leaves
from kerata.engine.types import Array
from kerata.models.graph import Graph
from kerata.training.trained import TrainedModel


def looks_at_tensors(function: object) -> bool:
    """Whether a function of a program's own refers to symbolic tensors, or to functions that do."""
    return any(True for _ in tensors_seen(function))


def tensors_seen(function: object, layer: object = None) -> Iterator[SymbolicTensor]:
    """The symbolic tensors that a function of a program's own refers to, or functions that it calls.

    Args:
        function: it.
        layer: whose method it is: then what it says of `self` counts as well.
    """
    seen: set[int] = set()
    pending: list[object] = [function]
    while pending:
        value = pending.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        of_self = [] if layer is None else attributes_named(value, layer)
        for found in (*referred(value), *of_self):
            yield from symbolic_leaves(found)
            if isinstance(found, (types.FunctionType, types.MethodType, functools.partial)):
                pending.append(found)


def attributes_named(function: object, layer: object) -> list[object]:
    """The attributes of a layer, and its methods, whose names are in the code of one of its methods."""
    function = getattr(function, "__func__", function)
    if not isinstance(function, types.FunctionType) or function.__module__.partition(".")[0] == "kerata":
        return []
    methods = {name: getattr(type(layer), name, None) for name in names_in(function.__code__)}
    return [vars(layer).get(name, method) for name, method in methods.items()]


def referred(function: object) -> Iterator[object]:
    """What a function refers to: what it was given by `partial`, closes over, and finds under names of its module."""
    if isinstance(function, functools.partial):
        yield from (function.func, list(function.args), dict(function.keywords))
    function = getattr(function, "__func__", function)
    if not isinstance(function, types.FunctionType) or function.__module__.partition(".")[0] in ("kerata", "jax", "numpy"):
        return
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # a name without a value yet
            continue
    for name in globals_in(function.__code__):
        if name in function.__globals__:
            yield function.__globals__[name]


def globals_in(code: types.CodeType) -> set[str]:
    """The names of its module that code and the functions within it look up: not those of attributes."""
    found = {str(one.argval) for one in dis.get_instructions(code) if one.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            found |= globals_in(part)
    return found


def names_in(code: types.CodeType) -> set[str]:
    """The names that code and the functions within it look up."""
    found = set(code.co_names)
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            found |= names_in(part)
    return found


def bind_losses(given: object, losses: object) -> object:
    """The losses that `compile` was given; those that look at tensors within the model get their values when it runs."""
    graph = getattr(given, "_graph", None)
    if graph is None:
        return losses
    model = cast(TrainedModel, given)
    outputs, names = graph.outputs, graph.output_names
    if isinstance(losses, dict):
        return {name: bound(model, one, outputs[names.index(name)]) if name in names else one for name, one in losses.items()}
    if isinstance(losses, (list, tuple)):
        return [bound(model, one, output) for one, output in zip(losses, outputs, strict=False)]
    if not callable(losses) or not looks_at_tensors(losses):
        return losses
    bounds = [bound(model, losses, output) for output in outputs]
    return bounds[0] if len(bounds) == 1 else bounds


def bound(model: TrainedModel, function: object, output: SymbolicTensor) -> object:
    """A loss of one output, whose tensors are computed beside the outputs of the model."""
    if not callable(function) or not looks_at_tensors(function):
        return function
    graph = model._graph
    if graph is None or "_graph_layers" not in model.__dict__:
        expected = "a loss that looks at tensors within the model needs one made of Input() and layers"
        raise ValueError(message(model, expected, {"loss": function}, "Make it with Model(inputs, outputs)"))
    target = layers.Input(batch_shape=output.shape, dtype=output.dtype)
    within = {id(tensor): tensor for node in graph.running for tensor in node.output_tensors}
    within |= {id(tensor): tensor for tensor in graph.inputs}
    known, called = [target, *within.values()], cast(Callable[..., SymbolicTensor], function)
    where, seen = f"loss {getattr(function, '__name__', '')}", list(tensors_seen(function))
    try:
        wanted = asked_for(called, [target, output], [output, *seen])
    except Exception as error:
        # Gradients to tensors within the model need its graph.
        hand_on(error)
        wanted = None
        before = draws_so_far()
        value = called(target, output)
        if before != draws_so_far():
            # They are numbers already, and would be the same ones in each batch.
            expected = "a loss that needs the graph of the model must not draw random numbers"
            raise NotImplementedError(message(model, expected, None, "Draw them in a layer of the model")) from None
        ends = [value]
    else:
        ends = list(wanted)
    nodes = sort_nodes(known, ends, where)
    taken = {id(one): one for one in [*(one for node in nodes for one in node.input_tensors), *ends] if id(one) in within}
    beside = {id(tensor): tensor for tensor in graph.beside} | taken
    model._graph = Graph(graph.inputs_tree, graph.outputs_tree, model, list(beside.values()))

    def loss(y_true: Array, y_pred: Array) -> object:
        values = {id(target): y_true, **{place: beside_value(place, model) for place in taken}, id(output): y_pred}
        found = run_nodes(nodes, values)
        if wanted is None:
            return found[id(ends[0])]
        with Standing(wanted, [found[id(one)] for one in wanted]):
            return called(y_true, y_pred)

    return functools.wraps(function, updated=())(loss) if hasattr(function, "__name__") else loss


def asked_for(function: Callable[..., object], given: list[SymbolicTensor], seen: Sequence[SymbolicTensor]):
    """The tensors that a function takes while it runs, beside those that it is given.

    Args:
        function: it.
        given: symbolic tensors, its arguments.
        seen: those that it may take.
    """
    used: dict[int, SymbolicTensor] = {}

    def run(values: list[Array], rest: list[Array]) -> object:
        with Standing(seen, rest) as found:
            outputs = function(*values)
        used.update(cast(dict[int, SymbolicTensor], found.used))
        return outputs

    infer(run, given, list(seen))
    return list(used.values())


def beside_value(place: int, model: object) -> object:
    """What a tensor beside the outputs was worth when the model ran."""
    for scope in reversed(stack()):
        if place in scope.beside:
            return scope.beside[place]
    expected = "this loss looks at tensors within the model, which are there while it is trained or evaluated"
    raise ValueError(message(model, expected, None, "Call it by fit, evaluate, or on a batch"))


# Layers of a program's own


class Around(layers.Layer):
    """A layer of a program's own whose `call` looks at tensors that it is not given: those are further inputs here.

    Args:
        layer: it.
        closure: how it is called.
    """

    def __init__(self, layer: layers.Layer, closure: "Closure"):
        super().__init__(name=layer.name)
        self.layer, self.closure = layer, closure
        self.mixes_samples, self.built, self.autocast = True, True, False

    _bookkeeping = {"closure": Look.NOBODY}

    def call(self, inputs: list[Array]) -> object:
        return self.closure.run(self.layer, inputs)


class Closure:
    """A call of a layer, for any values of the tensors that it is given and of those that it looks at.

    While it runs, what it looks at stands for values, so that what it adds to the loss, draws, measures and changes is of
    each batch.

    Args:
        layer: built.
        args, kwargs: of the call, symbolic tensors among them.
        seen: the tensors that it may look at.
    """

    def __init__(self, layer: layers.Layer, args: tuple, kwargs: dict[str, object], seen: list[SymbolicTensor]):
        self.leaves, self.tree = jax.tree.flatten((args, kwargs))
        self.given: list[SymbolicTensor] = list(filter(is_symbolic, self.leaves))
        own = {id(one) for one in self.given}
        self.beside: list[SymbolicTensor] = []
        others = list({id(one): one for one in seen if id(one) not in own}.values())
        self.beside = asked_for(lambda *values: self.run(layer, values), self.given, others)

    @property
    def tensors(self) -> list[SymbolicTensor]:
        return [*self.given, *self.beside]

    def run(self, layer: layers.Layer, values: Sequence[Array]) -> object:
        """The outputs for the values of the tensors."""
        rest = iter(values)
        args, kwargs = jax.tree.unflatten(self.tree, [next(rest) if is_symbolic(one) else one for one in self.leaves])
        # What it is given may be what it looks at, too.
        with Standing(self.tensors, values):
            return layer(*args, **kwargs)


def is_symbolic(value: object) -> TypeGuard[SymbolicTensor]:
    return isinstance(value, SymbolicTensor)


def draws_so_far() -> bytes:
    """What the generator of random numbers that have no seed is at."""
    return global_seed_generator().state.numpy().tobytes()


def call_around(layer: layers.Layer, args: tuple, kwargs: dict[str, object], function: object = None) -> object:
    """The symbolic outputs of a layer whose `call` looks at tensors that it is not given; `None` if it looks at none.

    Args:
        layer: built.
        args, kwargs: of the call.
        function: what its `call` calls, where it is a Lambda.
    """
    seen = list(tensors_seen(type(layer).call, layer) if function is None else tensors_seen(function))
    if not seen:
        return None
    closure = Closure(layer, args, kwargs, seen)
    return Around(layer, closure)(closure.tensors)
