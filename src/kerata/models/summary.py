"""Tables of a model's layers."""

from typing import Any


def print_summary(model: Any, line_length=None, print_fn=None, expand_nested=False, show_trainable=False, layer_range=None) -> None:
    raise NotImplementedError("summary")
