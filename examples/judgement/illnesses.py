"""One network an illness, on digits that ship with the package: what is said of it, and the picture of its examination.

python examples/judgement/illnesses.py [folder [illness ...]]
"""

import sys
from pathlib import Path

import numpy as np

import kerata
from kerata import layers, optimizers

(X, Y), _ = kerata.datasets.mnist.load_subset()
X = X.reshape(-1, 784)[:2000] / 255
Y = Y[:2000]


def network(*hidden, rate=0.001, output="softmax", units=10):
    model = kerata.Sequential([kerata.Input((784,)), *hidden, layers.Dense(units, activation=output)])
    model.compile(optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def dense(units=32, **more):
    return layers.Dense(units, activation="relu", **more)


def train(model, x=X, y=Y, epochs=10, **more):
    return model.fit(x, y, epochs=epochs, validation_split=0.25, verbose=0, seed=0, **more)


def sorted_by_class():
    order = np.argsort(Y, kind="stable")
    return train(network(dense()), X[order], Y[order])


def wrong_labels():
    """Four in ten labels are drawn anew."""
    rng = np.random.default_rng(0)
    return np.where(rng.random(len(Y)) < 0.4, rng.integers(0, 10, len(Y)), Y)


def compiled(*stack, loss="sparse_categorical_crossentropy", rate=0.003):
    """A network of these layers, whose first one is an input."""
    model = kerata.Sequential(list(stack))
    model.compile(optimizers.Adam(rate), loss, metrics=None if loss == "mse" else ["accuracy"])
    return model


def ink_in_thousands():
    """How much ink a digit has, as a number between 20,000 and 200,000."""
    x = X.reshape(-1, 28, 28).sum(1) / 10
    model = compiled(kerata.Input((28,)), dense(), layers.Dense(1), loss="mse", rate=0.001)
    return train(model, x, X.sum(1) * 1000, epochs=15)


def places_of_ink():
    """The places of 40 points of ink as whole numbers up to 783: a place is no amount."""
    rng = np.random.default_rng(0)
    x = np.stack([np.sort(rng.choice(np.flatnonzero(each > 0), 40)) for each in X])
    return train(compiled(kerata.Input((40,)), dense(), layers.Dense(10, activation="softmax")), x)


def hidden_logarithm():
    """A layer takes the logarithm of pixels, most of which are 0."""
    first = layers.Lambda(lambda t: kerata.ops.log(t), name="logarithm")
    return train(compiled(kerata.Input((784,)), first, dense(), layers.Dense(10, activation="softmax")), epochs=2)


def unconnected():
    """What stands in the middle gives the same for every picture."""
    lost = layers.Lambda(lambda t: 0 * t + kerata.ops.mean(t, axis=0), name="mean_of_batch")
    return train(
        compiled(kerata.Input((784,)), layers.Dense(32, activation="tanh"), lost, layers.Dense(10, activation="softmax")),
        epochs=8,
    )


LARGE = kerata.initializers.RandomNormal(stddev=1.0)
HEAVY = kerata.regularizers.L2(1.0)
HASTY = kerata.callbacks.EarlyStopping(patience=1, min_delta=0.05)


def with_loss(loss, units=10, output="softmax"):
    return compiled(kerata.Input((784,)), dense(), layers.Dense(units, activation=output), loss=loss)


def frozen(model):
    model.trainable = False
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def few_threes():
    """Every tenth of the threes among all other digits, and whether a digit is one."""
    kept = np.flatnonzero((Y != 3) | (np.arange(len(Y)) % 10 == 0))
    return X[kept], (Y[kept] == 3) * 1.0


def written_twice():
    """A third of the pictures twice, then mixed."""
    order = np.random.default_rng(0).permutation(np.concatenate([np.arange(500), np.arange(500)]))
    return X[order], Y[order]


def threes_that_are_given_away():
    """A few pixels, and a column that was made from the answer."""
    x = np.concatenate([X[:, 300:320], (Y[:, None] == 3) * 2.0 - 1], 1)
    last = [dense(8), layers.Dense(1, activation="sigmoid")]
    return train(compiled(kerata.Input((21,)), *last, loss="binary_crossentropy"), x, (Y == 3) * 1.0, epochs=20)


def rows_of_pixels():
    """Pixels as steps in time, 784 in all: at the end a simple network has forgotten the first."""
    last = [layers.SimpleRNN(16), layers.Dense(10, activation="softmax")]
    return train(compiled(kerata.Input((784, 1)), *last, rate=0.002), X[:600, :, None], Y[:600], epochs=4)


def root_of_less_than_nothing():
    """What a layer takes the root of falls below 0 after some steps."""
    root = layers.Lambda(lambda t: kerata.ops.sqrt(t + 0.05), name="root")
    one = layers.Dense(1, kernel_initializer="zeros")
    return train(
        compiled(kerata.Input((784,)), dense(), one, root, layers.Dense(1), loss="mse", rate=0.03), y=-Y.astype("float32")
    )


ILLNESSES = {
    "healthy": lambda: train(network(dense(), layers.Dropout(0.2))),
    "rate_too_high": lambda: train(network(dense(), rate=0.5)),
    "rate_too_low": lambda: train(network(dense(), rate=1e-6)),
    "too_few_epochs": lambda: train(network(dense()), epochs=2),
    "overfitting": lambda: train(network(dense(256), dense(128), rate=0.002), X[:400], Y[:400], epochs=60),
    "underfitting": lambda: train(network(dense(2), rate=0.005), epochs=40),
    "not_scaled": lambda: train(network(dense()), X * 255),
    "sorted": sorted_by_class,
    "shuffled_labels": lambda: train(network(dense()), y=np.random.default_rng(0).permutation(Y)),
    "no_probabilities": lambda: train(network(dense(), output=None)),
    "dead_units": lambda: train(network(dense(bias_initializer=kerata.initializers.Constant(-30.0)))),
    "labels_noisy": lambda: train(network(dense()), y=wrong_labels()),
    "targets_not_scaled": ink_in_thousands,
    "words_as_numbers": places_of_ink,
    "layer_gives_nan": hidden_logarithm,
    "layer_gives_nan_later": root_of_less_than_nothing,
    "sequence_too_long": rows_of_pixels,
    "ten_samples_not_learned": unconnected,
    "too_much_dropout": lambda: train(network(dense(), layers.Dropout(0.9))),
    "too_much_l2": lambda: train(network(dense(kernel_regularizer="l2"), dense(kernel_regularizer=HEAVY)), epochs=20),
    "dropout_with_l2": lambda: train(network(dense(kernel_regularizer="l2"), layers.Dropout(0.5)), epochs=20),
    "dropout_before_norm": lambda: train(network(dense(), layers.Dropout(0.5), layers.BatchNormalization(), dense())),
    "vanishing_gradients": lambda: train(network(*[layers.Dense(24, activation="sigmoid") for _ in range(8)])),
    "bad_first_weights": lambda: train(network(*[dense(kernel_initializer=LARGE) for _ in range(3)])),
    "double_activation": lambda: train(with_loss(kerata.losses.SparseCategoricalCrossentropy(from_logits=True))),
    "squared_loss_on_classes": lambda: train(with_loss("mse", units=1, output=None)),
    "softmax_of_one": lambda: train(with_loss("binary_crossentropy", units=1), y=(Y == 3) * 1.0),
    "unbalanced_classes": lambda: train(with_loss("binary_crossentropy", units=1, output="sigmoid"), *few_threes(), epochs=4),
    "leak_of_samples": lambda: train(network(dense()), *written_twice(), epochs=20),
    "leak_of_target": threes_that_are_given_away,
    "validation_differs": lambda: train(network(dense()), np.where(np.arange(len(X))[:, None] < 1500, X, 1 - X)),
    "stopped_too_early": lambda: train(network(dense(), rate=0.0005), epochs=100, callbacks=[HASTY]),
    "batch_too_large": lambda: train(network(dense()), epochs=20, batch_size=2000),
    "all_frozen": lambda: train(frozen(network(dense()))),
}


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "illnesses")
    page = ["# Illnesses", ""]
    for name, make in ILLNESSES.items():
        if len(sys.argv) > 2 and name not in sys.argv[2:]:
            continue
        kerata.utils.set_random_seed(0)
        found = make().examine()
        print(f"\n{name}\n{found}", flush=True)
        found.plot(folder / f"{name}.png")
        page += [f"## {name}", "", *[f"- {each.sentence}\n  `{each.try_}`" for each in found], "", f"![{name}]({name}.png)", ""]
    (folder / "README.md").write_text("\n".join(page))
    print(f"\nThe page with all pictures: {folder / 'README.md'}")


if __name__ == "__main__":
    main()
