"""Global configuration: the default float type, the fuzz factor, the image layout and the dtype policy.

Read once from `keras.json` in the Keras home folder when it is there, as Keras does.
"""

import json
import os
from pathlib import Path
from typing import Any

from kerata.base.checks import check_choice, check_number, check_positive_int
from kerata.base.types import is_dict

FLOAT_TYPES = ("float16", "bfloat16", "float32", "float64")
IMAGE_DATA_FORMATS = ("channels_last", "channels_first")

_settings: dict[str, Any] = {}


def home() -> Path:
    """The folder of settings and cached files: `KERATA_HOME`, else `KERAS_HOME`, else `~/.keras`."""
    return Path(os.environ.get("KERATA_HOME") or os.environ.get("KERAS_HOME") or Path.home() / ".keras").expanduser()


def _read(name: str) -> Any:
    if not _settings:
        _settings.update(floatx="float32", epsilon=1e-7, image_data_format="channels_last")
        try:
            stored: object = json.loads((home() / "keras.json").read_text())
        except (OSError, ValueError, RecursionError):
            stored = {}
        found = stored if is_dict(stored) else {}
        for key, known in (("floatx", FLOAT_TYPES), ("image_data_format", IMAGE_DATA_FORMATS)):
            if found.get(key) in known:
                _settings[key] = found[key]
        if isinstance(found.get("epsilon"), float):
            _settings["epsilon"] = found["epsilon"]
    return _settings[name]


def floatx() -> str:
    """The default float type, `"float32"` unless set.

    >>> floatx()
    'float32'
    """
    return _read("floatx")


def set_floatx(value: str) -> None:
    """Sets the default float type."""
    _read("floatx")
    _settings["floatx"] = check_choice("set_floatx", "value", value, FLOAT_TYPES)


def epsilon() -> float:
    """The fuzz factor added where a division or a logarithm could fail, 1e-7 unless set."""
    return _read("epsilon")


def set_epsilon(value: float) -> None:
    """Sets the fuzz factor."""
    _read("epsilon")
    _settings["epsilon"] = float(check_number("set_epsilon", "value", value, low=0.0))


def image_data_format() -> str:
    """`"channels_last"` (batch, height, width, channels) or `"channels_first"`."""
    return _read("image_data_format")


def set_image_data_format(data_format: str) -> None:
    """Sets the default layout of pictures."""
    _read("image_data_format")
    _settings["image_data_format"] = check_choice("set_image_data_format", "data_format", data_format, IMAGE_DATA_FORMATS)


def standardize_data_format(value: str | None) -> str:
    """The layout that was asked for, or the configured one."""
    if value is None:
        return image_data_format()
    return check_choice("data_format", "data_format", str(value).lower(), IMAGE_DATA_FORMATS)


def dtype_policy() -> str:
    """The name of the policy that new layers take, e.g. `"float32"` or `"mixed_bfloat16"`."""
    return _settings.get("dtype_policy") or floatx()


def set_dtype_policy(policy: object) -> None:
    """Sets the policy that new layers take."""
    _read("floatx")
    # A table of policies has no name that says it.
    _settings["dtype_policy"] = policy if getattr(policy, "by_path", False) else getattr(policy, "name", policy)


def max_epochs() -> int | None:
    """The most epochs that a `fit` runs, where a limit is set, by `set_max_epochs` or the variable `KERAS_MAX_EPOCHS`."""
    return _limit("max_epochs", "KERAS_MAX_EPOCHS")


def set_max_epochs(max_epochs: int | None) -> None:
    """Limits the epochs of every `fit`, so that a whole program can be tried quickly as it is; `None` for no limit."""
    _read("floatx")
    _settings["max_epochs"] = check_positive_int("set_max_epochs", "max_epochs", max_epochs, optional=True)


def max_steps_per_epoch() -> int | None:
    """The most batches an epoch, where a limit is set, by `set_max_steps_per_epoch` or `KERAS_MAX_STEPS_PER_EPOCH`."""
    return _limit("max_steps_per_epoch", "KERAS_MAX_STEPS_PER_EPOCH")


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Limits the batches of every epoch of `fit`, and of `evaluate` and `predict`; `None` for no limit."""
    _read("floatx")
    steps = check_positive_int("set_max_steps_per_epoch", "max_steps_per_epoch", max_steps_per_epoch, optional=True)
    _settings["max_steps_per_epoch"] = steps


def _limit(name: str, variable: str) -> int | None:
    _read("floatx")
    if name not in _settings:
        said = os.environ.get(variable)
        _settings[name] = int(said) if said and said.isdigit() and int(said) else None
    return _settings[name]


def is_interactive_logging_enabled() -> bool:
    """Whether what a person should see is printed; else it goes to the logger `kerata`."""
    return _settings.get("interactive_logging", True)


def enable_interactive_logging() -> None:
    """Has progress and messages printed, as they are from the start."""
    _read("floatx")
    _settings["interactive_logging"] = True


def disable_interactive_logging() -> None:
    """Has progress and messages sent to the logger `kerata` of Python's `logging`, at its level `INFO`: for programs without a
    person who looks on."""
    _read("floatx")
    _settings["interactive_logging"] = False


def is_flash_attention_enabled() -> bool | None:
    """`False` where `disable_flash_attention` was called, else `None`: each call says what it wants."""
    return _settings.get("flash_attention")


def enable_flash_attention() -> None:
    """Lets attention take a GPU's fused kernel where it asks for it, as from the start."""
    _read("floatx")
    _settings["flash_attention"] = None


def disable_flash_attention() -> None:
    """Keeps attention from the fused kernel of a GPU, unless a call says `flash_attention=True`."""
    _read("floatx")
    _settings["flash_attention"] = False
