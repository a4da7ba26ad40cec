"""The tables of the eras, and what the functions make of them."""

import numpy as np
import pytest

import kerata
from kerata.dialects import ERAS, find_row, hint, names, translate_arguments, translate_config
from kerata.legacy import find_era, keras2, keras22

ROWS = [(era, kind, name) for era, tables in ERAS.items() for kind, table in tables.items() for name in table.lines]


@pytest.mark.parametrize(("era", "kind", "name"), ROWS, ids=lambda part: part)
def test_a_row_can_be_read_and_names_something_of_today(era, kind, name):
    row = find_row(era, kind, name)
    assert row is not None and row.kind == kind
    if kind != "models" and row.today:
        assert hasattr(getattr(kerata, kind), row.today), row.today


ARGUMENTS = [
    (
        ("keras1", "Dense", (64,), {"init": "normal", "W_regularizer": None, "input_dim": 3}),
        ("Dense", {"units": 64, "kernel_initializer": "random_normal", "input_dim": 3}),
    ),
    (
        ("keras1", "Convolution2D", (20, 4, 5), {"border_mode": "same", "subsample": (2, 2), "dim_ordering": "th"}),
        (
            "Conv2D",
            {"filters": 20, "kernel_size": (4, 5), "padding": "same", "strides": (2, 2), "data_format": "channels_first"},
        ),
    ),
    (
        ("keras1", "LSTM", (8,), {"input_dim": 3, "input_length": 5, "inner_init": "zero", "dropout_W": 0.5}),
        ("LSTM", {"units": 8, "input_shape": (5, 3), "recurrent_initializer": "zeros", "dropout": 0.5}),
    ),
    (("keras1", "LSTM", (8,), {}), ("LSTM", {"recurrent_activation": "legacy_hard_sigmoid", "unit_forget_bias": True})),
    (("keras1", "LSTM", (8,), {"forget_bias_init": "zero"}), ("LSTM", {"unit_forget_bias": False})),
    (("keras1", "Embedding", (10, 4), {"input_length": 7}), ("Embedding", {"output_dim": 4, "input_shape": (7,)})),
    (("keras1", "Dropout", (0.3,), {}), ("Dropout", {"rate": 0.3})),
    (
        ("keras1", "BatchNormalization", (1e-6, 0, 1), {}),
        ("BatchNormalization", {"epsilon": 1e-6, "axis": 1, "momentum": 0.99}),
    ),
    (("keras1", "TimeDistributedDense", (3,), {}), ("Dense", {"units": 3})),
    (("keras1", "MaxPooling1D", (), {"pool_length": 3, "stride": 2}), ("MaxPooling1D", {"pool_size": 3, "strides": 2})),
    (("keras2", "LSTM", (8,), {"implementation": 1}), ("LSTM", {"recurrent_activation": "sigmoid"})),
    (("keras2", "GRU", (8,), {}), ("GRU", {"reset_after": False})),
    (("tfkeras2", "GRU", (8,), {}), ("GRU", {"reset_after": True})),
    (("keras2", "LeakyReLU", (), {"alpha": 0.1}), ("LeakyReLU", {"negative_slope": 0.1})),
    (("keras2", "LeakyReLU", (), {}), ("LeakyReLU", {"negative_slope": 0.3})),
    (("keras2", "Activation", ("hard_sigmoid",), {}), ("Activation", {"activation": "legacy_hard_sigmoid"})),
    # Today's names are understood as well.
    (("keras1", "Dense", (), {"units": 5, "kernel_initializer": "one"}), ("Dense", {"units": 5, "kernel_initializer": "ones"})),
]


@pytest.mark.parametrize(("given", "expected"), ARGUMENTS)
def test_arguments_are_translated(given, expected):
    era, name, args, kwargs = given
    today, arguments = translate_arguments(find_row(era, "layers", name), args, kwargs)
    assert today == f"layers.{expected[0]}"
    assert {key: arguments.get(key) for key in expected[1]} == expected[1]


