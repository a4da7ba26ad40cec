"""`.keras` files of `tf.keras` 2.12 and later: the form of Keras 3 around descriptions in the words of Keras 2."""

import json
import warnings
from typing import Any

import numpy as np

from kerata.base.registry import CustomObjectScope
from kerata.optimizers import Nadam, Optimizer
from kerata.saving.legacy.architecture import Architecture
from kerata.saving.legacy.compiling import Compiling, outputs_of, without_outputs
from kerata.saving.legacy.form import KERAS3, TFKERAS2, era_of_version
from kerata.saving.legacy.lambdas import Lambdas
from kerata.saving.legacy.optimizer_state import keeps_nothing
from kerata.saving.legacy.optimizer_words import holds
from kerata.saving.legacy.types import StoredArrays


def read_version(text: str) -> str:
    """The version of Keras in a file's metadata; empty where it says none."""
    try:
        version = json.loads(text).get("keras_version")
    except (ValueError, AttributeError):
        return ""
    return version if isinstance(version, str) else ""


def is_old_version(version: str) -> bool:
    """Whether a `.keras` file is one of `tf.keras`."""
    return bool(version) and era_of_version(version) != KERAS3


def modernize(plain: dict[str, Any], version: str, owner: str, custom_objects: dict[str, Any] | None = None) -> dict[str, Any]:
    """The description of a `.keras` file in Keras 3's form."""
    notes: list[str] = []
    with CustomObjectScope(custom_objects or {}):
        config = modern_config(plain, version, owner, Lambdas(owner, notes))
    for note in notes:
        warnings.warn(f"{owner}: {note}", stacklevel=5)
    return config


def modern_config(plain: dict[str, Any], version: str, owner: str, lambdas: Lambdas) -> Any:
    if not is_old_version(version):
        return lambdas.revive(plain)
    config = Architecture(TFKERAS2, owner, lambdas.read, lambdas.notes).read(plain)
    compiling = plain.get("compile_config")
    if isinstance(compiling, dict) and compiling.get("optimizer") is not None:
        reader = Compiling(TFKERAS2, owner)
        optimizer = compiling["optimizer"]
        found: dict[str, Any] = {"optimizer": optimizer if isinstance(optimizer, str) else reader.optimizer(optimizer)}
        for key, kind in (("loss", "losses"), ("metrics", "metrics"), ("weighted_metrics", "metrics")):
            if compiling.get(key) not in (None, [], {}):
                found[key] = reader.measures(kind, without_outputs(compiling[key], outputs_of(config)))
        if compiling.get("loss_weights") is not None:
            found["loss_weights"] = compiling["loss_weights"]
        config["compile_config"] = found
    return config


def restore_old_optimizer(optimizer: Optimizer, entry: StoredArrays, owner: str) -> None:
    """Gives an optimizer the state that `tf.keras` kept: that of today, without the learning rate."""
    if not len(entry):
        return
    variables = optimizer.variables
    table = optimizer.optimizer_state.table
    beside = {id(slot) for slot in table.get(None, {}).values()}
    beside |= {
        id(slot)
        for variable, slots in table.items()
        if variable is not None
        for name, slot in slots.items()
        if not holds(optimizer, tuple(variable.shape), name)
    }
    kept = [variable for variable in variables if variable.name != "learning_rate" and id(variable) not in beside]
    if keeps_nothing(optimizer):
        # Only the number of steps.
        kept[0].store(np.asarray(entry["0"]).astype(str(kept[0].dtype)))
        return
    wanted = next((some for some in (kept, variables) if len(some) == len(entry)), None)
    shapes = [entry.shape_of(str(index)) for index in range(len(entry))] if wanted is not None else []
    if wanted is None or any(tuple(v.shape) != tuple(shape) for v, shape in zip(wanted, shapes, strict=True)):
        warnings.warn(f"{owner}: the state of the optimizer does not fit and is left out, training begins anew", stacklevel=4)
        return
    if isinstance(optimizer, Nadam):
        # The product of momenta is in no such file.
        table[None]["product"].store(optimizer.product_after(np.asarray(entry["0"])))
    for index, variable in enumerate(wanted):
        variable.store(np.asarray(entry[str(index)]).astype(str(variable.dtype)))
