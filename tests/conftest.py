"""What all tests share: real Keras on JAX as the oracle, one cache of compiled programs, and the data beside the project."""

import gc
import os
import re
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ROOT / ".pytest_cache" / "programs"

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(PROGRAMS))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest  # noqa: E402


def pytest_collectstart():
    """Ten thousand tests are a million objects that stay: no garbage is looked for among them, neither now nor later."""
    gc.disable()


def pytest_collection_finish():
    gc.freeze()
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if LONG.match(item.nodeid) and zlib.crc32(item.nodeid.encode()) % EVERY:
            item.add_marker(pytest.mark.slow)


# Long tables with a row for each class and each combination of arguments: `make test` takes every third of their rows,
# always the same ones, and `make test-all` takes all.
LONG = re.compile(
    r"tests/(laws/test_(layers|losses|metrics|optimizers)"
    r"|parity/test_(adapters|augmentation|functions|layers_\w+|losses|metrics|optimizers|quantization|saved_models)"
    r"|test_buckets|test_own_parts_in_searches|test_kernels_\w+)\.py::\w+\["
)
EVERY = 3

DATA = ROOT.parent / "shared" / "data"


@pytest.fixture
def shared_data() -> Path:
    """The folder of real data, or a skip that says what is missing."""
    if not DATA.is_dir():
        pytest.skip(f"real data is not there: {DATA}")
    return DATA


@pytest.fixture(autouse=True)
def fresh_names():
    """Names of layers start anew in each test, and every test has the same random numbers."""
    import kerata

    kerata.utils.clear_session(free_memory=False)
    kerata.utils.set_random_seed(0)
    yield
