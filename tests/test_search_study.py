"""Studies: what `search.run` tries, keeps, resumes and refuses."""

import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pytest

import kerata
from kerata import search
from kerata.callbacks.monitors import find_direction
from kerata.populations.objective import Objective
from kerata.search import ASHA, Hyperband, Median, SuccessiveHalving, load_study
from kerata.search.pruners import make_pruner
from kerata.search.records import COMPLETE, FAILED, PRUNED

HERE = Path(__file__).parent
spec = importlib.util.spec_from_file_location("search_worker", HERE / "search_worker.py")
worker = importlib.util.module_from_spec(spec)
spec.loader.exec_module(worker)
pretend, PretendRunner = worker.search, worker.PretendRunner

RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 3)).astype("float32")
Y = (X[:, 0] > 0).astype("float32")


def build(hp):
    model = kerata.Sequential(
        [kerata.Input((3,)), kerata.layers.Dense(hp.choice("units", [2, 4]), "relu"), kerata.layers.Dense(1, "sigmoid")]
    )
    rate = hp.float("rate", 1e-3, 1.0, log=True)
    model.compile(kerata.optimizers.SGD(rate), "binary_crossentropy", metrics=["accuracy"])
    return model


def run(builder=build, **options):
    given = {"trials": 4, "sampler": "random", "validation_split": 0.25, "epochs": 3, "storage": None, "verbose": 0}
    return search.run(builder, X, Y, **{**given, **options})


@pytest.mark.parametrize("builder", [lambda: None, kerata.Sequential([kerata.Input((3,)), kerata.layers.Dense(1)]), "build"])
def test_what_takes_no_hp_builds_nothing(builder):
    with pytest.raises(TypeError, match=r"takes hp.*def build"):
        run(builder)


# With real training


def test_best_models_give_the_score(tmp_path):
    study = run(storage=tmp_path / "s.db", name="s", validation_split=0.0, cv=3, keep=2)
    best = study.best
    assert best.score == min(t.score for t in study.trials) == pytest.approx(np.mean(best.trial.scores))
    folds = kerata.search.cross_validation.make_folds(kerata.data.samples.Samples(X, Y), 3, seed=0)
    for one in (study, load_study(tmp_path / "s.db")):
        scores = [model.evaluate(X[held], Y[held], verbose=0)[0] for model, (_, held) in zip(one.best.models, folds)]
        np.testing.assert_allclose(scores, best.trial.scores, rtol=1e-5)
    assert len(study.top(2)[1].models) == 3
    kept = {int(file.name[6:10]) for file in (tmp_path / "s.models").iterdir()}
    assert kept == {b.number for b in study.top(2)}
    with pytest.raises(FileNotFoundError, match="were not kept"):
        study.top(3)[2].models  # noqa: B018
    whole = best.model
    assert whole is study.best.model and whole.predict(X, verbose=0).shape == (48, 1)
    assert len(whole.history.epoch) == round(np.mean(best.trial.best_epochs))
    loaded = load_study(tmp_path / "s.db").best
    with pytest.raises(ValueError, match="the builder is not known"):
        loaded.refit(X, Y)
    loaded = load_study(tmp_path / "s.db", build=build).best
    with pytest.raises(ValueError, match="holds no samples"):
        loaded.refit()
    assert loaded.refit(X, Y, epochs=2).history.epoch == [0, 1]


def test_a_trial_is_what_it_would_be_alone(tmp_path):
    study = run(trials=6)
    for trial in study.trials:
        alone = run(trials=1, builder=lambda hp, p=trial.params: build(search.HyperParameters(Fixed(p))))
        assert alone.trials[0].score == pytest.approx(trial.score, rel=1e-4)


class Fixed:
    def __init__(self, params):
        self.params = params

    def value(self, name, domain):
        return self.params[name]


