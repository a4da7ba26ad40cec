"""Variables and the arrays of files."""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol, cast

import numpy as np

from kerata.base.checks import message
from kerata.base.types import Shape
from kerata.engine.types import HostArray, TensorLike
from kerata.engine.variable import Variable


class Store(Protocol):
    """Arrays by their names, as a file has them."""

    def keys(self) -> Collection[str]: ...
    def __contains__(self, key: object, /) -> bool: ...
    def __getitem__(self, key: str, /) -> TensorLike: ...


class WritableStore(Protocol):
    """What takes arrays by their names."""

    def __setitem__(self, key: str, value: HostArray, /) -> None: ...


def assign_all(variables: Sequence[Variable], store: Store) -> None:
    """Gives variables the values that a store holds under "0", "1", ...; no number is read before all shapes are right."""

    def shape_in_memory(key: str) -> Shape:
        return np.shape(cast(HostArray, store[key]))

    shape_of: Callable[[str], Shape] = getattr(store, "shape_of", shape_in_memory)
    for index, variable in enumerate(variables):
        shape = tuple(shape_of(str(index)))
        if shape != tuple(variable.shape):
            raise ValueError(
                message(f"Variable ({variable.path})", f"a new value must have shape {variable.shape}", {"shape": shape})
            )
    for index, variable in enumerate(variables):
        variable.store(np.asarray(store[str(index)]))
