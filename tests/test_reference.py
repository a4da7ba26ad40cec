"""The reference pages: what they hold, and that they can be written."""

import importlib
import inspect
import re
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


def test_pages_hold_what_their_namespaces_export(reference):
    found = reference.pages()
    for name, module in reference.namespaces().items():
        text = found[reference.file_of(name)]
        assert re.findall(r"(?m)^## (\S+)$", text) == reference.exports_of(module)
        # No address in memory, and each block of code comes to its end.
        assert " at 0x" not in text and text.count("```") % 2 == 0
    layers = found["layers.md"]
    dense = layers[layers.index("## Dense\n") : layers.index("## DepthwiseConv1D\n")]
    assert "    kernel_initializer='glorot_uniform',\n" in dense and "- `units`:" in dense and "```pycon\n>>> " in dense
    assert "Inherits from [Layer](kerata.md#layer)." in dense
    # What a layer does as all do stands with `Layer`, what it alone does with itself.
    assert "enable_lora" in dense and "### call" not in dense and "### get_weights {#layer-get_weights}" in found["kerata.md"]


def test_text_that_is_no_markup(reference):
    class Power:
        """a**b, for <all> `a**b`.

        Args:
            first,
            second: names, and a text
                that goes on.
            See `Dense`.
        Shapes: (n,).
        >>> 2**3
        8
        """

    assert "\n".join(reference.described(Power)).split("\n") == [
        r"a\*\*b, for \<all> `a**b`.",
        "",
        "**Args**",
        "",
        "- `first, second`: names, and a text",
        "    that goes on.",
        "- See `Dense`.",
        "",
        "**Shapes:** (n,).",
        "",
        "```pycon",
        ">>> 2**3",
        "8",
        "```",
    ]


def test_a_site_is_built_whose_links_lead_somewhere(tmp_path):
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'tools')!r}); import site_pages, reference, kerata.tree; "
        f"from pathlib import Path; text = reference.page('kerata.tree', kerata.tree, {{}}); "
        f"site_pages.build(Path({str(tmp_path)!r}) / 'site', {{'tree.md': text}})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "site" / "reference" / "tree.html").read_text()
    assert "map_structure" in text and '<script src="../assets/worker.js">' in text
    assert "old-code.html" in (tmp_path / "site" / "index.html").read_text()
