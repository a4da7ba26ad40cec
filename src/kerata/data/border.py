"""What stands where a model's graph is cut: computed on the host, taken by the program."""

from collections.abc import Sequence
from typing import Any

import jax


@jax.tree_util.register_pytree_with_keys_class
class Border:
    """Arrays in place of a model's inputs: what its layers on the host have made of them, and inputs that they leave alone.

    Args:
        values: an array for each tensor at the cut of the graph.
    """

    def __init__(self, values: Sequence[Any]):
        self.values = list(values)

    def tree_flatten_with_keys(self) -> tuple[list[tuple[Any, Any]], None]:
        return [(jax.tree_util.SequenceKey(place), value) for place, value in enumerate(self.values)], None

    def tree_flatten(self) -> tuple[list[Any], None]:
        return self.values, None

    @classmethod
    def tree_unflatten(cls, _: None, values: Sequence[Any]) -> "Border":
        return cls(values)
