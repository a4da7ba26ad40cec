"""Where members begin: fresh weights from a seed, weights that were loaded, and layers that adapt to their samples."""

from typing import TypeVar

import jax
import numpy as np

from kerata.base.checks import check_choice, message
from kerata.data.samples import Data
from kerata.engine.symbolic import flatten
from kerata.layers.layer import Layer
from kerata.layers.weights import layers_of
from kerata.models.copying import fresh_model
from kerata.models.model import Model
from kerata.optimizers.beginnings import starts_from_weights
from kerata.populations.group import Group, State, plan_of
from kerata.training.plan import Plan

T = TypeVar("T")
INITIAL = ("auto", "fresh", "keep")


class InitialState:
    """Gives members of one model the state that they begin with.

    Args:
        group: of the model.
        model: the model.
        x: the inputs of all samples, for layers that adapt.
        initial_weights: "fresh" draws all weights anew from the member's seed, "keep" takes the model's as they are, "auto"
            keeps those that were loaded or set since the model was built and draws the rest.
        trained: whether the model was trained already: then "auto" cannot tell what was loaded from what was learned.
    """

    def __init__(self, group: Group, model: Model, x: Data, initial_weights: str = "auto", trained: bool = False):
        check_choice("initial_weights", "initial_weights", initial_weights, INITIAL)
        self.group, self.x = group, x
        plan = plan_of(model)
        own = {id(v) for layer in adapting(model) for v in layer.variables}
        self.kept = {} if initial_weights == "fresh" else kept_weights(plan, own, everything=initial_weights == "keep")
        if initial_weights == "auto" and self.kept and trained:
            raise ValueError(
                message(
                    model,
                    "some of this model's weights were loaded or set, and it has been trained since",
                    {"variables": len(self.kept)},
                    'Give initial_weights="fresh" to draw all weights anew, or '
                    '"keep" to begin with the weights as they are (they may know the held-out samples)',
                )
            )
        # What is made of a model alone need not be told from its parts.
        self.is_made = bool(own) or (bool(self.kept) and starts_from_weights(model.optimizer, plan.variables["trainable"]))
        places = {id(variable): place for place, variable in enumerate(model.variables)}
        self.places = {at: places[id(plan.variables[at[0]][at[1]])] for at in self.kept} if self.is_made else {}

    def state(self, seed: int | None, rows: np.ndarray | None) -> State:
        """The state for a seed and some samples to train on."""
        if self.is_made:
            key = None if self.kept or seed is None else (seed, id(rows))
            return self.group.fresh_state(seed, lambda twin: self._adapt(twin, rows), key)
        state = self.group.fresh_state(seed)
        for (role, place), value in self.kept.items():
            state = {**state, role: [value if i == place else old for i, old in enumerate(state[role])]}
        return state

    def _adapt(self, twin: Model, rows: np.ndarray | None) -> None:
        variables = twin.variables
        for at, value in self.kept.items():
            variables[self.places[at]].store(value)
        adapt_layers(twin, take_rows(self.x, rows))


def adapted(model: Model, x: Data) -> Model:
    """A built model whose layers have adapted to all samples, so that it can stand for its folds; a copy, where there are such
    layers."""
    if not adapting(model):
        return model
    twin = fresh_model(model)
    for old, new in zip(model.variables, twin.variables, strict=True):
        new.place(old.numpy())
        new.assigned = old.assigned
    adapt_layers(twin, x)
    return twin


def was_trained(model: Model) -> bool:
    """Whether a model's optimizer has made a step."""
    return model.optimizer.built and int(model.optimizer.steps.numpy()) > 0


def adapting(model: Model) -> list[Layer]:
    """The layers of a model whose weights are learned from data before training (`adapt`), in its order."""
    return [layer for layer in layers_of(model) if hasattr(layer, "adapt") and layer.adapts_weights]


def kept_weights(plan: Plan, without: set[int], everything: bool = False) -> dict[tuple[str, int], np.ndarray]:
    """Weights that were set after a model was built, by place; or all of them."""
    return {
        (role, index): variable.numpy()
        for role in ("trainable", "others")
        for index, variable in enumerate(plan.variables[role])
        if (everything or variable.assigned) and variable.name != "seed_generator_state" and id(variable) not in without
    }


def adapt_layers(model: Model, x: Data) -> None:
    """Layers that learn from data before training do so from some samples."""
    for layer in adapting(model):
        given = layer.input
        at = [index for index, tensor in enumerate(model.inputs) if tensor is given]
        data = flatten(x)[at[0]] if at else Model(model.input, given).predict(x, verbose=0)
        layer.adapt(data)  # type: ignore[attr-defined]


def take_rows(tree: T, rows: np.ndarray | None) -> T:
    """Some samples of a tree of arrays."""
    return tree if rows is None else jax.tree.map(lambda a: np.asarray(a)[rows], tree)
