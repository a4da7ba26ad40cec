"""Data sets of rows of different lengths: ragged tensors, buckets of lengths. The numbers are those of TensorFlow 2.21."""

import numpy as np
import pytest

from kerata.legacy.tensorflow.names import build

tf = build("tfkeras2")[""]
ROWS = [[1, 2], [3], [4, 5, 6]]


def lines(count=4):
    return tf.data.Dataset.range(1, count + 1).map(lambda n: tf.fill([n], tf.cast(n, tf.int32)))


def test_the_rows_of_a_ragged_tensor_are_batched_as_one():
    data = tf.data.Dataset.from_tensor_slices((tf.ragged.constant(ROWS), [0, 1, 2]))
    assert [x.numpy().tolist() for x, _ in data] == ROWS
    batches = list(data.batch(2))
    assert [x.to_list() for x, _ in batches] == [ROWS[:2], ROWS[2:]]
    assert [y.numpy().tolist() for _, y in batches] == [[0, 1], [2]]
    padded = data.batch(2).map(lambda x, y: x.to_tensor())
    assert [x.numpy().tolist() for x in padded] == [[[1, 2], [3, 0]], [[4, 5, 6]]]
    assert repr(data.batch(2).element_spec[0]) == "RaggedTensorSpec(TensorShape([None, None]), tf.int32, 1, tf.int64)"


@pytest.mark.parametrize("batched", [lambda d: d.ragged_batch(3), lambda d: d.apply(EXPERIMENTAL.dense_to_ragged_batch(3))])
def test_other_rows_are_batched_so_where_that_is_asked_for(batched):
    found = batched(lines())
    assert [x.to_list() for x in found] == [[[1], [2, 2], [3, 3, 3]], [[4, 4, 4, 4]]] and len(found) == 2
    assert lines().ragged_batch(3, drop_remainder=True).cardinality() == 1


EXPERIMENTAL = build("tfkeras2")["data.experimental"]


@pytest.mark.parametrize(
    "options, shapes",
    [
        ({}, [(2, 2), (2, 2), (3, 4), (1, 4)]),
        ({"pad_to_bucket_boundary": True}, [(2, 2), (2, 2), (3, 5), (1, 5)]),
        ({"pad_to_bucket_boundary": True, "padded_shapes": [None]}, [(2, 2), (2, 2), (3, 5), (1, 5)]),
        ({"pad_to_bucket_boundary": True, "padded_shapes": [7]}, [(2, 7), (2, 7), (3, 7), (1, 7)]),
        ({"drop_remainder": True}, [(2, 2), (2, 2), (3, 4)]),
    ],
)
def test_batches_of_about_one_length(options, shapes):
    data = lines().repeat(2).bucket_by_sequence_length(lambda x: tf.shape(x)[0], [3, 6], [2, 3, 1], **options)
    assert [tuple(x.shape) for x in data] == shapes
    assert all((x.numpy() == np.where(x.numpy() > 0, x.numpy()[:, :1], 0)).all() for x in data)


def test_buckets_that_pad_nothing_and_lines_beyond_the_last_one():
    data = lines(2).repeat(2).bucket_by_sequence_length(lambda x: tf.shape(x)[0], [2], [2, 2], no_padding=True)
    assert [x.numpy().tolist() for x in data] == [[[1], [1]], [[2, 2], [2, 2]]]
    with pytest.raises(tf.errors.InvalidArgumentError, match="different shapes"):
        list(lines().bucket_by_sequence_length(lambda x: tf.shape(x)[0], [9], [2, 2], no_padding=True))
    with pytest.raises(ValueError, match="shorter than the last one"):
        list(lines().bucket_by_sequence_length(lambda x: tf.shape(x)[0], [3], [2, 2], pad_to_bucket_boundary=True))


def test_numbers_at_random_without_end_and_an_element_if_there_is_one():
    drawn = tf.data.Dataset.random(seed=4).take(3)
    assert [int(n) for n in drawn] == [int(n) for n in drawn] and len({int(n) for n in drawn}) == 3
    source = iter(tf.data.Dataset.range(1))
    assert int(source.get_next_as_optional().get_value()) == 0
    rest = source.get_next_as_optional()
    assert not rest.has_value()
    with pytest.raises(tf.errors.InvalidArgumentError, match="empty optional"):
        rest.get_value()
    assert list(tf.data.Dataset.range(3).skip(-1)) == []
