"""Callbacks: hooks in Keras's order, choices equal to Keras's, and a loop that is whole where it may be."""

import itertools
import re
import warnings

import keras
import numpy as np
import pytest

import kerata
from kerata.callbacks.progress import ProgbarLogger
from kerata.training.runs import Run

RNG = np.random.default_rng(0)
X = RNG.standard_normal((25, 3)).astype("float32")
Y = X[:, :1] * 2
HOOKS = [
    name for name in dir(keras.callbacks.Callback) if name.startswith("on_") and name not in ("on_batch_begin", "on_batch_end")
]


def small(library=kerata, **options):
    model = library.Sequential([library.layers.Input((3,)), library.layers.Dense(1)])
    model.compile(**{"optimizer": "sgd", "loss": "mse", "metrics": ["mae"], **options})
    return model


# Hooks


def recorder(library):
    """A callback that keeps the name, the number and the measures' names of every call."""
    calls = []

    def make(name):
        def hook(self, *args, logs=None):
            number = args[:1] if "epoch" in name or "batch" in name else ()
            given = args[-1] if len(args) > len(number) else logs
            calls.append((name, *number, sorted(given)))

        return hook

    kind = type("Recorder", (library.callbacks.Callback,), {name: make(name) for name in HOOKS})
    return kind(), calls


def fit_arrays(model, callback):
    model.fit(X, Y, epochs=2, batch_size=10, validation_split=0.2, callbacks=[callback], verbose=0)


def fit_rarely_validated(model, callback):
    model.fit(X, Y, epochs=3, validation_data=(X, Y), validation_freq=2, callbacks=[callback], verbose=0)


def fit_generator(model, callback):
    model.fit(((X[:5], Y[:5]) for _ in range(9)), steps_per_epoch=3, epochs=2, callbacks=[callback], verbose=0)


def evaluate(model, callback):
    model.evaluate(X, Y, batch_size=10, callbacks=[callback], verbose=0)


def predict(model, callback):
    model.predict(X, batch_size=10, callbacks=[callback], verbose=0)


@pytest.mark.parametrize("use", [fit_arrays, fit_rarely_validated, fit_generator, evaluate, predict])
@pytest.mark.filterwarnings("ignore:`shuffle=True` was passed")
def test_hooks_are_called_as_in_keras(use):
    sequences = []
    for library in (keras, kerata):
        callback, calls = recorder(library)
        use(small(library), callback)
        sequences.append(calls)
    assert sequences[0] == sequences[1] and len(sequences[0]) > 6


def test_params_and_model_are_there():
    callback, _ = recorder(kerata)
    model = small()
    model.fit(X, Y, epochs=3, batch_size=10, callbacks=[callback], verbose=0)
    assert callback.params == {"epochs": 3, "steps": 3, "verbose": 0} and callback.model is model


def test_older_names_of_batch_hooks():
    seen = []

    class Old(kerata.callbacks.Callback):
        def on_batch_end(self, batch, logs=None):
            seen.append((batch, "loss" in logs))

    small().fit(X, Y, batch_size=10, callbacks=[Old()], verbose=0)
    assert seen == [(0, True), (1, True), (2, True)]


# The loop


@pytest.fixture
def advances(monkeypatch):
    """The number of batches of each call of the program."""
    calls = []
    plain = Run.advance
    monkeypatch.setattr(
        Run,
        "advance",
        lambda self, chunk, start, stop, fresh: (calls.append(stop - start), plain(self, chunk, start, stop, fresh))[1],
    )
    return calls


def test_epoch_hooks_keep_the_loop_whole(advances, tmp_path):
    model = small()
    model.fit(X, Y, epochs=1, batch_size=5, verbose=0)
    model.fit(X, Y, epochs=1, batch_size=5, verbose=0)
    advances.clear()
    model.fit(
        X,
        Y,
        epochs=3,
        batch_size=5,
        verbose=0,
        callbacks=[
            kerata.callbacks.EarlyStopping("loss", patience=5),
            kerata.callbacks.ReduceLROnPlateau("loss"),
            kerata.callbacks.LearningRateScheduler(lambda epoch, rate: rate),
            kerata.callbacks.ModelCheckpoint(tmp_path / "m.keras"),
            kerata.callbacks.CSVLogger(tmp_path / "log.csv"),
            kerata.callbacks.TerminateOnNaN(),
            kerata.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None),
        ],
    )
    assert advances == [5, 5, 5]


