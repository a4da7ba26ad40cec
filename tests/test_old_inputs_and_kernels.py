"""Inputs that begin at a tensor, and kernels in the form that Keras 1 and 2 had for channels first."""

import numpy as np
import pytest

from kerata.legacy import keras1, keras2, tfkeras2

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 4)).astype("float32")
ERAS = {"keras1": keras1, "keras2": keras2, "tfkeras2": tfkeras2}


@pytest.fixture(params=list(ERAS))
def keras(request):
    return ERAS[request.param]


def built(keras, inputs, outputs):
    names = {"input": inputs, "output": outputs} if keras is keras1 else {"inputs": inputs, "outputs": outputs}
    model = keras.models.Model(**names)
    model.compile("sgd", "mse")
    return model


def test_a_model_begins_at_a_tensor_that_is_computed_from_another(keras):
    K, layers = keras.backend, keras.layers
    held = K.placeholder(shape=(None, 4))
    begun = layers.Input(tensor=held * 2.0, name="doubled")
    model = built(keras, begun, layers.Dense(2)(begun))
    kernel, bias = model.get_weights()
    # A model takes what stands at its input; a function of K goes on to what that was computed from.
    np.testing.assert_allclose(np.asarray(model.predict(X)), X @ kernel + bias, rtol=1e-5)
    value, slope = K.function([held], [model.output, K.gradients(K.sum(model.output), [held])[0]])([X])
    np.testing.assert_allclose(value, 2 * X @ kernel + bias, rtol=1e-5)
    np.testing.assert_allclose(slope, np.broadcast_to(2 * kernel.sum(1), X.shape), rtol=1e-5)
    assert model.layers[0].name == "doubled"


@pytest.mark.parametrize("way", ["constant", "variable", "sequential"])
def test_a_model_begins_at_numbers_and_is_given_none(keras, way):
    K, layers = keras.backend, keras.layers
    held = K.constant(X) if way != "variable" else K.variable(X)
    if way == "sequential":
        model = keras.models.Sequential([layers.InputLayer(input_tensor=held), layers.Dense(2)])
        model.compile("sgd", "mse")
    else:
        begun = layers.Input(tensor=held)
        model = built(keras, begun, layers.Dense(2)(begun))
    kernel, bias = model.get_weights()
    loss = np.mean((X @ kernel + bias - 1) ** 2)
    assert model.test_on_batch(None, np.ones((3, 2))) == pytest.approx(loss, rel=1e-5)
    assert model.train_on_batch(None, np.ones((3, 2))) == pytest.approx(loss, rel=1e-5)
    assert model.layers[0].name.startswith("input_") or way == "sequential"
    if way == "variable":
        K.set_value(held, np.zeros((3, 4)))
        assert model.test_on_batch(None, np.ones((3, 2))) == pytest.approx(np.mean((model.get_weights()[1] - 1) ** 2), rel=1e-5)


# Kernels with channels first


def of_last(array):
    """A picture, or a film, with its channels at the end."""
    return np.moveaxis(array, -3, -1)


SPATIAL = {
    "deconvolution": (
        lambda order, shape: keras1.layers.Deconvolution2D(3, 2, 2, None, dim_ordering=order, input_shape=shape),
        False,
    ),
    "separable": (
        lambda order, shape: keras1.layers.SeparableConvolution2D(
            3, 2, 2, depth_multiplier=2, dim_ordering=order, input_shape=shape
        ),
        False,
    ),
    "recurrent": (
        lambda order, shape: keras1.layers.ConvLSTM2D(3, 2, 2, border_mode="same", dim_ordering=order, input_shape=shape),
        True,
    ),
}


@pytest.mark.parametrize("kind", list(SPATIAL))
def test_kernels_with_the_order_of_theano_give_what_the_same_kernels_give_in_the_other_order(kind):
    """Keras 1 turned kernels of (filters, channels, rows, columns) to (rows, columns, channels, filters) for TensorFlow."""
    make, has_steps = SPATIAL[kind]
    steps = (2,) if has_steps else ()
    first, last = make("th", (*steps, 2, 5, 5)), make("tf", (*steps, 5, 5, 2))
    models = [keras1.models.Sequential([layer]) for layer in (first, last)]
    weights = [RNG.normal(size=w.shape).astype("float32") for w in first.get_weights()]
    assert weights[0].shape[-2:] == (2, 2)
    for holder in (first, models[0]):
        holder.set_weights(weights)
        assert all(np.array_equal(a, b) for a, b in zip(holder.get_weights(), weights, strict=True))
    last.set_weights([w.transpose(2, 3, 1, 0) if w.ndim == 4 else w for w in weights])
    x = RNG.normal(size=(2, *steps, 2, 5, 5)).astype("float32")
    np.testing.assert_allclose(of_last(models[0].predict(x)), models[1].predict(of_last(x)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("era", ["keras1", "keras2", "tfkeras2"])
def test_kernels_of_each_place_read_a_window_in_the_order_of_the_pictures_axes(era):
    layers, models = ERAS[era].layers, ERAS[era].models
    layer = (
        layers.LocallyConnected2D(3, 2, 2, dim_ordering="th", input_shape=(2, 4, 5))
        if era == "keras1"
        else layers.LocallyConnected2D(3, 2, data_format="channels_first", input_shape=(2, 4, 5))
    )
    model = models.Sequential([layer])
    kernel, bias = (RNG.normal(size=w.shape).astype("float32") for w in layer.get_weights())
    layer.set_weights([kernel, bias])
    x = RNG.normal(size=(2, 2, 4, 5)).astype("float32")
    windows = [x[:, :, i : i + 2, j : j + 2].reshape(2, -1) for i in range(3) for j in range(4)]
    outputs = np.stack([w @ k for w, k in zip(windows, kernel, strict=True)], 1)  # (batch, places, filters)
    # Keras gave the bias another shape without moving its numbers.
    expected = outputs.transpose(0, 2, 1).reshape(2, 3, 3, 4) + bias.reshape(3, 3, 4)
    np.testing.assert_allclose(np.asarray(model.predict(x)), expected, rtol=1e-4, atol=1e-5)
