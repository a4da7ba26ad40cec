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


PICTURES = {1: (3, 6, 5, 2), 2: (3, 6, 4, 5, 2), 3: (3, 6, 3, 3, 2, 2)}
CONVOLUTIONAL = [
    (1, {"kernel_size": 3}),
    (1, {"kernel_size": 2, "padding": "same", "return_sequences": True, "go_backwards": True}),
    (2, {"kernel_size": (2, 3), "return_state": True, "activation": "relu", "unit_forget_bias": False}),
    (2, {"kernel_size": 2, "strides": 2, "padding": "same", "return_sequences": True}),
    (2, {"kernel_size": 2, "dilation_rate": 2, "recurrent_activation": "hard_sigmoid", "use_bias": False}),
    (2, {"kernel_size": 2, "data_format": "channels_first", "return_sequences": True}),
    (3, {"kernel_size": 2}),
]


@pytest.mark.parametrize(("rank", "arguments"), CONVOLUTIONAL, ids=str)
def test_convolutional_layers_equal_keras(rank, arguments):
    ours, theirs = (getattr(k.layers, f"ConvLSTM{rank}D")(3, **arguments) for k in (kerata, keras))
    shape = PICTURES[rank]
    compare(ours, theirs, RNG.standard_normal(shape, np.float32))
    found, right = (layer.compute_output_shape((None, *shape[1:])) for layer in (ours, theirs))
    assert jax.tree.leaves(found) == jax.tree.leaves(right)
    mine, other = (kerata.saving.serialize_keras_object(layer.get_config()) for layer in (ours, theirs))
    for config in (mine, other):
        config.pop("name")
    assert mine == other
    assert type(ours).from_config(ours.get_config()).get_config() == ours.get_config()


def test_masked_pictures_are_passed_over():
    """A mask counts for whole samples; Keras lays it over rows of pixels."""
    x = RNG.standard_normal((2, 5, 4, 4, 1), np.float32)
    layer = kerata.layers.ConvLSTM2D(2, 2, return_state=True)
    masked = layer(x, mask=np.array([[1, 1, 1, 0, 0], [0, 1, 0, 1, 1]], bool))
    for sample, kept in ((0, [0, 1, 2]), (1, [1, 3, 4])):
        for mine, right in zip(masked, layer(x[sample : sample + 1, kept]), strict=True):
            np.testing.assert_allclose(mine[sample], right[0], rtol=1e-5, atol=1e-6)


def test_states_of_pictures_are_kept_and_reset():
    x = RNG.standard_normal((2, 3, 4, 4, 1), np.float32)
    ours, theirs = (
        k.Sequential([k.Input(batch_shape=x.shape), k.layers.ConvLSTM2D(2, 2, stateful=True, padding="same")])
        for k in (kerata, keras)
    )
    ours.set_weights(theirs.get_weights())
    first, second = ours.predict(x, verbose=0), ours.predict(x, verbose=0)
    theirs.layers[0].reset_state()
    np.testing.assert_allclose(first, theirs(x), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(second, theirs(x), rtol=1e-4, atol=1e-5)
    ours.layers[0].reset_state()
    np.testing.assert_allclose(ours.predict(x, verbose=0), first, rtol=1e-5, atol=1e-6)


def test_dropped_pixels_stay_dropped_over_a_sequence():
    layer = kerata.layers.ConvLSTM2D(
        1,
        1,
        dropout=0.5,
        use_bias=False,
        activation="linear",
        recurrent_activation=lambda v: 0 * v + 1,
        seed=3,
        kernel_initializer="ones",
        recurrent_initializer="zeros",
        return_sequences=True,
    )
    steps = np.asarray(layer(np.ones((1, 4, 8, 8, 1), "float32"), training=True))[0, ..., 0]
    assert set(np.unique(steps[0])) == {0.0, 2.0}
    for number, step in enumerate(steps):
        np.testing.assert_allclose(step, (number + 1) * steps[0], rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"filters": 0, "kernel_size": 2}, "`filters` must be a positive integer"),
        ({"filters": 2, "kernel_size": 2, "padding": "causal"}, "padding"),
        ({"filters": 2, "kernel_size": 2, "strides": 2, "dilation_rate": 2}, "one of `strides` and `dilation_rate` must be 1"),
    ],
)
def test_convolutional_layers_say_what_is_wrong(arguments, words):
    with pytest.raises(ValueError, match=words):
        kerata.layers.ConvLSTM2D(**arguments)
    with pytest.raises(ValueError, match="must have a known size"):
        kerata.layers.ConvLSTM2D(2, 2)(kerata.Input((3, None, 4, 1)))
