"""Kills, signals and ends of the process: what they leave of files, of models, and of the program's own handlers."""

import functools
import gc
import importlib.util
import json
import os
import random
import signal
import stat
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

import numpy as np
import pytest

import kerata
from kerata import layers
from kerata.base import replacing
from kerata.base.replacing import mark_of_process, remove_leftovers, replace_file
from kerata.training.signals import uninterrupted

spec = importlib.util.spec_from_file_location("attacks", Path(__file__).with_name("attacks.py"))
attacks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(attacks)

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs signals")

X = np.random.default_rng(0).normal(size=(512, 8)).astype("float32")
Y = np.random.default_rng(1).normal(size=(512, 1)).astype("float32")


def small():
    model = kerata.Sequential([kerata.Input((8,)), layers.Dense(16, "relu"), layers.Dense(1)])
    model.compile("adam", "mse")
    return model


def names(folder):
    return sorted(path.name for path in Path(folder).iterdir())


# What is left of files


def dead_process():
    """The mark that a process had which is no more."""
    code = "import os; from kerata.base.replacing import mark_of_process; print(mark_of_process(os.getpid()))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_leftovers_of_dead_processes_are_removed_and_those_of_living_ones_stay(tmp_path):
    number = os.getpid()
    dead, used_again = dead_process(), f"{replacing.process_space()}-{number}-1"
    living = f".part-{mark_of_process(number)}-abc.keras"
    elsewhere = ".part-01234567-1-1-abc.keras"
    (tmp_path / "m.keras").write_text("other")
    for make in (
        lambda: small().save(tmp_path / "m.keras"),
        lambda: kerata.saving.load_model(tmp_path / "m.keras"),
        lambda: small().save_weights(tmp_path / "m.weights.h5"),
        lambda: small().load_weights(tmp_path / "m.weights.h5"),
        lambda: remove_leftovers(tmp_path),
    ):
        for name in (f".part-{dead}-abc.keras", f".part-{used_again}-abc.h5", living, elsewhere, ".part-0123456789ab.keras"):
            (tmp_path / name).write_text("part")
        make()
        left = [name for name in names(tmp_path) if name.startswith(".")]
        assert left == sorted([living, elsewhere, ".part-0123456789ab.keras"])
    old = time.time() - 2 * replacing.STALE_SECONDS
    for name in (living, elsewhere):
        os.utime(tmp_path / name, (old, old))
    remove_leftovers(tmp_path)
    assert [name for name in names(tmp_path) if name.startswith(".")] == sorted([living, ".part-0123456789ab.keras"])


def test_nothing_is_removed_that_cannot_be(tmp_path, monkeypatch):
    name = f".part-{dead_process()}-abc.keras"
    (tmp_path / name).write_text("part")

    def refuse(*args):
        raise PermissionError(13, "no")

    monkeypatch.setattr(replacing.os, "unlink", refuse)
    remove_leftovers(tmp_path)
    remove_leftovers(tmp_path / "nowhere")
    assert names(tmp_path) == [name]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o400])
def test_the_mode_of_a_file_is_kept(tmp_path, mode):
    path = tmp_path / "m.weights.h5"
    small().save_weights(path)
    usual = stat.S_IMODE(path.stat().st_mode)
    plain = tmp_path / "plain"
    plain.write_text("")
    assert usual == stat.S_IMODE(plain.stat().st_mode)
    path.chmod(mode)
    small().save_weights(path)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    with replace_file(path) as part:
        # While it is being written nobody else may read it.
        assert stat.S_IMODE(part.stat().st_mode) == 0o600


def test_the_owner_of_a_file_is_kept(tmp_path, monkeypatch):
    path, asked = tmp_path / "a", []
    path.write_text("old")
    real = path.stat()

    class Other:
        st_mode, st_uid, st_gid = real.st_mode, real.st_uid + 1, real.st_gid + 1

    monkeypatch.setattr(replacing, "look_at_target", lambda named, target: Other)
    monkeypatch.setattr(replacing.os, "chown", lambda part, uid, gid: asked.append((uid, gid)))
    with replace_file(path) as part:
        part.write_text("new")
    assert asked == [(real.st_uid + 1, -1), (-1, real.st_gid + 1)]


