"""Training: every form of model and data, freezing, hyperparameters as values, determinism, interruption."""

import contextlib
import os
import signal
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax
import pandas as pd
import pytest

import kerata
from attacks import measure
from kerata.engine import call_pure, program, state_of
from kerata.kernels.typed import is_ready
from kerata.training import runs
from kerata.training.runs import Pace, Run

RNG = np.random.default_rng(0)
X = RNG.standard_normal((70, 6), np.float32)
Y = (X[:, :1] > 0).astype(np.float32)


def small(*middle, **compile):
    model = kerata.Sequential([kerata.Input((6,)), kerata.layers.Dense(8), *middle, kerata.layers.Dense(1)])
    model.compile(**{"optimizer": "adam", "loss": "mse", **compile})
    return model


def weights_equal(a, b):
    return all((p == q).all() for p, q in zip(a, b, strict=True))


class Subclassed(kerata.Model):
    def __init__(self):
        super().__init__()
        self.inner = kerata.layers.Dense(4, activation="relu")
        self.drop = kerata.layers.Dropout(0.3)
        self.out = kerata.layers.Dense(1)

    def call(self, x, training=False):
        return self.out(self.drop(self.inner(x), training=training))


class Scaled(kerata.layers.Layer):
    """A layer of one's own, with a penalty and a counter."""

    def __init__(me, units):
        super().__init__()
        me.units = units

    def build(me, shape):
        me.w = me.add_weight(shape=(shape[-1], me.units), initializer="glorot_uniform", name="w")
        me.calls = me.add_weight(shape=(), initializer="zeros", trainable=False, name="calls")

    def call(me, x):
        me.add_loss(1e-2 * jnp.sum(jnp.square(me.w)))
        me.calls.assign_add(1.0)
        return jnp.matmul(x, me.w)


class OwnStep(kerata.Model):
    def __init__(self):
        super().__init__()
        self.dense = kerata.layers.Dense(1)
        self.tracker = kerata.metrics.Mean(name="loss")

    def call(self, x):
        return self.dense(x)

    @property
    def metrics(self):
        return [self.tracker]

    def train_step(self, state, data):
        trainable, others, slots, metrics = state
        x, y = data

        def objective(trainable):
            y_pred, updated = self.stateless_call(trainable, others, x, training=True)
            return jnp.mean(jnp.square(y_pred - y)), updated

        (loss, others), grads = jax.value_and_grad(objective, has_aux=True)(trainable)
        trainable, slots = self.optimizer.stateless_apply(slots, grads, trainable)
        metrics = self.tracker.stateless_update_state(metrics, loss)
        return {"loss": self.tracker.stateless_result(metrics)}, (trainable, others, slots, metrics)


def falls(history):
    return history.history["loss"][-1] < history.history["loss"][0]


# Models


def test_a_subclassed_model():
    model = Subclassed()
    model.compile(kerata.optimizers.Adam(0.05), "mse", metrics=["mae"])
    history = model.fit(X, Y, epochs=8, verbose=0)
    assert falls(history) and set(history.history) == {"loss", "mae"}
    assert model.predict(X[:3], verbose=0).shape == (3, 1)


def test_a_layer_of_ones_own_in_a_deferred_model():
    model = kerata.Sequential([Scaled(3), kerata.layers.Dense(1)])
    model.compile("sgd", "mse")
    assert falls(model.fit(X, Y, epochs=3, batch_size=10, verbose=0))
    assert model.layers[0].calls.numpy() == 21.0


def test_a_train_step_of_ones_own_equals_the_built_in_one():
    own, plain = OwnStep(), kerata.Sequential([kerata.layers.Dense(1)])
    for model in (own, plain):
        model.build((None, 6))
    own.set_weights(plain.get_weights())
    own.compile(kerata.optimizers.Adam(0.05))
    plain.compile(kerata.optimizers.Adam(0.05), "mse")
    for model in (own, plain):
        model.fit(X, Y, epochs=3, batch_size=14, shuffle=False, verbose=0)
    np.testing.assert_allclose(own.get_weights()[0], plain.get_weights()[0], rtol=1e-5)
    assert own.history.history["loss"] == pytest.approx(plain.history.history["loss"], rel=1e-5)


