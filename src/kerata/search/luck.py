"""What is luck: whether a difference between variants is more than chance, and how optimistic the best of many trials is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kerata.base.checks import message
from kerata.engine.types import HostArray
from kerata.populations.objective import Objective
from kerata.search.records import COMPLETE, Trial

# Differences that chance gives more rarely than this count as more than luck.
LEVEL = 0.05


@dataclass(frozen=True)
class Difference:
    """How two variants differ over the same folds.

    Attributes:
        mean: the mean of the differences, the first minus the second.
        low, high: the interval that holds the true difference with 95 % confidence.
        chance: how often chance alone gives a difference as large, from 0 to 1.
        runs: the number of folds.
    """

    mean: float
    low: float
    high: float
    chance: float
    runs: int

    @property
    def is_luck(self) -> bool:
        """Whether chance could well have given it."""
        return not self.chance < LEVEL


def paired_difference(
    first: Sequence[float] | HostArray, second: Sequence[float] | HostArray, ratio: float = 0.0
) -> Difference:
    """A t test of paired scores whose training samples overlap, by Nadeau's and Bengio's corrected variance.

    t = mean / sqrt((1 / k + ratio) var) with k - 1 degrees of freedom, over the k differences.

    Args:
        first, second: one score a fold, of the same folds.
        ratio: held samples over training samples of a fold; 0 for runs that do not overlap.

    Source: Nadeau and Bengio, Inference for the Generalization Error, 2003.

    >>> found = paired_difference([0.81, 0.84, 0.79, 0.83, 0.82], [0.78, 0.80, 0.77, 0.80, 0.78], ratio=0.25)
    >>> round(found.mean, 3), round(found.chance, 3), found.is_luck
    (0.032, 0.005, False)
    """
    from scipy import special

    a, b = np.asarray(first, float), np.asarray(second, float)
    if a.shape != b.shape or a.ndim != 1 or len(a) < 2:
        expected = "two scores or more of the same folds are needed"
        raise ValueError(message("paired_difference", expected, {"first": a.shape, "second": b.shape}))
    steps = a - b
    runs, mean = len(steps), float(steps.mean())
    error = float(np.sqrt((1 / runs + ratio) * steps.var(ddof=1)))
    if error == 0:
        return Difference(mean, mean, mean, 1.0 if mean == 0 else 0.0, runs)
    chance = 2 * float(special.stdtr(runs - 1, -abs(mean) / error))
    half = float(special.stdtrit(runs - 1, 0.975)) * error
    return Difference(mean, mean - half, mean + half, chance, runs)


def say_difference(names: Sequence[str], found: Difference, objective: Objective) -> str:
    """The difference between the best variant and the second in one sentence."""
    first, second = names[0], names[1]
    if found.mean == found.low == found.high == 0:
        return f"{first} and {second} are equal in {objective.name} over {found.runs} runs."
    size = f"{abs(found.mean):.3g} in {objective.name} over {found.runs} runs"
    if found.is_luck:
        return (
            f"{first} is ahead of {second} by {size}, which may be luck: chance gives as much in {found.chance:.0%} of the "
            "cases. Take the simpler one, or compare on more folds."
        )
    often = f"{found.chance:.1%}" if found.chance >= 0.001 else "less than 0.1%"
    return f"{first} is ahead of {second} by {size}, more than luck: chance gives as much in {often} of the cases."


def optimism_of(scores: Sequence[Sequence[float]], objective: Objective) -> float:
    """How much better the best of some trials looks than it is, at least 0, from the scores of their folds.

    The trial that is best on average is chosen for all folds; on each fold some other one is the best. The mean of what it
    lacks there estimates what choosing it has gained by luck.

    Args:
        scores: for each trial one score a fold.
        objective: what was chosen by.

    Source: Tibshirani and Tibshirani, A Bias Correction for the Minimum Error Rate in Cross-Validation, 2009.

    >>> optimism_of([[0.8, 0.6], [0.6, 0.7], [0.1, 0.1]], Objective("val_accuracy", "max"))
    0.04999...
    """
    values = np.asarray(scores, float) * (1 if objective.direction == "max" else -1)
    chosen = values[values.mean(1).argmax()]
    return float((values.max(0) - chosen).mean())


def as_good_as_best(scores: Sequence[Sequence[float]], objective: Objective) -> int:
    """How many trials, the best among them, are not behind the best by more than luck, over the same equal folds.

    Args:
        scores: for each trial one score a fold, of two folds or more that share their training samples.
        objective: what was chosen by.

    >>> as_good_as_best([[0.80, 0.84, 0.82], [0.79, 0.84, 0.81], [0.50, 0.52, 0.51]], Objective("val_accuracy", "max"))
    2
    """
    values = np.asarray(scores, float) * (1 if objective.direction == "max" else -1)
    best = values[values.mean(1).argmax()]
    # Of k equal folds each trains on k - 1 times what it holds out.
    ratio = 1 / (values.shape[1] - 1)
    return sum(paired_difference(best, each, ratio).is_luck for each in values)


def mean_interval(scores: Sequence[float] | HostArray, ratio: float) -> float:
    """Half of the interval that holds the mean over folds with 95 % confidence, corrected for their overlap; 0 of one fold.

    Args:
        scores: one a fold.
        ratio: held samples over training samples of a fold.

    >>> round(mean_interval([0.80, 0.82, 0.84], 0.5), 4)  # 4.303 * sqrt((1 / 3 + 0.5) * 0.0004)
    0.0786
    """
    from scipy import special

    values = np.asarray(scores, float)
    if len(values) < 2:
        return 0.0
    error = float(np.sqrt((1 / len(values) + ratio) * values.var(ddof=1)))
    return float(special.stdtrit(len(values) - 1, 0.975)) * error


def say_optimism(trials: Sequence[Trial], objective: Objective) -> str:
    """How optimistic the best trial's score is, in one sentence; nothing where there are no folds, or few trials."""
    done = [t for t in trials if t.state == COMPLETE and t.is_feasible and t.score is not None and len(t.scores) > 1]
    folds = {len(trial.scores) for trial in done}
    if len(done) < 3 or len(folds) != 1 or not all(np.isfinite(trial.scores).all() for trial in done):
        return ""
    gained = optimism_of([trial.scores for trial in done], objective)
    best = max(done, key=lambda t: (t.score or 0.0) * (1 if objective.direction == "max" else -1))
    fair = (best.score or 0.0) - gained * (1 if objective.direction == "max" else -1)
    # Nothing to take off, or less than is written.
    if f"{fair:.4g}" == f"{best.score:.4g}":
        return ""
    return (
        f"The best of {len(done)} trials looks better than it is, by about {gained:.3g}: on new data expect {objective.name} "
        f"near {fair:.4g}, not {best.score:.4g}."
    )
