"""Rows of a tensor with the places where they belong, functions that change variables by them, and what else stood in `tf`."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, SupportsInt

import numpy as np

from kerata.base.checks import message
from kerata.base.types import DTypeLike, PartialShape
from kerata.engine.types import TensorLike
from kerata.legacy.tensorflow import matrices as matrices  # They fill the table of functions.
from kerata.legacy.tensorflow import ragged as ragged
from kerata.legacy.tensorflow import special as special
from kerata.legacy.tensorflow.calls import convert
from kerata.legacy.tensorflow.errors import InvalidArgumentError
from kerata.legacy.tensorflow.flow import cond
from kerata.legacy.tensorflow.functions import TABLE
from kerata.legacy.tensorflow.tensor import AnyTensor, Tensor, is_concrete, tensors
from kerata.legacy.tensorflow.types import TensorShape, as_dtype, int32
from kerata.legacy.tensorflow.variable import Variable


class IndexedSlices:
    """Rows, and the places at which they belong in a larger tensor.

    Args:
        values: the rows.
        indices: their places.
        dense_shape: the shape of the whole.
    """

    def __init__(self, values: TensorLike, indices: TensorLike, dense_shape: TensorLike | None = None):
        self.values, self.indices = convert(values), convert(indices)
        self.dense_shape = None if dense_shape is None else convert(dense_shape)

    @property
    def dtype(self) -> object:
        return self.values.dtype

    @property
    def shape(self) -> TensorShape:
        return TensorShape(None if self.dense_shape is None else self.dense_shape.numpy().tolist())

    def __repr__(self) -> str:
        return f"IndexedSlices(indices={self.indices!r}, values={self.values!r}, dense_shape={self.dense_shape!r})"


def scatter_of_then(name: str) -> Callable[..., Variable]:
    """`tf.scatter_add(ref, indices, updates)` of TensorFlow 1."""

    def call(
        ref: Variable, indices: TensorLike, updates: TensorLike, use_locking: object = None, name: str | None = None
    ) -> Variable:
        change = getattr(ref, method)
        return change(indices, updates) if "_nd_" in method else change(IndexedSlices(updates, indices))

    method = name
    call.__name__ = name
    return call


def foldr(fn: Callable[..., Any], elems: TensorLike, initializer: object = None, **kwargs: object) -> object:
    """fn(state, row) from the last row to the first one."""
    rows = list(convert(elems))[::-1]
    state = rows.pop(0) if initializer is None else initializer
    for row in rows:
        state = fn(state, row)
    return state


def switch_case(
    branch_index: TensorLike,
    branch_fns: Sequence[Any] | dict[int, Callable[[], Any]],
    default: Callable[[], Any] | None = None,
    name: str | None = None,
) -> object:
    """The branch of a number; the default, or the last one, for a number that no branch has."""
    index = convert(branch_index)
    pairs = list(branch_fns.items()) if isinstance(branch_fns, dict) else list(branch_fns)
    branches = dict(pair if isinstance(pair, tuple) else (place, pair) for place, pair in enumerate(pairs))
    if sorted(branches) != list(range(len(branches))):
        given = sorted(branches)
        raise ValueError(message("tf.switch_case", "branches must have the numbers from 0 on, each once", {"branches": given}))
    other = branches[max(branches)] if default is None else default
    if is_concrete(index):
        return branches.get(int(index), other)()

    def choose(number: int) -> object:
        if number == len(branches):
            return other()
        return cond(TABLE["equal"](index, number), branches[number], lambda: choose(number + 1))

    return choose(0)


def broadcast_static_shape(shape_x: PartialShape, shape_y: PartialShape) -> TensorShape:
    """The shape of a sum of both; a size that is not known is the other one, where that is not 1."""
    sizes = itertools.zip_longest(*(tuple(shape)[::-1] for shape in (shape_x, shape_y)), fillvalue=1)
    return TensorShape([larger_size(*pair) for pair in sizes][::-1])


def larger_size(a: int | None, b: int | None) -> int | None:
    if a is not None and b is not None and a != b and 1 not in (a, b):
        raise ValueError(message("tf.broadcast_static_shape", "sizes must be equal, or 1", {"sizes": (a, b)}))
    return b if a == 1 or (a is None and b not in (1, None)) else a


def broadcast_dynamic_shape(shape_x: TensorLike, shape_y: TensorLike) -> Tensor:
    shapes = (tuple(np.asarray(convert(one).numpy()).tolist()) for one in (shape_x, shape_y))
    return Tensor(np.array(np.broadcast_shapes(*shapes), np.int32))


def shape_n(input: Iterable[TensorLike], out_type: DTypeLike = int32, name: str | None = None) -> list[Tensor]:
    return [Tensor(np.array(tuple(convert(one).shape), as_dtype(out_type).dtype)) for one in input]


def identities(inputs: Iterable[TensorLike], *args: object, **kwargs: object) -> list[AnyTensor]:
    return [TABLE["identity"](one) for one in inputs]


def to_blocks(input: TensorLike, block_shape: TensorLike, paddings: TensorLike, name: str | None = None) -> AnyTensor:
    """Each pixel of a block as a picture of its own, along the axis of samples."""
    sizes = [int(one) for one in np.ravel(np.asarray(tensors(block_shape)))]
    x = TABLE["pad"](input, [[0, 0], *np.asarray(paddings).tolist(), *[[0, 0]] * (len(convert(input).shape) - len(sizes) - 1)])
    batch, *rest = (int(one) for one in x.shape)
    places, others = rest[: len(sizes)], rest[len(sizes) :]
    if any(place % size for place, size in zip(places, sizes, strict=True)):
        raise InvalidArgumentError(f"tf.space_to_batch: the sizes {places} are no multiples of block_shape={sizes}")
    count = len(sizes)
    parts = [one for place, size in zip(places, sizes, strict=True) for one in (place // size, size)]
    x = TABLE["reshape"](x, [batch, *parts, *others])
    order = [*range(2, 2 * count + 1, 2), 0, *range(1, 2 * count, 2), *range(2 * count + 1, 2 * count + 1 + len(others))]
    x = TABLE["transpose"](x, order)
    shape = [batch * int(np.prod(sizes)), *(place // size for place, size in zip(places, sizes, strict=True)), *others]
    return TABLE["reshape"](x, shape)


def from_blocks(input: TensorLike, block_shape: TensorLike, crops: TensorLike, name: str | None = None) -> AnyTensor:
    """What `to_blocks` came from."""
    sizes = [int(one) for one in np.ravel(np.asarray(tensors(block_shape)))]
    batch, *rest = (int(one) for one in convert(input).shape)
    count = len(sizes)
    places, others = rest[:count], rest[count:]
    x = TABLE["reshape"](input, [*sizes, batch // int(np.prod(sizes)), *places, *others])
    pairs = [one for place in range(count) for one in (count + 1 + place, place)]
    x = TABLE["transpose"](x, [count, *pairs, *range(2 * count + 1, 2 * count + 1 + len(others))])
    whole = [place * size for place, size in zip(places, sizes, strict=True)]
    x = TABLE["reshape"](x, [batch // int(np.prod(sizes)), *whole, *others])
    cut = np.asarray(crops).tolist()
    begin = [0, *(one for one, _ in cut), *[0] * len(others)]
    kept = [size - low - high for size, (low, high) in zip(whole, cut, strict=True)]
    return TABLE["slice"](x, begin, [-1, *kept, *[-1] * len(others)])


class VariableSynchronization:
    """`tf.VariableSynchronization`."""

    AUTO, NONE, ON_WRITE, ON_READ = range(4)


class VariableAggregation:
    """`tf.VariableAggregation`."""

    NONE, SUM, MEAN, ONLY_FIRST_REPLICA = range(4)


class ExponentialMovingAverage:
    """Means of variables that forget what was long ago: m = decay m + (1 - decay) v.

    Args:
        decay: how much of the mean stays.
        num_updates: how many steps were done; the decay is at most (1 + n) / (10 + n).
        zero_debias: whether means that begin at 0 are made larger accordingly.
        name: taken as then.
    """

    def __init__(
        self,
        decay: float,
        num_updates: SupportsInt | None = None,
        zero_debias: bool = False,
        name: str = "ExponentialMovingAverage",
    ):
        if zero_debias:
            raise NotImplementedError(message("ExponentialMovingAverage", "there is no `zero_debias`", {"zero_debias": True}))
        self.decay, self.num_updates, self.name = decay, num_updates, name
        self._averages: dict[int, Variable] = {}

    def apply(self, var_list: Sequence[Variable]) -> None:
        """Moves the mean of each variable on; the first time it begins with what the variable holds."""
        decay = float(self.decay)
        if self.num_updates is not None:
            steps = int(self.num_updates)
            decay = min(decay, (1.0 + steps) / (10.0 + steps))
        for variable in var_list:
            mean = self._averages.get(id(variable))
            if mean is None:
                value = convert(variable)
                mean = self._averages[id(variable)] = Variable(value, trainable=False, name=self.name)
            mean.assign_sub((1.0 - decay) * (convert(mean) - convert(variable)))

    def average(self, var: Variable) -> Variable | None:
        """The mean of a variable; `None` where there is none."""
        return self._averages.get(id(var))

    def average_name(self, var: Variable) -> str:
        return f"{var.name.removesuffix(':0')}/{self.name}"


NAMES: dict[str, Any] = {
    "IndexedSlices": IndexedSlices,
    "dynamic_stitch": special.dynamic_stitch,
    "foldr": foldr,
    "switch_case": switch_case,
    "broadcast_static_shape": broadcast_static_shape,
    "broadcast_dynamic_shape": broadcast_dynamic_shape,
    "shape_n": shape_n,
    "identity_n": identities,
    "tuple": identities,
    "space_to_batch": to_blocks,
    "space_to_batch_nd": to_blocks,
    "batch_to_space": from_blocks,
    "VariableSynchronization": VariableSynchronization,
    "VariableAggregation": VariableAggregation,
    **{
        name: scatter_of_then(name)
        for name in ("scatter_update", "scatter_add", "scatter_sub", "scatter_nd_update", "scatter_nd_add", "scatter_nd_sub")
    },
}
