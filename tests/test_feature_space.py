"""`FeatureSpace`, held against what Keras gives on TensorFlow; in models, in training, in files."""

import base64
import json
from pathlib import Path

import jax
import numpy as np
import pandas as pd
import pytest

import kerata
from feature_cases import CASES, asked, make, seen
from kerata import layers
from kerata.utils import FeatureSpace

RECORDED = json.loads((Path(__file__).parent / "feature_space.json").read_text())


def batches(columns, size):
    length = len(next(iter(columns.values())))
    return [{key: value[first : first + size] for key, value in columns.items()} for first in range(0, length, size)]


def agree(found, right):
    if "values" not in right:
        assert list(found) == list(right) or set(found) == set(right)
        for key, one in right.items():
            agree(found[key], one)
        return
    values = np.asarray(found)
    assert values.shape == np.shape(right["values"])
    assert values.dtype.kind == np.dtype(right["dtype"]).kind
    np.testing.assert_allclose(values, right["values"], rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("way", ["samples", "frame", "batches", "generator"])
@pytest.mark.parametrize("name", CASES)
def test_equals_keras(name, way):
    space = make(kerata, name)
    given = seen(name)
    data = {
        "samples": given,
        "frame": pd.DataFrame(given),
        "batches": batches(given, 64),
        "generator": iter([(one, None) for one in batches(given, 64)]),
    }
    space.adapt(data[way])
    right = RECORDED["cases"][name]["samples" if way in ("samples", "frame") else "batches"]
    agree(space(asked(name)), right)
    # A row alone, columns as a frame, and the same as a part of a model.
    first = space({key: value[0] for key, value in asked(name).items()})
    agree(
        first,
        {k: {**v, "values": v["values"][0]} for k, v in right.items()}
        if "values" not in right
        else {**right, "values": right["values"][0]},
    )
    agree(space(pd.DataFrame(asked(name))), right)
    if way == "samples":
        model = kerata.Model(space.get_inputs(), space.get_encoded_features())
        agree(model.predict(asked(name), verbose=0), right)


def test_a_file_of_keras_and_one_of_its_own(tmp_path):
    (tmp_path / "theirs.keras").write_bytes(base64.b64decode(RECORDED["file"]))
    right = RECORDED["cases"]["crossed"]["samples"]
    theirs = kerata.models.load_model(tmp_path / "theirs.keras")
    assert isinstance(theirs, FeatureSpace)
    agree(theirs(asked("crossed")), right)
    theirs.save(tmp_path / "ours.keras")
    ours = kerata.models.load_model(tmp_path / "ours.keras")
    agree(ours(asked("crossed")), right)
    assert ours.get_config() == theirs.get_config()
    again = FeatureSpace.from_config(json.loads(json.dumps(theirs.get_config())))
    with pytest.raises(ValueError, match="need to call"):
        again(asked("crossed"))


def classifier(space):
    x = layers.Dense(4, "relu")(space.get_encoded_features())
    model = kerata.Model(space.get_inputs(), layers.Dense(1, "sigmoid")(x))
    model.compile(kerata.optimizers.Adam(0.05), "binary_crossentropy", metrics=["accuracy"])
    return model


def labels():
    return (seen("crossed")["text"] == "red").astype("float32")


def test_a_model_learns_from_the_table_itself(tmp_path):
    kerata.utils.set_random_seed(0)
    space = make(kerata, "crossed")
    space.adapt(seen("crossed"))
    model = classifier(space)
    # 150 rows: the last batch is smaller.
    history = model.fit(seen("crossed"), labels(), epochs=6, batch_size=32, validation_split=0.2, verbose=0)
    assert history.history["accuracy"][-1] > 0.95
    found = model.predict(asked("crossed"), verbose=0)
    model.save(tmp_path / "model.keras")
    again = kerata.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict(asked("crossed"), verbose=0), found)
    # The numbers that the program gets are those of the table that is encoded beforehand.
    inner = kerata.Model(space.get_encoded_features(), model.output)
    np.testing.assert_allclose(inner.predict(space(asked("crossed")), verbose=0), found, rtol=1e-6)
    # Batch by batch, with a smaller one at the end.
    score = model.evaluate(
        [(one, y) for one, y in zip(batches(seen("crossed"), 40), np.split(labels(), [40, 80, 120]), strict=True)].__iter__(),
        verbose=0,
    )
    np.testing.assert_allclose(score, model.evaluate(seen("crossed"), labels(), batch_size=40, verbose=0), rtol=1e-5)


