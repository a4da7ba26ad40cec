"""`tf.losses` of TensorFlow 1: each gives one number, a mean of what has a weight; a loss of Keras gives one a sample."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from kerata.base.checks import check_choice
from kerata.engine.types import Array
from kerata.legacy.tensorflow.calls import Function, ints
from kerata.legacy.tensorflow.nn import sigmoid_loss, softmax_loss, sparse_loss
from kerata.legacy.tensorflow.types import Ints, float32


class Reduction:
    """`tf.losses.Reduction`: what becomes of the losses of all elements."""

    NONE, SUM, MEAN = "none", "weighted_sum", "weighted_mean"
    SUM_OVER_BATCH_SIZE, SUM_OVER_NONZERO_WEIGHTS = "weighted_sum_over_batch_size", "weighted_sum_by_nonzero_weights"
    SUM_BY_NONZERO_WEIGHTS = SUM_OVER_NONZERO_WEIGHTS

    @classmethod
    def all(cls) -> tuple[str, ...]:
        return cls.NONE, cls.SUM, cls.MEAN, cls.SUM_OVER_BATCH_SIZE, cls.SUM_BY_NONZERO_WEIGHTS


def share(total: Array, count: Array) -> Array:
    return jnp.where(count == 0, 0, total / jnp.where(count == 0, 1, count))


def reduced(losses: ArrayLike, weights: ArrayLike, reduction: str) -> Array:
    """Losses of elements under weights, as one number.

    Args:
        losses: of any shape.
        weights: one for all, or as many axes as the losses have, of their sizes or of 1.
        reduction: of `Reduction`.
    """
    losses, weights = jnp.asarray(losses), jnp.asarray(weights).astype(jnp.asarray(losses).dtype)
    check_choice("tf.losses", "reduction", reduction, Reduction.all())
    if weights.ndim not in (0, losses.ndim) or any(n not in (1, m) for n, m in zip(weights.shape, losses.shape, strict=False)):
        raise ValueError(
            f"tf.losses: weights can not be broadcast to values. values.shape={losses.shape}. weights.shape={weights.shape}."
        )
    weighed = losses * weights
    spread = jnp.broadcast_to(weights, losses.shape)
    if reduction == Reduction.NONE:
        return weighed
    total = jnp.sum(weighed)
    if reduction == Reduction.MEAN:
        return share(total, jnp.sum(spread))
    if reduction == Reduction.SUM_OVER_BATCH_SIZE:
        return share(total, jnp.asarray(losses.size, losses.dtype))
    return total if reduction == Reduction.SUM else share(total, jnp.sum(spread != 0).astype(losses.dtype))


def floats(labels: ArrayLike, predictions: ArrayLike) -> tuple[Array, Array]:
    found = jnp.asarray(labels, jnp.float32), jnp.asarray(predictions, jnp.float32)
    if found[0].shape != found[1].shape:
        raise ValueError(f"Shapes {found[0].shape} and {found[1].shape} are incompatible")
    return found


def of_pairs(compute: Callable[..., Array], beside: int = 0) -> Callable[..., Array]:
    """A loss of labels and predictions of one shape, with some arguments behind the weights."""

    def call(labels: ArrayLike, predictions: ArrayLike, weights: ArrayLike, *args: object) -> Array:
        reduction = str(args[-1])
        return reduced(compute(*floats(labels, predictions), *args[:beside]), weights, reduction)

    return call


def logarithmic(labels: Array, predictions: Array, epsilon: float) -> Array:
    return -labels * jnp.log(predictions + epsilon) - (1 - labels) * jnp.log(1 - predictions + epsilon)


def huber(labels: Array, predictions: Array, delta: float) -> Array:
    error = jnp.abs(predictions - labels)
    square = jnp.minimum(error, delta)
    return 0.5 * square**2 + delta * (error - square)


def of_signs(labels: Array, logits: Array) -> Array:
    return jax.nn.relu(1 - (2 * labels - 1) * logits)


def of_sigmoid(labels: Array, logits: Array, smoothing: float) -> Array:
    return sigmoid_loss(labels * (1 - smoothing) + 0.5 * smoothing, logits)


def of_softmax(labels: ArrayLike, logits: ArrayLike, weights: ArrayLike, smoothing: float, *rest: str) -> Array:
    labels, logits = floats(labels, logits)
    smoothed = labels * (1 - smoothing) + smoothing / labels.shape[-1]
    losses = softmax_loss(lax.stop_gradient(smoothed), logits, -1)
    return reduced(losses, without_last(weights, losses), rest[-1])


def of_classes(labels: ArrayLike, logits: ArrayLike, weights: ArrayLike, *rest: str) -> Array:
    labels, logits = jnp.asarray(labels), jnp.asarray(logits)
    losses = sparse_loss(labels[..., 0] if labels.ndim == logits.ndim else labels, logits)
    return reduced(losses, without_last(weights, losses), rest[-1])


def without_last(weights: ArrayLike, losses: Array) -> Array:
    """Weights, without a last axis of 1 that losses do not have."""
    weights = jnp.asarray(weights)
    return weights[..., 0] if weights.ndim == losses.ndim + 1 and weights.shape[-1] == 1 else weights


def cosine(labels: ArrayLike, predictions: ArrayLike, axis: Ints, weights: ArrayLike, *rest: str) -> Array:
    labels, predictions = floats(labels, predictions)
    return reduced(1 - jnp.sum(labels * predictions, ints(axis), keepdims=True), weights, rest[-1])


def of_differences(labels: ArrayLike, predictions: ArrayLike, weights: ArrayLike, *rest: str) -> Array:
    """Squares of differences between the errors of all pairs of elements of a sample, on average; summed over samples."""
    labels, predictions = floats(labels, predictions)
    errors = predictions - labels
    axes, count = tuple(range(1, errors.ndim)), jnp.asarray(errors[0].size, errors.dtype)
    squares = jnp.sum(jnp.square(errors), axes, keepdims=True)
    sums = jnp.sum(errors, axes, keepdims=True)
    found = 2 * share(squares, jnp.maximum(count - 1, 0)) - 2 * share(jnp.square(sums), count * (count - 1))
    return jnp.sum(found * jnp.asarray(weights, errors.dtype))


_REST = f"scope=None, loss_collection='losses', reduction={Reduction.SUM_BY_NONZERO_WEIGHTS!r}"
_ROWS: dict[str, tuple[str, Callable[..., Array]]] = {
    "absolute_difference": (f"labels, predictions, weights=1.0, {_REST}", of_pairs(lambda a, b: jnp.abs(a - b))),
    "mean_squared_error": (f"labels, predictions, weights=1.0, {_REST}", of_pairs(lambda a, b: jnp.square(a - b))),
    "log_loss": (f"labels, predictions, weights=1.0, epsilon=1e-7, {_REST}", of_pairs(logarithmic, 1)),
    "huber_loss": (f"labels, predictions, weights=1.0, delta=1.0, {_REST}", of_pairs(huber, 1)),
    "hinge_loss": (f"labels, logits, weights=1.0, {_REST}", of_pairs(of_signs)),
    "sigmoid_cross_entropy": (f"multi_class_labels, logits, weights=1.0, label_smoothing=0, {_REST}", of_pairs(of_sigmoid, 1)),
    "softmax_cross_entropy": (f"onehot_labels, logits, weights=1.0, label_smoothing=0, {_REST}", of_softmax),
    "sparse_softmax_cross_entropy": (f"labels, logits, weights=1.0, {_REST}", of_classes),
    "cosine_distance": (f"labels, predictions, axis=None, weights=1.0, {_REST}", cosine),
    "mean_pairwise_squared_error": ("labels, predictions, weights=1.0, scope=None, loss_collection='losses'", of_differences),
    "compute_weighted_loss": (
        f"losses, weights=1.0, {_REST}",
        lambda losses, weights, *rest: reduced(losses, weights, rest[-1]),
    ),
}
LOSSES: dict[str, object] = {
    name: Function(f"losses.{name}", signature, compute, gives=float32) for name, (signature, compute) in _ROWS.items()
}
LOSSES["Reduction"] = Reduction
