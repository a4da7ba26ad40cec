"""Hostile files of every kind through every way in, under an audit hook: nothing is imported, opened, run or downloaded.

What is read is in `hostile_files.py` and `hostile_parts.py`; `auditing.py` is the process that reads it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import kerata
from kerata import layers
from kerata.cli.convert import convert
from kerata.cli.upgrade import run_upgrade
from kerata.saving import FileError
from kerata.search.model_files import ModelFiles
from quickly import XLA_FLAGS

# Ways that read no honest thing here: pickles of numbers, arrays for a model, a Lambda without a function.
BARRED = {"arrays / load_weights", "arrays / read_pickle", "plain / Lambda.from_config"}
DEEDS = "open, open in C, import, exec, compile, marshal, pickle, process, socket, ctypes, making"


def audit(folder: Path, every: int) -> dict:
    """What a process that reads all hostile things says at its end; lines before it are what went wrong."""
    environment = {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": XLA_FLAGS,
        "HDF5_PLUGIN_PATH": str(folder / "decoys" / "plugins"),
        "JAX_COMPILATION_CACHE_DIR": str(folder / "own" / "cache"),
        "KERATA_HOME": str(folder / "own" / "keras"),
    }
    words = [sys.executable, str(Path(__file__).with_name("auditing.py")), str(folder), str(every)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=900, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    *wrong, last = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert not wrong, wrong[:5]
    return last


def check(last: dict, calls: int) -> None:
    assert sum(last["counts"].values()) > calls and min(last["counts"].values()) > 0
    assert set(last["barred"]) <= BARRED
    # What it is there to notice, it notices.
    assert sorted(last["noticed"]) == sorted(DEEDS.split(", ")) and all(last["noticed"].values()), last["noticed"]


def test_hostile_files_do_nothing_but_be_refused(tmp_path):
    check(audit(tmp_path, 15), 300)


@pytest.mark.slow
def test_every_hostile_file_through_every_way_in(tmp_path):
    check(audit(tmp_path, 1), 6000)


# What is said of what was found here first


@pytest.mark.parametrize("name", ["StringLookup", "IntegerLookup", "TextVectorization"])
def test_a_vocabulary_is_no_path_in_a_description(tmp_path, name):
    words = tmp_path / "words.txt"
    words.write_text("1\n2\n")
    assert getattr(layers, name)(vocabulary=str(words)).vocabulary_size() > 2
    config = {"class_name": name, "config": {"vocabulary": str(words)}}
    with pytest.raises(FileError, match=r"`vocabulary` names a file, and a description that is read opens no other files"):
        layers.deserialize(config)


def test_a_study_names_models_beside_it_alone(tmp_path):
    files = ModelFiles(tmp_path / "study.models", tmp_path)
    (tmp_path / "study.models").mkdir()
    for path in (tmp_path / "trial-0001.keras", tmp_path.parent / "trial-0001.keras", tmp_path / "study.models" / "x.keras"):
        path.write_bytes(b"")
    assert files.find("trial-0001.keras") == tmp_path / "trial-0001.keras"
    inside = tmp_path / "study.models" / "trial-0001.keras"
    for name in ("../trial-0001.keras", str(tmp_path.parent / "trial-0001.keras"), "study.models/../../trial-0001.keras"):
        assert files.find(name) == inside


def test_a_prediction_that_would_take_all_memory_is_not_compared(tmp_path):
    model = kerata.Sequential([kerata.Input((4,)), layers.Dense(2), layers.RepeatVector(10**8)])
    model.save(tmp_path / "m.keras")
    text = convert(str(tmp_path / "m.keras"), tmp_path / "n.h5")
    assert "predictions were not compared: a prediction: the description or the file asks for much more memory" in text


def test_programs_that_are_nested_too_deeply_are_said_to_be(tmp_path, capsys):
    program = tmp_path / "p.py"
    program.write_text("import keras\nx = " + "+".join("1" * 20_000))
    assert run_upgrade([str(program)]) == 2
    assert "p.py cannot be read: its brackets or sums are nested too deeply" in capsys.readouterr().err
