"""Where a loss became NaN in the midst of a run: the rate, a layer, or the loss; told apart by trials."""

import numpy as np
import pytest

import kerata
from kerata import layers, ops, optimizers
from quickly import slow

pytestmark = pytest.mark.filterwarnings("ignore:fit. the loss became NaN:UserWarning")
X = np.random.default_rng(0).normal(size=(400, 4)).astype("float32")
Y = (X.sum(1, keepdims=True) > 0).astype("float32")


class Root(layers.Layer):
    def call(self, inputs):
        return ops.sqrt(inputs + 0.05)


def examined(parts, loss, optimizer, y, epochs):
    model = kerata.Sequential([kerata.Input((4,)), *parts])
    model.compile(optimizer, loss)
    history = model.fit(X, y, epochs=epochs, verbose=0, seed=0)
    # Experiments are left out where a busy machine has no time for them.
    return history, history.examine(seconds=120)[0]


@pytest.mark.parametrize("rate", [0.02, slow(0.002)])
def test_a_layer_that_gives_nan_later(rate):
    parts = [
        layers.Dense(8, activation="tanh"),
        layers.Dense(1, kernel_initializer="zeros"),
        Root(name="root"),
        layers.Dense(1),
    ]
    history, finding = examined(parts, "mse", optimizers.Adam(rate), -5 * Y, 8)
    assert finding.kind == "layer_gives_nan" and "root is the first layer to give NaN" in finding.sentence
    assert finding.evidence["step"] == history.bad_step > 1 and finding.evidence["trial"] > 1


def test_a_loss_whose_slope_becomes_infinite():
    def own_loss(y_true, y_pred):
        return -ops.mean(y_true * ops.log(y_pred) + (1 - y_true) * ops.log(1 - y_pred))

    parts = [layers.Dense(32, activation="relu"), layers.Dense(1, activation="sigmoid", name="out")]
    _, finding = examined(parts, own_loss, optimizers.Adam(0.3), Y, 60)
    assert finding.kind == "layer_gives_nan" and "what follows out has an infinite slope" in finding.sentence


@pytest.mark.parametrize(("rate", "part", "less"), [(9.0, "hundredth", "0.09"), (1.0, "tenth", "0.1")])
def test_a_rate_that_is_too_high(rate, part, less):
    _, finding = examined([layers.Dense(8), layers.Dense(1)], "mse", optimizers.SGD(rate), Y, 8)
    assert finding.kind == "diverged" and f"A trial with a {part} of it stayed finite" in finding.sentence
    assert f"SGD({less}, " in finding.try_
