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
    # A model within moves its averages twice a batch in tf.keras.
    times = 2 if nested and era == "tfkeras2" else 1
    for batch in [part for part in (x[:4].reshape(-1, 4), x[4:].reshape(-1, 4)) for _ in range(times)]:
        mean = 0.99 * mean + 0.01 * batch.mean(0)
        variance = 0.99 * variance + 0.01 * batch.var(0) * factor(era, 2, 1, len(batch))
    np.testing.assert_allclose(model.get_weights()[2:], [mean, variance], rtol=2e-5)


@pytest.mark.parametrize(("kind", "calls"), [("model", 2), ("chain", 2), ("deep", 4), ("own", 1), ("layer", 1)])
def test_a_model_within_time_distributed_counts_twice_in_tf_keras(kind, calls):
    """As in `tf_keras` 2.21, which calls a graph of layers again for its masks; once a level."""
    layers, models = legacy.tfkeras2.layers, legacy.tfkeras2.models

    class Own(models.Model):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def call(self, x):
            return self.inner(x)

    x = np.random.RandomState(0).rand(6, 3, 2, 4).astype("float32")
    normal = layers.BatchNormalization(momentum=0.5, activity_regularizer=lambda y: 0.0 * y.shape[0] + abs(y).sum() * 0 + 1.0)
    start = layers.Input((4,))
    within = {
        "model": lambda: models.Model(start, normal(start)),
        "chain": lambda: models.Sequential([normal]),
        "deep": lambda: models.Model(start, normal(start)),
        "own": lambda: Own(normal),
        "layer": lambda: normal,
    }[kind]()
    if kind == "deep":
        steps = layers.Input((2, 4))
        within = models.Model(steps, layers.TimeDistributed(within)(steps))
        x_in = x
    else:
        x_in = x[:, :, 0]
    whole = layers.Input(x_in.shape[1:])
    model = models.Model(whole, layers.TimeDistributed(within)(whole))
    model.compile(kerata.optimizers.SGD(0.0), "mse")
    model.train_on_batch(x_in, x_in)
    mean = x_in.reshape(-1, 4).mean(0)
    np.testing.assert_allclose(normal.moving_mean, (1 - 0.5**calls) * mean, rtol=1e-5)
    # The penalty is a mean over samples, here of one number.
    rows = x_in.reshape(-1, 4).shape[0]
    predicted = model.predict(x_in, verbose=0)
    assert model.evaluate(x_in, x_in, verbose=0) == pytest.approx(((predicted - x_in) ** 2).mean() + calls / rows, rel=1e-4)


def test_eras_do_not_share_a_program():
    x = np.random.RandomState(0).rand(4, 5).astype("float32")
    found = []
    for layers, models in ((kerata.layers, kerata.models), (legacy.keras2.layers, legacy.keras2.models)):
        model = models.Sequential([layers.BatchNormalization(input_shape=(5,))])
        model.compile("sgd", "mse")
        model.fit(x, x, epochs=1, verbose=0)
        found.append((model.get_weights()[3] - 0.99) / 0.01 / x.var(0))
    np.testing.assert_allclose(found, [np.ones(5), np.full(5, 4 / 2.999)], rtol=1e-4)