def test_folders_are_named_as_the_user_names_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"out/m\.keras: the folder must be there.*folder='out'") as caught:
        small().save("out/m.keras")
    assert ".part-" not in str(caught.value)
    with pytest.raises(FileNotFoundError, match=r"out/m\.weights\.h5: the folder must be there"):
        small().save_weights("out/m.weights.h5")
    (tmp_path / "folder.keras").mkdir()
    with pytest.raises(IsADirectoryError, match=r"folder\.keras: a file cannot take the place of a folder"):
        small().save("folder.keras")
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="the folder must be there"):
        small().save("file/m.keras")
    opened = os.open

    def refuse(path, *arguments, **kwargs):
        if ".part-" in str(path):
            raise OSError(30, "Read-only file system", str(path))
        return opened(path, *arguments, **kwargs)

    monkeypatch.setattr(replacing.os, "open", refuse)
    with pytest.raises(PermissionError, match=r"m\.keras: the folder must be one that can be written to") as caught:
        small().save("m.keras")
    assert ".part-" not in str(caught.value)


def test_without_the_optimizer(tmp_path):
    model, path = small(), tmp_path / "m.keras"
    model.fit(X, Y, verbose=0)
    model.save(path)
    size = path.stat().st_size
    model.save(path, include_optimizer=False)
    assert path.stat().st_size < size
    other = kerata.saving.load_model(path)
    assert not other.compiled and model.compiled
    np.testing.assert_array_equal(np.asarray(other(X)), np.asarray(model(X)))


def batch(*arguments, seconds=1200):
    command = [sys.executable, str(Path(attacks.__file__)), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, env={**os.environ, "JAX_PLATFORMS": "cpu"})
    assert done.returncode == 0, done.stderr[-2000:]
    *wrong, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert last["wrong"] == 0, wrong[:5]
    return last


def test_kills_leave_old_or_new_files_and_the_next_start_nothing_else():
    assert batch("kills", 0, 15)["cut off"] > 3


@pytest.mark.slow
def test_a_thousand_kills():
    assert batch("kills", 1, 1000)["cut off"] > 300


# Signals


class Stop(Exception):
    pass


@pytest.fixture
def handler():
    """A handler of SIGTERM that raises."""

    def stop(number, frame):
        raise Stop

    before = signal.signal(signal.SIGTERM, stop)
    yield stop
    signal.signal(signal.SIGTERM, before)


def interrupt_fits(models, handler, times, seed, within=0.05):
    """Ends fits by a signal at any moment; the model must be whole each time.

    models: called for a model; each is interrupted five times.
    """
    rng = random.Random(seed)
    for number in range(times):
        if number % 5 == 0:
            model = models(number)
            if within < 0.1:
                model.fit(X, Y, verbose=0)
        timer = threading.Timer(rng.uniform(0.0, within), lambda: os.kill(os.getpid(), signal.SIGTERM))
        ended = False
        try:
            timer.start()
            model.fit(X, Y, epochs=rng.choice((1, 1000)), batch_size=rng.choice((32, 512)), verbose=0)
            # A fit may be over before the signal comes.
            timer.join()
            time.sleep(0.01)
        except Exception as error:
            # JAX answers some exceptions with others.
            assert isinstance(error, Stop) or isinstance(error.__context__, Stop), error
            ended = True
        timer.join()
        assert ended, number
        assert signal.getsignal(signal.SIGTERM) is handler
        assert all(np.isfinite(w).all() for w in model.get_weights())
        assert np.isfinite(model.predict(X[:5], verbose=0)).all()
    model.fit(X, Y, verbose=0)


def test_a_handler_that_raises_leaves_the_model_whole(handler):
    interrupt_fits(lambda number: small(), handler, 10, 0)


@pytest.mark.slow
def test_two_hundred_handlers_that_raise(handler):
    model = small()
    interrupt_fits(lambda number: model, handler, 200, 1)


