"""Losses against real Keras: values, gradients, weights, reductions, masks and configs, one row a case."""

import inspect
import json

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from keras.src.backend.common.masking import set_keras_mask

from kerata import losses
from kerata.base.serialization import deserialize_keras_object
from kerata.engine.scope import Scope, note

RNG = np.random.default_rng(7)


def _softmax(x):
    x = np.exp(x - x.max(-1, keepdims=True))
    return x / x.sum(-1, keepdims=True)


def _normal(*shape):
    return RNG.normal(size=shape).astype("float32")


def _one_hot(*shape, classes=4):
    return np.eye(classes, dtype="float32")[RNG.integers(0, classes, shape)]


DATA = {
    "numbers": (_normal(6, 3), _normal(6, 3)),
    "column": (_normal(6), _normal(6, 1)),
    "column_true": (_normal(6, 1), _normal(6)),
    "steps": (_normal(6, 5), _normal(6, 5, 1)),
    "positive": (RNG.uniform(0.5, 9, (6, 3)).astype("float32"), RNG.uniform(0.5, 9, (6, 3)).astype("float32")),
    "binary": (RNG.integers(0, 2, (6, 3)).astype("float32"), RNG.uniform(0.02, 0.98, (6, 3)).astype("float32")),
    "binary_column": (RNG.integers(0, 2, 6), RNG.uniform(0.02, 0.98, (6, 1)).astype("float32")),
    "binary_logits": (RNG.integers(0, 2, (6, 3)).astype("float32"), 3 * _normal(6, 3)),
    "signs": (np.sign(_normal(6, 3)), _normal(6, 3)),
    "classes": (_one_hot(6), _softmax(_normal(6, 4))),
    "class_scores": (_one_hot(6), RNG.uniform(0.1, 2, (6, 4)).astype("float32")),
    "class_logits": (_one_hot(6), 3 * _normal(6, 4)),
    "class_steps": (_one_hot(6, 5), 3 * _normal(6, 5, 4)),
    "labels": (RNG.integers(0, 4, 6), _softmax(_normal(6, 4))),
    "labels_column": (RNG.integers(0, 4, (6, 1)), 3 * _normal(6, 4)),
    "label_steps": (RNG.integers(0, 4, (6, 5)), 3 * _normal(6, 5, 4)),
    "some_labels": (np.array([0, -1, 3, -1, 2, 1]), 3 * _normal(6, 4)),
    "distributions": (_softmax(_normal(6, 4)), _softmax(_normal(6, 4))),
    "pictures": (RNG.integers(0, 2, (6, 4, 4, 1)).astype("float32"), RNG.uniform(0, 1, (6, 4, 4, 1)).astype("float32")),
    "embeddings": (np.array([0, 1, 0, 1, 2, 2]), None),
    "text": (np.array([[1, 2, 2, 0], [3, 0, 0, 0], [1, 1, 0, 0]]), _normal(3, 9, 5)),
}
VECTORS = _normal(6, 8)
DATA["embeddings"] = (DATA["embeddings"][0], VECTORS / np.linalg.norm(VECTORS, axis=-1, keepdims=True))


def row(name, data, tolerance=1e-5, **arguments):
    text = ",".join(f"{k}={v}" for k, v in arguments.items())
    return pytest.param(name, data, arguments, tolerance, id=f"{name}-{data}-{text}")


