"""What a file of a model holds, said without loading it: nothing in it is built, and nothing that it carries can run."""

import json
import math
import os
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

from kerata.base import registry
from kerata.base.checks import check_path, message
from kerata.base.limits import budget, check_levels, size_of_json, take_bytes
from kerata.base.refusals import FileError, MissingFile, refusing
from kerata.dialects import find_row
from kerata.saving.building import parse_config
from kerata.saving.legacy.attributes import Texts
from kerata.saving.legacy.checkpoints import Checkpoint, files_of, is_checkpoint, prefix_of, size_of_files
from kerata.saving.legacy.codes import code_of, formula_of
from kerata.saving.legacy.descriptions import guess_era
from kerata.saving.legacy.form import KERAS3, Weights, era_of_version
from kerata.saving.legacy.formulas import spell
from kerata.saving.legacy.groups import is_old, read_optimizer, read_weights
from kerata.saving.legacy.kinds import kind_of_file, refuse_folder, refuse_unknown
from kerata.saving.legacy.saved_models import (
    MODELS,
    VARIABLES,
    check_folder,
    find_root,
    is_saved_model,
    model_config,
    read_objects,
    signatures_of,
    size_of_folder,
)
from kerata.saving.legacy.zips import read_version
from kerata.saving.members import CONFIG, METADATA, open_model_file, read_text
from kerata.saving.old_files import open_hdf5

SPOKEN = {"keras1": "Keras 1", "keras2": "Keras 2", "tfkeras2": "tf.keras", "keras3": "Keras 3"}
MOST_ROWS = 200


def inspect_file(path: str | os.PathLike) -> str:
    """What a file of a model or of weights holds, a SavedModel folder or a checkpoint, as a text of some lines.

    >>> import kerata, pathlib, tempfile
    >>> place = pathlib.Path(tempfile.mkdtemp()) / "m.keras"
    >>> kerata.Sequential([kerata.Input((4,)), kerata.layers.Dense(2)]).save(place)
    >>> print(inspect_file(place).splitlines()[1])
    a model of Keras 3 3.15.1
    """
    path, owner = check_path("inspect", path, "path"), str(path)
    if path.is_dir():
        if not is_saved_model(names := os.listdir(path)):
            raise refuse_folder(owner, names)
        check_folder(path, owner)
        with refusing(owner), budget(owner, size := size_of_folder(path)):
            return "\n".join([f"{owner}, {size_text(size)}", *inspect_folder(path, owner)])
    if (prefix := prefix_of(path)) is not None:
        with refusing(owner), budget(owner, size := size_of_files(files_of(prefix))), Checkpoint(prefix, owner) as checkpoint:
            return "\n".join([f"{owner}, {size_text(size)}", *inspect_checkpoint(checkpoint)])
    if not path.exists():
        raise MissingFile(message("inspect", "there is no such file", {"path": owner}))
    kind, head = kind_of_file(path)
    with refusing(owner), budget(owner, path.stat().st_size):
        if kind == "hdf5":
            lines = inspect_hdf5(path, owner)
        elif kind == "zip":
            lines = inspect_zip(path, owner)
        elif kind == "json":
            take_bytes(path.stat().st_size)
            text = path.read_text("utf-8")
            take_bytes(size_of_json(text))
            plain = parse_config(text, owner)
            version = str(plain.get("keras_version") or "")
            lines = [said("a description, without weights,", version, plain), *describe_model(plain)]
        else:
            raise refuse_unknown(owner, head, "file of a model or of weights")
    return "\n".join([f"{owner}, {size_text(path.stat().st_size)}", *lines])


def said(what: str, version: str, plain: object = None) -> str:
    era = era_of_version(version) if version or not isinstance(plain, dict) else guess_era(plain)
    return f"{what} of {SPOKEN[era]}{f' {version}' if version else ''}"


def size_text(count: int) -> str:
    return f"{count:,} bytes" if count < 10_000 else f"{count / 1e6:,.2f} MB"