def test_dicts_of_inputs_and_outputs():
    a, b = kerata.Input((6,), name="a"), kerata.Input((6,), name="b")
    outputs = {"o": kerata.layers.Dense(1, name="first")(a + b), "q": kerata.layers.Dense(2, name="second")(a * 2.0)}
    model = kerata.Model({"a": a, "b": b}, outputs)
    model.compile("adam", {"o": "mse", "q": "mae"}, metrics={"o": ["mae"]})
    history = model.fit({"a": X, "b": X}, {"o": Y, "q": X[:, :2]}, epochs=2, verbose=0).history
    assert set(history) == {"loss", "o_loss", "q_loss", "o_mae"}
    predicted = model.predict({"a": X, "b": X}, verbose=0)
    assert {name: value.shape for name, value in predicted.items()} == {"o": (70, 1), "q": (70, 2)}


def test_an_optax_transformation():
    assert falls(small(optimizer=optax.adam(1e-2)).fit(X, Y, epochs=3, verbose=0))


# Freezing


@pytest.mark.parametrize("when", ["before compile", "after compile"])
def test_frozen_layers_stay_as_they_are(when):
    inner = kerata.Sequential([kerata.Input((6,)), kerata.layers.Dense(4), kerata.layers.BatchNormalization()])
    x = kerata.Input((6,))
    model = kerata.Model(x, kerata.layers.Dense(1)(inner(x)))
    if when == "before compile":
        inner.trainable = False
    model.compile("adam", "mse")
    if when == "after compile":
        model.fit(X, Y, epochs=1, verbose=0)
        inner.trainable = False
    before, head = inner.get_weights(), model.layers[-1].get_weights()
    model.fit(X, Y, epochs=1, verbose=0)
    assert weights_equal(before, inner.get_weights())
    assert not weights_equal(head, model.layers[-1].get_weights())
    assert len(model.trainable_variables) == 2


def test_a_layer_can_be_frozen_deep_inside_and_thawed():
    deep = kerata.layers.Dense(3)
    model = kerata.Sequential([kerata.Input((6,)), kerata.Sequential([kerata.Sequential([deep])]), kerata.layers.Dense(1)])
    model.compile("adam", "mse")
    deep.trainable = False
    before = deep.get_weights()
    model.fit(X, Y, epochs=1, verbose=0)
    assert weights_equal(before, deep.get_weights())
    deep.trainable = True
    model.fit(X, Y, epochs=1, verbose=0)
    assert not weights_equal(before, deep.get_weights())


# Programs


def test_numbers_that_a_person_would_try_never_compile_again():
    model = small(kerata.layers.Dropout(0.2), optimizer=kerata.optimizers.Adam(1e-2, clipnorm=1.0))
    model.fit(X, Y, epochs=1, verbose=0)
    before = dict(program.counts)
    model.optimizer.learning_rate = 1e-3
    model.optimizer.beta_1 = 0.5
    model.optimizer.clipnorm = 0.1
    model.layers[1].rate = 0.5
    model.fit(X, Y, epochs=1, verbose=0)
    model.optimizer.learning_rate.assign(3e-4)
    model.fit(X, Y, epochs=1, verbose=0)
    assert program.counts == before
    assert float(model.optimizer.learning_rate) == pytest.approx(3e-4)


def test_the_learning_rate_takes_effect():
    model = small(optimizer=kerata.optimizers.SGD(0.1))
    model.fit(X, Y, epochs=1, verbose=0)
    model.optimizer.learning_rate = 0.0
    before = model.get_weights()
    model.fit(X, Y, epochs=1, verbose=0)
    assert weights_equal(before, model.get_weights())


def test_a_fresh_model_of_the_same_structure_runs_the_same_program():
    small(kerata.layers.BatchNormalization()).fit(X, Y, epochs=1, verbose=0, validation_split=0.2)
    before = dict(program.counts)
    small(kerata.layers.BatchNormalization()).fit(X, Y, epochs=1, verbose=0, validation_split=0.2)
    assert program.counts == before