@pytest.mark.parametrize("sampler", ["grid", "random", "quasi-random", "tpe", "cmaes"])
def test_samplers(sampler):
    def steps(hp):
        hp.float("rate", 1e-3, 1.0, log=True, step=10) if sampler == "grid" else None
        return build(hp) if sampler != "grid" else small(hp)

    def small(hp):
        model = kerata.Sequential([kerata.Input((3,)), kerata.layers.Dense(1, "sigmoid")])
        model.compile(kerata.optimizers.SGD(hp.get("rate")), "binary_crossentropy")
        return model

    study = run(steps, sampler=sampler, trials=None if sampler == "grid" else 6, batch=None if sampler == "grid" else 3)
    assert len({str(t.params) for t in study.trials}) == len(study.trials) == (4 if sampler == "grid" else 6)
    assert all(t.state == COMPLETE for t in study.trials)
    if sampler == "grid":
        assert [t.params["rate"] for t in study.trials] == [0.001, 0.01, 0.1, 1.0]


def test_objective_and_direction():
    study = run(objective="val_accuracy")
    assert study.objective == Objective("val_accuracy", "max")
    assert study.best.score == max(t.score for t in study.trials)
    assert find_direction("val_loss", None, "search") == "min"
    with pytest.raises(ValueError, match="cannot be told by its name"):
        find_direction("val_goodness", None, "search", "objective", "direction")
    worst = run(objective="val_loss", direction="max")
    assert worst.best.score == max(max(t.histories[0]["val_loss"]) for t in worst.trials)


def test_table_plot_and_report(tmp_path):
    study = run(trials=3, validation_split=0.0, cv=2)
    table = study.table()
    assert list(table.columns) == ["state", "val_loss", "deviation", "units", "rate", "epochs", "seconds", "error"]
    assert table["val_loss"].tolist() == [t.score for t in study.trials] and (table["epochs"] == 3).all()
    assert study.report(tmp_path / "report.html").stat().st_size > 1000
    assert study.plot() is not None
    assert "3 complete, best val_loss" in repr(study)
    assert study.space == {
        "units": {"kind": "choice", "low": None, "high": None, "log": False, "step": None, "choices": [2, 4]},
        "rate": {"kind": "float", "low": 1e-3, "high": 1.0, "log": True, "step": None, "choices": None},
    }


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("pruner", ["asha", "successive", "median", "hyperband"])
def test_pruners(pruner, tmp_path):
    study = run(trials=12, epochs=9, pruner=pruner, objective="val_accuracy", storage=tmp_path / "s.db", name="s")
    states = [t.state for t in study.trials]
    assert set(states) == {COMPLETE, PRUNED}
    for trial in study.trials:
        assert trial.epochs[0] == len(trial.histories[0]["loss"]) and (trial.epochs == [9]) == (trial.state == COMPLETE)
        assert trial.score is not None
    # Trials that went on are what they would have been without a pruner.
    plain = {t.number: t.score for t in run(trials=12, epochs=9, objective="val_accuracy").trials}
    assert all(t.score == pytest.approx(plain[t.number], rel=1e-5) for t in study.trials if t.state == COMPLETE)
    rows = load_study(tmp_path / "s.db")._database.read()
    assert all(row.rungs for row in rows)
    optuna = importlib.import_module("optuna")
    theirs = optuna.load_study(study_name="s", storage=f"sqlite:///{tmp_path / 's.db'}")
    for trial, frozen in zip(study.trials, theirs.trials, strict=True):
        curve = trial.histories[0]["val_accuracy"]
        assert frozen.intermediate_values == dict(enumerate(curve, 1)), "Optuna draws every epoch"
    assert len(optuna.visualization.matplotlib.plot_intermediate_values(theirs).get_lines()) >= 12


def test_nan_is_recorded_and_harms_nobody():
    def wild(hp):
        model = kerata.Sequential([kerata.Input((3,)), kerata.layers.Dense(1)])
        model.compile(kerata.optimizers.SGD(hp.choice("rate", [0.01, 1e30, 0.02])), "mse")
        return model

    study = run(wild, sampler="grid", trials=None, epochs=4)
    assert [t.state for t in study.trials] == [COMPLETE, FAILED, COMPLETE]
    assert "NaN" in study.trials[1].error and study.trials[1].score is None
    assert np.isfinite(study.best.score)
    with pytest.raises(ValueError, match=r"no trial is complete yet\. Received: failed=1\. Trial 0 failed: the loss"):
        run(lambda hp: wild(search.HyperParameters(Fixed({"rate": 1e30}))), trials=1, epochs=4).best  # noqa: B018


def test_early_stopping_stops_each_trial_by_itself():
    stop = kerata.callbacks.EarlyStopping(monitor="val_loss", patience=1, min_delta=1.0)
    study = run(epochs=8, callbacks=[stop])
    assert all(t.epochs[0] < 8 for t in study.trials)


