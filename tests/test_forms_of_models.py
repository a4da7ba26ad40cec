"""Models by the forms in which programs address them: parts of graphs, structures, states as trees."""

import keras
import numpy as np
import pytest

import kerata
from kerata import layers


@pytest.fixture
def cut():
    x = kerata.Input((2,), name="x")
    first = layers.Dense(3, name="first")(x)
    second = layers.Dense(4, name="second")(first)
    return kerata.Model(x, layers.Dense(5, name="third")(second)), first, second


def test_a_model_cut_out_begins_with_an_input(cut):
    whole, first, second = cut
    part = kerata.Model(first, second)
    assert [type(layer).__name__ for layer in part.layers] == ["InputLayer", "Dense"]
    assert part.layers[1] is whole.get_layer("second")
    data = np.ones((2, 3), "float32")
    np.testing.assert_allclose(part.predict(data, verbose=0), whole.get_layer("second")(data), rtol=1e-6)
    again = kerata.Model.from_config(part.get_config())
    again.set_weights(part.get_weights())
    np.testing.assert_allclose(again(data), part(data), rtol=1e-6)
    assert [type(op).__name__ for op in whole.operations] == ["InputLayer", "Dense", "Dense", "Dense"]


@pytest.mark.parametrize("kind", [list, tuple])
def test_outputs_come_back_in_the_kind_that_they_had(kind, tmp_path):
    x = kerata.Input((2,))
    model = kerata.Model(x, kind([layers.Dense(1)(x), layers.Dense(2)(x)]))
    again = kerata.Model.from_config(model.get_config())
    assert type(again(np.ones((1, 2)))) is type(model(np.ones((1, 2)))) is kind
    model.save(tmp_path / "model.keras")
    loaded = kerata.models.load_model(tmp_path / "model.keras")
    assert [output.shape for output in loaded(np.ones((1, 2)))] == [(1, 1), (1, 2)]


def test_none_is_for_optional_inputs_only():
    x, y = kerata.Input((2,), name="x"), kerata.Input((2,), name="y")
    model = kerata.Model({"x": x, "y": y}, layers.Add()([x, y]))
    with pytest.raises(ValueError, match=r"the input 'y' is not optional.*optional=True"):
        model({"x": np.ones((1, 2)), "y": None})


def test_messages_about_shapes_say_both(cut):
    with pytest.raises(ValueError, match=r"input 'x' is incompatible.*expected shape=\(None, 2\), found shape=\(3, 7\)"):
        cut[0](np.ones((3, 7)))
    with pytest.raises(ValueError, match=r"it expects 1 input\(s\): x"):
        cut[0]([np.ones((3, 2))] * 2)


def test_the_state_as_a_tree():
    model = kerata.Sequential(
        [kerata.Input((2,)), layers.Dense(1, name="last"), layers.BatchNormalization(name="norm")], name="m"
    )
    model.compile("adam", "mse")
    x, y = np.random.default_rng(0).normal(size=(2, 4, 2))
    model.fit(x, y[:, :1], verbose=0)
    tree = model.get_state_tree(value_format="numpy_array")
    assert set(tree) == {"trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables"}
    assert set(tree["trainable_variables"]) == {"m"} and set(tree["trainable_variables"]["m"]) == {"last", "norm"}
    assert "moving_mean" in tree["non_trainable_variables"]["m"]["norm"]
    (optimizer,) = tree["optimizer_variables"].values()
    assert optimizer["iteration"] == 1 and optimizer["learning_rate"] == np.float32(0.001)
    assert isinstance(tree["trainable_variables"]["m"]["last"]["kernel"], np.ndarray)
    before = model.get_weights()
    model.fit(x, y[:, 1:], verbose=0)
    assert not np.allclose(model.get_weights()[0], before[0])
    model.set_state_tree(tree)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert int(model.optimizer.iterations) == 1


