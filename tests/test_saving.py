"""Files: what they keep, what happens when a write is cut off, and what a stranger's file cannot do."""

import copy
import io
import json
import os
import pickle
import resource
import signal
import subprocess
import sys
import time
import zipfile

import h5py
import numpy as np
import optax
import pytest

import kerata
from kerata import layers

X = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
Y = np.random.default_rng(1).normal(size=(8, 2)).astype("float32")


@kerata.saving.register_keras_serializable("tests")
class Doubled(layers.Layer):
    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        return x * self.factor


@kerata.saving.register_keras_serializable("tests")
def own_loss(y_true, y_pred):
    return (y_true - y_pred) ** 2


class Unregistered(kerata.Model):
    def __init__(self, units, scale=1.0):
        super().__init__()
        self.scale = scale
        self.inner = layers.Dense(units)

    def call(self, x):
        return self.inner(x) * self.scale


def small(compiled=True, name=None):
    model = kerata.Sequential([kerata.Input((4,)), layers.Dense(3, "tanh"), layers.Dropout(0.2), layers.Dense(2)], name=name)
    if compiled:
        model.compile("adam", "mse", metrics=["mae"])
    return model


def functional():
    a, b = kerata.Input((4,), name="a"), kerata.Input((4,), name="b")
    shared = layers.Dense(3, name="shared")
    inner_input = kerata.Input((3,))
    inner = kerata.Model(inner_input, layers.Dense(2)(inner_input), name="inner")
    return kerata.Model([a, b], {"p": inner(shared(a)), "q": layers.Add()([shared(a), shared(b) * 2.0])})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "m.keras"


def predictions(model, x=X):
    return np.asarray(model(x))


# What is kept


def test_metadata_names_both_versions(path):
    small().save(path)
    with zipfile.ZipFile(path) as archive:
        metadata = json.loads(archive.read("metadata.json"))
        assert archive.getinfo("model.weights.h5").compress_type == zipfile.ZIP_STORED
    assert metadata["keras_version"] == "3.15.1"
    assert metadata["kerata_version"] == kerata.__version__


def test_a_loaded_model_trains_on_as_if_nothing_had_happened(path):
    model = small()
    model.fit(X, Y, epochs=3, verbose=0, seed=1)
    model.save(path)
    other = kerata.saving.load_model(path)
    assert int(other.optimizer.iterations.numpy()) == 3
    first, second = (m.fit(X, Y, epochs=2, verbose=0, seed=2).history for m in (model, other))
    assert first == second
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_without_compile_the_optimizer_is_left_out(path):
    model = small()
    model.fit(X, Y, verbose=0)
    model.save(path)
    other = kerata.saving.load_model(path, compile=False)
    assert not other.compiled and other.optimizer is None
    np.testing.assert_array_equal(predictions(model), predictions(other))


def test_frozen_layers_stay_frozen(path):
    model = small()
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    model.save(path)
    other = kerata.saving.load_model(path)
    assert [layer.trainable for layer in other.layers] == [False, True, True]
    assert len(other.trainable_weights) == 2


def test_a_subclass_that_fit_has_built_comes_back(path):
    cls = kerata.saving.register_keras_serializable("tests")(Unregistered)
    model = cls(2, scale=3.0)
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    model.save(path)
    other = kerata.saving.load_model(path)
    assert other.scale == 3.0
    np.testing.assert_array_equal(predictions(model), predictions(other))


def test_weights_without_a_place_in_the_model_are_noticed(path):
    cls = kerata.saving.register_keras_serializable("tests")(Unregistered)
    model = cls(2)
    model(X)
    model.save(path)
    rewrite(path, lambda config: config.pop("build_config") and None)
    with pytest.raises(ValueError, match=r"inner: .*must hold 0 weights.*not been built"):
        kerata.saving.load_model(path)


def test_own_loss_by_registration_and_by_custom_objects(path):
    def scaled(y_true, y_pred):
        return 2.0 * (y_true - y_pred) ** 2

    for loss, known in ((own_loss, None), (scaled, {"scaled": scaled})):
        model = small(compiled=False)
        model.compile("sgd", loss)
        model.save(path)
        assert kerata.saving.load_model(path, custom_objects=known).loss is loss
    with pytest.raises(TypeError, match=r"'scaled' is not known to Kerata.*register_keras_serializable"):
        kerata.saving.load_model(path)


