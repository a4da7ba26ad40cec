"""Shards: members that one compiled program trains side by side."""

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kerata.base.interrupts import hand_on
from kerata.engine.placement import Placement
from kerata.engine.program import make_fed_step, make_loop
from kerata.engine.types import Array, Tree
from kerata.populations.batch_plan import BatchPlan
from kerata.populations.member import Member, State
from kerata.populations.objective import Objective
from kerata.training.plan import Plan


def make_many(
    plan: Plan,
    batch_size: int,
    masked: bool,
    kind: str,
    width: int,
    own: bool,
    ragged: bool,
    uneven: bool,
    axes: dict[str, Any],
) -> Callable[..., Any]:
    """`advance` for several members: their steps side by side, in one loop over batches.

    Args:
        plan: the functions of one member.
        batch_size, masked, kind: as in `make_advance`.
        width: members; for one, the program is that of `fit`.
        own: whether each member has an order and a key of its own.
        ragged: whether members differ in the number of samples.
        uneven: whether they differ in the number of batches, so that there are steps in which some have none.
        axes: which axis of each array of a state counts the members.

    Returns:
        advance(state, hypers, keys, feed, samples, cursor) -> (state, results): every leaf of `hypers` has the members first,
        and so have `keys`, the feed's "order" and `samples` where they are their own, and the feed's "weight". The results'
        numbers are float32 of shape (1, members, numbers).
    """
    step = keep_where_empty(plan.step) if uneven else plan.step
    fed = make_fed_step(step, batch_size, masked, kind)

    def one(state: dict[str, Any], hypers: Array, key: Array, feed: dict[str, Any], *rest: Array) -> Tree:
        if "weight" in feed:
            x, y, _ = feed["data"]
            feed = {**feed, "data": (x, y, feed["weight"])}
        return fed(state, hypers, key, feed, *rest)

    alone = make_loop(one, plan.reset, plan.step.results, batch_size, 1)
    of_hypers = 0 if plan.training else (axes["trainable"], 0)
    of_state = {role: axes[role] for role in (*plan.variables, *(("counters",) if plan.training else ()))}
    of_key, of_samples = 0 if own else None, 0 if ragged else None

    def many(state: Tree, hypers: Array, keys: Array, feed: dict[str, Any], samples: Array, cursor: Array) -> tuple[Tree, Any]:
        of_feed = {name: 0 if name == "weight" or (name == "order" and own) else None for name in feed}
        if width == 1:
            every, their = (state, hypers, keys, feed, samples), (0, 0, of_key, of_feed, of_samples)
            state, out = alone(*(first_of(tree, axis) for tree, axis in zip(every, their, strict=True)), cursor)
            return jax.tree.map(lambda a: a[None], state), {**out, "numbers": out["numbers"][:, None]}
        side_by_side = jax.vmap(one, (of_state, of_hypers, of_key, of_feed, of_samples, None, None, None), of_state)
        reset = jax.vmap(plan.reset, (of_state,), of_state)
        results = jax.vmap(plan.step.results, (of_state,))
        return make_loop(side_by_side, reset, results, batch_size, 1)(state, hypers, keys, feed, samples, cursor)

    return many


def first_of(tree: Any, axis: dict[str, Any] | int | None) -> Tree:
    """What the only member of a shard gets of an argument."""
    if isinstance(axis, dict):
        return {name: first_of(part, axis[name]) for name, part in tree.items()}
    return tree if axis is None else jax.tree.map(lambda a: a[0], tree)


def keep_where_empty(step: Callable[..., Any]) -> Callable[..., Any]:
    """A step that changes nothing where no sample of the batch is valid."""

    def careful(state: dict[str, Any], hypers: Array, key: Array, batch: Tree, valid: Array) -> dict[str, Any]:
        fresh = step(state, hypers, key, batch, valid)
        return jax.tree.map(lambda new, old: jnp.where(valid[0] > 0, new, old), fresh, state)

    return careful


