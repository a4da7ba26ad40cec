"""A random model by Kerata and by real Keras: what do they give, and where do they differ?"""

import contextlib
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from random_data import first_rows, make_data
from random_drawing import draw
from random_running import SCALE, Routine, leaves, load, make_model, results_of, rows_of_a_call

# Differences of float32 that need no explanation, relative to the largest number of an array.
CLOSE = 2e-4
SMALL = 2e-6
# Others are measured against what Keras itself makes of weights that differ in their last bits.
NOISE = 3e-7
FACTOR = 30.0
# Where that is more than this part of a result, the result says nothing.
CHAOS = 0.05
ATTEMPTS = 12
# The same for numbers of half the size: what is rounded, and how much less a difference may be explained by it.
HALVES = {"bfloat16": 8e-3, "float16": 1e-3}
FACTOR_OF_HALVES = 6.0


class Impossible(Exception):
    """Keras cannot do it, or gives what is not finite."""


@contextlib.contextmanager
def quick_weights(keras: Any) -> Iterator[None]:
    """Keras's weights begin at zero: they get random values afterwards, and drawing them compiles a program each."""
    from keras.src.backend.jax.core import JaxVariable

    before = JaxVariable._initialize_with_initializer

    def zeros(self: Any, initializer: Any) -> None:
        self._initialize(np.zeros(self._shape, self._dtype))

    JaxVariable._initialize_with_initializer = zeros
    try:
        yield
    finally:
        JaxVariable._initialize_with_initializer = before


def random_weights(model: Any, seed: int) -> list[np.ndarray]:
    """Weights for a model, each of a size that suits its role; what a layer has measured from data stays."""
    rng = np.random.default_rng(seed + 10_000)
    found = []
    for variable in model.weights:
        noise = rng.standard_normal(variable.shape)
        name = variable.name
        if name in ("mean", "variance", "count"):
            value = np.asarray(variable)
        elif "variance" in name:
            value = 0.6 + np.abs(noise)
        elif name in ("gamma", "scale", "factor"):
            value = 1.0 + 0.2 * noise
        elif "calls" in name:
            value = 0.0 * noise
        elif noise.ndim < 2:
            value = 0.2 * noise
        else:
            value = noise / np.sqrt(max(2.0, np.prod(noise.shape[:-1])))
        found.append(value.astype(variable.dtype))
    return found


def reference(keras: Any, seed: int) -> dict[str, Any]:
    """A description that Keras can do, and what it gives: {"description", "data", "weights", "results", "model", ...}."""
    for attempt in range(ATTEMPTS):
        try:
            return _reference(keras, seed, attempt)
        except Impossible:
            continue
        finally:
            keras.utils.clear_session(free_memory=False)
    raise AssertionError(f"seed {seed}: nothing that Keras can do in {ATTEMPTS} attempts")


def _reference(keras: Any, seed: int, attempt: int) -> dict[str, Any]:
    keras.utils.clear_session(free_memory=False)
    with quick_weights(keras):
        description = draw(keras, seed + 1_000_003 * attempt)
    return keras_side(keras, description)


def keras_side(keras: Any, description: dict[str, Any]) -> dict[str, Any]:
    times: dict[str, float] = {}
    try:
        data = make_data(description, [(None, *_shape_of(kind)) for kind in description["kinds"]])
        with quick_weights(keras):
            model = make_model(keras, description, data)
        weights = random_weights(model, description["seed"])
        model.set_weights(weights)
        outputs = leaves_in_order(model(first_rows(data["first"]["x"], rows_of_a_call(description))), description)
        masked = any(getattr(output, "_keras_mask", None) is not None for output in outputs)
        data = make_data(description, [tuple(output.shape) for output in outputs])
        folder = TemporaryDirectory()
        routine = Routine(keras, description, model, data, times)
        results = routine.run(weights, Path(folder.name))
    except Exception as error:
        raise Impossible(f"{type(error).__name__}: {str(error)[:300]}") from error
    if not all(np.isfinite(value).all() for value in results.values()):
        raise Impossible("not finite")
    return {
        "description": description,
        "data": data,
        "weights": weights,
        "results": results,
        "model": model,
        "masked": masked,
        "times": times,
        "file": routine.file,
        "folder": folder,
    }


def leaves_in_order(outputs: Any, description: dict[str, Any]) -> list[Any]:
    if isinstance(outputs, dict):
        return [outputs[name] for name in description["model"]["output names"]]
    return leaves(outputs)


def _shape_of(kind: dict[str, Any]) -> tuple:
    """A shape to make targets of before the outputs are known: only the inputs are used then."""
    return (2, kind["units"]) if kind["steps"] else (kind["units"],)


