"""Cases of the rate, the length of training, and fitting too little or too much."""

import numpy as np

from benchmarks.judgement.data import classes, digits, flat, letters, numbers, photos, reviews
from benchmarks.judgement.running import fit, known, network
from kerata import callbacks, layers, optimizers

SPARSE = "sparse_categorical_crossentropy"
HIGH = "rate_too_high|diverged"


def dense(*units, activation="relu"):
    return [layers.Dense(each, activation=activation) for each in units]


def binary(features, optimizer, *units):
    return network((features,), [*dense(*units), layers.Dense(1, activation="sigmoid")], "binary_crossentropy", optimizer)


@known(HIGH)
def diverging_housing():
    x, y = numbers("housing")
    return fit(network((13,), [*dense(32), layers.Dense(1)], "mse", optimizers.SGD(0.5), False), x, y, 20)


@known(HIGH)
def bouncing_phoneme():
    x, y = classes("phoneme", 1500)
    return fit(binary(5, optimizers.Adam(0.3), 32, 32), x, y, 30)


@known(HIGH + "|dead_units")
def stuck_digits():
    x, y = flat(1500)
    return fit(network((784,), [*dense(32), layers.Dense(10, activation="softmax")], SPARSE, optimizers.Adam(0.5)), x, y, 10)


@known(HIGH + "|dead_units")
def dead_at_once_housing():
    x, y = numbers("housing")
    return fit(network((13,), [*dense(32, 32), layers.Dense(1)], "mse", optimizers.SGD(0.3, momentum=0.9), False), x, y + 2, 15)


@known(HIGH + "|saturated_units", look=True)
def high_tanh_iris():
    x, y = classes("iris")
    return fit(
        network((4,), [*dense(16, 16, activation="tanh"), layers.Dense(3, activation="softmax")], SPARSE, optimizers.SGD(8.0)),
        x,
        y,
        30,
    )


@known(HIGH + "|dead_units", look=True)
def high_convolution():
    x, y = digits(800)
    model = network(
        (28, 28, 1),
        [layers.Conv2D(8, 5, strides=2, activation="relu"), layers.Flatten(), layers.Dense(10, activation="softmax")],
        SPARSE,
        optimizers.RMSprop(0.3),
    )
    return fit(model, x, y, 8)


@known(HIGH, look=True)
def high_letters():
    x, y, count = letters(2000)
    return fit(
        network(
            (20,),
            [layers.Embedding(count, 8), layers.LSTM(24), layers.Dense(count, activation="softmax")],
            SPARSE,
            optimizers.Adam(0.5),
        ),
        x,
        y,
        8,
    )


@known(HIGH, look=True)
def high_momentum_sonar():
    x, y = classes("sonar")
    return fit(binary(60, optimizers.SGD(5.0, momentum=0.95), 24), x, y, 30)


@known("rate_too_low")
def low_pima():
    x, y = classes("pima-indians-diabetes")
    return fit(binary(8, optimizers.SGD(1e-4), 12), x, y, 20)


@known("rate_too_low")
def low_digits():
    x, y = flat(1500)
    return fit(network((784,), [*dense(32), layers.Dense(10, activation="softmax")], SPARSE, optimizers.Adam(1e-6)), x, y, 12)


@known("rate_too_low")
def low_adadelta():
    x, y = classes("phoneme", 1500)
    return fit(binary(5, optimizers.Adadelta(0.001), 32), x, y, 25)


@known("rate_too_low", look=True)
def low_housing():
    x, y = numbers("housing")
    return fit(network((13,), [*dense(32), layers.Dense(1)], "mse", optimizers.Adam(1e-5), False), x, y, 30)


@known("rate_too_low", look=True)
def low_photos():
    x, y = photos(100)
    model = network(
        (32, 32, 3),
        [
            layers.Conv2D(8, 3, strides=2, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4, activation="softmax"),
        ],
        SPARSE,
        optimizers.SGD(1e-4),
    )
    return fit(model, x, y, 10)


@known("rate_too_low", look=True)
def low_reviews():
    x, y = reviews(800)
    return fit(
        network(
            (60,),
            [layers.Embedding(2000, 16), layers.GlobalAveragePooling1D(), layers.Dense(1, activation="sigmoid")],
            "binary_crossentropy",
            optimizers.Adam(1e-6),
        ),
        x,
        y,
        8,
    )


