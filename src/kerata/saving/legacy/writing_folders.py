"""SavedModel folders of `tf.keras`, written: the description of each layer, and a checkpoint of the arrays.

What `tf.keras` builds anew from descriptions needs no program, and none is written: `tf.keras` and Kerata load such a folder,
and what asks for the program (TensorFlow Serving, `tf.saved_model.load` and its signatures) finds none.
"""

import json
from pathlib import Path
from typing import Any

from kerata.base.replacing import replace_file
from kerata.base.serialization import serialize_keras_object, writing_code
from kerata.layers.layer import Layer
from kerata.saving.legacy.checkpoints import DATA, INDEX
from kerata.saving.legacy.codes import warn_of_code
from kerata.saving.legacy.saved_models import METADATA, PROGRAM, VARIABLES
from kerata.saving.legacy.types import SavedModel
from kerata.saving.legacy.wire import field
from kerata.saving.legacy.writing import VERSION, Words
from kerata.saving.legacy.writing_checkpoints import (
    KINDS,
    Objects,
    checkpoint_of,
    children_message,
    has_state,
    is_network,
    shape_message,
)

# Layers that `tf.keras` knows to have states.
RECURRENT = ("RNN", "LSTM", "GRU", "SimpleRNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
KERAS_KINDS = {"Sequential": "_tf_keras_sequential", "Functional": "_tf_keras_network", "InputLayer": "_tf_keras_input_layer"}
KERAS_KINDS |= dict.fromkeys(RECURRENT, "_tf_keras_rnn_layer")
LAYER, MODEL = "_tf_keras_layer", "_tf_keras_model"
# Numbers of versions: of the descriptions, and of TensorFlow's own objects.
OF_DESCRIPTION, OF_OBJECT = field(1, 2) + field(2, 1), field(1, 1) + field(2, 1)


class Described(Objects):
    """What a model holds, with the descriptions of its layers.

    Args:
        model: the model.
        words: what describes its layers.
    """

    says_places = True

    def __init__(self, model: SavedModel, words: Words):
        self.words = words
        self.descriptions: dict[int, dict[str, Any]] = {}
        super().__init__(model)

    def describe(self, number: int, layer: Layer) -> None:
        plain = serialize_keras_object(layer)
        self.kept[number].kind = KERAS_KINDS.get(plain["class_name"], MODEL if hasattr(layer, "_graph") else LAYER)
        self.descriptions[number] = described(layer, plain, self.words)


class FolderWords(Words):
    """The words of `tf.keras` in a folder, which Keras 3 does not read in any case."""

    def warn(self, said: str, received: dict[str, Any]) -> None:
        """Nothing."""

    def counts_its_own(self, plain: dict[str, Any]) -> bool:
        # Each model of a folder is built by itself, with its input.
        if plain["class_name"] == "Sequential":
            return any(layer["class_name"] == "InputLayer" for layer in plain["config"]["layers"])
        return super().counts_its_own(plain)

    def refuse(self, expected: str, received: dict[str, Any]) -> ValueError:
        return super().refuse(expected.replace("an '.h5' file", "a SavedModel folder"), received)


# Descriptions


def described(layer: Layer, plain: dict[str, Any], words: Words) -> dict[str, Any]:
    """What `keras_metadata.pb` says of a layer."""
    made = words.layer(plain)
    policy = words.plain(plain["config"].get("dtype")) if isinstance(plain["config"], dict) else None
    found = {
        "name": layer.name,
        "trainable": bool(layer.trainable),
        "expects_training_arg": True,
        "dtype": policy if policy is not None else "float32",
        "batch_input_shape": made["config"].get("batch_input_shape") if isinstance(made["config"], dict) else None,
        "must_restore_from_config": False,
        "preserve_input_structure_in_config": False,
        "autocast": bool(layer.autocast),
        "class_name": made["class_name"],
        "config": made["config"],
    }
    if not hasattr(layer, "_graph"):
        found["stateful"] = bool(getattr(layer, "stateful", False))
    else:
        found |= {"is_graph_network": is_network(layer), "full_save_spec": None, "save_spec": None}
        found |= {"keras_version": VERSION.decode(), "backend": "tensorflow"}
        found["model_config"] = {"class_name": made["class_name"], "config": made["config"]}
    shape = shape_of(plain.get("build_config")) or shape_of({"input_shape": shapes_of_first_call(layer)})
    return found if shape is None else {**found, "build_input_shape": shape}


def shapes_of_first_call(layer: Layer) -> object:
    """The shapes of what a layer of a graph is first called on; `None` of one that no graph holds."""
    nodes = layer.inbound_nodes
    if not nodes or hasattr(layer, "_graph") or not nodes[0].input_tensors:
        return None
    shapes = [list(tensor.shape) for tensor in nodes[0].input_tensors]
    return shapes[0] if len(shapes) == 1 else shapes


def shape_of(built: dict[str, Any] | None) -> object:
    """The shape, or shapes, that a layer was built for, as TensorFlow writes them."""
    shapes = (built or {}).get("input_shape") or next(iter(((built or {}).get("shapes_dict") or {}).values()), None)
    if shapes is None:
        return None
    if isinstance(shapes, dict):
        return {name: shape_of({"input_shape": one}) for name, one in shapes.items()}
    if any(isinstance(one, (list, tuple)) for one in shapes):
        return [shape_of({"input_shape": one}) for one in shapes]
    return {"class_name": "TensorShape", "items": list(shapes)}


# Messages


def metadata_message(objects: Described) -> bytes:
    """`keras_metadata.pb`."""
    found = b""
    for number, plain in objects.descriptions.items():
        one = objects.kept[number]
        texts = field(3, one.path) + field(4, one.kind) + field(5, json.dumps(plain))
        found += field(1, field(2, number) + texts + field(6, OF_DESCRIPTION))
    return found


def program_message(objects: Described) -> bytes:
    """`saved_model.pb`, without a program: which objects hold which."""
    nodes = b""
    for one in objects.kept:
        if one.value is not None:
            value = one.array()
            told = field(1, KINDS[value.dtype]) + field(2, shape_message(value.shape))
            told += field(3, int(one.trainable)) + field(6, one.name)
            nodes += field(1, children_message(one) + field(7, told))
        else:
            nodes += field(1, children_message(one) + field(4, field(1, one.kind) + field(2, OF_OBJECT)))
    told = field(4, "serve") + field(5, VERSION.decode())
    graph = field(1, told) + field(2, field(4, field(1, 1645))) + field(7, nodes)
    return field(1, 1) + field(2, graph)


# The folder


def describe_folder(model: SavedModel, include_optimizer: bool = True) -> dict[str, bytes]:
    """The files of the folder of a model, by their names; an error where the words of `tf.keras` do not say it all."""
    words = FolderWords(model, for_then=True)
    with writing_code():
        plain = serialize_keras_object(model)
        objects = Described(model, words)
    training = None
    if include_optimizer and plain.get("compile_config"):
        training = words.compiling(plain["compile_config"])
        training = None if training["optimizer_config"] is None else training
    warn_of_code(plain, model)
    objects.descriptions[0]["training_config"] = training
    objects.find_paths()
    described = {METADATA: metadata_message(objects), PROGRAM: program_message(objects)}
    if training is not None and model.optimizer.built and has_state(model):
        objects.add_optimizer(model)
        objects.find_paths()
    index, data = checkpoint_of(objects)
    return {f"{VARIABLES}{DATA}00000-of-00001": data, f"{VARIABLES}{INDEX}": index, **described}


def write_folder(files: dict[str, bytes], path: Path) -> None:
    """Writes the files of a folder; each old one is whole until the new one is."""
    (path / "assets").mkdir(parents=True, exist_ok=True)
    (path / VARIABLES.parent).mkdir(exist_ok=True)
    for name, data in files.items():
        with replace_file(path / name) as part:
            part.write_bytes(data)
