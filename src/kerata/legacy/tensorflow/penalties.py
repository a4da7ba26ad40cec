"""Penalties of the eras, whose |x| had the slope 0 at 0, in Theano and TensorFlow; in JAX 1."""

import jax.numpy as jnp
from jax import lax

from kerata.engine.structure import is_ours
from kerata.engine.types import Array, WeightFunction
from kerata.engine.variable import Variable
from kerata.regularizers import L1, L1L2, Regularizer


class LevelAtZero(Regularizer):
    """A penalty without a slope where weights are 0.

    Args:
        rule: the penalty, a sum over elements.
    """

    sums_elements = True

    def __init__(self, rule: WeightFunction):
        self.rule = rule

    def __call__(self, x: Array) -> Array:
        x = jnp.asarray(x)
        return self.rule(jnp.where(x == 0, lax.stop_gradient(x), x))


def level_penalty(*variables: Variable) -> None:
    """Makes penalties on |x| level at 0; those of a program's own are what its functions make of them."""
    for variable in variables:
        rule = variable.regularizer
        if isinstance(rule, (L1, L1L2)) and is_ours(type(rule)):
            variable.regularizer = LevelAtZero(rule)
