"""Descriptions of models of Keras 1, Keras 2 and `tf.keras`, in the form of Keras 3."""

import builtins
import inspect
from collections.abc import Callable
from typing import Any

from kerata.base import registry
from kerata.base.absent import LEFT_OUT
from kerata.base.checks import message
from kerata.base.limits import take_work
from kerata.base.refusals import FileError, NotReadYet, UnknownInFile
from kerata.dialects import find_row, translate_config
from kerata.saving.legacy.added import ADDED, without_added
from kerata.saving.legacy.calls import Calls
from kerata.saving.legacy.form import KERAS1
from kerata.saving.legacy.operations import read_function
from kerata.saving.legacy.settling import input_shape_of, settle
from kerata.saving.legacy.sizes import without_sizes

FUNCTIONAL = ("Model", "Functional", "Container", "Network")
# Attributes of layers that hold a layer, and those that hold several.
HOLDERS, MANY_HOLDERS = ("layer", "backward_layer", "forward_layer", "cell"), ("cells", "layers")
# What descriptions of layers say of their input, which stands in a layer of its own today.
INPUT_KEYS = ("batch_input_shape", "input_shape", "input_dtype", "batch_shape")
MERGES = {"sum": "Add", "mul": "Multiply", "ave": "Average", "max": "Maximum", "concat": "Concatenate", "dot": "Dot"}
# Layers of Keras without a row.
NOT_THERE = frozenset({*LEFT_OUT["layers"].split(), "RandomHeight", "RandomWidth"})
KINDS = {"_initializer": "initializers", "_regularizer": "regularizers", "_constraint": "constraints"}


