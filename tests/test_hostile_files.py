"""Hostile and broken files: what reading one may cost, and the one kind of error that names it."""

import importlib.util
import io
import json
import math
import os
import pickle
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path

import h5py
import jax
import numpy as np
import pytest

import kerata
from kerata import layers
from kerata.base import limits
from kerata.base.archives import extract_archive
from kerata.base.heaps import longest_heap
from kerata.datasets.pickles import load_npz, read_pickle
from kerata.engine.variable import held_bytes
from kerata.saving import FileError, allow

spec = importlib.util.spec_from_file_location("attacks", Path(__file__).with_name("attacks.py"))
attacks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(attacks)

KERNEL = "layers/dense/vars/0"


def dense(units=3, inputs=4):
    return kerata.Sequential([kerata.Input((inputs,)), layers.Dense(units, name="dense")])


def check(call, name, match, kind=FileError):
    """The call refuses by name, soon and in little memory."""
    found, seconds, megabytes = attacks.measure(call)
    assert isinstance(found, kind), found
    assert name in str(found) and match in str(found), found
    assert seconds < attacks.SECONDS and megabytes < attacks.MEGABYTES, (seconds, megabytes)


# Descriptions


def described(model, key, value):
    """The description of a model with another value at the first place of that name."""
    plain = json.loads(model.to_json())
    path = next(path for path in attacks.leaves(plain) if path[-1:] == (key,))
    return attacks.replaced(plain, path, value)


def with_measure(measure):
    model = dense()
    model.compile("sgd", "mse", metrics=[measure])
    return model


def many_calls(count):
    nodes, place = [], ["x", 0, 0]
    for number in range(count):
        tensor = {"class_name": "__keras_tensor__", "config": {"keras_history": place}}
        nodes.append({"args": [tensor], "kwargs": {}})
        place = ["d", number, 0]
    parts = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 4], "name": "x"}, "name": "x", "inbound_nodes": []},
        {"class_name": "Dense", "config": {"units": 4, "name": "d"}, "name": "d", "inbound_nodes": nodes},
    ]
    config = {"name": "f", "layers": parts, "input_layers": ["x", 0, 0], "output_layers": place}
    return {"module": "keras", "class_name": "Functional", "config": config}


def in_sequence(*parts):
    first = {"class_name": "InputLayer", "config": {"batch_shape": [None, 5, 4]}}
    return {"module": "keras", "class_name": "Sequential", "config": {"layers": [first, *parts]}}


def part(name, **config):
    return {"module": "keras.layers", "class_name": name, "config": config}


def operation(function, key, value):
    x = kerata.Input((8, 8, 2))
    return described(kerata.Model(x, function(x)), key, value)


