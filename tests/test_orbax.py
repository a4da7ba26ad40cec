"""Checkpoints of Orbax: what is said without it, and, where it is installed, files that go both ways."""

import importlib.util
import os

import keras
import numpy as np
import pytest

import kerata

X = np.random.RandomState(0).rand(20, 4).astype("float32")
Y = X.sum(1, keepdims=True)


@pytest.mark.skipif(importlib.util.find_spec("orbax") is not None, reason="Orbax is installed")
def test_what_is_said_without_orbax(tmp_path):
    with pytest.raises(ImportError, match="pip install orbax-checkpoint"):
        kerata.callbacks.OrbaxCheckpoint(tmp_path)
    with pytest.raises(ValueError, match="'epoch' or a number of batches"):
        kerata.callbacks.OrbaxCheckpoint(tmp_path, save_freq=0)
    (tmp_path / "3").mkdir()
    with pytest.raises(ImportError, match="pip install orbax-checkpoint"):
        kerata.models.load_model(tmp_path)


def model_of(library, form="sequential"):
    layers = library.layers
    parts = [library.Input((4,)), layers.Dense(3, name="a"), layers.BatchNormalization(name="bn"), layers.Dense(1, name="b")]
    if form == "sequential":
        model = library.Sequential(parts, name="net")
    else:
        x = parts[0]
        for layer in parts[1:]:
            x = layer(x)
        model = library.Model(parts[0], x, name="net")
    model.compile("adam", "mse")
    return model


@pytest.mark.parametrize("form", ["sequential", "functional"])
def test_checkpoints_go_both_ways(tmp_path, form):
    pytest.importorskip("orbax.checkpoint", reason="Orbax is optional")
    ours, theirs = model_of(kerata, form), model_of(keras, form)
    callback = kerata.callbacks.OrbaxCheckpoint(tmp_path / "ours", max_to_keep=2)
    ours.fit(X, Y, epochs=3, batch_size=8, verbose=0, callbacks=[callback])
    assert sorted(os.listdir(tmp_path / "ours")) == ["1", "2"]
    callback = keras.callbacks.OrbaxCheckpoint(str(tmp_path / "theirs"), save_on_background=False)
    theirs.fit(X, Y, epochs=2, batch_size=8, verbose=0, callbacks=[callback])
    right = theirs.predict(X, verbose=0)
    loaded, filled = kerata.models.load_model(tmp_path / "theirs"), model_of(kerata, form)
    filled.load_weights(tmp_path / "theirs")
    for model in (loaded, filled):
        np.testing.assert_allclose(model.predict(X, verbose=0), right, rtol=1e-5, atol=1e-6)
        assert int(model.optimizer.iterations) == 6
    again = kerata.models.load_model(tmp_path / "ours")
    np.testing.assert_allclose(again.predict(X, verbose=0), ours.predict(X, verbose=0), rtol=1e-5, atol=1e-6)
    if form == "sequential":
        # Keras looks for other paths, and passes over what it does not find without a word.
        return
    other = keras.models.load_model(str(tmp_path / "ours"))
    np.testing.assert_allclose(other.predict(X, verbose=0), ours.predict(X, verbose=0), rtol=1e-5, atol=1e-6)


def test_checkpoints_of_batches_and_of_layers_on_the_host(tmp_path):
    pytest.importorskip("orbax.checkpoint", reason="Orbax is optional")
    words = kerata.layers.StringLookup()
    words.adapt(["a", "b", "b"])
    model = kerata.Sequential(
        [kerata.Input((1,), dtype="string"), words, kerata.layers.Embedding(4, 2), kerata.layers.Flatten()]
    )
    model.compile("sgd", "mse")
    callback = kerata.callbacks.OrbaxCheckpoint(tmp_path, save_freq=2, max_to_keep=None)
    texts = np.array([["a"], ["b"], ["c"]] * 2)
    model.fit(texts, np.ones((6, 2)), batch_size=1, verbose=0, callbacks=[callback])
    assert sorted(map(int, os.listdir(tmp_path))) == [2, 4, 6]
    again = kerata.models.load_model(tmp_path)
    assert again.layers[0].get_vocabulary() == ["[UNK]", "b", "a"]
    np.testing.assert_allclose(again.predict(texts, verbose=0), model.predict(texts, verbose=0), rtol=1e-6)
