"""What a score depends on beside the values that are tried: a study goes on only where all of it is as it was."""

import functools
import hashlib
import inspect
import json
import sys
import types
import warnings
import zlib
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from kerata.base.checks import message
from kerata.callbacks.callback import Callbacks, only_looks
from kerata.data.samples import ClassWeight
from kerata.engine.types import Tree
from kerata.layers.weights import layers_of
from kerata.models.copying import is_given
from kerata.models.model import Model
from kerata.populations.adapting import adapting
from kerata.search.descriptions import Reader, describe, describe_graph, shorten
from kerata.training.compilation import compilation_of

# What another release or another Python says in other words is not compared.
FORM = 2
# Arguments of `compile` that change how fast a model is trained.
HARMLESS = frozenset({"optimizer", "run_eagerly", "jit_compile", "steps_per_execution"})


def mark_arrays(tree: Tree) -> dict[str, Any]:
    """What tells one data set from another: shapes, types, a hash of a thousand samples of each array, and one of all."""
    digest = hashlib.blake2b(digest_size=8)
    # 2 GB a second, where hashes that withstand an enemy take 0.4 to 0.7.
    whole = 0
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]
    for leaf in leaves:
        digest.update(bytes_of(leaf[:: max(1, len(leaf) // 1000)]))
        whole = zlib.crc32(bytes_of(leaf), whole)
    shapes = [f"{leaf.dtype}{list(leaf.shape)}" for leaf in leaves]
    return {"arrays": shapes if len(shapes) <= 8 else [*shapes[:8], "..."], "hash": digest.hexdigest(), "whole": f"{whole:08x}"}


def bytes_of(array: np.ndarray) -> bytes:
    """What an array holds, without a copy where that can be."""
    if array.dtype.hasobject:
        return repr(array.tolist()).encode()
    return memoryview(np.ascontiguousarray(array).reshape(-1).view(np.uint8))  # type: ignore[arg-type]


def describe_training(
    model: Model,
    class_weight: ClassWeight,
    callbacks: Callbacks | Callable[..., Any],
    shuffle: bool,
    fitting: dict[str, Any] | None = None,
    make: Callable[[], Model] | None = None,
) -> dict[str, str]:
    """What is trained and how, part by part, in words that differ where a score might.

    Args:
        model: the compiled model that the builder gives for its defaults.
        class_weight, callbacks, shuffle: as in `fit`.
        fitting: what the builder says of that by `hp.fit`.
        make: builds another such model.
    """
    layers = layers_of(model)
    found = {
        f"layer {place} ({type(layer).__name__})": shorten(describe(layer, inner=False)) for place, layer in enumerate(layers)
    }
    if graph := describe_graph(model):
        found["calls of layers"] = graph
    # A builder that sets weights at random says nothing by them.
    if (weights := mark_weights(model)) and make is not None and mark_weights(make()) == weights:
        found["weights that were set"] = weights
    given = compilation_of(model, "search").arguments
    found |= {name: shorten(describe(value)) for name, value in given.items() if name not in HARMLESS and value is not None}
    found["optimizer"] = shorten(describe(model.optimizer))
    found |= {
        "class_weight": describe(class_weight),
        "shuffle": str(bool(shuffle)),
        "callbacks": shorten(describe_callbacks(callbacks)),
    }
    if fitting:
        calls = describe_callbacks(fitting.get("callbacks"))
        found["hp.fit"] = shorten(describe({**fitting, "callbacks": calls}))
    return {**found, "python": f"{sys.version_info[0]}.{sys.version_info[1]}, form {FORM}"}


def mark_weights(model: Model) -> str | None:
    """A hash of the weights that were given to a model and not drawn for it; `None` where there are none."""
    own = {id(variable) for layer in adapting(model) for variable in layer.variables}
    kept = [v for v in model.weights if is_given(v, model) and id(v) not in own and v.name != "seed_generator_state"]
    return f"{len(kept)} arrays, {mark_arrays([v.numpy() for v in kept])['whole']}" if kept else None


def describe_callbacks(callbacks: Callbacks | Callable[..., Any] | None) -> str:
    """Callbacks by what their constructors took: the rest is what they have seen. Those that only look do not count."""
    if isinstance(callbacks, (list, tuple)):
        told = [describe_callbacks(one) for one in callbacks if not only_looks(one)]
        return f"[{', '.join(told)}]" if told else "None"
    if callbacks is None or isinstance(callbacks, (types.FunctionType, functools.partial, types.MethodType)):
        return describe(callbacks, changing=False)
    if only_looks(callbacks):
        return "None"
    cls, held = type(callbacks), vars(callbacks)
    found = {name: held.get(name, held.get(f"_{name}")) for name in inspect.signature(cls.__init__).parameters}
    inside = [
        f"{name}={describe(item, changing=False)}" for name, item in found.items() if item is not None and name != "verbose"
    ]
    return f"{cls.__name__}{Reader(True, False).code_of_class(cls)}({', '.join(inside)})"


# A description of so many letters is shown whole.
SHORT = 60
# What a study is, in the words of the message that says what differs.
CARD_NAMES = {
    "objective": "the objective",
    "direction": "the direction",
    "space": "the space",
    "data": "the data",
    "training": "what is trained and how",
    "folds": "the folds",
    "epochs": "the number of epochs",
    "batch_size": "the batch size",
    "seed": "the seed",
}


def python_of(entry: object) -> object:
    """The Python that an entry was made with, where it says that."""
    return entry.get("python") if isinstance(entry, dict) else None


def as_known(key: str, old: object, new: object) -> tuple[Any, Any]:
    """Two entries without what an older study did not note, and what another Python says in other instructions."""
    if key == "data" and isinstance(old, dict) and isinstance(new, dict):
        older = [name for name, mark in new.items() if isinstance(mark, dict) and "whole" not in (old.get(name) or ())]
        return old, {**new, **{name: {k: v for k, v in new[name].items() if k != "whole"} for name in older}}
    if key == "training" and not (old and new and python_of(old) == python_of(new)):
        return None, None
    return old, new


def pairs(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [(old, new), (new, old)]


def unlike(text: object, other: object) -> object:
    """The parts of a description that another one lacks."""
    if not isinstance(text, str) or not isinstance(other, str):
        return text
    there = other.rstrip(")").split(", ")
    parts = [part for part in text.rstrip(")").split(", ") if part not in there]
    if len(text) <= SHORT:
        return text
    return ", ".join(parts) if parts else text.split("(", maxsplit=1)[0]


def check_card(there: dict[str, Any], card: dict[str, Any], name: str | None, where: str) -> None:
    """Refuses to go on with a study of another kind."""
    card = json.loads(json.dumps(card))
    for key, what in CARD_NAMES.items():
        old, new = as_known(key, there.get(key), card.get(key))
        if old != new:
            if isinstance(old, dict) and isinstance(new, dict):
                differ = [k for k in {**old, **new} if old.get(k) != new.get(k)]
                old, new = (
                    {k: unlike(plain[k], other.get(k)) for k in differ if k in plain} for plain, other in pairs(old, new)
                )
            given = {"name": name, "there": old, "now": new, "storage": where}
            raise ValueError(
                message(
                    "search",
                    f"the storage belongs to another study: {what} differs",
                    given,
                    "Give this study another name (name=...) or storage; the one that is there was not changed",
                )
            )


def warn_of_builder(there: dict[str, Any], card: dict[str, Any]) -> None:
    """Warns where the builder has changed and the model of its defaults has not: models of other values may have."""
    same_form = python_of(there.get("training")) == python_of(card.get("training"))
    if same_form and there.get("builder", card.get("builder")) != card.get("builder"):
        warnings.warn(
            message(
                "search",
                "the builder's code has changed since this study began; the model of its default values has not",
                fix="If other values give other models now, their scores do not compare: give another name (name=...)",
            ),
            stacklevel=2,
        )
