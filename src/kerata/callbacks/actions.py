"""Callbacks that do one thing: schedules, records, one's own functions, a stop at NaN."""

import csv
import http.client
import inspect
import json
import os
import urllib.parse
import urllib.request
import warnings
from collections.abc import Callable
from typing import Any, TextIO

import numpy as np

from kerata.base.checks import KindError, check_path, did_you_mean, message
from kerata.base.display import say
from kerata.callbacks.callback import Callback, rated


class LearningRateScheduler(Callback):
    """Sets the learning rate at the beginning of each epoch.

    Args:
        schedule: a function of (epoch, rate), or of the epoch alone, that gives the new rate.
        verbose: 1 to say what it is.

    >>> import kerata
    >>> halve = kerata.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)
    """

    added_logs = ("learning_rate",)

    def __init__(self, schedule: Callable[..., float], verbose: int = 0):
        super().__init__()
        if not callable(schedule):
            raise KindError(
                message("LearningRateScheduler", "`schedule` must be a function of (epoch, rate)", {"schedule": schedule})
            )
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        for name, optimizer in rated(self.model).items():
            rate = float(optimizer.learning_rate)
            new = self.schedule(epoch, rate) if takes_two(self.schedule) else self.schedule(epoch)
            if new is None or isinstance(new, (str, bool)) or np.ndim(new) != 0:
                raise ValueError(message("LearningRateScheduler", "`schedule` must give a number", {"rate": new}))
            optimizer.learning_rate = float(new)
            if self.verbose:
                say(self.words(epoch, name, new))

    def words(self, epoch: int, name: str, rate: float) -> str:
        """What is said of a new rate."""
        return f"\nEpoch {epoch + 1}: the {name.replace('_', ' ', 1)} is {float(rate):.6g}."

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            logs.update({name: float(optimizer.learning_rate) for name, optimizer in rated(self.model).items()})


def takes_two(function: Callable[..., Any]) -> bool:
    """Whether a function can be called with two positional arguments."""
    try:
        inspect.signature(function).bind(0, 0.0)
    except TypeError:
        return False
    except ValueError:  # no signature to be had
        return True
    return True


class RemoteMonitor(Callback):
    """Sends the logs of each epoch to a server, with POST.

    Args:
        root: the server's address.
        path: is put behind it.
        field: the form's field that holds the logs as JSON.
        headers: of the request, as a dict.
        send_as_json: whether the request is the JSON itself, in place of a form.

    >>> import kerata
    >>> monitor = kerata.callbacks.RemoteMonitor("http://localhost:9000", send_as_json=True)
    """

    def __init__(
        self, root="http://localhost:9000", path="/publish/epoch/end/", field="data", headers=None, send_as_json=False
    ):
        super().__init__()
        if urllib.parse.urlsplit(root).scheme not in ("http", "https"):
            raise ValueError(message("RemoteMonitor", "`root` must begin with http:// or https://", {"root": root}))
        self.root, self.path, self.field = root, path, field
        self.headers, self.send_as_json = headers, send_as_json

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        text = json.dumps({"epoch": epoch, **{name: np.asarray(value).tolist() for name, value in (logs or {}).items()}})
        body = text if self.send_as_json else urllib.parse.urlencode({self.field: text})
        kind = "application/json" if self.send_as_json else "application/x-www-form-urlencoded"
        headers = {"Content-Type": kind, **(self.headers or {})}
        try:
            urllib.request.urlopen(urllib.request.Request(self.root + self.path, body.encode(), headers), timeout=10).close()
        except (OSError, http.client.HTTPException) as error:
            warnings.warn(
                message("RemoteMonitor", "the server cannot be reached", {"root": self.root, "error": error}), stacklevel=2
            )


class CSVLogger(Callback):
    """Writes the measures of each epoch to a file, a line an epoch; what an epoch does not have is `NA`.

    Args:
        filename: the file.
        separator: between the columns.
        append: whether to go on in a file that exists.

    >>> import kerata
    >>> log = kerata.callbacks.CSVLogger("training.csv", append=True)
    """

    writes_files = True

    def __init__(self, filename, separator=",", append=False):
        super().__init__()
        check_path(self, filename, "filename")
        self.filename, self.separator, self.append = os.fspath(filename), separator, append
        self.columns: list[str] | None = None
        self.file: TextIO | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        has_head = self.append and os.path.exists(self.filename) and os.path.getsize(self.filename) > 0
        self.file = open(self.filename, "a" if self.append else "w", newline="")  # noqa: SIM115
        self.writer, self.needs_head = None, not has_head

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs, file = logs or {}, self.file
        assert file is not None
        if self.writer is None:
            self.columns = sorted(logs)
            # Measures that come later, as those of a validation every second epoch, have columns from the start.
            if not any(name.startswith("val_") for name in self.columns):
                self.columns += [f"val_{name}" for name in self.columns]
            self.writer = csv.DictWriter(file, ["epoch", *self.columns], delimiter=self.separator, extrasaction="ignore")
            if self.needs_head:
                self.writer.writeheader()
        row = {name: plain_value(logs.get(name, "NA")) for name in self.columns or ()}
        self.writer.writerow({"epoch": epoch, **row})
        file.flush()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self.file is not None:
            self.file.close()
            self.file = None


def plain_value(value: object) -> object:
    if isinstance(value, np.ndarray) and value.ndim > 0:
        return f'"[{", ".join(map(str, value))}]"'
    return value


class LambdaCallback(Callback):
    """Calls functions of one's own in the hooks of the same name.

    Args:
        on_epoch_begin, on_epoch_end, on_train_batch_begin, on_train_batch_end: functions of (number, logs).
        on_train_begin, on_train_end: functions of (logs).
        kwargs: any other hook by its name.

    >>> import kerata
    >>> show = kerata.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
    """

    added_logs = None

    def __init__(
        self,
        on_epoch_begin=None,
        on_epoch_end=None,
        on_train_begin=None,
        on_train_end=None,
        on_train_batch_begin=None,
        on_train_batch_end=None,
        **kwargs,
    ):
        super().__init__()
        given = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **kwargs,
        }
        for name, function in given.items():
            if function is not None:
                if name.startswith("on_") and not hasattr(Callback, name):
                    hooks = [hook for hook in vars(Callback) if hook.startswith("on_")]
                    raise KindError(
                        message("LambdaCallback", "there is no such hook", {"hook": name}, did_you_mean(name, hooks))
                    )
                if not callable(function):
                    raise KindError(message("LambdaCallback", f"`{name}` must be a function", {name: function}))
                setattr(self, name, function)


class TerminateOnNaN(Callback):
    """Stops training at the end of an epoch whose loss is not a finite number.

    The loop watches every step by itself: the warning that it gives names the step at which the loss went bad.

    Args:
        raise_error: whether to raise a `RuntimeError` in place of stopping.

    >>> import kerata
    >>> guard = kerata.callbacks.TerminateOnNaN()
    """

    def __init__(self, raise_error: bool = False):
        super().__init__()
        self.raise_error = raise_error

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or np.all(np.isfinite(loss)):
            return
        if self.raise_error:
            raise RuntimeError(
                message(
                    "TerminateOnNaN",
                    "the loss must be a finite number",
                    {"epoch": epoch + 1, "loss": loss},
                    "Lower the learning rate, or clip gradients with clipnorm=1.0",
                )
            )
        say(self.words(epoch, loss))
        self.model.stop_training = True

    def words(self, epoch: int, loss: float) -> str:
        """What is said of a loss that is no number."""
        return f"Epoch {epoch + 1}: the loss is {loss}, terminating training"
