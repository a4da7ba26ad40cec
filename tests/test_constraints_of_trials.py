"""Constraints on trials: what is the best of those that keep them, what samplers learn, what Optuna sees, what is refused."""

import numpy as np
import optuna
import pytest

import kerata
from kerata import layers, search
from kerata.search.constraints import judge
from kerata.search.domain import Domain
from kerata.search.records import COMPLETE, Trial
from kerata.search.samplers import make_sampler
from kerata.search.study import load_study

RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 3)).astype("float32")
Y = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype("float32")
UNITS = [1, 4, 8]  # 6, 21 and 41 weights


def build(hp):
    model = kerata.Sequential([kerata.Input((3,)), layers.Dense(hp.choice("units", UNITS), "relu"), layers.Dense(1, "sigmoid")])
    model.compile(kerata.optimizers.SGD(hp.float("rate", 1e-2, 1.0, log=True)), "binary_crossentropy", metrics=["accuracy"])
    return model


def small(trial):
    return trial.parameters - 25


def run(**options):
    given = {"trials": 12, "sampler": "random", "epochs": 2, "storage": None, "verbose": 0, "validation_split": 0.25}
    return search.run(build, X, Y, **{**given, "constraints": small, **options})


def test_only_what_keeps_its_constraints_can_be_the_best(tmp_path):
    where = tmp_path / "s.db"
    # The largest model is the best by far: the objective alone would take it.
    study = run(storage=where, name="s")
    trials = study.trials
    assert {trial.state for trial in trials} == {"complete"} and {trial.parameters for trial in trials} == {6, 21, 41}
    for trial in trials:
        assert trial.constraints == [trial.parameters - 25] and trial.is_feasible == (trial.params["units"] < 8)
    allowed = [trial for trial in trials if trial.is_feasible]
    wanted = min(allowed, key=lambda trial: (trial.score, trial.number))
    assert wanted.score > min(trial.score for trial in trials), "the case is to be one in which it matters"
    for one in (study, load_study(where, build=build)):
        assert one.best.number == wanted.number and one.best.model.count_params() <= 25
        assert [best.number for best in one.top(20)] == [t.number for t in sorted(allowed, key=lambda t: (t.score, t.number))]
        assert list(one.table()["feasible"]) == [trial.is_feasible for trial in trials]
        assert f"(trial {wanted.number})" in repr(one)
    theirs = optuna.load_study(study_name="s", storage=f"sqlite:///{where}")
    assert theirs.best_trial.number == wanted.number
    with pytest.raises(ValueError, match=r"another study.*constraints"):
        run(storage=where, name="s", constraints=lambda trial: trial.parameters - 7)


@pytest.mark.parametrize("name", ["tpe", "nsga-ii"])
def test_samplers_learn_from_constraints(name):
    domains = {"units": Domain("int", 1, 100), "rate": Domain("float", 0.0, 1.0)}

    def kept(constrained):
        """How many of the last trials keep a limit that the objective works against."""
        sampler = make_sampler(name, ["min"], 1, domains, constrained)
        found = []
        for number in range(128):
            if number % 16 == 0:
                sampler.start(number)
            source = sampler.source(number)
            params = {key: source.value(key, domain) for key, domain in domains.items()}
            sampler.notes(number)
            broken = [params["units"] - 20.0, -1.0] if constrained else []
            found.append(Trial(number, params, COMPLETE, score=-params["units"] + params["rate"], constraints=broken))
            sampler.learn(found[-1:])
        return sum(trial.params["units"] <= 20 for trial in found[-32:])

    assert kept(constrained=True) > 16 > 6 > kept(constrained=False)


def test_a_later_process_tells_its_sampler_what_the_storage_knows(tmp_path):
    study = run(sampler="tpe", trials=6, storage=tmp_path / "s.db", constraints=lambda t: [t.params["units"] - 1.0, -1])
    mirror = make_sampler("tpe", ["min"], 0, study._database.space(), constrained=True)
    mirror.learn(study._database.read())
    told = [list(trial.constraints.values()) for trial in mirror._study.get_trials()]
    assert told == [trial.constraints for trial in study.trials] == [[t.params["units"] - 1.0, -1.0] for t in study.trials]


def test_the_front_holds_what_keeps_the_constraints():
    study = run(objective=["val_loss", "parameters"], constraints=lambda trial: [trial.parameters - 25, 10 - trial.parameters])
    assert {trial.parameters for trial in study.trials} == {6, 21, 41}
    assert {best.trial.parameters for best in study.best_trials} == {21}
    assert set(study.table().query("front")["parameters"]) == {21}


def test_constraints_see_the_trained_trial():
    seen = {}

    def note(trial):
        seen[trial.number] = trial.score, trial.histories[0]["val_loss"], trial.params
        return trial.score - 1e9

    study = run(trials=3, constraints=note)
    assert seen == {t.number: (t.score, t.histories[0]["val_loss"], t.params) for t in study.trials}


def test_a_constraint_that_fails_ends_its_own_trial():
    def picky(trial):
        if trial.params["units"] == 8:
            raise KeyError("no such measure")
        return float("nan") if trial.params["units"] == 4 else 0

    study = run(trials=12, constraints=picky)
    for trial in study.trials:
        assert trial.state == ("complete" if trial.params["units"] == 1 else "failed"), trial
        if trial.params["units"] > 1:
            assert trial.score is None
            assert ("KeyError" if trial.params["units"] == 8 else "a number is needed for each constraint") in trial.error
    with pytest.raises(RuntimeError, match="the training of every trial failed"):
        run(constraints=lambda trial: trial.no_such_thing)


def test_where_nothing_keeps_them_there_is_no_best():
    study = run(trials=3, constraints=lambda trial: trial.parameters)
    assert len(study.trials) == 3 and not study.top(3)
    with pytest.raises(ValueError, match=r"no trial keeps the constraints.*least broken by=6"):
        study.best  # noqa: B018


def test_what_is_refused():
    with pytest.raises(TypeError, match="must be a function of a trial"):
        run(constraints=[1])
    with pytest.raises(ValueError, match="CMA-ES does not learn from constraints"):
        run(sampler="cmaes")
    for bad in ("many", [], [[1.0]], None):
        with pytest.raises(ValueError, match="a number is needed for each constraint"):
            judge(lambda trial, bad=bad: bad, Trial(0, {}))
