"""What programs take: models that are gone take theirs along, programs make room for others, and loops are compiled once."""

import gc
import weakref

import jax
import numpy as np
import pytest

import kerata
from kerata import search
from kerata.base.memory import share_of_maps
from kerata.engine import program, room
from kerata.layers import GRU, LSTM, RNN, Bidirectional, ConvLSTM1D, Dense, Dropout, Layer, Reshape

rng = np.random.default_rng(0)
X, Y = rng.random((12, 6), np.float32), rng.random((12, 1), np.float32)


class Own(kerata.Model):
    def __init__(self):
        super().__init__()
        self.first, self.drop, self.last = Dense(3), Dropout(0.1), Dense(1)

    def call(self, x, training=None):
        return self.last(self.drop(self.first(x), training=training))


class OwnBuild(Own):
    def build(self, shape):
        self.scale = self.add_weight(shape=(), initializer="ones")

    def call(self, x, training=None):
        return super().call(x, training) * self.scale


class OwnLoss(Own):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return kerata.ops.mean((y - y_pred) ** 2)


def around(layer):
    inputs = kerata.Input((6,))
    return kerata.Model(inputs, Dense(1)(layer(inputs)))


MODELS = {
    "sequential": lambda: kerata.Sequential([Dense(3), Dense(1)]),
    "functional": lambda: around(Dense(3)),
    "recurrent": lambda: kerata.Sequential([Reshape((3, 2)), Bidirectional(LSTM(2)), Dense(1)]),
    "own": Own,
    "own build": OwnBuild,
    "own loss": OwnLoss,
    "nested": lambda: around(Own()),
}


def on_batch(model):
    for _ in range(4):
        model.train_on_batch(X, Y)
        model.test_on_batch(X, Y)
        model.predict_on_batch(X)


def eagerly(model):
    model.compile("adam", "mse", run_eagerly=True)
    model.fit(X, Y, verbose=0)


