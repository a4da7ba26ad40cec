"""The reference pages: what they hold, and that they can be written."""

import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import keras
import pytest

ROOT = Path(__file__).resolve().parents[1]
# Public names whose docstring has no example that runs. The number may only sink.
WITHOUT_EXAMPLE = 673


@pytest.fixture(scope="module")
def reference():
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        yield importlib.import_module("reference")
    finally:
        sys.path.remove(str(ROOT / "tools"))


def test_every_public_name_of_keras_that_there_is_stands_on_a_page(reference):
    missing = []
    for name, module in reference.namespaces().items():
        theirs = importlib.import_module(name.replace("kerata", "keras", 1)) if is_keras(name) else None
        exported = set(reference.exports_of(module))
        for public in dir(theirs) if theirs is not None else []:
            value = getattr(module, public, None)
            if not public.startswith("_") and (inspect.isclass(value) or inspect.isroutine(value)) and public not in exported:
                missing.append(f"{name}.{public}")
    assert not missing


def is_keras(name):
    path = Path(keras.__file__).parent.joinpath(*name.split(".")[1:])
    return (path / "__init__.py").is_file()


def test_every_public_name_has_a_docstring_and_most_an_example(reference):
    bare, without = [], set()
    for name, module in reference.namespaces().items():
        for public in reference.exports_of(module):
            value = getattr(module, public)
            if not (value.__doc__ or "").strip():
                bare.append(f"{name}.{public}")
            elif ">>>" not in value.__doc__:
                # A name on several pages is one.
                without.add(f"{value.__module__}.{value.__qualname__}")
    assert not bare
    assert len(without) <= WITHOUT_EXAMPLE, sorted(without)


def test_a_page_is_written(tmp_path):
    pytest.importorskip("pdoc", reason="the pages are written by pdoc, the extra `docs`")
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'tools')!r}); import reference, kerata.tree; "
        f"from pathlib import Path; reference.write(Path({str(tmp_path)!r}), {{'kerata.tree': kerata.tree}})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "kerata" / "tree.html").read_text()
    assert "map_structure" in text and (tmp_path / "index.html").is_file()
