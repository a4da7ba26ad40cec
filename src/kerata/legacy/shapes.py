"""`K.shape` of symbolic tensors: sizes that are known when the model runs, to compute with and to give as shapes."""

import functools
from collections.abc import Callable, Iterator
from typing import Any, overload

import jax
import jax.numpy as jnp

from kerata import backend
from kerata.engine.symbolic import Node, Operation, SymbolicTensor, traceable
from kerata.engine.types import TensorLike


class SymbolicShape(SymbolicTensor):
    """The shape of a symbolic tensor, as a tensor of integers."""

    def __init__(self, source: SymbolicTensor):
        super().__init__((len(source.shape),), "int32")
        self.source = source
        Node(Operation(lambda x: jnp.asarray(x.shape, "int32")), (source,), {}, self)

    def of(self, value: jax.Array) -> tuple[int, ...]:
        """What it is for a value of its tensor."""
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


class SymbolicSize(SymbolicTensor):
    """One size of a symbolic tensor."""

    def __init__(self, source: SymbolicTensor, axis: int):
        super().__init__((), "int32")
        self.source, self.axis = source, axis
        Node(Operation(lambda x: jnp.asarray(x.shape[axis], "int32")), (source,), {}, self)

    def of(self, value: jax.Array) -> int:
        """What it is for a value of its tensor."""
        return value.shape[self.axis]


def shape(x: TensorLike) -> object:
    """The sizes of an array; of a symbolic tensor, symbolic ones."""
    return SymbolicShape(x) if isinstance(x, SymbolicTensor) else backend.shape(x)


def taking_sizes(function: Callable[..., Any]) -> Callable[..., Any]:
    """Lets a function be given symbolic sizes where it needs numbers: it is called when the model runs, and they are known."""

    @functools.wraps(function)
    def wrapped(*args: object, **kwargs: object) -> object:
        leaves, form = jax.tree.flatten((args, kwargs))
        places = [place for place, leaf in enumerate(leaves) if isinstance(leaf, (SymbolicShape, SymbolicSize))]
        if not places:
            return function(*args, **kwargs)
        rest = [place for place, leaf in enumerate(leaves) if isinstance(leaf, SymbolicTensor) and place not in places]

        def run(sources: list[Any], others: list[Any]) -> object:
            filled = list(leaves)
            for place, source in zip(places, sources, strict=True):
                filled[place] = leaves[place].of(source)
            for place, other in zip(rest, others, strict=True):
                filled[place] = other
            full_args, full_kwargs = jax.tree.unflatten(form, filled)
            found = function(*full_args, **full_kwargs)
            return getattr(found, "value", found)

        run.__name__ = getattr(function, "__name__", "operation")
        return traceable(run)([leaves[place].source for place in places], [leaves[place] for place in rest])

    return wrapped
