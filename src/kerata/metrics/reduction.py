"""Sums and means over many batches."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from kerata.base import registry
from kerata.base.checks import message
from kerata.base.serialization import serialize_keras_object
from kerata.base.types import DTypeLike
from kerata.engine.scope import note, noted
from kerata.engine.types import AnyArray, Array, TensorLike
from kerata.losses import Loss
from kerata.losses.loss import as_array, as_values, convert, divide_no_nan, fit_ranks, function_mixes_samples, reduce_values
from kerata.metrics.metric import Metric, entered


def mark_padding(valid: Array) -> Array:
    """Weights that only say which rows of a batch are there: a metric then counts as if it had no weights."""
    note(valid, "padding", True)
    return valid


def without_padding(weight: TensorLike | None, valid: Array) -> AnyArray:
    """Weights, if there are any, that are 0 where a row only fills a batch up."""
    if weight is None:
        return mark_padding(valid)
    weights = multiply_weights(jnp.asarray(weight), valid)
    note(weights, "valid", valid)
    return weights


def are_weights(sample_weight: TensorLike | None) -> bool:
    """Whether a user gave weights, beside those that say which rows are there."""
    return sample_weight is not None and noted(sample_weight, "padding") is None


def multiply_weights(first: AnyArray, second: AnyArray) -> AnyArray:
    """The product of weights of shape (batch,), (batch, steps), ...: the shorter counts for everything in a row."""
    low, high = sorted((first, second), key=lambda weight: weight.ndim)
    if high.ndim == low.ndim + 1 and high.shape[-1] == 1:
        high = high[..., 0]
    return jnp.reshape(low, (*low.shape, *[1] * (high.ndim - low.ndim))) * high


def times_weight(values: Array, weight: Array) -> Array:
    """The product, and 0 where the weight is 0, whatever the value."""
    return jnp.where(weight == 0, 0, values * weight)


def reduce_to_samples(
    values: TensorLike, sample_weight: TensorLike | None, reduce: Callable[..., Array], dtype: DTypeLike
) -> tuple[Array, Array | None]:
    """One weighted value and one weight for each sample; the weight is `None` where there is none."""
    values, weight = jnp.asarray(values, dtype), None
    if sample_weight is not None:
        values, weight = fit_ranks(values, jnp.asarray(sample_weight, dtype))
        if not values.ndim:
            # A number of the whole batch counts with the sum of its weights.
            values = jnp.broadcast_to(values, weight.shape)
        if values.ndim > weight.ndim:
            values = reduce(values, axis=tuple(range(weight.ndim, values.ndim)))
        if weight.ndim > values.ndim or any(m not in (1, n) for m, n in zip(weight.shape, values.shape, strict=True)):
            raise ValueError(
                message(
                    "metric",
                    "`sample_weight` must have shape (batch,) or that of the values",
                    {"sample_weight.shape": weight.shape, "values.shape": values.shape},
                )
            )
        weight = jnp.broadcast_to(weight, values.shape)
        values = times_weight(values, weight)
        if weight.ndim > 1:
            weight = reduce(weight, axis=tuple(range(1, weight.ndim)))
    if values.ndim > 1:
        values = reduce(values, axis=tuple(range(1, values.ndim)))
    return values, weight


def reduce_to_elements(values: TensorLike, sample_weight: TensorLike | None, dtype: DTypeLike) -> tuple[Array, Array | None]:
    """Weighted values and their weights, each element with its own; the weight is `None` where there is none.

    Weights of one axis less count for all along the last one. Those of fewer axes count for means, as of samples.
    """
    values = jnp.asarray(values, dtype)
    if sample_weight is None:
        return values, None
    padding = not are_weights(sample_weight)
    values, weight = fit_ranks(values, jnp.asarray(sample_weight, dtype))
    missing = values.ndim - weight.ndim
    if missing == 1 or (missing > 1 and (padding or not weight.ndim)):
        # Those that say which rows are there do so for all that these hold.
        weight = jnp.reshape(weight, (*weight.shape, *[1] * missing))
    elif missing:
        return reduce_to_samples(values, sample_weight, jnp.mean, dtype)
    weight = jnp.broadcast_to(weight, values.shape)
    return times_weight(values, weight), weight


@entered()
class Sum(Metric):
    """The weighted sum of values.

    >>> float(Sum()([1.0, 3.0]))
    4.0
    """

    def __init__(self, name="sum", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.total = self._add_zeros("total")

    def update_state(self, values: TensorLike, sample_weight: TensorLike | None = None) -> None:
        reduced, _ = reduce_to_samples(values, sample_weight, jnp.sum, self.dtype)
        self.total.assign_add(jnp.sum(reduced))

    def result(self) -> Array:
        return self.total.value


@entered()
class Mean(Metric):
    """The weighted mean of values.

    >>> float(Mean()([1.0, 3.0, 8.0], sample_weight=[1, 1, 0]))
    2.0
    """

    # In `tf.keras` and Keras 2.3 each element counted, where samples do today: batches whose samples have more of them weigh
    # more then.
    counts_elements = False
    _facts_of_program = ("counts_elements",)

    def __init__(self, name: str | None = "mean", dtype: DTypeLike | None = None):
        super().__init__(name=name, dtype=dtype)
        self.total = self._add_zeros("total")
        self.count = self._add_zeros("count")

    def update_state(self, values: TensorLike, sample_weight: TensorLike | None = None) -> None:
        if self.counts_elements:
            reduced, weight = reduce_to_elements(values, sample_weight, self.dtype)
        else:
            reduced, weight = reduce_to_samples(values, sample_weight, jnp.mean, self.dtype)
        # Of samples `reduced` has one number each.
        self.total.assign_add(jnp.sum(reduced))
        self.count.assign_add(reduced.size if weight is None else jnp.sum(weight))

    def result(self) -> Array:
        return divide_no_nan(self.total.value, self.count.value)


@entered()
class MeanMetricWrapper(Mean):
    """The mean of a function of (y_true, y_pred) that gives one value for each sample.

    Args:
        fn: the function, or a loss: its values are then averaged over samples, and not over batches.
        name, dtype: as in `Metric`.
        **kwargs: passed to the function.
    """

    # Names of attributes that the function takes as arguments.
    _passed: tuple[str, ...] = ()
    # In messages a function is called by its own name.
    _called = "metric"
    # Before Keras 2.3 a measure of weighted or masked values was the mean of the batches' own, in each of which it was
    # divided as losses were: "weighted", see `Loss.counting`.
    counting = "kept"

    def __init__(self, fn, name: str | None = None, dtype: DTypeLike | None = None, **kwargs: object):
        super().__init__(name=name, dtype=dtype)
        self._fn = fn
        self._fn_kwargs = kwargs
        home = registry.home_of(fn) or registry.home_of(type(fn))
        if home is not None and home[0] == "losses" and type(self)._direction is None:
            self._direction = "down"

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        mask = noted(y_pred, "mask")
        weighted = are_weights(sample_weight) or mask is not None
        values = self.values(y_true, y_pred)
        if weighted and self.counting == "weighted":
            self._take_batch(values, sample_weight, mask)
            return
        weight = None if sample_weight is None else jnp.asarray(sample_weight, self.dtype)
        masks = [mask, noted(values, "mask") if weighted else None]
        for found in masks:
            if found is not None:
                found = jnp.asarray(found, self.dtype)
                weight = found if weight is None else multiply_weights(weight, found)
        if weight is not None and not weighted:
            weight = mark_padding(jnp.asarray(weight))
        super().update_state(values, sample_weight=weight)

    def _take_batch(self, values: Array, sample_weight: TensorLike | None, mask: TensorLike | None) -> None:
        """Takes in the measure of one batch, which counts with the number of its samples."""
        valid: Array | None = None
        if sample_weight is not None:
            valid = noted(sample_weight, "valid")
            if not are_weights(sample_weight):
                valid, sample_weight = jnp.asarray(sample_weight), None
        if mask is not None:
            mask = jnp.asarray(mask)
            if mask.ndim > values.ndim:
                # One number for each sample, or for the batch, counts in all of its steps.
                values = jnp.reshape(values, (*values.shape, *[1] * (mask.ndim - values.ndim)))
                values = jnp.broadcast_to(values, mask.shape)
        rows = values.shape[0] if valid is None else jnp.sum(valid)
        measure = reduce_values(values, "sum_over_batch_size", sample_weight, mask, valid, self, self.counting)
        self.total.assign_add(measure * rows)
        self.count.assign_add(rows)

    @property
    def mixes_samples(self) -> bool:  # type: ignore[override]
        return self._fn.mixes_samples if isinstance(self._fn, Loss) else function_mixes_samples(self._fn)

    @property
    def fn(self) -> Callable[..., Any]:
        """The function."""
        return self._fn

    def values(self, y_true: TensorLike, y_pred: TensorLike) -> Array:
        """The function's value for each sample."""
        fn = self._fn
        if isinstance(fn, Loss) and type(fn).__call__ is Loss.__call__ and fn.reduction != "sum":
            return as_values(fn.call(fn._convert(y_true), convert(y_pred, fn.dtype)), self.dtype, self)
        return as_values(self._call(y_true, y_pred), self.dtype, self)

    def _call(self, y_true: TensorLike, y_pred: TensorLike) -> Array:
        return self._fn(y_true, y_pred, **{name: getattr(self, name) for name in self._passed}, **self._fn_kwargs)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if type(self) is MeanMetricWrapper:
            config |= {"fn": serialize_keras_object(self._fn), **serialize_keras_object(self._fn_kwargs)}
            config.pop("kwargs", None)
        return config


def prepare(y_true: TensorLike, y_pred: TensorLike, dtype: DTypeLike | None = None) -> tuple[Any, Any]:
    """Arrays of one dtype, the predictions' unless said otherwise, and of one rank."""
    y_pred = as_array(y_pred) if dtype is None else jnp.asarray(y_pred, dtype)
    return fit_ranks(jnp.asarray(y_true, y_pred.dtype), y_pred)
