"""Attention: every place of a sequence looks at the places that matter to it."""

import re
import string
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from kerata import constraints, initializers, regularizers
from kerata.base.checks import KindError, check_choice, check_number, check_positive_int, message
from kerata.base.registry import builtin
from kerata.base.serialization import serialize_keras_object
from kerata.base.types import PartialShape
from kerata.engine.hyper import Hyperparameter
from kerata.engine.naming import auto_name
from kerata.engine.policy import DTypePolicyMap
from kerata.engine.random import generator_for
from kerata.engine.symbolic import infer
from kerata.engine.types import Array, Initializer
from kerata.engine.variable import Variable
from kerata.kernels import random
from kerata.kernels.attention import attention
from kerata.layers.activation import Softmax
from kerata.layers.einsum_dense import EinsumDense
from kerata.layers.layer import Layer
from kerata.layers.masks import causal_mask, conjunction
from kerata.layers.regularization import Dropout
from kerata.layers.weights import another


class DropRate(Hyperparameter):
    """A rate of dropout. A layer made with 0 has no dropout in its program, until the rate is set to something else."""

    def __set__(self, obj: object, value: object) -> None:
        super().__set__(obj, value)
        obj.__dict__["_drops"] = obj.__dict__.get("_drops", False) or value != 0


class HeadAttention(Layer):
    """Several attentions side by side, each on projections of its own. The base of the two public classes.

    The letters of the comments: b samples, t queries, s keys, n heads, d size of a head.
    """

    mixes_samples = spreads_evenly = False  # Of the latter see `Softmax`.
    works_along = ("attention_axes",)
    shown_as = {f"_{part}_dense": f"{part}_dense" for part in ("query", "key", "value", "output")}
    _unsaved = frozenset({"output_shape", "flash_attention", "activity_regularizer"})
    repeats = 1
    attention_axes: tuple[int, ...] | None = (1,)
    kernel_initializer: Initializer
    bias_initializer: Initializer
    _query_dense: EinsumDense
    _key_dense: EinsumDense
    _value_dense: EinsumDense
    _gate_dense: EinsumDense
    _output_dense: EinsumDense

    def _take_common(
        self,
        dropout,
        use_bias,
        sliding_window,
        kernel_initializer,
        bias_initializer,
        kernel_regularizer,
        bias_regularizer,
        activity_regularizer,
        kernel_constraint,
        bias_constraint,
        use_gate,
        seed,
    ) -> None:
        self.supports_masking = True
        check_number(self, "dropout", dropout, 0.0, 1.0)
        self._dropout_layer = Dropout(dropout, seed=seed, dtype=self.dtype_policy)
        self._drops = dropout != 0
        self.use_bias, self.use_gate, self.seed = bool(use_bias), bool(use_gate), seed
        self.sliding_window = check_positive_int(self, "sliding_window", sliding_window, optional=True)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self._activity_regularizer = regularizers.get(activity_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    @property
    def dropout(self) -> Array:
        """The share of attention weights that is dropped in training."""
        return self._dropout_layer.rate

    @dropout.setter
    def dropout(self, value: Array) -> None:
        self._dropout_layer.rate = value
        self._drops = self._drops or value != 0

    @property
    def query_dense(self) -> EinsumDense:
        return self._query_dense

    @property
    def key_dense(self) -> EinsumDense:
        return self._key_dense

    @property
    def value_dense(self) -> EinsumDense:
        return self._value_dense

    @property
    def output_dense(self) -> EinsumDense:
        return self._output_dense

    def _project(
        self, name: str, shape: Sequence[Any], bound: int, sizes: Sequence[int], activation: object = None
    ) -> EinsumDense:
        """A dense layer from the last `bound` axes of a shape to axes of the given sizes."""
        free = len(shape) - bound
        letters = string.ascii_lowercase
        kept, summed, made = letters[:free], letters[free : len(shape)], letters[len(shape) : len(shape) + len(sizes)]
        dense = EinsumDense(
            f"{kept}{summed},{summed}{made}->{kept}{made}",
            (None,) * (free - 1) + tuple(sizes),
            activation,
            bias_axes=made if self.use_bias else None,
            kernel_initializer=another(self.kernel_initializer),
            bias_initializer=another(self.bias_initializer),
            kernel_regularizer=self.kernel_regularizer,
            bias_regularizer=self.bias_regularizer,
            kernel_constraint=self.kernel_constraint,
            bias_constraint=self.bias_constraint,
            activity_regularizer=self._activity_regularizer,
            dtype=self.dtype_policy,
            name=name,
        )
        dense.build(tuple(shape))
        return dense

    def _make_softmax(self) -> None:
        self._softmax = Softmax(axis=tuple(range(-len(self.attention_axes or ()), 0)), dtype=self.dtype_policy)
        self._softmax.spreads_evenly = self.spreads_evenly

    def call(
        self,
        query,
        value,
        key=None,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        return_attention_scores=False,
        training=None,
        use_causal_mask=False,
    ):
        masks = (query_mask, value_mask, key_mask, attention_mask, use_causal_mask)
        mask = self._compute_attention_mask(query, value, *masks)
        gate = self._gate_dense(query) if self.use_gate else None
        key = self._key_dense(value if key is None else key)  # (b, s, n, d)
        query, value = self._query_dense(query), self._value_dense(value)
        if self.repeats > 1:
            key, value = (jnp.repeat(x, self.repeats, axis=2) for x in (key, value))
        output, scores = self._compute_attention(query, key, value, mask, training, return_attention_scores)
        output = self._output_dense(output if gate is None else output * gate)
        return (output, scores) if return_attention_scores else output

    def _compute_attention_mask(
        self, query, value, query_mask=None, value_mask=None, key_mask=None, attention_mask=None, use_causal_mask=False
    ):
        """All masks as one, which broadcasts to (b, t, s); `None` where there are none."""
        queries, keys = query.shape[1], value.shape[1]
        window = None
        if self.sliding_window is not None:
            distance = jnp.abs(jnp.arange(queries)[:, None] - jnp.arange(keys))
            window = (distance < self.sliding_window)[None]
        return conjunction(
            attention_mask,
            None if query_mask is None else query_mask[..., :, None],
            None if value_mask is None else value_mask[..., None, :],
            None if key_mask is None else key_mask[..., None, :],
            causal_mask(queries, keys) if use_causal_mask else None,
            window,
        )

    def _compute_attention(self, query, key, value, attention_mask=None, training=None, return_attention_scores=False):
        """softmax(query key' / sqrt(d)) value, and the softmax; a layer of your own may override it."""
        axes = self.attention_axes
        assert axes is not None
        if attention_mask is not None:
            for _ in range(query.ndim - 1 + len(axes) - attention_mask.ndim):
                attention_mask = jnp.expand_dims(attention_mask, -len(axes) * 2 - 1)
        if query.ndim == 4 and not return_attention_scores:
            return self._attend(query, key, value, attention_mask, training), None
        of_scores, of_output = attention_equations(query.ndim, axes)
        scores = jnp.einsum(of_scores, query * jnp.asarray(query.shape[-1] ** -0.5, query.dtype), key)  # (b, n, t, s)
        scores = self._softmax(scores, mask=attention_mask)
        dropped = self._dropout_layer(scores, training=training) if self._drops else scores
        return jnp.einsum(of_output, dropped, value), scores

    def _attend(self, query, key, value, mask, training):
        """Attention over one axis, without its scores."""
        if not self._drops:
            return attention(query, key, value, mask)
        rate, random_key = (self.dropout, self._dropout_layer.seed_generator.key()) if training else (None, None)
        output = attention(query, key, value, mask, dropout_rate=rate, dropout_key=random_key)  # (b, t, n, d)
        # Where nothing may be looked at, Keras gives 0 with dropout, and the mean of all values without.
        return (
            output
            if mask is None or self.spreads_evenly
            else jnp.where(jnp.swapaxes(jnp.any(mask, -1), 1, 2)[..., None], output, 0)
        )

    def compute_output_spec(self, *args, **kwargs):
        return infer(self._call_concrete_of, *args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        regularizer = serialize_keras_object(self._activity_regularizer)
        config = {**super().get_config(), "activity_regularizer": regularizer}
        parts = ("query", "key", "gate", "value", "attention_output")
        dense = [layer for layer in self._sublayers() if isinstance(layer, EinsumDense) and layer.name in parts]
        if not any(layer.is_quantized for layer in dense):
            return config
        # What they were built with: a layer that is built from a config may stand under other names.
        policies = DTypePolicyMap(self.dtype_policy if not self.dtype_policy.by_path else None)
        for layer in dense:
            policies[f"(.*/)?{re.escape(self.name)}/{layer.name}"] = layer.policy_here()
        return {**config, "dtype": policies.to_plain()}


def attention_equations(rank: int, axes: Sequence[int]) -> tuple[str, str]:
    """Einsum equations for scores (query, key) and outputs (scores, value) of attention over some axes.

    >>> attention_equations(4, (1,))
    ('abcd,aecd->acbe', 'acbe,aecd->abcd')
    """
    queries = string.ascii_lowercase[:rank]
    fresh = iter(string.ascii_lowercase[rank:])
    keys = "".join(next(fresh) if axis in axes else letter for axis, letter in enumerate(queries))
    batch = "".join(letter for axis, letter in enumerate(queries[:-1]) if axis not in axes)
    scores = batch + "".join(queries[axis] for axis in axes) + "".join(keys[axis] for axis in axes)
    return f"{queries},{keys}->{scores}", f"{scores},{keys}->{queries}"


@builtin("layers")
class MultiHeadAttention(HeadAttention):
    """outputs = concatenated heads @ kernel, a head being softmax(q k' / sqrt(key_dim)) v of projected inputs.

    The layer of a transformer: `MultiHeadAttention(...)(x, x)` is self-attention. Masks of the inputs are honoured.

    Args:
        num_heads: number of attentions side by side.
        key_dim: size of a head's queries and keys.
        value_dim: size of a head's values; `key_dim` by default.
        dropout: share of attention weights to drop in training.
        use_bias: whether the projections add a bias.
        output_shape: sizes of the output's last axes; the query's by default.
        attention_axes: the axes to attend over; all but batch and features by default.
        sliding_window: look only at places nearer than this.
        flash_attention: accepted; the compiler chooses the form.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer,
            kernel_constraint, bias_constraint: of each projection.
        use_gate: whether to multiply what the heads give by a sigmoid of a projection of the query.
        seed: an integer for the dropout's own stream.

    Shapes: query (batch, t, features), value and key (batch, s, features) to (batch, t, features); the scores, if asked
    for, are (batch, heads, t, s). `attention_mask` is (batch, t, s).

    Source: Vaswani et al., "Attention Is All You Need", 2017.

    >>> import kerata, numpy as np
    >>> layer = kerata.layers.MultiHeadAttention(num_heads=2, key_dim=4)
    >>> x = np.ones((3, 8, 16), "float32")
    >>> output, scores = layer(x, x, return_attention_scores=True, use_causal_mask=True)
    >>> output.shape, scores.shape
    ((3, 8, 16), (3, 2, 8, 8))
    """

    shown_as = {**HeadAttention.shown_as, "_gate_dense": "gate_dense"}

    def __init__(
        self,
        num_heads,
        key_dim,
        value_dim=None,
        dropout=0.0,
        use_bias=True,
        output_shape=None,
        attention_axes=None,
        sliding_window=None,
        flash_attention=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        use_gate=False,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = check_positive_int(self, "num_heads", num_heads)
        self.key_dim = check_positive_int(self, "key_dim", key_dim)
        self.value_dim = check_positive_int(self, "value_dim", value_dim, optional=True) or self.key_dim
        sizes = (output_shape,) if isinstance(output_shape, int) else output_shape
        if sizes is not None and not (isinstance(sizes, (list, tuple)) and all(isinstance(size, int) for size in sizes)):
            raise KindError(
                message(
                    self, "Invalid `output_shape`: it must be an integer or a tuple of integers", {"output_shape": output_shape}
                )
            )
        self._output_shape = tuple(sizes) if sizes else None
        axes = (attention_axes,) if isinstance(attention_axes, int) else attention_axes
        self.attention_axes = None if axes is None else tuple(axes)
        self._take_common(
            dropout,
            use_bias,
            sliding_window,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
            use_gate,
            seed,
        )

    def build(self, query_shape, value_shape, key_shape=None):
        key_shape = value_shape if key_shape is None else key_shape
        check_sequences(self, query_shape, value_shape, key_shape)
        self._query_dense = self._project("query", query_shape, 1, (self.num_heads, self.key_dim))
        self._key_dense = self._project("key", key_shape, 1, (self.num_heads, self.key_dim))
        if self.use_gate:
            self._gate_dense = self._project("gate", query_shape, 1, (self.num_heads, self.value_dim), "sigmoid")
        self._value_dense = self._project("value", value_shape, 1, (self.num_heads, self.value_dim))
        rank = len(value_shape) + 1
        axes = range(1, rank - 2) if self.attention_axes is None else self.attention_axes
        self.attention_axes = tuple(axis if axis >= 0 else rank - 1 + axis for axis in axes)
        self._make_softmax()
        heads = (*query_shape[:-1], self.num_heads, self.value_dim)
        self._output_dense = self._project("attention_output", heads, 2, self._output_shape or query_shape[-1:])

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        check_sequences(self, query_shape, value_shape, value_shape if key_shape is None else key_shape)
        return (*query_shape[:-1], *(self._output_shape or query_shape[-1:]))

    def get_config(self):
        return {**super().get_config(), "output_shape": self._output_shape}


def check_sequences(layer: Layer, query_shape: PartialShape, value_shape: PartialShape, key_shape: PartialShape) -> None:
    """Raises `ValueError` unless keys and values go together."""
    shapes = {"query_shape": tuple(query_shape), "value_shape": tuple(value_shape), "key_shape": tuple(key_shape)}
    if min(len(shape) for shape in shapes.values()) < 3:
        raise ValueError(message(layer, "query, value and key must have the axes (batch, steps, features)", shapes))
    if shapes["value_shape"][1:-1] != shapes["key_shape"][1:-1]:
        raise ValueError(message(layer, "all axes of `value` and `key` but the last one must be equal", shapes))


@builtin("layers", "GroupedQueryAttention", name="GroupQueryAttention")
class GroupedQueryAttention(HeadAttention):
    """Multi-head attention in which groups of query heads share one key and value head.

    With as many key heads as query heads it is `MultiHeadAttention`; fewer make inference cheaper at little loss.

    Args:
        head_dim: size of a head.
        num_query_heads: number of query heads, a multiple of `num_key_value_heads`.
        num_key_value_heads: number of key and value heads.
        dropout, use_bias, sliding_window, flash_attention, kernel_initializer, bias_initializer, kernel_regularizer,
            bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint, use_gate, seed: as in
            `MultiHeadAttention`.

    Shapes: as in `MultiHeadAttention`.

    Source: Ainslie et al., "GQA: Training Generalized Multi-Query Transformer Models", 2023.

    >>> import kerata, numpy as np
    >>> x = np.ones((3, 8, 16), "float32")
    >>> kerata.layers.GroupQueryAttention(head_dim=4, num_query_heads=4, num_key_value_heads=2)(x, x).shape
    (3, 8, 16)
    """

    def __init__(
        self,
        head_dim,
        num_query_heads,
        num_key_value_heads,
        dropout=0.0,
        use_bias=True,
        sliding_window=None,
        flash_attention=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        use_gate=False,
        seed=None,
        **kwargs,
    ):
        # Keras names the layer after this class and writes it under its public name.
        kwargs["name"] = kwargs.get("name") or auto_name("grouped_query_attention")
        super().__init__(**kwargs)
        self.head_dim = check_positive_int(self, "head_dim", head_dim)
        self.num_query_heads = check_positive_int(self, "num_query_heads", num_query_heads)
        self.num_key_value_heads = check_positive_int(self, "num_key_value_heads", num_key_value_heads)
        if self.num_query_heads % self.num_key_value_heads:
            raise ValueError(
                message(
                    self,
                    "`num_query_heads` must be a multiple of `num_key_value_heads`",
                    {"num_query_heads": num_query_heads, "num_key_value_heads": num_key_value_heads},
                )
            )
        self.repeats = self.num_query_heads // self.num_key_value_heads
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self._take_common(
            dropout,
            use_bias,
            sliding_window,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
            use_gate,
            seed,
        )

    def build(self, query_shape, value_shape, key_shape=None):
        key_shape = value_shape if key_shape is None else key_shape
        check_sequences(self, query_shape, value_shape, key_shape)
        queries, keys = (self.num_query_heads, self.head_dim), (self.num_key_value_heads, self.head_dim)
        self._query_dense = self._project("query", query_shape, 1, queries)
        self._key_dense = self._project("key", key_shape, 1, keys)
        if self.use_gate:
            self._gate_dense = self._project("gate", query_shape, 1, queries, "sigmoid")
        self._value_dense = self._project("value", value_shape, 1, keys)
        self._make_softmax()
        self._output_dense = self._project("attention_output", (*query_shape[:2], *queries), 2, query_shape[-1:])

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        check_sequences(self, query_shape, value_shape, value_shape if key_shape is None else key_shape)
        return tuple(query_shape)


@builtin("layers")
class Attention(Layer):
    """outputs = softmax(query key') value, without projections.

    Args:
        use_scale: whether the scores are multiplied by a learned number.
        score_mode: `"dot"` for query . key, `"concat"` for a learned number times sum(tanh(query + key)).
        dropout: share of attention weights to drop in training.
        seed: an integer for the dropout's own stream.

    Shapes: a list [query, value] or [query, value, key] of (batch, t, features), (batch, s, size), (batch, s, features)
    to (batch, t, size).

    Source: Luong et al., "Effective Approaches to Attention-based Neural Machine Translation", 2015.

    >>> import kerata, numpy as np
    >>> kerata.layers.Attention()([np.ones((2, 3, 4), "float32"), np.ones((2, 5, 4), "float32")]).shape
    (2, 3, 4)
    """

    mixes_samples = False
    dropout = DropRate(low=0.0, high=1.0)
    _drops: bool

    def __init__(self, use_scale=False, score_mode="dot", dropout=0.0, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.use_scale = bool(use_scale)
        self.score_mode = check_choice(self, "score_mode", score_mode, ("dot", "concat"))
        self.dropout = check_number(self, "dropout", dropout, 0.0, 1.0)
        self.seed = seed
        self.seed_generator = generator_for(dropout, seed)
        self.supports_masking = True

    def build(self, input_shape):
        check_inputs(self, input_shape)
        self.scale: Variable | None = None
        self.concat_score_weight: Variable | None = None
        if self.use_scale:
            self.scale = self.add_weight((), "ones", name="scale")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight((), "ones", name="concat_score_weight")

    def call(self, inputs, mask=None, training=False, return_attention_scores=False, use_causal_mask=False):
        check_inputs(self, inputs)
        check_attention_masks(self, mask)
        query, value = inputs[0], inputs[1]
        query_mask, value_mask = (mask[0], mask[1]) if mask else (None, None)
        scores = self._calculate_scores(query, inputs[2] if len(inputs) > 2 else value)  # (batch, t, s)
        keep = conjunction(
            None if value_mask is None else value_mask[..., None, :],
            causal_mask(*scores.shape[-2:]) if use_causal_mask else None,
        )
        if keep is not None:
            scores = jnp.where(keep, scores, scores - (65504.0 if scores.dtype == jnp.float16 else 1e9))
        weights = jax.nn.softmax(scores, axis=-1)
        if training and self._drops:
            weights = random.dropout(self.seed_generator.key(), self.dropout, weights)
        output = jnp.matmul(weights, value)
        if query_mask is not None:
            output = jnp.where(query_mask[..., None], output, 0)
        return (output, weights) if return_attention_scores else output

    def _calculate_scores(self, query, key):
        if self.score_mode == "dot":
            scores = jnp.matmul(query, jnp.swapaxes(key, -2, -1))
            return scores if self.scale is None else scores * self.scale.value
        together = query[..., :, None, :] + key[..., None, :, :]  # (batch, t, s, features)
        if self.scale is not None:
            together = self.scale.value * together
        assert self.concat_score_weight is not None
        return self.concat_score_weight.value * jnp.sum(jnp.tanh(together), axis=-1)

    def compute_mask(self, inputs, mask=None):
        check_attention_masks(self, mask)
        return None if mask is None else mask[0]

    def compute_output_shape(self, input_shape):
        check_inputs(self, input_shape)
        return (*input_shape[0][:-1], input_shape[1][-1])

    def compute_output_spec(self, *args, **kwargs):
        return infer(self._call_concrete_of, *args, **kwargs)


def check_attention_masks(layer: Layer, mask: Array | None) -> None:
    """Raises unless there is a mask or `None` for each of query and value, and perhaps for the key, or no mask at all."""
    if mask is None:
        return
    if not isinstance(mask, (list, tuple)):
        raise KindError(message(layer, "the layer mask must be a list", {"mask": mask}, "Give mask=[query_mask, value_mask]"))
    if len(mask) not in (2, 3):
        raise ValueError(message(layer, "the layer mask must be a list of length 2 or 3", {"mask": len(mask)}))


def check_inputs(layer: Layer, inputs: object) -> None:
    if not isinstance(inputs, (list, tuple)) or len(inputs) not in (2, 3) or isinstance(inputs[0], (int, type(None))):
        raise ValueError(
            message(
                layer,
                "the layer must be called on a list of length 2 or 3: [query, value] or [query, value, key]",
                {"inputs": inputs},
            )
        )


@builtin("layers")
class AdditiveAttention(Attention):
    """outputs = softmax(sum(scale * tanh(query + key))) value, with a learned vector `scale`.

    Args:
        use_scale: whether the vector is learned, or 1.
        dropout: share of attention weights to drop in training.
        seed: an integer for the dropout's own stream.

    Shapes: as in `Attention`.

    Source: Bahdanau et al., "Neural Machine Translation by Jointly Learning to Align and Translate", 2014.

    >>> import kerata, numpy as np
    >>> kerata.layers.AdditiveAttention()([np.ones((2, 3, 4), "float32"), np.ones((2, 5, 4), "float32")]).shape
    (2, 3, 4)
    """

    def __init__(self, use_scale=True, dropout=0.0, **kwargs):
        super().__init__(use_scale=use_scale, dropout=dropout, seed=kwargs.pop("seed", None), **kwargs)

    def build(self, input_shape):
        check_inputs(self, input_shape)
        self.scale = self.add_weight(input_shape[0][-1:], "glorot_uniform", name="scale") if self.use_scale else None

    def _calculate_scores(self, query, key):
        together = jnp.tanh(query[..., :, None, :] + key[..., None, :, :])  # (batch, t, s, features)
        return jnp.sum(together if self.scale is None else self.scale.value * together, axis=-1)

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}
