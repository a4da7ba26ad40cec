"""The ways of measuring searches and populations, run inside a worker as those of `measures.py` are.

What other libraries and Kerata's own `fit` do one after the other takes minutes, so a sample of it is timed and scaled to
the whole; each round takes the next trials of one fixed shuffle, the same for everyone.
"""

import gc
import importlib
import itertools
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import data
from benchmarks.measures import describe as describe
from benchmarks.measures import resident, timed
from benchmarks.works import MODULES, Work

# A grid of 64 trials; 0 would be another structure (no dropout), which is not what is measured here.
SPACE = {"rate": [3e-4, 1e-3, 3e-3, 1e-2], "dropout": [0.1, 0.2, 0.3, 0.5], "l2": [1e-5, 1e-4, 1e-3, 1e-2]}
FOLDS, SEED = 5, 11
# Trials of a round that are trained one after the other.
SAMPLE = {"kerata": 8, "keras-jax": 2}


def build(keras: Any, net: str, rate: float = 1e-3, dropout: float | None = 0.2, l2: float | None = 1e-4) -> Any:
    """A compiled network: of the ionosphere (34-34-1) or of pima (12-8-1)."""
    layers = keras.layers
    penalty = None if l2 is None else keras.regularizers.L2(l2)
    if net == "pima":
        stack = [keras.Input((8,)), layers.Dense(12, activation="relu"), layers.Dense(8, activation="relu")]
    else:
        stack = [keras.Input((34,)), layers.Dense(34, activation="relu", kernel_regularizer=penalty)]
        stack += [] if dropout is None else [layers.Dropout(dropout)]
    model = keras.Sequential([*stack, layers.Dense(1, activation="sigmoid")])
    model.compile(optimizer=keras.optimizers.Adam(rate), loss="binary_crossentropy", metrics=["accuracy"])
    return model


def stratify(y: np.ndarray, folds: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """(training rows, held rows) of each fold: the samples of each class are shuffled and dealt out in turn."""
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(np.flatnonzero(y == label)) for label in np.unique(y)])
    place = np.empty(len(y), np.int64)
    place[order] = np.arange(len(y)) % folds
    return [(np.flatnonzero(place != fold), np.flatnonzero(place == fold)) for fold in range(folds)]


def prepare(job: dict, work: Work) -> tuple[Any, np.ndarray, np.ndarray]:
    """The library, the inputs, and the targets as a column of 0 and 1."""
    keras = importlib.import_module(MODULES[job["implementation"]][0])
    x, y = data.load(work.net, work.samples, Path(job["data"]))
    return keras, np.asarray(x, np.float32), y[:, None].astype(np.float32)


def combinations(count: int) -> list[dict[str, float]]:
    """The trials, shuffled once and for all."""
    every = [dict(zip(SPACE, values)) for values in itertools.product(*SPACE.values())]
    return [every[i] for i in np.random.default_rng(5).permutation(len(every))[:count]]


def fit_alone(keras: Any, params: dict[str, float], work: Work, x: Any, y: Any, rows: Any, held: Any, seed: int) -> dict:
    """The curves of one trial on one fold by build, compile and fit."""
    keras.utils.set_random_seed(seed)
    model = build(keras, work.net, **params)
    own = {"seed": seed} if keras.__name__ == "kerata" else {}
    validation = (x[held], y[held])
    return model.fit(
        x[rows], y[rows], batch_size=work.batch, epochs=work.epochs, validation_data=validation, verbose=0, **own
    ).history


def train_in_turn(keras: Any, trials: list[dict], work: Work, x: Any, y: Any, folds: Any) -> tuple[float, list[list[dict]]]:
    """Seconds, and each trial's curves in each fold."""
    return timed(
        lambda: [
            [fit_alone(keras, params, work, x, y, rows, held, SEED + i) for i, (rows, held) in enumerate(folds)]
            for params in trials
        ]
    )


def score(curves: list[dict]) -> float:
    """What a search makes of a trial: the mean over its folds of the best epoch's validation loss."""
    return float(np.mean([min(fold["val_loss"]) for fold in curves]))


def last_training(curves: list[list[dict]]) -> list[tuple[float, float]]:
    """The training loss and accuracy of the last epoch, the mean of all trials and folds."""
    loss, accuracy = (float(np.mean([fold[name][-1] for folds in curves for fold in folds])) for name in ("loss", "accuracy"))
    return [(loss, accuracy)]


