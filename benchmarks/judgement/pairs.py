"""Cases in which output, loss and targets do not fit, or layers fight or stand still."""

import numpy as np

from benchmarks.judgement.data import classes, digits, flat, numbers, passengers, photos, reviews, short_reviews
from benchmarks.judgement.running import Trained, fit, known, network
from kerata import Input, Model, Sequential, initializers, layers, losses, optimizers, regularizers

SPARSE = "sparse_categorical_crossentropy"


def dense(*units, activation="relu"):
    return [layers.Dense(each, activation=activation) for each in units]


@known("softmax_of_one")
def one_softmax_pima():
    x, y = classes("pima-indians-diabetes")
    return fit(network((8,), [*dense(16), layers.Dense(1, activation="softmax")], "binary_crossentropy"), x, y, 10)


@known("softmax_of_one", look=True)
def one_softmax_photos():
    x, y = photos(100, ("airplane", "frog"))
    model = network(
        (32, 32, 3),
        [layers.Conv2D(8, 3, activation="relu"), layers.GlobalAveragePooling2D(), layers.Dense(1), layers.Softmax()],
        "binary_crossentropy",
    )
    return fit(model, x, y, 5)


@known("softmax_with_binary")
def binary_iris():
    x, y = classes("iris")
    return fit(
        network((4,), [*dense(16), layers.Dense(3, activation="softmax")], "binary_crossentropy"),
        x,
        np.eye(3, dtype="float32")[y],
        30,
    )


@known("softmax_with_binary", look=True)
def binary_digits():
    x, y = flat(1000)
    return fit(
        network((784,), [*dense(32), layers.Dense(10, activation="softmax")], "binary_crossentropy"),
        x,
        np.eye(10, dtype="float32")[y],
        8,
    )


@known("no_probabilities")
def linear_ionosphere():
    x, y = classes("ionosphere")
    return fit(network((34,), [*dense(16), layers.Dense(1)], "binary_crossentropy"), x, y, 15)


@known("no_probabilities", look=True)
def linear_wine():
    x, y = classes("wine")
    return fit(network((13,), [*dense(16, activation="tanh"), layers.Dense(3, activation="relu")], SPARSE), x, y, 20)


@known("double_activation")
def twice_wine():
    x, y = classes("wine")
    return fit(
        network(
            (13,), [*dense(16), layers.Dense(3, activation="softmax")], losses.SparseCategoricalCrossentropy(from_logits=True)
        ),
        x,
        y,
        30,
    )


@known("double_activation", look=True)
def twice_sonar():
    x, y = classes("sonar")
    return fit(
        network((60,), [*dense(16), layers.Dense(1, activation="sigmoid")], losses.BinaryCrossentropy(from_logits=True)),
        x,
        y,
        30,
    )


@known("squared_loss_on_classes")
def squared_iris():
    x, y = classes("iris")
    return fit(network((4,), [*dense(16), layers.Dense(1)], "mse"), x, y, 40)


@known("squared_loss_on_classes", look=True)
def squared_digits():
    x, y = flat(1500)
    return fit(
        network((784,), [*dense(32), layers.Dense(10, activation="softmax")], "mse"), x, np.eye(10, dtype="float32")[y], 10
    )


@known("sigmoid_with_categorical")
def sigmoids_wine():
    x, y = classes("wine")
    return fit(network((13,), [*dense(16), layers.Dense(3, activation="sigmoid")], SPARSE), x, y, 30)


@known("sigmoid_with_categorical", look=True)
def sigmoids_digits():
    x, y = flat(1500)
    return fit(
        network((784,), [*dense(32), layers.Dense(10, activation="sigmoid")], "categorical_crossentropy"),
        x,
        np.eye(10, dtype="float32")[y],
        10,
    )


@known("targets_out_of_reach")
def reach_housing():
    x, _ = numbers("housing")
    _, y = numbers("housing", scaled=False)
    return fit(network((13,), [*dense(32), layers.Dense(1, activation="sigmoid")], "mse", accuracy=False), x, y, 20)


@known("targets_out_of_reach")
def reach_relu():
    x, y = numbers("abalone", 1000)
    return fit(network((8,), [*dense(16), layers.Dense(1, activation="relu")], "mse", accuracy=False), x, y, 20)


@known("targets_out_of_reach", look=True)
def reach_passengers():
    x, y = passengers(changes=False)
    return fit(
        network((12, 1), [layers.LSTM(8), layers.Dense(1, activation="tanh")], "mse", accuracy=False), x / 100, y / 100, 20
    )


