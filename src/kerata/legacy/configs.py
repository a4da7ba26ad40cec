"""What `get_config()` and `to_json()` gave: layers, optimizers and models in their era's words, and back."""

import inspect
import json
from typing import Any, TypeGuard

from kerata.base.registry import CustomObjectScope, home_of
from kerata.base.serialization import config_of, deserialize_keras_object
from kerata.dialects import Row
from kerata.dialects.inverse import config_of_then, then_of
from kerata.engine.policy import DTypePolicy
from kerata.legacy.merging import MODES
from kerata.saving.legacy.architecture import MERGES, Architecture
from kerata.saving.legacy.lambdas import CODED, Lambdas
from kerata.saving.legacy.writing import HOLDERS, NEWER, Words

# What the files of each era name as their version.
VERSIONS = {"keras1": "1.2.2", "keras2": "2.3.1", "keras22": "2.2.5", "tfkeras2": "2.15.0"}


# Layers


def words_of_layer(layer, config: dict[str, Any]) -> dict[str, Any]:
    """The config of a layer in its era's words.

    Args:
        layer: of an era.
        config: in today's words.
    """
    era, row = layer._era, layer._row
    modern = next((cls for cls in type(layer).__mro__ if "_stands_for" in vars(cls)), None)
    found, home = common_of(layer, config), home_of(type(layer))
    if home == ("layers", "InputLayer"):
        return found
    inner = {name: value for name, value in config.items() if name not in (*found, "dtype", "batch_shape", *NEWER)}
    for name in HOLDERS:
        held = getattr(layer, name, None) if name in inner else None
        if held is not None:
            inner[name] = [described(one) for one in held] if isinstance(held, (list, tuple)) else described(held)
    if row is not None and row.arguments is not None and modern is not None:
        found |= config_of_then(row, inner, inspect.signature(modern.__init__).parameters)
        found |= sizes_of(layer, row, found)
    else:
        found |= {name: then_of(era, name, name, value) for name, value in inner.items() if name != "seed"}
    return found | types_of(found) if home == ("layers", "Lambda") else found


def types_of(config: dict[str, Any]) -> dict[str, str]:
    """What the config of a Lambda said of its functions: whether they are there by name, as they are, or not at all."""
    kinds = {name: config.get(name) for name in ("function", "output_shape")}
    return {
        f"{name}_type": "function" if isinstance(value, str) else "lambda" if callable(value) else "raw"
        for name, value in kinds.items()
    }


def common_of(layer, config: dict[str, Any]) -> dict[str, Any]:
    """What the configs of all layers hold."""
    found: dict[str, Any] = {"name": layer.name, "trainable": layer.trainable}
    shape = layer.__dict__.get("_batch_shape")
    if home_of(type(layer)) == ("layers", "InputLayer"):
        kind = "input_dtype" if layer._era == "keras1" else "dtype"
        return {"batch_input_shape": tuple(shape), kind: config["dtype"], "sparse": False, "name": layer.name}
    if shape is not None:
        found["batch_input_shape"] = tuple(shape)
    policy: DTypePolicy = layer.dtype_policy
    if layer._era != "keras1":
        mixed = {"class_name": "Policy", "config": {"name": policy.name}}
        found["dtype"] = mixed if policy.name.startswith("mixed") else policy.name
    elif shape is not None:
        found["input_dtype"] = "int32" if home_of(type(layer)) == ("layers", "Embedding") else policy.name
    return found


def sizes_of(layer, row: Row, found: dict[str, Any]) -> dict[str, Any]:
    """`input_dim` and `input_length` of Keras 1, which layers knew once they had been called."""
    shape = layer.__dict__.get("_batch_shape")
    if shape is None and layer.inbound_nodes and layer.inbound_nodes[0].input_tensors:
        shape = layer.inbound_nodes[0].input_tensors[0].shape
    known = {"input_dim": None if shape is None else shape[-1], "input_length": None}
    if shape is not None and len(shape) > (1 if row.name == "Embedding" else 2):
        known["input_length"] = shape[1]
    return {name: known[name] for name in known if row.argument(name) is not None and name not in found}


def described(layer) -> dict[str, Any]:
    """A layer by its class and its config."""
    name = "InputLayer" if home_of(type(layer)) == ("layers", "InputLayer") else type(layer).__name__
    return {"class_name": name, "config": layer.get_config()}


def merge_of_keras1(layer, name: str) -> dict[str, Any]:
    """The config of the one layer that merged in all ways."""
    axes = config_of(layer).get("axes", -1)
    return {
        "name": layer.name,
        "trainable": layer.trainable,
        "mode": next(mode for mode, today in MODES.items() if today == name),
        "mode_type": "raw",
        "concat_axis": getattr(layer, "axis", -1) if name == "Concatenate" else -1,
        "dot_axes": axes,
        "output_shape": None,
        "output_shape_type": "raw",
        "output_mask": None,
        "output_mask_type": "raw",
        "arguments": {},
    }


# Models


