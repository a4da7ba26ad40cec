"""Moving averages of weights that optimizers keep."""

from typing import Any

import jax.numpy as jnp
from jax.typing import ArrayLike

from kerata.engine.types import Array
from kerata.engine.variable import Variable
from kerata.optimizers.turns import is_due


def move_averages(
    weights: dict[Variable, Array],
    first: dict[Variable, Array] | None,
    values: dict[Any, Any],
    updates: Array,
    momentum: ArrayLike,
    every: int | None,
) -> None:
    """Moves the averages on, and takes them over when they are due.

    Args:
        weights: as they are now, behind an update.
        first: where the averages begin; with the weights behind the first update, if not given.
        values: what the optimizer keeps.
        updates: how often the weights were updated before.
        momentum: how much of the averages stays.
        every: updates after which they are taken over.
    """
    for v in weights:
        if v.overwrite_with_gradient:
            continue
        now = weights[v]
        kept = values["average", v] if first is None else jnp.where(updates == 0, first[v], values["average", v])
        average = momentum * kept + (1.0 - momentum) * now
        if first is None:
            average = jnp.where(updates == 0, now, average)
        values["average", v] = average = average.astype(now.dtype)
        if every is not None:
            weights[v] = jnp.where(is_due(updates, every), average, now)
