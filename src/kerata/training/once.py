"""What a frozen part of a model makes of each sample is computed once, not in every epoch.

Where it can be known that it is the same (see `kerata.engine.rows.cut`), the feed holds what the rest of the model takes in
place of its inputs, and the step is the rest of the step. Weights that only the frozen part reads are no part of the
program's state, so that whoever changes one of them is noticed: then all is computed again.
"""

# JAX says nothing of the leaves of trees. The attributes of models that begin with an underscore are this room's.
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportPrivateUsage=false

import copy
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np

from kerata.base.checks import message
from kerata.data.samples import Samples
from kerata.data.sources import Batches, Rows
from kerata.engine import program
from kerata.engine.program import findings_of
from kerata.engine.room import Programs
from kerata.engine.rows import CHANGES, KEPT, SAMPLES, STAYS, Cut, cut
from kerata.engine.types import AnyArray, Array, HostArray, Tree
from kerata.engine.variable import noting_reads
from kerata.training import exits
from kerata.training.feeds import Chunk, DeviceFeed, StreamFeed, pad_rows, padded_batch, put_rows
from kerata.training.findings import StepFindings
from kerata.training.orders import Orders
from kerata.training.padding import rows_of, spec_of
from kerata.training.plan import Batch, Plan
from kerata.training.prepare import Prepared, keeps_batch_size
from kerata.training.steps import BuiltInStep
from kerata.training.stepwise import runs_stepwise

# Multiplications and additions that must be spared: some seconds of a core, a good deal more than another program costs.
LEAST_FLOPS = 5e10
# What is kept may take so much memory, or twice what the inputs take.
MOST_BYTES = 2**31


class RestOfStep(BuiltInStep):
    """A step whose batches hold what the frozen part makes of the inputs.

    Args:
        plan: with the variables that are left.
        whole: the plan of the whole step.
        batch: (x, y, sample_weight) of some samples, for their shapes.
    """

    def __init__(self, plan: Plan, whole: BuiltInStep, batch: Batch):
        super().__init__(plan)
        self.whole, self.batch = whole, jax.tree.map(spec_of, batch)
        self.kinds: list[Any] = []
        self.cuts: dict[tuple[int, bool], Cut | None] = {}

    @property
    def needs_whole_batches(self) -> bool:
        return self.whole.needs_whole_batches

    def cut(self, rows: int, masked: bool) -> Cut | None:
        """The whole step's forward pass for a batch of some rows, cut in two."""
        key = (rows, masked)
        if key not in self.cuts:
            plan = self.whole.plan
            others = [spec_of(v.peek()) for v in plan.others]
            trainable = [spec_of(v.peek()) for v in plan.trainable]
            state = {role: [spec_of(v.peek()) for v in vs] for role, vs in plan.variables.items() if role != "others"}
            state.pop("trainable", None)
            if not plan.training:
                state["seeds"] = [spec_of(v.peek()) for v in plan.seeds]
            # In training hyperparameters take the type of what they are combined with.
            hypers = jax.ShapeDtypeStruct((len(plan.hypers.owners),), jnp.float32, weak_type=plan.training)
            random = jax.ShapeDtypeStruct((2,), jnp.uint32)

            def arguments(size: int) -> tuple[Any, ...]:
                valid = jax.ShapeDtypeStruct((size,), jnp.float32) if masked else None
                x, y, weight = cast(Batch, rows_of(self.batch, size))
                return others, hypers, x, trainable, state, random, valid, y, weight

            roles = jax.tree.map(lambda _: CHANGES, arguments(rows))
            frozen = frozen_variables(plan)
            kept = [KEPT if id(v) in frozen else CHANGES for v in plan.others]
            roles = (kept, STAYS, jax.tree.map(lambda _: SAMPLES, roles[2]), *roles[3:])
            with noting_reads() as reads:
                found = cut(self._function, arguments, roles, rows)
            # What the model does not hold may change, and nobody would notice.
            self.cuts[key] = None if reads.variables else found
        return self.cuts[key]

    def _function(
        self,
        others: list[Any],
        hypers: Array,
        x: Tree,
        trainable: list[Any],
        state: dict[str, Any],
        key: AnyArray,
        valid: Array | None,
        y: Tree,
        weight: Tree,
    ) -> tuple[list[Any], dict[str, Any]]:
        forward = self.whole._forward if self.whole.plan.training else self.whole._look
        total, (y_pred, (facts, self.kinds), parts, others, *rest) = forward(
            trainable, {**state, "others": others}, hypers, key, (x, y, weight), valid
        )
        return others, {"total": total, "y_pred": y_pred, "facts": facts, "parts": parts, "rest": rest}

    def _forward(
        self, trainable: list[Any], state: dict[str, Any], hypers: Array, key: AnyArray, batch: Batch, valid: Array | None
    ) -> tuple[Array, Any]:
        border, (y, weight) = cast("list[Array]", batch[0]), batch[1:]
        found = self.cut(border[0].shape[0], valid is not None)
        assert found is not None
        held = {id(v): value for v, value in zip(self.plan.others, state["others"], strict=True)}
        # Nobody looks at what stands for the weights of the first part.
        others = [held.get(id(v), np.float32(0)) for v in self.whole.plan.others]
        rest = {role: values for role, values in state.items() if role not in ("others", "trainable", "counters")}
        inputs = jax.tree.map(lambda _: np.float32(0), self.batch[0])
        given = jax.tree.leaves((others, hypers, inputs, trainable, rest, key, valid, y, weight))
        after, made = found.second(given, border)
        others = [value for v, value in zip(self.whole.plan.others, after, strict=True) if id(v) in held]
        return made["total"], (made["y_pred"], (made["facts"], self.kinds), made["parts"], others, *made["rest"])

    _look = _forward


