"""Shards: members that one compiled program trains side by side."""

import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from kerata.base.interrupts import hand_on
from kerata.engine.placement import Placement
from kerata.engine.types import Array, Tree
from kerata.populations.batch_plan import BatchPlan
from kerata.populations.group import Group, State
from kerata.populations.member import Member
from kerata.populations.objective import Objective


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
        self, group: Group, width: int, own: bool, placement: Placement, watch: Objective | None = None, guarded: bool = False
    ):
        self.group, self.width, self.own, self.placement, self.watch = group, width, own, placement, watch
        self.guarded = guarded
        self.members: list[Member | None] = [None] * width
        self.axes = group.axes(shared=width > 1 and not own)
        # On the device, and members first on the host, where somebody asked for it since the last epoch.
        self.state: dict[str, Any] = {}
        self.host: dict[str, Any] | None = None
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
        old = self._members_first() if self.state else None
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
            assert group.held_data is not None
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
