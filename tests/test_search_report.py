"""What a search shows: the page (in a real browser where there is one), the picture, the importance, the progress."""

import importlib.util
import io
import json
import os
import re
import struct
import subprocess
import sys
import textwrap
import threading
import time
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from kerata.populations.objective import Objective
from kerata.search import importance as importances
from kerata.search.importance import importance, measure_importance
from kerata.search.plots import plot_study
from kerata.search.progress import Progress, Work, cut_columns
from kerata.search.records import COMPLETE, FAILED, PRUNED, Trial
from kerata.search.report import write_report
from kerata.search.summary import summarize

spec = importlib.util.spec_from_file_location("search_fakes", Path(__file__).with_name("search_fakes.py"))
fakes = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fakes)
make_study, NASTY = fakes.make_study, fakes.NASTY
BEST = Objective("val_accuracy", "max")

STUDIES = {
    "usual": {},
    "lowest loss": {"direction": "min", "measures": ("loss",), "folds": 1},
    "nasty": {"nasty": True},
    "one trial": {"trials": 1, "outcome": COMPLETE},
    "none complete": {"trials": 6, "outcome": FAILED},
    "all cut": {"trials": 20, "outcome": PRUNED},
    "one epoch": {"epochs": 1, "trials": 12},
    "no trial": {"trials": 0},
}


class Page(HTMLParser):
    """A page's elements: tags, texts by tag, and attributes."""

    VOID = ("meta", "link", "rect")

    def __init__(self, text):
        super().__init__()
        self.stack, self.tags, self.texts = [], [], {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.stack.pop() == tag

    def handle_data(self, data):
        for tag in self.stack:
            self.texts[tag] = self.texts.get(tag, "") + data


def read_page(path):
    return Page(Path(path).read_text("utf-8"))


def data_of(path):
    text = Path(path).read_text("utf-8")
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)[1])


# -- the page


@pytest.mark.parametrize("case", STUDIES)
def test_page_is_whole_and_asks_nothing_of_the_network(tmp_path, case):
    study = make_study(**STUDIES[case])
    path = write_report(tmp_path / "made" / "report.html", study)
    page = read_page(path)
    assert not page.stack, "every element is closed"
    assert [tag for tag, _ in page.tags].count("script") == 2
    for tag, attributes in page.tags:
        assert not attributes.get("src") and attributes.get("href", "data:,") == "data:,", tag
        assert not any(name.startswith("on") or name == "style" for name in attributes), (tag, attributes)
    assert not re.search(r"https?://(?!www\.w3\.org)", page.texts["script"] + page.texts["style"])
    assert [tag for tag, _ in page.tags].count("tr") >= 1 + len(study.trials)
    assert sorted(p.name for p in path.parent.iterdir()) == ["report.html"], "nothing is left beside it"


def test_headline_says_what_came_out(tmp_path):
    study = make_study()
    summary = summarize(study)
    best = max((t for t in study.trials if t.state == COMPLETE), key=lambda t: t.score)
    assert summary.best is best
    text = read_page(write_report(tmp_path / "r.html", study)).texts["header"]
    assert "64 trials of 8 hyperparameters, each on 5 folds; 19.8s of training." in text
    assert f"Best val_accuracy: {best.score:.4f} ± {best.deviation:.4f}, trial {best.number}, with learning_rate" in text
    for state, word in ((COMPLETE, "complete"), (PRUNED, "cut early"), (FAILED, "failed")):
        assert f"{sum(t.state == state for t in study.trials)} {word}" in text


def test_readings_and_reasons(tmp_path):
    study = make_study()
    text = read_page(write_report(tmp_path / "r.html", study)).texts["body"]
    summary = summarize(study)
    assert f"Best, trial {summary.best.number}" in text and f"Worst, trial {summary.worst.number}" in text
    assert "the loss became NaN in epoch 5 of fold 1: lower the learning rate" in text
    assert "diverged" in text and "settled" in text


def test_what_users_wrote_stays_text(tmp_path):
    path = write_report(tmp_path / "r.html", make_study(nasty=True))
    text = path.read_text("utf-8")
    assert text.count("</script>") == 2 and "<script>throw" not in text
    page = read_page(path)
    assert NASTY in page.texts["h1"] and "</td></table>" in page.texts["table"]
    assert not any(ord(c) < 32 and c != "\n" for c in text)


