"""Layers and models of a user's own: names that they may use for their attributes, and masks where a graph is made."""

import keras
import numpy as np
import pytest

import kerata

X = np.ones((4, 3), "float32")
TOKENS = np.array([[1, 2, 0, 0]] * 3)
NAMES = [
    "input_shape",
    "output_shape",
    "inputs",
    "outputs",
    "input_names",
    "output_names",
    "layers",
    "states",
    "units",
    "history",
    "graph",
    "training",
    "mask",
    "config",
    "kernel",
    "rank",
    "shape",
    "seed",
    "count",
]


def named(library, base, name, value):
    class Own(getattr(library, base)):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            setattr(self, name, value)
            self.dense = library.layers.Dense(1)

        def call(self, x):
            return self.dense(x)

    return Own()


@pytest.mark.parametrize("base", ["Layer", "Model"])
@pytest.mark.parametrize("name", NAMES)
def test_attributes_that_keras_allows(name, base):
    if (name, base) == ("layers", "Model"):
        with pytest.raises(AttributeError):
            named(keras, base, name, [1])
        with pytest.raises(AttributeError, match=r"`Model\.layers` attribute is reserved"):
            named(kerata, base, name, [1])
        return
    own = named(kerata, base, name, [1])
    named(keras, base, name, [1])
    assert getattr(own, name) == [1]
    assert own(X).shape == (4, 1) and len(own.weights) == 2
    if base == "Model":
        own.compile("sgd", "mse")
        assert len(own.fit(X, X[:, 0], epochs=2, verbose=0).epoch) == 2
        assert len(own.layers) == 1
        assert own.predict(X, verbose=0).shape == (4, 1)


def test_a_layer_that_holds_its_layers_under_that_name_trains_them():
    class Stack(kerata.layers.Layer):
        def __init__(self):
            super().__init__()
            self.layers = [kerata.layers.Dense(3), kerata.layers.Dense(1)]

        def call(self, x):
            for layer in self.layers:
                x = layer(x)
            return x

    model = kerata.Sequential([kerata.Input((3,)), Stack()])
    assert len(model.trainable_weights) == 4


# Masks


def pool(library):
    class Scheduler(library.layers.Layer):
        """Sums the steps that count; where there is no mask, leaves the sequence as it is."""

        def call(self, x, mask=None):
            if mask is None:
                return x
            return library.ops.sum(x * library.ops.cast(mask, "float32")[..., None], 1)

    return Scheduler()


FRONTS = {
    "nothing": lambda k: lambda x: x,
    "dropout": lambda k: k.layers.Dropout(0.1),
    "lstm": lambda k: k.layers.LSTM(3, return_sequences=True),
    "dense": lambda k: k.layers.Dense(3),
    "convolution": lambda k: k.layers.Conv1D(3, 2, padding="same"),
    "sum": lambda k: lambda x: k.layers.Add()([x, x]),
    "both ways": lambda k: k.layers.Bidirectional(k.layers.GRU(3, return_sequences=True)),
    "activation": lambda k: k.layers.Activation("relu"),
    "operation": lambda k: lambda x: x * 2.0,
}


@pytest.mark.parametrize("front", FRONTS)
def test_a_layer_gets_its_mask_where_the_graph_is_made(front):
    def shapes(library):
        i = library.Input((4,), dtype="int32")
        x = FRONTS[front](library)(library.layers.Embedding(5, 2, mask_zero=True)(i))
        model = library.Model(i, pool(library)(x))
        return model.output_shape, model.predict(TOKENS, verbose=0).shape

    ours, theirs = shapes(kerata), shapes(keras)
    assert ours == theirs
    assert ours[0][1:] == ours[1][1:]


def test_masks_of_ones_own_and_of_masking_and_of_inner_models():
    class Own(kerata.layers.Layer):
        def call(self, x):
            return x * 2

        def compute_mask(self, x, mask=None):
            return x[..., 0] > 0

    assert pool(kerata)(Own()(kerata.Input((4, 2)))).shape == (None, 2)
    assert pool(kerata)(kerata.layers.Masking()(kerata.Input((4, 2)))).shape == (None, 2)
    i = kerata.Input((4,), dtype="int32")
    inner = kerata.Model(i, kerata.layers.Embedding(5, 2, mask_zero=True)(i))
    j = kerata.Input((4,), dtype="int32")
    model = kerata.Model(j, pool(kerata)(inner(j)))
    assert model.output_shape == (None, 2) and model.predict(TOKENS, verbose=0).shape == (3, 2)
    plain = kerata.Model(i, kerata.layers.Embedding(5, 2)(i))
    assert pool(kerata)(plain(j)).shape == (None, 4, 2)


def test_a_sequential_model_with_a_layer_that_needs_a_mask_trains():
    model = kerata.Sequential(
        [kerata.Input((4,), dtype="int32"), kerata.layers.Embedding(5, 2, mask_zero=True), pool(kerata), kerata.layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    assert len(model.fit(TOKENS, np.ones((3, 1)), verbose=0).epoch) == 1 and model.output_shape == (None, 1)
