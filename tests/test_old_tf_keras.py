"""Numbers of `tf_keras`, recorded by tools/record_tf_keras.py."""

import json
from pathlib import Path

import numpy as np
import pytest

import kerata
from kerata.legacy import tfkeras2

RECORDED = json.loads(Path(__file__).with_name("tf_keras_numbers.json").read_text())
X = np.float32(RECORDED["x"])


@pytest.mark.parametrize("title", RECORDED["layers"])
def test_a_layer_gives_the_numbers_of_tf_keras(title):
    name, arguments, weights, outputs = RECORDED["layers"][title]
    if name == "Bidirectional":
        layer = tfkeras2.layers.Bidirectional(tfkeras2.layers.LSTM(**arguments["layer"]))
    else:
        layer = getattr(tfkeras2.layers, name)(**arguments)
    layer(X)
    layer.set_weights([np.float32(w) for w in weights])
    np.testing.assert_allclose(layer(X), outputs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("title", RECORDED["optimizers"])
def test_an_optimizer_gives_the_numbers_of_tf_keras(title):
    arguments, expected = RECORDED["optimizers"][title]
    weight = kerata.Variable(np.float32([1.0, -2.0, 0.5, 0.0]))
    optimizer = getattr(tfkeras2.optimizers, title.split()[0])(**arguments)
    for gradient in RECORDED["gradients"]:
        optimizer.apply([np.float32(gradient)], [weight])
    np.testing.assert_allclose(weight.numpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", RECORDED["losses"])
def test_a_loss_gives_the_numbers_of_tf_keras(name):
    true, said = (np.float32(part) for part in RECORDED["targets"])
    np.testing.assert_allclose(tfkeras2.losses.get(name)(true, said), RECORDED["losses"][name], rtol=1e-4, atol=1e-5)


def test_the_names_of_measures_and_layers_are_those_of_tf_keras():
    assert list(RECORDED["fit"]["history"]) == ["loss", "accuracy", "acc", "mse"]
    assert RECORDED["names"] == ["max_pooling2d", "max_pooling2d_1", "dense_1"]
    x, y = np.float32(RECORDED["targets"][1]), np.float32(RECORDED["targets"][0])
    model = tfkeras2.models.Sequential([tfkeras2.layers.Dense(3, activation="sigmoid", input_shape=(3,))])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy", "acc", "mse"])
    history = model.fit(x, y, epochs=1, verbose=0)
    assert sorted(history.history) == sorted(RECORDED["fit"]["history"])
