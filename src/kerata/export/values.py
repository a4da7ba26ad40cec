"""What stands for an array while a program is translated: numbers that are known, or the name of a tensor."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

import jax.numpy as jnp
import numpy as np

from kerata.base.types import DTypeLike
from kerata.engine.types import HostArray

# A size is a number, or JAX's expression of open sizes.
Size: TypeAlias = object
Sizes: TypeAlias = tuple[Size, ...]

# What runtimes of ONNX compute with on every platform; what is smaller is computed in these.
FLOATS = ("bfloat16", "float16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3", "float8_e3m4", "float8_e4m3b11fnuz")
SMALL = {"int4": "int8", "uint4": "uint8", "int2": "int8", "uint2": "uint8"}


def plain_dtype(dtype: DTypeLike) -> np.dtype:
    """The type in which a file holds numbers: half precision becomes float32, whose numbers include it."""
    name = jnp.dtype(dtype).name
    found: str = "float32" if name in FLOATS else SMALL.get(name, name)
    return np.dtype(found)


@dataclass
class Value:
    """An array of the program.

    Args:
        shape: its sizes.
        dtype: its type in the file.
        array: its numbers, if they are known.
        tensor: the name of its tensor, if there is one.
        loose: the shape of what is there, where that is still to be broadcast to `shape`.
        name: what a constant is called in the file.
    """

    shape: Sizes
    dtype: np.dtype
    array: HostArray | None = None
    tensor: str | None = None
    loose: Sizes | None = None
    name: str = "constant"

    @property
    def there(self) -> Sizes:
        """The shape of what is there."""
        return self.shape if self.loose is None else self.loose


def known(array: object, name: str = "constant") -> Value:
    """A value whose numbers are known."""
    found = np.asarray(array)
    found = found.astype(plain_dtype(found.dtype))
    return Value(found.shape, found.dtype, found, name=name)


def is_number(size: Size) -> bool:
    return isinstance(size, (int, np.integer))


def product(sizes: Sequence[Size]) -> Size:
    """The product of sizes, which may be open."""
    return math.prod(cast("Sequence[int]", sizes))


def count_of(shape: Sizes) -> int:
    """How many numbers there are in a shape whose sizes are known."""
    return cast(int, product(shape))


def is_static(shape: Sizes) -> bool:
    return all(map(is_number, shape))


def same(one: Size, other: Size) -> bool:
    """Whether two sizes are known to be equal."""
    return bool(one == other)


def broadcast(shapes: Sequence[Sizes]) -> Sizes:
    """The shape that arrays of several shapes give together, where a 1 stands for any size."""
    rank = max(len(shape) for shape in shapes)
    found: list[Size] = [1] * rank
    for shape in shapes:
        for place, size in enumerate(shape, rank - len(shape)):
            if not same(size, 1):
                found[place] = size
    return tuple(found)
