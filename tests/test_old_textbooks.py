"""What programs of textbooks did with `tf.keras`, and how it went there; numbers are those of `tf_keras`."""

import numpy as np
import pytest

from kerata.legacy import keras1, keras2, tfkeras2
from kerata.legacy.tensorflow import names

MODULES = names.build("tfkeras2")
tf, keras = MODULES[""], tfkeras2


def fix(model):
    rng = np.random.RandomState(1)
    model.set_weights([rng.uniform(-0.3, 0.3, w.shape) for w in model.get_weights()])


def test_own_layers_apply_activations_that_were_found_by_name():
    class MyDense(keras.layers.Layer):
        def __init__(self, units, activation=None, **kwargs):
            super().__init__(**kwargs)
            self.units, self.activation = units, keras.activations.get(activation)

        def build(self, shape):
            self.kernel = self.add_weight(name="kernel", shape=[shape[-1], self.units], initializer="ones")
            super().build(shape)

        def call(self, x):
            return self.activation(x @ self.kernel)

    x = np.linspace(-1, 1, 24).reshape(8, 3).astype("float32")
    for name in ("relu", "tanh", "elu", None):
        model = keras.models.Sequential([MyDense(4, activation=name, input_shape=[3]), MyDense(1)])
        fix(model)
        model.compile("sgd", "mse")
        own = model.fit(x, x[:, :1], epochs=2, shuffle=False, verbose=0).history["loss"]
        rows = [keras.layers.Dense(4, activation=name, use_bias=False, input_shape=[3]), keras.layers.Dense(1, use_bias=False)]
        plain = keras.models.Sequential(rows)
        fix(plain)
        plain.compile("sgd", "mse")
        np.testing.assert_allclose(own, plain.fit(x, x[:, :1], epochs=2, shuffle=False, verbose=0).history["loss"], rtol=1e-5)


@pytest.mark.parametrize("era", [keras1, keras2, tfkeras2])
def test_layers_of_a_loaded_or_cloned_chain_begin_another_chain(era, tmp_path):
    L, models = era.layers, era.models
    first = models.Sequential([L.Flatten(input_shape=(2, 2)), L.Dense(3), L.Dense(2)])
    first.save(str(tmp_path / "m.h5"))
    ways = [models.load_model(str(tmp_path / "m.h5")), models.Sequential.from_config(first.get_config())]
    ways.append(models.model_from_json(first.to_json()))
    if era is tfkeras2:
        ways += [models.clone_model(first), models.clone_model(ways[0])]
    for found in ways:
        second = models.Sequential(found.layers[:-1])
        second.add(L.Dense(1))
        assert [w.shape for w in second.get_weights()] == [(4, 3), (3,), (3, 1), (1,)]
        np.testing.assert_array_equal(second.get_weights()[0], found.get_weights()[0])


def test_largest_of_each_few_channels():
    x = np.random.RandomState(0).rand(2, 4, 4, 6).astype("float32")
    found = tf.nn.max_pool(x, ksize=(1, 1, 1, 3), strides=(1, 1, 1, 3), padding="VALID")
    np.testing.assert_array_equal(found.numpy(), x.reshape(2, 4, 4, 2, 3).max(-1))
    with pytest.raises(tf.errors.UnimplementedError, match="multiple"):
        tf.nn.max_pool(x, ksize=(1, 1, 1, 4), strides=(1, 1, 1, 4), padding="VALID")
    for call in (
        lambda: tf.nn.max_pool(x, ksize=(1, 1, 1, 3), strides=(1, 1, 1, 2), padding="VALID"),
        lambda: tf.nn.avg_pool(x, ksize=(1, 1, 1, 3), strides=(1, 1, 1, 3), padding="VALID"),
        lambda: tf.nn.max_pool(x, ksize=(2, 2, 2, 1), strides=(1, 2, 2, 1), padding="VALID"),
        lambda: tf.nn.conv2d(x, np.ones((1, 1, 6, 1), "float32"), strides=[1, 1, 1, 2], padding="SAME"),
    ):
        with pytest.raises(tf.errors.UnimplementedError, match="samples and of channels"):
            call()


def test_own_cells_are_asked_for_their_first_state_as_then():
    class Cell(keras.layers.Layer):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.state_size = self.output_size = units
            self.inner = keras.layers.SimpleRNNCell(units, activation=None)

        def get_initial_state(self, inputs=None, batch_size=None, dtype=None):
            assert inputs is None and dtype == "float32"
            return [tf.ones([batch_size, self.state_size], dtype=dtype)]

        def call(self, inputs, states):
            outputs, _ = self.inner(inputs, states)
            return tf.tanh(outputs), [tf.tanh(outputs)]

    model = keras.models.Sequential([keras.layers.RNN(Cell(2), return_sequences=True, input_shape=[None, 1])])
    fix(model)
    w, u, b = model.get_weights()
    expected, state = [], np.ones((1, 2))
    for step in (0.5, -1.0):
        state = np.tanh(step * w + state @ u + b)
        expected.append(state)
    found = model.predict(np.array([[[0.5], [-1.0]]], "float32"), verbose=0)
    np.testing.assert_allclose(found[0], np.concatenate(expected), rtol=1e-5)


def test_metrics_by_the_names_of_their_classes_call_themselves():
    model = keras.models.Sequential([keras.layers.Dense(1, activation="sigmoid", input_shape=(2,))])
    model.compile("sgd", "binary_crossentropy", metrics=["AUC", "RootMeanSquaredError", "accuracy"])
    y = np.array([0, 1, 1, 0], "float32")
    history = model.fit(np.eye(4, 2, dtype="float32"), y, validation_data=(np.eye(4, 2, dtype="float32"), y), verbose=0)
    expected = ["loss", "auc", "root_mean_squared_error", "accuracy"]
    assert list(history.history) == [*expected, *(f"val_{name}" for name in expected)]
    assert model.metrics_names == expected


@pytest.mark.parametrize("era", [keras1, keras2, tfkeras2])
def test_noise_may_be_larger_than_one(era, tmp_path):
    layer = era.layers.GaussianNoise(sigma=15.0) if era is keras1 else era.layers.GaussianNoise(15.0, name="noise")
    model = era.models.Sequential([era.layers.Dense(2, input_shape=(2,)), layer])
    model.compile("sgd", "mse")
    model.fit(np.ones((64, 2)), np.zeros((64, 2)), verbose=0)
    model.save(str(tmp_path / "m.h5"))
    again = era.models.load_model(str(tmp_path / "m.h5"))
    assert float(again.layers[1].stddev) == 15.0
    again.layers[0].set_weights([np.zeros((2, 2)), np.zeros(2)])
    assert 100 < again.fit(np.ones((640, 2)), np.zeros((640, 2)), batch_size=640, verbose=0).history["loss"][0] < 400
    with pytest.raises(ValueError, match="stddev"):
        era.layers.GaussianNoise(-1.0)