class Once:
    """The frozen part of a model, and what it makes of some samples.

    Args:
        whole: the model, prepared.
        step: the rest of its step.
        found: where the step is cut, for the batches of this feed.
        source: the data.
        rows: samples that are computed at a time.
    """

    def __init__(self, whole: Prepared, step: RestOfStep, found: Cut, source: Samples | Rows, rows: int):
        self.whole, self.step, self.found, self.source, self.rows = whole, step, found, source, rows
        count = len(whole.plan.others)
        self.variables = [whole.plan.others[place] for place in found.used if place < count]
        owners = whole.plan.hypers.owners if count in found.used else []
        self.lasting = [number for number, (part, _) in enumerate(owners) if part is not whole.model.optimizer]
        # Arrays of the weights, which a training may give away, and what stood in them.
        self.arrays: list[AnyArray] = []
        self.seen: list[HostArray] = []

    def is_stale(self) -> bool:
        """Whether a weight or a number of the frozen part is another one than when it was computed."""
        arrays = [v.peek() for v in self.variables]
        if not np.array_equal(self._numbers(), self.seen[-1]):
            return True
        known = zip(arrays, self.arrays, self.seen, strict=False)
        if not all(now is before or np.array_equal(np.asarray(now), seen) for now, before, seen in known):
            return True
        self.arrays = arrays
        return False

    def _numbers(self) -> HostArray:
        return self.whole.plan.hypers.vector()[self.lasting]

    @property
    def sentence(self) -> str:
        """What is done, for a person."""
        return f"what the frozen layers make of the {self.source.size:,} samples is computed once and kept"

    def compute(self) -> Samples:
        """What the rest of the model takes, for all samples.

        Raises:
            Missing: where some of the samples cannot be read.
        """
        self.arrays = [v.peek() for v in self.variables]
        self.seen = [*(np.array(a) for a in self.arrays), self._numbers()]
        placement = self.whole.placement
        count, size = len(self.whole.plan.others), self.source.size
        hypers = [self.whole.plan.hypers.vector()] if count in self.found.used else []
        leaves = [number - count - 1 for number in self.found.used if number > count]
        made = [np.empty((size, *shape.shape[1:]), shape.dtype) for shape in self.found.shapes]
        compiled: program.Runnable | None = None
        rest: list[Any] = []
        for start in range(0, size, self.rows):
            exits.pause()
            stop = min(start + self.rows, size)
            x, *targets = self._read(start, stop)
            rest.append(targets)
            inputs = jax.tree.leaves(x)
            batch = [pad_rows(np.asarray(inputs[number]), self.rows) for number in leaves]
            args = (placement.put_state(self.arrays, soon=True), hypers, placement.put_samples(batch, soon=True))
            if compiled is None:
                weak = (1,) if self.whole.plan.training else ()
                structure = None if self.whole.structure is None else (self.whole.structure, self.step.tag)
                compiled = program.obtain("once", structure, self._make, args, weak=weak, placement=placement)
            for array, part in zip(made, compiled(*args), strict=True):
                array[start:stop] = np.asarray(part)[: stop - start]
        if isinstance(self.source, Samples):
            return Samples(made, self.source.y, self.source.sample_weight)
        return Samples(made, *jax.tree.map(lambda *parts: np.concatenate(parts), *rest))

    def _read(self, start: int, stop: int) -> Batch:
        if isinstance(self.source, Samples):
            return self.source.slice(start, stop).tree
        batch: Batch = self.source.read(np.arange(start, stop, dtype=np.int64))
        if jax.tree.leaves(batch)[0].shape[0] != stop - start:
            raise Missing(message("fit", "some of the samples cannot be read", {"samples": f"{start} to {stop - 1}"}))
        return batch

    def _make(self) -> Callable[..., Any]:
        first = self.found.first
        return lambda values, hypers, x: first(*values, *hypers, *x)


