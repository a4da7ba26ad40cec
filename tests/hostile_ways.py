"""The ways in through which somebody may read a file or a description of a stranger."""

import contextlib
import importlib
import io
import pickle
import shutil
import socket
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import h5py

import kerata
from hostile_files import small
from hostile_parts import MARK, Runs
from kerata import layers, search
from kerata.cli.main import main as command
from kerata.datasets.pickles import load_npz, read_pickle
from kerata.legacy import find_era, keras1, keras2, keras22, tfkeras2
from kerata.legacy.keras3 import find as find_keras3
from kerata.legacy.tensorflow import names as tensorflow

ERAS = {"keras1": keras1, "keras2": keras2, "keras22": keras22, "tfkeras2": tfkeras2, "keras3": find_keras3("keras")}


PARTS = ("losses", "metrics", "optimizers", "initializers", "regularizers", "constraints", "activations")


class Way(NamedTuple):
    """A way in: its name, and what reads a thing."""

    name: str
    call: Callable[[Any], Any]


def deeds(decoys: Path) -> dict[str, Callable[[], Any]]:
    """What must be noticed: as a hostile file would have it."""
    return {
        "open": lambda: open(decoys / "vocabulary.txt").close(),
        "open in C": lambda: h5py.File(decoys / "secret.h5").close(),
        "import": lambda: importlib.import_module("evil_module"),
        "exec": lambda: exec("1"),
        "compile": lambda: compile("1", "x", "eval"),
        "marshal": lambda: __import__("marshal").loads(b"N"),
        "pickle": lambda: pickle.loads(pickle.dumps(Runs(decoys / MARK))),
        "process": lambda: subprocess.run(["true"], check=True),
        "socket": lambda: socket.socket().close(),
        "ctypes": lambda: __import__("ctypes").CDLL(None),
        "making": lambda: (decoys / "new").mkdir(),
    }


def look_at_study(path: Path) -> None:
    study = search.load_study(path)
    try:
        _ = [trial.params for trial in study.trials]
        _ = study.best.model
    finally:
        study.close()


def quietly(*words: Any) -> Callable[[], int]:
    """The command, with what it prints kept away."""

    def call() -> int:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            return command([str(word) for word in words])

    return call


def era_small(era: Any) -> Any:
    """The small model of an era."""
    if era is ERAS["keras1"]:
        return era.models.Sequential([era.layers.Dense(2, input_dim=4, name="x")])
    if era is ERAS["keras3"]:
        return small()
    return era.models.Sequential([era.layers.Dense(2, input_shape=(4,), name="x")])


def back_up(path: Path, own: Path) -> None:
    """Goes on from a backup that is another's file."""
    folder = own / "backup"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copyfile(path, folder / "epoch-000001.weights.h5")
    callback = kerata.callbacks.BackupAndRestore(folder)
    callback.set_params({"epochs": 3})
    callback.set_model(small())
    callback.on_train_begin()


def restore(path: Path) -> None:
    made = tensorflow.build("tfkeras2")["train"]
    made.Checkpoint(model=small()).restore(str(path).removesuffix(".npz"))


def unpack(path: Path, own: Path, get_file: Any) -> None:
    shutil.rmtree(own / "unpacked", ignore_errors=True)
    get_file(path.name, path.as_uri(), extract=True, cache_dir=str(own / "unpacked"))


def copied(path: Path) -> None:
    kerata.models.clone_model(kerata.models.load_model(path))


def opened(path: Path) -> None:
    """Reads an open file."""
    if path.is_dir():
        raise ValueError("no file")
    with open(path, "rb") as stream:
        kerata.models.load_model(io.BytesIO(stream.read()))


