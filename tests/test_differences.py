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
# A Lambda whose function no part of this process has written.
CODED = keras.layers.Lambda(lambda x: x + 1).get_config()


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: small().fit(X, X[:, :1], verbose=0), "must have the shape of the predictions"),
        (lambda: small().fit(X, X * np.inf, verbose=0), "must hold finite numbers"),
        (lambda: small({"other": "mse"}), "names an output that does not exist"),
        (lambda: kerata.callbacks.EarlyStopping(mode="lowest"), "`mode` must be one of"),
        (lambda: kerata.layers.Normalization()(X), r"`adapt\(\)` must be called"),
        (lambda: kerata.layers.Lambda.from_config(CODED), "never runs code that a file carries"),
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


def test_scaling_the_loss_changes_no_weight_of_nadam():
    ends = []
    for scaled in (False, True):
        optimizer = kerata.optimizers.Nadam(0.05)
        if scaled:
            optimizer = kerata.optimizers.LossScaleOptimizer(optimizer, initial_scale=64.0)
        model = kerata.Sequential([kerata.Input((3,)), kerata.layers.Dense(2, kernel_initializer="ones")])
        model.compile(optimizer, "mse")
        x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
        model.fit(x, x[:, :2], batch_size=4, epochs=5, shuffle=False, verbose=0)
        ends.append(model.get_weights())
    for with_scale, without in zip(*ends, strict=True):
        np.testing.assert_allclose(with_scale, without, rtol=1e-5, atol=1e-6)


KERNELS = (("ones", "zebra"), (kerata.initializers.Constant(2.0), "ape"))


def test_loss_weights_by_name_belong_to_the_outputs_of_these_names():
    inputs = kerata.Input((1,))
    outputs = [kerata.layers.Dense(1, kernel_initializer=kernel, name=name)(inputs) for kernel, name in KERNELS]
    model = kerata.Model(inputs, outputs)
    model.compile("sgd", ["mae", "mae"], loss_weights={"zebra": 1.0, "ape": 100.0})
    x = np.ones((4, 1), "float32")
    assert model.evaluate(x, [0 * x, 0 * x], verbose=0, return_dict=True)["loss"] == pytest.approx(1.0 + 100 * 2.0)


def test_a_mask_counts_beside_an_initial_state():
    inputs, state = kerata.Input((4, 2)), kerata.Input((3,))
    layer = kerata.layers.SimpleRNN(3)
    model = kerata.Model([inputs, state], layer(kerata.layers.Masking()(inputs), initial_state=state))
    rng = np.random.default_rng(0)
    x, start = rng.normal(size=(2, 4, 2)).astype("float32"), rng.normal(size=(2, 3)).astype("float32")
    x[:, 2:] = 0.0  # the last two steps are not there
    right = kerata.Model([inputs, state], layer(inputs[:, :2], initial_state=state)).predict([x, start], verbose=0)
    np.testing.assert_allclose(model.predict([x, start], verbose=0), right, rtol=1e-5)


def test_unrolling_under_bidirectional_changes_no_number_of_a_masked_sequence():
    inputs = kerata.Input((4, 2))
    masked = kerata.layers.Masking()(inputs)
    looped, unrolled = (
        kerata.layers.Bidirectional(kerata.layers.GRU(2, return_sequences=True, unroll=unroll)) for unroll in (False, True)
    )
    model = kerata.Model(inputs, [looped(masked), unrolled(masked)])
    unrolled.set_weights(looped.get_weights())
    x = np.random.default_rng(0).normal(size=(3, 4, 2)).astype("float32")
    x[0, 2:], x[1, :1] = 0.0, 0.0
    one, other = model.predict(x, verbose=0)
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_a_loss_as_a_metric_is_a_mean_over_samples():
    model = kerata.Sequential([kerata.Input((1,)), kerata.layers.Dense(1, kernel_initializer="ones")])
    model.compile("sgd", "mae", metrics=[kerata.losses.MeanSquaredError(name="squared")])
    x = np.array([[1.0], [1.0], [1.0], [5.0]])
    found = model.evaluate(x, 0 * x, batch_size=3, verbose=0, return_dict=True)
    assert found["squared"] == pytest.approx((1 + 1 + 1 + 25) / 4)  # a mean over batches would be 13


