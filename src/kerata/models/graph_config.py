"""Graphs to plain data and back, in the form of Keras 3."""

from typing import Any


def graph_config(model: Any) -> dict[str, Any]:
    raise NotImplementedError("graph_config")


def graph_of_config(cls: Any, config: dict[str, Any], custom_objects: Any = None) -> Any:
    raise NotImplementedError("graph_of_config")
