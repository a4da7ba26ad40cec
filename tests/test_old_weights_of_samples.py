"""Weights of classes beside those of samples, which were multiplied before Keras 3, and in Keras 1 those of samples alone.

`standardize_weights` of Keras 1.2.2 and 2.3.1, `_make_class_weight_map_fn` of `tf_keras` 2.21.
"""

import numpy as np
import pytest

import kerata
from kerata import legacy

X = np.linspace(-1.0, 1.0, 20).reshape(10, 2)
Y = np.array([0, 1, 1, 0, 1, 0, 0, 1, 0, 1])
WEIGHTS = np.linspace(0.5, 2.0, 10)
CLASSES = {0: 0.25, 1: 3.0}
# The squared error of a prediction of 0 is the label itself, so that only the weights of class 1 count.
PRODUCT = np.mean(WEIGHTS * 3.0 * Y)


def model_of(era):
    keras = getattr(legacy, era)
    model = keras.models.Sequential([keras.layers.Dense(1, input_shape=(2,), weights=[np.zeros((2, 1)), np.zeros(1)])])
    model.compile(keras.optimizers.SGD(lr=0.0), "mse")
    return keras, model


def batches():
    while True:
        for start in (0, 5):
            part = slice(start, start + 5)
            yield X[part], Y[part], WEIGHTS[part]


@pytest.mark.parametrize("era, expected", [("keras2", PRODUCT), ("tfkeras2", PRODUCT), ("keras1", np.mean(WEIGHTS * Y))])
def test_both_are_multiplied(era, expected):
    _, model = model_of(era)
    given = {"batch_size": 10, "verbose": 0, "class_weight": CLASSES, "sample_weight": WEIGHTS}
    assert model.fit(X, Y, **given).history["loss"][0] == pytest.approx(expected)
    found = model.train_on_batch(X, Y, class_weight=CLASSES, sample_weight=WEIGHTS)
    assert found == pytest.approx(expected)


def test_so_are_those_of_batches():
    keras, model = model_of("tfkeras2")
    history = model.fit(batches(), steps_per_epoch=2, verbose=0, class_weight=CLASSES)
    assert history.history["loss"] == pytest.approx([PRODUCT])

    class Parts(keras.utils.Sequence):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return X[5 * index : 5 * index + 5], Y[5 * index : 5 * index + 5], WEIGHTS[5 * index : 5 * index + 5]

    assert model.fit(Parts(), verbose=0, class_weight=CLASSES).history["loss"] == pytest.approx([PRODUCT])


def test_today_they_are_refused_together():
    model = kerata.Sequential([kerata.Input((2,)), kerata.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="cannot be given together"):
        model.fit(X, Y, class_weight=CLASSES, sample_weight=WEIGHTS, verbose=0)
