"""What Keras 1 and 2 showed of a compiled model: the total loss, the targets and the sample weights, as symbolic tensors.

`K.function(model.inputs + model.targets + model.sample_weights + [K.learning_phase()], [norm])` takes them as they are.
"""

from typing import cast

import jax
import jax.numpy as jnp

from kerata import backend
from kerata.base import registry
from kerata.base.checks import message
from kerata.engine.module import shown
from kerata.engine.scope import current_scope
from kerata.engine.symbolic import SymbolicTensor, Tensors
from kerata.engine.types import Array, Tree
from kerata.legacy.functions import computed
from kerata.legacy.reported import report_by_outputs
from kerata.models.graph import Graph
from kerata.training.compilation import Compilation, output_names_of
from kerata.training.objectives import CompiledLoss
from kerata.training.trained import TrainedModel


class Totals:
    """The symbolic tensors of one compilation.

    Args:
        model: one made of symbolic tensors, compiled.
        made: what it was compiled with.
    """

    def __init__(self, model: TrainedModel, made: Compilation):
        graph = cast(Graph, model._graph)
        self.made, self.model = made, model
        self.graph = graph
        given = made.arguments
        # Losses of its own: those of the model learn from data what their targets are.
        self.objective = CompiledLoss(given["loss"], given["loss_weights"], output_names_of(model))
        self.targets = self.placeholders()
        self.weights = [placeholder((None,)) for one in self.targets if one is not None]
        self.inputs = list(graph.inputs)
        self.total_loss = self.total()

    def placeholders(self) -> list[SymbolicTensor | None]:
        """A target for each output with a loss, in its shape; of numbers of classes, one for each place."""
        outputs = self.graph.outputs
        self.objective.build(cast(Tree, self.graph.outputs_tree), self.graph.outputs_tree)
        kinds = {place: term.loss for term in self.objective.terms for place in term.places}
        shapes = [
            None if place not in kinds else (*one.shape[:-1], 1) if is_sparse(kinds[place]) else one.shape
            for place, one in enumerate(outputs)
        ]
        known: dict[str, object] = self.model.__dict__.get("_targets", {})
        given = [known.get(name) for name in self.graph.output_names]
        return [
            None if shape is None else one if isinstance(one, SymbolicTensor) else placeholder(shape)
            for shape, one in zip(shapes, given, strict=True)
        ]

    def total(self) -> SymbolicTensor:
        """The losses of all outputs, what layers add to them, and the penalties of weights."""
        graph, model = self.graph, self.model
        targets = [one for one in self.targets if one is not None]
        given: list[SymbolicTensor] = [*graph.outputs, *targets, *self.weights, *graph.beside]
        count, wanted = len(graph.outputs), len(targets)

        def of_outputs(values: tuple[Array, ...]) -> Tree:
            rest = iter(values)
            found = [None if one is None else next(rest) for one in self.targets]
            return jax.tree.unflatten(jax.tree.structure(graph.outputs_tree), found)

        def compute(*values: Array) -> list[Array]:
            y_pred = jax.tree.unflatten(jax.tree.structure(graph.outputs_tree), list(values[:count]))
            y_true, weights = (
                of_outputs(values[count : count + wanted]),
                of_outputs(values[count + wanted : count + 2 * wanted]),
            )
            total, _ = self.objective(y_true, y_pred, weights)
            scope = current_scope()
            added = [*(scope.losses if scope is not None else ()), *model._regularization_losses()]
            return [total + sum(jnp.sum(jnp.asarray(one, jnp.float32)) for one in added)]

        return computed(compute, given, [SymbolicTensor(())], list(model.trainable_weights))[0]


def is_sparse(loss: object) -> bool:
    """Whether a loss takes numbers of classes."""
    return registry.fact(getattr(loss, "fn", loss), "target_form") == "classes"


def placeholder(shape: tuple[int | None, ...]) -> SymbolicTensor:
    found: SymbolicTensor = backend.placeholder(shape)
    found.is_placeholder = True  # type: ignore[attr-defined]
    return found


class Showing:
    """A model that shows what it is trained by: what is asked of it is made then, and made anew after the next `compile`."""

    def __name_measures__(self, made: Compilation, outputs: Tensors) -> None:
        report_by_outputs(made, outputs)

    def _totals(self) -> Totals:
        model = cast(TrainedModel, self)
        made, graph = model._compilation, model._graph
        if made is None or graph is None:
            expected = "symbolic tensors of the loss are there once the model is compiled, and made of Input() and layers"
            raise AttributeError(message(model, expected, {"compiled": made is not None}))
        found: Totals | None = model.__dict__.get("_shown_totals")
        if found is None or found.made is not made or found.graph is not graph:
            found = model.__dict__["_shown_totals"] = Totals(model, made)
        return found

    @shown
    def total_loss(self) -> SymbolicTensor:
        """What training makes small: the losses times their weights, what layers add, and the penalties of weights."""
        return self._totals().total_loss

    @shown
    def targets(self) -> list[SymbolicTensor | None]:
        """A symbolic target for each output, `None` where it has no loss."""
        return self._totals().targets

    @shown
    def sample_weights(self) -> list[SymbolicTensor]:
        """Symbolic weights of samples, for each output with a loss."""
        return self._totals().weights

    @shown
    def _feed_inputs(self) -> list[SymbolicTensor]:
        return self._totals().inputs

    @shown
    def _feed_targets(self) -> list[SymbolicTensor]:
        return [one for one in self._totals().targets if one is not None]

    @shown
    def _feed_sample_weights(self) -> list[SymbolicTensor]:
        return self._totals().weights
