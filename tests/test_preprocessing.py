"""Layers that adapt to data: accuracy, what they take, how they stand in a model, and messages."""

import copy

import numpy as np
import pandas
import pytest

import kerata
from kerata.layers import Dense, Normalization

TABLE = np.random.default_rng(0).normal(3.0, 5.0, (40, 6)).astype("float32")


def fresh(*layers):
    return kerata.Sequential([kerata.Input((6,)), *layers])


def test_sums_are_kept_in_double_precision():
    """Years and the like: far from zero beside their spread, where sums in single precision lose everything."""
    data = 1e6 + np.random.default_rng(0).normal(size=(400_000, 3))
    mean, variance = Normalization().measure(data)
    np.testing.assert_allclose(mean, data.mean(0), rtol=1e-12)
    np.testing.assert_allclose(variance, data.var(0), rtol=1e-7)


@pytest.mark.parametrize("kind", ["frame", "lists", "torch", "whole numbers"])
def test_other_forms_of_data(kind):
    layer, table = Normalization(), np.round(TABLE)
    if kind == "frame":
        data = pandas.DataFrame(table)
    elif kind == "torch":
        data = pytest.importorskip("torch", reason="torch is no dependency").tensor(table)
    else:
        data = table.tolist() if kind == "lists" else table.astype("int64")
    layer.adapt(data)
    np.testing.assert_allclose(layer.get_weights()[0], table.mean(0), rtol=1e-6)
    np.testing.assert_allclose(layer.get_weights()[1], table.var(0), rtol=1e-5)


def test_the_optimizer_leaves_the_statistics_alone():
    layer = Normalization()
    layer.adapt(TABLE)
    before = layer.get_weights()
    model = fresh(layer, Dense(1))
    model.compile("sgd", "mse")
    model.fit(TABLE, TABLE[:, :1], epochs=2, verbose=0)
    for a, b in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not layer.trainable_weights and layer.trainable


def test_statistics_are_values_of_the_program():
    """Adapting again takes effect at once, in a program that is there already."""
    layer = Normalization()
    layer.adapt(TABLE)
    model = fresh(layer)
    np.testing.assert_allclose(model.predict(TABLE, verbose=0).std(0), 1.0, rtol=1e-4)
    layer.adapt(TABLE * 4)
    np.testing.assert_allclose(model.predict(TABLE, verbose=0).std(0), 0.25, rtol=1e-4)


def test_copies_hold_statistics_of_their_own():
    layer = Normalization()
    layer.adapt(TABLE)
    model = fresh(layer, Dense(1))
    twins = [copy.deepcopy(model), kerata.models.clone_model(model)]
    twins[1].set_weights(model.get_weights())
    layer.adapt(TABLE * 2)
    for twin in twins:
        twin.predict(TABLE, verbose=0)
        np.testing.assert_allclose(twin.layers[0].get_weights()[0], TABLE.mean(0), rtol=1e-5)


@pytest.mark.parametrize("action", ["call", "predict", "fit"])
def test_a_layer_that_was_not_adapted_is_refused(action):
    """Also where an equal model was adapted before, so that its program is there."""
    known = Normalization()
    known.adapt(TABLE)
    for layer in (known, Normalization(name="ages")):
        model = fresh(layer, Dense(1))
        model.compile("sgd", "mse")
        actions = {
            "call": lambda m=model: m(TABLE),
            "predict": lambda m=model: m.predict(TABLE, verbose=0),
            "fit": lambda m=model: m.fit(TABLE, TABLE[:, :1], verbose=0),
        }
        if layer is known:
            actions[action]()
            continue
        with pytest.raises(ValueError, match=r"Normalization \(ages\): `adapt\(\)` must be called before .* ages.adapt"):
            actions[action]()
        layer.adapt(TABLE)
        actions[action]()


def test_data_that_is_standardized_already_counts_as_adapted():
    layer = Normalization()
    layer.adapt(np.array([[-1.0], [1.0]]))
    np.testing.assert_array_equal(layer(np.array([[2.0]])), [[2.0]])


def adapted(data, **arguments):
    layer = Normalization(**arguments)
    layer.adapt(data)
    return layer


MESSAGES = [
    (lambda: Normalization(axis=1.5), TypeError, "`axis` must be an integer, a tuple of integers or None"),
    (lambda: Normalization(mean=1.0), ValueError, "both `mean` and `variance` must be set"),
    (lambda: Normalization(mean=1.0, variance=[1.0]), ValueError, "must have one shape"),
    (lambda: Normalization(mean=[[1.0]], variance=[[1.0]]), ValueError, "of at most 1 axes"),
    (lambda: Normalization(mean=[1.0, 2.0], variance=[1.0, 2.0])(TABLE), ValueError, r"must broadcast to the features, \(6,\)"),
    (lambda: Normalization(axis=2)(TABLE), ValueError, "All `axis` values must be in the range"),
    (lambda: fresh(Normalization(axis=0)), ValueError, "must have a known size"),
    (lambda: adapted(TABLE, mean=1.0, variance=1.0), ValueError, "for a layer without `mean` and `variance`"),
    (lambda: adapted(None), TypeError, "takes an array or batches"),
    (lambda: adapted("table.csv"), TypeError, "takes an array or batches"),
    (lambda: adapted({"a": TABLE}), TypeError, "takes an array or batches"),
    (lambda: adapted([{"a": TABLE}]), TypeError, "takes one array a batch"),
    (lambda: adapted(np.array([["a"], ["b"]])), TypeError, "must hold numbers"),
    (lambda: adapted([]), ValueError, "at least one sample"),
    (lambda: adapted(iter([])), ValueError, "at least one sample"),
    (lambda: adapted(TABLE[:0]), ValueError, "at least one sample"),
    (lambda: adapted(np.where(TABLE > 9, np.nan, TABLE)), ValueError, "must be finite"),
    (lambda: adapted([TABLE, TABLE[:, :5]]), ValueError, r"features of shape \(6,\). Received: shape=\(40, 5\)"),
    (lambda: adapted([TABLE, TABLE[None]]), ValueError, "expected 2 axes"),
]


@pytest.mark.parametrize(("action", "kind", "text"), MESSAGES, ids=[text[:40] for _, _, text in MESSAGES])
def test_message(action, kind, text):
    with pytest.raises(kind, match=text):
        action()


def test_a_failed_adapt_changes_nothing():
    layer = adapted(TABLE)
    before = layer.get_weights()
    with pytest.raises(ValueError, match="must be finite"):
        layer.adapt(TABLE * np.inf)
    for a, b in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_only_the_inputs_of_numbered_batches_are_looked_at():
    class Pictures(kerata.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            return np.full((4, 2), float(index)), np.zeros((1,)), np.ones((7,))

    layer = Normalization()
    layer.adapt(Pictures())
    np.testing.assert_allclose(layer.mean, [[1.0, 1.0]])


def test_bounds_between_whole_numbers():
    layer = kerata.layers.Discretization([0.5, 1.5])
    assert layer(np.arange(4)).tolist() == [0, 1, 2, 2] and layer(np.arange(4, dtype="uint8")).tolist() == [0, 1, 2, 2]
    inputs = kerata.Input((1,), dtype="int32")
    assert kerata.Model(inputs, layer(inputs)).predict(np.array([[0], [1], [2]]), verbose=0).tolist() == [[0], [1], [2]]
    # Numbers of Python's alone.
    assert int(layer(1.2)) == 1 and kerata.layers.CategoryEncoding(3, "one_hot")(1).tolist() == [[0.0, 1.0, 0.0]]
