"""The base of all losses, and how values become one number: reductions, sample weights, masks."""

import inspect
from collections.abc import Callable
from typing import Any, Self, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from kerata.base import config, registry
from kerata.base.checks import KindError, did_you_mean, message
from kerata.base.registry import builtin
from kerata.base.serialization import deserialize_keras_object, resolve, serialize_keras_object
from kerata.base.types import DTypeLike, Owner, like_sequence
from kerata.engine.module import Module
from kerata.engine.naming import name_measure
from kerata.engine.policy import standardize_policy
from kerata.engine.scope import note, noted
from kerata.engine.types import Array, TensorLike, Tree

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)
# Reductions of earlier versions: "auto" was the default, and meant the mean.
FORMER_REDUCTIONS = {"auto": "sum_over_batch_size"}

A = TypeVar("A", bound=TensorLike)
B = TypeVar("B", bound=TensorLike)


@builtin("losses")
class Loss(Module):
    """One number that says how far predictions are from the truth.

    A loss of your own defines `call(y_true, y_pred)`, one value for each sample:

    >>> import numpy as np, kerata
    >>> class Cubic(kerata.losses.Loss):
    ...     def call(self, y_true, y_pred):
    ...         return abs(y_true - y_pred).sum(axis=-1) ** 3
    >>> float(Cubic()(np.zeros((2, 1)), np.ones((2, 1))))
    1.0

    Args:
        name: a name for messages and logs.
        reduction: `"sum_over_batch_size"` or `"mean"` (the sum over the number of values), `"sum"`,
            `"mean_with_sample_weight"` (the sum over the sum of weights), or `"none"`.
        dtype: the type of the computation, `floatx()` by default.
    """

    # Whether a sample's value depends on the other samples of its batch.
    mixes_samples = False
    # Whether each sample counts in the mean of its batch; false where a label says that it does not.
    counts_all = True
    # What targets must look like, so that they are checked before anything is compiled: "numbers" in the predictions' shape,
    # "binary" numbers from 0 to 1 in it, "one-hot" vectors, or "classes", integers; `None` where nothing is known of them.
    target_form: str | None = None

    def __init__(self, name=None, reduction="sum_over_batch_size", dtype=None):
        self.name = name or name_measure(registry.snake(type(self).__name__))
        reduction = FORMER_REDUCTIONS.get(reduction, reduction) if isinstance(reduction, str) else reduction
        if reduction not in REDUCTIONS:
            raise ValueError(
                message(
                    type(self),
                    "Invalid value for argument `reduction`",
                    {"reduction": reduction},
                    did_you_mean(reduction, [name for name in REDUCTIONS if name]),
                )
            )
        self.reduction = reduction
        self._dtype = standardize_policy(dtype or config.floatx()).compute_dtype

    @property
    def dtype(self) -> str:
        return self._dtype

    def call(self, y_true: Array, y_pred: Array) -> Array:
        """One value for each sample."""
        raise NotImplementedError(message(self, "a loss must define `call(y_true, y_pred)`"))

    def __call__(self, y_true: Tree, y_pred: Tree, sample_weight: TensorLike | None = None) -> Array:
        """The reduced loss.

        Args:
            y_true, y_pred: arrays of shape (batch, ...).
            sample_weight: weights of shape (batch,) or of the values' shape.
        """
        return self.over_valid(y_true, y_pred, sample_weight)

    def over_valid(
        self,
        y_true: "Tree | TensorLike",
        y_pred: "Tree | TensorLike",
        sample_weight: TensorLike | None = None,
        valid: Array | None = None,
    ) -> Array:
        """The reduced loss of the samples whose `valid`, of shape (batch,), is not 0, as if there were no others.

        The other rows hold copies of one of those: a pair of prediction and target that is not there might have no gradient.
        """
        mask = noted(y_pred, "mask")
        values = self.call(self._convert(y_true), convert(y_pred, self._dtype))
        found = noted(values, "mask")
        mask = found if mask is None else mask if found is None else combine_masks(mask, found)
        values = as_values(values, self._dtype, self)
        return reduce_values(values, self.reduction, sample_weight, mask, valid, self, self.counting)

    # What the sum is divided by: the values that a mask keeps; "all" of them, as in Keras 2.3; or, as before it, those
    # kept times the share of the weights that are not 0, "weighted".
    counting = "kept"
    # Whether without a reduction it is trained on the sum of its values, and shown as their mean.
    adds_up = False

    @property
    def takes_whole_numbers(self) -> bool:
        """Whether targets that are whole numbers stay what they are; otherwise all targets have the dtype of the loss."""
        return False

    def _convert(self, y_true: object) -> Any:
        if self.takes_whole_numbers and isinstance(y_true, jax.Array) and not jnp.issubdtype(y_true.dtype, jnp.inexact):
            return y_true
        return convert(y_true, self._dtype)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data; the dtype where it is not the default."""
        common = {"name": self.name, "reduction": self.reduction}
        if type(self).__init__ is Loss.__init__:
            return common
        own = {k: v for k, v in super().get_config().items() if k not in ("name", "reduction", "dtype")}
        return common | own | ({"dtype": self.dtype} if self.dtype != config.floatx() else {})

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        if registry.home_of(cls) is None:
            known = inspect.signature(cls.__init__).parameters
            if not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in known.values()):
                config = {k: v for k, v in config.items() if k in known or k not in ("name", "reduction", "dtype")}
        return super().from_config(config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


@builtin("losses")
class LossFunctionWrapper(Loss):
    """A loss from a function of (y_true, y_pred) that gives one value for each sample.

    What is known of a built-in function stands where it is entered: `@builtin("losses", target_form="numbers")`.

    Args:
        fn: the function.
        reduction, name, dtype: as in `Loss`.
        **kwargs: passed to the function.
    """

    # Names of attributes that the function takes as arguments.
    _passed: tuple[str, ...] = ()
    # In messages a function is called by its own name.
    _called = "loss"

    def __init__(self, fn, reduction="sum_over_batch_size", name=None, dtype=None, **kwargs):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.fn = fn
        self._fn_kwargs = kwargs

    @property
    def mixes_samples(self) -> bool:  # type: ignore[override]
        return function_mixes_samples(self.fn)

    @property
    def takes_whole_numbers(self) -> bool:
        return getattr(self.fn, "takes_whole_numbers", False)

    @property
    def target_form(self) -> str | None:  # type: ignore[override]
        return registry.fact(self.fn, "target_form")

    def call(self, y_true: Array, y_pred: Array) -> Array:
        if hasattr(y_true, "shape") and hasattr(y_pred, "shape"):
            y_true, y_pred = fit_ranks(y_true, y_pred)
        return self.fn(y_true, y_pred, **{name: getattr(self, name) for name in self._passed}, **self._fn_kwargs)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if type(self) is LossFunctionWrapper:
            config |= {"fn": serialize_keras_object(self.fn), **serialize_keras_object(self._fn_kwargs)}
        return config


def function_mixes_samples(function: Callable[..., Any]) -> bool:
    """Whether a function of (y_true, y_pred) looks at several samples at once; a user's own may."""
    return registry.home_of(function) is None or registry.fact(function, "mixes_samples", False)


