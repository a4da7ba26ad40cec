"""The runner: trains batches of trials, every fold of every trial a member of one population."""

import functools
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kerata.base.checks import did_you_mean, message
from kerata.callbacks.callback import Callbacks
from kerata.data.samples import ClassWeight, Samples
from kerata.models.model import Model
from kerata.populations.adapting import adapt_layers
from kerata.populations.asking import says
from kerata.populations.buckets import Buckets
from kerata.populations.fitted import make_group, make_member
from kerata.populations.group import Group, plan_of, structure_key
from kerata.populations.initial import InitialState, take_rows, was_trained
from kerata.populations.inputs import Inputs
from kerata.populations.member import Member, copies_of, watches_batches
from kerata.populations.objective import Objective
from kerata.populations.population import weigh_members
from kerata.populations.scheduler import Scheduler
from kerata.search.curves import why_no_value
from kerata.search.front import PARAMETERS
from kerata.search.pruners import Prunes
from kerata.search.records import COMPLETE, FAILED, PRUNED
from kerata.training.compilation import compilation_of
from kerata.training.prepare import build_for

# Structures whose first model is remembered between two batches of trials.
KEPT_GROUPS = 32


@dataclass
class Job:
    """A trial that is to be trained.

    Attributes:
        number: of the trial.
        model: a compiled model.
        params: the values that it was built with.
        make: builds another such model; `None` where copies will do.
        fit: how it is fitted, where that is not as for all: `batch_size`, `epochs`, `shuffle`, `class_weight`, `callbacks`.
    """

    number: int
    model: Model
    params: dict[str, Any] = field(default_factory=dict)
    make: Callable[[], Model] | None = None
    fit: dict[str, Any] = field(default_factory=dict)


@dataclass
class Outcome:
    """What became of a trial.

    Attributes:
        number: of the trial.
        state: "complete", "pruned" or "failed".
        scores: the best value of the objective in each fold; the last of the first one where there are several.
        histories: the curves of each fold.
        epochs: the number of epochs of each fold.
        best_epochs: the epoch, counted from 1, of each fold's score.
        seconds: its share of the time.
        error: why it failed.
        members: the folds as they were trained; without weights once `on_outcome` has returned.
        values: where there are several objectives, the mean over the folds of each, after the last epoch.
        parameters: how many numbers the model's weights have.
    """

    number: int
    state: str
    scores: list[float]
    histories: list[dict[str, list[float]]]
    epochs: list[int]
    best_epochs: list[int]
    seconds: float
    error: str | None
    members: list[Member]
    values: list[float] = field(default_factory=list)
    parameters: int = 0

    def models(self) -> list[Model]:
        """The trained model of each fold, with the weights of its best epoch."""
        found = []
        for member in self.members:
            if member.state is None:
                raise RuntimeError(
                    message(
                        "Outcome.models", "the weights of this trial are gone", fix="Take them in on_outcome, before it returns"
                    )
                )
            found.append(member.as_model(best=True))
        return found


