"""Callbacks that bring back where training was cut off, measure with averages, and tell a server."""

import http.server
import json
import threading
import urllib.parse

import keras
import numpy as np
import pytest

import kerata
from kerata import callbacks
from kerata.legacy import tfkeras2

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(24, 3)).astype("float32"), RNG.normal(size=(24, 1)).astype("float32")


def make(k=kerata, optimizer=None):
    layers = k.layers
    model = k.Sequential([k.Input((3,)), layers.Dense(4, "tanh"), layers.Dropout(0.3 if k is kerata else 0.0), layers.Dense(1)])
    model.set_weights([np.random.default_rng(1).normal(size=w.shape) for w in model.get_weights()])
    model.compile(optimizer or k.optimizers.Adam(0.05), "mse")
    return model


class Cut(callbacks.Callback):
    """Ends a training as a kill would, after an epoch or a batch."""

    def __init__(self, epoch, batch=None):
        super().__init__()
        self.epoch, self.batch, self.now = epoch, batch, 0
        if batch is not None:
            self.on_train_batch_end = self.look

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch
        if self.batch is None and epoch == self.epoch:
            raise RuntimeError("cut")

    def look(self, batch, logs=None):
        if (self.now, batch) == (self.epoch, self.batch):
            raise RuntimeError("cut")


