"""Populations: member i ends where it would have ended alone."""

import os
import subprocess
import sys
import threading

import jax
import numpy as np
import pytest

import kerata
from kerata import callbacks, layers, optimizers, search
from kerata.engine import program
from kerata.engine.random import epoch_orders, make_key
from kerata.models import clone_model
from kerata.populations import batch_plan, fit_many, group, hyperparameters, scheduler
from quickly import XLA_FLAGS

SEEDS = [3, 8, 21]


def table(samples=47, features=6, classes=None, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(samples, features)).astype("float32")
    y = (x @ rng.normal(size=features) > 0).astype("float32") if classes is None else rng.integers(0, classes, samples)
    return x, y


def mlp(optimizer="rmsprop", rate=0.2):
    model = kerata.Sequential(
        [
            kerata.Input((6,)),
            layers.Dense(5, activation="relu", kernel_regularizer="l2"),
            layers.Dropout(rate, name="drop"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
    return model


def cnn():
    model = kerata.Sequential(
        [
            kerata.Input((6, 6, 1)),
            layers.Conv2D(3, 3, activation="relu", padding="same"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def lstm():
    model = kerata.Sequential([kerata.Input((5, 2)), layers.LSTM(4, dropout=0.1), layers.Dense(1)])
    model.compile("adam", "mse")
    return model


def alone(model, seed, x, y, **arguments):
    """The model that `fit` gives for a member's seed, and its history."""
    kerata.utils.set_random_seed(seed)
    twin = clone_model(model)
    history = twin.fit(x, y, seed=seed, verbose=0, **arguments)
    return twin, history


def assert_same(model, other, tolerance=1e-5):
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * max(1e-3, np.abs(b).max()))


@pytest.mark.parametrize("turns", [False, True], ids=["side by side", "turns"])
@pytest.mark.parametrize("make", [mlp, cnn, lstm])
def test_a_member_ends_as_it_would_alone(make, turns):
    model = make()
    rng = np.random.default_rng(1)
    x = rng.normal(size=(29, *model.input_shape[1:])).astype("float32")
    y = rng.integers(0, 2, 29)
    many = fit_many(model, x, y, seeds=SEEDS, epochs=3, batch_size=8, validation_split=0.3, turns=turns)
    for seed, member in zip(SEEDS, many, strict=True):
        twin, history = alone(model, seed, x, y, epochs=3, batch_size=8, validation_split=0.3)
        assert_same(member.model, twin)
        assert member.history.history.keys() == history.history.keys()
        for name, curve in history.history.items():
            np.testing.assert_allclose(member.history.history[name], curve, rtol=1e-4, atol=1e-5, err_msg=name)


def test_numbers_of_each_member():
    model = mlp(optimizers.Adam(clipnorm=1.0, weight_decay=0.01))
    x, y = table()
    vary = {
        "learning_rate": [1e-3, 1e-2, 1e-1],
        "drop/rate": [0.1, 0.3, 0.5],
        "dense/kernel/l2": [0.0, 0.01, 0.1],
        "clipnorm": [1.0, 0.1, 0.01],
        "weight_decay": [0.0, 0.01, 0.1],
    }
    vary = {name.replace("dense/", f"{model.layers[0].name}/"): values for name, values in vary.items()}
    many = fit_many(model, x, y, vary=vary, seeds=SEEDS, epochs=2, batch_size=16, turns=False)
    twin = clone_model(model)
    kerata.utils.set_random_seed(SEEDS[2])
    twin = clone_model(model)
    twin.optimizer.learning_rate, twin.optimizer.clipnorm, twin.optimizer.weight_decay = 0.1, 0.01, 0.1
    twin.layers[0].kernel_regularizer.l2 = 0.1
    twin.layers[1].rate = 0.5
    twin.fit(x, y, seed=SEEDS[2], epochs=2, batch_size=16, verbose=0)
    assert_same(many[2].model, twin)
    assert many[2].model.optimizer.learning_rate == pytest.approx(0.1)
    assert hyperparameters(many[2].model)["drop/rate"] == pytest.approx(0.5)


def test_label_smoothing_and_class_weights():
    model = mlp()
    model.compile("sgd", kerata.losses.BinaryCrossentropy(label_smoothing=0.1))
    x, y = table()
    weights = [{0: 1.0, 1: 2.0}, None, {0: 3.0}]
    many = fit_many(
        model, x, y, vary={"label_smoothing": [0.0, 0.1, 0.2]}, class_weight=weights, seeds=SEEDS, epochs=2, batch_size=16
    )
    for index in (0, 2):
        kerata.utils.set_random_seed(SEEDS[index])
        twin = clone_model(model)
        twin.compile("sgd", kerata.losses.BinaryCrossentropy(label_smoothing=[0.0, 0.1, 0.2][index]))
        twin.fit(x, y, seed=SEEDS[index], class_weight=weights[index], epochs=2, batch_size=16, verbose=0)
        assert_same(many[index].model, twin)


@pytest.mark.parametrize("make", [mlp, cnn])
def test_subsets_of_different_sizes(make):
    model = make()
    rng = np.random.default_rng(2)
    x = rng.normal(size=(40, *model.input_shape[1:])).astype("float32")
    y = rng.integers(0, 2, 40)
    rows = [np.arange(30), np.arange(10, 35), np.arange(17)]
    held = [np.arange(30, 40), np.arange(10), np.arange(20, 40)]
    many = fit_many(model, x, y, rows=rows, validation_rows=held, seeds=SEEDS, epochs=3, batch_size=8, turns=False)
    for index, seed in enumerate(SEEDS):
        twin, history = alone(
            model,
            seed,
            x[rows[index]],
            y[rows[index]],
            epochs=3,
            batch_size=8,
            validation_data=(x[held[index]], y[held[index]]),
        )
        assert_same(many[index].model, twin)
        np.testing.assert_allclose(many.histories[index]["val_loss"], history.history["val_loss"], rtol=1e-4)


def test_members_stop_at_the_epoch_at_which_they_would_stop_alone():
    model = mlp("adam")
    x, y = table(60)
    rates = np.geomspace(1e-3, 0.5, 12)
    stop = callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True)
    many = fit_many(
        model,
        x,
        y,
        vary={"learning_rate": rates},
        seeds=range(12),
        epochs=30,
        batch_size=16,
        validation_split=0.3,
        callbacks=stop,
        turns=False,
    )
    ended = [len(member.history.epoch) for member in many]
    assert len(set(ended)) > 3
    for index in (0, 5, 11):
        kerata.utils.set_random_seed(index)
        twin = clone_model(model)
        twin.optimizer.learning_rate = rates[index]
        stop = callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True)
        history = twin.fit(x, y, seed=index, epochs=30, batch_size=16, validation_split=0.3, verbose=0, callbacks=[stop])
        assert len(history.epoch) == ended[index]
        assert_same(many[index].model, twin)


def test_a_rate_that_callbacks_lower():
    model = mlp("sgd")
    x, y = table()
    plan = [callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5), callbacks.TerminateOnNaN()]
    many = fit_many(model, x, y, vary={"learning_rate": [0.1, 0.2]}, seeds=5, epochs=3, callbacks=plan)
    assert [member.model.optimizer.learning_rate for member in many] == pytest.approx([0.0125, 0.025])
    assert many.histories[1]["learning_rate"] == pytest.approx([0.1, 0.05, 0.025])


def test_members_that_share_their_samples_share_a_program():
    model = mlp()
    x, y = table()
    rates = np.geomspace(1e-3, 1e-1, 6)
    many = fit_many(model, x, y, vary={"learning_rate": rates}, seeds=4, epochs=3, batch_size=16, turns=False)
    assert many[0].history.history["loss"][0] != many[5].history.history["loss"][0]
    kerata.utils.set_random_seed(4)
    twin = clone_model(model)
    twin.optimizer.learning_rate = rates[4]
    twin.fit(x, y, seed=4, epochs=3, batch_size=16, verbose=0)
    assert_same(many[4].model, twin)


def deep():
    model = kerata.Sequential([kerata.Input((6,)), layers.Dense(5, "relu"), layers.Dense(4, "tanh"), layers.Dense(1)])
    model.compile(optimizers.Adam(global_clipnorm=0.5), "mse")
    return model


def embedding():
    model = kerata.Sequential([kerata.Input((4,), dtype="int32"), layers.Embedding(9, 3), layers.Flatten(), layers.Dense(1)])
    model.compile("adam", "mse")
    return model


def two_inputs():
    a, b = kerata.Input((3,)), kerata.Input((4,))
    both = layers.Concatenate()([layers.Dense(3, "relu")(a), layers.Dense(2, "relu")(b)])
    model = kerata.Model([a, b], layers.Dense(1)(both))
    model.compile(optimizers.SGD(0.1, momentum=0.9), "mse")
    return model


@pytest.mark.parametrize("make", [mlp, deep, cnn, lstm, embedding, two_inputs])
def test_a_member_that_shares_its_batches_ends_as_it_would_alone(make):
    """Kernels of shared inputs have their members in the middle; what is read, changed and put back must be a member's own."""
    model, rng = make(), np.random.default_rng(2)
    x, y = [rng.normal(size=(29, *i.shape[1:])).astype("float32") for i in model.inputs], rng.integers(0, 2, 29)
    if make is embedding:
        x = [rng.integers(0, 9, (29, 4))]
    x = x if len(x) > 1 else x[0]
    rates = [0.001, 0.01, 0.02, 0.03, 0.05, 0.1]

    class Halve(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                self.model.set_weights([w / 2 for w in self.model.get_weights()])

    def watching():
        return [Halve(), callbacks.EarlyStopping("loss", min_delta=0.05, patience=1, restore_best_weights=True)]

    many = fit_many(
        model, x, y, vary={"learning_rate": rates}, seeds=5, epochs=6, batch_size=8, callbacks=lambda i: watching(), turns=False
    )
    lengths = set()
    for place in (0, 2, 5):
        kerata.utils.set_random_seed(5)
        twin = clone_model(model)
        twin.optimizer.learning_rate = rates[place]
        history = twin.fit(x, y, seed=5, epochs=6, batch_size=8, callbacks=watching(), verbose=0)
        np.testing.assert_allclose(many[place].history.history["loss"], history.history["loss"], rtol=1e-4)
        assert_same(many[place].model, twin)
        lengths.add(len(history.epoch))
    assert make is not deep or len(lengths) > 1


@pytest.mark.parametrize("name", ["adafactor", "lamb", "muon", "ftrl"])
def test_optimizers_with_state_of_other_shapes_where_batches_are_shared(name):
    model, (x, y) = mlp(optimizers.get(name)), table()
    rates = np.geomspace(1e-3, 1e-2, 5).tolist()
    many = fit_many(model, x, y, vary={"learning_rate": rates}, seeds=4, epochs=2, batch_size=16, turns=False)
    kerata.utils.set_random_seed(4)
    twin = clone_model(model)
    twin.optimizer.learning_rate = rates[3]
    twin.fit(x, y, seed=4, epochs=2, batch_size=16, verbose=0)
    assert_same(many[3].model, twin)


def test_which_kernels_have_their_members_in_the_middle(monkeypatch):
    seen = []
    find = group.Group._find_shared_axes
    monkeypatch.setattr(group.Group, "_find_shared_axes", lambda self, axes: seen.append(find(self, axes)) or seen[-1])
    x, y = table()
    program.forget_programs()
    fit_many(deep(), x, y, vary={"learning_rate": [0.1] * 6}, seeds=4, epochs=1, turns=False)
    assert [axes["trainable"] for axes in seen] == [[1, 0, 0, 0, 0, 0]]
    assert sum(seen[0]["slots"]) == 2
    fit_many(deep(), x, y, vary={"learning_rate": [0.1] * 6}, seeds=7, epochs=1, turns=False)
    assert len(seen) == 1, "found once for a structure"


def test_orders_are_those_of_fit():
    """Ahead, in the middle of a run, for members of different sizes and with rows of their own."""
    x, y = table()
    sizes = [47, 30, 30]
    rows = [np.arange(47), np.arange(30), np.arange(10, 40)]
    found = {}
    make = batch_plan.BatchPlan.orders

    def orders(self):
        for member, order in zip(self.who, make(self), strict=True):
            found[member.index, member.epoch] = order[0, : member.size].copy()
        return make(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_plan.BatchPlan, "orders", orders)
        fit_many(mlp(), x, y, rows=rows, seeds=SEEDS, epochs=11, batch_size=16, turns=False)
    assert len(found) == 33
    for (index, epoch), order in found.items():
        seed = int(make_key(SEEDS[index])[0]) + (int(make_key(SEEDS[index])[1]) << 32)
        alone = epoch_orders(seed, [epoch], sizes[index])[0]
        assert np.array_equal(order, rows[index][alone]), (index, epoch)


def test_threads_are_kept():
    x, y = table()
    for seed in range(4):
        fit_many(mlp(), x, y, seeds=range(seed, seed + 8), epochs=1, turns=False)
    before = threading.active_count()
    for seed in range(4):
        fit_many(mlp(), x, y, seeds=range(seed, seed + 8), epochs=1, turns=False)
    assert threading.active_count() <= before


def test_a_list_of_models_is_trained_in_place_and_grouped_by_structure():
    def wide(units):
        model = kerata.Sequential([kerata.Input((6,)), layers.Dense(units, activation="relu"), layers.Dense(1)])
        model.compile(optimizers.Adam(0.01 * units), "mse")
        return model

    x, y = table()
    models = [wide(2), wide(3), wide(2)]
    twins = [clone_model(model) for model in models]
    for model, twin in zip(models, twins, strict=True):
        twin.set_weights(model.get_weights())
    many = fit_many(models, x, y, seeds=[1, 2, 3], epochs=2)
    assert len(many.notes) == 2
    for index, twin in enumerate(twins):
        twin.fit(x, y, seed=index + 1, epochs=2, verbose=0)
        assert many[index].model is models[index]
        assert_same(models[index], twin)
        assert models[index].history is many[index].history


def test_a_second_population_compiles_nothing():
    x, y = table()
    fit_many(mlp(), x, y, seeds=range(8), epochs=1, turns=False)
    before = dict(program.counts)
    fit_many(mlp(rate=0.4), x, y, seeds=range(8, 16), epochs=2, turns=False)
    assert program.counts == before


def test_waves_of_a_size_that_fits(monkeypatch):
    x, y = table()
    model = mlp()
    monkeypatch.setattr(scheduler, "memory_for", lambda device: 2 * 4 * 3 * 700.0)
    scheduler._chosen.clear()
    many = fit_many(model, x, y, seeds=range(10), epochs=2, batch_size=16)
    assert many.notes[0]["most"] < 8
    twin, _ = alone(model, 7, x, y, epochs=2, batch_size=16)
    assert_same(many[7].model, twin)
    scheduler._chosen.clear()


def test_a_member_that_diverges_harms_no_other():
    x, y = table()
    model = kerata.Sequential([kerata.Input((6,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    many = fit_many(model, x, y, vary={"learning_rate": [0.01, 1e20, 0.02]}, seeds=1, epochs=4, turns=False)
    assert [member.diverged for member in many] == [False, True, False]
    assert np.isfinite(many[0].history.history["loss"]).all() and np.isfinite(many[2].history.history["loss"]).all()


def test_loaded_weights_are_kept_and_others_drawn():
    model = mlp()
    model.layers[0].set_weights([np.full((6, 5), 0.3, "float32"), np.zeros(5, "float32")])
    model.layers[0].trainable = False
    model.compile("sgd", "binary_crossentropy")
    x, y = table()
    many = fit_many(model, x, y, seeds=[1, 2], epochs=1)
    np.testing.assert_array_equal(many[0].model.layers[0].get_weights()[0], np.float32(0.3))
    assert (many[0].model.layers[2].get_weights()[0] != many[1].model.layers[2].get_weights()[0]).any()


def test_what_was_trained_in_another_model_is_kept():
    base = kerata.Sequential([kerata.Input((6,)), layers.Dense(5, activation="relu"), layers.BatchNormalization()])
    x, y = table()
    first = kerata.Sequential([base, layers.Dense(1)])
    first.compile("sgd", "mse")
    first.fit(x, y, verbose=0)

    def build(hp=None):
        base.trainable = False
        model = kerata.Sequential([base, layers.Dense(1)])
        model.compile("sgd", "mse")
        return model

    many = fit_many(build(), x, y, seeds=[1, 2], epochs=1)
    folds = build().cross_validate(x, y, cv=2, epochs=1).models
    found = search.run(build, x, y, trials=1, cv=2, epochs=1, storage=None, verbose=0).best.models
    for model in (*(member.model for member in many), *folds, *found):
        jax.tree.map(np.testing.assert_array_equal, model.layers[0].get_weights(), base.get_weights())
    # What a model has learned by itself may know the samples that a fold holds out.
    drawn = fit_many(first, x, y, copies=1, epochs=1, vary={"learning_rate": [0.0]})[0].model
    assert (drawn.get_weights()[0] != base.get_weights()[0]).any()


def test_a_model_that_was_loaded_and_trained_must_say_where_members_begin():
    x, y = table()
    model = mlp()
    model.set_weights(model.get_weights())
    model.fit(x, y, verbose=0)
    with pytest.raises(ValueError, match="initial_weights"):
        fit_many(model, x, y, copies=2)
    assert len(fit_many(model, x, y, copies=2, initial_weights="fresh")) == 2


X, Y = table()
BAD = {
    "not compiled": (lambda: fit_many(kerata.Sequential([kerata.Input((6,)), layers.Dense(1)]), X, Y, copies=2), "compiled"),
    "no number": (lambda: fit_many(mlp(), X, Y), "number of members"),
    "two numbers": (lambda: fit_many(mlp(), X, Y, copies=2, seeds=[1, 2, 3]), "same number of members"),
    "unknown number": (lambda: fit_many(mlp(), X, Y, vary={"lerning_rate": [1, 2]}), "Did you mean 'optimizer/learning_rate'"),
    "absent number": (lambda: fit_many(mlp(), X, Y, vary={"clipnorm": [1, 2]}), "absent in the model"),
    "out of range": (lambda: fit_many(mlp(), X, Y, vary={"drop/rate": [0.1, 2.0]}), "rate"),
    "rows outside": (lambda: fit_many(mlp(), X, Y, rows=[[0, 1], [2, 470]]), r"rows\[1\]"),
    "generator": (lambda: fit_many(mlp(), iter([(X, Y)]), copies=2), "arrays"),
    "one file": (lambda: fit_many(mlp(), X, Y, copies=2, callbacks=callbacks.CSVLogger("x.csv")), "same file"),
    "wrong shape": (lambda: fit_many(mlp(), X[:, :4], Y, copies=2), "shape"),
}


@pytest.mark.parametrize("case", BAD, ids=str)
def test_bad_input_is_refused_before_anything_is_compiled(case):
    run, words = BAD[case]
    before = dict(program.counts)
    with pytest.raises((ValueError, TypeError), match=words):
        run()
    assert program.counts == before


def test_names_of_numbers():
    inputs = kerata.Input((6, 1), name="x")
    hidden = layers.Dense(2, kernel_regularizer="l2", activity_regularizer="l1", name="d")(inputs)
    hidden = layers.LSTM(3, dropout=0.1, name="r")(layers.GaussianNoise(0.1, name="n")(hidden))
    model = kerata.Model(inputs, {"a": layers.Dense(1, name="a")(hidden), "b": layers.Dense(1, name="b")(hidden)})
    model.compile("adam", {"a": kerata.losses.Huber(), "b": "mse"}, loss_weights={"a": 0.5, "b": 1.0})
    x = np.zeros((4, 6, 1), "float32")
    names = hyperparameters(model, x, {"a": x[:, 0], "b": x[:, 0]})
    assert {
        "d/kernel/l2",
        "d/l1",
        "n/stddev",
        "r/dropout",
        "loss/a/delta",
        "loss/a/weight",
        "loss/b/weight",
        "optimizer/learning_rate",
        "optimizer/beta_1",
    } <= set(names)
    assert all(np.isfinite(value) for value in names.values())


SHARDED = """
import jax, numpy, kerata
from kerata.populations import fit_many, shard
seen, begin = set(), shard.Shard.__init__
def note(self, group, width, own, device, *rest):
    begin(self, group, width, own, device, *rest)
    seen.add(str(device))
shard.Shard.__init__ = note
model = kerata.Sequential([kerata.Input((6,)), kerata.layers.Dense(3), kerata.layers.Dense(1)])
model.compile("adam", "mse")
x = numpy.random.default_rng(0).normal(size=(40, 6)).astype("float32")
many = fit_many(model, x, x.sum(1), seeds=range(8), epochs=2, turns=False)
kerata.utils.set_random_seed(6)
twin = kerata.models.clone_model(model)
twin.fit(x, x.sum(1), epochs=2, seed=6, verbose=0)
worst = max(abs(a - b).max() for a, b in zip(twin.get_weights(), many[6].model.get_weights()))
print(len(jax.devices()), len(seen), worst < 1e-5)
"""


def test_every_device_trains_its_share():
    environment = {**os.environ, "XLA_FLAGS": f"{XLA_FLAGS} --xla_force_host_platform_device_count=2", "JAX_PLATFORMS": "cpu"}
    run = subprocess.run([sys.executable, "-c", SHARDED], env=environment, capture_output=True, text=True)
    assert run.stdout.split() == ["2", "2", "True"], run.stderr


def test_members_as_models_take_nothing_from_the_random_numbers_of_the_process():
    many = fit_many(mlp(), X, Y, seeds=SEEDS, epochs=1)
    kerata.utils.set_random_seed(1)
    expected = kerata.initializers.GlorotUniform()((2, 2))
    kerata.utils.set_random_seed(1)
    assert len(many.models) == 3
    np.testing.assert_array_equal(kerata.initializers.GlorotUniform()((2, 2)), expected)
