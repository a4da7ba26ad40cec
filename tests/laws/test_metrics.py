"""Laws that every metric keeps: one table of instances, many small laws.

A new metric gets a row: (name, kind of its targets and predictions, arguments); `law_data.KINDS` has the kinds.
"""

import json

import jax
import numpy as np
import pytest

import kerata
from kerata import metrics
from kerata.base.registry import names
from kerata.base.serialization import deserialize_keras_object, serialize_keras_object
from kerata.engine import program
from kerata.engine.scope import Scope
from kerata.metrics.metric import read_result
from kerata.metrics.reduction import mark_padding
from kerata.populations import fit_many
from law_data import SAMPLES, make_model, predictions, targets
from quickly import slow

# Bases for metrics of one's own, and means and sums of values, which have no targets.
OTHERS = {"Metric", "MeanMetricWrapper", "Mean", "Sum"}


def row(name, kind, **arguments):
    return pytest.param(name, kind, arguments, id=f"{name}{len(arguments) or ''}")


ROWS = [
    row("Accuracy", "rounded"),
    row("AUC", "binary", num_thresholds=11),
    row("AUC", "binary", multi_label=True, curve="PR", num_thresholds=7),
    row("BinaryAccuracy", "binary", threshold=0.4),
    row("BinaryCrossentropy", "logits", from_logits=True),
    row("BinaryIoU", "pictures"),
    row("CategoricalAccuracy", "classes"),
    row("CategoricalCrossentropy", "classes", label_smoothing=0.1),
    row("CategoricalHinge", "class_logits"),
    row("ConcordanceCorrelation", "numbers"),
    row("CosineSimilarity", "numbers"),
    row("F1Score", "classes", average="macro"),
    row("FalseNegatives", "binary"),
    row("FalsePositives", "binary"),
    row("FBetaScore", "binary", average="micro", beta=2.0, threshold=0.5),
    row("Hinge", "signs"),
    row("IoU", "rounded", num_classes=3, target_class_ids=[0, 2]),
    row("KLDivergence", "distributions"),
    row("LogCoshError", "numbers"),
    row("MeanAbsoluteError", "numbers"),
    row("MeanAbsolutePercentageError", "positive"),
    row("MeanIoU", "rounded", num_classes=3),
    row("MeanSquaredError", "steps"),
    row("MeanSquaredLogarithmicError", "positive"),
    row("OneHotIoU", "class_maps", num_classes=3, target_class_ids=[0, 1]),
    row("OneHotMeanIoU", "class_maps", num_classes=3),
    row("PearsonCorrelation", "numbers"),
    row("Poisson", "positive"),
    row("Precision", "binary", thresholds=0.3),
    row("PrecisionAtRecall", "binary", recall=0.6, num_thresholds=11),
    row("R2Score", "numbers"),
    row("Recall", "classes", top_k=2, class_id=1),
    row("RecallAtPrecision", "binary", precision=0.4, num_thresholds=11),
    row("RootMeanSquaredError", "numbers"),
    row("SensitivityAtSpecificity", "binary", specificity=0.4, num_thresholds=11),
    row("SparseCategoricalAccuracy", "labels"),
    row("SparseCategoricalCrossentropy", "labels"),
    row("SparseTopKCategoricalAccuracy", "labels", k=2),
    row("SpecificityAtSensitivity", "binary", sensitivity=0.4, num_thresholds=11),
    row("SquaredHinge", "signs"),
    row("TopKCategoricalAccuracy", "classes", k=2),
    row("TrueNegatives", "binary"),
    row("TruePositives", "binary", thresholds=0.3),
]
every_metric = pytest.mark.parametrize(("name", "kind", "arguments"), ROWS)


def make(name, arguments):
    return getattr(metrics, name)(**arguments)


def batches(kind, size, seed=0):
    y, p = targets(kind, SAMPLES, seed), predictions(kind, SAMPLES, seed + 7)
    return [(y[start : start + size], p[start : start + size]) for start in range(0, SAMPLES, size)]


def measured(metric, found):
    for y, p in found:
        metric.update_state(y, p)
    return np.asarray(metric.result())


def test_every_metric_has_a_row():
    found = [getattr(metrics, name, None) for name in names("metrics")]
    kinds = {kind.__name__ for kind in found if isinstance(kind, type)}
    assert kinds - OTHERS == {parameters.values[0] for parameters in ROWS}


@every_metric
def test_config_round_trip_and_reset(name, kind, arguments):
    """Through the text of a file: the twin has the same config and result; begun anew, so has the metric itself."""
    metric = make(name, arguments)
    written = serialize_keras_object(metric)
    twin = deserialize_keras_object(json.loads(json.dumps(written)))
    assert type(twin) is type(metric) and serialize_keras_object(twin) == written
    expected = measured(metric, batches(kind, 6))
    assert np.isfinite(expected).all()
    np.testing.assert_array_equal(measured(twin, batches(kind, 6)), expected)
    measured(metric, batches(kind, 6, seed=3))
    metric.reset_state()
    assert not any(np.asarray(v.numpy()).any() for v in metric.variables)
    np.testing.assert_array_equal(measured(metric, batches(kind, 6)), expected)


