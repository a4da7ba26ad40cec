"""Going on where training was cut off, and measuring with averages of weights."""

import os
import re
from pathlib import Path
from typing import Any

from kerata.base.checks import check_path, message
from kerata.base.refusals import FileError
from kerata.callbacks.callback import Callback
from kerata.callbacks.counting import EveryBatches
from kerata.callbacks.remembering import Memory, read_memories, remembering, remind, write_memories


class BackupAndRestore(Callback):
    """Keeps a backup of training, so that a program that was killed goes on where it was when it is run again.

    The weights, the optimizer's state and the layers' random states are kept, in a file that a kill or a power cut leaves
    whole, with the number of epochs in its name, and beside it what other callbacks remember: how long `EarlyStopping` has
    waited, what was best. With a `seed` for `fit`, or `kerata.utils.set_random_seed`, what is trained then is what would have
    been trained without the cut. A callback of one's own takes part by the names of its attributes in `remembered`.

    Args:
        backup_dir: a folder for the backup alone.
        save_freq: "epoch", or a number of batches; in the middle of an epoch, the epoch begins anew.
        double_checkpoint: whether the backup before the last one stays too.
        delete_checkpoint: whether the backup goes once training has come to its end.

    >>> import kerata, tempfile
    >>> backup = kerata.callbacks.BackupAndRestore(tempfile.mkdtemp())
    """

    writes_files = True
    _name = re.compile(r"epoch-(\d+)\.weights\.h5")

    def __init__(self, backup_dir, save_freq="epoch", double_checkpoint=False, delete_checkpoint=True):
        super().__init__()
        if not backup_dir:
            raise ValueError(message("BackupAndRestore", "Empty `backup_dir` argument passed", {"backup_dir": backup_dir}))
        if save_freq != "epoch" and not (isinstance(save_freq, int) and save_freq > 0):
            raise ValueError(
                message(
                    "BackupAndRestore",
                    "Invalid value for argument `save_freq`: it is 'epoch' or a number of batches",
                    {"save_freq": save_freq},
                )
            )
        self.backup_dir = check_path(self, backup_dir, "backup_dir")
        self.save_freq: int | str = save_freq
        self.double_checkpoint, self.delete_checkpoint = double_checkpoint, delete_checkpoint
        self.epoch = 0
        # The others that have something to remember, and what they knew.
        self.others: list[Any] = []
        self.memories: list[tuple[str, Memory]] | None = None
        if isinstance(save_freq, int):
            self.batches = EveryBatches(save_freq)
            # Defined on the instance, so that a backup an epoch does not slow the loop to single batches.
            self.on_train_batch_end = self._count_batch  # type: ignore[method-assign]

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.epochs_done = self.epoch = 0
        problems = []
        optimizer = self.model.optimizer
        if optimizer is not None and not optimizer.built:
            # So that it can take its state.
            optimizer.build(self.model.trainable_variables)
        for done, path in self._backups():
            try:
                self.memories = read_memories(beside) if (beside := self._memory_of(path)).is_file() else None
                self.model.load_weights(path)
            except FileError as error:
                # The one before it, if there is one.
                problems.append(error)
                continue
            self.epochs_done = self.epoch = done
            return
        if problems:
            raise problems[0]

    def join(self, callbacks: list[Any]) -> None:
        self.others = remembering(callbacks)
        if self.memories is not None:
            remind(self.others, self.memories)
            self.memories = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epoch = epoch + 1
        if self.save_freq == "epoch" and not self.others:
            self._save()

    def after_epoch(self, epoch: int) -> None:
        # What others do at the end of this epoch belongs to it.
        if self.save_freq == "epoch" and self.others:
            self._save()

    def _count_batch(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self.batches.has_come(batch):
            self._save()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        # This is called where training was interrupted as well.
        ended = self.epoch >= self.params.get("epochs", 0) or self.model.stop_training
        if self.delete_checkpoint and ended:
            for _, path in self._backups():
                self._remove(path)
            if self.backup_dir.is_dir() and not any(self.backup_dir.iterdir()):
                self.backup_dir.rmdir()

    def _save(self) -> None:
        before = self._backups()
        self.backup_dir.mkdir(parents=True, exist_ok=True)
        path = self.backup_dir / f"epoch-{self.epoch:06d}.weights.h5"
        if self.others:
            # Before the weights: where they are whole, it is there.
            write_memories(self.others, self._memory_of(path))
        self.model.save_weights(path, overwrite=True)
        others = [old for _, old in before if old != path]
        for old in others[1:] if self.double_checkpoint else others:
            self._remove(old)

    def _memory_of(self, path: Path) -> Path:
        """What callbacks knew, beside a file of weights."""
        return path.with_name(path.name.split(".")[0] + ".callbacks.zip")

    def _remove(self, path: Path) -> None:
        path.unlink()
        self._memory_of(path).unlink(missing_ok=True)

    def _backups(self) -> list[tuple[int, Path]]:
        """(epochs that are done, file) of each backup, the latest first."""
        names = os.listdir(self.backup_dir) if self.backup_dir.is_dir() else []
        found = [(int(match[1]), self.backup_dir / name) for name in names if (match := self._name.fullmatch(name))]
        return sorted(found, reverse=True)


class SwapEMAWeights(Callback):
    """Puts the optimizer's moving averages in place of the weights while the model is measured.

    Averages of weights often measure better than the weights that training goes on with. The optimizer must have
    `use_ema=True`.

    Args:
        swap_on_epoch: whether the averages stand in the model from the end of an epoch to the beginning of the next, for
            callbacks such as `ModelCheckpoint` that come after this one.

    >>> import kerata
    >>> averages = kerata.callbacks.SwapEMAWeights(swap_on_epoch=True)
    """

    def __init__(self, swap_on_epoch=False):
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self.swapped = False

    def _swap(self, wanted: bool) -> None:
        if self.swapped == wanted:
            return
        for variable, average in self._pairs():
            value = variable.numpy()
            variable.store(average.numpy())
            average.store(value)
        self.swapped = wanted

    def _pairs(self) -> list[tuple[Any, Any]]:
        """Each weight and its average."""
        optimizer = self.model.optimizer
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        if not getattr(optimizer, "use_ema", False):
            raise ValueError(
                message(
                    "SwapEMAWeights",
                    "SwapEMAWeights must be used when `use_ema=True` is set on the optimizer",
                    {"use_ema": getattr(optimizer, "use_ema", None)},
                )
            )
        return [(v, a) for v in self.model.trainable_variables if (a := optimizer.average_of(v)) is not None]

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.swap_on_epoch:
            self._swap(False)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.swap_on_epoch:
            self._swap(True)

    def settle(self) -> None:
        self._swap(False)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        # Also where an epoch was interrupted.
        self._swap(False)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._swap(True)

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        self._swap(False)

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._swap(True)

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        self._swap(False)
