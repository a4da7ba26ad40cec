"""Steps: what a program repeats, built in or a user's own."""

# JAX says nothing of the leaves of trees. The attributes of models that begin with an underscore are this room's.
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportPrivateUsage=false

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kerata.base.checks import describe_owner, message
from kerata.data.samples import Uneven, Whole, wrong_lengths
from kerata.engine.mistakes import Blame
from kerata.engine.scope import Scope
from kerata.engine.structure import structure_of
from kerata.engine.types import AnyArray, Array, HyperTable, Tree
from kerata.engine.variable import Variable
from kerata.kernels.compiler import after, prefers_fast_form
from kerata.kernels.random import fold
from kerata.metrics.metric import named_results
from kerata.training.findings import StepFindings
from kerata.training.plan import Batch, Constants, Plan, Step
from kerata.training.probes import derive, knowing
from kerata.training.step_methods import (
    count_samples,
    flatten_logs,
    has_own_step,
    note_facts,
    note_wide,
    overrides,
    pack_x_y_sample_weight,
    read_facts,
    refuse_own_function,
    takes_training,
    warn_of_inference,
)
from kerata.training.trained import TrainedModel

# Numbers of a weight with a penalty, from which on a copy of it in each step is worth avoiding.
LARGE = 2**10
# Among the losses of outputs, what is told as the loss where that is not the number that training lowers.
TOLD = ""


def make_plan(
    model: TrainedModel, training: bool, findings: StepFindings | None = None, trainable: list[Variable] | None = None
) -> Plan:
    """The plan of a model with the step that it needs.

    Args:
        model, training, findings, trainable: as of `Plan`.
    """
    refuse_own_function(model, "train" if training else "test")
    if training:
        warn_of_inference(model)
    own = has_own_step(model, training)
    plan = Plan(model, training, own, findings, trainable)
    plan.step = (OwnStep if own else BuiltInStep)(plan)
    return plan


