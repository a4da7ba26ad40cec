"""Losses of masked outputs: Keras 2.3.1 divides their sum by all steps, those before and `tf_keras` by the steps that are kept.

`_prepare_total_loss` of Keras 2.3.1 makes weights of samples of a mask; `weighted_objective` of Keras 1.2.2 divides by
`K.mean(mask)`.
"""

import numpy as np
import pytest

from kerata import legacy

RNG = np.random.default_rng(0)
X, Y = RNG.uniform(0.1, 1.0, (4, 3, 2)), RNG.normal(size=(4, 3, 1))
X[0, 1:] = X[1, 2:] = 0.0
KEPT = (X != 0).any(-1)
KERNEL = np.array([[1.0], [2.0]])
ERRORS = (X @ KERNEL - Y)[..., 0] * KEPT
WEIGHTS = np.array([0.5, 1.0, 2.0, 3.0])


def masked(era):
    keras = getattr(legacy, era)
    model = keras.models.Sequential()
    model.add(keras.layers.Masking(0.0, input_shape=(3, 2)))
    model.add(keras.layers.TimeDistributed(keras.layers.Dense(1)))
    model.set_weights([KERNEL, np.zeros(1)])
    model.compile(keras.optimizers.SGD(lr=0.1), "mse", metrics=["mae"])
    return model


@pytest.mark.parametrize(
    "era, count", [("keras1", KEPT.sum()), ("keras22", KEPT.sum()), ("keras2", KEPT.size), ("tfkeras2", KEPT.sum())]
)
def test_by_what_the_sum_is_divided(era, count):
    model = masked(era)
    loss, measure = model.evaluate(X, Y, verbose=0)
    np.testing.assert_allclose(loss, (ERRORS**2).sum() / count, rtol=1e-5)
    # Keras 1 measured what is masked as well.
    expected = np.abs(X @ KERNEL - Y).mean() if era == "keras1" else np.abs(ERRORS).sum() / KEPT.sum()
    np.testing.assert_allclose(measure, expected, rtol=1e-5)
    weighted = model.evaluate(X, Y, sample_weight=WEIGHTS, verbose=0)[0]
    np.testing.assert_allclose(weighted, (ERRORS**2 * WEIGHTS[:, None]).sum() / count, rtol=1e-5)
    model.train_on_batch(X, Y)
    slope = 2 * (X * ERRORS[..., None]).sum((0, 1))[:, None] / count
    np.testing.assert_allclose(model.get_weights()[0], KERNEL - 0.1 * slope, rtol=1e-5)


def test_uneven_batches_of_keras_2_3():
    model = masked("keras2")
    sums = [(ERRORS[part] ** 2).mean() * len(ERRORS[part]) for part in (slice(0, 3), slice(3, 4))]
    np.testing.assert_allclose(model.evaluate(X, Y, batch_size=3, verbose=0)[0], sum(sums) / 4, rtol=1e-5)


@pytest.mark.parametrize("era, factor", [("keras1", 2.0), ("keras22", 2.0), ("keras2", 1.0)])
def test_weights_of_0(era, factor):
    """`score_array /= K.mean(K.not_equal(weights, 0))` before Keras 2.3: samples without weight were none."""
    keras = getattr(legacy, era)
    model = keras.models.Sequential([keras.layers.Dense(1, input_shape=(2,), weights=[KERNEL, np.zeros(1)])])
    model.compile(keras.optimizers.SGD(lr=0.1), "mse")
    x, y, weights = X[:, 0], Y[:, 0], np.array([0.0, 1.0, 0.0, 3.0])
    errors = (x @ KERNEL - y)[:, 0]
    expected = factor * np.mean(errors**2 * weights)
    np.testing.assert_allclose(model.evaluate(x, y, sample_weight=weights, verbose=0), expected, rtol=1e-5)
    # Each batch counts its own.
    parts = [
        np.mean(errors[s] ** 2 * weights[s]) / (np.mean(weights[s] != 0) if factor > 1 else 1)
        for s in (slice(0, 3), slice(3, 4))
    ]
    found = model.evaluate(x, y, batch_size=3, sample_weight=weights, verbose=0)
    np.testing.assert_allclose(found, (3 * parts[0] + parts[1]) / 4, rtol=1e-5)
    model.train_on_batch(x, y, sample_weight=weights)
    slope = factor * 2 * (x * (errors * weights)[:, None]).mean(0)[:, None]
    np.testing.assert_allclose(model.get_weights()[0], KERNEL - 0.1 * slope, rtol=1e-5)


