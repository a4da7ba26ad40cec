"""A model within a model that begins with texts or lookups: it computes the same as its layers do without it around them."""

import json

import h5py
import numpy as np
import pytest

import kerata
from kerata import layers
from kerata.legacy import tfkeras2
from kerata.legacy.tensorflow import names

tf = names.build("tfkeras2")[""]
RNG = np.random.default_rng(0)
N = 20
X = {
    "sex": RNG.choice(["female", "male"], (N, 1)),
    "age": RNG.normal(30, 9, (N, 1)).astype("float32"),
    "fare": RNG.normal(20, 5, (N, 1)).astype("float32"),
    "port": RNG.choice(["C", "Q", "S"], (N, 1)),
}
Y = RNG.integers(0, 2, N)
SEXES, PORTS = ["female", "male"], ["C", "Q"]


def prepared():
    """What the preparing model makes of the data."""
    numbers = np.concatenate([X["age"], X["fare"]], 1)
    known = [np.searchsorted(SEXES, X["sex"]) + 1, np.select([X["port"] == name for name in PORTS], [1, 2], 0)]
    hot = [np.eye(3)[column[:, 0]] for column in known]
    return np.concatenate([(numbers - numbers.mean(0)) / numbers.std(0), *hot], 1)


def preparing(keras):
    inputs = {
        name: keras.Input((1,), name=name, dtype="string" if value.dtype.kind == "U" else "float32")
        for name, value in X.items()
    }
    scale = keras.layers.Normalization()
    scale.adapt(np.concatenate([X["age"], X["fare"]], 1))
    parts = [scale(keras.layers.Concatenate()([inputs["age"], inputs["fare"]]))]
    for name, words in (("sex", SEXES), ("port", PORTS)):
        number = keras.layers.StringLookup(vocabulary=words)(inputs[name])
        parts.append(keras.layers.CategoryEncoding(3, output_mode="one_hot")(number))
    return inputs, keras.Model(inputs, keras.layers.Concatenate()(parts), name="preparing")


def whole(keras):
    inputs, first = preparing(keras)
    last = keras.Sequential([keras.layers.Dense(4, activation="relu"), keras.layers.Dense(1, activation="sigmoid")])
    model = keras.Model(inputs, last(first(inputs)))
    model.compile("sgd", "binary_crossentropy")
    return model, first, last


