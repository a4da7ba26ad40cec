"""What a function under `tf.function` knows beside its arguments: globals, what it closes over, its object, their parts.

TensorFlow kept what all this was when it traced the function. As Python the function sees what it is now, and so does a
program: it is for surroundings that look like those in which it was made.
"""

import collections
import contextlib
import dis
import functools
import os
import sys
import types
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from kerata.base.recent import while_there
from kerata.engine.homes import INSTALLED, PYTHON, is_users
from kerata.engine.hyper import declared_hyperparameters, holds_number
from kerata.engine.module import PLAIN, Module
from kerata.engine.module import Look as Who
from kerata.engine.structure import is_ours
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.variable import Variable
from kerata.legacy.tensorflow.tensor import is_array

# Of what holds more things, or an array of more bytes, only its size is looked at: a buffer of what was seen, a table of words.
MANY, LARGE = 64, 4096
# Methods that are called without their names.
UNNAMED = frozenset({"call", "__call__", "update_state", "result"})
# Attributes of a model's that no code of a person's reads, and its program depends on.
STRUCTURE = frozenset({"_trainable", "stateful", "activity_regularizer"})


class Surroundings:
    """What a function knows beside its arguments.

    Args:
        function: it.
        owner: the object that it is a method of, which is not held.
    """

    def __init__(self, function: Callable[..., Any], owner: Callable[[], object] = lambda: None):
        self.function, self.owner = function, owner
        # What the code asks for that was met so far: nothing else counts, so that a counter of epochs does not.
        self.names: set[str] = set(UNNAMED | STRUCTURE)

    def now(self, given: Sequence[object] = ()) -> tuple[Hashable, list[object]]:
        """(what tells whether they are what they were, things that must be held for it).

        Args:
            given: arguments that are models, optimizers or functions.
        """
        while True:
            known, sight = len(self.names), Sight(self.names, owner := self.owner())
            for one in (self.function, *given):
                sight.look(one)
            sight.look_into_object(owner)
            if len(self.names) == known:
                return tuple(sight.marks), sight.held


