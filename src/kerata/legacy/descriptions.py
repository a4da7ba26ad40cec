"""What `get_config()` and `to_json()` of a model gave: descriptions in an era's words, and back."""

import json
from collections.abc import Sequence
from typing import Any

from kerata.base.functions import MARK, is_function, write_function
from kerata.base.registry import CustomObjectScope, home_of
from kerata.base.serialization import NAMELESS, config_of, deserialize_keras_object, sharing
from kerata.legacy.configs import HOLDERS, described, is_description_of_then
from kerata.legacy.merging import MODES
from kerata.saving.archive import mark_shared
from kerata.saving.legacy.architecture import Architecture
from kerata.saving.legacy.lambdas import CODED, Lambdas
from kerata.saving.legacy.writing import Words

# What the files of each era name as their version.
VERSIONS = {"keras1": "1.2.2", "keras2": "2.3.1", "keras22": "2.2.5", "tfkeras2": "2.15.0"}


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
        found[1] += self.calls_before(found[0])
        return found

    def calls_before(self, name: str) -> int:
        """Calls that made a chain: standalone Keras counted one, as of a graph."""
        return int(self.era != "tfkeras2" and type(self.live.get(name)).__name__ == "Sequential")

    def end(self, plain: Sequence[Any]) -> list[Any]:
        return [plain[0], plain[1] + self.calls_before(plain[0]), plain[2]]

    def node(self, plain: dict[str, Any], node: dict[str, Any]) -> list[Any] | dict[str, Any]:
        found = super().node(plain, node)
        if isinstance(found, dict):
            return found
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


def words_of_branches(model) -> list[Any] | None:
    """The config of a chain of Keras 1 that begins with branches; `None` where they are merged by a function."""
    first, *rest = model.layers
    home = home_of(type(first))
    if home is None or home[1] not in MODES.values():
        return None
    branches = [described(branch) for branch in first.__dict__["_branches"]]
    merged = {"class_name": "Merge", "config": {**merge_of_keras1(first, home[1]), "layers": branches}}
    return [merged, *(described(layer) for layer in rest)]


def json_of_then(model, config: object, kind: str, **kwargs) -> str:
    """The architecture as JSON, in the era's words."""
    names = {"Sequential": "Sequential", "Functional": "Functional" if model._era == "tfkeras2" else "Model"}
    version = VERSIONS[model._era]
    plain = mark_shared(
        {"class_name": names[kind], "config": without_code(config), "keras_version": version, "backend": "tensorflow"}
    )
    return json.dumps(plain, default=plain_of, **kwargs)


def without_code(value):
    """A description in which functions without a name are called as they were, where no Lambda holds them."""
    if isinstance(value, dict):
        return NAMELESS if value.get("class_name") == MARK else {key: without_code(one) for key, one in value.items()}
    return type(value)(map(without_code, value)) if type(value) in (list, tuple) else value


def plain_of(value):
    """What JSON does not know, as it was written: arrays as lists, functions as their code, types by their names."""
    if is_function(value) and home_of(value) is None:
        return [*write_function(value).values()]
    return value.tolist() if hasattr(value, "tolist") else getattr(value, "__name__", str(value))


# Back


def revived(era: str, plain: dict[str, Any], custom_objects: dict[str, Any] | None = None):
    """The layer or model of today that a description in an era's words is one of."""
    with CustomObjectScope(custom_objects or {}), sharing():
        return deserialize_keras_object(
            Architecture(era, "from_config", read_lambda).read({key: listed(one) for key, one in plain.items()})
        )


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
