"""Thin classes: what they take is the era's, what they are is today's."""

import numpy as np
import pytest

import kerata
from kerata.base.serialization import serialize_keras_object
from kerata.engine.structure import structure_of
from kerata.legacy import keras1, keras2, tfkeras2

X = np.random.default_rng(0).normal(size=(3, 5)).astype("float32")


def test_two_eras_live_in_one_process():
    assert keras1.layers.Convolution2D(20, 4, 4).kernel_size == (4, 4)
    assert keras2.layers.Conv2D(20, 4).kernel_size == keras2.layers.Convolution2D(20, 4, 4).kernel_size == (4, 4)
    assert keras1.layers.Conv1D is keras1.layers.core.Convolution1D and keras2.layers.Convolution2D is keras2.layers.Conv2D
    assert keras1.layers.LSTM(2).cell.recurrent_activation is kerata.activations.legacy_hard_sigmoid
    assert keras2.layers.LSTM(2).cell.recurrent_activation is kerata.activations.sigmoid
    assert not keras2.layers.GRU(2).cell.reset_after and tfkeras2.layers.GRU(2).cell.reset_after
    assert kerata.layers.Dense.__init__.__module__ == "kerata.layers.core"


def test_a_thin_layer_is_one_of_todays():
    old, new = keras1.layers.Dense(4, input_dim=5, activation="relu"), kerata.layers.Dense(4, input_dim=5, activation="relu")
    assert (
        isinstance(old, kerata.layers.Dense) and isinstance(new, keras1.layers.Dense) and isinstance(old, keras2.layers.Dense)
    )
    assert not isinstance(new, keras1.layers.Dropout) and issubclass(keras1.layers.Dense, keras1.layers.Layer)
    a, b = (serialize_keras_object(layer) for layer in (old, new))
    a["config"].pop("name"), b["config"].pop("name")
    assert a == b and a["class_name"] == "Dense" and a["module"] == "keras.layers"
    models = [keras1.models.Sequential([old, keras1.layers.ELU(0.2)]), kerata.Sequential([new, kerata.layers.ELU(0.2)])]
    assert structure_of(models[0]) == structure_of(models[1]) is not None
    assert structure_of(keras2.optimizers.Adam(lr=0.1)) == structure_of(kerata.optimizers.Adam(0.2)) is not None


def test_names_are_counted_as_then():
    names = [keras1.layers.MaxPooling2D().name, keras2.layers.MaxPooling2D().name, tfkeras2.layers.MaxPooling2D().name]
    assert [name.rstrip("0123456789").rstrip("_") for name in names] == ["maxpooling2d", "max_pooling2d", "max_pooling2d"]
    first, second = keras1.layers.Highway(), keras1.layers.Highway()
    assert int(second.name.rpartition("_")[2]) == int(first.name.rpartition("_")[2]) + 1 > 1


def test_a_class_of_ones_own_calls_up_in_the_words_of_its_era():
    class Wide(keras1.layers.Dense):
        def __init__(self, factor, **kwargs):
            super().__init__(output_dim=2 * factor, init="one", bias=False, **kwargs)

        def get_output_shape_for(self, input_shape):
            return (input_shape[0], self.output_dim)

    layer = Wide(3, input_dim=5)
    assert layer.compute_output_shape((None, 5)) == (None, 6)
    np.testing.assert_allclose(layer(X), X.sum(1, keepdims=True).repeat(6, 1), rtol=1e-4, atol=1e-6)
    assert isinstance(layer, keras1.layers.Dense) and not isinstance(keras1.layers.Dense(2), Wide)


def test_weights_given_to_a_constructor():
    kernel, bias = np.arange(10.0).reshape(5, 2), np.ones(2)
    model = keras1.models.Sequential([keras1.layers.Dense(2, weights=[kernel, bias], input_dim=5)])
    np.testing.assert_allclose(model.predict(X), X @ kernel + bias, rtol=1e-5, atol=1e-5)
    assert model.layers[0].W.shape == (5, 2) and model.layers[0].output_dim == 2


def sample_normalization(x):
    std = np.sqrt(x.var(-1, keepdims=True) + 0.1)
    return (x - x.mean(-1, keepdims=True)) / (std + 0.1)


