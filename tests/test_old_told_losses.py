"""What logs of `tf.keras` tell where a program has its own `compute_loss`, its own metrics, or measures layers under a tape.

The numbers are those of `tf_keras` 2.21.
"""

import numpy as np
import pytest

from kerata.legacy import tfkeras2
from kerata.legacy.tensorflow import names

tf = names.build("tfkeras2")[""]
keras, layers = tfkeras2, tfkeras2.layers
X = np.array([[1.0, 0.0], [0.5, -1.0], [2.0, 1.0], [0.0, 3.0]], "float32")
Y = np.array([[0.5], [-1.0], [2.0], [1.0]], "float32")


class Added(keras.models.Model):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
        return super().compute_loss(x, y, y_pred, sample_weight) + 0.1 * tf.reduce_mean(y_pred**2)


class Doubled(keras.models.Model):
    def compute_loss(self, x, y, y_pred, sample_weight):
        return 2.0 * self.compiled_loss(y, y_pred, sample_weight, regularization_losses=self.losses)


class Tracking(Added):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.tracker = keras.metrics.Mean(name="total")

    def train_step(self, data):
        return super().train_step(data)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
        loss = super().compute_loss(x, y, y_pred, sample_weight)
        self.tracker.update_state(loss)
        return loss


class Same(keras.models.Model):
    """A model that holds a metric of the name of the loss, and does not use it."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.tracker, self.more = keras.metrics.Mean(name="loss"), keras.metrics.Mean(name="more")


class Own(Same):
    @property
    def metrics(self):
        return [self.more, self.tracker]

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self(x, training=True) - y) ** 2)
        self.optimizer.minimize(loss, self.trainable_variables, tape=tape)
        self.tracker.update_state(loss)
        return {"loss": self.tracker.result()}


# History, what evaluate() gives, metrics_names, kernel.
ADDED = {"loss": [1.31661, 0.37591], "mae": [0.94825, 0.57186], "val_loss": [0.42251, 0.09852], "val_mae": [0.6078, 0.24095]}
DOUBLED = {"loss": [1.32096, 2.02536], "mae": [0.919, 1.29362], "val_loss": [2.74493, 4.03614], "val_mae": [1.46144, 1.5623]}
TOTALS = {"total": [1.76816, 0.42083], "val_total": [0.4651, 0.23014]}
SAME = {"loss": [0, 0], "mae": [0.9595, 0.37202], "more": [0, 0]}
SAME |= {"val_loss": [0, 0], "val_mae": [0.3988, 0.22711], "val_more": [0, 0]}
TOLD = {
    Added: (ADDED, [0.09852, 0.24095], ["loss", "mae"], [0.82659, 0.53029]),
    Doubled: (DOUBLED, [4.03614, 1.5623], ["loss", "mae"], [1.2815, 1.4736]),
    Tracking: (ADDED | TOTALS, [0.09852, 0.24095, 0.23014], ["loss", "mae", "total"], [0.82659, 0.53029]),
    Same: (SAME, [0, 0.22711, 0, 0], ["loss", "mae", "loss", "more"], [0.84679, 0.52544]),
    Own: ({"loss": [1.33563, 0.18462], "val_more": [0, 0], "val_loss": [0, 0]}, [0, 0], ["more", "loss"], [0.85052, 0.52593]),
}


@pytest.mark.parametrize("kind", TOLD)
def test_logs_tell_the_loss_of_compile_and_every_metric(kind):
    history, scores, known, kernel = TOLD[kind]
    x = keras.Input((2,))
    model = kind(x, layers.Dense(1, kernel_initializer="ones", kernel_regularizer="l2")(x))
    model.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"])
    found = model.fit(X, Y, batch_size=2, epochs=2, shuffle=False, verbose=0, validation_data=(X, Y)).history
    assert set(found) == set(history)
    for name, values in history.items():
        np.testing.assert_allclose(found[name], values, atol=2e-5)
    np.testing.assert_allclose(model.evaluate(X, Y, verbose=0), scores, atol=2e-5)
    assert model.metrics_names == known
    np.testing.assert_allclose(np.ravel(model.get_weights()[0]), kernel, atol=2e-5)


class Measured(layers.Layer):
    def call(self, x):
        self.add_metric(tf.reduce_sum(x), name="total", aggregation="mean")
        return x * 1.5


def test_a_layer_measures_what_a_tape_follows():
    layer, v = Measured(), tf.Variable([1.0, 2.0])
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            z = tf.reduce_sum(layer(v[None]) ** 2)
        size = tf.reduce_sum(inner.gradient(z, v) ** 2)
    assert outer.gradient(size, v).numpy().tolist() == [40.5, 81.0]
    assert float(layer.metrics[0].result()) == 3.0


def test_a_tape_names_the_variables_that_it_was_told_to_watch():
    v = tf.Variable([1.0])
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(v)
    assert [one is v for one in tape.watched_variables()] == [True]


def test_modules_know_the_modules_below():
    class Net(tf.Module):
        def __init__(self):
            super().__init__()
            self.a = [tf.Module(name="x")]
            self.b = {"k": layers.Dense(2)}

    assert [type(one).__name__ for one in Net().submodules] == ["Module", "Dense"]
