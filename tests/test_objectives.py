"""What `compile(loss=..., metrics=...)` means: every form of losses, metrics, targets and outputs, against real Keras
and against the same computed by hand."""

import itertools
from collections import namedtuple
from types import FunctionType

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from keras.src.trainers.compile_utils import CompileLoss, CompileMetrics

import kerata
from kerata import losses, metrics
from kerata.engine.module import modules_of
from kerata.engine.rows import why_rows_matter
from kerata.engine.scope import Scope, note
from kerata.engine.structure import structure_of
from kerata.training.objectives import CompiledLoss, CompiledMetrics
from kerata.training.targets import check_targets

RNG = np.random.default_rng(3)
NAMES = ["left", "right"]
Y = [RNG.normal(size=(8, 2)).astype("float32"), RNG.normal(size=(8, 1)).astype("float32")]
P = [RNG.normal(size=(8, 2)).astype("float32"), RNG.normal(size=(8, 1)).astype("float32")]
LEFT = float(np.mean((Y[0] - P[0]) ** 2))
RIGHT = float(np.mean(np.abs(Y[1] - P[1])))


def by_name(pair, names=NAMES):
    # The order of a dict means nothing: the right one first.
    return dict(reversed(list(zip(names, pair, strict=True))))


def forms(pair):
    return {"list": list(pair), "tuple": tuple(pair), "dict": by_name(pair)}


LOSSES = {
    **forms(["mse", "mae"]),
    "objects": by_name([losses.MeanSquaredError(), losses.MeanAbsoluteError()]),
    "classes": [losses.MeanSquaredError, losses.MeanAbsoluteError],
    "functions": [lambda y, p: jnp.mean((y - p) ** 2, axis=-1), lambda y, p: jnp.mean(jnp.abs(y - p))],
    "configs": [losses.serialize(losses.MeanSquaredError()), {"class_name": "MeanAbsoluteError", "config": {}}],
}
WEIGHTS = {"none": None, "list": [2.0, 0.5], "dict": by_name([2.0, 0.5])}


@pytest.mark.parametrize("outputs", ["list", "tuple", "dict"])
@pytest.mark.parametrize("targets", ["list", "tuple", "dict"])
@pytest.mark.parametrize("form", LOSSES)
def test_each_loss_goes_to_its_output(form, targets, outputs):
    for weights, given in WEIGHTS.items():
        objective = CompiledLoss(LOSSES[form], given, NAMES)
        total, parts = objective(forms(Y)[targets], forms(P)[outputs])
        assert {k: float(v) for k, v in parts.items()} == pytest.approx({"left": LEFT, "right": RIGHT}, rel=1e-5)
        factors = (1, 1) if weights == "none" else (2, 0.5)
        assert float(total) == pytest.approx(factors[0] * LEFT + factors[1] * RIGHT, rel=1e-5)
        named = outputs == "dict" and isinstance(LOSSES[form], dict)
        assert objective.part_names == (list(LOSSES[form]) if named else NAMES)


@pytest.mark.parametrize("outputs", ["list", "dict"])
@pytest.mark.parametrize("targets", ["list", "dict"])
@pytest.mark.parametrize("form", ["list", "dict"])
def test_weights_of_samples_go_to_their_output(form, targets, outputs):
    first, second = RNG.uniform(size=(2, 8)).astype("float32")
    for given in (first, [first, second], by_name([first, second]), {"left": first}, [None, second]):
        pair = {"left": None, "right": None}
        pair.update(given if isinstance(given, dict) else by_name(given if isinstance(given, list) else [first] * 2))
        expected = losses.MeanSquaredError()(Y[0], P[0], pair["left"]) + losses.MeanAbsoluteError()(Y[1], P[1], pair["right"])
        total, _ = CompiledLoss(LOSSES[form], None, NAMES)(forms(Y)[targets], forms(P)[outputs], given)
        assert float(total) == pytest.approx(float(expected), rel=1e-5)


FORMS = ["list", "dict"]


@pytest.mark.parametrize(("outputs", "targets", "form", "weights"), [*itertools.product(FORMS, FORMS, FORMS, WEIGHTS)])
def test_totals_equal_keras(outputs, targets, form, weights):
    theirs = CompileLoss(LOSSES[form], WEIGHTS[weights], output_names=NAMES)
    expected = theirs(forms(Y)[targets], forms(P)[outputs])
    total, parts = CompiledLoss(LOSSES[form], WEIGHTS[weights], NAMES)(forms(Y)[targets], forms(P)[outputs])
    assert float(total) == pytest.approx(float(expected), rel=1e-5)
    assert {f"{k}_loss" for k in parts} == {m.name for m in theirs.metrics}


