"""Whole models and weights of old files and folders: read into the one form, built, and given their numbers."""

import contextlib
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from kerata.base.checks import message
from kerata.base.hdf5 import File, open_file
from kerata.base.limits import budget
from kerata.base.refusals import FileError, NotReadYet, refusing
from kerata.base.registry import CustomObjectScope
from kerata.base.replacing import replace_file
from kerata.base.serialization import sharing
from kerata.base.types import ByteStream, PathLike
from kerata.engine.homes import warn_user
from kerata.engine.variable import Variable, drawing_late
from kerata.optimizers import Optimizer
from kerata.saving.building import build_model
from kerata.saving.disk import explain_full_disk
from kerata.saving.legacy.assigning import assign
from kerata.saving.legacy.attributes import Texts
from kerata.saving.legacy.checkpoints import Checkpoint, files_of, is_checkpoint, size_of_files
from kerata.saving.legacy.descriptions import read_model
from kerata.saving.legacy.form import OldModel, Tree
from kerata.saving.legacy.groups import is_old, read_weights
from kerata.saving.legacy.optimizer_state import restore_optimizer
from kerata.saving.legacy.saved_models import VARIABLES, check_folder, find_root, read_folder, read_objects, size_of_folder
from kerata.saving.legacy.trees import assign_part, assign_tree, is_optimizer, restore_tree
from kerata.saving.legacy.types import SavedModel
from kerata.saving.legacy.writing import write_model, write_weights
from kerata.saving.legacy.writing_checkpoints import write_checkpoint
from kerata.saving.legacy.writing_folders import describe_folder, write_folder


def open_hdf5(source: PathLike | ByteStream, owner: str) -> File:
    """An HDF5 file, open for reading."""
    try:
        return open_file(source, "r", owner)
    except (OSError, RuntimeError, KeyError) as error:
        if isinstance(error, (FileNotFoundError, PermissionError)):
            raise
        raise FileError(message(owner, "this is not an HDF5 file, or it is damaged", {"error": str(error)})) from None


