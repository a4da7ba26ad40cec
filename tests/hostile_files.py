"""Hostile files of every kind: one is written when it is its turn to be read."""

import contextlib
import io
import json
import os
import pickle
import shutil
import sqlite3
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import yaml

import kerata
from checkpoint_files import dense_checkpoint, dense_graph, encode, graph_of, node, write_saved_model
from hostile_parts import GROUPS, MARK, Runs, code, compiled, dense, entered, function, layer, old, sequential
from kerata import layers, search
from kerata.legacy import keras2

KERNEL, BIAS = "model_weights/x/x/kernel:0", "model_weights/x/x/bias:0"
NEW_KERNEL, NEW_BIAS = "layers/dense/vars/0", "layers/dense/vars/1"


# What nothing may touch


def write_decoys(folder: Path) -> None:
    """Files that hostile ones name; all of them can be read."""
    folder.mkdir()
    (folder / "evil_module.py").write_text("class Evil:\n    pass\ndef f(*a):\n    return a\n")
    (folder / "plugins").mkdir()
    (folder / "plugins" / "libevil.so").write_bytes(b"\x7fELF")
    (folder / "vocabulary.txt").write_text("a\nb\n1\n")
    (folder / "secret.bin").write_bytes(np.full((4, 2), 7.0, "f4").tobytes())
    np.savez(folder / "secret.npz", x=np.ones(3), y=np.ones(3))
    with h5py.File(folder / "secret.h5", "w") as file:
        file["x"] = np.full((4, 2), 7.0, "f4")
        file["g/kernel:0"] = np.full((4, 2), 7.0, "f4")
    model = small()
    model.save(folder / "secret.keras")
    model.save_weights(folder / "secret.weights.h5")
    write_saved_model(folder / "folder", old(sequential(dense())))


def small() -> Any:
    return kerata.Sequential([kerata.Input((4,)), layers.Dense(2, name="dense")])


# HDF5


def write_old(path: Path, plain: dict[str, Any], change: Any = None, training: Any = None) -> Path:
    """A whole model of Keras 2 with a dense layer `x` of 4 by 2, changed."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = b"2.2.4", b"tensorflow"
        file.attrs["model_config"] = json.dumps(plain).encode()
        if training is not None:
            file.attrs["training_config"] = json.dumps(training).encode()
        group = file.create_group("model_weights")
        group.attrs["keras_version"], group.attrs["backend"] = b"2.2.4", b"tensorflow"
        group.attrs["layer_names"] = [b"x"]
        inner = group.create_group("x")
        inner.attrs["weight_names"] = [b"x/kernel:0", b"x/bias:0"]
        inner["x/kernel:0"], inner["x/bias:0"] = np.ones((4, 2), "f4"), np.zeros(2, "f4")
        if change is not None:
            change(file)
    return path


def write_new(path: Path, change: Any = None) -> Path:
    """Weights of Keras 3, changed."""
    small().save_weights(path)
    if change is not None:
        with h5py.File(path, "r+") as file:
            # As Keras writes them: nothing vouches for what was changed.
            del file["kerata_checksums"], file.attrs["kerata_checksums"]
            change(file)
    return path


def swaps(decoys: Path) -> dict[str, Callable[[h5py.File, str, str], None]]:
    """What may stand in a file in place of an array, given the file and the names of two."""
    secret = str(decoys / "secret.h5")

    def virtual(file: h5py.File, name: str, other: str) -> None:
        layout = h5py.VirtualLayout((4, 2), "f4")
        layout[...] = h5py.VirtualSource(secret, "x", (4, 2))
        file.create_virtual_dataset(name, layout)

    def filtered(file: h5py.File, name: str, other: str) -> None:
        made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        made.set_chunk((4, 2))
        made.set_filter(h5py.h5z.FILTER_DEFLATE, h5py.h5z.FLAG_OPTIONAL, (9,))
        group, _, last = name.rpartition("/")
        space = h5py.h5s.create_simple((4, 2))
        dataset = h5py.h5d.create(file[group].id, last.encode(), h5py.h5t.IEEE_F32LE, space, made)
        dataset.write_direct_chunk((0, 0), bytes(20))

    def external(file: h5py.File, name: str, other: str) -> None:
        file.create_dataset(name, (4, 2), "f4", external=[(str(decoys / "secret.bin"), 0, 32)])

    return {
        "a soft link": lambda f, name, other: f.__setitem__(name, h5py.SoftLink(f"/{other}")),
        "an external link": lambda f, name, other: f.__setitem__(name, h5py.ExternalLink(secret, "/x")),
        "a relative link": lambda f, name, other: f.__setitem__(name, h5py.ExternalLink("../decoys/secret.h5", "/x")),
        "external storage": external,
        "a virtual data set": virtual,
        "a filter": filtered,
        "a huge array": lambda f, name, other: f.create_dataset(name, (2**20, 2**20), "f4", chunks=(64, 64)) and None,
        "an empty huge array": lambda f, name, other: (
            f.create_dataset(name, (4, 2**30), "f1" and "i1", chunks=(4, 2**10)) and None
        ),
        "a reference": lambda f, name, other: f.create_dataset(name, data=f[other].ref, dtype=h5py.ref_dtype) and None,
        "objects": lambda f, name, other: f.create_dataset(name, data=[b"cos\nsystem\n(S'true'\ntR."] * 8) and None,
    }


def swapped(swap: Any, kernel: str, bias: str) -> Any:
    def change(file: h5py.File) -> None:
        del file[kernel]
        swap(file, kernel, bias)

    return change


def filter_named(path: Path, number: int = 32_004) -> Path:
    """The file with another filter's number, which HDF5 would look for in its folder of plugins."""
    data = path.read_bytes()
    old_bytes = struct.pack("<HH", 1, 0)
    places = [n for n in range(len(data) - 16) if data[n : n + 2] == old_bytes[:2] and data[n + 8 : n + 16] == b"deflate\0"]
    assert places
    for place in places:
        data = data[:place] + struct.pack("<H", number) + data[place + 2 :]
    path.write_bytes(data)
    return path


