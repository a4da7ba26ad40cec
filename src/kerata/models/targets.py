"""Targets, looked at before anything is compiled: shapes, the range of labels, numbers that are none."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from kerata import losses
from kerata.base.checks import message
from kerata.losses.loss import Loss


def check_targets(objective: Any, y_true: Any, y_pred: Any) -> None:
    """Raises for targets that a loss cannot take: wrong shapes, labels out of range, NaN.

    Args:
        objective: the `CompiledLoss`.
        y_true: targets on the host.
        y_pred: predictions, symbolic or as shapes.
    """
    objective.build(y_true, y_pred)
    predictions = jax.tree.leaves(y_pred)
    for term, target in zip(objective.terms, objective.targets(y_true, y_pred), strict=True):
        where = f"y ({term.name})"
        labels = np.asarray(target)
        if labels.dtype.kind not in "biuf" and labels.dtype.kind != "V":  # bfloat16 is of kind V
            raise TypeError(message(where, "targets must be numbers", {"dtype": labels.dtype}))
        check_finite(where, labels)
        function = getattr(term.loss, "fn", None)
        for functions, check in CHECKS:
            if function in functions:
                check(where, term.loss, labels, tuple(predictions[term.place].shape))


def check_finite(where: str, labels: np.ndarray) -> None:
    """Raises where a float is NaN or infinite."""
    if labels.dtype.kind in "biu" or np.isfinite(np.sum(labels, dtype=np.float64)):
        return
    wrong = np.argwhere(~np.isfinite(labels.astype(np.float64)))
    if len(wrong):
        raise ValueError(message(where, "targets must be finite numbers",
                                 {"values that are not": len(wrong), "first at": tuple(map(int, wrong[0]))},
                                 "Drop or fill those samples"))


def _same_sizes(first: Sequence[Any], second: Sequence[Any]) -> bool:
    """Whether shapes agree beside the number of samples and what is not known."""
    pairs = zip(first[1:], second[1:], strict=True) if len(first) == len(second) else [(0, 1)]
    return all(m is None or n is None or m == n for m, n in pairs)


def _check_same(where: str, loss: Loss, labels: np.ndarray, shape: tuple[Any, ...]) -> None:
    true = labels.shape
    if len(shape) == len(true) + 1 and shape[-1] == 1:
        true = (*true, 1)
    elif len(true) == len(shape) + 1 and true[-1] == 1:
        true = true[:-1]
    if not _same_sizes(true, shape):
        fix = ""
        if loss.fn in BINARY and len(shape) > 1 and shape[-1] not in (1, None):  # type: ignore[attr-defined]
            fix = f"For {shape[-1]} classes use sparse_categorical_crossentropy; for two classes, one output"
        raise ValueError(message(where, f"targets of {loss.name} must have the shape of the predictions, {shape}",
                                 {"shape": labels.shape}, fix))


def _check_one_hot(where: str, loss: Loss, labels: np.ndarray, shape: tuple[Any, ...]) -> None:
    true = labels.shape
    if _same_sizes(true, shape):
        return
    integers = len(true) == len(shape) - 1 or (len(true) == len(shape) and true[-1] == 1)
    fix = "For integer labels use sparse_categorical_crossentropy, or kerata.utils.to_categorical" if integers else ""
    raise ValueError(message(where, f"targets of {loss.name} must be one-hot, of the predictions' shape, {shape}",
                             {"shape": true}, fix))


def _check_integers(where: str, loss: Loss, labels: np.ndarray, shape: tuple[Any, ...]) -> None:
    axis = getattr(loss, "axis", -1) % len(shape)
    sizes, classes = (*shape[:axis], *shape[axis + 1 :]), shape[axis]
    true = labels.shape
    if not _same_sizes(true, sizes) and not (len(true) == len(shape) and true[axis] == 1):
        fix = "For one-hot labels use categorical_crossentropy" if _same_sizes(true, shape) else ""
        raise ValueError(message(where, f"targets of {loss.name} must be integers of shape {sizes}",
                                 {"shape": true}, fix))
    ignored = getattr(loss, "ignore_class", None)
    counted = labels if ignored is None else labels[labels != ignored]
    if counted.size == 0:
        return
    if counted.dtype.kind not in "biu" and np.any(counted != np.floor(counted)):
        raise ValueError(message(where, f"targets of {loss.name} must be whole numbers", {"dtype": labels.dtype},
                                 "For probabilities of classes use categorical_crossentropy"))
    low, high = int(counted.min()), int(counted.max())
    if low < 0 or (classes is not None and high >= classes):
        fix = "Number the classes from 0"
        if classes is not None and low >= 1 and high == classes:
            fix = "The labels start at 1: subtract 1"
        elif classes is not None and low >= 0:
            fix = f"The output needs {high + 1} units for labels up to {high}"
        if classes == 1 and high <= 1:
            fix = "For one output use binary_crossentropy"
        raise ValueError(message(where, f"labels must be at least 0 and below the number of classes, {classes}",
                                 {"lowest": low, "highest": high}, fix))


def _check_binary(where: str, loss: Loss, labels: np.ndarray, shape: tuple[Any, ...]) -> None:
    _check_same(where, loss, labels, shape)
    if labels.size and (labels.min() < 0 or labels.max() > 1):
        fix = "Map -1 and 1 to 0 and 1, or use hinge" if labels.min() == -1 and labels.max() == 1 else ""
        raise ValueError(message(where, f"targets of {loss.name} must be between 0 and 1",
                                 {"lowest": labels.min().item(), "highest": labels.max().item()}, fix))


BINARY = (losses.binary_crossentropy, losses.binary_focal_crossentropy)
CHECKS: list[tuple[tuple[Any, ...], Callable[..., None]]] = [
    ((losses.categorical_crossentropy, losses.categorical_focal_crossentropy, losses.categorical_hinge,
      losses.kl_divergence), _check_one_hot),
    ((losses.sparse_categorical_crossentropy, losses.categorical_generalized_cross_entropy), _check_integers),
    (BINARY, _check_binary),
    ((losses.mean_squared_error, losses.mean_absolute_error, losses.mean_absolute_percentage_error,
      losses.mean_squared_logarithmic_error, losses.cosine_similarity, losses.huber, losses.log_cosh, losses.poisson,
      losses.hinge, losses.squared_hinge, losses.dice, losses.tversky), _check_same),
]  # fmt: skip
