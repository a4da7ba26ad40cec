"""The arrays of old files in the layouts of today, layer by layer.

Keras 1 kept a gate of a recurrent layer as three arrays of its own, convolutions in the order of axes of their pictures, and
Theano turned kernels round; the layers for CuDNN had transposed kernels and two biases.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerata.base.checks import message
from kerata.base.refusals import FileError
from kerata.engine.variable import Variable
from kerata.layers.convolution import Conv1D, Conv2D, Conv3D, Convolution
from kerata.layers.convolutional_recurrent import ConvLSTMCell
from kerata.layers.layer import Layer
from kerata.layers.recurrent_cells import GRUCell, LSTMCell
from kerata.layers.separable_convolution import SeparableConv2D
from kerata.layers.transposed_convolution import Conv2DTranspose
from kerata.saving.legacy.form import KERAS1, Source, Weights, join

# The gates of Keras 1 in today's order: input, forget, candidate, output; update, reset, candidate.
LSTM_GATES, GRU_GATES = (0, 2, 1, 3), (0, 1, 2)
# For kernels of Keras 1 with channels first: today's axes among those of the file.
FIRST = {Conv2D: (2, 3, 1, 0), Conv3D: (2, 3, 4, 1, 0), Conv2DTranspose: (2, 3, 0, 1), SeparableConv2D: (2, 3, 1, 0)}
LAST = {Conv2DTranspose: (0, 1, 3, 2)}
# Weights of one shape in one layer, whose names say which is which.
ALIKE = {"gamma": "gamma", "beta": "beta", "moving_mean": "mean", "moving_variance": "variance"}
ALIKE |= {"running_mean": "mean", "running_std": "variance", "mean": "mean", "std": "variance", "variance": "variance"}


def arrange(layer: Layer, variables: Sequence[Any], arrays: list[Source], weights: Weights) -> list[Source]:
    """The arrays of a layer in the order and the layouts of its variables.

    Args:
        layer: what holds the variables itself: for a recurrent layer, its cell.
        variables: its weights.
        arrays: those of the file.
        weights: what the file says of all of them.
    """
    if isinstance(layer, ConvLSTMCell):
        return of_pictures(layer, arrays, weights)
    if isinstance(layer, LSTMCell):
        arrays = join_gates(arrays, 4, LSTM_GATES)
    elif isinstance(layer, GRUCell):
        arrays = join_gates(arrays, 3, GRU_GATES)
    if isinstance(layer, (LSTMCell, GRUCell)):
        return of_cudnn(layer, arrays)
    if isinstance(layer, (Convolution, SeparableConv2D)) and arrays:
        return of_convolution(layer, variables, arrays, weights)
    return arrays


def count_of(layer: Layer, variables: Sequence[Any], arrays: list[Source]) -> int:
    """How many of the next arrays of a file are those of a layer."""
    gates = 4 if isinstance(layer, (LSTMCell, ConvLSTMCell)) else 3 if isinstance(layer, GRUCell) else 0
    units = getattr(layer, "filters", None) or getattr(layer, "units", None)
    # The bias of one gate.
    if gates and len(variables) == 3 and len(arrays) >= 3 * gates and arrays[2].shape == (units,):
        return 3 * gates
    return len(variables)


def join_gates(arrays: list[Source], gates: int, order: tuple[int, ...]) -> list[Source]:
    """Kernel, recurrent kernel and bias, each with all gates side by side."""
    if len(arrays) != 3 * gates:
        return arrays
    return [join([arrays[3 * gate + part] for gate in order]) for part in range(3)]


def of_pictures(layer: ConvLSTMCell, arrays: list[Source], weights: Weights) -> list[Source]:
    """The arrays of a recurrent layer whose kernels are those of convolutions."""
    rank = layer.rank
    kernels = [array for array in arrays if len(array.shape) == rank + 2]
    if weights.era == KERAS1 and layer.data_format == "channels_first":
        axes = (*range(2, rank + 2), 1, 0)
        arrays = [array.transpose(*axes) if array in kernels else array for array in arrays]
    if weights.backend == "theano":
        arrays = [array.flip(rank) if len(array.shape) == rank + 2 else array for array in arrays]
    return join_gates(arrays, 4, LSTM_GATES)


def of_cudnn(layer: LSTMCell | GRUCell, arrays: list[Source]) -> list[Source]:
    """The arrays of `CuDNNLSTM` or `CuDNNGRU` as those of the plain layer; others come back as they are."""
    if len(arrays) != 3 or len(arrays[2].shape) != 1 or len(arrays[0].shape) != 2:
        return arrays
    gates, units = (4, layer.units) if isinstance(layer, LSTMCell) else (3, layer.units)
    kernel, recurrent, bias = arrays
    if bias.shape != (2 * gates * units,):
        return arrays
    kernel = kernel.change(kernel.shape, lambda array: turn(array, gates, lambda k: k.T.reshape(k.shape, order="F")))
    recurrent = recurrent.change(recurrent.shape, lambda array: turn(array, gates, lambda k: k.T))
    if isinstance(layer, LSTMCell):
        return [kernel, recurrent, bias.change((gates * units,), lambda array: array.reshape(2, -1).sum(0))]
    return [kernel, recurrent, bias.reshape(2, gates * units)]


def turn(array: np.ndarray, gates: int, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """A function of the kernel of each gate."""
    return np.hstack([function(kernel) for kernel in np.hsplit(array, gates)])


def of_convolution(layer: Layer, variables: Sequence[Any], arrays: list[Source], weights: Weights) -> list[Source]:
    """Kernels of convolutions in today's order of axes, the way round that XLA takes them."""
    kernels = 2 if isinstance(layer, SeparableConv2D) else 1
    rank = len(variables[0].shape) - 2
    if weights.era == KERAS1:
        arrays = [
            kernel_of_keras1(layer, variable, array) for variable, array in zip(variables[:kernels], arrays, strict=False)
        ] + arrays[kernels:]
    if weights.backend == "theano":
        arrays = [array.flip(rank) for array in arrays[:kernels]] + arrays[kernels:]
    return arrays


