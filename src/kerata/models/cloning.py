"""New models from old ones: the same layers with weights of their own."""

from collections.abc import Callable
from typing import Any, cast

import jax

from kerata.base.checks import message
from kerata.base.limits import trusted
from kerata.base.serialization import by_reference, config_of, deserialize_keras_object, serialize_keras_object
from kerata.engine.structure import is_ours
from kerata.engine.symbolic import Operation, SymbolicTensor, Tensors, flatten, run_nodes
from kerata.layers.input import Input
from kerata.layers.layer import Layer
from kerata.layers.preprocessing.host import HostLayer
from kerata.layers.preprocessing.normalization import Normalization
from kerata.models.model import Functional, Model
from kerata.models.sequential import Sequential


@trusted()
def clone_model(
    model: Model,
    input_tensors: "Tensors | None" = None,
    clone_function: Callable[[Any], Any] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
) -> Model:
    """A model of the same structure with new layers and new initial weights.

    Useful for a fresh start of every fold, or to change some layers on the way.

    Args:
        model: the model.
        input_tensors: symbolic tensors to build the copy on; new inputs if not given.
        clone_function: makes the new layer of an old one; from the config if not given.
        call_function: `(layer, *args, **kwargs)`, calls a new layer; functional models only.
        recursive: whether models inside are cloned with the same functions.

    >>> import kerata
    >>> model = kerata.Sequential([kerata.Input(shape=(4,)), kerata.layers.Dense(2)])
    >>> copy = kerata.models.clone_model(model)
    >>> copy.layers[0] is model.layers[0], copy.count_params()
    (False, 10)
    """
    clone = _Cloner(clone_function, call_function, recursive)
    if isinstance(model, Sequential):
        if call_function is not None:
            raise ValueError(message("clone_model", "`call_function` is for functional models", {"model": model}))
        twin = clone.sequential(model, input_tensors)
    elif model._graph is not None and (is_ours(type(model)) or clone_function or input_tensors is not None):
        twin = clone.functional(model, input_tensors)
    elif clone_function or call_function or input_tensors is not None:
        raise ValueError(
            message(
                "clone_model",
                "`clone_function`, `call_function` and `input_tensors` are for models made of a list or a graph of layers",
                {"model": model},
            )
        )
    else:
        with by_reference([]):
            return deserialize_keras_object(serialize_keras_object(model))
    if model.compiled:
        # A program's own losses and metrics are at hand, and need no name.
        with by_reference([]):
            if config := model.get_compile_config():
                # By its policy `compile` says whether the loss is scaled, whatever the present one is.
                twin.dtype_policy = model.dtype_policy
                twin.compile_from_config(serialize_keras_object(config))
    return twin


class _Cloner:
    """Makes each layer once, so that shared layers stay shared."""

    def __init__(self, clone_function: Callable[..., Any] | None, call_function: Callable[..., Any] | None, recursive: bool):
        self.clone_function, self.call_function, self.recursive = clone_function, call_function, recursive
        self.made: dict[int, Any] = {}

    def layer(self, layer: Layer) -> Any:
        if isinstance(layer, Operation):
            return layer.function
        if id(layer) not in self.made:
            self.made[id(layer)] = self._new(layer)
        return self.made[id(layer)]

    def _new(self, layer: Layer) -> Layer:
        if self.recursive and isinstance(layer, Sequential):
            return self.sequential(layer, None)
        if self.recursive and getattr(layer, "_graph_layers", None) is not None:
            return self.functional(cast(Model, layer), None)
        if self.clone_function is not None:
            return self.clone_function(layer)
        # A program's own functions are at hand, and need no name.
        with by_reference([]):
            twin = type(layer).from_config(config_of(layer))
        if isinstance(layer, HostLayer | Normalization):
            # What a layer has read off data need not be a weight.
            cast(Any, twin).take_learned(layer)
        return twin

    def sequential(self, model: Sequential, input_tensors: "Tensors | None") -> Sequential:
        layers: list[Any] = [self.layer(layer) for layer in model.layers]
        given = flatten(input_tensors) if input_tensors is not None else []
        if len(given) > 1:
            raise ValueError(message("clone_model", "a sequential model has one input", {"input_tensors": input_tensors}))
        tensor = given[0] if given else model._input
        if tensor is not None:
            layers.insert(0, given[0] if given else new_input(tensor))
        twin = ours(model, Sequential)(layers, name=model.name)
        twin._restore_trainable(model.trainable)
        return twin

    def functional(self, model: Model, input_tensors: "Tensors | None") -> Model:
        graph = model._need_graph("input")
        if input_tensors is None:
            input_tensors = jax.tree.map(new_input, graph.inputs_tree)
        given = flatten(input_tensors)
        if len(given) != len(graph.inputs) or not all(isinstance(t, SymbolicTensor) for t in given):
            raise ValueError(
                message(
                    "clone_model",
                    f"`input_tensors` must be {len(graph.inputs)} symbolic tensors",
                    {"input_tensors": input_tensors},
                )
            )
        values: dict[int, Any] = {id(old): new for old, new in zip(graph.inputs, given, strict=True)}
        if len(given) > 1 and jax.tree.structure(input_tensors) != jax.tree.structure(graph.inputs_tree):
            raise ValueError(
                message(
                    "clone_model",
                    "`input_tensors` must have the same structure as model.input",
                    {"input_tensors": input_tensors},
                )
            )
        run_nodes(graph.nodes, values, self._call)
        leaves = [values[id(tensor)] for tensor in graph.outputs]
        outputs = graph.pack(leaves)
        twin = ours(model, Functional)(input_tensors, outputs, name=model.name)
        twin._restore_trainable(model.trainable)
        return twin

    def _call(self, operation: Layer, args: tuple, kwargs: dict[str, Any]) -> object:
        layer = self.layer(operation)
        if self.call_function is not None and not isinstance(operation, Operation):
            return self.call_function(layer, *args, **kwargs)
        return layer(*args, **kwargs)


def ours(model: Model, usual: type[Any]) -> type[Any]:
    """The class of a clone: that of the model where it is one of Kerata's, which may be of an older Keras."""
    return type(model) if is_ours(type(model)) else usual


def new_input(tensor: SymbolicTensor) -> SymbolicTensor:
    """A fresh input like an old one."""
    return Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name)
