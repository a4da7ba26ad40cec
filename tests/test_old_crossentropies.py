"""Cross-entropies of old programs: at the edges of probabilities, and of labels that do not sum to 1."""

import numpy as np
import pytest

import kerata
from kerata.legacy import tfkeras2
from kerata.legacy.tensorflow import names

tf = names.build("tfkeras2")[""]
Z = np.float32([[1, 2, 3], [1, 2, 3], [0.5, 0.1, -1]])
Y = np.float32([[0, 0, 0], [1, 1, 0], [0, 1, 0]])
# What TensorFlow 2.21 gives: softmax - labels, whatever the labels sum to; and of probabilities, what analysis gives.
OF_LOGITS = [[0.09003057, 0.24472848, 0.66524094], [-0.90996945, -0.75527155, 0.66524094], [0.5281364, -0.6459796, 0.11784317]]
OF_PROBABILITIES = [[0, 0, 0], [-0.81993896, -0.5105429, 1.3304819], [0.52813643, -0.6459796, 0.11784317]]


def slope(function):
    z = tf.constant(Z)
    with tf.GradientTape() as tape:
        tape.watch(z)
        value = function(z)
    np.testing.assert_allclose(value.numpy(), [0, 3.8152118, 1.0384007], rtol=1e-5)
    return tape.gradient(value, z).numpy()


def test_the_slope_of_a_softmax_is_that_of_tensorflow_where_labels_do_not_sum_to_1():
    losses, K = tfkeras2.losses, tfkeras2.backend
    for function in (
        lambda z: tf.nn.softmax_cross_entropy_with_logits(labels=Y, logits=z),
        lambda z: losses.categorical_crossentropy(Y, z, from_logits=True),
        lambda z: losses.CategoricalCrossentropy(from_logits=True, reduction="none")(Y, z),
        lambda z: K.categorical_crossentropy(Y, z, from_logits=True),
    ):
        np.testing.assert_allclose(slope(function), OF_LOGITS, rtol=1e-5)
    found = slope(lambda z: losses.categorical_crossentropy(Y, tf.nn.softmax(z)))
    np.testing.assert_allclose(found, OF_PROBABILITIES, rtol=1e-5, atol=1e-7)


# Biases after one step of plain descent with the rate 1, from tf_keras 2.21: rows of zeros fill up sequences.
STEPS = {(2, 3): [-0.08139202, 0.22616988, -0.14477786], (1, 2, 3): [0.09402615, 0.31798306, -0.4120092]}


def stepped(era, shape, loss="categorical_crossentropy"):
    keras = getattr(kerata.legacy, era)
    generator = np.random.RandomState(0)
    x = {one: generator.randn(*one).astype("float32") for one in STEPS}[shape]
    model = keras.models.Sequential([keras.layers.Dense(3, activation="softmax", input_shape=shape[1:])])
    model.set_weights([np.eye(3, dtype="float32"), np.zeros(3, "float32")])
    model.compile(keras.optimizers.SGD(1.0), loss if isinstance(loss, str) else loss(keras))
    model.train_on_batch(x, np.float32([[0, 0, 0], [1, 1, 0]]).reshape(shape))
    return model.get_weights()[1]


@pytest.mark.parametrize("shape", STEPS)
@pytest.mark.parametrize("era", ["keras2", "tfkeras2"])
def test_rows_without_a_label_move_weights_in_training(era, shape):
    np.testing.assert_allclose(stepped(era, shape), STEPS[shape], rtol=1e-5)
    np.testing.assert_allclose(stepped(era, shape, lambda k: k.losses.CategoricalCrossentropy()), STEPS[shape], rtol=1e-5)
    np.testing.assert_allclose(stepped(era, shape, lambda k: k.losses.categorical_crossentropy), STEPS[shape], rtol=1e-5)


@pytest.mark.parametrize("era", ["keras1", "keras22"])
def test_before_2_3_they_did_not(era):
    x = np.random.RandomState(0).randn(2, 3).astype("float32")[1]
    p = np.exp(x) / np.exp(x).sum()
    np.testing.assert_allclose(stepped(era, (2, 3)), -(2 * p - [1, 1, 0]) / 2, rtol=1e-5)


# By hand, in 32 bits: log of 1e-7, and of (1 - 1e-7) / 1.19e-7. Sparse labels divide once more by the sum of the probabilities.
EDGES = {
    "categorical_crossentropy": (3, "softmax", [[0, 1, 0]], 16.118095),
    "sparse_categorical_crossentropy": (3, "softmax", [[1]], 16.118095),
    "binary_crossentropy": (1, "sigmoid", [[0]], 15.942385),
}


