"""How a layer or a model is to be quantized."""

from collections.abc import Iterable
from typing import Any, Self

from kerata.base.checks import KindError, check_choice, check_number, check_positive_int, message
from kerata.base.registry import builtin
from kerata.base.serialization import deserialize_keras_object, serialize_keras_object
from kerata.engine.policy import QUANTIZATION_MODES
from kerata.quantizers.quantizer import AbsMaxQuantizer, Levels


class QuantizationConfig:
    """How to quantize. The base of the configs below.

    Args:
        weight_quantizer: what quantizes weights; the mode's own if it is not given.
        activation_quantizer: what quantizes inputs; `None` leaves them as they are.
    """

    def __init__(self, weight_quantizer: Levels | None = None, activation_quantizer: Levels | None = None):
        self.weight_quantizer, self.activation_quantizer = weight_quantizer, activation_quantizer

    @property
    def mode(self) -> str:
        """The mode that it is for."""
        raise NotImplementedError(message(type(self).__name__, "a subclass must say its `mode`"))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data."""
        quantizers = {"weight_quantizer": self.weight_quantizer, "activation_quantizer": self.activation_quantizer}
        return {name: serialize_keras_object(quantizer) for name, quantizer in quantizers.items()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A config from what `get_config` gave."""
        return cls(**{name: deserialize_keras_object(value) for name, value in config.items()})

    @staticmethod
    def weight_quantizer_or_default(config: "QuantizationConfig | None", default: Levels | None) -> Levels | None:
        """The config's quantizer for weights, where there is one."""
        return default if config is None or config.weight_quantizer is None else config.weight_quantizer

    @staticmethod
    def activation_quantizer_or_default(config: "QuantizationConfig | None", default: Levels | None) -> Levels | None:
        """The config's quantizer for inputs, which may be none, where there is a config."""
        return default if config is None else config.activation_quantizer


def _check_weights(config: QuantizationConfig, **expected: object) -> None:
    """Raises `ValueError` unless the quantizer for weights, if there is one, has these attributes."""
    for name, value in expected.items():
        found = getattr(config.weight_quantizer, name, None)
        if config.weight_quantizer is not None and found != value:
            raise ValueError(message(type(config).__name__, f"the weight_quantizer must have {name}={value!r}", {name: found}))


@builtin("quantizers", "int8_quantization_config")
class Int8QuantizationConfig(QuantizationConfig):
    """Weights of 8 bits.

    Args:
        weight_quantizer: as of `QuantizationConfig`.
        activation_quantizer: what quantizes inputs, an `AbsMaxQuantizer` by default; `None` leaves them as they are.

    >>> Int8QuantizationConfig().mode
    'int8'
    """

    @property
    def mode(self) -> str:
        """The mode that it is for."""
        return "int8"

    def __init__(self, weight_quantizer: Levels | None = None, activation_quantizer: Levels | str | None = "default"):
        chosen = AbsMaxQuantizer() if isinstance(activation_quantizer, str) else activation_quantizer
        super().__init__(weight_quantizer, chosen)
        _check_weights(self, output_dtype="int8")


@builtin("quantizers", "int4_quantization_config")
class Int4QuantizationConfig(QuantizationConfig):
    """Weights of 4 bits, two in each byte.

    Args:
        weight_quantizer: as of `QuantizationConfig`.
        activation_quantizer: what quantizes inputs; they stay as they are by default.
        block_size: inputs of an output that share a scale and a zero point; `None` or -1 for one scale an output, without
            zero points, which is what quantizers of one's own need.

    >>> Int4QuantizationConfig(block_size=64).block_size
    64
    """

    @property
    def mode(self) -> str:
        """The mode that it is for."""
        return "int4"

    def __init__(
        self,
        weight_quantizer: Levels | None = None,
        activation_quantizer: Levels | str | None = "default",
        block_size: int | None = 128,
    ):
        super().__init__(weight_quantizer, None if isinstance(activation_quantizer, str) else activation_quantizer)
        if block_size is not None and block_size != -1 and block_size <= 0:
            raise ValueError(
                message(
                    "Int4QuantizationConfig", "`block_size` must be None, -1, or a positive integer", {"block_size": block_size}
                )
            )
        if block_size not in (None, -1) and (self.weight_quantizer or self.activation_quantizer):
            raise ValueError(
                message(
                    "Int4QuantizationConfig",
                    "sub-channel quantization (block_size > 0) does not support custom quantizers",
                    {"block_size": block_size},
                    "Set block_size to None or -1, or leave the quantizers out",
                )
            )
        _check_weights(self, value_range=(-8, 7), output_dtype="int8")
        self.block_size = block_size

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "block_size": self.block_size}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        # Configs from before there were blocks.
        return super().from_config({"block_size": None, **config})


