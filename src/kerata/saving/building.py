"""Models from their descriptions: plain data, of which only what is registered is made."""

import json
from typing import Any

from kerata.base.checks import message
from kerata.base.limits import check_levels
from kerata.base.serialization import deserialize_keras_object
from kerata.base.types import Plain


def parse_config(text: str, owner: str) -> dict[str, Any]:
    """The description as a dict."""
    try:
        config = json.loads(text)
        if isinstance(config, str):
            # Old programs wrote the text of a description as JSON once more.
            config = json.loads(config)
    except (ValueError, RecursionError) as error:
        raise ValueError(message(owner, "the description of the model must be JSON", {"error": str(error)})) from None
    return check_config(config, owner)


def check_config(config: Plain, owner: str) -> dict[str, Any]:
    """The description, if it can be that of a model."""
    check_levels(config, owner)
    if not isinstance(config, dict) or "class_name" not in config:
        raise ValueError(message(owner, "the description of the model must be a dict with `class_name`", {"config": config}))
    return config


def build_model(
    config: dict[str, Any], owner: str, custom_objects: dict[str, Any] | None = None, safe_mode: bool | None = None
) -> Any:
    """The model that a description builds; anything else is refused."""
    try:
        model = deserialize_keras_object(config, custom_objects, safe_mode=safe_mode)
    except RecursionError:
        raise ValueError(message(owner, "the description of the model is nested too deeply")) from None
    is_model = hasattr(model, "compile") and (hasattr(model, "call_pure") or hasattr(model, "variables"))
    if not is_model and not getattr(type(model), "is_whole", False):
        raise ValueError(message(owner, "the description must be that of a model", {"class": type(model).__name__}))
    return model