@pytest.mark.parametrize("keras", [kerata, tfkeras2], ids=["kerata", "tf.keras"])
def test_prepared_within_a_model(keras, tmp_path):
    model, first, last = whole(keras)
    np.testing.assert_allclose(np.asarray(first(X)), prepared(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(first.predict(X, verbose=0), prepared(), rtol=1e-5, atol=1e-5)
    alone = kerata.Sequential([kerata.Input((8,)), layers.Dense(4, activation="relu"), layers.Dense(1, activation="sigmoid")])
    alone.compile("sgd", "binary_crossentropy")
    alone.set_weights(last.get_weights())
    given = {"epochs": 2, "shuffle": False, "batch_size": 8, "verbose": 0}
    wanted = alone.fit(prepared(), Y, **given).history["loss"]
    found = model.fit(X, Y, **given).history["loss"]
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    wanted = alone.predict(prepared(), verbose=0)
    np.testing.assert_allclose(model.predict(X, verbose=0), wanted, rtol=1e-4)
    np.testing.assert_allclose(np.asarray(model(X)), wanted, rtol=1e-4)
    model.save(tmp_path / "m.keras")
    np.testing.assert_allclose(keras.models.load_model(tmp_path / "m.keras").predict(X, verbose=0), wanted, rtol=1e-4)


def test_batches_and_folds():
    model, _, _ = whole(kerata)

    def batches():
        for start in range(0, N, 8):
            yield {name: value[start : start + 8] for name, value in X.items()}, Y[start : start + 8]

    assert model.evaluate(batches(), verbose=0) == pytest.approx(model.evaluate(X, Y, batch_size=8, verbose=0), rel=1e-5)
    result = model.cross_validate(X, Y, cv=2, epochs=1)
    for (rows, _), fold in zip(result.folds, result.models, strict=True):
        (scale,) = (layer for layer in fold._flatten_layers() if isinstance(layer, layers.Normalization))
        np.testing.assert_allclose(np.ravel(scale.mean), [X["age"][rows].mean(), X["fare"][rows].mean()], rtol=1e-5)


TEXTS = np.array([["good film"], ["bad film"], ["good plot"]])


def words():
    layer = layers.TextVectorization(max_tokens=8, output_sequence_length=3)
    layer.adapt(TEXTS)
    return layer


def text_input():
    return kerata.Input((1,), dtype="string")


def as_graph(layer):
    inputs = text_input()
    return kerata.Model(inputs, layer(inputs))


def called(model, core):
    inputs = text_input()
    return kerata.Model(inputs, core(model(inputs)))


FORMS = {
    "a graph first in a chain": lambda layer, core: kerata.Sequential([as_graph(layer), core]),
    "behind an input": lambda layer, core: kerata.Sequential([text_input(), as_graph(layer), core]),
    "a chain in a chain": lambda layer, core: kerata.Sequential([kerata.Sequential([text_input(), layer]), core]),
    "a graph in a graph": lambda layer, core: called(as_graph(layer), core),
    "three deep": lambda layer, core: kerata.Sequential([kerata.Sequential([text_input(), as_graph(layer)]), core]),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms(form, tmp_path):
    core = kerata.Sequential(
        [kerata.Input((3,)), layers.Embedding(8, 4, mask_zero=True), layers.GlobalAveragePooling1D(), layers.Dense(1)]
    )
    layer = words()
    wanted = core.predict(layer(TEXTS), verbose=0)
    model = FORMS[form](layer, core)
    model.compile("sgd", "mse")
    np.testing.assert_allclose(model.predict(TEXTS, verbose=0), wanted, rtol=1e-6)
    assert model.evaluate(TEXTS, np.zeros(3), verbose=0) == pytest.approx(float((wanted**2).mean()), rel=1e-5)
    model.save(tmp_path / "m.keras")
    np.testing.assert_allclose(kerata.saving.load_model(tmp_path / "m.keras").predict(TEXTS, verbose=0), wanted, rtol=1e-6)
    model.fit(TEXTS, np.ones(3), epochs=1, verbose=0)
    assert not np.allclose(core.predict(layer(TEXTS), verbose=0), wanted)


def test_files_of_models_within_models_of_tf_keras(tmp_path):
    """A `.keras` file names what a model within it is, and an `.h5` file the inputs that it is given by name."""
    inputs, outer = tfkeras2.Input((3,)), {"a": tfkeras2.Input((3,), name="a")}
    inner = tfkeras2.Model({"a": inputs}, tfkeras2.layers.Dense(2)(inputs), name="inner")
    model = tfkeras2.Model(outer, tfkeras2.layers.Dense(1)(inner(outer)))
    x = {"a": RNG.normal(size=(4, 3)).astype("float32")}
    model.save(tmp_path / "m.keras")
    with pytest.warns(UserWarning, match="functional models within a model"):
        model.save(tmp_path / "m.h5")
    for name in ("m.keras", "m.h5"):
        loaded = tfkeras2.models.load_model(tmp_path / name)
        np.testing.assert_allclose(loaded.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-6)
    with h5py.File(tmp_path / "m.h5") as file:
        written = json.loads(file.attrs["model_config"])["config"]["layers"][1]
    assert written["inbound_nodes"] == [{"a": ["a", 0, 0, {}]}]


def test_numbers_are_given_an_axis_before_they_are_looked_up():
    whole, floats = kerata.Input((), dtype="int32"), kerata.Input((2,))
    lookup = kerata.layers.IntegerLookup(vocabulary=[5, 6])
    outputs = [
        lookup(whole[:, None]),
        lookup(kerata.ops.cast(floats[:, 1], "int32")),
        lookup(kerata.ops.expand_dims(whole, -1)),
    ]
    model = kerata.Model([whole, floats], outputs)
    found = model.predict([np.array([5, 6, 7]), np.array([[0.0, 6.0], [1.0, 5.0], [2.0, 8.0]])], verbose=0)
    assert [one.ravel().tolist() for one in found] == [[1, 2, 0], [2, 1, 0], [1, 2, 0]]


def test_texts_are_for_layers_of_texts():
    texts = kerata.Input((), dtype="string")
    for use in (lambda: kerata.ops.expand_dims(texts, -1), lambda: texts + texts):
        with pytest.raises(TypeError, match=r"it stands for texts, and this takes numbers\. Let a StringLookup"):
            use()


@pytest.mark.parametrize("name", ["model.h5", "folder"])
def test_files_of_old_hold_what_was_learned(name, tmp_path):
    texts = tfkeras2.Input((1,), dtype="string")
    lookup = tfkeras2.layers.StringLookup(output_mode="one_hot")
    vectors = [tfkeras2.layers.TextVectorization(output_mode=mode) for mode in ("tf_idf", "count")]
    for layer in (lookup, *vectors):
        layer.adapt(np.array(["a b", "b", "b c"]))
    model = tfkeras2.Model(texts, tfkeras2.layers.concatenate([layer(texts) for layer in (lookup, *vectors)]))
    data = np.array([["b"], ["a b"], ["a d"]])
    model.save(tmp_path / name)
    again = tfkeras2.models.load_model(tmp_path / name)
    np.testing.assert_array_equal(again.predict(data, verbose=0), model.predict(data, verbose=0))
    assert lookup.get_config()["vocabulary"] is None


def test_words_of_old_files_say_the_types_that_tf_keras_asked_for(tmp_path):
    texts, numbers = tfkeras2.Input((1,), dtype="string"), tfkeras2.Input((1,))
    of_texts = tfkeras2.layers.TextVectorization(vocabulary=["a"], output_mode="count", dtype="string")
    words = tfkeras2.layers.StringLookup(vocabulary=["a"])
    ranges = tfkeras2.layers.Discretization(num_bins=2)
    ranges.adapt(np.arange(4.0))
    model = tfkeras2.Model([texts, numbers], [of_texts(texts), words(texts), ranges(numbers)])
    model.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5") as file:
        found = {one["class_name"]: one["config"] for one in json.loads(file.attrs["model_config"])["config"]["layers"]}
    assert found["TextVectorization"]["dtype"] == "string" and found["StringLookup"]["dtype"] == "int64"
    assert found["Discretization"]["num_bins"] is None and len(found["Discretization"]["bin_boundaries"]) == 1
    assert not {"oov_method", "salt"} & set(found["StringLookup"])
    data = [np.array([["a"]]), np.array([[3.0]])]
    again = tfkeras2.models.load_model(tmp_path / "model.h5")
    assert [one.tolist() for one in again.predict(data, verbose=0)] == [one.tolist() for one in model.predict(data, verbose=0)]


BIG = 2**40
BEFORE = {
    "an index": lambda x: x[:, None],
    "expand_dims": lambda x: kerata.ops.expand_dims(x, axis=-1),
    "squeeze": lambda x: kerata.ops.squeeze(kerata.ops.expand_dims(x, -1), [-1]),
}


@pytest.mark.parametrize("before", BEFORE)
def test_keys_of_64_bits_stay_whole_before_a_look_up(before):
    inputs = kerata.Input((), dtype="int64")
    model = kerata.Model(inputs, layers.IntegerLookup(vocabulary=[BIG + 5, 7, BIG + 7])(BEFORE[before](inputs)))
    assert model.predict(np.array([BIG + 5, 7, BIG + 7, 2**33 + 7]), verbose=0).ravel().tolist() == [1, 2, 3, 0]


def test_ends_of_graphs_by_name_stand_alone_in_hdf5(tmp_path):
    """As `tf.keras` writes and reads them."""
    a, b = tfkeras2.Input((2,), name="a"), tfkeras2.Input((2,), name="b")
    dense = tfkeras2.layers.Dense
    outputs = {"o": dense(1, name="first")(tfkeras2.layers.Concatenate()([a, b])), "p": dense(2, name="second")(a)}
    tfkeras2.Model({"a": a, "b": b}, outputs).save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5") as file:
        written = json.loads(file.attrs["model_config"])["config"]
    assert written["input_layers"] == {"a": ["a", 0, 0], "b": ["b", 0, 0]}
    assert written["output_layers"] == {"o": ["first", 0, 0], "p": ["second", 0, 0]}
    x = {"a": np.ones((1, 2), "float32"), "b": np.zeros((1, 2), "float32")}
    assert set(tfkeras2.models.load_model(tmp_path / "m.h5").predict(x, verbose=0)) == {"o", "p"}
