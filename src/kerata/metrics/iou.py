"""Intersection over union, for segmentation: true positives / (true positives + false positives + false negatives)."""

import warnings

import jax.numpy as jnp

from kerata.base.checks import check_positive_int, message
from kerata.base.config import epsilon
from kerata.base.limits import NUMBER_BYTES, take_bytes
from kerata.engine.policy import standardize_policy
from kerata.engine.types import Array, TensorLike
from kerata.losses.loss import as_array
from kerata.metrics.metric import Metric, entered
from kerata.metrics.reduction import are_weights


@entered()
class IoU(Metric):
    """The mean over some classes of true positives / (true positives + false positives + false negatives).

    Args:
        num_classes: the number of classes.
        target_class_ids: the classes to average.
        ignore_class: a label that does not count.
        sparse_y_true, sparse_y_pred: whether labels and predictions are class numbers, or scores along `axis`.
        axis: the axis of the classes.

    >>> round(float(IoU(num_classes=2, target_class_ids=[0])([0, 0, 1, 1], [0, 1, 0, 1])), 4)
    0.3333
    """

    _direction = "up"

    # The type of its counts where none is given: in `tf.keras` fractions, which weights of samples make.
    counts_in: str | None = None

    def __init__(
        self,
        num_classes,
        target_class_ids,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_true=True,
        sparse_y_pred=True,
        axis=-1,
    ):
        super().__init__(name=name, dtype=dtype or self.counts_in or standardize_policy("int").compute_dtype)
        self.num_classes = check_positive_int(self, "num_classes", num_classes)
        take_bytes(NUMBER_BYTES * num_classes, num_classes=num_classes)
        self.target_class_ids = list(target_class_ids)
        if not all(0 <= i < num_classes for i in self.target_class_ids):
            raise ValueError(
                message(
                    self,
                    f"`target_class_ids` must be at least 0 and below {num_classes}",
                    {"target_class_ids": target_class_ids},
                )
            )
        self.ignore_class, self.axis = ignore_class, axis
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred
        self.total_cm = self._add_zeros("total_confusion_matrix", (num_classes, num_classes))

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        y_true, y_pred = as_array(y_true), as_array(y_pred)
        labels = y_true if self.sparse_y_true else jnp.argmax(y_true, axis=self.axis)
        predicted = y_pred if self.sparse_y_pred else jnp.argmax(y_pred, axis=self.axis)
        labels = labels.astype(jnp.int32)
        weight = jnp.ones((), self.dtype) if sample_weight is None else as_array(sample_weight)
        if are_weights(sample_weight) and "int" in self.dtype and jnp.issubdtype(weight.dtype, jnp.floating):
            warnings.warn(
                message(
                    self,
                    "weights are float and counts are int: casting cuts the weights to whole numbers",
                    {"dtype": self.dtype},
                    'Pass dtype="float32" to count fractions',
                ),
                stacklevel=2,
            )
        weight = weight.astype(self.dtype)
        if 0 < weight.ndim < labels.ndim:
            weight = jnp.reshape(weight, (*weight.shape, *[1] * (labels.ndim - weight.ndim)))
        weight = jnp.ravel(jnp.broadcast_to(weight, labels.shape) if weight.ndim <= labels.ndim else weight)
        labels, predicted = jnp.ravel(labels), jnp.ravel(predicted).astype(jnp.int32)
        inside = (labels >= 0) & (labels < self.num_classes) & (predicted >= 0) & (predicted < self.num_classes)
        if self.ignore_class is not None:
            inside &= labels != self.ignore_class
        place = jnp.where(inside, labels, 0), jnp.where(inside, predicted, 0)
        counts = jnp.zeros(self.total_cm.shape, self.dtype).at[place].add(jnp.where(inside, weight, 0))
        self.total_cm.assign_add(counts)

    def result(self) -> Array:
        matrix = self.total_cm.value
        both = jnp.diag(matrix)
        either = jnp.sum(matrix, axis=0) + jnp.sum(matrix, axis=1) - both
        chosen = jnp.asarray(self.target_class_ids)
        both, either = both[chosen].astype("float32"), either[chosen].astype("float32")
        present = either > 1e-9
        shares = jnp.where(present, both / (either + epsilon()), 0.0)
        return jnp.sum(shares) / (jnp.sum(present, dtype="float32") + epsilon())


@entered()
class BinaryIoU(IoU):
    """Intersection over union of two classes, from probabilities.

    Args:
        target_class_ids: the classes to average, of 0 and 1.
        threshold: from which a prediction counts as 1.
    """

    def __init__(self, target_class_ids=(0, 1), threshold=0.5, name=None, dtype=None):
        super().__init__(num_classes=2, target_class_ids=target_class_ids, name=name, dtype=dtype)
        self.threshold = threshold

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        above = jnp.asarray(y_pred, "float32") >= self.threshold
        super().update_state(y_true, above.astype(jnp.int32), sample_weight)


@entered()
class MeanIoU(IoU):
    """The mean intersection over union of all classes.

    Args:
        num_classes, ignore_class, sparse_y_true, sparse_y_pred, axis: as in `IoU`.
    """

    def __init__(self, num_classes, name=None, dtype=None, ignore_class=None, sparse_y_true=True, sparse_y_pred=True, axis=-1):
        super().__init__(num_classes, range(num_classes), name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)


@entered()
class OneHotIoU(IoU):
    """Intersection over union, for one-hot labels.

    Args:
        num_classes, target_class_ids, ignore_class, sparse_y_pred, axis: as in `IoU`.
    """

    def __init__(self, num_classes, target_class_ids, name=None, dtype=None, ignore_class=None, sparse_y_pred=False, axis=-1):
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)


@entered()
class OneHotMeanIoU(MeanIoU):
    """The mean intersection over union of all classes, for one-hot labels.

    Args:
        num_classes, ignore_class, sparse_y_pred, axis: as in `IoU`.
    """

    def __init__(self, num_classes, name=None, dtype=None, ignore_class=None, sparse_y_pred=False, axis=-1):
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)
