"""Data for random models: inputs, targets and weights of a description, from its seed."""

from collections.abc import Iterator
from typing import Any

import numpy as np


def make_data(description: dict[str, Any], output_shapes: list[tuple]) -> dict[str, dict[str, Any]]:
    """{name of a set: {"x", "y", "weights"}}, in the form in which the model takes them."""
    rng = np.random.default_rng(description["seed"])
    return {name: _make_set(rng, description, output_shapes, n) for name, n in description["sets"].items()}


def _make_set(rng: np.random.Generator, description: dict[str, Any], shapes: list[tuple], n: int) -> dict[str, Any]:
    model, names = description["model"], description["model"].get("output names")
    inputs = [_input_values(rng, given, n) for given in model["inputs"]]
    targets = [_target_values(rng, kind, (n, *shape[1:])) for kind, shape in zip(description["kinds"], shapes, strict=True)]
    weights = None
    if description["weights"]:
        steps = description["weights"] == "steps"
        weights = [(0.1 + rng.random((n, *shape[1:2]) if steps else n)).astype("float32") for shape in shapes]
    by_name = description["by name"]
    return {
        "x": _formed(inputs, [given.get("name") for given in model["inputs"]] if description["x by name"] else None),
        "y": _formed(targets, names if by_name else None),
        "weights": None if weights is None else _formed(weights, names if by_name else None),
    }


def _formed(values: list[Any], names: Any) -> Any:
    if names:
        return dict(zip(names, values, strict=True))
    return values if len(values) > 1 else values[0]


def first_rows(data: Any, n: int, start: int = 0) -> Any:
    if isinstance(data, dict):
        return {name: first_rows(value, n, start) for name, value in data.items()}
    if isinstance(data, list):
        return [first_rows(value, n, start) for value in data]
    return None if data is None else data[start : start + n]


def batches(k: Any, form: str, given: dict[str, Any], size: int, weighted: bool, rows: int) -> Any:
    """Data as a source of batches: a `PyDataset`, or a generator that never ends."""
    parts = [given["x"], given["y"], given["weights"]] if weighted else [given["x"], given["y"]]
    count = -(-rows // size)

    def batch(index: int) -> tuple:
        return tuple(first_rows(part, size, index * size) for part in parts)

    if form == "generator":

        def endless() -> Iterator[tuple]:
            while True:
                yield from (batch(index) for index in range(count))

        return endless()

    class Batches(k.utils.PyDataset):
        def __len__(self):
            return count

        def __getitem__(self, index):
            return batch(index)

    return Batches()


def _input_values(rng: np.random.Generator, given: dict[str, Any], n: int) -> np.ndarray:
    shape = (n, *given["shape"])
    if given["kind"] == "label":
        return rng.integers(0, given["words"], shape).astype(given["dtype"])
    if given["kind"] in ("words", "pages"):
        words = rng.integers(1, given["words"], shape)
        lengths = rng.integers(1, shape[-1] + 1, shape[:-1])
        return np.where(np.arange(shape[-1]) < lengths[..., None], words, 0).astype(given["dtype"])
    values = rng.standard_normal(shape).astype("float32")
    if given.get("empty"):
        lengths = rng.integers(1, shape[1] + 1, n)
        values *= (np.arange(shape[1]) < lengths[:, None])[..., None]
    return values


def _target_values(rng: np.random.Generator, kind: dict[str, Any], shape: tuple) -> np.ndarray:
    name = kind["kind"]
    if name == "number":
        return rng.standard_normal(shape).astype("float32")
    if name == "positive":
        return (rng.random(shape) * 3 + 0.1).astype("float32")
    if name in ("yes", "yes logit"):
        return rng.integers(0, 2, shape).astype(rng.choice(["float32", "int32"]))
    if name == "sign":
        return (2 * rng.integers(0, 2, shape) - 1).astype("float32")
    if name == "letters":
        return rng.integers(1, shape[-1], (shape[0], max(1, shape[1] // 2))).astype("int32")
    if name == "place":
        return rng.integers(0, 2, shape[0]).astype("int32")
    labels = rng.integers(0, shape[-1], shape[:-1])
    return np.eye(shape[-1], dtype="float32")[labels] if name == "class" else labels.astype("int32")
