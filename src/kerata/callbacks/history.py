"""The record of a training run."""

from typing import Any

from kerata.callbacks.callback import Callback, CallbackList


class History(Callback):
    """What `fit` returns: `history.history["val_loss"]` holds one number an epoch, `history.epoch` the epochs.

    `params` holds `epochs`, `steps` and `verbose`.

    >>> import kerata, numpy as np
    >>> model = kerata.Sequential([kerata.Input((1,)), kerata.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> history = model.fit(np.ones((8, 1)), np.ones((8, 1)), epochs=3, verbose=0)
    >>> history.epoch, len(history.history["loss"])
    ([0, 1, 2], 3)
    """

    is_passive = True

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        self.model.history = self


CallbackList.standard["history"] = History
