"""What `fit`, `evaluate` and `predict` take as inputs, targets and weights, held against real Keras where it is right."""

import os
import subprocess
import sys

import keras
import numpy as np
import pandas
import pytest

import kerata
from quickly import XLA_FLAGS

LINE = np.array([-1.0, 0.0, 1.0, 2.0])
A = np.ones((3, 2), "float32")
B = 2 * A


def copy_weights(model, oracle):
    oracle.set_weights(model.get_weights())
    return oracle


def line_model(library):
    model = library.Sequential([library.layers.Input((1,)), library.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def test_one_number_a_sample_trains_as_in_keras():
    model, y = line_model(kerata), 2 * LINE - 1
    oracle = copy_weights(model, line_model(keras))
    ours = model.fit(LINE, y, epochs=3, shuffle=False, batch_size=4, verbose=0).history["loss"]
    theirs = oracle.fit(LINE, y, epochs=3, shuffle=False, batch_size=4, verbose=0).history["loss"]
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    np.testing.assert_allclose(model.evaluate(LINE, y, verbose=0), oracle.evaluate(LINE, y, verbose=0), rtol=1e-5)
    np.testing.assert_allclose(model.train_on_batch(LINE, y), oracle.train_on_batch(LINE, y), rtol=1e-5)
    np.testing.assert_allclose(model.predict(LINE, verbose=0), oracle.predict(LINE, verbose=0), rtol=1e-5)


def test_the_first_example_of_everybody():
    model = kerata.Sequential([kerata.layers.Dense(1, input_shape=[1])])
    model.compile("sgd", "mse")
    assert len(model.fit(LINE, 2 * LINE - 1, epochs=2, verbose=0).history["loss"]) == 2
    assert len(model.fit(((LINE, LINE) for _ in range(3)), verbose=0).history["loss"]) == 1


def test_one_number_a_sample_where_the_model_wants_a_table_is_refused():
    model = kerata.Sequential([kerata.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="at least 2 dimensions"):
        model.fit(LINE, LINE, verbose=0)


# Dicts and lists of inputs


def pair(names):
    found = {name: kerata.Input((2,), name=name) for name in "ab"}
    return kerata.Model({name: found[name] for name in names}, found["a"] + 10.0 * found["b"])


@pytest.mark.parametrize("names", ["ab", "ba"])
def test_dicts_go_by_name(names):
    model = pair(names)
    assert model.predict({"b": B, "a": A}, verbose=0)[0, 0] == 21
    with pytest.warns(UserWarning, match=r"The structure of `inputs` doesn't match.*\['0', 'a', 'b'\]\. 0 is left out"):
        assert model.predict({"0": B, "a": A, "b": B}, verbose=0)[0, 0] == 21
    with pytest.raises(ValueError, match=r"inputs named a, b\. Received: missing=\['b'\], given=\['a', 'bb'\]\. Did"):
        model.predict({"a": A, "bb": B}, verbose=0)


def test_lists_go_by_place_where_that_is_the_order_of_the_dict():
    model = pair("ab")
    with pytest.warns(UserWarning, match=r"The structure of `inputs` doesn't match.*list of 2'\. It is taken") as seen:
        assert model.predict([A, B], verbose=0)[0, 0] == 21 and float(model([A, B])[0, 0]) == 21
    assert len(seen) == 1
    model = pair("ba")
    model.compile("sgd", "mse")
    for run in (lambda: model.predict([A, B], verbose=0), lambda: model([A, B]), lambda: model.fit([A, B], A, verbose=0)):
        with pytest.raises(ValueError, match="A list cannot say which input is which: the model takes a dict of b, a"):
            run()


def test_a_wrong_name_for_the_only_input_is_refused():
    x = kerata.Input((2,), name="a")
    for model in (
        kerata.Model(x, x + 1.0),
        kerata.Model([x], x + 1.0),
        kerata.Sequential([kerata.Input((2,), name="a"), kerata.layers.Dense(1)]),
    ):
        assert model.predict({"a": A}, verbose=0).shape[0] == 3
        with pytest.raises(ValueError, match="inputs named a"):
            model.predict({"q": A}, verbose=0)


def test_nested_inputs():
    a, b, c = (kerata.Input((2,), name=name) for name in "abc")
    model = kerata.Model({"p": {"x": a, "y": b}, "q": [c]}, a + 10.0 * b + 100.0 * c)
    inputs = {"p": {"y": B, "x": A}, "q": [3 * A]}
    assert model.predict(inputs, verbose=0)[0, 0] == 321
    assert float(model(inputs)[0, 0]) == 321
    model.compile("sgd", "mse")
    assert model.evaluate(inputs, 321 * A, verbose=0) == 0
    with pytest.raises(ValueError, match=r"inputs must have the structure \{'p': \{'x': 'a', 'y': 'b'\}, 'q': \['c'\]\}"):
        model.predict({"p": {"x": A}, "q": [A]}, verbose=0)


def layer_of_named_parts(library):
    """A layer that goes through a dict: what is first counts once, what is second twice."""

    class Parts(library.layers.Layer):
        def build(self, shapes):
            for name, shape in shapes.items():
                self.add_weight(shape=(shape[-1],), name=name, initializer="ones")

        def call(self, inputs):
            return sum(place * part * w for place, (part, w) in enumerate(zip(inputs.values(), self.weights, strict=True), 1))

    return Parts


def numbers_by_order(library, path):
    """Outputs of models whose layers go through dicts, and the names of their weights."""
    parts = layer_of_named_parts(library)
    z, a = library.Input((2,), name="z"), library.Input((2,), name="a")
    graph = library.Model({"z": z, "a": a}, parts()({"z": z, "a": a}))
    data = {"z": A, "a": 10 * A}
    graph.save(path)
    read = library.saving.load_model(path, custom_objects={"Parts": parts})
    copied = library.models.clone_model(graph, clone_function=lambda layer: layer)

    class Own(library.Model):
        def __init__(self):
            super().__init__()
            self.parts = parts()

        def call(self, inputs):
            return self.parts({"z": inputs, "a": 10 * inputs})

    own = Own()
    own.compile("sgd", "mse")
    models = [(graph, data), (read, data), (copied, data), (own, A)]
    numbers = [np.asarray(form) for model, x in models for form in (model.predict(x, verbose=0), model(x))]
    layer = parts()
    numbers += [np.asarray(layer(data)), own.fit(A, A, verbose=0, shuffle=False).history["loss"]]
    return numbers, [w.name for part in (graph, own, layer) for w in part.weights]


def test_a_layer_goes_through_a_dict_in_the_order_of_its_maker(tmp_path):
    ours, names = numbers_by_order(kerata, tmp_path / "ours.keras")
    theirs, known = numbers_by_order(keras, tmp_path / "theirs.keras")
    assert names == known == ["z", "a"] * 3
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_a_dict_of_data_comes_to_an_own_model_in_one_order():
    """Keras has the order of sorted keys in `predict`, and that of the dict in a call."""
    model = type("Own", (kerata.Model,), {"call": lambda self, inputs: next(iter(inputs.values()))})()
    np.testing.assert_array_equal(model({"z": B, "a": A}), model.predict({"z": B, "a": A}, verbose=0))


@pytest.mark.parametrize("library", [kerata, keras])
def test_a_sequential_model_whose_first_layer_takes_a_dict(library):
    class Sum(library.layers.Layer):
        def call(self, inputs):
            return inputs["a"] + inputs["b"]

    model = library.Sequential([Sum(), library.layers.Dense(1, kernel_initializer="ones")])
    inputs = {"a": A, "b": B}
    np.testing.assert_allclose(model(inputs), np.full((3, 1), 6.0), rtol=1e-6)
    model.compile("sgd", "mse")
    assert model.evaluate(inputs, np.full((3, 1), 6.0), verbose=0) == pytest.approx(0.0, abs=1e-6)
    model.fit(inputs, np.zeros((3, 1)), verbose=0)
    assert model.predict(inputs, verbose=0).shape == (3, 1)


def test_a_sequential_model_whose_first_layer_takes_a_list():
    model = kerata.Sequential([kerata.layers.Concatenate(), kerata.layers.Dense(1, kernel_initializer="ones")])
    np.testing.assert_allclose(model([A, B]), np.full((3, 1), 6.0), rtol=1e-6)


@pytest.mark.parametrize("library", [kerata, keras])
def test_a_mask_that_is_given_beside_the_input(library):
    i = library.Input((4, 2))
    models = [
        library.Model(i, library.layers.GlobalAveragePooling1D()(i)),
        library.Sequential([library.Input((4, 2)), library.layers.GlobalAveragePooling1D()]),
    ]
    x = np.arange(8.0, dtype="float32").reshape(1, 4, 2)
    mask = np.array([[True, True, False, False]])
    for model in models:
        np.testing.assert_allclose(model(x, mask=library.ops.array(mask)), [[1.0, 2.0]], rtol=1e-6)


# Weights, masks, missing values


@pytest.mark.parametrize("first", [True, False])
def test_weights_for_some_outputs(first):
    x = kerata.Input((2,))
    model = kerata.Model(x, [kerata.layers.Dense(1, name="p")(x), kerata.layers.Dense(1, name="q")(x)])
    model.compile("sgd", "mse")
    plain = model.evaluate(A, [LINE[:3], LINE[:3]], verbose=0, return_dict=True)
    weight = 2 * np.ones(3)
    given = [weight, None] if first else [None, weight]
    weighed = model.evaluate(A, [LINE[:3], LINE[:3]], sample_weight=given, verbose=0, return_dict=True)
    twice, once = ("p_loss", "q_loss") if first else ("q_loss", "p_loss")
    np.testing.assert_allclose(weighed[twice], 2 * plain[twice], rtol=1e-6)
    np.testing.assert_allclose(weighed[once], plain[once], rtol=1e-6)


@pytest.mark.parametrize(
    ("labels", "weights", "expected"),
    [
        ([-1, 1, 1, -1], {-1: 5.0}, [5, 1, 1, 5]),
        ([-1, 1, 1, -1], {-1.0: 2, 1.0: 3}, [2, 3, 3, 2]),
        ([0, 1, 2, 2], {}, [1, 1, 1, 1]),
        ([0, 1, 2, 2], {-1: 5.0}, [1, 1, 1, 1]),
        ([[0, 1], [1, 0]], {np.int64(1): 4}, [4, 1]),
        ([[0.0], [1.0]], {True: 4}, [1, 4]),
    ],
)
def test_weights_of_classes(labels, weights, expected):
    from keras.src.trainers.data_adapters.data_adapter_utils import class_weight_to_sample_weights

    from kerata.data.sources import weigh_classes

    found = weigh_classes(np.array(labels), weights, None, "fit")
    assert found.tolist() == expected
    assert class_weight_to_sample_weights(np.array(labels), weights).tolist() == expected


def test_masked_arrays_are_refused_where_something_is_masked():
    model = line_model(kerata)
    masked = np.ma.masked_array(LINE, [False, True, False, False])
    with pytest.raises(ValueError, match=r"`y` holds masked values.*Received: masked='1 of 4'"):
        model.fit(LINE, masked, verbose=0)
    model.fit(np.ma.masked_array(LINE), LINE, verbose=0)


def test_missing_values_that_the_model_handles_on_purpose():
    x = np.array([[1.0, np.nan], [2.0, 3.0]], "float32")
    i = kerata.Input((2,))
    by_op = kerata.Model(i, kerata.layers.Dense(1)(kerata.ops.nan_to_num(i)))
    activation = kerata.layers.Activation(kerata.ops.nan_to_num)
    by_activation = kerata.Sequential([kerata.Input((2,)), activation, kerata.layers.Dense(1)])
    by_choice = kerata.Model(i, kerata.layers.Dense(1)(i[:, :1]))
    for model in (by_op, by_activation, by_choice):
        model.compile("sgd", "mse")
        assert np.isfinite(model.fit(x, LINE[:2], verbose=0).history["loss"]).all()
    plain = kerata.Model(i, kerata.layers.Dense(1, activation="relu")(i + 1.0))
    plain.compile("sgd", "mse")
    with pytest.raises(ValueError, match="must hold finite numbers"):
        plain.fit(x, LINE[:2], verbose=0)


# Counts


@pytest.mark.parametrize(
    "given",
    [
        {"validation_steps": 0},
        {"validation_freq": 0},
        {"validation_freq": [0, 2]},
        {"validation_freq": "all"},
        {"validation_batch_size": 0},
        {"initial_epoch": -1},
    ],
)
def test_counts_are_checked_before_anything_is_trained(given):
    model = line_model(kerata)
    before = model.get_weights()
    with pytest.raises((ValueError, TypeError), match=next(iter(given))):
        model.fit(LINE, LINE, validation_data=(LINE, LINE), verbose=0, **given)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    for run in (lambda: model.evaluate(LINE, LINE, steps=0, verbose=0), lambda: model.predict(LINE, steps=0, verbose=0)):
        with pytest.raises(ValueError, match="`steps` must be a positive integer"):
            run()


# Devices

DEVICES = """
import jax, numpy as np, kerata
from jax.sharding import Mesh, NamedSharding, PartitionSpec
x, y = np.arange(16.0, dtype="float32").reshape(8, 2), np.arange(8.0, dtype="float32")
model = kerata.Sequential([kerata.Input((2,)), kerata.layers.Dense(1)])
model.compile("sgd", "mse")
expected = model.evaluate(x, y, verbose=0), model.predict(x, verbose=0)
other = jax.devices()[1]
spread = NamedSharding(Mesh(jax.devices(), ("a",)), PartitionSpec("a"))
for place in (other, spread):
    there, targets = jax.device_put(x, place), jax.device_put(y, place)
    np.testing.assert_allclose(model.evaluate(there, targets, verbose=0), expected[0], rtol=1e-6)
    np.testing.assert_allclose(model.evaluate(there, y, verbose=0), expected[0], rtol=1e-6)
    np.testing.assert_allclose(model.predict(there, verbose=0), expected[1], rtol=1e-6)
    model.fit(there, targets, verbose=0, validation_data=(there, y))
    model.fit(iter([(there, targets)] * 2), verbose=0)
    model.train_on_batch(there, y)
    expected = model.evaluate(x, y, verbose=0), model.predict(x, verbose=0)
print("done")
"""


def test_data_on_other_devices_comes_to_the_model():
    flags = {**os.environ, "XLA_FLAGS": f"{XLA_FLAGS} --xla_force_host_platform_device_count=2"}
    done = subprocess.run([sys.executable, "-c", DEVICES], capture_output=True, text=True, timeout=300, env=flags)
    assert done.stdout.strip() == "done", done.stderr


def test_a_tensor_keeps_its_numbers_when_the_array_it_was_made_of_is_written():
    made = []
    for size in range(64, 84):
        room = np.zeros(size * 1024 * 4 + 64, np.uint8)
        # Where XLA could use the memory itself.
        begin = -room.ctypes.data % 64
        array = room[begin : begin + size * 4096].view(np.float32).reshape(size, 1024)
        made.append(kerata.ops.convert_to_tensor(array))
        array[:] = 1
    assert not any(float(tensor.sum()) for tensor in made)


def test_columns_of_a_frame_have_an_axis_of_their_own():
    class Own(kerata.Model):
        def __init__(self):
            super().__init__()
            self.dense = kerata.layers.Dense(1)

        def call(self, x):
            return self.dense(kerata.ops.concatenate([x[key] for key in sorted(x)], axis=-1))

    frame = pandas.DataFrame({"a": [1.0, 2.0, 3.0], "b": [2, 3, 4]})
    model = Own()
    model.compile("sgd", "mse")
    model.fit(dict(frame), frame["a"], verbose=0)
    assert model.predict(dict(frame), verbose=0).shape == (3, 1) and model.dense.kernel.shape == (2, 1)
