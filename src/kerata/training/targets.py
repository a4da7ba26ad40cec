"""Targets, looked at before anything is compiled: shapes, the range of labels, numbers that are none."""

# JAX says nothing of the leaves of trees. The attributes of models that begin with an underscore are this room's.
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportPrivateUsage=false

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

from kerata.base import registry
from kerata.base.checks import message
from kerata.engine.structure import is_ours
from kerata.engine.symbolic import AnyTree, Operation
from kerata.engine.types import AnyArray, Tree
from kerata.layers.layer import Layer
from kerata.losses.loss import Loss
from kerata.ops.forms import facts_of
from kerata.training.objectives import CompiledLoss
from kerata.training.trained import TrainedGraph, TrainedModel


def check_targets(objective: CompiledLoss, y_true: Tree, y_pred: AnyTree) -> None:
    """Raises for targets that a loss cannot take: wrong shapes, labels out of range, NaN where the loss is our own.

    Args:
        objective: the `CompiledLoss`.
        y_true: targets on the host.
        y_pred: predictions, symbolic or as shapes.
    """
    objective.build(y_true, y_pred)
    predictions = jax.tree.leaves(y_pred)
    for term, target in zip(objective.terms, objective.targets(y_true, y_pred), strict=True):
        where = f"y ({term.name})"
        every = [np.asarray(one) for one in jax.tree.leaves(target)] if term.is_joint else [np.asarray(target)]
        for labels in every:
            if labels.dtype.kind not in "biuf" and labels.dtype.kind != "V":  # bfloat16 is of kind V
                raise TypeError(message(where, "targets must be numbers", {"dtype": labels.dtype}))
        # A loss of several outputs together is a user's own, of which no more is known.
        if term.is_joint:
            continue
        labels = every[0]
        function = getattr(term.loss, "fn", None)
        # A function of a user's own may know what to do with missing targets.
        if registry.home_of(function or type(term.loss)) is not None:
            check_finite(where, "targets", labels)
        if term.loss.target_form in CHECKS:
            CHECKS[term.loss.target_form](where, term.loss, labels, tuple(term.pick(predictions).shape))


def check_weights(objective: CompiledLoss, sample_weight: Tree, y_pred: AnyTree) -> None:
    """Raises for weights whose shape fits neither the samples nor the values of a loss, where that is known of the loss.

    Args:
        objective: the `CompiledLoss`, built.
        sample_weight: weights of all outputs, or a list or dict of such.
        y_pred: predictions, symbolic or as shapes.
    """
    predictions = jax.tree.leaves(y_pred)
    for term, weight in zip(objective.terms, objective.weights(sample_weight, y_pred), strict=True):
        shape = tuple(getattr(weight, "shape", ()))
        if term.loss.target_form is None or len(shape) < 2:
            continue
        values = tuple(term.pick(predictions).shape[:-1])
        inner = shape[:-1] if len(shape) == len(values) + 1 and shape[-1] == 1 else shape
        fits = len(inner) <= len(values) and all(v is None or s in (1, v) for s, v in zip(inner[1:], values[1:], strict=False))
        if not fits:
            text = "" if len(values) == 1 else f" or {values}".replace("None", "samples", 1)
            raise ValueError(
                message(f"sample_weight ({term.name})", f"weights must have shape (samples,){text}", {"shape": shape})
            )


def check_numbers(model: TrainedModel, x: Tree, y: Tree, sample_weight: Tree, method: str) -> None:
    """Raises for inputs and weights that are NaN or infinite.

    Inputs pass where a layer of a user's own, or a function, may know what to do with them.
    """
    given = {} if passes_missing(model) else {"x": x}
    check_leaves({**given, "sample_weight": sample_weight}, method)


def passes_missing(model: TrainedModel) -> bool:
    """Whether something in a model may know what to do with numbers that are missing."""
    layers = model._flatten_layers()
    graphs: list[TrainedGraph] = [graph for layer in layers if (graph := getattr(layer, "_graph", None)) is not None]
    operations = [node.operation for graph in graphs for node in graph.nodes if isinstance(node.operation, Operation)]
    return any(handles_missing(each) for each in (*layers, *operations))


