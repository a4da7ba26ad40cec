"""Runs Keras 2.3.1's own tests against Kerata: `python tools/own_tests_of_keras.py KERAS [arguments of pytest]`.

KERAS is the folder of its unpacked source archive. The tests need `pytest`, `six`, `flaky` and `requests`, and no Keras or
TensorFlow: `import keras` gives Kerata's names of that time. Two files of the archive are part of the tests and are read from
there: the array functions that K is held against, and `layer_test`. The share of what passes is printed, with the failures by
cause. Tests of the inside of Keras are left out, each with the name that it asks for.
"""

import argparse
import importlib
import importlib.util
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from counting import Report, stand_in

import kerata

PARTS = {"keras.utils.test_utils": "keras/utils/test_utils.py", "keras.backend.numpy_backend": "keras/backend/numpy_backend.py"}

# Functions of Keras's inside that tests import: module -> names. A test that calls one does not count.
PRIVATE = {
    "keras.preprocessing.sequence": ["_remove_long_seq"],
    "keras.utils.data_utils": ["_hash_file"],
    "keras.utils.generic_utils": ["func_dump", "func_load"],
    "keras.engine.training_utils": [
        "check_array_length_consistency",
        "check_loss_and_target_compatibility",
        "standardize_weights",
        "weighted_masked_objective",
    ],
    "keras.engine.saving": ["preprocess_weights_for_loading"],
}

# What tests ask of the machine: module -> function -> what it says.
SAID: dict[str, dict[str, object]] = {
    "keras.backend.tensorflow_backend": {"_is_tf_1": False, "_get_available_gpus": []},
    "keras.utils.multi_gpu_utils": {"_get_available_devices": []},
}

# What is no public API, with the reason: a pattern of the test's id -> why it does not count.
OUT: dict[str, str] = {
    r"^docs/": "tests of the documentation's text",
    r"^test_api\.py": "compares with a file that is not in the archive",
    r"backend_test.*::test_(print_tensor|gradient|function|resize_images_bilinear\[.*)$": "needs Theano or CNTK",
    r"datasets_test\.py|test_datasets\.py": "downloads, or puts a file in place of a download within a module",
    r"::test_ask_to_proceed_with_overwrite$": "puts a function in place of `six.moves.input`",
    r"::test_trainable_weights_count_consistency$": "pytest no longer takes `warns(None)`",
    r"text_test.*::test_tokenizer$": "NumPy no longer makes an array of rows of different lengths",
    r"::test_model_saving_to_pre_created_h5py_file$": "opens an empty file for reading, which HDF5 refuses",
}


class GoogleFolder:
    """A folder in place of Google's storage, for the tests that write there too."""

    def __init__(self, file_io_module: str | None = None, bucket_name: str | None = None):
        self.folder = tempfile.TemporaryDirectory()

    def get_filepath(self, filename: str) -> str:
        return str(Path(self.folder.name) / filename)

    def assert_exists(self, filepath: str) -> None:
        assert Path(filepath).exists()

    def delete_file(self, filepath: str) -> None:
        Path(filepath).unlink()

    def __enter__(self) -> "GoogleFolder":
        return self

    def __exit__(self, *exc: object) -> None:
        self.folder.cleanup()


def old_numpy() -> None:
    """Gives NumPy what tests take of it, and it has no longer: two names, and the order in which equal numbers were sorted."""
    np.int, np.alltrue = int, np.all  # type: ignore[attr-defined]
    sort = np.argsort
    np.argsort = lambda a, axis=-1, kind="stable", **rest: sort(a, axis=axis, kind=kind, **rest)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("keras", type=Path, help="the folder of the unpacked source archive of Keras 2.3.1")
    parser.add_argument("--all", action="store_true", help="count what is left out, too")
    given, rest = parser.parse_known_args()
    root = given.keras.resolve()
    if not (root / "tests" / "keras").is_dir():
        parser.error(f"{root} has no tests/keras: unpack the source archive of Keras 2.3.1")
    if given.all:
        OUT.clear()
    kerata.install_as_keras("keras2")
    old_numpy()
    for name, path in PARTS.items():
        spec = importlib.util.spec_from_file_location(name, root / path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        parent, _, child = name.rpartition(".")
        setattr(importlib.import_module(parent), child, module)
    sys.modules["keras.utils.test_utils"].tf_file_io_proxy = GoogleFolder  # type: ignore[attr-defined]
    for name, members in PRIVATE.items():
        module = importlib.import_module(name)
        for member in members:
            if not hasattr(module, member):
                setattr(module, member, stand_in(name, member))
    for name, said in SAID.items():
        for member, value in said.items():
            setattr(importlib.import_module(name), member, lambda value=value: value)
    tests = root / "tests"
    files = [one for one in rest if not one.startswith("-") and (tests / one.partition("::")[0]).exists()]
    options = [one for one in rest if one not in files]
    report = Report(OUT)
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        wanted = [str(tests / one) for one in files] or [str(tests)]
        options = [
            "-q",
            "--continue-on-collection-errors",
            "-p",
            "no:cacheprovider",
            "-c",
            os.devnull,
            f"--rootdir={tests}",
            "-p",
            "no:warnings",
            *options,
        ]
        code = pytest.main([*options, *wanted], plugins=[report])
        os.chdir("/")
    report.show()
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
