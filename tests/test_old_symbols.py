"""What programs asked of symbolic tensors, folders that a process reads again, and classes that Keras 3 took away."""

import numpy as np
import pytest

import kerata
from kerata.engine.symbolic import SymbolicTensor
from kerata.legacy import keras2, tfkeras2
from kerata.legacy.symbols import answer_as
from kerata.legacy.tensorflow.layers import in_use
from kerata.legacy.tensorflow.names import build
from kerata.saving import FileError

MODULES = build("tfkeras2")
tf, keras = MODULES[""], tfkeras2


@pytest.fixture
def answering():
    """Symbolic tensors answer as those of an era until the test ends, in a program that asks for `get_shape`."""
    before, in_use[0] = in_use[0], True
    yield answer_as
    in_use[0] = before
    answer_as("keras3")


def test_shapes_of_symbolic_tensors_answer_as_in_tf_keras(answering):
    answering("tfkeras2")
    x = keras.Input((4, 3))
    assert x.get_shape().as_list() == x.shape.as_list() == [None, 4, 3]
    assert x.shape.rank == x.shape.ndims == 3 and x.shape[1:].num_elements() == 12 and not x.shape.is_fully_defined()
    assert repr(x.shape) == str(x.shape) == "(None, 4, 3)" and x.shape == (None, 4, 3)
    assert (*x.shape[:1], 7) == x.shape[:1] + (7,) == (None, 7)
    assert x.dtype.is_floating and x.dtype.name == x.dtype == "float32" and x.dtype == tf.float32
    y = keras.layers.Flatten()(keras.layers.Dense(x.shape[-1] // 3)(x))
    assert keras.Model(x, y).output_shape == (None, 4) and y.shape.as_list() == [None, 4]


def test_sizes_of_tensorflow_1_have_a_value(answering):
    answering("keras2")
    x = keras2.layers.Input((6,))
    assert x.get_shape()[1].value == 6 and x.get_shape()[0].value is None and x.get_shape().as_list() == [None, 6]
    assert (x.get_shape()[1] * 2).value == 12 and int(x.get_shape()[-1]) == x.shape[1].value == 6
    assert tf.constant([[1.0, 2.0]]).get_shape()[1].value == 2
    halves = keras2.layers.Lambda(lambda t: keras2.backend.reshape(t, (-1, t.get_shape()[1].value // 2, 2)))(x)
    assert tuple(halves.shape) == (None, 3, 2)


def test_tensors_of_today_have_plain_shapes():
    x = kerata.Input((3,))
    assert type(x.shape) is tuple and type(x.dtype) is str and not hasattr(SymbolicTensor, "get_shape")


def test_an_input_layer_has_a_shape_of_its_input():
    model = keras.Model(x := keras.Input((4,)), keras.layers.Dense(2)(x))
    assert [layer.input_shape for layer in model.layers] == [[(None, 4)], (None, 4)]
    assert [layer.output_shape for layer in model.layers] == [[(None, 4)], (None, 2)]
    model = keras2.models.Model(x := keras2.layers.Input((4,)), keras2.layers.Dense(2)(x))
    assert [layer.input_shape for layer in model.layers] == [(None, 4), (None, 4)]


# Folders that this process wrote


def scaling(number):
    class Scale(keras.layers.Layer):
        def __init__(self, factor=number, **kwargs):
            super().__init__(**kwargs)
            self.factor = factor

        def call(self, x):
            return x * self.factor

        def get_config(self):
            return {**super().get_config(), "factor": self.factor}

    return Scale


def test_own_classes_come_back_in_the_process_that_wrote_the_folder(tmp_path):
    x = np.ones((2, 2), "float32")
    Scale = scaling(3.0)
    model = keras.Sequential([Scale(2.0, input_shape=(2,)), keras.layers.Dense(1, activation=lambda_like)])
    expected = model.predict(x, verbose=0)
    model.save(str(tmp_path / "folder"))
    again = keras.models.load_model(str(tmp_path / "folder"))
    np.testing.assert_allclose(again.predict(x, verbose=0), expected)
    assert type(again.layers[0]) is Scale
    # What is given counts, and what the folder has become is another model's.
    assert (
        type(keras.models.load_model(str(tmp_path / "folder"), custom_objects={"Scale": scaling(1.0)}).layers[0]) is not Scale
    )
    described = tmp_path / "folder" / "keras_metadata.pb"
    described.write_bytes(described.read_bytes() + b"\n")
    with pytest.raises((FileError, ValueError)):
        keras.models.load_model(str(tmp_path / "folder"))


def lambda_like(x):
    return x + 1.0


# Classes that Keras 3 took away: numbers of tf_keras 2.21


def test_rings_of_one_number():
    kernel = tf.constant(np.arange(16.0).reshape(4, 4, 1, 1), tf.float32)
    found = keras.constraints.RadialConstraint()(kernel).numpy()[..., 0, 0]
    assert found.tolist() == [[15, 15, 15, 15], [15, 5, 5, 15], [15, 5, 5, 15], [15, 15, 15, 15]]
    odd = keras.constraints.radial_constraint()(tf.constant(np.arange(9.0).reshape(3, 3, 1, 1), tf.float32))
    assert odd.numpy().ravel().tolist() == [4, 4, 4, 4, 0, 4, 4, 4, 4]
    with pytest.raises(ValueError, match="four axes"):
        keras.constraints.RadialConstraint()(tf.ones((3, 3)))


def test_means_of_tensors_and_of_relative_errors():
    error = keras.metrics.MeanRelativeError(normalizer=[1.0, 3.0, 0.0, 2.0])
    error.update_state([1.0, 3.0, 2.0, 3.0], [2.0, 4.0, 6.0, 8.0])
    np.testing.assert_allclose(error.result().numpy(), 0.9583, atol=1e-4)
    error.update_state([1.0, 3.0, 2.0, 3.0], [2.0, 4.0, 6.0, 8.0], sample_weight=[0, 1, 1, 0])
    np.testing.assert_allclose(error.result().numpy(), 0.6944, atol=1e-4)
    mean = keras.metrics.MeanTensor()
    mean.update_state([0.0, 1.0, 2.0, 3.0])
    mean.update_state([4.0, 5.0, 6.0, 7.0])
    assert mean.result().numpy().tolist() == [2.0, 3.0, 4.0, 5.0]
    mean.reset_state()
    mean.update_state([1.0, 2.0, 3.0, 4.0], sample_weight=[0.0, 0.2, 0.5, 1.2])
    np.testing.assert_allclose(mean.result().numpy(), [0.0, 2.0, 3.0, 4.0], rtol=1e-6)
    with pytest.raises(ValueError, match="always have the same shape"):
        mean.update_state([1.0])


def test_cells_have_a_base():
    class Cell(keras.layers.AbstractRNNCell):
        state_size = output_size = 2

        def build(self, shape):
            self.kernel = self.add_weight(shape=(shape[-1], 2), initializer="ones", name="kernel")
            self.built = True

        def call(self, x, states):
            now = tf.matmul(x, self.kernel) + 0.5 * states[0]
            return now, [now]

    found = keras.layers.RNN(Cell())(np.ones((1, 3, 2), "float32"))
    np.testing.assert_allclose(found.numpy(), [[3.5, 3.5]])
    assert Cell().get_initial_state(batch_size=3).shape == (3, 2)


def test_sums_of_tensors_leave_the_names_of_layers_alone(tmp_path):
    """Layers of an era are counted apart from functions, so that `x + y` beside the first `Add()` had its name."""
    keras.backend.clear_session()
    x = keras.Input((3,))
    y = keras.layers.Multiply()([x * 2.0, x])
    model = keras.Model(x, keras.layers.Add()([x + y, y]))
    assert [layer.name for layer in model.layers][1:] == ["multiply", "add"]
    given = np.ones((2, 3), "float32")
    assert model.predict(given, verbose=0)[0].tolist() == [5.0] * 3
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.get_layer("add").name == "add" and again.predict(given, verbose=0)[0].tolist() == [5.0] * 3
    first = kerata.Input((3,))
    total = first + 1.0
    with pytest.raises(ValueError, match="used 2 times"):
        kerata.Model(first, kerata.layers.Add(name=total.history[0].name)([total, first]))


def test_layers_of_today_take_tensors_of_tensorflow():
    """As the functional model of a `FeatureSpace` is given a dict of them; not under a tape, which could not follow."""
    inputs, layer = kerata.Input((1,)), kerata.layers.Normalization(mean=1.0, variance=4.0)
    model = kerata.Model({"age": inputs}, layer(inputs))
    given = tf.constant([[1.0], [3.0]])
    assert np.asarray(model({"age": given})).tolist() == np.asarray(layer(given)).tolist() == [[0.0], [1.0]]
    assert np.asarray(kerata.layers.StringLookup(vocabulary=["a"])(tf.constant(["a", "b"]))).tolist() == [1, 0]
    with tf.GradientTape() as tape, pytest.raises(TypeError, match="no tape can follow"):
        tape.watch(given)
        layer(given)
