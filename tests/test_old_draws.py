"""`tf.random.gamma` and `poisson`: a block of numbers for each parameter, as `tf_keras` 2.21 and TensorFlow give them."""

import numpy as np
import pytest

from kerata.legacy import tfkeras2
from kerata.legacy.tensorflow.names import build, modules

tf = build("tfkeras2")[""]
COLUMN = [[1.0], [2.0]]
SHAPES = {
    "gamma of a list": (lambda: tf.random.gamma([3], [0.2]), (3, 1)),
    "gamma, both parameters": (lambda: tf.random.gamma([2], tf.constant([0.2, 0.3]), tf.constant(COLUMN)), (2, 2, 2)),
    "gamma of an array": (lambda: tf.random.gamma([2], np.array([0.2, 0.3])), (2, 2)),
    "gamma of a number": (lambda: tf.random.gamma([], 1.0), ()),
    "poisson of a list": (lambda: tf.random.poisson([3], [1.0, 2.0]), (3, 2)),
    "poisson of a row": (lambda: tf.random.poisson([2, 3], np.array([[1.0, 2.0]])), (2, 3, 1, 2)),
    "poisson of a number": (lambda: tf.random.poisson([3], 2.0), (3,)),
    "gamma of then": (lambda: tf.random_gamma([3], [0.2, 0.3]), (3, 2)),
    "poisson of then": (lambda: tf.random_poisson([0.2, 0.3], [3]), (3, 2)),
    "categorical of then": (lambda: tf.multinomial(tf.zeros((2, 3)), 4), (2, 4)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_each_parameter_has_a_block_of_draws(name):
    draw, shape = SHAPES[name]
    assert draw().shape == shape


def test_draws_have_the_means_of_their_distributions():
    tf.random.set_seed(1)
    found = tf.random.gamma([40000], [1.0, 2.0], [1.0, 4.0]).numpy()
    np.testing.assert_allclose(found.mean(0), [1.0, 0.5], rtol=0.05)
    found = tf.random.poisson([40000], [1.0, 6.0]).numpy()
    np.testing.assert_allclose([found.mean(0), found.var(0)], [[1.0, 6.0]] * 2, rtol=0.05)


def test_no_draw_is_0_as_shares_of_two_draws_are_taken():
    assert tf.random.gamma([4000], 0.001).numpy().min() > 0


def test_slopes_go_through_draws_of_gamma():
    tf.random.set_seed(1)
    alpha = tf.Variable([1.0, 2.0])
    with tf.GradientTape() as tape:
        mean = tf.reduce_mean(tf.random.gamma([40000], alpha))
    np.testing.assert_allclose(tape.gradient(mean, alpha).numpy(), [0.5, 0.5], rtol=0.05)


def test_parameters_that_a_model_computes():
    class Counts(tfkeras2.layers.Layer):
        def call(self, x):
            return tf.random.poisson([5], x) + tf.random.gamma([5], x)

    x = tfkeras2.layers.Input((3,))
    model = tfkeras2.Model(x, Counts()(x))
    found = model.predict(np.full((4, 3), 100.0, "float32"), verbose=0)
    assert found.shape == (5, 4, 3)
    assert found.min() > 150 and found.max() < 250
    assert modules("tfkeras2")["random"]["gamma"]([2], [1.0]).dtype == tf.float32
