"""The scheduler: members wait here, and workers train them, a shard at a time."""

import contextlib
import functools
import os
import re
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import numpy as np

from kerata.base.interrupts import hand_on
from kerata.engine.placement import HERE, Placement, local_placements
from kerata.populations.fitted import FittedMember
from kerata.populations.group import Group
from kerata.populations.member import Member
from kerata.populations.objective import Objective
from kerata.populations.shard import Shard
from kerata.training.signals import heard

# Members that one program trains at a time: more save nothing on a CPU, and leave its cache.
MOST_WIDTH = {"cpu": 32}
OTHER_WIDTH = 256
SIZES = (1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 64, 96, 128, 192, 256)
# Members with the same samples in the same order share their batches: worth it from here on.
LEAST_SHARING = 4
# Below this time a member and step, turns cannot win: a call of one alone costs more.
CERTAIN_SECONDS = 8e-6
# Threads that read many short results must not wait five milliseconds for each other.
SWITCH_SECONDS = 0.0005
SHORT_SECONDS = 0.05
# One more program is compiled only where the work is longer than its compiling.
MEASURE_FROM = 1
LOOK_SECONDS = 0.005
LOOKS = 8
MEASURED_SECONDS = 0.3

# Threads of a process; several schedulers may run at once.
MOST_THREADS = 256

_chosen: dict[Any, dict[str, Any]] = {}


def width_for(count: int) -> int:
    """The smallest usual width for some members."""
    return next((size for size in SIZES if size >= count), SIZES[-1])


