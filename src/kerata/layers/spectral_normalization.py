"""Spectral normalization: a layer whose kernel is divided by its largest singular value."""

import jax.numpy as jnp
from jax import lax

from kerata.base.checks import check_positive_int, message
from kerata.base.registry import builtin
from kerata.engine.types import Array
from kerata.initializers import TruncatedNormal
from kerata.layers.layer import InputSpec
from kerata.layers.wrappers import Wrapper


@builtin("layers")
class SpectralNormalization(Wrapper):
    """outputs = layer(inputs), whose kernel is divided by its largest singular value in each step of training.

    Bounds how fast the layer's output can change with its input, which keeps the training of a GAN's discriminator steady.
    The singular value is followed by power iteration, from the vector of the step before.

    Args:
        layer: a layer with a `kernel`, or with `embeddings`.
        power_iterations: how often the vector is multiplied in a step.

    Shapes: those of the layer.

    Source: Miyato et al., Spectral Normalization for Generative Adversarial Networks, 2018 (arXiv 1802.05957).

    >>> import kerata, numpy as np
    >>> dense = kerata.layers.Dense(3, kernel_initializer=kerata.initializers.GlorotUniform(seed=0))
    >>> layer = kerata.layers.SpectralNormalization(dense, power_iterations=50)
    >>> layer(np.ones((2, 4), "float32"), training=True).shape
    (2, 3)
    >>> float(np.linalg.svd(np.asarray(layer.kernel))[1][0].round(3))
    1.0
    """

    def __init__(self, layer, power_iterations=1, **kwargs):
        super().__init__(layer, **kwargs)
        self.power_iterations = check_positive_int(self, "power_iterations", power_iterations)

    def build(self, input_shape):
        super().build(input_shape)
        self.input_spec = InputSpec(min_ndim=1, axes={-1: input_shape[-1]})
        kernel = getattr(self.layer, "kernel", None)
        kernel = getattr(self.layer, "embeddings", None) if kernel is None else kernel
        if kernel is None:
            raise ValueError(message(self, "the layer must have a `kernel` or `embeddings`", {"layer": self.layer}))
        # A weight of both layers, as in Keras's files.
        self.kernel = kernel
        self.vector_u = self.add_weight(
            (1, kernel.shape[-1]), TruncatedNormal(stddev=0.02), dtype=kernel.dtype, trainable=False, name="vector_u"
        )

    def call(self, inputs, training=False):
        if training:
            vector, kernel = self.normalized_weights()
            empty = jnp.all(self.kernel.value == 0)
            self.vector_u.store(jnp.where(empty, self.vector_u.value, vector))
            self.kernel.store(jnp.where(empty, self.kernel.value, kernel))
        return self.layer(inputs).astype(inputs.dtype)

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)

    def normalized_weights(self) -> tuple[Array, Array]:
        """(the vector after some iterations, the kernel divided by the singular value that it gives)."""
        kernel = self.kernel.value
        weights = jnp.reshape(kernel, (-1, kernel.shape[-1]))  # (inputs, outputs)
        across, vector = jnp.zeros((1, weights.shape[0]), weights.dtype), self.vector_u.value
        for _ in range(self.power_iterations):
            across = _of_length_one(vector @ weights.T)
            vector = _of_length_one(across @ weights)
        across, vector = lax.stop_gradient(across), lax.stop_gradient(vector)
        sigma = across @ weights @ vector.T  # (1, 1)
        # A kernel of zeros stays as it is, and its gradient must not be one of 0 / 0.
        return vector, jnp.reshape(weights / jnp.where(sigma == 0, 1, sigma), kernel.shape)


def _of_length_one(vector: Array) -> Array:
    square = jnp.sum(jnp.square(vector))
    length = jnp.sqrt(jnp.where(square == 0, 1, square))
    return vector / length