DESCRIPTIONS = {
    "a layer of any size": lambda: described(dense(), "units", 10**9),
    "a layer larger than what is left": lambda: described(dense(), "units", 3 * 10**8),
    "many layers": lambda: in_sequence(*[part("Dense", units=20_000)] * 8),
    "thresholds": lambda: described(with_measure(kerata.metrics.AUC()), "num_thresholds", 10**9),
    "other thresholds": lambda: described(with_measure(kerata.metrics.PrecisionAtRecall(0.5)), "num_thresholds", 10**9),
    "classes": lambda: described(with_measure(kerata.metrics.MeanIoU(3)), "num_classes", 10**6),
    "a recurrent kernel": lambda: in_sequence(part("LSTM", units=40000)),
    "cells": lambda: in_sequence(part("RNN", cell=part("StackedRNNCells", cells=[part("GRUCell", units=1)] * 3000))),
    "calls": lambda: many_calls(8000),
    "layers": lambda: in_sequence(*[part("Activation", activation="relu")] * 5000),
    "an initializer": lambda: in_sequence(
        part("Dense", units=4, kernel_initializer={"class_name": "Identity", "config": {"gain": [1.0] * 10**6}})
    ),
    "a wrapped layer": lambda: in_sequence(part("TimeDistributed", layer=part("Dense", units=10**9))),
    "a filter": lambda: in_sequence(part("Conv1D", filters=10**9, kernel_size=2)),
    "a kernel's size": lambda: in_sequence(part("Conv1D", filters=1, kernel_size=10**9, padding="same")),
    "words": lambda: in_sequence(part("Flatten"), part("Embedding", input_dim=10**9, output_dim=64)),
    "pieces": lambda: operation(lambda x: kerata.ops.array_split(x, 2, axis=1), "indices_or_sections", 10**6),
    "differences": lambda: operation(lambda x: kerata.ops.diff(x, n=1, axis=1), "n", 10**6),
    "parts": lambda: operation(lambda x: kerata.ops.adaptive_max_pool(x, 2), "output_size", 10**8),
    "reflections": lambda: operation(lambda x: kerata.ops.pad(x, 3, mode="reflect"), "pad_width", 10**9),
    "a spectrum": lambda: described(
        kerata.Sequential([kerata.Input((64,)), layers.MelSpectrogram(16, 8, num_mel_bins=4)]), "fft_length", 2**30
    ),
    "tiles": lambda: described(
        kerata.Sequential([kerata.Input((8, 8, 1)), layers.ContrastLimitedAdaptiveHistogramEqualization()]), 0, 2**30
    ),
    "positions": lambda: in_sequence(
        part("Reshape", target_shape=[20]), part("RepeatVector", n=10**9), part("Flatten"), part("Dense", units=4)
    ),
}


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_descriptions_cannot_ask_for_more_than_they_hold(name):
    plain = DESCRIPTIONS[name]()
    text = json.dumps(plain)
    kinds = (FileError, ValueError, TypeError)
    check(lambda: kerata.models.model_from_json(text), "model_from_json", "", kinds)
    check(lambda: kerata.saving.deserialize_keras_object(plain), "", "", kinds)
    cls = kerata.Sequential if plain["class_name"] == "Sequential" else kerata.Model
    if "compile_config" not in plain:
        check(lambda: cls.from_config(plain["config"]), "", "", kinds)


@pytest.mark.parametrize("name", ["a layer of any size", "thresholds", "calls"])
def test_refused_descriptions_say_what_to_do(name):
    with pytest.raises(FileError, match=r"^model_from_json: .*asks for much more.*Received: .*kerata\.saving\.allow\("):
        kerata.models.model_from_json(json.dumps(DESCRIPTIONS[name]()))


def test_other_entry_points():
    thresholds = {"class_name": "AUC", "config": {"num_thresholds": 10**9}}
    check(lambda: kerata.metrics.deserialize(thresholds), "deserialize", "num_thresholds")
    check(lambda: kerata.metrics.AUC.from_config(thresholds["config"]), "AUC.from_config", "num_thresholds")
    muon = {"class_name": "Muon", "config": {"exclude_layers": ["(a+)+$"]}}
    check(lambda: kerata.optimizers.deserialize(muon), "deserialize", "pattern")
    steps = {"class_name": "Muon", "config": {"ns_steps": 10**9}}
    check(lambda: kerata.optimizers.deserialize(steps), "deserialize", "ns_steps")
    built = {**part("Dense", units=10**9), "build_config": {"input_shape": [None, 4]}}
    check(lambda: kerata.saving.deserialize_keras_object(built), "deserialize", "kernel")
    check(lambda: kerata.saving.deserialize_keras_object({"class_name": "__numpy__", "config": {}}), "deserialize", "lacks")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 10**5 + "]" * 10**5,
        '{"class_name": ' * 500 + "1" + "}" * 500,
        "{",
        b"\xff\xfe",
        '{"class_name": 3, "config": 4}',
        '{"class_name": "Dense", "config": [' + "[]," * 10**7 + "1]}",
        '{"class_name": "' + "A" * 10**7 + '", "config": {}}',
        '{"class_name": "Functional", "config": {"layers": 3}}',
        '{"class_name": "Dense", "config": {"units": 1' + "0" * 5000 + "}}",
        '{"class_name": "Sequential", "config": {}}',
        '{"class_name": "Sequential", "config": {"layers": [1e999]}}',
    ],
    ids=range(11),
)
def test_texts_that_are_no_description(text):
    check(lambda: kerata.models.model_from_json(text), "model_from_json", "")


