"""Files of Keras 1, Keras 2, `tf.keras` and Keras 3's `.h5`: real ones of strangers, and one small one of each kind."""

import json
import marshal
import warnings

import h5py
import numpy as np
import pytest

import kerata
from kerata import layers
from kerata.saving import FileError
from kerata.saving.legacy.bytecode import read_formula
from kerata.saving.legacy.formulas import formula, spell

# Real files

LOADS = (
    "1524045patrick__CarND-BehavioiurCloning-P3__model-51420213.h5",
    "1524045patrick__CarND-BehavioiurCloning-P3__model.h5",
    "1524045patrick__CarND-BehavioiurCloning-P3__model.json",
    "2dongheee__Udacity-CarND-Behavioral-Cloning-P3__model.json",
    "98mprice__mario-level-generator__model.keras",
    "ASSIST-IoT-SRIPAS__infinitime-heart-rate__model.h5",
    "CDT406__CDT406-EMG-2__gru_model.keras",
    "CDT406__CDT406-EMG-2__model.keras",
    "CristianTurcin__server4lstm__bilstm_model.h5",
    "CristianTurcin__server4lstm__bilstm_model.keras",
    "HuynhAnhDuy__carcinogenicity_predictor__bilstm_model.keras",
    "MichaelHopf__CarND-Behavioral-Cloning-P3__model.hdf5",
    "RishithaKota__Siamese-Network-for-Face-Verification__siamese_model.keras",
    "amanramanandsharma__yoga-pose-classifier__weights.best.hdf5",
    "bharadwaj-vedula__Stock-Market-Prediction-from-scratch__gru_model.h5",
    "fastmachinelearning__example-models__KERAS_3layer.json",
    "fastmachinelearning__example-models__KERAS_3layer_weights.h5",
    "fastmachinelearning__example-models__KERAS_conv1d.json",
    "fastmachinelearning__example-models__KERAS_conv1d_weights.h5",
    "fastmachinelearning__example-models__keras_3layer_batch_norm.h5",
    "fastmachinelearning__example-models__keras_conv1d.h5",
    "fastmachinelearning__example-models__keras_conv2d_model.h5",
    "fastmachinelearning__example-models__keras_jetTagger_Conv2D_small.h5",
    "sathyasubrahamanaya__malgan__generator.h5",
    "sathyasubrahamanaya__malgan__malGAN.h5",
    "tsekityam__p-behavioral-cloning__steering_angle-d14116fc.json",
    "tsekityam__p-behavioral-cloning__steering_angle-d14116fc.keras",
    "tsekityam__p-behavioral-cloning__steering_angle.json",
    "udnet96__lstm_seq2seq__s2s.h5",
)
NEEDS = {
    "CDT406__CDT406-EMG-2__elm_model.keras": r"'ELMModel'.*custom_objects",
    "fastmachinelearning__example-models__KERAS_3layer_binary_smaller.json": r"'BinaryDense'.*custom_objects",
    "fastmachinelearning__example-models__garnet_1layer.json": r"'GarNet'.*custom_objects",
    "fastmachinelearning__example-models__garnet_1layer_weights.h5": r"'GarNet'.*custom_objects",
    "fastmachinelearning__example-models__hgq_jet_classifier.h5": r"'FixedPointQuantizer'.*custom_objects",
    "fastmachinelearning__example-models__qkeras-v3_3layer.keras": r"'QDense'.*custom_objects",
    "fastmachinelearning__example-models__qkeras_3layer.json": r"'QDense', 'QActivation'.*custom_objects",
    "savewater1__DL4---Siamese-Network-and-Variational-AutoEncoder__vae.h5": r"layer lambda_1.*never runs code.*custom_objects",
}


@pytest.fixture
def wild(shared_data):
    folder = shared_data / "wild_models"
    if not folder.is_dir():
        pytest.skip(f"files of strangers are not there: {folder}")
    return folder, {row["file"]: row for row in json.loads((folder / "index.json").read_text())}


def load(folder, row):
    path = folder / row["file"]
    if row["format"] == "json":
        return kerata.models.model_from_json(path.read_text())
    if row["format"] != "h5-weights":
        return kerata.models.load_model(path)
    model = kerata.models.model_from_json((folder / row["architecture"]).read_text())
    model.load_weights(path)
    return model