def test_a_loss_without_a_name_is_left_out_with_a_warning(path):
    model = small(compiled=False)
    model.compile("sgd", lambda y_true, y_pred: (y_true - y_pred) ** 2)
    with pytest.warns(UserWarning, match="Compile the model again after loading"):
        model.save(path)
    other = kerata.saving.load_model(path)
    assert not other.compiled
    np.testing.assert_array_equal(predictions(model), predictions(other))


def test_layers_shared_by_two_models_stay_shared(path):
    shared = layers.Dense(4, name="shared")
    a, b = kerata.Input((4,)), kerata.Input((4,))
    inner = kerata.Model(a, shared(a))
    kerata.Model(b, inner(b) + shared(b)).save(path)
    other = kerata.saving.load_model(path)
    nested = next(layer for layer in other.layers if isinstance(layer, kerata.Model))
    assert other.get_layer("shared") is nested.get_layer("shared")


def test_file_objects_and_names_of_all_kinds(path):
    model, buffer = small(), io.BytesIO()
    model.save(buffer)
    buffer.seek(0)
    np.testing.assert_array_equal(predictions(kerata.saving.load_model(buffer)), predictions(model))
    kerata.models.save_model(model, str(path))
    np.testing.assert_array_equal(predictions(kerata.models.load_model(str(path))), predictions(model))


def test_bfloat16_weights_survive(tmp_path):
    model = kerata.Sequential([kerata.Input((4,)), layers.Dense(2, dtype="bfloat16")])
    model.save_weights(tmp_path / "m.weights.h5")
    before = model.get_weights()[0].copy()
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    model.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(model.get_weights()[0], before)


def test_a_model_that_begins_in_the_middle_of_another(path):
    a = kerata.Input((4,))
    hidden = layers.Dense(3)(a)
    whole = kerata.Model(a, layers.Dense(2)(hidden))
    tail = kerata.Model(hidden, whole.output)
    tail.save(path)
    other = kerata.saving.load_model(path)
    np.testing.assert_array_equal(predictions(tail, X[:, :3]), predictions(other, X[:, :3]))


# Weights


