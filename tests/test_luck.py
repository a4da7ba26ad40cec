"""Luck: the paired test over folds, how optimistic the best of many trials is, and the sentences that say so."""

import numpy as np
import pytest
from scipy import stats

import kerata
from kerata import layers, search
from kerata.populations.objective import Objective
from kerata.search.luck import Difference, optimism_of, paired_difference, say_difference, say_optimism
from kerata.search.records import COMPLETE, Trial

RNG = np.random.default_rng(0)
HIGH = Objective("val_accuracy", "max")
A, B = RNG.normal(0.80, 0.02, 10), RNG.normal(0.78, 0.02, 10)


def test_without_overlap_it_is_the_paired_t_test():
    found, wanted = paired_difference(A, B), stats.ttest_rel(A, B)
    interval = wanted.confidence_interval(0.95)
    np.testing.assert_allclose([found.chance, found.low, found.high], [wanted.pvalue, interval.low, interval.high], rtol=1e-9)


def test_overlap_widens_the_interval_as_nadeau_and_bengio_have_it():
    plain, corrected = paired_difference(A, B), paired_difference(A, B, ratio=1 / 9)
    widths = [found.high - found.low for found in (plain, corrected)]
    np.testing.assert_allclose(widths[1] / widths[0], np.sqrt((1 / 10 + 1 / 9) / (1 / 10)), rtol=1e-9)
    assert corrected.chance > plain.chance and corrected.mean == plain.mean


def test_chance_is_kept_to_for_variants_that_are_the_same():
    """Of 400 pairs without a difference, about 5 % may be called one."""
    called = sum(not paired_difference(*RNG.normal(size=(2, 8))).is_luck for _ in range(400))
    assert 5 <= called <= 36


@pytest.mark.parametrize(
    ("first", "second", "chance"), [([1.0, 1.0], [1.0, 1.0], 1.0), ([2.0, 2.0], [1.0, 1.0], 0.0)], ids=["same", "apart"]
)
def test_differences_without_spread(first, second, chance):
    assert paired_difference(first, second).chance == chance


def test_two_scores_are_needed():
    with pytest.raises(ValueError, match="same folds"):
        paired_difference([1.0], [2.0])


def test_the_best_of_trials_of_noise_is_optimistic_by_what_choosing_gained():
    """Trials that are all worth 0: what the best one shows is luck alone, and about that much is found."""
    scores = RNG.normal(size=(200, 50, 5))
    best = scores.mean(2).max(1).mean()
    found = np.mean([optimism_of(each, HIGH) for each in scores])
    assert 0.8 * best < found < 2.5 * best
    assert optimism_of([[0.9, 0.9], [0.1, 0.1]], HIGH) == 0
    assert optimism_of([[0.1, 0.1], [0.9, 0.9]], Objective("val_loss", "min")) == 0


def test_sentences():
    luck = say_difference(["adam", "sgd"], Difference(0.01, -0.01, 0.03, 0.31, 5), HIGH)
    assert luck.startswith(
        "adam is ahead of sgd by 0.01 in val_accuracy over 5 runs, which may be luck: chance gives as much in 31%"
    )
    assert "more than luck" in say_difference(["adam", "sgd"], Difference(0.1, 0.08, 0.12, 1e-5, 5), HIGH)
    trials = [
        Trial(i, {}, COMPLETE, score=float(np.mean(s)), scores=s) for i, s in enumerate([[0.8, 0.6], [0.6, 0.7], [0.1, 0.1]])
    ]
    assert say_optimism(trials, HIGH) == (
        "The best of 3 trials looks better than it is, by about 0.05: on new data expect val_accuracy near 0.65, not 0.7."
    )
    assert say_optimism(trials[:2], HIGH) == ""


def network(units=4, rate=0.05):
    model = kerata.Sequential(
        [kerata.Input((3,)), layers.Dense(units, activation="relu"), layers.Dense(1, activation="sigmoid")]
    )
    model.compile(kerata.optimizers.Adam(rate), "binary_crossentropy", metrics=["accuracy"])
    return model


X = RNG.normal(size=(60, 3)).astype("float32")
Y = (X[:, 0] + 0.5 * RNG.normal(size=60) > 0).astype("int32")


def test_folds_comparisons_and_studies_say_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folds = network().cross_validate(X, Y, cv=3, epochs=3)
    assert str(folds).splitlines()[1].startswith("Over 3 folds accuracy goes from")
    assert folds.examine(experiments=False).kinds[-1] == "spread_of_folds"
    compared = search.compare(network(), X, Y, optimizers=["adam", "sgd"], cv=3, repeats=1, epochs=3)
    assert "is ahead of" in str(compared).splitlines()[-1] and compared.difference().runs == 3
    study = search.run(
        lambda hp: network(rate=hp.choice("rate", [0.1, 0.03, 0.01])),
        X,
        Y,
        trials=3,
        cv=3,
        sampler="grid",
        epochs=3,
        objective="val_accuracy",
        verbose=0,
    )
    assert str(study).splitlines()[1] == study.luck and study.luck.startswith("The best of 3 trials looks better than it is")
    assert "optimism" in study.examine().kinds