COMPILING = """
import signal, sys
sys.path.insert(0, sys.argv[1])
from test_interruptions import Stop, interrupt_fits, kerata, layers
def stop(number, frame):
    raise Stop
signal.signal(signal.SIGTERM, stop)
def new(number):
    model = kerata.Sequential([kerata.Input((8,)), layers.Dense(3 + number), layers.Dropout(0.1), layers.Dense(1)])
    model.compile("adam", "mse")
    return model
interrupt_fits(new, stop, int(sys.argv[2]), int(sys.argv[3]), 0.6)
"""


def interrupt_compiling(times, seed):
    # A process of its own: an exception within JAX's compiled parts ends it.
    command = [sys.executable, "-c", COMPILING, str(Path(__file__).parent), str(times), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, (done.returncode, done.stderr[-2000:])


def test_a_handler_that_raises_while_a_model_is_compiled():
    interrupt_compiling(10, 0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 5))
def test_handlers_that_raise_while_models_are_compiled(seed):
    interrupt_compiling(60, seed)


def test_what_a_handler_raises_is_nobody_elses_fault(handler):
    """A loss is traced by several who take its exceptions for an answer."""

    def fit(at):
        calls = []

        def loss(y_true, y_pred):
            calls.append(None)
            if len(calls) == at:
                signal.raise_signal(signal.SIGTERM)
            return kerata.ops.mean(kerata.ops.square(y_true - y_pred), axis=-1)

        model = small()
        model.compile("sgd", loss)
        model.fit(X, Y, verbose=0)
        return len(calls)

    count = fit(None)
    assert count > 2
    for at in range(1, count + 1):
        with pytest.raises(Stop):
            fit(at)


def test_every_handler_waits_and_is_called_as_it_is():
    called = []

    def own(number, frame):
        called.append((number, frame is not None))

    numbers = (signal.SIGINT, signal.SIGUSR1, signal.SIGTERM)
    before = [signal.signal(number, own) for number in numbers]
    try:
        with uninterrupted():
            for number in numbers:
                os.kill(os.getpid(), number)
                os.kill(os.getpid(), number)
            time.sleep(0.01)
            assert called == []
        assert {number for number, _ in called} == set(numbers) and all(known for _, known in called)
        assert [signal.getsignal(number) for number in numbers] == [own] * 3
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


@pytest.mark.parametrize("state", [signal.SIG_IGN, signal.SIG_DFL])
def test_signals_without_a_handler_are_left_alone(state):
    before = signal.signal(signal.SIGINT, state)
    try:
        with uninterrupted():
            assert signal.getsignal(signal.SIGINT) == state
            if state == signal.SIG_IGN:
                os.kill(os.getpid(), signal.SIGINT)
        small().fit(X, Y, verbose=0)
        assert signal.getsignal(signal.SIGINT) == state
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_handler_that_raises_while_others_are_put_back(handler):
    called = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: called.append(number))
    own = signal.getsignal(signal.SIGUSR1)
    try:
        with pytest.raises(Stop), uninterrupted():
            for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGTERM):
                os.kill(os.getpid(), number)
            time.sleep(0.01)
        assert called == [signal.SIGUSR1]
        assert signal.getsignal(signal.SIGUSR1) is own and signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_handler_that_the_block_sets_stays():
    def own(number, frame):
        pass

    before = signal.signal(signal.SIGUSR1, lambda number, frame: None)
    try:
        with uninterrupted():
            signal.signal(signal.SIGUSR1, own)
        assert signal.getsignal(signal.SIGUSR1) is own
    finally:
        signal.signal(signal.SIGUSR1, before)


