"""Convolution, pooling and batch normalization against real Keras: same weights and inputs, same outputs and gradients."""

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

import kerata

RNG = np.random.default_rng(0)
LINE, PICTURE, VOLUME = (2, 9, 4), (2, 8, 7, 4), (2, 5, 6, 5, 4)

CASES = [
    ("Conv1D", {"filters": 3, "kernel_size": 3}, LINE),
    ("Conv1D", {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same"}, LINE),
    ("Conv1D", {"filters": 3, "kernel_size": 2, "dilation_rate": 3, "padding": "causal", "activation": "tanh"}, LINE),
    ("Conv1D", {"filters": 4, "kernel_size": 3, "groups": 2, "use_bias": False}, LINE),
    ("Conv1D", {"filters": 3, "kernel_size": 3, "data_format": "channels_first"}, (2, 4, 9)),
    ("Conv2D", {"filters": 3, "kernel_size": 3}, PICTURE),
    ("Conv2D", {"filters": 3, "kernel_size": (3, 2), "strides": (2, 1), "padding": "same", "activation": "relu"}, PICTURE),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "dilation_rate": 2}, PICTURE),
    ("Conv2D", {"filters": 6, "kernel_size": 3, "groups": 2, "padding": "same"}, PICTURE),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "data_format": "channels_first"}, (2, 4, 8, 7)),
    ("Conv2D", {"filters": 5, "kernel_size": 1}, PICTURE),
    ("Conv3D", {"filters": 3, "kernel_size": 2}, VOLUME),
    ("Conv3D", {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same"}, VOLUME),
    ("Conv1DTranspose", {"filters": 3, "kernel_size": 3, "strides": 2}, LINE),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same"}, PICTURE),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 4, "strides": 3, "padding": "valid"}, PICTURE),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 2, "strides": 3, "padding": "valid"}, PICTURE),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same", "output_padding": 1}, PICTURE),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 4, "strides": 2, "padding": "same", "output_padding": 0}, PICTURE),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 3, "dilation_rate": 2}, PICTURE),
    ("Conv3DTranspose", {"filters": 3, "kernel_size": 2, "strides": 2}, VOLUME),
    ("DepthwiseConv1D", {"kernel_size": 3, "depth_multiplier": 2}, LINE),
    ("DepthwiseConv2D", {"kernel_size": 3, "strides": 2, "padding": "same"}, PICTURE),
    ("DepthwiseConv2D", {"kernel_size": 3, "depth_multiplier": 3, "data_format": "channels_first"}, (2, 4, 8, 7)),
    ("SeparableConv1D", {"filters": 5, "kernel_size": 3}, LINE),
    ("SeparableConv2D", {"filters": 5, "kernel_size": 3, "depth_multiplier": 2, "padding": "same"}, PICTURE),
    ("MaxPooling1D", {"pool_size": 3, "strides": 2}, LINE),
    ("MaxPooling2D", {}, PICTURE),
    ("MaxPooling2D", {"pool_size": 3, "strides": 2, "padding": "same"}, PICTURE),
    ("MaxPooling2D", {"pool_size": 2, "data_format": "channels_first"}, (2, 4, 8, 7)),
    ("MaxPooling3D", {}, VOLUME),
    ("AveragePooling1D", {"pool_size": 2}, LINE),
    ("AveragePooling2D", {"pool_size": 3, "strides": 2, "padding": "same"}, PICTURE),
    ("AveragePooling3D", {"pool_size": 2}, VOLUME),
    ("GlobalMaxPooling1D", {}, LINE),
    ("GlobalMaxPooling2D", {"keepdims": True}, PICTURE),
    ("GlobalAveragePooling1D", {"keepdims": True}, LINE),
    ("GlobalAveragePooling2D", {"data_format": "channels_first"}, PICTURE),
    ("GlobalAveragePooling3D", {}, VOLUME),
    ("BatchNormalization", {}, PICTURE),
    ("BatchNormalization", {"axis": 1, "momentum": 0.5, "epsilon": 0.1}, PICTURE),
    ("BatchNormalization", {"center": False, "scale": False}, LINE),
]