@known("labels_shifted")
def shifted_wine():
    x, y = classes("wine")
    return fit(network((13,), [*dense(16), layers.Dense(4, activation="softmax")], SPARSE), x, y + 1, 40)


@known("labels_shifted", look=True)
def shifted_digits():
    x, y = digits(1000)
    model = network(
        (28, 28, 1),
        [layers.Conv2D(8, 5, strides=2, activation="relu"), layers.Flatten(), layers.Dense(11, activation="softmax")],
        SPARSE,
    )
    return fit(model, x, y + 1, 10)


@known("all_frozen")
def frozen_pima():
    x, y = classes("pima-indians-diabetes")
    model = network((8,), [*dense(16), layers.Dense(1, activation="sigmoid")], "binary_crossentropy")
    model.trainable = False
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return fit(model, x, y, 5)


@known("all_frozen", look=True)
def frozen_digits():
    x, y = digits(500)
    model = network(
        (28, 28, 1),
        [
            layers.Conv2D(8, 5, strides=2, activation="relu", trainable=False),
            layers.Flatten(),
            layers.Dense(10, activation="softmax", trainable=False),
        ],
        SPARSE,
    )
    return fit(model, x, y, 3)


@known("head_frozen")
def head_iris():
    x, y = classes("iris")
    return fit(network((4,), [*dense(16), layers.Dense(3, activation="softmax", trainable=False)], SPARSE), x, y, 30)


@known("head_frozen", look=True)
def head_photos():
    x, y = photos(100)
    model = network(
        (32, 32, 3),
        [
            layers.Conv2D(8, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4, activation="softmax", trainable=False),
        ],
        SPARSE,
    )
    return fit(model, x, y, 5)


@known("tiny_batches_of_norm")
def tiny_batches_sonar():
    x, y = classes("sonar")
    return fit(
        network(
            (60,),
            [layers.Dense(16), layers.BatchNormalization(), layers.ReLU(), layers.Dense(1, activation="sigmoid")],
            "binary_crossentropy",
            optimizers.Adam(0.001),
        ),
        x,
        y,
        10,
        batch_size=2,
    )


@known("tiny_batches_of_norm", look=True)
def tiny_batches_digits():
    x, y = digits(400)
    model = network(
        (28, 28, 1),
        [
            layers.Conv2D(8, 5, strides=2),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ],
        SPARSE,
        optimizers.Adam(0.001),
    )
    return fit(model, x, y, 5, batch_size=4)


@known("norm_statistics")
def statistics_wine():
    x, y = classes("wine")
    norm = layers.BatchNormalization(moving_mean_initializer=initializers.Constant(30.0), trainable=False)
    return fit(network((13,), [norm, *dense(16), layers.Dense(3, activation="softmax")], SPARSE), x, y, 20)


@known("norm_statistics", look=True)
def statistics_digits():
    x, y = digits(500)
    model = network(
        (28, 28, 1),
        [
            layers.Conv2D(8, 5, strides=2),
            layers.BatchNormalization(momentum=0.999),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ],
        SPARSE,
    )
    return fit(model, x, y * 1, 6)


@known("dropout_before_norm")
def before_norm_phoneme():
    x, y = classes("phoneme", 1500)
    model = network(
        (5,),
        [
            *dense(32),
            layers.Dropout(0.3),
            layers.BatchNormalization(momentum=0.9),
            *dense(32),
            layers.Dense(1, activation="sigmoid"),
        ],
        "binary_crossentropy",
    )
    return fit(model, x, y, 25)


@known("dropout_before_norm", look=True)
def before_norm_digits():
    x, y = digits(1000)
    model = network(
        (28, 28, 1),
        [
            layers.Conv2D(8, 5, strides=2, activation="relu"),
            layers.Dropout(0.3),
            layers.BatchNormalization(momentum=0.9),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ],
        SPARSE,
        optimizers.Adam(0.001),
    )
    return fit(model, x, y, 10)


@known("dropout_with_l2")
def both_pima():
    x, y = classes("pima-indians-diabetes")
    model = network(
        (8,),
        [
            layers.Dense(24, activation="relu", kernel_regularizer=regularizers.L2(0.001)),
            layers.Dropout(0.2),
            layers.Dense(1, activation="sigmoid"),
        ],
        "binary_crossentropy",
    )
    return fit(model, x, y, 30)


@known("dropout_with_l2", look=True)
def both_digits():
    x, y = flat(2000)
    model = network(
        (784,),
        [
            layers.Dense(64, activation="relu", kernel_regularizer="l2"),
            layers.Dropout(0.3),
            layers.Dense(10, activation="softmax"),
        ],
        SPARSE,
        optimizers.Adam(0.001),
    )
    return fit(model, x, y, 15)


