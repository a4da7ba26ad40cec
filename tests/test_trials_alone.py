"""Failures stay alone, trials of Optuna's own are survived, and what a person may ask of a search beside values."""

import time

import numpy as np
import pytest

import kerata
from kerata import callbacks, layers, search

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 2)).astype("float32")
Y = X[:, :1]


def build(hp):
    model = kerata.Sequential([kerata.Input((2,)), layers.Dense(1)])
    model.compile(kerata.optimizers.SGD(hp.float("rate", 0.001, 0.01)), "mse")
    return model


def run(builder=build, **options):
    given = {"trials": 4, "sampler": "random", "epochs": 2, "objective": "loss", "verbose": 0, "storage": None, "seed": 1}
    return search.run(builder, X, Y, **{**given, **options})


def states(study):
    return [trial.state for trial in study.trials]


def test_an_error_while_a_trial_is_traced_is_its_own(tmp_path):
    class Odd(layers.Layer):
        def call(self, x, training=False):
            if training and self.bad:
                raise ArithmeticError("odd")
            return x

    def some(hp):
        model = build(hp)
        odd = Odd()
        odd.bad = hp.choice("bad", [False, True])
        model.add(odd)
        model.compile(model.optimizer, "mse")
        return model

    study = run(some, trials=8, storage=tmp_path / "s.db")
    bad = {trial.params["bad"] for trial in study.trials}
    assert bad == {False, True}
    for trial in study.trials:
        assert (trial.state, "ArithmeticError: odd" in (trial.error or "")) == (
            ("failed", True) if trial.params["bad"] else ("complete", False)
        )
    assert len(run(some, trials=10, storage=tmp_path / "s.db").trials) == 10


def test_an_error_that_meets_every_trial_is_told():
    def wrong(y, p):
        if isinstance(p, kerata.KerasTensor):
            return p
        raise ArithmeticError("always")

    def all_wrong(hp):
        model = build(hp)
        model.compile(model.optimizer, wrong)
        return model

    with pytest.raises((RuntimeError, ArithmeticError), match="always"):
        run(all_wrong, trials=8)


def test_an_error_of_one_trials_callback_is_its_own():
    class Fussy(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if float(self.model.optimizer.learning_rate) > 0.005:
                raise ArithmeticError("too fast")

    study = run(trials=6, callbacks=[Fussy()])
    for trial in study.trials:
        assert trial.state == ("failed" if trial.params["rate"] > 0.005 else "complete")
    assert {"failed", "complete"} == set(states(study))


def test_values_that_do_not_go_together():
    def half(hp):
        if hp.int("a", 0, 9) > 1:
            hp.infeasible("a is high")
        return build(hp)

    study = run(half, trials=20)
    for trial in study.trials:
        assert trial.error == ("infeasible: a is high" if trial.params["a"] > 1 else None)


def test_first_values_and_a_time_that_is_over():
    study = run(start=[{"rate": 0.002}, {}], trials=3)
    assert study.trials[0].params == {"rate": 0.002} and len({t.params["rate"] for t in study.trials}) == 3
    began = time.monotonic()
    study = run(trials=10**6, timeout=0.5, batch=2)
    assert 0 < len(study.trials) < 10**5 and time.monotonic() - began < 60


def test_trials_of_optunas_own(tmp_path):
    import optuna

    run(storage=tmp_path / "s.db", name="s", sampler="tpe")
    own = optuna.load_study(study_name="s", storage=f"sqlite:///{tmp_path}/s.db")
    own.optimize(lambda trial: (trial.suggest_float("rate", 0.001, 0.01) - 0.005) ** 2, n_trials=2)
    own.optimize(lambda trial: trial.suggest_float("other", 0.0, 1.0), n_trials=1)
    own.enqueue_trial({"rate": 7.0})
    left = own.ask()
    assert left.params is not None
    own.enqueue_trial({"rate": 0.003})
    study = run(storage=tmp_path / "s.db", name="s", sampler="tpe", trials=12)
    found = study.trials
    assert len(found) == 12 and [t.params.get("rate") for t in found].count(0.003) == 1
    assert found[4].score == pytest.approx((found[4].params["rate"] - 0.005) ** 2)
    assert len(run(storage=tmp_path / "s.db", name="s", sampler="tpe", trials=14).trials) == 14


def test_a_range_of_one_value_in_a_grid():
    def one(hp):
        hp.float("fixed", 0.5, 0.5)
        hp.int("n", 1, 2)
        return build(search.HyperParameters())

    assert [trial.params for trial in run(one, trials=None, sampler="grid").trials] == [
        {"fixed": 0.5, "n": 1},
        {"fixed": 0.5, "n": 2},
    ]
