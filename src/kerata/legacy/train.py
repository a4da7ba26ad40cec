"""`tf.train`: the optimizers of TensorFlow 1, for sessions and for `compile`."""

import jax.numpy as jnp

from kerata import optimizers
from kerata.engine.hyper import Hyperparameter
from kerata.engine.types import Array, Scalar
from kerata.legacy.graphs import Stepping
from kerata.legacy.tensorflow.models import FlowingOptimizer
from kerata.optimizers.parts import One, Transformation, complement, elementwise


class GradientDescentOptimizer(Stepping, FlowingOptimizer, optimizers.SGD):
    """w = w - learning_rate * g."""

    def __init__(self, learning_rate: float, use_locking: bool = False, name: str | None = None):
        super().__init__(learning_rate)


class MomentumOptimizer(Stepping, FlowingOptimizer, optimizers.Optimizer):
    """a = momentum * a + g; w = w - learning_rate * a, or w - learning_rate * (g + momentum * a) by Nesterov."""

    slots = (("momentum",),)
    momentum = Hyperparameter(low=0.0, high=1.0)

    def __init__(
        self,
        learning_rate: float,
        momentum: float,
        use_locking: bool = False,
        name: str | None = None,
        use_nesterov: bool = False,
    ):
        super().__init__(learning_rate)
        self.momentum, self.use_nesterov = momentum, use_nesterov

    def transform(self) -> Transformation:
        return elementwise(self._rule, momentum=0.0)

    def _rule(self, step: Array, rate: Scalar) -> One:
        factor, nesterov = self.momentum, self.use_nesterov

        def one(g: Array, p: Array, a: Array) -> tuple[Array, ...]:
            a = factor * a + g
            return -rate * (g + factor * a if nesterov else a), a

        return one


class AdamOptimizer(Stepping, FlowingOptimizer, optimizers.Adam):
    """Adam, with the epsilon of then."""

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-08,
        use_locking: bool = False,
        name: str | None = None,
    ):
        super().__init__(learning_rate, beta1, beta2, epsilon)


class AdadeltaOptimizer(Stepping, FlowingOptimizer, optimizers.Adadelta):
    """Adadelta, with the epsilon of then."""

    def __init__(
        self,
        learning_rate: float = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-08,
        use_locking: bool = False,
        name: str | None = None,
    ):
        super().__init__(learning_rate, rho, epsilon)


class AdagradOptimizer(Stepping, FlowingOptimizer, optimizers.Optimizer):
    """a = a + g**2; w = w - learning_rate * g / sqrt(a), where a begins at `initial_accumulator_value`."""

    slots = (("accumulator",),)

    def __init__(
        self, learning_rate: float, initial_accumulator_value: float = 0.1, use_locking: bool = False, name: str | None = None
    ):
        super().__init__(learning_rate)
        self.initial_accumulator_value = initial_accumulator_value

    def transform(self) -> Transformation:
        return elementwise(self._rule, accumulator=self.initial_accumulator_value)

    def _rule(self, step: Array, rate: Scalar) -> One:
        def one(g: Array, p: Array, a: Array) -> tuple[Array, ...]:
            a = a + jnp.square(g)
            return -rate * g / jnp.sqrt(a), a

        return one


class RMSPropOptimizer(Stepping, FlowingOptimizer, optimizers.Optimizer):
    """v = decay * v + (1 - decay) * g**2; a = momentum * a + learning_rate * g / sqrt(v + epsilon); w = w - a.

    v begins at 1.
    """

    slots = (("rms",), ("momentum",))
    rho = Hyperparameter(low=0.0, high=1.0)
    momentum = Hyperparameter(low=0.0, high=1.0)
    epsilon = Hyperparameter(low=0.0)

    def __init__(
        self,
        learning_rate: float,
        decay: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-10,
        use_locking: bool = False,
        centered: bool = False,
        name: str | None = None,
    ):
        if centered:
            raise NotImplementedError("tf.train.RMSPropOptimizer: centered=True is not there. Use keras.optimizers.RMSprop")
        super().__init__(learning_rate)
        self.rho, self.momentum, self.epsilon = decay, momentum, epsilon

    def transform(self) -> Transformation:
        return elementwise(self._rule, rms=1.0, momentum=0.0)

    def _rule(self, step: Array, rate: Scalar) -> One:
        rho, new, factor, epsilon = self.rho, complement(self.rho), self.momentum, self.epsilon

        def one(g: Array, p: Array, v: Array, a: Array) -> tuple[Array, ...]:
            v = rho * v + new * jnp.square(g)
            a = factor * a + rate * g / jnp.sqrt(v + epsilon)
            return -a, v, a

        return one


NAMES = {
    kind.__name__: kind
    for kind in (
        GradientDescentOptimizer,
        MomentumOptimizer,
        AdamOptimizer,
        AdadeltaOptimizer,
        AdagradOptimizer,
        RMSPropOptimizer,
    )
}
