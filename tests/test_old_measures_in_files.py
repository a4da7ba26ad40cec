"""Measures in `.h5` files: as `tf_keras` 2.21 writes and names them, and as it reads those that are written here."""

import json

import h5py
import numpy as np
import pytest

import kerata
from kerata.legacy import keras2, tfkeras2
from kerata.saving.legacy.measuring import explicit, name_of_then

layers, models = tfkeras2.layers, tfkeras2.models
x = np.random.RandomState(0).rand(8, 4).astype("float32")
y, z = np.arange(8) % 3, x[:, :1]


def network(two=False):
    entry = tfkeras2.Input((4,))
    ends = [layers.Dense(3, activation="softmax", name="cls")(entry), layers.Dense(1, name="reg")(entry)]
    return models.Model(entry, ends if two else ends[0])


def wrapped(function, name):
    return {"class_name": "MeanMetricWrapper", "config": {"dtype": "float32", "fn": function, "name": name}}


def classed(name, called):
    return {"class_name": name, "config": {"name": called, "dtype": "float32"}}


SPARSE, ACCURACY = "sparse_categorical_crossentropy", "sparse_categorical_accuracy"
# Of what `compile` was given: what tf_keras wrote, how it named the measures after reading, what is written here.
CASES = {
    "short": ({"metrics": ["acc"]}, [[wrapped(ACCURACY, "acc")]], ["acc"], [classed("SparseCategoricalAccuracy", "acc")]),
    "long": (
        {"metrics": ["accuracy", "sparse_top_k_categorical_accuracy"]},
        [[wrapped(ACCURACY, "accuracy"), wrapped("sparse_top_k_categorical_accuracy", "sparse_top_k_categorical_accuracy")]],
        ["accuracy", "sparse_top_k_categorical_accuracy"],
        [
            classed("SparseCategoricalAccuracy", "accuracy"),
            classed("SparseTopKCategoricalAccuracy", "sparse_top_k_categorical_accuracy"),
        ],
    ),
    "weighted": (
        {"weighted_metrics": ["acc"]},
        [[wrapped(ACCURACY, "acc")]],
        ["acc"],
        [classed("SparseCategoricalAccuracy", "acc")],
    ),
    "several outputs": (
        {"metrics": {"cls": "accuracy", "reg": ["mae", "mse"]}},
        [
            [wrapped(ACCURACY, "cls_accuracy")],
            [wrapped("mean_absolute_error", "reg_mae"), wrapped("mean_squared_error", "reg_mse")],
        ],
        ["cls_loss", "reg_loss", "cls_accuracy", "reg_mae", "reg_mse"],
        {
            "cls": classed("SparseCategoricalAccuracy", "cls_accuracy"),
            "reg": [classed("MeanAbsoluteError", "reg_mae"), classed("MeanSquaredError", "reg_mse")],
        },
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_measures_of_files(tmp_path, case):
    given, written, names, ours = CASES[case]
    (kind,) = given
    two = case == "several outputs"
    model = network(two)
    model.compile("adam", {"cls": SPARSE, "reg": "mse"} if two else SPARSE, **given)
    path = str(tmp_path / "model.h5")
    targets = [y, z] if two else y
    scores = model.evaluate(x, targets, verbose=0)
    model.save(path)
    with h5py.File(path, "r+") as file:
        training = json.loads(file.attrs["training_config"])
        assert training[kind] == ours
        again = models.load_model(path)
        assert again.metrics_names == ["loss", *names]
        np.testing.assert_allclose(again.evaluate(x, targets, verbose=0), scores, rtol=1e-6)
        training[kind] = written
        file.attrs["training_config"] = json.dumps(training)
    again = models.load_model(path)
    assert again.metrics_names == ["loss", *names]
    np.testing.assert_allclose(again.evaluate(x, targets, verbose=0), scores, rtol=1e-6)
    history = again.fit(x, targets, validation_data=(x, targets), verbose=0).history
    assert sorted(history) == sorted(["loss", "val_loss", *names, *(f"val_{name}" for name in names)])


def test_losses_of_classes_are_without_what_tf_keras_does_not_know(tmp_path):
    model = network()
    model.compile("adam", tfkeras2.losses.SparseCategoricalCrossentropy())
    model.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5") as file:
        loss = json.loads(file.attrs["training_config"])["loss"]
    assert loss["class_name"] == "SparseCategoricalCrossentropy" and "axis" not in loss["config"]


@pytest.mark.parametrize(
    ("measures", "loss", "widths", "wanted"),
    [
        ("acc", "mse", [1], classed("BinaryAccuracy", "acc")),
        (["acc"], "mse", [3], ["acc"]),
        (["acc"], "binary_crossentropy", [3], [classed("CategoricalAccuracy", "acc")]),
        (["acc"], {"class_name": "CategoricalCrossentropy", "config": {}}, [3], [classed("CategoricalAccuracy", "acc")]),
        (["own", "cosine_similarity"], "mse", [1], ["own", "cosine_similarity"]),
        (None, "mse", [1], None),
        (["acc"], "mse", [3, 1], ["acc"]),
    ],
)
def test_explicit(measures, loss, widths, wanted):
    assert explicit(measures, loss, ["a", "b"][: len(widths)], widths) == wanted


def test_names_of_then():
    assert name_of_then("out_1_acc", ACCURACY) == "acc"
    assert name_of_then("f1", "f1") == "f1" and name_of_then(None, "f1") == "f1"
    assert name_of_then("sparse_top_k_categorical_accuracy", "sparse_top_k_categorical_accuracy").startswith("sparse_top_k")


def test_metrics_of_one_name_tell_a_number_each(tmp_path):
    """`tf_keras` reads and writes them under these names."""
    model = network(two=True)
    given = {"cls": tfkeras2.metrics.SparseCategoricalAccuracy(name="m"), "reg": tfkeras2.metrics.MeanAbsoluteError(name="m")}
    model.compile("adam", {"cls": SPARSE, "reg": "mse"}, metrics=given)
    wanted = model.evaluate(x, [y, z], verbose=0, return_dict=True)
    assert list(wanted)[-2:] == ["cls_m", "reg_m"]
    model.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5") as file:
        metrics = json.loads(file.attrs["training_config"])["metrics"]
    assert metrics == {"cls": classed("SparseCategoricalAccuracy", "cls_m"), "reg": classed("MeanAbsoluteError", "reg_m")}
    for load in (models.load_model, kerata.models.load_model):
        found = load(tmp_path / "model.h5").evaluate(x, [y, z], verbose=0, return_dict=True)
        assert sorted(found) == sorted(wanted)
        assert found["cls_m"] == pytest.approx(wanted["cls_m"]) and found["reg_m"] == pytest.approx(wanted["reg_m"])


@pytest.mark.parametrize("place", ["model.h5", "folder"])
@pytest.mark.parametrize("keras", [tfkeras2, keras2], ids=["tfkeras2", "keras2"])
def test_own_functions_with_the_names_of_built_in_ones_stay_own(keras, place, tmp_path):
    """As `tf_keras` reads them, and what it wrote."""
    backend = keras.backend

    def own(name, factor):
        def function(y_true, y_pred):
            return factor * backend.mean(backend.square(y_true - y_pred), axis=-1)

        function.__name__ = name
        return function

    mse, accuracy, binary = own("mse", 100.0), own("accuracy", 1000.0), own("binary_accuracy", 10.0)
    model = keras.models.Sequential([keras.layers.Dense(2, input_shape=(4,))])
    model.compile("sgd", loss=mse, metrics=[accuracy, binary, "mae"])
    wanted = model.evaluate(x, x[:, :2], verbose=0)
    assert wanted[1] == pytest.approx(10 * wanted[0]) and wanted[2] == pytest.approx(wanted[0] / 10)
    model.save(str(tmp_path / place))
    known = {"mse": mse, "accuracy": accuracy, "binary_accuracy": binary}
    again = keras.models.load_model(str(tmp_path / place), custom_objects=known)
    np.testing.assert_allclose(again.evaluate(x, x[:, :2], verbose=0), wanted, rtol=1e-6)
    if place == "model.h5" and keras is tfkeras2:
        with h5py.File(tmp_path / place) as file:
            written = json.loads(file.attrs["training_config"])
        assert written["loss"] == "mse"
        assert written["metrics"] == [wrapped("accuracy", "accuracy"), "binary_accuracy", classed("MeanAbsoluteError", "mae")]


def test_a_function_that_is_called_as_a_registered_one_stays_ones_own(tmp_path):
    def registered(factor, package):
        def twice_named(y_true, y_pred):
            return factor * tfkeras2.backend.mean(tfkeras2.backend.square(y_true - y_pred), axis=-1)

        return tfkeras2.utils.register_keras_serializable(package)(twice_named) if package else twice_named

    registered(7.0, "of_files_a")
    own = registered(1.0, "")
    model = tfkeras2.models.Sequential([layers.Dense(2, input_shape=(4,))])
    model.compile("sgd", loss=own, metrics=[own])
    wanted = model.evaluate(x, x[:, :2], verbose=0)
    model.save(str(tmp_path / "model.h5"))
    again = models.load_model(str(tmp_path / "model.h5"), custom_objects={"twice_named": own})
    np.testing.assert_allclose(again.evaluate(x, x[:, :2], verbose=0), wanted, rtol=1e-6)
    # Of two packages nobody knows which is meant.
    registered(9.0, "of_files_b")
    with pytest.raises(ValueError, match="twice_named"):
        models.load_model(str(tmp_path / "model.h5"))


def test_calls_by_name_alone(tmp_path):
    entry = tfkeras2.Input((4, 3))
    states = layers.Dense(3, name="states")(entry)
    model = models.Model(entry, layers.MultiHeadAttention(2, 4, name="attention")(value=states, query=entry))
    with pytest.warns(UserWarning, match="further arguments"):
        model.save(str(tmp_path / "model.h5"))
    with h5py.File(tmp_path / "model.h5") as file:
        parts = json.loads(file.attrs["model_config"])["config"]["layers"]
    (call,) = [part["inbound_nodes"] for part in parts if part["name"] == "attention"]
    # As `tf_keras` writes it: what the call takes first, and the others beside it.
    assert call == [[[entry.name, 0, 0, {"value": ["states", 0, 0]}]]]
    data = np.random.RandomState(1).rand(2, 4, 3)
    again = models.load_model(str(tmp_path / "model.h5"))
    np.testing.assert_array_equal(again.predict(data, verbose=0), model.predict(data, verbose=0))
