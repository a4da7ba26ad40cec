"""Layers whose weights can be kept in few bits: `quantize`, and policies such as `"int8_from_float32"`."""

import math
from typing import NamedTuple, Unpack

import jax.numpy as jnp
import numpy as np

from kerata.base import registry
from kerata.base.checks import message
from kerata.engine.policy import Int4DTypePolicy, QuantizedFloat8DTypePolicy, standardize_policy
from kerata.engine.structure import note_change
from kerata.engine.types import Array, HostArray, Initializer, TensorLike
from kerata.engine.variable import Variable
from kerata.layers.adapters import Adaptable, AdapterOptions
from kerata.quantizers.configs import Int4QuantizationConfig, QuantizationConfig, resolve_config
from kerata.quantizers.grouping import abs_max_quantize_grouped_with_zero_point, dequantize_with_sz_map
from kerata.quantizers.nibbles import pack_int4, unpack_int4
from kerata.quantizers.products import product_of_levels, product_of_rounded_inputs, round_slope_to_float8, round_to_float8
from kerata.quantizers.quantizer import AbsMaxQuantizer, Axes, abs_max_quantize

# Modes in which the float weight is gone.
PACKED = ("int8", "int4")
FLOAT8 = ("inputs", "kernel", "outputs_grad")


class Packing(NamedTuple):
    """What is to be known of a weight that can be packed.

    Attributes:
        name: of the weight.
        axis: of the weight as a matrix, the one that products with it sum over: a scale stands for all along it.
        packed_axis: the axis along which two numbers of 4 bits share a byte.
        zero_dtype: the type in which files keep zero points; that of weights if it is `None`.
    """

    name: str
    axis: int
    packed_axis: int = -1
    zero_dtype: str | None = "int8"


