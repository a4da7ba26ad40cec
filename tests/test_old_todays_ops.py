"""`keras.ops` and `keras.random` in programs of Keras 3 that run on TensorFlow: numbers of Keras 3.15 there."""

import numpy as np
import pytest

from kerata.legacy import tfkeras2 as keras
from kerata.legacy.detection import find_era
from kerata.legacy.namespaces import tree_of
from kerata.legacy.tensorflow import names
from kerata.legacy.tensorflow.tensor import Tensor

tf = names.build("tfkeras2")[""]
ops, random, layers = tree_of("tfkeras2").find("keras.ops"), tree_of("tfkeras2").find("keras.random"), keras.layers
ROWS = np.array([[1.0, 2.0], [3.0, 4.0]], "float32")


def test_a_tape_follows_operations():
    x, v = tf.constant(ROWS), tf.Variable([1.0, 2.0])
    with tf.GradientTape() as tape:
        loss = ops.sum(ops.square(ops.matmul(x, ops.expand_dims(v, -1)))) + ops.mean(ops.nn.softmax(x) * v)
    assert float(loss) == pytest.approx(146.86552)
    np.testing.assert_allclose(tape.gradient(loss, v), [76.13447, 108.36553], rtol=1e-5)


def test_operations_take_and_give_tensors():
    x = tf.constant(ROWS)
    assert isinstance(ops.concatenate([x, x], 0), Tensor) and ops.where(x > 2, x, 0.0).numpy().tolist() == [[0, 0], [3, 4]]
    assert ops.shape(x) == (2, 2) and isinstance(ops.convert_to_numpy(x), np.ndarray) and ops.is_tensor(x)
    assert ops.image.resize(tf.ones((1, 4, 4, 3)), (2, 2)).shape == (1, 2, 2, 3)
    assert isinstance(random.normal((2,), seed=random.SeedGenerator(1)), Tensor)
    assert ops.cast(x, "int32").dtype == tf.int32


def test_a_step_with_a_tape_and_operations():
    class Coder(keras.Model):
        def __init__(self):
            super().__init__()
            self.encoder, self.decoder = layers.Dense(3, kernel_initializer="ones"), layers.Dense(4, kernel_initializer="ones")
            self.total, self.seed = keras.metrics.Mean(name="loss"), random.SeedGenerator(1)

        metrics = property(lambda self: [self.total])

        def call(self, x):
            return self.decoder(self.encoder(x))

        def train_step(self, data):
            with tf.GradientTape() as tape:
                z = self.encoder(data)
                z = z + random.normal(ops.shape(z), seed=self.seed) * 0.0
                loss = ops.mean(ops.sum(ops.square(data - self.decoder(z)), axis=-1))
            slopes = tape.gradient(loss, self.trainable_weights)
            self.optimizer.apply_gradients(zip(slopes, self.trainable_weights, strict=True))
            self.total.update_state(loss)
            return {"loss": self.total.result()}

    class Plain(Coder):
        def train_step(self, data):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.reduce_sum((data - self(data)) ** 2, axis=-1))
            slopes = tape.gradient(loss, self.trainable_weights)
            self.optimizer.apply_gradients(zip(slopes, self.trainable_weights, strict=True))
            self.total.update_state(loss)
            return {"loss": self.total.result()}

    x = np.random.RandomState(0).rand(32, 4).astype("float32")
    found = []
    for make in (Coder, Plain):
        model = make()
        model.compile(optimizer=keras.optimizers.SGD(1e-3))
        found.append(model.fit(x, epochs=3, batch_size=16, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5)
    assert found[0][-1] < found[0][0]


@pytest.mark.parametrize(
    "lines,era",
    [
        ("from keras import ops\nwith tf.GradientTape() as tape: ops.sum(x)", "tfkeras2"),
        ("from keras import ops\nclass A(keras.layers.Layer):\n  def call(self, x): return ops.sum(tf.range(3))", "tfkeras2"),
        ("from keras import ops\nds = tf.data.Dataset.range(3)\nops.sum(x)", "keras3"),
        ("from keras import ops\nclass A(keras.Model):\n  def call(self, x): return ops.sum(x)", "keras3"),
    ],
)
def test_who_takes_tensors_is_run_as_tf_keras(lines, era):
    assert find_era(f"import keras, tensorflow as tf\n{lines}").era == era


@pytest.mark.parametrize("not_equal", [ops.not_equal, tf.math.not_equal], ids=["keras.ops", "tf"])
def test_masks_that_a_layer_makes_by_functions_of_tensors(not_equal):
    class Positions(layers.Layer):
        def __init__(self):
            super().__init__()
            self.words, self.places = layers.Embedding(20, 4), layers.Embedding(7, 4)

        def call(self, x):
            return self.words(x) + self.places(tf.range(0, ops.shape(x)[-1], 1))

        def compute_mask(self, inputs, mask=None):
            return not_equal(inputs, 0)

    inputs = keras.Input((7,), dtype="int64")
    layer = Positions()
    model = keras.Model(inputs, layers.GlobalAveragePooling1D()(layer(inputs)))
    x = np.array([[3, 5, 0, 0, 0, 0, 0], [1, 2, 3, 4, 5, 6, 7]])
    model.compile("sgd", "mse")
    model.fit(x, np.zeros((2, 4)), verbose=0)
    rows = np.asarray(layer(x))
    np.testing.assert_allclose(model.predict(x, verbose=0), [rows[0, :2].mean(0), rows[1].mean(0)], rtol=1e-5)