def test_weights_that_do_not_fit_change_nothing_and_name_the_layer(tmp_path):
    file = tmp_path / "m.weights.h5"
    small().save_weights(file)
    other = kerata.Sequential([kerata.Input((4,)), layers.Dense(3), layers.Dense(5, name="head")])
    before = other.get_weights()
    with pytest.raises(ValueError, match=r"(?s)layers/dense_1: .*head/kernel.*\(3, 5\).*\(3, 2\).*skip_mismatch=True"):
        other.load_weights(file)
    for a, b in zip(before, other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_skip_mismatch_takes_what_fits(tmp_path):
    file = tmp_path / "m.weights.h5"
    model = small()
    model.save_weights(file)
    other = kerata.Sequential([kerata.Input((4,)), layers.Dense(3), layers.Dense(5, name="head")])
    head = other.layers[1].get_weights()
    with pytest.warns(UserWarning, match="layers/dense_1"):
        other.load_weights(file, skip_mismatch=True)
    np.testing.assert_array_equal(other.layers[0].get_weights()[0], model.layers[0].get_weights()[0])
    np.testing.assert_array_equal(other.layers[1].get_weights()[0], head[0])


def test_weights_of_a_whole_model(path):
    model, other = small(), small()
    model.save(path)
    other.load_weights(path)
    np.testing.assert_array_equal(predictions(model), predictions(other))
    path.write_bytes(b"no zip")
    with pytest.raises(ValueError, match="damaged"):
        other.load_weights(path)


def test_a_file_with_too_few_layers_is_refused(tmp_path):
    file = tmp_path / "m.weights.h5"
    kerata.Sequential([kerata.Input((4,)), layers.Dense(3)]).save_weights(file)
    with pytest.raises(ValueError, match=r"(?s)1 part\(s\) do not:\n  layers/dense_1"):
        small(compiled=False).load_weights(file)


@pytest.mark.parametrize(
    ("name", "kind", "text"), [("m.zip", ValueError, r"must end in '\.keras'"), ("m", ValueError, r"must end in '\.keras'")]
)
def test_other_formats_are_named(tmp_path, name, kind, text):
    with pytest.raises(kind, match=text):
        small().save(tmp_path / name)
    (tmp_path / name).write_bytes(b"anything")
    with pytest.raises(ValueError, match=r"damaged, or no '\.keras' file and no '\.h5' file"):
        kerata.saving.load_model(tmp_path / name)


def test_bad_calls(tmp_path, path):
    model = small()
    model.save(path)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        model.save(path, overwrite=False)
    with pytest.raises(FileNotFoundError, match="no such file"):
        kerata.saving.load_model(tmp_path / "none.keras")
    with pytest.raises(ValueError, match=r"'\.weights\.h5'"):
        model.save_weights(tmp_path / "m.h5")
    with pytest.raises(ValueError, match="needs a model that has its weights"):
        kerata.Sequential([layers.Dense(2)]).save_weights(tmp_path / "m.weights.h5")
    model.save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(NotImplementedError, match="by structure"):
        model.load_weights(tmp_path / "m.weights.h5", by_name=True)
    with pytest.warns(UserWarning, match="no weights yet"):
        kerata.Sequential([layers.Dense(2)]).save(path)
    (tmp_path / "text.keras").write_text("no zip")
    with pytest.raises(ValueError, match=r"damaged, or no '\.keras' file"):
        kerata.saving.load_model(tmp_path / "text.keras")
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(ValueError, match="damaged"):
        kerata.saving.load_model(path)


def test_functions_without_a_name_are_refused_before_anything_is_written(path):
    a = kerata.Input((4,))
    kerata.Model(a, layers.Dense(2)(a)).save(path)
    before = path.read_bytes()
    traced = kerata.engine.symbolic.traceable(lambda x: x + 1)
    with pytest.raises(ValueError, match=r"cannot be written to a file.*(layer|registered)"):
        kerata.Model(a, traced(a)).save(path)
    assert path.read_bytes() == before


# Descriptions and copies


@pytest.mark.parametrize("build", [small, functional])
def test_configs_make_equal_models(build):
    model = build()
    for other in (type(model).from_config(model.get_config()), kerata.models.model_from_json(model.to_json())):
        assert [w.shape for w in other.weights] == [w.shape for w in model.weights]
        assert other.get_config() == model.get_config()
    assert kerata.models.model_from_json(model.to_json()).compiled == model.compiled


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"])
def test_copies_keep_everything_and_share_nothing(duplicate):
    model = small()
    model.fit(X, Y, epochs=2, verbose=0, seed=1)
    other = duplicate(model)
    assert other.compiled and int(other.optimizer.iterations.numpy()) == 2
    before = predictions(model)
    np.testing.assert_array_equal(predictions(other), before)
    other.fit(X, Y, verbose=0, seed=2)
    np.testing.assert_array_equal(predictions(model), before)
    model.fit(X, Y, verbose=0, seed=2)
    np.testing.assert_array_equal(predictions(model), predictions(other))


def test_copies_of_what_no_file_could_name():
    model = Unregistered(2, scale=3.0)
    model.compile("sgd", lambda y_true, y_pred: (y_true - y_pred) ** 2)
    model.fit(X, Y, verbose=0)
    other = copy.deepcopy(model)
    assert type(other) is Unregistered and other.scale == 3.0 and other.loss is model.loss
    np.testing.assert_array_equal(predictions(model), predictions(other))
    model.compile("sgd", "mse")
    np.testing.assert_array_equal(predictions(pickle.loads(pickle.dumps(model))), predictions(model))


def test_a_bare_transformation_is_copied_with_its_state_but_not_written(path):
    model = small(compiled=False)
    model.compile(optax.adam(0.01), "mse")
    model.fit(X, Y, epochs=2, verbose=0, seed=1)
    other = copy.deepcopy(model)
    for each in (model, other):
        each.fit(X, Y, verbose=0, seed=2)
    np.testing.assert_array_equal(predictions(model), predictions(other))
    with pytest.warns(UserWarning, match="Compile the model again"):
        model.save(path)
    assert not kerata.saving.load_model(path).compiled


def test_deep_models_can_be_copied():
    model = kerata.Sequential([kerata.Input((4,)), *[layers.Dense(4) for _ in range(150)]])
    np.testing.assert_array_equal(predictions(copy.deepcopy(model)), predictions(model))


@pytest.mark.parametrize("build", [small, functional])
def test_clones_have_weights_of_their_own(build):
    model = build()
    other = kerata.models.clone_model(model)
    assert [w.shape for w in other.weights] == [w.shape for w in model.weights]
    assert not {id(v) for v in other.weights} & {id(v) for v in model.weights}
    assert other.compiled == model.compiled
    other.set_weights(model.get_weights())
    x = X if build is small else [X, X]
    for a, b in zip(*(flat(m(x)) for m in (model, other)), strict=True):
        np.testing.assert_array_equal(a, b)


def flat(outputs):
    return [np.asarray(v) for v in (outputs.values() if isinstance(outputs, dict) else [outputs])]


def test_clone_functions():
    model = functional()

    def widen(layer):
        config = layer.get_config()
        return type(layer).from_config({**config, "use_bias": False} if isinstance(layer, layers.Dense) else config)

    assert all(
        layer.bias is None
        for layer in kerata.models.clone_model(model, clone_function=widen, recursive=True)._flatten_layers()
        if isinstance(layer, layers.Dense)
    )
    called = []
    kerata.models.clone_model(model, call_function=lambda layer, *a, **k: called.append(layer.name) or layer(*a, **k))
    assert sorted(set(called)) == sorted(layer.name for layer in model.layers if not isinstance(layer, layers.InputLayer))
    twin = kerata.models.clone_model(model, clone_function=lambda layer: layer)
    assert twin.get_layer("shared") is model.get_layer("shared")
    new = kerata.Input((4,))
    assert kerata.models.clone_model(small(), input_tensors=new).inputs[0] is new
    with pytest.raises(ValueError, match="`call_function` is for functional models"):
        kerata.models.clone_model(small(), call_function=lambda layer, x: layer(x))


def halved(x):
    return x / 2


def test_clones_take_functions_of_the_program():
    given = kerata.Input((4,))
    model = kerata.Model(given, layers.Lambda(halved)(layers.Dense(3, activation=halved)(given)))
    chain = kerata.Sequential([kerata.Input((4,)), layers.Dense(3, activation=halved), layers.Lambda(halved)])
    for one in (model, chain):
        twin = kerata.models.clone_model(one)
        twin.set_weights(one.get_weights())
        np.testing.assert_array_equal(predictions(twin), predictions(one))


# Writes that are cut off

WRITER = """
import numpy as np, kerata
from kerata import layers
model = kerata.Sequential([kerata.Input((64,)), layers.Dense(256), layers.Dense(64)])
number = 0
while True:
    number += 1
    model.set_weights([np.full(w.shape, number, w.dtype) for w in model.get_weights()])
    model.save({path!r})
    print(number, flush=True)
"""


def run_python(code, **kwargs):
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, **kwargs
    )


