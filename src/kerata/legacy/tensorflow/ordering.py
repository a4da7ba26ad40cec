"""Functions that look for places and turn orders round: `tf.searchsorted`, `tf.dynamic_partition`, `tf.reverse_sequence`."""

from typing import SupportsInt

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from kerata.base.types import DTypeLike
from kerata.engine.types import Array
from kerata.legacy.tensorflow.calls import Function
from kerata.legacy.tensorflow.functions import TABLE, type_given


def search_sorted(rows: ArrayLike, values: ArrayLike, side: str, kind: DTypeLike) -> Array:
    """Where values belong in rows that are sorted, along the last axis."""
    rows, values = jnp.asarray(rows), jnp.asarray(values)
    if rows.ndim == 1:
        return jnp.searchsorted(rows, values, side=side)
    flat = (jnp.reshape(one, (-1, one.shape[-1])) for one in (rows, values))
    found = jax.vmap(lambda row, value: jnp.searchsorted(row, value, side=side))(*flat)
    return jnp.reshape(found, values.shape)


def partition(data: ArrayLike, places: ArrayLike, count: SupportsInt) -> list[Array]:
    """The parts of the data whose place is 0, 1, ...: only where places are known."""
    data, places = jnp.asarray(data), np.asarray(places)
    return [data[np.nonzero(places == number)] for number in range(int(count))]


def reverse_sequence(x: ArrayLike, lengths: ArrayLike, along: int | None, batch: int | None) -> Array:
    """x whose first elements along an axis are turned round, as many as each row is long."""
    x, lengths = jnp.asarray(x), jnp.asarray(lengths)
    moved = jnp.moveaxis(x, (batch or 0, along or 0), (0, 1))
    steps = jnp.arange(moved.shape[1])
    order = jnp.where(steps < lengths[:, None], lengths[:, None] - 1 - steps, steps)
    found = jnp.take_along_axis(moved, jnp.reshape(order, (*order.shape, *[1] * (moved.ndim - 2))), axis=1)
    return jnp.moveaxis(found, (0, 1), (batch or 0, along or 0))


def cumulative_logsumexp(x: ArrayLike, axis: int, exclusive: bool, reverse: bool) -> Array:
    """log(exp(x1) + ... + exp(xn)) for each n."""
    x = jnp.asarray(x)
    x = jnp.flip(x, axis) if reverse else x
    found = lax.cumlogsumexp(x, axis=axis % x.ndim)
    if exclusive:
        first = jnp.full_like(lax.slice_in_dim(x, 0, 1, axis=axis), -jnp.inf)
        found = jnp.concatenate([first, lax.slice_in_dim(found, 0, x.shape[axis] - 1, axis=axis)], axis)
    return jnp.flip(found, axis) if reverse else found


ROWS: dict[str, tuple] = {
    "math.cumulative_logsumexp": ("x, axis=0, exclusive=False, reverse=False", cumulative_logsumexp, {}),
    "searchsorted": ("sorted_sequence, values, side='left', out_type='int32'", search_sorted, {"gives": type_given(3)}),
    "dynamic_partition": ("data, partitions, num_partitions", partition, {}),
    "reverse_sequence": ("input, seq_lengths, seq_axis=None, batch_axis=None", reverse_sequence, {}),
    "complex": ("real, imag", lambda a, b: lax.complex(jnp.asarray(a), jnp.asarray(b)), {}),
}
for _name, (_signature, _compute, _facts) in ROWS.items():
    TABLE[_name] = Function(_name, _signature, _compute, **_facts)
