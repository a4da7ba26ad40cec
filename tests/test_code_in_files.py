"""Functions of Lambda layers in files: their code is written as Keras writes it, and never run where it is read."""

import functools
import gc
import json
import subprocess
import sys
import warnings

import h5py
import keras
import numpy as np
import pytest

import kerata
from kerata import layers
from kerata.base import functions
from kerata.legacy import keras1, keras2, tfkeras2

X = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
NEEDED = "the file holds the code of functions"
pytestmark = pytest.mark.filterwarnings("ignore:.*(the file holds the code|Keras 3 does not read Lambda)")


def chain(function, name="head", **kwargs):
    return kerata.Sequential([kerata.Input((3,)), layers.Dense(2), layers.Lambda(function, name=name, **kwargs)])


def scaled(by):
    return lambda x: x * by


def shifted(by):
    return lambda x, shift=by: x + shift


def masked(by):
    def function(x):
        return x - by

    return function


def written(model, way, folder):
    """What loads a model again after it was written in some way."""
    if way == "json":
        text = model.to_json()
        return lambda **kwargs: kerata.models.model_from_json(text, **kwargs)
    if way == "config":
        return lambda **kwargs: type(model).from_config(model.get_config(), **kwargs)
    path = folder / f"{model.name}.{way}"
    model.save(path)
    return lambda **kwargs: kerata.saving.load_model(path, **kwargs)


WAYS = ("keras", "h5", "json", "config")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("make", [scaled, shifted])
def test_a_program_finds_its_own_functions_and_tells_them_by_what_they_hold(tmp_path, way, make):
    models = [chain(make(by)) for by in (2, 2.0, True, 3)]
    loads = [written(model, way, tmp_path) for model in models]
    for model, load in zip(models, loads, strict=True):
        assert load().layers[-1].function is model.layers[-1].function


@pytest.mark.parametrize("way", WAYS)
def test_functions_that_close_over_arrays_are_told_apart_and_never_mixed(tmp_path, way):
    models = [chain(scaled(np.full(2, by, "float32"))) for by in (2, 3)]
    loads = [written(model, way, tmp_path) for model in models]
    for model, load in zip(models, loads, strict=True):
        assert load().layers[-1].function is model.layers[-1].function
    if way in ("keras", "h5"):
        # What has no words in JSON is not kept alive either, and then nobody knows it.
        del model, models
        gc.collect()
        with pytest.raises(ValueError, match=r"layer head.*never runs code.*custom_objects=\{'head'"):
            loads[0]()
        assert loads[0](custom_objects={"head": lambda x: x}).layers[-1].function(5) == 5


def test_functions_of_one_code_with_other_globals_are_refused(tmp_path):
    code = compile("function = lambda x: x * scale", "cell", "exec")
    spaces = [{"scale": 2}, {"scale": 3}]
    for space in spaces:
        exec(code, space)
    models = [chain(space["function"]) for space in spaces]
    models[0].save(tmp_path / "m.keras")
    with pytest.raises(ValueError, match="never runs code that a file carries"):
        kerata.saving.load_model(tmp_path / "m.keras")


def test_another_program_asks_for_the_function_unless_it_builds_the_same(tmp_path):
    """A program that builds the model anew has the functions of the file; one that does not must pass them."""
    program = (
        "import sys, warnings, numpy as np, kerata\n"
        "def model(by): return kerata.Sequential([kerata.Input((3,)), kerata.layers.Lambda(lambda x: x + by, name='own')])\n"
        "one = model(int(sys.argv[2]))\n"
        "if sys.argv[1] == 'write':\n"
        "    warnings.simplefilter('ignore')\n"
        "    one.save('m.keras')\n"
        "else:\n"
        "    print(np.asarray(kerata.saving.load_model('m.keras').layers[-1].function(1.0)))\n"
    )
    (tmp_path / "program.py").write_text(program)

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "program.py", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )

    assert run("write", "4").returncode == 0
    assert run("read", "4").stdout.strip() == "5.0"
    assert "layer own: a lambda in a file is program code" in run("read", "5").stderr


