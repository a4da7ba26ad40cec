"""Own layers of old programs whose `call` looks at tensors of the graph around it."""

import numpy as np
import pytest

from kerata.legacy import keras1, keras2, keras22, tfkeras2

ERAS = {"keras1": keras1, "keras22": keras22, "keras2": keras2}
X = np.random.default_rng(0).random((8, 6)).astype("float32")


@pytest.mark.parametrize("era", list(ERAS))
def test_a_layer_adds_a_loss_of_tensors_that_it_is_not_given(era):
    """The layer of the variational autoencoder of Keras 2.0's examples, without its noise."""
    keras = ERAS[era]
    K, L = keras.backend, keras.layers
    x = L.Input((6,))
    z_mean, z_log_var = L.Dense(2)(x), L.Dense(2)(x)
    decoded = L.Dense(6, activation="sigmoid")(z_mean)

    class CustomVariationalLayer(L.Layer):
        def vae_loss(self, x, decoded):
            difference = K.sum(K.square(x - decoded), axis=-1)
            kl = -0.5 * K.sum(1 + z_log_var - K.square(z_mean) - K.exp(z_log_var), axis=-1)
            return K.mean(difference + kl)

        def call(self, inputs, mask=None):
            self.add_loss(self.vae_loss(*inputs), inputs=inputs)
            return inputs[0]

    y = CustomVariationalLayer()([x, decoded])
    Model = keras.models.Model
    model, parts = Model(x, y), Model(x, [z_mean, z_log_var, decoded])
    model.compile("sgd", loss=None) if era != "keras1" else model.compile("sgd", "mse")
    mean, log_var, out = parts.predict(X)
    by_hand = (((X - out) ** 2).sum(1) - 0.5 * (1 + log_var - mean**2 - np.exp(log_var)).sum(1)).mean()
    data = (X,) if era != "keras1" else (X, X)
    np.testing.assert_allclose(model.evaluate(*data, verbose=0), by_hand, rtol=1e-5)
    np.testing.assert_array_equal(model.predict(X), X)
    before = parts.get_weights()
    assert model.train_on_batch(*data) == pytest.approx(by_hand, rel=1e-5)
    assert all(np.abs(a - b).max() > 0 for a, b in zip(before, parts.get_weights(), strict=True) if a.ndim == 2)
    assert [layer.name for layer in model.layers][-1].lower().replace("_", "").startswith("customvariationallayer")


def test_such_a_layer_has_weights_and_attributes_and_draws_numbers_anew():
    K, L = keras2.backend, keras2.layers

    class Gate(L.Layer):
        def __init__(self, other, noisy=False, **kwargs):
            self.other, self.noisy = other, noisy
            super().__init__(**kwargs)

        def build(self, shape):
            self.gate = self.add_weight("gate", shape[1:], initializer="ones")
            super().build(shape)

        def call(self, inputs):
            noise = K.random_normal((1,)) if self.noisy else 0.0
            return inputs * self.gate * 3.0 + self.other + noise

    x = L.Input((6,))
    other = L.Lambda(lambda t: t * 2)(x)
    model = keras2.models.Model(x, Gate(other)(x))
    np.testing.assert_allclose(model.predict(X), 5 * X, rtol=1e-6)
    assert [w.shape for w in model.trainable_weights] == [(6,)]
    model.compile("sgd", "mse")
    model.fit(X, 2 * X, epochs=2, verbose=0)
    assert np.all(model.get_weights()[0] < 1)
    noisy = keras2.models.Model(x, Gate(other, noisy=True)(x))
    first, second = noisy.predict(X) - 5 * X, noisy.predict(X) - 5 * X
    assert np.ptp(first) < 1e-5
    assert np.abs(first - second).min() > 1e-4


