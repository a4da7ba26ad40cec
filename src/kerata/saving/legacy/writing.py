"""Whole models in `.h5` files that Keras 3, `tf.keras` and Kerata read: in the words of `tf.keras` 2, which all of them know.

The same words must mean the same in all of them. What does not is refused, e.g. the hard sigmoid, whose slope Keras 3 changed.
"""

import inspect
import json
from collections.abc import Sequence
from typing import Any, TypeGuard

import numpy as np

from kerata.base.checks import message
from kerata.base.hdf5 import Group
from kerata.base.registry import find_builtin, home_of
from kerata.base.serialization import NAMELESS, serialize_keras_object, writing_code
from kerata.engine.homes import warn_user
from kerata.engine.variable import Variable
from kerata.layers.layer import Layer
from kerata.saving.legacy.assigning import orders
from kerata.saving.legacy.codes import FUNCTIONS, is_code, warn_of_code
from kerata.saving.legacy.measuring import OwnName, explicit, own_names
from kerata.saving.legacy.operations import write_function
from kerata.saving.legacy.optimizer_state import own_state
from kerata.saving.legacy.optimizer_words import (
    CLASS,
    CLASSIC,
    CLIPS,
    FLAG,
    NEWEST_ARGUMENTS,
    SCHEDULE_DECAY,
    SLOTS,
    SLOTS_SINCE_2_11,
    TWO_RULES,
    UNKNOWN_THEN,
    state_in_hdf5,
)
from kerata.saving.legacy.types import SavedModel

# The version that the file names: the last of `tf.keras` under that name.
VERSION = b"2.15.0"
# Longer lists of names are split, since HDF5 keeps at most 64 KiB in an attribute.
MOST_ATTRIBUTE_BYTES = 64_000
# Arguments that `tf.keras` does not have, with the value at which they mean nothing.
NEWER: dict[str, tuple[Any, ...]] = {
    "quantization_config": (None,),
    "oov_method": ("floormod",),
    "salt": (None,),
    "lora_rank": (None,),
    "lora_alpha": (None,),
    "gptq_unpacked_column_size": (None,),
    "synchronized": (False,),
    "rms_scaling": (False,),
    "renorm": (False,),
    "renorm_clipping": (None,),
    "renorm_momentum": (0.99,),
    "input_axes": (None,),
    "output_axes": (None,),
    "flash_attention": (None, False),
    "use_gate": (False,),
    "sliding_window": (None,),
    "zero_output_for_mask": (False, True),
    "use_cudnn": ("auto", False, True),
    "loss_scale_factor": (None,),
    "gradient_accumulation_steps": (None,),
    "optional": (False,),
}
# Those of some layers alone: pictures had their channels last.
_OF_PICTURES: dict[str, tuple[Any, ...]] = {"data_format": ("channels_last", None)}
_RANDOM = ("Brightness", "Crop", "Flip", "Rotation", "Translation", "Zoom", "Height", "Width")
NEWER_OF: dict[str, dict[str, tuple[Any, ...]]] = {
    **dict.fromkeys(("CenterCrop", "ZeroPadding1D", *(f"Random{name}" for name in _RANDOM)), _OF_PICTURES),
    **{f"ConvLSTM{rank}D": {"seed": (None,)} for rank in (1, 2, 3)},
    "RandomContrast": {**_OF_PICTURES, "value_range": ((0, 255), [0, 255])},
    "Resizing": {
        **_OF_PICTURES,
        "pad_to_aspect_ratio": (False,),
        "fill_mode": ("constant",),
        "fill_value": (0.0,),
        "antialias": (False,),
    },
}
# Names of today -> those of `tf.keras`, by class.
RENAMED = {"LeakyReLU": {"negative_slope": "alpha"}, "InputLayer": {"batch_shape": "batch_input_shape"}}
RENAMED_CLASSES = {"OrthogonalInitializer": "Orthogonal", "IdentityInitializer": "Identity"}
# Layers whose `seed` is an argument in Keras 3 alone.
SEEDLESS = ("LSTM", "GRU", "SimpleRNN", "LSTMCell", "GRUCell", "SimpleRNNCell", "MultiHeadAttention", "Attention")
# What `tf.keras` calls by a name that means another thing in Keras 3, and the other way round.
AMBIGUOUS, OF_THEN = "hard_sigmoid", "legacy_hard_sigmoid"
# Layers that took the states with which they begin as further inputs.
BEGINNING = ("LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM2D", "Bidirectional")
# Layers of Keras 1 and 2 that neither `tf.keras` nor Keras 3 has.
RETIRED = ("BatchStatistics", "CornerUpSampling2D", "Cosine", "Highway", "MaxoutDense", "ParametricSoftplus")
RETIRED += ("SampleNormalization", "SReLU", "WordDropoutEmbedding")
# Layers that took no type of floats, or none where they give numbers of words and ranges.
NUMBERING = ("TextVectorization", "StringLookup", "IntegerLookup", "Hashing", "HashedCrossing", "Discretization")
# Attributes that hold layers.
HOLDERS = ("layer", "backward_layer", "cell", "cells")


