"""Symbolic tensors that have values within a block: what code that refers to a graph computes with while the graph runs."""

from collections.abc import Sequence
from typing import TypeVar, cast

import jax

from kerata.base.blocks import Within, ambient
from kerata.engine.types import Array

T = TypeVar("T")
_local = ambient()


class Standing(Within):
    """The block within which tensors have values; blocks within it add to them.

    Args:
        tensors: symbolic ones.
        values: one for each of them.
    """

    def __init__(self, tensors: Sequence[object], values: Sequence[Array]):
        # The tensors that were asked for, by id, in their order.
        self.used: dict[int, object] = {}
        known = {id(tensor): (tensor, value, self) for tensor, value in zip(tensors, values, strict=True)}
        super().__init__(_local, known={**getattr(_local, "known", {}), **known})

    def __enter__(self) -> "Standing":  # type: ignore[override]
        super().__enter__()
        return self


def any_stand() -> bool:
    """Whether a tensor has a value here."""
    return bool(getattr(_local, "known", None))


def value_of(tensor: object) -> object:
    """What a symbolic tensor is worth here; itself where it has no value."""
    found = getattr(_local, "known", {}).get(id(tensor))
    if found is None:
        return tensor
    found[2].used.setdefault(id(tensor), tensor)
    return found[1]


def valued(tree: T) -> T:
    """A tree with the values of the tensors in it that have one here."""
    return cast(T, jax.tree.map(value_of, tree))
