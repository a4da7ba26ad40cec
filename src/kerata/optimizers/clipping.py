"""Gradients of bounded size."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from kerata.engine.scope import probe_of
from kerata.engine.types import Array, Scalar
from kerata.engine.variable import Variable


class Bounded:
    """What optimizers ask of gradients before their rule takes them."""

    # Whether the gradient of a table is bounded place by place, before the places that read one row are added.
    clips_by_place: bool = False
    # Whether the rows of a table that a batch did not read stay as they are, where the rule would move them on.
    keeps_unread_rows: bool = False
    # Whether that is so for what it keeps of them as well.
    keeps_their_slots: bool = True

    def _clip(self, gradients: dict[Variable, Any]) -> dict[Variable, Any]:
        probes = ((v, probe_of(v)) for v in gradients)
        known = {v: probe.squares for v, probe in probes if probe is not None and probe.squares is not None}
        return clip_gradients(gradients, *self._bounds, known)

    @property
    def _bounds(self) -> tuple[Scalar | None, Scalar | None, Scalar | None]:
        norm, value, norm_of_all = (getattr(self, name) for name in ("clipnorm", "clipvalue", "global_clipnorm"))
        return norm, value, norm_of_all

    def probed(self, variables: Sequence[Variable]) -> list[Variable]:
        """The tables among some variables of whose gradients it wants to know more than the sums over all places."""
        clips = self.clips_by_place and any(bound is not None for bound in self._bounds)
        # A penalty reads a table as a whole.
        return [v for v in variables if v.is_table and v.regularizer is None] if clips or self.keeps_unread_rows else []

    def probe(self, variable: Variable) -> tuple[Array, Array | None]:
        """What a step asks of a table's gradient: how large a number in that of one place may be, and zeros for its rows."""
        limit = limit_by_place(*self._bounds) if self.clips_by_place else jnp.float32(jnp.inf)
        return limit, jnp.zeros(variable.shape[0], jnp.float32) if self.keeps_unread_rows else None


def clip_gradients(
    gradients: dict[Variable, Any],
    clipnorm: Scalar | None,
    clipvalue: Scalar | None,
    global_clipnorm: Scalar | None,
    by_place: dict[Variable, Array] | None = None,
) -> dict[Variable, Any]:
    """Gradients of bounded size; a bound of 0 is none, as in Keras.

    Args:
        gradients: by variable.
        clipnorm, clipvalue, global_clipnorm: the bounds, of which one counts, in the order of norm, norm of all, value.
        by_place: the sum of squares of tables' gradients at each place that read a row, where these count in place of the
            rows' sums. Such gradients are within `clipvalue` already.
    """
    known = by_place or {}

    def squares(v: Variable) -> Array:
        return known[v] if v in known else jnp.sum(jnp.square(gradients[v]))

    if clipnorm is not None:
        return {v: g * _clip_scale(jnp.sqrt(squares(v)), clipnorm).astype(g.dtype) for v, g in gradients.items()}
    if global_clipnorm is not None:
        norm = jnp.sqrt(sum(squares(v) for v in gradients))
        # Keras lets an infinite norm make everything NaN, rather than zero.
        scale = _clip_scale(norm, global_clipnorm) + (norm - norm)
        return {v: g * scale.astype(g.dtype) for v, g in gradients.items()}
    if clipvalue is not None:
        bound = jnp.where(jnp.asarray(clipvalue) > 0, clipvalue, jnp.inf)
        return {
            v: g if v in known else jnp.clip(g, -bound.astype(g.dtype), bound.astype(g.dtype)) for v, g in gradients.items()
        }
    return gradients


def limit_by_place(clipnorm: Scalar | None, clipvalue: Scalar | None, global_clipnorm: Scalar | None) -> Array:
    """How large a number in the gradient of one place may be."""
    if clipvalue is None or clipnorm is not None or global_clipnorm is not None:
        return jnp.float32(jnp.inf)
    return jnp.where(jnp.asarray(clipvalue) > 0, clipvalue, jnp.inf).astype(jnp.float32)


def _clip_scale(norm: Array, limit: Scalar) -> Array:
    return jnp.where(jnp.asarray(limit) > 0, limit / jnp.maximum(norm, limit), 1.0)
