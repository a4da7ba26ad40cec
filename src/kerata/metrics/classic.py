"""Metrics as Keras 1 had them: numbers of a batch, averaged over batches by their size."""

import jax.numpy as jnp

from kerata.base import config
from kerata.base.registry import builtin
from kerata.losses.loss import as_array, fit_ranks


def _rounded(y_true, y_pred):
    y_pred = as_array(y_pred)
    y_true, y_pred = fit_ranks(jnp.asarray(y_true, y_pred.dtype), y_pred)
    return jnp.round(jnp.clip(y_true, 0, 1)), jnp.round(jnp.clip(y_pred, 0, 1)), jnp.round(jnp.clip(y_true * y_pred, 0, 1))


def _for_all(value, y_pred):
    """A number of the batch as that of each of its samples, so that batches count by their size."""
    return jnp.broadcast_to(value, y_pred.shape[:1])


@builtin("metrics", mixes_samples=True)
def classic_precision(y_true, y_pred):
    """Of the labels that a batch's predictions name, the part that is right.

    >>> import numpy as np
    >>> found = classic_precision(np.float32([[1, 0], [0, 1]]), np.float32([[0.9, 0.8], [0.1, 0.7]]))
    >>> [round(float(value), 4) for value in found]
    [0.6667, 0.6667]
    """
    _, named, right = _rounded(y_true, y_pred)
    return _for_all(jnp.sum(right) / (jnp.sum(named) + config.epsilon()), named)


@builtin("metrics", mixes_samples=True)
def classic_recall(y_true, y_pred):
    """Of the labels of a batch, the part that its predictions name."""
    labels, _, right = _rounded(y_true, y_pred)
    return _for_all(jnp.sum(right) / (jnp.sum(labels) + config.epsilon()), labels)


@builtin("metrics", mixes_samples=True)
def classic_fbeta_score(y_true, y_pred, beta=1):
    """(1 + beta²) p r / (beta² p + r) of the precision p and the recall r of a batch."""
    p, r = classic_precision(y_true, y_pred), classic_recall(y_true, y_pred)
    return (1 + beta**2) * (p * r) / (beta**2 * p + r + config.epsilon())


@builtin("metrics", mixes_samples=True)
def classic_fmeasure(y_true, y_pred):
    """The harmonic mean of a batch's precision and recall."""
    return classic_fbeta_score(y_true, y_pred, beta=1)


@builtin("metrics", mixes_samples=True)
def classic_matthews_correlation(y_true, y_pred):
    """The correlation of a batch's labels and rounded predictions, from -1 to 1."""
    labels, named, _ = _rounded(y_true, y_pred)
    tp, tn = jnp.sum(labels * named), jnp.sum((1 - labels) * (1 - named))
    fp, fn = jnp.sum((1 - labels) * named), jnp.sum(labels * (1 - named))
    product = jnp.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return _for_all((tp * tn - fp * fn) / (product + config.epsilon()), named)
