"""Recurrent layers and wrappers against real Keras: same weights and inputs, same outputs, states and gradients."""

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

import kerata

RNG = np.random.default_rng(0)
SHAPE = (3, 6, 4)
MASK = np.array([[1, 1, 1, 1, 0, 0], [0, 1, 1, 0, 1, 1], [1, 1, 1, 1, 1, 1]], bool)

# (layer, arguments, masked)
CASES = [
    ("SimpleRNN", {}, False),
    ("SimpleRNN", {"activation": "relu", "return_sequences": True}, True),
    ("SimpleRNN", {"activation": "softsign", "return_state": True, "use_bias": False}, True),
    ("LSTM", {}, False),
    ("LSTM", {"return_sequences": True}, False),
    ("LSTM", {"return_state": True}, True),
    ("LSTM", {"return_sequences": True, "go_backwards": True}, True),
    ("LSTM", {"return_sequences": True, "return_state": True, "zero_output_for_mask": True}, True),
    ("LSTM", {"recurrent_activation": "hard_sigmoid", "unit_forget_bias": False}, False),
    ("LSTM", {"activation": "softplus", "recurrent_activation": "tanh", "return_sequences": True}, True),
    ("LSTM", {"use_bias": False, "unroll": True}, False),
    ("GRU", {}, False),
    ("GRU", {"return_sequences": True, "return_state": True}, True),
    ("GRU", {"reset_after": False}, False),
    ("GRU", {"reset_after": False, "return_sequences": True, "go_backwards": True}, True),
    ("GRU", {"activation": "relu"}, True),
    ("GRU", {"use_bias": False, "recurrent_activation": "hard_sigmoid"}, False),
]
BIDIRECTIONAL = [
    ("LSTM", {"return_sequences": True}, {"merge_mode": "concat"}, False),
    ("LSTM", {"return_sequences": True}, {"merge_mode": "sum"}, True),
    ("GRU", {}, {"merge_mode": "ave"}, True),
    ("GRU", {"return_state": True}, {"merge_mode": "mul"}, False),
    ("LSTM", {"return_sequences": True, "return_state": True}, {"merge_mode": None}, False),
]


