"""A search over structures: trials that differ in the number of units and of layers, run inside a worker as those of
`measures.py` are.

Every figure is of a first time: a fresh process, nothing compiled before, no cache on disk. What is trained one after the other
is a sample of the trials, each round other ones, with all their folds, scaled to the whole by the number of trials.
"""

import importlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import data
from benchmarks.measures import describe as describe
from benchmarks.measures import timed
from benchmarks.searches import FOLDS, SEED, last_training, score, stratify
from benchmarks.works import MODULES, Work

UNITS, LAYERS = (8, 128), (1, 4)
# Trials of a round that are trained one after the other; Keras compiles each of their folds.
SAMPLE = {"kerata": 3, "keras-jax": 3}


def build(keras: Any, units: int, layers: int) -> Any:
    """A compiled network 5-units-...-units-1."""
    stack = [keras.layers.Dense(units, activation="relu") for _ in range(layers)]
    model = keras.Sequential([keras.Input((5,)), *stack, keras.layers.Dense(1, activation="sigmoid")])
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss="binary_crossentropy", metrics=["accuracy"])
    return model


def spread(count: int) -> list[dict[str, int]]:
    """The sample's trials: as many units and layers as the middle of the space has, evenly spread."""
    low, high = UNITS
    middles = [(i + 0.5) / count for i in range(count)]
    every = [(u, d) for u in middles for d in range(LAYERS[0], LAYERS[1] + 1)]
    order = np.random.default_rng(5).permutation(len(every))
    return [{"units": round(low + every[i][0] * (high - low)), "layers": every[i][1]} for i in order]


def search(keras: Any, work: Work, x: Any, y: Any, folds: Any, **given: Any) -> Any:
    """All trials by `search.run`."""

    def network(hp: Any) -> Any:
        return build(keras, hp.int("units", *UNITS), hp.int("layers", *LAYERS))

    return keras.search.run(
        network,
        x,
        y,
        trials=work.repeats,
        cv=folds,
        epochs=work.epochs,
        batch_size=work.batch,
        seed=SEED,
        storage=None,
        verbose=0,
        **given,
    )


def in_turn(keras: Any, trials: list[dict], work: Work, x: Any, y: Any, folds: Any) -> tuple[float, list[list[dict]]]:
    """Seconds, and each trial's curves in each fold, by build, compile and fit."""

    def fit(params: dict, rows: Any, held: Any, seed: int) -> dict:
        keras.utils.set_random_seed(seed)
        own = {"seed": seed} if keras.__name__ == "kerata" else {}
        model = build(keras, **params)
        validation = (x[held], y[held])
        return model.fit(
            x[rows], y[rows], batch_size=work.batch, epochs=work.epochs, validation_data=validation, verbose=0, **own
        ).history

    def run() -> list[list[dict]]:
        return [[fit(params, rows, held, SEED + i) for i, (rows, held) in enumerate(folds)] for params in trials]

    return timed(run)


def measure(job: dict, work: Work) -> dict:
    """One process: the search and then a loop over some of its trials; Keras has the loop only."""
    keras = importlib.import_module(MODULES[job["implementation"]][0])
    x, y = data.load(work.net, work.samples, Path(job["data"]))
    x, y = np.asarray(x, np.float32), y[:, None].astype(np.float32)
    folds = stratify(y[:, 0], FOLDS, SEED)
    size = SAMPLE[job["implementation"]]
    if job["implementation"] != "kerata":
        start = int(time.time()) % work.repeats
        every = spread(work.repeats)
        sample = [every[(start + i * len(every) // size) % len(every)] for i in range(size)]
        spent, curves = in_turn(keras, sample, work, x, y, folds)
        names = ("all trials, the first time", "all trials, processor time")
        return {"measures": dict.fromkeys(names[:1], spent * work.repeats / size), "losses": last_training(curves)}
    before = time.process_time()
    spent, study = timed(lambda: search(keras, work, x, y, folds, sampler="random"))
    used = time.process_time() - before
    learning, _ = timed(lambda: search(keras, work, x, y, folds, sampler="tpe"))
    trials = study.trials[:: max(1, len(study.trials) // size)][:size]
    looped, alone = in_turn(keras, [trial.params for trial in trials], work, x, y, folds)
    apart = max(abs(trial.score - score(curves)) for trial, curves in zip(trials, alone, strict=True))
    measures = {
        "all trials, the first time": spent,
        "all trials, processor time": used,
        "all trials by the default sampler (TPE), afterwards": learning,
        "all trials in a loop of its own `fit`": looped * work.repeats / size,
        "largest difference of a score to the loop's": apart,
    }
    return {
        "measures": {name: float(value) for name, value in measures.items()},
        "losses": last_training([trial.histories for trial in trials]),
    }


REPEATED: dict[str, Callable] = {}
ONCE = {"structures": measure}
