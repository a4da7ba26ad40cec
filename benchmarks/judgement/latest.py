"""Cases that were written after all kinds stood, from what students do, and looked at once before anything was mended."""

import numpy as np

from benchmarks.judgement.data import adult, classes, digits, flat, numbers, photos, reviews, table
from benchmarks.judgement.running import Trained, fit, known, network, split
from kerata import Input, Model, Sequential, callbacks, layers, losses, optimizers

SPARSE = "sparse_categorical_crossentropy"
RNG = np.random.default_rng


def dense(*units, activation="relu"):
    return [layers.Dense(each, activation=activation) for each in units]


def binary(features, *units, optimizer=None, output="sigmoid"):
    return network((features,), [*dense(*units), layers.Dense(1, activation=output)], "binary_crossentropy", optimizer)


@known("targets_out_of_reach", look=True)
def relu_on_standardized_housing():
    """The targets were scaled to spread 1, and the relu stayed in the last layer."""
    x, y = numbers("housing")
    return fit(network((13,), [*dense(32), layers.Dense(1, activation="relu")], "mse", accuracy=False), x, y, 40)


@known("inputs_not_scaled", look=True)
def year_and_money():
    """One column in years, one in money, the others shares."""
    x, y = classes("pima-indians-diabetes")
    x = x.copy()
    x[:, 0], x[:, 1] = 1960 + 20 * x[:, 0], 40_000 + 12_000 * x[:, 1]
    return fit(binary(8, 16, optimizer=optimizers.Adam(0.001)), x, y, 20)


@known("inputs_not_scaled|validation_differs", look=True)
def test_pictures_forgotten_to_divide():
    """Training pictures from 0 to 1, validation pictures from 0 to 255."""
    x, y = flat(1500)
    return fit(
        network((784,), [*dense(64), layers.Dense(10, activation="softmax")], SPARSE, optimizers.Adam(0.001)),
        x[:1200],
        y[:1200],
        8,
        (x[1200:] * 255, y[1200:]),
    )


@known("no_probabilities", look=True)
def forgotten_softmax_digits():
    x, y = flat(1500)
    return fit(network((784,), [*dense(64), layers.Dense(10)], SPARSE, optimizers.Adam(0.001)), x, y, 6)


@known("double_activation", look=True)
def logits_loss_over_softmax():
    """Copied from a page where the loss has from_logits=True."""
    x, y = classes("wine")
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    return fit(network((13,), [*dense(16), layers.Dense(3, activation="softmax")], loss), x, y, 25)


@known("sorted_split|class_missing", look=True)
def folders_one_after_another():
    """Pictures read folder by folder, and validation_split."""
    x, y = photos(80)
    order = np.argsort(y, kind="stable")
    stack = [layers.Conv2D(8, 3, activation="relu"), layers.MaxPooling2D(4), layers.Flatten()]
    return split(network((32, 32, 3), [*stack, layers.Dense(4, activation="softmax")], SPARSE), x[order], y[order], 6, 0.2)


@known("labels_unrelated|leak_of_samples|overfitting", look=True)
def shuffled_apart():
    """x and y shuffled with different orders."""
    x, y = classes("phoneme", 1500)
    y = (y != RNG(0).integers(0, 2, len(y))).astype("int32")
    return fit(binary(5, 32, 32, optimizer=optimizers.Adam(0.003)), RNG(1).permutation(x), RNG(2).permutation(y), 30)


@known("rate_too_high|diverged|dead_units", look=True)
def sgd_rate_of_a_page_for_adam_turned_round():
    """A rate of 1 for Adam."""
    x, y = flat(1200)
    return fit(network((784,), [*dense(64), layers.Dense(10, activation="softmax")], SPARSE, optimizers.Adam(1.0)), x, y, 8)


@known("rate_too_low", look=True)
def fine_tuning_rate_from_scratch():
    """The rate for fine-tuning, 1e-5, on a network with first weights."""
    x, y = digits(1000)
    stack = [layers.Conv2D(8, 5, strides=2, activation="relu"), layers.Flatten(), layers.Dense(10, activation="softmax")]
    return fit(network((28, 28, 1), stack, SPARSE, optimizers.RMSprop(1e-5)), x, y, 8)


@known("leak_of_samples", look=True)
def augmented_before_splitting():
    """Copies were made first, then the split."""
    x, y = classes("sonar")
    x, y = np.repeat(x, 4, axis=0), np.repeat(y, 4)
    order = RNG(0).permutation(len(x))
    return fit(binary(60, 32), x[order], y[order], 25)


@known("leak_of_target", look=True)
def target_left_in_the_table():
    """The last column, which is the target, was left among the inputs."""
    rows = table("pima-indians-diabetes")
    x = (rows - rows.mean(0)) / rows.std(0)
    return fit(binary(9, 16), x.astype("float32"), rows[:, -1].astype("int32"), 20)


@known("unbalanced_classes", look=True)
def one_in_twenty():
    """A rare class, and 95 % accuracy that make one proud."""
    x, y = adult(3000)
    kept = np.flatnonzero((y == 0) | (np.cumsum(y) <= 110))
    order = RNG(0).permutation(kept)
    return fit(binary(x.shape[1], 8, optimizer=optimizers.Adam(0.0005)), x[order], y[order], 6)


@known("softmax_of_one", look=True)
def two_classes_one_softmax():
    """Softmax because it is classification, one unit because there is one label."""
    x, y = classes("ionosphere")
    model = network((34,), [*dense(34), layers.Dense(1), layers.Activation("softmax")], "binary_crossentropy")
    return fit(model, x, y, 10)