def inspect_hdf5(path: Path, owner: str) -> list[str]:
    """Of an HDF5 file."""
    with open_hdf5(path, owner) as file:
        texts = Texts(path, owner)
        if not is_old(file):
            if "layers" in file or "_layer_checkpoint_dependencies" in file:
                return ["weights of Keras 3, by structure: model.load_weights(...)"]
            raise FileError(message(owner, "this is no file of a model or of weights", {"groups": list(file)[:8]}))
        text = texts.read_text(file, "model_config")
        weights = read_weights(file, texts) if text is None or "model_weights" in file else None
        version = texts.read_text(file, "keras_version") or (
            texts.read_text(file["model_weights"], "keras_version") if text else None
        )
        lines = [said("a model" if text else "weights alone", version or "", plain_of(text, owner))]
        if weights is not None and weights.backend:
            lines[0] += f", written on {weights.backend}"
        if text is not None:
            lines += describe_model(plain_of(text, owner))
            training = texts.read_text(file, "training_config")
            lines += describe_training(plain_of(training, owner), len(read_optimizer(file, texts)))
        return lines + ([] if weights is None else describe_weights(weights))


def plain_of(text: str | None, owner: str) -> Any:
    if text is None:
        return None
    take_bytes(size_of_json(text))
    plain = json.loads(text)
    check_levels(plain, owner)
    return plain


def inspect_zip(path: Path, owner: str) -> list[str]:
    """Of a `.keras` file."""
    with open(path, "rb") as stream:
        archive, members = open_model_file(stream, owner)
        with archive:
            if CONFIG not in members:
                raise FileError(message(owner, f"a '.keras' file must hold {CONFIG}", {"members": sorted(members)[:8]}))
            plain = parse_config(read_text(archive, members[CONFIG]), owner)
            version = read_version(read_text(archive, members[METADATA])) if METADATA in members else ""
            return [
                said("a model", version, plain),
                *describe_model(plain),
                *describe_members(members),
                *describe_training(plain.get("compile_config"), 0),
            ]


def inspect_folder(folder: Path, owner: str) -> list[str]:
    """Of a SavedModel folder."""
    objects = read_objects(folder, owner)
    lines: list[str] = []
    if any(one.number == 0 and one.kind in MODELS for one in objects):
        plain = find_root(folder, objects, owner)
        lines = [said("a SavedModel", str(plain.get("keras_version") or "2-tf")), *describe_model(model_config(plain))]
        lines += describe_training(plain.get("training_config"), 0)
    else:
        names = ", ".join(signatures_of(folder, owner)) or "none"
        lines = [f"a SavedModel of TensorFlow that holds a program and no layers, which is not run; its functions: {names}"]
    if is_checkpoint(folder / VARIABLES):
        with Checkpoint(folder / VARIABLES, owner) as checkpoint:
            lines += describe_arrays(checkpoint)
    return lines


def inspect_checkpoint(checkpoint: Checkpoint) -> list[str]:
    """Of a checkpoint."""
    kind = "of tf.keras" if checkpoint.graph() else "of TensorFlow that says no layers"
    return [f"weights alone, a checkpoint {kind}: model.load_weights(...)", *describe_arrays(checkpoint)]


def describe_arrays(checkpoint: Checkpoint) -> list[str]:
    """The arrays of a checkpoint by their paths; first those of the model."""
    nodes = {node.key: node.name for node in checkpoint.graph() if node.key}
    rows = sorted((is_state(key), nodes.get(key, key), shape) for key, shape in checkpoint.describe())
    own = [(name, shape) for state, name, shape in rows if not state]
    lines = [f"{sum(math.prod(shape) for _, shape in own):,} weights in {len(own)} arrays:"]
    lines += [
        f"  {name.partition('/.ATTRIBUTES')[0]} {'x'.join(map(str, shape)) or 'a number'}" for name, shape in own[:MOST_ROWS]
    ]
    lines += [f"  and {len(own) - MOST_ROWS} more"] if len(own) > MOST_ROWS else []
    left = len(rows) - len(own)
    return lines + ([f"{left} arrays of the optimizer and of measures"] if left else [])


