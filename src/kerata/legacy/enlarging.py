"""Pictures that are enlarged bilinearly, as Keras 2 did with TensorFlow 1: pixel i of the result lies at i / factor.

TensorFlow 2 puts it at (i + 1/2) / factor - 1/2, so that the picture does not move.

Source: `resize_images` of `backend/tensorflow_backend.py` of Keras 2.3.1, TensorFlow's ResizeBilinear without
`half_pixel_centers`.
"""

import jax.numpy as jnp

from kerata.engine.symbolic import traceable
from kerata.engine.types import Array

ERAS = ("keras22", "keras2")


@traceable
def enlarge(x, factors: tuple[int, int], first: int) -> Array:
    """Pictures enlarged by whole factors along two axes, of which the first is told."""
    x = jnp.asarray(x)
    x = x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(jnp.float32)
    for axis, factor in enumerate(factors, first):
        places = jnp.arange(x.shape[axis] * factor)
        low = places // factor
        high = jnp.minimum(low + 1, x.shape[axis] - 1)
        share = ((places % factor) / factor).astype(x.dtype).reshape(-1, *[1] * (x.ndim - 1 - axis))
        x = jnp.take(x, low, axis) * (1 - share) + jnp.take(x, high, axis) * share
    return x


class Enlarging:
    """`UpSampling2D` of the eras."""

    def call(self, inputs):
        if self.interpolation != "bilinear" or self._era not in ERAS:  # type: ignore[attr-defined]
            return super().call(inputs)  # type: ignore[misc]
        return enlarge(inputs, self.size, 1 if self.data_format == "channels_last" else 2)  # type: ignore[attr-defined]
