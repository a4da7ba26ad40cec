"""Callbacks that watch a measure: `EarlyStopping`, `ModelCheckpoint`, `ReduceLROnPlateau`."""

import os
import re
import string
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from kerata import ops
from kerata.base.checks import check_choice, check_path, did_you_mean, message
from kerata.base.display import say
from kerata.callbacks.callback import Callback, Rated, added_logs, rated
from kerata.callbacks.counting import EveryBatches

# Measures of a user's own are told by their names: those that are better when larger, and when smaller.
# Only whole words tell: "accident" is no accuracy.
RISING = re.compile(
    r"(?:^|_)(acc|accuracy|(roc|pr)?auc|precision|recall|f1(score)?|fbeta|(mean)?iou|r2(score)?|top_?k|"
    r"cosine_similarity|sensitivity|specificity)(?=_|$|\d)"
)
FALLING = re.compile(r"(?:^|_)(loss|error|entropy|crossentropy|distance|perplexity|mse|mae|rmse|mape|msle|kld)(?=_|$|\d)")
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def find_direction(name: str, model: object, owner: str, argument: str = "monitor", option: str = "mode") -> str:
    """ "max" or "min": whether more or less of a measure is better, as the model's metric says, else as its name tells.

    Args:
        name: of the measure in the logs.
        model: whose metrics are asked.
        owner, argument, option: for the message where it cannot be told: who asks, what the name was given as, what to give.
    """
    bare = name.removeprefix("val_")
    found = [each for metric in getattr(model, "metrics", ()) for each in getattr(metric, "metrics", [metric])]
    known = {metric.name: metric._direction for metric in found if getattr(metric, "_direction", None)}
    # An output's name stands before its metric's: of several that fit, the longest is meant.
    fitting = [each for each in known if bare == each or bare.endswith(f"_{each}")]
    if fitting and bare not in known and bare.endswith("_loss"):
        fitting = []
    if fitting:
        return "max" if known[max(fitting, key=len)] == "up" else "min"
    words = CAMEL.sub("_", bare).lower()
    rising, falling = bool(RISING.search(words)), bool(FALLING.search(words))
    if words.endswith("loss"):
        rising, falling = False, True
    if rising == falling:
        raise ValueError(
            message(
                owner,
                "whether more or less of it is better cannot be told by its name",
                {argument: name},
                f'Give {option}="max" or {option}="min"',
            )
        )
    return "max" if rising else "min"


class Monitor(Callback):
    """What callbacks that watch a measure have in common.

    Args:
        monitor: the name of a measure in the logs, e.g. `"val_loss"`.
        mode: "min", "max", or "auto" to tell it by the name.
        min_delta: what counts as better must be better by this much.
    """

    def take_monitor(self, monitor: str, mode: str, min_delta: float = 0.0) -> None:
        """Checks and keeps what to watch."""
        self.monitor = monitor
        self.mode = check_choice(type(self).__name__, "mode", mode, ("auto", "min", "max"))
        self.min_delta = abs(min_delta)
        self.warned = False

    @cached_property
    def rising(self) -> bool:
        """Whether more is better: as `mode` says, else as the metric says, else by its name."""
        if self.mode != "auto":
            return self.mode == "max"
        return find_direction(self.monitor, self.model, type(self).__name__) == "max"

    @property
    def monitor_op(self) -> Callable[..., Any]:
        """`ops.greater` where more is better, else `ops.less`."""
        return ops.greater if self.rising else ops.less

    def is_better(self, value: float, best: float | None, delta: float | None = None) -> bool:
        """Whether a value is better than the best so far."""
        rising = self.rising
        if best is None:
            return True
        delta = self.min_delta if delta is None else delta
        return value - delta > best if rising else value + delta < best

    def get_monitor_value(self, logs: dict[str, Any] | None) -> float | None:
        """The measure in the logs; a warning, once, where it is not there or not one number. A subclass may override it."""
        logs = logs or {}
        value = logs.get(self.monitor)
        if value is not None and np.size(value) == 1:
            _ = self.rising  # a direction that cannot be told is said in the first epoch
            return float(np.reshape(value, ()))
        if not self.warned:
            self.warned = True
            problem = f"the monitored measure is not {'in the logs' if value is None else 'one number'}"
            fix = did_you_mean(self.monitor, logs)
            if not fix.startswith("Known"):
                fix += " Available: " + ", ".join(sorted(logs))
            warnings.warn(message(type(self).__name__, problem, {"monitor": self.monitor}, fix.strip()), stacklevel=5)
        return None