def test_it_is_called_on_inputs_of_one_s_own_and_in_folds():
    space = make(kerata, "crossed")
    space.adapt(seen("crossed"))
    inputs = {name: kerata.Input((1,), dtype=feature.dtype, name=f"my_{name}") for name, feature in space.features.items()}
    model = kerata.Model(inputs, space(inputs))
    np.testing.assert_allclose(model.predict(asked("crossed"), verbose=0), space(asked("crossed")), rtol=1e-6)
    scores = classifier(space).cross_validate(seen("crossed"), labels(), cv=3, epochs=2, batch_size=32, verbose=0)
    assert all(len(values) == 3 for values in scores.scores.values())


def test_a_layer_of_ones_own_and_given_vocabularies():
    text = layers.TextVectorization(output_mode="tf_idf")
    space = FeatureSpace(
        {
            "text": FeatureSpace.feature("string", text, "float"),
            "kind": FeatureSpace.feature("string", layers.StringLookup(vocabulary=["a", "b"]), "one_hot"),
            "size": FeatureSpace.float_discretized(None, bin_boundaries=[0.0, 1.0]),
        }
    )
    data = {"text": ["1st string", "2nd string", "3rd"], "kind": ["a", "b", "a"], "size": [-1.0, 0.5, 3.0]}
    space.adapt(data)
    found = np.asarray(space(data))
    np.testing.assert_allclose(found[:, :3], [[0, 1, 0], [0, 0, 1], [0, 1, 0]])
    np.testing.assert_allclose(found[:, 3:6], np.eye(3))
    np.testing.assert_allclose(found[:, 6:], text(np.array(data["text"])))


def test_adapted_anew_it_has_the_new_sizes():
    space = FeatureSpace({"text": "string_categorical"})
    space.adapt({"text": ["a", "b"]})
    assert space({"text": ["a"]}).shape == (1, 3)
    space.adapt({"text": ["a", "b", "c", "d"]})
    assert space({"text": ["a"]}).shape == (1, 5)
    assert jax.tree.leaves(space.get_encoded_features())[0].shape == (None, 5)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: FeatureSpace({}), "cannot be None or empty"),
        (lambda: FeatureSpace({"a": "strings"}), "Did you mean|must be one of 'float'"),
        (lambda: FeatureSpace({"a": "float"}, output_mode="list"), "'concat', 'dict'"),
        (lambda: FeatureSpace({"town": "string_hashed"}, crosses=[("town", "twon")]), "Did you mean 'town'"),
        (lambda: FeatureSpace.cross(("a", "b"), 3, "float"), "'int', 'one_hot'"),
        (lambda: FeatureSpace({"a": "float"})([1.0]), "can only be called with a dict"),
        (lambda: FeatureSpace({"a": "float"})({"b": [1.0]}), "must have the column 'a'"),
        (lambda: FeatureSpace({"a": "float_normalized"})({"a": [1.0]}), "need to call `.adapt"),
        (lambda: FeatureSpace({"a": "float_normalized"}).adapt(np.ones(3)), "a dict of columns, a frame, or a data set"),
        (lambda: FeatureSpace({"a": FeatureSpace.string_hashed(3, "int")})({"a": ["x"]}), "has not been encoded"),
        (
            lambda: FeatureSpace({"a": FeatureSpace.feature("float32", layers.Rescaling(2.0), "one_hot")})({"a": [1.0]}),
            "whole numbers",
        ),
    ],
)
def test_messages(call, text):
    with pytest.raises((ValueError, TypeError), match=text):
        call()


def test_layers_that_keras_puts_behind_the_columns():
    """A model of Keras's that begins with a FeatureSpace names them in its file."""
    place = {"module": "keras.src.layers.preprocessing.feature_space"}
    joined = {**place, "class_name": "TFDConcat", "config": {"axis": -1}, "registered_name": "TFDConcat"}
    assert kerata.layers.deserialize(joined)([np.ones((1, 2)), np.ones((1, 3))]).shape == (1, 5)
    same = {**place, "class_name": "TFDIdentity", "config": {}, "registered_name": "TFDIdentity"}
    assert kerata.layers.deserialize(same)(np.ones((1, 2))).shape == (1, 2)
