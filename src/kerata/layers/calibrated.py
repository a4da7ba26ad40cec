"""Layers whose weights can be rounded by GPTQ or AWQ, which look at the layer's inputs first."""

import math
from collections.abc import Callable
from typing import ClassVar

import jax.numpy as jnp
import numpy as np

from kerata.base.checks import message
from kerata.engine.module import Look
from kerata.engine.policy import (
    QUANTIZATION_MODES,
    AWQDTypePolicy,
    DTypePolicy,
    GPTQDTypePolicy,
    QuantizedDTypePolicy,
    standardize_policy,
)
from kerata.engine.stores import Store, WritableStore
from kerata.engine.structure import note_change
from kerata.engine.types import Array, Initializer
from kerata.engine.variable import Variable
from kerata.layers.adapters import Adaptable
from kerata.layers.quantizing import Quantizable
from kerata.quantizers.calibration import Found
from kerata.quantizers.configs import CalibratedConfig, QuantizationConfig, resolve_config
from kerata.quantizers.grouping import dequantize_with_sz_map
from kerata.quantizers.nibbles import pack_int4, unpack_int4

MODES = ("gptq", "awq")


class Calibrated(Quantizable):
    """What such layers have in common: levels (outputs, inputs), two in a byte if they have 4 bits; see `Quantizable`."""

    quantization_modes = QUANTIZATION_MODES
    # What is told of the inputs that the weight is applied to, as (samples, inputs).
    watcher: ClassVar[dict[int, Callable[[Array], None]]] = {}
    _bookkeeping = {"weight_bits": Look.PARTS | Look.PROGRAM}
    weight_bits: int

    # The levels, (outputs, inputs), as they are stored.
    quantized_kernel: Variable

    @property
    def is_prepared(self) -> bool:
        """Whether the weight is to be rounded by GPTQ or AWQ, or was."""
        return self.is_quantized and self.quantization_mode in MODES

    @property
    def is_calibrated(self) -> bool:
        """Whether the weight was rounded by GPTQ or AWQ: there are levels in its place."""
        return self.is_prepared and self._float_weight() is None

    def _float_weight(self) -> Variable | None:
        held = self.__dict__.get(self.adapted)
        return self.__dict__.get(f"_{self.adapted}") if held is None else held

    @property
    def stored_weight(self) -> Variable:
        """The variable that holds the weight: levels, once there are some in place of the floats."""
        return self.quantized_kernel if self.is_calibrated else super().stored_weight

    @property
    def is_gptq_calibrated(self) -> bool:
        """Whether levels that GPTQ found are in use. Set to true, it puts those that there are in the weight's place."""
        return self._uses_levels_of("gptq")

    @is_gptq_calibrated.setter
    def is_gptq_calibrated(self, value: bool) -> None:
        self._use_levels("gptq", value)

    @property
    def is_awq_calibrated(self) -> bool:
        """Whether levels that AWQ found are in use. Set to true, it puts those that there are in the weight's place."""
        return self._uses_levels_of("awq")

    @is_awq_calibrated.setter
    def is_awq_calibrated(self, value: bool) -> None:
        self._use_levels("awq", value)

    def _uses_levels_of(self, mode: str) -> bool:
        if not self.is_prepared or self.quantization_mode != mode:
            received = {"quantization_mode": self.quantization_mode}
            raise AttributeError(message(self, f"it is not quantized by mode {mode!r}", received))
        return self.is_calibrated

    def _use_levels(self, mode: str, value: bool) -> None:
        used = self._uses_levels_of(mode)
        if used and not value:
            raise ValueError(
                message(self, "the floats that its levels were made of are gone", {f"is_{mode}_calibrated": value})
            )
        if value and (weight := self._float_weight()) is not None:
            self._forget([weight])
            note_change()

    def input_rows(self, inputs: Array) -> Array:
        """The inputs as a matrix, (samples, inputs of the weight as a matrix)."""
        return jnp.reshape(inputs, (-1, self.matrix_shape(self.full_shape())[0]))

    @property
    def is_plain_matrix(self) -> bool:
        """Whether the weight sums over its first axes, and the inputs over their last: then both are matrices once reshaped."""
        return True

    # Variables

    def make_adapted(self, shape: tuple[int, ...], initializer: Initializer) -> None:
        mode = self.quantization_mode
        if mode in MODES:
            self.quantized_build(shape, mode, self.quantization_config)
        else:
            super().make_adapted(shape, initializer)

    def make_adapters(self) -> None:
        if self.quantization_mode in MODES:
            Adaptable.make_adapters(self)
        else:
            super().make_adapters()

    def _add_adapters(self, rank, alpha, a_initializer, b_initializer) -> None:
        if self.is_prepared:
            raise NotImplementedError(message(self, f"adapters go with no mode {self.quantization_mode!r}", {"rank": rank}))
        super()._add_adapters(rank, alpha, a_initializer, b_initializer)

    def quantized_build(self, kernel_shape: tuple[int, ...], mode: str, config: QuantizationConfig | None = None) -> None:
        """Makes the variables of a mode.

        Args:
            kernel_shape: of the weight.
            mode: `"int8"`, `"int4"`, `"float8"`, `"gptq"`, `"awq"`.
            config: how it is to be quantized.
        """
        if mode not in MODES:
            super().quantized_build(kernel_shape, mode, config)
            return
        given = config if isinstance(config, CalibratedConfig) else self.policy_here()
        if not isinstance(given, (CalibratedConfig, GPTQDTypePolicy, AWQDTypePolicy)):
            raise ValueError(message(self, f"mode {mode!r} needs its config", {"config": config}))
        self.is_quantized, self.weight_bits = True, given.weight_bits
        note_change()
        self._full_shapes = {self.adapted: tuple(kernel_shape)}
        rows, columns = self.matrix_shape(tuple(kernel_shape))
        groups = 1 if given.group_size == -1 else math.ceil(rows / given.group_size)
        stored = (columns + 1) // 2 if self.weight_bits == 4 else columns
        self._make(self.adapted, np.zeros((stored, rows), "uint8"), "quantized_kernel")
        self._make(f"{self.adapted}_scale", np.ones((columns, groups), "float32"))
        self._make(f"{self.adapted}_zero", np.zeros((columns, groups), "uint8"))
        if mode == "awq":
            self._make("awq_scales", np.ones((rows,), "float32"))
        self._make("g_idx", np.zeros((rows,), "float32"))

    # Quantizing

    def quantize(
        self, mode: str | None = None, type_check: bool = True, config: QuantizationConfig | str | None = None
    ) -> None:
        """Keeps the weights in few bits from now on. A compiled model is compiled again.

        Args:
            mode: `"int8"`, `"int4"`, `"float8"`; that of `config` if it is not given. For `"gptq"` and `"awq"`, the layer gets
                ready, and computes with its floats until `model.quantize(...)` has shown it some data.
            type_check: whether a subclass, whose `call` may do something else with the weight, is refused.
            config: e.g. an `Int4QuantizationConfig`.
        """
        wanted = resolve_config(self, mode, config)
        if not isinstance(wanted, CalibratedConfig):
            super().quantize(mode, type_check, config)
            return
        mode, policy = self._check_quantizable(wanted.mode, type_check), self.policy_here()
        if self.lora_enabled:
            raise NotImplementedError(message(self, f"adapters go with no mode {mode!r}", {"lora_rank": self.lora_rank}))
        self._hide_weight()
        self.quantized_build(self.full_shape(), mode, wanted)
        self._say_quantized(wanted, policy)

    def take_found(self, found: Found, config: CalibratedConfig) -> None:
        """Keeps what GPTQ or AWQ have found in place of the weight."""
        policy, weight = self.policy_here(), self.stored_weight
        shape, mode = weight.shape, self.quantization_mode
        ready = self.variable_serialization_spec[mode][1:] if self.is_prepared else []
        self._forget([weight, *(self.__dict__[name] for name in ready if name in self.__dict__)])
        self.quantized_build(shape, config.mode, config)
        levels = pack_int4(found.levels, 0, "uint8")[0] if self.weight_bits == 4 else found.levels
        self.quantized_kernel.store(levels)
        values = {f"{self.adapted}_scale": found.scale, f"{self.adapted}_zero": found.zero, "g_idx": found.groups}
        for name, value in values.items():
            self.__dict__[name].store(value)
        if found.spread is not None:
            self.__dict__["awq_scales"].store(found.spread)
        self._say_quantized(config, policy)

    def _say_quantized(self, config: CalibratedConfig, before: DTypePolicy) -> None:
        self.quantization_config = config.without_data()
        name = before.source_name if isinstance(before, QuantizedDTypePolicy) else before.name
        self._dtype_policy = standardize_policy(f"{config.dtype_policy_string()}_from_{name}")

    # The weight

    def full_shape(self) -> tuple[int, ...]:
        return self._full_shapes[self.adapted] if self.is_calibrated else super().full_shape()

    def full_weight(self) -> Array:
        """The weight that levels and scales stand for, in floats."""
        if not self.is_calibrated:
            return super().full_weight()
        shape = self.full_shape()
        columns = self.matrix_shape(shape)[1]
        levels = self.stored_weight.value
        if self.weight_bits == 4:
            levels = unpack_int4(levels, columns, 0, "uint8")
        of = {name: self.__dict__[f"{self.adapted}_{name}"].value for name in ("scale", "zero")}
        weight = dequantize_with_sz_map(levels, of["scale"], of["zero"], self.g_idx.value).T  # (inputs, outputs)
        if self.quantization_mode == "awq":
            weight = weight / self.__dict__["awq_scales"].value[:, None]
        return jnp.reshape(weight, shape).astype(self.compute_dtype)

    def weigh(self, inputs: Array) -> Array:
        """`apply_weight` of the weight, however it is stored, with what the adapter adds."""
        if (watch := self.watcher.get(id(self))) is not None:
            watch(self.input_rows(inputs))
        if self.is_calibrated:
            return self.apply_weight(inputs, self.full_weight())
        return Adaptable.weigh(self, inputs) if self.is_prepared else super().weigh(inputs)

    # In files

    @property
    def variable_serialization_spec(self) -> dict[str | None, list[str]]:
        """The names of what files hold, in their order, for each mode; what a layer has not is left out."""
        first = ["bias", f"quantized_{self.adapted}", f"{self.adapted}_scale", f"{self.adapted}_zero"]
        return {**super().variable_serialization_spec, "gptq": [*first, "g_idx"], "awq": [*first, "awq_scales", "g_idx"]}

    def file_variables(self) -> list[Variable]:
        if not self.is_prepared:
            return super().file_variables()
        found = [self.__dict__.get(name) for name in self.variable_serialization_spec[self.quantization_mode]]
        return [variable for variable in found if isinstance(variable, Variable)]

    def save_own_variables(self, store: WritableStore) -> None:
        """Writes the weight as it is stored, and the bias."""
        if self.is_prepared and not self.is_calibrated:
            fix = "Show it data by model.quantize(config=...) first"
            expected = "a file would hold its levels, and its weight is not rounded yet"
            raise ValueError(message(self, expected, {"quantization_mode": self.quantization_mode}, fix))
        super().save_own_variables(store)

    def load_own_variables(self, store: Store) -> None:
        """Reads levels, scales and the bias; the floats of a layer that was only made ready go."""
        super().load_own_variables(store)
        if self.is_prepared:
            self._use_levels(str(self.quantization_mode), True)
