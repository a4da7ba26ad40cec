"""What `compile` was given in an era, as `compile` of today takes it."""

import functools
import inspect
import types
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeGuard

import jax
import jax.numpy as jnp

from kerata import losses, metrics
from kerata.base.checks import message
from kerata.base.config import floatx
from kerata.base.registry import snake
from kerata.dialects import find_row, translate_arguments
from kerata.engine.homes import is_users
from kerata.engine.types import Array
from kerata.legacy.closures import bind_losses, names_in
from kerata.legacy.crossentropy import measure_of_then, of_then
from kerata.legacy.metrics import COSINES, NAMES_OF_COSINES
from kerata.legacy.optimizers import get_optimizer
from kerata.legacy.tensorflow.columns import column
from kerata.legacy.tensorflow.layers import as_tensors, in_use, narrowed
from kerata.models import Model

# Eras whose measures were means of batches, and whose accuracy was called `acc`.
BATCHED = ("keras1", "keras22")
# What only tensors of TensorFlow have.
ASKED_OF_TENSORS = {"as_list", "get_shape", "set_shape"}
# The names under which Keras 1 reported measures that are named by an abbreviation.
SPELLED_OUT = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "kld": "kullback_leibler_divergence",
    "cosine": "cosine_proximity",
}


def compile_arguments(
    era: str, model: object, args: tuple, kwargs: dict[str, Any], accuracy: str | None = None
) -> dict[str, Any]:
    """The arguments of today's `compile`.

    Args:
        era, model: whose.
        args, kwargs: as the era's program gives them.
        accuracy: the name under which accuracies are reported; `None` for that of the era.
    """
    row = find_row(era, "models", "compile")
    assert row is not None
    given = translate_arguments(row, args, kwargs)[1]
    given = {name: value for name, value in given.items() if value is not None}
    if era != "tfkeras2" and getattr(model, "_graph", None) is not None:
        check_for_outputs(model, {**given, "sample_weight_mode": kwargs.get("sample_weight_mode")})
    if "optimizer" in given:
        given["optimizer"] = get_optimizer(era, given["optimizer"])
    if era != "tfkeras2" and "metrics" in given:
        given["metrics"] = accuracies(
            given["metrics"], given.get("loss"), model, accuracy or ("acc" if era in BATCHED else None)
        )
    for name in {"metrics", "weighted_metrics"} & set(given):
        if era != "tfkeras2":
            given[name] = where_losses_are(given[name], given.get("loss"), model)
    outputs = list(getattr(model, "output_names", ())) if getattr(model, "_graph", None) is not None else []
    for name in {"metrics", "weighted_metrics"} & set(given):
        given[name] = of_each_output(given[name], len(outputs))
    made: Counter[str] = Counter()
    for name in ("metrics", "weighted_metrics"):
        if name in given:
            given[name] = spread(in_order_of(outputs, given[name]), lambda one: of_named_class(one, made))
    if era == "tfkeras2" and isinstance(given.get("loss"), dict):
        # Losses of named outputs are told in the order of the outputs, that of their names; today in that of the dict.
        given["loss"] = dict(sorted(given["loss"].items(), key=lambda item: str(item[0])))
    if "loss" in given:
        given["loss"] = bind_losses(model, spread(given["loss"], lambda one: of_targets(era, on_tensors(loss_of(era, one)))))
    for name in ("metrics", "weighted_metrics"):
        if name in given:
            given[name] = spread(given[name], lambda one: metric_of(era, of_columns(on_tensors(one))))
    return given


def given_loss(era: str, args: tuple, kwargs: dict[str, Any]) -> object:
    """What a program gives `compile` as loss: its own function, or one that it found in the era's modules."""
    row = find_row(era, "models", "compile")
    assert row is not None
    return translate_arguments(row, args, kwargs)[1].get("loss")


def in_order_of(outputs: Sequence[str], measures: object) -> object:
    """Measures by the names of outputs, in the order of the outputs."""
    if not isinstance(measures, dict):
        return measures
    return {
        name: measures[name]
        for name in [*(name for name in outputs if name in measures), *(name for name in measures if name not in outputs)]
    }


def of_named_class(measure: object, made: Counter[str]) -> object:
    """A metric by the name of its class, which called itself: histories of `metrics=["AUC"]` have `auc`.

    Args:
        measure: that, or another one, which comes back as it is.
        made: how many of a name this call of `compile` has made: TensorFlow did so in a graph, where names began anew.
    """
    found = getattr(metrics, measure, None) if isinstance(measure, str) else None
    if isinstance(found, type) and issubclass(found, metrics.Metric) and found.__name__ == measure:
        name = snake(found.__name__)
        made[name] += 1
        return found(name=name if made[name] == 1 else f"{name}_{made[name] - 1}")
    return measure


