"""AdamW without a schedule: an average of the weights takes its place."""

import jax
import jax.numpy as jnp

from kerata.base.registry import builtin
from kerata.engine.hyper import Hyperparameter
from kerata.engine.types import Array, Scalar, Tree
from kerata.optimizers.optimizer import Optimizer, shares_arguments
from kerata.optimizers.parts import Kept, One, Transformation, fill, rounded, transformation, update_each


@builtin("optimizers", "schedulefreeadamw", "schedule_free_adam_w")
class ScheduleFreeAdamW(Optimizer):
    """w = (1 - beta_1) * z + beta_1 * x, with z = z - learning_rate * g / (sqrt(v_hat) + epsilon).

    x = (1 - 1/t) * x + z / t. Gradients are taken between the fast weights z and their average x, so that no
    decay of the learning rate has to be planned ahead.

    Args:
        learning_rate: the size of a step.
        beta_1: how near to the average the gradients are taken; greater than 0.
        beta_2: how much of the average of squared gradients stays in a step.
        epsilon: keeps the division finite.
        warmup_steps: steps in which the learning rate rises from 0.
        See `Optimizer` for the others.

    Source: Defazio et al., The road less scheduled, 2024, https://arxiv.org/abs/2405.15682.

    >>> import kerata
    >>> w = kerata.Variable(1.0)
    >>> kerata.optimizers.ScheduleFreeAdamW(0.1).apply([5.0], [w])
    >>> round(float(w), 4)
    0.9
    """

    slots = (("momentum", "velocity"),)
    beta_1 = Hyperparameter(low=0.0, high=1.0)
    beta_2 = Hyperparameter(low=0.0, high=1.0)
    epsilon = Hyperparameter(low=0.0)
    warmup_steps = Hyperparameter(low=0.0)

    @shares_arguments
    def __init__(
        self, learning_rate=0.0025, beta_1=0.9, beta_2=0.999, epsilon=1e-8, warmup_steps=0, weight_decay=None, **kwargs
    ):
        super().__init__(learning_rate, weight_decay, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.warmup_steps = warmup_steps

    def transform(self) -> Transformation:
        def init(params: Tree) -> Kept:
            return {"momentum": jax.tree.map(lambda p: p, params), **fill(params, velocity=0.0)}

        def update(
            grads: Tree, state: Kept, params: Tree = None, *, step: Array, learning_rate: Array, **_: object
        ) -> tuple[Tree, Kept]:
            slots = {name: state[name] for name in ("momentum", "velocity")}
            return update_each(self._rule(step, learning_rate), grads, slots, params)

        return transformation(init, update)

    def _rule(self, step: Array, rate: Scalar) -> One:
        beta_1, epsilon = rounded(self.beta_1), self.epsilon
        new_1, new_2 = 1.0 - beta_1, 1.0 - rounded(self.beta_2)
        rate = rate * jnp.minimum(step / jnp.maximum(self.warmup_steps, 1.0), 1.0)
        bias_2 = 1.0 - self.beta_2**step

        def one(g: Array, p: Array, z: Array, v: Array) -> tuple[Array, ...]:
            v = v + (jnp.square(g) - v) * new_2
            x = (p - new_1 * z) / beta_1
            z = z - rate * g / (jnp.sqrt(v / bias_2) + epsilon)
            x = (1.0 - 1.0 / step) * x + z / step
            return new_1 * z + beta_1 * x - p, z, v

        return one