def test_long_values_are_told_in_short():
    with pytest.raises(TypeError) as caught:
        kerata.models.model_from_json(json.dumps(part("Dense", units=[[1.5] * 10**5] * 5)))
    assert len(str(caught.value)) < 1000


def test_what_a_program_holds_it_may_describe(monkeypatch):
    monkeypatch.setattr(limits, "LEAST_BYTES", 10_000)
    monkeypatch.setattr(limits, "PROMISED_BYTES", 0)
    # More than whatever else is in the process.
    units = 5000 + held_bytes() // 16
    small, text = dense(), json.dumps(described(dense(), "units", units))
    with pytest.raises(FileError, match="dense/kernel"):
        kerata.models.model_from_json(text)
    large = dense(units)
    for twin in (
        kerata.Sequential.from_config(large.get_config()),
        kerata.models.model_from_json(text),
        kerata.models.clone_model(large),
    ):
        assert twin.count_params() == large.count_params()
    assert small.built


def test_allowances_can_be_raised_for_a_block(monkeypatch):
    monkeypatch.setattr(limits, "LEAST_BYTES", 1000)
    monkeypatch.setattr(limits, "PROMISED_BYTES", 0)
    monkeypatch.setattr("kerata.engine.variable.held_bytes", lambda: 0)
    text = dense(2000).to_json()
    with pytest.raises(FileError):
        kerata.models.model_from_json(text)
    with allow(memory=10**6):
        assert kerata.models.model_from_json(text).count_params() == 10_000
        with pytest.raises(FileError), allow(memory=1):
            kerata.models.model_from_json(text)
    with pytest.raises(FileError):
        kerata.models.model_from_json(text)
    with allow(memory=10**8, work=10**6):
        assert len(kerata.models.model_from_json(json.dumps(many_calls(1500))).layers) == 2


def test_honest_descriptions_of_many_layers_are_read():
    model = kerata.Sequential([kerata.Input((4,)), *[layers.Activation("relu") for _ in range(500)], layers.Dense(1)])
    assert len(kerata.models.model_from_json(model.to_json()).layers) == 501
    assert len(kerata.Sequential.from_config(model.get_config()).layers) == 501


def test_errors_do_not_keep_what_was_built():
    text = json.dumps(in_sequence(*[part("Dense", units=20_000)] * 8))
    kept = []
    for _ in range(3):
        found, _, megabytes = attacks.measure(lambda: kerata.models.model_from_json(text))
        kept.append(found)
        assert isinstance(found, FileError) and megabytes < attacks.MEGABYTES


# HDF5


def weights_file(path, change):
    dense().save_weights(path)
    with h5py.File(path, "r+") as file:
        del file["kerata_checksums"], file.attrs["kerata_checksums"]
        change(file)
    return path


def raw_dataset(file, name, shape, chunks, filters, data, maximal=None):
    """A data set of one piece whose stored bytes are given."""
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk(chunks)
    for one in filters:
        plist.set_filter(one, h5py.h5z.FLAG_OPTIONAL, (9,) if one == 1 else ())
    space = h5py.h5s.create_simple(shape, maximal)
    if name in file:
        del file[name]
    group, _, last = name.rpartition("/")
    dataset = h5py.h5d.create(file[group].id, last.encode(), h5py.h5t.IEEE_F32LE, space, plist)
    dataset.write_direct_chunk((0,) * len(shape), data)


