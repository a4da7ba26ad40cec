"""Layers of a person's own over those of TensorFlow's time, lists in place of tensors, and tensors as texts."""

import numpy as np
import pytest

import kerata
from kerata.legacy import keras1, keras2
from kerata.legacy import tfkeras2 as keras
from kerata.legacy.tensorflow import names

tf = names.build("tfkeras2")[""]
RNG = np.random.default_rng(3)
X2, X3, X4 = (RNG.normal(size=shape).astype("float32") for shape in ((2, 3), (2, 5, 3), (2, 4, 4, 3)))
LAYERS = {
    "LSTM": ((4,), X3),
    "GRU": ((4,), X3),
    "Conv1D": ((4, 2), X3),
    "Embedding": ((10, 4), np.array([[1, 2], [3, 4]], "int32")),
    "BatchNormalization": ((), X2),
    "MaxPooling2D": ((), X4),
    "Flatten": ((), X3),
    "Dense": ((4,), X2),
}


def own(base):
    class Own(base):
        def call(self, inputs):
            assert isinstance(inputs, tf.Tensor)
            return super().call(tf.identity(inputs)) * 2

    return Own


@pytest.mark.parametrize("name", LAYERS)
def test_call_of_the_base_takes_tensors(name):
    arguments, x = LAYERS[name]
    base = getattr(keras.layers, name)
    layer, plain = own(base)(*arguments), base(*arguments)
    wanted = plain(tf.constant(x))
    layer(tf.constant(x))
    if layer.weights:
        layer.set_weights(plain.get_weights())
    with tf.GradientTape() as tape:
        found = layer(tf.constant(x))
        loss = tf.reduce_sum(found)
    assert isinstance(found, tf.Tensor)
    np.testing.assert_allclose(found.numpy(), 2 * wanted.numpy(), rtol=1e-5)
    assert all(gradient is not None for gradient in tape.gradient(loss, layer.trainable_variables))


def test_training_of_the_call_around_is_that_of_the_base():
    layer = own(keras.layers.Dropout)(0.5)
    assert not (layer(tf.ones((20, 20))).numpy() == 0).any()
    assert (layer(tf.ones((20, 20)), training=True).numpy() == 0).any()


def test_a_model_of_such_layers_trains():
    model = keras.Sequential([own(keras.layers.LSTM)(4), own(keras.layers.Dense)(1)])
    model.compile("sgd", "mse")
    history = model.fit(X3, np.ones((2, 1), "float32"), epochs=3, verbose=0).history["loss"]
    assert history[-1] < history[0]


# Where TensorFlow 2.21 gives what stands here.
OF_LISTS = {
    "expand_dims": (([1, 2], -1), [[1], [2]], "int32"),
    "transpose": (([[1, 2], [3, 4]],), [[1, 3], [2, 4]], "int32"),
    "zeros_like": (([1.0, 2.0],), [0, 0], "float32"),
    "where": (([True, False], [1, 2], [3, 4]), [1, 4], "int32"),
    "abs": (([-1, 2],), [1, 2], "int32"),
    "norm": (([3.0, 4.0],), 5, "float32"),
    "tensordot": (([1.0, 2.0], [3.0, 4.0], 1), 11, "float32"),
    "add_n": (([[1, 2], [3, 4]],), [4, 6], "int32"),
    "reduce_mean": (([[1, 2], [3, 5]],), 2, "int32"),
}


@pytest.mark.parametrize("name", OF_LISTS)
def test_functions_take_lists(name):
    arguments, wanted, dtype = OF_LISTS[name]
    found = getattr(tf, name)(*arguments)
    np.testing.assert_array_equal(found.numpy(), wanted)
    assert found.dtype.name == dtype


def test_arrays_of_64_bits_stay_so():
    assert tf.transpose(np.ones((2, 3))).dtype == tf.float64


def test_tensors_as_texts():
    number = tf.constant(0.5)
    assert f"{number}" == "0.5"
    assert f"{number:.2f} {float(number):.1f}" == "0.50 0.5"
    assert f"{tf.constant([1.0, 2.0])}" == "[1. 2.]"
    assert str(tf.constant(0.1)) == "tf.Tensor(0.1, shape=(), dtype=float32)"
    assert str(tf.constant([[1, 2], [3, 4]])) == "tf.Tensor(\n[[1 2]\n [3 4]], shape=(2, 2), dtype=int32)"
    assert round(tf.constant(3.14159), 3) == np.float32(3.142)


