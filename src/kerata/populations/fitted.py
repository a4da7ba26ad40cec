"""Members that `fit` trains, one after the other: what one program cannot train side by side ends as it does in a loop.

A model with a step of its own, callbacks with hooks for batches or evaluations, and measures that are no single numbers have no
place in a population. Each such member is an ordinary model; rungs, scores and weights are as for all others.
"""

import time
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy as np

from kerata.callbacks.callback import Callback, CallbackList, Callbacks, defines
from kerata.data.samples import Samples
from kerata.engine.random import global_generator_at, make_seed, seeded_wholly
from kerata.engine.structure import is_ours
from kerata.engine.types import Tree
from kerata.models.model import Model
from kerata.populations.group import DeviceData, Group, State, plan_of
from kerata.populations.initial import take_rows
from kerata.populations.member import Member, watches_batches
from kerata.populations.objective import Objective
from kerata.training.drawing import draws_in_evaluation
from kerata.training.plan import Batch
from kerata.training.prepare import prepare_built

# Hooks that `fit` must not call, because it may be called more than once for a member.
ENDS = ("on_train_begin", "on_train_end")
HOOKS = [name for name in vars(Callback) if name.startswith("on_") and name not in ENDS]


def why_alone(
    model: Model, callbacks: "Callbacks | Callable[..., Any] | None" = None, validated_on: Batch | None = None
) -> str | None:
    """Why members of a prepared model cannot be trained side by side; `None` where they can.

    Args:
        model, callbacks: as of `make_group`.
        validated_on: some samples as those of validation, if there is one.
    """
    both = [prepare_built(model, training) for training in (True, False)]
    if any(prepared.step.is_own for prepared in both):
        return "the model has a step of its own"
    if watches_batches(callbacks):
        return "callbacks have hooks for batches or evaluations, or ask for all of the model"
    if not is_ours(type(model.optimizer).finalize_variable_values):
        return "the optimizer ends training in a way of its own"
    for prepared in both:
        names, are_numbers = prepared.step.result_names(), prepared.step.is_number
        if not all(are_numbers):
            wide = [name for name, single in zip(names, are_numbers, strict=True) if not single]
            return f"measures are not single numbers: {', '.join(wide)}"
    if validated_on is not None and draws_in_evaluation(both[1], validated_on):
        return "the model draws at random in validation, from generators that go on from epoch to epoch"
    return None


def make_group(
    model: Model,
    data: DeviceData,
    held_data: DeviceData | None,
    batch_size: int,
    shuffle: bool,
    make: Callable[[], Any] | None = None,
    callbacks: "Callbacks | Callable[..., Any] | None" = None,
    validates: bool = True,
) -> Group:
    """The group of a prepared model, of the kind that its members need.

    Args:
        model, data, held_data, batch_size, shuffle, make: as of `Group`.
        callbacks: what the members will have.
        validates: whether they will be validated, on rows of the data or on others.
    """
    why = why_alone(model, callbacks, (held_data or data).first(batch_size) if validates else None)
    if why is None:
        return Group(model, data, held_data, batch_size, shuffle, make)
    held = None if held_data is None else held_data.samples
    return FittedGroup(model, data.samples, held, batch_size, shuffle, make, why)


def make_member(index: int, group: Group, *arguments: object) -> Member:
    """A member of a group, of the group's kind."""
    return (FittedMember if isinstance(group, FittedGroup) else Member)(index, group, *arguments)  # type: ignore[arg-type]