def test_messages_about_trees():
    model = kerata.Sequential([kerata.Input((2,)), layers.Dense(1, name="last")], name="m")
    kernel = model.get_weights()[0]
    with pytest.raises(ValueError, match=r"no variable of that path.*'m/last/kernal'.*Did you mean 'm/last/kernel'"):
        model.set_state_tree({"trainable_variables": {"m": {"last": {"bias": [1.0], "kernal": kernel}}}})
    with pytest.raises(ValueError, match=r"m/last/kernel must have shape \(2, 1\)"):
        model.set_state_tree({"trainable_variables": {"m": {"last": {"bias": [1.0], "kernel": np.ones((3, 1))}}}})
    assert model.get_weights()[1] == 0.0
    with pytest.raises(ValueError, match="a state has the parts"):
        model.set_state_tree({"weights": {}})

    class Twice(kerata.Model):
        def __init__(self):
            super().__init__()
            self.one = kerata.Variable(1.0, name="same")
            self.other = kerata.Variable(2.0, name="same")

    with pytest.raises(ValueError, match=r"found twice in the model.*'same'"):
        Twice().get_state_tree()


class Named(kerata.Model):
    def __init__(self, *args, note="none", **kwargs):
        super().__init__(*args, **kwargs)
        self.note = note

    def get_config(self):
        return {**super().get_config(), "note": self.note}


class Plain(kerata.Model):
    pass


@pytest.mark.parametrize(("kind", "rest"), [(Named, {"note": "mine"}), (Plain, {})])
def test_a_subclass_that_is_made_as_a_graph_comes_back(kind, rest, tmp_path):
    x = kerata.Input((2,))
    model = kind(inputs=x, outputs=layers.Dense(3)(x), **rest)
    again = kind.from_config(model.get_config())
    assert type(again) is kind and again.output_shape == (None, 3) and getattr(again, "note", None) == rest.get("note")
    model.save(tmp_path / "model.keras")
    loaded = kerata.models.load_model(tmp_path / "model.keras", custom_objects={kind.__name__: kind})
    data = np.ones((1, 2), "float32")
    np.testing.assert_array_equal(loaded(data), model(data))


def test_a_sequential_model_is_configured_once():
    model = kerata.Sequential([kerata.Input((2,)), layers.Dense(1)])
    model.build((3, 2))
    with pytest.raises(ValueError, match=r"already been configured for inputs of shape \(None, 2\)"):
        model.build((3, 4))
    with pytest.raises(ValueError, match="already been configured with an input"):
        model.add(kerata.Input((2,)))
    with pytest.raises(AttributeError, match=r"`Model.layers` attribute is reserved.*Use `add\(\)` and `pop\(\)`"):
        model.layers = []
    with pytest.raises(ValueError, match="Only instances of Layer"):
        model.add({})


class Sums(layers.Layer):
    """The sum of a list's or a dict's parts."""

    def call(self, inputs):
        return sum(inputs.values() if isinstance(inputs, dict) else inputs)


class Shapeless(layers.Layer):
    def compute_output_spec(self, *args, **kwargs):
        raise NotImplementedError

    def call(self, inputs):
        return inputs + 1.0


A, B = np.ones((4, 2), "float32"), np.full((4, 2), 2.0, "float32")


@pytest.mark.parametrize("inputs", [[A, B], {"a": A, "b": B}], ids=["list", "dict"])
def test_a_sequential_model_of_several_inputs(inputs, capsys):
    model = kerata.Sequential([Sums(), layers.Dense(1, kernel_initializer="ones")])
    np.testing.assert_allclose(model(inputs), np.full((4, 1), 6.0))
    model.compile("sgd", "mse")
    model.fit(inputs, np.zeros((4, 1)), verbose=0)
    assert model.predict(inputs, verbose=0)[0, 0] < 6.0
    model.summary()
    assert "sums" in capsys.readouterr().out


def test_a_sequential_model_with_a_layer_that_says_no_shape():
    model = kerata.Sequential([Shapeless(), layers.Dense(1, kernel_initializer="ones")])
    np.testing.assert_allclose(model(A), np.full((4, 1), 4.0))
    assert len(model.weights) == 2


