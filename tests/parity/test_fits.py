"""Whole training runs against real Keras: same weights, data and order, same histories and same final weights."""

import keras
import numpy as np
import pytest

import kerata

RNG = np.random.default_rng(0)
X = RNG.standard_normal((75, 6), np.float32)
LABELS = (np.argmax(X[:, :3], -1)).astype("int32")
ONE_HOT = np.eye(3, dtype=np.float32)[LABELS]
PICTURES = RNG.standard_normal((30, 8, 8, 1), np.float32)
PICTURE_LABELS = RNG.integers(0, 3, 30)
WORDS = RNG.integers(0, 20, (40, 7))
WORD_LABELS = RNG.integers(0, 2, 40).astype(np.float32)


def table(k):
    return k.Sequential(
        [k.Input((6,)), k.layers.Dense(8, activation="relu", kernel_regularizer="l2"), k.layers.Dense(3, activation="softmax")]
    )


def functional(k):
    a, b = k.Input((6,), name="a"), k.Input((6,), name="b")
    shared = k.layers.Dense(5, activation="tanh")
    merged = k.layers.concatenate([shared(a), shared(b)])
    out = k.layers.Dense(3, activation="softmax", name="label")(k.layers.add([merged, k.layers.Dense(10)(b)]))
    return k.Model([a, b], [out, k.layers.Dense(1, name="size")(merged)])


def pictures(k):
    return k.Sequential(
        [
            k.Input((8, 8, 1)),
            k.layers.Conv2D(4, 3, use_bias=False),
            k.layers.BatchNormalization(),
            k.layers.Activation("relu"),
            k.layers.MaxPooling2D(),
            k.layers.Flatten(),
            k.layers.Dense(3, activation="softmax"),
        ]
    )


def words(k):
    return k.Sequential(
        [k.Input((7,)), k.layers.Embedding(20, 5, mask_zero=True), k.layers.LSTM(6), k.layers.Dense(1, activation="sigmoid")]
    )


# (model, x, y, compile, fit)
CASES = {
    "table": (table, X, ONE_HOT, {"optimizer": "rmsprop", "loss": "categorical_crossentropy", "metrics": ["accuracy"]}, {}),
    "sparse": (table, X, LABELS, {"optimizer": "adam", "loss": "sparse_categorical_crossentropy", "metrics": ["acc"]}, {}),
    "weights": (
        table,
        X,
        ONE_HOT,
        {"optimizer": "adam", "loss": "categorical_crossentropy", "weighted_metrics": ["accuracy"]},
        {"sample_weight": RNG.random(75).astype(np.float32)},
    ),
    "classes": (
        table,
        X,
        LABELS,
        {"optimizer": "adam", "loss": "sparse_categorical_crossentropy"},
        {"class_weight": {0: 1.0, 1: 3.0, 2: 0.5}},
    ),
    "validation": (
        table,
        X,
        ONE_HOT,
        {"optimizer": "sgd", "loss": "mse", "metrics": ["mae", "AUC"]},
        {"validation_split": 0.2},
    ),
    "functional": (
        functional,
        [X, X[::-1].copy()],
        [ONE_HOT, X[:, :1]],
        {
            "optimizer": "adam",
            "loss": {"label": "categorical_crossentropy", "size": "mse"},
            "loss_weights": {"label": 1.0, "size": 0.3},
            "metrics": {"label": ["accuracy"], "size": ["mae"]},
        },
        {},
    ),
    "pictures": (
        pictures,
        PICTURES,
        PICTURE_LABELS,
        {"optimizer": "adam", "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]},
        {},
    ),
    "words": (words, WORDS, WORD_LABELS, {"optimizer": "rmsprop", "loss": "binary_crossentropy", "metrics": ["accuracy"]}, {}),
}


def copy_weights(ours, theirs):
    ours.set_weights(theirs.get_weights())


@pytest.mark.parametrize("name", CASES)
def test_fit_equals_keras(name):
    make, x, y, compile, fit = CASES[name]
    ours, theirs = make(kerata), make(keras)
    copy_weights(ours, theirs)
    histories = []
    for model in (ours, theirs):
        model.compile(**compile)
        histories.append(model.fit(x, y, epochs=3, batch_size=16, shuffle=False, verbose=0, **fit).history)
    mine, other = histories
    assert list(mine) == list(other)
    for key in other:
        np.testing.assert_allclose(mine[key], other[key], rtol=2e-4, atol=1e-5, err_msg=key)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-5)
    np.testing.assert_allclose(ours.evaluate(x, y, verbose=0), theirs.evaluate(x, y, verbose=0), rtol=1e-3, atol=1e-5)
    outputs = [model.predict(x, verbose=0) for model in (ours, theirs)]
    for a, b in zip(*[o if isinstance(o, list) else [o] for o in outputs], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


def test_batches_equal_keras():
    ours, theirs = table(kerata), table(keras)
    copy_weights(ours, theirs)
    for model in (ours, theirs):
        model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    for start in (0, 20, 40):
        batch = X[start : start + 20], ONE_HOT[start : start + 20]
        np.testing.assert_allclose(ours.train_on_batch(*batch), theirs.train_on_batch(*batch), rtol=1e-4)
        np.testing.assert_allclose(ours.test_on_batch(*batch), theirs.test_on_batch(*batch), rtol=1e-4)
    np.testing.assert_allclose(ours.predict_on_batch(X), theirs.predict_on_batch(X), rtol=1e-4, atol=1e-6)
