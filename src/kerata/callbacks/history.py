"""The record of a training run."""

import importlib
import math
from typing import Any

from kerata.base.checks import message
from kerata.base.registry import find_builtin
from kerata.callbacks.callback import Callback, CallbackList

# Data of so many bytes is kept with the record of a run, for `examine`; more is let go of.
KEPT_BYTES = 2**30


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
        # What `fit` was given: how, and the data where it is in arrays and not large.
        self.given: dict[str, Any] = {}

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        self.model.history = self

    def note_given(self, given: dict[str, Any]) -> None:
        """Keeps what `fit` was given, for `examine`; data only where it is in arrays and not large."""
        names = ("x", "y", "validation_data")
        sizes = [bytes_of(given.get(name)) for name in names]
        kept = all(size is not None for size in sizes) and sum(size or 0 for size in sizes) <= KEPT_BYTES
        self.given = {name: value for name, value in given.items() if kept or name not in names}

    def examine(self, **options: object) -> object:
        """What is wrong with this run, and what to do; see `kerata.diagnosis.examine` for the options.

        The data is that of `fit`, where it was given as arrays.

        Raises:
            ValueError: where the data is not at hand: it was not in arrays, or is large.
        """
        if self.given.get("x") is None:
            fix = "Write kerata.diagnosis.examine(model, history, x, y)"
            raise ValueError(message("history.examine", "the data of fit is not at hand", {"kept": sorted(self.given)}, fix))
        importlib.import_module("kerata.diagnosis")
        examine = find_builtin("services", "examine")
        assert examine is not None
        given = self.given
        return examine(self.model, self, given["x"], given.get("y"), validation=given.get("validation_data"), **options)


def bytes_of(data: object) -> int | None:
    """The size of arrays, frames, and lists and dicts of such; `None` of what gives batches."""
    if data is None:
        return 0
    shape = getattr(data, "shape", None)
    if isinstance(shape, tuple) and all(isinstance(size, int) for size in shape):
        return math.prod(shape) * getattr(getattr(data, "dtype", None), "itemsize", 8)
    if isinstance(data, dict):
        data = list(data.values())
    if isinstance(data, (list, tuple)):
        if not data or isinstance(data[0], (int, float, str)):
            return 8 * len(data)
        sizes = [bytes_of(part) for part in data]
        return None if None in sizes else sum(size or 0 for size in sizes)
    return None


CallbackList.standard["history"] = History