class BuiltInStep(Step):
    """What `train_step` or `test_step` of `StepMethods` does, with rows left out that only fill a batch up."""

    @property
    def needs_whole_batches(self) -> bool:
        # A loss of a user's own is not told which rows are there.
        return overrides(self.model, "compute_loss")

    def __call__(
        self, state: dict[str, Any], hypers: Constants, key: AnyArray, batch: Batch, valid: Array | None
    ) -> dict[str, Any]:
        if isinstance(batch[0], Uneven):
            x, y, weight = Uneven.opened(batch)
            raise wrong_lengths({"x": x, "y": y, "sample_weight": weight})
        batch = (Whole.inputs(batch[0]), *batch[1:])
        if isinstance(hypers, tuple):
            return self._test(state, hypers, key, batch, valid)
        return self._train(state, hypers, key, batch, valid)

    def _train(self, state: dict[str, Any], hypers: Array, key: AnyArray, batch: Batch, valid: Array | None) -> dict[str, Any]:
        """Gradients, update, measures."""
        x, y, weight = batch
        step, bad = state["counters"]
        table = self.plan.hypers.table(hypers)
        key = fold(key, step)
        kinds: list[Any] = []

        def objective(trainable: list[Any]) -> tuple[Array, Any]:
            total, (y_pred, (facts, kinds[:]), *rest) = self._forward(trainable, state, hypers, key, batch, valid)
            # The present scale is one of the optimizer's variables.
            with Scope(self.plan.slots, state["slots"], table):
                scaled = self.plan.optimizer.scale_loss(total)
            return scaled, (total, y_pred, facts, *rest)

        def with_slots() -> Scope:
            return Scope(self.plan.slots, state["slots"], table)

        with Scope((), (), table) if self.plan.probed else contextlib.nullcontext():
            aux, grads, asked = derive(self.plan.optimizer, self.plan.probed, objective, state["trainable"], with_slots)
        loss, y_pred, facts, parts, others, metrics, given = aux
        update = self._update_as_program if isinstance(hypers, list) else self._update
        trainable = [given.get(place, weight) for place, weight in enumerate(state["trainable"])]
        trainable, slots = update(trainable, grads, asked, state["slots"], loss, hypers, key)
        held = [*trainable, *others, *slots]
        metrics = self._measure(metrics, held, table, x, y, y_pred, (facts, kinds), weight, valid, loss, parts)
        bad = jnp.where((bad < 0) & ~jnp.isfinite(loss), step, bad)
        return {
            "trainable": trainable,
            "others": others,
            "slots": slots,
            "metrics": metrics,
            "counters": jnp.stack([step + 1, bad]),
        }

    def _update(
        self,
        trainable: list[Any],
        grads: list[Any],
        asked: dict[int, Any],
        slots: list[Any],
        loss: Array,
        hypers: Array,
        key: AnyArray,
    ) -> tuple[list[Any], list[Any]]:
        """New weights, and what the optimizer keeps."""
        with Scope((), (), self.plan.hypers.table(hypers), key), knowing(asked):
            weights = self._once_read(trainable, loss)
            with Blame(describe_owner(self.plan.optimizer)):
                return self.plan.optimizer.update(self.plan.trainable, weights, grads, slots)

    @functools.cached_property
    def _update_as_program(self) -> Callable[..., tuple[list[Any], list[Any]]]:
        """`_update` for steps that run as Python: a program of its own, where the optimizer is built in."""
        return self._update if structure_of(self.plan.optimizer) is None else jax.jit(self._update)

    def _forward(
        self, trainable: list[Any], state: dict[str, Any], hypers: Array, key: AnyArray, batch: Batch, valid: Array | None
    ) -> tuple[Array, Any]:
        """The loss of a batch, and (predictions, facts on them, losses by output, states of layers, measures, weights given).

        The latter are those that stay what the model gave them, by their place.
        """
        x, y, weight = batch
        table = self.plan.hypers.table(hypers)
        variables = [*self.plan.trainable, *self.plan.others, *self.plan.slots, *self.plan.metric_variables]
        values = [*trainable, *state["others"], *state["slots"], *state["metrics"]]
        scope = Scope(variables, values, table, key, valid)
        with scope:
            note_wide(self.model, x, y, weight)
            y_pred = self.model(x, training=True) if takes_training(self.model) else self.model(x)
            total, parts = self._loss(scope, x, y, y_pred, weight, valid)
            facts = read_facts(y_pred)
        given = {place: scope.values[id(v)] for place, v in enumerate(self.plan.trainable) if id(v) in scope.staying}
        return total, (y_pred, facts, parts, scope.read(self.plan.others), scope.read(self.plan.metric_variables), given)

    def look(self, state: dict[str, Any], hypers: Constants, key: AnyArray, batch: Batch, valid: Array | None) -> Tree:
        """All that a step takes from a batch, before weights change: the loss, the states of layers, the measures."""
        if isinstance(hypers, tuple):
            return self._test(state, hypers, key, batch, valid)
        x, y, weight = batch
        table = self.plan.hypers.table(hypers)
        loss, (y_pred, facts, parts, others, metrics, _) = self._forward(state["trainable"], state, hypers, key, batch, valid)
        held = [*state["trainable"], *others, *state["slots"]]
        return loss, others, self._measure(metrics, held, table, x, y, y_pred, facts, weight, valid, loss, parts)

    def _once_read(self, weights: list[Any], loss: Array) -> list[Any]:
        """The weights, of which those with a penalty change after the loss is there: XLA for CPU would copy them otherwise."""
        if not prefers_fast_form():
            return weights
        return [
            after(w, loss) if v.regularizer is not None and w.size >= LARGE else w
            for v, w in zip(self.plan.trainable, weights, strict=True)
        ]

    def _test(
        self, state: dict[str, Any], constants: tuple[list[Array], Array], key: AnyArray, batch: Batch, valid: Array | None
    ) -> dict[str, Any]:
        trainable, hypers = constants
        x, y, weight = batch
        table = self.plan.hypers.table(hypers)
        loss, (y_pred, facts, parts, others, metrics, seeds) = self._look(trainable, state, hypers, key, batch, valid)
        held = [*trainable, *others]
        metrics = self._measure(metrics, held, table, x, y, y_pred, facts, weight, valid, loss, parts)
        kept = {"seeds": seeds} if state.get("seeds") else {}
        return {"others": others, "metrics": metrics, **kept}

    def _look(
        self, trainable: list[Any], state: dict[str, Any], hypers: Array, key: AnyArray, batch: Batch, valid: Array | None
    ) -> tuple[Array, Any]:
        """What `_forward` gives, of a model that is not trained, and the states of generators."""
        x, y, weight = batch
        table = self.plan.hypers.table(hypers)
        variables = [*self.plan.trainable, *self.plan.others, *self.plan.metric_variables]
        values = [*trainable, *state["others"], *state["metrics"]]
        seeds = state.get("seeds") or []
        if seeds:
            scope = Scope([*variables, *self.plan.seeds], [*values, *seeds], table, valid=valid)
        else:
            scope = Scope(variables, values, table, key, valid)
        with scope:
            note_wide(self.model, x, y, weight)
            y_pred = self.model(x, training=False)
            loss, parts = self._loss(scope, x, y, y_pred, weight, valid)
            facts = read_facts(y_pred)
        kept = scope.read(self.plan.seeds) if seeds else []
        others, metrics = scope.read(self.plan.others), scope.read(self.plan.metric_variables)
        return loss, (y_pred, facts, parts, others, metrics, kept)

    def _loss(
        self, scope: Scope, x: Tree, y: Tree, y_pred: Tree, weight: Tree, valid: Array | None
    ) -> tuple[Any, dict[str, Any]]:
        if overrides(self.model, "compute_loss"):
            total = self.model._compute_loss(x, y, y_pred, weight, training=self.plan.training)
            return total, {TOLD: self.model.__told_loss__(total)}
        total, parts = self.plan.objective(y, y_pred, weight, valid)
        added = [*scope.losses, *self.model._regularization_losses()]
        if self.plan.training and not added and not self.plan.objective.terms:
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

    def _measure(
        self,
        metrics: list[Any],
        held: list[Any],
        table: HyperTable,
        x: Tree,
        y: Tree,
        y_pred: Tree,
        facts: tuple[list[Any], list[Any]],
        weight: Tree,
        valid: Array | None,
        loss: Array,
        parts: dict[str, Array],
    ) -> list[Any]:
        """The measures after one more batch; losses count with the number of samples. A person's own may read weights."""
        variables = [*self.plan.metric_variables, *self.plan.trainable, *self.plan.others, *self.plan.slots]
        scope = Scope(variables, [*metrics, *held], table)
        with scope:
            note_facts(y_pred, *facts)
            samples = jnp.sum(valid) if valid is not None else jnp.float32(count_samples(y_pred, x))
            samples = self.model.__weigh__(samples)
            for tracker in self.plan.trackers:
                name = tracker.name
                value = parts.get(TOLD, loss) if name == "loss" else parts.get(name.removesuffix("_loss"))
                if value is not None:
                    tracker.update_state(jax.lax.stop_gradient(value), sample_weight=samples)
            if y is not None:
                self.plan.measures.update(y, y_pred, weight, valid)
        return scope.read(self.plan.metric_variables)

    # Measures

    def values(self, state: dict[str, Any]) -> list[Any]:
        with Scope(self.plan.metric_variables, state["metrics"]):
            return [value for _, value in self._named_results()]

    def result_names(self) -> list[str]:
        if self.names:
            return self.names
        plan = self.plan
        if plan.findings.is_number is not None and not plan.own_metrics:
            self.is_number = plan.findings.is_number
            self.names = list(dict.fromkeys([*[t.name for t in plan.trackers], *plan.measures.names]))
            return self.names
        names: list[str] = []

        def look(values: list[Any]) -> list[Any]:
            with Scope(plan.metric_variables, values):
                found = self._named_results()
            names.extend(name for name, _ in found)
            return [jnp.asarray(value) for _, value in found]

        specs = jax.eval_shape(look, [jax.ShapeDtypeStruct(v.shape, v.dtype) for v in plan.metric_variables])
        self.is_number = plan.findings.is_number = [spec.ndim == 0 for spec in specs]
        self.names = names
        return names

    def _named_results(self) -> list[tuple[str, Any]]:
        """(name, value) of every measure, in the scope that holds their variables."""
        found: dict[str, Any] = {}
        for tracker in self.plan.trackers:
            found[tracker.name] = tracker.result()
        found.update(self.plan.measures.results())
        for metric in self.plan.own_metrics:
            found.update(named_results(metric))
        return list(found.items())


