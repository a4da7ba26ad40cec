"""The progress of a search, for a person to follow: a live region on a terminal, a line a trial in a log."""

import math
import os
import shutil
import sys
import threading
import time
import unicodedata
from collections.abc import Iterable
from typing import Any, TextIO

from kerata.callbacks.progress import BAR_WIDTH, REDRAW_SECONDS, format_number, format_seconds, is_live
from kerata.populations.objective import Objective
from kerata.search.records import COMPLETE, FAILED, PRUNED, Trial
from kerata.search.summary import clean, find_extremes, format_params, format_result, plural

# A log without a line for this long looks like a program that hangs.
SILENCE_SECONDS = 60.0
# Terminals from this width on have room for a long bar.
WIDE = 96
# The pace is that of the last seconds, so that compiling and pauses do not blur it.
PACE_SECONDS = 10.0


class Progress:
    """Shows how far a search is.

    On a terminal two lines are drawn over and over: trials done, running and failed, the pace and the time left; below it the
    best so far. In a log, or with `verbose=2`, each trial that ends is one line.

    Args:
        total: how many trials the study is to have.
        objective: what the search is after.
        stream: where to write, standard output by default.
        verbose: "auto" or 1 for live lines where that is possible, 2 for a line a trial, 0 for nothing.

    Methods may be called from any thread.

    >>> import io
    >>> log = io.StringIO()
    >>> progress = Progress(2, Objective("val_accuracy", "max"), stream=log)
    >>> progress.begin(0)
    >>> progress.trial(Trial(0, {"lr": 0.01}, "complete", 0.9, [0.9], seconds=1.5))
    >>> print(log.getvalue(), end="")
    Search for the highest val_accuracy: 2 trials.
    trial 0  val_accuracy 0.9000  (1.5s, best so far)  lr 0.01
    """

    def __init__(self, total: int | None, objective: Objective, stream: TextIO | None = None, verbose: int | str = "auto"):
        self.total = total
        self.objective = objective
        self.stream = stream
        self.verbose = 1 if verbose in ("auto", True) else int(verbose)
        self.lock = threading.Lock()
        self.before = self.drawn_lines = self.members = 0
        self.counts = {COMPLETE: 0, PRUNED: 0, FAILED: 0}
        self.best: Trial | None = None
        self.running: set[int] = set()
        self.rungs: dict[int, tuple[int, float | None, bool]] = {}
        self.work = Work()
        self.began = self.drawn = self.spoke = time.monotonic()
        self.live = False

    # -- what a study calls

    def begin(self, trials_done: Iterable[Trial] | int = 0) -> None:
        """The search begins.

        Args:
            trials_done: the trials that a resumed study has already, or how many they are.
        """
        with self.lock:
            known = list(trials_done) if isinstance(trials_done, Iterable) else []
            self.before = len(known) if isinstance(trials_done, Iterable) else int(trials_done)
            self.best = find_extremes(known, self.objective)[0]
            self.began = self.spoke = self.work.began = time.monotonic()
            self.live = self.verbose == 1 and is_live(self.output) and os.environ.get("TERM") != "dumb"
            if self.verbose and not self.live:
                way = "highest" if self.objective.direction == "max" else "lowest"
                total = f": {plural(self.total, 'trial')}" if self.total else ""
                known_words = f", {self.before} of them done before" if self.before else ""
                self._say(f"Search for the {way} {clean(self.objective.name)}{total}{known_words}.")
            self._draw(force=True)

    def event(self, event: dict[str, Any]) -> None:
        """What a runner tells: "running" trials, "epochs" done, a "rung" that was reached. Other kinds are passed over."""
        with self.lock:
            kind = event.get("kind")
            if kind == "running":
                self.running = set(event.get("trials", ()))
                self.members = int(event.get("members", len(self.running)))
                self.work.announce(self.running)
            elif kind == "epochs":
                self.work.advance(event.get("done", 0), event.get("all", 0))
            elif kind == "rung" and "number" in event:
                self.rungs[event["number"]] = (event.get("rung", 0), event.get("value"), bool(event.get("goes_on", True)))
            self._draw()
            if self.verbose and not self.live and time.monotonic() - self.spoke > SILENCE_SECONDS:
                self._say(f"... {self._status()}")

    def trial(self, trial: Trial) -> None:
        """A trial has ended."""
        with self.lock:
            self.running.discard(trial.number)
            self.counts[trial.state] = self.counts.get(trial.state, 0) + 1
            self.work.finish(trial)
            rung = self.rungs.pop(trial.number, None)
            # Of equals the first counts, as in the study, whichever ended first.
            known = sorted([self.best, trial] if self.best else [trial], key=lambda each: each.number)
            self.best = find_extremes(known, self.objective)[0]
            is_best = self.best is trial
            if self.verbose and not self.live:
                self._say(describe_trial(trial, self.objective, is_best, rung))
            self._draw()

    def end(self) -> None:
        """The search is over, or was interrupted; what happened stays on the screen."""
        with self.lock:
            if not self.verbose:
                return
            self._wipe()
            self._say(self._result())
            self.live = False

    @property
    def output(self) -> TextIO:
        return self.stream or sys.stdout

    # -- the words

    @property
    def ended(self) -> int:
        """Trials that have ended in this run."""
        return sum(self.counts.values())

    def _status(self) -> str:
        done = self.before + self.ended
        parts = [f"{done}/{self.total}" if self.total else f"{done} trials"]
        if self.running:
            parts.append(f"{len(self.running)} running")
        parts += [f"{self.counts[state]} {word}" for state, word in ((PRUNED, "cut"), (FAILED, "failed")) if self.counts[state]]
        pace = self.work.pace()
        if pace:
            parts.append(f"{format_count(pace)} epochs/s")
        left = self.work.seconds_left(self.total - done if self.total else None)
        if left is not None:
            parts.append(f"{format_left(left)} left")
        return "  ".join(parts)

    def _best_words(self) -> str:
        if self.best is None:
            return f"no {clean(self.objective.name, 60)} yet"
        name = clean(self.objective.name, 60)
        return f"best {name} {format_result(self.best)}  trial {self.best.number}: {format_params(self.best.params)}"

    def _result(self) -> str:
        ended = [f"{self.counts[s]} {word}" for s, word in ((PRUNED, "cut early"), (FAILED, "failed")) if self.counts[s]]
        aside = f" ({', '.join(ended)})" if ended else ""
        done = f"{plural(self.ended, 'trial')}{aside} in {format_seconds(time.monotonic() - self.began)}"
        best = self._best_words()
        return f"{done}; {best}."

    # -- the drawing

    def _draw(self, force: bool = False) -> None:
        now = time.monotonic()
        if not self.live or (not force and now - self.drawn < REDRAW_SECONDS):
            return
        self.drawn = now
        columns = max(20, shutil.get_terminal_size().columns - 1)
        # The words matter more than the bar, where there is room for one of them.
        width = BAR_WIDTH if columns >= WIDE else BAR_WIDTH // 3
        lines = [f"Trials  {self._bar(width)}{self._status()}", f"        {self._best_words()}"]
        if not self._has_cursor():
            lines = ["  ".join(line.strip() for line in lines)]
        lines = [cut_columns(line, columns) for line in lines]
        # One write, or a reader would see a torn region. Each line wipes what a longer one left behind.
        back = "" if not self.drawn_lines else "\r" + "\x1b[A" * (self.drawn_lines - 1)
        wipe = "\x1b[K" if self._has_cursor() else " " * max(0, columns - len(lines[0]))
        self._write(back + "\n".join(f"\r{line}{wipe}" for line in lines))
        self.drawn_lines = len(lines)

    def _wipe(self) -> None:
        """Takes the live region away, so that lasting words can stand in its place."""
        if self.drawn_lines and self._has_cursor():
            self._write("\r" + "\x1b[A" * (self.drawn_lines - 1) + "\x1b[J")
        elif self.drawn_lines:
            self._write("\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r")
        self.drawn_lines = 0

    def _bar(self, width: int) -> str:
        if not self.total:
            return ""
        full, empty = "━╌" if can_write(self.output, "━╌") else "=-"
        filled = min(width, width * (self.before + self.ended) // self.total)
        return f"{full * filled}{empty * (width - filled)} "

    def _has_cursor(self) -> bool:
        """Whether the cursor can be moved up: not in a notebook, and not surely on a Windows console."""
        isatty = getattr(self.output, "isatty", None)
        return os.name == "posix" and bool(isatty and isatty())

    def _say(self, line: str) -> None:
        self.spoke = time.monotonic()
        self._write(line + "\n")

    def _write(self, text: str) -> None:
        if not can_write(self.output, text):
            text = text.encode(self.output.encoding, "replace").decode(self.output.encoding)
        self.output.write(text)
        self.output.flush()


class Work:
    """Counts epochs, each once for every member that ran it, and says how long the rest will take."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.done = self.planned = 0.0
        self.call_done = self.call_planned = 0.0
        self.announced: set[int] = set()
        self.finished, self.finished_epochs = 0, 0.0
        self.first: tuple[float, float] | None = None
        self.marks: list[tuple[float, float]] = []

    def announce(self, numbers: set[int]) -> None:
        self.announced |= numbers

    def advance(self, done: float, planned: float) -> None:
        """Takes the counts of one call of a runner; they begin anew with the next call."""
        if done < self.call_done:
            self.call_done = self.call_planned = 0.0
        self.done += done - self.call_done
        self.planned += planned - self.call_planned
        self.call_done, self.call_planned = done, planned
        now = time.monotonic()
        self.first = self.first or (now, self.done)
        if not self.marks or now - self.marks[-1][0] >= REDRAW_SECONDS:
            self.marks.append((now, self.done))
            self.marks = [mark for mark in self.marks if now - mark[0] <= PACE_SECONDS] if len(self.marks) > 50 else self.marks

    def finish(self, trial: Trial) -> None:
        self.finished += 1
        self.finished_epochs += sum(trial.epochs)
        self.announced.add(trial.number)

    def pace(self) -> float | None:
        """Epochs a second, of late."""
        if len(self.marks) < 2:
            return None
        (start, first), (stop, last) = self.marks[0], self.marks[-1]
        return (last - first) / (stop - start) if last > first else None

    def seconds_left(self, trials_left: int | None) -> float | None:
        """The time for what is left, at the pace since the first epochs; `None` while nothing can be said."""
        now = time.monotonic()
        if not trials_left:
            return None
        if self.first is None:
            return (now - self.began) / self.finished * trials_left if self.finished else None
        # Compiling comes before the first epochs, and seldom again.
        spent, gained = now - self.first[0], self.done - self.first[1]
        if spent <= 0 or gained <= 0 or not self.announced:
            return None
        plan = self.planned / len(self.announced)
        # Trials that stop early cost less than planned, but the first to end are the shortest: both count.
        cost = (self.finished_epochs + 2 * plan) / (self.finished + 2)
        begun = max(0.0, self.done - self.finished_epochs)
        return max(0.0, trials_left * cost - begun) * spent / gained


def describe_trial(
    trial: Trial, objective: Objective, is_best: bool = False, rung: tuple[int, float | None, bool] | None = None
) -> str:
    """One line on a trial that ended.

    >>> trial = Trial(7, {"lr": 10.0}, "failed", error="the loss became NaN in epoch 3", seconds=0.5)
    >>> describe_trial(trial, Objective("val_loss", "min"))
    'trial 7  failed: the loss became NaN in epoch 3  (500ms)  lr 10'
    """
    name = clean(objective.name, 60)
    if trial.state == FAILED:
        what = f"failed: {clean(trial.error or 'no reason was given', 160)}"
    elif trial.state == PRUNED:
        what = f"cut after epoch {rung[0]}" if rung and rung[0] else clean(trial.error or "cut early", 160)
        score = trial.score if trial.score is not None else rung[1] if rung else None
        what += f", {name} {format_number(float(score))}" if score is not None else ""
    else:
        what = f"{name} {format_result(trial)}{'' if trial.is_feasible else ', breaks a constraint'}"
    aside = [format_seconds(trial.seconds)] if trial.seconds else []
    aside += ["best so far"] if is_best else []
    words = [f"trial {trial.number}", what, f"({', '.join(aside)})" if aside else "", format_params(trial.params)]
    return "  ".join(word for word in words if word)


def format_left(seconds: float) -> str:
    """
    >>> format_left(0.2), format_left(42.3), format_left(90)
    ('1s', '43s', '1m30s')
    """
    whole = max(1, math.ceil(seconds))
    return f"{whole}s" if whole < 60 else format_seconds(whole)


def format_count(number: float) -> str:
    """
    >>> format_count(0.25), format_count(31.4), format_count(123456.0)
    ('0.25', '31', '123,456')
    """
    return f"{number:.2g}" if number < 10 else f"{number:,.0f}"


def can_write(stream: TextIO, text: str) -> bool:
    """Whether the stream's encoding has all of these letters."""
    encoding = getattr(stream, "encoding", None)
    if not encoding:
        return True
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def cut_columns(line: str, columns: int) -> str:
    """The line, cut to a number of terminal columns: a wide letter takes two, an accent none.

    >>> cut_columns("abcdef", 4), cut_columns("ab", 4), cut_columns("漢字漢字", 5)
    ('abc…', 'ab', '漢字…')
    """
    widths = [0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line]
    if sum(widths) <= columns:
        return line
    kept, used = 0, 0
    while used + widths[kept] <= columns - 1:
        used += widths[kept]
        kept += 1
    return line[:kept] + "…"
