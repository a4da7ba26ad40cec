"""What a `FeatureSpace` gives programs of `tf.keras`: tensors, with whole numbers of 64 bits."""

import jax
import numpy as np
from jax.core import Tracer

from kerata.engine.symbolic import has_symbolic
from kerata.legacy.tensorflow.layers import as_tensors
from kerata.legacy.tensorflow.tape import inside_call


class ShownSpace:
    """A `FeatureSpace` that shows tensors where a program calls it, with columns of data."""

    def __call__(self, data: object, *args: object, **kwargs: object) -> object:
        found = super().__call__(data, *args, **kwargs)  # type: ignore[misc]
        return found if inside_call() or has_symbolic(found) else as_tensors(jax.tree.map(widened, found))


def widened(numbers: object) -> object:
    """Whole numbers in 64 bits, where they are known."""
    is_known = isinstance(numbers, jax.Array) and not isinstance(numbers, Tracer)
    return np.asarray(numbers).astype(np.int64) if is_known and numbers.dtype.kind == "i" else numbers  # type: ignore[attr-defined]
