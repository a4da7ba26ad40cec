"""Cases with two things wrong at a time."""

import numpy as np

from benchmarks.judgement.data import adult, classes, digits, flat, numbers, photos
from benchmarks.judgement.running import fit, known, network, split
from kerata import layers, optimizers, regularizers

SPARSE = "sparse_categorical_crossentropy"
RNG = np.random.default_rng


def dense(*units, activation="relu"):
    return [layers.Dense(each, activation=activation) for each in units]


def binary(features, *units, optimizer=None, extra=()):
    return network(
        (features,), [*dense(*units), *extra, layers.Dense(1, activation="sigmoid")], "binary_crossentropy", optimizer
    )


@known("softmax_of_one", "inputs_not_scaled")
def unscaled_one_softmax():
    x, y = classes("pima-indians-diabetes", scaled=False)
    return fit(network((8,), [*dense(16), layers.Dense(1, activation="softmax")], "binary_crossentropy"), x, y, 10)


@known("rate_too_high|diverged|dead_units", "unbalanced_classes", look=True)
def high_rate_rare():
    x, y = classes("mammography", 3000)
    return fit(binary(6, 16, optimizer=optimizers.Adam(1.0)), x, y, 10)


@known("leak_of_target", "dropout_before_norm")
def giveaway_and_norm():
    x, y = classes("pima-indians-diabetes")
    x = np.concatenate([x, (y + 0.05 * RNG(0).normal(size=len(y)))[:, None]], 1).astype("float32")
    return fit(binary(9, 16, extra=[layers.Dropout(0.3), layers.BatchNormalization(momentum=0.9)]), x, y, 20)


@known("overfitting", "leak_of_groups", look=True)
def overfitted_groups():
    x, y = classes("sonar")
    trained = fit(binary(60, 128, 64, optimizer=optimizers.Adam(0.01)), x, y, 100, 0.4)
    groups = np.arange(208) % 25
    trained.groups = (groups[: len(trained.x)], groups[len(trained.x) :])
    return trained


@known("sorted_split", "inputs_not_scaled")
def sorted_raw_wine():
    x, y = classes("wine", scaled=False)
    order = np.argsort(y, kind="stable")
    return split(network((13,), [*dense(16), layers.Dense(3, activation="softmax")], SPARSE), x[order], y[order], 30)


@known("no_probabilities", "duplicated_samples|leak_of_samples", look=True)
def linear_copies():
    x, y = classes("phoneme", 2500)
    some = RNG(0).integers(0, 800, 2000)
    return fit(network((5,), [*dense(16), layers.Dense(1)], "binary_crossentropy"), x[some], y[some], 15, (x[1500:], y[1500:]))


@known("rate_too_low", "dropout_with_l2")
def low_rate_restrained():
    x, y = flat(1500)
    hidden = layers.Dense(48, activation="relu", kernel_regularizer=regularizers.L2(0.001))
    return fit(
        network((784,), [hidden, layers.Dropout(0.3), layers.Dense(10, activation="softmax")], SPARSE, optimizers.SGD(1e-4)),
        x,
        y,
        10,
    )


@known("head_frozen", "inputs_not_scaled", look=True)
def frozen_raw_photos():
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
    return fit(model, x * 255, y, 5)


@known("target_outliers", "validation_too_small")
def outliers_few_held():
    x, y = numbers("housing")
    y = y.copy()
    y[RNG(0).choice(400, 4, replace=False)] = [90, -80, 120, 100]
    return fit(network((13,), [*dense(24), layers.Dense(1)], "mse", accuracy=False), x[:490], y[:490], 40, (x[490:], y[490:]))


@known("unbalanced_classes", "leak_of_samples", look=True)
def rare_copies():
    x, y = adult()
    some = RNG(3).permutation(np.flatnonzero((y == 0) | (np.cumsum(y) <= 120)))
    x, y = x[some], y[some]
    return fit(binary(x.shape[1], 16, optimizer=optimizers.Adam(0.001)), x[:1800], y[:1800], 8, (x[1400:], y[1400:]))


@known("labels_shifted", "tiny_batches_of_norm")
def shifted_tiny_batches():
    x, y = digits(400)
    model = network(
        (28, 28, 1),
        [
            layers.Conv2D(8, 5, strides=2),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(11, activation="softmax"),
        ],
        SPARSE,
        optimizers.Adam(0.001),
    )
    return fit(model, x, y + 1, 5, batch_size=4)
