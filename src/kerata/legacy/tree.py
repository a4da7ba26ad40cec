"""The modules of an era: a tree whose names are looked up, and made, when they are first asked for."""

import sys
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kerata.base.absent import is_imported
from kerata.base.checks import did_you_mean

# What makes the things of a namespace: (era, name) -> the thing, or raises KeyError.
Maker = Callable[[str, str], Any]


class EraModule(types.ModuleType):
    """A module of an era.

    Args:
        path: its name, e.g. `keras.layers.core`.
        era: which era.
        names: what it holds.
        make: makes what it holds.
        missing: names that the era had and Kerata has not, with the reason.
    """

    _era: str
    _names: tuple[str, ...]
    _make: "Maker"
    _missing: Mapping[str, str]

    def __init__(self, path: str, era: str, names: Iterable[str], make: Maker, missing: Mapping[str, str]):
        super().__init__(path)
        own = self.__dict__
        own["_era"], own["_names"], own["_make"], own["_missing"] = era, tuple(filter(None, names)), make, missing
        own["__all__"] = [name for name in own["_names"] if not name.startswith("_")]
        own["__path__"] = []
        own["__package__"] = path

    def __getattr__(self, name: str) -> object:
        if name in self._names:
            value = self._make(self._era, name)
            setattr(self, name, value)
            return value
        if name.startswith("__"):
            raise AttributeError(name)
        if (child := submodule(self, name)) is not None:
            return child
        text = f"{self.__name__} has no {name!r}"
        if name in self._missing:
            text += f", which it had then and Kerata has not: {self._missing[name]}"
        else:
            near = did_you_mean(name, self._names)
            text += f". {near}" if near.startswith("Did") else "."
        kind = ImportError if is_imported(sys._getframe(1)) else AttributeError
        raise kind(text)

    def __call__(self, *args: object, **kwargs: object) -> object:
        """What `from keras.layers import merge` gave was a function, and the name of a module as well."""
        if (function := self.__dict__.get("_function")) is None:
            raise TypeError(f"{self.__name__} is a module, and cannot be called")
        return function(*args, **kwargs)

    def __dir__(self) -> list[str]:
        return sorted({*self.__dict__, *self._names})


def submodule(module: EraModule, name: str) -> object:
    """A module below another one, if its tree has it."""
    tree: Tree = module.__dict__.get("_tree")  # type: ignore[assignment]
    return tree.find(f"{module.__name__}.{name}") if tree is not None else None


class Tree:
    """All modules of an era.

    Args:
        era: which.
        describe: gives (path of a module -> the name of its namespace, name of a namespace -> (names, maker, missing)); it is
            asked when a module below the root is wanted.
        root: (names, maker) of the root.
    """

    def __init__(self, era: str, describe: Callable[[str], tuple[Any, Any]], root: tuple[Iterable[str], Maker]):
        self.era, self._describe, self._root = era, describe, root
        self._known: tuple[Any, Any] | None = None
        self._modules: dict[str, EraModule] = {}
        # Modules that are functions too.
        self.functions: dict[str, Callable[..., object]] = {}

    @property
    def root(self) -> EraModule:
        return self.find("keras")  # type: ignore[return-value]

    @property
    def paths(self) -> dict[str, str]:
        return self._all()[0]

    def _all(self) -> tuple[Any, Any]:
        if self._known is None:
            self._known = self._describe(self.era)
        return self._known

    def find(self, path: str) -> EraModule | None:
        """The module of a path such as `keras.layers.core`."""
        if path not in self._modules:
            if path == "keras":
                names, make, missing = *self._root, {}
            else:
                paths, namespaces = self._all()
                if path not in paths:
                    return None
                names, make, missing = namespaces[paths[path]]
            module = EraModule(path, self.era, names, make, missing)
            module.__dict__["_tree"] = self
            module.__dict__["_function"] = self.functions.get(path)
            self._modules[path] = module
        return self._modules[path]
