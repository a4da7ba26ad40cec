"""Layers that learn from data before training (`adapt`): where they stand in a model, and what comes to them there."""

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import jax
import numpy as np

from kerata.data.border import Border
from kerata.data.samples import Data, Samples
from kerata.engine.symbolic import SymbolicTensor
from kerata.layers.layer import Layer
from kerata.layers.weights import layers_of
from kerata.models.copying import fresh_model, is_given
from kerata.models.graph import Graph
from kerata.models.model import Model
from kerata.training.trained import graph_of

# Samples that go through a model at a time, on their way to a layer within it.
BATCH = 1024


def adapting(model: Model) -> list[Layer]:
    """The layers of a model whose weights are learned from data before training (`adapt`), in its order."""
    return [layer for layer in layers_of(model) if hasattr(layer, "adapt") and layer.adapts_weights]


def places_of_adapting(model: Model) -> list[int]:
    """Where these stand among all layers, so that a copy, which does not know what was loaded, has the same ones adapt."""
    own = {id(layer) for layer in adapting(model)}
    return [place for place, layer in enumerate(layers_of(model)) if id(layer) in own]


def adapted(model: Model, x: Data) -> Model:
    """A built model whose layers have adapted to all samples, so that it can stand for its folds; a copy, where there are such
    layers."""
    if not adapting(model):
        return model
    twin = fresh_model(model)
    for old, new in zip(model.variables, twin.variables, strict=True):
        new.place(old.numpy())
        new.assigned = is_given(old, model)
    adapt_layers(twin, x, places_of_adapting(model))
    return twin


def adapt_layers(model: Model, x: Data, places: Sequence[int] | None = None) -> None:
    """Layers that learn from data before training do so from some samples.

    Args:
        model: a built model.
        x: its inputs, or what stands at its border.
        places: of the layers among all; those of `adapting` if `None`.
    """
    found = adapting(model) if places is None else [layers_of(model)[place] for place in places]
    graph = cast(Graph | None, graph_of(model))
    if found and graph is not None:
        starts = graph.starts(x)
        values: list[Any] = list(x.values) if type(x) is Border else graph.matched(x, model, _as_given)
        known = {id(tensor): value for tensor, value in zip(starts, values, strict=True)}
        direct = [layer for layer in found if layer.inbound_nodes and id(layer.input) in known]
        for layer in direct:
            layer.adapt(known[id(layer.input)])  # type: ignore[attr-defined]
        found = [layer for layer in found if layer not in direct]
    # Those that stand deeper see what the layers before them make of the data, adapted ones too.
    while found and (reached := _reach(model, x, found)):
        layer, data = reached
        layer.adapt(data)  # type: ignore[attr-defined]
        found.remove(layer)


def _as_given(value: object, tensor: SymbolicTensor, owner: object) -> object:
    return value


class _Reached(BaseException):
    """A layer was called: what stands behind it need not run. No `Exception`, so that nobody takes it for an error."""

    def __init__(self, layer: Layer, inputs: object):
        super().__init__()
        self.layer, self.inputs = layer, inputs


def _reach(model: Model, x: Data, waiting: list[Layer]) -> tuple[Layer, Any] | None:
    """The first of some layers to which data comes in a model, and all that comes to it; `None` where it comes to none."""
    samples = Samples(x)
    blocks: list[Any] = []
    reached = None
    with _stopping_at(waiting):
        for start in range(0, samples.size, BATCH):
            try:
                model(samples.slice(start, start + BATCH).x, training=False)
                return None
            except _Reached as stop:
                reached, inputs = stop.layer, stop.inputs
                blocks.append(jax.tree.map(np.asarray, inputs))
    return None if reached is None else (reached, jax.tree.map(lambda *parts: np.concatenate(parts), *blocks))


@contextmanager
def _stopping_at(layers: list[Layer]) -> Iterator[None]:
    """While it lasts, a call of one of some layers ends the run by `_Reached`."""

    def stop(layer: Layer, inputs: object, *_: object, **__: object) -> None:
        raise _Reached(layer, inputs)

    for layer in layers:
        vars(layer)["call"] = functools.partial(stop, layer)
    try:
        yield
    finally:
        for layer in layers:
            del vars(layer)["call"]