class Sight:
    """One look at surroundings. It is taken in each call, so what it sees is one flat list.

    Args:
        names: those that code asks for; gets those of the code that is met.
        owner: an object that is not held.

    Attributes:
        marks: numbers and texts, with their types; which thing another one is; how many parts it has.
    """

    def __init__(self, names: set[str], owner: object):
        self.names, self.seen = names, {id(owner): -1}
        self.marks: list[Hashable] = []
        self.held: list[object] = []

    def look(self, value: object) -> None:
        """Marks a thing and its parts."""
        kind, marks = type(value), self.marks
        if kind in PLAIN:
            marks += (kind, str(value) if kind is float else value)
            return
        place = self.seen.get(id(value))
        if place is not None:
            marks.append(place)
            return
        self.seen[id(value)] = len(self.seen)
        self.held.append(value)
        marks.append(id(value))
        if (way := way_to_look(kind)) is not None:
            way(self, value)

    def look_at_variable(self, value: Variable) -> None:
        self.marks.append(value.trainable)

    def look_at_parts(self, value: Collection[object]) -> None:
        self.marks.append(len(value))
        if len(value) <= MANY or isinstance(next(iter(value)), (Module, Variable)):
            for one in value:
                self.look(one)

    def look_at_dict(self, value: dict[object, object]) -> None:
        self.marks.append(len(value))
        if len(value) <= MANY:
            for key, one in value.items():
                self.look(key)
                self.look(one)

    def look_at_array(self, value: np.ndarray) -> None:
        self.marks.append(value.tobytes() if value.nbytes <= LARGE and value.dtype != object else None)

    def look_within(self, value: object) -> None:
        """Marks the functions and arguments that a method or a part of a function is made of."""
        if isinstance(value, functools.partial):
            inner = "func", "args", "keywords"
        else:
            inner = ("fget",) if isinstance(value, property) else ("__func__", "__self__")
        for name in inner:
            self.look(getattr(value, name, None))

    def look_into_class(self, value: type) -> None:
        for cls in value.__mro__:
            if is_own(file_of(cls.__module__)):
                self._look_at_named(vars(cls))

    def look_into_namespace(self, value: types.ModuleType) -> None:
        if is_own(getattr(value, "__file__", None) or ""):
            self._look_at_named(vars(value))

    def look_into_function(self, function: types.FunctionType) -> None:
        self.look(getattr(function, "__wrapped__", None))
        if not is_own(function.__code__.co_filename):
            return
        names = names_in(function.__code__)
        self.names |= names
        self.look_at_parts(function.__defaults__ or ())
        for cell in function.__closure__ or ():
            with contextlib.suppress(ValueError):  # empty yet
                self.look(cell.cell_contents)
        around = function.__globals__
        for name in names:
            if name in around:
                self.look(around[name])

    def _look_at_named(self, held: Mapping[str, object]) -> None:
        for name, one in list(held.items()):
            if name in self.names:
                self.marks.append(name)
                self.look(one)

    def look_into_object(self, value: object) -> None:
        """Marks an object's attributes, and its class's: of a person's own those that code asks for."""
        held = getattr(value, "__dict__", None)
        if held is None:
            return
        if isinstance(value, Module):
            self.look_into_module(value)
        elif "python_function" in held:
            self.look(held["python_function"])
        elif not is_ours(type(value)):
            is_persons = is_own(file_of(type(value).__module__))
            self._look_at_named(held if is_persons else {name: one for name, one in held.items() if type(one) in PLAIN})
            self.look(type(value))

    def look_into_module(self, module: Module) -> None:
        kind, numbers, marks = type(module), declared_hyperparameters(module), self.marks
        ours, hidden = is_ours(kind), kind._hidden[Who.PROGRAM]  # pyright: ignore[reportPrivateUsage]
        for name, one in list(module.__dict__.items()):
            sort = type(one)
            if sort is SymbolicTensor:  # stands for inputs of some shape
                continue
            # Of a person's own, numbers and tensors that no code asks for: what `call` keeps to be looked at later.
            if name in hidden or (not ours and name not in self.names and (sort in PLAIN or is_array(one))):
                continue
            if sort in PLAIN and sort is not float:
                marks += (name, sort, one)
            elif name in numbers and holds_number(module, name):
                marks.append(name)
            elif not (ours and name.endswith("_initializer")):
                marks.append(name)
                self.look(one)
        if not ours:
            self.look(kind)


WAYS: dict[type | tuple[type, ...], Callable[[Sight, Any], None]] = {
    Variable: Sight.look_at_variable,
    Module: Sight.look_into_module,
    (list, tuple, set, frozenset, collections.deque): Sight.look_at_parts,
    dict: Sight.look_at_dict,
    np.ndarray: Sight.look_at_array,
    types.FunctionType: Sight.look_into_function,
    (types.MethodType, functools.partial, staticmethod, classmethod, property): Sight.look_within,
    type: Sight.look_into_class,
    types.ModuleType: Sight.look_into_namespace,
}


@while_there
def way_to_look(kind: type) -> Callable[[Sight, Any], None] | None:
    """How the parts of things of a class are looked at; `None` where there are none to look at."""
    found = next((way for kinds, way in WAYS.items() if issubclass(kind, kinds)), None)
    return Sight.look_into_object if found is None and (getattr(kind, "holds_function", False) or not is_ours(kind)) else found


@functools.lru_cache(maxsize=4096)
def names_in(code: types.CodeType) -> frozenset[str]:
    """The names that code, and code within it, asks for: of globals, attributes and methods."""
    named = (one for one in dis.get_instructions(code) if one.opcode in dis.hasname and one.opname.startswith("LOAD"))
    inner = [names_in(one) for one in code.co_consts if isinstance(one, types.CodeType)]
    return frozenset({one.argval for one in named}.union(*inner))


@functools.lru_cache(maxsize=4096)
def is_own(file: str) -> bool:
    """Whether a file of code is a person's own, and of no library that is installed."""
    is_installed = any(os.sep + name + os.sep in file for name in INSTALLED)
    return bool(file) and is_users(file) and not is_installed and not file.startswith((PYTHON, "<frozen"))


def file_of(module: str) -> str:
    """The file of a module; what is typed in has none."""
    found = sys.modules.get(module)
    return getattr(found, "__file__", None) or ("__main__" if module == "__main__" else "")
