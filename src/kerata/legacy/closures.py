"""Losses that look at tensors within the model: `def loss(y_true, y_pred): return K.mean(...) + K.square(z_mean)`."""

import functools
import types
from collections.abc import Callable, Iterator
from typing import cast

from kerata import layers
from kerata.base.checks import message
from kerata.engine.scope import stack
from kerata.engine.symbolic import SymbolicTensor, run_nodes, sort_nodes, symbolic_leaves
from kerata.engine.types import Array
from kerata.models.graph import Graph
from kerata.training.trained import TrainedModel


def looks_at_tensors(function: object) -> bool:
    """Whether a function of a program's own refers to symbolic tensors, or to functions that do."""
    seen: set[int] = set()
    pending: list[object] = [function]
    while pending:
        value = pending.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        for found in referred(value):
            if symbolic_leaves(found):
                return True
            if isinstance(found, (types.FunctionType, types.MethodType, functools.partial)):
                pending.append(found)
    return False


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
    for name in names_in(function.__code__):
        if name in function.__globals__:
            yield function.__globals__[name]


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
    value: SymbolicTensor = cast(Callable[..., SymbolicTensor], function)(target, output)
    within = {id(tensor): tensor for node in graph.running for tensor in node.output_tensors}
    within |= {id(tensor): tensor for tensor in graph.inputs}
    nodes = sort_nodes([target, *within.values()], [value], f"loss {getattr(function, '__name__', '')}")
    taken = {id(tensor): tensor for node in nodes for tensor in node.input_tensors if id(tensor) in within}
    beside = {id(tensor): tensor for tensor in graph.beside} | taken
    model._graph = Graph(graph.inputs_tree, graph.outputs_tree, model, list(beside.values()))

    def loss(y_true: Array, y_pred: Array) -> object:
        values = {id(target): y_true, **{place: beside_value(place, model) for place in taken}, id(output): y_pred}
        return run_nodes(nodes, values)[id(value)]

    return functools.wraps(function, updated=())(loss) if hasattr(function, "__name__") else loss


def beside_value(place: int, model: object) -> object:
    """What a tensor beside the outputs was worth when the model ran."""
    for scope in reversed(stack()):
        if place in scope.beside:
            return scope.beside[place]
    expected = "this loss looks at tensors within the model, which are there while it is trained or evaluated"
    raise ValueError(message(model, expected, None, "Call it by fit, evaluate, or on a batch"))