@pytest.mark.parametrize("hook", ["on_train_batch_begin", "on_train_batch_end"])
def test_batch_hooks_get_every_batch(advances, hook):
    seen = []
    callback = kerata.callbacks.LambdaCallback(**{hook: lambda batch, logs: seen.append(batch)})
    small().fit(X, Y, epochs=2, batch_size=5, verbose=0, callbacks=[callback])
    assert seen == [0, 1, 2, 3, 4] * 2 and advances == [1] * 10


def test_a_stop_in_the_middle_of_an_epoch():
    model = small()

    def stop(batch, logs):
        model.stop_training = batch == 1

    stopper = kerata.callbacks.LambdaCallback(on_train_batch_end=stop)
    history = model.fit(X, Y, epochs=5, batch_size=5, verbose=0, callbacks=[stopper])
    assert history.epoch == [0] and int(model.optimizer.iterations.numpy()) == 2


# The choices of each callback, with Keras's


class StandIn:
    """What a callback needs of a model."""

    def __init__(self):
        self.stop_training = False
        self.metrics = []
        self.epoch = 0
        self.restored = None
        self.saved = []
        self.optimizer = type("Optimizer", (), {"learning_rate": 1.0})()

    def get_weights(self):
        return [self.epoch]

    def set_weights(self, weights):
        self.restored = weights[0]

    def save(self, path, overwrite=True):
        self.saved.append((self.epoch, str(path)))

    save_weights = save


def play(callback, values, name="val_loss"):
    """What a callback does when a measure takes these values, epoch after epoch."""
    model = StandIn()
    callback.set_params({"epochs": len(values), "steps": 1, "verbose": 0})
    callback.set_model(model)
    rates, logs = [], {}
    callback.on_train_begin({})
    for epoch, value in enumerate(values):
        model.epoch = epoch
        callback.on_epoch_begin(epoch, {})
        rates.append(model.optimizer.learning_rate)
        logs = {"loss": 0.5, **({} if value is None else {name: value})}
        callback.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    callback.on_train_end(logs)
    return {
        "stopped": model.stop_training,
        "epochs": model.epoch + 1,
        "restored": model.restored,
        "saved": model.saved,
        "rates": pytest.approx(rates),
        "logs": logs,
    }


FALLS = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5]
TURNS = [1.0, 0.6, 0.5, 0.55, 0.52, 0.51, 0.49, 0.6, 0.7]
RISES = [0.5, 0.6, 0.7, 0.8, 0.9]
NAN = [1.0, float("nan"), 0.9, float("nan"), 1.0, 1.1, 1.2]
STAYS = [0.5] * 6
CASES = {
    "stop": ("EarlyStopping", {}),
    "stop patience": ("EarlyStopping", {"patience": 2}),
    "stop restore": ("EarlyStopping", {"patience": 3, "restore_best_weights": True}),
    "stop delta": ("EarlyStopping", {"patience": 1, "min_delta": 0.15, "restore_best_weights": True}),
    "stop negative delta": ("EarlyStopping", {"patience": 1, "min_delta": -0.15}),
    "stop baseline": ("EarlyStopping", {"patience": 2, "baseline": 0.55, "restore_best_weights": True}),
    "stop late": ("EarlyStopping", {"patience": 1, "start_from_epoch": 3, "restore_best_weights": True}),
    "stop max": ("EarlyStopping", {"patience": 2, "mode": "max", "restore_best_weights": True}),
    "rate": ("ReduceLROnPlateau", {"patience": 1}),
    "rate twice": ("ReduceLROnPlateau", {"patience": 2, "factor": 0.5}),
    "rate delta": ("ReduceLROnPlateau", {"patience": 2, "factor": 0.5, "min_delta": 0.2}),
    "rate cooldown": ("ReduceLROnPlateau", {"patience": 1, "factor": 0.5, "cooldown": 2}),
    "rate lowest": ("ReduceLROnPlateau", {"patience": 1, "factor": 0.3, "min_lr": 0.1}),
    "rate max": ("ReduceLROnPlateau", {"patience": 1, "mode": "max"}),
    "save": ("ModelCheckpoint", {"filepath": "m.keras"}),
    "save named": ("ModelCheckpoint", {"filepath": "{epoch:02d}-{val_loss:.2f}.keras"}),
    "save best": ("ModelCheckpoint", {"filepath": "m-{epoch}.keras", "save_best_only": True}),
    "save best max": ("ModelCheckpoint", {"filepath": "m.keras", "save_best_only": True, "mode": "max"}),
    "save below": ("ModelCheckpoint", {"filepath": "m.keras", "save_best_only": True, "initial_value_threshold": 0.55}),
    "save weights": ("ModelCheckpoint", {"filepath": "w.weights.h5", "save_weights_only": True, "save_best_only": True}),
    "schedule": ("LearningRateScheduler", {"schedule": lambda epoch, rate: rate * 0.5}),
    "schedule by epoch": ("LearningRateScheduler", {"schedule": lambda epoch: 1.0 / (epoch + 1)}),
}