def test_data_of_the_page(tmp_path):
    study = make_study()
    data = data_of(write_report(tmp_path / "r.html", study))
    assert data["objective"] == {"name": "val_accuracy", "direction": "max"}
    assert data["measures"] == ["accuracy", "loss"]
    axes = {axis["name"]: axis for axis in data["parameters"]}
    assert data["parameters"][0]["name"] == "learning_rate", "the most important first"
    assert axes["learning_rate"]["log"] and not axes["dropout"]["log"]
    assert axes["activation"]["labels"] == ["relu", "tanh", "elu"]
    assert axes["batch_norm"]["labels"] == ["False", "True"] and "epochs" not in axes
    best = study.trials[data["best"]]
    row = data["trials"][data["best"]]
    momentum = [axis["name"] for axis in data["parameters"]].index("momentum")
    assert row["score"] == pytest.approx(best.score, rel=1e-5)
    assert (row["places"][momentum] is None) == ("momentum" not in best.params)
    length, values = data["curves"][str(best.number)][1][1]
    shortest = min(len(fold["val_loss"]) for fold in best.histories)
    assert length == shortest
    mean = np.mean([fold["val_loss"][:shortest] for fold in best.histories], axis=0)
    np.testing.assert_allclose(values, mean[data["grids"][str(length)]], rtol=1e-3)
    assert len(data["folds"][str(best.number)]) == 5


def test_thousand_trials_stay_small(tmp_path):
    study = make_study(trials=1000, epochs=200, measures=("loss", "accuracy", "auc", "f1"))
    began = time.perf_counter()
    path = write_report(tmp_path / "r.html", study)
    assert path.stat().st_size < 2_000_000
    assert time.perf_counter() - began < 20
    data = data_of(path)
    assert len(data["curves"]) > 900 and str(data["best"]) in data["folds"]


def test_a_page_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    path = write_report(tmp_path / "r.html", make_study(trials=2))
    old = path.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        write_report(path, make_study(trials=3))
    assert path.read_bytes() == old and len(list(tmp_path.iterdir())) == 1


def test_something_that_is_no_study(tmp_path):
    with pytest.raises(TypeError, match=r"a study with `.trials` and `.objective` was expected\. Received: study=3"):
        write_report(tmp_path / "r.html", 3)


# -- the page in a browser


@pytest.fixture(scope="module")
def browser():
    program = fakes.find_browser()
    if program is None:
        pytest.skip("no chromium or google-chrome on this machine")
    with fakes.Browser(program) as one:
        yield one


@pytest.mark.parametrize("case", STUDIES)
def test_browser_has_no_complaint(browser, tmp_path, case):
    study = make_study(**STUDIES[case])
    path = write_report(tmp_path / "r.html", study)
    browser.open(path)
    assert browser.complaints == []
    assert browser.requests == [path.as_uri()], "nothing but the page itself"
    curves = browser.evaluate("document.querySelectorAll('#curves path.curve[data-n], #curves circle').length")
    assert curves == 2 * sum(bool(trial.histories) for trial in study.trials)
    assert browser.evaluate("document.querySelectorAll('#table tbody tr').length") == len(study.trials)
    assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_browser_marks_sorts_and_sifts(browser, tmp_path):
    study = make_study()
    browser.open(write_report(tmp_path / "r.html", study))
    rows = "[...document.querySelectorAll('#table tbody tr:not(.off)')].map(row => Number(row.dataset.n))"
    ranked = sorted((t for t in study.trials if t.state in (COMPLETE, PRUNED)), key=lambda t: -t.score)
    assert browser.evaluate(rows)[: len(ranked)] == [t.number for t in ranked], "the best first, those without a score last"
    browser.evaluate("document.querySelector('#table thead th:nth-child(5) button').click()")
    assert browser.evaluate("document.querySelector('#table thead th:nth-child(5)').getAttribute('aria-sort')") == "ascending"
    by_rate = [t.number for t in sorted(study.trials, key=lambda t: t.params["learning_rate"])]
    assert browser.evaluate(rows) == by_rate

    middle = "(box => [box.left + box.width * 0.7, box.top + box.height * 0.4])"
    browser.evaluate("document.querySelector('#curves').scrollIntoView({block: 'start'})")
    x, y = browser.evaluate(f"{middle}(document.querySelector('#curves svg').getBoundingClientRect())")
    browser.mouse("mouseMoved", x, y)
    assert browser.evaluate("document.querySelectorAll('#curves path.mark:not(.fold)').length") == 2, "in both panels"
    assert browser.evaluate("document.querySelectorAll('#parallel path.mark').length") == 1
    assert browser.evaluate("document.getElementById('card').textContent").startswith("Trial ")

    browser.evaluate("document.querySelector('#parallel').scrollIntoView({block: 'center'})")
    x, top, tall = browser.evaluate(
        "(b => [b.left + b.width / 2, b.top + 8, b.height - 16])"
        "(document.querySelector('#parallel .grip').getBoundingClientRect())"
    )
    browser.mouse("mousePressed", x, top)
    browser.mouse("mouseMoved", x, top + tall / 2, held=True)
    browser.mouse("mouseReleased", x, top + tall / 2)
    kept = browser.evaluate(rows)
    assert sorted(kept) == [t.number for t in study.trials if t.params["learning_rate"] >= 1e-2], "the upper half of a log axis"
    browser.evaluate("document.querySelector('#table-note .free').click()")
    assert len(browser.evaluate(rows)) == 64
    browser.evaluate("document.querySelector('#table tbody tr button').click()")
    assert browser.evaluate("document.getElementById('card').className") == "dock"
    browser.evaluate("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape'}))")
    assert browser.evaluate("document.getElementById('card').hidden")
    assert browser.complaints == []


