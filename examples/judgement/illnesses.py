"""One network an illness, on digits that ship with the package: what is said of it, and the picture of its examination.

python examples/judgement/illnesses.py [folder]
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


def train(model, x=X, y=Y, epochs=10):
    return model.fit(x, y, epochs=epochs, validation_split=0.25, verbose=0, seed=0)


def sorted_by_class():
    order = np.argsort(Y, kind="stable")
    return train(network(dense()), X[order], Y[order])


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
    "dropout": lambda: train(network(dense(), layers.Dropout(0.9))),
}


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "illnesses")
    for name, make in ILLNESSES.items():
        kerata.utils.set_random_seed(0)
        found = make().examine()
        print(f"\n{name}\n{found}")
        found.plot(folder / f"{name}.png")


if __name__ == "__main__":
    main()
