"""What measures a model was compiled with, said so that every reader takes them for the same ones under the same names.

Kept as a name, `"acc"` is another measure in each library: `tf.keras` chooses by targets that look to it like predictions.
"""

from collections.abc import Callable, Sequence

from kerata.base.registry import find_builtin

ACCURACIES = ("acc", "accuracy")
# Functions whose class computes the same numbers in all libraries.
CLASSES = {
    "binary_accuracy": "BinaryAccuracy",
    "categorical_accuracy": "CategoricalAccuracy",
    "sparse_categorical_accuracy": "SparseCategoricalAccuracy",
    "top_k_categorical_accuracy": "TopKCategoricalAccuracy",
    "sparse_top_k_categorical_accuracy": "SparseTopKCategoricalAccuracy",
    "mean_absolute_error": "MeanAbsoluteError",
    "mean_squared_error": "MeanSquaredError",
    "mean_absolute_percentage_error": "MeanAbsolutePercentageError",
    "mean_squared_logarithmic_error": "MeanSquaredLogarithmicError",
}
# Losses of several classes, and the accuracy that goes with them.
OF_LOSSES = {
    "sparse_categorical_crossentropy": "SparseCategoricalAccuracy",
    "categorical_crossentropy": "CategoricalAccuracy",
    "binary_crossentropy": "CategoricalAccuracy",
}


class OwnName(str):
    """The name of a program's own function, which is not the built-in one of that name."""


def own_names(measures: object) -> object:
    """What `compile` was given, a program's own functions by names that say so."""
    if isinstance(measures, (list, tuple)):
        return [own_names(one) for one in measures]
    if not isinstance(measures, dict):
        return measures
    if measures.get("class_name") == "function" and measures.get("registered_name") != "function":
        return OwnName(measures["config"])
    return measures if "class_name" in measures else {name: own_names(one) for name, one in measures.items()}


def explicit(
    measures: object, loss: object, names: Sequence[str], widths: Sequence[int | None], in_full: bool = False
) -> object:
    """Measures, in the form that `compile` was given, those known by a name as classes under that name.

    Args:
        measures, loss: as a compiled model's description has them.
        names, widths: of the outputs; how many numbers each gives.
        in_full: whether names begin with that of the output, as `tf.keras` wants those of several outputs.
    """
    if measures is None or not names:
        return measures
    if len(names) == 1:
        only = loss.get(names[0]) if isinstance(loss, dict) and "class_name" not in loss else loss
        only = only[0] if isinstance(only, list) and len(only) == 1 else only
        return _each(measures, lambda one: _explicit(one, only, widths[0], in_full=in_full))
    outputs = [f"{name}_" if in_full else "" for name in names]
    if isinstance(measures, dict):
        places = {name: place for place, name in enumerate(names)}
        return {
            name: _each(
                some, lambda one, p=places[name]: _explicit(one, _loss_of(loss, names, p), widths[p], outputs[p], in_full)
            )
            if name in places
            else some
            for name, some in measures.items()
        }
    if isinstance(measures, list) and len(measures) == len(names) and all(isinstance(some, list) for some in measures):
        return [
            _each(some, lambda one, p=place: _explicit(one, _loss_of(loss, names, p), widths[p], outputs[p], in_full))
            for place, some in enumerate(measures)
        ]
    return measures


def _each(measures: object, change: Callable[[object], object]) -> object:
    if isinstance(measures, list):
        return [_each(one, change) for one in measures]
    if isinstance(measures, dict) and "class_name" not in measures:
        return {name: _each(one, change) for name, one in measures.items()}
    return change(measures)


def _loss_of(loss: object, names: Sequence[str], place: int) -> object:
    if isinstance(loss, dict) and "class_name" not in loss:
        return loss.get(names[place])
    return loss[place] if isinstance(loss, list) and len(loss) == len(names) else loss


def _explicit(measure: object, loss: object, width: int | None, output: str = "", in_full: bool = False) -> object:
    if not isinstance(measure, str):
        return measure
    if isinstance(measure, OwnName):
        return _own(measure, output) if in_full and measure in (*ACCURACIES, "crossentropy", "ce") else measure
    if measure in ACCURACIES:
        name = "BinaryAccuracy" if width == 1 else OF_LOSSES.get(_function_of(loss))
    else:
        name = CLASSES.get(_function_of(measure, "metrics"))
    return measure if name is None else {"class_name": name, "config": {"name": output + measure, "dtype": "float32"}}


def _own(measure: OwnName, output: str) -> object:
    """A program's own function as `tf.keras` wrote it, which takes these bare names for built-in measures in whatever scope."""
    return {"class_name": "MeanMetricWrapper", "config": {"name": output + measure, "dtype": "float32", "fn": str(measure)}}


def _function_of(identifier: object, kind: str = "losses") -> str:
    """The name of the function that a name, or a description of a class, stands for."""
    if isinstance(identifier, dict):
        words = str(identifier.get("class_name"))
        return next((name for name in OF_LOSSES if name.replace("_", "") == words.lower()), words)
    is_own = isinstance(identifier, OwnName)
    found = find_builtin(kind, identifier) if isinstance(identifier, str) and not is_own else None
    name = "" if is_own else getattr(found, "__name__", str(identifier))
    return next((function for function, made in CLASSES.items() if made == name), name)


def name_of_then(given: object, function: str) -> str:
    """The name by which a program knew a measure that a file of `tf.keras` describes by its function.

    Args:
        given: under which name it was reported, behind that of an output if there were several.
        function: the name of its function.

    >>> name_of_then("cls_acc", "sparse_categorical_accuracy"), name_of_then("reg_mae", "mean_absolute_error")
    ('acc', 'mae')
    """
    words = given.split("_") if isinstance(given, str) else []
    for first in range(len(words)):
        name = "_".join(words[first:])
        is_chosen = name in ACCURACIES and CLASSES.get(function) in ("BinaryAccuracy", *OF_LOSSES.values())
        if is_chosen or _function_of(name, "metrics") == function:
            return name
    return function
