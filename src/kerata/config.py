"""Settings of the library: `keras.config`."""

import jax

from kerata.base import config
from kerata.base.checks import did_you_mean, message
from kerata.base.config import disable_flash_attention as disable_flash_attention
from kerata.base.config import disable_interactive_logging as disable_interactive_logging
from kerata.base.config import enable_flash_attention as enable_flash_attention
from kerata.base.config import enable_interactive_logging as enable_interactive_logging
from kerata.base.config import epsilon as epsilon
from kerata.base.config import floatx as floatx
from kerata.base.config import image_data_format as image_data_format
from kerata.base.config import is_flash_attention_enabled as is_flash_attention_enabled
from kerata.base.config import is_interactive_logging_enabled as is_interactive_logging_enabled
from kerata.base.config import max_epochs as max_epochs
from kerata.base.config import max_steps_per_epoch as max_steps_per_epoch
from kerata.base.config import set_epsilon as set_epsilon
from kerata.base.config import set_floatx as set_floatx
from kerata.base.config import set_image_data_format as set_image_data_format
from kerata.base.config import set_max_epochs as set_max_epochs
from kerata.base.config import set_max_steps_per_epoch as set_max_steps_per_epoch
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
    if policy is None:
        raise ValueError(
            message("set_dtype_policy", "Invalid `policy` argument: it is a policy's name, or a policy", {"policy": policy})
        )
    config.set_dtype_policy(standardize_policy(policy))


def backend() -> str:
    """What computes: always `"jax"`."""
    return "jax"


def set_backend(backend: str) -> None:
    """Accepts `"jax"`, the only one there is."""
    if backend != "jax":
        raise ValueError(message("set_backend", "Kerata computes with JAX only", {"backend": backend}))


def enable_traceback_filtering() -> None:
    """Has JAX leave its own frames out of tracebacks, as from the start; those of Kerata are always shown."""
    _filtering("auto")


def disable_traceback_filtering() -> None:
    """Has tracebacks show JAX's own frames too."""
    _filtering("off")


def _filtering(mode: str) -> None:
    jax.config.update("jax_traceback_filtering", mode)  # pyright: ignore[reportUnknownMemberType]


def is_traceback_filtering_enabled() -> bool:
    """Whether JAX's own frames are left out of tracebacks."""
    return jax.config.jax_traceback_filtering != "off"  # type: ignore[attr-defined]


def is_nnx_enabled() -> bool:
    """Always `False`: variables are Kerata's own, not those of Flax NNX."""
    return False


# What cannot be set, and what to do instead.
INSTEAD = {"enable_unsafe_deserialization": "Files never run code: build the model in Python and use load_weights()"}


def __getattr__(name: str) -> object:
    known = [n for n in globals() if not n.startswith("_")]
    raise AttributeError(f"kerata.config has no {name!r}. {INSTEAD.get(name) or did_you_mean(name, known)}".strip())