def of_each_output(measures: object, count: int) -> object:
    """Measures that are given for all outputs of several, for each of these: metrics keep what they have seen.

    >>> of_each_output(["mae"], 2), of_each_output([["mae"], []], 2), of_each_output(["mae"], 1)
    ([['mae'], ['mae']], [['mae'], []], ['mae'])
    """
    single = measures if isinstance(measures, (list, tuple)) else [measures]
    if count < 2 or isinstance(measures, dict) or any(isinstance(one, (list, tuple)) for one in single) or not single:
        return measures
    copies = [[copied(one) for one in single] for _ in range(count - 1)]
    return [list(single), *copies]


def copied(measure: object) -> object:
    """Another metric of the same config; what is no metric stays itself."""
    return type(measure).from_config(measure.get_config()) if isinstance(measure, metrics.Metric) else measure


def check_for_outputs(model, given: dict[str, Any]) -> None:
    """Raises where lists and dicts for the outputs do not fit them: then `compile` said so, and not the first batch."""
    outputs = list(model.output_names)
    for name in ("loss", "loss_weights", "sample_weight_mode"):
        value = given.get(name)
        if isinstance(value, list) and len(value) != len(outputs):
            raise ValueError(message(model, f"`{name}` must have an entry for each of the outputs {outputs}", {name: value}))
        if isinstance(value, dict) and name != "loss" and not set(value) <= set(outputs):
            raise ValueError(message(model, f"`{name}` must name outputs, which are {outputs}", {name: value}))
        if name == "loss_weights" and isinstance(value, tuple):
            raise TypeError(message(model, "`loss_weights` must be a list or a dict", {name: value}))
        if name == "sample_weight_mode" and isinstance(value, dict) and set(value) < set(outputs):
            raise ValueError(message(model, f"`{name}` must have an entry for each of the outputs {outputs}", {name: value}))


def where_losses_are(measures, loss, model):
    """Of measures, those of outputs that have a loss: the others got no targets."""
    if getattr(model, "_graph", None) is None:
        return measures
    outputs = list(model.output_names)
    if loss is None:
        return []
    if not isinstance(loss, (dict, list, tuple)) or len(outputs) < 2:
        return measures
    losses = [loss.get(name) for name in outputs] if isinstance(loss, dict) else list(loss)
    if len(losses) != len(outputs) or None not in losses:
        return measures
    nested = isinstance(measures, (list, tuple)) and measures and all(isinstance(one, (list, tuple)) for one in measures)
    of_output = dict(zip(outputs, measures, strict=True)) if nested else measures
    of_output = of_output if isinstance(of_output, dict) else dict.fromkeys(outputs, of_output)
    return {name: of_output[name] for name, one in zip(outputs, losses, strict=True) if one is not None and name in of_output}


def spread(value: object, function: Callable[[Any], Any]) -> object:
    """A function of each thing in lists and dicts."""
    if isinstance(value, (list, tuple)):
        return [spread(item, function) for item in value]
    if isinstance(value, dict):
        return {name: spread(item, function) for name, item in value.items()}
    return function(value)


def loss_of(era: str, loss: object) -> object:
    """A loss by the era's name, if that means something else today."""
    loss = getattr(loss, "__kerata__", loss)
    row = find_row(era, "losses", loss) if isinstance(loss, str) else None
    return losses.get(row.today) if row is not None and row.today != loss else of_then(era, loss)


def metric_of(era: str, metric: object) -> object:
    """A metric by the era's name, or a user's function, as the era measured and called it."""
    metric = getattr(metric, "__kerata__", metric)
    if era != "keras1":
        if isinstance(metric, str) and metric in NAMES_OF_COSINES and era in COSINES:
            return named(COSINES[era], SPELLED_OUT.get(metric, metric) if era in BATCHED else metric)
        if era in BATCHED and callable(metric) and not isinstance(metric, (type, str, metrics.Metric)):
            return of_batch(metric)
        row = find_row(era, "losses", metric) if isinstance(metric, str) else None
        if row is None or row.today == metric:
            return measure_of_then(era, metric)
        # Before 2.3 abbreviations were spelled out.
        return named(losses.get(row.today), SPELLED_OUT.get(str(metric), str(metric)) if era in BATCHED else str(metric))
    if isinstance(metric, str):
        full = SPELLED_OUT.get(metric, metric)
        row = find_row(era, "metrics", full) or find_row(era, "losses", full)
        if row is None or row.today == metric:
            return full
        room = metrics if row.kind == "metrics" else losses
        return named(room.get(row.today), full)
    if callable(metric) and not isinstance(metric, (type, metrics.Metric)):
        return of_batch(metric)
    return metric


def named(function: object, name: str) -> metrics.Metric:
    assert callable(function)
    return metrics.MeanMetricWrapper(function, name=name)


def of_batch(function: Callable[..., object]) -> Callable[..., Array]:
    """A user's metric of a whole batch as one of each sample, so that batches count by their size."""

    def measure(y_true: Array, y_pred: Array) -> Array:
        value = jnp.asarray(function(y_true, y_pred))
        return jnp.broadcast_to(value, jnp.shape(y_pred)[:1]) if value.ndim == 0 else value

    measure.__name__ = getattr(function, "__name__", type(function).__name__)
    return as_written(measure, function) if hasattr(function, "__name__") else measure