class Missing(Exception):
    """Some samples cannot be read, so that batches are smaller than their numbers say."""


class OnceFeed(DeviceFeed):
    """What the frozen part of a model makes of samples, in place of these."""

    def __init__(self, once: Once, batch_size: int, masked: bool, findings: StepFindings, orders: Orders | None):
        super().__init__(once.compute(), batch_size, masked, findings, once.whole.placement, orders)
        self.once = once

    def chunks(self, epoch: int, last: int) -> Iterator[Chunk]:
        if self.once.is_stale():
            written = self.size if self.shuffled else self.filled
            tree = self.once.compute().tree
            self.data = put_rows(tree, self.capacity, written, self.placement)
            self.first = None
        yield from super().chunks(epoch, last)


def numbered_batches(once: Once, source: Batches, rows: Rows) -> Batches:
    """What the frozen part of a model makes of batches, in place of these."""
    samples = once.compute()

    def start(epoch: int) -> Iterator[Batch]:
        nonlocal samples
        if once.is_stale():
            samples = once.compute()
        for chosen in rows.numbers.start(epoch):
            yield jax.tree.map(lambda a, chosen=chosen: a[chosen], samples.tree)

    return Batches(start, source.length, source.endless, rows.numbers.finish)


def compute_once(
    prepared: Prepared,
    source: Samples | Batches,
    batch: Batch,
    batch_size: int,
    epochs: int,
    orders: Orders | None = None,
    steps: int | None = None,
) -> tuple[Prepared, OnceFeed | StreamFeed, str] | None:
    """The rest of a model with the feed that it takes, and what is done, for a person.

    `None` where it is not worth it, or not known to be exact.

    Args:
        prepared: the model.
        source: the data.
        batch: some of it, for its shapes.
        batch_size: samples a step.
        epochs: how often it will be gone through.
        orders: of the samples in the epochs, where each has one of its own.
        steps: batches an epoch, where a person said it.
    """
    plan, whole = prepared.plan, prepared.step
    data = source if isinstance(source, Samples) else source.rows
    if epochs < 2 or data is None or type(whole) is not BuiltInStep or (steps is not None and data is source):
        return None
    if whole.needs_whole_batches or keeps_batch_size(prepared.model) or not any(v.made_trainable for v in plan.others):
        return None
    if runs_stepwise(prepared.model) or plan.probed:
        return None
    if isinstance(source, Samples):
        rows, there = padded_batch(source.size, batch_size)
        masked = prepared.may_pad(batch, rows, there)
        rows = rows if masked else min(batch_size, source.size)
        sizes = {rows} if masked else {rows, source.size % rows}
        seen = epochs * source.size
    else:
        masked = prepared.may_pad(batch, batch_size, None)
        rows = jax.tree.leaves(batch)[0].shape[0]
        # The smaller batch may be the first one, and then is not filled up.
        sizes = {rows, data.size % rows}
        seen = epochs * (data.size if steps is None else steps * rows)
    rest = copy.copy(plan)
    step = rest.step = RestOfStep(rest, whole, batch)
    key = (rows, masked, *[(leaf.shape[1:], leaf.dtype) for leaf in jax.tree.leaves(step.batch)])
    if key in plan.findings.once and not is_worth_it(plan.findings.once[key], data.size, seen, batch):
        # Known from another fit, without tracing the model again.
        return None
    found = step.cut(rows, masked)
    spared = plan.findings.once[key] = (0.0, 0) if found is None else (found.flops / rows, bytes_of(found))
    if found is None or not is_worth_it(spared, data.size, seen, batch):
        return None
    for size in sizes - {0, rows}:
        other = step.cut(size, masked)
        if other is None or (other.border, other.used) != (found.border, found.used):
            return None
    frozen = set(found.used)
    rest.others = [v for place, v in enumerate(plan.others) if place not in frozen]
    shapes = [(leaf.shape[1:], leaf.dtype.name) for leaf in jax.tree.leaves(step.batch[0])]
    step.tag = f"after what is computed once: {found.border} of {shapes} at {rows}"
    rest.findings = findings_of(prepared.structure, StepFindings, plan.training, step.tag)
    once = Once(prepared, step, found, data, rows)
    try:
        if isinstance(source, Samples):
            feed = OnceFeed(once, batch_size, masked, rest.findings, orders)
        else:
            assert isinstance(data, Rows)
            feed = StreamFeed(numbered_batches(once, source, data), steps, masked, True, prepared.placement)
    except Missing:
        return None
    return dataclasses.replace(prepared, plan=rest, programs=Programs()), feed, once.sentence