@builtin("quantizers", "float8_quantization_config")
class Float8QuantizationConfig(QuantizationConfig):
    """Products of numbers of 8 bits with a point, in training too.

    >>> Float8QuantizationConfig().mode
    'float8'
    """

    @property
    def mode(self) -> str:
        """The mode that it is for."""
        return "float8"

    def __init__(self) -> None:
        super().__init__(None, None)

    def get_config(self) -> dict[str, Any]:
        return {}


class CalibratedConfig(QuantizationConfig):
    """What GPTQ and AWQ have in common: they look at inputs of the layers.

    Args:
        dataset: texts, or arrays of whole numbers, e.g. of words.
        tokenizer: what makes such an array of a text, by its `tokenize`; a function will do.
        weight_bits: of a level.
        num_samples: how many pieces of the data are looked at.
        sequence_length: numbers in a piece.
        group_size: inputs of an output that share a scale; -1 for all.
        quantization_layer_structure: a dict with `"pre_block_layers"`, through which the data goes first, and
            `"sequential_blocks"`, which are quantized one after the other; what the model says by
            `get_quantization_layer_structure` by default.
    """

    _numbers: tuple[str, ...] = ("weight_bits", "num_samples", "sequence_length", "group_size")
    _bits: tuple[int, ...] = (4,)

    def __init__(
        self,
        dataset: Iterable[Any] | None,
        tokenizer: object,
        weight_bits: int,
        num_samples: int,
        sequence_length: int,
        group_size: int,
        quantization_layer_structure: dict[str, Any] | None,
    ):
        super().__init__()
        owner = type(self).__name__
        self.dataset, self.tokenizer = dataset, tokenizer
        self.weight_bits: int = check_choice(owner, "weight_bits", weight_bits, self._bits)
        self.num_samples = check_positive_int(owner, "num_samples", num_samples)
        self.sequence_length = check_positive_int(owner, "sequence_length", sequence_length)
        if group_size != -1:
            check_positive_int(owner, "group_size", group_size)
        self.group_size = group_size
        self.quantization_layer_structure = quantization_layer_structure

    def dtype_policy_string(self) -> str:
        """The mode with its numbers, as policies are called."""
        return f"{self.mode}/{self.weight_bits}/{self.group_size}"

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data, without the data, which is looked at once."""
        numbers = {name: getattr(self, name) for name in self._numbers}
        return {
            "dataset": None,
            "tokenizer": None,
            **numbers,
            "quantization_layer_structure": self.quantization_layer_structure,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**config)

    def without_data(self) -> Self:
        """The same config without what it was made to look at."""
        return type(self).from_config({**self.get_config(), "quantization_layer_structure": None})


@builtin("quantizers", "gptq_config")
class GPTQConfig(CalibratedConfig):
    """Weights of few bits, each rounded so that those that follow make up for its error, as far as the inputs allow.

    Args:
        dataset, tokenizer, num_samples, sequence_length, group_size, quantization_layer_structure: as of `AWQConfig`.
        weight_bits: 2, 3, 4 or 8.
        per_channel: whether each output has scales of its own.
        hessian_damping: added to the diagonal of the inputs' second moments, as a share of its mean.
        symmetric: whether the levels reach as far on both sides of 0.
        activation_order: whether the inputs that matter most are rounded first.

    Source: Frantar et al., "GPTQ", 2022, https://arxiv.org/abs/2210.17323.

    >>> GPTQConfig([], None, weight_bits=3, group_size=-1).dtype_policy_string()
    'gptq/3/-1'
    """

    _numbers = (*CalibratedConfig._numbers, "per_channel", "hessian_damping", "symmetric", "activation_order")
    _bits = (2, 3, 4, 8)

    @property
    def mode(self) -> str:
        """The mode that it is for."""
        return "gptq"

    def __init__(
        self,
        dataset: Iterable[Any] | None,
        tokenizer: object,
        *,
        weight_bits: int = 4,
        num_samples: int = 128,
        per_channel: bool = True,
        sequence_length: int = 512,
        hessian_damping: float = 0.01,
        group_size: int = 128,
        symmetric: bool = False,
        activation_order: bool = False,
        quantization_layer_structure: dict[str, Any] | None = None,
    ):
        structure = quantization_layer_structure
        super().__init__(dataset, tokenizer, weight_bits, num_samples, sequence_length, group_size, structure)
        self.per_channel, self.symmetric, self.activation_order = per_channel, symmetric, activation_order
        self.hessian_damping = check_number("GPTQConfig", "hessian_damping", hessian_damping, 0, 1)


@builtin("quantizers", "awq_config")
class AWQConfig(CalibratedConfig):
    """Weights of 4 bits, where those of large inputs are stretched before they are rounded.

    Args:
        dataset: texts, or arrays of whole numbers, e.g. of words.
        tokenizer: what makes such an array of a text, by its `tokenize`; a function will do.
        weight_bits: 4.
        num_samples: how many pieces of the data are looked at.
        sequence_length: numbers in a piece.
        group_size: inputs of an output that share a scale; -1 for all.
        num_grid_points: how many powers of the inputs' sizes are tried.
        quantization_layer_structure: a dict with `"pre_block_layers"`, through which the data goes first, and
            `"sequential_blocks"`, which are quantized one after the other; what the model says by
            `get_quantization_layer_structure` by default.

    Source: Lin et al., "AWQ", 2023, https://arxiv.org/abs/2306.00978.

    >>> AWQConfig([], None).dtype_policy_string()
    'awq/4/128'
    """

    _numbers = (*CalibratedConfig._numbers, "num_grid_points")

    @property
    def mode(self) -> str:
        """The mode that it is for."""
        return "awq"

    def __init__(
        self,
        dataset: Iterable[Any] | None,
        tokenizer: object,
        *,
        weight_bits: int = 4,
        num_samples: int = 128,
        sequence_length: int = 512,
        group_size: int = 128,
        num_grid_points: int = 20,
        quantization_layer_structure: dict[str, Any] | None = None,
    ):
        structure = quantization_layer_structure
        super().__init__(dataset, tokenizer, weight_bits, num_samples, sequence_length, group_size, structure)
        self.num_grid_points = check_positive_int("AWQConfig", "num_grid_points", num_grid_points)


DEFAULTS: dict[str, type[Any]] = {
    "int8": Int8QuantizationConfig,
    "int4": Int4QuantizationConfig,
    "float8": Float8QuantizationConfig,
}


def resolve_config(owner: object, mode: str | None, config: "QuantizationConfig | str | None") -> QuantizationConfig:
    """The config that a mode, a config, or both stand for.

    Args:
        owner: for messages.
        mode: one of `QUANTIZATION_MODES`.
        config: a config, or the name of a mode.
    """
    if isinstance(config, str):
        mode, config = config, None
    if mode is not None:
        check_choice(owner, "mode", mode, QUANTIZATION_MODES)
    if config is None:
        if mode is None:
            raise ValueError(message(owner, "You must provide either `mode` or `config` to quantize()"))
        if mode not in DEFAULTS:
            needed = f"{mode.upper()}Config"
            raise ValueError(message(owner, f"mode {mode!r} needs a `{needed}` object as `config`", {"config": None}))
        return DEFAULTS[mode]()
    if not isinstance(config, QuantizationConfig):  # pyright: ignore[reportUnnecessaryIsInstance], it comes from users
        raise KindError(message(owner, "Argument `config` must be an instance of `QuantizationConfig`", {"config": config}))
    if mode is not None and mode != config.mode:
        raise ValueError(message(owner, "Contradictory arguments", {"mode": mode, "config.mode": config.mode}))
    check_choice(owner, "mode", config.mode, QUANTIZATION_MODES)
    return config
