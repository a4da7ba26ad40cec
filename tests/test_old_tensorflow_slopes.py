"""Functions of `tf` that fewer programs use: values and slopes of TensorFlow 2.21, by `tools/tensorflow_numbers.py`."""

import json
from pathlib import Path

import numpy as np
import pytest

import tensorflow_slopes as cases
from kerata.legacy.tensorflow.names import build

MODULES = build("tfkeras2")
tf = MODULES[""]
NUMBERS = json.loads((Path(__file__).parent / "tensorflow_slopes.json").read_text())
KNOWN = cases.names(tf, np)


def check(ours, theirs):
    assert (ours is None) == (theirs is None)
    if ours is not None:
        assert (ours["dtype"], ours["shape"]) == (theirs["dtype"], theirs["shape"])
        np.testing.assert_allclose(ours["values"], theirs["values"], rtol=1e-3, atol=2e-4)


@pytest.mark.parametrize("case", cases.CASES.strip().splitlines())
def test_values_and_slopes_are_those_of_tensorflow(case):
    for ours, theirs in zip(cases.recorded(case, KNOWN, tf, np), NUMBERS[case], strict=True):
        assert len(ours) == len(theirs)
        for pair in zip(ours, theirs, strict=True):
            check(*pair)


# By hand, from the same TensorFlow


