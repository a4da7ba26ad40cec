"""Whether layers are called in training."""

import contextlib
from collections.abc import Iterator
from typing import Any

from kerata.base.blocks import ambient
from kerata.engine.types import Array

_calls = ambient()


def training_now() -> bool | Array | None:
    """Whether the layer that is being called now is called in training; `None` where none is, or nobody has said."""
    said = contexts()
    return said[-1] if said else None


@contextlib.contextmanager
def in_phase(training: bool) -> Iterator[None]:
    """Within the block layers are called in training, or not, unless the caller says otherwise."""
    contexts().append(training)
    try:
        yield
    finally:
        contexts().pop()


@contextlib.contextmanager
def again_in_phase(training: bool | Array | None) -> Iterator[None]:
    """Within the block what is computed again is in the phase that it was in at first, whatever is being called now."""
    before = contexts()
    _calls.training = [] if training is None else [training]
    try:
        yield
    finally:
        _calls.training = before


def contexts() -> list[Any]:
    """What the layers that are being called now were told of training, the innermost last."""
    if not hasattr(_calls, "training"):
        _calls.training = []
    return _calls.training
