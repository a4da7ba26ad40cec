"""Tapes of TensorFlow and what they follow: variables that are given to functions and layers, slopes where sides meet.

The numbers are those of TensorFlow 2.21 and `tf_keras`.
"""

import gc
import subprocess
import sys
import weakref

import numpy as np
import pytest

import kerata
from kerata.legacy import keras2, tfkeras2
from kerata.legacy.tensorflow import names

MODULES = names.build("tfkeras2")
tf = MODULES[""]
K, layers = tfkeras2.backend, tfkeras2.layers
U = np.random.RandomState(1).rand(2, 4).astype("float32")


def slope(function, value):
    """The gradient of the sum of a function of a variable."""
    variable = tf.Variable(value)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(function(variable))
    found = tape.gradient(total, variable)
    return None if found is None else found.numpy()


class Squared(layers.Layer):
    def call(self, x):
        return K.square(x)


class Doubled(tfkeras2.models.Model):
    def __init__(self):
        super().__init__()
        self.inner = Squared()

    def call(self, x):
        return 2 * self.inner(x)


OF_VARIABLES = {
    "K.abs": (lambda u: K.abs(u), lambda u: np.sign(u)),
    "K.mean": (lambda u: K.mean(u), lambda u: np.full_like(u, 1 / u.size)),
    "K.stack": (lambda u: K.stack([u, u]), lambda u: np.full_like(u, 2)),
    "K.relu": (lambda u: K.relu(u - 0.5), lambda u: (u > 0.5).astype("float32")),
    "own layer": (lambda u: Squared()(u), lambda u: 2 * u),
    "own model": (lambda u: Doubled()(u), lambda u: 4 * u),
    "Lambda": (lambda u: layers.Lambda(lambda x: x * 3)(u), lambda u: np.full_like(u, 3)),
    "array * u": (lambda u: U * u, lambda u: U),
    "number * u": (lambda u: np.float32(2) * u, lambda u: np.full_like(u, 2)),
    "activation": (lambda u: tfkeras2.activations.get("softplus")(u), lambda u: 1 / (1 + np.exp(-u))),
    "switch": (lambda u: K.switch(tf.constant(True), lambda: u * 2, lambda: u), lambda u: np.full_like(u, 2)),
    "map_fn": (lambda u: K.map_fn(lambda row: row * row, u), lambda u: 2 * u),
    "phase": (lambda u: K.in_train_phase(lambda: u * 5, u, training=True), lambda u: np.full_like(u, 5)),
}


@pytest.mark.parametrize("name", OF_VARIABLES)
def test_tapes_follow_variables_into_what_takes_them(name):
    function, expected = OF_VARIABLES[name]
    np.testing.assert_allclose(slope(function, U), expected(U), rtol=1e-5)


def test_steps_of_a_recurrence_are_followed():
    x, w = np.random.RandomState(0).randn(2, 3, 4).astype("float32"), U[0] * 0.5
    mask = tf.constant([[True, True, False], [True, True, True]])

    def run(v, **kwargs):
        last, outputs, states = K.rnn(lambda i, s: (i * v + s[0], [s[0] + v]), tf.constant(x), [tf.zeros((2, 4))], **kwargs)
        return tf.reduce_sum(last) + tf.reduce_sum(outputs) * 0.1 + tf.reduce_sum(states[0])

    # o(t) = x(t) v + t v, s(t) = (t + 1) v
    plain = x[:, 2].sum(0) + 2 * 2 + 0.1 * (x.sum((0, 1)) + 2 * 3) + 2 * 3
    np.testing.assert_allclose(slope(run, w), plain, rtol=1e-5)
    # The last step of the first sample repeats the one before it.
    last = np.stack([x[0, 1], x[1, 2]]).sum(0) + 1 + 2
    held = last + 0.1 * (x.sum((0, 1)) - x[0, 2] + x[0, 1] + 3 + 2) + 2 + 3
    np.testing.assert_allclose(slope(lambda v: run(v, mask=mask), w), held, rtol=1e-5)
    backwards = x[:, 0].sum(0) + 2 * 2 + 0.1 * (x.sum((0, 1)) + 2 * 3) + 2 * 3
    np.testing.assert_allclose(slope(lambda v: run(v, go_backwards=True), w), backwards, rtol=1e-5)