class Quantizable(Adaptable):
    """What layers have in common whose weights can be kept in few bits.

    A layer says what its weights are (`packings`, the adapted one first), which modes it has, and, where it is not a plain
    matrix, the axes that its product sums over (`summed_axes`, `input_axes`) and how scales lie in the output (`align`,
    `spread`).

    Args:
        quantization_config: how it is to be quantized, where its policy says that it is.
    """

    packings: tuple[Packing, ...] = (Packing("kernel", 0),)
    quantization_modes: tuple[str, ...] = ("int8", "float8", "int4")
    # The modes in which inputs are rounded too, unless a config says otherwise.
    rounds_inputs: tuple[str, ...] = ("int8",)
    is_quantized = False
    # The group of each number along the axis that is summed over, where groups share scales.
    g_idx: Variable

    def __init__(self, *, quantization_config: QuantizationConfig | None = None, **kwargs: Unpack[AdapterOptions]):
        super().__init__(**kwargs)
        self.quantization_config = quantization_config

    def quantized_call(self, *args: object, **kwargs: object) -> object:
        """`call`, which asks for the weight however it is stored."""
        return self.call(*args, **kwargs)

    # What a layer that is no plain matrix says

    def summed_axes(self, packing: Packing) -> tuple[int, ...]:
        """The axes of a weight that products sum over."""
        return (packing.axis,)

    def input_axes(self, inputs: Array) -> Axes:
        """The axes of inputs that the product sums over."""
        return -1

    def align(self, scale: Array, of_inputs: bool) -> Array:
        """The scale of inputs, or of the first weight, with axes of size 1 where it sums, in the layout of the output."""
        return scale if of_inputs else jnp.squeeze(scale, self.packings[0].axis)

    def spread(self, scale: Array) -> Array:
        """The scale of the first weight in the layout of the output, in that of the weight."""
        return jnp.expand_dims(scale, self.packings[0].axis)

    def matrix_shape(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """The shape of a weight as a matrix."""
        return shape[0], shape[1]

    # Variables

    def _attribute(self, packing: Packing) -> str:
        return f"_{packing.name}" if packing.name == self.adapted else packing.name

    def make_adapted(self, shape: tuple[int, ...], initializer: Initializer) -> None:
        """Makes the weight, packed where the policy says so."""
        mode = self.quantization_mode
        if mode is not None:
            self._check_mode(mode)
        if mode in PACKED:
            self.quantized_build(shape, mode, self.quantization_config)
        else:
            super().make_adapted(shape, initializer)

    def make_adapters(self) -> None:
        mode = self.quantization_mode
        if mode is not None and mode not in PACKED:
            self.quantized_build(self.stored_weight.shape, mode, self.quantization_config)
        super().make_adapters()

    def quantized_build(self, kernel_shape: tuple[int, ...], mode: str, config: QuantizationConfig | None = None) -> None:
        """Makes the variables of a mode.

        Args:
            kernel_shape: of the weight.
            mode: `"int8"`, `"int4"`, `"float8"`.
            config: how it is to be quantized.
        """
        self._check_mode(mode)
        self.is_quantized = True
        note_change()
        if mode == "float8":
            self._make_float8()
            return
        default = AbsMaxQuantizer() if mode in self.rounds_inputs else None
        self.inputs_quantizer = QuantizationConfig.activation_quantizer_or_default(config, default)
        if self.inputs_quantizer is not None and registry.home_of(type(self.inputs_quantizer)) is None:
            self.mixes_samples = True
        self.block_size = self._block_size_of(config) if mode == "int4" else None
        self._full_shapes = {packing.name: tuple(self._full_shape_of(packing, kernel_shape)) for packing in self.packings}
        for packing in self.packings:
            for suffix, value in self._empty(packing, mode).items():
                self._make(f"{packing.name}{suffix}", value, None if suffix else self._attribute(packing))
            if self.block_size is not None and packing is self.packings[0]:
                groups = np.floor(np.arange(self._length(packing)) / self.block_size)
                self._make("g_idx", groups.astype("float32"))

    def _full_shape_of(self, packing: Packing, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of a weight, given that of the first."""
        return shape

    def _make(self, name: str, value: HostArray, attribute: str | None = None) -> None:
        """A variable that no optimizer changes, of the value's type and with it."""
        floats = value.dtype.kind == "f" and name != "g_idx"
        made = self.add_weight(
            value.shape, "zeros", self.variable_dtype if floats else str(value.dtype), trainable=False, name=name
        )
        if value.any():
            made.store(value)
        setattr(self, attribute or name, made)

    def _empty(self, packing: Packing, mode: str) -> dict[str, HostArray]:
        """Values of a weight that was not quantized yet, in shapes and types that a file has: levels of 0, scales of 1."""
        shape = self._full_shapes[packing.name]
        if mode == "int8":
            reduced = [1 if axis in self._positive(packing) else size for axis, size in enumerate(shape)]
            scale = self._scale_of(packing, jnp.ones(reduced, "float32"))
            return {"": np.zeros(shape, "int8"), "_scale": np.asarray(scale)}
        rows_and_columns = list(self.matrix_shape(shape))
        stored = list(rows_and_columns)
        stored[packing.packed_axis] = -(-stored[packing.packed_axis] // 2)
        values: dict[str, HostArray] = {"": np.zeros(stored, "int8")}
        if self.block_size is None:
            del rows_and_columns[packing.axis]
            return {**values, "_scale": np.ones(rows_and_columns, "float32")}
        rows_and_columns[packing.axis] = -(-rows_and_columns[packing.axis] // self.block_size)
        zeros = np.zeros(rows_and_columns, packing.zero_dtype or "float32")
        return {**values, "_scale": np.ones(rows_and_columns, "float32"), "_zero": zeros}

    def _positive(self, packing: Packing) -> list[int]:
        rank = len(self._full_shapes[packing.name])
        return [axis % rank for axis in self.summed_axes(packing)]

    def _scale_of(self, packing: Packing, scale: Array) -> Array:
        """A scale with axes of size 1 as it is stored."""
        return self.align(scale, False) if packing is self.packings[0] else jnp.squeeze(scale, packing.axis)

    def _length(self, packing: Packing) -> int:
        return self.matrix_shape(self._full_shapes[packing.name])[packing.axis]

    def _block_size_of(self, config: QuantizationConfig | None) -> int | None:
        """How many numbers share a scale; `None` where all along an axis do."""
        holder = config if isinstance(config, Int4QuantizationConfig) else self.policy_here()
        size = holder.block_size if isinstance(holder, (Int4QuantizationConfig, Int4DTypePolicy)) else None
        return None if size == -1 else size

    # Quantizing

    def quantize(
        self, mode: str | None = None, type_check: bool = True, config: QuantizationConfig | str | None = None
    ) -> None:
        """Keeps the weights in few bits from now on. A compiled model is compiled again.

        Args:
            mode: `"int8"`, `"int4"`, `"float8"`; that of `config` if it is not given.
            type_check: whether a subclass, whose `call` may do something else with the weight, is refused.
            config: e.g. an `Int4QuantizationConfig`.

        >>> import kerata
        >>> layer = kerata.layers.Dense(2)
        >>> layer.build((None, 8))
        >>> layer.quantize("int8")
        >>> [(weight.name, weight.dtype) for weight in layer.weights]
        [('bias', 'float32'), ('kernel', 'int8'), ('kernel_scale', 'float32')]
        """
        config = resolve_config(self, mode, config)
        mode = self._check_quantizable(config.mode, type_check)
        policy = self.policy_here()
        before = [self.__dict__[self._attribute(p) if p.name not in self.__dict__ else p.name] for p in self.packings]
        if mode in PACKED:
            shape = before[0].shape
            self.block_size = self._block_size_of(config) if mode == "int4" else None
            self._full_shapes = {p.name: weight.shape for p, weight in zip(self.packings, before, strict=True)}
            values = [self._pack(p, weight.numpy(), mode, config) for p, weight in zip(self.packings, before, strict=True)]
            self._forget(before)
            self.quantized_build(shape, mode, config)
            for packing, packed in zip(self.packings, values, strict=True):
                self._assign(packing, packed)
        else:
            self.quantized_build(before[0].shape, mode, config)
        self.quantization_config = config
        if policy.quantization_mode is None:
            self._dtype_policy = standardize_policy(f"{self._name_of_policy(config)}_from_{policy.name}")

    def _check_quantizable(self, mode: str, type_check: bool) -> str:
        if not self.built:
            raise ValueError(message(self, "Cannot quantize a layer that isn't yet built", None, "Call it on data first"))
        if self.is_quantized:
            raise ValueError(message(self, "it is already quantized", {"dtype_policy": self.dtype_policy, "mode": mode}))
        if type_check and registry.home_of(type(self)) is None:
            raise NotImplementedError(
                message(self, "a subclass is quantized with type_check=False alone", {"class": type(self).__name__})
            )
        self._check_mode(mode)
        if mode == "int8" and self.compute_dtype == "float16":
            fix = "Take 'mixed_bfloat16' or 'float32'"
            raise ValueError(message(self, "mode 'int8' doesn't work well with float16", {"dtype": self.dtype_policy}, fix))
        return mode

    def _check_mode(self, mode: str) -> None:
        if mode not in self.quantization_modes:
            known = ", ".join(map(repr, self.quantization_modes))
            raise NotImplementedError(message(self, f"Invalid quantization mode. Expected one of {known}", {"mode": mode}))

    def _name_of_policy(self, config: QuantizationConfig) -> str:
        return f"int4/{self.block_size or -1}" if config.mode == "int4" else config.mode

    def _forget(self, variables: list[Variable]) -> None:
        """Drops float weights."""
        gone = {id(variable) for variable in variables}
        self._weights[:] = [variable for variable in self._weights if id(variable) not in gone]
        for name in [name for name, value in self.__dict__.items() if id(value) in gone]:
            del self.__dict__[name]

    def _assign(self, packing: Packing, values: dict[str, Array]) -> None:
        for suffix, value in values.items():
            self._part(packing, suffix).store(value)

    def _part(self, packing: Packing, suffix: str) -> Variable:
        return self.__dict__[f"{packing.name}{suffix}" if suffix else self._attribute(packing)]

    def _pack(self, packing: Packing, weight: HostArray, mode: str, config: QuantizationConfig | None) -> dict[str, Array]:
        """A float weight as it is stored: levels, scale and zero points."""
        given = None if config is None else config.weight_quantizer
        if mode == "int8":
            axes = tuple(self.summed_axes(packing))
            found = given(weight, to_numpy=True) if given else abs_max_quantize(weight, axes, to_numpy=True)
            return {"": found[0], "_scale": self._scale_of(packing, found[1])}
        matrix = np.asarray(weight).reshape(self.matrix_shape(np.shape(weight)))
        if self.block_size is None:
            default = AbsMaxQuantizer(packing.axis, (-8, 7))
            levels, scale = (given or default)(matrix, to_numpy=True)
            extra = {"_scale": jnp.squeeze(scale, packing.axis)}
        else:
            turned = matrix if packing.axis == 0 else matrix.T
            levels, scale, zero = abs_max_quantize_grouped_with_zero_point(turned, self.block_size, to_numpy=True)
            levels, scale, zero = (part if packing.axis == 0 else part.T for part in (levels, scale, zero))
            extra = {"_scale": scale, "_zero": zero}
        return {"": pack_int4(levels, packing.packed_axis)[0], **extra}

    # The weight

    def full_shape(self) -> tuple[int, ...]:
        packed = self.quantization_mode in PACKED and self.is_quantized
        return self._full_shapes[self.adapted] if packed else super().full_shape()

    def full_weight(self) -> Array:
        """The weight that levels and scales stand for, in floats."""
        if not (self.is_quantized and self.quantization_mode in PACKED):
            return super().full_weight()
        return self.restore(self.packings[0], self.parts_of(self.packings[0]))

    def parts_of(self, packing: Packing) -> dict[str, Array]:
        """Levels, scale and zero points of a weight, as they are stored."""
        suffixes = ("", "_scale", *(() if self.block_size is None else ("_zero",)))
        return {suffix: self._part(packing, suffix).value for suffix in suffixes}

    def restore(self, packing: Packing, stored: dict[str, Array]) -> Array:
        """The weight, or some rows of it, that levels and scales stand for."""
        dtype = self.compute_dtype
        if self.quantization_mode == "int8":
            scale = stored["_scale"]
            spread = self.spread(scale) if packing is self.packings[0] else jnp.expand_dims(scale, packing.axis)
            return stored[""].astype(dtype) / spread.astype(dtype)
        shape = self._full_shapes[packing.name]
        levels = unpack_int4(stored[""], self.matrix_shape(shape)[packing.packed_axis], packing.packed_axis)
        if self.block_size is None:
            weight = levels.astype(dtype) / jnp.expand_dims(stored["_scale"], packing.axis).astype(dtype)
        else:
            groups = self.g_idx.value
            weight = dequantize_with_sz_map(levels, stored["_scale"], stored["_zero"], groups, packing.axis).astype(dtype)
        return jnp.reshape(weight, shape) if math.prod(shape) == weight.size else weight

    # The computation

    def weigh(self, inputs: Array) -> Array:
        """`apply_weight` of the weight, however it is stored, with what the adapter adds."""
        if not self.is_quantized:
            return super().weigh(inputs)
        mode = self.quantization_mode
        if mode == "float8":
            return self._weigh_float8(inputs)
        output = self._weigh_int8(inputs) if mode == "int8" else self._weigh_int4(inputs)
        return self.with_adapter(output, inputs) if self.lora_enabled else output

    def _align_inputs(self, scale: Array) -> Array:
        return self.align(scale, True)

    def _weigh_int8(self, inputs: Array) -> Array:
        first = self.packings[0]
        stored = self.parts_of(first)

        def weight(levels: Array, scale: Array) -> Array:
            return self.restore(first, {"": levels, "_scale": scale})

        return product_of_levels(
            self.apply_weight,
            self.inputs_quantizer,
            self._align_inputs,
            self.input_axes(inputs),
            inputs,
            stored[""],
            stored["_scale"],
            weight,
        )

    def _weigh_int4(self, inputs: Array) -> Array:
        quantizer = self.inputs_quantizer if self.block_size is None else None
        axes = self.input_axes(inputs)
        return product_of_rounded_inputs(self.apply_weight, quantizer, self._align_inputs, axes, inputs, self.full_weight())

    # Floats of 8 bits

    def _make_float8(self) -> None:
        policy = self.policy_here()
        known = policy if isinstance(policy, QuantizedFloat8DTypePolicy) else None
        length = QuantizedFloat8DTypePolicy.default_amax_history_length if known is None else known.amax_history_length
        # Their "gradients" are what they are to be next.
        common = {"dtype": "float32", "trainable": True, "autocast": False, "overwrite_with_gradient": True}
        for name in FLOAT8:
            setattr(self, f"{name}_scale", self.add_weight((), "ones", name=f"{name}_scale", **common))
            history = self.add_weight((length,), "zeros", name=f"{name}_amax_history", **common)
            setattr(self, f"{name}_amax_history", history)

    def _weigh_float8(self, inputs: Array) -> Array:
        if self.lora_enabled:
            raise NotImplementedError(message(self, "adapters go with no mode 'float8'", {"lora_rank": self.lora_rank}))
        of = {n: (getattr(self, f"{n}_scale").value, getattr(self, f"{n}_amax_history").value) for n in FLOAT8}
        weight = self.stored_weight.value.astype(inputs.dtype)
        output = self.apply_weight(round_to_float8(inputs, *of["inputs"]), round_to_float8(weight, *of["kernel"]))
        return round_slope_to_float8(output, *of["outputs_grad"])

    def bias_in_use(self, bias: Variable) -> Array:
        """The bias, rounded as products of 8 bits get it."""
        value = bias.value
        if self.is_quantized and self.quantization_mode == "float8" and self.compute_dtype == "float32":
            return value.astype("bfloat16").astype(value.dtype)
        return value

    # In files

    @property
    def variable_serialization_spec(self) -> dict[str | None, list[str]]:
        """The names of what files hold, in their order, for each mode; what a layer has not is left out."""
        first = self.packings[0].name
        known = {
            None: [first, "bias"],
            "int8": [first, "bias", f"{first}_scale"],
            "int4": [first, "bias", f"{first}_scale", f"{first}_zero", "g_idx"],
            "float8": [first, "bias", *(f"{name}_{kind}" for name in FLOAT8 for kind in ("scale", "amax_history"))],
        }
        return {mode: names for mode, names in known.items() if mode is None or mode in self.quantization_modes}

    def is_as_built(self) -> bool:
        return not self.is_quantized and super().is_as_built()

    def file_variables(self) -> list[Variable]:
        names = self.variable_serialization_spec[self.quantization_mode]
        found = [self.stored_weight if name == self.adapted else self.__dict__.get(name) for name in names]
        return [variable for variable in found if isinstance(variable, Variable)]

    def file_values(self) -> list[TensorLike]:
        variables = self.file_variables()
        if not self.lora_enabled:
            return list(variables)
        if not self.is_quantized:
            return [self.merged_weight(), *variables[1:]]
        first, mode = self.packings[0], self.quantization_mode or ""
        packed = self._pack(first, np.asarray(self.merged_weight()), mode, self.quantization_config)
        merged: dict[int, Array] = {id(self._part(first, suffix)): value for suffix, value in packed.items()}
        return [merged.get(id(variable), variable) for variable in variables]
