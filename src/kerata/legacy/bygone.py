"""Classes of `tf.keras` that Keras 3 took away: a constraint, measures, the base of cells."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from kerata import constraints, layers, metrics
from kerata.base.checks import message
from kerata.base.registry import builtin
from kerata.base.types import DTypeLike, Shape
from kerata.engine.types import Array, TensorLike
from kerata.losses.loss import as_array, fit_ranks


@builtin("constraints of then")
class RadialConstraint(constraints.Constraint):
    """Kernels of pictures whose numbers hang on the distance from the middle alone: rings of one number each."""

    def __call__(self, w):
        w = jnp.asarray(w)
        if w.ndim != 4:
            raise ValueError(message(self, "the weights must have four axes: (rows, columns, inputs, outputs)", {"w": w.shape}))
        size, middle = w.shape[0], w.shape[0] // 2
        first = 1 - size % 2
        found = w[middle - 1 : middle, middle - 1 : middle]
        found = jnp.broadcast_to(found, (1 + first, 1 + first, *w.shape[2:]))
        for ring in range(first, middle):
            edge, inner = w[middle + ring, middle + ring], found.shape[0]
            found = jnp.broadcast_to(edge, (inner + 2, inner + 2, *w.shape[2:])).at[1:-1, 1:-1].set(found)
        return found


@builtin("metrics of then")
class MeanRelativeError(metrics.Mean):
    """The mean of |y_true - y_pred| / normalizer; nothing where the normalizer is 0.

    Args:
        normalizer: numbers of the shape of the labels.
        name, dtype: as of other measures.
    """

    def __init__(self, normalizer: TensorLike, name: str | None = None, dtype: DTypeLike | None = None):
        super().__init__(name=name, dtype=dtype)
        self.normalizer = np.asarray(normalizer, self.dtype)

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        labels, predictions = fit_ranks(jnp.asarray(y_true, self.dtype), jnp.asarray(y_pred, self.dtype))
        wrong = jnp.abs(labels - predictions)
        norm = jnp.broadcast_to(jnp.asarray(self.normalizer), wrong.shape)
        super().update_state(jnp.where(norm == 0, 0.0, wrong / jnp.where(norm == 0, 1.0, norm)), sample_weight)

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype, "normalizer": self.normalizer.tolist()}


@builtin("metrics of then")
class MeanTensor(metrics.Metric):
    """The mean of tensors of one shape, element by element.

    Args:
        name, dtype: as of other measures.
        shape: that of the tensors, else that of the first one.
    """

    def __init__(self, name: str | None = "mean_tensor", dtype: DTypeLike | None = None, shape: Shape | None = None):
        super().__init__(name=name, dtype=dtype)
        self._shape: tuple[int, ...] | None = None
        if shape is not None:
            self._begin(shape)

    def _begin(self, shape: Sequence[int]) -> None:
        self._shape = tuple(shape)
        self._sums, self._weights = (self._add_zeros(name, self._shape) for name in ("total", "count"))

    @property
    def total(self) -> object:
        """The weighted sum so far; `None` before the first tensor."""
        return None if self._shape is None else self._sums

    @property
    def count(self) -> object:
        """The sum of weights so far; `None` before the first tensor."""
        return None if self._shape is None else self._weights

    def update_state(self, values: TensorLike, sample_weight: TensorLike | None = None) -> None:
        values = jnp.asarray(as_array(values), self.dtype)
        if self._shape is None:
            self._begin(values.shape)
        if values.shape != self._shape:
            received = {"values.shape": values.shape, "shape": self._shape}
            raise ValueError(message(self, "MeanTensor input values must always have the same shape", received))
        weight = jnp.ones_like(values)
        if sample_weight is not None:
            given = jnp.asarray(sample_weight, self.dtype)
            given = given.reshape(*given.shape, *[1] * (values.ndim - given.ndim))
            weight = jnp.broadcast_to(given, values.shape)
        self._sums.assign_add(values * weight)
        self._weights.assign_add(weight)

    def result(self) -> Array:
        if self._shape is None:
            raise ValueError(message(self, "there is no mean before the first tensor", None))
        count = self._weights.value
        return jnp.where(count == 0, 0.0, self._sums.value / jnp.where(count == 0, 1.0, count))

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype, "shape": None if self._shape is None else list(self._shape)}


class AbstractRNNCell(layers.Layer):
    """The base of cells of a program's own: they have a `state_size`, an `output_size` and `call(inputs, states)`."""

    def call(self, inputs, states):
        """One step: (output, new states)."""
        raise NotImplementedError(message(self, "a cell has a `call(inputs, states)` of its own"))

    @property
    def state_size(self) -> object:
        """The size of the state, or of each."""
        raise NotImplementedError(message(self, "a cell has a `state_size` of its own"))

    @property
    def output_size(self) -> object:
        """The size of what a step gives."""
        raise NotImplementedError(message(self, "a cell has an `output_size` of its own"))

    def get_initial_state(self, inputs=None, batch_size: int | None = None, dtype: DTypeLike | None = None):
        """States of zeros, for so many samples, or for those that are given."""
        rows, kind = (inputs.shape[0], inputs.dtype) if inputs is not None else (batch_size, dtype or self.compute_dtype)
        if rows is None:
            raise ValueError(message(self, "how many samples there are must be given", {"batch_size": batch_size}))
        sizes = self.state_size
        if isinstance(sizes, (list, tuple)):
            return [jnp.zeros((rows, size), kind) for size in sizes]
        return jnp.zeros((rows, sizes), kind)


# By their names, and by the other spelling of the constraint.
CONSTRAINTS = {"RadialConstraint": RadialConstraint, "radial_constraint": RadialConstraint}
METRICS = {"MeanRelativeError": MeanRelativeError, "MeanTensor": MeanTensor}
CELLS = {"AbstractRNNCell": AbstractRNNCell}
