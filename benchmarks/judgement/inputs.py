"""Cases in which the data is wrong: scales, order, copies, leaks, labels."""

import numpy as np

from benchmarks.judgement.data import adult, classes, digits, flat, numbers, photos
from benchmarks.judgement.running import Trained, fit, known, network, split
from kerata import layers, optimizers

SPARSE = "sparse_categorical_crossentropy"
RNG = np.random.default_rng


def dense(*units, activation="relu"):
    return [layers.Dense(each, activation=activation) for each in units]


def binary(features, *units, rate=0.003):
    return network(
        (features,), [*dense(*units), layers.Dense(1, activation="sigmoid")], "binary_crossentropy", optimizers.Adam(rate)
    )


@known("inputs_not_scaled")
def raw_pima():
    x, y = classes("pima-indians-diabetes", scaled=False)
    return fit(binary(8, 12), x, y, 20)


@known("inputs_not_scaled")
def raw_digits():
    x, y = flat(1500)
    return fit(
        network((784,), [*dense(32), layers.Dense(10, activation="softmax")], SPARSE, optimizers.SGD(0.1)), x * 255, y, 8
    )


@known("inputs_not_scaled", look=True)
def raw_wine():
    x, y = classes("wine", scaled=False)
    return fit(network((13,), [*dense(16), layers.Dense(3, activation="softmax")], SPARSE), x, y, 30)


@known("inputs_not_scaled", look=True)
def raw_photos():
    x, y = photos(100)
    model = network(
        (32, 32, 3),
        [
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(4, activation="softmax"),
        ],
        SPARSE,
        optimizers.SGD(0.01),
    )
    return fit(model, x * 255, y, 8)


@known("missing_values")
def holes_pima():
    x, y = classes("pima-indians-diabetes")
    x = x.copy()
    x[RNG(0).random(x.shape) < 0.02] = np.nan
    return Trained(binary(8, 12), None, x, y)


@known("missing_values", look=True)
def holes_housing():
    x, y = numbers("housing")
    x = x.copy()
    x[7, 3] = np.inf
    return Trained(network((13,), [*dense(8), layers.Dense(1)], "mse", accuracy=False), None, x, y)


@known("constant_inputs")
def constant_sonar():
    x, y = classes("sonar")
    return fit(binary(160, 8, rate=0.002), np.concatenate([x, np.ones((len(x), 100), "float32")], 1), y, 15)


@known("constant_inputs", look=True)
def constant_iris():
    x, y = classes("iris")
    x = np.concatenate([x, np.zeros((len(x), 3), "float32")], 1)
    return fit(network((7,), [*dense(16), layers.Dense(3, activation="softmax")], SPARSE, optimizers.Adam(0.01)), x, y, 50, 0.3)


@known("duplicated_columns")
def copied_columns_pima():
    x, y = classes("pima-indians-diabetes")
    return fit(binary(16, 12), np.concatenate([x, x], 1), y, 20)


@known("duplicated_samples|leak_of_samples")
def copied_pima():
    x, y = classes("pima-indians-diabetes")
    some = RNG(0).integers(0, 150, 600)
    return fit(binary(8, 8, rate=0.002), x[some], y[some], 15, (x[300:500], y[300:500]))


@known("duplicated_samples", look=True)
def copied_phoneme():
    x, y = classes("phoneme", 2500)
    some = RNG(0).integers(0, 1000, 2000)
    return fit(binary(5, 24), x[some], y[some], 20, (x[1500:], y[1500:]))


@known("input_outliers")
def far_pima():
    x, y = classes("pima-indians-diabetes")
    x = x.copy()
    x[5, 2], x[50, 2] = 400.0, -700.0
    return fit(binary(8, 12), x, y, 25)


@known("input_outliers|inputs_not_scaled", look=True)
def far_phoneme():
    x, y = classes("phoneme", 1500)
    x = x.copy()
    x[9, 1] = 1e4
    return fit(binary(5, 32), x, y, 25)


