"""Normalization of the eras: how much larger than a batch's variance that of all samples is taken to be, and what shows it."""

import math

import jax.numpy as jnp
import numpy as np

from kerata.base.types import Shape
from kerata.engine.module import Look
from kerata.engine.scope import valid_rows
from kerata.engine.types import Array
from kerata.legacy.tensorflow.tensor import Tensor, tensors

# Axes of the features in pictures, and in pictures with a depth, for which TensorFlow has one operation.
FUSED = {4: (1, 3), 5: (1, 4)}


class KeptVariance:
    """Of n numbers with the variance v, the moving variance takes in v in Keras 1, v * n / (n - 1 - epsilon) in Keras 2.

    In `tf.keras` it takes in v * n / (n - 1) for pictures, which TensorFlow normalizes in one operation, and v elsewhere.
    Keras 2 did both for pictures with the channels last.

    Source: `layers/normalization.py` and `backend/tensorflow_backend.py` of Keras 2.3.1, TensorFlow's FusedBatchNorm.
    """

    # They are other programs.
    _bookkeeping = {"kept_variance": Look.PROGRAM, "averages_stay": Look.PROGRAM}

    @property
    def changes_frozen(self) -> bool:
        """Whether training changes weights of the layer even where it is frozen."""
        return self._era == "keras1"  # type: ignore[attr-defined]

    def _sees_the_batch(self) -> bool:
        """Before TensorFlow 2 a frozen layer went on normalizing by the batch."""
        return self._era != "tfkeras2" or super()._sees_the_batch()  # type: ignore[misc]

    def _moves(self) -> bool:
        """In Keras 2 the averages of a layer stayed that was frozen when its model was first trained after `compile`."""
        if self._era in ("tfkeras2", "keras1"):  # type: ignore[attr-defined]
            return True
        return not self.__dict__.get("averages_stay", not self.trainable)  # type: ignore[attr-defined]

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)  # type: ignore[misc]
        self.__dict__["kept_variance"] = self._era  # type: ignore[attr-defined]

    def _adopted(self) -> None:
        super()._adopted()  # type: ignore[misc]
        self.__dict__["kept_variance"] = self._era  # type: ignore[attr-defined]

    def _kept_variance(self, variance: Array, x: Array) -> Array:
        era, axis = self._era, self.axis % x.ndim  # type: ignore[attr-defined]
        if era == "keras1":
            return variance
        count = count_of(x)
        if era == "tfkeras2":
            is_fused = axis in FUSED.get(x.ndim, ()) and not self.synchronized  # type: ignore[attr-defined]
        else:
            is_fused = x.ndim == 4 and axis == 3
            variance = variance * count / (count - (1.0 + self.epsilon))  # type: ignore[attr-defined]
        return variance * count / jnp.maximum(count - 1.0, 1.0) if is_fused else variance


def count_of(x: Array) -> Array:
    """How many numbers each feature has in a batch (rows, ..., features), without rows that are not there."""
    valid = valid_rows(x.shape[0])
    rows = jnp.asarray(x.shape[0], jnp.float32) if valid is None else jnp.sum(valid)
    return rows * math.prod(x.shape[1:-1])


class ShownStatistics:
    """What a `Normalization` learned, as tensors: `layer.mean.numpy()`."""

    def _keep_count(self, count: int) -> None:
        self.count.store(np.asarray(count, "int32"))  # type: ignore[attr-defined]

    @property
    def mean(self) -> Tensor | None:
        return tensors(super().mean)  # type: ignore[misc]

    @property
    def variance(self) -> Tensor | None:
        return tensors(super().variance)  # type: ignore[misc]
