"""`import keras` and its kin resolve to an era: a finder of modules before Python's own."""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Callable, Sequence
from typing import Protocol

from kerata.base.checks import check_choice, message
from kerata.engine.seeds import Law, obey
from kerata.legacy import graphs, keras3
from kerata.legacy.detection import find_era
from kerata.legacy.namespaces import tree_of
from kerata.legacy.seeding import OfKeras1, OfKeras23
from kerata.legacy.symbols import answer_as
from kerata.legacy.tensorflow.layers import in_use
from kerata.legacy.tensorflow.seeds import OfKeras2, OfKeras3

ERAS = ("keras1", "keras2", "keras22", "tfkeras2", "keras3")
# Names under which programs import Keras, longest first: prefix -> the path of the era's module.
PREFIXES = {
    "tensorflow.python.keras": "keras",
    "tensorflow.keras": "keras",
    "tensorflow.contrib.keras": "keras",
    "keras_preprocessing": "keras.preprocessing",
    "keras_applications": "keras.applications",
    "tf_keras": "keras",
    "keras": "keras",
}
ROOTS = ("keras", "tf_keras", "keras_preprocessing", "keras_applications", "tensorflow")


def path_of(name: str) -> str | None:
    """The path in an era's tree of what a program imports: `keras.layers` for `tensorflow.python.keras.layers`."""
    for prefix, path in PREFIXES.items():
        if name == prefix or name.startswith(prefix + "."):
            rest = name[len(prefix) :].replace(".api._v1.keras", "").replace(".api._v2.keras", "")
            return path + rest
    return None


class EraFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the modules of an era.

    Args:
        era: `"keras1"`, `"keras2"`, `"keras22"` (before 2.3), `"tfkeras2"` or `"keras3"`.
    """

    def __init__(self, era: str):
        self.era = era

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] not in ROOTS:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        module = self._find(spec.name)
        if module is None:
            raise ModuleNotFoundError(self._explain(spec.name), name=spec.name)
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing: what a module holds is made when it is asked for."""

    def _find(self, name: str) -> types.ModuleType | None:
        path = path_of(name)
        if path is None:
            return tensorflow_module(name, self.era) if name.partition(".")[0] == "tensorflow" else None
        return keras3.find(path) if self.era == "keras3" else tree_of(self.era).find(path)

    def _explain(self, name: str) -> str:
        if name.startswith("tensorflow."):
            return message(name, "this part of TensorFlow is not there", None, "See docs/old-code.md for what is")
        return message(
            name, f"{self.era} has no such module, or Kerata has not", None, "See docs/old-code.md for what is missing"
        )


def tensorflow_module(name: str, era: str) -> types.ModuleType | None:
    """A module of `tensorflow`: made, all together, when the first of them is asked for."""
    in_use[0] = True
    if era == "keras3":
        obey(OfKeras3())
    if era not in _tensorflow:
        made = importlib.import_module("kerata.legacy.tensorflow.names").build(era)
        _tensorflow[era] = made
        # What needs the graphs that Keras's models are made of.
        of_graphs, optimizers = graphs.names(), importlib.import_module("kerata.legacy.train").NAMES
        for path, names in (("", of_graphs), ("compat.v1", of_graphs), ("train", optimizers), ("compat.v1.train", optimizers)):
            made[path].__dict__.update(names)
        for root in ("", "python", "contrib", "compat.v1", "compat.v2"):
            # `tf.keras` is looked up when it is asked for: it is made of the era's own modules.
            if root in made:
                made[root].__dict__["_below"] = lambda attribute, root=root: below(root, attribute)
        for path in ("losses", "compat.v1.losses"):
            if path in made:
                made[path].__dict__["_below"] = lambda attribute: getattr(below("", "losses"), attribute, None)
    return _tensorflow[era].get(name.partition(".")[2])


def below(root: str, attribute: str) -> types.ModuleType | None:
    """What stands below a module of `tensorflow` and is none of its own: `tf.keras`."""
    if attribute in ("keras", "python", "contrib"):
        return importlib.import_module(f"tensorflow.{attribute}")
    if attribute in ("initializers", "optimizers", "losses", "metrics"):
        return importlib.import_module(f"tensorflow.keras.{attribute}")
    return None


_tensorflow: dict[str, dict[str, types.ModuleType]] = {}
_installed: list[EraFinder] = []


def install_as_keras(era: str = "keras2") -> None:
    """From now on `import keras`, `from tensorflow.keras...` and their kin give the modules of an era.

    Args:
        era: `"keras1"`, `"keras2"`, `"keras22"` (before 2.3), `"tfkeras2"` or `"keras3"`.

    What was imported before stays what it is. Called again, it changes the era.
    """
    check_choice("install_as_keras", "era", era, ERAS)
    uninstall()
    finder = EraFinder(era)
    _installed.append(finder)
    answer_as(era)
    obey({"keras1": OfKeras1, "keras2": OfKeras23, "keras22": OfKeras23, "tfkeras2": OfKeras2, "keras3": Law}[era]())
    sys.meta_path.insert(0, finder)


class Events(Protocol):
    """What a notebook tells of."""

    def register(self, event: str, function: Callable[[object], None], /) -> object: ...


class Shell(Protocol):
    """What IPython gives to an extension."""

    @property
    def events(self) -> Events: ...


def load_ipython_extension(ipython: Shell) -> None:
    """`%load_ext kerata`: the imports of the next cells find the Keras that their source was written for.

    The first cell that imports Keras decides.
    """

    def choose(info: object) -> None:
        source = getattr(info, "raw_cell", "") or ""
        if not _installed and any(root in source for root in ROOTS):
            found = find_era(source)
            print(f"kerata: this notebook is run as {found.sentence()}. Another: kerata.install_as_keras('keras1')")
            install_as_keras(found.era)

    ipython.events.register("pre_run_cell", choose)


def uninstall() -> None:
    """Takes `install_as_keras` back: `import keras` gives what is installed."""
    for finder in _installed:
        sys.meta_path.remove(finder)
    _installed.clear()
    in_use[0] = False
    answer_as("keras3")
    obey(Law())
    for name in [name for name in sys.modules if name.partition(".")[0] in ROOTS]:
        if is_ours(sys.modules[name]):
            del sys.modules[name]


def is_ours(module: object) -> bool:
    loader = getattr(getattr(module, "__spec__", None), "loader", None)
    return isinstance(loader, EraFinder)
