"""Batch normalization."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from kerata import constraints, initializers, regularizers
from kerata.base import config
from kerata.base.checks import KindError, check_number, message
from kerata.base.registry import builtin
from kerata.engine.hyper import Hyperparameter
from kerata.engine.scope import valid_rows
from kerata.engine.types import Array, Scalar
from kerata.engine.variable import Variable
from kerata.kernels.normalization import batch_normalization
from kerata.layers.layer import InputSpec, Layer


@builtin("layers")
class BatchNormalization(Layer):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, feature by feature.

    In training, mean and variance are the batch's, and their moving averages are kept; in inference, and where the layer
    is frozen, the moving averages are used.

    Args:
        axis: the axis of the features: -1, or 1 for channels-first pictures.
        momentum: how much of the old moving average stays in a step, between 0 and 1.
        epsilon: added to the variance.
        center, scale: whether there is a beta, a gamma.
        beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer: how they begin.
        beta_regularizer, gamma_regularizer: penalties.
        beta_constraint, gamma_constraint: what they are projected onto after an update.
        renorm: whether the batch's moments are corrected towards moving ones, so that training and inference do the same:
            x is normalized as (x - mean) / deviation * r + d, where r = deviation / moving deviation and
            d = (mean - moving mean) / moving deviation are constants. For small batches; Ioffe, 2017.
        renorm_clipping: a dict of the bounds "rmin", "rmax" of r and "dmax" of |d|.
        renorm_momentum: of those moving moments.
        synchronized: whether moments are those of the batch on all devices; they are in any case, as a program sees it whole.

    Shapes: the output has the shape of the input. A mask (batch, ...) of one axis less keeps masked steps out of the
        statistics.

    Source: Ioffe and Szegedy, 2015.

    >>> import kerata, numpy as np
    >>> layer = kerata.layers.BatchNormalization()
    >>> y = layer(np.array([[1.0], [3.0]], "float32"), training=True)
    >>> [round(float(v), 3) for v in y[:, 0]]
    [-1.0, 1.0]
    """

    momentum = Hyperparameter(low=0.0, high=1.0)
    # In training it looks at the whole batch, without the rows that only fill it up.
    mixes_samples = False

    def __init__(
        self,
        axis=-1,
        momentum=0.99,
        epsilon=1e-3,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        moving_mean_initializer="zeros",
        moving_variance_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        renorm=False,
        renorm_clipping=None,
        renorm_momentum=0.99,
        synchronized=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if isinstance(axis, (list, tuple)) and len(axis) == 1:
            axis = axis[0]
        if not isinstance(axis, int):
            raise KindError(message(self, "`axis` must be an integer", {"axis": axis}))
        self.axis = axis
        self.momentum = momentum
        self.epsilon = float(check_number(self, "epsilon", epsilon, low=0.0))
        self.center, self.scale = bool(center), bool(scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.renorm, self.synchronized = bool(renorm), bool(synchronized)
        self.renorm_clipping = _check_clipping(self, renorm_clipping) if renorm else renorm_clipping
        self.renorm_momentum = renorm_momentum
        self.supports_masking = True

    @property
    def keeps_zeros(self) -> bool:  # type: ignore[override]
        return self.axis == -1 and self.epsilon > 0

    def build(self, input_shape):
        if not -len(input_shape) <= self.axis < len(input_shape):
            raise ValueError(
                message(self, "`axis` must be one of the input's", {"axis": self.axis, "input_shape": input_shape})
            )
        size = input_shape[self.axis]
        if size is None:
            raise ValueError(
                message(self, f"axis {self.axis} of the input must have a known size", {"input_shape": input_shape})
            )
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: size})
        self.gamma = self.beta = None
        if self.scale:
            self.gamma = self.add_weight(
                (size,),
                self.gamma_initializer,
                name="gamma",
                autocast=False,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
            )
        if self.center:
            self.beta = self.add_weight(
                (size,),
                self.beta_initializer,
                name="beta",
                autocast=False,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
            )
        self.moving_mean = self.add_weight(
            (size,), self.moving_mean_initializer, name="moving_mean", trainable=False, autocast=False
        )
        self.moving_variance = self.add_weight(
            (size,), self.moving_variance_initializer, name="moving_variance", trainable=False, autocast=False
        )
        if self.renorm:
            self.moving_stddev = self.add_weight((size,), "ones", name="moving_stddev", trainable=False, autocast=False)
            self.renorm_mean = self.add_weight(
                (size,), self.moving_mean_initializer, name="renorm_mean", trainable=False, autocast=False
            )
            self.renorm_stddev = self.add_weight((size,), "ones", name="renorm_stddev", trainable=False, autocast=False)
            if not isinstance(self.moving_variance_initializer, initializers.Ones):
                for deviation in (self.moving_stddev, self.renorm_stddev):
                    deviation.store(np.sqrt(self.moving_variance.numpy()))

    def call(self, inputs, training=None, mask=None):
        if mask is not None and mask.ndim != inputs.ndim - 1:
            raise ValueError(
                message(self, "the mask must have one axis less than the inputs", {"mask": mask, "inputs": inputs})
            )
        features = inputs.shape[self.axis]
        gamma = jnp.ones((features,)) if self.gamma is None else self.gamma.value
        beta = jnp.zeros((features,)) if self.beta is None else self.beta.value
        last = self.axis in (-1, inputs.ndim - 1)
        x = inputs if last else jnp.moveaxis(inputs, self.axis, -1)
        if mask is not None:
            # It belongs to the axes of the inputs as they came.
            mask = jnp.broadcast_to(jnp.asarray(mask, bool)[..., None], inputs.shape)
            mask = mask if last else jnp.moveaxis(mask, self.axis, -1)
        if training and self._sees_the_batch():
            if self.renorm:
                y = self._renormalize(x, gamma, beta, mask)
            else:
                y, mean, variance = self._normalize_by_batch(x, gamma, beta, mask)
                if self._moves():
                    move_on(self.moving_mean, mean, self.momentum)
                    move_on(self.moving_variance, self._kept_variance(variance, x), self.momentum)
        else:
            y = normalize(x, self.moving_mean.value, self.moving_variance.value, gamma, beta, self.epsilon)
        y = y if last else jnp.moveaxis(y, -1, self.axis)
        return y.astype(self.compute_dtype)

    def _sees_the_batch(self) -> bool:
        """Whether training normalizes by the batch, and not by the moving averages."""
        return bool(self.trainable)

    def _moves(self) -> bool:
        """Whether a batch moves the averages."""
        return True

    def _kept_variance(self, variance: Array, x: Array) -> Array:
        """What the moving variance takes in: the batch's own variance, of `x` (..., features)."""
        return variance

    def _normalize_by_batch(self, x: Array, gamma: Array, beta: Array, mask: Array | None) -> tuple[Any, Any, Any]:
        """Normalized by the batch's own moments, without what is masked: y (..., features), mean and variance
        (features,). The mask has the shape of x."""
        valid = valid_rows(x.shape[0])
        if mask is None:
            return batch_normalization(x, gamma, beta, self.epsilon, valid)
        if valid is not None:
            mask = mask & (jnp.reshape(valid, (-1, *[1] * (x.ndim - 1))) > 0)
        axes = tuple(range(x.ndim - 1))
        count = jnp.sum(mask, axes, dtype=jnp.float32) + config.epsilon()
        wide = x.astype(jnp.float32)
        mean = jnp.sum(jnp.where(mask, wide, 0), axes) / count
        variance = jnp.sum(jnp.square(jnp.where(mask, wide - mean, 0)), axes) / count
        return normalize(x, mean, variance, gamma, beta, self.epsilon), mean, variance

    def _renormalize(self, x: Array, gamma: Array, beta: Array, mask: Array | None) -> Array:
        """Normalized by the batch's moments, corrected towards the moving ones, which are moved on."""
        plain, mean, variance = self._normalize_by_batch(x, jnp.ones_like(gamma), jnp.zeros_like(beta), mask)
        deviation = jnp.sqrt(variance + self.epsilon)
        known = jnp.maximum(self.renorm_stddev.value, self.epsilon**0.5)
        r, d = deviation / known, (mean - self.renorm_mean.value) / known
        bounds = self.renorm_clipping or {}
        r = jnp.clip(r, bounds.get("rmin"), bounds.get("rmax"))
        if (dmax := bounds.get("dmax")) is not None:
            d = jnp.clip(d, -dmax, dmax)
        r, d = lax.stop_gradient(r), lax.stop_gradient(d)
        move_on(self.renorm_mean, mean, self.renorm_momentum)
        move_on(self.renorm_stddev, deviation, self.renorm_momentum)
        move_on(self.moving_mean, mean, self.momentum)
        move_on(self.moving_stddev, deviation, self.momentum)
        # Of the moving deviation, and not of the batch's variance.
        squared = jnp.square(self.moving_stddev.value) - self.epsilon
        self.moving_variance.store(jnp.maximum(squared, 0.0))
        return (plain * r + d) * gamma + beta

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)