@pytest.mark.parametrize("name", LOADS)
def test_a_real_file_loads(wild, name):
    folder, rows = wild
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model = load(folder, rows[name])
    for one in said:
        assert "is computed by a function of Kerata's" in str(one.message)
    assert model.built and model.count_params() > 0
    expected = folder / f"{name}.expected.npz"
    if expected.exists():
        with np.load(expected) as arrays:
            inputs = [arrays[key] for key in sorted(arrays) if key.startswith("x")]
            outputs = [arrays[key] for key in sorted(arrays) if key.startswith("y")]
        found = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
        for one, other in zip(found if isinstance(found, (list, tuple)) else [found], outputs, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", NEEDS)
def test_a_real_file_says_what_it_needs(wild, name):
    folder, rows = wild
    with pytest.raises(FileError, match=NEEDS[name]):
        load(folder, rows[name])


def test_every_real_file_has_a_row(wild):
    _, rows = wild
    weights_of_own_classes = {name for name, row in rows.items() if row.get("architecture") in NEEDS}
    assert set(rows) == {*LOADS, *NEEDS, *weights_of_own_classes}


def test_the_function_of_a_lambda_may_be_passed_by_the_layers_name(wild):
    folder, _ = wild
    name = "savewater1__DL4---Siamese-Network-and-Variational-AutoEncoder__vae.h5"
    model = kerata.models.load_model(folder / name, custom_objects={"lambda_1": lambda args: args[0]}, compile=False)
    found = model.predict(np.zeros((1, *model.input_shape[1:]), "float32"), verbose=0)
    assert np.isfinite(found).all()


# Formulas

BLOCKS = {
    "x / 127.5 - 1": lambda x: x / 127.5 - 1,
    "(x - 128) / 128": lambda x: (x - 128) / 128,
    "-x": lambda x: -x,
    "x ** 2": lambda x: x**2,
    "absolute(x[0] - x[1])": lambda x: K.abs(x[0] - x[1]),  # noqa: F821
    "mean(x, axis=1)": lambda x: tf.reduce_mean(x, 1),  # noqa: F821
    "sum(x, axis=-1, keepdims=True)": lambda x: K.sum(x, axis=-1, keepdims=True),  # noqa: F821
    "l2_normalize(x, axis=1)": lambda x: tf.math.l2_normalize(x, axis=1),  # noqa: F821
    "batch_dot(x[0], x[1], axes=[2, 2])": lambda x: K.batch_dot(x[0], x[1], axes=[2, 2]),  # noqa: F821
    "batch_dot(x, x)": lambda x: K.batch_dot(x, x),  # noqa: F821
    "clip(maximum(x, 0.5), min_value=-1.0, max_value=1.0)": lambda x: K.clip(K.maximum(x, 0.5), -1.0, 1.0),  # noqa: F821
    "concatenate([x[0], x[1] * 2], axis=-1)": lambda x: K.concatenate([x[0], x[1] * 2]),  # noqa: F821
    "permute_dimensions(reshape(x, shape=[-1, 4]), pattern=[1, 0])": lambda x: K.permute_dimensions(  # noqa: F821
        K.reshape(x, (-1, 4)),  # noqa: F821
        (1, 0),
    ),
}
OTHERS = (
    lambda x: open(x),  # noqa: SIM115
    lambda x: os.system("true"),  # noqa: F821
    lambda x: x.shape,
    lambda x: [y for y in x],  # noqa: C416
    lambda x: x if x else 0,
    lambda x, y: x,
    lambda x: 5,
    lambda *x: x,
    lambda x: K.sum(x, y),  # noqa: F821
    lambda x: (lambda y: y)(x),
)


@pytest.mark.parametrize("text", BLOCKS)
def test_well_known_formulas_are_read_from_instructions(text):
    assert spell(read_formula(marshal.dumps(BLOCKS[text].__code__))) == text


@pytest.mark.parametrize("function", OTHERS)
def test_other_functions_are_not(function):
    assert read_formula(marshal.dumps(function.__code__)) is None


def test_no_mutated_code_is_read_as_another_formula():
    rng = np.random.default_rng(0)
    data = marshal.dumps(BLOCKS["x / 127.5 - 1"].__code__)
    for _ in range(2000):
        changed = bytearray(data)
        for place in rng.integers(0, len(data), rng.integers(1, 4)):
            changed[place] = rng.integers(0, 256)
        found = read_formula(bytes(changed))
        # A number or an operator may have become another one; nothing else.
        assert found is None or formula(2.0, found) is not None


@pytest.mark.parametrize("steps", [["open", "x"], ["power", "x"], "y", [], ["sum", "x", {"out": 1}], {"a": 1}])
def test_formulas_are_held_to_the_list(steps):
    with pytest.raises(ValueError, match="formula"):
        formula(np.ones(3), steps)


def test_a_model_with_a_formula_is_saved_and_loaded_again(tmp_path):
    model = kerata.Sequential([kerata.Input((3,)), layers.Lambda(formula, arguments={"steps": ["divide", "x", 2]})])
    model.save(tmp_path / "m.keras")
    found = kerata.models.load_model(tmp_path / "m.keras")(np.full((1, 3), 8.0, "float32"))
    np.testing.assert_array_equal(found, np.full((1, 3), 4.0))


# Files of other kinds


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "the file is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "Git LFS"),
        (b"\x80\x04\x95abc", "pickle"),
        (b"\x1c\x00\x00\x00TFL3abc", "TensorFlow Lite"),
        (b"<!DOCTYPE html>", "HTML"),
        (b"Salted__abc", "encrypted"),
        (b'{"class_name": "Sequential"}', "without weights.*model_from_json"),
        (b"\x89HDF\r\n\x1a\n" + bytes(40), "HDF5"),
        (b"PK\x03\x04" + bytes(40), "damaged"),
        (b"anything", "damaged"),
    ],
)
def test_other_kinds_of_files_are_named(tmp_path, content, text):
    model = kerata.Sequential([kerata.Input((4,)), layers.Dense(3)])
    before = model.get_weights()
    for name in ("a.h5", "a.keras", "a.weights.h5", "a.txt"):
        (tmp_path / name).write_bytes(content)
        for call in (kerata.models.load_model, model.load_weights):
            with pytest.raises(FileError, match=text) as found:
                call(tmp_path / name)
            assert str(found.value).startswith(str(tmp_path / name))
    np.testing.assert_array_equal(before[0], model.get_weights()[0])