class Architecture:
    """Reads the description of one model.

    Args:
        era: whose words it has.
        owner: how the file is called in messages.
        lambdas: gives the description of a Lambda layer's function, of (the layer's name, its config).
        notes: what a reader should be told; what is found goes there.
    """

    def __init__(
        self, era: str, owner: str, lambdas: Callable[[str, dict[str, Any]], dict[str, Any]], notes: list[str] | None = None
    ):
        self.era, self.owner, self.lambdas = era, owner, lambdas
        self.notes = [] if notes is None else notes
        self.missing: dict[str, str] = {}
        self.absent: dict[str, str] = {}

    def read(self, plain: dict[str, Any]) -> dict[str, Any]:
        """A model's description in Keras 3's form. Classes that are nowhere are named all at once."""
        found = self.layer(plain)
        found.pop("shared_object_id", None)
        if self.missing:
            names = ", ".join(repr(name) for name in self.missing)
            raise UnknownInFile(
                message(
                    self.owner,
                    f"the file needs what only its author has: {names}",
                    {"layers": list(self.missing.values())},
                    f"Pass custom_objects={{{next(iter(self.missing))!r}: ...}}, or register it",
                )
            )
        if self.absent:
            names = ", ".join(repr(name) for name in self.absent)
            raise NotReadYet(
                message(
                    self.owner,
                    f"the file uses layers that Kerata does not have yet: {names}",
                    {"layers": list(self.absent.values())},
                )
            )
        return found

    def layer(self, plain: dict[str, Any]) -> dict[str, Any]:
        """A layer's or a model's description in Keras 3's form."""
        made = self.make(plain)
        # What stands in two models is one layer.
        number = plain.get("shared_object_id")
        return {**made, "shared_object_id": number} if isinstance(number, int) else made

    def make(self, plain: dict[str, Any]) -> dict[str, Any]:
        take_work(1)
        name, config = self.check(plain)
        registered = plain.get("registered_name")
        if isinstance(registered, str) and not is_entered(name) and is_entered(registered):
            # `.keras` files say the package of a registered class beside its name.
            name = registered
        own = is_entered(name)
        if name == "Sequential" and not own:
            return self.sequential(config)
        if name in FUNCTIONAL and not own:
            return self.functional(config)
        if name == "Lambda" and not own:
            return self.lambdas(str(config.get("name")), config)
        if name == "Merge" and self.era == KERAS1 and not own:
            return self.merge(config)
        if own and isinstance(config.get("layers"), list) and "input_layers" in config:
            graph = self.functional(config)["config"]
            others = {key: self.value(key, value) for key, value in config.items() if key not in graph}
            return {"module": None, "class_name": name, "config": {**others, **graph}, "registered_name": name}
        config = {key: self.value(key, value) for key, value in config.items()}
        if own:
            return {"module": None, "class_name": name, "config": config, "registered_name": name}
        if isinstance(config.get("layers"), list) and "input_layers" in config:
            return {**self.functional(plain["config"]), "module": None, "class_name": self.note_missing(name, config)}
        config = settle(self.era, name, config)
        module, today, config = translate_config(self.era, "layers", name, config)
        if registry.find_builtin("layers", today) is None:
            known = find_row(self.era, "layers", name) is not None or name in NOT_THERE
            (self.absent if known else self.missing).setdefault(name, str(config.get("name")))
        for key in INPUT_KEYS:
            if name != "InputLayer":
                config.pop(key, None)
        if "trainable" in config and not takes(today, "trainable"):
            del config["trainable"]
        return {"module": module or "keras.layers", "class_name": today, "config": config, "registered_name": None}

    def merge(self, config: dict[str, Any]) -> dict[str, Any]:
        """Keras 1's one layer for all ways to merge, as the layer for one."""
        name, mode = config.get("name"), config.get("mode")
        if config.get("mode_type", "raw") != "raw":
            return self.lambdas(str(name), {**config, "function": mode, "function_type": config["mode_type"]})
        settings = {"concat": {"axis": config.get("concat_axis", -1)}, "dot": {"axes": config.get("dot_axes", -1)}}
        if mode not in MERGES:
            raise NotReadYet(message(f"{self.owner}, layer {name}", "layers are not merged in this way", {"mode": mode}))
        inner = {"name": name, **settings.get(mode, {})}
        return {"module": "keras.layers", "class_name": MERGES[mode], "config": inner, "registered_name": None}

    def note_missing(self, name: str, config: dict[str, Any]) -> str:
        """The name of a class that is nowhere."""
        self.missing.setdefault(name, str(config.get("name")))
        return name

    def check(self, plain: object) -> tuple[str, dict[str, Any]]:
        """The class and the config of a description."""
        name = plain.get("class_name") if isinstance(plain, dict) else None
        config = plain.get("config") if isinstance(plain, dict) else None
        if name == "Sequential" and isinstance(config, list):
            config = {"layers": config}
        if not isinstance(name, str) or not isinstance(config, dict):
            raise FileError(message(self.owner, "a layer must be described by `class_name` and `config`", {"layer": plain}))
        # Registered classes of tf.keras stand under `package>name`.
        return name if is_entered(name) else name.rpartition(">")[2], config

    def value(self, key: str, value: object) -> object:
        """An entry of a layer's config, what it holds of layers and other objects included."""
        if key in HOLDERS and isinstance(value, dict) and "class_name" in value:
            return self.layer(value)
        if key in MANY_HOLDERS and isinstance(value, list) and all(isinstance(v, dict) and "class_name" in v for v in value):
            return [self.layer(item) for item in value]
        kind = next((kind for ending, kind in KINDS.items() if key.endswith(ending)), None)
        if kind is not None and isinstance(value, dict) and isinstance(value.get("class_name"), str):
            return self.object(kind, value)
        return value

    def object(self, kind: str, plain: dict[str, Any]) -> dict[str, Any]:
        """The description of an initializer and such in Keras 3's form."""
        name, config = plain["class_name"], plain.get("config") or {}
        if is_entered(name) or not isinstance(config, dict):
            return {**plain, "module": None}
        module, today, config = translate_config(self.era, kind, name, config)
        return {"module": module or None, "class_name": today, "config": config, "registered_name": None}

    # Models

    def sequential(self, config: dict[str, Any]) -> dict[str, Any]:
        """A sequential model. Branches that Keras 1 merged at its beginning make a graph of it."""
        plains = config.get("layers")
        if not isinstance(plains, list):
            raise FileError(message(self.owner, "the layers of a Sequential must be a list", {"layers": plains}))
        if self.era == KERAS1 and plains and is_merged(plains[0]):
            return self.functional(Branches(self.owner).graph_of(config, plains))
        layers: list[dict[str, Any]] = []
        for plain in plains:
            if not layers and (entry := self.input_of(plain)) is not None:
                layers.append(entry)
            layers.append(self.layer(plain))
        inner: dict[str, Any] = {"name": config.get("name"), "layers": layers}
        if config.get("build_input_shape") and not (layers and layers[0]["class_name"] == "InputLayer"):
            inner["build_input_shape"] = config["build_input_shape"]
        if "trainable" in config:
            inner["trainable"] = config["trainable"]
        return {"module": "keras", "class_name": "Sequential", "config": inner, "registered_name": None}

    def input_of(self, plain: builtins.object) -> dict[str, Any] | None:
        """The input layer for what the first layer of a sequential model says of its input."""
        name, config = self.check(plain)
        if name in ("InputLayer", "Sequential", *FUNCTIONAL):
            return None
        shape = input_shape_of(config)
        if shape is None:
            return None
        dtype = config.get("input_dtype") or config.get("dtype")
        dtype = dtype if isinstance(dtype, str) and name != "Embedding" else "float32"
        inner = {"batch_shape": list(shape), "dtype": dtype, "name": f"{config.get('name', 'first')}_input"}
        return {"module": "keras.layers", "class_name": "InputLayer", "config": inner, "registered_name": None}

    def functional(self, config: dict[str, Any]) -> dict[str, Any]:
        """A model of a graph."""
        plains = config.get("layers")
        if not isinstance(plains, list) or not all(isinstance(plain, dict) for plain in plains):
            raise FileError(message(self.owner, "the layers of a model must be a list", {"layers": plains}))
        if not any(map(is_entered, ADDED)):
            config = without_added(config, self.notes)
        config = without_sizes(config)
        plains = config["layers"]
        calls = Calls(config, self.era, self.owner)
        layers = []
        for plain in plains:
            nodes = calls.of(plain)
            if plain.get("class_name") in ("TFOpLambda", "SlicingOpLambda") and isinstance(plain.get("config"), dict):
                layers.append(read_function(plain, nodes, self.owner))
                continue
            made = self.layer(plain)
            name = plain.get("name") or plain["config"].get("name")
            layers.append({**made, "name": name, "inbound_nodes": nodes})
        inner = {
            "name": config.get("name"),
            "layers": layers,
            "input_layers": calls.ends(config.get("input_layers")),
            "output_layers": calls.ends(config.get("output_layers")),
        }
        if "trainable" in config:
            inner["trainable"] = config["trainable"]
        return {"module": "keras", "class_name": "Functional", "config": inner, "registered_name": None}


