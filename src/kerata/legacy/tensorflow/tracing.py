"""The functions of data sets: as Python, or compiled where that changes nothing."""

import contextlib
from collections.abc import Callable, Hashable
from typing import Any

import jax
import numpy as np

from kerata.base.interrupts import hand_on
from kerata.data.elements import rebuild
from kerata.engine.random import global_seed_generator
from kerata.legacy.tensorflow import tensor as tensor_module
from kerata.legacy.tensorflow.tape import enable_x64
from kerata.legacy.tensorflow.tensor import Tensor
from kerata.legacy.tensorflow.types import string

# Elements of one kind that run as Python before their program is tried: compiling costs as much as some dozens.
PATIENCE = 24


class Traced:
    """A function of an element's tensors, which becomes a program if it can.

    TensorFlow traced such a function once. Here it runs as Python for the first elements, then as a program for each kind of
    element. It stays Python where it cannot be traced (texts, `.numpy()`, a branch on a number), where it draws or reads
    a variable or an array that may change, and where a program does not give what Python gave.

    Args:
        function: it.
    """

    def __init__(self, function: Callable[..., Any]):
        self.function = function
        self._counts: dict[Any, int] = {}
        self._programs: dict[Any, Program | None] = {}

    def __call__(self, *args: object) -> object:
        kind = kind_of(args)
        if kind is None or self._programs.get(kind, False) is None:
            return self.function(*args)
        if (program := self._programs.get(kind)) is not None:
            return program(args)
        before = global_seed_generator().state.peek()
        result = self.function(*args)
        if not np.array_equal(before, global_seed_generator().state.peek()):
            self._programs[kind] = None
            return result
        self._counts[kind] = self._counts.get(kind, 0) + 1
        if self._counts[kind] >= PATIENCE:
            self._programs[kind] = attempt(self.function, args, result)
        return result


class Program:
    """A function of tensors of one kind, compiled.

    Args:
        function: it.
        args: tensors of that kind.
    """

    def __init__(self, function: Callable[..., Any], args: tuple):
        self.wide = any(one.dtype.is_wide for one in leaves_of(args))
        self.types: list[Any] = []
        self.shape: object = None

        def compute(arrays: list[Any]) -> list[Any]:
            given = iter(arrays)
            found = function(*map_tensors(lambda one: Tensor(next(given), one.dtype), args))
            self.shape = map_tensors(lambda one: None, found)
            made = leaves_of(found)
            self.types = [one.dtype for one in made]
            return [one._array for one in made]

        self.compute = compute
        self.run = jax.jit(compute)

    def __call__(self, args: tuple) -> object:
        with enable_x64(True) if self.wide else contextlib.nullcontext():
            arrays = self.run([np.asarray(one._array) for one in leaves_of(args)])
            found = [
                Tensor(np.asarray(a).astype(kind.dtype, copy=False), kind) for a, kind in zip(arrays, self.types, strict=True)
            ]
        given = iter(found)
        return map_tensors(lambda one: next(given), self.shape)

    def depends_on_more(self, args: tuple) -> bool:
        """Whether more than the arguments goes into it: arrays and variables, which may change."""
        before = tensor_module.variable_reads[0]
        with enable_x64(True) if self.wide else contextlib.nullcontext():
            traced = jax.make_jaxpr(self.compute)([np.asarray(one._array) for one in leaves_of(args)])
        return bool(traced.consts) or tensor_module.variable_reads[0] != before


def attempt(function: Callable[..., Any], args: tuple, result: object) -> Program | None:
    """The program of a function, if it gives what Python gave."""
    if not all(isinstance(one, Tensor) and one.dtype != string for one in leaves_of(result)):
        return None
    try:
        program = Program(function, args)
        if program.depends_on_more(args):
            return None
        found = program(args)
    except Exception as error:  # what cannot be traced says so in many ways, and has run as Python already
        hand_on(error)
        return None
    pairs = zip(leaves_of(found), leaves_of(result), strict=True)
    return program if all(same(*pair) for pair in pairs) else None


def same(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are equal, up to what the order of a sum changes."""
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    return bool(np.allclose(one.numpy(), other.numpy(), rtol=1e-5, atol=1e-6, equal_nan=True))


def kind_of(args: tuple) -> Hashable:
    """Shapes and types of tensors; `None` where there are texts or other things among them."""
    found = leaves_of(args)
    if not found or not all(isinstance(one, Tensor) and one.dtype != string for one in found):
        return None
    return str(map_tensors(lambda one: None, args)), tuple((tuple(one._array.shape), one.dtype.name) for one in found)


def leaves_of(tree: object) -> list[Any]:
    if isinstance(tree, dict):
        return [leaf for key in tree for leaf in leaves_of(tree[key])]
    if isinstance(tree, (list, tuple)):
        return [leaf for one in tree for leaf in leaves_of(one)]
    return [tree]


def map_tensors(function: Callable[[Any], Any], tree: object) -> Any:
    if isinstance(tree, dict):
        return {key: map_tensors(function, value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return rebuild(tree, [map_tensors(function, value) for value in tree])
    return function(tree)
