"""Random numbers from a counter and a hash: the n-th number is a function of the key and of n, nothing else.

The plain form is `jax.random` (threefry). On a CPU it is twenty to forty times slower, and a dropout mask
becomes a third of a training step. Here an element costs three integer multiplications, which vectorize and
fuse into whatever uses the number. Not for cryptography.

A key is an array of two uint32 words. `fold` derives one key from another; numbers of different shapes drawn with one
key share their bits, so every use folds its own number into the key. Where the key is one of `jax.random` in its place, the
numbers are those of the plain form: outside of training nobody waits for them, and they are known from elsewhere.
"""

# JAX leaves some arguments of `einsum`, `reshape` and others without a type.
# pyright: reportUnknownMemberType=false

import functools
from typing import Any, cast

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jax import lax

from kerata.base.types import DTypeLike
from kerata.kernels.compiler import apart, prefers_fast_form
from kerata.kernels.typed import at_once, finfo, jitted, own_batching

# Two words, uint32 of shape (2,), on the device or on the host.
Key = jax.Array | np.ndarray[Any, np.dtype[Any]]

# The share of a normal distribution within two standard deviations.
WITHIN_TWO = 0.9544997361036416
# C. Wellons' "triple32" (hash-prospector): three rounds, bias within sampling noise of a random permutation.
ROUNDS = ((17, 0xED5AD4BB), (11, 0xAC4C1B51), (15, 0x31848BAB))


def _mix(counter: jax.Array, tweak: jax.Array) -> jax.Array:
    """triple32, with `tweak` added after its first round: keys with near first words must not overlap."""
    x = counter
    for n, (shift, factor) in enumerate(ROUNDS):
        x = (x ^ (x >> shift)) * jnp.uint32(factor)
        if n == 0:
            x = x + tweak
    return x ^ (x >> 14)


def _word(data: int | jax.Array) -> jax.Array:
    """An integer, or each element of an array of integers, as one uint32; negative ones wrap."""
    if isinstance(data, int):
        return jnp.uint32(data & 0xFFFFFFFF)
    return jnp.asarray(data).astype(jnp.uint32)


def is_plain(key: object) -> bool:
    """Whether a key is one of `jax.random`."""
    return isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key)


def plain_key(words: Key) -> jax.Array:
    """The key of `jax.random` that two words are."""
    return cast(jax.Array, jax.random.wrap_key_data(jnp.asarray(words, jnp.uint32), impl="threefry2x32"))


def from_seed(seed: int | jax.Array) -> jax.Array:
    """The key that a seed stands for: uint32, shape (2,).

    Args:
        seed: an integer of any size and sign (its low 64 bits count), or a traced integer.

    >>> import kerata.kernels.random as random
    >>> random.from_seed(7).shape
    (2,)
    """
    key = fold(jnp.zeros(2, jnp.uint32), seed)
    return fold(key, seed >> 32) if isinstance(seed, int) and not 0 <= seed < 2**32 else key


def fold(key: Key, data: int | jax.Array) -> jax.Array:
    """A new key from `key` and an integer: four Feistel rounds over the key's two words.

    For one `data` it is a permutation of all keys, and for one key different `data` (of 32 bits) give different keys.

    Args:
        key: uint32, shape (2,).
        data: an integer, Python's or traced: a step, a layer's number, a seed.

    >>> from kerata.kernels.random import fold, from_seed
    >>> key = from_seed(0)
    >>> bool((fold(key, 1) != fold(key, 2)).any())
    True
    """
    if is_plain(key):
        return jax.random.fold_in(key, _word(data))
    traced = isinstance(key, jax.core.Tracer)
    return (_fold_traced if traced else _fold)(key, _word(data))


# Traced once: a hundred operations take 4 ms each time.
@functools.partial(jitted, inline=True)
def _fold(key: Key, data: jax.Array) -> jax.Array:
    left, right = key[0], key[1]
    for n, odd in enumerate((0x9E3779B9, 0x85EBCA6B, 0xC2B2AE35, 0x27D4EB2F)):
        # The data enters every other round whole: one round alone would leave the first word unchanged by it.
        left, right = right, left ^ _mix(right + jnp.uint32(odd), data if n % 2 == 0 else jnp.uint32(odd) ^ data)
    return jnp.stack([left, right])