POINTS = np.float32([-1, 0, 1, 2, 0.5])
AT_TIES = {
    "maximum": (lambda x: tf.maximum(x, 0.0), [0, 1, 1, 1, 1]),
    "maximum of a number": (lambda x: tf.maximum(0.0, x), [0, 0, 1, 1, 1]),
    "minimum": (lambda x: tf.minimum(x, 1.0), [1, 1, 1, 0, 1]),
    "clip": (lambda x: tf.clip_by_value(x, 0.0, 1.0), [0, 1, 1, 0, 1]),
    "K.maximum": (lambda x: K.maximum(x, 0.0), [0, 1, 1, 1, 1]),
    "K.minimum": (lambda x: K.minimum(x, 2.0), [1, 1, 1, 1, 1]),
    "K.clip": (lambda x: K.clip(x, 0, 1), [0, 1, 1, 0, 1]),
    "abs": (lambda x: tf.abs(x), [-1, 0, 1, 1, 1]),
    "K.abs": (lambda x: K.abs(x), [-1, 0, 1, 1, 1]),
    "leaky": (lambda x: tf.nn.leaky_relu(x), [0.2, 0.2, 1, 1, 1]),
    "selu": (lambda x: tf.nn.selu(x), [0.64677, 1.0507, 1.0507, 1.0507, 1.0507]),
    "cross-entropy": (
        lambda x: tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.ones_like(x), logits=x),
        [-0.73106, -0.5, -0.26894, -0.1192, -0.37754],
    ),
    "weighted": (
        lambda x: tf.nn.weighted_cross_entropy_with_logits(labels=tf.ones_like(x), logits=x, pos_weight=2.0),
        [-1.46212, -1.0, -0.53788, -0.2384, -0.75508],
    ),
}


@pytest.mark.parametrize("name", AT_TIES)
def test_slopes_where_two_sides_meet_are_those_of_tensorflow(name):
    function, expected = AT_TIES[name]
    np.testing.assert_allclose(slope(function, POINTS), expected, atol=2e-5)


def test_own_layers_call_activations_and_configs_name_them():
    class Own(layers.Layer):
        def __init__(self, activation):
            super().__init__()
            self.activation = tfkeras2.activations.get(activation)

        def call(self, x):
            return self.activation(x)

    for name in ("relu", "softmax", None):
        np.testing.assert_allclose(Own(name)(tf.constant(U)).numpy().sum(), 2 if name == "softmax" else U.sum(), rtol=1e-5)
    relu = tfkeras2.activations.relu
    assert tfkeras2.activations.get("relu") is relu and tfkeras2.activations.serialize(relu) == "relu"
    assert layers.Dense(2, activation=relu).get_config()["activation"] == "relu"
    assert layers.Dense(2, relu).get_config()["activation"] == layers.Activation(relu).get_config()["activation"] == "relu"


def test_a_module_knows_its_variables():
    class Part(tf.Module):
        def __init__(self):
            super().__init__(name="part")
            self.b, self.a = tf.Variable(1.0), [tf.Variable(2.0, trainable=False)]
            self.dense = layers.Dense(1)
            self.dense.build((None, 2))

    part = Part()
    assert (part.name, len(part.variables), len(part.trainable_variables)) == ("part", 4, 3)
    assert float(part.variables[0]) == 2.0


