"""`K.function` and `K.gradients`: programs from symbolic inputs to symbolic outputs, made of parts of models."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from kerata import backend
from kerata.base.checks import message
from kerata.base.interrupts import hand_on
from kerata.engine.random import make_key
from kerata.engine.scope import Scope, current_scope
from kerata.engine.structure import is_ours, structure_of
from kerata.engine.symbolic import Node, Operation, SymbolicTensor, flatten, run_nodes, sort_nodes
from kerata.engine.variable import Variable, noting_reads
from kerata.layers import InputLayer
from kerata.layers.phase import in_phase
from kerata.legacy.phases import Phase
from kerata.models.graph import Graph
from kerata.training.stepwise import warn_or_raise


class NeedsGraph(TypeError):
    """Gradients are asked for of numbers, from which it cannot be seen what they were computed from."""


Wanted: TypeAlias = SymbolicTensor | Variable
Tensors: TypeAlias = SymbolicTensor | Sequence[SymbolicTensor]


def function(
    inputs: SymbolicTensor | Sequence[Any],
    outputs: SymbolicTensor | Sequence[Any],
    updates: Iterable[object] | None = None,
    changes_layers: bool = False,
    **kwargs: object,
) -> Callable[[Any], Any]:
    """A function from symbolic inputs, the learning phase among them, to symbolic outputs, on arrays.

    Args:
        inputs, outputs, updates: what it takes, what it gives, and which variables it gives new values.
        changes_layers: whether layers take the new values that they have in training, such as moving averages: in `tf.keras`.
    """
    given: list[Any] = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
    phases = [place for place, one in enumerate(given) if isinstance(one, (Phase, int))]
    tensors = [one for place, one in enumerate(given) if place not in phases]
    run = compiled(tensors, outputs, pairs_of(updates), changes_layers)

    def call(values: object) -> object:
        arrays: list[Any] = list(values) if isinstance(values, (list, tuple)) else [values]
        training = any(bool(np.all(arrays[place])) for place in phases if place < len(arrays))
        return run([array for place, array in enumerate(arrays) if place not in phases], training)

    return call


def pairs_of(updates: Iterable[object] | None) -> list[tuple[Variable, Any]]:
    """(variable, symbolic new value) of each update."""
    pairs: list[Any] = list(updates or ())
    if not all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in pairs):
        expected = "`updates` must be pairs of a variable and its new value"
        raise NotImplementedError(message("K.function", expected, {"updates": updates}))
    warn_of_numbers([new for _, new in pairs], "updates")
    return [(pair[0], pair[1]) for pair in pairs]


def warn_of_numbers(values: list[Any], what: str) -> None:
    """Says that what is computed of variables alone is a number already, which does not follow them."""
    if any(isinstance(value, jax.Array) for value in values):
        expected = f"some of the `{what}` are computed from no input: they are numbers, which stay what they are now"
        fix = "Compute them when they are needed, with K.get_value of the variables"
        warnings.warn(message("K.function", expected, None, fix), stacklevel=4)


def compiled(
    inputs: list[Any],
    outputs: SymbolicTensor | Sequence[Any],
    updates: list[tuple[Variable, Any]],
    changes_layers: bool = False,
) -> Callable[[list[Any], bool], Any]:
    """The function of arrays from symbolic inputs to symbolic outputs, as one program for each kind of inputs."""
    single = not isinstance(outputs, (list, tuple))
    wanted: list[Any] = [*outputs] if isinstance(outputs, (list, tuple)) else [outputs]
    warn_of_numbers(wanted, "outputs")
    symbolic = [one for one in (*wanted, *(new for _, new in updates)) if isinstance(one, SymbolicTensor)]
    fixed: list[Any] = [one for one in roots_of(symbolic, inputs) if hasattr(one, "fixed")]
    graph = Graph([*inputs, *fixed], symbolic, "K.function") if symbolic else None
    variables = read_by(graph.nodes) if graph is not None else []

    def run(values: list[Any], key: jax.Array, arrays: list[Any], training: bool) -> tuple[list[Any], list[Any]]:
        with Scope(variables, values, key=key) as scope, in_phase(training):
            found = graph.run(list(arrays)) if graph is not None else []
            return flatten(found), scope.read(variables)

    programs: list[Callable[..., Any]] = [jax.jit(run, static_argnums=3), run]

    def attempt(*args: object) -> tuple[list[Any], list[Any]]:
        try:
            return programs[0](*args)
        except Exception as error:
            hand_on(error)
            warn_or_raise("K.function", error)
        # As Python from now on.
        del programs[:-1]
        return programs[0](*args)

    def call(arrays: list[Any], training: bool) -> object:
        arrays = [jnp.asarray(array, tensor.dtype) for array, tensor in zip(arrays, inputs, strict=True)]
        given = [*arrays, *(vars(one)["fixed"] for one in fixed)]
        values, key = [variable.value for variable in variables], make_key()
        with noting_reads() as reads:
            found, after = attempt(values, key, given, training)
        if more := [variable for name, variable in reads.read.items() if name not in reads.given]:
            # Functions of the program's own have read variables that no layer has: from now on they are followed.
            variables.extend(more)
            values = [variable.value for variable in variables]
            found, after = attempt(values, key, given, training)
        for variable, new in zip(variables, after, strict=True):
            # The state of random numbers goes on in any case.
            if training and isinstance(variable, Variable) and (changes_layers or variable.dtype == "uint32"):
                variable.assign(new)
        rest = iter(found)
        results = [np.array(next(rest)) if isinstance(one, SymbolicTensor) else backend.get_value(one) for one in wanted]
        for variable, new in updates:
            variable.assign(next(rest) if isinstance(new, SymbolicTensor) else new)
        return results[0] if single else results

    return call


def read_by(nodes: list[Node]) -> list[Variable]:
    """The variables that nodes read: of their layers, among their arguments, and in gradients."""
    found: dict[int, Variable] = {}
    for node in nodes:
        leaves = jax.tree.leaves((node.args, node.kwargs), is_leaf=lambda leaf: isinstance(leaf, Variable))
        given = [leaf for leaf in leaves if isinstance(leaf, Variable)]
        inner = getattr(getattr(node.operation, "function", None), "reads", ())
        for variable in (*getattr(node.operation, "variables", ()), *given, *inner):
            found[id(variable)] = variable
    return list(found.values())


def roots_of(tensors: Tensors, ends: Iterable[object] = ()) -> list[SymbolicTensor]:
    """The inputs that symbolic tensors are computed from; nothing is looked for behind `ends`."""
    found: dict[int, SymbolicTensor] = {}
    seen = {id(one) for one in ends}
    pending = [tensors] if isinstance(tensors, SymbolicTensor) else list(tensors)
    while pending:
        one = pending.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        operation, index, _ = one.history
        if isinstance(operation, InputLayer):
            found[id(one)] = one
        else:
            pending.extend(operation.inbound_nodes[index].input_tensors)
    return list(found.values())


def gradients(loss: Tensors, variables: Wanted | Sequence[Wanted]) -> list[Any]:
    """Symbolic gradients of the sum of symbolic losses to symbolic tensors or weights, for use in `K.function`.

    `None` to what no loss depends on.
    """
    wanted = [variables] if isinstance(variables, (SymbolicTensor, Variable)) else list(variables)
    losses = list(loss) if isinstance(loss, Sequence) else [loss]
    for one in losses:
        if not isinstance(one, SymbolicTensor):
            raise NeedsGraph(message("K.gradients", "the loss must be computed from a model's inputs", {"loss": one}))
    there = connected(losses, wanted)
    weights = [one for one, is_there in zip(wanted, there, strict=True) if is_there and isinstance(one, Variable)]
    of_weights = iter(gradients_to_weights(losses, weights) if weights else ())
    return [
        None if not is_there else next(of_weights) if isinstance(one, Variable) else gradient(losses, one)
        for one, is_there in zip(wanted, there, strict=True)
    ]


def connected(losses: list[SymbolicTensor], wanted: Sequence[Wanted]) -> list[bool]:
    """Whether losses depend on each of some tensors and weights; code of a program's own may read any weight."""
    nodes = sort_nodes(roots_of(losses), losses, "K.gradients")
    tensors = {id(one) for one in losses} | {id(one) for node in nodes for one in node.input_tensors}
    read = {id(one) for one in read_by(nodes)}
    anything = any(isinstance(one, Variable) and id(one) not in read for one in wanted) and any(map(reads_anything, nodes))
    return [anything or id(one) in read if isinstance(one, Variable) else id(one) in tensors for one in wanted]


