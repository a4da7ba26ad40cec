"""Metrics against real Keras over several batches: results, weights, masks, resets and configs, one row a case."""

import inspect
import json

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from keras.src.backend.common.masking import set_keras_mask

from kerata import losses, metrics
from kerata.engine.scope import Scope, note
from kerata.metrics.reduction import mark_padding

RNG = np.random.default_rng(11)
BATCHES, SIZE = 3, 8


def _softmax(x):
    x = np.exp(x - x.max(-1, keepdims=True))
    return x / x.sum(-1, keepdims=True)


def _normal(*shape):
    return RNG.normal(size=shape).astype("float32")


def _share(*shape):
    """Probabilities, some of them exactly at the thresholds."""
    return np.where(RNG.random(shape) < 0.3, RNG.integers(0, 11, shape) / 10, RNG.random(shape)).astype("float32")


def _one_hot(*shape, classes=4):
    return np.eye(classes, dtype="float32")[RNG.integers(0, classes, shape)]


MAKERS = {
    "numbers": lambda: (_normal(SIZE, 3), _normal(SIZE, 3)),
    "column": lambda: (_normal(SIZE), _normal(SIZE, 1)),
    "steps": lambda: (_normal(SIZE, 5, 2), _normal(SIZE, 5, 2)),
    "positive": lambda: (RNG.uniform(0.5, 9, (SIZE, 3)).astype("f4"), RNG.uniform(0.5, 9, (SIZE, 3)).astype("f4")),
    "whole": lambda: (RNG.integers(0, 3, (SIZE, 2)), RNG.integers(0, 3, (SIZE, 2))),
    "binary": lambda: (RNG.integers(0, 2, (SIZE, 1)).astype("float32"), _share(SIZE, 1)),
    "binary_flat": lambda: (RNG.integers(0, 2, SIZE), _share(SIZE, 1)),
    "multi_label": lambda: (RNG.integers(0, 2, (SIZE, 3)).astype("float32"), _share(SIZE, 3)),
    "logits": lambda: (RNG.integers(0, 2, (SIZE, 3)).astype("float32"), 3 * _normal(SIZE, 3)),
    "signs": lambda: (np.sign(_normal(SIZE, 3)), _normal(SIZE, 3)),
    "classes": lambda: (_one_hot(SIZE), _softmax(_normal(SIZE, 4))),
    "class_steps": lambda: (_one_hot(SIZE, 5), _softmax(_normal(SIZE, 5, 4))),
    "labels": lambda: (RNG.integers(0, 4, SIZE), _softmax(_normal(SIZE, 4))),
    "labels_column": lambda: (RNG.integers(0, 4, (SIZE, 1)), _softmax(_normal(SIZE, 4))),
    "label_steps": lambda: (RNG.integers(0, 4, (SIZE, 5)), _softmax(_normal(SIZE, 5, 4))),
    "some_labels": lambda: (RNG.integers(-1, 4, SIZE), _softmax(_normal(SIZE, 4))),
    "orders": lambda: (RNG.integers(0, 4, SIZE), np.stack([RNG.permutation(4) for _ in range(SIZE)])),
    "class_maps": lambda: (RNG.integers(0, 3, (SIZE, 4, 4)), RNG.integers(0, 3, (SIZE, 4, 4))),
    "score_maps": lambda: (_one_hot(SIZE, 4, 4, classes=3), _softmax(_normal(SIZE, 4, 4, 3))),
    "label_maps": lambda: (RNG.integers(0, 3, (SIZE, 4, 4)), _softmax(_normal(SIZE, 4, 4, 3))),
    "binary_maps": lambda: (RNG.integers(0, 2, (SIZE, 4, 4)), _share(SIZE, 4, 4)),
}
DATA = {name: [make() for _ in range(BATCHES)] for name, make in MAKERS.items()}
WEIGHTS = [RNG.uniform(0, 2, SIZE).astype("float32") for _ in range(BATCHES)]
WEIGHTS[1][:3] = 0
POSITIVE = [weight + 0.1 for weight in WEIGHTS]
WHOLE = [np.round(weight).astype("int32") for weight in WEIGHTS]


def row(name, data, tolerance=1e-5, weights=WEIGHTS, **arguments):
    text = ",".join(f"{k}={v}" for k, v in arguments.items())
    return pytest.param(name, data, arguments, weights, tolerance, id=f"{name}-{data}-{text}")


