"""FTRL: follow the regularized leader."""

import jax.numpy as jnp

from kerata.base.checks import check_number
from kerata.base.registry import builtin
from kerata.engine.hyper import Hyperparameter
from kerata.engine.types import Array, Scalar
from kerata.optimizers.optimizer import Optimizer, shares_arguments
from kerata.optimizers.parts import One, Transformation, elementwise


@builtin("optimizers", "ftrl")
class Ftrl(Optimizer):
    """w = (clip(z, -l1, l1) - z) / (n**(-power) / learning_rate + 2 * l2), with n = n + g**2.

    z = z + g + 2 * shrinkage * w - (n_new**(-power) - n_old**(-power)) / learning_rate * w. For large, sparse
    linear models: many weights become exactly zero.

    Args:
        learning_rate: the size of a step.
        learning_rate_power: how the rate falls with n; at most 0, and 0 for a rate that stays.
        initial_accumulator_value: the first n.
        l1_regularization_strength: l1, which makes weights zero.
        l2_regularization_strength: l2, a penalty on the weights' squares.
        l2_shrinkage_regularization_strength: the shrinkage, a penalty that is part of the gradient.
        beta: adds beta / (2 * learning_rate) to l2.
        See `Optimizer` for the others.

    Source: McMahan et al., Ad click prediction, 2013.

    >>> import kerata
    >>> w = kerata.Variable(1.0)
    >>> kerata.optimizers.Ftrl(0.1, l1_regularization_strength=100.0).apply([5.0], [w])
    >>> float(w)
    0.0
    """

    slots = (("accumulator", "linear"),)
    keeps_zeros = replaces_weights = True
    learning_rate_power = Hyperparameter(high=0.0)
    l1_regularization_strength = Hyperparameter(low=0.0)
    l2_regularization_strength = Hyperparameter(low=0.0)
    l2_shrinkage_regularization_strength = Hyperparameter(low=0.0)
    beta = Hyperparameter()

    @shares_arguments
    def __init__(
        self,
        learning_rate=0.001,
        learning_rate_power=-0.5,
        initial_accumulator_value=0.1,
        l1_regularization_strength=0.0,
        l2_regularization_strength=0.0,
        l2_shrinkage_regularization_strength=0.0,
        beta=0.0,
        weight_decay=None,
        **kwargs,
    ):
        super().__init__(learning_rate, weight_decay, **kwargs)
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = check_number(self, "initial_accumulator_value", initial_accumulator_value, low=0.0)
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta

    def transform(self) -> Transformation:
        return elementwise(self._rule, accumulator=self.initial_accumulator_value, linear=0.0)

    def _rule(self, step: Array, rate: Scalar) -> One:
        power, l1 = -self.learning_rate_power, self.l1_regularization_strength
        l2 = self.l2_regularization_strength + self.beta / (2.0 * rate)
        shrinkage = 2.0 * self.l2_shrinkage_regularization_strength

        def one(g: Array, p: Array, n: Array, z: Array) -> tuple[Array, ...]:
            new = n + jnp.square(g)
            strength = jnp.power(new, power)
            z = z + g + shrinkage * p - (strength - jnp.power(n, power)) / rate * p
            weight = (jnp.clip(z, -l1, l1) - z) / (strength / rate + 2.0 * l2)
            return weight, new, z

        return one