# Resuming, with a runner that only pretends


@pytest.mark.parametrize("sampler", ["random", "quasi-random", "grid", "tpe"])
def test_going_on_trains_what_is_left(tmp_path, sampler):
    def steps(hp):
        hp.float("a", 0.0, 1.0, step=0.25), hp.int("b", 1, 9)
        model = worker.build(search.HyperParameters(Fixed(hp.params)))
        return model

    options = {"sampler": sampler, "build": steps}
    whole = pretend(tmp_path / "whole.db", trials=11, **options).run()
    pretend(tmp_path / "s.db", trials=4, **options).run()
    runner = PretendRunner()
    study = pretend(tmp_path / "s.db", trials=11, runner=runner, **options).run()
    assert runner.trained == list(range(4, 11))
    if sampler != "tpe":
        assert [t.params for t in study.trials] == [t.params for t in whole.trials]
    runner = PretendRunner()
    pretend(tmp_path / "s.db", trials=11, runner=runner, **options).run()
    assert runner.trained == []
    assert worker.score_of(study.best.model) == pytest.approx(study.best.score, abs=1e-6)


def test_interrupted_trials_keep_number_and_values(tmp_path):
    class Interrupted(PretendRunner):
        def run(self, jobs, *args):
            self.seen = {job.number: job.params for job in jobs}
            super().run(jobs[:2], *args)
            raise KeyboardInterrupt

    first = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        pretend(tmp_path / "s.db", trials=8, batch=5, runner=first, sampler="tpe").run()
    states = [t.state for t in load_study(tmp_path / "s.db").trials]
    assert states == [COMPLETE] * 2 + ["waiting"] * 3
    rest = PretendRunner()
    study = pretend(tmp_path / "s.db", trials=8, runner=rest, sampler="tpe").run()
    assert sorted(rest.trained) == list(range(2, 8))
    assert all(study.trials[number].params == params for number, params in first.seen.items())


def test_only_the_best_models_are_kept(tmp_path):
    study = pretend(tmp_path / "s.db", trials=30, keep=3, name="s").run()
    best = sorted(study.trials, key=lambda t: (t.score, t.number))[:3]
    files = {file.name for file in (tmp_path / "s.models").iterdir()}
    assert files == {f"trial-{t.number:04d}.keras" for t in best}
    assert [b.number for b in study.top(3)] == [t.number for t in best]
    for one in study.top(3):
        assert worker.score_of(one.model) == pytest.approx(one.score, abs=1e-6)
    score = study.best.score
    study.close()
    with pytest.raises(ValueError, match="the study is closed"):
        study.trials  # noqa: B018
    moved = tmp_path / "moved"
    moved.mkdir()
    for file in ("s.db", "s.models"):
        (tmp_path / file).rename(moved / file)
    assert worker.score_of(load_study(moved / "s.db").best.model) == pytest.approx(score, abs=1e-6)
    (moved / "s.models").rename(moved / "elsewhere")
    assert load_study(moved / "s.db", folder=moved / "elsewhere").best.model is not None
    (moved / "elsewhere").rename(moved / "s.models")
    (moved / "s.models" / f"trial-{best[0].number:04d}.keras").unlink()
    with pytest.raises(FileNotFoundError, match="not on this machine"):
        load_study(moved / "s.db").best.models  # noqa: B018
    assert pretend(None, keep=0).run().best.score >= 0


def test_a_model_that_cannot_be_written_is_still_a_result(tmp_path):
    class Odd:
        def save(self, path):
            raise NotImplementedError("no")

    spoil = {number: {"models": lambda: [Odd()]} for number in range(20)}
    with pytest.warns(UserWarning, match="cannot be saved"):
        study = pretend(tmp_path / "s.db", trials=3, runner=PretendRunner(spoil=spoil)).run()
        # The warning is given in the writer's thread.
    assert [t.state for t in study.trials] == [COMPLETE] * 3


