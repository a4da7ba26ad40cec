"""A program's own functions of tensors as the parts of a layer: constraints, penalties, activations, together too.

Validation losses of two epochs: tf_keras 2.21.
"""

import numpy as np
import pytest

from kerata.legacy import tfkeras2 as keras
from kerata.legacy.tensorflow import names

tf = names.build("tfkeras2")[""]


def penalty(weights):
    return tf.reduce_sum(tf.abs(0.01 * weights))


def positive(weights):
    return tf.where(weights < 0.0, tf.zeros_like(weights), weights)


def softplus(z):
    return tf.math.log(tf.exp(z) + 1.0)


ROWS = [
    ({"kernel_constraint": positive}, [0.16645, 0.16473]),
    ({"kernel_regularizer": penalty}, [0.16953, 0.16769]),
    ({"activation": softplus}, [0.13112, 0.13022]),
    ({"kernel_regularizer": penalty, "kernel_constraint": positive}, [0.16968, 0.16799]),
    ({"activation": softplus, "kernel_regularizer": penalty, "kernel_constraint": positive}, [0.13434, 0.13350]),
]


@pytest.mark.parametrize(("parts", "expected"), ROWS, ids=lambda value: "+".join(value) if isinstance(value, dict) else "")
def test_own_functions_train(parts, expected):
    model = keras.models.Sequential([keras.layers.Dense(3, input_shape=(2,)), keras.layers.Dense(1, **parts)])
    rng = np.random.RandomState(0)
    model.set_weights([rng.rand(*w.shape) - 0.5 for w in model.get_weights()])
    model.compile("adam", "mse", metrics=["mae"])
    x = rng.rand(8, 2)
    y, later = rng.rand(8, 1), rng.rand(8, 1)
    found = model.fit(x, y, epochs=2, verbose=0, shuffle=False, validation_data=(x, later)).history["val_loss"]
    np.testing.assert_allclose(found, expected, atol=6e-6)
    if "kernel_constraint" in parts:
        assert model.get_weights()[2].min() >= 0