def softplus_of_parameters(x):
    return 0.2 * np.log1p(np.exp(5.0 * x))


def maximum_of_two(x, kernel, bias):
    return np.max(np.einsum("bi,kio->bko", x, kernel) + bias, axis=1)


def highway(x, kernel, carry, bias, carry_bias):
    gate = 1 / (1 + np.exp(-(x @ carry + carry_bias)))
    return gate * np.tanh(x @ kernel + bias) + (1 - gate) * x


# (layer of Keras 1, formula of the input and the weights, from its source)
FORMULAS = [
    (lambda L: L.BatchNormalization(epsilon=0.1, mode=1), lambda x, *w: sample_normalization(x)),
    (lambda L: L.BatchNormalization(epsilon=0.1, mode=2), lambda x, *w: (x - x.mean(0)) / np.sqrt(x.var(0) + 0.1)),
    (lambda L: L.BatchNormalization(epsilon=0.1), lambda x, *w: x / np.sqrt(1.1)),
    (lambda L: L.ParametricSoftplus(), lambda x, *w: softplus_of_parameters(x)),
    (lambda L: L.ThresholdedReLU(theta=0.5), lambda x: x * (x > 0.5)),
    (lambda L: L.LeakyReLU(), lambda x: np.where(x > 0, x, 0.3 * x)),
    (lambda L: L.ELU(alpha=0.5), lambda x: np.where(x > 0, x, 0.5 * np.expm1(x))),
    (lambda L: L.MaxoutDense(2, nb_feature=3), maximum_of_two),
    (lambda L: L.Highway(activation="tanh"), highway),
    (lambda L: L.Activation("hard_sigmoid"), lambda x: np.clip(0.2 * x + 0.5, 0, 1)),
    (lambda L: L.Dense(2, activation="hard_sigmoid"), lambda x, w, b: np.clip(0.2 * (x @ w + b) + 0.5, 0, 1)),
]


@pytest.mark.parametrize(("make", "formula"), FORMULAS)
def test_layers_of_keras_1_follow_their_formula(make, formula):
    layer = make(keras1.layers)
    outputs = np.asarray(layer(X))
    np.testing.assert_allclose(outputs, formula(X.astype("float64"), *layer.get_weights()), rtol=1e-4, atol=1e-5)


def test_gru_of_keras_1_resets_before_the_product():
    layer = keras1.layers.GRU(3, consume_less="gpu")
    x = np.random.default_rng(1).normal(size=(2, 4, 5)).astype("float32")
    fast = np.asarray(layer(x))
    kernel, recurrent, bias = layer.get_weights()
    h = np.zeros((2, 3))
    for t in range(4):
        of_x = x[:, t] @ kernel + bias
        z, r = (np.clip(0.2 * (of_x[:, i : i + 3] + h @ recurrent[:, i : i + 3]) + 0.5, 0, 1) for i in (0, 3))
        h = z * h + (1 - z) * np.tanh(of_x[:, 6:] + (r * h) @ recurrent[:, 6:])
    np.testing.assert_allclose(fast, h, rtol=1e-4, atol=1e-5)


def test_initial_weights_are_drawn_as_then():
    layer = keras1.layers.Dense(300, init="glorot_normal", input_dim=300)
    layer.build((None, 300))
    kernel = layer.get_weights()[0]
    assert abs(np.std(kernel) - np.sqrt(2 / 600)) < 1e-3 and np.abs(kernel).max() > 3 * np.sqrt(2 / 600)
    square = keras1.layers.Dense(8, init="orthogonal")
    square.build((None, 8))
    kernel = square.get_weights()[0]
    np.testing.assert_allclose(kernel.T @ kernel, 1.1**2 * np.eye(8), atol=1e-4)


def test_the_size_of_batches_may_be_given_to_the_first_layer():
    model = keras2.models.Sequential([keras2.layers.LSTM(2, input_shape=(4, 1), batch_size=3, stateful=True)])
    assert model.input_shape == (3, 4, 1)