def test_folders_are_named(tmp_path):
    calls = (kerata.models.load_model, kerata.Sequential([kerata.Input((4,)), layers.Dense(3)]).load_weights)
    for call in calls:
        with pytest.raises(FileError, match="the folder holds no model"):
            call(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"")
    for call in calls:
        with pytest.raises(FileError, match="SavedModel of TensorFlow"):
            call(tmp_path)


def write_weights(path, groups, **attributes):
    """A file of weights as Keras 1 and 2 wrote it: layer -> [(name, array)]."""
    with h5py.File(path, "w") as file:
        for key, value in attributes.items():
            file.attrs[key] = value
        file.attrs["layer_names"] = [name.encode() for name in groups]
        for name, arrays in groups.items():
            group = file.create_group(name)
            group.attrs["weight_names"] = [array.encode() for array, _ in arrays]
            for array, value in arrays:
                group[array] = value
    return path


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def test_a_keras_1_lstm_has_twelve_arrays(tmp_path):
    """i, c, f, o with W, U, b each; the gates' hard sigmoid has the slope 0.2."""
    features, units, steps = 3, 4, 5
    shapes = {"W": (features, units), "U": (units, units), "b": (units,)}
    names = [(gate, part) for gate in "icfo" for part in shapes]
    kept = {f"lstm_1_{part}_{gate}": numbers(*shapes[part], seed=seed) for seed, (gate, part) in enumerate(names)}
    path = write_weights(tmp_path / "old.h5", {"lstm_1": list(kept.items())})
    plain = {
        "class_name": "Sequential",
        "keras_version": "1.2.2",
        "config": [
            {
                "class_name": "LSTM",
                "config": {
                    "name": "lstm_1",
                    "output_dim": units,
                    "batch_input_shape": [None, steps, features],
                    "inner_activation": "hard_sigmoid",
                    "activation": "tanh",
                    "consume_less": "cpu",
                    "forget_bias_init": "one",
                    "inner_init": "orthogonal",
                    "init": "glorot_uniform",
                    "dropout_W": 0.0,
                    "dropout_U": 0.0,
                    "return_sequences": False,
                    "input_dim": features,
                    "input_length": steps,
                },
            }
        ],
    }
    model = kerata.models.model_from_json(json.dumps(plain))
    model.load_weights(path)
    x = numbers(2, steps, features, seed=99)
    h = c = np.zeros((2, units), "float32")
    w = {key.removeprefix("lstm_1_"): value for key, value in kept.items()}

    def gate(name, now, before):
        return now @ w[f"W_{name}"] + before @ w[f"U_{name}"] + w[f"b_{name}"]

    def hard(z):
        return np.clip(0.2 * z + 0.5, 0, 1)

    for step in range(steps):
        now = x[:, step]
        i, f, o = (hard(gate(name, now, h)) for name in "ifo")
        c = f * c + i * np.tanh(gate("c", now, h))
        h = o * np.tanh(c)
    np.testing.assert_allclose(model.predict(x, verbose=0), h, rtol=1e-5, atol=1e-6)


