"""Checkpoints of `tf.keras`, written: the objects of a model, which holds which, and the arrays of its weights and optimizer.

The state of an optimizer is written as `tf.keras` keeps it since TensorFlow 2.11, that of `optimizers.legacy` as before.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np

from kerata.base.checks import message
from kerata.base.crc32c import crc32c, mask
from kerata.base.registry import home_of
from kerata.base.replacing import replace_file
from kerata.engine.module import parts
from kerata.engine.variable import Variable
from kerata.layers.layer import Layer
from kerata.saving.legacy.checkpoints import DATA, GRAPH, INDEX, STRING, TYPES
from kerata.saving.legacy.object_graph import VALUE
from kerata.saving.legacy.optimizer_words import (
    SCHEDULE_DECAY,
    SLOTS,
    SLOTS_SINCE_2_11,
    kind_of,
    listed_state,
    product_of,
    slots_of,
)
from kerata.saving.legacy.sorted_tables import write_table
from kerata.saving.legacy.trees import LISTED, PLACE, SPELLED, WEIGHTED, places_of
from kerata.saving.legacy.types import SavedModel
from kerata.saving.legacy.wire import FOUR_BYTES, field, varint

KINDS = {kind: number for number, kind in TYPES.items()}
OBJECT, VARIABLE, LIST, DICT = "object", "variable", "trackable_list_wrapper", "trackable_dict_wrapper"


# The numbers that an optimizer up to 2.10 kept as variables.
HYPERS = ("learning_rate", "decay", "beta_1", "beta_2", "momentum", "rho", "learning_rate_power")
HYPERS += ("l1_regularization_strength", "l2_regularization_strength")


class Kept:
    """An object of a checkpoint or a folder.

    Args:
        kind: what TensorFlow calls it.
        value: of an array; else `None`.
        name: of an array.
        trainable: whether an array is trained.
    """

    def __init__(self, kind: str, value: np.ndarray | Variable | None = None, name: str = "", trainable: bool = False):
        self.kind, self.value, self.name, self.trainable = kind, value, name, trainable
        self.children: dict[str, int] = {}
        # Of an optimizer up to 2.10: (number of the weight, name of the slot, number of the array).
        self.slots: list[tuple[int, str, int]] = []
        self.path = self.key = ""

    def array(self) -> np.ndarray:
        """The numbers of an array."""
        assert self.value is not None
        return np.asarray(self.value.numpy() if isinstance(self.value, Variable) else self.value)


class Objects:
    """What a model holds, as numbered objects, each once.

    Args:
        model: the model.
    """

    says_places = False

    def __init__(self, model: SavedModel):
        self.kept: list[Kept] = []
        self.numbers: dict[int, int] = {}
        self.wide: set[int] = set()
        self.weights = {id(variable) for variable in model.weights}
        self.add(cast(Layer, model))

    def add(self, thing: Layer | Variable) -> int:
        """The number of an object, and of all below it."""
        if id(thing) in self.numbers:
            return self.numbers[id(thing)]
        number = self.numbers[id(thing)] = len(self.kept)
        if isinstance(thing, Variable):
            # Whole numbers of Keras's layers have 64 bits there.
            value = np.asarray(thing.numpy(), "int64") if id(thing) in self.wide else thing
            self.kept.append(Kept(VARIABLE, value, thing.path, bool(thing.trainable)))
            return number
        self.kept.append(Kept(OBJECT))
        self.describe(number, thing)
        for path, part in self.parts_of(thing):
            self.put(number, path.split("/"), part)
        return number

    def describe(self, number: int, layer: Layer) -> None:
        """Nothing; a folder says more of a layer."""

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
            # Operations, which are layers too, have other places in `tf.keras`, where a place says which layer is meant. A
            # Sequential has none, and is read by places where it is not built yet.
            if self.says_places or hasattr(layer, "pop"):
                yield f"{PLACE}{place}", inner
            if inner.weights:
                yield f"{WEIGHTED}{held}", inner
                held += 1
        known = {id(inner) for inner in of_graph}
        for path, part in parts(layer):
            if isinstance(part, Variable) and id(part) in self.weights:
                if home_of(type(layer)) is not None and str(part.dtype).startswith("int"):
                    self.wide.add(id(part))
                yield attribute_of(layer, path, part), part
            elif isinstance(part, Layer) and id(part) not in known:
                yield path, part

    def add_array(self, value: np.ndarray | Variable, name: str) -> int:
        """The number of an array that is no weight."""
        self.kept.append(Kept(VARIABLE, value, name))
        return len(self.kept) - 1

    def add_optimizer(self, model: SavedModel) -> None:
        """The state of the optimizer, as `tf.keras` keeps it since 2.11: one list, which it reads by place."""
        optimizer = model.optimizer
        if getattr(optimizer, "is_of_then", False):
            self.add_optimizer_of_then(model)
            return
        steps = self.add_array(np.asarray(optimizer.steps.numpy(), "int64"), "iteration")
        listed = [steps, *(self.add_array(value, name) for name, value in listed_state(model))]
        top, held = Kept("optimizer"), Kept(LIST)
        held.children = {str(place): number for place, number in enumerate(listed)}
        self.kept[0].children["optimizer"] = len(self.kept)
        top.children = {"_variables": len(self.kept) + 1, "_iterations": steps}
        self.kept += [top, held]
        is_number = isinstance(optimizer.get_config().get("learning_rate"), float)
        name = "learning_rate" if is_number else "current_learning_rate"
        top.children[f"_{name}"] = self.add_array(np.asarray(optimizer.learning_rate, "float32"), name)
        if (product := product_of(optimizer)) is not None:
            top.children["_u_product"] = self.add_array(product, "Variable")

    def add_optimizer_of_then(self, model: SavedModel) -> None:
        """The state of an optimizer, as `tf.keras` kept it up to 2.10: beside each weight."""
        optimizer, kind = model.optimizer, kind_of(model.optimizer)
        config = optimizer.get_config()
        numbers = {"iter": np.asarray(optimizer.steps.numpy(), "int64")}
        for name in HYPERS:
            value = optimizer.learning_rate if name == "learning_rate" else config.get(name)
            if isinstance(config.get(name), float):
                numbers[name] = np.asarray(value, "float32")
        numbers.setdefault("decay", np.asarray(SCHEDULE_DECAY if kind == "Nadam" else 0.0, "float32"))
        top = Kept("optimizer")
        self.kept[0].children["optimizer"] = len(self.kept)
        self.kept.append(top)
        top.children = {name: self.add_array(value, f"{kind}/{name}") for name, value in numbers.items()}
        if not optimizer.built:
            return
        if (product := product_of(optimizer)) is not None:
            top.children["momentum_cache"] = self.add_array(product, f"{kind}/momentum_cache")
        for variable, word, held in slots_of(model, SLOTS[kind]):
            top.slots.append((self.numbers[id(variable)], word, self.add_array(held, f"{kind}/{variable.path}/{word}")))

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
        for weight, name, array in (slot for one in self.kept for slot in one.slots):
            above = self.kept[weight].key.removesuffix(f"/.ATTRIBUTES/{VALUE}")
            self.kept[array].key = f"{above}/.OPTIMIZER_SLOT/optimizer/{name}/.ATTRIBUTES/{VALUE}"


def attribute_of(layer: Layer, path: str, variable: Variable) -> str:
    """The attribute of `tf.keras` that holds a weight: its name in a layer of Keras, the program's own attribute in others."""
    name = variable.path.rpartition("/")[2]
    if home_of(type(layer)) is None:
        return next(places_of(layer, variable), name if path.startswith(LISTED) else path)
    return SPELLED.get(name, name) if type(layer).__name__ in ("DepthwiseConv1D", "DepthwiseConv2D") else name


