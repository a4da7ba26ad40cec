"""Rows of a table, with what is known of the gradient of each place before places of one row are added."""

# JAX leaves the types of some functions out.
# pyright: reportUnknownMemberType=false

import jax
import jax.numpy as jnp
from jax import Array


@jax.custom_vjp
def take_rows(table: Array, places: Array, limit: Array, reads: Array | None = None, counted: Array | None = None) -> Array:
    """table[places], whose derivative is bounded place by place.

    Args:
        table: (rows, ...).
        places: whole numbers of any shape.
        limit: the largest size of a number in the derivative of a place. The derivative to it is no slope: it is the sum of the
            squares of the derivatives of all places, as they were before.
        reads: (rows,). The derivative to it says how often each row was read.
        counted: 0 for places that do not count as read, 1 for others; their shape.

    >>> import jax, jax.numpy as jnp
    >>> table, places = jnp.zeros((4, 1)), jnp.array([1, 1, 3])
    >>> slopes, squares = jax.grad(lambda t, l: 3.0 * take_rows(t, places, l).sum(), (0, 1))(table, jnp.float32(2))
    >>> slopes.ravel().tolist(), squares.tolist()
    ([0.0, 4.0, 0.0, 2.0], 27.0)
    """
    return jnp.take(table, places, axis=0)


# The arguments of `take_rows`.
Given = tuple[Array, Array, Array, Array | None, Array | None]


def _take(table: Array, places: Array, limit: Array, reads: Array | None, counted: Array | None) -> tuple[Array, Given]:
    return jnp.take(table, places, axis=0), (table, places, limit, reads, counted)


def _slopes(known: Given, slope: Array) -> tuple[Array | None, ...]:
    table, places, limit, reads, counted = known
    squares = jnp.sum(jnp.square(slope.astype(jnp.float32))).astype(limit.dtype)
    bound = limit.astype(slope.dtype)
    found = jnp.zeros_like(table).at[places].add(jnp.clip(slope, -bound, bound), mode="drop")
    if reads is not None:
        ones = jnp.ones(places.shape, reads.dtype) if counted is None else counted.astype(reads.dtype)
        reads = jnp.zeros_like(reads).at[places].add(ones, mode="drop")
    return found, None, squares, reads, None


take_rows.defvjp(_take, _slopes)
