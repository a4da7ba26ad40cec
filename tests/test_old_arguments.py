"""Defaults, orders and types of arguments in `tf.keras` and beside it. Values: tf_keras 2.21 and TensorFlow."""

import numpy as np
import pytest

from kerata.legacy import tfkeras2
from kerata.legacy.tensorflow import names

tf = names.build("tfkeras2")[""]
layers = tfkeras2.layers


@pytest.mark.parametrize("made", [layers.ConvLSTM1D(2, 3), layers.ConvLSTM2D(2, 3), layers.ConvLSTM3D(2, 3)], ids=str)
def test_recurrent_convolutions_have_the_hard_sigmoid(made):
    assert made.get_config()["recurrent_activation"] == "hard_sigmoid"


def test_lion_learns_at_a_tenth_of_todays_rate():
    assert float(tfkeras2.backend.get_value(tfkeras2.optimizers.Lion().learning_rate)) == pytest.approx(1e-4)
    given = tfkeras2.optimizers.Lion(0.1, 0.8, weight_decay=0.2)
    assert (float(given.learning_rate), given.beta_1, given.weight_decay) == (pytest.approx(0.1), 0.8, 0.2)


def test_orders_of_then():
    assert layers.Conv3DTranspose(2, 2, 1, "same", None, "channels_last", 1, "relu").get_config()["activation"] == "relu"
    assert layers.GlobalAveragePooling2D(None, True)(tf.ones((1, 2, 2, 3))).shape.as_list() == [1, 1, 1, 3]
    assert layers.GaussianNoise(0.1, 3).get_config()["seed"] == 3


def test_base_classes_take_the_reduction_and_the_name_first():
    class Distance(tfkeras2.losses.Loss):
        def __init__(self, reduction="sum", name="distance"):
            super().__init__(reduction, name)

        def call(self, y_true, y_pred):
            return tf.abs(y_true - y_pred)[:, 0]

    class Total(tfkeras2.metrics.Metric):
        def __init__(self, name="total", dtype=None):
            super().__init__(name, dtype)

        def update_state(self, y_true, y_pred, sample_weight=None):
            pass

        def result(self):
            return 0.0

    class Largest(tfkeras2.metrics.Mean):
        def __init__(self, name="largest", dtype=None):
            super().__init__(name, dtype)

    loss = Distance()
    assert (loss.name, loss.reduction) == ("distance", "sum")
    assert float(loss(np.ones((3, 1), np.float32), np.zeros((3, 1), np.float32))) == 3.0
    assert (Total().name, Total("other", "float32").name, Largest().name) == ("total", "other", "largest")


@pytest.mark.parametrize("arguments", [((3,), 4), {"shape": (3,), "batch_size": 4}, {"batch_shape": (4, 3)}], ids=str)
def test_inputs_know_the_size_of_their_batch_and_take_others(arguments):
    x = layers.Input(*arguments) if isinstance(arguments, tuple) else layers.Input(**arguments)
    model = tfkeras2.Model(x, layers.Dense(2)(x))
    assert (tuple(x.shape), tuple(model.output_shape)) == ((4, 3), (4, 2))
    model.compile("sgd", "mse")
    assert model.predict(np.ones((6, 3)), verbose=0).shape == (6, 2)
    assert model.fit(np.ones((6, 3)), np.ones((6, 2)), batch_size=4, verbose=0).epoch == [0]


@pytest.mark.parametrize(
    ("forward", "backward", "mode", "expected"),
    [
        ("LSTM", "GRU", "sum", [0.48901, 0.48901]),
        ("GRU", "LSTM", "concat", [0.26887, 0.26887, 0.22014, 0.22014]),
        ("LSTM", "SimpleRNN", "concat", [0.22014, 0.22014, 0.44303, 0.44303]),
    ],
)
def test_directions_of_two_kinds(forward, backward, mode, expected):
    x = layers.Input((2, 3))
    other = getattr(layers, backward)(2, go_backwards=True)
    both = layers.Bidirectional(getattr(layers, forward)(2), mode, None, other)
    model = tfkeras2.Model(x, both(x))
    model.set_weights([np.full_like(one, 0.1) for one in model.get_weights()])
    np.testing.assert_allclose(model.predict(np.ones((1, 2, 3)), verbose=0)[0], expected, atol=1e-5)


@pytest.mark.parametrize("dtype", ["int64", "float64", "uint8", "float32"])
@pytest.mark.parametrize("name", ["add", "multiply", "subtract", "maximum", "divide", "pow"])
def test_lists_take_the_type_of_the_tensor_beside_them(name, dtype):
    x = tf.constant([[1, 2]], dtype)
    found = getattr(tf, name)(x, [1, 1])
    wanted = {"int64": "float64", "uint8": "float32"}.get(dtype, dtype) if name == "divide" else dtype
    assert found.dtype.name == wanted
    np.testing.assert_allclose(found.numpy()[0], {"add": [2, 3], "subtract": [0, 1]}.get(name, [1, 2]))
    assert tf.equal([1, 1], x).numpy().tolist() == [[True, False]]
    assert (x != [1, 1]).numpy().tolist() == [[False, True]]


def test_a_list_beside_a_variable():
    assert (tf.Variable([1.0, 2.0]) * [3, 4]).numpy().tolist() == [3.0, 8.0]
    with pytest.raises(tf.errors.InvalidArgumentError):
        tf.add(tf.constant([1]), tf.constant([1.0]))


def test_numbers_that_are_too_large_go_round():
    assert tf.cast([1.9, -1.9, 300.0], tf.uint8).numpy().tolist() == [1, 255, 44]
    assert tf.cast([1.9, -1.9, 200.0], "int8").numpy().tolist() == [1, -1, -56]
    assert tf.cast([1.9, -1.9], tf.int32).numpy().tolist() == [1, -1]


def test_places_of_the_largest_are_of_32_bits():
    found = tf.nn.top_k(tf.constant([[3, 5, 1]], tf.int64), 2)
    assert (found.values.dtype.name, found.indices.dtype.name) == ("int64", "int32")
    assert found.indices.numpy().tolist() == [[1, 0]]
    assert [one.shape.as_list() for one in tf.split(tf.ones((2, 4)), [1, 3], axis=1, num=2)] == [[2, 1], [2, 3]]


def test_structures_hold_lists_too():
    assert tf.nest.flatten({"b": 1, "a": [2, (3,)]}) == [2, 3, 1]
    assert tf.nest.map_structure(lambda a, b: a + b, {"a": [1, 2], "b": (3,)}, {"a": [1, 1], "b": (1,)}) == {
        "a": [2, 3],
        "b": (4,),
    }
    assert tf.nest.pack_sequence_as({"b": 0, "a": [0, 0]}, [2, 3, 1]) == {"a": [2, 3], "b": 1}
    with pytest.raises(ValueError, match="leaves"):
        tf.nest.map_structure(lambda a, b: a, [1, 2], [1])
