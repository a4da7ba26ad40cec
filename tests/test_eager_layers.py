"""Layers that loop over steps, called outside of programs: compiled once, with all that a call does beside its output."""

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

import kerata
from kerata.engine.program import counts

X = np.random.default_rng(0).normal(size=(4, 5, 3)).astype("float32")

LAYERS = {
    "LSTM": lambda k: k.layers.LSTM(4),
    "GRU": lambda k: k.layers.GRU(4, return_sequences=True),
    "SimpleRNN": lambda k: k.layers.SimpleRNN(4, go_backwards=True),
    "RNN": lambda k: k.layers.RNN(k.layers.LSTMCell(4)),
    "Bidirectional": lambda k: k.layers.Bidirectional(k.layers.LSTM(4)),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_calls_compile_once_for_all_layers_of_a_structure(kind):
    first = LAYERS[kind](kerata)(X)
    before, memory = counts["compiled"], resident()
    for _ in range(10):
        layer = LAYERS[kind](kerata)
        assert layer(X).shape == first.shape
        layer(X)
    assert counts["compiled"] == before
    # A compiled loop takes about two megabytes.
    assert resident() - memory < 15


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6


@pytest.mark.parametrize("kind", LAYERS)
def test_calls_give_what_keras_and_programs_give(kind):
    layer, oracle = LAYERS[kind](kerata), LAYERS[kind](keras)
    layer(X), oracle(X)
    oracle.set_weights(layer.get_weights())
    np.testing.assert_allclose(layer(X), oracle(X), rtol=1e-4, atol=1e-5)
    i = kerata.Input((5, 3))
    np.testing.assert_allclose(layer(X), kerata.Model(i, layer(i)).predict(X, verbose=0), rtol=1e-5, atol=1e-6)


def test_other_weights_and_numbers_need_no_other_program():
    layer = kerata.layers.LSTM(4)
    first, before = layer(X), counts["compiled"]
    layer.set_weights([w * 2 for w in layer.get_weights()])
    assert not np.allclose(first, layer(X))
    assert counts["compiled"] == before


def test_masks_and_states_that_are_given():
    layer = kerata.layers.LSTM(4, return_state=True)
    mask = np.array([[True, True, False, False, False]] * 4)
    whole, masked = layer(X, mask=mask), layer(X[:, :2])
    for a, b in zip(whole, masked, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    states = [np.ones((4, 4), "float32")] * 2
    assert not np.allclose(layer(X, initial_state=states)[0], layer(X)[0])


def test_kept_states_go_on():
    layer = kerata.layers.LSTM(4, stateful=True)
    first, second = layer(X), layer(X)
    assert not np.allclose(first, second)
    layer.reset_state()
    np.testing.assert_allclose(layer(X), first, rtol=1e-6)


def test_dropout_differs_from_call_to_call():
    layer = kerata.layers.LSTM(4, dropout=0.5)
    first, second = layer(X, training=True), layer(X, training=True)
    assert not np.allclose(first, second)
    np.testing.assert_array_equal(layer(X), layer(X))


def test_losses_that_a_cell_adds():
    class Cell(kerata.layers.Layer):
        state_size = 3

        def call(self, x, states, training=False):
            return x + states[0], [x + states[0]]

    class Penalized(kerata.layers.RNN):
        def call(self, x, **kwargs):
            self.add_loss(jnp.sum(x))
            return super().call(x, **kwargs)

    layer = Penalized(Cell())
    np.testing.assert_allclose(layer(X), X.sum(1), rtol=1e-4, atol=1e-5)
    assert float(layer.losses[0]) == pytest.approx(X.sum(), rel=1e-4)


def test_gradients_go_through_a_call():
    layer = kerata.layers.GRU(2)
    layer(X)
    found = jax.grad(lambda x: jnp.sum(layer(x)))(jnp.asarray(X))
    step = np.zeros_like(X)
    step[0, 0, 0] = 1e-2
    expected = (float(jnp.sum(layer(X + step))) - float(jnp.sum(layer(X - step)))) / 2e-2
    assert float(found[0, 0, 0]) == pytest.approx(expected, rel=1e-2, abs=1e-4)


def test_a_change_of_a_layer_is_seen():
    layer = kerata.layers.SimpleRNN(4)
    first = layer(X)
    layer.go_backwards = True
    np.testing.assert_allclose(layer(X[:, ::-1]), first, rtol=1e-5, atol=1e-6)


def test_half_precision():
    layer = kerata.layers.LSTM(4, dtype="mixed_float16")
    full = kerata.layers.LSTM(4)
    full(X), layer(X)
    layer.set_weights(full.get_weights())
    assert layer(X).dtype == "float16"
    np.testing.assert_allclose(layer(X), full(X), atol=5e-3)


PICTURES = jnp.asarray(np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype("float32"))
CHANCES = jnp.asarray(np.random.default_rng(0).uniform(size=(2, 6, 4)).astype("float32"))
LABELS, TWO, SIX = jnp.asarray([[1, 2], [2, 1]]), jnp.asarray([2, 2]), jnp.asarray([6, 6])
CALLS = {
    "GroupNormalization": lambda: kerata.layers.GroupNormalization(1),
    "LayerNormalization": lambda: kerata.layers.LayerNormalization(axis=(1, 2)),
    "BatchNormalization": lambda: kerata.layers.BatchNormalization(),
    "Dropout": lambda: kerata.layers.Dropout(0.5),
    "ctc_loss": lambda: lambda x, training: kerata.ops.ctc_loss(LABELS, CHANCES, TWO, SIX),
    "ctc_decode": lambda: lambda x, training: kerata.ops.ctc_decode(CHANCES, SIX, strategy="beam_search"),
}


@pytest.mark.parametrize("kind", CALLS)
def test_what_is_called_again_is_not_compiled_again(kind):
    called = CALLS[kind]()
    for _ in range(3):
        called(PICTURES, training=True)
    compiled = []

    def listen(event, seconds, **_):
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append(seconds)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        called(PICTURES, training=True)
        assert not compiled
        jax.jit(lambda x: x + 1)(1.0)
        assert compiled
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


@pytest.mark.parametrize("name", ["normal", "uniform", "truncated_normal"])
def test_draws_outside_of_programs_are_those_within(name):
    draw = getattr(kerata.kernels.random, name)
    key = kerata.kernels.random.from_seed(3)
    within = jax.jit(lambda key: draw(key, (5, 4)))(key)
    np.testing.assert_allclose(draw(key, (5, 4)), within, rtol=1e-6, atol=1e-7)
