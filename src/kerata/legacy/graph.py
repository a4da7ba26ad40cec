"""What layers of Keras 1 and 2 showed of their calls: the losses and updates of each, as symbolic tensors."""

import contextlib
import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from kerata.engine.guesses import TRIALS
from kerata.engine.scope import Scope, current_scope, in_scope, noted
from kerata.engine.symbolic import Node, Operation, SymbolicTensor, infer, sort_nodes
from kerata.engine.variable import Variable
from kerata.layers.phase import contexts, in_phase
from kerata.legacy.functions import roots_of

# What a program adds to a layer from outside: (the inputs that it depends on, or `None`; the loss or update).
Entry = tuple[Any, Any]


def outside() -> bool:
    """Whether no layer is being called, and no program traced."""
    return not contexts() and not in_scope()


def calls_of(layer) -> list[Node]:
    """The calls on symbolic tensors that make up a model, or those of a layer."""
    graph = getattr(layer, "_graph", None)
    return list(graph.running) if graph is not None else [node for node in layer.inbound_nodes if node.input_tensors]


def of_call(node: Node, give: Callable[[Scope, dict[int, Any]], list[Any]], training: bool | None = None) -> list[Any]:
    """Symbolic tensors of what is there after a call, computed from what the call is given.

    Args:
        node: the call.
        give: takes the scope in which the call ran, and what its variables were worth before.
        training: in which phase it runs; `None` for that around it.
    """
    variables = list(getattr(node.operation, "variables", []))

    def run(*args, **kwargs) -> list[Any]:
        outer = current_scope()
        values = [v.value for v in variables]
        scope = Scope(variables, values) if outer is None else Scope(variables, values, outer.hypers, outer.key, outer.valid)
        before = dict(scope.values)
        with scope, contextlib.nullcontext() if training is None else in_phase(training):
            node.operation(*args, **kwargs)
            return [jnp.asarray(value) for value in give(scope, before)]

    outputs = list(infer(run, *node.args, **node.kwargs))
    if outputs:
        operation = Operation(run, name=None)
        operation.variables = variables  # type: ignore[attr-defined]
        Node(operation, node.args, node.kwargs, outputs)
    return outputs


def losses_of(layer) -> list[SymbolicTensor]:
    """What each call of a layer, or of the layers of a model, adds to the loss."""
    return [loss for node in calls_of(layer) for loss in of_call(node, lambda scope, before: scope.losses)]


def updates_of(layer) -> list[tuple[Variable, SymbolicTensor]]:
    """(variable, symbolic new value) of the weights that each call in training changes, as `K.function` takes them."""
    return [pair for node in calls_of(layer) for pair in updates_of_call(node)]


def updates_of_call(node: Node) -> list[tuple[Variable, SymbolicTensor]]:
    kept = [v for v in getattr(node.operation, "non_trainable_weights", []) if jnp.issubdtype(v.dtype, jnp.floating)]
    if not kept:
        return []
    changed: list[Variable] = []

    def give(scope: Scope, before: dict[int, Any]) -> list[Any]:
        changed[:] = [v for v in kept if scope.values[id(v)] is not before[id(v)]]
        return scope.read(changed)

    values = of_call(node, give, training=True)
    return list(zip(changed, values, strict=True))


def relevant(terms: list[Any], entries: list[Entry], inputs) -> list[Any]:
    """Of symbolic losses or updates, and of those that were added from outside, those that depend on some inputs.

    Args:
        terms: symbolic tensors, pairs of a variable and one, or numbers.
        entries: what was added from outside.
        inputs: symbolic tensors; `None` for what depends on no input.
    """
    if inputs is None:
        of_numbers = [term for term in terms if not isinstance(tensor_of(term), SymbolicTensor)]
        return of_numbers + [term for given, term in entries if given is None]
    wanted = {id(one) for one in roots_of(inputs)}
    found = [term for term in terms if isinstance(one := tensor_of(term), SymbolicTensor) and reaches(one, wanted)]
    return found + [term for given, term in entries if given is not None and any(id(one) in wanted for one in roots_of(given))]


def tensor_of(term):
    return term[1] if isinstance(term, tuple) else term


def reaches(tensor: SymbolicTensor, roots: set[int]) -> bool:
    return any(id(one) in roots for one in roots_of(tensor))


# The learning phase


def uses_phase(tensor: SymbolicTensor) -> bool:
    """Whether a symbolic tensor is another one in training: what `_uses_learning_phase` of a tensor said."""
    return any(depends_on_phase(node) for node in sort_nodes(roots_of(tensor), [tensor], "_uses_learning_phase"))


def depends_on_phase(node: Node) -> bool:
    """Whether a call computes something else in training: a model's if one of its layers does, a layer's as its traces say."""
    graph = getattr(node.operation, "_graph", None)
    if graph is not None:
        return any(depends_on_phase(inner) for inner in graph.running)
    return hasattr(node.operation, "variables") and trace_of_call(node, True) != trace_of_call(node, False)


def trace_of_call(node: Node, training: bool) -> str:
    """What a call computes in a phase, as the text of its trace."""
    variables = list(node.operation.variables)  # type: ignore[attr-defined]
    leaves, tree = jax.tree.flatten((node.args, node.kwargs))
    places = [n for n, leaf in enumerate(leaves) if isinstance(leaf, SymbolicTensor)]
    given = [
        jax.ShapeDtypeStruct(tuple(TRIALS[0] if size is None else size for size in leaves[n].shape), leaves[n].dtype)
        for n in places
    ]

    def run(arrays: list[Any]) -> object:
        filled = list(leaves)
        for place, array in zip(places, arrays, strict=True):
            filled[place] = array
        args, kwargs = jax.tree.unflatten(tree, filled)
        with Scope(variables, [v.value for v in variables]), in_phase(training):
            return node.operation(*args, **kwargs)

    return re.sub("0x[0-9a-f]+", "", str(jax.make_jaxpr(run)(given)))


# Calls


def layers_before(node: Node) -> list[Any]:
    """The layers whose outputs a call takes: how old programs walk through a graph."""
    return [tensor.history[0] for tensor in node.input_tensors]


def shapes_before(node: Node) -> list[Any]:
    return [tuple(tensor.shape) for tensor in node.input_tensors or node.output_tensors]


OF_CALLS: dict[str, Callable[[Node], Any]] = {
    "outbound_layer": lambda node: node.operation,
    "inbound_layers": layers_before,
    "node_indices": lambda node: [tensor.history[1] for tensor in node.input_tensors],
    "tensor_indices": lambda node: [tensor.history[2] for tensor in node.input_tensors],
    "input_shapes": shapes_before,
    "output_shapes": lambda node: [tuple(tensor.shape) for tensor in node.output_tensors],
    "input_masks": lambda node: [noted(tensor, "mask") for tensor in node.input_tensors or node.output_tensors],
    "output_masks": lambda node: [noted(tensor, "mask") for tensor in node.output_tensors],
}
for _name, _give in OF_CALLS.items():
    setattr(Node, _name, property(_give))

# Old programs ask tensors themselves, and the engine knows no phase that a graph was made in.
setattr(SymbolicTensor, "_uses_learning_phase", property(uses_phase))  # noqa: B010
