"""Noise and penalties that act in training only."""

from typing import cast

import jax
import jax.numpy as jnp

from kerata import regularizers
from kerata.base.checks import check_number, message
from kerata.base.config import standardize_data_format
from kerata.base.registry import builtin
from kerata.engine.hyper import Hyperparameter
from kerata.engine.random import generator_for
from kerata.kernels import random
from kerata.layers.core import KeepsType
from kerata.layers.layer import InputSpec, Layer


class ActsInTraining(KeepsType):
    """Changes its inputs in training and hands them on as they are otherwise. The base of this file's public classes."""

    def call(self, inputs, training=False):
        # Keras hands a layer's several outputs on as well, a recurrent layer's with its states.
        return jax.tree.map(self.perturb, inputs) if training else inputs

    def perturb(self, inputs: jax.Array) -> jax.Array:
        """The inputs of training, changed."""
        raise NotImplementedError


@builtin("layers")
class Dropout(ActsInTraining):
    """outputs = inputs * mask / (1 - rate) in training, each element of the mask 0 with probability `rate`.

    It keeps units from relying on each other, against overfitting: 0.5 between dense layers, less where the loss stops
    falling early. The rate is a value of the training program, so changing it never compiles again.

    Args:
        rate: share of the inputs to drop, between 0 and 1.
        noise_shape: the mask's shape: 1 for each axis along which the mask is shared, `None` for the input's size.
        seed: an integer for a stream of its own.

    Shapes: the output has the shape of the input.

    Source: Srivastava et al., "Dropout", JMLR 2014; scaled at training time instead of at inference.

    >>> import kerata, numpy as np
    >>> dropped = kerata.layers.Dropout(0.5)(np.ones((4, 100), "float32"), training=True)
    >>> sorted(set(np.asarray(dropped).ravel().tolist()))
    [0.0, 2.0]
    """

    rate = Hyperparameter(low=0.0, high=1.0)
    counted_features = Hyperparameter(low=1.0)

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.counted_features = None
        self.rate = check_number(self, "rate", rate, 0.0, 1.0)
        self.noise_shape = standardize_noise_shape(self, noise_shape)
        self.seed = seed
        self.seed_generator = generator_for(rate, seed)
        self.supports_masking = True

    @property
    def keeps_zeros(self) -> bool:  # type: ignore[override]
        return type(self) is Dropout and self.noise_shape is None

    def perturb(self, inputs):
        noise_shape = self.noise_shape_of(inputs.shape)
        return random.dropout(self.seed_generator.key(), self.rate, inputs, noise_shape, self.counted_features)

    def noise_shape_of(self, input_shape: tuple[int, ...]) -> tuple[int | None, ...] | None:
        """The shape of the mask for an input of a shape."""
        return fit_noise_shape(self, self.noise_shape, input_shape)


def standardize_noise_shape(layer: Layer, noise_shape: object) -> tuple[int | None, ...] | None:
    if noise_shape is None:
        return None
    sizes = tuple(noise_shape) if isinstance(noise_shape, (list, tuple)) else ()
    expected = "all dimensions to be positive integers or None, one for each axis"
    if not sizes:
        expected = "a tuple or list of integers. There is one for each axis"
    elif not all(size is None or isinstance(size, int) for size in sizes):
        expected = "all elements to be integers or None, one for each axis"
    elif all(size is None or size > 0 for size in sizes):
        return sizes
    raise ValueError(
        message(layer, f"Invalid value received for argument `noise_shape`. Expected {expected}", {"noise_shape": noise_shape})
    )


def fit_noise_shape(
    layer: Layer, noise_shape: tuple[int | None, ...] | None, input_shape: tuple[int, ...]
) -> tuple[int | None, ...] | None:
    """The noise shape, once it is known to go with an input's shape."""
    if noise_shape is None:
        return None
    if len(noise_shape) != len(input_shape) or any(
        noise not in (None, 1, size) for noise, size in zip(noise_shape, input_shape, strict=False)
    ):
        raise ValueError(
            message(
                layer,
                "`noise_shape` must have 1, None or the input's size for each axis",
                {"noise_shape": noise_shape, "input_shape": tuple(input_shape)},
            )
        )
    return noise_shape