ROWS = [
    *[
        row(name, data)
        for name in ("MeanSquaredError", "MeanAbsoluteError", "MeanAbsolutePercentageError", "LogCosh", "Huber")
        for data in ("numbers", "column", "column_true", "steps")
    ],
    row("MeanSquaredLogarithmicError", "positive"),
    row("MeanSquaredLogarithmicError", "numbers"),
    row("CosineSimilarity", "numbers"),
    row("CosineSimilarity", "numbers", axis=0),
    row("Huber", "numbers", delta=0.3),
    row("Poisson", "positive"),
    row("KLDivergence", "distributions"),
    row("KLDivergence", "classes"),
    row("Hinge", "binary"),
    row("Hinge", "signs"),
    row("SquaredHinge", "binary"),
    row("SquaredHinge", "signs"),
    row("CategoricalHinge", "class_logits"),
    row("BinaryCrossentropy", "binary"),
    row("BinaryCrossentropy", "binary_column"),
    row("BinaryCrossentropy", "binary", label_smoothing=0.2),
    row("BinaryCrossentropy", "binary_logits", from_logits=True),
    row("BinaryCrossentropy", "binary_logits", from_logits=True, label_smoothing=0.1),
    row("BinaryCrossentropy", "binary", axis=0),
    row("BinaryFocalCrossentropy", "binary"),
    row("BinaryFocalCrossentropy", "binary", apply_class_balancing=True, alpha=0.4, gamma=1.5),
    row("BinaryFocalCrossentropy", "binary_logits", from_logits=True, label_smoothing=0.1),
    row("CategoricalCrossentropy", "classes"),
    row("CategoricalCrossentropy", "class_scores"),
    row("CategoricalCrossentropy", "classes", label_smoothing=0.2),
    row("CategoricalCrossentropy", "class_logits", from_logits=True),
    row("CategoricalCrossentropy", "class_steps", from_logits=True, label_smoothing=0.1),
    row("CategoricalFocalCrossentropy", "classes"),
    row("CategoricalFocalCrossentropy", "class_logits", from_logits=True, gamma=1.0, alpha=0.5, label_smoothing=0.1),
    row("CategoricalFocalCrossentropy", "classes", alpha=[0.1, 0.2, 0.3, 0.4]),
    row("SparseCategoricalCrossentropy", "labels"),
    row("SparseCategoricalCrossentropy", "labels_column", from_logits=True),
    row("SparseCategoricalCrossentropy", "label_steps", from_logits=True),
    row("SparseCategoricalCrossentropy", "some_labels", from_logits=True, ignore_class=-1),
    row("CategoricalGeneralizedCrossEntropy", "labels", q=0.7),
    row("Dice", "pictures"),
    row("Dice", "pictures", axis=(1, 2, 3)),
    row("Tversky", "pictures", alpha=0.3, beta=0.3),
    row("Tversky", "pictures", axis=(1, 2, 3)),
    row("Circle", "embeddings", 1e-4),
    row("Circle", "embeddings", 1e-4, gamma=10.0, margin=0.2, remove_diagonal=False),
    row("CTC", "text", 1e-4),
]


def pair(kind, arguments, **more):
    return getattr(losses, kind)(**arguments, **more), getattr(keras.losses, kind)(**arguments, **more)


def same(ours, theirs, tolerance=1e-5):
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=tolerance, atol=tolerance / 10)


@pytest.mark.parametrize(("name", "data", "arguments", "tolerance"), ROWS)
def test_values_and_gradients(name, data, arguments, tolerance):
    y_true, y_pred = DATA[data]
    ours, theirs = pair(name, arguments)
    assert ours.name == theirs.name
    found, expected = (
        jax.jit(jax.value_and_grad(lambda p, f=loss: jnp.sum(f(jnp.asarray(y_true), p))))(y_pred) for loss in (ours, theirs)
    )
    same(found[0], expected[0], tolerance)
    same(found[1], expected[1], max(tolerance, 2e-5))


REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none", None)


@pytest.mark.parametrize(("name", "data", "arguments", "tolerance"), ROWS)
def test_reductions_and_weights(name, data, arguments, tolerance):
    y_true, y_pred = DATA[data]
    shape = np.shape(pair(name, arguments, reduction="none")[1](y_true, y_pred))
    weights = [None, RNG.uniform(0, 2, shape or (6,)).astype("float32")]
    if len(shape) == 1:
        weights += [RNG.uniform(0, 2, (*shape, 1)).astype("float32"), np.zeros(shape)]
    for reduction in REDUCTIONS:
        ours, theirs = pair(name, arguments, reduction=reduction)
        for weight in weights:
            # Weights of shape (batch, 1) leave values of shape (batch,) as they are; Keras gives them that axis too.
            same(np.ravel(ours(y_true, y_pred, weight)), np.ravel(theirs(y_true, y_pred, weight)), tolerance)


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
@pytest.mark.parametrize("weighted", [False, True])
def test_masks(reduction, weighted):
    y_true, y_pred = DATA["label_steps"]
    mask = np.array([[1, 1, 1, 0, 0]] * 5 + [[0] * 5], bool)
    weight = RNG.uniform(0, 2, (6, 5)).astype("float32") if weighted else None
    ours, theirs = pair("SparseCategoricalCrossentropy", {"from_logits": True, "reduction": reduction})
    mine, other = jnp.asarray(y_pred), jnp.array(y_pred)
    with Scope():
        note(mine, "mask", jnp.asarray(mask))
        value = ours(y_true, mine, weight)
    set_keras_mask(other, mask)
    same(value, theirs(y_true, other, weight))