OPTIMIZERS = [
    ("keras1", "SGD", {"lr": 0.1}, {"learning_rate": 0.1, "momentum": 0.0, "decay": None}),
    ("keras1", "Adam", {}, {"learning_rate": 0.001, "epsilon": 1e-8}),
    ("keras1", "adadelta", {}, {"learning_rate": 1.0}),
    ("keras1", "SGD", {"clipnorm": 1.0}, {"global_clipnorm": 1.0}),
    ("keras2", "Adagrad", {}, {"learning_rate": 0.01, "epsilon": 1e-7}),
    ("tfkeras2", "SGD", {"clipnorm": 1.0}, {"clipnorm": 1.0}),
    ("tfkeras2", "Adagrad", {}, {"learning_rate": 0.001, "initial_accumulator_value": 0.1}),
]


@pytest.mark.parametrize(("era", "name", "given", "expected"), OPTIMIZERS)
def test_optimizers_have_the_defaults_of_their_era(era, name, given, expected):
    _, arguments = translate_arguments(find_row(era, "optimizers", name), (), given)
    assert {key: arguments.get(key) for key in expected} == expected


def test_mistakes_are_said_in_the_words_of_the_era():
    dense = find_row("keras1", "layers", "Dense")
    with pytest.raises(TypeError, match="the argument `output_dim` is missing"):
        translate_arguments(dense)
    with pytest.raises(TypeError, match="`output_dim` is given twice"):
        translate_arguments(dense, (3,), {"output_dim": 4})
    with pytest.raises(TypeError, match="at most 3 arguments"):
        translate_arguments(find_row("keras1", "layers", "Dropout"), (0.1, None, 1, 2))
    with pytest.raises(TypeError, match=r"unknown argument `lrr`.*Did you mean 'lr'"):
        translate_arguments(find_row("keras1", "optimizers", "SGD"), (), {"lrr": 1})


def test_configs_are_translated():
    config = {
        "name": "dense_1",
        "trainable": True,
        "output_dim": 4,
        "init": "glorot_normal",
        "activation": "relu",
        "W_regularizer": {"name": "WeightRegularizer", "l1": 0.0, "l2": 0.5},
        "b_regularizer": None,
        "activity_regularizer": None,
        "W_constraint": {"name": "MaxNorm", "m": 3, "axis": 0},
        "b_constraint": None,
        "bias": True,
        "input_dim": None,
        "input_dtype": "float32",
        "batch_input_shape": [None, 3],
    }
    module, name, translated = translate_config("keras1", "layers", "Dense", config)
    assert (module, name) == ("keras.layers", "Dense")
    layer = kerata.layers.Dense.from_config(translated)
    assert layer.name == "dense_1" and layer.units == 4 and layer.kernel_regularizer.l2 == 0.5
    assert layer.kernel_constraint.max_value == 3 and layer.kernel_initializer.distribution == "untruncated_normal"


def test_the_classes_of_a_user_stay_what_they_are():
    assert translate_config("keras1", "layers", "Mine", {"a": 1}) == ("", "Mine", {"a": 1})


def test_names_and_hints():
    assert "Convolution2D" in names("keras1", "layers") and names("keras2", "nothing") == []
    assert hint("fit", "nb_epoch").startswith("Keras 1 called it `nb_epoch`; today `epochs`.")
    assert hint("Dense", "nothing") == ""


def test_constructors_say_what_an_old_argument_is_called_today():
    with pytest.raises(
        TypeError, match=r"missing.*Keras 1 called it `output_dim`; today `units`. To run old code as it is: kerata run"
    ):
        kerata.layers.Dense(output_dim=3)
    with pytest.raises(TypeError, match="Keras 1 called it `border_mode`; today `padding`"):
        kerata.layers.Conv2D(3, 3, border_mode="same")
    with pytest.raises(TypeError, match=r"missing a required argument: .units."):
        kerata.layers.Dense(unit=3)