def write_model(model: SavedModel, file: Group, include_optimizer: bool = True, for_then: bool = False) -> None:
    """Writes a model into an open HDF5 file. The description comes first: if it cannot be made, nothing is written.

    Args:
        model, file: what is written, and where.
        include_optimizer: whether what `compile` was given is written too.
        for_then: whether it is enough that `tf.keras` and Kerata read it; a warning says what Keras 3 does not.
    """
    words = Words(model, for_then)
    with writing_code():
        plain = serialize_keras_object(model)
    config = {"class_name": plain["class_name"], "config": words.layer(plain)["config"]}
    training = None
    if include_optimizer and plain.get("compile_config"):
        training = words.compiling(plain["compile_config"])
        if training["optimizer_config"] is None:
            training = None
    warn_of_code(plain, model, in_hdf5=True)
    file.attrs["keras_version"], file.attrs["backend"] = VERSION, b"tensorflow"
    write_text(file, "model_config", json.dumps(config))
    if training is not None:
        write_text(file, "training_config", json.dumps(training))
    write_weights(model, file.create_group("model_weights"))
    if training is not None and model.optimizer.built:
        write_optimizer(model, file, training["optimizer_config"])


class Words:
    """Descriptions of Keras 3 in the words of `tf.keras`.

    Args:
        owner: the model, for messages.
        for_then: whether it is enough that `tf.keras` and Kerata understand them.
    """

    def __init__(self, owner: SavedModel, for_then: bool = False):
        self.owner, self.for_then = owner, for_then
        # Models within a model, whose calls `tf.keras` counts from 1: the first made the model.
        self.models: set[str] = set()
        self._warned: set[str] = set()

    def warn(self, said: str, received: dict[str, Any], fix: str = "A '.keras' file is for all of them") -> None:
        """Says once what Keras 3 will not do with the file."""
        if said not in self._warned:
            self._warned.add(said)
            warn_user(message(self.owner, said, received, fix))

    def layer(self, plain: dict[str, Any]) -> dict[str, Any]:
        """The description of a layer, of a model, or of anything else that has a class and a config."""
        name, config = plain["class_name"], plain["config"]
        if is_operation(plain):
            raise self.refuse("operations on tensors cannot be written to an '.h5' file", {"operation": name})
        if is_own(plain):
            return {"class_name": plain.get("registered_name") or name, "config": self.own(config)}
        if name == "Functional":
            return {"class_name": name, "config": self.graph(config)}
        if name == "Sequential":
            inner = {key: self.plain(value) for key, value in config.items() if key in ("name", "layers", "build_input_shape")}
            return {"class_name": name, "config": inner}
        if name == "Lambda":
            return {"class_name": name, "config": self.functions(config)}
        if isinstance(policy := config.get("dtype"), dict) and policy.get("module") == "keras.dtype_policies":
            raise self.refuse("weights of few bits cannot be written to an '.h5' file", {"layer": config.get("name")})
        if name in RETIRED:
            self.warn("`tf.keras` and Keras 3 do not read this layer of Keras 1 or 2, Kerata does", {"layer": name}, "")
        shapes = shapes_of(plain.get("build_config")) if name == "MultiHeadAttention" and self.for_then else {}
        found = {**self.config(name, config), **shapes}
        if name in NUMBERING:
            whole = "string" if name == "TextVectorization" else "int64" if found.get("output_mode") == "int" else None
            found |= {} if whole is None else {"dtype": whole}
        if name == "Discretization" and found.get("bin_boundaries") is not None:
            # Of the two `tf.keras` took one.
            found["num_bins"] = None
        return {"class_name": RENAMED_CLASSES.get(name, name), "config": found}

    def functions(self, config: dict[str, Any]) -> dict[str, Any]:
        """The config of a Lambda: its functions as code, which Kerata never runs, or by the names that they are entered by."""
        received = {"layer": config.get("name")}
        found = {key: self.plain(value) for key, value in config.items() if key not in FUNCTIONS}
        found["arguments"] = {key: array_of_then(value) or self.plain(value) for key, value in config["arguments"].items()}
        for key in FUNCTIONS:
            value: Any = config.get(key)
            kind = "raw"
            if is_code(value):
                found["module" if key == "function" else f"{key}_module"] = value["config"]["module"]
                kind, value = "lambda", [value["config"][part] for part in ("code", "defaults", "closure")]
            elif isinstance(value, dict) and value.get("class_name") == "function":
                kind, value = "function", self.plain(value)
            elif isinstance(value, dict):
                raise self.refuse("what a Lambda is given must be a function in an '.h5' file", {**received, key: value})
            if key != "mask" or value is not None:
                found |= {key: value, f"{key}_type": kind}
        return found

    def refuse(self, expected: str, received: dict[str, Any]) -> ValueError:
        return ValueError(message(self.owner, expected, received, "Save the model as '.keras'"))

    def config(self, name: str, config: dict[str, Any]) -> dict[str, Any]:
        """The config of a built-in object."""
        found, newer = {}, {**NEWER, **NEWER_OF.get(name, {})}
        for key, value in config.items():
            if key in newer or (key == "seed" and name in SEEDLESS):
                if value not in newer.get(key, (None,)):
                    raise self.refuse(
                        "an argument that `tf.keras` does not have cannot be written to an '.h5' file",
                        {"class": name, key: value},
                    )
                continue
            if key.endswith("activation") and value in (AMBIGUOUS, OF_THEN)[: 1 if self.for_then else 2]:
                raise self.refuse(
                    "hard sigmoids of Keras 2 and 3 have the same name and other slopes", {"class": name, key: value}
                )
            if key.endswith("activation") and value == OF_THEN:
                said = "Keras 3 reads the hard sigmoid of an '.h5' file with another slope than `tf.keras` and Kerata"
                self.warn(said, {"class": name})
                value = AMBIGUOUS
            found[RENAMED.get(name, {}).get(key, key)] = self.within(value) if key in HOLDERS else self.plain(value)
        return found

    def within(self, value: object) -> object:
        """A layer within a layer: Keras 3 finds its class by the module."""
        if isinstance(value, (list, tuple)):
            return [self.within(item) for item in value]
        made = self.plain(value)
        if isinstance(value, dict) and value.get("module") == "keras.layers":
            return {"module": "keras.layers", "registered_name": None, **made}
        return made

    def plain(self, value: object) -> Any:
        """A value of a config, what it holds included."""
        if isinstance(value, (list, tuple)):
            return [self.plain(item) for item in value]
        if not isinstance(value, dict):
            return value
        if value.get("class_name") == "DTypePolicy":
            policy = value["config"]["name"]
            return policy if not policy.startswith("mixed") else {"class_name": "Policy", "config": {"name": policy}}
        if value.get("class_name") == "function" and isinstance(value.get("config"), str):
            return value["config"]
        if value.get("class_name") == "__numpy__":
            # As lists of numbers, which old readers make arrays of again where they are asked to.
            return value["config"]["value"]
        if is_code(value):
            # As `tf.keras` wrote what has no name; it asks for `custom_objects` where it is read.
            return NAMELESS
        if str(value.get("class_name")).startswith("__"):
            raise self.refuse("only plain values can be written to an '.h5' file", {"value": value["class_name"]})
        if "class_name" in value and "config" in value:
            return self.layer(value)
        return {key: self.plain(item) for key, item in value.items()}

    # Graphs

    def own(self, config: dict[str, Any]) -> object:
        """The config of a class of a person's own, which may be one of a functional model."""
        if not (isinstance(config.get("layers"), list) and "input_layers" in config):
            return self.plain(config)
        graph = self.graph(config)
        return {**{key: self.plain(value) for key, value in config.items() if key not in graph}, **graph}

    def graph(self, config: dict[str, Any]) -> dict[str, Any]:
        """The config of a functional model: its calls are lists."""
        layers = []
        outer, self.models = self.models, {plain["name"] for plain in config["layers"] if self.counts_its_own(plain)}
        for plain in config["layers"]:
            if is_operation(plain) and self.for_then:
                layers.append(self.function(plain))
                continue
            made = self.part(plain)
            layers.append(
                {**made, "name": plain["name"], "inbound_nodes": [self.node(plain, node) for node in plain["inbound_nodes"]]}
            )
        ends = {key: self.ends(config[key]) for key in ("input_layers", "output_layers")}
        self.models = outer
        return {"name": config.get("name"), "trainable": config.get("trainable", True), "layers": layers, **ends}

    def counts_its_own(self, plain: dict[str, Any]) -> bool:
        """Whether the first call of a model within a model is the one that made it."""
        return plain["class_name"] == "Functional"

    def part(self, plain: dict[str, Any]) -> dict[str, Any]:
        """A layer of a graph. `tf.keras` counts the call that made a model within it, and Keras 3 does not."""
        if plain["class_name"] == "Functional" and self.for_then:
            self.warn("Keras 3 does not read functional models within a model from an '.h5' file", {"layer": plain["name"]})
        elif plain["class_name"] == "Functional":
            raise self.refuse("functional models within a model cannot be written to an '.h5' file", {"layer": plain["name"]})
        made = self.layer(plain)
        if made["class_name"] == "Sequential" and not self.counts_its_own(plain):
            layers = [layer for layer in made["config"]["layers"] if layer["class_name"] != "InputLayer"]
            made["config"] = {"name": made["config"]["name"], "layers": layers}
        return made

    def node(self, plain: dict[str, Any], node: dict[str, Any]) -> list[Any] | dict[str, Any]:
        args, others = node["args"], {key: value for key, value in node["kwargs"].items() if value is not None}
        called = find_builtin("layers", plain["class_name"])
        named = [] if called is None else list(inspect.signature(called.call).parameters)[1:]
        if not args and named and named[0] in others:
            # What a call takes first stands first, by name or not.
            args = [others.pop(named[0])]
        first = list(args[0]) if args and isinstance(args[0], (list, tuple)) else list(args[:1])
        if self.for_then and plain["class_name"] in BEGINNING and "initial_state" in others:
            self.warn("Keras 3 does not read the states that a layer begins with from an '.h5' file", {"layer": plain["name"]})
            states = others.pop("initial_state")
            first += states if isinstance(states, (list, tuple)) else [states]
        received = {"layer": plain["name"], "arguments": len(args), "by name": list(others)}
        if not args or len(args) > max(1, len(named)):
            raise self.refuse("calls with further arguments cannot be written to an '.h5' file", received)
        others |= {key: value for key, value in zip(named[1:], args[1:], strict=False) if value is not None}
        kept = {key: self.beside(value, received) for key, value in others.items()}
        if self.for_then and isinstance(args[0], dict) and not is_tensor(args[0]):
            return {key: self.nested(value, kept) for key, value in args[0].items()}
        return [self.nested(one, kept) for one in first]

    def nested(self, value: object, kept: dict[str, Any]) -> list[Any]:
        """A tensor that a call takes, with what stands beside it, or a list of them: the states of one of several cells."""
        if isinstance(value, (list, tuple)):
            return [self.nested(one, {}) for one in value]
        return [*self.tensor(value)[:3], kept]

    def beside(self, value: object, received: dict[str, Any]) -> object:
        """An argument of a call beside its first: plain, or a tensor of the graph."""
        if isinstance(value, (bool, int, float, str)):
            return value
        several = value if isinstance(value, (list, tuple)) else [value]
        if not self.for_then or not all(is_tensor(one) for one in several):
            raise self.refuse("calls with further arguments cannot be written to an '.h5' file", received)
        self.warn(
            "Keras 3 does not read tensors as further arguments of a call from an '.h5' file", {"layer": received["layer"]}
        )
        return self.argument(value)

    def function(self, plain: dict[str, Any]) -> dict[str, Any]:
        """An operation of a graph, `x * 2`, with its calls: a function of TensorFlow."""
        written = write_function(plain)
        if written is None:
            raise self.refuse("`tf.keras` knows no such operation in an '.h5' file", {"operation": plain["class_name"]})
        self.warn("Keras 3 does not read operations on tensors from an '.h5' file", {"operation": plain["class_name"]})
        made, calls = written
        nodes = []
        for first, others in calls:
            kwargs = {key: self.argument(value) for key, value in others.items()}
            many = list(first) if isinstance(first, (list, tuple)) and any(is_tensor(one) for one in first) else None
            nodes.append(self.given(first, kwargs) if many is None else [self.given(one, kwargs) for one in many])
        return {**made, "name": plain["name"], "inbound_nodes": nodes}

    def given(self, value: object, kwargs: dict[str, Any]) -> list[Any]:
        """The first argument of a function, with the others."""
        return [*self.tensor(value)[:3], kwargs] if is_tensor(value) else ["_CONSTANT_VALUE", -1, self.argument(value), kwargs]

    def argument(self, value: object) -> object:
        """Another argument of a function: a tensor of the graph, or what JSON holds."""
        if is_tensor(value):
            return self.tensor(value)[:3]
        if isinstance(value, dict) and value.get("class_name") in ("__tensor__", "__numpy__"):
            return value["config"]["value"]
        return [self.argument(one) for one in value] if isinstance(value, (list, tuple)) else value

    def tensor(self, value: object) -> list[Any]:
        if not is_tensor(value):
            raise self.refuse("only tensors can be written as what a call takes in an '.h5' file", {"value": value})
        name, call, output = value["config"]["keras_history"]
        return [name, call + int(name in self.models), output, {}]

    def ends(self, plain: dict[str, Any] | list[Any]) -> dict[str, Any] | list[Any]:
        if isinstance(plain, dict):
            # A tensor by its name stands alone, as it does not in a list.
            return {key: self.end(value) if is_end(value) else self.ends(value) for key, value in plain.items()}
        if is_end(plain):
            return [self.end(plain)]
        return [end for one in plain for end in self.ends(one)]

    def end(self, plain: Sequence[Any]) -> list[Any]:
        """A tensor at which a graph begins or ends: the layer, which of its calls, and which of their outputs."""
        return list(plain)

    # Training

    def compiling(self, config: dict[str, Any]) -> dict[str, Any]:
        """What `compile` was given."""
        found = {"loss_weights": self.plain(config.get("loss_weights"))}
        found["loss"] = loss = without_axis(long_names(self.plain(own_names(config.get("loss")))))
        outputs = list(getattr(self.owner, "outputs", None) or [])
        names, widths = list(getattr(self.owner, "output_names", ())), [output.shape[-1] for output in outputs]
        for key in ("metrics", "weighted_metrics"):
            found[key] = explicit(self.plain(own_names(config.get(key))), loss, names, widths, self.for_then)
        found["optimizer_config"] = self.optimizer(config["optimizer"])
        return found

    def optimizer(self, plain: dict[str, Any]) -> dict[str, Any] | None:
        """An optimizer in the words that all readers know; `None` for one that is left out."""
        name, config = plain["class_name"], dict(plain["config"])
        # What Kerata brings beside Keras, such as the optimizers of `tf.train`, is in no file.
        if self.for_then and is_own(plain) and not str(plain.get("module")).startswith("kerata."):
            return {"class_name": plain.get("registered_name") or name, "config": self.plain(config)}
        given = {key: value for key, value in config.items() if key in UNKNOWN_THEN and value not in UNKNOWN_THEN[key]}
        if self.for_then and (name not in SLOTS or given or name == "Nadam") and name not in CLASSIC:
            return self.optimizer_since_2_11(name, config, given)
        word = CLASSIC.get(name, name)
        if word not in SLOTS or given:
            expected = "this optimizer is not one that `tf.keras` and Keras 3 both read from an '.h5' file"
            fix = "Save the model as '.keras', or with include_optimizer=False"
            raise ValueError(message(self.owner, expected, {"optimizer": name, **given}, fix))
        if name in CLASSIC:
            expected = f"Keras 3 reads the optimizer as {word}, whose rule differs a little"
            self.warn(expected, {"optimizer": name})
            if not self.for_then or config.get("schedule_decay") == SCHEDULE_DECAY:
                config.pop("schedule_decay", None)
        kept = {key: value for key, value in config.items() if key not in UNKNOWN_THEN and not (key in CLIPS and value is None)}
        # Without the flag that would say it, which Keras 3 refuses.
        said = {CLASS: name} if word in TWO_RULES else {}
        return {"class_name": word, "config": self.plain(kept), **said}

    def optimizer_since_2_11(self, name: str, config: dict[str, Any], given: dict[str, Any]) -> dict[str, Any] | None:
        """An optimizer as `tf.keras` describes those since 2.11; `None` for one that it does not have."""
        if name not in SLOTS_SINCE_2_11 or any(key in NEWEST_ARGUMENTS for key in given):
            said = "the optimizer is left out of the '.h5' file, since it is not one that `tf.keras` reads"
            self.warn(said, {"optimizer": name, **given})
            return None
        said = "Keras 3 reads this optimizer from an '.h5' file without its arguments, or not at all"
        self.warn(said, {"optimizer": name, **given})
        kept = {key: value for key, value in config.items() if key not in NEWEST_ARGUMENTS and (key != "decay" or value)}
        return {"class_name": f"Custom>{name}", "config": {**self.plain(kept), "jit_compile": False, FLAG: False}}


