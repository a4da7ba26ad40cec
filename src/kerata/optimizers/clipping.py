"""Gradients of bounded size."""

from collections.abc import Iterable
from typing import Any

import jax.numpy as jnp

from kerata.engine.types import Array, Scalar
from kerata.engine.variable import Variable


def clip_gradients(
    gradients: dict[Variable, Any], clipnorm: Scalar | None, clipvalue: Scalar | None, global_clipnorm: Scalar | None
) -> dict[Variable, Any]:
    """Gradients of bounded size; a bound of 0 is none, as in Keras."""
    if clipnorm is not None:
        return {v: g * _clip_scale(_norm([g]), clipnorm).astype(g.dtype) for v, g in gradients.items()}
    if global_clipnorm is not None:
        norm = _norm(gradients.values())
        # Keras lets an infinite norm make everything NaN, rather than zero.
        scale = _clip_scale(norm, global_clipnorm) + (norm - norm)
        return {v: g * scale.astype(g.dtype) for v, g in gradients.items()}
    if clipvalue is not None:
        bound = jnp.where(jnp.asarray(clipvalue) > 0, clipvalue, jnp.inf)
        return {v: jnp.clip(g, -bound.astype(g.dtype), bound.astype(g.dtype)) for v, g in gradients.items()}
    return gradients


def _norm(arrays: Iterable[Any]) -> Array:
    return jnp.sqrt(sum(jnp.sum(jnp.square(a)) for a in arrays))


def _clip_scale(norm: Array, limit: Scalar) -> Array:
    return jnp.where(jnp.asarray(limit) > 0, limit / jnp.maximum(norm, limit), 1.0)
