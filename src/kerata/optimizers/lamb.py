"""Lamb: Adam with steps in proportion to the weights, for large batches."""

import jax.numpy as jnp

from kerata.base.registry import builtin
from kerata.engine.hyper import Hyperparameter
from kerata.engine.types import Array, Scalar
from kerata.optimizers.optimizer import Optimizer, shares_arguments
from kerata.optimizers.parts import One, Transformation, complement, elementwise


@builtin("optimizers", "lamb")
class Lamb(Optimizer):
    """w = w - learning_rate * norm(w) / norm(u) * u, with Adam's u = m_hat / (sqrt(v_hat) + epsilon).

    The ratio is 1 where a norm is 0. Norms are those of whole variables.

    Args:
        learning_rate: the size of a step, relative to the weights.
        beta_1: how much of the average gradient stays in a step.
        beta_2: how much of the average of squared gradients stays in a step.
        epsilon: keeps the division finite.
        See `Optimizer` for the others.

    Source: You et al., Large batch optimization for deep learning, 2019, https://arxiv.org/abs/1904.00962.

    >>> import kerata
    >>> w = kerata.Variable(2.0)
    >>> kerata.optimizers.Lamb(0.1).apply([5.0], [w])
    >>> round(float(w), 4)
    1.8
    """

    slots = (("momentum", "velocity"),)
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
        return elementwise(self._rule, momentum=0.0, velocity=0.0)

    def _rule(self, step: Array, rate: Scalar) -> One:
        new_1, new_2, epsilon = complement(self.beta_1), complement(self.beta_2), self.epsilon
        bias_1, bias_2 = 1.0 - self.beta_1**step, 1.0 - self.beta_2**step

        def one(g: Array, p: Array, m: Array, v: Array) -> tuple[Array, ...]:
            m = m + (g - m) * new_1
            v = v + (jnp.square(g) - v) * new_2
            u = m / bias_1 / (jnp.sqrt(v / bias_2) + epsilon)
            of_p, of_u = jnp.sqrt(jnp.sum(jnp.square(p))), jnp.sqrt(jnp.sum(jnp.square(u)))
            ratio = jnp.where((of_p > 0) & (of_u > 0), of_p / jnp.where(of_u > 0, of_u, 1.0), 1.0)
            return -ratio * rate * u, m, v

        return one
