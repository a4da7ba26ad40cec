"""A callback that says what is urgent while a model is trained."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from kerata.base.checks import check_positive_int
from kerata.base.display import say
from kerata.callbacks.callback import Callback
from kerata.engine.types import HostArray

# A loss that is this many times its lowest, and above its first, goes the wrong way.
GROWN = 1.5
# A loss below this is none, wherever it goes from there.
NOTHING = 1e-4
# Changes of the loss below this share of itself are none.
STILL = 1e-4
# A loss that is below this share of what one answer for all gives has learned something; one above the other, nothing.
LEARNED, UNLEARNED = 0.5, 0.95
# A loss that falls by this share of itself an epoch is on its way.
FALL = 0.005
# So many times the first loss is no noise, where it is not known what one answer for all gives.
FAR = 10
ACCURACIES = ("val_accuracy", "val_acc", "accuracy", "acc", "val_binary_accuracy", "binary_accuracy")


class Doctor(Callback):
    """Says what is urgent in a training, in one sentence each, as soon as it is seen, and lets it go on.

    It looks at the measures of each epoch: a loss that is NaN and the layer whose weights are, one that grows, one that has
    stood still for some epochs without having learned anything, an accuracy that is not above the share of the largest class.
    It says each once a run. The targets are looked at only where something is to be said. `fit(watch=True)` adds it.

    Args:
        y: the targets, to know the share of the largest class and what loss one answer for all gives; `None` to do without.
        patience: every how many epochs it asks whether something was learned.

    Attributes:
        said: the kinds of what it has said in this run: "not_finite", "diverging", "standing_still", "baseline_not_beaten".

    >>> import kerata, numpy as np
    >>> model = kerata.Sequential([kerata.Input((1,)), kerata.layers.Dense(1)])
    >>> model.compile(kerata.optimizers.SGD(2.0), "mse")
    >>> doctor = kerata.callbacks.Doctor()
    >>> _ = model.fit(np.ones((8, 1)), np.ones((8, 1)), epochs=4, verbose=0, callbacks=doctor)
    Doctor: the loss has grown to ... in epoch 2, from ...: the learning rate is too high, try a tenth of it.
    """

    is_passive = True

    def __init__(self, y: object = None, patience: int = 5):
        super().__init__()
        self.patience = check_positive_int(self, "patience", patience)
        self.targets = y
        self.said: list[str] = []
        self.losses: list[float] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.said, self.losses = [], []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        loss = logs.get("loss") if logs else None
        if type(loss) is not float:
            if loss is None or np.ndim(loss):
                return
            loss = float(loss)
        losses = self.losses
        losses.append(loss)
        count = len(losses)
        # Of a loss that is a number, not above its first, and moves, nothing is said but what the patience is for.
        moves = count > 1 and loss <= losses[0] and abs(loss - losses[-2]) > STILL * abs(loss)
        if moves and (count % self.patience or self.targets is None or self.falls()):
            return
        for kind, sentence in self.unlearned(epoch, logs or {}) if moves else self.look(epoch, logs or {}):
            if kind not in self.said:
                self.said.append(kind)
                say(f"Doctor: {sentence}")

    def look(self, epoch: int, logs: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """(kind, sentence) of what is urgent after an epoch."""
        losses, number = self.losses, epoch + 1
        if not math.isfinite(losses[-1]):
            where = first_bad_layer(self.model)
            began = f" The first layer with such weights is {where}." if where else " history.examine() looks for the layer."
            step = getattr(self.model.history, "bad_step", None)
            at = f", at step {step} of this run" if step else ""
            yield (
                "not_finite",
                f"the loss became NaN or infinite in epoch {number}{at}.{began} Lower the rate, or use clipnorm=1.0.",
            )
            return
        if self.has_grown():
            grown = f"the loss has grown to {losses[-1]:.3g} in epoch {number}, from {min(losses):.3g}"
            yield "diverging", f"{grown}: the learning rate is too high, try a tenth of it."
        if self.stands_still():
            still = f"the loss has stood still at {losses[-1]:.3g} for {len(losses[-4:])} epochs"
            yield (
                "standing_still",
                f"{still}: dead units, a frozen model, or a rate that is far off; history.examine() says more.",
            )
        if not (len(losses) % self.patience or self.targets is None or self.falls()):
            yield from self.unlearned(epoch, logs)

    def unlearned(self, epoch: int, logs: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """What is to be said where the accuracy is that of one answer for all."""
        number = epoch + 1
        accuracy = max((float(logs[name]) for name in ACCURACIES if name in logs), default=np.inf)
        # The targets are looked at only now, and only where there is something to compare with.
        largest = share_of_largest(self.targets) if accuracy < 1 else None
        if largest is not None and accuracy <= largest + 0.005 and not self.has_learned():
            has = (
                f"after {number} epochs the accuracy is {accuracy:.3g}, and always saying the largest class gives {largest:.3g}"
            )
            yield "baseline_not_beaten", f"{has}: nothing is learned yet; try other rates with model.lr_find(x, y)."

    def has_grown(self) -> bool:
        """Whether the loss goes the wrong way. One rise, or the noise of a loss that is low, is no such way."""
        losses = self.losses
        last, far = losses[-1], len(losses) > 1 and losses[-1] > FAR * abs(losses[0])
        rises = len(losses) > 2 and last > losses[-2] > losses[-3]
        if not (rises or far) or last <= max(GROWN * abs(min(losses)), losses[0], NOTHING):
            return False
        base = self.base()
        # A run that begins with trained weights has a low first loss, which says nothing.
        return far if base is None else last > LEARNED * base

    def stands_still(self) -> bool:
        """Whether the loss does not move, and is no better than at the beginning: else it has settled."""
        late = self.losses[-4:]
        last, first = late[-1], self.losses[0]
        if len(late) < 4 or max(late) - min(late) >= STILL * abs(last) or abs(last) <= NOTHING:
            return False
        base = self.base()
        return last > UNLEARNED * (first if base is None else min(base, first))

    def falls(self) -> bool:
        """Whether the loss is on its way down: then something is being learned, whatever the accuracy says yet."""
        losses = self.losses
        late = losses[-3:]
        return late[0] - late[-1] > FALL * (len(late) - 1) * abs(late[-1])

    def has_learned(self) -> bool:
        """Whether the loss is below what one answer for all gives, or below its first where that is not known."""
        base = self.base()
        return self.losses[-1] < (UNLEARNED * base if base is not None else LEARNED * self.losses[0])

    def base(self) -> float | None:
        """The loss of the best answer that is the same for all samples."""
        return None if self.targets is None else loss_of_one_answer(getattr(self.model, "loss", None), self.targets)


def share_of_largest(y: object) -> float | None:
    """The share of the largest class; `None` where targets are no classes.

    >>> share_of_largest([0, 1, 1, 1])
    0.75
    """
    shares = shares_of(y)
    return None if shares is None else float(shares.max())


def shares_of(y: object) -> HostArray | None:
    """The share of each class that occurs; `None` where targets are no classes."""
    try:
        targets = np.asarray(y)
    except ValueError:  # of several outputs
        return None
    if targets.ndim == 2 and targets.shape[1] > 1:
        targets = targets.argmax(1) if ((targets == 0) | (targets == 1)).all() else targets
    if targets.size == 0 or targets.size != len(targets) or targets.dtype.kind not in "biuf":
        return None
    # As many as tell a share to a per cent, from everywhere.
    flat = targets.ravel()[:: max(1, targets.size // 20_000)]
    low, high = float(flat.min()), float(flat.max())
    if not (low >= 0 and high < 10_000):
        whole = bool(np.isfinite(flat).all() and (flat == np.round(flat)).all())
        return np.unique(flat, return_counts=True)[1] / flat.size if whole else None
    numbers = flat.astype(np.int64)
    if (numbers != flat).any():
        return None
    counts = np.bincount(numbers)
    return counts[counts > 0] / flat.size


def loss_of_one_answer(loss: object, y: object) -> float | None:
    """The loss of the best answer that is the same for all samples; `None` of a loss that is not among the usual ones.

    Args:
        loss: as `compile` was given it.
        y: targets, as `fit` was given them.

    >>> loss_of_one_answer("mse", [0.0, 2.0]), round(loss_of_one_answer("binary_crossentropy", [0, 1]), 4)
    (1.0, 0.6931)
    """
    name = loss if isinstance(loss, str) else getattr(loss, "name", None) or getattr(loss, "__name__", "")
    if name in ("mse", "mean_squared_error"):
        try:
            targets = np.asarray(y)
        except ValueError:  # of several outputs
            return None
        numeric = targets.dtype.kind in "biuf" and targets.size > 0
        return float(targets.astype(np.float64).var(0).mean()) if numeric else None
    if name not in ("binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"):
        return None
    shares = shares_of(y)
    return None if shares is None else float(-(shares * np.log(shares)).sum())


def first_bad_layer(model: object) -> str | None:
    """The first layer with a weight that is not finite; `None` where all of several have such: that says nothing."""
    layers = [layer for layer in getattr(model, "layers", ()) if layer.weights]
    bad = [layer for layer in layers if any(not np.isfinite(np.asarray(weight)).all() for weight in layer.weights)]
    return str(bad[0].name) if bad and (len(bad) < len(layers) or len(layers) == 1) else None