def test_one_loss_for_all_outputs():
    total, parts = CompiledLoss("mse", 2.0, NAMES)(Y, P)
    assert list(parts) == NAMES
    assert float(total) == pytest.approx(2 * (LEFT + float(np.mean((Y[1] - P[1]) ** 2))), rel=1e-5)


@pytest.mark.parametrize("loss", [[None, "mae"], {"right": "mae"}, {"left": None, "right": "mae"}])
@pytest.mark.parametrize("targets", [[None, Y[1]], [Y[1]], Y[1], {"right": Y[1]}, Y])
def test_outputs_without_a_loss(loss, targets):
    objective = CompiledLoss(loss, None, NAMES)
    total, _ = objective(targets, P)
    assert float(total) == pytest.approx(RIGHT, rel=1e-5)
    assert objective.part_names == []


@pytest.mark.parametrize("loss", ["mse", ["mse"], {"out": "mse"}])
@pytest.mark.parametrize("targets", [Y[0], [Y[0]], {"out": Y[0]}])
@pytest.mark.parametrize("outputs", [P[0], [P[0]], {"out": P[0]}])
def test_one_output(loss, targets, outputs):
    total, _ = CompiledLoss(loss, None, ["out"])(targets, outputs)
    assert float(total) == pytest.approx(LEFT, rel=1e-5)


def test_nested_outputs():
    tree = {"heads": [P[0], {"deep": P[1]}], "plain": P[1]}
    y = {"heads": (Y[0], {"deep": Y[1]}), "plain": Y[1]}
    objective = CompiledLoss({"heads": ["mse", {"deep": "mae"}], "plain": "mse"})
    total, parts = objective(y, tree)
    assert list(parts) == ["heads/output_1", "heads/1/deep", "plain"]
    assert float(total) == pytest.approx(LEFT + RIGHT + float(np.mean((Y[1] - P[1]) ** 2)), rel=1e-5)
    total, _ = CompiledLoss({"heads": "mae"})({"heads": [Y[0], {"deep": Y[1]}]}, tree)
    assert float(total) == pytest.approx(float(np.mean(np.abs(Y[0] - P[0]))) + RIGHT, rel=1e-5)


def test_dict_of_outputs_whose_keys_are_other_layers_names():
    """Keys come before names of layers."""
    objective = CompiledLoss({"b": "mae", "a": "mse"}, None, ["b", "a"])
    _, parts = objective({"b": Y[1], "a": Y[0]}, {"a": P[0], "b": P[1]})
    assert {k: float(v) for k, v in parts.items()} == pytest.approx({"a": LEFT, "b": RIGHT}, rel=1e-5)


def test_no_loss():
    total, parts = CompiledLoss(None)(None, P[0])
    assert float(total) == 0 and parts == {} and CompiledLoss(None).is_declared


CROSS = [
    (np.eye(3, dtype="float32")[[0, 2, 1, 1]], (4, 3), "categorical"),
    (np.array([0, 2, 1, 1]), (4, 3), "sparse_categorical"),
    (np.array([[0], [2], [1], [1]]), (4, 3), "sparse_categorical"),
    (np.array([0, 1, 1, 0], "float32"), (4, 1), "binary"),
    (np.array([[0, 1], [1, 2]]), (2, 2, 3), "sparse_categorical"),
]


@pytest.mark.parametrize(("y", "shape", "kind"), CROSS)
def test_accuracy_and_crossentropy_by_shape(y, shape, kind):
    p = RNG.uniform(0.1, 0.9, shape).astype("float32")
    for name in ("ce", "crossentropy", "CE"):
        total, _ = CompiledLoss(name)(y, p)
        assert float(total) == pytest.approx(float(CompileLoss(name.lower())(y, p)), rel=1e-5)
    ours, theirs = CompiledMetrics(["acc", "accuracy", "ce"]), CompileMetrics(["acc", "accuracy"], None)
    ours.update(y, p)
    theirs.update_state(y, p)
    results = {k: float(v) for k, v in ours.results().items()}
    assert results.pop("ce") == pytest.approx(float(total), rel=1e-5)
    assert results == pytest.approx({k: float(v) for k, v in theirs.result().items()})
    assert type(ours.metrics[0]).__name__.lower() == kind.replace("_", "") + "accuracy"