def test_a_kill_leaves_the_old_file_or_the_new_one(path):
    process = run_python(WRITER.format(path=str(path)))
    assert process.stdout is not None
    seen = set()
    try:
        process.stdout.readline()
        for round in range(6):
            time.sleep(0.011 * round)
            os.kill(process.pid, signal.SIGSTOP)
            # A stopped process is at any point of a write; what another program sees then is what a kill leaves.
            values = {float(v) for w in kerata.saving.load_model(path).get_weights() for v in np.unique(w)}
            assert len(values) == 1
            seen |= values
            os.kill(process.pid, signal.SIGCONT)
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.kill()
        process.communicate()
    values = {float(v) for w in kerata.saving.load_model(path).get_weights() for v in np.unique(w)}
    assert len(values) == 1 and len(seen) > 1


FULL = """
import signal, resource, sys, kerata
from kerata import layers
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
model = kerata.Sequential([kerata.Input((64,)), layers.Dense(4096)])
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    getattr(model, sys.argv[1])(sys.argv[2])
except OSError as error:
    print("refused", error)
"""


@pytest.mark.parametrize(("method", "name"), [("save", "m.keras"), ("save_weights", "m.weights.h5")])
def test_a_full_disk_leaves_the_old_file(tmp_path, method, name):
    file = tmp_path / name
    getattr(small(), method)(file)
    before = file.read_bytes()
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    code = f"import sys; sys.argv = ['', {method!r}, {str(file)!r}]\n{FULL}"
    out, err = run_python(code).communicate(timeout=120)
    assert "refused" in out and "room for the file" in out and name in out, out + err
    assert file.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [name]


