"""Studies: `search.run` trains trials until there are enough, `load_study` opens what it left."""

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from kerata.base.checks import check_positive_int, message
from kerata.callbacks.monitors import find_direction
from kerata.data.samples import Samples
from kerata.data.sources import split_validation, standardize_source
from kerata.models.model import Model
from kerata.populations.objective import Objective
from kerata.search.best import Best
from kerata.search.cross_validation import make_folds
from kerata.search.fingerprint import describe_training, mark_arrays
from kerata.search.model_files import MemoryModels, ModelFiles
from kerata.search.plots import plot_study
from kerata.search.progress import Progress
from kerata.search.pruners import make_pruner
from kerata.search.records import COMPLETE, FAILED, PRUNED, Trial
from kerata.search.report import write_report
from kerata.search.runner import Job, Runner
from kerata.search.samplers import GridSampler, make_sampler
from kerata.search.space import Domain, HyperParameters, Infeasible, Recorded, Source
from kerata.search.storage import Database, Row
from kerata.search.writer import Writer
from kerata.training.signals import heard

# How long to wait between looks at trials that other processes still train.
WAIT_SECONDS = 0.25
# A builder is given up when more than half of its models could not be built, from so many on.
FEWEST_BUILT = 4


class Study:
    """What a search has found, and goes on finding while other processes work on it.

    Attributes:
        name: the study's name.
        objective: what it is after.
        storage: where it is kept.
        seconds: time spent on training, summed over the trials' shares.
    """

    def __init__(
        self,
        database: Database,
        objective: Objective,
        model_files: ModelFiles,
        card: dict[str, Any],
        build: Callable[[HyperParameters], Any] | None = None,
        data: Samples | None = None,
        fit: dict[str, Any] | None = None,
    ):
        # How trials are trained, for those who refit the best.
        self._fit = fit or {}
        self._database, self._model_files, self._card, self._build, self._data = database, model_files, card, build, data
        self.name, self.objective, self.storage = database.name, objective, database.where
        self._finished: dict[int, Trial] = {}
        self._refitted: dict[int, Model] = {}

    @property
    def trials(self) -> list[Trial]:
        """All trials in order, as the storage has them now."""
        rows = self._database.read(skip=self._finished, histories=True)
        for row in rows:
            row.model_files = [str(self._model_files.find(name)) for name in row.model_files]
        # Finished trials never change, but for their models' files; what is not finished is read again.
        self._finished.update({row.number: row for row in rows if row.state in (COMPLETE, PRUNED, FAILED)})
        found = {**self._finished, **{row.number: row for row in rows}}
        return [found[number] for number in sorted(found)]

    @property
    def best(self) -> Best:
        """The complete trial with the best score; of equals the first."""
        if found := self.top(1):
            return found[0]
        trials = self.trials
        failed = [trial for trial in trials if trial.state == FAILED]
        fix = f"Trial {failed[0].number} failed: {failed[0].error}" if failed else ""
        raise ValueError(message("study.best", "no trial is complete yet", dict(Counter(trial.state for trial in trials)), fix))

    def top(self, count: int) -> list[Best]:
        """The best trials, the best first; models are there for as many as `keep` said."""
        trials = {trial.number: trial for trial in self.trials}
        return [Best(self, trials[number]) for number, _ in self._database.best(count, self.objective.direction)]

    @property
    def space(self) -> dict[str, dict[str, Any]]:
        """The hyperparameters that any trial had, as plain data."""
        return {name: domain.as_dict() for name, domain in self._database.space().items()}

    @property
    def seconds(self) -> float:
        return sum(trial.seconds for trial in self.trials)

    def table(self) -> Any:
        """A pandas frame with a row a trial: state, score and its deviation over the folds, values, epochs, seconds, error."""
        import pandas as pd

        trials = self.trials
        names = list(dict.fromkeys(name for trial in trials for name in trial.params))
        rows = [
            {
                "state": trial.state,
                self.objective.name: trial.score,
                "deviation": trial.deviation,
                **{name: trial.params.get(name) for name in names},
                "epochs": max(trial.epochs, default=None),
                "seconds": trial.seconds,
                "error": trial.error,
            }
            for trial in trials
        ]
        return pd.DataFrame(rows, index=pd.Index([trial.number for trial in trials], name="trial"))

    def plot(self, *args: Any, **kwargs: Any) -> Any:
        """Draws the study; see `kerata.search.plots.plot_study`."""
        return plot_study(self, *args, **kwargs)

    def report(self, path: str | os.PathLike = "report.html") -> Path:
        """Writes a page with all that the study found; see `kerata.search.report.write_report`."""
        return write_report(path, self)

    def close(self) -> None:
        """Closes the storage; a file can be moved then."""
        self._database.close()

    def __repr__(self) -> str:
        counts = self._database.counts()
        found = self._database.best(1, self.objective.direction)
        best = f", best {self.objective.name} {found[0][1]:.4g} (trial {found[0][0]})" if found else ""
        states = ", ".join(f"{count} {state}" for state, count in counts.items()) or "no trial"
        return f"<Study {self.name!r}: {states}{best}>"


