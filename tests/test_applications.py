"""Networks for pictures against Keras's: the same layers, names and weights, the same predictions."""

import inspect

import keras
import numpy as np
import pytest

import kerata
from quickly import few_of, slow

NAMES = sorted(name for name in dir(keras.applications) if name[0].isupper())
QUICK = ["VGG16", "MobileNetV2"]
FEW = [
    *QUICK,
    "MobileNet",
    "ResNet50",
    "ResNet50V2",
    "DenseNet121",
    "InceptionV3",
    "MobileNetV3Small",
    "EfficientNetB0",
    "EfficientNetV2B0",
]


def test_all_are_there_with_keras_arguments():
    for name in NAMES:
        ours, theirs = (inspect.signature(getattr(k.applications, name)).parameters.values() for k in (kerata, keras))
        assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in theirs], name


@pytest.mark.parametrize("name", few_of(FEW, QUICK))
def test_layers_and_weights_are_those_of_keras(name):
    keras.backend.clear_session()
    kerata.utils.clear_session()
    asked = {"weights": None, "include_top": False, "pooling": "avg", "input_shape": (96, 96, 3)}
    ours, theirs = (getattr(k.applications, name)(**asked) for k in (kerata, keras))
    assert [(type(one).__name__, one.name) for one in ours.layers] == [(type(one).__name__, one.name) for one in theirs.layers]
    assert [weight.shape for weight in ours.weights] == [weight.shape for weight in theirs.weights]


def test_predictions_are_those_of_keras():
    asked = {"weights": None, "include_top": False, "pooling": "avg", "input_shape": (32, 32, 3), "alpha": 0.25}
    ours, theirs = (k.applications.MobileNet(**asked) for k in (kerata, keras))
    ours.set_weights(theirs.get_weights())
    x = np.random.RandomState(0).rand(2, 32, 32, 3).astype("float32")
    np.testing.assert_allclose(ours.predict(x, verbose=0), theirs.predict(x, verbose=0), rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name != "MobileNet"])
def test_files_of_keras_predict_as_there(name, tmp_path):
    """Each network with weights at random, also those of normalization, by way of a file."""
    keras.backend.clear_session()
    asked = {"include_top": False, "pooling": "avg", "input_shape": (96, 96, 3)}
    theirs = getattr(keras.applications, name)(weights=None, **asked)
    draws = np.random.default_rng(0)
    for layer in theirs.layers:
        if type(layer).__name__ == "BatchNormalization":
            # Factors below 1: what grows from block to block makes a number of every rounding.
            spans = ((0.4, 0.8), (-0.2, 0.2), (-0.2, 0.2), (0.5, 1.5))[-len(layer.get_weights()) :]
            weights = zip(spans, layer.get_weights(), strict=True)
            layer.set_weights([draws.uniform(low, high, weight.shape) for (low, high), weight in weights])
    theirs.save_weights(path := str(tmp_path / "random.weights.h5"))
    ours = getattr(kerata.applications, name)(weights=path, **asked)
    x = draws.random((1, 96, 96, 3), "float32") * 255
    wanted = theirs.predict(x, verbose=0)
    np.testing.assert_allclose(ours.predict(x, verbose=0), wanted, rtol=1e-4, atol=1e-4 * np.abs(wanted).max())


@pytest.mark.parametrize("library", [kerata, slow(keras)], ids=["kerata", "keras"])
def test_a_network_without_weights_takes_pictures_as_they_are(library):
    model = library.applications.EfficientNetB0(weights=None, include_top=False, input_shape=(32, 32, 3))
    layer = next(one for one in model.layers if type(one).__name__ == "Normalization")
    x = np.random.RandomState(0).rand(2, 32, 32, 3).astype("float32")
    np.testing.assert_allclose(layer(x), x)


@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
def test_pictures_are_prepared_as_keras_does(mode):
    x = np.random.RandomState(0).rand(2, 4, 4, 3).astype("float32") * 255
    ours, theirs = (k.applications.imagenet_utils.preprocess_input(x.copy(), mode=mode) for k in (kerata, keras))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_what_cannot_be_had_is_refused():
    with pytest.raises(ValueError, match="`classes` must be 1000"):
        kerata.applications.VGG16(classes=10)
    with pytest.raises(ValueError, match="at least 75x75"):
        kerata.applications.InceptionV3(weights=None, include_top=False, input_shape=(32, 32, 3))
    with pytest.raises(ValueError, match="path of a file"):
        kerata.applications.ResNet50(weights="nowhere.h5")


def test_stochastic_depth_leaves_samples_out_and_scales_the_others():
    x = np.ones((400, 3), "float32")
    layer = kerata.layers.StochasticDepth(0.25, seed=1)
    found = np.asarray(layer(x, training=True))
    assert np.array_equal(layer(x), x) and (found == found[:, :1]).all()
    assert set(np.unique(found).round(5)) == {0.0, np.float32(1 / 0.75).round(5)}
    assert 0.65 < (found[:, 0] > 0).mean() < 0.85
