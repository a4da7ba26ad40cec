"""What sizes that are not known may be, while shapes are inferred: two numbers each, so that what differs is unknown too."""

# JAX leaves the types of some functions out.
# pyright: reportUnknownMemberType=false

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kerata.base.types import PartialShape
from kerata.engine.types import AnyArray, Described, HostArray, Tree

# Unknown dimensions are tried with two sizes: what differs in the result is unknown too. Far apart, so that halving an
# unknown height eight times still tells them apart.
TRIALS = (1009, 2503)
# Where those cannot be folded as the function wants it: (None, None, 4) to (-1, 8).
FOLDED = (5040, 13860)
# Where those are larger than what comes out: (None, 3) filled up to 20 rows.
SMALL = (5, 7)
MOST_GUESSES = 24
# What unknown sizes are in arrays that hold numbers: of samples, and of other axes.
FEW, MORE = (2, 3), (32, 48)

# What unknown sizes are taken to be: (number of the argument, axis) to size.
Sizes = dict[tuple[int, int], int]


def guesses(leaves: Sequence[Any]) -> Iterator[tuple[tuple[int, int], Sizes]]:
    """What unknown sizes may be, the likeliest first: two trial numbers, and known sizes for some of them.

    A size that is not known may have to be one that another tensor has: (None, 3) + (2, 3) has two rows.
    """
    yield TRIALS, {}
    yield FOLDED, {}
    shapes = {i: tuple(leaf.shape) for i, leaf in enumerate(leaves) if hasattr(leaf, "shape")}
    unknown = [(i, axis) for i, shape in shapes.items() for axis, size in enumerate(shape) if size is None]
    # All have one number of samples; of other axes, each is for itself.
    groups = [[place for place in unknown if place[1] == 0], *([place] for place in unknown if place[1] > 0)]
    groups = [group for group in groups if group][:5]
    choices = [[None, *known_sizes(shapes, group)] for group in groups]
    combinations = sorted(itertools.islice(itertools.product(*choices), 1, 2000), key=lambda c: sum(s is not None for s in c))
    for sizes in combinations[:MOST_GUESSES]:
        yield TRIALS, {place: size for group, size in zip(groups, sizes, strict=True) if size is not None for place in group}
    yield SMALL, {}


def known_sizes(shapes: Mapping[int, PartialShape], group: list[tuple[int, int]]) -> list[int]:
    """Sizes that an unknown one may be equal to: first of the same axis, counted from either end, then of any axis."""
    axis = group[0][1]
    back = axis - len(shapes[group[0][0]])
    mine: set[int] = {place for place, _ in group} if axis else set()
    others = [shape for place, shape in shapes.items() if place not in mine]
    found = [shape[axis] for shape in others if axis < len(shape)]
    if axis:
        found += [shape[back] for shape in others if -back <= len(shape)] + [size for shape in others for size in shape]
    return list(dict.fromkeys(size for size in found if size is not None and size > 1))[:4]


def by_numbers(run: Callable[..., Any], tensors: Sequence[Described], masks: Sequence[object]) -> list[Tree]:
    """What a function gives for two small batches, as shapes, where it needs numbers: one of zeros, and one of draws.

    A size that hangs on numbers differs between the two, or is 0 where nothing was picked: then it comes out as unknown.

    Args:
        run: (number, arrays, masks) -> (outputs, their masks).
        tensors: symbolic ones, for the shapes and types of the arrays.
        masks: of each, a symbolic one or `None`.
    """
    found: list[Any] = []
    for number in range(2):
        rng = np.random.default_rng(number)
        arrays: list[AnyArray] = []
        for tensor in tensors:
            sizes = [(MORE if axis else FEW)[number] if size is None else size for axis, size in enumerate(tensor.shape)]
            whole = jnp.issubdtype(tensor.dtype, jnp.integer)
            drawn: HostArray = rng.integers(0, 2, sizes) if whole else rng.uniform(-1, 1, sizes)
            arrays.append(jnp.asarray(drawn if number else np.zeros(sizes), tensor.dtype))
        there = [None if one is None else jnp.ones(array.shape, bool) for one, array in zip(masks, arrays, strict=True)]
        found.append(run(number, arrays, there))

    def spec(one: AnyArray, other: AnyArray, mark: int) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct([size or mark for size in (one, other)[mark - 1].shape], one.dtype)

    return [jax.tree.map(functools.partial(spec, mark=mark), *found) for mark in (1, 2)]
