"""What histories and measures of several outputs are called, and their order. The numbers are those of `tf_keras` 2.21."""

import numpy as np
import pytest

from kerata.legacy import keras2
from kerata.legacy import tfkeras2 as keras
from kerata.legacy.tensorflow import names

tf = names.build("tfkeras2")[""]
X = np.arange(12, dtype="float32").reshape(6, 2) / 10
Y = np.arange(6, dtype="float32")[:, None] / 5
WEIGHTS = np.array([1, 2, 0.5, 1, 3, 1], "float32")


def h(y_true, y_pred):
    return tf.reduce_mean(tf.abs(y_true - y_pred), axis=-1)


def whole(y_true, y_pred):
    return tf.reduce_mean(tf.abs(y_true - y_pred))


def model_of(room=keras, as_dict=False, kind=None):
    inputs = room.layers.Input((2,))
    outputs = [room.layers.Dense(1, name=name)(inputs) for name in "ab"]
    model = (kind or room.models.Model)(inputs, {"p": outputs[0], "q": outputs[1]} if as_dict else outputs)
    model.set_weights([np.array([[0.5], [-0.25]], "float32"), np.zeros(1, "float32")] * 2)
    return model


LOSSES = ["loss", "a_loss", "b_loss"]
CASES = {
    "for all": ({"metrics": [h]}, [*LOSSES, "a_h", "b_h"]),
    "by output": ({"metrics": {"a": h, "b": [h, "mae"]}}, [*LOSSES, "a_h", "b_h", "b_mae"]),
    "objects": (
        {"metrics": [[keras.metrics.MeanAbsoluteError()], ["mse", keras.metrics.MeanAbsoluteError(name="z")]]},
        [*LOSSES, "a_mean_absolute_error", "b_mse", "b_z"],
    ),
    "weighted": (
        {"metrics": ["mae"], "weighted_metrics": ["mse", h]},
        [*LOSSES, "a_mae", "a_mse", "a_h", "b_mae", "b_mse", "b_h"],
    ),
    "one loss": ({"loss": {"b": "mse"}, "metrics": {"b": [h]}}, ["loss", "b_loss", "b_h"]),
}


@pytest.mark.parametrize("case", CASES)
def test_names_begin_with_those_of_outputs(case):
    arguments, expected = CASES[case]
    model = model_of()
    model.compile("sgd", **{"loss": "mse", **arguments})
    for _ in range(2):
        assert list(model.fit(X, [Y, Y * 2], verbose=0).history) == expected
    assert model.metrics_names == expected == [one.name for one in model.metrics]
    assert list(model.evaluate(X, [Y, Y * 2], verbose=0, return_dict=True)) == expected


def test_outputs_in_a_dict_are_called_by_their_layers():
    model = model_of(as_dict=True)
    model.compile("sgd", {"p": "mse", "q": "mae"}, metrics={"p": h, "q": ["mae"]})
    history = model.fit(X, {"p": Y, "q": Y * 2}, batch_size=3, shuffle=False, validation_split=0.5, verbose=0).history
    expected = {"loss": 0.42063, "a_loss": 0.04562, "b_loss": 0.375, "a_h": 0.175, "b_mae": 0.375}
    assert list(history)[:5] == list(expected)
    assert {name: history[name][0] for name in expected} == pytest.approx(expected, abs=1e-5)


def test_outputs_without_a_graph():
    class Two(keras.Model):
        def __init__(self):
            super().__init__()
            self.a, self.b = keras.layers.Dense(1), keras.layers.Dense(1)

        def call(self, inputs):
            return self.a(inputs), self.b(inputs)

    model = Two()
    model.compile("sgd", "mse", metrics=["mae"])
    history = model.fit(X, (Y, Y), verbose=0).history
    assert list(history) == ["loss", "output_1_loss", "output_2_loss", "output_1_mae", "output_2_mae"]


def test_own_steps_tell_each_output():
    class Own(keras.Model):
        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                predicted = self(x, training=True)
                loss = self.compiled_loss(y, predicted)
            self.optimizer.minimize(loss, self.trainable_variables, tape=tape)
            self.compiled_metrics.update_state(y, predicted)
            return {one.name: one.result() for one in self.metrics}

    model = model_of(kind=Own)
    model.set_weights([np.ones((2, 1), "float32"), np.zeros(1, "float32")] * 2)
    model.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"], weighted_metrics=["mse"])
    history = model.fit(X, [Y, Y * 2], epochs=2, batch_size=3, shuffle=False, verbose=0).history
    expected = {
        "loss": [0.40227, 0.09262],
        "a_loss": [0.39472, 0.09075],
        "b_loss": [0.00755, 0.00187],
        "a_mae": [0.55257, 0.24394],
        "a_mse": [0.39472, 0.09075],
        "b_mae": [0.0857, 0.03876],
        "b_mse": [0.00755, 0.00187],
    }
    assert list(history) == list(expected)
    for name, values in expected.items():
        assert history[name] == pytest.approx(values, abs=1e-5)


def test_a_number_of_the_batch_counts_with_the_sum_of_its_weights():
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    model.set_weights([np.array([[0.5], [-0.25]], "float32"), np.zeros(1, "float32")])
    model.compile("sgd", "mse", metrics=[whole], weighted_metrics=[whole])
    found = model.evaluate(X, Y, sample_weight=WEIGHTS, batch_size=4, return_dict=True, verbose=0)
    assert found == pytest.approx({"loss": 0.3521354, "whole": 0.475, "weighted_whole": 0.4617647})


def test_keras_2_orders_them_likewise():
    model = model_of(keras2)
    model.compile("sgd", "mse", metrics=["mae"], weighted_metrics=["mse"])
    expected = [*LOSSES, "a_mae", "a_mse", "b_mae", "b_mse"]
    model.fit(X, [Y, Y * 2], verbose=0)
    assert model.metrics_names == expected