@every_metric
def test_the_size_of_batches_makes_no_difference(name, kind, arguments):
    """12 samples at once, or 5, 5 and 2, with the last batch filled up as in a program, where the metric declares it."""
    metric = make(name, arguments)
    whole = measured(metric, batches(kind, SAMPLES))
    if metric.mixes_samples:
        return
    metric.reset_state()
    np.testing.assert_allclose(measured(metric, batches(kind, 5)), whole, rtol=1e-5, atol=1e-6)
    metric.reset_state()
    (y, p), last = batches(kind, 5)[0], batches(kind, 5)[2]
    filled = [np.concatenate([a, a[:1], a[:1], a[:1]]) for a in last]
    step = jax.jit(lambda values, y, p, valid: update(metric, values, y, p, valid))
    values = [v.value for v in metric.variables]
    for a, b, valid in ((*batches(kind, 5)[1], np.ones(5)), (*filled, np.arange(5) < 2), (y, p, np.ones(5))):
        values = step(values, a, b, valid.astype("float32"))
    np.testing.assert_allclose(result(metric, values), whole, rtol=1e-5, atol=1e-6)


def update(metric, values, y, p, valid=None):
    """The variables after a batch, of whose rows some may not be there, as a step of `evaluate` has it."""
    with Scope(metric.variables, values, valid=valid) as scope:
        metric.update_state(y, p, **({} if valid is None else {"sample_weight": mark_padding(valid)}))
        return scope.read(metric.variables)


def result(metric, values):
    with Scope(metric.variables, values):
        return read_result(metric)


@every_metric
def test_jit_and_vmap_equal_eager(name, kind, arguments):
    """A program for three sets of batches side by side has the results of each alone."""
    metric = make(name, arguments)
    alone = []
    for seed in range(3):
        metric.reset_state()
        alone.append(measured(metric, batches(kind, 6, seed)))
    metric.reset_state()
    y, p = (np.stack([batches(kind, 6, seed)[0][i] for seed in range(3)]) for i in range(2))
    more = [np.stack([batches(kind, 6, seed)[1][i] for seed in range(3)]) for i in range(2)]
    start = [v.value for v in metric.variables]

    def program(y, p, more_y, more_p):
        return result(metric, update(metric, update(metric, start, y, p), more_y, more_p))

    together = jax.jit(jax.vmap(program))(y, p, *more)
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-6)


# All metrics at once, those of a kind on one output.


KINDS = [parameters.values[1] for parameters in ROWS]
# Each kind, and of the others one in four.
FEW = [parameters for index, parameters in enumerate(ROWS) if index % 4 == 0 or KINDS.index(KINDS[index]) == index]
few_or_all = pytest.mark.parametrize("rows", [FEW, slow(ROWS)], ids=["few", "all"])


def all_at_once(rows):
    made = {}
    for index, parameters in enumerate(rows):
        name, kind, arguments = parameters.values
        made.setdefault(kind, []).append(make(name, {**arguments, "name": f"{name.lower()}_{index}"}))
    model, x, y = make_model({kind: kind for kind in made}, loss={"numbers": "mse"}, metrics=made)
    return model, x, y


def assert_same(one, other, rows):
    assert one.keys() == other.keys() and len(one) >= len(rows)
    differing = {name: (a, other[name]) for name, a in one.items() if not np.allclose(a, other[name], rtol=1e-4, atol=1e-5)}
    assert not differing


@few_or_all
def test_each_is_the_same_in_a_population_as_alone(rows):
    model, x, y = all_at_once(rows)
    fitting = {"epochs": 2, "batch_size": 5, "verbose": 0}
    many = fit_many(model, x, y, seeds=[8, 3], turns=False, **fitting)
    assert_same(model.fit(x, y, seed=3, **fitting).history, many[1].history.history, rows)


@few_or_all
def test_a_file_keeps_metrics(rows, tmp_path):
    """A model that is read from a file measures the same, and compiles nothing."""
    model, x, y = all_at_once(rows)
    expected = model.evaluate(x, y, batch_size=5, return_dict=True, verbose=0)
    assert_same(expected, model.evaluate(x, y, batch_size=5, return_dict=True, verbose=0), rows)
    model.save(tmp_path / "m.keras")
    before = dict(program.counts)
    again = kerata.models.load_model(tmp_path / "m.keras")
    assert again.evaluate(x, y, batch_size=5, return_dict=True, verbose=0) == expected
    assert program.counts["compiled"] == before["compiled"]


def test_means_and_sums_of_values():
    """What has no targets keeps the same laws."""
    for kind, expected in ((metrics.Mean, 2.0), (metrics.Sum, 6.0)):
        metric = kind(name="mine")
        twin = deserialize_keras_object(json.loads(json.dumps(serialize_keras_object(metric))))
        for one in (metric, twin):
            for values in ([1.0, 2.0], [3.0]):
                one.update_state(np.array(values))
            assert float(one.result()) == expected
        metric.reset_state()
        assert float(metric.result()) == 0.0


MESSAGES = [
    (lambda: metrics.Metric().result(), NotImplementedError, r"must define `result\(\)`"),
    (lambda: metrics.Metric().update_state(0, 0), NotImplementedError, "must define `update_state"),
    (lambda: metrics.get("acuracy"), ValueError, "Did you mean"),
    (lambda: metrics.MeanSquaredError(axis=1), TypeError, "unknown argument `axis`"),
    (lambda: metrics.AUC(curve="ROCK"), ValueError, "curve"),
    (lambda: metrics.Precision(thresholds=1.5), ValueError, "Threshold values must be in"),
    (lambda: metrics.MeanIoU(0), ValueError, "num_classes"),
    (lambda: metrics.F1Score(average="mean"), ValueError, "average"),
    (lambda: metrics.PrecisionAtRecall(recall=2), ValueError, "recall"),
    (lambda: metrics.Mean().stateless_result([0.0]), ValueError, "`metric_variables` must hold 2 values"),
]


@pytest.mark.parametrize(("action", "error", "text"), MESSAGES, ids=[text[:40] for _, _, text in MESSAGES])
def test_message(action, error, text):
    with pytest.raises(error, match=text):
        action()
