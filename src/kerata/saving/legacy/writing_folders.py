"""SavedModel folders of `tf.keras`, written: the description of each layer, and a checkpoint of the arrays.

What `tf.keras` builds anew from descriptions needs no program, and none is written: `tf.keras` and Kerata load such a folder,
and what asks for the program (TensorFlow Serving, `tf.saved_model.load` and its signatures) finds none.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np

from kerata.base.crc32c import crc32c, mask
from kerata.base.registry import home_of
from kerata.base.replacing import replace_file
from kerata.base.serialization import serialize_keras_object, writing_code
from kerata.engine.module import parts
from kerata.engine.variable import Variable
from kerata.layers.layer import Layer
from kerata.saving.legacy.checkpoints import DATA, GRAPH, INDEX, STRING, TYPES
from kerata.saving.legacy.codes import warn_of_code
from kerata.saving.legacy.object_graph import VALUE
from kerata.saving.legacy.saved_models import METADATA, PROGRAM, VARIABLES
from kerata.saving.legacy.sorted_tables import write_table
from kerata.saving.legacy.trees import LISTED, PLACE, SPELLED, WEIGHTED, places_of
from kerata.saving.legacy.types import SavedModel
from kerata.saving.legacy.wire import FOUR_BYTES, field, varint
from kerata.saving.legacy.writing import CLASSIC, SLOTS, VERSION, Words

KINDS = {kind: number for number, kind in TYPES.items()}
# Layers that `tf.keras` knows to have states.
RECURRENT = ("RNN", "LSTM", "GRU", "SimpleRNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
KERAS_KINDS = {"Sequential": "_tf_keras_sequential", "Functional": "_tf_keras_network", "InputLayer": "_tf_keras_input_layer"}
KERAS_KINDS |= dict.fromkeys(RECURRENT, "_tf_keras_rnn_layer")
LAYER, MODEL, LIST, DICT = "_tf_keras_layer", "_tf_keras_model", "trackable_list_wrapper", "trackable_dict_wrapper"
# Numbers of versions: of the descriptions, and of TensorFlow's own objects.
OF_DESCRIPTION, OF_OBJECT = field(1, 2) + field(2, 1), field(1, 1) + field(2, 1)


class Kept:
    """An object of the folder.

    Args:
        kind: what TensorFlow calls it.
        variable: where it is one.
        name: of the variable.
    """

    def __init__(self, kind: str, variable: Variable | None = None, name: str = ""):
        self.kind, self.variable, self.name = kind, variable, name
        self.children: dict[str, int] = {}
        self.path = self.key = ""


class Objects:
    """What a model holds, as numbered objects, each once.

    Args:
        model: the model.
        words: what describes its layers.
    """

    def __init__(self, model: SavedModel, words: Words):
        self.kept: list[Kept] = []
        self.numbers: dict[int, int] = {}
        self.weights = {id(variable) for variable in model.weights}
        self.words = words
        self.descriptions: dict[int, dict[str, Any]] = {}
        self.add(cast(Layer, model))

    def add(self, thing: Layer | Variable) -> int:
        """The number of an object, and of all below it."""
        if id(thing) in self.numbers:
            return self.numbers[id(thing)]
        number = self.numbers[id(thing)] = len(self.kept)
        if isinstance(thing, Variable):
            self.kept.append(Kept("variable", thing, thing.path))
            return number
        plain = serialize_keras_object(thing)
        name = plain["class_name"]
        self.kept.append(Kept(KERAS_KINDS.get(name, MODEL if hasattr(thing, "_graph") else LAYER)))
        self.descriptions[number] = described(thing, plain, self.words)
        for path, part in self.parts_of(thing):
            self.put(number, path.split("/"), part)
        return number

    def put(self, number: int, path: list[str], part: Layer | Variable) -> None:
        """Sets a part of an object under a path of attributes."""
        for place, name in enumerate(path[:-1]):
            children = self.kept[number].children
            if name not in children:
                children[name] = len(self.kept)
                self.kept.append(Kept(LIST if path[place + 1].isdigit() else DICT))
            number = children[name]
        self.kept[number].children.setdefault(path[-1], self.add(part))

    def parts_of(self, layer: Layer) -> Iterator[tuple[str, Variable | Layer]]:
        """(path in the folder, part) of what a layer holds."""
        of_graph: list[Layer] = getattr(layer, "layers", []) if is_network(layer) else []
        held = 0
        for place, inner in enumerate(of_graph):
            yield f"{PLACE}{place}", inner
            if inner.weights:
                yield f"{WEIGHTED}{held}", inner
                held += 1
        known = {id(inner) for inner in of_graph}
        for path, part in parts(layer):
            if isinstance(part, Variable) and id(part) in self.weights:
                yield attribute_of(layer, path, part), part
            elif isinstance(part, Layer) and id(part) not in known:
                yield path, part

    def add_optimizer(self, model: SavedModel) -> None:
        """The state of the optimizer, as `tf.keras` keeps it since 2.11: one list, by names."""
        optimizer = model.optimizer
        kind = CLASSIC.get(type(optimizer).__name__, type(optimizer).__name__)
        table = optimizer.optimizer_state.table
        named = [("iteration", optimizer.steps)]
        for slot, word in SLOTS[kind].items():
            held = [(variable, table.get(variable, {}).get(slot)) for variable in model.trainable_variables]
            named += [(f"{kind}/{word}/{variable.path}", one) for variable, one in held if one is not None]
        top, listed = Kept("optimizer"), Kept(LIST)
        self.kept[0].children["optimizer"] = len(self.kept)
        top.children["_variables"] = len(self.kept) + 1
        self.kept += [top, listed]
        for place, (name, variable) in enumerate(named):
            listed.children[str(place)] = len(self.kept)
            self.kept.append(Kept("variable", variable, name))
        top.children["_iterations"] = listed.children["0"]

    def find_paths(self) -> None:
        """Gives each object its path from the model, and each array its key."""
        pending: list[tuple[int, str, str]] = [(0, "root", "")]
        seen = {0}
        while pending:
            number, path, key = pending.pop(0)
            one = self.kept[number]
            one.path, one.key = path, f"{key}/.ATTRIBUTES/{VALUE}"
            for name, child in one.children.items():
                if child not in seen:
                    seen.add(child)
                    # A layer with weights has two names, and its arrays go by the second.
                    others = [n for n, c in one.children.items() if c == child and n.startswith(WEIGHTED)]
                    step = (others or [name])[0].replace(".", "..").replace("/", ".S")
                    pending.append((child, f"{path}.{name}", f"{key}/{step}" if key else step))


def attribute_of(layer: Layer, path: str, variable: Variable) -> str:
    """The attribute of `tf.keras` that holds a weight: its name in a layer of Keras, the program's own attribute in others."""
    name = variable.path.rpartition("/")[2]
    if home_of(type(layer)) is None:
        return next(places_of(layer, variable), name if path.startswith(LISTED) else path)
    return SPELLED.get(name, name) if type(layer).__name__ in ("DepthwiseConv1D", "DepthwiseConv2D") else name


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


