"""Targets of one number a sample, as own losses and measures got them from `fit`: columns, as the predictions are."""

import numpy as np
import pytest

import kerata

X = np.random.RandomState(0).rand(10, 3).astype("float32")
Y = (np.arange(10) % 2).astype("float32")


def model_of(keras):
    return keras.models.Sequential([keras.layers.Dense(1, activation="sigmoid", input_shape=(3,))])


@pytest.mark.parametrize("era", ["keras2", "tfkeras2"])
def test_an_own_metric_gets_columns(era):
    keras = getattr(kerata.legacy, era)
    K, shapes = keras.backend, []

    class Missed(keras.metrics.Metric):
        def __init__(self, name="missed", **kwargs):
            super().__init__(name=name, **kwargs)
            self.total = self.add_weight(name="total", initializer="zeros")
            self.count = self.add_weight(name="count", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            shapes.append((len(y_true.shape), len(y_pred.shape)))
            weight = 1.0 if sample_weight is None else sample_weight
            self.total.assign_add(K.sum(K.abs(y_true - y_pred) * weight))
            self.count.assign_add(K.sum(K.ones_like(y_pred) * weight))

        def result(self):
            return self.total / self.count

    model = model_of(keras)
    model.compile("sgd", "mse", metrics=[Missed()], weighted_metrics=[Missed(name="weighted")])
    weights = np.arange(10).astype("float32")
    found = model.evaluate(X, Y, sample_weight=weights, batch_size=4, verbose=0)
    errors = np.abs(model.predict(X)[:, 0] - Y)
    assert found[1:] == pytest.approx([errors.mean(), (errors * weights).sum() / weights.sum()], rel=1e-5)
    assert set(shapes) == {(2, 2)}


def test_an_own_loss_of_tf_keras_gets_columns():
    keras = kerata.legacy.tfkeras2

    class Cubed(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return keras.backend.mean(keras.backend.abs(y_true - y_pred) ** 3, axis=-1)

    model = model_of(keras)
    model.compile("sgd", Cubed())
    errors = np.abs(model.predict(X)[:, 0] - Y)
    assert model.evaluate(X, Y, verbose=0) == pytest.approx((errors**3).mean(), rel=1e-5)
    # By hand it gets what it is given: 10 by 10 differences here.
    rows = np.abs(Y[None] - np.ones((10, 1), "float32")) ** 3
    assert float(Cubed()(Y, np.ones((10, 1), "float32"))) == pytest.approx(rows.mean(), rel=1e-5)
