"""Checkpoints that Orbax writes beside training."""

import warnings
from typing import Any

from kerata.base.checks import check_path, check_positive_int, message
from kerata.base.orbax import import_orbax
from kerata.callbacks.counting import EveryBatches
from kerata.callbacks.monitors import Monitor


class OrbaxCheckpoint(Monitor):
    """Writes the model's state with Orbax, beside training; `load_model(directory)` and `load_weights(directory)` read it.

    For many devices and hosts, and for stores that Orbax knows. `ModelCheckpoint` writes single files, and needs nothing
    installed for it; this needs `orbax-checkpoint`.

    Args:
        directory: a folder for the checkpoints alone.
        monitor: the measure that says which epoch is the best.
        verbose: whether to say what is written.
        save_best_only: whether only epochs are written that are better than those before.
        mode: "min", "max", or "auto" to tell it by the name.
        save_freq: "epoch", or a number of batches.
        initial_value_threshold: what the measure must be better than to be written at all.
        max_to_keep: how many checkpoints stay; `None` for all.
        save_on_background: whether training goes on while they are written.
        save_weights_only: whether to leave out the model, the optimizer's state and the measures.

    >>> import kerata, tempfile
    >>> try:
    ...     callback = kerata.callbacks.OrbaxCheckpoint(tempfile.mkdtemp())
    ... except ImportError as error:
    ...     assert "pip install orbax-checkpoint" in str(error)
    """

    writes_files = True

    def __init__(
        self,
        directory,
        monitor="val_loss",
        verbose=0,
        save_best_only=False,
        mode="auto",
        save_freq="epoch",
        initial_value_threshold=None,
        max_to_keep=1,
        save_on_background=True,
        save_weights_only=False,
    ):
        super().__init__()
        if save_freq != "epoch" and (not isinstance(save_freq, int) or save_freq < 1):
            expected = "`save_freq` must be 'epoch' or a number of batches"
            raise ValueError(message("OrbaxCheckpoint", expected, {"save_freq": save_freq}))
        check_positive_int("OrbaxCheckpoint", "max_to_keep", max_to_keep, optional=True)
        self.directory = check_path("OrbaxCheckpoint", directory, "directory")
        self.take_monitor(monitor, mode)
        self.verbose, self.save_best_only, self.save_weights_only = verbose, save_best_only, save_weights_only
        self.save_freq: int | str = save_freq
        self.max_to_keep, self.save_on_background = max_to_keep, save_on_background
        self.best: float | None = initial_value_threshold
        self.pending = []
        self.orbax, self.multihost = import_orbax()
        training = self.orbax.training
        kept = None if max_to_keep is None else training.preservation_policies.LatestN(max_to_keep)
        self.checkpointer = training.Checkpointer(
            directory=str(self.directory.absolute()),
            preservation_policy=kept,
            save_decision_policy=training.save_decision_policies.FixedIntervalPolicy(1),
        )
        if isinstance(save_freq, int):
            # Defined on the instance, so that a checkpoint an epoch does not slow the loop to single batches.
            self.on_train_batch_end = self._count_batch  # type: ignore[method-assign]

    def is_multihost_enabled(self) -> bool:
        """Whether several hosts train together."""
        return bool(self.multihost.is_jax_distributed_client_initialized())

    def is_primary_host(self) -> bool:
        """Whether this is the host that speaks for all; a host that is alone is."""
        return not self.is_multihost_enabled() or bool(self.multihost.is_primary_host(primary_host=0))

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        # A model that was loaded goes on counting where it was.
        self.began = 0 if self.model.optimizer is None else int(self.model.optimizer.iterations)
        if isinstance(self.save_freq, int):
            self.batches = EveryBatches(self.save_freq)

    def _count_batch(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self.batches.has_come(batch):
            self._save(self.began + self.batches.count, logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.save_freq == "epoch":
            self._save(epoch, logs)

    def _save(self, step: int, logs: dict[str, Any] | None) -> None:
        if self.save_best_only:
            value = self.get_monitor_value(logs)
            if value is None or not self.is_better(value, self.best):
                return
            self.best = value
        payload = self.model._parts_of_checkpoint(self.save_weights_only)
        if self.verbose:
            print(f"\nSaving step {step} to {self.directory}")
        with self.orbax.Context():
            if self.save_on_background:
                self.pending.append(self.checkpointer.save_checkpointables_async(step, payload))
            else:
                self.checkpointer.save_checkpointables(step, payload)

    def wait_until_finished(self) -> None:
        """Waits until all that was begun is written; an error of the writing is raised here."""
        while self.pending:
            self.pending.pop(0).result()
        self._together("checkpoint_wait_complete")

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.wait_until_finished()
        try:
            self.checkpointer.close()
        except RuntimeError as error:
            warnings.warn(message("OrbaxCheckpoint", "closing failed", {"error": str(error)}), stacklevel=2)
        self._together("checkpoint_cleanup")

    def _together(self, key: str) -> None:
        if self.is_multihost_enabled():
            self.multihost.sync_global_processes(key)
