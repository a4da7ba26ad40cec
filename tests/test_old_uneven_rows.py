"""Ragged tensors of `tf.keras` programs: how they are made, and layers that take them. Values are those of TensorFlow 2.21."""

import numpy as np
import pytest

from kerata.legacy import tfkeras2 as keras
from kerata.legacy.tensorflow.names import build

L, tf = keras.layers, build("tfkeras2")[""]
R = tf.RaggedTensor


def test_letters_become_numbers_and_texts_again():
    """As in TensorFlow's tutorial of texts that are written letter by letter."""
    letters = tf.strings.unicode_split(["cab", "a"], "UTF-8")
    numbers = L.StringLookup(vocabulary=list("abc"), mask_token=None)
    ids = numbers(letters)
    assert ids.to_list() == [[3, 1, 2], [1]]
    assert ids.to_tensor().numpy().tolist() == [[3, 1, 2], [1, 0, 0]]
    texts = L.StringLookup(vocabulary=numbers.get_vocabulary(), invert=True, mask_token=None)
    assert tf.strings.reduce_join(texts(ids), axis=-1).numpy().tolist() == [b"cab", b"a"]
    vectors = L.Embedding(4, 2, embeddings_initializer="ones")(ids)
    assert [tuple(row.shape) for row in vectors] == [(3, 2), (1, 2)]
    with pytest.raises(TypeError, match=r"takes no ragged tensor.*x.to_tensor\(\)"):
        L.LSTM(2)(vectors)


def test_rows_of_values():
    assert R.from_row_lengths([1, 2, 3, 4], [1, 3]).to_list() == [[1], [2, 3, 4]]
    assert R.from_row_splits(values=[1, 2, 3], row_splits=[0, 2, 3]).to_list() == [[1, 2], [3]]
    assert R.from_row_starts([1, 2, 3], [0, 1]).to_list() == [[1], [2, 3]]
    assert R.from_value_rowids([5, 6, 7], [0, 0, 2], nrows=4).to_list() == [[5, 6], [], [7], []]
    assert R.from_tensor([[1, 2, 0], [3, 0, 0]], padding=0).to_list() == [[1, 2], [3]]
    assert R.from_tensor([[1, 2], [3, 4]], lengths=[1, 2]).to_list() == [[1], [3, 4]]
    rows = tf.ragged.constant([[1, 2], [], [3]])
    assert rows.row_splits.numpy().tolist() == [0, 2, 2, 3] and int(rows.nrows()) == 3
    assert rows.value_rowids().numpy().tolist() == [0, 0, 2] and rows.row_starts().numpy().tolist() == [0, 2, 2]
    assert rows.bounding_shape().numpy().tolist() == [3, 2]


def test_batches_of_another_size():
    assert [b.numpy().tolist() for b in tf.data.Dataset.range(5).batch(2).rebatch(3)] == [[0, 1, 2], [3, 4]]


def test_states_of_cells_on_top_of_each_other_come_cell_by_cell():
    x = np.ones((2, 5, 4), "float32")
    output, gru, (h, c) = L.RNN([L.GRUCell(4), L.LSTMCell(3)], return_state=True)(x)
    assert [tuple(one.shape) for one in (output, gru, h, c)] == [(2, 3), (2, 4), (2, 3), (2, 3)]
    found = L.RNN([L.GRUCell(4), L.LSTMCell(3)])(x, initial_state=[gru, [h, c]])
    assert tuple(found.shape) == (2, 3)


def test_the_text_of_a_single_number_is_a_tensor():
    letters = L.StringLookup(vocabulary=["a", "b"], invert=True, mask_token=None)
    assert [letters(one).numpy().decode() for one in tf.data.Dataset.from_tensor_slices([2, 1])] == ["b", "a"]
    assert int(L.IntegerLookup(vocabulary=[7, 8], invert=True)(2)) == 8


def test_ragged_constants_of_any_depth_and_their_axes_in_one():
    even = tf.ragged.constant([[[1, 2], [3, 4]], [], [[5, 6]]], ragged_rank=1)
    assert [len(row) for row in even] == [2, 0, 1] and tuple(even[1].shape) == (0, 2)
    assert even.merge_dims(0, 1).numpy().tolist() == [[1, 2], [3, 4], [5, 6]]
    assert even.merge_dims(1, 2).to_list() == [[1, 2, 3, 4], [], [5, 6]]
    deep = tf.ragged.constant([[[1], [2, 3]], [[4, 5, 6]], []])
    assert deep.merge_dims(0, 1).to_list() == [[1], [2, 3], [4, 5, 6]]
    assert deep.merge_dims(-2, -1).to_list() == [[1, 2, 3], [4, 5, 6], []]
    assert deep.merge_dims(0, 2).numpy().tolist() == [1, 2, 3, 4, 5, 6]
    with pytest.raises(ValueError, match="outer_axis"):
        deep.merge_dims(2, 1)


def test_cells_take_one_tensor_a_step():
    """A tuple was one input of several parts in `tf.keras`; its second part must not become the states in silence."""

    class Summing(L.Layer):
        state_size = output_size = 3

        def call(self, inputs, states):
            found = inputs + states[0]
            return found, [found]

    x, start = np.ones((2, 4, 3), "float32"), np.full((2, 3), 5, "float32")
    with pytest.raises(NotImplementedError, match="a tuple of sequences"):
        L.RNN(Summing())((x, start))
    assert L.RNN(Summing())([x, start]).numpy().tolist() == [[9.0] * 3] * 2
    assert L.RNN(Summing())(x, initial_state=[start]).numpy().tolist() == [[9.0] * 3] * 2
    assert tuple(L.LSTM(2)((x, np.ones((2, 2), "float32"), np.ones((2, 2), "float32"))).shape) == (2, 2)