class Runner:
    """Trains trials on the same data.

    Args:
        samples: the data.
        folds: (training rows, held rows) of each fold; `None` for one run on everything.
        validation: samples to validate on, where there are no folds.
        objective: the measure by which trials are judged, at its best epoch; of several, all are judged after the last.
        epochs, batch_size, shuffle: as in `fit`.
        seed: fold i of every trial begins with the weights, and sees the order, of seed + i: trials differ by what is tried.
        callbacks: as in `fit_many`.
        class_weight: as in `fit`.
        turns: as in `fit_many`.
    """

    def __init__(
        self,
        samples: Samples,
        *,
        folds: list[tuple[np.ndarray, np.ndarray]] | None = None,
        validation: Samples | None = None,
        objective: Objective | list[Objective] | None = None,
        epochs: int = 1,
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int = 0,
        callbacks: Callbacks | Callable[..., Any] | None = None,
        class_weight: ClassWeight | None = None,
        turns: bool | None = None,
    ):
        self.samples, self.validation = samples, validation
        self.objectives = objective if isinstance(objective, list) else [objective] if objective is not None else []
        self.objective = self.objectives[0] if len(self.objectives) == 1 else None
        self.folds: list[Any] = [(as_rows(a), as_rows(b)) for a, b in folds] if folds is not None else [(None, None)]
        self.seed, self.turns = seed, turns
        # How many numbers the weights of each trial's model have; its group's may be wider.
        self.sizes: dict[int, int] = {}
        # How trials are fitted that say nothing else.
        self.fit = {"epochs": epochs, "batch_size": batch_size, "shuffle": shuffle}
        self.fit |= {"callbacks": callbacks, "class_weight": class_weight}
        self.inputs = Inputs(samples, validation)
        self.groups: OrderedDict[Any, Group] = OrderedDict()
        self.prepared = False
        self.buckets = Buckets()

    # Before training

    def check(self, model: Model, make: Callable[[], Model] | None = None, fit: dict[str, Any] | None = None) -> Group:
        """Refuses what cannot be trained, before anything is; returns the group of a model.

        Args:
            model, make, fit: as of `Job`.
        """
        if not isinstance(model, Model):
            fix = "Return the model from build(hp)"
            raise TypeError(message("search", "a compiled model is needed", {"model": model}, fix))
        compilation_of(model, "search")
        group = self._group(model, make, {**self.fit, **(fit or {})})
        callbacks = (fit or {}).get("callbacks", self.fit["callbacks"])
        for objective in self.objectives:
            known = [*group.train_names, *(group.test_names if self.validates else [])]
            known += [PARAMETERS] if len(self.objectives) > 1 else []
            # What a step of a user's own measures is known only when it has run; callbacks may enter what they compute.
            if objective.name not in known and not group.plan.step.is_own and not entered(callbacks, objective.name):
                fix = did_you_mean(objective.name, known)
                if objective.name in group.test_names:
                    fix = "There is no validation: give validation_data, validation_split or cv"
                raise ValueError(
                    message("search", "the objective is not among the model's measures", {"objective": objective.name}, fix)
                )
        return group

    @property
    def validates(self) -> bool:
        return self.validation is not None or any(held is not None for _, held in self.folds)

    def _group(self, model: Model, make: Callable[[], Model] | None, fit: dict[str, Any]) -> Group:
        size, callbacks = fit["batch_size"], fit["callbacks"]
        data, held = self.inputs.of(model)
        build_for(model, data.first(size), "fit", None if self.prepared else data.samples)
        if not self.prepared and held is not None:
            build_for(model, held.first(size), "evaluate", held.samples)
        self.prepared = True
        adapt_layers(model, data.samples.x)
        key = (id(data.samples), structure_key(model), size, fit["shuffle"], watches_batches(callbacks))
        group = self.groups.get(key)
        if group is None:
            group = make_group(model, data, held, size, fit["shuffle"], make, callbacks, self.validates)
            self.groups[key] = group
            while len(self.groups) > KEPT_GROUPS:
                self.groups.popitem(last=False)
        self.groups.move_to_end(key)
        return group

    # Training

    def run(
        self,
        jobs: list[Job],
        pruner: Prunes | None = None,
        on_outcome: Callable[[Outcome], None] | None = None,
        on_event: Callable[[dict[str, Any]], None] | None = None,
    ) -> list[Outcome]:
        """Trains all jobs side by side.

        Args:
            jobs: the trials.
            pruner: cuts trials short.
            on_outcome: called with each trial as soon as it has ended, in this thread; afterwards its weights are dropped.
            on_event: told what goes on, from several threads.
        """
        tell = on_event or (lambda event: None)
        members = {job.number: self._members(job) for job in jobs}
        every = [member for folds in members.values() for member in folds]
        if not self.turns:
            self.buckets.arrange(every)
        numbers = {id(member): number for number, folds in members.items() for member in folds}
        outcomes: dict[int, Outcome] = {}
        # A member is done with its last epoch, but has its weights only once it has come here.
        ended: set[int] = set()
        pruning = TrialPruning(pruner, members, numbers, self.objective, tell)
        # Trials of which a member met what is not finite in a bucket: they are trained again, in programs of their own.
        again: set[int] = set()
        began = time.perf_counter()
        tell({"kind": "running", "trials": list(members), "members": len(every)})

        def on_epochs(count: int) -> None:
            tell(
                {
                    "kind": "epochs",
                    "done": sum(member.epoch for member in every),
                    "all": sum(member.epochs for member in every),
                    "seconds": time.perf_counter() - began,
                }
            )

        def on_done(member: Member) -> None:
            number = numbers[id(member)]
            folds = members[number]
            ended.add(id(member))
            if member.is_doubtful:
                again.add(number)
            if member.trouble is not None or number in again:
                for other in folds:
                    other.cancelled = True
            if number in again or not all(id(fold) in ended for fold in folds):
                return
            outcomes[number] = self._outcome(number, folds, number in pruning.cut)
            if on_outcome is not None:
                on_outcome(outcomes[number])
                for fold in folds:
                    fold.drop()

        stops = frozenset(pruner.rungs if pruner is not None else ())
        common: dict[str, Any] = {"drop_bad": True, "watch": self.objective, "guarded": True}
        Scheduler(every, self.turns, stops, pruning.arrive, pruning.flush, on_done, on_epochs, **common).run()
        if again:
            members |= {job.number: self._members(job) for job in jobs if job.number in again}
            every[:] = [member for folds in members.values() for member in folds]
            numbers |= {id(member): number for number, folds in members.items() for member in folds}
            retrained = [member for member in every if numbers[id(member)] in again]
            again.clear()
            Scheduler(retrained, self.turns, on_done=on_done, on_epochs=on_epochs, **common).run()
        return [outcomes[job.number] for job in jobs]

    def _members(self, job: Job) -> list[Member]:
        group = self.check(job.model, job.make, job.fit)
        plan, fit = plan_of(job.model), {**self.fit, **job.fit}
        self.sizes[job.number] = job.model.count_params()
        numbers = plan.hypers.vector()
        begin = InitialState(group, job.model, group.samples.x, trained=was_trained(job.model))
        found = []
        for index, (rows, held) in enumerate(self.folds):
            seed = self.seed + index
            start = functools.partial(begin.state, seed, rows)
            calls = copies_of(fit["callbacks"], index)
            found.append(make_member(index, group, numbers.copy(), start, seed, rows, held, calls, fit["epochs"]))
        weigh_members(found, self.samples, fit["class_weight"])
        return found

    def _outcome(self, number: int, folds: list[Member], was_cut: bool) -> Outcome:
        bad = [(index, member.trouble) for index, member in enumerate(folds) if member.trouble is not None]
        state, error = COMPLETE, None
        if bad:
            index, trouble = bad[0]
            where = f" in fold {index + 1}" if len(folds) > 1 else ""
            state, error = FAILED, f"{trouble}{where}"
        elif self.objective is not None and any(not member.best_epoch for member in folds):
            state, error = FAILED, why_no_value(self.objective, [m.history.history for m in folds if not m.best_epoch])
        elif was_cut:
            state = PRUNED
            error = f"cut after epoch {max(member.epoch for member in folds)}"
        outcome = Outcome(
            number,
            state,
            [m.best_value for m in folds] if state != FAILED else [],
            [m.history.history for m in folds],
            [m.epoch for m in folds],
            [m.best_epoch for m in folds],
            sum(m.seconds for m in folds),
            error,
            folds,
            parameters=self.sizes[number],
        )
        if len(self.objectives) > 1:
            self._judge_by_several(outcome)
        return outcome

    def _judge_by_several(self, outcome: Outcome) -> None:
        """Gives a trial its values in several objectives: all of one moment, the end of the training."""
        outcome.best_epochs = list(outcome.epochs)
        if outcome.state == FAILED:
            return
        own = {PARAMETERS: self.sizes[outcome.number]}
        ends = [self._last_measures(member) | own for member in outcome.members]
        each = [[float(logs.get(one.name, float("nan"))) for logs in ends] for one in self.objectives]
        outcome.scores, outcome.values = each[0], [float(np.mean(folds)) for folds in each]
        bad = [one.name for one, value in zip(self.objectives, outcome.values, strict=True) if not np.isfinite(value)]
        if bad:
            outcome.state, outcome.error, outcome.scores = FAILED, f"{bad[0]} is not a finite number", []

    def _last_measures(self, member: Member) -> dict[str, Any]:
        """The measures of a fold with the weights that its training ended with."""
        found = dict(member.logs)
        if not member.restored or not self.validates:
            return found
        # Other weights than those of the last epoch: averages, or what a callback has put back.
        tree = self.validation.tree if self.validation is not None else take_rows(self.samples.tree, member.held)
        given = {"sample_weight": tree[2], "batch_size": member.group.batch_size}
        logs = member.as_model().evaluate(*tree[:2], **given, verbose=0, return_dict=True)
        return found | {f"val_{name}": value for name, value in logs.items()}


