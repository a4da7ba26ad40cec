"""Runs Keras 3.15.1's own tests against Kerata: `python tools/own_tests_of_keras3.py [PARTS ...] [--keras FOLDER]`.

FOLDER holds `keras/src`: the unpacked source archive, or by default where the installed package stands, which holds the same
tests. PARTS are folders or files below `keras/src`; without any, all folders of the public API. What `keras.src` holds is
Kerata's class or function of the same public name (`tools/shim_of_keras3.py`); tests that ask for the inside of Keras, or for
TensorFlow or PyTorch, do not count, and stand in the list with the name that they ask for. Errors must be of the class that a
test asks for; how many have other words is said beside it.
"""

import argparse
import importlib.abc
import importlib.machinery
import importlib.util
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import types
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from counting import Report, inside, take_any_words

# Folders and files below `keras/src`, each run in a process of its own, the longest first. A folder is run without those of its
# files that stand here by themselves.
FOLDERS = [
    "ops/numpy_test.py",
    "ops",
    "layers/preprocessing",
    "layers/rnn",
    "layers/convolutional",
    "layers/core",
    "layers/reshaping",
    "layers/pooling",
    "layers/normalization",
    "layers/attention",
    "layers/activations",
    "layers/regularization",
    "layers/merging",
    "layers/layer_test.py",
    "optimizers",
    "models",
    "trainers",
    "callbacks",
    "saving",
    "quantizers",
    "export",
    "losses",
    "metrics",
    "utils",
    "applications",
    "wrappers",
    "distillation",
    "random",
    "initializers",
    "regularizers",
    "constraints",
    "activations",
    "dtype_policies",
    "tree",
    "datasets",
    "backend/common",
    "legacy",
    "backend/tests",
    "testing",
]

# What is no public API, with the reason: a pattern of the test's id -> why it does not count.
OUT: dict[str, str] = {
    r"::test_distributed_|distribution_lib|DistributedSeed|InitializersLayoutTest|TestMultiWorkerValidation": (
        "distribution over several devices is not there yet"
    ),
    r"^keras/src/datasets/": "downloads",
    # Tests that patch a function of the inside, and ask how often it was called.
    r"::test_(functional_model_with_remat|layer_with_remat|quantized_layer_with_remat|remat_larger_than_mode|"
    r"remat_wrapper_list_of_layers)$": "counts the calls of keras.src.backend.common.remat.remat, which is private",
    r"::test_not_implemented_error_(int8|float8)_call$": "calls the method `_int8_call` or `_float8_call`, which is private",
    r"::test_quantize_invalid_mode_": "sets `_dtype_policy._quantization_mode`, which is private",
    r"::test_load_model_rejects_extraction_bomb$": "sets `_ZIP_EXTRACT_BOMB_FLOOR_BYTES`, which is private",
    r"::SaveModelTests::test_save_h5_format$": "reads the log of absl, which Keras warns through",
    r"::RandomFlipTest::test_random_flip_(horizontal|vertical)$": "calls `self.backend` of a layer, which is private",
    r"::test_causal_only_skipped_for_subclass$": "overrides `_compute_attention`, which is private",
    r"::test_functional_list_outputs_with_custom_compute_loss$": "asks for the class Functional, which is private",
    # Keras finds them because the tests stand in its own package; a program's classes must be registered there too.
    r"::(RNNTest::test_(basics|serialization)|WrapperTest::test_wrapper_basics)$": "a class of the test that is not registered",
    # The inside, asked for in a way that the tests themselves do not show: in a thread, or left behind in the middle.
    r"NameScopeTest::test_(exit_|multithreaded)": "asks for the stack of names, which is private",
    r"KerasTensorTest::test_\w+_method$": "puts a mock in the place of an operation's class, which is private",
    r"QrOpTest::test_qr_init_invalid_mode": "asks an operation's class, which is private, for checks of its own",
    r"variables_test\.py::\w+::test_deferred_": "asks for variables without a value, which are private",
    r"RematTest::test_remat_(basic_call|with_kwargs)$": "asks for backend.core.remat, which is private",
    r"TestDistiller::test_distiller_initialization$": "asks for _compile_config, which is private",
}


def stand_ins() -> None:
    """What tests import beside Keras, and is not there or is not meant."""
    conftest = types.ModuleType("conftest")
    conftest.skip_if_backend = lambda name, reason: pytest.mark.skipif(name == "jax", reason=reason)  # type: ignore[attr-defined]
    sys.modules["conftest"] = conftest
    sys.meta_path.insert(0, AbsentFinder())


class AbsentFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Packages that are not there, or are not meant."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        absent = fullname.partition(".")[0] in ("tensorflow", "torch", "grain", "flax")
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True) if absent else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return Absent(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing: whatever is asked of it is not there."""


class Absent(types.ModuleType):
    """A package that is not there: a test that uses it says so."""

    __path__: list[str] = []

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return inside(f"{self.__name__}.{name}")


def run(root: Path, part: str, options: list[str], every: int) -> Report:
    """The tests of one folder or file."""
    from shim_of_keras3 import install

    install(root)
    stand_ins()
    report = Report(OUT, every)
    take_any_words(report)
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        pytest.main(
            [
                "-q",
                "--no-header",
                "--tb=long",
                "--continue-on-collection-errors",
                "--import-mode=prepend",
                "-p",
                "no:cacheprovider",
                "-p",
                "no:warnings",
                "-c",
                os.devnull,
                f"--rootdir={root}",
                "-o",
                "python_files=*_test.py",
                "-o",
                "markers=requires_trainable_backend",
                *options,
                *(f"--ignore={root / 'keras' / 'src' / one}" for one in FOLDERS if one.startswith(f"{part}/")),
                str(root / "keras" / "src" / part),
            ],
            plugins=[report],
        )
        os.chdir("/")
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("parts", nargs="*", help="folders or files below keras/src", default=FOLDERS)
    parser.add_argument("--keras", type=Path, help="the folder that holds keras/src")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    parser.add_argument("--every", type=int, default=1, help="of the tests of each part take one in so many")
    parser.add_argument("--texts", type=Path, help="a file for the tracebacks of what fails")
    given, options = parser.parse_known_args()
    found = given.keras
    if found is None:
        spec = importlib.util.find_spec("keras")
        assert spec is not None and spec.origin is not None
        found = Path(spec.origin).parent.parent
    root = found.resolve()
    if not (root / "keras" / "src").is_dir():
        parser.error(f"{root} has no keras/src: unpack the source archive of Keras 3.15.1")
    report = Report(OUT)
    parts = given.parts or FOLDERS
    with (
        tempfile.TemporaryDirectory() as copy,
        ProcessPoolExecutor(given.jobs, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool,
    ):
        shutil.copytree(root / "keras" / "src", Path(copy, "keras", "src"), ignore=shutil.ignore_patterns("__pycache__"))
        Path(copy, "keras", "__init__.py").touch()
        for one in pool.map(run, [Path(copy)] * len(parts), parts, [options] * len(parts), [given.every] * len(parts)):
            report.add(one)
            if given.texts is not None:
                given.texts.write_text(json.dumps(report.texts, indent=1))
    report.show()


if __name__ == "__main__":
    main()
