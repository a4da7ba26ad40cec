"""Axes rearranged by name."""

# JAX leaves some arguments of its functions without a type.
# pyright: reportUnknownMemberType=false

import math
import re

from kerata.base.checks import message
from kerata.engine.types import Array, TensorLike
from kerata.ops.forms import as_array, op

# A name, or names in parentheses.
GROUP = r"\w+|\([^()]*\)"


@op("tensor pattern **axes_lengths")
def rearrange(tensor: TensorLike, pattern: str, **axes_lengths: int) -> Array:
    """The axes by name, `"b (h p) w c -> b h (p w c)"`: divided, reordered and merged.

    Args:
        pattern: names of the axes before and after `->`; axes in parentheses are one axis of the array.
        axes_lengths: lengths of the axes that parentheses on the left leave open.

    >>> import kerata
    >>> kerata.ops.rearrange(kerata.ops.ones((2, 6, 4)), "b (h p) w -> b h (p w)", p=2).shape
    (2, 3, 8)
    """
    x = as_array(tensor)
    sides = [[group.strip("()").split() for group in re.findall(GROUP, side)] for side in pattern.split("->")]
    if len(sides) != 2 or len(sides[0]) != x.ndim:
        raise ValueError(
            message(
                "rearrange",
                f"`pattern` must name the {x.ndim} axes of the input before `->`",
                {"pattern": pattern, "shape": x.shape},
            )
        )
    sizes: dict[str, int] = dict(axes_lengths)
    for group, length in zip(sides[0], x.shape, strict=True):
        known = math.prod(sizes[name] for name in group if name in sizes)
        open_names = [name for name in group if name not in sizes]
        if len(open_names) > 1 or length % known or (not open_names and known != length):
            raise ValueError(
                message(
                    "rearrange",
                    f"an axis of length {length} cannot be divided into {group}",
                    {"pattern": pattern, **axes_lengths},
                )
            )
        sizes |= dict.fromkeys(open_names, length // known)
    before, after = ([name for group in side for name in group] for side in sides)
    if sorted(before) != sorted(after):
        raise ValueError(message("rearrange", "both sides of `pattern` must name the same axes", {"pattern": pattern}))
    x = x.reshape([sizes[name] for name in before]).transpose([before.index(name) for name in after])
    return x.reshape([math.prod(sizes[name] for name in group) for group in sides[1]])