@pytest.mark.parametrize("values", [FALLS, TURNS, RISES, NAN, STAYS], ids=["falls", "turns", "rises", "nan", "stays"])
@pytest.mark.parametrize("case", CASES)
def test_choices_are_those_of_keras(case, values, tmp_path):
    kind, arguments = CASES[case]
    results = []
    for library in (keras, kerata):
        mine = dict(arguments)
        if "filepath" in mine:
            mine["filepath"] = str(tmp_path / mine["filepath"])
        results.append(play(getattr(library.callbacks, kind)(**mine), values))
    # Rates are kept as float32 in Keras.
    first, second = (re.sub(r"\d+\.\d{8,}", lambda number: f"{float(number[0]):.7g}", str(result)) for result in results)
    assert first == second


def test_a_used_callback_starts_anew():
    callback = kerata.callbacks.EarlyStopping(patience=1, restore_best_weights=True)
    assert play(callback, TURNS)["epochs"] == play(callback, TURNS)["epochs"] == 4
    assert callback.stopped_epoch == 3 and callback.best == 0.5 and callback.best_epoch == 2


@pytest.mark.parametrize(
    "rows",
    [
        [{"loss": 1.0, "accuracy": 0.5, "val_loss": 2.0}, {"loss": 0.25, "accuracy": 0.75, "val_loss": 1e-9}],
        [{"loss": 1.0}, {"loss": 0.5, "val_loss": 0.75}, {"loss": 0.1}],
        [{"loss": 1.0, "per_class": np.array([0.5, 0.25])}],
    ],
    ids=["plain", "rare validation", "arrays"],
)
@pytest.mark.parametrize("separator", [",", ";"])
def test_csv_files_are_those_of_keras(rows, separator, tmp_path):
    texts = []
    for library in (keras, kerata):
        path = tmp_path / f"{library.__name__}.csv"
        for append in (False, True):
            logger = library.callbacks.CSVLogger(path, separator=separator, append=append)
            logger.on_train_begin()
            for epoch, row in enumerate(rows):
                logger.on_epoch_end(epoch, dict(row))
            logger.on_train_end()
        texts.append(path.read_bytes())
    assert texts[0] == texts[1]


# What they do in a run


def test_early_stopping_ends_with_the_best_weights():
    model = small(optimizer=kerata.optimizers.SGD(0.1))
    kept = []

    def spoil(epoch, logs):
        kept.append(model.get_weights())
        model.optimizer.learning_rate = 3.0 if epoch == 2 else 0.1

    history = model.fit(
        X,
        Y,
        epochs=20,
        verbose=0,
        validation_data=(X, Y),
        callbacks=[
            kerata.callbacks.LambdaCallback(on_epoch_end=spoil),
            kerata.callbacks.EarlyStopping(patience=1, restore_best_weights=True),
        ],
    )
    best = int(np.argmin(history.history["val_loss"]))
    assert len(history.epoch) == best + 2 < 20
    for now, then in zip(model.get_weights(), kept[best], strict=True):
        np.testing.assert_array_equal(now, then)


