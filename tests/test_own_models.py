"""Models of a user's own class against the same in real Keras."""

import keras
import numpy as np
import pytest

import kerata

X = np.random.default_rng(0).standard_normal((6, 2)).astype(np.float32)
Y = [X[:, :1], X[:, 1:]]


def two_outputs(k):
    class Two(k.Model):
        def __init__(self):
            super().__init__()
            self.first, self.second = k.layers.Dense(1), k.layers.Dense(1)

        def call(self, inputs):
            return self.first(inputs), self.second(inputs)

    return Two()


@pytest.mark.parametrize("losses", [["mse", "mae"], ["mse", "huber"]])
def test_outputs_without_names_have_their_losses_names_in_logs(losses):
    found = []
    for k in (kerata, keras):
        model = two_outputs(k)
        model.compile("sgd", losses)
        found.append(list(model.fit(X, Y, verbose=0).history))
    assert found[0] == found[1]


def test_outputs_without_names_and_with_one_loss_are_numbered():
    model = two_outputs(kerata)
    model.compile("sgd", "mse")
    assert list(model.fit(X, Y, verbose=0).history) == ["loss", "output_1_loss", "output_2_loss"]


def normalized(k, takes_training, hands_on=True):
    class Normalized(k.Model):
        def __init__(self):
            super().__init__()
            self.norm, self.out = k.layers.BatchNormalization(momentum=0.5), k.layers.Dense(1)

        def call(self, inputs):
            return self.out(self.norm(inputs))

    class Told(Normalized):
        def call(self, inputs, training=None):
            return self.out(self.norm(inputs, training=training) if hands_on else self.norm(inputs))

    model = Told() if takes_training else Normalized()
    model(X)
    model.set_weights([np.full(w.shape, 0.5, np.float32) for w in model.get_weights()])
    model.compile("sgd", "mse")
    return model


@pytest.mark.filterwarnings("ignore:.*has no argument `training`")
@pytest.mark.parametrize("takes_training", [False, True])
def test_a_model_is_trained_as_its_call_says(takes_training):
    """Without an argument `training`, layers run as in inference: Keras 3 does not tell them either."""
    found = []
    for k in (kerata, keras):
        model = normalized(k, takes_training)
        losses = model.fit(X, Y[0], epochs=2, batch_size=4, shuffle=False, verbose=0).history["loss"]
        found.append([*losses, *model.get_weights()])
    for mine, other in zip(*found, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)


def test_layers_within_a_model_know_that_it_is_trained():
    """Whether its call hands `training` on or not. Keras on JAX forgets it in `fit`, and not on its other backends."""
    found = []
    for hands_on in (True, False):
        model = normalized(kerata, True, hands_on)
        found.append(model.fit(X, Y[0], epochs=2, batch_size=4, shuffle=False, verbose=0).history["loss"])
    assert found[0] == found[1]


def test_a_model_that_does_not_say_it_is_trained_is_warned_of():
    model = normalized(kerata, takes_training=False)
    with pytest.warns(UserWarning, match=r"call\(\) has no argument `training`.*layers=\['batch_normalization'\]"):
        model.fit(X, Y[0], verbose=0)


@pytest.mark.parametrize("method", ["fit", "evaluate", "predict"])
@pytest.mark.parametrize("also_traces", [False, True])
def test_a_model_with_a_build_of_its_own_is_built_by_its_first_batch(method, also_traces):
    found = []
    for library in (keras, kerata):

        class Product(library.Model):
            def build(self, input_shape):
                self.w = self.add_weight(shape=(input_shape[-1], 1), initializer="ones", name="w")
                if also_traces:
                    super().build(input_shape)

            def call(self, x):
                return x @ self.w

        model = Product()
        model.compile("sgd", "mse")
        x, y = np.arange(12, dtype="float32").reshape(4, 3), np.ones((4, 1), "float32")
        if method == "predict":
            found.append(model.predict(x, verbose=0))
        elif method == "evaluate":
            found.append(model.evaluate(x, y, verbose=0))
        else:
            found.append(model.fit(x, y, verbose=0).history["loss"])
    np.testing.assert_allclose(*found, rtol=1e-5)


def test_layers_of_a_graph_are_those_in_it_and_its_weights_those_of_attributes_too():
    found = []
    for library in (keras, kerata):
        inputs = library.Input((3,), name="i")
        first = library.layers.Dense(2, name="first")

        class Own(library.Model):
            def __init__(self, inputs, outputs, library=library):
                super().__init__(inputs, outputs)
                self.more = library.layers.Dense(4, name="more")
                self.more.build((None, 3))

        model = Own(inputs, library.layers.Dense(1, name="last")(first(inputs)))
        shapes = [tuple(weight.shape) for weight in model.weights]
        found.append([[layer.name for layer in model.layers], shapes, model.count_params(), model.layers[-1].name])
    assert found[0] == found[1]
    assert found[1][0] == ["i", "first", "last"]
    assert model.get_layer("more") is model.more and model.get_layer(index=-1).name == "last"
    before = model.get_weights()
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0)
    assert [not np.array_equal(*pair) for pair in zip(before, model.get_weights(), strict=True)] == [True] * 4 + [False] * 2


def test_layers_of_attributes_are_layers_in_tf_keras():
    layers = kerata.legacy.tfkeras2.layers
    inputs = layers.Input((3,))
    model = kerata.legacy.tfkeras2.Model(inputs, layers.Dense(1, name="last")(inputs))
    model.more = layers.Dense(4, name="more")
    assert [layer.name for layer in model.layers][1:] == ["last", "more"]


def test_a_model_that_is_handed_to_its_own_constructor_is_told_so():
    class Own(kerata.Model):
        def __init__(self):
            super().__init__(self)

    with pytest.raises(ValueError, match=r"Say `super\(\).__init__\(\)`"):
        Own()