# Arrays


def as_array(value: TensorLike) -> Array:
    """An array from an array, a variable or nested lists of numbers; the same object if it is one of JAX's."""
    return value if isinstance(value, jax.Array) else jnp.asarray(value)


def as_values(values: object, dtype: DTypeLike, owner: Owner) -> Array:
    """What a function of (y_true, y_pred) gave, as an array; an error with its name where it is no array of numbers."""
    try:
        return jnp.asarray(values, dtype)
    except (TypeError, ValueError) as error:
        # What an array of a program says of itself is said by whoever called the function.
        if isinstance(values, (jax.Array, np.ndarray)):
            raise
        fix = "End it with `return ...`" if values is None else "Call it: a loss is a number, an object is not"
        fix = fix if values is None or callable(values) else ""
        raise KindError(
            message(owner, "it must give numbers: one in all, or one for each sample", {"returned": values}, fix)
        ) from error


def convert(value: object, dtype: DTypeLike) -> Any:
    """The array, or a structure of arrays, in a dtype. The logits that it was computed from stay noted."""
    if isinstance(value, dict):
        return {key: convert(item, dtype) for key, item in value.items()}
    if isinstance(value, (list, tuple)) and any(np.ndim(leaf) for leaf in jax.tree.leaves(value)):
        return like_sequence(value, [convert(item, dtype) for item in value])
    array = jnp.asarray(value, dtype)
    if array is not value:
        carry_logits(value, array, lambda logits: logits.astype(dtype))
    return array


