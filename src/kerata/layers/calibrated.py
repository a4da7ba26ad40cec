"""Layers whose weights can be rounded by GPTQ or AWQ, which look at the layer's inputs first."""

import math
from collections.abc import Callable
from typing import ClassVar

import jax.numpy as jnp
import numpy as np

from kerata.base.checks import message
from kerata.engine.module import Look
from kerata.engine.policy import QUANTIZATION_MODES, AWQDTypePolicy, GPTQDTypePolicy, standardize_policy
from kerata.engine.structure import note_change
from kerata.engine.types import Array, Initializer
from kerata.engine.variable import Variable
from kerata.layers.adapters import Adaptable
from kerata.layers.quantizing import Quantizable
from kerata.quantizers.calibration import Found
from kerata.quantizers.configs import CalibratedConfig, QuantizationConfig
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

    @property
    def is_calibrated(self) -> bool:
        """Whether the weight was rounded by GPTQ or AWQ."""
        return self.is_quantized and self.quantization_mode in MODES

    @property
    def quantized_kernel(self) -> Variable:
        """The levels, (outputs, inputs), as they are stored."""
        return self.stored_weight

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
        if self.is_calibrated:
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
        self._make(self.adapted, np.zeros((stored, rows), "uint8"), f"_{self.adapted}")
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
            mode: `"int8"`, `"int4"`, `"float8"`; that of `config` if it is not given. `"gptq"` and `"awq"` are for models,
                which show their layers some data: `model.quantize(...)`.
            type_check: whether a subclass, whose `call` may do something else with the weight, is refused.
            config: e.g. an `Int4QuantizationConfig`.
        """
        if mode in MODES or getattr(config, "mode", None) in MODES:
            fix = f"Say model.quantize({mode or getattr(config, 'mode', None)!r}, config=...)"
            if isinstance(config, CalibratedConfig):
                raise ValueError(message(self, "GPTQ and AWQ look at data that goes through a model", {"mode": mode}, fix))
        super().quantize(mode, type_check, config)

    def take_found(self, found: Found, config: CalibratedConfig) -> None:
        """Keeps what GPTQ or AWQ have found in place of the weight."""
        policy, weight = self.policy_here(), self.stored_weight
        shape = weight.shape
        self._forget([weight])
        self.quantized_build(shape, config.mode, config)
        levels = pack_int4(found.levels, 0, "uint8")[0] if self.weight_bits == 4 else found.levels
        self.stored_weight.assign(levels)
        values = {f"{self.adapted}_scale": found.scale, f"{self.adapted}_zero": found.zero, "g_idx": found.groups}
        for name, value in values.items():
            self.__dict__[name].assign(value)
        if found.spread is not None:
            self.__dict__["awq_scales"].assign(found.spread)
        self.quantization_config = config.without_data()
        if policy.quantization_mode is None:
            self._dtype_policy = standardize_policy(f"{config.dtype_policy_string()}_from_{policy.name}")

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
        return self.apply_weight(inputs, self.full_weight()) if self.is_calibrated else super().weigh(inputs)

    # In files

    @property
    def variable_serialization_spec(self) -> dict[str | None, list[str]]:
        """The names of what files hold, in their order, for each mode; what a layer has not is left out."""
        first = ["bias", f"quantized_{self.adapted}", f"{self.adapted}_scale", f"{self.adapted}_zero"]
        return {**super().variable_serialization_spec, "gptq": [*first, "g_idx"], "awq": [*first, "awq_scales", "g_idx"]}

    def file_variables(self) -> list[Variable]:
        if not self.is_calibrated:
            return super().file_variables()
        names = self.variable_serialization_spec[self.quantization_mode]
        found = [self.stored_weight if name.startswith("quantized_") else self.__dict__.get(name) for name in names]
        return [variable for variable in found if isinstance(variable, Variable)]
