"""A study in plain words: what was tried, what came out best, how long it took. Tables, pages and progress share these."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, Protocol, TypeGuard

from kerata.base.checks import message
from kerata.callbacks.progress import format_number, format_seconds
from kerata.populations.objective import Objective
from kerata.search.front import find_front
from kerata.search.luck import say_optimism
from kerata.search.records import COMPLETE, FAILED, PRUNED, RUNNING, WAITING, Trial

STATES = (COMPLETE, PRUNED, FAILED, RUNNING, WAITING)


@dataclass
class Parameter:
    """One hyperparameter, as the pictures need it.

    Attributes:
        name: as the builder spelled it.
        kind: "number" or "category".
        log: whether it was drawn on a logarithmic scale.
        low, high: the range that was searched, widened to the values that were tried; numbers only.
        choices: the values of a category, in their order.
        whole: whether its values are whole numbers.
    """

    name: str
    kind: str
    log: bool = False
    low: float = 0.0
    high: float = 0.0
    choices: list[Any] = field(default_factory=list)
    whole: bool = False

    def place(self, value: object) -> float | None:
        """The value as a number: itself, or the place among the choices."""
        if self.kind == "number":
            return float(value) if is_finite(value) else None
        return next((float(i) for i, choice in enumerate(self.choices) if same(choice, value)), None)


@dataclass
class Summary:
    """A study, read once.

    Attributes:
        name: of the study.
        objective: what it is after.
        trials: ordered by number.
        names: of all hyperparameters.
        parameters: those that took more than one value.
        best, worst: among complete trials with a finite score; `None` while there is none.
        seconds: spent on training; trials that train side by side share the time.
        objectives: all, where there are several.
        front: of several objectives, the trials that no other beats, sorted by the first.
    """

    name: str
    objective: Objective
    trials: list[Trial]
    names: list[str]
    parameters: list[Parameter]
    best: Trial | None
    worst: Trial | None
    seconds: float
    objectives: list[Objective] = field(default_factory=list)
    front: list[Trial] = field(default_factory=list)

    @property
    def scored(self) -> list[Trial]:
        """Complete trials with a finite score."""
        return [trial for trial in self.trials if is_scored(trial)]

    @property
    def folds(self) -> int:
        """How many folds a trial has."""
        return max((len(trial.scores) or len(trial.histories) for trial in self.trials), default=0)

    def count(self, state: str) -> int:
        """How many trials are in a state."""
        return sum(trial.state == state for trial in self.trials)

    def headline(self) -> list[str]:
        """The study in a few sentences."""
        return [sentence for sentence in (say_tried(self), say_best(self), self.luck(), say_rest(self)) if sentence]

    def luck(self) -> str:
        """How optimistic the best trial's score is, in one sentence; nothing where that cannot be told."""
        return "" if len(self.objectives) > 1 else say_optimism(self.trials, self.objective)


class Searched(Protocol):
    """A study, or what looks like one to those who only read: `name`, `space` and `seconds` may be there too."""

    @property
    def trials(self) -> Sequence[Trial]: ...
    @property
    def objective(self) -> Objective: ...


def summarize(study: Searched) -> Summary:
    """Reads a study.

    Args:
        study: anything with `.trials` and `.objective`; `.name`, `.space` and `.seconds` are read where they are there.
    """
    trials, objective = getattr(study, "trials", None), getattr(study, "objective", None)
    if trials is None or objective is None:
        raise TypeError(message("search", "a study with `.trials` and `.objective` was expected", {"study": study}))
    trials = sorted(trials, key=lambda trial: trial.number)
    space = getattr(study, "space", None) or {}
    names = list(dict.fromkeys([*space, *(name for trial in trials for name in trial.params)]))
    parameters = [describe_parameter(name, space.get(name, {}), trials) for name in names]
    best, worst = find_extremes(trials, objective)
    seconds = getattr(study, "seconds", None)
    seconds = float(seconds) if is_finite(seconds) else sum(trial.seconds for trial in trials)
    name = clean(getattr(study, "name", None) or "")
    summary = Summary(name, objective, trials, names, [p for p in parameters if p], best, worst, seconds)
    objectives: list[Objective] = list(getattr(study, "objectives", ()))
    if len(objectives) > 1:
        by_number = {trial.number: trial for trial in trials if trial.state == COMPLETE and trial.is_feasible}
        front = find_front({number: trial.values for number, trial in by_number.items()}, objectives)
        summary.objectives, summary.front = objectives, [by_number[number] for number in front]
    return summary


def describe_parameter(name: str, spec: dict[str, Any], trials: list[Trial]) -> Parameter | None:
    """What is known of a hyperparameter from the space and from its values; `None` for one that never changes."""
    values = [trial.params[name] for trial in trials if name in trial.params]
    kinds = {value_kind(value) for value in values}
    kind = spec.get("kind") or ("float" if kinds == {"number"} else "choice")
    if kind in ("float", "int") and kinds <= {"number"}:
        ends = [float(v) for v in (spec.get("low"), spec.get("high"), *values) if is_finite(v)]
        tried = {float(v) for v in values if is_finite(v)}
        if len(tried) < 2:
            return None
        log = bool(spec.get("log")) and min(ends) > 0
        whole = all(v.is_integer() for v in tried)
        return Parameter(name, "number", log, min(ends), max(ends), whole=whole)
    choices: list[Any] = []
    for value in [*(spec.get("choices") or ([False, True] if kind == "boolean" else [])), *values]:
        if not any(same(value, known) for known in choices):
            choices.append(value)
    used = [choice for choice in choices if any(same(choice, value) for value in values)]
    return Parameter(name, "category", choices=choices) if len(used) > 1 else None