def reads_anything(node: Node) -> bool:
    """Whether a call may read variables that it does not say: it runs code of a program's own."""
    operation: object = node.operation
    if isinstance(operation, Operation):
        return operation.function is None or not is_ours(operation.function)
    return structure_of(operation) is None


def need_all(slopes: list[SymbolicTensor | None], owner: object) -> list[SymbolicTensor]:
    """Gradients, of which each must be there."""
    found = [one for one in slopes if one is not None]
    if len(found) < len(slopes):
        expected = "an operation has `None` for gradient: the loss does not depend on each of the weights"
        raise ValueError(message(owner, expected, {"weights": len(slopes), "without a gradient": len(slopes) - len(found)}))
    return found


def total_of(losses: list[SymbolicTensor], nodes: list[Node], values: dict[int, Any]) -> jax.Array:
    """The sum of all numbers of some tensors."""
    found = run_nodes(nodes, values)
    return jnp.stack([jnp.sum(found[id(loss)]) for loss in losses]).sum()


def gradients_to_weights(losses: list[SymbolicTensor], weights: list[Variable]) -> list[SymbolicTensor]:
    """The symbolic gradients to weights, all of one pass."""
    roots = roots_of(losses)
    nodes = sort_nodes(roots, losses, "K.gradients")

    def compute(*values: jax.Array) -> list[jax.Array]:
        def total(numbers: list[jax.Array]) -> jax.Array:
            with inner_scope(weights, numbers):
                return total_of(losses, nodes, dict(zip(map(id, roots), values, strict=True)))

        return jax.grad(total)([weight.value for weight in weights])

    return computed(compute, roots, weights, read_by(nodes))


