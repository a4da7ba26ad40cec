"""Layers that are set to be trained within frozen models: the last word holds, as in real Keras 3."""

import keras
import numpy as np
import pytest

import kerata

X, Y = np.ones((4, 3), "float32"), np.ones((4, 1), "float32")


def network(library, graph, freeze):
    """A model around an inner one, whose first layer has 12 weights and 4 biases."""
    layers = library.layers
    inputs = library.Input((3,))
    parts = [layers.Dense(4, name="first"), layers.Dense(2, name="second")]
    inner = library.Model(inputs, parts[1](parts[0](inputs))) if graph else library.Sequential([library.Input((3,)), *parts])
    outer = library.Input((3,))
    model = library.Model(outer, layers.Dense(1)(inner(outer)))
    freeze(model, inner, *parts)
    return model, inner


def thaw(model, inner, first, second):
    inner.trainable = False
    first.trainable = True


def thaw_first(model, inner, first, second):
    first.trainable = True
    inner.trainable = False


def freeze_again(model, inner, first, second):
    thaw(model, inner, first, second)
    inner.trainable = False


def whole(model, inner, first, second):
    model.trainable = False
    first.trainable = True


def back(model, inner, first, second):
    inner.trainable = False
    model.trainable = True
    second.trainable = False


def shapes(model):
    return [tuple(w.shape) for w in model.trainable_weights], len(model.non_trainable_weights)


@pytest.mark.parametrize("graph", [True, False], ids=["graph", "sequential"])
@pytest.mark.parametrize("freeze", [thaw, thaw_first, freeze_again, whole, back], ids=lambda f: f.__name__)
def test_what_is_trained_is_what_keras_trains(freeze, graph):
    theirs, inner_of_theirs = network(keras, graph, freeze)
    ours, inner = network(kerata, graph, freeze)
    assert shapes(ours) == shapes(theirs) and shapes(inner) == shapes(inner_of_theirs)
    for copied in (
        lambda library, model: library.models.clone_model(model),
        lambda library, model: library.Model.from_config(model.get_config()),
    ):
        if freeze is not whole:  # Keras forgets that a model is frozen as a whole where it copies a Sequential.
            assert shapes(copied(kerata, ours))[0] == shapes(copied(keras, theirs))[0]


def test_a_layer_that_is_thawed_within_a_frozen_model_learns(tmp_path):
    model, inner = network(kerata, True, thaw)
    for again in range(2):
        first, second = (inner.get_layer(name) for name in ("first", "second"))
        before = first.get_weights()[0], second.get_weights()[0]
        model.compile("sgd", "mse")
        model.fit(X, Y, verbose=0)
        assert np.abs(first.get_weights()[0] - before[0]).max() > 0
        np.testing.assert_array_equal(second.get_weights()[0], before[1])
        if not again:
            model.save(tmp_path / "model.keras")
            model = kerata.saving.load_model(tmp_path / "model.keras")
            inner = model.layers[1]


def test_what_is_made_frozen_stays_frozen():
    """Keras trains what a wrapper holds that is made with `trainable=False`."""
    layers = kerata.layers
    for made in (
        layers.TimeDistributed(layers.Dense(2), trainable=False),
        kerata.Sequential([layers.Dense(2)], trainable=False),
        layers.Bidirectional(layers.LSTM(1), trainable=False),
    ):
        model = kerata.Sequential([kerata.Input((3, 2)), made, layers.Dense(1)])
        assert shapes(model)[0] == [(2, 1), (1,)]


def test_in_tf_keras_what_stands_within_a_frozen_model_is_frozen():
    model, _ = network(kerata.legacy.tfkeras2, True, thaw)
    assert shapes(model)[0] == [(2, 1), (1,)]
