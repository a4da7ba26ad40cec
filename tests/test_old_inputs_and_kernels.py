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


def enlarged(x, kernel, size, stride, same):
    """What TensorFlow gave: each pixel lays a kernel; of "same", the sides go that a convolution of that size would pad."""
    side, count = kernel.shape[0], x.shape[1]
    full = np.zeros((len(x), *(2 * [count * stride + side + size]), kernel.shape[2]))
    for i, j in np.ndindex(count, count):
        laid = np.einsum("nc,hwoc->nhwo", x[:, i, j], kernel)
        full[:, i * stride : i * stride + side, j * stride : j * stride + side] += laid
    begin = max((count - 1) * stride + side - size, 0) // 2 if same else 0
    return full[:, begin : begin + size, begin : begin + size]


@pytest.mark.parametrize("order", ["tf", "th"])
@pytest.mark.parametrize(
    "side, stride, mode, size",
    [(3, 2, "valid", 10), (3, 2, "valid", 9), (3, 2, "same", 7), (4, 2, "same", 7), (4, 2, "same", 8), (2, 3, "valid", 11)],
)
def test_a_deconvolution_gives_the_size_that_it_is_told(side, stride, mode, size, order):
    shape, given = ((None, 3, size, size), (2, 4, 4)) if order == "th" else ((None, size, size, 3), (4, 4, 2))
    layer = keras1.layers.Deconvolution2D(
        3, side, side, shape, subsample=(stride, stride), border_mode=mode, dim_ordering=order, input_shape=given
    )
    model = keras1.models.Sequential([layer])
    kernel, bias = RNG.normal(size=(side, side, 3, 2)), RNG.normal(size=3)
    x = RNG.normal(size=(2, 4, 4, 2))
    expected = enlarged(x, kernel, size, stride, mode == "same") + bias
    for one in (model, keras1.models.model_from_json(model.to_json())):
        # With Theano's order of axes models held (filters, channels, rows, columns).
        one.set_weights([kernel if order == "tf" else kernel.transpose(2, 3, 0, 1), bias])
        found = np.asarray(one.predict(x if order == "tf" else np.moveaxis(x, -1, 1)))
        assert one.output_shape == shape == one.layers[0].get_config()["output_shape"]
        np.testing.assert_allclose(found if order == "tf" else of_last(found), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("era", ["keras1", "keras2"])
def test_k_enlarges_to_the_size_that_it_is_told(era):
    K = ERAS[era].backend
    call = K.deconv2d if era == "keras1" else K.conv2d_transpose
    x, kernel = RNG.normal(size=(2, 4, 4, 2)), RNG.normal(size=(3, 3, 3, 2))
    for size, mode in [(10, "valid"), (9, "valid"), (7, "same"), (8, "same")]:
        words = {"border_mode" if era == "keras1" else "padding": mode}
        found = K.eval(call(K.constant(x), K.constant(kernel), (2, size, size, 3), strides=(2, 2), **words))
        np.testing.assert_allclose(found, enlarged(x, kernel, size, 2, mode == "same"), rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match="pictures become"):
        call(K.constant(x), K.constant(kernel), (2, 12, 12, 3), strides=(2, 2))
