"""Pictures that Keras 2 enlarged bilinearly: the numbers are those of `tf.compat.v1.image.resize_bilinear`."""

import json

import h5py
import numpy as np
import pytest

import kerata
from kerata import legacy

X = np.arange(12.0).reshape(1, 3, 4, 1)
ROW_OF_THEN, ROW_SINCE = [2, 2.5, 3, 3.5, 4, 4.5, 5, 5], [1, 1.25, 1.75, 2.25, 2.75, 3.25, 3.75, 4]


@pytest.mark.parametrize("era, row", [("keras22", ROW_OF_THEN), ("keras2", ROW_OF_THEN), ("tfkeras2", ROW_SINCE)])
def test_where_the_pixels_lie(era, row):
    keras = getattr(legacy, era)
    K, L = keras.backend, keras.layers
    begin = L.Input((None, None, 1))
    grown = L.UpSampling2D(2, interpolation="bilinear")(begin)
    asked = L.Lambda(lambda x: K.resize_images(x, 2, 2, "channels_last", interpolation="bilinear"))(begin)
    for output in (grown, asked):
        np.testing.assert_allclose(keras.models.Model(begin, output).predict(X, verbose=0)[0, 1, :, 0], row)
    first = keras.models.Sequential([L.UpSampling2D(2, "channels_first", "bilinear", input_shape=(1, 3, 4))])
    np.testing.assert_allclose(first.predict(X.transpose(0, 3, 1, 2), verbose=0)[0, 0, 1], row)


def test_factors_that_differ():
    layers = legacy.keras2.layers
    model = legacy.keras2.models.Sequential([layers.UpSampling2D((3, 2), interpolation="bilinear", input_shape=(3, 4, 1))])
    np.testing.assert_allclose(model.predict(X).sum(), 473.5)
    np.testing.assert_allclose(model.predict(X)[0, 1, :3, 0], [4 / 3, 11 / 6, 7 / 3], rtol=1e-6)


def bilinear_file(path, version, backend="tensorflow"):
    config = {"name": "up", "size": [2, 2], "data_format": "channels_last", "interpolation": "bilinear"}
    first = {"batch_input_shape": [None, 3, 4, 1], "dtype": "float32", "trainable": True}
    layers = [{"class_name": "UpSampling2D", "config": {**config, **first}}]
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = version.encode(), backend.encode()
        model = {"class_name": "Sequential", "config": {"name": "s", "layers": layers}}
        file.attrs["model_config"] = json.dumps(model).encode()
        group = file.create_group("model_weights")
        group.attrs["layer_names"], group.attrs["backend"] = [b"up"], backend.encode()
        group.attrs["keras_version"] = version.encode()
        group.create_group("up").attrs["weight_names"] = np.array([], "S1")
    return model


NAMESPACES = {"today": kerata, "tfkeras2": legacy.tfkeras2, "keras2": legacy.keras2, "keras22": legacy.keras22}


@pytest.mark.parametrize("keras", NAMESPACES.values(), ids=NAMESPACES)
@pytest.mark.parametrize(
    "version, row", [("2.2.4", ROW_OF_THEN), ("2.3.1", ROW_OF_THEN), ("2.2.4-tf", ROW_SINCE), ("2.15.0", ROW_SINCE)]
)
def test_files_have_the_pixels_of_their_version(tmp_path, keras, version, row):
    bilinear_file(tmp_path / "old.h5", version)
    model = keras.models.load_model(str(tmp_path / "old.h5"))
    np.testing.assert_allclose(model.predict(X, verbose=0)[0, 1, :, 0], row)
    model.save(str(tmp_path / "new.keras"))
    for other in NAMESPACES.values():
        again = other.models.load_model(str(tmp_path / "new.keras"))
        np.testing.assert_allclose(again.predict(X, verbose=0)[0, 1, :, 0], row)


def test_descriptions_have_the_pixels_of_their_version(tmp_path):
    plain = bilinear_file(tmp_path / "old.h5", "2.2.4")
    model = kerata.models.model_from_json(json.dumps({**plain, "keras_version": "2.2.4", "backend": "tensorflow"}))
    np.testing.assert_allclose(model.predict(X, verbose=0)[0, 1, :, 0], ROW_OF_THEN)


def test_files_that_keras_2_writes(tmp_path):
    layers = legacy.keras2.layers
    model = legacy.keras2.models.Sequential([layers.UpSampling2D(2, interpolation="bilinear", input_shape=(3, 4, 1))])
    assert type(model.layers[-1]).__name__ == "UpSampling2D"
    assert isinstance(model.layers[-1], layers.UpSampling2D)
    assert model.layers[-1].get_config()["interpolation"] == "bilinear"
    with pytest.warns(UserWarning, match="Keras 3 do not read this layer of Keras 1 or 2.*CornerUpSampling2D"):
        model.save(str(tmp_path / "model.h5"))
    for keras in NAMESPACES.values():
        loaded = keras.models.load_model(str(tmp_path / "model.h5"))
        np.testing.assert_allclose(loaded.predict(X, verbose=0)[0, 1, :, 0], ROW_OF_THEN)


def test_a_class_of_its_own(tmp_path):
    class Larger(legacy.keras2.layers.UpSampling2D):
        pass

    model = legacy.keras2.models.Sequential([Larger(2, interpolation="bilinear", input_shape=(3, 4, 1))])
    np.testing.assert_allclose(model.predict(X)[0, 1, :, 0], ROW_OF_THEN)


def test_pixels_of_theano_are_told(tmp_path):
    bilinear_file(tmp_path / "old.h5", "2.2.4", "theano")
    with pytest.warns(UserWarning, match="are those of TensorFlow, the file is of theano"):
        kerata.models.load_model(tmp_path / "old.h5")