def takes(name: str, argument: str) -> bool:
    """Whether the constructor of a built-in layer takes an argument; those of a few take no further ones, as in Keras 3."""
    cls = registry.find_builtin("layers", name)
    if cls is None:
        return True
    parameters = inspect.signature(cls.__init__).parameters.values()
    return any(p.name == argument or p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)


def is_entered(name: str) -> bool:
    """Whether a user has registered a class under a name, or passed it in `custom_objects`."""
    return registry.get_registered_object(name) is not None


def is_merged(plain: object) -> bool:
    """Whether a description is that of Keras 1's layer that merges models of its own."""
    return isinstance(plain, dict) and plain.get("class_name") == "Merge" and bool((plain.get("config") or {}).get("layers"))


class Branches:
    """Sequential models of Keras 1 whose first layer merges others, as graphs.

    Args:
        owner: how the file is called in messages.
    """

    def __init__(self, owner: str):
        self.owner = owner
        self.layers: dict[str, dict[str, Any]] = {}
        self.inputs: list[list[Any]] = []

    def graph_of(self, config: dict[str, Any], plains: list[Any]) -> dict[str, Any]:
        """The description of the graph, in Keras 1's words."""
        last = self.chain(plains)
        return {
            "name": config.get("name") or "sequential",
            "layers": list(self.layers.values()),
            "input_layers": self.inputs,
            "output_layers": [[last, 0, 0]],
        }

    def chain(self, plains: list[Any]) -> str:
        """Adds layers one after the other; gives the name of the last."""
        if not plains:
            raise FileError(message(self.owner, "a branch of a model must have layers"))
        last = self.merge(plains[0]) if is_merged(plains[0]) else self.begin(plains[0])
        for plain in plains[1:]:
            last = self.add(plain, [last])
        return last

    def merge(self, plain: dict[str, Any]) -> str:
        """Adds the branches that a layer merges, and that layer."""
        inner = dict(plain["config"])
        branches = inner.pop("layers")
        if not isinstance(branches, list):
            raise FileError(message(self.owner, "the branches of a model must be a list", {"layers": branches}))
        ends = []
        for branch in branches:
            config = branch.get("config") if isinstance(branch, dict) else None
            if isinstance(config, dict) and branch.get("class_name") == "Sequential":
                config = config.get("layers")
            if branch.get("class_name") == "Sequential" and isinstance(config, list):
                ends.append(self.chain(config))
            else:
                ends.append(self.begin(branch))
        return self.add({"class_name": "Merge", "config": inner}, ends)

    def begin(self, plain: object) -> str:
        """Adds an input and the layer that takes it."""
        config = plain.get("config") if isinstance(plain, dict) else None
        shape = input_shape_of(config) if isinstance(config, dict) else None
        if shape is None or config is None:
            raise FileError(message(self.owner, "each branch of a model must say the shape of its input", {"layer": plain}))
        name = f"{config.get('name')}_input"
        entry = {"batch_input_shape": shape, "dtype": config.get("input_dtype") or "float32", "name": name}
        self.add({"class_name": "InputLayer", "config": entry}, [])
        self.inputs.append([name, 0, 0])
        return self.add(plain, [name])

    def add(self, plain: builtins.object, inputs: list[str]) -> str:
        config = plain.get("config") if isinstance(plain, dict) else None
        if not isinstance(plain, dict) or not isinstance(config, dict):
            raise FileError(message(self.owner, "a layer must be described by `class_name` and `config`", {"layer": plain}))
        base = name = str(config.get("name") or plain["class_name"].lower())
        while name in self.layers:
            name = f"{base}_{len(self.layers)}"
        nodes = [[[one, 0, 0] for one in inputs]] if inputs else []
        self.layers[name] = {**plain, "config": {**config, "name": name}, "name": name, "inbound_nodes": nodes}
        return name