def check_leaves(trees: dict[str, Tree], method: str) -> None:
    """Raises where a number in some trees of arrays, by what they are, is NaN or infinite."""
    for name, tree in trees.items():
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
            check_finite(method, f"`{name}{jax.tree_util.keystr(path)}`", leaf)


def handles_missing(layer: Layer | Operation) -> bool:
    """Whether a layer, or an operation in a graph, may turn NaN into something else."""
    if isinstance(layer, Operation):
        facts = facts_of(layer.function)
        return facts is None or not facts.keeps_nan
    activation = getattr(layer, "activation", None)
    known = registry.home_of(activation) or registry.home_of(type(activation))
    return (callable(activation) and known is None) or registry.home_of(type(layer)) is None or layer.replaces_missing


def check_indices(model: TrainedModel, x: Tree, method: str) -> None:
    """Raises for numbers that an embedding of an input has no row for: they would become NaN without a word."""
    for layer, values in embedded_inputs(model, x):
        values = on_host(values)
        if not values.size:
            continue
        low, high = float(values.min()), float(values.max())
        if low < 0 or high >= layer.input_dim:
            fix = f"Give input_dim={int(high) + 1}, or replace what is rare" if low >= 0 else "Number the words from 0"
            raise ValueError(
                message(
                    layer,
                    f"its inputs must be whole numbers from 0 to input_dim - 1 = {layer.input_dim - 1}",
                    {"lowest": int(low), "highest": int(high), "in": method},
                    fix,
                )
            )


def embedded_inputs(model: TrainedModel, x: object) -> Iterator[tuple[Any, Any]]:
    """(embedding, array) for every input that goes straight into an embedding."""
    graph = model._graph
    if graph is None:
        first = model.layers[0] if model.feeds_first_layer and is_ours(type(model).call) and model.layers else None
        if is_embedding(first) and hasattr(x, "shape"):
            yield first, x
        return
    if isinstance(x, dict) and set(graph.input_names) <= set(x):
        leaves = [x[name] for name in graph.input_names]
    else:
        leaves = jax.tree.leaves(x)
    places = {id(tensor): place for place, tensor in enumerate(graph.starts(x))}
    for node in graph.nodes:
        if is_embedding(node.operation) and len(leaves) == len(places):
            place = places.get(id(node.input_tensors[0]))
            if place is not None:
                yield node.operation, leaves[place]


def is_embedding(layer: object) -> bool:
    """Whether a layer looks its inputs up in a table; one of a user's own may do something with them before."""
    return isinstance(layer, Layer) and layer.takes_indices and is_ours(type(layer).call)


def check_finite(owner: str, what: str, values: AnyArray) -> None:
    """Raises where a float is NaN or infinite. One pass over finite numbers: their sum says enough."""
    if values.dtype.kind not in "fV":  # bfloat16 is of kind V
        return
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(float(on_host(values).sum())):
            return
    # The sum of finite numbers may be too large as well.
    wrong = np.argwhere(~np.isfinite(np.asarray(values).astype(np.float64)))
    if len(wrong):
        first = tuple(map(int, wrong[0]))
        place = f"row {first[0]}" + (f", column {first[1]}" if len(first) == 2 else f" at {first[1:]}" if first[1:] else "")
        value = float(np.asarray(values)[first])
        raise ValueError(
            message(
                owner,
                f"{what} must hold finite numbers",
                {"first": f"{value} in {place}", "not finite": f"{len(wrong)} of {values.size}"},
                "Drop those samples, or fill them, e.g. with numpy.nan_to_num or DataFrame.fillna",
            )
        )


def on_host(values: AnyArray) -> AnyArray:
    """An array of the host's memory as NumPy's; one on another device stays there."""
    if isinstance(values, jax.Array) and all(device.platform == "cpu" for device in values.devices()):
        return np.asarray(values)
    return values


def _same_sizes(first: Sequence[Any], second: Sequence[Any]) -> bool:
    """Whether shapes agree beside the number of samples and what is not known."""
    pairs = zip(first[1:], second[1:], strict=True) if len(first) == len(second) else [(0, 1)]
    return all(m is None or n is None or m == n for m, n in pairs)