class EarlyStopping(Monitor):
    """Stops training when a measure has not got better for some epochs.

    Args:
        monitor: the measure, e.g. `"val_loss"`.
        min_delta: the least change that counts.
        patience: epochs without a better value before training stops.
        verbose: 1 to say when it stops.
        mode: "auto", "min" or "max".
        baseline: a value that must be beaten within `patience` epochs.
        restore_best_weights: whether to end with the weights of the best epoch, not of the last.
        start_from_epoch: epochs to wait before watching.

    >>> import kerata
    >>> kerata.callbacks.EarlyStopping(patience=5, restore_best_weights=True).monitor
    'val_loss'
    """

    remembered = ("wait", "stopped_epoch", "best_epoch", "best", "best_weights")

    def __init__(
        self,
        monitor="val_loss",
        min_delta=0,
        patience=0,
        verbose=0,
        mode="auto",
        baseline=None,
        restore_best_weights=False,
        start_from_epoch=0,
    ):
        super().__init__()
        self.take_monitor(monitor, mode, min_delta)
        self.patience, self.verbose, self.baseline = patience, verbose, baseline
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch
        self._start()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._start()

    def _start(self) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best: float | None = None
        self.best_weights: list[Any] | None = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        value = self.get_monitor_value(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            # Where nothing ever gets better, the first epoch is the one to go back to.
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        self.wait += 1
        if self.is_better(value, self.best):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self.is_better(value, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self.stopped_epoch and self.verbose:
            say(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                say(self.words_of_best(self.best_epoch))
            self.model.set_weights(self.best_weights)

    def words_of_best(self, epoch: int) -> str:
        """What is said where the weights of the best epoch come back."""
        return f"Restoring the weights of the best epoch: {epoch + 1}."


class ReduceLROnPlateau(Monitor):
    """Lowers the learning rate when a measure has not got better for some epochs.

    Args:
        monitor: the measure.
        factor: what the rate is multiplied by, below 1.
        patience: epochs without a better value before it is lowered.
        verbose: 1 to say so.
        mode: "auto", "min" or "max".
        min_delta: the least change that counts.
        cooldown: epochs to wait after the rate was lowered.
        min_lr: the lowest rate.

    >>> import kerata
    >>> slower = kerata.callbacks.ReduceLROnPlateau("val_loss", factor=0.2, patience=5, min_lr=1e-5)
    """

    added_logs = ("learning_rate",)
    remembered = ("best", "wait", "cooldown_counter")
    # Epochs beyond `patience`.
    beyond = 0

    def __init__(
        self,
        monitor="val_loss",
        factor=0.1,
        patience=10,
        verbose=0,
        mode="auto",
        min_delta=1e-4,
        cooldown=0,
        min_lr=0.0,
        **kwargs,
    ):
        super().__init__()
        if factor >= 1.0:
            raise ValueError(message("ReduceLROnPlateau", "`factor` must be below 1", {"factor": factor}))
        self.take_monitor(monitor, mode, min_delta)
        self.factor, self.patience, self.verbose = factor, patience, verbose
        self.cooldown, self.min_lr = cooldown, min_lr
        self._start()

    def _start(self) -> None:
        self.best: float | None = None
        self.wait = self.cooldown_counter = 0

    def get_rate(self, optimizer: Rated) -> float:
        """The learning rate of an optimizer."""
        return float(optimizer.learning_rate)

    def set_rate(self, optimizer: Rated, rate: float) -> None:
        """Gives an optimizer a learning rate."""
        optimizer.learning_rate = rate

    def in_cooldown(self) -> bool:
        """Whether the rate was lowered so lately that nothing is counted yet."""
        return self.cooldown_counter > 0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._start()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        optimizers = rated(self.model)
        if logs is not None:
            logs.update({name: self.get_rate(optimizer) for name, optimizer in optimizers.items()})
        value = self.get_monitor_value(logs)
        if value is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.is_better(value, self.best):
            self.best, self.wait = value, 0
        elif self.cooldown_counter <= 0:
            self.wait += 1
            lowered = (
                [self._lower(each, epoch, name) for name, each in optimizers.items()]
                if self.wait >= self.patience + self.beyond
                else []
            )
            if any(lowered):
                self.cooldown_counter, self.wait = self.cooldown, self.beyond

    def _lower(self, optimizer: Rated, epoch: int, name: str) -> bool:
        """Lowers the rate of an optimizer, unless it is as low as it may be."""
        rate = self.get_rate(optimizer)
        if np.float32(rate) <= np.float32(self.min_lr):
            return False
        # The shortest decimal with this float32 value: 0.1 of 0.1 is 0.01.
        lower = float(str(np.float32(max(rate * self.factor, self.min_lr))))
        self.set_rate(optimizer, lower)
        if self.verbose:
            say(self.words(epoch, name, rate, lower))
        return True

    def words(self, epoch: int, name: str, rate: float, lower: float) -> str:
        """What is said of a rate that was lowered."""
        return f"\nEpoch {epoch + 1}: the {name.replace('_', ' ', 1)} is now {lower:.6g}."


class ModelCheckpoint(Monitor):
    """Saves the model, or its weights, while it trains. A file is replaced whole or not at all.

    Args:
        filepath: where; may hold `{epoch}` and measures, `"{epoch:02d}-{val_loss:.2f}.keras"`. Whole models end in
            `.keras`, or `.h5` for old readers, weights in `.weights.h5`.
        monitor: the measure for `save_best_only`.
        verbose: 1 to say when it saves.
        save_best_only: whether to save only when the measure got better.
        save_weights_only: whether to save weights in place of whole models.
        mode: "auto", "min" or "max".
        save_freq: "epoch", or a number of batches.
        initial_value_threshold: the value that the first saved model must beat.

    >>> import kerata
    >>> best = kerata.callbacks.ModelCheckpoint("best.keras", monitor="val_accuracy", save_best_only=True)
    """

    writes_files = True
    remembered = ("best",)

    def __init__(
        self,
        filepath,
        monitor="val_loss",
        verbose=0,
        save_best_only=False,
        save_weights_only=False,
        mode="auto",
        save_freq="epoch",
        initial_value_threshold=None,
    ):
        super().__init__()
        self.take_monitor(monitor, mode)
        check_path(self, filepath)
        self.filepath = os.fspath(filepath)
        self.verbose, self.save_best_only, self.save_weights_only = verbose, save_best_only, save_weights_only
        self.best = initial_value_threshold
        if save_freq != "epoch" and not (isinstance(save_freq, int) and save_freq > 0):
            raise ValueError(
                message("ModelCheckpoint", "`save_freq` must be 'epoch' or a number of batches", {"save_freq": save_freq})
            )
        self.save_freq: int | str = save_freq
        self.epoch = 0
        endings = (".weights.h5",) if save_weights_only else (".keras", ".h5")
        if not self.filepath.endswith(endings):
            what = "weights" if save_weights_only else "whole models"
            expected = f"`filepath` must end in {' or '.join(map(repr, endings))} for {what}"
            raise ValueError(message("ModelCheckpoint", expected, {"filepath": filepath}))
        self.fields = read_fields(self.filepath)
        if isinstance(save_freq, int):
            self.batches = EveryBatches(save_freq)
            # Defined on the instance, so that a checkpoint an epoch does not slow the loop to single batches.
            self.on_train_batch_end = self._count_batch  # type: ignore[method-assign]

    def check_names(self, names: Sequence[str]) -> None:
        """Raises, before anything is trained, where the file's name asks for a measure that there will not be."""
        known = ["epoch", *names, *(["batch"] if isinstance(self.save_freq, int) else [])]
        if unknown := [field for field in self.fields if field not in known]:
            raise KeyError(
                message(
                    "ModelCheckpoint",
                    f"`filepath` names {unknown[0]!r}, which is not in the logs",
                    {"filepath": self.filepath},
                    did_you_mean(unknown[0], known),
                )
            )

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epoch = epoch

    def _count_batch(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self.batches.has_come(batch):
            self._save(logs, batch)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.save_freq == "epoch":
            self._save(logs)

    def _save(self, logs: dict[str, Any] | None, batch: int | None = None) -> None:
        value = self.get_monitor_value(logs) if self.save_best_only else None
        before = "nothing" if self.best is None else f"{self.best:.5f}"
        if value is not None and not self.is_better(value, self.best):
            if self.verbose:
                say(f"\nEpoch {self.epoch + 1}: {self.monitor} did not improve from {before}")
            return
        path = self._path(logs, batch)
        if os.path.isdir(path):
            raise OSError(message("ModelCheckpoint", "`filepath` must be a file, and it is a folder", {"filepath": path}))
        if self.verbose:
            gain = "" if value is None else f"{self.monitor} improved from {before} to {value:.5f}, "
            what = "weights" if self.save_weights_only else "model"
            say(f"\nEpoch {self.epoch + 1}: {gain}saving {what} to {path}")
        # Where the measure is not to be had, it is better to save too often than not at all.
        self.best = self.best if value is None else value
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)

    def _path(self, logs: dict[str, Any] | None, batch: int | None) -> str:
        fields = {"epoch": self.epoch + 1, **(logs or {})}
        if batch is not None:
            fields["batch"] = batch + 1
        try:
            return self.filepath.format(**fields)
        except KeyError as error:
            raise KeyError(
                message(
                    "ModelCheckpoint",
                    f"`filepath` names {error}, which is not in the logs",
                    {"filepath": self.filepath},
                    "Available: " + ", ".join(sorted(fields)),
                )
            ) from None


def read_fields(pattern: str) -> list[str]:
    """The names in the braces of a file's name; raises where it could never be filled in."""
    try:
        fields = [name for _, name, _, _ in string.Formatter().parse(pattern) if name is not None]
        bare = [re.split(r"[.\[]", name)[0] for name in fields]
        if any(not name or name.isdigit() for name in bare):
            raise ValueError("every pair of braces needs a name")
        # A number of epochs and batches is whole, a measure is not.
        pattern.format(**{name: 1 if name in ("epoch", "batch") else np.float32(0.5).item() for name in bare})
    except (ValueError, IndexError, KeyError, AttributeError, TypeError) as error:
        expected = "`filepath` must be a name, in which braces hold `epoch` and measures"
        raise ValueError(
            message(
                "ModelCheckpoint", expected, {"filepath": pattern, "fault": str(error)}, "Write e.g. 'model-{epoch:02d}.keras'"
            )
        ) from None
    return list(dict.fromkeys(bare))


def check_measures(callbacks: Iterable[Any], names: Sequence[str], validated: bool) -> None:
    """Lets callbacks refuse names that no measure will have. Where a user's own callback may add some, it is too early to tell.

    Args:
        callbacks: the callbacks of a run.
        names: of the measures of training.
        validated: whether there is validation, whose measures begin with `val_`.
    """
    callbacks = list(callbacks)
    added = [added_logs(callback) for callback in callbacks]
    if None in added:
        return
    known = [*names, *(f"val_{name}" for name in names if validated), *(name for some in added for name in some or ())]
    for callback in callbacks:
        if names and isinstance(callback, ModelCheckpoint):
            callback.check_names(known)