@known("too_much_dropout")
def dropped_digits():
    x, y = flat(2000)
    return fit(
        network(
            (784,), [*dense(32), layers.Dropout(0.9), layers.Dense(10, activation="softmax")], SPARSE, optimizers.Adam(0.001)
        ),
        x,
        y,
        12,
    )


@known("too_much_dropout", look=True)
def dropped_phoneme():
    x, y = classes("phoneme", 1500)
    return fit(
        network(
            (5,),
            [*dense(16), layers.Dropout(0.85), *dense(16), layers.Dropout(0.85), layers.Dense(1, activation="sigmoid")],
            "binary_crossentropy",
        ),
        x,
        y,
        25,
    )


@known("too_much_l2")
def penalized_phoneme():
    x, y = classes("phoneme", 1500)
    much = regularizers.L2(0.3)
    return fit(
        network(
            (5,),
            [
                layers.Dense(32, activation="relu", kernel_regularizer=much),
                layers.Dense(1, activation="sigmoid", kernel_regularizer=much),
            ],
            "binary_crossentropy",
        ),
        x,
        y,
        30,
    )


@known("too_much_l2", look=True)
def penalized_housing():
    x, y = numbers("housing")
    much = regularizers.L2(1.0)
    return fit(
        network(
            (13,),
            [layers.Dense(32, activation="relu", kernel_regularizer=much), layers.Dense(1, kernel_regularizer=much)],
            "mse",
            accuracy=False,
        ),
        x,
        y,
        60,
    )


@known("padding_not_masked")
def unmasked_reviews():
    x, y = short_reviews()
    return fit(
        network(
            (60,),
            [layers.Embedding(2000, 16), layers.LSTM(16), layers.Dense(1, activation="sigmoid")],
            "binary_crossentropy",
            optimizers.Adam(0.003),
        ),
        x,
        y,
        6,
    )


@known("padding_not_masked", look=True)
def unmasked_reviews_gru():
    x, y = short_reviews(800, 40, 1000, 15)
    return fit(
        network(
            (40,),
            [
                layers.Embedding(1000, 8),
                layers.Bidirectional(layers.GRU(8)),
                layers.Dense(8, activation="relu"),
                layers.Dense(1, activation="sigmoid"),
            ],
            "binary_crossentropy",
        ),
        x,
        y,
        6,
    )


@known("stateful")
def stateful_passengers():
    x, y = passengers()
    x, y = x[:96], y[:96]
    model = Sequential([Input(batch_shape=(16, 12, 1)), layers.LSTM(8, stateful=True), layers.Dense(1)])
    model.compile(optimizers.Adam(0.01), "mse")
    return Trained(model, model.fit(x, y, batch_size=16, epochs=60, verbose=0, seed=0), x, y)


@known("unused_embedding_rows")
def unused_rows():
    x, y = reviews(1500, 60, 300)
    return fit(
        network(
            (60,),
            [layers.Embedding(20000, 8), layers.GlobalAveragePooling1D(), layers.Dense(1, activation="sigmoid")],
            "binary_crossentropy",
            optimizers.Adam(0.003),
        ),
        x,
        y,
        30,
    )


@known("random_predictions")
def dropout_left_on():
    x, y = classes("phoneme", 1500)
    inputs = Input((5,))
    hidden = layers.Dense(32, activation="relu")(inputs)
    outputs = layers.Dense(1, activation="sigmoid")(layers.Dropout(0.3)(hidden, training=True))
    model = Model(inputs, outputs)
    model.compile(optimizers.Adam(0.003), "binary_crossentropy", metrics=["accuracy"])
    return fit(model, x, y, 25)


@known("random_predictions", look=True)
def dropout_left_on_digits():
    x, y = flat(2000)
    inputs = Input((784,))
    hidden = layers.Dropout(0.4)(layers.Dense(64, activation="relu")(inputs), training=True)
    model = Model(inputs, layers.Dense(10, activation="softmax")(hidden))
    model.compile(optimizers.Adam(0.002), SPARSE, metrics=["accuracy"])
    return fit(model, x, y, 12)


@known("layer_never_changes|dead_units")
def cut_off_layer():
    from kerata import ops

    x, y = classes("pima-indians-diabetes")
    inputs = Input((8,))
    first = layers.Dense(16, activation="relu", name="lost")(inputs)
    second = layers.Dense(16, activation="relu")(ops.stop_gradient(first))
    model = Model(inputs, layers.Dense(1, activation="sigmoid")(second))
    model.compile(optimizers.Adam(0.003), "binary_crossentropy", metrics=["accuracy"])
    return fit(model, x, y, 30)