def value_kind(value: object) -> str:
    return "number" if isinstance(value, Real) and not isinstance(value, bool) else "category"


def same(a: object, b: object) -> bool:
    """Equality that tells True from 1 and does not stumble over arrays."""
    return type(a) is type(b) and repr(a) == repr(b)


def is_finite(value: Any) -> TypeGuard[float]:
    """Whether the value is a number that can be drawn.

    >>> is_finite(2), is_finite(float("nan")), is_finite("2"), is_finite(None)
    (True, False, False, False)
    """
    if isinstance(value, (str, bytes)) or value is None:
        return False
    try:
        return math.isfinite(value)
    except (TypeError, ValueError, OverflowError):
        return False


def is_scored(trial: Trial) -> bool:
    """Whether the trial is complete, with a score that can be compared."""
    return trial.state == COMPLETE and is_finite(trial.score)


def find_extremes(trials: Iterable[Trial], objective: Objective) -> tuple[Trial | None, Trial | None]:
    """The best and the worst of the complete trials that keep their constraints; the earlier one where they are equal."""
    best: tuple[float, Trial] | None = None
    worst: tuple[float, Trial] | None = None
    for trial in trials:
        if trial.state == COMPLETE and is_finite(score := trial.score) and trial.is_feasible:
            best = (score, trial) if best is None or objective.better(score, best[0]) else best
            worst = (score, trial) if worst is None or objective.better(worst[0], score) else worst
    return None if best is None else best[1], None if worst is None else worst[1]


# -- sentences


def say_tried(summary: Summary) -> str:
    """What was tried."""
    if not summary.trials:
        return "No trial has been started yet."
    trials = plural(len(summary.trials), "trial")
    over = f" of {plural(len(summary.names), 'hyperparameter')}" if summary.names else ""
    folds = f", each on {summary.folds} folds" if summary.folds > 1 else ""
    time = f"; {format_seconds(summary.seconds)} of training" if summary.seconds > 0 else ""
    return f"{trials}{over}{folds}{time}."


def say_best(summary: Summary) -> str:
    """The best score, and the values that gave it."""
    best, objective = summary.best, summary.objective
    if best is None:
        return f"No trial has a {clean(objective.name)} yet." if summary.trials else ""
    values = format_params(best.params)
    if summary.objectives:
        names = ", ".join(clean(one.name, 60) for one in summary.objectives)
        front = plural(len(summary.front), "trial")
        return f"{front} on the front of {names}. What follows looks at {clean(objective.name)} alone."
    return f"Best {clean(objective.name)}: {format_result(best)}, trial {best.number}{f', with {values}' if values else ''}."


def say_rest(summary: Summary) -> str:
    """What became of the others."""
    words = {PRUNED: "cut early", FAILED: "failed", RUNNING: "running", WAITING: "waiting"}
    parts = [f"{summary.count(state)} {word}" for state, word in words.items() if summary.count(state)]
    return f"{summary.count(COMPLETE)} complete, {', '.join(parts)}." if parts else ""


# -- words for numbers and values


def plural(count: int, noun: str) -> str:
    """
    >>> plural(1, "trial"), plural(1200, "trial")
    ('1 trial', '1,200 trials')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def format_result(trial: Trial) -> str:
    """`0.9432 ± 0.0210`: the score, and how far its folds lie apart."""
    score = format_number(float(trial.score)) if trial.score is not None else "no score"
    return f"{score} ± {format_number(trial.deviation)}" if len(trial.scores) > 1 and is_finite(trial.deviation) else score


def format_value(value: Any, limit: int = 32) -> str:
    """A hyperparameter's value, short.

    >>> format_value(0.00123456), format_value(64), format_value(True), format_value("re\\nlu"), format_value(None)
    ('0.00123', '64', 'True', 're lu', 'None')
    """
    if isinstance(value, str):
        return clean(value, limit)
    if isinstance(value, (bool, int)) or value is None:
        return clean(str(value), limit)
    try:
        return f"{float(value):.3g}"
    except (TypeError, ValueError, OverflowError):
        return clean(repr(value), limit)


def format_params(params: dict[str, Any], limit: int = 32) -> str:
    """
    >>> format_params({"lr": 0.01, "units": 64})
    'lr 0.01, units 64'
    """
    return ", ".join(f"{clean(name, limit)} {format_value(value, limit)}" for name, value in params.items())


def clean(text: object, limit: int = 400) -> str:
    """Text in one line that draws nothing but letters: control codes and line breaks become spaces.

    >>> clean("a\\x1b[31m\\n b")
    'a [31m b'
    """
    text = " ".join("".join(c if c.isprintable() else " " for c in str(text)[: 4 * limit]).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
