"""What is to become small or large."""

import math
from dataclasses import dataclass


@dataclass
class Objective:
    """What a search is after.

    Attributes:
        name: a measure of the history, e.g. "val_accuracy".
        direction: "max" or "min".
    """

    name: str
    direction: str

    def better(self, a: float, b: float) -> bool:
        """Whether a is better than b."""
        return a > b if self.direction == "max" else a < b

    def best(self, curve: list[float]) -> int:
        """The place of the best number of a curve, counted from 0; numbers that are not finite never win."""
        sign = -1.0 if self.direction == "max" else 1.0
        values = [sign * v if math.isfinite(v) else math.inf for v in curve]
        return values.index(min(values))
