"""Runs with which nothing is wrong, of different shapes."""

import numpy as np

from benchmarks.judgement.data import adult, classes, digits, flat, letters, numbers, passengers, photos, reviews
from benchmarks.judgement.running import fit, known, network, split
from kerata import callbacks, layers, optimizers, regularizers

STOP = lambda patience=5: callbacks.EarlyStopping(patience=patience, restore_best_weights=True)  # noqa: E731


@known()
def pima_small():
    x, y = classes("pima-indians-diabetes")
    return fit(
        network((8,), [layers.Dense(12, activation="relu"), layers.Dense(1, activation="sigmoid")], "binary_crossentropy"),
        x,
        y,
        30,
    )


@known()
def iris_softmax():
    x, y = classes("iris")
    model = network(
        (4,),
        [layers.Dense(16, activation="relu"), layers.Dense(3, activation="softmax")],
        "sparse_categorical_crossentropy",
        optimizers.Adam(0.01),
    )
    return fit(model, x, y, 60, 0.3)


@known(look=True)
def wine_one_hot():
    x, y = classes("wine")
    model = network(
        (13,),
        [layers.Dense(16, activation="tanh"), layers.Dense(3, activation="softmax")],
        "categorical_crossentropy",
        optimizers.Adam(0.005),
    )
    return fit(model, x, np.eye(3, dtype="float32")[y], 40, 0.3)


@known()
def housing_regression():
    x, y = numbers("housing")
    return fit(
        network((13,), [layers.Dense(32, activation="relu"), layers.Dense(1)], "mse", optimizers.Adam(0.003), False),
        x,
        y,
        60,
        callbacks=STOP(10),
    )


@known()
def housing_raw_price():
    x, _ = numbers("housing")
    _, y = numbers("housing", scaled=False)
    return fit(
        network(
            (13,),
            [layers.Dense(32, activation="relu"), layers.Dense(16, activation="relu"), layers.Dense(1)],
            "mse",
            optimizers.RMSprop(0.005),
            False,
        ),
        x,
        y,
        80,
        callbacks=STOP(10),
    )


@known()
def abalone_rings():
    x, y = numbers("abalone", 2000)
    return fit(
        network((8,), [layers.Dense(24, activation="relu"), layers.Dense(1)], "mae", optimizers.Adam(0.003), False), x, y, 30
    )


@known()
def phoneme_deep():
    x, y = classes("phoneme", 2500)
    model = network(
        (5,),
        [layers.Dense(64, activation="relu"), layers.Dense(64, activation="relu"), layers.Dense(1, activation="sigmoid")],
        "binary_crossentropy",
        optimizers.Adam(0.003),
    )
    return fit(model, x, y, 30)


@known(look=True)
def phoneme_logits():
    from kerata import losses

    x, y = classes("phoneme", 2500)
    model = network(
        (5,),
        [layers.Dense(48, activation="relu"), layers.Dense(1)],
        losses.BinaryCrossentropy(from_logits=True),
        optimizers.RMSprop(0.003),
    )
    return fit(model, x, y, 40)


@known()
def ionosphere_dropout():
    x, y = classes("ionosphere")
    model = network(
        (34,),
        [layers.Dense(24, activation="relu"), layers.Dropout(0.4), layers.Dense(1, activation="sigmoid")],
        "binary_crossentropy",
    )
    return fit(model, x, y, 40, callbacks=STOP(8))


@known()
def sonar_l2():
    x, y = classes("sonar")
    model = network(
        (60,),
        [layers.Dense(16, activation="relu", kernel_regularizer=regularizers.L2(0.01)), layers.Dense(1, activation="sigmoid")],
        "binary_crossentropy",
    )
    return fit(model, x, y, 40, 0.3, callbacks=STOP(8))


