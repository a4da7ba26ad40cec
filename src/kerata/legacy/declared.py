"""What a layer of a program's own gives, where it declares the shape of that as well."""

import contextlib
from collections.abc import Callable
from typing import Any

import jax

from kerata.base.interrupts import hand_on
from kerata.engine.symbolic import SymbolicTensor, infer
from kerata.layers.layer import Layer
from kerata.legacy.closures import tensors_seen


def outputs_of_call(
    layer: Layer, era: str, call: Callable[..., Any], declared: Callable[..., Any], args: tuple, kwargs: dict[str, Any]
) -> object:
    """The symbolic outputs: Keras 1 and 2 took the shape that was declared, and `tf.keras` that of what `call` gave.

    Args:
        layer, era: it, and whose words it has.
        call: computes the outputs of arrays.
        declared: gives the symbolic outputs that `compute_output_shape` says.
        args, kwargs: of the call, symbolic tensors among them.
    """
    said = None
    if era != "tfkeras2":
        # It may ask for what `call` has left on the layer, which is not there yet.
        with contextlib.suppress(AttributeError):
            said = declared(*args, **kwargs)
    try:
        found = infer(call, *args, **kwargs)
    except Exception as error:
        hand_on(error)
        if any(True for _ in tensors_seen(type(layer).call, layer)):
            raise
        # What needs numbers has a shape all the same.
        return declared(*args, **kwargs) if said is None else said
    return found if said is None else of_types(said, found)


def of_types(declared: object, found: object) -> object:
    """Symbolic tensors of declared shapes with the types of those that were found, where these are as many."""
    shapes, tree = jax.tree.flatten(declared)
    types = jax.tree.leaves(found)
    if len(shapes) != len(types):
        return declared
    return tree.unflatten([SymbolicTensor(one.shape, other.dtype) for one, other in zip(shapes, types, strict=True)])
