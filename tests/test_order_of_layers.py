"""Layers stand in the order in which Keras lists them, which files go by: also where masks are made on the way."""

import random

import keras
import numpy as np
import pytest

import kerata
from quickly import few_of


def branch(library, kind, pick):
    """A layer of a kind on tensors that were made before."""
    layers = library.layers
    if kind == "state":
        _, state = layers.GRU(4, return_sequences=True, return_state=True)(pick())
        return layers.GRU(4, return_sequences=True)(pick(), initial_state=state)
    return {
        "dense": lambda: layers.Dense(4)(pick()),
        "two": lambda: layers.Dense(4)(layers.Concatenate()([pick(), pick()])),
        "three": lambda: layers.GRU(4, return_sequences=True)(layers.Concatenate()([pick(), pick(), pick()])),
        "add": lambda: layers.Add()([pick(), pick()]),
        "multiply": lambda: layers.Multiply()([pick(), pick(), pick()]),
        "both": lambda: layers.Bidirectional(layers.LSTM(2, return_sequences=True))(pick()),
        "steps": lambda: layers.TimeDistributed(layers.Dense(4))(pick()),
        "dropout": lambda: layers.Dropout(0.1)(pick()),
        "attention": lambda: layers.Attention()([pick(), pick()]),
        "heads": lambda: layers.MultiHeadAttention(2, 2)(pick(), pick()),
        "convolution": lambda: layers.Conv1D(4, 3, padding="same")(pick()),
        "operation": lambda: pick() * 2.0,
    }[kind]()


KINDS = ["dense", "two", "three", "add", "multiply", "both", "steps", "dropout"]
KINDS += ["attention", "heads", "convolution", "operation", "state"]


def build(library, seed):
    library.backend.clear_session()
    chance, layers = random.Random(seed), library.layers
    words = [library.Input((5,), dtype="int32", name=f"words{i}") for i in range(2)]
    numbers = [library.Input((5, 4), name=f"numbers{i}") for i in range(2)]
    made = [layers.Embedding(9, 4, mask_zero=chance.random() < 0.7)(one) for one in words]
    made += [one if chance.random() < 0.5 else layers.Masking()(one) for one in numbers]
    for _ in range(chance.randint(4, 12)):
        made.append(branch(library, chance.choice(KINDS), lambda: chance.choice(made)))
    outputs = [
        layers.Dense(1)(layers.LSTM(3)(made[-1])),
        layers.Dense(1)(layers.GlobalAveragePooling1D()(made[-2])),
        layers.GRU(2)(layers.Concatenate()([made[-3], made[0]])),
    ]
    return library.Model(words + numbers, outputs)


@pytest.mark.filterwarnings("ignore:Layer:UserWarning")
@pytest.mark.parametrize("seed", few_of(range(12), (2, 7, 9)))
def test_layers_of_masked_models_are_listed_as_in_keras(seed):
    theirs, ours = (
        # Operations that make masks count among the names of concatenations there.
        [layer.name.rstrip("_0123456789") if "concat" in layer.name else layer.name for layer in model.layers]
        for model in (build(keras, seed), build(kerata, seed))
    )
    shown = set(ours)
    assert [name for name in theirs if name in shown] == ours


def test_two_layers_of_one_shape_keep_their_weights_in_files(tmp_path):
    def towers(library):
        layers = library.layers
        words, numbers, others = library.Input((5,), dtype="int32"), library.Input((5, 4)), library.Input((4,))
        beside = layers.Dense(4)(others)
        for name in ("relu", "tanh", "linear"):
            beside = layers.Activation(name)(beside)
        both = layers.Concatenate()([layers.Embedding(9, 4, mask_zero=True)(words), layers.Dense(4)(numbers)])
        return library.Model([words, numbers, others], layers.Dense(1)(layers.Concatenate()([layers.GRU(4)(both), beside])))

    rng = np.random.default_rng(0)
    x = [rng.integers(0, 9, (3, 5)), rng.normal(size=(3, 5, 4)).astype("float32"), rng.normal(size=(3, 4)).astype("float32")]
    theirs, ours = towers(keras), towers(kerata)
    expected = theirs.predict(x, verbose=0)
    theirs.save_weights(tmp_path / "a.weights.h5")
    ours.load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_allclose(ours.predict(x, verbose=0), expected, atol=1e-5)
    again = towers(kerata)
    again.set_weights(theirs.get_weights())
    np.testing.assert_allclose(again.predict(x, verbose=0), expected, atol=1e-5)
    ours.save(tmp_path / "a.keras")
    np.testing.assert_allclose(keras.models.load_model(tmp_path / "a.keras").predict(x, verbose=0), expected, atol=1e-5)
