"""Whatever `fit` takes, a search takes: random models score in them what a plain loop of `fit` scores.

The number in a test's name is the seed: `random_searching.check(keras, seed)` gives the description and what differs.
"""

import gc
import warnings

import keras
import pytest

import random_searching
from kerata.engine.program import forget_programs
from random_models import describe

MANY = 100
FEW = (1,)


@pytest.fixture(autouse=True)
def no_programs_left():
    """Some hundred models' programs do not fit into memory."""
    yield
    forget_programs()
    keras.utils.clear_session()
    gc.collect()


def check(seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Every third one model after another, the others side by side where that is possible.
        found = random_searching.check(keras, seed, turns=True if seed % 3 == 2 else None)
    assert not found["disagreements"], "\n".join([*found["disagreements"], describe(found["description"])])


@pytest.mark.parametrize("seed", FEW)
def test_a_random_model_scores_what_a_plain_loop_scores(seed):
    check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", sorted(set(range(MANY)) - set(FEW)))
def test_more_random_models_score_what_a_plain_loop_scores(seed):
    check(seed)
