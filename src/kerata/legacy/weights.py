"""Weights of classes for each output of a model, as weights of samples."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from kerata.base.checks import message
from kerata.data.sources import BesideSamples, is_generator


def spread_class_weights(model, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `fit` and its kin with weights of classes for each output turned into weights of samples."""
    given = arguments.get("class_weight")
    if given is None or (isinstance(given, dict) and not given):
        return arguments
    if not isinstance(given, dict) and not holds_dicts(given) and model._era == "tfkeras2":
        fix = "Of an array or a list: dict(enumerate(weights))"
        raise TypeError(message("fit", "`class_weight` must be a dict of class number to weight", {"class_weight": given}, fix))
    single = getattr(model, "_graph", None) is None or len(model.output_names) == 1
    if isinstance(given, str) or (single and not isinstance(given, dict) and not holds_dicts(given)):
        said = "class_weight counts nothing where it is no dict, as in standalone Keras"
        warnings.warn(
            message("fit", said, {"class_weight": given}, "Give the weight of each class: dict(enumerate(weights))"),
            stacklevel=4,
        )
        return {**arguments, "class_weight": None}
    if isinstance(given, dict) and not any(isinstance(one, dict) for one in given.values()):
        if hasattr(arguments.get("y"), "shape"):
            found = weights_of_classes(arguments["y"], given)
            if model._era != "tfkeras2" and arguments.get("validation_split"):
                # Samples were weighted before a part of them was held out.
                return {**arguments, "class_weight": None, "sample_weight": times(found, arguments.get("sample_weight"), model)}
        if model._era == "keras1" and arguments.get("sample_weight") is not None:
            return {**arguments, "class_weight": None}
        return {**arguments, "class_weight": BesideSamples(given)}
    names = list(model.output_names)
    tables = {name: given.get(name) for name in names} if isinstance(given, dict) else dict(zip(names, given, strict=True))
    changed = {name: value for name, value in arguments.items() if name != "class_weight"}
    x = changed.get("x")
    if changed.get("y") is not None:
        changed["sample_weight"] = weights_of_outputs(names, tables, changed["y"], changed.get("sample_weight"))
    elif is_generator(x):
        changed["x"] = weighted(x, names, tables)
    else:
        fix = "Give the weights of samples with each batch"
        raise NotImplementedError(message(model, "weights of classes for each output need arrays, or a generator", None, fix))
    return changed


def holds_dicts(given: object) -> bool:
    """Whether weights of classes are a list of dicts, one for each output."""
    return isinstance(given, (list, tuple)) and any(isinstance(one, dict) for one in given)


def times(weights: np.ndarray, sample_weight, model) -> np.ndarray:
    """Weights of samples by their classes and by themselves; Keras 1 took those of the samples alone."""
    if sample_weight is None:
        return weights
    return np.asarray(sample_weight) if model._era == "keras1" else weights * np.asarray(sample_weight)


def weighted(batches, names: list[str], tables: dict[str, Any]) -> Iterator[Any]:
    """Batches of a generator with weights of their samples."""
    for x, y, *rest in batches:
        yield x, y, weights_of_outputs(names, tables, y, rest[0] if rest else None)


def weights_of_outputs(names: list[str], tables: dict[str, Any], y, sample_weight) -> list[Any]:
    """The weights of samples for each output."""
    found = []
    for name, target, weight in zip(names, by_output(names, y), by_output(names, sample_weight), strict=True):
        weight = np.ones(len(target), "float32") if weight is None else np.asarray(weight)
        found.append(weight if not tables.get(name) else weight * weights_of_classes(target, tables[name]))
    return found


def by_output(names: list[str], values) -> list[Any]:
    """What is given for the outputs, in their order."""
    if values is None or (len(names) == 1 and not isinstance(values, (dict, list, tuple))):
        return [values] * len(names)
    return [values.get(name) for name in names] if isinstance(values, dict) else list(values)


def weights_of_classes(y, table: dict[int, float]) -> np.ndarray:
    """The weight of each sample's class; each class that is there must have one.

    >>> weights_of_classes(np.array([[0, 1], [1, 0]]), {0: 1.0, 1: 3.0}).tolist()
    [3.0, 1.0]
    """
    labels = np.asarray(y)
    if labels.ndim > 2:
        raise ValueError(message("class_weight", "it is for targets of one or two axes", {"y.shape": labels.shape}))
    classes = np.argmax(labels, axis=1) if labels.ndim == 2 and labels.shape[1] > 1 else labels.reshape(len(labels))
    missing = sorted({one for one in np.unique(classes).tolist() if one not in table})
    if missing:
        raise ValueError(message("class_weight", "it must have a weight for each class that is there", {"missing": missing}))
    return np.asarray([table[one] for one in classes.tolist()], "float32")
