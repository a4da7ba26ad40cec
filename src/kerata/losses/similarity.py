"""Losses of pairs of samples, for embeddings."""

import jax
import jax.numpy as jnp

from kerata.base.registry import builtin
from kerata.engine.hyper import Hyperparameter
from kerata.engine.scope import note
from kerata.engine.symbolic import traceable
from kerata.kernels.maxima import larger
from kerata.losses.loss import LossFunctionWrapper, as_array


@builtin("losses", mixes_samples=True)
@traceable
def circle(y_true, y_pred, ref_labels=None, ref_embeddings=None, remove_diagonal=True, gamma=80, margin=0.4):
    """softplus(logsumexp of near strangers + logsumexp of far relatives), by cosine distance.

    Args:
        y_true: integer labels of shape (batch,).
        y_pred: embeddings of length 1, of shape (batch, units).
        ref_labels, ref_embeddings: what they are compared with; the batch itself by default.
        remove_diagonal: whether a sample is not compared with itself.
        gamma: the steepness.
        margin: how far apart classes should be.
    """
    y_pred = as_array(y_pred)
    labels = jnp.reshape(jnp.asarray(y_true, jnp.int32), (-1, 1))
    others = y_pred if ref_embeddings is None else as_array(ref_embeddings)
    other_labels = labels if ref_labels is None else jnp.reshape(jnp.asarray(ref_labels, jnp.int32), (-1, 1))
    distance = larger(1 - y_pred @ others.T, 0.0)  # (batch, others)
    same = labels == other_labels.T
    differs = ~same
    if remove_diagonal:
        same &= ~jnp.eye(*same.shape, dtype=bool)
    far = -gamma * (margin + distance) * (margin - distance)
    near = gamma * larger(1 + margin - distance, 0.0) * (1 - margin - distance)
    values = jax.nn.softplus(_logsumexp(far, same) + _logsumexp(near, differs))
    note(values, "mask", values > 0)
    return values


def _logsumexp(x, where):
    return jax.scipy.special.logsumexp(jnp.where(where, x, -jnp.inf), axis=1)


@builtin("losses")
class Circle(LossFunctionWrapper):
    """Pulls embeddings of one class together and those of different classes apart.

    Args:
        gamma: the steepness.
        margin: how far apart classes should be.
        remove_diagonal: whether a sample is not compared with itself.

    Source: Sun et al., Circle Loss, 2020.
    """

    _passed = ("gamma", "margin", "remove_diagonal")
    gamma = Hyperparameter(low=0.0)
    margin = Hyperparameter()

    def __init__(
        self, gamma=80.0, margin=0.4, remove_diagonal=True, reduction="sum_over_batch_size", name="circle", dtype=None
    ):
        super().__init__(circle, reduction, name, dtype)
        self.gamma, self.margin, self.remove_diagonal = gamma, margin, remove_diagonal
