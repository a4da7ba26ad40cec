"""Weights in several files, models as folders, files that are edited: against real Keras, both ways."""

import json
import os

import h5py
import keras
import numpy as np
import pytest

import kerata
from kerata.saving import FileError, KerasFileEditor

X = np.linspace(-1, 1, 40).reshape(5, 8).astype("float32")
BYTES = 1 / 1024**3


def model_of(library, extra=0, words=False):
    layers = library.layers
    inner = library.Sequential([library.Input((16,)), layers.Dense(5, name="deep")], name="inner")
    more = [layers.Dense(5, name=f"more_{n}") for n in range(extra)]
    parts = [library.Input((8,)), layers.Dense(16, name="a"), layers.BatchNormalization(name="bn"), inner, *more]
    model = library.Sequential([*parts, layers.Dense(3, name="b")])
    model.compile("adam", "mse")
    model.fit(X, np.ones((5, 3), "float32"), batch_size=2, verbose=0)
    return model


@pytest.fixture(scope="module")
def ours():
    return model_of(kerata)


@pytest.fixture(scope="module")
def theirs():
    return model_of(keras)


def same(a, b):
    np.testing.assert_allclose(a.predict(X, verbose=0), b.predict(X, verbose=0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [700, 2000, 10**6])
def test_weights_in_several_files(tmp_path, ours, theirs, size):
    for folder, model in (("ours", ours), ("theirs", theirs)):
        (tmp_path / folder).mkdir()
        model.save_weights(str(tmp_path / folder / "m.weights.json"), max_shard_size=size * BYTES)
    assert sorted(os.listdir(tmp_path / "ours")) == sorted(os.listdir(tmp_path / "theirs"))
    maps = [json.loads((tmp_path / folder / "m.weights.json").read_text()) for folder in ("ours", "theirs")]
    assert maps[0]["metadata"] == maps[1]["metadata"]
    spread = [{k: [v] if isinstance(v, str) else v for k, v in one["weight_map"].items()} for one in maps]
    assert spread[0] == spread[1]
    assert all((tmp_path / "ours" / name).stat().st_size for name in os.listdir(tmp_path / "ours"))
    twin, other = model_of(kerata), model_of(keras)
    twin.load_weights(tmp_path / "theirs" / "m.weights.json")
    same(twin, theirs)
    other.load_weights(str(tmp_path / "ours" / "m.weights.json"))
    same(other, ours)
    for a, b in ((twin.optimizer, theirs.optimizer), (ours.optimizer, other.optimizer)):
        for one, two in zip(a.variables, b.variables, strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-6)


def test_what_is_wrong_with_weights_in_several_files(tmp_path, ours):
    with pytest.raises(ValueError, match="must end in"):
        ours.save_weights(tmp_path / "m.json", max_shard_size=1)
    with pytest.raises(ValueError, match="each variable must fit into one file"):
        ours.save_weights(tmp_path / "m.weights.json", max_shard_size=100 * BYTES)
    assert os.listdir(tmp_path) == []
    with pytest.warns(UserWarning, match="written to m.weights.json"):
        ours.save_weights(tmp_path / "m.weights.h5", max_shard_size=1)
    with pytest.raises(FileExistsError, match="exists already"):
        ours.save_weights(tmp_path / "m.weights.json", overwrite=False, max_shard_size=1)
    before = ours.get_weights()
    ours.save_weights(tmp_path / "m.weights.json", max_shard_size=700 * BYTES)
    path = tmp_path / "m.weights.json"
    text = path.read_text()
    for change, error, said in (
        (lambda: path.write_text(text.replace("m_00001.weights.h5", "../m_00001.weights.h5")), FileError, "files beside it"),
        (lambda: path.write_text(text.replace("m_00001.weights.h5", "m.weights.json")), FileError, "no HDF5"),
        (lambda: path.write_text('{"weight_map": []}'), FileError, "must hold a dict"),
        (lambda: path.write_text("{"), FileError, "must be JSON"),
        (lambda: (path.write_text(text), (tmp_path / "m_00001.weights.h5").unlink()), FileNotFoundError, "is not there"),
    ):
        change()
        with pytest.raises(error, match=said):
            ours.load_weights(path)
    for one, two in zip(before, ours.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_models_as_folders(tmp_path, ours, theirs):
    ours.save(tmp_path / "ours", zipped=False)
    theirs.save(str(tmp_path / "theirs"), zipped=False)
    assert {"config.json", "metadata.json", "model.weights.h5"} <= set(os.listdir(tmp_path / "ours"))
    same(kerata.models.load_model(tmp_path / "theirs"), theirs)
    same(keras.models.load_model(str(tmp_path / "ours")), ours)
    ours.save(tmp_path / "ours", zipped=False)
    with pytest.raises(FileExistsError):
        ours.save(tmp_path / "ours", overwrite=False, zipped=False)
    with pytest.raises(ValueError, match="no ending"):
        ours.save(tmp_path / "m.keras", zipped=False)
    words = kerata.layers.StringLookup()
    words.adapt(["a", "b", "b"])
    model = kerata.Sequential([kerata.Input((1,), dtype="string"), words, kerata.layers.Embedding(4, 2)])
    model.save(tmp_path / "words", zipped=False)
    loaded = kerata.models.load_model(tmp_path / "words")
    assert loaded.layers[0].get_vocabulary() == ["[UNK]", "b", "a"]
    np.testing.assert_array_equal(loaded.predict(np.array([["a"]]), verbose=0), model.predict(np.array([["a"]]), verbose=0))
    (tmp_path / "words" / "config.json").unlink()
    (tmp_path / "words" / "config.json").symlink_to(tmp_path / "ours" / "config.json")
    with pytest.raises(FileError, match="must hold config"):
        kerata.models.load_model(tmp_path / "words")


def test_a_file_is_edited(tmp_path, ours, theirs, capsys):
    for library, model in ((kerata, ours), (keras, theirs)):
        path = str(tmp_path / f"{library.__name__}.keras")
        model.save(path)
        editor = KerasFileEditor(path)
        assert editor.metadata["keras_version"] == "3.15.1" and editor.config["class_name"] == "Sequential"
        assert editor.compare(ours) == {"status": "success", "error_count": 0, "match_count": 28}
        target = model_of(kerata, extra=1)
        # `b` became another layer's place, and the optimizer has more variables.
        editor.delete_object("optimizer")
        editor.rename_object("layers/dense_1", "dense_2")
        assert editor.compare(target)["error_count"] == 2
        editor.add_object("layers/dense_1", {"0": np.eye(5, dtype="float32")})
        editor.add_weights("dense_1", {"1": np.zeros(4, "float32")})
        assert editor.compare(target)["error_count"] == 2
        assert "layers/dense_1/1: of shape (5,) in the model, and (4,) in the file" in capsys.readouterr().out
        editor.delete_weight("layers/dense_1", "1")
        editor.add_weights("dense_1", {"1": np.zeros(5, "float32")})
        editor.save(str(tmp_path / "new.weights.h5"))
        target.load_weights(tmp_path / "new.weights.h5", objects_to_skip=[target.optimizer])
        same(target, model)
        # Keras reads it, too.
        other = model_of(keras, extra=1)
        other.load_weights(str(tmp_path / "new.weights.h5"), objects_to_skip=[other.optimizer])
        same(other, model)
        again = KerasFileEditor(str(tmp_path / "new.weights.h5"))
        again.summary()
        assert "    0: shape=(8, 16), dtype=float32" in capsys.readouterr().out
        # Keras's own passes over objects within objects.
        seen, known = (set(kind(path).weights_dict["layers"]) for kind in (keras.saving.KerasFileEditor, KerasFileEditor))
        assert seen == {"dense", "batch_normalization", "dense_1"} == known - {"sequential"} and known != seen


def test_what_an_editor_refuses(tmp_path, ours):
    ours.save_weights(tmp_path / "m.weights.h5")
    editor = KerasFileEditor(tmp_path / "m.weights.h5")
    for call, text in (
        (lambda: KerasFileEditor(str(tmp_path / "m.h5")), "must end in"),
        (lambda: editor.delete_object("dense"), "more than once"),
        (lambda: editor.delete_object("dens_1"), "Did you mean 'dense_1'"),
        (lambda: editor.delete_object("layers/none"), "is not found"),
        (lambda: editor.rename_object("dense_1", "a/b"), "no path"),
        (lambda: editor.delete_weight("layers/dense", "7"), "no such weight"),
        (lambda: editor.add_weights("dense_1", [1]), "must be a dict"),
        (lambda: editor.add_object("rows/dense", {}), "path 'rows' is not found"),
        (lambda: editor.save(tmp_path / "m.h5"), "must end in"),
    ):
        with pytest.raises(ValueError, match=text):
            call()
    with pytest.raises(FileNotFoundError):
        KerasFileEditor(tmp_path / "none.keras")
    with h5py.File(tmp_path / "links.weights.h5", "w") as file:
        file["layers"] = h5py.ExternalLink(str(tmp_path / "m.weights.h5"), "/layers")
    with pytest.raises(FileError, match="link"):
        KerasFileEditor(tmp_path / "links.weights.h5")
