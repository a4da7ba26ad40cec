"""Cases of sequences that are too long, labels that are partly wrong, networks that cannot learn ten samples, layers that give
NaN, batches of a wrong size, and bases that are given other pictures than they know."""

import numpy as np

from benchmarks.judgement.data import classes, digits, flat, numbers, photos, reviews
from benchmarks.judgement.running import Trained, fit, known, network
from kerata import Input, Model, Sequential, applications, constraints, initializers, layers, ops, optimizers

SPARSE = "sparse_categorical_crossentropy"
RNG = np.random.default_rng


def dense(*units, activation="relu"):
    return [layers.Dense(each, activation=activation) for each in units]


def binary(features, *units, optimizer=None):
    return network((features,), [*dense(*units), layers.Dense(1, activation="sigmoid")], "binary_crossentropy", optimizer)


def wrong(y, share, seed=0):
    """Labels of which a share is another class."""
    rng = RNG(seed)
    count = int(y.max()) + 1
    chosen = rng.random(len(y)) < share
    return np.where(chosen, (y + rng.integers(1, count, len(y))) % count, y).astype(y.dtype)


@known("sequence_too_long")
def long_rows_of_pixels():
    """A digit read pixel by pixel."""
    x, y = digits(600)
    model = network((784, 1), [layers.SimpleRNN(16), layers.Dense(10, activation="softmax")], SPARSE, optimizers.Adam(0.002))
    return fit(model, x.reshape(-1, 784, 1), y, 4)


@known("sequence_too_long", look=True)
def long_reviews_recurrent():
    """The beginnings of reviews, each with the text of others behind it."""
    x, y = reviews(700, 30, 500, "post")
    rest, _ = reviews(2000, 180, 500, "post")
    rest = np.where(rest == 0, 7, rest)[RNG(0).permutation(2000)[:700]]
    model = network(
        (210,),
        [layers.Embedding(500, 16), layers.LSTM(16), layers.Dense(1, activation="sigmoid")],
        "binary_crossentropy",
        optimizers.Adam(0.0005),
    )
    return fit(model, np.concatenate([np.where(x == 0, 7, x), rest], 1), y, 4)


@known("sequence_too_long", look=True)
def long_rows_of_pixels_lstm():
    """A digit read two pixels at a time, by an LSTM that forgets."""
    x, y = digits(800)
    model = network(
        (392, 2),
        [layers.LSTM(12, unit_forget_bias=False), layers.Dense(10, activation="softmax")],
        SPARSE,
        optimizers.Adam(0.002),
    )
    return fit(model, x.reshape(-1, 392, 2), y, 5)


@known("labels_noisy")
def wrong_labels_digits():
    x, y = flat(2500)
    return fit(
        network((784,), [*dense(64), layers.Dense(10, activation="softmax")], SPARSE, optimizers.Adam(0.001)),
        x,
        wrong(y, 0.25),
        12,
    )


@known("labels_noisy")
def wrong_labels_ionosphere():
    x, y = classes("ionosphere")
    return fit(binary(34, 16), x, wrong(y, 0.25), 20)


@known("labels_noisy", look=True)
def wrong_labels_phoneme():
    x, y = classes("phoneme", 2500)
    return fit(binary(5, 32), x, wrong(y, 0.25, 1), 30)


@known("labels_noisy", look=True)
def wrong_labels_iris():
    x, y = classes("iris")
    return fit(
        network((4,), [*dense(16), layers.Dense(3, activation="softmax")], SPARSE, optimizers.Adam(0.01)),
        x,
        wrong(y, 0.25, 2),
        40,
        0.3,
    )


@known("ten_samples_not_learned")
def mixed_samples_pima():
    """A layer of one's own that takes the mean over the samples, not over the columns."""
    x, y = classes("pima-indians-diabetes")
    hidden = [*dense(16), layers.Lambda(lambda t: ops.zeros_like(t) + ops.mean(t, axis=0, keepdims=True))]
    return fit(network((8,), [*hidden, layers.Dense(1, activation="sigmoid")], "binary_crossentropy"), x, y, 15)


@known("ten_samples_not_learned")
def tight_constraint_digits():
    x, y = flat(1000)
    tight = lambda: constraints.MaxNorm(0.05)  # noqa: E731
    model = network(
        (784,),
        [
            layers.Dense(32, activation="relu", kernel_constraint=tight()),
            layers.Dense(10, activation="softmax", kernel_constraint=tight()),
        ],
        SPARSE,
        optimizers.Adam(0.003),
    )
    return fit(model, x, y, 12)


@known("ten_samples_not_learned", look=True)
def input_not_used_digits():
    """The picture is multiplied away before the last layer."""
    x, y = flat(1000)
    inputs = Input((784,))
    hidden = layers.Dense(32, activation="relu")(inputs)
    gone = layers.Lambda(lambda t: 0 * t + 1)(hidden)
    model = Model(inputs, layers.Dense(10, activation="softmax")(gone))
    model.compile(optimizers.Adam(0.003), SPARSE, metrics=["accuracy"])
    return fit(model, x, y, 12)


