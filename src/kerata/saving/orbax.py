"""Checkpoints of Orbax, as Keras 3 keeps them: a folder with a folder for each step. `orbax-checkpoint` reads them."""

# Orbax says few types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np

from kerata.base.checks import message
from kerata.base.limits import budget, take_bytes
from kerata.base.orbax import import_orbax
from kerata.base.refusals import FileError, refusing
from kerata.saving.assets import places_of
from kerata.saving.building import build_model, parse_config
from kerata.saving.folders import size_of_folder
from kerata.saving.legacy.types import SavedModel

MARKS = frozenset({"orbax.checkpoint", "pytree.orbax-checkpoint", "checkpoint_metadata"})
PARTS = ("trainable_variables", "non_trainable_variables", "optimizer_variables")


class WithState(SavedModel, Protocol):
    """A model whose state is a tree."""

    def set_state_tree(self, state_tree: dict[str, Any]) -> None: ...
    def get_state_tree(self) -> dict[str, Any]: ...


def fill(model: WithState, state: Mapping[str, Any], parts: Sequence[str] = PARTS) -> None:
    """Gives a model the values of a state, all or none.

    Keras's paths hold the names of sequential models around a layer, Kerata's do not: they are left out on both sides.
    """
    if PARTS[2] in parts and PARTS[2] in state and model.optimizer is not None and not model.optimizer.built:
        # So that it can take its state.
        model.optimizer.build(model.trainable_variables)
    around = [layer.name for layer in [model, *model.layers] if hasattr(layer, "pop")]

    def bare(path: str, part: str) -> str:
        # Optimizers get new names in a process.
        path = path.partition("/")[2] if part == PARTS[2] else path
        for name in around:
            path = re.sub(rf"(^|/){re.escape(name)}[/_]", r"\1", path)
        return path

    given: dict[str, Any] = {}
    known = model.get_state_tree()
    for part in parts:
        if part in state and part in known:
            places = {bare(path, part): path for path in _flat(known[part])}
            values = {bare(path, part): value for path, value in _flat(state[part]).items()}
            if set(places) != set(values):
                received = {"model": sorted(set(places) - set(values))[:4], "checkpoint": sorted(set(values) - set(places))[:4]}
                raise FileError(message(model, f"the checkpoint's {part} must be those of the model", received))
            given[part] = {places[path]: value for path, value in values.items()}
    model.set_state_tree(given)


def _flat(tree: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """The leaves of nested dicts by their paths."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        path = f"{above}/{name}" if above else str(name)
        if isinstance(value, Mapping):
            found |= _flat(cast(Mapping[str, Any], value), path)
        else:
            found[path] = value
    return found


def is_orbax_checkpoint(path: Path) -> bool:
    """Whether a folder is a checkpoint, or holds some by their steps."""
    if not path.is_dir():
        return False
    files = list(path.iterdir())
    steps = any(file.name.isdigit() and file.is_dir() for file in files)
    return steps or any(file.name in MARKS or ".orbax-checkpoint-tmp" in file.name for file in files)


def step_of(path: Path, owner: str) -> Path:
    """The folder of the last step, or the folder itself where it is one of a step."""
    steps = [file for file in path.iterdir() if file.name.isdigit() and file.is_dir()]
    if steps:
        return max(steps, key=lambda file: int(file.name))
    if (path / "_CHECKPOINT_METADATA").exists() or any((path / mark).exists() for mark in MARKS):
        return path
    raise FileError(message(owner, "the folder holds no finished checkpoint"))


def load_checkpoint_weights(model: WithState, path: Path, owner: str) -> None:
    """Gives a model the values of a checkpoint, all or none."""
    with refusing(owner), budget(owner, size_of_folder(path)):
        orbax, _ = import_orbax()
        found = orbax.load_checkpointables(step_of(path, owner).absolute(), {"pytree": None})
        fill(model, found["pytree"])


def load_checkpoint_model(path: Path, owner: str, custom_objects: dict[str, Any] | None, compile: bool) -> SavedModel:
    """The model of a checkpoint, with its values."""
    orbax, _ = import_orbax()
    with refusing(owner), budget(owner, size_of_folder(path)):
        step = step_of(path, owner).absolute()
        known = set(orbax.checkpointables_metadata(step).metadata)
        if "model_config" not in known:
            fix = "Build the model, and call load_weights(...)"
            raise FileError(message(owner, "the checkpoint holds weights alone, and no model", None, fix))
        found = orbax.load_checkpointables(step, {name: None for name in ("model_config", "pytree", "assets") if name in known})
        config = parse_config(str(found["model_config"]["config"]), owner)
        if not compile:
            config.pop("compile_config", None)
        model = build_model(config, owner, custom_objects)
        fill(model, found["pytree"], PARTS if compile else PARTS[:2])
        read_assets_of(model, found.get("assets") or {})
    return model


# Files of their own that layers keep, as arrays of bytes in dicts by the parts of their paths


def assets_of(model: SavedModel) -> dict[str, Any]:
    """What `save_assets` of the parts of a model leaves in folders."""
    found: dict[str, Any] = {}
    for place in places_of(model, "save_assets"):
        with tempfile.TemporaryDirectory() as folder:
            place.thing.save_assets(folder)
            for file in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
                *above, name = [*filter(None, place.path.split("/")), *file.relative_to(folder).parts]
                tree = found
                for part in above:
                    tree = tree.setdefault(part, {})
                tree[name] = np.frombuffer(file.read_bytes(), np.uint8)
    return found


def read_assets_of(model: SavedModel, tree: Mapping[str, Any]) -> None:
    """Gives the parts of a model what `assets_of` has kept for them."""
    for place in places_of(model, "load_assets") if tree else ():
        below: Mapping[str, Any] = tree
        for part in filter(None, place.path.split("/")):
            inner: object = below.get(part)
            below = cast(Mapping[str, Any], inner) if isinstance(inner, Mapping) else {}
        files = {name: value for name, value in below.items() if not isinstance(value, Mapping)}
        if not files:
            continue
        with tempfile.TemporaryDirectory() as folder:
            for name, value in files.items():
                if Path(name).name != name:
                    raise FileError(message(place.thing, "a file of a layer must have a name, and no path", {"file": name}))
                take_bytes(3 * value.size)
                Path(folder, name).write_bytes(np.asarray(value, np.uint8).tobytes())
            place.thing.load_assets(folder)