IOU = {"weights": None}
ROWS = [
    row("Accuracy", "whole"),
    row("BinaryAccuracy", "binary"),
    row("BinaryAccuracy", "binary_flat", threshold=0.3),
    row("BinaryAccuracy", "multi_label"),
    row("CategoricalAccuracy", "classes"),
    row("CategoricalAccuracy", "class_steps"),
    row("SparseCategoricalAccuracy", "labels"),
    row("SparseCategoricalAccuracy", "labels_column"),
    row("SparseCategoricalAccuracy", "label_steps"),
    row("TopKCategoricalAccuracy", "classes", k=2),
    row("TopKCategoricalAccuracy", "class_steps", k=3),
    row("SparseTopKCategoricalAccuracy", "labels", k=2),
    row("SparseTopKCategoricalAccuracy", "label_steps", k=2),
    row("SparseTopKCategoricalAccuracy", "orders", k=2, from_sorted_ids=True),
    *[
        row(name, data)
        for name in (
            "MeanSquaredError",
            "MeanAbsoluteError",
            "MeanAbsolutePercentageError",
            "RootMeanSquaredError",
            "LogCoshError",
        )
        for data in ("numbers", "column")
    ],
    row("MeanSquaredError", "steps"),
    row("RootMeanSquaredError", "steps"),
    row("MeanSquaredLogarithmicError", "positive"),
    row("CosineSimilarity", "numbers"),
    row("CosineSimilarity", "steps", axis=1, weights=None),
    # A sample of weight 0 does not count as one here; Keras counts it among `num_samples`.
    row("R2Score", "numbers", weights=POSITIVE),
    row("R2Score", "numbers", class_aggregation=None, weights=POSITIVE),
    row("R2Score", "numbers", class_aggregation="variance_weighted_average", weights=POSITIVE),
    row("R2Score", "numbers", num_regressors=2, weights=None),
    row("PearsonCorrelation", "numbers", 1e-4),
    row("ConcordanceCorrelation", "numbers", 1e-4),
    row("PearsonCorrelation", "numbers", 1e-4, axis=0, weights=None),
    row("KLDivergence", "classes"),
    row("Poisson", "positive"),
    row("BinaryCrossentropy", "multi_label", label_smoothing=0.1),
    row("BinaryCrossentropy", "logits", from_logits=True),
    row("CategoricalCrossentropy", "classes"),
    row("CategoricalCrossentropy", "class_steps", label_smoothing=0.2),
    row("SparseCategoricalCrossentropy", "labels"),
    row("SparseCategoricalCrossentropy", "some_labels", ignore_class=-1),
    row("Hinge", "signs"),
    row("SquaredHinge", "signs"),
    row("CategoricalHinge", "classes"),
    *[
        row(name, data)
        for name in ("TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives")
        for data in ("binary", "multi_label")
    ],
    row("TruePositives", "binary_flat", thresholds=[0.1, 0.5, 0.8]),
    row("FalseNegatives", "binary", thresholds=[0.0, 0.5, 1.0]),
    *[
        row(name, data, **arguments)
        for name in ("Precision", "Recall")
        for data, arguments in (
            ("binary", {}),
            ("binary_flat", {}),
            ("multi_label", {"thresholds": 0.3}),
            ("binary", {"thresholds": [0.7, 0.2]}),
            ("classes", {"top_k": 2}),
            ("classes", {"class_id": 1}),
            ("classes", {"top_k": 2, "class_id": 3}),
            ("binary", {"thresholds": [i / 20 for i in range(21)]}),
        )
    ],
    *[
        row(name, "binary", **{argument: 0.6}, num_thresholds=n)
        for n in (1, 11, 200)
        for name, argument in (
            ("SensitivityAtSpecificity", "specificity"),
            ("SpecificityAtSensitivity", "sensitivity"),
            ("PrecisionAtRecall", "recall"),
            ("RecallAtPrecision", "precision"),
        )
    ],
    row("RecallAtPrecision", "classes", precision=0.4, class_id=2),
    *[
        row("AUC", "binary", curve=curve, summation_method=method)
        for curve in ("ROC", "PR", "PRGAIN")
        for method in ("interpolation", "minoring", "majoring")
    ],
    row("AUC", "binary_flat", num_thresholds=11),
    row("AUC", "multi_label"),
    row("AUC", "multi_label", multi_label=True),
    row("AUC", "multi_label", multi_label=True, num_labels=3, label_weights=[0.25, 1.0, 0.5], curve="PR"),
    row("AUC", "multi_label", label_weights=[0.25, 1.0, 0.5]),
    row("AUC", "binary", thresholds=[0.1, 0.25, 0.7]),
    row("AUC", "binary", thresholds=[0.25, 0.5, 0.75]),
    row("AUC", "multi_label", multi_label=True, thresholds=[0.1, 0.25, 0.7], weights=None),
    row("AUC", "logits", from_logits=True),
    *[row("F1Score", "classes", average=average) for average in (None, "micro", "macro", "weighted")],
    row("F1Score", "multi_label", threshold=0.4),
    row("FBetaScore", "multi_label", average="macro", beta=2.0, threshold=0.5),
    row("IoU", "class_maps", num_classes=3, target_class_ids=[0, 2], **IOU),
    row("IoU", "label_maps", num_classes=3, target_class_ids=[1], sparse_y_pred=False, **IOU),
    row("MeanIoU", "class_maps", num_classes=3, ignore_class=1, **IOU),
    row("MeanIoU", "whole", num_classes=3, **IOU),
    row("MeanIoU", "labels_flat", num_classes=4, weights=WHOLE),
    row("BinaryIoU", "binary_maps", threshold=0.4, **IOU),
    row("OneHotIoU", "score_maps", num_classes=3, target_class_ids=[0, 1], **IOU),
    row("OneHotMeanIoU", "score_maps", num_classes=3, **IOU),
]
DATA["labels_flat"] = [(RNG.integers(0, 4, SIZE), RNG.integers(0, 4, SIZE)) for _ in range(BATCHES)]


