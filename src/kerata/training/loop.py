"""The loop over epochs: what `fit` does once all is prepared."""

import time
from typing import Any

from kerata.callbacks.callback import CallbackList, is_passive
from kerata.callbacks.history import History
from kerata.training.evaluation import Validation
from kerata.training.orders import Orders
from kerata.training.runs import Run


def train(
    run: Run, callbacks: CallbackList, validation: Validation | None, epochs: int, initial_epoch: int, orders: Orders | None
) -> History:
    """Runs epochs, and tells the callbacks.

    Args:
        run: the training.
        callbacks: all of them, the history among them.
        validation: what is measured after epochs, if anything is.
        epochs, initial_epoch: as in `fit`.
        orders: of the samples.
    """
    model, measures = run.plan.model, run.plan.measures
    history = next(c for c in callbacks if isinstance(c, History))
    model.stop_training, model.history = False, history
    run.times = epochs
    logs: dict[str, Any] = {}
    # Nothing happens between two epochs that could change the next: then one call may run several.
    passive = all(is_passive(callback) for callback in callbacks)
    quiet = passive and validation is None and not callbacks.needs_progress
    callbacks.on_train_begin()
    # A callback may have brought back what was trained before.
    run.begin()
    epoch = initial_epoch = max(initial_epoch, callbacks.epochs_done)
    try:
        while epoch < epochs:
            if quiet and not model.stop_training and (several := run.room(epochs - epoch)) > 1:
                began = time.perf_counter()
                rows, interrupted = run.several(epoch, several, epochs)
                seconds = (time.perf_counter() - began) / len(rows)
                history.bad_step = run.bad_step
                for row in rows:
                    logs = measures.in_order(row)
                    callbacks.on_epoch_begin(epoch)
                    callbacks.note_seconds(seconds)
                    callbacks.on_epoch_end(epoch, logs)
                    epoch += 1
                if interrupted:
                    raise KeyboardInterrupt
                if model.stop_training:
                    break
                continue
            callbacks.on_epoch_begin(epoch)
            latest = run.epoch(epoch, callbacks, epochs)
            history.bad_step = run.bad_step
            if run.ended and not run.done:
                break
            logs = latest
            if validation is not None and validation.is_due(epoch):
                logs = {**logs, **validation.measure(callbacks)}
            logs = measures.in_order(logs)
            # What callbacks add to them is of the epoch, and not of the whole.
            callbacks.on_epoch_end(epoch, dict(logs))
            epoch += 1
            if model.stop_training or run.ended:
                break
        callbacks.settle()
        if model.optimizer is not None and epochs > initial_epoch:
            model.optimizer.finalize_variable_values(run.plan.trainable)
    finally:
        if orders is not None:
            orders.end(epoch)
        # Also where an epoch was interrupted: callbacks close their files, and the weights are those of the last step.
        callbacks.on_train_end(logs)
    return history
