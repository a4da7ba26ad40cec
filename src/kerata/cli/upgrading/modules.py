"""Where things of an era stand today, and the imports that say so."""

import ast
import importlib
from typing import Any

from kerata.cli.upgrading.edits import Source
from kerata.cli.upgrading.names import Names, Thing
from kerata.dialects import find_row
from kerata.legacy.installing import path_of
from kerata.legacy.namespaces import namespaces
from kerata.legacy.optimizers import BEFORE_2_11

# Namespaces of the eras -> modules of Kerata, where they have another name.
MODULES = {
    "old layers": "layers",
    "optimizers of then": "optimizers",
    "engine": "layers",
    "text": "legacy.text",
    "sequence": "legacy.sequence",
    "image": "legacy.image",
    "scikit_learn": "legacy.scikit_learn",
    "schedules": "optimizers.schedules",
    "experimental": "optimizers.schedules",
    "mixed precision": "mixed_precision",
    "imagenet": "applications.imagenet_utils",
}
# How names of namespaces begin -> what stands in its place; and those that have no module today.
PARTS = {"dataset ": "datasets.", "networks ": "applications."}
GONE = ("nothing", "interfaces")
# Functions whose names today are those of then, whatever class stands behind them.
KEPT = ("l1", "l2", "l1_l2")
WIDEST = 100


