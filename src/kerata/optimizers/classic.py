"""Rules as Keras 1 and 2 had them, where today's differ."""

import jax.numpy as jnp

from kerata.base.registry import builtin
from kerata.engine.hyper import Hyperparameter
from kerata.engine.types import Array
from kerata.optimizers.adagrad import Adagrad
from kerata.optimizers.nadam import Nadam
from kerata.optimizers.optimizer import shares_arguments
from kerata.optimizers.rmsprop import RMSprop


@builtin("optimizers")
class ClassicRMSprop(RMSprop):
    """v = rho * v + (1 - rho) * g**2; w = w - learning_rate * g / (sqrt(v) + epsilon).

    Args:
        learning_rate: the size of a step.
        rho: how much of the average of squared gradients stays in a step.
        epsilon: keeps the division finite; outside of the root, where `RMSprop` has it inside.
        momentum: how much of the last step is kept. Where there is some, epsilon is inside: TensorFlow had it so.
        centered: whether to subtract the squared average gradient from v, which then estimates the variance.
        See `Optimizer` for the others.

    >>> import kerata
    >>> w = kerata.Variable(1.0)
    >>> kerata.optimizers.ClassicRMSprop(0.1, rho=0.0, epsilon=5.0).apply([5.0], [w])
    >>> round(float(w), 4)
    0.95
    """

    @shares_arguments
    def __init__(self, learning_rate=0.001, rho=0.9, epsilon=1e-7, momentum=0.0, centered=False, weight_decay=None, **kwargs):
        super().__init__(learning_rate, rho, momentum, epsilon, centered, weight_decay, **kwargs)

    def _divided(self, move: Array, variance: Array, keeps_speed: bool) -> Array:
        if keeps_speed:
            return super()._divided(move, variance, keeps_speed)
        return move / (jnp.sqrt(variance) + self.epsilon)


@builtin("optimizers")
class ClassicAdagrad(Adagrad):
    """a = a + g**2; w = w - learning_rate * g / (sqrt(a) + epsilon).

    Args:
        learning_rate: the size of a step.
        epsilon: keeps the division finite; outside of the root, where `Adagrad` has it inside.
        initial_accumulator_value: the first a.
        See `Optimizer` for the others.

    >>> import kerata
    >>> w = kerata.Variable(1.0)
    >>> kerata.optimizers.ClassicAdagrad(0.1).apply([5.0], [w])
    >>> round(float(w), 4)
    0.9
    """

    @shares_arguments
    def __init__(self, learning_rate=0.01, epsilon=1e-7, initial_accumulator_value=0.0, weight_decay=None, **kwargs):
        super().__init__(learning_rate, initial_accumulator_value, epsilon, weight_decay, **kwargs)

    def _divided(self, move: Array, a: Array) -> Array:
        return move / (jnp.sqrt(a) + self.epsilon)


@builtin("optimizers")
class ClassicNadam(Nadam):
    """`Nadam` whose momentum is warmed up more slowly: u = beta_1 * (1 - 0.5 * 0.96**(t * schedule_decay)).

    Args:
        learning_rate, beta_1, beta_2, epsilon: as in `Nadam`.
        schedule_decay: how fast the momentum warms up.
        See `Optimizer` for the others.

    >>> import kerata
    >>> w = kerata.Variable(1.0)
    >>> kerata.optimizers.ClassicNadam(0.1).apply([5.0], [w])
    >>> round(float(w), 3)
    0.894
    """

    schedule_decay = Hyperparameter(low=0.0)

    @shares_arguments
    def __init__(
        self, learning_rate=0.002, beta_1=0.9, beta_2=0.999, epsilon=1e-7, schedule_decay=0.004, weight_decay=None, **kwargs
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, weight_decay, **kwargs)
        self.schedule_decay = schedule_decay

    def _momentum(self, step: Array) -> Array:
        return self.beta_1 * (1.0 - 0.5 * jnp.power(0.96, step * self.schedule_decay))
