"""Modules under the names of Keras 3's source, `keras.src...`, that hold Kerata's classes and functions of the public names.

Keras's source is read, never run: what `keras_export` says of a class or function is its public name. Test files are run, and
so is `keras/src/testing`, which is part of the tests.
"""

import ast
import collections
import functools
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import re
import sys
import types
from collections.abc import Callable, Sequence
from pathlib import Path

from counting import inside

import kerata


class MixedIn(kerata.Model):
    """What tests make a model of a layer with: of what both have, the layer's holds. Its constructor is called first."""

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        own = set(MixedIn.__mro__)
        for name in ("call", "build"):
            defined = next((base for base in cls.__mro__ if name in base.__dict__ and base not in own), None)
            if defined is not None and name not in cls.__dict__:
                setattr(cls, name, defined.__dict__[name])

    def __init__(self) -> None:
        self._start_trainer()
        self._graph = None


# What the tests take from modules of the inside and has a public name or form that the source does not say.
KNOWN: dict[str, object] = {
    "keras.src.backend.compute_output_spec": lambda function, *args, **kwargs: kerata.Operation(function).compute_output_spec(
        *args, **kwargs
    ),
    "keras.src.backend.SUPPORTS_SPARSE_TENSORS": False,
    "keras.src.backend.SUPPORTS_RAGGED_TENSORS": False,
    "keras.src.backend.SUPPORTS_COMPLEX_DTYPES": True,
    "keras.src.backend.IS_THREAD_SAFE": True,
    "keras.src.backend.common.variables.standardize_dtype": kerata.backend.standardize_dtype,
    "keras.src.utils.python_utils.removesuffix": str.removesuffix,
    "keras.src.utils.python_utils.removeprefix": str.removeprefix,
    # What holds a layer's parts is a plain list or dict in Kerata.
    "keras.src.utils.tracking.TrackedList": list,
    "keras.src.utils.tracking.TrackedDict": dict,
    "keras.src.utils.tracking.TrackedOrderedDict": collections.OrderedDict,
    "keras.src.utils.module_utils.dmtree": types.SimpleNamespace(available=False),
    "keras.src.utils.module_utils.optree": types.SimpleNamespace(available=True),
    "keras.src.backend.common.global_state.clear_session": kerata.utils.clear_session,
    "keras.src.backend.jax.trainer.JAXTrainer": MixedIn,
    "keras.src.export.onnx.export_onnx": lambda model, path, **kwargs: model.export(path, format="onnx", **kwargs),
}

# Modules of the inside whose functions have the same names in a public module, in the order in which these are asked.
ROOMS = {
    "keras.src.backend.random": ["random"],
    "keras.src.backend.numpy": ["ops"],
    "keras.src.backend.nn": ["ops"],
    "keras.src.backend.math": ["ops"],
    "keras.src.backend.linalg": ["ops.linalg", "ops"],
    "keras.src.backend.image": ["ops.image"],
    "keras.src.backend.core": ["ops", ""],
    "keras.src.backend.config": ["backend", "config"],
    "keras.src.backend": ["ops", "backend", "", "config"],
}
MISSING = object()


class Source:
    """The source of Keras 3: what a name of one of its modules is.

    Args:
        root: the folder that holds `keras/src`.
    """

    def __init__(self, root: Path):
        self.root = root
        self.modules: dict[str, Module] = {}

    def path(self, name: str) -> Path | None:
        folder = self.root.joinpath(*name.split("."))
        file = folder.with_suffix(".py")
        return file if file.is_file() else folder if folder.is_dir() else None

    def module(self, name: str) -> "Module":
        if name not in self.modules:
            path = self.path(name)
            file = path / "__init__.py" if path is not None and path.is_dir() else path
            text = file.read_text() if file is not None and file.is_file() else ""
            self.modules[name] = Module(text)
        return self.modules[name]

    def resolve(self, module: str, name: str, seen: frozenset[str] = frozenset()) -> object:
        """What Kerata has for `from module import name`."""
        full = f"{module}.{name}"
        if full in KNOWN:
            return KNOWN[full]
        found = self.module(module)
        for public in found.exported.get(name, ()):
            if (value := public_value(public)) is not MISSING:
                return value
        if module in ROOMS:
            for room in ROOMS[module]:
                if (value := public_value(".".join(filter(None, ("keras", room, name))))) is not MISSING:
                    return value
        if name in found.imported and full not in seen:
            origin, original = found.imported[name]
            if self.path(f"{origin}.{original}") is not None:
                return importlib.import_module(f"{origin}.{original}")
            if is_test(origin):
                return getattr(importlib.import_module(origin), original)
            return self.resolve(origin, original, seen | {full})
        for whole in found.wholes:
            inner = self.module(whole)
            if name in inner.exported or name in inner.imported or name in inner.constants:
                return self.resolve(whole, name, seen | {full})
        if name in found.operations:
            return operation_class(name, found.operations[name], lambda function: self.resolve(module, function))
        if name in found.constants:
            return found.constants[name]
        room = module.removeprefix("keras.src").lstrip(".").partition(".")[0]
        value = public_value(".".join(filter(None, ("keras", room, name)))) if not name.startswith("_") else MISSING
        if value is not MISSING and not isinstance(value, types.ModuleType):
            return value
        if module not in ROOMS and not re.search(rf"\b{name}\b", found.text):
            raise AttributeError(f"{module} has no {name}")
        if found.exported.get(name):
            return inside_or_missing(found.exported[name][0])
        return inside(full)


