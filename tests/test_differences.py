"""What docs/differences.md says: the values where Kerata is not as Keras 3.15.1 is."""

import warnings
from pathlib import Path

import keras
import numpy as np
import pytest

import kerata
from kerata import losses

TRUE = np.array([[1.0, 1.0, 0.0, 0.0, 0.0]])
PREDICTED = np.array([[1.0, 0.0, 1.0, 1.0, 0.0]])  # one right, one missed, two invented


def test_the_page_is_there():
    page = Path(__file__).parents[1] / "docs" / "differences.md"
    assert "Tversky" in page.read_text()


def test_tversky_weighs_inventions_by_alpha_and_misses_by_beta():
    assert float(losses.tversky(TRUE, PREDICTED, alpha=1.0, beta=0.0)) == pytest.approx(1 - 1 / 3, abs=1e-6)
    assert float(losses.tversky(TRUE, PREDICTED, alpha=0.0, beta=1.0)) == pytest.approx(1 - 1 / 2, abs=1e-6)
    ours = float(losses.Tversky(alpha=0.2, beta=0.8)(TRUE, PREDICTED))
    assert ours == pytest.approx(float(keras.losses.Tversky(alpha=0.8, beta=0.2)(TRUE, PREDICTED)), abs=1e-6)


@pytest.mark.parametrize("name", ["categorical_crossentropy", "categorical_focal_crossentropy"])
def test_smoothing_is_over_the_classes_of_the_axis(name):
    y_true = np.eye(3)[[0, 2]].T[None]  # (1, classes, places)
    y_pred = np.array([[[0.7, 0.1], [0.2, 0.2], [0.1, 0.7]]])
    function = getattr(losses, name)
    found = function(y_true, y_pred, label_smoothing=0.3, axis=1)
    right = function(np.moveaxis(y_true, 1, -1), np.moveaxis(y_pred, 1, -1), label_smoothing=0.3)
    np.testing.assert_allclose(found, right, rtol=1e-6)


def test_one_place_with_several_classes_is_no_reason_to_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses.categorical_crossentropy(np.eye(2)[:1, :, None], np.full((1, 2, 1), 0.5), axis=1)
    with pytest.warns(SyntaxWarning, match="more than one class"):
        losses.categorical_crossentropy(np.ones((1, 1, 2)), np.ones((1, 1, 2)), axis=1)


@pytest.mark.parametrize(
    "loss", [losses.Huber(delta=0.5), losses.CosineSimilarity(axis=1), losses.SparseCategoricalCrossentropy(axis=1)]
)
def test_a_loss_comes_back_with_its_arguments(loss):
    again = losses.deserialize(losses.serialize(loss))
    assert again.get_config() == loss.get_config()
    assert ("delta" in loss.get_config()) or loss.get_config()["axis"] == 1


def test_huber_needs_a_delta():
    with pytest.raises(ValueError, match=r"`delta` must be above 0\. Received: delta=0"):
        losses.Huber(delta=0)


def test_sparse_labels_along_the_first_axis():
    y_pred = np.array([[[0.7, 0.4]], [[0.3, 0.6]]])  # (classes, 1, 2)
    found = kerata.losses.sparse_categorical_crossentropy(np.array([[0, 1]]), y_pred, axis=0)
    np.testing.assert_allclose(found, -np.log([[0.7, 0.6]]), rtol=1e-5)


def small(loss="mse"):
    model = kerata.Sequential([kerata.Input((2,)), kerata.layers.Dense(2, name="only")])
    model.compile("sgd", loss)
    return model


X = np.ones((4, 2), "float32")


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: small().fit(X, X[:, :1], verbose=0), "must have the shape of the predictions"),
        (lambda: small().fit(X, X * np.inf, verbose=0), "must hold finite numbers"),
        (lambda: small({"other": "mse"}), "names an output that does not exist"),
        (lambda: kerata.callbacks.EarlyStopping(mode="lowest"), "`mode` must be one of"),
        (lambda: kerata.layers.Normalization()(X), r"`adapt\(\)` must be called"),
        (lambda: kerata.layers.Lambda(lambda x: x).get_config(), "a Python lambda cannot be written"),
        (
            lambda: kerata.saving.deserialize_keras_object(
                {"class_name": "Popen", "module": "subprocess", "config": {}, "registered_name": "Popen"}
            ),
            "entered nowhere",
        ),
    ],
)
def test_what_keras_takes_and_kerata_refuses(call, text):
    with pytest.raises((ValueError, TypeError), match=text):
        call()


def test_numbers_that_keras_refuses():
    assert kerata.metrics.FBetaScore(beta=1).beta == 1.0
    assert kerata.layers.Embedding(4.0, 2).input_dim == 4


def test_an_epoch_of_fixed_steps_goes_on_at_the_end_of_the_arrays():
    x = np.arange(20.0)[:, None]
    losses = []
    for library in (kerata, keras):
        model = library.Sequential([library.Input((1,)), library.layers.Dense(1, kernel_initializer="ones")])
        model.compile(library.optimizers.SGD(0.0), "mae")
        losses.append(model.fit(x, 0 * x, epochs=3, steps_per_epoch=2, batch_size=4, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(losses, [[3.5, 11.5, 9.5], [3.5, 11.5, 17.5]], rtol=1e-6)


@pytest.mark.parametrize("name", ["Adam", "AdamW", "Lamb", "Nadam", "ScheduleFreeAdamW"])
def test_weights_in_bfloat16_are_trained(name):
    ends = []
    for policy in ("bfloat16", "float32"):
        model = kerata.Sequential([kerata.Input((3,)), kerata.layers.Dense(2, kernel_initializer="ones", dtype=policy)])
        model.compile(getattr(kerata.optimizers, name)(0.05), "mse")
        x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
        model.fit(x, x[:, :2], batch_size=8, epochs=6, shuffle=False, verbose=0)
        ends.append(np.asarray(model.layers[0].kernel, "float32"))
    np.testing.assert_allclose(ends[0], ends[1], atol=0.03)
    assert np.abs(ends[0] - 1.0).min() > 0.1


@pytest.mark.parametrize("batch_size", [2, 3, 4])
def test_a_sample_s_weight_is_that_of_all_its_steps(batch_size):
    rng = np.random.default_rng(0)
    x, y, w = rng.normal(size=(7, 3, 2)), rng.normal(size=(7, 3, 2)), rng.random(7)
    model = kerata.Sequential([kerata.Input((3, 2)), kerata.layers.Dense(2)])
    model.compile(loss="mse")
    right = np.mean(np.mean((model.predict(x, verbose=0) - y) ** 2, -1) * w[:, None])
    got = model.evaluate(x, y, sample_weight=w, batch_size=batch_size, verbose=0)
    np.testing.assert_allclose(got, right, rtol=1e-5)


def test_a_penalty_counts_in_every_call_of_a_layer():
    def loss(k):
        inputs, layer = k.Input((3,)), k.layers.ActivityRegularization(l1=0.01, l2=0.02)
        model = k.Model(inputs, layer(layer(inputs + 1.0) + 1.0))
        model.compile("sgd", "mse")
        return model.evaluate(np.ones((4, 3), "float32"), np.ones((4, 3), "float32"), verbose=0)

    # An error of 4, and for each number 0.01 |v| + 0.02 v^2 of 2 and of 3; Keras leaves the first call out.
    first, second = 3 * (0.02 + 0.08), 3 * (0.03 + 0.18)
    assert loss(kerata) == pytest.approx(4 + first + second, rel=1e-6)
    assert loss(keras) == pytest.approx(4 + second, rel=1e-6)
