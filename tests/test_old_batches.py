"""Batch normalization of the eras: what the moving variance takes in, by their sources (`tf.keras` was run, too)."""

import math

import numpy as np
import pytest

import kerata
from kerata import legacy

SHAPES = [((4, 4, 3), -1), ((5,), -1), ((4, 3), -1), ((4, 3, 4), 1), ((2, 3, 2, 3), -1)]


def factor(era, ndim, axis, n):
    """How many times its variance a batch of n numbers a feature is taken for."""
    if era == "keras1":
        return 1.0
    if era == "tfkeras2":
        return n / (n - 1) if ndim in (4, 5) and axis in (1, ndim - 1) else 1.0
    fused = n / (n - 1) if ndim == 4 and axis == 3 else 1.0
    return fused * n / (n - 1.001)


@pytest.mark.parametrize("era", ["keras1", "keras2", "keras22", "tfkeras2", "adopted"])
@pytest.mark.parametrize(("shape", "axis"), SHAPES)
def test_the_moving_variance_is_that_of_then(era, shape, axis):
    adopted, era = era == "adopted", "tfkeras2" if era == "adopted" else era
    keras = getattr(legacy, era)
    x = np.random.RandomState(0).rand(6, *shape).astype("float32")
    if adopted:
        # Layers of today that a file gives, in a program of then.
        today = kerata.Sequential([kerata.Input(shape), kerata.layers.BatchNormalization(axis=axis)])
        model = keras.models.model_from_json(today.to_json())
    else:
        model = keras.models.Sequential([keras.layers.BatchNormalization(axis=axis, input_shape=shape)])
    model.compile("sgd", "mse")
    epochs = {"nb_epoch": 1} if era == "keras1" else {"epochs": 1}
    model.fit(x, x, batch_size=4, shuffle=False, verbose=0, **epochs)
    wanted, axes = np.ones(shape[axis - 1 if axis > 0 else axis], "float32"), tuple(range(x.ndim))
    axes = tuple(one for one in axes if one != axis % x.ndim)
    for batch in (x[:4], x[4:]):
        n = math.prod(batch.shape[one] for one in axes)
        wanted = 0.99 * wanted + 0.01 * batch.var(axes) * factor(era, x.ndim, axis % x.ndim, n)
    np.testing.assert_allclose(model.get_weights()[3], wanted, rtol=2e-6)


@pytest.mark.parametrize("era", ["keras1", "keras2", "tfkeras2"])
@pytest.mark.parametrize("nested", [False, True])
def test_all_steps_are_one_batch(era, nested):
    """Equal to `tf_keras`, which normalizes all steps together; today's goes step by step."""
    keras = getattr(legacy, era)
    x = np.random.RandomState(0).rand(6, 3, 4).astype("float32")
    within = keras.layers.BatchNormalization(input_shape=(4,))
    within = keras.models.Sequential([within]) if nested else within
    model = keras.models.Sequential([keras.layers.TimeDistributed(within, input_shape=(3, 4))])
    model.compile("sgd", "mse")
    epochs = {"nb_epoch": 1} if era == "keras1" else {"epochs": 1}
    model.fit(x, x, batch_size=4, shuffle=False, verbose=0, **epochs)
    mean, variance = np.zeros(4), np.ones(4)
    for batch in (x[:4].reshape(-1, 4), x[4:].reshape(-1, 4)):
        mean = 0.99 * mean + 0.01 * batch.mean(0)
        variance = 0.99 * variance + 0.01 * batch.var(0) * factor(era, 2, 1, len(batch))
    np.testing.assert_allclose(model.get_weights()[2:], [mean, variance], rtol=2e-5)


def test_eras_do_not_share_a_program():
    x = np.random.RandomState(0).rand(4, 5).astype("float32")
    found = []
    for layers, models in ((kerata.layers, kerata.models), (legacy.keras2.layers, legacy.keras2.models)):
        model = models.Sequential([layers.BatchNormalization(input_shape=(5,))])
        model.compile("sgd", "mse")
        model.fit(x, x, epochs=1, verbose=0)
        found.append((model.get_weights()[3] - 0.99) / 0.01 / x.var(0))
    np.testing.assert_allclose(found, [np.ones(5), np.full(5, 4 / 2.999)], rtol=1e-4)
