"""Constraints: projections of a weight, applied after each update. Their bounds are values of the program."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from kerata.base import registry
from kerata.base.absent import explain
from kerata.base.checks import check_number, message
from kerata.base.config import epsilon
from kerata.base.registry import builtin
from kerata.base.serialization import resolve, serialize_keras_object
from kerata.base.types import Plain
from kerata.engine.hyper import Hyperparameter
from kerata.engine.mistakes import Blame
from kerata.engine.module import Module
from kerata.engine.types import Array, WeightFunction
from kerata.engine.variable import Variable


@builtin("constraints")
class Constraint(Module):
    """A function of a weight that gives the nearest allowed one.

    One of your own defines `__call__(w)`; a plain function of one array does as well.

    >>> import kerata, jax.numpy as jnp
    >>> class Unit(kerata.constraints.Constraint):
    ...     def __call__(self, w):
    ...         return jnp.clip(w, -1.0, 1.0)
    >>> float(Unit()(jnp.asarray(3.0)))
    1.0
    """

    def __call__(self, w: Array) -> Array:
        return w


@builtin("constraints", "max_norm", "maxnorm")
class MaxNorm(Constraint):
    """w * min(norm, max_value) / norm, the norm taken along `axis`: goes well with dropout and high rates.

    Args:
        max_value: the largest norm; a value of the program.
        axis: an integer or several: 0 for a Dense kernel, [0, 1, 2] for a Conv2D kernel.

    Source: Srivastava et al., "Dropout", JMLR 2014.

    >>> import kerata, numpy as np
    >>> round(float(np.linalg.norm(kerata.constraints.MaxNorm(2.0)(np.array([[3.0], [4.0]])))), 4)
    2.0
    """

    max_value = Hyperparameter(low=0.0)

    def __init__(self, max_value=2, axis=0):
        self.max_value = check_number(self, "max_value", max_value, low=0.0)
        self.axis = axis

    def __call__(self, w):
        w = jnp.asarray(w)
        norms = _norms(w, self.axis)
        return w * (jnp.clip(norms, 0.0, self.max_value) / (epsilon() + norms)).astype(w.dtype)


@builtin("constraints", "non_neg", "nonneg")
class NonNeg(Constraint):
    """max(w, 0).

    >>> import kerata, numpy as np
    >>> kerata.constraints.NonNeg()(np.array([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """

    def __call__(self, w):
        return jnp.maximum(jnp.asarray(w), 0)


@builtin("constraints", "unit_norm", "unitnorm")
class UnitNorm(Constraint):
    """w / norm, the norm taken along `axis`.

    Args:
        axis: an integer or several: 0 for a Dense kernel, [0, 1, 2] for a Conv2D kernel.

    >>> import kerata, numpy as np
    >>> round(float(np.linalg.norm(kerata.constraints.UnitNorm()(np.array([[3.0], [4.0]])))), 4)
    1.0
    """

    def __init__(self, axis=0):
        self.axis = axis

    def __call__(self, w):
        w = jnp.asarray(w)
        return w / (epsilon() + _norms(w, self.axis))


@builtin("constraints", "min_max_norm")
class MinMaxNorm(Constraint):
    """w * (rate * clip(norm, min_value, max_value) + (1 - rate) * norm) / norm, the norm taken along `axis`.

    Args:
        min_value, max_value: the range of norms; values of the program.
        rate: 1 for strict, less for a slow move towards the range; a value of the program.
        axis: an integer or several: 0 for a Dense kernel, [0, 1, 2] for a Conv2D kernel.

    >>> import kerata, numpy as np
    >>> round(float(np.linalg.norm(kerata.constraints.MinMaxNorm(10.0, 20.0)(np.array([[3.0], [4.0]])))), 4)
    10.0
    """

    min_value = Hyperparameter(low=0.0)
    max_value = Hyperparameter(low=0.0)
    rate = Hyperparameter(low=0.0, high=1.0)

    def __init__(self, min_value=0.0, max_value=1.0, rate=1.0, axis=0):
        self.min_value = check_number(self, "min_value", min_value, low=0.0)
        self.max_value = check_number(self, "max_value", max_value, low=0.0)
        self.rate = check_number(self, "rate", rate, 0.0, 1.0)
        self.axis = axis

    def __call__(self, w):
        w = jnp.asarray(w)
        norms = _norms(w, self.axis)
        desired = self.rate * jnp.clip(norms, self.min_value, self.max_value) + (1 - self.rate) * norms
        return w * (desired / (epsilon() + norms)).astype(w.dtype)


def _norms(w: Array, axis: int | Sequence[int]) -> Array:
    axis = tuple(axis) if isinstance(axis, (list, tuple)) else axis
    return jnp.sqrt(jnp.sum(jnp.square(w), axis=axis, keepdims=True))


def constrain(variable: Variable, value: Array) -> Array:
    """The nearest allowed value of a variable with a constraint. An error in a user's function is said with its owner."""
    owner = f"constraint ({variable.path})"
    assert variable.constraint is not None
    with Blame(owner, weights=value):
        found = variable.constraint(value)
    if np.shape(found) != value.shape or found is None:
        raise ValueError(
            message(
                owner,
                f"a constraint must give weights of the same shape, {value.shape}",
                {"returned": found},
                "End it with `return ...`" if found is None else "",
            )
        )
    # A program's own function may give a tensor of its era, which a loop does not carry.
    return jnp.asarray(found, value.dtype)


def get(identifier: object) -> WeightFunction | None:
    """The constraint that a name, config, class or function stands for; `None` stays `None`.

    >>> get("max_norm").max_value
    2.0
    """
    return resolve("constraints", identifier, "constraints.get", "identifier")


def serialize(constraint: object) -> Plain:
    """The constraint as plain data, in Keras's form."""
    return serialize_keras_object(constraint)


def deserialize(config: object, custom_objects: dict[str, Any] | None = None) -> WeightFunction | None:
    """The constraint that `serialize` wrote, or that a name stands for."""
    with registry.CustomObjectScope(custom_objects or {}):
        return get(config)


max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm
maxnorm, nonneg, unitnorm = MaxNorm, NonNeg, UnitNorm


__getattr__ = explain("kerata.constraints")