FUNCTIONS = {
    "mean_squared_error": "numbers",
    "mean_absolute_error": "numbers",
    "mean_absolute_percentage_error": "numbers",
    "mean_squared_logarithmic_error": "positive",
    "cosine_similarity": "numbers",
    "huber": "numbers",
    "log_cosh": "numbers",
    "kl_divergence": "distributions",
    "poisson": "positive",
    "hinge": "signs",
    "squared_hinge": "signs",
    "categorical_hinge": "class_logits",
    "binary_crossentropy": "binary",
    "categorical_crossentropy": "classes",
    "sparse_categorical_crossentropy": "labels",
    "binary_focal_crossentropy": "binary",
    "categorical_focal_crossentropy": "classes",
    "dice": "pictures",
    "tversky": "pictures",
    "circle": "embeddings",
    "ctc": "text",
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    y_true, y_pred = DATA[FUNCTIONS[name]]
    theirs = getattr(keras.losses, name)
    same(losses.get(name)(y_true, y_pred), theirs(jnp.asarray(y_true), jnp.asarray(y_pred)), 1e-4)
    assert list(inspect.signature(losses.get(name)).parameters) == list(inspect.signature(theirs).parameters)
    assert losses.get(name) is getattr(losses, name)


ALIASES = ("mse", "MSE", "mae", "MAE", "mape", "MAPE", "msle", "MSLE", "bce", "BCE", "kld", "KLD")


@pytest.mark.parametrize("alias", ALIASES)
def test_aliases(alias):
    assert losses.get(alias).__name__ == keras.losses.get(alias).__name__


@pytest.mark.parametrize(
    ("alias", "name"),
    [("kullback_leibler_divergence", "kl_divergence"), ("logcosh", "log_cosh"), ("cosine_proximity", "cosine_similarity")],
)
def test_former_names(alias, name):
    assert losses.get(alias) is losses.get(name) is getattr(losses, alias)


@pytest.mark.parametrize(("name", "data", "arguments", "tolerance"), ROWS)
def test_configs(name, data, arguments, tolerance):
    ours, theirs = pair(name, arguments, reduction="sum", name="mine")
    config, other = ours.get_config(), theirs.get_config()
    assert {k: config[k] for k in other} == {k: list(v) if isinstance(v, tuple) else v for k, v in other.items()} or (
        {k: config[k] for k in other} == other
    )
    y_true, y_pred = DATA[data]
    plain = json.loads(json.dumps(losses.serialize(ours)))
    assert plain["module"] == keras.losses.serialize(theirs)["module"]
    expected = ours(y_true, y_pred)
    same(losses.deserialize(plain)(y_true, y_pred), expected)
    if name != "CategoricalGeneralizedCrossEntropy":  # not among the objects that Keras reads by name
        same(keras.losses.deserialize(json.loads(json.dumps(plain)))(y_true, y_pred), expected, tolerance)
        other = keras.losses.serialize(type(theirs)(**config))
        if name not in ("CosineSimilarity", "Huber"):  # whose `axis` and `delta` Keras does not write
            same(losses.deserialize(other)(y_true, y_pred), expected, tolerance)


def test_signatures():
    for name, theirs in vars(keras.losses).items():
        if inspect.isclass(theirs):
            ours = list(inspect.signature(getattr(losses, name).__init__).parameters.items())
            other = list(inspect.signature(theirs.__init__).parameters.items())
            assert [(k, p.default) for k, p in ours] == [(k, p.default) for k, p in other], name


def test_every_public_name():
    assert not [name for name in dir(keras.losses) if not name.startswith("_") and not hasattr(losses, name)]


def test_function_config():
    plain = json.loads(json.dumps(losses.serialize(losses.mean_squared_error)))
    assert plain == json.loads(json.dumps(keras.losses.serialize(keras.losses.mean_squared_error)))
    assert deserialize_keras_object(plain) is losses.mean_squared_error


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_noted_logits_are_exact(activation):
    """Where probabilities are rounded to 1, the value still comes from the logits."""
    logits = np.array([[200.0, 0.0, -5.0], [0.5, 0.1, 2.0]], "float32")
    y_true = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], "float32")
    name = "CategoricalCrossentropy" if activation == "softmax" else "BinaryCrossentropy"
    expected = getattr(keras.losses, name)(from_logits=True)(y_true, logits)
    with Scope():
        y_pred = getattr(jax.nn, activation)(jnp.asarray(logits))
        note(y_pred, "logits", (activation, jnp.asarray(logits)))
        same(getattr(losses, name)()(y_true, y_pred), expected)
        if activation == "softmax":
            same(losses.SparseCategoricalCrossentropy()(y_true.argmax(-1), y_pred), expected)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_small_types_keep_logits_and_labels(dtype):
    """Predictions of mixed precision are computed in float32, from their logits; large labels are not rounded."""
    logits = np.zeros((2, 400), "float32")
    logits[0, 301] = 40.0
    labels = np.array([300, 301])
    with Scope():
        y_pred = jax.nn.softmax(jnp.asarray(logits, dtype))
        note(y_pred, "logits", ("softmax", jnp.asarray(logits, dtype)))
        value = losses.SparseCategoricalCrossentropy(reduction="none")(labels, y_pred)
    same(value, [40.0, np.log(400)])
    assert value.dtype == "float32"
    small = losses.SparseCategoricalCrossentropy(from_logits=True, reduction="none", dtype=dtype)(labels, logits)
    assert small.dtype == dtype and float(small[0]) == 40.0