def carry_logits(source: object, target: Array, change: Callable[[Any], Any]) -> None:
    """Notes on `target` the logits of `source`, changed alike."""
    found = noted(source, "logits")
    if found is not None:
        note(target, "logits", (found[0], change(found[1])))


def fit_ranks(y_true: A, y_pred: B) -> tuple[A | Array, B | Array]:
    """Both with the same number of dimensions, where they differ by one axis of size 1 at the end."""
    true_shape, pred_shape = np.shape(y_true), np.shape(y_pred)
    if len(pred_shape) == len(true_shape) + 1 and pred_shape[-1] == 1:
        if len(true_shape) == 1:
            return as_array(y_true)[..., None], y_pred
        squeezed = as_array(y_pred)[..., 0]
        found = noted(y_pred, "logits")
        if found is not None and found[0] == "sigmoid":
            note(squeezed, "logits", ("sigmoid", found[1][..., 0]))
        return y_true, squeezed
    if len(true_shape) == len(pred_shape) + 1 and true_shape[-1] == 1:
        if len(pred_shape) == 1:
            expanded = as_array(y_pred)[..., None]
            carry_logits(y_pred, expanded, lambda logits: logits[..., None])
            return y_true, expanded
        return as_array(y_true)[..., 0], y_pred
    return y_true, y_pred


def fit_rows(rows: Array, ndim: int) -> Array:
    """A vector of one number a sample, with axes of size 1 up to `ndim`."""
    return jnp.reshape(rows, (-1, *[1] * (ndim - 1)))


def fit_weight(weight: Array, values: Array, owner: Owner, name: str = "sample_weight") -> Array:
    """Weights with as many dimensions as the values: (batch,) counts for everything in a sample."""
    if values.ndim and weight.ndim == values.ndim + 1 and weight.shape[-1] == 1:
        weight = weight[..., 0]
    if 0 < weight.ndim < values.ndim:
        weight = jnp.reshape(weight, (*weight.shape, *[1] * (values.ndim - weight.ndim)))
    fits = weight.ndim == values.ndim and all(m in (1, n) for m, n in zip(weight.shape, values.shape, strict=True))
    if values.ndim and weight.ndim and not fits:
        raise ValueError(
            message(owner, f"`{name}` must have shape (batch,) or that of the values, {values.shape}", {"shape": weight.shape})
        )
    return weight


def combine_masks(first: TensorLike, second: TensorLike) -> Array:
    """True where both are."""
    first, second = jnp.asarray(first, bool), jnp.asarray(second, bool)
    low, high = sorted((first, second), key=lambda mask: mask.ndim)
    return jnp.reshape(low, (*low.shape, *[1] * (high.ndim - low.ndim))) & high


def divide_no_nan(x: Array, y: Array) -> Array:
    """x / y, and 0 where y is 0."""
    zero = y == 0
    return jnp.where(zero, 0, x / jnp.where(zero, 1, y))


