"""No point of a space is tried twice while others are left, and a search of a small space ends when all are tried."""

import importlib.util
import math
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import kerata
from kerata import search
from kerata.search.domain import Domain
from kerata.search.records import COMPLETE, FAILED
from kerata.search.study import load_study
from kerata.search.tried import Tried, Untried

HERE = Path(__file__).parent
spec = importlib.util.spec_from_file_location("search_worker", HERE / "search_worker.py")
worker = importlib.util.module_from_spec(spec)
sys.modules["search_worker"] = worker
spec.loader.exec_module(worker)


def model(a=0.0, b=0.0):
    made = kerata.Sequential([kerata.Input((1,)), kerata.layers.Dense(1)])
    made.compile("sgd", "mse")
    made.layers[0].set_weights([[[a]], [b]])
    return made


def small(hp):
    """Twelve points: three without b, nine with it."""
    b = hp.int("b", 1, 3) if hp.boolean("has_b") else 0
    return model(hp.float("a", 0.0, 1.0, step=0.5), b)


def points(study):
    return [tuple(sorted(trial.params.items())) for trial in study.trials]


@pytest.mark.parametrize("sampler", ["random", "quasi-random", "tpe"])
@pytest.mark.parametrize("batch", [None, 1])
def test_each_point_once_and_then_the_end(sampler, batch, tmp_path, capsys):
    study = worker.search(tmp_path / "s.db", build=small, sampler=sampler, trials=30, batch=batch, verbose=2).run()
    assert len(study.trials) == 12 == len(set(points(study))) and all(trial.state == COMPLETE for trial in study.trials)
    assert "All 12 combinations of values have been tried: the search ends." in capsys.readouterr().out
    again = worker.PretendRunner()
    assert len(worker.search(tmp_path / "s.db", build=small, sampler=sampler, trials=40, runner=again).run().trials) == 12
    assert again.trained == []


def test_a_search_goes_on_where_it_stopped_with_new_points(tmp_path):
    for trials in (3, 7, 11):
        study = worker.search(tmp_path / "s.db", build=small, trials=trials).run()
        assert len(study.trials) == trials == len(set(points(study)))


def test_points_that_cannot_be_count_and_those_that_a_person_names_may_come_twice(capsys):
    def picky(hp):
        if hp.int("a", 0, 5) == 3:
            hp.infeasible("three")
        return model(hp.get("a"))

    start = [{"a": 1}, {"a": 1}]
    study = worker.search(None, build=picky, trials=50, start=start, verbose=1).run()
    assert Counter(trial.params["a"] for trial in study.trials) == {0: 1, 1: 2, 2: 1, 3: 1, 4: 1, 5: 1}
    assert [t.params["a"] for t in study.trials if t.state == FAILED] == [3]
    assert "All 6 combinations" in capsys.readouterr().out


def test_errors_of_a_builder_are_no_verdict_at_first(capsys):
    def broken(hp):
        if hp.int("a", 0, 9) == 3:
            raise ArithmeticError("three")
        return model(hp.get("a"))

    study = worker.search(None, build=broken, trials=50, verbose=1).run()
    assert Counter(trial.params["a"] for trial in study.trials) == {3: 2, **{n: 1 for n in range(10) if n != 3}}
    assert "All 10 combinations" in capsys.readouterr().out


def test_what_never_ends_is_left_as_it_is():
    def build(hp):
        return model(hp.float("a", 0, 1) if hp.choice("kind", ["float", "none"]) == "float" else 0.0)

    study = worker.search(None, build=build, trials=20, batch=4).run()
    assert Counter(trial.params["kind"] for trial in study.trials) == {"float": 19, "none": 1}
    assert len(worker.search(None, build=worker.build, trials=20).run().trials) == 20


def test_a_builder_that_asks_for_nothing_has_one_point():
    assert len(worker.search(None, build=lambda hp: model(), trials=5).run().trials) == 1


def test_optunas_own_trials_count(tmp_path):
    optuna = importlib.import_module("optuna")
    worker.search(tmp_path / "s.db", build=small, trials=1).run().close()
    theirs = optuna.load_study(study_name="study", storage=f"sqlite:///{tmp_path / 's.db'}")
    trial = theirs.ask()
    # In another order than the builder's.
    trial.suggest_float("a", 0.0, 1.0, step=0.5)
    assert trial.suggest_categorical("has_b", [False, True]) in (False, True)
    if trial.params["has_b"]:
        trial.suggest_int("b", 1, 3)
    theirs.tell(trial, 0.5)
    theirs.enqueue_trial({"a": 0.5, "has_b": False})
    study = worker.search(tmp_path / "s.db", build=small, trials=60, sampler="tpe").run()
    # What Optuna has drawn or was given may be a point that was there.
    theirs_alone = [{("a", 0.5), ("has_b", False)}, set(trial.params.items())]
    counts = Counter(points(study))
    assert len(counts) == 12 and all(count == 1 for point, count in counts.items() if set(point) not in theirs_alone)


SHARE = """
import sys
sys.path.insert(0, sys.argv[1])
import search_worker as worker
def build(hp):
    a, b = hp.int("a", 0, 9), hp.int("b", 0, 4)
    made = worker.kerata.Sequential([worker.kerata.Input((1,)), worker.kerata.layers.Dense(1)])
    made.compile("sgd", "mse")
    made.layers[0].set_weights([[[a]], [b]])
    return made
runner = worker.PretendRunner(sys.argv[3], 0.02)
worker.search(sys.argv[2], build=build, trials=90, batch=2, runner=runner).run()
"""


def test_two_processes_do_not_try_the_same(tmp_path):
    log = tmp_path / "log"
    command = [sys.executable, "-c", SHARE, str(HERE), str(tmp_path / "s.db"), str(log)]
    processes = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait(timeout=300) for process in processes] == [0, 0]
    study = load_study(tmp_path / "s.db", "study")
    assert len(study.trials) == 50 == len(set(points(study))) == len(worker.read_log(log))


def test_the_tree():
    tried, domain = Tried(), Domain("int", 0, 2)
    tried.add({"n": 1}, {"n": domain})
    assert (tried.left, tried.points) == (2, 1)
    source = search.space.Recorded({"n": 1})
    values = Untried(tried, source)
    assert values.value("n", domain) == 0 and values.changed and values.end() and tried.left == 1
    values = Untried(tried, source, {"n": 1})
    assert values.value("n", domain) == 1 and not values.changed and not values.end()
    tried.add({"n": 7}, {"n": domain})
    assert tried.left == 1, "a value that is not one of the domain's says nothing"
    tried.add({"n": 2}, {"n": domain})
    assert tried.left == 0 and Untried(tried, source).value("n", domain) == 1
    floats = Tried()
    floats.add({"x": 0.5}, {"x": Domain("float", 0.0, 1.0)})
    assert floats.left == math.inf and not floats.follows
