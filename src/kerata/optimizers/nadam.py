"""Nadam: Adam with Nesterov's momentum."""

import jax.numpy as jnp
import numpy as np

from kerata.base.registry import builtin
from kerata.engine.hyper import Hyperparameter
from kerata.engine.types import Array, HostArray, Scalar, Tree
from kerata.optimizers.optimizer import Optimizer, shares_arguments
from kerata.optimizers.parts import Kept, One, Transformation, fill, rounded, transformation, update_each


@builtin("optimizers", "nadam")
class Nadam(Optimizer):
    """w = w - learning_rate * m_hat / (sqrt(v_hat) + epsilon), with Adam's averages m and v.

    m_hat = u_next * m / (1 - product * u_next) + (1 - u) * g / (1 - product), where u = beta_1 * (1 - 0.5 *
    0.96**t) warms the momentum up, u_next is the u of the next step, and product is that of all u so far.

    Args:
        learning_rate: the size of a step.
        beta_1: how much of the average gradient stays in a step.
        beta_2: how much of the average of squared gradients stays in a step.
        epsilon: keeps the division finite.
        See `Optimizer` for the others.

    Source: Dozat, Incorporating Nesterov momentum into Adam, 2015.

    >>> import kerata
    >>> w = kerata.Variable(1.0)
    >>> kerata.optimizers.Nadam(0.1).apply([5.0], [w])
    >>> round(float(w), 3)
    0.894
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
        def init(params: Tree) -> Kept:
            return {**fill(params, momentum=0.0, velocity=0.0), "product": np.float32(1.0)}

        def update(
            grads: Tree, state: Kept, params: Tree = None, *, step: Array, learning_rate: Array, **_: object
        ) -> tuple[Tree, Kept]:
            product = state["product"] * self._momentum(step)
            slots = {name: state[name] for name in ("momentum", "velocity")}
            updates, slots = update_each(self._rule(step, learning_rate, product), grads, slots, params)
            return updates, {**slots, "product": product}

        return transformation(init, update)

    def product_after(self, steps: HostArray) -> np.ndarray:
        """The product of all momenta up to a step; old files do not hold it."""
        # After a thousand steps it is 0.
        counted = np.arange(1, min(int(steps), 2000) + 1, dtype="float32")
        factors = np.asarray(self._momentum(counted), "float32")
        return np.asarray(np.multiply.accumulate(factors)[-1] if len(factors) else 1.0, "float32")

    def _momentum(self, step: Array | HostArray) -> Array:
        return self.beta_1 * (1.0 - 0.5 * jnp.power(0.96, step))

    def _rule(self, step: Array, rate: Scalar, product: Array) -> One:
        new_1, new_2, epsilon = 1.0 - rounded(self.beta_1), 1.0 - rounded(self.beta_2), self.epsilon
        now, ahead = self._momentum(step), self._momentum(step + 1.0)
        of_m, of_g = ahead / (1.0 - product * ahead), (1.0 - now) / (1.0 - product)
        bias_2 = 1.0 - self.beta_2**step

        def one(g: Array, p: Array, m: Array, v: Array) -> tuple[Array, ...]:
            m = m + (g - m) * new_1
            v = v + (jnp.square(g) - v) * new_2
            return -(of_m * m + of_g * g) * rate / (jnp.sqrt(v / bias_2) + epsilon), m, v

        return one
