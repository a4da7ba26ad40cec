"""Data as programs of `tf.keras` see it in their own steps, losses and layers: whole numbers of 64 bits, parts of any length.

The numbers are those of `tf_keras` 2.21.
"""

import numpy as np
import pytest

from kerata.legacy import keras2
from kerata.legacy import tfkeras2 as keras
from kerata.legacy.tensorflow import names

tf = names.build("tfkeras2")[""]
DRAWS = np.random.RandomState(0)
X, Y = DRAWS.randint(0, 5, (12, 4)), DRAWS.randint(0, 3, (12,))


class OneHot(keras.layers.Layer):
    """Compares its input with a tensor of 64 bits, as only one of 64 bits may be."""

    def call(self, inputs):
        there = tf.cast(tf.not_equal(inputs, tf.constant(0, tf.int64)), tf.float32)
        return tf.one_hot(inputs, 5) * there[..., None]


class Classifier(keras.Model):
    def __init__(self):
        super().__init__()
        self.hot, self.flat = OneHot(), keras.layers.Flatten()
        self.dense = keras.layers.Dense(3, activation="softmax", kernel_initializer="ones")

    def call(self, inputs):
        return self.dense(self.flat(self.hot(inputs)))


class OfOwnStep(Classifier):
    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            predicted = self(x, training=True)
            loss = self.compiled_loss(y, predicted)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        hits = tf.equal(y, tf.argmax(predicted, -1))
        return {
            "loss": loss,
            "hits": tf.reduce_mean(tf.cast(hits, tf.float32)),
            "wide": tf.cast(x.dtype == tf.int64, tf.float32),
        }


def doubled_zeros(y_true, y_pred):
    weights = tf.where(tf.equal(tf.reshape(y_true, [-1]), tf.constant(0, tf.int64)), 2.0, 1.0)
    return weights * keras.losses.sparse_categorical_crossentropy(y_true, y_pred)


class Batches(keras.utils.Sequence):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return X[4 * index : 4 * index + 4], Y[4 * index : 4 * index + 4]


def endless():
    while True:
        yield from (Batches()[index] for index in range(3))


SOURCES = {
    "arrays": lambda: {"x": X, "y": Y, "batch_size": 4},
    "data set": lambda: {"x": tf.data.Dataset.from_tensor_slices((X, Y)).batch(4)},
    "sequence": lambda: {"x": Batches()},
    "generator": lambda: {"x": endless(), "steps_per_epoch": 3},
}


@pytest.mark.parametrize("source", SOURCES)
def test_whole_numbers_of_64_bits_stay_so_in_layers_and_losses(source):
    model = Classifier()
    model.compile(keras.optimizers.SGD(0.1), doubled_zeros)
    history = model.fit(**SOURCES[source](), epochs=2, shuffle=False, verbose=0).history
    assert history["loss"] == pytest.approx([1.27712, 1.1988], abs=1e-4)
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(1.13212, abs=1e-4)
    assert model.predict(X, verbose=0)[0].tolist() == pytest.approx([0.3199, 0.4093, 0.2708], abs=1e-4)


@pytest.mark.parametrize("source", SOURCES)
def test_steps_of_a_programs_own_see_them(source):
    model = OfOwnStep()
    model.compile(keras.optimizers.SGD(0.1), doubled_zeros)
    history = model.fit(**SOURCES[source](), epochs=2, shuffle=False, verbose=0).history
    assert history["hits"][-1] == pytest.approx(0.5) and history["wide"] == [1.0, 1.0]


def test_data_of_32_bits_is_of_32_bits():
    model = OfOwnStep()
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    with pytest.raises(tf.errors.InvalidArgumentError, match="expected to be a int32 tensor but is a int64"):
        model.fit(X, Y.astype("int32"), verbose=0)


@pytest.mark.parametrize("era", ["keras2", "tfkeras2"])
def test_own_losses_get_columns_and_labels_as_they_are(era):
    room, seen = {"keras2": keras2, "tfkeras2": keras}[era], []

    def loss(y_true, y_pred):
        seen.append((tuple(y_true.shape[1:]), str(np.dtype(y_true.dtype))))
        return room.backend.mean(room.backend.square(room.backend.cast(y_true, "float32") - y_pred), axis=-1)

    model = room.models.Sequential([room.layers.Dense(3, kernel_initializer="ones", input_shape=(2,))])
    model.compile("sgd", loss)
    x, y = np.arange(6.0).reshape(3, 2), np.array([0, 1, 2])
    # Three samples and three outputs: without the column, the targets would lie along the wrong axis.
    assert model.evaluate(x, y, batch_size=3, verbose=0) == pytest.approx(((x.sum(1) - y) ** 2).mean())
    assert set(seen) == {((1,), "int32" if era == "tfkeras2" else "float32")}


class OfTwoLengths(keras.Model):
    """A step on pictures without labels, and on fewer that have some."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1, kernel_initializer="ones")
        self.total = keras.metrics.Mean(name="loss")

    @property
    def metrics(self):
        return [self.total]

    def call(self, inputs):
        return self.dense(inputs)

    def _loss(self, data):
        without, (known, labels) = data
        errors = tf.cast(labels, tf.float32)[:, None] - self.dense(known)
        return tf.reduce_mean(self.dense(without) ** 2) + tf.reduce_mean(errors**2)

    def train_step(self, data):
        with tf.GradientTape() as tape:
            loss = self._loss(data)
        self.optimizer.minimize(loss, self.trainable_variables, tape=tape)
        self.total.update_state(loss)
        return {"loss": self.total.result()}

    def test_step(self, data):
        self.total.update_state(self._loss(data))
        return {"loss": self.total.result()}


def test_parts_of_a_batch_may_differ_in_length_in_own_steps():
    draws = np.random.RandomState(0)
    many, few, labels = draws.rand(12, 3).astype("float32"), draws.rand(4, 3).astype("float32"), draws.randint(0, 2, (4,))
    first = tf.data.Dataset.from_tensor_slices(many).batch(6)
    data = tf.data.Dataset.zip((first, tf.data.Dataset.from_tensor_slices((few, labels)).batch(2)))
    model = OfTwoLengths()
    model.compile(keras.optimizers.SGD(0.1))
    history = model.fit(data, epochs=3, verbose=0, validation_data=data).history
    assert history["loss"] == pytest.approx([2.99595, 0.59998, 0.54180], abs=1e-4)
    assert history["val_loss"] == pytest.approx([0.59911, 0.53967, 0.50774], abs=1e-4)
    assert model.evaluate(data, verbose=0) == pytest.approx(0.50774, abs=1e-4)

    def batches():
        while True:
            yield many[:5], (few[:3], labels[:3])
            yield many[:6], (few[:2], labels[:2])

    history = model.fit(batches(), steps_per_epoch=2, epochs=2, verbose=0).history
    assert history["loss"] == pytest.approx([0.55617, 0.51965], abs=1e-4)


def test_other_steps_refuse_them():
    data = tf.data.Dataset.from_tensors((np.ones((6, 3), "float32"), np.ones((4, 1), "float32")))
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="all arrays must have the same number of samples"):
        model.fit(data, verbose=0)
    own = OfTwoLengths()
    own.compile("sgd")
    with pytest.raises(ValueError, match="all arrays must have the same number of samples"):
        own.fit(np.ones((6, 3)), np.ones((4, 1)), verbose=0)
