"""Several objectives: the front, its models, what Optuna sees of it, and what is refused."""

import importlib

import numpy as np
import pytest

import kerata
from kerata import callbacks, layers, search
from kerata.populations.objective import Objective
from kerata.search.front import find_front
from kerata.search.records import COMPLETE
from kerata.search.study import load_study

RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 3)).astype("float32")
Y = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype("float32")


def build(hp):
    units = hp.choice("units", [1, 4])
    model = kerata.Sequential([kerata.Input((3,)), layers.Dense(units, "relu"), layers.Dense(1, "sigmoid")])
    model.compile(kerata.optimizers.SGD(hp.float("rate", 1e-2, 1.0, log=True)), "binary_crossentropy", metrics=["accuracy"])
    return model


def run(**options):
    given = {"trials": 8, "sampler": "random", "epochs": 3, "storage": None, "verbose": 0, "cv": 2}
    return search.run(build, X, Y, **{**given, "objective": ["val_loss", "parameters"], **options})


def beats(a, b, signs):
    pairs = [(s * x, s * y) for s, x, y in zip(signs, a, b, strict=True)]
    return all(x <= y for x, y in pairs) and any(x < y for x, y in pairs)


def test_the_front_is_what_no_other_beats(tmp_path):
    study = run(storage=tmp_path / "s.db", name="s", objective=["val_loss", "val_accuracy", "parameters"])
    assert [one.direction for one in study.objectives] == ["min", "max", "min"]
    trials = study.trials
    for trial in trials:
        ends = [(fold["val_loss"][-1], fold["val_accuracy"][-1]) for fold in trial.histories]
        size = 3 * trial.params["units"] + 2 * trial.params["units"] + 1
        assert trial.values == pytest.approx([*np.mean(ends, axis=0), size], rel=1e-6)
        assert trial.score == trial.values[0] and trial.scores == [loss for loss, _ in ends] and trial.best_epochs == [3, 3]
    signs = (1, -1, 1)
    front = {t.number for t in trials if not any(beats(o.values, t.values, signs) for o in trials)}
    for one in (study, load_study(tmp_path / "s.db", build=build)):
        assert {best.number for best in one.best_trials} == front
        assert [b.values for b in one.best_trials] == sorted(b.values for b in one.best_trials)
        assert set(one.table().query("front").index) == front and one.table()["parameters"].isin([6, 21]).all()
        assert f"{len(front)} trial{'s' if len(front) > 1 else ''} on the front of val_loss, val_accuracy" in repr(one)
        with pytest.raises(ValueError, match=r"of several objectives there is no single best trial.*best_trials"):
            one.best  # noqa: B018
        folds = search.cross_validation.make_folds(kerata.data.samples.Samples(X, Y), 2, seed=0)
        for best in one.best_trials:
            scores = [m.evaluate(X[held], Y[held], verbose=0)[0] for m, (_, held) in zip(best.models, folds, strict=True)]
            np.testing.assert_allclose(scores, best.trial.scores, rtol=1e-5)
    kept = {int(file.name[6:10]) for file in (tmp_path / "s.models").iterdir()}
    assert kept == front, "models of the front are kept, and of no others"
    optuna = importlib.import_module("optuna")
    theirs = optuna.load_study(study_name="s", storage=f"sqlite:///{tmp_path / 's.db'}")
    assert {trial.number for trial in theirs.best_trials} == front
    with pytest.raises(ValueError, match="another study: the objective differs"):
        run(storage=tmp_path / "s.db", name="s")
    more = run(storage=tmp_path / "s.db", name="s", objective=["val_loss", "val_accuracy", "parameters"], trials=10)
    assert [t.values for t in more.trials[:8]] == [t.values for t in trials]


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("sampler", ["tpe", "nsga-ii", "quasi-random"])
def test_samplers_learn_from_all_objectives(sampler, tmp_path):
    study = run(sampler=sampler, batch=4, trials=12, storage=tmp_path / "s.db", epochs=1, cv=None, validation_split=0.25)
    assert len(study.trials) == 12 and all(len(t.values) == 2 and t.state == COMPLETE for t in study.trials)
    assert (
        len(run(sampler=sampler, trials=14, storage=tmp_path / "s.db", epochs=1, cv=None, validation_split=0.25).trials) == 14
    )


def test_values_are_those_of_the_weights_that_are_kept():
    back = callbacks.EarlyStopping("val_loss", patience=1, restore_best_weights=True, min_delta=1.0)
    study = run(callbacks=[back], trials=3, cv=None, validation_data=(X[:20], Y[:20]), epochs=6, objective=["val_loss", "loss"])
    for best in study.best_trials:
        assert best.values[0] == pytest.approx(best.models[0].evaluate(X[:20], Y[:20], verbose=0)[0], rel=1e-5)


def test_pictures_and_reports(tmp_path):
    study = run(trials=6)
    assert study.plot().axes[0].get_title() == "front of 2 objectives"
    text = study.report(tmp_path / "r.html").read_text("utf-8")
    assert 'id="h-front"' in text and "no other trial beats" in text
    rows = text[text.index('id="h-front"') :].split("</section>")[0].count("<tr>")
    assert rows == 1 + len(study.best_trials)


def test_what_is_refused():
    with pytest.raises(ValueError, match="a pruner compares trials by one objective"):
        run(pruner="asha")
    with pytest.raises(ValueError, match="CMA-ES learns from one objective"):
        run(sampler="cmaes")
    with pytest.raises(ValueError, match="a direction each"):
        run(direction=["min"])
    with pytest.raises(ValueError, match="a direction each"):
        run(direction="min")
    with pytest.raises(ValueError, match="each objective must be there once"):
        run(objective=["loss", "loss"])
    with pytest.raises(ValueError, match="the objective is not among the model's measures"):
        run(objective=["val_loss", "val_accurcy"], direction=["min", "max"])
    assert run(objective=["loss", "val_loss"], direction=["max", "min"], trials=1).objectives[0].direction == "max"


def test_fronts_by_hand():
    low = [Objective("a", "min"), Objective("b", "min")]
    assert find_front({}, low) == [] and find_front({0: [1.0, 1.0], 1: [1.0, 1.0]}, low) == [0, 1]
    assert find_front({0: [2.0, 1.0], 1: [1.0, 2.0], 2: [2.0, 2.0], 3: [float("nan"), 0.0], 4: [0.0]}, low) == [1, 0]
