"""What tests of studies share: a runner that only pretends to train, and processes that are killed at work.

Run as a program: `search_worker.py kill URL FOLDER TRIALS KILLS SEED` kills a process at work again and again, and looks after
each kill; `search_worker.py share URL FOLDER TRIALS` lets two processes work on one study.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import kerata
from kerata.populations.objective import Objective
from kerata.search.loop import Search
from kerata.search.records import COMPLETE
from kerata.search.study import load_study

SPACE = {"a": (0.0, 1.0), "b": (1, 9)}


def build(hp):
    """A model that holds its values in its weights, so that its score can be told from its file."""
    a, b = hp.float("a", 0.0, 1.0), hp.int("b", 1, 9)
    model = kerata.Sequential([kerata.Input((1,)), kerata.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.layers[0].set_weights([[[a]], [b]])
    return model


def score_of(model):
    (a,), b = (w.reshape(-1) for w in model.layers[0].get_weights())
    return float((a - 0.3) ** 2 + (b[0] - 4) ** 2)


class PretendRunner:
    """Obeys the contract of `kerata.search.runner.Runner` and trains nothing.

    Args:
        log: a file with a line for each trial that is trained.
        pause: seconds a trial.
    """

    def __init__(self, log=None, pause=0.0, folds=1, spoil=None):
        self.log, self.pause, self.folds, self.spoil = log, pause, folds, spoil or {}
        self.trained = []

    def check(self, model, make=None, fit=None):
        """Nothing is wrong with any model."""

    def run(self, jobs, pruner=None, on_outcome=None, on_event=None):
        outcomes = []
        for job in jobs:
            if self.log:
                with open(self.log, "a") as stream:
                    stream.write(f"{os.getpid()} {job.number}\n")
            self.trained.append(job.number)
            time.sleep(self.pause)
            score = score_of(job.model)
            outcome = SimpleNamespace(
                number=job.number,
                state=COMPLETE,
                scores=[score] * self.folds,
                histories=[{"val_loss": [score]}] * self.folds,
                epochs=[1] * self.folds,
                best_epochs=[1] * self.folds,
                seconds=self.pause,
                error=None,
                models=lambda model=job.model: [model] * self.folds,
            )
            outcome.__dict__.update(self.spoil.get(job.number, {}))
            outcomes.append(outcome)
            if on_outcome:
                on_outcome(outcome)
        return outcomes


def search(storage, folder=None, trials=20, runner=None, **options):
    """A search with the runner that pretends."""
    card = options.pop("card", {"data": {"samples": "none"}, "epochs": 1, "seed": options.pop("seed", 0)})
    options = {"sampler": "random", "name": "study", "keep": 1, **options}
    builder = options.pop("build", build)
    return Search(
        builder,
        runner or PretendRunner(),
        Objective("val_loss", ""),
        card,
        trials=trials,
        storage=storage,
        folder=folder,
        **options,
    )


def read_log(log):
    """The trials that were trained, in order."""
    return [int(line.split()[1]) for line in Path(log).read_text().splitlines()] if Path(log).exists() else []


def fork(function):
    """A process that runs a function and ends."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        function()
        code = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def is_alive(pid):
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def finished(storage):
    """What no kill may change: number, values and score of each finished trial."""
    try:
        study = load_study(storage, "study")
    except (ValueError, FileNotFoundError):  # killed before the study was made
        return {}
    found = {t.number: (t.params, t.score, t.ended) for t in study.trials if t.state == COMPLETE}
    study._database.close()
    return found


def kill(storage, folder, trials, kills, seed):
    """Kills a process at work at random moments; returns how many trials were begun again."""
    rng = random.Random(seed)
    log = folder / "log"
    done, half_done = {}, 0
    options = {"folder": folder / "models", "trials": trials, "sampler": "random", "batch": 5}
    for round in range(kills):
        before = len(read_log(log))
        pid = fork(lambda: search(storage, runner=PretendRunner(log, 0.01), **options).run())
        if rng.random() < 0.25:  # while it starts
            time.sleep(rng.uniform(0.0, 0.3))
        else:
            target, patience = before + rng.randint(1, 8), time.monotonic() + 20
            while len(read_log(log)) < target and time.monotonic() < patience and is_alive(pid):
                time.sleep(0.002)
            time.sleep(rng.uniform(0.0, 0.06))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        trained = read_log(log)[before:]
        again = set(trained) & set(done)
        assert not again, f"finished trials were trained again: {again}"
        now = finished(storage)
        assert all(now.get(number) == trial for number, trial in done.items()), "a finished trial was lost or changed"
        half_done += len(set(trained) - set(now))
        done = now
        if round % 3 == 0:
            check_best(storage, folder)
    left = len(done)
    before = len(read_log(log))
    pid = fork(lambda: search(storage, runner=PretendRunner(log, 0.0), **options).run())
    assert os.waitpid(pid, 0)[1] == 0
    trained = read_log(log)[before:]
    assert sorted(trained) == sorted(set(range(trials)) - set(done)), "each trial that was left is trained once"
    now = finished(storage)
    assert sorted(now) == list(range(trials))
    assert all(now[number] == trial for number, trial in done.items())
    check_best(storage, folder)
    return {"finished by killed processes": left, "begun and killed": half_done}


def check_best(storage, folder):
    """The best trial's model is there, and gives the trial's score; looked at in a process of its own, since one that has
    computed must not fork."""
    if finished(storage):
        assert os.waitpid(fork(lambda: load_best(storage, folder)), 0)[1] == 0


def load_best(storage, folder):
    best = load_study(storage, "study", folder=folder / "models").best
    assert abs(score_of(best.models[0]) - best.score) < 1e-6, "the saved model is not the best trial's"


def share(storage, folder, trials):
    """Two processes at one study; returns how many trials each had."""
    log = folder / "log"

    def work():
        study = search(storage, folder=folder / "models", trials=trials, runner=PretendRunner(log, 0.01), batch=3).run()
        rows = [(t.number, t.params, t.score) for t in study.trials]
        (folder / f"table-{os.getpid()}.json").write_text(json.dumps(rows))

    pids = [fork(work) for _ in range(2)]
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0, 0]
    assert sorted(read_log(log)) == list(range(trials)), "every trial once"
    tables = {file.read_text() for file in folder.glob("table-*.json")}
    assert len(tables) == 1, "both see the same table"
    assert len(json.loads(next(iter(tables)))) == trials
    check_best(storage, folder)
    owners = [int(line.split()[0]) for line in log.read_text().splitlines()]
    return [owners.count(pid) for pid in pids]


if __name__ == "__main__":
    what, storage, folder, trials, *rest = sys.argv[1:]
    if what == "kill":
        print(json.dumps(kill(storage, Path(folder), int(trials), *(int(n) for n in rest))))
    else:
        print(json.dumps(share(storage, Path(folder), int(trials))))