def test_browser_refuses_what_was_smuggled_in(browser, tmp_path):
    """The page's rule for the browser holds even where escaping would not."""
    path = write_report(tmp_path / "r.html", make_study(trials=3))
    smuggled = '<script>document.title = "taken"</script><img src="http://127.0.0.1:9/x"><footer>'
    text = path.read_text("utf-8").replace("<footer>", smuggled)
    path.write_text(text, "utf-8")
    browser.open(path)
    assert browser.evaluate("document.title") != "taken" and len(browser.complaints) == 2


# -- the picture


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("case", STUDIES)
def test_picture(tmp_path, case):
    study = make_study(**STUDIES[case])
    figure = plot_study(study, tmp_path / "made" / "study.png")
    assert struct.unpack(">II", (tmp_path / "made" / "study.png").read_bytes()[16:24]) == (1728, 492)
    summary = summarize(study)
    labels = [line.get_label() for line in figure.axes[2].get_lines()]
    assert len([label for label in labels if "training" not in label]) == min(5, len(summary.scored))
    if summary.best:
        assert f"trial {summary.best.number} (best)" in labels
        so_far = next(line for line in figure.axes[0].get_lines() if line.get_label() == "best so far")
        assert so_far.get_ydata()[-1] == pytest.approx(summary.best.score)


def test_the_picture_says_what_it_leaves_out():
    trials = [Trial(i, {"n": i}, COMPLETE, 1.0 + 0.01 * i) for i in range(9)]
    trials += [Trial(9, {"n": 9}, COMPLETE, 1e6), Trial(10, {"n": 10}, PRUNED, -1e6), Trial(11, {"n": 11}, "running")]
    axis = plot_study(study_of(trials, Objective("val_loss", "min"))).axes[0]
    assert axis.get_xlabel().replace("\n", " ") == (
        "trial; 2 scores outside of the picture (triangles); 1 trial without a score not drawn"
    )
    drawn = {tuple(line.get_xdata()) for line in axis.get_lines() if line.get_label() == "outside"}
    assert drawn == {(9,), (10,)}
    plain = plot_study(study_of(trials[:9], Objective("val_loss", "min"))).axes[0]
    assert plain.get_xlabel() == "trial" and "outside" not in [text.get_text() for text in plain.get_legend().get_texts()]


@pytest.mark.parametrize("trials, epochs", [(1, 1), (2, 2), (3, 7), (64, 40)])
def test_what_counts_has_whole_ticks(trials, epochs):
    study = study_of([Trial(i, {}, COMPLETE, 0.5, [0.5], [{"val_accuracy": [0.5] * epochs}]) for i in range(trials)])
    scores, _, curves = plot_study(study).axes
    for axis in (scores, curves):
        low, high = axis.get_xlim()
        shown = [tick for tick in axis.get_xticks() if low <= tick <= high]
        assert shown and all(float(tick).is_integer() for tick in shown)