@own_batching
def _fold_traced(key: Key, data: jax.Array) -> jax.Array:
    """A key that is made once, in a place of its own.

    XLA would make it anew in all that draws from it. Where that also concatenates, LLVM asks of every number of this
    long chain whether it is the same for all elements, through both of its operands: twice as often with each link, for hours.
    """
    return (apart(_fold) if prefers_fast_form() else _fold)(key, data)


@_fold_traced.def_vmap
def _fold_many(size: int, batched: list[bool], key: Key, data: jax.Array) -> tuple[jax.Array, bool]:
    """The keys of many models, made once likewise."""
    many = jax.vmap(_fold, [0 if each else None for each in batched], axis_size=size)
    return (apart(many) if prefers_fast_form() else many)(key, data), True


def _counters(shape: tuple[int, ...]) -> jax.Array:
    """0, 1, 2, ... in row-major order; a sum over the axes, not a reshaped range, so that it can be sharded."""
    total, stride = jnp.zeros(shape, jnp.uint32), 1
    for axis in reversed(range(len(shape))):
        total = total + lax.broadcasted_iota(jnp.uint32, shape, axis) * jnp.uint32(stride & 0xFFFFFFFF)
        stride *= shape[axis]
    return total


def bits(key: Key, shape: tuple[int, ...] = (), features: jax.Array | None = None) -> jax.Array:
    """Uniform random words: uint32 of `shape`. They repeat after 2**32 elements.

    Args:
        features: where the last axis is filled up, how many of it are there; may be traced. Those get the words that they have
            in an array that ends with them.

    >>> from kerata.kernels.random import bits, from_seed
    >>> bits(from_seed(0), (2, 3)).dtype
    dtype('uint32')
    """
    if is_plain(key):
        return jax.random.bits(key, shape)
    counters = _counters(tuple(shape)) if features is None else _counters_within(tuple(shape), _word(features))
    return _mix(counters + key[0], key[1])


def _counters_within(shape: tuple[int, ...], features: jax.Array) -> jax.Array:
    """The counters of an array whose last axis has only so many elements, for these; for others, those of elsewhere."""
    return _counters((*shape[:-1], 1)) * features + lax.broadcasted_iota(jnp.uint32, shape, len(shape) - 1)


def _integers(key: Key, shape: tuple[int, ...], wanted: int, features: jax.Array | None = None) -> jax.Array:
    """Uniform signed integers of `wanted` random bits (at most 31): conversion to float is slow for unsigned ones."""
    return (bits(key, shape, features) >> (32 - wanted)).astype(jnp.int32)


@at_once("shape", "dtype")
def uniform(
    key: Key,
    shape: tuple[int, ...] = (),
    dtype: DTypeLike = jnp.float32,
    minval: float | jax.Array = 0.0,
    maxval: float | jax.Array = 1.0,
) -> jax.Array:
    """Uniform numbers of [minval, maxval), on a grid as fine as the dtype's precision near one.

    Args:
        minval, maxval: numbers or arrays that broadcast to `shape`; both may be traced.

    >>> from kerata.kernels.random import from_seed, uniform
    >>> x = uniform(from_seed(0), (1000,), minval=-1.0)
    >>> bool((x >= -1).all() and (x < 1).all())
    True
    """
    dtype = jnp.dtype(dtype)
    if is_plain(key):
        return jax.random.uniform(key, shape, dtype, minval, maxval)
    precision = finfo(dtype).nmant + 1
    if precision <= 31:
        unit = _integers(key, shape, precision).astype(dtype) * jnp.asarray(2.0**-precision, dtype)
    else:
        high, low = _integers(key, shape, 26).astype(dtype), _integers(fold(key, 1), shape, 27).astype(dtype)
        unit = (high * 2.0**27 + low) * 2.0**-53
    minval, maxval = jnp.asarray(minval, dtype), jnp.asarray(maxval, dtype)
    return jnp.maximum(minval, unit * (maxval - minval) + minval)


