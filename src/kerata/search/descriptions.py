"""Texts that are equal for things that would train alike: built-in ones by what they were told, a user's own by their code."""

import dis
import functools
import hashlib
import inspect
import os
import sys
import sysconfig
import types
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from kerata.base.recent import while_there
from kerata.engine.dicts import map_in_order
from kerata.engine.module import PLAIN, Module
from kerata.engine.structure import is_ours
from kerata.engine.variable import Variable
from kerata.layers import Layer
from kerata.layers.weights import layers_of
from kerata.models import Model, Sequential
from kerata.models.graph import Graph
from kerata.models.model import graph_of

# What is not said by a person, or differs from one process to the next.
SKIPPED = frozenset(
    {
        "name",
        "seed",
        "built",
        "compiled",
        "history",
        "inbound_nodes",
        "stop_training",
        "stop_evaluating",
        "stop_predicting",
        "optimizer",
        "loss",
        "optimizer_state",
        "input_spec",
        "run_eagerly",
        "jit_compile",
        "steps_per_execution",
        "supports_masking",
        "tensor",
        "model",
        "params",
        "validation_data",
    }
)
LONGEST = 1000
# Larger arrays, in bytes, are data, which counts as such.
LARGE = 1_000_000
# Where installed libraries stand: a function of theirs is known by its name.
LIBRARIES = tuple({os.path.realpath(sysconfig.get_path(kind)) for kind in ("stdlib", "platstdlib", "purelib", "platlib")})
HAS_DOCSTRING = 0x4000000  # of `co_flags`, from Python 3.13 on


def describe(value: object, inner: bool = True, changing: bool = True) -> str:
    """A text that is equal for things that would train alike.

    Args:
        value: anything.
        inner: whether layers that it holds are described within it.
        changing: whether lists, dicts and objects that a function finds outside of itself count: a callback notes there what
            it has seen.
    """
    return Reader(inner, changing).read(value)


