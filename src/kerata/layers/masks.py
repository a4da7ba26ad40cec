"""Masks that were noted on arrays, the arguments of `call` that want them, and masks of attention."""

from typing import Any

import jax.numpy as jnp

from kerata.engine.scope import noted
from kerata.engine.types import Array
from kerata.layers.signatures import Callee, call_parameters, first_given


def noted_masks(value: object) -> object:
    if isinstance(value, (list, tuple)):
        masks = [noted_masks(item) for item in value]
        if all(mask is None for mask in masks):
            return None
        return tuple(masks) if isinstance(value, tuple) else masks
    return None if value is None or isinstance(value, (dict, str, int, float)) else noted(value, "mask")


def fill_masks(layer: Callee, args: tuple, kwargs: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """Masks noted on the inputs, handed to the arguments of `call` that want them; and the first input's mask."""
    names, first = call_parameters(type(layer)), first_given(layer, args, kwargs)
    explicit = kwargs.get("mask")
    if explicit is None and "mask" in names and names.index_of("mask") < len(args):
        explicit = args[names.index_of("mask")]
    mask = explicit if explicit is not None else noted_masks(first)
    if "mask" in names and explicit is None and mask is not None:
        kwargs = {**kwargs, "mask": mask}
    for name in names.mask_names:
        if name == "mask" or kwargs.get(name) is not None or names.index_of(name) < len(args):
            continue
        source = name.removesuffix("_mask")
        place = names.index_of(source) if source in names else None
        value = kwargs.get(source) if place is None or place >= len(args) else args[place]
        found = noted_masks(value)
        if found is not None:
            kwargs = {**kwargs, name: found}
    return kwargs, mask


def causal_mask(queries: int, keys: int) -> Array:
    """True where the key is not later than the query: (1, queries, keys)."""
    return (jnp.arange(queries)[:, None] >= jnp.arange(keys))[None]


def conjunction(*masks: Array | None) -> Array | None:
    """Where all masks are true; those that are `None` do not count, and `None` if all are."""
    found = None
    for mask in masks:
        if mask is not None:
            found = mask.astype(bool) if found is None else jnp.logical_and(found, mask.astype(bool))
    return found