def test_a_telephone_reads_the_name_before_each_value(tmp_path):
    study = make_study(nasty=True)
    text = write_report(tmp_path / "r.html", study).read_text("utf-8")
    narrow = text[text.index("@media (max-width: 600px)") : text.index("@media print")]
    heads = re.findall(r'<th scope="col">', text)
    labels = re.findall(r"td:nth-child\((\d+)\)::before { content: \"([^\"<>]*)\"; }", narrow)
    assert [int(place) for place, _ in labels] == list(range(3, len(heads) + 1))
    assert labels[0][1] == "val_accuracy " and narrow.count("{") == narrow.count("}")
    assert "white-space: normal" in narrow and "$labels" not in text


# -- importance


def scored(params, scores):
    return [Trial(i, p, COMPLETE, float(s), [float(s)]) for i, (p, s) in enumerate(zip(params, scores, strict=True))]


def study_of(trials, objective=BEST, **space):
    return SimpleNamespace(trials=trials, objective=objective, space=space)


@pytest.fixture(params=["optuna", "alone"])
def evaluator(request, monkeypatch):
    if request.param == "alone":
        monkeypatch.setitem(sys.modules, "optuna", None)
    return request.param


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("direction", ["max", "min"])
def test_importance_finds_what_matters(evaluator, direction, seed):
    study = make_study(trials=100, seed=seed, direction=direction)
    shares = importance(study)
    assert set(shares) == {"learning_rate", "dropout", "units", "activation", "batch_norm", "optimizer", "momentum"}
    assert sum(shares.values()) == pytest.approx(1) and min(shares.values()) >= 0
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    assert next(iter(shares)) == "learning_rate" and shares["learning_rate"] > 0.5
    method = measure_importance(summarize(study)).method
    assert ("PED-ANOVA" in method) == (evaluator == "optuna") and "cut early" in method


def test_importance_of_choices_and_conditional_values(evaluator):
    random = np.random.default_rng(1)
    params = [{"kind": str(random.choice(["a", "b"])), "noise": float(random.random())} for _ in range(60)]
    for p in params:
        if p["kind"] == "b":
            p["depth"] = float(random.random())
    scores = [0.5 + 0.3 * p.get("depth", 0.0) + 0.01 * random.random() for p in params]
    shares = importance(study_of(scored(params, scores)))
    assert set(shares) == {"kind", "noise", "depth"} and list(shares)[-1] == "noise"


def test_importance_says_nothing_where_nothing_can_be_told(evaluator):
    random = np.random.default_rng(0)
    params = [{"a": float(random.random()), "b": float(random.random()), "fixed": 3} for _ in range(30)]
    assert importance(study_of(scored(params[:7], range(7)))) == {}
    assert importance(study_of(scored(params, [0.5] * 30))) == {}
    assert importance(study_of([])) == {}
    assert importance(study_of(scored([{"fixed": 3}] * 30, range(30)))) == {}
    assert importance(study_of(scored([{"a": p["a"]} for p in params], range(30)))) == {"a": 1.0}
    assert set(importance(study_of(scored(params, [p["a"] for p in params])))) == {"a", "b"}
    method = measure_importance(summarize(study_of(scored(params, [0.5] * 30)))).method
    assert method == "All scores are equal, so no hyperparameter mattered."


def test_importance_is_not_carried_away_by_one_diverged_trial(evaluator):
    random = np.random.default_rng(2)
    params = [{"a": float(random.random()), "b": float(random.random())} for _ in range(60)]
    scores = [p["a"] for p in params]
    scores[int(np.argmax([p["b"] for p in params]))] = 1e30
    shares = importance(study_of(scored(params, scores), Objective("val_loss", "min")))
    assert shares["a"] > 0.8