class Scheduler:
    """Trains members to their end.

    Args:
        members: all of them, of any groups.
        turns: `True` to train them one at a time, `False` side by side, `None` to measure what is faster.
        stops: epochs after which members are put before `decide`.
        decide: (member) -> list of (member, whether it goes on), what is decided now.
        flush: () -> the same, when nothing else can arrive.
        on_done: called with each member that has ended, in the thread that runs the scheduler.
        on_epochs: called with the number of epochs that were just trained, in a worker's thread.
        drop_bad: whether a member ends with the epoch in which its loss became NaN or infinite.
        watch: the measure whose best epoch's weights are kept for each member.
        guarded: whether an error ends the members that it meets (`member.fault`), and not the training of all.
        workers: threads; by default one a core or one a device.
    """

    def __init__(
        self,
        members: list[Member],
        turns: bool | None = None,
        stops: frozenset[int] = frozenset(),
        decide: Callable[[Member], list[tuple[Member, bool]]] | None = None,
        flush: Callable[[], list[tuple[Member, bool]]] | None = None,
        on_done: Callable[[Member], None] | None = None,
        on_epochs: Callable[[int], None] | None = None,
        drop_bad: bool = False,
        watch: Objective | None = None,
        guarded: bool = False,
        workers: int | None = None,
    ):
        self.members, self.turns, self.stops, self.decide, self.flush = members, turns, stops, decide, flush
        self.on_done, self.on_epochs, self.drop_bad, self.watch = on_done, on_epochs, drop_bad, watch
        self.guarded = guarded
        self.ended: deque[Member] = deque()
        self.placements = places_of_workers()
        self.workers = workers or len(self.placements)
        self.condition = threading.Condition()
        # What `fit` trains, it trains in turns: a user's code need not be ready for several threads.
        self.turn = threading.Lock()
        self.queues: dict[Any, deque[Member]] = {}
        self.widths: dict[Any, int] = {}
        self.busy = self.paused = 0
        # Workers on each group.
        self.at_work: Counter[int] = Counter()
        self.left = len(members)
        self.stopping = False
        self.fault: BaseException | None = None

    @heard
    def run(self) -> None:
        """Trains all members; Ctrl-C stops after the epochs that are going on."""
        groups = list({id(m.group): m.group for m in self.members}.values())
        for group in groups:
            group.settle(self._members_of(group))
        self._choose(groups)
        for member in self.members:
            if member.fault is not None:
                self._end(member)
        self._queue([member for member in self.members if member.fault is None])
        count = min(self._thread_count(groups), max(1, self.left))
        before = sys.getswitchinterval()
        sys.setswitchinterval(min(before, SWITCH_SECONDS))
        working = [threads_of(os.getpid()).submit(self._work, self.placements[i % len(self.placements)]) for i in range(count)]
        try:
            while True:
                with self.condition:
                    if not self.ended:
                        if not self.left or self.stopping:
                            break
                        self.condition.wait(0.2)
                self._deliver()
        finally:
            with self.condition:
                self.stopping = self.stopping or bool(self.left)
                self.condition.notify_all()
            wait(working)
            sys.setswitchinterval(before)
        if self.fault is not None:
            raise self.fault

    def _thread_count(self, groups: list[Any]) -> int:
        """The number of threads: twice the workers where epochs are short, so that one shard computes while another's
        measures are read and its samples shuffled."""
        short = all(
            not g.notes["turns"]
            and g.notes.get("side_by_side_us", 1e6) * 1e-6 * g.notes["most"] * g.parts(g.capacity)[0][2] < SHORT_SECONDS
            for g in groups
        )
        return self.workers * (2 if short and self.placements[0] == HERE else 1)

    def _deliver(self) -> None:
        """Tells of members that have ended."""
        while self.ended:
            member = self.ended.popleft()
            if self.on_done is not None:
                self.on_done(member)

    # What waits

    def _queue(self, members: list[Member]) -> None:
        """Puts members where others wait with which they can share a program."""
        sharing: dict[Any, list[Member]] = {}
        for member in members:
            key = (id(member.group), member.group.size_key(member), member.batches_key, member.epoch)
            sharing.setdefault(key, []).append(member)
        with self.condition:
            for key, sharers in sharing.items():
                group = sharers[0].group
                if len(sharers) < least_sharing(sharers) or group.notes["turns"]:
                    key = (key[0], key[1])
                self.queues.setdefault(key, deque()).extend(sharers)
            for key, queue in self.queues.items():
                if queue and key not in self.widths:
                    self.widths[key] = self._width_of(queue[0].group, len(key) == 2, len(queue))
            self.condition.notify_all()

    def _width_of(self, group: Group, own: bool, count: int) -> int:
        """How many members of a queue are trained side by side."""
        if group.notes["turns"]:
            return 1
        known = group.widths.get(own)
        if known is not None:
            return known
        most = group.notes["most"]
        others = 1 if own else max(1, len([key for key in self.queues if len(key) > 2]))
        shards = -(-count // most)
        if others < self.workers:
            shards = max(shards, min(count, -(-shards // self.workers) * self.workers))
        wanted = -(-count // shards)
        # The programs of a bucket are made for what is there: an empty place would cost as much as a member.
        group.widths[own] = wanted if group.is_bucket else width_for(wanted)
        return group.widths[own]

    def _take(self) -> tuple[Any, list[Member]] | None:
        """Members for a new shard; waits while there may still come some. `None` at the end."""
        with self.condition:
            while True:
                if self.stopping or not self.left:
                    return None
                waiting = [key for key, queue in self.queues.items() if queue]
                if waiting:
                    key = min(waiting, key=self._urgency)
                    queue = self.queues[key]
                    self.busy += 1
                    self.at_work[key[0]] += 1
                    return key, [queue.popleft() for _ in range(min(len(queue), self.widths[key]))]
                if not self.busy and self.paused and self.flush is not None:
                    self._settle(self.flush())
                    continue
                self.condition.wait(0.2)

    def _urgency(self, key: tuple[Any, ...]) -> tuple[int, int]:
        """Small for what is taken first: groups that nobody works on, whose programs may not be there; then the most work."""
        queue = self.queues[key]
        return self.at_work[key[0]], -len(queue) * queue[0].group.weights

    def _refill(self, key: tuple[Any, ...], room: int) -> list[Member]:
        with self.condition:
            queue = self.queues.get(key, deque())
            return [queue.popleft() for _ in range(min(len(queue), room))] if len(key) == 2 else []

    def _settle(self, verdicts: list[tuple[Member, bool]]) -> None:
        """Members that were paused go on or end."""
        going = []
        for member, goes_on in verdicts:
            self.paused -= 1
            if goes_on:
                going.append(member)
            else:
                self._end(member)
        if going:
            self._queue(going)

    def _end(self, member: Member) -> None:
        if member.fault is None:
            with self._guarding([member]):
                member.finish()
        member.done = True
        with self.condition:
            self.left -= 1
            self.ended.append(member)
            self.condition.notify_all()

    @contextlib.contextmanager
    def _guarding(self, members: list[Member]) -> Iterator[None]:
        """Within the block an error is one of some members, if the scheduler is guarded."""
        try:
            yield
        except Exception as error:
            hand_on(error)
            if not self.guarded:
                raise
            for member in members:
                member.fault = member.fault or error

    # The work

    def _work(self, placement: Placement) -> None:
        try:
            while (taken := self._take()) is not None:
                key, members = taken
                try:
                    if members[0].group.why_alone is None:
                        self._train(key, members, placement)
                    else:
                        alone = members[0]
                        assert isinstance(alone, FittedMember), "what has to be trained alone is a member of such a group"
                        self._fit(alone)
                finally:
                    with self.condition:
                        self.busy -= 1
                        self.at_work[key[0]] -= 1
                        self.condition.notify_all()
        except BaseException as error:  # every fault of a worker is raised where the scheduler was started
            with self.condition:
                self.fault, self.stopping = self.fault or error, True
                self.condition.notify_all()

    def _train(self, key: tuple[Any, ...], members: list[Member], placement: Placement) -> None:
        shard = Shard(members[0].group, self.widths[key], len(key) == 2, placement, self.watch, self.guarded)
        self._load(shard, members)
        while shard.live:
            if self.stopping:
                for slot, _ in shard.live:
                    shard.unload(slot)
                return
            count = len(shard.live)
            with self._guarding(members := [member for _, member in shard.live]):
                shard.epoch()
            if all(member.fault is not None for member in members):
                # What the program takes over may be gone, so nothing is read any more.
                for member in members:
                    member.write_history()
                    self._end(member)
                return
            if self.on_epochs is not None:
                self.on_epochs(count)
            for slot, member in shard.live:
                if member.done or member.cancelled or (self.drop_bad and member.bad_step >= 0):
                    self._end(shard.unload(slot))
                elif member.epoch in self.stops and self.decide is not None:
                    self._pause(shard.unload(slot))
            room = shard.width - len(shard.live)
            if shard.live and room >= max(1, shard.width // 4) and (more := self._refill(key, room)):
                self._load(shard, more)
            elif shard.live and self._should_shrink(shard):
                self._queue([shard.unload(slot) for slot, _ in shard.live])
                return

    def _load(self, shard: Shard, members: list[Member]) -> None:
        """Puts members into a shard; those whose first state cannot be made end here."""
        good = []
        for member in members:
            with self._guarding([member]):
                member.state = member.take_state()
            if member.fault is None:
                good.append(member)
            else:
                self._end(member)
        if good:
            shard.load(good)

    def _fit(self, member: FittedMember) -> None:
        """Trains a member by `fit`, up to the next rung or to its end."""
        with self.turn:
            if self.stopping:
                return
            with self._guarding([member]):
                member.train(self.watch, self.stops, self.drop_bad, lambda: self.stopping, self.on_epochs)
        if self.stopping:
            return
        if member.fault is not None or member.done or member.cancelled or (self.drop_bad and member.bad_step >= 0):
            self._end(member)
        else:
            self._pause(member)

    def _pause(self, member: Member) -> None:
        with self.condition:
            self.paused += 1
            assert self.decide is not None
            verdicts = self.decide(member)
            self._settle(verdicts)

    def _should_shrink(self, shard: Shard) -> bool:
        """Whether the few members left are better off in a smaller shard, its compiling included."""
        live = shard.live
        group = shard.group
        if len(live) > shard.width // 4:
            return False
        left = max(member.epochs - member.epoch for _, member in live)
        gain = left * shard.epoch_seconds * (1 - len(live) / shard.width)
        if gain < 3 * max(group.compile_seconds, 0.1):
            return False
        with self.condition:
            key = (id(group), group.size_key(live[0][1]))
            group.widths[True] = min(group.widths.get(True, shard.width), max(1, shard.width // 4))
            self.widths[key] = group.widths[True]
        return True

    # Side by side, or in turns

    def _choose(self, groups: list[Any]) -> None:
        """Fixes how the members of each group are trained; what is compiled for it is compiled side by side."""
        watches: dict[int, Stopwatch | None] = {}
        with ThreadPoolExecutor(max(1, min(cores(), len(groups)))) as threads:
            for group, watch in zip(groups, threads.map(self._look_safely, groups), strict=True):
                watches[id(group)] = watch
        for group in groups:
            watch = watches[id(group)]
            if watch is not None:
                with self._guarding(self._members_of(group)):
                    self._measure(group, watch)

    def _look_safely(self, group: Group) -> "Stopwatch | None":
        with self._guarding(self._members_of(group)):
            return self._look_at(group)
        group.notes = {"turns": True, "most": 1, "why": "failed"}
        return None

    def _members_of(self, group: Group) -> list[Member]:
        return [member for member in self.members if member.group is group]

    def _look_at(self, group: Group) -> "Stopwatch | None":
        """Finds how many members fit; returns what is to be timed, where that is needed."""
        if group.why_alone is not None:
            return None
        most = MOST_WIDTH.get(self.placements[0].platform, OTHER_WIDTH)
        members = self._members_of(group)
        count = len(members)
        if members[0].padding is not None:
            most = min(most, fitting(memory_for(self.placements[0]) / self.workers, members[0].state_bytes))
            group.notes = {"turns": False, "most": most, "why": "models of several widths in one program"}
            return None
        if self.turns is not None or count == 1:
            why = "as asked" if count > 1 else "one model"
            group.notes = {"turns": bool(self.turns) or count == 1, "most": most, "why": why}
            return None
        # What is timed is what will run, so that it is not compiled for the stopwatch alone.
        sharers = shared_by_all(members)
        own = sharers is None
        members = sharers or members
        width = width_for(min(most, len(members) if sharers else -(-count // self.workers)))
        known = _chosen.get((group.structure, group.batch_size, group.capacity, width, own, self.workers))
        if group.structure is not None and known is not None:
            group.notes = dict(known)
            return None
        room = memory_for(self.placements[0]) / self.workers
        most = min(most, fitting(room, members[0].state_bytes))
        width = min(width, most)
        while width > 1:
            watch = Stopwatch(group, members[:width], width, self.placements[0], own)
            if watch.fits(room):
                group.notes = {"turns": False, "most": most, "why": "small model"}
                return watch
            most = width = width // 2
        why = "memory" if most == 1 else "one model a worker"
        group.notes = {"turns": True, "most": 1, "why": why}
        return None

    def _measure(self, group: Group, side: "Stopwatch") -> None:
        """Times members side by side against one alone, where the answer could be worth its cost."""
        members, notes = self._members_of(group), group.notes
        race(side)
        steps = sum(-(-member.size // group.batch_size) * (member.epochs - member.epoch) for member in members)
        if side.best > CERTAIN_SECONDS:
            if side.best * steps < MEASURE_FROM * group.compile_seconds:
                notes["why"] = "too little work to measure more"
            else:
                alone = Stopwatch(group, members[:1], 1, self.placements[0])
                race(side, alone)
                notes.update(alone_us=alone.best * 1e6, turns=alone.best < side.best, why="measured")
        notes["side_by_side_us"] = side.best * 1e6
        if group.structure is not None and notes["why"] != "too little work to measure more":
            _chosen[group.structure, group.batch_size, group.capacity, side.width, side.shard.own, self.workers] = dict(notes)


def shared_by_all(members: list[Member]) -> list[Member] | None:
    """The largest lot of members that share their batches, where all members are in such lots."""
    sharing: dict[Any, list[Member]] = {}
    for member in members:
        sharing.setdefault((member.group.size_key(member), member.batches_key, member.epoch), []).append(member)
    found = list(sharing.values())
    return max(found, key=len) if min(map(len, found)) >= LEAST_SHARING else None


def least_sharing(members: list[Member]) -> int:
    """How many members must have their batches in common for a program in which they share them. In a bucket any number: others
    will come for which the program is there."""
    return 1 if members[0].padding is not None else LEAST_SHARING


@functools.cache
def threads_of(process: int) -> ThreadPoolExecutor:
    """The threads of a process, which are kept: memory that a thread has freed is not used whole by the threads after it."""
    return ThreadPoolExecutor(MOST_THREADS, "kerata-population")


def places_of_workers() -> list[Placement]:
    """Where workers run: one on every device, or as many as there are cores where the only device is a CPU."""
    found = local_placements()
    return found * cores() if found[0].platform == "cpu" and len(found) == 1 else found


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_for(placement: Placement) -> float:
    """Bytes that may be used at a place: what is free, less a reserve."""
    stats = placement.memory_stats()
    if stats and "bytes_limit" in stats:
        return 0.8 * (stats["bytes_limit"] - stats.get("bytes_in_use", 0))
    free = []
    for path, pattern in (("/proc/meminfo", r"MemAvailable:\s+(\d+) kB"), ("/sys/fs/cgroup/memory.max", r"^(\d+)")):
        with contextlib.suppress(OSError):
            text = Path(path).read_text()
            if found := re.search(pattern, text):
                free.append(int(found[1]) * (1024 if "kB" in pattern else 1))
    return 0.5 * min(free) if free else 4 * 2**30


def fitting(room: float, state_bytes: int) -> int:
    """How many members' states fit: each is there on the host, on the device, and as the copy of its best epoch."""
    return max(1, int(room // (4 * max(state_bytes, 1))))


class Stopwatch:
    """Times the steps of a shard, on states that nobody keeps."""

    def __init__(self, group: Group, members: list[Member], width: int, placement: Placement, own: bool = True):
        self.shard, self.width = Shard(group, width, own, placement), width
        states = [member.state for member in members]
        self.shard.load(members)
        for member, state in zip(members, states, strict=True):
            member.state, member.view._read = state, None
        self.most = group.parts(max(member.size for member in members))[0][2]
        self.batches = 1
        self.best = float("inf")

    def fits(self, room: float) -> bool:
        """Compiles the program, and says whether what it needs beside its arguments fits into so many bytes."""
        return self.shard.scratch_bytes() <= room

    def look(self, keep: bool = True) -> float:
        """Seconds of one more measurement; the best one counts."""
        began = time.perf_counter()
        np.asarray(self.shard._train(self.batches)["numbers"])
        spent = time.perf_counter() - began
        if keep:
            self.best = min(self.best, spent / self.batches / self.width)
        self.batches = max(1, min(int(LOOK_SECONDS * self.batches / spent), self.most))
        return spent


def race(*watches: Stopwatch) -> None:
    """Measures in turns, so that what else the machine does meets all alike."""
    for watch in watches:
        watch.look(keep=False)
    spent = 0.0
    for _ in range(LOOKS):
        spent += sum(watch.look() for watch in watches)
        if spent > MEASURED_SECONDS:
            return