UNLIMITED = (h5py.h5s.UNLIMITED,) * 2
ZEROS = zlib.compress(bytes(2**20), 9)
HDF5 = {
    "a piece of many bytes": (
        lambda f: raw_dataset(f, KERNEL, (4, 3), (4, 3), [1], zlib.compress(bytes(2**28), 9)),
        "claims a size",
    ),
    "a piece that unpacks to more": (
        lambda f: raw_dataset(f, KERNEL, (4, 3), (4, 3), [1], ZEROS),
        "unpacks to more than it should",
    ),
    "packed twice": (
        lambda f: raw_dataset(f, KERNEL, (4, 3), (4, 3), [1, 1], zlib.compress(zlib.compress(bytes(2**28)))),
        "more than once",
    ),
    "a huge piece": (
        lambda f: raw_dataset(f, KERNEL, (4, 3), (2**15, 2**14), [1], zlib.compress(bytes(48)), UNLIMITED),
        "much more memory",
    ),
    "a piece that is not there": (
        lambda f: (f.__delitem__(KERNEL), f.create_dataset(KERNEL, (4, 3), "f4", chunks=(4, 3), fillvalue=7)),
        "claims a size",
    ),
    "numbers that are not there": (
        lambda f: (f.__delitem__(KERNEL), f.create_dataset(KERNEL, (4, 3), "f4", fillvalue=7)),
        "claims a size",
    ),
    "a piece cut off": (lambda f: raw_dataset(f, KERNEL, (4, 3), (4, 3), [1], zlib.compress(bytes(48))[:-3]), "ends too early"),
    "a small piece": (lambda f: raw_dataset(f, KERNEL, (4, 3), (4, 3), [1], zlib.compress(bytes(44))), "has not the size"),
    "a wrong checksum": (lambda f: raw_dataset(f, KERNEL, (4, 3), (4, 3), [3], bytes(48) + b"\1\0\0\0"), "checksum is wrong"),
    "a size-changing filter": (lambda f: raw_dataset(f, KERNEL, (4, 3), (4, 3), [6], bytes(48)), "by a plug-in"),
    "another shape": (
        lambda f: (f.__delitem__(KERNEL), f.create_dataset(KERNEL, (2**16, 2**16), "f4", chunks=(64, 64))),
        "must have shape",
    ),
}


@pytest.mark.parametrize("name", HDF5)
@pytest.mark.parametrize("skip", [False, True])
def test_weights_cannot_unpack_to_more_than_they_hold(tmp_path, name, skip):
    change, text = HDF5[name]
    path, model = weights_file(tmp_path / "m.weights.h5", change), dense()
    before = model.get_weights()
    if skip and name == "another shape":
        with pytest.warns(UserWarning, match="must have shape"):
            model.load_weights(path, skip_mismatch=True)
    else:
        check(lambda: model.load_weights(path, skip_mismatch=skip), str(path), text)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "filters",
    [
        {"compression": "gzip"},
        {"compression": "gzip", "shuffle": True, "fletcher32": True},
        {"compression": "lzf", "shuffle": True},
        {"fletcher32": True},
        {"chunks": (3, 7)},
    ],
)
@pytest.mark.parametrize("kind", ["f4", "f8", "i2", "u1"])
def test_packed_numbers_are_read(tmp_path, filters, kind):
    from kerata.base.hdf5 import open_dataset, read_dataset

    array = np.random.default_rng(0).integers(0, 200, (37, 23)).astype(kind)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("a", data=array, **filters)
    with h5py.File(tmp_path / "a.h5") as file:
        found = read_dataset(open_dataset(file, "a", "a.h5"), "a.h5")
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


def test_many_arrays_that_do_not_fit_are_not_read(tmp_path):
    model = kerata.Sequential([kerata.Input((4,)), *[layers.Dense(4, use_bias=False) for _ in range(20)]])
    path, zeros = tmp_path / "m.weights.h5", np.zeros((2048, 4096), "f4")
    with h5py.File(path, "w") as file:
        for number in range(20):
            name = f"layers/dense_{number}/vars/0" if number else "layers/dense/vars/0"
            file.create_dataset(name, (2048, 4096), "f4", chunks=(2048, 4096), compression="gzip", data=zeros)
    check(lambda: model.load_weights(path), str(path), "20 part(s) do not")
    found, seconds, megabytes = attacks.measure(lambda: model.load_weights(path, skip_mismatch=True))
    assert found is None and seconds < 2 and megabytes < 50


