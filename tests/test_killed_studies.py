"""Studies whose processes are killed at work: real training with folds and ASHA, several processes, Optuna's trials in between.

When a process is killed is told by what it has done, not by a clock: a busy machine takes longer, and is asked the same.
"""

import importlib
import json
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import kerata
from kerata import search
from kerata.search.records import COMPLETE, PRUNED
from kerata.search.study import load_study

EPOCHS, FOLDS = 9, 5
PATIENCE = 600.0

SCRIPT = """
import json, os, sys
import numpy as np, kerata
from kerata import search
from kerata.search import runner, storage

def note(word, numbers):
    with open(sys.argv[2], "a") as log:
        log.write(json.dumps([os.getpid(), word, list(numbers)]) + "\\n")

class Runner(runner.Runner):
    def run(self, jobs, *arguments):
        note("begin", [job.number for job in jobs])
        return super().run(jobs, *arguments)

import kerata.search.launch
kerata.search.launch.Runner = Runner
finish = storage.Database.finish

def finish_and_note(self, rows):
    written = finish(self, rows)
    note("finish", [row.number for row in written])
    return written

storage.Database.finish = finish_and_note
rng = np.random.default_rng(0)
x = rng.normal(size=(60, 3)).astype("float32")
y = x.sum(1) + rng.normal(size=60).astype("float32")

def build(hp):
    model = kerata.Sequential([kerata.Input((3,)), kerata.layers.Dense(4, "relu"), kerata.layers.Dense(1)])
    model.compile(kerata.optimizers.Adam(hp.float("rate", 1e-3, 0.1, log=True)), "mse")
    return model

if __name__ == "__main__":
    search.run(build, x, y, trials=int(sys.argv[3]), sampler="random", batch=6, cv=5, epochs=int(sys.argv[4]), pruner="asha",
               storage=sys.argv[1], name="s", verbose=0, keep=2, batch_size=8)
"""


