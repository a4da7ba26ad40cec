"""Cases in which signals die, saturate, vanish or explode between the layers."""

from benchmarks.judgement.data import classes, digits, flat, numbers
from benchmarks.judgement.running import fit, known, network
from kerata import initializers, layers, optimizers

SPARSE = "sparse_categorical_crossentropy"


@known("dead_units")
def dead_bias_phoneme():
    x, y = classes("phoneme", 1500)
    hidden = layers.Dense(32, activation="relu", bias_initializer=initializers.Constant(-8.0))
    return fit(network((5,), [hidden, layers.Dense(1, activation="sigmoid")], "binary_crossentropy"), x, y, 20)


@known("dead_units", look=True)
def dead_bias_digits():
    x, y = digits(600)
    hidden = layers.Conv2D(8, 5, strides=2, activation="relu", bias_initializer=initializers.Constant(-5.0))
    return fit(network((28, 28, 1), [hidden, layers.Flatten(), layers.Dense(10, activation="softmax")], SPARSE), x, y, 6)


@known("bad_first_weights|saturated_units")
def large_weights_wine():
    x, y = classes("wine")
    hidden = [layers.Dense(24, activation="tanh", kernel_initializer=initializers.RandomNormal(stddev=10.0)) for _ in range(2)]
    return fit(network((13,), [*hidden, layers.Dense(3, activation="softmax")], SPARSE, optimizers.SGD(0.01)), x, y, 20)


@known("bad_first_weights", look=True)
def large_weights_digits():
    x, y = flat(1000)
    hidden = [layers.Dense(48, activation="relu", kernel_initializer=initializers.RandomNormal(stddev=1.0)) for _ in range(3)]
    return fit(
        network(
            (784,),
            [*hidden, layers.Dense(10, activation="softmax", kernel_initializer=initializers.RandomNormal(stddev=1.0))],
            SPARSE,
            optimizers.Adam(0.001),
        ),
        x,
        y,
        10,
    )


@known("bad_first_weights")
def tiny_weights_phoneme():
    x, y = classes("phoneme", 1500)
    hidden = [layers.Dense(24, activation="relu", kernel_initializer=initializers.RandomNormal(stddev=1e-4)) for _ in range(4)]
    return fit(
        network((5,), [*hidden, layers.Dense(1, activation="sigmoid")], "binary_crossentropy", optimizers.SGD(0.1)), x, y, 15
    )


@known("bad_first_weights", look=True)
def zero_weights_housing():
    x, y = numbers("housing")
    return fit(
        network(
            (13,),
            [layers.Dense(16, activation="relu", kernel_initializer="zeros"), layers.Dense(1, kernel_initializer="zeros")],
            "mse",
            accuracy=False,
        ),
        x,
        y,
        20,
    )


@known("vanishing_gradients")
def deep_sigmoid_phoneme():
    x, y = classes("phoneme", 1500)
    hidden = [layers.Dense(16, activation="sigmoid") for _ in range(8)]
    return fit(
        network((5,), [*hidden, layers.Dense(1, activation="sigmoid")], "binary_crossentropy", optimizers.SGD(0.05)), x, y, 15
    )


@known("vanishing_gradients", look=True)
def deep_sigmoid_digits():
    x, y = flat(1000)
    hidden = [layers.Dense(24, activation="sigmoid") for _ in range(7)]
    return fit(network((784,), [*hidden, layers.Dense(10, activation="softmax")], SPARSE, optimizers.SGD(0.1)), x, y, 10)


@known("exploding_gradients|bad_first_weights|diverged|rate_too_high")
def exploding_housing():
    x, y = numbers("housing")
    hidden = [layers.Dense(64, kernel_initializer=initializers.RandomNormal(stddev=0.5)) for _ in range(6)]
    return fit(network((13,), [*hidden, layers.Dense(1)], "mse", optimizers.Adam(0.001), False), x, y, 15)


@known("saturated_units|bad_first_weights", look=True)
def saturated_pima():
    x, y = classes("pima-indians-diabetes")
    hidden = layers.Dense(
        16,
        activation="sigmoid",
        kernel_initializer=initializers.RandomNormal(stddev=2.0),
        bias_initializer=initializers.Constant(12.0),
    )
    return fit(
        network((8,), [hidden, layers.Dense(1, activation="sigmoid")], "binary_crossentropy", optimizers.SGD(0.05)), x, y, 20
    )
