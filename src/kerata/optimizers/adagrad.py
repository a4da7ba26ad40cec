"""Adagrad."""

import jax.numpy as jnp

from kerata.base.checks import check_number
from kerata.base.registry import builtin
from kerata.engine.hyper import Hyperparameter
from kerata.engine.types import Array, Scalar
from kerata.optimizers.optimizer import Optimizer, shares_arguments
from kerata.optimizers.parts import One, Transformation, elementwise


@builtin("optimizers", "adagrad")
class Adagrad(Optimizer):
    """a = a + g**2; w = w - learning_rate * g / sqrt(a + epsilon).

    Weights that are seldom moved keep large steps, which suits sparse inputs; all steps shrink as training goes on.

    Args:
        learning_rate: the size of a step.
        initial_accumulator_value: the first a.
        epsilon: keeps the division finite.
        See `Optimizer` for the others.

    Source: Duchi, Hazan and Singer, Adaptive subgradient methods, 2011.

    >>> import kerata
    >>> w = kerata.Variable(1.0)
    >>> kerata.optimizers.Adagrad(0.1, initial_accumulator_value=0.0).apply([5.0], [w])
    >>> round(float(w), 4)
    0.9
    """

    slots = (("accumulator",),)
    keeps_zeros = True
    epsilon = Hyperparameter(low=0.0)

    @shares_arguments
    def __init__(self, learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-7, weight_decay=None, **kwargs):
        super().__init__(learning_rate, weight_decay, **kwargs)
        self.initial_accumulator_value = check_number(self, "initial_accumulator_value", initial_accumulator_value, low=0.0)
        self.epsilon = epsilon

    def transform(self) -> Transformation:
        return elementwise(self._rule, accumulator=self.initial_accumulator_value)

    def _rule(self, step: Array, rate: Scalar) -> One:
        def one(g: Array, p: Array, a: Array) -> tuple[Array, ...]:
            a = a + jnp.square(g)
            return -self._divided(rate * g, a), a

        return one

    def _divided(self, move: Array, a: Array) -> Array:
        return move / jnp.sqrt(a + self.epsilon)
