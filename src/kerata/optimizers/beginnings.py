"""What an optimizer's first state is made of, and how it is made anew."""

from collections.abc import Sequence

import numpy as np
from jax import numpy as jnp

from kerata.engine.variable import Variable
from kerata.optimizers.loss_scale_optimizer import LossScaleOptimizer
from kerata.optimizers.multi_optimizer import MultiOptimizer
from kerata.optimizers.optimizer import Optimizer
from kerata.optimizers.slots import Slots


def parts_of(optimizer: Optimizer) -> list[Optimizer]:
    """The optimizers within one."""
    if isinstance(optimizer, LossScaleOptimizer):
        return [optimizer.inner_optimizer]
    return optimizer.optimizers if isinstance(optimizer, MultiOptimizer) else []


def forget_state(optimizer: Optimizer) -> None:
    """Has an optimizer that has made no step make its first state when it next sees the weights."""
    for part in parts_of(optimizer):
        forget_state(part)
    optimizer.optimizer_state = Slots()


def starts_from_weights(optimizer: Optimizer, variables: Sequence[Variable]) -> bool:
    """Whether an optimizer's first state depends on the weights' values, as that of one that keeps an average of them.

    Of a rule that a user wrote step by step it is not known, so it may.

    >>> import kerata
    >>> weights = [kerata.Variable([1.0, 2.0])]
    >>> starts_from_weights(kerata.optimizers.Adam(), weights)
    False
    >>> starts_from_weights(kerata.optimizers.ScheduleFreeAdamW(), weights)
    True
    """
    if isinstance(optimizer, LossScaleOptimizer):
        return starts_from_weights(optimizer.inner_optimizer, variables)
    if isinstance(optimizer, MultiOptimizer):
        groups = zip(optimizer.optimizers, optimizer._groups(variables), strict=True)
        return any(starts_from_weights(inner, [variables[i] for i in group]) for inner, group in groups if group)
    if optimizer._is_stepwise:
        return True
    # No number is left where a weight was looked at.
    unknown = [np.full(v.shape, np.nan if jnp.issubdtype(v.dtype, jnp.floating) else 0, v.dtype) for v in variables]
    begun = [np.asarray(slot) for slot in optimizer._initial(variables, unknown).values()]
    return any(np.isnan(slot).any() for slot in begun if jnp.issubdtype(slot.dtype, jnp.floating))
