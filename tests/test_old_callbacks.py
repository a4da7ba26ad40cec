"""What callbacks were told: `params`, `validation_data` and the logs of batches, by the source of Keras 1.2.2 and 2.3.1."""

import numpy as np
import pytest

import kerata
from kerata.legacy import keras1, keras2, tfkeras2

X = np.random.default_rng(0).normal(size=(10, 2)).astype("float32")
Y = np.arange(10.0)
EPOCHS = {"keras1": "nb_epoch", "keras2": "epochs", "tfkeras2": "epochs"}
ERAS = {"keras1": keras1, "keras2": keras2, "tfkeras2": tfkeras2}


def told(era, *more, **fit):
    """What a callback of an era is told in one epoch."""
    tree, found = ERAS[era], {"begin": [], "end": []}

    class Noting(tree.callbacks.Callback):
        def on_train_begin(self, logs=None):
            found["params"] = dict(self.params)

        def on_batch_begin(self, batch, logs=None):
            found["begin"].append(dict(logs))

        def on_batch_end(self, batch, logs=None):
            found["end"].append(dict(logs))

        def on_epoch_end(self, epoch, logs=None):
            found["held"], found["model"] = self.validation_data, getattr(self.model, "validation_data", None)

    start = {"init": "one"} if era == "keras1" else {"kernel_initializer": "ones"}
    model = tree.models.Sequential([tree.layers.Dense(1, input_dim=2, **start), *more])
    model.compile(tree.optimizers.SGD(lr=0.0), "mse")
    data = (X, Y) if "generator" not in fit else ()
    method = model.fit_generator if "generator" in fit else model.fit
    method(*data, verbose=0, callbacks=[Noting()], **{EPOCHS[era]: 1}, **fit)
    return found


@pytest.mark.parametrize("era", ["keras1", "keras2"])
def test_what_a_split_holds_out_is_there(era):
    found = told(era, ERAS[era].layers.Dropout(0.5), batch_size=4, validation_split=0.2, sample_weight=Y + 1)
    x, y, weights, phase = found["held"]
    assert np.array_equal(x, X[8:]) and np.array_equal(y, Y[8:, None]) and np.array_equal(weights, Y[8:] + 1) and phase == 0.0
    assert found["model"] is found["held"]
    params = found["params"]
    known = {"batch_size": 4, "samples": 8, "nb_sample": 8, "nb_epoch": 1, "epochs": 1, "steps": None, "do_validation": True}
    assert {name: params[name] for name in known} == known and params["metrics"] == ["loss", "val_loss"]


def test_arrays_to_validate_on_are_there_without_a_phase():
    x, y, weights = told("keras2", validation_data=(X, Y))["held"]
    assert np.array_equal(x, X) and y.shape == (10, 1) and weights.tolist() == [1.0] * 10 and weights.dtype == "float32"
    assert told("keras2")["held"] == [] and told("keras2")["params"]["do_validation"] is False
    from kerata.legacy.tensorflow.data import Dataset

    batches = Dataset.from_tensor_slices((X, Y)).batch(4)
    sizes = [told("tfkeras2", generator=data)["params"]["steps"] for data in (batches, batches.filter(lambda x, y: True))]
    assert sizes == [3, None]
    assert told("tfkeras2")["params"]["steps"] == 1 and told("keras2")["params"]["batch_size"] == 32


@pytest.mark.parametrize("era", ["keras1", "keras2"])
def test_batches_have_their_number_size_and_own_loss(era):
    found = told(era, batch_size=4, shuffle=False)
    errors = [float(np.mean(np.square(X[i : i + 4].sum(1) - Y[i : i + 4]))) for i in (0, 4, 8)]
    assert found["begin"] == [{"batch": i, "size": size} for i, size in enumerate((4, 4, 2))]
    assert [(logs["batch"], logs["size"]) for logs in found["end"]] == [(0, 4), (1, 4), (2, 2)]
    assert [logs["loss"] for logs in found["end"]] == pytest.approx(errors, rel=1e-5)
    assert "batch" not in told("tfkeras2", batch_size=4)["end"][0]


