"""Training against validation: are they alike, is one in the other, is there enough to tell."""

from collections.abc import Iterator

import numpy as np

from kerata.diagnosis.judgement.case import MOST, Case, labels_of, matrix_of
from kerata.diagnosis.judgement.data import MOST_COLUMNS, hashes
from kerata.diagnosis.judgement.finding import Finding, found
from kerata.engine.types import HostArray

KAUFMAN = "Kaufman et al., Leakage in Data Mining, 2012"
NOTES = "Chollet, Deep Learning with Python, 4.2: splits, order and copies"
WILSON = "Wilson, Probable Inference, 1927: the interval of a share"


def check_parts(case: Case) -> Iterator[Finding]:
    """Findings about the validation data beside the training data."""
    if case.train is None:
        return
    yield from check_giveaway(case)
    if case.held is None or not case.held.size:
        return
    missing = list(check_classes(case))
    yield from missing
    yield from check_copies_between(case)
    yield from check_groups(case)
    if not missing:
        yield from check_alike(case)
    yield from check_categories(case)
    yield from check_size(case)


def check_classes(case: Case) -> Iterator[Finding]:
    """Classes of one part that the other lacks, as where sorted data is split at its end."""
    ours, theirs = case.train_labels, case.held_labels
    if ours is None or theirs is None:
        yield from check_sorted_numbers(case)
        return
    values, counts = np.unique(np.concatenate([ours, theirs]), return_counts=True)
    share = len(theirs) / (len(ours) + len(theirs))
    expected = counts * share
    in_ours, in_theirs = np.isin(values, ours), np.isin(values, theirs)
    untrained = values[~in_ours & (counts >= 5)]
    unseen = values[~in_theirs & (expected >= 5)]
    common = np.array([(theirs == v).mean() - (ours == v).mean() for v in values])
    if not len(untrained) and not len(unseen) and np.abs(common).max() < 0.4:
        return
    if len(untrained):
        say = "class {missing} is {held:.0%} of the validation data and never occurs in training"
        missing = int(untrained[0])
    elif len(unseen):
        say = "class {missing} is {trained:.0%} of the training data and never occurs in validation"
        missing = int(unseen[0])
    else:
        say = "class {missing} is {trained:.0%} of the training data and {held:.0%} of the validation data"
        missing = int(values[np.abs(common).argmax()])
    cause = (
        "validation_split takes the last {split:.0%} unshuffled, and the data is sorted"
        if case.split
        else "the two parts were not drawn alike"
    )
    yield found(
        "sorted_split" if case.split else "class_missing",
        "certain",
        f"The classes of the two parts differ: {say}. The validation measures something else than was trained: {cause}. "
        "Shuffle before splitting.",
        "order = np.random.permutation(len(x)); x, y = x[order], y[order]",
        NOTES,
        9.2,
        missing=missing,
        held=float((theirs == missing).mean()),
        trained=float((ours == missing).mean()),
        split=case.split,
    )


def check_sorted_numbers(case: Case) -> Iterator[Finding]:
    """Targets of a regression that lie apart in the two parts."""
    assert case.train is not None and case.held is not None
    ours, theirs = case.train.target, case.held.target
    if case.form != "numbers" or ours is None or theirs is None or ours.dtype.kind not in "fiu" or ours.ndim > 2:
        return
    distance = kolmogorov(ours.ravel(), theirs.ravel())
    if distance > 0.6 and min(len(ours), len(theirs)) >= 15:
        yield found(
            "sorted_split" if case.split else "validation_differs",
            "serious",
            "The targets of training and validation lie apart (means {ours:.3g} and {theirs:.3g}): the network is asked for "
            "numbers that it was hardly trained on. If the data is sorted, shuffle it before splitting; of a series, "
            "predict differences.",
            "order = np.random.permutation(len(x)); x, y = x[order], y[order]",
            NOTES,
            5.5,
            ours=float(ours.mean()),
            theirs=float(theirs.mean()),
            distance=distance,
        )


def check_copies_between(case: Case) -> Iterator[Finding]:
    """Validation samples that the model was trained on."""
    assert case.train is not None and case.held is not None
    if sum(a[0].size for a in case.train.inputs) < 3:
        return
    ours, theirs = np.unique(hashes(case.train.sample(30_000))), hashes(case.held.sample(MOST))
    share = float(np.isin(theirs, ours).mean())
    usual = 1 - len(ours) / min(case.train.size, 30_000)
    if (share > 0.05 and share > 1.5 * usual) or share > 0.5:
        yield found(
            "leak_of_samples",
            "certain" if share > 0.3 else "serious",
            "{share:.0%} of the {size} validation samples are in the training data too, so the validation measures memory and "
            "looks too good. Drop copies before splitting.",
            "x, first = np.unique(x, axis=0, return_index=True); y = y[first]  # then shuffle and split",
            KAUFMAN,
            9.0,
            share=share,
            size=min(case.held.size, MOST),
        )


