"""Files and functions that a reader takes in at once."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "src" / "kerata"
FILES = sorted(ROOT.rglob("*.py"))
LINES_OF_FILE, LINES_OF_FUNCTION = 600, 60
# What is larger, with the lines that it may have and the reason. The list may only shrink: a row goes when what it names fits.
LARGER_FILES: dict[str, tuple[int, str]] = {}
LARGER_FUNCTIONS = {
    "search/comparison.py: compare": (81, "its arguments, a line each, are taken in and handed on"),
    "search/launch.py: run": (84, "its arguments, a line each, are taken in and handed on"),
}


def functions_of(path: Path):
    """(name, lines) of every function, without its docstring."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0]
            is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            documented = first.end_lineno - first.lineno + 1 if is_docstring and isinstance(first.value.value, str) else 0
            yield node.name, node.end_lineno - node.lineno + 1 - documented


def sizes_of(path: Path):
    """What of a file is too large, by its name."""
    name = str(path.relative_to(ROOT))
    lines = len(path.read_text().splitlines())
    files = {name: lines} if lines > LINES_OF_FILE else {}
    functions = {f"{name}: {f}": n for f, n in functions_of(path) if n > LINES_OF_FUNCTION}
    return files, functions


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_file_and_no_function_is_too_large(path):
    for found, larger in zip(sizes_of(path), (LARGER_FILES, LARGER_FUNCTIONS), strict=True):
        for name, lines in found.items():
            assert lines <= larger.get(name, (0,))[0], f"{name} has {lines} lines"


def test_the_list_of_what_is_larger_holds_nothing_else():
    found = [sizes_of(path) for path in FILES]
    for place, larger in enumerate((LARGER_FILES, LARGER_FUNCTIONS)):
        fits = set(larger) - {name for sizes in found for name in sizes[place]}
        assert not fits, "these fit by now: take them out of the list"
        assert all(reason for _, reason in larger.values())
