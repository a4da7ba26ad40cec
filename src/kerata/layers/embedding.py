"""Embedding: vectors for whole numbers."""

import jax.numpy as jnp
import numpy as np

from kerata import constraints, initializers, regularizers
from kerata.base.checks import check_positive_int
from kerata.base.registry import builtin
from kerata.base.serialization import serialize_keras_object
from kerata.engine.module import shown
from kerata.engine.scope import note, probe_of, valid_rows
from kerata.engine.symbolic import infer
from kerata.engine.types import Array
from kerata.kernels.products import type_of_sums
from kerata.kernels.rows import take_rows
from kerata.layers.adapters import weight_in_use
from kerata.layers.quantizing import Packing, Quantizable
from kerata.layers.signatures import symbolic_of_shape
from kerata.quantizers.configs import QuantizationConfig
from kerata.quantizers.products import product_of_levels, product_of_rounded_inputs


@builtin("layers")
class Embedding(Quantizable):
    """outputs[b, t] = embeddings[inputs[b, t]].

    The first layer of a text model: each word's number becomes a vector that is learned. An index outside of the table
    gives NaN, not a neighbour's vector.

    Args:
        input_dim: number of rows: the largest index plus one.
        output_dim: length of a vector.
        embeddings_initializer, embeddings_regularizer, embeddings_constraint: of the table.
        mask_zero: whether index 0 stands for padding, which later layers then leave out.
        weights: the table to begin with, an array of shape (input_dim, output_dim).
        lora_rank, lora_alpha: rank and strength of an adapter that is trained in place of the table, see `enable_lora`.
        quantization_config: how it is quantized, where `dtype` says that it is.

    Shapes: whole numbers (batch, ...) to (batch, ..., output_dim).

    >>> import kerata, numpy as np
    >>> kerata.layers.Embedding(1000, 64)(np.array([[1, 2, 3]])).shape
    (1, 3, 64)
    """

    mixes_samples = False
    takes_indices = True
    adapted = "embeddings"
    packings = (Packing("embeddings", -1),)
    quantization_modes = ("int8", "int4")
    embeddings = shown(weight_in_use)
    _unsaved = frozenset({"weights"})

    def __init__(
        self,
        input_dim,
        output_dim,
        embeddings_initializer="uniform",
        embeddings_regularizer=None,
        embeddings_constraint=None,
        mask_zero=False,
        weights=None,
        lora_rank=None,
        lora_alpha=None,
        quantization_config=None,
        **kwargs,
    ):
        length = kwargs.pop("input_length", None)
        if length is not None and not {"input_shape", "batch_shape", "batch_input_shape"} & set(kwargs):
            kwargs["input_shape"] = (length,)
        super().__init__(lora_rank=lora_rank, lora_alpha=lora_alpha, quantization_config=quantization_config, **kwargs)
        self.input_dim = check_positive_int(self, "input_dim", input_dim)
        self.output_dim = check_positive_int(self, "output_dim", output_dim)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = self.supports_masking = bool(mask_zero)
        # Indices above 256 do not survive a conversion to bfloat16.
        self.autocast = False
        if weights is not None:
            self.build()
            self.set_weights(weights if isinstance(weights, list) and len(weights) == 1 else [np.asarray(weights)])

    def build(self, input_shape=None):
        if self.built:
            return
        self.make_adapted((self.input_dim, self.output_dim), self.embeddings_initializer)
        self.stored_weight.is_table = True
        self.make_adapters()

    def apply_weight(self, inputs, weight):
        probe = probe_of(self.stored_weight)
        if probe is None or probe.squares is None:
            return jnp.take(weight, inputs, axis=0)
        probe.whole -= 1
        there = valid_rows(inputs.shape[0]) if inputs.ndim else None
        counted = None if there is None else jnp.broadcast_to(there.reshape(-1, *[1] * (inputs.ndim - 1)), inputs.shape)
        return take_rows(weight, inputs, probe.squares, probe.rows, counted)

    def _weigh_int8(self, inputs: Array) -> Array:
        rows = {suffix: jnp.take(part, inputs, axis=0) for suffix, part in self.parts_of(self.packings[0]).items()}
        return self.restore(self.packings[0], rows)

    _weigh_int4 = _weigh_int8

    def quantized_build(self, embeddings_shape: tuple[int, ...], mode: str, config: QuantizationConfig | None = None) -> None:
        """Makes the variables of a mode.

        Args:
            embeddings_shape: of the table.
            mode: `"int8"`, `"int4"`.
            config: how it is to be quantized.
        """
        super().quantized_build(embeddings_shape, mode, config)

    def call(self, inputs):
        if not jnp.issubdtype(inputs.dtype, jnp.integer):
            inputs = inputs.astype("int32")
        return self.weigh(inputs).astype(self.compute_dtype)

    @property
    def makes_mask(self) -> bool:  # type: ignore[override]
        return self.mask_zero

    def compute_mask(self, inputs: Array, mask: Array | None = None) -> Array | None:
        return jnp.not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.output_dim)

    def get_config(self):
        config = super().get_config()
        return {**config, "activity_regularizer": serialize_keras_object(self.activity_regularizer)}


