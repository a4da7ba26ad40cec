"""Adadelta."""

import jax.numpy as jnp

from kerata.base.registry import builtin
from kerata.engine.hyper import Hyperparameter
from kerata.engine.types import Array, Scalar
from kerata.engine.variable import Variable
from kerata.optimizers.optimizer import Optimizer, shares_arguments
from kerata.optimizers.parts import One, Transformation, complement, elementwise


@builtin("optimizers", "adadelta")
class Adadelta(Optimizer):
    """d = -g * sqrt(s + epsilon) / sqrt(a + epsilon); w = w + learning_rate * d, with averages a of g**2 and s of d**2.

    Like Adagrad with a memory that fades. The paper's form has a learning rate of 1; the default is Keras's.

    Args:
        learning_rate: a factor on the step.
        rho: how much of the averages stays in a step.
        epsilon: keeps the division finite, and starts the first steps.
        See `Optimizer` for the others.

    Source: Zeiler, Adadelta, 2012, https://arxiv.org/abs/1212.5701.

    >>> import kerata
    >>> w = kerata.Variable(1.0)
    >>> kerata.optimizers.Adadelta(1.0, rho=0.0, epsilon=0.01).apply([5.0], [w])
    >>> round(float(w), 2)
    0.9
    """

    slots = (("accumulated_grad", "accumulated_delta_var"),)
    keeps_zeros = True
    rho = Hyperparameter(low=0.0, high=1.0)
    epsilon = Hyperparameter(low=0.0)

    @shares_arguments
    def __init__(self, learning_rate=0.001, rho=0.95, epsilon=1e-7, weight_decay=None, **kwargs):
        super().__init__(learning_rate, weight_decay, **kwargs)
        self.rho = rho
        self.epsilon = epsilon

    def update_step(self, grad: Array, variable: Variable, learning_rate: Scalar) -> None:
        # Under the name that Keras's rule has for the gradient.
        self._take_rule(grad, variable, learning_rate)

    def transform(self) -> Transformation:
        return elementwise(self._rule, accumulated_grad=0.0, accumulated_delta_var=0.0)

    def _rule(self, step: Array, rate: Scalar) -> One:
        rho, new, epsilon = self.rho, complement(self.rho), self.epsilon

        def one(g: Array, p: Array, a: Array, s: Array) -> tuple[Array, ...]:
            a = rho * a + new * jnp.square(g)
            d = -(jnp.sqrt(s + epsilon) * g) / jnp.sqrt(a + epsilon)
            return rate * d, a, rho * s + new * jnp.square(d)

        return one
