"""Names with slashes in them, and own classes of functional models, in programs and files of `tf.keras`."""

import numpy as np
import pytest

import kerata
from kerata.legacy import tfkeras2 as keras

X = np.random.RandomState(0).rand(4, 4).astype("float32")


class Masked(keras.Model):
    def train_step(self, data):
        return super().train_step(data)


def model_of(kind=keras.Model):
    inputs = keras.Input((4,), name="inputs")
    x = keras.layers.Dense(4, name="encoder/0/dense")(inputs)
    inner = keras.Sequential([keras.layers.Dense(3, name="a/b")], name="encoder/ffn")
    outputs = keras.layers.Dense(1, name="out/x")(inner(x) + 1.0)
    return kind(inputs, outputs, name="whole/model")


def test_names_may_have_slashes():
    model = model_of()
    assert model.name == "whole/model" and model.get_layer("encoder/ffn").get_layer("a/b").name == "a/b"
    names = [weight.name for weight in model.weights]
    assert names[0] == "encoder/0/dense/kernel:0" and names[-1] == "out/x/bias:0"
    model.compile("sgd", "mse")
    model.fit(X, X[:, :1], verbose=0)


@pytest.mark.filterwarnings("ignore:.*Keras 3 does not read")
@pytest.mark.parametrize("kind", [keras.Model, Masked])
@pytest.mark.parametrize("ending", [".h5", "", ".keras"])
def test_such_models_in_files(tmp_path, kind, ending):
    model = model_of(kind)
    path = str(tmp_path / f"model{ending}")
    model.save(path)
    again = keras.models.load_model(path, custom_objects={"Masked": Masked})
    assert type(again) is type(model) and [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    assert np.array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))


def test_weights_by_name(tmp_path):
    model, other = model_of(), model_of()
    model.save_weights(str(tmp_path / "weights.h5"))
    other.load_weights(str(tmp_path / "weights.h5"), by_name=True)
    assert np.array_equal(other.predict(X, verbose=0), model.predict(X, verbose=0))


def test_names_of_today_have_none():
    with pytest.raises(ValueError, match="without '/'"):
        kerata.layers.Dense(1, name="a/b")
