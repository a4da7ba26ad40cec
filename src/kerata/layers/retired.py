"""Layers that Keras had and has no longer."""

from typing import Any

import jax
import jax.numpy as jnp

from kerata import activations, constraints, initializers, regularizers
from kerata.base.checks import check_choice, check_number, check_positive_int, message, standardize_tuple
from kerata.base.config import epsilon, standardize_data_format
from kerata.base.registry import builtin
from kerata.engine.hyper import Hyperparameter
from kerata.engine.random import generator_for
from kerata.engine.scope import valid_rows
from kerata.engine.symbolic import traceable
from kerata.engine.types import Array
from kerata.kernels import random
from kerata.kernels.maxima import larger, largest
from kerata.kernels.normalization import batch_normalization
from kerata.layers.core import check_features
from kerata.layers.einsum_dense import orient
from kerata.layers.embedding import Embedding
from kerata.layers.layer import InputSpec, Layer
from kerata.layers.reshaping import UpSampling2D
from kerata.layers.weights import another


@builtin("layers")
class Highway(Layer):
    """outputs = t * activation(x W + b) + (1 - t) * x, where t = sigmoid(x W_carry + b_carry).

    A dense layer that learns how much of its input to pass on unchanged. Keras had it up to 1.2.

    Args:
        activation: a name, a function or a layer.
        use_bias: whether to add biases; that of t begins at -2, so that much is passed on at first.
        kernel_initializer: how both kernels begin.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties on weights and output.
        kernel_constraint, bias_constraint: what the weights are projected onto after an update.

    Shapes: (batch, features) to the same.

    Source: Srivastava et al., "Highway Networks", 2015.

    >>> import kerata, numpy as np
    >>> Highway()(np.ones((2, 5), "float32")).shape
    (2, 5)
    """

    mixes_samples = False

    def __init__(
        self,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(ndim=2)

    def build(self, input_shape):
        size = input_shape[-1]
        penalized: dict[str, Any] = {"regularizer": self.kernel_regularizer, "constraint": self.kernel_constraint}
        self.kernel = self.add_weight((size, size), self.kernel_initializer, name="kernel", **penalized)
        self.carry_kernel = self.add_weight((size, size), another(self.kernel_initializer), name="carry_kernel")
        self.bias = self.carry_bias = None
        if self.use_bias:
            penalized = {"regularizer": self.bias_regularizer, "constraint": self.bias_constraint}
            self.bias = self.add_weight((size,), "zeros", name="bias", **penalized)
            self.carry_bias = self.add_weight((size,), initializers.Constant(-2.0), name="carry_bias")

    def call(self, inputs):
        gate, value = inputs @ self.carry_kernel, inputs @ self.kernel
        if self.use_bias:
            gate, value = gate + self.carry_bias, value + self.bias
        gate = activations.sigmoid(gate)
        return gate * self.activation(value) + (1 - gate) * inputs


@builtin("layers")
class MaxoutDense(Layer):
    """outputs[b, u] = max over k of (inputs[b] @ kernel[k] + bias[k])[u].

    The activation itself is learned: the largest of `nb_feature` linear functions is a convex function of the input.
    It was made for networks with dropout. Keras had it up to 1.2.

    Args:
        units: number of output features.
        nb_feature: number of linear functions for each.
        use_bias: whether to add a bias.
        kernel_initializer, bias_initializer: how the weights begin.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties on weights and output.
        kernel_constraint, bias_constraint: what the weights are projected onto after an update.

    Shapes: (batch, features) to (batch, units).

    Source: Goodfellow et al., "Maxout Networks", 2013.

    >>> import kerata, numpy as np
    >>> kerata.layers.MaxoutDense(3)(np.ones((2, 5), "float32")).shape
    (2, 3)
    """

    mixes_samples = False

    def __init__(
        self,
        units,
        nb_feature=4,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = check_positive_int(self, "units", units)
        self.nb_feature = check_positive_int(self, "nb_feature", nb_feature)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(ndim=2)

    def build(self, input_shape):
        features = check_features(self, input_shape)
        self.kernel = self.add_weight(
            (self.nb_feature, features, self.units),
            orient(self.kernel_initializer, [1], [2]),
            name="kernel",
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (self.nb_feature, self.units),
                self.bias_initializer,
                name="bias",
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.input_spec = InputSpec(ndim=2, axes={-1: features})

    def call(self, inputs):
        x = jnp.einsum("bf,kfu->bku", inputs, self.kernel.value)
        return largest(x if self.bias is None else x + self.bias.value, 1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.units)


class LocallyConnected(Layer):
    """A convolution whose kernel is another one at each place."""

    mixes_samples = False
    rank = 0

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = check_positive_int(self, "filters", filters)
        self.kernel_size = standardize_tuple(self, "kernel_size", kernel_size, self.rank)
        self.strides = standardize_tuple(self, "strides", strides, self.rank)
        self.padding = check_choice(self, "padding", padding, ("valid",))
        self.data_format = standardize_data_format(data_format)
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def build(self, input_shape):
        last = self.data_format == "channels_last"
        sizes, channels = (input_shape[1:-1], input_shape[-1]) if last else (input_shape[2:], input_shape[1])
        if None in (*sizes, channels):
            raise ValueError(message(self, "every place has its own kernel, so sizes must be known", {"shape": input_shape}))
        self.places = tuple(
            (size - kernel) // stride + 1 for size, kernel, stride in zip(sizes, self.kernel_size, self.strides, strict=True)
        )
        count, window = 1, channels
        for places, kernel in zip(self.places, self.kernel_size, strict=True):
            count, window = count * places, window * kernel
        self.kernel = self.add_weight(
            (count, window, self.filters),
            self.kernel_initializer,
            name="kernel",
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (*self.places, self.filters),
                self.bias_initializer,
                name="bias",
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def call(self, inputs):
        first = self.data_format == "channels_first"
        windows = self._windows(jnp.moveaxis(inputs, 1, -1) if first else inputs)  # (batch, *places, *kernel, channels)
        if first:
            # A window is read in the order of the picture's axes.
            windows = jnp.moveaxis(windows, -1, 1 + self.rank)
        flat = windows.reshape(len(inputs), self.kernel.shape[0], self.kernel.shape[1])
        outputs = jnp.einsum("bpw,pwf->bpf", flat, self.kernel.value).reshape(len(inputs), *self.places, self.filters)
        outputs = jnp.moveaxis(outputs, -1, 1) if first else outputs
        if self.bias is not None:
            # As in Keras: the numbers one after the other, whatever the axes of the bias stand for.
            outputs = outputs + self.bias.value.reshape(outputs.shape[1:])
        return self.activation(outputs)

    def _windows(self, x):
        for axis, (places, kernel, stride) in enumerate(zip(self.places, self.kernel_size, self.strides, strict=True)):
            index = stride * jnp.arange(places)[:, None] + jnp.arange(kernel)  # (places, kernel)
            x = jnp.take(x, index, axis=1 + 2 * axis)
        # (batch, places, kernel, places, kernel, channels) to the places first.
        order = [0, *range(1, 2 * self.rank, 2), *range(2, 2 * self.rank + 1, 2), 2 * self.rank + 1]
        return jnp.transpose(x, order)


@builtin("layers")
class LocallyConnected1D(LocallyConnected):
    """`Conv1D` whose kernel is another one at each step: (batch, steps, channels) to (batch, new steps, filters).

    Keras had it up to 2. Only `padding="valid"`.

    >>> import kerata, numpy as np
    >>> LocallyConnected1D(4, 3)(np.ones((2, 8, 5), "float32")).shape
    (2, 6, 4)
    """

    rank = 1


@builtin("layers")
class LocallyConnected2D(LocallyConnected):
    """`Conv2D` whose kernel is another one at each place of the picture.

    Keras had it up to 2. Only `padding="valid"`. The kernel's shape is (places, height x width x channels, filters), or, with
    channels first, (places, channels x height x width, filters).

    >>> import kerata, numpy as np
    >>> LocallyConnected2D(4, (3, 2))(np.ones((2, 8, 8, 5), "float32")).shape
    (2, 6, 7, 4)
    """

    rank = 2


class LearnedActivation(Layer):
    """An activation with a weight for each feature, or for several places at once."""

    mixes_samples = False

    def __init__(self, shared_axes=None, **kwargs):
        super().__init__(**kwargs)
        axes = [shared_axes] if isinstance(shared_axes, int) else shared_axes
        self.shared_axes = None if axes is None else [int(axis) for axis in axes if axis is not None]

    def _shape(self, input_shape):
        shared = self.shared_axes or ()
        return tuple(1 if axis in shared else size for axis, size in enumerate(input_shape[1:], start=1))


@builtin("layers")
class ParametricSoftplus(LearnedActivation):
    """alpha * log(1 + exp(beta * x)), where alpha and beta are learned. Keras had it up to 1.2.

    Args:
        alpha_initializer, beta_initializer: how they begin; a number, or as for other weights.
        shared_axes: axes along which they are shared.

    >>> import kerata, numpy as np
    >>> [round(float(value), 4) for value in ParametricSoftplus()(np.zeros((1, 2), "float32"))[0]]
    [0.1386, 0.1386]
    """

    def __init__(self, alpha_initializer=0.2, beta_initializer=5.0, shared_axes=None, **kwargs):
        super().__init__(shared_axes, **kwargs)
        self.alpha_initializer = _of_number(alpha_initializer)
        self.beta_initializer = _of_number(beta_initializer)

    def build(self, input_shape):
        self.alpha = self.add_weight(self._shape(input_shape), self.alpha_initializer, name="alpha")
        self.beta = self.add_weight(self._shape(input_shape), self.beta_initializer, name="beta")

    def call(self, inputs):
        return activations.softplus(self.beta * inputs) * self.alpha


def _of_number(initializer):
    is_number = isinstance(initializer, (int, float))
    return initializers.Constant(initializer) if is_number else initializers.get(initializer)


@builtin("layers")
class SReLU(LearnedActivation):
    """Three lines: t_r + a_r (x - t_r) where x >= t_r, x between, t_l + a_l (x - t_l) where x <= t_l; all four are learned.

    Keras had it up to 1.2, where t_r = t_l + abs(the weight).

    Args:
        t_left_initializer, a_left_initializer, t_right_initializer, a_right_initializer: how they begin.
        shared_axes: axes along which they are shared.

    Source: Jin et al., "Deep Learning with S-shaped Rectified Linear Activation Units", 2015.

    >>> import kerata, numpy as np
    >>> SReLU()(np.ones((1, 2), "float32")).shape
    (1, 2)
    """

    def __init__(
        self,
        t_left_initializer="zeros",
        a_left_initializer="glorot_uniform",
        t_right_initializer="glorot_uniform",
        a_right_initializer="ones",
        shared_axes=None,
        **kwargs,
    ):
        super().__init__(shared_axes, **kwargs)
        self.t_left_initializer = initializers.get(t_left_initializer)
        self.a_left_initializer = initializers.get(a_left_initializer)
        self.t_right_initializer = initializers.get(t_right_initializer)
        self.a_right_initializer = initializers.get(a_right_initializer)

    def build(self, input_shape):
        shape = self._shape(input_shape)
        self.t_left = self.add_weight(shape, self.t_left_initializer, name="t_left")
        self.a_left = self.add_weight(shape, self.a_left_initializer, name="a_left")
        self.t_right = self.add_weight(shape, self.t_right_initializer, name="t_right")
        self.a_right = self.add_weight(shape, self.a_right_initializer, name="a_right")

    def call(self, inputs):
        left, right = self.t_left.value, self.t_left.value + jnp.abs(self.t_right.value)
        low = left + self.a_left * (inputs - left)
        high = right + self.a_right * (inputs - right)
        return jnp.where(inputs <= left, low, jnp.where(inputs >= right, high, inputs))


@builtin("layers")
class Cosine(Layer):
    """The cosine of the angle between two inputs along an axis of each: `merge(mode="cos")` of Keras 1.

    Args:
        axes: an axis of both, or one of each.

    Shapes: two of (batch, features) to (batch, 1, 1).

    >>> import kerata, numpy as np
    >>> Cosine(axes=-1)([np.float32([[1, 1]]), np.float32([[2, 2]])]).round(4).tolist()
    [[[1.0]]]
    """

    mixes_samples = False

    def __init__(self, axes=-1, **kwargs):
        super().__init__(**kwargs)
        self.axes = axes

    def call(self, inputs):
        a, b = (jnp.asarray(x) for x in inputs)
        axes = (self.axes, self.axes) if isinstance(self.axes, int) else tuple(self.axes)
        # Of three axes and more, all but the last meant the one before it.
        i, j = (axis % x.ndim or x.ndim - 2 for axis, x in zip(axes, (a, b), strict=True))
        if 0 in (i, j):
            raise ValueError(message(self, "an axis of the features is needed, and not that of the samples", {"axes": axes}))
        i, j = i - 1, j - 1
        squared = larger(_products(a, a, i, i) * _products(b, b, j, j), epsilon() ** 2)
        return jnp.expand_dims(_products(a, b, i, j) / jnp.sqrt(squared), 1)


def _products(a, b, i, j):
    """Sums of products along axis i of each sample of a and axis j of each of b; (batch, 1) at least."""
    found = jax.vmap(lambda x, y: jnp.tensordot(x, y, axes=(i, j)))(a, b)
    return found if found.ndim > 1 else found[:, None]


class OldNormalization(Layer):
    """Batch normalization of Keras 1 in its other modes. It holds the averages that files have, and does not use them."""

    def __init__(
        self,
        axis=-1,
        epsilon=1e-3,
        beta_initializer="zeros",
        gamma_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.axis = axis
        self.epsilon = epsilon
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)

    def build(self, input_shape):
        shape = (input_shape[self.axis],)
        self.gamma = self.add_weight(shape, self.gamma_initializer, name="gamma", regularizer=self.gamma_regularizer)
        self.beta = self.add_weight(shape, self.beta_initializer, name="beta", regularizer=self.beta_regularizer)
        self.moving_mean = self.add_weight(shape, "zeros", name="moving_mean", trainable=False)
        self.moving_variance = self.add_weight(shape, "ones", name="moving_variance", trainable=False)


@builtin("layers")
class SampleNormalization(OldNormalization):
    """gamma (x - mean) / (std + epsilon) + beta over the last axis, a sample at a time: `mode=1` of Keras 1.

    std is the root of the variance plus epsilon: epsilon comes twice.

    >>> import kerata, numpy as np
    >>> SampleNormalization()(np.float32([[1, 3]])).round(2).tolist()
    [[-1.0, 1.0]]
    """

    mixes_samples = False

    def call(self, inputs):
        mean = jnp.mean(inputs, axis=-1, keepdims=True)
        std = jnp.sqrt(jnp.var(inputs, axis=-1, keepdims=True) + self.epsilon)
        return self.gamma * (inputs - mean) / (std + self.epsilon) + self.beta


@builtin("layers")
class BatchStatistics(OldNormalization):
    """Batch normalization with the statistics of the batch at hand, outside of training too: `mode=2` of Keras 1.

    >>> import kerata, numpy as np
    >>> BatchStatistics()(np.float32([[1.0], [3.0]])).round(2).tolist()
    [[-1.0], [1.0]]
    """

    mixes_samples = False
    sees_batch = True

    def call(self, inputs):
        x = jnp.moveaxis(inputs, self.axis, -1)
        y = batch_normalization(x, self.gamma.value, self.beta.value, self.epsilon, valid_rows(x.shape[0]))[0]
        return jnp.moveaxis(y, -1, self.axis).astype(inputs.dtype)


@builtin("layers")
class WordDropoutEmbedding(Embedding):
    """outputs[b, t] = embeddings[inputs[b, t]] * mask[inputs[b, t]] / (1 - dropout) in training: whole words are left out.

    A word that is left out is so wherever it stands in the batch. Keras 1 had it as `Embedding(dropout=)`.

    Args:
        input_dim, output_dim, embeddings_initializer: as of `Embedding`.
        dropout: share of the words to leave out.
        seed: an integer for a stream of its own.
        embeddings_regularizer, embeddings_constraint, mask_zero: as of `Embedding`.

    Shapes: whole numbers (batch, ...) to (batch, ..., output_dim).

    Source: Gal and Ghahramani, "A Theoretically Grounded Application of Dropout in Recurrent Neural Networks", 2016.

    >>> import numpy as np
    >>> WordDropoutEmbedding(10, 4, dropout=0.5)(np.array([[1, 2, 3]])).shape
    (1, 3, 4)
    """

    dropout = Hyperparameter(low=0.0, high=1.0)

    def __init__(
        self,
        input_dim,
        output_dim,
        embeddings_initializer="uniform",
        dropout=0.0,
        seed=None,
        embeddings_regularizer=None,
        embeddings_constraint=None,
        mask_zero=False,
        **kwargs,
    ):
        super().__init__(
            input_dim, output_dim, embeddings_initializer, embeddings_regularizer, embeddings_constraint, mask_zero, **kwargs
        )
        self.dropout = check_number(self, "dropout", dropout, 0.0, 1.0)
        self.seed = seed
        self.seed_generator = generator_for(dropout, seed)

    def call(self, inputs, training=False):
        outputs = super().call(inputs)
        if not training:
            return outputs
        words = random.dropout(self.seed_generator.key(), self.dropout, jnp.ones((1, self.input_dim), outputs.dtype))[0]
        return outputs * jnp.take(words, inputs.astype("int32"), axis=0)[..., None]


@traceable
def enlarge(x, factors: tuple[int, int], first: int) -> Array:
    """Pictures enlarged by whole factors along two axes from the first on: pixel i of the result lies at i / factor."""
    x = jnp.asarray(x)
    x = x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(jnp.float32)
    for axis, factor in enumerate(factors, first):
        places = jnp.arange(x.shape[axis] * factor)
        low = places // factor
        high = jnp.minimum(low + 1, x.shape[axis] - 1)
        share = ((places % factor) / factor).astype(x.dtype).reshape(-1, *[1] * (x.ndim - 1 - axis))
        x = jnp.take(x, low, axis) * (1 - share) + jnp.take(x, high, axis) * share
    return x


@builtin("layers")
class CornerUpSampling2D(UpSampling2D):
    """A picture made larger bilinearly, where pixel i of the result lies at i / factor: its corner stays where it was.

    Keras 2 enlarged so with TensorFlow 1. TensorFlow 2 puts pixel i at (i + 1/2) / factor - 1/2: the middle stays.

    Args:
        size: factors of height and width; an integer for both.
        data_format: `"channels_last"` or `"channels_first"`.
        interpolation: `"bilinear"`.

    Shapes: (batch, height, width, channels) with more height and width; likewise channels first.

    Source: `resize_images` of `backend/tensorflow_backend.py` of Keras 2.3.1, TensorFlow's ResizeBilinear without
    `half_pixel_centers`.

    >>> import numpy as np
    >>> CornerUpSampling2D((1, 2))(np.float32([[[[0], [2]]]])).ravel().tolist()
    [0.0, 1.0, 2.0, 2.0]
    """

    def __init__(self, size=(2, 2), data_format=None, interpolation="bilinear", **kwargs):
        super().__init__(size, data_format, check_choice(self, "interpolation", interpolation, ("bilinear",)), **kwargs)

    def call(self, inputs):
        height, width = standardize_tuple(self, "size", self.size, 2)
        return enlarge(inputs, (height, width), 1 if self.data_format == "channels_last" else 2)
