"""Measures of predicted probabilities, and of margins."""

from kerata import losses
from kerata.metrics.metric import entered
from kerata.metrics.reduction import MeanMetricWrapper


@entered("kld", "KLD", "kullback_leibler_divergence", "kl_divergence")
class KLDivergence(MeanMetricWrapper):
    """The mean of sum(y_true log(y_true / y_pred))."""

    _direction = "down"

    def __init__(self, name="kl_divergence", dtype=None):
        super().__init__(losses.kl_divergence, name, dtype)


@entered()
class Poisson(MeanMetricWrapper):
    """mean(y_pred - y_true log(y_pred))."""

    _direction = "down"

    def __init__(self, name="poisson", dtype=None):
        super().__init__(losses.poisson, name, dtype)


@entered("bce", "BCE")
class BinaryCrossentropy(MeanMetricWrapper):
    """mean(-y_true log(y_pred) - (1 - y_true) log(1 - y_pred)).

    >>> round(float(BinaryCrossentropy()([[0.0], [1.0]], [[0.5], [0.5]])), 4)
    0.6931
    """

    _direction = "down"
    _passed = ("from_logits", "label_smoothing")

    def __init__(self, name="binary_crossentropy", dtype=None, from_logits=False, label_smoothing=0):
        super().__init__(losses.binary_crossentropy, name, dtype)
        self.from_logits, self.label_smoothing = from_logits, label_smoothing


@entered()
class CategoricalCrossentropy(MeanMetricWrapper):
    """The mean of -sum(y_true log(y_pred)), for one-hot labels."""

    _direction = "down"
    _passed = ("from_logits", "label_smoothing", "axis")

    def __init__(self, name="categorical_crossentropy", dtype=None, from_logits=False, label_smoothing=0, axis=-1):
        super().__init__(losses.categorical_crossentropy, name, dtype)
        self.from_logits, self.label_smoothing, self.axis = from_logits, label_smoothing, axis


@entered()
class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """The mean of -log(y_pred[y_true]), for integer labels."""

    _direction = "down"
    _passed = ("from_logits", "ignore_class", "axis")

    def __init__(self, name="sparse_categorical_crossentropy", dtype=None, from_logits=False, ignore_class=None, axis=-1):
        super().__init__(losses.sparse_categorical_crossentropy, name, dtype)
        self.from_logits, self.ignore_class, self.axis = from_logits, ignore_class, axis


@entered()
class Hinge(MeanMetricWrapper):
    """mean(max(0, 1 - y_true y_pred)), for labels -1 and 1 (0 and 1 are read so)."""

    _direction = "down"

    def __init__(self, name="hinge", dtype=None):
        super().__init__(losses.hinge, name, dtype)


@entered()
class SquaredHinge(MeanMetricWrapper):
    """mean(max(0, 1 - y_true y_pred)²), for labels -1 and 1 (0 and 1 are read so)."""

    _direction = "down"

    def __init__(self, name="squared_hinge", dtype=None):
        super().__init__(losses.squared_hinge, name, dtype)


@entered()
class CategoricalHinge(MeanMetricWrapper):
    """max(0, 1 + the largest wrong output - the right one), for one-hot labels."""

    _direction = "down"

    def __init__(self, name="categorical_hinge", dtype=None):
        super().__init__(losses.categorical_hinge, name, dtype)