def compare(kerata: Any, keras: Any, known: dict[str, Any]) -> dict[str, Any]:
    """{"disagreements": [text], "sensitive": [names], "times"} of a reference's description built by Kerata."""
    times: dict[str, float] = {}
    try:
        model = make_model(kerata, known["description"], known["data"])
    except Exception:
        return {"disagreements": [f"building: {traceback.format_exc(limit=-4)}"], "sensitive": [], "times": times}
    shapes = [w.shape for w in model.get_weights()], [w.shape for w in known["weights"]]
    if shapes[0] != shapes[1]:
        return {"disagreements": [f"weights: {shapes[0]} and Keras's {shapes[1]}"], "sensitive": [], "times": times}
    # Keras fixes the batch size of what is built by its first call.
    found = [] if known["description"]["model"].get("deferred") else compare_shapes(model, known["model"])
    sensitive = compare_results(kerata, keras, known, model, found, times)
    if sensitive and not found and any(what == "fit" for what, _ in known["description"]["routine"]):
        # Many steps make much of little; one does not.
        first = one_step(keras, known)
        sensitive = compare_results(kerata, keras, first, model, found, {})
    return {"disagreements": found, "sensitive": sensitive, "times": times}


def compare_results(
    kerata: Any, keras: Any, known: dict[str, Any], model: Any, found: list[str], times: dict[str, float]
) -> list[str]:
    """Adds to what was `found`; names what is so sensitive to rounding that it says nothing."""
    with TemporaryDirectory() as folder:
        routine = Routine(kerata, known["description"], model, known["data"], times)
        try:
            ours = routine.run(known["weights"], Path(folder))
            if known.get("file") is not None:
                exchange(kerata, keras, known, routine.file, ours)
        except Exception:
            found.append(f"{routine.place}: {traceback.format_exc(limit=-6)}")
            return []
    theirs = dict(known["results"])
    if known["masked"]:
        # In training, Keras on JAX loses the mask of an output on its way to the metrics.
        for results in (ours, theirs):
            for name in [n for n in results if _is_measured_in_training(n)]:
                del results[name]
    if sorted(n for n in ours if "exchange" not in n) != sorted(theirs) or _history(ours) != _history(theirs):
        found.append(f"names: {_named(ours, theirs)} and Keras's {_named(theirs, ours)}")
    return compare_numbers(keras, known, ours, theirs, found)


def compare_numbers(
    keras: Any, known: dict[str, Any], ours: dict[str, Any], theirs: dict[str, Any], found: list[str]
) -> list[str]:
    coarse = coarseness(known["description"])
    off = [name for name in theirs if name in ours and not close(ours[name], theirs[name], coarse)]
    off += [name for name in ours if "exchange" in name and not close(ours[name], known["predicted"], coarse)]
    spread = sensitivity(keras, known) if off else {}
    factor = FACTOR_OF_HALVES if coarse else FACTOR
    sensitive = []
    if steps_of_scale(ours) != steps_of_scale(theirs):
        # A gradient at the edge of float16 is skipped by one and not by the other: all after it is another training.
        fitted = next(int(name.partition(" ")[0]) for name in theirs if SCALE in name)
        sensitive = [name for name in off if not name[0].isdigit() or int(name.partition(" ")[0]) >= fitted]
        off = [name for name in off if name not in sensitive]
    # What counts samples beyond a threshold does not move at all, and then by one: it follows from predictions that move.
    moved = any("predictions" in name and spread.get(name, 0.0) > 0 for name in off)
    for name in off:
        right = theirs[name] if name in theirs else known["predicted"]
        apart, noise = distance(ours[name], right), spread.get(name, 0.0)
        if noise == 0 and moved and "accuracy" in name and apart <= 1 / known["description"]["sets"]["first"] + SMALL:
            sensitive.append(name)
        elif not apart <= factor * noise:
            found.append(f"{name}: {digest(ours[name])} and Keras's {digest(right)}; off by {apart:.2g}, noise {noise:.2g}")
        elif factor * noise > CHAOS * (np.abs(right).max(initial=0) + 1e-3):
            sensitive.append(name)
    return sensitive


def steps_of_scale(results: dict[str, Any]) -> list[list[float]]:
    """The loss scale after each fit and how many steps it has been that."""
    return [value.tolist() for name, value in results.items() if SCALE in name]


def exchange(kerata: Any, keras: Any, known: dict[str, Any], file: Any, ours: dict[str, Any]) -> None:
    """Adds what either library predicts with the other's file."""
    x, description = known["data"]["first"]["x"], known["description"]
    size = dict(description["routine"])["predict"]["batch_size"]
    try:
        model = load(keras, known["file"], description)
    except NotImplementedError:  # Keras saves an orthogonal kernel of bfloat16 and cannot build it again
        return
    known["predicted"] = np.asarray(leaves(model.predict(x, batch_size=size, verbose=0))[0], np.float64)
    for name, k, path in (("exchange: Keras's file", kerata, known["file"]), ("exchange: file for Keras", keras, file)):
        ours[name] = np.asarray(leaves(load(k, path, description).predict(x, batch_size=size, verbose=0))[0], np.float64)