# (class, arguments, formula of (w, g, state) with the state as a dict) from the sources of 1.2.2 and 2.3.1.
def rmsprop(w, g, s):
    s["a"] = 0.9 * s.get("a", 0.0) + 0.1 * g**2
    return w - 0.1 * g / (np.sqrt(s["a"]) + 1e-3)


def adagrad(w, g, s):
    s["a"] = s.get("a", 0.0) + g**2
    return w - 0.1 * g / (np.sqrt(s["a"]) + 1e-3)


def nadam(w, g, s):
    t = s["t"] = s.get("t", 0) + 1
    now, ahead = (0.9 * (1 - 0.5 * 0.96 ** (k * 0.004)) for k in (t, t + 1))
    s["schedule"] = s.get("schedule", 1.0) * now
    s["m"] = 0.9 * s.get("m", 0.0) + 0.1 * g
    s["v"] = 0.999 * s.get("v", 0.0) + 0.001 * g**2
    m = (1 - now) * g / (1 - s["schedule"]) + ahead * s["m"] / (1 - s["schedule"] * ahead)
    return w - 0.1 * m / (np.sqrt(s["v"] / (1 - 0.999**t)) + 1e-3)


@pytest.mark.parametrize(
    ("name", "formula"), [("ClassicRMSprop", rmsprop), ("ClassicAdagrad", adagrad), ("ClassicNadam", nadam)]
)
def test_classic_optimizers_follow_their_formula(name, formula):
    optimizer = getattr(kerata.optimizers, name)(0.1, epsilon=1e-3)
    start = np.array([1.0, -2.0, 0.5])
    weight, expected, state = kerata.Variable(start.astype("float32")), start, {}
    for gradient in ([0.5, 0.1, -3.0], [0.2, 0.0, 1.0], [-0.7, 0.3, 0.1]):
        optimizer.apply([np.float32(gradient)], [weight])
        expected = formula(expected, np.array(gradient), state)
    np.testing.assert_allclose(weight.numpy(), expected, rtol=2e-5)


def test_the_old_hard_sigmoid_has_its_slope_in_kernels_too():
    x = np.linspace(-4, 4, 9, dtype="float32")
    np.testing.assert_allclose(kerata.activations.legacy_hard_sigmoid(x), np.clip(0.2 * x + 0.5, 0, 1), rtol=1e-6)
    rnn = kerata.layers.LSTM(3, recurrent_activation="legacy_hard_sigmoid", name="lstm")
    inputs = np.random.default_rng(0).normal(size=(2, 4, 5)).astype("float32")
    fast = np.asarray(rnn(inputs))
    kernel, recurrent, bias = rnn.get_weights()
    h = c = np.zeros((2, 3))
    for t in range(4):
        i, f, g, o = np.split(inputs[:, t] @ kernel + h @ recurrent + bias, 4, axis=-1)
        i, f, o = (np.clip(0.2 * z + 0.5, 0, 1) for z in (i, f, o))
        c = f * c + i * np.tanh(g)
        h = o * np.tanh(c)
    np.testing.assert_allclose(fast, h, rtol=1e-5, atol=1e-6)


def test_before_keras_2_3_gates_had_the_hard_sigmoid_and_accuracy_was_called_acc():
    assert keras22.__version__ == "2.2.5"
    for name in ("LSTM", "GRU"):
        old, new = (getattr(keras.layers, name)(2).cell.recurrent_activation for keras in (keras22, keras2))
        assert old is kerata.activations.legacy_hard_sigmoid and new is kerata.activations.sigmoid
    assert keras22.layers.Convolution2D(20, 4, 4).kernel_size == (4, 4)
    model = keras22.models.Sequential([keras22.layers.Dense(2, input_dim=3, activation="softmax")])

    def first(y_true, y_pred):
        return keras22.backend.sum(y_pred)

    model.compile(keras22.optimizers.Adam(lr=0.1), "categorical_crossentropy", metrics=["accuracy", first])
    assert model.metrics_names == ["loss", "acc", "first"]
    x, y = np.ones((5, 3), "float32"), np.eye(2)[[0, 1, 0, 1, 0]]
    # The sums of batches of 2, 2 and 1 probabilities, each counted with the number of its samples.
    assert model.evaluate(x, y, batch_size=2, verbose=0)[2] == pytest.approx((2 * 2 + 2 * 2 + 1 * 1) / 5)