def linked_group(decoys: Path, name: str) -> Any:
    def change(file: h5py.File) -> None:
        del file[name]
        file[name] = h5py.ExternalLink(str(decoys / "secret.h5"), "/g")

    return change


# Zips


def write_keras(
    path: Path, plain: dict[str, Any], weights: bytes | None = None, more: Any = None, version: str = "3.3.0"
) -> Path:
    """A `.keras` file of a description."""
    if weights is None:
        scratch = path.with_suffix(".weights.h5")
        small().save_weights(scratch)
        weights = scratch.read_bytes()
        scratch.unlink()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": version, "date_saved": "2024-01-01@00:00:00"}))
        archive.writestr("config.json", json.dumps(plain))
        archive.writestr("model.weights.h5", weights)
        for name, data in (more or {}).items():
            archive.writestr(name, data)
    return path


def link_member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def zips(own: Path, decoys: Path) -> Iterator[tuple[str, Path]]:
    """`.keras` files whose members lead elsewhere."""
    plain = sequential(dense(name="dense"))
    words = sequential(layer("StringLookup", max_tokens=9, vocabulary=None), dtype="string")
    members = {
        "a member out of the folder": {"../decoys/kerata-was-here": b"x"},
        "an absolute member": {str(decoys / MARK): b"x"},
        "a link": {link_member("link"): str(decoys / "secret.bin")},
        "another description": {"config.json": json.dumps(words).encode()},
    }
    with contextlib.suppress(UserWarning):
        for name, more in members.items():
            yield name, write_keras(own / "m.keras", plain, more=more)
    place = "assets/layers/x/"
    for name, more in {
        "a vocabulary elsewhere": {f"{place}../../../../decoys/{MARK}": b"x"},
        "a vocabulary that is a link": {link_member(f"{place}vocabulary.txt"): str(decoys / "vocabulary.txt")},
        "another file of a layer": {f"{place}evil_module.py": b"raise SystemExit", f"{place}vocabulary.txt": b"\n[UNK]\na"},
    }.items():
        yield name, write_keras(own / "m.keras", words, more=more)
    with zipfile.ZipFile(own / "m.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b" " * 400 * 2**20)
        archive.writestr("model.weights.h5", b"")
    yield "a description of 400 MB", own / "m.keras"
    with zipfile.ZipFile(own / "m.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(plain))
        archive.writestr(link_member("model.weights.h5"), str(decoys / "secret.weights.h5"))
    yield "weights that are a link", own / "m.keras"


# Everything, kind by kind


def descriptions(decoys: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for group, make in GROUPS.items():
        for name, part in make(decoys).items():
            dtype = "string" if group == "places" and "Vector" in str(part["class_name"]) + "Lookup" else "float32"
            yield f"{group}: {name}", sequential(part, dtype)


def words_of_compiling(plain: dict[str, Any]) -> dict[str, Any]:
    """What `compile` was given in the words of Keras 2."""
    optimizer = plain["optimizer"]
    optimizer = {"class_name": "SGD", "config": {}} if isinstance(optimizer, str) else optimizer
    return {"optimizer_config": optimizer, **{key: value for key, value in plain.items() if key != "optimizer"}}


def models(own: Path, decoys: Path) -> Iterator[tuple[str, Path]]:
    """Whole models."""
    for name, plain in descriptions(decoys):
        yield f"{name}, .keras", write_keras(own / "m.keras", plain)
        yield f"{name}, .h5", write_old(own / "m.h5", old(plain))
        shutil.rmtree(own / "folder", ignore_errors=True)
        if "deep" not in name:
            yield f"{name}, folder", write_saved_model(own / "folder", old(plain))
    for name, plain in compiled(decoys).items():
        whole = sequential(dense(name="dense"))
        yield f"{name}, .keras", write_keras(own / "m.keras", {**whole, "compile_config": plain})
        training = words_of_compiling(plain)
        yield f"{name}, .h5", write_old(own / "m.h5", old(sequential(dense())), training=training)
        shutil.rmtree(own / "folder")
        yield f"{name}, folder", write_saved_model(own / "folder", {**old(sequential(dense())), "training_config": training})
    yield from zips(own, decoys)
    for name, swap in swaps(decoys).items():
        path = write_old(own / "m.h5", old(sequential(dense())), swapped(swap, KERNEL, BIAS))
        yield f"{name}, .h5", filter_named(path) if name == "a filter" else path
        inner = write_new(own / "w.weights.h5", swapped(swap, NEW_KERNEL, NEW_BIAS))
        data = (filter_named(inner) if name == "a filter" else inner).read_bytes()
        yield f"{name}, .keras", write_keras(own / "m.keras", sequential(dense(name="dense")), data)
    for name in ("model_weights", "model_weights/x", "model_weights/x/x"):
        yield f"a linked group {name}", write_old(own / "m.h5", old(sequential(dense())), linked_group(decoys, name))
    yield from folders(own, decoys)
    (own / "m.h5").write_bytes(pickle.dumps(Runs(decoys / MARK)))
    yield "a pickle", own / "m.h5"


def folders(own: Path, decoys: Path) -> Iterator[tuple[str, Path]]:
    """SavedModel folders whose files lead elsewhere."""
    plain = old(sequential(dense()))
    for name in ("keras_metadata.pb", "variables/variables.index", "variables/variables.data-00000-of-00001", "variables"):
        shutil.rmtree(own / "folder", ignore_errors=True)
        write_saved_model(own / "folder", plain)
        target = own / "folder" / name
        (shutil.rmtree if target.is_dir() else os.unlink)(target)
        target.symlink_to(decoys / "folder" / name)
        yield f"a link {name}", own / "folder"
    shutil.rmtree(own / "folder")
    folder = write_saved_model(own / "folder", plain)
    (folder / "keras_metadata.pb").unlink()
    os.mkfifo(folder / "keras_metadata.pb")
    yield "a pipe", folder
    shutil.rmtree(own / "folder")
    folder = write_saved_model(own / "folder", plain)
    (folder / "assets").mkdir()
    (folder / "assets" / "evil_module.py").write_text("raise SystemExit")
    (folder / "assets.extra").symlink_to(decoys)
    (folder / "fingerprint.pb").write_bytes(b"x")
    yield "other files in a folder", folder


def checkpoints(own: Path, decoys: Path) -> Iterator[tuple[str, Path]]:
    goal = own / "checkpoint" / "ckpt"
    secret = str(decoys / "folder" / "variables" / "variables")
    renamed = graph_of(node({"layer-0": 1, "layer-1": 2}), node(), node({"kernel": 3}), node(key=secret, name="dense/kernel"))
    circle = graph_of(node({"layer-0": 1, "layer-1": 2, "a": 0}), node({"b": 0}), node({"kernel": 2, "bias": 1, "c": 0}))
    yield "a key that is a path", dense_checkpoint(goal, renamed)
    yield "objects in a circle", dense_checkpoint(goal, circle)
    yield "a shard elsewhere", dense_checkpoint(goal, header=encode((1, 2)))
    kernel = "layer-1/kernel/.ATTRIBUTES/VARIABLE_VALUE"
    for name, changed in {
        "a huge array": {"shape": (2**40, 2), "size": 2**43},
        "a huge claim": {"shape": (4, 2**31), "size": 2**35},
        "a type of texts": {"dtype": 7},
        "a type of variants": {"dtype": 21},
        "a file too many": {"shard": 5},
    }.items():
        yield name, dense_checkpoint(goal, changed={kernel: changed})
    dense_checkpoint(goal, dense_graph())
    data = goal.with_name("ckpt.data-00000-of-00001")
    data.unlink()
    data.symlink_to(decoys / "folder" / "variables" / "variables.data-00000-of-00001")
    yield "arrays that are a link", goal
    data.unlink()
    (goal.parent / "checkpoint").write_text(f'model_checkpoint_path: "{secret}"\nall_model_checkpoint_paths: "{secret}"\n')
    yield "a list of checkpoints that leads elsewhere", dense_checkpoint(goal)


def weights(own: Path, decoys: Path) -> Iterator[tuple[str, Path]]:
    """Weights alone."""
    for name, swap in swaps(decoys).items():
        path = write_new(own / "w.weights.h5", swapped(swap, NEW_KERNEL, NEW_BIAS))
        yield f"{name}, new", filter_named(path) if name == "a filter" else path
        path = write_old(own / "w.h5", old(sequential(dense())), swapped(swap, KERNEL, BIAS))
        yield f"{name}, old", filter_named(path) if name == "a filter" else path
    for name in ("layers", "layers/dense", "layers/dense/vars"):
        yield f"a linked group {name}", write_new(own / "w.weights.h5", linked_group(decoys, name))
    (own / "w.weights.h5").write_bytes(pickle.dumps(Runs(decoys / MARK)))
    yield "a pickle", own / "w.weights.h5"
    (own / "w.weights.h5").unlink()
    with zipfile.ZipFile(own / "w.weights.h5", "w") as archive:
        archive.writestr("../decoys/kerata-was-here", b"x")
    yield "a zip", own / "w.weights.h5"


YAMLS = {
    "a call": "!!python/object/apply:os.system ['true']",
    "a module": "class_name: Sequential\nconfig: !!python/module:evil_module",
    "a name": "class_name: !!python/name:evil_module.Evil\nconfig: []",
    "an object": "class_name: Sequential\nconfig: !!python/object:evil_module.Evil {}",
    "new": "!!python/object/new:evil_module.Evil []",
    "laughs": "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    + "".join(f"{y}: &{y} [{', '.join([f'*{x}'] * 10)}]\n" for x, y in zip("abcdefgh", "bcdefghi", strict=True)),
    "itself": "class_name: Sequential\nconfig: &a [*a]",
}


def arrays(own: Path, decoys: Path) -> Iterator[tuple[str, Path]]:
    path = own / "x.npz"
    held = np.empty(1, object)
    held[0] = Runs(decoys / MARK)
    np.savez(path, **{"x": held, "model/0": held})
    yield "a pickle", path
    for name, header in {
        "a shape of any size": b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}",
        "code": b"__import__('os').system('true')",
        "a deep header": b"(" * 5000,
    }.items():
        body = b"\x93NUMPY\1\0" + struct.pack("<H", len(header) + 1) + header + b"\n1234"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x.npy", body)
            archive.writestr("model/0.npy", body)
        yield name, path


def archives(own: Path, decoys: Path) -> Iterator[tuple[str, Path]]:
    for number, (name, member, linked) in enumerate(
        [
            ("out of the folder", f"../../decoys/{MARK}", ""),
            ("an absolute path", str(decoys / MARK), ""),
            ("a link", "link", str(decoys / "secret.bin")),
            ("a linked folder", "link", str(decoys)),
        ]
    ):
        path = own / "archives" / f"a{number}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(link_member(member) if linked else member, linked or "x")
        yield f"{name}, zip", path
        path = own / "archives" / f"a{number}.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            info = tarfile.TarInfo(member)
            if linked:
                info.type, info.linkname = tarfile.SYMTYPE, linked
            archive.addfile(info)
            if linked:
                below = tarfile.TarInfo(f"link/{MARK}")
                below.size = 1
                archive.addfile(below, io.BytesIO(b"x"))
            device = tarfile.TarInfo("device")
            device.type = tarfile.CHRTYPE
            archive.addfile(device)
        yield f"{name}, tar", path


def scripts(own: Path, decoys: Path) -> Iterator[tuple[str, Path]]:
    touch = f"open({str(decoys / MARK)!r}, 'w')"
    sources = {
        "code": f"import keras\n{touch}\nmodel.fit(x, y, nb_epoch=3)\n",
        "an import": "import evil_module\nfrom keras.layers import Dense\nDense(output_dim=3, init=evil_module.f())\n",
        "a decorator": f"from keras import backend as K\n@__import__('evil_module').f\ndef f(x=[{touch}]):\n    return x\n",
        "a coding": "# -*- coding: evil_module -*-\nimport keras\n",
        "many brackets": "import keras\nx = " + "(" * 5000,
        "a long sum": "import keras\nx = " + "+".join("1" * 20_000),
    }
    for name, source in sources.items():
        path = own / "script.py"
        path.write_text(source)
        yield name, path
        path = own / "script.ipynb"
        cells = [{"cell_type": "code", "source": source.splitlines(keepends=True)}]
        cells.append(
            {"cell_type": "code", "source": [f"%run {decoys / 'evil_module.py'}\n", "!touch x\n", "%load_ext evil_module"]}
        )
        path.write_text(json.dumps({"cells": cells, "nbformat": 4}))
        yield f"{name}, notebook", path


def tokenizers(decoys: Path) -> Iterator[tuple[str, str]]:
    tables = dict.fromkeys(("word_counts", "word_docs", "index_docs", "index_word", "word_index"), "{}")
    yield (
        "code",
        json.dumps({"class_name": "Tokenizer", "config": {**tables, "word_index": f"open({str(decoys / MARK)!r}, 'w')"}}),
    )
    yield (
        "a module",
        json.dumps({"class_name": "evil_module.Evil", "config": {**tables, "filters": str(decoys / "secret.npz")}}),
    )
    yield "an argument", json.dumps({"class_name": "Tokenizer", "config": {**tables, "analyzer": "evil_module.f"}})


# Studies


def make_study(own: Path) -> Path:
    """The storage of a study with the model of its best trial."""

    def build(hp: Any) -> Any:
        model = small()
        model.compile(kerata.optimizers.SGD(hp.choice("rate", [0.1, 0.01])), "mse")
        return model

    x = np.ones((8, 4), "float32")
    path = own / "study" / "study.db"
    path.parent.mkdir()
    search.run(build, x, x[:, :2], sampler="grid", objective="loss", storage=str(path), verbose=0, keep=1).close()
    return path


def studies(own: Path, decoys: Path) -> Iterator[tuple[str, Path]]:
    """Storages whose rows, and models beside them, are another's."""
    original = own / "study"
    for name, kept in {
        "a model elsewhere": "../../decoys/secret.keras",
        "an absolute model": str(decoys / "secret.keras"),
        "weights elsewhere": str(decoys / "secret.weights.h5"),
    }.items():
        goal = own / "other"
        shutil.rmtree(goal, ignore_errors=True)
        shutil.copytree(original, goal)
        change_rows(goal / "study.db", "trial_user_attributes", kept)
        yield name, goal / "study.db"
    for name, part in {
        "a module": entered("evil_module", "Evil"),
        "code": GROUPS["code"](decoys)["bytecode of Keras 3"],
    }.items():
        goal = own / "other"
        shutil.rmtree(goal)
        shutil.copytree(original, goal)
        for file in goal.rglob("*.keras"):
            write_keras(file, sequential(part))
        yield f"{name} in its model", goal / "study.db"
    goal = own / "other"
    shutil.rmtree(goal)
    shutil.copytree(original, goal)
    with contextlib.closing(sqlite3.connect(goal / "study.db")) as file:
        evil = json.dumps(
            {
                "name": "CategoricalDistribution",
                "module": "evil_module",
                "attributes": {"choices": [entered("evil_module", "Evil")]},
            }
        )
        file.execute("update trial_params set distribution_json = ?", (evil,))
        file.commit()
    yield "a distribution of a module", goal / "study.db"


def change_rows(path: Path, table: str, kept: str) -> None:
    """Lets the rows of trials name another file of a model."""
    with contextlib.closing(sqlite3.connect(path)) as file:
        rows = file.execute(f"select rowid, value_json from {table}").fetchall()
        changed = 0
        for row, text in rows:
            plain = json.loads(text)
            if isinstance(plain, dict) and plain.get("model_files"):
                plain["model_files"] = [kept]
                file.execute(f"update {table} set value_json = ? where rowid = ?", (json.dumps(plain), row))
                changed += 1
        assert changed, rows
        file.commit()


# All of them


def hostile(own: Path, decoys: Path) -> Iterator[tuple[str, str, Any]]:
    """(kind, name, thing) of all hostile files and descriptions; a file is written when it is its turn."""
    for kind, found in (
        ("model", models(own, decoys)),
        ("weights", weights(own, decoys)),
        ("checkpoint", checkpoints(own, decoys)),
        ("yaml", iter(YAMLS.items())),
        ("arrays", arrays(own, decoys)),
        ("archive", archives(own, decoys)),
        ("script", scripts(own, decoys)),
        ("tokenizer", tokenizers(decoys)),
        ("study", studies(own, decoys)),
    ):
        for name, thing in found:
            yield kind, name, thing
    for name, plain in descriptions(decoys):
        yield "plain", name, plain
        yield "text", name, json.dumps(plain)
        yield "text", f"{name}, old", json.dumps(old(plain))
        if "deep" not in name:
            yield "yaml", name, yaml.safe_dump(old(plain))
    for name, plain in compiled(decoys).items():
        yield "plain", name, {**sequential(dense()), "compile_config": plain}
        yield "compiling", name, plain
    evil = entered("evil_module", "Evil")
    wrapped = {"class_name": "__lambda__", "config": {"code": code("lambda x: 1"), "defaults": None, "closure": None}}
    for name, part in {
        "a module": evil,
        "a function": function("os", "system"),
        "a text": "evil_module.f",
        "code": wrapped,
        "a part with code": {"class_name": "MeanMetricWrapper", "config": {"fn": wrapped}},
        "a constant": {"class_name": "Constant", "config": {"value": str(decoys / "secret.npz")}},
        "an object": {"class_name": "__numpy__", "config": {"value": [1], "dtype": "object"}},
    }.items():
        yield "part", name, part


def honest(own: Path, decoys: Path) -> dict[str, Any]:
    """A thing of each kind that is as it should be; it is read first, so that all is there that reading needs."""
    (own / "honest").mkdir()
    (own / "archives").mkdir()
    whole = write_keras(own / "honest" / "m.keras", sequential(dense(name="dense")))
    return {
        "model": whole,
        "weights": write_new(own / "honest" / "w.weights.h5"),
        "checkpoint": dense_checkpoint(own / "honest" / "ckpt"),
        "yaml": yaml.safe_dump(old(sequential(dense()))),
        "arrays": write_arrays(own / "honest" / "x.npz"),
        "archive": write_archive(own / "archives" / "a9.zip"),
        "script": write_script(own / "honest" / "s.py"),
        "tokenizer": keras2.preprocessing.text.Tokenizer().to_json(),
        "study": make_study(own),
        "plain": sequential(dense()),
        "text": json.dumps(sequential(dense())),
        "compiling": {"optimizer": "sgd", "loss": "mse", "metrics": ["mae"]},
        "part": {"class_name": "MeanSquaredError", "config": {}},
    }


def more_honest(own: Path) -> Iterator[tuple[str, Any]]:
    """Files of the other forms."""
    yield "model", write_old(own / "honest" / "m.h5", old(sequential(dense())))
    yield "model", write_saved_model(own / "honest" / "folder", old(sequential(dense())))
    yield "weights", write_old(own / "honest" / "w.h5", old(sequential(dense())))
    yield "text", json.dumps(old(sequential(dense())))
    with tarfile.open(own / "archives" / "a9.tar.gz", "w:gz") as archive:
        archive.add(own / "honest" / "x.npz", "x.npz")
    yield "archive", own / "archives" / "a9.tar.gz"
    for name in ("SGD", "Zeros", "zero", "sgd"):
        yield "part", {"class_name": name, "config": {}} if name[0].isupper() else name


def write_arrays(path: Path) -> Path:
    np.savez(path, **{"x": np.ones(3), "model/0": np.ones((4, 2), "f4"), "model/1": np.ones(2, "f4")})
    return path


def write_archive(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "x")
    return path


def write_script(path: Path) -> Path:
    path.write_text("import keras\nfrom keras.layers import Dense\nDense(output_dim=3)\nmodel.fit(x, y, nb_epoch=3)\n")
    return path
