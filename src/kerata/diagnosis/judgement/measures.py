"""Scores to compare with: of a constant, of a linear model, of the nearest neighbours, each worked out at once."""

from dataclasses import dataclass

import numpy as np

from kerata.diagnosis.judgement.case import Case, Part, labels_of, matrix_of
from kerata.diagnosis.judgement.data import predicted_labels
from kerata.engine.types import HostArray

# Samples that the simple models learn from, and are measured on.
LEARNED, MEASURED = 1500, 600
# Of fewer samples none are held back: simple models are asked what they learned by heart.
FEW = 20
# Targets of more numbers than this are pictures or the inputs themselves, which no simple model is to be held against.
MOST_TARGETS = 20
# Numbers that a picture or a series is compared by.
MOST_NUMBERS = 1000
# Words that a text is counted by.
WORDS = 2000


@dataclass
class Scores:
    """Scores of the network and of simple models: the share of right answers, or of variance explained in a regression.

    Attributes:
        name: "accuracy" or "R2".
        train, held: of the network; NaN where it is not known.
        constant: of always saying the largest class, or the mean.
        largest: the share of the largest class among what was measured; of small samples it is above `constant` by chance.
        linear: of a linear model with a ridge, on samples that it has not seen.
        near: of the five nearest neighbours, likewise.
        size: how many samples simple models were measured on.
        asked: how many samples the network was measured on; 0 where that is not known.
        base: the loss of the best constant prediction; NaN where that is not known.
        by_heart: whether the simple models were measured on what they had learned, because there are few samples.
        loss, held_loss: the network's loss as it is now, on training and validation samples; NaN where that is not known.
    """

    name: str
    train: float = np.nan
    held: float = np.nan
    constant: float = np.nan
    largest: float = np.nan
    linear: float = np.nan
    near: float = np.nan
    size: int = 0
    asked: int = 0
    base: float = np.nan
    by_heart: bool = False
    loss: float = np.nan
    held_loss: float = np.nan

    @property
    def own(self) -> float:
        """The network's score where nobody memorized: on validation data, else on training data."""
        return self.held if np.isfinite(self.held) else self.train

    @property
    def reference(self) -> float:
        """The best that a simple model reached."""
        known = [score for score in (self.constant, self.linear, self.near) if np.isfinite(score)]
        return max(known, default=np.nan)

    @property
    def noise(self) -> float:
        """Half of the interval of a score, 95 %."""
        if self.by_heart:
            return 0.0
        size = min(self.size, self.asked or self.size)
        return 2 * float(np.sqrt(0.25 / max(size, 1))) if self.name == "accuracy" else 0.1


def base_loss(case: Case) -> float:
    """The loss of the best prediction that is the same for every sample."""
    target = case.train.target if case.train is not None else None
    if target is None or case.loss is None:
        return np.nan
    labels = labels_of(target) if case.is_classes else None
    if labels is not None and "entropy" in case.loss_name:
        shares = np.bincount(labels - labels.min()) / len(labels)
        shares = shares[shares > 0]
        return float(-(shares * np.log(shares)).sum())
    values = target.reshape(len(target), -1).astype(float)
    if case.form == "numbers" and np.isfinite(values).all():
        if "squared" in case.loss_name and "log" not in case.loss_name:
            return float(values.var(0).mean())
        if case.loss_name.startswith("mean_absolute_error"):
            return float(np.abs(values - np.median(values, axis=0)).mean())
    return np.nan


def score(case: Case, part: Part, outputs: HostArray) -> float:
    """How good predictions are."""
    target = part.target
    if target is None or not np.isfinite(outputs).all():
        return np.nan
    if case.is_classes:
        labels = labels_of(target)
        return np.nan if labels is None else float((predicted_labels(outputs, case) == labels).mean())
    if case.form == "numbers" and outputs.size == target.size and np.isfinite(target).all():
        values = target.reshape(len(target), -1).astype(float)
        return explained(values, outputs.reshape(values.shape))
    return np.nan


def explained(values: HostArray, said: HostArray) -> float:
    """The share of variance explained."""
    total = float(((values - values.mean(0)) ** 2).sum())
    return 1 - float(((values - said) ** 2).sum()) / total if total > 0 else np.nan


