"""How much each hyperparameter has to do with the score."""

import math
import warnings
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from kerata.populations.objective import Objective
from kerata.search.records import PRUNED, Trial
from kerata.search.summary import Parameter, Searched, Summary, is_finite, is_scored, summarize

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

# With fewer trials any estimate is noise.
FEWEST = 8
# The share of trials that counts as good; at least GOOD of them, or the estimate rests on too few.
TOP, GOOD = 0.25, 5


@dataclass(frozen=True)
class Importance:
    """Shares of importance, and where they come from.

    Attributes:
        shares: name to share, the largest first; they sum to 1. Empty where nothing can be told.
        method: a sentence that says how they were found, or why not.
    """

    shares: dict[str, float] = field(default_factory=dict)
    method: str = ""


def importance(study: Searched) -> dict[str, float]:
    """How much of what makes a trial good lies in each hyperparameter: name to share, the largest first.

    Hyperparameters that took one value only are left out, and the result is empty with fewer than 8 trials or where all
    scores are equal: nothing could be told from them.

    Args:
        study: a study, or anything with `.trials` and `.objective`.

    Source: PED-ANOVA (Watanabe et al. 2023) as Optuna has it; without Optuna, the share of the scores' ranks that the
        values of one hyperparameter explain (the epsilon squared of a Kruskal-Wallis test).
    """
    return measure_importance(summarize(study)).shares


def measure_importance(summary: Summary) -> Importance:
    """The shares, with the sentence that goes beside them."""
    trials, ranks = rank_trials(summary.trials, summary.objective)
    if not summary.parameters:
        return Importance({}, "No hyperparameter took more than one value.")
    if len(trials) < FEWEST:
        return Importance({}, f"Too few trials to tell: {len(trials)} with a score, at least {FEWEST} are needed.")
    if np.ptp(ranks) == 0:
        return Importance({}, "All scores are equal, so no hyperparameter mattered.")
    if len(summary.parameters) == 1:
        return Importance({summary.parameters[0].name: 1.0}, "Only one hyperparameter took more than one value.")
    cut = " Trials that were cut early count as worse than those that ran on." if has_pruned(trials) else ""
    weights = ask_optuna(summary.parameters, trials, ranks)
    if weights is not None and sum(weights.values()) > 0:
        share = max(TOP, min(0.5, GOOD / len(trials)))
        text = f"PED-ANOVA: how far the values of the best {share:.0%} of {len(trials)} trials differ from those of all."
        return Importance(normalize(weights), text + cut)
    weights = {p.name: explain_ranks([p.place(t.params.get(p.name)) for t in trials], p, ranks) for p in summary.parameters}
    if sum(weights.values()) == 0:
        return Importance({}, f"No hyperparameter by itself explains the scores of {len(trials)} trials.")
    text = f"The share of the scores' ranks that each hyperparameter explains by itself, over {len(trials)} trials."
    return Importance(normalize(weights), text + cut)


def has_pruned(trials: list[Trial]) -> bool:
    return any(trial.state == PRUNED for trial in trials)


def normalize(weights: dict[str, float]) -> dict[str, float]:
    """Shares that sum to 1, the largest first.

    >>> normalize({"a": 1.0, "b": 3.0})
    {'b': 0.75, 'a': 0.25}
    """
    total = sum(weights.values())
    return {name: weight / total for name, weight in sorted(weights.items(), key=lambda item: -item[1])}


def rank_trials(trials: list[Trial], objective: Objective) -> tuple[list[Trial], np.ndarray]:
    """Trials with a score, and their ranks from 0 (worst) on; equal scores share the mean of their ranks.

    Ranks, because one diverged trial would outweigh all others. A trial that was cut early stands below those that ran
    further: its score was measured after fewer epochs.

    >>> trials = [Trial(0, {}, "complete", 0.5), Trial(1, {}, "complete", 0.9), Trial(2, {}, "pruned", 0.6, epochs=[3])]
    >>> rank_trials(trials, Objective("val_accuracy", "max"))[1]
    array([1., 2., 0.])
    """
    kept = [t for t in trials if is_scored(t) or (t.state == PRUNED and is_finite(t.score))]
    sign = 1.0 if objective.direction == "max" else -1.0
    keys = [(math.inf if is_scored(t) else max(t.epochs, default=0), sign * float(t.score or 0.0)) for t in kept]
    places: dict[tuple[float, float], list[int]] = {}
    for place, key in enumerate(sorted(keys)):
        places.setdefault(key, []).append(place)
    return kept, np.array([float(np.mean(places[key])) for key in keys])


