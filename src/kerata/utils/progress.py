"""The bar of a loop of one's own."""

import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

import numpy as np

from kerata.base.checks import message
from kerata.base.display import is_live, say
from kerata.callbacks.progress import format_logs, format_seconds


class Progbar:
    """Shows how far a loop is, and the means of what it measures.

    Args:
        target: how many steps there are; `None` where nobody knows.
        width: of the bar, in characters.
        verbose: 0 nothing, 1 a bar, 2 one line at the end.
        interval: seconds between two drawings.
        stateful_metrics: names of values that are shown as they are; of the others, the mean over steps.
        stateless_metrics: names of values of which the mean is shown; all others as they are. In place of `stateful_metrics`.
        unit_name: what a step is called.

    >>> bar = Progbar(3, verbose=2)
    >>> bar.update(1, [("loss", 2.0)])
    >>> bar.update(2, [("loss", 4.0)])
    >>> bar.means
    {'loss': 3.0}
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ):
        if stateful_metrics is not None and stateless_metrics is not None:
            received = {"stateful_metrics": stateful_metrics, "stateless_metrics": stateless_metrics}
            raise ValueError(message("Progbar", "only one of the two may be given", received))
        self.target, self.width, self.verbose, self.interval, self.unit_name = target, width, verbose, interval, unit_name
        self.stateless_metrics = None if stateless_metrics is None else set(stateless_metrics)
        self.stateful_metrics = None if stateless_metrics is not None else set(stateful_metrics or ())
        self._seen, self._drawn, self._length = 0, 0.0, 0
        self._began = time.perf_counter()
        # The sum of a value over steps, and their number.
        self._sums: dict[str, tuple[float, int]] = {}

    @property
    def means(self) -> dict[str, float]:
        """What is shown of each value."""
        return {name: total / max(1, count) for name, (total, count) in self._sums.items()}

    def add(self, n: int, values: Sequence[tuple[str, Any]] | None = None) -> None:
        """`n` more steps."""
        self.update(self._seen + n, values)

    def update(self, current: int, values: Sequence[tuple[str, Any]] | None = None, finalize: bool | None = None) -> None:
        """Says how many steps are done.

        Args:
            current: the number of steps.
            values: pairs of a name and a number.
            finalize: whether this is the end; by default, whether `current` has reached the target.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        for name, value in values or ():
            number, steps = float(np.mean(value)), max(current - self._seen, 1)
            total, count = self._sums.get(name, (0.0, 0))
            whole = finalize or not self._is_averaged(name)
            self._sums[name] = (number, 1) if whole else (total + number * steps, count + steps)
        self._seen = current
        now = time.perf_counter()
        if self.verbose == 1 and (finalize or now - self._drawn >= self.interval):
            self._draw(sys.stdout, self._line(now, finalize), finalize)
            self._drawn = now
        elif self.verbose == 2 and finalize:
            say(self._line(now, finalize))

    def _is_averaged(self, name: str) -> bool:
        if self.stateful_metrics is not None:
            return name not in self.stateful_metrics
        return self.stateless_metrics is not None and name in self.stateless_metrics

    def _line(self, now: float, finalize: bool) -> str:
        spent = now - self._began
        pace = f"{format_seconds(spent / self._seen)}/{self.unit_name}" if self._seen else ""
        if not self.target:
            parts = [f"{self._seen}/Unknown", format_seconds(spent), pace]
        else:
            filled = min(self.width, self.width * self._seen // self.target)
            bar = f"{'━' * filled}{'╌' * (self.width - filled)} " if self.verbose == 1 else ""
            left = spent if finalize or not self._seen else spent / self._seen * (self.target - self._seen)
            parts = [f"{bar}{self._seen}/{self.target}", format_seconds(left), pace]
        return "  ".join(part for part in (*parts, format_logs(self.means)) if part)

    def _draw(self, stream: TextIO, line: str, finalize: bool) -> None:
        if is_live(stream):
            # Spaces wipe out what a longer line left behind.
            stream.write(f"\r{line}{' ' * max(0, self._length - len(line))}")
            stream.write("\n" if finalize else "")
            self._length = 0 if finalize else len(line)
        elif finalize:
            say(line)
        stream.flush()
