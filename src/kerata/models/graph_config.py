"""Graphs to plain data and back, in the form of Keras 3.

Each layer is listed with its calls (`inbound_nodes`), whose arguments name the layer, call and output that they come
from.
"""

import copy
from collections.abc import Callable
from typing import Any, TypeVar

from kerata.base.checks import message
from kerata.base.registry import CustomObjectScope
from kerata.base.serialization import describing, deserialize_keras_object, serialize_keras_object
from kerata.base.types import Plain
from kerata.engine.symbolic import Node, Operation, SymbolicTensor, Tensors, flatten, has_symbolic, map_structure
from kerata.layers.input import InputLayer
from kerata.layers.layer import Layer
from kerata.saving.operations import is_operation, read_operation, write_operation
from kerata.training.trained import TrainedModel

L = TypeVar("L", bound=Layer)
OWNER = "functional model from a config"


# Writing


def graph_config(model: TrainedModel) -> dict[str, Any]:
    """A functional model as plain data."""
    graph = model._graph
    assert graph is not None, "only a model with a graph has such a config"
    made = {id(node) for node in graph.nodes}
    ends = {id(t) for t in graph.inputs}
    calls: dict[int, list[Node]] = {
        id(op): [node for node in op.inbound_nodes if _is_used(node, made, ends)] for op in graph.operations
    }
    operations = [op for op in graph.operations if calls[id(op)]]
    names = [operation.name for operation in operations]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(message(model, "layers of a model must have different names to be written", {"name": twice}))
    places = {
        id(t): (operation.name, index, place)
        for operation in operations
        for index, node in enumerate(calls[id(operation)])
        for place, t in enumerate(node.output_tensors)
    }
    # A model may begin in the middle of another one: its inputs are inputs of its own when it is read.
    cuts = [t for t in graph.inputs if id(t) not in places]
    places.update({id(t): (t.name, 0, 0) for t in cuts})
    layers = [_write_input(t) for t in cuts] + [_write_operation(op, calls[id(op)], places) for op in operations]
    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": layers,
        "input_layers": _write_ends(graph.inputs_tree, places),
        "output_layers": _write_ends(graph.outputs_tree, places),
    }


def _is_used(node: Node, made: set[int], ends: set[int]) -> bool:
    return id(node) in made or (node.is_input and any(id(t) in ends for t in node.output_tensors))


def _write_input(tensor: SymbolicTensor) -> dict[str, Any]:
    config = {"batch_shape": list(tensor.shape), "dtype": tensor.dtype, "sparse": False, "ragged": False, "name": tensor.name}
    return {
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": config,
        "registered_name": None,
        "name": tensor.name,
        "inbound_nodes": [],
    }


def _write_operation(operation: Operation | Layer, nodes: list[Node], places: dict[int, Any]) -> dict[str, Any]:
    calls = [map_structure(lambda x: _refer(x, places), (node.args, node.kwargs)) for node in nodes if not node.is_input]
    if isinstance(operation, Operation):
        plain, inbound = write_operation(operation, calls)
    else:
        plain = serialize_keras_object(operation)
        inbound = [
            {"args": serialize_keras_object(list(args)), "kwargs": serialize_keras_object(kwargs)} for args, kwargs in calls
        ]
    return {**plain, "name": operation.name, "inbound_nodes": inbound}


class _Reference:
    """A symbolic tensor by the place that it has in the config."""

    is_symbolic = True

    def __init__(self, tensor: SymbolicTensor, place: tuple[str, int, int]):
        self.tensor, self.place = tensor, place

    def to_plain(self) -> dict[str, Any]:
        config = {"shape": list(self.tensor.shape), "dtype": self.tensor.dtype, "keras_history": list(self.place)}
        return {"class_name": "__keras_tensor__", "config": config}


def _refer(value: object, places: dict[int, Any]) -> object:
    return _Reference(value, places[id(value)]) if isinstance(value, SymbolicTensor) else value


