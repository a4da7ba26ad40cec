"""`tf.ragged`: rows of different lengths, made of nested lists, of bounds and of other rows."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from kerata.base.checks import message
from kerata.base.types import DTypeLike
from kerata.engine.types import TensorLike
from kerata.legacy.tensorflow.calls import convert
from kerata.legacy.tensorflow.strings import Ragged
from kerata.legacy.tensorflow.tensor import Tensor, plain
from kerata.legacy.tensorflow.types import as_dtype


def leaves_of(nested: object) -> Iterator[object]:
    """What stands in nested lists."""
    for one in nested if isinstance(nested, (list, tuple, np.ndarray)) else ():
        yield from leaves_of(one) if isinstance(one, (list, tuple, np.ndarray)) else (one,)


def depth_of(nested: object) -> int:
    """How deep lists are nested."""
    return 1 + max(map(depth_of, nested), default=0) if isinstance(nested, (list, tuple, np.ndarray)) else 0


def parts_at(nested: object, depth: int) -> Iterator[object]:
    """What stands so deep in nested lists."""
    if not depth:
        yield nested
    elif isinstance(nested, (list, tuple, np.ndarray)):
        for one in nested:
            yield from parts_at(one, depth - 1)


def constant(
    pylist: Sequence[Any],
    dtype: DTypeLike | None = None,
    ragged_rank: int | None = None,
    inner_shape: Sequence[int] | None = None,
    name: str | None = None,
    row_splits_dtype: object = "int64",
) -> Ragged | Tensor:
    """A ragged tensor of nested lists, whose rows differ in as many axes as `ragged_rank` says, or all but the first."""
    kind = as_dtype(dtype) if dtype is not None else convert(list(leaves_of(pylist)) or [0.0]).dtype
    deep = depth_of(pylist) - 1 - len(inner_shape or ()) if ragged_rank is None else ragged_rank
    inner = tuple(inner_shape) if inner_shape else np.shape(cast(ArrayLike, next(parts_at(pylist, deep + 1), 0)))

    def rows_in(nested: Sequence[Any], left: int) -> Tensor | Ragged:
        if left:
            return Ragged([rows_in(one, left - 1) for one in nested], kind)
        return convert(list(nested), kind) if len(nested) else Tensor(np.zeros((0, *inner), kind.dtype), kind)

    return rows_in(pylist, deep)


def stack(values: Sequence[Any], axis: int = 0, name: str | None = None) -> Ragged:
    """Tensors, or rows of different lengths, as the rows of one."""
    if axis:
        raise NotImplementedError(
            message("tf.ragged.stack", "rows are stacked along axis 0", {"axis": axis}, "Stack them one by one")
        )
    held = [one if isinstance(one, Ragged) else convert(one) for one in values]
    return Ragged(held, held[0].dtype)


def numbers(
    starts: TensorLike,
    limits: TensorLike | None = None,
    deltas: TensorLike = 1,
    dtype: DTypeLike | None = None,
    name: str | None = None,
) -> Ragged:
    """Rows of numbers from a start to a limit, which is not among them."""
    given = (0, starts, deltas) if limits is None else (starts, limits, deltas)
    kind = as_dtype(dtype) if dtype is not None else convert(starts).dtype
    bounds = np.broadcast_arrays(*[np.atleast_1d(np.asarray(plain(convert(one)))) for one in given])
    return Ragged([Tensor(np.arange(*row).astype(kind.dtype), kind) for row in zip(*bounds, strict=True)], kind)


def map_flat_values(op: Callable[..., Any], *args: object, **kwargs: object) -> Ragged:
    """A function of all values of rows of different lengths, of which as many come out."""
    first = next(one for one in (*args, *kwargs.values()) if isinstance(one, Ragged))
    flat = [one.flat_values if isinstance(one, Ragged) else one for one in args]
    named = {key: one.flat_values if isinstance(one, Ragged) else one for key, one in kwargs.items()}
    return first.with_flat_values(op(*flat, **named))


NAMES: dict[str, object] = {"constant": constant, "stack": stack, "range": numbers, "map_flat_values": map_flat_values}
