"""`tf.sparse`: numbers of TensorFlow 2.21."""

import numpy as np
import pytest

from kerata.legacy import tfkeras2 as keras
from kerata.legacy.tensorflow import names
from kerata.legacy.tensorflow.errors import InvalidArgumentError

MODULES = names.build("tfkeras2")
tf, sparse = MODULES[""], MODULES["sparse"]

ENTRIES = ([[0, 1], [1, 0], [2, 3]], [1.0, 2.0, 3.0], [3, 4])
DENSE = np.array([[0, 1, 0, 0], [2, 0, 0, 0], [0, 0, 0, 3]], "float32")
OTHER = np.arange(8.0).reshape(4, 2).astype("float32")


@pytest.fixture
def entries():
    return tf.SparseTensor(*ENTRIES)


def parts(found):
    return [part.numpy().tolist() for part in (found.indices, found.values, found.dense_shape)]


def test_products_with_dense_matrices(entries):
    product = sparse.sparse_dense_matmul
    np.testing.assert_array_equal(product(entries, OTHER), DENSE @ OTHER)
    np.testing.assert_array_equal(product(entries, OTHER.T, adjoint_b=True), DENSE @ OTHER)
    np.testing.assert_array_equal(product(entries, np.ones((3, 2), "float32"), adjoint_a=True), DENSE.T @ np.ones((3, 2)))
    np.testing.assert_array_equal(product(np.ones((2, 3), "float32"), entries), np.ones((2, 3)) @ DENSE)
    np.testing.assert_array_equal(product(OTHER.T, entries, adjoint_b=True), OTHER.T @ DENSE.T)
    with pytest.raises(TypeError, match="takes a sparse tensor"):
        product(DENSE, OTHER)


def test_a_tape_follows_entries_and_dense_matrices():
    entries, dense = tf.Variable(ENTRIES[1]), tf.Variable(OTHER)
    with tf.GradientTape() as tape:
        made = tf.SparseTensor(ENTRIES[0], entries, ENTRIES[2])
        loss = tf.reduce_sum(sparse.sparse_dense_matmul(made, dense) ** 2) + tf.reduce_sum(sparse.to_dense(made))
    of_entries, of_dense = (tf.convert_to_tensor(one).numpy() for one in tape.gradient(loss, [entries, dense]))
    slopes = 2 * DENSE @ OTHER
    np.testing.assert_allclose(of_dense, DENSE.T @ slopes)
    np.testing.assert_allclose(of_entries, [1 + (slopes @ OTHER.T)[place] for place in map(tuple, ENTRIES[0])])


def test_entries_are_scaled(entries):
    assert parts(entries * 2.0) == [ENTRIES[0], [2.0, 4.0, 6.0], [3, 4]]
    assert (entries / tf.constant([[1.0], [2.0], [4.0]])).values.numpy().tolist() == [1.0, 1.0, 0.75]
    assert (entries * np.arange(12.0).reshape(3, 4).astype("float32")).values.numpy().tolist() == [1.0, 8.0, 33.0]


def test_shapes_are_changed(entries):
    assert parts(sparse.reorder(tf.SparseTensor([[0, 2], [0, 1]], [1.0, 2.0], [3, 4])))[:2] == [[[0, 1], [0, 2]], [2.0, 1.0]]
    assert parts(sparse.transpose(entries)) == [[[0, 1], [1, 0], [3, 2]], [2.0, 1.0, 3.0], [4, 3]]
    assert parts(sparse.reshape(entries, [4, -1])) == [[[0, 1], [1, 1], [3, 2]], [1.0, 2.0, 3.0], [4, 3]]
    assert parts(sparse.expand_dims(entries, 0))[::2] == [[[0, 0, 1], [0, 1, 0], [0, 2, 3]], [1, 3, 4]]
    assert parts(sparse.expand_dims(entries))[2] == [3, 4, 1]
    wide = sparse.concat(1, [entries, entries])
    assert parts(wide)[2] == [3, 8] and parts(wide)[1] == [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]
    np.testing.assert_array_equal(sparse.to_dense(wide), np.concatenate([DENSE, DENSE], 1))
    assert parts(sparse.eye(2, 3)) == [[[0, 0], [1, 1]], [1.0, 1.0], [2, 3]]


def test_sums(entries):
    np.testing.assert_array_equal(sparse.to_dense(sparse.add(entries, sparse.transpose(sparse.transpose(entries)))), 2 * DENSE)
    np.testing.assert_array_equal(sparse.add(entries, np.ones((3, 4), "float32")), DENSE + 1)
    assert sparse.reduce_sum(entries, axis=1).numpy().tolist() == [1.0, 2.0, 3.0]
    assert sparse.reduce_sum(entries, 0, keepdims=True).numpy().tolist() == [[2.0, 1.0, 0.0, 3.0]]
    with pytest.raises(InvalidArgumentError, match="same shape"):
        sparse.add(entries, sparse.eye(3))


def test_functions_of_entries(entries):
    assert sparse.map_values(tf.square, entries).values.numpy().tolist() == [1.0, 4.0, 9.0]
    with pytest.raises(ValueError, match="no sparse tensor"):
        sparse.map_values(tf.square, DENSE)
    found = sparse.softmax(tf.SparseTensor([[0, 0], [0, 2], [1, 1]], [1.0, 2.0, 3.0], [2, 3]))
    np.testing.assert_allclose(found.values, [0.26894, 0.73106, 1.0], atol=1e-5)


def test_a_graph_convolution_is_trained():
    class Graph(keras.layers.Layer):
        def __init__(self, adjacency):
            super().__init__()
            self.adjacency, self.dense = adjacency, keras.layers.Dense(2, kernel_initializer="ones")

        def call(self, x):
            return tf.nn.relu(sparse.sparse_dense_matmul(self.adjacency, self.dense(x)))

    adjacency = sparse.from_dense(np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]], "float32"))
    model = keras.Sequential([Graph(adjacency), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile(keras.optimizers.SGD(1e-4), "mse")
    x = np.arange(12.0).reshape(3, 4).astype("float32")
    history = model.fit(x, np.ones((3, 1)), batch_size=3, epochs=3, verbose=0, shuffle=False)
    np.testing.assert_allclose(history.history["loss"], [11449.0, 160.448, 29.521], rtol=1e-4)
