"""What is known of an array on the way through a traced function."""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias, cast

import jax
import numpy as np

from kerata.base.interrupts import hand_on
from kerata.engine.types import AnyArray

# Not compared between two traces: they are told from the arrays' own shapes.
SHAPES = frozenset({"shape", "new_sizes", "dimensions", "sharding", "out_sharding", "limit_indices", "slice_sizes"})


# A number that stands in all padded rows; `None` where it is not known.
Fill: TypeAlias = bool | int | float | None
# (batch axis, entries for each sample) of a shape; `None` for a shape that is neither with nor without a batch.
Place: TypeAlias = tuple[int | None, int] | None


class Kind(NamedTuple):
    """What is known of an array.

    `axis` is its batch axis, or `None`. `times` entries on it belong to each sample: `outer` times all samples after each
    other, with `times / outer` neighbours each; an `outer` of `None` is for what is the same all along the axis. `fill` is
    the number that stands in all padded rows, or everywhere in an array without a batch axis; `None` if not known.
    """

    sound: bool
    axis: int | None = None
    times: int = 1
    fill: Fill = None
    outer: int | None = 1
    # Whether it holds numbers of samples, which padded rows have of their own.
    numbered: bool = False

    @property
    def place(self) -> tuple[int | None, int]:
        return self.axis, self.times


UNSOUND = Kind(False)


class Unsound(Exception):
    """A place at which soundness ends, for a message."""


class Sizes(NamedTuple):
    """The two batch sizes of a proof."""

    first: int
    second: int

    def axis(self, first: Sequence[int], second: Sequence[int]) -> Place:
        """(batch axis, entries for each sample) of a shape as both traces have it; `None` for what is neither."""
        if len(first) != len(second):
            return None
        found = [axis for axis, (m, n) in enumerate(zip(first, second, strict=True)) if m != n]
        if not found:
            return None, 1
        axis = found[0]
        times = first[axis] // self.first
        if len(found) > 1 or times * self.first != first[axis] or times * self.second != second[axis]:
            return None
        return axis, times


def alike(kinds: Sequence[Kind]) -> Kind:
    """The kind of what is computed from entries that stand in the same place."""
    batched = [kind for kind in kinds if kind.axis is not None]
    outers = {kind.outer for kind in batched if kind.outer is not None}
    if len({kind.place for kind in batched}) != 1 or len(outers) > 1:
        return UNSOUND
    return Kind(True, *batched[0].place, outer=outers.pop() if outers else None)


def single(value: object) -> Fill:
    """The one number that an array holds, or `None`."""
    if isinstance(value, (bool, int, float)):
        return value
    if not isinstance(value, (np.ndarray, np.generic, jax.Array)):
        return None
    array = cast("AnyArray | np.generic[Any]", value)
    if not 0 < array.size <= 1 or jax.numpy.issubdtype(array.dtype, jax.dtypes.extended):
        return None
    return np.asarray(array).ravel()[0].item()


def same(first: dict[str, Any], second: dict[str, Any]) -> bool:
    """Whether an operation is asked for the same in both traces, beside shapes."""
    for name, value in first.items():
        if name in SHAPES:
            continue
        other = second[name]
        if value is other:
            continue
        if hasattr(value, "eqns") or hasattr(value, "jaxpr"):
            if str(value) != str(other):
                return False
            continue
        try:
            if not bool(value == other) and str(value) != str(other):
                return False
        except Exception as error:
            hand_on(error)
            return False
    return True
