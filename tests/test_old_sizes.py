"""Old programs whose sizes depend on numbers: they run as Python, batch by batch, with the numbers of `tf_keras`.

Expected numbers were recorded by `tools/record_sizes.py` with `tf_keras` 2.21.
"""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

import kerata
import size_cases as cases
from kerata.legacy import tfkeras2 as keras
from kerata.legacy.tensorflow.names import build
from quickly import slow

NUMBERS = json.loads((Path(__file__).parent / "size_numbers.json").read_text())
# Those of which one tells little more than the others, and which take longest.
LONG = ("ssd_with_hard_negatives", "yolo_in_a_loop", "mask_rcnn_losses", "proposals_and_crops", "detections", "yolo_by_masks")
LONG += ("triplets_of_a_batch",)
WARNING = "hangs on numbers that a compiled program does not have, so batches run as Python"
X = np.random.default_rng(0).normal(size=(12, 3)).astype("float32")
Y = X.sum(1, keepdims=True)


@pytest.fixture(scope="module")
def tf():
    return build("tfkeras2")[""]


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n in LONG)) for n in cases.CASES])
def test_programs_train_with_the_numbers_of_tf_keras(name, tf):
    with pytest.warns(UserWarning, match=WARNING) as said:
        found = cases.run(name, tf, keras)
    assert len([one for one in said if WARNING in str(one.message)]) == 1
    assert set(found["history"]) == set(NUMBERS[name]["history"])
    for key, values in NUMBERS[name]["history"].items():
        np.testing.assert_allclose(found["history"][key], values, rtol=1e-4, atol=1e-5, err_msg=key)
    np.testing.assert_allclose(found["weights"], NUMBERS[name]["weights"], rtol=1e-4, atol=2e-4)


def picky(tf):
    """The mean square error of those samples that are off by more than a tenth."""

    def loss(y_true, y_pred):
        errors = tf.square(y_true - y_pred)
        return tf.reduce_mean(tf.boolean_mask(errors, errors > 0.01))

    return loss


