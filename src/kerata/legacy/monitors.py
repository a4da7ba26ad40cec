"""Callbacks with the arguments and hooks of their eras."""

import functools
import inspect
import warnings
from typing import Any

import numpy as np

from kerata import callbacks
from kerata.backend import get_value, set_value
from kerata.base.checks import message
from kerata.callbacks.callback import Rated
from kerata.callbacks.counting import EveryBatches
from kerata.engine.variable import Variable
from kerata.legacy.files import save_model, save_weights
from kerata.legacy.history import AliasDict, OldHistory, twin_of

History = OldHistory


class Callback(callbacks.Callback):
    """A callback whose `params` hold what they held then: `nb_epoch`, `nb_sample`, `batch_size`, `metrics`, ..."""

    _old_params: dict[str, Any] | None = None

    @property
    def validation_data(self):
        """What is validated on: inputs, targets, weights. It is put together when a callback asks for it."""
        held = self.__dict__.get("validation_data")
        return held() if callable(held) else held

    @validation_data.setter
    def validation_data(self, held) -> None:
        self.__dict__["validation_data"] = held

    def set_params(self, params: dict[str, Any]) -> None:
        super().set_params({**params, **(self._old_params or {})})


def era_of(callback: callbacks.Callback) -> str:
    """The era of the model that a callback watches."""
    return getattr(callback.model, "_era", "tfkeras2")


def numbered(callback: callbacks.Callback, epoch: int) -> str:
    """`Epoch 00003` as its era wrote it: in five digits before `tf.keras`, and counted from 0 in Keras 1."""
    era = era_of(callback)
    return f"Epoch {epoch + 1}" if era == "tfkeras2" else f"Epoch {epoch + (era != 'keras1'):05d}"


