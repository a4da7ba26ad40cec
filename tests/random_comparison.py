"""A random model by Kerata and by real Keras: what do they give, and where do they differ?"""

import contextlib
import copy
import time
import traceback
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from random_drawing import draw
from random_models import build, make_data, realize

# Differences of float32 that need no explanation, relative to the largest number of an array.
CLOSE = 2e-4
SMALL = 2e-6
# Others are measured against what Keras itself makes of weights that differ in their last bits.
NOISE = 3e-7
FACTOR = 30.0
# Where that is more than this part of a result, the result says nothing.
CHAOS = 0.05
ATTEMPTS = 12


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
    """Weights for a model, each of a size that suits its role."""
    rng = np.random.default_rng(seed + 10_000)
    found = []
    for variable in model.weights:
        noise = rng.standard_normal(variable.shape)
        name = variable.name
        if "variance" in name:
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


def results_of(k: Any, description: dict[str, Any], model: Any, weights: list[np.ndarray], data: dict[str, Any],
               times: dict[str, float] | None = None) -> dict[str, np.ndarray]:  # fmt: skip
    """Everything that is compared, by name."""
    # Metrics are named by how many there were before.
    k.utils.clear_session(free_memory=False)
    found: dict[str, np.ndarray] = {}

    def keep(name: str, values: Any) -> None:
        values = values if isinstance(values, (list, tuple)) else [values]
        for place, value in enumerate(values):
            found[f"{name}/{place}"] = np.asarray(value, np.float64)

    fit = description["fit"]
    size = fit["batch_size"]
    model.set_weights(weights)
    with timing(times, "predict"):
        keep("predict", model.predict(data["x"], batch_size=size, verbose=0))
    options = {name: realize(k, copy.deepcopy(value)) for name, value in description["compile"].items()}
    model.compile(**options)
    more: dict[str, Any] = {"sample_weight": data["weights"], "class_weight": fit.get("class_weight")}
    if data["validation"] is not None:
        more["validation_data"] = data["validation"]
    elif fit.get("validation") == "split":
        more["validation_split"] = 0.3
    if "validation_batch_size" in fit and len(more) > 2:
        more["validation_batch_size"] = fit["validation_batch_size"]
    with timing(times, "fit"):
        history = model.fit(
            data["x"], data["y"], batch_size=size, epochs=fit["epochs"], shuffle=False, verbose=0, **more
        ).history
    for name, values in history.items():
        found[f"history/{name}"] = np.asarray(values, np.float64)
    keep("weights", model.get_weights())
    with timing(times, "evaluate"):
        measured = model.evaluate(
            data["x"], data["y"], batch_size=size, verbose=0, return_dict=True, sample_weight=data["weights"]
        )
    for name, value in measured.items():
        found[f"evaluate/{name}"] = np.asarray(value, np.float64)
    keep("predict again", model.predict(data["x"], batch_size=size, verbose=0))
    return found


@contextlib.contextmanager
def timing(times: dict[str, float] | None, name: str) -> Iterator[None]:
    start = time.process_time()
    yield
    if times is not None:
        times[name] = time.process_time() - start


def first_rows(data: Any, n: int) -> Any:
    return [a[:n] for a in data] if isinstance(data, list) else data[:n]


def is_built(model: Any, data: dict[str, Any]) -> Any:
    """The model, built: one of a user's own is built by its first call."""
    if not model.built or not model.weights:
        model(first_rows(data["x"], 2))
    return model


def leaf_shapes(outputs: Any) -> list[tuple]:
    return [tuple(t.shape) for t in (outputs if isinstance(outputs, (list, tuple)) else [outputs])]


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
        with quick_weights(keras):
            keras.utils.clear_session(free_memory=False)
            model = build(keras, description["model"])
            data = make_data(description, [(None, *_shape_of(kind)) for kind in description["kinds"]])
            is_built(model, data)
        weights = random_weights(model, description["seed"])
        model.set_weights(weights)
        outputs = model(data["x"])
        outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        masked = any(getattr(output, "_keras_mask", None) is not None for output in outputs)
        data = make_data(description, [tuple(output.shape) for output in outputs])
        results = results_of(keras, description, model, weights, data, times)
    except Exception as error:
        raise Impossible(f"{type(error).__name__}: {str(error)[:300]}") from error
    if not all(np.isfinite(value).all() for value in results.values()):
        raise Impossible("not finite")
    return {"description": description, "data": data, "weights": weights, "results": results, "model": model, "masked": masked,
            "times": times}  # fmt: skip


def _shape_of(kind: dict[str, Any]) -> tuple:
    """A shape to make targets of before the outputs are known: only the inputs are used then."""
    return (2, kind["units"]) if kind["steps"] else (kind["units"],)