def test_saving_says_once_what_other_programs_need(tmp_path):
    model = kerata.Sequential([kerata.Input((3,)), layers.Lambda(lambda x: x / 255), layers.Lambda(scaled(3), name="own")])
    for end, also in (("keras", ""), ("h5", "Keras 3 does not read Lambda layers from an '.h5' file; ")):
        with pytest.warns(UserWarning) as caught:
            model.save(tmp_path / f"m.{end}")
        assert len(caught) == 1
        assert str(caught[0].message).startswith(f"Sequential ({model.name}): {also}{NEEDED}")
        assert str(caught[0].message).endswith("layers=['own']. Other programs pass custom_objects={'own': function}.")
        assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        chain(lambda x: x / 127.5 - 1).save(tmp_path / "known.keras")


def test_training_goes_on_whatever_a_layer_calls(tmp_path):
    class Own:
        def __call__(self, x):
            return x * 2

    for function in (
        scaled(2),
        scaled(np.ones(2)),
        functools.partial(kerata.ops.multiply, 2),
        Own(),
        masked(1),
        lambda x, *, by=2: x * by,
    ):
        model = chain(function)
        model.compile("sgd", "mse")
        model.fit(X, X[:, :2], verbose=0, callbacks=[kerata.callbacks.ModelCheckpoint(tmp_path / "m.keras")])
        model.save(tmp_path / "m.h5")
        for name in ("m.keras", "m.h5"):
            again = kerata.saving.load_model(tmp_path / name, custom_objects={"head": function, "function": function})
            np.testing.assert_allclose(again.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-6)
            other = chain(lambda x: x)
            other.load_weights(tmp_path / name)
            np.testing.assert_array_equal(other.layers[0].kernel, model.layers[0].kernel)
    with pytest.raises(TypeError, match=r"'head'.*custom_objects"):
        chain(Own()).from_config(chain(Own()).get_config())


@pytest.mark.parametrize("era", ["keras1", "keras2", "tfkeras2"])
def test_old_programs_keep_their_lambdas(tmp_path, era):
    """Named functions too, whose code Keras 2 and `tf.keras` wrote as well."""
    library = {"keras1": keras1, "keras2": keras2, "tfkeras2": tfkeras2}[era]
    L, K = library.layers, library.backend
    head = L.Lambda(lambda x: x * 2 + 1, output_shape=lambda shape: shape)
    model = library.models.Sequential([L.Dense(2, input_dim=3), head, L.Lambda(masked(1)), L.Lambda(K.abs, name="size")])
    model.compile("sgd", "mse")
    model.fit(X, X[:, :2], verbose=0, callbacks=[library.callbacks.ModelCheckpoint(str(tmp_path / "m.h5"))])
    for twin in (library.models.load_model(str(tmp_path / "m.h5")), library.models.model_from_json(model.to_json())):
        twin.set_weights(model.get_weights())
        assert type(twin.layers[1]) is L.Lambda
        kernel, bias = model.get_weights()
        np.testing.assert_allclose(twin.predict(X), np.abs((X @ kernel + bias) * 2), rtol=1e-5, atol=1e-6)
    with h5py.File(tmp_path / "m.h5") as file:
        config = json.loads(file.attrs["model_config"])["config"]["layers"][-3]["config"]
    assert config["function_type"] == config["output_shape_type"] == "lambda"
    assert [type(part) for part in config["function"]] == [str, type(None), type(None)]


def test_named_functions_are_found_by_their_names_as_well(tmp_path):
    model = chain(masked(np.float32(2)))
    model.save(tmp_path / "m.h5")
    named = chain(masked(2))
    named.save(tmp_path / "n.h5")
    known = functions._known.copy()
    functions._known.clear()
    try:
        found = kerata.saving.load_model(tmp_path / "n.h5", custom_objects={"function": masked(3)})
        with pytest.raises(ValueError, match=r"custom_objects=\{'head': function\}"):
            kerata.saving.load_model(tmp_path / "n.h5")
    finally:
        functions._known.update(known)
    assert found.layers[-1].function(3) == 0