def load_old_model(
    source: PathLike | ByteStream,
    owner: str,
    size: int,
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> SavedModel:
    """The model of an HDF5 file of any era, with its weights and its optimizer's state.

    Args:
        source: a path or a binary file object.
        owner: how the file is called in messages.
        size: of the file, in bytes.
        custom_objects: a user's own classes and functions; of a Lambda layer, by the layer's name.
        compile: whether to compile the model as it was when it was saved.
        safe_mode: kept for Keras's sake. Code in files is never run, whatever it says.
    """
    with refusing(owner), budget(owner, size), CustomObjectScope(custom_objects or {}):
        with open_hdf5(source, owner) as file:
            old = read_model(file, Texts(source, owner), compile)
            model = build_old_model(old, owner, safe_mode)
        for note in old.notes:
            warn_user(f"{owner}: {note}")
        return model


def build_old_model(old: OldModel, owner: str, safe_mode: bool = True) -> SavedModel:
    """The model that the one form describes: the one builder of all old files."""
    with sharing(), drawing_late():
        model = build_model(old.config, owner, safe_mode=safe_mode)
    if (old.weights is not None or old.tree is not None) and not model.built:
        raise FileError(message(owner, "the file must say the shape of the model's input", {"class": type(model).__name__}))
    if old.weights is not None:
        assign(model, old.weights, owner)
    pairing = assign_tree(model, old.tree, owner) if old.tree is not None else None
    if old.compiling is not None:
        model.compile_from_config(old.compiling)
        if old.optimizer and old.weights is not None:
            restore_optimizer(model, old, owner)
        if pairing is not None and model.optimizer is not None:
            restore_tree(model.optimizer, pairing, owner)
    return model


def load_saved_model(
    folder: Path, owner: str, custom_objects: dict[str, Any] | None = None, compile: bool = True, safe_mode: bool = True
) -> SavedModel:
    """The model of a SavedModel folder of `tf.keras`, with its weights and its optimizer's state."""
    check_folder(folder, owner)
    with refusing(owner), budget(owner, size_of_folder(folder)), CustomObjectScope(custom_objects or {}):
        if not is_checkpoint(folder / VARIABLES):
            find_root(folder, read_objects(folder, owner), owner)
            raise FileError(message(owner, "the folder must hold the arrays of the model", {"missing": f"{VARIABLES}.index"}))
        with Checkpoint(folder / VARIABLES, owner) as checkpoint:
            old = read_folder(folder, checkpoint, owner, compile)
            model = build_old_model(old, owner, safe_mode)
        for note in old.notes:
            warn_user(f"{owner}: {note}")
        return model


def load_checkpoint(
    model: SavedModel, prefix: Path, owner: str, skip_mismatch: bool = False, skipped: Iterable[Any] | None = None
) -> None:
    """Reads the weights of a checkpoint of `tf.keras` into a built model, and the optimizer's state into a compiled one."""
    with refusing(owner), budget(owner, size_of_files(files_of(prefix))), Checkpoint(prefix, owner) as checkpoint:
        nodes = checkpoint.graph()
        if not nodes:
            names = [name for name, _ in itertools.islice(checkpoint.describe(), 6)]
            text = "the checkpoint says which arrays it holds, and not which layers: it is not one of tf.keras"
            raise NotReadYet(message(owner, text, {"arrays": names, "of": len(checkpoint.table)}))
        pairing = assign_tree(model, Tree(nodes, {}, checkpoint.source), owner, skip_mismatch, list(skipped or ()))
        held = nodes[0].children.items()
        if lost := sorted(name for name, child in held if name != "optimizer" and is_optimizer(nodes[child])):
            warn_user(f"{owner}: the state of {', '.join(lost)} is left out, training with it begins anew")
        optimizer = getattr(model, "optimizer", None)
        if optimizer is not None and "optimizer" in nodes[0].children:
            if not optimizer.built:
                optimizer.build(model.trainable_weights)
            restore_tree(optimizer, pairing, owner, with_rate=True)


def load_part_of_checkpoint(model: SavedModel, variables: Sequence[Variable], prefix: Path, owner: str) -> None:
    """Gives some variables of a model that has not all of its own yet the arrays of a checkpoint."""
    with refusing(owner), budget(owner, size_of_files(files_of(prefix))), Checkpoint(prefix, owner) as checkpoint:
        assign_part(model, variables, Tree(checkpoint.graph(), {}, checkpoint.source), owner)


def load_old_weights(
    model: SavedModel,
    path: Path,
    owner: str,
    by_name: bool = False,
    skip_mismatch: bool = False,
    skipped: Iterable[Any] | None = None,
    reshape: bool = False,
) -> None:
    """Reads the weights of an old HDF5 file into a built model; the model stays as it was if they do not fit."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(refusing(owner))
        stack.enter_context(budget(owner, path.stat().st_size))
        file = stack.enter_context(open_hdf5(path, owner))
        weights = read_weights(file, Texts(path, owner))
        assign(model, weights, owner, by_name, skip_mismatch, skipped or (), reshape)


def is_old_file(path: Path, owner: str) -> bool:
    """Whether an HDF5 file is one of the old kinds."""
    with refusing(owner), budget(owner, path.stat().st_size), open_hdf5(path, owner) as file:
        return is_old(file)


def save_old_model(model: SavedModel, path: Path, include_optimizer: bool = True, for_then: bool = False) -> None:
    """Writes a model to an `.h5` file that Keras 3, `tf.keras` and Kerata read; the old file is whole until the new one is.

    What Keras 3 does not read is refused, or, `for_then`, written for the others.
    """
    if not model.built:
        raise ValueError(
            message(
                model,
                "the model has no weights yet, which an '.h5' file must hold",
                fix="Call it on data, or build it, before saving",
            )
        )
    with explain_full_disk("save_model", path), replace_file(path) as part, open_file(part, "w", str(path)) as file:
        write_model(model, file, include_optimizer, for_then)


def save_old_folder(model: SavedModel, path: Path, include_optimizer: bool = True) -> None:
    """Writes a model as a SavedModel folder that `tf.keras` and Kerata read; refuses first what its words do not say."""
    if not model.built:
        fix = "Call it on data, or build it, before saving"
        raise ValueError(message(model, "the model has no weights yet, which a SavedModel folder must hold", None, fix))
    files = describe_folder(model, include_optimizer)
    with explain_full_disk("save_model", path):
        if path.is_file():
            path.unlink()
        write_folder(files, path)


def other_optimizers(model: SavedModel) -> list[str]:
    """The attributes of a model that hold optimizers beside the one that it was compiled with, as those of two networks."""
    held = vars(model).items()
    return [name for name, one in held if isinstance(one, Optimizer) and one is not getattr(model, "optimizer", None)]


def check_has_weights(model: SavedModel) -> None:
    """Raises where a model has no weights yet; one that was never called, a pair of networks, has those of its parts."""
    waits = "build" in vars(type(model)) or not model.weights
    if not model.built and waits:
        raise ValueError(message(model, "the model has no weights yet", None, "Call it on data, or build it, before saving"))


def save_old_weights(model: SavedModel, path: Path) -> None:
    """Writes the weights of a model to an HDF5 file as `tf.keras` wrote them; the old file is whole until the new one is."""
    check_has_weights(model)
    with explain_full_disk("save_weights", path), replace_file(path) as part, open_file(part, "w", str(path)) as file:
        write_weights(model, file)


def save_checkpoint(model: SavedModel, prefix: Path) -> None:
    """Writes the weights of a model, and its optimizer's state, as a checkpoint of `tf.keras`."""
    check_has_weights(model)
    if others := other_optimizers(model):
        warn_user(
            f"{type(model).__name__}.save_weights: a checkpoint keeps the state of `optimizer`, and not that of "
            f"{', '.join(others)}, which begins anew with the weights that are read. Write optimizer.get_weights() beside it"
        )
    with explain_full_disk("save_weights", prefix):
        write_checkpoint(model, prefix)