def compare(ours, theirs, x, mask=None, **options):
    """Same weights, then outputs and gradients of a random combination of all outputs."""
    theirs.build(x.shape)
    ours.build(x.shape)
    weights = [RNG.standard_normal(w.shape, np.float32) * 0.5 for w in theirs.get_weights()]
    assert [w.shape for w in ours.get_weights()] == [w.shape for w in weights]
    options = {**options, **({} if mask is None else {"mask": mask})}

    def run(layer):
        def loss(weights, x):
            split = len(layer.trainable_variables)
            extra = [jnp.asarray(v) for v in layer.non_trainable_variables]
            outputs = layer.stateless_call(weights[:split], extra, x, **options)[0]
            leaves = jax.tree.leaves(outputs)
            factors = [np.cos(np.arange(leaf.size, dtype=np.float32)).reshape(leaf.shape) for leaf in leaves]
            return sum(jnp.sum(leaf * f) for leaf, f in zip(leaves, factors, strict=True)), leaves

        (_, outputs), grads = jax.jit(jax.value_and_grad(loss, argnums=(0, 1), has_aux=True))(weights, x)
        return [*outputs, *jax.tree.leaves(grads)]

    for mine, other in zip(run(ours), run(theirs), strict=True):
        np.testing.assert_allclose(mine, other, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize(("name", "arguments", "masked"), CASES, ids=str)
def test_equals_keras(name, arguments, masked):
    ours, theirs = (getattr(k.layers, name)(5, **arguments) for k in (kerata, keras))
    compare(ours, theirs, RNG.standard_normal(SHAPE, np.float32), MASK if masked else None)


@pytest.mark.parametrize(("name", "arguments", "masked"), CASES, ids=str)
def test_config_equals_keras(name, arguments, masked):
    mine, other = (getattr(k.layers, name)(5, **arguments).get_config() for k in (kerata, keras))
    for config in (mine, other):
        config.pop("name")
        config.pop("seed", None)
    plain = kerata.saving.serialize_keras_object
    assert plain(mine) == plain(other)


@pytest.mark.parametrize(("name", "arguments", "outer", "masked"), BIDIRECTIONAL, ids=str)
def test_bidirectional_equals_keras(name, arguments, outer, masked):
    ours, theirs = (k.layers.Bidirectional(getattr(k.layers, name)(5, **arguments), **outer) for k in (kerata, keras))
    compare(ours, theirs, RNG.standard_normal(SHAPE, np.float32), MASK if masked else None)


@pytest.mark.parametrize("name", ["LSTM", "GRU", "SimpleRNN"])
def test_initial_states_equal_keras(name):
    states = [RNG.standard_normal((3, 5), np.float32) for _ in range(2 if name == "LSTM" else 1)]
    ours, theirs = (getattr(k.layers, name)(5, return_sequences=True) for k in (kerata, keras))
    compare(ours, theirs, RNG.standard_normal(SHAPE, np.float32), initial_state=states)


def test_stacked_cells_equal_keras():
    def make(k):
        return k.layers.RNN([k.layers.LSTMCell(5), k.layers.GRUCell(3), k.layers.SimpleRNNCell(4)], return_sequences=True)

    compare(make(kerata), make(keras), RNG.standard_normal(SHAPE, np.float32))


@pytest.mark.parametrize("inner", ["Dense", "Conv1D"])
def test_time_distributed_equals_keras(inner):
    shape = (2, 5, 4) if inner == "Dense" else (2, 5, 6, 4)
    arguments = (3,) if inner == "Dense" else (3, 2)
    ours, theirs = (k.layers.TimeDistributed(getattr(k.layers, inner)(*arguments)) for k in (kerata, keras))
    compare(ours, theirs, RNG.standard_normal(shape, np.float32))


@pytest.mark.parametrize("name", ["LSTM", "GRU", "SimpleRNN"])
def test_a_stateful_layer_goes_on_where_it_ended(name):
    x = RNG.standard_normal((2, 8, 4), np.float32)
    plain = getattr(kerata.layers, name)(5, return_sequences=True)
    whole = plain(x)
    kept = getattr(kerata.layers, name)(5, return_sequences=True, stateful=True)
    kept(x[:, :3])
    kept.reset_state()
    kept.set_weights(plain.get_weights())
    halves = np.concatenate([kept(x[:, :3]), kept(x[:, 3:])], axis=1)
    np.testing.assert_allclose(halves, whole, rtol=1e-5, atol=1e-6)


def test_a_persons_own_cell():
    class Minimal(kerata.layers.Layer):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = self.state_size = units

        def build(self, input_shape):
            self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")
            self.recurrent = self.add_weight(shape=(self.units, self.units), name="recurrent")

        def call(self, inputs, states):
            output = jnp.matmul(inputs, self.kernel) + jnp.matmul(states[0], self.recurrent)
            return output, [output]

    x = RNG.standard_normal(SHAPE, np.float32)
    layer = kerata.layers.RNN(Minimal(5), return_sequences=True)
    outputs = np.asarray(layer(x))
    kernel, recurrent = layer.get_weights()
    h = np.zeros((3, 5), np.float32)
    for t in range(SHAPE[1]):
        h = x[:, t] @ kernel + h @ recurrent
        np.testing.assert_allclose(outputs[:, t], h, rtol=1e-4, atol=1e-5)


def test_dropout_masks_are_constant_over_the_steps():
    layer = kerata.layers.SimpleRNN(
        64,
        activation="linear",
        dropout=0.5,
        return_sequences=True,
        recurrent_initializer="zeros",
        kernel_initializer="identity",
    )
    y = np.asarray(layer(np.ones((2, 6, 64), np.float32), training=True))
    assert set(np.unique(y)) == {0.0, 2.0}
    assert (y == y[:, :1]).all()
    assert 0.3 < (y == 0).mean() < 0.7
    np.testing.assert_array_equal(layer(np.ones((1, 2, 64), np.float32)), np.ones((1, 2, 64)))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: kerata.layers.LSTM(0), "`units` must be a positive integer"),
        (lambda: kerata.layers.LSTM(3, dropout=1.5), "`dropout` must be a number between 0"),
        (lambda: kerata.layers.LSTM(3)(np.ones((2, 3))), "expected an input with 3 dimensions"),
        (lambda: kerata.layers.RNN(3), "`cell` must have `call"),
        (lambda: kerata.layers.LSTM(3, stateful=True)(kerata.Input((4, 2))), "needs a fixed batch size"),
        (lambda: kerata.layers.Bidirectional(kerata.layers.Dense(2)), "must be a recurrent layer"),
        (lambda: kerata.layers.Bidirectional(kerata.layers.LSTM(2), merge_mode="add"), "`merge_mode` must be one of"),
        (lambda: kerata.layers.LSTM(3)(np.ones((2, 3, 4)), initial_state=[np.ones((2, 3))]), "must hold 2 states"),
    ],
)
def test_messages(make, words):
    with pytest.raises((ValueError, TypeError), match=words.replace("(", r"\(")):
        make()
