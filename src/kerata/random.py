"""Random numbers: `keras.random`.

`seed` is a `SeedGenerator`, which moves on at each draw; an integer, which gives the same numbers at each call; or
`None` for the process's own generator, which `kerata.utils.set_random_seed` sets. Inside training programs draws come
from the step's key, so a run does not depend on how it was cut into steps.
"""

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from kerata.base.absent import explain
from kerata.base.checks import message
from kerata.base.registry import builtin
from kerata.engine.random import SeedGenerator as SeedGenerator
from kerata.engine.random import draw_key
from kerata.engine.seeds import law
from kerata.engine.symbolic import traceable
from kerata.engine.variable import standardize_dtype, standardize_shape
from kerata.kernels import random as kernel

builtin("random")(SeedGenerator)


def normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Normal numbers.

    >>> import kerata
    >>> kerata.random.normal((2, 3), seed=1).shape
    (2, 3)
    """
    key, shape, dtype = draw_key(seed), standardize_shape(shape, "normal"), _dtype(dtype)
    if _are_numbers(mean, stddev) and (words := _words_of_another_law(key)) is not None:
        return jnp.asarray(law().numbers.normal(words, shape, mean, stddev, dtype))
    return kernel.normal(key, shape, dtype, mean, stddev)


def uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
    """Uniform numbers of [minval, maxval).

    >>> import kerata
    >>> bool((kerata.random.uniform((100,)) < 1.0).all())
    True
    """
    key, shape, dtype = draw_key(seed), standardize_shape(shape, "uniform"), _dtype(dtype)
    if _are_numbers(minval, maxval) and (words := _words_of_another_law(key)) is not None:
        return jnp.asarray(law().numbers.uniform(words, shape, minval, maxval, dtype))
    return kernel.uniform(key, shape, dtype, minval, maxval)


def truncated_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Normal numbers without those more than two standard deviations from the mean."""
    key, shape, dtype = draw_key(seed), standardize_shape(shape, "truncated_normal"), _dtype(dtype)
    if _are_numbers(mean, stddev) and (words := _words_of_another_law(key)) is not None:
        return jnp.asarray(law().numbers.truncated(words, shape, mean, stddev, dtype))
    return kernel.truncated_normal(key, shape, dtype, mean, stddev)


def randint(shape, minval, maxval, dtype="int32", seed=None):
    """Whole numbers of [minval, maxval)."""
    if not jnp.issubdtype(_dtype(dtype), jnp.integer):
        raise ValueError(message("random.randint", "`dtype` must be an integer type", {"dtype": dtype}, "Say dtype='int32'"))
    return jax.random.randint(_jax_key(seed), standardize_shape(shape, "randint"), minval, maxval, _dtype(dtype))


def binomial(shape, counts, probabilities, dtype=None, seed=None):
    """How many of `counts` trials succeed, each with the given probability."""
    counts, probabilities = jnp.asarray(counts, jnp.float32), jnp.asarray(probabilities, jnp.float32)
    shape = standardize_shape(shape, "binomial")
    return jax.random.binomial(_jax_key(seed), counts, probabilities, shape, _dtype(dtype))


def gamma(shape, alpha, dtype=None, seed=None):
    """Numbers with the density x^(alpha - 1) e^-x / Gamma(alpha)."""
    return jax.random.gamma(_jax_key(seed), jnp.asarray(alpha), standardize_shape(shape, "gamma"), _dtype(dtype))


def beta(shape, alpha, beta, dtype=None, seed=None):
    """Numbers of [0, 1] with a density proportional to x^(alpha - 1) (1 - x)^(beta - 1)."""
    alpha, beta = jnp.asarray(alpha), jnp.asarray(beta)
    return jax.random.beta(_jax_key(seed), alpha, beta, standardize_shape(shape, "beta"), _dtype(dtype))


@traceable
def categorical(logits, num_samples, dtype="int32", seed=None):
    """Classes drawn with probabilities softmax(logits).

    Shapes: (batch, classes) to (batch, num_samples).

    >>> import kerata
    >>> kerata.random.categorical([[0.0, 100.0]], 3).tolist()
    [[1, 1, 1]]
    """
    logits = jnp.asarray(logits)
    if logits.ndim != 2:
        raise ValueError(message("random.categorical", "`logits` must have the axes (batch, classes)", {"logits": logits}))
    key = draw_key(seed)
    if kernel.is_plain(key):
        drawn = jax.random.categorical(key, logits[..., None], shape=(logits.shape[0], num_samples), axis=1)
        return drawn.astype(_dtype(dtype))
    unit = kernel.uniform(key, (logits.shape[0], num_samples, logits.shape[1]), jnp.float32, 1e-7, 1.0)
    # The largest of logits plus Gumbel noise is a class with the right probability.
    return jnp.argmax(logits[:, None, :] - jnp.log(-jnp.log(unit)), axis=-1).astype(_dtype(dtype))


@traceable
def dropout(inputs, rate, noise_shape=None, seed=None):
    """inputs * mask / (1 - rate), the mask 0 with probability `rate`."""
    return kernel.dropout(draw_key(seed), rate, jnp.asarray(inputs), noise_shape)


@traceable
def shuffle(x, axis=0, seed=None):
    """x with its slices along `axis` in random order. A slice stays together."""
    return jax.random.permutation(_jax_key(seed), jnp.asarray(x), axis)


def _dtype(dtype):
    return jnp.dtype(standardize_dtype(dtype))


def _are_numbers(*values):
    return all(isinstance(value, (int, float)) for value in values)


def _words_of_another_law(key):
    """The words of a key whose numbers are not JAX's, where they are known."""
    if not kernel.is_plain(key) or isinstance(key, jax.core.Tracer) or not law().leads_draws():
        return None
    return tuple(int(word) for word in np.asarray(jax.random.key_data(key)))


def _jax_key(seed):
    key = draw_key(seed)
    return key if kernel.is_plain(key) else kernel.plain_key(key)


__getattr__ = explain("kerata.random")
