"""`compare`: the same model with other optimizers, batch sizes or layers, each trained some times."""

import functools
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from kerata.base.checks import check_positive_int, did_you_mean, message
from kerata.base.display import count_whole, new_figure
from kerata.base.registry import names
from kerata.base.types import PathLike
from kerata.callbacks.callback import Callbacks, Verbose
from kerata.callbacks.monitors import find_direction
from kerata.data.samples import ClassWeight, Data, Samples
from kerata.data.sources import split_validation, standardize_source
from kerata.diagnosis.reading import read_curves
from kerata.models.copying import fresh_model, is_given
from kerata.models.model import Model
from kerata.populations.adapting import adapted
from kerata.populations.fitted import make_group, make_member
from kerata.populations.group import DeviceData, Group, plan_of, structure_key
from kerata.populations.initial import InitialState, was_trained
from kerata.populations.member import Member, copies_of
from kerata.populations.objective import Objective
from kerata.populations.population import way_of, weigh_members
from kerata.populations.scheduler import Scheduler
from kerata.populations.validation import read_validation
from kerata.search.building import build_apart
from kerata.search.cross_validation import Folds, make_folds
from kerata.search.curves import why_no_value
from kerata.search.luck import Difference, paired_difference, say_difference
from kerata.training.compilation import compilation_of
from kerata.training.host import through_host
from kerata.training.prepare import build_for
from kerata.training.trainer import Trainer

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

# Names of optimizers, or optimizers, also by names for the report; one name, or "all".
Optimizers: TypeAlias = "str | Mapping[str, object] | Collection[object] | None"
# Functions that build compiled models, by name or one after the other.
Variants: TypeAlias = dict[str, Callable[[], Model]] | Sequence[Callable[[], Model]]
PLAIN = (
    "sgd",
    "rmsprop",
    "adagrad",
    "adadelta",
    "adam",
    "adamw",
    "adamax",
    "nadam",
    "radam",
    "ftrl",
    "lion",
    "lamb",
    "adafactor",
    "muon",
)