def test_checkpoints_by_epoch_and_by_batch(tmp_path):
    model = small()
    model.fit(
        X,
        Y,
        epochs=2,
        batch_size=5,
        verbose=0,
        callbacks=[
            kerata.callbacks.ModelCheckpoint(tmp_path / "new" / "{epoch}-{loss:.3f}.keras"),
            kerata.callbacks.ModelCheckpoint(tmp_path / "{epoch}-{batch}.weights.h5", save_weights_only=True, save_freq=4),
            kerata.callbacks.ModelCheckpoint(tmp_path / "whole" / "{epoch}.h5"),
        ],
    )
    losses = model.history.history["loss"]
    names = sorted(p.name for p in (tmp_path / "new").iterdir())
    assert names == [f"{i + 1}-{loss:.3f}.keras" for i, loss in enumerate(losses)]
    assert sorted(p.name for p in tmp_path.glob("*.h5")) == ["1-4.weights.h5", "2-3.weights.h5"]
    for name in (f"new/2-{losses[1]:.3f}.keras", "whole/2.h5"):
        again = kerata.models.load_model(tmp_path / name)
        np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))


@pytest.mark.parametrize("size, together, every", [(16, 2, 2), (16, 3, 5), (33, 2, 3), (33, 3, 2), (7, 2, 5), (33, 1, 4)])
def test_checkpoints_come_as_often_where_several_batches_are_one_call(size, together, every, tmp_path):
    names = []
    for library in (keras, kerata):
        folder = tmp_path / library.__name__
        folder.mkdir()
        model = library.Sequential([library.Input((2,)), library.layers.Dense(1)])
        model.compile("sgd", "mse", steps_per_execution=together)
        path = folder / "{epoch}-{batch}.weights.h5"
        callback = library.callbacks.ModelCheckpoint(str(path), save_weights_only=True, save_freq=every)
        model.fit(np.ones((size, 2)), np.ones((size, 1)), batch_size=4, epochs=4, verbose=0, callbacks=[callback])
        names.append(sorted(one.name for one in folder.iterdir()))
    assert names[0] == names[1] != []


def test_the_end_of_training_is_told_of_measures_alone():
    model, seen = small(optimizer=kerata.optimizers.SGD(1.0)), []
    model.fit(
        X,
        Y,
        verbose=0,
        callbacks=[
            kerata.callbacks.LearningRateScheduler(lambda epoch: 0.1),
            kerata.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(sorted(logs))),
            kerata.callbacks.LambdaCallback(on_train_end=lambda logs: seen.append(sorted(logs))),
        ],
    )
    assert [name for name in seen[0] if name not in seen[1]] == ["learning_rate"]


def test_a_schedule_is_used_and_recorded():
    model = small(optimizer=kerata.optimizers.SGD(1.0))
    falling = kerata.callbacks.LearningRateScheduler(lambda epoch: 0.1 / 10**epoch)
    history = model.fit(X, Y, epochs=3, verbose=0, callbacks=[falling])
    assert history.history["learning_rate"] == pytest.approx([0.1, 0.01, 0.001])
    assert history.history["loss"][0] > history.history["loss"][1]


def test_training_stops_where_the_loss_is_not_a_number(capsys):
    model = small(optimizer=kerata.optimizers.SGD(1e30))
    with pytest.warns(UserWarning, match="NaN or infinite at step"):
        history = model.fit(X, Y, epochs=20, verbose=0, callbacks=[kerata.callbacks.TerminateOnNaN()])
    assert len(history.epoch) < 6 and not np.isfinite(history.history["loss"][-1])
    assert "terminating training" in capsys.readouterr().out
    with pytest.warns(UserWarning, match="NaN or inf"), pytest.raises(RuntimeError, match="must be a finite number"):
        model.fit(X, Y, epochs=20, verbose=0, callbacks=[kerata.callbacks.TerminateOnNaN(raise_error=True)])


def test_the_history_goes_on_with_initial_epoch():
    history = small().fit(X, Y, initial_epoch=3, epochs=5, verbose=0)
    assert history.epoch == [3, 4] and history.params["epochs"] == 5


# Directions


@pytest.mark.parametrize(
    ("monitor", "rising"),
    [
        ("val_loss", False),
        ("loss", False),
        ("val_accuracy", True),
        ("acc", True),
        ("val_auc_3", True),
        ("val_head_loss", False),
        ("val_f1_score", True),
        ("mean_absolute_error", False),
        ("val_mse", False),
    ],
)
def test_directions_by_name(monitor, rising):
    callback = kerata.callbacks.EarlyStopping(monitor)
    callback.set_model(StandIn())
    assert callback.rising is rising


def test_directions_by_metric():
    callback = kerata.callbacks.EarlyStopping("val_found")
    model = small(metrics=[kerata.metrics.R2Score(name="found")])
    model.fit(X, Y, epochs=1, verbose=0, validation_data=(X, Y), callbacks=[callback])
    assert callback.rising


