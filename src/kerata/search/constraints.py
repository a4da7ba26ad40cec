"""Constraints: what a trial must keep to be taken as the best, known only once it is trained."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, cast

import numpy as np

from kerata.base.checks import message
from kerata.search.records import Trial

# A number for each constraint, 0 or less where the trial keeps it.
Constraints: TypeAlias = Callable[[Trial], float | Sequence[float]]
# Optuna's key of what a trial is constrained by, for all constraints in one list or with the name of one behind it.
CONSTRAINTS = "constraints"


def check_constraints(constraints: object) -> Constraints | None:
    """What `run` was given as `constraints`, if it can be called."""
    if constraints is None or callable(constraints):
        return cast("Constraints | None", constraints)
    raise TypeError(
        message(
            "search",
            "`constraints` must be a function of a trial that returns numbers, 0 or less where it keeps them",
            {"constraints": constraints},
            "For example: constraints=lambda trial: trial.parameters - 50_000",
        )
    )


def judge(constraints: Constraints, trial: Trial) -> list[float]:
    """By how much a trial breaks each constraint; 0 or less where it does not.

    >>> judge(lambda trial: [trial.parameters - 100, trial.score - 0.5], Trial(0, {}, score=0.25, parameters=120))
    [20.0, -0.25]
    """
    found = constraints(trial)
    try:
        numbers = np.atleast_1d(np.asarray(found, np.float64))
    except (TypeError, ValueError):
        numbers = np.array([np.nan])
    if numbers.ndim != 1 or not numbers.size or np.isnan(numbers).any():
        raise ValueError(
            message("constraints", "a number is needed for each constraint, 0 or less where it is kept", {"returned": found})
        )
    return numbers.tolist()


def read_constraints(notes: dict[str, Any]) -> list[float]:
    """What Optuna's attributes of a trial say of its constraints.

    >>> read_constraints({"constraints": [1.0, -2.0]}), read_constraints({"constraints:size": 3.0, "other": 1})
    ([1.0, -2.0], [3.0])
    """
    named = [value for key, value in notes.items() if key.startswith(f"{CONSTRAINTS}:")]
    return [*(notes.get(CONSTRAINTS) or ()), *named]
