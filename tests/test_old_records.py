"""`tf.train.Example` and files of records: what is written is what TensorFlow wrote, and is read into tensors."""

import numpy as np
import pytest

from kerata.legacy.tensorflow import names

MODULES = names.build("tfkeras2")
tf, train, io = MODULES[""], MODULES["train"], MODULES["io"]

# What TensorFlow 2.15 makes of {"a": [1, -2], "b": [0.5], "c": [b"x"]}, each in a message of its own.
WHOLE = bytes.fromhex("0a160a140a0161120f1a0d0a0b01feffffffffffffffff01")
REAL = bytes.fromhex("0a0f0a0d0a0162120812060a040000003f")
TEXT = bytes.fromhex("0a0c0a0a0a016312050a030a0178")


def feature(**lists):
    kinds = {"bytes_list": train.BytesList, "float_list": train.FloatList, "int64_list": train.Int64List}
    return train.Feature(**{name: kinds[name](value=value) for name, value in lists.items()})


def example(**features):
    return train.Example(features=train.Features(feature=features))


@pytest.mark.parametrize(
    ("made", "data"),
    [
        (example(a=feature(int64_list=[1, -2])), WHOLE),
        (example(b=feature(float_list=[0.5])), REAL),
        (example(c=feature(bytes_list=[b"x"])), TEXT),
    ],
)
def test_records_are_those_of_tensorflow(made, data):
    assert made.SerializeToString() == data
    again = train.Example.FromString(data)
    assert again.SerializeToString() == data and again.features.feature.keys() == made.features.feature.keys()


def test_lists_of_numbers_need_not_stand_together():
    """Version 3 of the format packs them; each may also be a field of its own."""
    apart = bytes.fromhex("0a0f0a0d0a016112081a060801087f0802")
    assert train.Example.FromString(apart).features.feature["a"].int64_list.value == [1, 127, 2]
    real = bytes.fromhex("0a0e0a0c0a0162120712050d0000003f")
    assert train.Example.FromString(real).features.feature["b"].float_list.value == [0.5]


SPEC = {
    "x": io.FixedLenFeature([2, 2], tf.float32),
    "y": io.FixedLenFeature([], tf.int64),
    "name": io.FixedLenFeature([], tf.string, default_value="?"),
}


def records(count=6):
    for number in range(count):
        parts = {"x": feature(float_list=np.full(4, number)), "y": feature(int64_list=[number])}
        yield example(**parts, **({"name": feature(bytes_list=[b"even"])} if number % 2 == 0 else {})).SerializeToString()


def test_a_record_becomes_tensors():
    found = io.parse_single_example(tf.constant(list(records())[3]), SPEC)
    np.testing.assert_array_equal(found["x"].numpy(), np.full((2, 2), 3.0))
    assert found["x"].dtype == tf.float32 and found["y"].numpy() == 3 and found["name"].numpy() == b"?"
    several = io.parse_example(list(records()), SPEC)
    assert several["x"].shape == (6, 2, 2) and several["name"].numpy().tolist() == [b"even", b"?"] * 3


def test_files_of_records_train_a_model(tmp_path):
    path = str(tmp_path / "a.tfrecord")
    with io.TFRecordWriter(path) as writer:
        for record in records():
            writer.write(record)

    def parse(record):
        found = io.parse_single_example(record, SPEC)
        return tf.reshape(found["x"], [4]), tf.cast(found["y"], tf.float32)

    data = MODULES["data"].TFRecordDataset(path)
    batches = [(x.numpy(), y.numpy()) for x, y in data.map(parse).batch(3)]
    assert len(batches) == 2
    np.testing.assert_array_equal(np.concatenate([y for _, y in batches]), np.arange(6.0))
    np.testing.assert_array_equal(np.concatenate([x for x, _ in batches])[:, 0], np.arange(6.0))


def test_what_does_not_fit_is_said():
    record = next(records())
    errors = tf.errors.InvalidArgumentError
    for spec, words in {
        "other": "Feature: other .* is required but could not be found",
        "y": "Data types don't match. Expected type: float32, got int64",
    }.items():
        with pytest.raises(errors, match=words):
            io.parse_single_example(record, {spec: io.FixedLenFeature([], tf.float32)})
    with pytest.raises(errors, match="Values size: 4 but output shape"):
        io.parse_single_example(record, {"x": io.FixedLenFeature([3], tf.float32)})
    with pytest.raises(errors, match="damaged"):
        io.parse_single_example(record[:-3], SPEC)
    with pytest.raises(TypeError, match=r"Give text\.encode"):
        feature(bytes_list=["text"]).encode()


def test_texts_keep_the_zeros_at_their_ends():
    assert tf.constant(b"a\0").numpy() == b"a\0"
    assert tf.constant([b"a\0", b"b"]).numpy().tolist() == [b"a\0", b"b"]


def test_data_sets_of_files_are_gone_on_with(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("a\nb\nc\n")
    lines = MODULES["data"].TextLineDataset(str(path)).map(MODULES["strings"].upper).batch(2)
    assert [batch.numpy().tolist() for batch in lines] == [[b"A", b"B"], [b"C"]]
