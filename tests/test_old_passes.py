"""Passes through data sets of `tf.data`, which orders of `shuffle(seed=)` count, and the form of elements.

The orders are those of TensorFlow 2.21 and `tf_keras`.
"""

import numpy as np
import pytest

from kerata.legacy import tfkeras2
from kerata.legacy.tensorflow import names

tf = names.build("tfkeras2")[""]
Data = tf.data.Dataset
TEN = np.arange(10.0, dtype="float32").reshape(10, 1)


class Seeing(tfkeras2.models.Model):
    """A model that notes its batches."""

    def __init__(self):
        super().__init__()
        self.__dict__["seen"] = []

    def train_step(self, data):
        self.seen.append([int(v) for v in data[0].numpy().reshape(-1)])
        return {"loss": tf.reduce_sum(data[0])}

    def call(self, x):
        return x


def shuffled():
    return Data.from_tensor_slices((TEN, TEN)).shuffle(50, seed=4).batch(3)


def seen(data, **arguments):
    model = Seeing()
    model.compile(run_eagerly=True)
    history = model.fit(data, verbose=0, **arguments)
    return model.seen, history.history["loss"]


FIRST = [[1, 7, 2], [5, 4, 0], [6, 3, 8], [9]]
SECOND, THIRD = [[3, 7, 4], [8, 5, 1], [9, 2, 0], [6]], [[6, 2, 0], [7, 4, 3], [1, 8, 9], [5]]


def test_fit_begins_its_first_pass_twice():
    assert seen(shuffled(), epochs=2)[0] == SECOND + THIRD
    # As many steps as there are batches are no steps.
    assert seen(shuffled(), epochs=1, steps_per_epoch=4)[0] == SECOND


def test_a_number_of_steps_goes_on_in_one_pass_and_ends_where_it_ends():
    with pytest.warns(UserWarning, match="ended after 1 batches of 3"):
        found, losses = seen(shuffled(), epochs=3, steps_per_epoch=3)
    assert found == FIRST and losses == [17.0, 9.0]
    with pytest.warns(UserWarning, match="ended after 4 batches of 5"):
        assert seen(shuffled(), epochs=2, steps_per_epoch=5)[0] == FIRST
    assert seen(shuffled().repeat(), epochs=1, steps_per_epoch=5)[0] == [*FIRST, SECOND[0]]


def test_predictions_begin_each_pass_twice():
    model, data = Seeing(), shuffled()
    model.compile(loss="mse")
    order = [np.reshape(model.predict(data, verbose=0), -1).astype(int).tolist() for _ in range(2)]
    assert order == [[3, 7, 4, 8, 5, 1, 9, 2, 0, 6], [6, 8, 0, 9, 3, 4, 5, 7, 1, 2]]
    assert np.reshape(model.predict(shuffled(), steps=2, verbose=0), -1).tolist() == [1, 7, 2, 5, 4, 0]


def begun(change, reads):
    """The order of a plain pass after each iterator of what is made of a shuffled data set, read that far."""
    source = Data.range(6).shuffle(10, seed=5)
    data, found = change(source), []
    for count in reads:
        iterator = iter(data)
        for _ in range(count):
            next(iterator, None)
        found.append("".join(str(int(v)) for v in source))
    return found


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.map(lambda x: x),
        lambda s: s.batch(2),
        lambda s: s.padded_batch(2, []),
        lambda s: s.window(2),
        lambda s: s.batch(2).unbatch(),
        lambda s: s.flat_map(lambda x: Data.range(1)),
        lambda s: s.interleave(lambda x: Data.range(1)),
        lambda s: s.scan(tf.constant(0, tf.int64), lambda a, x: (a + x, a)),
        lambda s: s.concatenate(s),
        lambda s: s.take(2),
    ],
)
def test_a_pass_begins_with_its_iterator(change):
    assert begun(change, [0, 1]) == ["215403", "241530"]