def as_written(measure: Callable[..., Any], function: Callable[..., object]) -> Callable[..., Any]:
    """A measure that is reported under its function's name as it is written, `GBVPP_loss`: Keras 3 makes `gbvpp_loss` of it."""
    vars(measure).setdefault("name", getattr(function, "name", function.__name__))
    return measure


def is_own(metric: object) -> TypeGuard[Callable[..., object]]:
    """Whether a measure is a function of the program."""
    metric = inspect.unwrap(metric) if callable(metric) else metric
    return isinstance(metric, types.FunctionType) and is_users(metric.__code__.co_filename)


def on_tensors(function: object) -> object:
    """A program's own loss or measure, which gets tensors where it asks for what only they have: `y_pred.shape.as_list()`."""
    if not is_own(function) or not names_in(function.__code__) & ASKED_OF_TENSORS:
        return function

    @functools.wraps(function)
    def call(*args: object, **named: object) -> object:
        before, in_use[0] = in_use[0], True
        try:
            return narrowed(function(*as_tensors(args), **as_tensors(named)))
        finally:
            in_use[0] = before

    return call


def of_targets(era: str, loss: object) -> object:
    """A program's own loss, which gets targets as `fit` gave them: a column where there is one number a sample.

    In `tf.keras` labels stayed whole numbers; in Keras 1 and 2 targets were of one type.
    """
    if not is_own(loss):
        return loss

    @functools.wraps(loss)
    def call(y_true: object, y_pred: object, *args: object, **named: object) -> object:
        return loss(column(y_true, y_pred), y_pred, *args, **named)

    vars(call)["takes_whole_numbers"] = era == "tfkeras2"
    return call


def of_columns(metric: object) -> object:
    """A program's own function as a measure, which gets targets as they were: a column where there is one number a sample."""
    if not is_own(metric):
        return metric

    @functools.wraps(metric)
    def measure(*args: object, **named: object) -> object:
        y_true, y_pred, *rest = args if len(args) > 1 else (*args, None)
        if not isinstance(y_true, jax.Array) or not isinstance(y_pred, jax.Array):
            return metric(*args, **named)
        y_true = y_true[..., None] if y_true.ndim == 1 else y_true
        y_true = y_true if jnp.issubdtype(y_true.dtype, jnp.inexact) else y_true.astype(floatx())
        return metric(y_true, y_pred, *rest, **named)

    return as_written(measure, metric)


def accuracies(given: object, loss: object, model: object, name: str | None) -> object:
    """What "accuracy" stood for: that of two classes wherever the loss is `binary_crossentropy`, of however many outputs.

    Args:
        given: the metrics.
        loss: for which loss: one, or a list or dict for the outputs.
        model: whose `output_names` tell the outputs of a dict.
        name: the name under which it is reported; `None` for the one that was given.
    """
    if isinstance(loss, (list, tuple, dict)) and not isinstance(given, dict):
        outputs = list(getattr(model, "output_names", ()) or range(len(loss)))
        single = given if isinstance(given, (list, tuple)) else [given]
        parts = [loss.get(o) if isinstance(loss, dict) else loss[i] for i, o in enumerate(outputs)]
        return [[accuracy(metric, part, name) for metric in single] for part in parts]
    if isinstance(given, dict):
        return {
            output: spread(some, lambda m, o=output: accuracy(m, loss.get(o) if isinstance(loss, dict) else loss, name))
            for output, some in given.items()
        }
    return spread(given, lambda metric: accuracy(metric, loss, name))


def accuracy(metric: object, loss: object, name: str | None) -> object:
    if not isinstance(metric, str) or metric not in ("acc", "accuracy"):
        return metric
    called = name or metric
    if loss == "binary_crossentropy" or getattr(loss, "__name__", "") == "binary_crossentropy":
        return metrics.BinaryAccuracy(name=called)
    return called


def expected_names(model: Model, arguments: dict[str, Any]) -> list[str]:
    """The names of the measures that `compile` was given, before any data are seen."""
    outputs = list(model.output_names) if getattr(model, "_graph", None) is not None else ["output"]
    several = len(outputs) > 1
    names = ["loss", *(f"{output}_loss" for output in outputs if several)]
    for place, output in enumerate(outputs):
        for kind in ("metrics", "weighted_metrics"):
            for metric in measures_of(arguments.get(kind) or [], place, output, several):
                called = metric if isinstance(metric, str) else getattr(metric, "name", None)
                name = called or getattr(metric, "__name__", "metric")
                names.append(f"{output}_{name}" if several else str(name))
    return names


def measures_of(given: object, place: int, output: str, several: bool) -> list[Any]:
    """Those of an output, out of what `compile` was given."""
    own = given.get(output, []) if isinstance(given, dict) else given
    if isinstance(own, list) and own and all(isinstance(part, list) for part in own):
        own = own[place] if several else own[0]
    return list(own) if isinstance(own, (list, tuple)) else [own]
