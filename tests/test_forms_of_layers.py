"""Layers by the forms in which programs address them: arguments by name, attributes, states, types of errors."""

import inspect

import numpy as np
import pytest

import kerata
from kerata import layers

X = np.arange(24.0, dtype="float32").reshape(2, 3, 4) / 24


class Doubling(layers.Dropout):
    def build(self, input_shape):
        self.factor = self.add_weight((), "ones", name="factor")


@pytest.mark.parametrize(
    "layer",
    [layers.Dropout(0.5), layers.MaxPooling2D(), layers.Activation("relu"), layers.Flatten(), layers.SpatialDropout1D(0.1)],
    ids=lambda layer: layer.name,
)
def test_layers_without_weights_are_built(layer):
    assert layer.built


@pytest.mark.parametrize(
    "layer", [layers.Dense(2), layers.BatchNormalization(), Doubling(0.5), kerata.Sequential()], ids=lambda layer: layer.name
)
def test_layers_with_something_to_build_are_not(layer):
    assert not layer.built


def test_a_subclass_builds_its_own_weights():
    layer = Doubling(0.5)
    layer(X)
    assert layer.built and len(layer.weights) == 1


MASK = np.array([[True, True, False], [True, False, False]])


@pytest.mark.parametrize(
    ("layer", "inputs", "mask", "expected"),
    [
        (layers.Attention(), [X, X], [MASK, MASK], MASK),
        (layers.Add(), [X, X], [MASK, MASK], MASK),
        (layers.LSTM(2, return_sequences=True), X, MASK, MASK),
        (layers.Bidirectional(layers.GRU(2)), X, MASK, None),
        (layers.Embedding(5, 2, mask_zero=True), np.array([[1, 0]]), None, [[True, False]]),
        (layers.Masking(), np.array([[[1.0], [0.0]]]), None, [[True, False]]),
        (layers.GlobalAveragePooling1D(), X, MASK, None),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_compute_mask_takes_its_arguments_by_name(layer, inputs, mask, expected):
    # As in Keras, where that of recurrent layers is called `_`.
    first = next(name for name in inspect.signature(layer.compute_mask).parameters)
    found = layer.compute_mask(**{first: inputs}, mask=mask)
    assert found is None if expected is None else np.array_equal(found, expected)


def test_masks_of_inputs_given_by_name_go_on():
    embedded = layers.Embedding(5, 4, mask_zero=True)(np.array([[1, 2, 0], [3, 0, 0]]))
    output = layers.MultiHeadAttention(num_heads=2, key_dim=2)(query=embedded, value=X)
    recurrent = layers.LSTM(2, return_sequences=True)
    pooled = layers.GlobalAveragePooling1D()(inputs=output)
    np.testing.assert_allclose(pooled[1], np.asarray(output)[1, 0], rtol=1e-5)  # the only step that counts
    assert recurrent(sequences=embedded).shape == (2, 3, 2)


@pytest.mark.parametrize(
    "layer",
    [
        layers.Dense(2, "relu"),
        layers.Conv1D(2, 1, activation="relu"),
        layers.DepthwiseConv1D(1, activation="relu"),
        layers.EinsumDense("abc,cd->abd", (3, 2)),
        layers.Activation("relu"),
        layers.SimpleRNN(2),
    ],
    ids=lambda layer: layer.name,
)
def test_an_activation_can_be_taken_away(layer):
    layer(X)
    owner = getattr(layer, "cell", layer)
    for variable in layer.weights:
        variable.assign(np.full(variable.shape, -1.0))
    owner.activation = None
    assert np.min(layer(X - 0.1)) < -0.05 and np.asarray(layer(X)).max() <= 1.0
    assert np.abs(np.asarray(layer(10 * X))).max() > 1  # no tanh either


@pytest.mark.parametrize(
    "layer",
    [layers.SimpleRNN(2), layers.LSTM(2), layers.GRU(2), layers.RNN(layers.LSTMCell(2)), layers.Bidirectional(layers.LSTM(1))],
    ids=lambda layer: layer.name,
)
def test_output_shapes_of_sequences_by_name(layer):
    assert layer.compute_output_shape(sequences_shape=(7, 3, 4)) == (7, 2)


def test_states_of_stacked_cells_are_as_each_cell_has_them():
    layer = layers.RNN([layers.SimpleRNNCell(3), layers.LSTMCell(2)], return_state=True)
    output, first, second = layer(X)
    assert first.shape == (2, 3) and [state.shape for state in second] == [(2, 2), (2, 2)]
    np.testing.assert_allclose(output, second[0], rtol=1e-6)
    again = layer(X, initial_state=[first, second])
    nested = layer(X, initial_state=[[first], second])
    np.testing.assert_allclose(again[0], nested[0], rtol=1e-6)
    assert not np.allclose(again[0], output)


def test_time_distributed_says_the_type_of_the_layer_inside():
    layer = layers.TimeDistributed(layers.Dense(2, dtype="float32"), dtype="mixed_float16")
    symbolic = layer(kerata.Input((3, 4)))
    assert symbolic.dtype == str(layer(X).dtype) == "float32"


def test_copies_of_a_bidirectional_layer_keep_use_cudnn():
    assert layers.Bidirectional(layers.LSTM(2, use_cudnn=False)).forward_layer.use_cudnn is False


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.Dense("3"),
        lambda: layers.Dense(None),
        lambda: layers.Embedding(3.7, 2),
        lambda: layers.Wrapper("layer"),
        lambda: layers.LeakyReLU(None),
        lambda: kerata.Sequential().add({}),
        lambda: layers.Dense(2, unitz=3),
    ],
)
@pytest.mark.parametrize("kind", [TypeError, ValueError])
def test_values_of_the_wrong_kind_can_be_caught_as_in_keras(make, kind):
    with pytest.raises(kind):
        make()