def shorten(text: str) -> str:
    """A long text with a hash of its own in place of the end."""
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST - 20]}... {digest(text)}"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class Reader:
    """Describes things, each once.

    Args:
        inner, changing: as of `describe`.
    """

    def __init__(self, inner: bool, changing: bool):
        self.inner, self.changing = inner, changing
        # What has been described, by key, and what is being described; the things are held, so that no key is used twice.
        self.known: dict[int, tuple[object, str]] = {}

    def read(self, value: object) -> str:
        if isinstance(value, (np.generic, np.ndarray, jax.Array)):
            array = np.asarray(value)
            if array.ndim and array.nbytes > LARGE and not self.changing:
                return f"array {array.shape}"
            return str(array.item()) if not array.ndim else f"array {hashlib.sha256(array.tobytes()).hexdigest()[:12]}"
        if type(value) in PLAIN or isinstance(value, (int, float, complex, str)) or value is Ellipsis:
            return repr(value)
        if id(value) not in self.known:
            self.known[id(value)] = (value, "...")
            self.known[id(value)] = (value, self._read(value))
        return self.known[id(value)][1]

    def _read(self, value: object) -> str:
        if isinstance(value, (list, tuple)):
            return f"[{', '.join(map(self.read, value))}]"
        if isinstance(value, (set, frozenset)):
            return f"{{{', '.join(sorted(map(self.read, value)))}}}"
        if isinstance(value, dict):
            return f"{{{', '.join(f'{key!r}: {self.read(item)}' for key, item in value.items())}}}"
        if isinstance(value, Variable):
            return f"variable {value.shape} {value.dtype} {value.trainable}"
        if isinstance(value, functools.partial):
            return f"partial({self.read(value.func)}, {self.read(value.args)}, {self.read(value.keywords)})"
        if isinstance(value, types.MethodType):
            return f"{self.read(value.__func__)} of {self.read(value.__self__)}"
        if isinstance(value, types.FunctionType):
            return f"{value.__name__}{'' if is_foreign(value) else ' code ' + self._code(value)}"
        if isinstance(value, type):
            return f"{value.__name__}{self.code_of_class(value)}"
        name = f"{type(value).__name__}{self.code_of_class(type(value))}"
        if not isinstance(value, Module) and is_foreign(type(value)):
            return name
        return f"{name}({', '.join(self._attributes(value))})"

    def _attributes(self, value: object) -> list[str]:
        """What an object was told, attribute by attribute; what is as always is left out."""
        own, cls = getattr(value, "__dict__", {}), type(value)
        is_module = isinstance(value, Module)
        shown = {name: item for name, item in own.items() if name not in SKIPPED and not (is_module and name.startswith("_"))}
        if not self.inner:
            shown = {name: item for name, item in shown.items() if not hasattr(type(item), "add_weight")}
        if is_ours(cls):  # variables follow from what was told
            shown = {name: item for name, item in shown.items() if not isinstance(item, Variable)}
        usual = defaults_of(cls) if is_ours(cls) else {}
        shown = {name: item for name, item in shown.items() if item is not None and not is_same(item, usual.get(name))}
        if shown.get("autocast") is True:
            del shown["autocast"]
        found = [f"{name}={self.read(item)}" for name, item in shown.items()]
        if is_module and not is_ours(cls):
            found += self._told(value, shown)
        if isinstance(value, Layer):
            # Of a model that a loss asks, say: weights that somebody loaded, set or trained.
            told = [v for v in value.weights if v.assigned or v.trained_in] if self.inner else []
            kept = [v.numpy() for v in told if not v.name.startswith("seed")]
            found += [f"weights={digest(''.join(map(self.read, kept)))}"] if kept else []
            found += [] if value.trainable else ["trainable=False"]
            found += [] if value.dtype_policy.name == "float32" else [f"dtype={value.dtype_policy.name}"]
        return found

    def _told(self, value: Module, shown: dict[str, object]) -> list[str]:
        """What the constructor of a user's class was given, wherever it keeps that."""
        _, bound = value.__dict__.get("_arguments", (None, {}))
        given = getattr(bound, "arguments", bound) or {}
        items = {name: item for name, item in given.items() if name not in shown and name not in SKIPPED and name != "self"}
        if not self.inner:
            items = {name: item for name, item in items.items() if not hasattr(type(item), "add_weight")}
        return [f"{name}={self.read(item)}" for name, item in items.items() if item is not None]

    # Code

    def _code(self, function: types.FunctionType) -> str:
        """A hash of what a function does, with what it takes from around it."""
        text = read_code(function.__code__, function.__doc__)
        text += self.read(function.__defaults__) + self.read(function.__kwdefaults__)
        for value in self._around(function):
            text += self.read(value)
        return digest(text)[:8]

    def _around(self, function: types.FunctionType) -> Iterator[object]:
        """Values of a function's closure, and of the globals that it names."""
        for cell in function.__closure__ or ():
            try:
                value = cell.cell_contents
            except ValueError:
                continue
            if self._counts(value):
                yield value
        for value in globals_of(function.__code__, function.__globals__):
            if self._counts(value):
                yield value

    def _counts(self, value: object) -> bool:
        if isinstance(value, (types.ModuleType, types.BuiltinFunctionType)):
            return False
        if type(value) in PLAIN or isinstance(value, (types.FunctionType, type, tuple, np.ndarray, jax.Array)):
            return True
        return self.changing

    def code_of_class(self, cls: type) -> str:
        """A hash of the methods and plain attributes of a user's own class, those of its bases included; nothing for others."""
        text = ""
        for base in cls.__mro__:
            if is_foreign(base):
                continue
            for name, item in vars(base).items():
                inside = as_function(item)
                if isinstance(inside, types.FunctionType):
                    text += f"{name} {self._code(inside)} "
                elif not name.startswith("__") and is_simple(item):
                    text += f"{name}={self.read(item)} "
        return f" code {digest(text)[:8]}" if text else ""


