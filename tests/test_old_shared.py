"""Variables as programs of Keras 1 asked for them."""

import numpy as np
import pytest

from kerata.legacy import keras1, keras2

X = np.random.default_rng(0).normal(size=(8, 2, 5, 5)).astype("float32")


@pytest.mark.parametrize("keras", [keras1, keras2], ids=["keras1", "keras2"])
def test_rates_are_asked_and_set_as_shared_variables(keras):
    """A step of plain descent goes by the rate that was set, divided by 1 + decay * steps."""
    model = keras.models.Sequential([keras.layers.Dense(1, input_dim=2)])
    model.compile(keras.optimizers.SGD(lr=0.5), "mse")
    rate = model.optimizer.lr
    assert float(rate.get_value()) == 0.5 and rate.eval() == np.float32(0.5)
    assert float(model.optimizer.decay) == 0.0 and keras.backend.get_value(model.optimizer.decay) == 0.0
    rate.set_value(0.1)
    x, y = X[:, 0, 0, :2], X[:, 1, 0, :1]

    def moved():
        kernel, bias = model.get_weights()
        model.train_on_batch(x, y)
        by_rate = -2 / len(x) * x.T @ (x @ kernel + bias - y)
        return ((model.get_weights()[0] - kernel) / by_rate).mean()

    assert moved() == pytest.approx(0.1, rel=1e-4)
    model.optimizer.decay.set_value(1.0)
    assert moved() == pytest.approx(0.1 / 2, rel=1e-4)
    assert model.optimizer.get_config()["decay"] == 1.0
    assert model.optimizer.iterations.get_value() == 2


@pytest.mark.parametrize("way", ["K", "shared"])
def test_kernels_and_gates_have_the_form_of_keras_1(way):
    K = keras1.backend
    get, put = (K.get_value, K.set_value) if way == "K" else (lambda v: v.get_value(), lambda v, a: v.set_value(a))
    conv = keras1.layers.Convolution2D(4, 3, 3, dim_ordering="th", input_shape=(2, 5, 5))
    model = keras1.models.Sequential([conv])
    np.testing.assert_array_equal(get(conv.W), conv.get_weights()[0])
    assert conv.W.shape == (4, 2, 3, 3) and (2 * conv.W).shape == (conv.W + 1).shape == conv.W.shape
    kernel = np.random.default_rng(1).normal(size=(4, 2, 3, 3)).astype("float32")
    put(conv.W, kernel)
    right = sum(kernel[:, :, i, j] @ X[0, :, i, j] for i in range(3) for j in range(3))
    np.testing.assert_allclose(model.predict(X)[0, :, 0, 0], right, rtol=1e-4)
    lstm = keras1.layers.LSTM(3, input_dim=2, input_length=4)
    keras1.models.Sequential([lstm])
    before = lstm.get_weights()
    put(lstm.U_f, np.full((3, 3), 7.0))
    after = lstm.get_weights()
    # In the order of W, U, b of the gates i, c, f, o.
    assert [n for n, (a, b) in enumerate(zip(before, after, strict=True)) if not np.array_equal(a, b)] == [7]
    assert np.all(after[7] == 7)
    np.testing.assert_array_equal(get(lstm.W_c), after[3])
