"""One batch after another: what `train_on_batch` and `test_on_batch` prepared for a batch serves the next ones of its form.

Loops of a person's own (networks that compete, agents that learn) call them thousands of times, and the steps are small.
"""

# JAX says nothing of the leaves of trees. The attributes of models that begin with an underscore are this room's.
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportPrivateUsage=false

from collections.abc import Hashable
from typing import Any, cast

import jax
import numpy as np

from kerata.data.samples import Samples
from kerata.engine.random import make_key
from kerata.engine.symbolic import Tensors
from kerata.engine.types import AnyArray
from kerata.engine.unchanged import Unchanged
from kerata.training.compilation import compilation_of
from kerata.training.evaluation import evaluation
from kerata.training.feeds import DeviceFeed, empty
from kerata.training.prepare import Prepared, build_for, prepare_built, same
from kerata.training.runs import Run
from kerata.training.step_methods import overrides
from kerata.training.stepwise import runs_stepwise
from kerata.training.targets import check_indices, check_leaves, check_targets, check_weights, embedded_inputs, passes_missing
from kerata.training.trained import TrainedModel

# Forms of batches that a model holds something ready for.
MOST_FORMS = 8


def run_of_batch(model: TrainedModel, samples: Samples, training: bool) -> Run:
    """A run over one batch.

    Args:
        model: a compiled model.
        samples: the batch.
        training: whether weights are to be updated.
    """
    known, form = compilation_of(model, "fit").batches, form_of(samples, training)
    ready = known.get(form)
    if ready is not None and ready.stands:
        return ready.run(samples)
    if form is None or runs_stepwise(model):
        return anew(model, samples, training)
    if form not in known:
        # The first of its form may build the model, and often is the only one.
        run = anew(model, samples, training)
        if len(known) >= MOST_FORMS:
            known.clear()
        known[form] = None
        return run
    method = "train_on_batch" if training else "evaluate"
    outputs = build_for(model, samples.tree, method)
    prepared = prepare_built(model, training)
    found = Ready(model, samples, prepared, outputs, method)
    known[form] = found if found.can_be_kept else None
    return found.run(samples) if found.can_be_kept else anew(model, samples, training)


def anew(model: TrainedModel, samples: Samples, training: bool) -> Run:
    """A run over a batch of which nothing is known."""
    if not training:
        return evaluation(model, samples, samples.size, None)
    build_for(model, samples.tree, "train_on_batch")
    prepared = prepare_built(model)
    feed = DeviceFeed(samples, samples.size, prepared.may_pad(samples.tree, samples.size, None), False)
    return Run(prepared, feed, make_key(), "train")


def form_of(samples: Samples, training: bool) -> Hashable:
    """What batches that one program can be given in turn have in common; `None` where they are not NumPy's arrays."""
    leaves, structure = jax.tree.flatten(samples.tree)
    if not all(type(leaf) is np.ndarray for leaf in leaves):
        return None
    return training, structure, tuple((leaf.shape, leaf.dtype) for leaf in leaves)


class Ready:
    """A model that was prepared for batches of one form, and memory that its program reads them from.

    Args:
        model: a compiled model.
        samples: such a batch.
        prepared: the model, prepared for it.
        outputs: its symbolic outputs.
        method: what is done, for messages.
    """

    def __init__(self, model: TrainedModel, samples: Samples, prepared: Prepared, outputs: Tensors, method: str):
        made = compilation_of(model, method)
        self.model, self.prepared, self.outputs, self.method = model, prepared, outputs, method
        self.training = prepared.plan.training
        parts = (model, model.optimizer) if self.training else (model,)
        self.unchanged = Unchanged(*parts, made.objective, made.measures)
        there = None if self.training else samples.size
        masked = prepared.may_pad(samples.tree, samples.size, there)
        findings = None if self.training else prepared.plan.findings
        self.feed = DeviceFeed(samples, samples.size, masked, False, findings, prepared.placement)
        self.looks_at_inputs = not passes_missing(model)
        self.embeds = any(True for _ in embedded_inputs(model, samples.x))
        # A step of a person's own says what targets are.
        self.looks_at_targets = not overrides(model, "train_step") and not overrides(model, "compute_loss")
        self.buffers = self._own_memory(samples)

    def _own_memory(self, samples: Samples) -> list[np.ndarray] | None:
        """Arrays that the feed's program reads where they are, so that a batch only is written there; `None` elsewhere."""
        if self.prepared.placement.platform != "cpu":
            return None
        leaves, structure = jax.tree.flatten(samples.tree)
        rows, written = max(self.feed.capacity, samples.size), max(self.feed.filled, samples.size)
        buffers = [empty(rows, leaf, written) for leaf in leaves]
        arrays = cast("list[Any]", self.prepared.placement.put_samples(buffers))
        if any(array.unsafe_buffer_pointer() != buffer.ctypes.data for array, buffer in zip(arrays, buffers, strict=True)):
            return None
        self.feed.data = jax.tree.unflatten(structure, arrays)
        return buffers

    @property
    def can_be_kept(self) -> bool:
        """Whether it serves more than one batch."""
        return self.buffers is not None and self.unchanged.can_tell

    @property
    def stands(self) -> bool:
        """Whether the model would be prepared so now."""
        model, plan = self.model, self.prepared.plan
        if (
            runs_stepwise(model)
            or not self.unchanged.holds
            or self.prepared not in compilation_of(model, "fit").prepared.values()
        ):
            return False
        if self.training:
            optimizer = model.optimizer
            if optimizer is None or not same(optimizer.optimizer_state.parameters, plan.trainable):
                return False
        # Code of a person's own may say otherwise what is trained.
        return self.prepared.structure is not None or same(model.trainable_variables, plan.trainable)

    def run(self, samples: Samples) -> Run:
        """A run over one batch of the form."""
        self._check(samples)
        assert self.buffers is not None
        size = samples.size
        for buffer, leaf in zip(self.buffers, jax.tree.leaves(samples.tree), strict=True):
            buffer[:size] = leaf
            # What fills the batch up, as a feed of its own does.
            buffer[size : self.feed.filled] = leaf[-1:]
        key: AnyArray = make_key() if self.training else np.zeros(2, np.uint32)
        return Run(self.prepared, self.feed, key, "train" if self.training else "test")

    def _check(self, samples: Samples) -> None:
        """Raises for numbers that the model does not take, as `prepare` does."""
        x, y, weights = samples.tree
        check_leaves({"x": x, "sample_weight": weights} if self.looks_at_inputs else {"sample_weight": weights}, self.method)
        if self.embeds:
            check_indices(self.model, x, self.method)
        if self.looks_at_targets:
            objective = self.prepared.objective
            check_targets(objective, y, self.outputs)
            check_weights(objective, weights, self.outputs)
