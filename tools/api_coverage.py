"""What of real Keras's public API Kerata has: names of modules, members of classes, arguments of callables.

    python tools/api_coverage.py            what is missing, module by module, and the percentages
    python tools/api_coverage.py --short    the percentages alone

A name counts where Kerata has it under the same path. A member counts at the class that brings it, and not at each class that
inherits it from a public one. What Kerata only has to raise `NotImplementedError` does not count, neither a method nor an
argument that such an error names. What Keras lacks in turn (older names, own arguments) is no business of this tool.
"""

import ast
import functools
import inspect
import os
import re
import sys
import textwrap
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras

import kerata

# What only TensorFlow or torch can have, by path; all below it is left out too.
ELSEWHERE = {
    "keras.export.TFSMLayer": "runs TensorFlow's programs",
    "keras.layers.TFSMLayer": "runs TensorFlow's programs",
    "keras.layers.TorchModuleWrapper": "holds a module of torch",
    "keras.utils.TorchModuleWrapper": "holds a module of torch",
    "keras.config.enable_unsafe_deserialization": "files never run code",
    "keras.config.set_backend": "there is one backend",
    "keras.utils.set_tf_device": "TensorFlow's devices",
}
KINDS = ("names", "members", "arguments")


@dataclass
class Coverage:
    """How much there is, and what is missing, by kind and module."""

    there: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    missing: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: {kind: [] for kind in KINDS})

    def count(self, kind: str, module: str, name: str, found: bool) -> None:
        if found:
            self.there[kind] += 1
        else:
            self.missing[kind].append((module, name))

    def total(self, kind: str) -> int:
        return self.there[kind] + len(self.missing[kind])

    def percent(self, kind: str) -> float:
        return 100 * self.there[kind] / max(1, self.total(kind))


def measure() -> Coverage:
    """Walks real Keras's public names and looks each of them up in Kerata."""
    coverage = Coverage()
    public = list(walk(keras, "keras"))
    classes = {value for _, _, value in public if inspect.isclass(value)}
    seen: set[Any] = set()
    for module, name, theirs in public:
        ours = find(f"{module}.{name}")
        coverage.count("names", module, name, ours is not None)
        if isinstance(theirs, types.ModuleType) or not _first_time(theirs, seen):
            continue
        if inspect.isclass(theirs):
            measure_class(coverage, module, theirs, ours, classes)
        elif callable(theirs):
            measure_arguments(coverage, module, name, theirs, ours)
    return coverage


def walk(module: types.ModuleType, path: str, seen: frozenset[str] = frozenset()) -> Iterator[tuple[str, str, Any]]:
    """(module's path, name, value) of all that a module and the modules within it show."""
    for name, value in sorted(vars(module).items()):
        if name.startswith("_") or f"{path}.{name}" in ELSEWHERE:
            continue
        if isinstance(value, types.ModuleType):
            # Keras's public modules stand in a package of generated files; what else is a module was only imported.
            if not value.__name__.startswith("keras.") or ".src" in value.__name__ or value.__name__ in seen:
                continue
            yield path, name, value
            yield from walk(value, f"{path}.{name}", seen | {value.__name__})
        else:
            yield path, name, value


def find(path: str) -> Any:
    """What Kerata has under a path of Keras, or None."""
    value: Any = kerata
    for part in path.split(".")[1:]:
        value = getattr(value, part, None)
        if value is None:
            return None
    return value


def measure_class(coverage: Coverage, module: str, theirs: type, ours: Any, classes: set[type]) -> None:
    """The members and arguments that a class brings, and that no public class above it has brought already."""
    above = [base for base in theirs.__mro__[1:] if base in classes]
    if not any(base.__init__ is theirs.__init__ for base in above):
        measure_arguments(coverage, module, theirs.__name__, theirs.__init__, ours and ours.__init__)
    for name in sorted(dir(theirs)):
        if name.startswith("_") or _comes_from_outside(theirs, name):
            continue
        value = inspect.getattr_static(theirs, name)
        if any(inspect.getattr_static(base, name, None) is value for base in above):
            continue
        mine = None if ours is None else inspect.getattr_static(ours, name, None)
        # `_of_cell` names what a recurrent layer hands on to its cell.
        there = ours is not None and (hasattr(ours, name) or name in getattr(ours, "_of_cell", ()))
        there = there or _is_set_by_instances(ours, name)
        there = there and not _only_refuses(mine, value)
        coverage.count("members", module, f"{theirs.__name__}.{name}", there)
        function = _function_of(value)
        if function is not None:
            call = getattr(ours, "call", None) if name == "compute_output_spec" else None
            measure_arguments(coverage, module, f"{theirs.__name__}.{name}", function, mine if there else None, call)


