"""Types say something: `Any` is the exception, counted, and no alias hides it.

An annotation counts as bare where it is `Any`, or a union one part of which is `Any`: of an argument, `*args` and `**kwargs`
among them, of what a function returns, and of a variable. What stands inside brackets, `dict[str, Any]` and
`Callable[..., Any]`, is not counted: it says at least what holds the unknown.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2] / "src" / "kerata"
# What was reached. Where there is a type, write it and lower the number.
MOST_BARE = 160
# Of `legacy/tensorflow`, whose functions take what old programs hand over: numbers, lists, arrays, tensors.
MOST_BARE_OF_TENSORFLOW = 34
FILES = {path: ast.parse(path.read_text()) for path in sorted(ROOT.rglob("*.py"))}


def annotations(tree: ast.AST) -> Iterator[ast.expr]:
    """Every annotation of an argument, of what is returned and of a variable."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found = node.returns
        else:
            found = node.annotation if isinstance(node, (ast.arg, ast.AnnAssign)) else None
        if isinstance(found, ast.Constant) and isinstance(found.value, str):
            found = ast.parse(found.value, mode="eval").body
        if found is not None:
            yield found


def is_any(node: ast.expr) -> bool:
    return (isinstance(node, ast.Name) and node.id == "Any") or (isinstance(node, ast.Attribute) and node.attr == "Any")


def parts(annotation: ast.expr) -> Iterator[ast.expr]:
    """The members of a union, however it is written; the annotation itself where it is none."""
    if isinstance(annotation, ast.BinOp):
        yield from parts(annotation.left)
        yield from parts(annotation.right)
    elif isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value).split(".")[-1] in (
        "Union",
        "Optional",
        "Final",
        "ClassVar",
    ):
        inner = annotation.slice
        for part in inner.elts if isinstance(inner, ast.Tuple) else [inner]:
            yield from parts(part)
    else:
        yield annotation


def count(tree: ast.AST) -> int:
    """The bare `Any` of a file."""
    return sum(is_any(part) for annotation in annotations(tree) for part in parts(annotation))


def test_what_is_bare_is_told_from_what_is_inside():
    code = "def f(a: Any, b: int | Any, *c: Any, d: 'Any | None', e: dict[str, Any]) -> Optional[Any]: x: Any = 1"
    assert count(ast.parse(code)) == 6


def test_any_is_rare():
    bare = Counter({str(path.relative_to(ROOT)): count(tree) for path, tree in FILES.items()})
    apart = Counter({path: number for path, number in bare.items() if path.startswith("legacy/tensorflow/")})
    rest = bare - apart
    assert rest.total() <= MOST_BARE, f"{rest.total()} bare Any, most in {rest.most_common(10)}"
    assert apart.total() <= MOST_BARE_OF_TENSORFLOW, f"{apart.total()} bare Any in legacy/tensorflow"


def test_no_alias_hides_any():
    """`Array = Any` would be an `Any` by another name."""
    for path, tree in FILES.items():
        for node in ast.walk(tree):
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
                assert not any(is_any(part) for part in parts(node.value)), f"{path.name}:{node.lineno}"
