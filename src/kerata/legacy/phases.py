"""The learning phase: whether a layer is called in training, as a number that programs ask for and hand on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from kerata import backend
from kerata.base.checks import message
from kerata.engine.symbolic import SymbolicTensor
from kerata.layers.phase import training_now

_phase: dict[str, Any] = {"set": None}


def learning_phase() -> "int | Phase":
    """1 while the layer that asks is called in training, 0 elsewhere, or what `set_learning_phase` set."""
    if _phase["set"] is not None:
        return _phase["set"]
    return PHASE


class Phase:
    """The learning phase among the inputs of a `K.function`, and as a number where a layer asks for it."""

    name = "keras_learning_phase"

    def __bool__(self) -> bool:
        return bool(training_now())

    def __int__(self) -> int:
        return int(bool(self))

    __index__ = __int__

    def __eq__(self, other: object) -> bool:
        return other is self or int(self) == other

    def __hash__(self) -> int:
        return id(self)


PHASE = Phase()


def set_learning_phase(value: int) -> None:
    """Fixes the learning phase: 0 for use, 1 for training."""
    if value not in (0, 1):
        raise ValueError(message("K.set_learning_phase", "the phase is 0 or 1", {"value": value}))
    _phase["set"] = value


@contextmanager
def learning_phase_scope(value: int) -> Iterator[None]:
    """Within the block the learning phase is fixed."""
    before = _phase["set"]
    set_learning_phase(value)
    try:
        yield
    finally:
        _phase["set"] = before


def fixed_phase() -> bool | None:
    """Whether layers are called in training, where `set_learning_phase` has said so; `None` where it has not."""
    return None if _phase["set"] is None else bool(_phase["set"])


def in_train_phase(x: object, alt: object, training: object = None) -> object:
    """x in training, alt otherwise; values or functions without arguments."""
    if training is None or isinstance(training, Phase):
        training = bool(learning_phase())
    if isinstance(training, SymbolicTensor) or (hasattr(training, "dtype") and not isinstance(training, np.generic)):
        return backend.switch(training, x, alt)
    chosen = x if training else alt
    return chosen() if callable(chosen) else chosen


def in_test_phase(x: object, alt: object, training: object = None) -> object:
    """x outside of training, alt in training."""
    return in_train_phase(alt, x, training)


def forget_phase() -> None:
    """As if none had been fixed."""
    _phase["set"] = None
