"""What the tables and drawings of random models can name: no model is built."""

import inspect
from typing import Any

import random_layers as layers
import random_training as training
from random_models import HOMES, Draw

TIMES = 4000
SHAPES = ((4,), (3, 4), (4, 4, 2), (4, 4, 4, 2), (None, 4))
# What Builder draws itself.
MERGES = (
    "Add",
    "Multiply",
    "Average",
    "Maximum",
    "Minimum",
    "Subtract",
    "Concatenate",
    "Dot",
    "Embedding",
    "ReversibleEmbedding",
    "Masking",
    "CategoryEncoding",
)


def drawn() -> dict[str, set[str]]:
    """{room: names of its classes and functions that a seed may draw}."""
    found: dict[str, set[str]] = {HOMES[tag]: set() for tag in HOMES}
    found["layers"].update(MERGES)
    d = Draw(0)
    kinds = [{"kind": kind, "units": 3, "steps": False} for kind in training.LOSSES]
    for number in range(TIMES):
        shape = SHAPES[number % len(SHAPES)]
        _names(layers.layer_for(d, shape), found)
        _names(layers.operation_for(d, shape), found)
        _names([layers.merging_pair(d), layers.attention(d), layers.constraint(d), layers.regularizer(d)], found)
        _names([training.draw_optimizer(d), training.draw_callbacks(d, True), d.choice(layers.INITIALIZERS)], found)
        _names(training.draw_compile(d, [d.choice(kinds)], None), found)
    return found


def _names(value: Any, found: dict[str, set[str]]) -> None:
    """Adds what a part of a description names."""
    if isinstance(value, tuple) and value and value[0] == "adapted":
        found["layers"].add("Normalization")
    elif isinstance(value, tuple) and len(value) == 3 and value[0] in HOMES:
        found[HOMES[value[0]]].add(value[1])
    elif isinstance(value, tuple) and len(value) == 3 and value[:2] == ("operation", "merge"):
        found["layers"].add(value[2]["name"])
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ():
        _names(inner, found)


def classes_of(room: Any, other: Any) -> set[str]:
    """The classes that a library exports in a room, one name each, where another has them too."""
    found: dict[int, str] = {}
    for name, value in vars(room).items():
        if inspect.isclass(value) and not name.startswith("_") and value.__name__ == name and hasattr(other, name):
            found[id(value)] = name
    return set(found.values())
