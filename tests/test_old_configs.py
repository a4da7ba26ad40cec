"""`get_config()` and `to_json()` of layers and models of an era: its own words, and back to the same numbers."""

import json

import numpy as np
import pytest

import kerata
from kerata.legacy import keras1, keras2, tfkeras2

ERAS = {"keras1": keras1, "keras2": keras2, "tfkeras2": tfkeras2}
X = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")


def test_layers_of_keras_1_say_what_they_said():
    layers = keras1.layers
    dense = layers.Dense(5, input_dim=4, activation="relu", W_regularizer=keras1.regularizers.l2(0.1), b_constraint="nonneg")
    assert dense.get_config() == {
        "name": dense.name,
        "trainable": True,
        "batch_input_shape": (None, 4),
        "input_dtype": "float32",
        "output_dim": 5,
        "init": "glorot_uniform",
        "activation": "relu",
        "W_regularizer": {"name": "L1L2Regularizer", "l1": 0.0, "l2": 0.1},
        "b_regularizer": None,
        "activity_regularizer": None,
        "W_constraint": None,
        "b_constraint": {"name": "NonNeg"},
        "bias": True,
        "input_dim": 4,
    }
    picture = layers.Convolution2D(4, 3, 2, dim_ordering="th", subsample=(2, 2), init="he_normal").get_config()
    assert [picture[name] for name in ("nb_filter", "nb_row", "nb_col", "dim_ordering", "subsample", "init")] == [
        4,
        3,
        2,
        "th",
        (2, 2),
        "he_normal",
    ]
    steps = layers.Convolution1D(4, 3, border_mode="same").get_config()
    assert (steps["filter_length"], steps["subsample_length"], steps["border_mode"]) == (3, 1, "same")
    lstm = layers.LSTM(3, input_shape=(5, 2), consume_less="gpu").get_config()
    assert (lstm["inner_activation"], lstm["forget_bias_init"], lstm["input_length"], lstm["dropout_W"]) == (
        "hard_sigmoid",
        "one",
        5,
        0.0,
    )
    assert layers.MaxPooling1D(3).get_config()["pool_length"] == 3
    inner = layers.TimeDistributed(layers.Dense(2), input_shape=(5, 2)).get_config()["layer"]
    assert (inner["class_name"], inner["config"]["output_dim"]) == ("Dense", 2)


def test_layers_of_keras_2_and_tf_keras_say_what_they_said():
    dense = keras2.layers.Dense(5, kernel_initializer="he_normal", kernel_regularizer=keras2.regularizers.l2(0.1)).get_config()
    assert dense["kernel_initializer"] == {
        "class_name": "VarianceScaling",
        "config": {"scale": 2.0, "mode": "fan_in", "distribution": "normal", "seed": None},
    }
    assert dense["kernel_regularizer"] == {"class_name": "L1L2", "config": {"l1": 0.0, "l2": pytest.approx(0.1)}}
    assert (dense["dtype"], dense["activation"], dense["units"]) == ("float32", "linear", 5)
    assert "quantization_config" not in dense and "lora_rank" not in dense
    later = tfkeras2.layers.Dense(5, kernel_regularizer=tfkeras2.regularizers.l2(0.1)).get_config()
    assert later["kernel_initializer"] == {"class_name": "GlorotUniform", "config": {"seed": None}}
    assert later["kernel_regularizer"]["class_name"] == "L2" and later["dtype"] == "float32"
    assert keras2.layers.LeakyReLU(0.25).get_config()["alpha"] == 0.25
    assert keras2.layers.LSTM(2, recurrent_activation="hard_sigmoid").get_config()["recurrent_activation"] == "hard_sigmoid"
    assert keras2.layers.InputLayer((3,), name="x").get_config() == {
        "batch_input_shape": (None, 3),
        "dtype": "float32",
        "sparse": False,
        "name": "x",
    }


def several(era, keras):
    """A Sequential model, and a graph that it stands in."""
    layers, Model = keras.layers, keras.models.Model
    chain = keras.models.Sequential(
        [layers.Dense(3, input_dim=4, activation="hard_sigmoid"), layers.Dropout(0.5), layers.Dense(2)]
    )
    x = layers.Input(shape=(4,))
    hidden = layers.Dense(2)(x)
    both = layers.merge([hidden, chain(x)], mode="concat") if era == "keras1" else layers.concatenate([hidden, chain(x)])
    graph = Model(input=x, output=both) if era == "keras1" else Model(x, both)
    return chain, graph


