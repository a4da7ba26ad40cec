"""Names and places of arguments of the eras: `K.dot(x=, y=)`, an axis that stood fourth, a name that stood second."""

import warnings

import numpy as np
import pytest

import kerata
from kerata.legacy import keras1, keras2, keras22, tfkeras2
from kerata.legacy.tensorflow import names

MODULES = names.build("tfkeras2")
tf = MODULES[""]
P = np.float32([[[0.1, 0.9], [0.2, 0.8]]])
Q = np.float32([[0.3, 0.7], [0.6, 0.4]])


def of(value):
    return value.numpy() if hasattr(value, "numpy") else np.asarray(value)


def test_the_fourth_argument_of_a_sparse_crossentropy_is_the_axis():
    K, losses = tfkeras2.backend, tfkeras2.losses
    for function in (
        losses.sparse_categorical_crossentropy,
        tfkeras2.metrics.sparse_categorical_crossentropy,
        losses.get("sparse_categorical_crossentropy"),
        keras2.losses.sparse_categorical_crossentropy,
    ):
        found = function(tf.constant([[0, 1]]), tf.constant(P), False, 1)
        np.testing.assert_allclose(of(found), [[1.0986123, 0.75377184]], rtol=1e-5)
    found = losses.sparse_categorical_crossentropy(tf.constant([[0, 1]]), tf.constant(P), False, -1, 0)
    np.testing.assert_allclose(of(found), [[0.0, 0.22314353]], rtol=1e-5)
    found = K.sparse_categorical_crossentropy(tf.constant([0, 1]), tf.constant(Q), False, -1, 0)
    np.testing.assert_allclose(of(found), [0.0, 0.9162907], rtol=1e-5)
    named = losses.SparseCategoricalCrossentropy(False, None, "none", "mine")
    assert named.name == "mine" and named.axis == -1


# Values of two steps of descent from tf_keras 2.21.
X = np.float32([[-0.3, 2.7], [0.6, 0.4], [1.5, 0.0]])
CLASSES, HOT, BINARY = np.array([0, 1, 1]), np.float32([[0, 1], [1, 0], [0, 1]]), np.float32([[1], [0], [1]])


def trained(activation, units, loss, y, metrics=()):
    model = tfkeras2.Sequential([tfkeras2.layers.Dense(units, activation=activation, input_shape=(2,))])
    model.compile(tfkeras2.optimizers.SGD(0.1), loss, metrics=list(metrics))
    return model, lambda: model.fit(X, y, epochs=2, verbose=0, shuffle=False).history


def test_what_no_softmax_gave_is_bounded_before_it_is_divided():
    sparse = tfkeras2.losses.SparseCategoricalCrossentropy
    measure = tfkeras2.metrics.SparseCategoricalCrossentropy(name="s")
    for loss in ("sparse_categorical_crossentropy", sparse()):
        model, fit = trained(None, 2, loss, CLASSES, ["sparse_categorical_crossentropy", measure])
        model.set_weights([np.eye(2), np.array([0.5, 1.0])])
        history = fit()
        for name in ("loss", "sparse_categorical_crossentropy", "s"):
            np.testing.assert_allclose(history[name], [1.05935, 0.69315], rtol=1e-4)
        np.testing.assert_allclose(model.get_weights()[0], [[0.95833, 0.0], [0.375, 1.0]], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("activation", "units", "loss", "y", "expected", "weights"),
    [
        ("softmax", 2, "SparseCategoricalCrossentropy", CLASSES, [46.83469, 46.5672], [29.84016990661621, 0.1598300039768219]),
        ("sigmoid", 1, "BinaryCrossentropy", BINARY, [1.10509, 1.08144], [2.9526352882385254]),
        ("sigmoid", 1, "BinaryFocalCrossentropy", BINARY, [0.45478, 0.45148], [2.9765100479125977]),
    ],
)
def test_what_an_activation_gave_is_not_taken_for_logits(activation, units, loss, y, expected, weights):
    model, fit = trained(activation, units, getattr(tfkeras2.losses, loss)(from_logits=True), y)
    model.set_weights([(np.eye(2) * (30 if units == 2 else 3))[:, :units], np.array([0.5, 1.0])[:units]])
    with pytest.warns(UserWarning, match="the predictions come out of a"):
        history = fit()
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-4)
    np.testing.assert_allclose(model.get_weights()[0][0], weights, rtol=1e-4)


