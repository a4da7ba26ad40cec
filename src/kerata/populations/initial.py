"""Where members begin: fresh weights from a seed, weights that were loaded, and layers that adapt to their samples."""

from typing import TypeVar

import jax
import numpy as np

from kerata.base.checks import check_choice, message
from kerata.data.samples import Data
from kerata.models.copying import is_given
from kerata.models.model import Model
from kerata.optimizers.beginnings import starts_from_weights
from kerata.populations.adapting import adapt_layers, adapting, places_of_adapting
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
            keeps those that were loaded, set, or trained in another model, and draws the rest.
        trained: whether the model was trained already: then "auto" cannot tell what was loaded from what was learned.
    """

    def __init__(self, group: Group, model: Model, x: Data, initial_weights: str = "auto", trained: bool = False):
        check_choice("initial_weights", "initial_weights", initial_weights, INITIAL)
        self.group, self.x = group, x
        plan = plan_of(model)
        own = {id(v) for layer in adapting(model) for v in layer.variables}
        self.adapting = places_of_adapting(model)
        self.kept = {} if initial_weights == "fresh" else kept_weights(plan, own, everything=initial_weights == "keep")
        if initial_weights == "auto" and self.kept and trained:
            raise ValueError(
                message(
                    model,
                    "some of this model's weights were loaded, set, or trained in another, and it has been trained since",
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
        adapt_layers(twin, take_rows(self.x, rows), self.adapting)


def was_trained(model: Model) -> bool:
    """Whether a model's optimizer has made a step."""
    return model.optimizer.built and int(model.optimizer.steps.numpy()) > 0


def kept_weights(plan: Plan, without: set[int], everything: bool = False) -> dict[tuple[str, int], np.ndarray]:
    """Weights that are given to a model and not drawn for it, by place; or all of them."""
    return {
        (role, index): variable.numpy()
        for role in ("trainable", "others")
        for index, variable in enumerate(plan.variables[role])
        if (everything or is_given(variable, plan.model))
        and variable.name != "seed_generator_state"
        and id(variable) not in without
    }


def take_rows(tree: T, rows: np.ndarray | None) -> T:
    """Some samples of a tree of arrays."""
    return tree if rows is None else jax.tree.map(lambda a: np.asarray(a)[rows], tree)
