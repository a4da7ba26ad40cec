"""What a classifier takes for what: a table of confusions, and its worst mistakes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from kerata.base.checks import check_positive_int, message
from kerata.base.display import new_figure
from kerata.base.types import PathLike
from kerata.data.samples import Data, HasBatches
from kerata.engine.types import HostArray
from kerata.models.model import Model

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Classes whose counts are still written into the cells of a picture.
MOST_WRITTEN = 20


@dataclass(frozen=True, eq=False)
class Confusion:
    """How often a classifier took one class for another.

    Attributes:
        counts: int64 of shape (classes, classes): a row for each true class, a column for each predicted one.
        names: of the classes.
    """

    counts: HostArray
    names: tuple[str, ...]

    @property
    def accuracy(self) -> float:
        """The share of samples that are classified right."""
        return float(np.trace(self.counts) / max(self.counts.sum(), 1))

    @property
    def recall(self) -> HostArray:
        """Of the samples of each class, the share that is found; NaN where there are none."""
        return _share(np.diag(self.counts), self.counts.sum(axis=1))

    @property
    def precision(self) -> HostArray:
        """Of the samples that were taken for each class, the share that is of it; NaN where there are none."""
        return _share(np.diag(self.counts), self.counts.sum(axis=0))

    def pairs(self, count: int = 5) -> list[tuple[str, str, int]]:
        """The confusions that came up most: (true class, what it was taken for, how often)."""
        wrong = self.counts - np.diag(np.diag(self.counts))
        order = np.argsort(-wrong, axis=None, kind="stable")[:count]
        found = [(int(row), int(column)) for row, column in zip(*np.unravel_index(order, wrong.shape), strict=True)]
        return [(self.names[row], self.names[column], int(wrong[row, column])) for row, column in found if wrong[row, column]]

    def __str__(self) -> str:
        width = max(len(name) for name in self.names)
        lines = [f"{int(self.counts.sum()):,} samples, {self.accuracy:.1%} right", f"{'':{width}}  recall  precision  samples"]
        for name, recall, precision, row in zip(self.names, self.recall, self.precision, self.counts, strict=True):
            shares = [f"{share:.1%}" if np.isfinite(share) else "-" for share in (recall, precision)]
            lines.append(f"{name:{width}}  {shares[0]:>6}  {shares[1]:>9}  {int(row.sum()):7,}")
        lines += [f"{true} was taken for {taken} {often} times" for true, taken, often in self.pairs(3)]
        return "\n".join(lines)

    def plot(self, path: PathLike | None = None) -> "Figure":
        """Draws the table; each row in shares of its true class. Returns the matplotlib figure."""
        size = max(3.5, min(0.5 * len(self.names) + 2, 14))
        figure = new_figure(figsize=(size + 0.8, size), dpi=120, layout="constrained")
        axis: Axes = figure.subplots()
        shares = np.nan_to_num(self.counts / np.maximum(self.counts.sum(axis=1, keepdims=True), 1))
        axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        places = range(len(self.names))
        axis.set_xticks(places, self.names, rotation=90 if len(self.names) > 4 else 0)
        axis.set_yticks(places, self.names)
        axis.set_xlabel("taken for")
        axis.set_ylabel("true class")
        axis.set_title(f"{self.accuracy:.1%} of {int(self.counts.sum()):,} right", fontsize=10)
        if len(self.names) <= MOST_WRITTEN:
            for row in places:
                for column in places:
                    colour = "white" if shares[row, column] > 0.6 else "black"
                    text = f"{int(self.counts[row, column])}"
                    axis.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
        return saved(figure, path)


def _share(part: HostArray, whole: HostArray) -> HostArray:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)


def confusion_matrix(
    model: Model, x: Data, y: Data | None = None, class_names: Sequence[str] | None = None, batch_size: int = 32
) -> Confusion:
    """Which class is taken for which.

    Args:
        model: a classifier, with one output a class, or a single one for two classes.
        x: samples; or anything that gives batches of (inputs, targets), where y is `None`.
        y: targets: numbers of classes, or one-hot rows.
        class_names: a name for each class.
        batch_size: samples a step.

    >>> import kerata, numpy as np
    >>> model = kerata.Sequential([kerata.Input((2,)), kerata.layers.Activation("softmax")])
    >>> found = confusion_matrix(model, np.array([[1., 0], [0, 1], [3, 0]]), [0, 1, 1], ["cat", "dog"])
    >>> found.counts.tolist(), found.pairs()
    ([[1, 0], [1, 1]], [('dog', 'cat', 1)])
    """
    judged = judge(model, x, y, batch_size)
    count = max(judged.scores.shape[1], int(judged.labels.max(initial=0)) + 1)
    names = names_of(class_names, count)
    counts = np.zeros((count, count), np.int64)
    np.add.at(counts, (judged.labels, judged.predicted), 1)
    return Confusion(counts, names)


@dataclass(frozen=True, eq=False)
class Mistakes:
    """Samples of which a classifier was most sure that they are of another class.

    Attributes:
        numbers: of the samples, the worst first.
        inputs: the samples.
        labels: numbers of their true classes.
        predicted: numbers of the classes that they were taken for.
        probabilities: float of shape (mistakes, 2): of the class that they were taken for, and of the true one.
        names: of the classes.
    """

    numbers: HostArray
    inputs: HostArray
    labels: HostArray
    predicted: HostArray
    probabilities: HostArray
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def sentences(self) -> list[str]:
        """What each of them is, and what it was taken for."""
        return [
            f"sample {number}: {self.names[label]}, taken for {self.names[taken]} ({sure:.0%} against {true:.0%})"
            for number, label, taken, (sure, true) in zip(
                self.numbers, self.labels, self.predicted, self.probabilities, strict=True
            )
        ]

    def __str__(self) -> str:
        return "\n".join(self.sentences) if len(self) else "no mistakes"

    def plot(self, path: PathLike | None = None) -> "Figure":
        """Draws the pictures with what they are and what they were taken for. Returns the matplotlib figure."""
        titles = [
            f"{self.names[label]}\ntaken for {self.names[taken]} ({sure:.0%})"
            for label, taken, sure in zip(self.labels, self.predicted, self.probabilities[:, 0], strict=True)
        ]
        return draw_pictures(self.inputs, titles, path)


def worst_mistakes(
    model: Model, x: Data, y: Data | None = None, count: int = 9, class_names: Sequence[str] | None = None, batch_size: int = 32
) -> Mistakes:
    """The samples whose true class a classifier thought the least probable.

    Args:
        model, x, y, class_names, batch_size: as of `confusion_matrix`.
        count: how many at most; only what is classified wrong counts.
    """
    check_positive_int("worst_mistakes", "count", count)
    judged = judge(model, x, y, batch_size)
    names = names_of(class_names, max(judged.scores.shape[1], int(judged.labels.max(initial=0)) + 1))
    rows = np.arange(len(judged.labels), dtype=np.int64)
    inside = judged.labels < judged.scores.shape[1]
    true = np.where(inside, judged.scores[rows, np.where(inside, judged.labels, 0)], 0.0)
    wrong = rows[judged.predicted != judged.labels]
    numbers = wrong[np.argsort(true[wrong], kind="stable")][:count]
    taken = judged.predicted[numbers]
    probabilities = np.stack([judged.scores[numbers, taken], true[numbers]], axis=1)
    return Mistakes(numbers, judged.inputs[numbers], judged.labels[numbers], taken, probabilities, names)


@dataclass(frozen=True, eq=False)
class Judged:
    """Samples, their classes, and what a classifier says: scores of shape (samples, classes)."""

    inputs: HostArray
    labels: HostArray
    scores: HostArray

    @property
    def predicted(self) -> HostArray:
        return self.scores.argmax(axis=1)


def judge(model: Model, x: Data, y: Data | None, batch_size: int) -> Judged:
    """Runs a classifier on data of which the classes are known."""
    owner = "diagnosis"
    if y is None:
        batches = list(_batches_of(x))
        if not batches:
            raise ValueError(message(owner, "there is no data", {"x": type(x).__name__}))
        inputs = np.concatenate([np.asarray(batch[0]) for batch in batches])
        targets = np.concatenate([np.asarray(batch[1]) for batch in batches])
    else:
        inputs, targets = np.asarray(x), np.asarray(y)
    scores = rows_of_numbers(model.predict(cast(Data, inputs), batch_size=batch_size, verbose=0))
    if scores.ndim != 2 or len(targets) != len(inputs):
        received = {"outputs": scores.shape, "targets": targets.shape, "inputs": inputs.shape}
        raise ValueError(
            message(owner, "a classifier gives one row of numbers for each sample, and each has a target", received)
        )
    labels = labels_of(targets)
    if scores.shape[1] == 1:
        right = probabilities_of(model, scores[:, 0])
        scores = np.stack([1 - right, right], axis=1)
    elif scores.min(initial=0) < 0 or not np.allclose(scores.sum(axis=1), 1, atol=1e-2):
        raised = np.exp(scores - scores.max(axis=1, keepdims=True))
        scores = raised / raised.sum(axis=1, keepdims=True)
    return Judged(inputs, labels, scores)


def rows_of_numbers(outputs: object) -> HostArray:
    """What a model with one output gives."""
    if isinstance(outputs, (list, tuple, dict)):
        raise ValueError(message("diagnosis", "a classifier with one output is needed", {"outputs": len(outputs)}))
    return np.asarray(outputs)


def labels_of(targets: HostArray) -> HostArray:
    """Numbers of classes, from such numbers or from one-hot rows."""
    owner, expected = "diagnosis", "targets must be numbers of classes from 0 on, or one-hot rows"
    if targets.dtype.kind not in "biuf":
        hint = "np.unique(y, return_inverse=True) numbers classes."
        raise ValueError(message(owner, expected, {"type of the targets": targets.dtype.name}, hint))
    count = len(targets)
    if targets.ndim > 1 and targets.shape[-1] > 1:
        sums = targets.sum(axis=-1)
        if targets.ndim > 2 or not np.allclose(sums, 1, atol=1e-3):
            received = {"shape": targets.shape, "sums of rows": f"{sums.min():g} to {sums.max():g}"}
            raise ValueError(message(owner, f"{expected}; of several labels at once nothing is known", received))
        return targets.argmax(axis=-1)
    labels = targets.reshape(-1)
    if len(labels) != count or labels.min(initial=0) < 0 or np.any(labels != np.round(labels)):
        received = {"shape": targets.shape, "from": labels.min(initial=0), "to": labels.max(initial=0)}
        raise ValueError(message(owner, expected, received))
    return labels.astype(np.int64)


def probabilities_of(model: Model, scores: HostArray) -> HostArray:
    """The probabilities of the second of two classes, of which a model gives a single number each.

    Whether that is a logit, its loss says; where it does not, what lies outside of 0 to 1 is no probability.
    """
    odds = scores.astype(np.float64)
    is_logit = getattr(model.loss, "from_logits", None)
    if is_logit is None:
        is_logit = bool(odds.min(initial=0) < 0 or odds.max(initial=0) > 1)
    # Neither end overflows.
    return np.exp(-np.logaddexp(0, -odds)) if is_logit else odds


def _batches_of(x: Data) -> Iterable[tuple[Any, ...]]:
    """(inputs, targets, ...) of a source, once; numbered ones by number, because some of them never end."""
    if hasattr(x, "__getitem__") and hasattr(x, "__len__") and not isinstance(x, (list, tuple, np.ndarray)):
        numbered = cast(HasBatches, x)
        items: Iterable[object] = (numbered[number] for number in range(len(numbered)))
    elif hasattr(x, "__iter__") and not hasattr(x, "shape"):
        items = cast(Iterable[object], x)
    else:
        raise ValueError(message("diagnosis", "targets are needed", {"y": None}, "Give y, or a source of (inputs, targets)"))
    for item in items:
        if not isinstance(item, (tuple, list)) or len(item) < 2:
            raise ValueError(message("diagnosis", "a source must give (inputs, targets)", {"batch": type(item).__name__}))
        yield tuple(item)


def names_of(given: Sequence[str] | None, count: int) -> tuple[str, ...]:
    """A name for each class; its number where none is given."""
    if given is None:
        return tuple(map(str, range(count)))
    if len(given) < count:
        raise ValueError(message("diagnosis", f"`class_names` must name {count} classes", {"class_names": list(given)}))
    return tuple(map(str, given))


def draw_pictures(pictures: HostArray, titles: Sequence[str], path: PathLike | None = None, cmap: str = "gray") -> "Figure":
    """Draws pictures in rows and columns, each under its title."""
    if np.ndim(pictures) < 3:
        raise ValueError(message("diagnosis", "only pictures can be drawn", {"inputs": np.shape(pictures)}))
    columns = int(np.ceil(np.sqrt(max(len(pictures), 1))))
    rows = max(-(-len(pictures) // columns), 1)
    figure = new_figure(figsize=(2.0 * columns, 2.25 * rows), dpi=120, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.axis("off")
    for axis, picture, title in zip(axes, pictures, titles, strict=False):
        axis.imshow(as_seen(picture), cmap=cmap)
        axis.set_title(title, fontsize=8)
    return saved(figure, path)


def as_seen(picture: HostArray) -> HostArray:
    """A picture in 0 to 1, whatever its numbers are: 0 to 255, 0 to 1, or around 0."""
    picture = np.asarray(picture, np.float32)
    if picture.ndim == 3 and picture.shape[-1] not in (1, 3, 4) and picture.shape[0] in (1, 3, 4):
        picture = np.moveaxis(picture, 0, -1)
    if picture.ndim == 3 and picture.shape[-1] == 1:
        picture = picture[..., 0]
    low, high = float(picture.min(initial=0)), float(picture.max(initial=0))
    if low >= 0 and high <= 1:
        return picture
    if low >= 0 and high <= 255:
        return picture / 255
    low = float(picture.min())
    return (picture - low) / max(high - low, 1e-12)


def saved(figure: "Figure", path: PathLike | None) -> "Figure":
    """The figure, written to a file where a path is given."""
    if path is not None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
    return figure
