"""Limits that a person sets around a whole program: the most epochs of a `fit`, the most batches of an epoch."""

import warnings

from kerata.base.config import max_epochs, max_steps_per_epoch
from kerata.data.samples import Samples
from kerata.data.sources import Batches


def limit_epochs(epochs: int) -> int:
    """The epochs to run, of those that were asked for."""
    most = max_epochs()
    if most is None or most >= epochs:
        return epochs
    warnings.warn(f"Limiting epochs to {most}", stacklevel=5)
    return most


def limit_steps(steps: int | None, source: Samples | Batches, batch_size: int) -> int | None:
    """The batches of an epoch, of those that were asked for; `None` for all that there are."""
    most = max_steps_per_epoch()
    if most is None:
        return steps
    there = -(-source.size // batch_size) if isinstance(source, Samples) else source.length
    wanted = steps if steps is not None else there
    if wanted is not None and wanted <= most:
        return steps
    warnings.warn(f"Limiting steps_per_epoch to {most}", stacklevel=5)
    return most