def test_functions_of_k_take_the_names_of_their_time():
    K = tfkeras2.backend
    a = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(of(K.dot(x=a, y=a)), [[7, 10], [15, 22]])
    v = K.variable([1.0, 2.0])
    K.update(v, new_x=[3.0, 4.0])
    K.update_add(x=v, increment=[1.0, 1.0])
    K.update_sub(v, decrement=[2.0, 2.0])
    K.moving_average_update(v, [10.0, 10.0], momentum=0.5)
    np.testing.assert_allclose(K.get_value(v), [6.0, 6.5])
    picture = tf.reshape(tf.range(4.0), (1, 2, 2, 1))
    found = K.resize_images(x=picture, height_factor=2, width_factor=1, data_format="channels_last")
    assert of(found)[0, :, 0, 0].tolist() == [0.0, 0.0, 2.0, 2.0]
    with K.learning_phase_scope(1):
        assert int(K.learning_phase()) == 1
    assert int(K.learning_phase()) == 0


def test_focal_crossentropies_of_k():
    K, y, q = tfkeras2.backend, tf.constant([[0.0, 1.0], [1.0, 0.0]]), tf.constant(Q)
    np.testing.assert_allclose(of(K.binary_focal_crossentropy(y, q)), [[0.0321, 0.0321], [0.08173, 0.08173]], rtol=1e-3)
    np.testing.assert_allclose(of(K.categorical_focal_crossentropy(y, q)), [0.00803, 0.02043], rtol=1e-3)


def test_functions_of_k_take_the_names_of_keras_1():
    K = keras1.backend
    a = K.variable(np.arange(4.0).reshape(2, 2))
    np.testing.assert_allclose(K.get_value(K.batch_normalization(a, 0.0, 1.0, 0.0, 1.0, 3.0)), [[0, 0.5], [1, 1.5]])
    assert K.get_value(K.expand_dims(a, dim=0)).shape == (1, 2, 2)
    assert K.get_value(K.one_hot(K.variable([0, 1], dtype="int32"), nb_classes=3)).tolist() == [[1, 0, 0], [0, 1, 0]]
    x, kernel = K.variable(np.arange(16.0).reshape(1, 4, 4, 1)), K.variable(np.ones((2, 2, 1, 1)))
    wide = K.conv2d(x, kernel, (1, 1), "valid", "tf", None, None, (2, 2))
    assert K.get_value(wide).ravel().tolist() == [20, 24, 36, 40]
    assert K.get_value(K.pool2d(x, (2, 2), (2, 2), "valid", "tf", "avg")).ravel().tolist() == [2.5, 4.5, 10.5, 12.5]
    steps, ones = K.variable(np.arange(4.0).reshape(1, 4, 1)), K.variable(np.ones((2, 1, 1)))
    assert K.get_value(K.conv1d(steps, ones, stride=2, border_mode="same")).ravel().tolist() == [1, 5]
    volume = K.variable(np.arange(8.0).reshape(1, 2, 2, 2, 1))
    assert K.get_value(K.pool3d(volume, (2, 2, 2), border_mode="valid", pool_mode="avg")).ravel().tolist() == [3.5]
    assert K.get_value(K.spatial_3d_padding(volume, (1, 0, 0), "tf")).shape == (1, 4, 2, 2, 1)
    assert K.get_value(K.random_uniform((2,), low=3.0, high=3.0)).tolist() == [3.0, 3.0]
    with pytest.raises(TypeError, match="unknown argument `axes`"):
        K.dot(a, axes=1)


