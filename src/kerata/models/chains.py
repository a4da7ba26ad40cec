"""Models that are a chain of layers."""

from typing import Any

from kerata.layers.layer import Layer
from kerata.models.model import Model
from kerata.models.sequential import Sequential


def chain_of(model: Model) -> list[Layer] | None:
    """The layers of a model in which each takes what the one before gives, and nothing else does; `None` for other models.

    >>> import kerata
    >>> x = kerata.Input((3,))
    >>> model = kerata.Model(x, kerata.layers.Dense(1)(kerata.layers.Dense(2)(x)))
    >>> [layer.units for layer in chain_of(model)]
    [2, 1]
    """
    layers: list[Any] = []
    if isinstance(model, Sequential):
        layers = list(model.layers)
    else:
        graph = model._graph
        if graph is None or graph.beside or len(graph.inputs) != 1 or len(graph.outputs) != 1:
            return None
        at = graph.inputs[0]
        for node in graph.nodes:
            if len(node.input_tensors) != 1 or node.input_tensors[0] is not at or len(node.output_tensors) != 1:
                return None
            at = node.output_tensors[0]
            layers.append(node.operation)
        if at is not graph.outputs[0]:
            return None
    alone = len({id(layer) for layer in layers}) == len(layers)
    return layers if alone and all(isinstance(layer, Layer) for layer in layers) else None
