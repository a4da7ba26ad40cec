"""What a random model gives: its routine is run by one library, and everything that comes out is kept by name."""

import contextlib
import copy
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from random_data import batches, first_rows
from random_models import build, realize
from random_own import custom_objects

# The name of what is kept of an optimizer that scales the loss.
SCALE = "scale of the loss"


@contextlib.contextmanager
def timing(times: dict[str, float] | None, name: str) -> Iterator[None]:
    start = time.process_time()
    yield
    if times is not None:
        times[name] = times.get(name, 0.0) + time.process_time() - start


@contextlib.contextmanager
def policy_of(k: Any, description: dict[str, Any]) -> Iterator[None]:
    """What is made here has the description's types."""
    before = k.config.dtype_policy()
    k.config.set_dtype_policy(description["policy"] or "float32")
    try:
        yield
    finally:
        k.config.set_dtype_policy(before)


def make_model(k: Any, description: dict[str, Any], data: dict[str, Any]) -> Any:
    """The model of a description, built: one of a user's own is built by its first call."""
    k.utils.clear_session(free_memory=False)
    with policy_of(k, description):
        model = build(k, description["model"])
        if not model.built or not model.weights:
            model(first_rows(data["first"]["x"], rows_of_a_call(description)))
    return model


def rows_of_a_call(description: dict[str, Any]) -> int:
    return description["model"]["inputs"][0].get("batch", 2)


