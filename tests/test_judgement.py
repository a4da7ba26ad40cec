"""Judgement: the first finding of known cases, its words and numbers, and a model that nothing was done to."""

import importlib
import pickle
import re

import numpy as np
import pytest
from benchmarks.judgement.data import FOLDER, classes
from benchmarks.judgement.running import CASES, fit, judge, network

import kerata
from kerata import layers, optimizers
from kerata.diagnosis import Finding, examine
from kerata.diagnosis.judgement.examination import look_at, make_case
from kerata.diagnosis.judgement.experiments import Tried, doubled, without
from kerata.diagnosis.judgement.finding import found as make_finding
from kerata.diagnosis.judgement.fitting import check_bare
from kerata.diagnosis.judgement.measures import Scores
from kerata.diagnosis.judgement.runs import run_of
from kerata.engine.random import global_seed_generator, host_stream
from kerata.training.certain import certain_faults

for part in ("curves", "healthy", "inputs", "latest", "layered", "more", "more_healthy", "pairs", "two"):
    importlib.import_module(f"benchmarks.judgement.{part}")
BY_NAME = {case.name: case for case in CASES}
# What a few seconds allow; the others are run by `make test-all`, and counted by `python -m benchmarks.judgement`.
SAMPLE = ("one_softmax_pima", "raw_pima", "low_pima", "giveaway_pima", "frozen_pima", "holes_pima")
has_data = pytest.mark.skipif(not FOLDER.exists(), reason="needs ../shared/data")


def check_words(finding: Finding) -> None:
    """A sentence is short, and each number in it stands in the evidence."""
    assert len(finding.sentence) <= 300 and finding.sentence.rstrip()[-1] in ".?"
    known = [value for value in finding.evidence.values() if not isinstance(value, str)]
    texts = " ".join(value for value in finding.evidence.values() if isinstance(value, str))
    bare = re.sub(r"(?<![\d.])[A-Za-z_]\w*", " ", finding.sentence.replace("L2", ""))
    for text in re.findall(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?%?", bare):
        number = float(text.rstrip("%")) / (100 if text.endswith("%") else 1)
        digits = len(text.rstrip("%").partition(".")[2].partition("e")[0])
        slack = 0.51 * 10.0**-digits / (100 if text.endswith("%") else 1)
        near = any(abs(value - number) <= max(slack, 0.051 * abs(number)) or abs(value - 100 * number) <= 1 for value in known)
        assert near or text in texts, f"{text} in {finding.sentence!r} is not in {finding.evidence}"


@has_data
@pytest.mark.filterwarnings("ignore:softmax. a softmax over one number:UserWarning")
@pytest.mark.parametrize("name", SAMPLE)
def test_the_first_finding_of_a_known_case(name):
    judged = judge(BY_NAME[name], experiments=name == "low_pima")
    assert judged.is_right, judged.examination
    for finding in judged.examination:
        check_words(finding)


@has_data
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*(NaN|from_logits|softmax over one number).*:UserWarning")
@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_words_of_every_known_case(name):
    judged = judge(BY_NAME[name])
    for finding in judged.examination:
        check_words(finding)


def test_there_are_enough_known_cases():
    assert len(CASES) >= 220
    assert sum(case.is_healthy for case in CASES) >= 40
    assert sum(len(case.right) == 2 for case in CASES) >= 10


@has_data
def test_a_healthy_run_is_said_to_be_one_and_the_model_stays_as_it_is(tmp_path):
    x, y = classes("pima-indians-diabetes")
    kerata.utils.set_random_seed(0)
    hidden = [layers.Dense(12, activation="relu"), layers.Dropout(0.1)]
    trained = fit(
        network((8,), [*hidden, layers.Dense(1, activation="sigmoid")], "binary_crossentropy", optimizers.Adam(0.003)), x, y, 30
    )
    model, history = trained.model, trained.history
    model.predict(x[:8], verbose=0)
    before = [v.numpy().tobytes() for v in (*model.variables, *model.optimizer.variables)]
    curves = {name: list(values) for name, values in history.history.items()}
    states = [np.random.get_state()[1].tobytes(), str(host_stream().bit_generator.state), global_seed_generator().state.numpy()]
    found = history.examine()
    assert found.is_healthy and found[0].kind == "healthy", found
    assert [v.numpy().tobytes() for v in (*model.variables, *model.optimizer.variables)] == before
    assert model.history is history and history.history == curves
    assert [np.random.get_state()[1].tobytes(), str(host_stream().bit_generator.state)] == states[:2]
    assert (global_seed_generator().state.numpy() == states[2]).all()
    assert list(found.to_frame().columns) == ["kind", "severity", "sentence", "evidence", "try_", "source"]
    found.plot(tmp_path / "examination.png")
    assert (tmp_path / "examination.png").stat().st_size > 10_000
    assert "1. This run is healthy" in str(found) and "<table>" in found._repr_html_()


def test_data_must_be_arrays_and_the_model_compiled():
    model = kerata.Sequential([kerata.Input((2,)), layers.Dense(1)])
    with pytest.raises(ValueError, match="compiled"):
        examine(model, {}, np.zeros((4, 2)), np.zeros(4))
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match="arrays"):
        examine(model, {}, (batch for batch in [(np.zeros((4, 2)), np.zeros(4))]))