class Comparison:
    """What `compare` returns: the variants, the best first.

    Attributes:
        names: the variants in the order of their scores.
        scores: for each variant one number a run (a seed, or a fold): the objective in its best epoch.
        histories: for each variant the curves of its runs.
        failed: variants of which a run diverged, with the reason.
        objective: what was compared.
        seconds: the time of the whole call.
    """

    def __init__(self, runs: dict[str, list[Member]], objective: Objective, seconds: float):
        self.objective, self.seconds, self._runs = objective, seconds, runs
        self.failed = {}
        for name, members in runs.items():
            if faults := [m.trouble for m in members if m.fault is not None]:
                self.failed[name] = str(faults[0])
            elif bad := sum(m.bad_step >= 0 for m in members):
                self.failed[name] = f"the loss became NaN or infinite in {bad} of {len(members)} runs"
            elif empty := [m.history.history for m in members if not m.best_epoch]:
                self.failed[name] = why_no_value(objective, empty)
        good = {name: members for name, members in runs.items() if name not in self.failed}
        self.scores = {name: np.array([m.best_value for m in members]) for name, members in good.items()}
        sign = -1 if objective.direction == "max" else 1
        self.names = sorted(self.scores, key=lambda name: sign * self.scores[name].mean())
        self.histories = {name: [m.history.history for m in members] for name, members in runs.items()}
        # What a fold holds out for each sample that it trains on; runs on one split have no overlap to correct for.
        held = [(m.rows, m.held) for m in next(iter(runs.values()))]
        apart = [(len(rows), len(out)) for rows, out in held if rows is not None and out is not None]
        self._ratio = float(np.mean([out / rows for rows, out in apart])) if apart else 0.0
        self.ways = {name: way_of(members[0].group.notes) for name, members in runs.items()}

    @property
    def best(self) -> str:
        """The name of the best variant."""
        if not self.names:
            raise ValueError(message("compare", "every variant failed", self.failed))
        return self.names[0]

    def table(self) -> "DataFrame":
        """A pandas frame with a row a variant: mean and deviation of the score, best epoch, a reading of the curves."""
        import pandas as pd

        rows = []
        for name in [*self.names, *self.failed]:
            members = self._runs[name]
            row = {"variant": name, self.objective.name: np.nan, "std": np.nan, "runs": len(members), "best_epoch": np.nan}
            if name in self.scores:
                row |= {
                    self.objective.name: self.scores[name].mean(),
                    "std": self.scores[name].std(),
                    "best_epoch": np.median([m.best_epoch for m in members]),
                }
            row["reading"] = self.failed.get(name) or read_curves(mean_curves(self.histories[name])).sentence
            rows.append(row)
        return pd.DataFrame(rows).set_index("variant")

    def __repr__(self) -> str:
        wide = max([20, *map(len, [*self.names, *self.failed])])
        lines = [f"{name:<{wide}} {self.scores[name].mean():.4f} ± {self.scores[name].std():.4f}" for name in self.names]
        lines += [f"{name:<{wide}} {reason}" for name, reason in self.failed.items()]
        lines += [self.luck] if self.luck else []
        return "\n".join([f"{self.objective.name} of {len(self._runs)} variants in {self.seconds:.2f} s", *lines])

    def difference(self, first: str | None = None, second: str | None = None) -> Difference:
        """How two variants differ over the same runs, and how often chance gives as much; the best two by default."""
        first, second = first or self.best, second or self.names[1]
        return paired_difference(self.scores[first], self.scores[second], self._ratio)

    @property
    def luck(self) -> str:
        """Whether the best variant is ahead by more than luck, in one sentence; nothing of a single run or variant."""
        if len(self.names) < 2 or len(self.scores[self.best]) < 2:
            return ""
        return say_difference(self.names, self.difference(), self.objective)

    def plot(self, path: PathLike | None = None) -> "Figure":
        """Draws the scores and the mean curves; returns the matplotlib figure."""
        figure = new_figure(figsize=(10.4, 0.8 + max(3.2, 0.32 * len(self.names))), dpi=120, layout="constrained")
        left, right = figure.subplots(1, 2)
        order = self.names[::-1]
        left.errorbar(
            [self.scores[n].mean() for n in order],
            range(len(order)),
            xerr=[self.scores[n].std() for n in order],
            fmt="o",
            color="#1f6fb4",
            ecolor="#7a7a7a",
            capsize=3,
            markersize=5,
        )
        left.set_yticks(range(len(order)), order)
        left.set_xlabel(self.objective.name.replace("_", " "))
        for place, name in enumerate(self.names):
            curve = mean_curves(self.histories[name])[self.objective.name]
            strong = place < 5
            right.plot(
                range(1, len(curve) + 1),
                curve,
                color=f"C{place}" if strong else "#cccccc",
                zorder=-place,
                linewidth=1.6 if strong else 1,
                label=name if strong else "others" if place == 5 else None,
            )
        right.set_xlabel("epoch")
        count_whole(right.xaxis)
        right.set_title(self.objective.name.replace("_", " "), fontsize=10)
        right.legend(frameon=False, fontsize=8)
        for axis in (left, right):
            axis.grid(alpha=0.25)
            axis.spines[["top", "right"]].set_visible(False)
        if path is not None:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(path)
        return figure


def mean_curves(histories: list[dict[str, list[float]]]) -> dict[str, list[float]]:
    """The mean over some runs, as far as the shortest goes."""
    single = [name for name, curve in histories[0].items() if not np.ndim(curve[0])]
    return {name: [float(np.mean(values)) for values in zip(*(h[name] for h in histories))] for name in single}


