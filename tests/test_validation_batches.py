"""Where a measure depends on the batches that samples come in, populations validate in those of `fit`."""

import numpy as np
import pytest

import kerata
from kerata import layers, ops, search

RNG = np.random.default_rng(0)
N = 41
SEQUENCES = RNG.normal(size=(N, 5, 3)).astype("float32")
for place in range(N):
    SEQUENCES[place, 1 + place % 5 :] = 0.0
TARGETS = (RNG.normal(size=(N, 5, 1)) * (1 + np.arange(N)[:, None, None])).astype("float32")
HELD = np.arange(N) % 3 == 0
TRAIN, TEST = np.flatnonzero(~HELD), np.flatnonzero(HELD)


def by_the_batch(y_true, y_pred):
    errors = ops.mean(ops.square(y_true - y_pred), -1)
    return errors / (ops.mean(errors) + 1.0) * 2


def masked(**arguments):
    inputs = kerata.Input((5, 3))
    hidden = layers.SimpleRNN(3, return_sequences=True)(layers.Masking()(inputs))
    model = kerata.Model(inputs, layers.Dense(1)(hidden))
    model.compile(kerata.optimizers.SGD(0.0, **arguments), "mse")
    return model, SEQUENCES, TARGETS


def dense(loss, **arguments):
    model = kerata.Sequential([kerata.Input((3,)), layers.Dense(1)])
    model.compile(kerata.optimizers.SGD(0.0, **arguments), loss)
    return model, SEQUENCES[:, 0], TARGETS[:, 0]


def some_classes_ignored():
    model = kerata.Sequential([kerata.Input((3,)), layers.Dense(4, "softmax")])
    model.compile(kerata.optimizers.SGD(0.0), kerata.losses.SparseCategoricalCrossentropy(ignore_class=1))
    return model, SEQUENCES[:, 0], np.arange(N) // 3 % 4


@pytest.mark.parametrize(
    "make",
    [
        masked,
        lambda: masked(use_ema=True),
        lambda: dense(by_the_batch),
        lambda: dense(by_the_batch, use_ema=True),
        lambda: dense(kerata.losses.MeanSquaredError(reduction="sum")),
        some_classes_ignored,
    ],
    ids=["masked", "masked, averages", "own loss", "own loss, averages", "a sum", "a class ignored"],
)
def test_scores_are_those_of_fit(make):
    model, x, y = make()
    arguments = {"epochs": 1, "batch_size": 4, "initial_weights": "keep"}
    folds = model.cross_validate(x, y, cv=[(TRAIN, TEST)], **arguments)
    many = search.fit_many(model, x[TRAIN], y[TRAIN], copies=2, validation_data=(x[TEST], y[TEST]), **arguments)
    right = model.fit(x[TRAIN], y[TRAIN], validation_data=(x[TEST], y[TEST]), batch_size=4, verbose=0).history["val_loss"][0]
    assert folds.scores["loss"][0] == pytest.approx(right, rel=1e-5)
    assert many.histories[0]["val_loss"][0] == pytest.approx(right, rel=1e-5)
    other = model.evaluate(x[TEST], y[TEST], batch_size=32, verbose=0)
    assert other != pytest.approx(right, rel=1e-3)  # the batches matter
