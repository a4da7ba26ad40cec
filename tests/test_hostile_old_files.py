"""Hostile old files: every new way in refuses by name, soon and in little memory, and nothing is imported, opened or run."""

import base64
import importlib.util
import json
import marshal
import sys
import zipfile
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest

import kerata
from kerata import layers
from kerata.saving import FileError

spec = importlib.util.spec_from_file_location("attacks", Path(__file__).with_name("attacks.py"))
attacks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(attacks)

KERNEL, BIAS = "model_weights/dense/dense/kernel:0", "model_weights/dense/dense/bias:0"


def check(call, name, match, kind=FileError):
    """The call refuses by name, soon and in little memory."""
    found, seconds, megabytes = attacks.measure(call)
    assert isinstance(found, kind), found
    assert name in str(found) and match in str(found), found
    assert seconds < attacks.SECONDS and megabytes < attacks.MEGABYTES, (seconds, megabytes)


def dense_config(**changes):
    config = {"name": "dense", "trainable": True, "units": 3, "activation": "linear", "use_bias": True, **changes}
    return {"class_name": "Dense", "config": {"batch_input_shape": [None, 4], "dtype": "float32", **config}}


def sequential(*plains):
    return {"class_name": "Sequential", "config": {"name": "model", "layers": list(plains)}}