def frozen_variables(plan: Plan) -> set[int]:
    """The ids of variables that no training changes: of layers that are frozen, or adapted to data, and weights that are."""
    still = [
        layer
        for layer in plan.model._flatten_layers()
        if hasattr(layer, "adapt") or (not layer.trainable and not getattr(layer, "changes_frozen", False))
    ]
    frozen = {id(v) for layer in still for v in layer.variables}
    return {id(v) for v in plan.others if v.made_trainable or id(v) in frozen}


def bytes_of(found: Cut) -> int:
    """What is kept of each sample."""
    return sum(int(np.prod(shape.shape[1:])) * shape.dtype.itemsize for shape in found.shapes)


def is_worth_it(spared: tuple[float, int], size: int, seen: int, batch: Batch) -> bool:
    """Whether enough work is spared for what it costs in memory.

    Args:
        spared: (multiplications and additions that are spared, bytes that are kept) of each sample.
        size: how many samples there are.
        seen: how many are trained on in all epochs.
        batch: a batch, for the size of its inputs.
    """
    flops, kept = spared
    inputs = sum(leaf.nbytes // max(leaf.shape[0], 1) for leaf in jax.tree.leaves(batch[0]))
    return flops * (seen - size) >= LEAST_FLOPS and kept * size <= max(MOST_BYTES, 2 * inputs * size)
