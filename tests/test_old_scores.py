"""What single batches, penalties and ends of training gave in `tf.keras`. Values: tf_keras 2.21, of the same programs."""

import numpy as np
import pytest

from kerata.cli.upgrading import upgrade
from kerata.legacy import keras1, keras2, tfkeras2
from kerata.legacy.tensorflow import names

X, Y = np.arange(12.0).reshape(4, 3) / 12, np.zeros((4, 2))


def trained(keras=tfkeras2):
    model = keras.models.Sequential([keras.layers.Dense(2, input_shape=(3,))])
    model.set_weights([np.full((3, 2), 0.3), np.ones(2)])
    model.compile("sgd", "mse", metrics=["mae"])
    return model


def test_measures_of_batches_go_on():
    model = trained()
    found = [
        model.train_on_batch(X, Y),
        model.train_on_batch(X, Y, reset_metrics=False),
        model.test_on_batch(X[:1], Y[:1], None, False),
        model.train_on_batch(X, Y, None, None, False, True),
        model.test_on_batch(X, Y),
        model.test_on_batch(X, Y, reset_metrics=False),
    ]
    found[3] = list(found[3].values())
    wanted = [[2.058437, 1.4125], [2.023066, 1.400405], [1.919164, 1.360699], [1.919235, 1.361881]]
    np.testing.assert_allclose(found, [*wanted, [1.853453, 1.341186], [1.853453, 1.341186]], atol=2e-6)


def test_measures_go_on_from_those_of_an_epoch():
    model = trained()
    model.fit(X, Y, batch_size=2, epochs=2, verbose=0, shuffle=False)
    found = [model.train_on_batch(X, Y, reset_metrics=False), model.evaluate(X, Y, verbose=0)]
    found.append(model.test_on_batch(X[:2], Y[:2], reset_metrics=False))
    np.testing.assert_allclose(found, [[1.840893, 1.337029], [1.72798, 1.295556], [1.556081, 1.229215]], atol=2e-6)


def test_before_tf_keras_they_began_anew_behind_a_batch_and_the_loss_was_the_batchs():
    """By `train_on_batch` of Keras 2.3.1."""
    model = trained(keras2)
    one = model.test_on_batch(X[:1], Y[:1], reset_metrics=False)
    both = model.test_on_batch(X[1:2], Y[1:2])
    alone = model.test_on_batch(X[1:2], Y[1:2])
    assert both[0] == pytest.approx(alone[0]) and both[1] == pytest.approx((one[1] + alone[1]) / 2)
    assert alone[1] != pytest.approx(both[1])


@pytest.mark.parametrize(
    ("rule", "kernel", "loss"),
    [
        ("l1", [[0.99, 0.0], [0.0, -0.99], [0.0, 1.99]], 0.0397),
        ("l1_l2", [[0.97, 0.0], [0.0, -0.97], [0.0, 1.95]], 0.095743),
        (tfkeras2.regularizers.l1_l2(), [[0.97, 0.0], [0.0, -0.97], [0.0, 1.95]], 0.095743),
        (tfkeras2.regularizers.get("l1_l2"), [[0.97, 0.0], [0.0, -0.97], [0.0, 1.95]], 0.095743),
        (tfkeras2.regularizers.l1(0.1), [[0.9, 0.0], [0.0, -0.9], [0.0, 1.9]], 0.37),
        ("L1L2", [[1.0, 0.0], [0.0, -1.0], [0.0, 2.0]], 0.0),
    ],
    ids=["l1", "l1_l2", "called", "got", "l1 of its own", "class"],
)
def test_penalties_have_no_slope_at_zero_and_their_own_strengths(rule, kernel, loss):
    layers = tfkeras2.layers
    model = tfkeras2.Sequential([layers.Dense(2, input_shape=(3,), kernel_regularizer=rule, bias_regularizer=rule)])
    model.set_weights([[[1.0, 0.0], [0.0, -1.0], [0.0, 2.0]], np.zeros(2)])
    model.compile(tfkeras2.optimizers.SGD(1.0), "mse")
    model.train_on_batch(np.zeros((1, 3)), np.zeros((1, 2)))
    np.testing.assert_allclose(model.get_weights()[0], kernel, atol=1e-6)
    np.testing.assert_allclose(model.get_weights()[1], 0.0)
    assert float(model.losses[0]) == pytest.approx(loss, abs=1e-5)
    tf = names.build("tfkeras2")[""]
    with tf.GradientTape() as tape:
        total = sum(model.losses)
    slopes = tape.gradient(total, model.trainable_variables)[0].numpy()
    assert np.all((slopes == 0) == ((np.array(kernel) == 0) | (rule == "L1L2")))


