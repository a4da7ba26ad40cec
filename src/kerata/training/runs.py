"""Runs: the host's side of the loop. It picks how many batches the program runs before it looks again."""

# JAX says nothing of the leaves of trees. The attributes of models that begin with an underscore are this room's.
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportPrivateUsage=false

import math
import time
import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kerata.base.checks import message
from kerata.base.interrupts import hand_on
from kerata.callbacks.callback import CallbackList
from kerata.engine import program
from kerata.engine.effort import WAYS
from kerata.engine.types import AnyArray
from kerata.kernels.typed import is_ready
from kerata.training import exits
from kerata.training.feeds import Chunk, DeviceFeed, StreamFeed
from kerata.training.prepare import Prepared
from kerata.training.signals import uninterrupted
from kerata.training.stepwise import go_on_stepwise, make_stepwise, runs_stepwise

# Seconds between two looks: of a person at the progress bar, and of Python at Ctrl-C.
LOOK_SECONDS = 0.1
LONGEST_SECONDS = 1.0
# Each call takes the memory of its intermediate results anew, at half a second a gigabyte and more. Where that is more than a
# fiftieth of its time, a call lasts longer, so long at most: where someone watches, and elsewhere.
PRICE = 50 * 0.5e-9
WATCHED_SECONDS, UNWATCHED_SECONDS = 2.0, 20.0
# Calls of more seconds are waited for in Python, which looks for signals and for `stop_training` so often.
WAITED_SECONDS, FIRST_SLEEP, LONGEST_SLEEP = 0.5, 0.001, 0.02
# What a person has called.
METHODS = {"train": "fit", "test": "evaluate"}


