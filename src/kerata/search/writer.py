"""The writer: a thread that saves models and commits finished trials while the next ones train."""

import copy
import dataclasses
import queue
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

from kerata.base.checks import message
from kerata.base.interrupts import hand_on
from kerata.populations.objective import Objective
from kerata.search.domain import Domain
from kerata.search.front import find_front
from kerata.search.model_files import ModelFiles
from kerata.search.records import COMPLETE
from kerata.search.runner import Outcome
from kerata.search.storage import Database, Row
from kerata.search.workers import BEAT_SECONDS

# How long to wait for more to write at once.
LINGER_SECONDS = 0.03


class Writer:
    """Writes what happens to a study, in order, several things in one transaction where they come fast.

    Args:
        database: the study's.
        model_files: where models are kept.
        objectives: tell which trials are the best: the first ones, or with several objectives those on the front.
        keep: models of so many trials are kept; of all on the front, if it is not 0.
        on_written: called with each trial once it is committed.
    """

    def __init__(
        self,
        database: Database,
        model_files: ModelFiles,
        objectives: list[Objective],
        keep: int,
        on_written: Callable[[Row], None],
    ):
        self.database, self.model_files, self.objectives, self.keep = database, model_files, objectives, keep
        self.on_written = on_written
        self.error: BaseException | None = None
        self.running: dict[int, int] = {}  # number -> key in the database
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="kerata-search-writer", daemon=True)
        self._thread.start()

    def begin(self, rows: list[Row], domains: dict[str, Domain], new: bool, noted: bool = False) -> None:
        """Trials begin, with values that are known now.

        Args:
            rows: the trials.
            domains, new: of all hyperparameters, and whether others may not know some of them.
            noted: whether the storage has their values already.
        """
        self.running.update({row.number: row.id for row in rows})
        if not noted:
            self._put(("begin", rows, (domains, new)))

    def finish(self, row: Row, outcome: Outcome | None = None) -> None:
        """A trial has ended."""
        self._put(("finish", row, hold(outcome)))

    def flush(self) -> None:
        """Waits until all is committed."""
        done = threading.Event()
        self._queue.put(("flush", done, None))
        while not done.wait(0.5):
            if not self._thread.is_alive():
                break
        self.check()

    def close(self) -> None:
        """Commits what is left and ends the thread."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def check(self) -> None:
        """Raises what went wrong while writing."""
        if self.error is not None:
            raise self.error

    def _put(self, item: object) -> None:
        self.check()
        self._queue.put(item)

    def _work(self) -> None:
        beat = time.monotonic()
        while True:
            items = self._take(BEAT_SECONDS / 4)
            ends = [item for item in items if item is None or item[0] == "flush"]
            try:
                if self.error is None:
                    self._write([item for item in items if item is not None])
                    if time.monotonic() - beat > BEAT_SECONDS:
                        beat = time.monotonic()
                        self.database.beat(list(self.running.values()))
            except BaseException as error:  # it is raised where the study runs
                self.error = error
            for item in ends:
                if item is not None:
                    item[1].set()
            if None in ends:
                return

    def _take(self, seconds: float) -> list[Any]:
        """All that has come, at least one thing unless time is over.

        Trials that train side by side end together: a moment's wait lets them share a transaction, and spares models of those
        that are the best for that moment only.
        """
        items: list[Any] = []
        try:
            items.append(self._queue.get(timeout=seconds))
            end = time.monotonic() + LINGER_SECONDS
            while items[-1] is not None and items[-1][0] != "flush":
                items.append(self._queue.get(timeout=max(0.0, end - time.monotonic())))
        except queue.Empty:
            pass
        return items

    def _write(self, items: list[Any]) -> None:
        for _, rows, (domains, new) in [item for item in items if item[0] == "begin"]:
            self.database.note(rows, domains, new)
        finished = [item for item in items if item[0] == "finish"]
        if not finished:
            return
        self._save_best(finished)
        written = self.database.finish([row for _, row, _ in finished])
        for _, row, _ in finished:
            self.running.pop(row.number, None)
        self._tidy()
        for row in written:
            self.on_written(row)

    def _save_best(self, finished: list[Any]) -> None:
        """Models of those that are among the best so far, before anything says that they are finished."""
        done = [(row, outcome) for _, row, outcome in finished if row.state == COMPLETE and row.is_feasible]
        found = {row.number: (row, outcome) for row, outcome in done if outcome is not None}
        if not found or self.keep < 1:
            return
        for number in self._best({number: row for number, (row, _) in found.items()}):
            if number in found:
                row, outcome = found[number]
                models = outcome.models()
                try:
                    row.model_files = self.model_files.put(number, models)
                except OSError:
                    raise
                except Exception as error:
                    hand_on(error)
                    # A model that cannot be written is still a result: its values and its score are kept.
                    warnings.warn(
                        message(
                            "search",
                            "the models of a trial cannot be saved",
                            {"trial": number, "error": error},
                            "Use study.best.refit(x, y)",
                        ),
                        stacklevel=2,
                    )

    def _best(self, new: dict[int, Row]) -> list[int]:
        """The trials whose models are kept: of those in the storage, and of some that are not there yet."""
        if self.keep < 1:
            return []
        if len(self.objectives) > 1:
            return find_front(self.database.values() | {number: row.values for number, row in new.items()}, self.objectives)
        direction = self.objectives[0].direction
        ranks = dict(self.database.best(self.keep, direction)) | {number: row.score or 0.0 for number, row in new.items()}
        sign = -1.0 if direction == "max" else 1.0
        return sorted(ranks, key=lambda number: (sign * ranks[number], number))[: self.keep]

    def _tidy(self) -> None:
        """Removes models of trials that are finished and not among the best any more, which they will never be again."""
        there = self.model_files.numbers()
        if there:
            # In this order: what another process finishes in between is not among the finished ones.
            finished = self.database.finished(there)
            self.model_files.drop(finished - set(self._best({})))


def hold(outcome: Outcome | None) -> Outcome | None:
    """The outcome with weights of its own, since the runner drops them when it goes on."""
    members = getattr(outcome, "members", None)
    if outcome is None or not members:
        return outcome
    return dataclasses.replace(outcome, members=[copy.copy(member) for member in members])
