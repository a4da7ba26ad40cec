"""The curves of a trial over its folds, thinned for drawing."""

import math

import numpy as np

from kerata.populations.objective import Objective
from kerata.search.records import Trial

SKIPPED = ("learning_rate", "lr")


def measure_names(trials: list[Trial], objective: Objective) -> list[str]:
    """The measures that trials kept, without "val_": the objective's first, then the loss.

    >>> measure_names([Trial(0, {}, histories=[{"loss": [1.0], "auc": [0.5], "acc": [0.5]}])], Objective("val_acc", "max"))
    ['acc', 'loss', 'auc']
    """
    names = {name.removeprefix("val_"): None for trial in trials for fold in trial.histories for name in fold}
    wanted = objective.name.removeprefix("val_")
    kept = [name for name in names if name not in SKIPPED or name == wanted]
    return sorted(kept, key=lambda name: (name != wanted, name != "loss"))


def why_no_value(objective: Objective, histories: list[dict[str, list[float]]]) -> str:
    """Why an objective has no value in any epoch: nobody measures it, or it never was a finite number.

    >>> why_no_value(Objective("val_loss", "min"), [{"total": [1.0], "val_total": [2.0]}])
    'val_loss is not among what is measured: total, val_total'
    """
    known = sorted({name for history in histories for name in history})
    if known and objective.name not in known:
        return f"{objective.name} is not among what is measured: {', '.join(known)}"
    return f"{objective.name} was never a finite number"


def mean_curve(histories: list[dict[str, list[float]]], name: str) -> list[float]:
    """The mean over the folds, as far as all of them ran: where one stops early, a mean of the others would jump.

    >>> mean_curve([{"loss": [3.0, 2.0, 1.0]}, {"loss": [1.0, 1.0]}], "loss")
    [2.0, 1.5]
    """
    curves = [fold[name] for fold in histories if len(fold.get(name, ()))]
    if not curves:
        return []
    epochs = min(map(len, curves))
    # Curves of diverging models overflow; what comes out is infinite, which is right.
    with np.errstate(over="ignore", invalid="ignore"):
        return np.mean([np.asarray(curve[:epochs], float) for curve in curves], axis=0).tolist()


def mean_curves(trial: Trial) -> dict[str, list[float]]:
    """All measures of a trial, each the mean over its folds."""
    names = {name: None for fold in trial.histories for name in fold}
    return {name: curve for name in names if (curve := mean_curve(trial.histories, name))}


def thin_epochs(length: int, points: int) -> list[int]:
    """At most `points` places of a curve, evenly spread, with both ends.

    >>> thin_epochs(4, 10), thin_epochs(101, 3)
    ([0, 1, 2, 3], [0, 50, 100])
    """
    if length <= points:
        return list(range(length))
    return sorted({round(i * (length - 1) / (points - 1)) for i in range(points)})


def thin_curve(curve: list[float], points: int) -> list[object]:
    """The curve at those places, with four digits; `None` where it is not finite."""
    return [round_digits(curve[i], 4) for i in thin_epochs(len(curve), points)]


def round_digits(value: float | None, digits: int) -> object:
    """
    >>> round_digits(0.123456, 3), round_digits(float("nan"), 3), round_digits(None, 3)
    (0.123, None, None)
    """
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{digits}g}")