def test_pruned_trials_count_by_how_far_they_came():
    trials = [
        Trial(0, {}, PRUNED, 0.9, epochs=[2]),
        Trial(1, {}, PRUNED, 0.5, epochs=[4]),
        Trial(2, {}, COMPLETE, 0.1),
        Trial(3, {}, FAILED),
        Trial(4, {}, COMPLETE, float("nan")),
        Trial(5, {}, COMPLETE, 0.1),
    ]
    kept, ranks = importances.rank_trials(trials, BEST)
    assert [trial.number for trial in kept] == [0, 1, 2, 5] and ranks.tolist() == [0, 1, 2.5, 2.5]


# -- progress


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def run_search(progress, study, pause=0.0):
    """The events and trials of a study, as a runner tells them."""
    progress.begin(0)
    numbers = [trial.number for trial in study.trials]
    progress.event({"kind": "running", "trials": numbers, "members": 5 * len(numbers)})
    for done, trial in enumerate(study.trials):
        progress.event({"kind": "epochs", "done": 200 * (done + 1), "all": 200 * len(numbers)})
        if trial.state == PRUNED:
            rung = {"kind": "rung", "number": trial.number, "rung": 10, "value": 0.5, "goes_on": False}
            progress.event(rung)
        progress.trial(trial)
        time.sleep(pause)
    progress.end()


def ended_study(trials=64, **more):
    study = make_study(trials=trials, **more)
    study.trials = [trial for trial in study.trials if trial.state in (COMPLETE, PRUNED, FAILED)]
    return study


@pytest.mark.parametrize("nasty", [False, True])
@pytest.mark.parametrize("verbose", ["auto", 1, 2])
def test_log_has_a_line_a_trial_and_no_control_codes(verbose, nasty):
    study = ended_study(nasty=nasty)
    log = io.StringIO()
    run_search(Progress(len(study.trials), study.objective, log, verbose), study)
    lines = log.getvalue().splitlines()
    assert len(lines) == len(study.trials) + 2
    assert all(line.isprintable() for line in lines)
    for trial, line in zip(study.trials, lines[1:], strict=False):
        assert line.startswith(f"trial {trial.number}  ")
        assert ("failed: " in line) == (trial.state == FAILED) and ("cut after epoch 10" in line) == (trial.state == PRUNED)
    best = summarize(study).best
    assert f"best val_accuracy {best.score:.4f}" in lines[-1] and f"trial {best.number}" in lines[-1]
    assert sum("best so far" in line for line in lines) >= 1


def test_verbose_2_writes_lines_on_a_terminal_too():
    study, terminal = ended_study(trials=8), Terminal()
    run_search(Progress(8, study.objective, terminal, 2), study)
    assert terminal.getvalue().isprintable() or "\x1b" not in terminal.getvalue()
    assert "\r" not in terminal.getvalue()


def test_silence():
    study, terminal = ended_study(trials=8), Terminal()
    run_search(Progress(8, study.objective, terminal, 0), study)
    assert terminal.getvalue() == ""


def test_terminal_shows_two_lines_and_wipes_them():
    study, terminal = ended_study(), Terminal()
    run_search(Progress(len(study.trials), study.objective, terminal), study, pause=0.01)
    frames = terminal.getvalue().split("Trials  ")
    assert 3 <= len(frames) <= 15, "at most ten a second"
    assert all(frame.count("\n") <= 1 for frame in frames[:-1])
    last = frames[-1]
    assert "running" in last and "failed" in last and "epochs/s" in last and "left" in last
    assert f"best val_accuracy {summarize(study).best.score:.4f}" in last
    assert "\x1b[J" in last and last.rstrip("\n").splitlines()[-1].count("\x1b[K") == 0


def test_lines_never_exceed_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    study, terminal = ended_study(nasty=True), Terminal()
    progress = Progress(len(study.trials), study.objective, terminal)
    run_search(progress, study, pause=0.005)
    live = terminal.getvalue().rsplit("\x1b[J", 1)[0]
    for line in re.split(r"\x1b\[[0-9]*[A-Z]|[\r\n]", live):
        assert cut_columns(line, 49) == line and line.isprintable()


def test_terminal_without_letters_for_the_bar():
    class Plain(Terminal):
        encoding = "ascii"

    study, terminal = ended_study(trials=10, nasty=True), Plain()
    run_search(Progress(10, study.objective, terminal), study)
    assert terminal.getvalue().isascii() and "=" in terminal.getvalue() + "="


