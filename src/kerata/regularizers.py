"""Regularizers: penalties on weights or outputs, added to the loss. Their strengths are values of the program."""

import math
from typing import Any, TypeVar

import jax.numpy as jnp
from jax import lax

from kerata.base import registry
from kerata.base.absent import explain
from kerata.base.checks import KindError, check_choice, check_number, message
from kerata.base.config import epsilon
from kerata.base.registry import builtin
from kerata.base.serialization import resolve, serialize_keras_object
from kerata.base.types import Owner, Plain
from kerata.engine.hyper import Hyperparameter
from kerata.engine.mistakes import Blame
from kerata.engine.module import Module
from kerata.engine.scope import valid_rows
from kerata.engine.types import Array, WeightFunction
from kerata.kernels.maxima import larger

T = TypeVar("T")


@builtin("regularizers")
class Regularizer(Module):
    """A function of a weight that gives one number, which is added to the loss.

    One of your own defines `__call__(x)`; a plain function of one array does as well.

    >>> import kerata, jax.numpy as jnp
    >>> class Cubic(kerata.regularizers.Regularizer):
    ...     def __call__(self, x):
    ...         return 0.01 * jnp.sum(abs(x) ** 3)
    >>> kerata.layers.Dense(2, kernel_regularizer=Cubic()).kernel_regularizer is None
    False
    """

    # Whether the penalty is a sum over elements, to which 0 adds nothing: rows of an output that are not there do not matter.
    sums_elements = False
    # Whether elements that are 0 add nothing to it, with slopes of 0 (that of |x| is 1 there).
    keeps_zeros = False

    def __call__(self, x: Array) -> Array | float:
        return 0.0


@builtin("regularizers", "l1")
class L1(Regularizer):
    """penalty = l1 * sum(|x|): drives weights to exactly zero, so it selects.

    Args:
        l1: strength, at least 0; a value of the program.

    >>> import kerata, numpy as np
    >>> float(kerata.regularizers.L1(0.5)(np.array([1.0, -3.0])))
    2.0
    """

    sums_elements = True
    l1 = Hyperparameter(low=0.0)

    def __init__(self, l1=0.01):
        self.l1 = check_strength(self, "l1", 0.01 if l1 is None else l1)

    def __call__(self, x):
        x = jnp.asarray(x)
        return jnp.asarray(self.l1, x.dtype) * jnp.sum(jnp.abs(x))


@builtin("regularizers", "l2")
class L2(Regularizer):
    """penalty = l2 * sum(x^2): keeps weights small, the usual cure of overfitting; try 0.001 and ten-fold steps.

    Args:
        l2: strength, at least 0; a value of the program.

    >>> import kerata, numpy as np
    >>> float(kerata.regularizers.L2(0.5)(np.array([1.0, -3.0])))
    5.0
    """

    sums_elements = True
    keeps_zeros = True
    l2 = Hyperparameter(low=0.0)

    def __init__(self, l2=0.01):
        self.l2 = check_strength(self, "l2", 0.01 if l2 is None else l2)

    def __call__(self, x):
        x = jnp.asarray(x)
        return jnp.asarray(self.l2, x.dtype) * jnp.sum(jnp.square(x))


@builtin("regularizers", "l1l2", "l1_l2")
class L1L2(Regularizer):
    """penalty = l1 * sum(|x|) + l2 * sum(x^2).

    Args:
        l1, l2: strengths, at least 0; values of the program.

    >>> import kerata, numpy as np
    >>> float(kerata.regularizers.L1L2(l1=1.0, l2=0.5)(np.array([1.0, -3.0])))
    9.0
    """

    sums_elements = True
    l1 = Hyperparameter(low=0.0)
    l2 = Hyperparameter(low=0.0)

    def __init__(self, l1=0.0, l2=0.0):
        self.l1 = check_strength(self, "l1", 0.0 if l1 is None else l1)
        self.l2 = check_strength(self, "l2", 0.0 if l2 is None else l2)

    def __call__(self, x):
        x = jnp.asarray(x)
        absolute = jnp.asarray(self.l1, x.dtype) * jnp.sum(jnp.abs(x))
        return absolute + jnp.asarray(self.l2, x.dtype) * jnp.sum(jnp.square(x))


