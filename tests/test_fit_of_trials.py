"""How a trial is fitted: batch size, epochs, weights and callbacks that its builder asks for, and data of any size."""

import numpy as np
import pytest

import kerata
from kerata import callbacks, layers, search
from kerata.populations import group as groups
from kerata.search.space import Recorded

RNG = np.random.default_rng(0)
X = RNG.normal(size=(70, 3)).astype("float32")
Y = (X[:, 0] > 0.3).astype("float32")
V, W = X[::-1] * 1.5, Y[::-1] * np.linspace(0, 3, 70, dtype="float32")


def make(rate=0.1):
    model = kerata.Sequential([kerata.Input((3,)), layers.Dense(1)])
    model.compile(kerata.optimizers.SGD(rate), "mse")
    return model


def build(hp):
    model = make()
    hp.fit(
        batch_size=hp.Int("batch_size", 8, 32, step=24),
        epochs=hp.choice("epochs", [2, 3]),
        shuffle=hp.boolean("shuffle", True),
        class_weight={0: 1.0, 1: hp.choice("weight", [1.0, 4.0])},
    )
    return model


def fit_alone(params, **given):
    """The loop that a person would write."""
    with kerata.engine.random.seeded(0):
        model = make()
    fitting = {"batch_size": params["batch_size"], "epochs": params["epochs"], "shuffle": params["shuffle"], **given}
    return model.fit(X, Y, class_weight={0: 1.0, 1: params["weight"]}, seed=0, verbose=0, **fitting)


def test_each_trial_is_fitted_as_its_builder_says():
    study = search.run(
        build, X, Y, sampler="grid", trials=None, batch=5, validation_data=(V, W), epochs=9, storage=None, verbose=0
    )
    assert len(study.trials) == 16
    for trial in study.trials:
        alone = fit_alone(trial.params, validation_data=(V, W)).history
        assert len(alone["loss"]) == trial.epochs[0] == trial.params["epochs"]
        assert trial.histories[0]["loss"] == pytest.approx(alone["loss"], rel=1e-5)
        assert trial.histories[0]["val_loss"] == pytest.approx(alone["val_loss"], rel=1e-5)
    best = study.best
    again = best.refit()
    alone = fit_alone({**best.params, "epochs": best.trial.best_epochs[0]})
    assert again.history.history["loss"] == pytest.approx(alone.history["loss"], rel=1e-5)


def test_callbacks_may_depend_on_the_values():
    def patient(hp):
        hp.fit(callbacks=[callbacks.EarlyStopping("loss", patience=hp.int("patience", 1, 3), min_delta=10.0)])
        return make()

    study = search.run(patient, X, Y, sampler="grid", objective="loss", epochs=9, storage=None, verbose=0)
    assert [(t.params["patience"], t.epochs) for t in study.trials] == [(1, [2]), (2, [3]), (3, [4])]
    with pytest.raises(ValueError, match=r"hp\.fit: `batch_size` must be"):
        search.HyperParameters().fit(batch_size=0)


def test_another_way_of_fitting_is_another_study(tmp_path):
    def script(size):
        def build(hp):
            hp.fit(batch_size=size * hp.int("times", 1, 2))
            return make()

        search.run(build, X, Y, sampler="grid", objective="loss", storage=tmp_path / "s.db", verbose=0, name="s")

    script(8)
    script(8)
    with pytest.raises(ValueError, match=r"another study: what is trained and how differs.*hp\.fit"):
        script(16)


@pytest.mark.parametrize("shuffle", [False, True])
def test_data_that_is_too_large_to_be_padded_gives_the_same_numbers(shuffle, monkeypatch):
    monkeypatch.setattr(groups, "PADDED_BYTES", 0)
    tried = search.fit_many(make(), X, Y, seeds=[1, 2], epochs=2, validation_data=(V, W), shuffle=shuffle, batch_size=32)
    for member, seed in zip(tried, (1, 2), strict=True):
        with kerata.engine.random.seeded(seed):
            alone = make()
        alone.fit(X, Y, epochs=2, validation_data=(V, W), shuffle=shuffle, batch_size=32, seed=seed, verbose=0)
        for name, curve in alone.history.history.items():
            assert member.history.history[name] == pytest.approx(curve, rel=1e-5)


def test_the_best_is_built_with_its_values():
    hp = search.HyperParameters(Recorded({"batch_size": 32, "epochs": 3, "shuffle": False, "weight": 4.0}))
    build(hp)
    assert hp.fitting == {"batch_size": 32, "epochs": 3, "shuffle": False, "class_weight": {0: 1.0, 1: 4.0}}


@pytest.mark.parametrize("inputs", [2, 4])
def test_members_that_share_batches_and_members_that_do_not_are_validated_each_in_their_way(inputs):
    x = RNG.normal(size=(96, inputs)).astype("float32")
    y = x @ np.arange(1, inputs + 1, dtype="float32")
    model = kerata.Sequential([kerata.Input((inputs,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    seeds = [1, 1, 1, 1, 2, 3, 4, 5]
    tried = search.fit_many(model, x, y, seeds=seeds, epochs=2, validation_data=(x[:50], y[:50]), turns=False)
    for member in tried:
        known = member.model.evaluate(x[:50], y[:50], verbose=0)
        assert member.history.history["val_loss"][-1] == pytest.approx(known, rel=1e-5)