@pytest.mark.parametrize("given", ["name", "function"])
@pytest.mark.parametrize("loss", EDGES)
@pytest.mark.parametrize("era", ["keras1", "keras22", "keras2", "tfkeras2"])
def test_before_2_3_a_certain_error_cost_16_and_taught_nothing(era, loss, given):
    keras = getattr(kerata.legacy, era)
    units, activation, label, most = EDGES[loss]
    model = keras.models.Sequential([keras.layers.Dense(units, activation=activation, input_dim=1)])
    model.set_weights([np.float32([[100] + [0] * (units - 1)]), np.zeros(units, "float32")])
    functions = keras.objectives if era == "keras1" else keras.losses
    model.compile("sgd", loss if given == "name" else getattr(functions, loss), metrics=["accuracy"])
    found = model.train_on_batch(np.ones((1, 1)), np.float32(label))
    before = era in ("keras1", "keras22")
    assert found[0] == pytest.approx(most if before else 100.0, rel=1e-6)
    assert np.any(model.get_weights()[1]) != before
    K = keras.backend
    edge = K.variable(np.float32([[1, 0, 0]]) if units == 3 else np.float32([[1]]))
    label = K.variable(np.float32(label)) if loss != "sparse_categorical_crossentropy" else K.constant(label, dtype="int32")
    pair = (edge, label) if era == "keras1" else (label, edge)
    if before:
        assert np.ravel(K.eval(getattr(K, loss)(*pair))) == pytest.approx([most], rel=1e-6)


# What loops by hand know of predictions

X3 = np.eye(3, dtype="float32")
Y3 = np.float32([[0, 1, 0], [0, 0, 0], [1, 1, 0]])
keras = tfkeras2


def classifier(activation="softmax"):
    model = keras.models.Sequential([keras.layers.Dense(3, activation=activation, input_shape=(3,))])
    model.set_weights([np.eye(3, dtype="float32") * 20, np.zeros(3, "float32")])
    return model


class ByLoss(keras.models.Model):
    def loss_of(self, x, y, y_pred):
        return keras.losses.CategoricalCrossentropy()(y, y_pred)

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.loss_of(x, y, self(x, training=True))
        found = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(found, self.trainable_variables, strict=True))
        return {"loss": loss}


class ByFunction(ByLoss):
    def loss_of(self, x, y, y_pred):
        return tf.reduce_mean(keras.losses.categorical_crossentropy(y, y_pred))


class ByCompiled(ByLoss):
    def loss_of(self, x, y, y_pred):
        return self.compiled_loss(y, y_pred, regularization_losses=self.losses)


class ByCompute(ByLoss):
    def loss_of(self, x, y, y_pred):
        return self.compute_loss(x, y, y_pred)


@pytest.mark.parametrize("activation", ["softmax", lambda z: tf.nn.softmax(z), lambda z: keras.backend.softmax(z)])
@pytest.mark.parametrize("kind", [keras.models.Model, ByLoss, ByFunction, ByCompiled, ByCompute])
def test_steps_of_a_program_learn_from_certain_errors(kind, activation):
    inner = classifier(activation)
    model = kind(inner.inputs, inner.outputs)
    model.compile(keras.optimizers.SGD(1.0), "categorical_crossentropy")
    loss = model.train_on_batch(X3, Y3)
    assert (loss["loss"] if isinstance(loss, dict) else loss) == pytest.approx(20.0)
    np.testing.assert_allclose(model.get_weights()[1], [0, 0.33333, -0.33333], atol=1e-5)


@pytest.mark.parametrize("around", [lambda function: function, tf.function])
def test_loops_by_hand_learn_from_certain_errors(around):
    model, loss = classifier(), keras.losses.CategoricalCrossentropy()

    @around
    def step(x, y):
        with tf.GradientTape() as tape:
            value = loss(y, model(x, training=True))
        return value, tape.gradient(value, model.trainable_variables)

    value, (_, bias) = step(tf.constant(X3), tf.constant(Y3))
    assert value.numpy() == pytest.approx(20.0)
    np.testing.assert_allclose(bias.numpy(), [0, -0.33333, 0.33333], atol=1e-5)


def test_tensorflow_saw_the_softmax_of_its_own_in_a_graph_alone():
    z, y = tf.constant([[100.0, 2.0, 3.0]]), tf.constant([[0.0, 1.0, 0.0]])

    def loss(z):
        return keras.losses.categorical_crossentropy(y, tf.nn.softmax(z))

    assert loss(z).numpy() == pytest.approx([16.118095])
    assert tf.function(loss)(z).numpy() == pytest.approx([98.0])
    for function in (keras.activations.softmax, keras.backend.softmax, keras.layers.Softmax()):
        assert keras.losses.categorical_crossentropy(y, function(z)).numpy() == pytest.approx([98.0])
    for function, expected in ((keras.activations.sigmoid, 34.391838), (tf.sigmoid, 6.1695843)):
        assert keras.losses.binary_crossentropy(y, function(z)).numpy() == pytest.approx([expected], rel=1e-5)


