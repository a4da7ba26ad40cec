"""Graphs of TensorFlow 1 beside Keras: placeholders, sessions, the optimizers of `tf.train`."""

import numpy as np
import pytest

import kerata
from kerata.legacy import keras1, keras2, keras22, tfkeras2
from kerata.legacy.installing import install_as_keras, uninstall

X = np.random.RandomState(0).randn(10, 3).astype("float32")
Y = X[:, :1] * 2 + 1


@pytest.fixture
def tf():
    install_as_keras("keras2")
    import tensorflow

    yield tensorflow
    uninstall()


def losses_of(tf, optimizer, steps=5):
    """The losses before five steps of a linear fit, and the weights after them."""
    x, y = tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.float32, [None, 1], name="y")
    w, b = tf.Variable(tf.zeros([3, 1])), tf.Variable(tf.zeros([1]))
    loss = tf.reduce_mean(tf.square(tf.matmul(x, w) + b - y))
    step = optimizer.minimize(loss)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        found = [session.run([step, loss], feed_dict={x: X, y: Y})[1] for _ in range(steps)]
        return np.float32(found), session.run({"w": w, "b": b})


# The rules of TensorFlow 1 on (weight, gradient, what is kept, number of the step).
def descent(w, g, kept, t):
    return w - 0.1 * g


def adam(w, g, kept, t):
    m, v = (kept.get(k, 0.0) for k in "mv")
    kept["m"], kept["v"] = m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
    return w - 0.1 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (np.sqrt(v) + 1e-8)


def rms(w, g, kept, t):
    kept["v"] = 0.9 * kept.get("v", 1.0) + 0.1 * g * g
    kept["a"] = 0.5 * kept.get("a", 0.0) + 0.1 * g / np.sqrt(kept["v"] + 1e-10)
    return w - kept["a"]


def adagrad(w, g, kept, t):
    kept["a"] = kept.get("a", 0.1) + g * g
    return w - 0.1 * g / np.sqrt(kept["a"])


def momentum(w, g, kept, t):
    kept["a"] = 0.9 * kept.get("a", 0.0) + g
    return w - 0.1 * kept["a"]


def nesterov(w, g, kept, t):
    kept["a"] = 0.9 * kept.get("a", 0.0) + g
    return w - 0.1 * (g + 0.9 * kept["a"])


RULES = {
    "descent": (descent, lambda train: train.GradientDescentOptimizer(0.1)),
    "adam": (adam, lambda train: train.AdamOptimizer(0.1)),
    "rms": (rms, lambda train: train.RMSPropOptimizer(0.1, momentum=0.5)),
    "adagrad": (adagrad, lambda train: train.AdagradOptimizer(0.1)),
    "momentum": (momentum, lambda train: train.MomentumOptimizer(0.1, 0.9)),
    "nesterov": (nesterov, lambda train: train.MomentumOptimizer(0.1, 0.9, use_nesterov=True)),
}


