"""What callbacks of the eras were told: `params`, `validation_data`, and the logs of batches."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from kerata import callbacks as modern
from kerata.callbacks import LambdaCallback
from kerata.callbacks.callback import BATCH_HOOKS, defines, flatten_callbacks
from kerata.data.pydataset import PyDataset
from kerata.data.sources import is_generator, length_of
from kerata.engine.structure import is_ours
from kerata.engine.types import HostArray
from kerata.legacy.monitors import Callback
from kerata.legacy.phases import fixed_phase

# Eras whose measures were those of a batch in its logs; 2.3 told those of the epoch so far, but for the loss.
OF_BATCHES = ("keras1", "keras22")


class HeldOut:
    """What a run validates on, in the list that callbacks found: inputs, targets, weights, and the learning phase.

    Args:
        model: the model.
        x, y, weights: arrays, alone or by output; weights may be absent.
    """

    def __init__(self, model, x: object, y: object, weights: object = None):
        self.model, self.given, self.found = model, (x, y, weights), None

    def __call__(self) -> list[Any]:
        """The list, which is made when it is first asked for."""
        if self.found is None:
            x, y, weights = self.given
            graph = getattr(self.model, "_graph", None)
            inputs = in_order(x, [] if graph is None else graph.input_names)
            targets = in_order(y, getattr(self.model, "output_names", None) or [])
            given = in_order(weights, getattr(self.model, "output_names", None) or []) if weights is not None else []
            given += [None] * (len(targets) - len(given))
            weighed = [
                np.ones(len(target), "float32") if weight is None else np.asarray(weight)
                for target, weight in zip(targets, given, strict=False)
            ]
            phase = [0.0] if fixed_phase() is None and getattr(self.model, "uses_learning_phase", False) else []
            self.found: list[Any] | None = [*map(column, inputs), *map(column, targets), *weighed, *phase]
        return self.found


def in_order(values: object, names: Iterable[str]) -> list[Any]:
    """Arrays in a list: one, several, or those of a dict by names."""
    if isinstance(values, dict):
        return [values[name] for name in (names or values) if name in values]
    return list(values) if isinstance(values, (list, tuple)) else [values]


def column(values: object) -> HostArray:
    """An array, with an axis for the one number that each sample may have.

    >>> column([1, 2]).shape, column(np.ones((2, 3))).shape
    ((2, 1), (2, 3))
    """
    array = np.asarray(values)
    return array[:, None] if array.ndim == 1 else array


def held_out(model, arguments: dict[str, Any]) -> tuple[HeldOut | None, int]:
    """(what a run validates on, where that is arrays; how many samples of `x` it holds out)."""
    data, share = arguments.get("validation_data"), arguments.get("validation_split") or 0.0
    if isinstance(data, (tuple, list)) and len(data) in (2, 3):
        return HeldOut(model, *data), 0
    x, y = arguments.get("x"), arguments.get("y")
    if data is not None or not share or not 0.0 < share < 1.0 or y is None:
        return None, 0
    size = rows_of((x,))
    first = int(size * (1.0 - share))

    def tail(values: object) -> object:
        if isinstance(values, dict):
            return {name: tail(value) for name, value in values.items()}
        if isinstance(values, (list, tuple)) and any(hasattr(value, "shape") for value in values):
            return [tail(value) for value in values]
        return None if values is None else np.asarray(values)[first:]

    return HeldOut(model, tail(x), tail(y), tail(arguments.get("sample_weight"))), size - first


def tell(model, callbacks: list[Any], arguments: dict[str, Any], per_epoch: int | None) -> None:
    """Hands callbacks what `params` and `validation_data` held then.

    Args:
        model, callbacks: whose, and to whom.
        arguments: of today's `fit`.
        per_epoch: samples an epoch, where the program said so.
    """
    data, apart = held_out(model, arguments)
    params = params_of(model, arguments, per_epoch, apart)
    if model._era != "tfkeras2":
        model.__dict__["_held_out"] = data
    for callback in flatten_callbacks(callbacks):
        callback._old_params = params
        if is_ours(type(callback)) and not isinstance(callback, (Callback, LambdaCallback)):
            continue
        if data is not None:
            callback.validation_data = data if isinstance(callback, Callback) else data()
        elif model._era != "tfkeras2" and not params["do_validation"] and getattr(callback, "validation_data", 0) is None:
            callback.validation_data = []


def params_of(model, arguments: dict[str, Any], per_epoch: int | None, held_out: int) -> dict[str, Any]:
    """What `params` of callbacks held: numbers of samples of arrays, of steps where batches come from elsewhere."""
    epochs, x = arguments.get("epochs", 1), arguments.get("x")
    unknown = x is None or isinstance(x, PyDataset) or is_source_only(x)
    batches = length_of(x) if unknown else None
    samples = per_epoch if per_epoch is not None else (None if unknown else rows_of((x,)) - held_out)
    size, steps = arguments.get("batch_size"), arguments.get("steps_per_epoch") or batches
    if not unknown and steps is None:
        size = size or 32
        # In standalone Keras an epoch on arrays had no number of steps.
        steps = -(-samples // size) if model._era == "tfkeras2" and samples is not None else None
    names = list(getattr(model, "metrics_names", []))
    validates = arguments.get("validation_data") is not None or bool(arguments.get("validation_split"))
    return {
        "epochs": epochs,
        "nb_epoch": epochs,
        "batch_size": size,
        "steps": steps,
        "samples": samples,
        "nb_sample": samples,
        "verbose": arguments.get("verbose"),
        "do_validation": validates,
        "metrics": names + ([f"val_{name}" for name in names] if validates else []),
    }


class BatchLogs(modern.Callback):
    """Writes what the logs of batches held then, for the callbacks behind it: the number of the batch, its size, its loss.

    Args:
        era: which one.
        sizes: gives the size of the next batch; `None` where it is not known beforehand.
    """

    def __init__(self, era: str, sizes: Callable[[int], int | None]):
        super().__init__()
        self.era, self.sizes = era, sizes
        self.before: dict[str, tuple[float, float]] = {}

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.before = {}

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        assert logs is not None
        size = self.sizes(batch)
        logs |= {"batch": batch, **({} if size is None else {"size": size})}

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        assert logs is not None
        size, measured = None, dict(logs)
        for name, metric in self._measures():
            total, count = float(metric.total.numpy()), float(metric.count.numpy())
            before = self.before.get(name, (0.0, 0.0))
            if name in measured and count > before[1]:
                measured[name] = (total - before[0]) / (count - before[1])
            self.before[name] = (total, count)
            size = int(count - before[1]) if name == "loss" else size
        logs.clear()
        logs |= {"batch": batch, "size": size, **measured}

    def _measures(self) -> list[tuple[str, Any]]:
        """The names of what is told of a batch alone, and the means that are kept of it."""
        made = self.model._compilation
        found = [(tracker.name, tracker) for tracker in made.trackers[: None if self.era in OF_BATCHES else 1]]
        if self.era in OF_BATCHES:
            found += [(measure.name, measure.metric) for measure in made.measures.measures]
        return [(name, metric) for name, metric in found if hasattr(metric, "total") and hasattr(metric, "count")]


def with_batch_logs(model, callbacks: list[Any], arguments: dict[str, Any]) -> list[Any]:
    """The callbacks of a run; where one of the program's own looks at batches, behind one that writes their logs.

    A generator among the arguments then counts what it gives.
    """
    own = (callback for callback in flatten_callbacks(callbacks) if not is_ours(type(callback)) or type(callback) is LAMBDA)
    if model._era == "tfkeras2" or not any(defines(callback, BATCH_HOOKS["train"]) for callback in own):
        return callbacks
    x, size = arguments.get("x"), arguments.get("batch_size") or 32
    if x is not None and is_generator(x):
        known: deque[int] = deque()

        def counted(source: Iterable[Any]) -> Iterator[Any]:
            for batch in source:
                known.append(rows_of(batch))
                yield batch

        arguments["x"] = counted(x)
        return [BatchLogs(model._era, lambda _: known.popleft() if known else None), *callbacks]
    if x is None or isinstance(x, PyDataset) or is_source_only(x):
        return [BatchLogs(model._era, lambda _: None), *callbacks]
    samples = rows_of((x,)) - held_out(model, arguments)[1]
    return [BatchLogs(model._era, lambda batch: max(min(size, samples - batch * size), 0)), *callbacks]


LAMBDA = modern.LambdaCallback


def begin_before_reading(model: object, callbacks: list[Any]) -> None:
    """Tells a program's own callbacks that training begins before a generator is read, which may give what they prepare."""
    for callback in callbacks:
        own = type(callback).on_train_begin
        if own.__module__.partition(".")[0] != "kerata":
            callback.set_params(dict(callback._old_params or {}))
            callback.set_model(model)
            callback.on_train_begin({})
            # Once is enough; the next call is that of `fit`.
            callback.on_train_begin = lambda logs=None, callback=callback: callback.__dict__.pop("on_train_begin", None)


def is_source_only(x: object) -> bool:
    return is_generator(x) or hasattr(x, "as_numpy_iterator") or not hasattr(x, "__len__")


def rows_of(batch) -> int:
    """Samples of a batch: of its inputs, or of the first of several."""
    x = batch[0] if isinstance(batch, tuple) else batch
    while isinstance(x, (list, tuple, dict)):
        first = next(iter(x.values())) if isinstance(x, dict) else x[0]
        if not hasattr(first, "__len__"):
            break
        x = first
    return len(x)