def test_an_input_can_be_a_tensor_that_is_there():
    tensor = kerata.KerasTensor((2, 3), dtype="int32", name="there")
    layer = layers.InputLayer(input_tensor=tensor)
    assert layer.output is tensor and layer.batch_shape == (2, 3) and layer.dtype == "int32"
    assert kerata.Input(tensor=tensor) is tensor
    assert layer.call() is None


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"shape": (2,), "batch_shape": (1, 2)}, "cannot pass both `shape` and `batch_shape`"),
        ({"batch_size": 3, "batch_shape": (1, 2)}, "cannot pass both `batch_size` and `batch_shape`"),
        ({"shape": (2,), "sparse": True}, "`sparse=True` is not supported"),
        ({"shape": (4,), "input_tensor": kerata.KerasTensor((2, 3))}, "incompatible `shape`"),
        ({"batch_shape": (2, 4), "input_tensor": kerata.KerasTensor((2, 3))}, "incompatible `batch_shape`"),
        ({"dtype": "int32", "input_tensor": kerata.KerasTensor((2, 3))}, "incompatible `dtype`"),
        ({"input_tensor": np.zeros((2, 3))}, "must be a KerasTensor"),
    ],
)
def test_messages_about_inputs(arguments, text):
    with pytest.raises(ValueError, match=text):
        layers.InputLayer(**arguments)


def test_sizes_of_outputs_of_attention_are_whole_numbers():
    with pytest.raises(ValueError, match=r"Invalid `output_shape`.*output_shape=8\.0"):
        layers.MultiHeadAttention(2, 4, output_shape=8.0)


class Adding(layers.Layer):
    """A cell with one state, which it takes out of a list."""

    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        self.state_size = self.size = size

    def call(self, inputs, states):
        output = states[0] + inputs.sum(axis=-1, keepdims=True) * np.ones(self.size, "float32")
        return output, [output]


