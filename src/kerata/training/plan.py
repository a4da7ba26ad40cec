"""Plans: what the variables of a model are to a program, and the step that it repeats."""

# JAX says nothing of the leaves of trees. The attributes of models that begin with an underscore are this room's.
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportPrivateUsage=false

import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeAlias

import jax.numpy as jnp
import numpy as np

from kerata.engine.hyper import Hypers
from kerata.engine.placement import HERE, Placement
from kerata.engine.random import global_seed_generator
from kerata.engine.scope import Scope
from kerata.engine.types import AnyArray, Array, Tree
from kerata.engine.variable import Variable
from kerata.training.compilation import compilation_of, own_metrics
from kerata.training.findings import StepFindings
from kerata.training.trained import TrainedModel

# Bytes of an array of the host that is moved to the device before a program takes it.
MOVED_BYTES = 2**20

# (x, y, sample_weight) of some samples, or their shapes.
Batch: TypeAlias = tuple[Tree, Tree, Tree]
# What a step reads and never changes: the vector of hyperparameters; in evaluation the values of the weights, and that vector.
Constants: TypeAlias = Array | tuple[list[Array], Array]


class Plan:
    """The variables of a model by role, its losses and measures, and its step.

    Args:
        model: a built and compiled model.
        training: whether weights are to be updated.
        own: whether the step is one of a user's own, which takes the variables as Keras lists them.
        findings: what is known of models with the same structure, and is noted for them.
        trainable: the model's trainable variables, where they are at hand.

    Attributes:
        step: what the program repeats; see `training.steps.make_plan`.
        trainable, others: the values of weights, and of what else layers hold.
        seeds: states of generators, from which draws come in evaluation; in training they come from the step's key.
        slots: what the optimizer keeps.
        probed: the tables of whose gradients the optimizer wants to know more than sums.
    """

    step: "Step"

    def __init__(
        self,
        model: TrainedModel,
        training: bool,
        own: bool = False,
        findings: StepFindings | None = None,
        trainable: list[Variable] | None = None,
    ):
        made = compilation_of(model, "fit")
        self.trained_in = weakref.ref(model)
        self.model, self.training, self.findings = model, training, StepFindings() if findings is None else findings
        self.objective, self.measures, self.trackers = made.objective, made.measures, made.trackers
        self.optimizer: Any = model.optimizer if training else None
        self.trainable: list[Variable] = model.trainable_variables if trainable is None else trainable
        ids = {id(v) for v in self.trainable}
        self.others: list[Variable] = [v for v in model.variables if id(v) not in ids]
        self.seeds: list[Variable] = []
        kept = own and training and self.optimizer.optimizer_state.built_by_user
        self.slots: list[Variable] = self.optimizer.state_variables(self.trainable) if training and not kept else []
        self.probed: list[Variable] = self.optimizer.probed(self.trainable) if training else []
        self.own_metrics: list[Any] = own_metrics(model)
        if own:
            self._take_as_listed()
        else:
            self._take_apart()
        if not training:
            self.seeds = [*self.seeds, global_seed_generator().state]
        self.metric_variables = list({id(v): v for m in self.metrics for v in m.variables}.values())
        roots = [("", model), ("loss", self.objective), ("metrics", self.measures)]
        self.hypers = Hypers(*roots, *([("optimizer", self.optimizer)] if training else []))

    def _take_apart(self) -> None:
        """Generators give their draws beside the other variables, and metrics are asked one by one."""
        states = {id(v) for layer in self.model._flatten_layers() for v in layer._seed_states()}
        self.seeds = [] if self.training else [v for v in self.others if id(v) in states]
        self.others = [v for v in self.others if id(v) not in states]
        self.metrics = list({id(m): m for m in (*self.trackers, *self.measures.metrics, *self.own_metrics)}.values())

    def _take_as_listed(self) -> None:
        self.metrics = list(self.model.metrics)
        if self.training:
            self.slots = [v for v in self.optimizer.variables if isinstance(v, Variable)]

    # State

    @property
    def variables(self) -> dict[str, list[Variable]]:
        """The variables that the program changes, by role."""
        if self.training:
            return {"trainable": self.trainable, "others": self.others, "slots": self.slots, "metrics": self.metric_variables}
        return {"others": self.others, "metrics": self.metric_variables}

    def gather(self, placement: Placement = HERE) -> dict[str, list[Any]]:
        """The program's state: arrays that nobody else holds."""
        own = {role: own_arrays(variables, placement) for role, variables in self.variables.items()}
        return {role: placement.put_state(arrays, soon=True) for role, arrays in own.items()}

    def scatter(self, state: dict[str, Any]) -> None:
        """Gives the variables the arrays that a program returned."""
        for role, variables in self.variables.items():
            for variable, value in zip(variables, state[role], strict=True):
                variable.place(value)
                if self.training and variable.trained_in is None:
                    variable.trained_in = self.trained_in

    def reset(self, state: dict[str, Any]) -> dict[str, Any]:
        """The state at the beginning of an epoch: fresh measures."""
        scope = Scope(self.metric_variables, state["metrics"])
        with scope:
            for metric in self.metrics:
                metric.reset_state()
        return {**state, "metrics": scope.read(self.metric_variables)}