class SpatialDropout(Dropout):
    """Drops whole feature maps: one decision a sample and channel. The base of the three public classes."""

    spatial_axes = 1

    def __init__(self, rate, data_format=None, seed=None, name=None, dtype=None):
        super().__init__(rate, seed=seed, name=name, dtype=dtype)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.spatial_axes + 2)

    def noise_shape_of(self, input_shape):
        ones = (1,) * self.spatial_axes
        return (None, None, *ones) if self.data_format == "channels_first" else (None, *ones, None)

    def get_config(self):
        # Keras's constructor takes no more than these.
        policy = self.dtype_policy.to_plain() if self.dtype_policy.is_mixed else self.dtype
        config = {"name": self.name, "dtype": policy, "rate": self.rate, "seed": self.seed}
        return {**config, "data_format": self.data_format}


@builtin("layers")
class SpatialDropout1D(SpatialDropout):
    """Dropout of whole features of a sequence: one decision a sample and feature, the same at each step.

    Where neighbouring steps are alike, as in embedded text, dropping single numbers hides nothing.

    Args:
        rate: share of the features to drop, between 0 and 1.
        seed: an integer for a stream of its own.

    Shapes: (batch, steps, features), unchanged.

    Source: Tompson et al., "Efficient Object Localization Using Convolutional Networks", 2014.

    >>> import kerata, numpy as np
    >>> y = np.asarray(kerata.layers.SpatialDropout1D(0.5)(np.ones((2, 5, 8), "float32"), training=True))
    >>> bool((y == y[:, :1]).all())
    True
    """

    def __init__(self, rate, seed=None, name=None, dtype=None):
        super().__init__(rate, "channels_last", seed, name, dtype)

    def get_config(self):
        config = super().get_config()
        del config["data_format"]
        return config


@builtin("layers")
class SpatialDropout2D(SpatialDropout):
    """Dropout of whole feature maps of a picture: one decision a sample and channel.

    Args:
        rate: share of the feature maps to drop, between 0 and 1.
        data_format: `"channels_last"` or `"channels_first"`.
        seed: an integer for a stream of its own.

    Shapes: (batch, height, width, channels) or (batch, channels, height, width), unchanged.

    Source: Tompson et al., "Efficient Object Localization Using Convolutional Networks", 2014.

    >>> import kerata, numpy as np
    >>> y = np.asarray(kerata.layers.SpatialDropout2D(0.5)(np.ones((2, 5, 5, 8), "float32"), training=True))
    >>> bool((y == y[:, :1, :1]).all())
    True
    """

    spatial_axes = 2


@builtin("layers")
class SpatialDropout3D(SpatialDropout):
    """Dropout of whole feature maps of a volume: one decision a sample and channel.

    Args:
        rate: share of the feature maps to drop, between 0 and 1.
        data_format: `"channels_last"` or `"channels_first"`.
        seed: an integer for a stream of its own.

    Shapes: (batch, depth, height, width, channels) or (batch, channels, depth, height, width), unchanged.

    Source: Tompson et al., "Efficient Object Localization Using Convolutional Networks", 2014.

    >>> import kerata, numpy as np
    >>> y = np.asarray(kerata.layers.SpatialDropout3D(0.5)(np.ones((2, 3, 3, 3, 8), "float32"), training=True))
    >>> bool((y == y[:, :1, :1, :1]).all())
    True
    """

    spatial_axes = 3


