"""Pruners: which trials go on, and which are cut short because others are ahead of them.

A pruner looks at rungs, epochs at which trials pause. Those that go on are carried on with the weights and the optimizer's
state that they have, not begun again. What other processes found counts as soon as their trials have ended; trials that run
at the same moment in different processes do not see each other.
"""

import math
from collections.abc import Callable
from typing import Protocol, cast

import numpy as np

from kerata.base.checks import check_choice, check_number, check_positive_int, message
from kerata.populations.objective import Objective

NAMES = ("asha", "successive", "hyperband", "median")
# Trials go to the brackets of Hyperband in turns that look like chance and fill them evenly.
GOLDEN = 0.6180339887498949


class Prunes(Protocol):
    """What trials are brought before at its rungs, which are epochs: verdicts are (number, whether it goes on)."""

    rungs: tuple[int, ...]

    def arrive(self, number: int, rung: int, value: float) -> list[tuple[int, bool]]: ...
    def flush(self) -> list[tuple[int, bool]]: ...


class Pruner:
    """What all pruners have in common.

    Attributes:
        rungs: epochs, counted from 1, at which trials pause.
        all_at_once: whether it needs all trials of a comparison in one batch.
    """

    all_at_once = False

    def __init__(self) -> None:
        self.rungs: tuple[int, ...] = ()
        self.sign = 1.0
        self.batch: set[int] = set()
        self.found: dict[int, dict[int, float]] = {}
        self.waiting: dict[int, list[int]] = {}

    def start(self, objective: Objective, epochs: int) -> None:
        """A study begins.

        Args:
            objective: what is compared; the direction matters.
            epochs: how long a trial is trained at most.
        """
        self.sign = 1.0 if objective.direction == "min" else -1.0
        self.rungs = tuple(rung for rung in self.place_rungs(epochs) if rung < epochs)
        self.found = {rung: {} for rung in self.rungs}
        self.waiting = {rung: [] for rung in self.rungs}

    def place_rungs(self, epochs: int) -> list[int]:
        """The epochs at which trials are compared."""
        raise NotImplementedError

    def begin(self, numbers: list[int]) -> None:
        """A batch of trials is trained."""
        self.batch = set(numbers)
        self.waiting = {rung: [] for rung in self.rungs}

    def remember(self, number: int, rungs: dict[int, float]) -> None:
        """What a trial had at its rungs before this batch, or in another process."""
        for rung, value in rungs.items():
            if rung in self.found:
                self.found[rung].setdefault(number, self._key(value))

    def arrive(self, number: int, rung: int, value: float) -> list[tuple[int, bool]]:
        """A trial has reached a rung with a value of the objective.

        Returns:
            (trial, whether it goes on) for all of whom that is known now.
        """
        key = self._key(value)
        if math.isinf(key):
            return [(number, False)]
        self.found[rung][number] = key
        self.waiting[rung].append(number)
        return self._settle(rung, self.decide(rung))

    def flush(self) -> list[tuple[int, bool]]:
        """Nobody else can come any more: verdicts for all that wait."""
        verdicts = []
        for rung in self.rungs:
            verdicts += self._settle(rung, self.decide_last(rung) if self.waiting[rung] else {})
        return verdicts

    def decide(self, rung: int) -> dict[int, bool]:
        """Verdicts for those who wait at a rung, as far as they are known."""
        raise NotImplementedError

    def decide_last(self, rung: int) -> dict[int, bool]:
        """Verdicts for all who wait at a rung."""
        raise NotImplementedError

    def ranking(self, rung: int, among: set[int] | None = None) -> list[int]:
        """Trials at a rung, the best first."""
        found = self.found[rung]
        return sorted((n for n in found if among is None or n in among), key=lambda n: (found[n], n))

    def _settle(self, rung: int, verdicts: dict[int, bool]) -> list[tuple[int, bool]]:
        self.waiting[rung] = [number for number in self.waiting[rung] if number not in verdicts]
        return list(verdicts.items())

    def _key(self, value: float) -> float:
        """A number that is smaller for what is better."""
        return self.sign * value if math.isfinite(value) else math.inf