@pytest.mark.parametrize("name", RULES)
def test_a_session_trains_by_the_rules_of_then(tf, name):
    rule, make = RULES[name]
    found, after = losses_of(tf, make(tf.train))
    w, b, kept, said = np.zeros((3, 1)), np.zeros(1), [{}, {}], []
    for t in range(1, 6):
        error = X @ w + b - Y
        said.append((error**2).mean())
        w, b = rule(w, 2 * X.T @ error / 10, kept[0], t), rule(b, 2 * error.mean(0), kept[1], t)
    np.testing.assert_allclose(found, said, rtol=1e-4)
    np.testing.assert_allclose(after["w"], w, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(after["b"], b, rtol=1e-4, atol=1e-5)


def test_layers_of_keras_stand_on_placeholders_and_follow_the_learning_phase(tf):
    K, layers = keras2.backend, keras2.layers
    x, y = tf.placeholder(tf.float32, shape=(None, 3)), tf.placeholder(tf.float32, shape=(None, 2))
    dense = layers.Dense(2, activation="softmax")
    p = dense(layers.Dropout(0.5)(x))
    loss = tf.reduce_mean(keras2.losses.categorical_crossentropy(y, p))
    right = keras2.metrics.categorical_accuracy(y, p)
    labels = np.eye(2)[(X[:, 0] > 0).astype(int)]
    with K.get_session().as_default():
        fed = {x: X, y: labels, K.learning_phase(): 0}
        z = X @ dense.get_weights()[0]
        expected = np.exp(z) / np.exp(z).sum(1, keepdims=True)
        np.testing.assert_allclose(p.eval(feed_dict=fed), expected, rtol=1e-5)
        np.testing.assert_allclose(loss.eval(fed), -np.log((expected * labels).sum(1)).mean(), rtol=1e-5)
        np.testing.assert_array_equal(right.eval(fed), expected.argmax(1) == labels.argmax(1))
        others = p.eval(feed_dict={x: X, K.learning_phase(): 1})
        assert np.abs(others - expected).max() > 0.01
        tf.train.GradientDescentOptimizer(0.5).minimize(loss).run(feed_dict=fed)
        assert loss.eval(fed) < -np.log((expected * labels).sum(1)).mean()


def test_gradients_in_a_graph_are_multiplied_and_applied(tf):
    x = keras2.layers.Input((3,))
    model = keras2.models.Model(x, keras2.layers.Dense(2, use_bias=False)(x))
    given = tf.placeholder(tf.float32, [None, 2])
    (kernel,) = weights = model.trainable_weights
    slopes = tf.gradients(model.output, weights, -given)
    count = tf.Variable(0, trainable=False)
    step = tf.train.GradientDescentOptimizer(1.0).apply_gradients(zip(slopes, weights, strict=True), global_step=count)
    before, factors = model.get_weights()[0], np.ones((10, 2), "float32")
    session = tf.Session(config=tf.ConfigProto())
    assert session.run(step, feed_dict={x: X, given: factors}) is None
    np.testing.assert_allclose(model.get_weights()[0], before + X.T @ factors, rtol=1e-4, atol=1e-5)
    assert (int(session.run(count)), session.run((kernel, [None]))[1]) == (1, [None])
    moved = tf.assign(kernel, tf.transpose(tf.gradients(model.output, x)[0][:2]))
    session.run(moved, {x: X})
    assert np.ptp(model.get_weights()[0], axis=1).max() == 0


def test_what_a_session_is_not_given_it_names(tf):
    x = tf.placeholder(tf.float32, [None, 3], name="rows")
    half = tf.placeholder_with_default(0.5, [])
    total = tf.reduce_sum(x) * half
    session = tf.Session()
    assert (session.run(total, {x: np.ones((2, 3))}), session.run(total, {x: np.ones((2, 3)), half: 2.0})) == (3.0, 12.0)
    with pytest.raises(ValueError, match="rows"):
        session.run(total)
    with pytest.raises(ValueError, match="2 axes"):
        session.run(total, {x: np.ones(3)})
    with pytest.raises(TypeError, match="feed_dict"):
        session.run(total, {"rows": np.ones((2, 3))})


def test_a_function_leaves_moving_averages_alone_but_in_tf_keras():
    for keras, moves in ((keras2, False), (keras1, False), (tfkeras2, True)):
        x = keras.layers.Input(shape=(3,))
        model = keras.models.Model(x, keras.layers.BatchNormalization()(x))
        run = keras.backend.function([model.layers[0].input, keras.backend.learning_phase()], [model.output])
        found = run([X, 1])[0]
        np.testing.assert_allclose(found.mean(0), 0, atol=1e-5)
        assert bool(np.abs(model.get_weights()[2]).max() > 0) is moves


def test_merge_is_a_function_and_the_name_of_a_module():
    for keras in (keras2, keras22):
        a = keras.layers.Input((3,))
        assert keras.layers.merge([a, a], mode="concat").shape == (None, 6)
        assert keras.layers.merge.Concatenate is keras.layers.Concatenate
    assert kerata.legacy.detection.find_era("from keras.layers import merge\nmerge([a, b], mode='sum')").era == "keras1"


def test_sizes_that_are_tensors_are_numbers_of_a_program(tf):
    x = tf.Variable(X)
    with tf.GradientTape() as tape:
        rows = tf.shape(x)[0]
        y = tf.reshape(x, (rows, -1, 1)) * tf.ones([rows, 1, 1])
        total = tf.reduce_sum(tf.tile(y, [1, tf.constant(2), 1]) ** 2)
    np.testing.assert_allclose(tape.gradient(total, x).numpy(), 4 * X, rtol=1e-6)
