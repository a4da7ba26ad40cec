"""Terms of the loss that programs gave a model from outside: `model.add_loss(symbolic tensor)`."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from kerata import layers, metrics, ops
from kerata.base.checks import message
from kerata.engine.symbolic import SymbolicTensor
from kerata.models import Sequential
from kerata.models.graph import Graph


def counted(term):
    """A term of one number a sample as `tf.keras` counted it: its mean is reported, and its sum has the slope."""
    if not getattr(term, "shape", ()) or isinstance(term, SymbolicTensor):
        return term
    total = ops.sum(term)
    return total + ops.stop_gradient(ops.mean(term) - total)


class AddLoss(layers.Layer):
    """Adds what it is called on to the loss, and gives it back.

    Args:
        function: without arguments, gives the term instead.
        by_sample: whether it is called on one number a sample, which are counted as in `tf.keras`.
    """

    def __init__(self, function: Callable[[], Any] | None = None, by_sample: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.function, self._adds_by_sample = function, by_sample

    def _convert_inputs(self, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        # A tape goes on following what it follows: it is given back.
        return args, kwargs

    def call(self, inputs: jax.Array) -> jax.Array:
        if self.function is not None:
            self.add_loss(jnp.sum(jnp.asarray(self.function())))
            return inputs
        self.add_loss(counted(inputs) if self._adds_by_sample else inputs)
        return inputs


class AddMetric(AddLoss):
    """Measures the mean of what it is called on, and gives it back.

    Args:
        measured: the name under which it is reported.
        metric: by which; the mean where none is given.
    """

    def __init__(self, measured: str, metric=None, **kwargs: Any):
        super().__init__(**kwargs)
        self._added_metrics = {measured: metric or metrics.Mean(name=measured)}

    def call(self, inputs: jax.Array) -> jax.Array:
        for metric in self._added_metrics.values():
            metric.update_state(inputs)
        return inputs


def add_symbolic_losses(model, losses: list[Any]) -> None:
    """Lets a functional model compute terms of its loss beside its outputs.

    Args:
        model: one made of symbolic tensors.
        losses: symbolic tensors that its inputs lead to, or functions without arguments.
    """
    graph = model._graph
    counts = model._era == "tfkeras2"
    terms = [
        AddLoss(None, counts and bool(loss.shape)) if isinstance(loss, SymbolicTensor) else AddLoss(loss) for loss in losses
    ]
    compute_beside(model, terms, [loss if isinstance(loss, SymbolicTensor) else graph and graph.inputs[0] for loss in losses])


def compute_beside(model, terms: list[AddLoss], tensors: list[Any]) -> None:
    """Lets a model call some layers on symbolic tensors beside its outputs."""
    graph = model._graph
    is_chain = isinstance(model, Sequential)
    if graph is None or not (is_chain or "_graph_layers" in model.__dict__):
        expected = "add_loss() and add_metric() of a symbolic tensor need a model made of Input() and layers"
        raise ValueError(message(model, expected, None, "Make it with Model(inputs, outputs), or call them in a layer"))
    beside = [*graph.beside, *(term(tensor) for term, tensor in zip(terms, tensors, strict=True))]
    made = Graph(graph.inputs_tree, graph.outputs_tree, model, beside)
    known = {id(part) for part in model._flatten_layers()}
    for node in made.running:
        if id(node.operation) not in known and getattr(node.operation, "weights", None):
            expected = f"what is added goes through {node.operation.name!r}, whose weights are not the model's"
            raise ValueError(message(model, expected, None, "Let an output of the model depend on that layer"))
    model._terms = [*getattr(model, "_terms", ()), *terms]
    if is_chain:
        model._whole = made
    else:
        model._graph = made
