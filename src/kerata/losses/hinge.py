"""Losses with a margin."""

import jax.numpy as jnp

from kerata.base.registry import builtin
from kerata.engine.symbolic import traceable
from kerata.engine.types import Array
from kerata.kernels.maxima import larger, largest
from kerata.losses.loss import LossFunctionWrapper, as_array, fit_ranks

MEAN = "sum_over_batch_size"


def _products(y_true: Array, y_pred: Array) -> Array:
    """y_true y_pred, with labels 0 and 1 as -1 and 1."""
    y_pred = as_array(y_pred)
    y_true, y_pred = fit_ranks(jnp.asarray(y_true, y_pred.dtype), y_pred)
    binary = jnp.all((y_true == 0) | (y_true == 1))
    return jnp.where(binary, 2 * y_true - 1, y_true) * y_pred


@builtin("losses", target_form="numbers")
@traceable
def hinge(y_true, y_pred):
    """mean(max(0, 1 - y_true y_pred)) over the last axis; labels are -1 and 1, or 0 and 1.

    >>> float(hinge([0.0, 1.0], [-2.0, 0.5]))
    0.25
    """
    return jnp.mean(larger(1.0 - _products(y_true, y_pred), 0.0), axis=-1)


@builtin("losses", target_form="numbers")
@traceable
def squared_hinge(y_true, y_pred):
    """mean(max(0, 1 - y_true y_pred)²) over the last axis; labels are -1 and 1, or 0 and 1."""
    return jnp.mean(jnp.square(larger(1.0 - _products(y_true, y_pred), 0.0)), axis=-1)


@builtin("losses", target_form="one-hot")
@traceable
def categorical_hinge(y_true, y_pred):
    """max(0, 1 + max((1 - y_true) y_pred) - sum(y_true y_pred)), for labels as one-hot vectors."""
    y_pred = as_array(y_pred)
    y_true = jnp.asarray(y_true, y_pred.dtype)
    right = jnp.sum(y_true * y_pred, axis=-1)
    wrong = largest((1.0 - y_true) * y_pred, -1)
    return larger(wrong - right + 1.0, 0.0)


@builtin("losses")
class Hinge(LossFunctionWrapper):
    """mean(max(0, 1 - y_true y_pred)), for labels -1 and 1 (0 and 1 are read so)."""

    def __init__(self, reduction=MEAN, name="hinge", dtype=None):
        super().__init__(hinge, reduction, name, dtype)


@builtin("losses")
class SquaredHinge(LossFunctionWrapper):
    """mean(max(0, 1 - y_true y_pred)²), for labels -1 and 1 (0 and 1 are read so)."""

    def __init__(self, reduction=MEAN, name="squared_hinge", dtype=None):
        super().__init__(squared_hinge, reduction, name, dtype)


@builtin("losses")
class CategoricalHinge(LossFunctionWrapper):
    """max(0, 1 + the largest wrong output - the right one), for one-hot labels."""

    def __init__(self, reduction=MEAN, name="categorical_hinge", dtype=None):
        super().__init__(categorical_hinge, reduction, name, dtype)
