"""The calls in an old description of a graph, in the form of Keras 3.

Keras 1 and 2 list for each layer its calls, and for each call the tensors that it takes as `[layer, call, output, {others}]`.
"""

from typing import Any, TypeGuard

from kerata.base.checks import message
from kerata.base.limits import take_work
from kerata.base.refusals import FileError
from kerata.saving.legacy.form import TFKERAS2

CONSTANT = "_CONSTANT_VALUE"
MODELS = ("Model", "Functional", "Container", "Network", "Sequential")
# Layers whose further inputs are the states with which they begin.
RECURRENT = ("LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM2D", "Bidirectional", "CuDNNLSTM", "CuDNNGRU")
# Arguments of calls that mean nothing in a description.
USELESS = ("name",)


def is_place(value: object) -> TypeGuard[list[Any]]:
    """Whether a value names a tensor: `[layer, call, output]`, or with further arguments at its end."""
    return (
        isinstance(value, list)
        and 3 <= len(value) <= 4
        and isinstance(value[0], str)
        and isinstance(value[1], int)
        and (isinstance(value[2], int) or value[0] == CONSTANT)
        and (len(value) == 3 or isinstance(value[3], dict))
    )


class Calls:
    """The calls of one graph.

    Args:
        config: the graph's description.
        era: whose words it has.
        owner: how the file is called in messages.
    """

    def __init__(self, config: dict[str, Any], era: str, owner: str):
        self.era, self.owner = era, owner
        self.layers: dict[str, dict[str, Any]] = {}
        for plain in config["layers"]:
            name = plain.get("name") or (plain.get("config") or {}).get("name")
            if not isinstance(name, str) or name in self.layers:
                raise FileError(message(owner, "each layer must have a name of its own", {"name": name}))
            self.layers[name] = plain
        used: dict[str, set[int]] = {}
        note_places([config.get("output_layers"), [plain.get("inbound_nodes") for plain in config["layers"]]], used)
        self.offsets = {name: self._offset(plain, used.get(name, set())) for name, plain in self.layers.items()}

    def _offset(self, plain: dict[str, Any], used: set[int]) -> int:
        """At which number the calls of a layer begin: a model within a model counts the call that made it first."""
        count = len(plain.get("inbound_nodes") or [])
        if plain.get("class_name") not in MODELS or not count or 0 in used:
            return 0
        if count in used:
            return 1
        if plain["class_name"] == "Sequential" and self.era == TFKERAS2:
            layers = (plain.get("config") or {}).get("layers")
            first = layers[0] if isinstance(layers, list) and layers and isinstance(layers[0], dict) else {}
            return int(first.get("class_name") == "InputLayer" or "batch_input_shape" in (first.get("config") or {}))
        return 1

    def of(self, plain: dict[str, Any]) -> list[dict[str, Any]]:
        """The calls of a layer, each with its arguments."""
        nodes = plain.get("inbound_nodes") or []
        if not isinstance(nodes, list):
            raise FileError(message(self.owner, "the calls of a layer must be a list", {"layer": plain.get("name")}))
        return [self._call(plain, node) for node in nodes]

    def _call(self, plain: dict[str, Any], node: object) -> dict[str, Any]:
        take_work(1)
        others: dict[str, Any] = {}
        inputs = self._inputs(node, others)
        if isinstance(inputs, list) and len(inputs) == 1:
            inputs = inputs[0]
        kwargs = {name: self._argument(value) for name, value in others.items() if name not in USELESS}
        kwargs = {name: value for name, value in kwargs.items() if not is_nothing(value)}
        args = [inputs]
        if isinstance(inputs, list) and plain.get("class_name") in RECURRENT:
            args, states = inputs[:1], inputs[1:]
            constants = (plain.get("config") or {}).get("num_constants") or 0
            if constants:
                raise FileError(message(self.owner, "constants of recurrent layers are not read", {"layer": plain.get("name")}))
            if states:
                kwargs["initial_state"] = states
        return {"args": args, "kwargs": kwargs}

    def _inputs(self, node: object, others: dict[str, Any]) -> object:
        """The first argument of a call, in its structure; what else the call takes goes into `others`."""
        if is_place(node):
            if len(node) == 4:
                others.update(node[3])
            return self._argument(node[2]) if node[0] == CONSTANT else self._tensor(node)
        if isinstance(node, list):
            return [self._inputs(item, others) for item in node]
        if isinstance(node, dict):
            return {key: self._inputs(item, others) for key, item in node.items()}
        raise FileError(
            message(self.owner, "a call must name the tensors that it takes as [layer, call, output]", {"call": node})
        )

    def _argument(self, value: object) -> object:
        if is_place(value) and (value[0] == CONSTANT or value[0] in self.layers):
            return value[2] if value[0] == CONSTANT else self._tensor(value)
        if isinstance(value, list):
            return [self._argument(item) for item in value]
        return {key: self._argument(item) for key, item in value.items()} if isinstance(value, dict) else value

    def _tensor(self, place: list[Any]) -> dict[str, Any]:
        name, call, output = self._place(place)
        return {"class_name": "__keras_tensor__", "config": {"keras_history": [name, call, output]}}

    def _place(self, place: list[Any]) -> tuple[str, int, int]:
        name, call, output = place[:3]
        if name not in self.layers:
            raise FileError(message(self.owner, "a call names a layer that is not there", {"layer": name}))
        return name, call - self.offsets[name], output

    def ends(self, plain: object) -> list[Any] | dict[str, Any]:
        """The inputs or outputs of the graph, in their structure; one alone is no list."""
        if is_place(plain):
            name, call, output = self._place(plain)
            kind = self.layers[name].get("class_name")
            # Keras 3 counts the call that made a model, in this place alone.
            return [name, call + int(kind in MODELS and kind != "Sequential"), output]
        if isinstance(plain, dict):
            return {key: self.ends(value) for key, value in plain.items()}
        if not isinstance(plain, list) or not plain:
            raise FileError(message(self.owner, "the ends of a graph must be a list of [layer, call, output]", {"ends": plain}))
        ends = [self.ends(value) for value in plain]
        return ends[0] if len(ends) == 1 else ends


def note_places(plain: object, used: dict[str, set[int]]) -> None:
    """Notes which calls of which layers are named anywhere."""
    pending = [plain]
    while pending:
        value = pending.pop()
        if is_place(value):
            used.setdefault(value[0], set()).add(value[1])
            pending.extend(value[3:])
        elif isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, dict):
            pending.extend(value.values())


def is_nothing(value: object) -> bool:
    """Whether an argument says nothing: `None`, or a list of them."""
    return value is None or (isinstance(value, list) and bool(value) and all(item is None for item in value))
