"""Records of sequences, and sparse tensors as elements of data sets: bytes and numbers of TensorFlow 2.21."""

import numpy as np
import pytest

from kerata.legacy.tensorflow import names
from kerata.legacy.tensorflow.errors import InvalidArgumentError

MODULES = names.build("tfkeras2")
tf, io, train, Dataset = MODULES[""], MODULES["io"], MODULES["train"], MODULES["data"].Dataset

RECORD = (
    b"\n\x0c\n\n\n\x01n\x12\x05\x1a\x03\n\x01\x03\x12%\n\x15\n\x01a\x12\x10\n\x06\x1a\x04\n\x02\x01\x02\n\x06\x1a\x04\n\x02\x03\x04"
    b"\n\x0c\n\x01b\x12\x07\n\x05\x1a\x03\n\x01\x05"
)


def whole(values):
    return train.Feature(int64_list=train.Int64List(value=values))


def test_a_sequence_example_is_written_as_tensorflow_writes_it():
    lists = {"a": train.FeatureList(feature=[whole([1, 2]), whole([3, 4])]), "b": train.FeatureList(feature=[whole([5])])}
    made = train.SequenceExample(
        context=train.Features(feature={"n": whole([3])}), feature_lists=train.FeatureLists(feature_list=lists)
    )
    assert made.SerializeToString() == RECORD
    back = train.SequenceExample.FromString(RECORD)
    assert [one.int64_list.value for one in back.feature_lists.feature_list["a"].feature] == [[1, 2], [3, 4]]
    assert back.context.feature["n"].int64_list.value == [3]


def test_a_sequence_example_is_parsed():
    context, lists = io.parse_single_sequence_example(
        RECORD,
        {"n": io.FixedLenFeature([], tf.int64), "m": io.FixedLenFeature([], tf.int64, default_value=7)},
        {"a": io.FixedLenSequenceFeature([2], tf.int64), "b": io.VarLenFeature(tf.int64)},
    )
    assert int(context["n"]) == 3 and int(context["m"]) == 7
    assert lists["a"].numpy().tolist() == [[1, 2], [3, 4]]
    assert tf.RaggedTensor.from_sparse(lists["b"]).to_list() == [[5]]
    with pytest.raises(InvalidArgumentError, match="'c' is required"):
        io.parse_single_sequence_example(RECORD, None, {"c": io.FixedLenSequenceFeature([], tf.int64)})
    with pytest.raises(InvalidArgumentError, match="Number of values in a step: 2"):
        io.parse_single_sequence_example(RECORD, None, {"a": io.FixedLenSequenceFeature([], tf.int64)})
    with pytest.raises(InvalidArgumentError, match="Could not parse"):
        io.parse_single_sequence_example(RECORD[:-3])


def test_features_of_any_length_are_elements():
    records = [train.Example(train.Features(feature={"a": whole(values)})).SerializeToString() for values in ([1, 2], [], [3])]
    data = Dataset.from_tensor_slices(records).map(lambda one: io.parse_single_example(one, {"a": io.VarLenFeature(tf.int64)}))
    assert [one["a"].values.numpy().tolist() for one in data] == [[1, 2], [], [3]]
    assert isinstance(data.element_spec["a"], tf.SparseTensorSpec) and data.element_spec["a"].dtype == tf.int64
    batch = next(iter(data.batch(3)))["a"]
    assert MODULES["sparse"].to_dense(batch).numpy().tolist() == [[1, 2], [0, 0], [3, 0]]
    (rows,) = io.parse_example(records, {"a": io.RaggedFeature(tf.int64)}).values()
    assert rows.to_list() == [[1, 2], [], [3]]
    with pytest.raises(NotImplementedError, match="partitions"):
        io.parse_example(records, {"a": io.RaggedFeature(tf.int64, partitions=(1,))})


def test_batches_of_sparse_tensors():
    data = Dataset.from_tensor_slices([1, 2, 3]).map(lambda n: tf.SparseTensor([[0]], tf.reshape(n, [1]), [4]))
    batch = next(iter(data.batch(2)))
    assert batch.indices.numpy().tolist() == [[0, 0], [1, 0]] and batch.values.numpy().tolist() == [1, 2]
    assert batch.dense_shape.numpy().tolist() == [2, 4]
    dense = data.batch(2).map(MODULES["sparse"].to_dense)
    np.testing.assert_array_equal(np.concatenate([one.numpy() for one in dense]), [[1, 0, 0, 0], [2, 0, 0, 0], [3, 0, 0, 0]])
