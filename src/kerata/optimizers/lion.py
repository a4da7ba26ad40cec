"""Lion: steps of one size, by the sign of the momentum."""

import jax.numpy as jnp

from kerata.base.checks import message
from kerata.base.registry import builtin
from kerata.engine.hyper import Hyperparameter
from kerata.engine.types import Array, Scalar
from kerata.optimizers.optimizer import Optimizer, shares_arguments
from kerata.optimizers.parts import One, Transformation, elementwise, rounded


@builtin("optimizers", "lion")
class Lion(Optimizer):
    """w = w - learning_rate * sign(beta_1 * m + (1 - beta_1) * g); m = beta_2 * m + (1 - beta_2) * g.

    Keeps half of Adam's state. All steps are of one size, so it wants a learning rate 3 to 10 times smaller
    than Adam's.

    Args:
        learning_rate: the size of a step.
        beta_1: the share of m in the direction of the step.
        beta_2: how much of m stays in a step.
        See `Optimizer` for the others.

    Source: Chen et al., Symbolic discovery of optimization algorithms, 2023, https://arxiv.org/abs/2302.06675.

    >>> import kerata
    >>> w = kerata.Variable(1.0)
    >>> kerata.optimizers.Lion(0.1).apply([5.0], [w])
    >>> round(float(w), 4)
    0.9
    """

    slots = (("momentum",),)
    keeps_zeros = True
    beta_1 = Hyperparameter(low=0.0, high=1.0)
    beta_2 = Hyperparameter(low=0.0, high=1.0)

    @shares_arguments
    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.99, weight_decay=None, **kwargs):
        super().__init__(learning_rate, weight_decay, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        if beta_1 == 0:
            raise ValueError(
                message(
                    self,
                    "`beta_1` must be greater than 0 and at most 1",
                    {"beta_1": beta_1},
                    "With 0 the steps are the signs of single gradients",
                )
            )

    def transform(self) -> Transformation:
        return elementwise(self._rule, momentum=0.0)

    def _rule(self, step: Array, rate: Scalar) -> One:
        beta_1, beta_2 = rounded(self.beta_1), rounded(self.beta_2)

        def one(g: Array, p: Array, m: Array) -> tuple[Array, ...]:
            return -rate * jnp.sign(m * beta_1 + g * (1.0 - beta_1)), m * beta_2 + g * (1.0 - beta_2)

        return one