def test_batches_of_a_generator_say_their_sizes():
    def batches():
        while True:
            yield X[:4], Y[:4]
            yield X[4:7], Y[4:7]

    found = told("keras2", generator=batches(), steps_per_epoch=3, validation_data=(X, Y))
    assert [logs["size"] for logs in found["begin"]] == [logs["size"] for logs in found["end"]] == [4, 3, 4]
    assert found["params"]["steps"] == 3 and found["params"]["samples"] is None and len(found["held"]) == 3


def test_a_history_knows_the_short_and_the_long_name_of_a_measure():
    model = keras2.models.Sequential([keras2.layers.Dense(1, input_shape=(3,))])
    model.compile("sgd", "mse", metrics=["mae", "mse"])
    stopping = keras2.callbacks.EarlyStopping(monitor="val_mean_absolute_error", patience=0, mode="max")
    x, y = np.ones((8, 3)), np.ones((8, 1))
    history = model.fit(x, y, validation_split=0.25, epochs=1, verbose=0, callbacks=[stopping]).history
    assert history["val_mean_absolute_error"] == history["val_mae"]
    assert history["mean_squared_error"] == history["mse"]
    assert "val_mean_squared_error" in history and "mean_absolute_percentage_error" not in history


@pytest.mark.parametrize(
    ("era", "order"),
    [
        ("keras1", ["val_loss", "val_mean_absolute_error", "val_acc", "loss", "mean_absolute_error", "acc"]),
        ("keras2", ["val_loss", "val_mae", "val_accuracy", "loss", "mae", "accuracy"]),
        ("tfkeras2", ["loss", "mae", "accuracy", "val_loss", "val_mae", "val_accuracy"]),
    ],
)
def test_logs_and_histories_have_the_order_of_then(era, order):
    """`compile` says it. Sources: `fit_loop` and `BaseLogger` of 1.2.2 and 2.3.1; what `tf_keras` gives."""
    tree, seen = ERAS[era], []

    class Noting(tree.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(list(logs))

    model = tree.models.Sequential([tree.layers.Dense(1, input_dim=2)])
    model.compile("sgd", "mse", metrics=["mae", "accuracy"])
    how = {"verbose": 0, "validation_split": 0.2, EPOCHS[era]: 3}
    assert list(model.fit(X, Y, **how).history) == order  # several epochs in one call
    assert list(model.fit(X, Y, callbacks=[Noting()], **how).history) == order and seen == [order] * 3


def test_dicts_of_evaluations_have_the_order_of_compile():
    model = tfkeras2.models.Sequential([tfkeras2.layers.Dense(1, input_dim=2)])
    model.compile("sgd", "mse", metrics=["mae", "accuracy"])
    for found in (
        model.evaluate(X, Y, verbose=0, return_dict=True),
        model.test_on_batch(X, Y, return_dict=True),
        model.train_on_batch(X, Y, return_dict=True),
    ):
        assert list(found) == ["loss", "mae", "accuracy"]


def test_functions_in_a_callback_may_ask_it_for_what_is_validated_on():
    layers, models = keras2.layers, keras2.models
    model = models.Sequential([layers.Dense(1, input_dim=2)])
    model.compile("sgd", "mse")
    x, y = np.ones((8, 2), "float32"), np.ones((8, 1), "float32")
    told = [keras2.callbacks.LambdaCallback(on_train_end=lambda logs: None) for _ in range(2)]
    model.fit(x, y, validation_data=(x, y), callbacks=[told[0]], verbose=0)
    model.fit_generator(iter([(x, y)] * 2), 1, 1, validation_data=(x, y), callbacks=[told[1]], verbose=0)
    for callback in told:
        held = callback.validation_data
        assert held[0] is x and held[1] is y and held[2].shape == (8,)


@pytest.mark.parametrize("era", [*ERAS, "today"])
def test_one_callback_needs_no_list(era):
    tree, told = ERAS.get(era, kerata), []

    class Noting(tree.callbacks.Callback):
        def on_train_begin(self, logs=None):
            told.append("fit")

        def on_test_begin(self, logs=None):
            told.append("evaluate")

        def on_predict_begin(self, logs=None):
            told.append("predict")

    model = tree.models.Sequential([tree.layers.Dense(1, input_shape=(2,)) if era != "today" else tree.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0, callbacks=Noting(), **{EPOCHS.get(era, "epochs"): 1})
    if era in ("tfkeras2", "today"):
        model.evaluate(X, Y, verbose=0, callbacks=Noting())
        model.predict(X, verbose=0, callbacks=Noting())
    assert told == (["fit"] if era in ("keras1", "keras2") else ["fit", "evaluate", "predict"])


def messages(era, capsys, name, *args, epochs=3, rate=0.01, **options):
    """What a callback prints in some epochs, and how many there were."""
    tree = ERAS[era]
    start = {"init": "zero"} if era == "keras1" else {"kernel_initializer": "zeros"}
    model = tree.models.Sequential([tree.layers.Dense(1, input_dim=1, **start)])
    model.compile(tree.optimizers.SGD(rate), "mse")
    watching = (
        getattr(tree.callbacks, name)(*args, verbose=1, **options)
        if name != "TerminateOnNaN"
        else tree.callbacks.TerminateOnNaN()
    )
    told = {EPOCHS[era]: epochs}
    history = model.fit(np.arange(8)[:, None] / 8, np.ones(8), 4, verbose=0, callbacks=[watching], **told)
    return [line for line in capsys.readouterr().out.splitlines() if line], len(history.epoch)


STILL = {"min_delta": 10, "factor": 0.2, "patience": 1}


@pytest.mark.parametrize(
    ("era", "name", "args", "options", "lines", "ran"),
    [
        (
            "keras2",
            "LearningRateScheduler",
            [lambda e: 0.01],
            {},
            ["Epoch 00001: LearningRateScheduler setting learning rate to 0.01."],
            1,
        ),
        (
            "tfkeras2",
            "LearningRateScheduler",
            [lambda e: 0.01],
            {},
            ["Epoch 1: LearningRateScheduler setting learning rate to 0.01."],
            1,
        ),
        ("keras1", "ReduceLROnPlateau", ["loss"], STILL, ["Epoch 00002: reducing learning rate to 0.0019999999552965165."], 3),
        (
            "keras2",
            "ReduceLROnPlateau",
            ["loss"],
            STILL,
            ["Epoch 00002: ReduceLROnPlateau reducing learning rate to 0.0019999999552965165."],
            2,
        ),
        (
            "tfkeras2",
            "ReduceLROnPlateau",
            ["loss"],
            STILL,
            ["Epoch 2: ReduceLROnPlateau reducing learning rate to 0.0019999999552965165."],
            2,
        ),
        ("keras1", "EarlyStopping", ["loss", 10, 1], {"epochs": 9}, ["Epoch 00002: early stopping"], 3),
        ("keras2", "EarlyStopping", ["loss", 10, 1], {"epochs": 9}, ["Epoch 00002: early stopping"], 2),
        (
            "keras2",
            "EarlyStopping",
            ["loss", 10, 1],
            {"epochs": 9, "restore_best_weights": True},
            ["Restoring model weights from the end of the best epoch", "Epoch 00002: early stopping"],
            2,
        ),
        (
            "tfkeras2",
            "EarlyStopping",
            ["loss", 10, 1],
            {"epochs": 9, "restore_best_weights": True},
            ["Epoch 2: early stopping", "Restoring model weights from the end of the best epoch: 1."],
            2,
        ),
        ("keras2", "TerminateOnNaN", [], {"rate": 1e20}, ["Batch 1: Invalid loss, terminating training"], 1),
    ],
)
@pytest.mark.filterwarnings("ignore:fit. the loss became NaN")
def test_what_callbacks_say_is_what_they_said_then(era, name, args, options, lines, ran, capsys):
    """By the source of Keras 1.2.2, Keras 2.3.1 and tf_keras 2.19."""
    assert messages(era, capsys, name, *args, **{"epochs": ran, **options}) == (lines, ran)


def test_the_first_keras_waited_for_one_epoch_more_and_counted_from_0(tmp_path, capsys):
    lowered, _ = messages("keras1", capsys, "ReduceLROnPlateau", "loss", epsilon=10, patience=2, epochs=8)
    assert [line.split(":")[0] for line in lowered] == ["Epoch 00003", "Epoch 00005", "Epoch 00007"]
    path = str(tmp_path / "w.h5")
    saved, _ = messages("keras1", capsys, "ModelCheckpoint", path, "loss", mode="max", save_best_only=True, epochs=2)
    assert saved[0].startswith("Epoch 00000: loss improved from -inf to ") and saved[1] == "Epoch 00001: loss did not improve"