@known("target_outliers")
def outliers_housing():
    x, y = numbers("housing")
    y = y.copy()
    y[RNG(0).choice(len(y), 4, replace=False)] = [90, -80, 120, 100]
    return fit(network((13,), [*dense(24), layers.Dense(1)], "mse", accuracy=False), x, y, 40)


@known("target_outliers", look=True)
def outliers_abalone():
    x, y = numbers("abalone", 1500)
    y = y.copy()
    y[RNG(1).choice(len(y), 10, replace=False)] = 60.0
    return fit(network((8,), [*dense(24), layers.Dense(1)], "mse", accuracy=False), x, y, 25)


@known("unbalanced_classes")
def rare_mammography():
    x, y = classes("mammography", 4000)
    return fit(binary(6, 8, rate=0.001), x, y, 4)


@known("unbalanced_classes", look=True)
def rare_pima():
    x, y = classes("pima-indians-diabetes")
    some = RNG(3).permutation(np.flatnonzero((y == 0) | (np.cumsum(y) <= 30)))
    return fit(binary(8, 8, rate=0.002), x[some], y[some], 20)


@known("unbalanced_classes")
def rare_census():
    x, y = adult()
    some = RNG(3).permutation(np.flatnonzero((y == 0) | (np.cumsum(y) <= 120)))
    return fit(binary(x.shape[1], 16, rate=0.001), x[some], y[some], 8)


@known("sorted_split")
def sorted_iris():
    x, y = classes("iris")
    order = np.argsort(y, kind="stable")
    return split(network((4,), [*dense(16), layers.Dense(3, activation="softmax")], SPARSE), x[order], y[order], 30)


@known("sorted_split")
def sorted_housing():
    x, y = numbers("housing")
    order = np.argsort(y)
    return split(network((13,), [*dense(16), layers.Dense(1)], "mse", accuracy=False), x[order], y[order], 30)


@known("sorted_split", look=True)
def sorted_digits():
    x, y = digits(1000)
    order = np.argsort(y, kind="stable")
    model = network(
        (28, 28, 1),
        [layers.Conv2D(8, 5, strides=2, activation="relu"), layers.Flatten(), layers.Dense(10, activation="softmax")],
        SPARSE,
    )
    return split(model, x[order], y[order], 6, 0.2)


@known("sorted_split", look=True)
def sorted_sonar():
    x, y = classes("sonar")
    order = np.argsort(-y, kind="stable")
    return split(binary(60, 16), x[order], y[order], 20)


@known("class_missing")
def missing_class_wine():
    x, y = classes("wine")
    known_part, other = y != 2, y == 2
    held = (np.concatenate([x[other][:25], x[known_part][:30]]), np.concatenate([y[other][:25], y[known_part][:30]]))
    return fit(
        network((13,), [*dense(16), layers.Dense(3, activation="softmax")], SPARSE),
        x[known_part][30:],
        y[known_part][30:],
        25,
        held,
    )


@known("class_missing", look=True)
def missing_class_digits():
    x, y = flat(1500)
    train = y[:1000] != 7
    return fit(
        network((784,), [*dense(32), layers.Dense(10, activation="softmax")], SPARSE, optimizers.Adam(0.001)),
        x[:1000][train],
        y[:1000][train],
        10,
        (x[1000:], y[1000:]),
    )


@known("validation_differs")
def unscaled_validation_pima():
    x, y = classes("pima-indians-diabetes")
    raw, _ = classes("pima-indians-diabetes", scaled=False)
    return fit(binary(8, 12), x[:550], y[:550], 25, (raw[550:], y[550:]))


@known("validation_differs")
def dark_validation_digits():
    x, y = digits(1500)
    model = network(
        (28, 28, 1),
        [layers.Conv2D(8, 5, strides=2, activation="relu"), layers.Flatten(), layers.Dense(10, activation="softmax")],
        SPARSE,
    )
    return fit(model, x[:1000], y[:1000], 8, (x[1000:] / 255, y[1000:]))


