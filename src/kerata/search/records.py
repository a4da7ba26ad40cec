"""What a search remembers of its trials, as plain data: what the storage keeps, tables show and reports draw."""

import math
from dataclasses import dataclass, field
from typing import Any

COMPLETE, PRUNED, FAILED, RUNNING, WAITING = "complete", "pruned", "failed", "running", "waiting"


@dataclass
class Trial:
    """One set of values that was tried.

    Attributes:
        number: counts from 0 in the study.
        params: the value of each hyperparameter by name.
        state: "waiting", "running", "complete", "pruned" or "failed".
        score: the mean of `scores`; `None` while there is none.
        scores: the objective of each fold, one number where there are no folds.
        values: where there are several objectives, the value of each; `score` and `scores` are those of the first.
        histories: for each fold the curves, name to one number an epoch.
        epochs: for each fold the epochs that were run.
        best_epochs: for each fold the epoch, counted from 1, that the score comes from.
        seconds: time spent, its share where trials trained side by side.
        error: why it failed, or at which epoch it was cut.
        started, ended: seconds since 1970.
        model_files: the saved model of each fold, where they were kept.
        parameters: how many numbers the model's weights have; `None` where nothing was trained.
        constraints: by how much each constraint is broken; 0 or less where it is kept.
    """

    number: int
    params: dict[str, Any]
    state: str = WAITING
    score: float | None = None
    scores: list[float] = field(default_factory=list)
    histories: list[dict[str, list[float]]] = field(default_factory=list)
    epochs: list[int] = field(default_factory=list)
    best_epochs: list[int] = field(default_factory=list)
    seconds: float = 0.0
    error: str | None = None
    started: float | None = None
    ended: float | None = None
    model_files: list[str] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    parameters: int | None = None
    constraints: list[float] = field(default_factory=list)

    @property
    def is_feasible(self) -> bool:
        """Whether the trial keeps all constraints; where there are none it does."""
        return all(value <= 0 for value in self.constraints)

    @property
    def deviation(self) -> float | None:
        """The standard deviation of the folds' scores."""
        if not self.scores:
            return None
        mean = sum(self.scores) / len(self.scores)
        return math.sqrt(sum((s - mean) ** 2 for s in self.scores) / len(self.scores))