def count_calls(monkeypatch, model, **options):
    """How many programs a fit calls."""
    calls, advance = [], Run.advance
    monkeypatch.setattr(Run, "advance", lambda self, *args: calls.append(1) or advance(self, *args))
    model.fit(X, Y, epochs=6, batch_size=10, verbose=0, **options)
    monkeypatch.undo()
    return len(calls)


def test_the_first_fit_of_a_fresh_model_of_a_known_structure_costs_what_a_later_one_does(monkeypatch):
    for _ in range(2):
        small(kerata.layers.ReLU(0.37), metrics=["mae"]).fit(X, Y, epochs=6, batch_size=10, verbose=0)
    model, traced = small(kerata.layers.ReLU(0.37), metrics=["mae"]), []
    monkeypatch.setattr(jax, "eval_shape", lambda *args, **kwargs: traced.append(args))
    assert count_calls(monkeypatch, model) == 1 and not traced
    assert list(model.history.history) == ["loss", "mae"]


def test_measures_of_models_that_share_a_structure_keep_their_own_names():
    for name in ("first", "second"):
        model = small(metrics=[kerata.metrics.MeanSquaredError(name=name)])
        assert set(model.fit(X, Y, epochs=1, verbose=0).history) == {"loss", name}


def test_asking_for_the_metrics_leaves_new_weights_on_the_host():
    model = small()
    assert model.metrics_names == ["loss"]
    assert all(isinstance(v.peek(), np.ndarray) for v in model.variables)


def test_new_weights_on_the_host_survive_a_program_that_takes_memory_over():
    model = small()
    before = [v.peek() for v in model.variables]
    copies = [a.copy() for a in before]
    model.fit(X, Y, epochs=1, verbose=0)
    assert weights_equal(before, copies) and not weights_equal(model.get_weights(), copies)


def test_data_of_another_type_is_not_mistaken_for_what_was_there():
    model = small()
    for kind in ("float32", "int8", "float32"):
        model.fit((10 * X).astype(kind), Y, epochs=1, verbose=0)


def test_models_that_differ_do_not_share_a_program():
    reference = {}
    for activation in ("relu", "tanh"):
        kerata.utils.set_random_seed(1)
        model = kerata.Sequential([kerata.Input((6,)), kerata.layers.Dense(8, activation=activation), kerata.layers.Dense(1)])
        model.compile("sgd", "mse")
        reference[activation] = model.fit(X, Y, epochs=1, verbose=0).history["loss"][0]
    assert reference["relu"] != reference["tanh"]


def test_folds_of_slightly_different_sizes_run_the_same_program():
    small().fit(X[:61], Y[:61], epochs=1, verbose=0)
    before = program.counts["compiled"]
    small().fit(X[:62], Y[:62], epochs=1, verbose=0)
    assert program.counts["compiled"] == before


def test_call_pure_changes_nothing_and_can_be_vmapped():
    model = kerata.Sequential([kerata.Input((6,)), kerata.layers.BatchNormalization(), kerata.layers.Dropout(0.5)])
    state, before = state_of(model), model.get_weights()
    keys = jnp.arange(6, dtype=jnp.uint32).reshape(3, 2)
    outputs, after, _ = jax.vmap(lambda key: call_pure(model, state, X, training=True, key=key))(keys)
    assert outputs.shape == (3, 70, 6) and not np.array_equal(outputs[0], outputs[1])
    assert weights_equal(before, model.get_weights())
    assert not np.array_equal(after["others"][0][0], before[2])


# Data


def generate():
    rng = np.random.default_rng(0)
    while True:
        first = rng.integers(0, 60)
        yield X[first : first + 10], Y[first : first + 10]


class Numbered(kerata.utils.PyDataset):
    def __len__(self):
        return 7

    def __getitem__(self, index):
        return X[index * 10 : index * 10 + 10], Y[index * 10 : index * 10 + 10]


SOURCES = {
    "arrays": lambda: (X, Y),
    "jax": lambda: (jnp.asarray(X), jnp.asarray(Y)),
    "lists": lambda: (X.tolist(), Y.tolist()),
    "frame": lambda: (pd.DataFrame(X), pd.Series(Y[:, 0])),
    "pydataset": lambda: (Numbered(), None),
    "iterable": lambda: ([(X[:35], Y[:35]), (X[35:], Y[35:])].__iter__, None),
}


