"""Layers that run on the host: what they take is no array of numbers, so no program can hold them.

A model's graph is cut where their outputs are. What lies before the cut is computed from the data, once for data in memory and
by the reading thread for batches; what lies behind it is one program, as ever.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from kerata.base.checks import KindError, message
from kerata.base.types import Owner
from kerata.engine.symbolic import SymbolicTensor, flatten, has_symbolic
from kerata.layers.layer import Layer
from kerata.layers.signatures import ShapeTree


class HostLayer(Layer):
    """A layer whose `call` takes and gives arrays of NumPy, and is never traced.

    A subclass says the shape and the type of its output by `compute_output_spec`. Samples must be computed apart.
    """

    runs_on_host = True
    # The type of its inputs in a model.
    host_type = "string"
    mixes_samples = adapts_weights = False

    def __call__(self, *args: object, **kwargs: object) -> object:
        if has_symbolic((args, kwargs)):
            return super().__call__(*args, **kwargs)
        if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves((args, kwargs))):
            raise ValueError(
                message(
                    self,
                    "the layer runs on the host, and cannot be called within a program",
                    fix="Let it stand first in a Sequential or functional model, or call it on the data before training",
                )
            )
        self.built = True
        found = self.call(*args, **kwargs)
        return found if found.dtype.kind in "OUS" else jnp.asarray(found)

    def take_learned(self, other: object) -> None:
        """Knows what another layer of this kind has read off data: nothing, unless a class says more."""

    def build(self, input_shape: "ShapeTree | None" = None) -> None:
        """Nothing: what the layer knows, it was given or has read off data."""

    def compute_output_spec(self, *args: object, **kwargs: object) -> SymbolicTensor:
        raise NotImplementedError


def as_bytes(owner: Owner, data: object, encoding: str = "utf-8") -> np.ndarray:
    """Texts as an array of bytes objects, of the shape that the data has."""
    array = np.asarray(data)
    if array.dtype.kind == "T":
        array = array.astype(object)
    if array.dtype.kind not in "OUS" and array.size:
        raise KindError(message(owner, "it takes texts", {"inputs": data}))
    flat = array.reshape(-1).tolist()
    found = np.empty(len(flat), object)
    for index, text in enumerate(flat):
        if isinstance(text, str):
            found[index] = text.encode("utf-8")
        elif isinstance(text, bytes):
            found[index] = text if encoding == "utf-8" else text.decode(encoding).encode("utf-8")
        else:
            expected = "it takes texts, and one of the inputs is none"
            raise KindError(message(owner, expected, {"input": text, "index": index}, "Fill missing values, e.g. with ''"))
    return found.reshape(array.shape)


def needs_host(tree: object) -> bool:
    """Whether a symbolic tensor is one of texts."""
    return any(isinstance(leaf, SymbolicTensor) and leaf.dtype == "string" for leaf in flatten(tree))
