"""What is said while a model is trained: by a `Doctor`, and by `fit` before the first step."""

import numpy as np
import pytest

import kerata
from kerata import layers, optimizers
from kerata.callbacks import Doctor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 3)).astype("float32")
Y = (X[:, 0] > 0).astype("int32")


def network(activation, optimizer, loss="binary_crossentropy"):
    kerata.utils.set_random_seed(0)
    model = kerata.Sequential([kerata.Input((3,)), layers.Dense(1, activation=activation, name="last")])
    model.compile(optimizer, loss, metrics=["accuracy"])
    return model


@pytest.mark.filterwarnings("ignore:fit. the loss became NaN")
def test_nan_is_said_with_the_layer(capsys):
    doctor = Doctor()
    network(None, optimizers.SGD(1e6), "mse").fit(X, Y, epochs=20, batch_size=8, verbose=0, callbacks=doctor)
    said = capsys.readouterr().out
    assert "diverging" in doctor.said or "not_finite" in doctor.said
    assert doctor.said[-1] == "not_finite" and "NaN or infinite in epoch" in said and "weights is last" in said


def test_a_frozen_model_stands_still_and_beats_no_baseline(capsys):
    model = network("sigmoid", optimizers.SGD(0.0))
    model.fit(X, np.zeros(64), epochs=6, verbose=0, watch=True)
    said = capsys.readouterr().out
    assert "has stood still at" in said and said.count("stood still") == 1
    assert "after 5 epochs the accuracy is" in said and "largest class gives 1" in said


def test_a_loss_that_is_nothing_may_grow():
    doctor = Doctor()
    doctor.model = network("sigmoid", "sgd")
    for epoch, loss in enumerate((8e-9, 3e-9, 6e-9, 9e-9, 3e-8)):
        doctor.on_epoch_end(epoch, {"loss": loss})
    assert doctor.said == []
    for epoch, loss in enumerate((0.8, 0.3, 0.6, 0.9, 3.0)):
        doctor.on_epoch_end(epoch, {"loss": loss})
    assert doctor.said == ["diverging"]


def test_nothing_is_said_of_a_good_run(capsys):
    network("sigmoid", optimizers.SGD(1.0)).fit(X, Y, epochs=8, batch_size=8, verbose=0, watch=True)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("activation", "loss", "y", "words"),
    [
        ("softmax", "binary_crossentropy", Y, "always 1"),
        ("sigmoid", "mse", Y * 10.0, "sigmoid gives 0 to 1"),
        ("relu", "mae", Y - 3.0, "relu gives 0 and up"),
    ],
    ids=["softmax", "sigmoid", "relu"],
)
def test_what_is_certain_is_said_before_the_first_step(activation, loss, y, words, capsys):
    model = network(activation, "sgd", loss)
    model.fit(X, y, epochs=1, verbose=2)
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("fit: the output") and words in first
    model.fit(X, y, epochs=1, verbose=0)
    assert capsys.readouterr().out == ""


def test_nothing_is_said_of_targets_that_can_be_reached(capsys):
    network("sigmoid", "sgd", "mse").fit(X, Y, epochs=1, verbose=2)
    assert "fit:" not in capsys.readouterr().out