def compare(
    model: Model,
    x: Data,
    y: Data | None = None,
    *,
    optimizers: Optimizers = None,
    batch_sizes: Sequence[int] | None = None,
    variants: Variants | None = None,
    repeats: int = 3,
    objective: str | None = None,
    direction: str | None = None,
    epochs: int = 10,
    batch_size: int | None = None,
    validation_split: float = 0.2,
    validation_data: Sequence[Any] | None = None,
    cv: Folds | None = None,
    callbacks: Callbacks | Callable[..., Any] | None = None,
    class_weight: ClassWeight | None = None,
    sample_weight: Data | None = None,
    seed: int = 0,
    verbose: Verbose = 0,
) -> Comparison:
    """Trains variants of a model side by side, each some times, and ranks them.

    Run i of every variant has the same seed, samples and order, so the variants differ in nothing but what is compared.

    Args:
        model: a compiled model; `None` where `variants` are given.
        x, y: arrays, as in `fit`.
        optimizers: names, optimizers, or a dict of such; `"all"` for all that there are.
        batch_sizes: batch sizes.
        variants: functions without arguments that build compiled models, as a list or a dict: where to put dropout, say.
        repeats: runs of each variant, with seeds of their own; with `cv` each fold is a run, and it repeats the splits.
        objective: the measure, by default `"val_loss"`.
        direction: "max" or "min", by default as the measure is known.
        epochs, batch_size, class_weight, sample_weight: as in `fit`.
        validation_split, validation_data: what the objective is measured on, without `cv`.
        cv: as in `cross_validate`.
        callbacks: as in `fit_many`.
        seed: of the first run.
        verbose: 1 prints the result.

    >>> import kerata, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
    >>> model = kerata.Sequential([kerata.Input((3,)), kerata.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> result = kerata.search.compare(model, x, x.sum(1), optimizers=["sgd", "adadelta"], repeats=2, epochs=5)
    >>> result.best
    'sgd'
    """
    began = time.perf_counter()
    repeats = int(check_positive_int("compare", "repeats", repeats) or 1)
    epochs = int(check_positive_int("compare", "epochs", epochs) or 1)
    made = make_variants(model, optimizers, batch_sizes, variants, batch_size or 32)
    samples = standardize_source(through_host(model, x), y, sample_weight, owner="compare")
    if not isinstance(samples, Samples):
        raise TypeError(message("compare", "data must be arrays", {"x": type(x).__name__}))
    held = None
    if cv is not None:
        folds: list[Any] = list(make_folds(samples, cv, repeats, seed=seed))
    else:
        folds = [(None, None)] * repeats
        if validation_data is not None:
            held = read_validation("compare", validation_data, model)
        elif validation_split:
            samples, held = split_validation(samples, validation_split, "compare")
    runs: dict[str, list[Member]] = {}
    groups: dict[Any, Group] = {}
    places: dict[int, tuple[DeviceData, DeviceData | None]] = {}
    for name, (each, size, make) in made.items():
        data, held_data = places.setdefault(size, (DeviceData(samples), None if held is None else DeviceData(held)))  # type: ignore[arg-type]
        batch = samples.slice(0, min(size, samples.size)).tree
        build_for(each, batch, "fit", samples if not runs else None)
        trained = was_trained(each)
        each = adapted(each, samples.x)
        build_for(each, batch, "fit")
        key = (size, structure_key(each))
        if key not in groups:
            groups[key] = make_group(each, data, held_data, size, True, make, callbacks, bool(cv or held))
        group = groups[key]
        start = InitialState(group, each, samples.x, trained=trained)
        numbers = plan_of(each).hypers.vector()
        runs[name] = [
            make_member(
                i,
                group,
                numbers.copy(),
                functools.partial(start.state, seed + i, rows),
                seed + i,
                rows,
                out,
                copies_of(callbacks, i),
                epochs,
            )
            for i, (rows, out) in enumerate(folds)
        ]
    every = [member for members in runs.values() for member in members]
    watch = objective_of(objective, direction, every[0].group, cv is not None or held is not None)
    weigh_members(every, samples, class_weight)
    Scheduler(every, drop_bad=True, watch=watch, guarded=True).run()
    if all(member.fault is not None for member in every):
        assert every[0].fault is not None
        raise every[0].fault
    result = Comparison(runs, watch, time.perf_counter() - began)
    for member in every:
        member.drop()
    if verbose and verbose != "auto":
        print(result)
    return result


