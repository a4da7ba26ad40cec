"""Cases of `FeatureSpace`: how it is made, what it has seen, what it is asked.

`tools/record_feature_space.py` writes what Keras gives for them on TensorFlow into `feature_space.json`.
"""

import numpy as np

KINDS = {
    "plain": "float",
    "scaled": ("float_rescaled", {"scale": 2.0, "offset": -1.0}),
    "normal": "float_normalized",
    "ranges": ("float_discretized", {"num_bins": 4}),
    "number": "integer_categorical",
    "text": "string_categorical",
    "number_hash": ("integer_hashed", {"num_bins": 5}),
    "text_hash": "string_hashed",
}


def table(rows: int, seed: int) -> dict[str, np.ndarray]:
    """A table with a column of each kind."""
    draws = np.random.RandomState(seed)
    return {
        "plain": draws.normal(size=rows).astype("float32"),
        "scaled": draws.normal(size=rows).astype("float32"),
        "normal": draws.normal(3.0, 2.0, size=rows).astype("float32"),
        "ranges": draws.gamma(2.0, size=rows).astype("float32"),
        "number": draws.randint(0, 6, rows),
        "text": draws.choice(["red", "green", "Été", ""], rows),
        "number_hash": draws.randint(-50, 1000, rows),
        "text_hash": draws.choice(["x", "y z", "日本"], rows),
    }


SEEN, ASKED = table(150, 0), table(7, 1)
ASKED["number"][0], ASKED["text"][0] = 77, "unknown"

# (arguments, features, crosses: names, or (names, arguments))
CASES = {
    "all": ({}, KINDS, []),
    "crossed": (
        {"crossing_dim": 6, "hashing_dim": 3},
        KINDS,
        [["number", "text"], (["ranges", "text_hash"], {"crossing_dim": 9})],
    ),
    "dict": ({"output_mode": "dict"}, KINDS, [["text", "number_hash"]]),
    "whole numbers": (
        {"output_mode": "dict"},
        {
            "number": ("integer_categorical", {"output_mode": "int", "num_oov_indices": 3}),
            "text": ("string_categorical", {"output_mode": "int", "max_tokens": 3}),
            "number_hash": ("integer_hashed", {"num_bins": 7, "output_mode": "int"}),
            "text_hash": ("string_hashed", {"num_bins": 7, "output_mode": "int"}),
            "ranges": ("float_discretized", {"num_bins": 3, "output_mode": "int"}),
        },
        [(["number", "ranges"], {"crossing_dim": 11, "output_mode": "int"})],
    ),
    "one column": ({}, {"text": "string_categorical"}, []),
}


def make(library, name):
    """The feature space of a case."""
    arguments, features, crosses = CASES[name]
    space = library.utils.FeatureSpace
    named = {
        key: kind if isinstance(kind, str) else getattr(space, kind[0])(name=f"{key}_feature", **kind[1])
        for key, kind in features.items()
    }
    crossed = [one if isinstance(one, list) else space.cross(one[0], **one[1]) for one in crosses]
    return space(named, crosses=crossed, name="table", **arguments)


def seen(name):
    return {key: SEEN[key] for key in CASES[name][1]}


def asked(name):
    return {key: ASKED[key] for key in CASES[name][1]}