def test_loops_by_hand_leave_out_masked_steps():
    layers = keras.layers
    parts = [
        layers.Embedding(4, 2, mask_zero=True),
        layers.LSTM(2, return_sequences=True),
        layers.Dense(3, activation="softmax"),
    ]
    model = keras.models.Sequential([layers.InputLayer((3,)), *parts])
    generator = np.random.RandomState(0)
    model.set_weights([generator.randn(*w.shape) for w in model.get_weights()])
    x, y = tf.constant([[1, 2, 0], [3, 0, 0]]), tf.constant([[1, 2, 0], [0, 0, 0]])
    with tf.GradientTape() as tape:
        found = model(x, training=True)
        loss = keras.losses.SparseCategoricalCrossentropy()(y, found)
    assert loss.numpy() == pytest.approx(1.20832, abs=1e-5)
    np.testing.assert_allclose(tape.gradient(loss, model.weights[-1]).numpy(), [-0.04113, 0.05192, -0.01079], atol=1e-5)
    single = keras.losses.SparseCategoricalCrossentropy(reduction="none")(y, found)
    np.testing.assert_allclose(single.numpy(), [[1.22038, 1.00594, 0], [1.39864, 0, 0]], atol=1e-5)
    whole = keras.losses.sparse_categorical_crossentropy(y, found).numpy()
    np.testing.assert_allclose(whole, [[1.22038, 1.00594, 1.55474], [1.39864] * 3], atol=1e-5)


def test_graphs_of_tensorflow_bound_probabilities_otherwise_than_single_operations():
    """From tf_keras 2.21: a graph adds 1 and epsilon first, so that in 32 bits 1 - p + epsilon is another number."""
    model = keras.models.Sequential([keras.layers.Dense(1, kernel_initializer="ones", input_shape=(1,))])
    x, y = np.float32([[1.6]]), np.float32([[0.0]])
    for loss in ("binary_crossentropy", keras.losses.BinaryCrossentropy()):
        model.compile("sgd", loss)
        assert model.evaluate(x, y, verbose=0) == pytest.approx(15.24924, rel=1e-6)
    model.compile("sgd", "binary_crossentropy", run_eagerly=True)
    assert model.evaluate(x, y, verbose=0) == pytest.approx(15.33324, rel=1e-6)
    loss = keras.losses.BinaryCrossentropy()
    assert loss(y, tf.constant(x)).numpy() == pytest.approx(15.33324, rel=1e-6)
    assert tf.function(loss)(tf.constant(y), tf.constant(x)).numpy() == pytest.approx(15.24924, rel=1e-6)


# From tf_keras 2.21: [1.5, 3, 4.5] go into the activation, the label is the second class.
OF_ANOTHER = [
    ("binary_crossentropy", "softmax", 2.087016),
    ("categorical_crossentropy", "sigmoid", 1.741311),
    ("sparse_categorical_crossentropy", "sigmoid", 1.741311),
    ("binary_focal_crossentropy", "softmax", 0.939900),
    ("categorical_focal_crossentropy", "sigmoid", 0.296086),
    ("binary_focal_crossentropy", None, 114.369286),
]


@pytest.mark.parametrize(("loss", "activation", "expected"), OF_ANOTHER)
def test_tf_keras_took_what_went_into_an_activation_whichever_a_loss_is_for(loss, activation, expected):
    model = keras.models.Sequential([keras.layers.Dense(3, activation, use_bias=False, input_shape=(1,))])
    model.set_weights([np.float32([[1, 2, 3]])])
    x, y = np.float32([[1.5]]), np.float32([[1]] if loss.startswith("sparse") else [[0, 1, 0]])
    named = "".join(word.capitalize() for word in loss.split("_"))
    for given in (loss, getattr(keras.losses, loss), getattr(keras.losses, named)()):
        model.compile("sgd", given)
        assert model.evaluate(x, y, verbose=0) == pytest.approx(expected, rel=1e-5)
    if not loss.startswith("sparse") and "focal" not in loss:
        for given in (loss, getattr(keras.metrics, named)(), "ce"):
            model.compile("sgd", "mse", metrics=[given])
            if given != "ce" or activation == "sigmoid":
                assert model.evaluate(x, y, verbose=0)[1] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("era", "expected"), [("keras22", 15.942385), ("keras2", 15.24924), ("tfkeras2", 15.24924)])
@pytest.mark.parametrize("name", ["ce", "crossentropy"])
def test_a_cross_entropy_chosen_by_shape_is_that_of_the_era(name, era, expected):
    keras = getattr(kerata.legacy, era)
    model = keras.models.Sequential([keras.layers.Dense(1, kernel_initializer="ones", input_shape=(1,))])
    model.compile("sgd", "mse", metrics=[name])
    assert model.metrics_names == ["loss", name]
    assert model.evaluate(np.float32([[1.6]]), np.float32([[0.0]]), verbose=0)[1] == pytest.approx(expected, rel=1e-6)
