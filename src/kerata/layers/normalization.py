"""Normalization of each sample by its own statistics."""

from collections.abc import Sequence

import jax.numpy as jnp
from jax import lax

from kerata import constraints, initializers, regularizers
from kerata.base.checks import KindError, check_number, check_positive_int, message
from kerata.base.registry import builtin
from kerata.base.types import PartialShape, Shape
from kerata.engine.types import Array
from kerata.engine.variable import Variable
from kerata.kernels.maxima import larger
from kerata.kernels.standardization import standardize
from kerata.kernels.sums import mean_along, with_bias, with_scale
from kerata.layers.layer import InputSpec, Layer


class SampleNormalization(Layer):
    """A normalization whose statistics come from one sample. The base of the public classes."""

    mixes_samples = False

    def _take_axis(self, axis: int | Sequence[int]) -> None:
        if not isinstance(axis, (int, list, tuple)):
            raise KindError(message(self, "Expected an int or a list/tuple of ints for the argument 'axis'", {"axis": axis}))
        self.axis = axis if isinstance(axis, int) else list(axis)

    def _axes(self, rank: int) -> tuple[int, ...]:
        """The axes counted from the front, in order."""
        axes = [self.axis] if isinstance(self.axis, int) else self.axis
        if any(not -rank <= axis < rank for axis in axes):
            raise ValueError(message(self, "`axis` must be axes of the input", {"axis": self.axis, "input_axes": rank}))
        return tuple(sorted(axis % rank for axis in axes))

    def _weight_shape(self, input_shape: PartialShape) -> Shape:
        sizes = tuple(input_shape[axis] for axis in self._axes(len(input_shape)))
        shape = tuple(size for size in sizes if size is not None)
        if len(shape) < len(sizes):
            raise ValueError(
                message(
                    self, "the normalized axes must have a known size", {"axis": self.axis, "input_shape": tuple(input_shape)}
                )
            )
        return shape

    def _beside(self, weight: Variable, x: Array) -> Array:
        """A weight in the type of what it is combined with, with its last axes, or with all axes and a size of 1 for others."""
        axes = self._axes(x.ndim)
        if axes == tuple(range(x.ndim - len(axes), x.ndim)):
            return weight.value.astype(x.dtype)
        return weight.value.astype(x.dtype).reshape([size if axis in axes else 1 for axis, size in enumerate(x.shape)])

    def compute_output_shape(self, input_shape):
        self._axes(len(input_shape))
        return tuple(input_shape)