METRICS = {
    "list of lists": [["mse", "mae"], ["mae"]],
    "list": ["mse", "mae"],
    "with none": [None, ["mae", "mse"]],
    "dict": {"right": ["mae", "MSE"], "left": "mse"},
    "one name": {"right": "mae"},
    "twice": [["mse", "mse"], "mse"],
    "none": None,
}


@pytest.mark.parametrize("outputs", ["list", "dict"])
@pytest.mark.parametrize("weighted", METRICS)
@pytest.mark.parametrize("form", METRICS)
def test_metrics_go_to_their_output_under_keras_names(form, weighted, outputs):
    weight = RNG.uniform(size=8).astype("float32")
    ours = CompiledMetrics(METRICS[form], METRICS[weighted], NAMES)
    theirs = CompileMetrics(METRICS[form], METRICS[weighted], output_names=NAMES)
    for start in (0, 4):
        y, p = ([a[start : start + 4] for a in pair] for pair in (Y, P))
        theirs.update_state(forms(y)[outputs], forms(p)[outputs], weight[start : start + 4])
        ours.update(forms(y)[outputs], forms(p)[outputs], weight[start : start + 4])
    expected = {k: float(v) for k, v in theirs.result().items()}
    assert {k: float(v) for k, v in ours.results().items()} == pytest.approx(expected, rel=1e-5)
    assert list(ours.results()) == list(expected)
    ours.reset_state()
    assert all(float(v) == 0 for v in ours.results().values())


@pytest.mark.parametrize("targets", ["list", "tuple", "dict"])
@pytest.mark.parametrize("outputs", ["list", "tuple", "dict"])
def test_metrics_of_every_mix_of_structures(targets, outputs):
    measures = CompiledMetrics({"right": "mae", "left": "mse"}, None, NAMES)
    measures.update(forms(Y)[targets], forms(P)[outputs])
    assert {k: float(v) for k, v in measures.results().items()} == pytest.approx(
        {"left_mse": LEFT, "right_mae": RIGHT}, rel=1e-5
    )


def test_a_short_list_of_metrics_is_for_all_outputs():
    measures = CompiledMetrics(["mae"], None, NAMES)
    measures.update(Y, P)
    assert list(measures.results()) == ["left_mae", "right_mae"]


def test_outputs_without_names_share_a_counter():
    measures = CompiledMetrics([["mae"], ["mae"]])
    measures.update(Y, P)
    assert list(measures.results()) == ["mae", "mae_1"]


def test_metrics_where_only_one_output_has_a_target():
    objective, measures = CompiledLoss([None, "mse"], None, NAMES), CompiledMetrics({"right": "mae"}, None, NAMES)
    objective.build([Y[1]], P)
    measures.build([Y[1]], P, objective)
    measures.update([Y[1]], P)
    assert float(measures.results()["right_mae"]) == pytest.approx(RIGHT, rel=1e-5)


def closeness(y_true, y_pred):
    return -jnp.abs(y_true - y_pred)


def overall(y_true, y_pred):
    return jnp.max(y_pred)


