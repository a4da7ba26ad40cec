"""Studies: what a search has found. `load_study` opens what an earlier one left."""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerata.base.checks import message
from kerata.base.types import PathLike
from kerata.data.samples import Samples
from kerata.diagnosis.judgement.finding import Examination
from kerata.models.model import Model
from kerata.populations.objective import Objective
from kerata.search.best import Best, read_fit
from kerata.search.building import Builder
from kerata.search.examining import examine_study
from kerata.search.front import find_front, make_objectives
from kerata.search.model_files import MemoryModels, ModelFiles
from kerata.search.plots import plot_study
from kerata.search.records import COMPLETE, FAILED, PRUNED, Trial
from kerata.search.report import write_report
from kerata.search.space import HyperParameters
from kerata.search.storage import Database
from kerata.search.summary import plural, summarize

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


class Study:
    """What a search has found, and goes on finding while other processes work on it.

    Attributes:
        name: the study's name.
        objective: what it is after; the first, where it is after several things.
        objectives: all of them.
        storage: where it is kept.
        seconds: time spent on training, summed over the trials' shares.
    """

    def __init__(
        self,
        database: Database,
        objectives: list[Objective],
        model_files: ModelFiles,
        card: dict[str, Any],
        build: Callable[[HyperParameters], Any] | None = None,
        data: Samples | None = None,
        fit: dict[str, Any] | None = None,
    ):
        # How trials are trained, for those who refit the best.
        self._fit = fit or {}
        self._database, self._model_files, self._card, self._data = database, model_files, card, data
        self._build = None if build is None else Builder(build)
        self.name, self.objectives, self.storage = database.name, objectives, database.where
        self.objective = objectives[0]
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
        """The complete trial with the best score that keeps its constraints; of equals the first. For several objectives see
        `best_trials`."""
        if found := self.top(1):
            return found[0]
        trials = self.trials
        failed = [trial for trial in trials if trial.state == FAILED]
        fix = f"Trial {failed[0].number} failed: {failed[0].error}" if failed else ""
        if any(trial.state == COMPLETE for trial in trials):
            each = [max(trial.constraints) for trial in trials if trial.state == COMPLETE]
            nearest = {"trials": len(each), "least broken by": min(each)}
            raise ValueError(message("study.best", "no trial keeps the constraints", nearest, "Loosen them, or try more"))
        raise ValueError(message("study.best", "no trial is complete yet", dict(Counter(trial.state for trial in trials)), fix))

    def top(self, count: int) -> list[Best]:
        """The best trials, the best first; models are there for as many as `keep` said."""
        if len(self.objectives) > 1:
            names = [one.name for one in self.objectives]
            fix = "study.best_trials has those that no other trial beats"
            raise ValueError(
                message("study.best", "of several objectives there is no single best trial", {"objective": names}, fix)
            )
        trials = {trial.number: trial for trial in self.trials}
        return [Best(self, trials[number]) for number, _ in self._database.best(count, self.objective.direction)]

    @property
    def best_trials(self) -> list[Best]:
        """The front: all trials that no other beats, where one beats another that is as good in each objective and better in
        one. Sorted by the first objective; with one objective, the best trial alone."""
        if len(self.objectives) == 1:
            return self.top(1)
        trials = {trial.number: trial for trial in self.trials}
        return [Best(self, trials[number]) for number in find_front(self._database.values(), self.objectives)]

    @property
    def space(self) -> dict[str, dict[str, Any]]:
        """The hyperparameters that any trial had, as plain data."""
        return {name: domain.as_dict() for name, domain in self._database.space().items()}

    @property
    def seconds(self) -> float:
        return sum(trial.seconds for trial in self.trials)

    def table(self) -> "DataFrame":
        """A pandas frame with a row a trial: state, score and its deviation over the folds, values, epochs, seconds, error.

        With several objectives, whether it is on the front, and the other objectives. With constraints, whether it keeps them.
        """
        import pandas as pd

        trials = self.trials
        names = list(dict.fromkeys(name for trial in trials for name in trial.params))
        done = [trial for trial in trials if trial.state == COMPLETE and trial.is_feasible]
        front = set(find_front({trial.number: trial.values for trial in done}, self.objectives))
        constrained = any(trial.constraints for trial in trials)
        several = len(self.objectives) > 1
        rows = [
            {
                "state": trial.state,
                **({"front": trial.number in front} if several else {}),
                **({"feasible": trial.is_feasible} if constrained else {}),
                self.objective.name: trial.score,
                "deviation": trial.deviation,
                **{one.name: value for one, value in zip(self.objectives[1:], trial.values[1:] or [None] * 9, strict=False)},
                **{name: trial.params.get(name) for name in names},
                "epochs": max(trial.epochs, default=None),
                "seconds": trial.seconds,
                "error": trial.error,
            }
            for trial in trials
        ]
        return pd.DataFrame(rows, index=pd.Index([trial.number for trial in trials], name="trial"))

    def plot(self, *args: Any, **kwargs: object) -> "Figure":
        """Draws the study; see `kerata.search.plots.plot_study`."""
        return plot_study(self, *args, **kwargs)

    def report(self, path: str | os.PathLike = "report.html") -> Path:
        """Writes a page with all that the study found; see `kerata.search.report.write_report`."""
        return write_report(path, self)

    @property
    def luck(self) -> str:
        """How optimistic the best trial's score is, in one sentence; nothing without folds, or of few trials."""
        return summarize(self).luck()

    def examine(self) -> Examination:
        """What the study says of itself: how far its best is luck, what the curves of the best show, whether rates were off.

        Returns:
            An `Examination`, as `kerata.diagnosis.examine` gives.
        """
        return examine_study(self.trials, self.objective)

    def __str__(self) -> str:
        return "\n".join(filter(None, (repr(self), self.luck)))

    def close(self) -> None:
        """Closes the storage; a file can be moved then."""
        self._database.close()

    def __repr__(self) -> str:
        counts = self._database.counts()
        states = ", ".join(f"{count} {state}" for state, count in counts.items()) or "no trial"
        if len(self.objectives) > 1:
            front = find_front(self._database.values(), self.objectives)
            names = ", ".join(one.name for one in self.objectives)
            return f"<Study {self.name!r}: {states}, {plural(len(front), 'trial')} on the front of {names}>"
        found = self._database.best(1, self.objective.direction)
        best = f", best {self.objective.name} {found[0][1]:.4g} (trial {found[0][0]})" if found else ""
        return f"<Study {self.name!r}: {states}{best}>"


