"""How a known case is made, trained and judged."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import kerata
from kerata.diagnosis import Examination, examine


@dataclass
class Trained:
    """A model, what `fit` returned, and what it was given."""

    model: kerata.Model
    history: Any
    x: Any
    y: Any
    validation: Any = None
    groups: Any = None


@dataclass(frozen=True)
class Known:
    """A case whose answer is known.

    Attributes:
        name: of the case.
        right: for each thing that is wrong, the kinds that name it; empty for a healthy run.
        make: trains it.
        looked_at: whether it was only looked at once, and nothing was tuned on it.
    """

    name: str
    right: tuple[frozenset[str], ...]
    make: Callable[[], Trained]
    looked_at: bool

    @property
    def is_healthy(self) -> bool:
        return not self.right


CASES: list[Known] = []


def known(*right: str, look: bool = False) -> Callable[[Callable[[], Trained]], Callable[[], Trained]]:
    """Enters a function as a case. Kinds that may stand for each other are joined with `|`."""

    def enter(make: Callable[[], Trained]) -> Callable[[], Trained]:
        CASES.append(Known(make.__name__, tuple(frozenset(one.split("|")) for one in right), make, look))
        return make

    return enter


def network(shape: Sequence[int], layers: Sequence[Any], loss: str | Any, optimizer: Any = None, accuracy: bool = True) -> Any:
    """A compiled model of layers, with accuracy where there are classes."""
    model = kerata.Sequential([kerata.Input(tuple(shape)), *layers])
    model.compile(optimizer or kerata.optimizers.Adam(0.003), loss, metrics=["accuracy"] if accuracy else None)
    return model


def fit(model: Any, x: Any, y: Any, epochs: int = 20, held: float | tuple[Any, Any] = 0.25, **more: Any) -> Trained:
    """Trains on the first part of the data, and validates on the rest, or on what is given."""
    if isinstance(held, tuple):
        history = model.fit(x, y, epochs=epochs, validation_data=held, verbose=0, seed=0, **more)
        return Trained(model, history, x, y, held)
    if held == 0:
        return Trained(model, model.fit(x, y, epochs=epochs, verbose=0, seed=0, **more), x, y)
    cut = int(len(x) * (1 - held))
    history = model.fit(x[:cut], y[:cut], epochs=epochs, validation_data=(x[cut:], y[cut:]), verbose=0, seed=0, **more)
    return Trained(model, history, x[:cut], y[:cut], (x[cut:], y[cut:]))


def split(model: Any, x: Any, y: Any, epochs: int = 20, share: float = 0.25, **more: Any) -> Trained:
    """Trains with `validation_split`."""
    return Trained(model, model.fit(x, y, epochs=epochs, validation_split=share, verbose=0, seed=0, **more), x, y)


@dataclass
class Judged:
    """What the examination of a case gave."""

    case: Known
    examination: Examination
    seconds: float

    @property
    def is_right(self) -> bool:
        """Whether the first finding is right; of a healthy run, whether there is no illness."""
        if self.case.is_healthy:
            return self.examination.is_healthy
        return any(self.examination[0].kind in kinds for kinds in self.case.right)

    @property
    def finds_all(self) -> bool:
        """Whether everything that is wrong is among the first three findings."""
        first = set(self.examination.kinds[:3])
        return all(first & kinds for kinds in self.case.right)


def judge(case: Known, experiments: bool = True) -> Judged:
    """Trains a case and examines it."""
    kerata.utils.set_random_seed(0)
    np.random.seed(0)
    trained = case.make()
    began = time.perf_counter()
    found = examine(
        trained.model, trained.history, trained.x, trained.y, trained.validation, experiments=experiments, groups=trained.groups
    )
    return Judged(case, found, time.perf_counter() - began)