def in_float32(x: Array) -> Array:
    """At least float32: squares and sums of 16-bit numbers lose too much."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


@builtin("layers")
class LayerNormalization(SampleNormalization):
    """outputs = gamma * (x - mean(x)) / sqrt(var(x) + epsilon) + beta, mean and variance over a sample's axes.

    The normalization of transformers and recurrent networks: unlike `BatchNormalization` it is the same in training and
    inference and does not depend on the batch.

    Args:
        axis: the axes to normalize over, typically the features.
        epsilon: added to the variance.
        center, scale: whether there is a `beta`, a `gamma`.
        beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: of
            the two weights.

    Shapes: the output has the shape of the input.

    Source: Ba et al., "Layer Normalization", 2016.

    >>> import kerata, numpy as np
    >>> kerata.layers.LayerNormalization(epsilon=0)(np.array([[1.0, 3.0]], "float32")).tolist()
    [[-1.0, 1.0]]
    """

    def __init__(
        self,
        axis=-1,
        epsilon=0.001,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        **kwargs,
    ):
        rms_scaling = kwargs.pop("rms_scaling", False)
        super().__init__(**kwargs)
        self._take_axis(axis)
        self.epsilon = check_number(self, "epsilon", epsilon, low=0.0)
        self.center, self.scale, self.rms_scaling = bool(center), bool(scale), bool(rms_scaling)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.supports_masking = True
        self.autocast = False

    def build(self, input_shape):
        shape = self._weight_shape(input_shape)
        # Keras's config holds a list once the layer is built.
        self.axis = [self.axis] if isinstance(self.axis, int) else sorted(self.axis)
        self.gamma = self.beta = None
        if self.scale or self.rms_scaling:
            self.gamma = self.add_weight(
                shape,
                self.gamma_initializer,
                name="gamma",
                autocast=False,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
            )
        if self.center and not self.rms_scaling:
            self.beta = self.add_weight(
                shape,
                self.beta_initializer,
                name="beta",
                autocast=False,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
            )

    def call(self, inputs):
        x = in_float32(inputs)
        axes = self._axes(x.ndim)
        if axes == (x.ndim - 1,) and not self.rms_scaling:
            x = standardize(x, self.epsilon)
        else:
            centered = x - jnp.mean(x, axis=axes, keepdims=True)
            factor = lax.rsqrt(jnp.mean(jnp.square(centered), axis=axes, keepdims=True) + self.epsilon)
            # Older models divide by the standard deviation without subtracting the mean.
            x = (x if self.rms_scaling else centered) * factor
        if self.gamma is not None:
            x = with_scale(x, self._beside(self.gamma, x))
        if self.beta is not None:
            x = with_bias(x, self._beside(self.beta, x))
        return x.astype(self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "rms_scaling": self.rms_scaling}


@builtin("layers")
class RMSNormalization(SampleNormalization):
    """outputs = scale * x / sqrt(mean(x ** 2) + epsilon).

    Args:
        axis: the axes to normalize over, typically the features.
        epsilon: added to the mean of squares.

    Shapes: the output has the shape of the input.

    Source: Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019.

    >>> import kerata, numpy as np
    >>> kerata.layers.RMSNormalization(epsilon=0)(np.array([[3.0, 3.0]], "float32")).tolist()
    [[1.0, 1.0]]
    """

    def __init__(self, axis=-1, epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        self._take_axis(axis)
        self.epsilon = check_number(self, "epsilon", epsilon, low=0.0)

    def build(self, input_shape):
        shape = self._weight_shape(input_shape)
        self.axis = [self.axis] if isinstance(self.axis, int) else sorted(self.axis)
        self.scale = self.add_weight(shape, "ones", name="scale")

    def call(self, x):
        wide = in_float32(x)
        axes = self._axes(x.ndim)
        if axes == (x.ndim - 1,):
            wide = standardize(wide, self.epsilon, is_centred=False)
        else:
            wide = wide * lax.rsqrt(jnp.mean(jnp.square(wide), axis=axes, keepdims=True) + self.epsilon)
        return with_scale(wide, self._beside(self.scale, wide)).astype(x.dtype)


@builtin("layers")
class GroupNormalization(SampleNormalization):
    """outputs = gamma * (x - mean(x)) / sqrt(var(x) + epsilon) + beta, statistics over a sample's groups of channels.

    For pictures in batches too small for `BatchNormalization`. One group is layer normalization over all axes, as many
    groups as channels is instance normalization.

    Args:
        groups: number of groups, a divisor of the number of channels; -1 for one group a channel.
        axis: the axis of the channels.
        epsilon: added to the variance.
        center, scale: whether there is a `beta`, a `gamma`.
        beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: of
            the two weights.

    Shapes: the output has the shape of the input.

    Source: Wu and He, "Group Normalization", 2018.

    >>> import kerata, numpy as np
    >>> y = kerata.layers.GroupNormalization(2, epsilon=0)(np.array([[1.0, 3.0, 10.0, 30.0]], "float32"))
    >>> np.round(y, 4).tolist()
    [[-1.0, 1.0, -1.0, 1.0]]
    """

    def __init__(
        self,
        groups=32,
        axis=-1,
        epsilon=0.001,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.groups = groups if groups == -1 else check_positive_int(self, "groups", groups)
        self._take_axis(axis)
        self.epsilon = check_number(self, "epsilon", epsilon, low=0.0)
        self.center, self.scale = bool(center), bool(scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.supports_masking = True
        self.autocast = False

    def build(self, input_shape):
        (channels,) = self._weight_shape(input_shape)
        self.groups = channels if self.groups == -1 else self.groups
        if self.groups > channels:
            raise ValueError(
                message(
                    self, "`groups` cannot be more than the number of channels", {"groups": self.groups, "channels": channels}
                )
            )
        if channels % self.groups:
            raise ValueError(
                message(
                    self, "the number of channels must be a multiple of `groups`", {"groups": self.groups, "channels": channels}
                )
            )
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self._axes(len(input_shape))[0]: channels})
        self.gamma = self.beta = None
        if self.scale:
            self.gamma = self.add_weight(
                (channels,),
                self.gamma_initializer,
                name="gamma",
                autocast=False,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
            )
        if self.center:
            self.beta = self.add_weight(
                (channels,),
                self.beta_initializer,
                name="beta",
                autocast=False,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
            )

    def call(self, inputs):
        (axis,) = self._axes(inputs.ndim)
        x = in_float32(inputs)
        x = x - self._means(x, axis)
        x = x * lax.rsqrt(self._means(jnp.square(x), axis) + self.epsilon)
        if self.gamma is not None:
            x = x * self._beside(self.gamma, x)
        if self.beta is not None:
            x = x + self._beside(self.beta, x)
        return x.astype(self.compute_dtype)

    def _means(self, x: Array, axis: int) -> Array:
        """Of each sample's group, beside each of its channels: (batch, 1, ..., channels, ..., 1)."""
        each = mean_along(x, tuple(n for n in range(1, x.ndim) if n != axis), keepdims=True)
        groups = jnp.mean(each.reshape(x.shape[0], self.groups, -1), axis=-1)
        return jnp.repeat(groups, x.shape[axis] // self.groups, axis=-1).reshape(each.shape)


@builtin("layers")
class UnitNormalization(SampleNormalization):
    """outputs = x / sqrt(sum(x ** 2)), the sum over a sample's axes: vectors of length 1.

    Args:
        axis: the axes to normalize over, typically the features.

    Shapes: the output has the shape of the input.

    >>> import kerata, numpy as np
    >>> y = kerata.layers.UnitNormalization()(np.array([[3.0, 4.0]], "float32"))
    >>> np.round(np.asarray(y, float), 4).tolist()
    [[0.6, 0.8]]
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self._take_axis(axis)
        self.supports_masking = True

    def call(self, inputs):
        square = jnp.sum(jnp.square(inputs), axis=self._axes(inputs.ndim), keepdims=True)
        return inputs * lax.rsqrt(larger(square, max(1e-24, float(jnp.finfo(inputs.dtype).tiny))))