USES = {
    "fit": lambda model: model.fit(X, Y, epochs=2, batch_size=5, verbose=0),
    "looks": lambda model: (model.evaluate(X, Y, verbose=0), model.predict(X, verbose=0), model.summary(print_fn=str)),
    "on batch": on_batch,
    "folds": lambda model: (model(X), search.cross_validate(model, X, Y, cv=2, verbose=0)),
    "eagerly": eagerly,
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("name", MODELS)
def test_a_model_that_is_gone_takes_what_it_holds_along(name, use):
    model = MODELS[name]()
    model.compile("adam", "mse", metrics=["mae"])
    seen = weakref.ref(model), weakref.ref(model.optimizer)
    USES[use](model)
    del model
    gc.collect()
    assert [one() for one in seen] == [None, None]


def test_a_class_of_ones_own_takes_what_it_closes_over_along():
    def make():
        table = jax.numpy.asarray(X[0])

        class Scaled(Layer):
            def call(self, x):
                return x * table

        model = around(Scaled())
        model.compile("sgd", "mse")
        model.fit(X, Y, verbose=0)
        search.cross_validate(model, X, Y, cv=2, verbose=0)
        return weakref.ref(Scaled), weakref.ref(table)

    seen = make()
    gc.collect()
    assert [one() for one in seen] == [None, None]


@pytest.mark.skipif(not share_of_maps(), reason="the system does not count maps of memory")
def test_maps_are_counted():
    with open("/proc/self/maps") as file, open("/proc/sys/vm/max_map_count") as most:
        assert share_of_maps() == pytest.approx(len(file.readlines()) / int(most.read()), rel=0.05)


@pytest.mark.parametrize("helps", (0, 1, 2))
def test_programs_make_room_for_others(monkeypatch, helps):
    """`helps`: after how many of the two steps of forgetting there is room."""
    first, second = (kerata.Sequential([kerata.Input((6,)), Dense(units, name="one"), Dense(1)]) for units in (3, 4))
    first.compile("sgd", "mse")
    second.compile("sgd", "mse")
    first.fit(X, Y, verbose=0)
    before = first.predict(X, verbose=0)
    forgotten, left = [], []

    def forget(whole):
        before = len(program._by_text)
        program._forget_some(whole)
        forgotten.append(whole)
        left.append((before, len(program._by_text)))

    monkeypatch.setattr(room, "share_of_maps", lambda: 0.1 if len(forgotten) >= helps else 0.9)
    making = room.Room(forget)
    monkeypatch.setattr(room, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(program, "_room", making)
    second.fit(X, Y, verbose=0)
    compilation = first._compilation
    assert forgotten == [False, True][:helps]
    assert all(bool(one.programs) == (helps == 0) for one in compilation.prepared.values())
    assert all(after == (0 if whole else before - before // 2) for whole, (before, after) in zip(forgotten, left, strict=True))
    # And all goes on as it was.
    np.testing.assert_array_equal(first.predict(X, verbose=0), before)
    assert first.fit(X, Y, verbose=0).history["loss"][0] < 10


def test_what_others_hold_is_not_dropped_again_and_again(monkeypatch):
    shares, forgotten = [0.6, 0.58, 0.57, 0.57, 0.6, 0.68, 0.4, 0.4], []
    monkeypatch.setattr(room, "share_of_maps", lambda: shares.pop(0))
    making = room.Room(forgotten.append)
    making.after(0.4)
    assert not forgotten
    making.after(0.2)
    assert forgotten == [False, True]
    assert making.most == pytest.approx(0.67)
    making.after(1.0)
    assert forgotten == [False, True]
    making.after(1.0)
    assert forgotten == [False, True, False]
    assert not shares
    assert making.most == pytest.approx(0.5)


class Cell(Layer):
    """A simple cell of a user's own, which looks at its numbers where there are any."""

    def __init__(self, units):
        super().__init__()
        self.units = self.state_size = units
        self.seen = []

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], self.units))
        self.recurrent = self.add_weight(shape=(self.units, self.units))

    def call(self, x, states):
        if not isinstance(jax.lax.stop_gradient(x), jax.core.Tracer):
            self.seen.append(float(x[0, 0]))
        h = kerata.ops.tanh(x @ self.kernel + states[0] @ self.recurrent)
        return h, [h]


LOOPS = {
    "lstm": lambda: LSTM(2),
    "gru of another activation": lambda: GRU(2, activation="relu", recurrent_dropout=0.2),
    "bidirectional": lambda: Bidirectional(GRU(2)),
    "own cell": lambda: RNN(Cell(2), return_sequences=True),
    "own cell backwards": lambda: RNN(Cell(2), go_backwards=True, zero_output_for_mask=True),
    "pictures": lambda: kerata.Sequential([Reshape((3, 2, 1)), ConvLSTM1D(2, 2)]),
}


@pytest.fixture
def compiled():
    """How often something was compiled."""
    count = [0]

    def listen(event, seconds, **more):
        count[0] += event == "/jax/core/compile/backend_compile_duration"

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield count
    jax.monitoring.unregister_event_duration_listener(listen)


def recurrent(name, eagerly):
    kerata.utils.set_random_seed(1)
    masked = [] if name == "pictures" else [kerata.layers.Masking()]
    layers = [kerata.Input((6,)), Reshape((3, 2)), *masked, LOOPS[name](), kerata.layers.Flatten(), Dense(1)]
    model = kerata.Sequential(layers)
    model.compile("adam", "mse", run_eagerly=eagerly)
    return model


@pytest.mark.parametrize("name", LOOPS)
def test_loops_over_steps_are_compiled_once_where_training_runs_as_python(name, compiled):
    x = np.where(np.arange(6) < 2, 0, X).astype(np.float32)
    found = []
    for eagerly in (True, False):
        model = recurrent(name, eagerly)
        history = model.fit(x, Y, epochs=2, batch_size=4, verbose=0).history["loss"]
        before = compiled[0]
        history += model.fit(x, Y, epochs=2, batch_size=4, verbose=0).history["loss"]
        assert compiled[0] == before
        found.append(history)
    np.testing.assert_allclose(*found, rtol=1e-6)


def test_a_cell_of_ones_own_sees_numbers_where_training_runs_as_python():
    model = recurrent("own cell", True)
    cell = model.layers[-3].cell
    model.fit(X[:1], Y[:1], verbose=0)
    assert cell.seen == pytest.approx(X[0, [0, 2, 4]].tolist())


@pytest.mark.parametrize("name", ("lstm", "bidirectional"))
def test_the_gradient_of_a_loop_is_compiled_once_outside_of_programs(name, compiled):
    model = recurrent(name, False)
    fixed = [v.value for v in model.non_trainable_variables]
    derive = jax.grad(lambda values: model.stateless_call(values, fixed, X[:4])[0].sum())
    values = [v.value for v in model.trainable_variables]
    derive(values), derive(values)
    before = compiled[0]
    derive(values)
    assert compiled[0] == before