def test_activations_of_then_are_those_that_layers_hold():
    relu = tfkeras2.activations.relu
    found = relu(tf.constant([-1.0, 2.0]), alpha=0.1, max_value=1.5)
    np.testing.assert_allclose(of(found), [-0.1, 1.5])
    layer = tfkeras2.layers.Dense(2, activation="relu")
    assert layer.activation == relu and relu == layer.activation
    assert layer.activation != tfkeras2.activations.tanh and layer.activation in [relu]
    assert {relu: 1}[layer.activation] == 1
    model = tfkeras2.Sequential([tfkeras2.layers.Dense(1, activation="sigmoid", input_shape=(1,))])
    model.set_weights([np.ones((1, 1)), np.zeros(1)])
    model.layers[-1].activation = tfkeras2.activations.linear
    np.testing.assert_allclose(model.predict(np.float32([[3.0]]), verbose=0), [[3.0]])
    assert keras2.layers.Dense(2, activation="relu").activation == keras2.activations.relu
    assert keras2.activations.relu(np.float32([-1.0]), alpha=0.5)[0] == -0.5


def test_other_functions_take_the_names_of_their_time():
    text, utils = tfkeras2.preprocessing.text, tfkeras2.utils
    assert text.text_to_word_sequence(input_text="A b, c") == ["a", "b", "c"]
    assert len(text.one_hot(input_text="A b, c", n=5)) == 3
    assert text.hashing_trick("A b, c", 50, "md5", analyzer=str.split) == [11, 12, 1]
    assert utils.to_categorical([0, 1], 3, "int32").dtype == "int32"
    np.testing.assert_allclose(utils.normalize(x=np.array([[3.0, 4.0]])), [[0.6, 0.8]])
    assert keras2.utils.to_categorical([0, 1], 3, "int32").dtype == "int32"
    for keras in (keras1, keras2, tfkeras2):
        model = keras.models.Sequential([keras.layers.Dense(2, input_shape=(2,))], "mine")
        assert model.name == "mine"
        assert len(keras.models.model_from_json(json_string=model.to_json()).layers) == 1


def test_the_mask_of_an_attention_stands_fourth():
    x = np.random.RandomState(0).rand(2, 3, 4).astype("float32")
    layer = tfkeras2.layers.MultiHeadAttention(2, 3, kernel_initializer="ones")
    mask = np.array([[[1, 0, 1], [1, 1, 0], [0, 1, 1]]] * 2)
    found = of(layer(x, x, x, mask))
    np.testing.assert_allclose(found[:, :, 0], [[15.6138, 14.4327, 15.6449], [17.9581, 14.8805, 17.9252]], rtol=1e-4)
    placed = tfkeras2.layers.MultiHeadAttention(2, 3, None, 0.0, True, None, None, "ones")
    np.testing.assert_allclose(of(placed(x, x, None, mask)), found, rtol=1e-5)


def test_layers_take_places_of_their_time():
    class Scaled(tfkeras2.layers.Layer):
        def __init__(self, factor, trainable=True, name=None):
            super().__init__(trainable, name)
            self.factor = factor

        def call(self, x):
            return x * self.factor

    layer = Scaled(2.0, False, "mine")
    assert layer.name == "mine" and not layer.trainable
    wide = tfkeras2.layers.Convolution3DTranspose(2, 2, 1, "same", None, "channels_last")
    assert wide.data_format == "channels_last" and wide.padding == "same"
    learned = tfkeras2.layers.Normalization()
    learned.adapt(np.float32([[1.0], [3.0]]), 2)
    np.testing.assert_allclose(of(learned(np.float32([[3.0]]))), [[1.0]])
    learned = tfkeras2.layers.Normalization()
    learned.adapt(np.float32([[1.0], [3.0], [100.0]]), batch_size=2, steps=1)
    np.testing.assert_allclose(of(learned(np.float32([[3.0]]))), [[1.0]])
    assert tfkeras2.layers.GlobalMaxPooling1D("channels_last", True)(np.ones((1, 3, 2), "float32")).shape == (1, 1, 2)
    with pytest.raises(NotImplementedError, match="there is no `time_major` here"):
        tfkeras2.layers.LSTM(2, time_major=True)