class Module:
    """What a file of Keras's source defines."""

    def __init__(self, text: str):
        self.text = text
        self.exported: dict[str, list[str]] = {}
        self.imported: dict[str, tuple[str, str]] = {}
        # Modules of which everything is imported.
        self.wholes: list[str] = []
        self.constants: dict[str, object] = {}
        self.operations: dict[str, Signatures] = {}
        classes: dict[str, ast.ClassDef] = {}
        functions: list[ast.FunctionDef] = []
        for node in ast.parse(text).body:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("keras.src"):
                if node.names[0].name == "*":
                    self.wholes.append(str(node.module))
                self.imported |= {one.asname or one.name: (str(node.module), one.name) for one in node.names}
            elif isinstance(node, (ast.ClassDef, ast.FunctionDef)):
                self.exported[node.name] = exports_of(node)
                if isinstance(node, ast.ClassDef):
                    classes[node.name] = node
                else:
                    functions.append(node)
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self._assign(node.targets[0].id, node.value)
        for function in functions:
            for called in calls_of_operations(function):
                if called in classes and not self.exported[called] and called not in self.operations:
                    self.operations[called] = Signatures(with_bases(classes[called], classes), function)

    def _assign(self, name: str, value: ast.expr) -> None:
        """A constant made of others. A table that begins empty is none: code that is not run fills it."""
        try:
            found = eval(compile(ast.Expression(value), "constant", "eval"), {}, dict(self.constants))
        except Exception:  # No constant.
            return
        if not isinstance(found, (dict, list, set)) or found:
            self.constants[name] = found


class Signatures:
    """An operation's class in Keras's source, and the public function that makes it: `mean` of `Mean`."""

    def __init__(self, made: Sequence[ast.ClassDef], function: ast.FunctionDef):
        methods = {node.name: node for one in reversed(made) for node in one.body if isinstance(node, ast.FunctionDef)}
        self.name, self.function = made[0].name, function.name
        self.init = signature_of(methods.get("__init__"), leave=("name",))
        self.call = signature_of(methods.get("call"))
        self.takes = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
        self.collects = function.args.vararg is not None