@heard
def run(
    build: Callable[[HyperParameters], Any],
    x: Any,
    y: Any = None,
    *,
    trials: int | None = None,
    objective: str | Objective = "val_loss",
    direction: str | None = None,
    sampler: Any = "tpe",
    pruner: Any = None,
    cv: Any = None,
    repeats: int = 1,
    split: str = "auto",
    groups: Any = None,
    validation_data: Any = None,
    validation_split: float = 0.0,
    epochs: int = 1,
    batch_size: int | None = None,
    batch: int | None = None,
    class_weight: Any = None,
    sample_weight: Any = None,
    shuffle: bool = True,
    callbacks: Any = None,
    storage: Any = "auto",
    name: str | None = None,
    folder: Any = None,
    keep: int = 1,
    seed: int = 0,
    turns: bool | None = None,
    verbose: Any = "auto",
    halving: Any = None,
    timeout: float | None = None,
    start: Sequence[dict[str, Any]] = (),
) -> Study:
    """Tries values of what `build` asks for, many at once, and keeps all that it finds.

    Run the script again to go on where it stopped, for whatever reason it did; run it in several processes to share the
    work. A trial is finished once the storage has it, with the models if it is among the best; none is trained twice, and a
    trial that a dead process left is taken again under the same number with the same values.

    Args:
        build: takes `hp` and returns a compiled model; see `HyperParameters` for what it may ask.
        x, y: arrays, as in `fit`.
        trials: how many trials the study is to have, those of earlier runs and of other processes included. A grid may
            leave it out, and is searched whole.
        objective: a measure of the history; validation needs `cv`, `validation_data` or `validation_split`.
        direction: "min" or "max"; told by the measure or its name if `None`.
        sampler: "tpe" learns from trials; "random", "quasi-random" and "grid" do not; "cmaes", or any sampler of Optuna.
        pruner: "asha", "successive" or "median" cuts trials short that fall behind, or a pruner of `kerata.search.pruners`.
        cv, repeats, split, groups: folds, as in `cross_validate`; the score is the mean over the folds.
        validation_data, validation_split: as in `fit`, where there are no folds.
        epochs, batch_size, class_weight, sample_weight, shuffle: as in `fit`.
        batch: trials asked for at once; all that fit for samplers that do not learn, 16 for those that do.
        callbacks: as in `fit_many`; `EarlyStopping` stops each fold by itself.
        storage: a path of an SQLite file, a URL ("postgresql://user@host/database" for several machines), `None` for
            memory; "auto" is a file in the working folder that is named after the study.
        name: the study's name; the builder's name if `None`.
        folder: where the models of the best trials are kept; beside the storage if `None`.
        keep: models of so many of the best trials are kept.
        seed: of the values tried, of the splits, and of the models' weights, order and random draws.
        turns: as in `fit_many`.
        verbose: "auto" or 1 for live progress, 2 for a line a trial, 0 for silence.
        halving: an earlier name of `pruner`.
        timeout: no trial begins later than so many seconds after the call.
        start: values of the first trials, by name; what one of them does not name, the sampler chooses.

    Returns:
        The `Study`.

    >>> import kerata, numpy as np
    >>> from kerata import search
    >>> x = np.random.default_rng(0).normal(size=(60, 3)).astype("float32")
    >>> def build(hp):
    ...     model = kerata.Sequential([kerata.Input((3,)), kerata.layers.Dense(1)])
    ...     model.compile(kerata.optimizers.SGD(hp.float("rate", 1e-3, 0.1, log=True)), "mse")
    ...     return model
    >>> study = search.run(build, x, x.sum(1), trials=4, sampler="random", cv=3, epochs=3, storage=None, verbose=0)
    >>> len(study.trials), sorted(study.best.params), len(study.best.models)
    (4, ['rate'], 3)
    """
    if not callable(build):
        raise TypeError(
            message("search", "`build` must be a function that takes hp and returns a compiled model", {"build": build})
        )
    samples = standardize_source(x, y, sample_weight, owner="search")
    if not isinstance(samples, Samples):
        raise TypeError(
            message("search", "data must be arrays: it is held on the device once for all trials", {"x": type(x).__name__})
        )
    epochs = check_positive_int("search", "epochs", epochs)
    size: int = check_positive_int("search", "batch_size", 32 if batch_size is None else batch_size)
    seed = check_positive_int("search", "seed", seed, minimum=0)
    folds, held = None, None
    if cv is not None:
        if validation_data is not None or validation_split:
            raise ValueError(
                message("search", "give `cv` or validation data, not both", {"cv": cv, "validation_split": validation_split})
            )
        folds = make_folds(samples, cv, repeats, split, groups, seed)
    elif validation_data is not None:
        held = standardize_source(*validation_data, owner="validation_data")
        if not isinstance(held, Samples):
            raise TypeError(message("search", "validation data must be arrays", {"validation_data": type(held).__name__}))
    elif validation_split:
        samples, held = split_validation(samples, validation_split, "search")
    goal = objective if isinstance(objective, Objective) else Objective(objective, direction or "")
    runner = Runner(
        samples,
        folds=folds,
        validation=held,
        objective=goal,
        epochs=epochs,
        batch_size=size,
        shuffle=shuffle,
        seed=seed,
        callbacks=callbacks,
        class_weight=class_weight,
        turns=turns,
    )
    card = {
        "data": {"samples": mark_arrays(samples.tree), "validation": None if held is None else mark_arrays(held.tree)},
        "folds": None if folds is None else f"{len(folds)} folds, {mark_arrays(folds)['hash']}",
        "epochs": epochs,
        "batch_size": size,
        "seed": seed,
    }
    search = Search(
        build,
        runner,
        goal,
        card,
        trials=trials,
        sampler=sampler,
        pruner=pruner or halving,
        batch=batch,
        storage=storage,
        name=name,
        folder=folder,
        keep=keep,
        verbose=verbose,
        data=samples,
        fit={"class_weight": class_weight, "callbacks": callbacks, "shuffle": shuffle},
        timeout=timeout,
        start=start,
    )
    return search.run()


