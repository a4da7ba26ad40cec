"""Cross-validation: all folds in one program."""

import time
import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

import jax
import numpy as np

from kerata.base.checks import check_choice, check_positive_int, message
from kerata.base.registry import builtin
from kerata.callbacks.callback import Callbacks, Verbose
from kerata.data.samples import ClassWeight, Data, Samples
from kerata.data.sources import standardize_source
from kerata.diagnosis.judgement.examination import examine
from kerata.diagnosis.judgement.finding import Examination
from kerata.engine.types import HostArray, TensorLike, Tree
from kerata.models.model import Model
from kerata.populations.adapting import adapted
from kerata.populations.fitted import make_group, make_member
from kerata.populations.group import DeviceData
from kerata.populations.initial import InitialState, take_rows, was_trained
from kerata.populations.member import Member, copies_of
from kerata.populations.population import Trained, way_of, weigh_members
from kerata.populations.scheduler import Scheduler
from kerata.search.examining import loss_among, say_folds
from kerata.training.compilation import compilation_of
from kerata.training.host import through_host
from kerata.training.prepare import build_for

if TYPE_CHECKING:
    from pandas import DataFrame


KINDS = ("auto", "kfold", "stratified", "group", "time")


class Splitter(Protocol):
    """What says which samples are in which fold, as scikit-learn's splitters do."""

    def split(self, X: object, y: object, groups: object, /) -> Iterable[tuple[Any, Any]]: ...


# A number of folds, or what makes them.
Folds: TypeAlias = int | Splitter | Iterable[tuple[Any, Any]]