def with_bases(made: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> list[ast.ClassDef]:
    """A class, and those of its file that it is derived from."""
    named = [one.id for one in made.bases if isinstance(one, ast.Name) and one.id in classes]
    return [made, *(base for name in named for base in with_bases(classes[name], classes))]


def exports_of(node: ast.ClassDef | ast.FunctionDef) -> list[str]:
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "keras_export" and decorator.args:
            said = ast.literal_eval(decorator.args[0])
            return [said] if isinstance(said, str) else list(said)
    return []


def calls_of_operations(function: ast.FunctionDef) -> list[str]:
    """Names of the classes in `return Mean(axis=axis).symbolic_call(x)`."""
    return [
        node.func.value.func.id
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "symbolic_call"
        and isinstance(node.func.value, ast.Call)
        and isinstance(node.func.value.func, ast.Name)
    ]


def signature_of(method: ast.FunctionDef | None, leave: Sequence[str] = ()) -> inspect.Signature:
    """The signature of a method, without its values: every argument may be left out."""
    if method is None:
        return inspect.Signature()
    kinds = inspect.Parameter
    made = [kinds(one.arg, kinds.POSITIONAL_OR_KEYWORD, default=MISSING) for one in method.args.args[1:]]
    if method.args.vararg is not None:
        made.append(kinds(method.args.vararg.arg, kinds.VAR_POSITIONAL))
    made += [kinds(one.arg, kinds.KEYWORD_ONLY, default=MISSING) for one in method.args.kwonlyargs]
    return inspect.Signature([one for one in made if one.name not in leave])


def operation_class(name: str, of: Signatures, find: Callable[[str], object]) -> type:
    """A class as Keras's inside has it, `Mean(axis=1)(x)`, that calls the public function: `mean(x, axis=1)`."""

    def __init__(self: object, *args: object, **kwargs: object) -> None:
        kwargs.pop("name", None)
        self.said = of.init.bind(*args, **kwargs).arguments  # type: ignore[attr-defined]

    def __call__(self: object, *args: object, **kwargs: object) -> object:
        given = self.said | of.call.bind(*args, **kwargs).arguments  # type: ignore[attr-defined]
        function = find(of.function)
        assert callable(function)
        spread = [one for one in given if of.collects and one not in of.takes]
        rest: tuple[object, ...] = given.pop(spread[-1]) if spread else ()
        if rest:
            return function(*(given.pop(one) for one in of.takes if one in given), *rest, **given)
        return function(**given)

    def attribute(self: object, asked: str) -> object:
        if asked.startswith("__"):
            raise AttributeError(asked)
        return inside(f"{name}.{asked}")()

    parts = {
        "__init__": __init__,
        "__call__": __call__,
        "symbolic_call": __call__,
        "call": __call__,
        "compute_output_spec": __call__,
        "__getattr__": attribute,
    }
    return type(name, (), parts)


def is_test(module: str) -> bool:
    """Whether a module of Keras's source is part of the tests, and is run."""
    return module.endswith("_test") or module.startswith("keras.src.testing.")


def public_value(path: str) -> object:
    """What Kerata has under a public name of Keras: `keras.layers.Dense`."""
    found: object = kerata
    reached = "kerata"
    for part in path.split(".")[1:]:
        reached = f"{reached}.{part}"
        try:
            found = getattr(found, part)
        except AttributeError:
            try:
                found = importlib.import_module(reached)
            except ImportError:
                return MISSING
    return found


def inside_or_missing(public: str) -> object:
    """What stands for a public name that Kerata lacks: an error when it is used."""

    def call(*args: object, **kwargs: object) -> object:
        raise AttributeError(f"Kerata has no {public}")

    return call


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """`import keras.src...`: files of tests from the source, everything else made of Kerata."""

    def __init__(self, root: Path):
        self.source = Source(root)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != "keras.src" and not fullname.startswith("keras.src."):
            return None
        file = self.source.path(fullname)
        if is_test(fullname):
            return importlib.util.spec_from_file_location(fullname, file)
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True) if file is not None else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        module = types.ModuleType(spec.name)
        module.__path__ = []
        module.__getattr__ = functools.partial(self._get, spec.name)  # type: ignore[method-assign]
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing: what a module holds is looked up when it is asked for."""

    def _get(self, module: str, name: str) -> object:
        # pytest looks for its own names in every module on its way.
        if name.startswith(("__", "pytest", "setup", "setUp", "teardown", "tearDown")):
            raise AttributeError(name)
        if self.source.path(f"{module}.{name}") is not None and module != "keras.src.backend":
            return importlib.import_module(f"{module}.{name}")
        value = self.source.resolve(module, name)
        if isinstance(value, type) and value.__module__ == "counting" and self.source.path(f"{module}.{name}") is not None:
            return importlib.import_module(f"{module}.{name}")
        return value


def seeds_of(layer: kerata.Layer) -> list[kerata.Variable]:
    """The states of the generators of a layer and of those within it, as many as there are generators.

    A dropout with the rate 0 has one in Kerata, whose rate may be set to something else, and none in Keras.
    """
    return [state for one in layer._flatten_layers() if getattr(one, "rate", None) != 0 for state in one._seed_states()]


def install(root: Path) -> None:
    """From now on `import keras` gives Kerata, and `import keras.src...` what the tests take from there."""
    kerata.install_as_keras("keras3")
    # Another Keras, of TensorFlow: tests that hold this one against it say that it is not there.
    sys.modules["tf_keras"] = None  # type: ignore[assignment]
    sys.meta_path.insert(0, Finder(root))
    test_case = importlib.import_module("keras.src.testing.test_case")
    test_case.get_seed_generators = seeds_of  # type: ignore[attr-defined]
