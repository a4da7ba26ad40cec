"""Tables under the optimizers of `tf.keras`, which took the rows that a batch reads one by one.

Losses of two epochs, and the sum of sizes in the table after them, are those of tf_keras 2.21.
"""

import numpy as np
import pytest

from kerata.legacy import tfkeras2 as keras
from kerata.legacy.tensorflow import names

tf = names.build("tfkeras2")[""]
new, old = keras.optimizers, keras.optimizers.legacy

# The optimizer, what the model has, the values.
CASES = {
    "norm": (lambda: new.SGD(0.5, clipnorm=0.3), {}, (3.826508, 3.094836, 9.762181)),
    "value": (lambda: new.SGD(0.5, clipvalue=0.02), {}, (3.818159, 3.518193, 10.123300)),
    "norm of all": (lambda: new.SGD(0.5, global_clipnorm=0.4), {}, (3.822784, 3.185788, 9.758464)),
    "Adam": (lambda: new.Adam(0.05, clipnorm=0.3), {}, (3.745402, 2.320273, 10.094165)),
    "two reads": (lambda: new.SGD(0.5, clipnorm=0.3), {"shared": True}, (5.130235, 3.919899, 9.619832)),
    "two reads, value": (lambda: new.SGD(0.5, clipvalue=0.02), {"shared": True}, (5.127711, 4.389234, 9.771682)),
    # The penalty's gradient is that of the whole table, so that all of it is.
    "penalty": (lambda: new.SGD(0.5, clipnorm=0.3), {"regularizer": "l2"}, (3.860889, 3.098176, 9.636931)),
    "mask": (lambda: new.SGD(0.5, clipnorm=0.3), {"mask": True}, (2.140142, 1.789361, 10.676054)),
    "momentum": (lambda: new.SGD(0.03, momentum=0.9), {}, (3.839530, 2.834377, 9.581734)),
    "momentum of then": (lambda: old.SGD(0.03, momentum=0.9), {}, (3.839530, 2.859864, 9.594622)),
    "Nesterov of then": (lambda: old.SGD(0.03, momentum=0.9, nesterov=True, clipnorm=0.3), {}, (3.848979, 3.662529, 10.100937)),
    "RMSprop of then": (lambda: old.RMSprop(0.02, momentum=0.5, centered=True), {}, (3.789686, 1.944472, 10.796067)),
    "Adamax of then": (lambda: old.Adamax(0.05), {}, (3.729515, 2.607463, 9.769831)),
    "Nadam of then": (lambda: old.Nadam(0.05), {}, (3.779664, 2.710801, 9.978474)),
    "Ftrl of then": (lambda: old.Ftrl(0.05, l1_regularization_strength=0.01), {}, (3.439240, 3.178089, 2.053150)),
    "Adadelta of then": (lambda: old.Adadelta(0.5), {}, (3.854322, 3.832371, 10.216263)),
}


def train(optimizer, shared=False, regularizer=None, mask=False):
    rs = np.random.RandomState(0)
    words = keras.Input((6,), dtype="int32")
    table = keras.layers.Embedding(9, 4, embeddings_regularizer=regularizer, mask_zero=mask)
    inputs, h = [words], table(words)
    if shared:
        inputs.append(keras.Input((3,), dtype="int32"))
        h = keras.layers.Concatenate(axis=1)([h, table(inputs[1])])
    h = keras.layers.LSTM(5)(h) if mask else keras.layers.Flatten()(h)
    model = keras.Model(inputs, keras.layers.Dense(2)(h))
    model.set_weights([rs.uniform(-0.6, 0.6, w.shape) for w in model.get_weights()])
    x = rs.randint(0, 9, (10, 6))
    x[:, 3] = x[:, 2]
    data = [x, rs.randint(0, 4, (10, 3))] if shared else x
    y = rs.uniform(-3, 3, (10, 2))
    model.compile(optimizer, "mse")
    # The last batch has two rows.
    losses = model.fit(data, y, batch_size=4, epochs=2, shuffle=False, verbose=0).history["loss"]
    return [*losses, float(np.abs(table.get_weights()[0]).sum())]


@pytest.mark.parametrize("name", CASES)
def test_rows_of_a_table_are_taken_one_by_one(name):
    make, given, expected = CASES[name]
    np.testing.assert_allclose(train(make(), **given), expected, rtol=3e-6)


class Tied(keras.layers.Layer):
    """Logits by the table that the words were read from."""

    def __init__(self, table):
        super().__init__()
        self.table = table

    def call(self, x):
        return keras.backend.dot(x, keras.backend.transpose(self.table.embeddings))


@pytest.mark.parametrize(
    ("bound", "expected"),
    [
        ({"clipnorm": 0.1}, (2.788538, 2.773757, 2.759533)),
        ({"clipvalue": 0.02}, (2.787249, 2.777267, 2.766864)),
        ({"global_clipnorm": 0.2}, (2.789620, 2.771358, 2.753057)),
    ],
)
def test_a_table_that_is_read_as_a_whole_too_has_one_gradient(bound, expected):
    rs = np.random.RandomState(0)
    table = keras.layers.Embedding(9, 4)
    words = keras.Input((6,))
    h = keras.layers.Dense(4)(keras.layers.GlobalAveragePooling1D()(table(words)))
    model = keras.Model(words, Tied(table)(h))
    x = rs.randint(0, 9, (10, 6))
    x[:, 3] = x[:, 2]
    y = rs.uniform(-3, 3, (10, 9))
    model.set_weights([rs.uniform(-0.6, 0.6, w.shape) for w in model.get_weights()])
    model.compile(new.SGD(0.5, **bound), "mse")
    losses = model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(losses, expected, rtol=3e-6)