def write(path, plain=None, change=lambda file: None, version=b"2.2.4", training=None):
    """A whole model of Keras 2, changed."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = version, b"tensorflow"
        file.attrs["model_config"] = json.dumps(plain or sequential(dense_config())).encode()
        if training is not None:
            file.attrs["training_config"] = json.dumps(training).encode()
        group = file.create_group("model_weights")
        group.attrs["keras_version"], group.attrs["backend"] = version, b"tensorflow"
        group.attrs["layer_names"] = [b"dense"]
        layer = group.create_group("dense")
        layer.attrs["weight_names"] = [b"dense/kernel:0", b"dense/bias:0"]
        layer["dense/kernel:0"], layer["dense/bias:0"] = np.ones((4, 3), "f4"), np.zeros(3, "f4")
        change(file)
    return path


def model():
    return kerata.Sequential([kerata.Input((4,)), layers.Dense(3, name="dense")])


def swap(name, make):
    def change(file):
        del file[name]
        make(file, name)

    return change


def raw_attribute(group, name, count, size):
    """An attribute of `count` texts, of which all are one text of `size` letters in the file."""
    kind = h5py.string_dtype()
    group.attrs.create(name, [b"x" * size] * count, dtype=kind)


LINKS = {
    "a soft link": swap(KERNEL, lambda f, name: f.__setitem__(name, h5py.SoftLink("/model_weights/dense/dense/bias:0"))),
    "an external link": swap(KERNEL, lambda f, name: f.__setitem__(name, h5py.ExternalLink("secret.h5", "/x"))),
    "a linked group": swap("model_weights/dense", lambda f, name: f.__setitem__(name, h5py.ExternalLink("secret.h5", "/"))),
    "linked weights": swap("model_weights", lambda f, name: f.__setitem__(name, h5py.ExternalLink("secret.h5", "/"))),
    "external storage": swap(KERNEL, lambda f, name: f.create_dataset(name, (4, 3), "f4", external=[("secret.bin", 0, 48)])),
    "a virtual data set": swap(KERNEL, lambda f, name: f.create_virtual_dataset(name, virtual())),
}


def virtual():
    layout = h5py.VirtualLayout((4, 3), "f4")
    layout[...] = h5py.VirtualSource("secret.h5", "x", (4, 3))
    return layout


@pytest.mark.parametrize("name", LINKS)
def test_nothing_outside_of_the_file_is_opened(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with h5py.File("secret.h5", "w") as file:
        file["x"] = np.full((4, 3), 7.0, "f4")
    Path("secret.bin").write_bytes(np.full((4, 3), 7.0, "f4").tobytes())
    path = write(tmp_path / "m.h5", change=LINKS[name])
    whole, fresh = str(path), model()
    before = fresh.get_weights()
    opened = []
    hooks = {"on": True}
    sys.addaudithook(
        lambda event, args: opened.append((event, args)) if hooks["on"] and event in ("open", "import", "exec") else None
    )
    for call in (lambda: kerata.models.load_model(path), lambda: fresh.load_weights(path)):
        check(call, whole, "")
    hooks["on"] = False
    assert not [args for event, args in opened if event == "open" and "secret" in str(args[0])]
    np.testing.assert_array_equal(before[0], fresh.get_weights()[0])


SIZES = {
    "a kernel that is not there": (
        swap(KERNEL, lambda f, n: f.create_dataset(n, (4, 3), "f4", chunks=(4, 3), fillvalue=7)),
        "claims a size",
    ),
    "a huge kernel": (swap(KERNEL, lambda f, n: f.create_dataset(n, (2**16, 2**16), "f4", chunks=(64, 64))), "must have shape"),
    "a kernel of texts": (swap(KERNEL, lambda f, n: f.create_dataset(n, data=[b"abc"] * 12)), "numbers was expected"),
    "a group for a kernel": (swap(KERNEL, lambda f, n: f.create_group(n)), "array was expected"),
    "a missing kernel": (lambda f: f.__delitem__(KERNEL), "is not there"),
    "a missing layer": (lambda f: f.__delitem__("model_weights/dense"), "group of each layer"),
    "no names": (lambda f: f["model_weights"].attrs.__delitem__("layer_names"), "which layers"),
    "a name twice": (lambda f: f["model_weights"].attrs.__setitem__("layer_names", [b"dense", b"dense"]), "name of its own"),
    "names that are numbers": (lambda f: f["model_weights"].attrs.__setitem__("layer_names", [1.0, 2.0]), "list of texts"),
    "many long names": (lambda f: raw_attribute(f["model_weights"], "layer_names", 3000, 20_000), ""),
    "another number of arrays": (
        lambda f: f["model_weights/dense"].attrs.__setitem__("weight_names", [b"dense/kernel:0"]),
        "has 2 weights",
    ),
    "a name out of the group": (
        lambda f: f["model_weights/dense"].attrs.__setitem__(
            "weight_names", [b"../../x", b"/model_weights/dense/dense/bias:0"]
        ),
        "",
    ),
    "a version that is a list": (lambda f: f["model_weights"].attrs.__setitem__("keras_version", [b"2", b"1"]), "one text"),
    "numbered layers": (lambda f: f["model_weights"].attrs.__setitem__("nb_layers", 10**9), "number of layers"),
    "packed to more": (swap(KERNEL, lambda f, n: packed(f, n)), "unpacks to more"),
}


def packed(file, name):
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((4, 3))
    plist.set_filter(h5py.h5z.FILTER_DEFLATE, h5py.h5z.FLAG_OPTIONAL, (9,))
    group, _, last = name.rpartition("/")
    dataset = h5py.h5d.create(file[group].id, last.encode(), h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((4, 3)), plist)
    dataset.write_direct_chunk((0, 0), zlib.compress(bytes(2**20), 9))


@pytest.mark.parametrize("name", SIZES)
def test_what_a_file_claims_is_looked_at_before_it_is_read(tmp_path, name):
    change, text = SIZES[name]
    path, fresh = write(tmp_path / "m.h5", change=change), model()
    before = fresh.get_weights()
    check(lambda: kerata.models.load_model(path), str(path), text)
    check(lambda: fresh.load_weights(path), str(path), text)
    np.testing.assert_array_equal(before[0], fresh.get_weights()[0])


def test_one_long_text_named_many_times_is_not_read(tmp_path):
    """HDF5 keeps a text once, and any number of attributes may name it: here 3,000 names that could be of 10 MB each."""
    path = tmp_path / "m.h5"
    write(path, change=lambda f: raw_attribute(f["model_weights"]["dense"], "note", 1, 10_000_000))
    content = bytearray(path.read_bytes())
    with h5py.File(path, "r+") as file:
        group = file["model_weights"]
        del group.attrs["layer_names"]
        raw_attribute(group, "layer_names", 3000, 3)
    check(lambda: kerata.models.load_model(path), str(path), "much more memory")
    assert len(content) > 10_000_000


CODE = base64.b64encode(marshal.dumps((lambda x: __import__("os").system("touch /tmp/kerata-was-here")).__code__)).decode()


def lambda_layer(function, **more):
    config = {"name": "lambda_1", "batch_input_shape": [None, 4], "function": function, "function_type": "lambda", **more}
    return {"class_name": "Lambda", "config": config}


DESCRIPTIONS = {
    "code": sequential(lambda_layer([CODE, None, None])),
    "code that is no code": sequential(lambda_layer(["////", None, None])),
    "much code": sequential(lambda_layer(["A" * 10**6, None, None])),
    "code of a shape": sequential(lambda_layer("os.system", function_type="function")),
    "a module": sequential({"class_name": "os.system", "config": {"name": "x", "command": "true"}}),
    "a class of another module": sequential(
        {"class_name": "subprocess>Popen", "module": "subprocess", "config": {"name": "x"}}
    ),
    "a huge layer": sequential(dense_config(units=10**9)),
    "many layers": sequential(*[dense_config(name=f"dense_{n}", units=20_000) for n in range(8)]),
    "no layers": {"class_name": "Sequential", "config": {"name": "model"}},
    "layers that are a text": {"class_name": "Sequential", "config": {"layers": "x" * 100}},
    "a layer that is a number": sequential(5),
    "no config": {"class_name": "Sequential"},
    "a graph of nothing": {"class_name": "Model", "config": {"layers": [], "input_layers": [], "output_layers": []}},
    "a graph in a circle": {
        "class_name": "Model",
        "config": {
            "layers": [{**dense_config(), "name": "dense", "inbound_nodes": [[["dense", 0, 0, {}]]]}],
            "input_layers": [["dense", 0, 0]],
            "output_layers": [["dense", 0, 0]],
        },
    },
    "a call of what is not there": {
        "class_name": "Model",
        "config": {
            "layers": [{**dense_config(), "name": "dense", "inbound_nodes": [[["other", 0, 0, {}]]]}],
            "input_layers": [["dense", 0, 0]],
            "output_layers": [["dense", 0, 0]],
        },
    },
    "calls that are numbers": {
        "class_name": "Model",
        "config": {
            "layers": [{**dense_config(), "name": "dense", "inbound_nodes": [7]}],
            "input_layers": [["dense", 0, 0]],
            "output_layers": [["dense", 0, 0]],
        },
    },
    "a deep description": sequential(json.loads("[" * 400 + "]" * 400)),
    "a formula without steps": sequential(lambda_layer("kerata>formula", function_type="function")),
    "a formula that is none": sequential(
        lambda_layer("kerata>formula", function_type="function", arguments={"steps": ["open"]})
    ),
}


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_descriptions_can_only_name_what_is_known(tmp_path, name):
    plain = DESCRIPTIONS[name]
    kinds = (FileError, ValueError, TypeError)
    events = []
    hooks = {"on": True}
    watched = ("exec", "compile", "marshal.loads", "os.system", "subprocess.Popen", "socket.connect")
    sys.addaudithook(lambda event, args: events.append((event, args)) if hooks["on"] and event in watched else None)
    path = write(tmp_path / "m.h5", plain)
    check(lambda: kerata.models.load_model(path), str(path), "", kinds)
    check(lambda: kerata.models.load_model(path, safe_mode=False), str(path), "", kinds)
    check(lambda: kerata.models.model_from_json(json.dumps(plain)), "", "", kinds)
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "2.15.0"}))
        archive.writestr("config.json", json.dumps(plain))
        archive.writestr("model.weights.h5", b"")
    check(lambda: kerata.models.load_model(tmp_path / "m.keras"), "m.keras", "", kinds)
    hooks["on"] = False
    # Python unmarshals modules that are imported for the first time.
    code = base64.b64decode(CODE)
    foreign = [event for event, args in events if event in watched[3:] or code in args]
    assert not foreign and not Path("/tmp/kerata-was-here").exists()


TRAINING = {
    "an optimizer that is a module": {"optimizer_config": {"class_name": "os.system", "config": {}}, "loss": "mse"},
    "a loss that is nowhere": {"optimizer_config": {"class_name": "SGD", "config": {"lr": 0.1}}, "loss": "their_loss"},
    "a measure that is nowhere": {
        "optimizer_config": {"class_name": "SGD", "config": {"lr": 0.1}},
        "loss": "mse",
        "metrics": ["os.system"],
    },
    "no optimizer's class": {"optimizer_config": {"class_name": 5, "config": {}}, "loss": "mse"},
    "a list": [1, 2],
}


@pytest.mark.parametrize("name", TRAINING)
def test_what_a_model_was_compiled_with_is_known_or_named(tmp_path, name):
    path = write(tmp_path / "m.h5", training=TRAINING[name])
    check(lambda: kerata.models.load_model(path), str(path), "")
    assert kerata.models.load_model(path, compile=False).count_params() == 15


def test_changed_bytes_are_refused_by_name_or_read(tmp_path):
    whole = write(tmp_path / "a.h5", training={"optimizer_config": {"class_name": "SGD", "config": {"lr": 0.1}}, "loss": "mse"})
    content, path = whole.read_bytes(), tmp_path / "m.h5"
    rng = np.random.default_rng(0)
    for number in range(150):
        changed = bytearray(content)
        if number % 5 == 0:
            changed = changed[: rng.integers(1, len(content))]
        for place in rng.integers(0, len(changed), rng.integers(1, 6)):
            changed[place] = rng.integers(0, 256)
        path.write_bytes(changed)
        for call in (lambda: kerata.models.load_model(path), lambda: model().load_weights(path)):
            found, seconds, megabytes = attacks.measure(call)
            problem = attacks.complain(found, "m.h5", seconds, megabytes) if found is not None else ""
            assert not problem, (number, problem)