class FittedGroup(Group):
    """Members of one structure that are trained by `fit`.

    Args:
        model: a prepared model that stands for all of them.
        source: the data.
        held: samples to validate on, where they are not rows of the data.
        batch_size, shuffle, make: as of `Group`.
        why: why they are trained so.
    """

    def __init__(
        self,
        model: Model,
        source: Samples,
        held: Samples | None,
        batch_size: int,
        shuffle: bool,
        make: Callable[[], Any] | None,
        why: str,
    ):
        self._begin(model, batch_size, shuffle, make)
        self.why_alone, self.source, self.held, self.size = why, source, held, source.size
        self.notes = {"turns": True, "most": 1, "why": why}
        # Evaluation may draw from the generator of the process too.
        self.under = seeded_wholly

    @property
    def samples(self) -> Samples:
        return self.source

    def state_of(self, model: Model | None) -> State:
        """The state of a prepared model, and of the generators that evaluation draws from, the process's own as the last."""
        seeds = prepare_built(self.model if model is None else model, training=False).plan.seeds
        return {**super().state_of(model), "seeds": [v.numpy() for v in seeds]}

    def settle(self, members: list[Any]) -> None:
        """Nothing: no program is shared."""

    def size_key(self, member: Member) -> Hashable:
        return None

    @property
    def train_names(self) -> list[str]:  # type: ignore[override]
        return [] if self.plan.step.is_own else self.plan.step.result_names()

    @property
    def test_names(self) -> list[str]:  # type: ignore[override]
        return [f"val_{name}" for name in self.train_names]

    @property
    def example(self) -> Tree:
        return self.source.slice(0, min(self.batch_size, self.size)).tree

    def arguments(self, member: "FittedMember") -> dict[str, Any]:
        """What `fit` gets for a member."""
        x, y, weight = self.source.tree
        weight = weight if member.weight is None else member.weight
        found = {
            "x": take_rows(x, member.rows),
            "y": take_rows(y, member.rows),
            "batch_size": self.batch_size,
            "sample_weight": take_rows(weight, member.rows),
        }
        if self.held is not None or member.held is not None:
            tree = self.held.tree if self.held is not None else take_rows(self.source.tree, member.held)
            found["validation_data"] = tree if tree[2] is not None else tree[:2]
        return found


class FittedMember(Member):
    """One such member."""

    group: FittedGroup

    def __init__(
        self,
        index: int,
        group: FittedGroup,
        numbers: np.ndarray,
        start: Callable[[], Any],
        seed: int | None,
        rows: np.ndarray | None,
        held: np.ndarray | None,
        callbacks: list[Any],
        epochs: int,
    ):
        # It may be trained in several calls, which must go on with the same orders.
        self.seed = make_seed() if seed is None else seed
        super().__init__(index, group, numbers, start, self.seed, rows, held, callbacks, epochs)
        self.paused_weights: list[np.ndarray] | None = None
        # The state of the process's generator, as it would be if nobody else drew from it.
        self.generator = np.zeros(2, np.uint32)

    def _take_callbacks(self, callbacks: list[Any]) -> None:
        self.callbacks = CallbackList([*callbacks, self.history])

    @property
    def _made(self) -> Model:
        """Its model, which it has from the first epoch on."""
        assert self.model is not None
        return self.model

    def _begin(self) -> Model:
        """Its model, as it is before training."""
        if self.model is None:
            state = self.start()
            self.model = self.group.make_model(self.numbers, state, None)
            *seeds, self.generator = state["seeds"]
            for variable, value in zip(prepare_built(self.model, training=False).plan.seeds, seeds, strict=False):
                variable.store(value)
        self.callbacks.set_model(self.model)
        self.callbacks.set_params({"epochs": self.epochs, "steps": None, "verbose": 0})
        self.callbacks.on_train_begin()
        return self.model

    def train(
        self,
        watch: Objective | None,
        stops: frozenset[int],
        drop_bad: bool,
        is_over: Callable[[], bool],
        on_epochs: Callable[[int], None] | None,
    ) -> None:
        """Trains to the next of the epochs `stops`, or to the end."""
        began = time.perf_counter()
        model = self._begin() if self.epoch == 0 else self._made
        if self.paused_weights is not None:
            for variable, value in zip(plan_of(model).trainable, self.paused_weights, strict=True):
                variable.store(value)
            self.paused_weights = None
        follower = Follower(self, watch, stops, drop_bad, is_over, on_epochs)
        relays: list[Any] = [Relay(callback, follower) for callback in self.callbacks]
        with global_generator_at(self.generator) as generator:
            model.fit(
                **self.group.arguments(self),
                epochs=self.epochs,
                initial_epoch=self.epoch,
                shuffle=self.group.shuffle,
                seed=self.seed,
                callbacks=[*relays, follower],
                verbose=0,
            )
            self.generator = generator.numpy()
        self.done = self.done or not follower.paused
        self.seconds += time.perf_counter() - began

    def finish(self) -> None:
        self.done = True
        before = [v.peek() for v in self._made.variables]
        self.callbacks.on_train_end(dict(self.logs))
        changed = any(a is not v.peek() for a, v in zip(before, self._made.variables, strict=True))
        self.restored = changed or bool(getattr(self._made.optimizer, "use_ema", True))
        self.state = self.group.state_of(self.model)
        self._made.history = self.history

    @property
    def trouble(self) -> str | None:
        if self.fault is None and self.bad_step >= 0:
            return f"the loss became NaN or infinite in epoch {self.bad_step + 1}"
        return super().trouble

    def as_model(self, best: bool = False) -> Model:
        if best and self.best is not None:
            for role, values in self.best.items():
                for variable, value in zip(plan_of(self._made).variables[role], values, strict=True):
                    variable.store(value)
        return self._made


