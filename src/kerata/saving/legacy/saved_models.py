"""SavedModel folders of `tf.keras`: the description in `keras_metadata.pb`, the arrays in the checkpoint `variables/variables`.

Before TensorFlow 2.5 the description stood in `saved_model.pb`, beside the program, of which only what text layers know is
read. Only files of these names are opened, whatever the folder holds.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

from kerata.base.archives import size_of_stream
from kerata.base.checks import message
from kerata.base.limits import take_bytes, take_work
from kerata.base.refusals import FileError, NotReadYet
from kerata.saving.legacy.architecture import Architecture
from kerata.saving.legacy.checkpoints import Checkpoint, files_of, is_checkpoint, open_plain, size_of_files
from kerata.saving.legacy.compiling import read_compiling
from kerata.saving.legacy.descriptions import parse
from kerata.saving.legacy.form import TFKERAS2, OldModel, Tree
from kerata.saving.legacy.lambdas import Lambdas
from kerata.saving.legacy.object_graph import Node
from kerata.saving.legacy.vocabularies import INNER, LOOKUPS, Program, vocabulary_of, with_vocabularies
from kerata.saving.legacy.wire import bytes_of, number_of, read_fields, text_of

METADATA, PROGRAM = "keras_metadata.pb", "saved_model.pb"
VARIABLES = Path("variables") / "variables"
# What JSON does not have: TensorFlow's encoder writes `{"class_name": "__tuple__", "items": [...]}`.
LISTS = ("__tuple__", "TensorShape")
KERAS = "_tf_keras_"
MODELS = ("_tf_keras_sequential", "_tf_keras_network", "_tf_keras_model", "_tf_keras_rnn_layer", "_tf_keras_layer")


class Object(NamedTuple):
    """An object of Keras in a SavedModel: its number in the checkpoint, its path, its kind, and its description."""

    number: int
    path: str
    kind: str
    metadata: str


def is_saved_model(names: list[str]) -> bool:
    """Whether the names in a folder are those of a SavedModel."""
    return METADATA in names or PROGRAM in names


def size_of_folder(folder: Path) -> int:
    """The bytes of the files that are read."""
    files = [path for path in (folder / METADATA, folder / PROGRAM) if os.path.lexists(path)]
    prefix = folder / VARIABLES
    return size_of_files(files + (files_of(prefix) if is_checkpoint(prefix) else []))


def check_folder(folder: Path, owner: str) -> None:
    """Raises where the folder of the arrays is a link, which may lead anywhere."""
    if (folder / VARIABLES.parent).is_symlink():
        text = f"{VARIABLES.parent} is a link, which may lead anywhere"
        raise FileError(message(owner, text, None, "Copy what it stands for: cp -rL OLD NEW"))


def read_file(folder: Path, name: str, owner: str) -> bytes:
    with open_plain(folder / name, owner) as stream:
        size = size_of_stream(stream)
        take_bytes(size, file=name)
        return stream.read(size)


def read_objects(folder: Path, owner: str) -> list[Object]:
    """The objects of Keras that a folder describes."""
    if os.path.lexists(folder / METADATA):
        data = read_file(folder, METADATA, owner)
        return [read_object(bytes_of(field, owner), owner) for field in read_fields(data, owner) if field.number == 1]
    return [*read_program(read_file(folder, PROGRAM, owner), owner)]


def read_object(data: memoryview, owner: str) -> Object:
    take_work(1)
    number = 0
    texts = {3: "", 4: "", 5: ""}
    for field in read_fields(data, owner):
        if field.number == 2:
            number = number_of(field, owner)
        elif field.number in texts:
            texts[field.number] = text_of(field, owner)
    return Object(number, texts[3], texts[4], texts[5])


def read_program(data: bytes, owner: str) -> Iterator[Object]:
    """The objects of Keras in `saved_model.pb`, as TensorFlow wrote them before 2.5."""
    for graph in inside(memoryview(data), 2, owner):
        for objects in inside(graph, 7, owner):
            for number, node in enumerate(inside(objects, 1, owner)):
                for own in inside(node, 4, owner):
                    texts = {f.number: text_of(f, owner) for f in read_fields(own, owner) if f.number in (1, 3)}
                    if texts.get(1, "").startswith(KERAS) and 3 in texts:
                        take_work(1)
                        yield Object(number, "root" if number == 0 else "", texts[1], texts[3])
        return


def inside(data: memoryview, number: int, owner: str) -> Iterator[memoryview]:
    """The messages of one number in a message."""
    for field in read_fields(data, owner):
        if field.number == number:
            yield bytes_of(field, owner)


def signatures_of(folder: Path, owner: str) -> list[str]:
    """The functions that the program of a folder offers."""
    if not os.path.lexists(folder / PROGRAM):
        return []
    found: list[str] = []
    for graph in inside(memoryview(read_file(folder, PROGRAM, owner)), 2, owner):
        for entry in inside(graph, 5, owner):
            found += [text_of(field, owner) for field in read_fields(entry, owner) if field.number == 1]
    return sorted(name for name in found if not name.startswith("__saved_model"))


def find_root(folder: Path, objects: list[Object], owner: str) -> dict[str, Any]:
    """The description of the model itself, as plain data."""
    root = next((one for one in objects if one.number == 0 and one.kind in MODELS), None)
    if root is None:
        raise refuse_program(folder, owner)
    plain = plain_of(parse(root.metadata, owner))
    if not isinstance(plain, dict):
        raise FileError(message(owner, "the description of the model must be a dict", {"metadata": plain}))
    return plain


def plain_of(value: object) -> object:
    """Plain data in which tuples and shapes are lists."""
    if isinstance(value, dict):
        if value.get("class_name") in LISTS and isinstance(value.get("items"), list):
            return [plain_of(item) for item in value["items"]]
        return {key: plain_of(item) for key, item in value.items()}
    return [plain_of(item) for item in value] if isinstance(value, list) else value


def refuse_program(folder: Path, owner: str) -> Exception:
    """The error for a SavedModel that holds no model of Keras; it says what is there."""
    said: dict[str, object] = {}
    if names := signatures_of(folder, owner):
        said["functions"] = names[:8]
    prefix = folder / VARIABLES
    if is_checkpoint(prefix):
        with Checkpoint(prefix, owner) as checkpoint:
            arrays = [f"{name.partition('/.ATTRIBUTES')[0]} {shape}" for name, shape in checkpoint.describe()]
        said["arrays"] = f"{len(arrays)}: {', '.join(arrays[:4])}" if arrays else "none"
    return NotReadYet(
        message(
            owner,
            "this SavedModel of TensorFlow holds a program and no layers of Keras, and programs are not run",
            said,
            "Load it in TensorFlow, or build the model in Keras and save that as .h5",
        )
    )


def model_config(plain: dict[str, Any]) -> dict[str, Any]:
    """The description of the model in the form of `.h5` files."""
    inner = plain.get("model_config")
    config: dict[str, Any] = inner if isinstance(inner, dict) else {key: plain.get(key) for key in ("class_name", "config")}
    return config


def read_folder(folder: Path, checkpoint: Checkpoint, owner: str, compile: bool = True) -> OldModel:
    """The model of a folder in the one form; no array is read yet."""
    objects = read_objects(folder, owner)
    plain = find_root(folder, objects, owner)
    notes: list[str] = []
    known = learned(folder, objects, checkpoint, owner)
    described = cast(dict[str, Any], with_vocabularies(model_config(plain), known))
    config = Architecture(TFKERAS2, owner, Lambdas(owner, notes).read, notes).read(described)
    shape = plain.get("build_input_shape")
    if config.get("class_name") not in ("Sequential", "Functional") and shape is not None:
        config["build_config"] = {"input_shape": shape}
    compiling = None
    if compile and plain.get("training_config") is not None:
        compiling = read_compiling(plain["training_config"], TFKERAS2, owner, config)
    tree = Tree(checkpoint.graph(), names_of(objects, owner), checkpoint.source)
    if not tree.nodes:
        raise FileError(message(owner, "the file is damaged: the checkpoint does not say which objects it holds"))
    return OldModel(TFKERAS2, str(plain.get("keras_version") or ""), config, None, compiling, [], notes, tree)


def learned(folder: Path, objects: list[Object], checkpoint: Checkpoint, owner: str) -> dict[str, dict[str, Any]]:
    """What the descriptions of text layers leave out, by the names of these: words, and how rare they are."""
    lacking: dict[str, tuple[int, dict[str, Any]]] = {}
    for one in objects:
        plain = parse(one.metadata, owner)
        config = plain.get("config") if isinstance(plain, dict) and plain.get("class_name") in LOOKUPS else None
        if isinstance(config, dict) and config.get("vocabulary") is None and isinstance(config.get("name"), str):
            lacking[config["name"]] = one.number, config
    if not lacking or not os.path.lexists(folder / PROGRAM):
        return {}
    program, nodes = Program.read(read_file(folder, PROGRAM, owner), owner), checkpoint.graph()
    found: dict[str, dict[str, Any]] = {}
    for name, (number, config) in lacking.items():
        words = vocabulary_of(program, number, owner)
        if words is None:
            continue
        found[name] = {"vocabulary": words}
        array = rarity_of(nodes, number)
        if config.get("output_mode") in ("tf_idf", "tf-idf") and array:
            rarities = checkpoint.source(array, f"{name}/idf_weights").read()
            found[name]["idf_weights"] = rarities[len(rarities) - len(words) :].tolist()
    return found


def rarity_of(nodes: list[Node], number: int) -> str:
    """The name of the array that says how rare the words of a layer are; none where there is no such."""
    held = nodes[number].children if number < len(nodes) else {}
    inner = next((held[name] for name in INNER if name in held), None)
    held = held if inner is None else nodes[inner].children
    return nodes[held["idf_weights"]].key if "idf_weights" in held else ""


def names_of(objects: list[Object], owner: str) -> dict[int, str]:
    """The names of layers by their numbers."""
    found: dict[int, str] = {}
    for one in objects:
        plain = parse(one.metadata, owner)
        if isinstance(plain, dict) and isinstance(plain.get("name"), str) and not one.kind.startswith("_tf_keras_metric"):
            found[one.number] = plain["name"]
    return found
