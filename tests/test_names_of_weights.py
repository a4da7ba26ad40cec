"""The names that weights had in each era, and the paths of today. Those of `tf.keras` were read from tf_keras 2.21."""

import keras
import numpy as np
import pytest

import kerata
from kerata.legacy import keras1, keras2, tfkeras2
from kerata.legacy.tensorflow.names import build


def names(model):
    return [weight.name.removesuffix(":0") for weight in model.weights]


def test_a_sequential_that_knows_its_input_begins_the_paths():
    layers = kerata.layers
    inner = kerata.Sequential([kerata.Input((3,)), layers.Dense(2, name="d")], name="inner")
    model = kerata.Sequential([kerata.Input((3,)), inner, layers.Dense(1, name="o")], name="outer")
    assert [v.path for v in model.weights] == ["inner/d/kernel", "inner/d/bias", "outer/o/kernel", "outer/o/bias"]
    late = kerata.Sequential([layers.Dense(2, name="d")], name="late")
    late.build((None, 3))
    assert [v.path for v in late.weights] == ["late/d/kernel", "late/d/bias"]


def test_names_of_keras1():
    layers = keras1.layers
    model = keras1.models.Sequential(
        [
            layers.Bidirectional(layers.LSTM(2, name="l"), input_shape=(3, 4)),
            layers.Dense(2, name="d"),
            layers.BatchNormalization(name="bn"),
        ]
    )
    assert all(weight.name.endswith(":0") for weight in model.weights)
    both = [f"{side}_l_{word}" for side in ("forward", "backward") for word in "WUb"]
    assert names(model) == [*both, "d_W", "d_b", "bn_gamma", "bn_beta", "bn_running_mean", "bn_running_std"]


def test_names_of_keras2():
    layers = keras2.layers
    model = keras2.models.Sequential(
        [
            layers.Bidirectional(layers.LSTM(2, name="l", return_sequences=True), input_shape=(3, 4), name="bi"),
            layers.TimeDistributed(layers.Dense(2), name="each"),
            layers.GRU(2, name="g"),
        ]
    )
    lstm = [f"bi/{side}_l/{word}" for side in ("forward", "backward") for word in ("kernel", "recurrent_kernel", "bias")]
    assert names(model) == [*lstm, "each/kernel", "each/bias", "g/kernel", "g/recurrent_kernel", "g/bias"]


def test_names_of_tf_keras():
    layers = tfkeras2.layers
    sequence = tfkeras2.Sequential(
        [
            layers.Bidirectional(layers.GRU(2, name="g", return_sequences=True), input_shape=(3, 4), name="bi"),
            layers.TimeDistributed(layers.Dense(2), name="each"),
        ]
    )
    gru = [
        f"bi/{side}_g/gru_cell/{word}" for side in ("forward", "backward") for word in ("kernel", "recurrent_kernel", "bias")
    ]
    assert names(sequence) == [*gru, "each/kernel", "each/bias"]
    pictures = tfkeras2.Sequential([layers.DepthwiseConv2D(3, input_shape=(8, 8, 3), name="c"), layers.PReLU(name="p")])
    assert names(pictures) == ["c/depthwise_kernel", "c/bias", "p/alpha"]


def test_names_within_models_and_layers_of_ones_own():
    layers = tfkeras2.layers

    class Outer(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.dense, self.norm = layers.Dense(2, name="d"), layers.BatchNormalization(name="bn")

        def build(self, shape):
            self.w = self.add_weight(shape=(2,))

        def call(self, x):
            return self.norm(self.dense(x)) * self.w

    class Own(tfkeras2.Model):
        def __init__(self):
            super().__init__(name="own")
            self.outer = Outer(name="outer")
            self.head = tfkeras2.Sequential([layers.Dense(1, name="x")], name="head")

        def call(self, x):
            return self.head(self.outer(x))

    model = Own()
    model(np.zeros((1, 3), "float32"))
    assert set(names(model)) == {
        *(f"own/outer/{name}" for name in ("Variable", "d/kernel", "d/bias", "bn/gamma", "bn/beta")),
        *("own/outer/bn/moving_mean", "own/outer/bn/moving_variance", "x/kernel", "x/bias"),
    }


@pytest.mark.parametrize("era", [keras1, keras2, tfkeras2], ids=["keras1", "keras2", "tfkeras2"])
def test_weights_are_chosen_by_the_layer_in_their_names(era):
    model = era.models.Sequential([era.layers.Dense(2, input_shape=(3,)), era.layers.BatchNormalization()])
    word = "batchnormalization" if era is keras1 else "batch_normalization"
    assert len([v for v in model.trainable_weights if word not in v.name]) == 2


def test_name_of_a_variable_of_tensorflow():
    tf = build("tfkeras2")[""]

    assert (tf.Variable(1.0, name="x").name, tf.Variable(1.0).name) == ("x:0", "Variable:0")


def test_weights_and_models_without_names_are_numbered():
    def names(library):
        library.utils.clear_session()

        class Linear(library.layers.Layer):
            def build(self, shape):
                self.w, self.b = self.add_weight(shape=(shape[-1], 2)), self.add_weight(shape=(2,))

            def call(self, x):
                return x @ self.w + self.b

        model = library.Sequential([library.Input((3,)), Linear()])
        rule = library.optimizers.SGD(0.1, momentum=0.5)
        rule.build(model.trainable_variables)
        found = [v.path for v in (*model.weights, *rule.variables)]

        def functional():
            inputs = library.Input((3,))
            return library.Model(inputs, library.layers.Dense(1)(inputs)).name

        found += [functional(), functional()]
        later = library.Sequential([library.layers.Dense(2)])
        found.append(functional())
        later(np.ones((2, 3), "float32"))
        later.add(library.layers.Dense(2))
        later.pop()
        return [*found, functional()]

    assert names(kerata) == names(keras)


def test_weights_without_names_are_left_out_of_decay_by_theirs():
    class Linear(kerata.layers.Layer):
        def build(self, shape):
            self.w, self.b = (self.add_weight(shape=(2,), initializer="ones") for _ in range(2))

        def call(self, x):
            return x * self.w + self.b

    model = kerata.Sequential([kerata.Input((2,)), Linear()])
    rule = kerata.optimizers.SGD(0.1, weight_decay=0.5)
    rule.exclude_from_weight_decay(var_names=[f"{model.layers[0].b.name}$"])
    model.compile(rule, lambda y, p: 0 * kerata.ops.sum(p))
    model.fit(np.zeros((2, 2)), np.zeros((2, 2)), verbose=0)
    assert [float(w[0]) for w in model.get_weights()] == pytest.approx([0.95, 1.0])