def pair(kind, arguments):
    return getattr(metrics, kind)(**arguments), getattr(keras.metrics, kind)(**arguments)


def same(ours, theirs, tolerance=1e-5):
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("name", "data", "arguments", "weights", "tolerance"), ROWS)
def test_results(name, data, arguments, weights, tolerance, weighted):
    if weighted and weights is None:
        pytest.skip("takes no weights")
    ours, theirs = pair(name, arguments)
    assert ours._direction == getattr(theirs, "_direction", None)
    for (y_true, y_pred), weight in zip(DATA[data], weights if weighted else [None] * BATCHES, strict=True):
        same(ours(y_true, y_pred, weight), theirs(y_true, y_pred, weight), tolerance)
    mine, other = [[tuple(v.shape) for v in metric.variables] for metric in (ours, theirs)]
    assert mine == other
    for a, b in zip(ours.variables, theirs.variables, strict=True):
        same(a.numpy(), b.value, tolerance)
    ours.reset_state(), theirs.reset_state()
    y_true, y_pred = DATA[data][0]
    same(ours(y_true, y_pred), theirs(y_true, y_pred), tolerance)


# A correlation along samples looks at several at once, and says so.
APART = [r for r in ROWS if not getattr(metrics, r.values[0])(**r.values[2]).mixes_samples]


@pytest.mark.parametrize(("name", "data", "arguments", "weights", "tolerance"), APART)
def test_padding_has_no_influence(name, data, arguments, weights, tolerance):
    """Rows of weight 0 count for nothing, inside a program as well, even where a prediction is not a number."""
    ours, other = (getattr(metrics, name)(**arguments) for _ in range(2))
    (y_true, y_pred), size = DATA[data][0], 5
    valid = jnp.asarray(np.arange(SIZE) < size, "float32")
    odd = np.array(y_pred)
    odd[size:] = odd[:1] if odd.dtype.kind in "iu" else np.nan
    expected = other(y_true[:size], y_pred[:size])
    ours.update_state(y_true[:size], y_pred[:size])
    state = ours.stateless_reset_state()

    def run(y_pred):
        with Scope():
            weight = mark_padding(valid)
            return ours.stateless_result(ours.stateless_update_state(state, y_true, y_pred, sample_weight=weight))

    # A population of two, one of which predicts what is not a number.
    results = jax.jit(jax.vmap(run))(jnp.stack([jnp.asarray(y_pred), jnp.asarray(odd)]))
    same(results, [expected, expected], max(tolerance, 1e-5))


@pytest.mark.parametrize(("name", "data", "arguments", "weights", "tolerance"), ROWS)
def test_configs(name, data, arguments, weights, tolerance):
    ours, theirs = pair(name, {**arguments, "name": "mine"})
    config = json.loads(json.dumps(ours.get_config()))
    other = json.loads(json.dumps(theirs.get_config(), default=lambda a: np.round(np.asarray(a), 6).tolist()))
    assert {k: config[k] for k in other} == other
    plain = json.loads(json.dumps(metrics.serialize(ours)))
    y_true, y_pred = DATA[data][0]
    expected = ours(y_true, y_pred)
    same(metrics.deserialize(plain)(y_true, y_pred), expected, tolerance)
    same(keras.metrics.deserialize(json.loads(json.dumps(plain)))(y_true, y_pred), expected, tolerance)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", ["SparseCategoricalAccuracy", "SparseCategoricalCrossentropy"])