def test_a_monitor_that_is_not_there_is_named_and_asks_for_no_direction():
    model = kerata.Sequential([kerata.Input((1,)), kerata.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="not in the logs.*'val_score'. Known: loss"):
        model.fit(np.ones((4, 1)), np.ones((4, 1)), verbose=0, callbacks=[kerata.callbacks.EarlyStopping("val_score")])


def test_blurring_takes_the_setting_of_where_the_channels_are():
    picture = np.zeros((5, 5, 2), "float32")
    picture[2, 2] = 16.0, 32.0
    blurred = np.asarray(kerata.ops.image.gaussian_blur(picture, (3, 3), (1.0, 1.0)))
    weights = np.exp([-0.5, 0.0, -0.5]) / np.exp([-0.5, 0.0, -0.5]).sum()
    np.testing.assert_allclose(blurred[1:4, 1:4, 1], 32 * np.outer(weights, weights), rtol=1e-5)


def test_training_that_a_graph_was_made_with_holds():
    inputs = kerata.Input((50,))
    model = kerata.Model(inputs, kerata.layers.Dropout(0.5)(inputs, training=True))
    assert set(np.unique(model.predict(np.ones((2, 50)), verbose=0))) == {0.0, 2.0}


class Batches(kerata.utils.PyDataset):
    ends = 0

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return np.ones((2, 3)), np.ones((2, 1))

    def on_epoch_end(self):
        self.ends += 1


def test_epochs_of_own_data_end_once():
    model, data = kerata.Sequential([kerata.layers.Dense(1)]), Batches()
    model.compile("sgd", "mse")
    model.fit(data, epochs=3, verbose=0)
    assert data.ends == 3
    model.evaluate(data, verbose=0)
    assert data.ends == 4


def test_complex_numbers_are_taken_where_they_are_expected():
    x = np.ones((4, 3)) + 2j
    real = kerata.Sequential([kerata.Input((3,)), kerata.layers.Dense(1)])
    for use in (real, lambda x: real.predict(x, verbose=0)):
        with pytest.raises(TypeError, match=r"takes real numbers\. Received: dtype='complex"):
            use(x)
    inputs = kerata.Input((3,), dtype="complex64")
    assert (kerata.Model(inputs, kerata.ops.imag(inputs)).predict(x, verbose=0) == 2).all()


def test_the_strength_of_an_adapter_holds():
    layer = kerata.layers.Dense(2, lora_rank=2, lora_alpha=8)
    layer.build((None, 3))
    assert layer.lora_alpha == 8 and layer.get_config()["lora_alpha"] == 8


@pytest.mark.parametrize(("k", "expected"), [(keras, 1.0), (kerata, 3.0)])
def test_a_variable_that_a_loss_reads_is_followed(k, expected):
    weight = k.Variable(1.0, trainable=False)
    model = k.Sequential([k.Input((2,)), k.layers.Dense(1, kernel_initializer="zeros")])
    model.compile("sgd", lambda y, p: weight * k.ops.mean((y - p) ** 2, -1))
    x, y = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
    assert model.evaluate(x, y, verbose=0) == 1.0
    weight.assign(3.0)
    assert model.evaluate(x, y, verbose=0) == expected


def test_a_mask_that_is_given_to_an_attention_layer_holds():
    x, mask = (
        np.random.default_rng(0).standard_normal((2, 5, 4)).astype("float32"),
        np.array([[1, 1, 1, 0, 0], [1, 1, 0, 0, 0]], bool),
    )
    ours, theirs = kerata.layers.MultiHeadAttention(2, 3), keras.layers.MultiHeadAttention(2, 3)
    ours(x, x), theirs(x, x)
    ours.set_weights(theirs.get_weights())
    # In Keras, the argument is passed over, and a mask that travels with the query holds.
    np.testing.assert_allclose(theirs(x, x, query_mask=mask), theirs(x, x))
    marked = keras.ops.convert_to_tensor(x)
    keras.src.backend.set_keras_mask(marked, keras.ops.convert_to_tensor(mask))
    np.testing.assert_allclose(ours(x, x, query_mask=mask), theirs(marked, x), atol=1e-6)


def test_a_generator_for_validation_goes_on():
    def batches():
        for number in range(99):
            yield np.zeros((2, 1), "float32"), np.full((2, 1), number, "float32")

    model = kerata.Sequential([kerata.Input((1,)), kerata.layers.Dense(1, kernel_initializer="zeros")])
    model.compile(kerata.optimizers.SGD(0.0), "mse")
    history = model.fit(np.zeros((4, 1)), np.zeros((4, 1)), validation_data=batches(), validation_steps=2, epochs=3, verbose=0)
    assert history.history["val_loss"] == pytest.approx([0.5, 6.5, 20.5])


def test_the_inverse_of_each_of_several_matrices():
    root = np.tril(np.random.default_rng(0).normal(size=(3, 3, 3)).astype("float32")) + 3 * np.eye(3, dtype="float32")
    found = kerata.ops.linalg.cholesky_inverse(root)
    np.testing.assert_allclose(found, np.linalg.inv(root @ root.swapaxes(-1, -2)), rtol=1e-4, atol=1e-6)