def features(case: Case, part: Part) -> HostArray:
    """Samples as rows of numbers: as they are, texts as counts of words."""
    columns: list[HostArray] = []
    for place, array in enumerate(part.inputs):
        if place in case.tables:
            columns.append(matrix_of(thinned(array)))
        elif array.ndim <= 2:
            flat = array.reshape(len(array), -1).astype(np.int64)
            counts = np.zeros((len(flat), WORDS))
            rows, places = np.nonzero((flat > 0) & (flat < WORDS))
            np.add.at(counts, (rows, flat[rows, places]), 1)
            columns.append(np.sqrt(counts))
    return np.concatenate(columns, axis=1) if columns else np.zeros((part.size, 0))


def thinned(array: HostArray) -> HostArray:
    """Pictures with every second, third, ... row and column, and series with as few steps, so that few numbers are left.

    >>> thinned(np.zeros((5, 32, 32, 3))).shape, thinned(np.zeros((5, 28, 28, 1))).shape
    ((5, 16, 16, 3), (5, 28, 28, 1))
    """
    numbers = int(np.prod(array.shape[1:]))
    if array.ndim == 4:
        step = int(np.ceil(np.sqrt(numbers / MOST_NUMBERS)))
        return array[:, ::step, ::step]
    return array[:, :: -(-numbers // MOST_NUMBERS)] if array.ndim == 3 else array


def compare(case: Case, scores: Scores) -> None:
    """Adds the scores of simple models, measured on validation samples, or on a part of the training samples."""
    assert case.train is not None
    learn, measure = case.train.sample(LEARNED), case.held.sample(MEASURED, 1) if case.held is not None else None
    if measure is None or measure.size < 20:
        order = np.random.default_rng(0).permutation(learn.size)
        cut = max(1, learn.size // 4)
        learn, measure = learn.rows(order[cut:]), learn.rows(order[:cut])
    if case.train.size < FEW:
        learn = measure = case.train
        scores.by_heart = True
    if learn.target is None or measure.target is None or learn.size < (4 if scores.by_heart else FEW):
        return
    a, b = features(case, learn), features(case, measure)
    if not a.shape[1] or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return
    spread = a.std(0)
    kept = spread > 1e-9
    if not kept.any():
        return
    middle, spread = a.mean(0)[kept], spread[kept]
    a, b = (a[:, kept] - middle) / spread, np.clip((b[:, kept] - middle) / spread, -10, 10)
    a = np.clip(a, -10, 10)
    scores.size = measure.size
    if case.is_classes:
        ours, theirs = labels_of(learn.target), labels_of(measure.target)
        if ours is None or theirs is None:
            return
        values = np.unique(ours)
        wanted = (ours[:, None] == values).astype(float)
        judge = lambda said: float((values[said.argmax(1)] == theirs).mean())  # noqa: E731
        scores.largest = float(np.unique(theirs, return_counts=True)[1].max() / len(theirs))
        scores.constant = float((theirs == values[wanted.sum(0).argmax()]).mean())
    elif case.form == "numbers":
        wanted = learn.target.reshape(learn.size, -1).astype(float)
        truth = measure.target.reshape(measure.size, -1).astype(float)
        if not np.isfinite(wanted).all() or wanted.shape[1] > MOST_TARGETS:
            return
        judge = lambda said: explained(truth, said)  # noqa: E731
        scores.constant = judge(np.broadcast_to(wanted.mean(0), truth.shape))
    else:
        return
    scores.linear = judge(ridge(a, wanted, b))
    scores.near = judge(neighbours(a, wanted, b, 1 if scores.by_heart else 5))


def ridge(a: HostArray, wanted: HostArray, b: HostArray) -> HostArray:
    """Predictions for b of the linear model of (a, wanted), whose weights cost a little."""
    middle = wanted.mean(0)
    strength = 0.03 * len(a) if a.shape[1] <= len(a) else 0.3 * a.shape[1]
    if a.shape[1] <= len(a):
        weights = np.linalg.solve(a.T @ a + strength * np.eye(a.shape[1]), a.T @ (wanted - middle))
    else:
        weights = a.T @ np.linalg.solve(a @ a.T + strength * np.eye(len(a)), wanted - middle)
    return b @ weights + middle


def neighbours(a: HostArray, wanted: HostArray, b: HostArray, count: int = 5) -> HostArray:
    """The mean of the nearest samples' targets."""
    distances = (b**2).sum(1)[:, None] - 2 * b @ a.T + (a**2).sum(1)
    nearest = np.argpartition(distances, min(count, len(a) - 1), axis=1)[:, :count]
    return wanted[nearest].mean(1)
