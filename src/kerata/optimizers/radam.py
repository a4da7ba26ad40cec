"""RAdam: Adam that trusts its step sizes only once they are known well enough."""

import jax.numpy as jnp

from kerata.base.registry import builtin
from kerata.engine.hyper import Hyperparameter
from kerata.engine.types import Array, Scalar
from kerata.optimizers.optimizer import Optimizer, shares_arguments
from kerata.optimizers.parts import One, Transformation, complement, elementwise


@builtin("optimizers", "radam", "RectifiedAdam", "rectified_adam")
class RAdam(Optimizer):
    """w = w - learning_rate * r * m_hat / (sqrt(v_hat) + epsilon), and w - learning_rate * m_hat while rho is small.

    m_hat and v_hat are Adam's averages, corrected for their zero start. rho = rho_inf - 2 * t * beta_2**t /
    (1 - beta_2**t) is the number of gradients that v stands for, rho_inf = 2 / (1 - beta_2) - 1, and r**2 =
    (rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho). It takes the place of a warmup.

    Args:
        learning_rate: the size of a step.
        beta_1: how much of the average gradient stays in a step.
        beta_2: how much of the average of squared gradients stays in a step.
        epsilon: keeps the division finite.
        sma_threshold: the rho from which on v is used.
        See `Optimizer` for the others.

    Source: Liu et al., On the variance of the adaptive learning rate and beyond, 2019,
    https://arxiv.org/abs/1908.03265; names and defaults of TensorFlow Addons' RectifiedAdam. `optax.radam`
    computes the same.

    >>> import kerata
    >>> w = kerata.Variable(1.0)
    >>> kerata.optimizers.RAdam(0.1).apply([5.0], [w])
    >>> round(float(w), 4)
    0.5
    """

    slots = (("momentum", "velocity"),)
    keeps_zeros = True
    beta_1 = Hyperparameter(low=0.0, high=1.0)
    beta_2 = Hyperparameter(low=0.0, high=1.0)
    epsilon = Hyperparameter(low=0.0)
    sma_threshold = Hyperparameter()

    @shares_arguments
    def __init__(
        self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, sma_threshold=5.0, weight_decay=None, **kwargs
    ):
        super().__init__(learning_rate, weight_decay, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.sma_threshold = sma_threshold

    def transform(self) -> Transformation:
        return elementwise(self._rule, momentum=0.0, velocity=0.0)

    def _rule(self, step: Array, rate: Scalar) -> One:
        new_1, new_2, epsilon = complement(self.beta_1), complement(self.beta_2), self.epsilon
        # 1 - beta**t without cancellation: rho is a small difference of large numbers.
        bias_1, bias_2 = -jnp.expm1(step * jnp.log1p(-new_1)), -jnp.expm1(step * jnp.log1p(-new_2))
        last = 2.0 / new_2 - 1.0
        rho = last - 2.0 * step * (1.0 - bias_2) / bias_2
        trusted = rho >= self.sma_threshold
        known = jnp.where(trusted, rho, 5.0)
        r = jnp.sqrt((known - 4.0) / (last - 4.0) * (known - 2.0) / (last - 2.0) * last / known)

        def one(g: Array, p: Array, m: Array, v: Array) -> tuple[Array, ...]:
            m = m + (g - m) * new_1
            v = v + (jnp.square(g) - v) * new_2
            return -rate * (m / bias_1) * jnp.where(trusted, r / (jnp.sqrt(v / bias_2) + epsilon), 1.0), m, v

        return one