@known("too_few_epochs")
def few_epochs_digits():
    x, y = flat(1500)
    return fit(network((784,), [*dense(32), layers.Dense(10, activation="softmax")], SPARSE, optimizers.Adam(0.001)), x, y, 2)


@known("too_few_epochs")
def few_epochs_phoneme():
    x, y = classes("phoneme", 1500)
    return fit(binary(5, optimizers.Adam(0.001), 32), x, y, 3)


@known("too_few_epochs", look=True)
def few_epochs_housing():
    x, y = numbers("housing")
    return fit(network((13,), [*dense(32), layers.Dense(1)], "mse", optimizers.Adam(0.001), False), x, y, 4)


@known("too_few_epochs", look=True)
def few_epochs_convolution():
    x, y = digits(800)
    model = network(
        (28, 28, 1),
        [layers.Conv2D(8, 5, strides=2, activation="relu"), layers.Flatten(), layers.Dense(10, activation="softmax")],
        SPARSE,
        optimizers.Adam(0.001),
    )
    return fit(model, x, y, 2)


@known("stopped_too_early")
def stopped_digits():
    x, y = flat(1500)
    stop = callbacks.EarlyStopping(monitor="val_loss", patience=0, min_delta=0.3)
    return fit(
        network((784,), [*dense(32), layers.Dense(10, activation="softmax")], SPARSE, optimizers.Adam(0.001)),
        x,
        y,
        40,
        callbacks=stop,
    )


@known("stopped_too_early", look=True)
def stopped_phoneme():
    x, y = classes("phoneme", 1500)
    stop = callbacks.EarlyStopping(monitor="val_loss", patience=1, min_delta=0.05)
    return fit(binary(5, optimizers.Adam(0.001), 32), x, y, 60, callbacks=stop)


@known("overfitting")
def overfitted_sonar():
    x, y = classes("sonar")
    return fit(binary(60, optimizers.Adam(0.01), 128, 64), x, y, 100, 0.4)


@known("overfitting")
def overfitted_pima():
    x, y = classes("pima-indians-diabetes")
    return fit(binary(8, optimizers.Adam(0.005), 128, 64), x, y, 80)


@known("overfitting", look=True)
def overfitted_digits():
    x, y = flat(600)
    return fit(
        network((784,), [*dense(256, 128), layers.Dense(10, activation="softmax")], SPARSE, optimizers.Adam(0.002)),
        x,
        y,
        60,
        0.5,
    )


@known("overfitting", look=True)
def overfitted_reviews():
    x, y = reviews(600)
    return fit(
        network(
            (60,),
            [layers.Embedding(2000, 32), layers.Flatten(), *dense(64), layers.Dense(1, activation="sigmoid")],
            "binary_crossentropy",
            optimizers.Adam(0.003),
        ),
        x,
        y,
        20,
    )


@known("underfitting_capacity")
def linear_phoneme():
    x, y = classes("phoneme", 2500)
    return fit(binary(5, optimizers.Adam(0.01)), x, y, 40)


@known("underfitting_capacity")
def two_units_digits():
    x, y = flat(2500)
    return fit(network((784,), [*dense(2), layers.Dense(10, activation="softmax")], SPARSE, optimizers.Adam(0.005)), x, y, 40)


@known("underfitting_capacity", look=True)
def linear_xor():
    """The signs of two measurements, told apart as XOR asks: no line does that."""
    x, _ = classes("pima-indians-diabetes")
    x = x[:, [1, 5]]
    return fit(binary(2, optimizers.Adam(0.02)), x, ((x[:, 0] > 0) != (x[:, 1] > 0)).astype("int32"), 40)


@known("underfitting_capacity", look=True)
def one_unit_wine():
    x, y = classes("phoneme", 2500)
    return fit(binary(5, optimizers.Adam(0.01), 1), x, y, 50)


@known("underfitting_optimization|vanishing_gradients|saturated_units|bad_first_weights|rate_too_low", look=True)
def all_zero_weights():
    x, y = classes("phoneme", 1500)
    hidden = layers.Dense(32, activation="tanh", kernel_initializer="zeros")
    return fit(
        network((5,), [hidden, layers.Dense(1, activation="sigmoid", kernel_initializer="zeros")], "binary_crossentropy"),
        x,
        np.asarray(y),
        25,
    )
