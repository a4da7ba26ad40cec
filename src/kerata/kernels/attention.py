"""Scaled dot-product attention with its own gradients.

The plain form normalizes the weights and is differentiated by JAX. The fast form does less with the one large array,
of (batch, heads, queries, keys): it keeps the exponentials as they are and divides the much smaller results, takes the
softmax's correction as the inner product of output and gradient, and forms every product as a plain product of
matrices, which XLA for CPU gives to its library.
"""

# JAX leaves some arguments of `einsum`, `reshape` and others without a type.
# pyright: reportUnknownMemberType=false

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from kerata.kernels.compiler import prefers_fast_form
from kerata.kernels.gradients import own_gradient
from kerata.kernels.random import bernoulli
from kerata.kernels.sums import sum_of_rows
from kerata.kernels.typed import finfo


class Residuals(NamedTuple):
    """What the gradient needs: powers (batch, heads, queries, keys), total (batch, heads, queries, 1)."""

    query: jax.Array
    key: jax.Array
    value: jax.Array
    powers: jax.Array
    total: jax.Array
    output: jax.Array
    mask: jax.Array | None
    keep: jax.Array | None
    dropout_key: jax.Array | None


def attention(
    query: jax.Array,
    key: jax.Array,
    value: jax.Array,
    mask: jax.Array | None = None,
    *,
    causal: bool = False,
    scale: float | None = None,
    dropout_rate: float | jax.Array | None = None,
    dropout_key: jax.Array | None = None,
) -> jax.Array:
    """softmax(scale query key^T) value, for each head.

    Args:
        query: (batch, queries, heads, size).
        key: (batch, keys, heads, size).
        value: (batch, keys, heads, value size).
        mask: booleans that broadcast to (batch, heads, queries, keys), True where a query may look. A query that
            may look nowhere gets the mean of all values.
        causal: whether a query looks only at keys of its own and earlier positions.
        scale: default 1 / sqrt(size).
        dropout_rate: of the weights; may be traced. No gradient flows to it. `None` is no dropout.
        dropout_key: a key of `kerata.kernels.random`, needed with `dropout_rate`.

    Returns: (batch, queries, heads, value size).

    >>> import jax.numpy as jnp
    >>> attention(jnp.ones((2, 5, 3, 4)), jnp.ones((2, 7, 3, 4)), jnp.ones((2, 7, 3, 6))).shape
    (2, 5, 3, 6)
    """
    factor = query.shape[-1] ** -0.5 if scale is None else float(scale)
    if causal:
        earlier = jnp.tri(query.shape[1], key.shape[1], dtype=bool)
        mask = earlier if mask is None else mask.astype(bool) & earlier
    keep = None if dropout_rate is None else 1.0 - lax.stop_gradient(jnp.asarray(dropout_rate, jnp.float32))
    run: Callable[..., jax.Array] = _fast if prefers_fast_form() else _plain
    return run(factor, query, key, value, None if mask is None else mask.astype(bool), keep, dropout_key)


def _masked(scores: jax.Array, mask: jax.Array | None) -> jax.Array:
    # Half of the least number: a difference of two such scores must stay finite.
    return scores if mask is None else jnp.where(mask, scores, 0.5 * float(finfo(scores.dtype).min))


def _drop(weights: jax.Array, keep: jax.Array | None, dropout_key: jax.Array | None) -> jax.Array:
    """weights * (a mask that is 1 with probability `keep`) / keep; the same mask whenever the key is the same."""
    if keep is None or dropout_key is None:
        return weights
    factor = jnp.where(keep > 0, 1.0 / jnp.where(keep > 0, keep, 1.0), 0.0).astype(weights.dtype)
    return jnp.where(bernoulli(dropout_key, keep, weights.shape), weights * factor, 0)


def _plain(
    scale: float,
    query: jax.Array,
    key: jax.Array,
    value: jax.Array,
    mask: jax.Array | None,
    keep: jax.Array | None,
    dropout_key: jax.Array | None,
) -> jax.Array:
    scores = jnp.einsum("bqhd,bkhd->bhqk", query * scale, key, preferred_element_type=jnp.float32)
    weights = jax.nn.softmax(_masked(scores, mask), axis=-1).astype(value.dtype)
    return jnp.einsum("bhqk,bkhd->bqhd", _drop(weights, keep, dropout_key), value)


@own_gradient(1)
def _fast(
    scale: float,
    query: jax.Array,
    key: jax.Array,
    value: jax.Array,
    mask: jax.Array | None,
    keep: jax.Array | None,
    dropout_key: jax.Array | None,
) -> jax.Array:
    return _forward(scale, query, key, value, mask, keep, dropout_key)[0]


def _forward(
    scale: float,
    query: jax.Array,
    key: jax.Array,
    value: jax.Array,
    mask: jax.Array | None,
    keep: jax.Array | None,
    dropout_key: jax.Array | None,
) -> tuple[jax.Array, Residuals]:
    rows = jnp.transpose(query * scale, (0, 2, 1, 3))  # (batch, heads, queries, size)
    columns = jnp.transpose(key, (0, 2, 3, 1))  # (batch, heads, size, keys)
    scores = _masked(jnp.matmul(rows, columns, preferred_element_type=jnp.float32), mask)
    powers = jnp.exp(scores - lax.stop_gradient(scores.max(-1, keepdims=True)))
    total = 1.0 / sum_of_rows(powers)
    powers = powers.astype(value.dtype)
    dropped = _drop(powers, keep, dropout_key)
    output = jnp.matmul(dropped, jnp.transpose(value, (0, 2, 1, 3))) * total.astype(value.dtype)
    return jnp.transpose(output, (0, 2, 1, 3)), Residuals(query, key, value, powers, total, output, mask, keep, dropout_key)


def _backward(scale: float, residuals: Residuals, grad: jax.Array) -> tuple[jax.Array | None, ...]:
    query, key, value, powers, total, output, mask, keep, dropout_key = residuals
    rows = jnp.transpose(grad, (0, 2, 1, 3)) * total.astype(grad.dtype)  # (batch, heads, queries, value size)
    dpowers = _drop(jnp.matmul(rows, jnp.transpose(value, (0, 2, 3, 1))), keep, dropout_key)
    dscores = powers * (dpowers - sum_of_rows(rows * output))  # (batch, heads, queries, keys)
    if mask is not None:
        dscores = jnp.where(mask, dscores, 0)
    dquery = jnp.matmul(dscores, jnp.transpose(key, (0, 2, 1, 3))) * scale
    # With queries summed over, the small operand is the one that is transposed.
    dkey = jnp.matmul(jnp.transpose(query * scale, (0, 2, 3, 1)), dscores)  # (batch, heads, size, keys)
    dvalue = jnp.matmul(jnp.swapaxes(rows, 2, 3), _drop(powers, keep, dropout_key))
    no_grad = None if keep is None else jnp.zeros_like(keep)
    back = (0, 3, 1, 2)
    return (jnp.transpose(dquery, (0, 2, 1, 3)), jnp.transpose(dkey, back), jnp.transpose(dvalue, back), None, no_grad, None)


_fast.defvjp(_forward, _backward)
