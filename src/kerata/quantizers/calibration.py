"""Weights in few bits that fit the inputs of a layer: GPTQ and AWQ. Matrices are (outputs, inputs), as in the papers."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from kerata.engine.types import Array, HostArray
from kerata.quantizers.configs import AWQConfig, GPTQConfig
from kerata.quantizers.grouping import compute_quantization_parameters, dequantize_with_sz_map, quantize_with_sz_map

# Columns whose errors are handed on among them first, and then to all that follow, at once.
BLOCK = 128


class Found(NamedTuple):
    """A weight in few bits.

    Attributes:
        levels: whole numbers from 0, (outputs, inputs).
        scale, zero: of each output's groups of inputs, (outputs, groups).
        groups: the group of each input, (inputs,).
        spread: what each input's weights were multiplied by before, (inputs,); `None` if by nothing.
    """

    levels: HostArray
    scale: HostArray
    zero: HostArray
    groups: HostArray
    spread: HostArray | None = None


class Moments:
    """The mean of 2 x x^T over the inputs x that a layer sees: how much errors of its weights matter, for GPTQ.

    Args:
        inputs: how many numbers an input has.
    """

    def __init__(self, inputs: int):
        self.matrix = jnp.zeros((inputs, inputs), "float32")
        self.count = 0

    def see(self, x: Array) -> None:
        """Takes in some inputs, (samples, inputs)."""
        x = x.astype("float32")
        gram = jnp.matmul(x.T, x)
        gram = (gram + gram.T) / 2
        total = self.count + x.shape[0]
        if self.count:
            self.matrix = self.matrix * jnp.divide(self.count, total)
        self.matrix = self.matrix + jnp.divide(2.0, total) * gram
        self.count = total


class Magnitudes:
    """The largest |x| of each of the numbers that a layer's inputs have, for AWQ.

    Args:
        inputs: how many numbers an input has.
    """

    def __init__(self, inputs: int):
        self.largest = jnp.zeros((inputs,), "float32")

    def see(self, x: Array) -> None:
        """Takes in some inputs, (samples, inputs)."""
        self.largest = jnp.maximum(self.largest, jnp.max(jnp.abs(x.astype("float32")), axis=0))


def find_by_gptq(weight: Array, moments: Moments, config: GPTQConfig) -> Found:
    """Rounds a weight column by column, and corrects what is not rounded yet for the error that the inputs would see.

    Args:
        weight: (inputs, outputs).
        moments: of the inputs.
        config: the number of bits, groups and damping.

    Source: Frantar et al., "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers", 2022.
    """
    hessian = damped(moments.matrix, config.hessian_damping)
    matrix, inverse = np.asarray(weight.T, "float32"), np.asarray(jnp.linalg.inv(hessian))
    order = None
    if config.activation_order:
        # The inputs that matter most first.
        importance = np.asarray(jnp.diagonal(hessian))
        order = np.argsort(-np.where(np.isfinite(importance), importance, 0), kind="stable")
        matrix, inverse = matrix[:, order], inverse[np.ix_(order, order)]
    levels, scale, zero = round_columns(matrix, inverse, config)
    columns = matrix.shape[1]
    size = columns if config.group_size == -1 else config.group_size
    # As files have them: the whole part counts.
    groups = (np.arange(columns, dtype="int32") / size).astype("float32")
    if order is not None:
        back = np.argsort(order)
        levels, groups = levels[:, back], groups[back]
    return Found(levels, scale, zero, groups)


def damped(matrix: Array, share: float) -> Array:
    """The matrix with something added to its diagonal, so that it has an inverse."""
    diagonal = jnp.diagonal(matrix)
    diagonal = jnp.where(diagonal == 0, 1.0, diagonal)
    diagonal = diagonal + share * jnp.mean(diagonal)
    return matrix - jnp.diag(jnp.diagonal(matrix)) + jnp.diag(diagonal)


def round_columns(matrix: HostArray, inverse: HostArray, config: GPTQConfig) -> tuple[HostArray, HostArray, HostArray]:
    """(levels, scale, zero) of a matrix (outputs, inputs), column by column."""
    columns = matrix.shape[1]
    size = columns if config.group_size == -1 else config.group_size
    levels = np.zeros(matrix.shape, "uint8")
    held = matrix.copy()
    scales: list[HostArray] = []
    zeros: list[HostArray] = []
    largest = np.float32(2**config.weight_bits - 1)
    for first in range(0, columns, BLOCK):
        last = min(first + BLOCK, columns)
        block, errors = held[:, first:last].copy(), np.zeros((matrix.shape[0], last - first), "float32")
        for place in range(last - first):
            column = first + place
            if column % size == 0:
                # Of the numbers as they were when the block began.
                found = compute_quantization_parameters(
                    held[:, column : column + size],
                    bits=config.weight_bits,
                    symmetric=config.symmetric,
                    per_channel=config.per_channel,
                    group_size=config.group_size,
                )
                scales.append(np.asarray(found.scale))
                zeros.append(np.asarray(found.zero))
            scale, zero = scales[-1][:, 0], zeros[-1][:, 0].astype("float32")
            numbers = block[:, place]
            rounded = np.clip(np.round(numbers / scale + zero), 0, largest)
            levels[:, column] = rounded
            errors[:, place] = (numbers - scale * (rounded - zero)) / inverse[column, column]
            block[:, place + 1 :] -= errors[:, place : place + 1] * inverse[column, column + 1 : last]
        held[:, last:] -= errors @ inverse[first:last, last:]
    return levels, np.concatenate(scales, axis=1), np.concatenate(zeros, axis=1)


def find_by_awq(weight: Array, magnitudes: Magnitudes, config: AWQConfig) -> Found:
    """Rounds a weight, the inputs of which are stretched before as their sizes say, by the power that loses least.

    Args:
        weight: (inputs, outputs).
        magnitudes: of the inputs.
        config: groups, and how many powers are tried.

    Source: Lin et al., "AWQ: Activation-aware Weight Quantization for LLM Compression and Acceleration", 2023.
    """
    matrix = weight.T.astype("float32")
    largest = jnp.where(magnitudes.largest < 1e-8, 1.0, magnitudes.largest)
    groups = jnp.arange(matrix.shape[1]) // (matrix.shape[1] if config.group_size == -1 else config.group_size)
    best, spread = float("inf"), jnp.ones_like(largest)
    for step in range(config.num_grid_points + 1):
        tried = jnp.maximum(jnp.power(largest, step / config.num_grid_points), 1e-4)
        tried = tried / jnp.maximum(jnp.sqrt(jnp.max(tried) * jnp.min(tried)), 1e-8)
        levels, scale, zero = _levels_of(matrix * tried, groups, config)
        error = jnp.square(matrix - dequantize_with_sz_map(levels, scale, zero, groups) / tried)
        loss = float(jnp.mean(error * jnp.square(largest)))
        if loss < best or step == 0:
            best, spread = loss, tried
    levels, scale, zero = _levels_of(matrix * spread, groups, config)
    parts = (levels.astype("uint8"), scale, zero, groups.astype("float32"), spread)
    return Found(*(np.asarray(part) for part in parts))


def _levels_of(matrix: Array, groups: Array, config: AWQConfig) -> tuple[Array, Array, Array]:
    found = compute_quantization_parameters(matrix, bits=config.weight_bits, per_channel=True, group_size=config.group_size)
    levels = quantize_with_sz_map(matrix, found.scale, found.zero, groups, found.largest)
    return levels, found.scale, found.zero
