"""Small parts of TensorFlow and `tf.keras` that programs use; numbers are those of TensorFlow 2.21."""

import contextlib

import numpy as np
import pytest

from kerata.legacy import keras2
from kerata.legacy import tfkeras2 as keras
from kerata.legacy.tensorflow import names
from kerata.legacy.tensorflow.errors import InvalidArgumentError

tf = names.build("tfkeras2")[""]
layers = keras.layers
X = np.arange(12).reshape(4, 3).astype("float32") / 7
Y = np.arange(4).reshape(4, 1).astype("float32")


class Weighing(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(name="w", shape=(3, 1), initializer="ones")

    def call(self, x):
        return tf.matmul(x, self.w.value())


def test_the_value_of_a_variable_is_a_method():
    v = tf.Variable([1.0, 2.0])
    assert v.value().numpy().tolist() == [1, 2] and not isinstance(v.value(), tf.Variable)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(v.value() ** 2)
    assert tape.gradient(loss, v).numpy().tolist() == [2, 4]
    model = keras.models.Sequential([Weighing(input_shape=(3,))])
    model.compile("sgd", "mse")
    found = model.fit(X, Y, epochs=2, shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(found, [0.8367, 0.7557], rtol=1e-4)


def test_masks_that_layers_compute_are_tensors():
    assert layers.Embedding(4, 2, mask_zero=True).compute_mask(np.array([[1, 0]])).numpy().tolist() == [[True, False]]
    assert layers.Masking(0.0).compute_mask(np.array([[[1.0, 0.0], [0.0, 0.0]]])).numpy().tolist() == [[True, False]]


class Unmasked(keras.Model):
    """A model that takes the mask from its output, as tutorials of translation do, or puts another one there."""

    def __init__(self, mask=None):
        super().__init__()
        self.table = layers.Embedding(4, 1, mask_zero=True, embeddings_initializer="ones")
        self.mask = mask

    def call(self, x):
        found = self.table(x)
        if self.mask is not None:
            found._keras_mask = tf.constant(self.mask)
            return found
        with contextlib.suppress(AttributeError):
            del found._keras_mask
        return found


def test_a_mask_is_taken_from_a_tensor_or_put_there():
    x, y = np.array([[1, 2, 0], [3, 0, 0]]), np.zeros((2, 3, 1))
    y[0, 0] = 7
    for model, expected in ((Unmasked(), (36 + 5) / 6), (Unmasked([[False, True, True]] * 2), 1.0)):
        model.compile("sgd", "mse", metrics=["mse"])
        np.testing.assert_allclose(model.evaluate(x, y, verbose=0)[1], expected, rtol=1e-6)
    found = Unmasked()(tf.constant(x))
    assert not hasattr(found, "_keras_mask")
    with pytest.raises(AttributeError, match="no mask"):
        del found._keras_mask


def test_masks_of_tensors_and_measures_of_models_are_tensors():
    found = layers.Masking(0.0)(np.float32([[[1.0, 0.0], [0.0, 0.0]]]))
    assert found._keras_mask.numpy().tolist() == [[True, False]]
    assert not hasattr(tf.constant(1.0), "_keras_mask")
    model = keras.models.Sequential([layers.Dense(1, input_shape=(3,), kernel_initializer="ones")])
    model.compile("sgd", "mse", metrics=["mae", keras.metrics.MeanSquaredError()])
    model.evaluate(X, Y, verbose=0)
    found = {one.name: one.result().numpy() for one in model.metrics}
    assert found == pytest.approx({"loss": 0.8367, "mae": 0.8571, "mean_squared_error": 0.8367}, rel=1e-4)
    assert all(isinstance(one, keras.metrics.Metric) for one in model.metrics)


def test_truth_values_are_not_added():
    yes = tf.constant([True, False])
    for function in (lambda: yes + yes, lambda: yes - yes, lambda: tf.add(yes, yes)):
        with pytest.raises(InvalidArgumentError, match="of bool is not in the list of allowed values"):
            function()
    assert (yes & yes).numpy().tolist() == (yes * yes).numpy().tolist() == [True, False]


def test_optimizers_list_their_variables_as_attribute_and_method():
    for optimizer in (keras.optimizers.Adam(), keras.optimizers.legacy.Adam()):
        model = keras.models.Sequential([layers.Dense(1, input_shape=(3,))])
        model.compile(optimizer, "mse")
        model.fit(X, Y, verbose=0)
        assert len(optimizer.variables) == len(optimizer.variables()) == 5
        assert not hasattr(model, "metrics_updates")


def test_accumulators_move_forward():
    v, direction = tf.Variable([1.0, 2.0]), tf.constant([1.0, 2.0])
    with tf.autodiff.ForwardAccumulator(v, tf.constant([1.0, 0.0])) as moved:
        total = tf.reduce_sum(v**3)
    assert moved.jvp(total).numpy() == 3
    a, w = tf.constant([[2.0, 3.0], [1.0, 4.0]]), tf.Variable([[1.0], [3.0]])
    given = [tf.constant([[1.0], [0.0]]), tf.constant([[0.0, 0.0], [1.0, 0.0]])]
    with tf.autodiff.ForwardAccumulator([w, a], given) as moved:
        found, other = tf.sigmoid(tf.matmul(a, w)), tf.constant(1.0)
    np.testing.assert_allclose(moved.jvp(found).numpy(), [[3.3378e-05], [4.52994e-06]], rtol=1e-3)
    assert moved.jvp(other) is None and moved.jvp(other, unconnected_gradients="zero").numpy() == 0
    with tf.autodiff.ForwardAccumulator(v, direction) as moved:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(v**3 * tf.reverse(v, [0]))
        slope = tape.gradient(loss, v)
    assert slope.numpy().tolist() == [14, 13] and moved.jvp(slope).numpy().tolist() == [42, 39]
    dense = layers.Dense(2, "tanh", kernel_initializer="ones")
    dense.build((None, 3))
    with tf.autodiff.ForwardAccumulator(dense.kernel, tf.ones((3, 2))) as moved:
        found = dense(X[:1])
    np.testing.assert_allclose(moved.jvp(found).numpy(), [[0.35858, 0.35858]], rtol=1e-4)
    with pytest.raises(ValueError, match="a tangent of shape"):
        tf.autodiff.ForwardAccumulator(v, tf.constant([1.0]))


def test_data_sets_of_compat_and_other_sizes_of_batches():
    data = tf.compat.v1.data.Dataset.range(10)
    assert tf.compat.v1.data.get_output_shapes(data).as_list() == []
    sizes = [batch.numpy().tolist() for batch in data.batch(4).rebatch(3)]
    assert sizes == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]
    assert len(list(data.batch(4).rebatch(3, drop_remainder=True))) == 3


def test_data_sets_are_sampled_in_the_order_of_tensorflow():
    parts = [tf.data.Dataset.range(100 * n, 100 * n + 6) for n in range(3)]

    def drawn(count, **given):
        return [int(one) for one in tf.data.Dataset.sample_from_datasets(parts[:count], **given)]

    everything = [200, 0, 1, 2, 3, 4, 201, 202, 100, 5, 203, 101, 102, 103, 104, 105, 204, 205]
    assert drawn(3, seed=1) == everything
    assert drawn(2, weights=[0.5, 0.5], seed=42) == [100, 101, 102, 103, 0, 104, 1, 2, 3, 105, 4, 5]
    assert drawn(3, weights=[0.2, 0.3, 0.5], seed=42, stop_on_empty_dataset=True) == [
        200,
        201,
        202,
        203,
        100,
        204,
        101,
        0,
        1,
        205,
    ]
    assert sorted(drawn(3, weights=[0.0, 0.5, 0.5])) == [*range(100, 106), *range(200, 206)]
    with pytest.raises(ValueError, match="should have the same length"):
        drawn(3, weights=[0.5, 0.5])


class Measuring(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense, self.mine = layers.Dense(1, kernel_initializer="ones"), keras.metrics.Mean(name="mine")

    def call(self, x):
        found = self.dense(x)
        self.add_metric(tf.reduce_mean(found), name="added", aggregation="mean")
        return found

    def compute_metrics(self, x, y, y_pred, sample_weight):
        found = super().compute_metrics(x, y, y_pred, sample_weight)
        self.mine.update_state(y_pred)
        found["mine"] = self.mine.result()
        return found


def test_a_model_adds_a_metric_and_computes_others():
    model = Measuring()
    model.compile("sgd", "mse", metrics=["mae"])
    found = model.fit(X, Y, epochs=2, shuffle=False, verbose=0).history
    wanted = {"loss": [0.8367, 0.728], "mae": [0.8571, 0.8003], "added": [2.357, 2.3], "mine": [2.357, 2.3]}
    assert set(found) == set(wanted)
    for name, numbers in wanted.items():
        np.testing.assert_allclose(found[name], numbers, rtol=2e-4)
    scores = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert scores["added"] == pytest.approx(2.247, rel=2e-4) and scores["loss"] == pytest.approx(0.6333, rel=2e-4)


def test_a_model_says_whether_a_layer_of_it_keeps_states():
    kept = keras.Sequential([layers.LSTM(2, stateful=True, batch_input_shape=(1, 3, 1))])
    assert kept.stateful is True and keras.Sequential([kept, layers.Dense(1)]).stateful is True
    assert keras.Sequential([layers.Dense(1, input_shape=(2,))]).stateful is False
    assert keras2.models.Sequential([keras2.layers.Dense(1, input_shape=(2,))]).stateful is False


def test_settings_of_several_machines_are_taken():
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    options.threading = tf.data.ThreadingOptions()
    options.threading.private_threadpool_size = 4
    assert [int(one) for one in tf.data.Dataset.range(3).with_options(options)] == [0, 1, 2]


def test_small_parts_of_compat_and_summary():
    assert tf.compat.dimension_value(tf.zeros((2, 3)).shape[-1]) == 3
    assert tf.compat.dimension_at_index(tf.zeros((2, 3)).shape, 0) == 2
    with tf.summary.record_if(lambda: False):
        assert tf.summary.scalar("a", 1.0, step=0) is False and tf.summary.should_record_summaries() is False
    tf.summary.flush()
    tf.debugging.disable_traceback_filtering()