def ways(own: Path) -> dict[str, list[Way]]:
    """The ways in for each kind of thing."""
    load, new = kerata.models.load_model, own / "converted.keras"
    models = [
        Way("load_model", load),
        Way("load_model, unsafe", lambda p: load(p, safe_mode=False)),
        Way("load_model, not compiled", lambda p: load(p, compile=False)),
        Way("load_model of a stream", opened),
        Way("load_weights", lambda p: small().load_weights(p)),
        Way("clone_model", copied),
        Way("inspect", lambda p: quietly("inspect", p)()),
        Way("convert", lambda p: quietly("convert", "--force", p, new)()),
    ]
    weights = [
        Way("load_weights", lambda p: small().load_weights(p)),
        Way("load_weights, what fits", lambda p: small().load_weights(p, skip_mismatch=True)),
        Way("load_weights, by name", lambda p: small().load_weights(p, by_name=True)),
        Way("saving.load_weights", lambda p: kerata.saving.load_weights(small(), p)),
        Way("BackupAndRestore", lambda p: back_up(p, own)),
        Way("inspect", lambda p: quietly("inspect", p)()),
        Way("convert", lambda p: quietly("convert", "--force", p, new)()),
    ]
    found = {
        "model": models,
        "weights": weights,
        "checkpoint": [
            Way("load_weights", weights[0].call),
            Way("what fits", weights[1].call),
            Way("inspect", weights[5].call),
        ],
        "text": [Way("model_from_json", kerata.models.model_from_json)],
        "yaml": [Way("model_from_yaml", kerata.models.model_from_yaml)],
        "plain": [
            Way("deserialize_keras_object", kerata.saving.deserialize_keras_object),
            Way("unsafe", lambda plain: kerata.saving.deserialize_keras_object(plain, safe_mode=False)),
            Way("layers.deserialize", lambda plain: kerata.layers.deserialize(plain["config"]["layers"][1])),
            Way("Sequential.from_config", lambda plain: kerata.Sequential.from_config(plain["config"])),
            Way("Dense.from_config", lambda plain: layers.Dense.from_config(plain["config"]["layers"][1]["config"])),
            Way("Lambda.from_config", lambda plain: layers.Lambda.from_config(plain["config"]["layers"][1]["config"])),
        ],
        "compiling": [Way("compile_from_config", lambda plain: small().compile_from_config(plain))],
        "part": [],
        "arrays": [
            Way("load_npz", load_npz),
            Way("read_pickle", lambda p: read_pickle(zipfile.ZipFile(p).read("x.npy")[128:], "x")),
            Way("tf.train.Checkpoint", restore),
            Way("load_weights", weights[0].call),
        ],
        "archive": [
            Way("get_file", lambda p: unpack(p, own, kerata.utils.get_file)),
            Way("keras2 get_file", lambda p: unpack(p, own, keras2.utils.get_file)),
        ],
        "script": [
            Way("upgrade", lambda p: quietly("upgrade", p)()),
            Way("upgrade --check", lambda p: quietly("upgrade", "--check", p)()),
            Way("upgrade --write", lambda p: quietly("upgrade", "--write", shutil.copyfile(p, own / f"copy{p.suffix}"))()),
            Way("find_era", lambda p: find_era(p.read_text())),
            Way("inspect", lambda p: quietly("inspect", p)()),
        ],
        "tokenizer": [Way("tokenizer_from_json", keras2.preprocessing.text.tokenizer_from_json)],
        "study": [Way("load_study", look_at_study), Way("report", lambda p: search.load_study(p).report(own / "r.html"))],
    }
    for name in PARTS:
        room = getattr(kerata, name)
        found["part"] += [Way(f"{name}.deserialize", room.deserialize), Way(f"{name}.get", room.get)]
    for name, era in ERAS.items():
        add_era(found, name, era)
    return found


def add_era(found: dict[str, list[Way]], name: str, era: Any) -> None:
    """The ways in of an era's modules."""
    found["model"].append(Way(f"{name} load_model", era.models.load_model))
    found["weights"].append(Way(f"{name} load_weights", lambda p: era_small(era).load_weights(p)))
    found["text"].append(Way(f"{name} model_from_json", era.models.model_from_json))
    found["checkpoint"].append(Way(f"{name} load_weights", lambda p: era_small(era).load_weights(str(p))))
    if name != "keras3":
        found["yaml"].append(Way(f"{name} model_from_yaml", era.models.model_from_yaml))
        found["weights"].append(Way(f"{name} by name", lambda p: era_small(era).load_weights(p, by_name=True)))
    if name != "keras1":
        deserialize = era.layers.deserialize
        found["plain"].append(Way(f"{name} layers.deserialize", lambda plain: deserialize(plain["config"]["layers"][1])))
        for room in PARTS:
            found["part"].append(Way(f"{name} {room}.deserialize", getattr(era, room).deserialize))
    found["plain"].append(Way(f"{name} from_config", lambda plain: era.models.Sequential.from_config(plain["config"])))
    for room in ("initializations" if name == "keras1" else "initializers", "regularizers", "constraints", "optimizers"):
        found["part"].append(Way(f"{name} {room}.get", getattr(era, room).get))
