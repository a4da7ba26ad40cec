"""`from keras.layers import *`: the names that a program takes of it."""

import ast

from kerata.legacy.installing import path_of
from kerata.legacy.namespaces import namespaces, paths


def name_stars(tree: ast.Module, era: str) -> None:
    """Puts the names that a program uses in the place of each `*` of a module of Keras.

    A `*` of which nothing is used stays: another file may take the names from this one.

    Args:
        tree: the program, which is changed.
        era: for which Keras it was written.
    """
    there, spaces = {"keras": "root", **paths(era)}, namespaces(era)
    stars = [
        (node, spaces[space][0])
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and not node.level and node.names[0].name == "*"
        if (space := there.get(path_of(node.module) or "")) in spaces
    ]
    open_names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - bound(tree)
    # Of two modules that have a name, Python took that of the later one.
    for node, has in sorted(stars, key=lambda star: -star[0].lineno):
        if taken := sorted(open_names.intersection(has)):
            place = {"lineno": node.lineno, "col_offset": node.col_offset}
            node.names = [ast.alias(name=name, asname=None, **place) for name in taken]
            open_names.difference_update(taken)


def bound(tree: ast.Module) -> set[str]:
    """What a program defines or imports by its name, at the outermost level."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names.update(alias.asname or alias.name.partition(".")[0] for alias in node.names)
    return names
