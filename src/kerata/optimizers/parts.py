"""What optimizers are made of: pure transformations of gradients with named state, in optax's form.

Besides gradients, state and parameters a part takes `step`, the number of this update from 1, and
`learning_rate`, both float32 and both by name. What depends on them alone is computed once a step, not once a
parameter.
"""

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, cast

import jax
import jax.numpy as jnp
import numpy as np

from kerata.engine.types import Array, Scalar, Tree

# one(gradient, parameter, *slots) -> (update, *new slots)
One: TypeAlias = Callable[..., tuple[Array, ...]]
# rule(step, learning_rate) -> one
Rule: TypeAlias = Callable[[Array, Array], One]
# What is kept of each parameter, by name.
Kept: TypeAlias = dict[str, Any]


class Transformation(Protocol):
    """What turns gradients into what is added to the weights: an `optax.GradientTransformationExtraArgs`."""

    @property
    def init(self) -> Callable[[Tree], Any]: ...
    @property
    def update(self) -> Callable[..., tuple[Any, Any]]: ...


def elementwise(rule: Rule, **slots: float) -> Transformation:
    """The optax transformation that updates each parameter by itself.

    Args:
        rule: takes the step and the learning rate, and returns the function that updates one parameter.
        slots: names and initial values of the arrays that are kept for each parameter.

    >>> import jax.numpy as jnp
    >>> descent = elementwise(lambda step, rate: lambda g, p: (-rate * g,))
    >>> descent.update([jnp.float32(2.0)], {}, [jnp.float32(1.0)], step=1.0, learning_rate=0.5)[0]
    [Array(-1., dtype=float32)]
    """

    def init(params: Tree) -> dict[str, Any]:
        return fill(params, **slots)

    def update(
        grads: Tree, state: Kept, params: Tree = None, *, step: Array, learning_rate: Array, **_: object
    ) -> tuple[Tree, Kept]:
        return update_each(rule(step, learning_rate), grads, {name: state[name] for name in slots}, params)

    return transformation(init, update)


def transformation(init: Callable[[Any], Any], update: Callable[..., tuple[Any, Any]]) -> Transformation:
    """An `optax.GradientTransformationExtraArgs`."""
    import optax

    return cast(Transformation, optax.GradientTransformationExtraArgs(cast(Any, init), cast(Any, update)))


def fill(params: Tree, **slots: float) -> dict[str, Any]:
    """For each slot an array like each parameter, on the host and without taking memory."""

    def constant(value: float, p: Array) -> np.ndarray:
        return np.broadcast_to(np.asarray(value, p.dtype), p.shape)

    return {name: jax.tree.map(lambda p, v=value: constant(v, p), params) for name, value in slots.items()}


def update_each(one: One, grads: Tree, state: dict[str, Any], params: Tree) -> tuple[Any, Kept]:
    """(updates, state) by a function of one parameter, which takes the slots in the state's order."""
    treedef = jax.tree.structure(params)
    columns = [treedef.flatten_up_to(tree) for tree in (grads, params, *state.values())]
    rows = []
    for g, p, *slots in zip(*columns, strict=True):
        update, *new = one(g.astype(p.dtype), p, *slots)
        rows.append((update.astype(p.dtype), *[n.astype(s.dtype) for n, s in zip(new, slots, strict=True)]))
    updates, *slots = [treedef.unflatten(column) for column in zip(*rows, strict=True)] or [grads, *state.values()]
    return updates, dict(zip(state, slots, strict=True))


def complement(rate: Scalar) -> Scalar:
    """1 - rate, as exact for a traced float32 as for a Python float.

    0.999 in float32 is 0.99900001, whose complement is wrong by 1e-5 of itself. Rates are given in decimals,
    so rounding to seven of them restores what was meant.
    """
    if isinstance(rate, float):
        return 1.0 - float(rate)
    return jnp.round((1.0 - rate) * 1e7) / 1e7


def rounded(rate: Scalar) -> Array:
    """A rate as float32, for rules in which Keras rounds it before it takes its complement."""
    return jnp.asarray(rate, jnp.float32)