def one_step(keras: Any, known: dict[str, Any]) -> dict[str, Any]:
    """The reference with a single step of plain gradient descent."""
    description = {**known["description"], "compile": {**known["description"]["compile"]}}
    description["compile"]["optimizer"] = ("optimizer", "SGD", {"learning_rate": 0.01})
    fit = next(arguments for what, arguments in description["routine"] if what == "fit")
    size = fit["batch_size"]
    rows = min(description["sets"]["first"], size)
    fit = {name: fit[name] for name in ("data", "batch_size", "weighted", "class_weight") if name in fit}
    one = {"data": "first", "batch_size": size, "weighted": fit["weighted"]}
    fitting = ("fit", {**fit, "epochs": 1})
    description["routine"] = [("predict", one), ("compile", {}), fitting, ("evaluate", one), ("predict", one)]
    data = {"first": {name: first_rows(value, rows) for name, value in known["data"]["first"].items()}}
    description["sets"] = {"first": rows}
    results = results_of(keras, description, known["model"], known["weights"], data)
    return {**known, "description": description, "data": data, "results": results, "file": None}


def _is_measured_in_training(name: str) -> bool:
    what, _, measure = name.partition("/")
    if what.endswith(" fit"):
        return not any(part in measure for part in ("loss", "val_", "weights", "epochs", "learning_rate"))
    return measure.startswith("train_on_batch") and "loss" not in measure


def _history(results: dict[str, Any]) -> list[str]:
    return [name for name in results if " fit/" in name]


def _named(these: dict[str, Any], those: dict[str, Any]) -> list[str]:
    """Names that only these have, or all where they differ in order alone."""
    return [n for n in these if n not in those] or [n for n in these if " fit/" in n or " evaluate/" in n]


def compare_shapes(ours: Any, theirs: Any) -> list[str]:
    try:
        wanted = theirs.output_shape
    except Exception:  # a user's own model has none
        return []
    mine = ours.output_shape
    return [] if _fits(mine, wanted) else [f"output_shape: {mine} and Keras's {wanted}"]


def _fits(mine: Any, wanted: Any) -> bool:
    """Whether a shape, or a list or dict of shapes, is the wanted one; a size that Keras does not know may be known."""
    if isinstance(wanted, (tuple, list)):
        return len(mine) == len(wanted) and all(map(_fits, mine, wanted))
    if isinstance(wanted, dict):
        return mine.keys() == wanted.keys() and all(_fits(mine[name], wanted[name]) for name in wanted)
    return wanted is None or mine == wanted


def coarseness(description: dict[str, Any]) -> float:
    """The relative size of a rounding of the smallest floats that a model computes with, 0 for float32."""
    return max((size for name, size in HALVES.items() if name in repr(description)), default=0.0)


def close(a: np.ndarray, b: np.ndarray, coarse: float) -> bool:
    return a.shape == b.shape and distance(a, b) <= max(CLOSE, 3 * coarse) * np.abs(b).max(initial=0) + max(SMALL, coarse / 10)


def distance(a: np.ndarray, b: np.ndarray) -> float:
    if a.shape != b.shape:
        return float("inf")
    worst = np.abs(a - b).max(initial=0)
    return float("inf") if np.isnan(worst) else float(worst)


def digest(a: np.ndarray) -> str:
    return f"{a.shape} {np.round(a.ravel()[:4], 5).tolist()}"


def sensitivity(keras: Any, known: dict[str, Any], times: int = 2) -> dict[str, float]:
    """How far each of Keras's results moves where the first weights change in their last bits."""
    found = dict.fromkeys(known["results"], 0.0)
    rng = np.random.default_rng(1)
    noise = max(NOISE, coarseness(known["description"]) / 4)
    for _ in range(times):
        moved = [(w + noise * (np.abs(w) + 0.1) * rng.standard_normal(w.shape)).astype(w.dtype) for w in known["weights"]]
        again = results_of(keras, known["description"], known["model"], moved, known["data"])
        for name in found:
            found[name] = max(found[name], distance(again[name], known["results"][name]) if name in again else float("inf"))
    return found


def check(kerata: Any, keras: Any, seed: int) -> dict[str, Any]:
    """What `compare` says of a seed, and the description."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        known = reference(keras, seed)
        with known["folder"]:
            return {
                **compare(kerata, keras, known),
                "description": known["description"],
                "keras times": known["times"],
                "results": known["results"],
            }
