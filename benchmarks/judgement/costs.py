"""`python -m benchmarks.judgement.costs`: what an examination takes, and what `fit(watch=True)` costs, for the notes' networks.

Each network is trained for an epoch or some, and examined without experiments and with, in a process of its own and without the
cache on disk. Data is drawn at random in the shapes of the notes: what an examination takes depends on shapes.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import kerata
from kerata import layers, optimizers, regularizers

RNG = np.random.default_rng(0)
# What `examine` may take without experiments and with them.
BOUNDS = (3.0, 10.0)
# Programs are compiled, not found on disk.
NO_CACHE = {**os.environ, "KERATA_PROGRAM_CACHE": "0"}


def pictures(count: int, size: int, channels: int, classes: int) -> tuple[Any, Any]:
    """Pictures whose brightness says a little of their class."""
    y = RNG.integers(0, classes, count)
    x = RNG.random((count, size, size, channels), np.float32) * 0.8 + 0.2 * (y / classes).reshape(-1, 1, 1, 1)
    return x.astype("float32"), y


def compiled(model: Any, loss: str, optimizer: Any = "adam") -> Any:
    model.compile(optimizer, loss, metrics=["accuracy"])
    return model


def tiny() -> tuple[Any, ...]:
    """Dense layers on a table of 34 columns."""
    x = RNG.normal(size=(351, 34)).astype("float32")
    hidden = [layers.Dense(34, activation="relu"), layers.Dropout(0.2)]
    model = kerata.Sequential([kerata.Input((34,)), *hidden, layers.Dense(1, activation="sigmoid")])
    return compiled(model, "binary_crossentropy"), x, (x[:, 0] > 0) * 1.0, {"epochs": 50}


def mlp() -> tuple[Any, ...]:
    """784-512-10 with dropout, on as many pictures as MNIST has."""
    x, y = pictures(60_000, 28, 1, 10)
    hidden = [layers.Dense(512, activation="relu"), layers.Dropout(0.3)]
    model = kerata.Sequential([kerata.Input((784,)), *hidden, layers.Dense(10, activation="softmax")])
    given = {"epochs": 2, "batch_size": 128}
    return compiled(model, "sparse_categorical_crossentropy", "rmsprop"), x.reshape(-1, 784), y, given


def convolution() -> tuple[Any, ...]:
    """Convolutions of 4x4 with pooling, dropout and L2."""
    x, y = pictures(10_000, 28, 1, 10)
    stack = [
        layers.Conv2D(20, 4, activation="relu", kernel_initializer="he_uniform", kernel_regularizer=regularizers.L2(1e-4)),
        layers.MaxPooling2D(),
        layers.Dropout(0.3),
        layers.Conv2D(40, 4, activation="relu", kernel_initializer="he_uniform"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
    ]
    model = kerata.Sequential([kerata.Input((28, 28, 1)), *stack, layers.Dense(10, activation="softmax")])
    return compiled(model, "sparse_categorical_crossentropy"), x, y, {"epochs": 1}


def normalized() -> tuple[Any, ...]:
    """A deeper network of photographs, with batch normalization and global pooling."""
    x, y = pictures(5000, 32, 3, 10)
    model = kerata.Sequential([kerata.Input((32, 32, 3))])
    for filters in (32, 64, 128):
        for _ in range(2):
            for layer in (layers.Conv2D(filters, 3, padding="same"), layers.BatchNormalization(), layers.ReLU()):
                model.add(layer)
        model.add(layers.MaxPooling2D())
    for layer in (layers.GlobalAveragePooling2D(), layers.Dropout(0.5), layers.Dense(10, activation="softmax")):
        model.add(layer)
    return compiled(model, "sparse_categorical_crossentropy"), x, y, {"epochs": 1}


def text() -> tuple[Any, ...]:
    """An embedding and an LSTM of reviews of 80 words."""
    x, y = RNG.integers(1, 20_000, (5000, 80)), RNG.integers(0, 2, 5000)
    model = kerata.Sequential([kerata.Input((80,)), layers.Embedding(20_000, 64), layers.LSTM(64), layers.Dense(1, "sigmoid")])
    return compiled(model, "binary_crossentropy"), x, y, {"epochs": 1}


def stateful() -> tuple[Any, ...]:
    """Two LSTM that keep their states."""
    x = RNG.normal(size=(640, 20, 8)).astype("float32")
    kept = [layers.LSTM(32, return_sequences=True, stateful=True), layers.LSTM(32, stateful=True)]
    model = kerata.Sequential([kerata.Input(batch_shape=(32, 20, 8)), *kept, layers.Dense(1)])
    model.compile("rmsprop", "mse")
    return model, x, x[:, -1, 0], {"epochs": 3, "shuffle": False}


def merged() -> tuple[Any, ...]:
    """Two inputs that are added."""
    x = [RNG.normal(size=(1000, 16)).astype("float32") for _ in range(2)]
    inputs = [kerata.Input((16,)) for _ in range(2)]
    both = layers.add([layers.Dense(32, activation="relu")(each) for each in inputs])
    model = kerata.Model(inputs, layers.Dense(1, activation="sigmoid")(both))
    return compiled(model, "binary_crossentropy"), x, (x[0][:, 0] > x[1][:, 0]) * 1.0, {"epochs": 10}


def on_a_base(base: Any, size: int, count: int) -> tuple[Any, ...]:
    """A head of one's own on a frozen base."""
    x, y = pictures(count, size, 3, 2)
    base.trainable = False
    head = [layers.Flatten(), layers.Dense(256, activation="relu"), layers.Dropout(0.8), layers.Dense(1, activation="sigmoid")]
    model = kerata.Sequential([kerata.Input((size, size, 3)), base, *head])
    return compiled(model, "binary_crossentropy", optimizers.RMSprop(2e-5)), x * 2 - 1, y, {"epochs": 1, "batch_size": 16}


