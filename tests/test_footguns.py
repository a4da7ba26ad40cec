"""Surprises of compiled programs: what a person would expect, and that it is so."""

import numpy as np
import pytest

import kerata
from kerata import layers

X = np.random.default_rng(0).normal(size=(10, 3)).astype("float32")
Y = X.sum(1, keepdims=True)


def make(*parts, loss="mse", **arguments):
    """A model of three features that predicts 0 at first."""
    model = kerata.Sequential([kerata.Input((3,)), *parts, layers.Dense(1, kernel_initializer="zeros")])
    model.compile(arguments.pop("optimizer", "sgd"), loss, **arguments)
    return model


def squares_about(center):
    return lambda y_true, y_pred: (y_pred - center) ** 2


LOSSES = {
    "mse": np.mean(Y**2), "mae": np.mean(np.abs(Y)), squares_about(1.0): 1.0, squares_about(2.0): 4.0,
    kerata.losses.Huber(delta=0.5): np.mean(np.where(np.abs(Y) < 0.5, Y**2 / 2, 0.5 * np.abs(Y) - 0.125)),
}  # fmt: skip


@pytest.mark.parametrize("run", ["fit", "evaluate", "train_on_batch"])
def test_models_that_differ_in_the_loss_alone_share_no_program(run):
    """Programs are found again by structure, and the loss is part of it; so is what a loss of one's own closes over."""
    actions = {"fit": lambda m: m.fit(X, Y, verbose=0).history["loss"][0], "evaluate": lambda m: m.evaluate(X, Y, verbose=0),
               "train_on_batch": lambda m: m.train_on_batch(X, Y)}  # fmt: skip
    for loss, expected in LOSSES.items():
        np.testing.assert_allclose(actions[run](make(loss=loss)), expected, rtol=1e-5)
