"""Shards: members that one compiled program trains side by side."""

import math
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kerata.engine import program
from kerata.search.members import Member, State
from kerata.search.records import Objective


def make_many(plan: Any, batch_size: int, masked: bool, kind: str, slots: int, own: bool, ragged: bool) -> Callable[..., Any]:
    """`advance` for several members.

    Args:
        plan: the functions of one member.
        batch_size, masked, kind: as in `make_advance`.
        slots: members; for one, the program is that of `fit`.
        own: whether each member has an order and a key of its own.
        ragged: whether members differ in the number of samples, so that some have fewer batches than others.

    Returns:
        advance(state, hypers, keys, feed, samples, cursor): every leaf of `state` and `hypers` has the members first, and so
        have `keys`, the feed's "order" and `samples` where they are their own, and the feed's "weight".
    """
    step = keep_where_empty(plan.step) if ragged else plan.step
    advance = program.make_advance(step, plan.reset, plan.results, batch_size, masked, kind, 1)

    def many(state: Any, hypers: Any, keys: Any, feed: Any, samples: Any, cursor: Any) -> Any:
        offset, start, stop, _, fresh, first, last = (cursor[i] for i in range(7))

        def one(state: Any, hypers: Any, key: Any, feed: Any, samples: Any) -> Any:
            if "weight" in feed:
                x, y, _ = feed["data"]
                feed = {**feed, "data": (x, y, feed["weight"])}
            return advance(state, hypers, key, feed, (offset, start, stop, samples, fresh, first, last))

        axes = {name: 0 if name == "weight" or (name == "order" and own) else None for name in feed}
        every = (state, hypers, keys, feed, samples)
        in_axes = (0, 0, 0 if own else None, axes, 0 if ragged else None)
        if slots == 1:
            out = one(*(first_of(tree, axis) for tree, axis in zip(every, in_axes, strict=True)))
            return jax.tree.map(lambda a: a[None], out)
        return jax.vmap(one, in_axes=in_axes)(*every)

    return many


def first_of(tree: Any, axis: Any) -> Any:
    """What the only member of a shard gets of an argument."""
    if isinstance(axis, dict):
        return {name: first_of(part, axis[name]) for name, part in tree.items()}
    return tree if axis is None else jax.tree.map(lambda a: a[0], tree)


def keep_where_empty(step: Callable[..., Any]) -> Callable[..., Any]:
    """A step that changes nothing where no sample of the batch is valid."""

    def careful(state: Any, hypers: Any, key: Any, batch: Any, valid: Any) -> Any:
        fresh = step(state, hypers, key, batch, valid)
        return jax.tree.map(lambda new, old: jnp.where(valid[0] > 0, new, old), fresh, state)

    return careful


