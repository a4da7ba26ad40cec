"""Quantizing a model by GPTQ or AWQ: block by block, each on what comes out of the blocks before it."""

import contextlib
import math
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, cast

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from kerata.base import registry
from kerata.base.checks import KindError, message
from kerata.engine.types import Array, HostArray
from kerata.layers.calibrated import Calibrated
from kerata.layers.layer import Layer
from kerata.quantizers.calibration import Found, Magnitudes, Moments, find_by_awq, find_by_gptq
from kerata.quantizers.configs import AWQConfig, CalibratedConfig, GPTQConfig

STRUCTURE = ("pre_block_layers", "sequential_blocks")


def calibrate(
    model: object, config: CalibratedConfig, structure: dict[str, Any] | None, wanted: Callable[[Layer], bool], type_check: bool
) -> None:
    """Rounds the weights of the dense layers in the blocks of a model. Other layers stay as they are.

    Args:
        model: for messages.
        config: how, and the data to look at.
        structure: the layers before the blocks, and the blocks.
        wanted: which layers.
        type_check: whether layers of subclasses are left out.
    """
    structure = config.quantization_layer_structure or structure
    if not isinstance(structure, dict) or not structure.get(STRUCTURE[1]):
        fix = "Give `quantization_layer_structure` to the config, or define `get_quantization_layer_structure` of the model"
        expected = f"mode {config.mode!r} needs a dict with {STRUCTURE[0]!r} and {STRUCTURE[1]!r}"
        raise ValueError(message(model, expected, {"structure": structure}, fix))
    blocks: Sequence[Layer] = structure[STRUCTURE[1]]
    chosen = [find_layers(block, wanted, type_check) for block in blocks]
    inputs = [through(structure.get(STRUCTURE[0]) or (), jnp.asarray(piece)) for piece in pieces_of(config)]
    for number, (block, layers) in enumerate(zip(blocks, chosen, strict=True)):
        if layers:
            calibrate_block(block, layers, inputs, config)
        if number < len(blocks) - 1:
            inputs = [run(block, x)[0] for x in inputs]


def calibrate_block(block: Layer, layers: list[Calibrated], inputs: list[Array], config: CalibratedConfig) -> None:
    """Rounds some layers of a block, as its inputs say."""
    kind = Moments if config.mode == "gptq" else Magnitudes
    seen = [kind(layer.matrix_shape(layer.full_shape())[0]) for layer in layers]
    with watching(layers, [one.see for one in seen]):
        for x in inputs:
            run(block, x)
    for layer, one in zip(layers, seen, strict=True):
        rows, columns = layer.matrix_shape(layer.full_shape())
        weight = jnp.reshape(layer.full_weight(), (rows, columns))
        layer.take_found(find(weight, one, config), config)


def find(weight: Array, seen: Moments | Magnitudes, config: CalibratedConfig) -> Found:
    """What the mode makes of a weight (inputs, outputs)."""
    if isinstance(config, GPTQConfig) and isinstance(seen, Moments):
        return find_by_gptq(weight, seen, config)
    assert isinstance(config, AWQConfig) and isinstance(seen, Magnitudes)
    return find_by_awq(weight, seen, config)


def run(block: Layer, x: Array) -> Array:
    """The block on one piece, (time, features) or (1, time, features)."""
    return block(x[None] if x.ndim == 2 else x)


def through(layers: Iterable[Layer], x: Array) -> Array:
    """What layers make of an array, one after the other."""
    for layer in layers:
        x = layer(x)
    return x


@contextlib.contextmanager
def watching(layers: list[Calibrated], see: list[Callable[[Array], None]]) -> Generator[None]:
    """Within the block, each layer tells what its weight is applied to."""

    def told(layer: Calibrated, see: Callable[[Array], None]) -> Callable[[Array], None]:
        def watch(x: Array) -> None:
            if isinstance(x, Tracer):
                expected = "it stands in a loop or a program, where its inputs cannot be looked at"
                raise ValueError(message(layer, expected, fix="Leave it out with `filters`"))
            see(x)

        return watch

    for layer, one in zip(layers, see, strict=True):
        Calibrated.watcher[id(layer)] = told(layer, one)
    try:
        yield
    finally:
        for layer in layers:
            Calibrated.watcher.pop(id(layer), None)


def find_layers(block: Layer, wanted: Callable[[Layer], bool], type_check: bool) -> list[Calibrated]:
    """The layers of a block that can be rounded, and are to be."""
    found: list[Calibrated] = []
    for layer in block._flatten_layers():
        if not isinstance(layer, Calibrated) or len(layer._flatten_layers()) != 1 or not wanted(layer):
            continue
        if type_check and registry.home_of(type(layer)) is None:
            continue
        if not layer.built:
            raise ValueError(
                message(layer, "Cannot quantize a layer that isn't yet built", None, "Call the model on data first")
            )
        if (layer.is_quantized and (layer.is_calibrated or not layer.is_prepared)) or layer.lora_enabled:
            received = {"dtype_policy": layer.dtype_policy, "lora_rank": layer.lora_rank}
            raise ValueError(message(layer, "it is already quantized, or has an adapter", received))
        if not layer.is_plain_matrix:
            raise NotImplementedError(message(layer, "its weight is no plain matrix", None, "Leave it out with `filters`"))
        found.append(layer)
    return found


def pieces_of(config: CalibratedConfig) -> HostArray:
    """Pieces of the data, one after the other at even distances: (num_samples, 1, sequence_length) of whole numbers."""
    owner, data = type(config).__name__, config.dataset
    if data is None or isinstance(data, (str, bytes)) or not hasattr(data, "__iter__"):
        raise KindError(message(owner, "`dataset` must give texts or arrays of whole numbers", {"dataset": data}))
    parts = [_numbers_of(config, one) for one in data]
    numbers = np.concatenate(parts) if parts else np.zeros(0, "int32")
    if not numbers.size:
        raise ValueError(message(owner, "`dataset` must not be empty", {"dataset": data}))
    needed = config.num_samples * config.sequence_length
    if numbers.size < needed:
        numbers = np.tile(numbers, math.ceil(needed / numbers.size))
    places = numbers.size - config.sequence_length + 1
    starts = np.arange(config.num_samples) * max(1, places // config.num_samples) % places
    return np.lib.stride_tricks.sliding_window_view(numbers, config.sequence_length)[starts][:, None, :].copy()


def _numbers_of(config: CalibratedConfig, one: object) -> HostArray:
    if isinstance(one, str):
        tokenizer = cast(Any, config.tokenizer)
        make = getattr(tokenizer, "tokenize", tokenizer)
        if not callable(make):
            expected = "a `dataset` of texts needs a `tokenizer`"
            raise ValueError(message(type(config).__name__, expected, {"tokenizer": tokenizer}))
        one = make(one)
    return np.asarray(one).reshape(-1).astype("int32")