class Step(ABC):
    """What a program repeats: a pure function of a batch and a state, and the measures that it gives.

    Args:
        plan: the variables by role.

    Attributes:
        is_own: whether it is one of a user's own, so that its measures are known only when it has run.
        is_number: of each measure, whether it is a single number; known once its names are.
        tag: what tells its programs from those of other steps of the model.
    """

    is_own = False
    tag = ""

    def __init__(self, plan: Plan):
        self.plan, self.model = plan, plan.model
        self.names: list[str] = []
        self.is_number: list[bool] = []

    @abstractmethod
    def __call__(
        self, state: dict[str, Any], hypers: Constants, key: AnyArray, batch: Batch, valid: Array | None
    ) -> dict[str, Any]:
        """The state after one more batch.

        Args:
            state: the values of the variables by role, and in training the counters: (step, the first bad step).
            hypers: the vector of hyperparameters; in evaluation (values of the weights, that vector).
            key: uint32 of shape (2,), of all random draws of a run.
            batch: (x, y, sample_weight).
            valid: float32 of shape (batch,), 0 where a row only fills the batch up; `None` where all are there.
        """

    @property
    @abstractmethod
    def needs_whole_batches(self) -> bool:
        """Whether a batch must never be filled up."""

    def look(self, state: dict[str, Any], hypers: Constants, key: AnyArray, batch: Batch, valid: Array | None) -> Tree:
        """What a step takes from a batch, for the proof that padded rows have no influence; not of a user's own."""
        raise NotImplementedError

    @abstractmethod
    def result_names(self) -> list[str]:
        """The names of what `results` gives."""

    @abstractmethod
    def values(self, state: dict[str, Any]) -> list[Any]:
        """The measures so far, in the order of `result_names`."""

    def extra_state(self, state: dict[str, Any], hypers: Constants, key: AnyArray, shapes: Callable[[], Any]) -> dict[str, Any]:
        """What the state has beside the variables' values, before the first batch, whose shapes are asked for where needed."""
        return {}

    def results(self, state: dict[str, Any]) -> dict[str, Any]:
        """The measures so far in the order of `result_names`: single numbers in one vector, the rest beside it.

        The last of the numbers is the step at which the loss first was not finite, or -1.
        """
        values = [jnp.asarray(value, jnp.float32) for value in self.values(state)]
        self.is_number = [value.ndim == 0 for value in values]
        bad = state["counters"][1] if "counters" in state else jnp.int32(-1)
        numbers = [value for value in values if value.ndim == 0]
        return {"numbers": jnp.stack([*numbers, bad.astype(jnp.float32)]), "arrays": [v for v in values if v.ndim]}


def own_arrays(variables: list[Variable], placement: Placement) -> list[Any]:
    """The arrays of variables for a program that takes their memory over: copied where someone may hold them.

    Small arrays of the host go as they are, because a program copies them to the device. Large ones move there one by one, so
    that not all of them are there twice while the program runs.
    """
    arrays = [v.peek() for v in variables]
    for index, variable in enumerate(variables):
        array = arrays[index]
        if not isinstance(array, np.ndarray):
            if variable.exposed:
                arrays[index] = jnp.copy(array)
        elif array.nbytes >= MOVED_BYTES:
            variable.place(placement.own(array))
            arrays[index] = variable.peek()
    return arrays
