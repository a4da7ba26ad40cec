"""Measures: those of a user's own that give variables, and which direction is better."""

import threading
import time

import keras
import numpy as np
import pytest

import kerata

X = np.ones((8, 2), "float32")
Y = np.arange(8.0) % 2


@kerata.saving.register_keras_serializable("test_measures")
class Seen(kerata.metrics.Metric):
    """The number of samples seen; `result` gives the variable itself."""

    def __init__(self, name="seen", **kwargs):
        super().__init__(name=name, **kwargs)
        self.count = self.add_variable((), "zeros", name="count")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.count.assign_add(1.0 * y_true.shape[0])

    def result(self):
        return self.count


class Both(Seen):
    def result(self):
        return {"count": self.count, "twice": 2 * self.count}


def model_of(*metrics):
    model = kerata.Sequential([kerata.Input((2,)), kerata.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=list(metrics))
    return model


def test_a_measure_that_gives_its_variable():
    model = model_of(Seen())
    history = model.fit(X, Y, epochs=3, batch_size=4, verbose=0, validation_data=(X[:6], Y[:6])).history
    assert history["seen"] == [8, 8, 8] and history["val_seen"] == [6, 6, 6]
    assert model.evaluate(X, Y, batch_size=4, verbose=0)[1] == 8
    assert model.train_on_batch(X[:4], Y[:4])[1] == 4


def test_a_measure_that_gives_its_variable_as_a_pure_function():
    metric = Seen()
    values = metric.stateless_update_state([np.float32(1)], X, X)
    result = metric.stateless_result(values)
    assert float(result) == 9 and not isinstance(result, kerata.Variable)
    assert float(metric(X, X)) == 8


def test_a_measure_that_gives_its_variable_in_populations_and_folds():
    found = model_of(Seen()).cross_validate(X, Y, cv=2, epochs=2, batch_size=4)
    assert all(history["seen"] == [4, 4] for history in found.histories)


def test_a_measure_that_gives_a_dict():
    history = model_of(Both()).fit(X, Y, verbose=0).history
    assert history["count"] == [8] and history["twice"] == [16]


# Directions


class Model:
    metrics = ()


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("val_accident_loss", "min"),
        ("val_loss", "min"),
        ("accuracy_loss", "min"),
        ("valAccuracy", "max"),
        ("rocauc", "max"),
        ("val_f1score", "max"),
        ("top5_acc", "max"),
        ("val_mean_iou_2", "max"),
        ("out_crossentropy", "min"),
    ],
)
def test_directions_by_whole_words(name, direction):
    callback = kerata.callbacks.EarlyStopping(name)
    callback.set_model(Model())
    assert callback.rising is (direction == "max")


@pytest.mark.parametrize("name", ["val_account", "vacation", "val_precision_error", "value"])
def test_directions_that_cannot_be_told(name):
    callback = kerata.callbacks.EarlyStopping(name)
    callback.set_model(Model())
    with pytest.raises(ValueError, match='Give mode="max" or mode="min"'):
        _ = callback.rising


def test_early_stopping_keeps_the_lowest_of_a_loss_with_a_rising_word_in_its_name():
    i = kerata.Input((2,))
    model = kerata.Model(i, [kerata.layers.Dense(1, name="accident")(i), kerata.layers.Dense(1, name="other")(i)])
    model.compile(kerata.optimizers.SGD(0.1), "mse")
    stop = kerata.callbacks.EarlyStopping("val_accident_loss", patience=50, restore_best_weights=True)
    history = model.fit(X, [Y, Y], epochs=6, verbose=0, validation_data=(X, [Y, Y]), callbacks=[stop]).history
    assert stop.best_epoch == int(np.argmin(history["val_accident_loss"]))


@pytest.mark.parametrize("kind", ["EarlyStopping", "ReduceLROnPlateau"])
def test_a_value_of_ones_own_is_watched(kind):
    class Own(getattr(kerata.callbacks, kind)):
        def get_monitor_value(self, logs):
            return float(len(seen.append(1) or seen))

    seen = []
    callback = Own("loss", patience=2)
    history = model_of().fit(X, Y, epochs=10, verbose=0, callbacks=[callback]).history
    assert seen and callback.best == 1.0
    if kind == "EarlyStopping":
        assert len(history["loss"]) == 3


def test_a_stop_from_another_thread_ends_a_quiet_fit():
    model = model_of()
    model.fit(X, Y, epochs=2, verbose=0)
    threading.Timer(0.5, lambda: setattr(model, "stop_training", True)).start()
    began = time.perf_counter()
    history = model.fit(X, Y, epochs=10**6, verbose=0)
    assert time.perf_counter() - began < 20 and len(history.epoch) < 10**6


# Names of checkpoints


@pytest.mark.parametrize("name", ["a{}.keras", "a{0}.keras", "a{epoch:q}.keras", "a{epoch.keras", "a{val_loss:d}.keras"])
def test_a_name_that_can_never_be_filled_in(name):
    with pytest.raises(ValueError, match="`filepath` must be a name, in which braces hold"):
        kerata.callbacks.ModelCheckpoint(name)


@pytest.mark.parametrize("name", ["a{los}.keras", "a{epoch}-{val_loss:.2f}.keras"])
def test_a_name_for_a_measure_that_there_will_not_be(name, tmp_path):
    model = model_of()
    before = model.get_weights()
    with pytest.raises(KeyError, match="which is not in the logs"):
        model.fit(X, Y, verbose=0, callbacks=[kerata.callbacks.ModelCheckpoint(tmp_path / name)])
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


def test_names_with_measures_that_are_there(tmp_path):
    checkpoint = kerata.callbacks.ModelCheckpoint(tmp_path / "{epoch:02d}-{val_loss:.2f}-{learning_rate:.1g}.keras")
    slower = kerata.callbacks.ReduceLROnPlateau()
    model_of().fit(X, 0 * Y, epochs=2, verbose=0, validation_split=0.5, callbacks=[slower, checkpoint])
    assert len(list(tmp_path.glob("02-*-0.01.keras"))) == 1


def test_a_score_of_one_output_takes_targets_without_its_axis():
    x = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
    found = []
    for library in (keras, kerata):
        model = library.Sequential([library.Input((3,)), library.layers.Dense(1, kernel_initializer="ones")])
        model.compile("sgd", "mse", metrics=["r2_score"])
        found.append(model.evaluate(x, x[:, 0], batch_size=5, verbose=0))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5)
    with pytest.raises(ValueError, match=r"R2Score .*expected arrays of shape \(batch, outputs\).*reshape\(-1, 1\)"):
        kerata.metrics.R2Score()(x[:, 0], x)