def check_groups(case: Case) -> Iterator[Finding]:
    """Groups with samples in both parts."""
    assert case.train is not None and case.held is not None
    if case.train.groups is None or case.held.groups is None:
        return
    inside = np.isin(case.held.groups, case.train.groups)
    if inside.mean() > 0.05:
        yield found(
            "leak_of_groups",
            "certain",
            "{share:.0%} of the validation samples belong to groups (patients, speakers, places) that were trained on as "
            "well: the "
            "network may recognize the group. Keep each group on one side.",
            "model.cross_validate(x, y, groups=groups)",
            KAUFMAN,
            9.0,
            share=float(inside.mean()),
        )


def check_giveaway(case: Case) -> Iterator[Finding]:
    """One column that says the target."""
    assert case.train is not None
    part = case.train.sample(MOST)
    labels = labels_of(part.target) if part.target is not None and case.is_classes else None
    numbers = (
        part.target.ravel() if part.target is not None and case.form == "numbers" and part.target.size == part.size else None
    )
    if part.size < 50:
        return
    for place in case.tables:
        values = matrix_of(part.inputs[place])
        if part.inputs[place].ndim != 2 or not 2 <= values.shape[1] <= MOST_COLUMNS:
            continue
        if labels is not None and 1 < len(np.unique(labels)) <= 20:
            scores = np.array([purity(column, labels) for column in values.T])
            limit = 0.98
        elif numbers is not None and np.std(numbers) > 0:
            scores = np.array([abs(rank_correlation(column, numbers)) for column in values.T])
            limit = 0.998
        else:
            continue
        best = int(scores.argmax())
        rest = float(np.sort(scores)[-2])
        if scores[best] > limit and rest < limit:
            yield found(
                "leak_of_target",
                "certain",
                "Input column {column} (counted from {zero}) gives the target away: by itself it tells {score:.1%} of it, "
                "the next best "
                "{rest:.0%}. Ask whether it is known when a prediction is needed; if not, drop it.",
                f"x = np.delete(x, {best}, axis=1)",
                KAUFMAN,
                8.5,
                column=best,
                zero=0,
                score=float(scores[best]),
                rest=rest,
            )


def purity(column: HostArray, labels: HostArray) -> float:
    """How well one column tells the classes, from 0 (not better than the largest class) to 1."""
    order = np.random.default_rng(0).permutation(len(column))
    column, labels = column[order], labels[order]
    values, which = np.unique(column, return_inverse=True)
    _, classes = np.unique(labels, return_inverse=True)
    chance = float(np.bincount(classes).max() / len(classes))
    if len(values) <= 20:
        table = np.zeros((len(values), classes.max() + 1))
        np.add.at(table, (which, classes), 1)
        right = float(table.max(1).sum() / len(classes))
    else:
        along = classes[np.argsort(column, kind="stable")]
        # A border between two classes makes one pair of neighbours differ.
        right = float((along[1:] == along[:-1]).mean())
        chance = float((np.bincount(classes) / len(classes)) @ (np.bincount(classes) / len(classes)))
    return max(0.0, (right - chance) / max(1 - chance, 1e-9))


def rank_correlation(one: HostArray, other: HostArray) -> float:
    """Spearman's correlation."""
    if np.ptp(one) < 1e-12:
        return 0.0
    a, b = (np.argsort(np.argsort(values, kind="stable"), kind="stable").astype(float) for values in (one, other))
    return float(np.corrcoef(a, b)[0, 1]) if len(np.unique(one)) > 20 else float(np.corrcoef(one, other)[0, 1])


def kolmogorov(one: HostArray, other: HostArray) -> float:
    """The largest distance between two distribution functions."""
    both = np.sort(np.concatenate([one, other]))
    first = np.searchsorted(np.sort(one), both, "right") / len(one)
    second = np.searchsorted(np.sort(other), both, "right") / len(other)
    return float(np.abs(first - second).max())