def test_a_theano_kernel_is_turned_round(tmp_path):
    """Theano's convolution turns the kernel, whose axes are (filters, channels, rows, columns)."""
    kernel, bias = numbers(2, 3, 3, 3), numbers(2, seed=1)
    path = write_weights(tmp_path / "old.h5", {"convolution2d_1": [("convolution2d_1_W", kernel), ("convolution2d_1_b", bias)]})
    config = {"name": "convolution2d_1", "nb_filter": 2, "nb_row": 3, "nb_col": 3, "border_mode": "valid", "dim_ordering": "th"}
    config |= {"batch_input_shape": [None, 3, 5, 4], "activation": "linear", "bias": True, "subsample": [1, 1]}
    plain = {
        "class_name": "Sequential",
        "keras_version": "1.1.0",
        "config": [{"class_name": "Convolution2D", "config": config}],
    }
    model = kerata.models.model_from_json(json.dumps(plain))
    model.load_weights(path)
    x = numbers(1, 3, 5, 4, seed=2)
    expected = np.zeros((1, 2, 3, 2), "float32")
    for row in range(3):
        for column in range(2):
            patch = x[0, :, row : row + 3, column : column + 3]
            expected[0, :, row, column] = (kernel[:, :, ::-1, ::-1] * patch).sum((1, 2, 3)) + bias
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-5)


def test_names_say_which_of_two_weights_of_one_shape_is_meant(tmp_path):
    """A model within a model lists what is trained first; where it was frozen, its layers one by one."""
    inner = kerata.Sequential([kerata.Input((3,)), layers.BatchNormalization(), layers.BatchNormalization()], name="inner")
    model = kerata.Sequential([kerata.Input((3,)), inner, layers.Dense(1, name="dense")])
    parts = ("gamma", "beta", "moving_mean", "moving_variance")
    arrays = {f"bn_{n}/{part}:0": numbers(3, seed=10 * n + place) for n in range(2) for place, part in enumerate(parts)}
    dense = [("dense/kernel:0", numbers(3, 1)), ("dense/bias:0", numbers(1))]
    trained = [name for name in arrays if "moving" not in name] + [name for name in arrays if "moving" in name]
    for number, order in enumerate((trained, list(arrays))):
        path = tmp_path / f"{number}.h5"
        write_weights(path, {"inner": [(n, arrays[n]) for n in order], "dense": dense}, keras_version=b"2.3.1")
        model.load_weights(path)
        for layer, values in zip(inner.layers, (list(arrays.values())[:4], list(arrays.values())[4:]), strict=True):
            for found, value in zip(layer.get_weights(), values, strict=True):
                np.testing.assert_array_equal(found, value)