def test_optimizers_take_places_of_their_time():
    assert tfkeras2.optimizers.Adam(1e-3, 0.9, 0.999, 1e-7, False, 0.01).weight_decay == pytest.approx(0.01)
    sgd = keras22.optimizers.SGD(0.1, 0.9, 0.01, True)
    assert sgd.nesterov and float(sgd.decay) == pytest.approx(0.01)
    adam = keras22.optimizers.Adam(0.1, 0.9, 0.99, 1e-5, 0.02)
    assert adam.epsilon == pytest.approx(1e-5) and not adam.amsgrad and float(adam.decay) == pytest.approx(0.02)
    assert keras2.optimizers.Adam(0.1, 0.9, 0.99, True).amsgrad


def test_measures_of_keras_2_take_places_and_names_of_their_time():
    metrics, losses = keras2.metrics, keras2.losses
    assert metrics.KLDivergence().name == losses.KLDivergence().name == "kullback_leibler_divergence"
    assert metrics.SensitivityAtSpecificity(0.5, 20, "mine").name == "mine"
    assert losses.BinaryCrossentropy(False, 0.1, "sum", "mine").name == "mine"
    assert losses.SparseCategoricalCrossentropy(True, "sum").reduction == "sum"
    measure = metrics.SparseCategoricalCrossentropy("mine", None, True)
    assert measure.name == "mine"
    measure.update_state(np.array([0]), np.float32([[0.0, 0.0]]))
    np.testing.assert_allclose(float(measure.result()), np.log(2), rtol=1e-6)


def test_callbacks_take_places_of_their_time(tmp_path):
    def fitted(*callbacks):
        model = tfkeras2.Sequential([tfkeras2.layers.Dense(1, input_shape=(2,))])
        model.compile("sgd", "mse")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            x = np.ones((10, 2), "float32")
            model.fit(x, x[:, :1], batch_size=2, epochs=3, verbose=0, callbacks=list(callbacks))

    names_of = tfkeras2.callbacks
    path = tmp_path / "{epoch}-{batch}.weights.h5"
    fitted(names_of.ModelCheckpoint(str(path), save_weights_only=True, save_freq=4))
    assert sorted(one.name for one in tmp_path.iterdir()) == ["1-4.weights.h5", "2-3.weights.h5", "3-2.weights.h5"]
    below = names_of.ModelCheckpoint(str(tmp_path / "c.h5"), "loss", 0, True, True, "min", "epoch", None, 0.0)
    seen = []
    begun = names_of.LambdaCallback(None, None, lambda batch, logs: seen.append(batch))
    fitted(below, begun, names_of.BaseLogger(["a"]), names_of.ProgbarLogger("steps", ["a"]))
    assert not (tmp_path / "c.h5").exists() and len(seen) == 15
    with pytest.raises(ValueError, match="a number of batches"):
        names_of.ModelCheckpoint("c.h5", save_freq="batch")


def test_configs_hold_what_they_held():
    layers = tfkeras2.layers
    assert layers.LSTM(2).get_config()["implementation"] == 2
    assert layers.GRUCell(2).get_config()["implementation"] == 2
    assert layers.GlobalMaxPooling1D().get_config()["keepdims"] is False
    assert layers.InputLayer((3,)).get_config()["ragged"] is False
    assert layers.LSTM.from_config({**layers.LSTM(2).get_config(), "implementation": 1}).units == 2


