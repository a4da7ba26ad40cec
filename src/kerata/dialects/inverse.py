"""Configs of today in an era's words: what `get_config()` of a layer or an optimizer gave then."""

from collections.abc import Iterable, Mapping
from typing import Any

from kerata.base.types import is_dict, is_list_or_tuple
from kerata.dialects.table import NOT_GIVEN, Row

# What every layer's config holds, whatever its row says.
COMMON = ("name", "trainable", "batch_input_shape", "dtype", "input_dtype")
# Keras 1 wrote initializers by the names of its functions.
NAMES_OF_KERAS1: dict[object, str] = {
    "GlorotUniform": "glorot_uniform",
    "HeUniform": "he_uniform",
    "LecunUniform": "lecun_uniform",
    "Zeros": "zero",
    "Ones": "one",
    "RandomUniform": "uniform",
    "RandomNormal": "normal",
    "Identity": "identity",
    "Orthogonal": "orthogonal",
}
# (distribution, mode, scale) of the others.
SCALED_OF_KERAS1: dict[object, str] = {
    ("untruncated_normal", "fan_avg", 1.0): "glorot_normal",
    ("untruncated_normal", "fan_in", 2.0): "he_normal",
}
# In Keras 2 these were functions, which made a VarianceScaling.
SCALED_OF_KERAS2 = {
    "GlorotUniform": (1.0, "fan_avg", "uniform"),
    "GlorotNormal": (1.0, "fan_avg", "normal"),
    "HeUniform": (2.0, "fan_in", "uniform"),
    "HeNormal": (2.0, "fan_in", "normal"),
    "LecunUniform": (1.0, "fan_in", "uniform"),
    "LecunNormal": (1.0, "fan_in", "normal"),
}
ACTIVATIONS_OF_THEN: dict[object, str] = {None: "linear", "legacy_hard_sigmoid": "hard_sigmoid"}
FULL_NAMES = {"OrthogonalInitializer": "Orthogonal", "IdentityInitializer": "Identity"}
ORDERS = {"channels_first": "th", "channels_last": "tf"}
WORDS_OF_CONSTRAINTS = {"max_value": "m", "min_value": "low"}
RANGE_WORDS = {"max_value": "high", "min_value": "low"}
# Arguments of Keras 1 that were numbers where those of today are tuples of one.
SINGLE = ("filter_length", "subsample_length", "pool_length", "stride", "atrous_rate", "length")
# Lists, and no tuples, in the configs of the time.
LISTS = ("shared_axes", "layers", "cells", "axis")


def config_of_then(row: Row, config: Mapping[str, Any], today: Iterable[str]) -> dict[str, Any]:
    """A config of today in the words of an era's row.

    Args:
        row: of the era.
        config: of today, as plain data, without what all layers have.
        today: what arguments of the class of today are called; those that the row does not know are left out.

    >>> from kerata.dialects.eras import find_row
    >>> row = find_row("keras1", "layers", "Convolution1D")
    >>> config = {"filters": 8, "kernel_size": [3], "padding": "same", "groups": 1}
    >>> config_of_then(row, config, ["filters", "kernel_size", "padding", "groups"])
    {'nb_filter': 8, 'filter_length': 3, 'border_mode': 'same', 'activity_regularizer': None}
    """
    found: dict[str, Any] = {}
    taken: set[str] = set()
    for argument in row.arguments or ():
        if argument.old in ("weights", "input_shape") or argument.new == "input_shape":
            continue
        if not argument.new:
            if argument.default is not NOT_GIVEN:
                found[argument.old] = argument.default
        elif argument.new in config:
            value = config[argument.new]
            value = value if argument.place is None else value[argument.place]
            found[argument.old] = then_of(row.era, argument.old, argument.new, value)
            taken.add(argument.new)
        elif argument.new == "activity_regularizer":
            found[argument.old] = None
    if row.arguments is None:
        return {name: then_of(row.era, name, name, value) for name, value in config.items()}
    known = {*today, *taken}
    # What a class of a program's own adds stays as it is.
    return found | {name: value for name, value in config.items() if name not in known and name not in found}


def then_of(era: str, old: str, new: str, value: object) -> object:
    """The value of an argument in an era's words; `old` and `new` are its names."""
    if is_dict(value) and value.get("class_name") == "function" and isinstance(value.get("config"), str):
        value = value["config"]
    if new in ("activation", "recurrent_activation"):
        return value if not isinstance(value, (str, type(None))) else ACTIVATIONS_OF_THEN.get(value, value)
    if new.endswith("_initializer"):
        return initializer_of_then(era, value)
    if new.endswith("_regularizer"):
        return regularizer_of_then(era, value)
    if new.endswith("_constraint"):
        return constraint_of_then(era, value)
    if era == "keras1" and new == "unit_forget_bias":
        return "one" if value else "zero"
    if era == "keras1" and new == "data_format":
        return ORDERS.get(value, value) if isinstance(value, str) else value
    if is_list_or_tuple(value):
        if era == "keras1" and old in SINGLE and len(value) == 1:
            return value[0]
        if new not in LISTS and all(isinstance(one, (int, list, tuple, type(None))) for one in value):
            return tuple(tuple(one) if isinstance(one, list) else one for one in value)
    return value


def initializer_of_then(era: str, value: object) -> object:
    """An initializer's description: by the name of a function in Keras 1, else by class and config."""
    if not is_dict(value):
        return value
    name = FULL_NAMES.get(value["class_name"], value["class_name"])
    config = {key: one for key, one in (value.get("config") or {}).items() if key not in ("input_axes", "output_axes")}
    if era == "keras1":
        key = (config.get("distribution"), config.get("mode"), config.get("scale"))
        return NAMES_OF_KERAS1.get(name) or SCALED_OF_KERAS1.get(key) or {"class_name": name, "config": config}
    if era != "tfkeras2" and name in SCALED_OF_KERAS2:
        scale, mode, distribution = SCALED_OF_KERAS2[name]
        config = {"scale": scale, "mode": mode, "distribution": distribution, "seed": config.get("seed")}
        name = "VarianceScaling"
    return {"class_name": name, "config": config}


def regularizer_of_then(era: str, value: object) -> object:
    """A regularizer's description; before `tf.keras`, all were of one class."""
    if not is_dict(value) or "class_name" not in value:
        return value
    name, config = value["class_name"], dict(value.get("config") or {})
    if era != "tfkeras2" and name in ("L1", "L2", "L1L2"):
        numbers = {kind: float(config.get(kind, 0.0)) for kind in ("l1", "l2")}
        return {"name": "L1L2Regularizer", **numbers} if era == "keras1" else {"class_name": "L1L2", "config": numbers}
    return {"class_name": name, "config": config}


def constraint_of_then(era: str, value: object) -> object:
    """A constraint's description."""
    if not is_dict(value) or "class_name" not in value:
        return value
    name, config = value["class_name"], dict(value.get("config") or {})
    if era != "keras1":
        return {"class_name": name, "config": config}
    words = RANGE_WORDS if name == "MinMaxNorm" else WORDS_OF_CONSTRAINTS
    return {"name": name, **{words.get(key, key): number for key, number in config.items()}}
