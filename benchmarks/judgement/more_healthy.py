"""More runs with which nothing is wrong, written after all else."""

import numpy as np

from benchmarks.judgement.data import adult, classes, digits, flat, letters, numbers, passengers, photos, reviews
from benchmarks.judgement.healthy import STOP
from benchmarks.judgement.running import Trained, fit, known, network
from kerata import Input, Model, Sequential, layers, losses, optimizers

SPARSE = "sparse_categorical_crossentropy"


@known(look=True)
def housing_huber():
    x, y = numbers("housing")
    model = network(
        (13,),
        [layers.Dense(24, activation="gelu"), layers.Dense(1)],
        losses.Huber(),
        optimizers.AdamW(0.005, weight_decay=0.01),
        False,
    )
    return fit(model, x, y, 80, callbacks=STOP(10))


@known(look=True)
def abalone_two_inputs():
    """Lengths and weights go in apart."""
    x, y = numbers("abalone", 2500)
    one, two = Input((4,)), Input((4,))
    hidden = layers.Concatenate()([layers.Dense(8, activation="relu")(one), layers.Dense(12, activation="relu")(two)])
    model = Model([one, two], layers.Dense(1)(layers.Dense(12, activation="relu")(hidden)))
    model.compile(optimizers.Adam(0.003), "mse")
    cut = 1900
    parts, held = [x[:cut, :4], x[:cut, 4:]], [x[cut:, :4], x[cut:, 4:]]
    history = model.fit(parts, y[:cut], epochs=30, validation_data=(held, y[cut:]), verbose=0, seed=0)
    return Trained(model, history, parts, y[:cut], (held, y[cut:]))


@known(look=True)
def iris_linear():
    """Three kinds that planes nearly tell apart: no hidden layer is needed."""
    x, y = classes("iris")
    return fit(network((4,), [layers.Dense(3, activation="softmax")], SPARSE, optimizers.SGD(0.3, momentum=0.9)), x, y, 60, 0.3)


@known(look=True)
def sonar_small():
    x, y = classes("sonar")
    model = network(
        (60,),
        [layers.GaussianNoise(0.3), layers.Dense(10, activation="relu"), layers.Dense(1, activation="sigmoid")],
        "binary_crossentropy",
    )
    return fit(model, x, y, 50, 0.3, callbacks=STOP(6))


@known(look=True)
def reviews_convolution():
    x, y = reviews(3000, 100, 500)
    model = network(
        (100,),
        [
            layers.Embedding(500, 16),
            layers.Dropout(0.3),
            layers.Conv1D(24, 5, activation="relu"),
            layers.GlobalMaxPooling1D(),
            layers.Dense(1, activation="sigmoid"),
        ],
        "binary_crossentropy",
    )
    return fit(model, x, y, 12, callbacks=STOP(2))


@known(look=True)
def reviews_masked_lstm():
    x, y = reviews(3000, 60, 2000, "post")
    model = network(
        (60,),
        [layers.Embedding(2000, 16, mask_zero=True), layers.LSTM(16), layers.Dense(1, activation="sigmoid")],
        "binary_crossentropy",
    )
    return fit(model, x, y, 8, callbacks=STOP(2))


@known(look=True)
def passengers_convolution():
    x, y = passengers()
    model = network(
        (12, 1),
        [layers.Conv1D(12, 3, activation="relu"), layers.Flatten(), layers.Dense(1)],
        "mae",
        optimizers.Adam(0.003),
        False,
    )
    return fit(model, x, y, 80, callbacks=STOP(15))


@known(look=True)
def digits_on_base():
    """A base that was trained on the digits up to 4, frozen, and a head for those from 5."""
    x, y = digits(3000)
    base = Sequential(
        [
            Input((28, 28, 1)),
            layers.Conv2D(12, 3, strides=2, activation="relu"),
            layers.Conv2D(24, 3, strides=2, activation="relu"),
            layers.Flatten(),
        ],
        name="base",
    )
    low = y < 5
    first = network((28, 28, 1), [base, layers.Dense(5, activation="softmax")], SPARSE)
    first.fit(x[low], y[low], epochs=6, verbose=0, seed=0)
    base.trainable = False
    model = network((28, 28, 1), [base, layers.Dropout(0.2), layers.Dense(5, activation="softmax")], SPARSE)
    return fit(model, x[~low], y[~low] - 5, 10)


@known(look=True)
def photos_residual():
    x, y = photos(200)
    inputs = Input((32, 32, 3))
    hidden = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(inputs)
    for _ in range(2):
        branch = layers.Conv2D(16, 3, padding="same", activation="relu")(hidden)
        hidden = layers.Add()([hidden, layers.Conv2D(16, 3, padding="same")(branch)])
        hidden = layers.LayerNormalization()(hidden)
    hidden = layers.GlobalAveragePooling2D()(layers.ReLU()(hidden))
    model = Model(inputs, layers.Dense(4, activation="softmax")(hidden))
    model.compile(optimizers.Adam(0.002), SPARSE, metrics=["accuracy"])
    return fit(model, x, y, 20, callbacks=STOP(5))


@known(look=True)
def digits_autoencoder():
    x, _ = flat(2000)
    model = network(
        (784,),
        [layers.Dense(64, activation="relu"), layers.Dense(784, activation="sigmoid")],
        "mse",
        optimizers.Adam(0.002),
        False,
    )
    return fit(model, x, x, 25)


@known(look=True)
def census_weighted():
    x, y = adult()
    model = network(
        (x.shape[1],),
        [layers.Dense(24, activation="relu"), layers.Dropout(0.2), layers.Dense(1, activation="sigmoid")],
        "binary_crossentropy",
        optimizers.Adam(0.001),
    )
    return fit(model, x, y, 12, class_weight={0: 1.0, 1: 1.5})


@known(look=True)
def letters_gru():
    x, y, count = letters(4000, 16)
    model = network(
        (16,),
        [layers.Embedding(count, 12), layers.GRU(32), layers.Dense(count, activation="softmax")],
        SPARSE,
        optimizers.RMSprop(0.005),
    )
    return fit(model, np.asarray(x), y, 15, callbacks=STOP(3))
