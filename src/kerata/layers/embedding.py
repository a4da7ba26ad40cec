"""Embedding: vectors for whole numbers."""

import jax.numpy as jnp
import numpy as np

from kerata import constraints, initializers, regularizers
from kerata.base.checks import check_positive_int
from kerata.base.registry import builtin
from kerata.base.serialization import serialize_keras_object
from kerata.engine.module import shown
from kerata.engine.types import Array
from kerata.layers.adapters import Adaptable, weight_in_use
from kerata.layers.signatures import symbolic_of_shape


@builtin("layers")
class Embedding(Adaptable):
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
        quantization_config: not supported; `None`.

    Shapes: whole numbers (batch, ...) to (batch, ..., output_dim).

    >>> import kerata, numpy as np
    >>> kerata.layers.Embedding(1000, 64)(np.array([[1, 2, 3]])).shape
    (1, 3, 64)
    """

    mixes_samples = False
    takes_indices = True
    adapted = "embeddings"
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
        self.make_adapters()

    def apply_weight(self, inputs, weight):
        return jnp.take(weight, inputs, axis=0)

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

    def build(self, input_shape=None):
        if self.built:
            return
        super().build(input_shape)
        if not self.tie_weights:
            shape = (self.output_dim, self.input_dim)
            self.reverse_embeddings = self.add_weight(shape, self.embeddings_initializer, name="reverse_embeddings")

    def call(self, inputs, reverse=False):
        if not reverse:
            return super().call(inputs)
        kernel = self.merged_weight().T if self.tie_weights else self.reverse_embeddings.value
        dtype = self.reverse_dtype or jnp.promote_types(inputs.dtype, kernel.dtype)
        logits = jnp.matmul(inputs.astype(dtype), kernel.astype(dtype))
        return logits if self.logit_soft_cap is None else jnp.tanh(logits / self.logit_soft_cap) * self.logit_soft_cap

    def compute_mask(self, inputs, mask=None):
        # The way back takes vectors, of which none stands for padding.
        return super().compute_mask(inputs) if jnp.issubdtype(inputs.dtype, jnp.integer) else None

    def compute_output_shape(self, input_shape, reverse=False):
        return (*input_shape[:-1], self.input_dim) if reverse else (*input_shape, self.output_dim)

    def compute_output_spec(self, inputs, reverse=False):
        return symbolic_of_shape(self.compute_output_shape(inputs.shape, reverse), self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "quantization_config": self.quantization_config}