class Pace:
    """How many batches take about as long as a person likes to wait, from what the last ones took."""

    def __init__(self, watched: bool):
        self.watched = watched
        self.per_batch: float | None = None

    def batches(self, left: int, memory: int = 0) -> int:
        """The number of batches to run next, of those that are left, by a program with so many bytes of intermediate results.

        >>> pace = Pace(watched=True)
        >>> pace.learn(1, 0.1)
        >>> pace.batches(100), pace.batches(100, 20_000_000), pace.batches(100, 10**9)
        (1, 5, 20)
        """
        if self.per_batch is None:
            return min(left, 8)
        least, longest = (LOOK_SECONDS, WATCHED_SECONDS) if self.watched else (LONGEST_SECONDS, UNWATCHED_SECONDS)
        seconds = max(least, min(PRICE * memory, longest))
        most = max(1, int(seconds / max(self.per_batch, 1e-7) + 1e-6))
        if left <= most:
            return left
        # The last two calls are of one length, not one of a single batch that costs as much memory.
        return most if left >= 2 * most else -(-left // 2)

    def seconds(self, batches: int) -> float:
        """How long so many are expected to take."""
        return math.inf if self.per_batch is None else batches * self.per_batch

    def learn(self, batches: int, seconds: float) -> None:
        spent = seconds / batches
        self.per_batch = spent if self.per_batch is None else 0.5 * (self.per_batch + spent)


class Run:
    """Runs epochs of one kind of step over a feed.

    Args:
        prepared: the model, ready for the kind of step.
        feed: where batches come from.
        key: uint32 of shape (2,), the key of all random draws of the run.
        mode: `"train"` or `"test"`, for callbacks and messages.
    """

    def __init__(self, prepared: Prepared, feed: DeviceFeed | StreamFeed, key: AnyArray, mode: str):
        self.prepared, self.feed, self.mode = prepared, feed, mode
        self.plan, self.step = prepared.plan, prepared.step
        self.key = np.asarray(key)
        # The first step of this run, counted from 1, whose loss was not finite.
        self.bad_step: int | None = None
        # Bytes of a call's intermediate results.
        self.memory = 0
        # How often the feed is run through at most, where that is known.
        self.times: int | None = None
        # What the program that runs was told, and how long it is expected to.
        self.cursor, self.expected = program.make_cursor([0] * program.PLACES), 0.0
        self.begin()
        self.logs: dict[str, Any] = {}
        # What a step has in its state beside the variables, from its first batch on.
        self.extra: dict[str, Any] | None = None
        self.ended = False
        self.out: dict[str, Any] = {}
        # How long a batch takes is known of the first model of a structure on, so a fresh one starts at full length.
        self.pace_key = (mode, getattr(feed, "batch_size", None))

    def begin(self) -> None:
        """Counts steps on from those that the optimizer has made: random draws follow their numbers."""
        self.first_step = int(self.plan.optimizer.steps.numpy()) if self.plan.training else 0
        self.counters = np.array([self.first_step, -1], np.int32)

    def room(self, epochs: int) -> int:
        """How many whole epochs to run in one call, where nobody looks in between; 1 until the pace is known."""
        per_batch = self.plan.findings.paces.get(self.pace_key)
        if not isinstance(self.feed, DeviceFeed) or not self.feed.is_whole or per_batch is None or self.step.is_own:
            return 1
        if not self.step.result_names() or not all(self.step.is_number):
            return 1
        return max(1, min(epochs, self.feed.ahead, int(LONGEST_SECONDS / max(per_batch * self.feed.steps, 1e-7))))

    def several(self, epoch: int, count: int, last: int) -> tuple[list[dict[str, Any]], bool]:
        """Runs some whole epochs in one call; returns the measures of each, and whether Ctrl-C was pressed meanwhile."""
        chunk = next(iter(self.feed.chunks(epoch, last)))
        count = min(count, self.feed.ahead - chunk.number)
        interrupted, before = False, self.out
        try:
            self.advance(chunk, 0, chunk.count, True, count)
        except KeyboardInterrupt:
            if self.out is before:
                raise
            interrupted = True
        rows = np.asarray(self.out["numbers"])[chunk.number : chunk.number + count]
        names = self.step.result_names()
        self._warn(rows[:, -1].max())
        return [dict(zip(names, row, strict=False)) for row in rows[:, :-1].tolist()], interrupted

    def epoch(self, epoch: int, callbacks: CallbackList, last: int | None = None, fresh: bool = True) -> dict[str, Any]:
        """Runs one epoch; returns its measures.

        Args:
            epoch, callbacks: of the run.
            last: the end of the run, up to which orders may be made ahead.
            fresh: whether measures begin anew.
        """
        batchwise = callbacks.needs_batches(self.mode)
        pace = Pace(callbacks.needs_progress)
        pace.per_batch = self.plan.findings.paces.get(self.pace_key)
        begin = getattr(callbacks, f"on_{self.mode}_batch_begin")
        end = getattr(callbacks, f"on_{self.mode}_batch_end")
        done, out = 0, None
        watching, group = batchwise or callbacks.needs_progress, self.plan.model.steps_per_execution
        for chunk in self.feed.chunks(epoch, epoch + 1 if last is None else last):
            if chunk.kind == "ended":
                warnings.warn(
                    f"{self.mode}: the data ended after {chunk.count} batches of {self.feed.steps}; the epoch is "
                    "shorter than `steps_per_epoch` says.",
                    stacklevel=4,
                )
                self.ended = True
                break
            position = 0
            while position < chunk.count:
                if batchwise and done % group == 0:
                    begin(done)
                left = chunk.count - position
                # Whoever asks for the end before the first batch gets that one, as in Keras.
                alone = batchwise or self._is_stopped()
                count = min(group - done % group, left) if alone else pace.batches(left, self.memory)
                began, known = time.perf_counter(), len(self.prepared.programs)
                self.expected = pace.seconds(count)
                out = self.advance(chunk, position, position + count, fresh)
                if count < chunk.count or watching or pace.per_batch is None:
                    self.wait(out)
                    if len(self.prepared.programs) == known and not self._is_stopped():
                        pace.learn(count, time.perf_counter() - began)
                position, done, fresh = position + count, done + count, False
                if batchwise and done % group == 0:
                    end(done - 1, self.read(out))
                elif not batchwise and callbacks.needs_progress:
                    callbacks.on_progress(done, self.read(out))
                if self._is_stopped():
                    break
            if self._is_stopped():
                break
        if batchwise and done % group and out is not None:
            # As in Keras, the number of the last batch that there would be.
            end(done + -done % group - 1, self.read(out))
        if pace.per_batch is not None:
            self.plan.findings.paces[self.pace_key] = pace.per_batch
        self.done = done
        if out is None:
            self._end_without_data(epoch)
            return {}
        return self.read(out)

    def _end_without_data(self, epoch: int) -> None:
        """Ends a run whose data has ended with the epoch before; an error where there was none."""
        if not self.out:
            fix = "A generator that has ended cannot be used for another epoch"
            raise ValueError(message(self.mode, "the data must give at least one batch an epoch", {"epoch": epoch}, fix))
        if not self.ended:
            warnings.warn(
                f"{self.mode}: the data ended with the epoch before, so this is the end of it. Give "
                "`steps_per_epoch` and a generator that goes on, or data that can begin again.",
                stacklevel=5,
            )
        self.ended = True

    def _is_stopped(self) -> bool:
        """Whether a callback, a signal handler or another thread has asked for the end."""
        model = self.plan.model
        return model.stop_training if self.mode == "train" else model.stop_evaluating

    def wait(self, out: dict[str, Any]) -> None:
        """Waits for what `advance` gave. Who interrupts, or asks for the end, waits for the batch that is under way."""
        if self.expected > WAITED_SECONDS and isinstance(out["numbers"], jax.Array):
            sleep = FIRST_SLEEP
            try:
                while not is_ready(out["numbers"]):
                    time.sleep(sleep)
                    sleep = min(1.5 * sleep, LONGEST_SLEEP)
                    if self._is_stopped():
                        program.halt(self.cursor)
            except BaseException:
                program.halt(self.cursor)
                jax.block_until_ready(out)
                raise
        jax.block_until_ready(out)

    def advance(self, chunk: Chunk, start: int, stop: int, fresh: bool, epochs: int = 1) -> dict[str, Any]:
        """Runs some batches of a chunk, in one or more epochs; the variables hold the new state when it returns."""
        exits.pause()
        numbers = [chunk.offset, start, stop, chunk.samples, fresh, chunk.number, chunk.number + epochs]
        self.cursor = program.make_cursor(numbers)
        run, args = self._ready(chunk, self.cursor)
        # As Python a step may be interrupted, and leaves all as it was.
        found = run(*args) if runs_stepwise(self.plan.model) else None
        with uninterrupted():
            state, out = run(*args) if found is None else found
            if self.plan.training:
                self.counters = state.pop("counters")
            self.plan.scatter(state)
            for variable, value in zip(self.plan.seeds, state.get("seeds", ()), strict=False):
                variable.place(value)
            self.out = out
        return {"numbers": out["numbers"], "arrays": out["arrays"], "number": chunk.number + epochs - 1}

    def _ready(self, chunk: Chunk, cursor: AnyArray) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """What runs, a program or the same as Python, and its arguments."""
        state, constants = self._arguments()
        given, model = (constants, self.key, chunk.feed, cursor), self.plan.model
        if not runs_stepwise(model):
            try:
                if self.extra is None:
                    self.extra = self.step.extra_state(state, constants, self.key, chunk.shapes)
                args = (state | self.extra, *given)
                return self._program(chunk, args), args
            except Exception as error:
                hand_on(error)
                go_on_stepwise(model, METHODS[self.mode], error)
        pieces = self.prepared.programs.setdefault("pieces", {})
        form = (chunk.batch_size, chunk.masked, chunk.kind, chunk.epochs)
        run = make_stepwise(self.step, self.plan.reset, *form, pieces, model.run_eagerly)
        return run, (state | (self.extra or {}), *given)

    def _arguments(self) -> tuple[dict[str, Any], Any]:
        state: dict[str, Any] = self.plan.gather(self.prepared.placement)
        hypers = self.plan.hypers.vector()
        if self.plan.training:
            state["counters"] = self.counters
            return state, hypers
        # Copies, because all models share the generator of the process, and the program takes its memory over.
        state["seeds"] = [np.array(v.peek()) for v in self.plan.seeds]
        trainable = [jnp.asarray(v.peek()) for v in self.plan.trainable]
        for variable, value in zip(self.plan.trainable, trainable, strict=True):
            if isinstance(variable.peek(), np.ndarray):
                variable.place(value)
        return state, (self.prepared.placement.put_state(trainable, soon=True), hypers)

    def _program(self, chunk: Chunk, args: tuple[Any, ...]) -> program.Runnable:
        steps = self.times * self.feed.steps if self.times and self.feed.steps else None
        key = (self.mode, chunk.kind, chunk.batch_size, chunk.masked, program.signature_of(chunk.feed))
        known = self.prepared.programs
        candidates = (known.get((*key, way)) for way in WAYS)
        found = next((one for one in candidates if one is not None and program.serves(one, steps)), None)
        if found is None:
            plan, step = self.plan, self.step

            def make() -> Callable[..., Any]:
                return program.make_advance(
                    step, plan.reset, step.results, chunk.batch_size, chunk.masked, chunk.kind, chunk.epochs
                )

            name = (self.mode, chunk.kind, chunk.batch_size, chunk.masked, chunk.epochs, *([step.tag] if step.tag else []))
            found = program.obtain(
                str(name),
                self.prepared.structure,
                make,
                args,
                donate=(0,),
                weak=(1,) if plan.training else (),
                placement=self.prepared.placement,
                steps=steps,
            )
            known[(*key, program.way_of(found))] = found
        self.memory = program.memory_of(found)
        return found

    def read(self, out: dict[str, Any]) -> dict[str, Any]:
        """The measures that a program returned, as numbers by name."""
        names = self.step.result_names()
        self.wait(out)
        numbers = np.asarray(out["numbers"])
        numbers = (numbers[out["number"]] if "number" in out else numbers).tolist()
        single, arrays = iter(numbers), iter(out["arrays"])
        self.logs = {
            name: next(single) if is_number else np.asarray(next(arrays))
            for name, is_number in zip(names, self.step.is_number, strict=True)
        }
        self._warn(numbers[-1])
        return dict(self.logs)

    def _warn(self, bad: float) -> None:
        """Says once at which step the loss went bad."""
        if bad < 0 or self.bad_step is not None:
            return
        self.bad_step = int(bad) - self.first_step + 1
        warnings.warn(
            f"fit: the loss became NaN or infinite at step {self.bad_step} of this run. Lower the "
            "learning rate, clip gradients (clipnorm=1.0), or look for bad values in the data.",
            stacklevel=6,
        )
