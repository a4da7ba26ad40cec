"""What is kept by `functools` stays: nothing that a user makes may be a key there."""

import ast
from pathlib import Path

import kerata

ROOT = Path(kerata.__file__).parent
CACHES = ("functools.cache", "functools.lru_cache", "cache", "lru_cache")
# Kinds of things that hold others: models, layers, classes, functions and what they close over.
HOLD = {"Any", "Array", "Callable", "Layer", "Model", "TrainedModel", "Variable", "object", "type", "None"}
# Of functions of the kernels, and of classes and functions of Kerata's own.
KNOWN = {"fenced", "followed_once"}


def kept_functions():
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            marks = [ast.unparse(mark).partition("(")[0] for mark in getattr(node, "decorator_list", [])]
            if isinstance(node, ast.FunctionDef) and set(marks) & set(CACHES):
                yield path.relative_to(ROOT), node


def test_nothing_that_a_user_makes_is_kept_for_good():
    found = list(kept_functions())
    assert len(found) > 10
    wrong = []
    for path, node in found:
        for one in [*node.args.args, *node.args.kwonlyargs]:
            words = {"Any"} if one.annotation is None else {n.id for n in ast.walk(one.annotation) if isinstance(n, ast.Name)}
            if words & HOLD and node.name not in KNOWN:
                wrong.append(f"{path}: {node.name}({one.arg})")
    assert not wrong, "base.recent.while_there keeps what is found out about classes and functions"
