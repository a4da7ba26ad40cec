"""What an examination leaves behind: nothing. What is trained after it is bit for bit what it would have been."""

import numpy as np
import pytest

import kerata
from kerata import layers, optimizers
from kerata.engine import program
from quickly import slow

RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 6)).astype("float32")
Y = (X[:, 0] * X[:, 1] > 0).astype("int32")


def plain():
    """Draws, moving statistics, slots of an optimizer and a penalty: all that has a state."""
    hidden = [layers.Dense(8, activation="relu", kernel_regularizer="l2"), layers.BatchNormalization(), layers.Dropout(0.3)]
    model = kerata.Sequential([kerata.Input((6,)), *hidden, layers.Dense(1, activation="sigmoid")])
    model.compile(optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy", "AUC"])
    return model, X, {"validation_split": 0.25}


def stateful():
    """States that go on from batch to batch."""
    model = kerata.Sequential(
        [kerata.Input(batch_shape=(8, 6, 1)), layers.LSTM(4, stateful=True), layers.Dense(1, activation="sigmoid")]
    )
    model.compile(optimizers.SGD(0.1, momentum=0.9), "binary_crossentropy", metrics=["accuracy"])
    return model, X[..., None], {"shuffle": False}


def live(make, experiments: bool | None, watch: bool = False):
    """A life of a model, with an examination in its middle or without, and how many programs its second half took."""
    kerata.utils.set_random_seed(7)
    np.random.seed(7)
    model, x, fitting = make()
    fitting = {"batch_size": 8, "verbose": 0, "epochs": 3, **fitting}

    def go(**more):
        history = model.fit(x, Y, **fitting, **more)
        measured = model.evaluate(x, Y, batch_size=8, verbose=0)
        return history, measured, model.predict(x, batch_size=8, verbose=0).tobytes()

    history, *_ = go()
    if experiments is not None:
        history.examine(experiments=experiments)
    before = dict(program.counts)
    history, measured, said = go(watch=watch)
    made = {name: count - before[name] for name, count in program.counts.items()}
    arrays = [v.numpy().tobytes() for v in (*model.variables, *model.optimizer.variables)]
    draws = (np.random.random(3).tobytes(), kerata.random.uniform((3,)).tobytes(), model.history is history)
    return (history.history, measured, said, arrays, draws), made


@pytest.mark.parametrize("make", [slow(plain), stateful])
def test_a_model_that_was_examined_goes_on_as_if_it_had_not_been(make):
    expected, made = live(make, None)
    assert not any(made.values()), made
    for experiments, watch in ((True, False), (False, True), (None, True)):
        found, made = live(make, experiments, watch)
        assert not any(made.values()), made
        assert found == expected
