"""Steps of a program's own beside `tf.keras`: what they call the model with, the loss that they find, what they tell."""

import numpy as np
import pytest

from kerata.legacy import keras2, tfkeras2
from kerata.legacy.tensorflow import names

tf, keras = names.build("tfkeras2")[""], tfkeras2


class Places(keras.Model):
    """A graph of nodes: the data is places in it, and `call` takes the graph."""

    def __init__(self):
        super().__init__()
        self.nodes = tf.constant([[1.0, 2.0], [0.5, -1.0], [3.0, 0.0], [0.0, 1.0]])
        self.edges = tf.constant([[0, 1], [1, 2], [2, 3], [3, 0]])
        self.dense = keras.layers.Dense(2, kernel_initializer="ones")

    def call(self, inputs):
        nodes, edges = inputs
        # How often a node is reached hangs on the numbers of the edges, which are known.
        reached = tf.repeat(nodes, tf.math.bincount(edges[:, 1]), axis=0)
        return self.dense(reached + tf.gather(nodes, edges[:, 1]))

    def of(self, places):
        return tf.gather(self([self.nodes, self.edges]), places)

    def train_step(self, data):
        places, labels = data
        with tf.GradientTape() as tape:
            found = self.of(places)
            loss = self.compiled_loss(labels, found)
        self.optimizer.minimize(loss, self.trainable_variables, tape=tape)
        self.compiled_metrics.update_state(labels, found)
        return {m.name: m.result() for m in self.metrics}

    def test_step(self, data):
        places, labels = data
        found = self.of(places)
        self.compiled_loss(labels, found)
        self.compiled_metrics.update_state(labels, found)
        return {m.name: m.result() for m in self.metrics}


@pytest.mark.parametrize("built", [True, False])
def test_a_step_calls_the_model_with_other_things_than_the_data(built):
    model = Places()
    if built:
        model([model.nodes, model.edges])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss, metrics=["acc"])
    told = model.fit(np.arange(3), np.array([0, 1, 1]), batch_size=2, epochs=2, shuffle=False, verbose=0).history
    # Of tf_keras 2.21.
    np.testing.assert_allclose(told["loss"], [0.6614777, 0.5340124], rtol=1e-5)
    np.testing.assert_allclose(told["acc"], [2 / 3, 2 / 3], rtol=1e-5)
    found = model.evaluate(np.arange(4), np.array([0, 1, 1, 0]), verbose=0)
    np.testing.assert_allclose(found, [0.6184066, 0.5], rtol=1e-5)


def test_what_is_wrong_in_such_a_step_is_said():
    class Wrong(Places):
        def train_step(self, data):
            raise RuntimeError("of the step")

    model = Wrong()
    model.compile("sgd", "mse")
    with pytest.raises(RuntimeError, match="of the step"):
        model.fit(np.arange(3), np.array([0, 1, 1]), verbose=0)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (keras.losses.mean_absolute_error, [0.5, 0.49875]),
        (keras.losses.binary_crossentropy, [0.637361, 0.582522]),
        (keras.losses.get("mse"), [0.328125, 0.326672]),
        (keras.losses.MeanSquaredError(), [0.328125, 0.326672]),
    ],
)
def test_a_step_calls_the_loss_that_compile_was_given(loss, expected):
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1, kernel_initializer="ones")

        def call(self, inputs):
            return self.dense(inputs)

        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                found = tf.reduce_mean(self.loss(y, self(x)))
            weights = self.trainable_variables
            self.optimizer.apply_gradients(zip(tape.gradient(found, weights), weights, strict=True))
            return {"l": found}

    model = Own()
    model.compile("sgd", loss)
    assert model.loss is loss
    x = np.arange(8, dtype="float32").reshape(4, 2) / 8
    told = model.fit(x, np.ones((4, 1)), epochs=2, shuffle=False, verbose=0).history
    np.testing.assert_allclose(told["l"], expected, rtol=1e-5)