class Halving(Pruner):
    """What the two kinds of successive halving have in common: one in `reduction` goes on.

    Args:
        reduction: of how many trials one goes on.
        min_epochs: the first rung; the next ones are `reduction` times further each.
    """

    def __init__(self, reduction: float = 3, min_epochs: int | None = None):
        super().__init__()
        name = type(self).__name__
        self.reduction = check_number(name, "reduction", reduction, low=1.0)
        if self.reduction <= 1:
            raise ValueError(message(name, "`reduction` must be above 1", {"reduction": reduction}))
        self.min_epochs = check_positive_int(name, "min_epochs", min_epochs, optional=True)

    def place_rungs(self, epochs: int) -> list[int]:
        # Three rungs by default, so that the first one is not at an epoch that says nothing yet.
        rung = float(self.min_epochs or max(1.0, epochs / self.reduction**3))
        rungs = []
        while round(rung) < epochs:
            rungs.append(round(rung))
            rung *= self.reduction
        return list(dict.fromkeys(rungs))


class SuccessiveHalving(Halving):
    """Successive halving: a batch pauses at each rung, and the best of it go on.

    All trials of a batch are compared with each other and with no others, so a batch is a tournament. Fair and simple, but
    everyone waits for the last one.

    Args:
        reduction, min_epochs: as in `Halving`.

    Source: Jamieson and Talwalkar 2016, Non-stochastic best arm identification.

    >>> pruner = SuccessiveHalving(reduction=2, min_epochs=1)
    >>> pruner.start(Objective("val_loss", "min"), epochs=4)
    >>> pruner.begin([0, 1])
    >>> pruner.rungs, pruner.arrive(0, 1, 0.5), pruner.arrive(1, 1, 0.4)
    ((1, 2), [], [(1, True), (0, False)])
    """

    all_at_once = True

    def begin(self, numbers: list[int]) -> None:
        super().begin(numbers)
        self.here = dict.fromkeys(self.rungs, 0)
        self.expected = dict.fromkeys(self.rungs, 0)
        if self.rungs:
            self.expected[self.rungs[0]] = len(numbers)

    def arrive(self, number: int, rung: int, value: float) -> list[tuple[int, bool]]:
        self.here[rung] += 1
        verdicts = super().arrive(number, rung, value)
        # The last one may be cut at once because its value is not a number.
        return verdicts if not math.isinf(self._key(value)) else verdicts + self._settle(rung, self.decide(rung))

    def decide(self, rung: int) -> dict[int, bool]:
        if self.here[rung] < self.expected[rung]:
            return {}
        return self.decide_last(rung)

    def decide_last(self, rung: int) -> dict[int, bool]:
        order = self.ranking(rung, set(self.waiting[rung]))
        chosen = max(1, round(self.here[rung] / self.reduction)) if order else 0
        after = self.rungs.index(rung) + 1
        if after < len(self.rungs):
            self.expected[self.rungs[after]] += min(chosen, len(order))
        return {number: place < chosen for place, number in enumerate(order)}


class ASHA(Halving):
    """Asynchronous successive halving: a trial goes on as soon as it is among the best of those that came to its rung.

    Nobody waits for the last one. A trial that is not among the best pauses, and goes on later if so many worse ones have
    come since; what still pauses when nobody is left to come is cut. All trials of the study count, those of earlier batches
    too.

    Args:
        reduction, min_epochs: as in `Halving`.

    Source: Li and others 2018, A system for massively parallel hyperparameter tuning.

    >>> pruner = ASHA(reduction=2, min_epochs=1)
    >>> pruner.start(Objective("val_accuracy", "max"), epochs=2)
    >>> pruner.begin([0, 1])
    >>> pruner.arrive(0, 1, 0.9), pruner.arrive(1, 1, 0.4), pruner.flush()
    ([], [(0, True)], [(1, False)])
    """

    def decide(self, rung: int) -> dict[int, bool]:
        best = set(self.ranking(rung)[: int(len(self.found[rung]) / self.reduction)])
        return {number: True for number in self.waiting[rung] if number in best}

    def decide_last(self, rung: int) -> dict[int, bool]:
        # With fewer trials than `reduction` there is no best third; the best of all goes on.
        best = set(self.ranking(rung)[: max(1, int(len(self.found[rung]) / self.reduction))])
        return {number: number in best for number in self.waiting[rung]}