@pytest.mark.parametrize("kind", ["arrays", "jax", "lists", "frame", "pydataset"])
def test_sources(kind):
    assert falls(small(optimizer=kerata.optimizers.Adam(0.05)).fit(*SOURCES[kind](), epochs=3, verbose=0))


def test_a_generator_with_steps():
    history = small(optimizer=kerata.optimizers.Adam(0.05)).fit(generate(), steps_per_epoch=5, epochs=4, verbose=0)
    assert len(history.epoch) == 4 and falls(history)


def test_batches_and_arrays_give_the_same_run():
    """The same batches by a data set, in order, and by arrays without shuffling."""
    runs = []
    for x, y, options in ((X, Y, {"batch_size": 10, "shuffle": False}), (Numbered(), None, {"shuffle": False})):
        kerata.utils.set_random_seed(5)
        model = small()
        model.fit(x, y, epochs=2, verbose=0, **options)
        runs.append(model.get_weights())
    for a, b in zip(*runs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_a_generator_that_ends_early_warns():
    with pytest.warns(UserWarning, match="the data ended after 3 batches of 5"):
        small().fit(iter([(X, Y)] * 3), steps_per_epoch=5, epochs=2, verbose=0)


def test_a_generator_that_raises_leaves_a_usable_model():
    def broken():
        yield X, Y
        raise RuntimeError("the disk is gone")

    model = small()
    with pytest.raises(RuntimeError, match="the disk is gone"):
        model.fit(broken(), steps_per_epoch=5, verbose=0)
    assert np.isfinite(model.predict(X, verbose=0)).all()


# Determinism


def run_with(seed=3, **options):
    kerata.utils.set_random_seed(seed)
    model = small(kerata.layers.Dropout(0.5))
    model.fit(X, Y, epochs=2, **{"verbose": 0, **options})
    return model.get_weights()


def test_a_seed_makes_runs_equal_whatever_watches_them(capsys):
    reference = run_with()
    assert weights_equal(reference, run_with())
    assert weights_equal(reference, run_with(verbose=1))
    assert weights_equal(reference, run_with(verbose=2))
    every_batch = kerata.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)
    assert weights_equal(reference, run_with(callbacks=[every_batch]))
    assert not weights_equal(reference, run_with(seed=4))


def test_fit_takes_a_seed_of_its_own():
    model = small(kerata.layers.Dropout(0.5))
    start = model.get_weights()
    results = []
    for _ in range(2):
        model.set_weights(start)
        model.compile("adam", "mse")
        model.fit(X, Y, epochs=2, verbose=0, seed=7)
        results.append(model.get_weights())
    assert weights_equal(*results)


# Trouble


def test_the_step_at_which_the_loss_went_bad_is_named():
    with pytest.warns(UserWarning, match=r"NaN or infinite at step \d+"):
        small(optimizer=kerata.optimizers.SGD(1e10)).fit(X, Y, epochs=3, verbose=0)


def test_ctrl_c_leaves_a_usable_model_and_its_history():
    model = small()

    def interrupt(epoch, logs):
        if epoch == 2:
            os.kill(os.getpid(), signal.SIGINT)

    # Where the tests run in the background of a shell, the signal is ignored unless asked for.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, Y, epochs=100, verbose=0, callbacks=[kerata.callbacks.LambdaCallback(on_epoch_end=interrupt)])
    finally:
        signal.signal(signal.SIGINT, before)
    assert 2 <= len(model.history.history["loss"]) <= 4
    assert np.isfinite(model.predict(X, verbose=0)).all()
    assert falls(model.fit(X, Y, epochs=3, verbose=0))


def test_an_array_that_someone_holds_survives_training():
    model = small()
    held = model.layers[0].kernel.value
    copy = np.array(held)
    model.fit(X, Y, epochs=2, verbose=0)
    np.testing.assert_array_equal(held, copy)


