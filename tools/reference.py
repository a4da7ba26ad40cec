"""Writes the reference: a page of HTML for each public namespace, from its docstrings (`make docs`).

    python tools/reference.py [FOLDER]

The pages stand as Keras's: `kerata.layers`, `kerata.ops`, `kerata.ops.image`, ... Each has what its namespace exports, in the
order of the alphabet, whatever room it comes from; `index.html` lists the pages, and all are searched together.
"""

import argparse
import ast
import importlib
import inspect
import types
import warnings
from pathlib import Path

# Namespaces of Keras's layout, and Kerata's own. Those of old eras have tables of their own (docs/old-code.md).
NAMESPACES = [
    "",
    "activations",
    "applications",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "diagnosis",
    "distillation",
    "dtype_policies",
    "export",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "ops",
    "ops.image",
    "ops.linalg",
    "ops.nn",
    "ops.numpy",
    "optimizers",
    "optimizers.schedules",
    "preprocessing.image",
    "preprocessing.sequence",
    "quantizers",
    "random",
    "regularizers",
    "saving",
    "search",
    "tree",
    "utils",
    "visualization",
    "wrappers",
]


def exports_of(module: types.ModuleType) -> list[str]:
    """What a namespace exports: the functions and classes that its file defines, or imports under a name that it says."""
    found: set[str] = set()
    assert module.__file__ is not None
    for node in ast.parse(Path(module.__file__).read_text()).body:
        if isinstance(node, ast.ImportFrom):
            found |= {one.asname for one in node.names if one.asname is not None}
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            # Other names of functions and classes.
            found |= {one.id for target in node.targets for one in ast.walk(target) if isinstance(one, ast.Name)}
    public = [name for name in sorted(found) if not name.startswith("_")]
    return [name for name in public if inspect.isclass(value := getattr(module, name)) or inspect.isroutine(value)]


def namespaces() -> dict[str, types.ModuleType]:
    """The modules that have a page, by their names."""
    names = [f"kerata.{name}".rstrip(".") for name in NAMESPACES]
    return {name: importlib.import_module(name) for name in names}


def write(folder: Path, modules: dict[str, types.ModuleType]) -> None:
    """Writes the pages of some namespaces; a warning is an error."""
    pdoc = importlib.import_module("pdoc")
    for module in modules.values():
        names = exports_of(module)
        # What comes from a room that is imported when it is first named is no member before.
        module.__dict__.update({name: getattr(module, name) for name in names}, __all__=names)
    # Types are shown as they are written: names that a page's module lacks cannot be looked up there.
    doc = importlib.import_module("pdoc.doc")
    doc.safe_eval_type = lambda annotation, *rest, **more: annotation
    doc.resolve_annotations = lambda annotations, *rest, **more: annotations
    importlib.import_module("pdoc.render").configure(docformat="google", show_source=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pdoc.pdoc(*modules, output_directory=folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("build/docs"))
    given = parser.parse_args()
    modules = namespaces()
    write(given.folder, modules)
    print(f"{len(modules)} pages in {given.folder}")


if __name__ == "__main__":
    main()
