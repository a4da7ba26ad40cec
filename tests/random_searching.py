"""Random models in cross-validations and searches, held against a plain loop of `fit`: same scores, histories, predictions."""

import copy
import traceback
from typing import Any

import jax
import numpy as np

import kerata
from kerata import search
from random_comparison import coarseness, quick_weights
from random_data import make_data
from random_drawing import draw
from random_models import realize
from random_running import leaves, make_model, policy_of

CLOSE = 1e-5
# What weights that differ in their last bits make of a result, times this, needs no explanation.
FACTOR = 30.0
EPOCHS = 2
ATTEMPTS = 12
RATES = (0.02, 0.005)


class Impossible(Exception):
    """A plain loop cannot do it, or gives what is not finite."""


class Case:
    """A random model with data, folds and the arguments of its training.

    Args:
        keras: real Keras, which says what is possible.
        seed: of all that is drawn.
    """

    def __init__(self, keras: Any, seed: int):
        keras.utils.clear_session(free_memory=False)
        with quick_weights(keras):
            self.description = draw(keras, seed)
        if "'adapted'" in repr(self.description):
            raise Impossible("each fold adapts anew, which a plain loop does not")
        kinds = [(2, kind["units"]) if kind["steps"] else (kind["units"],) for kind in self.description["kinds"]]
        self.data = make_data(self.description, [(None, *shape) for shape in kinds])
        outputs = self.build().predict(self.data["first"]["x"], verbose=0)
        shapes = [outputs[name].shape for name in outputs_in_order(outputs, self.description)]
        self.data = make_data(self.description, shapes)
        given = next((arguments for what, arguments in self.description["routine"] if what == "fit"), None)
        if given is None:
            raise Impossible("nothing is trained")
        first = self.data["first"]
        self.x, self.y = first["x"], first["y"]
        self.weights = first["weights"] if given["weighted"] else None
        size = self.description["sets"]["first"]
        if size < 4:
            raise Impossible("no two folds")
        third = size // 3
        self.folds = [(np.r_[: size - third], np.r_[size - third : size]), (np.r_[third:size], np.r_[:third])]
        self.arguments = {"epochs": EPOCHS, "batch_size": given["batch_size"]}
        if given.get("class_weight"):
            self.arguments["class_weight"] = given["class_weight"]

    def build(self, rate: float | None = None) -> Any:
        model = make_model(kerata, self.description, self.data)
        options = {name: realize(kerata, copy.deepcopy(value)) for name, value in self.description["compile"].items()}
        with policy_of(kerata, self.description):
            model.compile(**options)
        rates = repr(self.description["compile"]["optimizer"])
        if rate is not None and "schedule" not in rates and "Steps" not in rates:
            model.optimizer.learning_rate = rate
        return model

    def loop(self, seed: int, rate: float | None = None, noise: float = 0.0) -> list[dict[str, np.ndarray]]:
        """What `fit` gives for each fold, from weights that have been moved by some noise."""
        return [self._train(rows, held, seed + index, rate, noise) for index, (rows, held) in enumerate(self.folds)]

    def _train(self, rows: Any, held: Any, seed: int, rate: float | None, noise: float) -> dict[str, np.ndarray]:
        kerata.utils.set_random_seed(seed)
        model = self.build(rate)
        if noise:
            rng = np.random.default_rng(seed)
            old = model.get_weights()
            moved = [w + noise * (np.abs(w) + 0.1) * rng.standard_normal(w.shape) if w.dtype.kind == "f" else w for w in old]
            model.set_weights([new.astype(w.dtype) for new, w in zip(moved, old, strict=True)])
        x, y, weights = ({"x": part(value, rows), "held": part(value, held)} for value in (self.x, self.y, self.weights))
        validation = (x["held"], y["held"]) if self.weights is None else (x["held"], y["held"], weights["held"])
        history = model.fit(
            x["x"], y["x"], sample_weight=weights["x"], validation_data=validation, seed=seed, verbose=0, **self.arguments
        )
        found = {f"history {name}": np.asarray(curve, np.float64) for name, curve in history.history.items()}
        predicted = leaves(model.predict(x["held"], batch_size=self.arguments["batch_size"], verbose=0))
        found.update({f"prediction {place}": np.asarray(value, np.float64) for place, value in enumerate(predicted)})
        return found

    def cross_validate(self, seed: int) -> list[dict[str, np.ndarray]]:
        kerata.utils.set_random_seed(99)
        result = search.cross_validate(
            self.build(), self.x, self.y, sample_weight=self.weights, cv=self.folds, seed=seed, **self.arguments
        )
        found = []
        for index, (_, held) in enumerate(self.folds):
            mine = {f"history {name}": np.asarray(curve, np.float64) for name, curve in result.histories[index].items()}
            for place, value in enumerate(leaves(result.predictions)):
                mine[f"prediction {place}"] = np.asarray(value[held], np.float64)
            found.append(mine)
        return found

    def search(self, seed: int, turns: bool | None) -> dict[float, list[dict[str, np.ndarray]]]:
        study = search.run(
            lambda hp: self.build(hp.choice("rate", list(RATES))),
            self.x,
            self.y,
            sample_weight=self.weights,
            sampler="grid",
            cv=self.folds,
            seed=seed,
            storage=None,
            verbose=0,
            turns=turns,
            **self.arguments,
        )
        failed = [trial.error for trial in study.trials if trial.error]
        if failed:
            raise AssertionError(failed[0])
        return {
            trial.params["rate"]: [
                {f"history {name}": np.asarray(curve, np.float64) for name, curve in history.items()}
                for history in trial.histories
            ]
            for trial in study.trials
        }