class Shard:
    """Some members at one place, with their states stacked.

    Args:
        group: the structure that the members have in common.
        width: the number of members that the program is for; slots without a member repeat another one.
        own: whether each member has its own order and key; otherwise all see the same samples with the same draws.
        placement: where it runs.
        watch: the measure whose best epoch's weights are kept.
        guarded: whether an error of a member's callbacks ends that member, and not the training of all.
    """

    def __init__(
        self, group: Any, width: int, own: bool, placement: Placement, watch: Objective | None = None, guarded: bool = False
    ):
        self.group, self.width, self.own, self.placement, self.watch = group, width, own, placement, watch
        self.guarded = guarded
        self.members: list[Member | None] = [None] * width
        self.axes = group.axes(shared=width > 1 and not own)
        # On the device, and members first on the host, where somebody asked for it since the last epoch.
        self.state: Any = None
        self.host: Any = None
        self.best: State | None = None
        # (slot, member) of those that are in training, and what their programs take.
        self.live: list[tuple[int, Member]] = []
        self._batch_plan: BatchPlan | None = None
        self.epoch_seconds = 0.0

    @property
    def batch_plan(self) -> BatchPlan:
        """The members that are in training now, one for every slot."""
        if self._batch_plan is None:
            first = self.live[0][1]
            self._batch_plan = BatchPlan(self.group, [first if member is None else member for member in self.members], self.own)
        return self._batch_plan

    def _seat(self, slot: int, member: Member | None) -> None:
        self.members[slot] = member
        self.live = [(place, m) for place, m in enumerate(self.members) if m is not None]
        self._batch_plan = None

    def load(self, members: list[Member]) -> None:
        """Puts members into empty slots."""
        empty = [slot for slot, member in enumerate(self.members) if member is None]
        old = None if self.state is None else self._members_first()
        given = dict(zip(empty, members, strict=False))
        states = []
        for slot in range(self.width):
            if slot in given:
                states.append(given[slot].take_state())
            elif old is not None:
                states.append(jax.tree.map(lambda a, slot=slot: a[slot], old))
            else:
                states.append(states[0])
        self._place(jax.tree.map(lambda *leaves: np.stack(leaves), *states))
        if self.watch is not None and self.best is None:
            first = self._members_first()
            self.best = {role: list(first[role]) for role in ("trainable", "others")}
        for slot, member in given.items():
            self._seat(slot, member)
            member.unwatched = member.unwatched and self.watch is None
            if self.best is not None and member.best is not None:
                jax.tree.map(lambda a, value, slot=slot: a.__setitem__(slot, value), self.best, member.best)
            member.view._read = lambda slot=slot: self.read(slot)

    def _place(self, host: Tree) -> None:
        """Puts a state, members first, on the device."""
        own = jax.tree.map(lambda a, axis: np.ascontiguousarray(np.moveaxis(a, 0, axis)), host, self.axes)
        self.state, self.host = self.placement.put_state(own), None

    def _members_first(self) -> dict[str, Any]:
        """A copy of the state with the members first."""
        return jax.tree.map(lambda a, axis: np.array(np.moveaxis(np.asarray(a), axis, 0)), self.state, self.axes)

    def read(self, slot: int) -> State:
        """The state of one member, as host arrays."""
        if self.host is None:
            self.host = self._members_first()
        return jax.tree.map(lambda a: a[slot], self.host)

    def unload(self, slot: int) -> Member:
        """Takes a member out, with its state."""
        member = self.members[slot]
        assert member is not None
        member.write_history()
        member.state = jax.tree.map(np.array, self.read(slot))
        if self.best is not None:
            member.best = jax.tree.map(lambda a: np.array(a[slot]), self.best)
        member.view._read = None
        self._seat(slot, None)
        return member

    def epoch(self) -> None:
        """Trains every member for one epoch, validates it, and tells its callbacks."""
        began = time.perf_counter()
        live = self.live
        for _, member in live:
            self._ask(member, member.begin_epoch)
        self._take_changes()
        out = self._train()
        held = self._validate() if self.group.validates else None
        # The device is at work: time to shuffle.
        self.batch_plan.age += 1
        if self.shuffles and self.batch_plan.age < self.batch_plan.left:
            self.batch_plan.prepare()
        rows = np.asarray(out["numbers"])[0].tolist()
        held_rows = None if held is None else np.asarray(held["numbers"])[0].tolist()
        self.epoch_seconds = time.perf_counter() - began
        share = self.epoch_seconds / len(live)
        for slot, member in live:
            member.seconds += share
            self._ask(member, member.take_numbers, rows[slot], None if held_rows is None else held_rows[slot])
        if self.watch is not None:
            self._keep_best(self.watch, live)
        self._take_changes()

    def _ask(self, member: Member, function: Callable[..., None], *arguments: object) -> None:
        """Calls what calls a member's callbacks."""
        if member.fault is not None:
            return
        try:
            function(*arguments)
        except Exception as error:
            hand_on(error)
            if not self.guarded:
                raise
            member.fault, member.done = error, True

    def _keep_best(self, watch: Objective, live: list[tuple[int, Member]]) -> None:
        """Copies the weights of members whose measure has got better."""
        better = [slot for slot, member in live if member.fault is None and member.note_best(watch)]
        if better and self.best is not None:
            for role, arrays in self.best.items():
                for kept, array, axis in zip(arrays, self.state[role], self.axes[role], strict=True):
                    kept[better] = np.moveaxis(np.asarray(array), axis, 0)[better]

    def _take_changes(self) -> None:
        """Weights that callbacks have set go to the device."""
        changed = {slot: member for slot, member in self.live if member.state is not None}
        if not changed:
            return
        host = self._members_first()
        for slot, member in changed.items():
            jax.tree.map(lambda a, value, slot=slot: a.__setitem__(slot, value), host, member.take_state())
        self._place(host)

    # The programs

    @property
    def shuffles(self) -> bool:
        """Whether a feed has an order."""
        return self.group.shuffle or self.group.selects

    def scratch_bytes(self) -> int:
        """Memory that the training program needs beside its arguments and results; compiles it."""
        offset, batch_size, count, fresh = self.group.parts(self.batch_plan.members[0].size)[0]
        args, ragged = self._arguments(offset, count, fresh)
        compiled = self.group.program("train", batch_size, self, ragged, args)
        analysis = compiled.memory_analysis()
        return 0 if analysis is None else int(analysis.temp_size_in_bytes)

    def _train(self, batches: int | None = None) -> dict[str, Array]:
        out: dict[str, Array] = {}
        for offset, batch_size, count, fresh in self.group.parts(self.batch_plan.largest):
            args, ragged = self._arguments(offset, count if batches is None else min(count, batches), fresh)
            compiled = self.group.program("train", batch_size, self, ragged, args)
            self.state, out = compiled(*args)
            self.host = None
            if batches is not None:
                break
        return out

    def _arguments(self, offset: int, count: int, fresh: int) -> tuple[tuple[Any, ...], bool]:
        """The arguments of the training program, and whether members have numbers of samples of their own."""
        group, batch_plan = self.group, self.batch_plan
        ragged = self.own and group.ragged
        feed: dict[str, Any] = {"data": group.data.at(self.placement)}
        if self.shuffles:
            feed["order"] = self._own_or_first(batch_plan.orders())
        if group.weighs:
            feed["weight"] = batch_plan.weights
        cursor = np.array([offset, 0, count, 0, fresh, 0, 1], np.int32)
        sizes = batch_plan.sizes if ragged else batch_plan.sizes.max()
        return (self.state, batch_plan.numbers(), self._own_or_first(batch_plan.keys), feed, sizes, cursor), ragged

    def _own_or_first(self, array: np.ndarray) -> np.ndarray:
        return array if self.own else array[0]

    def _validate(self) -> dict[str, Array]:
        group, batch_plan = self.group, self.batch_plan
        own = self.own and batch_plan.held is not None
        if batch_plan.held is not None:
            orders, sizes = batch_plan.held
            feed = {"data": group.data.at(self.placement), "order": self._own_or_first(orders)}
        else:
            sizes = np.array([group.held_data.size], np.int32)
            feed = {"data": group.held_data.at(self.placement)}
        keys = np.zeros_like(batch_plan.keys) if own else np.zeros(2, np.uint32)
        ragged = own and group.held_ragged
        constants = (self.state["trainable"], batch_plan.numbers()[:, : group.test_numbers])
        state = {"others": self.state["others"], "metrics": self.state["metrics"]}
        out: dict[str, Array] = {}
        for offset, batch_size, count, fresh in group.held_parts(int(sizes.max())):
            cursor = np.array([offset, 0, count, 0, fresh, 0, 1], np.int32)
            args = (state, constants, keys, feed, sizes if ragged else sizes.max(), cursor)
            compiled = group.program("test", batch_size, self, ragged, args, own)
            state, out = compiled(*args)
        self.state = {**self.state, **state}
        self.host = None
        return out
