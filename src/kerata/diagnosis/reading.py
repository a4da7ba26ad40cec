"""A plain reading of training curves: what they say, and what to try."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np

from kerata.engine.types import HostArray

# An epoch's loss must move by this share of the whole fall to count as moving.
SMALL = 0.02
# A loss whose last epochs brought less than this share of its range has settled.
SETTLED = 0.03
# A loss that falls by this share of itself an epoch has not levelled off, however small it is by now.
QUICK = 0.07
# A loss jumps where it typically does by this share of its middle, and of where it began.
JUMP, JUMP_OF_FIRST = 0.08, 0.02


@dataclass(frozen=True)
class Reading:
    """What curves say.

    Attributes:
        kind: "diverged", "rate_too_high", "overfitting", "underfitting", "still_falling", "good" or "too_short".
        sentence: the reading in one sentence, with what to try.
        best_epoch: the epoch, counted from 1, with the lowest validation loss (or training loss, without validation).
        turned_at: the epoch, counted from 1, after which the validation loss rose; `None` if it did not.
    """

    kind: str
    sentence: str
    best_epoch: int
    turned_at: int | None = None


# The values of each measure, epoch by epoch.
Curves: TypeAlias = Mapping[str, Sequence[float]]


class HasHistory(Protocol):
    """What `fit` returns."""

    @property
    def history(self) -> Curves: ...


def curves_of(history: Curves | HasHistory) -> Curves:
    """The values that what `fit` returns holds, or that are given themselves."""
    return history if isinstance(history, Mapping) else history.history


def read_curves(history: Curves | HasHistory) -> Reading:
    """Reads the curves of a training run.

    Args:
        history: what `fit` returned, or its `.history`: a dict of lists with "loss" and, if there was validation,
            "val_loss".

    >>> read_curves({"loss": [1.0, 0.5, 0.2, 0.1, 0.05], "val_loss": [1.0, 0.6, 0.5, 0.7, 0.9]}).kind
    'overfitting'
    """
    curves = curves_of(history)
    if not len(curves.get("loss", ())):
        return Reading("too_short", "There is no loss to read yet: train for some epochs first.", 0)
    train = np.asarray(curves["loss"], float)
    held = np.asarray(curves["val_loss"], float) if len(curves.get("val_loss", ())) == len(train) else None
    watched = train if held is None else held
    bad = np.flatnonzero(~np.isfinite(train))
    if bad.size:
        return Reading(
            "diverged",
            f"The loss became NaN or infinite in epoch {bad[0] + 1}: lower the learning rate ten-fold, "
            "or clip gradients with clipnorm=1.0.",
            max(1, int(bad[0])),
        )
    bad = np.flatnonzero(~np.isfinite(watched))
    if bad.size:
        return Reading(
            "diverged",
            f"The validation loss became NaN or infinite in epoch {bad[0] + 1}, and the training loss "
            "did not: look for bad values in the validation data, or lower the learning rate.",
            max(1, int(bad[0])),
        )
    best = int(np.argmin(watched)) + 1
    if len(train) < 3:
        few = "One epoch is" if len(train) == 1 else f"{len(train)} epochs are"
        return Reading("too_short", f"{few} too few to read: train for more.", best)
    guessing = _read_guessing(train, curves, best)
    if guessing is not None:
        return guessing
    for rule in (_read_rising, _read_overfitting, _read_flat, _read_falling):
        reading = rule(train, held, best)
        if reading is not None:
            return reading
    return Reading("good", describe_end(train, held, best), best)


def describe_end(train: np.ndarray, held: np.ndarray | None, best: int) -> str:
    """A sentence for curves in which nothing is wrong."""
    where = f"the best epoch was {best} of {len(train)}"
    watched = train if held is None else held
    if best == len(watched) and watched[-tail_of(watched) - 1] - watched[-1] > SETTLED * (watched.max() - watched.min()):
        name, then = ("loss", "") if held is None else ("validation loss", ", then more data, dropout or L2")
        return (
            f"The {name} was lowest in the last epoch ({watched[-1]:.3g}) and falls slowly by now: more epochs may bring "
            f"a little{then}."
        )
    if held is None:
        return f"Training has settled: the loss levelled off at {train[-1]:.3g}, and {where}."
    if train[-1] < 0.75 * train[-tail_of(train) - 1]:
        return (
            f"The validation loss has settled (lowest {held[best - 1]:.3g}; {where}) while the training loss still falls "
            f"({train[-1]:.3g}): more epochs will bring little, more data, dropout or L2 may."
        )
    return (
        f"Training has settled: training loss {train[-1]:.3g} and validation loss {held[-1]:.3g} levelled off together, "
        f"and {where}."
    )


def tail_of(curve: np.ndarray) -> int:
    """How many of the last epochs say where a curve is going."""
    return max(2, len(curve) // 5)


def _read_rising(train: np.ndarray, held: HostArray | None, best: int) -> Reading | None:
    """A training loss that rises, or jumps up and down: the rate is too high."""
    span = train.max() - train.min()
    if train[-1] > train[0] and span > SMALL * abs(train[0]):
        return Reading(
            "rate_too_high",
            f"The training loss rose from {train[0]:.3g} to {train[-1]:.3g}: the learning rate is too high, try a tenth of it.",
            best,
        )
    jump = typical_jump(train)
    if jump > JUMP * abs(float(np.median(train))) and jump > JUMP_OF_FIRST * abs(train[0]):
        return Reading(
            "rate_too_high",
            f"The training loss jumps up and down, by {jump:.2g} an epoch: the learning rate is too high for a steady fall, "
            "try a tenth of it or a larger batch.",
            best,
        )
    return None


def typical_jump(curve: np.ndarray) -> float:
    """How far a curve goes up and down again, on average in the later half of its epochs; 0 of one that only falls.

    >>> typical_jump(np.array([4.0, 2.0, 1.0, 0.9])), typical_jump(np.array([1.0, 2.0, 1.0, 2.0]))
    (0.0, 1.0)
    """
    later = curve[max(0, min(len(curve) // 2, len(curve) - 3)) :]
    steps = np.diff(later)
    if len(steps) < 2:
        return 0.0
    turns = np.where(steps[1:] * steps[:-1] < 0, np.minimum(np.abs(steps[1:]), np.abs(steps[:-1])), 0.0)
    return float(turns.mean())


def _read_guessing(train: np.ndarray, curves: Curves, best: int) -> Reading | None:
    """A cross-entropy that stands where guessing among classes leaves it, with an accuracy that says so too."""
    accuracy = next((curves[name] for name in ("accuracy", "acc", "categorical_accuracy") if len(curves.get(name, ()))), None)
    end = float(train[-tail_of(train) :].mean())
    count = round(float(np.exp(end))) if 0 < end < 7 else 0
    if accuracy is None or count < 2 or abs(end - np.log(count)) > SMALL * end or float(accuracy[-1]) > 1.25 / count:
        return None
    guess = f"The loss stands at {end:.3g}, what guessing among {count} classes gives, with an accuracy of {accuracy[-1]:.2f}"
    if train[0] > 1.5 * end:
        text = f"{guess}, after {train[0]:.3g} in the first epoch: the learning rate is too high, try a tenth of it."
        return Reading("rate_too_high", text, best)
    text = (
        f"{guess}: underfitting, or a learning rate that is far off; change the rate ten-fold either way, then try more units."
    )
    return Reading("underfitting", text, best)


def _read_overfitting(train: np.ndarray, held: np.ndarray | None, best: int) -> Reading | None:
    """The validation loss turns while the training loss goes on falling."""
    if held is None or best == len(held):
        return None
    rise = held[-1] - held[best - 1]
    fall = max(held[0] - held[best - 1], 0.0)
    if rise > max(0.1 * fall, 0.03 * held[best - 1]) and train[-1] < train[best - 1]:
        return Reading(
            "overfitting",
            f"Overfitting: the validation loss was lowest in epoch {best} ({held[best - 1]:.3g}) and "
            f"has risen to {held[-1]:.3g} while the training loss fell to {train[-1]:.3g}; stop there with "
            "EarlyStopping(restore_best_weights=True), or add dropout, L2 or data.",
            best,
            best,
        )
    return None


def _read_flat(train: np.ndarray, held: HostArray | None, best: int) -> Reading | None:
    """Neither loss falls."""
    if train[0] - train.min() < SMALL * abs(train[0]):
        return Reading(
            "underfitting",
            f"The loss hardly falls ({train[0]:.3g} to {train[-1]:.3g}): underfitting, or a "
            "learning rate that is far off; change the rate ten-fold either way, then try more units.",
            best,
        )
    return None


def _read_falling(train: np.ndarray, held: HostArray | None, best: int) -> Reading | None:
    """The last epochs still bring something."""
    watched = train if held is None else held
    tail = tail_of(watched)
    gained = watched[-tail - 1] - watched[-1]
    quick = watched[-1] > 0 and watched[-1] < (1 - QUICK) ** tail * watched[-tail - 1]
    if best >= len(watched) - 1 and (quick or gained > 0.05 * (watched.max() - watched.min())):
        name = "loss" if held is None else "validation loss"
        slow = "; a higher learning rate may get there sooner" if len(watched) >= 10 else ""
        return Reading(
            "still_falling",
            f"The {name} is still falling ({watched[-1]:.3g} in the last epoch): train for more epochs{slow}.",
            best,
        )
    return None