class Relay:
    """A callback as `fit` sees it: with the hooks that it has, but for those of the beginning and the end."""

    follows_progress = is_passive = writes_files = False

    def __init__(self, callback: Callable[..., Any], follower: "Follower"):
        self.callback, self.follower = callback, follower
        self.added_logs = getattr(callback, "added_logs", None)
        for name in HOOKS:
            if defines(callback, (name,)):
                # An older name is called by the newer one.
                name = name.replace("on_batch", "on_train_batch")
                setattr(self, name, getattr(callback, name))

    def settle(self) -> None:
        """What has to be undone before `fit` takes averages over; not where training is to go on as it stands now."""
        if not self.follower.paused and hasattr(self.callback, "settle"):
            self.callback.settle()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Nothing, where the callback has no such hook."""

    def set_model(self, model: object) -> None:
        """Nothing: it was told before the first epoch."""

    def set_params(self, params: Mapping[str, Any]) -> None:
        """Nothing, as `set_model`."""


class Follower(Callback):
    """Tells a member of its epochs, after all other callbacks, and ends `fit` where the member pauses or is not needed."""

    def __init__(
        self,
        member: FittedMember,
        watch: Objective | None,
        stops: frozenset[int],
        drop_bad: bool,
        is_over: Callable[[], bool],
        on_epochs: Callable[[int], None] | None,
    ):
        super().__init__()
        self.member, self.watch, self.stops, self.drop_bad = member, watch, stops, drop_bad
        self.is_over, self.on_epochs, self.paused = is_over, on_epochs, False

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        member, model = self.member, self.model
        member.epoch, member.logs = epoch + 1, dict(logs or {})
        if member.bad_step < 0 and not np.all(np.isfinite(member.logs.get("loss", 0.0))):
            member.bad_step = epoch
        if self.watch is not None and member.note_best(self.watch):
            variables = plan_of(model).variables
            member.best = {role: [v.numpy() for v in variables[role]] for role in ("trainable", "others")}
        if self.on_epochs is not None:
            self.on_epochs(1)
        member.done = model.stop_training or member.epoch >= member.epochs
        ended = member.cancelled or self.is_over() or (self.drop_bad and member.bad_step >= 0)
        self.paused = not member.done and not ended and member.epoch in self.stops
        if self.paused and getattr(model.optimizer, "use_ema", True):
            # At its end, `fit` takes the averages over.
            member.paused_weights = [v.numpy() for v in plan_of(model).trainable]
        if ended or self.paused:
            model.stop_training = True