def is_network(layer: Layer) -> bool:
    """Whether a layer is a model of a graph."""
    return getattr(layer, "_graph", None) is not None


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


def shape_message(shape: tuple[int, ...]) -> bytes:
    return b"".join(field(2, field(1, size)) for size in shape)


def children_message(one: Kept) -> bytes:
    return b"".join(field(1, field(1, number) + field(2, name)) for name, number in one.children.items())


def metadata_message(objects: Objects) -> bytes:
    """`keras_metadata.pb`."""
    found = b""
    for number, plain in objects.descriptions.items():
        one = objects.kept[number]
        texts = field(3, one.path) + field(4, one.kind) + field(5, json.dumps(plain))
        found += field(1, field(2, number) + texts + field(6, OF_DESCRIPTION))
    return found


def program_message(objects: Objects) -> bytes:
    """`saved_model.pb`, without a program: which objects hold which."""
    nodes = b""
    for one in objects.kept:
        if one.variable is not None:
            value = one.variable.numpy()
            told = field(1, KINDS[value.dtype]) + field(2, shape_message(value.shape))
            told += field(3, int(one.variable.trainable)) + field(6, one.name)
            nodes += field(1, children_message(one) + field(7, told))
        else:
            nodes += field(1, children_message(one) + field(4, field(1, one.kind) + field(2, OF_OBJECT)))
    told = field(4, "serve") + field(5, VERSION.decode())
    graph = field(1, told) + field(2, field(4, field(1, 1645))) + field(7, nodes)
    return field(1, 1) + field(2, graph)


def graph_message(objects: Objects) -> bytes:
    """The objects of the checkpoint."""
    found = b""
    for one in objects.kept:
        made = children_message(one)
        if one.variable is not None:
            made += field(2, field(1, VALUE) + field(2, one.name) + field(3, one.key))
        found += field(1, made)
    return found


def checkpoint_of(objects: Objects) -> tuple[bytes, bytes]:
    """(index, arrays) of a checkpoint."""
    data = bytearray()
    entries = {b"": field(1, 1) + field(3, field(1, 1))}
    for one in objects.kept:
        if one.variable is not None:
            value = np.asarray(one.variable.numpy())
            content = value.astype(value.dtype.newbyteorder("<"), copy=False).tobytes()
            entries[one.key.encode()] = entry(KINDS[value.dtype], value.shape, len(data), len(content), crc32c(content))
            data += content
    text = graph_message(objects)
    lengths = len(text).to_bytes(4 if len(text) < 2**32 else 8, "little")
    check = mask(crc32c(lengths)).to_bytes(4, "little")
    content = varint(len(text)) + check + text
    entries[GRAPH] = entry(STRING, (), len(data), len(content), crc32c(lengths + check + text))
    return write_table(entries), bytes(data) + content


def entry(kind: int, shape: tuple[int, ...], start: int, size: int, checksum: int) -> bytes:
    """Where an array is, as the index says it."""
    where = field(4, start) if start else b""
    told = field(1, kind) + field(2, shape_message(shape)) + where + (field(5, size) if size else b"")
    return told + varint(6 << 3 | FOUR_BYTES) + mask(checksum).to_bytes(4, "little")


# The folder


def describe_folder(model: SavedModel, include_optimizer: bool = True) -> dict[str, bytes]:
    """The files of the folder of a model, by their names; an error where the words of `tf.keras` do not say it all."""
    words = FolderWords(model, for_then=True)
    with writing_code():
        plain = serialize_keras_object(model)
        objects = Objects(model, words)
    training = None
    if include_optimizer and plain.get("compile_config"):
        training = words.compiling(plain["compile_config"])
        training = None if training["optimizer_config"] is None else training
    warn_of_code(plain, model, stacklevel=6)
    objects.descriptions[0]["training_config"] = training
    objects.find_paths()
    described = {METADATA: metadata_message(objects), PROGRAM: program_message(objects)}
    if training is not None and model.optimizer.built and home_of(type(model.optimizer)) is not None:
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
