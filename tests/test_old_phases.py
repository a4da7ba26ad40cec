"""Who hears in old programs that a model is trained: every layer, also one within a `call` without an argument for it.

The numbers are those of `tf_keras` 2.21.
"""

import warnings

import numpy as np
import pytest

from kerata.legacy import keras2, tfkeras2
from kerata.legacy.tensorflow import names

MODULES = names.build("tfkeras2")
tf = MODULES[""]
K, layers, Model = tfkeras2.backend, tfkeras2.layers, tfkeras2.models.Model
X = np.arange(16).reshape(8, 2).astype("float32")
Y = X[:, :1]


def ones(era=tfkeras2):
    return era.layers.Dense(1, kernel_initializer="ones")


class Deaf(Model):
    """Its `call` has no argument `training`."""

    def __init__(self):
        super().__init__()
        self.norm, self.dense = layers.BatchNormalization(), ones()

    def call(self, x):
        return self.dense(self.norm(x))


class DeafStep(Deaf):
    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((y - self(x, training=True)) ** 2)
        self.optimizer.apply_gradients(zip(tape.gradient(loss, self.trainable_variables), self.trainable_variables))
        return {"loss": loss}


class StepBySuper(Deaf):
    def train_step(self, data):
        return super().train_step(data)


class AnyArguments(Model):
    """A `call` that takes any argument is told of training as one that names it."""

    def __init__(self):
        super().__init__()
        self.norm, self.dense = layers.BatchNormalization(), ones()

    def call(self, x, **kwargs):
        return self.dense(self.norm(x, training=kwargs["training"]))


class DeafBlock(layers.Layer):
    def __init__(self):
        super().__init__()
        self.norm = layers.BatchNormalization()

    def call(self, x):
        return self.norm(x)


class AroundADeafBlock(Model):
    def __init__(self):
        super().__init__()
        self.block, self.dense = DeafBlock(), ones()

    def call(self, x, training=None):
        return self.dense(self.block(x))


class DeafChain(tfkeras2.models.Sequential):
    def call(self, x):
        return super().call(x)


class DeafOfKeras2(keras2.models.Model):
    def __init__(self):
        super().__init__()
        self.norm, self.dense = keras2.layers.BatchNormalization(), ones(keras2)

    def call(self, x):
        return self.dense(self.norm(x))


def within_a_graph():
    given = layers.Input((2,))
    return Model(given, Deaf()(given))


MODELS = {
    "a model": Deaf,
    "its own step": DeafStep,
    "its own step by way of ours": StepBySuper,
    "any arguments": AnyArguments,
    "a layer within": AroundADeafBlock,
    "in a graph": within_a_graph,
    "a chain": lambda: DeafChain([layers.BatchNormalization(), ones()]),
    "of Keras 2": DeafOfKeras2,
}


@pytest.mark.parametrize("make", list(MODELS.values()), ids=list(MODELS))
def test_fit_tells_all_layers(make):
    model = make()
    model.compile("sgd", "mse")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = model.fit(X, Y, epochs=2, shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(found, [55.669944763183594, 48.72644805908203], rtol=1e-5)
    norm = next(layer for layer in model._flatten_layers() if hasattr(layer, "moving_mean"))
    np.testing.assert_allclose(norm.moving_mean.numpy(), [0.13929999, 0.1592], rtol=1e-5)


def test_evaluation_and_steps_by_hand():
    model = Deaf()
    model.compile("sgd", "mse")
    np.testing.assert_allclose(model.train_on_batch(X, Y), 55.669944763183594, rtol=1e-5)
    np.testing.assert_allclose(model.evaluate(X, Y, verbose=0), 92.6904296875, rtol=1e-5)


@pytest.mark.parametrize("make", [Deaf, AroundADeafBlock, within_a_graph])
def test_slopes_are_those_of_training(make):
    """What a tape computes again for its gradient is computed in the phase in which it was computed at first."""
    model = make()
    optimizer = tfkeras2.optimizers.SGD()
    losses = []
    for _ in range(3):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((Y - model(X, training=True)) ** 2)
        weights = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))
        losses.append(float(loss))
    np.testing.assert_allclose(losses, [55.669944763183594, 48.72644805908203, 41.75624465942383], rtol=1e-5)


def test_slopes_of_slopes_are_those_of_training():
    class Squaring(layers.Layer):
        def call(self, x):
            return K.in_train_phase(x * x, x)

    model = tfkeras2.models.Sequential([ones(), Squaring()])
    x = tf.constant(X)
    for training, first, second in ((True, 332052.0, 118666346496.0), (False, 154.0, 38592.0), (None, 154.0, 38592.0)):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape(persistent=True) as tape:
                tape.watch(x)
                given = model(x) if training is None else model(x, training=training)
                loss, total = tf.reduce_mean((Y - given) ** 2), tf.reduce_sum(given**2)
            penalty = tf.reduce_sum(tape.gradient(total, x) ** 2)
        kernel = model.trainable_variables[0]
        np.testing.assert_allclose(tape.gradient(loss, kernel).numpy().ravel()[0], first, rtol=1e-5)
        np.testing.assert_allclose(outer.gradient(penalty, kernel).numpy().ravel()[0], second, rtol=1e-5)


def test_a_call_that_takes_any_argument_gets_the_mask_and_the_phase():
    seen = []

    class Telling(layers.Layer):
        def call(self, x, **kwargs):
            seen.append({name: value if name == "training" else np.asarray(value).tolist() for name, value in kwargs.items()})
            return x * 1.0

    steps = np.array([[[1.0], [0.0]]], "float32")
    Telling()(steps)
    Telling()(layers.Masking()(tf.constant(steps)), training=True)
    assert seen == [{"training": None}, {"training": True, "mask": [[True, False]]}]


def test_logs_of_an_own_step_keep_their_order():
    class Naming(Deaf):
        def train_step(self, data):
            logs = super().train_step(data)
            return {"zeta": logs["loss"], "alpha": logs["loss"], **logs}

    model = Naming()
    model.compile("sgd", "mse", metrics=["mae"])
    found = model.fit(X, Y, epochs=1, verbose=0, validation_data=(X, Y)).history
    assert list(found) == ["zeta", "alpha", "loss", "mae", "val_loss", "val_mae"]
