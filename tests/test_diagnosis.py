"""Diagnosis: each kind of curve gets its reading, and the picture says what it shows."""

import numpy as np
import pytest

from kerata.callbacks import History
from kerata.diagnosis import plot_history, read_curves
from kerata.diagnosis.plots import draw_panel, panel_names, wrap

N = np.arange(20)
FALL = 2.0 * np.exp(-N / 4) + 0.1
WAVES = 1.0 + 0.4 * (-1.0) ** N
NOISE = np.random.default_rng(0).standard_normal(20)

CURVES = {
    "overfitting": {"loss": FALL, "val_loss": FALL + 0.2 + 0.05 * np.maximum(N - 8, 0)},
    "overfitting, noisy": {"loss": FALL + 0.01 * NOISE, "val_loss": FALL + 0.3 + 0.05 * np.maximum(N - 6, 0) + 0.02 * NOISE},
    "overfitting at once": {"loss": FALL, "val_loss": 0.7 + 0.05 * N},
    "diverged": {"loss": [1.0, 5.0, np.nan, np.nan]},
    "diverged, validated": {"loss": [1.0, np.inf], "val_loss": [2.0, np.nan]},
    "diverged, on validation": {"loss": FALL, "val_loss": np.where(N > 4, np.nan, FALL)},
    "diverged, on all of validation": {"loss": FALL, "val_loss": FALL * np.nan},
    "rate_too_high, rising": {"loss": 1.0 + 0.1 * N},
    "rate_too_high, jumping": {"loss": WAVES, "val_loss": WAVES + 0.1},
    "underfitting": {"loss": 2.3 - 0.0005 * N, "val_loss": 2.3 - 0.0004 * N},
    "underfitting, noisy": {"loss": 2.3 + 0.003 * NOISE},
    "rate_too_high, stuck": {"loss": [12.0, 2.31, 2.3, 2.303, 2.304, 2.302], "accuracy": [0.1] * 6},
    "underfitting, guessing": {"loss": [0.75, 0.7, 0.694, 0.693, 0.693, 0.693], "accuracy": [0.5] * 6},
    "still_falling, by a tenth an epoch": {"loss": 0.9 ** np.arange(30.0)},
    "good, jumps of a low loss": {"loss": 0.6 * np.exp(-np.arange(40) / 6) + 0.03 + 0.006 * (-1.0) ** np.arange(40)},
    "still_falling": {"loss": 1.0 - 0.04 * N, "val_loss": 1.1 - 0.04 * N},
    "still_falling, no validation": {"loss": 1.0 - 0.04 * N},
    "good": {"loss": FALL, "val_loss": FALL + 0.05},
    "good, noisy": {"loss": FALL + 0.004 * NOISE, "val_loss": FALL + 0.05 + 0.004 * NOISE},
    "good, no validation": {"loss": FALL},
    "good, training falls on": {"loss": np.exp(-N / 5), "val_loss": 0.3 + 0.7 * np.exp(-N / 1.5)},
    "too_short": {"loss": [1.0, 0.5]},
    "too_short, empty": {},
}


def as_history(curves):
    history = History()
    history.history = {name: list(map(float, values)) for name, values in curves.items()}
    return history


@pytest.mark.parametrize("case", CURVES)
def test_kinds(case):
    reading = read_curves(as_history(CURVES[case]))
    assert reading.kind == case.split(",")[0].removesuffix(" at once")
    assert reading.sentence.endswith(".") and "\n" not in reading.sentence and len(reading.sentence) < 260


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("overfitting", ["lowest in epoch", "EarlyStopping(restore_best_weights=True)", "dropout", "L2"]),
        ("diverged", ["epoch 3", "ten-fold", "clipnorm"]),
        ("rate_too_high, rising", ["rose", "tenth"]),
        ("rate_too_high, jumping", ["up and down", "tenth"]),
        ("underfitting", ["hardly falls", "ten-fold", "units"]),
        ("still_falling", ["train for more epochs", "higher learning rate"]),
        ("good", ["levelled off"]),
        ("good, training falls on", ["has settled", "still falls", "dropout"]),
    ],
)
def test_sentences_say_what_to_try(case, words):
    sentence = read_curves(CURVES[case]).sentence
    for word in words:
        assert word in sentence, sentence


def test_the_epoch_where_validation_turned_is_named():
    curves = CURVES["overfitting"]
    reading = read_curves(curves)
    best = int(np.argmin(curves["val_loss"])) + 1
    assert reading.best_epoch == reading.turned_at == best and f"epoch {best} " in reading.sentence


def test_a_rare_validation_is_left_out():
    assert read_curves({"loss": FALL, "val_loss": [1.0, 0.9]}).kind == "good"


@pytest.mark.parametrize("case", CURVES)
@pytest.mark.filterwarnings("error")
def test_every_kind_can_be_drawn(case):
    if CURVES[case]:
        plot_history(as_history(CURVES[case]))


def test_the_picture_has_labels(tmp_path):
    curves = {**CURVES["overfitting"], "accuracy": 1 - FALL / 3, "val_accuracy": 0.9 - FALL / 3, "learning_rate": N * 0.1}
    path = tmp_path / "new" / "curves.png"
    figure = plot_history(as_history(curves), path)
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and path.stat().st_size > 10_000
    assert [axis.get_title() for axis in figure.axes] == ["loss", "accuracy"]
    for axis in figure.axes:
        assert axis.get_xlabel() == "epoch"
        labels = [text.get_text() for text in axis.get_legend().get_texts()]
        assert labels[:2] == ["training", "validation"] and labels[2].startswith("best epoch")
        assert list(axis.lines[0].get_xdata()) == list(range(1, 21))
    assert "Overfitting" in figure.get_suptitle()


def test_a_title_of_ones_own_and_measures_without_validation():
    figure = plot_history({"loss": [3, 2, 1], "mae": [1, 1, 1]}, title="First try")
    assert figure.get_suptitle() == "First try"
    assert [t.get_text() for t in figure.axes[1].get_legend().get_texts()] == ["training"]


def test_panels_and_lines():
    assert panel_names({"accuracy": [1], "val_loss": [1], "loss": [1], "lr": [1]}) == ["loss", "accuracy"]
    assert max(map(len, wrap("word " * 40, 30).splitlines())) <= 30 and callable(draw_panel)


def test_nothing_has_settled_where_the_last_epoch_is_the_best_by_far():
    held = [0.39, 0.48, 0.28, 0.22, 0.26, 0.37, 0.24, 0.183, 0.194, 0.168]
    reading = read_curves({"loss": [0.81, 0.37, 0.28, 0.22, 0.18, 0.15, 0.12, 0.097, 0.08, 0.068], "val_loss": held})
    assert reading.kind == "good" and "settled" not in reading.sentence
    assert "lowest in the last epoch (0.168)" in reading.sentence and "more epochs may bring a little" in reading.sentence