def test_words_of_data_sets_and_pictures_of_keras_1(monkeypatch, tmp_path):
    from PIL import Image

    asked = {}
    for name in ("imdb", "reuters"):
        room = getattr(kerata.datasets, name)
        monkeypatch.setattr(room, "get_file", lambda path, *args, name=name, **kwargs: asked.setdefault(name, path))
        monkeypatch.setattr(room, "load_npz", lambda *args, **kwargs: 1 / 0)
        for keras in (keras1, keras2):
            with pytest.raises(ZeroDivisionError):
                getattr(keras.datasets, name).load_data(nb_words=5, path="mine.npz")
    assert asked == {"imdb": "mine.npz", "reuters": "mine.npz"}
    Image.fromarray(np.zeros((4, 6, 3), "uint8")).save(tmp_path / "x.png")
    image = keras1.preprocessing.image
    assert image.load_img(tmp_path / "x.png", False, (2, 3)).size == (3, 2)
    assert image.img_to_array(image.load_img(tmp_path / "x.png"), "th").shape == (3, 4, 6)
    assert image.array_to_img(np.zeros((3, 4, 5)), "th", False).size == (5, 4)


def test_decoded_labels_are_as_many_as_steps_in_tf_keras():
    chances = np.float32(
        [[[0.1, 0.8, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]], [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]]]
    )
    for options in ({}, {"greedy": False, "beam_width": 5}):
        labels, _ = tfkeras2.backend.ctc_decode(tf.constant(chances), tf.constant([3, 3]), **options)
        assert labels[0].dtype == tf.int64 and of(labels[0]).tolist() == [[1, -1, -1], [0, 1, -1]]
        narrow, _ = keras2.backend.ctc_decode(chances, np.array([3, 3]), **options)
        assert of(narrow[0]).tolist() == [[1, -1], [0, 1]]
    found = tfkeras2.layers.CategoryEncoding(4, "multi_hot")([[0, 1], [2, 3]])
    assert of(found).tolist() == [[1, 1, 0, 0], [0, 0, 1, 1]]


def test_a_call_of_a_recurrent_layer_of_ones_own_has_the_order_of_then():
    class Placed(tfkeras2.layers.LSTM):
        def call(self, inputs, mask=None, training=None, initial_state=None):
            return super().call(inputs, mask, training, initial_state)

    class Named(tfkeras2.layers.GRU):
        def call(self, inputs, mask=None, training=None, initial_state=None):
            return super().call(inputs=inputs, mask=mask, training=training, initial_state=initial_state)

    x = np.random.RandomState(0).rand(2, 3, 4).astype("float32")
    mask, ones = (
        tf.constant([[True, True, False], [True, True, True]]),
        dict.fromkeys(("kernel_initializer", "recurrent_initializer"), "ones"),
    )
    np.testing.assert_allclose(of(Placed(3, **ones)(x, mask=mask))[:, 0], [0.9432, 0.9889], atol=1e-4)
    states = [tf.ones((2, 2))] * 2
    np.testing.assert_allclose(of(Placed(2, **ones)(x, initial_state=states))[:, 0], [0.9896, 0.9924], atol=1e-4)
    np.testing.assert_allclose(of(Named(3, **ones)(x, mask=mask))[:, 0], [0.1414, 0.2131], atol=1e-4)
    np.testing.assert_allclose(of(Named(2, **ones)(x, initial_state=states[:1])), 1.0, atol=1e-4)
    x[0, 2] = 0
    model = tfkeras2.Sequential([tfkeras2.layers.Masking(input_shape=(3, 4)), Placed(2, **ones)])
    np.testing.assert_allclose(model.predict(x, verbose=0)[:, 0], [0.931, 0.9838], atol=1e-4)
    model.compile("sgd", "mse")
    np.testing.assert_allclose(model.fit(x, np.ones((2, 2)), verbose=0).history["loss"], [0.00251], rtol=1e-2)
