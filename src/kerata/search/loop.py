"""The loop of a search: trials are claimed, built, trained and written, until there are enough."""

import math
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

import numpy as np

from kerata.base.checks import check_positive_int, did_you_mean, message
from kerata.base.interrupts import hand_on
from kerata.base.types import PathLike
from kerata.callbacks.callback import Verbose
from kerata.data.samples import Samples
from kerata.models.model import Model
from kerata.populations.objective import Objective
from kerata.search.best import note_fit
from kerata.search.building import Builder
from kerata.search.constraints import Constraints, check_constraints, judge
from kerata.search.curves import mean_curve
from kerata.search.descriptions import describe, shorten
from kerata.search.domain import Domain
from kerata.search.fingerprint import describe_training, warn_of_builder
from kerata.search.front import settle_directions
from kerata.search.progress import Progress
from kerata.search.pruners import Prunes, make_pruner
from kerata.search.records import COMPLETE, FAILED, PRUNED
from kerata.search.runner import Job, Outcome, Runner
from kerata.search.samplers import GridSampler, make_sampler
from kerata.search.space import Defaults, HyperParameters, Infeasible, Recorded, Source
from kerata.search.storage import Database, Row
from kerata.search.study import Study, file_name, make_model_files
from kerata.search.tried import Tried, Untried
from kerata.search.writer import Writer

# How long to wait between looks at trials that other processes still train.
WAIT_SECONDS = 0.25
# The model of a trial, what its builder asked for, and the error that it ended with.
Built: TypeAlias = tuple[Any, HyperParameters, BaseException | None]
INFEASIBLE = "infeasible"
# A builder is given up when more than half of its models could not be built, from so many on.
FEWEST_BUILT = 4