@known("validation_differs", look=True)
def other_validation_phoneme():
    x, y = classes("phoneme", 2500)
    order = np.argsort(x[:, 0] + 0.1 * RNG(0).normal(size=len(x)))
    x, y = x[order], y[order]
    return fit(binary(5, 32), x[:1800], y[:1800], 25, (x[1800:], y[1800:]))


@known("category_missing|validation_differs")
def new_category_census():
    x, y = adult()
    column = int(np.flatnonzero((x[:, 3:] == 1).mean(0) > 0.1)[0]) + 3
    there = x[:, column] == 1
    held = np.concatenate([np.flatnonzero(there)[:300], np.flatnonzero(~there)[:500]])
    train = np.setdiff1d(np.flatnonzero(~there), held)
    return fit(binary(x.shape[1], 16, rate=0.001), x[train], y[train], 10, (x[held], y[held]))


@known("leak_of_samples")
def copies_between_pima():
    x, y = classes("pima-indians-diabetes")
    return fit(binary(8, 12), x[:600], y[:600], 25, (x[450:700], y[450:700]))


@known("leak_of_samples", look=True)
def copies_between_digits():
    x, y = digits(1000)
    model = network(
        (28, 28, 1),
        [layers.Conv2D(8, 5, strides=2, activation="relu"), layers.Flatten(), layers.Dense(10, activation="softmax")],
        SPARSE,
    )
    return fit(model, x[:800], y[:800], 8, (x[700:], y[700:]))


@known("leak_of_target")
def giveaway_pima():
    x, y = classes("pima-indians-diabetes")
    return fit(binary(9, 12), np.concatenate([x, (y + 0.05 * RNG(0).normal(size=len(y)))[:, None]], 1).astype("float32"), y, 20)


@known("leak_of_target", look=True)
def giveaway_housing():
    x, y = numbers("housing")
    x = np.concatenate([(2 * y + 1)[:, None], x], 1).astype("float32")
    return fit(network((14,), [*dense(16), layers.Dense(1)], "mse", accuracy=False), x, y, 40)


@known("leak_of_groups")
def groups_phoneme():
    x, y = classes("phoneme", 1500)
    trained = fit(binary(5, 32), x, y, 25)
    groups = RNG(0).integers(0, 40, 1500)
    trained.groups = (groups[:1125], groups[1125:])
    return trained


@known("leak_of_groups", look=True)
def groups_sonar():
    x, y = classes("sonar")
    trained = fit(binary(60, 12), x, y, 15)
    groups = np.arange(208) // 4 % 30
    trained.groups = (groups[: len(trained.x)], groups[len(trained.x) :])
    return trained


@known("labels_unrelated")
def shuffled_pima():
    x, y = classes("phoneme", 2000)
    return fit(binary(5, 16), x, RNG(0).integers(0, 2, len(y)), 20)


@known("labels_unrelated", look=True)
def shuffled_digits():
    x, y = flat(1500)
    return fit(
        network((784,), [*dense(32), layers.Dense(10, activation="softmax")], SPARSE, optimizers.Adam(0.001)),
        x,
        RNG(1).permutation(y),
        12,
    )


@known("labels_unrelated")
def shuffled_abalone():
    x, y = numbers("abalone", 1500)
    return fit(network((8,), [*dense(16), layers.Dense(1)], "mse", accuracy=False), x, RNG(2).permutation(y), 20)


@known("validation_too_small")
def few_held_iris():
    x, y = classes("iris")
    return fit(
        network((4,), [*dense(16), layers.Dense(3, activation="softmax")], SPARSE, optimizers.Adam(0.01)),
        x[:140],
        y[:140],
        50,
        (x[140:], y[140:]),
    )


@known("validation_too_small", look=True)
def few_held_pima():
    x, y = classes("pima-indians-diabetes")
    return fit(binary(8, 12), x[:750], y[:750], 25, (x[750:], y[750:]))