def test_cells_of_ones_own_in_a_stack_get_lists_of_states():
    output, first, second = layers.RNN([Adding(2), Adding(3)], return_state=True)(X)
    sums = np.cumsum(X.sum(-1), axis=1)  # of the first cell: (batch, steps)
    np.testing.assert_allclose(first, np.repeat(sums[:, -1:], 2, 1), rtol=1e-5)
    np.testing.assert_allclose(second, np.repeat(2 * sums.sum(1, keepdims=True), 3, 1), rtol=1e-5)
    np.testing.assert_allclose(output, second)


def test_weights_of_constructors_stand_under_their_layers():
    class Inner(layers.Layer):
        def __init__(self):
            super().__init__(name="inner")
            self.w = self.add_weight((1,), name="w")

    class Outer(layers.Layer):
        def build(self, input_shape):
            self.inner = Inner()
            self.v = self.add_weight((1,), name="v")

    outer = Outer(name="outer")
    outer.build((1,))
    assert Inner().w.path == "inner/w" and outer.v.path == "outer/v" and outer.inner.w.path == "outer/inner/w"
    with pytest.raises(ValueError, match=r"name as a keyword argument"):
        outer.add_weight("kernel")


def test_build_is_told_of_masks_that_it_asks_for():
    seen = []

    class Masked(layers.Layer):
        def build(self, inputs_shape, attention_mask_shape=None):
            seen.append(attention_mask_shape)

        def call(self, inputs, attention_mask=None):
            return inputs

    Masked()(X, attention_mask=np.ones((2, 3), bool))
    assert seen == [(2, 3)]


def test_masks_have_the_structure_of_the_inputs():
    seen = []

    class Two(layers.Layer):
        supports_masking = True

        def call(self, inputs, inputs_mask=None, mask=None):
            seen.append(mask if mask is not None else inputs_mask)
            return inputs[0]

    for kind in (list, tuple):
        Two()(kind(layers.Masking()(X) for _ in range(2)))
        assert type(seen[-1]) is kind and len(seen[-1]) == 2


@pytest.mark.parametrize("kind", [layers.Add, layers.Concatenate, layers.Maximum])
def test_masks_of_merging_layers_are_checked(kind):
    for inputs, mask, text in (
        (X, [MASK], "`inputs` should be a list"),
        ([X, X], MASK, "`mask` should be a list"),
        ([X, X], [MASK], "should have the same length"),
    ):
        with pytest.raises(ValueError, match=text):
            kind().compute_mask(inputs, mask)


def test_masks_of_attention_are_checked():
    for mask, text in ((MASK, "mask must be a list"), ([MASK], "list of length 2 or 3")):
        with pytest.raises(ValueError, match=text):
            layers.Attention()([X, X], mask=mask)


@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv1D(2, 5),
        layers.DepthwiseConv1D(5),
        layers.SeparableConv1D(2, 5),
        layers.Conv1D(2, 2, dilation_rate=3),
        layers.MaxPooling1D(5),
        layers.AveragePooling1D(5),
    ],
    ids=lambda layer: layer.name,
)
def test_windows_larger_than_arrays_are_refused_and_give_nothing_empty(layer):
    with pytest.raises(ValueError, match="Computed output size would be zero or negative"):
        layer(X)
    assert layer(np.ones((1, 9, 4), "float32")).shape[1] >= 1


def test_freezing_a_layer_freezes_its_weights_and_keeps_their_order():
    layer = layers.BatchNormalization()
    layer.build((None, 2))
    names = [weight.name for weight in layer.weights]
    layer.trainable = False
    assert not any(weight.trainable for weight in layer.weights)
    layer.trainable = True
    assert [weight.trainable for weight in layer.weights] == [True, True, False, False]
    layer.gamma.trainable = False
    assert [weight.name for weight in layer.weights] == names
    assert [weight.name for weight in layer.trainable_weights] == ["beta"]
    model = kerata.Sequential([kerata.Input((2,)), layers.Dense(2), layers.Dense(1)])
    model.layers[0].kernel.trainable = False
    before = model.get_weights()
    model.compile("sgd", "mse")
    model.fit(np.ones((2, 2)), np.ones((2, 1)), verbose=0)
    changed = [not np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True)]
    assert changed == [False, True, True, True]


