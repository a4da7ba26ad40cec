"""Writes the reference: a page of HTML for each public namespace, from its docstrings (`make docs`).

    python tools/reference.py [FOLDER]

The pages stand as Keras's: `kerata.layers`, `kerata.ops`, `kerata.ops.image`, ... Each has what its namespace exports, in the order
of the alphabet, whatever room it comes from; `index.html` lists the pages, and all are searched together.
"""

import argparse
import importlib
import inspect
import types
import warnings
from pathlib import Path

import pdoc
import pdoc.doc
import pdoc.render

import kerata

# Namespaces of Keras's layout. Those of old eras have tables of their own (docs/old-code.md).
NAMESPACES = [
    "kerata",
    *(
        f"kerata.{name}"
        for name in (
            "activations applications backend callbacks config constraints datasets diagnosis distillation dtype_policies export "
            "initializers layers losses metrics mixed_precision models ops ops.image ops.linalg ops.nn ops.numpy optimizers "
            "optimizers.schedules preprocessing preprocessing.image preprocessing.sequence quantizers random regularizers saving "
            "search tree utils visualization wrappers"
        ).split()
    ),
]


def public_names(module: types.ModuleType) -> list[str]:
    """What a namespace exports: classes, functions and values, no modules."""
    found = []
    for name in dir(module):
        value = None if name.startswith("_") else getattr(module, name)
        if value is None or isinstance(value, types.ModuleType):
            continue
        if (inspect.isclass(value) or callable(value)) and not getattr(value, "__module__", "").startswith("kerata"):
            continue
        if inspect.isclass(value) or callable(value):
            found.append(name)
    return found


def write(folder: Path) -> list[str]:
    """Writes the pages; returns the namespaces."""
    written = []
    for name in NAMESPACES:
        module = importlib.import_module(name)
        if names := public_names(module):
            # What comes from a room that is imported when it is first named is no member before.
            module.__dict__.update({one: getattr(module, one) for one in names}, __all__=names)
            written.append(name)
    # Types are shown as they are written: names that a page's module lacks cannot be looked up there.
    pdoc.doc.safe_eval_type = lambda annotation, *rest, **more: annotation
    pdoc.doc.resolve_annotations = lambda annotations, *rest, **more: annotations
    pdoc.render.configure(
        docformat="google", show_source=False, search=True, footer_text=f"Kerata {kerata.version.__version__}"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pdoc.pdoc(*written, output_directory=folder)
    return written


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("build/docs"))
    given = parser.parse_args()
    print(f"{len(write(given.folder))} pages in {given.folder}")
