"""When a layer of a program's own changes its variables: before `tf.keras` in training alone, as updates of a graph.

In Keras 1.2.2 and 2.3.1 `_make_predict_function` and `_make_test_function` run `state_updates`, those of layers that are
`stateful`.
"""

import numpy as np
import pytest

from kerata import legacy

X = np.array([[1.0, 2.0], [3.0, 6.0]])


def mean_of(keras, change, stateful=False):
    """A model of one layer that subtracts the mean of all batches it has seen in training."""
    K = keras.backend

    class Centred(keras.layers.Layer):
        def build(self, shape):
            self.mean = K.zeros((2,))
            self.non_trainable_weights = [self.mean]
            self.stateful = stateful
            super().build(shape)

        def call(self, x, mask=None):
            new = K.mean(x, axis=0)
            changes = {
                "moving": lambda: K.moving_average_update(self.mean, new, 0.5),
                "add": lambda: K.update_add(self.mean, new / 2),
                "pair": lambda: (self.mean, new / 2),
            }
            self.add_update([changes[change]()], x)
            return K.in_train_phase(x - new, x - self.mean)

    model = keras.models.Sequential([Centred(input_shape=(2,))])
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("era", ["keras1", "keras22", "keras2"])
@pytest.mark.parametrize("change", ["moving", "add", "pair"])
def test_prediction_and_evaluation_change_nothing(era, change):
    model = mean_of(getattr(legacy, era), change)
    np.testing.assert_allclose(model.predict(X), X)
    np.testing.assert_allclose(model.evaluate(X, X, verbose=0), 0, atol=1e-6)
    assert model.get_weights()[0].tolist() == [0, 0]
    model.train_on_batch(X, X)
    np.testing.assert_allclose(model.predict(X), X - [1.0, 2.0])
    np.testing.assert_allclose(model.evaluate(X, X, verbose=0), 2.5)
    assert model.get_weights()[0].tolist() == [1, 2]


def test_a_stateful_layer_changes_in_prediction_as_well():
    model = mean_of(legacy.keras2, "add", stateful=True)
    model.predict(X)
    model.test_on_batch(X, X)
    assert model.get_weights()[0].tolist() == [2, 4]


def test_in_tf_keras_a_change_is_made_where_it_is_called():
    """As TensorFlow 2 has it: `add_update` is left out there."""
    keras = legacy.tfkeras2
    K = keras.backend

    class Seen(keras.layers.Layer):
        def build(self, shape):
            self.mean = self.add_weight(name="mean", shape=(2,), initializer="zeros", trainable=False)

        def call(self, x):
            self.add_update(K.moving_average_update(self.mean, K.mean(x, axis=0), 0.5))
            return x

    model = keras.models.Sequential([Seen(input_shape=(2,))])
    model.predict(X, verbose=0)
    assert model.get_weights()[0].tolist() == [1, 2]
