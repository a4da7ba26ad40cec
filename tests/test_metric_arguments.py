"""What losses, metrics and optimizers refuse, in the words that Keras uses for it."""

import numpy as np
import pytest

from kerata import layers, losses, metrics, optimizers

CASES = [
    (lambda: losses.MeanSquaredError(reduction="summ"), r"Invalid value for argument `reduction`.*Did you mean 'sum'"),
    (lambda: metrics.R2Score(class_aggregation="x"), "Invalid value for argument `class_aggregation`.*'x'"),
    (lambda: metrics.TruePositives([-1, 0.5, 2]), r"Threshold values must be in \[0, 1\]. Received: \[-1, 2\]"),
    (lambda: metrics.Precision(None, class_id=1)([0, 1], [0.2, 0.9]), r"When class_id is provided.*found shape: \(2,\)"),
    (lambda: metrics.SensitivityAtSpecificity(1.5), r"`specificity` must be in the range \[0, 1\]. Received: specificity=1.5"),
    (lambda: metrics.RecallAtPrecision("1"), r"`precision` must be in the range \[0, 1\]"),
    (lambda: metrics.PrecisionAtRecall(0.5, num_thresholds=0), "Argument `num_thresholds` must be an integer > 0"),
    (lambda: metrics.AUC(num_thresholds=1), "Argument `num_thresholds` must be an integer > 1"),
    (lambda: metrics.AUC(curve="R"), r'Invalid AUC curve value: "R"\. Expected one of'),
    (lambda: metrics.AUC(summation_method="Sum"), 'Invalid AUC summation method value: "Sum"'),
    (lambda: metrics.FBetaScore(average="all"), "Invalid `average` argument value.*Received: average=all"),
    (lambda: metrics.FBetaScore(beta=0), "Invalid `beta` argument value. It should be > 0. Received: beta=0"),
    (lambda: metrics.F1Score(threshold=1.1), "It should verify 0 < threshold <= 1. Received: threshold=1.1"),
    (lambda: metrics.F1Score(threshold="1"), "Invalid `threshold` argument value. It should be a Python float"),
    (lambda: optimizers.AdamW(weight_decay=None), "Argument `weight_decay` must be a float. Received: weight_decay=None"),
    (lambda: optimizers.SGD(clipnorm=1.0, clipvalue=1.0), "Only one of `clipnorm`"),
    (lambda: layers.ReLU(max_value=-1.0), "max_value of a ReLU layer cannot be a negative value"),
    (lambda: layers.ReLU(threshold=None), "threshold of a ReLU layer cannot be None or a negative value"),
    (lambda: layers.LeakyReLU(None), "negative_slope value of a Leaky ReLU layer cannot be None"),
]


@pytest.mark.parametrize(("call", "text"), CASES, ids=[text for _, text in CASES])
def test_message(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_numbers_of_all_kinds_are_taken():
    assert metrics.FBetaScore(beta=2, threshold=1).beta == 2.0
    assert metrics.TruePositives(np.array([0.25, 0.5], "float32")).thresholds == [0.25, 0.5]
    assert metrics.SpecificityAtSensitivity(np.float32(0.5), num_thresholds=np.int64(3)).num_thresholds == 3


def test_weights_that_are_cut_are_told():
    with pytest.warns(UserWarning, match="weights are float and counts are int: casting"):
        metrics.MeanIoU(2)([0, 1], [0, 1], sample_weight=[0.5, 1.5])