@pytest.mark.parametrize("era, factor", [("keras1", 12 / 8), ("keras22", 12 / 8), ("keras2", 1.0)])
def test_weights_of_steps(era, factor):
    keras = getattr(legacy, era)
    model = keras.models.Sequential()
    model.add(keras.layers.TimeDistributed(keras.layers.Dense(1), input_shape=(3, 2)))
    model.set_weights([KERNEL, np.zeros(1)])
    model.compile("sgd", "mse", sample_weight_mode="temporal")
    weights = np.array([[1, 1, 0], [2, 0, 0], [1, 1, 1], [1, 3, 0]], float)
    errors = (X @ KERNEL - Y)[..., 0]
    found = model.evaluate(X, Y, sample_weight=weights, verbose=0)
    np.testing.assert_allclose(found, factor * np.mean(errors**2 * weights), rtol=1e-5)


def test_masked_measures_of_batches():
    """`score_array /= K.mean(mask)` in each batch of Keras 2.2, of which `test_loop` took the mean by their sizes."""
    model = masked("keras22")
    parts = [np.abs(ERRORS[s]).sum() / KEPT[s].sum() for s in (slice(0, 3), slice(3, 4))]
    assert abs((3 * parts[0] + parts[1]) / 4 - np.abs(ERRORS).sum() / KEPT.sum()) > 0.01
    np.testing.assert_allclose(model.evaluate(X, Y, batch_size=3, verbose=0)[1], (3 * parts[0] + parts[1]) / 4, rtol=1e-5)
    whole = np.abs(ERRORS).sum() / KEPT.sum()
    for era in ("keras2", "tfkeras2"):
        np.testing.assert_allclose(masked(era).evaluate(X, Y, batch_size=3, verbose=0)[1], whole, rtol=1e-5)


def own(y_true, y_pred):
    return abs(y_true - y_pred)


@pytest.mark.parametrize("size", [4, 3])
@pytest.mark.parametrize("measure", ["mae", own])
def test_weighted_measures_are_divided_by_the_number_of_weights_before_2_3(size, measure):
    """`weighted_masked_objective` made measures of `weighted_metrics` too in Keras 2.2."""
    weights = np.array([0.0, 1.0, 2.0, 3.0])
    errors = np.abs(X[:, 0] @ KERNEL - Y[:, 0])[:, 0]
    found = {}
    for era in ("keras22", "keras2"):
        keras = getattr(legacy, era)
        model = keras.models.Sequential([keras.layers.Dense(1, input_shape=(2,), weights=[KERNEL, np.zeros(1)])])
        model.compile(keras.optimizers.SGD(lr=0.0), "mse", weighted_metrics=[measure])
        given = {"sample_weight": weights, "batch_size": size, "verbose": 0}
        found[era] = model.evaluate(X[:, 0], Y[:, 0], **given)[1]
        history = model.fit(X[:, 0], Y[:, 0], shuffle=False, **given).history
        (told,) = [value[0] for name, value in history.items() if name != "loss"]
        np.testing.assert_allclose(told, found[era], rtol=1e-5)
    parts = [slice(0, size), slice(size, 4)][: 1 if size == 4 else 2]
    of_batches = [(errors[s] * weights[s]).sum() / (weights[s] != 0).sum() * len(errors[s]) for s in parts]
    np.testing.assert_allclose(found["keras22"], sum(of_batches) / 4, rtol=1e-5)
    np.testing.assert_allclose(found["keras2"], (errors * weights).sum() / weights.sum(), rtol=1e-5)


def test_weights_beside_masks_before_2_3():
    keras = legacy.keras22
    model = masked("keras22")
    model.compile(keras.optimizers.SGD(lr=0.1), "mse", weighted_metrics=["mae"])
    weights = np.array([0.0, 1.0, 2.0, 3.0])
    # The masked errors of each sample over the share that is kept of the batch, and then the weights.
    expected = ((np.abs(ERRORS).mean(1) / KEPT.mean()) * weights).sum() / 3
    np.testing.assert_allclose(model.evaluate(X, Y, sample_weight=weights, verbose=0)[1], expected, rtol=1e-5)


def test_a_measure_that_is_one_number_of_masked_steps():
    keras = legacy.keras22
    model = masked("keras22")

    def half(y_true, y_pred):
        return keras.backend.mean(y_pred) * 0 + 0.5

    model.compile("sgd", "mse", metrics=[half])
    np.testing.assert_allclose(model.evaluate(X, Y, batch_size=3, verbose=0)[1], 0.5, rtol=1e-5)
