"""Imports point down: to a room of strictly lower rank, or stay inside their folder."""

import ast
import functools
import graphlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "src" / "kerata"
RANKS = {
    "base": 0,
    "version": 0,
    "kernels": 1,
    "engine": 2,
    "dialects": 1,
    "ops": 3,
    "tree": 3,
    "distribution": 3,
    "activations": 4,
    "initializers": 4,
    "regularizers": 4,
    "constraints": 4,
    "data": 4,
    "random": 4,
    "quantizers": 4,
    "optimizers": 5,
    "losses": 6,
    "layers": 6,
    "metrics": 7,
    "saving": 7,
    "callbacks": 7,
    "training": 8,
    "models": 9,
    "datasets": 10,
    "applications": 10,
    "diagnosis": 10,
    "distillation": 10,
    "export": 10,
    "utils": 10,
    "visualization": 10,
    "wrappers": 10,
    "config": 10,
    "dtype_policies": 10,
    "mixed_precision": 11,
    "preprocessing": 11,
    "populations": 11,
    "search": 12,
    "backend": 13,
    "legacy": 14,
    "cli": 15,
    "__init__": 16,
    "__main__": 16,
}
# Within a room: the files that stand in it have rank 0, a folder the rank that is said here, below 0 where they import it.
FOLDER_RANKS = {
    "engine/rows": 1,
    "diagnosis/judgement": 1,
    "layers/augmentation": 1,
    "layers/preprocessing": 1,
    "saving/legacy": -1,
    "cli/upgrading": -1,
    "legacy/tensorflow": -1,
}
HEAVY = {
    "pandas",
    "matplotlib",
    "optuna",
    "PIL",
    "cv2",
    "simplejpeg",
    "h5py",
    "torch",
    "tensorflow",
    "sklearn",
    "rich",
    "IPython",
    "scipy",
    "onnx",
    "flatbuffers",
    "flax",
    "optax",
    "sqlalchemy",
    "yaml",
    "orbax",
}
FILES = sorted(ROOT.rglob("*.py"))


def room_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[0]


def imports_of(tree: ast.AST):
    """(room, module, line) of every import of our own."""
    for node in ast.walk(tree):
        modules = []
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            modules = [f"{node.module}.{a.name}" for a in node.names] if node.module == "kerata" else [node.module]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        for module in modules:
            if module.startswith("kerata."):
                yield module.split(".")[1], module, node.lineno


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_down(path):
    room = room_of(path)
    if room == "__init__":
        return
    for target, module, line in imports_of(ast.parse(path.read_text())):
        assert target == room or RANKS[target] < RANKS[room], f"{path.name}:{line} ({room}) imports {module}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_only_heavy_packages_are_imported_inside_functions(path):
    for function in ast.walk(ast.parse(path.read_text())):
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for node in ast.walk(function):
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    name = node.names[0].name if isinstance(node, ast.Import) else node.module or ""
                    assert name.split(".")[0] in HEAVY, f"{path.name}:{node.lineno} imports {name} inside a function"


def modules_imported(path: Path, known: set[str]) -> set[str]:
    """Modules of our own that a file imports, without the `__init__` files that pass on what stands below them."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & known


MODULES = {
    ".".join(("kerata", *path.relative_to(ROOT).with_suffix("").parts)): path for path in FILES if path.stem != "__init__"
}


@functools.cache
def graph():
    return {name: modules_imported(path, set(MODULES)) for name, path in MODULES.items()}


def test_no_file_imports_itself_by_way_of_others():
    graphlib.TopologicalSorter(graph()).prepare()


def folder_of(path: Path) -> str:
    """The folder within a room that a file stands in, such as `engine/rows`; the room itself for a file that stands in it."""
    return "/".join(
        path.relative_to(ROOT).parts[:2] if len(path.relative_to(ROOT).parts) > 2 else path.relative_to(ROOT).parts[:1]
    )


def test_every_folder_within_a_room_has_a_rank():
    found = {folder_of(path) for path in FILES if "/" in folder_of(path)}
    assert found == set(FOLDER_RANKS)
    deep = [path for path in FILES if len(path.relative_to(ROOT).parts) > 3]
    assert not deep, "a folder of a folder has no rank"


@pytest.mark.parametrize("name", MODULES)
def test_imports_between_folders_of_a_room_point_down(name):
    room, folder = room_of(MODULES[name]), folder_of(MODULES[name])
    for target in graph()[name]:
        other = folder_of(MODULES[target])
        if room_of(MODULES[target]) == room and other != folder:
            lower = FOLDER_RANKS.get(other, 0) < FOLDER_RANKS.get(folder, 0)
            assert lower, f"{name} ({folder}) imports {target} ({other})"