def _check_clipping(layer: BatchNormalization, given: dict[str, float] | None) -> dict[str, float]:
    """The bounds of the corrections."""
    bounds = dict(given or {})
    if set(bounds) - {"rmin", "rmax", "dmax"}:
        text = "`renorm_clipping` may hold the keys 'rmax', 'rmin' and 'dmax'"
        raise ValueError(message(layer, text, {"renorm_clipping": given}))
    if bounds.get("rmin", 0.0) > bounds.get("rmax", float("inf")) or bounds.get("dmax", 0.0) < 0:
        text = "in `renorm_clipping`, rmax must be at least rmin, and dmax at least 0"
        raise ValueError(message(layer, text, {"renorm_clipping": given}))
    return bounds


def move_on(moving: Variable, value: Array, keep: Scalar) -> None:
    """Lets a moving average take a new value in."""
    moving.store(moving.value * keep + lax.stop_gradient(value) * (1.0 - keep))


def normalize(x: Array, mean: Array, variance: Array, gamma: Array, beta: Array, epsilon: float) -> Array:
    """gamma (x - mean) / sqrt(variance + epsilon) + beta for features on the last axis."""
    scale = gamma * lax.rsqrt(variance + epsilon)
    return x.astype(scale.dtype) * scale + (beta - mean * scale)