class Routine:
    """Does what a description says with a model of one library.

    Args:
        k: the library.
        description: what to do.
        model: the built model.
        data: sets of data.
        times: seconds of processor time by what was done are added here.
    """

    def __init__(self, k: Any, description: dict[str, Any], model: Any, data: dict[str, Any], times: dict[str, float] | None):
        self.k, self.description, self.model, self.data, self.times = k, description, model, data, times
        self.found: dict[str, np.ndarray] = {}
        self.file: Path | None = None
        self.place = ""
        self.frozen: list[Any] = []

    def run(self, weights: list[np.ndarray], folder: Path) -> dict[str, np.ndarray]:
        """Everything that is compared, by name."""
        # Metrics are named by how many there were before.
        self.k.utils.clear_session(free_memory=False)
        self.folder = folder
        self.model.set_weights(weights)
        try:
            for number, (what, arguments) in enumerate(self.description["routine"]):
                self.place = f"{number} {what}"
                getattr(self, f"_{what}")(arguments)
        finally:
            for layer in self.frozen:
                layer.trainable = True
        return self.found

    def _keep(self, name: str, values: Any) -> None:
        for place, value in enumerate(leaves(values)):
            self.found[f"{self.place}/{name}/{place}"] = np.asarray(value, np.float64)

    def _keep_logs(self, logs: dict[str, Any]) -> None:
        for name, value in logs.items():
            self.found[f"{self.place}/{name}"] = np.asarray(value, np.float64)

    def _predict(self, given: dict[str, Any]) -> None:
        with timing(self.times, "predict"):
            outputs = self.model.predict(self.data[given["data"]]["x"], batch_size=given["batch_size"], verbose=0)
        self._keep("predictions", outputs)
        self._keep("bytes of a number", [output.dtype.itemsize for output in leaves(outputs)])

    def _compile(self, given: dict[str, Any]) -> None:
        options = {name: realize(self.k, copy.deepcopy(value)) for name, value in self.description["compile"].items()}
        with policy_of(self.k, self.description):
            self.model.compile(**options)

    def _fit(self, given: dict[str, Any]) -> None:
        data, weighted = self.data[given["data"]], given.get("weighted", False)
        rows, size = self.description["sets"][given["data"]], given["batch_size"]
        more: dict[str, Any] = {"epochs": given["epochs"], "shuffle": False, "verbose": 0, **self._validation(given)}
        for name in ("class_weight", "initial_epoch", "validation_batch_size", "validation_freq", "validation_steps"):
            if name in given:
                more[name] = given[name]
        if "callbacks" in given:
            more["callbacks"] = realize(self.k, given["callbacks"])
        if given.get("form"):
            source = batches(self.k, given["form"], data, size, weighted, rows)
            if given["form"] == "generator":
                more["steps_per_epoch"] = -(-rows // size)
            else:
                more.pop("validation_batch_size", None)
            arguments: tuple = (source,)
        else:
            arguments, more["batch_size"] = (data["x"], data["y"]), size
            more["sample_weight"] = data["weights"] if weighted else None
        with timing(self.times, "fit"):
            history = self.model.fit(*arguments, **more)
        self._keep_logs(history.history)
        self._keep("epochs", history.epoch)
        self._keep("weights", self.model.get_weights())
        if hasattr(self.model.optimizer, "dynamic_scale"):
            optimizer = self.model.optimizer
            steps = [float(np.asarray(value)) for value in (optimizer.dynamic_scale, optimizer.step_counter)]
            self.found[f"{self.place}/{SCALE}"] = np.asarray(steps)

    def _validation(self, given: dict[str, Any]) -> dict[str, Any]:
        kind = given.get("validation")
        if kind is None or kind == "split":
            return {} if kind is None else {"validation_split": 0.3}
        data = self.data[kind]
        return {"validation_data": (data["x"], data["y"], *([data["weights"]] if given.get("validation weighted") else []))}

    def _evaluate(self, given: dict[str, Any]) -> None:
        data = self.data[given["data"]]
        weights = data["weights"] if given.get("weighted") else None
        with timing(self.times, "evaluate"):
            logs = self.model.evaluate(
                data["x"], data["y"], batch_size=given["batch_size"], verbose=0, return_dict=True, sample_weight=weights
            )
        self._keep_logs(logs)

    def _batch(self, given: dict[str, Any]) -> None:
        data = self.data[given["data"]]
        weights = data["weights"] if given["weighted"] else None
        for name in ("train_on_batch", "test_on_batch"):
            logs = getattr(self.model, name)(data["x"], data["y"], sample_weight=weights, return_dict=True)
            self._keep_logs({f"{name}/{each}": value for each, value in logs.items()})
        self._keep("predict_on_batch", self.model.predict_on_batch(data["x"]))

    def _save(self, given: dict[str, Any]) -> None:
        """The model goes on from a file: a subclass that is no graph by its weights alone."""
        k, description = self.k, self.description
        if "subclass" in repr(description["model"]):
            path = self.folder / "model.weights.h5"
            self.model.save_weights(path)
            self.model = make_model(k, description, self.data)
            self.model.load_weights(path)
            self._compile({})
        else:
            self.model = load(k, self._file(), description)
        self._keep("weights", self.model.get_weights())

    def _file(self) -> Path:
        path = self.folder / f"{self.k.__name__}.keras"
        self.model.save(path)
        return path

    def _exchange(self, given: dict[str, Any]) -> None:
        """Leaves a file for the other library."""
        if "subclass" not in repr(self.description["model"]):
            self.file = self._file()

    def _freeze(self, given: dict[str, Any]) -> None:
        fitting = [layer for layer in self.model.layers if layer.weights]
        if len(fitting) > 1:
            layer = fitting[given["layer"] % len(fitting)]
            layer.trainable = False
            self.frozen.append(layer)
            self._compile({})

    def _rate(self, given: dict[str, Any]) -> None:
        rates = repr(self.description["compile"]["optimizer"])
        if "schedule" not in rates and "Steps" not in rates:
            self.model.optimizer.learning_rate = given["value"]


def load(k: Any, path: Path, description: dict[str, Any]) -> Any:
    return k.models.load_model(path, custom_objects=custom_objects(k), safe_mode=False)


def leaves(values: Any) -> list[Any]:
    if isinstance(values, dict):
        return [leaf for name in sorted(values) for leaf in leaves(values[name])]
    return [leaf for value in values for leaf in leaves(value)] if isinstance(values, (list, tuple)) else [values]


def results_of(
    k: Any,
    description: dict[str, Any],
    model: Any,
    weights: list[np.ndarray],
    data: dict[str, Any],
    times: dict[str, float] | None = None,
) -> dict[str, np.ndarray]:
    """Everything that is compared, by name."""
    with TemporaryDirectory() as folder:
        return Routine(k, description, model, data, times).run(weights, Path(folder))
