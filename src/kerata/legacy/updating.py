"""Steps of optimizers as symbolic tensors: what functions of K and sessions of TensorFlow 1 do."""

from typing import Any

from kerata.engine.scope import Scope, current_scope
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.variable import Variable
from kerata.legacy.functions import computed


def updates_by(optimizer, slopes: list[SymbolicTensor], params: list[Variable]) -> list[tuple[Variable, SymbolicTensor]]:
    """(variable, symbolic new value) of each weight and of what an optimizer keeps of it, for one step.

    Args:
        optimizer: whose step; its rate is read in each one.
        slopes: symbolic gradients.
        params: the weights, one for each gradient.
    """
    slots = optimizer.state_variables(params)
    rate = [one for one in optimizer.variables if not isinstance(one, Variable)]
    held = [*params, *slots]

    def compute(*given: object) -> list[Any]:
        scope = current_scope()
        assert scope is not None, "functions of K run in a scope"
        weights, kept = scope.read(params), scope.read(slots)
        rates = {(id(optimizer), "learning_rate"): scope.read([one])[0] for one in rate}
        with Scope((), (), {**scope.hypers, **rates}, scope.key):
            found = optimizer.update(params, weights, list(given), kept)
        return [*found[0], *found[1]]

    return list(zip(held, computed(compute, slopes, held, [*held, *rate]), strict=True))