@pytest.mark.parametrize("era", [keras2, keras], ids=["keras2", "tfkeras2"])
def test_a_call_that_must_be_given_training_is_given_it(era):
    class Twice(era.layers.Layer):
        def __init__(self):
            super().__init__()
            self.dense = era.layers.Dense(3)

        def call(self, inputs, training):
            return era.backend.in_train_phase(2.0 * self.dense(inputs), self.dense(inputs), training=training)

    x = era.layers.Input((4,))
    layer = Twice()
    model = era.models.Model(x, layer(x))
    ones = np.ones((2, 4), "float32")
    np.testing.assert_allclose(model.predict(ones), ones @ layer.dense.get_weights()[0], rtol=1e-6)
    model.compile("sgd", "mse")
    expected = np.mean((2 * ones @ layer.dense.get_weights()[0]) ** 2)
    np.testing.assert_allclose(model.train_on_batch(ones, np.zeros((2, 3), "float32")), expected, rtol=1e-5)


def test_a_wrapper_that_was_fitted_says_so_in_a_pipeline():
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    def build():
        model = keras2.models.Sequential([keras2.layers.Dense(1, input_dim=2)])
        model.compile("sgd", "mse")
        return model

    x, y = np.random.RandomState(0).rand(8, 2), np.ones(8)
    net = keras2.wrappers.scikit_learn.KerasRegressor(build, epochs=1, verbose=0)
    pipe = Pipeline([("scale", StandardScaler()), ("net", net)])
    assert not net.__sklearn_is_fitted__()
    assert pipe.fit(x, y).predict(x).shape == (8,)
    assert np.isfinite(pipe.score(x, y))


@pytest.mark.parametrize(
    "labels, units, loss", [("ab", 1, "binary_crossentropy"), ("abc", 3, "sparse_categorical_crossentropy")]
)
def test_a_wrapper_takes_models_of_today(labels, units, loss):
    def build():
        activation = "sigmoid" if units == 1 else "softmax"
        model = kerata.Sequential([kerata.layers.Dense(units, activation=activation, input_shape=(2,))])
        model.compile("sgd", loss, metrics=["accuracy"])
        return model

    x, y = np.random.RandomState(0).rand(12, 2), np.array(list(labels * 12)[:12])
    net = keras2.wrappers.scikit_learn.KerasClassifier(build, epochs=1, verbose=0)
    net.fit(x, y)
    chosen = np.array(list(labels))[net.predict_proba(x).argmax(axis=-1)]
    np.testing.assert_array_equal(net.predict(x), chosen)
    np.testing.assert_allclose(net.score(x, y), np.mean(chosen == y), rtol=1e-6)


def test_an_embedding_that_leaves_out_words_keeps_that_and_its_mask_in_configs():
    rows = {"W_regularizer": "l2", "W_constraint": "nonneg"}
    layer = keras1.layers.Embedding(9, 4, input_length=5, dropout=0.2, mask_zero=True, **rows)
    model = keras1.models.Sequential([layer, keras1.layers.LSTM(3)])
    again = keras1.models.model_from_json(model.to_json())
    assert type(again.layers[0]).__module__ == type(layer).__module__ and again.layers[0].dropout == 0.2
    assert again.layers[0].get_config().items() <= layer.get_config().items()
    drawn = np.asarray(again.layers[0](np.arange(9)[None], training=True))
    # Of nine words some are left out, and the others are as much larger.
    kept = again.layers[0].get_weights()[0] / 0.8
    assert all(np.allclose(word, 0) or np.allclose(word, row) for word, row in zip(drawn[0], kept, strict=True))
    again.set_weights(model.get_weights())
    words = np.array([[1, 2, 0, 0, 3], [4, 0, 0, 0, 0]])
    np.testing.assert_array_equal(again.predict(words), model.predict(words))
    config = layer.get_config()
    assert config["mask_zero"] and config["W_regularizer"] and config["W_constraint"]


def test_a_model_that_is_handed_to_its_own_constructor():
    class Own(keras.Model):
        def __init__(self):
            super().__init__(self)
            self.dense = keras.layers.Dense(2)

        def call(self, x):
            return self.dense(x)

    model = Own()
    assert model(X2).shape == (2, 2) and len(model.losses) == 0
