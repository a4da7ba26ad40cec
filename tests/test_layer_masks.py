"""Masks on their way through layers, against real Keras: what comes out, and what a recurrent layer after it skips."""

import keras
import numpy as np
import pytest

import kerata
from kerata import layers

RNG = np.random.default_rng(0)
A, B = RNG.standard_normal((2, 4, 5, 3)).astype(np.float32)
A[1, 3:], A[2, 1:], A[0, 2], B[1, 2:], B[3, 4:] = 0, 0, 0, 0, 0
NEST = RNG.integers(1, 6, (3, 4, 5)) * (RNG.random((3, 4, 5)) < 0.6)


def same_predictions(make, *data, training=False):
    ours, theirs = make(kerata), make(keras)
    ours.set_weights(theirs.get_weights())
    results = [[np.asarray(y) for y in model(list(data), training=training)] for model in (ours, theirs)]
    for mine, other in zip(*results, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("layer", ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"])
def test_merging_combines_masks(layer):
    def make(k):
        inputs = [k.Input((5, 3)), k.Input((5, 3))]
        a, b = (k.layers.Masking()(i) for i in inputs)
        outputs = []
        for pair in ([a, b], [a, inputs[1]], [inputs[0], b]):
            merged = getattr(k.layers, layer)()(pair)
            outputs += [merged, k.layers.LSTM(2)(merged), k.layers.GlobalAveragePooling1D()(merged)]
        return k.Model(inputs, outputs)

    same_predictions(make, A, B)


@pytest.mark.parametrize("layer", ["Multiply", "Maximum", "Minimum"])
def test_merging_three_masked_inputs_of_sizes_that_broadcast(layer):
    def make(k):
        inputs = [k.Input((5, 3)), k.Input((5, 3))]
        a, b = (k.layers.Masking()(i) for i in inputs)
        merged = getattr(k.layers, layer)()([a, k.layers.Dense(1)(b), b])
        return k.Model(inputs, [merged, k.layers.GRU(2)(merged)])

    same_predictions(make, A, B)


def test_multiply_leaves_masked_steps_of_one_input_out():
    layer = kerata.layers.Multiply()
    a, b = kerata.layers.Masking()(np.array([[[2.0], [0.0]]])), kerata.layers.Masking()(np.array([[[3.0], [5.0]]]))
    assert layer([a, b]).tolist() == [[[6.0], [5.0]]]


def test_concatenating_pictures_in_time_keeps_their_mask():
    x = kerata.ops.ones((1, 2, 3, 4))
    found = kerata.layers.Concatenate().compute_mask([x, x], [np.array([[True, False]]), np.array([[False, False]])])
    assert found.tolist() == [[True, False]]


@pytest.mark.parametrize("inner", ["Dense", "BatchNormalization"])
def test_masks_pass_through_each_step(inner):
    def make(k):
        inputs = [k.Input((5, 3)), k.Input((5, 3))]
        layer = k.layers.Dense(2) if inner == "Dense" else k.layers.BatchNormalization(momentum=0.5)
        steps = k.layers.TimeDistributed(layer)(k.layers.Masking()(inputs[0]))
        return k.Model(inputs, [steps, k.layers.LSTM(2)(steps)])

    same_predictions(make, A, B)
    same_predictions(make, A, B, training=True)


def test_a_mask_within_the_steps():
    """Sentences of words: the inner layer skips words, and what follows skips sentences without words."""
    words = kerata.Input((4, 5), dtype="int32")
    vectors = kerata.layers.Embedding(6, 3, mask_zero=True)(words)
    sentences = kerata.layers.TimeDistributed(kerata.layers.LSTM(2))(vectors)
    model = kerata.Model(words, [sentences, kerata.layers.GRU(2)(sentences)])
    found, last = model.predict(NEST, verbose=0)
    for t in range(4):
        lstm = model.layers[2].layer
        want = lstm(vectors_of(model, NEST[:, t]), mask=NEST[:, t] != 0)
        np.testing.assert_allclose(found[:, t], want, rtol=1e-5, atol=1e-6)
    want = model.layers[3](found, mask=(NEST != 0).any(-1))
    np.testing.assert_allclose(last, want, rtol=1e-5, atol=1e-6)


def vectors_of(model, words):
    return model.layers[1].embeddings.numpy()[words]


def test_a_mask_of_other_steps_is_refused():
    layer = kerata.layers.TimeDistributed(kerata.layers.Dense(2))
    with pytest.raises(ValueError, match=r"not that of the samples and steps of the inputs.*mask=\(4, 3\)"):
        layer(A, mask=np.ones((4, 3), bool))


def test_a_layer_that_sees_the_batch_sees_one_step_at_a_time():
    """Batch normalization within TimeDistributed: each step by its own mean, and the moving mean moves at each step."""

    def make(k):
        steps = k.layers.TimeDistributed(k.layers.BatchNormalization(momentum=0.5))
        return k.Sequential([k.Input((5, 3)), steps, k.layers.Dense(1)])

    ours, theirs = make(kerata), make(keras)
    ours.set_weights(theirs.get_weights())
    histories = []
    for model in (ours, theirs):
        model.compile("sgd", "mse")
        histories.append(model.fit(A, B[..., :1], epochs=2, batch_size=4, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(*histories, rtol=1e-4)
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("form", ["functional", "sequential"])
def test_a_model_as_a_layer_hands_on_the_masks_of_its_layers_alone(form):
    """What is reshaped within has no mask any more; what passes through layers that keep masks has it."""

    def make(k):
        inputs = [k.Input((5, 3)), k.Input((5, 3))]
        inner = [k.Input((5, 3)), k.layers.Reshape((15, 1))], [k.Input((5, 3)), k.layers.Dense(2)]
        if form == "sequential":
            models = [k.Sequential(layers) for layers in inner]
        else:
            models = [k.Model(start, layer(start)) for start, layer in inner]
        folded, kept = (model(k.layers.Masking()(i)) for model, i in zip(models, inputs, strict=True))
        return k.Model(inputs, [k.layers.GRU(2)(folded), k.layers.GRU(2)(kept)])

    same_predictions(make, A, B)


@pytest.mark.parametrize("axis", [1, -1])
def test_batch_normalization_leaves_masked_steps_out(axis):
    def make(k):
        inputs = [k.Input((5, 3)), k.Input((5, 3))]
        return k.Model(inputs, [k.layers.BatchNormalization(axis=axis, momentum=0.5)(k.layers.Masking()(i)) for i in inputs])

    same_predictions(make, A, B, training=True)


@pytest.mark.parametrize("masks", [(3, 3), (2, 3), (2, None)], ids=str)
def test_a_concatenation_of_symbols_takes_masks_that_are_there(masks):
    rng = np.random.default_rng(0)
    given = [None if axes is None else rng.random((2, 4, 5)[:axes]) > 0.5 for axes in masks]
    arrays = [np.zeros((2, 4, 5), "float32")] * 2
    expected = keras.layers.Concatenate(axis=-1).compute_mask(arrays, given)
    symbols = [kerata.Input((4, 5)), kerata.Input((4, 5))]
    np.testing.assert_array_equal(kerata.layers.Concatenate(axis=-1).compute_mask(symbols, given), expected)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional"])
def test_a_recurrent_layer_refuses_a_mask_of_other_steps(kind):
    layers = kerata.layers
    made = {"RNN": lambda: layers.RNN(layers.GRUCell(2)), "Bidirectional": lambda: layers.Bidirectional(layers.GRU(2))}
    layer, x = made.get(kind, lambda: getattr(layers, kind)(2))(), np.ones((2, 3, 2), "float32")
    for shape in ((2, 4), (2, 2), (3, 3), (2,)):
        with pytest.raises(ValueError, match=r"the mask must have shape \(batch, steps\), here \(2, 3\).*mask\.shape"):
            layer(x, mask=np.ones(shape, bool))
    alone = np.array([[True, False, True], [True, True, False]])
    np.testing.assert_array_equal(layer(x, mask=alone[..., None]), layer(x, mask=alone))


@pytest.mark.parametrize("order", [("query", "key", "value"), ("value", "query"), ("key", "value", "query")], ids=str)
def test_the_first_argument_is_that_of_the_call_whatever_order_names_stand_in(order):
    """The mask of an attention's output is that of its queries, as in Keras."""
    queries, values = kerata.Input((3,)), kerata.Input((4,))
    embedding = layers.Embedding(5, 4, mask_zero=True)
    given = {"query": embedding(queries), "value": embedding(values), "key": embedding(values)}
    attended = layers.MultiHeadAttention(2, 4)(**{name: given[name] for name in order})
    model = kerata.Model([queries, values], [attended])
    tokens = [np.array([[1, 2, 0], [1, 0, 0]]), np.array([[1, 2, 3, 4], [1, 2, 3, 0]])]
    model.compile(loss="mse")
    outputs = model.predict(tokens, verbose=0)
    kept = outputs[tokens[0] != 0]
    wanted = np.square(kept).mean()
    np.testing.assert_allclose(model.evaluate(tokens, np.zeros((2, 3, 4)), verbose=0), wanted, rtol=1e-5)


class WithMean(layers.Layer):
    """Gives steps, and their mean."""

    def __init__(self):
        super().__init__()
        self.supports_masking = True

    def call(self, x):
        return x, x.mean(1)


@pytest.mark.parametrize("form", ["graph", "by hand"])
def test_a_mask_is_that_of_the_first_of_several_outputs(form):
    x = np.array([[[1.0], [2.0], [0.0]], [[3.0], [0.0], [0.0]]], "float32")
    if form == "graph":
        inputs = kerata.Input((3, 1))
        model = kerata.Model(inputs, WithMean()(layers.Masking()(inputs))[1])
    else:
        model = kerata.Sequential([layers.Masking(), WithMean(), layers.Lambda(lambda both: both[1])])
    model.compile(loss="mse")
    np.testing.assert_allclose(model.evaluate(x, np.zeros((2, 1)), verbose=0), 1.0, rtol=1e-6)
