"""Short programs beside `tf.keras`, with files, tables and data sets: what they give is what TensorFlow gave.

`tools/record_tensorflow_programs.py` has recorded it, with TensorFlow 2.21.
"""

import json
from pathlib import Path

import numpy as np
import pytest

import tensorflow_programs as programs
from kerata.legacy import tfkeras2 as keras
from kerata.legacy.tensorflow.names import build

EXPECTED = json.loads((Path(__file__).parent / "tensorflow_programs.json").read_text())


@pytest.fixture(scope="module")
def tf():
    return build("tfkeras2")[""]


def differences(ours, theirs, place=""):
    """Where two results differ, and how."""
    if isinstance(theirs, dict) and theirs.keys() == {"dtype", "shape", "values"}:
        if (ours["dtype"], ours["shape"]) != (theirs["dtype"], theirs["shape"]):
            return [f"{place}: {ours}, in TensorFlow {theirs}"]
        if theirs["dtype"].startswith("float"):
            fits = np.allclose(ours["values"], theirs["values"], rtol=2e-5, atol=2e-5, equal_nan=True)
        else:
            fits = ours["values"] == theirs["values"]
        return [] if fits else [f"{place}: {ours['values']}, in TensorFlow {theirs['values']}"]
    if isinstance(theirs, dict) and isinstance(ours, dict) and list(ours) == list(theirs):
        return [text for key in theirs for text in differences(ours[key], theirs[key], f"{place}[{key!r}]")]
    if isinstance(theirs, list) and isinstance(ours, list) and len(ours) == len(theirs):
        pairs = enumerate(zip(ours, theirs, strict=True))
        return [text for number, pair in pairs for text in differences(*pair, f"{place}[{number}]")]
    if isinstance(theirs, float) and isinstance(ours, float):
        return [] if np.isclose(ours, theirs, rtol=2e-5, atol=1e-6) else [f"{place}: {ours}, in TensorFlow {theirs}"]
    return [] if ours == theirs else [f"{place}: {ours}, in TensorFlow {theirs}"]


@pytest.mark.parametrize("name", programs.CASES)
def test_programs_give_what_tensorflow_gave(name, tf, tmp_path):
    ours = programs.plain(programs.CASES[name](tf, keras, str(tmp_path)))
    assert differences(ours, EXPECTED[name]) == []