def test_events_from_many_threads():
    study, log = ended_study(trials=300), io.StringIO()
    progress = Progress(len(study.trials), study.objective, log)
    progress.begin(0)
    chunks = [study.trials[i::8] for i in range(8)]
    threads = [threading.Thread(target=lambda chunk: [progress.trial(t) for t in chunk], args=(chunk,)) for chunk in chunks]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    progress.end()
    lines = log.getvalue().splitlines()
    assert len(lines) == len(study.trials) + 2 and progress.ended == len(study.trials)
    assert progress.best.score == summarize(study).best.score


def test_progress_is_cheap():
    terminal = Terminal()
    progress = Progress(1000, BEST, terminal)
    progress.begin(0)
    began = time.perf_counter()
    for done in range(20_000):
        progress.event({"kind": "epochs", "done": done, "all": 20_000})
    assert (time.perf_counter() - began) / 20_000 < 50e-6


def test_a_resumed_search_knows_what_was_done():
    study, log = ended_study(trials=20), io.StringIO()
    progress = Progress(30, study.objective, log)
    progress.begin(study.trials)
    progress.trial(Trial(99, {"a": 1}, COMPLETE, 0.1, [0.1]))
    progress.end()
    first, line, last = log.getvalue().splitlines()
    assert f"{len(study.trials)} of them done before" in first and "best so far" not in line
    assert f"trial {summarize(study).best.number}" in last


def test_time_left_follows_the_work(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    work = Work()
    assert work.seconds_left(10) is None
    work.announce(set(range(5)))
    now[0] = 100.0
    work.advance(0, 500)
    assert work.seconds_left(10) is None, "compiling says nothing about the pace"
    now[0] = 110.0
    work.advance(250, 500)
    assert work.seconds_left(10) == pytest.approx(30.0), "250 of 1000 epochs took 10 s"
    now[0] = 120.0
    work.advance(500, 500)
    for number in range(5):
        work.finish(Trial(number, {}, COMPLETE, epochs=[50, 50]))
    assert work.seconds_left(5) == pytest.approx(20.0)
    work.announce(set(range(5, 10)))
    now[0] = 124.0
    work.advance(100, 500)
    assert work.done == 600 and work.planned == 1000, "the counts of a second call begin anew"
    assert work.seconds_left(5) == pytest.approx(16.0)
    assert work.seconds_left(None) is None and work.seconds_left(0) is None


def test_time_left_without_counts_of_epochs(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    work = Work()
    now[0] = 10.0
    work.finish(Trial(0, {}, COMPLETE))
    work.finish(Trial(1, {}, COMPLETE))
    assert work.seconds_left(6) == pytest.approx(30.0)


@pytest.mark.skipif(os.name != "posix", reason="terminals of this kind are a matter of Unix")
def test_real_terminal(tmp_path):
    """What a person sees: a pseudo-terminal, its codes carried out."""
    import pty

    script = textwrap.dedent(f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        import test_search_report as t
        study = t.ended_study(trials=20)
        print("before")
        t.run_search(t.Progress(len(study.trials), study.objective), study, pause=0.02)
        print("after")
    """)
    master, slave = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", script], stdout=slave, stderr=slave, env={**os.environ, "TERM": "xterm"})
    os.close(slave)
    written = b""
    try:
        while part := os.read(master, 65536):
            written += part
    except OSError:
        pass
    assert process.wait() == 0, written.decode()
    os.close(master)
    screen = draw_screen(written.decode())
    assert screen[0] == "before" and screen[-1] == "after" and len(screen) == 3
    assert "trials" in screen[1] and "; best val_accuracy 0." in screen[1]


def draw_screen(text):
    """The lines that a terminal would show in the end."""
    lines, row, column = [""], 0, 0
    for code, letter in re.findall(r"\x1b\[(\d*[A-Z])|(.)", text, re.S):
        if code.endswith("A"):
            row -= int(code[:-1] or 1)
        elif code == "K":
            lines[row] = lines[row][:column]
        elif code == "J":
            lines[row:] = [lines[row][:column]]
        elif letter == "\r":
            column = 0
        elif letter == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif letter:
            lines[row] = lines[row][:column].ljust(column) + letter + lines[row][column + 1 :]
            column += 1
    return [line for line in lines if line]
