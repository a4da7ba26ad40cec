"""`K.shape` and `tf.shape` of symbolic tensors: sizes that are known when the model runs, to compute with and to give as
shapes."""

import functools
from collections.abc import Callable, Iterator
from typing import Any, overload

import jax
import jax.numpy as jnp
import numpy as np

from kerata import backend
from kerata.engine.naming import auto_name
from kerata.engine.symbolic import Node, Operation, SymbolicTensor, getitem, run_nodes, sort_nodes, traceable
from kerata.engine.types import HostArray, TensorLike
from kerata.legacy.tensorflow.tensor import plain


class Sizes(SymbolicTensor):
    """What is known of a symbolic tensor as soon as it has a value in a program: all of its sizes, or one."""

    source: SymbolicTensor

    def of(self, value: jax.Array) -> int | tuple[int, ...]:
        """What it is for a value of its tensor."""
        raise NotImplementedError


class SymbolicShape(Sizes):
    """The shape of a symbolic tensor, as a tensor of integers."""

    def __init__(self, source: SymbolicTensor):
        super().__init__((len(source.shape),), "int32")
        self.source = source
        Node(Operation(lambda x: jnp.asarray(x.shape, "int32"), name=auto_name("shape")), (source,), {}, self)

    def of(self, value: jax.Array) -> tuple[int, ...]:
        return tuple(value.shape)

    def __len__(self) -> int:
        return len(self.source.shape)

    def __iter__(self) -> Iterator[Any]:
        return (self[axis] for axis in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> "int | SymbolicSize": ...
    @overload
    def __getitem__(self, index: slice) -> "tuple[int | SymbolicSize, ...]": ...
    def __getitem__(self, index: int | slice) -> "int | SymbolicSize | tuple[int | SymbolicSize, ...]":
        """A number where it is known, a symbolic one where it is not; of a slice, a tuple of such."""
        if isinstance(index, slice):
            return tuple(self[axis] for axis in range(len(self))[index])
        size = self.source.shape[index]
        return SymbolicSize(self.source, index) if size is None else size


class SymbolicSize(Sizes):
    """One size of a symbolic tensor."""

    def __init__(self, source: SymbolicTensor, axis: int):
        super().__init__((), "int32")
        self.source, self.axis = source, axis
        Node(Operation(lambda x: jnp.asarray(x.shape[axis], "int32"), name=auto_name("size")), (source,), {}, self)

    def of(self, value: jax.Array) -> int:
        return value.shape[self.axis]


class ShapeTensor(SymbolicShape):
    """What `tf.shape` gives: slices of it are tensors."""

    def __getitem__(self, index: int | slice):
        return super().__getitem__(index) if isinstance(index, int) else getitem(self, index)


def shape(x: TensorLike) -> object:
    """The sizes of an array, to compute with (`K.shape(x)[1:3] * 2`); of a symbolic tensor, symbolic ones."""
    return ShapeTensor(x) if isinstance(x, SymbolicTensor) else np.asarray(backend.shape(x), "int32")


def ends_of(tensor: SymbolicTensor) -> list[Sizes]:
    """The sizes that a symbolic tensor is computed from; none where it is computed from more than sizes."""
    found: dict[int, Sizes] = {}
    pending, seen = [tensor], set()
    while pending:
        one = pending.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, Sizes):
            found[id(one)] = one
            continue
        operation, index, _ = one.history
        before = operation.inbound_nodes[index].input_tensors
        if not before:
            return []
        pending.extend(before)
    return list(found.values())


def following(shape: object) -> object:
    """A shape in which the one size that is not known is -1, as it follows from the others; any other as it is."""
    if not isinstance(shape, (list, tuple)) or sum(isinstance(one, SymbolicSize) for one in shape) != 1:
        return shape
    numbers = [-1 if isinstance(one, SymbolicSize) else one for one in shape]
    return numbers if all(isinstance(one, int) for one in numbers) and numbers.count(-1) == 1 else shape


class Measured:
    """What is computed from sizes alone, and so is a number when a program is made.

    Args:
        tensor: the symbolic one.
        ends: the sizes.
    """

    def __init__(self, tensor: SymbolicTensor, ends: list[Sizes]):
        self.tensor, self.ends = tensor, ends
        self.nodes = [] if isinstance(tensor, Sizes) else sort_nodes(ends, [tensor], "shape")

    def of(self, values: list[jax.Array]) -> int | tuple[int, ...] | HostArray:
        """What it is for values of the tensors whose sizes these are."""
        known = {id(end): end.of(value) for end, value in zip(self.ends, values, strict=True)}
        if not self.nodes:
            return known[id(self.tensor)]
        with jax.ensure_compile_time_eval():
            found = {key: jnp.asarray(value, "int32") for key, value in known.items()}
            return np.asarray(run_nodes(self.nodes, found)[id(self.tensor)])


def with_sizes(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], among: object = None):
    """A function of arguments in which what is computed from sizes stands for numbers: called when the model runs.

    Args:
        function, args, kwargs: what is called.
        among: those of the arguments that must be numbers; `None` for all.
    """
    leaves, form = jax.tree.flatten((args, kwargs))
    symbolic = {place: leaf for place, leaf in enumerate(leaves) if isinstance(leaf, SymbolicTensor)}
    asked = None if among is None else {id(leaf) for leaf in jax.tree.leaves(among)}
    wanted = {place: leaf for place, leaf in symbolic.items() if asked is None or id(leaf) in asked}
    sized = {place: Measured(leaf, ends) for place, leaf in wanted.items() if (ends := ends_of(leaf))}
    if not sized:
        return function(*args, **kwargs)
    rest = [place for place in symbolic if place not in sized]

    def run(sources: list[list[Any]], others: list[Any]) -> object:
        filled = list(leaves)
        for (place, one), values in zip(sized.items(), sources, strict=True):
            filled[place] = one.of(values)
        for place, other in zip(rest, others, strict=True):
            filled[place] = other
        full_args, full_kwargs = jax.tree.unflatten(form, filled)
        found = plain(function(*full_args, **full_kwargs))
        return getattr(found, "value", found)

    run.__name__ = getattr(function, "__name__", "operation")
    return traceable(run)([[end.source for end in one.ends] for one in sized.values()], [leaves[place] for place in rest])


def taking_sizes(function: Callable[..., Any]) -> Callable[..., Any]:
    """Lets a function be given symbolic sizes where it needs numbers."""

    @functools.wraps(function)
    def wrapped(*args: object, **kwargs: object) -> object:
        return with_sizes(function, args, kwargs)

    return wrapped
