"""What the tests need and is not there is a failure; what may be missing is skipped with a reason."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "tests").rglob("*.py"))
# Distributions whose package has another name.
PACKAGES = {"pillow": "PIL", "scikit-learn": "sklearn", "psycopg[binary]": "psycopg"}


def needed() -> set[str]:
    """The packages of `.[dev]` and of Kerata itself."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[<>=]", line)[0] for line in [*project["dependencies"], *project["optional-dependencies"]["dev"]]}
    return {PACKAGES.get(name, name) for name in names}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT / "tests")))
def test_only_what_is_optional_is_skipped(path):
    for node in ast.walk(ast.parse(path.read_text())):
        name = node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""
        reasons = {keyword.arg for keyword in node.keywords} if name else set()
        if name == "importorskip":
            package = node.args[0].value if isinstance(node.args[0], ast.Constant) else ""
            assert package.partition(".")[0] not in {"", *needed()}, f"line {node.lineno}: import it"
        if name in ("importorskip", "skipif") or (name == "skip" and ast.unparse(node.func) == "pytest.skip"):
            assert "reason" in reasons or (name == "skip" and node.args), f"line {node.lineno} gives no reason"
