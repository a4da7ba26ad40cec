"""Models of `tf.keras` saved under a name without an ending: SavedModel folders, as there.

That `tf_keras` loads them with equal predictions, `tools/files_and_tf_keras.py` shows.
"""

import json
import os

import numpy as np
import pytest

from kerata import layers
from kerata.legacy import keras2
from kerata.legacy import tfkeras2 as keras
from kerata.legacy.tensorflow.names import build
from kerata.saving.legacy.saved_models import read_objects

L = keras.layers
tf = build("tfkeras2")[""]


@keras.utils.register_keras_serializable("tests")
class Own(L.Layer):
    """A layer of a program's own: weights in an attribute and in a list, and a layer."""

    def __init__(self, units=2, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, shape):
        self.w = self.add_weight(name="scale", shape=(shape[-1], self.units))
        self.more = [self.add_weight(name=f"b{n}", shape=(self.units,)) for n in range(2)]
        self.inner = L.Dense(self.units)

    def call(self, x):
        return tf.matmul(x, self.w) + self.inner(x) + self.more[0] - self.more[1]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def sequential():
    model = keras.Sequential([L.Dense(4, "relu", input_shape=(3,)), L.BatchNormalization(), L.Dropout(0.0), L.Dense(2)])
    model.compile("adam", "mse", metrics=["mae"])
    return model, [(4, 3)], [(4, 2)]


def nested():
    inner = keras.Sequential([L.Dense(2, input_shape=(3,)), L.BatchNormalization()], name="inner")
    shared = L.Dense(2, "tanh", name="shared")
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    y = L.Concatenate()([L.Add()([inner(a), shared(b)]), shared(a)]) * 2.0
    steps = L.TimeDistributed(L.Dense(2))(L.Reshape((2, 2))(y))
    model = keras.Model([a, b], [L.Dense(1, name="o")(y), L.Bidirectional(L.LSTM(2))(steps)])
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    return model, [(4, 3), (4, 3)], [(4, 1), (4, 4)]


def own():
    model = keras.Sequential([Own(3, input_shape=(2,)), L.Dense(1)])
    model.compile(keras.optimizers.RMSprop(0.01), "mse")
    return model, [(4, 2)], [(4, 1)]


@pytest.mark.parametrize("make", [sequential, nested, own])
def test_a_folder_is_the_model(make, tmp_path):
    model, *shapes = make()
    rng = np.random.default_rng(0)
    x, y = ([rng.normal(size=shape).astype("float32") for shape in group] for group in shapes)
    how = {"batch_size": 2, "shuffle": False, "verbose": 0}
    model.fit(x, y, epochs=2, **how)
    path = tmp_path / "models" / "first"
    model.save(str(path))
    assert sorted(os.listdir(path)) == ["assets", "keras_metadata.pb", "saved_model.pb", "variables"]
    assert sorted(os.listdir(path / "variables")) == ["variables.data-00000-of-00001", "variables.index"]
    again = keras.models.load_model(str(path))
    for ours, theirs in zip(again.predict(x, verbose=0), model.predict(x, verbose=0), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    # The state of the optimizer is in the folder, so training goes on.
    assert again.fit(x, y, **how).history["loss"] == pytest.approx(model.fit(x, y, **how).history["loss"], rel=1e-5)
    model.save(path)
    np.testing.assert_array_equal(keras.models.load_model(path).get_weights()[0], model.get_weights()[0])


def test_what_a_folder_says(tmp_path):
    """The description is that of `tf.keras`: kinds and paths of objects, shapes that layers are built for."""
    model, _, _ = sequential()
    model.save(tmp_path / "m")
    objects = read_objects(tmp_path / "m", "m")
    assert [(one.path, one.kind) for one in objects][:3] == [
        ("root", "_tf_keras_sequential"),
        ("root.layer-0", "_tf_keras_layer"),
        ("root.layer-1", "_tf_keras_layer"),
    ]
    plain = [json.loads(one.metadata) for one in objects]
    assert plain[0]["class_name"] == "Sequential" and plain[0]["training_config"]["loss"] == "mean_squared_error"
    assert [one["build_input_shape"]["items"] for one in plain[1:]] == [[None, 3], [None, 4], [None, 4], [None, 4]]


def test_names_and_formats_say_what_is_written(tmp_path):
    model, _, _ = sequential()
    model.save(tmp_path / "a.keras")
    model.save(tmp_path / "b", save_format="h5")
    model.save(tmp_path / "c.h5", save_format="tf")
    keras.models.save_model(model, tmp_path / "d")
    assert [os.path.isdir(tmp_path / name) for name in ("a.keras", "b", "c.h5", "d")] == [False, False, True, True]
    assert (tmp_path / "b").read_bytes()[1:4] == b"HDF" and (tmp_path / "a.keras").read_bytes()[:2] == b"PK"
    for name in ("a.keras", "b", "c.h5", "d"):
        np.testing.assert_array_equal(keras.models.load_model(tmp_path / name).get_weights()[0], model.get_weights()[0])
    with pytest.raises(FileExistsError, match="exists already"):
        model.save(tmp_path / "d", overwrite=False)
    with pytest.raises(ValueError, match="`save_format` is one of"):
        model.save(tmp_path / "e", save_format="zip")
    # Keras without TensorFlow wrote HDF5, whatever the name.
    old = keras2.models.Sequential([keras2.layers.Dense(2, input_dim=3)])
    old.save(str(tmp_path / "f"))
    assert (tmp_path / "f").read_bytes()[1:4] == b"HDF"


def test_what_a_folder_cannot_say_is_written_as_one_file(tmp_path):
    # Of Keras 3, whose hard sigmoid `tf.keras` has no word for.
    model = keras.Sequential([L.Dense(4, input_shape=(3,), name="first"), layers.Dense(2, activation="hard_sigmoid")])
    with pytest.warns(UserWarning, match="is written in the form of a '.keras' file"):
        model.save(tmp_path / "m")
    assert (tmp_path / "m").is_file()
    data = np.ones((2, 3), "float32")
    np.testing.assert_allclose(keras.models.load_model(tmp_path / "m").predict(data), model.predict(data), rtol=1e-6)


@keras.utils.register_keras_serializable("tests")
class Scaled(keras.Model):
    """A model of a program's own that learned statistics from data."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.scale, self.out = L.Normalization(), L.Dense(2)

    def call(self, inputs):
        wide, deep = inputs
        return self.out(L.concatenate([self.scale(wide), deep]))


@pytest.mark.parametrize("name", ["folder", "m.keras"])
def test_statistics_of_a_model_of_ones_own(tmp_path, name):
    model = Scaled()
    model.compile("sgd", "mse")
    x = [np.random.default_rng(n).normal(3, 2, (8, 3)).astype("float32") for n in range(2)]
    model.scale.adapt(x[0])
    model.fit(x, np.ones((8, 2)), epochs=1, verbose=0)
    model.save(tmp_path / name)
    loaded = keras.models.load_model(tmp_path / name)
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
