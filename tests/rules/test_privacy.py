"""What begins with an underscore belongs to the room that defines it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "src" / "kerata"
# Rooms above `training/`; `models/` is where a model's own attributes are at home.
ROOMS = ["populations", "search", "diagnosis", "datasets", "utils", "applications", "cli"]
FILES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def names_of(room: str) -> set[str]:
    """Private names that a room gives to functions, classes, variables and attributes."""
    found: set[str] = set()
    for path in (ROOT / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                found.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_self(node.value):
                found.add(node.attr)
    return {name for name in found if is_private(name)}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


# Of other packages, which say in their own documentation that it is used so.
FOREIGN = {"_trial_id"}
OWN = {room: names_of(room) for room in ROOMS}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_private_name_of_another_room_is_used(path):
    own = OWN[path.relative_to(ROOT).parts[0]]
    wrong = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kerata"):
            wrong += [(node.lineno, alias.name) for alias in node.names if is_private(alias.name)]
        elif (
            isinstance(node, ast.Attribute)
            and is_private(node.attr)
            and node.attr not in own | FOREIGN
            and not is_self(node.value)
        ):
            wrong.append((node.lineno, ast.unparse(node)))
        elif (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("getattr", "hasattr", "setattr")
        ):
            name = node.args[1].value if isinstance(node.args[1], ast.Constant) else ""
            if isinstance(name, str) and is_private(name) and name not in own:
                wrong.append((node.lineno, ast.unparse(node)))
    assert not wrong