def is_simple(value: object) -> bool:
    """Whether a value is plain, an array, or a collection of such values."""
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(map(is_simple, value))
    if isinstance(value, dict):
        return all(map(is_simple, value.values()))
    return type(value) in PLAIN or isinstance(value, (np.ndarray, np.generic, jax.Array))


def as_function(value: object) -> object:
    """What a method is made of."""
    inside = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
    return inspect.unwrap(inside) if callable(inside) else inside


def is_same(item: object, usual: object) -> bool:
    return type(item) in PLAIN and type(item) is type(usual) and item == usual


@while_there
def defaults_of(cls: type) -> dict[str, object]:
    """The defaults of a constructor."""
    return {name: one.default for name, one in inspect.signature(cls).parameters.items()}


def is_foreign(thing: type | types.FunctionType) -> bool:
    """Whether a function or class is Kerata's or of another library, and known by its name."""
    if is_ours(thing):
        return True
    if isinstance(thing, types.FunctionType):
        return os.path.realpath(thing.__code__.co_filename).startswith(LIBRARIES)
    module = sys.modules.get(thing.__module__)
    file = getattr(module, "__file__", None)
    if file is None:
        return thing.__module__ in sys.builtin_module_names
    return os.path.realpath(file).startswith(LIBRARIES)


def globals_of(code: types.CodeType, known: dict[str, Any]) -> Iterator[object]:
    """The globals that some code reads; of a user's own module, what is taken from it."""
    holder: object = None
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            value = known.get(step.argval)
        elif step.opname in ("LOAD_ATTR", "LOAD_METHOD") and holder is not None:
            value = getattr(holder, step.argval, None)
        else:
            value = None
        holder = value if isinstance(value, types.ModuleType) and not is_library(value) else None
        if value is not None:
            yield value
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield from globals_of(each, known)


def is_library(module: types.ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    return file is None or is_ours(types.SimpleNamespace(__module__=module.__name__)) or file.startswith(LIBRARIES)


def read_code(code: types.CodeType, doc: str | None = None) -> str:
    """The instructions, names and constants of some code, without where it stands and what it says of itself."""
    constants = [
        read_code(each, first_text(each)) if isinstance(each, types.CodeType) else plain_text(each)
        for place, each in enumerate(code.co_consts)
        if place > 0 or each != doc
    ]
    return f"{code.co_code.hex()}{code.co_names}{constants}"


def first_text(code: types.CodeType) -> str | None:
    """The docstring of a function within another."""
    first = code.co_consts[0] if code.co_consts else None
    has_one = bool(code.co_flags & HAS_DOCSTRING) if sys.version_info >= (3, 13) else True
    return first if isinstance(first, str) and has_one else None


def plain_text(value: object) -> str:
    if isinstance(value, frozenset):
        return str(sorted(map(repr, value)))
    return repr(value)


# Models


def describe_graph(model: Model) -> str:
    """How the layers of functional models are put together: each call, with the places of what it takes."""
    found = []
    for layer in layers_of(model):
        graph = graph_of(layer)
        if graph is not None and not isinstance(layer, Sequential):
            found += describe_calls(layer, graph)
    return f"{len(found)} calls, {digest(' '.join(found))}" if found else ""


def describe_calls(model: Model, graph: Graph) -> list[str]:
    places = {id(tensor): place for place, tensor in enumerate(graph.inputs)}
    layers = {id(layer): place for place, layer in enumerate(layers_of(model))}

    def place_of(leaf: object) -> str:
        return f"tensor {places[id(leaf)]}" if id(leaf) in places else describe(leaf, inner=False)

    found = []
    for node in graph.nodes:
        operation = node.operation
        what = f"layer {layers[id(operation)]}" if id(operation) in layers else describe(operation)
        found.append(f"{what} of {map_in_order(place_of, (node.args, node.kwargs))}")
        for tensor in node.output_tensors:
            places[id(tensor)] = len(places)
    return [*found, f"out {[places.get(id(tensor)) for tensor in graph.outputs]}"]