@builtin("regularizers", "orthogonal_regularizer")
class OrthogonalRegularizer(Regularizer):
    """penalty = factor * mean over pairs of |cosine of the angle between two rows (or columns)|.

    Args:
        factor: strength, at least 0; a value of the program.
        mode: `"rows"` or `"columns"`.

    Shapes: a matrix.

    >>> import kerata, numpy as np
    >>> float(kerata.regularizers.OrthogonalRegularizer(1.0)(np.eye(3)))
    0.0
    """

    factor = Hyperparameter(low=0.0)

    def __init__(self, factor=0.01, mode="rows"):
        self.factor = check_strength(self, "factor", factor)
        self.mode = check_choice(self, "mode", mode, ("rows", "columns"))

    def __call__(self, inputs):
        x = jnp.asarray(inputs)
        if x.ndim != 2:
            raise ValueError(message(self, "the input must be a matrix", {"shape": x.shape}))
        x = x if self.mode == "rows" else x.T  # (vectors, length)
        # Bounded below, so that a row of zeros has a gradient.
        x = x * lax.rsqrt(larger(jnp.sum(jnp.square(x), axis=1, keepdims=True), epsilon() ** 2))
        size = x.shape[0]
        cosines = (x @ x.T) * (1.0 - jnp.eye(size, dtype=x.dtype))
        # Each pair is twice in the sum.
        return jnp.asarray(self.factor, x.dtype) * 0.5 * jnp.sum(jnp.abs(cosines)) / (size * (size - 1.0) / 2.0)


def check_strength(owner: Owner, name: str, value: T) -> T:
    """A finite number of at least 0."""
    value = check_number(owner, name, value, low=0.0)
    if isinstance(value, float) and math.isinf(value):
        raise ValueError(message(owner, f"`{name}` must be a finite number of at least 0", {name: value}))
    return value


def penalize(regularizer: WeightFunction, values: Array, owner: str) -> Array:
    """The penalty on weights or an output. An error in a user's function is said with its owner."""
    with Blame(owner, values=values):
        penalty = regularizer(values)
    if penalty is None or isinstance(penalty, (str, dict)):
        fix = "End it with `return ...`" if penalty is None else ""
        raise KindError(message(owner, "a regularizer must give a number", {"penalty": penalty}, fix))
    return penalty


def penalize_samples(regularizer: WeightFunction, output: Array, owner: str, summed: bool) -> Array:
    """The penalty on an output.

    Args:
        regularizer: the penalty.
        output: of shape (batch, ...).
        owner: whose it is, for messages.
        summed: whether it is the sum over samples. The mean does not depend on the size of the batch.
    """
    if not output.ndim or not output.shape[0]:
        return penalize(regularizer, output, owner)
    samples, valid = output.shape[0], valid_rows(output.shape[0])
    if valid is not None:
        output = jnp.where(jnp.reshape(valid, (-1, *[1] * (output.ndim - 1))) > 0, output, 0)
        samples = jnp.maximum(jnp.sum(valid), 1)
    penalty = penalize(regularizer, output, owner)
    return penalty if summed else penalty / samples


def get(identifier: object) -> WeightFunction | None:
    """The regularizer that a name, config, class or function stands for; `None` stays `None`.

    >>> get("l2").l2
    0.01
    """
    return resolve("regularizers", identifier, "regularizers.get", "identifier")


def serialize(regularizer: object) -> Plain:
    """The regularizer as plain data, in Keras's form."""
    return serialize_keras_object(regularizer)


def deserialize(config: object, custom_objects: dict[str, Any] | None = None) -> WeightFunction | None:
    """The regularizer that `serialize` wrote, or that a name stands for."""
    with registry.CustomObjectScope(custom_objects or {}):
        return get(config)


l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer


__getattr__ = explain("kerata.regularizers")
