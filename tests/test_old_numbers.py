"""Numbers of Keras 1.2.2 and 2.3.1 that are others than those of today, by formulas from their source in NumPy."""

import numpy as np
import pytest

import kerata
from kerata.legacy import keras1, keras2, tfkeras2

X = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
Y = np.random.default_rng(1).normal(size=(5, 2)).astype("float32")
STEPS = np.random.default_rng(2).normal(size=(5, 3, 4)).astype("float32")
ERAS = {"keras1": keras1, "keras2": keras2, "tfkeras2": tfkeras2}


def dense(era, width=2, **kwargs):
    init = {"init": "one"} if era == "keras1" else {"kernel_initializer": "ones"}
    return ERAS[era].layers.Dense(width, activity_regularizer=ERAS[era].regularizers.l2(0.1), **init, **kwargs)


def penalty(outputs, era, batch_size=2, rate=0.1):
    """The mean over samples of what each batch adds: its sum in standalone Keras, its mean in tf.keras; of squares."""
    batches = [outputs[i : i + batch_size] for i in range(0, len(outputs), batch_size)]
    sums = [rate * np.sum(np.square(batch)) for batch in batches]
    sizes = [1 if era != "tfkeras2" else len(batch) for batch in batches]
    return sum(total / size * len(batch) for total, size, batch in zip(sums, sizes, batches, strict=True)) / len(outputs)


def linear(x):
    """Two equal columns: what a layer of ones makes of x."""
    return np.repeat(x.sum(-1, keepdims=True), 2, -1)


def within_model(era, layer):
    """The layer in a model that is a layer of another model."""
    models, layers = ERAS[era].models, ERAS[era].layers
    return models.Sequential([models.Sequential([layer]), layers.Activation("linear")])


@pytest.mark.parametrize("era", list(ERAS))
@pytest.mark.parametrize("nested", [False, True], ids=["flat", "nested"])
def test_penalties_of_outputs_are_summed_over_each_batch(era, nested):
    layer = dense(era, input_dim=4)
    model = within_model(era, layer) if nested else ERAS[era].models.Sequential([layer])
    model.compile(ERAS[era].optimizers.SGD(lr=0.0), "mse")
    error = np.square(linear(X) - Y).mean()
    expected = error + penalty(linear(X), era)
    epochs = {"nb_epoch" if era == "keras1" else "epochs": 1}
    history = model.fit(X, Y, batch_size=2, verbose=0, shuffle=False, validation_data=(X, Y), **epochs).history
    np.testing.assert_allclose(history["loss"], [expected], rtol=1e-5)
    np.testing.assert_allclose(history["val_loss"], [expected], rtol=1e-5)
    np.testing.assert_allclose(model.evaluate(X, Y, batch_size=2, verbose=0), expected, rtol=1e-5)
    whole = error + penalty(linear(X), era, 5)
    np.testing.assert_allclose(model.test_on_batch(X, Y), whole, rtol=1e-5)
    np.testing.assert_allclose(model.train_on_batch(X, Y), whole, rtol=1e-5)


def test_gradients_are_those_of_the_sum():
    model = keras2.models.Sequential([dense("keras2", input_dim=4, use_bias=False)])
    model.compile(keras2.optimizers.SGD(lr=0.01), "mse")
    model.train_on_batch(X, Y)
    y = linear(X)
    slope = X.T @ (2 * (y - Y) / Y.size + 0.1 * 2 * y)
    np.testing.assert_allclose(model.get_weights()[0], 1 - 0.01 * slope, rtol=1e-4)