@known()
def digits_dense():
    x, y = flat(3000)
    model = network(
        (784,),
        [layers.Dense(64, activation="relu"), layers.Dropout(0.2), layers.Dense(10, activation="softmax")],
        "sparse_categorical_crossentropy",
        optimizers.Adam(0.001),
    )
    return fit(model, x, y, 12)


@known()
def digits_sgd():
    x, y = flat(3000)
    model = network(
        (784,),
        [layers.Dense(64, activation="relu"), layers.Dense(10, activation="softmax")],
        "sparse_categorical_crossentropy",
        optimizers.SGD(0.1),
    )
    return fit(model, x, y, 8)


@known()
def digits_convolution():
    x, y = digits(1500)
    model = network(
        (28, 28, 1),
        [
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(10, activation="softmax"),
        ],
        "sparse_categorical_crossentropy",
    )
    return fit(model, x, y, 10)


@known()
def digits_normalized():
    x, y = digits(1500)
    model = network(
        (28, 28, 1),
        [
            layers.Rescaling(2.0, offset=-1.0),
            layers.Conv2D(8, 3, strides=2),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.Conv2D(16, 3, strides=2),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ],
        "sparse_categorical_crossentropy",
        optimizers.Adam(0.002),
    )
    return fit(model, x, y, 15)


@known()
def photos_convolution():
    x, y = photos(150)
    model = network(
        (32, 32, 3),
        [
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4, activation="softmax"),
        ],
        "sparse_categorical_crossentropy",
    )
    return fit(model, x, y, 25, callbacks=STOP(8))


@known(look=True)
def census():
    x, y = adult()
    model = network(
        (x.shape[1],),
        [layers.Dense(32, activation="relu"), layers.Dropout(0.3), layers.Dense(1, activation="sigmoid")],
        "binary_crossentropy",
        optimizers.Adam(0.001),
    )
    return fit(model, x, y, 12)


@known()
def reviews_averaged():
    x, y = reviews(3000, 100, 2000)
    model = network(
        (100,),
        [layers.Embedding(2000, 16), layers.GlobalAveragePooling1D(), layers.Dense(1, activation="sigmoid")],
        "binary_crossentropy",
        optimizers.Adam(0.01),
    )
    return fit(model, x, y, 15, callbacks=STOP(2))


@known()
def ionosphere_recurrent():
    """Seventeen echoes of two numbers each, one after the other."""
    x, y = classes("ionosphere")
    model = network(
        (17, 2), [layers.GRU(16), layers.Dense(1, activation="sigmoid")], "binary_crossentropy", optimizers.Adam(0.01)
    )
    return fit(model, x.reshape(-1, 17, 2), y, 30, callbacks=STOP(8))


@known()
def letters_recurrent():
    x, y, count = letters(4000)
    model = network(
        (20,),
        [layers.Embedding(count, 16), layers.LSTM(32), layers.Dense(count, activation="softmax")],
        "sparse_categorical_crossentropy",
        optimizers.Adam(0.01),
    )
    return fit(model, x, y, 12, callbacks=STOP(3))


@known(look=True)
def passengers_recurrent():
    x, y = passengers()
    return fit(
        network((12, 1), [layers.LSTM(12), layers.Dense(1)], "mse", optimizers.Adam(0.01), False), x, y, 60, callbacks=STOP(15)
    )


@known()
def pima_split():
    x, y = classes("pima-indians-diabetes")
    return split(
        network(
            (8,),
            [layers.Dense(8, activation="elu"), layers.Dense(1, activation="sigmoid")],
            "binary_crossentropy",
            optimizers.SGD(0.1),
        ),
        x,
        y,
        50,
    )


@known(look=True)
def phoneme_squared_hinge():
    x, y = classes("phoneme", 2500)
    model = network(
        (5,), [layers.Dense(48, activation="relu"), layers.Dense(1, activation="tanh")], "hinge", optimizers.Adam(0.003), False
    )
    return fit(model, x, 2.0 * y - 1.0, 30)
