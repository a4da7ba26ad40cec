"""Functions of TensorFlow in functional models of `tf.keras`: files name the operations that compute the same."""

import json

import h5py
import numpy as np
import pytest

import kerata
from kerata.legacy import tfkeras2
from kerata.legacy.tensorflow import names

tf = names.build("tfkeras2")[""]
X = np.random.RandomState(0).randn(3, 4, 6).astype("float32")
FUNCTIONS = {
    "arithmetic": lambda x: tf.pow(tf.maximum(tf.subtract(1.0, x / 2.0), 0.1), 2) + tf.abs(tf.negative(x)),
    "reductions": lambda x: tf.reduce_max(x, axis=-1, keepdims=True) - tf.reduce_mean(x, axis=[1, 2], keepdims=True),
    "activations": lambda x: tf.nn.leaky_relu(x, 0.3) + tf.nn.gelu(x) + tf.nn.softmax(x) + tf.nn.swish(x) + tf.nn.elu(x),
    "shapes": lambda x: tf.transpose(tf.reshape(tf.concat([x, x], axis=-1), [-1, 8, 6]), [0, 2, 1]),
    "more shapes": lambda x: tf.squeeze(tf.expand_dims(tf.tile(x, [1, 2, 1]), 1), 1) + tf.reverse(tf.tile(x, [1, 2, 1]), [1]),
    "a product": lambda x: tf.matmul(x, x, transpose_b=True),
    "another product": lambda x: tf.matmul(x, x, transpose_a=True) @ tf.transpose(x, [0, 2, 1]),
    "a product of letters": lambda x: tf.einsum("bij,bkj->bik", x, x),
    "parts": lambda x: tf.split(x, [2, 4], axis=-1)[0] + tf.split(x, 3, axis=-1)[1],
    "a choice": lambda x: tf.where(x > 0, tf.clip_by_value(x, 0.0, 0.5), tf.zeros_like(x)),
    "norms": lambda x: tf.nn.l2_normalize(x, axis=-1) + tf.norm(x, axis=-1, keepdims=True),
    "padding": lambda x: tf.pad(x, [[0, 0], [1, 1], [0, 0]]) + tf.pad(x, [[0, 0], [1, 1], [0, 0]], mode="REFLECT"),
    "whole numbers": lambda x: tf.one_hot(tf.argmax(x, axis=-1), 6) + tf.cast(tf.equal(tf.cast(x, tf.int32), 0), tf.float32),
    "places": lambda x: tf.gather(x, [2, 0], axis=1),
}


@pytest.mark.parametrize("of", list(FUNCTIONS))
def test_models_of_them_are_written_and_read(of):
    x = tfkeras2.Input((4, 6))
    model = tfkeras2.Model(x, FUNCTIONS[of](x))
    expected = model.predict(X, verbose=0)
    for read in (tfkeras2.models.model_from_json, kerata.models.model_from_json):
        again = read(model.to_json())
        np.testing.assert_allclose(again.predict(X, verbose=0), expected, rtol=1e-5, atol=1e-6)


def test_what_no_operation_computes_is_refused_by_its_name():
    x = tfkeras2.Input((4, 6))
    model = tfkeras2.Model(x, tf.cumsum(x, axis=1, exclusive=True))
    with pytest.raises(ValueError, match=r"operation `cumsum.*cannot be written to a file"):
        model.to_json()


def test_h5_files_hold_them_as_tf_keras_wrote_them(tmp_path):
    x, z = tfkeras2.Input((4, 6), name="x"), tfkeras2.Input((4, 6), name="z")
    first = tf.concat([1.0 - x[:, 1:], z[:, :3] / 2.0], axis=-1)
    second = tf.reduce_mean(tf.nn.leaky_relu(first, 0.1) * tf.cast(first > 0, tf.float32), axis=1)
    model = tfkeras2.Model([x, z], tfkeras2.layers.Dense(2)(tf.where(second > 1, second, x[..., tf.newaxis][:, 0, 0, 0:1])))
    inputs = [X, np.cos(X)]
    expected = model.predict(inputs, verbose=0)
    with pytest.warns(UserWarning, match="Keras 3 does not read operations on tensors"):
        model.save(tmp_path / "model.h5")
    for read in (tfkeras2.models.load_model, kerata.models.load_model):
        np.testing.assert_allclose(read(tmp_path / "model.h5").predict(inputs, verbose=0), expected, rtol=1e-5, atol=1e-6)
    with h5py.File(tmp_path / "model.h5") as file:
        parts = {layer["name"]: layer for layer in json.loads(file.attrs["model_config"])["config"]["layers"]}
    # The forms are those of tf_keras 2.21's `TFOpLambda`, `SlicingOpLambda` and `Node.serialize`.
    slices = [{"start": None, "stop": None, "step": None}, {"start": 1, "stop": None, "step": None}]
    assert parts["get_item"]["class_name"] == "SlicingOpLambda"
    assert parts["get_item"]["inbound_nodes"] == [["x", 0, 0, {"slice_spec": slices}]]
    assert parts["subtract"]["config"]["function"] == "math.subtract"
    assert parts["subtract"]["inbound_nodes"] == [["_CONSTANT_VALUE", -1, 1.0, {"y": ["get_item", 0, 0]}]]
    halves = [["subtract", 0, 0, {"axis": -1}], ["true_divide", 0, 0, {"axis": -1}]]
    assert parts["concat"]["inbound_nodes"] == [halves]


def test_an_h5_file_of_an_operation_that_tf_keras_has_not_is_refused(tmp_path):
    x = tfkeras2.Input((4, 6))
    model = tfkeras2.Model(x, tf.einsum("bij,bkj->bik", x, x))
    with pytest.raises(ValueError, match=r"`tf.keras` knows no such operation in an '.h5' file"):
        model.save(tmp_path / "model.h5")
    assert not (tmp_path / "model.h5").exists()


def test_activations_that_are_functions_of_tensorflow_are_written_by_their_names(tmp_path):
    model = tfkeras2.models.Sequential([tfkeras2.layers.Dense(3, activation=tf.nn.leaky_relu, input_shape=(6,))])
    expected = model.predict(X[:, 0], verbose=0)
    for name in ("model.h5", "model.keras"):
        model.save(tmp_path / name)
        for read in (tfkeras2.models.load_model, kerata.models.load_model):
            np.testing.assert_allclose(read(tmp_path / name).predict(X[:, 0], verbose=0), expected, rtol=1e-6)


@pytest.mark.parametrize("era", ["keras2", "keras22"])
def test_keras_2_took_the_names_that_a_models_ends_had_in_keras_1(era):
    keras = getattr(kerata.legacy, era)
    x = keras.layers.Input((6,))
    assert keras.models.Model(input=[x], output=keras.layers.Dense(2)(x)).output_shape == (None, 2)
