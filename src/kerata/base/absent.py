"""What a room says of a name that it has not: the nearest that it has, or that Keras has it and Kerata leaves it out."""

import importlib
import opcode
import sys
import types
from collections.abc import Callable
from typing import Any

from kerata.base.checks import did_you_mean

# Names of Keras that are left out so far, by room; and what to do instead, where there is something.
LEFT_OUT = {"": "distribution", "layers": "TFSMLayer TorchModuleWrapper", "export": "TFSMLayer"}


# Names of the package that nobody pays for who does not ask, and the rooms that are imported for them then.
ROOMS_NAMED_LATE = (
    "applications backend datasets diagnosis dtype_policies export legacy mixed_precision preprocessing "
    "search tree visualization wrappers"
)
LATE = {
    **{name: name for name in (*ROOMS_NAMED_LATE.split(),)},
    "install_as_keras": "legacy",
    "load_ipython_extension": "legacy",
}


def explain(module: str) -> Callable[[str], Any]:
    """The `__getattr__` of a module: always an error, which says what there is.

    >>> explain("kerata.layers")("Dens")
    Traceback (most recent call last):
    AttributeError: kerata.layers has no 'Dens'. Did you mean 'Dense'?
    """
    room = module.partition(".")[2]

    def getattr_of_module(name: str) -> object:
        if module == "kerata" and name in LATE:
            late = importlib.import_module(f"kerata.{LATE[name]}")
            return late if name == LATE[name] else getattr(late, name)
        text = f"{module} has no {name!r}"
        if name in LEFT_OUT.get(room, "").split():
            text += ", which Keras has and Kerata leaves out so far."
        else:
            near = did_you_mean(name, public_names(sys.modules[module]))
            text += f". {near}" if near.startswith("Did") else "."
        # `from room import name` would put a sentence of Python's in place of this one.
        caller = sys._getframe(1)  # pyright: ignore[reportPrivateUsage], Python says nowhere else who asks
        kind = ImportError if is_imported(caller) else AttributeError
        raise kind(text)

    return getattr_of_module


def public_names(module: types.ModuleType) -> list[str]:
    """What a module has to offer: no files, and nothing of Python's."""
    foreign = ("typing", "collections.abc", "functools", "builtins")
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not isinstance(value, types.ModuleType)
        and getattr(value, "__module__", None) not in foreign
    ]


def is_imported(frame: types.FrameType) -> bool:
    """Whether a frame is at `from module import name`, past the look whether there is such a name at all."""
    code = frame.f_code.co_code
    return frame.f_lasti >= 0 and code[frame.f_lasti] == opcode.opmap["IMPORT_FROM"]


of_kerata, of_export = explain("kerata"), explain("kerata.export")
of_callbacks, of_layers, of_losses = explain("kerata.callbacks"), explain("kerata.layers"), explain("kerata.losses")
of_metrics, of_models, of_optimizers = explain("kerata.metrics"), explain("kerata.models"), explain("kerata.optimizers")
of_quantizers, of_saving, of_utils = explain("kerata.quantizers"), explain("kerata.saving"), explain("kerata.utils")