@known("ten_samples_not_learned", look=True)
def mixed_samples_housing():
    x, y = numbers("housing")
    hidden = [*dense(16), layers.Lambda(lambda t: t - t + ops.max(t, axis=0))]
    return fit(network((13,), [*hidden, layers.Dense(1)], "mse", accuracy=False), x, y, 25)


@known("layer_gives_nan")
def logarithm_pima():
    """The logarithm of numbers of which half are negative."""
    x, y = classes("pima-indians-diabetes")
    first = layers.Lambda(lambda t: ops.log(t), name="logarithm")
    return fit(network((8,), [first, *dense(16), layers.Dense(1, activation="sigmoid")], "binary_crossentropy"), x, y, 5)


@known("layer_gives_nan", look=True)
def divided_digits():
    """Pictures whose columns are divided by their spread, which is 0 at the border."""
    x, y = digits(800)
    scale = layers.Lambda(lambda t: (t - ops.mean(t, axis=1, keepdims=True)) / ops.std(t, axis=1, keepdims=True))
    model = network((28, 28, 1), [scale, layers.Flatten(), *dense(32), layers.Dense(10, activation="softmax")], SPARSE)
    return fit(model, x, y, 3)


@known("layer_gives_nan", look=True)
def distance_of_twins_phoneme():
    """Are two sounds of one kind? By their distance, whose slope is infinite where both are the same."""
    x, y = classes("phoneme", 1500)
    other = np.where(RNG(0).random(1500) < 0.1, np.arange(1500), RNG(1).permutation(1500))
    one, two = Input((5,)), Input((5,))
    shared = layers.Dense(16, activation="tanh", name="shared")
    distance = layers.Lambda(lambda t: ops.sqrt(ops.sum(ops.square(t[0] - t[1]), axis=-1, keepdims=True)), name="distance")
    model = Model([one, two], layers.Dense(1, activation="sigmoid")(distance([shared(one), shared(two)])))
    model.compile(optimizers.Adam(0.003), "binary_crossentropy", metrics=["accuracy"])
    pairs, same = [x, x[other]], (y == y[other]).astype("int32")
    return Trained(model, model.fit(pairs, same, epochs=3, verbose=0, seed=0), pairs, same)


@known("batch_too_large|too_few_epochs")
def one_batch_phoneme():
    x, y = classes("phoneme", 2500)
    return fit(binary(5, 32, optimizer=optimizers.Adam(0.001)), x, y, 20, batch_size=2500)


@known("batch_too_large", look=True)
def one_batch_digits():
    x, y = flat(2000)
    return fit(
        network((784,), [*dense(32), layers.Dense(10, activation="softmax")], SPARSE, optimizers.Adam(0.001)),
        x,
        y,
        10,
        batch_size=1024,
    )


@known("batch_too_small")
def single_samples_phoneme():
    x, y = classes("phoneme", 1200)
    return fit(binary(5, 16, optimizer=optimizers.SGD(0.3)), x, y, 8, batch_size=1)


@known("batch_too_small", look=True)
def single_samples_pima():
    x, y = classes("pima-indians-diabetes")
    return fit(binary(8, 24, optimizer=optimizers.SGD(0.3)), x, y, 20, batch_size=1)


def on_base(base, classes_, *before):
    base.trainable = False
    model = Sequential(
        [Input((32, 32, 3)), *before, base, layers.GlobalAveragePooling2D(), layers.Dense(classes_, activation="softmax")]
    )
    model.compile(optimizers.Adam(0.003), SPARSE, metrics=["accuracy"])
    return model


@known("preprocessing_differs")
def bytes_for_mobilenet():
    x, y = photos(60)
    base = applications.MobileNet(input_shape=(32, 32, 3), alpha=0.25, include_top=False, weights=None)
    return fit(on_base(base, 4), x * 255, y, 5)


@known("preprocessing_differs", look=True)
def fractions_for_efficientnet():
    x, y = photos(40)
    base = applications.EfficientNetV2B0(input_shape=(32, 32, 3), include_top=False, weights=None)
    return fit(on_base(base, 4, layers.RandomFlip("horizontal")), x, y, 4)


