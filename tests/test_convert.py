"""`kerata convert` and `kerata inspect` on files and folders of all forms."""

import tarfile
from pathlib import Path

import numpy as np
import pytest

import kerata
from kerata import layers
from kerata.cli import convert as conversion
from kerata.cli.main import main

RECORDED = Path(__file__).with_name("saved_models.tar.gz")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    goal = tmp_path_factory.mktemp("saved_models")
    with tarfile.open(RECORDED) as archive:
        archive.extractall(goal, filter="data")
    return goal


def convert(*words):
    return main(["convert", *map(str, words)])


def trained(path):
    model = kerata.Sequential([kerata.Input((None, 3)), layers.GRU(2), layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(np.ones((4, 5, 3)), np.ones((4, 1)), verbose=0)
    model.save(path)
    return model


@pytest.mark.parametrize("name", ["new.keras", "new.h5", "new.hdf5", "new.weights.h5"])
def test_a_folder_becomes_a_file(folder, tmp_path, capsys, name):
    assert convert(folder / "sequential", tmp_path / name) == 0
    said = capsys.readouterr().out
    assert "a SavedModel of tf.keras 2.21.0, 42 weights, with the state of Adam" in said
    assert "predictions of 4 random samples are equal" in said
    old = kerata.models.load_model(folder / "sequential")
    if name.endswith(".weights.h5"):
        new = kerata.models.clone_model(old)
        new.load_weights(tmp_path / name)
    else:
        new = kerata.models.load_model(tmp_path / name)
        # The state of the optimizer came along.
        for one, other in zip(old.optimizer.variables[2:], new.optimizer.variables[2:], strict=True):
            np.testing.assert_array_equal(one.numpy(), other.numpy())
    for one, other in zip(old.get_weights(), new.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_sizes_that_are_open_and_indices_are_drawn(folder, tmp_path, capsys):
    trained(tmp_path / "old.h5")
    assert convert(tmp_path / "old.h5", tmp_path / "new.keras") == 0
    assert convert(folder / "functional", tmp_path / "other.keras") == 0
    assert capsys.readouterr().out.count("random samples are equal") == 2


def test_what_is_there_stays(tmp_path, capsys):
    trained(tmp_path / "old.keras")
    (tmp_path / "new.h5").write_bytes(b"mine")
    assert convert(tmp_path / "old.keras", tmp_path / "new.h5") == 1
    assert "there already. Give --force" in capsys.readouterr().err and (tmp_path / "new.h5").read_bytes() == b"mine"
    assert convert("--force", tmp_path / "old.keras", tmp_path / "new.h5") == 0
    assert (
        kerata.models.load_model(tmp_path / "new.h5").count_params()
        == kerata.models.load_model(tmp_path / "old.keras").count_params()
    )
    before = (tmp_path / "old.keras").read_bytes()
    assert convert("--force", tmp_path / "old.keras", tmp_path / "old.keras") == 1
    assert "another one than the old" in capsys.readouterr().err and (tmp_path / "old.keras").read_bytes() == before


def test_errors_are_clear(folder, tmp_path, capsys):
    (tmp_path / "bad.h5").write_bytes(b"no file of a model")
    (tmp_path / "model.json").write_text(kerata.Sequential([kerata.Input((2,)), layers.Dense(1)]).to_json())
    for old, new, text in (
        ("bad.h5", "new.keras", "damaged"),
        ("model.json", "new.keras", "a description alone"),
        ("missing.h5", "new.keras", "no such file"),
        (folder / "checkpoints" / "own", "new.keras", "holds weights alone"),
        (folder / "program", "new.keras", "a program and no layers"),
        (folder / "own", "new.keras", "custom_objects"),
        (folder / "functional", "new.h5", "operations on tensors"),
        (folder / "sequential", "new.pb", "must end in .keras"),
        (folder / "sequential", "nowhere/new.keras", "folder must be there"),
    ):
        assert convert(tmp_path / old, tmp_path / new) == 1, old
        assert text in capsys.readouterr().err, text
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.h5", "model.json"]


def test_nothing_is_written_that_is_not_equal(folder, tmp_path, capsys, monkeypatch):
    def write(model, path, ending):
        again = kerata.models.clone_model(model)
        model.save(path)
        return again

    monkeypatch.setattr(conversion, "write", write)
    assert convert(folder / "sequential", tmp_path / "new.keras") == 1
    assert "weights are not those of the old file" in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_predictions_that_differ_are_seen():
    model = kerata.Sequential([kerata.Input((3,)), layers.Dense(2)])
    other = kerata.Sequential([kerata.Input((3,)), layers.Dense(2, "tanh")])
    other.set_weights(model.get_weights())
    assert conversion.compare(model, model).equal and not conversion.compare(model, other).equal


def test_a_model_that_draws_is_compared_by_its_weights():
    x = kerata.Input((3,))
    model = kerata.Model(x, layers.Dropout(0.5)(layers.Dense(2)(x), training=True))
    assert conversion.compare(model, model) == ("weights are equal; predictions are random ones and were not compared", True)


def test_folders_and_checkpoints_are_explained(folder, capsys):
    assert main(["inspect", str(folder / "functional")]) == 0
    said = capsys.readouterr().out
    assert "a SavedModel of tf.keras 2.21.0" in said and "1 Bidirectional" in said and "TFOpLambda" in said
    assert "bidirectional/backward_lstm/lstm_cell/kernel 3x8" in said and "of the optimizer" in said
    assert main(["inspect", str(folder / "own")]) == 0
    assert "custom_objects={'Own'" in capsys.readouterr().out
    assert main(["inspect", str(folder / "program")]) == 0
    assert "a program and no layers, which is not run; its functions: serving_default" in capsys.readouterr().out
    assert main(["inspect", str(folder / "checkpoints" / "pictures")]) == 0
    said = capsys.readouterr().out
    assert "weights alone, a checkpoint of tf.keras" in said and "conv2d/kernel 2x2x2x3" in said
    assert main(["inspect", str(folder / "checkpoints")]) == 1
    assert "the folder holds no model" in capsys.readouterr().err


def test_a_clone_shares_the_losses_of_the_program():
    def own(y_true, y_pred):
        return (y_pred - y_true) ** 2

    class Doubled(kerata.losses.Loss):
        def call(self, y_true, y_pred):
            return 2 * own(y_true, y_pred)

    x, y = np.ones((2, 3), "float32"), np.zeros((2, 2), "float32")
    for loss, factor in ((own, 1.0), (lambda y_true, y_pred: 3 * own(y_true, y_pred), 3.0), (Doubled(), 2.0)):
        model = kerata.Sequential([kerata.Input((3,)), kerata.layers.Dense(2, kernel_initializer="ones")])
        model.compile("sgd", loss, metrics=[own])
        twin = kerata.models.clone_model(model)
        assert twin.optimizer is not model.optimizer
        np.testing.assert_allclose(twin.evaluate(x, y, verbose=0), [9 * factor, 9.0], rtol=1e-6)
