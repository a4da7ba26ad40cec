"""Made-up studies, and a browser that looks at pages, for the tests of reports."""

import base64
import contextlib
import json
import math
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from kerata.populations.objective import Objective
from kerata.search.records import COMPLETE, FAILED, PRUNED, RUNNING, WAITING, Trial

NASTY = '</script><script>throw new Error("out")</script>'
SPACE = {
    "learning_rate": {"kind": "float", "low": 1e-4, "high": 1.0, "log": True},
    "dropout": {"kind": "float", "low": 0.0, "high": 0.6},
    "units": {"kind": "int", "low": 8, "high": 256, "log": True},
    "activation": {"kind": "choice", "choices": ["relu", "tanh", "elu"]},
    "batch_norm": {"kind": "boolean"},
    "optimizer": {"kind": "choice", "choices": ["adam", "sgd"]},
    "momentum": {"kind": "float", "low": 0.0, "high": 0.99},
    "epochs": {"kind": "fixed", "choices": [40]},
}


def make_study(
    trials=64, folds=5, epochs=40, direction="max", seed=0, nasty=False, outcome=None, measures=("loss", "accuracy")
):
    """A study as a real one would look: a learning rate that matters, folds that differ, early stopping."""
    random = np.random.default_rng(seed)
    measure = measures[-1] if direction == "max" else "loss"
    objective = Objective(f"val_{measure}", direction)
    made = [make_trial(number, random, folds, epochs, objective, measures, outcome) for number in range(trials)]
    space = dict(SPACE)
    if nasty:
        spell_nastily(made, space)
    return SimpleNamespace(
        name=f"ionosphere {NASTY} Ω 漢字" if nasty else "ionosphere",
        trials=made,
        objective=objective,
        space=space,
        seconds=0.31 * trials,
        best=None,
    )


