"""Losses of overlapping areas, for segmentation."""

import jax.numpy as jnp

from kerata.base.config import epsilon
from kerata.base.registry import builtin
from kerata.engine.hyper import Hyperparameter
from kerata.engine.symbolic import traceable
from kerata.losses.loss import LossFunctionWrapper, as_array

MEAN = "sum_over_batch_size"


@builtin("losses", target_form="numbers", mixes_samples=True)
@traceable
def dice(y_true, y_pred, axis=None):
    """1 - 2 sum(y_true y_pred) / (sum(y_true) + sum(y_pred)), over all axes unless `axis` names some.

    >>> round(float(dice([1.0, 0.0], [1.0, 0.0])), 4)
    0.0
    """
    y_pred = as_array(y_pred)
    y_true = jnp.asarray(y_true, y_pred.dtype)
    both = jnp.sum(y_true * y_pred, axis=axis)
    return 1 - 2.0 * both / (jnp.sum(y_true, axis=axis) + jnp.sum(y_pred, axis=axis) + epsilon())


@builtin("losses", target_form="numbers", mixes_samples=True)
@traceable
def tversky(y_true, y_pred, alpha=0.5, beta=0.5, axis=None):
    """1 - both / (both + alpha invented + beta missed), where both = sum(y_true y_pred).

    Args:
        alpha: the weight of what is in `y_pred` alone, the false positives.
        beta: the weight of what is in `y_true` alone, the false negatives.
        axis: the axes to sum over, all by default.

    >>> round(float(tversky([1.0, 0.0], [1.0, 1.0], alpha=1.0, beta=0.0)), 4)
    0.5
    """
    y_pred = as_array(y_pred)
    y_true = jnp.asarray(y_true, y_pred.dtype)
    both = jnp.sum(y_true * y_pred, axis=axis)
    invented = jnp.sum(y_pred * (1 - y_true), axis=axis)
    missed = jnp.sum((1 - y_pred) * y_true, axis=axis)
    return 1 - both / (both + invented * alpha + missed * beta + epsilon())


class _Overlap(LossFunctionWrapper):
    """A loss that sums over samples too, unless `axis` leaves them apart."""

    axis: int | tuple[int, ...] | None

    @property
    def mixes_samples(self) -> bool:  # type: ignore[override]
        axes = self.axis if isinstance(self.axis, (list, tuple)) else (self.axis,)
        return any(axis is None or axis == 0 for axis in axes)


@builtin("losses")
class Dice(_Overlap):
    """1 - 2 sum(y_true y_pred) / (sum(y_true) + sum(y_pred)).

    Args:
        axis: the axes to sum over, all by default, samples included; `(1, 2, 3)` gives each picture its own value.
    """

    _passed = ("axis",)

    def __init__(self, reduction=MEAN, name="dice", axis=None, dtype=None):
        super().__init__(dice, reduction, name, dtype)
        self.axis = tuple(axis) if isinstance(axis, list) else axis


@builtin("losses")
class Tversky(_Overlap):
    """1 - both / (both + alpha invented + beta missed); with 0.5 and 0.5 the Dice loss.

    Args:
        alpha: the weight of what is in `y_pred` alone, the false positives.
        beta: the weight of what is in `y_true` alone, the false negatives.
        axis: the axes to sum over, all by default, samples included.

    Source: Salehi et al., Tversky loss function for image segmentation, 2017. Keras 3.15.1 has alpha and beta the other
    way round.
    """

    _passed = ("alpha", "beta", "axis")
    alpha = Hyperparameter(low=0.0)
    beta = Hyperparameter(low=0.0)

    def __init__(self, alpha=0.5, beta=0.5, reduction=MEAN, name="tversky", axis=None, dtype=None):
        super().__init__(tversky, reduction, name, dtype)
        self.alpha, self.beta = alpha, beta
        self.axis = tuple(axis) if isinstance(axis, list) else axis
