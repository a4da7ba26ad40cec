"""`tf.ragged` as graphs of molecules use it: values are those of TensorFlow 2.21."""

import numpy as np
import pytest

from kerata.legacy.tensorflow.names import build

tf = build("tfkeras2")[""]
ragged = build("tfkeras2")["ragged"]
ROWS = ragged.constant([[1, 2, 3], [], [4, 5]])
PAIRS = ragged.constant([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0]]], ragged_rank=1)
DEEP = ragged.constant([[[1], [2, 3]], [[4, 5, 6]]])
FOUND = {
    "all rows as one": (lambda: ROWS.merge_dims(0, 1), [1, 2, 3, 4, 5]),
    "rows of pairs as one": (lambda: PAIRS.merge_dims(outer_axis=0, inner_axis=1), [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]),
    "pairs as one": (lambda: PAIRS.merge_dims(1, 2), [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0]]),
    "the first two axes": (lambda: DEEP.merge_dims(0, 1), [[1], [2, 3], [4, 5, 6]]),
    "the last two axes": (lambda: DEEP.merge_dims(-2, -1), [[1, 2, 3], [4, 5, 6]]),
    "all axes": (lambda: DEEP.merge_dims(0, 2), [1, 2, 3, 4, 5, 6]),
    "lengths of inner rows": (lambda: DEEP.row_lengths(axis=2), [[1, 2], [3]]),
    "other values": (lambda: ROWS.with_values(tf.range(5) * 10), [[0, 10, 20], [], [30, 40]]),
    "other flat values": (lambda: DEEP.with_flat_values(tf.range(6)), [[[0], [1, 2]], [[3, 4, 5]]]),
    "ends": (lambda: ROWS.row_limits(), [3, 3, 5]),
    "numbers": (lambda: ragged.range([0, 3], [3, 5]), [[0, 1, 2], [3, 4]]),
    "numbers from 0": (lambda: ragged.range([3, 1]), [[0, 1, 2], [0]]),
    "stacked": (lambda: ragged.stack([tf.constant([1, 2]), tf.constant([3])]), [[1, 2], [3]]),
    "a function of values": (lambda: ragged.map_flat_values(tf.square, ROWS), [[1, 4, 9], [], [16, 25]]),
    "equal": (lambda: ROWS == 2, [[False, True, False], [], [False, False]]),
    "not equal": (lambda: ROWS != 2, [[True, False, True], [], [True, True]]),
    "picked": (lambda: tf.gather(tf.range(6) * 10, ROWS), [[10, 20, 30], [], [40, 50]]),
    "one of three": (lambda: tf.one_hot(ragged.constant([[0], [1, 2]]), 3), [[[1, 0, 0]], [[0, 1, 0], [0, 0, 1]]]),
}


@pytest.mark.parametrize("name", FOUND)
def test_rows_of_different_lengths(name):
    compute, right = FOUND[name]
    found = compute()
    assert (found.to_list() if hasattr(found, "to_list") else found.numpy().tolist()) == right


def test_shapes_and_nested_rows():
    assert [one.ragged_rank for one in (ROWS, PAIRS, DEEP)] == [1, 1, 2]
    assert ROWS.shape.as_list() == [3, None] and DEEP.shape.rank == 3
    assert [one.numpy().tolist() for one in DEEP.nested_row_splits] == [[0, 2, 3], [0, 1, 3, 6]]
    assert [one.numpy().tolist() for one in DEEP.nested_row_lengths()] == [[2, 1], [1, 2, 3]]
    assert ragged.constant([[], []]).to_list() == [[], []]
    with pytest.raises(NotImplementedError, match="along axis 0"):
        ragged.stack([ROWS], axis=1)


def test_molecules_become_one_graph():
    """The places of nodes go up by the number of nodes of the molecules before."""
    nodes, pairs = (
        ragged.constant([[[1.0], [2.0]], [[3.0]]], ragged_rank=1),
        ragged.constant([[[0, 1]], [[0, 0]]], ragged_rank=1),
    )
    data = tf.data.Dataset.from_tensor_slices((nodes, pairs)).batch(2)

    def prepare(nodes, pairs):
        before = tf.cumsum(nodes.row_lengths(), exclusive=True)
        moved = pairs.merge_dims(0, 1) + tf.cast(tf.repeat(before, pairs.row_lengths())[:, tf.newaxis], tf.int32)
        return nodes.merge_dims(0, 1), moved

    (all_nodes, all_pairs), *rest = data.map(prepare)
    assert not rest
    np.testing.assert_array_equal(all_nodes.numpy(), [[1.0], [2.0], [3.0]])
    np.testing.assert_array_equal(all_pairs.numpy(), [[0, 1], [2, 2]])