class Search:
    """One process at work on a study.

    Args:
        build: the builder.
        runner: trains batches of trials.
        objective: what the study is after, one or several; directions are filled in where they are empty.
        card: what the study is, for the storage.
        trials, sampler, pruner, batch, storage, name, folder, keep, verbose: as in `run`.
        data: the samples, for `study.best.refit`.
        fit: how trials are trained: `class_weight`, `callbacks`, `shuffle`.
        timeout, start, constraints: as in `run`.
    """

    def __init__(
        self,
        build: Callable[[HyperParameters], Any],
        runner: Runner,
        objective: Objective | list[Objective],
        card: dict[str, Any],
        *,
        trials: int | None,
        sampler: object = "tpe",
        pruner: object = None,
        batch: int | None = None,
        storage: PathLike | None = None,
        name: str | None = None,
        folder: PathLike | None = None,
        keep: int = 1,
        verbose: Verbose = 0,
        data: Samples | None = None,
        fit: dict[str, Any] | None = None,
        timeout: float | None = None,
        start: Sequence[dict[str, Any]] = (),
        constraints: Constraints | None = None,
    ):
        self.fit, self.timeout, self.start = fit or {}, timeout, list(start)
        self.constraints = check_constraints(constraints)
        if self.start and (sampler == "grid" or isinstance(sampler, GridSampler)):
            raise ValueError(message("search", "a grid has its own order", {"start": self.start}, "Take another sampler"))
        self.objectives = objective if isinstance(objective, list) else [objective]
        self.builder = Builder(build)
        self.build, self.runner, self.objective, self.card = build, runner, self.objectives[0], dict(card)
        self.total = check_positive_int("search", "trials", trials, optional=True)
        if self.total is None and sampler != "grid" and not isinstance(sampler, GridSampler):
            raise ValueError(message("search", "the number of trials is needed", {"trials": trials}, "Give trials=100"))
        self.batch = check_positive_int("search", "batch", batch, optional=True)
        self.keep = check_positive_int("search", "keep", keep, minimum=0)
        self.verbose, self.data, self.sampler_given = verbose, data, sampler
        self.pruner = make_pruner(pruner)
        names = [one.name for one in self.objectives]
        if self.pruner is not None and len(names) > 1:
            fix = "Leave out the pruner, or take one objective"
            raise ValueError(message("search", "a pruner compares trials by one objective", {"objective": names}, fix))
        if not all(isinstance(one, str) for one in names) or not isinstance(name, (str, type(None))):
            given = {"objective": names, "name": name}
            raise TypeError(message("search", "`objective` and `name` must be text", given))
        self.name = name or name_after(build)
        self.where = f"{file_name(self.name)}.db" if storage == "auto" else storage
        self.folder = folder
        self.domains: dict[str, Domain] = {}
        self.ahead: dict[int, Any] = {}
        self.rungs: dict[int, dict[int, float]] = {}
        self.seen: set[int] = set()
        # Points that have been tried, the trials that are among them, and those whose points no others may have.
        self.tried = Tried()
        self.known: set[int] = set()
        self.alone: set[int] = set()
        self.params: dict[int, dict[str, Any]] = {}
        self.built = self.broken = self.sound = 0
        # Errors that ended the training of trials here; there may be some, but not in all.
        self.faults: list[Exception] = []
        # A user's builder is one thread's at a time.
        self.building = threading.RLock()

    def run(self) -> Study:
        """Trains trials until there are enough."""
        self._probe()
        database = Database(self.where, self.name)
        names, directions = [one.name for one in self.objectives], [one.direction for one in self.objectives]
        card = {
            "objective": names if len(names) > 1 else names[0],
            "direction": directions if len(names) > 1 else directions[0],
            "space": {name: domain.as_dict() for name, domain in self.domains.items()},
            **self.card,
        }
        there = database.enter(card)
        warn_of_builder(there, card)
        card = there
        model_files = make_model_files(database, self.folder)
        study = Study(database, self.objectives, model_files, card, self.builder, self.data, self.fit)
        constrained = self.constraints is not None
        self.sampler = make_sampler(self.sampler_given, directions, card.get("seed") or 0, self.domains, constrained)
        if self.pruner is not None and hasattr(self.pruner, "start"):
            self.pruner.start(self.objective, card.get("epochs") or 1)
        self.progress = Progress(self._planned(), self.objective, verbose=self.verbose)
        self.progress.begin([row for row in database.read() if row.state in (COMPLETE, PRUNED, FAILED)])
        writer = Writer(database, model_files, self.objectives, self.keep, self.progress.trial)
        try:
            self._work(database, writer)
            writer.flush()
        except BaseException:
            writer.close()
            # If nothing can be written, the trials are taken again because their study has ended.
            with suppress(OSError):
                database.release()
            database.close()
            raise
        finally:
            writer.close()
            self.progress.end()
        return study

    def _probe(self) -> None:
        """Builds the model of the defaults: what is wrong with the builder, the space or the objective shows here."""
        hp = HyperParameters(Untried(self.tried, Defaults()))
        model = self.builder(hp)
        group = self.runner.check(model, self._maker(hp), hp.fitting)
        if self.verbose and getattr(group, "why_alone", None) is not None:
            print(f"Models are trained by fit, one after the other: {group.why_alone}.", flush=True)
        settle_directions(self.objectives, model)
        self.domains.update(hp.domains)
        if self.fit:
            self.card["fit"] = note_fit(self.fit)
            self.card["training"] = describe_training(
                model, self.fit["class_weight"], self.fit["callbacks"], self.fit["shuffle"], hp.fitting, self._maker(hp)
            )
            self.card["builder"] = describe(self.build, changing=False)
            if self.constraints is not None:
                self.card["training"]["constraints"] = shorten(describe(self.constraints))

    @property
    def follows(self) -> bool:
        """Whether a point of this space can be met again, and is to be left out."""
        return self.tried.follows and not isinstance(self.sampler, GridSampler)

    def _planned(self) -> int | None:
        """How many trials are to be expected."""
        if self.total is not None or not self.domains:
            return self.total
        return int(np.prod([domain.count() or 1 for domain in self.domains.values()]))

    def _work(self, database: Database, writer: Writer) -> None:
        waited, began = False, time.monotonic()
        while self.timeout is None or time.monotonic() - began < self.timeout:
            rows = self._claim(database, self._at_once)
            if not rows:
                left = database.pending()
                if not left:
                    self._say_all_tried(database)
                    return
                if not waited and self.verbose:
                    print(f"Waiting for {left} trials of other processes.", flush=True)
                waited = True
                time.sleep(WAIT_SECONDS)
                continue
            jobs = self._make_jobs(rows, database, writer)
            # How many points there are shows as they are asked for: a first batch may have room for more.
            while self.follows and (more := self._claim(database, self._at_once - len(rows))):
                rows += more
                jobs += self._make_jobs(more, database, writer)
            if jobs:
                by_number = {row.number: row for row in rows}
                pruner = None if self.pruner is None else Watched(self.pruner, self.rungs)
                if self.pruner is not None and hasattr(self.pruner, "begin"):
                    self.pruner.begin([job.number for job in jobs])
                self.runner.run(
                    jobs, pruner, lambda outcome, rows=by_number: self._end(writer, rows[outcome.number], outcome), self._event
                )
            del jobs
            writer.flush()
            if len(self.faults) >= FEWEST_BUILT and not self.sound:
                raise RuntimeError(
                    message(
                        "search",
                        "the training of every trial failed",
                        {"failed": len(self.faults)},
                        f"The last one: {self.faults[-1]}",
                    )
                ) from self.faults[-1]

    def _say_all_tried(self, database: Database) -> None:
        """The line for a search that ends before it has all of its trials."""
        if self.verbose and self.follows and not self.tried.left and sum(database.counts().values()) < (self.total or 0):
            print(f"All {self.tried.points} combinations of values have been tried: the search ends.", flush=True)

    @property
    def _at_once(self) -> int:
        """How many trials are trained together."""
        count = self.batch or self.sampler.batch
        if self.batch is None and self.pruner is not None and getattr(self.pruner, "all_at_once", False):
            count = max(count, 27)
        return count

    def _claim(self, database: Database, count: int) -> list[Row]:
        """The next trials for this process, so many at most."""
        if count <= 0:
            return []
        grid = isinstance(self.sampler, GridSampler)
        if self.sampler.learns or self.pruner is not None or grid or self.follows:
            self._learn(database)
        total = self.total
        if grid:
            there = sum(database.counts().values())
            room = self.sampler.room(min(there + count, total or there + count), self._look_ahead, self.params)
            total = room if total is None or room is None else min(total, room)
        elif self.follows and math.isfinite(self.tried.left):
            # Trials of others whose values are not known yet take one of the points that are left each.
            total = min(total or 0, len(self.known) + int(self.tried.left))
        rows = database.claim(count, total)
        taken = {row.number for row in rows}
        # What others have taken meanwhile is of no use here.
        self.ahead = {n: built for n, built in self.ahead.items() if n in taken or n > max(taken, default=-1)}
        return rows

    def _learn(self, database: Database) -> None:
        """What other processes, and this one, have found since."""
        new = database.read(skip=self.seen)
        if any(name not in self.domains for row in new for name in row.params):
            self.domains.update({n: d for n, d in database.space().items() if n not in self.domains})
        self.sampler.learn(new)
        for row in new:
            if row.params:
                self.params[row.number] = row.params
            if row.number not in self.known and (row.params or row.state in (COMPLETE, PRUNED, FAILED)):
                self.known.add(row.number)
                broken = row.state == FAILED and not row.epochs and not (row.error or "").startswith(INFEASIBLE)
                self.tried.add(row.params, self.domains, broken)
            if row.state in (COMPLETE, PRUNED, FAILED):
                self.seen.add(row.number)
                if row.rungs and self.pruner is not None and hasattr(self.pruner, "remember"):
                    self.pruner.remember(row.number, row.rungs)

    # Building

    def _look_ahead(self, number: int, source: Source) -> None:
        """Builds a model before its number is taken, to see what it asks for."""
        self.ahead[number] = self._build(source)

    def _maker(self, hp: HyperParameters) -> Callable[[], Any]:
        """What builds a trial's model again."""

        def make() -> Model:
            with self.building:
                return self.builder(HyperParameters(Recorded(hp.params)))

        return make

    def _build(self, source: Source) -> Built:
        hp = HyperParameters(source, self.domains)
        try:
            with self.building:
                model = self.builder(hp)
            self.runner.check(model, self._maker(hp), hp.fitting)
            return model, hp, None
        except Exception as error:
            hand_on(error)
            return None, hp, error

    def _make_jobs(self, rows: list[Row], database: Database, writer: Writer) -> list[Job]:
        """The models of trials; those that cannot be built are recorded as failed."""
        self.sampler.start(rows[0].number)
        known = len(self.domains)
        built = {row.number: self._build_trial(row) for row in rows}
        if self.follows:
            self._take_points(rows, built, database)
        writer.begin(rows, dict(self.domains), len(self.domains) > known, noted=self.follows)
        jobs = []
        for row in rows:
            model, hp, error = built[row.number]
            self.built += not isinstance(error, Infeasible)
            if error is None:
                jobs.append(Job(row.number, model, row.params, self._maker(hp), hp.fitting))
                continue
            self.broken += not isinstance(error, Infeasible)
            told = f"{INFEASIBLE}: {error}" if isinstance(error, Infeasible) else f"{type(error).__name__}: {error}"
            row.state, row.error, row.ended = FAILED, told, time.time()
            writer.finish(row)
        if self.broken > self.built / 2 and self.built >= FEWEST_BUILT:
            writer.flush()
            number, error = next((n, b[2]) for n, b in reversed(built.items()) if b[2] is not None)
            given = {"failed": self.broken, "of": self.built}
            fix = f"The last one, trial {number}: {type(error).__name__}: {error}"
            raise RuntimeError(message("search", "more than half of the models could not be built", given, fix)) from error
        return jobs

    def _build_trial(self, row: Row) -> Built:
        """The model of a trial, with values that were recorded, or that somebody gave, or that the sampler chooses."""
        given = row.params or row.notes.get("fixed_params")  # from Optuna's enqueue_trial
        if given is None and row.number < len(self.start):
            given = self.start[row.number]
        if row.params:
            self.sampler.adopt(row)
        is_chosen, replaced = not row.params, bool(given)
        built = None if given else self.ahead.pop(row.number, None)
        if built is None:
            source: Source = self.sampler.source(row.number) if is_chosen else Defaults()
            values = Untried(self.tried if self.follows else Tried(), source, given, (self.card.get("seed") or 0, row.number))
            built = self._build(values)
            replaced = replaced or values.changed
            error = built[2]
            if values.end(error is not None and not isinstance(error, Infeasible)) and not given:
                self.alone.add(row.number)
        if given and not row.params and built[2] is None:
            warn_of_unasked(row.number, given, {**self.domains, **built[1].domains})
        row.params = built[1].params
        row.notes = {**row.notes, **self.sampler.notes(row.number)}
        self.domains.update({name: domain for name, domain in built[1].domains.items() if name not in self.domains})
        self.known.add(row.number)
        if is_chosen and replaced:
            self.sampler.replace(row)
        return built

    def _take_points(self, rows: list[Row], built: dict[int, Built], database: Database) -> None:
        """Notes the values of trials at once, so that no other process tries the same; those that one has are chosen anew."""
        while rows:
            rows = database.note(rows, self.domains, True, self.alone)
            for row in rows:
                self.alone.discard(row.number)
                row.params = {}
                built[row.number] = self._build_trial(row)

    # While a batch is trained

    def _event(self, event: dict[str, Any]) -> None:
        if event.get("kind") == "rung" and event.get("value") is None:
            rungs = self.rungs.get(event["number"], {})
            rung = event.get("rung") or max(rungs, default=0)
            event = {**event, "rung": rung, "value": rungs.get(rung)}
        self.progress.event(event)

    def _end(self, writer: Writer, row: Row, outcome: Outcome) -> None:
        """A trial has ended."""
        faults = [member.fault for member in getattr(outcome, "members", ()) if getattr(member, "fault", None) is not None]
        row.state, row.error, row.seconds, row.ended = outcome.state, outcome.error, float(outcome.seconds), time.time()
        row.scores = [float(score) for score in outcome.scores]
        row.histories = [
            {name: [float(v) for v in curve] for name, curve in fold.items() if not np.ndim(curve[0])}
            for fold in outcome.histories
        ]
        row.values = [float(value) for value in getattr(outcome, "values", ())] if row.state == COMPLETE else []
        row.epochs = [int(n) for n in outcome.epochs]
        row.best_epochs = [int(n) for n in outcome.best_epochs]
        row.rungs = self.rungs.pop(row.number, {})
        # Optuna has curves of studies with one objective only.
        row.curve = mean_curve(row.histories, self.objective.name) if len(self.objectives) == 1 else []
        score = float(np.mean(row.scores)) if row.scores else float("nan")
        row.score = score if np.isfinite(score) else None
        if row.score is None and row.state == COMPLETE:
            row.state, row.error = FAILED, row.error or f"{self.objective.name} is not a finite number"
        row.parameters = getattr(outcome, "parameters", None)
        if self.constraints is not None and row.state in (COMPLETE, PRUNED):
            try:
                row.constraints = judge(self.constraints, row)
            except Exception as error:
                hand_on(error)
                faults = [error]
                row.state, row.error = FAILED, f"{type(error).__name__}: {error}"
                row.score, row.scores, row.values = None, [], []
        self.faults += faults[:1]
        self.sound += not faults
        writer.finish(row, outcome)


class Watched:
    """A pruner whose cases are noted: the values at the rungs are kept with the trials."""

    def __init__(self, pruner: Prunes, notes: dict[int, dict[int, float]]):
        self.pruner, self.notes = pruner, notes
        self.rungs = tuple(pruner.rungs)

    def arrive(self, number: int, rung: int, value: float) -> list[tuple[int, bool]]:
        self.notes.setdefault(number, {})[rung] = float(value)
        return self.pruner.arrive(number, rung, value)

    def flush(self) -> list[tuple[int, bool]]:
        return self.pruner.flush()


def warn_of_unasked(number: int, given: dict[str, Any], asked: dict[str, Any]) -> None:
    """Warns of values that somebody gave a trial under names that its builder does not ask for."""
    for name in given.keys() - asked.keys():
        values = {"trial": number, name: given[name]}
        fix = did_you_mean(name, list(asked))
        warnings.warn(message("search", "a value was given for what the builder does not ask for", values, fix), stacklevel=2)


def name_after(build: Callable[..., Any]) -> str:
    """The study's name after its builder."""
    name = getattr(build, "__name__", type(build).__name__)
    return "study" if name == "<lambda>" else name