def test_a_disk_without_room_for_a_model_stops_the_study(tmp_path):
    class Full:
        def save(self, path):
            raise OSError(28, "the disk must have room for the file")

    runner = PretendRunner(spoil={1: {"models": lambda: [Full()], "scores": [-1.0]}})
    with pytest.raises(OSError, match="must have room"):
        pretend(tmp_path / "s.db", trials=3, runner=runner).run()
    assert COMPLETE not in [t.state for t in load_study(tmp_path / "s.db").trials[1:2]]
    assert len(pretend(tmp_path / "s.db", trials=3).run().trials) == 3


# Bad input


def test_builders_that_cannot_be():
    with pytest.raises(ZeroDivisionError):
        run(lambda hp: 1 / 0)
    with pytest.raises(TypeError, match=r"the builder must return a compiled model\. Received: returned=3"):
        run(lambda hp: 3)
    with pytest.raises(TypeError, match="must return a compiled model"):
        run(lambda hp: kerata.Sequential([kerata.Input((3,)), kerata.layers.Dense(1)]))
    with pytest.raises(ValueError, match=r"hp.float \(rate\): `low` must not be above `high`"):
        run(lambda hp: hp.float("rate", 1.0, 0.1))
    with pytest.raises(TypeError, match="`build` must be a function"):
        run(3)


def test_values_under_names_that_nobody_asks_for_are_told():
    with pytest.warns(UserWarning, match=r"does not ask for.*trial=0, rat=0.01.*'rate'"):
        start([{"rat": 0.01}])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        start([{"rate": 0.01}])


def start(values):
    def build(hp):
        model = kerata.Sequential([kerata.Input((2,)), kerata.layers.Dense(1)])
        model.compile(kerata.optimizers.SGD(hp.float("rate", 0.001, 0.1)), "mse")
        return model

    x = np.ones((8, 2), "float32")
    given = {"trials": 1, "sampler": "random", "objective": "loss", "storage": None, "verbose": 0}
    return search.run(build, x, x[:, :1], start=values, **given)


def test_a_builder_that_sometimes_raises():
    def sometimes(hp):
        if hp.int("n", 0, 9) == 5:
            raise ArithmeticError("five is right out")
        return build(hp)

    study = run(sometimes, trials=30, sampler="random", epochs=1)
    for trial in study.trials:
        assert trial.state == (FAILED if trial.params["n"] == 5 else COMPLETE)
        assert trial.error == ("ArithmeticError: five is right out" if trial.params["n"] == 5 else None)

    def mostly(hp):
        if hp.int("n", 0, 9) > 1:
            raise ArithmeticError("too many")
        return build(hp)

    with pytest.raises(RuntimeError, match=r"more than half of the models could not be built.*too many"):
        run(mostly, trials=30, batch=5)


def test_what_run_refuses(tmp_path):
    with pytest.raises(ValueError, match=r"the objective is not among the model's measures.*Did you mean 'val_accuracy'"):
        run(objective="val_acuracy", storage=tmp_path / "s.db")
    with pytest.raises(ValueError, match="There is no validation"):
        run(validation_split=0.0)
    assert not (tmp_path / "s.db").exists(), "nothing is made before this is known"
    with pytest.raises(ValueError, match="the number of trials is needed"):
        run(trials=None)
    with pytest.raises(ValueError, match="give `cv` or validation data, not both"):
        run(cv=3)
    with pytest.raises(ValueError, match="`direction` must be 'min' or 'max'"):
        run(direction="up")
    with pytest.raises(ValueError, match="a grid needs a number of values"):
        run(sampler="grid")
    with pytest.raises(TypeError, match="data must be arrays"):
        search.run(build, (batch for batch in []), trials=1)
    with pytest.raises(TypeError, match="`objective` and `name` must be text"):
        run(name=3)
    with pytest.raises(ValueError, match="`pruner` must be one of"):
        run(halving="ash")
    run(storage=tmp_path / "s.db", name="s")
    with pytest.raises(ValueError, match="another study: the data differs"):
        search.run(
            build,
            X + 1,
            Y,
            trials=4,
            sampler="random",
            validation_split=0.25,
            epochs=3,
            storage=tmp_path / "s.db",
            name="s",
            verbose=0,
        )
    with pytest.raises(ValueError, match="another study: the seed differs"):
        run(storage=tmp_path / "s.db", name="s", seed=1)


