"""Functions of arrays where K's names, arguments or defaults differ from those of `ops`."""

from typing import cast

import jax
import jax.numpy as jnp
import numpy as np

from kerata import activations, ops
from kerata import random as draws
from kerata.base.checks import message
from kerata.base.config import standardize_data_format
from kerata.base.types import Shape
from kerata.config import floatx
from kerata.engine.symbolic import traceable
from kerata.ops.core import shape
from kerata.ops.numpy import ndim


def all(x, axis=None, keepdims=False):
    """Whether all are true."""
    return ops.all(ops.cast(x, "bool"), axis, keepdims)


def any(x, axis=None, keepdims=False):
    """Whether any is true."""
    return ops.any(ops.cast(x, "bool"), axis, keepdims)


def mean(x, axis=None, keepdims=False):
    """The mean, as a float."""
    return ops.mean(x, axis, keepdims)


def argmax(x, axis=-1):
    """The index of the first of the largest."""
    return ops.argmax(x, axis)


def argmin(x, axis=-1):
    """The index of the first of the smallest."""
    return ops.argmin(x, axis)


def arange(start, stop=None, step=1, dtype="int32"):
    """start, start + step, ... below stop."""
    return ops.arange(start, stop, step, dtype)


def pow(x, a):
    """x^a."""
    return ops.power(x, a)


def clip(x, min_value, max_value):
    """min(max(x, min_value), max_value)."""
    return ops.clip(x, min_value, max_value)


def cumsum(x, axis=0):
    """The sums of the first 1, 2, ... along `axis`."""
    return ops.cumsum(x, axis)


def cumprod(x, axis=0):
    """The products of the first 1, 2, ... along `axis`."""
    return ops.cumprod(x, axis)


def equal(x, y):
    """x == y."""
    return ops.equal(x, y)


def not_equal(x, y):
    """x != y."""
    return ops.not_equal(x, y)


def greater(x, y):
    """x > y."""
    return ops.greater(x, y)


def greater_equal(x, y):
    """x >= y."""
    return ops.greater_equal(x, y)


def less(x, y):
    """x < y."""
    return ops.less(x, y)


def less_equal(x, y):
    """x <= y."""
    return ops.less_equal(x, y)


def maximum(x, y):
    """The larger one."""
    return ops.maximum(x, y)


def minimum(x, y):
    """The smaller one."""
    return ops.minimum(x, y)


def concatenate(tensors, axis=-1):
    """Arrays one after the other along an axis."""
    return ops.concatenate(tensors, axis)


def expand_dims(x, axis=-1):
    """x with a new axis of size 1."""
    return ops.expand_dims(x, axis)


def permute_dimensions(x, pattern):
    """x with its axes in another order."""
    return ops.transpose(x, pattern)


def reverse(x, axes):
    """x with the order along axes reversed."""
    return ops.flip(x, tuple(axes) if isinstance(axes, (list, tuple)) else axes)


def flatten(x):
    """x as one row."""
    return ops.reshape(x, (-1,))


def batch_flatten(x):
    """Each sample as one row."""
    sizes = cast(Shape, shape(x))
    return ops.reshape(x, (-1, int(np.prod(sizes[1:]))))


def repeat(x, n):
    """(batch, size) to (batch, n, size)."""
    return ops.repeat(ops.expand_dims(x, 1), n, axis=1)


def repeat_elements(x, rep, axis):
    """Each slice along an axis `rep` times in a row."""
    return ops.repeat(x, rep, axis)


def tile(x, n):
    """x laid side by side n times."""
    return ops.tile(x, n)


def gather(reference, indices):
    """The rows at indices."""
    return ops.take(reference, indices, axis=0)


def one_hot(indices, num_classes):
    """1 at the index, 0 elsewhere."""
    return ops.one_hot(indices, num_classes)


def in_top_k(predictions, targets, k):
    """Whether fewer than k predictions of a row are above that of its target."""
    return ops.in_top_k(targets, predictions, k)


def l2_normalize(x, axis=None):
    """x / |x| along `axis`."""
    return ops.normalize(x, axis=axis if axis is not None else tuple(range(ndim(x))), epsilon=1e-6)


def relu(x, alpha=0.0, max_value=None, threshold=0.0):
    """min(x, max_value) where x > threshold, alpha * (x - threshold) elsewhere."""
    return activations.relu(x, alpha, max_value, threshold)


def hard_sigmoid(x):
    """clip(0.2 x + 0.5, 0, 1), K's own slope; `activations.hard_sigmoid` has 1 / 6."""
    return ops.clip(ops.add(ops.multiply(x, 0.2), 0.5), 0.0, 1.0)


def dropout(x, level, noise_shape=None, seed=None):
    """x * mask / (1 - level)."""
    return draws.dropout(x, level, noise_shape, seed)


def random_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Normal numbers."""
    return draws.normal(shape, mean, stddev, dtype, seed)


def random_uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
    """Uniform numbers."""
    return draws.uniform(shape, minval, maxval, dtype, seed)


def random_bernoulli(shape, p=0.0, dtype=None, seed=None):
    """1 with probability p, else 0."""
    return ops.cast(draws.uniform(shape, seed=seed) < p, dtype or floatx())


random_binomial = random_bernoulli


@traceable
def batch_dot(x, y, axes=None):
    """For each sample the sum of products over one axis of x and one of y.

    >>> import kerata
    >>> kerata.backend.batch_dot(np.ones((2, 3)), np.ones((2, 3)), axes=1).shape
    (2, 1)
    """
    x, y = jnp.asarray(x), jnp.asarray(y)
    if axes is None:
        axes = (x.ndim - 1, y.ndim - 1 if y.ndim == 2 else y.ndim - 2)
    first, second = (axes, axes) if isinstance(axes, int) else axes
    pair = (first % x.ndim - 1, second % y.ndim - 1)
    if pair[0] < 0 or pair[1] < 0 or x.shape[pair[0] + 1] != y.shape[pair[1] + 1]:
        raise ValueError(
            message(
                "batch_dot", "`axes` must be axes of one size and not the batch", {"x": x.shape, "y": y.shape, "axes": axes}
            )
        )
    products = jax.vmap(lambda a, b: jnp.tensordot(a, b, ((pair[0],), (pair[1],))))(x, y)
    return products[:, None] if products.ndim == 1 else products


def bias_add(x, bias, data_format=None):
    """x + bias, one number for each channel (or a bias in the shape of a sample)."""
    bias = jnp.asarray(bias)
    if standardize_data_format(data_format) == "channels_first" and ndim(x) > 2:
        bias = bias.reshape(-1, *(1,) * (ndim(x) - 2)) if bias.ndim == 1 else jnp.moveaxis(bias, -1, 0)
    return ops.add(x, bias)


def batch_normalization(x, mean, var, beta, gamma, axis=-1, epsilon=1e-3):
    """(x - mean) / sqrt(var + epsilon) * gamma + beta."""
    return ops.batch_normalization(
        x,
        jnp.ravel(jnp.asarray(mean)),
        jnp.ravel(jnp.asarray(var)),
        axis,
        None if beta is None else jnp.ravel(jnp.asarray(beta)),
        None if gamma is None else jnp.ravel(jnp.asarray(gamma)),
        epsilon,
    )