@pytest.mark.parametrize("kind", [list, tuple])
def test_a_list_of_one_output_is_one_output(kind, tmp_path):
    def make(k):
        x = k.Input((2,), name="x")
        return k.Model(x, kind([k.layers.Dense(1, kernel_initializer="ones", name="d")(x)]))

    ours, theirs = make(kerata), make(keras)
    ours.compile("sgd", "mse", metrics=[["mae"]])
    losses = [ours.fit(A, y, verbose=0).history["loss"] for y in (np.zeros((4, 1)), [np.zeros((4, 1))])]
    assert losses[1] < losses[0]
    ours.save(tmp_path / "m.keras")
    for model in (ours, kerata.models.load_model(tmp_path / "m.keras"), kerata.models.clone_model(ours)):
        assert model.predict(A, verbose=0).shape == model(A).shape == theirs(A).shape == (4, 1)
    x = kerata.Input((2,))
    assert type(ours(x)) is type(ours.output) is kind
    assert kerata.Model(x, ours(x))(A).shape == (4, 1)
    assert ours.compute_output_shape((3, 2)) == theirs.compute_output_shape((3, 2)) == kind([(3, 1)])


def test_a_layer_that_is_called_twice_shows_its_first_call():
    for k in (kerata, keras):
        first, layer = k.Input((3,)), k.layers.Dense(2)
        with pytest.raises(AttributeError, match="has never been called"):
            _ = layer.output
        tensor = layer(first)
        layer(k.Input((3,)))
        assert layer.input is first and layer.output is tensor


def test_a_dict_of_measures_is_sorted_by_name():
    model = kerata.Sequential([kerata.Input((3,)), kerata.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae", "cosine_similarity"])
    x, y = np.ones((4, 3)), np.ones((4, 1))
    for found in (model.evaluate(x, y, verbose=0, return_dict=True), model.train_on_batch(x, y, return_dict=True)):
        assert list(found) == ["cosine_similarity", "loss", "mae"]


def test_what_a_property_lacks_is_said():
    class Own(kerata.Sequential):
        @property
        def depth(self):
            return len(self.blocks)

    with pytest.raises(AttributeError, match=r"exists for models that know their inputs.*Input"):
        _ = kerata.Sequential([layers.Dense(2)]).input
    with pytest.raises(AttributeError, match="no attribute 'blocks'"):
        _ = Own().depth
    assert not hasattr(kerata.Sequential([layers.Dense(2)]), "output")


def test_states_of_several_generators_have_places_of_their_own():
    layers = kerata.layers
    model = kerata.Sequential([kerata.Input((3,)), layers.Dropout(0.3), layers.Dense(2), layers.Dropout(0.2)])
    tree = model.get_state_tree(value_format="numpy_array")
    assert list(tree["non_trainable_variables"]) == ["seed_generator", "seed_generator_1"]
    tree["non_trainable_variables"]["seed_generator_1"]["seed_generator_state"] = np.array([5, 6], "uint32")
    model.set_state_tree(tree)
    assert [v.numpy().tolist() for v in model.non_trainable_variables][1] == [5, 6]


@pytest.mark.parametrize("shape", [(None, None, 3), (8, None, 3)])
def test_a_model_of_one_size_is_called_on_an_input_of_open_size(shape):
    inner = kerata.Input((8, 8, 3))
    pooled = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, kernel_initializer="ones")(inner))
    base = kerata.Model(inner, pooled)
    outer = kerata.Input(shape)
    model = kerata.Model(outer, layers.Dense(2, kernel_initializer="ones")(base(outer)))
    x = np.ones((2, 8, 8, 3), "float32")
    assert model.output_shape == (None, 2) and model.predict(x, verbose=0).tolist() == [[108, 108]] * 2
    with pytest.raises(ValueError, match="incompatible"):
        model.predict(x[:, :7], verbose=0)