@known("stateful", look=True)
def stateful_ionosphere():
    x, y = classes("ionosphere")
    x, y = x[:320].reshape(-1, 17, 2), y[:320]
    model = Sequential([Input(batch_shape=(32, 17, 2)), layers.GRU(12, stateful=True), layers.Dense(1, activation="sigmoid")])
    model.compile(optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return Trained(model, model.fit(x, y, batch_size=32, epochs=30, verbose=0, seed=0), x, y)


@known("unused_embedding_rows", look=True)
def unused_rows_flat():
    x, y = reviews(1200, 40, 200)
    return fit(
        network(
            (40,),
            [layers.Embedding(5000, 8), layers.GlobalMaxPooling1D(), *dense(8), layers.Dense(1, activation="sigmoid")],
            "binary_crossentropy",
            optimizers.Adam(0.001),
        ),
        x,
        y,
        15,
    )


@known("duplicated_columns", look=True)
def copied_columns_wine():
    x, y = classes("wine")
    x = np.concatenate([x, x[:, :6]], 1)
    return fit(network((19,), [*dense(16), layers.Dense(3, activation="softmax")], SPARSE), x, y, 30)


@known("category_missing|validation_differs", look=True)
def new_category_abalone():
    """The sex, one-hot; infants are only in the validation data."""
    x, y = numbers("abalone", 2000, scaled=False)
    kinds = np.eye(3, dtype="float32")[x[:, 0].astype(int)]
    rest = (x[:, 1:] - x[:, 1:].mean(0)) / x[:, 1:].std(0)
    x = np.concatenate([kinds, rest], 1).astype("float32")
    y = (y - y.mean()) / y.std()
    last = RNG(0).permutation(np.flatnonzero(x[:, 1] == 1))
    others = RNG(1).permutation(np.flatnonzero(x[:, 1] == 0))
    held = np.concatenate([last[:150], others[:250]])
    train = others[250:]
    model = network((10,), [*dense(24), layers.Dense(1)], "mse", accuracy=False)
    return fit(model, x[train], y[train], 25, (x[held], y[held]))


@known("layer_never_changes|dead_units", look=True)
def cut_off_digits():
    """Rounding has no slope."""
    x, y = digits(800)
    model = network(
        (28, 28, 1),
        [
            layers.Conv2D(8, 5, strides=2, activation="sigmoid"),
            layers.Lambda(lambda t: ops.round(t)),
            layers.Flatten(),
            *dense(32),
            layers.Dense(10, activation="softmax"),
        ],
        SPARSE,
        optimizers.Adam(0.003),
    )
    return fit(model, x, y, 10)


@known("exploding_gradients|bad_first_weights|diverged|rate_too_high", look=True)
def exploding_recurrent():
    x, y = classes("ionosphere")
    recurrent = layers.SimpleRNN(
        24, activation=None, recurrent_initializer=initializers.RandomNormal(stddev=1.0), return_sequences=False
    )
    model = network((17, 2), [recurrent, *dense(8), layers.Dense(1, activation="sigmoid")], "binary_crossentropy")
    return fit(model, x.reshape(-1, 17, 2), y, 15)


@known("too_many_outputs")
def spare_outputs_iris():
    x, y = classes("iris")
    return fit(
        network((4,), [*dense(16), layers.Dense(100, activation="softmax")], SPARSE, optimizers.Adam(0.01)), x, y, 50, 0.3
    )


@known("too_many_outputs", look=True)
def spare_outputs_digits():
    x, y = digits(2000)
    model = network(
        (28, 28, 1),
        [
            layers.Conv2D(8, 5, strides=2, activation="relu"),
            layers.Dropout(0.2),
            layers.Flatten(),
            layers.Dense(1000, activation="softmax"),
        ],
        SPARSE,
        optimizers.Adam(0.001),
    )
    return fit(model, x, y, 12)


@known("targets_not_scaled")
def large_targets_housing():
    x, _ = numbers("housing")
    _, y = numbers("housing", scaled=False)
    return fit(network((13,), [*dense(32), layers.Dense(1)], "mse", accuracy=False), x, y * 1000, 20)


@known("targets_not_scaled", look=True)
def large_targets_abalone():
    """Days of age in place of years."""
    x, _ = numbers("abalone", 1500)
    _, y = numbers("abalone", 1500, scaled=False)
    return fit(network((8,), [*dense(16), layers.Dense(1)], "mae", optimizers.Adam(0.001), False), x, (y + 1.5) * 365, 20)


@known("words_as_numbers")
def words_as_amounts():
    x, y = reviews(1500, 60, 500)
    return fit(binary(60, 32, optimizer=optimizers.Adam(0.001)), x, y, 10)


@known("words_as_numbers", look=True)
def words_as_amounts_in_floats():
    x, y = reviews(1000, 40, 400, "post")
    return fit(binary(40, 16, 16, optimizer=optimizers.Adam(0.001)), x.astype("float32"), y, 12)


@known("double_activation")
def relu_before_sigmoid():
    x, y = classes("pima-indians-diabetes")
    model = network((8,), [*dense(16), layers.Dense(1, activation="relu"), layers.Activation("sigmoid")], "binary_crossentropy")
    return fit(model, x, y, 25)


@known("double_activation", look=True)
def tanh_before_softmax():
    x, y = digits(800)
    model = network(
        (28, 28, 1),
        [
            layers.Conv2D(8, 5, strides=2, activation="relu"),
            layers.Flatten(),
            layers.Dense(10, activation="tanh"),
            layers.Softmax(),
        ],
        SPARSE,
    )
    return fit(model, x, y, 8)


@known("underfitting_capacity")
def no_activations_phoneme():
    x, y = classes("phoneme", 2000)
    model = network((5,), [*dense(32, 32, activation=None), layers.Dense(1, activation="sigmoid")], "binary_crossentropy")
    return fit(model, x, y, 25)