@pytest.mark.parametrize("era", list(ERAS))
def test_models_come_back_from_their_words(era):
    keras = ERAS[era]
    for model in several(era, keras):
        expected = np.asarray(model.predict(X))
        for twin in (
            type(model).from_config(model.get_config()),
            keras.models.model_from_json(model.to_json()),
            kerata.models.model_from_json(model.to_json()),
        ):
            twin.set_weights(model.get_weights())
            np.testing.assert_allclose(np.asarray(twin.predict(X, verbose=0)), expected, rtol=1e-6)
        assert isinstance(twin, (kerata.Model, kerata.Sequential))


def test_the_config_of_a_sequential_model_was_a_list_in_keras_1():
    chain, graph = several("keras1", keras1)
    config = chain.get_config()
    assert [part["class_name"] for part in config] == ["Dense", "Dropout", "Dense"]
    assert config[0]["config"]["batch_input_shape"] == (None, 4) and config[1]["config"]["p"] == 0.5
    plain = json.loads(graph.to_json())
    assert (plain["class_name"], plain["keras_version"]) == ("Model", "1.2.2")
    merged = plain["config"]["layers"][-1]
    assert merged["config"]["mode"] == "concat" and merged["inbound_nodes"] == [
        [[graph.layers[1].name, 0, 0], [chain.name, 1, 0]]
    ]
    assert plain["config"]["output_layers"] == [[merged["name"], 0, 0]]


def test_what_tf_keras_writes_begins_with_its_input():
    chain, graph = several("tfkeras2", tfkeras2)
    first, second = chain.get_config()["layers"][:2]
    assert first["class_name"] == "InputLayer" and first["config"]["batch_input_shape"] == (None, 4)
    assert second["config"]["batch_input_shape"] == (None, 4)
    assert json.loads(graph.to_json())["class_name"] == "Functional"


class Scaled(keras2.layers.Layer):
    def __init__(self, factor=2.0, **kwargs):
        self.factor = factor
        super().__init__(**kwargs)

    def call(self, x):
        return x * self.factor

    def get_config(self):
        return dict([*super().get_config().items(), ("factor", self.factor)])


def test_classes_of_a_program_add_to_what_their_base_says(tmp_path):
    layer = Scaled(3.0, input_shape=(4,))
    model = keras2.models.Sequential([layer, keras2.layers.Lambda(lambda x: x + 1)])
    config = layer.get_config()
    assert config == {"name": layer.name, "trainable": True, "batch_input_shape": (None, 4), "dtype": "float32", "factor": 3.0}
    assert Scaled.from_config(config).factor == 3.0
    twin = keras2.models.Sequential.from_config(model.get_config(), {"Scaled": Scaled})
    np.testing.assert_allclose(twin.predict(X), 3 * X + 1, rtol=1e-6)
    # Files hold today's words, whatever a program sees.
    part = keras2.models.Sequential([layer])
    part.save(tmp_path / "m.keras")
    again = kerata.models.load_model(tmp_path / "m.keras", {"Scaled": Scaled})
    np.testing.assert_allclose(again.predict(X, verbose=0), 3 * X, rtol=1e-6)


def test_descriptions_of_layers_models_and_optimizers_come_back():
    for keras in (keras2, tfkeras2):
        both = keras.layers.Bidirectional(keras.layers.LSTM(2, recurrent_activation="hard_sigmoid"))
        plain = keras.layers.serialize(both)
        assert plain["class_name"] == "Bidirectional" and "module" not in plain
        twin = keras.layers.deserialize(plain)
        assert type(twin) is type(both) and type(twin.forward_layer) is keras.layers.LSTM
        assert twin.forward_layer.cell.recurrent_activation is kerata.activations.legacy_hard_sigmoid
        dense = keras.layers.deserialize({"class_name": "Dense", "config": {"units": 3, "activation": "hard_sigmoid"}})
        assert dense.units == 3 and dense.activation is kerata.activations.legacy_hard_sigmoid
    layers, models = keras1.layers, keras1.models
    plain = {"class_name": "Convolution2D", "config": layers.Convolution2D(4, 3, 2, border_mode="same").get_config()}
    assert keras1.utils.layer_utils.layer_from_config(plain).kernel_size == (3, 2)
    chain, _ = several("keras1", keras1)
    twin = models.model_from_config({"class_name": "Sequential", "config": chain.get_config()})
    twin.set_weights(chain.get_weights())
    np.testing.assert_allclose(twin.predict(X), chain.predict(X), rtol=1e-6)
    optimizer = keras1.optimizers.RMSprop(lr=0.25, rho=0.5)
    assert dict(optimizer.get_config()) == {"lr": 0.25, "rho": 0.5, "epsilon": 1e-8, "decay": 0.0}
    again = keras1.optimizers.optimizer_from_config({"class_name": "RMSprop", "config": optimizer.get_config()})
    assert type(again) is keras1.optimizers.RMSprop and float(again.lr) == 0.25