def make(loss, **arguments):
    model = keras.Sequential([keras.layers.Dense(4, activation="tanh", input_shape=(3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), loss, **arguments)
    return cases.settle(model)


def test_the_warning_names_the_function_and_its_line(tf):
    with pytest.warns(UserWarning, match=r"^fit: tf.boolean_mask \(line \d+ of test_old_sizes.py: return tf.reduce_mean"):
        make(picky(tf)).fit(X, Y, verbose=0)


def test_what_a_program_can_do_stays_a_program(tf):
    """The model itself has no such sizes: it predicts by a program, and another loss is compiled again."""
    model = make(picky(tf))
    with pytest.warns(UserWarning, match=WARNING):
        model.fit(X, Y, batch_size=4, verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, Y, batch_size=4, verbose=0)
        model.predict(X, verbose=0)
        assert not model._programs_of_predict.stepwise
        model.compile("sgd", "mse")
        model.fit(X, Y, verbose=0)
    assert not model._compilation.stepwise


def recurrent(layers):
    return [layers.Embedding(7, 4, mask_zero=True, input_length=5), layers.LSTM(4, dropout=0.2), layers.Dropout(0.3)]


def normalized(layers):
    return [
        layers.Dense(6, kernel_regularizer="l2", activity_regularizer="l1", input_shape=(5,)),
        layers.BatchNormalization(),
        layers.Dropout(0.4),
        layers.GaussianNoise(0.1),
    ]


@pytest.mark.parametrize(
    ("parts", "nested"), [(recurrent, False), (normalized, True), slow(recurrent, True), slow(normalized, False)]
)
def test_layers_are_programs_in_batches_as_python(parts, nested, tf):
    """A mean of what a mask picks, and by weights of 0 and 1, which is compiled: with the same draws, masks and averages."""

    def by_picking(y_true, y_pred):
        errors = tf.square(y_true - y_pred)
        return tf.reduce_mean(tf.boolean_mask(errors, errors > 0.05))

    def by_weights(y_true, y_pred):
        errors = tf.square(y_true - y_pred)
        there = tf.cast(errors > 0.05, tf.float32)
        return tf.reduce_sum(errors * there) / tf.reduce_sum(there)

    x = np.random.default_rng(3).integers(0, 7, (12, 5))
    x = x if parts is recurrent else x.astype("float32")

    def build_and_fit(loss):
        keras.utils.set_random_seed(2)
        layers = keras.layers
        inner = keras.Sequential(parts(layers))
        model = keras.Sequential([inner, layers.Dense(1)]) if nested else keras.Sequential([*parts(layers), layers.Dense(1)])
        model.compile(keras.optimizers.SGD(0.05, 0.9), loss)
        model.build((None, 5))
        cases.settle(model)
        found = model.fit(x, Y, 4, 3, verbose=0, shuffle=False, validation_data=(x, Y)).history
        return [found["loss"], found["val_loss"], *model.get_weights()], model

    with pytest.warns(UserWarning, match=WARNING):
        ours, model = build_and_fit(by_picking)
    for one, other in zip(ours, build_and_fit(by_weights)[0], strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-6)
    # The network is one program, for training and for evaluation.
    kept = [each.programs["pieces"] for each in model._compilation.prepared.values()]
    assert [len(one) for one in kept] == [1, 1] and all(piece is not None for one in kept for piece in one.values())


def test_batches_as_python_do_what_a_program_does(tf):
    """A loss that needs no numbers, once compiled and once as Python: shuffling, validation, dropout, a smaller last batch."""

    def build_and_fit(eagerly):
        keras.utils.set_random_seed(1)
        layers = keras.layers
        model = keras.Sequential(
            [
                layers.Dense(8, "relu", kernel_regularizer="l2", input_shape=(3,)),
                layers.BatchNormalization(),
                layers.Dropout(0.3),
                layers.Dense(1),
            ]
        )
        model.compile(keras.optimizers.SGD(0.05, 0.9, clipnorm=1.0), "mse", metrics=["mae"], run_eagerly=eagerly)
        cases.settle(model)
        weights = np.linspace(0.5, 1.5, 12)
        fitted = model.fit(
            X, Y, 5, 3, verbose=0, validation_split=0.2, sample_weight=weights, callbacks=[keras.callbacks.TerminateOnNaN()]
        )
        found = [*fitted.history.values(), model.evaluate(X, Y, verbose=0), model.train_on_batch(X[:4], Y[:4])]
        return [*found, *model.get_weights(), model.predict(X, verbose=0)]

    for ours, compiled in zip(build_and_fit(True), build_and_fit(False), strict=True):
        np.testing.assert_allclose(ours, compiled, rtol=2e-5, atol=1e-6)


def test_run_eagerly_shows_numbers():
    seen = []

    def loss(y_true, y_pred):
        seen.append(float(kerata.ops.stop_gradient(y_pred).sum()))
        return (y_true - y_pred) ** 2

    model = kerata.Sequential([kerata.Input((3,)), kerata.layers.Dense(1)])
    model.compile("sgd", loss, run_eagerly=True)
    model.fit(X, Y, batch_size=4, epochs=2, verbose=0)
    assert len(seen) == 6 and len(set(seen)) == 6


def test_sizes_that_hang_on_numbers_in_a_modern_loss():
    """`x[mask]` and `ops.nonzero` raise in a program, with words that say what to do, and train as Python."""

    def by_mask(y_true, y_pred):
        errors = (y_true - y_pred) ** 2
        return errors[errors > 0.01].mean()

    def by_places(y_true, y_pred):
        errors = kerata.ops.square(y_true - y_pred)
        places = kerata.ops.nonzero(errors > 0.01)
        return kerata.ops.mean(errors[places])

    found = []
    for loss in (by_mask, by_places):
        model = kerata.Sequential([kerata.Input((3,)), kerata.layers.Dense(4, "tanh"), kerata.layers.Dense(1)])
        model.compile(kerata.optimizers.Adam(0.01), loss)
        cases.settle(model)
        with pytest.raises((IndexError, TypeError), match="run_eagerly=True"):
            model.fit(X, Y, batch_size=4, shuffle=False, verbose=0)
        model.compile(kerata.optimizers.Adam(0.01), loss, run_eagerly=True)
        found.append(model.fit(X, Y, batch_size=4, epochs=3, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6)
    assert found[0][-1] < found[0][0]


def test_a_branch_on_a_number_in_an_own_step(tf):
    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def call(self, inputs):
            return self.dense(inputs)

        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(self(x, training=True) - y))
                if loss > 1e6:
                    loss = loss * 0.0
            self.optimizer.apply_gradients(
                zip(tape.gradient(loss, self.trainable_variables), self.trainable_variables, strict=True)
            )
            return {"loss": loss}

    model = Model()
    model.compile("sgd")
    with pytest.warns(UserWarning, match="the truth value of a tensor"):
        losses = model.fit(X, Y, epochs=2, verbose=0).history["loss"]
    assert losses[1] < losses[0]


def test_an_interrupted_step_leaves_the_model_as_it_was(tf):
    calls = []

    def loss(y_true, y_pred):
        calls.append(1)
        if len(calls) > 4:
            raise RuntimeError("enough")
        return tf.reduce_mean(tf.boolean_mask(tf.square(y_true - y_pred), y_true > -100.0))

    model = make(loss)
    with pytest.warns(UserWarning, match=WARNING), pytest.raises(RuntimeError, match="enough"):
        model.fit(X, Y, batch_size=2, verbose=0)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    assert model.predict(X, verbose=0).shape == (12, 1)
