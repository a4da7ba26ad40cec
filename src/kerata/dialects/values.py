"""Values of arguments in today's words: initializers, activations, regularizers, constraints, orders of axes."""

import inspect
from collections.abc import Callable
from typing import Any

from kerata.base.types import DTypeLike, Shape

OLD = ("keras1", "keras2", "keras22", "tfkeras2")
DATA_FORMATS = {"th": "channels_first", "tf": "channels_last", "default": None}


def scaled(scale: float, mode: str, distribution: str) -> dict[str, Any]:
    return {
        "module": "keras.initializers",
        "class_name": "VarianceScaling",
        "config": {"scale": scale, "mode": mode, "distribution": distribution, "seed": None},
        "registered_name": None,
    }


# Keras 1 drew its normal distributions without cutting them off, and made orthogonal matrices larger by a tenth.
INITIALIZERS = {
    "keras1": {
        "zero": "zeros",
        "one": "ones",
        "uniform": "random_uniform",
        "normal": "random_normal",
        "glorot_normal": scaled(1.0, "fan_avg", "untruncated_normal"),
        "he_normal": scaled(2.0, "fan_in", "untruncated_normal"),
        "orthogonal": {
            "module": "keras.initializers",
            "class_name": "Orthogonal",
            "config": {"gain": 1.1, "seed": None},
            "registered_name": None,
        },
    },
    "keras2": {"zero": "zeros", "one": "ones", "uniform": "random_uniform", "normal": "random_normal"},
    "tfkeras2": {"uniform": "random_uniform", "normal": "random_normal"},
}
INITIALIZERS["keras22"] = INITIALIZERS["keras2"]
# The hard sigmoid of Keras 1 and 2 has the slope 0.2, that of today 1/6.
ACTIVATIONS = {era: {"hard_sigmoid": "legacy_hard_sigmoid"} for era in OLD}
# How configs of Keras 1 name regularizers and constraints.
REGULARIZERS = {
    "WeightRegularizer": "L1L2",
    "ActivityRegularizer": "L1L2",
    "L1L2Regularizer": "L1L2",
    "activity_l1": "l1",
    "activity_l2": "l2",
    "activity_l1l2": "l1l2",
    "l1l2": "l1_l2",
}
# The names of a function whose strengths are 0.01, where the class that today's files call so has 0.
BOTH = ("l1_l2", "l1l2", "activity_l1l2")
CONSTRAINT_NAMES = {"m": "max_value", "low": "min_value", "high": "max_value"}


def today_of(era: str, old: str, new: str, value: object) -> object:
    """The value of an argument in today's words; `old` and `new` are its names."""
    if new in ("activation", "recurrent_activation"):
        return ACTIVATIONS.get(era, {}).get(value, value) if isinstance(value, str) else value
    if new.endswith("_initializer"):
        return initializer_of(era, value)
    if new.endswith("_regularizer"):
        return regularizer_of(value)
    if new.endswith("_constraint"):
        return constraint_of(value)
    if new == "data_format" and isinstance(value, str):
        return DATA_FORMATS.get(value, value)
    if new == "unit_forget_bias":
        return forget_bias_of(value)
    return value


def initializer_of(era: str, value: object) -> object:
    """A name or a function of the era as today's constructors take it."""
    if isinstance(value, str):
        return INITIALIZERS[era].get(value, value)
    if era == "keras1" and inspect.isfunction(value) and "dtype" not in inspect.signature(value).parameters:
        return of_shape(value)
    return value


def of_shape(function: Callable[..., Any]) -> Callable[..., Any]:
    """A user's `function(shape, name=None)` of Keras 1 as a function of (shape, dtype)."""

    def initialize(shape: Shape, dtype: DTypeLike | None = None) -> object:
        made = function(shape, name=None) if "name" in inspect.signature(function).parameters else function(shape)
        return getattr(made, "value", made)

    initialize.__name__ = function.__name__
    return initialize


def regularizer_of(value: object) -> object:
    if isinstance(value, str):
        if value in BOTH:
            strengths = {"l1": 0.01, "l2": 0.01}
            return {"module": "keras.regularizers", "class_name": "L1L2", "config": strengths, "registered_name": None}
        return REGULARIZERS.get(value, value)
    if isinstance(value, dict) and "name" in value and "class_name" not in value:
        numbers = {name: float(number) for name, number in value.items() if name in ("l1", "l2")}
        name = REGULARIZERS.get(value["name"], value["name"])
        return {"module": "keras.regularizers", "class_name": name, "config": numbers, "registered_name": None}
    return value


def constraint_of(value: object) -> object:
    if isinstance(value, dict) and "name" in value and "class_name" not in value:
        numbers = {CONSTRAINT_NAMES.get(name, name): number for name, number in value.items() if name != "name"}
        return {"module": "keras.constraints", "class_name": value["name"], "config": numbers, "registered_name": None}
    return value


def forget_bias_of(value: object) -> bool:
    """`forget_bias_init` of Keras 1, by name, as `unit_forget_bias`."""
    if value in ("one", "ones", True, 1):
        return True
    return bool(value) and value not in ("zero", "zeros")
