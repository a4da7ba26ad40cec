"""One batch after another, by `train_on_batch` and `test_on_batch`: the next is written where the last one was read."""

# JAX says nothing of the leaves of trees. The attributes of models that begin with an underscore are this room's.
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportPrivateUsage=false

from typing import Any, cast

import jax
import numpy as np

from kerata.data.samples import Samples
from kerata.engine.random import make_key
from kerata.engine.types import AnyArray
from kerata.training.feeds import DeviceFeed, empty, make_feed
from kerata.training.kept import Kept, find_kept, prepare
from kerata.training.prepare import Prepared
from kerata.training.runs import Run
from kerata.training.trained import TrainedModel


def run_of_batch(model: TrainedModel, samples: Samples, training: bool) -> Run:
    """A run over one batch.

    Args:
        model: a compiled model.
        samples: the batch.
        training: whether weights are to be updated.
    """
    method = "train_on_batch" if training else "evaluate"
    kept = find_kept(model, samples.tree, method, training)
    if kept is not None:
        kept.check(*samples.tree)
        memory = kept.memory
        if not isinstance(memory, Memory):
            kept.memory = memory = Memory(kept, samples)
        if memory.can_be_used:
            memory.write(samples)
            return run_over(kept.prepared, memory.feed)
        return run_over(kept.prepared, feed_of(kept.prepared, samples))
    prepared = prepare(model, samples.tree, method, training=training)
    return run_over(prepared, feed_of(prepared, samples))


def run_over(prepared: Prepared, feed: DeviceFeed) -> Run:
    training = prepared.plan.training
    key: AnyArray = make_key() if training else np.zeros(2, np.uint32)
    return Run(prepared, feed, key, "train" if training else "test")


def feed_of(prepared: Prepared, samples: Samples) -> DeviceFeed:
    """A feed of one batch."""
    if not prepared.plan.training:
        return cast(DeviceFeed, make_feed(prepared, samples, samples.tree, samples.size))
    masked = prepared.may_pad(samples.tree, samples.size, None)
    return DeviceFeed(samples, samples.size, masked, placement=prepared.placement)


class Memory:
    """Arrays that a feed's program reads where they are.

    Args:
        kept: a model that was prepared for batches of one form.
        samples: such a batch.
    """

    def __init__(self, kept: Kept, samples: Samples):
        self.feed, self.buffers = feed_of(kept.prepared, samples), list[np.ndarray]()
        self.can_be_used = False
        placement = kept.prepared.placement
        if placement.platform != "cpu":
            return
        leaves, structure = jax.tree.flatten(samples.tree)
        rows, written = max(self.feed.capacity, samples.size), max(self.feed.filled, samples.size)
        self.buffers = [empty(rows, leaf, written) for leaf in leaves]
        arrays = cast("list[Any]", placement.put_samples(self.buffers))
        pairs = zip(arrays, self.buffers, strict=True)
        self.can_be_used = all(array.unsafe_buffer_pointer() == buffer.ctypes.data for array, buffer in pairs)
        self.feed.data, self.feed.waits = jax.tree.unflatten(structure, arrays), False

    def write(self, samples: Samples) -> None:
        """Puts another batch there."""
        size = samples.size
        for buffer, leaf in zip(self.buffers, jax.tree.leaves(samples.tree), strict=True):
            buffer[:size] = leaf
            # What fills the batch up, as in a feed of its own.
            buffer[size : self.feed.filled] = leaf[-1:]
