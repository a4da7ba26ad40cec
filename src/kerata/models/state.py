"""The values of all of a model's variables as a tree of dicts, by their paths: for checkpoints of one's own."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from kerata.base.checks import check_choice, did_you_mean, message
from kerata.training.trained import TrainedModel

GROUPS = ("trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables")


def read_state(model: TrainedModel, value_format: str = "backend_tensor") -> dict[str, Any]:
    """`{"trainable_variables": {"dense": {"kernel": ..., ...}}, ...}`; paths must differ."""
    check_choice(model, "value_format", value_format, ("backend_tensor", "numpy_array"))
    groups = _groups(model)
    if not model.compiled or getattr(model, "optimizer", None) is None:
        groups.pop("optimizer_variables")
    return {name: _tree(model, variables, value_format == "numpy_array") for name, variables in groups.items()}


def write_state(model: TrainedModel, state: dict[str, Any]) -> None:
    """Sets the variables that a tree names. Nothing changes if one is not there, or has another shape."""
    found: list[tuple[Any, Any]] = []
    groups = _groups(model)
    for name, tree in state.items():
        if name not in groups:
            raise ValueError(message(model, f"a state has the parts {', '.join(GROUPS)}", {"part": name}))
        known = dict(_by_path(groups[name]))
        for path, value in _leaves(tree):
            if path not in known:
                raise ValueError(
                    message(
                        model, f"there is no variable of that path among the {name}", {"path": path}, did_you_mean(path, known)
                    )
                )
            if np.shape(value) != tuple(known[path].shape):
                raise ValueError(
                    message(model, f"{path} must have shape {tuple(known[path].shape)}", {"shape": np.shape(value)})
                )
            found.append((known[path], value))
    for variable, value in found:
        variable.store(value)


def _groups(model: TrainedModel) -> dict[str, list[Any]]:
    optimizer = getattr(model, "optimizer", None)
    return {
        "trainable_variables": model.trainable_variables,
        "non_trainable_variables": model.non_trainable_variables,
        "optimizer_variables": [] if optimizer is None else optimizer.variables,
        "metrics_variables": model.metrics_variables,
    }


def _by_path(variables: Iterable[Any]) -> Iterable[tuple[str, Any]]:
    """Variables with their paths; those of random generators, which have none of their own, are counted as in Keras."""
    count = 0
    for variable in variables:
        if variable.path == "seed_generator_state":
            yield f"seed_generator{f'_{count}' if count else ''}/{variable.path}", variable
            count += 1
        else:
            yield variable.path, variable


def _tree(model: TrainedModel, variables: Iterable[Any], as_numpy: bool) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, variable in _by_path(variables):
        *above, last = path.split("/")
        place = tree
        for name in above:
            place = place.setdefault(name, {})
        if not isinstance(place, dict) or last in place:
            raise ValueError(
                message(
                    model,
                    "The following variable path is found twice in the model",
                    {"path": path},
                    "Give layers of one kind different names",
                )
            )
        place[last] = variable.numpy() if as_numpy else variable.value
    return tree


def _leaves(tree: object, path: str = "") -> Iterable[tuple[str, Any]]:
    if not isinstance(tree, dict):
        yield path, tree
        return
    for name, below in tree.items():
        yield from _leaves(below, f"{path}/{name}" if path else str(name))