def entered(callbacks: Callbacks | Callable[..., Any] | None, name: str) -> bool:
    """Whether some callbacks may enter a measure into the logs."""
    return any(says(each, name) for each in copies_of(callbacks, 0))


class TrialPruning:
    """Brings trials before a pruner once all of their folds have reached a rung."""

    def __init__(
        self,
        pruner: Prunes | None,
        members: dict[int, list[Member]],
        numbers: dict[int, int],
        objective: Objective | None,
        tell: Callable[[dict[str, Any]], None],
    ):
        self.pruner, self.members, self.numbers, self.objective, self.tell = pruner, members, numbers, objective, tell
        self.waiting: dict[int, list[Member]] = {}
        self.asked: set[tuple[int, int]] = set()
        self.cut: set[int] = set()

    def arrive(self, member: Member) -> list[tuple[Member, bool]]:
        """Verdicts that are known now that a member has reached a rung."""
        number = self.numbers[id(member)]
        rung = member.epoch
        self.waiting.setdefault(number, []).append(member)
        folds = self.members[number]
        if any(fold.cancelled for fold in folds):
            return [(fold, False) for fold in self.waiting.pop(number)]
        # A fold that has run the epoch may still be on its way here, from another thread: the verdict is for those that wait.
        here = {id(fold) for fold in self.waiting[number]}
        if any(id(fold) not in here and not fold.done for fold in folds) or (number, rung) in self.asked:
            return []
        self.asked.add((number, rung))
        value = float(np.mean([fold.best_value for fold in folds]))
        assert self.pruner is not None
        return self._spread(self.pruner.arrive(number, rung, value), rung)

    def flush(self) -> list[tuple[Member, bool]]:
        """Verdicts for all that wait, once nobody else can come."""
        assert self.pruner is not None
        verdicts = self._spread(self.pruner.flush(), None)
        told = {id(member) for member, _ in verdicts}
        left = [member for members in self.waiting.values() for member in members if id(member) not in told]
        self.waiting.clear()
        return verdicts + [(member, not member.cancelled) for member in left]

    def _spread(self, verdicts: list[tuple[int, bool]], rung: int | None) -> list[tuple[Member, bool]]:
        found = []
        for number, goes_on in verdicts:
            if not goes_on:
                self.cut.add(number)
            self.tell({"kind": "rung", "number": number, "rung": rung, "goes_on": goes_on})
            found += [(member, goes_on) for member in self.waiting.pop(number, [])]
        return found


def as_rows(rows: object) -> np.ndarray:
    """Numbers of samples, int32."""
    rows = np.asarray(rows)
    return (np.flatnonzero(rows) if rows.dtype == bool else rows).astype(np.int32)