def test_losses_and_metrics_are_those_of_then():
    true, said = np.float32([[0, 1], [1, 0], [1, 1]]), np.float32([[0.2, 0.9], [0.6, 0.3], [0.9, 0.2]])
    hinge = np.mean(np.maximum(1 - true * said, 0), -1)
    np.testing.assert_allclose(keras1.objectives.hinge(true, said), hinge, rtol=1e-5)
    np.testing.assert_allclose(
        keras2.losses.squared_hinge(true, said), np.mean(np.maximum(1 - true * said, 0) ** 2, -1), rtol=1e-5
    )
    unit = [v / np.linalg.norm(v, axis=-1, keepdims=True) for v in (true, said)]
    np.testing.assert_allclose(keras1.objectives.cosine_proximity(true, said), -np.mean(unit[0] * unit[1], -1), rtol=1e-5)
    np.testing.assert_allclose(keras2.losses.cosine_proximity(true, said), -np.sum(unit[0] * unit[1], -1), rtol=1e-5)
    # Of 4 labels 3 are named, and 3 are named in all.
    np.testing.assert_allclose(keras1.metrics.precision(true, said)[0], 1.0, rtol=1e-5)
    np.testing.assert_allclose(keras1.metrics.recall(true, said)[0], 0.75, rtol=1e-5)
    np.testing.assert_allclose(keras1.metrics.fmeasure(true, said)[0], 2 * 0.75 / 1.75, rtol=1e-5)


def test_measures_of_keras_1_are_averages_of_batches():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 4)).astype("float32"), rng.integers(0, 2, (5, 3)).astype("float32")
    model = keras1.models.Sequential([keras1.layers.Dense(3, activation="sigmoid", input_dim=4)])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy", "precision"])
    assert model.metrics_names == ["loss", "acc", "precision"]
    assert isinstance(model.optimizer, keras1.optimizers.SGD) and not model.optimizer.clipnorm
    model.compile("rmsprop", "mse")
    assert isinstance(model.optimizer, kerata.optimizers.ClassicRMSprop) and model.optimizer.epsilon == 1e-8
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy", "precision"])
    _, accuracy, precision = model.evaluate(x, y, batch_size=3, verbose=0)
    said = model.predict(x)
    assert accuracy == pytest.approx(np.mean((said > 0.5) == y))
    parts = [keras1.metrics.precision(y[rows], said[rows])[0] for rows in (slice(0, 3), slice(3, 5))]
    assert precision == pytest.approx(float(3 * parts[0] + 2 * parts[1]) / 5, rel=1e-4)


def test_models_are_written_as_those_of_today_and_read_as_those_of_then(tmp_path):
    inputs = keras1.layers.Input(shape=(5,), name="numbers")
    joined = keras1.layers.merge([keras1.layers.Dense(3)(inputs), keras1.layers.Dense(3)(inputs)], mode="concat")
    model = keras1.models.Model(input=inputs, output=keras1.layers.Dense(2, activation="softmax")(joined))
    model.compile("rmsprop", "categorical_crossentropy", metrics=["accuracy"])
    expected = model.predict(X)
    with pytest.warns(UserWarning, match="reads the optimizer as RMSprop"):
        model.save(str(tmp_path / "model.h5"))
    model.save_weights(str(tmp_path / "weights.hdf5"))
    new = kerata.saving.load_model(tmp_path / "model.h5")
    assert type(new) is kerata.models.Functional and type(new.layers[1]) is kerata.layers.Dense
    np.testing.assert_allclose(new.predict(X), expected, rtol=1e-6)
    old = keras1.models.load_model(str(tmp_path / "model.h5"))
    assert isinstance(old, keras1.models.Model) and old.layers[1].output_dim == 3
    assert old.predict_classes(X, verbose=0).tolist() == expected.argmax(-1).tolist()
    twin = keras1.models.model_from_json(model.to_json())
    twin.load_weights(str(tmp_path / "weights.hdf5"))
    np.testing.assert_allclose(twin.predict(X), expected, rtol=1e-6)