def check_alike(case: Case) -> Iterator[Finding]:
    """Inputs of the two parts that are distributed differently."""
    assert case.train is not None and case.held is not None
    ours, theirs = case.train.sample(2000), case.held.sample(2000)
    noise = 1.63 * np.sqrt(1 / ours.size + 1 / theirs.size)
    for place in case.tables:
        a, b = matrix_of(ours.inputs[place]), matrix_of(theirs.inputs[place])
        if not a.size or not b.size or not (np.isfinite(a).all() and np.isfinite(b).all()):
            continue
        if ours.inputs[place].ndim == 2 and a.shape[1] <= MOST_COLUMNS:
            distances = np.array([kolmogorov(a[:, i], b[:, i]) for i in range(a.shape[1])])
            what, limit = "input column {column} (counted from {zero})", 0.3 + noise
        else:
            distances = np.array([kolmogorov(a.mean(1), b.mean(1)), kolmogorov(a.std(1), b.std(1))])
            what, limit = "the brightness or size of a sample", 0.3 + noise
        worst = int(distances.argmax())
        if distances[worst] < limit or min(ours.size, theirs.size) < 15:
            continue
        one, other = (a[:, worst], b[:, worst]) if what.startswith("input") else (a.mean(1), b.mean(1))
        if what.startswith("the") and worst == 1:
            one, other = a.std(1), b.std(1)
        yield found(
            "validation_differs",
            "serious",
            f"Validation does not look like training: {what} has mean {{ours:.3g}} in one and {{theirs:.3g}} in the other "
            "(spread {spread:.2g}). Prepare both the same way, or draw both from the same shuffled data.",
            "x_val = (x_val - x.mean(0)) / x.std(0)  # with the numbers of x, not its own",
            NOTES,
            5.5,
            column=worst,
            zero=0,
            ours=float(one.mean()),
            theirs=float(other.mean()),
            spread=float(one.std()),
            distance=float(distances[worst]),
        )


def check_categories(case: Case) -> Iterator[Finding]:
    """A category that validation has and training never had: a column of two values that has one of them in all of training.

    A column of many values, such as a pixel at the edge, is no category.
    """
    assert case.train is not None and case.held is not None
    for place in case.tables:
        given = case.train.inputs[place]
        if given.ndim != 2 or given.shape[1] > MOST_COLUMNS or len(given) < 20:
            continue
        a, b = matrix_of(given), matrix_of(case.held.inputs[place])
        absent = (a.std(0) < 1e-12) & (np.abs(b - a[0]).max(0) > 1e-6)
        absent &= np.array(
            [len(np.unique(column[np.abs(column - first) > 1e-6])) == 1 for column, first in zip(b.T, a[0], strict=True)]
        )
        share = float((np.abs(b - a[0]) > 1e-6)[:, absent].any(1).mean()) if absent.any() else 0.0
        if share > 0.02:
            yield found(
                "category_missing",
                "serious",
                "Input column {column} (counted from {zero}) never varies in training but does in {share:.0%} of the "
                "validation samples: a "
                "category that training has not seen. Shuffle before splitting, or split so that each category is in both "
                "parts.",
                "order = np.random.permutation(len(x)); x, y = x[order], y[order]",
                NOTES,
                5.0,
                column=int(np.argmax(absent)),
                zero=0,
                share=share,
            )


def check_size(case: Case) -> Iterator[Finding]:
    """Too few validation samples to tell."""
    assert case.held is not None
    size = case.held.size
    accuracy = next((case.curve(n) for n in ("val_accuracy", "val_acc", "val_binary_accuracy") if len(case.curve(n))), None)
    if accuracy is not None and np.isfinite(accuracy[-1]):
        low, high = wilson(float(accuracy[-1]), size)
        if high - low < 0.1 and size >= 30:
            return
        yield found(
            "validation_too_small",
            "mild" if size < 30 else "hint",
            "There are only {size} validation samples: an accuracy of {accuracy:.0%} on them means anything from {low:.0%} "
            "to {high:.0%}. "
            "Hold out more, or use cross-validation, before comparing variants.",
            "model.cross_validate(x, y, cv=5)",
            WILSON,
            2.0,
            size=size,
            accuracy=float(accuracy[-1]),
            low=low,
            high=high,
        )
    elif size < 20:
        yield found(
            "validation_too_small",
            "mild",
            "There are only {size} validation samples, so the validation loss depends on which these are. Hold out more, "
            "or use "
            "cross-validation, before comparing variants.",
            "model.cross_validate(x, y, cv=5)",
            WILSON,
            2.0,
            size=size,
        )


def wilson(share: float, size: int, z: float = 1.96) -> tuple[float, float]:
    """The interval that holds a true share with 95 % confidence.

    >>> [round(end, 3) for end in wilson(0.9, 10)]
    [0.596, 0.982]
    """
    middle = (share + z * z / (2 * size)) / (1 + z * z / size)
    half = z / (1 + z * z / size) * np.sqrt(share * (1 - share) / size + z * z / (4 * size * size))
    return float(middle - half), float(middle + half)