def make(cls=keras.Model, shared=False):
    rs = np.random.RandomState(0)
    table = keras.layers.Embedding(9, 4)
    words = keras.Input((6,))
    h = table(words)
    if shared:
        h = keras.layers.Add()([h, table(keras.layers.Lambda(lambda x: x[:, ::-1])(words))])
    model = cls(words, keras.layers.Dense(2)(keras.layers.Flatten()(h)))
    model.set_weights([rs.uniform(-0.6, 0.6, w.shape) for w in model.get_weights()])
    x = rs.randint(0, 9, (10, 6))
    x[:, 3] = x[:, 2]
    return model, x, rs.uniform(-3, 3, (10, 2))


@pytest.mark.parametrize(
    ("optimizer", "change", "shared", "expected"),
    [
        (lambda: new.SGD(0.5, clipnorm=0.1), None, False, (3.382569, 3.799347, 4.827473, 10.118639)),
        (lambda: new.SGD(0.5, global_clipnorm=0.2), None, True, (3.254462, 3.091376, 4.534507, 10.071691)),
        (lambda: old.SGD(0.3, momentum=0.9), None, False, (3.382569, 3.063850, 7.892235, 11.051265)),
        (lambda: old.Nadam(0.05), None, False, (3.382569, 3.555192, 5.022798, 9.762314)),
        (lambda: new.SGD(0.5), lambda g: tf.clip_by_global_norm(g, 0.3)[0], False, (3.382569, 3.737258, 4.899393, 9.993423)),
        (
            lambda: new.SGD(0.5),
            lambda g: [tf.clip_by_norm(one, 0.1) for one in g],
            False,
            (3.382569, 3.799347, 4.827473, 10.118639),
        ),
    ],
    ids=["norm", "two reads", "momentum of then", "Nadam of then", "clip_by_global_norm", "clip_by_norm"],
)
def test_loops_with_a_tape_take_rows_one_by_one(optimizer, change, shared, expected):
    (model, x, y), optimizer, found = make(shared=shared), optimizer(), []
    for start in range(0, 12, 4):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(x[start : start + 4], training=True) - y[start : start + 4]) ** 2)
        slopes = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(slopes if change is None else change(slopes), model.trainable_variables, strict=True))
        found.append(float(loss))
    np.testing.assert_allclose([*found, np.abs(model.get_weights()[0]).sum()], expected, rtol=3e-6)


class Taped(keras.Model):
    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self(x, training=True) - y) ** 2)
        slopes = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(slopes, self.trainable_variables, strict=True))
        return {"loss": loss}


class Passed(keras.Model):
    def train_step(self, data):
        return super().train_step(data)


class Minimized(keras.Model):
    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compiled_loss(y, self(x, training=True))
        self.optimizer.minimize(loss, self.trainable_variables, tape=tape)
        return {"loss": loss}


@pytest.mark.parametrize(
    ("cls", "bound", "expected"),
    [
        (Taped, {"clipnorm": 0.1}, (4.827473, 4.601146, 4.421244)),
        (Taped, {"global_clipnorm": 0.2}, (4.815891, 4.514047, 4.274721)),
        (Passed, {"clipnorm": 0.1}, (3.838261, 3.551411, 3.296935)),
        (Passed, {"clipvalue": 0.02}, (3.818159, 3.518193, 3.254208)),
        (Minimized, {"clipnorm": 0.1}, (3.838261, 3.551411, 3.296935)),
    ],
)
def test_steps_of_a_program_take_rows_one_by_one(cls, bound, expected):
    model, x, y = make(cls)
    model.compile(new.SGD(0.5, **bound), "mse")
    losses = model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(losses, expected, rtol=3e-6)


def test_a_table_that_a_tape_sees_as_a_whole_has_one_gradient():
    model, x, y = make()
    table = model.layers[1].embeddings
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(x) - y) ** 2) + 0.0 * tf.reduce_sum(table)
    whole = tape.gradient(loss, [table])
    np.testing.assert_allclose(tf.linalg.global_norm(whole), np.linalg.norm(np.asarray(whole[0])), rtol=1e-6)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(x) - y) ** 2)
    by_place = tape.gradient(loss, [table])
    np.testing.assert_allclose(np.asarray(by_place[0]), np.asarray(whole[0]), rtol=1e-6)
    assert abs(float(tf.linalg.global_norm(by_place)) / float(tf.linalg.global_norm(whole)) - 1) > 1e-3


def test_today_the_gradient_of_a_table_is_one():
    import kerata

    def losses(keras):
        table = keras.layers.Embedding(5, 2, embeddings_initializer="ones")
        model = keras.Sequential([keras.Input((4,), dtype="int32"), table, keras.layers.Flatten()])
        model.compile(keras.optimizers.SGD(1.0, clipnorm=0.5), "mse")
        return model.fit(np.array([[1, 1, 1, 2]]), np.zeros((1, 8)), epochs=2, verbose=0).history["loss"]

    # One program each, whichever comes first: gradients (0.75, 0.75) and (0.25, 0.25), or four times (0.25, 0.25).
    today, then = losses(kerata), losses(keras)
    large, small = (1 - 0.5 * 0.75 / np.sqrt(1.25)) ** 2, (1 - 0.5 * 0.25 / np.sqrt(1.25)) ** 2
    np.testing.assert_allclose(today[1], (3 * large + small) / 4, rtol=1e-5)
    large, small = (1 - 0.5 * 0.75 / np.sqrt(0.5)) ** 2, (1 - 0.5 * 0.25 / np.sqrt(0.5)) ** 2
    np.testing.assert_allclose(then[1], (3 * large + small) / 4, rtol=1e-5)
