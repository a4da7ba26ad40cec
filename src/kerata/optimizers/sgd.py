"""Gradient descent."""

from kerata.base.registry import builtin
from kerata.engine.types import Array, Scalar
from kerata.optimizers.optimizer import Optimizer, shares_arguments
from kerata.optimizers.parts import One, Transformation, elementwise
from kerata.optimizers.rates import Switch


@builtin("optimizers", "sgd")
class SGD(Optimizer):
    """w = w - learning_rate * g; with momentum v = momentum * v - learning_rate * g, w = w + v.

    Nesterov's form looks ahead: w = w + momentum * v - learning_rate * g, with the new v.

    Args:
        learning_rate: the size of a step.
        momentum: how much of the last step is kept, between 0 and 1.
        nesterov: whether to use Nesterov's form.
        See `Optimizer` for the others.

    Source: Sutskever et al., On the importance of initialization and momentum, 2013.

    >>> import kerata
    >>> w = kerata.Variable(1.0)
    >>> optimizer = kerata.optimizers.SGD(0.1, momentum=0.9)
    >>> for _ in range(2):
    ...     optimizer.apply([1.0], [w])
    >>> round(float(w), 4)
    0.71
    """

    slots = (("momentum",),)
    keeps_zeros = True
    momentum = Switch(low=0.0, high=1.0)

    @shares_arguments
    def __init__(self, learning_rate=0.01, momentum=0.0, nesterov=False, weight_decay=None, **kwargs):
        super().__init__(learning_rate, weight_decay, **kwargs)
        self.momentum = momentum
        self.nesterov = bool(nesterov)

    def transform(self) -> Transformation:
        if not self.has_momentum:  # type: ignore[attr-defined]
            return elementwise(lambda step, rate: lambda g, p: (-rate * g,))
        return elementwise(self._rule, momentum=0.0)

    def _rule(self, step: Array, rate: Scalar) -> One:
        momentum, nesterov = self.momentum, self.nesterov

        def one(g: Array, p: Array, v: Array) -> tuple[Array, ...]:
            v = momentum * v - rate * g
            return (momentum * v - rate * g if nesterov else v), v

        return one
