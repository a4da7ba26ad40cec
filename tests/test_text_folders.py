"""What layers of texts know in SavedModel folders of `tf.keras`, recorded by tools/record_text_folders.py; a file of heads."""

import json
import random
import tarfile
from pathlib import Path

import h5py
import numpy as np
import pytest

import attacks
import kerata
from kerata import layers
from kerata.base.refusals import MissingFile
from kerata.legacy import tfkeras2
from kerata.legacy.tensorflow.names import build
from kerata.saving import FileError

RECORDED = Path(__file__).with_name("text_folders.tar.gz")
X = [np.array([["blue"], ["pink"]]), np.array([[3], [9]], np.int64), np.array([["the fox ran"], ["b z"]])]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    goal = tmp_path_factory.mktemp("text_folders")
    with tarfile.open(RECORDED) as archive:
        archive.extractall(goal, filter="data")
    return goal


@pytest.fixture(scope="module")
def expected(folder):
    with np.load(folder / "expected.npz") as numbers:
        return dict(numbers)


@pytest.mark.parametrize("load", [kerata.models.load_model, tfkeras2.models.load_model])
def test_layers_of_texts_know_what_they_learned(folder, expected, load):
    model = load(folder / "texts")
    np.testing.assert_allclose(np.asarray(model.predict(X, verbose=0)), expected["texts"], rtol=1e-5, atol=1e-5)
    assert model.get_layer("colours").get_vocabulary() == ["[UNK]", "red", "green", "blue"]
    assert model.get_layer("codes").get_vocabulary() == [-1, -1, 7, 3]
    assert model.get_layer("short").get_vocabulary()[:4] == ["", "[UNK]", "a", "fox"]


def test_a_model_that_begins_on_the_host_is_called_by_hand(folder, expected):
    tf, model = build("tfkeras2")[""], tfkeras2.models.load_model(folder / "texts")
    found = model([tf.constant(one) for one in X])
    np.testing.assert_allclose(found.numpy(), expected["texts"], rtol=1e-5, atol=1e-5)
    numbers = tfkeras2.layers.IntegerLookup(vocabulary=[1, 3, 5])
    alone = tfkeras2.Sequential([tfkeras2.Input((2,), dtype="int64"), numbers])
    assert alone(tf.constant([[1, 9]], tf.int64)).numpy().tolist() == [[1, 0]]


def test_layers_of_today_that_a_file_holds_take_and_give_tensors(tmp_path):
    tf, path = build("tfkeras2")[""], tmp_path / "model.h5"
    tfkeras2.Sequential([tfkeras2.Input((2,)), tfkeras2.layers.Rescaling(0.5), tfkeras2.layers.UnitNormalization()]).save(path)
    for layer in tfkeras2.models.load_model(path).layers:
        assert layer(tf.constant([[3.0, 4.0]])).numpy().shape == (1, 2)


def test_heads_of_a_keras_file_have_their_names_of_then(folder, expected):
    model = kerata.models.load_model(folder / "attention.keras")
    np.testing.assert_allclose(model.predict(expected["x"], verbose=0), expected["attention"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("seed", range(6))
def test_a_damaged_program_is_refused_soon_or_says_something_else(folder, tmp_path, seed):
    draws, goal = random.Random(seed), tmp_path / "texts"
    (goal / "variables").mkdir(parents=True)
    for path in (folder / "texts").rglob("*"):
        if path.is_file():
            (goal / path.relative_to(folder / "texts")).write_bytes(path.read_bytes())
    program = goal / "saved_model.pb"
    data = bytearray(program.read_bytes())
    for _ in range(2 ** (2 * seed)):
        data[draws.randrange(len(data))] = draws.randrange(256)
    program.write_bytes(data[: draws.randrange(len(data))] if seed == 5 else data)
    found, seconds, megabytes = attacks.measure(lambda: kerata.models.load_model(goal))
    error = found if isinstance(found, BaseException) else None
    if error is not None:
        assert not attacks.complain(error, str(goal), seconds, megabytes, (FileError, MissingFile))


WRITTEN = {
    "ConvLSTM2D": (layers.ConvLSTM2D(1, 2), (2, 3, 3, 1)),
    "Resizing": (layers.Resizing(2, 3), (4, 4, 1)),
    "CenterCrop": (layers.CenterCrop(2, 2), (4, 4, 1)),
    "RandomFlip": (layers.RandomFlip(), (4, 4, 1)),
    "RandomContrast": (layers.RandomContrast(0.1), (4, 4, 1)),
    "ZeroPadding1D": (layers.ZeroPadding1D(1), (4, 2)),
}


@pytest.mark.parametrize("name", list(WRITTEN))
def test_arguments_that_tf_keras_does_not_have_stay_out_of_hdf5_files(name, tmp_path):
    layer, shape = WRITTEN[name]
    kerata.Sequential([kerata.Input(shape), layer]).save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5") as file:
        config = json.loads(file.attrs["model_config"])["config"]["layers"][-1]["config"]
    newer = {"seed" if name == "ConvLSTM2D" else "data_format", "antialias", "pad_to_aspect_ratio", "fill_mode", "value_range"}
    assert config["name"] == layer.name and not newer & set(config)


def test_another_format_of_pictures_is_refused(tmp_path):
    model = kerata.Sequential([kerata.Input((1, 4, 4)), layers.CenterCrop(2, 2, data_format="channels_first")])
    with pytest.raises(ValueError, match="data_format"):
        model.save(tmp_path / "model.h5")