@builtin("layers")
class GaussianNoise(ActsInTraining):
    """outputs = inputs + stddev * noise in training, the noise standard normal.

    Args:
        stddev: standard deviation of what is added.
        seed: an integer for a stream of its own.

    Shapes: the output has the shape of the input.

    >>> import kerata, numpy as np
    >>> kerata.layers.GaussianNoise(0.1)(np.zeros((2, 3), "float32"), training=False).tolist()
    [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """

    stddev = Hyperparameter(low=0.0)

    def __init__(self, stddev, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.stddev = check_number(self, "stddev", stddev, 0.0)
        self.seed = seed
        self.seed_generator = generator_for(stddev, seed)
        self.supports_masking = True

    def perturb(self, inputs):
        return inputs + random.normal(self.seed_generator.key(), inputs.shape, inputs.dtype, stddev=self.stddev)


@builtin("layers")
class GaussianDropout(ActsInTraining):
    """outputs = inputs * (1 + noise * sqrt(rate / (1 - rate))) in training, the noise standard normal.

    The smooth sister of `Dropout`: the factor has the mean and variance of Dropout's.

    Args:
        rate: as in `Dropout`, at least 0 and below 1.
        seed: an integer for a stream of its own.

    Shapes: the output has the shape of the input.

    Source: Srivastava et al., "Dropout", JMLR 2014, section 10.

    >>> import kerata, numpy as np
    >>> y = kerata.layers.GaussianDropout(0.5, seed=1)(np.ones((100, 100), "float32"), training=True)
    >>> abs(float(np.std(y)) - 1.0) < 0.02
    True
    """

    rate = Hyperparameter(low=0.0, high=1.0)

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = check_number(self, "rate", rate, 0.0, 1.0)
        self.seed = seed
        self.seed_generator = generator_for(rate, seed)
        self.supports_masking = True

    def perturb(self, inputs):
        stddev = jnp.sqrt(self.rate / (1 - self.rate))
        return inputs * (1 + stddev * random.normal(self.seed_generator.key(), inputs.shape)).astype(inputs.dtype)


# The limit of SELU for small inputs, minus alpha times scale.
SELU_LIMIT = -1.6732632423543772848170429916717 * 1.0507009873554804934193349852946


@builtin("layers")
class AlphaDropout(ActsInTraining):
    """Dropout after `selu`: dropped units take SELU's lower limit, and mean and variance stay what they were.

    Args:
        rate: share of the inputs to drop, between 0 and 1.
        noise_shape: the mask's shape: 1 for each axis along which the mask is shared, `None` for the input's size.
        seed: an integer for a stream of its own.

    Shapes: the output has the shape of the input.

    Source: Klambauer et al., "Self-Normalizing Neural Networks", 2017.

    >>> import kerata, numpy as np
    >>> y = kerata.layers.AlphaDropout(0.5)(np.zeros((4, 100), "float32"), training=True)
    >>> len(set(np.asarray(y).ravel().tolist()))
    2
    """

    rate = Hyperparameter(low=0.0, high=1.0)

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = check_number(self, "rate", rate, 0.0, 1.0)
        self.noise_shape = standardize_noise_shape(self, noise_shape)
        self.seed = seed
        self.seed_generator = generator_for(rate, seed)
        self.supports_masking = True

    def perturb(self, inputs):
        shape = fit_noise_shape(self, self.noise_shape, inputs.shape) or inputs.shape
        shape = tuple(size if noise is None else noise for size, noise in zip(inputs.shape, shape, strict=True))
        rate = self.rate
        kept = random.bernoulli(self.seed_generator.key(), 1 - rate, shape)
        scale = ((1 - rate) * (1 + rate * SELU_LIMIT**2)) ** -0.5
        x = jnp.where(kept, inputs, jnp.asarray(SELU_LIMIT, inputs.dtype))
        return (scale * x - scale * SELU_LIMIT * rate).astype(inputs.dtype)


@builtin("layers")
class ActivityRegularization(KeepsType):
    """outputs = inputs, with (l1 * sum(|x|) + l2 * sum(x ** 2)) / batch added to the loss.

    Args:
        l1, l2: weights of the two penalties.

    Shapes: the output has the shape of the input.

    >>> import kerata, numpy as np
    >>> layer = kerata.layers.ActivityRegularization(l1=0.5)
    >>> _ = layer(np.array([[1.0, -3.0]], "float32"))
    >>> [float(loss) for loss in layer.losses]
    [2.0]
    """

    def __init__(self, l1=0.0, l2=0.0, **kwargs):
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.supports_masking = True

    @property
    def l1(self) -> float:
        return cast(regularizers.L1L2, self.activity_regularizer).l1

    @property
    def l2(self) -> float:
        return cast(regularizers.L1L2, self.activity_regularizer).l2

    def call(self, inputs):
        return inputs

    def get_config(self):
        config = super().get_config()
        del config["activity_regularizer"]
        return config