# Files of strangers


def rewrite(path, change=None, weights=None, members=None):
    """The same file with another description, other weights or further members."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    if change is not None:
        config = json.loads(content["config.json"])
        content["config.json"] = json.dumps(change(config) or config).encode()
    if weights is not None:
        buffer = io.BytesIO(content["model.weights.h5"])
        with h5py.File(buffer, "r+") as file:
            weights(file)
        content["model.weights.h5"] = buffer.getvalue()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {**content, **(members or {})}.items():
            archive.writestr(name, data)


def first_layer(config):
    return config["config"]["layers"][1]


SYSTEM = {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"}
BAD_CONFIGS = {
    "a function of os": lambda c: first_layer(c)["config"].update(activation=SYSTEM),
    "a class of subprocess": lambda c: first_layer(c).update(module="subprocess", class_name="Popen", config={"args": "id"}),
    "builtins": lambda c: first_layer(c)["config"].update(
        activation={"module": "builtins", "class_name": "function", "config": "eval", "registered_name": "function"}
    ),
    "a function of keras that loads": lambda c: first_layer(c)["config"].update(
        activation={"module": "keras.saving", "class_name": "function", "config": "load_model", "registered_name": None}
    ),
    "a download": lambda c: first_layer(c)["config"].update(
        kernel_initializer={"module": "keras.utils", "class_name": "get_file", "config": {"origin": "http://x"}}
    ),
    "deep in a dict": lambda c: c["compile_config"].update(loss={"a": [{"b": SYSTEM}]}),
    "a loss": lambda c: c["compile_config"].update(loss=SYSTEM),
    "the model itself": lambda c: c.update(module="os", class_name="system", config={"command": "id"}),
    "no model": lambda c: {"module": "keras.layers", "class_name": "Dense", "config": {"units": 1}},
    "a reference": lambda c: first_layer(c)["config"].update(
        activation={"class_name": "__reference__", "config": {"index": 0}}
    ),
    "an object array": lambda c: first_layer(c)["config"].update(
        bias_initializer={"class_name": "__numpy__", "config": {"value": [1], "dtype": "O"}}
    ),
    "a huge type": lambda c: first_layer(c)["config"].update(
        bias_initializer={"class_name": "__numpy__", "config": {"value": [b"1".decode()], "dtype": "V999999999999"}}
    ),
    "a type": lambda c: first_layer(c)["config"].update(activation={"class_name": "__typespec__", "config": []}),
    "a class name that is no name": lambda c: first_layer(c).update(class_name=["Dense"]),
    "a config that is no dict": lambda c: first_layer(c).update(config="os.system"),
    "a layer of any size": lambda c: first_layer(c)["config"].update(units=10**12),
    "many large layers": lambda c: (
        [layer["config"].update(units=10**5) for layer in c["config"]["layers"] if "units" in layer["config"]] and None
    ),
    "bytecode": lambda c: first_layer(c).update(
        class_name="Lambda", config={"function": {"class_name": "__lambda__", "config": {"value": ["4wAAAA==", None, None]}}}
    ),
}


@pytest.fixture
def untouched(monkeypatch):
    """Fails the test if anything is run, imported by name, or unpickled."""
    calls = []
    for module, name in ((os, "system"), (subprocess, "Popen"), (pickle, "loads"), (pickle, "load")):
        monkeypatch.setattr(module, name, lambda *a, _name=name, **k: calls.append(_name))
    monkeypatch.setattr("importlib.import_module", lambda *a, **k: calls.append("import_module"))
    yield
    assert calls == []


@pytest.mark.parametrize("name", BAD_CONFIGS)
@pytest.mark.parametrize("safe_mode", [True, False])
def test_descriptions_can_only_name_what_is_registered(path, name, safe_mode, untouched):
    small().save(path)
    rewrite(path, BAD_CONFIGS[name])
    with pytest.raises((TypeError, ValueError)) as caught:
        kerata.saving.load_model(path, safe_mode=safe_mode)
    assert "Received" in str(caught.value) or "description" in str(caught.value)
    if name == "bytecode":
        assert "never runs code that a file carries" in str(caught.value)


def test_deep_descriptions_are_refused(path):
    small().save(path)
    deep: dict = {}
    for _ in range(3000):
        deep = {"a": deep}
    with zipfile.ZipFile(path) as archive:
        config = archive.read("config.json").decode()
        weights = archive.read("model.weights.h5")
    nested = '{"a":' * 100_000 + "1" + "}" * 100_000
    for text in (nested, config.replace('"rate"', f'"b": {nested}, "rate"'), "[1]", "{", '{"a": 1}'):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", text)
            archive.writestr("model.weights.h5", weights)
        with pytest.raises((ValueError, TypeError), match=r"description|unknown argument"):
            kerata.saving.load_model(path)


def graph_with(change):
    def apply(config):
        layers_of = {layer["name"]: layer for layer in config["config"]["layers"]}
        change(layers_of, config["config"])

    return apply


ONES = {
    "module": "keras.src.ops.numpy",
    "class_name": "Add",
    "config": {"name": "n"},
    "name": "n",
    "inbound_nodes": [{"args": [1, 2], "kwargs": {}}],
}
BAD_GRAPHS = {
    "a call without inputs": (lambda found, c: c["layers"].append(ONES), "output of another layer"),
    "an unknown operation": (lambda found, c: c["layers"].append({**ONES, "class_name": "System"}), "does not know"),
    "a loop": (
        lambda found, c: found["shared"]["inbound_nodes"][0]["args"][0]["config"].update(keras_history=["add", 0, 0]),
        "lead back",
    ),
    "a layer that is not there": (
        lambda found, c: found["shared"]["inbound_nodes"][0]["args"][0]["config"].update(keras_history=["zz", 0, 0]),
        "not there",
    ),
    "a place that is no place": (
        lambda found, c: found["shared"]["inbound_nodes"][0]["args"][0]["config"].update(keras_history={"a": 1}),
        "layer, call, output",
    ),
    "an output that is not there": (lambda found, c: c.update(output_layers=[["add", 0, 9]]), "not there"),
    "a call that is not there": (lambda found, c: c.update(output_layers=[["add", 9, 0]]), "not there"),
    "two layers of a name": (lambda found, c: c["layers"].append(found["shared"]), "name of its own"),
    "no list of layers": (lambda found, c: c.update(layers={}), "must be a list"),
    "the old format": (lambda found, c: found["shared"].update(inbound_nodes=[[["a", 0, 0, {}]]]), "Keras 1 and 2"),
    "no layer": (
        lambda found, c: found["shared"].update(module="keras.losses", class_name="MeanSquaredError", config={}),
        "a layer was",
    ),
}


@pytest.mark.parametrize("name", BAD_GRAPHS)
def test_graphs_that_make_no_sense_are_refused(path, name):
    functional().save(path)
    change, text = BAD_GRAPHS[name]
    rewrite(path, graph_with(change))
    with pytest.raises((ValueError, TypeError), match=text):
        kerata.saving.load_model(path)


KERNEL = "layers/dense/vars/0"


def external_link(file, tmp_path):
    del file[KERNEL]
    file[KERNEL] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "x")


def external_group(file, tmp_path):
    del file["layers/dense"]
    file["layers/dense"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/")


def soft_link(file, tmp_path):
    del file[KERNEL]
    file[KERNEL] = h5py.SoftLink("/layers/dense_1/vars/0")


def external_storage(file, tmp_path):
    del file[KERNEL]
    file.create_dataset(KERNEL, (4, 3), "float32", external=[(str(tmp_path / "secret.h5"), 0, 48)])


def virtual(file, tmp_path):
    del file[KERNEL]
    layout = h5py.VirtualLayout((4, 3), "float32")
    layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "x", (4, 3))
    file.create_virtual_dataset(KERNEL, layout)


def claims_terabytes(file, tmp_path):
    del file[KERNEL]
    file.create_dataset(KERNEL, (10**7, 10**6), "float32", chunks=(1000, 1000), compression="gzip")


def references(file, tmp_path):
    del file[KERNEL]
    file.create_dataset(KERNEL, (4, 3), h5py.ref_dtype)


def texts(file, tmp_path):
    del file[KERNEL]
    file.create_dataset(KERNEL, data=[["a"] * 3] * 4, dtype=h5py.string_dtype())


def a_group(file, tmp_path):
    del file[KERNEL]
    file.create_group(KERNEL)


def a_plugin(file, tmp_path):
    del file[KERNEL]
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((4, 3))
    plist.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, ())
    space = h5py.h5s.create_simple((4, 3))
    h5py.h5d.create(file["layers/dense/vars"].id, b"0", h5py.h5t.IEEE_F32LE, space, plist)


def missing(file, tmp_path):
    del file["layers/dense"]


BAD_WEIGHTS = [
    (external_link, "without links"),
    (external_group, "without links"),
    (soft_link, "without links"),
    (external_storage, "not point to other files"),
    (virtual, "not point to other files"),
    (claims_terabytes, "must have shape"),
    (references, "array of numbers"),
    (texts, "array of numbers"),
    (a_group, "an array was expected"),
    (a_plugin, "by a plug-in"),
    (missing, "must hold 2 weights"),
]


@pytest.mark.parametrize(("change", "text"), BAD_WEIGHTS, ids=[change.__name__ for change, _ in BAD_WEIGHTS])
def test_weights_cannot_point_elsewhere(path, tmp_path, change, text):
    with h5py.File(tmp_path / "secret.h5", "w") as secret:
        secret["x"] = np.full((4, 3), 7.0, "float32")
        secret["vars/0"], secret["vars/1"] = np.full((4, 3), 7.0, "float32"), np.full(3, 7.0, "float32")
    model = small()
    model.save(path)
    rewrite(path, weights=lambda file: change(file, tmp_path))
    with pytest.raises(ValueError, match=text):
        kerata.saving.load_model(path)
    file = tmp_path / "m.weights.h5"
    with zipfile.ZipFile(path) as archive:
        file.write_bytes(archive.read("model.weights.h5"))
    before = model.get_weights()
    with pytest.raises(ValueError, match=text):
        model.load_weights(file)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "..\\evil"])
def test_members_with_odd_names_are_refused(path, name):
    small().save(path)
    rewrite(path, members={name: b"x"})
    with pytest.raises(ValueError, match="inside its own folder"):
        kerata.saving.load_model(path)


def test_members_that_lie_are_refused(path):
    small().save(path)
    with zipfile.ZipFile(path) as archive:
        config, weights = archive.read("config.json"), archive.read("model.weights.h5")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", config)
        archive.writestr("model.weights.h5", b"\0" * (2**20 * 120))
    with pytest.raises(ValueError, match="claims a size"):
        kerata.saving.load_model(path)
    with zipfile.ZipFile(path, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        for _ in range(2):
            archive.writestr("config.json", config)
    with pytest.raises(ValueError, match="each member once"):
        kerata.saving.load_model(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", config)
    with pytest.raises(ValueError, match=r"must hold model\.weights\.h5"):
        kerata.saving.load_model(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", config)
        archive.writestr("model.weights.h5", weights[:500])
    with pytest.raises(ValueError, match="not a file of weights"):
        kerata.saving.load_model(path)


def test_a_custom_object_wins_over_nothing_else(path):
    model = kerata.Sequential([kerata.Input((4,)), Doubled(3.0)])
    model.save(path)
    assert kerata.saving.load_model(path).layers[0].factor == 3.0
    with kerata.saving.custom_object_scope({"tests>Doubled": Doubled}):
        assert isinstance(kerata.saving.load_model(path).layers[0], Doubled)