def is_network(layer: Layer) -> bool:
    """Whether a layer is a model of a graph."""
    return getattr(layer, "_graph", None) is not None


def has_state(model: SavedModel) -> bool:
    """Whether there is an optimizer with a state that files of `tf.keras` have words for."""
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None or home_of(type(optimizer)) is None:
        return False
    return kind_of(optimizer) in SLOTS_SINCE_2_11


# Messages


def shape_message(shape: tuple[int, ...]) -> bytes:
    return b"".join(field(2, field(1, size)) for size in shape)


def children_message(one: Kept) -> bytes:
    return b"".join(field(1, field(1, number) + field(2, name)) for name, number in one.children.items())


def graph_message(objects: Objects) -> bytes:
    """The objects of the checkpoint."""
    found = b""
    for one in objects.kept:
        made = children_message(one)
        if one.value is not None:
            made += field(2, field(1, VALUE) + field(2, one.name) + field(3, one.key))
        made += b"".join(field(3, field(1, weight) + field(2, name) + field(3, array)) for weight, name, array in one.slots)
        found += field(1, made)
    return found


def checkpoint_of(objects: Objects) -> tuple[bytes, bytes]:
    """(index, arrays) of a checkpoint."""
    data = bytearray()
    entries = {b"": field(1, 1) + field(3, field(1, 1))}
    for one in objects.kept:
        if one.value is not None:
            value = one.array()
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


# The files


def write_checkpoint(model: SavedModel, prefix: Path) -> None:
    """Writes the weights of a model, and the state of its optimizer, as a checkpoint that `tf.keras` and Kerata read."""
    objects = Objects(model)
    if lost := [variable.path for variable in model.weights if id(variable) not in objects.numbers]:
        expected = "each weight in a checkpoint must be held by an attribute of a layer, or by a list or dict that is one"
        raise ValueError(message(model, expected, {"weights": lost[:4]}, "Save them as '.h5'"))
    if has_state(model):
        objects.add_optimizer(model)
    objects.find_paths()
    index, data = checkpoint_of(objects)
    with replace_file(f"{prefix}{INDEX}") as first, replace_file(f"{prefix}{DATA}00000-of-00001") as second:
        first.write_bytes(index)
        second.write_bytes(data)