def _check_same(where: str, loss: Loss, labels: np.ndarray, shape: tuple[Any, ...]) -> None:
    true = labels.shape
    if len(shape) == len(true) + 1 and shape[-1] == 1:
        true = (*true, 1)
    elif len(true) == len(shape) + 1 and true[-1] == 1:
        true = true[:-1]
    if not _same_sizes(true, shape):
        fix = ""
        if loss.target_form == "binary" and len(shape) > 1 and shape[-1] not in (1, None):
            fix = f"For {shape[-1]} classes use sparse_categorical_crossentropy; for two classes, one output"
        raise ValueError(
            message(
                where, f"targets of {loss.name} must have the shape of the predictions, {shape}", {"shape": labels.shape}, fix
            )
        )


def _check_one_hot(where: str, loss: Loss, labels: np.ndarray, shape: tuple[Any, ...]) -> None:
    true = labels.shape
    if _same_sizes(true, shape):
        return
    integers = len(true) == len(shape) - 1 or (len(true) == len(shape) and true[-1] == 1)
    fix = "For integer labels use sparse_categorical_crossentropy, or kerata.utils.to_categorical" if integers else ""
    raise ValueError(
        message(where, f"targets of {loss.name} must be one-hot, of the predictions' shape, {shape}", {"shape": true}, fix)
    )


def _check_integers(where: str, loss: Loss, labels: np.ndarray, shape: tuple[Any, ...]) -> None:
    axis = getattr(loss, "axis", -1) % len(shape)
    sizes, classes = (*shape[:axis], *shape[axis + 1 :]), shape[axis]
    true = labels.shape
    if not _same_sizes(true, sizes) and not (len(true) == len(shape) and true[axis] == 1):
        fix = "For one-hot labels use categorical_crossentropy" if _same_sizes(true, shape) else ""
        raise ValueError(message(where, f"targets of {loss.name} must be integers of shape {sizes}", {"shape": true}, fix))
    ignored = getattr(loss, "ignore_class", None)
    counted = labels if ignored is None else labels[labels != ignored]
    if counted.size == 0:
        return
    if counted.dtype.kind not in "biu" and np.any(counted != np.floor(counted)):
        raise ValueError(
            message(
                where,
                f"targets of {loss.name} must be whole numbers",
                {"dtype": labels.dtype},
                "For probabilities of classes use categorical_crossentropy",
            )
        )
    low, high = int(counted.min()), int(counted.max())
    if low < 0 or (classes is not None and high >= classes):
        fix = "Number the classes from 0"
        if classes is not None and low >= 1 and high == classes:
            fix = "The labels start at 1: subtract 1"
        elif classes is not None and low >= 0:
            fix = f"The output needs {high + 1} units for labels up to {high}"
        if classes == 1 and high <= 1:
            fix = "For one output use binary_crossentropy"
        raise ValueError(
            message(
                where,
                f"labels must be at least 0 and below the number of classes, {classes}",
                {"lowest": low, "highest": high},
                fix,
            )
        )


def _check_binary(where: str, loss: Loss, labels: np.ndarray, shape: tuple[Any, ...]) -> None:
    _check_same(where, loss, labels, shape)
    if labels.size and (labels.min() < 0 or labels.max() > 1):
        low, high = labels.min().item(), labels.max().item()
        fix = "Map the two classes to 0 and 1; for numbers that are measured use mse"
        if low == -1 and high == 1:
            fix = "Map -1 and 1 to 0 and 1, or use hinge"
        elif low == 1 and high == 2:
            fix = "The labels start at 1: subtract 1"
        elif low >= 0 and 2 < high <= 255 and len(shape) > 2:
            fix = "Divide pictures by 255"
        elif low == 0 and high < 1000 and not np.any(labels % 1):
            fix = f"For classes from 0 to {int(high)} use sparse_categorical_crossentropy and {int(high) + 1} outputs"
        raise ValueError(
            message(where, f"targets of {loss.name} must be between 0 and 1", {"lowest": low, "highest": high}, fix)
        )


# What `target_form` of a loss stands for.
CHECKS: dict[str | None, Callable[..., None]] = {
    "numbers": _check_same,
    "binary": _check_binary,
    "one-hot": _check_one_hot,
    "classes": _check_integers,
}
