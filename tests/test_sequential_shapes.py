"""Sequential models on inputs of other sizes than those that they were first built for."""

import numpy as np
import pytest

import kerata
from kerata import layers


def recurrent():
    return kerata.Sequential([layers.LSTM(3, return_sequences=True), layers.LSTM(2)])


def test_another_length_than_the_first_call_had():
    model = recurrent()
    first = model(np.ones((1, 5, 2), "float32"))
    longer = np.random.default_rng(0).normal(size=(4, 9, 2)).astype("float32")
    expected = model.layers[1](model.layers[0](longer))
    assert first.shape == (1, 2)
    np.testing.assert_allclose(model(longer), expected, rtol=1e-5)
    np.testing.assert_allclose(model.predict(longer, verbose=0), expected, rtol=1e-5)
    assert model.input_shape == (None, None, 2) and model.output_shape == (None, 2)


def test_training_on_several_lengths(tmp_path):
    model = recurrent()
    model.compile("sgd", "mse")
    for steps in (5, 7, 5, 4):
        history = model.fit(np.ones((6, steps, 2)), np.ones((6, 2)), batch_size=4, verbose=0).history
        assert np.isfinite(history["loss"]).all()
        assert np.isfinite(model.evaluate(np.ones((6, steps, 2)), np.ones((6, 2)), verbose=0))
    model.save(tmp_path / "m.keras")
    again = kerata.saving.load_model(tmp_path / "m.keras")
    x = np.ones((2, 3, 2), "float32")
    np.testing.assert_allclose(again.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-6)


def test_pictures_of_another_size():
    model = kerata.Sequential([kerata.Input((8, 8, 3)), layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), layers.Dense(2)])
    x = np.random.default_rng(0).normal(size=(2, 12, 10, 3)).astype("float32")
    expected = x
    for layer in model.layers:
        expected = layer(expected)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-4, atol=1e-6)
    assert model.input_shape == (None, None, None, 3)


@pytest.mark.parametrize("method", ["__call__", "predict", "fit"])
def test_sizes_that_layers_mind_are_refused_as_before(method):
    model = kerata.Sequential([kerata.Input((5,)), layers.Dense(2)])
    model.compile("sgd", "mse")
    arguments = (np.ones((4, 7)), np.ones((4, 2))) if method == "fit" else (np.ones((4, 7)),)
    with pytest.raises(ValueError, match=r"expected shape=\(None, 5\), found shape=\((None|4), 7\)"):
        getattr(model, method)(*arguments)
    assert model.input_shape == (None, 5) and len(model.layers[0].inbound_nodes) == 1
    assert model.predict(np.ones((3, 5)), verbose=0).shape == (3, 2)
