"""The area under a curve of two rates over all thresholds."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kerata.base import config
from kerata.base.checks import check_number, message
from kerata.base.limits import NUMBER_BYTES, take_bytes
from kerata.base.types import Shape
from kerata.engine.types import Array, TensorLike
from kerata.losses.loss import divide_no_nan
from kerata.metrics.confusion import NAMES, check_count, count_confusion
from kerata.metrics.metric import Metric, entered


@entered()
class AUC(Metric):
    """The area under the ROC curve (recall over false positive rate), or under the curve of precision over recall.

    Counts are kept for a number of thresholds, so the area over many batches is that over all samples at once.

    Args:
        num_thresholds: how many thresholds between 0 and 1.
        curve: `"ROC"`, `"PR"` or `"PRGAIN"`.
        summation_method: `"interpolation"`, `"minoring"` or `"majoring"` (the lower or higher end of each piece).
        thresholds: the thresholds themselves, between 0 and 1.
        multi_label: whether each label gets a curve of its own, and the areas are averaged.
        num_labels: their number.
        label_weights: their weights in the average; without `multi_label`, in the counts.
        from_logits: whether predictions are what a sigmoid would take.

    Source: Davis and Goadrich, The Relationship Between Precision-Recall and ROC Curves, 2006 (interpolation of PR);
    Flach and Kull, Precision-Recall-Gain Curves, 2015.

    >>> float(AUC(num_thresholds=3)([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9]))
    0.75
    """

    _direction = "up"

    def __init__(
        self,
        num_thresholds=200,
        curve="ROC",
        summation_method="interpolation",
        name=None,
        dtype=None,
        thresholds=None,
        multi_label=False,
        num_labels=None,
        label_weights=None,
        from_logits=False,
    ):
        super().__init__(name=name, dtype=dtype)
        self.curve, self.summation_method = str(curve).upper(), str(summation_method).lower()
        for what, given, read, known in (
            ("curve", curve, self.curve, tuple(CURVES)),
            ("summation method", summation_method, self.summation_method, METHODS),
        ):
            if read not in known:
                raise ValueError(message(self, f'Invalid AUC {what} value: "{given}". Expected one of {known}'))
        self.init_thresholds = None if thresholds is None else sorted(float(t) for t in thresholds)
        if self.init_thresholds is not None:
            inner = [check_number(self, "thresholds", t, 0.0, 1.0) for t in self.init_thresholds]
        else:
            num_thresholds = check_count(self, num_thresholds, above=1)
            take_bytes(NUMBER_BYTES * num_thresholds, num_thresholds=num_thresholds)
            inner = [(i + 1) / (num_thresholds - 1) for i in range(num_thresholds - 2)]
        self._thresholds = [-config.epsilon(), *inner, 1.0 + config.epsilon()]
        self.num_thresholds = len(self._thresholds)
        if num_labels and not multi_label:
            raise ValueError(message(self, "`num_labels` needs `multi_label=True`", {"num_labels": num_labels}))
        self.multi_label, self.num_labels = multi_label, num_labels
        self.label_weights = None if label_weights is None else [float(w) for w in np.ravel(label_weights)]
        self.from_logits = from_logits
        self.built = False
        if not multi_label or num_labels:
            self.build(None, (0, num_labels or 0))

    @property
    def thresholds(self) -> list[float]:
        return list(self._thresholds)

    def build(self, y_true_shape: Shape | None, y_pred_shape: Shape) -> None:
        """Makes the counts."""
        if self.multi_label and len(y_pred_shape) != 2:
            raise ValueError(
                message(
                    self, "with `multi_label=True` predictions must have shape (batch, labels)", {"y_pred.shape": y_pred_shape}
                )
            )
        shape = (self.num_thresholds, y_pred_shape[1]) if self.multi_label else (self.num_thresholds,)
        self.true_positives, self.false_positives, self.true_negatives, self.false_negatives = (
            self._add_zeros(NAMES[key], shape, config.floatx()) for key in ("tp", "fp", "tn", "fn")
        )
        self.built = True

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        if not self.built:
            self.build(np.shape(y_true), np.shape(y_pred))
        if self.from_logits:
            y_pred = jax.nn.sigmoid(jnp.asarray(y_pred, self.dtype))
        found = count_confusion(
            y_true,
            y_pred,
            self._thresholds,
            sample_weight,
            multi_label=self.multi_label,
            owner=self,
            label_weights=None if self.multi_label else self.label_weights,
            dtype=config.floatx(),
        )
        for key, value in found.items():
            getattr(self, NAMES[key]).assign_add(value)

    def result(self) -> Array:
        if not self.built:
            return jnp.zeros((), self.dtype)
        tp, fp, tn, fn = (getattr(self, NAMES[key]).value for key in ("tp", "fp", "tn", "fn"))
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self.interpolate_pr_auc()
        x, y = CURVES[self.curve](tp, fp, tn, fn)
        if self.summation_method == "interpolation":
            heights = (y[:-1] + y[1:]) / 2.0
        elif self.summation_method == "minoring":
            heights = jnp.minimum(y[:-1], y[1:])
        else:
            heights = jnp.maximum(y[:-1], y[1:])
        return self._average((x[:-1] - x[1:]) * heights)

    def interpolate_pr_auc(self) -> Array:
        """The area under precision over recall, where true positives are a line of all positives between thresholds.

        Source: Davis and Goadrich, 2006.
        """
        tp, fp, fn = (getattr(self, NAMES[key]).value for key in ("tp", "fp", "fn"))
        return self._average(_interpolated_pieces(tp, fp, fn))

    def _average(self, pieces: Array) -> Array:
        if not self.multi_label:
            return jnp.sum(pieces)
        areas = jnp.sum(pieces, axis=0)
        if self.label_weights is None:
            return jnp.mean(areas)
        weights = jnp.asarray(self.label_weights, areas.dtype)
        return divide_no_nan(jnp.sum(areas * weights), jnp.sum(weights))

    def get_config(self) -> dict[str, Any]:
        config = {k: v for k, v in super().get_config().items() if k != "thresholds"}
        return config if self.init_thresholds is None else {**config, "thresholds": self.init_thresholds}


def _interpolated_pieces(tp: Array, fp: Array, fn: Array) -> Array:
    """Pieces of the area under precision over recall, where tp is a line of tp + fp between thresholds."""
    dtp = tp[:-1] - tp[1:]
    p = tp + fp
    dp = p[:-1] - p[1:]
    slope = divide_no_nan(dtp, jnp.maximum(dp, 0))
    start = tp[1:] - slope * p[1:]
    ratio = jnp.where((p[:-1] > 0) & (p[1:] > 0), divide_no_nan(p[:-1], jnp.maximum(p[1:], 0)), 1.0)
    return divide_no_nan(slope * (dtp + start * jnp.log(ratio)), jnp.maximum(tp[1:] + fn[1:], 0))


def _roc(tp: Array, fp: Array, tn: Array, fn: Array) -> tuple[Any, Any]:
    return divide_no_nan(fp, fp + tn), divide_no_nan(tp, tp + fn)


def _pr(tp: Array, fp: Array, tn: Array, fn: Array) -> tuple[Any, Any]:
    return divide_no_nan(tp, tp + fn), divide_no_nan(tp, tp + fp)


def _pr_gain(tp: Array, fp: Array, tn: Array, fn: Array) -> tuple[Any, Any]:
    scale = divide_no_nan(tp + fn, tn + fp)
    recall = jnp.where(tp == 0, 0.0, 1.0 - scale * divide_no_nan(fn, tp))
    precision = jnp.where(tp == 0, 1.0, 1.0 - scale * divide_no_nan(fp, tp))
    return jnp.maximum(recall, 0.0), precision


METHODS = ("interpolation", "minoring", "majoring")
CURVES = {"ROC": _roc, "PR": _pr, "PRGAIN": _pr_gain}
