"""Batch normalization that is frozen. Before TensorFlow 2 it went on normalizing by the batch in training.

`layers/normalization.py` of Keras 1.2.2 and 2.3.1 does not ask for `trainable`; `updates` of a layer and of a network do in
2.3.1, when the function of a step is made, and do not in 1.2.2.
"""

import numpy as np
import pytest

from kerata import legacy

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(10, 3)), RNG.normal(size=(10, 1))
GAMMA, BETA, MEAN, VARIANCE = np.array([1.0, 2.0, 0.5]), np.array([0.1, -0.2, 0.0]), np.full(3, 0.3), np.full(3, 4.0)
KERNEL, BIAS = np.array([[0.5], [-1.0], [0.25]]), np.array([0.2])
BEFORE_TF = ["keras1", "keras22", "keras2"]


def frozen(era, inner=False):
    keras = getattr(legacy, era)
    norm = keras.layers.BatchNormalization(input_shape=(3,), epsilon=1e-3)
    base = keras.models.Sequential([norm])
    base.set_weights([GAMMA, BETA, MEAN, VARIANCE])
    (base if inner else norm).trainable = False
    dense = keras.layers.Dense(1)
    model = keras.models.Sequential([base if inner else norm, dense])
    dense.set_weights([KERNEL, BIAS])
    model.compile(keras.optimizers.SGD(lr=0.1), "mse")
    return model


def normalized(x, mean, variance):
    return (x - mean) / np.sqrt(variance + 1e-3) * GAMMA + BETA


def trained(epochs, by_batch=True):
    """The losses of epochs of batches of 4, 4 and 2, and the weights of the last layer."""
    kernel, bias, found = KERNEL, BIAS, []
    for _ in range(epochs):
        total = 0.0
        for part in (slice(0, 4), slice(4, 8), slice(8, 10)):
            x = X[part]
            z = normalized(x, x.mean(0), x.var(0)) if by_batch else normalized(x, MEAN, VARIANCE)
            error = z @ kernel + bias - Y[part]
            total += (error**2).sum()
            kernel, bias = kernel - 0.2 * z.T @ error / len(x), bias - 0.2 * error.mean(0)
        found.append(total / len(X))
    return found, kernel, bias


@pytest.mark.parametrize("inner", [False, True])
@pytest.mark.parametrize("era", BEFORE_TF)
def test_training_normalizes_by_the_batch(era, inner):
    model = frozen(era, inner)
    given = {"nb_epoch" if era == "keras1" else "epochs": 3, "batch_size": 4, "shuffle": False, "verbose": 0}
    losses, kernel, bias = trained(3)
    np.testing.assert_allclose(model.fit(X, Y, **given).history["loss"], losses, rtol=1e-4)
    after = model.get_weights()
    np.testing.assert_allclose(after[-2], kernel, rtol=1e-4)
    np.testing.assert_allclose(after[-1], bias, rtol=1e-4)
    mean = MEAN
    if era == "keras1":
        for part in (slice(0, 4), slice(4, 8), slice(8, 10)) * 3:
            mean = 0.99 * mean + 0.01 * X[part].mean(0)
    np.testing.assert_allclose(after[2], mean, rtol=1e-5)
    expected = normalized(X, after[2], after[3]) @ kernel + bias
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-4, atol=1e-5)


def test_in_tf_keras_it_normalizes_by_its_averages():
    keras = legacy.tfkeras2
    norm = keras.layers.BatchNormalization(input_shape=(3,))
    model = keras.models.Sequential([norm, keras.layers.Dense(1)])
    model.set_weights([GAMMA, BETA, MEAN, VARIANCE, KERNEL, BIAS])
    norm.trainable = False
    model.compile(keras.optimizers.SGD(0.1), "mse")
    found = model.fit(X, Y, epochs=3, batch_size=4, shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(found, trained(3, by_batch=False)[0], rtol=1e-4)


@pytest.mark.parametrize("era, moves", [("keras1", True), ("keras2", False)])
def test_averages_of_a_discriminator_that_is_frozen_before_it_is_first_trained(era, moves):
    """Its weights are trained, as `compile` settled, and its averages are not."""
    keras = getattr(legacy, era)
    norm = keras.layers.BatchNormalization(input_shape=(3,), momentum=0.5, epsilon=1e-3)
    judge = keras.models.Sequential([norm, keras.layers.Dense(1)])
    judge.compile("sgd", "mse")
    judge.trainable = False
    before = judge.get_weights()
    for _ in range(2):
        with pytest.warns(UserWarning, match="Discrepancy"):
            judge.train_on_batch(X, Y)
    after = judge.get_weights()
    assert not np.allclose(after[0], before[0]) and not np.allclose(after[4], before[4])
    np.testing.assert_allclose(after[2], 0.75 * X.mean(0) if moves else 0 * MEAN, rtol=1e-4)
    judge.trainable = True
    judge.compile("sgd", "mse")
    judge.train_on_batch(X, Y)
    assert not np.allclose(judge.get_weights()[2], after[2])