@pytest.mark.parametrize("era", [*ERAS, "tfkeras2"])
@pytest.mark.parametrize("kind", ["update", "add", "moving", "pair", "assign"])
def test_what_such_a_layer_changes_is_changed_in_each_batch(era, kind):
    keras = {**ERAS, "tfkeras2": tfkeras2}[era]
    K, L = keras.backend, keras.layers
    x = L.Input((6,))
    other = L.Lambda(lambda t: t * 2)(x)

    class Own(L.Layer):
        def build(self, shape):
            if era == "tfkeras2":
                self.seen = self.add_weight(name="seen", shape=(6,), initializer="zeros", trainable=False)
            else:
                self.seen = K.zeros((6,))
                self.non_trainable_weights = [self.seen]
            super().build(shape)

        def call(self, inputs, mask=None):
            mean = K.mean(inputs + other, axis=0)
            if kind == "assign":
                self.seen.assign(mean)
                return inputs
            changes = {
                "update": lambda: K.update(self.seen, mean),
                "add": lambda: K.update_add(self.seen, mean),
                "moving": lambda: K.moving_average_update(self.seen, mean, 0.9),
                "pair": lambda: (self.seen, mean),
            }
            self.add_update([changes[kind]()], inputs)
            return inputs

    own = Own()
    model = keras.models.Model(x, own(x))
    model.compile("sgd", "mse")
    wanted = {"add": 2, "moving": 1 - 0.9**2}.get(kind, 1) * 3 * X.mean(0)
    for _ in range(2):
        model.train_on_batch(X, X)
    np.testing.assert_allclose(K.get_value(own.seen), wanted, rtol=1e-5)


@pytest.mark.parametrize("era", ["keras2", "tfkeras2"])
def test_what_such_a_layer_measures_is_reported(era):
    keras = {"keras2": keras2, "tfkeras2": tfkeras2}[era]
    K, L = keras.backend, keras.layers
    x = L.Input((6,))
    other = L.Lambda(lambda t: t * 2)(x)

    class Own(L.Layer):
        def call(self, inputs):
            self.add_metric(K.sum(inputs + other), name="total", aggregation="mean")
            return inputs

    model = keras.models.Model(x, Own()(x))
    model.compile("sgd", "mse")
    assert model.train_on_batch(X, X) == pytest.approx([0, 3 * X.sum()], rel=1e-5)


@pytest.mark.parametrize("era", ["keras1", "keras2", "tfkeras2"])
def test_functions_that_look_at_tensors_follow_variables_and_draw_anew(era):
    """In a layer, in a Lambda, and in a loss: functions of a variable alone, and draws, belong to the batch."""
    keras = {"keras1": keras1, "keras2": keras2, "tfkeras2": tfkeras2}[era]
    K, L, Model = keras.backend, keras.layers, keras.models.Model
    x = L.Input((6,))
    other = L.Lambda(lambda t: t * 2)(x)
    rate = K.variable(np.ones(6))

    class Own(L.Layer):
        def build(self, shape):
            self.scale = self.add_weight(name="scale", shape=(6,), initializer="ones")
            super().build(shape)

        def call(self, inputs, mask=None):
            return inputs * K.exp(self.scale) + other

    own = Own()
    model = Model(x, own(x))
    np.testing.assert_allclose(model.predict(X), (np.e + 2) * X, rtol=1e-5)
    model.compile("sgd", "mse")
    model.train_on_batch(X, 0 * X)
    slope = 2 * ((np.e + 2) * X * np.e * X).sum(0) / X.size
    np.testing.assert_allclose(model.get_weights()[0], 1 - 0.01 * slope, rtol=1e-5)

    model = Model(x, L.Lambda(lambda t: t * K.exp(rate) + other + K.random_uniform((1,)) * 0)(x))
    np.testing.assert_allclose(model.predict(X), (np.e + 2) * X, rtol=1e-5)
    K.set_value(rate, np.zeros(6))
    np.testing.assert_allclose(model.predict(X), 3 * X, rtol=1e-5)
    drawing = Model(x, L.Lambda(lambda t: t + 0 * other + K.random_uniform((1,)))(x))
    assert np.abs(drawing.predict(X) - drawing.predict(X)).min() > 1e-5

    weight = K.variable(1.0)
    model = Model(x, other)
    model.compile("sgd", lambda y, p: K.mean(K.square(p), axis=-1) * K.exp(weight) + 0 * K.sum(x))
    assert model.evaluate(X, X, verbose=0) == pytest.approx(np.e * (4 * X**2).mean(), rel=1e-5)
    K.set_value(weight, 0.0)
    assert model.evaluate(X, X, verbose=0) == pytest.approx((4 * X**2).mean(), rel=1e-5)
    model.compile("sgd", lambda y, p: K.mean(K.square(p), axis=-1) * K.random_uniform((1,)) + 0 * K.sum(x))
    assert abs(model.test_on_batch(X, X) - model.test_on_batch(X, X)) > 1e-6