@pytest.mark.parametrize("era", ["keras1", "keras2"])
def test_wrappers_and_layers_of_ones_own_sum_as_well(era):
    layers, models = ERAS[era].layers, ERAS[era].models

    class Doubled(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.activity_regularizer = ERAS[era].regularizers.l2(0.1)

        def call(self, x, mask=None):
            return 2 * x

    cases = [
        (layers.TimeDistributed(dense(era), input_shape=(3, 4)), linear(STEPS)),
        (Doubled(input_shape=(3, 4)), 2 * STEPS),
        (layers.ActivityRegularization(l2=0.1, input_shape=(3, 4)), STEPS),
    ]
    for layer, outputs in cases:
        model = models.Sequential([layer])
        model.compile("sgd", "mse")
        np.testing.assert_allclose(
            model.evaluate(STEPS, outputs, batch_size=2, verbose=0), penalty(outputs, era), rtol=1e-5, err_msg=layer.name
        )


@pytest.mark.parametrize("mode", ["concat", "sum"])
def test_both_directions_are_penalized_once_they_are_merged(mode, tmp_path):
    inner = keras2.layers.SimpleRNN(2, activity_regularizer=keras2.regularizers.l2(0.1))
    model = keras2.models.Sequential([keras2.layers.Bidirectional(inner, merge_mode=mode, input_shape=(3, 4))])
    model.compile("sgd", "mse")
    outputs = model.predict(STEPS)
    expected = penalty(outputs, "keras2")
    np.testing.assert_allclose(model.evaluate(STEPS, outputs, batch_size=2, verbose=0), expected, rtol=1e-5)
    model.save(tmp_path / "model.h5")
    again = keras2.models.load_model(tmp_path / "model.h5")
    np.testing.assert_allclose(again.evaluate(STEPS, outputs, batch_size=2, verbose=0), expected, rtol=1e-5)


def test_a_file_is_counted_as_who_loads_it_counts(tmp_path):
    model = keras2.models.Sequential([keras2.layers.TimeDistributed(dense("keras2"), input_shape=(3, 4))])
    model.compile("sgd", "mse")
    model.save(tmp_path / "model.h5")
    for era, load in {**{era: ERAS[era].models.load_model for era in ERAS}, "today": kerata.models.load_model}.items():
        found = load(tmp_path / "model.h5").evaluate(STEPS, linear(STEPS), batch_size=2, verbose=0)
        then = "tfkeras2" if era == "today" else era
        expected = penalty(linear(STEPS), then, rate=0.1)
        # Today all steps of all samples are one batch to the layer within.
        np.testing.assert_allclose(found, expected / 3 if then == "tfkeras2" else expected, rtol=1e-5, err_msg=era)


# Class weights


def test_a_held_out_part_is_weighted_by_classes_as_the_rest():
    y = np.array([0.0, 1.0, 1.0, 0.0, 1.0])
    errors = np.square(X.sum(1) - y)
    for era, weight in (("keras1", 3.0), ("keras2", 3.0), ("tfkeras2", 1.0)):
        start = {"init": "one"} if era == "keras1" else {"kernel_initializer": "ones"}
        model = ERAS[era].models.Sequential([ERAS[era].layers.Dense(1, input_dim=4, **start)])
        model.compile(ERAS[era].optimizers.SGD(lr=0.0), "mse")
        epochs = {"nb_epoch" if era == "keras1" else "epochs": 1}
        history = model.fit(X, y, verbose=0, class_weight={0: 1.0, 1: 3.0}, validation_split=0.2, **epochs).history
        np.testing.assert_allclose(history["loss"], [(errors[:4] * [1, 3, 3, 1]).mean()], rtol=1e-5)
        np.testing.assert_allclose(history["val_loss"], [weight * errors[4]], rtol=1e-5)


@pytest.mark.parametrize("given", ["auto", np.array([1.0, 3.0]), [1.0, 3.0]])
def test_class_weights_that_are_no_dict_count_nothing_and_say_so(given):
    model = keras1.models.Sequential([keras1.layers.Dense(1, input_dim=4, init="one")])
    model.compile(keras1.optimizers.SGD(lr=0.0), "mse")
    y = np.array([0.0, 1.0, 1.0, 0.0, 1.0])
    with pytest.warns(UserWarning, match="class_weight counts nothing"):
        history = model.fit(X, y, nb_epoch=1, verbose=0, class_weight=given).history
    np.testing.assert_allclose(history["loss"], [np.square(X.sum(1) - y).mean()], rtol=1e-5)


# Measures and tables


def test_names_of_measures_keep_the_outputs_after_a_fit():
    x = keras2.layers.Input((4,))
    first, second = keras2.layers.Dense(1, name="first")(x), keras2.layers.Dense(1, name="second")(x)
    model = keras2.models.Model(x, [first, second])
    model.compile("sgd", "mse", metrics=["mae"])
    names = ["loss", "first_loss", "second_loss", "first_mae", "second_mae"]
    assert model.metrics_names == names
    found = model.fit(X, [Y[:, :1], Y[:, 1:]], verbose=0).history
    assert model.metrics_names == names and set(found) == set(names)
    p, q = model.predict(X)
    a, b = np.mean(np.abs(p - Y[:, :1])), np.mean(np.abs(q - Y[:, 1:]))
    np.testing.assert_allclose(model.evaluate(X, [Y[:, :1], Y[:, 1:]], verbose=0)[3:], [a, b], rtol=1e-5)
    # As many measures as outputs are for each of these, all the same.
    model.compile("sgd", "mse", metrics=["mae", "mape"])
    model.fit(X, [Y[:, :1], Y[:, 1:]], verbose=0)
    assert model.metrics_names[3:] == ["first_mae", "first_mape", "second_mae", "second_mape"]


def test_a_summary_counts_the_weights_alone():
    model = keras2.models.Sequential([keras2.layers.Dense(2, input_dim=4)])
    model.compile("adam", "mse")
    model.train_on_batch(X, Y)
    lines = []
    model.summary(print_fn=lines.append)
    assert "Total params: 10 " in "\n".join(lines) and "Optimizer" not in "\n".join(lines)


def test_rates_are_those_at_the_first_of_the_nearest_thresholds():
    labels, scores = np.array([0.0, 0.0, 0.0, 1.0, 1.0]), np.array([0.1, 0.2, 0.6, 0.3, 0.9])
    thresholds = np.linspace(0, 1, 200)
    true, false = [[np.mean(scores[labels == one] > t) for t in thresholds] for one in (1.0, 0.0)]
    sensitivity, specificity = np.array(true), 1 - np.array(false)
    for make, of, where, value in (
        (keras2.metrics.SpecificityAtSensitivity, specificity, sensitivity, 0.4),
        (keras2.metrics.SensitivityAtSpecificity, sensitivity, specificity, 0.7),
    ):
        metric = make(value)
        metric.update_state(labels, scores)
        np.testing.assert_allclose(float(metric.result()), of[np.argmin(np.abs(where - value))], rtol=1e-6)


# Sources and files


class Counting(keras2.utils.Sequence):
    ended = 0

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return X[:4], Y[:4]

    def on_epoch_end(self):
        self.ended += 1


@pytest.mark.parametrize("steps", [None, 2])
def test_a_sequence_is_told_the_end_of_each_epoch(steps):
    model = keras2.models.Sequential([keras2.layers.Dense(2, input_dim=4)])
    model.compile("sgd", "mse")
    data = Counting()
    model.fit_generator(data, steps_per_epoch=steps, epochs=2, verbose=0)
    assert data.ended == 2


def halved(x):
    return x / 2


def test_a_lambda_is_written_by_the_name_of_its_function(tmp_path):
    model = keras2.models.Sequential([keras2.layers.Dense(2, input_dim=4), keras2.layers.Lambda(halved)])
    with pytest.warns(UserWarning, match="Keras 3 does not read Lambda layers"):
        model.save(tmp_path / "model.h5")
    again = keras2.models.load_model(tmp_path / "model.h5", custom_objects={"halved": halved})
    np.testing.assert_allclose(again.predict(X), model.predict(X), rtol=1e-6)


# Kernels and gates of Keras 1


@pytest.mark.parametrize("way", ["weights", "set_weights", "model"])
def test_kernels_with_the_order_of_theano_are_filters_first(way):
    rng = np.random.default_rng(3)
    kernel, bias = rng.normal(size=(4, 2, 3, 3)).astype("float32"), rng.normal(size=4).astype("float32")
    x = rng.normal(size=(2, 2, 5, 5)).astype("float32")
    given = {"weights": [kernel, bias]} if way == "weights" else {}
    layer = keras1.layers.Convolution2D(4, 3, 3, dim_ordering="th", input_shape=(2, 5, 5), **given)
    model = keras1.models.Sequential([layer])
    if way != "weights":
        (layer if way == "set_weights" else model).set_weights([kernel, bias])
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (2, 3))
    expected = np.einsum("ncijab,ocab->noij", windows, kernel) + bias[:, None, None]
    np.testing.assert_allclose(model.predict(x), expected, rtol=1e-4, atol=1e-5)
    for found in (layer.get_weights(), model.get_weights()):
        np.testing.assert_array_equal(found[0], kernel)


