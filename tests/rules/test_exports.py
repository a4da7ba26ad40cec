"""What is added to a room is not forgotten: its export line, and for an operation a row of a table of the tests.

`tests/laws/` asks for the rows of what is exported; a file that nobody imports would have none, and nobody would miss it.
"""

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import kerata

ROOT = Path(kerata.__file__).parent
ROOMS = ("callbacks", "layers", "losses", "metrics", "optimizers")
MARKS = ("builtin(", "entered(")
# What is only derived from.
BASES = {"Monitor"}
WORD = r"(?<!\w){}(?!\w)"


def added(room: str) -> set[str]:
    """The public classes of a room that say that they are built in, or are callbacks."""
    found = set()
    for path in (ROOT / room).rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if not isinstance(node, ast.ClassDef) or node.name.startswith("_"):
                continue
            marks = [ast.unparse(mark) for mark in node.decorator_list]
            bases = [ast.unparse(base).split(".")[-1] for base in node.bases]
            if any(mark.startswith(MARKS) for mark in marks) or (room == "callbacks" and {"Callback", "Monitor"} & set(bases)):
                found.add(node.name)
    return found - BASES


def exported(room: str) -> set[str]:
    modules = [importlib.import_module(f"kerata.{room}")]
    modules += [modules[0].schedules] if room == "optimizers" else []
    return {each.__name__ for module in modules for each in vars(module).values() if inspect.isclass(each)}


@pytest.mark.parametrize("room", ROOMS)
def test_every_class_of_a_room_is_exported(room):
    assert len(added(room)) > 5
    assert not added(room) - exported(room), "a line is missing in the room's __init__"


def test_every_operation_has_a_row():
    rows = "\n".join(path.read_text() for path in (Path(__file__).parents[1] / "parity").glob("*.py"))
    names = [name for name, each in vars(kerata.ops).items() if not name.startswith("_") and callable(each)]
    assert len(names) > 300
    assert not [name for name in names if not re.search(WORD.format(name), rows)], "a row is missing in tests/parity"


def test_operations_are_exported():
    """Each public function that is marked as an operation, or made as one, stands in `kerata.ops`."""
    names = {name for path in (ROOT / "ops").rglob("*.py") for name in operations(ast.parse(path.read_text()))}
    assert len(names) > 250
    rooms = [kerata.ops, kerata.ops.image, kerata.ops.linalg]
    missing = [name for name in names if not name.startswith("_") and not any(hasattr(room, name) for room in rooms)]
    assert not missing, "a line is missing in ops/__init__"


def operations(tree: ast.Module) -> Iterator[str]:
    """Names of functions with the mark `op`, and of what a call makes that says the same name."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and any(ast.unparse(mark).startswith("op") for mark in node.decorator_list):
            yield node.name
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and node.value.args:
            target, first = node.targets[0], node.value.args[0]
            is_type = ast.unparse(node.value.func).endswith(("TypeVar", "ParamSpec"))
            if isinstance(target, ast.Name) and isinstance(first, ast.Constant) and first.value == target.id and not is_type:
                yield target.id