def make_trial(number, random, folds, epochs, objective, measures, outcome):
    params = {
        "learning_rate": float(10 ** random.uniform(-4, 0)),
        "dropout": float(random.uniform(0, 0.6)),
        "units": int(2 ** random.uniform(3, 8)),
        "activation": str(random.choice(["relu", "tanh", "elu"])),
        "batch_norm": bool(random.random() < 0.5),
        "optimizer": str(random.choice(["adam", "sgd"])),
        "epochs": 40,
    }
    if params["optimizer"] == "sgd":
        params["momentum"] = float(random.uniform(0, 0.99))
    trial = Trial(number, params, started=1.7e9 + number, seconds=float(random.uniform(0.2, 0.5)))
    rate = math.log10(params["learning_rate"])
    state = outcome or (
        FAILED
        if rate > -0.15
        else RUNNING
        if number % 23 == 22
        else WAITING
        if number % 61 == 60
        else PRUNED
        if rate < -3.4 or number % 9 == 8
        else COMPLETE
    )
    trial.state = state
    if state == WAITING:
        return trial
    ran = {PRUNED: max(1, epochs // 4), FAILED: max(1, epochs // 8), RUNNING: max(1, epochs // 3)}.get(state, epochs)
    trial.histories = [make_curves(params, random, ran, measures) for _ in range(folds)]
    trial.epochs = [len(fold["loss"]) for fold in trial.histories]
    if state == FAILED:
        for fold in trial.histories:
            fold["loss"][-1] = fold["val_loss"][-1] = float("nan")
        trial.error = f"the loss became NaN in epoch {ran} of fold 1: lower the learning rate"
        return trial
    if state == RUNNING:
        trial.epochs = []
        return trial
    trial.best_epochs = [objective.best(fold[objective.name]) + 1 for fold in trial.histories]
    trial.scores = [fold[objective.name][best - 1] for fold, best in zip(trial.histories, trial.best_epochs, strict=True)]
    trial.score = float(np.mean(trial.scores))
    return trial


def make_curves(params, random, epochs, measures):
    rate = math.log10(params["learning_rate"])
    speed = 0.4 * 10 ** min(0.0, rate + 2)
    n = np.arange(1, epochs + 1)
    floor = 0.08 + 0.06 * (rate + 2) ** 2 + random.uniform(0, 0.03)
    noise = 0.01 * (1 + 4 * max(0.0, rate + 1)) * random.standard_normal((2, epochs))
    loss = floor * 0.6 + 0.65 * np.exp(-speed * n) + np.abs(noise[0])
    gap = 0.004 * n * (0.6 - params["dropout"]) * min(1.0, speed * 3)
    held = floor + 0.62 * np.exp(-speed * n) + gap + np.abs(noise[1])
    stop = min(epochs, int(np.argmin(held)) + 8)
    curves = {}
    for name in measures:
        train, valid = (loss, held) if name == "loss" else (1 - 0.55 * loss / (1 + loss), 1 - 0.6 * held / (1 + held))
        curves[name], curves[f"val_{name}"] = train[:stop].tolist(), valid[:stop].tolist()
    return curves


def spell_nastily(trials, space):
    """Names, values and errors as an enemy or a careless user would spell them."""
    quotes, letters = "drop \"out\" & <b>'x'</b> ${price}", "активация\u202e\x1b[31m\n漢字 🙂 $x^2$"
    renamed = {"units": NASTY, "dropout": quotes, "activation": letters}
    for old, new in renamed.items():
        space[new] = space.pop(old)
        for trial in trials:
            trial.params = {renamed.get(name, name): value for name, value in trial.params.items()}
    for trial in trials:
        if trial.number % 3 == 0:
            trial.params[renamed["activation"]] = NASTY
        if trial.number % 7 == 0:
            trial.params["optimizer"] = ("</td></table>", None, float("inf"))
        if trial.error:
            trial.error = f"ValueError: {NASTY} \x1b[2J\n\u2028 'ü' \ud800 $x {'long ' * 300}"
    space["optimizer"] = {"kind": "choice", "choices": ["adam", "sgd"]}
    for trial in trials[:1]:
        trial.params["learning_rate"] = float("nan")


class Browser:
    """Chromium without a window, driven over its pipe; it records console messages, exceptions and requests."""

    FLAGS = (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
        "--remote-debugging-pipe",
    )

    def __init__(self, program, width=1280, height=900, dark=False, phone=False):
        self.folder = tempfile.mkdtemp(prefix="browser-")
        to_child, self.write_end = os.pipe()
        self.read_end, from_child = os.pipe()
        # The browser reads from file 3 and writes to file 4.
        shell = f'exec 3<&{to_child} 4>&{from_child}; exec "$0" "$@"'
        command = ["bash", "-c", shell, program, *self.FLAGS, f"--user-data-dir={self.folder}", "about:blank"]
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen(command, pass_fds=(to_child, from_child), stdin=quiet, stdout=quiet, stderr=quiet)
        os.close(to_child)
        os.close(from_child)
        self.buffer, self.count, self.events = b"", 0, []
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(target for target in targets if target["type"] == "page")
        self.session = None
        self.session = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        screen = {"width": width, "height": height, "deviceScaleFactor": 2 if phone else 1, "mobile": phone}
        self.call("Emulation.setDeviceMetricsOverride", **screen)
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=features)

    session = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError, TimeoutError):
            self.session = None
            self.call("Browser.close", timeout=5)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.write_end)
        os.close(self.read_end)
        shutil.rmtree(self.folder, ignore_errors=True)

    def call(self, method, timeout=60, **params):
        self.count += 1
        message = {"id": self.count, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write_end, json.dumps(message).encode() + b"\0")
        number, limit = self.count, time.monotonic() + timeout
        while True:
            answer = self.read(limit)
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def read(self, limit):
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.read_end], [], [], max(0.0, limit - time.monotonic()))
            if not ready:
                raise TimeoutError("the browser does not answer")
            part = os.read(self.read_end, 1 << 20)
            if not part:
                raise OSError("the browser has ended")
            self.buffer += part
        one, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(one)

    def open(self, path):
        """Opens a file and waits until it is loaded and drawn."""
        self.events.clear()
        self.call("Page.navigate", url=Path(path).resolve().as_uri())
        limit = time.monotonic() + 60
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self.read(limit))
        self.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))")

    def evaluate(self, expression):
        found = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(str(found["exceptionDetails"]))
        return found["result"].get("value")

    def mouse(self, kind, x, y, held=False):
        button = {"button": "left", "clickCount": 1, "buttons": 1} if held or kind != "mouseMoved" else {"buttons": 0}
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **button)

    def picture(self, path, whole=True):
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole, **self.area(whole))
        Path(path).write_bytes(base64.b64decode(shot["data"]))

    def area(self, whole):
        if not whole:
            return {}
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        return {"clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}}

    @property
    def complaints(self):
        """Console errors and warnings, exceptions, and what the browser logs of its own."""
        found = []
        for event in self.events:
            method, params = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                found.append(params["exceptionDetails"])
            elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
                found.append(params["args"])
            elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                found.append(params["entry"])
        return found

    @property
    def requests(self):
        """The addresses that the page asked for."""
        sent = [event["params"] for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        return [params["request"]["url"] for params in sent]


def find_browser():
    return next((path for name in ("chromium", "google-chrome", "chromium-browser") if (path := shutil.which(name))), None)