def kernel_of_keras1(layer: Layer, variable: Variable, array: Source) -> Source:
    """A kernel of Keras 1."""
    if isinstance(layer, Conv1D):
        steps, channels, filters = variable.shape
        if array.shape == (filters, channels, steps, 1):
            array = array.transpose(2, 3, 1, 0)
        return array.reshape(steps, channels, filters) if array.shape == (steps, 1, channels, filters) else array
    table = FIRST if getattr(layer, "data_format", None) == "channels_first" else LAST
    axes = next((axes for kind, axes in table.items() if isinstance(layer, kind)), None)
    return array.transpose(*axes) if axes is not None and len(axes) == len(array.shape) else array


def check_names(variables: Sequence[Any], arrays: Sequence[Source]) -> bool:
    """Whether no array's name says that it is another than the variable in its place."""
    return all(
        word_of(variable.name) == word_of(array.name)
        for variable, array in zip(variables, arrays, strict=True)
        if word_of(array.name)
    )


def word_of(name: str) -> str:
    """What a name of a weight says where its shape does not: `batchnormalization_1_running_std:0` to "variance".

    >>> word_of("bn/moving_mean:0"), word_of("batchnormalization_1_running_std"), word_of("dense/kernel")
    ('mean', 'variance', '')
    """
    last = name.rpartition("/")[2].partition(":")[0]
    return next((word for ending, word in ALIKE.items() if last == ending or last.endswith("_" + ending)), "")


def check_shapes(variables: Sequence[Any], arrays: Sequence[Source], owner: str) -> None:
    """Raises where an array has not the shape of its variable. Nothing is read."""
    for variable, array in zip(variables, arrays, strict=True):
        if tuple(variable.shape) != array.shape:
            raise FileError(
                message(
                    owner,
                    f"the file must match the model: weight {variable.path} must have shape {tuple(variable.shape)}",
                    {"array": array.name, "shape": array.shape},
                )
            )