@builtin("layers")
class ReversibleEmbedding(Embedding):
    """outputs[b, t] = embeddings[inputs[b, t]]; with `reverse=True`, logits = inputs @ embeddings^T.

    The first and the last layer of a language model with one table for both.

    Args:
        input_dim, output_dim, embeddings_initializer, embeddings_regularizer, embeddings_constraint, mask_zero: as in
            `Embedding`.
        tie_weights: whether one table serves both ways; else the way back has its own, of shape (output_dim, input_dim).
        reverse_dtype: the type in which logits are computed.
        logit_soft_cap: c, for logits of c * tanh(logits / c).

    Shapes: whole numbers (batch, ...) to (batch, ..., output_dim); back, (batch, ..., output_dim) to (batch, ..., input_dim).

    >>> import kerata, numpy as np
    >>> layer = kerata.layers.ReversibleEmbedding(100, 8)
    >>> layer(layer(np.array([[1, 2, 3]])), reverse=True).shape
    (1, 3, 100)
    """

    rounds_inputs = ("int8", "int4")

    def __init__(
        self,
        input_dim,
        output_dim,
        tie_weights=True,
        embeddings_initializer="uniform",
        embeddings_regularizer=None,
        embeddings_constraint=None,
        mask_zero=False,
        reverse_dtype=None,
        logit_soft_cap=None,
        **kwargs,
    ):
        super().__init__(
            input_dim,
            output_dim,
            embeddings_initializer=embeddings_initializer,
            embeddings_regularizer=embeddings_regularizer,
            embeddings_constraint=embeddings_constraint,
            mask_zero=mask_zero,
            **kwargs,
        )
        self.tie_weights, self.reverse_dtype, self.logit_soft_cap = tie_weights, reverse_dtype, logit_soft_cap
        if not tie_weights:
            self.packings = (*self.packings, Packing("reverse_embeddings", 0, 0, None))

    def build(self, input_shape=None):
        if self.built:
            return
        super().build(input_shape)
        if not self.tie_weights and not self.is_quantized:
            shape = (self.output_dim, self.input_dim)
            self.reverse_embeddings = self.add_weight(shape, self.embeddings_initializer, name="reverse_embeddings")

    def _full_shape_of(self, packing: Packing, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape if packing is self.packings[0] else shape[::-1]

    @property
    def variable_serialization_spec(self) -> dict[str | None, list[str]]:
        """The names of what files hold, in their order, for each mode; what a layer has not is left out."""
        more = {None: ("",), "int8": ("", "_scale"), "int4": ("", "_scale", "_zero")}
        known = super().variable_serialization_spec
        if self.tie_weights:
            return known
        return {mode: [*names, *(f"reverse_embeddings{suffix}" for suffix in more[mode])] for mode, names in known.items()}

    def call(self, inputs, reverse=False):
        if not reverse:
            outputs = super().call(inputs)
            self._note_mask(inputs, outputs)
            return outputs
        if self.is_quantized:
            logits = self._reverse_packed(inputs)
        else:
            kernel = self.merged_weight().T if self.tie_weights else self.reverse_embeddings.value
            dtype = self.reverse_dtype or jnp.promote_types(inputs.dtype, kernel.dtype)
            logits = jnp.matmul(inputs.astype(dtype), kernel.astype(dtype))
        return logits if self.logit_soft_cap is None else jnp.tanh(logits / self.logit_soft_cap) * self.logit_soft_cap

    def _reverse_packed(self, inputs: Array) -> Array:
        """Logits from tables of few bits."""
        x = inputs.astype(self.reverse_dtype or self.compute_dtype)
        packing = self.packings[-1]
        stored, tied = self.parts_of(packing), self.tie_weights

        def table(parts: dict[str, Array]) -> Array:
            weight = self.restore(packing, parts)
            return weight.T if tied else weight  # (output_dim, input_dim)

        def weight(levels: Array, scale: Array) -> Array:
            return table({"": levels.T if tied else levels, "_scale": scale})

        given = (_multiply, self.inputs_quantizer, _as_it_is, -1, x)
        if self.quantization_mode == "int8":
            logits = product_of_levels(*given, stored[""].T if tied else stored[""], stored["_scale"], weight)
        else:
            logits = product_of_rounded_inputs(*given, table(stored))
        if self.lora_enabled and tied:
            a, b = self._adapters()
            logits = logits + self._strength() * jnp.matmul(jnp.matmul(x, b.T), a.T)
        return logits.astype(x.dtype)

    def compute_mask(self, inputs: Array, mask: Array | None = None) -> Array | None:
        # Only `call` knows the way: vectors on their way back may look like the numbers of words that stand as floats.
        return None

    def _note_mask(self, inputs: Array, outputs: Array) -> None:
        mask = super().compute_mask(inputs)
        if mask is not None:
            note(outputs, "mask", mask)

    def compute_output_shape(self, input_shape, reverse=False):
        return (*input_shape[:-1], self.input_dim) if reverse else (*input_shape, self.output_dim)

    def compute_output_spec(self, inputs, reverse=False):
        outputs = symbolic_of_shape(self.compute_output_shape(inputs.shape, reverse), self.compute_dtype)
        if self.mask_zero and not reverse:
            note(outputs, "mask", infer(super().compute_mask, inputs))
        return outputs

    def get_config(self):
        config = super().get_config()
        return {**config, "quantization_config": serialize_keras_object(self.quantization_config)}


def _multiply(inputs: Array, weight: Array) -> Array:
    return jnp.matmul(inputs, weight, preferred_element_type=type_of_sums(inputs, weight))


def _as_it_is(scale: Array) -> Array:
    return scale