class OwnStep(Step):
    """The model's own `train_step(state, data)` or `test_step(state, data)`, in the form of Keras 3 on JAX."""

    is_own = True

    @property
    def needs_whole_batches(self) -> bool:
        return True

    def __call__(
        self, state: dict[str, Any], hypers: Constants, key: AnyArray, batch: Batch, valid: Array | None
    ) -> dict[str, Any]:
        return self._test(state, hypers, key, batch) if isinstance(hypers, tuple) else self._train(state, hypers, key, batch)

    def _train(self, state: dict[str, Any], hypers: Array, key: AnyArray, batch: Batch) -> dict[str, Any]:
        step, bad = state["counters"]
        roles = ("trainable", "others", "slots", "metrics")
        variables = [v for role in roles for v in self.plan.variables[role]]
        scope = Scope(variables, [a for role in roles for a in state[role]], self.plan.hypers.table(hypers), fold(key, step))
        with scope:
            lists = (state["trainable"], state["others"], self._with_rate(state["slots"]), state["metrics"])
            data = pack_x_y_sample_weight(*Uneven.opened(batch))
            with Blame(f"train_step() of {describe_owner(self.model)}", data=data):
                logs, (trainable, others, slots, metrics) = self.model.train_step(lists, data)
            values = self._note_logs(logs)
        slots = [s for s, v in zip(slots, self.plan.optimizer.variables, strict=True) if isinstance(v, Variable)]
        after = dict(zip(roles, (trainable, others, slots, metrics), strict=True))
        loss: AnyArray = values.get("loss", jnp.float32(0))
        bad = jnp.where((bad < 0) & ~jnp.all(jnp.isfinite(loss)), step, bad)
        after = {role: self._changed(scope, role, state[role], after[role]) for role in roles}
        return {**after, "logs": list(values.values()), "counters": jnp.stack([step + 1, bad])}

    def _test(self, state: dict[str, Any], constants: tuple[list[Array], Array], key: AnyArray, batch: Batch) -> dict[str, Any]:
        trainable, hypers = constants
        seeds = state["seeds"]
        variables = [*self.plan.trainable, *self.plan.others, *self.plan.metric_variables, *self.plan.seeds]
        values = [*trainable, *state["others"], *state["metrics"], *seeds]
        scope = Scope(variables, values, self.plan.hypers.table(hypers))
        with scope:
            lists = (trainable, state["others"], state["metrics"])
            data = pack_x_y_sample_weight(*Uneven.opened(batch))
            with Blame(f"test_step() of {describe_owner(self.model)}", data=data):
                logs, (_, others, metrics) = self.model.test_step(lists, data)
            values = self._note_logs(logs)
        after = {
            "others": self._changed(scope, "others", state["others"], others),
            "metrics": self._changed(scope, "metrics", state["metrics"], metrics),
        }
        return {**after, "logs": list(values.values()), "seeds": scope.read(self.plan.seeds)}

    def _note_logs(self, logs: Tree) -> dict[str, Any]:
        """The values of a step's logs by name; the names are the same in every trace."""
        values = flatten_logs(self.model, logs)
        self.names = list(values)
        return values

    def _changed(self, scope: Scope, role: str, before: list[Any], after: list[Array]) -> list[Any]:
        """What a step gave for the variables of a role; where it gave back what it got, what it assigned to them."""
        if len(before) != len(after):
            raise ValueError(
                message(
                    self.model,
                    f"a step must give back all {len(before)} values of the {role} variables",
                    {"values": len(after)},
                )
            )
        assigned = scope.read(self.plan.variables[role])
        return [now if new is old else new for old, new, now in zip(before, after, assigned, strict=True)]

    def _with_rate(self, slots: list[Any]) -> list[Any]:
        """The optimizer's variables as Keras lists them, the learning rate among them."""
        rest = iter(slots)
        return [
            next(rest) if isinstance(v, Variable) else jnp.asarray(self.plan.optimizer.learning_rate, jnp.float32)
            for v in self.plan.optimizer.variables
        ]

    # Measures

    def extra_state(self, state: dict[str, Any], hypers: Constants, key: AnyArray, shapes: Callable[[], Any]) -> dict[str, Any]:
        """The logs before the first batch; they are part of the loop's state."""
        logs = jax.eval_shape(lambda s, h, k, batch: self(s, h, k, batch, None)["logs"], state, hypers, key, shapes())
        self.is_number = [len(spec.shape) == 0 for spec in logs]
        return {"logs": [np.zeros(spec.shape, np.float32) for spec in logs]}

    def values(self, state: dict[str, Any]) -> list[Any]:
        """The last logs; the measures of the whole epoch where those have the same names, as in Keras."""
        with Scope(self.plan.metric_variables, state["metrics"]):
            found = flatten_logs(self.model, self.model.get_metrics_result())
        return [found[name] for name in self.names] if set(found) == set(self.names) else state["logs"]

    def result_names(self) -> list[str]:
        """The names that the step gave to its logs; none before it has run."""
        return self.names
