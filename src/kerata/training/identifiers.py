"""What a person may pass to `compile` for a loss or a metric: names, configs, objects, functions."""

# JAX says nothing of the leaves of trees. The attributes of models that begin with an underscore are this room's.
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportPrivateUsage=false

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from kerata import losses
from kerata import metrics as measures
from kerata.base import registry
from kerata.base.checks import did_you_mean, message
from kerata.engine.types import Described
from kerata.losses.loss import Loss, LossFunctionWrapper
from kerata.metrics.reduction import MeanMetricWrapper
from kerata.training.outputs import OutputNames

CROSSENTROPIES = ("crossentropy", "ce")
ACCURACIES = ("accuracy", "acc")


def is_config(value: object) -> bool:
    return isinstance(value, dict) and "class_name" in value


def is_loss(value: object) -> bool:
    return value is None or isinstance(value, str) or callable(value) or is_config(value)


def is_number(value: Any) -> bool:
    return value is None or (not isinstance(value, (str, dict, list, tuple)) and np.ndim(value) == 0)


def is_metric(value: object) -> bool:
    return value is None or isinstance(value, (str, measures.Metric)) or callable(value) or is_config(value)


def is_metric_group(value: object) -> bool:
    return is_metric(value) or isinstance(value, (list, tuple))


def is_array(value: object) -> bool:
    return value is None or hasattr(value, "shape")


def check_names(
    value: object,
    argument: str,
    kind: str,
    also: Sequence[str],
    output_names: Sequence[str] | None,
    is_leaf: Callable[[Any], bool],
) -> None:
    """Raises for unknown names of losses or metrics, for a dict's key that names no output, and for what is neither."""
    if is_leaf(value):
        if isinstance(value, (Loss, measures.Metric)):
            check_constructed(value)
        if isinstance(value, str) and value.lower() not in also:
            registry.find(kind, value, "compile", argument)
    elif isinstance(value, dict):
        known = output_names.keys if isinstance(output_names, OutputNames) else output_names
        for key, item in value.items():
            if known and key not in known:
                raise ValueError(
                    message(
                        "compile",
                        f"`{argument}` names an output that does not exist",
                        {argument: key, "outputs": list(known)},
                        did_you_mean(key, known),
                    )
                )
            check_names(item, argument, kind, also, None, is_leaf)
    elif isinstance(value, (list, tuple)):
        for item in value:
            check_names(item, argument, kind, also, None, is_leaf)
    else:
        raise TypeError(message("compile", f"`{argument}` must hold names, objects or functions", {argument: value}))


def kind_of_labels(y_true: Described, y_pred: Described) -> str:
    """What "accuracy" and "crossentropy" stand for: `"binary"`, `"sparse_categorical"` or `"categorical"`."""
    true, pred = tuple(y_true.shape), tuple(y_pred.shape)
    if pred[-1] == 1:
        return "binary"
    return "sparse_categorical" if len(true) < len(pred) or (true[-1] == 1 and pred[-1] > 1) else "categorical"


def check_takes_two(function: Callable[..., Any], argument: str) -> None:
    """Raises for a function that cannot be called with targets and predictions."""
    try:
        inspect.signature(function).bind(0, 0)
    except ValueError:  # no signature to be had
        return
    except TypeError:
        raise TypeError(
            message(
                "compile",
                f"a function for `{argument}` must take (y_true, y_pred)",
                {argument: f"{name_of(function)}{inspect.signature(function)}"},
            )
        ) from None


def make_loss(identifier: object, y_true: Described, y_pred: Described) -> Loss:
    """A loss from what a person may pass for one."""
    found = identifier
    if isinstance(identifier, str) and identifier.lower() in CROSSENTROPIES:
        if not hasattr(y_true, "shape"):
            raise ValueError(
                message(
                    "loss",
                    f"{identifier!r} is chosen by the shape of the targets",
                    {"y": y_true},
                    "Give targets, or name the loss in full",
                )
            )
        found = f"{kind_of_labels(y_true, y_pred)}_crossentropy"
    made = losses.get(found)
    if isinstance(made, Loss):
        return made
    assert made is not None, "what is no loss was left out"
    check_takes_two(made, "loss")
    return LossFunctionWrapper(made, name=identifier if isinstance(identifier, str) else name_of(made))


def make_metric(
    identifier: object, y_true: Described, y_pred: Described, crossentropies: Mapping[str, object] = MappingProxyType({})
) -> measures.Metric:
    """A metric from what a person may pass for one. A name stays its name: "acc" is reported as "acc".

    Args:
        identifier: what was passed.
        y_true, y_pred: the shapes by which "accuracy" and "crossentropy" are chosen.
        crossentropies: by their names, where they are not those of today.
    """
    found = identifier
    if isinstance(identifier, str) and identifier.lower() in (*ACCURACIES, *CROSSENTROPIES):
        suffix = "accuracy" if identifier.lower() in ACCURACIES else "crossentropy"
        name = f"{kind_of_labels(y_true, y_pred)}_{suffix}"
        found = crossentropies.get(name, name)
    found = measures.get(found)
    if not isinstance(found, measures.Metric):
        check_takes_two(found, "metrics")
        found = MeanMetricWrapper(found, name=name_of(found))
    if isinstance(identifier, str):
        found.name = identifier
    return found


def check_constructed(found: object) -> None:
    """Raises for a loss or metric of a user's class whose constructor has not called the one below it."""
    if "_dtype" not in vars(found):
        raise RuntimeError(message(type(found).__name__, "its constructor must call `super().__init__()` before anything else"))


def name_of(found: object) -> str:
    name = getattr(found, "name", None)
    return name if isinstance(name, str) else registry.snake(getattr(found, "__name__", type(found).__name__))
