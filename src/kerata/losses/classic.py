"""Losses as Keras 1 and 2 had them, where today's differ."""

import jax.numpy as jnp

from kerata.base.registry import builtin
from kerata.engine.symbolic import traceable
from kerata.kernels.maxima import larger
from kerata.losses.loss import as_array, fit_ranks
from kerata.losses.regression import unit_vectors


def _pair(y_true, y_pred):
    y_pred = as_array(y_pred)
    return fit_ranks(jnp.asarray(y_true, y_pred.dtype), y_pred)


@builtin("losses", target_form="numbers")
@traceable
def classic_hinge(y_true, y_pred):
    """mean(max(0, 1 - y_true y_pred)) over the last axis; labels are -1 and 1, and 0 is none of them.

    >>> float(classic_hinge([0.0, 1.0], [-2.0, 0.5]))
    0.75
    """
    y_true, y_pred = _pair(y_true, y_pred)
    return jnp.mean(larger(1.0 - y_true * y_pred, 0.0), axis=-1)


@builtin("losses", target_form="numbers")
@traceable
def classic_squared_hinge(y_true, y_pred):
    """mean(max(0, 1 - y_true y_pred)²) over the last axis; labels are -1 and 1, and 0 is none of them."""
    y_true, y_pred = _pair(y_true, y_pred)
    return jnp.mean(jnp.square(larger(1.0 - y_true * y_pred, 0.0)), axis=-1)


@builtin("losses", target_form="numbers")
@traceable
def classic_cosine_proximity(y_true, y_pred):
    """Keras 1's -cos of the angle between y_true and y_pred, divided by their length: it took the mean for the sum.

    >>> round(float(classic_cosine_proximity([0.0, 2.0], [0.0, 1.0])), 4)
    -0.5
    """
    y_true, y_pred = _pair(y_true, y_pred)
    return -jnp.mean(unit_vectors(y_true, -1) * unit_vectors(y_pred, -1), axis=-1)