@pytest.fixture
def ctrl_c():
    """Python's own handler, which programs that a shell starts in the background do not have."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_keeps_what_was_trained(ctrl_c):
    model = small()
    model.fit(X, Y, epochs=3, verbose=0)

    def press():
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=10**6, verbose=0)
    thread.join()
    assert len(model.history.history["loss"]) > 0
    assert np.isfinite(model.predict(X, verbose=0)).all()


@pytest.mark.parametrize("place", ["callback", "finalizer", "weak reference"])
def test_ctrl_c_where_python_cannot_raise_ends_fit_all_the_same(place, ctrl_c):
    pressed = []

    def press():
        if not pressed:
            pressed.append(True)
            signal.raise_signal(signal.SIGINT)

    def collecting(phase, info):
        press()

    class Dying:
        def __del__(self):
            press()

    class Held:
        pass

    class Collect(kerata.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2 and place == "weak reference":
                held = Held()
                self.reference = weakref.ref(held, lambda reference: press())
                del held
            elif epoch == 2 and place == "callback":
                gc.callbacks.append(collecting)
                gc.collect()
                gc.callbacks.remove(collecting)
            elif epoch == 2:
                Dying()

    model, before = small(), signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=10**4, verbose=0, callbacks=[Collect()])
    assert pressed and len(model.history.history["loss"]) >= 2
    assert signal.getsignal(signal.SIGINT) is before


# The end of the process

DAEMON = """
import sys, threading, time
import numpy as np, kerata
from kerata import layers
model = kerata.Sequential([kerata.Input((8,)), layers.Dense(64, "relu"), layers.Dense(1)])
model.compile("adam", "mse")
X, Y = np.ones((2000, 8), "float32"), np.ones((2000, 1), "float32")
kind, started = sys.argv[1], threading.Event()
def batches():
    while True:
        yield X[:32], Y[:32]
class Started(kerata.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        started.set()
def work():
    if kind == "fit":
        model.fit(X, Y, epochs=10**6, verbose=0, callbacks=[Started()])
    elif kind == "quiet":
        model.fit(X, Y, verbose=0)
        started.set()
        model.fit(X, Y, epochs=10**6, verbose=0)
    elif kind == "generator":
        model.fit(batches(), steps_per_epoch=50, epochs=10**6, verbose=0, callbacks=[Started()])
    else:
        while True:
            model.predict(X, verbose=0) if kind == "predict" else model.evaluate(X, Y, verbose=0)
            started.set()
threading.Thread(target=work, daemon=True).start()
started.wait()
time.sleep(float(sys.argv[2]))
print("end", flush=True)
"""


def end_while(kind, wait):
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", DAEMON, kind, str(wait)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout == "end\n", (done.returncode, done.stderr[-500:])
    return time.monotonic() - began


@pytest.mark.parametrize("kind", ["fit", "generator"])
def test_a_daemon_thread_that_trains_lets_the_process_end(kind):
    end_while(kind, 0.1)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["fit", "quiet", "generator", "predict", "evaluate"])
def test_daemon_threads_at_the_end(kind):
    for wait in (0.0, 0.03, 0.2, 0.7):
        end_while(kind, wait)


def test_nobody_waits_for_a_batch_that_does_not_come(handler):
    """Whoever interrupts `fit` while a generator waits, for a socket or a queue, is heard at once."""
    gone = threading.Event()

    def stuck():
        yield X[:8], Y[:8]
        gone.wait(60)
        yield X[:8], Y[:8]

    model = kerata.Sequential([kerata.Input(X.shape[1:]), kerata.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X[:8], Y[:8], verbose=0)
    began = time.perf_counter()
    timer = threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGTERM))
    timer.start()
    with pytest.raises(Stop):
        model.fit(stuck(), steps_per_epoch=2, verbose=0)
    assert time.perf_counter() - began < 30
    gone.set()
    assert np.isfinite(model.predict(X[:3], verbose=0)).all()


@pytest.mark.parametrize("place", ["condition", "import"])
def test_ctrl_c_leaves_no_lock_of_python_taken(place, ctrl_c):
    press, entered = functools.partial(signal.raise_signal, signal.SIGINT), []

    class Pressed:
        """A lock within whose taking Ctrl-C comes."""

        def __init__(self):
            lock = threading.Lock()
            self.acquire, self.release = lock.acquire, lock.release
            self.__enter__, self.__exit__ = press, lambda *exc_info: None

    class Take(kerata.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2 and place == "condition":
                with threading.Condition(Pressed()):
                    entered.append(True)
            elif epoch == 2:
                code = compile("press()\nentered.append(True)", "<frozen importlib._bootstrap>", "exec")
                exec(code, {"press": press, "entered": entered})

    with pytest.raises(KeyboardInterrupt):
        small().fit(X, Y, epochs=10**4, verbose=0, callbacks=[Take()])
    assert entered == [True]