def reduce_values(
    values: Array,
    reduction: str | None,
    sample_weight: TensorLike | None = None,
    mask: TensorLike | None = None,
    valid: Array | None = None,
    owner: Owner = "loss",
    counting: str = "kept",
) -> Array:
    """Values of shape (batch, ...) as one number.

    A mask takes values out of a mean altogether; a weight of 0 leaves them in the number that the sum is divided by. See
    `Loss.counting` for older ways.
    """
    if values.ndim == 0 and sample_weight is None and mask is None:
        return values
    weight = None
    if sample_weight is not None:
        weight = fit_weight(jnp.asarray(sample_weight, values.dtype), values, owner)
        if counting == "weighted":
            weight = weight / share_of_weights(weight, valid)
    kept = None
    if mask is not None:
        kept = fit_weight(jnp.asarray(mask, bool), values, owner, "mask")
        weight = kept.astype(values.dtype) if weight is None else weight * kept
    if weight is not None:
        values = values * weight
    if valid is not None:
        if values.shape[:1] != valid.shape:
            raise ValueError(message(owner, "there must be a value for each sample", {"shape": values.shape}))
        rows = fit_rows(valid, values.ndim) > 0
        values = jnp.where(rows, values, 0)
        kept = None if kept is None else kept & rows
        weight = None if weight is None else jnp.where(rows, weight, 0)
    if reduction in (None, "none"):
        return values
    total = jnp.sum(values)
    if reduction == "sum":
        return total
    if reduction == "mean_with_sample_weight" and weight is not None:
        return divide_no_nan(total, jnp.sum(jnp.broadcast_to(weight, values.shape)))
    if kept is not None and counting != "all":
        counted = jnp.sum(jnp.broadcast_to(kept, values.shape), dtype=values.dtype)
        return total / jnp.maximum(counted, 1)
    if valid is not None:
        return total / (values.size // values.shape[0] * jnp.maximum(jnp.sum(valid), 1).astype(values.dtype))
    return total / max(values.size, 1)


def share_of_weights(weight: Array, valid: Array | None) -> Array:
    """Which share of the weights is not 0, of the rows that are there; 1 where all are 0, or where there is one weight."""
    if weight.ndim == 0:
        return jnp.ones((), weight.dtype)
    rows = jnp.ones(weight.shape[:1], weight.dtype) if valid is None else (valid > 0).astype(weight.dtype)
    rows = jnp.broadcast_to(fit_rows(rows, weight.ndim), weight.shape)
    share = jnp.sum(rows * (weight != 0)) / jnp.maximum(jnp.sum(rows), 1)
    return jnp.where(share > 0, share, 1)


def added_up(values: Array, valid: Array | None) -> Array:
    """The mean of values of shape (batch, ...), whose slope is that of their sum."""
    total = jnp.sum(values)
    rows = values.shape[0] if valid is None else jnp.maximum(jnp.sum(valid), 1)
    mean = total / (values.size // values.shape[0] * rows)
    return jax.lax.stop_gradient(mean) + (total - jax.lax.stop_gradient(total))


# By name


def get(identifier: object) -> "Loss | Callable[..., Any] | None":
    """A loss or loss function from a name, a config, a class or an object.

    >>> get("mse").__name__, type(get("MeanSquaredError")).__name__
    ('mean_squared_error', 'MeanSquaredError')
    """
    return resolve("losses", identifier, "losses.get", "identifier")


def serialize(loss: object) -> dict[str, Any] | str | None:
    """Plain data for a loss or loss function."""
    return serialize_keras_object(loss)


def deserialize(name: object, custom_objects: dict[str, Any] | None = None) -> "Loss | Callable[..., Any] | None":
    """The loss that a config or a name describes."""
    with registry.CustomObjectScope(custom_objects or {}):
        return get(name) if isinstance(name, (str, dict)) else deserialize_keras_object(name)
