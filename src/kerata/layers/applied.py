"""Layers that only some architectures of `kerata.applications` need; files know them by these names."""

from collections.abc import Sequence
from typing import Unpack

import jax
import jax.numpy as jnp

from kerata.base.registry import builtin
from kerata.base.types import PartialShape
from kerata.engine.random import SeedGenerator
from kerata.initializers import Constant
from kerata.kernels import random
from kerata.layers.layer import Layer
from kerata.layers.signatures import LayerOptions


@builtin("layers")
class CustomScaleLayer(Layer):
    """The first of two inputs, and the second times a number.

    Args:
        scale: the number.

    Source: InceptionResNetV2 of Keras.

    >>> import numpy as np
    >>> CustomScaleLayer(0.5)([np.ones((1, 2), "float32"), np.ones((1, 2), "float32")])
    Array([[1.5, 1.5]], dtype=float32)
    """

    mixes_samples = False

    def __init__(self, scale: float, **kwargs: Unpack[LayerOptions]):
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, inputs: Sequence[jax.Array]) -> jax.Array:
        return inputs[0] + inputs[1] * self.scale


@builtin("layers")
class LayerScale(Layer):
    """A weight for each channel, which begins small.

    Args:
        init_values: what the weights begin with.
        projection_dim: how many channels there are.

    Source: Touvron et al., Going deeper with Image Transformers, 2021 (arXiv 2103.17239).

    >>> import numpy as np
    >>> LayerScale(0.5, 2)(np.ones((1, 2), "float32"))
    Array([[0.5, 0.5]], dtype=float32)
    """

    mixes_samples = False

    def __init__(self, init_values: float, projection_dim: int, **kwargs: Unpack[LayerOptions]):
        super().__init__(**kwargs)
        self.init_values, self.projection_dim = init_values, projection_dim

    def build(self, input_shape: PartialShape) -> None:
        self.gamma = self.add_weight((self.projection_dim,), Constant(self.init_values), name="gamma")

    def call(self, inputs: jax.Array) -> jax.Array:
        return inputs * self.gamma


@builtin("layers")
class StochasticDepth(Layer):
    """In training, leaves a branch out for some samples and scales it for the others.

    Args:
        drop_path_rate: how often it is left out.
        seed: of what is drawn.

    Source: Huang et al., Deep Networks with Stochastic Depth, 2016 (arXiv 1603.09382).

    >>> import numpy as np
    >>> StochasticDepth(0.5)(np.ones((1, 2), "float32"))
    Array([[1., 1.]], dtype=float32)
    """

    mixes_samples = False

    def __init__(self, drop_path_rate: float, seed: int | None = None, **kwargs: Unpack[LayerOptions]):
        super().__init__(**kwargs)
        self.drop_path_rate = drop_path_rate
        self.seed = seed
        self.seed_generator = SeedGenerator(seed)

    def call(self, inputs: jax.Array, training: bool | None = None) -> jax.Array:
        if not training:
            return inputs
        kept = 1 - self.drop_path_rate
        drawn = random.uniform(self.seed_generator.key(), (inputs.shape[0], *[1] * (inputs.ndim - 1)))
        return inputs / kept * jnp.floor(kept + drawn).astype(inputs.dtype)
