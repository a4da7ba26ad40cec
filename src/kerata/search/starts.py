"""Where members begin: fresh weights from a seed, weights that were loaded, and layers that adapt to their samples."""

from typing import Any

import jax
import numpy as np

from kerata.base.checks import check_choice, message
from kerata.engine.symbolic import flatten
from kerata.models.model import Model
from kerata.models.training import Plan
from kerata.search.groups import Group, plan_of
from kerata.search.members import State

INITIAL = ("auto", "fresh", "keep")


class Start:
    """Gives members of one model the state that they begin with.

    Args:
        group: of the model.
        model: the model.
        x: the inputs of all samples, for layers that adapt.
        initial_weights: "fresh" draws all weights anew from the member's seed, "keep" takes the model's as they are, "auto"
            keeps those that were loaded or set since the model was built and draws the rest.
    """

    def __init__(self, group: Group, model: Model, x: Any, initial_weights: str = "auto"):
        check_choice("initial_weights", "initial_weights", initial_weights, INITIAL)
        self.group, self.x = group, x
        plan = plan_of(model)
        self.kept = {} if initial_weights == "fresh" else weights_of(plan, everything=initial_weights == "keep")
        if initial_weights == "auto" and self.kept and int(model.optimizer.steps.numpy()):
            raise ValueError(message(model, "some of this model's weights were loaded or set, and it has been trained since",
                                     {"variables": len(self.kept)}, 'Give initial_weights="fresh" to draw all weights anew, or '
                                     '"keep" to begin with the weights as they are (they may know the held-out samples)'))
        self.adapts = any(hasattr(layer, "adapt") for layer in model._flatten_layers())

    def state(self, seed: int | None, rows: np.ndarray | None) -> State:
        """The state for a seed and some samples to train on."""
        if self.adapts:
            return self.group.fresh_state(seed, lambda twin: self._adapt(twin, rows))
        state = self.group.fresh_state(seed)
        for (role, place), value in self.kept.items():
            state = {**state, role: [value if i == place else old for i, old in enumerate(state[role])]}
        return state

    def _adapt(self, twin: Model, rows: np.ndarray | None) -> None:
        plan = plan_of(twin)
        for (role, place), value in self.kept.items():
            plan.variables[role][place].assign(value)
        adapt_layers(twin, take_rows(self.x, rows))


def weights_of(plan: Plan, everything: bool = False) -> dict[tuple[str, int], np.ndarray]:
    """Weights that were set after a model was built, by place; or all of them."""
    return {(role, index): variable.numpy() for role in ("trainable", "others")
            for index, variable in enumerate(plan.variables[role])
            if (everything or variable.assigned) and variable.name != "seed_generator_state"}  # fmt: skip


def adapt_layers(model: Model, x: Any) -> None:
    """Layers that learn from data before training (`adapt`) do so from some samples, in the order of the model."""
    for layer in model._flatten_layers():
        adapt = getattr(layer, "adapt", None)
        if adapt is None:
            continue
        given = layer.input
        at = [index for index, tensor in enumerate(model.inputs) if tensor is given]
        adapt(flatten(x)[at[0]] if at else Model(model.input, given).predict(x, verbose=0))


def take_rows(tree: Any, rows: np.ndarray | None) -> Any:
    """Some samples of a tree of arrays."""
    return tree if rows is None else jax.tree.map(lambda a: np.asarray(a)[rows], tree)