def make_variants(
    model: Model, optimizers: Optimizers, batch_sizes: Sequence[int] | None, variants: Variants | None, batch_size: int
) -> dict[str, tuple[Model, int, Callable[[], Model] | None]]:
    """(model, batch size, what builds another) of each variant by name."""
    given = {"optimizers": optimizers, "batch_sizes": batch_sizes, "variants": variants}
    said = [name for name, value in given.items() if value is not None]
    if len(said) != 1:
        raise ValueError(
            message("compare", "one of optimizers, batch_sizes and variants is compared at a time", {"given": said})
        )
    if variants is not None:
        if not isinstance(variants, dict):
            variants = {getattr(make, "__name__", f"variant {i}"): make for i, make in enumerate(variants)}
        built: dict[str, tuple[Model, int, Any]] = {}
        for name, make in variants.items():
            builds = callable(make) and not isinstance(make, Model)
            make = functools.partial(build_apart, make) if builds else make
            each = make() if builds else make
            if not isinstance(each, Model):
                raise TypeError(message("compare", "a variant must be a function that builds a compiled model", {name: each}))
            compilation_of(each, "compare")
            built[str(name)] = (each, batch_size, make if builds else None)
        return built
    if not isinstance(model, Model):
        raise TypeError(message("compare", "a compiled model is needed", {"model": model}))
    compilation_of(model, "compare")
    if batch_sizes is not None:
        sizes = [int(check_positive_int("compare", "batch_sizes", size) or 1) for size in batch_sizes]
        return {str(size): (model if not i else recompiled(model, model.optimizer), size, None) for i, size in enumerate(sizes)}
    assert optimizers is not None
    if isinstance(optimizers, str):
        optimizers = list(PLAIN) if optimizers == "all" else [optimizers]
    if not isinstance(optimizers, dict):
        named = [each if isinstance(each, str) else getattr(each, "name", type(each).__name__) for each in optimizers]
        optimizers = dict(zip(named, optimizers, strict=True))
    found = {}
    for name, each in optimizers.items():
        if isinstance(each, str) and each.lower() not in {known.lower() for known in names("optimizers")}:
            raise ValueError(
                message("compare", "there is no such optimizer", {"optimizer": each}, did_you_mean(each, names("optimizers")))
            )
        found[name] = (recompiled(model, each), batch_size, None)
    return found


def recompiled(model: Model, optimizer: object) -> Model:
    """A copy of a model with the same weights and another optimizer."""
    twin = fresh_model(model)
    for old, new in zip(model.variables, twin.variables, strict=True):
        new.place(old.numpy())
        new.assigned = is_given(old, model)
    if optimizer is not model.optimizer:
        Trainer.compile(twin, **{**compilation_of(twin, "compare").arguments, "optimizer": optimizer})
    return twin


def objective_of(name: str | None, direction: str | None, group: Group, validates: bool) -> Objective:
    """What is compared, with its direction."""
    known = [*group.train_names, *(group.test_names if validates else [])]
    if group.why_alone is not None and name not in known:
        # What a step of a user's own measures is known only when it has run.
        known = [*known, name or "val_loss", "loss", "val_loss"]
    name = name or ("val_loss" if validates else "loss")
    if name not in known:
        raise ValueError(
            message("search", "the objective is not among the measures", {"objective": name}, did_you_mean(name, known))
        )
    if direction not in (None, "min", "max"):
        raise ValueError(message("search", '`direction` must be "min" or "max"', {"direction": direction}))
    if direction is None:
        direction = find_direction(name, group.model, "compare", "objective", "direction")
    return Objective(name, direction)