def repeat_search(job: dict, work: Work) -> Callable[[int], dict]:
    """All trials by `search.run`, and a sample of them one after the other; other libraries have the latter only."""
    keras, x, y = prepare(job, work)
    folds = stratify(y[:, 0], FOLDS, SEED)
    trials = combinations(work.repeats)
    size = min(SAMPLE[job["implementation"]], len(trials))
    first: list[float] = []

    def search(folder: str | None, **given: Any) -> Any:
        def network(hp: Any) -> Any:
            return build(keras, work.net, **{name: hp.choice(name, values) for name, values in SPACE.items()})

        return keras.search.run(
            network,
            x,
            y,
            trials=len(trials),
            cv=folds,
            epochs=work.epochs,
            batch_size=work.batch,
            seed=SEED,
            verbose=0,
            storage=None if folder is None else os.path.join(folder, "study.db"),
            **{"sampler": "grid", **given},
        )

    def repetition(number: int) -> dict:
        # Every round its own trials; Kerata's sample holds those of the others.
        start = number * SAMPLE["keras-jax"]
        sample = [trials[(start + i) % len(trials)] for i in range(size)]
        if job["implementation"] != "kerata":
            spent, curves = train_in_turn(keras, sample[: 1 if number == 0 else size], work, x, y, folds)
            spent *= len(trials) / len(curves)
            # Each of these models compiles, in the first round as in the last.
            names = ("all trials", "all trials, with a file", "all trials, the first time")
            return {
                "measures": dict.fromkeys(names, spent) | {"score": np.mean([score(c) for c in curves])},
                "losses": last_training(curves),
            }
        spent, study = timed(lambda: search(None))
        first.append(spent)
        with tempfile.TemporaryDirectory() as folder:
            filed, _ = timed(lambda: search(folder))
        learning, _ = timed(lambda: search(None, sampler="tpe"))
        looped, alone = train_in_turn(keras, sample, work, x, y, folds)
        found = {json.dumps(trial.params, sort_keys=True): trial for trial in study.trials}
        if len(trials) == len(found) == len(list(itertools.product(*SPACE.values()))):
            same = [found[json.dumps(params, sort_keys=True)] for params in sample]
        else:
            # The grid's first trials are not those of the shuffle: a quick run, which only shows that all runs.
            same, alone = study.trials[: len(sample)], [trial.histories for trial in study.trials[: len(sample)]]
        apart = max(abs(trial.score - score(curves)) for trial, curves in zip(same, alone))
        seen = [trial.histories for trial in same[: SAMPLE["keras-jax"]]]
        measures = {
            "all trials": spent,
            "all trials, with a file": filed,
            "all trials, the first time": first[0],
            "all trials by the default sampler (TPE)": learning,
            "all trials in a loop of its own `fit`": looped * len(trials) / len(sample),
            "score": np.mean([score(curves) for curves in seen]),
            "largest difference of a score to the loop's": apart,
        }
        return {"measures": {name: float(value) for name, value in measures.items()}, "losses": last_training(seen)}

    return repetition