def test_callbacks_may_set_weights_in_the_middle():
    model = small(optimizer=kerata.optimizers.SGD(0.0))
    target = [np.full_like(w, 0.25) for w in model.get_weights()]
    model.fit(
        X,
        Y,
        epochs=3,
        verbose=0,
        callbacks=[
            kerata.callbacks.LambdaCallback(
                on_epoch_begin=lambda epoch, logs: model.set_weights(target) if epoch == 1 else None
            )
        ],
    )
    assert weights_equal(target, model.get_weights())


def test_no_warning_in_a_plain_run():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = small(kerata.layers.Dropout(0.1), metrics=["mae"])
        model.fit(X, Y, epochs=2, verbose=0, validation_split=0.2)
        model.evaluate(X, Y, verbose=0)
        model.predict(X, verbose=0)


def test_predict_needs_no_compile_and_follows_changes_of_the_model():
    x = kerata.Input((6,))
    assert kerata.Model(x, kerata.layers.Dense(2)(x)).predict(X[:5], verbose=0).shape == (5, 2)
    model = kerata.Sequential([kerata.Input((6,)), kerata.layers.Dense(3)])
    assert model.predict(X[:5], verbose=0).shape == (5, 3)
    model.add(kerata.layers.Dense(1))
    assert model.predict(X[:5], verbose=0).shape == (5, 1)
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    assert not model.predict(X[:5], verbose=0).any()


@pytest.mark.parametrize("size", [1, 3, 31, 32, 33, 70])
def test_predictions_do_not_depend_on_how_many_are_asked_for(size):
    model = small()
    np.testing.assert_allclose(model.predict(X[:size], verbose=0), model.predict(X, verbose=0)[:size], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("watched", "per_batch", "memory", "left", "count"),
    [
        (False, 0.001, 0, 10_000, 1000),  # seconds a batch, bytes of intermediate results
        (False, 0.3, 0, 10_000, 3),
        (False, 0.1, 200_000_000, 10_000, 50),  # five seconds, of which memory takes a fiftieth
        (False, 0.3, 10**9, 10_000, 66),  # twenty seconds at most
        (False, 5.0, 10**9, 10_000, 4),
        (False, 0.1, 0, 11, 6),  # not ten batches and then one
        (False, 0.1, 0, 20, 10),
        (False, 0.1, 0, 21, 10),
        (False, 0.1, 0, 7, 7),
        (True, 0.3, 0, 10_000, 1),  # who watches sees each
        (True, 0.1, 10**9, 10_000, 20),  # two seconds at most
        (True, 0.1, 20_000_000, 10_000, 5),
    ],
)
def test_batches_of_a_call(watched, per_batch, memory, left, count):
    pace = Pace(watched)
    pace.learn(1, per_batch)
    assert pace.batches(left, memory) == count


def test_a_call_knows_the_memory_that_it_takes():
    model = small()
    seen = []
    batches = Pace.batches
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pace, "batches", lambda pace, left, memory=0: seen.append(memory) or batches(pace, left, memory))
        model.fit(X, Y, batch_size=6, verbose=0)
    assert seen[0] == 0 and seen[-1] > 0


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's account of a process's memory")
def test_a_first_fit_holds_its_state_once():
    """Weights that a new model holds on the host are moved, not copied, when training takes them over."""
    model = kerata.Sequential([kerata.Input((1000,)), kerata.layers.Dense(16_000), kerata.layers.Dense(1)])
    model.compile("adam", "mse")
    x = np.zeros((8, 1000), np.float32)
    _, _, peak = measure(lambda: model.fit(x, x[:, :1], batch_size=4, verbose=0))
    # The weights are there; two slots and the gradient are new. It was 6.6 with all of the state twice.
    assert peak < 5 * 64, peak


