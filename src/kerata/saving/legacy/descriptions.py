"""Descriptions of old models, and whole models of open files, in the one form in which all old files end."""

import json
import warnings
from typing import Any

from kerata.base.checks import message
from kerata.base.hdf5 import Group
from kerata.base.limits import check_levels, size_of_json, take_bytes
from kerata.base.refusals import FileError
from kerata.saving.legacy.added import left_out
from kerata.saving.legacy.architecture import Architecture
from kerata.saving.legacy.attributes import Texts
from kerata.saving.legacy.compiling import read_compiling
from kerata.saving.legacy.form import KERAS1, KERAS2, KERAS3, OldModel, era_of_version
from kerata.saving.legacy.groups import is_old, read_optimizer, read_weights
from kerata.saving.legacy.lambdas import Lambdas

# Words that only descriptions of Keras 1 have.
KERAS1_WORDS = ("nb_filter", "output_dim", "border_mode", "dim_ordering", "W_regularizer", "inner_init", "nb_row", "p")


def read_model(file: Group, texts: Texts, compile: bool = True) -> OldModel:
    """A whole model of an open file, in the one form; no array is read yet."""
    owner = texts.owner
    text = texts.read_text(file, "model_config")
    if text is None:
        what = "it holds weights alone" if is_old(file) else "it is no model of Keras"
        if "layers" in file or "_layer_checkpoint_dependencies" in file:
            what = "it holds weights alone"
        raise FileError(
            message(
                owner,
                f"the file must hold a description of the model: {what}",
                fix="Build the model, and call model.load_weights(...)",
            )
        )
    weights = read_weights(file, texts)
    version = texts.read_text(file, "keras_version") or texts.read_text(file["model_weights"], "keras_version") or ""
    notes: list[str] = []
    plain = parse(text, owner)
    era, config = read_architecture(plain, owner, version, notes)
    if added := left_out(plain):
        weights = weights._replace(layers=[entry for entry in weights.layers if entry.layer not in added])
    if weights.backend in ("theano", "cntk") and "CornerUpSampling2D" in str(config):
        notes.append(
            f"the pixels of `UpSampling2D(interpolation='bilinear')` are those of TensorFlow, the file is of {weights.backend}"
        )
    compiling = None
    if compile and (text := texts.read_text(file, "training_config")) is not None:
        compiling = read_compiling(parse(text, owner), era, owner, config)
    return OldModel(era, version, config, weights, compiling, read_optimizer(file, texts) if compiling else [], notes)


def parse(text: str, owner: str) -> Any:
    """A description as plain data."""
    take_bytes(size_of_json(text))
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileError(message(owner, "the description of the model must be JSON", {"error": str(error)})) from None
    check_levels(plain, owner)
    return plain


def modern_description(plain: dict[str, Any], owner: str) -> Any:
    """A description of any era in Keras 3's form. Those of Keras 3 name the module of each class."""
    notes: list[str] = []
    if "module" in plain or "registered_name" in plain:
        config = Lambdas(owner, notes).revive(plain)
    else:
        _, config = read_architecture(plain, owner, notes=notes)
    for note in notes:
        warnings.warn(f"{owner}: {note}", stacklevel=4)
    return config


def read_architecture(plain: object, owner: str, version: str = "", notes: list[str] | None = None) -> tuple[str, Any]:
    """The era of a description, and the description in Keras 3's form."""
    if not isinstance(plain, dict) or "class_name" not in plain:
        raise FileError(message(owner, "the description of the model must be a dict with `class_name`", {"config": plain}))
    version = version or str(plain.get("keras_version") or "")
    era = era_of_version(version, str(plain.get("backend") or "")) if version else guess_era(plain)
    lambdas = Lambdas(owner, [] if notes is None else notes)
    return era, lambdas.revive(plain) if era == KERAS3 else Architecture(era, owner, lambdas.read, lambdas.notes).read(plain)


def guess_era(plain: dict[str, Any]) -> str:
    """The era of a description that does not name its version, by the words of its layers."""
    pending: list[Any] = [plain]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            if isinstance(value.get("config"), dict) and any(word in value["config"] for word in KERAS1_WORDS):
                return KERAS1
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)
    return KERAS2