def ask_optuna(parameters: list[Parameter], trials: list[Trial], ranks: np.ndarray) -> dict[str, float] | None:
    """PED-ANOVA on a study in memory; `None` where Optuna is absent, or too old for conditional hyperparameters."""
    try:
        import optuna
        from optuna.importance import PedAnovaImportanceEvaluator
    except ImportError:
        return None
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(direction="maximize")
        spaces = {p.name: make_distribution(optuna.distributions, p) for p in parameters}
        study.add_trials([make_frozen(optuna, parameters, spaces, t, r) for t, r in zip(trials, ranks, strict=True)])
        quantile = max(TOP, min(0.5, GOOD / len(trials)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            evaluator = PedAnovaImportanceEvaluator(target_quantile=quantile)
            found = optuna.importance.get_param_importances(study, evaluator=evaluator, normalize=False)
    finally:
        optuna.logging.set_verbosity(verbosity)
    if set(found) != set(spaces) or not all(is_finite(v) for v in found.values()):
        return None
    return {name: max(0.0, float(value)) for name, value in found.items()}


def make_distribution(distributions: ModuleType, parameter: Parameter) -> object:
    """The hyperparameter in Optuna's terms. Choices go in by their place, so they may be of any kind."""
    if parameter.kind == "category":
        return distributions.CategoricalDistribution(tuple(range(len(parameter.choices))))
    if parameter.whole and float(parameter.low).is_integer() and float(parameter.high).is_integer():
        return distributions.IntDistribution(int(parameter.low), int(parameter.high), log=parameter.log)
    return distributions.FloatDistribution(parameter.low, parameter.high, log=parameter.log)


def make_frozen(
    optuna: ModuleType, parameters: list[Parameter], spaces: dict[str, Any], trial: Trial, rank: float
) -> "FrozenTrial":
    """The trial in Optuna's terms, with the hyperparameters that it used."""
    places = {p.name: p.place(trial.params[p.name]) for p in parameters if p.name in trial.params}
    is_float = {p.name: isinstance(spaces[p.name], optuna.distributions.FloatDistribution) for p in parameters}
    values = {name: place if is_float[name] else int(place) for name, place in places.items() if place is not None}
    return optuna.trial.create_trial(params=values, distributions={name: spaces[name] for name in values}, value=float(rank))


def explain_ranks(places: list[float | None], parameter: Parameter, ranks: np.ndarray) -> float:
    """The share of the ranks' variance that lies between groups of values, less what chance alone would give.

    Numbers are cut into groups of equal size. Trials that did not use the hyperparameter are a group of their own.
    """
    used = np.array([place is not None for place in places])
    values = np.array([place or 0.0 for place in places])
    groups = np.full(len(places), -1)
    if parameter.kind == "category":
        groups[used] = values[used].astype(int)
    else:
        bins = int(np.clip(round(math.sqrt(used.sum()) / 1.5), 2, 8))
        edges = np.quantile(values[used], np.linspace(0, 1, bins + 1)[1:-1])
        groups[used] = np.searchsorted(edges, values[used], side="right")
    kinds = np.unique(groups)
    if len(kinds) < 2 or len(ranks) <= len(kinds):
        return 0.0
    within = sum(((ranks[groups == k] - ranks[groups == k].mean()) ** 2).sum() for k in kinds)
    total = ((ranks - ranks.mean()) ** 2).sum()
    return float(max(0.0, 1.0 - (within / (len(ranks) - len(kinds))) / (total / (len(ranks) - 1))))
