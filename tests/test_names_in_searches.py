"""What gets no name is called alike in all trials of a search."""

import numpy as np
import pytest

import kerata
from kerata import layers
from kerata.search import run

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3)).astype("float32")
Y = [X[:, :1], X[:, 1:3]]


def with_two_outputs(hp, *before):
    inputs = hidden = kerata.Input((3,))
    for layer in before:
        hidden = layer(hidden)
    model = kerata.Model(inputs, [layers.Dense(1)(hidden), layers.Dense(2)(hidden)])
    model.compile(kerata.optimizers.SGD(hp.float("rate", 0.01, 0.1)), ["mse", "mae"])
    return model


def test_outputs_without_names():
    kerata.utils.clear_session()
    given = {"cv": 2, "trials": 3, "epochs": 1, "storage": None, "verbose": 0}
    study = run(with_two_outputs, X, Y, objective="val_dense_1_loss", **given)
    assert [trial.state for trial in study.trials] == ["complete"] * 3
    assert {tuple(sorted(trial.histories[0])) for trial in study.trials} == {
        ("dense_1_loss", "dense_loss", "loss", "val_dense_1_loss", "val_dense_loss", "val_loss")
    }
    assert set(study.best.refit(verbose=0).history.history) == {"dense_1_loss", "dense_loss", "loss"}
    # What is made afterwards has names of its own.
    assert layers.Dense(1).name not in {layer.name for layer in study.best.models[0].layers}


def test_a_builder_that_keeps_a_layer():
    outer, kept = layers.Dense(4), []

    def build(hp):
        if not kept:
            kept.append(layers.Dense(4))
        return with_two_outputs(hp, outer, kept[0])

    study = run(build, X, Y, cv=2, trials=3, epochs=1, storage=None, verbose=0)
    assert [trial.state for trial in study.trials] == ["complete"] * 3


def test_a_name_that_stands_twice_in_the_builder():
    def build(hp):
        return with_two_outputs(hp, layers.Dense(2, name="a"), layers.Dense(2, name="a"))

    with pytest.raises(ValueError, match='the name "a" is used 2 times'):
        run(build, X, Y, cv=2, trials=2, epochs=1, storage=None, verbose=0)
