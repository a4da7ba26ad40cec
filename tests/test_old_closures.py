"""Own layers of old programs whose `call` looks at tensors of the graph around it."""

import numpy as np
import pytest

from kerata.legacy import keras1, keras2, keras22

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


def test_such_a_layer_has_weights_and_attributes_and_draws_no_numbers():
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
    with pytest.raises(NotImplementedError, match="must not draw random numbers"):
        Gate(other, noisy=True)(x)