def test_kernels_of_one_dimension_have_an_axis_more():
    layer = keras1.layers.Convolution1D(4, 3, input_shape=(5, 2))
    keras1.models.Sequential([layer])
    assert [w.shape for w in layer.get_weights()] == [(3, 1, 2, 4), (4,)]
    assert keras2.layers.Conv1D(4, 3, input_shape=(5, 2)).get_weights() == []


def test_layers_of_keras_1_show_their_weights_and_gates():
    lstm, gru = keras1.layers.LSTM(3, input_shape=(4, 2)), keras1.layers.GRU(3, input_shape=(4, 2))
    word, dense = keras1.layers.Embedding(5, 3, input_length=2), keras1.layers.Dense(3, input_dim=2)
    for layer in (lstm, gru, word, dense):
        keras1.models.Sequential([layer])
    assert lstm.W.shape == (2, 12) and word.W.shape == (5, 3) and dense.W.shape == (2, 3) and dense.b.shape == (3,)
    # The bias of the forget gate alone begins with 1.
    assert np.array(lstm.b_f).tolist() == [1.0] * 3 and np.array(lstm.b_i).tolist() == [0.0] * 3
    np.testing.assert_array_equal(np.concatenate([lstm.U_i, lstm.U_f, lstm.U_c, lstm.U_o], 1), lstm.U)
    np.testing.assert_array_equal(np.concatenate([gru.W_z, gru.W_r, gru.W_h], 1), gru.W)
    with pytest.raises(AttributeError, match="W_x"):
        lstm.W_x  # noqa: B018


def test_configs_of_optimizers_know_the_rate_by_its_old_name():
    config = keras1.optimizers.Adam(lr=0.25).get_config()
    assert config["lr"] == 0.25 and config["decay"] == 0.0
    assert float(keras1.optimizers.Adam.from_config(config).lr) == 0.25