def test_the_embedding_of_keras_1_leaves_out_whole_words():
    layer = keras1.layers.Embedding(50, 4, input_length=8, dropout=0.5)
    words = np.random.RandomState(0).randint(0, 50, (6, 8))
    plain, dropped = np.asarray(layer(words)), np.asarray(layer(words, training=True))
    factors = dropped / plain
    # A word is there everywhere, twice as large, or nowhere.
    for word in np.unique(words):
        found = set(factors[words == word].ravel().round(4).tolist())
        assert found in ({0.0}, {2.0})
    assert {0.0, 2.0} == set(factors.ravel().round(4).tolist())
    assert keras1.layers.Embedding(50, 4).__class__ is keras1.layers.Embedding
    model = keras1.models.Sequential([layer, keras1.layers.LSTM(3, dropout_W=0.2, dropout_U=0.2), keras1.layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(words, np.ones((6, 1)), nb_epoch=1, verbose=0)


def test_bases_with_an_underscore_are_there_to_derive_from():
    K = keras2.backend

    class Difference(keras2.layers.merge._Merge):
        def _merge_function(self, inputs):
            return 2 * inputs[0] - inputs[1]

    class Cubic(keras2.layers.pooling._GlobalPooling2D):
        def call(self, x):
            return K.pow(K.mean(K.pow(x, 3.0), axis=[1, 2]), 1.0 / 3)

    one, other = (keras2.layers.Input((4, 5, 3)) for _ in range(2))
    model = keras2.models.Model([one, other], Cubic()(Difference()([one, other])))
    a, b = np.full((2, 4, 5, 3), 3.0), np.random.default_rng(0).uniform(size=(2, 4, 5, 3))
    np.testing.assert_allclose(model.predict([a, b]), np.mean((2 * a - b) ** 3, axis=(1, 2)) ** (1 / 3), rtol=1e-5)
    assert model.output_shape == (None, 3)


def test_keras_1_held_the_weights_of_each_gate_apart():
    keras1 = kerata.legacy.keras1
    x = np.random.RandomState(0).randn(2, 3, 4).astype("float32")
    model = keras1.models.Sequential(
        [
            keras1.layers.LSTM(5, return_sequences=True, input_shape=(3, 4), weights=lstm_weights()),
            keras1.layers.Bidirectional(keras1.layers.GRU(2), merge_mode="concat"),
            keras1.layers.Dense(1),
        ]
    )
    weights = model.get_weights()
    assert [len(layer.get_weights()) for layer in model.layers] == [12, 18, 2]
    assert [one.shape for one in weights[:3]] == [(4, 5), (5, 5), (5,)]
    for found, given in zip(weights, lstm_weights(), strict=False):
        np.testing.assert_array_equal(found, given)
    # Keras 1.2.2's formulas, with its order of gates: i, c, f, o.
    wi, ui, bi, wc, uc, bc, wf, uf, bf, wo, uo, bo = lstm_weights()
    hard = lambda z: np.clip(0.2 * z + 0.5, 0, 1)  # noqa: E731
    h = c = np.zeros((2, 5), "float32")
    for t in range(3):
        i, f, o = (hard(x[:, t] @ w + h @ u + b) for w, u, b in ((wi, ui, bi), (wf, uf, bf), (wo, uo, bo)))
        c = f * c + i * np.tanh(x[:, t] @ wc + h @ uc + bc)
        h = o * np.tanh(c)
    first = keras1.backend.function([model.layers[0].input], [model.layers[0].output])
    np.testing.assert_allclose(first([x])[0][:, -1], h, rtol=1e-5, atol=1e-6)
    expected = model.predict(x)
    model.set_weights([one * 0 for one in weights])
    model.set_weights(weights)
    np.testing.assert_allclose(model.predict(x), expected, rtol=1e-6)
    # In one piece, in the order i, f, c, o.
    whole = keras1.layers.LSTM(5, consume_less="gpu", input_shape=(3, 4))
    keras1.models.Sequential([whole])
    assert [one.shape for one in whole.get_weights()] == [(4, 20), (5, 20), (20,)]


def lstm_weights():
    draw = np.random.RandomState(1).randn
    return [draw(*shape).astype("float32") for _ in range(4) for shape in ((4, 5), (5, 5), (5,))]
