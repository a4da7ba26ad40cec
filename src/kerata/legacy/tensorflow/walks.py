"""Functional models with code of a person's own, run layer by layer."""

from collections.abc import Callable
from typing import Any

from kerata.base.types import Owner
from kerata.engine.symbolic import Operation
from kerata.engine.types import Described
from kerata.legacy.tensorflow.layers import Flowing, cast, followed
from kerata.legacy.tensorflow.tensor import Tensor


def fit_tensor(value: object, wanted: Described, owner: Owner) -> object:
    """An input in the type that a graph expects."""
    if not isinstance(value, Tensor) or value.dtype == wanted.dtype or wanted.dtype == "string":
        return value
    return cast(value, wanted.dtype)


def run_graph(model: Flowing, inputs: object) -> object:
    """A functional model with code of a person's own, layer by layer."""

    def call(operation: Callable[..., Any], args: tuple, kwargs: dict[str, Any]) -> object:
        return followed(operation)(*args, **kwargs) if isinstance(operation, Operation) else operation(*args, **kwargs)

    graph = model._graph
    assert graph is not None, "only a model with a graph is run so"
    return graph.run(graph.matched(inputs, model, fit_tensor), call)