@known("overfitting", look=True)
def hundred_epochs_of_few_reviews():
    x, y = reviews(500)
    stack = [layers.Embedding(2000, 32), layers.GlobalAveragePooling1D(), *dense(64), layers.Dense(1, activation="sigmoid")]
    return fit(network((60,), stack, "binary_crossentropy", optimizers.Adam(0.003)), x, y, 40)


@known("all_frozen|head_frozen", look=True)
def everything_frozen_in_a_loop():
    """`for layer in model.layers: layer.trainable = False`, after the head was added."""
    x, y = digits(600)
    model = Sequential(
        [Input((28, 28, 1)), layers.Conv2D(8, 5, strides=2, activation="relu"), layers.Flatten(), layers.Dense(10, "softmax")]
    )
    for layer in model.layers:
        layer.trainable = False
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return fit(model, x, y, 4)


# Healthy ones


@known(look=True)
def healthy_wide_and_deep():
    """Two ways through a census, added."""
    x, y = adult(2500)
    inputs = Input((x.shape[1],))
    deep = layers.Dense(1)(layers.Dense(16, activation="relu")(inputs))
    outputs = layers.Activation("sigmoid")(layers.add([deep, layers.Dense(1)(inputs)]))
    model = Model(inputs, outputs)
    model.compile(optimizers.Adam(0.002), "binary_crossentropy", metrics=["accuracy"])
    return fit(model, x, y, 12)


@known(look=True)
def healthy_stopped_early():
    x, y = classes("phoneme", 2500)
    stop = callbacks.EarlyStopping(patience=8, restore_best_weights=True)
    return fit(binary(5, 32, 32, optimizer=optimizers.Adam(0.005)), x, y, 150, callbacks=stop)


@known(look=True)
def healthy_falling_rate():
    """The rate is halved on plateaus."""
    x, y = numbers("abalone", 2500)
    plateau = callbacks.ReduceLROnPlateau(patience=3, factor=0.5)
    features = x.shape[1]
    return fit(network((features,), [*dense(24), layers.Dense(1)], "mse", accuracy=False), x, y, 40, callbacks=plateau)


@known(look=True)
def healthy_small_convolution():
    x, y = digits(3000)
    stack = [layers.Conv2D(12, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten(), layers.Dropout(0.3)]
    return fit(network((28, 28, 1), [*stack, layers.Dense(10, activation="softmax")], SPARSE, optimizers.Adam(0.002)), x, y, 8)


@known(look=True)
def healthy_words():
    """Averaged vectors of words, stopped in time."""
    x, y = reviews(3000)
    stack = [layers.Embedding(2000, 8), layers.GlobalAveragePooling1D(), layers.Dense(1, activation="sigmoid")]
    stop = callbacks.EarlyStopping(patience=2, restore_best_weights=True)
    return fit(network((60,), stack, "binary_crossentropy", optimizers.Adam(0.01)), x, y, 30, callbacks=stop)


@known(look=True)
def healthy_autoencoder():
    """Digits through 24 numbers and back."""
    x, _ = flat(2500)
    model = network((784,), [*dense(24), layers.Dense(784, activation="sigmoid")], "binary_crossentropy", accuracy=False)
    cut = 2000
    history = model.fit(x[:cut], x[:cut], epochs=15, validation_data=(x[cut:], x[cut:]), verbose=0, seed=0)
    return Trained(model, history, x[:cut], x[:cut], (x[cut:], x[cut:]))


# Runs that go on, or whose rate changes: written when one such had been called too slow


@known(look=True)
def healthy_scheduled_rate():
    """The rate falls by a twentieth an epoch."""
    x, y = classes("phoneme", 2000)
    falling = callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.85)
    return fit(binary(5, 24, 24, optimizer=optimizers.Adam(0.01)), x, y, 45, callbacks=falling)


@known(look=True)
def healthy_cosine():
    x, y = flat(2500)
    rate = optimizers.schedules.CosineDecay(0.002, 8 * 59)
    stack = [*dense(48), layers.Dropout(0.2), layers.Dense(10, activation="softmax")]
    return fit(network((784,), stack, SPARSE, optimizers.Adam(rate)), x, y, 8)


@known(look=True)
def healthy_second_fit_with_a_lower_rate():
    x, y = numbers("housing")
    model = network((13,), [*dense(24), layers.Dense(1)], "mse", optimizers.Adam(0.005), False)
    model.fit(x[:380], y[:380], epochs=40, verbose=0, seed=1)
    model.compile(optimizers.Adam(5e-5), "mse")
    return fit(model, x, y, 10)


@known(look=True)
def healthy_second_fit():
    """The same call again."""
    x, y = classes("pima-indians-diabetes")
    model = binary(8, 12, optimizer=optimizers.Adam(0.003))
    model.fit(x[:576], y[:576], epochs=25, verbose=0, seed=1)
    return fit(model, x, y, 6)


@known(look=True)
def healthy_linear_regression_settled():
    """Nothing is left to learn, and the loss stands still."""
    x, _ = numbers("abalone", 1500)
    y = x @ RNG(0).normal(size=x.shape[1]) + 0.3 * RNG(1).normal(size=len(x))
    model = network((x.shape[1],), [layers.Dense(1)], "mse", optimizers.Adam(0.02), False)
    return fit(model, x, (y / y.std()).astype("float32"), 60)
