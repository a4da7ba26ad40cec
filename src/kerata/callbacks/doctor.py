"""A callback that says what is urgent while a model is trained."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from kerata.base.checks import check_positive_int
from kerata.base.display import say
from kerata.callbacks.callback import Callback

# A loss that is this many times its lowest, and above its first, goes the wrong way.
GROWN = 1.5
# A loss below this is none, wherever it goes from there.
NOTHING = 1e-4
# Changes of the loss below this share of itself are none.
STILL = 1e-4


class Doctor(Callback):
    """Says what is urgent in a training, in one sentence each, as soon as it is seen, and lets it go on.

    It looks at the measures of each epoch: a loss that is NaN and the layer whose weights are, one that grows, one that has
    stood still for some epochs, an accuracy that is not above the share of the largest class. It says each once a run.
    `fit(watch=True)` adds it.

    Args:
        y: the targets, to know the share of the largest class; `None` to leave that out.
        patience: after how many epochs it asks whether something was learned.

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
        self.patience = int(check_positive_int(self, "patience", patience) or 1)
        self.targets = y
        self.said: list[str] = []
        self.losses: list[float] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.said, self.losses = [], []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = logs or {}
        loss = logs.get("loss")
        if loss is None or np.ndim(loss):
            return
        losses = self.losses
        losses.append(float(loss))
        # A loss that falls is neither NaN, nor grown, nor still; most epochs end here.
        if len(losses) > 1 and losses[-1] < losses[-2] - STILL * abs(losses[-2]) and len(losses) != self.patience:
            return
        for kind, sentence in self.look(epoch, logs):
            if kind not in self.said:
                self.said.append(kind)
                say(f"Doctor: {sentence}")

    def look(self, epoch: int, logs: dict[str, Any]) -> Iterable[tuple[str, str]]:
        """(kind, sentence) of what is urgent after an epoch."""
        losses, number = self.losses, epoch + 1
        if not math.isfinite(losses[-1]):
            where = first_bad_layer(self.model)
            began = f" The first layer with such weights is {where}." if where else ""
            step = getattr(self.model.history, "bad_step", None)
            at = f", at step {step} of this run" if step else ""
            yield (
                "not_finite",
                f"the loss became NaN or infinite in epoch {number}{at}.{began} Lower the rate, or use clipnorm=1.0.",
            )
            return
        # One rise of a low loss is no more than noise.
        sure = (len(losses) > 2 and losses[-1] > losses[-2] > losses[-3]) or (
            len(losses) > 1 and losses[-1] > 10 * abs(losses[0])
        )
        if sure and losses[-1] > max(GROWN * abs(min(losses)), losses[0], NOTHING):
            grown = f"the loss has grown to {losses[-1]:.3g} in epoch {number}, from {min(losses):.3g}"
            yield "diverging", f"{grown}: the learning rate is too high, try a tenth of it."
        late = losses[-4:]
        if (
            len(late) == 4
            and max(late) - min(late) < STILL * abs(late[-1])
            and abs(late[-1]) > max(1e-3 * abs(losses[0]), NOTHING)
        ):
            still = f"the loss has stood still at {late[-1]:.3g} for {len(late)} epochs"
            yield (
                "standing_still",
                f"{still}: dead units, a frozen model, or a rate that is far off; history.examine() says more.",
            )
        if len(losses) != self.patience or self.targets is None:
            return
        accuracy = next((float(logs[n]) for n in ("val_accuracy", "val_acc", "accuracy", "acc") if n in logs), np.inf)
        # The targets are looked at only now, and only where there is something to compare with.
        largest = share_of_largest(self.targets) if accuracy < 1 else None
        if largest is not None and accuracy <= largest + 0.005:
            has = (
                f"after {number} epochs the accuracy is {accuracy:.3g}, and always saying the largest class gives {largest:.3g}"
            )
            yield "baseline_not_beaten", f"{has}: nothing is learned yet; try other rates with model.lr_find(x, y)."


def share_of_largest(y: object) -> float | None:
    """The share of the largest class; `None` where targets are no classes."""
    try:
        targets = np.asarray(y)
    except ValueError:  # of several outputs
        return None
    if targets.ndim == 2 and targets.shape[1] > 1:
        targets = targets.argmax(1) if ((targets == 0) | (targets == 1)).all() else targets
    if (
        targets.size == 0
        or targets.size != len(targets)
        or targets.dtype.kind not in "biuf"
        or (targets != np.round(targets)).any()
    ):
        return None
    # As many as tell a share to a per cent, from everywhere.
    flat = targets.ravel()[:: max(1, targets.size // 20_000)]
    low, high = int(flat.min()), int(flat.max())
    if low >= 0 and high < 10_000:
        return float(np.bincount(flat.astype(np.int64)).max() / flat.size)
    return float(np.unique(flat, return_counts=True)[1].max() / flat.size)


def first_bad_layer(model: object) -> str | None:
    """The first layer with a weight that is not finite."""
    for layer in getattr(model, "layers", ()):
        if any(not np.isfinite(np.asarray(weight)).all() for weight in layer.weights):
            return str(layer.name)
    return None