class WordsOfThen(Words):
    """A graph in an era's words: its layers say themselves what they are.

    Args:
        model: of an era.
        layers: its layers by their names.
    """

    def __init__(self, model, layers: dict[str, Any]):
        super().__init__(model, for_then=True)
        self.era, self.live = model._era, layers

    def warn(self, said: str, received: dict[str, Any]) -> None:
        """Nothing: what Keras 3 does with a file is of no matter here."""

    def part(self, plain: dict[str, Any]) -> dict[str, Any]:
        live = self.live.get(plain["name"])
        if self.era == "keras1" and plain["class_name"] in MODES.values():
            return {"class_name": "Merge", "config": merge_of_keras1(live, plain["class_name"])}
        return super().part(plain) if live is None or not hasattr(live, "_era") else described(live)

    def tensor(self, value: object) -> list[Any]:
        found = super().tensor(value)
        if self.era != "tfkeras2" and type(self.live.get(found[0])).__name__ == "Sequential":
            # As of a graph: the first call made the model.
            found[1] += 1
        return found

    def node(self, plain: dict[str, Any], node: dict[str, Any]) -> list[Any]:
        found = super().node(plain, node)
        return [one[:3] for one in found] if self.era == "keras1" and not any(one[3] for one in found) else found


def words_of_model(model, config: dict[str, Any], kind: str):
    """The config of a model in its era's words, that of a Sequential a list in Keras 1; what has none there, in today's.

    Args:
        model: of an era.
        config: in today's words.
        kind: `"Sequential"` or `"Functional"`.
    """
    if kind == "Functional":
        try:
            found = WordsOfThen(model, {layer.name: layer for layer in model.layers}).graph(config)
        except ValueError:
            return config
        if model._era != "tfkeras2":
            found.pop("trainable")
        ends = ("input_layers", "output_layers")
        return found | {key: [end[:3] for end in found[key]] for key in ends if isinstance(found[key], list)}
    layers = [described(layer) for layer in model.layers]
    first = model._input if layers else None
    if model._era != "tfkeras2" and first is not None and not hasattr(model.layers[0], "_graph"):
        layers[0]["config"].setdefault("batch_input_shape", tuple(first.shape))
    if model._era == "keras1":
        return layers
    if first is not None and model._era == "tfkeras2":
        layers.insert(0, described(first.history[0]))
        if "batch_shape" in layers[0]["config"]:
            entry = layers[0]["config"]
            layers[0]["config"] = {"batch_input_shape": tuple(entry["batch_shape"]), "dtype": entry["dtype"], "sparse": False}
            layers[0]["config"] |= {"ragged": False, "name": entry["name"]}
    return {"name": model.name, "layers": layers}


def json_of_then(model, config: object, kind: str, **kwargs) -> str:
    """The architecture as JSON, in the era's words."""
    names = {"Sequential": "Sequential", "Functional": "Functional" if model._era == "tfkeras2" else "Model"}
    version = VERSIONS[model._era]
    plain = {"class_name": names[kind], "config": config, "keras_version": version, "backend": "tensorflow"}
    return json.dumps(plain, default=plain_of, **kwargs)


def plain_of(value):
    """What JSON does not know, as it was written: arrays as lists, functions and types by their names."""
    return value.tolist() if hasattr(value, "tolist") else getattr(value, "__name__", str(value))


# Back


def is_of_then(config: object) -> bool:
    """Whether a model's config is in an era's words; configs of today name the modules of classes."""
    layers = config if isinstance(config, list) else config.get("layers") if isinstance(config, dict) else None
    if not isinstance(layers, list) or not layers:
        return isinstance(config, list)
    return all(is_description_of_then(layer) for layer in layers)


def is_description_of_then(plain: object) -> TypeGuard[dict[str, Any]]:
    """Whether a layer's description is in an era's words."""
    return isinstance(plain, dict) and "class_name" in plain and not {"module", "registered_name"} & set(plain)


def revived(era: str, plain: dict[str, Any], custom_objects: dict[str, Any] | None = None):
    """The layer or model of today that a description in an era's words is one of."""
    with CustomObjectScope(custom_objects or {}):
        return deserialize_keras_object(Architecture(era, "from_config", read_lambda).read(listed(plain)))


def revived_parts(era: str, name: str, value: object, custom_objects: dict[str, Any] | None) -> object:
    """An argument of a layer in a config: what holds layers in an era's words, as layers."""
    if name in HOLDERS and isinstance(value, (list, tuple)):
        return [revived_parts(era, name, one, custom_objects) for one in value]
    return revived(era, value, custom_objects) if name in HOLDERS and is_description_of_then(value) else value


def listed(value):
    """Tuples as lists, as JSON would have made of them."""
    if isinstance(value, dict):
        return {key: listed(one) for key, one in value.items()}
    return [listed(one) for one in value] if isinstance(value, (list, tuple)) else value


def read_lambda(name: str, config: dict[str, Any]) -> dict[str, Any]:
    """The description of a Lambda in Keras 3's form; a function of Python's stays one."""
    if not callable(function := config.get("function")):
        return Lambdas("from_config", []).read(name, config)
    inner = {key: value for key, value in config.items() if key not in CODED}
    inner |= {"name": name, "function": function, "arguments": config.get("arguments") or {}}
    if config.get("output_shape") is not None:
        inner["output_shape"] = config["output_shape"]
    return {"module": "keras.layers", "class_name": "Lambda", "config": inner, "registered_name": None}


assert set(MERGES) <= set(MODES)
