"""Adamax: Adam with the largest gradient in place of the average of squares."""

import jax.numpy as jnp

from kerata.base.registry import builtin
from kerata.engine.hyper import Hyperparameter
from kerata.engine.types import Array, Scalar
from kerata.optimizers.optimizer import Optimizer, shares_arguments
from kerata.optimizers.parts import One, Transformation, complement, elementwise


@builtin("optimizers", "adamax")
class Adamax(Optimizer):
    """w = w - learning_rate * m / ((1 - beta_1**t) * (u + epsilon)), with u = max(beta_2 * u, abs(g)).

    m = beta_1 * m + (1 - beta_1) * g is Adam's average gradient.

    Args:
        learning_rate: the size of a step.
        beta_1: how much of the average gradient stays in a step.
        beta_2: how fast the largest gradient is forgotten.
        epsilon: keeps the division finite.
        See `Optimizer` for the others.

    Source: Kingma and Ba, Adam, 2014, section 7.1, https://arxiv.org/abs/1412.6980.

    >>> import kerata
    >>> w = kerata.Variable(1.0)
    >>> kerata.optimizers.Adamax(0.1).apply([5.0], [w])
    >>> round(float(w), 4)
    0.9
    """

    slots = (("momentum", "norm"),)
    keeps_zeros = True
    beta_1 = Hyperparameter(low=0.0, high=1.0)
    beta_2 = Hyperparameter(low=0.0, high=1.0)
    epsilon = Hyperparameter(low=0.0)

    @shares_arguments
    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, weight_decay=None, **kwargs):
        super().__init__(learning_rate, weight_decay, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def transform(self) -> Transformation:
        return elementwise(self._rule, momentum=0.0, norm=0.0)

    def _rule(self, step: Array, rate: Scalar) -> One:
        new_1, beta_2, epsilon = complement(self.beta_1), self.beta_2, self.epsilon
        bias = 1.0 - self.beta_1**step

        def one(g: Array, p: Array, m: Array, u: Array) -> tuple[Array, ...]:
            m = m + (g - m) * new_1
            u = jnp.maximum(beta_2 * u, jnp.abs(g))
            return -(rate * m) / (bias * (u + epsilon)), m, u

        return one
