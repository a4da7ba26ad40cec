"""Idioms of programs of `tf.keras` and TensorFlow 1: what they asked of their surroundings, and what their steps got."""

import numpy as np
import pytest

from kerata.legacy import tfkeras2 as keras
from kerata.legacy.tensorflow import names

tf = names.build("tfkeras2")[""]
layers = keras.layers


def test_programs_that_look_for_a_tpu_catch_that_there_is_none():
    with pytest.raises(ValueError, match="JAX finds TPUs itself"):
        tf.distribute.cluster_resolver.TPUClusterResolver()


def test_weights_of_layers_are_variables_of_tensorflow():
    layer = layers.Dense(2)
    layer.build((None, 3))
    assert (layer.kernel.shape.rank, layer.kernel.shape.as_list(), layer.bias.numpy().shape) == (2, [3, 2], (2,))


def test_sizes_that_are_guessed_take_no_memory():
    """The masks of a decoder: one matrix a sample, which took 62 GB while shapes were looked for."""

    def mask_of(s):
        return tf.cumsum(tf.eye(tf.shape(s)[1], batch_shape=tf.shape(s)[:1]), 1)

    x = layers.Input((None,))
    model = keras.models.Model(x, layers.Lambda(mask_of)(x))
    found = model.predict(np.zeros((2, 3)), verbose=0)
    np.testing.assert_array_equal(found, [np.tril(np.ones((3, 3)))] * 2)


def test_py_func_gets_arrays_of_numpy():
    def count(y_true, y_pred):
        assert isinstance(y_true, np.ndarray) and y_pred.dtype == bool
        return np.float64(np.sum(np.logical_and(y_true > 0, y_pred > 0)))

    found = tf.compat.v1.py_func(count, [tf.constant([1.0, 0.0]), tf.constant([0.7, 0.2]) > 0.5], tf.float64)
    assert found.numpy() == 1.0


class Siamese(keras.models.Model):
    def __init__(self, network):
        super().__init__()
        self.network = network
        self.tracker = keras.metrics.Mean(name="loss")

    def call(self, inputs):
        return self.network(inputs)

    def _distance(self, data):
        near, far = self.network(data)
        return tf.maximum(near - far + 0.5, 0.0)

    def train_step(self, data):
        with tf.GradientTape() as tape:
            loss = self._distance(data)
        gradients = tape.gradient(loss, self.network.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.network.trainable_weights, strict=True))
        self.tracker.update_state(loss)
        return {"loss": self.tracker.result()}

    @property
    def metrics(self):
        return [self.tracker]


def test_a_step_may_call_its_model_with_all_of_a_triple():
    """Anchor, positive, negative: the model was called with the first alone, to build it."""
    given = [layers.Input((3,)) for _ in range(3)]
    embed = layers.Dense(2, use_bias=False)
    first, second, third = (embed(one) for one in given)

    def square(a, b):
        return tf.reduce_sum(tf.square(a - b), -1)

    model = Siamese(keras.models.Model(given, [square(first, second), square(first, third)]))
    kernel = np.float32([[1, 0], [0, 1], [1, 1]])
    model.network.set_weights([kernel])
    model.compile(keras.optimizers.SGD(0.1))
    a, p, n = np.random.RandomState(0).rand(3, 4, 3).astype("float32")
    history = model.fit(tf.data.Dataset.from_tensor_slices((a, p, n)).batch(4), epochs=2, verbose=0)
    near, far = (np.square((a - other) @ kernel).sum(-1) for other in (p, n))
    assert history.history["loss"][0] == pytest.approx(np.maximum(near - far + 0.5, 0).mean(), rel=1e-5)
    # TensorFlow takes the gradient of the sum.
    counts = (near - far + 0.5 > 0)[:, None]
    slope = 2 * ((a - p).T @ (((a - p) @ kernel) * counts) - (a - n).T @ (((a - n) @ kernel) * counts))
    near, far = (np.square((a - other) @ (kernel - 0.1 * slope)).sum(-1) for other in (p, n))
    assert history.history["loss"][1] == pytest.approx(np.maximum(near - far + 0.5, 0).mean(), rel=1e-4)