def _write_ends(tree: Tensors, places: dict[int, Any]) -> Plain:
    """Inputs or outputs in their structure, each as [layer, call, output]."""
    if isinstance(tree, dict):
        return {key: _write_ends(value, places) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        ends = [_write_ends(value, places) for value in tree]
        return tuple(ends) if isinstance(tree, tuple) else ends
    assert isinstance(tree, SymbolicTensor)
    name, index, place = places[id(tree)]
    # Keras counts a call of a functional model on its own inputs first, here and only here.
    offset = _offset(tree.history[0]) if tree.history[0].name == name else 0
    return [name, index + offset, place]


def _offset(operation: object) -> int:
    return 1 if getattr(operation, "_graph_layers", None) is not None else 0


# Reading


class _Reader:
    """The layers of a config, and the outputs of the calls that were made so far.

    Args:
        config: a functional model's config.
    """

    def __init__(self, config: dict[str, Any]):
        self.layers: dict[str, Any] = {}
        self.outputs: dict[str, list[list[Any]]] = {}
        self.waiting: dict[str, list[Any]] = {}
        for plain in _check_list(config, "layers"):
            self._add(plain)

    def _add(self, given: object) -> None:
        plain = given if isinstance(given, dict) else {}
        name = plain.get("name")
        if not isinstance(name, str) or name in self.layers:
            raise ValueError(message(OWNER, "each layer must have a name of its own", {"name": name}))
        nodes = plain.get("inbound_nodes", [])
        if not isinstance(nodes, list) or any(not isinstance(node, dict) for node in nodes):
            raise ValueError(message(OWNER, "this is the format of Keras 1 and 2, which is not read yet", {"layer": name}))
        if is_operation(plain):
            self.layers[name] = read_operation(plain, f"operation `{name}`")
        else:
            self.layers[name] = deserialize_keras_object(plain)
            if not isinstance(self.layers[name], Layer):
                raise TypeError(message(OWNER, "a layer was expected", {"name": name, "class": plain.get("class_name")}))
        self.outputs[name] = []
        layer = self.layers[name]
        if isinstance(layer, InputLayer):
            self.outputs[name].append([layer.tensor])
        if nodes:
            self.waiting[name] = list(nodes)

    def run(self) -> None:
        """Makes all calls, each as soon as what it needs is there."""
        while self.waiting:
            before = sum(map(len, self.waiting.values()))
            for name in list(self.waiting):
                nodes = self.waiting[name]
                while nodes and self._call(name, nodes[0]):
                    nodes.pop(0)
                if not nodes:
                    del self.waiting[name]
            if self.waiting and sum(map(len, self.waiting.values())) == before:
                raise ValueError(message(OWNER, "every call must lead back to the inputs", {"layers": sorted(self.waiting)}))

    def _call(self, name: str, node: dict[str, Any]) -> bool:
        if not self._is_ready(node):
            return False
        args, kwargs = (
            self._revive(deserialize_keras_object(node.get(part, empty))) for part, empty in (("args", []), ("kwargs", {}))
        )
        if not isinstance(args, (list, tuple)) or not isinstance(kwargs, dict):
            expected = "a call must have a list of arguments, and a dict of those with names"
            raise ValueError(message(OWNER, expected, {"layer": name, "args": args, "kwargs": kwargs}))
        if not has_symbolic((args, kwargs)):
            # It would be computed here and now, on whatever numbers the file gives.
            raise ValueError(message(OWNER, "a call must take the output of another layer", {"layer": name}))
        layer = self.layers[name]
        outputs = flatten(layer(*args, **kwargs))
        if not isinstance(layer, Layer) and not self.outputs[name]:
            outputs[0].history[0].name = name
        self.outputs[name].append(outputs)
        return True

    def _is_ready(self, plain: object) -> bool:
        if isinstance(plain, dict) and plain.get("class_name") == "__keras_tensor__":
            return self._find(*_check_place(plain["config"].get("keras_history"))) is not None
        if isinstance(plain, dict):
            return all(self._is_ready(value) for value in plain.values())
        return not isinstance(plain, list) or all(self._is_ready(value) for value in plain)

    def _find(self, name: str, index: int, place: int) -> SymbolicTensor | None:
        if name not in self.layers:
            raise ValueError(message(OWNER, "a call names a layer that is not there", {"layer": name}))
        calls = self.outputs[name]
        if not 0 <= index < len(calls):
            return None
        if not 0 <= place < len(calls[index]):
            raise ValueError(message(OWNER, "a call names an output that is not there", {"layer": name, "output": place}))
        return calls[index][place]

    def _revive(self, value: object) -> object:
        if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
            return self._find(*value["config"]["keras_history"])
        if isinstance(value, dict):
            return {key: self._revive(item) for key, item in value.items()}
        return [self._revive(item) for item in value] if isinstance(value, list) else value

    def ends(self, plain: object) -> object:
        """Inputs or outputs in their structure."""
        if isinstance(plain, dict):
            return {key: self.ends(value) for key, value in plain.items()}
        if isinstance(plain, (list, tuple)) and not (plain and isinstance(plain[0], str)):
            ends = [self.ends(value) for value in plain]
            return tuple(ends) if isinstance(plain, tuple) else ends
        name, index, place = _check_place(plain)
        tensor = self._find(name, index - _offset(self.layers.get(name)), place)
        if tensor is None:
            raise ValueError(
                message(OWNER, "an end of the model names a call that is not there", {"layer": name, "call": index})
            )
        return tensor


def _check_place(value: object) -> tuple[str, int, int]:
    if not (
        isinstance(value, (list, tuple))
        and len(value) == 3
        and isinstance(value[0], str)
        and all(isinstance(v, int) for v in value[1:])
    ):
        raise ValueError(message(OWNER, "a tensor must be given as [layer, call, output]", {"tensor": value}))
    return value[0], value[1], value[2]


def _check_list(config: dict[str, Any], key: str) -> list[Any]:
    if not isinstance(config[key], list):
        raise ValueError(message(OWNER, f"`{key}` must be a list", {key: config[key]}))
    return config[key]


def graph_of_config(cls: Callable[..., L], config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> L:
    """A model of class `cls` from what `graph_config` gave, or what Keras 3 wrote."""
    with CustomObjectScope(custom_objects or {}), describing(OWNER, config):
        return _read_graph(cls, config)


def _read_graph(cls: Callable[..., L], config: dict[str, Any]) -> L:
    reader = _Reader(copy.copy(config))
    reader.run()
    inputs, outputs = reader.ends(config["input_layers"]), reader.ends(config["output_layers"])
    rest = {
        key: value
        for key, value in config.items()
        if key not in ("layers", "input_layers", "output_layers", "name", "trainable")
    }
    model = cls(inputs=inputs, outputs=outputs, name=config.get("name"), **rest)
    model._restore_trainable(config.get("trainable") is not False)
    return model