def test_masks(name, weighted):
    y_true, y_pred = DATA["label_steps"][0]
    mask = np.array([[1, 1, 1, 0, 0]] * 7 + [[0] * 5], bool)
    weight = RNG.uniform(0, 2, (SIZE, 5)).astype("float32") if weighted else None
    ours, theirs = pair(name, {})
    mine, other = jnp.asarray(y_pred), jnp.array(y_pred)
    note(mine, "mask", jnp.asarray(mask))
    set_keras_mask(other, mask)
    same(ours(y_true, mine, weight), theirs(y_true, other, weight))
    # A mask and one weight a sample, which Keras cannot combine, is the same as that weight at each step.
    row_weight = RNG.uniform(0, 2, SIZE).astype("float32")
    ours.reset_state()
    theirs.reset_state()
    same(ours(y_true, mine, row_weight), theirs(y_true, other, np.repeat(row_weight[:, None], 5, 1)))


@pytest.mark.parametrize("name", ["Mean", "Sum"])
def test_reductions(name):
    for values, weight in [
        (3.0, None),
        (3.0, 2.0),
        ([1.0, 3.0, 5.0], None),
        ([1.0, 3.0, 5.0], [1, 0, 2]),
        ([[1.0, 2.0], [3.0, 4.0]], [0.5, 2.0]),
        ([[1.0, 2.0], [3.0, 4.0]], [[1, 0], [0, 1]]),
    ]:
        ours, theirs = pair(name, {})
        for _ in range(2):
            same(ours(values, sample_weight=weight), theirs(values, sample_weight=weight))


FUNCTIONS = {
    "binary_accuracy": "binary",
    "categorical_accuracy": "classes",
    "sparse_categorical_accuracy": "labels",
    "top_k_categorical_accuracy": "classes",
    "sparse_top_k_categorical_accuracy": "labels",
    "pearson_correlation": "numbers",
    "concordance_correlation": "numbers",
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    y_true, y_pred = DATA[FUNCTIONS[name]][0]
    ours, theirs = getattr(metrics, name), getattr(keras.metrics, name)
    assert inspect.signature(ours).parameters.keys() == inspect.signature(theirs).parameters.keys()
    same(ours(y_true, y_pred), theirs(y_true, y_pred), 1e-4)


def test_signatures():
    for name, theirs in vars(keras.metrics).items():
        if inspect.isclass(theirs):
            ours = list(inspect.signature(getattr(metrics, name).__init__).parameters.items())
            other = list(inspect.signature(theirs.__init__).parameters.items())
            assert [(k, p.default) for k, p in ours] == [(k, p.default) for k, p in other], name


def test_every_public_name():
    assert not [name for name in dir(keras.metrics) if not name.startswith("_") and not hasattr(metrics, name)]


def test_every_name_that_keras_finds():
    from keras.src.metrics import ALL_OBJECTS_DICT

    for name, theirs in ALL_OBJECTS_DICT.items():
        parameters = list(inspect.signature(theirs.__init__).parameters.values())[1:]
        if all(p.default is not inspect.Parameter.empty for p in parameters):
            assert type(metrics.get(name)).__name__ == theirs.__name__, name


def test_a_loss_as_a_metric_is_exact_over_samples():
    metric = metrics.MeanMetricWrapper(losses.MeanSquaredError(), name="mse")
    metric.update_state(np.zeros((4, 1)), np.ones((4, 1)))
    metric.update_state(np.zeros((1, 1)), np.full((1, 1), 3.0))
    same(metric.result(), (4 * 1 + 9) / 5)


def test_stateless_calls_change_nothing():
    metric = metrics.MeanSquaredError()
    y_true, y_pred = DATA["numbers"][0]
    state = metric.stateless_update_state(metric.stateless_reset_state(), y_true, y_pred)
    assert [float(v.numpy()) for v in metric.variables] == [0.0, 0.0]
    with Scope():
        assert float(metric.stateless_result(state)) == pytest.approx(float(np.mean((y_true - y_pred) ** 2)), rel=1e-5)
    with pytest.raises(ValueError, match="must hold 2 values"):
        metric.stateless_result(state[:1])