def seen(keras):
    """Models within models, called once and again, with several outputs, and shared by two of them."""
    L, Model = keras.layers, keras.models.Model
    x = L.Input((4,))
    chain = keras.models.Sequential([L.Dense(3, input_shape=(4,)), L.Dense(4)])
    pair = Model(x, [chain(chain(x)), x])
    first, second = L.Input((4,)), L.Input((4,))
    yield Model(first, chain(chain(first)))
    yield Model(second, pair(pair(second)[0])[0])
    yield Model(x, pair(pair(x)[0])[0])
    third = L.Input((4,))
    yield Model(third, [pair(third)[0], L.TimeDistributed(chain)(L.RepeatVector(2)(third))])


@pytest.mark.parametrize("era", ["keras2", "tfkeras2"])
def test_calls_of_models_within_models_are_counted_as_they_were(era):
    keras = ERAS[era]
    for model in seen(keras):
        twin = keras.models.model_from_json(model.to_json())
        # What stands in two models is one layer.
        twin.set_weights(model.get_weights())
        found, expected = (one if isinstance(one, list) else [one] for one in (twin.predict(X), model.predict(X)))
        for mine, right in zip(found, expected, strict=True):
            np.testing.assert_allclose(mine, right, rtol=1e-5, atol=1e-6)


def test_a_chain_of_keras_1_that_begins_with_branches_is_described(tmp_path):
    layers, Sequential = keras1.layers, keras1.models.Sequential
    left = Sequential([layers.Dense(3, input_dim=4)])
    right = Sequential([layers.Dense(2, input_dim=4, activation="tanh")])
    model = Sequential()
    model.add(layers.Merge([left, right], mode="concat"))
    model.add(layers.Dense(2))
    first, last = model.get_config()
    assert (first["class_name"], first["config"]["mode"], last["config"]["output_dim"]) == ("Merge", "concat", 2)
    assert [[part["class_name"] for part in branch["config"]] for branch in first["config"]["layers"]] == [["Dense"], ["Dense"]]
    expected = model.predict([X, 2 * X])
    for twin in (keras1.models.model_from_json(model.to_json()), kerata.models.model_from_json(model.to_json())):
        twin.set_weights(model.get_weights())
        np.testing.assert_allclose(twin.predict([X, 2 * X], verbose=0), expected, rtol=1e-6)
    model.add(layers.Lambda(lambda x: x))
    twin = keras1.models.model_from_json(model.to_json())
    assert twin.layers[-1].function is model.layers[-1].function


def test_an_attention_says_what_it_was_built_for():
    x = tfkeras2.Input((3, 4))
    layer = tfkeras2.layers.MultiHeadAttention(2, 3)
    tfkeras2.Model(x, layer(x, x))
    config = layer.get_config()
    assert [config[f"{name}_shape"] for name in ("query", "key", "value")] == [(None, 3, 4)] * 3
    assert "sliding_window" not in config and "use_gate" not in config


def test_a_constructor_need_not_take_dynamic():
    class Scaled(kerata.legacy.tfkeras2.layers.Layer):
        def __init__(self, units, name=None, trainable=True, dtype=None):
            super().__init__(name=name, trainable=trainable, dtype=dtype)
            self.units = units

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    config = Scaled(3).get_config()
    assert sorted(config) == ["dtype", "name", "trainable", "units"] and Scaled.from_config(config).units == 3
