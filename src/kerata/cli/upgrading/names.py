"""What the names of an old program stand for: things of Keras by kind and name, and modules of Keras."""

import ast
from typing import NamedTuple

from kerata.legacy.installing import path_of
from kerata.legacy.namespaces import paths

# Names of namespaces of the eras -> the kind of their rows, and the module of today.
KINDS = {"old layers": "layers", "optimizers of then": "optimizers", "engine": "layers", "models": "models"}


class Thing(NamedTuple):
    """Something of Keras that a program names.

    Args:
        kind: `"layers"`, `"optimizers"`, ...; `""` for a module.
        name: its name then; of a module, its path.
    """

    kind: str
    name: str


class Names:
    """The names of a program.

    Args:
        tree: its syntax tree.
        era: for which Keras it was written.
    """

    def __init__(self, tree: ast.AST, era: str):
        self.era, self.paths = era, {"keras": "root", **paths(era)}
        self.known: dict[str, Thing] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                self._take(node)
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    path = "" if alias.name == "tensorflow" else path_of(alias.name)
                    if path is not None and (alias.asname or "." not in alias.name):
                        self.known[alias.asname or alias.name] = Thing("", path)
                    elif path is not None:
                        self.known[alias.name.partition(".")[0]] = Thing("", path_of(alias.name.partition(".")[0]) or "")

    def _take(self, node: ast.ImportFrom) -> None:
        if node.module == "tensorflow":
            path: str | None = ""
        else:
            path = path_of(node.module or "")
        if path is None:
            return
        for alias in node.names:
            if found := self.within(path, alias.name):
                self.known[alias.asname or alias.name] = found

    def within(self, path: str, name: str) -> Thing | None:
        """What a module of Keras has under a name; `path` is "" for `tensorflow`."""
        below = f"{path}.{name}" if path else name
        if name == "merge" and self.era == "keras1":
            return Thing("layers", name)
        if below in self.paths:
            return Thing("", below)
        space = self.paths.get(path)
        if space is None:
            return None
        if name in ("Model", "Sequential", "load_model", "model_from_json", "model_from_yaml", "save_model", "clone_model"):
            return Thing("models", name)
        return Thing(KINDS.get(space, space) if space not in ("root", "models") else "layers", name)

    def of(self, node: ast.AST) -> Thing | None:
        """What an expression names: `Dense`, `layers.Dense`, `keras.layers.core.Dense`."""
        if isinstance(node, ast.Name):
            return self.known.get(node.id)
        if isinstance(node, ast.Attribute):
            before = self.of(node.value)
            return self.within(before.name, node.attr) if before is not None and before.kind == "" else None
        return None