class Killing:
    """Some processes at one study, of which one is killed now and then, and started again.

    Args:
        folder: for the study and the log.
        count: how many processes there are.
    """

    def __init__(self, folder, count):
        self.storage, self.log, self.count = folder / "s.db", folder / "log", count
        self.random = random.Random(count)
        self.script = folder / "script.py"
        self.script.write_text(SCRIPT)
        self.processes, self.done, self.given = [], {}, []
        self.phases = Counter()

    def start(self, trials):
        command = [sys.executable, str(self.script), str(self.storage), str(self.log), str(trials), str(EPOCHS)]
        return subprocess.Popen(command)

    def lines(self):
        whole = [line for line in self.log.read_text().splitlines(True) if line.endswith("\n")] if self.log.exists() else []
        return [json.loads(line) for line in whole]

    def wait_for(self, process, word, times):
        """Waits until a process has done something so many times."""
        end = time.monotonic() + PATIENCE
        while sum(pid == process.pid and said == word for pid, said, _ in self.lines()) < times:
            assert process.poll() is None, "a process ended by itself"
            assert time.monotonic() < end, f"a process did not {word} anything"
            time.sleep(0.005)

    def kill_one(self):
        """Kills a process while it starts, trains or writes; looks at what is there; starts another."""
        place = self.random.randrange(self.count)
        process = self.processes[place]
        phase = self.random.choice(["start", "begin", "begin", "finish", "finish"])
        if phase == "start":
            process.kill()
            process.wait()
            process = self.start(10**6)
        else:
            self.wait_for(process, phase, self.random.randint(1, 2))
        self.phases[phase] += 1
        time.sleep(self.random.uniform(0.0, 0.3 if phase != "start" else 2.0))
        process.kill()
        process.wait()
        self.look()
        self.processes[place] = self.start(10**6)

    def look(self):
        """What no kill may change."""
        now = self.finished()
        lost = [number for number, trial in self.done.items() if now.get(number) != trial]
        assert not lost, f"finished trials were lost or changed: {lost}"
        self.done = now

    def finished(self):
        if not self.storage.exists():
            return {}
        try:
            study = load_study(self.storage, "s")
        except ValueError:  # killed before the study was made
            return {}
        trials = study.trials
        study.close()
        assert [trial.number for trial in trials] == list(range(len(trials)))
        ended = [trial for trial in trials if trial.state in (COMPLETE, PRUNED)]
        assert not [trial.error for trial in trials if trial.state == "failed"]
        return {t.number: (t.state, t.params, t.score, t.scores, t.epochs, t.histories, t.ended) for t in ended}

    def let_optuna_try(self, round_):
        """A trial of Optuna's own, and values that Optuna puts into the queue."""
        optuna = importlib.import_module("optuna")
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        theirs = optuna.load_study(study_name="s", storage=f"sqlite:///{self.storage}")
        trial = theirs.ask()
        trial.suggest_float("rate", 1e-3, 0.1, log=True)
        theirs.tell(trial, 100.0 + round_)
        rate = 0.05 + 0.0001 * round_
        theirs.enqueue_trial({"rate": rate})
        self.given.append((trial.number, 100.0 + round_, rate))

    def run(self, kills, every):
        self.processes = [self.start(10**6) for _ in range(self.count)]
        self.wait_for(self.processes[0], "finish", 1)
        for round_ in range(kills):
            self.kill_one()
            if round_ % every == 0:
                self.let_optuna_try(round_)
        for process in self.processes:
            process.kill()
            process.wait()
        self.look()
        self.end()

    def end(self):
        """Lets all processes finish the study, and looks whether everything is right."""
        there = load_study(self.storage, "s")
        total = len(there.trials) + 12
        there.close()
        last = [self.start(total) for _ in range(self.count)]
        assert [process.wait(timeout=PATIENCE) for process in last] == [0] * self.count
        self.look()
        assert sorted(self.done) == list(range(total)), "the final count is not right"
        written = Counter(number for _, word, numbers in self.lines() if word == "finish" for number in numbers)
        assert set(written.values()) == {1}, "a trial was finished twice"
        self.check_order()
        study = load_study(self.storage, "s")
        own = {number for number, _, _ in self.given}
        for trial in study.trials:
            if trial.number in own:
                assert trial.state == COMPLETE and trial.scores == [trial.score] and trial.score >= 100
                continue
            epochs = [len(fold["val_loss"]) for fold in trial.histories]
            assert len(epochs) == FOLDS and epochs == trial.epochs and len(trial.scores) == FOLDS
            whole = max(epochs) == EPOCHS
            assert whole == (trial.state == COMPLETE), (trial.number, trial.state, epochs, trial.error, self.given)
            assert trial.scores == [min(fold["val_loss"]) for fold in trial.histories]
        rates = [trial.params["rate"] for trial in study.trials]
        assert all(rates.count(rate) == 1 for _, _, rate in self.given), "what Optuna enqueued is trained once"
        assert len(set(rates)) == total
        self.check_scores(study)
        study.close()

    def check_order(self):
        """Nobody begins a trial that is finished."""
        ended = set()
        for _, word, numbers in self.lines():
            assert word == "finish" or not ended & set(numbers), "a finished trial was trained again"
            ended |= set(numbers) if word == "finish" else set()

    def check_scores(self, study):
        """The models of the best give its score, and so does a search that nobody disturbs."""
        parts = {"__name__": "script"}
        source = SCRIPT.split("import kerata.search.launch")[0] + SCRIPT[SCRIPT.index("rng = ") : SCRIPT.index("if __name__")]
        exec(compile(source, "script", "exec"), parts)
        x, y, build = parts["x"], parts["y"], parts["build"]
        folds = search.cross_validation.make_folds(kerata.data.samples.Samples(x, y), FOLDS)
        best = study.best
        scores = [m.evaluate(x[held], y[held], verbose=0) for m, (_, held) in zip(best.models, folds, strict=True)]
        np.testing.assert_allclose(scores, best.trial.scores, rtol=1e-5)
        some = [t for t in study.trials if t.state == COMPLETE and t.score < 100][:4]
        alone = search.run(
            build, x, y, trials=len(some), start=[t.params for t in some], sampler="random", cv=FOLDS, epochs=EPOCHS,
            storage=None, verbose=0, batch_size=8,
        )  # fmt: skip
        for trial, other in zip(some, alone.trials, strict=True):
            np.testing.assert_allclose(trial.scores, other.scores, rtol=1e-5)
        with pytest.raises(ValueError, match=r"another study: the number of epochs differs.*there=9, now=10"):
            search.run(
                build, x, y, trials=1, sampler="random", cv=FOLDS, epochs=EPOCHS + 1, storage=self.storage, name="s",
                verbose=0, batch_size=8,
            )  # fmt: skip


@pytest.mark.slow
def test_killed_at_work_with_folds_and_asha(tmp_path):
    killing = Killing(Path(tmp_path), 2)
    killing.run(3, 2)
    assert len(killing.given) == 2


@pytest.mark.slow
def test_three_processes_are_killed_fifty_times(tmp_path):
    killing = Killing(Path(tmp_path), 3)
    killing.run(50, 5)
    assert len(killing.given) == 10 and min(killing.phases.values()) >= 5, killing.phases
