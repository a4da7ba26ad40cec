"""The record of a training run."""

import importlib
import math
import weakref
from collections.abc import Callable
from typing import Any

from kerata.base.checks import message
from kerata.base.registry import find_builtin
from kerata.callbacks.callback import Callback, CallbackList

# Data of so many bytes is kept with the record of a run, for `examine`; of more it is only known where it is, while somebody
# else keeps it.
KEPT_BYTES = 2**25
DATA = ("x", "y", "validation_data")
GONE = object()


class History(Callback):
    """What `fit` returns: `history.history["val_loss"]` holds one number an epoch, `history.epoch` the epochs.

    `params` holds `epochs`, `steps` and `verbose`. `bad_step` is the first step, counted from 1, whose loss was not finite, or
    `None`.

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
        self.bad_step: int | None = None
        # What `fit` was given: how, and what finds the data, where it is in arrays.
        self.given: dict[str, Any] = {}

    def __getstate__(self) -> dict[str, Any]:
        """A record goes to other processes and into files without the data."""
        return {**self.__dict__, "given": {}}

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        self.model.history = self

    def note_given(self, given: dict[str, Any]) -> None:
        """Keeps what `fit` was given, for `examine`: of data, arrays alone, and large ones only while others keep them."""
        sizes = [bytes_of(given.get(name)) for name in DATA]
        total = sum(size or 0 for size in sizes)
        kept = {name: finder(given.get(name), total <= KEPT_BYTES) for name in DATA} if None not in sizes else {}
        self.given = {**{name: value for name, value in given.items() if name not in DATA}, **kept}

    def examine(self, **options: object) -> object:
        """What is wrong with this run, and what to do; see `kerata.diagnosis.examine` for the options.

        The data is that of `fit`, where it was given as arrays. More than 32 MB is found only while others hold it.

        Raises:
            ValueError: where the data is not at hand: it was not in arrays, or is large and nobody holds it any more.
        """
        x, y, validation = (self.given[name]() if name in self.given else GONE for name in DATA)
        if x is None or any(part is GONE for part in (x, y, validation)):
            fix = "Write kerata.diagnosis.examine(model, history, x, y)"
            expected = "the data of fit is not at hand: it was not in arrays, or is large and nobody holds it any more"
            raise ValueError(message("history.examine", expected, {"data": None}, fix))
        importlib.import_module("kerata.diagnosis")
        examine = find_builtin("services", "examine")
        assert examine is not None
        return examine(self.model, self, x, y, validation=validation, **options)


def finder(data: object, keep: bool) -> Callable[[], object]:
    """What gives the data again: always, or only while somebody else keeps its arrays, and `GONE` then."""
    if keep or data is None:
        return lambda: data
    if isinstance(data, (list, tuple)):
        parts, made = [finder(part, False) for part in data], list if isinstance(data, list) else tuple
        return lambda: GONE if any(part() is GONE for part in parts) else made(part() for part in parts)
    if isinstance(data, dict):
        named = {name: finder(part, False) for name, part in data.items()}
        return lambda: GONE if any(p() is GONE for p in named.values()) else {name: p() for name, p in named.items()}
    try:
        held = weakref.ref(data)
    except TypeError:  # numbers, texts
        return lambda: data
    return lambda: GONE if held() is None else held()


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
