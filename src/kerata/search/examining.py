"""Folds and studies, examined: how far scores are luck, and what the curves of the best show."""

import time
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from kerata.base.checks import message
from kerata.diagnosis.judgement.finding import Examination, Finding, found
from kerata.diagnosis.judgement.pictures import Panel
from kerata.diagnosis.reading import read_curves
from kerata.engine.types import HostArray
from kerata.populations.objective import Objective
from kerata.search.curves import mean_curves
from kerata.search.luck import as_good_as_best, mean_interval, optimism_of
from kerata.search.records import COMPLETE, FAILED, Trial

NADEAU = "Nadeau and Bengio, Inference for the Generalization Error, 2003"
TIBSHIRANI = "Tibshirani and Tibshirani, A Bias Correction for the Minimum Error Rate in Cross-Validation, 2009"
# What training lowers is called so, by `compile` and in Keras's examples.
LOSSES = ("loss", "total_loss")


def loss_among(names: Iterable[str]) -> str | None:
    """The name of what training lowers: a step of one's own may call it otherwise than `"loss"`.

    >>> loss_among(["kl_loss", "total_loss"]), loss_among(["triplet"]), loss_among([])
    ('total_loss', 'triplet', None)
    """
    known = list(names)
    return next((name for name in LOSSES if name in known), known[0] if known else None)


def say_folds(scores: Mapping[str, HostArray], trained: int, held: int) -> Finding:
    """Within what the mean over the folds is known, corrected for the overlap of their training samples.

    Args:
        scores: of each measure, one number a fold.
        trained, held: the samples of a fold.
    """
    plain = [name for name, values in scores.items() if np.ndim(values) == 1]
    name = next((name for name in plain if "accuracy" in name or name == "acc"), None) or loss_among(plain)
    if name is None:
        raise ValueError(message("cross_validate", "nothing was measured in the folds", {"scores": list(scores)}))
    values = np.asarray(scores[name], float)
    half = mean_interval(values, held / trained)
    return found(
        "spread_of_folds",
        "hint",
        "Over {folds} folds {name} goes from {low:.3g} to {high:.3g}; its mean, {mean:.3g}, is known to about {half:.2g} "
        "either way. A variant that differs by less may do so by luck: compare both on the same folds.",
        "kerata.search.compare(None, x, y, variants=[...], cv=5)",
        NADEAU,
        1.0,
        folds=len(values),
        name=name,
        low=float(values.min()),
        high=float(values.max()),
        mean=float(values.mean()),
        half=half,
    )


def examine_study(trials: Sequence[Trial], objective: Objective) -> Examination:
    """Findings about a search.

    Args:
        trials: all of them.
        objective: what the search was after.
    """
    began = time.perf_counter()
    sign = -1 if objective.direction == "max" else 1
    done = sorted(
        (t for t in trials if t.state == COMPLETE and t.score is not None and t.is_feasible),
        key=lambda t: sign * (t.score or 0.0),
    )
    findings = [*say_failed(trials), *say_best(done, objective)]
    if done and done[0].histories:
        reading = read_curves(mean_curves(done[0]))
        severity = {"good": "fine", "too_short": "hint"}.get(reading.kind, "mild")
        findings.append(
            found(
                reading.kind,
                severity,
                "{reading}",
                "study.best.refit(x, y)",
                "kerata.diagnosis.read_curves",
                reading=reading.sentence,
            )
        )
    if not findings:
        findings.append(found("nothing_found", "hint", "No trial is complete yet.", "", ""))
    findings.sort(key=lambda finding: finding.weight, reverse=True)
    panels = (
        [
            Panel(
                "scores of the trials, the best first",
                "lines",
                {objective.name: [float(t.score or 0.0) for t in done]},
                along="place",
            )
        ]
        if done
        else []
    )
    return Examination(findings, [], time.perf_counter() - began, panels)


def say_failed(trials: Sequence[Trial]) -> list[Finding]:
    """Many trials that failed."""
    failed = sum(trial.state == FAILED for trial in trials)
    if not failed or failed < 0.1 * len(trials):
        return []
    text = "{failed} of {trials} trials failed: look at why in study.table(), and narrow the space, the learning rate first."
    return [
        found(
            "failed_trials", "mild", text, "hp.float('rate', 1e-4, 1e-2, log=True)", "", 2.0, failed=failed, trials=len(trials)
        )
    ]


def say_best(done: Sequence[Trial], objective: Objective) -> list[Finding]:
    """How optimistic the best is, where there are folds."""
    folded = [trial for trial in done if len(trial.scores) > 1 and np.isfinite(trial.scores).all()]
    if len(folded) < 3 or len({len(trial.scores) for trial in folded}) != 1:
        return []
    scores = [trial.scores for trial in folded]
    gained, good = optimism_of(scores, objective), as_good_as_best(scores, objective)
    best = float(folded[0].score or 0.0)
    equal = [
        found(
            "as_good_as_best",
            "hint",
            "{good} of {trials} trials are not behind the best by more than luck, over {folds} folds: among them, take the "
            "simplest or the fastest.",
            "study.table().head()",
            NADEAU,
            2.5,
            good=good,
            trials=len(folded),
            folds=len(folded[0].scores),
        )
    ]
    return (equal if good > 1 else []) + [
        found(
            "optimism",
            "hint",
            "The best of {trials} trials has {name} {best:.4g}, of which about {gained:.3g} is luck of the choice: on new "
            "data expect "
            "about {fair:.4g}. Keep a test set that no trial has seen.",
            "study.best.refit(x, y).evaluate(x_test, y_test)",
            TIBSHIRANI,
            3.0,
            trials=len(folded),
            name=objective.name,
            best=best,
            gained=gained,
            fair=best - gained if objective.direction == "max" else best + gained,
        )
    ]
