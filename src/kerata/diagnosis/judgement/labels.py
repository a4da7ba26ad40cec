"""Labels that are partly wrong, or coded otherwise in validation."""

from collections.abc import Iterator

import numpy as np

from kerata.diagnosis.judgement.case import Case, labels_of
from kerata.diagnosis.judgement.data import predicted_labels
from kerata.diagnosis.judgement.finding import Finding, found
from kerata.diagnosis.judgement.measures import features, neighbours, ridge
from kerata.diagnosis.judgement.parts import wilson
from kerata.engine.types import HostArray

NORTHCUTT = "Northcutt et al., Confident Learning: Estimating Uncertainty in Dataset Labels, 2021"
# Samples that are looked at, and parts of which each is predicted from the others.
MOST, PARTS = 1500, 5
# Neighbours that vote: among as many, a few wrong labels do not change the vote.
VOTERS = 15
# Those that are surest: a third, and half of it.
SURE, SUREST = 0.34, 0.17
# Fewer wrong ones among the sure are usual where classes overlap.
LEAST = 0.08
# Where classes overlap, the surest err less than a third as often as all; wrong labels are as frequent everywhere.
EVEN = 0.5
# Hits that are fewer than those of guessing by so many standard deviations are no chance.
BY_CHANCE = 4.0
# What is right so often, in training and with the classes of the validation named otherwise, is learned.
LEARNED = 0.75
# Classes up to so many are named otherwise in every way.
MOST_NAMES = 200


def check_noise(case: Case) -> Iterator[Finding]:
    """Labels that are wrong here and there.

    Where classes overlap, models err where they are unsure, and hardly where they are sure. A share of wrong labels is there
    everywhere, also where nothing else could be.
    """
    if case.train is None or case.train_labels is None or not case.tables:
        return
    part = case.train.sample(MOST)
    labels = None if part.target is None else labels_of(part.target)
    rows = features(case, part)
    if labels is None or len(labels) < 80 or not rows.shape[1] or not np.isfinite(rows).all():
        return
    values, which, counts = np.unique(labels, return_inverse=True, return_counts=True)
    # What is rare is wrong often where all others are sure.
    if not 2 <= len(values) <= 20 or counts.min() < 10 or counts.max() > 0.8 * len(labels):
        return
    said, sureness = predicted_by_others(rows, which, len(values))
    order = np.argsort(-sureness, kind="stable")
    wrong = (said != which)[order]
    sure, surest = (wrong[: int(len(wrong) * share)] for share in (SURE, SUREST))
    share, by_chance = float(sure.mean()), 1 - float(counts.max() / len(labels))
    learned = by_chance - wrong.mean() > 2 * np.sqrt(by_chance * (1 - by_chance) / len(wrong))
    low, high = wilson(share, len(sure))
    # One side of the interval counts.
    least_surest = wilson(float(surest.mean()), len(surest), 1.28)[0]
    if low < LEAST or least_surest < EVEN * wrong.mean() or not learned:
        return
    rows_wrong = np.sort(order[: len(sure)][sure])[:3]
    yield found(
        "labels_noisy",
        "serious",
        "Some labels seem to be wrong, about {share:.0%} (between {low:.0%} and {high:.0%}): of the {size} training samples "
        "that simple models are surest of, so many carry another label than their neighbours. Look at them; more epochs only "
        "learn them by heart.",
        f"x[{rows_wrong.tolist()}], y[{rows_wrong.tolist()}]  # then EarlyStopping, or label_smoothing={min(share, 0.2):.1f}"
        if part is case.train
        else f"kerata.losses.CategoricalCrossentropy(label_smoothing={min(share, 0.2):.1f})  # and EarlyStopping",
        NORTHCUTT,
        5.7,
        share=share,
        low=low,
        high=high,
        size=len(sure),
    )


def check_coding(case: Case) -> Iterator[Finding]:
    """Labels of the validation that stand for other classes than those of training.

    Mistakes come near what guessing gives. Far fewer hits than that, where a classification of the same samples under other
    names is right nearly everywhere, come from names alone.
    """
    shown = {name: labelled(case, name) for name in ("train", "held")}
    if shown["train"] is None or shown["held"] is None:
        return
    trained = float((shown["train"][0] == shown["train"][1]).mean())
    said, labels = shown["held"]
    values, which = np.unique(np.concatenate([said, labels]), return_inverse=True)
    if len(labels) < 20 or not 2 <= len(values) <= MOST_NAMES or trained < LEARNED:
        return
    table = np.zeros((len(values), len(values)))
    np.add.at(table, (which[: len(said)], which[len(said) :]), 1)
    table /= len(labels)
    hits, guessed = float(np.trace(table)), float(table.sum(0) @ table.sum(1))
    bound = guessed - BY_CHANCE * np.sqrt(guessed * (1 - guessed) / len(labels))
    if hits >= bound:
        return
    # Takes half a second to import, and is seldom wanted.
    from scipy.optimize import linear_sum_assignment

    renamed = linear_sum_assignment(-table)[1]
    right = float(table[np.arange(len(values)), renamed].sum())
    if right < LEARNED:
        return
    moved = np.where(renamed != np.arange(len(values)), table[np.arange(len(values)), renamed], 0.0)
    place = int(moved.argmax())
    yield found(
        "labels_differ",
        "certain",
        "The labels of the validation are coded otherwise than those of training: the accuracy there is {hits:.0%}, where "
        "guessing gives {guessed:.0%}, but {right:.0%} with the classes named otherwise: what the network calls {ours} is "
        "{theirs} there. Code both alike.",
        "labels = np.unique(y); y_val = np.searchsorted(labels, labels_of_validation)  # the same numbers for both",
        NORTHCUTT,
        9.3,
        hits=hits,
        guessed=guessed,
        right=right,
        trained=trained,
        ours=int(values[place]),
        theirs=int(values[renamed[place]]),
    )


def labelled(case: Case, name: str) -> tuple[HostArray, HostArray] | None:
    """What the network says of the samples of a part, and their labels; `None` where these are not classes."""
    if not case.is_classes or name not in case.predictions:
        return None
    part, outputs = case.predictions[name]
    labels = None if part.target is None else labels_of(part.target)
    if labels is None or not np.isfinite(outputs).all():
        return None
    said = np.asarray(predicted_labels(outputs, case)).reshape(-1)
    return (said, labels) if said.shape == labels.shape else None


def predicted_by_others(rows: HostArray, which: HostArray, count: int) -> tuple[HostArray, HostArray]:
    """The class that simple models give each sample from the others, and how sure they are.

    Args:
        rows: of shape (samples, features).
        which: the class numbers, of shape (samples,).
        count: of classes.
    """
    spread = rows.std(0)
    kept = spread > 1e-9
    rows = np.clip((rows[:, kept] - rows.mean(0)[kept]) / spread[kept], -10, 10).astype(np.float32)
    wanted = np.eye(count, dtype=np.float32)[which]
    place = np.random.default_rng(0).permutation(len(rows)) % PARTS
    models = {"linear": np.zeros_like(wanted), "near": np.zeros_like(wanted)}
    for part in range(PARTS):
        out = place == part
        models["linear"][out] = ridge(rows[~out], wanted[~out], rows[out])
        models["near"][out] = neighbours(rows[~out], wanted[~out], rows[out], VOTERS)
    better = max(models, key=lambda name: (models[name].argmax(1) == which).mean())
    # Both together break ties among votes.
    votes = models[better] + 0.25 * models["linear" if better == "near" else "near"]
    ordered = np.sort(votes, axis=1)
    return votes.argmax(1), ordered[:, -1] - ordered[:, -2]