def test_rows_of_variables_are_changed():
    for name, expected in {
        "add": [[3, 4], [3, 4], [8, 9]],
        "sub": [[-1, 0], [3, 4], [2, 3]],
        "update": [[2, 2], [3, 4], [3, 3]],
        "min": [[1, 2], [3, 4], [3, 3]],
        "max": [[2, 2], [3, 4], [5, 6]],
        "mul": [[2, 4], [3, 4], [15, 18]],
        "div": [[0.5, 1], [3, 4], [5 / 3, 2]],
    }.items():
        v = tf.Variable([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
        slices = tf.IndexedSlices(tf.constant([[2.0, 2.0], [3.0, 3.0]]), tf.constant([0, 2]))
        assert getattr(v, f"scatter_{name}")(slices) is v
        np.testing.assert_allclose(v.numpy(), expected, rtol=1e-6)
    v = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
    v.scatter_nd_update([[0]], [[9.0, 9.0]])
    v.scatter_nd_add([[0, 1], [0, 1]], [1.0, 2.0])
    v.scatter_nd_sub([[1]], [[1.0, 1.0]])
    assert v.numpy().tolist() == [[9.0, 12.0], [2.0, 3.0]]
    assert v.gather_nd([[0, 1], [1, 0]]).numpy().tolist() == [12.0, 2.0] and v.sparse_read([1]).shape == (1, 2)
    assert tf.scatter_update(v, [1], [[0.0, 0.0]]).numpy()[1].tolist() == [0.0, 0.0]
    with pytest.raises(TypeError, match="IndexedSlices"):
        v.scatter_add([[1.0, 2.0]])


def test_branches_by_number():
    branches = [lambda: tf.constant(10), lambda: tf.constant(20)]
    assert [int(tf.switch_case(tf.constant(number), branches)) for number in (0, 1, 5)] == [10, 20, 20]
    assert int(tf.cond(tf.constant(False), branches[0], branches[1], strict=True)) == 20
    with pytest.raises(ValueError, match="from 0 on"):
        tf.switch_case(tf.constant(3), {3: branches[0]})
    with pytest.raises(tf.errors.InvalidArgumentError, match="each once"):
        tf.math.invert_permutation([0, 0])


def test_means_that_forget():
    mean, v = tf.train.ExponentialMovingAverage(0.9), tf.Variable([1.0, 2.0])
    mean.apply([v])
    v.assign([2.0, 4.0])
    mean.apply([v])
    np.testing.assert_allclose(mean.average(v).numpy(), [1.1, 2.2], rtol=1e-6)
    mean, v = tf.train.ExponentialMovingAverage(0.99, num_updates=3), tf.Variable(1.0)
    mean.apply([v])
    v.assign(5.0)
    mean.apply([v])
    np.testing.assert_allclose(mean.average(v).numpy(), 3.7692308, rtol=1e-6)


def test_arrays_and_shapes():
    rows = tf.TensorArray(tf.float32, size=3).scatter([0, 2], [[1.0, 2.0], [5.0, 6.0]]).write(1, [3.0, 4.0])
    assert rows.gather([2, 0]).numpy().tolist() == [[5.0, 6.0], [1.0, 2.0]]
    shape = tf.TensorShape([2, None])
    assert shape.merge_with([None, 3]) == (2, 3) and shape.with_rank_at_least(1) == shape
    for wrong in (shape.assert_is_fully_defined, lambda: shape.assert_has_rank(3), lambda: shape.with_rank_at_most(1)):
        with pytest.raises(ValueError, match="Shape"):
            wrong()
    assert tf.broadcast_static_shape((1, 3), (2, 1)) == (2, 3)
    tf.nest.assert_same_structure([1, (2, 3)], [4, (5, 6)])
    with pytest.raises(ValueError, match="same nested structure"):
        tf.nest.assert_same_structure([1, 2], [1])


def test_draws_by_a_seed_follow_from_it():
    random = tf.random
    one, same = (random.stateless_uniform((2,), seed=(1, 2)).numpy().tolist() for _ in range(2))
    assert one == same != random.stateless_uniform((2,), seed=(1, 3)).numpy().tolist()
    assert random.stateless_uniform((2,), (1, 2), minval=5, maxval=6, dtype=tf.int32).numpy().tolist() == [5, 5]
    assert random.stateless_normal((2,), (1, 2), 5.0, 0.0).numpy().tolist() == [5.0, 5.0]
    assert random.stateless_categorical([[0.0, 99.0]], 3, seed=(1, 2)).numpy().tolist() == [[1, 1, 1]]
    assert random.split((1, 2), 3).shape == (3, 2) and random.get_global_generator().normal((2,)).shape == (2,)
    picture = tf.constant(np.arange(12.0).reshape(2, 2, 3), tf.float32)
    turned = [tf.image.stateless_random_flip_left_right(picture, (seed, 0)).numpy()[0, 0, 0] for seed in range(12)]
    assert set(turned) == {0.0, 3.0}
    brighter = tf.image.random_brightness(picture, max_delta=0.1)
    assert np.abs(brighter.numpy() - picture.numpy()).max() <= 0.1 + 1e-6


def test_data_sets_by_functions_of_then():
    data = tf.data.Dataset
    grouped = data.range(6).group_by_window(lambda x: x % 2, lambda key, rows: rows.batch(2), 2)
    assert [one.tolist() for one in grouped.as_numpy_iterator()] == [[0, 2], [1, 3], [4], [5]]
    then = tf.data.experimental
    assert [int(one) for one in then.Counter(2, 3).take(2)] == [2, 5]
    assert [int(one) for one in data.from_tensor_slices([1, 1, 2]).apply(then.unique())] == [1, 2]
    batches = data.range(5).apply(then.map_and_batch(lambda x: x * 2, 2))
    assert [one.tolist() for one in batches.as_numpy_iterator()] == [[0, 2], [4, 6], [8]]
    assert [int(one) for one in data.range(2).apply(then.shuffle_and_repeat(1, 2))] == [0, 1, 0, 1]


def test_rows_of_different_lengths_refuse_what_is_not_there():
    ragged = tf.ragged.constant([[1.0, 2.0], [3.0]])
    with tf.GradientTape() as tape:
        x = tf.constant(2.0)
        tape.watch(x)
        total = tf.reduce_sum(ragged * x)
    assert float(tape.gradient(total, x)) == 6.0
    with pytest.raises(NotImplementedError, match="to_tensor"):
        tf.matmul(ragged, ragged)
    with pytest.raises(NotImplementedError, match="each row"):
        tf.reduce_sum(ragged, axis=0)


def test_second_derivatives_of_a_variance_leave_out_its_mean():
    """As gradient penalties see it that go through moments: TensorFlow keeps the mean still."""
    x = tf.constant([1.0, 2.0, 6.0])
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            variance = tf.nn.moments(x, [0])[1]
        slope = inner.gradient(variance, x)
        penalty = tf.reduce_sum(slope * tf.constant([1.0, 0.0, 0.0]))
    np.testing.assert_allclose(slope.numpy(), [-4 / 3, -2 / 3, 2.0], rtol=1e-6)
    np.testing.assert_allclose(outer.gradient(penalty, x).numpy(), [2 / 3, 0.0, 0.0], atol=1e-6)
    half = tf.cast(tf.constant([100.0, 300.0]), tf.float16)
    assert [float(one) for one in tf.nn.moments(half, [0])] == [200.0, 10000.0]