def test_measures_of_ones_own_are_told_in_their_order():
    class Two(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)
            self.dense.build((None, 2))
            self.first, self.second = keras.metrics.Mean(name="n"), keras.metrics.Mean(name="i")

        @property
        def metrics(self):
            return [self.first, self.second]

        def train_step(self, data):
            return self.test_step(data)

        def test_step(self, data):
            self.first.update_state(2.0)
            self.second.update_state(1.0)
            return {"kid": tf.reduce_mean(data), "all": 4.0, **{m.name: m.result() for m in self.metrics}}

    model, x = Two(), np.full((4, 2), 3.0, "float32")
    model.compile()
    # Those of the model, and behind them what else a step tells, by the alphabet.
    assert model.evaluate(x, verbose=0) == model.test_on_batch(x) == [2.0, 1.0, 4.0, 3.0]
    assert model.train_on_batch(x) == [2.0, 1.0, 4.0, 3.0] and model.metrics_names == ["n", "i"]


@pytest.mark.parametrize("keras", [keras2, tfkeras2])
def test_the_huber_loss_has_the_name_of_then(keras):
    model = keras.models.Sequential([keras.layers.Dense(1, kernel_initializer="ones", input_shape=(2,))])
    model.compile("sgd", "huber_loss")
    told = model.fit(np.ones((4, 2)), np.full((4, 1), 5.0), verbose=0).history
    assert model.loss == "huber_loss" and told["loss"] == [2.5]


@pytest.mark.parametrize("shape", [(6, 6, 3), (None, None, 3)])
def test_sizes_may_be_computed_as_floats(shape):
    class Grid(keras.layers.Layer):
        def call(self, x):
            count = tf.math.ceil(tf.cast(tf.shape(x), tf.float32)[1] / 2)
            steps = tf.range(count, dtype=tf.float32)
            places = tf.reshape(tf.stack(tf.meshgrid(steps, steps), axis=-1), [count * count, 2])
            return tf.reduce_sum(places) + tf.reduce_sum(tf.tile([[1.0, 2.0]], [count, 1])) + tf.reduce_sum(x, [1, 2, 3])

    inputs = keras.Input(shape)
    model = keras.Model(inputs, Grid()(inputs))
    np.testing.assert_allclose(model.predict(np.ones((2, 6, 6, 3)), verbose=0), [135.0, 135.0])


def test_measures_of_compile_that_a_step_without_targets_tells():
    class Masked(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(3, kernel_initializer="ones")
            self.dense.build((None, 3))

        def train_step(self, x):
            with tf.GradientTape() as tape:
                found = self.dense(x)
                loss = self.compute_loss(y=x, y_pred=found)
            weights = self.dense.trainable_variables
            self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
            for metric in self.metrics[1:]:
                metric.update_state(x, found)
            return {metric.name: metric.result() for metric in self.metrics}

    model = Masked()
    model.compile("sgd", "mse", metrics=["mae"])
    x = np.arange(12, dtype="float32").reshape(4, 3) / 12
    # Of each row it is the sum of the two others, three times.
    assert model.fit(x, verbose=0).history["mae"] == pytest.approx([2 / 3 * x.sum(1).mean()])


class FixedNoise(keras.layers.Layer):
    """Moves samples by numbers of a fixed count of them, as programs do that know their batch size."""

    def call(self, x):
        return x + tf.constant([[1.0, 2.0], [3.0, 4.0]])


class FixedSize(keras.Model):
    def __init__(self):
        super().__init__()
        self.noise, self.dense = FixedNoise(), keras.layers.Dense(1, kernel_initializer="ones")

    def call(self, x):
        return self.dense(self.noise(x))


def test_a_program_that_knows_its_batch_size_is_built_for_it():
    class Stepping(FixedSize):
        def train_step(self, x):
            with tf.GradientTape() as tape:
                # As the standard deviations of groups in a discriminator that grows.
                group = tf.minimum(4, tf.shape(x)[0])
                loss = tf.reduce_mean(tf.reshape(self(x), [group, -1, 1]))
            weights = self.trainable_variables
            self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
            return {"loss": loss}

    x = np.ones((6, 2), "float32")
    model = Stepping()
    model.compile(keras.optimizers.SGD(0.0))
    assert model.fit(tf.data.Dataset.from_tensor_slices(x).batch(2), verbose=0).history["loss"] == [7.0]
    model = FixedSize()
    model.compile("sgd", "mse")
    y = np.array([5.0, 9.0] * 3, "float32")
    assert model.fit(x, y, batch_size=2, shuffle=False, verbose=0).history["loss"] == [0.0]
    assert FixedSize().predict(x, batch_size=2, verbose=0).ravel().tolist() == [5.0, 9.0] * 3
