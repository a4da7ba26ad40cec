"""Kernels as Keras 1 held them: with Theano's order of axes, and of one dimension with an axis more."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from kerata.engine.types import HostArray
from kerata.layers import Conv1D, Conv2D, Conv3D, Layer

Turn = Callable[[HostArray], HostArray]


def turns_of(layers: Iterable[Layer]) -> dict[int, tuple[Turn, Turn]]:
    """(to the form of Keras 1, back from it) of the kernels that had another one, by the id of the variable."""
    found: dict[int, tuple[Turn, Turn]] = {}
    for layer in layers:
        turns = turns_of_layer(layer) if layer.built else None
        if turns is not None:
            found[id(layer.kernel)] = turns  # type: ignore[attr-defined]
    return found


def turns_of_layer(layer: Layer) -> tuple[Turn, Turn] | None:
    """Those of a layer's kernel; `None` where it has the form of today."""
    if isinstance(layer, Conv1D):
        return (lambda a: a[:, None]), (lambda a: a[:, 0])
    if isinstance(layer, (Conv2D, Conv3D)) and layer.data_format == "channels_first":
        # (rows, columns, channels, filters) to (filters, channels, rows, columns).
        return (lambda a: np.moveaxis(a, (-1, -2), (0, 1))), (lambda a: np.moveaxis(a, (0, 1), (-1, -2)))
    return None


def then(variables: Iterable[Any], turns: dict[int, tuple[Turn, Turn]]) -> list[HostArray]:
    """What variables hold, in the form of Keras 1."""
    return [turns[id(v)][0](v.numpy()) if id(v) in turns else v.numpy() for v in variables]


def today(variables: Iterable[Any], arrays: Iterable[Any], turns: dict[int, tuple[Turn, Turn]]) -> list[Any]:
    """Arrays in the form of Keras 1 as variables hold them; what has today's shape alone stays."""
    found = []
    for variable, array in zip(variables, arrays, strict=True):
        if id(variable) in turns:
            to, back = turns[id(variable)]
            if np.shape(array) == to(np.broadcast_to(np.float32(0), variable.shape)).shape:
                array = back(np.asarray(array))
        found.append(array)
    return found
