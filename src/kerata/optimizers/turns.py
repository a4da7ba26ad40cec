"""When weights change, and in which order."""

from collections.abc import Callable, Sequence
from typing import Any

import jax

from kerata.engine.types import Array
from kerata.engine.variable import Variable
from kerata.kernels.compiler import after, prefers_fast_form

# Numbers of a weight, from which on a copy of it in each step costs more than that less runs side by side.
LARGE = 2**16


def in_turn(weights: dict[Variable, Any], gradients: dict[Variable, Any]) -> dict[Variable, Any]:
    """The weights, of which large ones are updated after the gradient of the weight before them is there.

    The gradient of what comes before a layer reads the layer's weights. As long as the order of that and of the update is open,
    XLA for CPU copies the weights in every step.
    """
    if not prefers_fast_form():
        return weights
    before = dict(zip(list(weights)[1:], gradients.values(), strict=False))
    return {v: after(w, before[v]) if w.size >= LARGE and v in before and before[v].size else w for v, w in weights.items()}


def is_due(count: Array, every: int) -> Array:
    return (count + 1) % every == 0


def either(
    now: Array, step: Callable[[], Any], stay: Callable[[], Any], variables: Sequence[Variable]
) -> tuple[dict[Variable, Any], Any]:
    """`step()` or `stay()`, whose first results are by variable; `lax.cond` wants lists."""

    def listed(branch: Callable[[], Any]) -> Callable[[], Any]:
        def run() -> tuple[list[Any], Any]:
            weights, values = branch()
            return [weights[v] for v in variables], values

        return run

    weights, values = jax.lax.cond(now, listed(step), listed(stay))
    return dict(zip(variables, weights, strict=True)), values
