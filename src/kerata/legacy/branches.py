"""Chains of Keras 1 that begin with `Merge([first, second])`: their inputs, and what files hold of them."""

import contextlib
from collections.abc import Iterator
from typing import Any

from kerata import models
from kerata.layers import Layer

# What `compile` and `fit` leave on a model that a file may hold.
TRAINED = ("optimizer", "loss", "compiled", "run_eagerly", "jit_compile", "steps_per_execution", "_compilation")


class Several:
    """The inputs of a Sequential model that begins with several branches."""

    shape = ()
    name = ""

    def __init__(self, tensors: list[Any]):
        self.tensors = tensors
        self.history = (self, 0, 0)


def begins_with_branches(model: object) -> bool:
    """Whether a model is a chain whose first layer merges others."""
    return isinstance(getattr(model, "__dict__", {}).get("_input"), Several)


def inputs_of(branch: Layer) -> list[Any]:
    graph = getattr(branch, "_graph", None)
    if graph is not None:
        return list(graph.inputs)
    return [branch.input] if not isinstance(branch.input, (list, tuple)) else list(branch.input)


def flattened(model) -> list[Any]:
    """The layers as files of Keras 1 listed them: those of the branches, each once, in place of what merges them."""
    if not begins_with_branches(model):
        return list(model.layers)
    first, *rest = model.layers
    found: dict[int, Any] = {}
    for branch in first.__dict__["_branches"]:
        inner = getattr(branch, "flattened_layers", None) or getattr(branch, "layers", None) or [branch]
        found |= {id(layer): layer for layer in inner}
    return list({**found, **{id(layer): layer for layer in rest}}.values())


def in_graph(model) -> list[Any]:
    """The layers as files of today list them: in the order of the graph, so that they fit what is read from a description."""
    if not begins_with_branches(model):
        return list(model.layers)
    return [layer for layer in model._graph.layers if layer is not model.layers[0]]


@contextlib.contextmanager
def as_graph(model) -> Iterator[Any]:
    """A chain that begins with branches as the graph that it is, with the same layers and the same optimizer, for files."""
    if not begins_with_branches(model):
        yield model
        return
    graph = models.Model(list(model._graph.inputs), model._tail, name=model.name)
    graph.__dict__.update({name: model.__dict__[name] for name in TRAINED if name in model.__dict__})
    merging = model.layers[0].__dict__
    # The layers of the branches are the graph's own, and are written once.
    branches = merging.pop("_branches")
    try:
        yield graph
    finally:
        merging["_branches"] = branches
