"""Settings of the library: `keras.config`."""

from typing import Any

from kerata.base import config
from kerata.base.checks import did_you_mean, message
from kerata.base.config import epsilon as epsilon
from kerata.base.config import floatx as floatx
from kerata.base.config import image_data_format as image_data_format
from kerata.base.config import set_epsilon as set_epsilon
from kerata.base.config import set_floatx as set_floatx
from kerata.base.config import set_image_data_format as set_image_data_format
from kerata.engine.policy import DTypePolicy, standardize_policy


def dtype_policy() -> DTypePolicy:
    """The types that new layers take, see `set_dtype_policy`.

    >>> import kerata
    >>> kerata.config.dtype_policy().name
    'float32'
    """
    return standardize_policy(config.dtype_policy())


def set_dtype_policy(policy) -> None:
    """Sets the types of new layers: `"float32"`, `"mixed_bfloat16"`, `"mixed_float16"`, or a `DTypePolicy`."""
    config.set_dtype_policy(standardize_policy(policy))


def backend() -> str:
    """What computes: always `"jax"`."""
    return "jax"


def set_backend(backend: str) -> None:
    """Accepts `"jax"`, the only one there is."""
    if backend != "jax":
        raise ValueError(message("set_backend", "Kerata computes with JAX only", {"backend": backend}))


def disable_traceback_filtering() -> None:
    """Does nothing: tracebacks are never shortened."""


def is_traceback_filtering_enabled() -> bool:
    """Always `False`: tracebacks are never shortened."""
    return False


# What cannot be set, and what to do instead.
INSTEAD = {
    "enable_unsafe_deserialization": "Files never run code: build the model in Python and use load_weights()",
    "disable_interactive_logging": "Give fit(), evaluate() and predict() verbose=0 or 2",
    "enable_interactive_logging": "Give fit(), evaluate() and predict() verbose=1",
    "enable_flash_attention": "Give dot_product_attention() or the layer flash_attention=True",
    "disable_flash_attention": "Give dot_product_attention() or the layer flash_attention=False",
    "set_max_epochs": "Give fit() fewer epochs",
    "set_max_steps_per_epoch": "Give fit() steps_per_epoch",
}


def __getattr__(name: str) -> Any:
    known = [n for n in globals() if not n.startswith("_")]
    raise AttributeError(f"kerata.config has no {name!r}. {INSTEAD.get(name) or did_you_mean(name, known)}".strip())