@pytest.mark.parametrize("place", ["kernel", "table", "mark"])
def test_a_flipped_bit_is_noticed(tmp_path, place):
    path, model = tmp_path / "m.weights.h5", dense()
    model.save_weights(path)
    content = path.read_bytes()
    if place == "kernel":
        where = content.index(model.get_weights()[0].tobytes())
    elif place == "table":
        where = content.index(b'{"layers')
    else:
        where = content.rindex(b"kerata_checksums")
    path.write_bytes(content[: where + 2] + bytes([content[where + 2] ^ 4]) + content[where + 3 :])
    before = model.get_weights()
    check(lambda: model.load_weights(path), str(path), "damaged")
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_files_without_checksums_are_read(tmp_path):
    path = weights_file(tmp_path / "m.weights.h5", lambda file: None)
    dense().load_weights(path)


def test_a_name_that_has_changed_hides_no_variable(tmp_path):
    path, model = tmp_path / "x.weights.h5", dense()
    model.compile("adam", "mse")
    model.fit(np.ones((4, 4)), np.ones((4, 3)), verbose=0)
    model.save_weights(path)
    content = bytearray(path.read_bytes())
    # The last bit of `vars` in the optimizer's group: Keras would say that there is no state to read, and go on.
    with h5py.File(path, "r+") as file:
        file.move("optimizer/vars", "optimizer/varr")
    check(lambda: model.load_weights(path), str(path), "optimizer/vars/0")
    path.write_bytes(content)
    model.load_weights(path)


def test_a_changed_weight_is_taken_once_the_checksums_are_deleted(tmp_path):
    path = tmp_path / "m.weights.h5"
    dense().save_weights(path)
    with h5py.File(path, "r+") as file:
        file[KERNEL][...] = 7.0
    model = dense()
    check(lambda: model.load_weights(path), str(path), "delete `kerata_checksums`")
    with h5py.File(path, "r+") as file:
        del file["kerata_checksums"], file.attrs["kerata_checksums"]
    model.load_weights(path)
    assert (model.get_weights()[0] == 7.0).all()


# Zips


def rewritten(path, change):
    """A model's file with other members."""
    dense().save(path)
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in change(content).items():
            archive.writestr(name, data, zipfile.ZIP_DEFLATED if name.startswith("z:") else None)
    return path


def patched(path, old, new):
    """A model's file with other bytes in some places."""
    dense().save(path)
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))


def overlong_directory(path):
    dense().save(path)
    data = path.read_bytes()
    end = data.rindex(b"PK\5\6")
    start = struct.unpack("<L", data[end + 16 : end + 20])[0]
    entries = data[start:end] * 40_000
    path.write_bytes(data[:start] + entries + data[end : end + 12] + struct.pack("<LL", len(entries), start) + b"\0\0")


ZIPS = {
    "no zip": lambda p: p.write_bytes(b"no zip"),
    "empty": lambda p: p.write_bytes(b""),
    "cut off": lambda p: (dense().save(p), p.write_bytes(p.read_bytes()[:-9])),
    "a description that is no text": lambda p: rewritten(p, lambda c: {**c, "config.json": b"\xff\xfe\xfd"}),
    "a description that is no JSON": lambda p: rewritten(p, lambda c: {**c, "config.json": b"{"}),
    "no description": lambda p: rewritten(p, lambda c: {k: v for k, v in c.items() if k != "config.json"}),
    "weights that are no HDF5": lambda p: rewritten(p, lambda c: {**c, "model.weights.h5": b"x" * 5000}),
    "empty weights": lambda p: rewritten(p, lambda c: {**c, "model.weights.h5": b""}),
    "locked": lambda p: patched(p, b"PK\1\2\x14\3\x14\0\0\0", b"PK\1\2\x14\3\x14\0\1\0"),
    "an unknown packing": lambda p: patched(p, b"PK\1\2\x14\3\x14\0\0\0\0\0", b"PK\1\2\x14\3\x14\0\0\0\x63\0"),
    "a wrong checksum": lambda p: patched(p, b'"class_name"', b'"class_nama"'),
    "an endless list of members": overlong_directory,
}


