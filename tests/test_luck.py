"""Luck: the paired test over folds, how optimistic the best of many trials is, and the sentences that say so."""

import numpy as np
import pytest
from scipy import stats

import kerata
from kerata import layers, search
from kerata.populations.objective import Objective
from kerata.search.luck import Difference, as_good_as_best, optimism_of, paired_difference, say_difference, say_optimism
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


def test_numbers_worked_out_by_hand():
    """Differences 0.01 to 0.05 over 5 folds: the mean is 0.03, the variance 0.00025, t = 0.03 / sqrt((1 / 5 + 1 / 4) 0.00025) =
    sqrt(8). With 4 degrees of freedom P(|T| > t) = 1 - 2 (3 / 8) (t / sqrt(1 + t^2 / 4)) (1 - t^2 / (12 (1 + t^2 / 4)))."""
    found = paired_difference([0.83, 0.86, 0.85, 0.87, 0.81], [0.81, 0.82, 0.82, 0.82, 0.80], ratio=0.25)
    chance = 1 - 0.75 * np.sqrt(8 / 3) * (1 - 8 / 36)
    np.testing.assert_allclose([found.mean, found.chance], [0.03, chance], rtol=1e-9)
    half = 2.776445105 * np.sqrt(0.45 * 0.00025)
    np.testing.assert_allclose([found.low, found.high], [0.03 - half, 0.03 + half], rtol=1e-8)
    assert chance == pytest.approx(0.0474, abs=1e-4) and not found.is_luck
    # Without the correction t = 0.03 / sqrt(0.00025 / 5) = sqrt(18), which would call it surer than it is.
    plain = paired_difference([0.83, 0.86, 0.85, 0.87, 0.81], [0.81, 0.82, 0.82, 0.82, 0.80])
    assert plain.chance == pytest.approx(1 - 0.75 * np.sqrt(18 / 5.5) * (1 - 18 / 66), rel=1e-9)


def test_trials_as_good_as_the_best_by_hand():
    """Differences to the best of 0.02, 0.04, 0.03 over 3 folds: t = 0.03 / sqrt((1 / 3 + 1 / 2) 0.0001) = 3.286, with 2 degrees
    of freedom P(|T| > t) = 1 - t / sqrt(2 + t^2) = 0.0814; ten times as much leaves no doubt."""
    best = np.array([0.80, 0.84, 0.82])
    near, far = best - [0.02, 0.04, 0.03], best - [0.29, 0.31, 0.30]
    t = 0.03 / np.sqrt((1 / 3 + 1 / 2) * 0.0001)
    assert paired_difference(best, near, 0.5).chance == pytest.approx(1 - t / np.sqrt(2 + t * t), rel=1e-9)
    assert as_good_as_best([far, best, near], HIGH) == 2
    assert as_good_as_best([1 - far, 1 - best, 1 - near], Objective("val_loss", "min")) == 2
    assert as_good_as_best([best, far], HIGH) == 1


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
        lambda hp: network(rate=hp.choice("rate", [0.3, 0.4, 0.5])),
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
    found = study.examine()
    assert "optimism" in found.kinds and all(len(finding.sentence) <= 300 for finding in found)


def test_variants_that_are_equal_and_long_names():
    same = say_difference(["a", "b"], paired_difference([0.5, 0.5], [0.5, 0.5]), Objective("val_loss", "min"))
    assert same == "a and b are equal in val_loss over 2 runs."