def compare(kerata: Any, keras: Any, known: dict[str, Any]) -> dict[str, Any]:
    """{"disagreements": [text], "sensitive": [names], "times"} of a reference's description built by Kerata."""
    times: dict[str, float] = {}
    kerata.utils.clear_session(free_memory=False)
    try:
        with timing(times, "build"):
            model = is_built(build(kerata, known["description"]["model"]), known["data"])
    except Exception:
        return {"disagreements": [f"building: {traceback.format_exc(limit=-4)}"], "sensitive": [], "times": times}
    shapes = [w.shape for w in model.get_weights()], [w.shape for w in known["weights"]]
    if shapes[0] != shapes[1]:
        return {"disagreements": [f"weights: {shapes[0]} and Keras's {shapes[1]}"], "sensitive": [], "times": times}
    found = compare_shapes(model, known["model"])
    sensitive = compare_results(kerata, keras, known, model, found, times)
    if sensitive and not found:
        # Many steps make much of little; one does not.
        first = one_step(keras, known)
        sensitive = compare_results(kerata, keras, first, model, found, {})
    return {"disagreements": found, "sensitive": sensitive, "times": times}


def compare_results(
    kerata: Any, keras: Any, known: dict[str, Any], model: Any, found: list[str], times: dict[str, float]
) -> list[str]:
    """Adds to what was `found`; names what is so sensitive to rounding that it says nothing."""
    try:
        ours = results_of(kerata, known["description"], model, known["weights"], known["data"], times)
    except Exception:
        found.append(f"running: {traceback.format_exc(limit=-6)}")
        return []
    theirs = dict(known["results"])
    if known["masked"]:
        # In training, Keras on JAX loses the mask of an output on its way to the metrics.
        for results in (ours, theirs):
            for name in [n for n in results if n.startswith("history/") and "loss" not in n and "val_" not in n]:
                del results[name]
    # Keras on JAX sorts what `evaluate` gives.
    if sorted(ours) != sorted(theirs) or _history(ours) != _history(theirs):
        found.append(f"names: {_named(ours, theirs)} and Keras's {_named(theirs, ours)}")
    off = [name for name in theirs if name in ours and not close(ours[name], theirs[name])]
    spread = sensitivity(keras, known) if off else {}
    sensitive = []
    for name in off:
        apart = distance(ours[name], theirs[name]) if ours[name].shape == theirs[name].shape else float("inf")
        if apart > FACTOR * spread[name]:
            found.append(
                f"{name}: {digest(ours[name])} and Keras's {digest(theirs[name])}; off by {apart:.2g}, noise {spread[name]:.2g}"
            )
        elif FACTOR * spread[name] > CHAOS * (np.abs(theirs[name]).max() + 1e-3):
            sensitive.append(name)
    return sensitive


def one_step(keras: Any, known: dict[str, Any]) -> dict[str, Any]:
    """The reference with a single step of plain gradient descent."""
    description = {**known["description"], "compile": {**known["description"]["compile"]}}
    description["compile"]["optimizer"] = ("optimizer", "SGD", {"learning_rate": 0.01})
    rows = min(description["samples"], description["fit"]["batch_size"])
    description["fit"] = {**description["fit"], "epochs": 1, "validation": None}
    given = known["data"]
    data = {name: None if given[name] is None else first_rows(given[name], rows) for name in ("x", "y", "weights")}
    data["validation"] = None
    results = results_of(keras, description, known["model"], known["weights"], data)
    return {**known, "description": description, "data": data, "results": results}


def _history(results: dict[str, Any]) -> list[str]:
    return [name for name in results if name.startswith("history/")]


def _named(these: dict[str, Any], those: dict[str, Any]) -> list[str]:
    """Names that only these have, or all where they differ in order alone."""
    return [n for n in these if n not in those] or [n for n in these if n.startswith(("history", "evaluate"))]


def compare_shapes(ours: Any, theirs: Any) -> list[str]:
    try:
        wanted = theirs.output_shape
    except Exception:  # a user's own model has none
        return []
    mine = ours.output_shape
    same = repr(mine).replace("[", "(").replace("]", ")") == repr(wanted).replace("[", "(").replace("]", ")")
    return [] if same else [f"output_shape: {mine} and Keras's {wanted}"]


def close(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and distance(a, b) <= CLOSE * np.abs(b).max(initial=0) + SMALL


def distance(a: np.ndarray, b: np.ndarray) -> float:
    worst = np.abs(a - b).max(initial=0)
    return float("inf") if np.isnan(worst) else float(worst)


def digest(a: np.ndarray) -> str:
    return f"{a.shape} {np.round(a.ravel()[:4], 5).tolist()}"


def sensitivity(keras: Any, known: dict[str, Any], times: int = 2) -> dict[str, float]:
    """How far each of Keras's results moves where the first weights change in their last bits."""
    found = dict.fromkeys(known["results"], 0.0)
    rng = np.random.default_rng(1)
    for _ in range(times):
        moved = [(w + NOISE * (np.abs(w) + 0.1) * rng.standard_normal(w.shape)).astype(w.dtype) for w in known["weights"]]
        again = results_of(keras, known["description"], known["model"], moved, known["data"])
        for name in found:
            found[name] = max(found[name], distance(again[name], known["results"][name]))
    return found


def check(kerata: Any, keras: Any, seed: int) -> dict[str, Any]:
    """What `compare` says of a seed, and the description."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        known = reference(keras, seed)
        return {**compare(kerata, keras, known), "description": known["description"], "keras times": known["times"],
                "results": known["results"]}  # fmt: skip
