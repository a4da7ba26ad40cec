"""Weights as Keras 1 held them: with Theano's order of axes, of one dimension with an axis more, apart for each gate."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from kerata.engine.types import HostArray
from kerata.layers import GRU, LSTM, Conv1D, Conv2D, Conv3D, Layer

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


# The letters of gates in the order in which kernels hold them, and in which Keras 1 listed their weights.
GATES: dict[type[Layer], tuple[str, str]] = {LSTM: ("ifco", "icfo"), GRU: ("zrh", "zrh")}


def gates_of(layers: Iterable[Layer]) -> dict[int, tuple[str, str]]:
    """The gates whose weights Keras 1 held apart, by the id of the kernel: not those made with `consume_less="gpu"`."""
    found: dict[int, tuple[str, str]] = {}
    for layer in layers:
        if isinstance(layer, (LSTM, GRU)) and layer.built and not layer.__dict__.get("one_kernel"):
            found[id(layer.cell.kernel)] = GATES[LSTM if isinstance(layer, LSTM) else GRU]
    return found


def apart(variables: Iterable[Any], arrays: list[HostArray], gates: dict[int, tuple[str, str]]) -> list[HostArray]:
    """The weights with kernel, recurrent kernel and bias of each gate, one gate after the other."""
    found: list[HostArray] = []
    places = {n: gates[id(v)] for n, v in enumerate(variables) if id(v) in gates}
    for n, array in enumerate(arrays):
        if n in places:
            held, listed = places[n]
            parts = [np.split(one, len(held), axis=-1) for one in arrays[n : n + 3]]
            found += [part[held.index(gate)] for gate in listed for part in parts]
        elif n - 1 not in places and n - 2 not in places:
            found.append(array)
    return found


def joined(variables: Iterable[Any], arrays: list[Any], gates: dict[int, tuple[str, str]]) -> list[Any]:
    """Weights of each gate as kernels hold them; those that are together already stay."""
    held = list(variables)
    if len(arrays) != len(held) + sum(3 * len(order) - 3 for order, _ in gates.values()):
        return arrays
    found: list[Any] = []
    rest = iter(arrays)
    for n, variable in enumerate(held):
        if id(variable) in gates:
            order, listed = gates[id(variable)]
            parts = {gate: [next(rest) for _ in range(3)] for gate in listed}
            found += [np.concatenate([parts[gate][place] for gate in order], axis=-1) for place in range(3)]
        elif not any(id(held[m]) in gates for m in (n - 1, n - 2) if m >= 0):
            found.append(next(rest))
    return found


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