def measure_arguments(
    coverage: Coverage, module: str, name: str, theirs: Callable[..., Any], ours: Any, call: Callable[..., Any] | None = None
) -> None:
    """Each named argument of a callable: there is one of that name, and it is not refused. `call` is what ours hands on to."""
    mine = _function_of(ours) if not inspect.isclass(ours) else ours
    taken = set(_parameters(mine)) if mine is not None else set()
    if mine is not None and call is not None and _takes_any(mine):
        # `compute_output_spec(*args, **kwargs)` takes what `call` takes.
        taken |= set(_parameters(call))
    if mine is not None and not _ends_in_refusal(_function_of(theirs)):
        # What Keras's own does nothing but refuse may be refused.
        taken -= refused_arguments(mine)
    for argument in _parameters(theirs):
        coverage.count("arguments", module, f"{name}({argument})", argument in taken)


def _parameters(function: Callable[..., Any]) -> list[str]:
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    varied = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in found if p.kind not in varied and p.name not in ("self", "cls")]


def _takes_any(function: Callable[..., Any]) -> bool:
    return any(p.kind is inspect.Parameter.VAR_KEYWORD for p in inspect.signature(function).parameters.values())


def _function_of(value: Any) -> Callable[..., Any] | None:
    if isinstance(value, (staticmethod, classmethod)):
        return value.__func__
    if isinstance(value, property) or inspect.isclass(value):
        return None
    return value if callable(value) else None


def _comes_from_outside(cls: type, name: str) -> bool:
    """Whether a member is of a class that is not Keras's, such as `str`, `dict` or a thread."""
    home = next((base for base in cls.__mro__ if name in vars(base)), cls)
    return not home.__module__.startswith("keras")


def _first_time(value: Any, seen: set[Any]) -> bool:
    """Whether a class or function was not met under another name."""
    try:
        known = value in seen
        seen.add(value)
    except TypeError:
        return True
    return not known


@functools.lru_cache(maxsize=4096)
def _tree_of(function: Any) -> ast.AST | None:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return None


def refused_arguments(function: Any) -> set[str]:
    """The arguments that a function's errors of the kind `NotImplementedError` name."""
    if inspect.isclass(function):
        function = function.__init__
    tree = _tree_of(inspect.unwrap(function))
    found: set[str] = set()
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Raise) and node.exc is not None and "NotImplementedError" in ast.unparse(node.exc):
            keys = [key for d in ast.walk(node) if isinstance(d, ast.Dict) for key in d.keys]
            found |= {str(key.value) for key in keys if isinstance(key, ast.Constant)}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("check_unsupported"):
            found |= {word.arg for word in node.keywords if word.arg}
    return found


def _only_refuses(ours: Any, theirs: Any) -> bool:
    """Whether a method does no more than raise `NotImplementedError`, where Keras's does something."""
    return _ends_in_refusal(_function_of(ours)) and not _ends_in_refusal(_function_of(theirs))


def _ends_in_refusal(function: Any) -> bool:
    tree = _tree_of(function) if function is not None else None
    if tree is None or not isinstance(tree, ast.Module) or not isinstance(tree.body[0], ast.FunctionDef):
        return False
    body = [s for s in tree.body[0].body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
    kinds = ("NotImplementedError", "_not_implemented_error")
    return bool(body) and isinstance(body[0], ast.Raise) and any(kind in ast.unparse(body[0]) for kind in kinds)


@functools.lru_cache(maxsize=1024)
def _attributes_set(cls: type) -> frozenset[str]:
    """What the methods of a class, and of those above it, set on `self`."""
    found: set[str] = set()
    for base in cls.__mro__:
        tree = _tree_of(base) if base is not object and not base.__module__.startswith("builtins") else None
        for node in ast.walk(tree) if tree is not None else ():
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self":
                found.add(node.attr)
    return frozenset(found)


def _is_set_by_instances(cls: Any, name: str) -> bool:
    return inspect.isclass(cls) and name in _attributes_set(cls)


def report(coverage: Coverage, short: bool = False) -> str:
    """The text that the tool prints."""
    lines: list[str] = []
    absent = {f"{module}.{name}" for module, name in coverage.missing["names"]}
    for kind in KINDS if not short else ():
        by_module: dict[str, list[str]] = {}
        for module, name in coverage.missing[kind]:
            # Of a class that is not there nothing is: its name says so.
            if kind == "names" or f"{module}.{re.split('[.(]', name)[0]}" not in absent:
                by_module.setdefault(module, []).append(name)
        lines.append(f"Missing {kind}:")
        for module, names in sorted(by_module.items()):
            listed = textwrap.fill(
                " ".join(names), 120, initial_indent="    ", subsequent_indent="    ", break_long_words=False
            )
            lines += [f"  {module} ({len(names)})", listed]
    lines += [
        f"{kind:>9}: {coverage.percent(kind):5.1f} %  ({coverage.there[kind]} of {coverage.total(kind)})" for kind in KINDS
    ]
    if not short:
        lines += ["Not counted:", *(f"  {path}: {reason}" for path, reason in ELSEWHERE.items())]
    return "\n".join(lines)


if __name__ == "__main__":
    print(report(measure(), short="--short" in sys.argv))
