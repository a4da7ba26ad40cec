"""The pure functions of training: one step, one evaluation, one prediction, as the engine runs them."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kerata.base.checks import describe_owner, message
from kerata.engine.hyper import Hypers
from kerata.engine.mistakes import Blame
from kerata.engine.random import global_seed_generator
from kerata.engine.scope import Scope
from kerata.engine.variable import Variable
from kerata.kernels.compiler import after, prefers_fast_form
from kerata.kernels.random import fold
from kerata.metrics.metric import named_results
from kerata.training.steps import (
    flatten_logs,
    has_own_step,
    note_facts,
    overrides,
    pack_x_y_sample_weight,
    read_facts,
    takes_training,
    warn_of_inference,
)

# Numbers of a weight with a penalty, from which on a copy of it in each step is worth avoiding.
LARGE = 2**10


class Plan:
    """What a program is built from: the model, its variables by role, its losses and measures.

    Args:
        model: a built and compiled model.
        training: whether weights are to be updated.
        facts: what is known of models with the same structure, and is noted for them; see `engine.program.facts_of`.
        trainable: the model's trainable variables, where they are at hand.
    """

    def __init__(
        self, model: Any, training: bool, facts: dict[Any, Any] | None = None, trainable: list[Variable] | None = None
    ):
        self.model, self.training, self.facts = model, training, {} if facts is None else facts
        if training:
            warn_of_inference(model)
        self.trainable: list[Variable] = model.trainable_variables if trainable is None else trainable
        ids = {id(v) for v in self.trainable}
        self.others: list[Variable] = [v for v in model.variables if id(v) not in ids]
        # In training draws come from the step's key, in evaluation from the states of generators.
        self.seeds: list[Variable] = []
        if not has_own_step(model, training):
            states = {id(v) for layer in model._flatten_layers() for v in layer._seed_states()}
            self.seeds = [] if training else [v for v in self.others if id(v) in states]
            self.others = [v for v in self.others if id(v) not in states]
        if not training:
            self.seeds = [*self.seeds, global_seed_generator().state]
        self.objective, self.measures = model._objective, model._measures
        self.trackers = model._trackers
        # Whether the model brings a step of its own, or a part of one.
        self.is_custom = has_own_step(model, training)
        self.own_metrics: list[Any] = model._own_metrics()
        self.metrics = list({id(m): m for m in (*self.trackers, *self.measures.metrics, *self.own_metrics)}.values())
        if self.is_custom:
            self.metrics = list(model.metrics)
        self.metric_variables = list({id(v): v for m in self.metrics for v in m.variables}.values())
        self.optimizer: Any = model.optimizer if training else None
        self.slots: list[Variable] = []
        if training:
            self.slots = self.optimizer.state_variables(self.trainable)
            if self.is_custom:
                # Its state is what Keras calls the optimizer's variables.
                self.slots = [v for v in self.optimizer.variables if isinstance(v, Variable)]
        self.log_names: list[str] = []
        self.is_number: list[bool] = []
        roots = [("", model), ("loss", self.objective), ("metrics", self.measures)]
        self.hypers = Hypers(*roots, *([("optimizer", self.optimizer)] if training else []))

    # State

    @property
    def variables(self) -> dict[str, list[Variable]]:
        """The variables that the program changes, by role."""
        if self.training:
            return {"trainable": self.trainable, "others": self.others, "slots": self.slots, "metrics": self.metric_variables}
        return {"others": self.others, "metrics": self.metric_variables}

    def gather(self) -> dict[str, list[Any]]:
        """The program's state: arrays that nobody else holds."""
        return {role: own_arrays(variables) for role, variables in self.variables.items()}

    def scatter(self, state: dict[str, Any]) -> None:
        """Gives the variables the arrays that a program returned."""
        for role, variables in self.variables.items():
            for variable, value in zip(variables, state[role], strict=True):
                variable.place(value)

    # The functions

    @property
    def step(self) -> Callable[..., Any]:
        """The function that the program repeats."""
        if not self.training:
            return self.custom_test_step if self.is_custom else self.test_step
        return self.custom_train_step if self.is_custom else self.train_step

    def train_step(self, state: dict[str, Any], hypers: Any, key: Any, batch: Any, valid: Any) -> dict[str, Any]:
        """One step: gradients, update, measures."""
        x, y, weight = batch
        step, bad = state["counters"]
        table = self.hypers.table(hypers)
        key = fold(key, step)
        kinds: list[Any] = []

        def objective(trainable: list[Any]) -> Any:
            total, (y_pred, (facts, kinds[:]), *rest) = self._forward(trainable, state, table, key, batch, valid)
            # The present scale is one of the optimizer's variables.
            with Scope(self.slots, state["slots"], table):
                scaled = self.optimizer.scale_loss(total)
            return scaled, (total, y_pred, facts, *rest)

        (_, aux), grads = jax.value_and_grad(objective, has_aux=True)(state["trainable"])
        loss, y_pred, facts, parts, others, metrics = aux
        with Scope((), (), table, key):
            weights = self._once_read(state["trainable"], loss)
            with Blame(describe_owner(self.optimizer)):
                trainable, slots = self.optimizer.update(self.trainable, weights, grads, state["slots"])
        metrics = self._measure(metrics, table, x, y, y_pred, (facts, kinds), weight, valid, loss, parts)
        bad = jnp.where((bad < 0) & ~jnp.isfinite(loss), step, bad)
        return {
            "trainable": trainable,
            "others": others,
            "slots": slots,
            "metrics": metrics,
            "counters": jnp.stack([step + 1, bad]),
        }

    def _forward(self, trainable: list[Any], state: dict[str, Any], table: Any, key: Any, batch: Any, valid: Any) -> Any:
        """The loss of a batch, and (predictions, facts about them, losses by output, states of layers, measures)."""
        x, y, weight = batch
        variables = [*self.trainable, *self.others, *self.slots, *self.metric_variables]
        values = [*trainable, *state["others"], *state["slots"], *state["metrics"]]
        scope = Scope(variables, values, table, key, valid)
        with scope:
            y_pred = self.model(x, training=True) if takes_training(self.model) else self.model(x)
            total, parts = self._loss(scope, x, y, y_pred, weight, valid)
            facts = read_facts(y_pred)
        return total, (y_pred, facts, parts, scope.read(self.others), scope.read(self.metric_variables))

    def look(self, state: dict[str, Any], hypers: Any, key: Any, batch: Any, valid: Any) -> Any:
        """All that a step takes from a batch, before weights change: the loss, the states of layers, the measures."""
        if not self.training:
            return self.test_step(state, hypers, key, batch, valid)
        x, y, weight = batch
        table = self.hypers.table(hypers)
        loss, (y_pred, facts, parts, others, metrics) = self._forward(state["trainable"], state, table, key, batch, valid)
        return loss, others, self._measure(metrics, table, x, y, y_pred, facts, weight, valid, loss, parts)

    def _once_read(self, weights: list[Any], loss: Any) -> list[Any]:
        """The weights, of which those with a penalty change after the loss is there: XLA for CPU would copy them otherwise."""
        if not prefers_fast_form():
            return weights
        return [
            after(w, loss) if v.regularizer is not None and w.size >= LARGE else w
            for v, w in zip(self.trainable, weights, strict=True)
        ]

    def custom_train_step(self, state: dict[str, Any], hypers: Any, key: Any, batch: Any, valid: Any) -> dict[str, Any]:
        """One step by the model's own `train_step(state, data)`, in the form of Keras 3 on JAX."""
        step, bad = state["counters"]
        roles = ("trainable", "others", "slots", "metrics")
        variables = [v for role in roles for v in self.variables[role]]
        scope = Scope(variables, [a for role in roles for a in state[role]], self.hypers.table(hypers), fold(key, step))
        with scope:
            lists = (state["trainable"], state["others"], self._with_rate(state["slots"]), state["metrics"])
            data = pack_x_y_sample_weight(*batch)
            with Blame(f"train_step() of {describe_owner(self.model)}", data=data):
                logs, (trainable, others, slots, metrics) = self.model.train_step(lists, data)
            values = self._note_logs(logs)
        slots = [s for s, v in zip(slots, self.optimizer.variables, strict=True) if isinstance(v, Variable)]
        after = dict(zip(roles, (trainable, others, slots, metrics), strict=True))
        loss: Any = values.get("loss", jnp.float32(0))
        bad = jnp.where((bad < 0) & ~jnp.all(jnp.isfinite(loss)), step, bad)
        after = {role: self._changed(scope, role, state[role], after[role]) for role in roles}
        return {**after, "logs": list(values.values()), "counters": jnp.stack([step + 1, bad])}

    def custom_test_step(self, state: dict[str, Any], constants: Any, key: Any, batch: Any, valid: Any) -> dict[str, Any]:
        """One batch of evaluation by the model's own `test_step(state, data)`."""
        trainable, hypers = constants
        seeds = state["seeds"]
        variables = [*self.trainable, *self.others, *self.metric_variables, *self.seeds]
        values = [*trainable, *state["others"], *state["metrics"], *seeds]
        scope = Scope(variables, values, self.hypers.table(hypers))
        with scope:
            lists = (trainable, state["others"], state["metrics"])
            data = pack_x_y_sample_weight(*batch)
            with Blame(f"test_step() of {describe_owner(self.model)}", data=data):
                logs, (_, others, metrics) = self.model.test_step(lists, data)
            values = self._note_logs(logs)
        after = {
            "others": self._changed(scope, "others", state["others"], others),
            "metrics": self._changed(scope, "metrics", state["metrics"], metrics),
        }
        return {**after, "logs": list(values.values()), "seeds": scope.read(self.seeds)}

    def _note_logs(self, logs: Any) -> dict[str, Any]:
        """The values of a step's logs by name; the names are the same in every trace."""
        values = flatten_logs(self.model, logs)
        self.log_names = list(values)
        return values

    def _changed(self, scope: Scope, role: str, before: list[Any], after: Any) -> list[Any]:
        """What a step gave for the variables of a role; where it gave back what it got, what it assigned to them."""
        if len(before) != len(after):
            raise ValueError(
                message(
                    self.model,
                    f"a step must give back all {len(before)} values of the {role} variables",
                    {"values": len(after)},
                )
            )
        assigned = scope.read(self.variables[role])
        return [now if new is old else new for old, new, now in zip(before, after, assigned, strict=True)]

    def _with_rate(self, slots: list[Any]) -> list[Any]:
        """The optimizer's variables as Keras lists them, the learning rate among them."""
        rest = iter(slots)
        return [
            next(rest) if isinstance(v, Variable) else jnp.asarray(self.optimizer.learning_rate, jnp.float32)
            for v in self.optimizer.variables
        ]

    def test_step(self, state: dict[str, Any], constants: Any, key: Any, batch: Any, valid: Any) -> dict[str, Any]:
        """One batch of evaluation."""
        trainable, hypers = constants
        x, y, weight = batch
        table = self.hypers.table(hypers)
        variables = [*self.trainable, *self.others, *self.metric_variables]
        values = [*trainable, *state["others"], *state["metrics"]]
        if seeds := state.get("seeds"):
            scope = Scope([*variables, *self.seeds], [*values, *seeds], table, valid=valid)
        else:
            scope = Scope(variables, values, table, key, valid)
        with scope:
            y_pred = self.model(x, training=False)
            loss, parts = self._loss(scope, x, y, y_pred, weight, valid)
            facts = read_facts(y_pred)
        metrics = self._measure(scope.read(self.metric_variables), table, x, y, y_pred, facts, weight, valid, loss, parts)
        kept = {"seeds": scope.read(self.seeds)} if seeds else {}
        return {"others": scope.read(self.others), "metrics": metrics, **kept}

    def _loss(self, scope: Scope, x: Any, y: Any, y_pred: Any, weight: Any, valid: Any) -> tuple[Any, dict[str, Any]]:
        if overrides(self.model, "compute_loss"):
            return self.model._compute_loss(x, y, y_pred, weight, training=self.training), {}
        total, parts = self.objective(y, y_pred, weight, valid)
        added = [*scope.losses, *self.model._regularization_losses()]
        if self.training and not added and not self.objective.terms:
            raise ValueError(
                message(
                    "fit",
                    "there is no loss to train on",
                    {"loss": None},
                    "Give compile(loss=...), call add_loss() in a layer, or define compute_loss()",
                )
            )
        for loss in added:
            total = total + jnp.sum(jnp.asarray(loss, jnp.float32))
        return jnp.asarray(total, jnp.float32), parts

    def _measure(self, metrics, table, x, y, y_pred, facts, weight, valid, loss, parts) -> list[Any]:
        """The measures after one more batch; losses count with the number of samples."""
        scope = Scope(self.metric_variables, metrics, table)
        with scope:
            note_facts(y_pred, *facts)
            leaves = jax.tree.leaves(y_pred if y_pred is not None else x)
            samples = jnp.sum(valid) if valid is not None else jnp.float32(leaves[0].shape[0])
            for tracker in self.trackers:
                value = loss if tracker.name == "loss" else parts.get(tracker.name.removesuffix("_loss"), None)
                if value is not None:
                    tracker.update_state(jax.lax.stop_gradient(value), sample_weight=samples)
            if y is not None:
                self.measures.update(y, y_pred, weight, valid)
        return scope.read(self.metric_variables)

    def reset(self, state: dict[str, Any]) -> dict[str, Any]:
        """The state at the beginning of an epoch: fresh measures."""
        scope = Scope(self.metric_variables, state["metrics"])
        with scope:
            for metric in self.metrics:
                metric.reset_state()
        return {**state, "metrics": scope.read(self.metric_variables)}

    def results(self, state: dict[str, Any]) -> dict[str, Any]:
        """The measures so far in the order of `result_names`: single numbers in one vector, the rest beside it.

        The last of the numbers is the step at which the loss first was not finite, or -1.
        """
        if "logs" in state:
            values = self._logs(state)
        else:
            with Scope(self.metric_variables, state["metrics"]):
                values = [value for _, value in self.named_results()]
        values = [jnp.asarray(value, jnp.float32) for value in values]
        bad = state["counters"][1] if "counters" in state else jnp.int32(-1)
        numbers = [value for value in values if value.ndim == 0]
        return {"numbers": jnp.stack([*numbers, bad.astype(jnp.float32)]), "arrays": [v for v in values if v.ndim]}

    def _logs(self, state: dict[str, Any]) -> list[Any]:
        """The last logs of a user's own step; the measures of the whole epoch where those have the same names, as in Keras."""
        with Scope(self.metric_variables, state["metrics"]):
            found = flatten_logs(self.model, self.model.get_metrics_result())
        return [found[name] for name in self.log_names] if set(found) == set(self.log_names) else state["logs"]

    def result_names(self) -> list[str]:
        """The names of what `results` returns; logs of a user's own step have the names that it gave."""
        if self.is_custom or self.log_names:
            return self.log_names
        if "is_number" in self.facts and not self.own_metrics:
            self.is_number = self.facts["is_number"]
            self.log_names = list(dict.fromkeys([*[t.name for t in self.trackers], *self.measures.names]))
            return self.log_names
        names: list[str] = []

        def look(values: list[Any]) -> list[Any]:
            with Scope(self.metric_variables, values):
                found = self.named_results()
            names.extend(name for name, _ in found)
            return [jnp.asarray(value) for _, value in found]

        specs = jax.eval_shape(look, [jax.ShapeDtypeStruct(v.shape, v.dtype) for v in self.metric_variables])
        self.is_number = self.facts["is_number"] = [spec.ndim == 0 for spec in specs]
        self.log_names = names
        return names

    def log_specs(self, state: dict[str, Any], hypers: Any, key: Any, batch: Any) -> list[Any]:
        """The logs of a user's own step before the first batch; they are part of the loop's state."""
        shapes = jax.eval_shape(lambda *args: self.step(*args, None)["logs"], state, hypers, key, batch)
        self.is_number = [len(spec.shape) == 0 for spec in shapes]
        return [np.zeros(spec.shape, np.float32) for spec in shapes]

    def named_results(self) -> list[tuple[str, Any]]:
        """(name, value) of every measure, in the scope that holds their variables."""
        found: dict[str, Any] = {}
        for tracker in self.trackers:
            found[tracker.name] = tracker.result()
        found.update(self.measures.results())
        for metric in self.own_metrics:
            found.update(named_results(metric))
        return list(found.items())


def own_arrays(variables: list[Variable]) -> list[Any]:
    """The arrays of variables for a program that takes their memory over: copied where someone may hold them.

    Arrays of the host go as they are: a program copies them to the device when it is called, sooner than we could.
    """
    arrays = [v.peek() for v in variables]
    for index, variable in enumerate(variables):
        if variable.exposed and not isinstance(arrays[index], np.ndarray):
            arrays[index] = jnp.copy(arrays[index])
    return arrays