class CrossValidation:
    """What `cross_validate` returns.

    Attributes:
        scores: for each measure one number a fold, taken after training on the samples that the fold held out.
        folds: (training rows, held rows) of each fold.
        histories: the curves of each fold.
        repeats: how often the samples were split anew.
        seconds: the time of the whole call.
        way: how the folds were trained.
    """

    def __init__(self, members: list[Member], folds: list[Any], repeats: int, samples: Samples):
        self._members, self._samples = members, samples
        self.folds, self.repeats = folds, repeats
        self.histories = [member.history.history for member in members]
        self.seconds = 0.0
        self.way = way_of(members[0].group.notes)
        self._cached: dict[str, Any] = {}
        self._worker: Model | None = None
        scores = [self._score(member) for member in members]
        self.scores = {name: np.array([score[name] for score in scores]) for name in scores[0]}

    def _score(self, member: Member) -> dict[str, Any]:
        """The measures of a fold with the weights that its training ended with."""
        if member.restored:
            assert member.held is not None
            logs = self._filled(member).evaluate(
                *take_rows(self._samples.tree[:2], member.held),
                batch_size=member.group.batch_size,
                verbose=0,
                return_dict=True,
                sample_weight=take_rows(self._samples.sample_weight, member.held),
            )
            return logs
        return {name.removeprefix("val_"): value for name, value in member.logs.items() if name.startswith("val_")}

    def _filled(self, member: Member) -> Model:
        """One model that takes the weights of one fold after the other; a fold's own, where it has one."""
        if member.model is not None:
            return member.model
        assert member.state is not None
        if self._worker is None:
            self._worker = member.group.twin()
        return member.group.fill(self._worker, member.numbers, member.state, None)

    @property
    def mean(self) -> dict[str, Any]:
        """Each measure's mean over the folds."""
        return {name: plain(values.mean(0)) for name, values in self.scores.items()}

    @property
    def std(self) -> dict[str, Any]:
        """Each measure's standard deviation over the folds."""
        return {name: plain(values.std(0)) for name, values in self.scores.items()}

    @property
    def models(self) -> list[Model]:
        """The trained model of each fold."""
        if "models" not in self._cached:
            self._cached["models"] = [Trained(member, {}, None).model for member in self._members]
        return self._cached["models"]

    @property
    def predictions(self) -> Tree:
        """What the models say of the samples that they were not trained on, in the order of the samples.

        With repeats, the mean of the repeats; NaN for samples that no fold held out, as at the beginning of a time series.
        """
        if "predictions" not in self._cached:
            total: list[Any] = []
            count = np.zeros(self._samples.size, np.int64)
            tree: Callable[[list[Any]], Any] = list
            for member in self._members:
                assert member.held is not None
                # In batches as those that it was measured in: some models mix the samples of a batch.
                size = member.group.batch_size
                outputs = self._filled(member).predict(take_rows(self._samples.x, member.held), batch_size=size, verbose=0)
                leaves, tree = flatten_arrays(outputs)
                if not total:
                    total = [np.zeros((self._samples.size, *leaf.shape[1:]), np.float64) for leaf in leaves]
                for sums, leaf in zip(total, leaves, strict=True):
                    sums[member.held] += leaf
                count[member.held] += 1
            with np.errstate(invalid="ignore"):
                means = [(sums / count.reshape(-1, *[1] * (sums.ndim - 1))).astype(np.float32) for sums in total]
            self._cached["predictions"] = tree(means)
        return self._cached["predictions"]

    def examine(self, experiments: bool = True, seconds: float = 6.0) -> Examination:
        """Examines the fold in the middle of the losses, and says how far the folds are apart.

        Args:
            experiments, seconds: as of `kerata.diagnosis.examine`.
        """
        name = loss_among(name for name, values in self.scores.items() if values.ndim == 1)
        place = int(np.argsort(self.scores[name])[len(self.folds) // 2]) if name else 0
        rows, held = self.folds[place]
        x, y = self._samples.tree[:2]
        ours, theirs = take_rows((x, y), rows), take_rows((x, y), held)
        found = examine(
            self.models[place], self.histories[place], *ours, validation=theirs, experiments=experiments, seconds=seconds
        )
        found.findings.append(say_folds(self.scores, len(rows), len(held)))
        return found

    @property
    def luck(self) -> str:
        """How far the folds are apart, and within what the mean is known, in one sentence."""
        return say_folds(self.scores, *map(len, self.folds[0])).sentence

    def __str__(self) -> str:
        return f"{self!r}\n{self.luck}" if len(self.folds) > 1 and self.scores else repr(self)

    def table(self) -> "DataFrame":
        """A pandas frame with a row a fold: its measures, the numbers of samples, epochs."""
        import pandas as pd

        frame = pd.DataFrame({name: list(values) for name, values in self.scores.items()})
        frame["samples"] = [len(rows) for rows, _ in self.folds]
        frame["held"] = [len(held) for _, held in self.folds]
        frame["epochs"] = [member.epoch for member in self._members]
        return frame.rename_axis("fold")

    def __repr__(self) -> str:
        each = ", ".join(
            f"{name} {self.mean[name]:.4g} ± {self.std[name]:.2g}" for name, values in self.scores.items() if values.ndim == 1
        )
        repeats = f" x {self.repeats} repeats" if self.repeats > 1 else ""
        return f"<CrossValidation of {len(self.folds) // self.repeats} folds{repeats}: {each}>"


def plain(value: np.ndarray) -> object:
    """A single number as Python has it; of several numbers, the array."""
    return value if np.ndim(value) else float(value)


@builtin("services")
def cross_validate(
    model: Model,
    x: Data,
    y: Data | None = None,
    *,
    cv: Folds = 5,
    repeats: int = 1,
    split: str = "auto",
    groups: TensorLike | None = None,
    epochs: int = 1,
    batch_size: int | None = None,
    callbacks: Callbacks | Callable[..., Any] | None = None,
    class_weight: ClassWeight | None = None,
    sample_weight: Data | None = None,
    shuffle: bool = True,
    seed: int = 0,
    initial_weights: str = "auto",
    turns: bool | None = None,
    verbose: Verbose = 0,
) -> CrossValidation:
    """Trains a fresh copy of a model on each fold, all folds in one program, and measures it on what the fold held out.

    Nothing leaks: each copy begins with weights of its own seed, and layers that adapt to data see the fold's training
    samples only.

    Args:
        model: a compiled model; it is not changed itself.
        x, y: arrays, as in `fit`.
        cv: the number of folds, any scikit-learn splitter, or a list of (training rows, held rows).
        repeats: how often to split, with another shuffling each time.
        split: how a number of folds is cut: "kfold", "stratified" (each fold with the same share of each class), "group"
            (samples of one group stay together), "time" (train on the past, hold out what follows). "auto" is "group" where
            `groups` is given, "stratified" for classes, else "kfold".
        groups: one label a sample, for splitters that need them.
        epochs, batch_size, class_weight, sample_weight, shuffle: as in `fit`.
        callbacks: as in `fit_many`; each fold stops by itself.
        seed: of the splits, and of fold i's weights, order and random draws as seed + i.
        initial_weights: "auto" keeps weights that were loaded, set, or trained in another model (a base that was
            trained before), and draws the rest anew; "fresh" draws all, "keep" none.
        turns: as in `fit_many`.
        verbose: 1 prints the result.

    Returns:
        A `CrossValidation`: `.mean`, `.std`, `.scores`, `.histories`, `.predictions`, `.models`, `.table()`.

    >>> import kerata, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(60, 3)).astype("float32")
    >>> model = kerata.Sequential([kerata.Input((3,)), kerata.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> result = model.cross_validate(x, x.sum(1), cv=3, epochs=2)
    >>> len(result.scores["loss"]), result.predictions.shape
    (3, (60, 1))
    """
    began = time.perf_counter()
    if not isinstance(model, Model):
        raise TypeError(message("cross_validate", "a compiled model is needed", {"model": model}))
    compilation_of(model, "cross_validate")
    samples = standardize_source(through_host(model, x), y, sample_weight, owner="cross_validate")
    if not isinstance(samples, Samples):
        raise TypeError(message("cross_validate", "data must be arrays", {"x": type(x).__name__}))
    epochs = check_positive_int("cross_validate", "epochs", epochs)
    batch_size = int(check_positive_int("cross_validate", "batch_size", batch_size, optional=True) or 32)
    folds = make_folds(samples, cv, repeats, split, groups, seed)
    first = samples.slice(0, min(batch_size, samples.size)).tree
    build_for(model, first, "fit", samples)
    template = adapted(model, samples.x)
    build_for(template, first, "fit")
    group = make_group(template, DeviceData(samples), None, batch_size, shuffle, callbacks=callbacks)
    start = InitialState(group, template, samples.x, initial_weights, was_trained(model))
    numbers = group.plan.hypers.vector()
    members = [
        make_member(
            i,
            group,
            numbers.copy(),
            lambda s=seed + i, rows=rows: start.state(s, rows),
            seed + i,
            rows,
            held,
            copies_of(callbacks, i),
            epochs,
        )
        for i, (rows, held) in enumerate(folds)
    ]
    weigh_members(members, samples, class_weight)
    Scheduler(members, turns).run()
    result = CrossValidation(members, folds, check_positive_int("cross_validate", "repeats", repeats), samples)
    result.seconds = time.perf_counter() - began
    if verbose and verbose != "auto":
        print(f"{result!r} in {result.seconds:.2f} s, {result.way}")
    return result


def make_folds(
    samples: Samples, cv: Folds, repeats: int = 1, split: str = "auto", groups: TensorLike | None = None, seed: int = 0
) -> list[tuple[np.ndarray, np.ndarray]]:
    """(training rows, held rows) of each fold of each repeat, int32.

    Args:
        samples: the data.
        cv, repeats, split, groups, seed: as in `cross_validate`.
    """
    repeats = check_positive_int("cross_validate", "repeats", repeats)
    check_choice("cross_validate", "split", split, KINDS)
    labels = class_labels(samples.y)
    index = np.zeros(samples.size)
    targets = labels if labels is not None else index
    found: list[Any] = []
    if isinstance(cv, bool):
        raise TypeError(message("cross_validate", "`cv` must be a number of folds", {"cv": cv}))
    if isinstance(cv, (int, np.integer)):
        if split == "auto":
            split = "group" if groups is not None else "kfold" if labels is None else "stratified"
        for repeat in range(repeats):
            cutter = splitter(samples, int(cv), split, labels, groups, seed + repeat, repeats)
            found += list(cutter.split(index, targets, groups))
    elif hasattr(cv, "split") and not isinstance(cv, str):
        if repeats > 1 and getattr(cv, "random_state", 0) is not None:
            raise ValueError(
                message(
                    "cross_validate",
                    "`repeats` needs a splitter that shuffles anew each time",
                    {"cv": cv, "repeats": repeats},
                    "Give a number of folds, or a Repeated... splitter",
                )
            )
        for _ in range(repeats):
            found += list(cast(Splitter, cv).split(index, targets, groups))
    elif isinstance(cv, Iterable) and not isinstance(cv, (str, dict)):
        if repeats > 1:
            raise ValueError(message("cross_validate", "`repeats` needs a number of folds", {"cv": cv, "repeats": repeats}))
        found = list(cv)
    else:
        raise TypeError(
            message(
                "cross_validate",
                "`cv` must be a number of folds, a splitter or a list of (training rows, held rows)",
                {"cv": cv},
            )
        )
    return [check_fold(fold, number, samples.size, labels) for number, fold in enumerate(found)]


def splitter(
    samples: Samples, count: int, split: str, labels: HostArray | None, groups: TensorLike | None, seed: int, repeats: int
) -> Splitter:
    """A scikit-learn splitter."""
    from sklearn import model_selection

    if not 2 <= count <= samples.size:
        raise ValueError(
            message(
                "cross_validate",
                "the number of folds must be from 2 to the number of samples",
                {"cv": count, "samples": samples.size},
            )
        )
    if split == "stratified":
        if labels is None:
            raise ValueError(
                message("cross_validate", "stratified folds need classes as targets", {"split": split}, 'Use split="kfold"')
            )
        values, counts = np.unique(labels, return_counts=True)
        if counts.min() < count:
            raise ValueError(
                message(
                    "cross_validate",
                    "each class needs a sample for every fold",
                    {"class": values[counts.argmin()], "samples": int(counts.min()), "folds": count},
                    'Use fewer folds, or split="kfold"',
                )
            )
        return model_selection.StratifiedKFold(count, shuffle=True, random_state=seed)
    if split == "group":
        known = None if groups is None else np.asarray(groups)
        if known is None or len(known) != samples.size:
            raise ValueError(
                message(
                    "cross_validate",
                    "folds of groups need one label a sample in `groups`",
                    {"groups": None if known is None else len(known), "samples": samples.size},
                )
            )
        kinds = len(np.unique(known))
        if kinds < count:
            raise ValueError(
                message("cross_validate", "there must be at least as many groups as folds", {"groups": kinds, "cv": count})
            )
        return model_selection.GroupKFold(count, shuffle=True, random_state=seed)
    if split == "time":
        if repeats > 1:
            raise ValueError(
                message("cross_validate", "a time series has one order, so it cannot be split anew", {"repeats": repeats})
            )
        return model_selection.TimeSeriesSplit(count)
    return model_selection.KFold(count, shuffle=True, random_state=seed)


def class_labels(y: Data | None) -> np.ndarray | None:
    """The class of each sample, int64 of shape (samples,); `None` where targets are not classes."""
    if y is None or isinstance(y, (list, tuple, dict)):
        return None
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] > 1:
        one_hot = ((y == 0) | (y == 1)).all() and (y.sum(1) == 1).all()
        return y.argmax(1) if one_hot else None
    if y.ndim > 2 or (y.ndim == 2 and y.shape[1] != 1):
        return None
    y = y.reshape(-1)
    if not np.isfinite(y).all() or (y != np.round(y)).any() or (y < 0).any():
        return None
    labels = y.astype(np.int64)
    # Counts and other whole numbers are not classes.
    return labels if len(np.unique(labels)) <= max(2, min(1000, len(labels) // 2)) else None


def check_fold(fold: Iterable[Any], number: int, size: int, labels: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of samples, int32; errors for folds that cannot be trained or measured."""
    try:
        rows, held = (np.flatnonzero(part) if np.asarray(part).dtype == bool else np.asarray(part) for part in fold)
    except (TypeError, ValueError):
        raise TypeError(message("cross_validate", "each fold must be (training rows, held rows)", {"fold": fold})) from None
    for name, part in (("training", rows), ("held", held)):
        if part.ndim != 1 or part.dtype.kind not in "iu" or not part.size or part.min() < 0 or part.max() >= size:
            raise ValueError(
                message(
                    "cross_validate",
                    f"fold {number + 1}: its {name} rows must be numbers of samples from 0 to {size - 1}, at least one",
                    {name: part},
                )
            )
    if np.isin(held, rows).any():
        raise ValueError(
            message(
                "cross_validate",
                f"fold {number + 1}: samples cannot be trained on and held out as well",
                {"samples": np.intersect1d(rows, held)},
            )
        )
    if labels is not None:
        missing = np.setdiff1d(np.unique(labels[held]), np.unique(labels[rows]))
        if missing.size:
            raise ValueError(
                message(
                    "cross_validate",
                    f"fold {number + 1} holds out classes that it cannot train on",
                    {"classes": missing.tolist()},
                    'Use split="stratified", or shuffle the samples',
                )
            )
        absent = np.setdiff1d(np.unique(labels[rows]), np.unique(labels[held]))
        if absent.size and len(np.unique(labels[held])) == 1:
            warnings.warn(
                f"cross_validate: fold {number + 1} holds out samples of one class only, so measures of it say little.",
                stacklevel=4,
            )
    return rows.astype(np.int32), held.astype(np.int32)


def flatten_arrays(tree: Tree) -> tuple[list[np.ndarray], Any]:
    """The arrays of a tree, and a function that puts others in their places."""
    leaves, treedef = jax.tree.flatten(tree)
    return leaves, lambda values: jax.tree.unflatten(treedef, values)