def vgg() -> tuple[Any, ...]:
    """VGG16 at 150x150, frozen, with a head."""
    return on_a_base(kerata.applications.VGG16(weights=None, include_top=False, input_shape=(150, 150, 3)), 150, 128)


def inception() -> tuple[Any, ...]:
    """InceptionV3 at 299x299, frozen, with a head."""
    return on_a_base(kerata.applications.InceptionV3(weights=None, include_top=False, input_shape=(299, 299, 3)), 299, 64)


def tuned() -> tuple[Any, ...]:
    """VGG16 at 150x150, all of which is trained."""
    base = kerata.applications.VGG16(weights=None, include_top=False, input_shape=(150, 150, 3))
    made = on_a_base(base, 150, 64)
    base.trainable = True
    return compiled(made[0], "binary_crossentropy", optimizers.SGD(1e-4, momentum=0.9)), *made[1:]


NETWORKS: tuple[Callable[[], tuple[Any, ...]], ...] = (
    tiny,
    mlp,
    convolution,
    normalized,
    text,
    stateful,
    merged,
    vgg,
    inception,
    tuned,
)


def time_examination(make: Callable[[], tuple[Any, ...]], experiments: bool, show: bool) -> None:
    """Prints the seconds of an examination right after `fit`."""
    model, x, y, given = make()
    began = time.perf_counter()
    history = model.fit(x, y, verbose=0, validation_split=0.25 if "shuffle" not in given else 0.2, **given)
    fitted = time.perf_counter() - began
    began, busy = time.perf_counter(), time.process_time()
    found = kerata.diagnosis.examine(model, history, x, y, experiments=experiments)
    took, busy, bound = time.perf_counter() - began, time.process_time() - busy, BOUNDS[experiments]
    how = "with experiments" if experiments else "without experiments"
    over = "   OVER" if took > bound else ""
    print(
        f"{make.__name__:12} fit {fitted:6.1f} s   examined {took:5.2f} s ({busy:5.2f} s of processors) {how}{over}", flush=True
    )
    if show:
        for note in found.notes:
            print("   ", note)
        print("   ", found.kinds, flush=True)


def time_watching(make: Callable[[], tuple[Any, ...]], pairs: int) -> None:
    """Prints what watching costs: pairs of fits from the same weights, with it and without, in turns."""
    model, x, y, given = make()
    weights, took = model.get_weights(), []

    def once(watch: bool) -> float:
        model.set_weights(weights)
        began = time.perf_counter()
        model.fit(x, y, verbose=0, seed=0, watch=watch, **given)
        return time.perf_counter() - began

    for watch in (False, True):
        once(watch)
    for number in range(pairs):
        order = (False, True) if number % 2 else (True, False)
        seconds = {watch: once(watch) for watch in order}
        took.append((seconds[False], seconds[True]))
    plain = statistics.median(one for one, _ in took)
    more = statistics.median(watched - one for one, watched in took)
    print(f"{make.__name__:12} fit {1e3 * plain:9.2f} ms   watch=True {1e6 * more:+8.0f} us, {more / plain:+.2%}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judgement.costs", description=__doc__)
    parser.add_argument("names", nargs="*", help="networks; all by default: " + ", ".join(make.__name__ for make in NETWORKS))
    parser.add_argument("--watch", type=int, metavar="PAIRS", help="time watch=True in so many pairs of fits instead")
    parser.add_argument("--alone", choices=("with", "without"), help="examine in this process, with experiments or without")
    parser.add_argument("--show", action="store_true", help="print what was left out")
    options = parser.parse_args()
    kerata.utils.set_random_seed(0)
    for make in NETWORKS:
        if options.names and make.__name__ not in options.names:
            continue
        if options.watch:
            time_watching(make, options.watch)
        elif options.alone:
            time_examination(make, options.alone == "with", options.show)
        else:
            for mode in ("without", "with"):
                command = [sys.executable, "-m", "benchmarks.judgement.costs", make.__name__, "--alone", mode]
                subprocess.run([*command, *(["--show"] if options.show else [])], check=True, env=NO_CACHE)


if __name__ == "__main__":
    main()