# Messages


def test_a_measure_that_is_not_there():
    with pytest.warns(UserWarning, match=r"Received: monitor='val_los'. Did you mean 'val_loss'\?") as seen:
        play(kerata.callbacks.EarlyStopping("val_los"), FALLS)
    assert len(seen) == 1


def test_an_array_is_no_measure_to_watch():
    with pytest.warns(UserWarning, match="not one number"):
        play(kerata.callbacks.EarlyStopping(), [np.array([1.0, 2.0])] * 2)


def test_the_best_that_cannot_be_known_is_saved(tmp_path):
    callback = kerata.callbacks.ModelCheckpoint(str(tmp_path / "m.keras"), monitor="val_accuracy", save_best_only=True)
    with pytest.warns(UserWarning, match="ModelCheckpoint: the monitored measure is not in the logs"):
        assert len(play(callback, FALLS)["saved"]) == len(FALLS)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda c: c.EarlyStopping(mode="lowest"), ValueError, "`mode` must be one of 'auto', 'min', 'max'"),
        (lambda c: play(c.EarlyStopping("thing"), [1.0], "thing"), ValueError, 'Give mode="max" or mode="min"'),
        (lambda c: c.ReduceLROnPlateau(factor=1.5), ValueError, "`factor` must be below 1"),
        (lambda c: c.ModelCheckpoint("m.txt"), ValueError, "must end in '.keras' or '.h5'"),
        (lambda c: c.ModelCheckpoint("m.keras", save_weights_only=True), ValueError, "must end in '.weights.h5'"),
        (lambda c: c.ModelCheckpoint("m.keras", save_freq="batch"), ValueError, "'epoch' or a number of batches"),
        (lambda c: play(c.ModelCheckpoint("{val_acc}.keras"), [1.0]), KeyError, "names 'val_acc'"),
        (lambda c: c.LearningRateScheduler(0.1), TypeError, "must be a function"),
        (lambda c: play(c.LearningRateScheduler(lambda epoch: "fast"), [1.0]), ValueError, "must give a number"),
        (lambda c: c.LambdaCallback(on_epoch_ends=print), TypeError, "Did you mean 'on_epoch_end'"),
        (lambda c: c.LambdaCallback(on_epoch_end=3), TypeError, "must be a function"),
        (lambda c: c.TensorBoard("logs", profile_batch="x"), ValueError, "the first and the last"),
        (lambda c: c.TensorBoard("logs", update_freq=0), ValueError, "`update_freq` must be a positive integer"),
        (lambda c: c.CallbackList([c.History]), TypeError, "Write History()"),
        (lambda c: c.CallbackList(["early"]), TypeError, "each must be a Callback"),
    ],
)
def test_messages(make, error, text):
    with pytest.raises(error) as caught:
        make(kerata.callbacks)
    assert text in str(caught.value)
    assert "Received" in str(caught.value) or error is NotImplementedError


def test_words_when_asked(capsys, tmp_path):
    play(kerata.callbacks.EarlyStopping(patience=1, restore_best_weights=True, verbose=1), TURNS)
    play(kerata.callbacks.ReduceLROnPlateau(patience=1, verbose=1), TURNS)
    play(kerata.callbacks.ModelCheckpoint(str(tmp_path / "m.keras"), save_best_only=True, verbose=1), TURNS)
    play(kerata.callbacks.LearningRateScheduler(lambda epoch: 0.5, verbose=1), [1.0])
    said = capsys.readouterr().out
    for words in (
        "Epoch 4: early stopping",
        "Restoring the weights of the best epoch: 3",
        "Epoch 4: the learning rate is now 0.1",
        "Epoch 1: the learning rate is 0.5",
        "Epoch 2: val_loss improved from 1.00000 to 0.60000, saving model to",
        "val_loss did not improve from 0.50000",
    ):
        assert words in said


# Progress


class Terminal:
    """A stream that says it is a terminal, or not, and keeps what is written."""

    def __init__(self, live):
        self.live, self.text = live, ""

    def isatty(self):
        return self.live

    def write(self, text):
        self.text += text

    def flush(self):
        pass