def load_study(
    storage: str | os.PathLike,
    name: str | None = None,
    build: Callable[[HyperParameters], Any] | None = None,
    folder: PathLike | None = None,
) -> Study:
    """Opens a study to look at, without training anything.

    Args:
        storage: what `run` had, a path or a URL.
        name: the study's name; may be left out where the storage holds one only.
        build: the builder, for `study.best.refit`.
        folder: where the models are, if not beside the storage.

    >>> import kerata, tempfile
    >>> from kerata import search
    >>> path = tempfile.mkdtemp() + "/study.db"
    >>> def build(hp):
    ...     model = kerata.Sequential([kerata.Input((1,)), kerata.layers.Dense(1)])
    ...     model.compile(kerata.optimizers.SGD(hp.choice("rate", [0.1, 0.01])), "mse")
    ...     return model
    >>> _ = search.run(build, [[1.0], [2.0]], [1.0, 2.0], sampler="grid", objective="loss", storage=path, verbose=0)
    >>> load_study(path).best.params in ({"rate": 0.1}, {"rate": 0.01})
    True
    """
    database = Database(storage, name, create=False)
    card = database.look()
    objectives = make_objectives(card["objective"], card["direction"])
    fit = read_fit(card.get("fit", {}))
    return Study(database, objectives, make_model_files(database, folder), card, build, fit=fit)


def file_name(name: str) -> str:
    """A study's name as a part of a file's name.

    >>> file_name("pima/first try")
    'pima-first-try'
    """
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name)


def make_model_files(database: Database, folder: PathLike | None) -> ModelFiles:
    """Where the models of a study are kept."""
    if folder is not None:
        return ModelFiles(Path(folder), None)
    name = file_name(str(database.name))
    if database.path is not None:
        stem = database.path.stem
        stem = stem if stem == name else f"{stem}-{name}"
        return ModelFiles(database.path.parent / f"{stem}.models", database.path.parent)
    return MemoryModels() if database.url.get_backend_name() == "sqlite" else ModelFiles(Path(f"{name}.models"), None)