def load_study(
    storage: str | os.PathLike,
    name: str | None = None,
    build: Callable[[HyperParameters], Any] | None = None,
    folder: Any = None,
) -> Study:
    """Opens a study to look at, without training anything.

    Args:
        storage: what `run` had, a path or a URL.
        name: the study's name; may be left out where the storage holds one only.
        build: the builder, for `study.best.refit`.
        folder: where the models are, if not beside the storage.

    >>> import kerata, tempfile
    >>> path = tempfile.mkdtemp() + "/study.db"
    >>> def build(hp):
    ...     model = kerata.Sequential([kerata.Input((1,)), kerata.layers.Dense(1)])
    ...     model.compile(kerata.optimizers.SGD(hp.choice("rate", [0.1, 0.01])), "mse")
    ...     return model
    >>> _ = run(build, [[1.0], [2.0]], [1.0, 2.0], sampler="grid", objective="loss", storage=path, verbose=0)
    >>> load_study(path).best.params in ({"rate": 0.1}, {"rate": 0.01})
    True
    """
    database = Database(storage, name, create=False)
    card = database.look()
    return Study(database, Objective(card["objective"], card["direction"]), make_model_files(database, folder), card, build)


class Search:
    """One process at work on a study.

    Args:
        build: the builder.
        runner: trains batches of trials.
        objective: what the study is after; the direction is filled in where it is empty.
        card: what the study is, for the storage.
        trials, sampler, pruner, batch, storage, name, folder, keep, verbose: as in `run`.
        data: the samples, for `study.best.refit`.
        fit: how trials are trained: `class_weight`, `callbacks`, `shuffle`.
        timeout, start: as in `run`.
    """

    def __init__(
        self,
        build: Callable[[HyperParameters], Any],
        runner: Any,
        objective: Objective,
        card: dict[str, Any],
        *,
        trials: int | None,
        sampler: Any = "tpe",
        pruner: Any = None,
        batch: int | None = None,
        storage: Any = None,
        name: str | None = None,
        folder: Any = None,
        keep: int = 1,
        verbose: Any = 0,
        data: Any = None,
        fit: dict[str, Any] | None = None,
        timeout: float | None = None,
        start: Sequence[dict[str, Any]] = (),
    ):
        self.fit, self.timeout, self.start = fit or {}, timeout, list(start)
        if self.start and (sampler == "grid" or isinstance(sampler, GridSampler)):
            raise ValueError(message("search", "a grid has its own order", {"start": self.start}, "Take another sampler"))
        self.build, self.runner, self.objective, self.card = build, runner, objective, dict(card)
        self.total = check_positive_int("search", "trials", trials, optional=True)
        if self.total is None and sampler != "grid" and not isinstance(sampler, GridSampler):
            raise ValueError(message("search", "the number of trials is needed", {"trials": trials}, "Give trials=100"))
        self.batch = check_positive_int("search", "batch", batch, optional=True)
        self.keep = check_positive_int("search", "keep", keep, minimum=0)
        self.verbose, self.data, self.sampler_given = verbose, data, sampler
        self.pruner = make_pruner(pruner)
        if not isinstance(objective.name, str) or not isinstance(name, (str, type(None))):
            given = {"objective": objective.name, "name": name}
            raise TypeError(message("search", "`objective` and `name` must be text", given))
        self.name = name or name_after(build)
        self.where = f"{file_name(self.name)}.db" if storage == "auto" else storage
        self.folder = folder
        self.domains: dict[str, Domain] = {}
        self.ahead: dict[int, Any] = {}
        self.rungs: dict[int, dict[int, float]] = {}
        self.seen: set[int] = set()
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
        card = {
            "objective": self.objective.name,
            "direction": self.objective.direction,
            "space": {name: domain.as_dict() for name, domain in self.domains.items()},
            **self.card,
        }
        card = database.enter(card)
        model_files = make_model_files(database, self.folder)
        study = Study(database, self.objective, model_files, card, self.build, self.data, self.fit)
        self.sampler = make_sampler(self.sampler_given, self.objective.direction, card.get("seed") or 0, self.domains)
        if self.pruner is not None and hasattr(self.pruner, "start"):
            self.pruner.start(self.objective, card.get("epochs") or 1)
        self.progress = Progress(self._planned(), self.objective, verbose=self.verbose)
        self.progress.begin([row for row in database.read() if row.state in (COMPLETE, PRUNED, FAILED)])
        writer = Writer(database, model_files, self.objective, self.keep, self.progress.trial)
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
        hp = HyperParameters()
        model = check_model(self.build(hp))
        group = self.runner.check(model, self._maker(hp))
        if self.verbose and getattr(group, "why_alone", None) is not None:
            print(f"Models are trained by fit, one after the other: {group.why_alone}.", flush=True)
        if not self.objective.direction:
            self.objective.direction = find_direction(self.objective.name, model, "search", "objective", "direction")
        if self.objective.direction not in ("min", "max"):
            raise ValueError(message("search", "`direction` must be 'min' or 'max'", {"direction": self.objective.direction}))
        self.domains.update(hp.domains)
        if self.fit:
            self.card["training"] = describe_training(
                model, self.fit["class_weight"], self.fit["callbacks"], self.fit["shuffle"]
            )

    def _planned(self) -> int | None:
        """How many trials are to be expected."""
        if self.total is not None or not self.domains:
            return self.total
        return int(np.prod([domain.count() or 1 for domain in self.domains.values()]))

    def _work(self, database: Database, writer: Writer) -> None:
        waited, began = False, time.monotonic()
        while self.timeout is None or time.monotonic() - began < self.timeout:
            rows = self._claim(database)
            if not rows:
                left = database.pending()
                if not left:
                    return
                if not waited and self.verbose:
                    print(f"Waiting for {left} trials of other processes.", flush=True)
                waited = True
                time.sleep(WAIT_SECONDS)
                continue
            jobs = self._make_jobs(rows, writer)
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

    def _claim(self, database: Database) -> list[Row]:
        """The next trials for this process."""
        count = self.batch or self.sampler.batch
        if self.batch is None and self.pruner is not None and getattr(self.pruner, "all_at_once", False):
            count = max(count, 27)
        grid = isinstance(self.sampler, GridSampler)
        if self.sampler.learns or self.pruner is not None or grid:
            self._learn(database)
        total = self.total
        if grid:
            there = sum(database.counts().values())
            room: Any = self.sampler.room(min(there + count, total or there + count), self._look_ahead, self.params)
            total = room if total is None else min(total, room)
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
            if row.state in (COMPLETE, PRUNED, FAILED):
                self.seen.add(row.number)
                if row.rungs and hasattr(self.pruner, "remember"):
                    self.pruner.remember(row.number, row.rungs)

    # Building

    def _look_ahead(self, number: int, source: Source) -> None:
        """Builds a model before its number is taken, to see what it asks for."""
        self.ahead[number] = self._build(source)

    def _maker(self, hp: HyperParameters) -> Callable[[], Any]:
        """What builds a trial's model again."""

        def make() -> Any:
            with self.building:
                return check_model(self.build(HyperParameters(Recorded(hp.params))))

        return make

    def _build(self, source: Source) -> tuple[Any, HyperParameters, BaseException | None]:
        hp = HyperParameters(source, self.domains)
        try:
            with self.building:
                model = check_model(self.build(hp))
            self.runner.check(model, self._maker(hp))
            return model, hp, None
        except Exception as error:
            return None, hp, error

    def _make_jobs(self, rows: list[Row], writer: Writer) -> list[Job]:
        """The models of trials; those that cannot be built are recorded as failed."""
        self.sampler.start(rows[0].number)
        jobs, is_new = [], False
        failed: list[tuple[Row, BaseException]] = []
        for row in rows:
            if row.params:
                self.sampler.adopt(row)
                model, hp, error = self._build(Recorded(row.params))
            elif "fixed_params" in row.notes:  # from Optuna's enqueue_trial
                model, hp, error = self._build(Recorded(row.notes["fixed_params"], self.sampler.source(row.number)))
            elif row.number < len(self.start):
                model, hp, error = self._build(Recorded(self.start[row.number], self.sampler.source(row.number)))
            else:
                model, hp, error = self.ahead.pop(row.number, None) or self._build(self.sampler.source(row.number))
            row.params = hp.params
            row.notes = {**row.notes, **self.sampler.notes(row.number)}
            is_new = is_new or any(name not in self.domains for name in hp.domains)
            self.domains.update({name: domain for name, domain in hp.domains.items() if name not in self.domains})
            self.built += not isinstance(error, Infeasible)
            if error is None:
                jobs.append(Job(row.number, model, row.params, self._maker(hp)))
            else:
                self.broken += not isinstance(error, Infeasible)
                failed.append((row, error))
        writer.begin(rows, dict(self.domains), is_new)
        for row, error in failed:
            told = f"infeasible: {error}" if isinstance(error, Infeasible) else f"{type(error).__name__}: {error}"
            row.state, row.error, row.ended = FAILED, told, time.time()
            writer.finish(row)
        if self.broken > self.built / 2 and self.built >= FEWEST_BUILT:
            writer.flush()
            raise RuntimeError(
                message(
                    "search",
                    "more than half of the models could not be built",
                    {"failed": self.broken, "of": self.built},
                    f"The last one: {failed[-1][0].error}",
                )
            ) from failed[-1][1]
        return jobs

    # While a batch is trained

    def _event(self, event: dict[str, Any]) -> None:
        if event.get("kind") == "rung" and event.get("value") is None:
            rungs = self.rungs.get(event["number"], {})
            rung = event.get("rung") or max(rungs, default=0)
            event = {**event, "rung": rung, "value": rungs.get(rung)}
        self.progress.event(event)

    def _end(self, writer: Writer, row: Row, outcome: Any) -> None:
        """A trial has ended."""
        faults = [member.fault for member in getattr(outcome, "members", ()) if getattr(member, "fault", None) is not None]
        self.faults += faults[:1]
        self.sound += not faults
        row.state, row.error, row.seconds, row.ended = outcome.state, outcome.error, float(outcome.seconds), time.time()
        row.scores = [float(score) for score in outcome.scores]
        row.histories = [
            {name: [float(v) for v in curve] for name, curve in fold.items() if not np.ndim(curve[0])}
            for fold in outcome.histories
        ]
        row.epochs = [int(n) for n in outcome.epochs]
        row.best_epochs = [int(n) for n in outcome.best_epochs]
        row.rungs = self.rungs.pop(row.number, {})
        score = float(np.mean(row.scores)) if row.scores else float("nan")
        row.score = score if np.isfinite(score) else None
        if row.score is None and row.state == COMPLETE:
            row.state, row.error = FAILED, row.error or f"{self.objective.name} is not a finite number"
        writer.finish(row, outcome)


