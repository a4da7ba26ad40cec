"""Prediction: what its callbacks are told, and the progress that a person sees."""

import io

import numpy as np
import pytest

import kerata
from kerata.callbacks import Callback, ProgbarLogger

X = np.random.default_rng(0).normal(size=(10, 3)).astype("float32")
model = kerata.Sequential([kerata.Input((3,)), kerata.layers.Dense(2)])


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Watch(Callback):
    def on_predict_begin(self, logs=None):
        self.told = dict(self.params)


def batches(count):
    for _ in range(count):
        yield X[:4]


@pytest.mark.parametrize(
    ("data", "arguments", "steps"),
    [
        (X, {}, 1),
        (X, {"batch_size": 4}, 3),
        (X, {"batch_size": 4, "steps": 2}, 2),
        (batches(3), {"steps": 2}, 2),
        (batches(3), {}, None),
    ],
)
@pytest.mark.parametrize("verbose", [0, 1, 2, "auto"])
def test_callbacks_are_told_what_comes(data, arguments, steps, verbose, capsys):
    watch = Watch()
    if not hasattr(data, "shape"):
        data = batches(3)
    model.predict(data, verbose=verbose, callbacks=[watch], **arguments)
    assert watch.told == {"verbose": 1 if verbose == "auto" else verbose, "epochs": 1, "steps": steps}
    written = capsys.readouterr().out
    assert written.count("Prediction") == (verbose != 0) and written.count("\n") == (verbose != 0)


def test_on_a_terminal_a_bar_grows(monkeypatch):
    monkeypatch.setattr("kerata.callbacks.progress.REDRAW_SECONDS", 0.0)
    terminal = Terminal()
    found = model.predict(X, batch_size=4, callbacks=[ProgbarLogger(terminal)])
    lines = terminal.getvalue().split("\r")
    assert [f"{n}/3" in line for n, line in zip((1, 2, 3), lines[1:4], strict=True)] == [True] * 3
    assert lines[-1].startswith("Prediction") and lines[-1].endswith("\n")
    np.testing.assert_allclose(found, model.predict(X, verbose=0), rtol=1e-5, atol=1e-6)


def test_a_prediction_that_gives_nothing_says_so():
    with pytest.raises(ValueError, match="at least one batch"):
        model.predict(batches(0), verbose=0)
