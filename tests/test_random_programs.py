"""Random programs of `tf.keras` give what they gave there.

`tools/record_random_programs.py` has recorded it, with TensorFlow 2.21 and `tf_keras` 2.21.
"""

import json
from pathlib import Path

import numpy as np
import pytest

import random_programs
from kerata.legacy import tfkeras2 as keras
from kerata.legacy.tensorflow.names import build

EXPECTED = json.loads((Path(__file__).parent / "random_programs.json").read_text())
# Those that `make test` runs: of each kind of data, form of model, way of training and form of `call` one or more.
QUICK = 12


@pytest.fixture(scope="module")
def tf():
    return build("tfkeras2")[""]


def check(ours, theirs, place=""):
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs), place
        for name in theirs:
            check(ours[name], theirs[name], f"{place} {name}")
    elif isinstance(theirs, list) and theirs and isinstance(theirs[0], (dict, list)):
        assert len(ours) == len(theirs), place
        for number, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            check(one, other, f"{place} {number}")
    else:
        np.testing.assert_allclose(ours, theirs, rtol=5e-4, atol=5e-5, err_msg=place)


def rows():
    for place, seed in enumerate(EXPECTED):
        yield seed if place < QUICK else pytest.param(seed, marks=pytest.mark.slow)


@pytest.mark.parametrize("seed", list(rows()))
def test_a_random_program_gives_what_tf_keras_gave(seed, tf):
    check(random_programs.program(tf, keras, int(seed)), EXPECTED[seed])
