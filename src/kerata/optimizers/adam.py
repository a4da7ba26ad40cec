"""Adam and AdamW."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from kerata.base.checks import message
from kerata.base.registry import builtin
from kerata.engine.hyper import Hyperparameter
from kerata.engine.types import Array, Scalar
from kerata.optimizers.optimizer import Optimizer, shares_arguments
from kerata.optimizers.parts import One, Transformation, complement, elementwise


def make_rule(beta_1: Scalar, beta_2: Scalar, epsilon: Scalar, step: Array, rate: Scalar) -> Callable[..., tuple[Any, ...]]:
    """Adam's rule for one parameter, at one step."""
    new_1, new_2 = complement(beta_1), complement(beta_2)
    alpha = rate * jnp.sqrt(1.0 - beta_2**step) / (1.0 - beta_1**step)

    def one(g: Array, p: Array, m: Array, v: Array, *largest: Array) -> tuple[Array, ...]:
        m = m + (g - m) * new_1
        v = v + (jnp.square(g) - v) * new_2
        largest = tuple(jnp.maximum(last, v) for last in largest)
        return -(m * alpha) / (jnp.sqrt(largest[0] if largest else v) + epsilon), m, v, *largest

    return one


@builtin("optimizers", "adam")
class Adam(Optimizer):
    """m = beta_1 * m + (1 - beta_1) * g; v = beta_2 * v + (1 - beta_2) * g**2; w = w - alpha * m / (sqrt(v) + epsilon).

    alpha = learning_rate * sqrt(1 - beta_2**t) / (1 - beta_1**t) makes up for averages that begin at zero.
    A good first choice: it needs little tuning of its learning rate.

    Args:
        learning_rate: the size of a step.
        beta_1: how much of the average gradient stays in a step.
        beta_2: how much of the average of squared gradients stays in a step.
        epsilon: keeps the division finite.
        amsgrad: whether to divide by the largest v so far.
        See `Optimizer` for the others.

    Source: Kingma and Ba, Adam, 2014, https://arxiv.org/abs/1412.6980; epsilon is the "epsilon hat" before
    section 2.1, as in Keras, and stands after the bias correction in optax.

    >>> import kerata
    >>> w = kerata.Variable(1.0)
    >>> kerata.optimizers.Adam(0.1).apply([5.0], [w])
    >>> round(float(w), 4)
    0.9
    """

    slots = (("momentum", "velocity"), ("velocity_hat",))
    keeps_zeros = True
    beta_1 = Hyperparameter(low=0.0, high=1.0)
    beta_2 = Hyperparameter(low=0.0, high=1.0)
    epsilon = Hyperparameter(low=0.0)

    @shares_arguments
    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False, weight_decay=None, **kwargs):
        super().__init__(learning_rate, weight_decay, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.amsgrad = bool(amsgrad)

    def transform(self) -> Transformation:
        return elementwise(self._rule, momentum=0.0, velocity=0.0, **({"velocity_hat": 0.0} if self.amsgrad else {}))

    def _rule(self, step: Array, rate: Scalar) -> One:
        return make_rule(self.beta_1, self.beta_2, self.epsilon, step, rate)


@builtin("optimizers", "adamw", "adam_w")
class AdamW(Adam):
    """Adam, with weights that shrink by learning_rate * weight_decay of themselves before each update.

    Unlike an L2 penalty the decay is not divided by the size of the gradients, so it acts on all weights alike.

    Args:
        weight_decay: the decay.
        See `Adam` and `Optimizer` for the others.

    Source: Loshchilov and Hutter, Decoupled weight decay regularization, 2017, https://arxiv.org/abs/1711.05101.

    >>> import kerata
    >>> w = kerata.Variable(1.0)
    >>> kerata.optimizers.AdamW(0.1, weight_decay=0.5).apply([0.0], [w])
    >>> round(float(w), 4)
    0.95
    """

    @shares_arguments
    def __init__(
        self, learning_rate=0.001, weight_decay=0.004, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False, **kwargs
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay, **kwargs)
        if weight_decay is None:
            raise ValueError(
                message(self, "Argument `weight_decay` must be a float", {"weight_decay": None}, "Use Adam without one")
            )
