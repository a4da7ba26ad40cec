"""Moving averages of weights that optimizers keep."""

from typing import TYPE_CHECKING, Any

import jax.numpy as jnp

from kerata.engine.types import Array
from kerata.engine.variable import Variable
from kerata.optimizers.turns import is_due

if TYPE_CHECKING:
    from kerata.optimizers.optimizer import Optimizer


def move_averages(
    optimizer: "Optimizer",
    weights: dict[Variable, Array],
    before: dict[Variable, Array],
    values: dict[Any, Any],
    updates: Array,
) -> None:
    """Moves the averages on, and takes them over when they are due.

    Args:
        optimizer: whose.
        weights: as they are now, behind an update.
        before: as they were before it.
        values: what the optimizer keeps.
        updates: how often the weights were updated before.
    """
    momentum, every = optimizer.ema_momentum, optimizer.ema_overwrite_frequency
    for v in weights:
        if v.overwrite_with_gradient:
            continue
        now = weights[v]
        kept = jnp.where(updates == 0, before[v], values["average", v])
        average = momentum * kept + (1.0 - momentum) * now
        if not optimizer.averages_begin_before:
            average = jnp.where(updates == 0, now, average)
        values["average", v] = average = average.astype(now.dtype)
        if every is not None:
            weights[v] = jnp.where(is_due(updates, every), average, now)