def array_of_then(value: object) -> dict[str, Any] | None:
    """An array among the arguments of a Lambda as `tf.keras` wrote it."""
    if not isinstance(value, dict) or value.get("class_name") not in ("__numpy__", "__tensor__"):
        return None
    return {"type": "ndarray", "value": value["config"]["value"]}


def shapes_of(built: dict[str, Any] | None) -> dict[str, Any]:
    """What `tf.keras` asks of the config of an attention: the shapes that it was built for."""
    known = (built or {}).get("shapes_dict") or built or {}
    value = known.get("value_shape")
    return {"query_shape": known.get("query_shape"), "key_shape": known.get("key_shape") or value, "value_shape": value}


def long_names(loss: object) -> object:
    """Losses by the names of their functions: Keras 3 does not find all short ones in an `.h5` file."""
    if isinstance(loss, list):
        return [long_names(one) for one in loss]
    if isinstance(loss, dict) and "class_name" not in loss:
        return {key: long_names(one) for key, one in loss.items()}
    found = find_builtin("losses", loss) if isinstance(loss, str) and not isinstance(loss, OwnName) else None
    return getattr(found, "__name__", loss) if found is not None else loss


def without_axis(loss: object) -> object:
    """Losses without the argument that the one of whole numbers got later."""
    if isinstance(loss, list):
        return [without_axis(one) for one in loss]
    if isinstance(loss, dict) and "class_name" not in loss:
        return {key: without_axis(one) for key, one in loss.items()}
    if isinstance(loss, dict) and loss["class_name"] == "SparseCategoricalCrossentropy" and loss["config"].get("axis") == -1:
        return {**loss, "config": {key: value for key, value in loss["config"].items() if key != "axis"}}
    return loss