def test_weights_by_name_and_what_does_not_match(tmp_path):
    path = write_weights(
        tmp_path / "old.h5",
        {
            "first": [("first/kernel:0", numbers(4, 3)), ("first/bias:0", numbers(3))],
            "other": [("other/kernel:0", numbers(9, 9)), ("other/bias:0", numbers(9))],
        },
        keras_version=b"2.2.4",
    )
    model = kerata.Sequential([kerata.Input((4,)), layers.Dense(3, name="first"), layers.Dense(2, name="other")])
    before = model.get_weights()
    with pytest.raises(FileError, match=r"layer other.*must have shape \(3, 2\).*skip_mismatch|layer other.*must have shape"):
        model.load_weights(path)
    np.testing.assert_array_equal(before[0], model.get_weights()[0])
    with pytest.warns(UserWarning, match=r"1 layer\(s\) do not match"):
        model.load_weights(path, skip_mismatch=True)
    np.testing.assert_array_equal(model.layers[0].get_weights()[0], numbers(4, 3))
    np.testing.assert_array_equal(before[2], model.get_weights()[2])
    lone = kerata.Sequential([kerata.Input((4,)), layers.Dense(3, name="first")])
    with pytest.raises(FileError, match=r"has 1 layers with weights.*by_name=True"):
        lone.load_weights(path)
    lone.load_weights(path, by_name=True)
    np.testing.assert_array_equal(lone.get_weights()[0], numbers(4, 3))


def test_of_a_layer_that_does_not_match_the_weights_that_fit_are_taken(tmp_path):
    """As in Keras 2.3.1, `tf.keras` and Keras 3, which ask for the shape of each weight by itself."""
    arrays = [("dense/kernel:0", numbers(9, 3)), ("dense/bias:0", numbers(3))]
    path = write_weights(tmp_path / "old.h5", {"dense": arrays}, keras_version=b"2.2.4")
    model = kerata.Sequential([kerata.Input((4,)), layers.Dense(3, name="dense", kernel_initializer="ones")])
    with pytest.warns(UserWarning, match=r"dense/kernel must have shape \(4, 3\)"):
        model.load_weights(path, by_name=True, skip_mismatch=True)
    np.testing.assert_array_equal(model.get_weights()[0], np.ones((4, 3)))
    np.testing.assert_array_equal(model.get_weights()[1], numbers(3))
    lone = kerata.Sequential([kerata.Input((9,)), layers.Dense(3, name="dense", use_bias=False, kernel_initializer="ones")])
    with pytest.warns(UserWarning, match="this layer has 1 weights"):
        lone.load_weights(path, by_name=True, skip_mismatch=True)
    np.testing.assert_array_equal(lone.get_weights()[0], np.ones((9, 3)))


# YAML

YAML = """
class_name: Sequential
config:
- class_name: Dense
  config: {name: dense_1, output_dim: 3, activation: relu, batch_input_shape: !!python/tuple [null, 4], bias: true}
keras_version: 1.2.2
"""


LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


def test_descriptions_as_yaml():
    pytest.importorskip("yaml", reason="PyYAML reads descriptions of Keras 1 and 2 in YAML")
    assert kerata.models.model_from_yaml(YAML).layers[0].units == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("!!python/object/apply:os.system ['touch /tmp/kerata-was-here']", "never objects of Python"),
        ("a: !!python/name:os.system", "never objects of Python"),
        ("&x [*x]", "nested too deeply"),
        (LAUGHS, "much more"),
        ("a: [", "must be YAML"),
        ("", "empty"),
        ("- 1", "must be a dict"),
    ],
)
def test_yaml_is_plain_data(text, said):
    pytest.importorskip("yaml", reason="PyYAML reads descriptions of Keras 1 and 2 in YAML")
    with pytest.raises(FileError, match=f"^model_from_yaml: .*{said}"):
        kerata.models.model_from_yaml(text)


def test_a_file_without_arrays_is_no_file_of_a_model_with_weights(tmp_path):
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"], file.attrs["backend"] = np.array([b"flatten"]), b"tensorflow"
        file.create_group("flatten").attrs["weight_names"] = np.array([], "S1")
    for library in (kerata, kerata.legacy.tfkeras2):
        model = library.Sequential([library.layers.Input((3,)), library.layers.Dense(2)])
        with pytest.raises(ValueError, match="which has 1 layers with weights"):
            model.load_weights(str(path))
