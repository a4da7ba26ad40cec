"""What tests and the examples of docstrings share."""

import gc

import pytest


@pytest.fixture(scope="module", autouse=True)
def what_stays():
    """What the tests of a file have left in memory stays: no search for garbage goes through it again."""
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def fresh_names():
    """Names of layers start anew in each test, and every test has the same random numbers."""
    import kerata
    from kerata.kernels.lowerings import forget_lowerings

    kerata.utils.clear_session(free_memory=False)
    kerata.utils.set_random_seed(0)
    yield
    forget_lowerings()