class Shard:
    """Some members on one device, with their states stacked.

    Args:
        group: the structure that the members have in common.
        slots: the number of members that the program is for; slots without a member repeat another one.
        own: whether each member has its own order and key; otherwise all see the same samples with the same draws.
        device: where it runs; `None` for the default.
        watch: the measure whose best epoch's weights are kept.
    """

    def __init__(self, group: Any, slots: int, own: bool, device: Any, watch: Objective | None = None):
        self.group, self.slots, self.own, self.device, self.watch = group, slots, own, device, watch
        self.members: list[Member | None] = [None] * slots
        self.state: Any = None
        self.host: Any = None
        self.best: State | None = None
        self.epoch_seconds = 0.0

    @property
    def live(self) -> list[tuple[int, Member]]:
        """(slot, member) of those that are in training."""
        return [(slot, member) for slot, member in enumerate(self.members) if member is not None]

    def load(self, members: list[Member]) -> None:
        """Puts members into empty slots."""
        empty = [slot for slot, member in enumerate(self.members) if member is None]
        old = None if self.state is None else jax.tree.map(np.array, self.state)
        given = dict(zip(empty, members, strict=False))
        states = []
        for slot in range(self.slots):
            if slot in given:
                states.append(given[slot].take_state())
            elif old is not None:
                states.append(jax.tree.map(lambda a, slot=slot: a[slot], old))
            else:
                states.append(states[0])
        self.state = jax.device_put(jax.tree.map(lambda *leaves: np.stack(leaves), *states), self.device)
        self.host = None
        if self.watch is not None and self.best is None:
            self.best = {role: [np.array(a) for a in self.state[role]] for role in ("trainable", "others")}
        for slot, member in given.items():
            self.members[slot] = member
            member.unwatched = member.unwatched and self.watch is None
            if self.best is not None and member.best is not None:
                jax.tree.map(lambda a, value, slot=slot: a.__setitem__(slot, value), self.best, member.best)
            member.face._read = lambda slot=slot: self.read(slot)

    def read(self, slot: int) -> State:
        """The state of one member, as host arrays."""
        if self.host is None:
            self.host = jax.tree.map(np.array, self.state)
        return jax.tree.map(lambda a: a[slot], self.host)

    def unload(self, slot: int) -> Member:
        """Takes a member out, with its state."""
        member = self.members[slot]
        assert member is not None
        member.write_history()
        member.state = jax.tree.map(np.array, self.read(slot))
        if self.best is not None:
            member.best = jax.tree.map(lambda a: np.array(a[slot]), self.best)
        member.face._read = None
        self.members[slot] = None
        return member

    def epoch(self) -> None:
        """Trains every member for one epoch, validates it, and tells its callbacks."""
        began = time.perf_counter()
        live = self.live
        for _, member in live:
            member.begin_epoch()
        self._take_changes()
        out = self._train()
        held = self._validate() if self.group.validates else None
        # The device is at work: time to shuffle.
        for _, member in live if self.own else live[:1]:
            member.prepare(member.epoch + 1)
        rows = np.asarray(out["numbers"])[:, 0].tolist()
        held_rows = None if held is None else np.asarray(held["numbers"])[:, 0].tolist()
        self.epoch_seconds = time.perf_counter() - began
        share = self.epoch_seconds / len(live)
        for slot, member in live:
            member.seconds += share
            member.take_numbers(rows[slot], None if held_rows is None else held_rows[slot])
        if self.watch is not None:
            self._keep_best(self.watch, live)
        self._take_changes()

    def _keep_best(self, watch: Objective, live: list[tuple[int, Member]]) -> None:
        """Copies the weights of members whose measure has got better."""
        better = []
        for slot, member in live:
            value = member.logs.get(watch.name, float("nan"))
            if math.isfinite(value) and (not member.best_epoch or watch.better(value, member.best_value)):
                member.best_value, member.best_epoch = value, member.epoch
                better.append(slot)
        if better and self.best is not None:
            for role, arrays in self.best.items():
                for kept, array in zip(arrays, self.state[role], strict=True):
                    kept[better] = np.asarray(array)[better]

    def _take_changes(self) -> None:
        """Weights that callbacks have set go to the device."""
        changed = {slot: member for slot, member in self.live if member.state is not None}
        if not changed:
            return
        host = jax.tree.map(np.array, self.state)
        for slot, member in changed.items():
            jax.tree.map(lambda a, value, slot=slot: a.__setitem__(slot, value), host, member.take_state())
        self.state, self.host = jax.device_put(host, self.device), None

    # The programs

    def _each(self) -> list[Member]:
        """A member for every slot."""
        first = self.live[0][1]
        return [first if member is None else member for member in self.members]

    def scratch_bytes(self) -> int:
        """Memory that the training program needs beside its arguments and results; compiles it."""
        offset, batch_size, count, fresh = self.group.parts(self._each()[0].size)[0]
        args, ragged = self._arguments(offset, count, fresh)
        compiled = self.group.program("train", batch_size, self, ragged, args)
        analysis = compiled.memory_analysis()
        return 0 if analysis is None else int(analysis.temp_size_in_bytes)

    def _train(self, batches: int | None = None) -> Any:
        out = None
        for offset, batch_size, count, fresh in self.group.parts(max(member.size for member in self._each())):
            args, ragged = self._arguments(offset, count if batches is None else min(count, batches), fresh)
            compiled = self.group.program("train", batch_size, self, ragged, args)
            self.state, out = compiled(*args)
            self.host = None
            if batches is not None:
                break
        return out

    def _arguments(self, offset: int, count: int, fresh: int) -> tuple[tuple[Any, ...], bool]:
        """The arguments of the training program, and whether members have numbers of samples of their own."""
        group, members = self.group, self._each()
        who = members if self.own else members[:1]
        numbers = np.stack([member.numbers for member in members])
        keys = np.stack([member.key for member in who])
        sizes = np.array([member.size for member in who], np.int32)
        ragged = self.own and group.ragged
        feed: dict[str, Any] = {"data": group.data.on(self.device)}
        if group.shuffle or group.selects:
            order = np.zeros((len(who), 1, group.capacity), np.int32)
            for index, member in enumerate(who):
                order[index, 0, : member.size] = member.order(member.epoch)
            feed["order"] = order if self.own else order[0]
        if group.weighs:
            feed["weight"] = np.stack([np.asarray(member.weight) for member in members])
        cursor = np.array([offset, 0, count, 0, fresh, 0, 1], np.int32)
        return (self.state, numbers, keys if self.own else keys[0], feed, sizes if ragged else sizes.max(), cursor), ragged

    def _validate(self) -> Any:
        group, members = self.group, self._each()
        numbers = np.stack([member.numbers[: group.test_numbers] for member in members])
        own = self.own and group.held_data is None
        who = members if own else members[:1]
        keys: Any = np.zeros((len(who), 2), np.uint32)
        if group.held_data is None:
            held = [member.held for member in who]
            sizes = np.array([0 if rows is None else len(rows) for rows in held], np.int32)
            order = np.zeros((len(who), 1, group.held_capacity), np.int32)
            for index, rows in enumerate(held):
                if rows is not None:
                    order[index, 0, : len(rows)] = rows
            feed = {"data": group.data.on(self.device), "order": order if own else order[0]}
        else:
            sizes = np.array([group.held_data.size], np.int32)
            feed = {"data": group.held_data.on(self.device)}
        ragged = own and group.held_ragged
        constants = (self.state["trainable"], numbers)
        state, out = {"others": self.state["others"], "metrics": self.state["metrics"]}, None
        for offset, batch_size, count, fresh in group.held_parts(int(sizes.max())):
            cursor = np.array([offset, 0, count, 0, fresh, 0, 1], np.int32)
            args = (state, constants, keys if own else keys[0], feed, sizes if ragged else sizes.max(), cursor)
            compiled = group.program("test", batch_size, self, ragged, args, own)
            state, out = compiled(*args)
        self.state = {**self.state, **state}
        self.host = None
        return out
