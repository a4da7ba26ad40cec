"""TensorFlow's own functions as activations of layers, `Dense(10, activation=tf.nn.softmax)`, in every form of model.

The numbers are those of `tf_keras` 2.21.
"""

import numpy as np
import pytest

from kerata.legacy import tfkeras2
from kerata.legacy.tensorflow import names

tf = names.build("tfkeras2")[""]
keras, layers = tfkeras2, tfkeras2.layers
X = np.random.RandomState(0).rand(16, 4).astype("float32")
Y = np.random.RandomState(1).randint(0, 3, 16)


def chain(a, b):
    return keras.Sequential([layers.Dense(4, activation=a, input_shape=(4,)), layers.Dense(3, activation=b)])


def graph(a, b):
    given = keras.Input((4,))
    return keras.Model(given, layers.Dense(3, activation=b)(layers.Dense(4, activation=a)(given)))


def layers_of_their_own(a, b):
    given = keras.Input((4,))
    return keras.Model(given, layers.Activation(b)(layers.Dense(3)(layers.Activation(a)(given))))


class Own(keras.Model):
    def __init__(self, a, b):
        super().__init__()
        self.a, self.b = layers.Dense(4, activation=a), layers.Dense(3, activation=b)

    def call(self, x):
        return self.b(self.a(x))


def nested(a, b):
    return keras.Sequential([chain(a, "linear"), layers.Dense(3, activation=b)])


def recurrent(a, b):
    first = layers.Reshape((2, 2), input_shape=(4,))
    return keras.Sequential([first, layers.LSTM(3, activation=a), layers.Dense(3, activation=b)])


def pictures(a, b):
    first = layers.Reshape((2, 2, 1), input_shape=(4,))
    return keras.Sequential([first, layers.Conv2D(3, 2, activation=a), layers.Flatten(), layers.Dense(3, activation=b)])


FORMS = {
    "chain": (chain, [1.07392, 1.07400], [1.07335, 1.07344], 0.39275),
    "graph": (graph, [1.07392, 1.07400], [1.07335, 1.07344], 0.39275),
    "layers of their own": (layers_of_their_own, [1.14667, 1.14221], [1.14281, 1.13853], 0.23684),
    "own model": (Own, [1.07392, 1.07400], [1.07335, 1.07344], 0.39275),
    "nested": (nested, [1.07893, 1.07928], [1.07880, 1.07916], 0.35899),
    "recurrent": (recurrent, [1.19540, 1.19368], [1.19430, 1.19260], 0.34056),
    "pictures": (pictures, [1.13601, 1.13433], [1.13454, 1.13292], 0.25063),
}


def check(model, losses, validated, first):
    model(X)
    random = np.random.RandomState(0)
    model.set_weights([random.uniform(-0.5, 0.5, w.shape) for w in model.get_weights()])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    found = model.fit(X, Y, batch_size=5, epochs=2, verbose=0, shuffle=False, validation_data=(X, Y)).history
    np.testing.assert_allclose(found["loss"], losses, atol=1e-5)
    np.testing.assert_allclose(found["val_loss"], validated, atol=1e-5)
    np.testing.assert_allclose(model.predict(X, verbose=0)[0, 0], first, atol=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_a_model_is_trained_and_measured(form):
    make, losses, validated, first = FORMS[form]
    check(make(tf.nn.relu, tf.nn.softmax), losses, validated, first)


def test_a_function_of_a_persons_own_calls_one():
    model = chain(lambda x: tf.nn.leaky_relu(x, 0.1), tf.nn.softmax)
    check(model, [1.07449, 1.07456], [1.07392, 1.07400], 0.39131)