class Watched:
    """A pruner whose cases are noted: the values at the rungs are kept with the trials."""

    def __init__(self, pruner: Any, notes: dict[int, dict[int, float]]):
        self.pruner, self.notes = pruner, notes
        self.rungs = tuple(pruner.rungs)

    def arrive(self, number: int, rung: int, value: float) -> list[tuple[int, bool]]:
        self.notes.setdefault(number, {})[rung] = float(value)
        return self.pruner.arrive(number, rung, value)

    def flush(self) -> list[tuple[int, bool]]:
        return self.pruner.flush()


def check_model(model: Any) -> Any:
    """What a builder returned, if it is a compiled model."""
    if not isinstance(model, Model) or not model.compiled:
        raise TypeError(
            message(
                "build",
                "the builder must return a compiled model",
                {"returned": model},
                "Call model.compile(...) and return the model",
            )
        )
    return model


def name_after(build: Any) -> str:
    """The study's name after its builder."""
    name = getattr(build, "__name__", type(build).__name__)
    return "study" if name == "<lambda>" else name


def file_name(name: str) -> str:
    """A study's name as a part of a file's name.

    >>> file_name("pima/first try")
    'pima-first-try'
    """
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name)


def make_model_files(database: Database, folder: Any) -> ModelFiles:
    """Where the models of a study are kept."""
    if folder is not None:
        return ModelFiles(Path(folder), None)
    name = file_name(str(database.name))
    if database.path is not None:
        stem = database.path.stem
        stem = stem if stem == name else f"{stem}-{name}"
        return ModelFiles(database.path.parent / f"{stem}.models", database.path.parent)
    return MemoryModels() if database.url.get_backend_name() == "sqlite" else ModelFiles(Path(f"{name}.models"), None)
