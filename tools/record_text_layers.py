"""Writes what Keras gives, on TensorFlow, for the cases of `tests/text_cases.py`: `tests/text_layers.json`.

To be run where `keras` and `tensorflow` are installed, which they need not be for the tests:

    KERAS_BACKEND=tensorflow python tools/record_text_layers.py
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np

TESTS = Path(__file__).parents[1] / "tests"
sys.path.insert(0, str(TESTS))
from text_cases import CASES  # noqa: E402


def plain(found):
    values = np.asarray(found)
    if values.dtype.kind in "OS":
        return {"dtype": "string", "values": np.vectorize(lambda v: v.decode() if isinstance(v, bytes) else v)(values).tolist()}
    return {"dtype": values.dtype.name, "values": values.tolist()}


def record(name, arguments, seen, asked):
    if isinstance(arguments.get("ngrams"), list):
        arguments = {**arguments, "ngrams": tuple(arguments["ngrams"])}
    layer = getattr(keras.layers, name)(**arguments)
    if seen is not None:
        layer.adapt(np.array(seen))
    vocabulary = [word.item() if hasattr(word, "item") else word for word in layer.get_vocabulary()]
    return {"vocabulary": vocabulary, "size": int(layer.vocabulary_size()), "output": plain(layer(np.array(asked)))}


if __name__ == "__main__":
    found = [record(*case) for case in CASES]
    (TESTS / "text_layers.json").write_text(
        json.dumps({"keras": keras.__version__, "cases": found}, ensure_ascii=False, indent=1)
    )