def is_end(plain: object) -> TypeGuard[Sequence[Any]]:
    """Whether a description is that of one tensor, at which a graph begins or ends."""
    return isinstance(plain, (list, tuple)) and len(plain) == 3 and isinstance(plain[0], str)


def is_tensor(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether a value is a tensor of the graph."""
    return isinstance(value, dict) and value.get("class_name") == "__keras_tensor__"


def is_own(plain: dict[str, Any]) -> bool:
    """Whether a description is that of a class that is none of Keras's: of a program, or of a package beside it."""
    module = str(plain.get("module"))
    return ">" in str(plain.get("registered_name")) or not (module == "keras" or module.startswith("keras."))


def is_operation(plain: dict[str, Any]) -> bool:
    return str(plain.get("module")).startswith(("keras.src.ops.", "keras.src.activations."))


def write_text(file: Group, name: str, text: str) -> None:
    """A text as an attribute, of any length."""
    import h5py

    file.attrs.create(name, text.encode(), dtype=h5py.string_dtype())


def write_names(group: Group, name: str, names: list[str]) -> None:
    """A list of names as an attribute, or as several."""
    encoded = [one.encode() for one in names]
    longest = max(map(len, encoded), default=1)
    size = max(1, MOST_ATTRIBUTE_BYTES // longest)
    if len(encoded) <= size:
        group.attrs[name] = np.array(encoded, f"S{longest}")
        return
    for number, start in enumerate(range(0, len(encoded), size)):
        group.attrs[f"{name}{number}"] = np.array(encoded[start : start + size], f"S{longest}")


def write_weights(model: SavedModel, group: Group) -> None:
    """The weights of each layer, what is trained first."""
    group.attrs["keras_version"], group.attrs["backend"] = VERSION, b"tensorflow"
    layers = list(getattr(model, "layers_in_files", model.layers))
    write_names(group, "layer_names", [layer.name for layer in layers])
    for layer in layers:
        inner = group.create_group(layer.name)
        variables = [variable for _, own in orders(layer)[0] for variable in own]
        write_arrays(inner, [(name_of(variable, layer), variable) for variable in variables])
    top = group.create_group("top_level_model_weights")
    below = {id(variable) for layer in layers for variable in layer.weights}
    write_arrays(top, [(name_of(v, model), v) for v in model.weights if id(v) not in below])


def name_of(variable: Variable, layer: Layer | SavedModel) -> str:
    path = variable.path
    return f"{path if '/' in path else f'{layer.name}/{path}'}:0"


def write_arrays(group: Group, arrays: list[tuple[str, Any]]) -> None:
    """Arrays under names of their own, and the list of the names."""
    names: list[str] = []
    for name, variable in arrays:
        free, number = name, 0
        while free in names:
            number += 1
            free = f"{name.removesuffix(':0')}_{number}:0"
        names.append(free)
        value = variable.numpy() if isinstance(variable, Variable) else np.asarray(variable)
        # HDF5 has no type for the small floats of machine learning.
        group[free] = value if value.dtype.kind in "biuf" else value.astype("float32")
    write_names(group, "weight_names", names)


def write_optimizer(model: SavedModel, file: Group, described: dict[str, Any]) -> None:
    """The state of the optimizer; of one of a program's own, in its own order.

    Args:
        model, file: whose, and where.
        described: the optimizer as the file describes it.
    """
    optimizer = model.optimizer
    if home_of(type(optimizer)) is None:
        arrays = [(f"{type(optimizer).__name__}/{v.path}:0", v) for v in own_state(optimizer)]
    else:
        arrays = state_in_hdf5(model, described)
    write_arrays(file.create_group("optimizer_weights"), arrays)