def test_before_keras_2_3_abbreviations_of_measures_were_spelled_out():
    for keras, name in ((keras22, "mean_absolute_error"), (keras2, "mae")):
        model = keras.models.Sequential([keras.layers.Dense(1, input_shape=(2,))])
        model.compile("sgd", "mse", metrics=["mae", "mean_squared_error"])
        assert model.metrics_names == ["loss", name, "mean_squared_error"]
        history = model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0).history
        assert sorted(history) == sorted(["loss", name, "mean_squared_error"]) and history["mae"] == history[name]


def test_what_says_that_a_program_is_older_than_keras_2_3():
    lines = [
        "import keras",
        "model.compile(metrics=['accuracy'])",
        "history = model.fit(x)",
        "print(history.history['val_acc'])",
    ]
    source = "\n".join(lines)
    assert find_era("from keras.models import Graph").sentence() == "Keras 1, by `keras.models.Graph` in line 1"
    assert find_era("from keras.models import Model").era == "keras2"
    assert find_era(source).sentence() == "Keras 2 before 2.3, by `val_acc` in line 4 for `accuracy` in line 2"
    assert find_era(source.replace("'accuracy'", "'acc'")).era == "keras2"
    of_output = source.replace("print(history.history['val_acc'])", "keep = Keep('best-{epoch:02d}-{val_main_acc:.2f}.h5')")
    assert find_era(of_output).evidence == ("`val_main_acc` in line 4 for `accuracy` in line 2",)
    assert find_era(source + "\n# keras==2.1.6").evidence == ("`keras==2.1.6` in line 5",)
    assert find_era(source.replace("import keras", "from tensorflow import keras")).era == "tfkeras2"


@pytest.mark.parametrize(
    ("line", "era"),
    [
        ("print(history.history['acc'])", "keras22"),
        ("plt.plot(history.history['acc'], label='acc')", "keras22"),
        ("best = max(history.history.get('acc'))", "keras22"),
        ("stop = EarlyStopping(monitor='val_acc')", "keras22"),
        ("keep = ModelCheckpoint('w.h5', 'val_acc', save_best_only=True)", "keras22"),
        ("keep = ModelCheckpoint('{epoch}-{acc:.2f}.h5')", "keras22"),
        ("for name in ['loss', 'acc']: plt.plot(history.history[name])", "keras22"),
        ("other.compile(metrics=['acc'])", "keras2"),
        ("other.compile(metrics=['acc']); print(other.fit(x).history['acc'])", "keras2"),
        ("score, acc = model.evaluate(x)", "keras2"),
        ("acc = history.history['accuracy']", "keras2"),
        ("acc, val_acc = history.history.values()", "keras2"),
        ("print(f'{epoch}: {val_acc:.3f}', results['loss'])", "keras2"),
        ("# history.history['acc'] is what it was called", "keras2"),
        ("results['acc'] = model.evaluate(x)[1]", "keras2"),
        ("rows = {'acc': model.evaluate(x)[1]}", "keras2"),
        ("plt.legend(['acc', 'val_acc'])", "keras2"),
        ("plt.plot(history.history[key], label='val_acc')", "keras2"),
        ("plt.plot(h['acc' if 'acc' in h else 'accuracy'])", "keras2"),
        ("key = 'acc' if 'acc' in h else 'accuracy'; print(h[key], h['val_accuracy'])", "keras2"),
    ],
)
def test_only_the_short_name_in_logs_of_the_long_one_says_that_it_is_older_than_2_3(line, era):
    source = f"import keras\nmodel.compile(metrics=['accuracy'])\nhistory = model.fit(x, epochs=3)\n{line}\n"
    assert find_era(source).era == era
