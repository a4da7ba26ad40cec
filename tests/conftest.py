"""What all tests share: real Keras on JAX as the oracle, one cache of compiled programs, and the data beside the project."""

import collections
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
    tables = collections.defaultdict(list)
    for item in items:
        if "[" in item.nodeid and not item.get_closest_marker("slow"):
            tables[item.nodeid.partition("[")[0]].append(item)
    for name, rows in tables.items():
        every = next((every for pattern, every in LONG.items() if re.fullmatch(pattern, name)), 1)
        for row in left_out(rows, every):
            row.add_marker(pytest.mark.slow)


def left_out(rows, every):
    """The rows of a table that `make test` does not take; of each table it takes one at least."""
    number = {id(row): zlib.crc32(row.nodeid.encode()) for row in rows}
    taken = {key for key, value in number.items() if value % every == 0} or {min(number, key=number.get)}
    return [row for row in rows if id(row) not in taken]


# Long tables: `make test` takes one in so many of their rows, always the same ones, and `make test-all` takes all. Of a row for
# each class and each combination of arguments, few; of a row for each way in which something is done, half. Of messages, all.
LONG = {
    r"tests/parity/test_(augmentation|metrics|quantization)\.py::\w+": 16,
    r"tests/(laws/test_(functions|layers|losses|metrics|optimizers)"
    r"|parity/test_(functions|layers_\w+|losses|optimizers|saved_models)"
    r"|test_(buckets|kernels_maxima|kernels_pictures|objectives|order_of_outputs|own_steps|summary))"
    r"\.py::(?!test_message)\w+": 10,
    r"tests/(laws/test_callbacks|parity/test_adapters"
    r"|test_(backend|boxes_of_layers|kernels_\w+|layer_masks|once|own_parts_in_searches))\.py::(?!test_message)\w+": 5,
    r"tests/test_(calibrating|populations|rows)\.py::\w+": 4,
    r"tests/(parity/test_(fits|preprocessing)"
    r"|test_(data|distillation|eager_layers|examples_of_eras|export|feature_space|hostile_files"
    r"|saved_models|upgrade|validation_batches))\.py::\w+": 2,
}

DATA = ROOT.parent / "shared" / "data"


@pytest.fixture
def shared_data() -> Path:
    """The folder of real data, or a skip that says what is missing."""
    if not DATA.is_dir():
        pytest.skip(f"real data is not there: {DATA}")
    return DATA