def test_passes_that_begin_otherwise():
    assert begun(lambda s: s.shuffle(3, seed=1), [0, 1, 0]) == ["125034", "530412", "241530"]
    assert begun(lambda s: s.take(0), [0, 1]) == ["125034", "215403"]
    assert begun(lambda s: s.cache(), [0, 7, 7, 7]) == ["215403", "241530", "215340", "423501"]
    assert begun(lambda s: Data.zip((s, s)), [0, 1]) == ["530412", "423501"]


def test_a_description_takes_no_pass():
    source = Data.range(6).shuffle(10, seed=5)
    assert source.map(lambda x: x + 1).element_spec == tf.TensorSpec((), tf.int64)
    assert [int(v) for v in source] == [1, 2, 5, 0, 3, 4]


def test_a_repeated_data_set_begins_a_pass_more():
    data = Data.range(6).shuffle(10, seed=5).map(lambda x: x + 1).repeat(2)
    assert ["".join(str(int(v)) for v in data) for _ in range(2)] == ["236145326514", "352641326451"]


def shown(data):
    return [tf.nest.map_structure(lambda one: np.asarray(one.numpy()).tolist(), element) for element in data]


def test_a_list_that_a_map_gives_is_a_tuple():
    data = Data.range(2).map(lambda x: [x, x + 1])
    assert shown(data) == [(0, 1), (1, 2)]
    assert data.element_spec == (tf.TensorSpec((), tf.int64), tf.TensorSpec((), tf.int64))
    assert shown(Data.range(1).map(lambda x: [tf.cast(x, tf.float32), x])) == [(0.0, 0)]
    assert shown(Data.range(1).map(lambda x: (x, [x, x + 1]))) == [(0, [0, 1])]
    lines = Data.from_tensor_slices(["1,0.5,a"]).map(lambda line: tf.io.decode_csv(line, [0, 0.0, ""]))
    assert shown(lines) == [(1, 0.5, b"a")]


def test_texts_alone_are_padded_to_a_row():
    data = Data.from_tensor_slices(["a", "bb", "c"]).padded_batch(2, padded_shapes=[], padding_values="pad")
    assert shown(data) == [[b"a", b"bb"], [b"c"]]
    empty = Data.from_generator(lambda: iter([[], ["a"]]), tf.string)
    assert [one.dtype for one in empty] == [tf.string, tf.string]


@pytest.mark.parametrize(
    ("change", "size"),
    [
        (lambda d: d.window(2), 3),
        (lambda d: d.window(2, drop_remainder=True), 2),
        (lambda d: d.window(2, shift=1, stride=2, drop_remainder=True), 3),
        (lambda d: d.window(3, shift=1), 5),
        (lambda d: d.window(7, drop_remainder=True), 0),
        (lambda d: Data.from_tensor_slices(np.zeros((4, 3, 2))).unbatch(), 12),
        (lambda d: d.batch(2).unbatch(), -2),
    ],
)
def test_sizes_that_are_known(change, size):
    assert int(change(Data.range(5)).cardinality()) == size


def spec(shape, dtype="float64"):
    return tf.TensorSpec(shape, dtype)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (Data.range(0).map(lambda x: (x, tf.cast(x, tf.float32))), (spec((), "int64"), spec((), "float32"))),
        (Data.range(3).filter(lambda x: x > 5).map(lambda x: x + 1).batch(2), spec((None,), "int64")),
        (Data.range(3).batch(2).enumerate(), (spec((), "int64"), spec((None,), "int64"))),
        (Data.from_tensor_slices(np.zeros((3, 2, 4))).padded_batch(2, [None, 6]), spec((None, None, 6))),
        (Data.from_tensor_slices(np.zeros((3, 2, 4))).padded_batch(2, [-1, 6], drop_remainder=True), spec((2, None, 6))),
        (Data.zip((Data.range(3), {"a": Data.range(2).batch(2)})), (spec((), "int64"), {"a": spec((None,), "int64")})),
    ],
)
def test_what_elements_are(data, found):
    assert data.element_spec == found
