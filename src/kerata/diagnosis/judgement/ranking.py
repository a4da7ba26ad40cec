"""What to say first: causes before what follows from them, and of a healthy run that it is one."""

import numpy as np

from kerata.diagnosis.judgement.case import Case
from kerata.diagnosis.judgement.curves import NOTES
from kerata.diagnosis.judgement.experiments import Tried
from kerata.diagnosis.judgement.finding import SEVERITIES, Finding, found
from kerata.diagnosis.judgement.fitting import FEW_STEPS, steps_of
from kerata.diagnosis.judgement.measures import Scores
from kerata.diagnosis.judgement.runs import run_of
from kerata.engine.types import HostArray

# Of so few samples nothing can be said.
FEWEST = 3
RATES = {"rate_too_high", "rate_too_low", "diverged", "batch_too_small"}
LENGTH = {"too_few_epochs", "stopped_too_early", "batch_too_large"}
UNDER = {
    "underfitting_capacity",
    "underfitting_optimization",
    "baseline_not_beaten",
    "labels_unrelated",
    "ten_samples_not_learned",
}
INSIDE = {
    "dead_units",
    "saturated_units",
    "vanishing_gradients",
    "exploding_gradients",
    "layer_never_changes",
    "sequence_too_long",
}
POOR = RATES | LENGTH | UNDER | INSIDE | {"bad_first_weights", "norm_statistics"}
# What follows from a cause, and is not said beside it.
FOLLOWS: dict[str, set[str]] = {
    "missing_values": {*POOR, "overfitting", "unbalanced_classes"},
    "softmax_of_one": {*POOR, "overfitting", "squared_loss_on_classes", "unbalanced_classes"},
    "double_activation": {*POOR},
    "layer_gives_nan": {*POOR, "overfitting", "unbalanced_classes"},
    "sequence_too_long": {*UNDER, *LENGTH, "vanishing_gradients"},
    "ten_samples_not_learned": {*UNDER, *LENGTH, *RATES, "overfitting"},
    "labels_noisy": {*UNDER, "overfitting", "dropout_with_l2"},
    "no_probabilities": {*POOR, "overfitting"},
    "softmax_with_binary": {"baseline_not_beaten"},
    "sigmoid_with_categorical": {"baseline_not_beaten"},
    "targets_out_of_reach": {*POOR, "overfitting", "target_outliers"},
    "all_frozen": {*POOR, "overfitting", "too_much_dropout", "too_much_l2"},
    "head_frozen": {*POOR},
    "sorted_split": {
        *POOR,
        "overfitting",
        "validation_differs",
        "category_missing",
        "unbalanced_classes",
        "class_missing",
        "validation_too_small",
    },
    "class_missing": {*POOR, "overfitting", "validation_differs", "category_missing"},
    "labels_differ": {
        *POOR,
        "overfitting",
        "sorted_split",
        "class_missing",
        "validation_differs",
        "unbalanced_classes",
        "category_missing",
        "labels_noisy",
    },
    "validation_differs": {"overfitting", "baseline_not_beaten", "labels_unrelated", "norm_statistics", "category_missing"},
    "category_missing": {"overfitting", "baseline_not_beaten", "validation_differs"},
    "words_as_numbers": {*POOR, "inputs_not_scaled", "overfitting"},
    "targets_not_scaled": {*UNDER, *LENGTH, *RATES, "exploding_gradients", "overfitting"},
    "inputs_not_scaled": {*RATES, *LENGTH, *UNDER, *INSIDE, "norm_statistics"},
    "bad_first_weights": {*POOR} - {"bad_first_weights"},
    "diverged": {*UNDER, *INSIDE, *LENGTH, "overfitting", "unbalanced_classes", "norm_statistics"},
    "rate_too_high": {*UNDER, *INSIDE, *LENGTH, "overfitting", "norm_statistics"},
    "batch_too_small": {*UNDER, *INSIDE, *LENGTH, "overfitting", "norm_statistics"},
    "batch_too_large": {*UNDER, "rate_too_low"},
    "preprocessing_differs": {"inputs_not_scaled", *RATES, *LENGTH, *UNDER, "norm_statistics"},
    "rate_too_low": {*UNDER, *INSIDE, *LENGTH, "norm_statistics"},
    "dead_units": {*UNDER, *LENGTH, "layer_never_changes", "vanishing_gradients"},
    "saturated_units": {"vanishing_gradients", "baseline_not_beaten", "underfitting_optimization"},
    "vanishing_gradients": {*UNDER, *LENGTH, "saturated_units"},
    "exploding_gradients": {*UNDER, *RATES, *LENGTH},
    "too_few_epochs": {*UNDER},
    "stopped_too_early": {*UNDER},
    "too_much_l2": {*UNDER, *LENGTH},
    "too_much_dropout": {*UNDER, *LENGTH},
    "normalization_hurts": {*UNDER, *LENGTH, "norm_statistics"},
    "tiny_batches_of_norm": {"norm_statistics", "baseline_not_beaten", "normalization_hurts"},
    "underfitting_capacity": {"baseline_not_beaten", "labels_unrelated"},
    "underfitting_optimization": {"baseline_not_beaten"},
    "labels_unrelated": {
        *LENGTH,
        "overfitting",
        "baseline_not_beaten",
        "underfitting_capacity",
        "underfitting_optimization",
        "saturated_units",
        "sequence_too_long",
    },
    "overfitting": {"baseline_not_beaten"},
    "target_outliers": {"baseline_not_beaten", "underfitting_optimization", "validation_differs"},
    "unbalanced_classes": {"baseline_not_beaten", "underfitting_capacity", "underfitting_optimization"},
    "padding_not_masked": {*UNDER, *LENGTH, "rate_too_low", "vanishing_gradients", "sequence_too_long"},
    "leak_of_target": {"leak_of_samples"},
    "leak_of_samples": {"duplicated_samples"},
    "squared_loss_on_classes": {*LENGTH, *UNDER, "rate_too_low"},
}