@pytest.mark.parametrize("often", [False, True], ids=["each epoch", "each second batch"])
def test_training_goes_on_as_if_nothing_had_been(tmp_path, often):
    fitting = {"epochs": 5, "batch_size": 8, "seed": 3, "verbose": 0}
    whole = make()
    right = whole.fit(X, Y, **fitting).history["loss"]
    with pytest.raises(RuntimeError, match="cut"):
        make().fit(X, Y, callbacks=[callbacks.BackupAndRestore(tmp_path / "b"), Cut(3, 1 if often else None)], **fitting)
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["epoch-000003.weights.h5"]
    model = make()
    history = model.fit(X, Y, callbacks=callbacks.BackupAndRestore(str(tmp_path / "b")), **fitting)
    assert history.epoch == [3, 4] and history.history["loss"] == right[3:]
    for a, b in zip(model.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not (tmp_path / "b").exists()


class Numbered(kerata.utils.PyDataset):
    """The samples in batches of 8, and the numbers of those that were asked for in training."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def __len__(self):
        return 3

    def _peek(self):
        return X[:8], Y[:8]

    def __getitem__(self, number):
        self.asked.append(number)
        return X[8 * number : 8 * number + 8], Y[8 * number : 8 * number + 8]


@pytest.mark.parametrize("steps", [None, 2, 4])
@pytest.mark.parametrize("numbered", [False, True], ids=["arrays", "PyDataset"])
def test_batches_go_on_in_the_orders_of_their_epochs(tmp_path, numbered, steps):
    fitting = {"epochs": 5, "seed": 3, "verbose": 0, "steps_per_epoch": steps, **({} if numbered else {"batch_size": 8})}
    data = (lambda: (Numbered(),)) if numbered else (lambda: (X, Y))
    whole, given = make(), data()
    right = whole.fit(*given, **fitting).history["loss"]
    with pytest.raises(RuntimeError, match="cut"):
        make().fit(*data(), callbacks=[callbacks.BackupAndRestore(tmp_path), Cut(3)], **fitting)
    model, again = make(), data()
    assert model.fit(*again, callbacks=callbacks.BackupAndRestore(tmp_path), **fitting).history["loss"] == right[3:]
    for a, b in zip(model.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    if numbered and steps is None:
        assert again[0].asked == given[0].asked[9:]


def test_the_rate_comes_back_and_backups_stay_when_asked(tmp_path):
    backup = callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False, double_checkpoint=True)
    halve = callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    model = make()
    model.fit(X, Y, epochs=3, verbose=0, callbacks=[halve, backup])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epoch-000002.weights.h5", "epoch-000003.weights.h5"]
    again = make()
    assert again.fit(X, Y, epochs=3, verbose=0, callbacks=backup).epoch == []
    assert float(again.optimizer.learning_rate) == pytest.approx(0.05 / 8)
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])


def test_a_damaged_backup_is_passed_over_for_the_one_before(tmp_path):
    backup = callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False, double_checkpoint=True)
    make().fit(X, Y, epochs=3, verbose=0, callbacks=backup)
    (tmp_path / "epoch-000003.weights.h5").write_bytes(b"no file of weights")
    assert make().fit(X, Y, epochs=4, verbose=0, callbacks=backup).epoch == [2, 3]
    for path in tmp_path.iterdir():
        path.write_bytes(b"no file of weights")
    with pytest.raises(kerata.saving.FileError, match=r"epoch-000004\.weights\.h5"):
        make().fit(X, Y, epochs=5, verbose=0, callbacks=backup)


def test_backups_within_an_epoch(tmp_path):
    backup = callbacks.BackupAndRestore(tmp_path, save_freq=2)
    with pytest.raises(RuntimeError, match="cut"):
        make().fit(X, Y, epochs=3, batch_size=4, verbose=0, callbacks=[backup, Cut(1, 4)])
    assert [path.name for path in tmp_path.iterdir()] == ["epoch-000001.weights.h5"]
    model = make()
    assert model.fit(X, Y, epochs=3, batch_size=4, verbose=0, callbacks=backup).epoch == [1, 2]
    assert int(model.optimizer.iterations) == 10 + 12


@pytest.mark.parametrize("arguments", [{"backup_dir": ""}, {"backup_dir": "b", "save_freq": "batch"}, {"backup_dir": 3}])
def test_what_no_backup_can_be_made_of(arguments):
    with pytest.raises((TypeError, ValueError), match=r"backup_dir|save_freq"):
        callbacks.BackupAndRestore(**arguments)


def test_measured_with_averages_as_in_keras():
    found = {}
    for k in (kerata, keras):
        model = make(k, k.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.6))
        if k is kerata:
            model.layers[1].rate = 0.0
        history = model.fit(
            X,
            Y,
            epochs=3,
            batch_size=8,
            shuffle=False,
            verbose=0,
            validation_data=(X, Y),
            callbacks=[k.callbacks.SwapEMAWeights()],
        )
        found[k] = [np.array(history.history[name]) for name in ("loss", "val_loss")] + model.get_weights()
    for a, b in zip(found[kerata], found[keras], strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("early", [False, True], ids=["to the end", "stopped early"])
def test_averages_between_epochs_are_those_of_training(tmp_path, early):
    """Files of epochs hold averages, and the weights that training goes on with are not changed by it."""
    fitting = {"epochs": 4, "batch_size": 8, "seed": 1, "verbose": 0}
    stop = [callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: epoch == 2 and setattr(now[0], "stop_training", True))]
    plain, swapped = (make(optimizer=kerata.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.6)) for _ in range(2))
    now = [plain]
    plain.fit(X, Y, callbacks=stop if early else [], **fitting)
    now[0] = swapped
    save = callbacks.ModelCheckpoint(tmp_path / "{epoch}.weights.h5", save_weights_only=True)
    swapped.fit(X, Y, callbacks=[callbacks.SwapEMAWeights(swap_on_epoch=True), save, *(stop if early else [])], **fitting)
    for a, b in zip(plain.get_weights(), swapped.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    last = make(optimizer=kerata.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.6))
    last.optimizer.build(last.trainable_variables)
    last.load_weights(tmp_path / f"{3 if early else 4}.weights.h5")
    np.testing.assert_array_equal(last.get_weights()[0], plain.get_weights()[0])


def test_averages_in_predictions_and_where_there_are_none():
    model = make(optimizer=kerata.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.6))
    for _ in range(3):
        model.train_on_batch(X, Y)
    before = model.get_weights()
    plain = model.predict(X, verbose=0)
    averaged = model.predict(X, verbose=0, callbacks=[callbacks.SwapEMAWeights()])
    assert not np.allclose(plain, averaged)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="use_ema=True"):
        make().evaluate(X, Y, verbose=0, callbacks=[callbacks.SwapEMAWeights()])


@pytest.mark.parametrize("as_json", [False, True])
def test_logs_go_to_a_server(as_json):
    got = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            got.append((self.path, self.headers["X-Run"], body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        root = f"http://127.0.0.1:{server.server_port}"
        monitor = callbacks.RemoteMonitor(root, headers={"X-Run": "7"}, send_as_json=as_json)
        history = make().fit(X, Y, epochs=2, verbose=0, callbacks=monitor).history
        server.shutdown()
    sent = [json.loads(body if as_json else urllib.parse.parse_qs(body)["data"][0]) for _, _, body in got]
    assert [(path, run) for path, run, _ in got] == [("/publish/epoch/end/", "7")] * 2
    assert sent == [{"epoch": epoch, "loss": loss} for epoch, loss in enumerate(history["loss"])]


def test_a_server_that_is_not_there():
    with pytest.warns(UserWarning, match=r"RemoteMonitor: the server cannot be reached\. Received: root='http://127.0.0.1:1'"):
        make().fit(X, Y, verbose=0, callbacks=callbacks.RemoteMonitor("http://127.0.0.1:1"))
    with pytest.raises(ValueError, match=r"`root` must begin with http:// or https://\. Received: root='file:///etc'"):
        callbacks.RemoteMonitor("file:///etc")


def test_backups_are_as_frequent_where_several_batches_are_one_call(tmp_path, monkeypatch):
    backup, saved = callbacks.BackupAndRestore(tmp_path, save_freq=4, delete_checkpoint=False), []
    monkeypatch.setattr(backup, "_save", lambda: saved.append(backup.epoch))
    model = kerata.Sequential([kerata.Input((2,)), kerata.layers.Dense(1)])
    model.compile("sgd", "mse", steps_per_execution=2)
    model.fit(np.ones((16, 2)), np.ones((16, 1)), batch_size=2, epochs=2, verbose=0, callbacks=[backup])
    assert saved == [0, 0, 1, 1]


class Waiting(callbacks.Callback):
    """Of one's own: stops after two epochs that were not better by 0.02."""

    remembered = ("best", "bad")

    def on_train_begin(self, logs=None):
        self.best, self.bad = np.full(1, np.inf), 0

    def on_epoch_end(self, epoch, logs=None):
        better = logs["loss"] < self.best[0] - 0.02
        self.best, self.bad = (np.full(1, logs["loss"]), 0) if better else (self.best, self.bad + 1)
        self.model.stop_training = self.bad == 2


WATCHING = {
    "early": lambda f: callbacks.EarlyStopping("loss", min_delta=0.1, patience=2, restore_best_weights=True),
    "plateau": lambda f: callbacks.ReduceLROnPlateau("loss", factor=0.5, min_delta=0.2, patience=1, cooldown=1),
    "best": lambda f: callbacks.ModelCheckpoint(f / "best.weights.h5", "loss", save_best_only=True, save_weights_only=True),
    "best of tf.keras": lambda f: tfkeras2.callbacks.ModelCheckpoint(str(f / "best.h5"), "loss", save_best_only=True),
    "own": lambda f: Waiting(),
}


@pytest.mark.parametrize("last", [False, True], ids=["first", "last"])
@pytest.mark.parametrize("watching", WATCHING)
def test_callbacks_go_on_counting_where_they_were(tmp_path, watching, last):
    def fit(name, *more):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        given = [callbacks.BackupAndRestore(folder / "b"), WATCHING[watching](folder)]
        # Noise in the targets, so that later epochs are worse ones.
        model = make(optimizer=kerata.optimizers.SGD(0.6))
        run = model.fit(X, Y, epochs=8, batch_size=8, seed=3, verbose=0, callbacks=[*(given[::-1] if last else given), *more])
        best = [path.read_bytes() for path in folder.iterdir() if path.is_file()]
        return run.epoch, run.history["loss"], model.get_weights(), given[1], best

    epochs, losses, weights, watcher, best = fit("whole")
    for cut in range(1, len(epochs)):
        with pytest.raises(RuntimeError, match="cut"):
            fit(f"cut {cut}", Cut(cut))
        again = fit(f"cut {cut}")
        assert (again[0], again[1]) == (epochs[cut:], losses[cut:]) and len(again[4]) == len(best)
        for a, b in zip(again[2], weights, strict=True):
            np.testing.assert_array_equal(a, b)
        for name in watcher.remembered:
            if name != "best_weights":
                assert getattr(again[3], name) == getattr(watcher, name)
        assert not (tmp_path / f"cut {cut}" / "b").exists()


def test_damaged_memories_are_passed_over_and_what_cannot_be_kept_is_named(tmp_path):
    backup = callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False, double_checkpoint=True)
    make().fit(X, Y, epochs=3, verbose=0, callbacks=[backup, Waiting()])
    (tmp_path / "epoch-000003.callbacks.zip").write_bytes(b"PK no zip")
    assert make().fit(X, Y, epochs=4, verbose=0, callbacks=[backup, Waiting()]).epoch == [2, 3]
    (tmp_path / "epoch-000004.callbacks.zip").unlink()
    assert make().fit(X, Y, epochs=5, verbose=0, callbacks=[backup, Waiting()]).epoch == [4]
    waiting = Waiting()
    waiting.remembered = ("model",)
    with pytest.raises(TypeError, match=r"BackupAndRestore: .*`remembered`.* Waiting.model"):
        make().fit(X, Y, epochs=6, verbose=0, callbacks=[backup, waiting])
