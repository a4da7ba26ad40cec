"""Trials side by side: scores, failures, rungs, and the weights of the best epochs."""

from types import SimpleNamespace

import numpy as np
import pytest

import kerata
from kerata import layers, optimizers
from kerata.data.samples import Samples
from kerata.models import clone_model
from kerata.populations.objective import Objective
from kerata.search.pruners import Median
from kerata.search.records import COMPLETE, FAILED, PRUNED
from kerata.search.runner import Job, Runner, TrialPruning


def data(samples=45):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(samples, 4)).astype("float32")
    return Samples(x, (x[:, 0] > 0).astype("float32"))


def build(rate=0.01, units=3):
    model = kerata.Sequential(
        [kerata.Input((4,)), layers.Dense(units, activation="relu"), layers.Dense(1, activation="sigmoid")]
    )
    model.compile(optimizers.Adam(rate), "binary_crossentropy", metrics=["accuracy"])
    return model


FOLDS = [(np.r_[0:30], np.r_[30:45]), (np.r_[15:45], np.r_[0:15]), (np.r_[0:15, 30:45], np.r_[15:30])]
LOSS = Objective("val_loss", "min")


def test_a_verdict_waits_for_folds_that_are_on_their_way():
    """Another thread may have run a fold's epoch and not have come with it yet."""
    folds = [SimpleNamespace(epoch=1, done=False, cancelled=False, best_value=0.5) for _ in range(3)]
    pruner = Median(startup=2, warmup=1, interval=2)
    pruner.start(LOSS, 5)
    pruner.begin([0])
    pruner.remember(7, {1: 0.1, 3: 0.1})
    pruner.remember(8, {1: 0.9, 3: 0.1})
    pruning = TrialPruning(pruner, {0: folds}, {id(fold): 0 for fold in folds}, LOSS, lambda event: None)
    assert pruning.arrive(folds[0]) == pruning.arrive(folds[1]) == []
    assert [goes_on for _, goes_on in pruning.arrive(folds[2])] == [True, True, True]
    for fold in folds:
        fold.epoch = 3
    assert pruning.arrive(folds[1]) == []
    folds[0].done = True
    assert pruning.arrive(folds[2]) == [(folds[1], False), (folds[2], False)] and pruning.cut == {0}


def test_a_trial_scores_what_a_plain_loop_scores():
    samples = data()
    runner = Runner(samples, folds=FOLDS, objective=LOSS, epochs=4, batch_size=8, seed=2, turns=False)
    kept = {}
    jobs = [Job(i, build(rate)) for i, rate in enumerate((0.1, 0.3, 0.001, 0.03, 0.01))]
    outcomes = runner.run(jobs, on_outcome=lambda o: kept.update({o.number: o.models()}))
    assert [o.number for o in outcomes] == [0, 1, 2, 3, 4] and {o.state for o in outcomes} == {COMPLETE}
    for number, rate in ((1, 0.3), (4, 0.01)):
        for index, (rows, held) in enumerate(FOLDS):
            model = build(rate)
            kerata.utils.set_random_seed(2 + index)
            twin = clone_model(model)
            history = twin.fit(
                samples.x[rows],
                samples.y[rows],
                validation_data=(samples.x[held], samples.y[held]),
                epochs=4,
                batch_size=8,
                seed=2 + index,
                verbose=0,
            )
            curve = history.history["val_loss"]
            assert outcomes[number].scores[index] == pytest.approx(min(curve), rel=1e-5)
            assert outcomes[number].best_epochs[index] == int(np.argmin(curve)) + 1
            again = kept[number][index].evaluate(samples.x[held], samples.y[held], verbose=0, return_dict=True)
            assert again["loss"] == pytest.approx(outcomes[number].scores[index], rel=1e-5)
    with pytest.raises(RuntimeError, match="on_outcome"):
        outcomes[0].models()


def test_trials_of_other_structures_are_groups():
    runner = Runner(data(), validation=data(20), objective=LOSS, epochs=2, batch_size=8)
    outcomes = runner.run([Job(i, build(0.01, units)) for i, units in enumerate((2, 3, 2, 4))])
    assert len(runner.groups) == 3 and all(len(o.scores) == 1 for o in outcomes)


def test_a_trial_that_diverges_fails_and_harms_no_other():
    samples = data()
    runner = Runner(samples, folds=FOLDS, objective=Objective("val_accuracy", "max"), epochs=3, batch_size=8)
    calm = runner.run([Job(0, build(0.01)), Job(1, build(0.02))])
    wild = runner.run([Job(0, build(0.01)), Job(7, build(1e38)), Job(1, build(0.02))])
    assert wild[1].state == FAILED and "NaN or infinite at step" in (wild[1].error or "")
    assert [o.scores for o in (wild[0], wild[2])] == [o.scores for o in calm]


class Halve:
    """Sends the better half of those that arrived on, once all have."""

    def __init__(self, rungs, count):
        self.rungs, self.count, self.seen, self.log = rungs, count, {}, []

    def arrive(self, number, rung, value):
        self.log.append((number, rung))
        seen = self.seen.setdefault(rung, {})
        seen[number] = value
        if len(seen) < self.count:
            return []
        order = sorted(seen, key=seen.__getitem__)
        self.count = len(order) // 2
        return [(number, place < self.count) for place, number in enumerate(order)]

    def flush(self):
        return []


def test_rungs_cut_the_worse_and_carry_the_others_on():
    samples = data()
    rates = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 0.2]
    runner = Runner(samples, folds=FOLDS, objective=LOSS, epochs=8, batch_size=8, turns=False)
    whole = runner.run([Job(i, build(rate)) for i, rate in enumerate(rates)])
    pruner = Halve((2, 4), 8)
    events = []
    cut = runner.run([Job(i, build(rate)) for i, rate in enumerate(rates)], pruner, on_event=events.append)
    assert sorted(o.epochs[0] for o in cut) == [2, 2, 2, 2, 4, 4, 8, 8]
    assert len(pruner.log) == 8 + 4 and {e["kind"] for e in events} == {"running", "epochs", "rung"}
    for one, other in zip(cut, whole, strict=True):
        if one.state == COMPLETE:
            np.testing.assert_allclose(one.scores, other.scores, rtol=1e-5)
        else:
            assert one.state == PRUNED and "cut after epoch" in (one.error or "")
            np.testing.assert_allclose(one.histories[0]["val_loss"], other.histories[0]["val_loss"][: one.epochs[0]], rtol=1e-5)


def test_trials_that_nobody_pruners_go_on():
    class Silent(Halve):
        def arrive(self, number, rung, value):
            return []

    runner = Runner(data(), folds=FOLDS, objective=LOSS, epochs=3, batch_size=8)
    outcomes = runner.run([Job(0, build()), Job(1, build(0.1))], Silent((1,), 9))
    assert [o.epochs for o in outcomes] == [[3, 3, 3]] * 2


BAD = {
    "unknown": (Objective("val_acuracy", "max"), {"folds": FOLDS}, "Did you mean 'val_accuracy'"),
    "no validation": (Objective("val_loss", "min"), {}, "validation_data, validation_split or cv"),
}


@pytest.mark.parametrize("case", BAD, ids=str)
def test_an_objective_that_is_not_there(case):
    objective, arguments, words = BAD[case]
    with pytest.raises(ValueError, match=words):
        Runner(data(), objective=objective, **arguments).run([Job(0, build())])
