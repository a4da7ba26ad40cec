"""What a model draws at random where it is validated is what a plain loop of `fit` draws there."""

import numpy as np
import pytest

import kerata
from kerata import layers
from kerata.populations import fit_many
from kerata.search import HyperParameters, compare, cross_validate, run
from kerata.search.space import Recorded

X = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
FOLDS = [(np.arange(28), np.arange(28, 40)), (np.arange(12, 40), np.arange(12))]


class Sampling(layers.Layer):
    """Noise from a generator of its own."""

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.generator = kerata.random.SeedGenerator(seed)

    def call(self, x):
        return x + kerata.random.normal(kerata.ops.shape(x), seed=self.generator)


class Noise(layers.Layer):
    """Noise from the generator without an owner."""

    def call(self, x):
        return x + kerata.random.normal(kerata.ops.shape(x))


DRAWS = {
    "a seed": lambda x: Sampling(1)(x),
    "no seed": lambda x: Sampling()(x),
    "no generator": lambda x: Noise()(x),
    "dropout left on": lambda x: layers.Dropout(0.5)(x, training=True),
}


def build(draws, rate):
    inputs = kerata.Input((3,))
    model = kerata.Model(inputs, layers.Dense(3)(DRAWS[draws](layers.Dense(4)(inputs))))
    model.compile(kerata.optimizers.SGD(rate), "mse")
    return model


def loop(draws, rate, place, train, held):
    kerata.utils.set_random_seed(3 + place)
    given = {"validation_data": (X[held], X[held]), "seed": 3 + place, "verbose": 0}
    return build(draws, rate).fit(X[train], X[train], epochs=2, batch_size=8, **given).history["val_loss"]


@pytest.mark.parametrize("draws", DRAWS)
def test_searches(draws):
    def built(hp):
        return build(draws, hp.float("rate", 0.01, 0.1))

    study = run(built, X, X, cv=FOLDS, trials=2, epochs=2, batch_size=8, seed=3, storage=None, verbose=0)
    for trial in study.trials:
        for place, fold in enumerate(FOLDS):
            wanted = loop(draws, HyperParameters(Recorded(trial.params)).float("rate", 0.01, 0.1), place, *fold)
            np.testing.assert_allclose(trial.histories[place]["val_loss"], wanted, rtol=1e-5)
    # Another pruning stops and goes on: the draws do, too.
    again = run(built, X, X, cv=FOLDS, trials=2, epochs=2, batch_size=8, seed=3, pruner="asha", storage=None, verbose=0)
    scores = {trial.number: trial.scores for trial in study.trials}
    assert all(trial.scores == scores[trial.number] for trial in again.trials if trial.state == "complete")


@pytest.mark.parametrize("draws", ["a seed", "dropout left on"])
def test_folds(draws):
    result = cross_validate(build(draws, 0.05), X, X, cv=FOLDS, epochs=2, batch_size=8, seed=3)
    assert "draws at random in validation" in result.way
    for place, fold in enumerate(FOLDS):
        np.testing.assert_allclose(result.histories[place]["val_loss"], loop(draws, 0.05, place, *fold), rtol=1e-5)


def test_where_nothing_is_validated_and_nothing_drawn_members_stay_together():
    many = fit_many(build("a seed", 0.05), X, X, seeds=[1, 2], epochs=1)
    assert "draws" not in str(many.notes)
    dropped = kerata.Sequential([kerata.Input((3,)), layers.Dropout(0.5), layers.Dense(3)])
    dropped.compile("sgd", "mse")
    assert "draws" not in cross_validate(dropped, X, X, cv=2, epochs=1).way
    found = compare(build("no seed", 0.05), X, X, optimizers=["sgd", "adam"], repeats=2, epochs=1, validation_split=0.25)
    assert found.best in ("sgd", "adam")
