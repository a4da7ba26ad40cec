"""What is told of models of `tf.keras` that `add_loss` alone trains: the plain mean over batches, whatever their size.

The numbers are those of `tf_keras` 2.21.
"""

import numpy as np
import pytest

from kerata.legacy import keras2, tfkeras2
from kerata.legacy.tensorflow import names

tf = names.build("tfkeras2")[""]
keras, layers = tfkeras2, tfkeras2.layers
X = np.arange(30, dtype="float32").reshape(10, 3)


class Subclassed(keras.models.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2, kernel_initializer="ones")

    def call(self, x):
        y = self.dense(x)
        self.add_loss(tf.reduce_mean(tf.square(y)))
        return y


class Stepping(Subclassed):
    def train_step(self, data):
        x = data[0] if isinstance(data, tuple) else data
        with tf.GradientTape() as tape:
            y = self(x, training=True)
            loss = self.compiled_loss(x[:, :2], y, regularization_losses=self.losses)
        self.optimizer.minimize(loss, self.trainable_variables, tape=tape)
        return {m.name: m.result() for m in self.metrics}


class Adding(layers.Layer):
    def call(self, x):
        self.add_loss(tf.reduce_mean(tf.square(x)))
        return x


def functional():
    x = keras.Input((3,))
    y = layers.Dense(2, kernel_initializer="ones")(x)
    model = keras.models.Model(x, y)
    model.add_loss(tf.reduce_mean(tf.square(y)))
    return model


def chained():
    return keras.models.Sequential([layers.Dense(2, kernel_initializer="ones", input_shape=(3,)), Adding()])


@pytest.mark.parametrize("make", [functional, Subclassed, Stepping, chained])
def test_batches_of_any_size_count_alike(make):
    """Batches of 4, 4 and 2 samples have the losses 373.5, 2661.5 and 6536.5."""
    model = make()
    model.compile(keras.optimizers.SGD(0.0))
    history = model.fit(X, batch_size=4, epochs=1, shuffle=False, verbose=0, validation_data=(X, None)).history
    np.testing.assert_allclose([history["loss"], history["val_loss"]], [[3190.5], [3190.5]], rtol=1e-6)
    np.testing.assert_allclose(model.evaluate(X, batch_size=4, verbose=0), 3190.5, rtol=1e-6)


def test_of_a_data_set_and_of_single_batches():
    model = functional()
    model.compile(keras.optimizers.SGD(0.0))
    data = tf.data.Dataset.from_tensor_slices(X).batch(4)
    history = model.fit(data, epochs=1, verbose=0).history
    np.testing.assert_allclose([*history["loss"], model.evaluate(data, verbose=0)], 3190.5, rtol=1e-6)
    np.testing.assert_allclose(model.test_on_batch(X[4:5]), 1521.0, rtol=1e-6)
    np.testing.assert_allclose(model.test_on_batch(X[:4], reset_metrics=False), 947.25, rtol=1e-6)


def test_with_a_loss_or_in_keras_2_samples_count():
    model = chained()
    model.compile(keras.optimizers.SGD(0.0), "mse")
    history = model.fit(X, 0 * X[:, :2], batch_size=4, epochs=1, shuffle=False, verbose=0).history
    np.testing.assert_allclose(history["loss"], [2 * 2560.5], rtol=1e-6)
    x = keras2.layers.Input((3,))
    model = keras2.models.Model(x, keras2.layers.Dense(2, kernel_initializer="ones")(x))
    model.add_loss(keras2.backend.mean(keras2.backend.square(model.output)))
    model.compile(keras2.optimizers.SGD(0.0), None)
    np.testing.assert_allclose(
        model.fit(X, batch_size=4, epochs=1, shuffle=False, verbose=0).history["loss"], [2560.5], rtol=1e-6
    )


def test_measures_of_outputs_without_a_loss():
    model = functional()
    model.compile(keras.optimizers.SGD(0.0), metrics=["mae"])
    history = model.fit(X, X[:, :2], batch_size=4, epochs=1, shuffle=False, verbose=0).history
    np.testing.assert_allclose([history["loss"], history["mae"]], [[3190.5], [29.5]], rtol=1e-6)


@pytest.mark.parametrize("metrics", [["mae"], {"a": "mae", "b": "mae"}, [["mae"], ["mae"]]])
def test_measures_of_one_output_of_two_without_a_loss(metrics):
    x = keras.Input((3,))
    a, b = (layers.Dense(n, kernel_initializer="ones", name=name)(x) for n, name in ((2, "a"), (1, "b")))
    model = keras.models.Model(x, [a, b])
    model.compile(keras.optimizers.SGD(0.0), {"b": "mse"}, metrics=metrics)
    history = model.fit(X, {"a": X[:, :2], "b": X[:, :1]}, batch_size=4, epochs=1, shuffle=False, verbose=0).history
    np.testing.assert_allclose([*history.values()], [[1197.0], [1197.0], [29.5], [30.0]], rtol=1e-6)
    assert list(history) == ["loss", "b_loss", "a_mae", "b_mae"]
    # Without its targets the output is not measured.
    model.compile(keras.optimizers.SGD(0.0), {"b": "mse"}, metrics=metrics)
    history = model.fit(X, {"b": X[:, :1]}, batch_size=4, epochs=1, shuffle=False, verbose=0).history
    np.testing.assert_allclose([*history.values()], [[1197.0], [1197.0], [30.0]], rtol=1e-6)


def test_symbolic_terms_of_one_number_a_sample_are_told_as_a_mean():
    """And descended by their sum; there each sample counts."""
    x = keras.Input((3,))
    y = layers.Dense(2, kernel_initializer="ones")(x)
    model = keras.models.Model(x, y)
    model.add_loss(tf.reduce_mean(tf.square(y), -1))
    model.compile(keras.optimizers.SGD(0.1))
    history = model.fit(X / 30, batch_size=4, epochs=1, shuffle=False, verbose=0).history
    np.testing.assert_allclose(history["loss"], [1.152063250541687], rtol=1e-5)
    np.testing.assert_allclose(model.get_weights()[0][:, 0], [0.4882778, 0.45660806, 0.42493832], rtol=1e-5)
    np.testing.assert_allclose(model.evaluate(X / 30, batch_size=4, verbose=0), 0.23897579312324524, rtol=1e-5)