class Modules:
    """The imports of a program in today's words.

    Args:
        source, names: the program, and what its names stand for.
    """

    def __init__(self, source: Source, names: Names):
        self.source, self.names, self.era = source, names, names.era
        # What calls need beside what the program imports: module -> names.
        self.needed: dict[str, set[str]] = {}
        self.notes: list[tuple[int, str]] = []
        self.merging: set[str] = set()
        # (import, what it becomes: module -> (name, called), what stays of it)
        self.found: list[tuple[ast.ImportFrom, dict[Any, list[tuple[str, str | None]]], list[ast.alias]]] = []

    def module_of(self, path: str) -> str | None:
        """The module of Kerata for a path of the era; "" for the package, `None` where there is none."""
        space = self.names.paths.get(path)
        if space is None or space in GONE:
            return None
        if space == "root":
            return ""
        if space == "initializers" and self.era == "keras1":
            return "legacy.initial"
        for beginning, today in PARTS.items():
            space = space.replace(beginning, today)
        return MODULES.get(space, space)

    def today(self, thing: Thing, path: str) -> tuple[str, str]:
        """(module, name) of something that a program imports from `path`."""
        kind, name = thing
        if name == "pad_sequences":
            return "utils", name
        module = self.module_of(path) or "layers"
        if kind == "models":
            return ("models" if module in ("layers", "") else module), name
        if module in ("", "models"):
            module = "layers"
        row = find_row(self.era, kind, name)
        if row is not None and row.today and kind != "models" and name not in KEPT:
            name = row.today
        return module, name

    def check(self, module: str, path: str, name: str, line: int) -> bool:
        """Whether something is there today; notes what is not, and what to write."""
        if hasattr(importlib.import_module(f"kerata.{module}" if module else "kerata"), name):
            return True
        space = self.names.paths.get(path)
        advice = namespaces(self.era)[space][2].get(name) if space in namespaces(self.era) else None
        said = f"`{name}` of {path} is not there today: {advice}" if advice else f"`{name}` is not in kerata.{module} today"
        self.notes.append((line, said))
        return False

    def check_rule(self, path: str, name: str, line: int) -> None:
        """Notes an optimizer that computed otherwise then."""
        if self.names.paths.get(path) == "optimizers of then" and name in BEFORE_2_11:
            other = f"kerata.optimizers.{BEFORE_2_11[name]}, whose defaults are others, has it"
            self.notes.append((line, f"`{name}` of {path} had another rule than today's: {other}"))

    def rewrite(self) -> None:
        """Changes all imports of Keras, and adds those that calls need."""
        places: list[ast.stmt] = []
        for node in ast.walk(self.source.tree):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                if path_of(node.module) is not None or node.module == "tensorflow":
                    self._import_from(node)
                    places.append(node)
            elif isinstance(node, ast.Import):
                known = any(alias.name == "tensorflow" or path_of(alias.name) is not None for alias in node.names)
                if known and self._import(node):
                    places.append(node)
        self._write_imports()
        if "keras" in self.names.known and not self._comes_late("keras", places):
            self.needed.pop(None, None)  # type: ignore[call-overload]
        lines = [
            line
            for module in sorted(self.needed, key=str)
            for line in written(module, [(name, name if module is None else None) for name in sorted(self.needed[module])])
        ]
        if lines and places:
            last = self._before_use(sorted(places, key=lambda node: node.lineno))
            begin, end = self.source.span(last)
            indent = " " * last.col_offset
            # An import that stands further up by now took its line with it.
            gone = self.source.changed(begin, end + 1) == ""
            text = "".join(f"{indent}{line}\n" if gone else f"\n{indent}{line}" for line in lines)
            self.source.put(end + gone, end + gone, text)

    def _comes_late(self, name: str, places: list[ast.stmt]) -> bool:
        """Whether all imports that bring a name stand behind what may need it, or within functions."""
        bringing = [
            node
            for node in places
            if isinstance(node, (ast.Import, ast.ImportFrom))
            and any((alias.asname or alias.name.partition(".")[0]) == name for alias in node.names)
        ]
        last = self._before_use(sorted(places, key=lambda node: node.lineno)).lineno if bringing else 0
        return bool(bringing) and all(node.lineno > last or node.col_offset > 0 for node in bringing)

    def _before_use(self, places: list[ast.stmt]) -> ast.stmt:
        """The last of these imports that stands among imports alone: what follows may need what they bring."""
        lines = [node.lineno for node in self.source.tree.body if not isinstance(node, (ast.Import, ast.ImportFrom))]
        after = min((line for line in lines if line > places[0].lineno), default=places[-1].lineno + 1)
        return [node for node in places if node.lineno < after][-1]

    def _import_from(self, node: ast.ImportFrom) -> None:
        path = "" if node.module == "tensorflow" else path_of(node.module or "") or ""
        found: dict[Any, list[tuple[str, str | None]]] = {}
        kept: list[ast.alias] = []
        for alias in node.names:
            thing = self.names.known.get(alias.asname or alias.name)
            if alias.name == "*":
                self.notes.append((node.lineno, "`import *` is left as it is: name what is imported"))
                return
            if thing is None:
                kept.append(alias)
            elif thing.kind == "":
                module = self.module_of(thing.name)
                if module is None:
                    self.notes.append((node.lineno, f"{thing.name} is not there today"))
                    return
                above, _, last = module.rpartition(".")
                called = alias.asname or alias.name
                if not module:
                    found.setdefault(None, []).append(("kerata", called))
                else:
                    found.setdefault(above, []).append((last, called if called != last else None))
            elif thing.name in ("merge", "Merge"):
                for name in sorted(self.merging):
                    found.setdefault("layers", []).append((name, None))
            else:
                module, name = self.today(thing, path)
                self.check(module, path, name, node.lineno)
                self.check_rule(path, alias.name, node.lineno)
                found.setdefault(module, []).append((name, alias.asname))
        self.found.append((node, found, kept))

    def _write_imports(self) -> None:
        """The imports from one module together, where the first of them stands."""
        whole = [entry for entry in self.found if entry[0].col_offset == 0]
        gathered: dict[Any, list[tuple[str, str | None]]] = {}
        for _, found, _ in whole:
            for module, pairs in found.items():
                gathered.setdefault(module, []).extend(pairs)
        for node, found, kept in self.found:
            if node.col_offset == 0:
                found = {module: gathered.pop(module) for module in found if module in gathered}
            lines = [line for module, pairs in found.items() for line in written(module, pairs)]
            if kept:
                rest = ", ".join(a.name + (f" as {a.asname}" if a.asname else "") for a in kept)
                lines.append(f"from {node.module} import {rest}")
            begin, end = self.source.span(node)
            if not lines and self.source.text[end : end + 1] == "\n":
                end += 1
            self.source.put(begin, end, f"\n{' ' * node.col_offset}".join(lines))

    def _is_used(self, name: str) -> bool:
        """Whether TensorFlow is used for more than `tf.keras`."""
        nodes = list(ast.walk(self.source.tree))
        keras = [n for n in nodes if isinstance(n, ast.Attribute) and n.attr == "keras" and ast.unparse(n.value) == name]
        return sum(isinstance(n, ast.Name) and n.id == name for n in nodes) > len(keras)

    def _import(self, node: ast.Import) -> bool:
        """Changes an import; whether something of it stays."""
        lines = []
        for alias in node.names:
            path = path_of(alias.name)
            module = self.module_of(path) if path is not None else None
            if alias.name == "tensorflow" and not self._is_used(alias.asname or alias.name):
                if self.needed.pop(None, None):  # type: ignore[call-overload]
                    lines.append("import kerata as keras")
            elif path is None or alias.name == "tensorflow":
                if alias.name == "tensorflow":
                    text = "what is of TensorFlow stays as it is: it needs kerata run, or TensorFlow; kerata.ops has much of it"
                    self.notes.append((node.lineno, text))
                lines.append(f"import {alias.name}" + (f" as {alias.asname}" if alias.asname else ""))
            elif module is None:
                self.notes.append((node.lineno, f"{alias.name} is not there today"))
                return True
            elif alias.asname:
                lines.append(f"import kerata{'.' * bool(module)}{module} as {alias.asname}")
            else:
                lines.append("import kerata as keras")
        begin, end = self.source.span(node)
        end += not lines and node.col_offset == 0 and self.source.text[end : end + 1] == "\n"
        self.source.put(begin, end, f"\n{' ' * node.col_offset}".join(dict.fromkeys(lines)) or "pass" * (node.col_offset > 0))
        return bool(lines)


def written(module: str | None, pairs: list[tuple[str, str | None]]) -> list[str]:
    """`from kerata.layers import Dense, LSTM`, over several lines where it is long."""
    if module is None:
        return [f"import kerata as {called}" for _, called in pairs]
    parts = sorted(
        {name + (f" as {called}" if called else "") for name, called in pairs},
        key=lambda part: (not part.isupper(), not part[0].isupper(), part),
    )
    head = f"from kerata{'.' * bool(module)}{module} import "
    if len(head) + len(", ".join(parts)) <= WIDEST:
        return [head + ", ".join(parts)]
    return [head + "(", *(f"    {part}," for part in parts), ")"]
