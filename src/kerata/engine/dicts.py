"""Trees whose dicts keep the order of their keys, which JAX sorts: a layer that goes through a dict may mean its order."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import jax

T = TypeVar("T")


def in_order(values: T, like: object) -> T:
    """The values, with the dicts' keys in the order of another tree's."""
    if type(like) is dict:
        found, order = cast("dict[Any, Any]", values), cast("dict[Any, Any]", like)
        return cast(T, {key: in_order(found[key], part) for key, part in order.items()})
    if type(like) in (list, tuple):
        pairs = zip(cast("list[Any]", values), cast("list[Any]", like), strict=True)
        return cast(T, type(cast("list[Any]", like))(in_order(value, part) for value, part in pairs))
    return values


def map_in_order(fn: Callable[..., object], tree: T, is_leaf: Callable[..., bool] | None = None) -> T:
    """`fn` of every leaf, but of `None`."""
    return in_order(jax.tree.map(fn, tree, is_leaf=is_leaf), tree)
