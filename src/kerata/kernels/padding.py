"""Padding by what an array holds: JAX adds one reflection after another, as many as it takes."""

from collections.abc import Sequence
from typing import TypeAlias, cast

import jax
import jax.numpy as jnp
import numpy as np

from kerata.base.limits import CALL, take_work

PadWidth: TypeAlias = int | Sequence[int] | Sequence[Sequence[int]]
# What is added piece by piece.
REPEATING = ("reflect", "symmetric", "wrap")


def pad(x: jax.Array, pad_width: PadWidth, mode: str = "constant") -> jax.Array:
    """`jnp.pad`, with the reflections counted as work where a file or a description asks for them.

    >>> import jax.numpy as jnp
    >>> pad(jnp.array([1, 2, 3]), (2, 2), "reflect").tolist()
    [3, 2, 1, 2, 3, 2, 1]
    """
    if mode in REPEATING and x.ndim:
        most = np.broadcast_to(np.asarray(pad_width, object), (x.ndim, 2)).max(1)
        # An export leaves sizes open.
        sizes = cast("tuple[object, ...]", x.shape)
        known = [(int(each), size) for each, size in zip(most, sizes, strict=True) if each and isinstance(size, int)]
        take_work(CALL * sum(each // max(1, size - (mode == "reflect")) for each, size in known), pad_width=pad_width)
    return jnp.pad(x, pad_width, mode)  # pyright: ignore[reportUnknownMemberType]