def test_optuna_is_needed_for_samplers_that_learn(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(ImportError, match=r'pip install "kerata\[search\]"'):
        run(sampler="tpe")
    assert len(run(sampler="quasi-random").trials) == 4


# Pruners


def feed(pruner, values, objective="min", epochs=27):
    """Lets trials walk until nothing moves; returns the rung that each was cut at, or None."""
    pruner.start(Objective("val_loss", objective), epochs)
    pruner.begin(list(values))
    cut, place, moving = {}, dict.fromkeys(values, 0), list(values)
    while moving:
        verdicts = []
        for number in moving:
            verdicts += pruner.arrive(number, pruner.rungs[place[number]], values[number])
        verdicts = verdicts or pruner.flush()
        moving = []
        for number, goes_on in verdicts:
            if not goes_on:
                cut[number] = pruner.rungs[place[number]]
            elif place[number] + 1 < len(pruner.rungs):
                place[number] += 1
                moving.append(number)
            else:
                cut[number] = None
        if not moving and len(cut) < len(values):
            left = pruner.flush()
            cut.update({number: pruner.rungs[place[number]] for number, goes_on in left if not goes_on})
            assert left, "somebody waits for ever"
            moving = [number for number, goes_on in left if goes_on and place[number] + 1 < len(pruner.rungs)]
            cut.update({number: None for number, goes_on in left if goes_on and number not in moving})
            for number in moving:
                place[number] += 1
    return cut


@pytest.mark.parametrize("make", [SuccessiveHalving, ASHA])
@pytest.mark.parametrize("direction", ["min", "max"])
def test_one_in_three_goes_on(make, direction):
    values = {number: float(number) for number in range(27)}
    pruner = make(3, 1)
    cut = feed(pruner, values, direction)
    assert pruner.rungs == (1, 3, 9)
    best = 0 if direction == "min" else 26
    assert cut[best] is None
    if make is ASHA and direction == "max":
        # Each is better than all who came before it, so ASHA, which waits for nobody, must let most of them go on.
        assert sum(rung == 1 for rung in cut.values()) < 9
        return
    assert [n for n, rung in cut.items() if rung is None] == [best]
    assert sum(rung == 1 for rung in cut.values()) == 18 and sum(rung == 3 for rung in cut.values()) == 6


@pytest.mark.parametrize("name", ["asha", "successive", "median", "hyperband"])
def test_pruners_with_few_trials_and_with_nan(name):
    assert feed(make_pruner(name), {0: 1.0}) == {0: None}, "the only one goes on"
    cut = feed(make_pruner(name), {0: 1.0, 1: float("nan"), 2: 0.5})
    assert cut[1] is not None and cut[2] is None


def test_hyperband_has_brackets_that_begin_later():
    pruner = Hyperband(3, 1)
    values = {number: float(number % 60) for number in range(120)}
    cut = feed(pruner, values)
    assert pruner.rungs == (1, 3, 9)
    brackets = {bracket: [n for n in values if pruner.bracket(n) == bracket] for bracket in range(4)}
    sizes = [len(numbers) for numbers in brackets.values()]
    assert sum(sizes) == 120 and sizes == sorted(sizes, reverse=True) and sizes[-1] >= 8
    assert {cut[n] for n in brackets[3]} == {None}, "some trials are never cut"
    assert 1 not in {cut[n] for n in brackets[1]} and {1, 3, 9, None} >= {cut[n] for n in brackets[0]}
    # A bracket's trials are compared among themselves: 59 of 60 is the best of these two.
    pruner = Hyperband(3, 1)
    pruner.start(Objective("val_loss", "min"), 27)
    one, other = brackets[0][0], brackets[1][0]
    pruner.remember(one, {3: 0.0})
    pruner.begin([other])
    assert pruner.arrive(other, 1, 9.0) == [(other, True)]
    assert pruner.arrive(other, 3, 9.0) == [] and pruner.flush() == [(other, True)]


def test_pruners_remember_other_trials():
    pruner = Median(startup=3, warmup=1, interval=1)
    pruner.start(Objective("val_loss", "min"), 3)
    for number in range(3):
        pruner.remember(number, {1: 0.1 * number})
    pruner.begin([3])
    assert pruner.arrive(3, 1, 0.9) == [(3, False)]
    with pytest.raises(ValueError, match="`reduction` must be above 1"):
        ASHA(reduction=1)


def test_no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pretend(None, sampler="tpe", trials=20).run()