@pytest.mark.parametrize("name", ZIPS)
def test_broken_models_have_one_error(tmp_path, name):
    path = tmp_path / "m.keras"
    ZIPS[name](path)
    check(lambda: kerata.saving.load_model(path), str(path), "")
    if "description" not in name and name not in ("a wrong checksum", "locked", "an unknown packing"):
        check(lambda: dense().load_weights(path), str(path), "")


def test_errors_of_the_path_are_python_s(tmp_path):
    for path in (tmp_path / "none.keras", tmp_path / "no folder" / "none.keras"):
        with pytest.raises(FileNotFoundError):
            kerata.saving.load_model(path)


def test_a_class_that_is_not_registered_is_both_kinds_of_error(tmp_path):
    path = tmp_path / "m.keras"
    rewritten(path, lambda c: {**c, "config.json": c["config.json"].replace(b'"Dense"', b'"Dance"')})
    with pytest.raises(TypeError, match=r"m\.keras: deserialize: 'Dance' is not known") as caught:
        kerata.saving.load_model(path)
    assert isinstance(caught.value, FileError)


def test_first_values_are_drawn_only_where_the_file_has_none(tmp_path, monkeypatch):
    drawn = []
    call = kerata.initializers.GlorotUniform.__call__
    monkeypatch.setattr(kerata.initializers.GlorotUniform, "__call__", lambda *a, **k: drawn.append(1) or call(*a, **k))
    dense().save(tmp_path / "m.keras")
    before = len(drawn)
    model = kerata.saving.load_model(tmp_path / "m.keras")
    assert len(drawn) == before and model.get_weights()[0].shape == (4, 3)
    kerata.models.model_from_json(model.to_json())
    assert len(drawn) == before + 1


# Data sets and archives


def npy(header, body=b""):
    text = repr(header).encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + body


def object_npy(pickled, count=1):
    return npy({"descr": "|O", "fortran_order": False, "shape": (count,)}, pickled)


ARRAYS = {
    "a shape of any size": npy({"descr": "<f4", "fortran_order": False, "shape": (10**12,)}, b"1234"),
    "a type of any size": npy({"descr": "|V999999999", "fortran_order": False, "shape": (2,)}, b"1234"),
    "no array": b"x" * 50,
    "a header that is code": npy("__import__('os').system('id')"),
    "a place of any number": object_npy(b"\x80\2Nr\xff\xff\xff\x7f."),
    "a place as text": object_npy(b"Np2147483647\n."),
    "a place that is not there": object_npy(b"\x80\2](h\0e."),
    "zeros": npy({"descr": "|u1", "fortran_order": False, "shape": (2**31,)}),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_that_lie(tmp_path, name):
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", ARRAYS[name])
    check(lambda: load_npz(path), "x.npz", "")


def test_a_member_that_unpacks_to_gigabytes(tmp_path):
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w", force_zip64=True) as member:
        for _ in range(600):
            member.write(bytes(2**20))
    check(lambda: load_npz(path), "x.npz", "claims a size")


def test_a_list_that_occurs_many_times():
    row = list(range(10))
    array = np.empty(1000, object)
    array[:] = [row] * 1000
    with pytest.raises(ValueError, match="occurs more than once"):
        read_pickle(pickle.dumps(array), "x")


def test_known_files_are_not_looked_through(monkeypatch):
    monkeypatch.setattr("kerata.datasets.pickles.check_places", lambda data: 1 / 0)
    array = np.empty(2, object)
    array[:] = [[1], [2, 3]]
    assert read_pickle(pickle.dumps(array), "x", known=True).tolist() == [[1], [2, 3]]


def tar_bomb(path, mode, kind):
    with tarfile.open(path, mode) as archive:
        if kind == "a large file":
            info = tarfile.TarInfo("a")
            info.size = 2**30
            archive.addfile(info, open("/dev/zero", "rb"))  # noqa: SIM115
        elif kind == "a large header":
            archive.pax_headers = {}
            info = tarfile.TarInfo("a")
            info.pax_headers = {"comment": "x" * (300 * 2**20)}
            archive.addfile(info)
        else:
            info = tarfile.TarInfo("a")
            for _ in range(150_000):
                archive.addfile(info)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("w:gz", "a large file"), ("w:xz", "a large file"), ("w:gz", "a large header"), ("w:bz2", "many members")],
)
@pytest.mark.slow
def test_tars_that_unpack_to_gigabytes(tmp_path, mode, kind):
    path = tmp_path / "a.tar"
    tar_bomb(path, mode, kind)
    check(lambda: extract_archive(path, tmp_path / "goal"), "a.tar", "much more")
    assert not list((tmp_path / "goal").glob("*"))


