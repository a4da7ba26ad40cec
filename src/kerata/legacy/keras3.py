"""Keras 3 as an era: Kerata itself."""

import importlib
import types

MODULES = [
    "activations",
    "applications",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "distillation",
    "dtype_policies",
    "export",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "ops",
    "optimizers",
    "preprocessing",
    "quantizers",
    "random",
    "regularizers",
    "saving",
    "tree",
    "utils",
    "visualization",
    "wrappers",
]


def find(path: str) -> types.ModuleType | None:
    """The module of Kerata under the name that Keras has for it."""
    name = path.partition(".")[2]
    if name.partition(".")[0] not in ("", *MODULES):
        return None
    try:
        found = importlib.import_module(f"kerata.{name}" if name else "kerata")
    except ModuleNotFoundError:
        return None
    module = types.ModuleType(path)
    module.__path__ = []
    module.__dict__.update({key: value for key, value in vars(found).items() if not key.startswith("__")})
    module.__getattr__ = lambda attribute: getattr(found, attribute)  # type: ignore[method-assign]
    if not name:
        module.__version__ = "3.15.1"  # type: ignore[attr-defined]
    return module
