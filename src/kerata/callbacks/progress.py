"""The progress of a run, for a person to see."""

import shutil
import sys
import time
from typing import Any, TextIO

from kerata.base.display import is_live as is_live
from kerata.base.display import say
from kerata.callbacks.callback import Callback, CallbackList

BAR_WIDTH = 20
REDRAW_SECONDS = 0.1


class ProgbarLogger(Callback):
    """A live line an epoch on a terminal, a plain line an epoch elsewhere.

    `fit(verbose=1)` uses it; `verbose=2` gives the plain lines on a terminal too.

    Args:
        stream: where to write, standard output by default.
    """

    is_passive = True

    def __init__(self, stream: TextIO | None = None):
        super().__init__()
        self.stream = stream
        self.began = self.drawn = 0.0
        self.total: int | None = None
        self.width = 0
        self.live = self.quiet = self.starting = False
        self.epoch_seconds: float | None = None

    @property
    def follows_progress(self) -> bool:  # type: ignore[override]
        return self.verbose == 1 and is_live(self.output)

    @property
    def verbose(self) -> int:
        return int(self.params.get("verbose", 1))

    @property
    def output(self) -> TextIO:
        return self.stream or sys.stdout

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.quiet = self.starting = True
        self.live = self.follows_progress

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._start(self.params.get("steps"))
        epochs = str(self.params.get("epochs"))
        self.title = f"Epoch {epoch + 1:>{len(epochs)}}/{epochs}"
        if self.live and self.starting:
            # Compiling takes a second or two, and a person should see that something happens.
            self._write(self._bar(0))
        self.starting = False

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._finish(logs or {})

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        if not self.quiet:
            self._start_run("Evaluation")

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        if not self.quiet:
            self._finish(logs or {})

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._start_run("Prediction")

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        self._finish({})

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.quiet = False
        if self.width:
            # An epoch that was interrupted leaves its line as it is.
            self.output.write("\n")
            self.width = 0

    def _start_run(self, title: str) -> None:
        self.live = self.follows_progress
        self._start(self.params.get("steps"))
        self.title = title

    def _start(self, steps: int | None) -> None:
        self.began = time.perf_counter()
        self.drawn = 0.0
        self.total = steps
        self.done = 0

    def on_progress(self, done: int, logs: dict[str, Any]) -> None:
        self.done = done
        now = time.perf_counter()
        if now - self.drawn < REDRAW_SECONDS or not self.live:
            return
        self.drawn = now
        left = ""
        if self.total and done < self.total:
            left = f"  {format_seconds((now - self.began) / done * (self.total - done))} left"
        self._write(f"{self._bar(done)}{left}  {format_logs(logs)}")

    def _bar(self, done: int) -> str:
        if not self.total:
            return f"{self.title}  {done} steps"
        filled = BAR_WIDTH * done // self.total
        return f"{self.title}  {'━' * filled}{'╌' * (BAR_WIDTH - filled)} {done}/{self.total}"

    def _finish(self, logs: dict[str, Any]) -> None:
        spent = time.perf_counter() - self.began if self.epoch_seconds is None else self.epoch_seconds
        self.epoch_seconds = None
        steps = self.total or self.done
        pace = f"{format_seconds(spent / steps):>6}/step" if steps else ""
        line = f"{self.title}  {format_seconds(spent):>6} {pace}  {format_logs(logs)}".rstrip()
        if self.live:
            self._write(line, end="\n")
        elif self.stream is None:
            say(line)
        else:
            self.stream.write(line + "\n")
            self.stream.flush()
        self.width = 0

    def _write(self, line: str, end: str = "") -> None:
        if not end:
            # A line that is wider than the terminal could not be written over.
            line = line[: shutil.get_terminal_size().columns - 1]
        # Spaces wipe out what a longer line left behind.
        padding = " " * max(0, self.width - len(line))
        self.output.write(f"\r{line}{padding}{end}")
        self.output.flush()
        self.width = 0 if end else len(line)


CallbackList.standard["progbar"] = ProgbarLogger


def format_seconds(seconds: float) -> str:
    """A duration in the unit that a person would use.

    >>> format_seconds(0.00042), format_seconds(0.0031), format_seconds(1.5), format_seconds(75)
    ('420us', '3.1ms', '1.5s', '1m15s')
    """
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f}us"
    if seconds < 1e-2:
        return f"{seconds * 1e3:.1f}ms"
    if seconds < 1:
        return f"{seconds * 1e3:.0f}ms"
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}h{minutes % 60:02d}m" if minutes >= 60 else f"{minutes}m{seconds:02d}s"


def format_logs(logs: dict[str, Any]) -> str:
    """`loss 0.1234  accuracy 0.9876`, validation last.

    >>> format_logs({"val_loss": 2.0, "loss": 1e-5})
    'loss 1.0000e-05  val_loss 2.0000'
    """
    ordered = sorted(logs.items(), key=lambda item: (item[0].startswith("val_"), "loss" not in item[0]))
    return "  ".join(f"{name} {format_number(value)}" for name, value in ordered)


def format_number(value: object) -> str:
    if isinstance(value, (int, float)):
        return f"{value:.4f}" if value == 0 or 1e-3 < abs(value) < 1e5 else f"{value:.4e}"
    return str(value)
