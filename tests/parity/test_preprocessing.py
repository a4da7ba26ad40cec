"""Layers that adapt to data against real Keras: statistics, outputs, configs, and files in both directions."""

import json
import types

import keras
import numpy as np
import pytest
from keras.src.layers.preprocessing import normalization as theirs_of_keras

import kerata
from kerata.base.serialization import deserialize_keras_object, serialize_keras_object

RNG = np.random.default_rng(0)
TABLE = RNG.normal(3.0, 5.0, (40, 6)).astype("float32")
SERIES = RNG.normal(-2.0, 0.5, (10, 4, 3)).astype("float32")
GIVEN = {"mean": [1.0, 2.0, 3.0], "variance": [0.5, 1.5, 0.0]}
ARGUMENTS = [
    ({}, TABLE),
    ({}, SERIES),
    ({"axis": None}, SERIES),
    ({"axis": 1}, SERIES),
    ({"axis": (1, 2)}, SERIES),
    ({"axis": (2, -2)}, SERIES),
    ({"axis": [-1]}, TABLE),
    ({"invert": True}, TABLE),
    ({"dtype": "float16"}, TABLE),
    ({"axis": 0}, TABLE),
    ({}, TABLE[:, 0]),
    ({"axis": None}, TABLE[:, 0]),
    ({"mean": 3.0, "variance": 2.0}, TABLE),
    (GIVEN, SERIES),
    ({**GIVEN, "axis": (1, 2)}, SERIES),
    ({**GIVEN, "invert": True}, SERIES),
    ({"mean": np.ones((4, 3)), "variance": np.full((4, 3), 2.0), "axis": (1, 2)}, SERIES),
]


def generate(batches):
    yield from batches


def dataset_of(library, batches):
    class Data(library.utils.PyDataset):
        def __len__(self):
            return len(batches)

        def __getitem__(self, index):
            return batches[index], np.zeros(len(batches[index]))

    return Data()


def pair(arguments, data=None):
    both = [library.layers.Normalization(**arguments, name="n") for library in (keras, kerata)]
    if data is not None and "mean" not in arguments:
        for layer in both:
            layer.adapt(data)
    return both


def plain(layer, serialize):
    return json.loads(json.dumps(serialize(layer)))


@pytest.mark.parametrize(("arguments", "data"), ARGUMENTS, ids=lambda v: str(v) if isinstance(v, dict) else str(v.shape))
def test_normalization(arguments, data):
    theirs, ours = pair(arguments, data)
    tolerance = 2e-3 if "dtype" in arguments else 2e-5
    expected, found = np.asarray(theirs(data)), np.asarray(ours(data))
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
    assert [(w.path, w.shape, w.dtype, w.trainable) for w in ours.weights] == [
        (w.path, w.shape, w.dtype, w.trainable) for w in theirs.weights
    ]
    for a, b in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_allclose(a.numpy(), np.asarray(b), rtol=tolerance, atol=tolerance)
    written = plain(ours, serialize_keras_object)
    assert written == plain(theirs, keras.saving.serialize_keras_object)
    assert plain(deserialize_keras_object(written), serialize_keras_object) == written


@pytest.mark.parametrize("kind", ["list", "generator", "of pairs", "dataset", "changed", "again"])
def test_batches_of_different_sizes(kind, monkeypatch):
    """The statistics of batches are those of all samples, whatever brings the batches, and later data replaces earlier."""
    # Keras asks whether the data is TensorFlow's, even where there is none.
    absent = types.SimpleNamespace(data=types.SimpleNamespace(Dataset=type("Dataset", (), {})))
    monkeypatch.setattr(theirs_of_keras, "tf", absent)
    batches = [TABLE[:7], TABLE[7:9], TABLE[9:]]
    forms = {
        "list": lambda _: batches,
        "generator": lambda _: generate(batches),
        "of pairs": lambda _: [(b, 0) for b in batches],
        "dataset": lambda library: dataset_of(library, batches),
        "changed": lambda _: [b * 2 for b in batches],
        "again": lambda _: TABLE,
    }
    theirs, ours = pair({}, SERIES[:, :, :2].reshape(-1, 8)[:, :6] if kind == "again" else None)
    for library, layer in ((keras, theirs), (kerata, ours)):
        layer.adapt(forms[kind](library))
    for a, b in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_allclose(a.numpy(), np.asarray(b), rtol=1e-5, atol=1e-6)


def model_of(library):
    layers = library.layers
    return library.Sequential([library.Input((6,)), layers.Normalization(), layers.Dense(3), layers.Normalization(invert=True)])


def test_files_go_both_ways(tmp_path):
    for writer, reader in ((keras, kerata), (kerata, keras)):
        model = model_of(writer)
        model.layers[0].adapt(TABLE)
        model.layers[2].adapt(TABLE[:, :3] * 2)
        model.save(tmp_path / "m.keras")
        again = reader.saving.load_model(tmp_path / "m.keras")
        np.testing.assert_allclose(again.predict(TABLE, verbose=0), model.predict(TABLE, verbose=0), rtol=1e-4, atol=1e-5)
        model.save_weights(tmp_path / "m.weights.h5")
        fresh = model_of(reader)
        fresh.load_weights(tmp_path / "m.weights.h5")
        np.testing.assert_allclose(fresh.predict(TABLE, verbose=0), model.predict(TABLE, verbose=0), rtol=1e-4, atol=1e-5)