def repeat_population(job: dict, work: Work) -> Callable[[int], dict]:
    """Wall time a model and step: each with its own seed, and all with the same. Steady is what more epochs cost, without
    drawing weights and gathering results; the whole call is with them."""
    keras, x, y = prepare(job, work)
    count = work.repeats
    rates = np.geomspace(3e-4, 1e-2, count).tolist()
    short = 2

    def call(model: Any, seeds: Any, epochs: int) -> tuple[float, Any]:
        return timed(
            lambda: keras.search.fit_many(
                model, x, y, vary={"learning_rate": rates}, seeds=seeds, epochs=epochs, batch_size=work.batch, turns=False
            )
        )

    def measure(seeds: Any, **parts: Any) -> tuple[float, float, Any]:
        model = build(keras, work.net, **parts)
        begin, _ = call(model, seeds, short)
        whole, population = call(model, seeds, work.epochs)
        steps = 1e-6 * count * -(-len(x) // work.batch)
        return (whole - begin) / (steps * (work.epochs - short)), whole / (steps * work.epochs), population

    def repetition(number: int) -> dict:
        seeds = [1000 * number + i for i in range(count)]
        own, own_whole, population = measure(seeds, dropout=None, l2=None)
        shared, shared_whole, _ = measure(number, dropout=None, l2=None)
        full, full_whole, _ = measure(seeds)
        measures = {
            "own seeds": own,
            "one seed": shared,
            "own seeds, with dropout and l2": full,
            "own seeds, the whole call": own_whole,
            "one seed, the whole call": shared_whole,
            "own seeds, with dropout and l2, the whole call": full_whole,
        }
        return {"measures": measures, "losses": last_training([population.histories])}

    return repetition


def measure_crossval(job: dict, work: Work) -> dict:
    """The first and the second call of a process, and a sample of its folds by `fit` one after the other."""
    keras, x, y = prepare(job, work)

    def call(seed: int) -> Any:
        model = build(keras, work.net)
        return model.cross_validate(x, y, cv=10, repeats=work.repeats, epochs=work.epochs, batch_size=work.batch, seed=seed)

    first, result = timed(lambda: call(SEED))
    second, _ = timed(lambda: call(SEED + 1))
    sample = range(0, len(result.folds), max(1, len(result.folds) // 10))
    train_in_turn(keras, [{}], work, x, y, result.folds[:1])  # a warm loop, as the second call is a warm call
    alone, spent = [], 0.0
    for index in sample:
        rows, held = result.folds[index]
        seconds, curves = timed(lambda i=index, r=rows, h=held: fit_alone(keras, {}, work, x, y, r, h, SEED + i))
        alone.append(curves)
        spent += seconds

    def apart(name: str) -> float:
        pairs = [(float(result.scores[name][index]), curves[f"val_{name}"][-1]) for index, curves in zip(sample, alone)]
        return max(abs(a - b) for a, b in pairs)

    measures = {
        "second call": second,
        "first call": first,
        "the same in a loop of its own `fit`": spent * len(result.folds) / len(alone),
        "largest difference of a fold's loss to the loop's": apart("loss"),
        "largest difference of a fold's accuracy": apart("accuracy"),
        "mean accuracy": result.mean["accuracy"],
    }
    return {"measures": measures, "losses": last_training([[h] for h in result.histories])}


def measure_search_memory(job: dict, work: Work) -> dict:
    """Resident memory while one study trains its trials in batches, and over calls of `cross_validate`."""
    keras, x, y = prepare(job, work)
    total = work.repeats
    sizes: list[float] = []
    objects: list[int] = []
    counts: list[int] = []

    def network(hp: Any) -> Any:
        values = [hp.float(name, values[0], values[-1], log=True) for name, values in SPACE.items()]
        return build(keras, work.net, *values)

    def folds_of(seed: int) -> Any:
        return stratify(y[:, 0], 2, seed)

    ended = itertools.count(1)
    step = max(1, total // 20)

    class Watch(keras.callbacks.Callback):
        """Looks at the memory whenever another twentieth of the trials has ended."""

        def on_train_end(self, logs: Any = None) -> None:
            done = next(ended)
            if done % (2 * step) == 0:
                gc.collect()
                sizes.append(resident())
                objects.append(len(gc.get_objects()))
                counts.append(done // 2)

    keras.search.run(
        network,
        x,
        y,
        trials=total,
        sampler="random",
        batch=min(20, total),
        cv=folds_of(SEED),
        epochs=work.epochs,
        batch_size=work.batch,
        seed=SEED,
        callbacks=lambda i: [Watch()],
        storage=None,
        verbose=0,
    )
    settled = [i for i, count in enumerate(counts) if count >= total // 5]
    growth, more = (
        float(np.polyfit([counts[i] for i in settled], [seen[i] for i in settled], 1)[0]) for seen in (sizes, objects)
    )

    crossed = []
    for call in range(20):
        model = build(keras, work.net)
        model.cross_validate(x, y, cv=folds_of(call), epochs=work.epochs, batch_size=work.batch)
        del model
        gc.collect()
        crossed.append(resident())
    calls = float(np.polyfit(range(5, 20), crossed[5:], 1)[0])
    measures = {
        "growth over 100 trials": 100 * growth,
        "Python objects more after 100 trials": 100 * more,
        "growth over 10 calls of `cross_validate`": 10 * calls,
        "at the end": resident(),
        "trials": total,
    }
    return {"measures": measures}


REPEATED = {"search": repeat_search, "population": repeat_population}
ONCE = {"crossval": measure_crossval, "search-memory": measure_search_memory}