@pytest.mark.parametrize(
    ("keras", "arguments"),
    [(keras1, {"W_regularizer": "l1l2"}), (keras2, {"kernel_regularizer": "l1_l2"}), (keras2, {"kernel_regularizer": "l1"})],
    ids=str,
)
def test_penalties_of_earlier_eras(keras, arguments):
    """Keras 1 and 2 made one of a function whose strengths are 0.01; with Theano and TensorFlow |x| is level at 0."""
    model = keras.models.Sequential([keras.layers.Dense(1, input_shape=(2,), **arguments)])
    model.set_weights([[[1.0], [0.0]], [0.0]])
    model.compile(keras.optimizers.SGD(1.0), "mse")
    model.train_on_batch(np.zeros((1, 2)), np.zeros((1, 1)))
    kept = 0.99 if "l1" in arguments.values() else 0.97
    np.testing.assert_allclose(model.get_weights()[0], [[kept], [0.0]], atol=1e-6)


def test_measures_stand_output_by_output():
    layers = tfkeras2.layers
    x = layers.Input((2,))
    model = tfkeras2.Model(x, [layers.Dense(1, "linear", True, "ones", "ones", name=name)(x) for name in "ab"])
    weighted = {"a": ["mse"], "b": ["mae"]}
    model.compile("sgd", "mse", metrics={"a": ["mae"], "b": ["mape"]}, weighted_metrics=weighted)
    y = np.array([1.0, 2.0])
    assert model.evaluate(np.ones((2, 2)), [y, y * 2], verbose=0) == pytest.approx([3.5, 2.5, 1.0, 1.5, 2.5, 37.5, 1.0])
    assert model.metrics_names == ["loss", "a_loss", "b_loss", "a_mae", "a_mse", "b_mape", "b_mae"]


def test_what_a_callback_adds_to_an_epoch_is_not_told_of_at_the_end_of_training():
    told = []

    class Adding(tfkeras2.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["extra"] = 1.0

    class Asking(tfkeras2.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            told.append(sorted(logs))

        def on_train_end(self, logs=None):
            told.append(sorted(logs))

    history = trained().fit(X, Y, verbose=0, callbacks=[Adding(), Asking()])
    assert told == [["extra", "loss", "mae"], ["loss", "mae"]]
    assert sorted(history.history) == ["extra", "loss", "mae"]


def test_an_upgrade_writes_the_strengths_and_names_measures_that_go_on():
    program = "from tensorflow.keras import layers\nd = layers.Dense(2, kernel_regularizer='l1_l2')\n"
    done = upgrade(
        program + "m.train_on_batch(x, y, reset_metrics=False)\nm.test_on_batch(x, y, reset_metrics=True)\n", "tfkeras2"
    )
    assert "import kerata as keras" in done.source
    assert "layers.Dense(2, kernel_regularizer=keras.regularizers.L1L2(l1=0.01, l2=0.01))" in done.source
    assert "m.train_on_batch(x, y)\nm.test_on_batch(x, y)\n" in done.source
    assert [line for line, text in done.notes if "reset_metrics" in text] == [3]