def test_layers_of_programs_that_ask_for_shapes_get_tensors(tmp_path):
    program = """
from keras.layers import Input, Layer
from keras.models import Model
from keras import backend as K
class Lengths(Layer):
    def call(self, x):
        y = K.sqrt(K.sum(K.square(x), -1))
        return y * y.get_shape().as_list()[1]
    def compute_output_shape(self, shape):
        assert type(shape) is tuple
        return shape[:-1]
x = Input((3, 2))
model = Model(x, Lengths()(x))
"""
    (tmp_path / "p.py").write_text(
        program + "import numpy as np\nassert abs(model.predict(np.ones((1, 3, 2)))[0, 0] - 18**.5) < 1e-5\n"
    )
    # A process of its own: this one may have imported real Keras.
    command = [sys.executable, "-m", "kerata", "run", "--dialect", "keras2", str(tmp_path / "p.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]


def step(layer, x):
    """(output, slope of its sum to the kernel) of a layer under a tape."""
    with tf.GradientTape() as tape:
        found = layer(tf.constant(x))
        total = tf.reduce_sum(found)
    return found.numpy(), tape.gradient(total, layer.kernel).numpy()


def test_layers_of_one_structure_share_programs_and_nothing_else():
    first, second = layers.Dense(3, activation="relu"), layers.Dense(3, activation="relu")
    for layer in (first, second):
        found, slopes = step(layer, U)
        expected = np.maximum(U @ layer.kernel.numpy(), 0)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(slopes, U.T @ (expected > 0), rtol=1e-6, atol=1e-6)
    (call,), (other,) = first._tape_calls.values(), second._tape_calls.values()
    assert call is other
    # A layer that becomes another one takes nothing with it, not for shapes that come later either.
    first.activation = tfkeras2.activations.linear
    np.testing.assert_allclose(step(first, U)[0], U @ first.kernel.numpy(), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(step(second, -U[:1])[0], np.maximum(-U[:1] @ second.kernel.numpy(), 0), rtol=1e-6, atol=1e-6)
    # What they share is kept by them alone.
    gone = weakref.ref(call)
    del first, second, layer, call, other
    gc.collect()
    assert gone() is None


def test_a_schedule_of_a_programs_own_is_asked_in_each_step():
    class Halved(tfkeras2.optimizers.schedules.LearningRateSchedule):
        def __call__(self, number):
            asked.append(int(number))
            return 0.5 ** (tf.cast(number, tf.float32) + 1)

    asked = []
    optimizer, weight = tfkeras2.optimizers.SGD(Halved()), tf.Variable(1.0)
    values = []
    for _ in range(3):
        optimizer.apply_gradients([(tf.constant(1.0), weight)])
        values.append(float(weight))
    assert values == [0.5, 0.25, 0.125]
    assert asked == [0, 1, 2]


Y = np.ones((2, 4), "float32")
FOUND = {
    "losses.get": (lambda u: tfkeras2.losses.get("mse")(Y, u), lambda u: (u - 1) / 2),
    "losses.get of a class": (lambda u: tfkeras2.losses.get("MeanSquaredError")(Y, u), lambda u: (u - 1) / 4),
    "losses.deserialize": (lambda u: tfkeras2.losses.deserialize("mean_squared_error")(Y, u), lambda u: (u - 1) / 2),
    "metrics.get": (lambda u: tfkeras2.metrics.get("mse")(Y, u), lambda u: (u - 1) / 2),
    "regularizers.get": (lambda u: tfkeras2.regularizers.get("l2")(u), lambda u: 0.02 * u),
    "regularizers.L1": (lambda u: tfkeras2.regularizers.L1(0.5)(u), lambda u: 0.5 * np.sign(u)),
    "regularizers.l2": (lambda u: tfkeras2.regularizers.l2(0.5)(u), lambda u: u),
    "constraints.get": (lambda u: tfkeras2.constraints.get("non_neg")(u - 0.5), lambda u: (u >= 0.5).astype("float32")),
    "constraints.MaxNorm": (lambda u: tfkeras2.constraints.MaxNorm(100.0)(u), np.ones_like),
}


@pytest.mark.parametrize("name", FOUND)
def test_what_is_found_by_name_is_followed(name):
    function, wanted = FOUND[name]
    np.testing.assert_allclose(slope(function, U), wanted(U), rtol=1e-4)


def test_metrics_found_by_short_names_are_functions():
    assert tfkeras2.metrics.get("mae").__name__ == "mean_absolute_error"
    np.testing.assert_allclose(tfkeras2.metrics.get("mae")(Y, U).numpy(), np.abs(Y - U).mean(-1), rtol=1e-6)
    assert isinstance(tfkeras2.metrics.get("AUC"), tfkeras2.metrics.AUC)


def test_losses_that_differ_in_a_number_alone_share_nothing():
    """Each has its own number, also one that is changed later; under a tape, and without one."""
    target, shorter = np.full((4, 2), 3, "float32"), np.full((3, 2), 3, "float32")

    def told(loss, target=target):
        variable = tf.Variable(np.full(target.shape, 0.3, "float32"))
        with tf.GradientTape() as tape:
            value = loss(target, variable)
        assert float(loss(target, variable)) == float(value)
        return float(value), tape.gradient(value, variable).numpy()[0, 0]

    Huber, BinaryCrossentropy = tfkeras2.losses.Huber, tfkeras2.losses.BinaryCrossentropy
    first = Huber(0.5)
    np.testing.assert_allclose(told(first), (1.225, -0.0625), rtol=1e-5)
    np.testing.assert_allclose(told(Huber(2.0)), (3.4, -0.25), rtol=1e-5)
    np.testing.assert_allclose(told(BinaryCrossentropy(label_smoothing=0.1)), (2.6867433, -1.4583328), rtol=1e-5)
    np.testing.assert_allclose(told(BinaryCrossentropy(label_smoothing=0.2)), (2.4749188, -1.3095235), rtol=1e-5)
    first.delta = 2.0
    np.testing.assert_allclose(told(first), (3.4, -0.25), rtol=1e-5)
    np.testing.assert_allclose(told(Huber(0.5), shorter), (1.225, -1 / 12), rtol=1e-5)


def test_tapes_follow_weights_of_frozen_layers():
    """As in a program that frees its discriminator between the loss and the gradients."""
    model = tfkeras2.Sequential([layers.Dense(1, input_shape=(2,), kernel_initializer="ones"), layers.BatchNormalization()])
    model.trainable = False
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(tf.constant([[1.0, 2.0]])))
    assert len(tape.watched_variables()) == 4 and model.trainable_variables == []
    model.trainable = True
    found = tape.gradient(loss, model.trainable_variables)
    np.testing.assert_allclose(found[0].numpy().ravel(), np.array([1.0, 2.0]) / np.sqrt(1.001), rtol=1e-5)
    assert len(found) == 4


def test_a_step_frees_what_it_trains_after_its_loss():
    class Freeing(tfkeras2.Model):
        def __init__(self):
            super().__init__()
            self.part = tfkeras2.Sequential([layers.Dense(1, use_bias=False, input_shape=(2,), kernel_initializer="ones")])

        def train_step(self, x):
            self.part.trainable = False
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(self.part(x))
            self.part.trainable = True
            weights = self.part.trainable_variables
            self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
            return {"loss": loss}

    model = Freeing()
    model.compile(tfkeras2.optimizers.SGD(0.5))
    model.fit(np.array([[1.0, 2.0]], "float32"), verbose=0)
    assert model.part.get_weights()[0].ravel().tolist() == [0.5, 0.0]


def test_what_leads_to_no_source_is_not_walked_back():
    @tf.custom_gradient
    def one_way(x):
        def backward(*_):
            raise AssertionError("nobody asks for it")

        return x * 2.0, backward

    v, w = tf.Variable(3.0), tf.Variable(5.0)
    with tf.GradientTape() as tape:
        loss = one_way(v) * w
    assert float(tape.gradient(loss, w)) == 6.0


def test_a_leaky_unit_has_its_lower_slope_at_zero():
    """In `fit` too: biases that begin at 0 learn from empty parts of pictures by it. Today's layer keeps JAX's."""
    assert slope(layers.LeakyReLU(0.25), np.array([-1.0, 0.0, 2.0], "float32")).tolist() == [0.25, 0.25, 1.0]
    for era, wanted in ((tfkeras2, -0.25), (keras2, -0.25), (kerata, -1.0)):
        made = era.layers
        inputs = era.layers.Input((2,)) if era is keras2 else era.Input((2,))
        model = era.models.Model(inputs, made.LeakyReLU(0.25)(made.Dense(1)(inputs)))
        model.compile(era.optimizers.SGD(1.0), "mse")
        model.fit(np.zeros((2, 2), "float32"), np.full((2, 1), -0.5, "float32"), verbose=0)
        assert model.get_weights()[1].tolist() == [wanted]