def test_a_zip_that_unpacks_to_gigabytes(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(4):
            archive.writestr(f"{number}", bytes(100 * 2**20))
    check(lambda: extract_archive(path, tmp_path / "goal"), "a.zip", "unpacks to much more")
    assert not (tmp_path / "goal").exists()


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
def test_compressed_tars_are_unpacked(tmp_path, kind):
    data = np.random.default_rng(0).integers(0, 9, 10**6, "u1").tobytes()
    with tarfile.open(tmp_path / "a.tar", f"w:{kind}") as archive:
        for name in ("a", "b/c"):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("d")
        link.type, link.linkname = tarfile.SYMTYPE, "a"
        archive.addfile(link)
    extract_archive(tmp_path / "a.tar", tmp_path / "goal")
    assert all((tmp_path / "goal" / name).read_bytes() == data for name in ("a", "b/c", "d"))
    cut = (tmp_path / "a.tar").read_bytes()
    for length in (len(cut) - 5, len(cut) // 2, 100):
        (tmp_path / "a.tar").write_bytes(cut[:length])
        check(lambda: extract_archive(tmp_path / "a.tar", tmp_path / "other"), "a.tar", "")


# Many changes


def batch(*arguments, seconds=600):
    """What a process that reads changed files says at its end; lines before it are what went wrong."""
    command = [sys.executable, str(Path(attacks.__file__)), *map(str, arguments)]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    *wrong, last = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert last["wrong"] == 0, [line for line in wrong if "problem" in line][:5]
    return last


@pytest.mark.parametrize("kind", attacks.KINDS)
def test_changed_files_are_refused_by_name_or_read_as_they_were(kind):
    assert batch("mutations", kind, 0, 25)["count"] == 25


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("kind", attacks.KINDS)
def test_twenty_thousand_changes(kind, part):
    count = math.ceil(20_000 / len(attacks.KINDS) / 4)
    assert batch("mutations", kind, f"{part + 1}", count)["count"] == count


@pytest.mark.slow
def test_descriptions_with_one_wrong_value():
    assert batch("configs", 0, 0, 1, 0.05, seconds=1500)["count"] > 5000


def test_a_large_honest_description_builds_without_its_memory():
    """600 MB of weights in some hundred bytes: they take memory when a file gives their values, or somebody asks for them."""
    model = kerata.Sequential([kerata.Input((8,)), *[kerata.layers.Dense(17) for _ in range(2)], kerata.layers.Dense(2)])
    model.compile("adam", "mse")
    text = model.to_json().replace("17", "12000")
    before = len(model.optimizer.variables)
    again = kerata.models.model_from_json(text)
    assert again.count_params() > 144_000_000 and len(again.optimizer.variables) == before
    drawn = sum(weight.size for weight in again.weights if "_value" in weight.__dict__)
    assert 4 * drawn < 200 * 2**20
    with pytest.raises(FileError, match="asks for much more"):
        kerata.models.model_from_json(text.replace("12000", "120000"))


@pytest.mark.parametrize(
    ("layer", "shape", "old", "new"),
    [
        (lambda: layers.LSTM(4), (3, 2), '"units": 4', '"units": 600'),
        (
            lambda: layers.ConvLSTM2D(2, (3, 3), padding="same"),
            (3, 6, 6, 2),
            '"kernel_size": [3, 3]',
            '"kernel_size": [3, 90000]',
        ),
        (lambda: layers.Bidirectional(layers.GRU(4)), (3, 2), '"units": 4', '"units": 600'),
    ],
    ids=["LSTM", "ConvLSTM2D", "Bidirectional"],
)
def test_layers_that_are_traced_for_their_shape_copy_no_weights(layer, shape, old, new):
    """A description promises weights; they take memory on a device once they are computed with."""
    text = kerata.Sequential([kerata.Input(shape), layer()]).to_json().replace(old, new)
    model = kerata.models.model_from_json(text)
    large = [weight for weight in model.weights if weight.size > 10**6]
    assert large and not any(isinstance(vars(weight).get("_value"), jax.Array) for weight in large)
    assert np.isfinite(model(np.ones((1, *shape), "float32"))).all()


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("input_layers", 0), ["a", 0], r"a tensor must be given as \[layer, call, output\]"),
        (("output_layers",), "x", r"a tensor must be given as \[layer, call, output\]"),
        (("layers", 1, "build_config", "input_shape"), 0.5, "a shape must be a list of sizes"),
        (("layers", 1, "build_config", "input_shape"), [None, "bfloat16"], "a shape must be a list of sizes"),
        (("layers", 1, "build_config"), 7, "`build_config` must be a dict"),
        (("layers", 1, "inbound_nodes", 0, "kwargs"), "ab", "a dict of those with names"),
        (("layers", 0, "config", "batch_shape"), [None, "string"], "string"),
    ],
)
def test_a_wrong_value_of_a_description_is_named(place, value, words):
    inputs = kerata.Input((4,))
    description = json.loads(kerata.Model(inputs, layers.Dense(2)(inputs)).to_json())
    part = description["config"]
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    with pytest.raises(FileError, match=words):
        kerata.models.model_from_json(json.dumps(description))