def is_state(key: str) -> bool:
    """Whether an array is one of the optimizer or of a measure."""
    return key.startswith(("optimizer/", "keras_api/", "save_counter/")) or "/.OPTIMIZER_SLOT/" in key


def describe_members(members: dict[str, zipfile.ZipInfo]) -> list[str]:
    return ["members: " + ", ".join(f"{name} ({size_text(info.file_size)})" for name, info in list(members.items())[:10])]


def layers_of(plain: object) -> list[dict[str, Any]]:
    """All layers of a description, those within models and wrappers included."""
    found, pending = [], [plain]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            if isinstance(value.get("class_name"), str) and isinstance(value.get("config"), (dict, list)):
                found.append(value)
            pending.extend(
                value[key] for key in ("layers", "layer", "backward_layer", "cell", "cells", "config") if key in value
            )
        elif isinstance(value, list):
            pending.extend(reversed(value))
    return found


def describe_model(plain: dict[str, Any]) -> list[str]:
    """The layers of a description, what only its author has, and what code it carries."""
    layers = layers_of(plain)
    counts = Counter(layer["class_name"].rpartition(">")[2] for layer in layers[1:])
    lines = [
        f"{plain['class_name']} of {sum(counts.values())} layers: "
        + ", ".join(f"{n} {name}" for name, n in counts.most_common(30))
    ]
    if not counts:
        lines = [f"{plain['class_name']}, whose layers the program made that saved it"]
    own = sorted(name for name in {*counts, plain["class_name"].rpartition(">")[2]} if not is_known(name))
    if own:
        lines.append(f"classes that only its author has: {', '.join(own)}; load_model(..., custom_objects={{{own[0]!r}: ...}})")
    for layer in layers:
        if layer["class_name"] == "Lambda" and isinstance(layer["config"], dict):
            lines.append(describe_lambda(layer["config"]))
    lines.append("what loading it runs of the file: nothing")
    return lines


def is_known(name: str) -> bool:
    known = ("Sequential", "Model", "Functional", "Merge", "TFOpLambda", "SlicingOpLambda")
    return (
        name in known
        or registry.find_builtin("layers", name) is not None
        or registry.get_registered_object(name) is not None
        or any(find_row(era, "layers", name) is not None for era in SPOKEN if era != KERAS3)
    )


def describe_lambda(config: dict[str, Any]) -> str:
    """What the code of a Lambda layer is, as far as it is read."""
    code, name = code_of(config.get("function")), config.get("name")
    if not code:
        return f"Lambda {name}: a function by its name"
    steps = formula_of(config)
    read = f"reads as {spell(steps)}" if steps is not None else f"is not understood; custom_objects={{{name!r}: function}}"
    return f"Lambda {name}: {len(code)} bytes of code, never run, which {read}"


def describe_training(given: object, states: int) -> list[str]:
    plain = given if isinstance(given, dict) else {}
    optimizer = plain.get("optimizer_config") or plain.get("optimizer")
    if optimizer is None:
        return ["not compiled"]
    name = optimizer.get("class_name") if isinstance(optimizer, dict) else optimizer
    loss = plain.get("loss")
    loss = loss.get("class_name") if isinstance(loss, dict) and "class_name" in loss else loss
    return [f"compiled with {name}, loss {str(loss)[:80]}" + (f", {states} arrays of the optimizer's state" if states else "")]


def describe_weights(weights: Weights) -> list[str]:
    """The arrays of each layer by their shapes."""
    rows = [(layer, array) for layer, arrays in weights.layers for array in arrays]
    total = sum(math.prod(array.shape) for _, array in rows)
    lines = [f"{total:,} weights in {len(rows)} arrays:"]
    lines += [f"  {layer}: {array.name} {'x'.join(map(str, array.shape)) or 'a number'}" for layer, array in rows[:MOST_ROWS]]
    return lines + ([f"  and {len(rows) - MOST_ROWS} more"] if len(rows) > MOST_ROWS else [])