@pytest.mark.parametrize(("live", "verbose"), [(False, 1), (False, 2), (True, 2)])
def test_one_plain_line_an_epoch(live, verbose):
    stream = Terminal(live)
    bar = ProgbarLogger(stream)
    small().fit(X, Y, epochs=3, batch_size=5, verbose=verbose, validation_data=(X, Y), callbacks=[bar])
    lines = stream.text.splitlines()
    assert len(lines) == 3 and "\r" not in stream.text and "\x1b" not in stream.text
    assert lines[1].startswith("Epoch 2/3") and "val_loss" in lines[1] and "/step" in lines[1]


def test_a_live_line_is_written_over(monkeypatch):
    monkeypatch.setattr("kerata.callbacks.progress.REDRAW_SECONDS", 0.0)
    stream = Terminal(True)
    model = small()
    bar, slow = ProgbarLogger(stream), kerata.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)
    model.fit(X, Y, epochs=1, batch_size=5, verbose=1, callbacks=[bar])
    assert stream.text.count("\n") == 1 and "\r" in stream.text and "5/5" in stream.text
    stream.text = ""
    model.fit(X, Y, epochs=1, batch_size=5, verbose=1, callbacks=[bar, slow])
    assert stream.text.count("\n") == 1


def test_evaluation_has_a_line_of_its_own_and_validation_has_none(capsys):
    model = small()
    model.fit(X, Y, epochs=1, verbose=2, validation_data=(X, Y))
    model.evaluate(X, Y, verbose=2)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["Epoch", "Evaluation"]


def test_nothing_is_said_without_need(capsys):
    model = small()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, Y, epochs=2, verbose=0)
        model.evaluate(X, Y, verbose=0)
    assert capsys.readouterr().out == ""


def test_rates_are_lowered_to_short_decimals():
    model = kerata.Sequential([kerata.Input((1,)), kerata.layers.Dense(1)])
    model.compile(kerata.optimizers.SGD(0.1), "mse")
    slower = kerata.callbacks.ReduceLROnPlateau(patience=1, min_delta=100.0, monitor="loss", cooldown=2)
    model.fit(np.ones((2, 1)), np.ones((2, 1)), epochs=2, callbacks=[slower], verbose=0)
    assert model.optimizer.learning_rate == 0.01 and slower.in_cooldown()
    assert slower.monitor_op is kerata.ops.less


@pytest.mark.parametrize(("method", "hook", "flag"), [("evaluate", "test", "evaluating"), ("predict", "predict", "predicting")])
def test_a_callback_ends_what_never_ends(method, hook, flag):
    seen = []

    class Stopper(kerata.callbacks.Callback):
        def __init__(self):
            super().__init__()
            setattr(self, f"on_{hook}_batch_end", self.count)

        def count(self, batch, logs=None):
            seen.append(batch)
            if len(seen) % 3 == 0:
                setattr(self.model, f"stop_{flag}", True)

    def batches():
        while True:
            x = np.ones((2, 2), "float32")
            yield (x,) if method == "predict" else (x, np.ones((2, 1), "float32"))

    model = kerata.Sequential([kerata.Input((2,)), kerata.layers.Dense(1)])
    model.compile("sgd", "mse")
    for _ in range(2):
        # What stopped the last one does not stop the next.
        getattr(model, method)(batches(), callbacks=[Stopper()], verbose=0)
    assert seen == [0, 1, 2, 0, 1, 2]


def test_hooks_of_batches_come_once_in_steps_per_execution():
    found = []
    for library in (keras, kerata):
        seen = []

        class Note(library.callbacks.Callback):
            pass

        for phase, number in itertools.product(("train", "test", "predict"), ("begin", "end")):
            hook = f"on_{phase}_batch_{number}"
            setattr(Note, hook, lambda self, batch, logs=None, hook=hook, seen=seen: seen.append((hook, batch)))
        model = library.Sequential([library.Input((2,)), library.layers.Dense(1)])
        model.compile("sgd", "mse", steps_per_execution=3)
        x, y = np.ones((20, 2), "float32"), np.ones((20, 1), "float32")
        kwargs = {"batch_size": 3, "callbacks": [Note()], "verbose": 0}
        model.fit(x, y, **kwargs)
        model.evaluate(x, y, **kwargs)
        assert model.predict(x, **kwargs).shape == (20, 1)
        found.append(seen)
    assert found[0] == found[1] and ("on_train_batch_end", 8) in found[1]
