"""Writes what Keras gives, on TensorFlow, for the cases of `tests/feature_cases.py`: `tests/feature_space.json`.

To be run where `keras` and `tensorflow` are installed, which they need not be for the tests:

    KERAS_BACKEND=tensorflow python tools/record_feature_space.py
"""

import base64
import json
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

TESTS = Path(__file__).parents[1] / "tests"
sys.path.insert(0, str(TESTS))
from feature_cases import CASES, asked, make, seen  # noqa: E402


def plain(found):
    return {"dtype": np.asarray(found).dtype.name, "values": np.asarray(found).tolist()}


def record(name, batched):
    space = make(keras, name)
    data = tf.data.Dataset.from_tensor_slices(seen(name))
    space.adapt(data.batch(64) if batched else seen(name))
    found = space({key: tf.constant(value) for key, value in asked(name).items()})
    return {key: plain(value) for key, value in found.items()} if isinstance(found, dict) else plain(found)


def saved(name):
    """A file of a feature space, as text."""
    space = make(keras, name)
    space.adapt(seen(name))
    path = Path(tempfile.mkdtemp()) / "space.keras"
    space.save(str(path))
    return base64.b64encode(path.read_bytes()).decode()


if __name__ == "__main__":
    found = {name: {"samples": record(name, False), "batches": record(name, True)} for name in CASES}
    text = json.dumps({"keras": keras.__version__, "cases": found, "file": saved("crossed")}, indent=1)
    (TESTS / "feature_space.json").write_text(text)