@at_once("shape")
def bernoulli(
    key: Key, p: float | jax.Array = 0.5, shape: tuple[int, ...] = (), features: jax.Array | None = None
) -> jax.Array:
    """True with probability `p` (to within 2**-24): never for p <= 0, always for p >= 1.

    Args:
        p: a number or an array that broadcasts to `shape`; may be traced.
        features: as of `bits`.

    >>> from kerata.kernels.random import bernoulli, from_seed
    >>> bool(bernoulli(from_seed(0), 1.0, (100,)).all())
    True
    """
    if is_plain(key):
        return jax.random.bernoulli(key, p, tuple(shape))
    threshold = jnp.ceil(jnp.clip(jnp.asarray(p, jnp.float32), 0, 1) * 2.0**24).astype(jnp.int32)
    return _integers(key, tuple(shape), 24, features) < threshold


@at_once("shape", "dtype")
def normal(
    key: Key,
    shape: tuple[int, ...] = (),
    dtype: DTypeLike = jnp.float32,
    mean: float | jax.Array = 0.0,
    stddev: float | jax.Array = 1.0,
) -> jax.Array:
    """Normal numbers, by the inverse of the distribution function: within 5.3 standard deviations in float32.

    Args:
        mean, stddev: numbers or arrays that broadcast to `shape`; both may be traced.

    >>> from kerata.kernels.random import from_seed, normal
    >>> normal(from_seed(0), (4, 2)).shape
    (4, 2)
    """
    dtype = jnp.dtype(dtype)
    if is_plain(key):
        return jax.random.normal(key, tuple(shape), dtype) * stddev + mean
    work = dtype if dtype.itemsize >= 4 else jnp.dtype(jnp.float32)
    # Odd multiples of 2**-24 between -1 and 1: symmetric, exact in float32, and never -1 or 1.
    unit = (2 * _integers(key, tuple(shape), 24) + (1 - 2**24)).astype(work) * jnp.asarray(2.0**-24, work)
    value = jnp.asarray(2.0**0.5, work) * lax.erf_inv(unit)
    return (value * jnp.asarray(stddev, work) + jnp.asarray(mean, work)).astype(dtype)


@at_once("shape", "dtype")
def truncated_normal(
    key: Key,
    shape: tuple[int, ...] = (),
    dtype: DTypeLike = jnp.float32,
    mean: float | jax.Array = 0.0,
    stddev: float | jax.Array = 1.0,
) -> jax.Array:
    """Normal numbers without those more than two standard deviations from the mean.

    Args:
        mean, stddev: numbers or arrays that broadcast to `shape`; both may be traced.

    >>> from kerata.kernels.random import from_seed, truncated_normal
    >>> bool((abs(truncated_normal(from_seed(0), (1000,))) <= 2).all())
    True
    """
    if is_plain(key):
        return jax.random.truncated_normal(key, -2.0, 2.0, tuple(shape), dtype) * stddev + mean
    unit = uniform(key, shape, jnp.float32, -1.0, 1.0)
    value = jnp.clip(jnp.sqrt(2.0) * lax.erf_inv(unit * WITHIN_TWO), -2.0, 2.0)
    return (value * stddev + mean).astype(dtype)


@at_once("noise_shape")
def dropout(
    key: Key,
    rate: float | jax.Array,
    x: jax.Array,
    noise_shape: tuple[int | None, ...] | None = None,
    features: jax.Array | None = None,
) -> jax.Array:
    """x * mask / (1 - rate), the mask one with probability 1 - rate.

    A rate of 0 returns `x` bit by bit, a rate of 1 returns zeros with zero gradients.

    Args:
        rate: between 0 and 1; may be traced.
        noise_shape: the mask's shape: 1 where an axis shares its mask, `None` for the size of `x`'s axis.
            Default: the shape of `x`.
        features: as of `bits`.

    >>> import jax.numpy as jnp
    >>> from kerata.kernels.random import dropout, from_seed
    >>> sorted(set(dropout(from_seed(0), 0.5, jnp.ones(100)).tolist()))
    [0.0, 2.0]
    """
    shape = x.shape
    if noise_shape is not None:
        shape = tuple(size if given is None else given for size, given in zip(x.shape, noise_shape, strict=True))
    keep = 1.0 - jnp.asarray(rate, jnp.float32)
    scale = jnp.where(keep > 0, 1.0 / jnp.where(keep > 0, keep, 1.0), 0.0).astype(x.dtype)
    return jnp.where(bernoulli(key, keep, shape, features), x * scale, jnp.zeros((), x.dtype))
