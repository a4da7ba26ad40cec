"""`lr_find`: which learning rate, from a population over rates."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerata.base.checks import check_number, check_positive_int, message
from kerata.base.display import new_figure
from kerata.base.registry import builtin
from kerata.base.types import PathLike
from kerata.data.samples import Data, Samples
from kerata.data.sources import standardize_source
from kerata.engine.types import HostArray
from kerata.models.model import Model
from kerata.populations.population import Population, fit_many
from kerata.search.examining import LOSSES, loss_among
from kerata.training.compilation import compilation_of
from kerata.training.host import through_host

if TYPE_CHECKING:
    from matplotlib.figure import Figure


# Steps that tell one rate from another; short data is gone over more than once.
STEPS = 200
MOST_EPOCHS = 20


class LearningRates:
    """What `lr_find` returns.

    Attributes:
        rates: the rates that were tried, from low to high.
        losses: for each rate the training loss of the last epoch, the mean over the seeds; infinite where it diverged.
        curves: for each rate the loss of each epoch.
        suggestion: a rate to begin with.
        highest: the highest rate that made the loss lower; `None` where none did.
        limit: the next rate that was tried: from it on, all diverged or learned nothing; `None` where the highest rate learned.
        seconds: the time of the whole call.
    """

    def __init__(self, rates: np.ndarray, curves: np.ndarray, seconds: float):
        self.rates, self.curves, self.seconds = rates, curves, seconds
        last = curves[:, -1]
        self.losses = np.where(np.isfinite(last), last, np.inf)
        if not np.isfinite(self.losses).any():
            raise ValueError(
                message(
                    "lr_find",
                    "training diverged at every rate",
                    {"rates": rates},
                    "Begin lower: low=1e-8; or look for bad values in the data",
                )
            )
        self.suggestion = self._suggest()
        start = np.nanmax(np.where(np.isfinite(curves[:, 0]), curves[:, 0], np.nan)[: max(1, len(rates) // 3)])
        learned = np.flatnonzero(self.losses < start)
        self.highest = float(rates[learned[-1]]) if learned.size else None
        after = learned[-1] + 1 if learned.size else 0
        self.limit = float(rates[after]) if after < len(rates) else None

    def _suggest(self) -> float:
        """The rate with the lowest loss among its neighbours: a lucky one between two bad ones is not safe."""
        logs = np.log(np.maximum(self.losses, 1e-12))
        padded = np.concatenate([logs[:1], logs, logs[-1:]])
        smooth = np.maximum(logs, (padded[:-2] + logs + padded[2:]) / 3)
        return float(f"{self.rates[int(np.argmin(smooth))]:.1e}")

    def __repr__(self) -> str:
        low, high = self.rates[[0, -1]]
        text = f"Learning rate {self.suggestion:.2g} of {len(self.rates)} from {low:.1g} to {high:.1g}"
        if self.highest is None:
            return f"<{text}; no rate made the loss lower>"
        if self.limit is None:
            return f"<{text}; all up to the highest learn>"
        return f"<{text}; it learns up to {self.highest:.2g}, and diverges or learns nothing from {self.limit:.2g} on>"

    def plot(self, path: PathLike | None = None) -> "Figure":
        """Draws the loss over the rates; returns the matplotlib figure.

        Args:
            path: where to save the picture, by its ending.
        """
        figure = new_figure(figsize=(6.4, 3.9), dpi=120, layout="constrained")
        axis = figure.subplots()
        finite = np.isfinite(self.losses)
        axis.plot(
            self.rates[finite],
            self.losses[finite],
            color="#1f6fb4",
            marker="o",
            markersize=3.5,
            linewidth=1.8,
            label="training loss",
        )
        axis.axvline(self.suggestion, color="#d1495b", linestyle="--", linewidth=1.4, label=f"suggested: {self.suggestion:.2g}")
        if self.limit is not None:
            axis.axvspan(
                self.limit, self.rates[-1], color="#7a7a7a", alpha=0.15, linewidth=0, label="diverges or learns nothing"
            )
        if self.limit is not None and self.highest is not None:
            axis.axvspan(
                self.highest,
                self.limit,
                facecolor="none",
                edgecolor="#7a7a7a",
                alpha=0.35,
                linewidth=0,
                hatch="///",
                label="not tried",
            )
        axis.set_xscale("log")
        low, high = self.losses[finite].min(), np.nanmax(np.where(np.isfinite(self.curves[:, 0]), self.curves[:, 0], np.nan))
        first = self.losses[finite][0]
        axis.set_ylim(low - 0.05 * (first - low + 1e-12), min(high, low + 1.6 * max(first - low, 1e-12)))
        axis.set_xlabel("learning rate")
        axis.set_ylabel(f"loss after {self.curves.shape[1]} epoch{'s' if self.curves.shape[1] > 1 else ''}")
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False, fontsize=8)
        if path is not None:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(path)
        return figure


@builtin("services")
def lr_find(
    model: Model,
    x: Data,
    y: Data | None = None,
    *,
    low: float = 1e-6,
    high: float = 10.0,
    points: int = 30,
    epochs: int | None = None,
    batch_size: int | None = None,
    repeats: int = 2,
    seed: int = 0,
    **arguments: Any,
) -> LearningRates:
    """Trains copies of a model with learning rates from low to high, side by side, and suggests one.

    No ramp: each rate is tried from the start, on the same samples in the same order. The suggestion is the rate whose loss is
    lowest after a short training, so a longer one may want a rate somewhat lower.

    Args:
        model: a compiled model; it is not changed.
        x, y: arrays, as in `fit`.
        low, high: the lowest and the highest rate.
        points: the number of rates, evenly spaced on a log scale.
        epochs: by default as many as make 200 steps, at most 20.
        batch_size: as in `fit`.
        repeats: seeds for each rate.
        seed: the first of them.
        arguments: what else `fit_many` takes: `sample_weight`, `class_weight`, `initial_weights`.

    >>> import kerata, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
    >>> model = kerata.Sequential([kerata.Input((3,)), kerata.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> found = model.lr_find(x, x.sum(1), points=8, repeats=1)
    >>> 0.001 < found.suggestion < 2
    True
    """
    if not isinstance(model, Model):
        raise TypeError(message("lr_find", "a compiled model is needed", {"model": model}))
    compilation_of(model, "lr_find")
    check_number("lr_find", "low", low, 0.0)
    if not 0 < low < high:
        raise ValueError(message("lr_find", "`low` must be above 0 and below `high`", {"low": low, "high": high}))
    points = int(check_positive_int("lr_find", "points", points, minimum=3) or 3)
    repeats = int(check_positive_int("lr_find", "repeats", repeats) or 1)
    # What scales the loss hands the rate on to the optimizer within.
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    if type(optimizer.__dict__.get("learning_rate")) is not float:
        raise ValueError(
            message(
                "lr_find",
                "the optimizer's learning rate must be a number",
                {"learning_rate": optimizer.__dict__.get("learning_rate")},
                "Compile without a schedule",
            )
        )
    samples = standardize_source(through_host(model, x), y, arguments.get("sample_weight"), owner="lr_find")
    if not isinstance(samples, Samples):
        raise TypeError(message("lr_find", "data must be arrays", {"x": type(x).__name__}))
    steps = -(-samples.size // (batch_size or 32))
    if epochs is None:
        epochs = max(1, min(MOST_EPOCHS, -(-STEPS // steps)))
    rates = np.geomspace(low, high, points)
    many: Population = fit_many(
        model,
        x,
        y,
        vary={"optimizer/learning_rate": np.tile(rates, repeats).tolist()},
        seeds=np.repeat(np.arange(seed, seed + repeats), points),
        epochs=epochs,
        batch_size=batch_size,
        **arguments,
    )
    losses = losses_of(many).reshape(repeats, points, epochs)
    return LearningRates(rates, losses.mean(0), many.seconds)


def losses_of(many: Population) -> HostArray:
    """What training lowers, (models, epochs), whatever the model's own step calls it."""
    measured = [name for name in many.histories[0] if not name.startswith("val_")]
    name = loss_among(measured)
    if name is None or (name not in LOSSES and len(measured) > 1):
        raise ValueError(
            message(
                "lr_find",
                "there must be a loss among what the model's own step measures",
                {"measures": measured},
                'Name it "loss" in what train_step() returns',
            )
        )
    return np.array([history[name] for history in many.histories], float)