class ModelCheckpoint(Callback):
    """Writes the model, or its weights, after epochs.

    Args:
        filepath: a name, in which `{epoch:02d}` and `{val_loss:.2f}` stand for numbers.
        monitor, mode, save_best_only: which measure says what is best.
        save_weights_only: whether only weights are written.
        period: every how many epochs.
        save_freq: `"epoch"`, or every how many batches.
    """

    writes_files = True
    remembered = ("best", "epochs_since_last_save")
    # The number of the first epoch in names of files.
    first = 1

    def __init__(
        self,
        filepath,
        monitor="val_loss",
        verbose=0,
        save_best_only=False,
        save_weights_only=False,
        mode="auto",
        period=1,
        save_freq="epoch",
        **kwargs,
    ):
        super().__init__()
        self.filepath, self.monitor, self.verbose = filepath, monitor, verbose
        self.save_best_only, self.save_weights_only, self.period = save_best_only, save_weights_only, period
        self.epochs_since_last_save = 0
        up = mode == "max" or (mode == "auto" and ("acc" in monitor or monitor.startswith("fmeasure")))
        self.sign, self.best = (1.0, -float("inf")) if up else (-1.0, float("inf"))
        self.save_freq, self.epoch = save_freq, 0
        if save_freq != "epoch":
            if not isinstance(save_freq, int) or save_freq < 1:
                raise ValueError(message(self, "`save_freq` must be 'epoch' or a number of batches", {"save_freq": save_freq}))
            self.batches = EveryBatches(save_freq)
            # Defined on the instance, so that a checkpoint an epoch does not slow the loop to single batches.
            self.on_train_batch_end = self._count_batch  # type: ignore[method-assign]

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epoch = epoch

    def _count_batch(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self.batches.has_come(batch):
            self._save(self.epoch, logs, batch)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epochs_since_last_save += 1
        if self.save_freq != "epoch" or self.epochs_since_last_save < self.period:
            return
        self.epochs_since_last_save = 0
        self._save(epoch, logs, 0)

    def _save(self, epoch: int, logs: dict[str, Any] | None, batch: int) -> None:
        known = AliasDict(logs or {})
        numbers = {**{twin: value for name, value in known.items() if (twin := twin_of(name))}, **known, "batch": batch + 1}
        path = str(self.filepath).format(epoch=epoch + self.first, **numbers)
        if self.save_best_only:
            if self.monitor not in known:
                print(f"ModelCheckpoint: {self.monitor} is not measured, so nothing is written. There are: {', '.join(known)}.")
                return
            current = float(known[self.monitor])
            if not self.sign * current > self.sign * self.best:
                self._say(epoch, f"{self.monitor} did not improve" + f" from {self.best:.5f}" * self.first)
                return
            self._say(epoch, f"{self.monitor} improved from {self.best:.5f} to {current:.5f}, saving model to {path}")
            self.best = current
        else:
            self._say(epoch, f"saving model to {path}")
        (save_weights if self.save_weights_only else save_model)(self.model, path)

    def _say(self, epoch: int, said: str) -> None:
        if self.verbose:
            print("\n" * self.first + f"{numbered(self, epoch)}: {said}")


class CheckpointOfTensorFlow(ModelCheckpoint):
    """`ModelCheckpoint` of `tf.keras`, whose seventh argument is how often it writes."""

    def __init__(
        self,
        filepath,
        monitor="val_loss",
        verbose=0,
        save_best_only=False,
        save_weights_only=False,
        mode="auto",
        save_freq="epoch",
        options=None,
        initial_value_threshold=None,
        period=1,
        **kwargs,
    ):
        super().__init__(filepath, monitor, verbose, save_best_only, save_weights_only, mode, period, save_freq, **kwargs)
        self.best = self.best if initial_value_threshold is None else initial_value_threshold


class CheckpointOfKeras1(ModelCheckpoint):
    """`ModelCheckpoint` of Keras 1, which counted epochs from 0 in the names of files."""

    first = 0


class Monitoring(Callback):
    """A callback of today that watches a measure by either of its names."""

    # Measures of which more is better, where `mode` does not say it: those with such a part in their name.
    rises: tuple[str, ...] = ("acc",)

    @functools.cached_property
    def rising(self) -> bool:
        """Whether more is better."""
        mode = getattr(self, "mode", "auto")
        return mode == "max" if mode != "auto" else any(part in str(getattr(self, "monitor", "")) for part in self.rises)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.take_twin(logs)
        super().on_epoch_end(epoch, logs)

    def take_twin(self, logs: dict[str, Any] | None) -> None:
        """Watches the measure under the name that it has in the logs."""
        monitor = getattr(self, "monitor", None)
        if isinstance(monitor, str) and logs is not None and monitor not in logs and monitor in AliasDict(logs):
            self.monitor = twin_of(monitor)


class EarlyStopping(Monitoring, callbacks.EarlyStopping):
    """Stops training when a measure no longer gets better."""

    rises = ("acc", "auc")

    def words_of_best(self, epoch: int) -> str:
        return f"Restoring model weights from the end of the best epoch: {epoch + 1}."


class EarlyStoppingOfKeras2(EarlyStopping):
    """`EarlyStopping` of Keras 1 and 2: the baseline is what the first epochs must beat, and the best weights come back where
    it has stopped, and not else."""

    rises = ("acc", "fmeasure")
    # Epochs beyond `patience`.
    beyond = 0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        super().on_train_begin(logs)
        self.best = self.baseline

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.take_twin(logs)
        value = self.get_monitor_value(logs)
        if value is None:
            return
        if self.is_better(value, self.best):
            self.best, self.best_epoch, self.wait = value, epoch, 0
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            return
        self.wait += 1
        if self.wait >= self.patience + self.beyond:
            self.stopped_epoch, self.model.stop_training = epoch, True
            if self.restore_best_weights and self.best_weights is not None:
                if self.verbose:
                    print("Restoring model weights from the end of the best epoch")
                self.model.set_weights(self.best_weights)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self.stopped_epoch and self.verbose:
            print(f"{numbered(self, self.stopped_epoch)}: early stopping")


class EarlyStoppingOfKeras1(EarlyStoppingOfKeras2):
    """`EarlyStopping` of Keras 1, which waited for one epoch more than `patience` says."""

    beyond = 1


class RateOfThen:
    """A callback that writes the rate into the logs, under the name that it had until Keras 3."""

    added_logs = ("lr",)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_epoch_end(epoch, logs)  # type: ignore[misc]
        if logs is not None and dict.__contains__(logs, "learning_rate"):
            logs["lr"] = logs.pop("learning_rate")


class LearningRateScheduler(RateOfThen, callbacks.LearningRateScheduler):
    """Sets the learning rate of each epoch."""

    def words(self, epoch: int, name: str, rate: float) -> str:
        # A number of NumPy's was written in its own digits before `tf.keras`.
        text = float(rate) if era_of(self) == "tfkeras2" else rate
        return f"\n{numbered(self, epoch)}: LearningRateScheduler setting learning rate to {text!s}."


class ReduceLROnPlateau(RateOfThen, Monitoring, callbacks.ReduceLROnPlateau):
    """Lowers the learning rate when a measure no longer gets better; `epsilon` of Keras 1 is `min_delta`."""

    def __init__(self, *args: Any, epsilon: float | None = None, **kwargs: Any):
        if epsilon is not None:
            if not self.beyond:
                warnings.warn("`epsilon` argument is deprecated: it is `min_delta` now.", stacklevel=2)
            kwargs["min_delta"] = epsilon
        super().__init__(*args, **kwargs)

    def words(self, epoch: int, name: str, rate: float, lower: float) -> str:
        # The product, which is no short decimal.
        lower = max(float(np.float32(rate)) * self.factor, self.min_lr)
        said = "reducing" if era_of(self) == "keras1" else "ReduceLROnPlateau reducing"
        return f"\n{numbered(self, epoch)}: {said} learning rate to {lower}."

    # An optimizer of a program's own may have a `lr` alone.

    def get_rate(self, optimizer: Rated) -> float:
        return float(get_value(rate)) if (rate := lone_rate(optimizer)) is not None else super().get_rate(optimizer)

    def set_rate(self, optimizer: Rated, rate: float) -> None:
        if (held := lone_rate(optimizer)) is None:
            super().set_rate(optimizer, rate)
        else:
            set_value(held, rate)


class PlateauOfKeras1(ReduceLROnPlateau):
    """`ReduceLROnPlateau` of Keras 1, which waited for one epoch more than `patience` says, but not after it had lowered."""

    beyond = 1


class TerminateOnNaN(callbacks.TerminateOnNaN):
    """Stops training when the loss is no number."""

    def words(self, epoch: int, loss: float) -> str:
        step, steps = getattr(self.model.history, "bad_step", None), (self.params or {}).get("steps")
        return f"Batch {(step - 1) % steps if step and steps else 0}: Invalid loss, terminating training"


def lone_rate(optimizer: object) -> Variable | None:
    """The variable `lr` of what has no `learning_rate`."""
    found = None if hasattr(optimizer, "learning_rate") else getattr(optimizer, "lr", None)
    return found if isinstance(found, Variable) else None


class TensorBoard(Callback, callbacks.TensorBoard):
    """Writes what TensorBoard shows. Arguments that it has no longer are taken, and mean nothing."""

    def __init__(self, log_dir="./logs", *args: object, **kwargs: Any):
        known = inspect.signature(callbacks.TensorBoard.__init__).parameters
        super().__init__(log_dir, **{name: value for name, value in kwargs.items() if name in known})

    def _end_batch(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        # The number of a batch and its size are no measures.
        super()._end_batch(batch, {name: value for name, value in (logs or {}).items() if name not in ("batch", "size")})


class BaseLogger(Callback):
    """Averaged the measures of an epoch; `fit` does so by itself."""

    def __init__(self, stateful_metrics: object = None):
        super().__init__()


class ProgbarLogger(callbacks.ProgbarLogger):
    """The line of an epoch, which `fit` shows by itself; what it once counted by and averaged means nothing."""

    def __init__(self, count_mode: str = "samples", stateful_metrics: object = None):
        super().__init__()


class LambdaCallback(callbacks.LambdaCallback):
    """Calls functions of a program's own in the hooks of the same name; those of batches stood before those of training."""

    def __init__(
        self,
        on_epoch_begin=None,
        on_epoch_end=None,
        on_batch_begin=None,
        on_batch_end=None,
        on_train_begin=None,
        on_train_end=None,
        **kwargs,
    ):
        kwargs |= {name: hook for name, hook in (("on_batch_begin", on_batch_begin), ("on_batch_end", on_batch_end)) if hook}
        super().__init__(on_epoch_begin, on_epoch_end, on_train_begin, on_train_end, **kwargs)