def test_the_record_of_generated_data_says_that_it_has_none():
    model = kerata.Sequential([kerata.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(((np.ones((4, 2)), np.ones(4)) for _ in range(2)), steps_per_epoch=2, verbose=0)
    with pytest.raises(ValueError, match="not at hand"):
        history.examine()


def test_what_a_linear_model_can_do_is_no_want_of_units():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 8))
    y = (x[:, :1] + x[:, 1:2] > 0) * 1.0
    model = kerata.Sequential([kerata.Input((8,)), layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    found = model.fit(x, y, epochs=3, verbose=0).examine(experiments=False)
    assert found[0].kind in ("too_few_epochs", "underfitting_optimization") and "more epochs" in found[0].sentence


def test_a_record_holds_large_data_only_while_others_do(monkeypatch):
    monkeypatch.setattr("kerata.callbacks.history.KEPT_BYTES", 100)
    model = kerata.Sequential([kerata.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    rows, targets = np.random.default_rng(0).normal(size=(40, 2)), np.ones((40, 1))
    history = model.fit(rows, targets, validation_data=(rows, targets), verbose=0)
    assert history.examine(experiments=False)
    again = pickle.loads(pickle.dumps(history))
    assert again.history == history.history and not again.given
    del rows
    with pytest.raises(ValueError, match="not at hand"):
        history.examine()


def test_the_step_of_a_nan_is_known():
    model = kerata.Sequential([kerata.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.ones((40, 2), "float32")
    x[25] = 1e30
    with pytest.warns(UserWarning, match="step 4 of this run"):
        history = model.fit(x, x[:, :1], batch_size=8, epochs=2, shuffle=False, verbose=0)
    assert history.bad_step == 4
    history.given["x"] = lambda: np.ones((40, 2), "float32")
    history.given["y"] = lambda: np.ones((40, 1), "float32")
    found = history.examine(experiments=False)
    assert found[0].kind == "diverged" and "epoch 1 (step 4 of the run)" in found[0].sentence


@pytest.mark.parametrize(
    ("units", "activation", "loss", "said"),
    [
        (1, None, "binary_crossentropy", "expects probabilities, but the output's activation is linear"),
        (2, "softmax", "binary_crossentropy", "a softmax over 2 classes"),
        (1, "sigmoid", "binary_crossentropy", ""),
        (1, None, "mse", ""),
    ],
)
def test_what_is_certain_before_the_first_step(units, activation, loss, said):
    model = kerata.Sequential([kerata.Input((2,)), layers.Dense(units, activation=activation)])
    model.compile("sgd", loss)
    text = " ".join(certain_faults(model, np.zeros((4, units))))
    assert said in text and bool(said) == bool(text)


def test_labels_are_noisy_where_the_surest_are_wrong_as_often_as_all():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 4)).astype("float32")
    clean, overlapping = x[:, 0] > 0, x[:, 0] + rng.normal(size=600) > 0
    wrong = clean ^ (rng.random(600) < 0.25)
    kinds = []
    for y in (clean, overlapping, wrong):
        model = kerata.Sequential([kerata.Input((4,)), layers.Dense(1, activation="sigmoid")])
        model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
        history = model.fit(x, y.astype("int32"), epochs=20, validation_split=0.2, verbose=0)
        kinds.append("labels_noisy" in history.examine(experiments=False).kinds)
    assert kinds == [False, False, True]


LINE = np.linspace(-1, 1, 200, dtype="float32")[:, None]


def on_a_line(optimizer):
    model = kerata.Sequential([kerata.Input((1,)), layers.Dense(1)])
    model.compile(optimizer, "mse")
    return model


@pytest.mark.parametrize("how", ["callback", "schedule", "second fit"])
def test_the_rate_of_a_run_is_the_one_that_it_began_with(how):
    """A rate that has fallen to nothing by the end is none that was too low."""
    rate = optimizers.schedules.PolynomialDecay(0.1, 210, 1e-7) if how == "schedule" else 0.1
    model = on_a_line(optimizers.SGD(rate))
    falling = kerata.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)
    history = model.fit(LINE, 3 * LINE, epochs=30, verbose=0, seed=0, callbacks=falling if how == "callback" else None)
    if how == "second fit":
        model.optimizer.learning_rate = 1e-6
        history = model.fit(LINE, 3 * LINE, epochs=5, verbose=0, seed=0)
    assert "rate_too_low" not in history.examine(seconds=60).kinds
    slow = on_a_line(optimizers.SGD(1e-6)).fit(LINE, 3 * LINE, epochs=30, verbose=0, seed=0)
    assert slow.examine(seconds=60).kinds[0] == "rate_too_low"


def test_labels_are_unrelated_where_those_of_other_samples_are_learned_as_fast():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(400, 4)).astype("float32"), rng.integers(0, 2, 400)
    model = kerata.Sequential([kerata.Input((4,)), layers.Dense(16, activation="relu"), layers.Dense(1, activation="sigmoid")])
    model.compile(optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    found = model.fit(x, y, epochs=20, validation_split=0.25, verbose=0, seed=0).examine(seconds=60)
    assert found[0].kind == "labels_unrelated" and "targets of other samples" in found[0].sentence
    check_words(found[0])


def test_a_normalization_that_hurts_is_named():
    """Batches of one class each: their mean is what tells them, and normalization takes it out."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(40) % 2, 10)
    x = (rng.normal(size=(400, 3)) * 0.1 + (2.0 * y - 1)[:, None]).astype("float32")
    stack = [layers.BatchNormalization(name="first"), layers.Dense(8, activation="relu"), layers.Dense(1, activation="sigmoid")]
    model = kerata.Sequential([kerata.Input((3,)), *stack])
    model.compile(optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, batch_size=10, epochs=10, shuffle=False, verbose=0, seed=0)
    tried = Tried(rates={1.0: np.array([0.69, 0.69])}, bare=np.array([0.3, 0.01]), taken_out="first")
    case = make_case(model, history, x, y, None, None)
    found = list(check_bare(case, run_of(case, Scores("accuracy", base=0.693)), tried))
    assert [finding.kind for finding in found] == ["normalization_hurts"] and "normalization first a trial" in found[0].sentence
    assert not list(check_bare(case, run_of(case, Scores("accuracy", base=0.693)), Tried(bare=np.array([0.01]))))
    twin = without(model, model.layers[0])
    assert [type(layer).__name__ for layer in twin.layers] == ["Activation", "Dense", "Dense"]
    assert doubled(model).count_params() == 4 * 3 + (3 * 16 + 16) + (16 + 1)


def test_an_examination_that_would_take_long_says_what_it_leaves_out():
    model = kerata.Sequential([kerata.Input((4,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(np.ones((40, 4)), np.ones(40), verbose=0)
    case = make_case(model, history, np.ones((40, 4)), np.ones(40), None, None)
    vars(case)["work"] = 1e9
    found = look_at(case, 6.0)
    assert "the look into the layers (a sample takes 1e+09 multiplications)" in " ".join(found.notes)
    assert "predictions, so scores are those of the curves" in " ".join(found.notes)


def test_a_sentence_that_is_too_long_is_no_finding():
    with pytest.raises(ValueError, match="letters"):
        make_finding("kind", "serious", "word " * 80, "", "")
