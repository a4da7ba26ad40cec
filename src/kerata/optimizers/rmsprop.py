"""RMSprop."""

import jax.numpy as jnp

from kerata.base.registry import builtin
from kerata.engine.hyper import Hyperparameter
from kerata.engine.types import Array, Scalar
from kerata.optimizers.optimizer import Optimizer, shares_arguments
from kerata.optimizers.parts import One, Transformation, complement, elementwise
from kerata.optimizers.rates import Switch


@builtin("optimizers", "rmsprop", "rms_prop")
class RMSprop(Optimizer):
    """v = rho * v + (1 - rho) * g**2; w = w - learning_rate * g / sqrt(v + epsilon).

    Each weight's step is divided by the recent size of its gradient, so that all weights move at about the
    same pace.

    Args:
        learning_rate: the size of a step.
        rho: how much of the average of squared gradients stays in a step.
        momentum: how much of the last step is kept.
        epsilon: keeps the division finite; inside the root, as in Keras.
        centered: whether to subtract the squared average gradient from v, which then estimates the variance.
        See `Optimizer` for the others.

    Source: Hinton, Neural Networks for Machine Learning, lecture 6e, 2012.

    >>> import kerata
    >>> w = kerata.Variable(1.0)
    >>> kerata.optimizers.RMSprop(0.1, rho=0.0).apply([5.0], [w])
    >>> round(float(w), 4)
    0.9
    """

    slots = (("velocity",), ("momentum",), ("average_gradient",))
    keeps_zeros = True
    rho = Hyperparameter(low=0.0, high=1.0)
    momentum = Switch(low=0.0, high=1.0)
    epsilon = Hyperparameter(low=0.0)

    @shares_arguments
    def __init__(self, learning_rate=0.001, rho=0.9, momentum=0.0, epsilon=1e-7, centered=False, weight_decay=None, **kwargs):
        super().__init__(learning_rate, weight_decay, **kwargs)
        self.rho = rho
        self.momentum = momentum
        self.epsilon = epsilon
        self.centered = bool(centered)

    def transform(self) -> Transformation:
        optional = {"momentum": self.has_momentum, "average_gradient": self.centered}  # type: ignore[attr-defined]
        return elementwise(self._rule, velocity=0.0, **{name: 0.0 for name, there in optional.items() if there})

    def _rule(self, step: Array, rate: Scalar) -> One:
        rho, new = self.rho, complement(self.rho)
        momentum, centered = self.momentum, self.centered

        def one(g: Array, p: Array, v: Array, *more: Array) -> tuple[Array, ...]:
            v = rho * v + new * jnp.square(g)
            variance, mean = v, ()
            if centered:
                mean = (rho * more[-1] + new * g,)
                variance = v - jnp.square(mean[0])
            keeps_speed = len(more) > centered
            move = self._divided(rate * g, variance, keeps_speed)
            if not keeps_speed:
                return -move, v, *mean
            speed = momentum * more[0] + move
            return -speed, v, speed, *mean

        return one

    def _divided(self, move: Array, variance: Array, keeps_speed: bool) -> Array:
        return move / jnp.sqrt(variance + self.epsilon)