class Hyperband(ASHA):
    """Hyperband: asynchronous halving in several brackets, of which each begins to cut later.

    How many epochs must pass before anything is cut? Hyperband tries several answers: the first bracket cuts from the first
    rung on, the next from the second, and the trials of the last are never cut. A trial's bracket follows from its number, so
    that all brackets have about as many epochs to spend; it is compared with trials of its own bracket only.

    Args:
        reduction, min_epochs: as in `Halving`.

    Source: Li and others 2018, Hyperband: a novel bandit-based approach; asynchronous, as in Optuna.

    >>> pruner = Hyperband(reduction=3, min_epochs=1)
    >>> pruner.start(Objective("val_loss", "min"), epochs=9)
    >>> pruner.rungs, [pruner.bracket(number) for number in range(8)]
    ((1, 3), [0, 1, 0, 2, 0, 0, 1, 0])
    """

    def bracket(self, number: int) -> int:
        """The bracket of a trial, counted from 0: its first comparison is at the rung of this place."""
        count = len(self.rungs) + 1
        shares = [self.reduction ** (count - 1 - place) * count / (count - place) for place in range(count)]
        place = number * GOLDEN % 1.0 * sum(shares)
        return next((i for i in range(count) if place < sum(shares[: i + 1])), count - 1)

    def arrive(self, number: int, rung: int, value: float) -> list[tuple[int, bool]]:
        if self.rungs.index(rung) < self.bracket(number) and not math.isinf(self._key(value)):
            return [(number, True)]
        return super().arrive(number, rung, value)

    def decide(self, rung: int) -> dict[int, bool]:
        return self._among_own(super().decide, rung)

    def decide_last(self, rung: int) -> dict[int, bool]:
        return self._among_own(super().decide_last, rung)

    def _among_own(self, decide: Callable[[int], dict[int, bool]], rung: int) -> dict[int, bool]:
        """Verdicts of each bracket by itself."""
        found, waiting, verdicts = self.found[rung], self.waiting[rung], {}
        for bracket in range(self.rungs.index(rung) + 1):
            self.found[rung] = {number: key for number, key in found.items() if self.bracket(number) == bracket}
            self.waiting[rung] = [number for number in waiting if self.bracket(number) == bracket]
            verdicts.update(decide(rung))
        self.found[rung], self.waiting[rung] = found, waiting
        return verdicts


class Median(Pruner):
    """Median stopping: a trial is cut when it is worse than the median of all that came to the same epoch.

    Args:
        startup: how many trials must have come before any is cut.
        warmup: epochs before the first comparison, a fifth of all if `None`.
        interval: epochs between comparisons, a tenth of all if `None`.

    Source: Golovin and others 2017, Google Vizier.

    >>> pruner = Median(startup=2, warmup=1, interval=1)
    >>> pruner.start(Objective("val_loss", "min"), epochs=3)
    >>> pruner.begin([0, 1])
    >>> pruner.rungs, pruner.arrive(0, 1, 0.5), pruner.arrive(1, 1, 0.7)
    ((1, 2), [], [(0, True), (1, False)])
    """

    def __init__(self, startup: int = 5, warmup: int | None = None, interval: int | None = None):
        super().__init__()
        self.startup = check_positive_int("Median", "startup", startup, minimum=2)
        self.warmup = check_positive_int("Median", "warmup", warmup, optional=True)
        self.interval = check_positive_int("Median", "interval", interval, optional=True)

    def place_rungs(self, epochs: int) -> list[int]:
        first = self.warmup or max(1, epochs // 5)
        return list(range(first, epochs, self.interval or max(1, epochs // 10)))

    def decide(self, rung: int) -> dict[int, bool]:
        if len(self.found[rung]) < self.startup:
            return {}
        median = float(np.median(list(self.found[rung].values())))
        return {number: self.found[rung][number] <= median for number in self.waiting[rung]}

    def decide_last(self, rung: int) -> dict[int, bool]:
        return self.decide(rung) or dict.fromkeys(self.waiting[rung], True)


def make_pruner(pruner: object) -> Pruner | None:
    """The pruner for a name, an object, or `None`."""
    if pruner is None or pruner is False:
        return None
    if isinstance(pruner, str):
        check_choice("search", "pruner", pruner, NAMES)
        return {"asha": ASHA, "successive": SuccessiveHalving, "hyperband": Hyperband, "median": Median}[pruner]()
    if not hasattr(pruner, "arrive") or not hasattr(pruner, "flush"):
        raise TypeError(
            message("search", "`pruner` must be a name or a pruner", {"pruner": pruner}, "Known names: " + ", ".join(NAMES))
        )
    return cast(Pruner, pruner)
