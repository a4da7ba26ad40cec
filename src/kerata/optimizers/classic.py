"""Rules as Keras 1 and 2 had them, where today's differ."""

import jax.numpy as jnp

from kerata.base.registry import builtin
from kerata.engine.hyper import Hyperparameter
from kerata.engine.types import Array, Scalar
from kerata.optimizers.nadam import Nadam
from kerata.optimizers.optimizer import Optimizer, shares_arguments
from kerata.optimizers.parts import One, Transformation, complement, elementwise


@builtin("optimizers")
class ClassicRMSprop(Optimizer):
    """v = rho * v + (1 - rho) * g**2; w = w - learning_rate * g / (sqrt(v) + epsilon).

    Args:
        learning_rate: the size of a step.
        rho: how much of the average of squared gradients stays in a step.
        epsilon: keeps the division finite; outside of the root, where `RMSprop` has it inside.
        See `Optimizer` for the others.

    >>> import kerata
    >>> w = kerata.Variable(1.0)
    >>> kerata.optimizers.ClassicRMSprop(0.1, rho=0.0, epsilon=5.0).apply([5.0], [w])
    >>> round(float(w), 4)
    0.95
    """

    slots = (("velocity",),)
    rho = Hyperparameter(low=0.0, high=1.0)
    epsilon = Hyperparameter(low=0.0)

    @shares_arguments
    def __init__(self, learning_rate=0.001, rho=0.9, epsilon=1e-7, weight_decay=None, **kwargs):
        super().__init__(learning_rate, weight_decay, **kwargs)
        self.rho = rho
        self.epsilon = epsilon

    def transform(self) -> Transformation:
        return elementwise(self._rule, velocity=0.0)

    def _rule(self, step: Array, rate: Scalar) -> One:
        rho, new, epsilon = self.rho, complement(self.rho), self.epsilon

        def one(g: Array, p: Array, v: Array) -> tuple[Array, ...]:
            v = rho * v + new * jnp.square(g)
            return -rate * g / (jnp.sqrt(v) + epsilon), v

        return one


@builtin("optimizers")
class ClassicAdagrad(Optimizer):
    """a = a + g**2; w = w - learning_rate * g / (sqrt(a) + epsilon), where a begins at 0.

    Args:
        learning_rate: the size of a step.
        epsilon: keeps the division finite; outside of the root, where `Adagrad` has it inside.
        See `Optimizer` for the others.

    >>> import kerata
    >>> w = kerata.Variable(1.0)
    >>> kerata.optimizers.ClassicAdagrad(0.1).apply([5.0], [w])
    >>> round(float(w), 4)
    0.9
    """

    slots = (("accumulator",),)
    epsilon = Hyperparameter(low=0.0)

    @shares_arguments
    def __init__(self, learning_rate=0.01, epsilon=1e-7, weight_decay=None, **kwargs):
        super().__init__(learning_rate, weight_decay, **kwargs)
        self.epsilon = epsilon

    def transform(self) -> Transformation:
        return elementwise(self._rule, accumulator=0.0)

    def _rule(self, step: Array, rate: Scalar) -> One:
        epsilon = self.epsilon

        def one(g: Array, p: Array, a: Array) -> tuple[Array, ...]:
            a = a + jnp.square(g)
            return -rate * g / (jnp.sqrt(a) + epsilon), a

        return one


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
