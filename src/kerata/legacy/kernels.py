"""Weights as Keras 1 held them: with Theano's order of axes, of one dimension with an axis more, apart for each gate."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from kerata.base.importing import Late
from kerata.engine.types import HostArray
from kerata.engine.variable import Variable
from kerata.layers import GRU, LSTM, Conv1D, ConvLSTM2D, Layer, SeparableConv2D

if TYPE_CHECKING:
    from kerata.saving.legacy import layouts
else:
    layouts = Late("kerata.saving.legacy.layouts")

Turn = Callable[[HostArray], HostArray]
# The letters of gates in the order in which kernels hold them, in which Keras 1 listed their weights, and the axis of kernels
# along which they are side by side in its form.
Gates = tuple[str, str, int]


def turns_of(layers: Iterable[Layer]) -> dict[int, tuple[Turn, Turn]]:
    """(to the form of Keras 1, back from it) of the kernels that had another one, by the id of the variable."""
    found: dict[int, tuple[Turn, Turn]] = {}
    for layer in layers:
        turns = turns_of_layer(layer) if layer.built else None
        if turns is not None:
            found |= {id(kernel): turns for kernel in kernels_of(layer)}
    return found


def kernels_of(layer) -> list[Variable]:
    """The kernels of a layer that works on pictures."""
    if isinstance(layer, SeparableConv2D):
        return [layer.depthwise_kernel, layer.pointwise_kernel]
    return [layer.cell.kernel, layer.cell.recurrent_kernel] if isinstance(layer, ConvLSTM2D) else [layer.kernel]


def turns_of_layer(layer: Layer) -> tuple[Turn, Turn] | None:
    """Those of a layer's kernels; `None` where they have the form of today."""
    if isinstance(layer, Conv1D):
        return (lambda a: a[:, None]), (lambda a: a[:, 0])
    first = getattr(layer, "data_format", None) == "channels_first"
    if first and isinstance(layer, ConvLSTM2D):
        axes: tuple[int, ...] | None = (2, 3, 1, 0)
    else:
        axes = next(
            (axes for kind, axes in (layouts.FIRST if first else layouts.LAST).items() if isinstance(layer, kind)), None
        )
    if axes is None:
        return None
    back = axes
    return (lambda a: np.transpose(a, np.argsort(back))), (lambda a: np.transpose(a, back))


def gates_of(layers: Iterable[Layer]) -> dict[int, Gates]:
    """The gates whose weights Keras 1 held apart, by the id of the kernel: not those made with `consume_less="gpu"`."""
    found: dict[int, Gates] = {}
    for layer in layers:
        if isinstance(layer, (LSTM, GRU, ConvLSTM2D)) and layer.built and not layer.__dict__.get("one_kernel"):
            axis = 0 if getattr(layer, "data_format", None) == "channels_first" else -1
            found[id(layer.cell.kernel)] = ("zrh", "zrh", axis) if isinstance(layer, GRU) else ("ifco", "icfo", axis)
    return found


def apart(variables: Iterable[Any], arrays: list[HostArray], gates: dict[int, Gates]) -> list[HostArray]:
    """The weights with kernel, recurrent kernel and bias of each gate, one gate after the other."""
    found: list[HostArray] = []
    places = {n: gates[id(v)] for n, v in enumerate(variables) if id(v) in gates}
    for n, array in enumerate(arrays):
        if n in places:
            held, listed, axis = places[n]
            parts = [np.split(one, len(held), axis=axis if one.ndim > 1 else 0) for one in arrays[n : n + 3]]
            found += [part[held.index(gate)] for gate in listed for part in parts]
        elif n - 1 not in places and n - 2 not in places:
            found.append(array)
    return found


def joined(variables: Iterable[Any], arrays: list[Any], gates: dict[int, Gates]) -> list[Any]:
    """Weights of each gate as kernels hold them; those that are together already stay."""
    held = list(variables)
    if len(arrays) != len(held) + sum(3 * len(order) - 3 for order, _, _ in gates.values()):
        return arrays
    found: list[Any] = []
    rest = iter(arrays)
    for n, variable in enumerate(held):
        if id(variable) in gates:
            order, listed, axis = gates[id(variable)]
            parts = {gate: [next(rest) for _ in range(3)] for gate in listed}
            whole = [[parts[gate][place] for gate in order] for place in range(3)]
            found += [np.concatenate(one, axis=axis if np.ndim(one[0]) > 1 else 0) for one in whole]
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