@pytest.mark.parametrize(
    "layer", [layers.MultiHeadAttention(2, 2), layers.GroupQueryAttention(2, 4, 2)], ids=["all", "grouped"]
)
def test_shapes_of_values_and_keys_are_compared(layer):
    assert layer.compute_output_shape((2, 4, 8), (2, 3, 8), (2, 3, 7)) == (2, 4, 8)
    with pytest.raises(ValueError, match="but the last one must be equal"):
        layer.compute_output_shape((2, 4, 8), (2, 3, 8), (2, 1, 7))


def test_a_variable_takes_the_name_of_an_initializer():
    np.testing.assert_array_equal(kerata.Variable("ones", shape=(2,)).numpy(), [1, 1])
    assert kerata.Variable("he_normal", shape=(2, 3), dtype="float16").dtype == "float16"
    with pytest.raises(ValueError, match=r"unknown name for `initializer`.*Did you mean 'one' or 'ones'"):
        kerata.Variable("onse", shape=(2,))
    with pytest.raises(ValueError, match="`shape` is needed"):
        kerata.Variable("ones")


@pytest.mark.parametrize("kind", [layers.Dropout, layers.AlphaDropout, layers.GaussianDropout, layers.GaussianNoise])
def test_what_acts_in_training_takes_a_layer_of_several_outputs(kind):
    model = kerata.Sequential([layers.Bidirectional(layers.GRU(2, return_state=True)), kind(0.5)])
    outputs = model(X)
    assert [np.shape(output) for output in outputs] == [(2, 4), (2, 2), (2, 2)]
    direct = model.layers[0](X)
    assert all(np.allclose(a, b) for a, b in zip(outputs, direct, strict=True))
    changed = model(X, training=True)
    assert not any(np.allclose(a, b) for a, b in zip(changed, direct, strict=True))


def half(x):
    return x / 2


class Counting(layers.Layer):
    """A cell whose class has no name in the registry."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), initializer="ones")

    def call(self, inputs, states):
        states = kerata.ops.matmul(inputs, self.kernel) + states[0]
        return states, [states]


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.RNN(Counting(2)),
        lambda: layers.RNN([Counting(3), layers.GRUCell(2)]),
        lambda: layers.LSTM(2, activation=half),
        lambda: layers.LSTM(2, activation=lambda x: x / 2),
    ],
    ids=["cell", "cells", "function", "lambda"],
)
def test_both_directions_may_be_of_a_users_own_parts(make):
    x = np.random.default_rng(0).standard_normal((2, 3, 4)).astype("float32")
    both, forward, backward = layers.Bidirectional(make()), make(), make()
    found = both(x)
    forward(x), backward(x[:, ::-1])
    count = len(both.weights) // 2
    assert len({id(w) for w in both.weights}) == 2 * count == 2 * len(forward.weights)
    forward.set_weights(both.get_weights()[:count])
    backward.set_weights(both.get_weights()[count:])
    np.testing.assert_allclose(found, np.concatenate([forward(x), backward(x[:, ::-1])], -1), rtol=1e-6)


def test_a_last_batch_of_another_size_for_a_stateful_layer_says_what_fits():
    model = kerata.Sequential([kerata.Input(batch_shape=(4, 3, 1)), kerata.layers.LSTM(2, stateful=True)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"give batch_size=4, and 4, 8, 12, \.\.\. samples"):
        model.fit(np.ones((9, 3, 1)), np.ones((9, 2)), batch_size=4, verbose=0)
