"""Penalties of frozen weights stand in the loss in programs of then, and in none of today.

Values: tf_keras 2.21. In Keras 1.2.2 and 2.3.1 `losses` of a model asks no layer whether it is trained either.
"""

import numpy as np
import pytest

import kerata
from kerata.legacy import keras1, keras2, tfkeras2
from kerata.legacy.tensorflow import names


def parts(keras, frozen):
    """A base with an l2 penalty that is frozen, and a model of it."""
    layers = keras.layers
    arguments = {"W_regularizer": "l2", "init": "one"} if keras is keras1 else {}
    arguments = arguments or {"kernel_regularizer": "l2", "kernel_initializer": "ones"}
    x = layers.Input(shape=(4,))
    base = keras.models.Model(x, layers.Dense(5, **arguments)(x))
    if frozen == "before":
        base.trainable = False
    model = keras.models.Sequential([base])
    model.compile("sgd", "mse")
    if frozen == "after":
        base.trainable = False
    return base, model


@pytest.mark.parametrize("frozen", ["before", "after"])
@pytest.mark.parametrize(("keras", "expected"), [(keras1, 0.2), (keras2, 0.2), (tfkeras2, 0.2), (kerata, 0.0)], ids=str)
def test_frozen_weights(keras, expected, frozen):
    _, model = parts(keras, frozen)
    x, y = np.ones((2, 4), np.float32), np.full((2, 5), 4.0, np.float32)
    assert float(model.evaluate(x, y, verbose=0)) == pytest.approx(expected, abs=1e-6)
    assert len(model.losses) == (expected > 0)


def test_normalization_within_and_a_tape():
    tf = names.build("tfkeras2")[""]
    layers = tfkeras2.layers
    x = layers.Input((4,))
    h = layers.Dense(5, kernel_regularizer="l2", kernel_initializer="ones")(x)
    base = tfkeras2.models.Model(x, layers.BatchNormalization(gamma_regularizer="l2")(h))
    base.trainable = False
    one, other = layers.Input((4,)), layers.Input((4,))
    model = tfkeras2.models.Model([one, other], layers.Add()([base(one), base(other)]))
    model.compile("sgd", "mse")
    x = np.ones((2, 4), np.float32)
    assert model.evaluate([x, x], np.full((2, 5), 8.0), verbose=0) == pytest.approx(0.25002, abs=1e-5)
    with tf.GradientTape():
        model([x, x])
        assert float(sum(model.losses)) == pytest.approx(0.25)


@pytest.mark.parametrize("eagerly", [True, False])
def test_strengths_that_are_set_between_fits_of_a_step_of_its_own(eagerly):
    tf = names.build("tfkeras2")[""]
    rule, huber = tfkeras2.regularizers.l2(0.5), tfkeras2.losses.Huber(1.0)

    class Model(tfkeras2.Sequential):
        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                loss = self.huber(y, self(x)) + tf.add_n(self.losses)
            tape.gradient(loss, self.trainable_variables)
            return {"loss": loss}

    layer = tfkeras2.layers.Dense(1, use_bias=False, kernel_initializer="ones", kernel_regularizer=rule, input_shape=(2,))
    model = Model([layer])
    model.huber = huber
    model.compile("sgd", run_eagerly=eagerly)
    found = []
    for rule.l2, huber.delta in ((0.5, 1.0), (0.25, 1.0), (0.25, 0.5)):
        found += model.fit(np.ones((4, 2)), np.zeros((4, 1)), verbose=0).history["loss"]
    # The error is 2, the sum of squares 2.
    np.testing.assert_allclose(found, [1.5 + 1.0, 1.5 + 0.5, 0.875 + 0.5], rtol=1e-6)