def test_texts_of_no_size_are_refused_before_they_are_walked(tmp_path):
    model = dense()
    model.compile("sgd", "mse")
    whole, broken = tmp_path / "whole.h5", tmp_path / "broken.h5"
    model.save(whole)
    content = bytearray(whole.read_bytes())
    start = content.index(b"GCOL")
    assert (
        longest_heap(io.BytesIO(content), "whole.h5")
        == longest_heap(whole, "whole.h5")
        == int.from_bytes(content[start + 8 : start + 16], "little")
    )
    content[start + 1000 : start + 3000] = bytes(2000)
    # HDF5 would walk from text to text for ever, so the walk over the sizes alone has to stop first.
    with pytest.raises(FileError, match=r"broken\.h5: the file is damaged: a collection of texts holds what has no size"):
        longest_heap(io.BytesIO(content), "broken.h5")
    broken.write_bytes(content)
    check(lambda: kerata.models.load_model(broken), "broken.h5", "no size")
    check(lambda: model.load_weights(broken), "broken.h5", "no size")


def test_files_of_weights_with_texts_of_no_size_are_refused(tmp_path):
    model = kerata.Sequential([kerata.Input((4,)), layers.Dense(3, dtype="bfloat16")])
    whole, broken = tmp_path / "whole.weights.h5", tmp_path / "broken.weights.h5"
    model.save_weights(whole)
    content = bytearray(whole.read_bytes())
    # Which type an array has is said by a text, in a collection of texts.
    start = content.index(b"GCOL")
    content[start + 16 : start + 2000] = bytes(1984)
    broken.write_bytes(content)
    check(lambda: model.load_weights(broken), "broken.weights.h5", "no size")
    check(lambda: kerata.saving.KerasFileEditor(broken), "broken.weights.h5", "no size")


def test_collections_of_texts_one_in_the_other_come_to_an_end():
    # Each text holds the beginning of a collection that reaches to the end of the file.
    size, text = 2**18, (1).to_bytes(8, "little") + (16).to_bytes(8, "little")
    content = b"".join(b"GCOL\1\0\0\0" + (size - start).to_bytes(8, "little") + text for start in range(0, size, 32))
    with pytest.raises(FileError, match="one in the other"):
        longest_heap(io.BytesIO(content), "nested.h5")