def outputs_in_order(outputs: Any, description: dict[str, Any]) -> list[Any]:
    """Keys under which outputs stand: names, or places."""
    if isinstance(outputs, dict):
        return description["model"]["output names"]
    return list(range(len(outputs))) if isinstance(outputs, list) else [...]


def part(value: Any, rows: Any) -> Any:
    return None if value is None else jax.tree.map(lambda leaf: leaf[rows], value)


def compare(ours: list[dict], right: list[dict], noisy: list[dict], where: str) -> list[str]:
    found = []
    for index, (mine, loop, moved) in enumerate(zip(ours, right, noisy, strict=True)):
        # A study keeps measures of one number.
        single = [name for name in loop if loop[name].ndim == 1 or not where.startswith("search")]
        names = [name for name in single if name in mine or name.startswith("history")]
        if missing := [name for name in names if name not in mine]:
            found.append(f"{where} fold {index}: {missing} are missing")
            continue
        for name in names:
            a, b = mine[name], loop[name]
            if a.shape != b.shape:
                found.append(f"{where} fold {index} {name}: {a.shape} and the loop's {b.shape}")
                continue
            apart = np.abs(a - b).max(initial=0)
            most = CLOSE * np.abs(b).max(initial=0) + 1e-6 + FACTOR * np.abs(moved[name] - b).max(initial=0)
            if not apart <= most:
                found.append(f"{where} fold {index} {name}: {a.ravel()[:4]} and the loop's {b.ravel()[:4]}, off by {apart:.2g}")
    return found


def check(keras: Any, seed: int, turns: bool | None = None) -> dict[str, Any]:
    """{"disagreements": [text], "description"}"""
    for attempt in range(ATTEMPTS):
        try:
            case = Case(keras, seed + 1_000_003 * attempt)
            rates = (None, *RATES)
            right = {rate: case.loop(7, rate) for rate in rates}
            if not all(np.isfinite(value).all() for folds in right.values() for fold in folds for value in fold.values()):
                raise Impossible("not finite")
            noise = max(1e-7, coarseness(case.description) / 4)
            noisy = {rate: case.loop(7, rate, noise=noise) for rate in rates}
        except Exception as error:
            reason = error
            continue
        found = []
        try:
            found += compare(case.cross_validate(7), right[None], noisy[None], "cross_validate")
        except ValueError as error:
            if "holds out classes that it cannot train on" in str(error):
                continue
            found.append(f"cross_validate: {traceback.format_exc(limit=-6)}")
        except Exception:
            found.append(f"cross_validate: {traceback.format_exc(limit=-6)}")
        try:
            for rate, folds in case.search(7, turns).items():
                found += compare(folds, right[rate], noisy[rate], f"search at {rate}")
        except Exception:
            found.append(f"search: {traceback.format_exc(limit=-6)}")
        return {"disagreements": found, "description": case.description}
    raise AssertionError(f"seed {seed}: nothing that a plain loop can do: {reason!r}")