def gradient(losses: list[SymbolicTensor], wanted: SymbolicTensor) -> SymbolicTensor:
    """The symbolic gradient to a tensor."""
    roots = roots_of(losses)
    before = sort_nodes(roots, [wanted], "K.gradients")
    nodes = sort_nodes([*roots, wanted], losses, "K.gradients")

    def compute(*values: jax.Array) -> list[jax.Array]:
        known = dict(zip(map(id, roots), values, strict=True))
        there = run_nodes(before, dict(known))[id(wanted)]
        return [jax.grad(lambda value: total_of(losses, nodes, {**known, id(wanted): value}))(there)]

    return computed(compute, roots, [wanted], read_by([*before, *nodes]))[0]


def computed(
    compute: Callable[..., list[Any]], inputs: Sequence[SymbolicTensor], like: Sequence[Any], reads: list[Variable]
) -> list[SymbolicTensor]:
    """Symbolic tensors of what a function makes of others.

    Args:
        compute: takes arrays for `inputs`, gives a list of them.
        inputs: what it is computed from.
        like: variables or tensors, one for each that it gives, of whose shape and type that is.
        reads: the variables whose values it reads.
    """
    compute.reads = reads  # type: ignore[attr-defined]
    outputs = [SymbolicTensor(one.shape, one.dtype) for one in like]
    Node(Operation(compute, name=None), tuple(inputs), {}, outputs)
    return outputs


def inner_scope(variables: list[Variable], values: list[Any]) -> Scope:
    """A scope within the one that is there, with values of its own for some variables."""
    outer = current_scope()
    return Scope(variables, values) if outer is None else Scope(variables, values, outer.hypers, outer.key, outer.valid)
