"""Evaluation, by itself and after the epochs of a training."""

# JAX says nothing of the leaves of trees. The attributes of models that begin with an underscore are this room's.
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportPrivateUsage=false

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from kerata.base.checks import check_positive_int, message
from kerata.callbacks.callback import CallbackList
from kerata.data.samples import Data, Samples
from kerata.data.sources import Batches, check_endless, standardize_source
from kerata.training.feeds import first_batch, make_feed
from kerata.training.host import through_host
from kerata.training.kept import prepare
from kerata.training.once import compute_once
from kerata.training.runs import Run
from kerata.training.step_methods import reading_of
from kerata.training.trained import TrainedModel


def evaluation(
    model: TrainedModel, source: Samples | Batches, batch_size: int, steps: int | None, watched: bool = False, times: int = 1
) -> Run:
    """A run over some data that measures.

    Args:
        model: a compiled model.
        source: the data.
        batch_size: samples a step.
        steps: the number of batches, where the data never ends.
        watched: whether callbacks want each batch as it comes.
        times: how often it will run.
    """
    check_endless(source, steps, "evaluate", "steps")
    batch, source = first_batch(source.of_steps(steps) if isinstance(source, Batches) else source, batch_size)
    prepared = prepare(model, batch, "evaluate", source, training=False)
    once = compute_once(prepared, source, batch, batch_size, times, steps=steps)
    if once is not None:
        return Run(*once[:2], np.zeros(2, np.uint32), "test")
    feed = make_feed(prepared, source, batch, batch_size, steps=steps, stacking=not watched)
    return Run(prepared, feed, np.zeros(2, np.uint32), "test")


class Validation:
    """What is measured after epochs of a training.

    Args:
        run: the evaluation.
        frequency: every how many epochs, or a list of epochs.
    """

    def __init__(self, run: Run, frequency: int | Sequence[int] = 1):
        self.run, self.frequency = run, frequency

    def is_due(self, epoch: int) -> bool:
        """Whether an epoch, counted from 0, is one to validate after."""
        if isinstance(self.frequency, (list, tuple, set)):
            return epoch + 1 in self.frequency
        return (epoch + 1) % int(cast(int, self.frequency)) == 0

    def measure(self, callbacks: CallbackList) -> dict[str, Any]:
        """The measures of the present weights, with the names that they have in the logs of `fit`."""
        self.run.plan.model.stop_evaluating = False
        callbacks.on_test_begin()
        logs = self.run.epoch(0, QuietProgress(callbacks))
        callbacks.on_test_end(logs)
        return {f"val_{name}": value for name, value in logs.items()}


class QuietProgress(CallbackList):
    """The callbacks of `fit` during validation: hooks for its batches, no progress bar."""

    def __init__(self, callbacks: CallbackList):
        self.callbacks, self._batchwise = callbacks.callbacks, callbacks._batchwise
        self._model, self.params = callbacks.model, callbacks.params

    @property
    def needs_progress(self) -> bool:
        return False


def make_validation(
    model: TrainedModel,
    data: Data | Samples | None,
    batch_size: int,
    steps: int | None,
    frequency: int | Sequence[int],
    times: int = 1,
) -> Validation | None:
    """What `validation_data` means; `None` where none was given.

    Args:
        model: a compiled model, prepared for its training.
        data, batch_size, steps, frequency: as in `fit`.
        times: how many epochs there are at most.
    """
    if data is None:
        return None
    try:
        return Validation(evaluation(model, source_of(model, data), batch_size, steps, times=times), frequency)
    except (TypeError, ValueError) as error:
        error.add_note(
            f"It came up in {'the samples held out to validate on' if isinstance(data, Samples) else '`validation_data`'}."
        )
        raise


def source_of(model: TrainedModel, data: Data | Samples) -> Samples | Batches:
    """What `validation_data` holds, as arrays or batches."""
    check_validation(data, model._graph is not None and len(model._graph.inputs) == 1)
    if isinstance(data, (tuple, list)) and (len(data) in (2, 3) or (len(data) == 1 and isinstance(data, tuple))):
        inputs, *rest = data
        return standardize_source(through_host(model, inputs), *rest, owner="validation_data", reading=reading_of(model))
    if isinstance(data, Samples):
        return data
    if hasattr(data, "shape") or hasattr(data, "iloc"):
        raise ValueError(
            message(
                "fit",
                "`validation_data` must be (x, y) or (x, y, sample_weight), or give batches",
                {"validation_data": data},
                "Write validation_data=(x_val, y_val)",
            )
        )
    return standardize_source(through_host(model, data), owner="validation_data", reading=reading_of(model))


def check_validation(data: object, one_input: bool) -> None:
    """Raises for what is no data to validate on.

    Args:
        data: (x, y), (x, y, sample_weight), or x alone in a tuple; what is no list and no plain value passes.
        one_input: whether the model is known to have one input, so that a tuple in a list is no list of inputs.
    """
    fix = "Write validation_data=(x_val, y_val)"
    if isinstance(data, (tuple, list)):
        batches = bool(data) and all(isinstance(part, tuple) and len(part) in (2, 3) for part in data)
        if len(data) in (1, 2, 3) and not (batches and one_input):
            return
        if batches:
            fix = "Of a list of batches a generator makes a source of batches: validation_data=(batch for batch in batches)"
    elif isinstance(data, dict):
        fix = "For named inputs write validation_data=({'name': x_val}, y_val)"
    elif isinstance(data, float):
        fix = "For a share of x and y write validation_split"
    elif not isinstance(data, (str, int)):
        return
    raise ValueError(
        message(
            "fit", "`validation_data` must be (x, y) or (x, y, sample_weight), or give batches", {"validation_data": data}, fix
        )
    )


def check_frequency(freq: int | Sequence[int]) -> None:
    """Raises where `validation_freq` is neither a number of epochs nor a list of such."""
    if isinstance(freq, (list, tuple, set)):
        for epoch in freq:
            check_positive_int("fit", "validation_freq", epoch)
        return
    check_positive_int("fit", "validation_freq", freq)