class Rows(metrics.Metric):
    """Counts what it is given, and makes its variable late."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        if not self.variables:
            self.rows = self.add_variable((), "zeros", name="rows")
        self.rows.assign_add(y_pred.shape[0])

    def result(self):
        return self.rows.value


def needs_whole_batch(function, metrics=()):
    """Whether padded rows may have an influence on a function of (targets, predictions, weights, valid rows)."""
    variables = [variable for metric in metrics for variable in metric.variables]

    def call(values, y, p, valid):
        with Scope(variables, values, valid=valid) as scope:
            return {"fixed": (function(y, p, None, valid), scope.read(variables))}

    def arguments(size):
        rows = jax.ShapeDtypeStruct((size, 2), "float32")
        return [jax.ShapeDtypeStruct(v.shape, v.dtype) for v in variables], rows, rows, jax.ShapeDtypeStruct((size,), "float32")

    return why_rows_matter(call, arguments, (["fixed"] * len(variables), "rows", "rows", "valid"), 8, 5) is not None


@pytest.mark.parametrize(
    ("given", "name", "exact"),
    [
        ("mse", "mse", False),
        ("MeanSquaredError", "MeanSquaredError", False),
        (losses.mean_squared_error, "mean_squared_error", False),
        (metrics.MeanSquaredError, "mean_squared_error", False),
        (metrics.MeanSquaredError(name="mine"), "mine", False),
        (losses.MeanSquaredError(), "mean_squared_error", False),
        (losses.MeanSquaredError(reduction="sum"), "mean_squared_error", True),
        (losses.Dice(), "dice", True),
        (losses.dice, "dice", True),
        (closeness, "closeness", False),
        (overall, "overall", True),
        (lambda y, p: y - p, "lambda", False),
        (Rows, "rows", True),
        (metrics.AUC(curve="PR", name="pr"), "pr", False),
        (metrics.F1Score(threshold=0.5), "f1_score", False),
        (metrics.PearsonCorrelation(axis=0), "pearson_correlation", True),
    ],
)
def test_kinds_of_metrics(given, name, exact):
    measures = CompiledMetrics([given])
    y, p = (Y[0] > 0).astype("float32"), 1 / (1 + np.exp(-P[0]))
    measures.build(y, jax.ShapeDtypeStruct((None, 2), "float32"))
    assert all(metric.variables for metric in measures.metrics)
    measures.update(y, p)
    assert list(measures.results()) == [name]
    assert (not measures.is_declared and needs_whole_batch(measures.update, measures.metrics)) == exact
    if isinstance(given, FunctionType | losses.MeanSquaredError):
        own = isinstance(given, FunctionType)
        theirs = given if own else keras.losses.MeanSquaredError(reduction=given.reduction)
        expected = keras.metrics.MeanMetricWrapper(theirs)(y, p)
        assert float(measures.results()[name]) == pytest.approx(float(expected), rel=1e-5)


class Scalar(losses.Loss):
    def call(self, y_true, y_pred):
        return jnp.mean(jnp.square(y_true - y_pred))


class Own(losses.Loss):
    def call(self, y_true, y_pred):
        return jnp.mean(jnp.square(y_true - y_pred), axis=-1)


class Whole(losses.Loss):
    def __call__(self, y_true, y_pred, sample_weight=None):
        return jnp.mean(jnp.square(y_true - y_pred))


@pytest.mark.parametrize(
    ("loss", "exact"),
    [
        ("mse", False),
        ("hinge", False),
        (losses.BinaryCrossentropy(), False),
        ("dice", True),
        (losses.Dice(), True),
        (losses.Dice(axis=1), False),
        (losses.Tversky(axis=(0, 1)), True),
        ("circle", True),
        (Own(), False),
        (Scalar(), True),
        (Whole(), True),
        (lambda y, p: jnp.mean((y - p) ** 2, axis=-1), False),
        (lambda y, p: jnp.mean((y - p) ** 2), True),
        (lambda y, p: (y - p) ** 2, False),
        (lambda y, p: float(p[0, 0]), True),
    ],
)
def test_which_losses_can_leave_rows_out(loss, exact):
    objective = CompiledLoss(loss)
    objective.build(Y[0], jax.ShapeDtypeStruct((None, 2), "float32"))
    assert (not objective.is_declared and needs_whole_batch(objective)) == exact


PADDED = {
    "mse": (Y[0], P[0]),
    "hinge": (np.sign(Y[0]), P[0]),
    "poisson": (np.abs(Y[0]), np.abs(P[0])),
    "categorical_crossentropy": (np.eye(4, dtype="f4")[RNG.integers(0, 4, 8)], RNG.uniform(size=(8, 4)).astype("f4")),
    "sparse_categorical_crossentropy": (RNG.integers(0, 4, (8, 3)), RNG.uniform(size=(8, 3, 4)).astype("f4")),
    "binary_crossentropy": (RNG.integers(0, 2, (8, 2)), RNG.uniform(size=(8, 2)).astype("f4")),
}


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", PADDED)
def test_padded_rows_have_no_influence(name, weighted, reduction):
    """The loss and its gradient are those of the batch without them."""
    y, p = (np.array(a) for a in PADDED[name])
    weight = RNG.uniform(0.1, 2, 8).astype("float32") if weighted else None
    mask = RNG.random(p.shape[:2]) < 0.7 if p.ndim == 3 else None
    loss = losses.LossFunctionWrapper(losses.get(name), reduction=reduction)
    size = 5
    valid = (np.arange(8) < size).astype("float32")
    y[size:], p[size:] = y[size - 1], p[size - 1]

    def run(y, p, weight, valid, mask):
        with Scope():
            if mask is not None:
                note(p, "mask", mask)
            return CompiledLoss(loss)(y, p, weight, valid)[0]

    def cut(a):
        return None if a is None else a[:size]

    value, gradient = jax.jit(jax.value_and_grad(run, argnums=1))(y, p, weight, valid, mask)
    expected = jax.value_and_grad(run, argnums=1)(*map(cut, (y, p, weight)), None, cut(mask))
    np.testing.assert_allclose(value, expected[0], rtol=2e-6)
    np.testing.assert_allclose(gradient[:size], expected[1], rtol=1e-5, atol=1e-7)
    assert not np.any(gradient[size:])


def test_padded_rows_have_no_influence_on_metrics():
    y, p, weight = (RNG.random((8, 1)) > 0.5).astype("float32"), RNG.uniform(size=(8, 1)).astype("f4"), RNG.random(8)
    given = ["acc", "AUC", "mse", "Precision", "hinge", closeness, metrics.F1Score(threshold=0.5), "BinaryIoU"]
    short, padded = (CompiledMetrics(given[:-2], ["mae", "AUC"]) for _ in range(2))
    y[5:], p[5:] = y[4], p[4]
    padded.update(y, p, weight, np.array([1.0] * 5 + [0.0] * 3, "float32"))
    short.update(y[:5], p[:5], weight[:5])
    for name, value in short.results().items():
        np.testing.assert_allclose(padded.results()[name], value, rtol=1e-5)


def test_numbers_are_values_of_the_program():
    """Weights and smoothing are traced: the program is the same for other numbers, and takes them as an axis."""

    def make(weight, smoothing):
        loss = losses.CategoricalCrossentropy(label_smoothing=smoothing)
        objective = CompiledLoss({"a": loss, "b": "mse"}, {"a": weight, "b": 1.0}, ["a", "b"])
        return objective

    y = [np.eye(3, dtype="float32"), np.zeros((3, 1), "float32")]
    p = [np.full((3, 3), 1 / 3, "float32") + np.eye(3, dtype="f4") / 9, np.ones((3, 1), "float32")]
    objective = make(0.5, 0.1)
    objective.build(y, p)
    term = objective.terms[0]
    assert "terms/0/loss" in [path for path, _ in modules_of(objective)]

    def run(weight, smoothing):
        with Scope(hypers={(id(term), "weight"): weight, (id(term.loss), "label_smoothing"): smoothing}):
            return objective(y, p)[0]

    grid = np.array([[0.5, 0.1], [2.0, 0.0], [1.0, 0.4]], "float32")
    found = jax.jit(jax.vmap(run))(grid[:, 0], grid[:, 1])
    np.testing.assert_allclose(found, [make(*map(float, row))(y, p)[0] for row in grid], rtol=1e-5)
    other = make(2.0, 0.0)
    other.build(y, p)
    assert structure_of(objective) == structure_of(other) is not None


def test_names_are_no_part_of_the_structure():
    first = CompiledMetrics([["acc"], [metrics.AUC()]], None, ["a", "b"])
    second = CompiledMetrics([["accuracy"], [metrics.AUC()]], None, ["c", "d"])
    y, p = [np.ones((4, 1), "f4")] * 2, [np.ones((4, 1), "f4")] * 2
    first.build(y, p), second.build(y, p)
    assert structure_of(first) == structure_of(second) is not None
    assert list(first.results()) != list(second.results())


def spec(*shape):
    return jax.ShapeDtypeStruct(shape, "float32")


ONE_HOT = np.eye(3, dtype="float32")
BAD_TARGETS = [
    ("categorical_crossentropy", np.array([0, 1, 2]), spec(None, 3), "sparse_categorical_crossentropy"),
    ("categorical_crossentropy", np.eye(4, dtype="f4"), spec(None, 3), r"shape, \(None, 3\)"),
    ("sparse_categorical_crossentropy", ONE_HOT, spec(None, 3), "use categorical_crossentropy"),
    ("sparse_categorical_crossentropy", np.array([1, 2, 3]), spec(None, 3), "labels start at 1"),
    ("sparse_categorical_crossentropy", np.array([0, 5, 3]), spec(None, 3), "needs 6 units"),
    ("sparse_categorical_crossentropy", np.array([0, -1, 2]), spec(None, 3), "lowest=-1, highest=2"),
    ("sparse_categorical_crossentropy", np.array([0, 0.5, 2]), spec(None, 3), "whole numbers"),
    ("sparse_categorical_crossentropy", np.array([0, 1, 1]), spec(None, 1), "use binary_crossentropy"),
    ("binary_crossentropy", np.array([0, 1, 2]), spec(None, 1), "between 0 and 1.*highest=2"),
    ("binary_crossentropy", np.array([-1.0, 1.0]), spec(None, 1), "hinge"),
    ("binary_crossentropy", np.array([0, 1, 1]), spec(None, 2), "sparse_categorical_crossentropy"),
    ("mse", np.zeros((4, 1)), spec(None, 5), r"shape of the predictions, \(None, 5\).*shape=\(4, 1\)"),
    ("mse", np.zeros(4), spec(None, 5), "shape of the predictions"),
    ("mse", np.array([[1.0], [np.nan], [np.inf]]), spec(None, 1), r"must hold finite numbers.*row 1.*2 of 3"),
    ("mse", None, spec(None, 1), "needs targets"),
    ("mse", np.array([["a"], ["b"]]), spec(None, 1), "must be numbers"),
    ({"a": "mse", "b": "mse"}, {"a": np.zeros((2, 1))}, {"a": spec(None, 1), "b": spec(None, 1)}, "'b' needs targets"),
    ({"a": "mse", "b": "mse"}, {"a": np.zeros((2, 1)), "bb": 0}, {"a": spec(None, 1), "b": spec(None, 1)}, "mean 'b'"),
    (["mse", "mse"], [np.zeros((2, 1))] * 3, [spec(None, 1)] * 2, "must have 2 items"),
    (["mse", "mae", "mse"], [np.zeros((2, 1))] * 2, [spec(None, 1)] * 2, "loss: a list must have 2 items"),
]


@pytest.mark.parametrize(("loss", "y", "p", "text"), BAD_TARGETS)
def test_bad_targets_are_told_before_anything_is_compiled(loss, y, p, text):
    with pytest.raises((ValueError, TypeError), match=text):
        check_targets(CompiledLoss(loss), y, p)


GOOD_TARGETS = [
    ("categorical_crossentropy", ONE_HOT, spec(None, 3)),
    ("sparse_categorical_crossentropy", np.array([[0], [2]]), spec(None, 3)),
    ("sparse_categorical_crossentropy", np.array([0.0, 2.0]), spec(None, 3)),
    ("sparse_categorical_crossentropy", np.zeros((2, 7), int), spec(None, None, 3)),
    (losses.SparseCategoricalCrossentropy(ignore_class=-1), np.array([0, -1]), spec(None, 3)),
    ("binary_crossentropy", np.array([True, False]), spec(None, 1)),
    ("binary_crossentropy", np.array([0.3, 1.0]), spec(None, 1)),
    ("mse", jnp.zeros(4), spec(None, 1)),
    ("mse", jnp.zeros((4, 3), jnp.bfloat16), spec(None, 3)),
    ("ctc", np.zeros((4, 2)), spec(None, 9, 3)),
    (lambda y, p: p, np.zeros(4), spec(None, 5)),
    (None, None, spec(None, 1)),
]


@pytest.mark.parametrize(("loss", "y", "p"), GOOD_TARGETS)
def test_good_targets_pass(loss, y, p):
    check_targets(CompiledLoss(loss), y, p)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: CompiledLoss("binary_crosentropy"), ValueError, "Did you mean 'binary_crossentropy'"),
        (lambda: CompiledLoss({"out": "mse", "other": "mse"}, None, ["out"]), ValueError, "'other'.*outputs=\\['out'\\]"),
        (lambda: CompiledLoss({"lefd": "mse"}, None, NAMES), ValueError, "Did you mean 'left'"),
        (lambda: CompiledLoss(3), TypeError, "names, objects or functions"),
        (lambda: CompiledLoss("mse", "high"), TypeError, "`loss_weights`"),
        (lambda: CompiledLoss(losses.MeanSquaredError(reduction="none"))(Y[0], P[0]), ValueError, "one number"),
        (lambda: CompiledMetrics(["acuracy"]), ValueError, "Did you mean 'accuracy'"),
        (lambda: CompiledMetrics({"lefd": ["mse"]}, None, NAMES), ValueError, "Did you mean 'left'"),
        (lambda: CompiledMetrics(["mse", 3]), TypeError, "`metrics`"),
        (lambda: CompiledMetrics(None, ["acuracy"]), ValueError, "weighted_metrics"),
        (lambda: CompiledLoss(["mse", "mse"])(Y[0], P[0]), ValueError, "expected one value for the output"),
        (lambda: CompiledLoss("mse")(Y[0], P), ValueError, "one value was given for 2 outputs"),
        (lambda: CompiledMetrics(["mse"]).update(np.zeros(8), P[0]), ValueError, r"\(mse\): targets must fit"),
        (lambda: CompiledMetrics(["mse"]).build(None, P[0]), ValueError, "need targets"),
        (lambda: CompiledLoss(lambda y, p: y, None)(Y[0], P[0], np.ones(3)), ValueError, "sample_weight"),
    ],
)
def test_errors(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_a_metric_from_a_function_can_be_written_and_read():
    metric = metrics.MeanMetricWrapper(losses.mean_squared_error, name="squares")
    again = metrics.deserialize(metrics.serialize(metric))
    assert again.fn is losses.mean_squared_error and again.name == "squares"


def joint(y_true, y_pred):
    """A loss of a structure of outputs: the mean difference of each, added up."""
    pairs = zip(jax.tree.leaves(y_true), jax.tree.leaves(y_pred), strict=True)
    return sum(jnp.mean(jnp.abs(y - p), axis=-1) for y, p in pairs)


Pair = namedtuple("Pair", ["x", "y"])
NESTED = {"a": (Y[0], Y[1]), "b": {"c": Y[0], "d": Y[1]}}
STRUCTURES = {
    "tuple": (tuple(Y), [joint, ("mse", "mae")], [2.0, (0.5, 3.0)]),
    "dict": ({"c": Y[0], "d": Y[1]}, [joint, {"d": "mae"}], [2.0, {"d": 0.5}]),
    "named": (Pair(*Y), [joint, Pair("mse", "mae")], None),
    "nested": (NESTED, {"a": [joint, (None, "mae")], "b": joint}, {"a": [1.0, (1.0, 3.0)], "b": 0.5}),
    "several for one": (list(Y), ["mse", ["mse", "mae"]], [1.0, [2.0, 3.0]]),
    "several for one of a tuple": (tuple(Y), ("mse", ("mse", "mae")), None),
    "parts": (NESTED, {"a": ["mse", "mae"], "b": {"c": "mse"}}, None),
}


@pytest.mark.parametrize("form", STRUCTURES)
def test_losses_of_structures_equal_keras(form):
    truth, loss, weights = STRUCTURES[form]
    prediction = jax.tree.unflatten(jax.tree.structure(truth), P * (len(jax.tree.leaves(truth)) // 2))
    names = ["k", "l", "m", "n"][: len(jax.tree.leaves(truth))]
    theirs = CompileLoss(loss, weights, output_names=names)
    expected = theirs(truth, prediction)
    # A model whose outputs are a dict of structures says the keys for names.
    ours = CompiledLoss(loss, weights, list(truth) if isinstance(loss, dict) else names)
    total, parts = ours(truth, prediction)
    assert float(total) == pytest.approx(float(expected), rel=1e-5)
    named = {metric.name for metric in theirs.metrics}
    assert len(parts) == len(named)
    if not isinstance(loss, dict):
        assert {f"{name}_loss" for name in parts} == named


def test_losses_of_structures_take_weights_and_refuse_others():
    loss, weight = [joint, ("mse", "mae")], RNG.uniform(size=8).astype("float32")
    _, parts = CompiledLoss(loss, None, NAMES)(tuple(Y), tuple(P), weight)
    values = np.abs(Y[0] - P[0]).mean(-1) + np.abs(Y[1] - P[1]).mean(-1)
    assert float(parts["left_right"]) == pytest.approx(float(np.mean(values * weight)), rel=1e-5)
    with pytest.raises(ValueError, match="need the same weights"):
        CompiledLoss(loss, None, NAMES)(tuple(Y), tuple(P), (weight, 2 * weight))
    with pytest.raises(ValueError, match="a number for each of the 3 losses"):
        CompiledLoss(loss, [1.0, 2.0], NAMES)(tuple(Y), tuple(P))


def test_losses_of_structures_are_trained_on():
    x = kerata.Input((3,))
    heads = Pair(kerata.layers.Dense(2, name="one")(x), kerata.layers.Dense(1, name="two")(x))
    model = kerata.Model(x, heads)
    model.compile("sgd", [joint, Pair(None, "mae")], [0.5, Pair(1.0, 2.0)])
    data, truth = RNG.normal(size=(8, 3)).astype("float32"), Pair(*Y)
    predicted = [np.asarray(one) for one in model(data)]
    first, second = (float(np.mean(np.abs(y - p))) for y, p in zip(Y, predicted, strict=True))
    # Three batches, the last one padded, whose losses are means over the samples.
    logs = model.evaluate(data, truth, batch_size=3, verbose=0, return_dict=True)
    expected = {"loss": 0.5 * (first + second) + 2 * second, "one_two_loss": first + second, "two_loss": second}
    assert logs == pytest.approx(expected, rel=1e-5)
    assert set(model.fit(data, truth, batch_size=3, verbose=0).history) == set(expected)


def test_losses_of_a_structure_mean_the_same_where_a_file_has_made_lists_of_tuples():
    def joint(y_true, y_pred):
        return kerata.ops.mean(kerata.ops.square(y_true[0] - y_pred[0]), axis=-1)

    inputs = kerata.Input((2,))
    model = kerata.Model(inputs, (kerata.layers.Dense(1)(inputs), kerata.layers.Dense(3)(inputs)))
    x, y = np.ones((5, 2), "float32"), (np.ones((5, 1), "float32"), np.zeros((5, 3), "float32"))
    found = []
    for loss in ([joint, (None, "mae")], [joint, [None, "mae"]]):
        model.compile("sgd", loss)
        found.append(model.evaluate(x, y, verbose=0, return_dict=True)["loss"])
    first, second = model.predict(x, verbose=0)
    assert found == pytest.approx([np.mean((1 - first) ** 2) + np.mean(np.abs(second))] * 2, rel=1e-5)


def test_losses_for_the_same_outputs_stay_so_in_a_file(tmp_path):
    inputs = kerata.Input((2,))
    model = kerata.Model(inputs, (kerata.layers.Dense(1)(inputs), kerata.layers.Dense(3)(inputs)))
    x, y = np.ones((5, 2), "float32"), (np.ones((5, 1), "float32"), np.zeros((5, 3), "float32"))
    first, second = model.predict(x, verbose=0)
    squares = [np.mean((1 - first) ** 2), np.mean(second**2)]
    # A list for outputs in a tuple is for all of them: squares of both, and then one for each.
    model.compile("sgd", ["mse", ("mse", "mae")], [1.0, (2.0, 3.0)])
    model.save(tmp_path / "m.keras")
    for one in (model, kerata.saving.load_model(tmp_path / "m.keras")):
        expected = 3 * squares[0] + squares[1] + 3 * np.mean(np.abs(second))
        assert one.evaluate(x, y, verbose=0, return_dict=True)["loss"] == pytest.approx(expected, rel=1e-5)


def test_outputs_in_lists_of_a_dict_are_called_by_their_layers():
    found = []
    for library in (keras, kerata):
        x = library.Input((3,))
        one = lambda name, x=x, library=library: library.layers.Dense(1, name=name)(x)  # noqa: E731
        model = library.Model(x, {"s": one("s1"), "t": [one("t0"), one("t1")], "u": {"w": (one("w0"),)}})
        metrics = {"s": "mae", "t": ["mae", "mse"], "u": {"w": ("mae",)}}
        model.compile("sgd", "mse", metrics=metrics)
        y = np.ones((4, 1))
        found.append(list(model.fit(np.ones((4, 3)), {"s": y, "t": [y, y], "u": {"w": (y,)}}, verbose=0).history))
    assert found[0] == found[1] and "t/t0_loss" in found[1]
    with pytest.raises(
        ValueError, match=r"names an output that does not exist. Received: loss='s1', outputs=\['s', 't', 'u'\]"
    ):
        model.compile("sgd", {"s1": "mse"})