@pytest.mark.parametrize("how", ["Ctrl-C", "stop_training", "SIGUSR1"])
def test_a_long_call_ends_with_the_batch_that_is_under_way(monkeypatch, how):
    """One call is all of the epoch here: it looks for its end before each batch."""
    monkeypatch.setattr(runs, "LONGEST_SECONDS", 600.0)
    monkeypatch.setattr(runs, "WAITED_SECONDS", 0.0)
    model = kerata.Sequential([kerata.Input((600,)), *(kerata.layers.Dense(600) for _ in range(8)), kerata.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.zeros((8_000, 600), np.float32)
    model.fit(x[:64], x[:64, :1], batch_size=8, verbose=0)
    asked = []

    def ask(array):
        if not asked:
            asked.append(True)
            if how == "stop_training":
                model.stop_training = True
            else:
                os.kill(os.getpid(), signal.SIGINT if how == "Ctrl-C" else signal.SIGUSR1)
        return is_ready(array)

    monkeypatch.setattr(runs, "is_ready", ask)
    # What is started in the background may have Ctrl-C ignored.
    handlers = {signal.SIGUSR1: lambda *_: None, signal.SIGINT: signal.default_int_handler}
    old = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        with pytest.raises(KeyboardInterrupt) if how == "Ctrl-C" else contextlib.nullcontext():
            model.fit(x, x[:, :1], batch_size=8, verbose=0)
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
    done = int(model.optimizer.iterations) - 8
    assert asked and all(np.isfinite(w).all() for w in model.get_weights())
    # A signal that nobody takes for an end ends nothing.
    assert done == 1000 if how == "SIGUSR1" else 0 <= done < 1000


def test_cursors_have_their_stop_where_a_program_looks_for_it():
    cursor = program.make_cursor([3, 1, 5, 100, 1, 0, 1])
    assert cursor.ctypes.data % 64 == 0 and cursor[:7].tolist() == [3, 1, 5, 100, 1, 0, 1]
    assert [int(program.stop_at(jnp.asarray(cursor), jnp.int32(i))) for i in range(20)] == [5] * 20
    program.halt(cursor)
    assert [int(program.stop_at(jnp.asarray(cursor), jnp.int32(i))) for i in range(20)] == [0] * 20
    assert cursor[2] == 5


def outcome_of(library, hook, group):
    stop = type(
        "Stop", (library.callbacks.Callback,), {hook: lambda self, *_, **__: setattr(self.model, "stop_training", True)}
    )
    model = library.Sequential([library.Input((2,)), library.layers.Dense(1)])
    model.compile("sgd", "mse", steps_per_execution=group)
    x = np.ones((12, 2), "float32")
    history = model.fit(x, x[:, :1], batch_size=4, epochs=3, verbose=0, callbacks=[stop()]).history
    return int(model.optimizer.iterations), len(history["loss"])


@pytest.mark.parametrize("group", [1, 2])
@pytest.mark.parametrize("hook", ["on_train_begin", "on_epoch_begin", "on_train_batch_begin", "on_train_batch_end"])
def test_whoever_stops_before_the_first_batch_gets_that_one(hook, group):
    assert outcome_of(kerata, hook, group) == outcome_of(keras, hook, group) == (group, 1)


def test_compile_keeps_the_losses_and_measures_of_before():
    def histories(library):
        model = library.Sequential([library.Input((2,)), library.layers.Dense(1, kernel_initializer="ones")])
        x, y = np.ones((6, 2), "float32"), np.ones((6, 1), "float32")

        def fit(*args, **kwargs):
            model.compile(*args, **kwargs)
            return model.fit(x, y, verbose=0).history

        made = [fit("sgd", "mse", metrics=["mse"], loss_weights=0.5), fit("sgd"), fit("adam", "mae"), fit("sgd", metrics=[])]
        return [*made, fit("sgd", weighted_metrics=["mae"]), fit("sgd", loss_weights=3.0)]

    ours, theirs = histories(kerata), histories(keras)
    assert [list(one) for one in ours] == [list(one) for one in theirs]
    for one, other in zip(ours, theirs, strict=True):
        for name, value in one.items():
            assert value == pytest.approx(other[name], rel=1e-5)


def test_old_models_are_compiled_anew():
    from kerata.legacy import tfkeras2

    model = tfkeras2.Sequential([tfkeras2.layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse", metrics=["mae"])
    model.compile("sgd", "mse")
    x = np.ones((4, 2), "float32")
    assert list(model.fit(x, x[:, :1], verbose=0).history) == ["loss"]