def values_and_gradients(layer, weights, x, g, training):
    """(outputs, updated state, gradients of sum(outputs * g) for weights and input), the layer as a pure function."""
    split = len(layer.trainable_variables)

    def loss(trainable, x):
        y, state = layer.stateless_call(trainable, weights[split:], x, **({"training": True} if training else {}))
        return jnp.sum(y * g), (y, state)

    (_, (y, state)), grads = jax.jit(jax.value_and_grad(loss, argnums=(0, 1), has_aux=True))(weights[:split], x)
    return y, state, grads


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("name", "arguments", "shape"), CASES, ids=lambda v: str(v).replace(" ", "") if v else "-")
def test_equals_keras(name, arguments, shape, training):
    if training and name != "BatchNormalization":
        pytest.skip("the same in training")
    theirs, ours = getattr(keras.layers, name)(**arguments), getattr(kerata.layers, name)(**arguments)
    x = RNG.standard_normal(shape, np.float32)
    theirs.build(shape)
    ours.build(shape)
    expected = jax.eval_shape(theirs.call, x)
    assert ours.compute_output_shape((None, *shape[1:])) == tuple(theirs.compute_output_shape((None, *shape[1:])))
    weights = [RNG.standard_normal(w.shape, np.float32) * 0.5 for w in theirs.get_weights()]
    weights = [np.abs(w) + 0.1 if v.name == "moving_variance" else w for w, v in zip(weights, theirs.weights, strict=True)]
    g = RNG.standard_normal(expected.shape, np.float32)
    for mine, other in zip(
        jax.tree.leaves(values_and_gradients(ours, weights, x, g, training)),
        jax.tree.leaves(values_and_gradients(theirs, weights, x, g, training)),
        strict=True,
    ):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize(("name", "arguments", "shape"), CASES, ids=lambda v: str(v).replace(" ", "") if v else "-")
def test_config_equals_keras(name, arguments, shape):
    theirs, ours = getattr(keras.layers, name)(**arguments), getattr(kerata.layers, name)(**arguments)
    mine, other = ours.get_config(), theirs.get_config()
    for config in (mine, other):
        config.pop("name")
        config.pop("activity_regularizer", None)
    plain = kerata.saving.serialize_keras_object
    assert plain(mine) == plain(other)


def test_masked_steps_stay_out_of_the_statistics():
    x = RNG.standard_normal((3, 5, 2), np.float32)
    mask = np.array([[1, 1, 0, 0, 0], [1, 1, 1, 1, 1], [1, 0, 0, 0, 0]], bool)
    theirs, ours = keras.layers.BatchNormalization(), kerata.layers.BatchNormalization()
    np.testing.assert_allclose(ours(x, training=True, mask=mask), theirs(x, training=True, mask=mask), rtol=1e-5, atol=1e-6)
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)


def test_masked_steps_are_not_averaged():
    x = RNG.standard_normal((2, 3, 2), np.float32)
    mask = np.array([[1, 1, 0], [1, 0, 0]], bool)
    theirs, ours = keras.layers.GlobalAveragePooling1D(), kerata.layers.GlobalAveragePooling1D()
    np.testing.assert_allclose(ours(x, mask=mask), theirs(x, mask=mask), rtol=1e-6)


def test_a_frozen_batch_normalization_does_not_learn_statistics():
    layer = kerata.layers.BatchNormalization()
    layer.build((None, 2))
    layer.trainable = False
    before = layer.get_weights()
    layer(RNG.standard_normal((8, 2), np.float32) + 5, training=True)
    for old, new in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: kerata.layers.Conv2D(0, 3), "`filters` must be a positive integer"),
        (lambda: kerata.layers.Conv2D(3, (3, 3, 3)), "`kernel_size` must be an integer or a tuple of 2 integers"),
        (lambda: kerata.layers.Conv2D(3, 3, padding="full"), "`padding` must be one of 'valid', 'same'"),
        (lambda: kerata.layers.Conv2D(3, 3, strides=2, dilation_rate=2), "cannot both be larger than 1"),
        (lambda: kerata.layers.Conv2D(3, 3, groups=2), "`filters` must be a multiple of `groups`"),
        (lambda: kerata.layers.Conv2D(4, 3, groups=2)(np.ones((1, 5, 5, 3))), "must be a multiple of `groups`"),
        (lambda: kerata.layers.Conv2D(4, 3)(np.ones((1, 5, 5))), "expected an input with 4 dimensions"),
        (lambda: kerata.layers.Conv2D(4, 7)(kerata.Input((5, 5, 1))), "The window must not be larger than the input"),
    ],
)
def test_messages(make, words):
    with pytest.raises((ValueError, TypeError), match=words.replace("(", r"\(")):
        make()