def test_masks_and_shapes_come_back_where_the_program_has_them(tmp_path):
    mask = lambda x, given=None: np.ones((4,), bool)  # noqa: E731
    model = chain(lambda x: x[:, :1] * 3, mask=mask, output_shape=lambda shape: (shape[0], 1))
    for way in ("keras", "h5"):
        again = written(model, way, tmp_path)()
        assert again.layers[-1].mask is mask
        assert again.layers[-1]._output_shape is model.layers[-1]._output_shape
    known = functions._known.copy()
    functions._known.clear()
    try:
        with pytest.warns(UserWarning, match="the mask that layer head makes is left out"):
            again = kerata.saving.load_model(tmp_path / f"{model.name}.h5", custom_objects={"head": lambda x: x[:, :1]})
    finally:
        functions._known.update(known)
    assert again.layers[-1].mask is None


def test_the_table_of_functions_is_bounded():
    kept = functions._known.copy()
    try:
        for by in range(functions.MOST_KNOWN + 10):
            functions.remember(scaled(by))
        assert len(functions._known) == functions.MOST_KNOWN
        assert functions.find_function(functions.write_function(scaled(functions.MOST_KNOWN))) is not None
    finally:
        functions._known.clear()
        functions._known.update(kept)


def test_functions_without_a_name_elsewhere_are_written_too(tmp_path):
    model = kerata.Sequential([kerata.Input((3,)), layers.Dense(2, activation=lambda x: x * 2)])
    model.compile("sgd", lambda y, p: abs(y - p))
    with pytest.warns(UserWarning, match="what compile"):
        model.save(tmp_path / "m.keras")
    assert kerata.saving.load_model(tmp_path / "m.keras").layers[0].activation is model.layers[0].activation
    with pytest.warns(UserWarning, match="what compile"):
        model.save(tmp_path / "m.h5")
    again = kerata.saving.load_model(tmp_path / "m.h5", custom_objects={"<lambda>": model.layers[0].activation})
    np.testing.assert_allclose(again.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-6)


def test_old_descriptions_call_functions_without_a_name_as_they_did():
    double = lambda x: x * 2  # noqa: E731
    model = keras2.models.Sequential([keras2.layers.Dense(2, input_dim=3, activation=double)])
    text = model.to_json()
    assert json.loads(text)["config"]["layers"][0]["config"]["activation"] == "<lambda>"
    again = keras2.models.model_from_json(text, custom_objects={"<lambda>": double})
    assert again.layers[0].activation is double


def test_keras_reads_the_code(tmp_path):
    model = chain(scaled(2.5))
    model.save(tmp_path / "m.keras")
    theirs = keras.models.load_model(tmp_path / "m.keras", safe_mode=False)
    np.testing.assert_allclose(theirs.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-6)
    # And the other way round: the program's own function for what Keras wrote of it, or the formula that it is.
    theirs = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: x * 4, name="head")])
    theirs.save(tmp_path / "k.keras")
    with pytest.warns(UserWarning, match=r"layer head reads as x \* 4"):
        ours = kerata.saving.load_model(tmp_path / "k.keras")
    np.testing.assert_allclose(ours.predict(X, verbose=0), theirs.predict(X, verbose=0), rtol=1e-6)


@pytest.mark.parametrize("way", ["h5", "keras"])
def test_arrays_among_the_arguments_stay_arrays(tmp_path, way):
    factor = np.array([1.0, 2.0], "float32")
    model = chain(lambda x, factor: x - factor, arguments={"factor": factor})
    again = written(model, way, tmp_path)()
    np.testing.assert_array_equal(again.layers[-1].arguments["factor"], factor)
    np.testing.assert_allclose(again.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-6)
    if way == "h5":
        with h5py.File(tmp_path / f"{model.name}.h5") as file:
            config = json.loads(file.attrs["model_config"])["config"]["layers"][-1]["config"]
        assert config["arguments"] == {"factor": {"type": "ndarray", "value": [1.0, 2.0]}}