def rank(case: Case, findings: list[Finding], scores: Scores, tried: Tried) -> list[Finding]:
    """The findings in the order in which one should look at them."""
    best: dict[str, Finding] = {}
    for finding in sorted(findings, key=place):
        best.setdefault(finding.kind, finding)
    every = list(best.values())
    named = [finding for finding in every if not any(is_cause(other, finding) for other in every)]
    if case.train is not None and case.train.size <= FEWEST:
        # Curves and scores of so few samples are chance.
        named = [finding for finding in named if finding.severity == "certain" or finding.kind not in POOR | {"overfitting"}]
    if not any(finding.is_illness for finding in named):
        named.append(say_healthy(case, scores, tried))
    return sorted(named, key=place)


def is_cause(cause: Finding, finding: Finding) -> bool:
    """Whether a finding follows from another, and needs no words of its own."""
    if cause is finding or not cause.is_illness or finding.kind not in FOLLOWS.get(cause.kind, ()):
        return False
    mutual = cause.kind in FOLLOWS.get(finding.kind, ()) and finding.is_illness
    return not mutual or place(cause) < place(finding)


def place(finding: Finding) -> tuple[int, float]:
    """What findings are sorted by."""
    return SEVERITIES.index(finding.severity), -finding.weight


def say_healthy(case: Case, scores: Scores, tried: Tried) -> Finding:
    """A run with which nothing is wrong."""
    loss = case.curve("loss")
    if not len(loss):
        return found(
            "nothing_found",
            "fine",
            "Nothing wrong was found before training: data, output and loss fit.",
            "model.fit(x, y)",
            NOTES,
        )
    run = run_of(case, scores)
    if np.isfinite(scores.own) and scores.own <= scores.constant and run.known and run.progress < 0.05:
        return found(
            "nothing_found",
            "fine",
            "Nothing wrong was found, but little was learned of use: the network scores {own:.2f} in {name}, a constant "
            "{constant:.2f}, simple models {reference:.2f}.",
            "model.lr_find(x, y)",
            NOTES,
            own=scores.own,
            name=scores.name,
            constant=scores.constant,
            reference=scores.reference,
        )
    size = case.train.size if case.train is not None else FEWEST + 1
    if size <= FEWEST or is_flat(loss, run.known and run.progress > 0.3, scores):
        return say_too_little(case, size)
    if len(loss) == 1 and steps_of(case, run) < FEW_STEPS:
        return say_too_little(case, size, steps_of(case, run))
    way = "from {begin:.3g} to {end:.3g} in {epochs} epochs" if len(loss) > 1 else "to {end:.3g} in {epochs} epochs"
    parts = [f"This run is healthy: the training loss came {way}"]
    evidence: dict[str, float | int | str] = {"begin": float(loss[0]), "end": float(loss[-1]), "epochs": len(loss)}
    if len(run.held):
        parts.append("the validation loss is {held:.3g}")
        evidence["held"] = float(run.held[-1])
    if np.isfinite(scores.own) and np.isfinite(scores.reference):
        parts.append("it scores {own:.2f} in {name}, simple models {reference:.2f}")
        evidence |= {"own": scores.own, "name": scores.name, "reference": scores.reference}
    rates = {factor: tried.end(factor) for factor in (0.1, 10.0) if factor in tried.rates}
    text = ", ".join(parts) + "."
    if len(rates) == 2 and all(np.isfinite(value) for value in rates.values()):
        text += rate_judged(run.base, tried.end(1.0), min(rates.values()))
        text += " a tenth of it gave {tenth:.3g}, ten times {tenfold:.3g}, itself {one:.3g}."
        evidence |= {"tenth": rates[0.1], "tenfold": rates[10.0], "one": tried.end(1.0)}
    return found("healthy", "fine", text, "model.save('model.keras')", NOTES, 0.0, **evidence)


def rate_judged(base: float, one: float, best: float) -> str:
    """Whether a rate may be called well chosen: no trial with another ended far lower."""
    far = one - best > 0.02 * abs(base) and best < 0.75 * one
    return " In trials another rate came further:" if far else " The rate is well chosen:"


def is_flat(loss: HostArray, learned: bool, scores: Scores) -> bool:
    """Whether the loss has not fallen from one epoch to another, and nothing else tells that something was learned."""
    fell = len(loss) > 1 and float(np.min(loss[1:])) < float(loss[0])
    good = np.isfinite(scores.own) and np.isfinite(scores.reference) and scores.own >= scores.reference - scores.noise
    return not fell and not learned and not (good and scores.own > scores.constant + 0.02)


def say_too_little(case: Case, samples: int, steps: int = 0) -> Finding:
    """A run of which nothing can be said: too few samples, a few `steps` in one epoch, or a loss that has not moved yet."""
    loss = case.curve("loss")
    tiny = samples <= FEWEST
    course = "the run made {steps} steps" if steps else "the loss is {end:.3g} after {epochs} epochs and has not fallen yet"
    return found(
        "too_little_to_say",
        "mild",
        "There is too little to say whether this run is healthy: "
        + (
            "it was trained on {samples} samples. A network needs some dozens at least."
            if tiny
            else course + ". Train for more epochs."
        ),
        "print(x.shape, y.shape)  # are these all?" if tiny else f"model.fit(x, y, epochs={max(10, 3 * len(loss))})",
        NOTES,
        0.5,
        samples=samples,
        steps=steps,
        end=float(loss[-1]),
        epochs=len(loss),
    )
